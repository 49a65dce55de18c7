"""The 1997 LSTM net and its truncated-gradient update in plain float64, straight from protocol.md, section 3.

Weights are a list of rows, one for each unit: input gates, output gates, cells (block by block), outputs. The row of a
gate or cell has one weight for each input, each input gate, output gate and cell (activations of the step before), and
last its bias, if it has one; the row of an output has one for each cell, and last its bias, if it has one.

`update` is the paper's rule, equation by equation; `loss` is the half squared error as an explicit function of the
weights, for finite differences.
"""

from typing import NamedTuple

import numpy as np


class Design(NamedTuple):
    """What net it is."""

    n_in: int
    n_out: int
    blocks: int
    size: int
    biased: str = "all"  # none, gates, hidden (gates and cells) or all (outputs too)
    g: tuple = (-2.0, 2.0)
    h: tuple | None = (-1.0, 1.0)  # None: the identity
    linear: bool = False  # output units
    plain_error: bool = False  # e_k without f'(net_k)
    train_biases: bool = True

    def row_lengths(self):
        """How many weights each unit has."""
        cells = self.blocks * self.size
        sources = self.n_in + 2 * self.blocks + cells
        gate = sources + (1 if self.biased in ("gates", "hidden", "all") else 0)
        cell = sources + (1 if self.biased in ("hidden", "all") else 0)
        output = cells + (1 if self.biased == "all" else 0)
        return [gate] * (2 * self.blocks) + [cell] * cells + [output] * self.n_out

    def split(self, rows):
        """The rows as in_gate[j], out_gate[j], cell[j][v], output[k]."""
        b, s = self.blocks, self.size
        cell_rows = rows[2 * b : 2 * b + b * s]
        return rows[:b], rows[b : 2 * b], [cell_rows[j * s : (j + 1) * s] for j in range(b)], rows[2 * b + b * s :]


class Moment(NamedTuple):
    """All there is to know of one time step."""

    source: np.ndarray  # inputs(t), y_in(t-1), y_out(t-1), y_c(t-1), 1
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
    total = 0.0
    for m in range(len(row)):
        total += row[m] * source[m]
    return total


def forward(design, rows, inputs, frozen_hidden=None, last_out_gates=None):
    """The moments of a sequence, from net activations and internal states 0.

    ``frozen_hidden``, one array a time step, replaces y(t-1) as what the hidden units see of each other: constants
    then, which is what the truncation makes of them. ``last_out_gates`` are output gate rows for the last step only.
    """
    in_gate, out_gate, cell, _ = design.split(rows)
    hidden = np.zeros(2 * design.blocks + design.blocks * design.size)
    s = np.zeros((design.blocks, design.size))
    moments = []
    for t, x in enumerate(inputs):
        if frozen_hidden is not None:
            hidden = frozen_hidden[t]
        if t == len(inputs) - 1 and last_out_gates is not None:
            out_gate = last_out_gates
        source = np.concatenate([x, hidden, [1.0]])
        net_in = np.array([net_input(row, source) for row in in_gate])
        net_out = np.array([net_input(row, source) for row in out_gate])
        net_c = np.array([[net_input(row, source) for row in block] for block in cell])
        y_c = np.zeros_like(s)
        s = s.copy()
        for j in range(design.blocks):
            for v in range(design.size):
                s[j, v] = s[j, v] + f(net_in[j]) * curve(net_c[j, v], design.g)
                y_c[j, v] = f(net_out[j]) * curve(s[j, v], design.h)
        hidden = np.concatenate([f(net_in), f(net_out), y_c.ravel()])
        moments.append(Moment(source, net_in, net_out, net_c, s, hidden, y_c))
    return moments


def net_outputs(design, rows, moment):
    """net_k; the outputs see the cells of the same time step."""
    output = design.split(rows)[3]
    return np.array([net_input(row, np.append(moment.y_c.ravel(), 1.0)) for row in output])


def answer(design, rows, inputs):
    """The outputs at the end of a sequence."""
    net_k = net_outputs(design, rows, forward(design, rows, inputs)[-1])
    return net_k if design.linear else f(net_k)


def loss(design, rows, inputs, target, frozen_hidden=None, last_out_gates=None):
    """1/2 sum_k (t_k - y_k)^2 at the end of a sequence."""
    last = forward(design, rows, inputs, frozen_hidden, last_out_gates)[-1]
    net_k = net_outputs(design, rows, last)
    y_k = net_k if design.linear else f(net_k)
    return 0.5 * sum((target[k] - y_k[k]) ** 2 for k in range(design.n_out))


def update(design, rows, inputs, target, rate):
    """The rows after learning one sequence."""
    moments = forward(design, rows, inputs)
    last = moments[-1]
    b, size = design.blocks, design.size
    output = design.split(rows)[3]

    # The partial derivatives of s, eqs 25 and 27.
    d_in = [[np.zeros(len(last.source)) for v in range(size)] for j in range(b)]
    d_c = [[np.zeros(len(last.source)) for v in range(size)] for j in range(b)]
    for now in moments:
        for j in range(b):
            for v in range(size):
                d_in[j][v] += curve(now.net_c[j, v], design.g) * f_slope(now.net_in[j]) * now.source
                d_c[j][v] += curve_slope(now.net_c[j, v], design.g) * f(now.net_in[j]) * now.source

    # Errors, eqs 19, 21 and 23.
    net_k = net_outputs(design, rows, last)
    e_k = target - (net_k if design.linear else f(net_k))
    if not design.linear and not design.plain_error:
        e_k = f_slope(net_k) * e_k
    e_out = np.zeros(b)
    e_s = np.zeros((b, size))
    for j in range(b):
        for v in range(size):
            back = sum(output[k][j * size + v] * e_k[k] for k in range(design.n_out))
            e_out[j] += f_slope(last.net_out[j]) * curve(last.s[j, v], design.h) * back
            e_s[j, v] = f(last.net_out[j]) * curve_slope(last.s[j, v], design.h) * back

    # Increments, eqs 22, 26 and 28; a unit without bias has no use for the last source.
    d_rows = []
    for j in range(b):
        d_rows.append(rate * sum(e_s[j, v] * d_in[j][v] for v in range(size)))
    for j in range(b):
        d_rows.append(rate * e_out[j] * last.source)
    for j in range(b):
        for v in range(size):
            d_rows.append(rate * e_s[j, v] * d_c[j][v])
    for k in range(design.n_out):
        d_rows.append(rate * e_k[k] * np.append(last.y_c.ravel(), 1.0))

    result = []
    for unit, (row, d_row) in enumerate(zip(rows, d_rows, strict=True)):
        new = row + d_row[: len(row)]
        if has_bias(design, unit) and not design.train_biases:
            new[-1] = row[-1]
        result.append(new)
    return result


def has_bias(design, unit):
    """Has unit number ``unit`` (gates, cells, outputs) a bias?"""
    gates, hidden = 2 * design.blocks, 2 * design.blocks + design.blocks * design.size
    if unit < gates:
        return design.biased != "none"
    if unit < hidden:
        return design.biased in ("hidden", "all")
    return design.biased == "all"
