"""How a race is shown: a line for each contestant, what can be concluded below."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from repro.analysis.race import Result, Side, words_of
from repro.analysis.stats import success_rate
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View, whole


class _Line(NamedTuple):
    side: Side
    limit: int


def _mean(line: _Line) -> float | None:
    times = line.side.successes
    return sum(times) / len(times) if times else None


def _restricted_mean(line: _Line) -> float:
    return sum(line.side.times) / line.side.n


SCHEMA = Schema[_Line](
    "repro race",
    (
        Column("contestant", str, "", "row, and what is not as the row has it", lambda line: line.side.name),
        Column("trials", int, "trials", "how many ran", lambda line: line.side.n),
        Column("solved", int, "trials", "how many of these succeeded by the limit", lambda line: line.side.n_solved),
        Column("success_rate", float, "share", "of the trials", lambda line: line.side.n_solved / line.side.n),
        Column(
            "success_rate_low", float, "share", "lower end of its 95 % interval (Wilson)",
            lambda line: success_rate(line.side.n_solved, line.side.n).low,
        ),
        Column(
            "success_rate_high", float, "share", "upper end of its 95 % interval (Wilson)",
            lambda line: success_rate(line.side.n_solved, line.side.n).high,
        ),
        Column("sequences", float, "sequences", "training until success, mean of the trials that succeeded", _mean),
        Column(
            "restricted_mean_sequences", float, "sequences", "training until success or limit, mean of all trials",
            _restricted_mean,
        ),
        Column("limit", int, "sequences", "the limit that both had", lambda line: line.limit),
    ),
    {
        "contestant": View("", key=True),
        "trials": View("trials"),
        "solved": View("solved"),
        "sequences": View("success after", lambda line: whole(_mean(line))),
        "restricted_mean_sequences": View("mean of all\nto limit", lambda line: whole(_restricted_mean(line))),
    },
)  # fmt: skip


def render(result: Result, form: str, names: Sequence[str] = ()) -> str:
    """A race in any of `grid.FORMATS`; as JSON with the differences and what is said of them.

    Raises
    ------
    repro.presentation.columns.ColumnsError
        If there is no column of one of the names.

    """
    lines = [_Line(side, result.limit) for side in (result.first, result.second)]
    if form == "json":
        return json.dumps(data(result) | {"contestants": json.loads(SCHEMA.data(lines, "json", names))}, indent=2)
    if form == "csv":
        return SCHEMA.data(lines, form, names)
    title = f"{result.first.name} against {result.second.name}"
    return grid.render(SCHEMA.block(lines, names, title, words_of(result)), form)


def data(result: Result) -> dict[str, Any]:
    """The differences of a race, second contestant less first, and what is said of them."""
    return {
        "success_rate_difference": result.rate.value, "success_rate_difference_low": result.rate.low,
        "success_rate_difference_high": result.rate.high, "success_rate_p": result.rate.p,
        "log_rank_p": result.log_rank_p, "restricted_mean_difference": result.mean.value,
        "restricted_mean_difference_low": result.mean.low, "restricted_mean_difference_high": result.mean.high,
        "said": words_of(result),
    }  # fmt: skip
