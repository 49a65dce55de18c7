"""The two-sequence problem, experiments 3a, 3b and 3c (Hochreiter & Schmidhuber 1997, section 5.3).

One real input. The length is uniform from T to T + T/10. A sequence is of class 1 or 2, with probability 1/2 each: its
first N elements are 1 (class 1) or -1 (class 2), all others Gaussian with mean 0 and variance 0.2. In 3b such noise is
added to the first N elements too. At the end the target is 1 (class 1) or 0 (class 2); in 3c it is 0.2 or 0.8, with
Gaussian noise of variance 0.1 added in training. Errors in tests are against the target without noise.

The paper's nets never see a training sequence twice. Learners that need a fixed training set get one of
``training_sequences`` sequences, in the same order again and again, of class 1 and class 2 in turn; a target's noise
belongs to its sequence. The set takes no memory: after its last sequence the training stream is put back to where the
first one began. Test sequences are always fresh, their classes random.

Readings where the text is silent: the length is uniform with both ends included; 3c is like 3a in its inputs.

From the random stream a sequence takes: its length; its class (0 for class 1), unless the fixed set says it; if targets
are noisy, one number for the target; then one number for each element, whether noise is added to it or not. A number
becomes Gaussian as `kernels.maths` says, times the root of the variance.
"""

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Task
from repro.settings import Settings as _Settings


class Settings(_Settings):
    """What a configuration says of the task."""

    name: Literal["two_sequence"]
    length: int = Field(ge=10, le=1_000_000, description="T, the minimal length")
    longest: int | None = Field(None, ge=10, le=1_100_000, description="the maximal length; null: T + T/10")
    informative: int = Field(ge=1, le=10, description="N, the number of elements that tell the class")
    variance: float = Field(ge=0, le=100, description="of the noise")
    noisy_signal: bool = Field(description="is noise added to the informative elements too")
    targets: Annotated[tuple[float, float], Field(strict=False)] = Field(description="of class 1 and of class 2")
    target_variance: float = Field(0.0, ge=0, le=100, description="of the noise that is added to targets in training")
    training_sequences: int | None = Field(
        None, ge=1, le=1_000_000, description="of a fixed training set; null: every sequence is a fresh one"
    )

    @model_validator(mode="after")
    def _longest_is_not_shortest(self) -> Self:
        if self.longest is not None and self.longest < self.length:
            raise ValueError(f"longest is {self.longest}, but sequences have at least {self.length} elements")
        return self


def interface(settings: Settings) -> Interface:
    """One input, one output."""
    return Interface(n_in=1, n_out=1, longest=settings.longest or settings.length + settings.length // 10)


class State(NamedTuple):
    """Where each lane is in its sequence; the lanes are an extra last axis."""

    clock: Any  # () time step, from 0
    second: Any  # () 0 in class 1, 1 in class 2
    noise: Any  # () the target's noise, as random bits
    noisy: Any  # () 1 if it counts
    length: Any  # () T, the same in every lane: no compile-time constant, so that all T share one kernel
    lengths: Any  # () how many lengths there are, likewise
    informative: Any  # () N, likewise
    turn: Any  # () which of the fixed set the current training sequence is, from 1; 0 before a trial's first
    first: Any  # (4,) the training stream where the fixed set begins


def allocate(settings: Settings, width: int, precision: str) -> State:
    """The state of ``width`` lanes, none of them in a sequence."""
    from repro.kernels.lanes import zeros

    shape = {"first": (4,)}
    state = State(*(zeros(shape.get(field, ()), width, np.uint32) for field in State._fields))
    state.length[:] = settings.length
    state.lengths[:] = interface(settings).longest - settings.length + 1
    state.informative[:] = settings.informative
    return state


def enter(settings: Settings, state: State, lane: int) -> None:
    """A new trial begins in a lane: it has a training set of its own."""
    state.turn[lane] = 0


def build(settings: Settings, width: int, precision: str) -> Task:
    """Compile the task for ``width`` lanes."""
    from repro.kernels import maths
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store
    from repro.kernels.random import below, draw, vector_draw

    load, draw_all = loader(width), vector_draw(width)
    normal = maths.build(precision).normal
    deviation, target_deviation = settings.variance**0.5, settings.target_variance**0.5
    noisy_signal, noisy_target = settings.noisy_signal, settings.target_variance > 0
    first, second = settings.targets
    n_training = settings.training_sequences or 0

    @kernel
    def turn_to_next(state, stream, lane):
        """The next sequence of the fixed set has its turn."""
        turn = np.int64(state.turn[lane])
        for i in range(4):
            if turn == 0:
                state.first[i, lane] = stream[i, lane]
            elif turn == n_training:
                stream[i, lane] = state.first[i, lane]
        state.turn[lane] = turn % n_training + 1

    @kernel
    def begin(state, stream, lane, number):
        of_set = n_training > 0 and number < 0
        if of_set:
            turn_to_next(state, stream, lane)
        n = np.int64(state.length[lane]) + below(stream, lane, np.int64(state.lengths[lane]))
        if of_set:
            state.second[lane] = (np.int64(state.turn[lane]) + 1) % 2
        else:
            state.second[lane] = below(stream, lane, 2)
        if noisy_target:
            state.noise[lane] = draw(stream, lane)
            state.noisy[lane] = number < 0
        state.clock[lane] = 0
        return n

    @kernel
    def present(state, stream, net):
        t = load(state.clock)
        noise = normal(draw_all(stream)) * deviation
        signal = select(load(state.second) == 0, 1.0, splat(-1.0, noise))
        if noisy_signal:
            signal = signal + noise
        store(net.source, select(t < load(state.informative), signal, noise), 0)
        store(state.clock, t + 1)

    @kernel
    def target(state, net):
        value = select(load(state.second) == 0, first, splat(second, load(net.target, 0)))
        if noisy_target:
            noise = normal(load(state.noise)) * target_deviation
            value = select(load(state.noisy) == 1, value + noise, value)
        store(net.target, value, 0)

    return Task(begin, present, target)
