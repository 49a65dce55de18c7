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
    by_count: bool = False  # the cell comes after so many training sequences, whatever the error does
    behind: bool = False  # the cell does the time step of t-1 when outputs do that of t
    start: float = 0.0  # the cell's output until then
    late: bool = False  # weights change when the first time step of the next sequence has been done


def one_hot(index, n):
    return np.array([1.0 if i == index else 0.0 for i in range(n)])


def net_outputs(rows, x, y_c):
    return np.array(rows[2:]) @ np.append(x, y_c)


def carried(design, rows, symbols, late=None):
    """What the outputs see of a cell that is there, at each time step, and its state; None before it has begun.

    ``late`` is a change of weights that is in ``rows``, but comes when the first time step has been done.
    """
    s, seen = 0.0, []
    for t in range(len(symbols)):
        if design.behind and t == 0:
            seen.append((None, design.start))
            continue
        x = one_hot(symbols[t - 1] if design.behind else symbols[t], design.n_in)
        gate, cell = rows[:2]
        if t == 0 and late is not None:
            gate, cell = gate - late[0], cell - late[1]
        s = s + f(gate @ x) * curve(cell @ x, design.g)
        seen.append((s, curve(s, design.h)))
    return seen


def loss(design, rows, symbols, goals, late=None):
    """The error of a net with its cell: 1/2 sum_k (t_k - y_k)^2, summed over the time steps that have a goal.

    If errors are plain it is the cross-entropy, which is what these errors descend.
    """
    total = 0.0
    first = len(symbols) - len(goals)
    for (_, y_c), symbol, goal in zip(
        carried(design, rows, symbols, late)[first:], symbols[first:], goals, strict=True
    ):
        x = one_hot(symbol, design.n_in)
        y = f(net_outputs(rows, x, y_c))
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
        self.waiting = [np.zeros(len(row)) for row in self.rows]  # for the next sequence's first time step to be done

    def run(self, symbols, goals, rate=0.0):
        """One sequence, learnt at ``rate``; the outputs at each time step that has a goal, which the last ones are."""
        design, n_in = self.design, self.design.n_in
        old, self.rows = self.rows, [row + w for row, w in zip(self.rows, self.waiting, strict=True)]
        d_in, d_c, s, slope = np.zeros(n_in), np.zeros(n_in), 0.0, 0.0
        y_c = design.start if self.has_cell else 0.0
        d_rows = [np.zeros(len(row)) for row in self.rows]
        answers = []
        for t, symbol in enumerate(symbols):
            if t > 0 or not design.behind:
                gate, cell = (old if t == 0 else self.rows)[:2]
                x = one_hot(symbols[t - 1] if design.behind else symbol, n_in)
                s = s + f(gate @ x) * curve(cell @ x, design.g)
                y_c = curve(s, design.h) if self.has_cell else 0.0
                slope = curve_slope(s, design.h)
                d_in += curve(cell @ x, design.g) * f_slope(gate @ x) * x
                d_c += curve_slope(cell @ x, design.g) * f(gate @ x) * x
            n_before = len(symbols) - len(goals)
            if t < n_before:
                continue
            x = one_hot(symbol, n_in)
            net_k = net_outputs(self.rows, x, y_c)
            answers.append(f(net_k))
            e_k = one_hot(goals[t - n_before], design.n_out) - f(net_k)
            if not design.plain_error:
                e_k = f_slope(net_k) * e_k
            e_s = slope * sum(row[-1] * e for row, e in zip(self.rows[2:], e_k, strict=True)) if self.has_cell else 0.0
            seen = np.append(x, y_c)
            changes = [rate * e_s * d_in, rate * e_s * d_c, *(rate * e * seen for e in e_k)]
            if design.per_step:
                self.rows = [row + change for row, change in zip(self.rows, changes, strict=True)]
            else:
                d_rows = [d_row + change for d_row, change in zip(d_rows, changes, strict=True)]
        if design.late:
            self.waiting = d_rows
        else:
            self.rows = [row + d_row for row, d_row in zip(self.rows, d_rows, strict=True)]
        return answers

    def settle(self, mean_error):
        """A training sequence has ended: is it time for the cell?"""
        self.errors.append(mean_error)
        n = self.design.grow_after
        if self.has_cell:
            return
        if self.design.by_count:
            self.has_cell = len(self.errors) == n
        elif len(self.errors) % n == 0 and len(self.errors) >= 2 * n:
            latest, before = np.mean(self.errors[-n:]), np.mean(self.errors[-2 * n : -n])
            self.has_cell = not latest < (1 - self.design.grow_below) * before
        if self.has_cell:
            self.grown_after = len(self.errors)
