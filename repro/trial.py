"""What one trial is, and what it leaves behind.

A `Cell` is what the trials of one row under one reading share: its settings and the root seed. A trial is a cell and a
number. Its three random streams (initial weights, training, test) follow from that identity alone, never from order,
worker, lane or clock. A `Record` describes itself: nothing but the record is needed to understand it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from repro.settings import Settings

SCHEMA: Literal[1] = 1

Outcome = Literal["solved", "limit", "diverged", "crashed"]


def canonical(value: Any) -> str:
    """JSON in which equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Cell:
    """What the trials of one row under one reading share.

    ``settings`` has the groups task, learner and stop, complete; ``identity`` is the same without values that are
    defaults, so that a setting added later does not rename the trials of today.
    """

    experiment: str
    row: str
    reading: str
    settings: Mapping[str, Mapping[str, Any]]
    identity: Mapping[str, Mapping[str, Any]]
    seed: int = 0

    @classmethod
    def of(cls, experiment: str, row: str, reading: str, groups: Mapping[str, Settings], seed: int = 0) -> "Cell":
        """The cell of validated groups of settings."""
        full, short = (
            {name: group.model_dump(mode="json", exclude_defaults=short) for name, group in groups.items()}
            for short in (False, True)
        )
        return cls(experiment, row, reading, full, short, seed)

    @cached_property
    def key(self) -> str:
        """A digest of the identity."""
        return self._digest(self.identity).hex()[:16]

    def _digest(self, settings: Mapping[str, Any]) -> bytes:
        identity = [self.row, self.reading, settings, self.seed]
        return hashlib.sha256(canonical(identity).encode()).digest()

    def streams(self, trial: int) -> list[np.ndarray]:
        """Four words, uint32, to start each of the streams of a trial: weights, training, test.

        The limit on sequences has no part in them: a trial with a larger limit repeats the shorter one and goes on.
        """
        stop = {name: value for name, value in self.identity["stop"].items() if name != "max_sequences"}
        entropy = int.from_bytes(self._digest({**self.identity, "stop": stop}), "big")
        root = np.random.SeedSequence(entropy, spawn_key=(trial,))
        return [stream.generate_state(4, np.uint32) for stream in root.spawn(3)]

    def pair(self, trial: int) -> np.ndarray | None:
        """Four words to start the stream of a trial's pair of training and test set, if its task has such pairs.

        They follow from the task's settings, the root seed and the pair alone: all learners meet the same pairs, in
        whatever order they want to see them.
        """
        task = {name: value for name, value in self.identity["task"].items() if name != "order"}
        if "pairs" not in task:
            return None
        entropy = int.from_bytes(hashlib.sha256(canonical([task, self.seed]).encode()).digest(), "big")
        return np.random.SeedSequence(entropy, spawn_key=(trial % task["pairs"],)).generate_state(4, np.uint32)


class StageRecord(Settings):
    """A stage of the stop rule that a trial passed, and the test that followed."""

    name: str
    sequences: int = Field(description="training sequences when the stage was passed")
    steps: int = Field(description="training time steps when the stage was passed")
    test_sequences: int
    test_wrong: int
    mean_absolute_error: float | None = Field(description="over test sequences and outputs; null if none or not finite")
    mean_squared_error: float | None
    max_error: float | None = Field(description="the most that the outputs were wrong by, where that decides")


class Record(Settings):
    """What a trial leaves behind; one JSON line."""

    version: Literal[1] = Field(alias="schema")
    experiment: str
    row: str
    reading: str
    cell: str = Field(description="digest of row, reading, settings and seed")
    trial: int
    seed: int
    outcome: Outcome
    sequences: int = Field(description="training sequences used")
    steps: int = Field(description="training time steps used")
    stages: list[StageRecord]
    cpu_s: float = Field(description="CPU seconds; a crew's time is shared out among its running trials")
    weights: int = Field(description="number of weights")
    facts: dict[str, int] = Field(default_factory=dict, description="what the learner tells of its net beyond them")
    weights_digest: str | None = Field(description="of the final weights, in their order, little-endian")
    source: str = Field(description="digest of the numerical source")
    settings: dict[str, dict[str, Any]]
    versions: dict[str, str]
    processor: str
    error: str | None = None
    trace: list[tuple[int, float | None]] | None = Field(
        None, description="where asked for: training sequences, and the mean error of those since the point before"
    )

    def line(self) -> str:
        """The record as a line of JSON, without the line break; a trace only if there is one."""
        left_out = {"trace"} if self.trace is None else set()
        return canonical(self.model_dump(mode="json", by_alias=True, exclude=left_out))
