"""Columns: chosen by name in every format, and read back by pandas with the types that are promised of them."""

import ast
import io
import json
import re
import runpy
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from invented import AS_PUBLISHED, fill, stage, times

from repro.commands.main import main
from repro.presentation import conditions, row_list, schemas, stored_list, table_view, verdict_table
from repro.presentation.columns import Schema
from repro.records.store import Store

ROOT = Path(__file__).parents[1]
ASKED = {  # what prints each view
    "lines": (["table", "@paper", "ours"], table_view.SCHEMA),
    "table 10": (["table", "10"], conditions.SCHEMAS[10]),
    "table 11": (["table", "11"], conditions.SCHEMAS[11]),
    "verdicts": (["compare", "--reading"], verdict_table.SCHEMA),
    "sentences": (["compare", "--brief"], verdict_table.CLAIMS),
    "rows": (["list"], row_list.SCHEMA),
    "stored": (["list", "--stored"], stored_list.SCHEMA),
}
VIEWS = pytest.mark.parametrize(("command", "schema"), ASKED.values(), ids=ASKED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records of rows that solve, that fail, that do both, and that have not run; under two readings."""
    store = Store(tmp_path_factory.mktemp("records"))
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:19]), []])
    fill(store, "6a/lstm", times(*AS_PUBLISHED), reading="plain-error")
    fill(store, "4/lstm/T=100", [[]] * 10)
    fill(store, "1/cascade", [[stage("all correct", 1000 * n)] for n in range(2, 5)], facts={"units": 4})
    return store.folder


def repro(folder: Path, *arguments: str, code: int = 0) -> Result:
    results = [] if "--columns" in arguments and "help" in arguments else ["--results", str(folder)]
    done = CliRunner().invoke(main, [*arguments, *results])
    assert done.exit_code == code, done.output
    return done


def read(text: str, form: str, schema: Schema) -> pd.DataFrame:
    """What a command printed, as its page says how."""
    if form == "csv":
        return pd.read_csv(io.StringIO(text), dtype=schema.dtypes(), keep_default_na=False, na_values=[""])
    return pd.DataFrame(json.loads(text)).astype(schema.dtypes())


@VIEWS
def test_csv_and_json_hold_the_same_with_the_types_that_are_promised(folder, command, schema):
    frames = [read(repro(folder, *command, "--format", form).stdout, form, schema) for form in ("csv", "json")]
    for frame in frames:
        assert list(frame.columns) == [column.name for column in schema.columns]
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == schema.dtypes()
        assert len(frame)
    pd.testing.assert_frame_equal(*frames)


@VIEWS
def test_csv_tells_its_types_by_itself(folder, command, schema):
    """Wherever a column has a value: an integer has no point, a number has one. A table is text that looks like one."""
    text = repro(folder, *command, "--format", "csv").stdout
    found = pd.read_csv(io.StringIO(text), dtype_backend="numpy_nullable", keep_default_na=False, na_values=[""])
    for name, kind in schema.dtypes().items():
        if found[name].notna().any() and name != "task":
            assert str(found[name].dtype).removesuffix("[python]") == kind, name


@VIEWS
def test_json_has_values_of_their_kind_and_null(folder, command, schema):
    kinds = {column.name: column.kind for column in schema.columns}
    for line in json.loads(repro(folder, *command, "--format", "json").stdout):
        assert all(value is None or type(value) is kinds[name] for name, value in line.items())


def test_numbers_are_numbers(folder):
    frame = read(repro(folder, "compare", "1", "9", "--format", "csv").stdout, "csv", verdict_table.SCHEMA)
    mine = frame[frame.row == "6a/lstm"].set_index("value")
    rate, after, wrong = (mine.loc[value] for value in ("success rate", "success after", "wrong of 2560"))
    assert (rate.published, rate.published_solved, rate.published_trials) == ("20 of 20, implied", 20, 20)
    assert (rate.published_implied, rate.solved, rate.trials) == (True, 19, 20)
    assert pd.isna(rate.published_mean)
    assert (after.published, after.published_mean, after.published_is_bound) == ("31,390", 31_390, False)
    assert after.ours_mean == sum(AS_PUBLISHED[:19]) / 19
    assert after.estimate == pytest.approx(after.ours_mean / after.published_mean)
    assert (wrong.published_mean, wrong.ours_mean) == (1, 1)
    assert pd.isna(after.published_implied)
    others = frame.set_index(["row", "value"])
    some, half = others.loc["1/rtrl/hidden=3,lr=0.05", "success rate"], others.loc["1/cascade", "success rate"]
    assert (some.published, half.published_percent) == ("some", 50)
    assert pd.isna(some.published_percent)
    assert pd.isna(half.published_solved)
    bound = others.loc["1/elman/hidden=15", "success after"]
    assert (bound.published_mean, bound.published_is_bound) == (200_000, True)


def test_whole_numbers_have_no_point_and_words_are_lower_case(folder):
    names = "row,weights_published,sequences_published_is_bound,test_wrong_published"
    said = repro(folder, "table", "9", "1", "--format", "csv", "--columns", names).stdout
    assert "6a/lstm,156,false,1\n" in said
    assert "1/elman/hidden=15,435,true,\n" in said


def test_cpu_time_of_a_sequence_is_that_of_all_trials_over_all_their_sequences(folder):
    """Those of failures too, which end at the limit."""
    line = json.loads(repro(folder, "table", "6a/lstm", "--format", "json").stdout)[0]
    assert line["solved"] < line["trials"]
    assert line["cpu_us_a_sequence"] == pytest.approx(1e6 * line["cpu_s"] / line["restricted_mean_sequences"])
    assert "a sequence" not in repro(folder, "table", "6a/lstm").stdout.splitlines()[4]


# ------------------------------------------------------------------------------------------------------- chosen by name


@pytest.mark.parametrize("form", ["text", "md", "csv", "latex", "html", "json"])
@pytest.mark.parametrize(
    ("command", "names", "heads"),
    [
        (["table", "9"], "cpu_s,row,trials", ["CPU s", "row", "trials"]),
        (["table", "10"], "alpha,task", ["alpha", "task"]),
        (["compare", "9"], "verdict,row,published_mean", ["verdict", "row", "published_mean"]),
        (["list"], "weights,row", ["weights", "row"]),
    ],
)
def test_columns_are_those_asked_for_in_their_order(folder, form, command, names, heads):
    said = repro(folder, *command, "--columns", names, "--format", form).stdout
    if form == "json":
        assert all(list(line) == names.split(",") for line in json.loads(said))
    elif form == "csv":
        assert said.splitlines()[0] == names
    else:
        said = said.replace(r"\_", "_")
        end = said.index({"text": "--", "md": "|:", "latex": r"\midrule", "html": "</th></tr>"}[form])
        places = [said[:end].rindex(head) for head in heads]
        assert places == sorted(places)
        assert "reading" not in said[said.index({"html": "<thead>"}.get(form, heads[0])) : end]


def test_people_read_the_same_in_a_chosen_column(folder):
    said = repro(
        folder, "table", "9", "--columns", "row,success_rate,success_rate_low,max_sequences,success_published_is_some"
    )
    assert re.search(r"6a/lstm +19 of 20: 95 % \[76, 99\] +0\.7639 +313,900 +no\n", said.stdout)
    assert re.search(r"6b/lstm +- +- +- +no\n", said.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["table", "9", "--columns", "row,sucess_rate"],
         "Error: no column is called 'sucess_rate'. Did you mean success_rate"),
        (["compare", "9", "--columns", "qqq"], "no column is called 'qqq'. There are table, row, stage, value, "),
        (["list", "--columns", "Weights"], "Did you mean weights? `--columns help` says what each of them is."),
        (["table", "10", "--columns", "row"], "no column is called 'row'"),
        (["table", "9", "--columns", "row,,line"], "no column is called ''"),
        (["table", "9", "--columns", "row, row", "--format", "csv"], "--columns names 'row' twice"),
        (["table", "9", "10", "--columns", "row"], "10 has columns of its own: with --columns, ask for it alone."),
        (["list", "--matrix", "--columns", "row"], "with --matrix the columns are the learners"),
    ],
)  # fmt: skip
def test_columns_that_are_not_there_are_one_message(folder, arguments, said):
    assert said in repro(folder, *arguments, code=2).stderr


@pytest.mark.parametrize("command", schemas.SCHEMAS)
def test_help_lists_the_columns_of_a_command_and_does_nothing_else(folder, command):
    said = repro(folder, command, "--columns", "help").stdout
    for schema in schemas.SCHEMAS[command]:
        for name, kind, _, about in schema.described():
            assert re.search(rf"^{re.escape(name)} +{kind}  ", said, re.MULTILINE), name
            assert about in said


# -------------------------------------------------------------------------------------------------------- what they are


def test_the_page_of_columns_is_todays():
    script = runpy.run_path(str(ROOT / "scripts" / "results.py"))
    assert script["columns_page"]() == (ROOT / "results" / "COLUMNS.md").read_text(encoding="utf-8"), (
        "run `make results`"
    )


@VIEWS
def test_every_column_says_what_it_is(command, schema):
    names = [column.name for column in schema.columns]
    assert len(set(names)) == len(names)
    assert all(
        re.fullmatch("[a-z_]+", name) and column.about for name, column in zip(names, schema.columns, strict=True)
    )
    assert set(schema.views) <= set(names)
    assert not any(column.about.startswith("upper") and before.name != column.name.replace("high", "low")
                   for before, column in pairwise(schema.columns))  # fmt: skip


def test_whatever_a_learner_tells_of_its_nets_has_a_column():
    there = {column.name for column in table_view.SCHEMA.columns}
    told = set()
    for path in (ROOT / "repro" / "learners").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "facts":
                words = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
                told |= {word for word in words if isinstance(word, str) and re.fullmatch("[a-z_]+", word)}
    assert told >= {"guesses", "units", "cell_added_after"}
    assert {f"mean_{name}" for name in told} <= there
