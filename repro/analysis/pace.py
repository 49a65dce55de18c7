"""What stored trials tell of how long other trials take: how many training sequences, and how much CPU time for each.

A crew takes as long as some lane of it is busy, whatever the sum of its trials: up to eight lanes cost as much as one,
and a late trial costs as much alone as in company. So crews are played through. The unit is the CPU time of a sequence
in a crew of one, by which the same play of stored trials comes out at the CPU time that they took. Learners whose nets
fill the vectors by themselves have trials that cost the same in any company.

Both are taken from trials of the same settings, whatever their limit, if any are stored; else from the nearest other
ones, of the same row first. What neither the results folder nor the records that come with repro tell is not known.
"""

import heapq
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from repro import files, registry
from repro.experiments.condition import Condition, canonical
from repro.experiments.setups import interface_of
from repro.experiments.wanted import Item
from repro.records.store import Store, Stored, StoreError
from repro.records.trial import Record

Settings = Mapping[str, Mapping[str, Any]]

MEASURED, _STORED, _SHIPPED = _ORIGINS = ("measured now", "stored", "that came with repro")  # the best first
_WIDEST = 32  # lanes, as in `crew`, which is not imported: it loads the compiler
_SHOWN = 3  # settings of other trials that are named
_COMPARED = 300  # other settings that are looked at for the nearest ones

ByCondition = tuple[tuple[Record, ...], ...]


@dataclass(frozen=True)
class Known:
    """Stored trials of the same settings, whatever their limit. They are read when they are asked for."""

    row: str
    settings: Settings
    key: str  # of these settings
    n: int  # trials, about
    origin: str  # one of `_ORIGINS`
    read: Callable[[], ByCondition]

    @cached_property
    def conditions(self) -> ByCondition:
        """Those that ended, by root seed and limit; taken to have been a crew each."""
        return self.read()

    @property
    def records(self) -> list[Record]:
        """All of them."""
        return [record for condition in self.conditions for record in condition]

    @cached_property
    def flat(self) -> frozenset[tuple[str, object]]:
        """The settings, the limit aside, so that two can be compared at once."""
        return _flat(self.settings)

    @cached_property
    def unit(self) -> float:
        """CPU seconds of a training sequence in a crew of one."""
        tested, is_wide = tested_by(self.settings), wide(self.settings)
        played = 0.0
        for condition in self.conditions:
            busy = [record.sequences + tested * (record.outcome == "solved") for record in condition]
            played += crew_time(busy, len(busy), is_wide)
        return sum(record.cpu_s for record in self.records) / played

    def spread(self, limit: int, n: int) -> list[float]:
        """Training sequences that ``n`` trials may take, evenly drawn from those of these trials, up to a limit.

        Where a trial ended at a limit of its own, what it would have taken from there on follows from the rate at which
        trials end.
        """
        n_ended = sum(record.outcome != "limit" for record in self.records)
        rate = n_ended / sum(record.sequences for record in self.records)

        def goes_on(record: Record) -> float:
            rest = limit - record.sequences
            if record.outcome != "limit" or rest <= 0:
                return min(record.sequences, limit)
            return record.sequences + (-math.expm1(-rate * rest) / rate if rate else rest)

        every = sorted(map(goes_on, self.records))
        return [every[int((k + 0.5) * len(every) / n)] for k in range(n)]


def crew_time(busy: Sequence[float], width: int, is_wide: bool) -> float:
    """How long a crew of up to ``width`` lanes takes for trials that are ``busy`` so long, in units of a crew of one.

    ``is_wide`` is whether its trials are side by side in vectors; if not, each costs what it costs alone.
    """
    if not is_wide:
        return sum(busy)
    width = _width(width)
    waiting = list(reversed(busy))
    ends: list[float] = []
    now = total = 0.0
    while waiting or ends:
        while waiting and len(ends) < width:
            heapq.heappush(ends, now + waiting.pop())
        if not waiting and 4 * len(ends) <= width:  # they move to a narrower crew
            width = _width(len(ends))
        end = heapq.heappop(ends)
        total += (end - now) * max(1.0, 0.4 + 0.06 * width)  # measured with `repro bench --lanes`
        now = end
    return total


def _width(n: int) -> int:
    return min(_WIDEST, 1 << max(0, n - 1).bit_length())


def wide(settings: Settings) -> bool:
    """Whether the trials of a learner are side by side in vectors."""
    return not hasattr(registry.learner(settings["learner"]["name"]), "WIDEST")


def tested_by(settings: Settings) -> int:
    """Test sequences of a trial that passes all stages, and those of the exam that it passes."""
    stop = settings["stop"]
    tests = [stage["test_sequences"] for stage in stop["stages"]]
    n_sequences: int = stop["exam_sequences"] + sum(stop["test_sequences"] if n is None else n for n in tests)
    return n_sequences


class _Shelf:
    """Stored trials among which the nearest of some settings are looked for."""

    def __init__(self, known: Iterable[Known]) -> None:
        self._of_kind: dict[tuple[str, str], list[Known]] = {}
        self._of_key: dict[str, list[Known]] = {}
        for trials in known:
            self._of_kind.setdefault(_kind(trials.settings), []).append(trials)
            self._of_key.setdefault(trials.key, []).append(trials)

    def same(self, item: Item) -> list[Known]:
        """The trials of the same settings."""
        return self._of_key.get(_key(item.condition.settings), [])

    def nearest(self, item: Item) -> Known | None:
        """The trials of the same learner on a task of the same kind that differ least in their settings.

        Of very many settings some are looked at, evenly.
        """
        settings = item.condition.settings
        flat = _flat(settings)
        alike = self._of_kind.get(_kind(settings), [])
        sample = alike[:: -(-len(alike) // _COMPARED) or 1]
        nearest_first = sorted(
            [*self.same(item), *sample],
            key=lambda known: (
                len(known.flat ^ flat), known.row != item.row.name, -known.n, _ORIGINS.index(known.origin)
            ),
        )  # fmt: skip
        return next((known for known in nearest_first if known.conditions), None)


class Library:
    """Stored trials by settings; those of other experiments are read only if they are needed."""

    def __init__(self, store: Store, measured: Sequence[Record]) -> None:
        here = _shipped()
        self._stores = [(store, _STORED)]
        if (here / "attested.csv").is_file() and here.resolve() != store.folder.resolve():
            self._stores.append((Store(here), _SHIPPED))
        self._known: dict[str, list[Known]] = {}
        self._shelves: dict[str, _Shelf] = {"measured": _Shelf(_of_records(measured))}

    def _of(self, experiment: str) -> list[Known]:
        """What is stored of an experiment."""
        if experiment not in self._known:
            self._known[experiment] = [
                known for store, origin in self._stores for known in _of_file(store, experiment, origin)
            ]
        return self._known[experiment]

    def _shelf(self, name: str, known: Callable[[], Iterable[Known]]) -> _Shelf:
        if name not in self._shelves:
            self._shelves[name] = _Shelf(known())
        return self._shelves[name]

    def _experiment(self, item: Item) -> _Shelf:
        name = item.condition.experiment
        return self._shelf(name, lambda: self._of(name))

    def _of_experiment(self, item: Item) -> Known | None:
        return self._experiment(item).nearest(item)

    def trials(self, item: Item) -> dict[int, float]:
        """The training sequences of trials of the very same condition, by number: they would take as many again."""
        same = (record for known in self._experiment(item).same(item) for record in known.records)
        return {record.trial: float(record.sequences) for record in same if record.key == item.condition.key}

    def _of_row(self, item: Item) -> Known | None:
        name = item.row.name
        of_row = (known for known in self._of(item.condition.experiment) if known.row == name)
        return self._shelf(name, lambda: of_row).nearest(item)

    def _of_any(self, item: Item) -> Known | None:
        names = dict.fromkeys(name for store, _ in self._stores for name in store.experiments())
        return self._shelf("all", lambda: (known for name in names for known in self._of(name))).nearest(item)

    def unit(self, item: Item) -> tuple[float | None, str]:
        """CPU seconds of a training sequence of an item in a crew of one, and what says so."""
        settings = item.condition.settings
        known = self._of_experiment(item) or self._of_any(item) or self._shelves["measured"].nearest(item)
        if known is None:
            return None, f"none of {settings['learner']['name']} on such a task stored; --measure finds out"
        return known.unit * _work(settings) / _work(known.settings), _named(known, item)

    def spread(self, item: Item, limit: int) -> tuple[Callable[[int], list[float]], str]:
        """Training sequences that so many trials of an item may take, and what says so."""
        if known := self._of_row(item):
            return partial(known.spread, limit), _named(known, item)
        for line in reversed(item.row.published):
            if line.sequences and not line.beyond:
                return partial(_alike, min(line.sequences, limit)), "the published mean"
        if known := self._of_experiment(item):
            return partial(known.spread, limit), _named(known, item)
        return partial(_alike, limit), "the limit"


def _shipped() -> Path:
    """The folder with the records that come with repro, if it is not installed without them."""
    return files.PACKAGE.parent / "results"


def _of_file(store: Store, experiment: str, origin: str) -> list[Known]:
    """What is stored of an experiment, by row and settings; whoever runs or shows it is told of what cannot be read."""
    with warnings.catch_warnings(), suppress(StoreError):
        warnings.simplefilter("ignore")
        stored = store.stored(experiment)
        groups: dict[tuple[str, str], list[Condition]] = {}
        for condition in stored.conditions:
            groups.setdefault((condition.row, _key(condition.settings)), []).append(condition)
        return [
            Known(
                row, conditions[0].settings, key, sum(stored.n_lines(member.key) for member in conditions), origin,
                partial(_ended, stored, [member.key for member in conditions]),
            )
            for (row, key), conditions in groups.items()
        ]  # fmt: skip
    return []


def _ended(stored: Stored, keys: Sequence[str]) -> ByCondition:
    """The trials of some conditions that ended and took time; of each the latest record."""
    with warnings.catch_warnings(), suppress(StoreError):
        warnings.simplefilter("ignore")
        latest = (tuple({r.trial: r for r in stored.records(key) if _took(r)}.values()) for key in keys)
        return tuple(condition for condition in latest if condition)
    return ()


def _took(record: Record) -> bool:
    return record.outcome != "crashed" and record.sequences > 0 and record.cpu_s > 0


def _of_records(records: Iterable[Record]) -> list[Known]:
    """Trials that are not stored, each for itself."""
    return [
        Known(record.row, record.settings, _key(record.settings), 1, MEASURED, partial(tuple, [(record,)]))
        for record in records
        if _took(record)
    ]


def _alike(sequences: float, n: int) -> list[float]:
    """So many trials that take the same."""
    return [float(sequences)] * n


def _key(settings: Settings) -> str:
    """Settings without the limit."""
    stop = {name: value for name, value in settings["stop"].items() if name != "max_sequences"}
    return canonical({**settings, "stop": stop})


def _kind(settings: Settings) -> tuple[str, str]:
    """Learner and task."""
    return settings["learner"]["name"], settings["task"]["name"]


def _flat(settings: Settings) -> frozenset[tuple[str, object]]:
    return frozenset(
        (f"{group}.{name}", value if isinstance(value, int | float | str) else canonical(value))
        for group, values in settings.items()
        for name, value in values.items()
        if name != "max_sequences"
    )


def _differing(one: Settings, other: Settings) -> list[str]:
    """The settings in which two differ, the limit aside."""
    return [
        f"{group}.{name}"
        for group in one
        for name in {**one[group], **other[group]}
        if name != "max_sequences" and one[group].get(name) != other[group].get(name)
    ]


def _work(settings: Settings) -> float:
    """What the cost of a training sequence is about proportional to: its length, and the size of the net.

    A net whose inputs are given by their index does not work more for more symbols: its size is that of its rows.
    """
    task, name = settings["task"], settings["learner"]["name"]
    length = task.get("q") or task.get("p") or task.get("length") or 1
    steps = sum(length) / len(length) if isinstance(length, list | tuple) else float(length)
    learner = registry.learner(name)
    chosen = registry.task(task["name"]).Settings.model_validate(task)
    face = interface_of(chosen)
    if face.input_symbols:
        return steps
    return steps * float(learner.n_weights(learner.Settings.model_validate(settings["learner"]), face))


def _named(known: Known, item: Item) -> str:
    """Which trials these are."""
    n = len(known.records)
    count = f"{n} trials" if n > 1 else "1 trial"
    differing = _differing(known.settings, item.condition.settings)
    if not differing:
        return f"{count} {known.origin}"
    shown = ", ".join(differing[:_SHOWN]) + (", ..." if len(differing) > _SHOWN else "")
    return f"{count} of {known.row} {known.origin}, other {shown}"
