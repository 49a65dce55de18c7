"""The adding and multiplication problems, experiments 4 and 5 (Hochreiter & Schmidhuber 1997, sections 5.4 and 5.5).

Each element is a pair: a value, uniform in [-1, 1) (adding) or [0, 1) (multiplication), and a marker. The length is
uniform from T to T + T/10. One of the first ten pairs is marked 1.0, then one of the first T/2 - 1 pairs that are still
unmarked; the first and the last pair have marker -1, all others 0. At the end the target is 0.5 + (X1 + X2) / 4, or
X1 X2, with X1 and X2 the marked values. If the first pair is picked, its X counts as 0, or as 1 in the product.

Readings where the text is silent: all ranges are inclusive. "The first T/2 - 1 still unmarked" are counted among the
pairs that remain, so the second mark stands at place T/2 at the latest: that is what gives the minimal lag of T/2 of
Table 7. A picked first pair keeps its marker -1. Settings turn the last two round.

From the random stream a sequence takes: its length, the place of the first mark, the rank of the second, then the upper
24 bits of one number for each value.
"""

from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Task
from repro.settings import Settings as _Settings


class Settings(_Settings):
    """What a configuration says of the task."""

    name: Literal["adding"]
    operation: Literal["sum", "product"]
    length: int = Field(ge=20, le=1_000_000, description="T, the minimal length")
    second_mark: Literal["remaining", "places"] = Field(
        "remaining", description="the first T/2 - 1 of the pairs that remain, or those at the first T/2 - 1 places"
    )
    first_pair_marker: Literal["start", "mark"] = Field(
        "start", description="the marker of the first pair if it is picked: -1 as ever, or 1"
    )

    @model_validator(mode="after")
    def _first_mark_is_among_the_places(self) -> Self:
        if self.second_mark == "places" and self.length < 22:
            raise ValueError("second_mark = 'places' needs a length of 22, so that the first ten pairs are among them")
        return self


def interface(settings: Settings) -> Interface:
    """Inputs value and marker, output the sum or product."""
    return Interface(n_in=2, n_out=1, longest=settings.length + settings.length // 10)


class State(NamedTuple):
    """Where each lane is in its sequence; the lanes are an extra last axis."""

    clock: Any  # () time step, from 0
    last: Any  # () the last time step
    mark: Any  # (2,) the time steps of the marked pairs
    total: Any  # () X1 + X2 or X1 X2, as far as they have been seen
    length: Any  # () T, the same in every lane: no compile-time constant, so that all T share one kernel


def allocate(settings: Settings, width: int, precision: str) -> State:
    """The state of ``width`` lanes, none of them in a sequence."""
    from repro.kernels.lanes import zeros

    def whole(*shape: int) -> Any:
        return zeros(shape, width, np.uint32)

    state = State(whole(), whole(), whole(2), zeros((), width, np.dtype(precision)), whole())
    state.length[:] = settings.length
    return state


def build(settings: Settings, width: int, precision: str) -> Task:
    """Compile the task for ``width`` lanes."""
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store, to_float
    from repro.kernels.random import below, vector_draw

    load, draw = loader(width), vector_draw(width)
    number = np.dtype(precision).type
    adding = settings.operation == "sum"
    unit = 2.0**-23 if adding else 2.0**-24
    lowest = -1.0 if adding else 0.0
    neutral = 0.0 if adding else 1.0
    start = number(neutral)

    fewer = 2 if settings.second_mark == "places" else 1
    first_is_marked = settings.first_pair_marker == "mark"

    @kernel
    def begin(state, stream, lane, number):
        length = np.int64(state.length[lane])
        n = length + below(stream, lane, length // 10 + 1)
        first = below(stream, lane, 10)
        second = below(stream, lane, length // 2 - fewer)
        if second >= first:
            second = second + 1
        state.clock[lane] = 0
        state.last[lane] = n - 1
        state.mark[0, lane] = first
        state.mark[1, lane] = second
        state.total[lane] = start
        return n

    @kernel
    def present(state, stream, net):
        t = load(state.clock)
        value = to_float(draw(stream) >> 8, number) * unit + lowest
        opening = t == 0
        marked = (t == load(state.mark, 0)) | (t == load(state.mark, 1))
        marker = select(opening | (t == load(state.last)), -1.0, select(marked, 1.0, splat(0.0, value)))
        if first_is_marked:
            marker = select(opening & marked, 1.0, marker)
        store(net.source, value, 0)
        store(net.source, marker, 1)
        total = load(state.total)
        counted = select(opening, neutral, value)
        if adding:
            store(state.total, select(marked, total + counted, total))
        else:
            store(state.total, select(marked, total * counted, total))
        store(state.clock, t + 1)

    @kernel
    def target(state, net):
        total = load(state.total)
        if adding:
            store(net.target, total * 0.25 + 0.5, 0)
        else:
            store(net.target, total, 0)

    return Task(begin, present, target)
