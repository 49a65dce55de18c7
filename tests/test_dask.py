"""Trials on the workers of a dask scheduler: a real one, with two real workers, each a process on loopback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import faults
import pytest
from click.testing import CliRunner
from conftest import result, small_condition

from repro.commands.main import main
from repro.records.store import Store
from repro.running import dask_hub, engine
from repro.running.cluster import Cluster
from repro.running.dask_hub import DaskHub
from repro.running.engine import EngineError, WorkerWarning

distributed = pytest.importorskip("distributed", reason="dask is not installed: `python -m pip install distributed`")

HERE = Path(__file__).parent
PAIRS = [("lstm", "reber")]
ALL = dict.fromkeys(range(8), "solved")


def start(kind, folder, *more):
    """A process of dask: a scheduler or a worker."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", folder / "scheduler.json"]
    quiet = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical", "DASK_TEMPORARY_DIRECTORY": str(folder)}
    environment = {**os.environ, **quiet, "PYTHONPATH": str(HERE), "FAULTS": str(folder)}
    return subprocess.Popen(
        [*map(str, command), "--no-dashboard", *more], env=environment, cwd=HERE, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def start_scheduler(folder):
    process = start("scheduler", folder, "--host", "127.0.0.1", "--port", "0")
    end = time.monotonic() + 60
    while not (folder / "scheduler.json").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return process


def start_worker(folder, *more):
    return start("worker", folder, "--nthreads", "1", "--memory-limit", "0", "--death-timeout", "60", *more)


def stop(*processes, hub=None):
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    while hub and len(hub.workers()) > 2:
        time.sleep(0.05)


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """The folder of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("dask")
    processes = [start_scheduler(folder), start_worker(folder), start_worker(folder)]
    yield folder
    stop(*processes)


@pytest.fixture(autouse=True)
def folder(there):
    """Where faults say what they did."""
    for path in there.iterdir():
        if path.is_file() and path.name != "scheduler.json":
            path.unlink()
    return there


@pytest.fixture(scope="module")
def hub(there):
    with DaskHub(str(there / "scheduler.json"), 2) as made:
        yield made


@pytest.fixture(scope="module")
def met(hub):
    """Workers whose fingerprints are known."""
    made = Cluster(hub, PAIRS)
    while len(hub.workers()) < 2:
        time.sleep(0.1)
    made.meet()
    assert made.n_workers == 2
    return made


@pytest.fixture
def run(met):
    """What runs jobs of a condition as faults say, and what came of each trial."""

    def events(how, *trials, condition=None, lanes=None):
        met._run = how
        jobs = [engine.Job(condition or small_condition(), one, lanes) for one in trials]
        for event in met.run(jobs, sum(map(len, trials))):
            yield from event.ends if isinstance(event, engine.Lot) else [event]

    return events


def outcomes(events):
    ended = [event.record for event in events if isinstance(event, engine.Ended)]
    assert len({record.trial for record in ended}) == len(ended)
    return {record.trial: record.outcome for record in ended}


def test_every_trial_runs_once(run, folder):
    assert outcomes(run(faults.good, (0, 1, 2), (3, 4), (5,), (6, 7))) == ALL
    assert len(list(folder.glob("ran-*"))) == 8


def test_records_are_those_of_the_inline_engine(run):
    """With the kernel of the fingerprint: another one would have to be compiled."""
    condition = small_condition("6a/lstm")
    here = engine.inline([engine.Job(condition, tuple(range(6)), 16)])
    there = run(engine.run_job, (0, 1, 2), (3, 4, 5), condition=condition, lanes=16)
    ours, theirs = (
        sorted((event.record for event in events if isinstance(event, engine.Ended)), key=lambda one: one.trial)
        for events in (here, there)
    )
    assert [result(one) for one in theirs] == [result(one) for one in ours]
    assert {one.machine for one in theirs} == {one.machine for one in ours}


def test_a_worker_killed_once_costs_nothing_and_is_mentioned(run, folder):
    with pytest.warns(WorkerWarning, match=r"^tcp://.*\(4/lstm/T=100, trials 0-4\) is gone; they are run again, each"):
        assert outcomes(run(faults.killed_once, (0, 1, 2, 3, 4), (5, 6, 7))) == ALL
    assert (folder / "killed").exists()


def test_a_trial_that_always_kills_its_worker_is_crashed_and_the_others_are_not(run):
    with pytest.warns(WorkerWarning) as said:
        ends = list(run(faults.killed_always, (0, 1, 2, 3, 4), (5, 6, 7)))
    assert outcomes(ends) == ALL | {3: "crashed"}
    assert [str(one.message).split("; ")[-1] for one in said] == ["they are run again, each alone"] * 2 + [
        "they are given up"
    ]


def test_an_exception_is_a_crash_that_says_why(run):
    events = list(run(faults.raises, (0, 1, 2), (3,), (4, 5, 6, 7)))
    assert outcomes(events) == ALL | {3: "crashed"}
    (crash,) = (e.record for e in events if isinstance(e, engine.Ended) and e.record.outcome == "crashed")
    assert "ZeroDivisionError: trial three" in crash.error


def test_what_workers_warn_of_is_said_once(run):
    with pytest.warns(UserWarning) as said:
        assert outcomes(run(faults.warns, (0, 1, 2, 3), (4, 5, 6, 7))) == ALL
    assert [str(warning.message) for warning in said] == ["the kettle boils"]


def test_kernels_that_cannot_be_compiled_end_the_run_and_the_worker_is_named(run):
    with pytest.raises(EngineError, match=r"^tcp://\S+: the kernels of lstm cannot be compiled: the net has no array"):
        list(run(faults.uncompiled, (0, 1), (2, 3)))


def test_trials_that_have_ended_are_told_while_others_go_on_and_what_nobody_wants_ends(run, hub):
    events = run(faults.slow, (0,), (1,))
    assert next(event for event in events if isinstance(event, engine.Ended)).record.trial == 0
    events.close()
    busy = lambda: [key for keys in hub._client.processing().values() for key in keys]  # noqa: E731
    end = time.monotonic() + 10
    while busy() and time.monotonic() < end:
        time.sleep(0.05)
    assert not busy()
    assert outcomes(run(faults.good, (0, 1))) == {0: "solved", 1: "solved"}


def test_workers_that_join_in_the_midst_of_it_are_used_and_others_are_refused(run, there, folder, hub):
    before = hub.workers()
    started = start_worker(there), start_worker(there, "--preload", str(HERE / "other_versions.py"))
    try:
        with pytest.warns(WorkerWarning, match=r"^(\S+) is given no trials: numpy is 0.1 there, and \S+ here$") as said:
            for _ in run(faults.until_others_have_joined, *((trial,) for trial in range(8))):
                if said.list:
                    (folder / "refused").touch()
    finally:
        stop(*started, hub=hub)
    at = {path.read_text() for path in folder.glob("at-*")}
    assert len(at) == 3
    assert at - before
    assert str(said[0].message).split()[0] not in at


def test_a_worker_that_differs_from_the_beginning_is_named(there, hub, met):
    started = start_worker(there, "--preload", str(HERE / "other_versions.py"), "--no-nanny")
    try:
        while len(hub.workers()) < 3:
            time.sleep(0.05)
        with pytest.raises(
            EngineError, match=r"^tcp://\S+ does not compute what this process does: numpy is 0.1 there, .* Nothing was"
        ):
            Cluster(hub, PAIRS).meet()
    finally:
        stop(started, hub=hub)


RUN = [
    "run", "6a/lstm", "--grid", "learning_rate=0.1,0.2", "--trials", "16", "--max-sequences", "300",
    "--set", "stop.window=50", "--set", "task.length=[100,104]", "--lanes", "16",
]  # fmt: skip


def test_the_command_writes_what_a_run_here_would(there, tmp_path):
    address = f"dask:{there / 'scheduler.json'}"
    for folder, name in (("there", address), ("here", "inline")):
        done = CliRunner().invoke(main, [*RUN, "--engine", name, "--results", str(tmp_path / folder)])
        assert done.exit_code == 0, done.stderr
        assert "32 trials done" in done.stderr
    theirs, ours = (
        {(one.key, one.trial): result(one) for one in Store(tmp_path / name).read("6a")} for name in ("there", "here")
    )
    assert theirs == ours


def test_an_interrupt_ends_the_command_at_once(there, tmp_path, hub):
    command = [sys.executable, "-m", "repro", *RUN, "--max-sequences", "100000000", "--set", "stop.tolerance=0"]
    process = subprocess.Popen(
        [*command, "--engine", f"dask:{there / 'scheduler.json'}", "--results", str(tmp_path)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not any(hub._client.processing().values()) or "to run" not in process.stderr.readline():
        time.sleep(0.05)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert "Interrupted: 0 trials done, 32 left; the same command goes on from here." in said
    while any(hub._client.processing().values()):
        time.sleep(0.05)


def test_a_scheduler_that_is_gone_is_told(tmp_path, monkeypatch, capfd):
    scheduler = start_scheduler(tmp_path)
    worker = start_worker(tmp_path, "--no-nanny")
    try:
        with DaskHub(str(tmp_path / "scheduler.json"), 2) as hub:
            made = Cluster(hub, PAIRS, faults.slow)
            made.meet()
            events = made.run([engine.Job(small_condition(), (0,))], 1)
            next(event for event in events if isinstance(event, engine.Lot))
            stop(scheduler)
            began = time.monotonic()
            with pytest.raises(EngineError, match=r"^the scheduler at \S+ is gone; finished trials are kept"):
                list(events)
            assert time.monotonic() - began < 5
            began = time.monotonic()
        assert time.monotonic() - began < 5
    finally:
        stop(worker)
    assert capfd.readouterr().err == ""


def test_no_scheduler_is_told(monkeypatch):
    monkeypatch.setattr(dask_hub, "_CONNECT_S", 0.3)
    with (
        pytest.raises(EngineError, match=r"^there is no dask scheduler at tcp://127.0.0.1:9 "),
        DaskHub("tcp://127.0.0.1:9", 1),
    ):
        pass


def test_a_cluster_on_this_machine_is_started_and_a_worker_that_ends_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTS", str(tmp_path))
    with DaskHub(None, 2) as hub:
        made = Cluster(hub, [], faults.killed_once)
        made.meet()
        jobs = [engine.Job(small_condition(), (0, 1, 2, 3)), engine.Job(small_condition(), (4, 5, 6, 7))]
        with pytest.warns(WorkerWarning, match="is gone; they are run again"):
            ends = [end for event in made.run(jobs, 8) if isinstance(event, engine.Lot) for end in event.ends]
        processes = hub._local._processes
    assert outcomes(ends) == ALL
    assert all(process.returncode is not None for process in processes)
