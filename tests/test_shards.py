"""Shards: the parts of a plan never overlap, leave nothing out, fit together, and are the same everywhere."""

from collections import Counter

import pytest

from repro.experiments import config, wanted
from repro.records import planning
from repro.records.planning import Shard
from repro.records.store import Store

KEYS = [f"{n:016x}" for n in range(40)]
TRIALS = [(key, trial) for key in KEYS for trial in range(30)]


def had(number, of):
    return {one for one in TRIALS if Shard(number, of).has(*one)}


@pytest.mark.parametrize("of", [1, 2, 3, 7, 64, 1000])
def test_each_trial_is_in_one_shard(of):
    counted = Counter(one for number in range(1, of + 1) for one in had(number, of))
    assert set(counted) == set(TRIALS)
    assert set(counted.values()) == {1}


@pytest.mark.parametrize(("many", "of"), [(2, 1), (3, 2), (4, 7)])
def test_shards_of_different_numbers_fit_together(many, of):
    for number in range(1, of + 1):
        parts = [had(many * (number - 1) + k, many * of) for k in range(1, many + 1)]
        assert set().union(*parts) == had(number, of)


def test_the_rule_is_the_same_on_every_machine_and_for_ever():
    """It must not change: shards that have run would no longer fit those to come."""
    assert [next(n for n in range(1, 8) if Shard(n, 7).has("0123456789abcdef", t)) for t in (7, 8, 16, 24)] == [
        5,
        2,
        7,
        4,
    ]


def test_trials_that_can_run_side_by_side_stay_together():
    for key in KEYS:
        for first in range(0, 24, 8):
            assert len({Shard(1, 2).has(key, trial) for trial in range(first, first + 8)}) == 1


@pytest.mark.parametrize("of", [2, 3, 7])
def test_shards_are_about_as_large_as_each_other(of):
    n_blocks = len(KEYS) * 4
    for number in range(1, of + 1):
        blocks = {(key, trial // 8) for key, trial in had(number, of)}
        assert 0.6 < len(blocks) / (n_blocks / of) < 1.4


def test_a_part_of_a_plan_is_of_what_is_missing(tmp_path):
    rows = config.load()
    whole = planning.plan(wanted.items([(row, None) for row in rows.values()]), Store(tmp_path))
    parts = [whole.part(Shard(number, 3)) for number in (1, 2, 3)]
    assert sum(part.n_missing for part in parts) == whole.n_missing > 500
    for key, trials in whole.missing.items():
        assert sorted(n for part in parts for n in part.missing[key]) == list(trials)
    assert all(part.done == whole.done and part.items == whole.items for part in parts)
