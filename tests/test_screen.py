"""Sequential halving: who drops out, who goes on, and when it ends."""

from math import inf

import pytest
from invented import invented, stage

from repro.analysis import screen
from repro.analysis.screen import Rule, Standing
from repro.experiments import config, sweep, wanted
from repro.experiments.setups import ConfigError
from repro.presentation import screen_view
from repro.records.store import Store

ROW = config.load()["6a/lstm"]


def standings(n: int) -> list[Standing]:
    points = sweep.grid([f"learning_rate={','.join(str((k + 1) / 100) for k in range(n))}"])
    return [Standing(item, item) for item in wanted.items([(ROW, None)], variants=points, seed=1)]


def play(ends: list[list[float]], rule: Rule) -> list[list[Standing]]:
    """The standings after each round, where the trials of variants end as told."""
    table, rounds = standings(len(ends)), []
    fate = {one.item.condition.key: mine for one, mine in zip(table, ends, strict=True)}
    while not screen.over(table, rule, len(rounds)):
        n = rule.trials(len(rounds) + 1)
        records = {}
        for one in table:
            if not one.out:
                condition, mine = one.item.condition, fate[one.item.condition.key][:n]
                assert len(mine) == n
                records[condition.key] = [
                    invented(condition, t, [] if end == inf else [stage("ST3(.1)", int(end))])
                    for t, end in enumerate(mine)
                ]
        table = screen.after(table, records, rule, len(rounds) + 1)
        rounds.append(table)
    return rounds


def rates(table: list[Standing]) -> list[float]:
    return [one.item.condition.settings["learner"]["learning_rate"] for one in table]


def test_the_worse_half_drops_out_and_the_others_get_twice_the_trials():
    ends = [[float(1000 * (k + 1))] * 16 for k in range(8)]
    rounds = play(ends, Rule(first=2, most=16, keep=1))
    assert [len([one for one in table if not one.out]) for table in rounds] == [4, 2, 1]
    assert [max(len(one.records) for one in table) for table in rounds] == [2, 4, 8]
    best, second, *rest = screen.ranked(rounds[-1])
    assert (rates([best, second]), len(best.records), len(second.records)) == ([0.01, 0.02], 8, 8)
    assert [one.n_rounds for one in rest] == [2, 2, 1, 1, 1, 1]
    assert best.ratio == 1000 / 31_390
    assert rates(screen.ranked(rounds[-1])) == [round(0.01 * (k + 1), 2) for k in range(8)]


def test_failures_count_as_the_limit_and_the_hopeless_drop_out_whatever_is_kept():
    limit = standings(1)[0].limit
    ends = [[5000.0, inf], [9000.0, 9000.0], [inf, inf], [inf, inf]]
    (first, *_) = play([mine * 4 for mine in ends], Rule(first=2, most=8, keep=1))
    assert [one.restricted_mean for one in first] == [(5000 + limit) / 2, 9000, limit, limit]
    assert [one.out for one in first] == [False, False, True, True]
    assert [one.mean for one in first] == [5000, 9000, None, None]


def test_a_draw_drops_nobody():
    (first, *_) = play([[7000.0] * 8] * 3 + [[9000.0] * 8] * 2, Rule(first=2, most=4, keep=1))
    assert [one.out for one in first] == [False, False, False, True, True]
    (first, *_) = play([[7000.0] * 8] * 4, Rule(first=2, most=4, keep=1))
    assert not any(one.out for one in first)


def test_it_ends_where_nobody_solves_anything_or_few_are_left_or_all_trials_are_run():
    assert len(play([[inf] * 8] * 5, Rule(first=2, most=8, keep=1))) == 1
    assert len(play([[5000.0] * 8] * 2, Rule(first=2, most=8, keep=2))) == 1
    assert len(play([[5000.0] * 8] * 5, Rule(first=2, most=8, keep=1))) == 3
    assert len(play([[5000.0] * 3], Rule(first=3, most=3, keep=1))) == 1


def test_the_rule_is_said_with_how_many_are_tried():
    words = Rule(3, 18, 2).words(40, 5000)
    assert words.startswith("40 variants, sequential halving: 3 trials each")
    assert "until 2 are left or each has 18 trials" in words


def test_survivors_are_run_to_the_rows_limit_or_that_of_their_variant():
    limited, faster, same = (
        sweep.Variant(changes=changes) for changes in ({"stop.max_sequences": 123}, {"learning_rate": 0.1}, {})
    )
    table = screen.begin(ROW, [faster, same, same], None, ({"stop.max_sequences": 400}, 1), ({}, 0))
    limit = ROW.setup().stop.max_sequences
    assert [(one.limit, one.again.condition.settings["stop"]["max_sequences"]) for one in table] == [(400, limit)] * 2
    assert {(one.item.condition.seed, one.again.condition.seed) for one in table} == {(1, 0)}
    assert [one.again.condition.settings["learner"]["learning_rate"] for one in table] == [0.1, 0.5]
    (one,) = screen.begin(ROW, [limited], None, ({}, 1), ({}, 0))
    assert (one.limit, one.again.condition.settings["stop"]["max_sequences"]) == (123, 123)
    with pytest.raises(ConfigError, match=r"stop.max_sequences is set for all variants, and by the"):
        screen.begin(ROW, [limited], None, ({"stop.max_sequences": 400}, 1), ({}, 0))


@pytest.mark.parametrize(("name", "compared"), [("6a/lstm", True), ("6a/rtrl", False)])
def test_what_the_paper_prints_stands_there_only_where_it_prints_something(tmp_path, name, compared):
    row, point = config.load()[name], sweep.grid(["learning_rate=0.1"])
    table = screen.begin(row, point, None, ({}, 1), ({}, 0))
    shown = screen_view.render([(row, Rule(1, 1, 1), table)], [], Store(tmp_path), "text")
    assert ("ours/paper" in shown) == compared
