"""The LSTM kernel is the paper's net and learning rule: as the slow twin has them, and as finite differences do.

A net takes seconds to compile, but none to run in plain Python. So a process without the JIT runs all kinds of nets,
and the compiled ones are to give the same bits.
"""

from functools import lru_cache

import numpy as np
import pytest
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
from lstm_nets import (
    COMPILED,
    LONGEST,
    NETS,
    as_rows,
    at_end,
    course,
    design,
    every_step,
    for_twin,
    one_update,
    rates_of,
    settings,
    single_lesson,
    start_rows,
    taught,
)
from twins import lstm as twin

from repro.learners import lstm

each_net = pytest.mark.parametrize("name", NETS)
each_compiled_net = pytest.mark.parametrize("name", COMPILED)
SIDE_BY_SIDE = [name for name, case in COMPILED.items() if case.width > 1]
DOUBLE = [name for name, case in NETS.items() if case.settings.precision == "float64"]
WEIGHTS = ("w", "w_out", "w_symbol")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python: by the net's name and what is asked of it."""
    return without_jit("lstm_nets", tmp_path_factory.mktemp("plain"))


@lru_cache(maxsize=None)
def expected(name):
    """By the twin: for each lane its rows before and after the course, and all answers on the way."""
    case, lanes = NETS[name], []
    for lessons, start in zip(course(case), start_rows(case), strict=True):
        rows, answers, waiting = start, [], None
        for lesson in lessons:
            rows, found, waiting = twin.learn(design(case), rows, *for_twin(case, lesson), lesson.rate, waiting)
            answers += found
        lanes.append((start, rows, np.array(answers)))
    return lanes


def net_weights(net, lane):
    return bits((getattr(net, name) for name in WEIGHTS), lane)


# ------------------------------------------------------------------------------------------------- against the twin


@pytest.mark.parametrize("name", DOUBLE)
def test_learning_equals_the_twin(plain, name):
    case = NETS[name]
    found = taught(case) if name in COMPILED else plain[name]["taught"]
    for lane, (start, rows, answers) in enumerate(expected(name)):
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-12
        result = as_rows(case, found[f"weights {lane}"])
        check_rows(result, rows, start, lane)


@pytest.mark.parametrize("name", DOUBLE)
def test_the_twin_learns_what_can_be_learnt(name):
    """Or there would be little to compare: all weights that see something move, far more than they may differ."""
    case = NETS[name]
    n_in, trains = case.interface.n_in, design(case)
    for lessons, (start, rows, answers) in zip(course(case), expected(name), strict=True):
        if lessons[0].rate == 0:
            assert all(np.array_equal(a, b) for a, b in zip(start, rows, strict=True))
            continue
        seen = np.ones(n_in, bool)
        if case.interface.input_symbols:
            in_time = slice(None, -1 if trains.behind else None)  # for outputs to see what comes of it
            shown = np.concatenate([lesson.x[in_time] for lesson in lessons if lesson.rate > 0])
            seen = np.isin(np.arange(n_in), shown)
        for unit, (row, old) in enumerate(zip(rows, start, strict=True)):
            moved = np.abs(row - old) > 1e-9
            kind, has_bias = twin.kind(trains, unit), twin.has_bias(trains, unit)
            if has_bias:
                assert moved[-1] == twin.trains_bias(trains, unit), f"bias of unit {unit}"
                moved = moved[:-1]
            if kind == "output":
                assert moved.all()
            else:
                assert moved[n_in:].all(), f"unit {unit}"
                assert not moved[:n_in][~seen].any()
                if kind == "cell" or unit < case.settings.blocks:  # output gates see those at targets alone
                    assert moved[:n_in][seen].all(), f"unit {unit}"
        assert np.ptp(answers, axis=0).min() > 1e-3  # the net tells sequences apart
        assert max(np.abs(row).max() for row in rows) < 10  # and is not lost
    lengths = [sum(len(lesson.x) for lesson in lessons) for lessons in course(case)]
    assert case.width == 1 or max(lengths) > min(lengths) + LONGEST  # lanes that are done idle on


@each_net
def test_errors_are_as_defined(plain, name):
    """Mean |error|, mean squared error and largest |error| of the outputs."""
    case = NETS[name]
    found, tolerance = plain[name]["taught"], 1e-6 if case.settings.precision == "float32" else 1e-14
    for lane, lessons in enumerate(course(case)):
        targets = np.concatenate([lesson.targets for lesson in lessons])
        errors = errors_of(targets, found[f"answers {lane}"])
        assert np.abs(found[f"errors {lane}"] - errors).max() < tolerance


@each_compiled_net
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(taught(COMPILED[name]), plain[name]["taught"])


@pytest.mark.parametrize("name", [name for name in NETS if name not in DOUBLE])
def test_single_precision_agrees_with_double(plain, name):
    case = NETS[name]
    for lane, (_, rows, answers) in enumerate(expected(name)):
        found = plain[name]["taught"]
        assert found[f"weights {lane}"].dtype == np.float32
        apart = np.abs(found[f"weights {lane}"] - np.concatenate(rows)).max()
        assert apart < 1e-5
        assert apart > 1e-9 or rates_of(case)[lane] == 0
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-5


# --------------------------------------------------------------------------------------------------- lanes, one by one


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_that_does_not_learn_keeps_its_bits(name):
    """Rate 0 at the end of its own sequences and of all others': not even a zero changes its sign."""
    case = COMPILED[name]
    rng = np.random.default_rng(12)
    net = fresh_net(lstm, *case, seed=3)
    for row in lstm.weights(case.settings, net, case.interface, 2):
        row[::2] = -0.0
    before = [net_weights(net, lane) for lane in range(case.width)]
    rates = [0.0 if lane == 2 else 0.5 for lane in range(case.width)]
    give(lstm, case.settings, case.interface, net, [random_lessons(rng, case.interface, 4, rate) for rate in rates])
    for lane in range(case.width):
        assert (net_weights(net, lane) == before[lane]) == (lane == 2)


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_depends_on_no_other(name):
    """Lane 1 gets the same bits, whatever the other lanes are given, whenever their sequences end, NaN or not."""
    case = COMPILED[name]
    rng = np.random.default_rng(1)
    own = [random_lessons(rng, case.interface, 1, rate, (LONGEST, LONGEST + 1))[0] for rate in (0.5, 0.0, 0.5)]
    results = []
    for n, lengths in ((3, (LONGEST, LONGEST + 1)), (8, (1, 5))):
        rng = np.random.default_rng(n)
        net = fresh_net(lstm, *case)
        others = [random_lessons(rng, case.interface, n, 0.1 * n, lengths) for _ in range(case.width - 1)]
        if n == 8:
            net.w_out[..., 0] = np.nan
        played = give(lstm, case.settings, case.interface, net, [others[0], own, *others[1:]])
        results.append((net_weights(net, 1), *played[1].bits()))
        assert np.isfinite(played[0].errors).all() == (n != 8)  # nor is NaN passed over in its own lane
    assert results[0] == results[1]


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_an_ended_sequence_is_forgotten(name):
    """Answers and learning are the same bits after other sequences as in a net that has seen nothing."""
    case = COMPILED[name]
    rng = np.random.default_rng(31)
    training = random_lessons(rng, case.interface, 2, 0.5, (5, LONGEST + 1))
    tests = [lesson._replace(rate=0.0) for lesson in training]
    late = case.settings.update == "late"  # what waits is no memory of the sequence, and comes with the next one
    training += tests[:1] if late else []
    endless = [lesson._replace(reset=False, x=lesson.x[:3], targets=lesson.targets[-1:]) for lesson in tests[:1]]
    if case.interface.every_step:
        endless = [lesson._replace(targets=np.repeat(lesson.targets, 3, 0)) for lesson in endless]
    last = random_lessons(rng, case.interface, 1, 0.5, (4, LONGEST - 3))
    last += [last[0]._replace(rate=0.0)] if late else []

    def after(lessons, earlier):
        """What becomes of ``last`` after ``lessons``, in a net that starts with the weights that ``earlier`` left."""
        net = fresh_net(lstm, *case)
        for name in WEIGHTS:
            getattr(net, name)[...] = getattr(earlier, name)[..., :1]
        silent = [[Lesson(last[0].x, last[0].targets)]] * (case.width - 1)
        played = give(lstm, case.settings, case.interface, net, [lessons + last, *silent])[0]
        return net, (net_weights(net, 0), *played.bits(-len(last[0].targets)))

    new = fresh_net(lstm, *case)
    taught_net = fresh_net(lstm, *case)
    silent = [[Lesson(last[0].x, last[0].targets)]] * (case.width - 1)
    give(lstm, case.settings, case.interface, taught_net, [training, *silent])
    assert after(training, new)[1] == after([], taught_net)[1]
    assert after(tests, new)[1] == after([], new)[1]
    assert after(tests, new)[1] != after(training, new)[1]
    remembers = after(endless, new)[1]  # the control: without a reset
    assert all(a != b for a, b in zip(remembers, after([], new)[1], strict=True))


# ---------------------------------------------------------------------------------------- against finite differences


def truncated(name):
    """Is one update the sum of the truncated gradients of all errors?"""
    case = NETS[name]
    return name in DOUBLE and case.settings.gradient == "truncated" and not design(case).per_step


TRUNCATED = [name for name in NETS if truncated(name)]
EXACT = [name for name in DOUBLE if NETS[name].settings.gradient == "full"]


def updated(plain, name, part="update"):
    """The rows before learning a sequence at rate 1, and what they changed by."""
    case, found = NETS[name], plain[name][part]
    rows = as_rows(case, found["before"])
    return rows, [new - old for new, old in zip(as_rows(case, found["after"]), rows, strict=True)]


def check_gradient(case, change, gradient, first=0):
    """``change`` of the units from number ``first`` descends ``gradient``, but in biases that do not learn."""
    for unit, (d_row, slope) in enumerate(zip(change, gradient, strict=True), first):
        if twin.has_bias(design(case), unit) and not twin.trains_bias(design(case), unit):
            assert d_row[-1] == 0
            d_row, slope = d_row[:-1], slope[:-1]
        assert np.abs(d_row + slope).max() < 1e-12, f"unit {unit}"
        assert np.abs(slope).max() > 1e-6, f"unit {unit} has nothing to learn"


@pytest.mark.parametrize("name", ["exp4", "full, every step, current", "full, 17 symbols, 1 lane"])
def test_imaginary_differences_are_real_ones(name):
    case = NETS[name]
    rows, lesson = start_rows(case)[0], for_twin(case, single_lesson(case))

    def loss(moved):
        return twin.loss(design(case), moved, *lesson)

    for unit, slopes in enumerate(twin.gradient(loss, rows)):
        for m, slope in enumerate(slopes):
            assert abs(central_difference(loss, rows, unit, m) - slope) < 1e-9


@pytest.mark.parametrize("name", EXACT)
def test_full_update_is_the_gradient_of_the_sequence(plain, name):
    case = NETS[name]
    rows, change = updated(plain, name)
    lesson = for_twin(case, single_lesson(case))
    check_gradient(case, change, twin.gradient(lambda moved: twin.loss(design(case), moved, *lesson), rows))


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated_update_is_the_gradient_if_the_net_sees_its_past_as_constant(plain, name):
    """The truncation treats y(t-1) as given; with these activations held fixed the update is the exact gradient."""
    case = NETS[name]
    rows, change = updated(plain, name)
    x, targets = for_twin(case, single_lesson(case))
    net = design(case)
    seen = twin.as_seen(net, twin.forward(net, rows, x))
    check_gradient(case, change, twin.gradient(lambda moved: twin.loss(net, moved, x, targets, frozen=seen), rows))


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated_update_is_the_gradient_of_a_net_without_recurrent_weights(plain, name):
    """Nothing to truncate: every weight and bias, those from hidden to hidden (here 0) included."""
    case = NETS[name]
    rows, change = updated(plain, name, "forgetful update")
    lesson = for_twin(case, single_lesson(case))
    slopes = twin.gradient(lambda moved: twin.loss(design(case), moved, *lesson), rows)
    b, n_in = case.settings.blocks, case.interface.n_in
    if case.settings.cells_see_gates == "current":  # cells' weights from gates are 0, yet move: not as the gates do
        assert not np.concatenate([row[n_in : n_in + 2 * b] for row in rows[2 * b : -case.interface.n_out]]).any()
    check_gradient(case, change, slopes)


@pytest.mark.parametrize("name", [name for name in TRUNCATED if not NETS[name].interface.every_step])
def test_output_weights_and_last_output_gates_follow_the_gradient(plain, name):
    """With recurrence and all: no truncation between these weights and the loss."""
    case = NETS[name]
    rows, change = updated(plain, name)
    lesson = for_twin(case, single_lesson(case))
    net, b, n_out = design(case), case.settings.blocks, case.interface.n_out

    def loss_of_outputs(moved):
        return twin.loss(net, [row.astype(complex) for row in rows[:-n_out]] + moved, *lesson)

    def loss_of_last_gates(moved):
        return twin.loss(net, [row.astype(complex) for row in rows], *lesson, last_out_gates=moved)

    check_gradient(case, change[-n_out:], twin.gradient(loss_of_outputs, rows[-n_out:]), len(rows) - n_out)
    if not net.current_gates:  # else cells see them
        check_gradient(case, change[b : 2 * b], twin.gradient(loss_of_last_gates, rows[b : 2 * b]), b)


@pytest.mark.parametrize("name", ["exp4", "current, 33 symbols, 16 lanes"])
def test_truncation_is_there(plain, name):
    """In a net with recurrent weights the update is not the full gradient; else the tests above would say little."""
    case = NETS[name]
    rows, change = updated(plain, name)
    lesson = for_twin(case, single_lesson(case))
    slopes = twin.gradient(lambda moved: twin.loss(design(case), moved, *lesson), rows)
    n_hidden = len(rows) - case.interface.n_out
    assert all(np.abs(a + b).max() > 1e-5 for a, b in zip(change[:n_hidden], slopes[:n_hidden], strict=True))


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_compiled_update_is_the_plain_one(plain, name):
    """What the tests above say of plain Python."""
    check_same_bits(one_update(COMPILED[name]), plain[name]["update"])


# ------------------------------------------------------------------------------------------------------ by hand, others


def test_one_step_by_hand():
    """One cell, one time step: numbers worked out on paper from eqs 7 to 28. All other weights are 0."""
    case = COMPILED["exp4"]
    net = lstm.allocate(case.settings, case.interface, case.width)
    net.w[0, 0, 0], net.w[2, 0, 0], net.w[4, 0, 0] = np.log(3), -np.log(3), np.log(3)  # f(net) = 3/4, 1/4 and 3/4
    net.w_out[0, 0, 0] = 2.0
    before = net.w.copy(), net.w_out.copy()
    lesson = Lesson(np.array([[1.0, 0.0]]), np.array([[1.0]]), rate=1.0)
    silent = [[lesson._replace(rate=0.0)]] * (case.width - 1)
    played = give(lstm, case.settings, case.interface, net, [[lesson], *silent])[0]
    s = 3 / 4 * (4 * 3 / 4 - 2)  # y_in g(net_c) = 3/4
    f_s = 1 / (1 + np.exp(-s))
    h = 2 * f_s - 1
    y_k = 1 / (1 + np.exp(-2 * h / 4))
    e_k = y_k * (1 - y_k) * (1 - y_k)
    e_s = 1 / 4 * 2 * f_s * (1 - f_s) * 2 * e_k
    assert np.isclose(played.answers[0, 0], y_k, rtol=1e-14)
    assert np.allclose(played.errors[0], [1 - y_k, (1 - y_k) ** 2, 1 - y_k], rtol=1e-14)
    change, change_out = net.w[..., 0] - before[0][..., 0], net.w_out[..., 0] - before[1][..., 0]
    d_in, d_out, d_cell = e_s * 1 * 3 / 16, 3 / 16 * h * 2 * e_k, e_s * (4 * 3 / 16) * 3 / 4
    expected_change = np.zeros_like(change)  # units: two input gates, two output gates, four cells
    expected_change[0, [0, -1]] = d_in  # the input, which is 1, and the bias; hidden units were silent so far
    expected_change[2, [0, -1]] = d_out
    expected_change[4, [0, -1]] = d_cell
    assert np.allclose(change, expected_change, rtol=1e-12, atol=1e-17)
    assert np.allclose(change_out, [[e_k * h / 4, 0, 0, 0, e_k]], rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("interface", [at_end(2, 2), every_step(18, 2, input_symbols=True)])
def test_finite_sees_every_weight(interface):
    config = settings(2, 2, "all")
    net = fresh_net(lstm, config, interface, 2)
    assert sum(len(row) for row in lstm.weights(config, net, interface, 1)) == lstm.n_weights(config, interface)
    assert weights_not_seen(lstm, config, interface, net, 1) == []
