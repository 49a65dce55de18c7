"""LSTM with forget gates (Gers, Schmidhuber & Cummins 2000) in plain float64.

Weights are a list of rows, one a unit: input gates, forget gates, output gates, cells (block by block), outputs. A gate
or cell sees inputs, then gates (if it does see them) and cells of the step before, then 1 if it has a bias; an output
sees the cells, and 1 if it has a bias.

`learn` is the paper's rule, equation by equation. `loss` is the error as an explicit function of the rows; with the
activations of the step before held fixed its gradient is the truncated one, by definition.
"""

from typing import NamedTuple

import numpy as np


class Design(NamedTuple):
    n_in: int
    n_out: int
    blocks: int
    size: int
    gates_biased: bool
    cells_biased: bool
    outputs_biased: bool
    g: tuple = (-2.0, 2.0)
    h: tuple | None = (-1.0, 1.0)  # None: the identity
    linear: bool = False
    sees_gates: bool = True
    per_step: bool = False

    def row_lengths(self):
        cells = self.blocks * self.size
        sources = self.n_in + (3 * self.blocks if self.sees_gates else 0) + cells
        return (
            [sources + self.gates_biased] * (3 * self.blocks)
            + [sources + self.cells_biased] * cells
            + [cells + self.outputs_biased] * self.n_out
        )


def f(x):
    return 1 / (1 + np.exp(-x))


def curve(x, limits):
    return x if limits is None else limits[0] + (limits[1] - limits[0]) * f(x)


def slope(x, limits):
    return 1.0 if limits is None else (limits[1] - limits[0]) * f(x) * (1 - f(x))


def product(row, source):
    """The net input; the row ends in a bias if it is one longer than the sources."""
    return sum(weight * z for weight, z in zip(row, [*source, 1.0][: len(row)], strict=True))


class Moment(NamedTuple):
    source: list
    net: list  # of gates, then of cells
    before: list  # s(t-1)
    s: list
    gates: list
    cells: list


def advance(design, rows, source, before):
    b, size = design.blocks, design.size
    net = [product(row, source) for row in rows[: 3 * b + b * size]]
    gates = [f(x) for x in net[: 3 * b]]
    s, cells = [], []
    for j in range(b):
        for c in range(j * size, (j + 1) * size):
            s.append(gates[b + j] * before[c] + gates[j] * curve(net[3 * b + c], design.g))
            cells.append(gates[2 * b + j] * curve(s[c], design.h))
    return Moment(source, net, before, s, gates, cells)


def sources(design, x, gates, cells):
    return [*x, *(gates if design.sees_gates else []), *cells]


def silence(design):
    n = design.blocks * design.size
    return [0.0] * (3 * design.blocks), [0.0] * n, [0.0] * n


def outputs(design, rows, cells):
    net = [product(row, cells) for row in rows[len(rows) - design.n_out :]]
    return [x if design.linear else f(x) for x in net]


def forward(design, rows, inputs, frozen=None):
    """The moments of a sequence; ``frozen`` is what gates and cells see of each other instead."""
    gates, cells, s = silence(design)
    moments = []
    for t, x in enumerate(inputs):
        now = advance(design, rows, sources(design, x, gates, cells) if frozen is None else frozen[t], s)
        moments.append(now)
        gates, cells, s = now.gates, now.cells, now.s
    return moments


def loss(design, rows, inputs, targets, frozen=None):
    """1/2 sum_k (t_k - y_k)^2 over the time steps with a target."""
    total = 0.0
    for now, target in zip(forward(design, rows, inputs, frozen), targets, strict=True):
        if target is not None:
            out = outputs(design, rows, now.cells)
            total = total + sum(0.5 * (t - o) ** 2 for t, o in zip(target, out, strict=True))
    return total


def learn(design, rows, inputs, targets, rate):
    """New rows, and the outputs at each target."""
    b, size = design.blocks, design.size
    first = 3 * b + b * size  # the first output
    rows = [np.array(row, float) for row in rows]
    changes = [np.zeros(len(row)) for row in rows]
    gates, cells, s = silence(design)
    d_in, d_forget, d_cell = ([0.0] * (b * size) for _ in range(3))  # vectors, over the sources and 1
    answers = []
    for x, target in zip(inputs, targets, strict=True):
        now = advance(design, rows, sources(design, x, gates, cells), s)
        gates, cells, s = now.gates, now.cells, now.s
        y_m = np.array([*now.source, 1.0])
        for j in range(b):
            kept = f(now.net[b + j])
            for c in range(j * size, (j + 1) * size):
                net_c = now.net[3 * b + c]
                d_in[c] = d_in[c] * kept + curve(net_c, design.g) * slope(now.net[j], (0, 1)) * y_m
                d_forget[c] = d_forget[c] * kept + now.before[c] * slope(now.net[b + j], (0, 1)) * y_m
                d_cell[c] = d_cell[c] * kept + slope(net_c, design.g) * f(now.net[j]) * y_m
        if target is None:
            continue
        out = outputs(design, rows, cells)
        answers.append(out)
        e_k = [(t - o) * (1 if design.linear else o * (1 - o)) for t, o in zip(target, out, strict=True)]
        for j in range(b):
            for c in range(j * size, (j + 1) * size):
                arrived = sum(rows[first + k][c] * e_k[k] for k in range(design.n_out))
                e_s = f(now.net[2 * b + j]) * slope(s[c], design.h) * arrived
                e_out = slope(now.net[2 * b + j], (0, 1)) * curve(s[c], design.h) * arrived
                parts = {j: e_s * d_in[c], b + j: e_s * d_forget[c], 2 * b + j: e_out * y_m, 3 * b + c: e_s * d_cell[c]}
                for unit, vector in parts.items():
                    changes[unit] += rate * vector[: len(rows[unit])]
        for k in range(design.n_out):
            changes[first + k] += rate * e_k[k] * np.array([*cells, 1.0])[: len(rows[first + k])]
        if design.per_step:
            rows = [row + change for row, change in zip(rows, changes, strict=True)]
            changes = [np.zeros(len(row)) for row in rows]
    return [row + change for row, change in zip(rows, changes, strict=True)], answers
