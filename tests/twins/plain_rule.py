"""The net of repro/templates/learner.py and its rule in plain float64: an Elman net whose errors go back one time step.

Weights are a list of rows: of each hidden unit, from inputs, hidden units a time step ago, 1; of each output, from
hidden units, 1.
"""

import math

import numpy as np


def f(x):
    return 1 / (1 + math.exp(-x))


def learn(hidden, rows, inputs, targets, rate):
    """New rows, and the outputs at each target; a target is None where there is none."""
    w, w_out = [list(row) for row in rows[:hidden]], [list(row) for row in rows[hidden:]]
    y, answers = [0.0] * hidden, []
    for x, target in zip(inputs, targets, strict=True):
        source = [*x, *y, 1.0]
        y = [f(sum(weight * z for weight, z in zip(row, source, strict=True))) for row in w]
        if target is None:
            continue
        seen = [*y, 1.0]
        out = [f(sum(weight * z for weight, z in zip(row, seen, strict=True))) for row in w_out]
        answers.append(out)
        e_out = [o * (1 - o) * (t - o) for o, t in zip(out, target, strict=True)]
        for u in range(hidden):
            e = y[u] * (1 - y[u]) * sum(w_out[k][u] * e_out[k] for k in range(len(out)))
            for m, z in enumerate(source):
                w[u][m] += rate * e * z
        for k, e in enumerate(e_out):
            for u, z in enumerate(seen):
                w_out[k][u] += rate * e * z
    return [np.array(row) for row in w + w_out], answers
