"""Trials in a process without the compiler: kernels are plain Python there, and have to give the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from repro import registry
from repro.experiments.condition import Condition
from repro.records.trial import Record
from repro.running import crew


def trials(condition: Condition, width: int, n: int) -> list[dict[str, Any]]:
    """What comes of the first ``n`` trials of a condition."""
    records = (event for event in crew.run(condition, range(n), width) if isinstance(event, Record))
    return [record.results() for record in sorted(records, key=lambda record: record.trial)]


def trials_elsewhere(condition: Condition, n: int) -> list[dict[str, Any]]:
    """The same, without the compiler, one after the other in a process of their own.

    Raises
    ------
    RuntimeError
        If the process fails; it says how.

    """
    asked = {
        "files": [str(path) for path in registry.given()],
        "condition": [condition.experiment, condition.row, condition.reading, condition.settings, condition.identity],
        "n": n,
    }
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "repro.running.bare"], input=json.dumps(asked), env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the process ended")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _answer() -> None:
    asked = json.load(sys.stdin)
    registry.use(Path(path) for path in asked["files"])
    print(json.dumps(trials(Condition(*asked["condition"]), 1, asked["n"])))


if __name__ == "__main__":
    _answer()
