"""One sequence of each task, in plain Python and exact numbers, from protocol.md, sections 1.1 to 1.8.

The order of the draws, and the readings where the protocol is silent, are those that the docstrings of the tasks state.
Places count from 1.
"""

import re
from fractions import Fraction
from functools import cache
from itertools import product
from statistics import NormalDist


def adding(stream, operation, length, second_mark="remaining", first_pair_marker="start"):
    """Experiments 4 (operation "sum") and 5 ("product"); ``length`` is T. Lists of inputs, and the targets."""
    n = length + stream.below(length // 10 + 1)
    first = 1 + stream.below(10)
    unmarked = [place for place in range(1, n + 1) if place != first]
    if second_mark == "remaining":
        candidates = unmarked[: length // 2 - 1]
    else:
        candidates = [place for place in unmarked if place <= length // 2 - 1]
    second = candidates[stream.below(len(candidates))]
    inputs, factors = [], []
    for place in range(1, n + 1):
        fraction = Fraction(stream.draw() // 2**8, 2**24)  # in [0, 1)
        value = 2 * fraction - 1 if operation == "sum" else fraction
        marker = 0
        if place in (first, second):
            marker = 1
            if place == 1:  # X counts as nothing
                factors.append(Fraction(0 if operation == "sum" else 1))
            else:
                factors.append(value)
        if place == n or (place == 1 and (marker == 0 or first_pair_marker == "start")):
            marker = -1
        inputs.append([value, marker])
    x1, x2 = factors
    return inputs, [Fraction(1, 2) + (x1 + x2) / 4 if operation == "sum" else x1 * x2]


def temporal_order(stream, length, places):
    """Experiments 6a and 6b; ``length`` and each of ``places`` are a first and a last possible number.

    Lists of inputs, and the targets.
    """
    n = length[0] + stream.below(length[1] - length[0] + 1)
    relevant = {}
    for earliest, latest in places:
        place = earliest + stream.below(latest - earliest + 1)
        relevant[place] = "XY"[stream.below(2)]
    text = ""
    for place in range(1, n + 1):
        letter = "abcd"[stream.draw() // 2**30]
        if place == 1:
            letter = "E"
        elif place == n:
            letter = "B"
        elif place in relevant:
            letter = relevant[place]
        text += letter
    inputs = [[1 if letter == one else 0 for one in "abcdXYEB"] for letter in text]
    order = "".join(letter for letter in text if letter in "XY")
    classes = [""]
    for _ in places:
        classes = [before + letter for before in classes for letter in "XY"]  # XX, XY, YX, YY
    return inputs, [1 if order == one else 0 for one in classes]


# --------------------------------------------------------------------------------------------------- experiment 1

REBER = "BTPSXVE"  # in the order of inputs and outputs

# The ways out of each state of the inner automaton (protocol.md, section 1.1): a symbol and where it leads.
INNER = {0: "T1 P2", 1: "S1 X3", 2: "T2 V4", 3: "X2 S5", 4: "P3 V5"}

# The same grammar once more, as an expression that was worked out by hand: state 2 is left for good by
# T* V, then any number of rounds P X T* V, then V or P S.
LEGAL = re.compile("B([TP])B(?:TS*XS|(?:TS*XX|P)T*V(?:PXT*V)*(?:V|PS))E\\1E")


def reber_string(below, leave=50):
    """A string of the embedded grammar; ``below(n)`` draws from 0 to n - 1.

    With ``leave`` percent it takes, in states 1 to 4, the way out that does not lead back.
    """
    while True:
        outer = "TP"[below(2)]
        inner, state = "", 0
        while state != 5:
            if leave != 50 and state != 0:
                symbol, state = INNER[state].split()[1 if below(100) < leave else 0]
            else:
                symbol, state = INNER[state].split()[below(2)]
            inner, state = inner + symbol, int(state)
        text = "B" + outer + "B" + inner + "E" + outer + "E"
        if len(text) <= 127:
            return text


def reber_sets(below, n_training, n_test, distinct_test, leave=50, apart=True):
    """The training strings and the test strings of a pair."""
    training, test = [], []
    while len(training) < n_training:
        training.append(reber_string(below, leave))
    while len(test) < n_test:
        text = reber_string(below, leave)
        if not (apart and text in training) and not (distinct_test and text in test):
            test.append(text)
    return training, test


def short_legal_strings():
    """All legal strings of up to 10 symbols, found by trying whatever may stand between the inner B and E."""
    inner = ("".join(symbols) for n in range(5) for symbols in product("TPSXV", repeat=n))
    strings = ("B" + outer + "B" + text + "E" + outer + "E" for text in inner for outer in "TP")
    return [text for text in strings if LEGAL.fullmatch(text)]


@cache
def _endings():
    """All ends of short legal strings: every beginning of a legal string can be completed by one of them."""
    return sorted({text[i:] for text in short_legal_strings() for i in range(1, len(text) + 1)}, key=len)


@cache
def may_follow(beginning):
    """The symbols that may come after this beginning of a legal string."""
    return {symbol for symbol in REBER if any(LEGAL.fullmatch(beginning + symbol + ending) for ending in _endings())}


def reber(text, target):
    """Input and target lists of each time step of a string; ``target`` is "next" or "legal"."""
    inputs, targets = [], []
    for i in range(1, len(text)):
        wanted = {text[i]} if target == "next" else may_follow(text[:i])
        inputs.append([1 if symbol == text[i - 1] else 0 for symbol in REBER])
        targets.append([1 if symbol in wanted else 0 for symbol in REBER])
    return inputs, targets


def prediction_is_right(text, i, outputs, one_is_enough=False):
    """Is every output of a symbol that may follow the first ``i`` symbols above every output of one that may not?

    Or, if ``one_is_enough``, some output of one that may follow.
    """
    legal = may_follow(text[:i])
    if one_is_enough:
        return all(max(outputs[REBER.index(s)] for s in legal) > outputs[REBER.index(b)] for b in set(REBER) - legal)
    return all(outputs[REBER.index(good)] > outputs[REBER.index(bad)] for good in legal for bad in set(REBER) - legal)


# ---------------------------------------------------------------------------------------------- experiments 2a to 2c


def long_lag_prediction(stream, kind, p, edge=None):
    """Experiments 2a (kind "fixed") and 2b ("random"): the symbols, by name, of one sequence, of x or y if given."""
    edge = edge or "xy"[stream.below(2)]
    places = range(1, p)
    middle = places if kind == "fixed" else [1 + stream.below(p - 1) for _ in places]
    return [edge, *(f"a{i}" for i in middle), edge]


def long_lag_trigger(stream, p, q, edge=None):
    """Experiment 2c: the symbols, by name, of one sequence, of x or y if given."""
    edge = edge or "xy"[stream.below(2)]
    n = q
    while n < q + 400 and stream.below(10) != 0:
        n += 1
    return ["b", edge, *(f"a{1 + stream.below(p)}" for _ in range(n)), "e", edge]


def long_lag_names(kind, p):
    """All symbols in the order of their numbers."""
    if kind == "trigger":
        return [*(f"a{i}" for i in range(1, p + 1)), "e", "b", "x", "y"]
    return [*(f"a{i}" for i in range(1, p)), "x", "y"]


# ---------------------------------------------------------------------------------------------- experiments 3a to 3c


def standard_normal(bits):
    """Of 32 bits the lowest is the sign (1 for plus), the upper 24 say which of 2^24 equal parts of a half."""
    part = bits // 2**8
    size = -NormalDist().inv_cdf((part + 0.5) / 2**25)
    return size if bits % 2 == 1 else -size


def two_sequence(
    stream, length, informative, variance, noisy_signal, targets, target_variance=0.0, testing=False, longest=None,
    which=None,
):  # fmt: skip
    """Inputs of each time step, the target, and the class, 1 or 2, which is drawn if it is not given."""
    longest = longest or length + length // 10
    n = length + stream.below(longest - length + 1)
    which = which or 1 + stream.below(2)
    target = targets[which - 1]
    if target_variance > 0:
        noise = target_variance**0.5 * standard_normal(stream.draw())
        if not testing:
            target += noise
    inputs = []
    for place in range(1, n + 1):
        noise = variance**0.5 * standard_normal(stream.draw())
        signal = 1.0 if which == 1 else -1.0
        if place > informative:
            inputs.append(noise)
        elif noisy_signal:
            inputs.append(signal + noise)
        else:
            inputs.append(signal)
    return inputs, target, which


def two_sequence_set(stream, n, **how):
    """A fixed training set of ``n`` sequences, of class 1 and class 2 in turn."""
    return [two_sequence(stream, **how, which=1 + i % 2) for i in range(n)]
