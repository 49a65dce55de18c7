"""Spreads jobs over processes, and yields what their trials report as it happens.

A job is a condition and some of its trials. The inline engine runs jobs one after the other in this process. The local
engine starts worker processes, each with a pipe of its own: no lock is shared, so a worker that is killed takes
nothing with it but its own job. What is missing of that job is then run again, each trial alone; a trial that is lost
three times becomes a record of outcome ``crashed``, and all others are unharmed.

What workers warn of, the parent says, and says it once.

Ctrl-C reaches the parent alone (workers ignore it), which ends the workers at once. Finished trials are already
yielded.
"""

import multiprocessing
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from repro import registry
from repro.experiments.condition import Condition
from repro.records.provenance import NOWHERE
from repro.records.trial import Record

_ATTEMPTS = 3


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
class _Warned:
    """What a worker warns of."""

    text: str


Event = Given | Began | Did | Ended
Run = Callable[[Job], Iterator[Event]]


def run_job(job: Job) -> Iterator[Event]:
    """Run a job in this process."""
    from repro.running import crew

    for number, event in enumerate(crew.run(job.condition, job.trials, job.lanes, job.trace)):
        if number == 0:
            yield Began(job)
        yield Ended(job, event) if isinstance(event, Record) else Did(job, event.sequences, event.steps)


def inline(jobs: Iterable[Job], run: Run = run_job) -> Iterator[Event]:
    """Run jobs one after the other in this process."""
    for job in jobs:
        yield Given(job)
        left = set(job.trials)
        try:
            for event in run(job):
                if isinstance(event, Ended):
                    left.discard(event.record.trial)
                yield event
        except Exception:
            yield from (Ended(job, crashed(job.condition, trial, traceback.format_exc())) for trial in sorted(left))


def local(jobs: Iterable[Job], n_workers: int, run: Run = run_job) -> Iterator[Event]:
    """Run jobs in ``n_workers`` processes."""
    waiting = deque(jobs)
    n_workers = max(1, min(n_workers, len(waiting)))
    workers: list[_Worker] = []
    said: set[_Warned] = set()
    try:
        while waiting or any(worker.job for worker in workers):
            while waiting and len(workers) < n_workers:
                workers.append(_Worker(run))
            for worker in workers:
                if waiting and not worker.job:
                    job = waiting.popleft()
                    worker.give(job)
                    yield Given(job)
            for pipe in wait([worker.pipe for worker in workers if worker.job]):
                worker = next(worker for worker in workers if worker.pipe is pipe)
                event = worker.take()
                if isinstance(event, _Warned):
                    if event not in said:
                        said.add(event)
                        warnings.warn(event.text, stacklevel=2)
                elif isinstance(event, _Done):
                    worker.job = None
                elif isinstance(event, _Failed):
                    lost, left = worker.job, sorted(worker.left)
                    assert lost is not None
                    workers.remove(worker)
                    worker.stop()
                    if lost.attempt < _ATTEMPTS:
                        waiting.extend(replace(lost, trials=(trial,), attempt=lost.attempt + 1) for trial in left)
                    else:
                        yield from (Ended(lost, crashed(lost.condition, trial, event.why)) for trial in left)
                else:
                    yield event
    finally:
        for worker in workers:
            worker.stop()


def crashed(condition: Condition, trial: int, error: str) -> Record:
    """The record of a trial that could not be run to its end."""
    return Record(
        condition=condition, trial=trial, outcome="crashed", sequences=0, steps=0, stages=(), cpu_s=0.0,
        weights=0, weights_digest=None, source="", machine=NOWHERE, error=error.strip(),
    )  # fmt: skip


@dataclass(frozen=True)
class _Done:
    """A worker has done its job."""


@dataclass(frozen=True)
class _Failed:
    """A worker could not go on with its job, or is gone."""

    why: str


@dataclass
class _Worker:
    """A worker process and what it is doing."""

    run: Run
    job: Job | None = None
    left: set[int] = field(default_factory=set)
    pipe: Connection = field(init=False)
    process: BaseProcess = field(init=False)

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self.run, registry.given()), daemon=True)
        with _ignoring_interrupts():  # the worker inherits it: Ctrl-C must not hit it while it starts either
            self.process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        self.job, self.left = job, set(job.trials)
        with suppress(OSError):  # it is gone: `take` finds the pipe closed
            self.pipe.send(job)

    def take(self) -> Event | _Warned | _Done | _Failed:
        """What the worker says next, or that it is gone."""
        try:
            event = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(1)
            return _Failed(f"the worker process ended with exit code {self.process.exitcode}")
        if isinstance(event, Ended):
            self.left.discard(event.record.trial)
        return event  # type: ignore[no-any-return]

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(pipe: Any, run: Run, given: Iterable[Path]) -> None:
    """A worker process: jobs in, events and warnings out, until the pipe closes; it uses the files ``given``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.showwarning = lambda message, *_, **__: pipe.send(_Warned(str(message)))
    try:
        while True:
            job = pipe.recv()
            try:
                if given:
                    registry.use(given)
                    given = ()
                for event in run(job):
                    pipe.send(event)
                pipe.send(_Done())
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception:
                pipe.send(_Failed(traceback.format_exc()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
