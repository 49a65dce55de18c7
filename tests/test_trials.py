"""A trial is the same bits however it is run: lanes, workers, order, interruptions, processor, with or without JIT."""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from conftest import made_condition, result, small_condition

from repro.experiments.condition import Condition
from repro.kernels.stop_rule import TRAINING
from repro.records import jsonl, source
from repro.records.trial import Record
from repro.running import crew, engine

TRIALS = range(6)
Records = dict[int, dict[str, Any]]


def ended(events: Any) -> Records:
    return {event.trial: result(event) for event in events if isinstance(event, Record)}


def records(condition: Condition, trials: Any = TRIALS, width: int | None = None) -> Records:
    return ended(crew.run(condition, trials, width))


# -------------------------------------------------------------------------------- one condition, in all circumstances


@pytest.fixture(scope="module")
def expected() -> Records:
    return records(small_condition(), width=8)


def test_the_small_trials_show_all_that_can_happen(expected):
    assert {r["outcome"] for r in expected.values()} == {"solved", "limit"}
    assert {len(r["stages"]) for r in expected.values()} >= {1, 2}
    assert len({r["weights_digest"] for r in expected.values()}) == len(expected)


@pytest.mark.parametrize("width", [1, 2])
def test_lanes_do_not_matter(expected, width):
    assert records(small_condition(), width=width) == expected


def test_order_and_refills_do_not_matter(expected):
    assert records(small_condition(), trials=[5, 0, 3, 1, 4, 2], width=1) == expected


def dismissed(team: crew.Crew, ticks: int) -> Records:
    """Go on until all trials of a crew have ended."""
    found = {}
    while any(trial is not None for trial in team.trials):
        team.advance(ticks)
        for lane in range(team.width):
            if team.trials[lane] is not None and team.book.mode[lane] in crew._OUTCOMES:
                record = team.dismiss(lane)
                found[record.trial] = result(record)
    return found


@pytest.mark.parametrize("ticks", [1, 7, 64])
def test_where_the_loop_returns_does_not_matter(expected, ticks):
    team = crew.Crew(small_condition(), 8)
    for lane in TRIALS:
        team.enlist(lane, lane)
    assert dismissed(team, ticks) == expected


@pytest.mark.parametrize("ticks", [1, 150, 333])
def test_moving_to_a_narrower_crew_does_not_matter(expected, ticks):
    team = crew.Crew(small_condition(), 8)
    for trial in range(2):
        team.enlist(trial + 3, trial)
    team.advance(ticks)
    team = team.narrowed(2)
    assert dismissed(team, 50) == {trial: expected[trial] for trial in range(2)}


def test_a_crew_that_idles_moves_on_by_itself(monkeypatch, expected):
    monkeypatch.setattr(crew, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(crew, "_SLICE_S", 1e-4)
    widths = []
    narrowed = crew.Crew.narrowed
    monkeypatch.setattr(crew.Crew, "narrowed", lambda self, width: widths.append(width) or narrowed(self, width))
    assert records(small_condition(), width=8) == expected
    assert widths


def test_workers_do_not_matter(expected):
    condition = small_condition()
    for n in (1, 2):
        jobs = [engine.Job(condition, tuple(TRIALS)[k::n], 8) for k in range(n)]
        found = {e.record.trial: result(e.record) for e in engine.local(jobs, n) if isinstance(e, engine.Ended)}
        assert found == expected


def test_interrupted_and_resumed(expected):
    """What was running when a run was stopped is run again from its start."""
    condition = small_condition()
    events = (e for e in crew.run(condition, TRIALS, 8) if isinstance(e, Record))
    first = ended(islice(events, 2))
    events.close()
    assert first | records(condition, [t for t in TRIALS if t not in first], width=8) == expected


def test_a_larger_limit_repeats_the_shorter_trial():
    short = records(small_condition(**{"stop.max_sequences": 6}), width=8)
    long = records(small_condition(**{"stop.max_sequences": 30}), width=8)
    solved = [t for t in TRIALS if short[t]["outcome"] == "solved"]
    assert any(short[t]["outcome"] == "limit" for t in TRIALS)
    for trial in solved:
        assert short[trial]["weights_digest"] == long[trial]["weights_digest"]
    for trial in TRIALS:
        assert long[trial]["stages"][: len(short[trial]["stages"])] == short[trial]["stages"]


# --------------------------------------------------------------------- tasks, learners and readings of every kind

CASES = {
    name: golden.CASES[name]
    for name in (
        "lstm, adding",
        "lstm, multiplication, linear",
        "lstm, temporal order",
        "lstm, reber",
        "lstm, reber, updates wait",
        "lstm, reber, full gradient",
        "layered_lstm, long lag, fixed",
        "layered_lstm, long lag, random",
        "lstm, long lag, trigger",
        "lstm, long lag, trigger, full gradient",
        "lstm, two sequences",
        "lstm, two sequences, noisy targets",
        "guessing, two sequences, A1",
    )
}


def in_a_process(script: str, *arguments: Any, **environment: str) -> Any:
    """What a script prints, as JSON. It finds its arguments in ``arguments``."""
    imports = "import json, sys\nfrom conftest import made_condition, result, small_condition\n"
    imports += "from repro.running import crew\n"
    start = "from repro.records.trial import Record\narguments = json.loads(sys.argv[1])\n"
    ended = "def ended(events):\n    return [result(event) for event in events if isinstance(event, Record)]\n"
    path = os.pathsep.join(map(str, (Path(__file__).parent, source.PACKAGE.parent)))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", imports + start + ended + script, json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def as_json(found: Records) -> list[dict[str, Any]]:
    return json.loads(json.dumps([found[trial] for trial in sorted(found)]))


PLAIN_TRIALS = range(4)

# Trials 0 to 2 run side by side, move to a narrower crew, and to another one; trial 3 comes when a lane is free.
PLAIN = """
def moved(condition):
    team, found = crew.Crew(condition, 8), []
    for lane, trial in ((6, 0), (3, 1), (4, 2)):
        team.enlist(lane, trial)
    for ticks in (61, 90):
        team.advance(ticks)
        for lane in range(team.width):
            if team.book.mode[lane] in crew._OUTCOMES:
                found.append(result(team.dismiss(lane)))
        team = team.narrowed(4)
    waiting = [3]
    while waiting or any(trial is not None for trial in team.trials):
        for lane in range(4):
            if team.trials[lane] is None and waiting:
                team.enlist(lane, waiting.pop())
        team.advance(50)
        for lane in range(4):
            if team.book.mode[lane] in crew._OUTCOMES:
                found.append(result(team.dismiss(lane)))
    return sorted(found, key=lambda record: record["trial"])
print(json.dumps({name: moved(made_condition(*groups)) for name, groups in arguments[0].items()}))
"""


@pytest.fixture(scope="module")
def plain() -> dict[str, list[dict[str, Any]]]:
    """Records of all cases, run without the JIT."""
    return in_a_process(PLAIN, CASES, NUMBA_DISABLE_JIT="1")


def test_the_cases_show_all_that_can_happen(plain):
    trials = [record for found in plain.values() for record in found]
    assert len(trials) == len(PLAIN_TRIALS) * len(CASES)
    assert len({record["weights_digest"] for record in trials}) == len(trials)
    for number in (0, 1, 2):
        assert sum(len(record["stages"]) == number for record in trials) >= 4
    assert all(any(record["stages"] for record in found) for found in plain.values())
    growing = plain["layered_lstm, long lag, fixed"]
    assert any(0 < record["facts"]["cell_added_after"] < record["sequences"] for record in growing)


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("lstm, multiplication, linear", 4),
        ("lstm, reber", 8),
        ("lstm, long lag, trigger", 32),
    ],
)
def test_compiled_and_plain_trials_agree_bit_for_bit(plain, name, width):
    """The compiled ones in another number of lanes, of which all are in use, and in another order.

    A kernel takes long to compile: here are the ways of the loop. Every learner and task on its own is compared so by
    `repro check`, and some more kernels below.
    """
    trials = list(reversed(range(max(width, len(PLAIN_TRIALS)) + 1)))
    found = records(golden.condition_of(CASES[name]), trials, width)
    assert as_json({trial: found[trial] for trial in PLAIN_TRIALS}) == plain[name]


COMPILED = """
found = {name: ended(crew.run(made_condition(*groups), range(4), 4)) for name, groups in arguments[0].items()}
print(json.dumps({name: sorted(some, key=lambda record: record["trial"]) for name, some in found.items()}))
"""


def test_the_processor_and_its_compiler_do_not_matter(tmp_path, plain):
    """No feature of the processor that not all have, and optimised less."""
    name = "lstm, two sequences, noisy targets"
    environment = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_OPT": "1"}
    found = in_a_process(COMPILED, {name: CASES[name]}, REPRO_CACHE=str(tmp_path), **environment)
    assert found == {name: plain[name]}


@pytest.mark.parametrize("ticks", [1, 7])
def test_where_the_loop_returns_does_not_matter_in_exams(plain, ticks):
    team = crew.Crew(golden.condition_of(CASES["lstm, reber"]), 8)
    for trial in PLAIN_TRIALS:
        team.enlist(7 - trial, trial)
    assert as_json(dismissed(team, ticks)) == plain["lstm, reber"]


# ----------------------------------------------------------------------------------------------- kernels on disk


MIXED = """
def in_order(events):
    return sorted(ended(events), key=lambda record: record["trial"])
n_trials, width, cases = arguments
found = {name: in_order(crew.run(made_condition(*groups), range(4), 4)) for name, groups in cases.items()}
crew._PATIENCE_S, crew._SLICE_S = 0.0, 1e-4
print(json.dumps({**found, "small": in_order(crew.run(small_condition(), range(n_trials), width))}))
"""


def test_kernels_from_disk_and_fresh_ones_do_not_mix(tmp_path, expected, plain):
    """Symbols of a kernel that another process compiled once stood for other code in this one, and memory was lost.

    The first process compiles a kernel of one lane; the second reads it, and compiles its like of two lanes and another
    learner's; the third one reads all.
    """
    name = "guessing, two sequences, A1"
    fresh = {name: CASES[name]}
    for n_trials, width, cases in ((1, 1, {}), (6, 2, fresh), (6, 2, fresh)):
        found = in_a_process(MIXED, n_trials, width, cases, REPRO_CACHE=str(tmp_path))
        assert found == {"small": as_json(expected)[:n_trials], **{name: plain[name] for name in cases}}
    assert len(list(tmp_path.rglob("*.kernel"))) == 3


# ------------------------------------------------------------------------------------------------ what trials are


def check_golden(trials, name):
    """Other circumstances than those of `test_golden`: a compiled kernel, or moves between crews."""
    for record, written in zip(trials, golden.written()[name], strict=False):
        found = {part: record[part] for part in ("outcome", "sequences", "steps")}
        assert found.items() <= written.items()
        assert record["weights_digest"] == written["weights digest"]


def test_golden(expected):
    check_golden([expected[trial] for trial in TRIALS], golden.SMALL_ROW)


@pytest.mark.parametrize("name", CASES)
def test_golden_of_every_kind(plain, name):
    check_golden(plain[name], name)


def test_divergence_is_a_failure_and_is_found():
    """Overflow must end in `diverged`, never in success, though NaN passes tests that are written the wrong way."""
    task, learner, stop = CASES["lstm, multiplication, linear"]
    lax = {**stop, "tolerance": 1e300, "window": 200, "max_sequences": 3000}
    wild = made_condition(task, {**learner, "learning_rate": 900.0, "init": 50.0}, lax)
    found = [e for e in crew.run(wild, range(4), 4) if isinstance(e, Record)]
    assert {r.outcome for r in found} == {"diverged"}
    assert all(r.sequences < 3000 and r.stages == () for r in found)
    for record in found:
        text = jsonl.written(record)[""]
        assert b"NaN" not in text and b"Infinity" not in text


def test_a_stage_without_exam_and_test_has_no_figures():
    found = records(small_condition(**{"stop.test_sequences": 0}), width=8)
    stages = [stage for record in found.values() for stage in record["stages"]]
    assert stages
    for stage in stages:
        assert (stage["test_sequences"], stage["test_wrong"]) == (0, 0)
        assert stage["mean_absolute_error"] is stage["mean_squared_error"] is stage["max_error"] is None


def test_streams_differ_by_what_they_are_for_and_by_trial_row_settings_and_seed():
    task, learner, stop = CASES["lstm, reber"]
    conditions = [
        made_condition(task, learner, stop),
        made_condition(task, learner, stop, seed=1),
        made_condition(task, learner, stop, row="made/otherwise"),
        made_condition({**task, "order": "cycle"}, learner, stop),
        made_condition({**task, "test_strings": 5}, learner, stop),
        made_condition(task, {**learner, "learning_rate": 0.25}, stop),
        made_condition(task, learner, {**stop, "tolerance": 0.25}),
    ]
    streams = [
        stream.tobytes() for condition in conditions for trial in range(5) for stream in condition.streams(trial)
    ]
    pairs = [pair.tobytes() for condition in conditions for pair in map(condition.pair, range(2))]
    assert len(set(streams)) == len(streams) == 7 * 5 * 3
    assert not set(streams) & set(pairs)


def test_a_larger_limit_changes_no_stream():
    task, learner, stop = CASES["lstm, reber"]
    conditions = [made_condition(task, learner, {**stop, "max_sequences": n}) for n in (24, 25)]
    for trial in range(3):
        short, long = (condition.streams(trial) for condition in conditions)
        assert np.array_equal(short, long)
        assert np.array_equal(conditions[0].pair(trial), conditions[1].pair(trial))


# ---------------------------------------------------------------------------------- pairs of training and test set


def test_pairs_follow_from_task_seed_and_number_alone():
    task, learner, stop = CASES["lstm, reber"]
    task = {**task, "pairs": 3}
    condition = made_condition(task, learner, stop)
    words = [condition.pair(trial).tolist() for trial in range(9)]
    assert words[:3] * 3 == words
    assert len({tuple(one) for one in words}) == 3
    others = [
        made_condition(task, {**learner, "blocks": 4, "output_gate_bias": "random"}, stop),
        made_condition(task, learner, {**stop, "exam_every": 9}),
        made_condition(task, learner, stop, row="made/otherwise"),
        made_condition({**task, "order": "cycle"}, learner, stop),
        Condition(condition.experiment, condition.row, "other", condition.settings, condition.identity),
    ]
    for other in others:
        assert [other.pair(trial).tolist() for trial in range(9)] == words
        assert other.key != condition.key
    for other in (
        made_condition(task, learner, stop, seed=1),
        made_condition({**task, "training_strings": 7}, learner, stop),
        made_condition({**task, "pairs": 4}, learner, stop),
    ):
        assert not {tuple(other.pair(trial)) for trial in range(9)} & {tuple(one) for one in words}


def test_tasks_without_pairs_have_none():
    assert golden.condition_of(CASES["lstm, adding"]).pair(0) is None


def test_trials_of_a_pair_meet_the_same_strings_whatever_learns_them_and_in_whichever_lane(monkeypatch):
    monkeypatch.setattr(crew, "kept", lambda _: lambda *_: 0)  # nothing is compiled
    task, learner, stop = CASES["lstm, reber"]
    teams = [
        crew.Crew(made_condition(task, learner, stop), 4),
        crew.Crew(
            made_condition(task, {**learner, "gradient": "full", "update": "sequence"}, stop, row="made/other"), 8
        ),
    ]
    strings: dict[int, set[bytes]] = {0: set(), 1: set()}
    for team, trials in zip(teams, ({0: 3, 1: 0, 3: 4}, {7: 5, 2: 2, 4: 1}), strict=True):
        for lane, trial in trials.items():
            team.enlist(lane, trial)
            state = team.state
            assert state.length[:, lane].min() >= 8
            strings[trial % 2].add(b"".join(array[..., lane].tobytes() for array in (state.text, state.length)))
    assert len(strings[0]) == len(strings[1]) == 1
    assert strings[0] != strings[1]


@pytest.mark.parametrize("name", CASES)
def test_a_lane_is_free_of_the_trial_before(monkeypatch, name):
    """All that a trial is made of is there again when its lane gets the same trial after another one."""
    monkeypatch.setattr(crew, "kept", lambda _: lambda *_: 0)  # nothing is compiled
    team = crew.Crew(golden.condition_of(CASES[name]), 2)

    def content() -> list[Any]:
        found = [field[1].tolist() for field in team.book]
        found += [array[..., 1].tolist() for array in (*team.net, *team.streams)]
        if CASES[name].task["name"] == "reber":
            lengths = team.state.length[:, 1].tolist()
            found += [team.state.text[: n + 1, k, 1].tolist() for k, n in enumerate(lengths)]
        return found

    team.enlist(1, 0)
    first = content()
    team.enlist(1, 1)
    assert content() != first
    for array in (*team.book, *team.net, *team.streams):
        array[:] = 1
    team.enlist(1, 0)
    assert content() == first
    assert team.book.mode[1] == TRAINING
