"""Every stored trial is a line, with what differs from its row: for eyes, for programs, and in Python for pandas."""

import csv
import io
import json

import pandas as pd
import pytest
from click.testing import CliRunner
from generated import generate
from invented import invented, stage
from msgspec.structs import replace

import repro
from repro.commands.main import main
from repro.experiments import config
from repro.records.store import Store
from repro.running.engine import crashed

ROW = "6a/lstm"


@pytest.fixture
def store(tmp_path) -> Store:
    """Trials of all kinds: the row's own, another rate, another seed, screened, stale, crashed, run twice."""
    store, row = Store(tmp_path), config.load()[ROW]
    own, other = row.condition(), row.condition("plain-error", {"learning_rate": 0.1, "task.length": [105, 120]}, 7)
    passed = [stage("ST3(.1)", 30_000, 2)]
    for trial in range(3):
        store.append(invented(own, trial, passed))
    store.append(invented(own, 2, passed, source="older"))
    store.append(invented(own, 3, passed, source="older"))
    store.append(crashed(own, 4, "gone, with a comma\nand a line"))
    store.append(invented(own, 5))
    store.append(replace(invented(other, 0, passed), screened=True))
    two = config.load()["5/lstm"].condition()
    store.append(invented(two, 0, [stage("n_seq=140", 500_000), stage("n_seq=13", 900_000)]))
    return store


def frame(store: Store, *patterns: str) -> pd.DataFrame:
    return repro.frame(patterns, results=store.folder)


def test_a_trial_is_a_line_with_what_differs_from_its_row(store):
    table = frame(store, "6a")
    assert list(table["trial"]) == [0, 1, 2, 3, 4, 5, 0]
    assert list(table["counts"]) == [True, True, True, False, False, True, False]
    assert list(table["outcome"]) == ["solved"] * 4 + ["crashed", "limit", "solved"]
    assert list(table["settings"]) == [""] * 6 + ["length=[105, 120], learning_rate=0.1"]
    assert list(table["learner.learning_rate"]) == [0.5] * 6 + [0.1]
    assert list(table["task.length"])[-1] == "[105, 120]"
    assert list(table["screened"]) == [False] * 6 + [True]
    assert table["seed"].iloc[-1] == 7
    assert table["reading"].iloc[-1] == "plain-error"
    assert table["source"].iloc[2] != "older"  # of a trial that was run twice the record that counts
    assert table["stage_1_sequences"].tolist()[:3] == [30_000] * 3
    assert table["stage_1_test_wrong"].dropna().tolist() == [2] * 5
    assert "gone, with a comma\nand a line" in table["error"].dropna().tolist()


def test_the_types_do_not_depend_on_what_is_missing(store):
    for table in (frame(store), frame(store, "6a"), frame(store, "5")):
        kinds = table.dtypes.astype(str).to_dict()
        assert kinds["stage_1_sequences"] == "Int64"
        assert kinds["stage_1_mean_absolute_error"] == kinds["cpu_s"] == "float64"
        assert kinds["sequences"] == kinds["trial"] == "int64"
        assert kinds["counts"] == "bool"
    assert "stage_2_sequences" not in frame(store, "6a")
    assert frame(store, "5")["stage_2_sequences"].tolist() == [900_000]
    assert frame(store, "3a").empty


def run(store: Store, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["trials", *arguments, "--results", str(store.folder)])
    assert done.exit_code == code, done.output
    return done.stdout or done.stderr


def test_csv_and_json_are_the_frame(store):
    table = frame(store)
    back = pd.read_csv(io.StringIO(run(store, "--format", "csv")), keep_default_na=False, dtype=str)
    assert list(back.columns) == list(table.columns)
    for name in ("trial", "sequences", "settings", "stage_2_sequences", "error"):
        assert back[name].tolist() == ["" if pd.isna(one) else str(one) for one in table[name]]
    assert back["counts"].tolist() == [str(one).lower() for one in table["counts"]]
    lines = json.loads(run(store, "--format", "json"))
    assert [line["counts"] for line in lines] == table["counts"].tolist()
    assert [line["stage_1_sequences"] for line in lines] == [
        None if pd.isna(one) else one for one in table["stage_1_sequences"]
    ]


def test_as_text_it_has_what_a_reader_wants(store):
    text = run(store, "6a")
    assert "length=[105, 120], learning_rate=0.1" in text
    assert " yes " in text
    assert "weights_digest" not in text
    assert "screened" in text
    assert "screened" not in run(store, "5")
    assert "No such trials are stored" in run(store, "3a")
    assert run(store, "6a", "--format", "md").startswith("| row")


def test_a_view_takes_the_settings_that_it_means(store):
    lines = list(csv.DictReader(io.StringIO(run(store, "6a", "--by", "learning_rate", "--format", "csv"))))
    assert {line["settings"] for line in lines} == {""}
    lines = json.loads(
        run(store, "6a", "--set", "learning_rate=0.1", "--set", "task.length=[105,120]", "--seed", "7", "--format",
            "json")
    )  # fmt: skip
    assert [(line["reading"], line["seed"]) for line in lines] == [("plain-error", 7)]


def test_trials_of_rows_that_are_no_more_are_there_too(store, monkeypatch):
    rows = {name: row for name, row in config.load().items() if name != ROW}
    monkeypatch.setattr("repro.presentation.trials.load", lambda: rows)
    table = frame(store)
    assert (table["row"] == ROW).sum() == 7
    assert "learning_rate=0.5" in table["settings"].iloc[1]


def test_many_are_for_programs(tmp_path):
    generate(tmp_path, 10_001)
    assert "more than 10,000 trials are too many to read" in run(Store(tmp_path), code=2)
    assert run(Store(tmp_path), "--format", "csv").count("\n") == 10_002
    assert len(json.loads(run(Store(tmp_path), "--format", "json"))) == 10_001


def test_columns_are_chosen_and_each_is_described(store):
    from repro.presentation import trials

    assert run(store, "5", "--columns", "trial,stage_2_sequences", "--format", "csv") == (
        "trial,stage_2_sequences\n0,900000\n"
    )
    assert "weights_digest" in run(store, "5", "--columns", "row,weights_digest")
    assert "no column is called 'trail'. Did you mean trial" in run(store, "--columns", "trail", code=2)
    assert "stage_N_test_wrong" in run(store, "--columns", "help")
    names, _ = trials.table((), config.load(), store)
    described = {name.replace("stage_1", "stage_N").replace("stage_2", "stage_N") for name in names if "." not in name}
    assert described <= trials.ABOUT.keys()
