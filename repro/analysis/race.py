"""Two learners, or two settings, on a task: which solves it more often, and which sooner. In numbers and in words.

A contestant is a row with some of its settings replaced. Both get the same number of training sequences: where their
limits differ, the times are looked at up to the lower one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from repro.analysis import contrasts
from repro.analysis.contrasts import Contrast
from repro.analysis.stats import LEVEL, Estimate
from repro.errors import shown
from repro.experiments import selection, views
from repro.experiments.condition import Condition
from repro.experiments.config import PRINTED, ConfigError, Row
from repro.experiments.selection import parse_value, words
from repro.experiments.setups import full_key
from repro.records.trial import Record

_RESAMPLES = 9_999


@dataclass(frozen=True)
class Contestant:
    """A row under a reading, single settings replaced."""

    row: Row
    reading: str
    changes: Mapping[str, Any]
    seed: int

    @property
    def special(self) -> dict[str, Any]:
        """Whatever is not as the row has it."""
        reading = {} if self.reading == PRINTED else {"reading": self.reading}
        return {**reading, **self.changes, **({"seed": self.seed} if self.seed else {})}

    def value(self, key: str) -> Any:
        """A setting, the reading or the root seed."""
        if key in ("reading", "seed"):
            return getattr(self, key)
        return views.value(self.condition(), full_key(key, self.row.setup(self.reading, self.changes)))

    def condition(self) -> Condition:
        """What its trials share."""
        return self.row.condition(self.reading, self.changes, self.seed)


def contestant(text: str, rows: Mapping[str, Row]) -> Contestant:
    """``6a/lstm``, or ``6a/lstm learning_rate=0.1 reading=plain-error seed=1``: a row, then what is replaced of it.

    Raises
    ------
    ConfigError
        If it means no row, or several, or something behind it is not KEY=VALUE.

    """
    name, *parts = text.split()
    row, changes = selection.one(name, rows), {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise ConfigError(
                f"a contestant is ROW KEY=VALUE ..., such as '6a/lstm learning_rate=0.1'; not {shown(part)}"
            )
        if key in changes:
            raise ConfigError(f"'{text}' has {key} twice: give it once")
        changes[key] = parse_value(value)
    reading, seed = str(changes.pop("reading", PRINTED)), changes.pop("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"a seed is a whole number from 0, not {shown(seed)}")
    return Contestant(row, reading, changes, seed)


def check_fair(first: Condition, second: Condition) -> None:
    """Refuse a race of which nothing could be learned.

    Raises
    ------
    ConfigError
        If the two are the same trials, or not of the same task.

    """
    if first.key == second.key:
        raise ConfigError("both contestants are the same trials: say what the second does otherwise")
    if first.settings["task"] != second.settings["task"]:
        task, other_task = first.settings["task"], second.settings["task"]
        differing = [key for key in {**task, **other_task} if task.get(key) != other_task.get(key)]
        raise ConfigError(
            f"{first.row} and {second.row} are not of the same task (other {', '.join(differing)}): a race needs one"
        )


def names(first: Contestant, second: Contestant) -> tuple[str, str, str]:
    """What two contestants are called, by what one has otherwise than the other; and what both have in common."""
    both = (first, second)
    common = {key: value for key, value in first.special.items() if second.special.get(key, first) == value}
    if first.row.name != second.row.name:
        of_each = [{key: value for key, value in racer.special.items() if key not in common} for racer in both]
        name, other = (
            ", ".join(filter(None, [racer.row.name, words(own)])) for racer, own in zip(both, of_each, strict=True)
        )
        return name, other, words(common)
    keys = [key for key in {**first.special, **second.special} if key not in common]
    name, other = (words({key: racer.value(key) for key in keys}) for racer in both)
    return name, other, ", ".join(filter(None, [first.row.name, words(common)]))


@dataclass(frozen=True)
class Side:
    """What a contestant's trials came to."""

    name: str
    n: int
    times: tuple[int, ...]  # training sequences until success or the common limit
    solved: tuple[bool, ...]  # within the limit

    @property
    def successes(self) -> list[int]:
        """The times of the trials that succeeded."""
        return [time for time, solved in zip(self.times, self.solved, strict=True) if solved]

    @property
    def n_solved(self) -> int:
        """The trials that succeeded."""
        return sum(self.solved)


@dataclass(frozen=True)
class Result:
    """What a race showed: the second contestant against the first."""

    first: Side
    second: Side
    common: str  # what both have in common, in words
    limit: int  # training sequences that both had
    rate: Contrast  # of the success rates, second less first
    log_rank_p: float | None  # of equal chances at every time; None if nobody succeeds
    mean: Estimate  # of the restricted means, second less first


def judge(
    first: tuple[str, Condition, Sequence[Record]], second: tuple[str, Condition, Sequence[Record]], common: str = ""
) -> Result:
    """Compare the trials of two conditions, each given with a name.

    The difference of success rates has Newcombe's interval and Boschloo's p value (`contrasts.rates`). The log-rank
    test (N. Mantel, Cancer Chemotherapy Reports 50, 1966) asks whether at all times those that have not succeeded are
    equally likely to; trials that fail are censored at the limit. The difference of the restricted means (of the
    sequences until success or limit, whichever is first) has the bootstrap's percentile interval.

    Raises
    ------
    ValueError
        If one has no trials.

    """
    limit = min(int(condition.settings["stop"]["max_sequences"]) for _, condition, _ in (first, second))
    a, b = (_side(name, records, limit) for name, _, records in (first, second))
    return Result(
        a, b, common, limit, contrasts.rates(a.n_solved, a.n, b.n_solved, b.n), _log_rank(a, b), _difference(a, b)
    )


def _side(name: str, records: Sequence[Record], limit: int) -> Side:
    if not records:
        raise ValueError(f"{name}: a race needs trials")
    ends = [record.sequences if record.outcome == "solved" else inf for record in records]
    return Side(name, len(records), tuple(int(min(end, limit)) for end in ends), tuple(end <= limit for end in ends))


def _log_rank(a: Side, b: Side) -> float | None:
    from scipy import stats

    if not (a.n_solved or b.n_solved):
        return None
    if len({*a.times, *b.times}) == 1:  # all at once: the test has nothing to go by
        return 1.0
    samples = (
        stats.CensoredData.right_censored(np.array(side.times, float), ~np.array(side.solved)) for side in (a, b)
    )
    return float(stats.logrank(*samples).pvalue)


def _difference(a: Side, b: Side) -> Estimate:
    """Of the means of the times, with the bootstrap's percentile interval; the same trials give the same."""
    draw = np.random.default_rng(0)
    x, y = np.array(a.times, float), np.array(b.times, float)
    means = [draw.choice(values, (_RESAMPLES, len(values))).mean(axis=1) for values in (x, y)]
    low, high = np.quantile(means[1] - means[0], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(y.mean() - x.mean()), float(low), float(high))


def words_of(result: Result) -> list[str]:
    """What can be concluded, and what not, in sentences."""
    a, b = result.first, result.second
    sentences = [f"Both: {result.common}."] if result.common else []
    sentences.append(_of_rates(result))
    p = result.log_rank_p
    if p is None:
        return [
            *sentences,
            f"Neither succeeds within {result.limit:,} training sequences: of their speed nothing can be said.",
        ]
    mean = result.mean
    assert mean.low is not None and mean.high is not None
    sooner, later = (b.name, a.name) if mean.value < 0 else (a.name, b.name)
    low, high = sorted((abs(mean.low), abs(mean.high)))
    by = f"on average {abs(mean.value):,.0f} training sequences, failures counting as the limit of {result.limit:,}"
    if p < 1 - LEVEL and mean.low * mean.high > 0:
        sentences.append(
            f"{sooner} is done sooner than {later}: by {by} [{low:,.0f}, {high:,.0f}]; log-rank p {_p(p)}."
        )
    elif p < 1 - LEVEL:
        sentences.append(
            f"They do not succeed at the same times (log-rank p {_p(p)}), but neither is sooner on average."
        )
    else:
        sentences.append(f"Which is done sooner cannot be said: {sooner} was, by {by}; log-rank p {_p(p)}.")
    if not (a.n_solved == a.n and b.n_solved == b.n):
        sentences.append("The means over the successes alone are not compared: they leave out the trials that failed.")
    return sentences


def _of_rates(result: Result) -> str:
    a, b, rate = result.first, result.second, result.rate
    numbers = f"{b.name} solves {b.n_solved} of {b.n}, {a.name} {a.n_solved} of {a.n}"
    points = f"{100 * rate.value:+.0f} points [{100 * rate.low:+.0f}, {100 * rate.high:+.0f}]"
    if rate.p < 1 - LEVEL:
        more, less = (b.name, a.name) if rate.value > 0 else (a.name, b.name)
        return f"{more} succeeds more often than {less}: {numbers}; {points}, p {_p(rate.p)}."
    bounds = [
        f"{word} {100 * bound:.0f} %" for word, bound in zip(("below", "above"), rate.detectable, strict=True) if bound
    ]
    seen = (
        f"a rate {' or '.join(bounds)} of {b.name} would probably have shown" if bounds else "so few trials show little"
    )
    return f"Which succeeds more often cannot be said: {numbers}; {points}, p {_p(rate.p)}; {seen}."


def _p(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.2g}"
