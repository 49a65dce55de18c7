"""How verdicts are shown: a block for each table of the paper, what the words mean, and how many there are of each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from repro.analysis.claims import STATUSES, Claim
from repro.analysis.contrasts import Contrast
from repro.analysis.tables import order
from repro.analysis.verdicts import VERDICTS, Comparison, Margins, Verdict, counts
from repro.experiments.config import PRINTED
from repro.experiments.schema import TEST_SEQUENCES, Published
from repro.experiments.selection import words
from repro.hints import command
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View
from repro.presentation.table_notes import origins, title_of


def render(
    comparisons: Sequence[Comparison], margins: Margins, form: str, columns: Sequence[str] = (),
    said: Sequence[Claim] = (), carried: Sequence[str] = (),
) -> str:  # fmt: skip
    """All verdicts, in one of `grid.FORMATS`: table by table, then what they mean and how many there are of each.

    ``columns`` are names of `SCHEMA`; none: the usual ones. What is ``said`` of a table stands above it, by which
    readings rows are ``carried`` below.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    if form in grid.DATA:
        return SCHEMA.data(comparisons, form, columns)
    parts = [grid.render(block, form) for block in blocks(comparisons, columns, said)]
    if carried:
        parts += [grid.paragraphs([f"{'; '.join(carried)}. `{command('readings')}` has them all."], form)]
    return "\n\n".join([*parts, grid.paragraphs(paragraphs(comparisons, margins), form)])


def sentences(said: Sequence[Claim], form: str, columns: Sequence[str] = ()) -> str:
    """Claims without the numbers behind them, in one of `grid.FORMATS`; ``columns`` are names of `CLAIMS`.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    if form in grid.DATA:
        return CLAIMS.data(said, form, columns)
    if columns:
        return grid.render(CLAIMS.block(said, columns, "What holds"), form)
    return grid.paragraphs([claim.text for claim in said], form)


def blocks(
    comparisons: Sequence[Comparison], columns: Sequence[str] = (), said: Sequence[Claim] = ()
) -> list[grid.Block]:
    """A block for each table of the paper, with what is ``said`` of it."""
    tables = sorted({comparison.line.published.table for comparison in comparisons}, key=order)
    result = []
    for table in tables:
        block = _block([comparison for comparison in comparisons if comparison.line.published.table == table], columns)
        result.append(replace(block, lead=[claim.text for claim in said if claim.table == str(table)]))
    return result


def paragraphs(comparisons: Sequence[Comparison], margins: Margins) -> list[str]:
    """What the verdicts mean, and how many there are of each."""
    numbers = {verdict: n for verdict, n in counts(comparisons).items() if n}
    listed = ", ".join(f"{n} {verdict}" for verdict, n in numbers.items())
    return [
        "EQUIVALENT (within the margin): the whole 95 % interval is nearer to the published value than a factor of "
        f"{margins.ratio:g} for training times and errors, {100 * margins.rate:g} percentage points for success rates, "
        f"{100 * margins.wrong:g} % of the test sequences for wrong ones. DIFFERS (different): not so, and too far off "
        "for chance: if no value of a table really differed, fewer than 5 % of such tables would have any value called "
        "different (Holm's correction of p). CONSISTENT (no difference proven): neither of the two; there may be no "
        "difference, or one beyond the margin. 'Would have shown': with 80 % probability, the value being tested "
        "alone. NOT COMPARABLE: the paper prints too little, or too few of our trials succeed. NOT RUN: trials are "
        "missing. 'Reproduced' is said only where all that is judged is EQUIVALENT.",
        "x 2 [1.5, 3] is a ratio: our value is 2 times the published one, and with 95 % confidence the true ratio is "
        "between 1.5 and 3. Points and 'of 2560' are differences, ours less the paper's: of success rates in "
        "percentage points, and of wrong ones among 2560 test sequences.",
        "The paper prints means, but not how its trials varied: they are taken to have varied as ours do, relative to "
        "their mean. 'Implied' is a success rate that the paper does not print: it gives the mean of so many trials "
        "and mentions no failure, so all are taken to have succeeded. 'Success after' is the number of training "
        "sequences until success, the mean of the trials that succeed, as in the paper.",
        *([f"Of {sum(numbers.values())} values: {listed}."] if numbers else []),
    ]


def _block(comparisons: Sequence[Comparison], columns: Sequence[str]) -> grid.Block:
    lines = [comparison.line for comparison in comparisons]
    stages = {line.published.stage for line in lines}
    names = [
        line.row.name
        + (f", {line.published.stage}" if len(stages) > 1 else "")
        + ("" if line.variant == PRINTED else f" ({line.variant})")
        for line in lines
    ]
    block = SCHEMA.block(comparisons, columns, title_of(lines), _notes(names, comparisons))
    if columns:
        return block
    return replace(block, body=[[name, *cells[1:]] for name, cells in zip(names, block.body, strict=True)])


def contrast(comparison: Comparison) -> str:
    """The ratio or difference with its interval, for people; a dash where there is none."""
    c = comparison.contrast
    if c is None:
        return "-"
    if comparison.unit == "ratio":
        return f"x {c.value:.2f} [{c.low:.2f}, {c.high:.2f}]"
    scale, unit = (100, "points") if comparison.unit == "points" else (TEST_SEQUENCES, f"of {TEST_SEQUENCES}")
    value, low, high = (f"{round(scale * number):+d}" for number in (c.value, c.low, c.high))
    return f"{value} {unit} [{low}, {high}]"


def _notes(names: Sequence[str], comparisons: Sequence[Comparison]) -> list[str]:
    """Reasons, each with the values that it is about; readings that agree; and which source computed what."""
    about: dict[str, dict[str, list[str]]] = {}  # values by row by reason
    for name, comparison in zip(names, comparisons, strict=True):
        reasons = [f"{comparison.verdict}: {comparison.why}"] if comparison.why else []
        for other in comparison.readings:
            reading = f"'{other.line.reading}' ({other.line.row.readings[other.line.reading].note})"
            reasons.append(f"under the reading {reading} it is {other.verdict}: {other.ours}, {contrast(other)}")
        for reason in reasons:
            about.setdefault(reason, {}).setdefault(name, []).append(comparison.value)
    notes = [
        "; ".join(
            name if reason.startswith("NOT RUN") else f"{name}, {' and '.join(values)}" for name, values in rows.items()
        )
        + f": {reason}."
        for reason, rows in about.items()
    ]
    return notes + origins(
        [
            line
            for comparison in comparisons
            for line in (comparison.line, *(other.line for other in comparison.readings))
        ]
    )


def _p(comparison: Comparison) -> str:
    return (
        "-" if comparison.adjusted is None else "<.001" if comparison.adjusted < 0.001 else f"{comparison.adjusted:.2g}"
    )


# --------------------------------------------------------------------------------------------------------- the columns


def _of(value: str, get: Callable[[Published], Any]) -> Callable[[Comparison], Any]:
    """What the paper prints, where it is about such a value."""
    return lambda one: get(one.line.published) if one.value == value else None


def _number(name: str, about: str, get: Callable[[Contrast], float | None]) -> Column[Comparison]:
    return Column(name, float, "", about, lambda one: get(one.contrast) if one.contrast else None)


_RATE = "success rate"
_UNIT = "unit of value"

SCHEMA = Schema[Comparison](
    "repro compare",
    (
        Column("table", str, "", "number of the table in the paper; text: in no table", lambda one: one.key[0]),
        Column("row", str, "", "name of the row, as `repro run` takes it", lambda one: one.line.row.name),
        Column("stage", str, "", "stage of the stop rule that the value is about", lambda one: one.key[2]),
        Column(
            "value", str, "",
            "what is compared: success rate; success after (training sequences); wrong of 2560 (test sequences); "
            "fraction wrong (share of the test sequences); test error", lambda one: one.value,
        ),
        Column("reading", str, "", "how the paper is read; printed: literally", lambda one: one.line.reading),
        Column(
            "settings", str, "", "what else is not as the row has it, as `--set` takes it; empty: nothing",
            lambda one: words(one.line.settings),
        ),
        Column("seed", int, "", "root of all random streams", lambda one: one.line.condition.seed),
        Column("published", str, "", "what the paper prints, in words", lambda one: one.published),
        Column(
            "published_mean", float, _UNIT, "the same as a number; empty for success rates",
            lambda one: one.published_mean,
        ),
        Column(
            "published_is_bound", bool, "", "it is no mean: there was no success by then; of success after alone",
            _of("success after", lambda p: p.beyond),
        ),
        Column(
            "published_percent", float, "percent", "trials that succeed, if it is printed so; of success rates alone",
            _of(_RATE, lambda p: None if p.success == "some" else p.success),
        ),
        Column(
            "published_solved", int, "trials", "how many of the paper's succeed; of success rates alone",
            _of(_RATE, lambda p: p.solved),
        ),
        Column(
            "published_trials", int, "trials", "how many the paper ran; empty: it does not say",
            lambda one: one.line.published.trials,
        ),
        Column(
            "published_implied", bool, "",
            "the paper prints no success rate: all are taken to succeed, as it mentions no failure; of success rates",
            _of(_RATE, lambda p: p.success is None),
        ),
        Column("ours", str, "", "what we found, in words", lambda one: one.ours),
        Column(
            "ours_mean", float, _UNIT, "the same as a number; empty for success rates: see solved",
            lambda one: one.our_mean,
        ),
        Column("trials", int, "trials", "how many of ours have run and count", lambda one: one.line.measured.n),
        Column("solved", int, "trials", "how many of these succeeded", lambda one: one.line.measured.n_solved),
        Column("crashed", int, "trials", "how many are missing because they crashed", lambda one: len(one.line.lost)),
        Column(
            "contrast", str, "",
            "what the next three are: ratio, ours by the paper's; difference, ours less the paper's, "
            "of shares of trials or of test sequences", lambda one: "ratio" if one.unit == "ratio" else "difference",
        ),
        _number("estimate", "the ratio or difference", lambda contrast: contrast.value),
        _number("low", "lower end of its 95 % interval", lambda contrast: contrast.low),
        _number("high", "upper end of its 95 % interval; empty: it has none", lambda contrast: contrast.high),
        _number("p", "two-sided, that there is no difference", lambda contrast: contrast.p),
        Column("p_holm", float, "", "adjusted for all values of the table (Holm)", lambda one: one.adjusted),
        _number(
            "detectable_below",
            "our success rate, share of wrong sequences or ratio, up to which a difference downwards would have been "
            "found with 80 % probability; empty: none would",
            lambda contrast: contrast.detectable[0],
        ),
        _number("detectable_above", "likewise, from which on upwards", lambda contrast: contrast.detectable[1]),
        Column(
            "verdict", str, "", "EQUIVALENT, CONSISTENT, DIFFERS, NOT COMPARABLE or NOT RUN", lambda one: one.verdict
        ),
        Column("why", str, "", "what the verdict rests on, in words", lambda one: one.why),
        Column(
            "agreeing_readings", str, "", "readings that agree where printed differs, separated by spaces",
            lambda one: " ".join(other.line.reading for other in one.readings),
        ),
    ),
    {
        "row": View("row", key=True, above=True),
        "value": View("value", key=True),
        "published": View("paper", align="right"),
        "ours": View("ours", align="right"),
        "estimate": View("ratio or difference\n[95 %]", contrast, align="right"),
        "p_holm": View("p\n(Holm)", _p),
        "verdict": View("verdict"),
    },
)  # fmt: skip


def _count(verdict: Verdict) -> Column[Claim]:
    name = verdict.lower().replace(" ", "_")
    return Column(name, int, "values", f"how many of them are {verdict}", lambda claim: counts(claim.values)[verdict])


CLAIMS = Schema[Claim](
    "repro compare --brief",
    (
        Column("table", str, "", "number of the table in the paper; text: in no table", lambda claim: claim.table),
        Column("learner", str, "", "whom the claim is about; empty: all of the table", lambda claim: claim.learner),
        Column("rows", str, "", "the rows that it rests on, separated by spaces", lambda claim: " ".join(claim.rows)),
        Column(
            "status", str, "", "; ".join(f"{status}: {about}" for status, about in STATUSES.items()),
            lambda claim: claim.status,
        ),
        Column("values", int, "values", "how many published values it rests on", lambda claim: len(claim.values)),
        *map(_count, VERDICTS),
        Column("text", str, "", "the same in words", lambda claim: claim.text),
    ),
)  # fmt: skip
