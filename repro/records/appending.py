"""Appending to a results file: under a lock, to the file that is there, and behind whole lines.

A killed process, or a full disk, can leave a last line without its end. Whoever appends next sees to it: a line that is
whole gets its line break, one that begins as ours do and is torn is put aside. Nothing else is ever cut away.
"""

import fcntl
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from repro.errors import ReproError
from repro.records import jsonl

_PATIENCE_S = 2.0  # after which it is said that a lock is waited for
_PAUSE_S = 0.01
_BLOCK = 1 << 16  # bytes


class StoreError(ReproError):
    """A results file that cannot be read or written."""


class TornLineWarning(UserWarning):
    """A results file ends in the middle of a line."""


class LockedWarning(UserWarning):
    """Another process keeps the lock of a results file."""


class Mark(NamedTuple):
    """A file, and how far it has been read or written: so much must be there later."""

    device: int
    inode: int
    size: int

    @classmethod
    def of(cls, file: os.stat_result, size: int) -> "Mark":
        """The mark of a file up to a size."""
        return cls(file.st_dev, file.st_ino, size)

    def holds(self, path: Path) -> bool:
        """Whether the file is still at its path, and is no shorter."""
        try:
            now = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (now.st_dev, now.st_ino) == (self.device, self.inode) and now.st_size >= self.size


@contextmanager
def opened(path: Path) -> Iterator[FileIO]:
    """A results file, locked, to append lines to; it is made if it is not there.

    Raises
    ------
    StoreError
        If it ends in what is not ours and has no line break.
    OSError
        If it cannot be written.

    """
    while True:
        with path.open("ab+", buffering=0) as file, _locked(file, path):
            if os.path.samestat(
                os.fstat(file.fileno()), path.stat()
            ):  # else another was put there before it was locked
                _end_line(file, path)
                yield file
                return


def check(path: Path) -> None:
    """Find out whether a results file can be appended to; it is made if it is not there.

    Raises
    ------
    StoreError, OSError
        As `opened` does.

    """
    with path.open("ab+", buffering=0) as file:
        _is_torn(_last_line(file), path)


def _end_line(file: FileIO, path: Path) -> None:
    """See to it that a file ends with a whole line."""
    line = _last_line(file)
    if not line:
        return
    if not _is_torn(line, path):
        file.write(b"\n")
        return
    aside = path.with_name(f"{path.name}.torn")
    with aside.open("ab") as torn:
        torn.write(line + b"\n")
        torn.flush()
        os.fsync(torn.fileno())
    file.truncate(file.seek(0, os.SEEK_END) - len(line))
    message = f"{path}: the last line was torn and is in {aside.name} now; its trial is run again"
    warnings.warn(message, TornLineWarning, stacklevel=2)


def _is_torn(line: bytes, path: Path) -> bool:
    """Whether a last line without a line break is a part of one of ours, and not whole."""
    if not line or jsonl.is_whole(line):
        return False
    if jsonl.begins_as_ours(line):
        return True
    raise StoreError(
        f"{path}: ends with a line that is not a record and has no line break; nothing is written behind it: find out "
        "whose it is, then move the file or delete the line"
    )


def _last_line(file: FileIO) -> bytes:
    """What follows the last line break of a file."""
    start = file.seek(0, os.SEEK_END)
    line = b""
    while start and b"\n" not in line:
        end, start = start, max(0, start - _BLOCK)
        line = os.pread(file.fileno(), end - start, start) + line
    return line.rpartition(b"\n")[2]


# --------------------------------------------------------------------------------------------------------- its lock


@contextmanager
def _locked(file: FileIO, path: Path) -> Iterator[None]:
    _lock(file, path)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _lock(file: FileIO, path: Path) -> None:
    """Wait for the lock of a file, and say so if that takes long."""
    patience = time.monotonic() + _PATIENCE_S
    while time.monotonic() < patience:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)
    message = f"{path}: waiting for its lock, which {_holder(file)} holds; if that is stopped or hangs, end it"
    warnings.warn(message, LockedWarning, stacklevel=2)
    fcntl.flock(file, fcntl.LOCK_EX)


def _holder(file: FileIO) -> str:
    """Which process has the lock of a file, as far as the system tells."""
    inode = os.fstat(file.fileno()).st_ino
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines():
            _, kind, _, _, process, place, *_ = line.split()  # one more word in lines of those that wait
            if kind == "FLOCK" and place.rpartition(":")[2] == str(inode):
                name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
                return f"process {process} ({name})"
    return "another process"
