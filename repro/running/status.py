"""What runs in a results folder: a note a process, for `repro status` in another terminal.

Each process that does long work there keeps a note, ``.running.<random>.json``, and a lock on it. The system takes the
lock away with the process, however that ends: a note that nobody holds is of a process that was killed. The note is
removed at the end, that of a killed process by the next one. It names no machine and no path.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

_PATTERN = ".running.*.json"
_ATTEMPTS = 20  # to read a note that is being written


@dataclass(frozen=True)
class Part:
    """Where a part of some work is: a row of a run, or the work as a whole."""

    name: str
    done: int = 0
    total: int | None = None  # None: it is not known how many
    solved: int | None = None
    crashed: int = 0
    sequences_per_s: float | None = None
    left_s: float | None = None
    left_at_most: bool = False  # is that as long as it can take, rather than about as long as it will
    now: str = ""  # what is being done, in words

    @property
    def missing(self) -> int | None:
        """How many are not done."""
        return None if self.total is None else self.total - self.done


@dataclass(frozen=True)
class Work:
    """A command at work in a results folder."""

    command: str
    process: int
    since: float  # seconds since 1970
    heard: float  # likewise, when it last said where it was
    parts: tuple[Part, ...]
    alive: bool  # or was it killed


class Note:
    """The note of this process: `write` says where it is, `close` takes it away.

    Where the folder is not there, or cannot be written to, there is none.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self._command, self._since = command, time.time()
        self._path = folder / f".running.{os.urandom(6).hex()}.json"
        self._file: int | None = None
        with suppress(OSError):
            _sweep(folder)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def write(self, parts: Sequence[Part]) -> None:
        """Say where the work is."""
        file = self._file  # which another thread may close
        if file is None:
            return
        content = {"command": self._command, "process": os.getpid(), "since": self._since, "heard": time.time()}
        text = msgspec.json.encode(content | {"parts": parts})  # of thousands of parts, each second
        with suppress(OSError):  # no room: the work itself is more important
            os.pwrite(file, text, 0)
            os.ftruncate(file, len(text))

    def close(self) -> None:
        """Take the note away."""
        file, self._file = self._file, None
        if file is not None:
            self._path.unlink(missing_ok=True)
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(folder: Path) -> list[Work]:
    """What runs in a results folder, and what was killed there, by when it began."""
    found = []
    for path in folder.glob(_PATTERN):
        with suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            try:
                alive = _held(file)
                content = _content(file)
            finally:
                os.close(file)
            if content is not None and (alive or path.exists()):  # else it ended just now
                parts = tuple(Part(**part) for part in content.pop("parts"))
                found.append(Work(**content, parts=parts, alive=alive))
    return sorted(found, key=lambda work: work.since)


def _content(file: int) -> dict[str, Any] | None:
    """What a note says; None if it says nothing."""
    for _ in range(_ATTEMPTS):
        text = os.pread(file, 1 << 24, 0)
        try:
            return dict(json.loads(text))
        except ValueError:  # it is being written
            time.sleep(0.01)
    return None


def _held(file: int) -> bool:
    """Whether a process holds the lock of a note."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _sweep(folder: Path) -> None:
    """Remove the notes of processes that were killed; an empty one is of a process that begins."""
    for path in folder.glob(_PATTERN):
        with suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            try:
                if os.fstat(file).st_size and not _held(file):
                    path.unlink()
            finally:
                os.close(file)


def table(works: Sequence[Work], now: float) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Heads and a line for each part of each work; ``now`` in seconds since 1970."""
    heads = [
        "command", "process", "state", "since", "running_s", "row", "done", "missing", "solved", "crashed",
        "sequences_per_s", "left_s", "left_is", "now",
    ]  # fmt: skip
    return heads, (
        (
            work.command, work.process, "running" if work.alive else "killed",
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(work.since)),
            round((now if work.alive else work.heard) - work.since),
            part.name, part.done, part.missing, part.solved, part.crashed,
            None if part.sequences_per_s is None else round(part.sequences_per_s, 1),
            None if part.left_s is None else round(part.left_s),
            None if part.left_s is None else "at most" if part.left_at_most else "about", part.now,
        )
        for work in works
        for part in work.parts
    )  # fmt: skip
