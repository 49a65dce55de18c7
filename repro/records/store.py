"""Records under a results folder: one file an experiment, a line a trial, and a line for what trials share (`jsonl`).

A record is appended by a single write, under a lock, and flushed to disk before the trial counts as done. So a killed
process can leave at most one line without its end; such a torn last line is dropped, and its trial run again. A line
anywhere else that is not JSON is an error: somebody should look. A record that does not hold together is named and not
counted.

Of a file with a million trials most views need a few: it is split by conditions at once, and what a condition's lines
say is read when it is asked for.
"""

import errno
import fcntl
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from msgspec import DecodeError

from repro.errors import ReproError
from repro.experiments.condition import Condition
from repro.records import jsonl
from repro.records.integrity import ForeignError, RecordError, Rule, check, condition_of
from repro.records.jsonl import LineError
from repro.records.provenance import Machine
from repro.records.trial import Record


class StoreError(ReproError):
    """A results file that cannot be read or written."""


class TornLineWarning(UserWarning):
    """A results file ends in the middle of a line."""


class UncountedWarning(UserWarning):
    """A record in a results file does not hold together."""


_MOST_WARNINGS = 10  # of a file


class Stored:
    """What a results file has, by condition.

    Raises
    ------
    StoreError
        If the file cannot be read, or a line other than a torn last one is of no kind.

    """

    def __init__(self, path: Path, experiment: str) -> None:
        self.path = path
        self._experiment = experiment
        self._lines: dict[str, list[bytes]] = {}  # of trials, by the key of their condition
        self._conditions: dict[str, Condition] = {}  # those that hold together, by key
        self._wrong: dict[str, str] = {}  # why others do not
        self._foreign: dict[str, str] = {}  # what is said of those whose learner or task there is not
        self._machines: dict[str, Machine] = {}
        self._records: dict[str, list[Record]] = {}  # that were asked for, likewise
        self._n_uncounted = 0
        self._split()
        conditions = {key: self._find_condition(key) for key in self._lines}
        self.conditions = [condition for condition in conditions.values() if condition]
        for key, condition in conditions.items():
            if key in self._foreign:
                self._records[key] = []
                message = f"{self.path}: {len(self._lines[key])} trials {self._foreign[key]}"
                warnings.warn(message, UncountedWarning, stacklevel=3)
            elif not condition:  # nobody can ask for its records: that they do not count is said at once
                self.records(key)

    def _split(self) -> None:
        """Put each line where it belongs; of a trial no more is looked at than its condition."""
        trials: dict[bytes, list[bytes]] = {}
        number, line, key = 0, b"\n", None
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):  # noqa: B007
                    key = line[jsonl.KEY] if line.startswith(jsonl.TRIAL) else jsonl.condition_of(line)
                    if key in trials:
                        trials[key].append(line)
                    elif key is not None:
                        trials[key] = [line]
                    else:
                        self._share(jsonl.shared(line))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}") from error
        except LineError as error:
            if line.endswith(b"\n"):
                raise StoreError(f"{self.path}:{number}: not a record: {error}") from None
            key = None
        if not line.endswith(b"\n"):
            warnings.warn(f"{self.path}:{number}: torn last line dropped", TornLineWarning, stacklevel=4)
            if key is not None:
                trials[key].pop()
        self._lines = {key.decode(errors="replace"): texts for key, texts in trials.items() if texts}

    def _share(self, line: jsonl.ConditionLine | jsonl.MachineLine) -> None:
        if isinstance(line, jsonl.MachineLine):
            self._machines[line.machine] = Machine(line.versions, line.processor)
            return
        try:
            self._conditions[line.condition] = condition_of(line, self._experiment)
        except ForeignError as error:
            self._foreign[line.condition] = f"of {line.row} ({line.reading}) are not counted: {error}"
        except RecordError as error:
            self._wrong[line.condition] = str(error)

    def _find_condition(self, key: str) -> Condition | None:
        """The condition of trials, if it holds together; where it has no line, the trials' own have it, if old."""
        for text in self._lines[key]:
            if key in self._conditions:
                break
            with suppress(LineError, RecordError):
                if old := jsonl.old(text):
                    condition = condition_of(old, self._experiment)
                    self._conditions[condition.key] = condition
        return self._conditions.get(key)

    def n_lines(self, key: str) -> int:
        """The lines of trials of a condition, whatever they say."""
        return len(self._lines.get(key, ()))

    def records(self, key: str) -> list[Record]:
        """The records of a condition in the order they were written, the last one of each trial and source.

        A record that does not hold together is left out, with a warning that names its line.

        Raises
        ------
        StoreError
            If a line is not JSON, or two runs of a trial disagree.

        """
        if key not in self._records:
            n_named = max(_MOST_WARNINGS, self._n_uncounted)
            self._records[key] = list(self._read(key).values()) if key in self._lines else []
            if self._n_uncounted > n_named:
                more = f"and {self._n_uncounted - n_named:,} more that are not counted"
                warnings.warn(f"{self.path}: {more}", UncountedWarning, stacklevel=2)
        return self._records[key]

    def everything(self) -> list[Record]:
        """All records, condition by condition.

        Raises
        ------
        StoreError
            As `records` does.

        """
        return [record for key in self._lines for record in self.records(key)]

    def _read(self, key: str) -> dict[tuple[int, str, bool], Record]:
        texts = self._lines[key]
        condition = self._conditions.get(key)
        reader = condition and jsonl.reader(condition, self._machines)
        rule = condition and Rule.of(condition)
        by_run: dict[tuple[int, str, bool], Record] = {}
        for text in texts:
            try:
                if text[jsonl.OURS] != jsonl.TODAYS and (old := jsonl.old(text)):
                    record = old.record(condition_of(old, self._experiment))
                elif reader:
                    record = reader(text)
                else:
                    raise RecordError(self._wrong.get(key, "the file has no line of its condition"))
                check(record, rule or Rule.of(record.condition))
            except (DecodeError, LineError, RecordError) as error:
                self._leave_out(text, condition, error)
                continue
            key_of_run = (record.trial, record.source, record.screened)
            before = by_run.pop(key_of_run, None)
            if before and before.results() != record.results():
                raise StoreError(
                    f"{self._place(text)}: trial {record.trial} of {record.row} ({record.reading}) stands there twice "
                    "with different results, though a trial is the same on every machine; find out why, then delete "
                    "one line"
                )
            by_run[key_of_run] = record
        self._lines[key] = [b""] * len(texts)  # a million lines need not be kept beside what they say
        return by_run

    def _place(self, text: bytes) -> str:
        """File and number of a line, the last one of those that are the same."""
        with self.path.open("rb") as file:
            number = max((number for number, line in enumerate(file, 1) if line == text), default=0)
        return f"{self.path}:{number}"

    def _leave_out(self, text: bytes, condition: Condition | None, why: Exception) -> None:
        try:
            about = jsonl.about(text, condition)
        except LineError as error:
            raise StoreError(f"{self._place(text)}: not a record: {error}") from None
        self._n_uncounted += 1
        if self._n_uncounted <= _MOST_WARNINGS:
            message = (
                f"{self._place(text)}: {about} is not counted: {jsonl.problem(why)}; find out why, then delete the line"
            )
            warnings.warn(message, UncountedWarning, stacklevel=4)


class Store:
    """The records in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shared: dict[Path, tuple[int, int, set[str]]] = {}  # of a file: inode, size, what it has shared lines of

    def path(self, experiment: str) -> Path:
        """The file with the records of an experiment."""
        return self.folder / f"{experiment}.jsonl"

    def experiments(self) -> list[str]:
        """The experiments of which there are records."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def stored(self, experiment: str) -> Stored:
        """What there is of an experiment, by condition.

        Raises
        ------
        StoreError
            If its file cannot be read, or a line other than a torn last one is of no kind.

        """
        return Stored(self.path(experiment), experiment)

    def read(self, experiment: str) -> list[Record]:
        """All records of an experiment, condition by condition.

        Raises
        ------
        StoreError
            As `stored` and `Stored.records` say.

        """
        return self.stored(experiment).everything()

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
        ValueError
            If it has a number that is not finite, or out of range.

        """
        path = self.path(record.experiment)
        parts = jsonl.written(record)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab+", buffering=0) as file, _locked(file):
                _drop_torn_line(file)
                written = self._shared_keys(path)
                text = b"".join(line + b"\n" for key, line in parts.items() if key not in written)
                if file.write(text) != len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
                end = path.stat()
                self._shared[path] = end.st_ino, end.st_size, written | parts.keys() - {""}
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}; finished trials are kept") from error

    def _shared_keys(self, path: Path) -> set[str]:
        """The keys of the conditions and machines that a file has lines of; only what is new to us is read."""
        inode, size, known = self._shared.get(path, (0, 0, set()))
        with path.open("rb") as file:
            now = path.stat()
            if now.st_ino != inode or now.st_size < size:  # somebody has put another file there
                size, known = 0, set()
            file.seek(size)
            return known | jsonl.shared_keys(file)


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
