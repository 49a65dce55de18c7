"""Whether a record that is read back holds together. One that was edited, or means nothing today, must not count.

A line can have the form of a record and yet be none that a trial left: a number no trial has, a stage twice, settings
of another condition. All of it is held to the settings of its condition, as today's settings classes read them. What
no rule can show is an edit to another value that a trial could have left; that is for `repro replay`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NoReturn

from repro import registry
from repro.errors import ReproError
from repro.experiments.condition import Condition
from repro.experiments.messages import MISSING
from repro.experiments.setups import Names, validated
from repro.records.jsonl import ConditionLine, OldLine
from repro.records.trial import LastLook, Record, StageRecord

_MODULES = ("task", "learner")
_GROUPS = {*_MODULES, "stop"}


class RecordError(ReproError):
    """A record that does not hold together."""


class ForeignError(RecordError):
    """A record of a learner or a task that there is not, as it was of a file of somebody's own."""


def condition_of(line: ConditionLine | OldLine, experiment: str) -> Condition:
    """The condition that a line in the file of ``experiment`` is about, from nothing but the line.

    Raises
    ------
    RecordError
        If its settings are not valid today, or mean another condition.

    """
    _require(line.experiment == experiment, f"experiment {line.experiment} has a file of its own")
    _require(line.row.startswith(f"{experiment}/"), f"the row is not of experiment {experiment}")
    identity = line.experiment, line.row, line.reading, line.seed
    if isinstance(line, OldLine):
        condition = _condition_of_text(*identity, json.dumps(line.settings, sort_keys=True))
    else:
        condition = _condition(*identity, line.settings)
    _require(
        condition.key == line.condition,
        f"its settings make condition {condition.key} today, and the record says {line.condition}: it was edited, or "
        "defaults have changed since",
    )
    return condition


@lru_cache(maxsize=None)
def _condition_of_text(experiment: str, row: str, reading: str, seed: int, settings: str) -> Condition:
    """The condition that settings make, given as JSON: that of many old lines."""
    return _condition(experiment, row, reading, seed, json.loads(settings))


def _condition(experiment: str, row: str, reading: str, seed: int, given: dict[str, dict[str, Any]]) -> Condition:
    """The condition that settings make."""
    named = ", ".join(given) or "nothing"
    _require(given.keys() == _GROUPS, f"it has settings of {named}, not of task, learner and stop")
    for group in _MODULES:
        name = given[group].get("name")
        _require(isinstance(name, str), f"its {group} has no name")
        if name not in registry.names(f"{group}s"):
            raise ForeignError(f"there is no {group} '{name}' here: `--with` its file")
    setup, faults = validated(given)
    if setup is None:
        hint = " (if it is new, it needs a default)" if faults[0].text == MISSING else ""
        raise RecordError(f"its settings are not valid today: {Names().line(faults[0])}{hint}")
    return Condition.of(experiment, row, reading, {group: getattr(setup, group) for group in given}, seed)


@dataclass(frozen=True)
class Rule:
    """What a stop rule lets its trials leave, by names that are quick to reach: a million records are held to it."""

    stages: tuple[str, ...]
    tested: tuple[int, ...]  # sequences in the test of each
    most: int  # training sequences
    asked_every: int  # training sequences from one asking of the rule to the next
    looked_at: str  # by a last look
    n_look: int  # sequences of it, if so many were trained on

    @classmethod
    def of(cls, condition: Condition) -> "Rule":
        """The rule of a condition."""
        stop = condition.settings["stop"]
        tests = [stop["test_sequences"] if s["test_sequences"] is None else s["test_sequences"] for s in stop["stages"]]
        exam = stop["exam_sequences"]
        return cls(
            tuple(stage["name"] for stage in stop["stages"]),
            tuple(test or exam for test in tests),  # an exam stands for a test
            stop["max_sequences"],
            stop["ask_every"],
            *(("exam", exam) if exam else ("training", stop["window"])),
        )


def check(record: Record, rule: Rule) -> None:
    """Refuse a record that no trial of a condition with such a rule can have left.

    That its figures are finite and not negative, its reading has seen to (`jsonl`).

    Raises
    ------
    RecordError
        If it does not hold together; it says why.

    """
    if record.outcome == "crashed":
        left = record.sequences or record.steps or record.stages or record.weights_digest or record.source
        _require(not left, "it is said to have crashed, and has the results of a trial that ended")
        return
    stages, outcome, sequences, n = record.stages, record.outcome, record.sequences, len(record.stages)
    if n > len(rule.stages):
        _refuse_stages(stages, rule)
    if (outcome == "solved") != (n == len(rule.stages)):
        raise RecordError(f"its outcome is '{outcome}', and it passed {n} of {len(rule.stages)} stages")
    before = before_steps = 0
    for stage, name, asked in zip(stages, rule.stages, rule.tested, strict=False):
        if stage.name != name:
            _refuse_stages(stages, rule)
        if not 0 <= stage.sequences - before <= stage.steps - before_steps:
            raise RecordError(_SHRINKS)
        before, before_steps = stage.sequences, stage.steps
        if not before or before % rule.asked_every:
            raise RecordError(f"{name} is passed after {before:,} sequences, and asked every {rule.asked_every:,}")
        if stage.test_sequences != asked or stage.test_wrong > asked or not asked:
            _check_test(stage, asked)
    if not 0 <= sequences - before <= record.steps - before_steps:
        raise RecordError(_SHRINKS)
    if outcome == "solved" and (sequences, record.steps) != (before, before_steps):
        raise RecordError("it went on after its last stage")
    if sequences != rule.most and (sequences > rule.most or outcome == "limit"):
        raise RecordError(f"its outcome is '{outcome}' after {sequences:,} sequences, and the limit is {rule.most:,}")
    if not (record.weights and record.weights_digest):
        raise RecordError("it has no final weights")
    if not record.source:
        raise RecordError("it does not say which source computed it")
    if record.error is not None:
        raise RecordError("it has an error, and is not said to have crashed")
    if record.last_look is not None:
        _require(outcome == "limit", "it has a last look, and did not end at its limit")
        _check_look(record.last_look, sequences, rule)
    if record.trace is not None:
        ends = [0, *(end for end, _ in record.trace)]
        grows = all(earlier < later for earlier, later in pairwise(ends))
        _require(grows and ends[-1] == sequences, "its trace does not reach from its first sequence to its last")


def _refuse_stages(stages: Sequence[StageRecord], rule: Rule) -> NoReturn:
    stated, passed = ", ".join(rule.stages), ", ".join(stage.name for stage in stages)
    raise RecordError(f"the stages of its stop rule are {stated}, in this order, and it passed {passed}")


_SHRINKS = "its sequences and time steps do not grow from stage to stage and to its end"


def _check_test(stage: StageRecord, n: int) -> None:
    """That the test of a stage, on ``n`` sequences, can have gone so."""
    _require(stage.test_sequences == n, f"{stage.name} is tested on {n} sequences, not on {stage.test_sequences}")
    _require(stage.test_wrong <= n, f"{stage.name}: {stage.test_wrong} of {n} test sequences are wrong")
    errors = (stage.mean_absolute_error, stage.mean_squared_error)
    _require(n > 0 or errors == (None, None), f"{stage.name}: a mean error is out of range")


def _check_look(look: LastLook, n_training: int, rule: Rule) -> None:
    """That a last look can have found so much."""
    n = rule.n_look if rule.looked_at == "exam" else min(n_training, rule.n_look)
    _require(
        (look.at, look.sequences) == (rule.looked_at, n), f"its last look is one at {n} sequences, in {rule.looked_at}"
    )
    late = look.late_wrong or 0
    _require(late <= look.wrong <= n, f"its last look: {look.wrong} of {n} are wrong, {late} of those late")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
