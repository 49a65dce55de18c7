"""The embedded Reber grammar, experiment 1 (Hochreiter & Schmidhuber 1997, section 5.1).

Seven symbols, one-hot: B, T, P, S, X, V, E. A string is B, then T or P, then a string of the inner grammar, then the
same T or P again, then E. The inner grammar is an automaton of which each way out of a state has probability 1/2; its
strings start with B and end with E. At every time step the target is the next symbol; the last symbol is a target
alone, so a string takes one time step less than it has symbols.

A trial learns from a fixed set of training strings, one of which is drawn for each presentation, and is tested on all
of them and on the test strings, which are not among them. Both sets are drawn once for each pair; trial n has pair
n mod ``pairs``. A time step is right if every symbol that may follow is more active than every one that may not, or if
the most active one may follow (``success``). Learners that learn by epochs are shown the training strings in their
order, again and again (``order``).

Smith and Zipser (1989) made short strings more probable, in a way that is not known here. ``leave`` does so: in each of
the four states in which a string may go round, the probability of the way out that leads on to its end.

Readings where the text is silent: neither set is freed of duplicates (``distinct_test`` frees the test set). Test
strings may be training strings too, if they are not kept apart (``test_apart``). Strings of more than 127 symbols are
drawn again (probability 1e-16), so that every string has a longest length.

From the random stream of its pair each string takes: T (0) or P (1), then one number below 2 for each choice of the
inner grammar, the first way out listed below being 0; or, if ``leave`` is not 50, one below 100 for each choice but the
first. Training strings come first. From the stream of training each presentation takes one number below the number of
training strings, if they do not come in order.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from repro.kernels.contract import Interface, Task
from repro.settings import Settings as _Settings

SYMBOLS = "BTPSXVE"
_INNER = (  # the ways out of each state: symbol, next state; the second one leads on to the end, but in the first state
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)
_LAST = len(_INNER)  # from here there is E alone
_LONGEST = 127  # symbols


class Settings(_Settings):
    """What a configuration says of the task."""

    name: Literal["reber"]
    training_strings: int = Field(ge=1, le=10_000)
    test_strings: int = Field(ge=0, le=10_000)
    pairs: int = Field(ge=1, le=1_000_000, description="pairs of training and test set, among which trials are shared")
    distinct_test: bool = Field(False, description="is no string twice in the test set")
    target: Literal["next", "legal"] = Field("next", description="the next symbol, or all that may follow")
    test_apart: bool = Field(True, description="are test strings not among the training strings")
    success: Literal["all legal", "most active"] = Field(
        "all legal",
        description="at every symbol all that may follow are the most active outputs, or the most active one may",
    )
    order: Literal["random", "cycle"] = Field("random", description="training strings drawn, or all in turn")
    leave: int = Field(50, ge=50, le=90, description="probability, in percent, of the way out that shortens a string")


def interface(settings: Settings) -> Interface:
    """An input and an output for each symbol, a target at every time step."""
    return Interface(n_in=len(SYMBOLS), n_out=len(SYMBOLS), longest=_LONGEST - 1, every_step=True, judged_at_end=False)


def string(below: Callable[[int], int], leave: int = 50) -> tuple[str, list[str]]:
    """A string, and for each of its symbols but the last what may follow; ``below(n)`` draws from 0 to n - 1."""
    outer = "TP"[below(2)]
    text, legal = "B" + outer + "B", ["TP", "B"]
    state = 0
    while state != _LAST:
        ways = _INNER[state]
        legal.append("".join(symbol for symbol, _ in ways))
        symbol, state = ways[below(2) if leave == 50 or state == 0 else below(100) < leave]
        text += symbol
    return text + "E" + outer + "E", [*legal, "E", outer, "E"]


def strings(settings: Settings, below: Callable[[int], int]) -> list[tuple[str, list[str]]]:
    """The training strings of a pair and then its test strings."""
    found: list[tuple[str, list[str]]] = []
    avoided: set[str] = set()
    while len(found) < settings.training_strings + settings.test_strings:
        one = string(below, settings.leave)
        if len(one[0]) <= _LONGEST and one[0] not in avoided:
            found.append(one)
            if settings.distinct_test and len(found) > settings.training_strings:
                avoided.add(one[0])
        if len(found) == settings.training_strings:
            avoided = {text for text, _ in found} if settings.test_apart else set()
    return found


class State(NamedTuple):
    """The strings of each lane, and where it is; the lanes are an extra last axis."""

    text: Any  # (longest, strings) symbols
    legal: Any  # (longest, strings) what may follow each of them: bit k for symbol k
    length: Any  # (strings,) time steps
    now: Any  # () the current string
    turn: Any  # () the training string whose turn it is, if they come in order
    clock: Any  # () time step, from 0
    symbol: Any  # () scratch: the symbol of this time step
    next: Any  # () the next one
    follow: Any  # () what may follow, as bits


def allocate(settings: Settings, width: int, precision: str) -> State:
    """The state of ``width`` lanes, none of them in a sequence and without strings."""
    from repro.kernels.lanes import columns, zeros

    n = settings.training_strings + settings.test_strings
    text, legal = (columns((_LONGEST, n), width, np.uint8) for _ in range(2))
    scratch = (zeros((), width, np.uint32) for _ in range(6))
    return State(text, legal, columns((n,), width, np.uint32), *scratch)


def prepare(settings: Settings, state: State, lane: int, below: Callable[[int], int]) -> None:
    """Give a lane the strings of a pair; ``below(n)`` draws from the pair's stream."""
    state.turn[lane] = 0
    for k, (text, legal) in enumerate(strings(settings, below)):
        state.length[k, lane] = len(text) - 1
        for t, symbol in enumerate(text):
            state.text[t, k, lane] = SYMBOLS.index(symbol)
        for t, symbols in enumerate(legal):
            state.legal[t, k, lane] = sum(1 << SYMBOLS.index(symbol) for symbol in symbols)


def build(settings: Settings, width: int, precision: str) -> Task:
    """Compile the task for ``width`` lanes."""
    from repro.kernels.jit import kernel
    from repro.kernels.lanes import loader, maximum, minimum, select, splat, store
    from repro.kernels.random import below

    load = loader(width)
    n_symbols, n_training = len(SYMBOLS), settings.training_strings
    n_strings = n_training + settings.test_strings
    all_legal, in_order = settings.target == "legal", settings.order == "cycle"
    one_is_enough = settings.success == "most active"

    @kernel
    def begin(state, stream, lane, number):
        if number >= 0:
            k = number % n_strings
        elif in_order:
            k = np.int64(state.turn[lane])
            state.turn[lane] = (k + 1) % n_training
        else:
            k = below(stream, lane, n_training)
        state.now[lane] = k
        state.clock[lane] = 0
        return np.int64(state.length[k, lane])

    @kernel
    def present(state, stream, net):
        for lane in range(width):
            t, k = np.int64(state.clock[lane]), np.int64(state.now[lane])
            t = min(t, _LONGEST - 2)  # in lanes that idle
            state.symbol[lane] = state.text[t, k, lane]
            state.next[lane] = state.text[t + 1, k, lane]
            state.follow[lane] = state.legal[t, k, lane]
            state.clock[lane] = t + 1
        symbol, zero = load(state.symbol), splat(0.0, load(net.source, 0))
        for k in range(n_symbols):
            store(net.source, select(symbol == k, 1.0, zero), k)

    @kernel
    def target(state, net):
        zero = splat(0.0, load(net.target, 0))
        for k in range(n_symbols):
            if all_legal:
                store(net.target, select(((load(state.follow) >> k) & 1) == 1, 1.0, zero), k)
            else:
                store(net.target, select(load(state.next) == k, 1.0, zero), k)

    @kernel
    def judge(state, net):
        """The most active symbol that may not follow, less the least active one that may; or less the most active."""
        follow = load(state.follow)
        legal, most = splat(-1e30 if one_is_enough else 1e30, load(net.y_k, 0)), splat(-1e30, load(net.y_k, 0))
        for k in range(n_symbols):
            y_k = load(net.y_k, k)
            may = ((follow >> k) & 1) == 1
            if one_is_enough:
                legal = select(may, maximum(legal, y_k), legal)
            else:
                legal = select(may, minimum(legal, y_k), legal)
            most = select(may, most, maximum(most, y_k))
        return most - legal

    return Task(begin, present, target, judge)
