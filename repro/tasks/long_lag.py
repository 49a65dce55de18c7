"""Long time lags in one-hot sequences, experiments 2a, 2b and 2c (Hochreiter & Schmidhuber 1997, section 5.2).

``fixed`` (2a): symbols a_1 to a_{p-1}, x, y, and two sequences, x a_1 ... a_{p-1} x and y a_1 ... a_{p-1} y, each with
probability 1/2. At every time step the target is the next symbol. ``random`` (2b): the same, but the p - 1 symbols in
between are drawn uniformly from a_1 to a_{p-1}; then only the last time step decides whether a sequence is right. The
last one may also be the only one with a target (``targets``).

``trigger`` (2c): symbols a_1 to a_p, e, b, x, y. A sequence is b, then x or y, then q symbols drawn uniformly from the
distractors a_1 to a_p, then more of them, each with probability 9/10, until e comes with probability 1/10. When e has
been seen the target, the only one, is the last symbol of the sequence, which is the second again: two outputs, x and y.

The last symbol is a target alone: as an input it would have no effect. So a sequence takes p time steps, or q + k + 3.
Symbols are numbered in the order given here. Inputs are given by their number, and with as many outputs as symbols the
targets too, so that a time step costs the same whatever their number.

Readings where the text is silent: distractors are a_1 to a_p also where p < q; the two outputs are one-hot; ``judged``
says whether every time step decides if a sequence is right, or only the last one. After 400 more distractors
e comes for sure (probability 5e-19), so that every sequence has a longest length. In training x and y are drawn, or
take turns, x first (``order``); in tests they are drawn.

From the random stream a sequence takes: whether it is of x (0) or y (1), if that is drawn; in ``trigger``, one number
below 10 for each further distractor and e, which is 0; then, in ``random`` and ``trigger``, one for each distractor,
below p - 1 or p, as the time steps come to it.
"""

from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from repro.kernels.contract import Interface, Task
from repro.settings import Settings as _Settings

MOST_FURTHER = 400  # distractors beyond q


class Settings(_Settings):
    """What a configuration says of the task."""

    name: Literal["long_lag"]
    kind: Literal["fixed", "random", "trigger"]
    p: int = Field(ge=2, le=100_000, description="distractors, plus one in kinds fixed and random")
    q: int | None = Field(None, ge=1, le=1_000_000, description="least number of distractors in a sequence, of trigger")
    judged: Literal["every step", "end"] = Field("end", description="time steps that decide if a sequence is right")
    targets: Literal["every step", "end"] | None = Field(
        None, description="time steps that have a target; null: every one, in kind trigger the last one"
    )
    order: Literal["random", "cycle"] = Field("random", description="are x and y drawn in training, or take turns")

    @model_validator(mode="after")
    def _q_where_it_is_needed(self) -> Self:
        if (self.q is None) == (self.kind == "trigger"):
            raise ValueError("q is given for kind 'trigger', and only there")
        if self.judged != "end" and self.kind == "trigger":
            raise ValueError("with kind 'trigger' there is nothing to judge before the end")
        if self.targets is not None and self.kind == "trigger":
            raise ValueError("with kind 'trigger' only the last time step has a target: leave targets out")
        if self.judged != "end" and self.targets == "end":
            raise ValueError("judged = 'every step', but targets = 'end': there is nothing to judge before the end")
        return self


def interface(settings: Settings) -> Interface:
    """Inputs by their number; outputs dense (x, y) or by their number."""
    if settings.kind == "trigger":
        longest = (settings.q or 0) + MOST_FURTHER + 3
        return Interface(n_in=settings.p + 4, n_out=2, longest=longest, input_symbols=True)
    return Interface(
        n_in=settings.p + 1, n_out=settings.p + 1, longest=settings.p, input_symbols=True, target_symbols=True,
        every_step=settings.targets != "end", judged_at_end=settings.judged == "end",
    )  # fmt: skip


class State(NamedTuple):
    """Where each lane is in its sequence; the lanes are an extra last axis. The last two are constants."""

    clock: Any  # () time step, from 0
    y: Any  # () 0 if it is a sequence of x, 1 of y
    last: Any  # () the last time step
    next: Any  # () the next symbol, of kind random
    turn: Any  # () whose turn it is in training, 0 of x, 1 of y
    p: Any  # ()
    q: Any  # ()


def allocate(settings: Settings, width: int, precision: str) -> State:
    """The state of ``width`` lanes, none of them in a sequence."""
    from repro.kernels.lanes import zeros

    state = State(*(zeros((), width, np.uint32) for _ in State._fields))
    state.p[:] = settings.p
    state.q[:] = settings.q or 0
    return state


def enter(settings: Settings, state: State, lane: int) -> None:
    """A new trial begins in a lane: it is the turn of x."""
    state.turn[lane] = 0


def build(settings: Settings, width: int, precision: str) -> Task:
    """Compile the task for ``width`` lanes."""
    choose = _choice(settings.order == "cycle")
    return _trigger(width, choose) if settings.kind == "trigger" else _prediction(width, choose, settings.kind)


def _choice(in_turn: bool) -> Any:
    """Whether a sequence is of x or of y."""
    from repro.kernels.jit import kernel
    from repro.kernels.random import below

    @kernel
    def choose(state, stream, lane, number):
        if in_turn and number < 0:
            y = np.int64(state.turn[lane])
            state.turn[lane] = 1 - y
        else:
            y = below(stream, lane, 2)
        state.y[lane] = y

    return choose


def _prediction(width: int, choose: Any, kind: str) -> Task:
    from repro.kernels.jit import kernel
    from repro.kernels.random import below

    is_random = kind == "random"

    @kernel
    def begin(state, stream, lane, number):
        n = np.int64(state.p[lane])
        choose(state, stream, lane, number)
        state.next[lane] = n - 1 + np.int64(state.y[lane])
        state.last[lane] = n - 1
        state.clock[lane] = 0
        return n

    @kernel
    def present(state, stream, net):
        """What was next is now; the next one is drawn, or counted, or at the end the first."""
        for lane in range(width):
            t, n = np.int64(state.clock[lane]), np.int64(state.p[lane])
            net.symbol[lane] = state.next[lane]
            if t >= n - 1:
                state.next[lane] = n - 1 + np.int64(state.y[lane])
            elif is_random:
                state.next[lane] = below(stream, lane, n - 1)
            else:
                state.next[lane] = t
            state.clock[lane] = t + 1

    @kernel
    def target(state, net):
        for lane in range(width):
            net.goal[lane] = state.next[lane]

    return Task(begin, present, target)


def _trigger(width: int, choose: Any) -> Task:
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, select, splat, store
    from repro.kernels.random import below

    load = loader(width)

    @kernel
    def begin(state, stream, lane, number):
        q = np.int64(state.q[lane])
        choose(state, stream, lane, number)
        further = 0
        while further < MOST_FURTHER and below(stream, lane, 10) != 0:
            further = further + 1
        state.last[lane] = q + further + 2
        state.clock[lane] = 0
        return q + further + 3

    @kernel
    def present(state, stream, net):
        for lane in range(width):
            t, p = np.int64(state.clock[lane]), np.int64(state.p[lane])
            if t == 0:
                symbol = p + 1
            elif t == 1:
                symbol = p + 2 + np.int64(state.y[lane])
            elif t == np.int64(state.last[lane]):
                symbol = p
            else:
                symbol = below(stream, lane, p)
            net.symbol[lane] = symbol
            state.clock[lane] = t + 1

    @kernel
    def target(state, net):
        is_y = load(state.y) == 1
        zero = splat(0.0, load(net.target, 0))
        store(net.target, select(is_y, zero, 1.0), 0)
        store(net.target, select(is_y, 1.0, zero), 1)

    return Task(begin, present, target)
