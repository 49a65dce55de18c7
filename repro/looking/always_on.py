"""Why what gates and cells see matters: sources that are always on, in nets that are trained for a while.

A gate is about one half at every time step, and a bias is one. As sources of a memory cell such units are always on:
the partial derivative of the internal state by the weight from one grows with every time step (eq 27),

    d s(t) / d w_cm = sum over t' up to t of g'(net_c(t')) y_in(t') y_m(t'),

while that by the weight from an input symbol has a term only where the symbol came. So over a long time lag an update
at the end of a sequence moves the weights from sources that are always on most, and these then move the state at every
step. What follows is measured: derivatives against time, and what becomes of internal states with training.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from repro.looking.courses import Course, Net, Question, courses, spread

if TYPE_CHECKING:
    from repro.looking.watching import Watched

FRESH = ("2c/lstm/q=200,p=200", 10)  # the row whose fresh nets' derivatives are measured, and of how many trials


def _at_end(seen: "Watched") -> float:
    """The largest internal state at the last time step."""
    return float(np.abs(seen.units["internal state"][-1]).max())


def _most(seen: "Watched") -> float:
    """The largest internal state at any."""
    return float(np.abs(seen.units["internal state"]).max())


QUESTIONS = (
    Question(
        "2c, q = p = 200", "2c/lstm/q=200,p=200", "largest |internal state| at the trigger", _at_end,
        (
            Net("as printed"),
            Net("gates see inputs alone (control)", {"learner.gates_see": "inputs"}),
            Net("cells see inputs alone", {"learner.cells_see": "inputs"}),
        ),
        (0, 100, 300, 1000, 3000, 10_000),
    ),
    Question(
        "4, T = 500, linear output", "4/lstm/T=500", "largest |internal state| at the end", _at_end,
        (
            Net("biases learn", {"learner.output": "linear"}),
            Net("cells without biases (control)", {"learner.output": "linear", "learner.biased": "gates+outputs"}),
            Net(
                "cells without biases, see inputs alone",
                {"learner.output": "linear", "learner.biased": "gates+outputs", "learner.cells_see": "inputs"},
            ),
        ),
        (0, 100, 300, 1000, 3000, 10_000),
    ),
    Question(
        "1, 3x2, rate .5", "1/lstm/3x2,lr=0.5", "largest |internal state| in a string", _most,
        (
            Net("as printed"),
            Net("cells see no gates (control)", {"learner.cells_see": "no gates"}),
            Net("outputs have biases", {"learner.biased": "gates+outputs"}),
        ),
        (0, 30, 100, 300, 1000, 3000),
    ),
)  # fmt: skip


def derivatives(inputs: np.ndarray, units: Mapping[str, np.ndarray], g: tuple[float, float]) -> dict[str, np.ndarray]:
    """Partial derivatives of internal states by weights to their cells, at each time step of a sequence.

    ``inputs`` (T, n_in) are one-hot, ``units`` what the learner lets be seen, ``g`` the range of g. Net inputs are not
    needed: y_in g is what the state grows by. By source, of shape (T, cells): ``gate``, the mean over all gates;
    ``bias``; ``first`` and ``second``, the symbols of these two time steps; ``once``, a symbol that came once, now.
    """
    y_in, y_out, s = (units[name].astype(np.float64) for name in ("input gate", "output gate", "internal state"))
    cells, blocks = s.shape[1], y_in.shape[1]
    gate = y_in[:, np.repeat(np.arange(blocks), cells // blocks)]
    low, high = g
    f = (np.diff(s, axis=0, prepend=0) / gate - low) / (high - low)
    grows = (high - low) * f * (1 - f) * gate
    before = np.vstack([np.zeros(2 * blocks), np.hstack([y_in, y_out])[:-1]]).mean(axis=1, keepdims=True)
    first, second = (inputs[:, [inputs[t].argmax()]] for t in (0, 1))
    return {
        "gate": np.cumsum(grows * before, axis=0),
        "bias": np.cumsum(grows, axis=0),
        "first": np.cumsum(grows * first, axis=0),
        "second": np.cumsum(grows * second, axis=0),
        "once": grows,
    }


def growth(show: Callable[[str], object] = lambda _: None) -> list[Course]:
    """The derivatives in fresh nets of 2c as printed."""
    from repro.experiments import config
    from repro.looking import watching

    name, trials = FRESH
    show(f"fresh nets of {name}")
    cell = config.load()[name].condition()
    found: dict[str, list[np.ndarray]] = {}
    for trial in range(trials):
        seen = watching.Rerun(cell, trial).watch()
        for source, values in derivatives(seen.inputs, seen.units, cell.settings["learner"]["g"]).items():
            found.setdefault(source, []).append(np.abs(values))
    shortest = min(len(values) for values in found["gate"])
    labels = {"gate": "from a gate", "second": "from x or y, the symbol to be kept", "once": "from a distractor"}
    return [
        Course(label, np.arange(1, shortest + 1), spread(np.hstack([one[:shortest] for one in found[source]])))
        for source, label in labels.items()
    ]


def measure(
    show: Callable[[str], object] = lambda _: None,
) -> tuple[list[Course], Sequence[tuple[Question, list[Course]]]]:
    """All of it; takes some minutes, most of them to compile."""
    return growth(show), [(question, courses(question, show)) for question in QUESTIONS]
