"""Records of trials that nobody ran. They hold together, as those of a results file must."""

from collections.abc import Sequence
from typing import Any

from repro.campaign import source_of
from repro.cell import Cell
from repro.engine import crashed
from repro.trial import Record

_STEPS = 100  # of a sequence


def stage(name: str, sequences: int, wrong: int = 0) -> dict[str, Any]:
    """A stage that was passed, with the test of most rows."""
    return {
        "name": name, "sequences": sequences, "steps": _STEPS * sequences, "test_sequences": 2560, "test_wrong": wrong,
        "mean_absolute_error": 0.25, "mean_squared_error": 0.125, "max_error": 0.5,
    }  # fmt: skip


def invented(cell: Cell, trial: int, passed: Sequence[dict[str, Any]] = (), outcome: str = "", **more: Any) -> Record:
    """A trial of a cell that ``passed`` stages, each tested as its stop rule says: solved if they are all there are."""
    stop = cell.settings["stop"]
    outcome = outcome or ("solved" if len(passed) == len(stop["stages"]) else "limit")
    sequences = passed[-1]["sequences"] if outcome == "solved" else stop["max_sequences"]
    tested = []
    for one, rule in zip(passed, stop["stages"], strict=False):
        own = stop["test_sequences"] if rule["test_sequences"] is None else rule["test_sequences"]
        tested.append({**one, "test_sequences": own or stop["exam_sequences"]})
    end = {
        "outcome": outcome, "sequences": sequences, "steps": _STEPS * sequences, "stages": tested, "cpu_s": 2.0,
        "weights": 1, "weights_digest": "feed" * 4, "source": source_of(cell), "error": None,
    }  # fmt: skip
    return Record.model_validate(crashed(cell, trial, "").model_dump(by_alias=True) | end | more)
