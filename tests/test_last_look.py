"""How near a failure came: what its last look tells is what its net does, and what tables and `show` say of it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import made_condition
from invented import fill, lines, stage
from msgspec.structs import replace
from twins import tasks as twin_tasks
from twins.random import Stream

from repro.analysis import stats
from repro.commands.main import main
from repro.looking import watching
from repro.presentation import table_view
from repro.records import jsonl
from repro.records.store import Store
from repro.records.trial import LastLook, Record
from repro.running import crew

REBER = {"name": "reber", "training_strings": 6, "test_strings": 4, "pairs": 2}
NET = {"name": "lstm", "blocks": 2, "size": 1, "biased": "gates", "init": 0.2, "learning_rate": 0.5}
ADDING = {"name": "adding", "operation": "sum", "length": 20}
STAGE = {"name": "all right", "exam_max_wrong": 0}


@pytest.mark.parametrize("max_sequences", [30, 50])
def test_the_last_exam_of_experiment_1_is_every_string_once(plain, max_sequences):
    """Counted from what the net is seen to do, with the grammar of the twin."""
    stop = {
        "tolerance": 0.0, "exam_sequences": 10, "exam_every": 7, "max_sequences": max_sequences, "test_sequences": 0,
        "stages": (STAGE,),
    }  # fmt: skip
    condition = made_condition(REBER, {**NET, "update": "step"}, stop)
    rerun = watching.Rerun(condition, 1)
    record = rerun.train()
    training, test = twin_tasks.reber_sets(Stream(condition.pair(1)).below, 6, 4, distinct_test=False)
    wrong, late, errors = 0, 0, []
    for number, text in enumerate([*training, *test]):
        seen = rerun.watch(number)
        right = [twin_tasks.prediction_is_right(text, i, seen.outputs[i - 1]) for i in range(1, len(text))]
        wrong += not all(right)
        late += not right[-2]
        errors.append(np.abs(seen.targets - seen.outputs).mean())
    assert record.outcome == "limit"
    look = record.last_look
    assert (look.at, look.sequences, look.wrong, look.late_wrong) == ("exam", 10, wrong, late)
    assert look.mean_absolute_error == pytest.approx(np.mean(errors), rel=1e-6)
    assert look.wrong > 0


@pytest.mark.parametrize("error", ["absolute", "squared"])
@pytest.mark.parametrize("window", [5, 40])
def test_without_exams_it_is_the_most_recent_training_sequences(plain, error, window):
    """Also if there were not so many yet; a trace of single sequences tells their errors."""
    stop = {
        "window": window, "tolerance": 0.04, "max_sequences": 12, "test_sequences": 0, "error": error,
        "stages": ({"name": "all right", "max_wrong": 0},),
    }  # fmt: skip
    condition = made_condition(ADDING, {**NET, "biased": "all"}, stop)
    (record,) = (event for event in crew.run(condition, [0], 1, traced=True) if isinstance(event, Record))
    look, n = record.last_look, min(window, 12)
    assert (look.at, look.sequences, look.late_wrong) == ("training", n, None)
    errors = np.array([error for _, error in record.trace])[-n:]
    assert look.wrong == (errors >= 0.04).sum()
    if error == "absolute":
        assert look.mean_absolute_error == pytest.approx(errors.mean(), rel=1e-5)
        assert look.mean_squared_error is None
    else:
        assert look.mean_squared_error == pytest.approx((errors**2).mean(), rel=1e-5)
        assert look.mean_absolute_error is None


def test_only_failures_take_one_and_a_record_without_one_has_the_line_of_old(plain):
    stop = {"tolerance": 0.9, "max_sequences": 12, "test_sequences": 0, "stages": ({"name": "a", "max_wrong": 0},)}
    (record,) = (e for e in crew.run(made_condition(ADDING, NET, stop), [0], 1) if isinstance(e, Record))
    assert record.outcome == "solved"
    assert record.last_look is None
    assert b"last_look" not in jsonl.written(record)[""]


# ------------------------------------------------------------------------------------------------------- what is said


def look(wrong: int, late: int | None = None, **more) -> LastLook:
    figures = {"at": "exam", "sequences": 512, "mean_absolute_error": 0.1, "mean_squared_error": 0.03}
    return LastLook(wrong=wrong, late_wrong=late, **{**figures, **more})


def with_looks(tmp_path, looks) -> Store:
    store = Store(tmp_path)
    solved = [[stage("all correct", 100 + k)] for k in range(3)]
    fill(store, "1/lstm/4x1,lr=0.5", [*solved, *([] for _ in looks)])
    records = store.read("1")
    store.path("1").unlink()
    store = Store(tmp_path)  # which has not seen the file that is gone
    for record, found in zip(records, [None, None, None, *looks], strict=True):
        store.append(replace(record, last_look=found))
    return store


def test_the_table_says_how_near_failures_came(tmp_path):
    store = with_looks(tmp_path, [look(5, 4), look(20, 1), look(75, 75, mean_absolute_error=0.4)])
    (line,) = lines(store, "1/lstm/4x1,lr=0.5")
    said = " ".join(table_view.render([line], "text").split())
    assert (
        "1/lstm/4x1,lr=0.5, printed: how near 3 failures came, by a last exam: 5 to 75 (median 20) of 512 wrong, 80 % "
        "of them at the second symbol from the end; mean absolute error 0.2, mean squared error 0.03."
    ) in said
    (data,) = json.loads(table_view.render([line], "json"))
    assert (data["failures_looked_at"], data["failures_wrong_median"], data["failures_late_share"]) == (3, 20, 0.8)


def test_older_records_lack_it_and_that_is_said(tmp_path):
    store = with_looks(tmp_path, [look(7), None, None])
    (line,) = lines(store, "1/lstm/4x1,lr=0.5")
    said = " ".join(table_view.render([line], "text").split())
    assert "how near 1 of 3 failures came, by a last exam: 7 of 512 wrong;" in said
    assert stats.nearness(store.read("1")[:3]) is None
    assert "how near" not in table_view.render(
        lines(with_looks(tmp_path / "none", [None]), "1/lstm/4x1,lr=0.5"), "text"
    )


def test_show_tells_of_a_trial(tmp_path):
    store = with_looks(tmp_path, [look(20, 13), None])
    results = ("--results", str(tmp_path))
    said = {k: CliRunner().invoke(main, ["show", f"1/lstm/4x1,lr=0.5:{k}", *results]) for k in range(6)}
    assert [result.exit_code for result in said.values()] == [0] * 5 + [2]
    assert "a last exam: 20 of 512 sequences wrong" in said[3].stdout
    assert "13 of those at the second symbol from the end" in said[3].stdout
    assert "the record is older than last looks" in said[4].stdout
    assert "last look" not in said[0].stdout
    assert "trial 5 of 1/lstm/4x1,lr=0.5 under these settings is not in" in said[5].output
    assert "counts" in said[0].stdout
    assert store.read("1")[0].source in said[0].stdout
