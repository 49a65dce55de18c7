"""`pytest` runs this: my_rule is what the contract asks for, and its rows can be read."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def repro(*words: str) -> "subprocess.CompletedProcess[str]":
    """A command in this folder."""
    return subprocess.run([sys.executable, "-m", "repro", *words], cwd=HERE, capture_output=True, text=True)


def test_it_is_what_the_contract_asks_for() -> None:
    """It takes a minute or two, most of it for compiling."""
    done = repro("check", "my_rule.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_rows_can_be_read() -> None:
    """With the learner they name."""
    done = repro("--with", "my_rule.py", "--configs", "rows", "list", "3a/my_rule/*")
    assert done.returncode == 0, done.stderr
    assert "3a/my_rule/T=100,N=3" in done.stdout
