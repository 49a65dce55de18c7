"""Is a results folder sound? `repro verify` asks of all of its records, and runs some of its trials again.

Which trials is drawn by digests (`attest.drawn`), so that nobody chooses, among those that are done soon.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from repro.hints import command
from repro.records import attestation
from repro.records.attestation import AttestationError
from repro.records.store import Store
from repro.records.trial import Record
from repro.records.uncounted import Faults
from repro.records.validity import ALL, current, source_of
from repro.running import engine
from repro.running.attest import stored_trials
from repro.running.campaign import Engine

SOON_S = 5.0  # CPU seconds; a trial that is run alone takes several times as long as one in a crew
_NAMED = 3  # rows or trials in a sentence
_LOOK = "the warnings name them: find out why they are there, then delete them"
_CLAIMS = {  # by what is counted where they do not hold: the claim, what is counted, what to do
    "no_records": ("every line is a record, or what records share", "line", _LOOK),
    "torn": ("no file ends with half a record", "file", "`repro run` puts that aside and runs its trial again"),
    "broken": ("every record fits its condition and stop rule", "record", _LOOK),
    "differing": ("all records of a trial say the same", "record", _LOOK),
    "foreign": ("the learner and task of every record are known", "record", "`repro --with FILE.py verify`"),
}
_COUNTS = "every trial was computed by today's source, or is attested to have its bits"
_AGAIN = "trials that are run again end in the stored bits"


@dataclass(frozen=True)
class Finding:
    """What came of one thing that has to hold."""

    claim: str
    of: str  # how much was looked at
    problem: str = ""  # none: it holds
    advice: str = ""


@dataclass(frozen=True)
class Health:
    """A results folder as it was read."""

    faults: Sequence[Faults]  # of each file
    n_trials: int  # that ended, by whatever source
    counted: Sequence[Record]
    lacking: Sequence[str]  # the rows of trials that do not count
    conflict: str  # of two records that count, the first that differ; empty: none do
    n_no_attestations: int  # lines among the attestations that are none


def read(store: Store) -> Health:
    """Read all of a folder; what is not counted is warned of, as by every view.

    Raises
    ------
    repro.records.store.StoreError
        If a file cannot be read.
    repro.records.attestation.AttestationError
        If the attestations cannot be read.

    """
    ledger, n_trials, conflict = attestation.read(store.folder), 0, ""
    counted: list[Record] = []
    lacking: list[str] = []
    for one in stored_trials(store):
        n_trials += len(one.records)
        records = [record for records in one.records.values() for record in records]
        try:
            mine = current(one.condition, ALL, records, ledger)
        except AttestationError as error:
            conflict = conflict or str(error)
            continue
        counted += mine
        lacking += [one.condition.row] * (len(one.records) - len(mine))
    faults = [store.faults(experiment) for experiment in store.experiments()]
    return Health(faults, n_trials, counted, lacking, conflict, ledger.n_broken)


def findings(health: Health) -> Iterator[Finding]:
    """What has to hold of the records as they stand there."""
    of = f"{_count(health.n_trials, 'trial')} in {_count(len(health.faults), 'file')}"
    if not health.n_trials:
        yield Finding(
            "there are trials", of, "there are none", f"`{command('run')}` makes some; --results names another folder"
        )
    for kind, (claim, what, advice) in _CLAIMS.items():
        n = sum(getattr(faults, kind) for faults in health.faults)
        yield Finding(claim, of, _count(n, what), advice) if n else Finding(claim, of)
    claim, problem = f"every line of {attestation.FILE} is an attestation", _count(health.n_no_attestations, "line")
    advice = f"`{command('attest')}` writes the file without them, and what it lacks"
    yield Finding(claim, of, problem, advice) if health.n_no_attestations else Finding(claim, of)
    problem = _count(len(health.lacking), "trial") + " of " + _some(list(dict.fromkeys(health.lacking)))
    advice = f"`{command('attest')}` finds out; `{command('run')}` runs again what does not count"
    yield Finding(_COUNTS, of, problem, advice) if health.lacking else Finding(_COUNTS, of)
    if health.conflict:
        yield Finding("records that count agree", of, health.conflict, "what it says")


def drawn(health: Health, n: int) -> tuple[list[Record], int]:
    """Up to ``n`` records to be run again, and among how many they were drawn."""
    soon = [record for record in health.counted if record.cpu_s <= SOON_S]

    def place(record: Record) -> str:
        return hashlib.sha256(f"{record.key} {source_of(record.condition)} {record.trial}".encode()).hexdigest()

    return sorted(soon, key=place)[:n], len(soon)


def again(
    records: Sequence[Record], n_soon: int, engine_of: Engine, show: Callable[[], object] = lambda: None
) -> Finding:
    """Run trials again, and compare what comes of them with their records; ``show`` is told of each that is done."""
    jobs = [engine.Job(record.condition, (record.trial,)) for record in records]
    stored = {(record.key, record.trial): record.results() for record in records}
    unlike = []
    for event in engine_of(jobs):
        if isinstance(event, engine.Ended):
            record = event.record
            if record.results() != stored[record.key, record.trial]:
                unlike.append(f"{record.row}:{record.trial} ({record.reading})")
            show()
    of = f"{len(records):,} of {_count(n_soon, 'trial')} that took less than {SOON_S:g} s"
    if not unlike:
        return Finding(_AGAIN, of)
    advice = f"`{command('replay')}` says in what; `{command('attest --whole all')}` of the row, which trials"
    return Finding(_AGAIN, of, f"{_some(unlike)} do not", advice)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _some(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
