"""How errors change on their way back through time (Hochreiter & Schmidhuber 1997, section 3), measured in real nets.

In a conventional recurrent net errors theta at the net inputs of units go back a time step by::

    theta_v(t-1) = f'(net_v(t-1)) sum_u w_uv theta_u(t)                                      (section 3.1)

Entry (v, u) of the product of q such matrices, a sum over all paths from u to v, is the factor of eqs 1 and 2: by it an
error at unit u at time t is scaled when it comes to v at time t-q. A single step of a path shrinks the error if
|f'(net_v) w_uv| < 1, which logistic units always do if |w_uv| < 4.

In an LSTM net the same is asked of errors at the internal states s. The rule of 1997 drops errors that leave a memory
cell by its gates and its input; what is left between s(t) and s(t-q) is the constant error carousel. The whole
derivative of s(t) in s(t-q) also has the errors that leave and come back. One step remembers y_in, y_out and s of the
one before::

    net(t) = W y(t-1) + ...    y_c(t) = y_out(t) h(s(t))    s(t) = s(t-1) + y_in(t) g(net_c(t))

Of each product the largest singular value is told: the most by which an error can grow, however it is spread over
units. No factor between two units is larger, so nets whose errors vanish are shown at their best. Of the carousel, an
identity, it is exactly 1.

The nets are trials of the campaign, trained again to the same bits, then watched on test sequences.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["conventional", "carousel", "whole"]  # a simple recurrent net; LSTM's states, truncated or not


@dataclass(frozen=True)
class Case:
    """Nets to measure: trials of a row as printed, but for ``overrides``."""

    label: str
    row: str
    trials: tuple[int, ...]
    sequences: tuple[int, ...]  # numbers of test sequences
    overrides: Mapping[str, Any] = field(default_factory=dict)


CASES = (
    # Conventional nets that learned their task, with its short lags: for each pair of training and test set the trial
    # that was first. These strings have at least 17 time steps in all three test sets.
    Case("RTRL, Reber grammar", "1/rtrl/hidden=12,lr=0.1", (8, 9, 22), (260, 300, 396)),
    # Conventional nets with the exact gradient, on sequences of 100 time steps. They learn nothing, in three times as
    # many sequences as LSTM takes, nor in ten times as many.
    Case("BPTT, temporal order", "6a/bptt", (0, 1, 2), (0, 1, 2), {"stop.max_sequences": 100_000}),
    # LSTM on the same task: the first three trials that learned it (19 of 20 did).
    Case("LSTM, temporal order", "6a/lstm", (1, 2, 3), (0, 1, 2)),
)


@dataclass(frozen=True)
class Flow:
    """How errors are scaled on their way back in the nets of some trials, from all time steps of some sequences."""

    label: str  # algorithm and task
    kind: Kind
    outcomes: tuple[str, ...]  # of the trials when trained; none if the weights are as they were drawn
    q: np.ndarray  # (n,) steps back: 1, 2, ..., as far as the shortest sequence goes
    factor: np.ndarray  # (n, 3) least, median and largest over trials, sequences and time steps
    largest_weight: float | None = None  # of conventional nets: max |w_uv|
    shrinking: float | None = None  # and of all v, u and time steps the fraction with |f'(net_v) w_uv| < 1

    @property
    def trained(self) -> bool:
        """Or are the weights as they were drawn."""
        return bool(self.outcomes)


def measure(show: Callable[[str], object] = lambda _: None) -> list[Flow]:
    """Measure all `CASES` with fresh and with trained weights; takes half a minute, most of it for training.

    ``show`` is told what comes next.
    """
    from repro.experiments import config
    from repro.looking import watching

    flows = []
    for case in CASES:
        show(f"nets of {case.label}")
        cell = config.load()[case.row].condition(overrides=case.overrides)
        reruns = [watching.Rerun(cell, trial) for trial in case.trials]
        for train in (False, True):
            outcomes = tuple(rerun.train().outcome for rerun in reruns if train)
            nets = [rerun.watch(sequence) for rerun in reruns for sequence in case.sequences]
            flows += flows_of(case.label, cell.settings["learner"], outcomes, nets)
    return flows


def flows_of(label: str, learner: Mapping[str, Any], outcomes: tuple[str, ...], nets: Sequence[Any]) -> list[Flow]:
    """The flows in nets of one design.

    ``learner`` are its settings, ``outcomes`` those of the trials if they are trained, ``nets`` what was seen of them.
    """
    if learner["name"] == "lstm":
        curves, states = (learner["g"], learner["h"]), slice(2 * learner["blocks"], None)
        parts = [(net.weights, net.inputs, net.units) for net in nets]
        carousel = [through_cells(*part, *curves, truncated=True) for part in parts]
        whole = [through_cells(*part, *curves) for part in parts]
        return [
            Flow(label, "carousel", outcomes, *_summary(carousel, states)),
            Flow(label, "whole", outcomes, *_summary(whole, states)),
        ]
    steps, weights = [], []
    for net in nets:
        y = net.units["hidden unit"]
        if learner["net"] == "full":  # its outputs are recurrent units, too
            y = np.hstack([y, net.outputs])
        weights.append(recurrent_weights(net.weights, net.inputs.shape[1], y.shape[1]))
        steps.append(through_units(weights[-1], y))
    largest = float(np.abs(weights).max())
    shrinking = float(np.mean(np.abs(np.concatenate(steps)) < 1))
    return [Flow(label, "conventional", outcomes, *_summary(steps), largest, shrinking)]


def _summary(nets: Sequence[np.ndarray], units: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """``q`` and ``factor`` of a flow from the matrices of each net, of which only the errors at ``units`` are asked.

    All count alike: of longer sequences only as many time steps as the shortest has, the last ones.
    """
    shortest = min(map(len, nets))
    found = []
    for alike in zip(*(chains(steps[-shortest:]) for steps in nets), strict=True):
        scales = np.linalg.norm(np.concatenate(alike)[:, units, units], 2, axis=(1, 2))
        found.append(np.quantile(scales, [0, 0.5, 1]))
    return np.arange(1, shortest + 1), np.array(found)


def chains(steps: np.ndarray) -> Iterator[np.ndarray]:
    """The products of q = 1, 2, ... successive matrices of ``steps``, shape (T, n, n); each yield has T - q + 1.

    If steps[t] takes errors from time t+1 to t, number t of them takes errors from time t+q to t.
    """
    chain = steps
    yield chain
    while len(chain) > 1:
        chain = steps[: len(chain) - 1] @ chain[1:]
        yield chain


def recurrent_weights(weights: Sequence[np.ndarray], n_in: int, n: int) -> np.ndarray:
    """W[u, v], the weight to recurrent unit u from v, of the first n rows of a net's weights: inputs, units, bias."""
    return np.array([row[n_in : n_in + n] for row in weights[:n]], dtype=np.float64)


def through_units(w: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The matrices that take errors at the net inputs of logistic units from each time step to the one before.

    ``w`` are the `recurrent_weights`, ``y``, shape (T, n), the activations. Shape (T - 1, n, n); [t, v, u] is
    f'(net_v(t)) w_uv, from unit u at time t+1 to v at t.
    """
    y = y[:-1].astype(np.float64)
    return np.asarray((y * (1 - y))[:, :, None] * w.T)


def through_cells(
    weights: Sequence[np.ndarray],
    inputs: np.ndarray,
    units: Mapping[str, np.ndarray],
    g: tuple[float, float],
    h: tuple[float, float],
    truncated: bool = False,
) -> np.ndarray:
    """The matrices that take errors at y_in, y_out and s of an LSTM net from each time step to the one before.

    ``weights`` are in the learner's order, ``inputs`` (T, in) not given by index, ``units`` what the learner lets be
    seen; gates and cells see each other of the time step before. ``g`` and ``h`` are the ranges of the curves.
    ``truncated``, errors stop at the net inputs, as in the rule of 1997. Shape (T - 1, n, n), n = 2 blocks + cells.
    """
    y_in, y_out, s, y_c = (
        units[name].astype(np.float64) for name in ("input gate", "output gate", "internal state", "cell output")
    )
    (T, blocks), cells = y_in.shape, s.shape[1]
    gates, n = 2 * blocks, 2 * blocks + cells
    y = np.hstack([y_in, y_out, y_c])
    before = np.vstack([np.zeros(n), y[:-1]])
    source = np.hstack([inputs, before, np.ones((T, 1))])
    net_c = np.stack([source[:, : len(row)] @ row for row in weights[gates:n]], axis=1)
    g_of, g_slope = _curve(net_c, g)
    h_of, h_slope = _curve(s, h)
    cell, block = np.arange(cells), np.repeat(np.arange(blocks), cells // blocks)

    seen = np.zeros((T, n, n))  # d y / d (y_in, y_out, s)
    seen[:, :gates, :gates] = np.eye(gates)
    seen[:, gates + cell, blocks + block] = h_of
    seen[:, gates + cell, gates + cell] = y_out[:, block] * h_slope

    made = np.zeros((T, n, n))  # d (y_in, y_out, s) / d net
    gate = np.arange(gates)
    made[:, gate, gate] = y[:, :gates] * (1 - y[:, :gates])
    made[:, gates + cell, block] = g_of * (y_in * (1 - y_in))[:, block]
    made[:, gates + cell, gates + cell] = y_in[:, block] * g_slope

    carried = np.diag(np.arange(n) >= gates).astype(np.float64)  # d s(t) / d s(t-1) of itself
    w = np.zeros((n, n)) if truncated else recurrent_weights(weights, inputs.shape[1], n)
    forward = carried + made[1:] @ w @ seen[:-1]
    return forward.transpose(0, 2, 1)


def _curve(x: np.ndarray, limits: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The logistic curve between two limits, and its derivative."""
    low, high = limits
    f = 1 / (1 + np.exp(-x))
    return low + (high - low) * f, (high - low) * f * (1 - f)
