"""The learners in examples/ are what they say they are, and owe the training loop what all learners do.

As in `test_lstm`, a process without the JIT runs all kinds of nets, and compiled ones are to give the same bits.
"""

import os
import pickle
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
from example_nets import (
    COMPILED,
    EXAMPLES,
    MODULES,
    NAMES,
    NETS,
    TWINNED,
    WIDTHS,
    at_end,
    case,
    condition_of,
    course,
    design,
    for_twin,
    in_use,
    learn,
    loss,
    row_lengths,
    rows_of,
    single_lesson,
    start_rows,
    taught,
)
from lessons import (
    Lesson,
    bits,
    central_difference,
    check_rows,
    check_same_bits,
    errors_of,
    fresh_net,
    give,
    random_lessons,
    weights_not_seen,
    without_jit,
)
from pydantic import ValidationError
from twins import forget_lstm as forget_twin
from twins import gru as gru_twin

from repro import registry
from repro.kernels.contract import Interface

each_example = pytest.mark.parametrize("name", NAMES)
each_net = pytest.mark.parametrize("name", NETS)
each_compiled_net = pytest.mark.parametrize("name", COMPILED)
DOUBLE = [name for name, net in NETS.items() if net.settings.precision == "float64"]
BY_INDEX = [name for name, net in NETS.items() if net.interface.input_symbols]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python: by the net's name and what is asked of it."""
    return without_jit("example_nets", tmp_path_factory.mktemp("plain"))


@pytest.fixture
def known():
    """The registry knows the examples."""
    patch = in_use()
    yield
    patch.stop()


# ------------------------------------------------------------------------------------------------- against the twins


@lru_cache(maxsize=None)
def expected(name):
    """By the twin: for some lanes their rows before and after the course, and all answers on the way."""
    net, lanes = NETS[name], []
    for lane, lessons in enumerate(course(net)[:TWINNED]):
        start = rows = start_rows(net, lane)
        answers = []
        for lesson in lessons:
            rows, found = learn(net, rows, lesson)
            answers += found
        lanes.append((start, rows, np.array(answers)))
    return lanes


@pytest.mark.parametrize("name", DOUBLE)
def test_learning_equals_the_twin(plain, name):
    net, found = NETS[name], plain[name][8]
    for lane, (start, rows, answers) in enumerate(expected(name)):
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-12
        check_rows(rows_of(net, found[f"weights {lane}"]), rows, start, lane)


@pytest.mark.parametrize("name", [name for name in NETS if name not in DOUBLE])
def test_single_precision_agrees_with_the_twin(plain, name):
    for lane, (_, rows, answers) in enumerate(expected(name)):
        found = plain[name][8]
        assert found[f"weights {lane}"].dtype == np.float32
        assert np.abs(found[f"weights {lane}"] - np.concatenate(rows)).max() < 1e-5
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-5


@each_net
def test_the_twin_learns_what_can_be_learnt(name):
    """Or there would be little to compare: all weights but those from symbols that do not come move."""
    net = NETS[name]
    for lessons, (start, rows, answers) in zip(course(net), expected(name), strict=False):
        if lessons[0].rate == 0:
            assert all(np.array_equal(a, b) for a, b in zip(start, rows, strict=True))
            continue
        n_in = net.interface.n_in if net.interface.input_symbols else 0
        for row, old in zip(rows[: -net.interface.n_out], start, strict=False):
            assert (np.abs(row - old) > 1e-9)[n_in:].all()
        assert all((np.abs(row - old) > 1e-6).all() for row, old in zip(rows, start, strict=True) if len(row) < 4)
        assert np.ptp(answers, axis=0).min() > 1e-3  # the net tells sequences apart
        assert max(np.abs(row).max() for row in rows) < 10  # and is not lost


@each_net
def test_errors_are_as_defined(plain, name):
    net, found = NETS[name], plain[name][16]
    tolerance = 1e-6 if net.settings.precision == "float32" else 1e-14
    for lane, lessons in enumerate(course(net._replace(width=16))):
        targets = np.concatenate([lesson.targets for lesson in lessons])
        assert np.abs(found[f"errors {lane}"] - errors_of(targets, found[f"answers {lane}"])).max() < tolerance


# ----------------------------------------------------------------------------------------- against finite differences


@pytest.mark.parametrize("name", [name for name in DOUBLE if NETS[name].name == "gru"])
def test_gru_descends_the_exact_gradient(plain, name):
    """That of the loss by its definition, whose imaginary differences are real ones."""
    net, lesson = NETS[name], single_lesson(NETS[name])
    rows, after = (rows_of(net, numbers) for numbers in plain[name]["update"])

    def error(moved):
        return loss(net, moved, lesson)

    for unit, slopes in enumerate(gru_twin.gradient(error, rows)):
        assert np.abs(after[unit] - rows[unit] + slopes).max() < 1e-12
        assert np.abs(slopes).max() > 1e-6
        for m, slope in enumerate(slopes):
            assert abs(central_difference(error, rows, unit, m) - slope) < 1e-9


@pytest.mark.parametrize(
    "name", [name for name in DOUBLE if NETS[name].name == "forget_lstm" and NETS[name].settings.update == "sequence"]
)
def test_forget_gates_descend_the_gradient_if_the_net_sees_its_past_as_constant(plain, name):
    """The truncation treats y(t-1) as given; with these activations held fixed the update is the exact gradient."""
    net = NETS[name]
    rows, after = (rows_of(net, numbers) for numbers in plain[name]["update"])
    x, targets = for_twin(net, single_lesson(net))
    seen = [now.source for now in forget_twin.forward(design(net), rows, x)]

    def error(moved):
        return forget_twin.loss(design(net), moved, x, targets, seen)

    exact = gru_twin.gradient(lambda moved: forget_twin.loss(design(net), moved, x, targets), rows)
    for unit, slopes in enumerate(gru_twin.gradient(error, rows)):
        assert np.abs(after[unit] - rows[unit] + slopes).max() < 1e-12
        if unit < len(rows) - net.interface.n_out:
            assert np.abs(slopes - exact[unit]).max() > 1e-9, "nothing is truncated"


# -------------------------------------------------------------------------------------------------- bits and lanes


@each_compiled_net
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(taught(COMPILED[name]), plain[name][COMPILED[name].width])


@each_net
def test_a_lane_has_the_same_bits_in_any_company(plain, name):
    alone, some, many = (plain[name][width] for width in WIDTHS)
    check_same_bits(alone, {key: some[key] for key in alone})
    check_same_bits(some, {key: many[key] for key in some})


@pytest.mark.parametrize("name", BY_INDEX)
def test_inputs_by_index_are_those_written_out(plain, name):
    check_same_bits(plain[name]["written out"], plain[name][NETS[name].width])


def net_weights(net, made, lane):
    return bits((np.concatenate(net.module.weights(net.settings, made, net.interface, lane))[:, None],), 0)


@each_compiled_net
def test_a_lane_that_does_not_learn_keeps_its_bits(name):
    """Not even a zero changes its sign; and a lane that is lost takes no other with it."""
    net, rng = COMPILED[name], np.random.default_rng(12)
    made = fresh_net(net.module, *net[1:], seed=3)
    for row in net.module.weights(net.settings, made, net.interface, 2):
        row[::2] = -0.0
    net.module.weights(net.settings, made, net.interface, 1)[-1][...] = np.nan
    before = [net_weights(net, made, lane) for lane in range(net.width)]
    rates = [0.0 if lane == 2 else 0.5 for lane in range(net.width)]
    lessons = [random_lessons(rng, net.interface, 2, rate, (1, 7)) for rate in rates]
    played = give(net.module, net.settings, net.interface, made, lessons)
    for lane in range(net.width):
        assert np.isfinite(played[lane].errors).all() == (lane != 1)
        if lane != 1:
            assert (net_weights(net, made, lane) == before[lane]) == (lane == 2)


@each_compiled_net
def test_an_ended_sequence_is_forgotten(name):
    """Answers and learning are the same bits after tests as in a net that has seen nothing."""
    net, rng = COMPILED[name], np.random.default_rng(31)
    tests = random_lessons(rng, net.interface, 2, 0.0, (3, 8))
    last = random_lessons(rng, net.interface, 1, 0.5, (4, 5))
    endless = [tests[0]._replace(reset=False, x=tests[0].x[:3], targets=tests[0].targets[:3])]
    silent = [[Lesson(last[0].x, last[0].targets)]] * (net.width - 1)

    def after(lessons):
        made = fresh_net(net.module, *net[1:])
        played = give(net.module, net.settings, net.interface, made, [lessons + last, *silent])[0]
        return net_weights(net, made, 0), played.bits(-len(last[0].targets))

    assert after(tests) == after([])
    assert after(endless) != after([])  # the control: without a reset


@each_compiled_net
def test_weights_that_are_no_numbers_are_seen(name):
    net = COMPILED[name]
    assert not weights_not_seen(net.module, net.settings, net.interface, fresh_net(net.module, *net[1:]), 1, most=20)


# ------------------------------------------------------------------------------------------------- weights, arrays


@each_net
def test_weights_are_counted_drawn_and_views(name):
    net = NETS[name]
    made = fresh_net(net.module, *net[1:])
    rows = net.module.weights(net.settings, made, net.interface, 3)
    assert [len(row) for row in rows] == row_lengths(net)
    assert net.module.n_weights(net.settings, net.interface) == sum(row_lengths(net))
    uniform = np.random.default_rng([0, 3]).random
    limit = np.dtype(net.settings.precision).type(0.8)
    for row in rows:
        for weight in row:
            assert weight == type(weight)(0.8 * (2 * uniform() - 1))
            assert abs(weight) <= limit
        row[...] = 7
    lanes = [np.concatenate(net.module.weights(net.settings, made, net.interface, lane)) for lane in range(net.width)]
    assert [(lane == 7).all() for lane in lanes] == [n == 3 for n in range(net.width)]
    assert len({lane.tobytes() for lane in lanes}) == net.width


@each_net
def test_every_array_has_the_lanes_last_and_starts_at_zero(name):
    net = NETS[name]
    made = net.module.allocate(net.settings, net.interface, 3)
    assert {array.shape[-1] for array in made} == {3}
    assert not any(array.any() for array in made)
    assert pickle.loads(pickle.dumps(type(made))) is type(made)  # compiled kernels on disk know their types so
    seen = net.module.watch(net.settings, made, net.interface, 1)
    assert all(view.ndim == 1 and view.base is not None for view in seen.values())


def test_numbers_of_weights():
    """3 H (n_in + H) weights to H gated units without biases; 12 gates see 7 inputs, 8 cells and 1, cells the same but
    for the 1, outputs cells and 1.
    """
    gru = case("gru", at_end(5, 2), hidden=4, biased="none")
    assert gru.module.n_weights(gru.settings, gru.interface) == 3 * 4 * (5 + 4) + 2 * 4
    forget = case("forget_lstm", at_end(7, 7), blocks=4, size=2, biased="gates+outputs", sees="no gates")
    assert forget.module.n_weights(forget.settings, forget.interface) == 12 * 16 + 8 * 15 + 7 * 9


def test_gate_biases_that_are_given_are_not_drawn():
    given = {"input_gate_bias": (-1.0, -2.0), "forget_gate_bias": (1.0, 2.0)}
    net = case("forget_lstm", at_end(2, 1), blocks=2, size=1, biased="all", **given)
    rows = net.module.weights(net.settings, fresh_net(net.module, *net[1:]), net.interface, 0)
    assert [row[-1] for row in rows[:4]] == [-1.0, -2.0, 1.0, 2.0]
    uniform = np.random.default_rng([0, 0]).random
    drawn = [weight for unit, row in enumerate(rows) for weight in (row[:-1] if unit < 4 else row)]
    assert drawn == [0.8 * (2 * uniform() - 1) for _ in drawn]
    with pytest.raises(ValidationError, match="forget_gate_bias has 2 values for 3 blocks"):
        case("forget_lstm", at_end(2, 1), blocks=3, size=1, biased="all", forget_gate_bias=(1.0, 2.0))
    with pytest.raises(ValidationError, match="input_gate_bias is given, but biased = 'cells'"):
        case("forget_lstm", at_end(2, 1), blocks=2, size=1, biased="cells", **given)


@each_example
def test_targets_by_index_are_refused(name):
    settings = next(net.settings for net in NETS.values() if net.name == name)
    assert MODULES[name].refuses(settings, Interface(5, 5, 9, input_symbols=True)) == ""
    assert "index" in MODULES[name].refuses(settings, Interface(5, 5, 9, target_symbols=True))


# ---------------------------------------------------------------------------------------------------------- trials


@each_example
def test_it_learns_what_is_easy(plain, name):
    """In all trials, each in its own time, the same with 1, 8 and 16 lanes."""
    alone, some, many = plain[name]
    assert alone == some == many
    for record in alone:
        assert record["outcome"] == "solved"
        assert 0 < record["sequences"] < 600
    assert len({record["weights_digest"] for record in alone}) == 3


RUN = """
import sys
from example_nets import condition_of, in_use
from repro.running import crew, kernel_cache
saved = []
save = kernel_cache._Disk.save_overload
kernel_cache._Disk.save_overload = lambda *args: (saved.append(1), save(*args))
in_use()
(record,) = (event for event in crew.run(condition_of("plain_rule"), [0], 1) if not isinstance(event, crew.Progress))
print(len(saved), record.weights_digest)
"""


def test_compiled_kernels_are_found_on_disk(plain, tmp_path):
    """By another process, which knows the types of their arguments by the module's name."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent / "tests"), "REPRO_CACHE": str(tmp_path)}
    digest = plain["plain_rule"][0][0]["weights_digest"]
    for n_saved in (1, 0):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", RUN], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [str(n_saved), digest]


@pytest.mark.usefixtures("known")
def test_trials_have_conditions_of_their_own():
    assert len({condition_of(name).key for name in NAMES}) == len(NAMES)
    assert set(NAMES) <= set(registry.names("learners"))
