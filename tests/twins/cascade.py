"""Recurrent cascade-correlation in plain float64, from protocol.md, section 4.2, and the docstring of the learner.

An epoch is kept as a list of sequences; when it is complete, everything is computed from it anew. The slopes of the
candidates are their definition: the derivative of the sum of the correlations, each with the sign and the mean error it
had in the epoch before, by imaginary differences (the quotient Im f(w + i h) / h has no rounding error to speak of).

The row of a hidden unit or candidate has one weight for each input, the bias if there is one, the unit's own output a
time step ago, and each hidden unit before it; the row of an output one for each input, the bias, each hidden unit.
"""

from typing import NamedTuple

import numpy as np


class Phase(NamedTuple):
    """How weights of one kind are trained."""

    epsilon: float
    mu: float
    decay: float
    epochs: int
    patience: int
    change: float


class Design(NamedTuple):
    """What net it is, and how it learns and grows."""

    n_in: int
    n_out: int
    epoch: int
    outputs: Phase
    pool: Phase
    biased: bool = True
    lowest: float = -0.5  # output of a hidden unit; the highest is 1 more
    max_units: int = 50
    candidates: int = 8
    init: float = 1.0
    prime_offset: float = 0.1


def f(x):
    return 1 / (1 + np.exp(-x))


def output(net):
    """An output unit, whose tails are cut off."""
    return 0.0 if net < -15 else 1.0 if net > 15 else f(net)


def quickprop(d, s, s_before, epsilon, mu):
    """The step after step ``d``, and which of its four kinds it is: Fahlman's rule, case by case."""
    shrink = mu / (1 + mu)
    if d == 0:
        return -epsilon * s, "first"
    if d < 0:
        linear = -epsilon * s if s > 0 else 0.0
        if s >= shrink * s_before:
            return linear + mu * d, "down, longest"
        return linear + d * s / (s_before - s), "down, parabola" + (" and on" if s > 0 else "")
    linear = -epsilon * s if s < 0 else 0.0
    if s <= shrink * s_before:
        return linear + mu * d, "up, longest"
    return linear + d * s / (s_before - s), "up, parabola" + (" and on" if s < 0 else "")


def unit_outputs(design, row, seen):
    """A unit's output at each time step; ``seen``: inputs, bias, units before it."""
    fixed = design.n_in + design.biased
    v, outputs = 0.0, []
    for x in seen:
        v = design.lowest + f(row[:fixed] @ x[:fixed] + row[fixed] * v + row[fixed + 1 :] @ x[fixed:])
        outputs.append(v)
    return outputs


def seen_by_outputs(design, hidden, xs):
    """Inputs, bias and hidden units at each time step of a sequence."""
    seen = [np.append(x, [1.0] if design.biased else []) for x in xs]
    for row in hidden:
        seen = [np.append(x, v) for x, v in zip(seen, unit_outputs(design, row, seen), strict=True)]
    return seen


def correlations(design, row, seen, last, errors, mean_errors=None):
    """C_k; ``seen``: that of each sequence, ``last``: how many of its last time steps have a target."""
    v = np.concatenate([unit_outputs(design, row, steps)[-n:] for steps, n in zip(seen, last, strict=True)])
    square = (errors**2).sum() or 1.0
    if mean_errors is None:
        return (v @ errors - v.mean() * errors.sum(0)) / square
    return v @ (errors - mean_errors) / square


class Net:
    """A net that learns and grows."""

    def __init__(self, design, rows, uniform):
        """``rows``: those of the outputs; ``uniform()`` draws from 0 to 1."""
        self.design, self.uniform = design, uniform
        self.hidden, self.output = [], [np.array(row, float) for row in rows]
        self.steps = [np.zeros(len(row)) for row in self.output]
        self.slopes = [np.zeros(len(row)) for row in self.output]
        self.sequences = []
        self.pool = None
        self.measures = []  # error or best score, of each epoch of this phase
        self.epochs = {"outputs": 0, "candidates": 0}
        self.log = []  # what happened
        self.kinds = set()  # of steps

    def rows(self):
        return self.hidden + self.output

    def answers(self, xs):
        seen = seen_by_outputs(self.design, self.hidden, xs)
        return [np.array([output(row @ x) for row in self.output]) for x in seen]

    def train(self, xs, targets):
        """A training sequence; ``targets``: of its last time steps."""
        self.sequences.append((xs, targets))
        if len(self.sequences) == self.design.epoch:
            seen = [seen_by_outputs(self.design, self.hidden, xs) for xs, _ in self.sequences]
            last = [len(targets) for _, targets in self.sequences]
            at_targets = np.concatenate([x[-n:] for x, n in zip(seen, last, strict=True)])
            y = np.array([[output(row @ x) for row in self.output] for x in at_targets])
            apart = y - np.concatenate([targets for _, targets in self.sequences])
            errors = apart * (y * (1 - y) + self.design.prime_offset)
            if self.pool is None:
                self.train_outputs(at_targets, apart, errors)
            else:
                self.train_pool(seen, last, errors)
            self.sequences = []

    def move(self, row, step, slope_before, slope, phase, divisor):
        """The row, its step and its slope after an epoch."""
        slope = slope + phase.decay * row
        new = []
        for d, s, s_before in zip(step, slope, slope_before, strict=True):
            change, kind = quickprop(d, s, s_before, phase.epsilon / divisor, phase.mu)
            self.kinds.add(kind)
            new.append(change)
        return row + new, np.array(new), slope

    def has_ended(self, phase, measure):
        """Is this the last epoch of the phase: is it long enough, or has nothing happened for a while?"""
        self.measures.append(measure)
        mark, marked = self.measures[0], 0
        for n, value in enumerate(self.measures):
            if abs(value - mark) > phase.change * mark:
                mark, marked = value, n
        age = len(self.measures)
        if age - 1 - marked >= phase.patience or age >= phase.epochs:
            self.log.append("stagnates" if age < phase.epochs else "longest")
            self.measures = []
            return True
        return False

    def train_outputs(self, seen, apart, errors):
        self.epochs["outputs"] += 1
        for k, row in enumerate(self.output):
            slope = errors[:, k] @ seen
            self.output[k], self.steps[k], self.slopes[k] = self.move(
                row, self.steps[k], self.slopes[k], slope, self.design.outputs, len(seen)
            )
        if len(self.hidden) < self.design.max_units and self.has_ended(self.design.outputs, (apart**2).sum()):
            self.draw_pool()

    def draw_pool(self):
        n = self.design.n_in + self.design.biased + 1 + len(self.hidden)
        self.pool = []  # the row of each candidate, its step, its slopes before that
        for _ in range(self.design.candidates):
            row = [self.design.init * (2 * self.uniform() - 1) for _ in range(n)]
            self.pool.append([np.array(row), np.zeros(n), np.zeros(n)])
        self.signs = None

    def train_pool(self, seen, last, errors):
        self.epochs["candidates"] += 1
        found = [correlations(self.design, row, seen, last, errors) for row, _, _ in self.pool]
        scores = [np.abs(c).sum() for c in found]
        if self.signs is not None:
            for part, sign in zip(self.pool, self.signs, strict=True):
                row, step, slope_before = part
                slope = -score_slope(self.design, row, sign, seen, last, errors, self.mean_errors)
                divisor = len(errors) * (len(row) - 1)
                part[:] = self.move(row, step, slope_before, slope, self.design.pool, divisor)
        self.signs, self.mean_errors = [np.where(c < 0, -1, 1) for c in found], errors.mean(0)
        if self.has_ended(self.design.pool, max(scores)):
            best = int(np.argmax(scores))
            self.log.append(f"candidate {best}")
            self.hidden.append(self.pool[best][0])
            self.output = [np.append(row, -c) for row, c in zip(self.output, found[best], strict=True)]
            self.steps = [np.append(step, 0) for step in self.steps]
            self.slopes = [np.append(slope, 0) for slope in self.slopes]
            self.pool = None


def score_slope(design, row, sign, seen, last, errors, mean_errors):
    """The derivative of sum_k sign_k C_k with respect to each weight of a candidate."""
    slope = np.zeros(len(row))
    for m in range(len(row)):
        moved = row.astype(complex)
        moved[m] += 1e-30j
        slope[m] = (sign @ correlations(design, moved, seen, last, errors, mean_errors)).imag / 1e-30
    return slope
