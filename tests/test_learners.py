"""What rows may say of each learner in the folder, and what its settings refuse.

That it is what the training loop asks for, `repro check` tries: `make check` does so with all modules of the project.
"""

import math

import pytest
from pydantic import ValidationError

from repro import registry
from repro.experiments import config, setups
from repro.running import check
from repro.running.examples import LEARNERS

NAMES = registry.ours("learners")


def parts_of(name):
    """Module, settings, and the task as the learner sees it."""
    case = check._case("learners", name, {"name": name, **LEARNERS[name]})
    return case.module, case.settings, case.interface


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_counted(name):
    module, settings, interface = parts_of(name)
    n_weights = sum(map(len, module.weights(settings, module.allocate(settings, interface, 1), interface, 0)))
    if name == "cascade":
        assert n_weights < module.n_weights(settings, interface), "it grows up to them"
    else:
        assert n_weights == module.n_weights(settings, interface)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_can_take_in_a_sentence(name):
    module, settings, interface = parts_of(name)
    assert module.refuses(settings, interface) == ""
    reasons = {module.refuses(settings, other) for other in check._INTERFACES} - {""}
    assert all(len(reason) > 20 and not reason.endswith(".") for reason in reasons)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_does_not_take_is_refused_before_a_run(name):
    """A row with such a task is an error of its file."""
    settings = parts_of(name)[1]
    rows = config.load()
    seen = 0
    for row in rows.values():
        reason = setups.learner_refuses(settings, row.setup().task)
        if reason:
            seen += 1
            base = {**row.base, "learner": settings.model_dump(mode="json", exclude_none=True)}
            _, faults = setups.validated(base)
            assert f"{name} cannot take this task: {reason}" in [fault.text for fault in faults]
    assert seen > 0 or name == "elman" or name == "rtrl" or name == "bptt"


@pytest.mark.parametrize("name", NAMES)
def test_bad_settings_are_refused_by_name(name):
    module, settings, _ = parts_of(name)
    good = settings.model_dump()
    module.Settings(**good)
    with pytest.raises(ValidationError, match="hiden"):
        module.Settings(**good, hiden=1)
    n_checked = 0
    for field, value in good.items():
        kinds = [bad for bad in (math.nan, math.inf, -1, -1.5, "1", [], None) if type(bad) is not type(value)]
        if isinstance(value, float) and not isinstance(value, bool):
            kinds = [math.nan, math.inf, -1.0, "1"]
        elif isinstance(value, int) and not isinstance(value, bool):
            kinds = [-1, 1.5, "1", math.nan]
        elif isinstance(value, str):
            kinds = ["nonsense", 1]
        else:
            continue
        for bad in kinds:
            with pytest.raises(ValidationError, match=rf"(?m)(^|\W){field}\b"):
                module.Settings(**good | {field: bad})
        n_checked += 1
    assert n_checked >= 5


@pytest.mark.parametrize("name", NAMES)
def test_the_factor_of_the_error_is_in_the_rate(name):
    """Which is never 0: that is what a test has."""
    settings = parts_of(name)[1]
    if hasattr(settings, "learning_rate"):
        for factor in (1, 2):
            other = settings.model_copy(update={"error_factor": factor})
            assert other.rate == factor * LEARNERS[name]["learning_rate"]
    else:
        assert not hasattr(settings, "error_factor")
        assert settings.rate == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_missing_settings_are_named(name):
    module, settings, _ = parts_of(name)
    needed = [field for field, info in module.Settings.model_fields.items() if info.is_required()]
    assert "name" in needed
    for field in needed:
        with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
            module.Settings(**{key: value for key, value in settings.model_dump().items() if key != field})
