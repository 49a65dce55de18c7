"""What a trial is: its identity, and the random streams that follow from it.

A `Condition` is what the trials of one row under one reading share: its settings and the root seed. A trial is a
condition and a number. Its three random streams (initial weights, training, test) follow from that identity alone,
never from order, worker, lane or clock.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from repro.settings import Settings

Groups = Mapping[str, Mapping[str, Any]]  # settings, by group


def canonical(value: Any) -> str:
    """JSON in which equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Condition:
    """What the trials of one row under one reading share; many records share one.

    ``settings`` has the groups task, learner and stop, complete; ``identity`` is the same without values that are
    defaults, so that a setting added later does not rename the trials of today.
    """

    def __init__(
        self, experiment: str, row: str, reading: str, settings: Groups, identity: Groups, seed: int = 0
    ) -> None:
        self.experiment, self.row, self.reading, self.seed = experiment, row, reading, seed
        self.settings, self.identity = settings, identity

    @classmethod
    def of(cls, experiment: str, row: str, reading: str, groups: Mapping[str, Settings], seed: int = 0) -> "Condition":
        """The condition of validated groups of settings."""
        full, short = (
            {name: group.model_dump(mode="json", exclude_defaults=short) for name, group in groups.items()}
            for short in (False, True)
        )
        return cls(experiment, row, reading, full, short, seed)

    @cached_property
    def key(self) -> str:
        """A digest of the identity."""
        return self._digest(self.identity).hex()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Condition({self.row}, {self.reading}, {self.key})"

    def _digest(self, settings: Mapping[str, Any]) -> bytes:
        identity = [self.row, self.reading, settings, self.seed]
        return hashlib.sha256(canonical(identity).encode()).digest()

    def cut_short(self, sequences: int) -> "Condition":
        """A condition whose trials are the first ``sequences`` training sequences of this one's, with another key."""
        limit = min(sequences, self.settings["stop"]["max_sequences"])
        full, short = (
            {**settings, "stop": {**settings["stop"], "max_sequences": limit}}
            for settings in (self.settings, self.identity)
        )
        return Condition(self.experiment, self.row, self.reading, full, short, self.seed)

    @property
    def unlimited(self) -> Groups:
        """The identity without the limit on training sequences."""
        stop = {name: value for name, value in self.identity["stop"].items() if name != "max_sequences"}
        return {**self.identity, "stop": stop}

    def streams(self, trial: int) -> list[np.ndarray]:
        """Four words, uint32, to start each of the streams of a trial: weights, training, test.

        The limit on sequences has no part in them: a trial with a larger limit repeats the shorter one and goes on.
        """
        entropy = int.from_bytes(self._digest(self.unlimited), "big")
        root = np.random.SeedSequence(entropy, spawn_key=(trial,))
        return [stream.generate_state(4, np.uint32) for stream in root.spawn(3)]

    def pair(self, trial: int) -> np.ndarray | None:
        """Four words to start the stream of a trial's pair of training and test set, if its task has such pairs.

        They follow from the task's settings, the root seed and the pair alone: all learners meet the same pairs, in
        whatever order they want to see them, whatever is asked of them.
        """
        task = {name: value for name, value in self.identity["task"].items() if name not in ("order", "success")}
        if "pairs" not in task:
            return None
        entropy = int.from_bytes(hashlib.sha256(canonical([task, self.seed]).encode()).digest(), "big")
        return np.random.SeedSequence(entropy, spawn_key=(trial % task["pairs"],)).generate_state(4, np.uint32)
