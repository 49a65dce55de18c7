"""The temporal order problems, experiments 6a and 6b (Hochreiter & Schmidhuber 1997, section 5.6).

Eight symbols, one-hot: a, b, c, d, X, Y, E, B. A sequence starts with E and ends with the trigger B; in between all
symbols are drawn uniformly from a to d, but for two (6a) or three (6b) that are X or Y, each with probability 1/2, at
places drawn uniformly from given intervals. The length is uniform from 100 to 110. At the end the target is the class,
one-hot: the order in which X and Y came, XX, XY, YX, YY, or XXX to YYY.

Readings where the text is silent: all ranges are inclusive and count the first symbol as 1, which is what gives the
minimal lags 40 and 24 of Table 10.

From the random stream a sequence takes: its length; then, for each relevant symbol, its place and which of the two it
is; then the upper two bits of one number for each symbol.
"""

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Task
from repro.settings import Settings as _Settings

Interval = Annotated[tuple[int, int], Field(strict=False)]

SYMBOLS = "abcdXYEB"


class Settings(_Settings):
    """What a configuration says of the task."""

    name: Literal["temporal_order"]
    length: Interval = Field(description="shortest and longest sequence")
    places: Annotated[tuple[Interval, ...], Field(strict=False, min_length=1, max_length=6)] = Field(
        description="first and last possible place of each relevant symbol, the first symbol being 1"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.length[0] > self.length[1]:
            raise ValueError(f"length goes from shortest to longest, not from {self.length[0]} to {self.length[1]}")
        edges = [1, *(place for interval in self.places for place in interval), self.length[0]]
        strictly = all(a < b for a, b in zip(edges[::2], edges[1::2], strict=True))
        if not strictly or edges != sorted(edges):
            raise ValueError("places must be intervals in order, after the first symbol and before the last")
        return self


def interface(settings: Settings) -> Interface:
    """An input for each symbol, an output for each class."""
    return Interface(n_in=len(SYMBOLS), n_out=2 ** len(settings.places), longest=settings.length[1])


class State(NamedTuple):
    """Where each lane is in its sequence; the lanes are an extra last axis."""

    clock: Any  # () time step, from 0
    last: Any  # () the last time step
    place: Any  # (relevant,) the time steps of the relevant symbols
    symbol: Any  # (relevant,) 4 for X, 5 for Y


def allocate(settings: Settings, width: int, precision: str) -> State:
    """The state of ``width`` lanes, none of them in a sequence."""
    from repro.kernels.lanes import zeros

    n = len(settings.places)
    return State(*(zeros(shape, width, np.uint32) for shape in ((), (), (n,), (n,))))


def build(settings: Settings, width: int, precision: str) -> Task:
    """Compile the task for ``width`` lanes."""
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store
    from repro.kernels.random import below, vector_draw

    load, draw = loader(width), vector_draw(width)
    shortest, longest = settings.length
    places = settings.places
    n_relevant, n_classes, n_symbols = len(places), 2 ** len(places), len(SYMBOLS)
    x, opening, trigger = SYMBOLS.index("X"), SYMBOLS.index("E"), SYMBOLS.index("B")

    @kernel
    def begin(state, stream, lane, number):
        n = shortest + below(stream, lane, longest - shortest + 1)
        for i in range(n_relevant):
            state.place[i, lane] = places[i][0] - 1 + below(stream, lane, places[i][1] - places[i][0] + 1)
            state.symbol[i, lane] = x + below(stream, lane, 2)
        state.clock[lane] = 0
        state.last[lane] = n - 1
        return n

    @kernel
    def present(state, stream, net):
        t = load(state.clock)
        symbol = draw(stream) >> 30
        for i in range(n_relevant):
            symbol = select(t == load(state.place, i), load(state.symbol, i), symbol)
        symbol = select(t == 0, opening, select(t == load(state.last), trigger, symbol))
        zero = splat(0.0, load(net.source, 0))
        for k in range(n_symbols):
            store(net.source, select(symbol == k, 1.0, zero), k)
        store(state.clock, t + 1)

    @kernel
    def target(state, net):
        order = load(state.symbol, 0) - x
        for i in range(1, n_relevant):
            order = order * 2 + (load(state.symbol, i) - x)
        zero = splat(0.0, load(net.target, 0))
        for k in range(n_classes):
            store(net.target, select(order == k, 1.0, zero), k)

    return Task(begin, present, target)
