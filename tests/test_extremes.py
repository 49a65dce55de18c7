"""Settings at the ends of what is allowed, of every learner: no trial solves what nobody can, and none crashes."""

import json
from math import isfinite
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, Lt
from conftest import ended, made_condition

from repro import registry
from repro.records import jsonl
from repro.running.examples import LEARNERS

# Nobody can tell what is to come within so little: values that are drawn, or outputs that nothing hints at.
STOP = {"window": 4, "tolerance": 1e-6, "max_sequences": 10, "test_sequences": 1,
        "stages": [{"name": "learnt", "max_wrong": 0}]}  # fmt: skip
SUMS = {"name": "adding", "operation": "sum", "length": 20}
NOISE = {"name": "two_sequence", "length": 10, "informative": 1, "variance": 1.0, "noisy_signal": True,
         "targets": [0.3, 0.7], "training_sequences": 4}  # fmt: skip
SYMBOLS = {"name": "long_lag", "kind": "random", "p": 6, "judged": "every step"}
TASKS = {"guessing": NOISE, "cascade": NOISE, "layered_lstm": SYMBOLS, "chunker": SYMBOLS}
SIZES = {"hidden", "blocks", "size", "max_units", "candidates"}  # the memory is what bounds them: see test_limits
CURVES = [(-1e308, 1e308), (0.0, 5e-324), (-1e-300, 1e300)]


def ends(name: str) -> dict[str, list[Any]]:
    """Of each setting that is a number the least and the largest that is allowed; of curves, whole ranges."""
    found: dict[str, list[Any]] = {}
    for field, info in registry.learner(name).Settings.model_fields.items():
        bounds = {type(bound): bound for bound in info.metadata if isinstance(bound, Gt | Ge | Lt | Le)}
        if field in ("g", "h"):
            found[field] = CURVES
        elif field.endswith("gate_bias"):
            found[field] = [(1e308,), (-1e308,)]
        elif bounds and field not in SIZES and field != "epoch":
            whole = info.annotation is int
            least = bounds[Ge].ge if Ge in bounds else 1 if whole else 5e-324
            most = bounds[Le].le if Le in bounds else 1 - 2**-53 if Lt in bounds else 1e308
            found[field] = [least, most]
    return found


CASES = [(name, {field: value}) for name in LEARNERS for field, values in ends(name).items() for value in values]
CASES += [(name, {field: values[k] for field, values in ends(name).items()}) for name in LEARNERS for k in (0, 1)]


@pytest.mark.usefixtures("plain")
@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero|underflow) encountered:RuntimeWarning")
@pytest.mark.parametrize(("name", "changes"), CASES, ids=lambda part: part if isinstance(part, str) else str(part)[:60])
def test_no_trial_solves_what_cannot_be_or_crashes(name, changes):
    learner = {"name": name, **LEARNERS[name], **changes}
    rule = STOP
    if name in ("cascade", "guessing"):
        learner |= {"epoch": 4} if name == "cascade" else {"tolerance": STOP["tolerance"]}
    record = ended(made_condition(TASKS.get(name, SUMS), learner, rule), 0)
    assert record.outcome in ("limit", "diverged")
    assert not record.stages
    line = json.loads(jsonl.written(record)[""])  # which has no number that is not finite
    look = line.get("last_look") or {}
    assert all(isfinite(value) for value in look.values() if isinstance(value, float))


def test_every_learner_has_ends():
    assert {name for name, _ in CASES} == set(registry.ours("learners"))
    assert len(CASES) > 46
