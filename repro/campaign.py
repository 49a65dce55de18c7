"""What a ``run`` command does: find what is missing, have it run, and put every finished trial on disk."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from repro import attestation, engine
from repro.attestation import AttestationError, Ledger
from repro.cell import Cell
from repro.config import PRINTED, Row
from repro.source import numerical_digest
from repro.store import Store
from repro.sweep import Variant
from repro.trial import Record

Engine = Callable[[Iterable[engine.Job]], Iterator[engine.Event]]


@dataclass(frozen=True)
class Item:
    """A row under a reading, with how many trials it shall have."""

    row: Row
    cell: Cell
    n_trials: int
    overrides: Mapping[str, Any]
    variant: str = ""  # what a sweep calls it

    @property
    def label(self) -> str:
        """The row's name, and whatever it is that differs from the printed reading."""
        if self.variant:
            return f"{self.cell.row} ({self.variant})"
        reading = [] if self.cell.reading == PRINTED else [self.cell.reading]
        special = reading + [f"{key}={value}" for key, value in self.overrides.items()]
        return f"{self.cell.row} ({', '.join(special)})" if special else self.cell.row


@dataclass(frozen=True)
class Plan:
    """What to do: for each item the records that exist, and the numbers of the trials that are missing."""

    items: tuple[Item, ...]
    done: Mapping[str, tuple[Record, ...]]  # by the cell's key
    missing: Mapping[str, tuple[int, ...]]
    lost: Mapping[str, tuple[int, ...]]  # of the missing ones those that crashed
    trace: bool = False  # is a learning trace kept of those
    screened: bool = False  # are they of a screening
    n_stale: int = 0  # trials to run although they are stored: by a source that is not attested to give today's bits

    @property
    def n_missing(self) -> int:
        """Trials to run."""
        return sum(map(len, self.missing.values()))

    def jobs(self, n_workers: int, lanes: int | None = None) -> list[engine.Job]:
        """The missing trials; low limits first, to see something early.

        An item is split among the workers where there are too few to keep them busy: not more, as trials side by side
        in one crew cost little more than one, and each worker would compile the kernel for itself.
        """
        jobs = []
        waiting = [item for item in self.items if self.missing[item.cell.key]]
        parts = n_workers if len(waiting) < 2 * n_workers else 1
        for item in sorted(waiting, key=lambda item: item.cell.settings["stop"]["max_sequences"]):
            trials = self.missing[item.cell.key]
            n = min(parts, len(trials))
            jobs += [engine.Job(item.cell, trials[k::n], lanes, self.trace) for k in range(n)]
        return jobs


def current(
    cell: Cell, n_trials: int, records: Iterable[Record], ledger: Ledger, *, screened: bool = False
) -> list[Record]:
    """Of the ``records`` of a cell those of its first trials that ended, and whose bits today's source gives.

    Those of a screening do not count, as settings were chosen by them; but for another one they do: ``screened``.

    Raises
    ------
    repro.attestation.AttestationError
        If two of a trial count and differ.

    """
    source = source_of(cell)
    chosen: dict[int, Record] = {}
    records = list(records)
    if all(r.source == source and r.outcome != "crashed" and not r.screened for r in records):  # as a rule
        chosen = {record.trial: record for record in records if record.trial < n_trials}
        return [chosen[trial] for trial in sorted(chosen)]
    for record in records:
        if record.trial >= n_trials or record.outcome == "crashed" or (record.screened and not screened):
            continue
        if record.source == source or ledger.agree(cell.key, record.source, source, record.trial):
            before = chosen.get(record.trial)
            if before and before.results() != record.results():
                raise AttestationError(
                    f"trial {record.trial} of {record.row} ({record.reading}) is stored with different results, of "
                    f"sources {before.source} and {record.source}, which are attested to give the same bits; "
                    f"`repro attest '{record.row}' --whole all` finds out which is today's"
                )
            chosen[record.trial] = record
    return [chosen[trial] for trial in sorted(chosen)]


def stale(n_trials: int, records: Iterable[Record], counted: Iterable[Record]) -> set[int]:
    """The trials among the ``records`` of a cell that ended, and are not among those that count."""
    ended = {record.trial for record in records if record.outcome != "crashed" and not record.screened}
    return {trial for trial in ended if trial < n_trials} - {record.trial for record in counted}


def lost(n_trials: int, records: Iterable[Record], counted: Iterable[Record]) -> tuple[int, ...]:
    """The trials among the ``records`` of a cell that are not among those that count, because the latest run crashed.

    The machine failed there, and not the learner: such a trial is missing, and part of no number.
    """
    latest = {record.trial: record for record in records if record.trial < n_trials}
    there = {record.trial for record in counted}
    return tuple(n for n in sorted(latest.keys() - there) if latest[n].outcome == "crashed")


def crashes(command: str, trials: Sequence[int]) -> str:
    """That trials crashed, and what ``command`` runs them again; nothing if none did."""
    if not trials:
        return ""
    what, them = ("1 trial", "it") if len(trials) == 1 else (f"{len(trials)} trials", "them")
    return f"{what} crashed; `{command}` runs {them} again"


def source_of(cell: Cell) -> str:
    """Digest of the numerical source that computes a cell's trials."""
    return numerical_digest(cell.settings["learner"]["name"], cell.settings["task"]["name"])


def items(
    selected: Sequence[tuple[Row, Mapping[str, int] | None]],
    *,
    reading: str | None = None,
    trials: int | None = None,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    variants: Sequence[Variant] = (Variant(),),
) -> tuple[Item, ...]:
    """Items for the selected rows; a reading or a number of trials that is asked for goes before the selection's own.

    With ``variants``, each of them of each row. Rows that a reading is not about are left out, with a warning; so is,
    without a word, what two variants have in common.

    Raises
    ------
    repro.config.ConfigError
        If no row has such a reading, or a setting does not fit.

    """
    found: dict[str, Item] = {}
    without: dict[str, list[str]] = {}
    for variant in variants:
        changes = {**(overrides or {}), **variant.changes}
        wanted = variant.reading or reading
        for row, quick in selected:
            if wanted and wanted not in row.readings:
                without.setdefault(wanted, []).append(row.name)
                continue
            for name, n in ({wanted: row.trials} if wanted else quick or {PRINTED: row.trials}).items():
                item = Item(row, row.cell(name, changes, seed), trials or n, changes, variant.name)
                found.setdefault(item.cell.key, item)
    for name, names in without.items():
        if len(names) == len(selected):
            selected[0][0].setup(name)  # says that there is no such reading, and which there are
        warnings.warn(f"reading '{name}' is not about {', '.join(names)}: left out", stacklevel=2)
    return tuple(found.values())


def plan(items: Sequence[Item], store: Store, trace: bool = False, *, screened: bool = False) -> Plan:
    """Find what is missing in the store; with ``trace``, trials without a learning trace are.

    What is ``screened`` may have been stored by a screening, and is marked as such when it is run.

    Raises
    ------
    repro.store.StoreError
        If a results file cannot be read.
    repro.attestation.AttestationError
        If the attestations beside them cannot be read.

    """
    files = {name: store.stored(name) for name in dict.fromkeys(item.cell.experiment for item in items)}
    ledger = attestation.read(store.folder)
    done, missing, crashed, n_stale = {}, {}, {}, 0
    for item in items:
        stored = files[item.cell.experiment].records(item.cell.key)
        found = current(item.cell, item.n_trials, stored, ledger, screened=screened)
        done[item.cell.key] = tuple(r for r in found if r.trace is not None or not trace)
        have = {r.trial for r in done[item.cell.key]}
        missing[item.cell.key] = tuple(n for n in range(item.n_trials) if n not in have)
        crashed[item.cell.key] = lost(item.n_trials, stored, found)
        n_stale += len(stale(item.n_trials, stored, found))
    return Plan(tuple(items), done, missing, crashed, trace, screened, n_stale)


def execute(jobs: Sequence[engine.Job], run: Engine, store: Store, *, screened: bool = False) -> Iterator[engine.Event]:
    """Run jobs and pass on what happens; when a trial's end is passed on, its record is safe on disk."""
    for event in run(jobs):
        if isinstance(event, engine.Ended):
            store.append(structs.replace(event.record, screened=True) if screened else event.record)
        yield event
