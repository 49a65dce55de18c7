"""Sweeps, screenings and races from the command line: what runs, what is stored, and what is said."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from repro.analysis import tables, verdicts
from repro.commands.main import main
from repro.experiments import config
from repro.records.store import Store

ROW = "3a/lstm/T=100,N=3"
QUICK = ("-j", "1", "--max-sequences", "400")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records go. Trials run in this process, and as many side by side whatever there are: one kernel serves."""
    from repro.running import crew, engine

    monkeypatch.setattr(engine, "local", lambda jobs, n: engine.inline(jobs))
    monkeypatch.setattr(crew, "width_for", lambda n, widest=0: 4)
    return tmp_path / "results"


def repro(*arguments: str, folder: Path, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [*arguments, "--results", str(folder)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def stored(folder: Path) -> list[dict[str, str]]:
    text = repro("list", "--stored", "--format", "csv", folder=folder).stdout
    return list(csv.DictReader(io.StringIO(text)))


def test_a_grid_is_run_seen_and_resumed(folder):
    grid = ("run", ROW, "--trials", "2", "--grid", "learning_rate=0.5,1.0", "--grid", "init=0.1,0.2", *QUICK)
    said = repro(*grid, folder=folder).stderr
    assert "8 trials done (8 run now" in said
    names = [
        f"{ROW} (max_sequences=400, learning_rate={rate}, init={init})"
        for rate in ("0.5", "1.0")
        for init in ("0.1", "0.2")
    ]
    for name in names:
        assert name.replace("max_sequences", "stop.max_sequences") in said
    assert [(line["settings"], line["trials"]) for line in stored(folder)] == [
        ("init=0.2, learning_rate=0.5, max_sequences=400", "2"), ("init=0.2, max_sequences=400", "2"),
        ("learning_rate=0.5, max_sequences=400", "2"), ("max_sequences=400", "2"),
    ]  # fmt: skip
    assert "nothing was missing" in repro(*grid, folder=folder).stderr
    more = repro(
        *grid[: -len(QUICK)], "--grid", "input_gate_bias=[-3.0,-3.0],[-1.0,-1.0]", *QUICK, folder=folder, code=2
    )
    assert "input_gate_bias" in more.stderr  # it does not fit this row's net, and that is said before anything runs
    text = repro("table", ROW, "--by", "learning_rate,init", "--max-sequences", "400", folder=folder).stdout
    for wanted in ("learning_rate=0.5", "init=0.2", "max_sequences=400"):
        assert wanted in text
    assert len(repro("trials", ROW, "--format", "csv", folder=folder).stdout.splitlines()) == 9


def test_a_file_of_variants_is_run_by_their_names(folder, tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        '[variants.wide]\nset = { "learner.init" = 0.2 }\n\n[variants.slow]\nset = { learning_rate = 0.5 }\n'
    )
    said = repro("run", ROW, "--trials", "1", "--sweep", str(path), *QUICK, folder=folder).stderr
    assert f"{ROW} (wide): 1/1 trials" in said
    assert f"{ROW} (slow): 1/1 trials" in said
    plan = json.loads(
        repro("run", ROW, "--trials", "3", "--sweep", str(path), *QUICK, "--dry-run", "--format", "json",
              folder=folder).stdout
    )  # fmt: skip
    assert "wide" in json.dumps(plan)
    assert "not a sweep" in repro("run", ROW, "--sweep", "pyproject.toml", folder=folder, code=2).stderr


def test_a_screening_says_what_was_tried_and_counts_nowhere(folder):
    ask = ("screen", ROW, "--grid", "learning_rate=0.5,1.0,2.0,4.0", "--trials", "2", "--keep", "1", *QUICK)
    done = repro(*ask, folder=folder)
    assert "4 variants, sequential halving: 2 trials each, up to 400 training sequences" in done.stderr
    assert f"{ROW}: 4 variants tried, 0 left, up to 400 training sequences." in done.stdout
    assert "No variant solved a trial within the limit." in done.stdout
    assert {line["screened"] for line in stored(folder)} == {"2"}
    assert {line["counts"] for line in stored(folder)} == {"0"}
    before = (folder / "3a.jsonl").read_bytes()
    again = repro(*ask, "--format", "json", folder=folder)
    assert (folder / "3a.jsonl").read_bytes() == before
    lines = json.loads(again.stdout)
    assert [line["fate"] for line in lines] == ["solved nothing"] * 4
    assert {(line["variants_tried"], line["seed"], line["limit"], line["trials"]) for line in lines} == {(4, 1, 400, 2)}


EASY = (  # what any net passes, at its first exam
    'stop.stages=[{name="ST1",exam_max_wrong=4},{name="ST2",exam_max_wrong=4}]',
    "stop.exam_every=20", "stop.exam_sequences=4", "stop.test_sequences=0",
)  # fmt: skip


def test_survivors_are_run_again_with_fresh_seeds_and_only_that_counts(folder):
    easy = [part for setting in EASY for part in ("--set", setting)]
    ask = ("screen", ROW, "--grid", "learning_rate=0.5,2.0", *easy, "--trials", "1", "--keep", "2")
    done = repro(*ask, *QUICK, "--confirm", folder=folder)
    assert "2 variants are few enough" in done.stderr
    assert "2 variants tried, 2 left" in done.stdout
    assert "Survivors, run again with fresh seeds and all trials:" in done.stdout
    conditions = stored(folder)
    limit = str(config.load()[ROW].setup().stop.max_sequences)
    assert sorted((line["seed"], line["trials"], line["counts"], line["max_sequences"]) for line in conditions) == [
        ("0", "10", "10", limit), ("0", "10", "10", limit), ("1", "1", "0", "400"), ("1", "1", "0", "400"),
    ]  # fmt: skip
    assert "what confirms must be other trials" in repro(*ask, "--confirm-seed", "1", folder=folder, code=2).stderr
    found = verdicts.compare(tables.selected([ROW], config.load(), Store(folder)))
    assert {one.verdict for one in found} == {"NOT RUN"}


def test_a_race_runs_what_is_missing_and_says_what_can_be_concluded(folder, tmp_path):
    first = " ".join([ROW, *EASY])
    second = f"{first} learning_rate=2.0"
    drawn = tmp_path / "race.svg"
    done = repro("race", first, second, "--trials", "3", "-j", "1", "-o", str(drawn), folder=folder)
    assert "6 trials done (6 run now, 6 of them solved)" in done.stderr
    assert "learning_rate=1.0 against learning_rate=2.0" in done.stdout
    assert "cannot be said" in done.stdout
    assert "Both: 3a/lstm/T=100,N=3, stages=" in done.stdout
    assert drawn.stat().st_size > 1000
    data = json.loads(repro("race", first, second, "--trials", "3", "--format", "json", folder=folder).stdout)
    assert [(side["trials"], side["solved"]) for side in data["contestants"]] == [(3, 3), (3, 3)]
    assert data["said"]
    assert "the same trials" in repro("race", first, first, folder=folder, code=2).stderr
    assert "are not of the same task" in repro("race", ROW, "6a/lstm", folder=folder, code=2).stderr


def test_nothing_stored_is_invisible(folder):
    repro("run", ROW, "--trials", "1", "--seed", "5", *QUICK, folder=folder)
    assert [(line["row"], line["seed"], line["settings"]) for line in stored(folder)] == [
        (ROW, "5", "max_sequences=400")
    ]
    text = repro("list", "--stored", folder=folder).stdout
    assert "max_sequences=400" in text
    assert "Nothing is stored" in repro("list", "--stored", "6a", folder=folder).stdout
    assert "1 trial of other settings" in " ".join(repro("table", ROW, folder=folder).stdout.split())
    assert "two lists" in repro("list", "--stored", "--matrix", folder=folder, code=2).stderr
