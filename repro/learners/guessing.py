"""Random weight guessing: all weights are drawn anew until one guess gets all training sequences right.

What the 1997 paper's section 5 holds against tasks that are too simple. The protocol is that of the authors' earlier
notes (Schmidhuber & Hochreiter 1996; Hochreiter & Schmidhuber, NIPS 9, 1997): weights uniform in [-range, range], two
nets of logistic units f, activations 0 at the start of a sequence, no gradient. x are the inputs, y_i the n hidden
units, y_k the one output; every unit but the inputs has a bias b::

    A1, fully connected; i and j are hidden units or the output:
        y_i(t) = f(sum_m w_im x_m(t) + sum_j w_ij y_j(t-1) + b_i)
    A2, where a hidden unit sees the inputs, itself and the output, and the output sees all others:
        y_i(t) = f(sum_m w_im x_m(t) + w_ii y_i(t-1) + w_ik y_k(t-1) + b_i)
        y_k(t) = f(sum_m w_km x_m(t) + sum_i w_ki y_i(t) + b_k)

Readings where the notes are silent: the input is one of the units that the output of A2 sees; it sees input and hidden
units of the same time step, as outputs do in the paper's section 5. A1 has no layers: all units change at once.

After a training sequence that is wrong the next guess is drawn, and goes on with the sequence that comes next. As a
fixed training set comes in the same order again and again, a guess that has as many right in a row as the set has
sequences has all of them right. So the stop rule asks for no wrong one among so many (`disagrees`).

Guesses are counted, the first and the last included. The first comes from the stream of initial weights, which also
starts the net's own stream; from there come all others, weight by weight, each of the upper 24 bits of a draw.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Learner
from repro.settings import Learner as _Learner


class Settings(_Learner):
    """What a configuration says of the net and its guesses."""

    name: Literal["guessing"]
    architecture: Literal["A1", "A2"] = Field(description="fully connected, or hidden units that do not see each other")
    hidden: int = Field(ge=1, le=64, description="hidden units")
    range: float = Field(100.0, gt=0, le=1000, description="weights are drawn uniformly from -range to range")
    tolerance: float = Field(gt=0, description="a training sequence is right if |error| is below; as in the stop rule")


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    dense = not (interface.input_symbols or interface.target_symbols)
    fits = dense and interface.n_out == 1 and not interface.every_step
    return "" if fits else "it has one output, a target at the end of a sequence alone, and inputs not given by index"


def disagrees(settings: Settings, task: Any, stop: Any) -> str:
    """What in the settings of task and stop rule does not go with guessing; nothing if all does."""
    problems = []
    n = getattr(task, "training_sequences", None)
    if n is None:
        problems.append("the task has no fixed training set (training_sequences)")
    elif stop.window != n:
        problems.append(f"stop.window is {stop.window} for {n} training sequences")
    if stop.tolerance != settings.tolerance:
        problems.append(f"stop.tolerance is {stop.tolerance}, the learner's {settings.tolerance}")
    if stop.exam_sequences:
        problems.append("there are exams, but training sequences alone decide")
    for stage in stop.stages:
        if stage.max_wrong != 0 or stage.mean_error is not None:
            problems.append(f"stage '{stage.name}' does not ask for max_wrong = 0 and nothing else")
    return "; ".join(problems)


def _fan_in(settings: Settings, interface: Interface) -> list[int]:
    """How many weights each unit has: hidden units, then the output."""
    n = settings.hidden
    if settings.architecture == "A1":
        return [interface.n_in + n + 1 + 1] * (n + 1)
    return [interface.n_in + 2 + 1] * n + [interface.n_in + n + 1]


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights, biases included."""
    return sum(_fan_in(settings, interface))


class Net(NamedTuple):
    """The arrays of a crew of nets, each with the lanes as an extra last axis."""

    w: Any  # (weights,) unit by unit, hidden units first; of each to the inputs, to units, and last the bias
    source: Any  # (inputs + hidden + 1,) inputs, then the activations of hidden units and output
    y: Any  # (hidden + 1,) scratch: these activations at the next time step
    stream: Any  # (4,) random stream from which guesses come
    guesses: Any  # () so far
    y_k: Any  # (1,) output
    target: Any  # (1,) what it should have been
    rate: Any  # () not 0 in training
    absolute: Any  # () mean |error|
    square: Any  # () mean squared error
    worst: Any  # () largest |error|


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` nets, all zero."""
    from repro.kernels.lanes import zeros

    n_in, n_units, dtype = interface.n_in, settings.hidden + 1, np.dtype(settings.precision)

    def lanes(*shape: int, kind: Any = dtype) -> Any:
        return zeros(shape, width, kind)

    return Net(
        w=lanes(n_weights(settings, interface)), source=lanes(n_in + n_units), y=lanes(n_units),
        stream=lanes(4, kind=np.uint32), guesses=lanes(kind=np.int64),
        y_k=lanes(1), target=lanes(1), rate=lanes(), absolute=lanes(), square=lanes(), worst=lanes(),
    )  # fmt: skip


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: hidden units, then the output; a bias is the last of its unit.

    This is the order in which they are drawn, and in which the digest of a trial's final weights reads them.
    """
    ends = np.cumsum(_fan_in(settings, interface))
    return np.split(net.w[:, lane], ends[:-1])


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's first guess, then the start of its own stream, with ``uniform()``, numbers from 0 to 1."""
    for k in range(len(net.w)):
        net.w[k, lane] = settings.range * (2 * uniform() - 1)
    for i in range(4):
        net.stream[i, lane] = int(uniform() * 2**32)
    net.guesses[lane] = 1


def facts(net: Net, lane: int) -> dict[str, int]:
    """What a record tells of a lane's net beyond its weights: how many guesses were drawn."""
    return {"guesses": int(net.guesses[lane])}


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's net after a time step: its hidden units, as a view."""
    return {"hidden unit": net.source[interface.n_in : interface.n_in + settings.hidden, lane]}


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import errors, maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, store
    from repro.kernels.random import draw

    load = loader(width)
    logistic = maths.build(settings.precision).logistic
    n_in, n_hidden, n_all = interface.n_in, settings.hidden, n_weights(settings, interface)
    n_sources, output = n_in + n_hidden + 1, n_in + n_hidden  # the output's place among the sources
    tolerance = settings.tolerance
    number = np.dtype(settings.precision).type
    middle, spacing = 2**23, number(settings.range * 2.0**-23)  # of the 2^24 values of a weight

    @kernel
    def weighted(net, first, n):
        """The first ``n`` sources, by the weights from ``first`` on."""
        total = load(net.w, first) * load(net.source, 0)
        for m in range(1, n):
            total = total + load(net.w, first + m) * load(net.source, m)
        return total

    @kernel
    def step_a1(net):
        """A1: all units at once, from inputs, all units a step ago, and a bias, the last of a unit's weights."""
        for i in range(n_hidden + 1):
            first = i * (n_sources + 1)
            store(net.y, logistic(weighted(net, first, n_sources) + load(net.w, first + n_sources)), i)
        for i in range(n_hidden + 1):
            store(net.source, load(net.y, i), n_in + i)

    @kernel
    def step_a2(net):
        """A2: hidden units from inputs, themselves and the output a step ago; then the output, from all others."""
        w, source = net.w, net.source
        for i in range(n_hidden):
            first = i * (n_in + 3)
            own = load(w, first + n_in) * load(source, n_in + i)
            back = load(w, first + n_in + 1) * load(source, output)
            store(source, logistic(weighted(net, first, n_in) + own + back + load(w, first + n_in + 2)), n_in + i)
        first = n_hidden * (n_in + 3)
        store(source, logistic(weighted(net, first, output) + load(w, first + output)), output)

    @kernel
    def respond(net):
        store(net.y_k, load(net.source, output), 0)

    @kernel
    def learn(net):
        """Nothing: guesses do not ask how wrong the last one was."""

    @kernel
    def settle(net, lane, mean_error):
        """The next guess, if the sequence was wrong: all weights (weights,) anew."""
        if not mean_error < tolerance:  # a NaN is wrong
            for k in range(n_all):
                net.w[k, lane] = number((draw(net.stream, lane) >> 8) - middle) * spacing
            net.guesses[lane] += 1

    @kernel
    def reset(net, lane):
        for i in range(n_in, n_sources):
            net.source[i, lane] = 0

    @kernel
    def finite(net, lane):
        found = True
        for k in range(n_all):
            found = found and np.isfinite(net.w[k, lane])
        return found

    step = step_a1 if settings.architecture == "A1" else step_a2
    assess = errors.build(1, width)
    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
