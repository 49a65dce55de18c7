"""From records to numbers, always with an interval and with what it rests on. Pure functions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean

import numpy as np

from repro.trial import Record, StageRecord

_RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; None where there is none."""

    value: float
    low: float | None
    high: float | None


def success_rate(solved: int, n: int) -> Estimate:
    """The share of ``solved`` among ``n`` trials, with the score interval (E. B. Wilson, JASA 22, 1927).

    Raises
    ------
    ValueError
        If there are no trials.

    """
    if n < 1:
        raise ValueError("a success rate needs at least one trial")
    z = NormalDist().inv_cdf(0.975)
    p = solved / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half))


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
    data = np.sort(np.asarray(values, np.float64))
    middle = float(data.mean())
    n = len(data)
    if n < 3 or data[0] == data[-1]:
        return Estimate(middle, None, None)
    seed = int.from_bytes(hashlib.sha256(data.tobytes()).digest()[:8], "big")
    rng = np.random.Generator(np.random.PCG64(seed))
    resampled = np.sort(data[rng.integers(0, n, (_RESAMPLES, n))].mean(axis=1))
    below = (np.sum(resampled < middle) + np.sum(resampled <= middle)) / (2 * _RESAMPLES)
    jackknife = (data.sum() - data) / (n - 1)
    deviation = jackknife.mean() - jackknife
    acceleration = float((deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5))
    normal = NormalDist()
    bias = normal.inv_cdf(float(below))
    edges = []
    for share in (0.025, 0.975):
        z = bias + normal.inv_cdf(share)
        edges.append(normal.cdf(bias + z / (1 - acceleration * z)))
    low, high = np.quantile(resampled, edges)
    return Estimate(middle, float(low), float(high))


@dataclass(frozen=True)
class Summary:
    """What the trials of a cell showed at one stage of the stop rule."""

    n: int  # trials, failures included
    n_solved: int  # trials that passed the stage
    rate: Estimate | None
    sequences: Estimate | None  # to success; of the successes only
    wrong: float | None  # of the test sequences: mean over the successes
    wrong_most: int | None
    fraction_wrong: float | None  # of all test sequences of the successes
    mean_absolute_error: float | None
    mean_squared_error: float | None
    max_error: float | None
    cpu_s: float | None  # mean CPU seconds of a trial, failures included
    outcomes: dict[str, int]
    facts: dict[str, float]  # what learners tell of their nets: means over the trials that passed the stage and tell it


def summarise(records: Sequence[Record], stage: str) -> Summary:
    """Summarise one trial each; ``stage`` is the stage of the stop rule that counts as success."""
    passed = [s for record in records for s in record.stages if s.name == stage]
    outcomes: dict[str, int] = {}
    for record in records:
        outcomes[record.outcome] = outcomes.get(record.outcome, 0) + 1

    def average(name: str) -> float | None:
        values = [getattr(s, name) for s in passed]
        return fmean(values) if values and None not in values else None

    return Summary(
        n=len(records),
        n_solved=len(passed),
        rate=success_rate(len(passed), len(records)) if records else None,
        sequences=mean([s.sequences for s in passed]) if passed else None,
        wrong=average("test_wrong"),
        fraction_wrong=_fraction(passed),
        wrong_most=max((s.test_wrong for s in passed), default=None),
        mean_absolute_error=average("mean_absolute_error"),
        mean_squared_error=average("mean_squared_error"),
        max_error=_largest(passed),
        cpu_s=fmean(record.cpu_s for record in records) if records else None,
        outcomes=outcomes,
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
