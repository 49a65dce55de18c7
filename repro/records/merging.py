"""Puts the records of several results folders into one: each trial once, and none of which two say different things.

A trial of one source is the same on every machine. Where two folders differ about it, something is wrong with one of
the machines, or with its libraries: nothing is written until somebody has said which to believe.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from repro.errors import ReproError
from repro.hints import command
from repro.records import attestation
from repro.records.attestation import Attestation, Ledger
from repro.records.store import Store
from repro.records.trial import Record

_SHOWN = 5  # trials that folders differ about


class MergeError(ReproError):
    """Folders that cannot be put together."""


@dataclass
class Tally:
    """What became of the records of a folder."""

    folder: Path
    taken: int = 0  # of trials that were not there
    equal: int = 0  # of trials that were there, with the same bits
    left: int = 0  # crashed, and there is more of the trial; or another folder was to be believed


@dataclass(frozen=True)
class _Held:
    """A record, and the folder that it is from."""

    record: Record
    folder: Path


@dataclass
class _Merged:
    """What is to be written, and what cannot be decided."""

    fresh: list[Record] = field(default_factory=list)
    clashes: list[tuple[_Held, _Held]] = field(default_factory=list)


def merge(folders: Sequence[Path], into: Path, prefer: Path | None = None) -> list[Tally]:
    """Write what the ``folders`` have and ``into`` lacks; a tally of each folder.

    Where two differ about a trial, the record from ``prefer`` is taken. All is compared before anything is written.

    Raises
    ------
    MergeError
        If two differ about a trial and none is from ``prefer``, or the other one is in ``into`` already; or if their
        attestations differ.
    repro.records.store.StoreError
        If a results file cannot be read or written, or has what is no record, or records of a trial that differ.
    repro.records.attestation.AttestationError
        If attestations cannot be read.

    """
    target, stores = Store(into), [Store(folder) for folder in folders]
    tallies = {store.folder: Tally(store.folder) for store in stores}
    experiments = sorted({name for store in stores for name in store.experiments()})
    merged = {name: _experiment(name, stores, target, prefer, tallies) for name in experiments}
    clashes = [clash for one in merged.values() for clash in one.clashes]
    if clashes:
        raise MergeError(_told(clashes, into))
    for store in (target, *stores):
        for name in experiments:
            store.check_seen_to(name)
    lines = _attestations([attestation.read(store.folder) for store in stores], attestation.read(into))
    for name, one in merged.items():
        if one.fresh:
            target.check_writable(name)
        for record in one.fresh:
            target.append(record)
    if lines:
        attestation.write(into, lines)
    return list(tallies.values())


def _experiment(
    name: str, stores: Sequence[Store], target: Store, prefer: Path | None, tallies: Mapping[Path, Tally]
) -> _Merged:
    merged = _Merged()
    there = target.stored(name)
    files = [(store.folder, store.stored(name)) for store in stores]
    keys = dict.fromkeys(condition.key for _, stored in files for condition in stored.conditions)
    for key in keys:
        held = {_run(record): _Held(record, target.folder) for record in there.records(key)}
        before = dict(held)
        every = [record for stored in (there, *(stored for _, stored in files)) for record in stored.records(key)]
        ended = {(record.trial, record.screened) for record in every if record.outcome != "crashed"}
        for folder, stored in files:
            for record in stored.records(key):
                one, run = _Held(record, folder), _run(record)
                other = held.get(run)
                if record.outcome == "crashed" and (record.trial, record.screened) in ended:
                    tallies[folder].left += 1
                elif other is None or (record.results() == other.record.results() and _has_more(record, other.record)):
                    held[run] = one
                    tallies[folder].taken += 1
                elif record.results() == other.record.results():
                    tallies[folder].equal += 1
                elif other.folder == prefer != folder:
                    tallies[folder].left += 1
                elif folder == prefer and other.folder != target.folder:
                    tallies[other.folder].left += 1
                    tallies[other.folder].taken -= 1
                    tallies[folder].taken += 1
                    held[run] = one
                else:
                    merged.clashes.append((other, one))
        merged.fresh += [one.record for run, one in held.items() if before.get(run) is not one]
    return merged


def _run(record: Record) -> tuple[int, str, bool]:
    """What must not be there twice: a trial of a source, a screened one apart."""
    return record.trial, record.source, record.screened


def _has_more(record: Record, other: Record) -> bool:
    """Whether a record has the learning trace that another lacks."""
    return record.trace is not None and other.trace is None


def _told(clashes: Sequence[tuple[_Held, _Held]], into: Path) -> str:
    """Trials that folders differ about, with what computed each."""
    texts = []
    for one, other in clashes[:_SHOWN]:
        record = one.record
        parts = [f"trial {record.trial} of {record.row} ({record.reading}) has different bits:"]
        parts += [f"  {held.folder}: {_described(held.record)}" for held in (one, other)]
        texts.append("\n".join(parts))
    more = f"\nand {len(clashes) - _SHOWN:,} more trials" if len(clashes) > _SHOWN else ""
    if any(one.folder == into for one, _ in clashes):
        advice = f"{into} has one of them already, and nothing there is written over: merge into an empty folder"
    else:
        advice = "a trial is the same on every machine: find out which is wrong "
        advice += f"(`{command('replay')}`), or say --prefer DIR"
    return "\n".join(texts) + f"{more}\nNothing was written. {advice[0].upper()}{advice[1:]}."


def _described(record: Record) -> str:
    made_with = ", ".join(f"{name} {number}" for name, number in sorted(record.versions.items()))
    return (
        f"{record.outcome} after {record.sequences:,} sequences, weights {record.weights_digest or '-'}; "
        f"{record.processor or 'a processor that is not known'}; {made_with or 'versions that are not known'}"
    )


def _attestations(ledgers: Iterable[Ledger], target: Ledger) -> list[Attestation]:
    """The lines that the target lacks, or has of fewer trials."""
    fresh: dict[tuple[str, str], Attestation] = {}
    for line in _lines(ledgers):
        place = line.condition, line.source
        before = fresh.get(place) or target.line(*place)
        if before is None:
            fresh[place] = line
            continue
        differing = [trial for trial, made in line.prints.items() if before.prints.get(trial, made) != made]
        if before.sequences != line.sequences or differing:
            raise MergeError(
                f"attestations of {line.row} ({line.reading}) by source {line.source} differ, the first in trial "
                f"{min(differing, default=0)}: with {before.versions}, and with {line.versions}. Nothing was written. "
                f"`{command('attest --check')}` in each folder finds out which holds."
            )
        most = max(line, before, key=lambda one: one.whole)
        both = replace(most, prints={**before.prints, **line.prints})
        if both != before:
            fresh[place] = both
    return list(fresh.values())


def _lines(ledgers: Iterable[Ledger]) -> Iterator[Attestation]:
    for ledger in ledgers:
        yield from ledger.lines.values()
