"""What every learner in the folder owes the training loop: it is asked of whatever is there.

Each learner has an example in repro/running/examples.py, small and quick to learn; the trials are run in plain Python,
by one process.
"""

import importlib
import math
from functools import lru_cache

import numpy as np
import pytest
from conftest import made_condition, result
from lessons import give, random_lessons, without_jit
from pydantic import ValidationError

from repro import registry
from repro.experiments import config
from repro.kernels import random
from repro.running import check, crew
from repro.running.examples import LEARNERS

STOP = {"window": 10, "tolerance": 0.3, "max_sequences": 600, "test_sequences": 3}
STAGE = {"name": "learnt", "max_wrong": 0}
WIDTHS = (1, 4)
NAMES = registry.ours("learners")


def condition_of(name):
    case = check._case("learners", name, {"name": name, **LEARNERS[name]})
    return made_condition(case.task, case.learner, {**STOP, "stages": (STAGE,)})


def parts_of(name):
    """Module, settings, and the task as the learner sees it."""
    condition = condition_of(name)
    module = importlib.import_module(f"repro.learners.{name}")
    task = importlib.import_module(f"repro.tasks.{condition.settings['task']['name']}")
    settings = module.Settings.model_validate(condition.settings["learner"])
    return module, settings, task.interface(task.Settings.model_validate(condition.settings["task"]))


def records_of(condition, trials, width):
    return [result(event) for event in crew.run(condition, trials, width) if not isinstance(event, crew.Progress)]


def examined(name):
    """Weights after the same lessons: without exams in lane 0, with some in lanes 1 and 2; then learning goes on."""
    module, settings, interface = parts_of(name)
    rng = np.random.default_rng(7)
    training = random_lessons(rng, interface, 12, 0.5, (2, interface.longest + 1))
    tests = [lesson._replace(rate=0.0) for lesson in random_lessons(rng, interface, 5, 0.0, (2, interface.longest + 1))]
    twice = [*training[:9], *tests[:2], training[9], *tests, *training[10:]]
    lanes = [training, [*training[:5], *tests, *training[5:]], twice]
    net = module.allocate(settings, interface, 3)
    for lane in range(3):
        words = np.array([[1], [2], [3], [4]], np.uint32)
        module.initialise(settings, net, interface, lane, random.uniform(words))
    before = [np.concatenate(module.weights(settings, net, interface, lane)).tobytes() for lane in range(3)]
    give(module, settings, interface, net, lanes)
    return before, [np.concatenate(module.weights(settings, net, interface, lane)).tobytes() for lane in range(3)]


def all_results():
    """By learner: what comes of three trials, one after the other and side by side, and of the first one alone."""
    found = {f"{name}, examined": examined(name) for name in NAMES}
    for name in NAMES:
        condition = condition_of(name)
        runs = [records_of(condition, range(3), width) for width in WIDTHS]
        found[name] = [
            sorted(run, key=lambda record: record["trial"]) for run in [*runs, records_of(condition, [0], 1)]
        ]
    return found


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return without_jit("test_learners", tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_what_is_easy(records, name):
    """In all trials, with finite weights, each in its own time or to weights of its own."""
    for record in records[name][0]:
        assert record["outcome"] == "solved", record
        assert 0 < record["sequences"] < 600
    assert len({record["weights_digest"] for record in records[name][0]}) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_is_the_same_in_any_company(records, name):
    one_by_one, side_by_side, alone = records[name]
    assert one_by_one == side_by_side
    assert alone == one_by_one[:1]


@pytest.mark.parametrize("name", NAMES)
def test_exams_leave_no_trace(records, name):
    before, after = records[f"{name}, examined"]
    assert before[0] == before[1] == before[2]
    assert before[0] != after[0]
    assert after[0] == after[1] == after[2]


@lru_cache(maxsize=None)
def net_of(name, width):
    """Nets with initial weights, drawn lane by lane."""
    module, settings, interface = parts_of(name)
    net = module.allocate(settings, interface, width)
    for lane in range(width):
        words = np.array([[1], [2], [3], [4 + lane]], np.uint32)
        module.initialise(settings, net, interface, lane, random.uniform(words))
    return net


def weights_of(name, net, lane):
    module, settings, interface = parts_of(name)
    return np.concatenate(module.weights(settings, net, interface, lane))


@pytest.mark.parametrize("name", NAMES)
def test_every_array_has_the_lanes_last(name):
    found = list(crew._arrays(net_of(name, 3)))
    assert len(found) > 5
    assert {array.shape[-1] for array in found} == {3}


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_finite_counted_and_each_lanes_own(name):
    module, settings, interface = parts_of(name)
    net = net_of(name, 3)
    lanes = [weights_of(name, net, lane) for lane in range(3)]
    for weights in lanes:
        assert np.isfinite(weights).all()
        assert len(weights) == module.n_weights(settings, interface) or (
            name == "cascade" and len(weights) < module.n_weights(settings, interface)  # it grows up to them
        )
        assert weights.dtype == settings.precision
        assert np.ptp(weights) > 0
    assert len({weights.tobytes() for weights in lanes}) == 3
    assert weights_of(name, net_of(name, 1), 0).tobytes() == lanes[0].tobytes()  # as many lanes as there are


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_views(name):
    module, settings, interface = parts_of(name)
    net = module.allocate(settings, interface, 2)
    for row in module.weights(settings, net, interface, 1):
        row[...] = 7
    assert (weights_of(name, net, 1) == 7).all()
    assert not (weights_of(name, net, 0) == 7).any()


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
        reason = config.learner_refuses(settings, row.setup().task)
        if reason:
            seen += 1
            base = {**row.base, "learner": settings.model_dump(mode="json", exclude_none=True)}
            _, problems = config._setup(base, {}, {})
            assert f"learner: {name} cannot take this task: {reason}" in problems
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
