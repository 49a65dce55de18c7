"""Spreads jobs over processes, and yields what their trials report as it happens.

A job is a condition and some of its trials. The inline engine runs jobs one after the other in this process. The local
engine starts worker processes, each with a pipe of its own (`worker`): no lock is shared, so a worker that is killed
takes nothing with it but its own job. What is missing of that job is then run again, each trial alone; a trial that is
lost three times becomes a record of outcome ``crashed``, and all others are unharmed. Kernels that cannot be compiled
end the run. A worker that gives no sign of
life is taken for dead after two minutes.

What workers warn of, the parent says, and says it once; it also says when one has died, or is silent.
"""

import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from multiprocessing.connection import wait
from typing import Any

from repro import interrupts
from repro.errors import ReproError
from repro.experiments.condition import Condition
from repro.records.attestation import ranges
from repro.records.provenance import NOWHERE
from repro.records.trial import Record
from repro.running.worker import Alive, Done, Failed, Gone, Warned, Worker

ATTEMPTS = 3
_SIGN_S = 1.0  # between signs of life of a worker
_SILENT_S, _DEAD_S = 20.0, 120.0  # without one: then it is said, and then the worker is replaced
_ASK_S = 0.5  # until what is run elsewhere is asked for again
_TICK_S = 1.0  # the most that workers are waited for at a time


class EngineError(ReproError):
    """Trials that cannot be run, here or by another worker."""


class WorkerWarning(UserWarning):
    """A worker process has died, or gives no sign of life."""


@dataclass(frozen=True)
class Job:
    """Trials of a condition that one crew runs."""

    condition: Condition
    trials: tuple[int, ...]
    lanes: int | None = None  # None: as many as the trials need
    trace: bool = False  # is a learning trace kept
    attempt: int = 1


@dataclass(frozen=True)
class Given:
    """A job that a process has begun with: its kernels are loaded or compiled."""

    job: Job


@dataclass(frozen=True)
class Began:
    """A job whose kernels are ready, and whose trials are running."""

    job: Job


@dataclass(frozen=True)
class Did:
    """What the trials of a job did since its last report."""

    job: Job
    sequences: int
    steps: int


@dataclass(frozen=True)
class Ended:
    """A trial has ended."""

    job: Job
    record: Record


@dataclass(frozen=True)
class Lot:
    """Trials that have ended, and are heard of together: their records are put on disk together."""

    ends: tuple[Ended, ...]


@dataclass(frozen=True)
class Found:
    """A trial of a job that another run has finished meanwhile."""

    job: Job
    record: Record


@dataclass(frozen=True)
class Elsewhere:
    """Other runs are at the trials of all jobs that are left; the next time it may be otherwise."""

    job: Job  # one of them
    jobs: tuple[Job, ...]


Offer = Job | Found | Elsewhere
Event = Given | Began | Did | Ended | Found | Elsewhere
Report = Event | Lot  # what an engine yields
Run = Callable[[Job], Iterator[Event]]


def run_job(job: Job) -> Iterator[Event]:
    """Run a job in this process.

    Raises
    ------
    EngineError
        If its kernels cannot be compiled, whoever tries.

    """
    from repro.running import crew

    try:
        for number, event in enumerate(crew.run(job.condition, job.trials, job.lanes, job.trace)):
            if number == 0:
                yield Began(job)
            yield Ended(job, event) if isinstance(event, Record) else Did(job, event.sequences, event.steps)
    except Exception as error:
        from repro.running.uncompiled import explained

        if not (told := explained(error)):
            raise
        name = job.condition.settings["learner"]["name"]
        raise EngineError(f"the kernels of {name} cannot be compiled: {told.problem}; {told.advice}") from None


def inline(jobs: Iterable[Offer], run: Run = run_job) -> Iterator[Event]:
    """Run jobs one after the other in this process."""
    for job in jobs:
        if not isinstance(job, Job):
            yield job
            time.sleep(_ASK_S if isinstance(job, Elsewhere) else 0)
            continue
        yield Given(job)
        left = set(job.trials)
        try:
            for event in run(job):
                if isinstance(event, Ended):
                    left.discard(event.record.trial)
                yield event
        except ReproError:
            raise
        except Exception:
            yield from (Ended(job, crashed(job.condition, trial, traceback.format_exc())) for trial in sorted(left))


def local(jobs: Iterable[Offer], n_workers: int, run: Run = run_job) -> Iterator[Event]:
    """Run jobs in up to ``n_workers`` processes; none is started before there is a job for it."""
    offers, posts, said = Offers(jobs), list[_Post](), set[Warned]()
    try:
        with interrupts.at_the_end(lambda: _kill(posts)):
            while True:
                while sum(bool(post.job) for post in posts) < n_workers and (offer := offers.next()):
                    if isinstance(offer, Job):
                        _hand(offer, posts, run)
                        yield Given(offer)
                    else:
                        yield offer
                busy = [post for post in posts if post.job]
                if not busy and offers.over:
                    return
                for post, event in _hear(busy):
                    if isinstance(event, Warned):
                        if event not in said:
                            said.add(event)
                            warnings.warn(event.text, stacklevel=2)
                    elif isinstance(event, Failed) and event.is_final:
                        raise EngineError(event.why)
                    elif isinstance(event, Failed | Gone):
                        posts.remove(post)
                        post.worker.stop()
                        yield from _lost(post, event, offers)
                    elif isinstance(event, Done):
                        post.job = None
                    elif not isinstance(event, Alive):
                        yield event
    finally:
        _kill(posts)
        for post in posts:
            post.worker.stop()


def crashed(condition: Condition, trial: int, error: str) -> Record:
    """The record of a trial that could not be run to its end."""
    return Record(
        condition=condition, trial=trial, outcome="crashed", sequences=0, steps=0, stages=(), cpu_s=0.0,
        weights=0, weights_digest=None, source="", machine=NOWHERE, error=error.strip(),
    )  # fmt: skip


class Offers:
    """The jobs that there are to be given, and those of which a worker was lost, which come last."""

    def __init__(self, offers: Iterable[Offer]) -> None:
        self._offers = iter(offers)
        self._back: Offer | None = None
        self._again = deque[Job]()
        self._ask_at = -inf  # inf: there are no more

    @property
    def over(self) -> bool:
        """Is nothing left, now and later."""
        return self._ask_at == inf and not self._again and not self._back

    def add(self, jobs: Iterable[Job]) -> None:
        """Have jobs done again."""
        self._again.extend(jobs)

    def put_back(self, offer: Offer) -> None:
        """Let an offer be the next one again."""
        self._back = offer

    def next(self) -> Offer | None:
        """The next one, if there is one now."""
        if back := self._back:
            self._back = None
            return back
        if time.monotonic() >= self._ask_at:
            offer = next(self._offers, None)
            if offer:
                self._ask_at = time.monotonic() + _ASK_S if isinstance(offer, Elsewhere) else -inf
                return offer
            self._ask_at = inf
        return self._again.popleft() if self._again else None


@dataclass(eq=False)
class _Post:
    """A worker and what it is doing."""

    worker: Worker
    job: Job | None = None
    left: set[int] = field(default_factory=set)
    silent_s: float = 0.0  # while it was waited for

    @property
    def name(self) -> str:
        """The process, for people."""
        assert self.job
        trials = f"trials {ranges(sorted(self.left), ', ')}" if self.left else "its trials done"
        return f"worker process {self.worker.number} ({self.job.condition.row}, {trials})"


def _kill(posts: list[_Post]) -> None:
    for post in posts.copy():
        post.worker.kill()


def _hand(job: Job, posts: list[_Post], run: Run) -> None:
    """Give a job to a worker that is free, or to a new one."""
    post = next((post for post in posts if not post.job), None)
    if not post:
        with interrupts.undivided():
            post = _Post(Worker(run, _SIGN_S, _DEAD_S))
            posts.append(post)
    post.job, post.left, post.silent_s = job, set(job.trials), 0.0
    post.worker.give(job)


def _hear(busy: list[_Post]) -> Iterator[tuple[_Post, Any]]:
    """What workers say, waiting a while for it; one that has been silent for too long is taken for dead.

    Only the time counts in which they were waited for: when all is stopped by Ctrl-Z and goes on, nobody has died.
    """
    began = time.monotonic()
    ready = wait([post.worker.pipe for post in busy], _TICK_S if busy else _ASK_S)
    waited = min(time.monotonic() - began, _TICK_S)
    for post in busy:
        before, post.silent_s = post.silent_s, post.silent_s + waited
        if post.worker.pipe in ready:
            post.silent_s = 0.0
            with interrupts.undivided():  # that workers die when all ends is nothing to be told
                event = post.worker.take()
            if isinstance(event, Ended):
                post.left.discard(event.record.trial)
            yield post, event
        elif post.silent_s >= _DEAD_S:
            yield post, Gone(f"gave no sign of life for {_DEAD_S:.0f} s")
        elif before < _SILENT_S <= post.silent_s:
            text = f"{post.name} has given no sign of life for {_SILENT_S:.0f} s; it is replaced after {_DEAD_S:.0f} s"
            warnings.warn(text, WorkerWarning, stacklevel=3)


def _lost(post: _Post, why: Failed | Gone, offers: Offers) -> Iterator[Ended]:
    """Have the trials that went with a worker run again, or give them up."""
    job, left = post.job, sorted(post.left)
    assert job
    again = job.attempt < ATTEMPTS
    if isinstance(why, Gone):
        fate = "nothing is lost" if not left else "they are run again, each alone" if again else "they are given up"
        warnings.warn(f"{post.name} {why.how}; {fate}", WorkerWarning, stacklevel=3)
    if again:
        offers.add(replace(job, trials=(trial,), attempt=job.attempt + 1) for trial in left)
    else:
        error = why.why if isinstance(why, Failed) else f"the worker process {why.how}"
        yield from (Ended(job, crashed(job.condition, trial, error)) for trial in left)
