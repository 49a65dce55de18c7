"""One sequence of each task, in plain Python and exact numbers, from protocol.md, sections 1.6 to 1.8.

A sequence is a list of input lists and a list of targets. The order of the draws, and the readings where the protocol
is silent, are those that the docstrings of the tasks state. Places count from 1.
"""

from fractions import Fraction


def adding(stream, operation, length):
    """Experiments 4 (operation "sum") and 5 ("product"); ``length`` is T."""
    n = length + stream.below(length // 10 + 1)
    first = 1 + stream.below(10)
    unmarked = [place for place in range(1, n + 1) if place != first]
    second = unmarked[: length // 2 - 1][stream.below(length // 2 - 1)]
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
        if place in (1, n):
            marker = -1
        inputs.append([value, marker])
    x1, x2 = factors
    return inputs, [Fraction(1, 2) + (x1 + x2) / 4 if operation == "sum" else x1 * x2]


def temporal_order(stream, length, places):
    """Experiments 6a and 6b; ``length`` and each of ``places`` are a first and a last possible number."""
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
