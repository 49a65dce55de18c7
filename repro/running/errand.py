"""What a worker on another machine does with jobs that it is given, and how it says what comes of them.

What it says are tuples of numbers, texts and bytes, each with a word at its head: whatever carries them needs to know
nothing of trials. A record goes as the line that a results file gets, without its line break.
"""

import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repro import registry
from repro.errors import ReproError
from repro.records import jsonl
from repro.records.provenance import Machine
from repro.records.validity import source_of
from repro.running.engine import Began, Did, Ended, Job, Run

Note = tuple[Any, ...]

EVERY_S = 1.0  # between messages in the midst of an errand
_AT_ONCE = 64  # records of a message, at most: a scheduler keeps a thousand of the messages that it passed on

_warning = threading.Lock()


def source_digests(jobs: Iterable[Job]) -> list[str]:
    """The digests of the sources that jobs are to be run by."""
    return [source_of(job.condition) for job in jobs]


def take_up(files: Iterable[Path]) -> None:
    """Take up learners and tasks in files, unless they are taken up already."""
    if tuple(files) != registry.given():
        registry.use(files)


class _Letters:
    """What is said of an errand, a part of it while it goes on."""

    def __init__(self, send: Callable[[list[Note]], object]) -> None:
        self._send = send
        self._sent = time.monotonic()
        self._notes: list[Note] = []
        self._records: list[Note] = []
        self._did: dict[int, list[int]] = {}
        self._machines: set[str] = set()

    def add(self, *note: Any) -> None:
        """Say something."""
        self._notes.append(note)

    def did(self, number: int, sequences: int, steps: int) -> None:
        """Say how much a job has done."""
        done = self._did.setdefault(number, [0, 0])
        done[0] += sequences
        done[1] += steps

    def ended(self, number: int, end: Ended) -> None:
        """Say that a trial has ended."""
        machine = end.record.machine
        if machine.key not in self._machines:
            self._machines.add(machine.key)
            self.add("machine", machine.versions, machine.processor)
        self._records.append(("ended", number, jsonl.line(end.record)))

    def now_and_then(self) -> None:
        """Send what there is, if it is much, or the last time was long enough ago."""
        if len(self._records) >= _AT_ONCE or time.monotonic() - self._sent >= EVERY_S:
            self.now()

    def now(self) -> None:
        """Send what there is."""
        did = (("did", number, *amounts) for number, amounts in self._did.items())
        self._send([*self._notes, *did, *self._records])
        self._notes, self._records, self._did = [], [], {}
        self._sent = time.monotonic()


def run(
    how: Run,
    jobs: Sequence[Job],
    sources: Sequence[str],
    files: Sequence[Path],
    send: Callable[[list[Note]], object],
    unwanted: Callable[[], bool],
) -> None:
    """Run jobs one after the other, and ``send`` what comes of them.

    Whoever gave them may not want them any more: that is asked for between any two events.
    """
    letters = _Letters(send)
    with _warnings_to(letters):
        for number, (job, source) in enumerate(zip(jobs, sources, strict=True)):
            letters.add("given", number)
            try:
                take_up(files)
                _check_source(job, source)
                for _ in _done(how, number, job, letters):
                    letters.now_and_then()
                    if unwanted():
                        return
            except ReproError as error:
                letters.add("failed", number, str(error), True)
                break
            except Exception:
                letters.add("failed", number, traceback.format_exc(), False)
    letters.now()


def _check_source(job: Job, source: str) -> None:
    if source_of(job.condition) != source:
        names = [job.condition.settings[group]["name"] for group in ("learner", "task")]
        raise ReproError(f"its source of {' on '.join(names)} is another one; install the same version there")


def _done(how: Run, number: int, job: Job, letters: _Letters) -> Iterator[None]:
    began = time.monotonic()
    for event in how(job):
        if isinstance(event, Began):
            began = time.monotonic()
            letters.add("began", number)
        elif isinstance(event, Did):
            letters.did(number, event.sequences, event.steps)
        elif isinstance(event, Ended):
            letters.ended(number, event)
        yield
    letters.add("took", number, time.monotonic() - began)


@contextmanager
def _warnings_to(letters: _Letters) -> Iterator[None]:
    """What is warned of is said."""
    with _warning:
        before = warnings.showwarning
        warnings.showwarning = lambda message, *_, **__: letters.add("warned", str(message))
        try:
            yield
        finally:
            warnings.showwarning = before


class Reading:
    """Makes events of what is said of an errand with some jobs."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._machines: dict[str, Machine] = {}
        self._readers: dict[int, Callable[[bytes], Any]] = {}

    def ends(self, notes: Iterable[Note]) -> Iterator[tuple[int, Ended]]:
        """The trials that have ended, each with the number of its job."""
        for note in notes:
            if note[0] == "machine":
                machine = Machine(note[1], note[2])
                self._machines[machine.key] = machine
            elif note[0] == "ended":
                yield note[1], Ended(self._jobs[note[1]], self._reader(note[1])(note[2]))

    def _reader(self, number: int) -> Callable[[bytes], Any]:
        if number not in self._readers:
            self._readers[number] = jsonl.reader(self._jobs[number].condition, self._machines)
        return self._readers[number]
