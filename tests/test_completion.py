"""A real bash completes rows, trials, readings and settings, whatever signs are in their names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from repro.commands import completion
from repro.commands.main import main
from repro.experiments import config

BASH = shutil.which("bash")


def completed(*words: str) -> list[str]:
    """What click's mechanism makes of the last word."""
    shell = ShellComplete(main, {}, "repro", "_REPRO_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


def test_names_are_those_of_the_configurations():
    rows = config.load()
    assert [row.name for row in completion._rows()] == sorted(rows, key=lambda name: rows[name].file.name)
    for row in completion._rows():
        real = rows[row.name]
        assert (row.experiment, row.trials) == (real.experiment, real.trials)
        assert set(row.readings) == set(real.readings)
        assert (row.learner, row.task) == (real.setup().learner.name, real.setup().task.name)
        assert set(row.tables) == {str(line.table) for line in real.published}


def test_rows():
    assert completed("run", "4/lstm/T=1") == ["4/lstm/T=100", "4/lstm/T=1000"]
    assert completed("run", "@") == ["@quick", "@paper"]
    assert completed("attest", "table:9") == ["table:9"]
    assert completed("table", "11") == ["11"]
    assert completed("run", "6") == ["6a", "6b"], "rows only once their experiment is there"
    assert completed("run", "6b") == ["6b", *(name for name in config.load() if name.startswith("6b/"))]
    assert all(name.startswith("6a") for name in completed("compare", "6a"))


def test_trials():
    assert completed("replay", "6a/ls") == ["6a/lstm:"]
    assert completed("show", "6a/ls") == ["6a/lstm"]
    assert completed("replay", "6a/lstm:") == [f"6a/lstm:{number}" for number in range(20)]


def test_readings_are_those_of_the_rows_on_the_line():
    assert completed("run", "6a/lstm", "--reading", "") == list(config.load()["6a/lstm"].readings)
    assert completed("replay", "6a/lstm:3", "--reading", "") == list(config.load()["6a/lstm"].readings)
    assert "linear" in completed("run", "4/*", "--reading", "l")
    assert completed("compare", "9", "--reading", "either") == ["either-net"]


def test_settings():
    assert completed("run", "6a/lstm", "--set", "learner.learning_r") == ["learner.learning_rate="]
    assert completed("run", "6a/lstm", "--set", "learning_r") == ["learning_rate="]
    assert completed("run", "6a/lstm", "--set", "learner.update=s") == [
        "learner.update=step",
        "learner.update=sequence",
    ]
    setup = config.load()["6a/lstm"].setup()
    known = {f"{g}.{n}=" for g in ("task", "learner", "stop") for n in type(getattr(setup, g)).model_fields}
    assert set(completed("run", "6a/lstm", "--set", "")) == known - {"task.name=", "learner.name=", "stop.stages="}


def test_choices_and_learners():
    assert "survival" in completed("plot", "")
    assert completed("bench", "el") == ["elman"]
    assert set(completed("bench", "cascade", "1/")) == {"1/cascade"}
    assert "json" in completed("run", "--format", "")


def test_a_wrong_file_costs_its_own_names_alone(tmp_path, monkeypatch):
    shutil.copy(config.load()["6a/lstm"].file, tmp_path / "6a.toml")
    (tmp_path / "4.toml").write_text("experiment = ")
    (tmp_path / "5.toml").write_text("readings = 3")
    monkeypatch.setattr(completion, "configs_folder", lambda: tmp_path)
    assert {row.experiment for row in completion._rows()} == {"6a"}


@pytest.mark.parametrize("how", ["option", "variable"])
def test_rows_of_ones_own_are_completed_beside_the_others(tmp_path, monkeypatch, how):
    own = """
        extends = "4"
        trials = 3
        learners.mine = { name = "my_rule", hidden = 2 }
        learners.bptt = { hidden = 2, learning_rate = 0.5 }
        readings.odd = { note = "an odd one", set = { length = 30 } }
        rows = [{ name = "4/mine/small" }, { name = "4/bptt/small" }]
    """
    (tmp_path / "own.toml").write_text(own)
    (tmp_path / "wrong.toml").write_text("a = " + "[" * 5000)
    monkeypatch.setenv("REPRO_CONFIGS", str(tmp_path) if how == "variable" else "")
    words = ["--configs", str(tmp_path)] if how == "option" else []
    assert completed(*words, "run", "4/mine") == ["4/mine/small"]
    assert set(completed(*words, "run", "4/bptt/")) == {"4/bptt/small", "4/bptt/T=100"}
    assert completed(*words, "replay", "4/mine/small:") == [f"4/mine/small:{number}" for number in range(3)]
    assert completed(*words, "run", "4/mine/small", "--reading", "") == ["printed", "odd"]
    assert "stop.window=" in completed(*words, "run", "4/mine/small", "--set", "")
    assert completed(*words, "run", "4/bptt/small", "--set", "hid") == ["hidden="]
    monkeypatch.setenv("REPRO_CONFIGS", "")
    assert completed("run", "4/mine") == []


def in_bash(line: str) -> list[str]:
    """What a real bash is told to put in place of the word, as bash sees it, at the end of a line."""
    script = """
        eval "$(_REPRO_COMPLETE=bash_source repro)"
        compopt() { :; }
        COMP_LINE=$1 COMP_POINT=${#1}
        _repro_completion repro
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    folder = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([BASH, "-c", script, "bash", line], capture_output=True, text=True, env=env, check=True)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not BASH, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("repro show 4/lstm/T=1", ["100", "1000"]),  # bash replaces what comes after the last = or :
        ("repro show '4/lstm/T=1", ["4/lstm/T=100", "4/lstm/T=1000"]),  # but all of a quoted word
        ("repro replay 6a/lstm:1", ["1", *map(str, range(10, 20))]),
        ("repro run 6a/lstm --set learner.learning_r", ["learner.learning_rate="]),
        ("repro run 6a/lstm --set=learner.learning_r", ["learner.learning_rate="]),
        ("repro run 6a/lstm --set learner.update=seq", ["sequence"]),
        ("repro run 2a/rtrl/p=4,lr=1", ["1", "10"]),
        ("repro run 6a/lstm --reading pr", ["printed"]),
        ("repro run table:9", ["9"]),
        ("repro stat", ["status"]),
    ],
)
def test_bash(line, replies):
    assert in_bash(line) == replies


def test_completion_loads_nothing_heavy():
    code = (
        "import sys\nfrom click.shell_completion import ShellComplete\nfrom repro.commands.main import main\n"
        "shell = ShellComplete(main, {}, 'repro', '')\nassert shell.get_completions(['run'], '4/lstm')\n"
        "assert not {'pydantic', 'numpy', 'numba', 'rich', 'pandas'} & set(sys.modules), sorted(sys.modules)\n"
        "assert shell.get_completions(['run', '6a/lstm', '--set'], 'learner.l')\n"
        "assert not {'numba', 'scipy', 'rich', 'pandas', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
