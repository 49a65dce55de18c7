"""From records to numbers, always with an interval and with what it rests on. Pure functions."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median

import numpy as np

from repro.records.trial import Record, StageRecord

_RESAMPLES = 9_999
LEVEL = 0.95  # of all intervals


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; None where there is none."""

    value: float
    low: float | None
    high: float | None


@lru_cache(maxsize=None)
def success_rate(solved: int, n: int) -> Estimate:
    """The share of ``solved`` among ``n`` trials, with the score interval (E. B. Wilson, JASA 22, 1927).

    Raises
    ------
    ValueError
        If there are no trials.

    """
    from scipy import stats  # a second to import: only where numbers are asked for

    if n < 1:
        raise ValueError("a success rate needs at least one trial")
    interval = stats.binomtest(solved, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(solved / n, float(interval.low), float(interval.high))


def mean(values: Sequence[float]) -> Estimate:
    """The mean, with the BCa bootstrap interval (B. Efron, JASA 82, 1987); the same data give the same interval.

    Training times are skewed, which the usual t interval ignores. There is no interval for fewer than three values, or
    if all are equal.

    Raises
    ------
    ValueError
        If there are no values.

    """
    if not values:
        raise ValueError("a mean needs at least one value")
    return _mean(tuple(sorted(map(float, values))))


@lru_cache(maxsize=None)
def _mean(values: tuple[float, ...]) -> Estimate:
    """The resamples are the work in all tables: the mean of a line without failures is its restricted mean, too."""
    from scipy import stats

    data = np.array(values)
    middle = float(data.mean())
    if len(data) < 3 or data[0] == data[-1]:
        return Estimate(middle, None, None)
    seed = int.from_bytes(hashlib.sha256(data.tobytes()).digest()[:8], "big")
    interval = stats.bootstrap(
        (data,), np.mean, n_resamples=_RESAMPLES, confidence_level=LEVEL, method="BCa", rng=np.random.default_rng(seed)
    ).confidence_interval
    return Estimate(middle, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Survival:
    """How the share of solved trials grows with training: one minus the Kaplan-Meier estimate.

    A trial that fails is censored at the limit of sequences; a diverged one too, as more training would not have made
    it succeed. So none is left out, as the mean over the successes leaves out failures. As none is censored before the
    limit, the estimate is the share of all trials that have succeeded, and its interval is Wilson's.
    """

    n: int
    n_solved: int
    limit: int  # training sequences after which a trial has failed
    times: tuple[int, ...]  # training sequences at which trials succeed, ascending
    solved: tuple[Estimate, ...]  # the share that has succeeded by then
    median: Estimate | None  # None if no more than half succeed; high is None if the interval ends beyond the limit
    beyond: float  # what the median exceeds if it is None
    restricted_mean: Estimate  # of the sequences until success or limit, whichever comes first


def survival(records: Sequence[Record], stage: str) -> Survival:
    """The Kaplan-Meier estimate for one trial each; ``stage`` is the stage of the stop rule that counts as success.

    The median is where the curve crosses a half. Where it is exactly a half between two times, which takes an even
    number of trials, the median is midway between them, as that of numbers is. If it stays there up to the limit, the
    later time is not known, and the median exceeds what is midway between the earlier time and the limit.

    The interval of the median is where the curve's interval contains a half (R. Brookmeyer & J. Crowley, Biometrics 38,
    1982). The same rule gives its ends, but an end of Wilson's interval is never exactly a half. If all trials succeed,
    they are the times of the k-th and of the k-th last trial, for some k. It begins at 0 where the curve's interval
    contains a half before any trial has succeeded, with three trials or fewer. The interval of the restricted mean is
    the bootstrap's.

    Raises
    ------
    ValueError
        If there are no records, if their limits differ, or if a trial crashed: it is missing, and did not fail.

    """
    if any(record.outcome == "crashed" for record in records):
        raise ValueError("a trial that crashed is missing: it has neither succeeded nor failed")
    limits = {int(record.settings["stop"]["max_sequences"]) for record in records}
    if len(limits) != 1:
        raise ValueError("a survival curve needs at least one trial, and trials of one limit")
    limit, n = limits.pop(), len(records)
    ends = sorted(s.sequences for record in records for s in record.stages if s.name == stage)
    times = sorted(set(ends))
    solved = [success_rate(bisect_right(ends, time), n) for time in times]
    steps = [(0, success_rate(0, n)), *zip(times, solved, strict=True)]

    def crossing(edge: str) -> float | None:
        """Where the estimate, or an edge of its interval, crosses a half."""
        shares = [(time, getattr(estimate, edge)) for time, estimate in steps]
        reached = next((time for time, share in shares if share >= 0.5), None)
        passed = next((time for time, share in shares if share > 0.5), None)
        return None if reached is None or passed is None else (reached + passed) / 2

    middle, low, high = map(crossing, ("value", "high", "low"))
    return Survival(
        n, len(ends), limit, tuple(times), tuple(solved),
        median=None if middle is None else Estimate(middle, low, high),
        beyond=(ends[-1] + limit) / 2 if 2 * len(ends) == n else limit,
        restricted_mean=mean([*ends, *[limit] * (n - len(ends))]),
    )  # fmt: skip


@dataclass(frozen=True)
class Nearness:
    """How near the trials came that failed at their limit: what a last look at each found."""

    n: int  # trials that were looked at
    at: str  # a last exam, or the most recent training sequences
    sequences: int  # of each trial
    wrong: tuple[int, float, int]  # of them: least, median and most of the trials
    late: float | None  # the share of the wrong ones that are wrong at the last time step but one, of all trials
    mean_absolute_error: float | None  # mean over the trials
    mean_squared_error: float | None


def nearness(records: Sequence[Record]) -> Nearness | None:
    """What the last looks found; None if there are none. All are of one condition, and so alike."""
    looks = [record.last_look for record in records if record.last_look]
    if not looks:
        return None
    wrong = [look.wrong for look in looks]
    late = [look.late_wrong for look in looks if look.late_wrong is not None]
    return Nearness(
        len(looks), looks[0].at, looks[0].sequences, (min(wrong), median(wrong), max(wrong)),
        late=sum(late) / sum(wrong) if late and sum(wrong) else None,
        mean_absolute_error=_mean_of(look.mean_absolute_error for look in looks),
        mean_squared_error=_mean_of(look.mean_squared_error for look in looks),
    )  # fmt: skip


def _mean_of(values: Iterable[float | None]) -> float | None:
    """Their mean, if all are known, and no error of a net that has run away is beyond all sums."""
    numbers = list(values)
    known = [number for number in numbers if number is not None]
    try:
        return fmean(known) if known and len(known) == len(numbers) else None
    except OverflowError:
        return None


@dataclass(frozen=True)
class Summary:
    """What the trials of a condition showed at one stage of the stop rule."""

    n: int  # trials that ended, failures included
    n_solved: int  # trials that passed the stage
    rate: Estimate | None
    sequences: Estimate | None  # to success; of the successes only, as the paper has it
    survival: Survival | None  # of all trials
    wrong: float | None  # of the test sequences: mean over the successes
    wrong_most: int | None
    fraction_wrong: float | None  # of all test sequences of the successes
    mean_absolute_error: float | None
    mean_squared_error: float | None
    max_error: float | None
    cpu_s: float | None  # mean CPU seconds of a trial, failures included
    outcomes: dict[str, int]
    nearness: Nearness | None  # of the failures
    facts: dict[str, float]  # what learners tell of their nets: means over the trials that passed the stage and tell it


def summarise(records: Sequence[Record], stage: str) -> Summary:
    """Summarise one trial each; ``stage`` is the stage of the stop rule that counts as success.

    Raises
    ------
    ValueError
        As `survival` does, but not if there are no records.

    """
    passed = [s for record in records for s in record.stages if s.name == stage]
    outcomes: dict[str, int] = {}
    for record in records:
        outcomes[record.outcome] = outcomes.get(record.outcome, 0) + 1

    def average(name: str) -> float | None:
        return _mean_of(getattr(s, name) for s in passed)

    return Summary(
        n=len(records),
        n_solved=len(passed),
        rate=success_rate(len(passed), len(records)) if records else None,
        sequences=mean([s.sequences for s in passed]) if passed else None,
        survival=survival(records, stage) if records else None,
        wrong=average("test_wrong"),
        fraction_wrong=_fraction(passed),
        wrong_most=max((s.test_wrong for s in passed), default=None),
        mean_absolute_error=average("mean_absolute_error"),
        mean_squared_error=average("mean_squared_error"),
        max_error=_largest(passed),
        cpu_s=fmean(record.cpu_s for record in records) if records else None,
        outcomes=outcomes,
        nearness=nearness([record for record in records if all(s.name != stage for s in record.stages)]),
        facts=_facts([record for record in records if any(s.name == stage for s in record.stages)]),
    )


def _facts(records: Sequence[Record]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record.facts)
    return {name: fmean(record.facts[name] for record in records if name in record.facts) for name in names}


def _fraction(passed: Sequence[StageRecord]) -> float | None:
    n = sum(s.test_sequences for s in passed)
    return sum(s.test_wrong for s in passed) / n if n else None


def _largest(passed: Sequence[StageRecord]) -> float | None:
    values = [s.max_error for s in passed]
    finite = [value for value in values if value is not None]
    return max(finite) if finite and len(finite) == len(values) else None
