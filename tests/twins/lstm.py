"""The 1997 LSTM net and its learning rule in plain float64, straight from protocol.md, section 3.

Weights are a list of rows, one for each unit: input gates, output gates, cells (block by block), outputs. The row of a
gate or cell has one weight for each input, each input gate, output gate and cell (activations of the step before), and
last its bias, if it has one; the row of an output has one for each cell, and last its bias, if it has one.

A sequence is a list of input vectors and a list of as many targets; a target is None where there is none. Inputs that
are one-hot are vectors like all others.

`learn` is the paper's rule, equation by equation; `loss` is the error as an explicit function of the weights, and
`gradient` its derivative by definition, with an imaginary difference: the quotient Im loss(w + i e) / e has no rounding
error to speak of, as nothing is subtracted, so that e can be as small as one likes.
"""

from typing import NamedTuple

import numpy as np


class Design(NamedTuple):
    """What net it is, and how it learns."""

    n_in: int
    n_out: int
    blocks: int
    size: int
    biased: str = "all"  # none, gates, hidden (gates and cells), gates+outputs or all
    g: tuple = (-2.0, 2.0)
    h: tuple | None = (-1.0, 1.0)  # None: the identity
    linear: bool = False  # output units
    plain_error: bool = False  # e_k without f'(net_k)
    train_biases: bool | str = True  # or "outputs": those of outputs alone
    current_gates: bool = False  # cells see y_in(t) and y_out(t), not those of t-1
    per_step: bool = False  # weights change at every time step with a target, not at the end of the sequence
    full: bool = False  # the exact gradient instead of the paper's

    def row_lengths(self):
        """How many weights each unit has."""
        cells = self.blocks * self.size
        units = 2 * self.blocks + cells + self.n_out
        sources = self.n_in + 2 * self.blocks + cells
        return [
            (cells if unit >= units - self.n_out else sources) + (1 if has_bias(self, unit) else 0)
            for unit in range(units)
        ]

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


def has_bias(design, unit):
    return {
        "none": False,
        "gates": kind(design, unit) == "gate",
        "hidden": kind(design, unit) != "output",
        "gates+outputs": kind(design, unit) != "cell",
        "all": True,
    }[design.biased]


def trains_bias(design, unit):
    if design.train_biases == "outputs":
        return kind(design, unit) == "output"
    return design.train_biases


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


def net_input(row, source):
    """Weighted sum of the sources; ``source`` ends in the bias' 1, which a unit without bias has no weight for."""
    return row @ source[: len(row)]


def advance(design, rows, x, hidden, s, frozen=None):
    """The moment that follows activations ``hidden`` and internal states ``s``.

    ``frozen``, for gates and for cells, replaces what they see of each other: constants then, which is what the
    truncation makes of them.
    """
    in_gate, out_gate, cell, _ = design.split(rows)
    b = design.blocks
    source = np.concatenate([x, hidden if frozen is None else frozen[0], [1.0]])
    net_in = np.array([net_input(row, source) for row in in_gate])
    net_out = np.array([net_input(row, source) for row in out_gate])
    seen_by_cells = np.concatenate([f(net_in), f(net_out), hidden[2 * b :]]) if design.current_gates else hidden
    cell_source = np.concatenate([x, seen_by_cells if frozen is None else frozen[1], [1.0]])
    net_c = np.array([[net_input(row, cell_source) for row in block] for block in cell])
    s, y_c = s.copy(), np.zeros_like(s)
    for j in range(b):
        for v in range(design.size):
            s[j, v] = s[j, v] + f(net_in[j]) * curve(net_c[j, v], design.g)
            y_c[j, v] = f(net_out[j]) * curve(s[j, v], design.h)
    y = np.concatenate([f(net_in), f(net_out), y_c.ravel()])
    return Moment(source, cell_source, net_in, net_out, net_c, s, y, y_c)


def silence(design, rows):
    """Activations and internal states before a sequence."""
    number = np.result_type(*rows)  # complex in `gradient`
    return np.zeros(2 * design.blocks + design.blocks * design.size, number), np.zeros(
        (design.blocks, design.size), number
    )


def forward(design, rows, inputs, frozen=None, last_out_gates=None):
    """The moments of a sequence; ``last_out_gates`` are output gate rows for the last time step only."""
    hidden, s = silence(design, rows)
    moments = []
    for t, x in enumerate(inputs):
        if t == len(inputs) - 1 and last_out_gates is not None:
            rows = [*rows[: design.blocks], *last_out_gates, *rows[2 * design.blocks :]]
        moments.append(advance(design, rows, x, hidden, s, None if frozen is None else frozen[t]))
        hidden, s = moments[-1].y, moments[-1].s
    return moments


def as_seen(design, moments):
    """What hidden units saw of each other at each time step, to be ``frozen``."""
    return [(now.source[design.n_in : -1], now.cell_source[design.n_in : -1]) for now in moments]


def net_outputs(design, rows, moment):
    """net_k; the outputs see the cells of the same time step."""
    output = design.split(rows)[3]
    return np.array([net_input(row, np.append(moment.y_c.ravel(), 1.0)) for row in output])


def outputs(design, rows, moment):
    net_k = net_outputs(design, rows, moment)
    return net_k if design.linear else f(net_k)


def loss(design, rows, inputs, targets, frozen=None, last_out_gates=None):
    """1/2 sum_k (t_k - y_k)^2, summed over the time steps that have a target.

    For logistic outputs whose error is plain it is the cross-entropy, which is what these errors descend.
    """
    total = 0.0
    for moment, target in zip(forward(design, rows, inputs, frozen, last_out_gates), targets, strict=True):
        if target is not None:
            y = outputs(design, rows, moment)
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


def increments(design, rows, now, d_in, d_c, target):
    """What each weight changes by at learning rate 1 for the errors of one time step."""
    b, size = design.blocks, design.size
    output = design.split(rows)[3]

    # Errors, eqs 19, 21 and 23.
    e_k = target - outputs(design, rows, now)
    if not design.linear and not design.plain_error:
        e_k = f_slope(net_outputs(design, rows, now)) * e_k
    e_out = np.zeros(b)
    e_s = np.zeros((b, size))
    for j in range(b):
        for v in range(size):
            back = sum(output[k][j * size + v] * e_k[k] for k in range(design.n_out))
            e_out[j] += f_slope(now.net_out[j]) * curve(now.s[j, v], design.h) * back
            e_s[j, v] = f(now.net_out[j]) * curve_slope(now.s[j, v], design.h) * back

    # Eqs 22, 26 and 28; a unit without bias has no use for the last source.
    d_rows = []
    for j in range(b):
        d_rows.append(sum(e_s[j, v] * d_in[j][v] for v in range(size)))
    for j in range(b):
        d_rows.append(e_out[j] * now.source)
    for j in range(b):
        for v in range(size):
            d_rows.append(e_s[j, v] * d_c[j][v])
    for k in range(design.n_out):
        d_rows.append(e_k[k] * np.append(now.y_c.ravel(), 1.0))
    return [d_row[: len(row)] for row, d_row in zip(rows, d_rows, strict=True)]


def changed(design, rows, d_rows):
    """The rows after a change, which biases that do not learn do without."""
    result = []
    for unit, (row, d_row) in enumerate(zip(rows, d_rows, strict=True)):
        new = row + d_row
        if has_bias(design, unit) and not trains_bias(design, unit):
            new[-1] = row[-1]
        result.append(new)
    return result


def learn(design, rows, inputs, targets, rate):
    """The rows after learning one sequence, and the outputs at each time step that has a target."""
    if design.full:
        asked = zip(forward(design, rows, inputs), targets, strict=True)
        answers = [outputs(design, rows, now) for now, target in asked if target is not None]
        if rate > 0:
            slopes = gradient(lambda moved: loss(design, moved, inputs, targets), rows)
            rows = changed(design, rows, [-rate * slope for slope in slopes])
        return rows, answers

    n_sources = design.n_in + 2 * design.blocks + design.blocks * design.size + 1
    d_in = [[np.zeros(n_sources) for v in range(design.size)] for j in range(design.blocks)]
    d_c = [[np.zeros(n_sources) for v in range(design.size)] for j in range(design.blocks)]
    hidden, s = silence(design, rows)
    waiting = [np.zeros(len(row)) for row in rows]
    answers = []
    for x, target in zip(inputs, targets, strict=True):
        now = advance(design, rows, x, hidden, s)
        hidden, s = now.y, now.s
        # The partial derivatives of s, eqs 25 and 27.
        for j in range(design.blocks):
            for v in range(design.size):
                d_in[j][v] += curve(now.net_c[j, v], design.g) * f_slope(now.net_in[j]) * now.source
                d_c[j][v] += curve_slope(now.net_c[j, v], design.g) * f(now.net_in[j]) * now.cell_source
        if target is None:
            continue
        answers.append(outputs(design, rows, now))
        d_rows = [rate * d_row for d_row in increments(design, rows, now, d_in, d_c, target)]
        if design.per_step:
            rows = changed(design, rows, d_rows)
        else:
            waiting = [w + d_row for w, d_row in zip(waiting, d_rows, strict=True)]
    return changed(design, rows, waiting), answers
