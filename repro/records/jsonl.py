"""Records as lines of JSON: what a results file consists of.

There are three kinds of lines, told by their first key. A ``condition`` has what trials share: row, reading, root seed
and all settings. A ``machine`` has what computed them. A trial has the rest, and refers to both by their digests, to
its condition by its first key, ``cell``. So nothing else is needed to understand a file, and a trial takes 400 bytes.

Version 0.1 wrote each trial as one line with all of that in it, of ``schema`` 1. Such lines are read as well.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec
from msgspec import Struct

from repro.experiments.condition import Condition
from repro.records.provenance import NOWHERE, Machine
from repro.records.trial import Amount, Count, LastLook, Number, Outcome, Record, Seconds, StageRecord

Settings = dict[str, dict[str, Any]]


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # of bytes that are no JSON, or not as typed


class LineError(ValueError):
    """A line that is not JSON, or not of its kind."""


class ConditionLine(Struct, frozen=True, forbid_unknown_fields=True):
    """What trials share."""

    condition: str  # its key
    schema: Literal[2]
    experiment: str
    row: str
    reading: str
    seed: Count
    settings: Settings


class MachineLine(Struct, frozen=True, forbid_unknown_fields=True):
    """What computed trials."""

    machine: str  # its key
    versions: dict[str, str]
    processor: str


class OldLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A trial as version 0.1 wrote it."""

    schema: Literal[1]
    experiment: str
    row: str
    reading: str
    condition: str = msgspec.field(name="cell")
    trial: Number
    seed: Count
    outcome: Outcome
    sequences: Count
    steps: Count
    stages: tuple[StageRecord, ...]
    cpu_s: Seconds
    weights: Count
    weights_digest: str | None
    source: str
    settings: Settings
    versions: dict[str, str]
    processor: str
    facts: dict[str, Count] = {}
    error: str | None = None
    last_look: LastLook | None = None
    trace: tuple[tuple[Count, Amount | None], ...] | None = None

    def record(self, condition: Condition) -> Record:
        """The same as a record."""
        machine = Machine(self.versions, self.processor) if self.processor else NOWHERE
        return Record(
            condition, self.trial, self.outcome, self.sequences, self.steps, self.stages, self.cpu_s, self.weights,
            self.weights_digest, self.source, machine, self.facts, self.error, self.last_look, self.trace,
        )  # fmt: skip


TRIAL = b'{"cell":"'  # how a trial's line begins, as we write it
KEY = slice(len(TRIAL), len(TRIAL) + 16)  # where then the key of its condition is
OURS = slice(KEY.stop, KEY.stop + 10)  # and what follows it, in today's form
TODAYS = b'","trial":'
_BEGINNINGS = (TRIAL, b'{"condition":"', b'{"machine":"', b'{"schema":1,')  # of lines as we write them, or once did
_KINDS: dict[str, type[Struct]] = {"condition": ConditionLine, "machine": MachineLine}


def condition_of(line: bytes) -> bytes | None:
    """The key of the condition of a trial's line, whatever its form; None if it is of another kind.

    Raises
    ------
    LineError
        If it is of no kind.

    """
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
    except UNREADABLE as error:
        raise LineError(str(error)) from None
    if isinstance(fields.get("cell"), str):
        return str(fields["cell"]).encode()
    if not _KINDS.keys() & fields.keys():
        raise LineError("it has neither cell nor condition nor machine")
    return None


def is_whole(line: bytes) -> bool:
    """Whether a line, with or without its line break, is all of one of ours."""
    try:
        condition_of(line)
    except LineError:
        return False
    return True


def begins_as_ours(line: bytes) -> bool:
    """Whether a line begins as one that we write, be it as short as it may."""
    return any(line.startswith(beginning[: len(line)]) for beginning in _BEGINNINGS)


def shared(line: bytes) -> ConditionLine | MachineLine:
    """A line of what trials share.

    Raises
    ------
    LineError
        If it is not one.

    """
    kind: Any = ConditionLine if b'"condition"' in line[:20] else MachineLine
    return _decoded(line, msgspec.json.Decoder(kind))  # type: ignore[no-any-return]


def old(line: bytes) -> OldLine | None:
    """A trial's line as version 0.1 wrote it; None if it is not of that form.

    Raises
    ------
    LineError
        If it says that it is, and is not.

    """
    if b'"schema":' not in line:
        return None
    return _decoded(line, _OLD)  # type: ignore[no-any-return]


_OLD = msgspec.json.Decoder(OldLine)


def reader(condition: Condition, machines: Mapping[str, Machine]) -> Callable[[bytes], Record]:
    """What makes a record of a trial's line of one condition, or raises one of `UNREADABLE`."""

    def shared_by_trials(kind: type, key: str) -> Any:
        return condition if kind is Condition else machines.get(key, NOWHERE)

    return msgspec.json.Decoder(Record, dec_hook=shared_by_trials).decode


def _decoded(line: bytes, decoder: Any) -> Any:
    try:
        return decoder.decode(line)
    except UNREADABLE as error:
        raise LineError(problem(error)) from None


def problem(error: Exception) -> str:
    """What is wrong with a line, the place before it."""
    what, at, place = str(error).partition(" - at `$.")
    number = what.removeprefix("Invalid enum value ")
    if place == "schema`" and number != what:
        return f"it has schema {number}, of another version of repro; this one reads 1 and 2"
    return f"{place.rstrip('`')}: {what}" if at else what


def of(row: str, reading: str) -> str:
    """How messages call whose trials are meant."""
    return f"{row} ({reading})"


def whose(line: bytes, named: str) -> str:
    """The same of a trial's line that does not hold together: as it says itself, or, if it does not, as ``named``.

    Raises
    ------
    LineError
        If it is not JSON.

    """
    fields = _decoded(line, _ANY)
    return of(fields["row"], fields["reading"]) if {"row", "reading"} <= fields.keys() else named


def trial(line: bytes) -> object:
    """The number of the trial that such a line is about, as far as that can be made out."""
    return _decoded(line, _ANY).get("trial", "?")


_ANY = msgspec.json.Decoder(dict[str, Any])


def shared_keys(file: Iterable[bytes]) -> set[str]:
    """The keys of the conditions and machines that lines are about; lines that are not of their kind are passed by."""
    keys = set()
    for line in file:
        if not line.startswith(TRIAL):
            with suppress(LineError):
                if condition_of(line) is None:
                    common = shared(line)
                    keys.add(common.condition if isinstance(common, ConditionLine) else common.machine)
    return keys


def line(record: Record) -> bytes:
    """A trial's own line, without its end."""
    return _ENCODER.encode(record)


def checked(record: Record) -> bytes:
    """The same of a record that is to be kept.

    Raises
    ------
    ValueError
        If it has a number that is not finite, or out of range: it could not be read back.

    """
    own = line(record)
    try:
        _CHECKED.decode(own)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a record: {problem(error)}") from None
    return own


def common(record: Record, known: Container[str] = ()) -> dict[str, bytes]:
    """The lines that a record shares with others, by key, but for those that are ``known``."""
    condition, machine, lines = record.condition, record.machine, {}
    if condition.key not in known:
        settings = {group: dict(values) for group, values in condition.settings.items()}
        lines[condition.key] = _ENCODER.encode(
            ConditionLine(
                condition.key, 2, condition.experiment, condition.row, condition.reading, condition.seed, settings
            )
        )
    if machine.key not in known:
        lines[machine.key] = _ENCODER.encode(MachineLine(machine.key, machine.versions, machine.processor))
    return lines


def written(record: Record) -> dict[str, bytes]:
    """The lines of a record: by key those that it shares with others, then its own, by an empty key.

    Raises
    ------
    ValueError
        As `checked` does.

    """
    return common(record) | {"": checked(record)}


_ENCODER = msgspec.json.Encoder(enc_hook=lambda one: one.key)
_SOME = Condition("", "", "", {}, {})
_CHECKED = msgspec.json.Decoder(Record, dec_hook=lambda kind, _: _SOME if kind is Condition else NOWHERE)
