"""The net of experiments 2a and 2b in plain float64, from protocol.md, sections 1.2 and 3.

At first it has inputs and outputs alone, later a memory cell with an input gate and without an output gate. When the
cell comes is what the docstring of `repro.learners.layered_lstm` says of an error that has stopped decreasing.

Weights are a list of rows: the input gate's and the cell's, one weight for each input, then one row for each output,
one weight for each input and last the cell's. No unit has a bias. Symbols are given by their index and counted from 0.
"""

from typing import NamedTuple

import numpy as np

from .lstm import curve, curve_slope, f, f_slope


class Design(NamedTuple):
    """What net it is, and how it learns and grows."""

    n_in: int
    n_out: int
    g: tuple = (0.0, 1.0)
    h: tuple | None = None  # None: the identity
    plain_error: bool = False  # e_k without f'(net_k)
    per_step: bool = True  # weights change at every time step, not at the end of the sequence
    grow_after: int = 0  # training sequences of each mean error; 0: the cell is there from the start
    grow_below: float = 0.01  # fraction by which the error must decrease lest the cell be added


def one_hot(index, n):
    return np.array([1.0 if i == index else 0.0 for i in range(n)])


def net_outputs(rows, x, y_c):
    return np.array([row @ np.append(x, y_c) for row in rows[2:]])


def loss(design, rows, symbols, goals):
    """The error of a net with its cell: 1/2 sum_k (t_k - y_k)^2, summed over all time steps.

    If errors are plain it is the cross-entropy, which is what these errors descend.
    """
    s, total = 0.0, 0.0
    for symbol, goal in zip(symbols, goals, strict=True):
        x = one_hot(symbol, design.n_in)
        s = s + f(rows[0] @ x) * curve(rows[1] @ x, design.g)
        y = f(net_outputs(rows, x, curve(s, design.h)))
        target = one_hot(goal, design.n_out)
        if design.plain_error:
            total = total - (target * np.log(y) + (1 - target) * np.log(1 - y)).sum()
        else:
            total = total + 0.5 * ((target - y) ** 2).sum()
    return total


class Net:
    """A net that learns and grows."""

    def __init__(self, design, rows):
        self.design = design
        self.rows = [np.array(row, float) for row in rows]
        self.has_cell = design.grow_after == 0
        self.errors = []  # mean error of each training sequence
        self.grown_after = 0  # training sequences when the cell was added; 0 before that, or if it was always there

    def run(self, symbols, goals, rate=0.0):
        """One sequence, learnt at ``rate``; the outputs at each time step."""
        d_in, d_c, s = np.zeros(self.design.n_in), np.zeros(self.design.n_in), 0.0
        waiting = [np.zeros(len(row)) for row in self.rows]
        answers = []
        for symbol, goal in zip(symbols, goals, strict=True):
            gate, cell, *output = self.rows
            x = one_hot(symbol, self.design.n_in)
            s = s + f(gate @ x) * curve(cell @ x, self.design.g)
            y_c = curve(s, self.design.h) if self.has_cell else 0.0
            d_in += curve(cell @ x, self.design.g) * f_slope(gate @ x) * x
            d_c += curve_slope(cell @ x, self.design.g) * f(gate @ x) * x
            net_k = net_outputs(self.rows, x, y_c)
            answers.append(f(net_k))
            e_k = one_hot(goal, self.design.n_out) - f(net_k)
            if not self.design.plain_error:
                e_k = f_slope(net_k) * e_k
            e_s = curve_slope(s, self.design.h) * sum(row[-1] * e for row, e in zip(output, e_k, strict=True))
            if not self.has_cell:
                e_s = 0.0
            d_rows = [rate * e_s * d_in, rate * e_s * d_c, *(rate * e * np.append(x, y_c) for e in e_k)]
            if self.design.per_step:
                self.rows = [row + d_row for row, d_row in zip(self.rows, d_rows, strict=True)]
            else:
                waiting = [w + d_row for w, d_row in zip(waiting, d_rows, strict=True)]
        self.rows = [row + w for row, w in zip(self.rows, waiting, strict=True)]
        return answers

    def settle(self, mean_error):
        """A training sequence has ended: is it time for the cell?"""
        self.errors.append(mean_error)
        n = self.design.grow_after
        if self.has_cell or len(self.errors) % n or len(self.errors) < 2 * n:
            return
        latest, before = np.mean(self.errors[-n:]), np.mean(self.errors[-2 * n : -n])
        if not latest < (1 - self.design.grow_below) * before:
            self.has_cell = True
            self.grown_after = len(self.errors)
