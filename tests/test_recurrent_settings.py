"""What nets of recurrent logistic units are made of: weights, how they start, and what is refused."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from recurrent_nets import BIASED, DIRECT, FULL, LAYERED, LEARNERS, Case, design, new_net, settings, task, weights_of

EVERY = [("rtrl", LAYERED), ("rtrl", FULL), ("bptt", LAYERED), ("bptt", FULL), ("elman", {})]


# ------------------------------------------------------------------------------------------------------------ weights


@pytest.mark.parametrize(
    ("name", "net", "hidden", "more", "n_in", "n_out", "published"),
    [
        ("rtrl", LAYERED, 1, DIRECT, 5, 5, 36),  # experiment 2a, p = 4
        ("rtrl", LAYERED, 1, DIRECT, 11, 11, 144),
        ("rtrl", LAYERED, 1, DIRECT, 101, 101, 10404),
        ("bptt", LAYERED, 1, DIRECT, 101, 101, 10404),
        ("rtrl", FULL, 3, {}, 7, 7, 170),  # experiment 1
        ("rtrl", FULL, 12, {}, 7, 7, 494),
        ("bptt", FULL, 12, {}, 7, 7, 494),
        ("elman", {}, 15, {}, 7, 7, 435),
        ("elman", {}, 15, BIASED, 7, 7, 435 + 22),
        ("rtrl", FULL, 3, BIASED, 7, 7, 170 + 10),
        ("bptt", LAYERED, 3, DIRECT | BIASED, 2, 4, 3 * 6 + 4 * 6),
        ("elman", {}, 3, DIRECT, 2, 4, 3 * 5 + 4 * 5),
    ],
)
@pytest.mark.parametrize("by_index", [False, True])
def test_as_many_weights_as_published(name, net, hidden, more, n_in, n_out, published, by_index):
    kind = "dd" if not by_index else "id" if net == FULL else "ii"
    case = Case(settings(name, hidden, **net, **more), task(kind, n_in, n_out), width=2)
    learner, config, interface = case.learner, case.settings, case.interface
    assert learner.n_weights(config, interface) == published
    arrays = learner.allocate(*case)
    rows = learner.weights(config, arrays, interface, 1)
    assert [len(row) for row in rows] == design(case).row_lengths()
    for row in rows:
        row += 1
    assert sum(array[..., 1].sum() for array in (arrays.w, arrays.w_out)) == published  # views, that do not overlap
    assert max(array.max() for array in (arrays.w, arrays.w_out) if array.size) == 1
    assert not any(array[..., 0].any() for array in (arrays.w, arrays.w_out))


@pytest.mark.parametrize(("name", "net"), EVERY)
@pytest.mark.parametrize("more", [DIRECT, BIASED])
def test_weights_are_drawn_in_order_from_a_symmetric_range(name, net, more):
    case = Case(settings(name, 4, init=0.1, **net, **more), task("id", 5, 3), width=2)
    arrays = case.learner.allocate(*case)
    numbers = np.random.default_rng(3).random(100).tolist()
    queue = iter(numbers)
    case.learner.initialise(case.settings, arrays, case.interface, 1, lambda: next(queue))
    drawn = weights_of(case, arrays, 1)
    assert len(drawn) == case.learner.n_weights(case.settings, case.interface)
    assert np.allclose(drawn, 0.1 * (2 * np.array(numbers[: len(drawn)]) - 1), rtol=1e-15)
    assert len(list(queue)) == 100 - len(drawn)
    assert drawn.min() < -0.08
    assert drawn.max() > 0.08
    assert not any(array[..., 0].any() for array in (arrays.w, arrays.w_out))


@pytest.mark.parametrize(("name", "net"), EVERY)
def test_inputs_and_targets_by_index_draw_the_same_net(name, net):
    """Inputs first, as though they were one-hot vectors."""
    config = settings(name, 2, **net, **DIRECT, **BIASED)
    kinds = ["dd", "id"] if net == FULL else ["dd", "di", "id", "ii"]
    first, *others = (weights_of(case, new_net(case), 0) for case in (Case(config, task(k, 20, 3), 1) for k in kinds))
    for other in others:
        assert np.array_equal(first, other)


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(("name", "net"), EVERY)
@pytest.mark.parametrize("kind", ["dd", "di", "id", "ii"])
def test_tasks_that_do_not_fit_are_refused(name, net, kind):
    """Outputs of a full net lie among the hidden units, not where targets given by their index are looked up."""
    learner, config = LEARNERS[name], settings(name, 3, **net)
    for interface in (task(kind, 5, 5), task(kind, 5, 2, every_step=False)):
        assert (learner.refuses(config, interface) != "") == (net == FULL and kind[1] == "i")


GOOD = {"hidden": 3, "biased": "none", "init": 0.1, "learning_rate": 0.5}
NEEDED = {
    "rtrl": GOOD | {"name": "rtrl", "net": "full"},
    "bptt": GOOD | {"name": "bptt", "net": "full"},
    "elman": GOOD | {"name": "elman"},
}
BAD = [
    ("hidden", 0), ("hidden", 2.0), ("hidden", 257),
    ("biased", "hidden"), ("biased", True),
    ("direct", "yes"), ("direct", 1),
    ("error_factor", 3),
    ("init", 0.0), ("init", 101.0), ("init", float("nan")),
    ("learning_rate", 0.0), ("learning_rate", 1001.0), ("learning_rate", float("inf")),
    ("precision", "float16"),
    ("outputs_see", "next"), ("outputs_see", None),
    ("start", 0.25), ("start", 1), ("start", -0.5), ("start", True), ("start", "0.5"), ("start", None),
    ("blocks", 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *((name, field, value) for name in NEEDED for field, value in [*BAD, ("name", "lstm")]),
        *((name, "net", value) for name in ("rtrl", "bptt") for value in ("elman", None)),
        *((name, "update", "epoch") for name in ("rtrl", "elman")),
        ("rtrl", "teacher_forcing", 1),
        ("rtrl", "forgets", "no"),
        ("bptt", "update", "step"),  # the gradient is known at the end of a sequence
        ("bptt", "teacher_forcing", True),
        ("bptt", "forgets", False),
        ("elman", "net", "layered"),
        ("elman", "teacher_forcing", True),
        ("elman", "forgets", False),
    ],
)
def test_bad_settings_are_refused_by_name(name, field, value):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        LEARNERS[name].Settings(**NEEDED[name] | {field: value})


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in NEEDED for field in NEEDED[name]])
def test_missing_settings_are_named(name, field):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        LEARNERS[name].Settings(**{key: value for key, value in NEEDED[name].items() if key != field})


def test_teacher_forcing_needs_outputs_that_feed_back():
    LEARNERS["rtrl"].Settings(**NEEDED["rtrl"], teacher_forcing=True)
    with pytest.raises(ValidationError, match="teacher_forcing"):
        LEARNERS["rtrl"].Settings(**NEEDED["rtrl"] | {"net": "layered", "teacher_forcing": True})


@pytest.mark.parametrize("name", ["rtrl", "bptt"])
def test_outputs_that_see_the_step_before_are_those_of_a_layered_net(name):
    """Those of a full net are recurrent units. And where a net falls behind its sequences have to begin."""
    for net, fine in (("layered", True), ("full", False)):
        needed = NEEDED[name] | {"net": net, "outputs_see": "previous"}
        if fine:
            assert LEARNERS[name].Settings(**needed).outputs_see == "previous"
        else:
            with pytest.raises(ValidationError, match="layered"):
                LEARNERS[name].Settings(**needed)
    needed = NEEDED["rtrl"] | {"net": "layered", "outputs_see": "previous", "forgets": False}
    with pytest.raises(ValidationError, match="forgets"):
        LEARNERS["rtrl"].Settings(**needed)


@pytest.mark.parametrize("name", NEEDED)
def test_sequences_start_from_0_or_a_half(name):
    """As TOML and JSON have them: 0 is the number 0.0, and the same net."""
    for text, start in (("0", 0.0), ("0.0", 0.0), ("0.5", 0.5)):
        config = LEARNERS[name].Settings.model_validate(NEEDED[name] | {"start": json.loads(text)})
        assert (config.start, type(config.start)) == (start, float)
        assert (config == LEARNERS[name].Settings(**NEEDED[name])) == (start == 0)


def test_defaults():
    """Experiment 2a's nets have direct weights from inputs to outputs, Elman's have none."""
    configs = {name: LEARNERS[name].Settings(**needed) for name, needed in NEEDED.items()}
    for config in configs.values():
        assert (config.error_factor, config.precision) == (1, "float32")
        assert config.direct == (config.name != "elman")
        assert (config.outputs_see, config.start) == ("current", 0.0)
    assert (configs["rtrl"].update, configs["elman"].update) == ("step", "step")
    assert (configs["rtrl"].teacher_forcing, configs["rtrl"].forgets) == (False, True)
