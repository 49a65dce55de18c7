"""Contrasts against published examples, against simulation, and at their edges."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from repro.analysis import contrasts
from repro.experiments.schema import Published


@pytest.mark.parametrize(
    ("percent", "n", "count"),
    [(97, 30, 29), (100, 18, 18), (78, 18, 14), (56, 18, 10), (22, 18, 4), (33, 18, 6), (0, 18, 0), (50, 8, 4)],
)
def test_what_a_percentage_counts(percent, n, count):
    assert Published(table=1, line=1, trials=n, success=percent).solved == count


def test_difference_of_rates_is_newcombes():
    """The examples of Newcombe 1998, Table II, method 10: 56/70 and 48/80, 9/10 and 3/10, 10/10 and 0/10."""
    for k, n, k_paper, n_paper, low, high in (
        (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (10, 10, 0, 10, 0.6075, 1.0),
    ):  # fmt: skip
        contrast = contrasts.rates(k_paper, n_paper, k, n)
        assert (contrast.low, contrast.high) == pytest.approx((low, high), abs=5e-5)
        assert contrast.value == pytest.approx(k / n - k_paper / n_paper)


def test_p_of_rates_is_exact():
    """No rate common to both gives a p value below .05 in more than 5 % of pairs; all pairs are counted."""
    n_paper, n = 6, 9
    p = {(i, k): contrasts.rates(i, n_paper, k, n).p for i, k in itertools.product(range(n_paper + 1), range(n + 1))}
    for rate in np.linspace(0.02, 0.98, 25):
        chance = sum(
            scipy_stats.binom.pmf(i, n_paper, rate) * scipy_stats.binom.pmf(k, n, rate)
            for (i, k), value in p.items()
            if value <= 0.05
        )
        assert chance <= 0.05
    assert p[0, 9] < 0.001
    assert p[2, 3] == 1


def test_the_exact_test_is_made_from_the_published_rate_on_no_further_than_it_has_to(monkeypatch):
    """It takes long: of a hundred counts most would be asked about for nothing."""
    asked = []

    def quick(k_paper, n_paper, k, n):
        asked.append(k)
        return 0.01 if abs(k / n - k_paper / n_paper) > 0.1 else 0.5

    monkeypatch.setattr(contrasts, "_boschloo", quick)
    down, up = contrasts._detectable_rates.__wrapped__(15, 20, 100)
    assert sorted(asked) == [*range(64, 75), *range(76, 87)]
    assert down < 0.64
    assert up > 0.86


def test_detectable_rates_are_found_with_four_chances_of_five():
    contrast = contrasts.rates(15, 20, 14, 20)
    for rate in contrast.detectable:
        chance = sum(
            scipy_stats.binom.pmf(k, 20, rate) for k in range(21) if contrasts.rates(15, 20, k, 20).p < 0.05
        )  # fmt: skip
        assert chance == pytest.approx(0.8, abs=0.002)
    down, up = contrast.detectable
    assert down < 0.7 < up


def test_what_no_test_could_find():
    assert contrasts.rates(10, 10, 10, 10).detectable[1] is None
    assert contrasts.rates(1, 2, 1, 2).detectable == (None, None)


@pytest.mark.parametrize(
    ("draw", "least", "most"),
    [
        (lambda rng, n: rng.lognormal(10, 0.3, n), 0.94, 0.975),
        (lambda rng, n: rng.lognormal(10, 0.7, n), 0.93, 0.975),
        (lambda rng, n: rng.lognormal(10, 1.2, n), 0.93, 0.985),
        (lambda rng, n: rng.geometric(1e-4, n), 0.95, 1.0),
    ],
    ids=["a little skewed", "skewed", "much skewed", "geometric"],
)
def test_intervals_of_ratios_hold_the_truth(draw, least, most):
    """A paper's mean of 10 trials against 10 of ours, half as long: the interval holds a half in 95 % of cases."""
    rng = np.random.default_rng(7)
    held = found = 0
    for _ in range(1500):
        contrast = contrasts.means(draw(rng, 10).mean(), 10, [float(x) / 2 for x in draw(rng, 10)])
        held += contrast.low <= 0.5 <= contrast.high
        same = contrasts.means(draw(rng, 10).mean(), 10, [float(x) for x in draw(rng, 10)])
        found += same.p < 0.05
        assert (same.p < 0.05) == (not same.low <= 1 <= same.high)
    assert least <= held / 1500 <= most
    assert found / 1500 <= 1 - least


def test_a_detectable_ratio_is_found_with_four_chances_of_five():
    rng = np.random.default_rng(3)
    times = [math.exp(x) for x in scipy_stats.norm.ppf((np.arange(20) + 0.5) / 20) * 0.3]
    _, up = contrasts.means(float(np.mean(times)), 20, times).detectable
    p = [
        contrasts.means(rng.lognormal(0, 0.3, 20).mean(), 20, list(up * rng.lognormal(0, 0.3, 20))).p
        for _ in range(1500)
    ]  # fmt: skip
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.8, abs=0.06)


def test_rounding_of_the_published_value_widens_the_interval():
    values = [0.010, 0.012, 0.014]
    exact, rounded = contrasts.means(0.014, 10, values), contrasts.means(0.014, 10, values, 0.0005)
    assert rounded.low == pytest.approx(exact.low * (1 - 0.0005 / 0.014))
    assert rounded.high == pytest.approx(exact.high / (1 - 0.0005 / 0.014))
    assert rounded.p > exact.p
    with pytest.raises(ValueError, match="may be zero"):
        contrasts.means(0.0005, 10, values, 0.0005)


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 6.0], [5.0, 5.0, 5.0]])
def test_no_ratio_where_nothing_is_known_of_the_scatter(values):
    assert contrasts.means(5.0, 10, values) is None


@pytest.mark.parametrize(
    ("draw", "least"),
    [
        (lambda rng, n: rng.poisson(0.1, n), 0.95),
        (lambda rng, n: rng.poisson(5, n), 0.94),
        (lambda rng, n: rng.negative_binomial(4, 0.1, n), 0.93),
    ],
    ids=["rare", "independent", "nets differ"],
)
def test_intervals_of_shares_hold_the_truth(draw, least):
    rng = np.random.default_rng(5)
    held = [
        (lambda c: c.low <= 0 <= c.high)(
            contrasts.shares(round(draw(rng, 10).mean()) / 2560, 10, draw(rng, 10).tolist(), 2560, 0.5 / 2560)
        )
        for _ in range(1500)
    ]
    assert np.mean(held) >= least


def test_shares_differ_where_they_do():
    contrast = contrasts.shares(139 / 2560, 10, [230, 240, 235, 228, 242], 2560, 0.5 / 2560)
    assert contrast.value == pytest.approx(96 / 2560)
    assert contrast.p < 0.001
    assert contrasts.shares(0.0, 10, [0, 0, 0], 2560, 0.5 / 2560).p == 1
    assert contrasts.shares(0.1, 10, [1, 2], 2560) is None


@pytest.mark.parametrize(
    ("number", "half"), [(0.0223, 5e-5), (0.014, 5e-4), (7.8e-05, 5e-7), (139, 0.5), (74_000, 0.5), (1.0, 0.5)]
)
def test_half_a_unit_of_the_last_digit(number, half):
    assert contrasts.half_unit(number) == pytest.approx(half)


def test_holm():
    """The example of Holm 1979 as it is taught: .01, .04, .03, .005 become .03, .06, .06, .02."""
    assert contrasts.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert contrasts.holm([0.9, 0.5]) == [1.0, 1.0]
    assert contrasts.holm([]) == []
