"""The races of the learners in examples/: their rows, their records, and every number that their pages show."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from uncounted import uncounted

from repro import registry
from repro.commands import search
from repro.commands.main import main
from repro.experiments import config
from repro.files import OWN_CONFIGS
from repro.records import planning
from repro.records.store import Store

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples"
RESULTS = FOLDER / "results"
PAGE, SCREENED = FOLDER / "README.md", FOLDER / "screening" / "README.md"
NAMES = ("forget_lstm", "gru")
TASKS = {"2c": "q=50,p=50", "3b": "T=100,N=1", "4": "T=100", "6b": ""}
FREE = {"forget_gate_bias", "biased", "input_gate_bias", "output_gate_bias"}  # on 2c, where LSTM has no biases


def row_name(experiment, learner):
    return f"{experiment}/{learner}" + (f"/{TASKS[experiment]}" if TASKS[experiment] else "")


@pytest.fixture(autouse=True)
def _door():
    """The learners and their rows are taken up, and forgotten: other tests ask for all there are."""
    registry.use([FOLDER / f"{name}.py" for name in NAMES])
    OWN_CONFIGS[:] = [FOLDER / "rows"]
    yield
    registry.use([])
    OWN_CONFIGS.clear()


# ------------------------------------------------------------------------------------------------------------ the rows


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("experiment", TASKS)
def test_rows_are_of_the_same_task_and_stop_rule_as_that_of_lstm(experiment, name):
    rows = config.load()
    row, lstm = (rows[row_name(experiment, learner)] for learner in (name, "lstm"))
    for reading in set(row.readings) & set(lstm.readings):
        ours, theirs = (one.condition(reading).settings for one in (row, lstm))
        limits = [one["stop"].pop("max_sequences") for one in (ours, theirs)]
        assert limits[0] == (1_000_000 if experiment in ("2c", "6b") else limits[1])
        assert (ours["task"], ours["stop"]) == (theirs["task"], theirs["stop"])
        assert ours["learner"].get("output", "logistic") == theirs["learner"].get("output", "logistic")
    assert row.trials == lstm.trials


@pytest.mark.parametrize("experiment", TASKS)
def test_forget_gates_are_the_one_difference(experiment):
    rows = config.load()
    ours, theirs = (rows[row_name(experiment, name)].setup().learner.model_dump() for name in ("forget_lstm", "lstm"))
    differing = {key for key in ours.keys() & theirs.keys() - {"name"} if ours[key] != theirs[key]}
    assert differing <= (FREE if experiment == "2c" else set())


@pytest.mark.parametrize("experiment", TASKS)
def test_gru_has_about_as_many_weights(experiment):
    rows = config.load()
    ours, theirs = (rows[row_name(experiment, name)].setup().n_weights for name in ("gru", "lstm"))
    assert abs(ours / theirs - 1) < 0.1


# --------------------------------------------------------------------------------------------------------- the records


def test_every_stored_record_counts():
    """If not, `repro attest` of them runs what is stored again, cut short."""
    assert uncounted(RESULTS) == set()


def test_trials_of_lstm_are_those_of_the_paper_run_again():
    n = 0
    for experiment in TASKS:
        here, there = (Store(folder).stored(experiment) for folder in (RESULTS, ROOT / "results"))
        for condition in here.conditions:
            if condition.settings["learner"]["name"] == "lstm":
                known = {record.trial: record.results() for record in there.records(condition.key)}
                for record in here.records(condition.key):
                    assert record.results() == known[record.trial]
                    n += 1
    assert n


# ----------------------------------------------------------------------------------------------------------- the pages


def commands(page):
    """The commands of a page, and what is printed below each."""
    found = re.findall(r"^```\n\$ (repro (?:.*\\\n)*.*)\n((?s:.*?))^```", page.read_text("utf-8"), flags=re.MULTILINE)
    assert found
    return found


def printed(command, page, monkeypatch):
    """What a command prints today, with what the page exports; it has nothing to run."""

    def nothing_to_run(plan, *_, **__):
        assert not plan.n_missing
        return 0

    script = runpy.run_path(str(ROOT / "scripts" / "readme.py"))
    for name, value in script["exported"](page.read_text(encoding="utf-8")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(search, "carry_out", nothing_to_run)
    done = CliRunner().invoke(main, shlex.split(command.replace("\\\n", ""))[1:])
    assert done.exit_code == 0, done.output
    return done.stdout


NUMBER = r"\d(?:[\d,.]*\d)?"


@pytest.mark.parametrize("place", range(len(commands(PAGE))))
def test_the_page_shows_what_commands_print_today(place, monkeypatch, tmp_path):
    command, shown = commands(PAGE)[place]
    if command.startswith("repro plot"):  # into another folder
        figure = shown.strip()
        drawn = tmp_path / Path(figure).name
        printed(command.replace(f"-o {figure}", f"-o {drawn}"), PAGE, monkeypatch)
        assert drawn.read_bytes() == (ROOT / figure).read_bytes(), "run `make readme`"
    else:
        assert printed(command, PAGE, monkeypatch) == shown, "run `make readme`"


def test_sentences_have_their_numbers_from_the_commands():
    text = PAGE.read_text(encoding="utf-8").partition("## Races")[2]
    shown = set(re.findall(NUMBER, " ".join(output for _, output in commands(PAGE))))
    said = re.sub(r"```(?s:.*?)```|`[^`]*`|\]\([^)]*\)", "", text)
    assert set(re.findall(NUMBER, said)) <= shown | {"2", "3", "4", "6", "50", "100", "1997"}


@pytest.mark.parametrize("place", range(len(commands(SCREENED))))
def test_all_levels_of_the_screening_are_reported(place, monkeypatch):
    """Of whatever source: a screening chooses, and counts nowhere."""

    def of_any_source(condition, n_trials, records, ledger, *, screened):
        return [record for record in records if record.screened and record.trial < n_trials]

    monkeypatch.setattr(planning, "current", of_any_source)
    command, shown = commands(SCREENED)[place]
    assert printed(command, SCREENED, monkeypatch) == shown
