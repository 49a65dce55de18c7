"""How readings are shown that carry rows, or do not: a line for each published training time, then what follows."""

from collections.abc import Sequence
from typing import NamedTuple

from repro.analysis import readings
from repro.analysis.readings import STANDINGS, WIDEST, Fit
from repro.analysis.verdicts import Comparison
from repro.experiments.config import PRINTED
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View, whole
from repro.presentation.table_notes import title_of
from repro.presentation.verdict_table import contrast


class _Line(NamedTuple):
    """A published training time of a row under a reading; of a row without one, its success rate."""

    fit: Fit
    one: Comparison
    rate: Comparison | None  # the success rate of the row


def lines(fits: Sequence[Fit]) -> list[_Line]:
    """The lines of rows under readings, in their order."""
    found = []
    for fit in fits:
        rate = next((one for one in fit.values if one.value == "success rate"), None)
        times = [one for one in fit.values if one.value == "success after"]
        found += [_Line(fit, one, rate) for one in times or fit.values[:1]]
    return found


def render(fits: Sequence[Fit], form: str, names: Sequence[str] = ()) -> str:
    """All of it, in one of `grid.FORMATS`, with the columns of these names or the usual ones.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    if form in grid.DATA:
        return SCHEMA.data(lines(fits), form, names)
    parts = []
    for table in dict.fromkeys(fit.values[0].line.published.table for fit in fits):
        some = [fit for fit in fits if fit.values[0].line.published.table == table]
        title = title_of([fit.values[0].line for fit in some])
        parts.append(grid.render(SCHEMA.block(lines(some), names, title), form))
    return "\n\n".join([*parts, grid.paragraphs(paragraphs(fits), form)])


def paragraphs(fits: Sequence[Fit]) -> list[str]:
    """What the words mean, and what follows for readings."""
    told = [
        "; ".join(f"{standing}: {about}" for standing, about in STANDINGS.items())
        + ". A training time is as published if it is EQUIVALENT, or CONSISTENT with an interval that has 1 in it and "
        f"is no wider than a factor of {WIDEST:g}. 'Tried' are the settings that have been tried on a row, screened "
        "ones included; who tries many finds one that fits. Rows that readings were chosen on flatter these readings; "
        "others do not."
    ]
    for whose, some in readings.by_learner(fits).items():
        numbers = readings.counts(some)
        if numbers:
            listed = ", ".join(f"'{name}' {carried} of {judged}" for name, (carried, judged) in numbers.items())
            told.append(f"Rows of {whose} that are carried, of those that were judged: {listed}.")
        if most := readings.sets_told(whose, some):
            told.append(most)
    return told


def _ratio(line: _Line) -> str:
    return contrast(line.one) if line.one.unit == "ratio" else "-"


SCHEMA = Schema[_Line](
    "repro readings",
    (
        Column("table", str, "", "number of the table in the paper; text: in no table", lambda line: line.one.key[0]),
        Column("row", str, "", "name of the row", lambda line: line.fit.row.name),
        Column("stage", str, "", "stage of the stop rule that the training time is of", lambda line: line.one.key[2]),
        Column("reading", str, "", "how the paper is read; printed: literally", lambda line: line.fit.reading),
        Column("note", str, "", "the same in words", lambda line: line.fit.row.readings[line.fit.reading].note),
        Column(
            "sequences_published", float, "sequences", "training until success, in the paper: a mean",
            lambda line: line.one.published_mean,
        ),
        Column(
            "sequences", float, "sequences", "training until success, ours: mean of the trials that succeed",
            lambda line: line.one.our_mean,
        ),
        Column("ratio", float, "", "of ours to the published one", lambda line: _end(line, "value")),
        Column("ratio_low", float, "", "lower end of its 95 % interval", lambda line: _end(line, "low")),
        Column("ratio_high", float, "", "upper end of its 95 % interval", lambda line: _end(line, "high")),
        Column("solved_published", str, "", "what the paper says of successes", lambda line: _rate(line, "published")),
        Column("solved", int, "trials", "how many of ours succeeded", lambda line: line.one.line.measured.n_solved),
        Column("trials", int, "trials", "how many of ours have run and count", lambda line: line.one.line.measured.n),
        Column("verdict_time", str, "", "on the training time", lambda line: line.one.verdict),
        Column("verdict_rate", str, "", "on the success rate", lambda line: _rate(line, "verdict")),
        Column("standing", str, "", "; ".join(f"{word}: {about}" for word, about in STANDINGS.items()),
               lambda line: line.fit.standing),
        Column("tried", int, "settings", "tried on the row, screened ones included", lambda line: line.fit.tried),
        Column("chosen", str, "", "here: the row had a part in choosing readings; elsewhere: it had none",
               lambda line: "here" if line.fit.screened else "elsewhere"),
        Column("command", str, "", "what runs the trials", lambda line: line.one.line.command),
    ),
    {
        "row": View("row", key=True, above=True),
        "stage": View("stage", needed=lambda some: len({line.one.key[2] for line in some}) > 1, key=True),
        "reading": View("reading", key=True),
        "sequences_published": View("paper", lambda line: whole(line.one.published_mean), group="success after:"),
        "sequences": View("ours", lambda line: whole(line.one.our_mean), group="success after:"),
        "ratio": View("ours/paper [95 %]", _ratio, align="right"),
        "solved": View("solved", lambda line: _solved(line) if line.one.line.measured.n else "-"),
        "standing": View("", lambda line: line.fit.standing),
        "tried": View("tried"),
        "chosen": View("chosen", needed=lambda some: any(line.fit.reading != PRINTED for line in some)),
    },
)  # fmt: skip


def _end(line: _Line, name: str) -> float | None:
    contrast = line.one.contrast if line.one.unit == "ratio" else None
    return getattr(contrast, name) if contrast else None


def _rate(line: _Line, name: str) -> str | None:
    return getattr(line.rate, name) if line.rate else None


def _solved(line: _Line) -> str:
    m = line.one.line.measured
    return f"{m.n_solved} of {m.n}"
