"""Shards: the parts of a plan never overlap, leave nothing out, fit together, and are the same everywhere."""

import json
import signal
import subprocess
import sys
from collections import Counter

import pytest
from click.testing import CliRunner
from conftest import result, small_condition

from repro.commands.main import main
from repro.experiments import config, wanted
from repro.experiments.wanted import Item
from repro.records import planning
from repro.records.planning import Shard
from repro.records.store import Store

KEYS = [f"{n:016x}" for n in range(40)]
TRIALS = [(key, trial) for key in KEYS for trial in range(30)]


def had(number, of):
    return {one for one in TRIALS if Shard(number, of).has(*one)}


@pytest.mark.parametrize("of", [1, 2, 3, 7, 64])
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


def run(folder, *more):
    return CliRunner().invoke(main, ["run", *more, "--results", str(folder)])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0/3", "the parts are 1/3 to 3/3"),
        ("4/3", "the parts are 1/3 to 3/3"),
        ("1/0", "there can be 1 to 1,000,000"),
        ("1/1000001", "there can be 1 to 1,000,000"),
        *((text, "2/7 is the second of seven") for text in ("a/b", "1/2/3", "3", "", "-1/3", "1/3.0", "x" * 500)),
    ],
    ids=lambda text: text[:9],
)  # fmt: skip
def test_what_is_no_shard_is_told(tmp_path, given, said):
    done = run(tmp_path, "6a/lstm", "--shard", given, "--dry-run")
    assert done.exit_code == 2
    assert said in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 180


def test_a_dry_run_is_of_the_shard_alone(tmp_path):
    parts = [
        json.loads(run(tmp_path, "4/*", "--shard", f"{k}/3", "--dry-run", "--format", "json").stdout) for k in (1, 2, 3)
    ]
    whole = json.loads(run(tmp_path, "4/*", "--dry-run", "--format", "json").stdout)
    assert sum(part["to_run"] for part in parts) == whole["to_run"]
    assert [part["shard"] for part in parts] == ["1/3", "2/3", "3/3"]
    assert whole["shard"] is None
    for part in parts:
        assert part["rows"], "each has something"
        assert all(row["trials"] == row["to_run"] > 0 for row in part["rows"]), "rows without any are left out"
    text = " ".join(run(tmp_path, "6a/lstm", "--shard", "2/7", "--dry-run").stdout.split())
    assert "Shard 2/7: 8 trials to run" in text


def test_stored_trials_that_do_not_count_are_told_of_the_shard_alone(tmp_path):
    condition = small_condition()
    stale = {condition.key: tuple(range(16))}
    plan = planning.Plan(
        (Item(config.load()[condition.row], condition, 16, {}),), {condition.key: ()}, stale, {}, stale
    )
    assert (plan.n_stale, plan.n_trials(plan.items[0])) == (16, 16)
    part = plan.part(Shard(1, 2))
    assert part.n_stale == part.n_missing == part.n_trials(part.items[0]) == 8


SWEEP = [
    "6a/lstm", "--grid", "learning_rate=0.1,0.2,0.3,0.4", "--trials", "24", "--max-sequences", "300",
    "--set", "stop.window=50", "--set", "task.length=[100,104]", "--engine", "inline", "--lanes", "8",
]  # fmt: skip
DYING = (  # after some records
    "import os, signal\nfrom repro.records.store import Store\nfrom repro.__main__ import main\n"
    "append, left = Store.append, [5]\n"
    "def dying(store, record):\n"
    "    append(store, record)\n    left[0] -= 1\n    left[0] or os.kill(os.getpid(), signal.SIGKILL)\n"
    "Store.append = dying\nmain()\n"
)


def trials(folder):
    return {(one.key, one.trial): result(one) for one in Store(folder).read("6a")}


def test_seven_shards_two_of_them_killed_and_run_again_come_to_one_run(tmp_path):
    folders = {k: tmp_path / f"shard-{k}" for k in range(1, 8)}
    dry = [run(tmp_path, *SWEEP, "--shard", f"{k}/7", "--dry-run", "--format", "json") for k in folders]
    sizes = {k: json.loads(done.stdout)["to_run"] for k, done in zip(folders, dry, strict=True)}
    assert sum(sizes.values()) == 96
    killed = sorted(sizes, key=sizes.get)[-2:]
    for k in killed:
        command = [sys.executable, "-c", DYING, "run", *SWEEP, "--shard", f"{k}/7", "--results", str(folders[k])]
        assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL
        assert len(trials(folders[k])) == 5 < sizes[k]
    for k, folder in folders.items():
        done = run(folder, *SWEEP, "--shard", f"{k}/7")
        assert done.exit_code == 0
        assert f"Shard {k}/7: {sizes[k]} trials done" in done.stderr
    parts = [trials(folder) for folder in folders.values()]
    assert sum(map(len, parts)) == 96, "no trial was run by two"
    into = tmp_path / "merged"
    assert CliRunner().invoke(main, ["merge", *map(str, folders.values()), "--into", str(into)]).exit_code == 0
    assert run(tmp_path / "one", *SWEEP).exit_code == 0
    assert trials(into) == trials(tmp_path / "one")
    assert "96 trials done (nothing was missing)" in run(into, *SWEEP).stderr
