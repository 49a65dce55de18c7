"""Random weight guessing in plain float64, from protocol.md, section 4.6.

What the docstring of `repro.learners.guessing` reads into it: the output of A2 sees inputs and hidden units of the same
time step; a guess goes on with the sequence after the one that its predecessor got wrong.

Weights are a list of rows: one for each hidden unit, then the output's. The last weight of a row is the bias.
"""

from itertools import cycle
from typing import NamedTuple

import numpy as np

from .lstm import f


class Design(NamedTuple):
    """What net it is."""

    architecture: str
    n_in: int
    n_hidden: int


def row_lengths(design):
    architecture, n_in, n_hidden = design
    if architecture == "A1":
        return [n_in + n_hidden + 1 + 1 for _ in range(n_hidden + 1)]  # inputs, hidden units, output, bias
    return [n_in + 1 + 1 + 1 for _ in range(n_hidden)] + [n_in + n_hidden + 1]  # inputs, itself, output, bias


def answer(design, rows, inputs):
    """The output at the end of a sequence."""
    hidden, output = np.zeros(design.n_hidden), 0.0
    for x in inputs:
        if design.architecture == "A1":
            seen = np.concatenate([x, hidden, [output, 1.0]])
            *hidden, output = [f(row @ seen) for row in rows]
        else:
            hidden = [
                f(row @ np.concatenate([x, [itself, output, 1.0]]))
                for row, itself in zip(rows[:-1], hidden, strict=True)
            ]
            output = f(rows[-1] @ np.concatenate([x, hidden, [1.0]]))
    return output


def guess(design, stream, width):
    """The next guess from the net's own stream: weights from -width to width."""
    return [
        np.array([width * (2 * (stream.draw() // 2**8) / 2**24 - 1) for _ in range(n)]) for n in row_lengths(design)
    ]


class Found(NamedTuple):
    """The guess that was right, how many there were, and how many sequences they were shown."""

    rows: list
    guesses: int
    sequences: int


def search(design, rows, stream, width, sequences, tolerance):
    """Guess until all training sequences, pairs of inputs and a target, are right; ``rows`` is the first guess."""
    guesses, in_a_row = 1, 0
    for shown, (inputs, target) in enumerate(cycle(sequences), 1):
        if abs(target - answer(design, rows, inputs)) < tolerance:
            in_a_row += 1
        else:
            rows, in_a_row = guess(design, stream, width), 0
            guesses += 1
        if in_a_row == len(sequences):
            return Found(rows, guesses, shown)
