"""Each published value against ours: a verdict, what it rests on, and the reading that agrees where `printed` does not.

EQUIVALENT      the 95 % interval of the ratio or difference lies within a stated margin
DIFFERS         equality is ruled out, at 5 % for all values of a table together (Holm), and it is not EQUIVALENT
CONSISTENT      neither: equality is possible, and so is a difference beyond the margin; it says what could be found
NOT COMPARABLE  the paper prints too little, or too few of our trials succeed
NOT RUN         trials are missing
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from repro.analysis import contrasts
from repro.analysis.contrasts import Contrast
from repro.analysis.tables import Line, meant, order, selected
from repro.errors import similar
from repro.experiments.config import PRINTED, ConfigError, Row
from repro.experiments.schema import TEST_SEQUENCES, Published
from repro.experiments.views import USUAL, View
from repro.records.store import Store
from repro.records.trial import StageRecord

Unit = Literal["ratio", "points", "share"]
Verdict = Literal["EQUIVALENT", "CONSISTENT", "DIFFERS", "NOT COMPARABLE", "NOT RUN"]
VERDICTS: tuple[Verdict, ...] = ("EQUIVALENT", "CONSISTENT", "DIFFERS", "NOT COMPARABLE", "NOT RUN")
AGREE = ("EQUIVALENT", "CONSISTENT")


@dataclass(frozen=True)
class Margins:
    """How far ours may be from the published value to be called equivalent."""

    ratio: float = 1.5  # of training times and errors: between 1 / ratio and ratio
    rate: float = 0.20  # of success rates
    wrong: float = 0.005  # of shares of test sequences that are wrong


class _Reason(NamedTuple):
    """Why a value cannot be compared."""

    why: str
    brief: str = ""  # the same in a few words; empty: the two values are enough


@dataclass(frozen=True)
class Comparison:
    """A published value against ours, under one reading."""

    line: Line
    value: str  # success rate, success after, wrong of 2560, fraction wrong, test error
    unit: Unit  # what the contrast is: a ratio, or a difference of success rates or of shares of test sequences
    published: str
    ours: str
    contrast: Contrast | None
    verdict: Verdict
    why: str = ""
    brief: str = ""  # where nothing is compared: why, in a few words
    adjusted: float | None = None  # p of the contrast among all values of the table, Holm
    readings: tuple["Comparison", ...] = ()  # that agree, where `printed` does not

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names a published value: table, row, stage, value."""
        return str(self.line.published.table), self.line.row.name, self.line.published.stage, self.value

    @property
    def published_mean(self) -> float | None:
        """The mean that the paper prints; None of a success rate."""
        p = self.line.published
        return {"success after": p.sequences, "wrong of 2560": p.test_wrong, "fraction wrong": p.test_fraction,
                "test error": p.test_error}.get(self.value)  # fmt: skip

    @property
    def our_mean(self) -> float | None:
        """The same of our trials; None too if there is none."""
        m = self.line.measured
        sequences = m.sequences.value if m.sequences else None
        return {"success after": sequences, "wrong of 2560": m.wrong, "fraction wrong": m.fraction_wrong,
                "test error": m.mean_absolute_error}.get(self.value)  # fmt: skip


def compare(lines: Iterable[Line], margins: Margins = Margins()) -> list[Comparison]:
    """The verdicts on the published values of ``lines``, in their order, for the readings that are among them.

    Where a value under `printed` DIFFERS, the readings under which it does not are named with it.
    """
    lines = [line for line in lines if line.published.table != "ours"]
    last = {(line.row.name, line.published.table): line.published.stage for line in lines}
    comparisons = []
    for line in lines:
        comparisons += _values(line, is_last=last[line.row.name, line.published.table] == line.published.stage)
    judged: dict[int, Comparison] = {}
    for family in {(entry.line.published.table, entry.line.variant) for entry in comparisons}:
        members = [
            k for k, entry in enumerate(comparisons) if (entry.line.published.table, entry.line.variant) == family
        ]
        tested = [k for k in members if comparisons[k].contrast]
        adjusted = contrasts.holm([c.p for k in tested if (c := comparisons[k].contrast)])
        judged |= {k: comparisons[k] for k in members}
        judged |= {k: _judge(comparisons[k], p, len(tested), margins) for k, p in zip(tested, adjusted, strict=True)}
    result = [judged[k] for k in range(len(comparisons))]
    agreeing = [
        entry for entry in result if entry.line.reading != PRINTED and not entry.line.changes and entry.verdict in AGREE
    ]
    return [
        replace(entry, readings=tuple(other for other in agreeing if other.key == entry.key))
        if entry.line.variant == PRINTED and entry.verdict == "DIFFERS"
        else entry
        for entry in result
    ]


def of_selection(
    patterns: Iterable[str], rows: Mapping[str, Row], store: Store, margins: Margins = Margins(), view: View = USUAL
) -> list[Comparison]:
    """The verdicts on what `tables.selected` takes; on all that the paper prints, if there is no pattern.

    A table is judged as a whole, whatever part of it is asked for: a verdict does not depend on the selection.

    Raises
    ------
    repro.experiments.config.ConfigError
        If a pattern means nothing.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    asked = {
        (row.name, published.table)
        for chosen, number in meant(tuple(patterns) or ("@paper",), rows)
        for row in chosen
        for published in row.published
        if number in (None, published.table)
    }
    tables = sorted({table for _, table in asked}, key=order)
    comparisons = compare(selected(map(str, tables), rows, store, view), margins)
    return [entry for entry in comparisons if (entry.line.row.name, entry.line.published.table) in asked]


def counts(comparisons: Iterable[Comparison]) -> dict[Verdict, int]:
    """How many values under `printed` have which verdict; those of other readings are no further values.

    Where none is of the rows' own settings, all are counted.
    """
    comparisons = list(comparisons)
    printed = [entry for entry in comparisons if entry.line.variant == PRINTED]
    counted = [entry.verdict for entry in printed or comparisons]
    return {verdict: counted.count(verdict) for verdict in VERDICTS}


def implied(p: Published) -> bool:
    """Does the paper leave its success rate to be understood: a mean of so many trials, and no word of failures."""
    return p.success is None and p.trials is not None and p.sequences is not None and not p.beyond


def of_readings(comparisons: Sequence[Comparison], reading: str) -> list[Comparison]:
    """The comparisons under `printed`, and those under ``reading``; under any that has records, if it is ``all``.

    Raises
    ------
    repro.experiments.config.ConfigError
        If there is none under that reading.

    """
    compared = dict.fromkeys(entry.line.reading for entry in comparisons)
    if reading and reading != "all" and reading not in compared:
        raise ConfigError(f"no trial of these rows is of a reading '{reading}'{similar(reading, compared)}")
    return [entry for entry in comparisons if entry.line.reading == PRINTED or reading in ("all", entry.line.reading)]


def _values(line: Line, is_last: bool) -> list[Comparison]:
    """What the paper prints on a line; of the stages of a row the last one has its success rate."""
    parts = [_success(line)] if is_last else []
    parts += [_times(line), _wrong(line), _fraction(line), _error(line)]
    return [part for part in parts if part]


def _success(line: Line) -> Comparison | None:
    p, m = line.published, line.measured
    ours = f"{m.n_solved} of {m.n}"
    if p.trials and p.solved is not None and (p.success is not None or implied(p)):
        printed = f"{p.solved} of {p.trials}{', implied' if implied(p) else ''}"
        contrast = contrasts.rates(p.solved, p.trials, m.n_solved, m.n) if m.n else None
        return _entry(line, "success rate", "points", printed, ours, contrast)
    if p.success is not None:
        printed = p.success if p.success == "some" else f"{p.success:g} %"
        return _entry(line, "success rate", "points", printed, ours, None, _UNCOUNTED)
    return None


def _times(line: Line) -> Comparison | None:
    p, m = line.published, line.measured
    if p.sequences is None:
        return None
    failed = f", {m.n - m.n_solved} of {m.n} failed" if m.n_solved < m.n else ""
    ours = f"{m.sequences.value:,.0f}{failed}" if m.sequences else "-"
    if p.beyond:
        reason = _Reason(
            "the paper prints no mean, only that no trial had succeeded by then; its success rate says the same",
            f"paper: none by {p.sequences:,}",
        )
        return _entry(line, "success after", "ratio", f">{p.sequences:,}", ours, None, reason)
    contrast = _mean_contrast(p, p.sequences, [s.sequences for s in _passed(line)], 0.5)
    return _entry(line, "success after", "ratio", f"{p.sequences:,}", ours, contrast, _lack(line))


def _wrong(line: Line) -> Comparison | None:
    p, m = line.published, line.measured
    if p.test_wrong is None:
        return None
    contrast = _share_contrast(p, p.test_wrong / TEST_SEQUENCES, _passed(line), 0.5 / TEST_SEQUENCES)
    ours = "-" if m.wrong is None else f"{m.wrong:.1f}"
    return _entry(line, "wrong of 2560", "share", str(p.test_wrong), ours, contrast, _lack(line))


def _fraction(line: Line) -> Comparison | None:
    p, m = line.published, line.measured
    if p.test_fraction is None:
        return None
    contrast = _share_contrast(p, p.test_fraction, _passed(line), contrasts.half_unit(p.test_fraction))
    ours = "-" if m.fraction_wrong is None else f"{m.fraction_wrong:.6f}"
    return _entry(line, "fraction wrong", "share", f"{p.test_fraction:.6f}", ours, contrast, _lack(line))


def _error(line: Line) -> Comparison | None:
    p, m = line.published, line.measured
    if p.test_error is None:
        return None
    errors = [s.mean_absolute_error for s in _passed(line) if s.mean_absolute_error is not None]
    has_ratio = all(0 < error < _RUN_AWAY for error in errors)
    contrast = _mean_contrast(p, p.test_error, errors, contrasts.half_unit(p.test_error)) if has_ratio else None
    ours = "-" if m.mean_absolute_error is None else f"{m.mean_absolute_error:.4f}"
    reason = _lack(line) or (None if has_ratio else _NO_RATIO)
    if p.test_error_unclear:
        reason = _Reason(p.test_error_unclear, "unclear in the paper")
    return _entry(line, "test error", "ratio", f"{p.test_error:g}", ours, contrast, reason)


def _passed(line: Line) -> list[StageRecord]:
    return [stage for record in line.records for stage in record.stages if stage.name == line.published.stage]


def _mean_contrast(p: Published, published: float, values: list[float], half_unit: float) -> Contrast | None:
    return contrasts.means(published, p.solved, values, half_unit) if p.solved and values else None


def _share_contrast(p: Published, published: float, passed: list[StageRecord], half_unit: float) -> Contrast | None:
    if not (p.solved and passed):
        return None
    wrong = [stage.test_wrong for stage in passed]
    return contrasts.shares(published, p.solved, wrong, passed[0].test_sequences, half_unit)


_UNCOUNTED = _Reason("the paper says neither how many trials it ran nor how much they varied")
_RUN_AWAY = 1e100  # an error of a net that is lost
_NO_RATIO = _Reason("the error of one of our trials is 0, or beyond all bounds, and has no ratio to another")
_ALIKE = _Reason("all our trials give the same value, so there is no interval", "ours are all alike")


def _lack(line: Line) -> _Reason | None:
    """Why means cannot be compared; None if they can."""
    m = line.measured
    if not line.published.trials:
        return _UNCOUNTED
    if m.n_solved > 2:
        return None
    succeed = f"{m.n_solved or 'none'} of our {m.n} trials {'succeed' if m.n_solved == 2 else 'succeeds'}"
    return _Reason(f"{succeed}, and a mean with an interval takes at least 3", f"{m.n_solved} of {m.n} solved")


def _entry(
    line: Line, value: str, unit: Unit, published: str, ours: str, contrast: Contrast | None,
    reason: _Reason | None = None,
) -> Comparison:  # fmt: skip
    """A value that is not judged yet, or that cannot be for a reason."""
    m = line.measured
    if m.n < line.n_target:
        quick = "those that end first are the quick ones, so nothing is compared yet" if m.n else ""
        some = "; ".join(filter(None, [f"{m.n} of {line.n_target} trials", quick, line.crashes, line.unattested]))
        missing = some if m.n or line.lost or line.n_stale else "no trials yet"
        brief = f"{m.n} of {line.n_target} run" if m.n else "not run"
        return Comparison(line, value, unit, published, ours, None, "NOT RUN", missing, brief)
    if reason or contrast is None:
        why, brief = reason or _ALIKE
        brief = brief or f"{ours.split(', ')[0]} / {published}"
        return Comparison(line, value, unit, published, ours, None, "NOT COMPARABLE", why, brief)
    return Comparison(line, value, unit, published, ours, contrast, "CONSISTENT")


def _judge(comparison: Comparison, adjusted: float, n_tests: int, margins: Margins) -> Comparison:
    contrast = comparison.contrast
    assert contrast is not None
    if comparison.unit == "ratio":
        inside = 1 / margins.ratio < contrast.low and contrast.high < margins.ratio
        excludes = not contrast.low <= 1 <= contrast.high
    else:
        margin = margins.rate if comparison.unit == "points" else margins.wrong
        inside = -margin < contrast.low and contrast.high < margin
        excludes = not contrast.low <= 0 <= contrast.high
    if inside:
        why = _SMALL if adjusted < 0.05 else ""
        return replace(comparison, verdict="EQUIVALENT", adjusted=adjusted, why=why)
    if adjusted < 0.05:
        return replace(comparison, verdict="DIFFERS", adjusted=adjusted)
    why = _detectable(comparison, contrast)
    if excludes:
        why = f"taken alone it would count as different, but of {n_tests} values one may look so by chance; {why}"
    return replace(comparison, verdict="CONSISTENT", adjusted=adjusted, why=why)


_SMALL = "there is a difference, as chance alone would seldom bring one like it, but it is smaller than the margin"


def _detectable(comparison: Comparison, contrast: Contrast) -> str:
    """What difference would have shown, with 80 % probability."""

    def shown(number: float) -> str:
        if comparison.unit == "ratio":
            return f"{number:.2g} times the published value"
        if comparison.unit == "points":
            return f"{100 * number:.0f} %"
        return f"{TEST_SEQUENCES * number:.0f} of {TEST_SEQUENCES}"

    down, up = contrast.detectable
    parts = [f"{shown(down)} or less"] if down is not None else []
    parts += [f"{shown(up)} or more"] if up is not None else []
    if not parts:
        return "no difference would have shown, however large"
    ours = {"ratio": "ours were", "points": "our success rate were", "share": "our wrong test sequences were"}
    shows = f"a difference would have shown if {ours[comparison.unit]} in truth {', or '.join(parts)}"
    return f"{shows}; a smaller one may be there unseen"
