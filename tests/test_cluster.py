"""The engine whose workers come and go, with workers that are told what to say; `test_dask` has real ones."""

import importlib.util
import sys
from pathlib import Path

import pytest
from conftest import small_condition
from invented import invented, stage

from repro.running import cluster, engine, errand, fingerprint
from repro.running.cluster import Cluster, Heard
from repro.running.engine import EngineError, WorkerWarning
from repro.running.fingerprint import Fingerprint

OURS = Fingerprint({"numpy": "2"}, {"lstm on reber": "ab"}, ("1", "2"))
CONDITION = small_condition()
PASSED = [stage("early", 3), stage("late", 7)]


class Hub:
    """Workers that do at once what they are given, but for what ``rules`` say of an errand and of a worker."""

    name = "the hub"

    def __init__(self, *workers, theirs=None):
        self.there, self.theirs = set(workers), theirs or {}
        self.given, self.heard, self.dropped = [], [], []
        self.seconds, self.lost = 0.01, lambda worker, jobs: False  # of a trial; and is an errand lost with its worker

    def workers(self):
        return set(self.there)

    def give(self, number, worker, function, *arguments):
        if function is not errand.run:
            one = self.theirs.get(worker, OURS)
            notes = one if isinstance(one, list) else [("fingerprint", one.versions, one.sources, list(one.prints))]
            self.heard += [Heard(number, notes), Heard(number, None)]
            return
        jobs = arguments[1]
        self.given.append((worker, jobs))
        if self.lost(worker, jobs):
            self.there.discard(worker)
            return
        for k, job in enumerate(jobs):
            ends = [("ended", k, errand.jsonl.line(invented(job.condition, trial, PASSED))) for trial in job.trials]
            self.heard.append(Heard(number, [*ends, ("took", k, self.seconds * len(job.trials))]))
        self.heard.append(Heard(number, None))

    def hear(self, seconds):
        heard, self.heard = self.heard, []
        return heard

    def drop(self, number):
        self.dropped.append(number)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(cluster, "_SETTLE_S", 0)
    monkeypatch.setattr(cluster, "_LOOK_S", 0)
    monkeypatch.setattr(fingerprint, "taken", lambda pairs, files: OURS)


def met(hub):
    made = Cluster(hub, [])
    made.meet()
    return made


def run(hub, *jobs):
    """The outcome of each trial."""
    events = met(hub).run(jobs, sum(len(job.trials) for job in jobs))
    ends = [end.record for event in events if isinstance(event, engine.Lot) for end in event.ends]
    assert len({(one.key, one.trial) for one in ends}) == len(ends)
    return {one.trial: one.outcome for one in ends}


def job(*trials, **more):
    return engine.Job(CONDITION, trials, **more)


def sizes(hub):
    return [sum(len(one.trials) for one in jobs) for _, jobs in hub.given]


def test_a_crew_at_first_then_as_many_as_take_some_seconds_and_less_when_few_are_left():
    hub = Hub("a", "b")
    assert run(hub, job(*range(3000))) == dict.fromkeys(range(3000), "solved")
    first, second, *others, last = sizes(hub)
    assert first == second == 32, "a whole crew, as it is not known how long trials take"
    assert others[0] == 384, "of 0.01 s each as many crews as go into 4 s"
    assert sorted(others, reverse=True) == others
    assert all(size % 32 == 0 for size in others)
    assert last <= 32


def test_trials_that_take_long_are_a_crew_each():
    hub = Hub("a")
    hub.seconds = 60
    run(hub, job(*range(100)))
    assert sizes(hub) == [32, 32, 32, 4]


def test_small_jobs_are_one_errand():
    hub = Hub("a")
    conditions = [small_condition(**{"stop.max_sequences": 20 + k}) for k in range(20)]
    events = met(hub).run([engine.Job(one, (0, 1)) for one in conditions], 40)
    assert sum(len(event.ends) for event in events if isinstance(event, engine.Lot)) == 40
    assert len(hub.given) < 10
    assert len(hub.given[0][1]) == 1
    assert max(len(jobs) for _, jobs in hub.given) > 5


def test_what_was_lost_is_run_again_each_alone_and_after_the_others():
    hub = Hub("a", "b")
    hub.lost = lambda worker, jobs: worker == "a" and len(jobs[0].trials) > 1
    with pytest.warns(WorkerWarning, match=r"^a \(4/lstm/T=100, trials 0-31\) is gone; they are run again, each alo"):
        assert run(hub, job(*range(100))) == dict.fromkeys(range(100), "solved")
    again = [jobs[0] for _, jobs in hub.given if jobs[0].attempt == 2]
    assert [one.trials for one in again] == [(trial,) for trial in range(32)]
    assert [jobs[0].attempt for _, jobs in hub.given] == sorted(jobs[0].attempt for _, jobs in hub.given)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (Fingerprint({"numpy": "1"}, OURS.sources, OURS.prints), "numpy is 1 there, and 2 here"),
        (Fingerprint({}, OURS.sources, OURS.prints), "numpy is not there there, and 2 here"),
        (Fingerprint(OURS.versions, {"lstm on reber": "cd"}, OURS.prints), "the source of lstm on reber is cd there"),
        (Fingerprint(OURS.versions, OURS.sources, ("1", "3")), "trial 1 of 6a/lstm, cut short, has other bits there"),
        ([("failed", "there is no learner 'mine'")], "there is no learner 'mine'"),
    ],
)
def test_a_worker_that_differs_is_named_before_any_work(theirs, said):
    hub = Hub("a", "b", theirs={"b": theirs})
    with pytest.raises(EngineError) as error:
        met(hub)
    assert str(error.value).startswith("b does not compute what this process does: ")
    assert said in str(error.value)
    assert not hub.given


def test_a_worker_that_joins_is_used_and_one_that_differs_is_not():
    hub = Hub("a", theirs={"c": Fingerprint({"numpy": "1"}, OURS.sources, OURS.prints)})
    made = met(hub)
    hub.there |= {"b", "c"}
    with pytest.warns(WorkerWarning, match="^c is given no trials: numpy is 1 there, and 2 here$") as said:
        list(made.run([job(*range(2000))], 2000))
    assert {worker for worker, _ in hub.given} == {"a", "b"}
    assert len(said) == 1


def test_a_final_failure_names_the_worker(monkeypatch):
    hub = Hub("a")
    monkeypatch.setattr(
        hub, "hear", lambda _, hear=hub.hear: [
            Heard(one.number, [("failed", 0, "no kernel", True)]) if hub.given and one.notes else one for one in hear(0)
        ],
    )  # fmt: skip
    with pytest.raises(EngineError, match=r"^a: no kernel$"):
        run(hub, job(0))


def test_an_errand_that_is_not_wanted_ends():
    said = []

    def endless(one):
        while True:
            yield engine.Did(one, 1, 1)

    errand.run(endless, [job(0)], errand.source_digests([job(0)]), (), said.append, lambda: True)
    assert not said


def test_a_worker_with_another_source_runs_nothing():
    said = []
    errand.run(engine.run_job, [job(0)], ["0123"], (), said.extend, lambda: False)
    assert [note[:2] for note in said] == [("given", 0), ("failed", 0)]
    assert "its source of lstm on adding is another one" in said[1][2]


def test_a_run_of_many_trials_through_the_driver(tmp_path, capsys):
    """`python scripts/simulate.py` does a million."""
    path = Path(__file__).parent.parent / "scripts" / "simulate.py"
    spec = importlib.util.spec_from_file_location("simulate", path)
    sys.modules["simulate"] = simulate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(simulate)
    figures = simulate.simulate(5000, tmp_path)
    assert len((tmp_path / "6a.jsonl").read_text().splitlines()) == 5000 + 50 + 1
    assert max(figures.memory) - figures.memory[2] < 10, "memory stays as it is"
    assert figures.n / figures.cpu_s > 2000
    said = capsys.readouterr().err
    assert not said or "5,000 trials" in said
