"""Records of trials that nobody ran. They hold together, as those of a results file must."""

import json
from collections.abc import Sequence
from typing import Any

from conftest import small_condition
from msgspec.structs import replace

from repro.analysis import tables
from repro.experiments import config
from repro.experiments.condition import Condition, canonical
from repro.records import jsonl
from repro.records.store import Store
from repro.records.trial import Record, StageRecord
from repro.records.validity import source_of
from repro.running.engine import crashed

_STEPS = 100  # of a sequence
PASSED = "ST3(.1)"  # the stage of 6a


def stage(name: str, sequences: int, wrong: int = 0) -> dict[str, Any]:
    """A stage that was passed, with the test of most rows."""
    return {
        "name": name, "sequences": sequences, "steps": _STEPS * sequences, "test_sequences": 2560, "test_wrong": wrong,
        "mean_absolute_error": 0.25, "mean_squared_error": 0.125, "max_error": 0.5,
    }  # fmt: skip


def invented(
    condition: Condition, trial: int, passed: Sequence[dict[str, Any]] = (), outcome: str = "", **more: Any
) -> Record:
    """A trial of a condition that ``passed`` stages, each tested as its stop rule says: solved if they are all."""
    stop = condition.settings["stop"]
    outcome = outcome or ("solved" if len(passed) == len(stop["stages"]) else "limit")
    sequences = passed[-1]["sequences"] if outcome == "solved" else stop["max_sequences"]
    tested = []
    for one, rule in zip(passed, stop["stages"], strict=False):
        own = stop["test_sequences"] if rule["test_sequences"] is None else rule["test_sequences"]
        tested.append(StageRecord(**{**one, "test_sequences": own or stop["exam_sequences"]}))
    end: dict[str, Any] = {
        "outcome": outcome, "sequences": sequences, "steps": _STEPS * sequences, "stages": tuple(tested), "cpu_s": 2.0,
        "weights": 1, "weights_digest": "feed" * 4, "source": source_of(condition), "error": None,
    }  # fmt: skip
    if "stages" in more:
        more["stages"] = tuple(StageRecord(**one) for one in more["stages"])
    return replace(crashed(condition, trial, ""), **(end | more))


def old_form(record: Record) -> dict[str, Any]:
    """A record as version 0.1 wrote it, which had all in one line."""
    own = json.loads(jsonl.written(record)[""])
    del own["machine"]
    shared = {name: getattr(record, name) for name in ("experiment", "row", "reading", "seed", "settings")}
    empty = {"facts": {}, "error": None}
    return {"schema": 1, "versions": record.versions, "processor": record.processor, **empty, **shared, **own}


def old_line(record: Record) -> str:
    """That as a line of a results file, without its end."""
    return canonical(old_form(record))


def record(trial: int, **more) -> Record:
    return invented(small_condition(), trial, [stage("early", 3), stage("late", 7)], **more)


def fill(store: Store, row: str, stages: list[list[dict]], reading="printed", order=None, **more) -> None:
    """Records of the row's trials, one for each list of stages passed."""
    condition = config.load()[row].condition(reading)
    made = [invented(condition, trial, passed, **more) for trial, passed in enumerate(stages)]
    for one in order(made) if order else made:
        store.append(one)


def lines(store, *patterns):
    return tables.selected(patterns, config.load(), store)


def times(*sequences, wrong=1):
    return [[stage(PASSED, round(n), wrong)] for n in sequences]


AS_PUBLISHED = [31_390 + 100 * k for k in range(-10, 10)]
