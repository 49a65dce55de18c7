"""A record that is read back is checked as a whole: what no trial can have left is named, and does not count."""

import json
import re
import warnings
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import invented, old_form, stage

from repro.analysis import tables
from repro.experiments import config
from repro.presentation import table_view
from repro.records.store import Store, UncountedWarning
from repro.running.engine import crashed

RESULTS = Path(__file__).parents[1] / "results"
ROW = "5/lstm"
PASSED = [stage("n_seq=140", 500_000, 139), stage("n_seq=13", 900_000, 12)]
TRACE = [(400_000, 0.25), (800_000, None), (900_000, 0.125)]


def data(trial: int = 0, n_passed: int = 2, **more: Any) -> dict[str, Any]:
    """A record with all in one line, as version 0.1 wrote it: solved, or at its limit."""
    return json.loads(json.dumps(old_form(invented(config.load()[ROW].condition(), trial, PASSED[:n_passed], **more))))


def write(folder: Path, *records: dict[str, Any]) -> Store:
    store = Store(folder)
    store.path("5").write_text("".join(json.dumps(record) + "\n" for record in records))
    return store


SHARED = {"experiment", "row", "reading", "seed", "settings"}


def in_two(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was one line, as today's: the line of its condition, and its own."""
    shared = {name: record[name] for name in record if name in SHARED}
    own = {n: value for n, value in record.items() if n not in {*SHARED, "schema", "versions", "processor", "cell"}}
    return {"condition": record["cell"], "schema": 2, **shared}, {"cell": record["cell"], **own, "machine": "none"}


def line(store: Store) -> tables.Line:
    return tables.selected([ROW], config.load(), store)[-1]


# ------------------------------------------------------------------------------------------- cases that once went wrong


def test_a_trial_below_0_is_not_one_more(tmp_path):
    store = write(tmp_path, *(data(trial) for trial in range(9)), data() | {"trial": -1})
    with pytest.warns(
        UncountedWarning, match=r"5\.jsonl:10: trial -1 of 5/lstm \(printed\) is not counted: trial: .* >= 0"
    ):
        assert line(store).measured.n == 9


def test_a_doubled_stage_is_not_a_second_success(tmp_path):
    twice = data(9, 0)
    twice["stages"] = [PASSED[0]]
    solved = data(8)
    solved["stages"].append(solved["stages"][-1])
    store = write(tmp_path, *(data(trial) for trial in range(8)), solved, twice)
    with pytest.warns(UncountedWarning, match=r"5\.jsonl:9: trial 8 .* and it passed n_seq=140, n_seq=13, n_seq=13"):
        measured = line(store).measured
    assert (measured.n_solved, measured.n) == (8, 9)


def test_a_record_without_settings_is_no_traceback(tmp_path):
    store = write(tmp_path, data() | {"settings": {}}, data(1))
    with pytest.warns(UncountedWarning, match=r"5\.jsonl:1: .* settings of nothing, not of task, learner and stop"):
        assert line(store).measured.n == 1


# ------------------------------------------------------------------------------------------------------------ each rule


def changed(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one value replaced; a path is keys and numbers with dots between them, names of stages aside."""
    copy = json.loads(json.dumps(record))
    *parents, last = (int(key) if key.isdecimal() else key for key in path.split("."))
    inside = copy
    for key in parents:
        inside = inside[key]
    inside[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("experiment", "4", "experiment 4 has a file of its own"),
        ("row", "4/lstm/T=100", "the row is not of experiment 5"),
        ("row", "5/lsmt", "its settings make condition"),
        ("reading", "plain-error", "its settings make condition"),
        ("cell", "feed" * 4, "the record says feedfeedfeedfeed: it was edited, or defaults have changed since"),
        ("seed", 1, "its settings make condition"),
        ("trial", 2**32, "trial: Expected `int` <="),
        ("trial", "0", "trial: Expected `int`, got `str`"),
        ("sequences", 899_999, "do not grow"),
        ("sequences", 900_001, "do not grow"),
        ("sequences", -1, "sequences: Expected `int` >= 0"),
        ("sequences", 2**63, "sequences: Expected `int` <="),
        ("more", 1, "unknown field `more`"),
        ("steps", 90_000_001, "it went on after its last stage"),
        ("steps", 10, "do not grow"),
        ("cpu_s", -0.5, "cpu_s: Expected `float` >= 0.0"),
        ("weights", -1, "weights: Expected `int` >= 0"),
        ("weights", 0, "it has no final weights"),
        ("facts", {"guesses": -1}, "facts[...]: Expected `int` >= 0"),
        ("facts", {"guesses": 10**400}, "facts[...]"),
        ("weights_digest", None, "it has no final weights"),
        ("source", "", "it does not say which source computed it"),
        ("error", "MemoryError", "it has an error, and is not said to have crashed"),
        ("outcome", "limit", "its outcome is 'limit', and it passed 2 of 2 stages"),
        ("outcome", "diverged", "its outcome is 'diverged', and it passed 2 of 2 stages"),
        ("outcome", "crashed", "it is said to have crashed, and has the results of a trial that ended"),
        ("stages", [], "its outcome is 'solved', and it passed 0 of 2 stages"),
        ("stages", PASSED[:1], "its outcome is 'solved', and it passed 1 of 2 stages"),
        ("stages", PASSED[::-1], "in this order, and it passed n_seq=13, n_seq=140"),
        ("stages.0.name", "n_seq=14", "in this order, and it passed n_seq=14, n_seq=13"),
        ("stages.0.sequences", 900_001, "do not grow"),
        ("stages.0.sequences", 0, "n_seq=140 is passed after 0 sequences, and asked every 1"),
        ("cpu_s", 1e308, "cpu_s: Expected `float` <= 1000000000.0"),
        ("stages.0.sequences", -1, "stages[0].sequences: Expected `int` >= 0"),
        ("stages.0.steps", 90_000_001, "do not grow"),
        ("stages.0.test_wrong", -1, "stages[0].test_wrong: Expected `int` >= 0"),
        ("stages.1.test_wrong", 2561, "n_seq=13: 2561 of 2560 test sequences are wrong"),
        ("stages.1.test_sequences", 2561, "n_seq=13 is tested on 2560 sequences, not on 2561"),
        ("stages.1.mean_absolute_error", -0.1, "stages[1].mean_absolute_error: Expected `float` >= 0.0"),
        ("stages.1.mean_squared_error", -0.1, "stages[1].mean_squared_error: Expected `float` >= 0.0"),
        ("settings.stop.max_sequences", 800_000, "its settings make condition"),
        ("settings.stop.stages", [], "not valid today: stop.stages: takes at least 1 value, and has none"),
        ("settings.stop", {}, "its settings are not valid today: stop.tolerance: is missing"),
        ("settings.learner.learning_rate", 0.25, "its settings make condition"),
        ("settings.learner.learning_rate", "0.5", "valid today: learner.learning_rate: has to be a number, not '0.5'"),
        ("settings.learner.blocks", -3, "not valid today: learner.blocks: has to be at least 1, not -3"),
        ("settings.learner.input_gate_bias", [-1.0] * 7, "today: learner: input_gate_bias has 7 values for 2 blocks"),
        ("settings.learner", {}, "its learner has no name"),
        ("settings.learner.name", ["lstm"], "its learner has no name"),
        ("settings.task.name", "sorting", "there is no task 'sorting' here: `--with` its file"),
        ("settings.task.gone", 1, "its settings are not valid today: task.gone: there is no such setting."),
        ("settings.more", {}, "not of task, learner and stop"),
        ("trace", TRACE[:2], "its trace does not reach from its first sequence to its last"),
        ("trace", TRACE[1:] + TRACE[:1], "its trace does not reach"),
        ("trace.0.1", -0.25, "trace[0][1]: Expected `float` >= 0.0"),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_named_and_not_counted(tmp_path, path, value, problem):
    whole = data(trace=TRACE)
    assert len(write(tmp_path, whole).read("5")) == 1
    store = write(tmp_path, changed(whole, path, value), data(1))
    with pytest.warns(UncountedWarning, match=re.escape(problem)) as said:
        assert [record.trial for record in store.read("5")] == [1]
    (warning,) = said
    assert re.match(r".*5\.jsonl:1: trial \d+ of \S+ \(\S+\) is not counted: ", str(warning.message))
    assert str(warning.message).endswith("; find out why, then delete the line")

    shared, own = in_two(changed(whole, path, value))
    of_shared = path.partition(".")[0] in SHARED  # then trial 1 has no line of its condition either
    store = write(tmp_path, shared, own, *in_two(data(1))[of_shared:])
    with pytest.warns(UncountedWarning, match=re.escape(problem)) as said:
        assert [record.trial for record in store.read("5")] == ([] if of_shared else [1])
    if "`--with` its file" in problem:  # which is said once of all its trials: nothing is wrong with them
        assert re.match(r".*5\.jsonl: 2 trials of \S+ \(.+\) are not counted: ", str(said[0].message))
    elif of_shared:
        assert re.match(r".*5\.jsonl:2: trial 0 and 1 more of .+ \(.+\) are not counted: ", str(said[0].message))
    else:
        assert re.match(r".*5\.jsonl:2: trial \d+ of .+ \(.+\) is not counted: ", str(said[0].message))


@pytest.mark.parametrize("form", ["old", "todays"])
def test_what_is_wrong_with_a_condition_is_said_once_of_all_its_trials(tmp_path, form):
    """As after a learner's settings have got one that is required: none of its records is valid any more."""
    records = [data(trial) for trial in range(25)]
    for record in records:
        del record["settings"]["learner"]["learning_rate"]
    if form == "todays":
        records = [in_two(records[0])[0], *(in_two(record)[1] for record in records)]
    store = write(tmp_path, *records)
    with pytest.warns(UncountedWarning) as said:
        assert store.read("5") == []
    (warning,) = said
    assert str(warning.message) == (
        f"{store.path('5')}:{2 if form == 'todays' else 1}: trial 0 and 24 more of 5/lstm (printed) are not counted: "
        "its settings are not valid today: learner.learning_rate: is missing (if it is new, it needs a default); "
        "find out why, then delete them"
    )
    assert store.faults("5").broken == 25


@pytest.mark.parametrize("learner", ["lstm", "somebodys"])
def test_of_many_such_conditions_some_are_named(tmp_path, learner):
    lines = []
    for number in range(25):
        condition, trial = in_two(data())
        condition["settings"]["learner"] = {"name": learner}
        lines += [condition | {"condition": f"{number:016}"}, trial | {"cell": f"{number:016}"}]
    store = write(tmp_path, *lines)
    with pytest.warns(UncountedWarning) as said:
        store.read("5")
    assert len(said) == 11
    assert str(said[-1].message) == f"{store.path('5')}: and 15 more that are not counted"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("outcome", "solved", "its outcome is 'solved', and it passed 1 of 2 stages"),
        ("sequences", 12_729_999, "its outcome is 'limit' after 12,729,999 sequences, and the limit is 12,730,000"),
        ("sequences", 12_730_001, "its outcome is 'limit' after 12,730,001 sequences"),
    ],
)
def test_who_reaches_the_limit_reaches_it(tmp_path, path, value, problem):
    whole = data(n_passed=1)
    assert len(write(tmp_path, whole).read("5")) == 1
    with pytest.warns(UncountedWarning, match=re.escape(problem)):
        assert not write(tmp_path, changed(whole, path, value)).read("5")


def test_a_crash_leaves_nothing_but_its_reason(tmp_path):
    crash = old_form(crashed(config.load()[ROW].condition(), 3, "killed"))
    assert len(write(tmp_path, crash).read("5")) == 1
    for edit in ({"outcome": "limit"}, {"outcome": "solved"}, {"sequences": 5}, {"source": "s"}, {"stages": PASSED}):
        with pytest.warns(UncountedWarning):
            assert not write(tmp_path, crash | edit).read("5")


def test_where_nothing_is_tested_there_is_no_error(tmp_path):
    condition = config.load()[ROW].condition(overrides={"stop.test_sequences": 0})
    record = json.loads(json.dumps(old_form(invented(condition, 0, PASSED))))
    for tested in record["stages"]:
        tested |= {"test_wrong": 0, "mean_absolute_error": None, "mean_squared_error": None, "max_error": None}
    assert len(write(tmp_path, record).read("5")) == 1
    with pytest.warns(UncountedWarning, match="a mean error is out of range"):
        assert not write(tmp_path, changed(record, "stages.0.mean_squared_error", 0.1)).read("5")


def test_a_stage_is_passed_when_it_is_asked(tmp_path):
    condition = config.load()[ROW].condition(overrides={"stop.ask_every": 1000})
    record = json.loads(json.dumps(old_form(invented(condition, 0, PASSED))))
    assert len(write(tmp_path, record).read("5")) == 1
    later = changed(record, "stages.0.sequences", 500_500)
    with pytest.warns(UncountedWarning, match="n_seq=140 is passed after 500,500 sequences, and asked every 1,000"):
        assert not write(tmp_path, later).read("5")
    assert len(write(tmp_path, changed(data(), "stages.0.sequences", 500_500)).read("5")) == 1


# ------------------------------------------------------------------------------------------------------------ any edit

FREE = {  # what can be edited to another value that a trial could have left
    "trial", "cpu_s", "weights", "weights_digest", "source", "processor", "versions", "facts", "trace",
    *(f"stages.{k}.{name}" for k in (0, 1) for name in
      ("test_wrong", "mean_absolute_error", "mean_squared_error", "max_error")),
    "stages.0.sequences", "stages.0.steps",
}  # fmt: skip
RECORDS = {"solved": (data(), FREE), "limit": (data(n_passed=1), {*FREE, "outcome", "steps", "stages"})}


def paths(value: Any, prefix: str = "") -> list[str]:
    """Every place in nested JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, part in inside for path in (f"{prefix}{key}", *paths(part, f"{prefix}{key}."))]


VALUES = st.one_of(
    st.integers(-2, 3), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "solved", "limit", "diverged", "crashed", "printed", "lstm", "5", "n_seq=13"]), st.text(),
    st.none(), st.booleans(), st.just([]), st.just({}),
    st.sampled_from([list(some) for n in (1, 2) for some in permutations(PASSED, n)] + [[*PASSED, PASSED[1]]]),
)  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.data())
def test_an_edit_is_noticed_or_leaves_what_a_trial_could_have(kind, given_data):
    whole, free = RECORDS[kind]
    path = given_data.draw(st.sampled_from(paths(whole)))
    edited = changed(whole, path, given_data.draw(VALUES))
    with TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = write(Path(folder), edited, data(98_765))
        records = store.read("5")
        assert len(records) + len(said) == 2
        if len(records) == 2 and edited != whole:
            assert any(path == name or path.startswith((f"{name}.", "facts")) for name in free), (path, edited)
        assert table_view.render([line(store)], "text")


# ------------------------------------------------------------------------------------------------------- as a whole


def test_a_condition_is_made_from_nothing_but_the_file(tmp_path):
    store, conditions = Store(tmp_path), {}
    for row in config.load().values():
        for reading in row.readings:
            condition = row.condition(reading, seed=3)
            conditions.setdefault(row.experiment, []).append(condition)
            store.append(crashed(condition, 0, ""))
    for experiment, made in conditions.items():
        assert store.stored(experiment).conditions == made
        assert [condition.key for condition in store.stored(experiment).conditions] == [
            condition.key for condition in made
        ]


def test_many_such_lines_are_not_told_one_by_one(tmp_path):
    store = write(
        tmp_path, *(data(trial) | {"sequences": -trial} for trial in range(1, 26)), data() | {"seed": 1}, data(25)
    )
    with pytest.warns(UncountedWarning) as said:
        assert [record.trial for record in store.read("5")] == [25]
    assert [re.search(r"jsonl:(\d+)", str(warning.message))[1] for warning in said] == ["1", "26"]


def test_of_many_faults_of_a_file_some_are_told(tmp_path):
    lines = (data(trial, 0) | {"sequences": trial} for trial in range(25))
    store = write(tmp_path, *lines, data(25))
    with pytest.warns(UncountedWarning) as said:
        assert [record.trial for record in store.read("5")] == [25]
    assert [re.search(r"jsonl:(\d+)", str(warning.message))[1] for warning in said[:-1]] == list(map(str, range(1, 11)))
    assert str(said[-1].message) == f"{store.path('5')}: and 15 more that are not counted"


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_record_of_ours_holds_together(path):
    assert Store(RESULTS).read(path.stem)
