"""How far trials are, over several results folders, told by what is stored there alone.

Records have no times. So how fast it goes is told by how many there are from one look to the next.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from repro.experiments.wanted import Item
from repro.records import planning
from repro.records.store import Store

_WINDOW_S = 300.0  # of the looks that speed is told by


@dataclass(frozen=True)
class Count:
    """How far an item is, or all of them."""

    name: str
    total: int
    done: int
    solved: int
    crashed: int  # of those that are not done

    @property
    def missing(self) -> int:
        """How many are not done."""
        return self.total - self.done

    @property
    def over(self) -> bool:
        """Has each been run, to its end or to a crash."""
        return self.done + self.crashed >= self.total


def together(counts: Sequence[Count]) -> Count:
    """The sum of some counts."""
    parts = ("total", "done", "solved", "crashed")
    return Count("all", *(sum(getattr(count, part) for count in counts) for part in parts))


@dataclass
class _Seen:
    """The trials of a condition in a folder."""

    done: dict[int, bool]  # by number: was it solved
    crashed: frozenset[int]


class Headway:
    """Looks at what is stored of some items; a file that has not grown since is not read again."""

    def __init__(self, items: Sequence[Item], stores: Sequence[Store]) -> None:
        self._items, self._stores = items, stores
        self._seen: dict[tuple[int, str], dict[str, _Seen]] = {}  # by folder and experiment

    def counts(self) -> list[Count]:
        """How far each item is."""
        by_experiment: dict[str, list[Item]] = {}
        for item in self._items:
            by_experiment.setdefault(item.condition.experiment, []).append(item)
        for number, store in enumerate(self._stores):
            for experiment, items in by_experiment.items():
                if (number, experiment) not in self._seen or store.grown(experiment):
                    self._seen[number, experiment] = _seen(items, store)
        return [self._count(item) for item in self._items]

    def _count(self, item: Item) -> Count:
        key, experiment = item.condition.key, item.condition.experiment
        seen = [self._seen[number, experiment][key] for number in range(len(self._stores))]
        done: dict[int, bool] = {}
        for one in seen:
            done |= one.done
        crashed = {trial for one in seen for trial in one.crashed} - done.keys()
        return Count(item.label, item.n_trials, len(done), sum(done.values()), len(crashed))


def _seen(items: Sequence[Item], store: Store) -> dict[str, _Seen]:
    plan = planning.plan(items, store)
    return {
        key: _Seen({record.trial: record.outcome == "solved" for record in records}, frozenset(plan.lost[key]))
        for key, records in plan.done.items()
    }


@dataclass
class Speed:
    """How many trials are done in a time."""

    _looks: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, done: int) -> None:
        """Take note of a look, at a time in seconds."""
        self._looks.append((now, done))
        while self._looks[0][0] < now - _WINDOW_S and len(self._looks) > 2:
            self._looks.popleft()

    @property
    def per_s(self) -> float | None:
        """Trials a second; None if that is not known yet."""
        (then, before), (now, done) = self._looks[0], self._looks[-1]
        return (done - before) / (now - then) if now > then else None
