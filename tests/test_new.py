"""`repro new learner NAME`: what it writes works as it is, and nothing is written over."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from repro.commands.main import main


def made(tmp_path, name="leaky"):
    return CliRunner().invoke(main, ["new", "learner", name, "--folder", str(tmp_path)])


def test_what_it_writes_is_a_learner_with_rows(tmp_path):
    done = made(tmp_path)
    assert done.exit_code == 0
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"leaky.py", "rows/leaky.toml", "test_leaky.py"}
    assert "my_rule" not in "".join((tmp_path / file).read_text() for file in files)
    assert len((tmp_path / "leaky.py").read_text().splitlines()) <= 80
    commands = [line.split() for line in done.stdout.replace("'", "").splitlines()]
    assert [words[0] for words in commands] == ["repro"] * 4

    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    assert commands[-1] == ["repro", "check", str(tmp_path / "leaky.py")]
    command = [sys.executable, "-m", *commands[-1], "--format", "csv"]
    checked = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(",passes,") == 9
    run = [*commands[0], "--dry-run", "--results", str(tmp_path / "results")]
    tried = subprocess.run([sys.executable, "-m", *run], cwd=tmp_path, capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert "3a/leaky/T=10,N=10" in tried.stdout and "3a/leaky/T=100,N=3" in tried.stdout


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "test_leaky.py").write_text("mine")
    done = made(tmp_path)
    assert done.exit_code == 2
    assert "test_leaky.py: there already, and not written over" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["test_leaky.py"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lstm", "is a learner already"),
        ("My Rule", "is no name of a-z"),
        ("1x", "is no name of a-z"),
        ("Ab", "no name"),
        ("_x", "no name"),
    ],
)
def test_a_name_that_does_not_do_is_refused(tmp_path, name, said):
    done = made(tmp_path, name)
    assert done.exit_code == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_that_is_said(tmp_path):
    (tmp_path / "rows").write_text("a file")
    done = made(tmp_path)
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
