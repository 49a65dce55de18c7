"""A trial is the same bits however it is run: lanes, workers, order, interruptions, processor, with or without JIT."""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from conftest import result, small_cell

from repro import crew, engine
from repro.trial import Cell, Record

TRIALS = range(6)


def records(cell: Cell, trials: Any = TRIALS, width: int | None = None) -> dict[int, dict[str, Any]]:
    return {e.trial: result(e) for e in crew.run(cell, trials, width) if isinstance(e, Record)}


@pytest.fixture(scope="module")
def expected() -> dict[int, dict[str, Any]]:
    return records(small_cell(), width=8)


def test_the_small_trials_show_all_that_can_happen(expected):
    assert {r["outcome"] for r in expected.values()} == {"solved", "limit"}
    assert {len(r["stages"]) for r in expected.values()} >= {1, 2}
    assert len({r["weights_digest"] for r in expected.values()}) == len(expected)


@pytest.mark.parametrize("width", [1, 16, 32])
def test_lanes_do_not_matter(expected, width):
    assert records(small_cell(), width=width) == expected


def test_order_and_refills_do_not_matter(expected):
    assert records(small_cell(), trials=[5, 0, 3, 1, 4, 2], width=1) == expected


@pytest.mark.parametrize("ticks", [1, 7, 64])
def test_where_the_loop_returns_does_not_matter(expected, ticks):
    team = crew.Crew(small_cell(), 8)
    for lane in TRIALS:
        team.enlist(lane, lane)
    found = {}
    while len(found) < len(TRIALS):
        team.advance(ticks)
        for lane in TRIALS:
            if team.trials[lane] is not None and team.book.mode[lane] in crew._OUTCOMES:
                found[lane] = result(team.dismiss(lane))
    assert found == expected


@pytest.mark.parametrize("ticks", [1, 150, 333])
def test_moving_to_a_narrower_crew_does_not_matter(expected, ticks):
    team = crew.Crew(small_cell(), 8)
    for lane in range(3):
        team.enlist(lane + 2, lane)
    team.advance(ticks)
    team = team.narrowed(4)
    found = {}
    while len(found) < 3:
        team.advance(50)
        for lane in range(4):
            if team.trials[lane] is not None and team.book.mode[lane] in crew._OUTCOMES:
                record = team.dismiss(lane)
                found[record.trial] = result(record)
    assert found == {trial: expected[trial] for trial in range(3)}


def test_a_crew_that_idles_moves_on_by_itself(monkeypatch, expected):
    monkeypatch.setattr(crew, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(crew, "_SLICE_S", 1e-4)
    widths = []
    narrowed = crew.Crew.narrowed
    monkeypatch.setattr(crew.Crew, "narrowed", lambda self, width: widths.append(width) or narrowed(self, width))
    assert records(small_cell(), width=8) == expected
    assert widths


def test_workers_do_not_matter(expected):
    cell = small_cell()
    for n in (1, 2):
        jobs = [engine.Job(cell, tuple(TRIALS)[k::n], 8) for k in range(n)]
        found = {e.record.trial: result(e.record) for e in engine.local(jobs, n) if isinstance(e, engine.Ended)}
        assert found == expected


def test_interrupted_and_resumed(expected):
    """What was running when a run was stopped is run again from its start."""
    cell = small_cell()
    ended = (e for e in crew.run(cell, TRIALS, 8) if isinstance(e, Record))
    first = {e.trial: result(e) for e in islice(ended, 2)}
    ended.close()
    assert first | records(cell, [t for t in TRIALS if t not in first]) == expected


def test_a_larger_limit_repeats_the_shorter_trial():
    short = records(small_cell(**{"stop.max_sequences": 6}))
    long = records(small_cell(**{"stop.max_sequences": 30}))
    solved = [t for t in TRIALS if short[t]["outcome"] == "solved"]
    assert any(short[t]["outcome"] == "limit" for t in TRIALS)
    for trial in solved:
        assert short[trial]["weights_digest"] == long[trial]["weights_digest"]
    for trial in TRIALS:
        assert long[trial]["stages"][: len(short[trial]["stages"])] == short[trial]["stages"]


PLAIN = """
import json, sys
from conftest import result, small_cell
from repro import crew
from repro.trial import Record
for row, more in json.loads(sys.argv[1]):
    for event in crew.run(small_cell(row, **more), range(3), 4):
        if isinstance(event, Record):
            print(json.dumps(result(event)))
"""

CASES = [
    ("4/lstm/T=100", {}),
    ("4/lstm/T=100", {"precision": "float64"}),
    ("4/lstm/T=100", {"output": "linear", "train_biases": False, "g": [0.0, 1.0], "h": "identity"}),
    ("5/lstm", {"task.length": 20, "stop.tolerance": 0.3}),
    ("6b/lstm", {"stop.max_sequences": 5, "stop.tolerance": 0.6, "output_error": "plain"}),
]


def in_a_process(cases: Any, script: str = PLAIN, **environment: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(cases)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_this_process(cases: Any) -> list[dict[str, Any]]:
    return [
        json.loads(json.dumps(result(e)))
        for row, more in cases
        for e in crew.run(small_cell(row, **more), range(3), 4)
        if isinstance(e, Record)
    ]


def test_jitted_and_plain_python_agree_bit_for_bit():
    jitted = in_this_process(CASES)
    assert len(jitted) == 3 * len(CASES)
    assert len({r["weights_digest"] for r in jitted}) == len(jitted)
    assert in_a_process(CASES, NUMBA_DISABLE_JIT="1") == jitted


@pytest.mark.parametrize("environment", [{"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, {"NUMBA_OPT": "1"}])
def test_the_processor_does_not_matter(tmp_path, environment):
    cases = CASES[:1]
    assert in_a_process(cases, REPRO_CACHE=str(tmp_path), **environment) == in_this_process(cases)


@pytest.mark.parametrize("fresh", ["6a/lstm", "6b/lstm"])
def test_kernels_from_disk_and_fresh_ones_do_not_mix(tmp_path, fresh):
    """Symbols of a kernel that another process compiled once stood for other code in this one, and memory was lost."""
    cache = {"REPRO_CACHE": str(tmp_path)}
    stored = ("4/lstm/T=100", {"stop.max_sequences": 40})
    in_a_process([stored], **cache)
    both = [(fresh, {}), stored]
    assert in_a_process(both, **cache) == in_this_process(both)


NARROWED = """
import json, sys
from conftest import result, small_cell
from repro import crew
from repro.trial import Record
crew._PATIENCE_S, crew._SLICE_S = 0.0, 1e-4
stored, width = json.loads(sys.argv[1])
for event in crew.run(small_cell(), range(stored), width):
    if isinstance(event, Record):
        print(json.dumps(result(event)))
"""


def test_narrow_kernels_from_disk_and_wide_ones_do_not_mix(tmp_path):
    """Kernels that differ in nothing but the width, compiled by different processes."""
    cache = {"REPRO_CACHE": str(tmp_path)}
    for width in (1, 2):
        in_a_process((1, width), script=NARROWED, **cache)
    found = in_a_process((6, 8), script=NARROWED, **cache)
    assert {r["trial"]: r for r in found} == json.loads(
        json.dumps(records(small_cell(), width=8)), object_hook=by_number
    )


def by_number(mapping: dict[str, Any]) -> dict[Any, Any]:
    return {int(key) if key.isdecimal() else key: value for key, value in mapping.items()}


def test_golden():
    """The same numbers in every version, on every machine; a change here makes all committed results stale."""
    record = next(e for e in crew.run(small_cell(), [0], 1) if isinstance(e, Record))
    assert (record.sequences, record.steps, record.weights_digest) == GOLDEN


GOLDEN = (24, 501, "1df95700eefb5bb0")


def test_divergence_is_a_failure_and_is_found():
    """Overflow must end in `diverged`, never in success, though NaN passes tests that are written the wrong way."""
    wild = {"output": "linear", "learning_rate": 900.0, "init": 50.0}
    lax = {"stop.tolerance": 1e30, "stop.window": 200, "stop.max_sequences": 3000}
    found = [e for e in crew.run(small_cell(**wild, **lax), range(4), 4) if isinstance(e, Record)]
    assert {r.outcome for r in found} == {"diverged"}
    assert all(r.sequences < 3000 and r.stages == [] for r in found)
    for record in found:
        assert "NaN" not in record.line() and "Infinity" not in record.line()
