"""Where trials run changes nothing, and nothing that goes wrong there loses a finished trial."""

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import faults
import processes
import pytest
from conftest import small_condition

from repro.running import engine
from repro.running.engine import WorkerWarning


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTS", str(tmp_path))
    importlib.reload(faults)
    return tmp_path


@pytest.fixture(autouse=True)
def _no_worker_is_left(monkeypatch):
    workers = []
    make = engine.Worker
    monkeypatch.setattr(engine, "Worker", lambda *how: workers.append(make(*how)) or workers[-1])
    yield
    assert [worker.number for worker in workers if worker._process.returncode is None] == []


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


def test_inline_is_the_same():
    assert outcomes(engine.inline(jobs((0, 1, 2), (3, 4), (5, 6, 7)), faults.good)) == ALL


KILLED = r"worker process \d+ \(4/lstm/T=100, trials {}\) was killed \(SIGKILL: out of memory\?\); they are {}"


def test_a_worker_killed_once_costs_nothing_and_is_mentioned(folder):
    with pytest.warns(WorkerWarning, match=KILLED.format("3-4", "run again, each alone")):
        assert outcomes(engine.local(jobs((0, 1, 2, 3, 4), (5, 6, 7)), 2, faults.killed_once)) == ALL
    assert (folder / "killed").exists()
    assert (folder / "ran-0-1").exists()
    assert not (folder / "ran-0-2").exists(), "a trial that had ended was run again"


def test_a_trial_that_always_kills_its_worker_is_crashed_and_the_others_are_not():
    with pytest.warns(WorkerWarning) as said:
        found = outcomes(engine.local(jobs((0, 1, 2, 3, 4), (5, 6, 7)), 2, faults.killed_always))
    assert found == ALL | {3: "crashed"}
    patterns = KILLED.format("3-4", "run again"), KILLED.format("3", "run again"), KILLED.format("3", "given up")
    for pattern, one in zip(patterns, said, strict=True):
        assert re.match(pattern, str(one.message))


@pytest.fixture
def hurried(monkeypatch):
    """Not two minutes."""
    monkeypatch.setattr(engine, "_SIGN_S", 0.1)
    monkeypatch.setattr(engine, "_TICK_S", 0.1)
    monkeypatch.setattr(engine, "_SILENT_S", 1.0)
    monkeypatch.setattr(engine, "_DEAD_S", 2.0)


@pytest.mark.parametrize("how", ["stopped_once", "spins_once"])
def test_a_silent_worker_is_mentioned_and_then_replaced(folder, hurried, how):
    run = getattr(faults, how)
    with pytest.warns(WorkerWarning) as said:
        assert outcomes(engine.local(jobs((0, 1, 2, 3, 4)), 1, run)) == dict.fromkeys(range(5), "solved")
    who = r"worker process \d+ \(4/lstm/T=100, trials 3-4\) "
    texts = [str(one.message) for one in said]
    assert re.fullmatch(who + "has given no sign of life for 1 s; it is replaced after 2 s", texts[-2])
    assert re.fullmatch(who + "gave no sign of life for 2 s; they are run again, each alone", texts[-1])


def test_a_worker_that_stops_in_the_midst_of_a_message_holds_nobody_up(hurried):
    with pytest.warns(WorkerWarning, match="said half of something, and nothing more; they are run again"):
        assert outcomes(engine.local(jobs((0, 1, 2, 3, 4)), 1, faults.halfway_once)) == dict.fromkeys(
            range(5), "solved"
        )


def test_a_worker_that_has_much_to_do_is_not_silent(hurried):
    assert outcomes(engine.local(jobs((0, 1)), 1, faults.thinks)) == {0: "solved", 1: "solved"}


def test_time_in_which_nobody_listens_does_not_count(hurried):
    """As when all is stopped by Ctrl-Z, and goes on later."""
    events = engine.local(jobs((0,)), 1, faults.thinks)
    assert isinstance(next(events), engine.Given)
    time.sleep(2.5)
    assert outcomes(events) == {0: "solved"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_that_ask_for_an_end_are_the_parents(number):
    """From a worker's first moment on."""
    events = engine.local(jobs((0,), (1,)), 2, faults.good)
    for event in events:
        if isinstance(event, engine.Given):
            for post in events.gi_frame.f_locals["posts"]:
                os.kill(post.worker.number, number)
        if isinstance(event, engine.Ended):
            assert event.job.attempt == 1


PARENT = (
    "from conftest import small_condition; from repro.running import engine; import faults\n"
    "for event in engine.local([engine.Job(small_condition(), (trial,)) for trial in (0, 1)], 2, faults.slow):\n"
    "    if isinstance(event, engine.Ended): print('ended', flush=True)\n"
)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers notice when they have something to say")
def test_workers_do_not_survive_a_parent_that_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=Path(__file__).parent, start_new_session=True
    )
    parent.stdout.readline()
    assert len(processes.of_group(parent.pid)) == 3
    parent.kill()
    parent.communicate()
    assert not processes.left(parent.pid)


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


def test_no_jobs_no_workers():
    assert list(engine.local([], 2, faults.good)) == []


@pytest.mark.parametrize(
    "how", [lambda run: engine.local(jobs((0, 1), (2, 3)), 2, run), lambda run: engine.inline(jobs((0, 1)), run)]
)
def test_kernels_that_cannot_be_compiled_end_the_run_at_once(how):
    with pytest.raises(
        engine.EngineError, match=r"^the kernels of lstm cannot be compiled: the net has no array 'vel'; "
    ):
        list(how(faults.uncompiled))
