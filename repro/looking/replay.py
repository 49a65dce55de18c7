"""A stored trial, to be run again: from its record to its condition, and whether the bits agree."""

from collections.abc import Iterable

from repro.errors import ReproError, shown
from repro.experiments import views
from repro.experiments.condition import Condition
from repro.experiments.config import PRINTED, Row, load
from repro.experiments.selection import changes, one
from repro.hints import command
from repro.limits import whole
from repro.records.attestation import ranges
from repro.records.store import Store
from repro.records.trial import Record
from repro.records.validity import source_of


class ReplayError(ReproError):
    """A trial that is not stored, or cannot be run again."""


def stored(trial: str, reading: str | None, overrides: Iterable[str], seed: int, store: Store) -> Record:
    """The record of a trial such as ``6a/lstm:3``, of the condition that the options of ``run`` mean.

    Raises
    ------
    ReplayError
        If the text is of another form, or there is no such record.
    repro.experiments.config.ConfigError
        If there is no such row or reading, or an override does not fit.
    repro.records.store.StoreError
        If the results file cannot be read.

    """
    name, _, text = trial.rpartition(":")
    number = whole(text)
    if not name or number is None:
        raise ReplayError(f"a trial is ROW:NUMBER, such as 6a/lstm:3; not {shown(trial)}")
    row = one(name, load())
    condition = row.condition(reading or PRINTED, changes(overrides), seed)
    return _find(row, condition, number, store)


def _find(row: Row, condition: Condition, trial: int, store: Store) -> Record:
    """The stored record of a trial of a condition: that of today's source, if there is one, else the latest."""
    file = store.stored(row.experiment)
    mine = [record for record in file.records(condition.key) if record.trial == trial]
    ended = sorted((r for r in mine if r.outcome != "crashed"), key=lambda r: r.source == source_of(condition))
    if ended:
        return ended[-1]
    if mine:
        why = (mine[-1].error or "").rpartition("\n")[2]
        raise ReplayError(
            f"trial {trial} of {row.name} crashed, and left nothing to compare with: {why}; `{command('run')}` with "
            "the same options runs it again"
        )
    there: dict[str, set[int]] = {}
    for other in (other for other in file.conditions if other.row == row.name):
        if trials := {record.trial for record in file.records(other.key) if record.outcome != "crashed"}:
            there[" ".join(views.options(other, row)) or "no options"] = trials
    if not there:
        runs = command(f"run '{row.name}'")
        raise ReplayError(f"no trials of {row.name} are in {store.folder}; `{runs}` runs them")
    lines = "\n".join(f"  {options}: trials {ranges(sorted(trials), ', ')}" for options, trials in there.items())
    raise ReplayError(f"trial {trial} of {row.name} under these settings is not in {store.folder}; stored are\n{lines}")


def circumstances(record: Record) -> str:
    """Which trial a record is of, and what of the source, versions and processor that computed it is not of today."""
    from repro.records.provenance import processor, versions

    then = {"numerical source": record.source, **record.versions, "processor": record.processor}
    now = {"numerical source": source_of(record.condition), **versions(), "processor": processor()}
    changed = [
        f"{name} {then.get(name, 'unknown')}, now {value}" for name, value in now.items() if then.get(name) != value
    ]
    trial = f"{record.row}:{record.trial}, reading {record.reading}"
    return f"{trial}; recorded with {'; '.join(changed)}" if changed else trial


def compared(before: Record, after: Record) -> list[tuple[str, str, str, str]]:
    """Of each part of two records' results: its name, what it was, what it is, and whether they are the same."""
    then, now = ({name: str(value) for name, value in record.results().items()} for record in (before, after))
    return [
        (name, then.get(name, "-"), now.get(name, "-"), "yes" if then.get(name) == now.get(name) else "no")
        for name in {**then, **now}
    ]
