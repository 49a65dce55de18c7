"""What the missing trials of a plan will cost, told by stored trials: see `pace`."""

import heapq
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from repro.analysis.pace import Library, crew_time, tested_by, wide
from repro.experiments.wanted import Item
from repro.presentation import grid
from repro.records.planning import Plan
from repro.records.store import Store
from repro.records.trial import Record
from repro.running import campaign, engine
from repro.running.heartbeat import duration

_MEASURED_S = 1.0  # CPU seconds


@dataclass(frozen=True)
class Cost:
    """What the missing trials of an item will cost; None where it is not known."""

    item: Item
    n_missing: int
    sequences: float | None  # expected, a trial
    cpu_s: float | None  # expected, all of them
    most_cpu_s: float | None  # if all go to their limit
    source: str  # what says so


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost."""

    costs: tuple[Cost, ...]  # by item
    n_workers: int  # that have something to do
    n_asked: int
    wall_s: float  # of what is known
    most_wall_s: float

    @property
    def n_missing(self) -> int:
        """Trials to run."""
        return sum(cost.n_missing for cost in self.costs)

    @property
    def cpu_s(self) -> float:
        """CPU seconds that are expected, as far as is known."""
        return sum(cost.cpu_s or 0 for cost in self.costs)

    @property
    def most_cpu_s(self) -> float:
        """CPU seconds if all trials go to their limits, as far as is known."""
        return sum(cost.most_cpu_s or 0 for cost in self.costs)

    @property
    def unknown(self) -> list[Item]:
        """The items with missing trials of which nothing is known."""
        return [cost.item for cost in self.costs if cost.n_missing and cost.cpu_s is None]


def estimate(
    plan: Plan, store: Store, n_workers: int = 1, lanes: int | None = None, measured: Sequence[Record] = ()
) -> Estimate:
    """What the missing trials of a plan will cost with so many workers; ``measured`` are trials that are not stored.

    Kernels that have to be compiled come on top: some seconds to a minute for each kind of net and task.
    """
    library = Library(store, measured)
    jobs: dict[str, list[engine.Job]] = {}
    for job in campaign.jobs(plan, n_workers, lanes):
        jobs.setdefault(job.condition.key, []).append(job)
    costs, took = [], {}
    for item in plan.items:
        cost, times = _cost(item, jobs.get(item.condition.key, []), library)
        costs.append(cost)
        took[item.condition.key] = times
    order = [
        took[job.condition.key][jobs[job.condition.key].index(job)] for job in campaign.jobs(plan, n_workers, lanes)
    ]
    wall_s, most_wall_s = (_wall([times[k] for times in order], n_workers) for k in (0, 1))
    return Estimate(tuple(costs), min(n_workers, max(1, len(order))), n_workers, wall_s, most_wall_s)


def measure(items: Iterable[Item], show: Callable[[str], object] = lambda _: None) -> list[Record]:
    """Run the first trial of each item as far as it comes in a second of CPU time or so; ``show`` is told of each."""
    records = []
    for item in items:
        show(f"measuring {item.label}")
        n, took = 1, 0.0
        while took < _MEASURED_S:
            for event in engine.inline([engine.Job(item.condition.cut_short(n), (0,))]):
                if isinstance(event, engine.Ended):
                    record = event.record
            if record.outcome != "limit" or n >= item.condition.settings["stop"]["max_sequences"]:
                break
            took = record.cpu_s
            n = n * 10 if took < _MEASURED_S / 10 else math.ceil(n * 1.5 * _MEASURED_S / took)
        records.append(record)
    return records


def _cost(item: Item, jobs: Sequence[engine.Job], library: Library) -> tuple[Cost, list[tuple[float, float]]]:
    """What an item costs, and each of its jobs: CPU seconds expected, and at most."""
    settings = item.condition.settings
    limit = settings["stop"]["max_sequences"]
    n = sum(len(job.trials) for job in jobs)
    if not n:
        return Cost(item, 0, None, 0.0, 0.0, ""), []
    speed, of_speed = library.unit(item)
    spread, of_length = library.spread(item, limit)
    source = of_speed if of_speed == of_length else f"sequences: {of_length}; speed: {of_speed}"
    if speed is None:
        return Cost(item, n, None, None, None, source), [(0.0, 0.0)] * len(jobs)
    is_wide, tested = wide(settings), tested_by(settings)
    known = library.trials(item)
    unknown = sorted(trial for job in jobs for trial in job.trials if trial not in known)
    ends = known | dict(zip(unknown, spread(len(unknown)), strict=True))
    times = []
    for job in jobs:
        busy = [ends[trial] + tested * (ends[trial] < limit) for trial in job.trials]
        most = [limit + tested if trial not in known else end for trial, end in zip(job.trials, busy, strict=True)]
        width = job.lanes or len(busy)
        times.append((speed * crew_time(busy, width, is_wide), speed * crew_time(most, width, is_wide)))
    cpu_s, most_cpu_s = (sum(time[k] for time in times) for k in (0, 1))
    sequences = sum(ends[trial] for job in jobs for trial in job.trials) / n
    return Cost(item, n, sequences, cpu_s, most_cpu_s, source), times


def _wall(times: Iterable[float], n_workers: int) -> float:
    """When the last of some jobs ends, each of which goes to the first worker that is free."""
    free = [0.0] * n_workers
    for time in times:
        heapq.heapreplace(free, free[0] + time)
    return max(free)


def render(plan: Plan, found: Estimate, form: str) -> str:
    """An estimate in any format: a line for each item, and as text a sentence on all; null: not known.

    As JSON it is an object with the lines, ``rows``, and sums. Figures are of CPU or wall time, in seconds.
    """
    heads = ("row", "trials", "done", "to run", "crashed before", "sequences a trial", "CPU s", "at most", "source")
    body = [
        (
            cost.item.label, plan.n_trials(cost.item), len(plan.done[cost.item.condition.key]), cost.n_missing,
            len(plan.lost[cost.item.condition.key]), *map(_number, (cost.sequences, cost.cpu_s, cost.most_cpu_s)),
            cost.source,
        )
        for cost in found.costs
        if plan.n_trials(cost.item)  # a shard may have none of a row
    ]  # fmt: skip
    if form != "json":
        lines = grid.listing(heads, body, form)
        shard = f"Shard {plan.shard}: " if plan.shard else ""
        return f"{lines}\n\n{grid.wrapped(shard + said(found), form, indent='')}" if form in grid.TEXT else lines
    keys = ("row", "trials", "done", "to_run", "crashed_before", "sequences", "cpu_s", "most_cpu_s", "source")
    sums = {name: _number(getattr(found, name)) for name in ("cpu_s", "most_cpu_s", "wall_s", "most_wall_s")}
    content = {
        "rows": [dict(zip(keys, line, strict=True)) for line in body],
        "shard": plan.shard and str(plan.shard), "to_run": found.n_missing, "workers": found.n_workers, **sums,
        "unknown": [item.label for item in found.unknown],
    }  # fmt: skip
    return json.dumps(content, indent=2, allow_nan=False)


def _number(value: float | None) -> float | int | None:
    """With as many digits as an estimate deserves."""
    return value if value is None else round(value, 1) if value < 100 else round(value)


def said(found: Estimate) -> str:
    """An estimate in a sentence or two."""
    unknown = found.unknown
    trials = f"{found.n_missing:,} trials" if found.n_missing != 1 else "1 trial"
    if not found.n_missing:
        return "Nothing is missing."
    if len(unknown) == sum(cost.n_missing > 0 for cost in found.costs):
        return f"{trials} to run; how long they take is not known."
    workers = f"{found.n_workers} workers" if found.n_workers > 1 else "1 worker"
    if found.n_workers < found.n_asked:
        workers += ", as more would end no sooner,"
    beside = f" Not known, and not in it: {', '.join(item.label for item in unknown)}." if unknown else ""
    return (
        f"{trials} to run: about {duration(found.cpu_s)} of CPU time, {duration(found.most_cpu_s)} at most; with "
        f"{workers} about {duration(found.wall_s)}, {duration(found.most_wall_s)} at most. Kernels that have to be "
        f"compiled come on top.{beside}"
    )
