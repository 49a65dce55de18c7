"""LSTM with forget gates, and its truncated gradient (Gers, Schmidhuber & Cummins 2000, "Learning to forget").

Memory cell blocks j with cells v, sources m, outputs k, f the logistic function::

    y_in = f(net_in)    y_forget = f(net_forget)    y_out = f(net_out)      gates of block j
    s(t) = y_forget s(t-1) + y_in g(net_c),  s(0) = 0                       internal state of cell jv
    y_c  = y_out h(s)          y_k = f(net_k), of the cells at time t       cells, outputs

A source m of a gate or cell is an input at time t, a gate or cell at time t-1, or the bias, which is 1. The partial
derivatives of an internal state are carried along with it, and decay as it does; the truncation sets d net / d y(t-1)
to 0 for gates and cells::

    d_in(t)     = y_forget d_in(t-1)     + g(net_c)  f'(net_in)     y_m     by weights to the block's input gate
    d_forget(t) = y_forget d_forget(t-1) + s(t-1)    f'(net_forget) y_m     to its forget gate
    d_cell(t)   = y_forget d_cell(t-1)   + g'(net_c) y_in           y_m     to the cell

Where there is a target::

    e_k = f'(net_k) (target_k - y_k)        back_jv = sum_k w_kc e_k        e_s = y_out h'(s) back
    dw_km = lr e_k y_m      dw_out,m = lr f'(net_out) y_m sum_v h(s) back
    dw_in,m = lr sum_v e_s d_in      dw_forget,m = lr sum_v e_s d_forget      dw_cell,m = lr e_s d_cell

Order of the units: input gates, forget gates, output gates, cells, outputs. Weights change at the end of the sequence,
or at every time step with a target (``update``).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from repro.kernels import plain
from repro.kernels.contract import Interface, Learner
from repro.settings import Descent, Range, RangeOrIdentity

GateBias = Literal["random"] | Annotated[tuple[float, ...], Field(strict=False)]
Units = Literal["none", "gates", "cells", "outputs", "hidden", "gates+outputs", "cells+outputs", "all"]

EXAMPLE = {"blocks": 1, "size": 1, "biased": "all", "init": 0.3, "learning_rate": 2.0}  # a small net, for `repro check`


class Settings(Descent):
    """What a configuration says of the net."""

    name: Literal["forget_lstm"]
    blocks: int = Field(ge=1, le=64, description="memory cell blocks")
    size: int = Field(ge=1, le=64, description="memory cells in a block")
    biased: Units = Field(description="units that have a bias; hidden are gates and cells")
    input_gate_bias: GateBias = Field("random", description="initial biases, one a block, or drawn as weights are")
    forget_gate_bias: GateBias = Field("random", description="likewise, for the forget gates")
    output_gate_bias: GateBias = Field("random", description="likewise, for the output gates")
    g: Range = Field((-2.0, 2.0), description="range of the logistic curve that squashes a cell's net input")
    h: RangeOrIdentity = Field((-1.0, 1.0), description="range of the curve that squashes the state")
    output: Literal["logistic", "linear"] = Field("logistic", description="output units")
    sees: Literal["everything", "no gates"] = Field("everything", description="what gates and cells see")
    update: Literal["step", "sequence"] = Field("sequence", description="when weights change")

    @model_validator(mode="after")
    def _gate_biases_fit(self) -> Self:
        for name in ("input_gate_bias", "forget_gate_bias", "output_gate_bias"):
            values = getattr(self, name)
            if values != "random" and len(values) != self.blocks:
                raise ValueError(f"{name} has {len(values)} values for {self.blocks} blocks")
            if values != "random" and not self.has_bias("gates"):
                raise ValueError(f"{name} is given, but biased = '{self.biased}'")
        return self

    @property
    def cells(self) -> int:
        """Memory cells."""
        return self.blocks * self.size

    def has_bias(self, kind: str) -> bool:
        """Whether units of a kind, such as ``gates``, have one."""
        return kind in {"hidden": "gates+cells", "all": "gates+cells+outputs"}.get(self.biased, self.biased).split("+")

    def sources(self, task: Interface) -> int:
        """What a gate or cell sees, but for the 1 of a bias."""
        return task.n_in + (3 * self.blocks if self.sees == "everything" else 0) + self.cells


def _partials(s: Settings, task: Interface, kind: str) -> tuple[int, int]:
    return s.cells, s.sources(task) + s.has_bias(kind)


refuses, n_weights, allocate, weights, _draw, _shows, parts = plain.net(
    __name__,
    weights={
        "w_gate": lambda s, task: (3 * s.blocks, s.sources(task) + s.has_bias("gates")),
        "w_cell": lambda s, task: (s.cells, s.sources(task) + s.has_bias("cells")),
        "w_out": lambda s, task: (task.n_out, s.cells + s.has_bias("outputs")),
    },
    scratch={
        "source": lambda s, task: (s.sources(task),),
        "gate": lambda s, task: (3 * s.blocks,),
        "cell": lambda s, task: (s.cells,),
        "s": lambda s, task: (s.cells,),
        "d_in": lambda s, task: _partials(s, task, "gates"),
        "d_forget": lambda s, task: _partials(s, task, "gates"),
        "d_cell": lambda s, task: _partials(s, task, "cells"),
        "e_s": lambda s, task: (s.cells,),
    },
    wait=True,
)


def initialise(settings: Settings, net: Any, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's weights from -init to init; biases that are given are not drawn."""
    given: dict[int, float] = {}
    kinds = (settings.input_gate_bias, settings.forget_gate_bias, settings.output_gate_bias)
    for first, biases in zip(range(0, 3 * settings.blocks, settings.blocks), kinds, strict=True):
        if biases != "random":
            given |= {first + j: bias for j, bias in enumerate(biases)}
    for unit, row in enumerate(weights(settings, net, interface, lane)):
        drawn = len(row) - (unit in given)
        row[drawn:] = given.get(unit, 0.0)
        for m in range(drawn):
            row[m] = settings.init * (2 * uniform() - 1)


def watch(settings: Settings, net: Any, interface: Interface, lane: int) -> dict[str, Any]:
    """What is to be seen of one lane's net after a time step: views of its activations."""
    n, gate = settings.blocks, net.gate[:, lane]
    return {
        "input gate": gate[:n],
        "forget gate": gate[n : 2 * n],
        "output gate": gate[2 * n :],
        "internal state": net.s[:, lane],
        "cell output": net.cell[:, lane],
    }


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, splat, store

    load = loader(width)
    calculus = maths.build(settings.precision)
    logistic = calculus.logistic
    squash_g = maths.squashing(*settings.g, calculus)
    squash_h = maths.identity if settings.h == "identity" else maths.squashing(*settings.h, calculus)
    read, weigh, back, descend, add, settle, assess, finite = parts(settings, interface, width)
    n_in, n_out, n_sources = interface.n_in, interface.n_out, settings.sources(interface)
    n_blocks, size, n_cells, n_gates = settings.blocks, settings.size, settings.cells, 3 * settings.blocks
    gate_sources, cell_sources = (n_sources + settings.has_bias(kind) for kind in ("gates", "cells"))
    first_cell = n_sources - n_cells  # among the sources
    sees_gates, linear = settings.sees == "everything", settings.output == "linear"
    at_once = settings.update == "step" or not interface.every_step

    @kernel
    def carry(net, d, c, kept, slope):
        """The partial derivatives ``d`` of cell c decay with what is ``kept``, and grow by ``slope`` times sources."""
        for m in range(n_sources):
            store(d, kept * load(d, c, m) + slope * load(net.source, m), c, m)
        if d.shape[1] > n_sources:
            store(d, kept * load(d, c, n_sources) + slope, c, n_sources)

    @kernel
    def step(net):
        read(net)
        if sees_gates:
            for i in range(n_gates):
                store(net.source, load(net.gate, i), n_in + i)
        for c in range(n_cells):
            store(net.source, load(net.cell, c), first_cell + c)
        for i in range(n_gates):
            store(net.gate, logistic(weigh(net.w_gate, i, net.source, n_sources)), i)
        for j in range(n_blocks):
            y_in, y_forget, y_out = load(net.gate, j), load(net.gate, n_blocks + j), load(net.gate, 2 * n_blocks + j)
            for c in range(j * size, (j + 1) * size):
                g, dg = squash_g(weigh(net.w_cell, c, net.source, n_sources))
                before = load(net.s, c)
                state = y_forget * before + y_in * g
                h, _ = squash_h(state)
                store(net.s, state, c)
                store(net.cell, y_out * h, c)
                carry(net, net.d_in, c, y_forget, g * (y_in * (1.0 - y_in)))
                carry(net, net.d_forget, c, y_forget, before * (y_forget * (1.0 - y_forget)))
                carry(net, net.d_cell, c, y_forget, dg * y_in)

    @kernel
    def respond(net):
        for k in range(n_out):
            net_k = weigh(net.w_out, k, net.cell, n_cells)
            if linear:
                store(net.y_k, net_k, k)
            else:
                store(net.y_k, logistic(net_k), k)

    @kernel
    def by_state(net, d, j, m):
        """The sum of e_s times a partial derivative, over the cells of a block."""
        total = load(net.e_s, j * size) * load(d, j * size, m)
        for c in range(j * size + 1, (j + 1) * size):
            total = total + load(net.e_s, c) * load(d, c, m)
        return total

    @kernel
    def learn(net):
        to_gate, to_cell, to_out = net.d_w_gate, net.d_w_cell, net.d_w_out
        if at_once:
            to_gate, to_cell, to_out = net.w_gate, net.w_cell, net.w_out
        for k in range(n_out):
            y_k = load(net.y_k, k)
            if linear:
                store(net.e_k, load(net.target, k) - y_k, k)
            else:
                store(net.e_k, y_k * (1.0 - y_k) * (load(net.target, k) - y_k), k)
        for j in range(n_blocks):
            y_out = load(net.gate, 2 * n_blocks + j)
            e_out = splat(0.0, y_out)
            for c in range(j * size, (j + 1) * size):
                arrived = back(net.w_out, c, net.e_k, n_out)
                h, dh = squash_h(load(net.s, c))
                e_out = e_out + h * arrived
                store(net.e_s, y_out * dh * arrived, c)
                for m in range(cell_sources):
                    add(net, to_cell, c, m, load(net.e_s, c) * load(net.d_cell, c, m))
            descend(net, to_gate, 2 * n_blocks + j, y_out * (1.0 - y_out) * e_out, net.source, n_sources)
            for m in range(gate_sources):
                add(net, to_gate, j, m, by_state(net, net.d_in, j, m))
                add(net, to_gate, n_blocks + j, m, by_state(net, net.d_forget, j, m))
        for k in range(n_out):
            descend(net, to_out, k, load(net.e_k, k), net.cell, n_cells)

    @kernel
    def reset(net, lane):
        for i in range(n_gates):
            net.gate[i, lane] = 0
        for c in range(n_cells):
            net.cell[c, lane] = 0
            net.s[c, lane] = 0
            for m in range(gate_sources):
                net.d_in[c, m, lane] = 0
                net.d_forget[c, m, lane] = 0
            for m in range(cell_sources):
                net.d_cell[c, m, lane] = 0

    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
