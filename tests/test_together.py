"""Several runs in one folder: each trial is run once, and nothing is left reserved by a run that is gone."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import campaigner
import pytest
from invented import invented

from repro.records import planning
from repro.records.store import Store
from repro.running import campaign, engine, together
from repro.running.together import Reserved, ReservedWarning

HERE = Path(__file__).parent
KEY = campaigner.items()[0].condition.key
HOLD = (
    "import sys\nfrom pathlib import Path\nfrom repro.running.together import Reserved\n"
    "with Reserved(Path(sys.argv[1])) as reserved:\n"
    "    print(sorted(reserved.take(sys.argv[2], range(3))), flush=True)\n    input()\n"
)


@pytest.fixture
def other(tmp_path):
    """Another process that has reserved the first three trials."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "[0, 1, 2]\n"
    yield process
    process.kill()
    process.communicate()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_one_run_has_no_other_gets_and_when_it_is_gone_all_do(tmp_path, other):
    with Reserved(tmp_path) as reserved:
        assert reserved.take(KEY, range(5)) == {3, 4}
        assert reserved.take(KEY[::-1], range(5)) == set(range(5)), "of another condition"
        assert reserved.take(KEY, range(5)) == {3, 4}
        other.kill()
        other.wait()
        assert reserved.take(KEY, range(5)) == set(range(5))
    assert names(tmp_path) == []


def test_the_last_one_to_leave_removes_the_file(tmp_path, other):
    with Reserved(tmp_path):
        pass
    assert names(tmp_path) == [".trials.lock"]
    other.communicate("\n")
    assert names(tmp_path) == []


def test_a_file_that_a_killed_run_left_is_used_and_goes(tmp_path, other):
    other.kill()
    other.wait()
    assert names(tmp_path) == [".trials.lock"]
    with Reserved(tmp_path) as reserved:
        assert reserved.take(KEY, range(3)) == {0, 1, 2}
    assert names(tmp_path) == []


def test_a_file_that_is_removed_while_it_is_opened_is_not_used(tmp_path, monkeypatch):
    lock = fcntl.lockf

    def late(*how):
        monkeypatch.undo()
        (tmp_path / ".trials.lock").unlink()
        lock(*how)

    monkeypatch.setattr(fcntl, "lockf", late)
    with Reserved(tmp_path) as reserved:
        assert os.path.samestat(os.fstat(reserved._file), (tmp_path / ".trials.lock").stat())


def test_where_nothing_can_be_locked_that_is_said_once_and_all_trials_are_run(tmp_path, monkeypatch):
    def without(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", without)
    with pytest.warns(ReservedWarning) as said, Reserved(tmp_path) as reserved:
        assert reserved.take(KEY, range(5)) == set(range(5))
    (warning,) = said
    assert "No locks available; another run in this folder would run the same trials" in str(warning.message)


def test_a_folder_that_is_not_there_is_no_error(tmp_path):
    with pytest.warns(ReservedWarning, match="No such file"), Reserved(tmp_path / "gone") as reserved:
        assert reserved.take(KEY, range(5)) == set(range(5))


def test_what_others_are_at_is_left_to_them_and_what_they_have_done_is_found(tmp_path, other):
    """Then the rest is run: what was lost with another run that was killed."""
    store = Store(tmp_path)
    plan = planning.plan(campaigner.items()[:1], store)
    condition = plan.items[0].condition
    Store(tmp_path).append(invented(condition, 7))  # by a run that is over
    with Reserved(tmp_path) as reserved:
        offers = together.divided(campaign.jobs(plan, 1), plan, store, reserved)
        assert next(offers).record.trial == 7
        assert next(offers).trials == (3, 4, 5, 6)
        elsewhere = next(offers)
        assert isinstance(elsewhere, engine.Elsewhere)
        assert elsewhere.jobs == (engine.Job(condition, (0, 1, 2)),)
        store.append(invented(condition, 3))  # here: it is not found
        Store(tmp_path).append(invented(condition, 1))
        assert next(offers).record.trial == 1
        assert isinstance(next(offers), engine.Elsewhere)
        other.kill()
        other.wait()
        assert next(offers).trials == (0, 2)
        assert list(offers) == []


def test_a_store_that_nobody_else_writes_to_is_read_once(tmp_path, monkeypatch):
    store = Store(tmp_path)
    plan = planning.plan(campaigner.items(), store)
    n_plans, make = [], planning.plan
    monkeypatch.setattr(planning, "plan", lambda *items, **more: n_plans.append(1) or make(*items, **more))
    done = campaign.execute(
        plan, campaign.jobs(plan, 2), lambda jobs: engine.inline(jobs, campaigner.run), store, ended := campaign.Count()
    )
    assert [event for event in done if isinstance(event, engine.Found | engine.Elsewhere)] == []
    assert ended.n == campaigner.TOTAL
    assert len(n_plans) == 1
    assert not list(campaign.execute(plan, [], engine.inline, store, campaign.Count()))


def start(folder, how):
    return subprocess.Popen(
        [sys.executable, "campaigner.py", str(folder), how], cwd=HERE, stdout=subprocess.PIPE, text=True
    )


def trials(folder):
    lines = (folder / "4.jsonl").read_text().splitlines()
    return [line[:60].split(',"outcome')[0] for line in lines if line.startswith('{"cell"')]


@pytest.mark.parametrize("how", ["inline", "local"])
def test_of_three_runs_each_trial_is_run_by_one(tmp_path, how):
    counts = [
        tuple(map(int, run.communicate(timeout=60)[0].split())) for run in [start(tmp_path, how) for _ in range(3)]
    ]
    assert len(counts) == 3, "all end well"
    assert [sum(of_run) for of_run in counts] == [campaigner.TOTAL] * 3, "none goes before all is done"
    assert sum(n_run for n_run, _, _ in counts) == campaigner.TOTAL
    assert len(set(trials(tmp_path))) == len(trials(tmp_path)) == campaigner.TOTAL
    assert names(tmp_path) in (["4.jsonl"], [".trials.lock", "4.jsonl"])  # if two leave at the same moment


def test_what_a_killed_run_had_is_taken_over_at_once(tmp_path):
    first, second = start(tmp_path, "inline"), start(tmp_path, "inline")
    while not (tmp_path / "4.jsonl").exists() or len(trials(tmp_path)) < 10:
        time.sleep(0.01)
    first.kill()
    first.communicate()
    second.communicate(timeout=60)
    assert second.returncode == 0
    assert len(set(trials(tmp_path))) == len(trials(tmp_path)) == campaigner.TOTAL
