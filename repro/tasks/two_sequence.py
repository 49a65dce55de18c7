"""The two-sequence problem, experiments 3a, 3b and 3c (Hochreiter & Schmidhuber 1997, section 5.3).

One real input. The length is uniform from T to T + T/10. A sequence is of class 1 or 2, with probability 1/2 each: its
first N elements are 1 (class 1) or -1 (class 2), all others Gaussian with mean 0 and variance 0.2. In 3b such noise is
added to the first N elements too. At the end the target is 1 (class 1) or 0 (class 2); in 3c it is 0.2 or 0.8, with
Gaussian noise of variance 0.1 added in training. Errors in tests are against the target without noise.

Readings where the text is silent: the length is uniform with both ends included; 3c is like 3a in its inputs.

From the random stream a sequence takes: its length; its class (0 for class 1); if targets are noisy, one number for
the target; then one number for each element, whether noise is added to it or not. A number becomes Gaussian as
`kernels.maths` says, times the root of the variance.
"""

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Task
from repro.settings import Settings as _Settings


class Settings(_Settings):
    """What a configuration says of the task."""

    name: Literal["two_sequence"]
    length: int = Field(ge=10, le=1_000_000, description="T, the minimal length")
    informative: int = Field(ge=1, le=10, description="N, the number of elements that tell the class")
    variance: float = Field(ge=0, le=100, description="of the noise")
    noisy_signal: bool = Field(description="is noise added to the informative elements too")
    targets: Annotated[tuple[float, float], Field(strict=False)] = Field(description="of class 1 and of class 2")
    target_variance: float = Field(0.0, ge=0, le=100, description="of the noise that is added to targets in training")


def interface(settings: Settings) -> Interface:
    """One input, one output."""
    return Interface(n_in=1, n_out=1, longest=settings.length + settings.length // 10)


class State(NamedTuple):
    """Where each lane is in its sequence; the lanes are an extra last axis."""

    clock: Any  # () time step, from 0
    second: Any  # () 0 in class 1, 1 in class 2
    noise: Any  # () the target's noise, as random bits
    noisy: Any  # () 1 if it counts
    length: Any  # () T, the same in every lane: no compile-time constant, so that all T share one kernel
    informative: Any  # () N, likewise


def allocate(settings: Settings, width: int, precision: str) -> State:
    """The state of ``width`` lanes, none of them in a sequence."""
    from repro.kernels.lanes import zeros

    state = State(*(zeros((), width, np.uint32) for _ in State._fields))
    state.length[:] = settings.length
    state.informative[:] = settings.informative
    return state


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

    @kernel
    def begin(state, stream, lane, number):
        length = np.int64(state.length[lane])
        n = length + below(stream, lane, length // 10 + 1)
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
