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
outputs see the cells of the same time step.

Where there is a target at every time step, weights change at every one, or at the end of the sequence by the sum of the
changes (``update``). Inputs that are one-hot and given by their index cost the same whatever their number: their
weights and partial derivatives are kept apart (``w_symbol``, ``d_in_symbol``, ``d_cell_symbol``), and a time step
touches those of one symbol alone.

Readings may drop f' from e_k (``output_error``) or double it (``error_factor``), make the outputs linear, give other
units biases or keep biases as they were drawn, let cells see the gates of the same time step (``cells_see_gates``), or
follow the exact gradient (``gradient``, see `kernels.lstm_full`).
"""

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Learner
from repro.kernels.lstm_shape import Shape
from repro.settings import Descent, Range, RangeOrIdentity

GateBias = Literal["random"] | Annotated[tuple[float, ...], Field(strict=False)]


class Settings(Descent):
    """What a configuration says of an LSTM net."""

    name: Literal["lstm"]
    blocks: int = Field(ge=1, le=64, description="memory cell blocks")
    size: int = Field(ge=1, le=64, description="memory cells in a block")
    biased: Literal["none", "gates", "hidden", "gates+outputs", "all"] = Field(
        description="units that have a bias; hidden are gates and cells"
    )
    input_gate_bias: GateBias = Field("random", description="initial biases, one a block, or drawn as weights are")
    output_gate_bias: GateBias = Field("random", description="likewise, for the output gates")
    g: Range = Field((-2.0, 2.0), description="range of the logistic curve that squashes a cell's net input")
    h: RangeOrIdentity = Field((-1.0, 1.0), description="range of the curve that squashes the state")
    output: Literal["logistic", "linear"] = Field("logistic", description="output units")
    output_error: Literal["derivative", "plain"] = Field("derivative", description="is f' a factor of e_k, or left out")
    update: Literal["step", "sequence"] = Field("sequence", description="when weights change")
    gradient: Literal["truncated", "full"] = Field("truncated", description="what errors flow back through")
    cells_see_gates: Literal["previous", "current"] = Field("previous", description="of which time step")
    train_biases: bool | Literal["outputs"] = Field(True, description="do biases learn, or those of outputs alone")
    bias_init: float | None = Field(None, gt=0, le=100, description="as init, for biases; null: that of weights")

    @model_validator(mode="after")
    def _gate_biases_fit(self) -> Self:
        for name in ("input_gate_bias", "output_gate_bias"):
            values = getattr(self, name)
            if values != "random" and len(values) != self.blocks:
                raise ValueError(f"{name} has {len(values)} values for {self.blocks} blocks")
            if values != "random" and self.biased == "none":
                raise ValueError(f"{name} is given, but biased = 'none'")
        return self

    @model_validator(mode="after")
    def _full_gradient_waits(self) -> Self:
        if self.gradient == "full" and self.update == "step":
            raise ValueError("the full gradient is known at the end of a sequence: it needs update = 'sequence'")
        return self


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    return "its outputs are not made for targets given by their index" if interface.target_symbols else ""


def _shape(settings: Settings, interface: Interface) -> Shape:
    cells = settings.blocks * settings.size
    dense = 0 if interface.input_symbols else interface.n_in
    sources = dense + 2 * settings.blocks + cells
    learning = sources + (settings.train_biases is True)
    to_gate = sources + (settings.biased != "none")
    to_cell = sources + (settings.biased in ("hidden", "all"))
    to_output = cells + (settings.biased in ("gates+outputs", "all"))
    return Shape(
        settings.blocks, settings.size, dense, sources, to_gate, to_cell, to_output,
        gate_learns=min(to_gate, learning),
        cell_learns=min(to_cell, learning),
        output_learns=to_output if settings.train_biases else cells,
        n_out=interface.n_out,
        symbols=interface.input_symbols,
        current_gates=settings.cells_see_gates == "current",
        waits=settings.gradient == "full" or (interface.every_step and settings.update == "sequence"),
    )  # fmt: skip


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights, biases included, as Table 10 counts them."""
    n = _shape(settings, interface)
    symbols = interface.n_in * n.hidden if interface.input_symbols else 0
    return symbols + 2 * settings.blocks * n.to_gate + n.cells * n.to_cell + interface.n_out * n.to_output


class Net(NamedTuple):
    """The arrays of a crew of nets, each with the lanes as an extra last axis; those not needed have size 0."""

    w: Any  # (hidden, sources + 1) weights to gates and cells; last column the bias
    w_out: Any  # (out, cells + 1) weights to the outputs; last column the bias
    w_symbol: Any  # (symbols, hidden) weights from inputs given by their index; `columns`
    source: Any  # (sources + 1,) what the hidden units see: inputs now, hidden units a step ago, 1
    cell_source: Any  # (sources + 1,) what cells see, if that is not the same
    symbol: Any  # () the input's index
    into: Any  # (hidden,) scratch: the weights from that input
    y: Any  # (hidden,) activations of gates and cells
    s: Any  # (cells,) internal states
    d_in: Any  # (cells, sources + 1) d s / d weights to the block's input gate
    d_cell: Any  # (cells, sources + 1) d s / d weights to the cell
    d_in_symbol: Any  # (symbols, cells) likewise, weights from inputs given by their index; `columns`
    d_cell_symbol: Any
    curves: Any  # (4, cells) scratch: g, g', h, h' of the time step
    slopes: Any  # (2, cells) scratch: what d_in and d_cell grow by, but for the source
    e_s: Any  # (cells,) scratch: errors at the internal states
    e_out: Any  # (blocks,) scratch: errors at the output gates
    e_k: Any  # (out,) scratch: errors at the outputs
    dw: Any  # as w: changes that wait for the end of the sequence
    dw_out: Any  # as w_out
    dw_symbol: Any  # as w_symbol; `columns`
    past: Any  # the sequence so far, as `kernels.lstm_full` remembers it; `columns`
    clock: Any  # () its time steps
    delta: Any  # (hidden,) scratch of `kernels.lstm_full`
    arrives: Any  # (hidden,)
    y_k: Any  # (out,) outputs
    target: Any  # (out,) what they should have been
    rate: Any  # () learning rate, 0 in lanes that do not learn now
    absolute: Any  # () mean |error| of the outputs
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` nets, all zero but for the bias source."""
    from repro.kernels import lstm_full
    from repro.kernels.lanes import columns, padded, zeros

    n, dtype = _shape(settings, interface), np.dtype(settings.precision)
    n_out, n_symbols = interface.n_out, padded(interface.n_in) if interface.input_symbols else 0
    w, w_out, d = (n.hidden, n.sources + 1), (n_out, n.cells + 1), (n.cells, n.sources + 1)
    truncated = settings.gradient == "truncated"
    d = d if truncated else (0, 0)

    def lanes(*shape: int) -> Any:
        return zeros(shape, width, dtype)

    net = Net(
        w=lanes(*w), w_out=lanes(*w_out), w_symbol=columns((n_symbols, n.hidden), width, dtype),
        source=lanes(n.sources + 1), cell_source=lanes(n.sources + 1 if settings.cells_see_gates == "current" else 0),
        symbol=zeros((), width, np.uint32), into=lanes(n.hidden), y=lanes(n.hidden), s=lanes(n.cells),
        d_in=lanes(*d), d_cell=lanes(*d),
        d_in_symbol=columns((n_symbols, n.cells), width, dtype),
        d_cell_symbol=columns((n_symbols, n.cells), width, dtype),
        curves=lanes(4, n.cells), slopes=lanes(2, n.cells),
        e_s=lanes(n.cells), e_out=lanes(settings.blocks), e_k=lanes(n_out),
        dw=lanes(*w) if n.waits else lanes(0, 0), dw_out=lanes(*w_out) if n.waits else lanes(0, 0),
        dw_symbol=columns((n_symbols, n.hidden) if n.waits and truncated else (0, 0), width, dtype),
        past=columns((0, 0), width, dtype) if truncated else lstm_full.allocate(n, interface.longest, width, dtype),
        clock=zeros((), width, np.uint32), delta=lanes(n.hidden), arrives=lanes(n.hidden),
        y_k=lanes(n_out), target=lanes(n_out), rate=lanes(), absolute=lanes(), square=lanes(), worst=lanes(),
    )  # fmt: skip
    net.source[n.sources] = 1
    return net


def _units(settings: Settings, net: Net, interface: Interface, lane: int) -> list[list[np.ndarray]]:
    """One lane's weights as views, in one or two parts for each unit; a bias is the last of all."""
    n = _shape(settings, interface)
    gates = 2 * settings.blocks
    units = [[net.w[i, : n.to_gate if i < gates else n.to_cell, lane]] for i in range(n.hidden)]
    if interface.input_symbols:
        units = [[net.w_symbol[: interface.n_in, i, lane], *unit] for i, unit in enumerate(units)]
    return units + [[net.w_out[k, : n.to_output, lane]] for k in range(interface.n_out)]


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: to input gates, output gates, cells, outputs; a bias is the last.

    This is the order in which they are drawn, and in which the digest of a trial's final weights reads them.
    """
    return [part for unit in _units(settings, net, interface, lane) for part in unit]


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's initial weights with ``uniform()``, numbers from 0 to 1; listed biases are set, not drawn."""
    n = _shape(settings, interface)
    listed: dict[int, float] = {}
    for first, biases in ((0, settings.input_gate_bias), (settings.blocks, settings.output_gate_bias)):
        if biases != "random":
            listed |= {first + j: bias for j, bias in enumerate(biases)}
    for unit, parts in enumerate(_units(settings, net, interface, lane)):
        bias = n.sources if unit < n.hidden else n.cells
        for part in parts:
            for m in range(len(part)):
                is_bias = part is parts[-1] and m == bias
                if is_bias and unit in listed:
                    part[m] = listed[unit]
                else:
                    init = settings.bias_init if is_bias and settings.bias_init else settings.init
                    part[m] = init * (2 * uniform() - 1)


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's net after a time step: views of its activations."""
    n, y = settings.blocks, net.y[:, lane]
    return {
        "input gate": y[:n],
        "output gate": y[n : 2 * n],
        "internal state": net.s[:, lane],
        "cell output": y[2 * n :],
    }


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes; all sizes are compile-time constants (a quarter faster, measured)."""
    from repro.kernels import errors, lstm_full, lstm_truncated, maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, store

    load = loader(width)
    shape = _shape(settings, interface)
    calculus = maths.build(settings.precision)
    logistic = calculus.logistic
    squash_g = maths.squashing(*settings.g, calculus)
    squash_h = maths.identity if settings.h == "identity" else maths.squashing(*settings.h, calculus)
    if settings.gradient == "full":
        rule = lstm_full.build(shape, width, settings.precision)
    else:
        rule = lstm_truncated.build(shape, squash_h, width)
    carry, keep, descend, settle_rule, reset_rule = rule
    n_blocks, size, n_cells, n_hidden, n_gates = shape.blocks, shape.size, shape.cells, shape.hidden, 2 * shape.blocks
    n_dense, n_sources, n_out = shape.dense, shape.sources, shape.n_out
    to_gate, to_cell, to_output = shape.to_gate, shape.to_cell, shape.to_output
    symbols, current_gates, waits = shape.symbols, shape.current_gates, shape.waits
    linear, plain_error = settings.output == "linear", settings.output_error == "plain"

    @kernel
    def look_up(net):
        """The weights that the input given by its index has to all hidden units."""
        for lane in range(width):
            k = np.int64(net.symbol[lane])
            for i in range(n_hidden):
                net.into[i, lane] = net.w_symbol[k, i, lane]

    @kernel
    def net_input(net, source, i, n):
        w = net.w
        total = load(w, i, 0) * load(source, 0)
        for m in range(1, n):
            total = total + load(w, i, m) * load(source, m)
        if symbols:
            total = total + load(net.into, i)
        return total

    @kernel
    def update_cell_source(net):
        for m in range(n_sources + 1):
            store(net.cell_source, load(net.source, m), m)
        for i in range(n_gates):
            store(net.cell_source, load(net.y, i), n_dense + i)

    @kernel
    def step(net):
        source, y, s = net.source, net.y, net.s
        for i in range(n_hidden):
            store(source, load(y, i), n_dense + i)
        if symbols:
            look_up(net)
        for i in range(n_gates):
            store(y, logistic(net_input(net, source, i, to_gate)), i)
        seen = source
        if current_gates:
            update_cell_source(net)
            seen = net.cell_source
        for j in range(n_blocks):
            y_in = load(y, j)
            y_out = load(y, n_blocks + j)
            dy_in = y_in * (1.0 - y_in)
            for c in range(j * size, (j + 1) * size):
                g, dg = squash_g(net_input(net, seen, n_gates + c, to_cell))
                state = load(s, c) + y_in * g
                h, dh = squash_h(state)
                store(s, state, c)
                store(y, y_out * h, n_gates + c)
                carry(net, c, y_in, dy_in, g, dg, h, dh)
        keep(net)

    @kernel
    def respond(net):
        w_out, y, y_k = net.w_out, net.y, net.y_k
        for k in range(n_out):
            total = load(w_out, k, 0) * load(y, n_gates)
            for c in range(1, n_cells):
                total = total + load(w_out, k, c) * load(y, n_gates + c)
            if to_output > n_cells:
                total = total + load(w_out, k, n_cells)
            if linear:
                store(y_k, total, k)
            else:
                store(y_k, logistic(total), k)

    @kernel
    def learn(net):
        for k in range(n_out):
            y_k = load(net.y_k, k)
            error = load(net.target, k) - y_k
            if linear or plain_error:
                store(net.e_k, error, k)
            else:
                store(net.e_k, y_k * (1.0 - y_k) * error, k)  # eq 19
        descend(net)

    @kernel
    def settle(net, lane, mean_error):
        settle_rule(net, lane)
        if waits:
            for i in range(n_hidden):
                for m in range(n_sources + 1):
                    net.w[i, m, lane] += net.dw[i, m, lane]
                    net.dw[i, m, lane] = 0
            for k in range(n_out):
                for c in range(n_cells + 1):
                    net.w_out[k, c, lane] += net.dw_out[k, c, lane]
                    net.dw_out[k, c, lane] = 0

    @kernel
    def reset(net, lane):
        for i in range(n_hidden):
            net.y[i, lane] = 0
        for c in range(n_cells):
            net.s[c, lane] = 0
        reset_rule(net, lane)

    @kernel
    def finite(net, lane):
        for i in range(n_hidden):
            for m in range(n_sources + 1):
                if not np.isfinite(net.w[i, m, lane]):
                    return False
            for k in range(net.w_symbol.shape[0]):
                if not np.isfinite(net.w_symbol[k, i, lane]):
                    return False
        for k in range(n_out):
            for c in range(n_cells + 1):
                if not np.isfinite(net.w_out[k, c, lane]):
                    return False
        return True

    return Learner(step, respond, errors.build(n_out, width), learn, settle, reset, finite)
