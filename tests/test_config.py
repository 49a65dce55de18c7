"""Configurations: what is in the repository is the paper's, and what is wrong is said, all of it, with file and key."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro import config, selection
from repro.config import ConfigError

HERE = Path(__file__).parent
GOOD = (HERE.parent / "configs" / "5.toml").read_text(encoding="utf-8")


def read(tmp_path: Path, text: str | bytes, name: str = "5.toml") -> dict[str, config.Row]:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(data)
    config.load.cache_clear()
    return config.load(tmp_path)


def problems(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    return str(error.value)


# ------------------------------------------------------------------------------------------------ the paper's numbers


def published_csv() -> list[dict[str, str]]:
    with (HERE / "published.csv").open(encoding="utf-8", newline="") as file:
        return [line for line in csv.DictReader(file) if line["experiment"] in ("4", "5", "6a", "6b")]


@pytest.mark.parametrize("fact", published_csv(), ids=lambda f: f"table{f['table']}-{f['row']}-{f['metric']}")
def test_published_values_are_the_papers(fact):
    (row, line), = (
        (row, line)
        for row in config.load().values()
        for line in row.published
        if (str(line.table), str(line.line)) == (fact["table"], fact["row"])
    )  # fmt: skip
    name = {
        "sequences_to_success": "sequences",
        "test_wrong_of_2560": "test_wrong",
        "test_error_printed_as_mse": "test_error",
    }[fact["metric"]]
    assert getattr(line, name) == float(fact["value"])
    assert row.experiment == fact["experiment"]
    assert row.trials == int(fact["trials"])
    assert line.weights == int(fact["weights"]) == row.setup().n_weights
    for parameter in fact["params"].split(","):
        key, _, value = parameter.partition("=")
        setup = row.setup()
        if key == "lr":
            assert setup.learner.learning_rate == float(value)
        elif key == "T":
            assert setup.task.length == int(value)
        else:
            assert f"{key}={value}" == line.stage


@pytest.mark.parametrize("row", config.load().values(), ids=lambda row: row.name)
def test_limits_are_ten_times_the_published_mean(row):
    longest = max(line.sequences for line in row.published)
    assert row.setup().stop.max_sequences == 10 * longest


@pytest.mark.parametrize("row", config.load().values(), ids=lambda row: row.name)
def test_a_reading_differs_from_printed_in_what_it_says_alone(row):
    printed = row.cell().settings
    for name, reading in row.readings.items():
        cell = row.cell(name)
        changed = {
            f"{group}.{key}"
            for group, settings in cell.settings.items()
            for key, value in settings.items()
            if value != printed[group][key]
        }
        assert changed == set(reading.set), name
        assert (cell.key == row.cell().key) == (name == "printed")


# --------------------------------------------------------------------------------------------------- what goes wrong


def test_the_good_one_is_good(tmp_path):
    assert list(read(tmp_path, GOOD)) == ["5/lstm"]
    assert list(read(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())) == ["5/lstm"]


def test_every_error_at_once_with_file_and_key(tmp_path):
    bad = (
        GOOD.replace("learning_rate = 0.1", 'learning_rat = 0.1\nsize2 = "2"')
        .replace("blocks = 2", 'blocks = "2"')
        .replace("window = 2000", "window = 0")
        .replace("length = 100", "length = 1.5")
        .replace('stage = "n_seq=140"', 'stage = "n_seq=14"')
    )
    said = problems(tmp_path, bad)
    for part in (
        "5.toml: learner.learning_rat: there is no such setting. Did you mean learning_rate?",
        "5.toml: learner.learning_rate: is missing",
        "5.toml: learner.size2: there is no such setting",
        "5.toml: learner.blocks: Input should be a valid integer, not '2'",
        "5.toml: stop.window: Input should be greater than or equal to 1, not 0",
        "5.toml: task.length: Input should be a valid integer",
    ):
        assert part in said
    assert "published.0.stage: there is no stage 'n_seq=14'. Did you mean n_seq=140" in said
    assert said.splitlines()[0].startswith("7 error(s) in ")


def test_errors_of_different_kinds_come_together(tmp_path):
    bad = (
        GOOD.replace('title = "Mult', 'titel = "Mult').replace("blocks = 2", 'blocks = "2"')
        + '[learners.elman]\nname = "elmann"\n'
    )
    said = problems(tmp_path, bad)
    for part in ("title: is missing", "titel: there is no such setting. Did you mean title?", "learner.blocks: Input",
                 "learner.name: there is no learner 'elmann'"):  # fmt: skip
        assert f"5.toml: {part}" in said


def test_errors_of_several_files_come_together(tmp_path):
    read(tmp_path, GOOD)
    (tmp_path / "1.toml").write_text("experiment = 1")
    (tmp_path / "2.toml").write_text("= 2")
    said = problems(tmp_path, GOOD.replace("trials = 10", "trials = 0"))
    assert "1.toml: experiment: Input should be a valid string, not 1" in said
    assert "2.toml: not valid TOML:" in said
    assert "(at line 1, column 1)" in said
    assert "5.toml: rows.0.trials: Input should be greater than or equal to 1, not 0" in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("learning_rate = 0.1", "learning_rate = nan", "learning_rate: Input should be a finite number, not nan"),
        ("learning_rate = 0.1", "learning_rate = inf", "learning_rate: Input should be a finite number, not inf"),
        ("learning_rate = 0.1", "learning_rate = 1e400", "learner.learning_rate: Input should be a finite number"),
        ("learning_rate = 0.1", "learning_rate = -0.0", "learner.learning_rate: Input should be greater than 0"),
        ("learning_rate = 0.1", "learning_rate = true", "learner.learning_rate: Input should be a valid number"),
        ('biased = "all"', 'biased = "everything"', "learner.biased: Input should be 'none', 'gates',"),
        ('name = "lstm"', 'name = "lstn"', "learner.name: there is no learner 'lstn'. Did you mean lstm?"),
        ('name = "lstm"', 'name = "../../cli"', "learner.name: there is no learner '../../cli'"),
        ('name = "adding"', 'name = "__init__"', "task.name: there is no task '__init__'"),
        ('learner = "lstm"', 'learner = "elman"', "rows.0 (5/lstm).learner: there is no learners.elman"),
        ('name = "5/lstm"', 'name = "6a/lstm"', "a name starts with its experiment, '5/'"),
        ('name = "5/lstm"', 'name = "5/../../x"', "rows.0.name: String should match pattern"),
        ("[readings.printed]", "[readings.other]", "readings: there is no reading 'printed'"),
        ('"learner.output" = "linear"', '"learner.outputs" = "linear"', "readings.linear: learner.outputs: there"),
        ('"learner.output" = "linear"', '"output.x.y" = 1', "readings.linear: output.x.y: a key is task.NAME"),
        ("[-1.0, 1.0]", "[1.0, -1.0]", "learner.h: a squashing range goes from low to high"),
        ('input_gate_bias = "random"', "input_gate_bias = [1.0]", "learner: input_gate_bias has 1 values for 2 blocks"),
        ("max_wrong = 12", "max_wrong = 12\nmax_wrong = 13", "not valid TOML: Cannot overwrite a value"),
        (GOOD, "", "experiment: is missing"),
        (GOOD, "a = " + "[" * 5000 + "]" * 5000, "not valid TOML"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(tmp_path, old, new, expected):
    assert old in GOOD
    said = problems(tmp_path, GOOD.replace(old, new))
    assert re.search(rf"5\.toml: (\S+ \(\S+\)\S*: |readings\S*: |learner\.)?{re.escape(expected)}", said)
    assert "Traceback" not in said


def test_a_row_may_be_in_one_file_only(tmp_path):
    read(tmp_path, GOOD)
    (tmp_path / "x.toml").write_text(GOOD)
    assert "x.toml: rows: '5/lstm' is also in 5.toml" in problems(tmp_path, GOOD)


def test_no_configs_is_said(tmp_path):
    config.load.cache_clear()
    with pytest.raises(ConfigError, match="no experiments in"):
        config.load(tmp_path)


@given(st.integers(0, len(GOOD)), st.text(max_size=3), st.integers(0, 40))
def test_no_edit_of_a_config_makes_a_traceback(tmp_path_factory, place, text, cut):
    edited = (GOOD[:place] + text + GOOD[place + cut :]).encode("utf-8", "surrogatepass")
    try:
        read(tmp_path_factory.mktemp("c"), edited)
    except ConfigError as error:
        assert "5.toml" in str(error) or "no experiments" in str(error)


# ------------------------------------------------------------------------------------------------- names and overrides


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("6a/lstm", ["6a/lstm"]),
        ("4/*", ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"]),
        ("4", ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"]),
        ("4/lstm", ["4/lstm/T=100", "4/lstm/T=500", "4/lstm/T=1000"]),
        ("table:9", ["6a/lstm", "6b/lstm"]),
        ("@quick", ["4/lstm/T=100", "6a/lstm"]),
    ],
)
def test_selection(pattern, names):
    assert [row.name for row, _ in selection.select([pattern], config.load())] == names


def test_paper_is_everything_and_nothing_twice():
    assert len(selection.select(["@paper", "6a/lstm", "*"], config.load())) == len(config.load())


def test_an_explicit_row_beats_the_readings_of_quick():
    chosen = {row.name: readings for row, readings in selection.select(["@quick", "6a/lstm"], config.load())}
    assert chosen["6a/lstm"] is None
    assert chosen["4/lstm/T=100"] == ("printed", "linear")


@pytest.mark.parametrize("pattern", ["6a/lstn", "table:77", "", "@quik", "7/*"])
def test_an_unknown_row_is_an_error(pattern):
    with pytest.raises(ConfigError, match="no row is called"):
        selection.select([pattern], config.load())


def test_a_misspelt_row_gets_a_suggestion():
    with pytest.raises(ConfigError, match="Did you mean 6a/lstm"):
        selection.select(["6a/lstn"], config.load())


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("learning_rate=0.1", ("learning_rate", 0.1)),
        ("a.b = [1, 2]", ("a.b", [1, 2])),
        ("output=linear", ("output", "linear")),
        ('output="linear"', ("output", "linear")),
        ("train_biases=false", ("train_biases", False)),
    ],
)
def test_overrides(text, pair):
    assert selection.parse_override(text) == pair


def test_an_override_is_checked_like_a_config():
    row = config.load()["6a/lstm"]
    assert row.setup("printed", {"learning_rate": 0.25}).learner.learning_rate == 0.25
    for change, said in (
        ({"learning_rat": 1.0}, "6a/lstm: learning_rat: a key is task.NAME, learner.NAME or"),
        ({"learner.learning_rat": 1.0}, "learner.learning_rat: there is no such setting. Did you mean learning_rate?"),
        ({"name": "x"}, "name: a key is"),
    ):
        with pytest.raises(ConfigError) as error:
            row.setup("printed", change)
        assert said.split(" or")[0] in str(error.value)
    with pytest.raises(ConfigError, match=r"no reading 'pritned'\. Did you mean printed"):
        row.setup("pritned")
