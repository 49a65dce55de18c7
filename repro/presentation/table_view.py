"""Lines of the paper's tables, as programs and as people read them."""

from collections.abc import Callable, Sequence
from typing import Any

from repro.analysis.stats import Estimate, Nearness, Summary, Survival
from repro.analysis.tables import Line, order
from repro.experiments.schema import Published
from repro.experiments.selection import words
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View, whole
from repro.presentation.table_notes import notes, title_of

# -------------------------------------------------------------------------------------------------------- for programs


def _published(name: str, kind: type, unit: str, about: str, of: str = "") -> Column[Line]:
    """A value that the paper prints."""
    return Column(name, kind, unit, about, lambda line: getattr(line.published, of or name))


def _measured(name: str, kind: type, unit: str, about: str, of: str = "") -> Column[Line]:
    """A value of our trials."""
    return Column(name, kind, unit, about, lambda line: getattr(line.measured, of or name))


def _estimate(
    name: str, unit: str, about: str, get: Callable[[Line], Estimate | None], ends: str
) -> list[Column[Line]]:
    """A number and its interval."""

    def part(which: str) -> Callable[[Line], float | None]:
        return lambda line: getattr(get(line), which, None)

    return [
        Column(name, float, unit, about, part("value")),
        Column(f"{name}_low", float, unit, f"lower end of its 95 % interval{ends}", part("low")),
        Column(f"{name}_high", float, unit, f"upper end of its 95 % interval{ends}", part("high")),
    ]


def _survival(get: Callable[[Survival], Any]) -> Callable[[Line], Any]:
    return lambda line: get(line.measured.survival) if line.measured.survival else None


def _failures(name: str, kind: type, unit: str, about: str, get: Callable[[Nearness], Any]) -> Column[Line]:
    """What the last looks at failures found."""
    return Column(name, kind, unit, about, lambda line: get(line.measured.nearness) if line.measured.nearness else None)


def _fact(name: str, unit: str, about: str) -> Column[Line]:
    """What a learner tells of its nets."""
    return Column(f"mean_{name}", float, unit, about, lambda line: line.measured.facts.get(name))


def _outcome(name: str, about: str) -> Column[Line]:
    return Column(f"outcome_{name}", int, "trials", about, lambda line: line.measured.outcomes.get(name, 0))


def _speed(line: Line) -> float | None:
    n_sequences = sum(record.sequences for record in line.records)
    return 1e6 * sum(record.cpu_s for record in line.records) / n_sequences if n_sequences else None


_FEW = "; empty: fewer than three trials, or all are equal"

_COLUMNS: tuple[Column[Line], ...] = (
    _published("table", str, "", "number of the table in the paper; text: in no table; ours: not in the paper"),
    _published("line", int, "", "number of the line in that table"),
    Column("row", str, "", "name of the row, as `repro run` takes it", lambda line: line.row.name),
    Column("whose", str, "", "whose row it is: the paper's, that of repro, or another's", lambda line: line.whose),
    Column("reading", str, "", "how the paper is read; printed: literally", lambda line: line.reading),
    Column(
        "settings", str, "", "what else is not as the row has it, as `--set` takes it; empty: nothing",
        lambda line: words(line.settings),
    ),
    Column("seed", int, "", "root of all random streams", lambda line: line.condition.seed),
    _published("stage", str, "", "stage of the stop rule that the line is about"),
    _published("weights_published", int, "weights", "size of the net, as the paper prints it", "weights"),
    Column("weights", int, "weights", "size of our net", lambda line: line.n_weights),
    _published("test_wrong_published", int, "sequences", "wrong ones of 2560 at the test, in the paper", "test_wrong"),
    _measured("test_wrong", float, "sequences", "wrong test sequences, mean of the trials that succeeded", "wrong"),
    _measured("test_wrong_most", int, "sequences", "wrong test sequences of the trial with the most", "wrong_most"),
    _published("test_fraction_published", float, "share", "wrong test sequences, in the paper", "test_fraction"),
    _measured(
        "test_fraction", float, "share", "wrong ones of all test sequences of the trials that succeeded",
        "fraction_wrong",
    ),
    Column(
        "success_percent_published", float, "percent", "trials that succeed, in the paper; empty: it names no percent",
        lambda line: None if line.published.success == "some" else line.published.success,
    ),
    Column(
        "success_published_is_some", bool, "", "the paper says only that some trials succeed",
        lambda line: line.published.success == "some",
    ),
    _published("trials_published", int, "trials", "how many the paper ran; empty: it does not say", "trials"),
    _published("sequences_published", int, "sequences", "training until success, in the paper: a mean", "sequences"),
    _published("sequences_published_is_bound", bool, "", "that is no mean: there was no success by then", "beyond"),
    *_estimate(
        "sequences", "sequences", "training until success, mean of the trials that succeeded",
        lambda line: line.measured.sequences, _FEW,
    ),
    *_estimate(
        "median_sequences", "sequences",
        "training until success, median of all trials (Kaplan-Meier); empty: too few succeed for a median",
        _survival(lambda survival: survival.median), "; empty: no median, or an end beyond the limit",
    ),
    *_estimate(
        "restricted_mean_sequences", "sequences", "training until success or limit, mean of all trials",
        _survival(lambda survival: survival.restricted_mean), _FEW,
    ),
    Column(
        "max_sequences", int, "sequences", "the limit: training after which a trial has failed",
        _survival(lambda survival: survival.limit),
    ),
    _fact("units", "units", "hidden units of cascade-correlation nets that succeeded"),
    _fact("output_epochs", "epochs", "in which output weights of these nets learned"),
    _fact("candidate_epochs", "epochs", "in which candidates for units of these nets learned"),
    _fact("guesses", "nets", "drawn by weight guessing in a trial that succeeded"),
    _fact("cell_added_after", "sequences", "training until a layered net that succeeded got its cell"),
    Column("trials_target", int, "trials", "how many there are when all have run", lambda line: line.n_target),
    _measured("trials", int, "trials", "how many have run and count", "n"),
    _measured("solved", int, "trials", "how many of these succeeded", "n_solved"),
    *_estimate("success_rate", "share", "trials that succeeded", lambda line: line.measured.rate, " (Wilson)"),
    _published("test_error_published", float, "", "error of outputs at the test, in the paper", "test_error"),
    _measured("mean_absolute_error", float, "", "of outputs at the test, mean of the trials that succeeded"),
    _measured("mean_squared_error", float, "", "of outputs at the test, mean of the trials that succeeded"),
    _measured(
        "max_error", float, "",
        "the most that outputs were wrong by at these tests, where that decides; below 0 in experiment 1, where legal "
        "symbols have to be the most active ones",
    ),
    _failures("failures_looked_at", int, "trials", "failures at which a last look was taken", lambda near: near.n),
    _failures("failures_look_at", str, "", "exam, a last one; training, the last sequences", lambda near: near.at),
    _failures("failures_look_sequences", int, "sequences", "how many of them each", lambda near: near.sequences),
    _failures("failures_wrong_median", float, "sequences", "wrong ones of these, median", lambda near: near.wrong[1]),
    _failures(
        "failures_late_share", float, "share", "of the wrong ones, those wrong at the last time step but one",
        lambda near: near.late,
    ),
    _failures(
        "failures_mean_absolute_error", float, "", "of outputs at the last look, mean",
        lambda near: near.mean_absolute_error,
    ),
    _measured("cpu_s", float, "seconds", "CPU time of a trial, mean, failures included"),
    Column(
        "cpu_us_a_sequence", float, "µs",
        "CPU time of a training sequence, with its share of exams and tests, mean of all trials", _speed,
    ),
    _outcome("solved", "how many passed all stages"),
    _outcome("limit", "how many failed at the limit"),
    _outcome("diverged", "how many failed as numbers were no longer finite"),
    Column("outcome_crashed", int, "trials", "how many are missing because they crashed", lambda line: len(line.lost)),
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- for people


def _decimal(number: float | None) -> str:
    return "-" if number is None else f"{number:.4f}"


def _fraction(number: float | None) -> str:
    return "-" if number is None else f"{number:.6f}"


def _one_decimal(number: float | None) -> str:
    return "-" if number is None else f"{number:,.1f}"


def _with_interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return whole(estimate.value) + (f" [{whole(estimate.low)}, {whole(estimate.high)}]" if estimate.low else "")


def _median(survival: Survival | None) -> str:
    """What it exceeds where no more than half succeed; the limit where the interval has no upper end."""
    if survival is None:
        return "-"
    if survival.median is None:
        return f">{whole(survival.beyond)}"
    m = survival.median
    high = f">{whole(survival.limit)}" if m.high is None else whole(m.high)
    return f"{whole(m.value)} [{whole(m.low)}, {high}]"


def _restricted(survival: Survival | None) -> str:
    return whole(survival.restricted_mean.value if survival else None)


def _published_sequences(published: Published) -> str:
    return (">" if published.beyond else "") + whole(published.sequences)


def _published_success(published: Published) -> str:
    return "some" if published.success == "some" else whole(published.success)


def _solved(measured: Summary) -> str:
    if measured.rate is None:
        return "-"
    low, high = measured.rate.low or 0.0, measured.rate.high or 0.0
    return f"{measured.n_solved} of {measured.n}: {100 * measured.rate.value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _prints(name: str) -> Callable[[Sequence[Line]], bool]:
    """Does the paper print such a value on any line."""
    return lambda lines: any(getattr(line.published, name) is not None for line in lines)


def _varied(lines: Sequence[Line]) -> bool:
    return any(line.changes for line in lines)


def _stages(lines: Sequence[Line]) -> bool:
    return len({line.published.stage for line in lines}) > 1


def _failed(lines: Sequence[Line]) -> bool:
    return any(0 < line.measured.n_solved < line.measured.n for line in lines)


_WRONG, _SHARE, _AFTER, _ALL = "# wrong of 2560:", "fraction wrong:", "success after:", "all trials:"

_VIEWS: dict[str, View[Line]] = {
    "row": View("row", key=True, above=True),
    "stage": View("stop", needed=_stages, key=True),
    "whose": View("whose", needed=lambda lines: len({line.whose for line in lines}) > 1, key=True),
    "reading": View("reading", key=True),
    "settings": View("settings", lambda line: words(line.changes) or "-", needed=_varied, key=True),
    "weights": View("#\nweights"),
    "test_wrong_published": View(
        "paper", lambda x: whole(x.published.test_wrong), _WRONG, needed=_prints("test_wrong")
    ),
    "test_wrong": View("ours", lambda x: _one_decimal(x.measured.wrong), _WRONG, needed=_prints("test_wrong")),
    "test_fraction_published": View(
        "paper", lambda line: _fraction(line.published.test_fraction), _SHARE, needed=_prints("test_fraction")
    ),
    "test_fraction": View(
        "ours", lambda line: _fraction(line.measured.fraction_wrong), _SHARE, needed=_prints("test_fraction")
    ),
    "test_error_published": View(
        "test error:\npaper", lambda line: _decimal(line.published.test_error), needed=_prints("test_error")
    ),
    "mean_absolute_error": View(
        "mean abs.\nerror", lambda line: _decimal(line.measured.mean_absolute_error), needed=_prints("test_error")
    ),
    "mean_squared_error": View(
        "mean sq.\nerror", lambda line: _decimal(line.measured.mean_squared_error), needed=_prints("test_error")
    ),
    "sequences_published": View(
        "paper", lambda line: _published_sequences(line.published), _AFTER, needed=_prints("sequences")
    ),
    "sequences": View("ours [95 %]", lambda line: _with_interval(line.measured.sequences), _AFTER),
    "median_sequences": View("median [95 %]", lambda line: _median(line.measured.survival), _ALL),
    "restricted_mean_sequences": View(
        "mean to limit", lambda line: _restricted(line.measured.survival), _ALL, needed=_failed
    ),
    "success_percent_published": View(
        "% success:\npaper", lambda line: _published_success(line.published), needed=_prints("success")
    ),
    "success_rate": View("success rate\n[95 %]", lambda line: _solved(line.measured)),
    "cpu_s": View("CPU s\na trial", lambda line: _one_decimal(line.measured.cpu_s)),
    "cpu_us_a_sequence": View(
        "CPU µs\na sequence", lambda line: _one_decimal(_speed(line)), needed=lambda lines: False
    ),
}

SCHEMA = Schema("Tables 1 to 9, text and ours", _COLUMNS, _VIEWS)


def render(lines: Sequence[Line], form: str, names: Sequence[str] = ()) -> str:
    """Tables in any of `grid.FORMATS`, one after the other, with the columns of these names or the usual ones.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    if form in grid.DATA:
        return SCHEMA.data(lines, form, names)
    numbers = sorted({line.published.table for line in lines}, key=order)
    parts = [[line for line in lines if line.published.table == number] for number in numbers]
    return "\n\n".join(grid.render(SCHEMA.block(part, names, title_of(part), notes(part)), form) for part in parts)
