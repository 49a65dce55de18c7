"""Recurrent cascade-correlation (Fahlman, NIPS 3, 1991; CMU-CS-91-100): the row RCC of Table 1.

A net that grows. At first the inputs x (and a bias, 1) feed the outputs alone. Hidden unit i sees them, the hidden
units before it and, by its one recurrent weight, itself a time step ago; the outputs see everything. With f the
logistic function and h(x) = f(x) - 1/2 (or f)::

    V_i(t) = h(sum_m w_im x_m(t) + w_ii V_i(t-1)),  V_i = 0 before a sequence        m: inputs, bias, units before i
    y_k(t) = f(sum_m w_km x_m(t))                                                    m: inputs, bias, all units
    E_k(t) = (y_k - target_k) (f'(net_k) + prime_offset)

Weights change at the end of an epoch of ``epoch`` training sequences. Two kinds of epoch take turns. First the weights
to the outputs descend the squared error; its slope is S_km = sum_p E_k x_m, p counting the time steps with a target.
When the error stagnates, a pool of candidates is drawn: hidden units that feed no output as yet. Their weights, the
recurrent ones included, climb their scores::

    C_k = (sum_p V E_k - mean(V) sum_p E_k) / sum_p sum_k E_k^2          score = sum_k |C_k|
    S_m = -sum_p dV/dw_m sum_k sign(C_k) (E_k - mean(E_k)) / sum_p sum_k E_k^2
    dV/dw_m(t) = h'(net(t)) (x_m(t) + w_self dV/dw_m(t-1)),  x_self(t) = V(t-1),  dV/dw_m = 0 before a sequence

When the best score stagnates, the best candidate becomes a hidden unit; its weights never change again. Its weights to
the outputs start at -C_k, and the outputs are trained again; with ``max_units`` installed, without end. All weights
move by quickprop: the step D after D' depends on the slopes S and S' (to which ``decay`` times the weight is added),
and on e, epsilon over the number of p, for candidates also over that of inputs, bias and units::

    D = -e S                                  if D' = 0; otherwise
    D = mu D'                                 if S is not below mu / (1 + mu) S' in the direction that D' came down
    D = D' S / (S' - S)                       if it is; and to both
        -e S                                  is added if going on as D' did still leads down

A phase stagnates when its error (best score) has changed by no more than the fraction ``change`` of its value at the
last such change for ``patience`` epochs; it ends then, or after ``epochs``. Defaults and order of events are those of
the CMU Cascade Neural Network Simulator 1.0 (M. White, 1995), which descends from Fahlman's. Signs and means are the
last epoch's: a pool's first only measures; weights also change in the last epoch of a phase; those to outputs keep S'
and D' from phase to phase; beyond net inputs of -15 and 15 outputs are 0 and 1, or quickprop went on without end.
Unlike there, patience starts with the phase, and derivatives are 0 where a sequence starts.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Learner
from repro.settings import Learner as _Learner


class Settings(_Learner):
    """What a configuration says of the net."""

    name: Literal["cascade"]
    epoch: int = Field(256, ge=1, le=1_000_000, description="training sequences of an epoch")
    biased: bool = Field(True, description="have hidden and output units a bias")
    hidden: Literal["symmetric", "logistic"] = Field("symmetric", description="units from -0.5 to 0.5, or from 0 to 1")
    max_units: int = Field(50, ge=0, le=200, description="hidden units at most")
    candidates: int = Field(8, ge=1, le=256, description="units in a pool")
    init: float = Field(1.0, gt=0, le=100, description="weights are drawn uniformly from -init to init")
    prime_offset: float = Field(0.1, ge=0, le=1, description="added to the derivative of the outputs")
    output_epsilon: float = Field(1.0, gt=0, le=1e6, description="step down the slope, for all patterns together")
    output_mu: float = Field(2.0, gt=0, le=100, description="a step is at most so many times the one before")
    output_decay: float = Field(0.0, ge=0, le=1, description="fraction of the weight that is added to its slope")
    output_epochs: int = Field(200, ge=1, le=1_000_000, description="epochs of a phase at most")
    output_patience: int = Field(12, ge=1, le=1_000_000, description="epochs without significant change")
    output_change: float = Field(0.01, ge=0, le=1, description="fraction of the error that is a significant change")
    candidate_epsilon: float = Field(100.0, gt=0, le=1e6, description="as output_epsilon; also over a unit's inputs")
    candidate_mu: float = Field(2.0, gt=0, le=100)
    candidate_decay: float = Field(0.0, ge=0, le=1)
    candidate_epochs: int = Field(200, ge=1, le=1_000_000)
    candidate_patience: int = Field(12, ge=1, le=1_000_000)
    candidate_change: float = Field(0.03, ge=0, le=1, description="fraction of the best score")
    precision: Literal["float32", "float64"] = "float64"


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    return "inputs or targets are given by their index" if interface.input_symbols or interface.target_symbols else ""


def disagrees(settings: Settings, task: Any, stop: Any) -> str:
    """Why its epochs are not those of a task; nothing if they are. A task without a training set gives fresh ones."""
    n = getattr(task, "training_strings", None) or getattr(task, "training_sequences", None)
    if n not in (None, settings.epoch):
        return f"learner.epoch is {settings.epoch}, but the training set has {n} sequences"
    if getattr(task, "order", "cycle") != "cycle":
        return "it learns by epochs, which needs task.order = 'cycle'"
    return ""


def _fixed(settings: Settings, interface: Interface) -> int:
    """What every unit sees: the inputs, and 1."""
    return interface.n_in + settings.biased


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights of a net that has grown to ``max_units``, recurrent ones and biases included."""
    fixed, units = _fixed(settings, interface), settings.max_units
    return sum(fixed + i + 1 for i in range(units)) + interface.n_out * (fixed + units)


class Net(NamedTuple):
    """The arrays of a crew of nets, the lanes as last axis. Sources: inputs, bias, the unit itself, hidden units."""

    w: Any  # (units, sources) weights to hidden units; those to a unit from later ones are 0
    w_live: Any  # (out + candidates, sources) weights to outputs (from themselves 0) and to candidates
    step: Any  # as w_live: by what it changed last, D
    before: Any  # as w_live: its slope then, S
    slope: Any  # as w_live: its slope, summed over the epoch; of candidates without the divisor
    d: Any  # (candidates, sources) dV / d w_live
    v: Any  # (candidates,) outputs of the candidates, V
    source: Any  # (sources,) what there is to be seen; a hidden unit's is a time step old until it is computed
    target: Any  # (out,) what the outputs should be
    y_k: Any  # (out,) outputs
    e_k: Any  # (out,) scratch: E_k, 0 in lanes that do not learn now
    mean_e: Any  # (out,) mean E_k of the epoch before
    correlation: Any  # (candidates, out) C_k of the epoch before
    sum_v: Any  # (candidates,) sum_p V in this epoch
    sum_ve: Any  # (candidates, out) sum_p V E_k
    sum_e: Any  # (out,) sum_p E_k
    sum_ee: Any  # () sum_p sum_k E_k^2
    error: Any  # () sum_p sum_k (y_k - target_k)^2
    patterns: Any  # () time steps with a target
    sequences: Any  # () training sequences
    choosing: Any  # () 1 in a phase of candidates, 0 in one of outputs
    epochs: Any  # () epochs of this phase
    mark: Any  # () the error or best score when it last changed significantly
    still: Any  # () epochs since then
    units: Any  # () hidden units installed
    output_epochs: Any  # () epochs in which outputs were trained
    candidate_epochs: Any  # () epochs in which candidates were trained
    stream: Any  # (4,) random stream that candidates are drawn from
    rate: Any  # () 0 in lanes that do not learn now
    absolute: Any  # () mean |error| of the outputs
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` nets, all zero but for the bias."""
    from repro.kernels.lanes import zeros

    fixed, pool, n_out = _fixed(settings, interface), settings.candidates, interface.n_out
    n = fixed + 1 + settings.max_units

    def real(*shape: int, kind: Any = settings.precision) -> Any:
        return zeros(shape, width, kind)

    whole = partial(real, kind=np.uint32)
    net = Net(
        w=real(settings.max_units, n), w_live=real(n_out + pool, n), step=real(n_out + pool, n),
        before=real(n_out + pool, n), slope=real(n_out + pool, n), d=real(pool, n), v=real(pool), source=real(n),
        target=real(n_out), y_k=real(n_out), e_k=real(n_out), mean_e=real(n_out), correlation=real(pool, n_out),
        sum_v=real(pool), sum_ve=real(pool, n_out), sum_e=real(n_out), sum_ee=real(), error=real(), patterns=real(),
        sequences=whole(), choosing=whole(), epochs=whole(), mark=real(), still=whole(), units=whole(),
        output_epochs=whole(), candidate_epochs=whole(), stream=whole(4),
        rate=real(), absolute=real(), square=real(), worst=real(),
    )  # fmt: skip
    net.source[interface.n_in : fixed] = 1
    return net


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views: to each hidden unit (also from itself); to each output, from hidden units apart."""
    fixed, units = _fixed(settings, interface), int(net.units[lane])
    hidden = [net.w[i, : fixed + 1 + i, lane] for i in range(units)]
    outputs = [net.w_live[k, :, lane] for k in range(interface.n_out)]
    return hidden + [part for row in outputs for part in (row[:fixed], row[fixed + 1 : fixed + 1 + units])]


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's weights, and the start of its stream, with ``uniform()``, numbers from 0 to 1."""
    for row in weights(settings, net, interface, lane):
        for m in range(len(row)):
            row[m] = settings.init * (2 * uniform() - 1)
    for i in range(4):
        net.stream[i, lane] = int(uniform() * 2**32)


def facts(net: Net, lane: int) -> dict[str, int]:
    """What a record tells of a lane's net beyond its weights: its hidden units, and its epochs of either kind."""
    return {name: int(getattr(net, name)[lane]) for name in ("units", "output_epochs", "candidate_epochs")}


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's net after a time step: the hidden units that it has so far, as a view."""
    return {"hidden unit": net.source[_fixed(settings, interface) + 1 :, lane][: int(net.units[lane])]}


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import errors, maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store
    from repro.kernels.random import draw

    load, calculus = loader(width), maths.build(settings.precision)
    logistic = calculus.logistic
    squash = maths.squashing(*((-0.5, 0.5) if settings.hidden == "symmetric" else (0.0, 1.0)), calculus)
    n_out, n_candidates, max_units = interface.n_out, settings.candidates, settings.max_units
    itself, epoch, prime_offset = _fixed(settings, interface), settings.epoch, settings.prime_offset
    first = itself + 1  # source that is a hidden unit
    number = np.dtype(settings.precision).type
    zero, one, init = number(0), number(1), number(settings.init)
    output_rule, candidate_rule, output_end, candidate_end = (
        tuple(number(getattr(settings, f"{kind}_{name}")) for name in names)
        for names in (("epsilon", "mu", "decay"), ("change", "patience", "epochs"))
        for kind in ("output", "candidate")
    )

    @kernel
    def extent(net):
        """The most sources that a lane has, and whether any lane has candidates."""
        most, choosing = np.int64(0), False
        for lane in range(width):
            most = max(most, np.int64(net.units[lane]))
            choosing = choosing or net.choosing[lane] == 1
        return first + most, choosing

    @kernel
    def net_input(w, i, source, n):
        total = load(w, i, 0) * load(source, 0)
        for m in range(1, n):
            total = total + load(w, i, m) * load(source, m)
        return total

    @kernel
    def step(net):
        source = net.source
        n, choosing = extent(net)
        for i in range(n - first):
            store(source, load(source, first + i), itself)
            v, _ = squash(net_input(net.w, i, source, first + i))
            store(source, v, first + i)
        for c in range(n_candidates if choosing else 0):
            store(source, load(net.v, c), itself)
            v, slope = squash(net_input(net.w_live, n_out + c, source, n))
            store(net.v, v, c)
            w_self = load(net.w_live, n_out + c, itself)
            for m in range(n):
                store(net.d, (load(net.d, c, m) * w_self + load(source, m)) * slope, c, m)
        store(source, splat(0.0, load(source, itself)), itself)

    @kernel
    def respond(net):
        n, _ = extent(net)
        for k in range(n_out):
            net_k = net_input(net.w_live, k, net.source, n)
            y_k = select(net_k < -15.0, 0.0, logistic(net_k))
            store(net.y_k, select(net_k > 15.0, 1.0, y_k), k)

    @kernel
    def learn(net):
        """Take all sums in all lanes that learn; at the end of its epoch a lane uses those that it needs."""
        n, choosing = extent(net)
        training = load(net.rate) > 0.0
        store(net.patterns, select(training, load(net.patterns) + 1.0, load(net.patterns)))
        for k in range(n_out):
            y_k = load(net.y_k, k)
            apart = select(training, y_k - load(net.target, k), 0.0)
            e_k = apart * (y_k * (1.0 - y_k) + prime_offset)
            store(net.e_k, e_k, k)
            store(net.error, load(net.error) + apart * apart)
            store(net.sum_e, load(net.sum_e, k) + e_k, k)
            store(net.sum_ee, load(net.sum_ee) + e_k * e_k)
            for m in range(n):
                store(net.slope, load(net.slope, k, m) + e_k * load(net.source, m), k, m)
        for c in range(n_candidates if choosing else 0):
            v = load(net.v, c)
            store(net.sum_v, load(net.sum_v, c) + select(training, v, 0.0), c)
            climb = splat(0.0, v)
            for k in range(n_out):
                e_k = load(net.e_k, k)
                store(net.sum_ve, load(net.sum_ve, c, k) + v * e_k, c, k)
                e_k = e_k - load(net.mean_e, k)
                climb = select(load(net.correlation, c, k) < 0.0, climb - e_k, climb + e_k)
            climb = select(training, climb, 0.0)
            for m in range(n):
                store(net.slope, load(net.slope, n_out + c, m) - climb * load(net.d, c, m), n_out + c, m)

    @kernel
    def quickprop(d, s, s_before, epsilon, mu):
        """The step after step ``d``, for slope ``s``."""
        if d == zero:
            return zero - epsilon * s
        limit = mu / (one + mu) * s_before
        steep, leads_down = (s <= limit, s < zero) if d > zero else (s >= limit, s > zero)
        change = mu * d if steep else d * s / (s_before - s)
        return change - epsilon * s if leads_down else change

    @kernel
    def move(net, lane, begin, end, divisor, inputs, rule):
        """Change the weights in the rows from ``begin`` to ``end``."""
        epsilon, mu, decay = rule
        epsilon = epsilon / (net.patterns[lane] * inputs)
        for i in range(begin, end):
            for m in range(first + np.int64(net.units[lane])):
                s = net.slope[i, m, lane] / divisor + decay * net.w_live[i, m, lane]
                d = quickprop(net.step[i, m, lane], s, net.before[i, m, lane], epsilon, mu)
                net.w_live[i, m, lane] += d
                net.step[i, m, lane] = d
                net.before[i, m, lane] = s

    @kernel
    def stagnates(net, lane, measure, end):
        """Count an epoch of the phase, and say whether it is the last one."""
        change, patience, epochs = end
        net.epochs[lane] += 1
        net.still[lane] += 1
        if net.epochs[lane] == 1 or abs(measure - net.mark[lane]) > change * net.mark[lane]:
            net.mark[lane] = measure
            net.still[lane] = 0
        return net.still[lane] >= patience or net.epochs[lane] >= epochs

    @kernel
    def draw_pool(net, lane):
        net.choosing[lane] = 1
        net.epochs[lane] = 0
        net.step[n_out:, :, lane] = 0
        for i in range(n_out, n_out + n_candidates):
            for m in range(first + np.int64(net.units[lane])):
                twice = number(draw(net.stream, lane) >> 8) * number(2.0**-23)  # a number from 0 to 2
                net.w_live[i, m, lane] = init * (twice - one)

    @kernel
    def correlate(net, lane):
        """C_k of all candidates; the candidate of the best score, and that score."""
        best, best_score, patterns = 0, zero, net.patterns[lane]
        if net.sum_ee[lane] == zero:  # no error is left, and all sums are 0
            net.sum_ee[lane] = 1
        for k in range(n_out):
            net.mean_e[k, lane] = net.sum_e[k, lane] / patterns
        for c in range(n_candidates):
            score, mean_v = zero, net.sum_v[c, lane] / patterns
            for k in range(n_out):
                covariance = net.sum_ve[c, k, lane] - mean_v * net.sum_e[k, lane]
                net.correlation[c, k, lane] = covariance / net.sum_ee[lane]
                score = score + abs(net.correlation[c, k, lane])
            if score > best_score:
                best, best_score = c, score
        return best, best_score

    @kernel
    def install(net, lane, c):
        i = np.int64(net.units[lane])
        for m in range(first + i):
            net.w[i, m, lane] = net.w_live[n_out + c, m, lane]
        for k in range(n_out):
            net.w_live[k, first + i, lane] = -net.correlation[c, k, lane]
        net.units[lane] += 1
        net.choosing[lane] = 0
        net.epochs[lane] = 0

    @kernel
    def end_of_outputs(net, lane):
        net.output_epochs[lane] += 1
        move(net, lane, 0, n_out, one, one, output_rule)
        if net.units[lane] < max_units and stagnates(net, lane, net.error[lane], output_end):
            draw_pool(net, lane)

    @kernel
    def end_of_candidates(net, lane):
        net.candidate_epochs[lane] += 1
        best, best_score = correlate(net, lane)
        if net.epochs[lane] > 0:  # the first epoch had no signs to go by
            inputs = number(itself + np.int64(net.units[lane]))
            move(net, lane, n_out, n_out + n_candidates, net.sum_ee[lane], inputs, candidate_rule)
        if stagnates(net, lane, best_score, candidate_end):
            install(net, lane, best)

    @kernel
    def settle(net, lane, mean_error):
        net.sequences[lane] += 1
        if net.sequences[lane] == epoch:
            if net.choosing[lane] == 1:
                end_of_candidates(net, lane)
            else:
                end_of_outputs(net, lane)
            net.slope[:, :, lane] = 0
            net.sum_v[:, lane] = 0
            net.sum_ve[:, :, lane] = 0
            net.sum_e[:, lane] = 0
            for count in (net.sum_ee, net.error, net.patterns):
                count[lane] = 0
            net.sequences[lane] = 0

    @kernel
    def reset(net, lane):
        net.source[first:, lane] = 0
        net.v[:, lane] = 0
        net.d[:, :, lane] = 0

    @kernel
    def finite(net, lane):
        for m in range(net.source.shape[0]):
            for i in range(max_units + n_out):
                if not np.isfinite(net.w[i, m, lane] if i < max_units else net.w_live[i - max_units, m, lane]):
                    return False
        return True

    assess = errors.build(n_out, width)
    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
