"""A race says which of two contestants succeeds more often, which sooner, and what cannot be told."""

from math import exp, inf

import numpy as np
import pytest
from conftest import small_condition
from invented import invented, stage

from repro.analysis import race
from repro.experiments import config
from repro.experiments.config import ConfigError
from repro.presentation import race_view
from repro.presentation.plots import race as figures

LIMIT = 1000


def side(name: str, ends: list[float], limit: int = LIMIT):
    """A contestant whose trials succeed after so many sequences, if not infinitely many."""
    condition = small_condition(**{"stop.stages": [{"name": "done", "max_wrong": 0}], "stop.max_sequences": limit})
    passed = [[] if end == inf else [stage("done", int(end))] for end in ends]
    return name, condition, [invented(condition, trial, stages) for trial, stages in enumerate(passed)]


def obvious_log_rank(a: list[float], b: list[float], limit: float) -> float:
    """The chi-square of the log-rank test, from its definition: observed less expected successes at each time."""
    from scipy.stats import chi2

    score = spread = 0.0
    for time in sorted({end for end in (*a, *b) if end <= limit}):
        n_a, n_b = sum(end >= time for end in a), sum(end >= time for end in b)
        d_a, d_b = a.count(time), b.count(time)
        n, d = n_a + n_b, d_a + d_b
        score += d_b - d * n_b / n
        if n > 1:
            spread += d * (n_b / n) * (1 - n_b / n) * (n - d) / (n - 1)
    return float(chi2.sf(score**2 / spread, 1))


@pytest.mark.parametrize("seed", range(5))
def test_the_log_rank_test_is_that_of_its_definition(seed):
    draw = np.random.default_rng(seed)
    a, b = (
        [end if end <= LIMIT else inf for end in map(float, draw.geometric(1 / scale, n))]
        for scale, n in ((400, 12), (900, 17))
    )
    result = race.judge(side("a", a), side("b", b))
    assert result.log_rank_p == pytest.approx(obvious_log_rank(a, b, LIMIT), rel=1e-9)
    means = [np.minimum(ends, LIMIT).mean() for ends in (a, b)]
    assert result.mean.value == pytest.approx(means[1] - means[0])
    assert result.mean.low < result.mean.value < result.mean.high
    assert result.rate.value == pytest.approx(np.mean(np.isfinite(b)) - np.mean(np.isfinite(a)))


def test_a_published_example_of_the_log_rank_test():
    """Freireich et al. 1963, remission of leukemia: 6-MP against placebo, as in textbooks: chi-square 16.79."""
    from scipy.stats import chi2

    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    drug = [6, 6, 6, 7, 10, 13, 16, 22, 23] + [inf] * 12  # there censored at different times, here all at the end
    result = race.judge(side("placebo", placebo, 35), side("6-MP", drug, 35))
    assert result.log_rank_p == pytest.approx(obvious_log_rank(placebo, drug, 35), rel=1e-9)
    assert chi2.isf(result.log_rank_p, 1) > 15


def test_where_limits_differ_the_lower_one_is_the_limit_of_both():
    short = side("short", [100, 300, inf], 400)
    long = side("long", [90, 350, 900], 1000)
    result = race.judge(short, long)
    assert result.limit == 400
    assert (result.first.n_solved, result.second.n_solved) == (2, 2)
    assert result.second.times == (90, 350, 400)


def test_the_interval_of_the_mean_holds_the_truth():
    draw, held, n = np.random.default_rng(3), 0, 200
    truth = 300 * (1 - exp(-LIMIT / 300)) - 200 * (1 - exp(-LIMIT / 200))
    for _ in range(n):
        a, b = ([e if e < LIMIT else inf for e in 1 + draw.exponential(scale, 25) // 1] for scale in (200, 300))
        mean = race.judge(side("a", a), side("b", b)).mean
        held += mean.low <= truth <= mean.high
    assert held / n > 0.9


def said(a: list[float], b: list[float]) -> str:
    return " ".join(race.words_of(race.judge(side("hare", a), side("tortoise", b))))


def test_what_can_be_concluded_is_said_in_words():
    hare, tortoise = [float(100 + k) for k in range(20)], [float(500 + k) for k in range(20)]
    text = said(hare, tortoise)
    assert "Which succeeds more often cannot be said: tortoise solves 20 of 20, hare 20 of 20" in text
    assert "hare is done sooner than tortoise: by on average 400 training sequences" in text
    assert "log-rank p <.001" in text
    text = said(hare, tortoise[:3] + [inf] * 17)
    assert text.startswith("hare succeeds more often than tortoise: tortoise solves 3 of 20, hare 20 of 20; -85 points")
    assert "The means over the successes alone are not compared" in text


def test_what_cannot_be_concluded_is_said_too():
    assert "Which is done sooner cannot be said" in said([100, 200, 300], [150, 250, 260])
    assert "so few trials show little" in said([100, inf], [inf, 200])
    text = said([inf] * 5, [inf] * 5)
    assert "Neither succeeds within 1,000 training sequences: of their speed nothing can be said." in text
    crossing = [[10.0 + k for k in range(10)] + [inf] * 10, [200.0 + k for k in range(20)]]
    assert "more often" in said(*crossing)


def test_the_title_names_the_contestants_in_their_order():
    result = race.judge(side("hare", [1, 2, 3]), side("tortoise", [4, 5, 6]))
    assert race_view.render(result, "text").startswith("hare against tortoise\n")
    assert figures.figure(result).get_suptitle() == "hare against tortoise"


def test_contestants_are_rows_with_settings_behind_them():
    rows = config.load()
    one = race.contestant("6a/lstm learning_rate=0.1 reading=plain-error seed=3", rows)
    assert one.condition() == rows["6a/lstm"].condition("plain-error", {"learning_rate": 0.1}, 3)
    plain, elman = race.contestant("6a/lstm", rows), race.contestant("6a/elman", rows)
    assert race.names(one, plain) == (
        "reading=plain-error, learning_rate=0.1, seed=3",
        "reading=printed, learning_rate=0.5, seed=0",
        "6a/lstm",
    )
    assert race.names(plain, elman) == ("6a/lstm", "6a/elman", "")
    other = race.contestant("6a/lstm learning_rate=0.1 size=1 seed=3", rows)
    assert race.names(one, other) == (
        "reading=plain-error, size=2",
        "reading=printed, size=1",
        "6a/lstm, learning_rate=0.1, seed=3",
    )
    for wrong, problem in {
        "6a/lstm learning_rate": "a contestant is ROW KEY=VALUE",
        "6a": "means .* rows, and one is wanted",
        "6a/lstm seed=x": "a seed is a whole number",
        "7/lstm": "no row is called",
    }.items():
        with pytest.raises(ConfigError, match=problem):
            race.contestant(wrong, rows)
    with pytest.raises(ValueError, match="a race needs trials"):
        race.judge(side("a", []), side("b", [1]))
