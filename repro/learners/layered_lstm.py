"""A memory cell added to a layered net, as in experiments 2a and 2b (Hochreiter & Schmidhuber 1997, section 5.2).

At first the net has input and output units alone. When its error has stopped decreasing, one memory cell with an input
gate is added, without output gate: cell and gate see the inputs, the outputs see the inputs and the cell. No biases.
Inputs and targets are one-hot, with a target at every time step: the next symbol. For input symbol m(t), with f the
logistic function::

    y_in(t) = f(w_in,m)      s(t) = s(t-1) + y_in g(w_c,m),  s(0) = 0      y_c(t) = h(s(t))        (eqs 7, 9)
    y_k(t)  = f(w_km + w_kc y_c(t))

    e_k = f'(net_k) (target_k - y_k)         e_s = h'(s) sum_k w_kc e_k                            (eqs 19, 23)
    d_in[m] += g(net_c) f'(net_in)           d_cell[m] += g'(net_c) y_in                          (eqs 25, 27)
    dw_km = lr e_k    dw_kc = lr e_k y_c     dw_in = lr e_s d_in      dw_cell = lr e_s d_cell       (eqs 22, 26, 28)

As cell and gate see no hidden unit, nothing is truncated: this is the exact gradient of the errors at t.

Weights change at every time step, or by the sum of the changes at the end of the sequence, or when cell and gate have
done the first time step of the next one, whatever that is for: its outputs see the new weights (``update``). If the
last time step alone has a target, that is the only error. With ``outputs_see = "previous"`` the outputs see the cell of
the time step before, and the input of this one, as Appendix A.1 has it: cell and gate run a time step behind, on the
symbol that was kept, and stand still at the first one. ``start`` is what the cell's output is until then; it has no
effect otherwise, as cell and gate see inputs alone.

"Has stopped decreasing": of two blocks of ``grow_after`` training sequences, one after the other, the mean error of the
second is not below that of the first by at least the fraction ``grow_below`` of it. (The paper gives no criterion.)
Until then the cell's output counts as 0 and its weights do not learn. The training sequences before count like all
others. Or the cell comes after ``grow_after`` of them, and ``grow_below`` is not asked (``grow``). The output weights
from the new cell are as they were drawn, or 0 (``cell_weights``); they are drawn even so, and the other weights are the
same.

The wide axis is the output unit, and one trial comes after the other: with 101 outputs a trial fills the vectors by
itself, and of 10,504 weights a time step touches the 101 of one input, side by side in memory.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Learner
from repro.settings import Descent, Range, RangeOrIdentity, Start


class Settings(Descent):
    """What a configuration says of the net."""

    name: Literal["layered_lstm"]
    g: Range = Field((0.0, 1.0), description="range of the logistic curve that squashes the cell's net input")
    h: RangeOrIdentity = Field("identity", description="range of the curve that squashes the state")
    output_error: Literal["derivative", "plain"] = Field("derivative", description="is f' a factor of e_k, or left out")
    update: Literal["step", "sequence", "late"] = Field(
        "step", description="when weights change; late: after the first time step of the next sequence"
    )
    outputs_see: Literal["current", "previous"] = Field("current", description="the cell of which time step")
    start: Start = Field(0.0, description="activations of all units before a sequence")
    grow: Literal["stagnation", "count"] = Field("stagnation", description="what adds the cell")
    grow_after: int = Field(
        ge=0, le=1_000_000, description="training sequences of each mean error, or until the cell; 0: from the start"
    )
    grow_below: float = Field(
        0.01, ge=0, lt=1, description="fraction by which the error decreases at least, of stagnation"
    )
    cell_weights: Literal["drawn", "zero"] = Field("drawn", description="output weights from the new cell")


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    symbols = interface.input_symbols and interface.target_symbols and interface.n_in == interface.n_out
    return "" if symbols else "it predicts symbols, given by their index"


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights, as Table 10 counts them: the cell's and its gate's from the start."""
    return 2 * interface.n_in + interface.n_out * (interface.n_in + 1)


class Net(NamedTuple):
    """The arrays of a crew of nets, each with the lanes as an extra last axis; symbols are padded to whole runs."""

    w_out: Any  # (symbols, inputs + 1) weights to the outputs; last column those from the cell; `columns`
    w_in: Any  # (symbols,) weights to the input gate; `columns`
    w_cell: Any  # (symbols,) weights to the cell; `columns`
    d_in: Any  # (symbols,) d s / d weights to the input gate; `columns`
    d_cell: Any  # (symbols,) d s / d weights to the cell; `columns`
    dw_out: Any  # as w_out: changes that wait for the end of the sequence, if they do
    dw_in: Any
    dw_cell: Any
    z: Any  # (1,) what the outputs see beside an input: the cell; `columns`
    back: Any  # (1,) the error that comes back to it; `columns`
    out: Any  # (symbols,) outputs; `columns`
    y_k: Any  # the same
    e_k: Any  # (symbols,) scratch: target less output, then errors at the outputs; `columns`
    wanted: Any  # (symbols,) targets; `columns`
    is_output: Any  # (symbols,) 1, but 0 in the padding; `columns`
    n_out: Any  # () number of outputs, as a floating-point number
    symbol: Any  # () the input
    goal: Any  # () the target
    aimed: Any  # () that of the time step before
    net_in: Any  # () scratch: net inputs of gate and cell
    net_c: Any  # ()
    at_gate: Any  # () scratch: what d_in and d_cell of the input grow by
    at_cell: Any  # ()
    s: Any  # () internal state
    y_c: Any  # () cell output, 0 before there is a cell
    slope: Any  # () h'(s), 0 before there is a cell
    waiting: Any  # () 1 if changes wait for the first time step of the next sequence
    opening: Any  # () 1 until a cell that runs behind has stood still for the first time step
    kept: Any  # () the symbol of the time step before, for such a cell
    grown: Any  # () training sequences when the cell was added; 0 before
    sequences: Any  # () training sequences
    error: Any  # () sum of mean errors of the latest sequences
    before: Any  # () that of the sequences before; 0 at first
    rate: Any  # () learning rate, 0 in lanes that do not learn now
    absolute: Any  # () mean |error| of the outputs
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` nets, all zero."""
    from repro.kernels.lanes import columns, padded, zeros

    dtype, n = np.dtype(settings.precision), padded(interface.n_out)
    waits = settings.update != "step"

    def column(*shape: int) -> Any:
        return columns(shape, width, dtype)

    def lanes(kind: Any = dtype) -> Any:
        return zeros((), width, kind)

    whole, out = np.uint32, column(n)
    net = Net(
        w_out=column(n, interface.n_in + 1), w_in=column(n), w_cell=column(n), d_in=column(n), d_cell=column(n),
        dw_out=column(n, interface.n_in + 1) if waits else column(0, 0),
        dw_in=column(n if waits else 0), dw_cell=column(n if waits else 0),
        z=column(1), back=column(1), out=out, y_k=out, e_k=column(n), wanted=column(n), is_output=column(n),
        n_out=lanes(), symbol=lanes(whole), goal=lanes(whole), aimed=lanes(whole),
        net_in=lanes(), net_c=lanes(), at_gate=lanes(), at_cell=lanes(), s=lanes(), y_c=lanes(), slope=lanes(),
        waiting=lanes(whole), opening=lanes(whole), kept=lanes(whole),
        grown=lanes(whole), sequences=lanes(whole), error=lanes(np.float64), before=lanes(np.float64),
        rate=lanes(), absolute=lanes(), square=lanes(), worst=lanes(),
    )  # fmt: skip
    net.is_output[: interface.n_out] = 1
    net.n_out[:] = interface.n_out
    net.opening[:] = 1
    return net


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: to the input gate, to the cell, to each output, its cell's last.

    This is the order in which they are drawn, and in which the digest of a trial's final weights reads them.
    """
    n = interface.n_in
    return [net.w_in[:n, lane], net.w_cell[:n, lane], *(net.w_out[k, :, lane] for k in range(interface.n_out))]


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's initial weights with ``uniform()``, numbers from 0 to 1."""
    for row in weights(settings, net, interface, lane):
        for m in range(len(row)):
            row[m] = settings.init * (2 * uniform() - 1)
    if settings.cell_weights == "zero":  # all other weights are those of a net where they are drawn
        net.w_out[: interface.n_out, interface.n_in, lane] = 0


def facts(net: Net, lane: int) -> dict[str, int]:
    """What a record tells of a lane's net beyond its weights: when the cell was added, if it was."""
    return {"cell_added_after": int(net.grown[lane])} if net.grown[lane] else {}


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's net after a time step; without a cell, nothing."""
    if settings.grow_after > 0 and net.grown[lane] == 0:
        return {}
    gate = 0.5 + 0.5 * np.tanh(0.5 * net.net_in[lane : lane + 1])
    if settings.outputs_see == "previous" and net.s[lane] == 0 and net.slope[lane] == 0:  # gate and cell stand still
        gate[:] = settings.start
    return {"input gate": gate, "internal state": net.s[lane : lane + 1], "cell output": net.y_c[lane : lane + 1]}


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import maths, outputs
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import RUN, load_run, loader, select, splat, store, store_run

    load = loader(width)
    calculus = maths.build(settings.precision)
    logistic = calculus.logistic
    squash_g = maths.squashing(*settings.g, calculus)
    squash_h = maths.identity if settings.h == "identity" else maths.squashing(*settings.h, calculus)
    plain_error, waits, late = settings.output_error == "plain", settings.update != "step", settings.update == "late"
    behind, by_count = settings.outputs_see == "previous", settings.grow == "count"
    start = np.dtype(settings.precision).type(settings.start)
    layer = outputs.build(settings.precision, symbols=True, goals=True, waits=waits, plain_error=plain_error)
    layer_aim, layer_respond, layer_assess = layer.aim, layer.respond, layer.assess
    layer_descend, layer_settle, layer_finite = layer.descend, layer.settle, layer.finite
    grow_after, grow_to = settings.grow_after, 1 - settings.grow_below

    @kernel
    def change(net, lane):
        """Add what has waited to the weights."""
        for k in range(net.w_in.shape[0]):
            net.w_in[k, lane] += net.dw_in[k, lane]
            net.w_cell[k, lane] += net.dw_cell[k, lane]
            net.dw_in[k, lane] = 0
            net.dw_cell[k, lane] = 0
        layer_settle(net, lane)

    @kernel
    def forget(net, lane):
        """Before a sequence s is 0, and so are its derivatives d_in and d_cell (symbols,)."""
        net.s[lane] = 0
        blank = splat(0.0, load_run(net.d_in, 0, lane))
        for m in range(0, net.d_in.shape[0], RUN):
            store_run(net.d_in, blank, m, lane)
            store_run(net.d_cell, blank, m, lane)

    @kernel
    def stand_still(net, lane):
        """The first time step of a cell that runs behind: its output is what it was before the sequence."""
        forget(net, lane)
        net.slope[lane] = 0
        net.y_c[lane] = 0
        if grow_after == 0 or net.grown[lane] > 0:
            net.y_c[lane] = start
        net.opening[lane] = 0

    @kernel
    def seen(net, lane):
        """The symbol that cell and gate see."""
        if behind:
            return np.int64(net.kept[lane])
        return np.int64(net.symbol[lane])

    @kernel
    def step(net):
        """A time step of gate and cell (eqs 7, 9), and d_in and d_cell of the symbol's weights (eqs 25, 27)."""
        for lane in range(width):
            m = seen(net, lane)
            net.net_in[lane] = net.w_in[m, lane]
            net.net_c[lane] = net.w_cell[m, lane]
        there = splat(1.0, load(net.s))
        if grow_after > 0:
            there = select(load(net.grown) > 0, there, 0.0)
        y_in = logistic(load(net.net_in))
        g, dg = squash_g(load(net.net_c))
        state = load(net.s) + there * y_in * g
        h, dh = squash_h(state)
        store(net.s, state)
        store(net.y_c, there * h)
        store(net.slope, there * dh)
        store(net.at_gate, there * g * (y_in * (1.0 - y_in)))
        store(net.at_cell, there * dg * y_in)
        for lane in range(width):
            m = seen(net, lane)
            net.d_in[m, lane] += net.at_gate[lane]
            net.d_cell[m, lane] += net.at_cell[lane]
            if behind:
                net.kept[lane] = net.symbol[lane]
                if net.opening[lane] == 1:
                    stand_still(net, lane)
            if late and net.waiting[lane] == 1:
                change(net, lane)
                net.waiting[lane] = 0

    @kernel
    def respond(net):
        """The outputs y_k = f(w_km + w_kc y_c) of all lanes: z of the layer is the cell."""
        for lane in range(width):
            layer_aim(net, lane)
            net.z[0, lane] = net.y_c[lane]
            layer_respond(net, lane)

    @kernel
    def assess(net):
        for lane in range(width):
            layer_assess(net, lane)

    @kernel
    def learn_cell(net, lane, e_s):
        """Changes of w_in (eq 26) and w_cell (eq 28), both (symbols,), from the error e_s at the state."""
        w_in, w_cell = net.w_in, net.w_cell
        if waits:
            w_in, w_cell = net.dw_in, net.dw_cell
        e = net.rate[lane] * e_s
        for m in range(0, w_in.shape[0], RUN):
            store_run(w_in, load_run(w_in, m, lane) + load_run(net.d_in, m, lane) * e, m, lane)  # eq 26
            store_run(w_cell, load_run(w_cell, m, lane) + load_run(net.d_cell, m, lane) * e, m, lane)  # eq 28

    @kernel
    def learn(net):
        """The layer learns (eqs 19, 22), and by what comes back to it (eq 23) the cell, once there is one."""
        for lane in range(width):
            if net.rate[lane] > 0:
                layer_descend(net, lane)
                if grow_after == 0 or net.grown[lane] > 0:
                    learn_cell(net, lane, net.slope[lane] * net.back[0, lane])  # eq 23

    @kernel
    def grow(net, lane, mean_error):
        """Add the cell when its time has come, or when the error has stopped decreasing."""
        net.sequences[lane] += 1
        net.error[lane] += mean_error
        n = np.int64(net.sequences[lane])
        if by_count:
            if n == grow_after:
                net.grown[lane] = n
        elif n % grow_after == 0:
            if n > grow_after and not net.error[lane] < net.before[lane] * grow_to:
                net.grown[lane] = n
            net.before[lane] = net.error[lane]
            net.error[lane] = 0

    @kernel
    def settle(net, lane, mean_error):
        """Add changes that wait, or let them wait for a time step more (late); ask whether the cell is due."""
        if late:
            net.waiting[lane] = 1
        elif waits:
            change(net, lane)
        if grow_after > 0 and net.grown[lane] == 0:
            grow(net, lane, mean_error)

    @kernel
    def reset(net, lane):
        forget(net, lane)
        net.opening[lane] = 1

    @kernel
    def finite(net, lane):
        for k in range(net.w_in.shape[0]):
            if not (np.isfinite(net.w_in[k, lane]) and np.isfinite(net.w_cell[k, lane])):
                return False
        return layer_finite(net, lane)

    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
