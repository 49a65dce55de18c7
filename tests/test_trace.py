"""A trace is the mean error of runs of training sequences, and nothing but a trace: the trial stays what it was.

Compiled, a whole trial of one learner, as every kernel takes seconds to compile; in plain Python the others, with fewer
buckets, so that few sequences fill them.
"""

import json
from collections import namedtuple
from functools import lru_cache
from importlib import import_module
from math import fsum, inf, nan

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import made_condition, result
from sequences import without_jit

from repro.commands.main import main
from repro.experiments import config, wanted
from repro.kernels import trace
from repro.kernels.contract import Learner
from repro.kernels.jit import entry, kernel
from repro.records import jsonl, planning
from repro.records.store import Store
from repro.records.trial import Record
from repro.running import campaign, crew, engine

FEW = 8  # buckets of the trials in plain Python
STOP = {
    "window": 4,
    "tolerance": 0.3,
    "max_sequences": 39,  # buckets are merged three times, and the last one is not full
    "test_sequences": 2,
    "stages": [{"name": "at once", "max_wrong": 4}, {"name": "never", "mean_error": 1e-9, "test_sequences": 0}],
}
NET = {"name": "lstm", "blocks": 1, "size": 2, "biased": "all", "init": 0.1, "learning_rate": 0.5}
REBER = {"name": "reber", "training_strings": 4, "test_strings": 2, "pairs": 2, "order": "cycle"}
GROWING = {"name": "cascade", "epoch": 4, "candidates": 2, "max_units": 2, "output_epochs": 2, "candidate_epochs": 3}
CHUNKER = {"name": "chunker", "hidden": 1, "failure": 0.3, "init": 0.5, "learning_rate": 0.5}
CONDITIONS = {
    "lstm": made_condition({"name": "adding", "operation": "sum", "length": 20}, NET, STOP),
    "cascade": made_condition(REBER, GROWING, STOP),
    "chunker": made_condition({"name": "long_lag", "kind": "fixed", "p": 5}, CHUNKER, STOP),
}
CHANGES = {"task.length": 20, "stop.window": 4, "stop.test_sequences": 2}  # of the row that is compiled


def obvious(errors, most=128):
    """Points of a trace from the error of every training sequence."""
    width = 1
    while len(errors) > most * width:
        width *= 2
    buckets = [errors[first : first + width] for first in range(0, len(errors), width)]
    return [(min((k + 1) * width, len(errors)), fsum(bucket) / len(bucket)) for k, bucket in enumerate(buckets)]


def close(points, expected):
    """Are they the same, but for the rounding to six digits?"""
    assert [n for n, _ in points] == [n for n, _ in expected]
    assert [error for _, error in points] == pytest.approx([error for _, error in expected], rel=1e-5)


# ------------------------------------------------------------------------------------------------ buckets alone

Net = namedtuple("Net", "told")


@lru_cache(maxsize=None)
def tell():
    """A compiled function that ends sequences of these errors in a lane of a learner without a net."""

    @kernel
    def settle(net, lane, mean_error):
        net.told[lane] += 1

    traced = trace.build(Learner(None, None, None, None, settle, None, None)).settle

    def told(net, lane, errors):
        for error in errors:
            traced(net, lane, error)

    return entry(told)


def traced_net(width=3):
    return trace.allocate(Net(np.zeros(width, np.int64)), width)


@pytest.mark.parametrize("n", [0, 1, 2, 127, 128, 129, 255, 256, 257, 700, 5000])
def test_buckets_are_those_of_the_twin_in_one_lane_alone(n):
    errors = np.random.default_rng(n).uniform(0, 1, n)
    net = traced_net()
    tell()(net, 1, errors)
    points = trace.read(net, 1)
    close(points, obvious(errors))
    assert len(points) <= 128
    assert n < 128 or len(points) > 64
    assert net.told.tolist() == [0, n, 0], "the learner was not told"
    assert trace.read(net, 0) == trace.read(net, 2) == []


@pytest.mark.parametrize("bad", [nan, inf])
def test_errors_that_are_no_numbers_are_told_as_none(bad):
    net = traced_net()
    tell()(net, 0, np.array([0.5] * 130 + [bad]))
    *before, last = trace.read(net, 0)
    assert last == (131, None)
    assert {error for _, error in before} == {0.5}


def test_errors_have_six_digits():
    net = traced_net()
    tell()(net, 0, np.array([1 / 3, 2e-9 / 3]))
    assert trace.read(net, 0) == [(1, 0.333333), (2, 6.66667e-10)]


# -------------------------------------------------------------------------------------------------------- whole trials


def ended(condition, trials, width, traced=True):
    return {e.trial: e for e in crew.run(condition, trials, width, traced) if isinstance(e, Record)}


def errors_of(condition, trial, width):
    """The error of every training sequence, as the stop rule books it: looked up after each time step."""
    team = crew.Crew(condition, width, traced=True)
    team.enlist(0, trial)
    errors = []
    while not team.ended():
        team.advance(1)
        if team.book.sequences[0] > len(errors):
            errors.append(float(team.book.recent_error[0, len(errors) % 4]))
    assert len(errors) == team.book.sequences[0]
    return errors


def without_trace(record):
    return result(record) | {"trace": None}


@pytest.fixture
def plain(monkeypatch):
    without_jit(monkeypatch)
    monkeypatch.setattr(crew, "_entries", {})  # where compiled loops of the same names may be
    monkeypatch.setattr(trace, "BUCKETS", FEW)


@pytest.mark.parametrize(("name", "widths"), [("lstm", (1, 4, 8)), ("cascade", (2,)), ("chunker", (2,))])
def test_the_trace_is_right_and_the_trial_what_it_was(plain, name, widths):
    """Fewer lanes than trials, too: lanes are refilled."""
    condition = CONDITIONS[name]
    before = ended(condition, range(3), 4, traced=False)
    expected = [obvious(errors_of(condition, trial, 1), FEW) for trial in range(3)]
    assert [points[-1][0] for points in expected] == [39] * 3
    assert expected[0][0][0] == 8
    for width in widths:
        found = ended(condition, [2, 1, 0], width)
        for trial in range(3):
            assert without_trace(found[trial]) == result(before[trial])
            close(found[trial].trace, expected[trial])
    if name == "cascade":
        assert min(record.facts["units"] for record in before.values()) > 0


def test_a_crew_that_is_narrowed_takes_its_traces_along(plain):
    team = crew.Crew(CONDITIONS["lstm"], 8, traced=True)
    for trial in range(2):
        team.enlist(2 * trial + 3, trial)
    team.advance(400)
    assert team.book.sequences.max() > FEW
    team = team.narrowed(4)
    found = {}
    while any(trial is not None for trial in team.trials):
        team.advance(50)
        found |= {team.trials[lane]: team.dismiss(lane) for lane in team.ended()}
    for trial in range(2):
        close(found[trial].trace, obvious(errors_of(CONDITIONS["lstm"], trial, 1), FEW))


def test_a_net_that_diverges_has_a_trace_that_is_valid_json(plain):
    net = {**NET, "output": "linear", "h": "identity", "learning_rate": 1000.0}
    condition = made_condition({"name": "adding", "operation": "sum", "length": 20}, net, STOP)
    with np.errstate(all="ignore"):
        (record,) = ended(condition, [0], 1).values()
    assert record.outcome == "diverged"
    assert record.trace[-1] == (record.sequences, None)
    text = jsonl.written(record)[""]
    assert jsonl.reader(record.condition, {record.machine.key: record.machine})(text) == record
    assert json.loads(text)["trace"][-1] == [record.sequences, None]


def compiled_condition(n=300):
    return config.load()["4/lstm/T=100"].condition(overrides={**CHANGES, "stop.max_sequences": n})


def test_compiled_trials_have_the_same_trace_and_stay_what_they_were():
    condition = compiled_condition()
    before = ended(condition, range(5), 8, traced=False)  # by a kernel that other tests compile, too
    found = ended(condition, range(5), 4)
    for trial, record in found.items():
        assert without_trace(record) == result(before[trial])
    assert max(len(record.trace) for record in found.values()) > 65
    for trial in (0, 4):
        close(found[trial].trace, obvious(errors_of(condition, trial, 4)))


@pytest.mark.parametrize("name", ["cascade", "chunker"])
def test_nets_with_more_in_them_can_be_compiled_with_a_trace(name):
    condition = CONDITIONS[name]
    module, task = (import_module(f"repro.{kind}s.{condition.settings[kind]['name']}") for kind in ("learner", "task"))
    settings = module.Settings.model_validate(condition.settings["learner"])
    face = task.interface(task.Settings.model_validate(condition.settings["task"]))
    traced = trace.build(module.build(settings, face, 2)).settle

    def end(net, lane, mean_error):
        traced(net, lane, mean_error)

    net = trace.allocate(module.allocate(settings, face, 2), 2)
    compiled = entry(end)
    for error in (0.5, 0.25):
        compiled(net, 1, error)
    assert trace.read(net, 1) == [(1, 0.5), (2, 0.25)]
    assert trace.read(net, 0) == []


def lost_once(job):
    if job.attempt == 1:
        raise ZeroDivisionError
    assert job.trace
    return iter([engine.Ended(job, engine.crashed(job.condition, trial, "second")) for trial in job.trials])


def test_a_job_that_is_run_again_is_still_to_be_traced():
    events = list(engine.local([engine.Job(CONDITIONS["lstm"], (2,), 1, trace=True)], 1, lost_once))
    assert [event.record.error for event in events if isinstance(event, engine.Ended)] == ["second"]


# -------------------------------------------------------------------------------------------------------------- records


def test_only_trials_without_trace_are_run_for_one(tmp_path):
    store, changes = Store(tmp_path), {**CHANGES, "stop.max_sequences": 3}

    def missing(traced):
        items = wanted.items([(config.load()["4/lstm/T=100"], None)], trials=4, overrides=changes)
        plan = planning.plan(items, store, traced)
        assert all(job.trace == traced for job in campaign.jobs(plan, 2))
        return plan.missing[items[0].condition.key]

    assert missing(False) == missing(True) == (0, 1, 2, 3)
    for trials, traced in (([0, 1], False), ([1, 2], True)):
        for record in ended(compiled_condition(3), trials, 4, traced).values():
            store.append(record)
    assert missing(False) == (3,)
    assert missing(True) == (0, 3)


def run(folder, *more):
    changes = {**CHANGES, "stop.max_sequences": 5}
    command = ["run", "4/lstm/T=100", "--trials", "2", "--engine", "inline", "--lanes", "4", "--results", str(folder)]
    settings = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    done = CliRunner().invoke(main, [*command, *settings, *more])
    assert done.exit_code == 0, done.output
    written = (folder / "4.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in written if line.startswith('{"cell"')], done.output


def test_run_with_trace_runs_what_has_none_and_nothing_the_second_time(tmp_path):
    plain, _ = run(tmp_path)
    before = {record.trial: record for record in Store(tmp_path).read("4")}
    assert all('"trace"' not in line for line in plain)
    both, said = run(tmp_path, "--trace")
    assert both[:2] == plain
    assert len(both) == 4
    assert "2 run now" in said
    first, second = sorted((json.loads(line) for line in both[2:]), key=lambda record: record["trial"])
    assert [n for n, _ in first["trace"]] == [1, 2, 3, 4, 5]
    assert first["trace"] != second["trace"]
    for more in ([], ["--trace"]):
        again, said = run(tmp_path, *more)
        assert again == both
        assert "nothing was missing" in said
    kept = {record.trial: record for record in Store(tmp_path).read("4")}
    assert all(record.trace for record in kept.values())
    for trial, record in before.items():
        assert without_trace(kept[trial]) == result(record)
