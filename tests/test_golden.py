"""Short trials of every learner on every task that it takes come out as they always did: see `golden`."""

from importlib import import_module
from itertools import product

import golden
import pytest
from lessons import without_jit

from repro import registry
from repro.experiments import setups
from repro.experiments.stop import Stop

LEARNERS, TASKS = registry.names("learners"), registry.names("tasks")
GROUPS = [golden.condition_of(case).settings for case in golden.CASES.values()]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return without_jit("golden", tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("name", [golden.SMALL_ROW, *golden.CASES])
def test_every_trial_comes_out_as_it_always_did(results, name):
    assert results[name] == golden.written()[name]


def test_nothing_else_is_written_down():
    assert list(golden.written()) == [golden.SMALL_ROW, *golden.CASES]


def takes(learner, task, stop):
    """Whether a learner takes a task and a stop rule, all as settings."""
    net = import_module(f"repro.learners.{learner['name']}").Settings(**learner)
    sequences = import_module(f"repro.tasks.{task['name']}").Settings(**task)
    rule = Stop(**stop)
    return not (setups.learner_refuses(net, sequences) or setups.learner_disagrees(net, sequences, rule))


def test_every_learner_is_there_with_every_task_that_it_takes():
    """With any settings and any stop rule of the table."""
    there = {(groups["learner"]["name"], groups["task"]["name"]) for groups in GROUPS}
    assert {learner for learner, _ in there} == set(LEARNERS)
    assert {task for _, task in there} == set(TASKS)
    missing = {
        (one["learner"]["name"], other["task"]["name"])
        for one, other in product(GROUPS, GROUPS)
        for stop in (one["stop"], other["stop"])
        if takes(one["learner"], other["task"], stop)
    } - there
    assert not missing


def test_the_trials_show_all_that_can_happen():
    trials = [trial for some in golden.written().values() for trial in some]
    assert len({trial["weights digest"] for trial in trials}) == len(trials)
    assert {trial["outcome"] for trial in trials} == {"solved", "limit"}
    for learner in LEARNERS:
        own = [trial for name in golden.CASES if name.startswith(f"{learner}, ") for trial in golden.written()[name]]
        assert any(name.startswith("stage ") for trial in own for name in trial), learner
    facts = {name: {trial[name] for trial in trials if name in trial} for name in ("units", "guesses")}
    assert max(facts["units"]) > 1
    assert max(facts["guesses"]) > 1
    grown = [trial for trial in trials if 0 < trial.get("cell_added_after", 0) < trial["sequences"]]
    assert len(grown) > 1
