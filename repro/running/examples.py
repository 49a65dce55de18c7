"""Small cases with which `check` tries learners and tasks: those of the project stand here, others have their own."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from repro import registry
from repro.experiments.messages import MISSING, problems

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


def of(folder: str, name: str, module: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The settings of a module's example, with its name; and what is wrong with them, and what to do about each."""
    if name in registry.ours(folder):
        file, given = "repro/running/examples.py", (LEARNERS if folder == "learners" else TASKS).get(name)
    else:
        file, given = module.__spec__.origin, getattr(module, "EXAMPLE", None)
    if given is None:
        advice = "set EXAMPLE to a dictionary of settings, small ones, all that have no default"
        return {}, [("the module has no EXAMPLE", advice)]
    example = {"name": name, **given}
    try:
        module.Settings.model_validate(example)
    except ValidationError as error:
        wrong = []
        for problem in problems(error, example, module.Settings):
            place, advice = "EXAMPLE", "change EXAMPLE in that file"
            if problem.path == ("name",) and "name" not in given:
                place, advice = "Settings", f'write `name: Literal["{name}"]`, as the file is called'
            elif problem.text == MISSING:
                added = f'add "{problem.path[-1]}": ... to EXAMPLE'
                advice = f"{added}, or give it a default in Settings; rows have it from their TOML"
            wrong.append((f"{place} in {file}: {problem.line}", advice))
        return example, wrong
    return example, []
