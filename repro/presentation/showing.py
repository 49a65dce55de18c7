"""What `repro show` says of a row, or of a stored trial: pairs of a key and a value."""

import json
from collections.abc import Mapping
from typing import Any

from repro.experiments.config import Row
from repro.records.attestation import Ledger, origin
from repro.records.trial import LOOKED_AT, Record
from repro.records.validity import source_of


def row(row: Row, reading: str, overrides: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What there is to say of a row under a reading, single settings replaced: pairs of a key and a value.

    Raises
    ------
    repro.experiments.config.ConfigError
        If there is no such reading, or an override does not fit.

    """
    setup = row.setup(reading, overrides)
    pairs = [
        ("row", row.name),
        ("experiment", f"{row.experiment}: {row.title} (section {row.section})"),
        ("trials", str(row.trials)),
        ("weights", str(setup.n_weights)),
    ]
    for group, settings in (("task", setup.task), ("learner", setup.learner), ("stop", setup.stop)):
        for name, value in settings.model_dump(mode="json").items():
            pairs.append((f"{group}.{name}", json.dumps(value)))
    for line in row.published:
        values = line.model_dump(exclude_defaults=True, exclude={"table", "line"})
        place = f"table {line.table}" if isinstance(line.table, int) else line.table
        pairs.append(
            (
                "ours, not the paper's" if place == "ours" else f"paper, {place}",
                ", ".join(f"{k} {v}" for k, v in values.items()),
            )
        )
    for name, other in row.readings.items():
        shown = " (shown here)" if name == reading else ""
        changes = ", ".join(f"{key} = {json.dumps(value)}" for key, value in other.set.items())
        pairs.append((f"reading {name}{shown}", other.note + (f": {changes}" if changes else "")))
        pairs += [("", choice) for choice in other.choices]
    return pairs


def trial(record: Record, ledger: Ledger) -> list[tuple[str, str]]:
    """What there is to say of a stored trial: what came of it, how near it came if it failed, and what computed it."""
    pairs = [
        ("trial", f"{record.row}:{record.trial}"),
        ("reading", record.reading),
        ("seed", str(record.seed)),
        ("outcome", record.outcome),
        ("training sequences", f"{record.sequences:,} (limit {record.settings['stop']['max_sequences']:,})"),
        ("training time steps", f"{record.steps:,}"),
    ]
    for stage in record.stages:
        pairs.append((f"stage {stage.name}", f"passed after {stage.sequences:,} sequences, {stage.steps:,} time steps"))
        if stage.test_sequences:
            pairs.append(("", f"tested: {stage.test_wrong:,} of {stage.test_sequences:,} sequences wrong"))
            pairs.append(("", _errors(stage.mean_absolute_error, stage.mean_squared_error)))
    if look := record.last_look:
        pairs.append(("last look", f"{LOOKED_AT[look.at]}: {look.wrong:,} of {look.sequences:,} sequences wrong"))
        if look.late_wrong is not None:
            pairs.append(("", f"{look.late_wrong:,} of those at the second symbol from the end"))
        pairs.append(("", _errors(look.mean_absolute_error, look.mean_squared_error)))
    elif record.outcome == "limit":
        pairs.append(("last look", "none: the record is older than last looks"))
    pairs += [(name.replace("_", " "), f"{value:,}") for name, value in record.facts.items()]
    today = source_of(record.condition)
    counts = ledger.agree(record.key, record.source, today, record.trial)
    pairs += [
        ("weights", f"{record.weights:,}, digest of the final ones {record.weights_digest}"),
        ("CPU seconds", f"{record.cpu_s:,.1f}"),
        ("source", origin([record], today, ledger) or f"computed by today's, {today}" if counts else record.source),
        ("counts", "yes" if counts else "no: today's source is not attested to give its bits"),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("processor", record.processor),
    ]
    for group, settings in record.settings.items():
        pairs += [(f"{group}.{name}", json.dumps(value)) for name, value in settings.items()]
    return pairs


def _errors(absolute: float | None, squared: float | None) -> str:
    known = [
        f"{kind} {value:.4g}" for kind, value in (("absolute", absolute), ("squared", squared)) if value is not None
    ]
    return f"mean errors: {', '.join(known)}" if known else "mean errors are not finite"
