"""Intervals against scipy, and what a summary counts."""

import numpy as np
import pytest
from scipy import stats as scipy_stats
from test_store import record

from repro import stats


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


def stage(name, sequences, wrong=0):
    return {
        "name": name, "sequences": sequences, "steps": 9, "test_sequences": 2560, "test_wrong": wrong,
        "mean_absolute_error": 0.25, "mean_squared_error": 0.125, "max_error": 0.5,
    }  # fmt: skip


def test_failures_count_in_the_rate_and_not_in_the_time():
    records = [
        record(0, stages=[stage("a", 100, 4), stage("b", 300)]),
        record(1, stages=[stage("a", 200, 1)], outcome="limit"),
        record(2, outcome="diverged"),
        record(3, outcome="crashed", error="x"),
    ]
    a, b = stats.summarise(records, "a"), stats.summarise(records, "b")
    assert (a.n, a.n_solved, a.rate.value) == (4, 2, 0.5)
    assert (b.n, b.n_solved, b.rate.value) == (4, 1, 0.25)
    assert (a.sequences.value, b.sequences.value) == (150, 300)
    assert (a.wrong, a.wrong_most) == (2.5, 4)
    assert a.outcomes == {"solved": 1, "limit": 1, "diverged": 1, "crashed": 1}


def test_no_records_no_numbers():
    empty = stats.summarise([], "a")
    assert (empty.n, empty.rate, empty.sequences, empty.cpu_s) == (0, None, None, None)
