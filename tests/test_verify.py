"""A results folder is sound, or it is said what is not: each of its claims is seen to fail."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import small_condition
from invented import invented, record, stage
from msgspec.structs import replace

from repro.commands.main import main
from repro.records import attestation
from repro.records.store import Store
from repro.records.trial import Record
from repro.running import engine, memory, verify

N = 5


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results")
    for trial in range(N):
        store.append(record(trial))
    store.append(other(N))
    return store


def other(trial: int, **more: str) -> Record:
    """A record of another condition."""
    condition = small_condition(**{"learner.learning_rate": 0.1})
    return invented(condition, trial, [stage("early", 3), stage("late", 7)], **more)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Trials are not run again, but come out as they are stored; the numbers of those that were."""
    done: list[int] = []

    def local(jobs: list[engine.Job], n_workers: int) -> Iterator[engine.Event]:
        for job in jobs:
            done.extend(job.trials)
            yield engine.Ended(job, (other if N in job.trials else record)(*job.trials))

    monkeypatch.setattr(engine, "local", local)
    return done


def said(store: Store, *arguments: str, code: int) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        done = CliRunner().invoke(main, ["verify", *arguments, "--results", str(store.folder)])
    assert done.exit_code == code, done.output
    return done


def wrong(store: Store) -> dict[str, list[str]]:
    """What does not hold: what is wrong, and what to do."""
    lines = json.loads(said(store, "--format", "json", code=3).stdout)
    assert {line["holds"] for line in lines} <= {"yes", "no"}
    return {
        line["what has to hold"]: [line["what is wrong"], line["what to do"]] for line in lines if line["holds"] == "no"
    }


def test_a_sound_folder_is_a_line_for_each_claim(store, ran):
    store.append(record(0))  # the same once more is no harm
    lines = said(store, code=0).stdout.splitlines()
    assert len(lines) == 2 + 8
    assert all(" yes" in line for line in lines[2:])
    assert "6 trials in 1 file " in lines[2]
    assert "3 of 6 trials that took less than 5 s" in lines[-1]
    assert len(set(ran)) == 3


def test_nothing_is_run_again_for_which_there_is_no_memory(store, ran, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 1e3)
    assert "of memory or more" in said(store, code=2).stderr
    assert not ran
    said(store, "--sample", "0", code=0)


def test_a_broken_line_of_the_attestations(store, ran):
    attestation.write(store.folder, [])
    path = store.folder / attestation.FILE
    path.write_text(path.read_text() + "<<<<<<< mine\n")
    assert wrong(store) == {
        "every line of attested.csv is an attestation": [
            "1 line", "`repro attest` writes the file without them, and what it lacks"
        ]
    }  # fmt: skip


def test_the_sample_is_drawn_by_nobody_among_what_is_done_soon(store, ran):
    for trial in (1, 3):
        store.append(replace(record(trial), cpu_s=5.5))
    said(store, "--sample", "9", code=0)
    assert sorted(ran) == [0, 2, 4, N]
    ran.clear()
    assert "run again" not in said(store, "--sample", "0", code=0).stdout
    assert ran == []


def nonsense(store: Store) -> None:
    with store.path("4").open("a") as file:
        file.write("<<<<<<< ours\n=======\n")


def torn(store: Store) -> None:
    store.path("4").write_bytes(store.path("4").read_bytes()[:-20])


def edited(store: Store) -> None:
    """So that no trial of its condition can have left it."""
    text = (
        store.path("4")
        .read_text()
        .replace('"sequences":7,"steps":700,"stages"', '"sequences":8,"steps":800,"stages"', 1)
    )
    store.path("4").write_text(text)


def of_another_key(store: Store) -> None:
    store.path("4").write_text(store.path("4").read_text().replace('"learning_rate":0.5', '"learning_rate":0.25'))


def of_nobody(store: Store) -> None:
    store.path("4").write_text(store.path("4").read_text().replace('"name":"lstm"', '"name":"nobody"', 1))


def differing(store: Store) -> None:
    store.append(replace(record(2), weights_digest="beef" * 4))


def of_another_source(store: Store) -> None:
    store.append(other(7, source="older"))


@pytest.mark.parametrize(
    ("spoil", "claim", "problem", "advice"),
    [
        (nonsense, "every line is a record", "2 lines", "the warnings name them"),
        (torn, "no file ends with half a record", "1 file", "`repro run` puts that aside"),
        (edited, "every record fits its condition", "1 record", "the warnings name them"),
        (of_another_key, "every record fits its condition", "5 records", "the warnings name them"),
        (of_nobody, "the learner and task of every record", "5 records", "`repro --with FILE.py verify`"),
        (differing, "all records of a trial say the same", "1 record", "the warnings name them"),
        (
            of_another_source,
            "every trial was computed by today's",
            "1 trial of 4/lstm/T=100",
            "`repro attest` finds out",
        ),
    ],
)
def test_what_is_wrong_is_said_and_what_to_do(store, ran, spoil, claim, problem, advice):
    spoil(store)
    found = wrong(store)
    ((whole, (what, todo)),) = found.items()
    assert whole.startswith(claim)
    assert what == problem
    assert todo.startswith(advice)


def test_a_folder_without_trials_is_not_sound(tmp_path, ran):
    assert wrong(Store(tmp_path)) == {
        "there are trials": ["there are none", "`repro run` makes some; --results names another folder"]
    }


def test_trials_that_end_otherwise_are_named(store, monkeypatch):
    def local(jobs: list[engine.Job], n_workers: int) -> Iterator[engine.Event]:
        for job in jobs:
            (trial,) = job.trials
            made = other(trial) if trial == N else record(trial)
            yield engine.Ended(job, replace(made, steps=700 + (trial == 2)))

    monkeypatch.setattr(engine, "local", local)
    done = said(store, "--sample", "9", code=3)
    assert "4/lstm/T=100:2 (printed) do not" in done.stdout
    found = verify.again(*verify.drawn(verify.read(store), 9), lambda jobs: local(jobs, 1))
    assert found.problem == "4/lstm/T=100:2 (printed) do not"


def test_records_that_count_and_differ_are_a_finding(store, ran, monkeypatch):
    store.append(replace(record(1), source="older", weights_digest="beef" * 4))
    monkeypatch.setattr("repro.records.attestation.Ledger.agree", lambda *_: True)
    found = wrong(store)
    assert list(found) == ["records that count agree"]
    assert found["records that count agree"][0].startswith("trial 1 of 4/lstm/T=100 (printed) is stored with different")
