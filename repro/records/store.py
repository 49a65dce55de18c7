"""Records under a results folder: one file an experiment, a line a trial, and a line for what trials share (`jsonl`).

A record is appended by a single write, under a lock, and flushed to disk before the trial counts as done (`appending`).
What is no record, or one that does not hold together, or says something else than another of the same trial, is named
and not counted; no run writes into a file with such lines of the first and the last kind: somebody should look.

Of a file with a million trials most views need a few: it is split by conditions at once, and what a condition's lines
say is read when it is asked for.
"""

import errno
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from repro.experiments.condition import Condition
from repro.records import appending, jsonl
from repro.records.appending import Mark
from repro.records.appending import StoreError as StoreError
from repro.records.appending import TornLineWarning as TornLineWarning
from repro.records.integrity import ForeignError, RecordError, Rule, check, condition_of
from repro.records.jsonl import LineError
from repro.records.provenance import Machine
from repro.records.trial import Record
from repro.records.uncounted import Complaints, Faults
from repro.records.uncounted import UncountedWarning as UncountedWarning


class Stored:
    """What a results file has, by condition.

    Raises
    ------
    StoreError
        If the file cannot be read.

    """

    def __init__(self, path: Path, experiment: str) -> None:
        self.path = path
        self._experiment = experiment
        self._lines: dict[str, list[bytes]] = {}  # of trials, by the key of their condition
        self._conditions: dict[str, Condition] = {}  # those that hold together, by key
        self._wrong: dict[str, tuple[str, str]] = {}  # of others: row and reading, and why they do not
        self._foreign: dict[str, str] = {}  # what is said of those whose learner or task there is not
        self._machines: dict[str, Machine] = {}
        self._records: dict[str, list[Record]] = {}  # that were asked for, likewise
        self.faults = Faults()
        self.mark: Mark | None = None  # of the file, if there is one, without a torn line
        self._complaints = Complaints(path, self.faults)
        self._split()
        conditions = {key: self._find_condition(key) for key in self._lines}
        self.conditions = [condition for condition in conditions.values() if condition]
        for key, condition in conditions.items():
            if key in self._foreign:
                self._records[key] = []
                self.faults.foreign += len(self._lines[key])
                n = len(self._lines[key])
                self._complaints.say(f"{n} trials {self._foreign[key]}", n=n)
            elif not condition:  # nobody can ask for its records: that they do not count is said at once
                self._records[key] = list(self._read(key).values())
        self._complaints.say_how_many_more()

    def _split(self) -> None:
        """Put each line where it belongs; of a trial no more is looked at than its condition."""
        trials: dict[bytes, list[bytes]] = {}
        number, line, key = 0, b"\n", None
        try:
            if self.path.exists() and not self.path.is_file():
                raise StoreError(f"{self.path}: is not a file")
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        key = line[jsonl.KEY] if line.startswith(jsonl.TRIAL) else jsonl.condition_of(line)
                        if key in trials:
                            trials[key].append(line)
                        elif key is not None:
                            trials[key] = [line]
                        else:
                            self._share(jsonl.shared(line))
                    except LineError as error:
                        key = None
                        self._no_record(line, error, number)
                if key is not None and not line.endswith(b"\n") and not jsonl.is_whole(line):
                    trials[key].pop()
                    self._no_record(line, LineError("it is torn"), number)
                self.mark = Mark.of(os.fstat(file.fileno()), file.tell() - len(line) * self.faults.torn)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}") from error
        self._lines = {key.decode(errors="replace"): texts for key, texts in trials.items() if texts}

    def _no_record(self, line: bytes, error: LineError, number: int = 0) -> None:
        """Pass over a line of no kind."""
        if not line.endswith(b"\n") and jsonl.begins_as_ours(line):
            self.faults.torn = 1
            warnings.warn(f"{self.path}:{number}: torn last line, not counted", TornLineWarning, stacklevel=5)
            return
        self.faults.no_records += 1
        problem = f"not a record: {error}; find out why, then delete the line"
        self._complaints.say(problem, line, number, stops_runs=True)

    def _share(self, line: jsonl.ConditionLine | jsonl.MachineLine) -> None:
        if isinstance(line, jsonl.MachineLine):
            self._machines[line.machine] = Machine(line.versions, line.processor)
            return
        try:
            self._conditions[line.condition] = condition_of(line, self._experiment)
        except ForeignError as error:
            self._foreign[line.condition] = f"of {line.row} ({line.reading}) are not counted: {error}"
        except RecordError as error:
            self._wrong[line.condition] = jsonl.of(line.row, line.reading), str(error)

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

        What is not counted is left out, with a warning that names its line: a record that does not hold together, or
        the first of those that do not for one reason, and each of two that say different things of the same trial.
        """
        if key not in self._records:
            self._records[key] = list(self._read(key).values()) if key in self._lines else []
            self._complaints.say_how_many_more()
        return self._records[key]

    def everything(self) -> list[Record]:
        """All records, condition by condition."""
        return [record for key in self._lines for record in self.records(key)]

    def _read(self, key: str) -> dict[tuple[int, str, bool], Record]:
        texts = self._lines[key]
        condition = self._conditions.get(key)
        reader = condition and jsonl.reader(condition, self._machines)
        rule = condition and Rule.of(condition)
        by_run: dict[tuple[int, str, bool], Record] = {}
        differing = set()
        named, lacking = self._wrong.get(key, (jsonl.of("a row", "a reading"), "the file has no line of its condition"))
        named = jsonl.of(condition.row, condition.reading) if condition else named
        broken: dict[tuple[str, str], list[bytes]] = {}  # by whose they are and what is wrong
        for text in texts:
            try:
                if text[jsonl.OURS] != jsonl.TODAYS and (old := jsonl.old(text)):
                    record = old.record(condition_of(old, self._experiment))
                elif reader:
                    record = reader(text)
                else:
                    raise RecordError(lacking)
                check(record, rule or Rule.of(record.condition))
            except (*jsonl.UNREADABLE, LineError, RecordError) as error:
                try:
                    broken.setdefault((jsonl.whose(text, named), jsonl.problem(error)), []).append(text)
                except LineError as no_record:
                    self._no_record(text, no_record)
                continue
            run = (record.trial, record.source, record.screened)
            if before := by_run.pop(run, None):
                if before.results() == record.results():
                    self.faults.doubled += 1
                else:
                    differing.add(run)
                    self._differs(text, record)
            by_run[run] = record
        for (whose, problem), lines in broken.items():
            self._leave_out(whose, problem, lines)
        self._lines[key] = [b""] * len(texts)  # a million lines need not be kept beside what they say
        return {run: record for run, record in by_run.items() if run not in differing} if differing else by_run

    def _differs(self, text: bytes, record: Record) -> None:
        self.faults.differing += 1
        problem = (
            f"trial {record.trial} of {record.row} ({record.reading}) stands there twice with different results, "
            "though a trial is the same on every machine; neither is counted: find out why, then delete one line"
        )
        self._complaints.say(problem, text, stops_runs=True)

    def _leave_out(self, whose: str, problem: str, lines: Sequence[bytes]) -> None:
        """Say of records that are broken in one way that they are not counted, by the first of them."""
        n = len(lines)
        self.faults.broken += n
        which = f"trial {jsonl.trial(lines[0])}"
        if n == 1:
            said = f"{which} of {whose} is not counted: {problem}; find out why, then delete the line"
        else:
            said = f"{which} and {n - 1:,} more of {whose} are not counted: {problem}; find out why, then delete them"
        self._complaints.say(said, lines[0], n=n)


class Store:
    """The records in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._marks: dict[Path, Mark] = {}  # of what has been read and written
        self._shared: dict[Path, tuple[int, set[str]]] = {}  # how far a file has been looked through for shared lines
        self._faults: dict[Path, Faults] = {}  # as it was last read
        self._seen: dict[Path, tuple[int, int]] = {}  # as it was when it was read, and what is added here since

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
            If its file cannot be read.

        """
        path = self.path(experiment)
        self._seen[path] = _extent(path)
        stored = Stored(path, experiment)
        self._faults[path] = stored.faults
        if stored.mark and self._marks.get(path, stored.mark).holds(path):  # else what was there is still missed
            self._marks[path] = stored.mark
        return stored

    def faults(self, experiment: str) -> Faults:
        """How much of what was read of an experiment is not counted."""
        return self._faults.get(self.path(experiment), Faults())

    def grown(self, experiment: str) -> bool:
        """Whether anybody else has written to the file of an experiment since it was last read here."""
        path = self.path(experiment)
        return _extent(path) != self._seen.get(path)

    def read(self, experiment: str) -> list[Record]:
        """All records of an experiment, condition by condition.

        Raises
        ------
        StoreError
            As `stored` says.

        """
        return self.stored(experiment).everything()

    def check_writable(self, experiment: str) -> None:
        """Find out before hours of work whether records can be written.

        Raises
        ------
        StoreError
            If they cannot; or if what was read of the file has to be seen to first.

        """
        path = self.path(experiment)
        self.check_seen_to(experiment)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            appending.check(path)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error

    def check_seen_to(self, experiment: str) -> None:
        """Find out whether somebody has to look at what was read of an experiment before anything comes of it.

        Raises
        ------
        StoreError
            If there is a line of no kind, or records of a trial differ.

        """
        if first := self.faults(experiment).first:
            raise StoreError(f"{first}; before that nothing is written")

    def check_kept(self) -> None:
        """Find out whether all that was read and written is there.

        Raises
        ------
        StoreError
            If a file was removed, replaced or shortened.

        """
        for path in self._marks:
            self._check_kept(path)

    def _check_kept(self, path: Path) -> None:
        mark = self._marks.get(path)
        if mark and not mark.holds(path):
            raise StoreError(
                f"{path}: was removed, replaced or shortened while this run went on, so records that it read or wrote "
                "are not there; put the file back, or run the same command again for what is missing"
            )

    def append(self, *records: Record) -> None:
        """Write records to disk; they are safe when this returns. Those of an experiment are written at once.

        Raises
        ------
        StoreError
            If it cannot be written, or what was written before is gone.
        ValueError
            If it has a number that is not finite, or out of range.

        """
        for experiment in dict.fromkeys(record.experiment for record in records):
            self._append(experiment, [record for record in records if record.experiment == experiment])

    def make_folder(self) -> None:
        """Make the folder, where a run has no trials to put into it: what is merged has to be there.

        Raises
        ------
        StoreError
            If it cannot be made.

        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be made: {error.strerror}") from error

    def _append(self, experiment: str, records: Sequence[Record]) -> None:
        path = self.path(experiment)
        own = [jsonl.checked(record) for record in records]
        self._check_kept(path)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with appending.opened(path) as file:
                self._check_kept(path)
                alone = not self.grown(experiment)
                known, lines = self._shared_keys(path, file), own
                for record in records:
                    if common := jsonl.common(record, known):
                        known |= common.keys()
                        lines = [*common.values(), *lines]
                text = b"".join(line + b"\n" for line in lines)
                end = file.seek(0, os.SEEK_END) + len(text)
                if file.write(text) != len(text):
                    file.truncate(end - len(text))
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
                self._marks[path] = Mark.of(os.fstat(file.fileno()), end)
                self._shared[path] = end, known
                if alone:
                    self._seen[path] = _extent(path)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}; finished trials are kept") from error
        self._check_kept(path)

    def _shared_keys(self, path: Path, file: FileIO) -> set[str]:
        """The keys of the conditions and machines that a file has lines of; only what is new to us is read."""
        end, known = self._shared.pop(path, (0, set()))  # if nothing is written, it is read anew
        if file.seek(0, os.SEEK_END) > end:
            with path.open("rb") as others:
                others.seek(end)
                known |= jsonl.shared_keys(others)
        return known


def _extent(path: Path) -> tuple[int, int]:
    """Which file is there, and its size; an empty one is as none."""
    with suppress(OSError):
        if (found := path.stat()).st_size:
            return found.st_ino, found.st_size
    return 0, 0
