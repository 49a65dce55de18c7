"""A stored trial runs again to the same bits, and differences are named; all trials here run in plain Python."""

import json
import re
from functools import lru_cache

import pytest
from click.testing import CliRunner
from conftest import ended
from invented import invented
from msgspec.structs import replace

from repro.commands.main import main
from repro.experiments import config
from repro.looking import watching
from repro.records.provenance import Machine
from repro.records.store import Store
from repro.running.engine import crashed

CHANGES = {"stop.window": 4, "stop.max_sequences": 6, "stop.test_sequences": 2}
EXAMS = {"stop.exam_sequences": 2, "stop.exam_every": 2}
# fmt: off
SHORT = {
    "4/lstm/T=100": {**CHANGES, "task.length": 20},
    "1/rtrl/hidden=3,lr=0.05": {**CHANGES, **EXAMS, "task.training_strings": 3, "task.test_strings": 2},
    "3a/guessing/A1,T=100,N=3": {
        **CHANGES, "stop.tolerance": 2, "learner.tolerance": 2, "task.training_sequences": 4, "task.length": 10,
        "stop.exam_every": 1,
    },
}
# fmt: on


def options(changes):
    return [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]


def condition_of(row, reading="printed", **more):
    return config.load()[row].condition(reading, {**SHORT[row], **more})


def store_with(folder, *records):
    store = Store(folder)
    for record in records:
        store.append(record)
    return store


def run(folder, *arguments, code=0):
    done = CliRunner().invoke(main, ["replay", *arguments, "--results", str(folder)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def asked(row):
    return [f"{row}:1", *options(SHORT[row])]


@pytest.mark.parametrize("row", SHORT)
def test_a_trial_that_is_replayed_agrees(plain, tmp_path, row):
    store_with(tmp_path, ended(condition_of(row), 1))
    done = run(tmp_path, *asked(row), "--format", "json")
    lines = json.loads(done.stdout)
    assert {line["same"] for line in lines} == {"yes"}
    assert {"outcome", "sequences", "steps", "weights digest"} <= {line["what"] for line in lines}
    assert "All bits agree." in done.stderr
    assert "recorded with" not in done.stderr


def test_every_difference_is_named_and_nothing_else(plain, tmp_path):
    row = "3a/guessing/A1,T=100,N=3"
    record = ended(condition_of(row), 1)
    stage = replace(record.stages[0], mean_squared_error=0.5, steps=record.steps + 1)
    wrong = {
        "weights_digest": "0" * 16,
        "steps": record.steps + 1,
        "facts": {"units": 3, **record.facts},
        "stages": (stage,),
    }
    store_with(tmp_path, replace(record, **wrong))
    done = run(tmp_path, *asked(row), "--format", "json", code=3)
    different = {line["what"] for line in json.loads(done.stdout) if line["same"] == "no"}
    of_stage = {f"stage {stage.name}: {name}" for name in ("mean_squared_error", "steps")}
    assert different == {"steps", "units", "weights digest", *of_stage}
    for what in different:
        assert what in done.stderr
    assert f"weights digest: {'0' * 16} recorded, {record.weights_digest} replayed" in done.stderr
    done = run(tmp_path, *asked(row), "--watch", code=3)
    assert "weights digest" in done.stderr
    assert "weights digest" not in done.stdout


def test_a_record_of_other_source_is_said_to_be_one(plain, tmp_path):
    row = "4/lstm/T=100"
    record = ended(condition_of(row), 1)
    versions = record.versions | {"numba": "0.1"}
    store_with(tmp_path, replace(record, source="feed" * 4, machine=Machine(versions, record.processor)))
    done = run(tmp_path, *asked(row))
    assert f"recorded with numerical source {'feed' * 4}, now {record.source}; numba 0.1, now" in done.stderr
    assert "All bits agree." in done.stderr


def test_the_record_of_todays_source_is_preferred(plain, tmp_path):
    row = "4/lstm/T=100"
    record = ended(condition_of(row), 1)
    old = replace(record, source="feed" * 4, weights_digest="0" * 16)
    crash = crashed(condition_of(row), 1, "gone")
    for order in ((record, old, crash), (old, crash, record)):
        folder = tmp_path / order[0].source
        store_with(folder, *order)
        run(folder, *asked(row))


def test_watching_prints_a_table_or_draws_a_figure(plain, tmp_path):
    row = "4/lstm/T=100"
    store_with(tmp_path, ended(condition_of(row), 1))
    done = run(tmp_path, *asked(row), "--watch", "--sequence", "1", "--format", "json")
    lines, seen = json.loads(done.stdout), watching.watch(condition_of(row), 1, 1)
    assert [line["output 1"] for line in lines] == [round(float(y), 3) for y in seen.outputs[:, 0]]
    assert lines[-1]["target 1"] == round(float(seen.targets[-1, 0]), 3)
    path = tmp_path / "gates.png"
    assert run(tmp_path, *asked(row), "--watch", "-o", str(path)).stdout == ""
    assert path.read_bytes().startswith(b"\x89PNG")
    for more, problem in ((["-o", str(path)], "-o is the file for the figure of --watch"),
                          (["--wrong"], "--wrong chooses the sequence of --watch"),
                          (["--watch", "-o", "gates.jpg"], "gates.jpg: figures are written as")):  # fmt: skip
        said = run(tmp_path, *asked(row), *more, code=2).stderr
        assert problem in said
        assert "All bits agree" not in said, "found out too late"


@pytest.mark.parametrize(
    ("tolerance", "number", "found"),
    [(0.15, 2, "the only wrong one among the 2 from number 1 on"), (9.0, 1, "none of the 2 from number 1 on is wrong")],
)
def test_a_sequence_that_is_wrong_is_looked_for(plain, tmp_path, tolerance, number, found):
    row, changes = "4/lstm/T=100", {"stop.tolerance": tolerance}
    store_with(tmp_path, ended(condition_of(row, **changes), 1))
    asking = [*asked(row), *options(changes), "--watch", "--sequence"]
    alone = run(tmp_path, *asking, str(number), "--format", "csv")
    (said,) = re.findall(rf"^Test (sequence {number}: .*)$", alone.stderr, re.MULTILINE)
    assert f"{'right' if number == 1 else 'wrong'}, worst error " in said
    done = run(tmp_path, *asking, "1", "--wrong", "--format", "csv")
    assert f"\nTest {said}; {found}\nAll bits agree.\n" in done.stderr
    assert done.stdout == alone.stdout
    path = tmp_path / "it.svg"
    run(tmp_path, *asking, "1", "--wrong", "-o", str(path))
    title = re.search(r"<dc:title>(.*?)</dc:title>", path.read_text(), re.DOTALL)[1].splitlines()
    assert [*title[0].partition(" (")[:1], *title[1:]] == [f"{row}, trial 1", f"test {said}", found]


@lru_cache(maxsize=None)
def at_limit(row, reading="printed", trial=1, seed=0, rate=None):
    """A record of a trial that nobody has run."""
    condition = config.load()[row].condition(reading, {"learning_rate": rate} if rate else {}, seed)
    return invented(condition, trial)


def test_who_asks_for_a_trial_that_is_not_there_is_told_what_is(tmp_path):
    row = "6a/lstm"
    store_with(
        tmp_path,
        *(at_limit(row, trial=n) for n in (0, 1, 2, 5)), at_limit(row, "plain-error", trial=3),
        at_limit(row, seed=4), at_limit(row, rate=0.1),
    )  # fmt: skip
    for arguments in (["6a/lstm:3"], ["6a/lstm:1", "--seed", "7"], ["6a/lstm:1", "--reading", "plain-error"]):
        said = run(tmp_path, *arguments, code=2).stderr
        assert re.search(r"trial \d of 6a/lstm under these settings is not in", said)
        assert "\n  no options: trials 0-2, 5\n" in said
        assert "\n  --reading plain-error: trials 3\n" in said
        assert "\n  --seed 4: trials 1\n" in said
        assert "\n  --set 'learner.learning_rate=0.1': trials 1\n" in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["6a/lstm"], "a trial is ROW:NUMBER, such as 6a/lstm:3; not '6a/lstm'"),
        (["6a/lstm:x"], "a trial is ROW:NUMBER"),
        (["6a/lsm:1"], "no row is called '6a/lsm'. Did you mean 6a/lstm"),
        (["4/lstm:1"], "'4/lstm' means 3 rows, and one is wanted"),
        (["6b/lstm:1"], "no trials of 6b/lstm are in "),
        (["6a/lstm:1", "--reading", "nope"], "6a/lstm has no reading 'nope'"),
        (["6a/lstm:1", "--set", "learning_rat=1"], "no such setting"),
        (["6a/lstm:8"], "trial 8 of 6a/lstm crashed, and left nothing to compare with: out of memory"),
    ],
)
def test_mistakes_are_explained(tmp_path, arguments, problem):
    crash = crashed(config.load()["6a/lstm"].condition(), 8, "Traceback\n  line\nout of memory\n")
    store_with(tmp_path, at_limit("6a/lstm"), crash)
    assert problem in run(tmp_path, *arguments, code=2).stderr
