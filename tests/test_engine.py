"""Where trials run changes nothing, and nothing that goes wrong there loses a finished trial."""

import importlib
import multiprocessing
import time

import faults
import pytest
from conftest import small_condition

from repro.running import engine


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTS", str(tmp_path))
    importlib.reload(faults)
    return tmp_path


def jobs(*trials: tuple[int, ...]) -> list[engine.Job]:
    return [engine.Job(small_condition(), t) for t in trials]


def outcomes(events) -> dict[int, str]:
    ended = [e.record for e in events if isinstance(e, engine.Ended)]
    assert len({r.trial for r in ended}) == len(ended)
    return {r.trial: r.outcome for r in ended}


ALL = dict.fromkeys(range(8), "solved")


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_every_trial_runs_once(folder, n_workers):
    assert outcomes(engine.local(jobs((0, 1, 2), (3, 4), (5,), (6, 7)), n_workers, faults.good)) == ALL
    assert len(list(folder.glob("ran-*"))) == 8
    assert not multiprocessing.active_children()


def test_inline_is_the_same():
    assert outcomes(engine.inline(jobs((0, 1, 2), (3, 4), (5, 6, 7)), faults.good)) == ALL


def test_a_worker_killed_once_costs_nothing(folder):
    assert outcomes(engine.local(jobs((0, 1, 2, 3, 4), (5, 6, 7)), 2, faults.killed_once)) == ALL
    assert (folder / "killed").exists()
    assert (folder / "ran-0-1").exists()
    assert not (folder / "ran-0-2").exists(), "a trial that had ended was run again"


def test_a_trial_that_always_kills_its_worker_is_crashed_and_the_others_are_not():
    found = outcomes(engine.local(jobs((0, 1, 2, 3, 4), (5, 6, 7)), 2, faults.killed_always))
    assert found == ALL | {3: "crashed"}


def test_an_exception_is_a_crash_that_says_why():
    for run in (lambda todo: engine.local(todo, 2, faults.raises), lambda todo: engine.inline(todo, faults.raises)):
        events = list(run(jobs((0, 1, 2), (3,), (4, 5, 6, 7))))
        assert outcomes(events) == ALL | {3: "crashed"}
        (crash,) = (e.record for e in events if isinstance(e, engine.Ended) and e.record.outcome == "crashed")
        assert "ZeroDivisionError: trial three" in crash.error


def test_what_workers_warn_of_is_said_once_by_the_parent(capfd):
    with pytest.warns(UserWarning) as said:
        assert outcomes(engine.local(jobs((0, 1, 2, 3), (4, 5, 6, 7)), 2, faults.warns)) == ALL
    assert [str(warning.message) for warning in said] == ["the kettle boils"]
    assert capfd.readouterr().err == ""


def test_leaving_early_stops_the_workers_at_once():
    events = engine.local(jobs((0,), (1,)), 2, faults.slow)
    next(e for e in events if isinstance(e, engine.Ended))
    start = time.perf_counter()
    events.close()
    assert time.perf_counter() - start < 2
    assert not multiprocessing.active_children()


def test_no_jobs_no_workers():
    assert list(engine.local([], 2, faults.good)) == []
