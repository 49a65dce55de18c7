"""Simple recurrent nets of logistic units, without a learning rule: RTRL, BPTT and Elman nets are these with one each.

With sources z(t), which are the inputs at t, the recurrent units at t - 1 and 1 for a bias::

    y_u(t) = f(net_u),   net_u = sum_m w_um z_m(t)        recurrent units u, y(0) = 0, or 1/2
    y_k(t) = f(net_k)                                      outputs of a layered net: see `kernels.outputs`

Outputs see the recurrent units of the same time step, or of the one before, as Appendix A.1 of Hochreiter & Schmidhuber
(1997) has it, and the inputs of now in either case. Then the recurrent units run a time step behind, on inputs that
were kept, and stand still at the first one: y(0) are constants.

In a full net the outputs are the last of the recurrent units, so an input at t reaches them at t through one layer of
weights (Williams & Zipser 1989: their y(t+1) from x(t) and y(t)). A rule is given the errors at the activations of the
recurrent units: sum_k w_ku e_k in a layered net, target less output at the outputs of a full one, with
E = 1/2 sum_k (target_k - y_k)^2 summed over time steps.

The wide axis is within a net, the trials follow each other: sources side by side in memory for the weights of a
recurrent unit, outputs for those of an output. One-hot inputs given by their index stand in z too, but only the rules
look at all of z. Each lane is on its own, so all functions here are for one lane.
"""

from typing import Any, NamedTuple

import numpy as np

from repro.kernels import maths, outputs
from repro.kernels.contract import Learner
from repro.kernels.jit import kernel
from repro.kernels.lanes import RUN, columns, load_run, padded, splat, store_run, total, zeros
from repro.kernels.recurrent_shape import Rule, Shape


class Net(NamedTuple):
    """The arrays of a crew of nets, each with the lanes as an extra last axis; those not needed have size 0.

    Sources, recurrent units and outputs that come first are padded to whole runs, and are `columns`.
    """

    w: Any  # (sources, recurrent) weights to the recurrent units
    dw: Any  # likewise: changes that wait for the end of the sequence
    w_out: Any  # (outputs, sources by index and others) weights to the outputs
    dw_out: Any  # likewise
    x: Any  # (sources,) z: inputs, recurrent units a step ago, 1
    net_u: Any  # (recurrent,) scratch: net inputs
    y: Any  # (recurrent,) activations
    slope: Any  # (recurrent,) their derivatives
    e: Any  # (recurrent,) errors at the activations
    delta: Any  # (recurrent,) scratch of a rule: errors at the net inputs
    p: Any  # (sources, recurrent, recurrent) of RTRL: d y_u / d w_im at [m, u, i]
    fresh: Any  # (RUN, recurrent) scratch of RTRL
    left_y: Any  # (recurrent,) of a net that does not forget: y where training was left for a test
    left_p: Any  # (sources, recurrent, recurrent) and p
    away: Any  # () is it in a test, 0 or 1
    past: Any  # (kept, time steps) of BPTT: the sequence so far
    clock: Any  # () its time steps
    z: Any  # (others,) what the outputs see beside a source given by its index
    back: Any  # (others,) errors that come back from the outputs
    out: Any  # (outputs,) outputs
    e_k: Any  # (outputs,) target less output, then errors at the outputs
    wanted: Any  # (outputs,) targets
    is_output: Any  # (outputs,) 1, but 0 in the padding
    source: Any  # (inputs,) what the task presents, if not by index
    symbol: Any  # () the input's index
    before: Any  # () that which stands in x
    kept: Any  # (inputs,) what was presented a time step ago, to units that run behind
    kept_symbol: Any  # ()
    opening: Any  # () 1 until such units have stood still for the first time step
    goal: Any  # () the target's index
    aimed: Any  # () that of the time step before
    target: Any  # (out,) targets that are not given by index
    y_k: Any  # (out,) outputs, the lanes side by side; with targets given by index the same as `out`
    inputs: Any  # () their number
    n_out: Any  # () number of outputs, as a floating-point number
    rate: Any  # () learning rate, 0 in lanes that do not learn now
    absolute: Any  # () mean |error| of the outputs
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def allocate(
    shape: Shape, width: int, precision: str, *, sensitivities: bool = False, longest: int = 0, forgets: bool = True
) -> Net:
    """The arrays of ``width`` nets, all zero but for the constants.

    With ``sensitivities`` there is room for RTRL's p, with ``longest`` for a sequence of so many time steps, without
    ``forgets`` for what training comes back to after a test.
    """
    dtype, whole = np.dtype(precision), np.uint32
    n, r, n_out = padded(shape.sources), shape.recurrent, padded(shape.n_out)
    w_out = (0, 0) if shape.full else (n_out, shape.by_index + shape.seen)
    units = padded(r)

    def column(*axes: int) -> Any:
        return columns(axes, width, dtype)

    def lanes(kind: Any, *axes: int) -> Any:
        return zeros(axes, width, kind)

    out = column(n_out)
    net = Net(
        w=column(n, r), dw=column(n, r) if shape.waits else column(0, 0),
        w_out=column(*w_out), dw_out=column(*w_out) if shape.waits else column(0, 0),
        x=column(n), net_u=column(units), y=column(units), slope=column(units), e=column(units), delta=column(units),
        p=column(n, r, r) if sensitivities else column(0, 0, 0), fresh=column(RUN, r if sensitivities else 0),
        left_y=column(0 if forgets else units), left_p=column(0, 0, 0) if forgets else column(n, r, r),
        away=lanes(whole),
        past=column((RUN if shape.symbols else n) + 2 * units if longest else 0, longest), clock=lanes(whole),
        z=column(shape.seen), back=column(shape.seen), out=out, e_k=column(n_out), wanted=column(n_out),
        is_output=column(n_out),
        source=lanes(dtype, 0 if shape.symbols else shape.n_in), symbol=lanes(whole), before=lanes(whole),
        kept=lanes(dtype, shape.n_in if shape.behind and not shape.symbols else 0), kept_symbol=lanes(whole),
        opening=lanes(whole),
        goal=lanes(whole), aimed=lanes(whole), target=lanes(dtype, 0 if shape.goals else shape.n_out),
        y_k=out if shape.goals else lanes(dtype, shape.n_out),
        inputs=lanes(whole), n_out=lanes(dtype),
        rate=lanes(dtype), absolute=lanes(dtype), square=lanes(dtype), worst=lanes(dtype),
    )  # fmt: skip
    net.is_output[: shape.n_out] = 1
    net.inputs[:] = shape.n_in
    net.n_out[:] = shape.n_out
    net.y[: shape.recurrent] = shape.start
    net.opening[:] = 1
    if shape.biased:
        net.x[shape.sources - 1] = 1
        net.z[shape.seen - 1] = 1
    return net


def weights(shape: Shape, net: Net, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: to recurrent units (from inputs, these, bias), then to outputs."""
    to_recurrent = [net.w[: shape.sources, u, lane] for u in range(shape.recurrent)]
    return to_recurrent + ([] if shape.full else [net.w_out[k, :, lane] for k in range(shape.n_out)])


def draw(rows: list[np.ndarray], init: float, uniform: Any) -> None:
    """Fill ``rows``, one after the other, from -init to init; ``uniform()`` gives numbers from 0 to 1."""
    for row in rows:
        for m in range(len(row)):
            row[m] = init * (2 * uniform() - 1)


class Kernels(NamedTuple):
    """Compiled functions of a net and one of its lanes; `Learner` says what they do."""

    step: Any
    aim: Any  # the targets become known
    respond: Any
    assess: Any
    learn: Any
    settle: Any
    reset: Any
    finite: Any


def build(shape: Shape, rule: Rule, precision: str, *, forgets: bool = True) -> Kernels:
    """Compile a net with its learning rule.

    Without ``forgets`` all training sequences are one to it; a test starts from where training is, and leaves it there.
    """
    logistic = maths.build(precision).logistic
    layer = outputs.build(precision, shape.by_index > 0, shape.goals, shape.waits)
    aim, layer_respond, layer_assess = layer.aim, layer.respond, layer.assess
    layer_descend, layer_settle, layer_finite = layer.descend, layer.settle, layer.finite
    keep, rule_learn, rule_settle, rule_reset = rule.keep, rule.learn, rule.settle, rule.reset
    n, hidden, full, biased, symbols, goals, waits = (
        shape.recurrent, shape.hidden, shape.full, shape.biased, shape.symbols, shape.goals, shape.waits,
    )  # fmt: skip
    dense_to_outputs = shape.direct and not symbols
    number = np.dtype(precision).type
    zero, one, start = number(0), number(1), number(shape.start)
    behind = shape.behind

    @kernel
    def net_inputs_of_symbol(net, lane, n_in):
        """The net inputs net_u (recurrent,), where of all inputs one alone is 1; x has it too, for the rules."""
        m = np.int64(net.symbol[lane])
        if behind:
            m = np.int64(net.kept_symbol[lane])
        net.x[np.int64(net.before[lane]), lane] = zero
        net.x[m, lane] = one
        net.before[lane] = m
        for u in range(n):
            net_u = net.w[m, u, lane]
            for i in range(n + biased):
                net_u = net_u + net.w[n_in + i, u, lane] * net.x[n_in + i, lane]
            net.net_u[u, lane] = net_u

    @kernel
    def net_inputs(net, lane, n_in):
        """The net inputs net_u (recurrent,) = sum_m w[m, u] x[m], once the inputs are in x (sources,)."""
        for m in range(n_in):
            net.x[m, lane] = net.source[m, lane]
            if behind:
                net.x[m, lane] = net.kept[m, lane]
        for u in range(n):
            net_u = load_run(net.w, 0, u, lane) * load_run(net.x, 0, lane)
            for m in range(RUN, net.x.shape[0], RUN):
                net_u = net_u + load_run(net.w, m, u, lane) * load_run(net.x, m, lane)
            net.net_u[u, lane] = total(net_u)

    @kernel
    def carry_over(net, y, p, to_y, to_p, lane):
        """Activations, and their derivatives, from one place to another."""
        for u in range(n):
            to_y[u, lane] = y[u, lane]
            for i in range(n):
                for m in range(0, net.x.shape[0], RUN):
                    store_run(to_p, load_run(p, m, u, i, lane), m, u, i, lane)

    @kernel
    def go_or_come_back(net, lane):
        """A test begins where training is, and training goes on from there."""
        if net.rate[lane] == zero and net.away[lane] == 0:
            carry_over(net, net.y, net.p, net.left_y, net.left_p, lane)
            net.away[lane] = 1
        elif net.rate[lane] != zero and net.away[lane] == 1:
            carry_over(net, net.left_y, net.left_p, net.y, net.p, lane)
            net.away[lane] = 0

    @kernel
    def move(net, lane):
        """A time step of the recurrent units."""
        if not forgets:
            go_or_come_back(net, lane)
        n_in = np.int64(net.inputs[lane])
        for u in range(n):
            net.x[n_in + u, lane] = net.y[u, lane]
        if symbols:
            net_inputs_of_symbol(net, lane, n_in)
        else:
            net_inputs(net, lane, n_in)
        for u in range(0, net.y.shape[0], RUN):
            y = logistic(load_run(net.net_u, u, lane))
            store_run(net.y, y, u, lane)
            store_run(net.slope, y * (1.0 - y), u, lane)
        keep(net, lane)

    @kernel
    def step(net, lane):
        """A time step of the recurrent units; where they run behind, on the inputs that were kept the time before."""
        if not behind:
            move(net, lane)
            return
        if net.opening[lane] == 1:
            net.opening[lane] = 0
        else:
            move(net, lane)
        net.kept_symbol[lane] = net.symbol[lane]
        for m in range(net.kept.shape[0]):
            net.kept[m, lane] = net.source[m, lane]

    @kernel
    def respond(net, lane):
        """The outputs, into out and y_k: in a full net those of its last recurrent units, else those of the layer."""
        if full:
            for k in range(net.target.shape[0]):
                net.out[k, lane] = net.y[hidden + k, lane]
        else:
            first = 0
            if dense_to_outputs:
                first = np.int64(net.inputs[lane])
                for m in range(first):
                    net.z[m, lane] = net.source[m, lane]
            for h in range(hidden):
                net.z[first + h, lane] = net.y[h, lane]
            layer_respond(net, lane)
        if not goals:
            for k in range(net.target.shape[0]):
                net.y_k[k, lane] = net.out[k, lane]

    @kernel
    def learn(net, lane):
        """Errors e (recurrent,) at the activations, sum_k w_ku e_k, or e_k in a full net; by them the rule learns."""
        if full:
            for u in range(hidden):
                net.e[u, lane] = zero
            for k in range(net.target.shape[0]):
                net.e[hidden + k, lane] = net.e_k[k, lane]
        else:
            layer_descend(net, lane)
            first = net.z.shape[0] - biased - hidden
            for h in range(hidden):
                net.e[h, lane] = net.back[first + h, lane]
        rule_learn(net, lane)

    @kernel
    def settle(net, lane):
        """What the rule knows only now; then changes that wait, dw and dw_out, are added to w and w_out."""
        rule_settle(net, lane)
        if waits:
            blank = splat(0.0, load_run(net.x, 0, lane))
            for u in range(n):
                for m in range(0, net.w.shape[0], RUN):
                    change = load_run(net.dw, m, u, lane)
                    store_run(net.w, load_run(net.w, m, u, lane) + change, m, u, lane)
                    store_run(net.dw, blank, m, u, lane)
            layer_settle(net, lane)

    @kernel
    def reset(net, lane):
        """Before a sequence y is ``start``, and the rule forgets. A net that does not forget goes on as it is."""
        if forgets:
            for u in range(n):
                net.y[u, lane] = start
                net.slope[u, lane] = zero
            rule_reset(net, lane)
            net.opening[lane] = 1

    @kernel
    def finite(net, lane):
        for u in range(n):
            for m in range(net.w.shape[0]):
                if not np.isfinite(net.w[m, u, lane]):
                    return False
        return layer_finite(net, lane)

    return Kernels(
        step=step, aim=aim, respond=respond, assess=layer_assess, learn=learn, settle=settle, reset=reset,
        finite=finite,
    )  # fmt: skip


def crew(kernels: Kernels, width: int) -> Learner:
    """The net as the training loop wants it: lanes one after the other."""
    step_one, aim_one, respond_one, assess_one = kernels.step, kernels.aim, kernels.respond, kernels.assess
    learn_one, settle_one = kernels.learn, kernels.settle

    @kernel
    def step(net):
        for lane in range(width):
            step_one(net, lane)

    @kernel
    def respond(net):
        """The outputs of all lanes; the targets before, so that they are long there when `assess` asks for them."""
        for lane in range(width):
            aim_one(net, lane)
            respond_one(net, lane)

    @kernel
    def assess(net):
        for lane in range(width):
            assess_one(net, lane)

    @kernel
    def learn(net):
        for lane in range(width):
            if net.rate[lane] > 0:
                learn_one(net, lane)

    @kernel
    def settle(net, lane, mean_error):
        settle_one(net, lane)

    return Learner(
        step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=kernels.reset,
        finite=kernels.finite,
    )  # fmt: skip
