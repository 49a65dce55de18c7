"""Small cases of every learner and task of the project, with which `check` tries them."""

from collections.abc import Mapping
from typing import Any

CLASSES = {  # an input of 1 or of -1 for ten time steps, and the class is to be told: one unit could do it
    "name": "two_sequence", "length": 10, "informative": 10, "variance": 0.0, "noisy_signal": False,
    "targets": [0.9, 0.1],
}  # fmt: skip
SYMBOLS = {"name": "long_lag", "kind": "fixed", "p": 2, "judged": "end"}  # x a x or y a y
_SMALL = {"hidden": 2, "biased": "all", "init": 0.3, "learning_rate": 3.0}
LEARNERS: Mapping[str, Mapping[str, Any]] = {
    "lstm": {"blocks": 1, "size": 1, "biased": "all", "init": 0.3, "learning_rate": 2.0},
    "layered_lstm": {"grow_after": 0, "init": 0.3, "learning_rate": 4.0},
    "rtrl": {**_SMALL, "net": "layered"},
    "bptt": {**_SMALL, "net": "layered"},
    "elman": _SMALL,
    "chunker": {"hidden": 1, "init": 0.3, "learning_rate": 4.0, "failure": 0.3, "judged": "either"},
    "cascade": {"epoch": 4, "max_units": 2, "candidates": 3, "output_epsilon": 3.0},
    "guessing": {"architecture": "A1", "hidden": 1, "tolerance": 0.3},
}
FOR_GUESSING = {**CLASSES, "training_sequences": 10, "targets": [1.0, 0.0]}  # which saturated units can reach
TASKS: Mapping[str, Mapping[str, Any]] = {
    "two_sequence": CLASSES,
    "long_lag": SYMBOLS,
    "adding": {"operation": "sum", "length": 20},
    "temporal_order": {"length": [20, 25], "places": [[2, 4], [10, 12]]},
    "reber": {"pairs": 3, "training_strings": 8, "test_strings": 8},
}
