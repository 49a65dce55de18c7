"""Which stored trials count: today's source gives their bits, and they neither crashed nor are of a screening."""

from collections.abc import Iterable, Sequence

from repro.experiments.condition import Condition
from repro.hints import command
from repro.records.attestation import AttestationError, Ledger
from repro.records.source import numerical_digest
from repro.records.trial import Record

ALL = 2**32  # trials of a condition, at most


def current(
    condition: Condition, n_trials: int, records: Iterable[Record], ledger: Ledger, *, screened: bool = False
) -> list[Record]:
    """Of the ``records`` of a condition those of its first trials that ended, and whose bits today's source gives.

    Those of a screening do not count, as settings were chosen by them; but for another one they do: ``screened``.

    Raises
    ------
    repro.records.attestation.AttestationError
        If two of a trial count and differ.

    """
    source = source_of(condition)
    chosen: dict[int, Record] = {}
    records = list(records)
    if all(r.source == source and r.outcome != "crashed" and not r.screened for r in records):  # as a rule
        chosen = {record.trial: record for record in records if record.trial < n_trials}
        return [chosen[trial] for trial in sorted(chosen)]
    for record in records:
        if record.trial >= n_trials or record.outcome == "crashed" or (record.screened and not screened):
            continue
        if record.source == source or ledger.agree(condition.key, record.source, source, record.trial):
            before = chosen.get(record.trial)
            if before and before.results() != record.results():
                again = f"attest '{record.row}' --whole all"
                raise AttestationError(
                    f"trial {record.trial} of {record.row} ({record.reading}) is stored with different results, of "
                    f"sources {before.source} and {record.source}, which are attested to give the same bits; "
                    f"`{command(again)}` finds out which is today's"
                )
            chosen[record.trial] = record
    return [chosen[trial] for trial in sorted(chosen)]


def stale(n_trials: int, records: Iterable[Record], counted: Iterable[Record]) -> set[int]:
    """The trials among the ``records`` of a condition that ended, and are not among those that count."""
    ended = {record.trial for record in records if record.outcome != "crashed" and not record.screened}
    return {trial for trial in ended if trial < n_trials} - {record.trial for record in counted}


def lost(n_trials: int, records: Iterable[Record], counted: Iterable[Record]) -> tuple[int, ...]:
    """The trials among the ``records`` of a condition that do not count, because the latest run crashed.

    The machine failed there, and not the learner: such a trial is missing, and part of no number.
    """
    latest = {record.trial: record for record in records if record.trial < n_trials}
    ended = {record.trial for record in counted}
    return tuple(n for n in sorted(latest.keys() - ended) if latest[n].outcome == "crashed")


def crashes(command: str, trials: Sequence[int]) -> str:
    """That trials crashed, and what ``command`` runs them again; nothing if none did."""
    if not trials:
        return ""
    what, them = ("1 trial", "it") if len(trials) == 1 else (f"{len(trials)} trials", "them")
    return f"{what} crashed; `{command}` runs {them} again"


def source_of(condition: Condition) -> str:
    """Digest of the numerical source that computes a condition's trials."""
    return numerical_digest(condition.settings["learner"]["name"], condition.settings["task"]["name"])
