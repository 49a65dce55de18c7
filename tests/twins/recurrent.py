"""Nets of recurrent logistic units and three learning rules in plain float64, from protocol.md, sections 4.1 to 4.4.

A layered net has hidden units, which see inputs(t) and all hidden units(t-1), and output units, which see hidden(t), or
hidden(t-1), and perhaps inputs(t). A full net (Williams & Zipser 1989) has recurrent units alone, which see inputs(t)
and all units(t-1); the last of them are the outputs. Either all units have a bias or none has.

Weights are a list of rows, one for each unit: the recurrent ones first, each with its weights from inputs, from
recurrent units, and its bias; then the outputs of a layered net, each with its weights from inputs, from hidden units,
and its bias. A sequence is a list of input vectors and a list of as many targets, None where there is none.

`Net` learns by real-time recurrent learning, which carries derivatives forward, or by carrying the error of each time
step back on its own, through all time steps before (BPTT) or through none (Elman's nets). `loss` is the error as an
explicit function of the weights.
"""

from typing import NamedTuple

import numpy as np


class Design(NamedTuple):
    """What net it is, and how it learns."""

    n_in: int
    n_out: int
    hidden: int
    full: bool = False
    direct: bool = False  # do the outputs of a layered net see the inputs
    biased: bool = False
    rule: str = "rtrl"  # or "bptt", "elman"
    per_step: bool = False  # weights change at every time step with a target, not at the end of the sequence
    forcing: bool = False  # in training, outputs of a full net are replaced by their targets before the next time step
    forgets: bool = True  # do activations and derivatives start anew in every sequence
    behind: bool = False  # hidden units do the time step of t-1 when outputs do that of t
    start: float = 0.0  # activations before a sequence

    @property
    def recurrent(self):
        """The number of recurrent units."""
        return self.hidden + self.n_out if self.full else self.hidden

    def row_lengths(self):
        to_recurrent = self.n_in + self.recurrent + self.biased
        to_output = (self.n_in if self.direct else 0) + self.hidden + self.biased
        return [to_recurrent] * self.recurrent + ([] if self.full else [to_output] * self.n_out)


class Moment(NamedTuple):
    """A time step."""

    z: np.ndarray  # what recurrent units see
    y: np.ndarray  # recurrent units
    z_out: np.ndarray  # what the outputs of a layered net see
    y_k: np.ndarray  # outputs


def f(x):
    return 1 / (1 + np.exp(-x))


def time_step(design, rows, x, before, x_out=None):
    """The next moment; ``before`` are the recurrent units a step ago, ``x_out`` what the outputs see, if not ``x``.

    If there is no ``x`` the recurrent units stand still.
    """
    x_out = x if x_out is None else x_out
    bias = [1.0] if design.biased else []
    z, y = None, before
    if x is not None:
        z = np.concatenate([x, before, bias])
        y = np.array([f(row @ z) for row in rows[: design.recurrent]])
    if design.full:
        return Moment(z, y, np.zeros(0), y[design.hidden :])
    z_out = np.concatenate([x_out if design.direct else [], y, bias])
    return Moment(z, y, z_out, np.array([f(row @ z_out) for row in rows[design.recurrent :]]))


def seen_at(design, xs, t):
    """The input that recurrent units see when outputs are at t."""
    if not design.behind:
        return xs[t]
    return xs[t - 1] if t > 0 else None


def loss(design, rows, xs, targets):
    """1/2 sum_k (d_k - y_k)^2 of a training sequence, summed over all time steps that have a target."""
    y, total = np.full(design.recurrent, design.start), 0.0
    for t, target in enumerate(targets):
        now = time_step(design, rows, seen_at(design, xs, t), y, xs[t])
        y = now.y
        if target is not None:
            total = total + 0.5 * ((target - now.y_k) ** 2).sum()
            if design.forcing:
                y = np.concatenate([y[: design.hidden], target])
    return total


def errors_now(design, rows, now, error):
    """The errors e_k at the net inputs of a layered net's outputs, and those at the activations of recurrent units.

    ``error`` is how far the outputs are below their targets.
    """
    if design.full:
        return [], np.concatenate([np.zeros(design.hidden), error])
    e_k = now.y_k * (1 - now.y_k) * error
    first = design.n_in if design.direct else 0
    e = np.zeros(design.recurrent)
    for h in range(design.hidden):
        for k, row in enumerate(rows[design.recurrent :]):
            e[h] += row[first + h] * e_k[k]
    return e_k, e


class Net:
    """A net that learns."""

    def __init__(self, design, rows):
        self.design = design
        self.rows = [np.array(row, float) for row in rows]
        self.left = None  # in tests, if nothing is forgotten: where training goes on afterwards
        self.forget()

    def forget(self):
        n = self.design.recurrent
        self.y = np.full(n, self.design.start)
        self.p = np.zeros((n, n, self.design.n_in + n + self.design.biased))  # [u, i, j]: d y_u / d w_ij
        self.past = []

    def run(self, xs, targets, rate=0.0):
        """One sequence, learnt at ``rate``; the outputs at each time step that has a target."""
        if self.design.forgets:
            self.forget()
        elif rate == 0 and self.left is None:
            self.left = self.y.copy(), self.p.copy()
        elif rate > 0 and self.left is not None:
            self.y, self.p = self.left
            self.left = None
        waiting = [np.zeros(len(row)) for row in self.rows]
        answers = []
        for t, target in enumerate(targets):
            self.step(seen_at(self.design, xs, t), xs[t])
            if target is None:
                continue
            y_k = self.now.y_k
            answers.append(y_k)
            d_rows = [rate * d_row for d_row in self.descent(target - y_k)]
            if self.design.per_step:
                self.rows = [row + d_row for row, d_row in zip(self.rows, d_rows, strict=True)]
            else:
                waiting = [w + d_row for w, d_row in zip(waiting, d_rows, strict=True)]
            if self.design.forcing and rate > 0:
                self.y[self.design.hidden :] = target
                self.p[self.design.hidden :] = 0
        self.rows = [row + w for row, w in zip(self.rows, waiting, strict=True)]
        return answers

    def step(self, x, x_out):
        """One time step, and the derivatives of all recurrent units in all of their weights."""
        n_in, n = self.design.n_in, self.design.recurrent
        now = self.now = time_step(self.design, self.rows, x, self.y, x_out)
        if x is None:
            return
        p = np.zeros_like(self.p)
        for u in range(n):
            for before in range(n):
                p[u] += self.rows[u][n_in + before] * self.p[before]
            p[u, u] += now.z
            p[u] *= now.y[u] * (1 - now.y[u])
        self.p = p
        self.y = now.y.copy()
        self.past.append(now)

    def descent(self, error):
        """What each weight changes by at learning rate 1 for the errors of this time step alone."""
        now = self.now
        e_k, e = errors_now(self.design, self.rows, now, error)
        outwards = [e * now.z_out for e in e_k]
        if self.design.rule == "rtrl":
            return [sum(e[u] * self.p[u, i] for u in range(len(e))) for i in range(len(e))] + outwards
        return self.backwards(e, steps={"bptt": len(self.past), "elman": 1}[self.design.rule]) + outwards

    def backwards(self, e, steps):
        """Errors at the activations of now, carried back through the latest ``steps`` time steps."""
        n_in, n = self.design.n_in, self.design.recurrent
        d_rows = [np.zeros(len(row)) for row in self.rows[:n]]
        for then in reversed(self.past[-steps:]):
            delta = then.y * (1 - then.y) * e
            for i in range(n):
                d_rows[i] += delta[i] * then.z
            e = np.array([sum(self.rows[i][n_in + u] * delta[i] for i in range(n)) for u in range(n)])
        return d_rows
