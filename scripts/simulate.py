"""A run of a million trials through the driver that a cluster has, on workers that only pretend to run them.

    python scripts/simulate.py [N] [FOLDER]

What is real: the plan, the engine for workers on other machines, what is shown, and the records on disk, which are read
back at the end. What is not: the workers, a hundred, which say at once what a trial would have left, and the network.
Prints trials a second, memory as it goes on, the size of a record, and how long it takes to read all of them.
"""

import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.commands.progress import Display
from repro.experiments import config
from repro.experiments.condition import Condition
from repro.experiments.wanted import Item
from repro.records import jsonl, planning
from repro.records.provenance import machine
from repro.records.store import Store
from repro.records.trial import Record, StageRecord
from repro.records.validity import source_of
from repro.running import campaign, engine, errand
from repro.running.cluster import Cluster, Heard

N_WORKERS = 100
A_CONDITION = 100  # trials
ROW = "6a/lstm"
TRIAL_S = 0.02  # that a trial is said to take: then a hundred workers end 5,000 a second
N_LOOKS = 10  # at the memory
_DIGEST = "0" * 16
_PAGE = resource.getpagesize()


def items(n: int) -> Iterator[Item]:
    """So many trials, as of a sweep."""
    row = config.load()[ROW]
    for number in range(-(-n // A_CONDITION)):
        changes = {"learner.learning_rate": round(0.1 + 1e-5 * number, 5)}
        yield Item(row, row.condition(overrides=changes), min(A_CONDITION, n - number * A_CONDITION), changes)


def template(condition: Condition) -> bytes:
    """The line of a trial of a condition that was solved, by number 0."""
    (stage,) = condition.settings["stop"]["stages"]
    n, steps = 30_000, 3_000_000
    tested = condition.settings["stop"]["test_sequences"]
    passed = StageRecord(stage["name"], n, steps, tested, 0, 0.0625, 0.0078125, 0.5)
    return jsonl.line(
        Record(
            condition=condition, trial=0, outcome="solved", sequences=n, steps=steps, stages=(passed,), cpu_s=0.5,
            weights=156, weights_digest=_DIGEST, source=source_of(condition), machine=machine(),
        )
    )  # fmt: skip


class PretendHub:
    """Workers that say at once what comes of an errand."""

    name = "a cluster that is none"

    def __init__(self) -> None:
        self._heard: deque[Heard] = deque()
        self._prints: list[list[errand.Note]] = []  # the fingerprint, once it was taken

    def workers(self) -> set[str]:
        """A hundred."""
        return {f"worker-{number}" for number in range(N_WORKERS)}

    def give(self, number: int, worker: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Say what comes of it."""
        if function is errand.run:
            for notes in self._done(arguments[1]):
                self._heard.append(Heard(number, notes))
        else:
            if not self._prints:
                function(*arguments, self._prints.append, None)
            self._heard.append(Heard(number, self._prints[0]))
        self._heard.append(Heard(number, None))

    def hear(self, seconds: float) -> list[Heard]:
        """What has been said."""
        heard = list(self._heard)
        self._heard.clear()
        return heard

    def drop(self, number: int) -> None:
        """Forget it."""

    def _done(self, jobs: Sequence[engine.Job]) -> Iterator[list[errand.Note]]:
        here = machine()
        for number, job in enumerate(jobs):
            line = template(job.condition)
            notes: list[errand.Note] = [
                ("began", number),
                ("machine", here.versions, here.processor),
            ]
            for trial in job.trials:
                own = line.replace(b'"trial":0,', b'"trial":%d,' % trial).replace(_DIGEST.encode(), b"%016x" % trial)
                notes.append(("ended", number, own))
            did = len(job.trials) * 30_000
            yield [*notes, ("did", number, did, 100 * did), ("took", number, TRIAL_S * len(job.trials))]


@dataclass
class Figures:
    """What came of it."""

    n: int
    seconds: float = 0.0
    cpu_s: float = 0.0
    planned_s: float = 0.0
    read_s: float = 0.0
    read_cpu_s: float = 0.0
    n_bytes: int = 0
    memory: list[float] = field(default_factory=list)  # in MB, from time to time

    def said(self) -> str:
        """In words."""
        return "\n".join(
            [
                f"{self.n:,} trials, {A_CONDITION} of a condition, planned in {self.planned_s:.1f} s",
                f"{self.n / self.seconds:,.0f} trials/s written, {self.n / self.cpu_s:,.0f} a second of CPU time",
                f"memory in MB, from time to time: {', '.join(f'{one:.0f}' for one in self.memory)}",
                f"{self.n_bytes / self.n:.0f} bytes a trial, {self.n_bytes / 1e6:.0f} MB",
                f"all read and planned again in {self.read_s:.1f} s, {self.read_cpu_s:.1f} s of CPU time",
            ]
        )


def resident() -> float:
    """The memory that this process has, in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 1e6


def simulate(n: int, folder: Path) -> Figures:
    """Run so many trials that nobody runs."""
    figures, store = Figures(n), Store(folder)
    began = time.perf_counter()
    plan = planning.plan(list(items(n)), store)
    work = campaign.jobs(plan, N_WORKERS)
    figures.planned_s = time.perf_counter() - began
    workers = Cluster(PretendHub(), [("lstm", "reber")])
    workers.meet()
    began, cpu = time.perf_counter(), time.process_time()
    n_ended = 0
    ended = campaign.Count()
    with Display(plan, folder, live=False) as display:
        for event in campaign.execute(plan, work, lambda todo: workers.run(todo, n), store, ended):
            display.show(event)
            if isinstance(event, engine.Ended):
                n_ended += 1
                if n_ended % max(1, n // N_LOOKS) == 0:
                    figures.memory.append(resident())
    figures.seconds, figures.cpu_s = time.perf_counter() - began, time.process_time() - cpu
    figures.n_bytes = store.path(plan.items[0].condition.experiment).stat().st_size
    began, cpu = time.perf_counter(), time.process_time()
    again = planning.plan(plan.items, Store(folder))
    figures.read_s, figures.read_cpu_s = time.perf_counter() - began, time.process_time() - cpu
    assert again.n_missing == 0 and ended.n == n
    return figures


def main() -> None:
    """Simulate, and say what came of it."""
    n = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        print(simulate(n, Path(sys.argv[2]) if sys.argv[2:] else Path(name)).said())


if __name__ == "__main__":
    main()
