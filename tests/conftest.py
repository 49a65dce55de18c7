"""What several test files need."""

import os
import signal
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from repro.experiments import config
from repro.experiments.condition import Condition
from repro.experiments.stop import Stop
from repro.records.trial import Record

# Processes that tests start hear Ctrl-C, as in a terminal: a shell has what it starts in the background ignore it.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)

# Small and quick, yet with all that can happen: two stages, tests in between, trials that reach the limit.
SMALL = {
    "stop.window": 4,
    "stop.tolerance": 0.2,
    "stop.test_sequences": 3,
    "stop.max_sequences": 24,
    "stop.stages": [{"name": "early", "max_wrong": 1}, {"name": "late", "max_wrong": 0, "mean_error": 0.06}],
}


def small_condition(row: str = "4/lstm/T=100", **more: Any) -> Condition:
    """A condition whose trials take some milliseconds."""
    length = {"task.length": 20} if row.startswith("4") else {}
    return config.load()[row].condition(overrides={**SMALL, **length, **more})


def made_condition(
    task: Mapping[str, Any], learner: Mapping[str, Any], stop: Mapping[str, Any], row: str = "made/up", seed: int = 0
) -> Condition:
    """A condition that is in no configuration."""
    tasks, learners = import_module(f"repro.tasks.{task['name']}"), import_module(f"repro.learners.{learner['name']}")
    groups = {
        "task": tasks.Settings.model_validate(task),
        "learner": learners.Settings.model_validate(learner),
        "stop": Stop.model_validate(stop),
    }
    assert not learners.refuses(groups["learner"], tasks.interface(groups["task"]))
    return Condition.of(row.split("/")[0], row, config.PRINTED, groups, seed)


def result(record: Record) -> dict[str, Any]:
    """All of a record that must be the same wherever and however a trial is run."""
    names = [name for name in record.__struct_fields__ if name not in ("cpu_s", "machine", "condition")]
    return {name: msgspec.to_builtins(getattr(record, name)) for name in names} | {"cell": record.key}


@pytest.fixture(scope="session", autouse=True)
def kernels(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where compiled kernels are kept: one folder for all processes that share the tests, and those that tests start.

    It is ``REPRO_CACHE`` if that is given, or else ``build``, so that the next run finds what this one has compiled.
    What is found there is good, as kernels are found by what they are made of.
    """
    folder = Path(os.environ.get("REPRO_CACHE") or request.config.rootpath / "build")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(folder))
        yield folder


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials in this process run in plain Python."""
    from sequences import without_jit

    from repro.running import crew

    without_jit(monkeypatch)
    monkeypatch.setattr(crew, "_entries", {})  # where compiled entries of the same names may be


def ended(condition: Condition, trial: int) -> Record:
    """The record of a trial, which is run alone."""
    from repro.running import crew

    (record,) = (event for event in crew.run(condition, [trial], 1) if isinstance(event, Record))
    return record
