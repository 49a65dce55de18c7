"""A grid is a product, a file is named variants, and both are nothing but settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.experiments import config, sweep, wanted
from repro.experiments.config import ConfigError
from repro.experiments.selection import parse_value, select, text
from repro.records import planning
from repro.records.store import Store

FILE = """
[variants.plain-and-fast]
note = "at twice the rate"
reading = "plain-error"
set = { learning_rate = 1.0 }

[variants.small]
set = { "learner.size" = 1, init = 0.2 }
"""


def test_a_grid_is_a_product_whose_last_key_changes_fastest():
    points = [one.changes for one in sweep.grid(["learning_rate=0.1,0.5", "output=linear,logistic"])]
    assert points == [
        {"learning_rate": 0.1, "output": "linear"}, {"learning_rate": 0.1, "output": "logistic"},
        {"learning_rate": 0.5, "output": "linear"}, {"learning_rate": 0.5, "output": "logistic"},
    ]  # fmt: skip
    assert [one.changes for one in sweep.grid([])] == [{}]


@pytest.mark.parametrize(
    ("given_text", "values"),
    [
        ("0.1,0.5", [0.1, 0.5]),
        (" 1 , 2 ", [1, 2]),
        ("[1,2],[3,4]", [[1, 2], [3, 4]]),
        ('{a=1,b=[2,3]},linear,true,"a,b"', [{"a": 1, "b": [2, 3]}, "linear", True, "a,b"]),
        ("-1e-3", [-0.001]),
    ],
)
def test_values_are_those_of_toml_or_words(given_text, values):
    assert sweep.values(given_text) == values


VALUES = st.recursive(
    st.one_of(st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.booleans()),
    lambda inside: st.lists(inside, max_size=3),
)


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_what_is_written_as_set_takes_it_is_read_back(values):
    assert sweep.values(",".join(map(text, values))) == values
    assert [parse_value(text(value)) for value in values] == values


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["learning_rate"], "--grid takes KEY=V1,V2,..."),
        (["=1"], "--grid takes KEY=V1,V2,..."),
        (["learning_rate="], "--grid takes KEY=V1,V2,..."),
        (["a=1,,2"], "a value is missing in '1,,2'"),
        (["a=1", "a=2"], "--grid has a twice"),
        ([f"{key}={','.join(map(str, range(99)))}" for key in "abc"], "makes 970,299 variants; 100,000 are the most"),
    ],
)
def test_what_is_wrong_with_a_grid_is_said(options, problem):
    with pytest.raises(ConfigError, match=problem.replace("(", r"\(")):
        sweep.grid(options)


def test_a_file_has_named_variants_and_all_that_is_wrong_is_said(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(FILE)
    first, second = sweep.read(path)
    assert (first.name, first.reading, first.changes) == ("plain-and-fast", "plain-error", {"learning_rate": 1.0})
    assert (second.name, second.reading, second.changes) == ("small", None, {"learner.size": 1, "init": 0.2})
    path.write_text("[variants.a]\nsets = {}\nnote = 1\n")
    with pytest.raises(ConfigError, match=r"(?s)variants.a.sets: there is no such setting.*variants.a.note|note.*sets"):
        sweep.read(path)
    for content in ("", "[variants]\n", "variants = 3", "[readings.a]\nset = {}"):
        path.write_text(content)
        with pytest.raises(ConfigError, match="not a sweep"):
            sweep.read(path)
    path.write_text("[")
    with pytest.raises(ConfigError, match="not valid TOML"):
        sweep.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        sweep.read(tmp_path / "none.toml")


def planned(tmp_path, variants, *patterns, **more):
    items = wanted.items(select(patterns, config.load()), variants=variants, **more)
    return [(item.label, item.condition.key, item.n_trials) for item in planning.plan(items, Store(tmp_path)).items]


def test_a_sweep_runs_the_conditions_that_set_and_reading_would_run(tmp_path):
    (tmp_path / "s.toml").write_text(FILE)
    variants = sweep.together(sweep.read(tmp_path / "s.toml"), sweep.grid(["stop.max_sequences=100,200"]))
    row = config.load()["6a/lstm"]
    names = ["plain-and-fast, max_sequences=100", "plain-and-fast, max_sequences=200",
             "small, max_sequences=100", "small, max_sequences=200"]  # fmt: skip
    settings = [("plain-error", {"learning_rate": 1.0}), ("printed", {"learner.size": 1, "init": 0.2})]
    keys = [row.condition(r, {**changes, "stop.max_sequences": n}).key for r, changes in settings for n in (100, 200)]
    found = planned(tmp_path, variants, "6a/lstm", trials=3)
    assert found == [(f"6a/lstm ({name})", key, 3) for name, key in zip(names, keys, strict=True)]


def test_variants_that_are_the_same_are_run_once(tmp_path):
    points = sweep.grid(["learning_rate=0.5,0.1,0.10"])  # the first is the row itself
    assert len(planned(tmp_path, points, "6a/lstm")) == 2
    assert planned(tmp_path, points[:1], "6a/lstm")[0][1] == config.load()["6a/lstm"].condition().key


def test_of_several_rows_each_has_each_variant(tmp_path):
    points = sweep.grid(["learning_rate=0.1,0.2"])
    rows = [label.partition(" ")[0] for label, *_ in planned(tmp_path, points, "4/lstm/T=100", "4/lstm/T=500")]
    assert sorted(rows) == ["4/lstm/T=100"] * 2 + ["4/lstm/T=500"] * 2
    with pytest.raises(ConfigError, match="no such setting"):
        planned(tmp_path, points, "3a/guessing/*")
