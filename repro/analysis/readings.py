"""Which readings carry which rows: where the published numbers come out, and after how many attempts.

A reading carries a row if no value of it that is judged is off: the success rate is EQUIVALENT or CONSISTENT, and so is
every training time, of which a CONSISTENT one counts only if the interval of its ratio has 1 in it and is no wider than
a factor of 3 from end to end: a wide interval agrees with everything. A training time that the paper prints as a bound
says no more than its success rate, and is passed by.

Who tries many readings finds one that fits. So beside each stands how many settings had been tried on its row, screened
ones among them, and whether the row had a part in choosing it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

from repro.analysis.tables import order
from repro.analysis.verdicts import AGREE, Comparison
from repro.experiments.condition import Condition, canonical
from repro.experiments.config import PRINTED, Row
from repro.records.store import Store

SEARCH = "search"  # folder of the screenings' records, in the results folder
WIDEST = 3.0  # from end to end of the interval of a CONSISTENT ratio, as a factor
_JUDGED = ("success rate", "success after")

Standing = Literal["carries", "no difference proven", "does not carry", "cannot be judged", "not run"]
STANDINGS: dict[Standing, str] = {
    "carries": "success rate and all training times are as published",
    "no difference proven": "none DIFFERS, but an interval is too wide, or leaves equality out when taken alone",
    "does not carry": "some value DIFFERS",
    "cannot be judged": "none DIFFERS, but some is NOT COMPARABLE",
    "not run": "trials are missing",
}


@dataclass(frozen=True)
class Fit:
    """A row under a reading."""

    values: tuple[Comparison, ...]  # success rate and training times, bounds aside
    tried: int  # settings tried on the row, `printed` and this one among them
    screened: bool  # was the row one of those that readings were chosen on

    @property
    def row(self) -> Row:
        """The row."""
        return self.values[0].line.row

    @property
    def reading(self) -> str:
        """The name of the reading."""
        return self.values[0].line.reading

    @property
    def run(self) -> bool:
        """Have all of its trials run."""
        return self.standing != "not run"

    @cached_property
    def standing(self) -> Standing:
        """Whether the reading carries the row."""
        verdicts = {comparison.verdict for comparison in self.values}
        if "NOT RUN" in verdicts:
            return "not run"
        if "DIFFERS" in verdicts:
            return "does not carry"
        if "NOT COMPARABLE" in verdicts:
            return "cannot be judged"
        return "carries" if all(map(agrees, self.values)) else "no difference proven"


def agrees(comparison: Comparison) -> bool:
    """Whether a value is as published, as far as a verdict can say and an interval is narrow enough to."""
    if comparison.verdict != "CONSISTENT" or comparison.unit != "ratio" or comparison.contrast is None:
        return comparison.verdict in AGREE
    low, high = comparison.contrast.low, comparison.contrast.high
    return 0 < low <= 1 <= high <= WIDEST * low


def of(comparisons: Iterable[Comparison], store: Store) -> list[Fit]:
    """The rows under each reading that was compared, with the rows' own settings, in the order of the paper.

    ``store`` has, in a folder beside its files, the screenings that readings were chosen by.

    Raises
    ------
    repro.records.store.StoreError
        If a file of screened trials cannot be read.

    """
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        bound = comparison.value == "success after" and comparison.line.published.beyond
        if comparison.value in _JUDGED and not comparison.line.changes and not bound:
            groups.setdefault((comparison.line.row.name, comparison.line.reading), []).append(comparison)
    search = Store(store.folder / SEARCH)
    conditions = {
        experiment: search.stored(experiment).conditions
        for experiment in dict.fromkeys(values[0].line.row.experiment for values in groups.values())
    }
    run: dict[str, set[str]] = {}
    for (row, _), values in groups.items():
        run.setdefault(row, set()).add(unlimited(values[0].line.condition))
    fits = []
    for (name, _), values in groups.items():
        screened = [condition for condition in conditions[values[0].line.row.experiment] if condition.row == name]
        tried = run[name] | set(map(unlimited, screened))
        fits.append(Fit(tuple(values), len(tried), bool(screened)))
    return sorted(fits, key=lambda fit: (order(fit.values[0].line.published.table), fit.values[0].line.published.line))


def unlimited(condition: Condition) -> str:
    """What was tried, whatever it is called and however long it was run."""
    return canonical(condition.unlimited)


def carrying(fits: Iterable[Fit]) -> dict[str, list[Fit]]:
    """By row: the readings that carry it, `printed` first."""
    by_row: dict[str, list[Fit]] = {}
    for fit in fits:
        if fit.standing == "carries":
            by_row.setdefault(fit.row.name, []).append(fit)
    return by_row


def by_learner(fits: Iterable[Fit]) -> dict[str, list[Fit]]:
    """The rows of LSTM and those of other learners, which are carried where they fail as published.

    A reading of LSTM's net has nothing to say of theirs.
    """
    groups: dict[str, list[Fit]] = {"LSTM": [], "other learners": []}
    for fit in fits:
        groups["LSTM" if fit.row.learner == "lstm" else "other learners"].append(fit)
    return {whose: some for whose, some in groups.items() if some}


def counts(fits: Iterable[Fit]) -> dict[str, tuple[int, int]]:
    """By reading: how many rows it carries, and how many it was judged on."""
    by_reading: dict[str, tuple[int, int]] = {}
    for fit in fits:
        carried, judged = by_reading.get(fit.reading, (0, 0))
        if fit.standing in ("carries", "no difference proven", "does not carry"):
            by_reading[fit.reading] = carried + (fit.standing == "carries"), judged + 1
    return dict(sorted(by_reading.items(), key=lambda item: (-item[1][0], item[0] != PRINTED, item[0])))


def smallest_sets(fits: Sequence[Fit], most: int = 8) -> list[tuple[tuple[str, ...], int]]:
    """For each size the set of readings that carries most rows together, and how many; as long as that grows.

    Of sets that carry as many the first in the order of `counts`.
    """
    rows: dict[str, set[str]] = {}
    for name, some in carrying(fits).items():
        for fit in some:
            rows.setdefault(fit.reading, set()).add(name)
    names = [name for name in counts(fits) if name in rows]
    sets: list[tuple[tuple[str, ...], int]] = []
    for size in range(1, min(most, len(names)) + 1):
        best = max(combinations(names, size), key=lambda some: len(set().union(*(rows[name] for name in some))))
        n = len(set().union(*(rows[name] for name in best)))
        if sets and n <= sets[-1][1]:
            break
        sets.append((best, n))
    return sets


def sets_told(whose: str, fits: Sequence[Fit]) -> str:
    """The sets of readings that carry most of somebody's rows, as a sentence; empty if none carries any."""
    sets = smallest_sets(fits)
    if not sets:
        return ""
    first, *more = (f"{' + '.join(names)}: {n}" for names, n in sets)
    together = f"; together by {'; '.join(more)}" if more else ""
    return f"Of {len({fit.row.name for fit in fits})} rows of {whose} most are carried by {first}{together}."


def sentences(fits: Iterable[Fit]) -> list[str]:
    """For each row that a reading carries, and `printed` does not: which, and of how many."""
    told = []
    for row, carriers in carrying(fits).items():
        if carriers[0].reading != PRINTED:
            names = " and ".join(f"'{fit.reading}'" for fit in carriers[:2])
            more = f" and {len(carriers) - 2} more" if len(carriers) > 2 else ""
            where = f"of {carriers[0].tried} readings tried here" if carriers[0].screened else "chosen on other rows"
            told.append(f"{row} is carried by {names}{more}, {where}")
    return told
