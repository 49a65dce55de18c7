"""Gated recurrent units (Cho et al. 2014) in plain float64, and the derivative of their error by its definition.

Weights are a list of rows, one a unit: reset gates, update gates, candidates, outputs. The row of a hidden unit has
weights from inputs, then from hidden units, then a bias, if there is one; that of an output from hidden units, and a
bias. Nothing goes back through time here: `gradient` moves one weight after the other by an imaginary number and looks
what becomes of the loss, which has no rounding error to speak of.
"""

import numpy as np


def f(x):
    return 1 / (1 + np.exp(-x))


def product(row, source):
    """The net input; the row ends in a bias if it is one longer than the sources."""
    return sum(weight * z for weight, z in zip(row, [*source, 1.0][: len(row)], strict=True))


def outputs(hidden, linear, rows, inputs):
    """The outputs of all time steps."""
    h, found = [0.0] * hidden, []
    for x in inputs:
        r = [f(product(row, [*x, *h])) for row in rows[:hidden]]
        z = [f(product(row, [*x, *h])) for row in rows[hidden : 2 * hidden]]
        kept = [r[j] * h[j] for j in range(hidden)]
        candidate = [np.tanh(product(row, [*x, *kept])) for row in rows[2 * hidden : 3 * hidden]]
        h = [z[j] * h[j] + (1 - z[j]) * candidate[j] for j in range(hidden)]
        net = [product(row, h) for row in rows[3 * hidden :]]
        found.append(net if linear else [f(x) for x in net])
    return found


def loss(hidden, linear, rows, inputs, targets):
    """1/2 sum_k (t_k - y_k)^2 over the time steps with a target."""
    total = 0.0
    for out, target in zip(outputs(hidden, linear, rows, inputs), targets, strict=True):
        if target is not None:
            total = total + sum(0.5 * (t - o) ** 2 for t, o in zip(target, out, strict=True))
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


def learn(hidden, linear, rows, inputs, targets, rate):
    """New rows, and the outputs at each target."""
    there = [t for t, target in enumerate(targets) if target is not None]
    found = outputs(hidden, linear, rows, inputs)
    slopes = gradient(lambda moved: loss(hidden, linear, moved, inputs, targets), rows)
    return [row - rate * slope for row, slope in zip(rows, slopes, strict=True)], [found[t] for t in there]
