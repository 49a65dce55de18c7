"""What long work shows while it goes on, on stderr and to other terminals: a run by row, other work by step."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.experiments.wanted import Item
from repro.records.planning import Plan
from repro.records.trial import Record
from repro.running import engine
from repro.running.heartbeat import Heartbeat, compiling, duration
from repro.running.status import Part

if TYPE_CHECKING:  # rich is imported only where there is a terminal
    from repro.commands.live import Rows

_MANY = 40  # rows: more are not told one by one
_QUIET_S = 5.0  # crews report several times a second, but when they have kernels compiled


class _Kernels:
    """The jobs that wait for their kernels, and since when."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int, int, int], tuple[float, engine.Job]] = {}

    def note(self, event: engine.Event) -> None:
        """Take note of an event."""
        job = event.job
        place = job.condition.key, job.trials[0], len(job.trials), job.attempt  # of a job, without all of its trials
        if isinstance(event, engine.Given):
            self._since[place] = time.perf_counter(), job
        else:
            self._since.pop(place, None)

    def said(self) -> str:
        """What is compiled, in words; of several the one that has taken longest, and nothing if none is."""
        waiting = list(self._since.values())
        if not waiting:
            return ""
        since, job = min(waiting, key=lambda one: one[0])
        return compiling(
            job.condition.settings["learner"]["name"], job.condition.experiment, time.perf_counter() - since
        )


@dataclass
class _Line:
    """How far a row is."""

    item: Item
    n_trials: int
    n_left: int
    n_solved: int = 0
    n_crashed: int = 0  # of those that ended now
    ended: bool = False  # has any trial now
    n_known: int = 0  # trials of which it is known how long they take
    known: int = 0  # training sequences of those, up to the limit
    behind: int = 0  # training sequences of those that ended now
    kernels: _Kernels = field(default_factory=_Kernels)
    began: float | None = None
    latest: float = 0.0
    sequences: int = 0
    steps: int = 0
    elsewhere: bool = False  # is another run at what is left

    @classmethod
    def of(cls, item: Item, n_trials: int, records: Sequence[Record]) -> "_Line":
        """A row of which some trials are stored."""
        line = cls(item, n_trials, n_trials)
        for record in records:
            line.count(record)
        return line

    @property
    def limit(self) -> int:
        return int(self.item.condition.settings["stop"]["max_sequences"])

    def count(self, record: Record) -> None:
        self.n_left -= 1
        self.n_solved += record.outcome == "solved"
        if record.outcome != "crashed":
            self.n_known += 1
            self.known += min(record.sequences, self.limit)

    @property
    def moving(self) -> bool:
        return bool(self.ended or self.sequences)

    @property
    def working(self) -> bool:
        return bool(self.n_left and (self.began or self.elsewhere or self.kernels.said()))

    def note(self, event: engine.Event) -> None:
        if isinstance(event, engine.Found):
            self.count(event.record)
            return
        self.elsewhere = False
        self.kernels.note(event)
        if isinstance(event, engine.Given):
            return
        self.latest = time.perf_counter()
        self.began = self.began or self.latest
        if isinstance(event, engine.Did):
            self.sequences += event.sequences
            self.steps += event.steps
        elif isinstance(event, engine.Ended):
            self.ended = True
            self.n_crashed += event.record.outcome == "crashed"
            self.behind += event.record.sequences
            self.count(event.record)

    def per_second(self, amount: int) -> float:
        return amount / max(self.latest - self.began, 0.1) if self.began else 0.0

    def left_s(self) -> tuple[float | None, bool]:
        """Seconds that are left, and whether that is the most that it can be; None if nothing is known.

        The trials that run take as long as those that have ended, or else up to their limit.
        """
        rate = self.per_second(self.sequences)
        if not (self.n_left and rate):
            return None, False
        spent = self.sequences - self.behind
        if self.n_known:
            each = self.known / self.n_known
        else:
            published = [line.sequences for line in self.item.row.published if line.sequences]
            each = min(published[-1], self.limit) if published else 0
        rest = self.n_left * each - spent
        if rest > 0:
            return rest / rate, False
        return max(0, self.n_left * self.limit - spent) / rate, True

    def now(self) -> str:
        """What is being done, where it is not the training of nets."""
        if not self.n_left:
            return "done"
        if kernels := self.kernels.said():
            return kernels
        if self.elsewhere:
            return "another run is at it"
        if not self.began:
            return "waiting"
        quiet = time.perf_counter() - self.latest
        return f"nothing heard for {duration(quiet)}" if quiet > _QUIET_S else ""

    def left(self) -> str:
        """How long it still takes, or why that is not known."""
        now = self.now()
        seconds, most = self.left_s()
        if seconds is None:
            return now or "starting"
        return f"{'up to' if most else 'about'} {duration(seconds)}{now and f', {now}'}"

    def crashed(self) -> str:
        """How many crashed, to be added to what else is said; nothing if none did."""
        return f", {self.n_crashed} crashed" if self.n_crashed else ""

    def cells(self) -> list[str]:
        done = self.n_trials - self.n_left - self.n_crashed
        return [
            self.item.label,
            f"{done}/{self.n_trials}",
            str(self.n_solved),
            f"{self.per_second(self.sequences):,.0f}" if self.moving else "-",
            f"{self.per_second(self.steps) / 1e6:.1f} M" if self.moving else "-",
            self.left() + self.crashed(),
        ]

    def text(self) -> str:
        label, done, solved, sequences, steps, _ = self.cells()
        if not self.moving:
            return f"{label}: {done} trials, {self.left()}{self.crashed()}"
        seconds, most = self.left_s()
        left = "" if seconds is None else f"{'up to' if most else 'about'} {duration(seconds)} left"
        end = ", ".join(filter(None, (left, self.now()))) + self.crashed()
        return f"{label}: {done} trials, {solved} solved, {sequences} sequences/s, {steps} time steps/s, {end}"

    def part(self) -> Part:
        seconds, most = self.left_s()
        done = self.n_trials - self.n_left - self.n_crashed
        rate = self.per_second(self.sequences) if self.moving else None
        return Part(
            self.item.label, done, self.n_trials, self.n_solved, self.n_crashed, rate, seconds, most, self.now()
        )


class Display(Heartbeat):
    """Shows the progress of a plan; a context manager."""

    transient = False

    def __init__(self, plan: Plan, results: Path | None = None, **options: Any) -> None:
        self._lines = {
            item.condition.key: _Line.of(item, n_trials, plan.done[item.condition.key])
            for item in plan.items
            if (n_trials := plan.n_trials(item))  # a shard may have none of a row
        }
        self._n_trials = sum(line.n_trials for line in self._lines.values())
        self._n_left = sum(line.n_left for line in self._lines.values())
        self._n_solved = sum(line.n_solved for line in self._lines.values())
        self._many = len(self._lines) > _MANY
        super().__init__("run", results, **options)

    def show(self, event: engine.Event) -> None:
        """Take note of an event."""
        if isinstance(event, engine.Elsewhere):
            for job in event.jobs:
                self._lines[job.condition.key].elsewhere = True
            return
        line = self._lines[event.job.condition.key]
        line.note(event)
        if isinstance(event, engine.Ended | engine.Found):
            self._n_left -= 1
            self._n_solved += event.record.outcome == "solved"
            if not line.n_left and not self._many:
                self.say([line.text()])

    def parts(self) -> list[Part]:
        """A part for each row; of many rows for those that are being run, and for all."""
        if not self._many:
            return [line.part() for line in self._lines.values()]
        working = [line.part() for line in self._lines.values() if line.working][:_MANY]
        return [*working, Part("all rows", self._n_trials - self._n_left, self._n_trials, self._n_solved)]

    def lines(self) -> list[str]:
        """A line for each row that is being run; of many rows a line for all."""
        return [self._whole()] if self._many else [line.text() for line in self._lines.values() if line.working]

    def _whole(self) -> str:
        done, n_rows = self._n_trials - self._n_left, sum(not line.n_left for line in self._lines.values())
        return f"{done:,}/{self._n_trials:,} trials, {n_rows:,}/{len(self._lines):,} rows done"

    def picture(self) -> "Rows":
        """All rows; of many those that are being run."""
        from repro.commands.live import Rows

        if not self._many:
            return Rows([line.cells() for line in self._lines.values()])
        working = [line.cells() for line in self._lines.values() if line.working]
        return Rows([*working[:_MANY], [self._whole(), "", "", "", "", ""]])


class Steps(Heartbeat):
    """Shows the progress of work that is one step after another; a context manager."""

    def __init__(self, command: str, results: Path | None = None, **options: Any) -> None:
        self._kernels = _Kernels()
        self._sequences = self._trials = 0  # of jobs that are watched
        self.step("starting")
        super().__init__(command, results, **options)

    def step(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Begin with something; if it can be counted, how many of what there are."""
        self._began = time.perf_counter()
        self._compiling: tuple[str, str] | None = None
        self._what, self._done, self._total, self._unit = what, 0, total, unit

    def compiling(self, learner: str, experiment: str) -> None:
        """Begin with kernels."""
        self.step("kernels")
        self._compiling = learner, experiment

    def advance(self, n: int = 1) -> None:
        """Count."""
        self._done += n

    def watching(self, events: Iterable[engine.Event]) -> Iterator[engine.Event]:
        """Pass on the events of jobs that belong to the step, and take note of them."""
        for event in events:
            self._kernels.note(event)
            self._trials += isinstance(event, engine.Ended)
            self._sequences += event.sequences if isinstance(event, engine.Did) else 0
            yield event

    def _left_s(self) -> float | None:
        seconds = time.perf_counter() - self._began
        return seconds * (self._total - self._done) / self._done if self._total and self._done else None

    def _now(self) -> str:
        seconds = time.perf_counter() - self._began
        if self._compiling:
            return compiling(*self._compiling, seconds)
        watched = f"{self._trials:,} trials run, {self._sequences:,} training sequences" if self._sequences else ""
        return ", ".join(filter(None, (watched, self._kernels.said())))

    def parts(self) -> list[Part]:
        """One: the step."""
        now = ", ".join(filter(None, (self._unit, self._now())))
        return [Part(self._what, self._done, self._total, left_s=self._left_s(), now=now)]

    def lines(self) -> list[str]:
        """The step."""
        if self._compiling:
            return [f"{self._command}: {self._now()}"]
        seconds, left = time.perf_counter() - self._began, self._left_s()
        count = "" if self._total is None else f"{self._done:,} of {self._total:,} {self._unit}"
        end = f"{duration(seconds)} so far" if left is None else f"about {duration(left)} left"
        return [f"{self._command}: " + ", ".join(filter(None, (self._what, count, end, self._now())))]
