"""The 1997 LSTM net and its learning rule in plain float64, straight from protocol.md, section 3.

Weights are a list of rows, one for each unit: input gates, output gates, cells (block by block), outputs. The row of a
gate or cell has one weight for each input, each input gate, output gate and cell (activations of the step before) that
it sees, and last its bias, if it has one; the row of an output has one for each cell, and last its bias, if it has one.

A sequence is a list of input vectors and a list of as many targets; a target is None where there is none. Inputs that
are one-hot are vectors like all others.

`learn` is the paper's rule, equation by equation; `loss` is the error as an explicit function of the weights, and
`gradient` its derivative by definition, with an imaginary difference: the quotient Im loss(w + i e) / e has no rounding
error to speak of, as nothing is subtracted, so that e can be as small as one likes.
"""

from functools import cache
from typing import NamedTuple

import numpy as np


class Design(NamedTuple):
    """What net it is, and how it learns."""

    n_in: int
    n_out: int
    blocks: int
    size: int
    biased: str = "all"  # none, gates, cells, outputs, hidden (gates and cells), gates+outputs, cells+outputs or all
    g: tuple = (-2.0, 2.0)
    h: tuple | None = (-1.0, 1.0)  # None: the identity
    linear: bool = False  # output units
    plain_error: bool = False  # e_k without f'(net_k)
    train_biases: bool | str = True  # or of which units, by the names above
    current_gates: bool = False  # cells see y_in(t) and y_out(t), not those of t-1
    per_step: bool = False  # weights change at every time step with a target, not at the end of the sequence
    full: bool = False  # the exact gradient instead of the paper's
    gates_see: str = "everything"  # or "no gates", or "inputs"
    cells_see: str = "everything"
    behind: bool = False  # hidden units do the time step of t-1 when outputs do that of t: they see the cells of t-1
    start: float = 0.0  # activations before a sequence
    late: bool = False  # weights change when the hidden units have done the first time step of the next sequence

    @property
    def units(self):
        return 2 * self.blocks + self.blocks * self.size + self.n_out

    def row_lengths(self):
        """How many weights each unit has."""
        return [len(seen_by(self, unit)) for unit in range(self.units)]

    def split(self, rows):
        """The rows as in_gate[j], out_gate[j], cell[j][v], output[k]."""
        b, s = self.blocks, self.size
        cell_rows = rows[2 * b : 2 * b + b * s]
        return rows[:b], rows[b : 2 * b], [cell_rows[j * s : (j + 1) * s] for j in range(b)], rows[2 * b + b * s :]


def kind(design, unit):
    """Is unit number ``unit`` (gates, cells, outputs) a gate, a cell or an output?"""
    if unit < 2 * design.blocks:
        return "gate"
    return "cell" if unit < 2 * design.blocks + design.blocks * design.size else "output"


def is_among(design, unit, units):
    """Is a unit among those of the name ``units``."""
    if units == "hidden":
        return kind(design, unit) != "output"
    return units == "all" or kind(design, unit) + "s" in units.split("+")


def has_bias(design, unit):
    return is_among(design, unit, design.biased)


def trains_bias(design, unit):
    if isinstance(design.train_biases, str):
        return is_among(design, unit, design.train_biases)
    return design.train_biases


@cache
def seen_by(design, unit):
    """Places in all that a unit of its kind may see: inputs, input gates, output gates, cells, 1; or cells, 1."""
    n_in, b, cells = design.n_in, design.blocks, design.blocks * design.size
    places = {
        "inputs": list(range(n_in)),
        "gates": list(range(n_in, n_in + 2 * b)),
        "cells": list(range(n_in + 2 * b, n_in + 2 * b + cells)),
        "1": [n_in + 2 * b + cells],
    }
    if kind(design, unit) == "output":
        return np.arange(cells + has_bias(design, unit))
    sees = design.gates_see if kind(design, unit) == "gate" else design.cells_see
    names = {
        "everything": ["inputs", "gates", "cells"],
        "no gates": ["inputs", "cells"],
        "inputs": ["inputs"],
    }[sees] + (["1"] if has_bias(design, unit) else [])
    return np.array([place for name in names for place in places[name]], int)


class Moment(NamedTuple):
    """All there is to know of one time step."""

    source: np.ndarray  # what gates see: inputs(t), y_in(t-1), y_out(t-1), y_c(t-1), 1
    cell_source: np.ndarray  # what cells see: the same, or y_in(t) and y_out(t) in their places
    net_in: np.ndarray  # [j]
    net_out: np.ndarray  # [j]
    net_c: np.ndarray  # [j, v]
    s: np.ndarray  # [j, v]
    y: np.ndarray  # y_in(t), y_out(t), y_c(t): what the next step sees
    y_c: np.ndarray  # [j, v]


def f(x):
    return 1.0 / (1.0 + np.exp(-x))


def f_slope(x):
    return f(x) * (1.0 - f(x))


def curve(x, limits):
    """f, stretched to go from low to high; the identity for None."""
    if limits is None:
        return x
    low, high = limits
    return low + (high - low) * f(x)


def curve_slope(x, limits):
    if limits is None:
        return np.ones_like(x)
    low, high = limits
    return (high - low) * f_slope(x)


def net_inputs(design, rows, source, first):
    """Net inputs of the units of ``rows``, the first of which has number ``first``; ``source`` ends in the bias' 1."""
    return np.array([row @ source[seen_by(design, unit)] for unit, row in enumerate(rows, first)])


def advance(design, rows, x, hidden, s, frozen=None):
    """The moment that follows activations ``hidden`` and internal states ``s``.

    ``frozen``, for gates and for cells, replaces what they see of each other: constants then, which is what the
    truncation makes of them.
    """
    in_gate, out_gate, cell, _ = design.split(rows)
    b, size = design.blocks, design.size
    source = np.concatenate([x, hidden if frozen is None else frozen[0], [1.0]])
    net_in, net_out = net_inputs(design, in_gate, source, 0), net_inputs(design, out_gate, source, b)
    y_in, y_out = f(net_in), f(net_out)
    seen_by_cells = np.concatenate([y_in, y_out, hidden[2 * b :]]) if design.current_gates else hidden
    cell_source = np.concatenate([x, seen_by_cells if frozen is None else frozen[1], [1.0]])
    net_c = np.array([net_inputs(design, block, cell_source, 2 * b + j * size) for j, block in enumerate(cell)])
    s = s + y_in[:, None] * curve(net_c, design.g)
    y_c = y_out[:, None] * curve(s, design.h)
    y = np.concatenate([y_in, y_out, y_c.ravel()])
    return Moment(source, cell_source, net_in, net_out, net_c, s, y, y_c)


def silence(design, rows):
    """Activations and internal states before a sequence."""
    number = np.result_type(*rows)  # complex in `gradient`
    return np.full(2 * design.blocks + design.blocks * design.size, design.start, number), np.zeros(
        (design.blocks, design.size), number
    )


def added(rows, d_rows, factor=1):
    return [row + factor * d_row for row, d_row in zip(rows, d_rows, strict=True)]


def forward(design, rows, inputs, frozen=None, last_out_gates=None, late=None):
    """The moments of a sequence: what hidden units are when outputs see them; None, if they have not begun.

    ``last_out_gates`` are output gate rows for the last time step only. ``late`` is a change of weights that is in
    ``rows``, but comes when the first time step has been done.
    """
    hidden, s = silence(design, rows)
    moments = []
    for t in range(len(inputs)):
        if design.behind and t == 0:
            moments.append(None)
            continue
        now = rows
        if t == len(inputs) - 1 and last_out_gates is not None:
            now = [*rows[: design.blocks], *last_out_gates, *rows[2 * design.blocks :]]
        if t == 0 and late is not None:
            now = added(rows, late, -1)
        x = inputs[t - 1] if design.behind else inputs[t]
        moments.append(advance(design, now, x, hidden, s, None if frozen is None else frozen[t]))
        hidden, s = moments[-1].y, moments[-1].s
    return moments


def as_seen(design, moments):
    """What hidden units saw of each other at each time step, to be ``frozen``."""
    return [now and (now.source[design.n_in : -1], now.cell_source[design.n_in : -1]) for now in moments]


def shown(design, rows, moments):
    """What outputs see of the cells at each time step."""
    before = silence(design, rows)[0][2 * design.blocks :]
    return [before if now is None else now.y_c.ravel() for now in moments]


def net_outputs(design, rows, y_c):
    """net_k, of outputs that see the cells so."""
    return net_inputs(design, design.split(rows)[3], np.append(y_c, 1.0), design.units - design.n_out)


def outputs(design, rows, y_c):
    net_k = net_outputs(design, rows, y_c)
    return net_k if design.linear else f(net_k)


def loss(design, rows, inputs, targets, frozen=None, last_out_gates=None, late=None):
    """1/2 sum_k (t_k - y_k)^2, summed over the time steps that have a target.

    For logistic outputs whose error is plain it is the cross-entropy, which is what these errors descend.
    """
    total = 0.0
    seen = shown(design, rows, forward(design, rows, inputs, frozen, last_out_gates, late))
    for y_c, target in zip(seen, targets, strict=True):
        if target is not None:
            y = outputs(design, rows, y_c)
            if design.plain_error and not design.linear:
                total = total - (target * np.log(y) + (1 - target) * np.log(1 - y)).sum()
            else:
                total = total + 0.5 * ((target - y) ** 2).sum()
    return total


def gradient(function, rows):
    """The gradient of ``function``, an analytic function of rows, in rows."""
    step = 1e-30
    result = [np.zeros(len(row)) for row in rows]
    for unit, row in enumerate(rows):
        for m in range(len(row)):
            moved = [r.astype(complex) for r in rows]
            moved[unit][m] += step * 1j
            result[unit][m] = function(moved).imag / step
    return result


def output_errors(design, rows, y_c, target):
    """e_k, eq 19."""
    e_k = target - outputs(design, rows, y_c)
    if design.linear or design.plain_error:
        return e_k
    return f_slope(net_outputs(design, rows, y_c)) * e_k


def increments(design, rows, now, d_in, d_c, y_c, target):
    """What each weight changes by at learning rate 1 for the errors of one time step.

    ``now`` is the moment that the outputs see, None if there is none yet; ``d_in`` and ``d_c`` are the partial
    derivatives of its internal states; ``y_c`` are its cells.
    """
    b, size = design.blocks, design.size
    output = design.split(rows)[3]
    e_k = output_errors(design, rows, y_c, target)
    to_output = [np.append(y_c, 1.0) * e for e in e_k]
    if now is None:
        d_rows = [np.zeros(d_in[0][0].shape) for _ in range(2 * b + b * size)] + to_output
        return [d_row[seen_by(design, unit)] for unit, d_row in enumerate(d_rows)]

    # Errors, eqs 21 and 23.
    e_out = np.zeros(b)
    e_s = np.zeros((b, size))
    for j in range(b):
        for v in range(size):
            back = sum(output[k][j * size + v] * e_k[k] for k in range(design.n_out))
            e_out[j] += f_slope(now.net_out[j]) * curve(now.s[j, v], design.h) * back
            e_s[j, v] = f(now.net_out[j]) * curve_slope(now.s[j, v], design.h) * back

    # Eqs 22, 26 and 28; a unit has no use for what it does not see.
    d_rows = []
    for j in range(b):
        d_rows.append(sum(e_s[j, v] * d_in[j][v] for v in range(size)))
    for j in range(b):
        d_rows.append(e_out[j] * now.source)
    for j in range(b):
        for v in range(size):
            d_rows.append(e_s[j, v] * d_c[j][v])
    return [d_row[seen_by(design, unit)] for unit, d_row in enumerate(d_rows + to_output)]


def changed(design, rows, d_rows):
    """The rows after a change, which biases that do not learn do without."""
    return added(rows, [held(design, unit, d_row) for unit, d_row in enumerate(d_rows)])


def held(design, unit, d_row):
    """A change of a unit's row, without that of a bias that does not learn."""
    d_row = np.array(d_row)
    if has_bias(design, unit) and not trains_bias(design, unit):
        d_row[-1] = 0
    return d_row


def learn(design, rows, inputs, targets, rate, waiting=None):
    """The rows after learning one sequence, the outputs at each time step that has a target, and what still waits.

    That is, with ``late`` weights, the change that the next sequence begins without; ``waiting`` is the one before.
    """
    if waiting is None:
        waiting = [np.zeros(len(row)) for row in rows]
    first_rows, rows = rows, added(rows, waiting)  # the same, if nothing waits
    if design.full:
        seen = shown(design, rows, forward(design, rows, inputs, late=waiting))
        answers = [outputs(design, rows, y_c) for y_c, target in zip(seen, targets, strict=True) if target is not None]
        d_rows = [np.zeros(len(row)) for row in rows]
        if rate > 0:
            slopes = gradient(lambda moved: loss(design, moved, inputs, targets, late=waiting), rows)
            d_rows = [held(design, unit, -rate * slope) for unit, slope in enumerate(slopes)]
        return (rows, answers, d_rows) if design.late else (added(rows, d_rows), answers, None)

    n_sources = design.n_in + 2 * design.blocks + design.blocks * design.size + 1
    d_in = [[np.zeros(n_sources) for v in range(design.size)] for j in range(design.blocks)]
    d_c = [[np.zeros(n_sources) for v in range(design.size)] for j in range(design.blocks)]
    hidden, s = silence(design, rows)
    now, y_c = None, hidden[2 * design.blocks :]
    d_rows = [np.zeros(len(row)) for row in rows]
    answers = []
    for t, target in enumerate(targets):
        if t > 0 or not design.behind:
            x = inputs[t - 1] if design.behind else inputs[t]
            now = advance(design, rows if t > 0 else first_rows, x, hidden, s)
            hidden, s, y_c = now.y, now.s, now.y_c.ravel()
            # The partial derivatives of s, eqs 25 and 27.
            for j in range(design.blocks):
                for v in range(design.size):
                    d_in[j][v] += curve(now.net_c[j, v], design.g) * f_slope(now.net_in[j]) * now.source
                    d_c[j][v] += curve_slope(now.net_c[j, v], design.g) * f(now.net_in[j]) * now.cell_source
        if target is None:
            continue
        answers.append(outputs(design, rows, y_c))
        by_now = [rate * d_row for d_row in increments(design, rows, now, d_in, d_c, y_c, target)]
        if design.per_step:
            rows = changed(design, rows, by_now)
        else:
            d_rows = changed(design, d_rows, by_now)
    return (rows, answers, d_rows) if design.late else (added(rows, d_rows), answers, None)
