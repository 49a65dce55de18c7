"""The two-net neural sequence chunker (Schmidhuber 1992b), the competitor of experiments 2a and 2b.

The automatizer A sees every input and is to predict the next one. The chunker C sees only what A failed to predict, and
is to predict its own next input, so that for C a long time lag may be a short one. A is also to predict the hidden
units of C: so it learns to keep what was worth C's attention, and may then learn to predict what only C could. Both are
layered nets of `kernels.recurrent`, their outputs see the inputs too, without biases, and both learn on line by RTRL
(`learners.rtrl`). Inputs and targets are symbols given by their index. At a time step with input m(t), target m(t+1):

1. A's hidden units see m(t).
2. If A had failed to predict m(t), so do C's, and C's outputs are computed; else C stays as it is. The first input of a
   sequence, which nothing could predict, always goes to C.
3. A's outputs predict m(t+1), and A's extra outputs the activations of C's hidden units. A learns both.
4. If A fails, that is if one of the outputs that predict m(t+1) is wrong by ``failure`` or more, C learns that m(t+1)
   is what follows its own latest input.

Outputs may see the hidden units of the time step before (``outputs_see``), each net's by its own count of time steps.
The targets of A's extra outputs are C's hidden units as they are then, as ever: with that setting they are a step of
C's behind too, and at the first time step of a sequence they are what both nets start from (``start``).

In tests A and C work together as in training, without learning. ``judged``: what counts is A alone, which is to have
learnt it all in the end, or at each time step the better of both, as if one knew which to believe. There is no time
code that would tell C how long ago its input was.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Learner
from repro.kernels.recurrent_shape import NARROW, Shape
from repro.settings import RecurrentNet

WIDEST = NARROW


class Settings(RecurrentNet):
    """What a configuration says of the two nets."""

    name: Literal["chunker"]
    biased: Literal["none"] = Field("none", description="units that have a bias")
    failure: float = Field(gt=0, le=1, description="A fails if an output is wrong by so much")
    predict_state: bool = Field(True, description="does A learn to predict C's hidden units")
    judged: Literal["automatizer", "either"] = Field("automatizer", description="whose errors count")
    update: Literal["step", "sequence"] = Field("step", description="when weights change")


def refuses(settings: Settings, interface: Interface) -> str:
    """Why the learner cannot take a task; nothing if it can."""
    symbols = interface.input_symbols and interface.target_symbols and interface.n_in == interface.n_out
    return "" if symbols and interface.every_step else "it predicts symbols, given by their index, at every time step"


def _shapes(settings: Settings, interface: Interface) -> tuple[Shape, Shape]:
    """Those of A and C."""
    chunker = Shape(
        n_in=interface.n_in, n_out=interface.n_out, hidden=settings.hidden, direct=True, symbols=True, goals=True,
        waits=settings.update == "sequence", behind=settings.outputs_see == "previous", start=settings.start,
    )  # fmt: skip
    return chunker._replace(n_out=interface.n_out + settings.hidden), chunker


def n_weights(settings: Settings, interface: Interface) -> int:
    """The number of weights of both nets; the paper counts those of A alone."""
    return sum(shape.n_weights for shape in _shapes(settings, interface))


class Net(NamedTuple):
    """Both nets, and what the training loop asks for; A's extra outputs are its last ones."""

    automatizer: Any  # a `kernels.recurrent.Net`
    chunker: Any  # likewise
    passed: Any  # () does the next input go to C, 0 or 1
    symbol: Any  # () input, target and learning rate are A's
    goal: Any
    rate: Any
    y_k: Any  # so are the outputs and their errors
    absolute: Any
    square: Any
    worst: Any  # () largest |error| of what is judged


def allocate(settings: Settings, interface: Interface, width: int) -> Net:
    """The arrays of ``width`` pairs of nets."""
    from repro.kernels import recurrent
    from repro.kernels.lanes import zeros

    a, c = (
        recurrent.allocate(shape, width, settings.precision, sensitivities=True)
        for shape in _shapes(settings, interface)
    )
    a.is_output[interface.n_out :] = 0  # the extra outputs are no predictions of a symbol
    a.n_out[:] = interface.n_out
    worst, passed = zeros((), width, np.dtype(settings.precision)), zeros((), width, np.uint32)
    passed[:] = 1
    return Net(a, c, passed, a.symbol, a.goal, a.rate, a.y_k, a.absolute, a.square, worst)


def weights(settings: Settings, net: Net, interface: Interface, lane: int) -> list[np.ndarray]:
    """One lane's weights as views, unit by unit: of A to hidden units, outputs, extra outputs; then of C."""
    from repro.kernels import recurrent

    a, c = _shapes(settings, interface)
    return recurrent.weights(a, net.automatizer, lane) + recurrent.weights(c, net.chunker, lane)


def initialise(settings: Settings, net: Net, interface: Interface, lane: int, uniform: Any) -> None:
    """Draw one lane's initial weights with ``uniform()``, numbers from 0 to 1."""
    from repro.kernels import recurrent

    recurrent.draw(weights(settings, net, interface, lane), settings.init, uniform)


def watch(settings: Settings, net: Net, interface: Interface, lane: int) -> dict[str, np.ndarray]:
    """What is to be seen of one lane's nets after a time step: views of their hidden units."""
    n = settings.hidden
    return {"automatizer's hidden unit": net.automatizer.y[:n, lane], "chunker's hidden unit": net.chunker.y[:n, lane]}


def build(settings: Settings, interface: Interface, width: int) -> Learner:
    """Compile the learner for ``width`` lanes."""
    from repro.kernels import recurrent, rtrl
    from repro.kernels.jit import kernel

    automatizer, chunker = (
        recurrent.build(shape, rtrl.build(shape, settings.precision), settings.precision)
        for shape in _shapes(settings, interface)
    )
    step_a, step_c = automatizer.step, chunker.step
    aim_a, aim_c = automatizer.aim, chunker.aim
    assess_a, assess_c = automatizer.assess, chunker.assess
    learn_a, learn_c = automatizer.learn, chunker.learn
    settle_a, settle_c = automatizer.settle, chunker.settle
    reset_a, reset_c = automatizer.reset, chunker.reset
    finite_a, finite_c = automatizer.finite, chunker.finite
    respond_a, respond_c = automatizer.respond, chunker.respond
    n_out, hidden, predict_state = interface.n_out, settings.hidden, settings.predict_state
    either = settings.judged == "either"
    failure = np.dtype(settings.precision).type(settings.failure)

    @kernel
    def step(net):
        """Points 1 and 2: A sees the input, and so does C if A had failed to predict it."""
        for lane in range(width):
            step_a(net.automatizer, lane)
            if net.passed[lane] == 1:
                net.chunker.symbol[lane] = net.symbol[lane]
                step_c(net.chunker, lane)
                respond_c(net.chunker, lane)

    @kernel
    def respond(net):
        """Point 3: A's outputs, its extra ones among them."""
        for lane in range(width):
            aim_a(net.automatizer, lane)
            respond_a(net.automatizer, lane)

    @kernel
    def assess(net):
        """How wrong A is, and whether it fails (point 4); C too, where that is asked. In worst is what is judged."""
        for lane in range(width):
            assess_a(net.automatizer, lane)
            worst = net.automatizer.worst[lane]
            net.passed[lane] = 0 if worst < failure else 1  # a NaN fails
            if either or net.passed[lane] == 1:
                net.chunker.goal[lane] = net.goal[lane]
                aim_c(net.chunker, lane)
                assess_c(net.chunker, lane)
            if either and net.chunker.worst[lane] < worst:
                worst = net.chunker.worst[lane]
            net.worst[lane] = worst

    @kernel
    def learn(net):
        """Points 3 and 4: A learns its target and C's hidden units; C learns the same target, if A has failed."""
        for lane in range(width):
            if net.rate[lane] > 0:
                if predict_state:
                    for h in range(hidden):
                        out = net.automatizer.out[n_out + h, lane]
                        net.automatizer.e_k[n_out + h, lane] = net.chunker.y[h, lane] - out
                learn_a(net.automatizer, lane)
                if net.passed[lane] == 1:
                    net.chunker.rate[lane] = net.rate[lane]
                    learn_c(net.chunker, lane)

    @kernel
    def settle(net, lane, mean_error):
        settle_a(net.automatizer, lane)
        settle_c(net.chunker, lane)

    @kernel
    def reset(net, lane):
        reset_a(net.automatizer, lane)
        reset_c(net.chunker, lane)
        net.passed[lane] = 1

    @kernel
    def finite(net, lane):
        return finite_a(net.automatizer, lane) and finite_c(net.chunker, lane)

    return Learner(step=step, respond=respond, assess=assess, learn=learn, settle=settle, reset=reset, finite=finite)
