"""Published values against trials of today: ratio or difference, interval, p value, what could have been found.

The paper prints the mean of its trials and how many they were, not how they scatter. So a published mean is taken as
the mean of that many trials that scatter as ours do, relative to their mean. If there is no difference, that is so; if
there is one, it is an assumption about the width of the interval. Pure functions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import exp, inf, isfinite, log, sqrt
from statistics import fmean, variance

from repro.analysis.stats import LEVEL, success_rate

_POWER = 0.8  # the chance that a difference is found, where it is said that one could have been


@dataclass(frozen=True)
class Contrast:
    """Ours against the published value: a ratio (ours / theirs) or a difference (ours - theirs)."""

    value: float
    low: float  # 95 % interval
    high: float
    p: float  # two-sided, of no difference
    detectable: tuple[float | None, float | None]  # what would have been found with 80 % probability, down and up


def rates(k_paper: int, n_paper: int, k: int, n: int) -> Contrast:
    """Difference of success rates: Newcombe's interval from two of Wilson's, and Boschloo's exact test.

    R. G. Newcombe, Statistics in Medicine 17, 1998, method 10; R. D. Boschloo, Statistica Neerlandica 24, 1970. Trials
    are independent, all of them count.
    """
    paper, ours = success_rate(k_paper, n_paper), success_rate(k, n)
    difference = ours.value - paper.value
    assert ours.low is not None and ours.high is not None and paper.low is not None and paper.high is not None
    return Contrast(
        difference,
        difference - sqrt((ours.value - ours.low) ** 2 + (paper.high - paper.value) ** 2),
        difference + sqrt((ours.high - ours.value) ** 2 + (paper.value - paper.low) ** 2),
        _boschloo(k_paper, n_paper, k, n),
        _detectable_rates(k_paper, n_paper, n),
    )


@lru_cache(maxsize=None)
def _boschloo(k_paper: int, n_paper: int, k: int, n: int) -> float:
    from scipy import stats

    if k_paper * n == k * n_paper:
        return 1.0
    return float(stats.boschloo_exact([[k_paper, k], [n_paper - k_paper, n - k]]).pvalue)


@lru_cache(maxsize=None)
def _detectable_rates(k_paper: int, n_paper: int, n: int) -> tuple[float | None, float | None]:
    """The success rates of ours, below and above the published one, that the test finds with 80 % probability.

    The published result is given; the chance is that of our ``n`` trials alone.
    """
    from scipy import optimize, stats

    def first_that_differs(counts: Iterable[int]) -> int | None:
        return next((k for k in counts if _boschloo(k_paper, n_paper, k, n) < 1 - LEVEL), None)

    middle = k_paper / n_paper * n  # from there on, as the test takes long, and longer with more trials
    most = first_that_differs(k for k in range(n, -1, -1) if k < middle)
    least = first_that_differs(k for k in range(n + 1) if k > middle)
    down = up = None
    if most is not None:
        down = optimize.brentq(lambda rate: stats.binom.cdf(most, n, rate) - _POWER, 0, 1)
    if least is not None:
        up = optimize.brentq(lambda rate: stats.binom.sf(least - 1, n, rate) - _POWER, 0, 1)
    return down, up


def means(published: float, n_paper: int, values: Sequence[float], half_unit: float = 0.0) -> Contrast | None:
    """Ratio of our mean to a published one, which is rounded by at most ``half_unit``.

    The logarithm of the ratio has the standard error c sqrt(1 / n_paper + 1 / n), c being the coefficient of variation
    (delta method), and Student's distribution with n - 1 degrees of freedom. The coefficient is that of our values, or
    that of the log-normal distribution with the variance of their logarithms if it is larger: few values of a skewed
    distribution seldom show its tail. (With 10 trials against 10 the interval then holds the truth in 94 to 96 % of
    cases for log-normal times of any skewness, more often for geometric ones; tested.) None if there are fewer than
    three values, or if they do not differ: then nothing is known of how they scatter.

    Raises
    ------
    ValueError
        If the published value is not above its rounding, or a value is not positive.

    """
    from scipy import stats

    n = len(values)
    if published <= half_unit:
        raise ValueError("a ratio to a published value that may be zero says nothing")
    if n < 3 or min(values) == max(values):
        return None
    mean = fmean(values)
    moments, logs = sqrt(variance(values)) / mean, sqrt(_exp(variance([log(value) for value in values])) - 1)
    error = max(moments, logs) * sqrt(1 / n_paper + 1 / n)
    t = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    middle, rounding = log(mean / published), -log(1 - half_unit / published)
    detectable = (t + float(stats.t.ppf(_POWER, n - 1))) * error + rounding
    return Contrast(
        exp(middle), _exp(middle - t * error - rounding), _exp(middle + t * error + rounding),
        2 * float(stats.t.sf(max(0.0, abs(middle) - rounding) / error, n - 1)),
        (_exp(-detectable) or None, bound if isfinite(bound := _exp(detectable)) else None),
    )  # fmt: skip


def _exp(number: float) -> float:
    return exp(number) if number < 700 else inf


def shares(
    published: float, n_paper: int, wrong: Sequence[int], n_test: int, half_unit: float = 0.0
) -> Contrast | None:
    """Difference of the shares of test sequences that are wrong: ours less the published one, rounded by ``half_unit``.

    ``wrong`` of ``n_test`` sequences in each of our trials. Between trials the counts scatter as ours do, but not less
    than counts of independent errors would, nor less than if one had been wrong in all. None for fewer than three
    trials.
    """
    from scipy import stats

    n = len(wrong)
    if n < 3:
        return None
    mean = fmean(wrong) / n_test
    pooled = max((n_paper * published + n * mean) / (n_paper + n), 1 / (n_test * (n_paper + n)))
    spread = sqrt(max(variance(wrong) / n_test**2, pooled * (1 - pooled) / n_test))
    error = spread * sqrt(1 / n_paper + 1 / n)
    t = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    difference = mean - published
    detectable = (t + float(stats.t.ppf(_POWER, n - 1))) * error + half_unit
    return Contrast(
        difference, difference - t * error - half_unit, difference + t * error + half_unit,
        2 * float(stats.t.sf(max(0.0, abs(difference) - half_unit) / error, n - 1)),
        (published - detectable if published > detectable else None, published + detectable),
    )  # fmt: skip


def half_unit(number: float) -> float:
    """Half a unit of the last digit in which a number is printed; whole numbers are taken as printed to the unit."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return 0.5 * 10.0 ** min(0, exponent)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: with as many tests as these, one below 5 % is wrongly found in at most 5 % of all tables.

    S. Holm, Scandinavian Journal of Statistics 6, 1979; the tests need not be independent.
    """
    adjusted = [inf] * len(p_values)
    largest = 0.0
    for rank, k in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rank) * p_values[k])
        adjusted[k] = min(1.0, largest)
    return adjusted
