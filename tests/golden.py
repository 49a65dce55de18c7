"""Short trials of every learner on every task that it takes, and what has to come of them: the same in every version,
on every machine. They run in plain Python, whose bits are those of the compiled kernels (`test_trials`).

What a change is meant to change is written down again by

    .venv/bin/python tests/golden.py

Committed results of that learner or task then no longer count. A refactoring changes nothing here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from conftest import made_condition, small_condition
from lessons import without_jit

from repro.experiments.condition import Condition
from repro.records.trial import Record
from repro.running import crew

PATH = Path(__file__).with_suffix(".json")
SMALL_ROW = "4/lstm/T=100"  # a row of a configuration, cut short
N_TRIALS = 2

NET = {"name": "lstm", "blocks": 2, "size": 2, "biased": "all", "init": 0.1, "learning_rate": 0.5}
SMALL_NET = {**NET, "size": 1, "biased": "gates", "output_gate_bias": [-1.0, -2.0], "init": 0.2}
GROWING = {"name": "layered_lstm", "init": 0.2, "learning_rate": 4.0, "grow_after": 4, "grow_below": 0.1}
SIMPLE = {"hidden": 3, "biased": "all", "init": 0.3, "learning_rate": 0.5}
LAYERED, FULL = {**SIMPLE, "net": "layered"}, {**SIMPLE, "net": "full", "hidden": 1}
ONE_UNIT = {"hidden": 1, "biased": "none", "init": 0.3, "learning_rate": 2.0}
CHUNKER = {**ONE_UNIT, "name": "chunker", "failure": 0.3}
UNITS = {  # phases so short that a trial installs some
    "name": "cascade", "epoch": 4, "max_units": 3, "candidates": 3, "output_epochs": 2, "candidate_epochs": 2,
    "output_patience": 2, "candidate_patience": 2,
}  # fmt: skip
GUESS = {"name": "guessing", "hidden": 1, "tolerance": 0.4}

ADDING = {"name": "adding", "operation": "sum", "length": 20}
ORDER = {"name": "temporal_order", "length": [30, 33], "places": [[4, 6], [10, 13]]}
REBER = {"name": "reber", "training_strings": 6, "test_strings": 4, "pairs": 2}
SAME = {"name": "long_lag", "kind": "fixed", "p": 5}
VARIED = {"name": "long_lag", "kind": "random", "p": 20}
TRIGGER = {"name": "long_lag", "kind": "trigger", "p": 3, "q": 3}
NOISY = {"name": "two_sequence", "length": 10, "variance": 0.2}
CLASSES = {**NOISY, "informative": 3, "noisy_signal": False, "targets": [1.0, 0.0]}


def recent(most: int, max_sequences: int, **more: Any) -> dict[str, Any]:
    """A stop rule that asks for few wrong among the most recent training sequences."""
    stages = [{"name": "early", "max_wrong": most}, {"name": "late", "max_wrong": 0, "mean_error": 0.06}]
    return {"window": 4, "max_sequences": max_sequences, "test_sequences": 3, "stages": stages, **more}


def exams(early: Mapping[str, Any], late: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A stop rule that holds exams."""
    stages = [{"name": "early", "test_sequences": 0, **early}, {"name": "late", "max_wrong": 7, **late}]
    rule = {"window": 8, "tolerance": 0.5, "max_sequences": 24, "exam_sequences": 4, "exam_every": 4}
    return {**rule, "test_sequences": 2, "stages": stages, **more}


def wrong(n: int) -> dict[str, int]:
    return {"exam_max_wrong": n}


def mean(error: float) -> dict[str, float]:
    return {"exam_mean_error": error}


def all_right(n: int, max_sequences: int) -> dict[str, Any]:
    """A stop rule for guesses: all of a training set are right."""
    stages = [{"name": "learnt", "max_wrong": 0}]
    return {"window": n, "tolerance": 0.4, "max_sequences": max_sequences, "test_sequences": 3, "stages": stages}


class Case(NamedTuple):
    task: Mapping[str, Any]
    learner: Mapping[str, Any]
    stop: Mapping[str, Any]


EASY = {"tolerance": 0.2}
STRINGS = exams(wrong(4), wrong(2), tolerance=0.05)
BRIEF_STRINGS = {**STRINGS, "max_sequences": 12}
PREDICTIONS = exams(mean(0.2), mean(0.1), max_sequences=14)

# fmt: off
CASES = {
    "lstm, adding": Case(ADDING, {**NET, "input_gate_bias": [-3.0, -6.0]}, recent(1, 24, **EASY)),
    "lstm, multiplication, linear": Case(
        {"name": "adding", "operation": "product", "length": 22, "second_mark": "places", "first_pair_marker": "mark"},
        {**NET, "precision": "float64", "output": "linear", "train_biases": "outputs", "g": [0.0, 1.0], "h": "identity",
         "bias_init": 0.3, "learning_rate": 0.1},
        recent(1, 24, **EASY),
    ),
    "lstm, temporal order": Case(
        ORDER, {**NET, "output_error": "plain", "error_factor": 2}, recent(2, 16, tolerance=0.65)
    ),
    "lstm, reber": Case(REBER, {**SMALL_NET, "update": "step"}, exams(wrong(2), wrong(1), tolerance=0.03)),
    "lstm, reber, updates wait": Case(
        {**REBER, "distinct_test": True, "target": "legal"},
        {**SMALL_NET, "biased": "gates+outputs", "train_biases": False},
        exams(wrong(2), wrong(1), **EASY),
    ),
    "lstm, reber, full gradient": Case(
        REBER,
        {**SMALL_NET, "gradient": "full", "cells_see_gates": "current"},
        exams(wrong(2), wrong(1), tolerance=0.06),
    ),
    "lstm, long lag, trigger": Case(
        {**TRIGGER, "p": 20}, {**NET, "size": 1, "biased": "none"}, exams(wrong(1), wrong(0), tolerance=0.502)
    ),
    "lstm, long lag, trigger, full gradient": Case(
        TRIGGER, {**NET, "biased": "none", "gradient": "full"}, exams(wrong(1), wrong(0), tolerance=0.502)
    ),
    "lstm, two sequences": Case(
        CLASSES,
        {**NET, "size": 1, "biased": "hidden", "init": 0.5, "learning_rate": 1.0},
        exams(wrong(1), wrong(0), exam_set="fixed"),
    ),
    "lstm, two sequences, noisy targets": Case(
        {**NOISY, "informative": 1, "noisy_signal": True, "targets": [0.2, 0.8], "target_variance": 0.1},
        {**NET, "biased": "hidden", "cells_see_gates": "current", "learning_rate": 0.1},
        exams(mean(0.09), mean(0.088), error="squared"),
    ),
    "lstm, reber, sees less, updates late": Case(
        {**REBER, "order": "cycle", "success": "most active", "test_apart": False},
        {**SMALL_NET, "biased": "all", "train_biases": "cells+outputs", "cells_see": "no gates", "gates_see": "inputs",
         "start": 0.5, "update": "late", "listed_biases": "added"},
        {**exams({**wrong(4), "max_wrong": 7}, wrong(2), tolerance=0.05), "ask_every": 2},
    ),
    "lstm, reber, full gradient, sees less": Case(
        REBER,
        {**SMALL_NET, "biased": "gates+outputs", "gradient": "full", "cells_see": "no gates",
         "outputs_see": "previous"},
        exams(wrong(2), wrong(1), tolerance=0.06),
    ),
    "lstm, long lag, trigger, cells see inputs": Case(
        {**TRIGGER, "order": "cycle"}, {**NET, "size": 1, "biased": "outputs", "cells_see": "inputs"},
        exams(wrong(1), wrong(0), tolerance=0.502),
    ),
    "lstm, long lag, trigger, full gradient, updates late": Case(
        TRIGGER,
        {**NET, "biased": "cells", "gradient": "full", "update": "late", "start": 0.5, "gates_see": "no gates"},
        exams(wrong(1), wrong(0), tolerance=0.502),
    ),
    "lstm, two sequences, a step behind": Case(
        CLASSES, {**NET, "biased": "cells+outputs", "outputs_see": "previous", "start": 0.5, "learning_rate": 1.0},
        exams(wrong(1), wrong(0), exam_set="fixed"),
    ),
    "layered_lstm, long lag, error at end": Case(
        {**VARIED, "targets": "end", "order": "cycle"},
        {**GROWING, "grow": "count", "update": "late", "outputs_see": "previous", "start": 0.5},
        exams(mean(0.2), mean(0.12), max_sequences=14),
    ),
    "layered_lstm, long lag, fixed, cell from 0": Case(
        {**SAME, "order": "cycle"}, {**GROWING, "grow": "count", "cell_weights": "zero"},
        {**exams(mean(0.2), mean(0.1), max_sequences=30), "ask_every": 3},
    ),
    "layered_lstm, long lag, fixed": Case(
        {**SAME, "judged": "every step"}, GROWING,
        exams(mean(0.2), {**wrong(3), **mean(0.1)}, max_sequences=30, tolerance=0.6),
    ),
    "layered_lstm, long lag, random": Case(
        VARIED, {**GROWING, "grow_after": 0, "update": "sequence", "precision": "float64", "h": [-1.0, 1.0]},
        exams(mean(0.2), mean(0.12), max_sequences=14),
    ),
    "layered_lstm, long lag, random, grows": Case(
        VARIED, {**GROWING, "output_error": "plain", "error_factor": 2}, PREDICTIONS
    ),
    "rtrl, adding": Case(
        ADDING, {**LAYERED, "name": "rtrl", "direct": False, "precision": "float64"}, recent(1, 16, **EASY)
    ),
    "rtrl, temporal order": Case(ORDER, {**FULL, "name": "rtrl"}, recent(2, 10, tolerance=0.65)),
    "rtrl, reber": Case(REBER, {**LAYERED, "name": "rtrl", "update": "sequence"}, STRINGS),
    "rtrl, reber, full": Case(REBER, {**FULL, "name": "rtrl"}, BRIEF_STRINGS),
    "rtrl, reber, forced": Case(REBER, {**FULL, "name": "rtrl", "teacher_forcing": True}, BRIEF_STRINGS),
    "rtrl, reber, does not forget": Case(
        {**REBER, "leave": 75, "order": "cycle"}, {**FULL, "name": "rtrl", "forgets": False, "biased": "none"},
        BRIEF_STRINGS,
    ),
    "rtrl, reber, Smith and Zipser": Case(
        {**REBER, "leave": 75}, {**FULL, "name": "rtrl", "forgets": False, "teacher_forcing": True}, BRIEF_STRINGS,
    ),
    "rtrl, long lag, fixed": Case(
        SAME, {**LAYERED, **ONE_UNIT, "name": "rtrl"}, exams(mean(0.2), mean(0.1), max_sequences=30)
    ),
    "rtrl, long lag, trigger": Case(TRIGGER, {**LAYERED, "name": "rtrl"}, exams(wrong(1), wrong(0), tolerance=0.502)),
    "rtrl, two sequences": Case(
        CLASSES, {**FULL, "name": "rtrl", "error_factor": 2}, exams(wrong(1), wrong(0), exam_set="fixed")
    ),
    "rtrl, long lag, random, a step behind": Case(
        VARIED, {**LAYERED, **ONE_UNIT, "name": "rtrl", "outputs_see": "previous", "start": 0.5}, PREDICTIONS
    ),
    "bptt, two sequences, a step behind": Case(
        CLASSES, {**LAYERED, "name": "bptt", "outputs_see": "previous", "start": 0.5},
        exams(wrong(1), wrong(0), exam_set="fixed"),
    ),
    "elman, reber, a step behind": Case(REBER, {**SIMPLE, "name": "elman", "outputs_see": "previous"}, STRINGS),
    "chunker, long lag, fixed, a step behind": Case(
        SAME, {**CHUNKER, "outputs_see": "previous", "start": 0.5}, exams(mean(0.2), mean(0.1), max_sequences=30)
    ),
    "bptt, adding": Case(ADDING, {**FULL, "name": "bptt", "precision": "float64"}, recent(1, 16, **EASY)),
    "bptt, temporal order": Case(ORDER, {**LAYERED, "name": "bptt"}, recent(2, 10, tolerance=0.65)),
    "bptt, reber": Case(REBER, {**FULL, "name": "bptt", "hidden": 3}, STRINGS),
    "bptt, long lag, random": Case(VARIED, {**LAYERED, **ONE_UNIT, "name": "bptt"}, PREDICTIONS),
    "bptt, long lag, trigger": Case(
        TRIGGER, {**LAYERED, "name": "bptt", "direct": False}, exams(wrong(1), wrong(0), tolerance=0.502)
    ),
    "bptt, two sequences": Case(CLASSES, {**LAYERED, "name": "bptt"}, exams(wrong(1), wrong(0), exam_set="fixed")),
    "elman, adding": Case(ADDING, {**SIMPLE, "name": "elman", "precision": "float64"}, recent(1, 16, **EASY)),
    "elman, temporal order": Case(ORDER, {**SIMPLE, "name": "elman"}, recent(2, 10, tolerance=0.65)),
    "elman, reber": Case(REBER, {**SIMPLE, "name": "elman", "biased": "none"}, STRINGS),
    "elman, reber, updates wait": Case(REBER, {**SIMPLE, "name": "elman", "update": "sequence"}, STRINGS),
    "elman, long lag, fixed": Case(
        SAME, {**SIMPLE, "name": "elman", "direct": True}, exams(mean(0.2), mean(0.1), max_sequences=30)
    ),
    "elman, two sequences": Case(CLASSES, {**SIMPLE, "name": "elman"}, exams(wrong(1), wrong(0), exam_set="fixed")),
    "chunker, long lag, fixed": Case(SAME, CHUNKER, exams(mean(0.2), mean(0.1), max_sequences=30)),
    "chunker, long lag, random": Case(
        VARIED,
        {**CHUNKER, "hidden": 2, "update": "sequence", "judged": "either", "predict_state": False,
         "precision": "float64"},
        PREDICTIONS,
    ),
    "cascade, adding": Case(ADDING, {**UNITS, "hidden": "logistic"}, recent(1, 48, **EASY)),
    "cascade, temporal order": Case(ORDER, UNITS, recent(2, 48, tolerance=0.65)),
    "cascade, reber": Case(
        {**REBER, "order": "cycle"}, {**UNITS, "epoch": 6, "biased": False, "precision": "float32"},
        exams(wrong(4), wrong(0), max_sequences=40, tolerance=0.1),
    ),
    "cascade, two sequences": Case(
        {**CLASSES, "training_sequences": 4}, {**UNITS, "candidate_decay": 1e-3, "output_decay": 1e-3},
        exams(wrong(0), wrong(0), max_sequences=60),
    ),
    "guessing, two sequences, A1": Case(
        {**CLASSES, "training_sequences": 6}, {**GUESS, "architecture": "A1"}, all_right(6, 90)
    ),
    "guessing, two sequences, A2": Case(
        {**CLASSES, "training_sequences": 4}, {**GUESS, "hidden": 2, "architecture": "A2", "precision": "float64"},
        all_right(4, 90),
    ),
}
# fmt: on


def condition_of(case: Case) -> Condition:
    return made_condition(*case)


def found(condition: Condition) -> list[dict[str, Any]]:
    """What comes of a condition's first trials."""
    events = crew.run(condition, range(N_TRIALS), N_TRIALS)
    ended = sorted((event for event in events if isinstance(event, Record)), key=lambda record: record.trial)
    return [record.results() for record in ended]


def all_results() -> dict[str, list[dict[str, Any]]]:
    """Of all cases, by name."""
    return {SMALL_ROW: found(small_condition(SMALL_ROW))} | {
        name: found(condition_of(case)) for name, case in CASES.items()
    }


def written() -> dict[str, list[dict[str, Any]]]:
    """What has to come of all cases, by name."""
    return dict(json.loads(PATH.read_text(encoding="utf-8")))


def text(results: Mapping[str, list[dict[str, Any]]]) -> str:
    """JSON, with a line for each trial."""
    lines = {name: ",\n".join(map(json.dumps, trials)) for name, trials in results.items()}
    return "{\n" + ",\n".join(f"{json.dumps(name)}: [\n{line}\n]" for name, line in lines.items()) + "\n}\n"


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        results = without_jit("golden", Path(folder))
    PATH.write_text(text(results), encoding="utf-8")
