"""How something goes as nets learn: a quantity of them, seen on test sequences, against training sequences.

Nets are those of the campaign's rows, under readings, in trials that never stop; controls differ in one setting.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from repro.experiments.condition import Condition
    from repro.experiments.config import Row
    from repro.looking.watching import Watched

_ENDLESS = {"stop.window": 1_000_000}  # no trial is asked before its limit: it goes on, whatever it learns
_NO_LOOK = {"stop.exam_sequences": 1}  # and where there are exams the last look is short


@dataclass(frozen=True)
class Net:
    """Nets to be trained: a row, and what of it is not as printed."""

    label: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What is asked of nets as they learn."""

    title: str
    row: str
    what: str  # the quantity, in words
    quantity: "Callable[[Watched], float]"
    nets: tuple[Net, ...]
    sequences: tuple[int, ...]  # training sequences after which they are looked at
    trials: int = 5
    tests: int = 4  # test sequences on which


@dataclass(frozen=True)
class Course:
    """A quantity against training sequences, or time steps, or what else ``x`` is."""

    label: str
    x: np.ndarray  # (n,)
    value: np.ndarray  # (n, 3) quartiles over trials, and test sequences or cells


def courses(question: Question, show: Callable[[str], object] = lambda _: None) -> list[Course]:
    """A question's answer, for each of its nets."""
    from repro.experiments import config
    from repro.looking import watching

    row, found = config.load()[question.row], []
    for net in question.nets:
        values = []
        for n in question.sequences:
            show(f"{question.row}, {net.label}, after {n:,} sequences")
            condition, seen = endless(row, net, n), []
            for trial in range(question.trials):
                rerun = watching.Rerun(condition, trial)
                if n:
                    rerun.train()
                seen += [question.quantity(rerun.watch(number)) for number in range(question.tests)]
            values.append(seen)
        found.append(Course(net.label, np.array(question.sequences), spread(np.array(values))))
    return found


def endless(row: "Row", net: Net, sequences: int) -> "Condition":
    """A row's trials with a net's changes, that end after so many training sequences whatever they have learnt."""
    short = _NO_LOOK if row.condition().settings["stop"]["exam_sequences"] else {}
    return row.condition(overrides={**net.changes, **_ENDLESS, **short, "stop.max_sequences": max(sequences, 1)})


def spread(values: np.ndarray) -> np.ndarray:
    """Quartiles of each row."""
    return np.asarray(np.percentile(values, [25, 50, 75], axis=1).T)
