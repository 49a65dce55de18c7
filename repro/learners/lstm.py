"""The 1997 LSTM net and its truncated-gradient learning rule (Hochreiter & Schmidhuber 1997, Appendix A.1).

Forward, at each time step (memory cell blocks j, cells v in block j, sources m, outputs k; f the logistic function)::

    y_in(t)  = f(net_in)      y_out(t) = f(net_out)        gates of block j                        (eqs 7, 8)
    s(t)     = s(t-1) + y_in g(net_c),  s(0) = 0           internal state of cell jv                  (eq 9)
    y_c(t)   = y_out h(s(t))                               cell output                                (eq 9)
    y_k(t)   = f(net_k)                                    output units: of the cells at time t

A source m of a hidden unit (gate or cell) is an input at time t, a hidden unit at time t-1, or the bias, which is 1.

The partial derivatives of s, carried along with it; the truncation sets d net / d y(t-1) to 0 for gates and cells::

    d_in[jv, m]   += g(net_c)  f'(net_in) y_m              (eq 25)
    d_cell[jv, m] += g'(net_c) y_in       y_m              (eq 27)

Where a target exists, with the output weights w_kc as they are before the update::

    e_k = f'(net_k) (target_k - y_k)                                                                 (eq 19)
    e_out[j] = f'(net_out) sum_v h(s_jv) sum_k w_kc e_k                                              (eq 21)
    e_s[jv]  = y_out h'(s_jv) sum_k w_kc e_k                                                         (eq 23)
    dw_km = lr e_k y_m      dw_out[j, m] = lr e_out[j] y_m                                           (eqs 22, 26)
    dw_in[j, m] = lr sum_v e_s[jv] d_in[jv, m]      dw_cell[jv, m] = lr e_s[jv] d_cell[jv, m]        (eqs 26, 28)

Order of the hidden units: input gates, output gates, cells. Departure from A.1, as the paper's section 5 has it:
outputs see the cells of the same time step. Readings may drop f' from e_k (``output_error``), make the outputs linear,
or keep the biases as they were drawn.
"""

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from repro.kernels.contract import Learner
from repro.settings import Settings as _Settings

Range = Annotated[tuple[float, float], Field(strict=False)]
GateBias = Literal["random"] | Annotated[tuple[float, ...], Field(strict=False)]


class Settings(_Settings):
    """What a configuration says of an LSTM net."""

    name: Literal["lstm"]
    blocks: int = Field(ge=1, le=64, description="memory cell blocks")
    size: int = Field(ge=1, le=64, description="memory cells in a block")
    biased: Literal["none", "gates", "hidden", "all"] = Field(description="units that have a bias")
    input_gate_bias: GateBias = Field("random", description="initial biases, one a block, or drawn as weights are")
    output_gate_bias: GateBias = Field("random", description="likewise, for the output gates")
    g: Range = Field((-2.0, 2.0), description="range of the logistic curve that squashes a cell's net input")
    h: Range | Literal["identity"] = Field((-1.0, 1.0), description="range of the curve that squashes the state")
    output: Literal["logistic", "linear"] = Field("logistic", description="output units")
    output_error: Literal["derivative", "plain"] = Field("derivative", description="is f' a factor of e_k, or left out")
    train_biases: bool = Field(True, description="do biases learn")
    init: float = Field(gt=0, le=100, description="weights are drawn uniformly from -init to init")
    learning_rate: float = Field(gt=0, le=1000)
    precision: Literal["float32", "float64"] = "float32"

    @model_validator(mode="after")
    def _gate_biases_fit(self) -> Self:
        for name in ("input_gate_bias", "output_gate_bias"):
            values = getattr(self, name)
            if values != "random" and len(values) != self.blocks:
                raise ValueError(f"{name} has {len(values)} values for {self.blocks} blocks")
            if values != "random" and self.biased == "none":
                raise ValueError(f"{name} is given, but biased = 'none'")
        return self

    @field_validator("g", "h")
    @classmethod
    def _low_to_high(cls, curve: tuple[float, float] | str) -> tuple[float, float] | str:
        if not isinstance(curve, str) and not curve[0] < curve[1]:
            raise ValueError(f"a squashing range goes from low to high, not from {curve[0]} to {curve[1]}")
        return curve


class _Sizes(NamedTuple):
    """Counts that follow from the settings."""

    cells: int
    hidden: int  # gates and cells
    sources: int  # inputs and hidden units
    to_gate: int  # sources, and the bias if there is one
    to_cell: int
    to_output: int  # cells, and the bias if there is one


def _sizes(settings: Settings, n_in: int) -> _Sizes:
    cells = settings.blocks * settings.size
    hidden = 2 * settings.blocks + cells
    sources = n_in + hidden
    return _Sizes(
        cells,
        hidden,
        sources,
        to_gate=sources + (settings.biased != "none"),
        to_cell=sources + (settings.biased in ("hidden", "all")),
        to_output=cells + (settings.biased == "all"),
    )


def n_weights(settings: Settings, n_in: int, n_out: int) -> int:
    """The number of weights, biases included, as Table 10 counts them."""
    n = _sizes(settings, n_in)
    return 2 * settings.blocks * n.to_gate + n.cells * n.to_cell + n_out * n.to_output


class Net(NamedTuple):
    """The arrays of a crew of nets, each with the lanes as an extra last axis."""

    w: Any  # (hidden, sources + 1) weights to gates and cells; last column the bias
    w_out: Any  # (out, cells + 1) weights to the outputs; last column the bias
    source: Any  # (sources + 1,) what the hidden units see: inputs now, hidden units a step ago, 1
    y: Any  # (hidden,) activations of gates and cells
    s: Any  # (cells,) internal states
    d_in: Any  # (cells, sources + 1) d s / d weights to the block's input gate
    d_cell: Any  # (cells, sources + 1) d s / d weights to the cell
    e_s: Any  # (cells,) scratch: errors at the internal states
    e_k: Any  # (out,) scratch: errors at the outputs
    y_k: Any  # (out,) outputs
    target: Any  # (out,) what they should have been
    rate: Any  # () learning rate, 0 in lanes that do not learn now


def allocate(settings: Settings, n_in: int, n_out: int, width: int) -> Net:
    """The arrays of ``width`` nets, all zero but for the bias source."""
    from repro.kernels.lanes import zeros

    n, dtype = _sizes(settings, n_in), np.dtype(settings.precision)
    shapes = Net(
        w=(n.hidden, n.sources + 1), w_out=(n_out, n.cells + 1), source=(n.sources + 1,), y=(n.hidden,), s=(n.cells,),
        d_in=(n.cells, n.sources + 1), d_cell=(n.cells, n.sources + 1), e_s=(n.cells,), e_k=(n_out,), y_k=(n_out,),
        target=(n_out,), rate=(),
    )  # fmt: skip
    net = Net(*(zeros(shape, width, dtype) for shape in shapes))
    net.source[n.sources] = 1
    return net


def weights(settings: Settings, net: Net, n_in: int, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: to input gates, output gates, cells, outputs; a bias is the last.

    This is the order in which they are drawn, and in which the digest of a trial's final weights reads them.
    """
    n = _sizes(settings, n_in)
    gates = 2 * settings.blocks
    rows = [net.w[i, : n.to_gate if i < gates else n.to_cell, lane] for i in range(n.hidden)]
    return rows + [net.w_out[k, : n.to_output, lane] for k in range(len(net.w_out))]


def initialise(settings: Settings, net: Net, n_in: int, lane: int, uniform: Any) -> None:
    """Draw one lane's initial weights with ``uniform()``, numbers from 0 to 1; listed biases are set, not drawn."""
    n = _sizes(settings, n_in)
    listed: dict[int, float] = {}
    for first, biases in ((0, settings.input_gate_bias), (settings.blocks, settings.output_gate_bias)):
        if biases != "random":
            listed |= {first + j: bias for j, bias in enumerate(biases)}
    for unit, row in enumerate(weights(settings, net, n_in, lane)):
        for m in range(len(row)):
            if m == n.sources and unit in listed:
                row[m] = listed[unit]
            else:
                row[m] = settings.init * (2 * uniform() - 1)


def build(settings: Settings, n_in: int, n_out: int, width: int) -> Learner:
    """Compile the learner for ``width`` lanes; all sizes are compile-time constants (a quarter faster, measured)."""
    from repro.kernels import maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store

    load = loader(width)
    calculus = maths.build(settings.precision)
    logistic = calculus.logistic
    squash_g = maths.squashing(*settings.g, calculus)
    squash_h = maths.identity if settings.h == "identity" else maths.squashing(*settings.h, calculus)
    n_blocks, size = settings.blocks, settings.size
    n_cells, n_hidden, n_sources, to_gate, to_cell, to_output = _sizes(settings, n_in)
    learning_sources = n_sources if not settings.train_biases else n_sources + 1
    gate_learns, cell_learns = min(to_gate, learning_sources), min(to_cell, learning_sources)
    output_learns = to_output if settings.train_biases else n_cells
    linear, plain_error = settings.output == "linear", settings.output_error == "plain"
    n_partial = max(to_gate, to_cell)

    @kernel
    def step(net):
        w, source, y, s, d_in, d_cell = net.w, net.source, net.y, net.s, net.d_in, net.d_cell
        for i in range(n_hidden):
            store(source, load(y, i), n_in + i)
        for i in range(2 * n_blocks):
            total = load(w, i, 0) * load(source, 0)
            for m in range(1, to_gate):
                total = total + load(w, i, m) * load(source, m)
            store(y, logistic(total), i)
        for j in range(n_blocks):
            y_in = load(y, j)
            y_out = load(y, n_blocks + j)
            dy_in = y_in * (1.0 - y_in)
            for c in range(j * size, (j + 1) * size):
                i = 2 * n_blocks + c
                total = load(w, i, 0) * load(source, 0)
                for m in range(1, to_cell):
                    total = total + load(w, i, m) * load(source, m)
                g, dg = squash_g(total)
                state = load(s, c) + y_in * g
                h, _ = squash_h(state)
                store(s, state, c)
                store(y, y_out * h, i)
                at_gate = g * dy_in
                at_cell = dg * y_in
                for m in range(n_partial):
                    x = load(source, m)
                    store(d_in, load(d_in, c, m) + at_gate * x, c, m)  # eq 25
                    store(d_cell, load(d_cell, c, m) + at_cell * x, c, m)  # eq 27

    @kernel
    def respond(net):
        w_out, y, y_k = net.w_out, net.y, net.y_k
        for k in range(y_k.shape[0]):
            total = load(w_out, k, 0) * load(y, 2 * n_blocks)
            for c in range(1, n_cells):
                total = total + load(w_out, k, c) * load(y, 2 * n_blocks + c)
            if to_output > n_cells:
                total = total + load(w_out, k, n_cells)
            if linear:
                store(y_k, total, k)
            else:
                store(y_k, logistic(total), k)

    @kernel
    def learn(net):
        w, w_out, source, y, s = net.w, net.w_out, net.source, net.y, net.s
        d_in, d_cell, e_s, e_k = net.d_in, net.d_cell, net.e_s, net.e_k
        rate = load(net.rate)
        learns = rate > 0.0
        for k in range(n_out):
            y_k = load(net.y_k, k)
            error = load(net.target, k) - y_k
            if linear or plain_error:
                store(e_k, error, k)
            else:
                store(e_k, y_k * (1.0 - y_k) * error, k)  # eq 19
        for j in range(n_blocks):
            y_out = load(y, n_blocks + j)
            e_out = splat(0.0, rate)
            for c in range(j * size, (j + 1) * size):
                back = load(w_out, 0, c) * load(e_k, 0)
                for k in range(1, n_out):
                    back = back + load(w_out, k, c) * load(e_k, k)
                h, dh = squash_h(load(s, c))
                e_out = e_out + h * back
                store(e_s, y_out * dh * back, c)  # eq 23
            e_out = rate * (y_out * (1.0 - y_out) * e_out)  # eq 21
            for m in range(gate_learns):
                old = load(w, n_blocks + j, m)
                store(w, select(learns, old + e_out * load(source, m), old), n_blocks + j, m)
                total = load(e_s, j * size) * load(d_in, j * size, m)
                for c in range(j * size + 1, (j + 1) * size):
                    total = total + load(e_s, c) * load(d_in, c, m)
                old = load(w, j, m)
                store(w, select(learns, old + rate * total, old), j, m)  # eq 26
            for c in range(j * size, (j + 1) * size):
                e = rate * load(e_s, c)
                for m in range(cell_learns):
                    old = load(w, 2 * n_blocks + c, m)
                    store(w, select(learns, old + e * load(d_cell, c, m), old), 2 * n_blocks + c, m)  # eq 28
        for k in range(n_out):
            e = rate * load(e_k, k)
            for c in range(n_cells):
                old = load(w_out, k, c)
                store(w_out, select(learns, old + e * load(y, 2 * n_blocks + c), old), k, c)  # eq 22
            if output_learns > n_cells:
                old = load(w_out, k, n_cells)
                store(w_out, select(learns, old + e, old), k, n_cells)

    @kernel
    def reset(net, lane):
        for i in range(n_hidden):
            net.y[i, lane] = 0
        for c in range(n_cells):
            net.s[c, lane] = 0
            for m in range(n_partial):
                net.d_in[c, m, lane] = 0
                net.d_cell[c, m, lane] = 0

    @kernel
    def finite(net, lane):
        for i in range(n_hidden):
            for m in range(n_sources + 1):
                if not np.isfinite(net.w[i, m, lane]):
                    return False
        for k in range(n_out):
            for c in range(n_cells + 1):
                if not np.isfinite(net.w_out[k, c, lane]):
                    return False
        return True

    return Learner(step, respond, learn, reset, finite)
