"""How verdicts are shown: a block for each table of the paper, what the words mean, and how many there are of each."""

import csv
import io
import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from repro import grid
from repro.compare import VERDICTS, Comparison, Margins
from repro.config import PRINTED
from repro.tables import order, origins, title_of

_HEADS = ("row", "value", "paper", "ours", "ratio or difference\n[95 %]", "p\n(Holm)", "verdict")
_ALIGN = ("left", "left", "right", "right", "right", "right", "left")


def render(found: Sequence[Comparison], margins: Margins, form: str) -> str:
    """All verdicts, in one of `grid.FORMATS`: table by table, then what they mean and how many there are of each."""
    if form == "json":
        return json.dumps([data(one) for one in found], indent=2, allow_nan=False)
    if form == "csv":
        out = io.StringIO()
        rows = [data(one) for one in found]
        writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().rstrip("\n")
    legend = paragraphs(found, margins)
    if form == "html":
        closing = "\n".join(f"<p>{grid.escape(text, form)}</p>" for text in legend)
    elif form == "latex":
        closing = "\n\n".join(grid.escape(text, form) for text in legend)
    else:
        closing = "\n\n".join([grid.wrapped(text, indent="") for text in legend] if form == "text" else legend)
    return "\n\n".join([*(grid.render(block, form) for block in blocks(found)), closing])


def blocks(found: Sequence[Comparison]) -> list[grid.Block]:
    """A block for each table of the paper."""
    tables = sorted({one.line.published.table for one in found}, key=order)
    return [_block([one for one in found if one.line.published.table == table]) for table in tables]


def counts(found: Sequence[Comparison]) -> dict[str, int]:
    """How many values under `printed` have which verdict."""
    printed = [one.verdict for one in found if one.line.reading == PRINTED]
    return {verdict: printed.count(verdict) for verdict in VERDICTS}


def paragraphs(found: Sequence[Comparison], margins: Margins) -> list[str]:
    """What the verdicts mean, and how many there are of each."""
    numbers = counts(found)
    return [
        f"EQUIVALENT: the 95 % interval lies within the margin: a factor of {margins.ratio:g} for training times and "
        f"errors, {100 * margins.rate:g} points for success rates, {100 * margins.wrong:g} % of the test sequences for "
        "wrong ones. DIFFERS: equality is ruled out at 5 % for all values of a table together (Holm). CONSISTENT: "
        "neither; what would have been found is said with 80 % probability. NOT COMPARABLE: the paper prints too "
        "little, or too few of our trials succeed.",
        "The paper prints means without their scatter. They are taken as means of the paper's number of trials, which "
        "scatter as ours do. 'Implied' is a success rate that the paper does not print: it gives the mean of so many "
        "trials and mentions no failure. 'Success after' is the mean of the trials that succeed, as in the paper.",
        f"Of {sum(numbers.values())} values, {', '.join(f'{n} {verdict}' for verdict, n in numbers.items() if n)}.",
    ]


def data(one: Comparison) -> dict[str, Any]:
    """All of a comparison, flat, with plain names: for programs."""
    c = one.contrast
    table, row, stage, value = one.key
    return {
        "table": table, "row": row, "stage": stage, "value": value, "reading": one.line.reading,
        "published": one.published, "ours": one.ours, "trials": one.line.measured.n,
        "solved": one.line.measured.n_solved, "crashed": len(one.line.lost),
        "contrast": "ratio" if one.unit == "ratio" else "difference",
        "estimate": c and c.value, "low": c and c.low, "high": c.high if c and isfinite(c.high) else None,
        "p": c and c.p, "p_holm": one.adjusted,
        "detectable_below": c and c.detectable[0], "detectable_above": c and c.detectable[1],
        "verdict": one.verdict, "why": one.why,
        "agreeing_readings": " ".join(other.line.reading for other in one.readings),
    }  # fmt: skip


def _block(found: Sequence[Comparison]) -> grid.Block:
    stages = {one.line.published.stage for one in found}
    names = [
        one.line.row.name
        + (f", {one.line.published.stage}" if len(stages) > 1 else "")
        + ("" if one.line.reading == PRINTED else f" ({one.line.reading})")
        for one in found
    ]
    body = [
        (
            name, one.value, one.published, one.ours, _contrast(one),
            "-" if one.adjusted is None else "<.001" if one.adjusted < 0.001 else f"{one.adjusted:.2g}", one.verdict,
        )
        for name, one in zip(names, found, strict=True)
    ]  # fmt: skip
    return grid.Block(title_of([one.line for one in found]), _HEADS, body, _notes(names, found), _ALIGN)


def _contrast(one: Comparison) -> str:
    c = one.contrast
    if c is None:
        return "-"
    if one.unit == "ratio":
        return f"x {c.value:.2f} [{c.low:.2f}, {c.high:.2f}]"
    scale, unit = (100, "points") if one.unit == "points" else (2560, "of 2560")
    value, low, high = (f"{round(scale * number):+d}" for number in (c.value, c.low, c.high))
    return f"{value} {unit} [{low}, {high}]"


def _notes(names: Sequence[str], found: Sequence[Comparison]) -> list[str]:
    """Reasons, each with the values that it is about; readings that agree; and which source computed what."""
    about: dict[str, dict[str, list[str]]] = {}  # values by row by reason
    for name, one in zip(names, found, strict=True):
        reasons = [f"{one.verdict}: {one.why}"] if one.why else []
        for other in one.readings:
            note = other.line.row.readings[other.line.reading].note
            reasons.append(
                f"reading '{other.line.reading}' ({note}) is {other.verdict}: {other.ours}, {_contrast(other)}"
            )
        for reason in reasons:
            about.setdefault(reason, {}).setdefault(name, []).append(one.value)
    notes = [
        "; ".join(
            name if reason.startswith("NOT RUN") else f"{name}, {' and '.join(values)}" for name, values in rows.items()
        )
        + f": {reason}."
        for reason, rows in about.items()
    ]
    return notes + origins([line for one in found for line in (one.line, *(other.line for other in one.readings))])
