"""Intervals against scipy, and what a summary counts."""

import numpy as np
import pytest
from invented import record, stage
from scipy import stats as scipy_stats

from repro.analysis import stats


@pytest.mark.parametrize(("solved", "n"), [(0, 10), (10, 10), (19, 20), (1, 3), (33, 100)])
def test_success_rate_is_wilsons(solved, n):
    ours = stats.success_rate(solved, n)
    low, high = scipy_stats.binomtest(solved, n).proportion_ci(method="wilson")
    assert (ours.value, ours.low, ours.high) == pytest.approx((solved / n, low, high), abs=1e-12)


@pytest.mark.parametrize("n", [10, 20, 40])
def test_mean_interval_is_bca(n):
    data = np.random.default_rng(n).lognormal(10, 0.6, n)
    ours = stats.mean(list(data))
    theirs = scipy_stats.bootstrap(
        (data,), np.mean, n_resamples=200_000, batch=10_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(data.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_mean_does_not_depend_on_order_or_chance():
    data = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    assert stats.mean(data) == stats.mean(sorted(data)) == stats.mean(data[::-1])


@pytest.mark.parametrize("data", [[5.0], [5.0, 6.0], [5.0, 5.0, 5.0, 5.0]])
def test_no_interval_where_there_can_be_none(data):
    assert stats.mean(data) == stats.Estimate(sum(data) / len(data), None, None)


def test_nothing_to_estimate_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        stats.mean([])
    with pytest.raises(ValueError, match="at least one"):
        stats.success_rate(0, 0)


def test_failures_count_in_the_rate_and_not_in_the_time():
    records = [
        record(0, stages=[stage("a", 100, 4), stage("b", 300)]),
        record(1, stages=[stage("a", 200, 1)], outcome="limit"),
        record(2, outcome="diverged"),
        record(3, outcome="limit"),
    ]
    a, b = stats.summarise(records, "a"), stats.summarise(records, "b")
    assert (a.n, a.n_solved, a.rate.value) == (4, 2, 0.5)
    assert (b.n, b.n_solved, b.rate.value) == (4, 1, 0.25)
    assert (a.sequences.value, b.sequences.value) == (150, 300)
    assert (a.wrong, a.wrong_most) == (2.5, 4)
    assert a.outcomes == {"solved": 1, "limit": 2, "diverged": 1}


def test_no_records_no_numbers():
    empty = stats.summarise([], "a")
    assert (empty.n, empty.rate, empty.sequences, empty.cpu_s) == (0, None, None, None)


def test_survival_is_kaplan_meiers():
    ends = [300, 100, 700, 700, None, 200, None]
    records = [record(k, stages=[stage("a", end)] if end else []) for k, end in enumerate(ends)]
    limit = 1000
    for one in records:
        one.settings["stop"]["max_sequences"] = limit
    curve = stats.survival(records, "a")
    theirs = scipy_stats.ecdf(
        scipy_stats.CensoredData.right_censored([e or limit for e in ends], [not e for e in ends])
    )
    assert curve.times == (100, 200, 300, 700)
    assert [e.value for e in curve.solved] == pytest.approx([float(theirs.cdf.evaluate(t)) for t in curve.times])
    assert (curve.n, curve.n_solved, curve.limit) == (7, 5, 1000)
    assert curve.median.value == 700
    area = sum(theirs.sf.evaluate(t) for t in range(limit))  # the restricted mean is the area below the curve
    assert curve.restricted_mean.value == pytest.approx(float(area))
    for share, k in zip(curve.solved, (1, 2, 3, 5), strict=True):
        assert share == stats.success_rate(k, 7)


def solved(*ends):
    """The curve of trials that end so; None is a failure."""
    return stats.survival([record(k, stages=[stage("a", end)] if end else []) for k, end in enumerate(ends)], "a")


def test_median_where_its_interval_has_no_end_and_where_there_is_none():
    most = solved(1, 2, 3, 4, None, None)
    assert (most.median.value, most.median.high) == (3.5, None)
    assert most.median.low == 1  # one of six: Wilson's interval reaches up to .56
    assert solved(5, None, None).median is None
    assert solved(None, None).restricted_mean == stats.Estimate(record(0).settings["stop"]["max_sequences"], None, None)
    assert solved(1, 2, 3, 4, 5).median == stats.Estimate(3, 1, 5)  # five of five: it reaches down to .57
    assert solved(1, 2, 3).median == stats.Estimate(2, 0, None)  # none and all of three: up to .56, down to .44


def test_median_is_that_of_numbers_whatever_failures_would_have_taken():
    rng = np.random.default_rng(5)
    limit = record(0).settings["stop"]["max_sequences"]
    for n in range(1, 31):
        ends = sorted(int(end) for end in rng.integers(1, min(limit, 2 * n), n))  # some of them equal
        median = solved(*ends).median
        assert median.value == np.median(ends)
        if n > 3:
            assert ends.index(median.low) <= n // 2 <= ends.index(median.high)
            first = next(k for k in range(n) if stats.success_rate(k + 1, n).high > 0.5)
            assert (median.low, median.high) == (ends[first], ends[n - 1 - first])
        failures = int(rng.integers(0, n // 2 + 1))
        curve = solved(*ends[: n - failures], *[None] * failures)
        for later in (limit + 1, 3 * limit):
            true = np.median([*ends[: n - failures], *[later] * failures])
            if 2 * failures < n:
                assert curve.median.value == true
            else:
                assert curve.median is None
                assert limit / 2 < curve.beyond < true


def test_medians_of_published_examples():
    """Weeks of remission with placebo (E. J. Freireich et al., Blood 21, 1963), every one of which ended.

    The median is 8. The interval from 4 to 11 is that of R's survfit with log-log limits (W. N. Venables &
    B. D. Ripley, Modern Applied Statistics with S, 2002, section 13.1).
    """
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    assert solved(*placebo).median == stats.Estimate(8, 4, 11)
    # Weeks of survival of AG-negative patients (P. Feigl & M. Zelen, Biometrics 21, 1965): an even number, all died.
    weeks = [56, 65, 17, 7, 16, 22, 3, 4, 2, 3, 8, 4, 3, 30, 4, 43]
    assert solved(*weeks).median.value == 7.5


@pytest.mark.parametrize(("ends", "beyond"), [((40, 60, None, None), 530), ((40, None, None), 1000)])
def test_what_a_median_exceeds(ends, beyond):
    """Half succeed: R's survfit gives (60 + 1000) / 2 as the median, which is the least it can be."""
    records = [record(k, stages=[stage("a", end)] if end else []) for k, end in enumerate(ends)]
    for one in records:
        one.settings["stop"]["max_sequences"] = 1000
    curve = stats.survival(records, "a")
    assert (curve.median, curve.beyond) == (None, beyond)


def test_interval_of_the_median_holds_the_truth():
    """Times with a median of 693: the interval holds it in 95 % of 150 sets of 20."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(150):
        ends = [int(t) for t in rng.exponential(1000, 20)]
        median = solved(*ends).median
        held += median.low <= 693 <= median.high
    assert 0.91 <= held / 150 <= 0.99


def test_a_curve_needs_trials_of_one_limit():
    with pytest.raises(ValueError, match="at least one trial"):
        stats.survival([], "a")
