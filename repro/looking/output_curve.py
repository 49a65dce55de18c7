"""Why the curve of the output units matters: outputs at the wrong end of it that learn no more, targets near its ends.

The printed output error is f'(net_k) (t_k - y_k), and f' = y_k (1 - y_k) for a logistic output. In 2a and 2b a fresh
cell has h(s) = s and adds g y_in, about a quarter, at every time step: after a hundred its state is 25. With a learning
rate of 1 a first error then moves the net input of an output by more than 25, to one end of its curve. If that is the
wrong one, f' is 0 and nothing is learnt, for ever. Without f' the error is there as large as can be, and undoes it.

In 4 targets are all over [0, 1]. A logistic output has to be far out on its curve for those near an end; a linear one
has not.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from repro.looking.courses import Course, Net, Question, courses, endless, spread

if TYPE_CHECKING:
    from repro.looking.watching import Watched

_FIRST = {"learner.grow_after": 0}  # the cell from the start
_END = {"task.targets": "end", "task.judged": "end"}
_PLAIN = {"learner.output_error": "plain"}
_SEQUENCES = (0, 10, 30, 100, 300, 1000, 3000)


def largest_error(seen: "Watched") -> float:
    """The largest |t - y| of the outputs at the last time step."""
    return float(np.abs(seen.targets[-1] - seen.outputs[-1]).max())


def derivative(seen: "Watched") -> float:
    """The derivative f' of the output that errs most at the last time step."""
    y = seen.outputs[-1][np.abs(seen.targets[-1] - seen.outputs[-1]).argmax()]
    return float(y * (1 - y))


_NETS = (  # a factorial: what is multiplied by f', and which time steps have targets
    Net("every step, f'", _FIRST),
    Net("every step, no f' (control)", {**_FIRST, **_PLAIN}),
    Net("end, f' (control)", {**_FIRST, **_END}),
    Net("end, no f'", {**_FIRST, **_END, **_PLAIN}),
)
QUESTIONS = (
    Question(
        "2b, cell from the start", "2b/lstm/p=100", "largest |error| at the end", largest_error, _NETS, _SEQUENCES
    ),
    Question(
        "2b, cell from the start", "2b/lstm/p=100", "f' of the output that errs most", derivative, _NETS, _SEQUENCES
    ),
    Question(
        "2a", "2a/lstm/p=100", "largest |error| at the end", largest_error,
        (
            Net("cell when error stagnates, f' (printed)"),
            Net("cell from the start, f' (control)", _FIRST),
            Net("cell when error stagnates, no f' (control)", _PLAIN),
            Net("cell from the start, no f'", {**_FIRST, **_PLAIN}),
        ),
        _SEQUENCES,
    ),
)  # fmt: skip

# The adding problem: how wrong nets are by where the target lies, after about as many sequences as the paper needed.
ADDING, LEARNT, TRIALS, TESTS = "4/lstm/T=100", 74_000, 5, 200
ADDERS = (
    Net("logistic, f' (printed)"),
    Net("logistic, no f' (control)", _PLAIN),
    Net("linear", {"learner.output": "linear"}),
)
BOUNDS = np.array([0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 1])  # of targets: few lie near the ends


def by_target(show: Callable[[str], object] = lambda _: None) -> list[Course]:
    """The mean absolute error of each trial's net on test sequences, against their targets."""
    from repro.experiments import config
    from repro.looking import watching

    row, found = config.load()[ADDING], []
    for net in ADDERS:
        show(f"{ADDING}, {net.label}, after {LEARNT:,} sequences")
        cell, means = endless(row, net, LEARNT), []
        for trial in range(TRIALS):
            rerun = watching.Rerun(cell, trial)
            rerun.train()
            means.append(binned([rerun.watch(number) for number in range(TESTS)]))
        found.append(Course(net.label, (BOUNDS[1:] + BOUNDS[:-1]) / 2, spread(np.array(means).T)))
    return found


def binned(seen: "Sequence[Watched]") -> np.ndarray:
    """The mean |t - y| at the end of those sequences whose target lies between two bounds; NaN where there is none."""
    target = np.array([one.targets[-1, 0] for one in seen])
    error = np.abs(target - [one.outputs[-1, 0] for one in seen])
    place = np.digitize(target, BOUNDS[1:-1])
    return np.array([error[place == k].mean() if (place == k).any() else np.nan for k in range(len(BOUNDS) - 1)])


def measure(show: Callable[[str], object] = lambda _: None) -> tuple[list[tuple[Question, list[Course]]], list[Course]]:
    """All of it; takes some minutes, most of them to compile."""
    return [(question, courses(question, show)) for question in QUESTIONS], by_target(show)
