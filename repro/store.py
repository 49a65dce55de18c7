"""Records under a results folder: one file an experiment, one JSON line a trial.

A record is appended by a single write, under a lock, and flushed to disk before the trial counts as done. So a killed
process can leave at most one line without its end; such a torn last line is dropped, and its trial run again. A bad
line anywhere else is an error: somebody should look. A record that does not hold together is named and not counted.
"""

import errno
import fcntl
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from pydantic import ValidationError

from repro.errors import ReproError
from repro.integrity import RecordError, check
from repro.trial import SCHEMA, Record


class StoreError(ReproError):
    """A results file that cannot be read or written."""


class TornLineWarning(UserWarning):
    """A results file ends in the middle of a line."""


class UncountedWarning(UserWarning):
    """A record in a results file does not hold together."""


_MOST_WARNINGS = 10  # of a file


class Store:
    """The records in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, experiment: str) -> Path:
        """The file with the records of an experiment."""
        return self.folder / f"{experiment}.jsonl"

    def experiments(self) -> list[str]:
        """The experiments of which there are records."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def read(self, experiment: str) -> list[Record]:
        """The records of an experiment in the order they were written, the last one of each trial and source.

        A record that does not hold together is left out, with a warning that names its line.

        Raises
        ------
        StoreError
            If a line other than a torn last one is not a record, or if two runs of a trial disagree.

        """
        path = self.path(experiment)
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        if lines.pop():
            warnings.warn(f"{path}:{len(lines) + 1}: torn last line dropped", TornLineWarning, stacklevel=2)
        records: dict[tuple[str, int, str], Record] = {}
        uncounted = []
        for number, line in enumerate(lines, 1):
            record = _parse(line, path, number)
            try:
                check(record, experiment)
            except RecordError as error:
                trial = f"trial {record.trial} of {record.row} ({record.reading})"
                uncounted.append(f"{path}:{number}: {trial} is not counted: {error}")
                continue
            key = (record.cell, record.trial, record.source)
            before = records.pop(key, None)
            if before and before.results() != record.results():
                raise StoreError(
                    f"{path}:{number}: trial {record.trial} of {record.row} ({record.reading}) stands there twice with "
                    "different results, though a trial is the same on every machine; find out why, then delete one line"
                )
            records[key] = record
        for warning in uncounted[:_MOST_WARNINGS]:
            warnings.warn(f"{warning}; find out why, then delete the line", UncountedWarning, stacklevel=2)
        if len(uncounted) > _MOST_WARNINGS:
            more = f"and {len(uncounted) - _MOST_WARNINGS:,} more that are not counted"
            warnings.warn(f"{path}: {more}", UncountedWarning, stacklevel=2)
        return list(records.values())

    def check_writable(self, experiment: str) -> None:
        """Find out before hours of work whether records can be written.

        Raises
        ------
        StoreError
            If they cannot.

        """
        path = self.path(experiment)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab"):
                pass
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error

    def append(self, record: Record) -> None:
        """Write a record to disk; it is safe when this returns.

        Raises
        ------
        StoreError
            If it cannot be written.

        """
        path = self.path(record.experiment)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab+", buffering=0) as file, _locked(file):
                _drop_torn_line(file)
                line = record.line().encode() + b"\n"
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}; finished trials are kept") from error


@contextmanager
def _locked(file: FileIO) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _drop_torn_line(file: FileIO) -> None:
    """Cut off what follows the last line break."""
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def _parse(line: bytes, path: Path, number: int) -> Record:
    try:
        return Record.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        if first["type"] == "literal_error" and where == "schema":
            problem = f"schema {first['input']}, but this version reads schema {SCHEMA}"
        raise StoreError(f"{path}:{number}: not a record: {problem}") from None
