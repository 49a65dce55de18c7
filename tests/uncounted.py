"""Stored trials that no record counts for, by the source that would compute them today."""

from pathlib import Path

from repro.records import attestation, validity
from repro.records.store import Store
from repro.running import attest


def uncounted(results: Path) -> set[str]:
    """The names of the conditions in a results folder with such trials."""
    ledger, lacking = attestation.read(results), set()
    for stored in attest.stored_trials(Store(results)):
        today = validity.source_of(stored.condition)
        lacking |= {
            stored.name
            for trial, records in stored.records.items()
            if not any(ledger.agree(stored.condition.key, record.source, today, trial) for record in records)
        }
    return lacking
