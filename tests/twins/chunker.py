"""The two-net chunker (Schmidhuber 1992b) in plain float64, from protocol.md, section 4.5, and the choices below.

The automatizer A sees every symbol and predicts the next one, and perhaps the hidden units of the chunker C. C sees the
first symbol of a sequence and those that A failed to predict. At each time step, with symbol m and next symbol g::

    A's hidden units see m.
    If m was passed to C, C's hidden units see m, and C predicts anew. Else C stays as it is.
    A predicts. It has failed if an output for a symbol is wrong by ``failure`` or more.
    A learns: g, and C's hidden units as they are now.
    If A has failed, C learns g. The next symbol is passed to C just if A has failed.

Both are layered nets without biases whose outputs see the inputs, and learn by real-time recurrent learning; C's time
steps are those at which it was passed something. If outputs are ``late``, each net's see the hidden units of its own
time step before. Weights are A's rows, then C's, each net's as `twins.recurrent` has
them; A has an output for each symbol, then one for each hidden unit of C.
"""

from typing import NamedTuple

import numpy as np


class Design(NamedTuple):
    n: int  # symbols
    hidden: int  # units of either net
    failure: float = 0.25
    predict_state: bool = True
    per_step: bool = True
    late: bool = False
    start: float = 0.0  # activations before a sequence


def f(x):
    return 1 / (1 + np.exp(-x))


class Half:
    """One of the two nets."""

    def __init__(self, design, rows):
        """``rows``: those of the hidden units, then those of the outputs."""
        self.hidden, self.late, self.start = design.hidden, design.late, design.start
        self.rows = [np.array(row, float) for row in rows]
        self.waiting = [np.zeros(len(row)) for row in self.rows]
        self.forget()

    def forget(self):
        self.h = np.full(self.hidden, self.start)
        self.kept = None
        self.p = np.zeros((self.hidden, self.hidden, len(self.rows[0])))  # [u, i, j]: d h_u / d w_ij
        self.z_out = self.y = None

    def step(self, x):
        """See ``x``, and predict."""
        seen, self.kept = (self.kept if self.late else x), x
        if seen is not None:
            self.move(seen)
        self.z_out = np.concatenate([x, self.h])
        self.y = np.array([f(row @ self.z_out) for row in self.rows[self.hidden :]])

    def move(self, x):
        z = np.concatenate([x, self.h])
        to_hidden = self.rows[: self.hidden]
        self.h = np.array([f(row @ z) for row in to_hidden])
        old, self.p = self.p, np.zeros_like(self.p)
        for u, row in enumerate(to_hidden):
            for v in range(self.hidden):
                self.p[u] += row[len(x) + v] * old[v]
            self.p[u, u] += z
            self.p[u] *= self.h[u] * (1 - self.h[u])

    def learn(self, errors, rate, per_step):
        """``errors``: how far the outputs are below their targets."""
        e_k = self.y * (1 - self.y) * errors
        e_h = np.zeros(self.hidden)
        for e, row in zip(e_k, self.rows[self.hidden :], strict=True):
            e_h += e * row[-self.hidden :]
        d_hidden = [rate * sum(e_h[u] * self.p[u, i] for u in range(self.hidden)) for i in range(self.hidden)]
        d_rows = d_hidden + [rate * e * self.z_out for e in e_k]
        self.waiting = [w + d_row for w, d_row in zip(self.waiting, d_rows, strict=True)]
        if per_step:
            self.settle()

    def settle(self):
        self.rows = [row + w for row, w in zip(self.rows, self.waiting, strict=True)]
        self.waiting = [np.zeros(len(row)) for row in self.rows]


class Chunker:
    def __init__(self, design, rows):
        self.design = design
        of_a = design.hidden + design.n + design.hidden
        self.a, self.c = Half(design, rows[:of_a]), Half(design, rows[of_a:])

    @property
    def rows(self):
        return self.a.rows + self.c.rows

    def run(self, symbols, goals, rate=0.0):
        """One sequence, learnt at ``rate``: the outputs of A, those of C, and was the symbol passed to C, each step."""
        n, per_step = self.design.n, self.design.per_step
        self.a.forget()
        self.c.forget()
        passed, answers, chunks, passes = True, [], [], []
        for symbol, goal in zip(symbols, goals, strict=True):
            x, target = np.eye(n)[symbol], np.eye(n)[goal]
            self.a.step(x)
            if passed:
                self.c.step(x)
            answers.append(self.a.y[:n])
            chunks.append(self.c.y)
            passes.append(passed)
            failed = not np.abs(target - self.a.y[:n]).max() < self.design.failure
            state = self.c.h - self.a.y[n:] if self.design.predict_state else np.zeros(self.design.hidden)
            if rate > 0:
                self.a.learn(np.concatenate([target - self.a.y[:n], state]), rate, per_step)
                if failed:
                    self.c.learn(target - self.c.y, rate, per_step)
            passed = failed
        self.a.settle()
        self.c.settle()
        return answers, chunks, passes
