"""Whether a record that is read back holds together. One that was edited, or means nothing today, must not count.

A line can have the form of a record and yet be none that a trial left: a number no trial has, a stage twice, settings
of another cell. All of it is held to the record's own settings, as today's settings classes read them. What no rule can
show is an edit to another value that a trial could have left; that is for `repro replay`.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from repro.cell import Cell
from repro.config import modules
from repro.errors import ReproError
from repro.stop import Stop
from repro.trial import LastLook, Record, StageRecord

_FOLDERS = {"task": "tasks", "learner": "learners"}
_GROUPS = {*_FOLDERS, "stop"}
_TRIALS = range(2**32)  # a word of the seed
_COUNTS = range(2**63)  # as kernels count


class RecordError(ReproError):
    """A record that does not hold together."""


def cell_of(record: Record) -> Cell:
    """The cell of a record, from nothing but the record.

    Raises
    ------
    RecordError
        If its settings are not valid today, or mean another cell.

    """
    text = json.dumps(record.settings, sort_keys=True)
    cell = _cell(record.experiment, record.row, record.reading, record.seed, text)
    _require(
        cell.key == record.cell,
        f"its settings make cell {cell.key} today, and the record says {record.cell}: it was edited, or defaults have "
        "changed since",
    )
    return cell


@lru_cache(maxsize=None)
def _cell(experiment: str, row: str, reading: str, seed: int, settings: str) -> Cell:
    """The cell that settings make, given as JSON; many records share it."""
    groups: dict[str, Any] = {}
    given: dict[str, dict[str, Any]] = json.loads(settings)
    there = ", ".join(given) or "nothing"
    _require(given.keys() == _GROUPS, f"it has settings of {there}, not of task, learner and stop")
    for group, values in given.items():
        kind: Any = Stop
        if group in _FOLDERS:
            name = values.get("name")
            _require(name in modules(_FOLDERS[group]), f"there is no {group} '{name}' today")
            kind = import_module(f"repro.{_FOLDERS[group]}.{name}").Settings
        try:
            groups[group] = kind.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, (group, *first["loc"])))
            raise RecordError(f"{key} is not valid today: {first['msg']}") from None
    return Cell.of(experiment, row, reading, groups, seed)


def check(record: Record, experiment: str) -> None:
    """Refuse a record that no trial can have left in the file of ``experiment``.

    Raises
    ------
    RecordError
        If it does not hold together; it says why.

    """
    _require(record.experiment == experiment, f"experiment {record.experiment} has a file of its own")
    _require(record.row.startswith(f"{experiment}/"), f"the row is not of experiment {experiment}")
    stop = cell_of(record).settings["stop"]
    _require(record.trial in _TRIALS, "trials are numbered from 0")
    counts = (record.sequences, record.steps, record.weights, *record.facts.values())
    _require(all(count in _COUNTS for count in counts) and record.cpu_s >= 0, "a figure is out of range")
    if record.outcome == "crashed":
        left = record.sequences or record.steps or record.stages or record.weights_digest or record.source
        _require(not left, "it is said to have crashed, and has the results of a trial that ended")
    else:
        _check_end(record, stop)


def _check_end(record: Record, stop: Mapping[str, Any]) -> None:
    """That a trial can have ended so."""
    names, rule = [stage.name for stage in record.stages], [stage["name"] for stage in stop["stages"]]
    _require(
        names == rule[: len(names)],
        f"the stages of its stop rule are {', '.join(rule)}, in this order, and it passed {', '.join(names)}",
    )
    _require(
        (record.outcome == "solved") == (names == rule),
        f"its outcome is '{record.outcome}', and it passed {len(names)} of {len(rule)} stages",
    )
    passed = [(stage.sequences, stage.steps) for stage in record.stages]
    course = [(0, 0), *passed, (record.sequences, record.steps)]
    _require(
        all(0 <= later - n <= later_steps - steps for (n, steps), (later, later_steps) in pairwise(course)),
        "its sequences and time steps do not grow from stage to stage and to its end",
    )
    _require(record.outcome != "solved" or passed[-1] == course[-1], "it went on after its last stage")
    most = stop["max_sequences"]
    _require(
        record.sequences == most or (record.sequences < most and record.outcome != "limit"),
        f"its outcome is '{record.outcome}' after {record.sequences:,} sequences, and the limit is {most:,}",
    )
    _require(record.weights > 0 and bool(record.weights_digest), "it has no final weights")
    _require(bool(record.source), "it does not say which source computed it")
    _require(record.error is None, "it has an error, and is not said to have crashed")
    for stage, asked in zip(record.stages, stop["stages"], strict=False):
        own = stop["test_sequences"] if asked["test_sequences"] is None else asked["test_sequences"]
        _check_test(stage, own or stop["exam_sequences"])  # an exam stands for a test
    if record.last_look is not None:
        _require(record.outcome == "limit", "it has a last look, and did not end at its limit")
        _check_look(record.last_look, record.sequences, stop)
    if record.trace is not None:
        ends = [0, *(end for end, _ in record.trace)]
        grows = all(before < end for before, end in pairwise(ends))
        _require(grows and ends[-1] == record.sequences, "its trace does not reach from its first sequence to its last")
        _require(all(error is None or error >= 0 for _, error in record.trace), "an error of its trace is negative")


def _check_test(stage: StageRecord, n: int) -> None:
    """That the test of a stage, on ``n`` sequences, can have gone so."""
    _require(stage.test_sequences == n, f"{stage.name} is tested on {n} sequences, not on {stage.test_sequences}")
    _require(0 <= stage.test_wrong <= n, f"{stage.name}: {stage.test_wrong} of {n} test sequences are wrong")
    for error in (stage.mean_absolute_error, stage.mean_squared_error):  # only the largest has a sign
        _require(error is None or (n > 0 and error >= 0), f"{stage.name}: a mean error is out of range")


def _check_look(look: LastLook, n_training: int, stop: Mapping[str, Any]) -> None:
    """That a last look can have found so much."""
    at, n = (
        ("exam", stop["exam_sequences"]) if stop["exam_sequences"] else ("training", min(n_training, stop["window"]))
    )
    _require((look.at, look.sequences) == (at, n), f"its last look is one at {n} sequences, in {at}")
    late = look.late_wrong or 0
    _require(0 <= late <= look.wrong <= n, f"its last look: {look.wrong} of {n} are wrong, {late} of those late")
    errors = (look.mean_absolute_error, look.mean_squared_error)
    _require(all(error is None or error >= 0 for error in errors), "its last look: a mean error is out of range")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
