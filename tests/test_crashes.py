"""A trial that the machine lost is missing, and no failure of the learner, in every view, until it has been run."""

import csv
import io
import json
from pathlib import Path

import faults
import pytest
from click.testing import CliRunner, Result
from invented import invented, stage

from repro.analysis import stats, tables, verdicts
from repro.commands.main import main
from repro.experiments import config, wanted
from repro.presentation import report, table_view
from repro.presentation.plots import captions, kinds, learning, style
from repro.records import planning
from repro.records.store import Store
from repro.running import engine
from repro.running.engine import crashed

HOW = ("-j", "1", "--lanes", "1")  # so that the kernel is compiled once
ROW, OTHERS = "3b/lstm/T=100,N=3", "those that end first are the quick ones, so nothing is compared yet"
CRASHED = f"4 trials crashed; `repro run '{ROW}'` runs them again"


def repro(*arguments: str, folder: Path, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [*arguments, "--results", str(folder)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def words(text: str) -> str:
    """Without the line breaks of paragraphs."""
    return " ".join(text.split())


@pytest.mark.filterwarnings("always::repro.running.engine.WorkerWarning")
def test_what_killed_workers_lose_is_missing_in_every_view_until_it_is_run(tmp_path, monkeypatch):
    local = engine.local
    monkeypatch.setattr(engine, "local", lambda todo, n: local(todo, n, faults.killed_there))
    said = repro("run", ROW, *HOW, folder=tmp_path, code=1).stderr
    assert "Warning: worker process " in said
    assert f"({ROW}, trials 6-9) was killed (SIGKILL: out of memory?); they are run again, each alone\n" in said
    assert f"({ROW}, trials 7) was killed (SIGKILL: out of memory?); they are given up\n" in said
    assert "Crashed: the worker process was killed (SIGKILL: out of memory?)" in said
    assert "4 trials crashed; the same command runs them again." in said
    assert "6 trials done (6 run now, 6 of them solved)" in said
    assert f"{ROW}: 6/10 trials, 6 solved" in said
    assert "done, 4 crashed\n" in said

    note = f"{ROW}, printed: {CRASHED}."
    assert note in words(repro("table", "5", folder=tmp_path).stdout)
    assert note in repro("table", "5", "--format", "md", folder=tmp_path).stdout
    *_, line = json.loads(repro("table", ROW, "--format", "json", folder=tmp_path).stdout)
    assert [line[name] for name in ("trials", "solved", "success_rate", "outcome_crashed")] == [6, 6, 1, 4]
    *_, row = csv.DictReader(io.StringIO(repro("table", ROW, "--format", "csv", folder=tmp_path).stdout))
    assert (row["trials"], row["outcome_solved"], row["outcome_crashed"]) == ("6", "6", "4")

    why = f"NOT RUN: 6 of 10 trials; {OTHERS}; {CRASHED}."
    assert why in words(repro("compare", ROW, folder=tmp_path).stdout)
    judged = json.loads(repro("compare", ROW, "--format", "json", folder=tmp_path).stdout)
    assert {(one["verdict"], one["trials"], one["crashed"]) for one in judged} == {("NOT RUN", 6, 4)}

    assert f"{ROW}: {CRASHED}." in repro("list", folder=tmp_path).stdout
    (row,) = [row for row in json.loads(repro("list", "--format", "json", folder=tmp_path).stdout) if row["row"] == ROW]
    assert (row["trials"], row["done"], row["crashed"]) == (10, 6, 4)
    plan = repro("run", ROW, "--dry-run", folder=tmp_path).stdout.splitlines()
    assert plan[2].split()[:5] == [ROW, "10", "6", "4", "4"]

    found = tables.selected(["5"], config.load(), Store(tmp_path))
    for kind in ("survival", "strips", "success"):
        assert note in words(kinds.of_lines(kind, found).get_supxlabel())
    path = tmp_path / "survival.svg"
    repro("plot", "survival", "5", "-o", str(path), folder=tmp_path)
    assert path.stat().st_size > 1000
    rows = {name: row for name, row in config.load().items() if name.startswith("3b/")}
    page = words(report.render(rows, Store(tmp_path), verdicts.Margins()))
    assert "; 4 more crashed, and are to be run again." in page
    assert page.count("4 trials crashed; `repro run") == 5  # in the forest, its verdicts, its table, and two figures

    said = repro("replay", f"{ROW}:7", folder=tmp_path, code=2).stderr
    assert (
        "trial 7 of 3b/lstm/T=100,N=3 crashed, and left nothing to compare with: the worker process was killed" in said
    )
    assert said.endswith("; `repro run` with the same options runs it again\n")

    monkeypatch.undo()
    assert "10 trials done (4 run now, 4 of them solved)" in repro("run", ROW, *HOW, folder=tmp_path).stderr
    for command in (["table", "5"], ["compare", "5"], ["list"]):
        assert "crashed;" not in repro(*command, folder=tmp_path).stdout
    for line in json.loads(repro("table", ROW, "--format", "json", folder=tmp_path).stdout):
        assert line["outcome_crashed"] == 0
    judged = json.loads(repro("compare", ROW, "--format", "json", folder=tmp_path).stdout)
    assert "NOT RUN" not in {one["verdict"] for one in judged}


# ------------------------------------------------------------------------------------------------------ without workers


def fill(store: Store, *ends: str, row: str = "6a/lstm", reading: str = "printed") -> None:
    """Records of the trials of a row: solved, of another source, or crashed; in their order, trial by trial."""
    condition = config.load()[row].condition(reading)
    for trial, kinds_of_end in enumerate(ends):
        for end in kinds_of_end.split():
            passed = [stage("ST3(.1)", 30_000 + trial)]
            more = {"source": "older"} if end == "older" else {}
            store.append(
                crashed(condition, trial, "gone") if end == "crashed" else invented(condition, trial, passed, **more)
            )


def line(store: Store, row: str = "6a/lstm", reading: str = "printed") -> tables.Line:
    return next(one for one in tables.selected([row], config.load(), store) if one.reading == reading)


def test_a_crash_is_one_if_it_was_the_latest_run_and_no_record_counts(tmp_path):
    store = Store(tmp_path)
    fill(store, "solved", "crashed", "crashed crashed", "crashed solved", "solved crashed", "older crashed", "older",
         "crashed older", "crashed older crashed")  # fmt: skip
    assert line(store).lost == (1, 2, 5, 8)
    assert line(store).measured.outcomes == {"solved": 3}


def test_of_one_trial_it_is_said_in_the_singular_and_with_its_reading(tmp_path):
    store = Store(tmp_path)
    fill(store, "crashed", row="4/lstm/T=100", reading="linear")
    assert line(store, "4/lstm/T=100", "linear").crashes == (
        "1 trial crashed; `repro run '4/lstm/T=100' --reading linear` runs it again"
    )
    assert line(store, "4/lstm/T=100").crashes == ""


def test_crashes_beyond_the_papers_trials_or_of_other_settings_are_not_of_the_row(tmp_path):
    store, row = Store(tmp_path), config.load()["6a/lstm"]
    store.append(crashed(row.condition(), 20, "gone"))
    store.append(crashed(row.condition(overrides={"learning_rate": 0.1}), 0, "gone"))
    assert line(store).crashes == ""


def test_a_row_of_which_all_trials_crashed_has_not_been_run(tmp_path):
    store = Store(tmp_path)
    fill(store, *["crashed"] * 20)
    said = "20 trials crashed; `repro run '6a/lstm'` runs them again"
    assert line(store).measured == stats.summarise((), "ST3(.1)")
    shown = table_view.render([line(store)], "text")
    assert f"6a/lstm, printed: {said}.\nNot run yet: '6a/lstm'." in shown
    (why,) = {one.why for one in verdicts.compare([line(store)])}
    assert why == f"0 of 20 trials; {said}"
    assert captions.notes([line(store)]) == ["Not run: 6a/lstm.", f"6a/lstm, printed: {said}."]
    with pytest.raises(
        style.PlotError, match="has been run to its end; 6a/lstm, printed: 20 trials crashed; `repro run"
    ):
        kinds.draw("survival", ["6a/lstm"], config.load(), store)


def test_a_trial_that_crashed_has_no_curve_and_that_is_said(tmp_path):
    store = Store(tmp_path)
    fill(store, "crashed", "crashed")
    with pytest.raises(
        style.PlotError, match="no trial 1 of '6a/lstm' is stored; 6a/lstm, printed: 2 trials crashed; "
    ):
        kinds.draw("learning", ["6a/lstm:1"], config.load(), store)
    trace = [(100, 0.5), (30_002, 0.25)]
    store.append(invented(config.load()["6a/lstm"].condition(), 2, [stage("ST3(.1)", 30_002)], trace=trace))
    assert "6a/lstm, printed: 2 trials crashed; `repro" in words(learning.figure([line(store)]).get_supxlabel())


def test_a_crash_while_tracing_leaves_the_record_that_counts(tmp_path):
    store, row = Store(tmp_path), config.load()["6a/lstm"]
    fill(store, "solved crashed", "crashed")
    items = wanted.items([(row, None)], trials=2)
    plan = planning.plan(items, store, trace=True)
    assert (plan.missing, plan.lost) == ({row.condition().key: (0, 1)}, {row.condition().key: (1,)})


def test_no_statistic_takes_a_crash():
    crash = crashed(config.load()["6a/lstm"].condition(), 0, "gone")
    with pytest.raises(ValueError, match="a trial that crashed is missing"):
        stats.summarise([crash], "ST3(.1)")
