"""Several runs in one folder at a time: each trial is run by one of them, and found by the others.

A run reserves the trials that it begins with: it locks a byte of the file ``.trials.lock`` for each. The system takes
the locks away with the process, however that ends: none outlives it, and the trials of a run that was killed are free
at once. What others have finished is read in the results files when these have grown. The file has no content; the last
one to leave removes it.
"""

import fcntl
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from repro import interrupts
from repro.records import planning
from repro.records.planning import Plan
from repro.records.store import Store
from repro.running.engine import Elsewhere, Found, Job, Offer

_NAME = ".trials.lock"
_ALL = 0  # the byte that all who use the file share
_TRIAL_BITS, _CONDITION_BITS = 32, 30  # of the place of another one, which has 63


class ReservedWarning(UserWarning):
    """Trials that cannot be reserved."""


class Reserved:
    """The trials that this process has reserved in a folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._file: int | None = None
        self._last = ExitStack()

    def take(self, condition: str, trials: Iterable[int]) -> set[int]:
        """Reserve trials of a condition, given by its key, as far as no other process has.

        Those that follow each other are locked at once, as the system looks through all locks for each; one by one
        where another process has some of them.
        """
        place = 1 + int(condition, 16) % (1 << _CONDITION_BITS) << _TRIAL_BITS
        how = fcntl.LOCK_EX | fcntl.LOCK_NB
        taken: set[int] = set()
        for first, last in _runs(sorted(trials)):
            if self._lock(how, place + first, last - first + 1):
                taken |= set(range(first, last + 1))
            elif last > first:
                taken |= {trial for trial in range(first, last + 1) if self._lock(how, place + trial)}
        return taken

    def _lock(self, how: int, place: int, n: int = 1) -> bool:
        if self._file is None:
            return True
        try:
            fcntl.lockf(self._file, how, n, place)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            self._do_without(error)
        return True

    def _do_without(self, error: OSError) -> None:
        """Reserve nothing, where the file system has no such locks."""
        warnings.warn(
            f"{self._path}: cannot be locked: {error.strerror}; another run in this folder would run the same trials",
            ReservedWarning, stacklevel=4,
        )  # fmt: skip
        self._close()

    def _open(self) -> None:
        """Open the file that others use, and not one that has just been removed."""
        while self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            self._lock(fcntl.LOCK_SH, _ALL)
            with suppress(FileNotFoundError):
                if self._file is None or os.path.samestat(os.fstat(self._file), self._path.stat()):
                    return
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _leave(self) -> None:
        with suppress(OSError):
            if self._file is not None and self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB, _ALL):
                self._path.unlink()
        self._close()

    def __enter__(self) -> Self:
        self._last.callback(self._leave)
        self._last.enter_context(interrupts.at_the_end(self._leave))
        try:
            self._open()
        except OSError as error:
            self._do_without(error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._last.close()


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of numbers that follow each other."""
    first = 0
    for k in range(1, len(numbers) + 1):
        if k == len(numbers) or numbers[k] != numbers[k - 1] + 1:
            yield numbers[first], numbers[k - 1]
            first = k


def divided(jobs: Sequence[Job], plan: Plan, store: Store, reserved: Reserved) -> Iterator[Offer]:
    """The jobs, without what other runs are at or have done since the plan was made; the rest when they are gone.

    A trial is reserved before it is looked for in the store: whoever had it has by then written it, or lost it.
    """
    waiting = deque(jobs)
    missing = {key: set(trials) for key, trials in plan.missing.items()}  # and not begun with here
    looked: set[str] = set()
    while waiting:
        n_begun = 0
        for _ in range(len(waiting)):
            job = waiting.popleft()
            key, experiment = job.condition.key, job.condition.experiment
            ours = reserved.take(key, job.trials)
            if experiment not in looked or store.grown(experiment):
                looked.add(experiment)
                yield from _look(plan, store, experiment, missing)
            left = missing[key].intersection(job.trials)
            if rest := sorted(left - ours):
                waiting.append(replace(job, trials=tuple(rest)))
            if now := sorted(left & ours):
                missing[key] -= ours
                n_begun += 1
                yield replace(job, trials=tuple(now))
        if waiting and not n_begun:
            yield Elsewhere(waiting[0], tuple(waiting))


def _look(plan: Plan, store: Store, experiment: str, missing: dict[str, set[int]]) -> Iterator[Found]:
    """What others have finished since; it is no longer missing."""
    items = [item for item in plan.items if item.condition.experiment == experiment]
    now = planning.plan(items, store, plan.trace, screened=plan.screened)
    for item in items:
        key = item.condition.key
        for record in now.done[key]:
            if record.trial in missing[key]:
                missing[key].discard(record.trial)
                yield Found(Job(item.condition, (record.trial,)), record)
