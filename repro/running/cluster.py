"""An engine whose workers are on other machines, or come and go: it gives them errands, and hears what comes of them.

How these are carried is a `Hub`'s to know; it has never more than one errand for a worker at a time. An errand is some
jobs that take seconds together: a crew's width of trials of a row at first, and as many crews as go into that time when
it is known how long they take. When few trials are left it is less, so that all workers end at about the same time.

A worker gets nothing before its fingerprint is known to be that of this process. Trials that were lost with a worker
are run again, each alone, after all others; a trial that is lost three times is crashed, as in the local engine.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from repro import registry
from repro.errors import ReproError
from repro.records.attestation import ranges
from repro.running import errand, fingerprint
from repro.running.engine import (
    ATTEMPTS,
    Began,
    Did,
    Ended,
    EngineError,
    Given,
    Job,
    Lot,
    Offer,
    Offers,
    Report,
    Run,
    WorkerWarning,
    crashed,
    run_job,
)
from repro.running.fingerprint import Fingerprint, Pair

WIDEST = 32  # lanes, as in `crew`
_ERRAND_S = 4.0  # that an errand takes, unless a crew takes longer
_LOOK_S = 0.5  # between looks at which workers there are
_HEAR_S = 0.2  # the most that is waited for what they say
_ALONE_S = 20.0  # without any worker: then it is said
_SETTLE_S = 1.0  # in which other workers may join at the beginning


@dataclass(frozen=True)
class Heard:
    """What is heard of an errand: what its worker says in the midst of it, or that it is over."""

    number: int
    notes: Sequence[errand.Note] | None  # None: it is over
    error: str = ""  # why it did not come to its end


class Hub(Protocol):
    """What carries errands to workers.

    Any of these raises an EngineError when there is no way to the workers any more.
    """

    name: str  # for people

    def workers(self) -> set[str]:
        """The workers that there are, by address."""

    def give(self, number: int, worker: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a worker call a function, which also gets what sends notes, and what tells whether all is in vain."""

    def hear(self, seconds: float) -> list[Heard]:
        """What has been heard, waiting so long for it."""

    def drop(self, number: int) -> None:
        """Forget an errand, whether it is over or not."""


@dataclass(eq=False)
class _Errand:
    """Jobs that a worker is at."""

    number: int
    worker: str
    jobs: Sequence[Job]
    left: dict[int, set[int]]  # trials, by the number of their job
    reading: errand.Reading
    failed: dict[int, str] = field(default_factory=dict)  # how, by the number of the job

    @property
    def trials(self) -> str:
        """What is left of it, for people."""
        open_jobs = [self.jobs[number] for number, left in self.left.items() if left]
        if not open_jobs:
            return "its trials done"
        numbers = sorted(self.left[self.jobs.index(open_jobs[0])])
        more = f" and of {len(open_jobs) - 1:,} more" if len(open_jobs) > 1 else ""
        return f"{open_jobs[0].condition.row}, trials {ranges(numbers, ', ')}{more}"


class Cluster:
    """The workers that a hub reaches, as far as they compute what this process would."""

    def __init__(self, hub: Hub, pairs: Sequence[Pair], run: Run = run_job) -> None:
        self._hub, self._pairs, self._run = hub, pairs, run
        self._ours: Fingerprint | None = None
        self._good: set[str] = set()  # workers whose fingerprint is ours
        self._asked: dict[int, str] = {}  # for their fingerprint: the workers, by the number of the errand
        self._answers: dict[int, errand.Note] = {}
        self._errands: dict[int, _Errand] = {}
        self._n = 0  # errands
        self._looked = self._alone_since = -_LOOK_S
        self._refused: set[str] = set()  # workers
        self._said: set[str] = set()  # warnings

    @property
    def n_workers(self) -> int:
        """Workers that are ready."""
        return len(self._good)

    def meet(self) -> None:
        """Wait for workers, and find out whether all that there are compute the same bits as this process.

        Raises
        ------
        EngineError
            That names a worker that does not, and says in what it differs.

        """
        self._alone_since = time.monotonic()
        while not self._hub.workers():
            self._say_if_alone()
            time.sleep(_HEAR_S)
        time.sleep(_SETTLE_S)
        self._look()
        self._ours = fingerprint.taken(self._pairs, registry.given())
        while self._asked or not self._good:
            for heard in self._hub.hear(_HEAR_S):
                if heard.number in self._asked and (answered := self._answered(heard)):
                    worker, wrong = answered
                    if wrong:
                        raise EngineError(
                            f"{worker} does not compute what this process does: {wrong}. Nothing was run; end that "
                            "worker, or make it like this one"
                        )
                    self._good.add(worker)
            self._look()

    def run(self, offers: Iterable[Offer], n_trials: int) -> Iterator[Report]:
        """Have jobs run, of so many trials together."""
        todo = _Todo(offers, n_trials)
        try:
            while True:
                yield from self._give(todo)
                if not self._errands and todo.over:
                    return
                ends: list[Ended] = []
                for heard in self._hub.hear(_HEAR_S):
                    if heard.number in self._asked:
                        self._joined(heard)
                    elif heard.number not in self._errands:
                        continue
                    elif heard.notes is None:
                        one = self._errands.pop(heard.number)
                        yield from self._lost(one, todo, heard.error or "lost trials, and does not say why")
                        yield from self._give(todo)  # what else was heard can wait, and the worker need not
                    else:
                        yield from self._heard(self._errands[heard.number], heard.notes, todo, ends)
                if ends:
                    yield Lot(tuple(ends))
                for one in self._look():
                    yield from self._lost(one, todo, "is gone")
        finally:
            for number in self._errands:
                self._hub.drop(number)
            self._errands.clear()

    # -------------------------------------------------------------------------------------------------------- workers

    def _look(self) -> list[_Errand]:
        """Find out which workers have joined, and ask them for their fingerprints; the errands of those that left."""
        if time.monotonic() - self._looked < _LOOK_S:
            return []
        there, self._looked = self._hub.workers(), time.monotonic()
        for worker in there - self._good - set(self._asked.values()) - self._refused:
            self._n += 1
            self._asked[self._n] = worker
            self._hub.give(self._n, worker, _fingerprint, self._pairs, registry.given())
        for number in [number for number, worker in self._asked.items() if worker not in there]:
            del self._asked[number]
            self._hub.drop(number)
        self._good &= there
        if there:
            self._alone_since = time.monotonic()
        self._say_if_alone()
        lost = [one for one in self._errands.values() if one.worker not in there]
        for one in lost:
            del self._errands[one.number]
        return lost

    def _say_if_alone(self) -> None:
        if time.monotonic() - self._alone_since > _ALONE_S:
            self._alone_since = float("inf")
            warnings.warn(
                f"{self._hub.name} has no workers; waiting for some to join, Ctrl-C ends the run",
                WorkerWarning, stacklevel=3,
            )  # fmt: skip

    def _answered(self, heard: Heard) -> tuple[str, str] | None:
        """A worker that has been asked for its fingerprint, and what is wrong with it, in words: nothing as a rule.

        None while its answer is not complete.
        """
        assert self._ours
        if heard.notes is not None:
            self._answers[heard.number] = heard.notes[0]
            return None
        worker, answer = self._asked.pop(heard.number), self._answers.pop(heard.number, None)
        self._hub.drop(heard.number)
        match answer:
            case ("fingerprint", versions, sources, prints):
                return worker, "; ".join(
                    fingerprint.differences(self._ours, Fingerprint(versions, sources, (*prints,)))
                )
            case ("failed", why):
                return worker, why
        return worker, f"it cannot say what it is: {heard.error or 'its errand was lost'}"

    def _joined(self, heard: Heard) -> None:
        """Take a worker that has joined in the midst of it, if it is as it must be."""
        if not (answered := self._answered(heard)):
            return
        worker, wrong = answered
        if wrong:
            self._refused.add(worker)
            warnings.warn(f"{worker} is given no trials: {wrong}", WorkerWarning, stacklevel=3)
        else:
            self._good.add(worker)

    # -------------------------------------------------------------------------------------------------------- errands

    def _give(self, todo: "_Todo") -> Iterator[Report]:
        """Give errands to the workers that have none."""
        for worker in sorted(self._good - {one.worker for one in self._errands.values()}):
            while not isinstance(jobs := todo.next(len(self._good)), list):
                if jobs is None:
                    return
                yield jobs
            self._n += 1
            left = {number: set(job.trials) for number, job in enumerate(jobs)}
            self._errands[self._n] = _Errand(self._n, worker, jobs, left, errand.Reading(jobs))
            arguments = self._run, jobs, errand.source_digests(jobs), registry.given()
            self._hub.give(self._n, worker, errand.run, *arguments)
            yield Given(jobs[0])

    def _heard(self, one: _Errand, notes: Sequence[errand.Note], todo: "_Todo", ends: list[Ended]) -> Iterator[Report]:
        """What a worker says of its errand; trials that have ended are added to ``ends``."""
        for note in notes:
            match note:
                case ("given", number) if number:  # that of the first was known
                    yield Given(one.jobs[number])
                case ("began", number):
                    yield Began(one.jobs[number])
                case ("did", number, sequences, steps):
                    yield Did(one.jobs[number], sequences, steps)
                case ("took", number, seconds):
                    todo.took(one.jobs[number], seconds)
                case ("failed", number, why, is_final):
                    if is_final:
                        raise EngineError(f"{one.worker}: {why}")
                    one.failed[number] = why
                case ("warned", text) if text not in self._said:
                    self._said.add(text)
                    warnings.warn(text, stacklevel=2)
        for number, end in one.reading.ends(notes):
            if end.record.trial in one.left[number]:
                one.left[number].discard(end.record.trial)
                ends.append(end)

    def _lost(self, one: _Errand, todo: "_Todo", how: str) -> Iterator[Report]:
        """Have trials run again that went with a worker, or give them up."""
        self._hub.drop(one.number)
        again = one.jobs[0].attempt < ATTEMPTS  # one that is run again is alone
        if any(left for number, left in one.left.items() if number not in one.failed):
            fate = "they are run again, each alone" if again else "they are given up"
            warnings.warn(f"{one.worker} ({one.trials}) {how}; {fate}", WorkerWarning, stacklevel=3)
        for number, left in one.left.items():
            job = one.jobs[number]
            if again:
                todo.again(replace(job, trials=(trial,), attempt=job.attempt + 1) for trial in sorted(left))
            elif left:
                error = one.failed.get(number, f"the worker {how}")
                yield Lot(tuple(Ended(job, crashed(job.condition, trial, error)) for trial in sorted(left)))


def _fingerprint(pairs: Sequence[Pair], files: Sequence[Path], send: Any, unwanted: object) -> None:
    """Have a worker say its fingerprint."""
    try:
        own = fingerprint.taken(pairs, files)
    except ReproError as error:
        send([("failed", str(error))])
    else:
        send([("fingerprint", dict(own.versions), dict(own.sources), list(own.prints))])


class _Todo:
    """The jobs that are to be given, in errands of the right size."""

    def __init__(self, offers: Iterable[Offer], n_trials: int) -> None:
        self._offers = Offers(offers)
        self._open: Job | None = None  # one of which a part was given
        self._n_left = n_trials
        self._rates: dict[str, float] = {}  # seconds a trial, by row

    @property
    def over(self) -> bool:
        """Is nothing left, now and later."""
        return self._offers.over and not self._open

    def again(self, jobs: Iterable[Job]) -> None:
        """Have jobs done again."""
        self._offers.add(jobs)

    def took(self, job: Job, seconds: float) -> None:
        """Take note of how long a job took; of what came before, half is forgotten."""
        rate = seconds / len(job.trials)
        self._rates[job.condition.row] = (rate + self._rates.get(job.condition.row, rate)) / 2

    def next(self, n_workers: int) -> list[Job] | Report | None:
        """The jobs of an errand, or what else there is to be said; None if there is nothing to do now."""
        jobs: list[Job] = []
        left_s, most = _ERRAND_S, max(1, self._n_left // (2 * n_workers))
        while left_s > 0 and most > 0:
            job = self._open or self._offers.next()
            self._open = None
            if not isinstance(job, Job):
                if job is not None and not jobs:
                    return job
                if job is not None:
                    self._offers.put_back(job)
                break
            if job.attempt > 1:  # it may take its worker with it, and nothing else
                if jobs:
                    self._offers.put_back(job)
                    break
                return [job]
            rate = self._rates.get(job.condition.row)
            if jobs and rate is None:
                self._open = job
                break
            width = _width(job)
            room = width if rate is None else min(most, int(left_s / max(rate, 1e-6)))
            if jobs and room < min(width, len(job.trials)):
                self._open = job
                break
            n = max(width, room // width * width)
            part, rest = job.trials[:n], job.trials[n:]
            jobs.append(replace(job, trials=part))
            self._open = replace(job, trials=rest) if rest else None
            self._n_left -= len(part)
            most -= len(part)
            left_s = left_s - rate * len(part) if rate is not None else 0
        return jobs or None


def _width(job: Job) -> int:
    """The lanes of a whole crew."""
    learner = registry.learner(job.condition.settings["learner"]["name"])
    return job.lanes or int(getattr(learner, "WIDEST", WIDEST))
