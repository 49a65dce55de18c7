"""RTRL, BPTT and Elman nets learn as their slow twins do, and where they are exact, as finite differences do.

As in test_lstm.py, a process without the JIT runs all kinds of nets, and the compiled ones are to give the same bits.
"""

from functools import lru_cache

import numpy as np
import pytest
from lessons import Lesson, central_difference, check_rows, check_same_bits, errors_of, random_lessons, without_jit
from recurrent_nets import (
    COMPILED,
    LONGEST,
    NETS,
    as_rows,
    course,
    design,
    for_twin,
    is_exact,
    new_net,
    one_update,
    rates_of,
    single_lesson,
    taught,
    teach,
    weights_of,
)
from twins import recurrent as twin
from twins.lstm import gradient

DOUBLE = [name for name, case in NETS.items() if not case.single]
SIDE_BY_SIDE = [name for name, case in COMPILED.items() if case.width > 1]
EXACT = [name for name in DOUBLE if is_exact(NETS[name])]
ELMAN = [name for name in DOUBLE if NETS[name].settings.name == "elman"]
BPTT = [name for name in DOUBLE if NETS[name].settings.name == "bptt"]
A_STEP_BEHIND = [name for name in NETS if design(NETS[name]).behind]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python: by the net's name and what is asked of it."""
    return without_jit("recurrent_nets", tmp_path_factory.mktemp("plain"))


def play(plan, rows, case, lessons):
    """The twin of ``plan`` after ``lessons``, and all its answers."""
    net, answers = twin.Net(plan, rows), []
    for lesson in lessons:
        answers += net.run(*for_twin(case, lesson), lesson.rate)
    return net, np.array(answers)


@lru_cache(maxsize=None)
def expected(name):
    """By the twin: for each lane its rows before and after the course, and all answers on the way."""
    case, lanes = NETS[name], []
    start = new_net(case)
    for lane, lessons in enumerate(course(case)):
        rows = as_rows(case, weights_of(case, start, lane))
        net, answers = play(design(case), rows, case, lessons)
        lanes.append((rows, net.rows, answers))
    return lanes


def net_weights(case, net, lane):
    return [row.tobytes() for row in case.learner.weights(case.settings, net, case.interface, lane)]


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
    case, net = NETS[name], design(NETS[name])
    for lessons, (start, rows, answers) in zip(course(case), expected(name), strict=True):
        if lessons[0].rate == 0:
            assert all(np.array_equal(a, b) for a, b in zip(start, rows, strict=True))
            continue
        seen = in_time = np.ones(net.n_in, bool)
        if case.interface.input_symbols:
            shown = [lesson.x for lesson in lessons if lesson.rate > 0]
            seen = np.isin(np.arange(net.n_in), np.concatenate(shown))
            in_time = np.isin(np.arange(net.n_in), np.concatenate([x[: -1 if net.behind else None] for x in shown]))
        for unit, (row, old) in enumerate(zip(rows, start, strict=True)):
            moved = np.abs(row - old) > 1e-10
            if unit < net.recurrent or net.direct:
                inputs, moved = moved[: net.n_in], moved[net.n_in :]
                assert inputs.any()
                assert not inputs[~seen].any()
                if case.interface.every_step and not net.full:
                    assert inputs[in_time if unit < net.recurrent else seen].all(), f"unit {unit}"
            assert moved.all(), f"unit {unit}"
        assert np.ptp(answers, axis=0).min() > 1e-3  # the net tells sequences apart
        assert max(np.abs(row).max() for row in rows) < 10  # and is not lost
    lengths = [sum(len(lesson.x) for lesson in lessons) for lessons in course(case)]
    assert case.width < 3 or max(lengths) > min(lengths) + LONGEST  # lanes that are done idle on


@pytest.mark.parametrize("name", NETS)
def test_errors_are_as_defined(plain, name):
    """Mean |error|, mean squared error and largest |error| of the outputs."""
    case = NETS[name]
    found, tolerance = plain[name]["taught"], 1e-6 if case.single else 1e-14
    for lane, lessons in enumerate(course(case)):
        targets = [t for lesson in lessons for t in for_twin(case, lesson)[1] if t is not None]
        errors = errors_of(np.array(targets), found[f"answers {lane}"])
        assert np.abs(found[f"errors {lane}"] - errors).max() < tolerance


@pytest.mark.parametrize("name", COMPILED)
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(taught(COMPILED[name]), plain[name]["taught"])
    check_same_bits(one_update(COMPILED[name]), plain[name]["update"])


@pytest.mark.parametrize("name", [name for name in NETS if name not in DOUBLE])
def test_single_precision_agrees_with_double(plain, name):
    case, found = NETS[name], plain[name]["taught"]
    for lane, (_, rows, answers) in enumerate(expected(name)):
        assert found[f"weights {lane}"].dtype == np.float32
        apart = np.abs(found[f"weights {lane}"] - np.concatenate(rows)).max()
        assert apart < 1e-5
        assert apart > 1e-9 or rates_of(case)[lane] == 0
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-5


# ------------------------------------------------------------------------------- against each other, and calculus


def changes(case, found):
    return [new - old for old, new in zip(*(as_rows(case, found[key]) for key in ("before", "after")), strict=True)]


@pytest.mark.parametrize("name", EXACT)
def test_the_change_of_a_sequence_is_the_gradient_of_its_loss(plain, name):
    case, found = NETS[name], plain[name]["update"]
    xs, targets = for_twin(case, single_lesson(case))
    rows = as_rows(case, found["before"])
    slopes = gradient(lambda moved: twin.loss(design(case), moved, xs, targets), rows)
    for unit, (change, slope) in enumerate(zip(changes(case, found), slopes, strict=True)):
        assert np.abs(change + slope).max() < 1e-12, f"unit {unit}"
        assert np.abs(slope).max() > 1e-7, f"unit {unit} has nothing to learn"


@pytest.mark.parametrize("name", BPTT)
def test_bptt_and_rtrl_sum_up_to_the_same(plain, name):
    case = NETS[name]
    found, by_rtrl = changes(case, plain[name]["update"]), changes(case, plain[name]["by rtrl"])
    for unit, (change, other) in enumerate(zip(found, by_rtrl, strict=True)):
        assert np.abs(change - other).max() < 1e-12, f"unit {unit}"


@pytest.mark.parametrize("name", ELMAN)
def test_elman_is_bptt_cut_after_one_step(plain, name):
    """In sequences of one step there is nothing to cut, and RTRL has nothing to carry."""
    case = NETS[name]
    lesson, found = single_lesson(case), plain[name]["update"]
    rows = as_rows(case, found["before"])
    cut, whole = (
        play(design(case)._replace(rule=rule, per_step=False), rows, case, [lesson])[0] for rule in ("elman", "bptt")
    )
    recurrent = case.settings.hidden
    for n, (change, old) in enumerate(zip(changes(case, found), rows, strict=True)):
        if not case.per_step:
            assert np.abs(old + change - cut.rows[n]).max() < 1e-12
        if case.interface.every_step and n < recurrent:  # without direct inputs, at least, the cut is felt
            assert np.abs(whole.rows[n] - cut.rows[n]).max() > 1e-6
    if case.per_step and design(case).behind:  # weights change before the hidden units take that step
        return
    one, other = (changes(case, plain[name][key]) for key in ("one step", "one step by rtrl"))
    for change, same in zip(one, other, strict=True):
        assert np.abs(change - same).max() < 1e-14
        assert np.abs(change).max() > 1e-6


@pytest.mark.parametrize("name", A_STEP_BEHIND)
def test_outputs_that_see_the_step_before_answer_and_teach_a_step_later(plain, name):
    """An ordinary net has the same answers a time step sooner, and what they teach the hidden units is the same."""
    found = plain[name]["a step later"]
    assert len(found["behind"]) == LONGEST
    assert found["behind"][1:].tobytes() == found["ordinary"].tobytes()
    assert found["start behind"].tobytes() == found["start ordinary"].tobytes()
    assert found["weights behind"].tobytes() == found["weights ordinary"].tobytes()
    assert np.abs(found["weights behind"] - found["start behind"]).max() > 1e-4


def test_outputs_that_see_the_step_before_by_hand():
    """A hidden unit that starts from 1/2, then is 3/4 and 1/2: outputs see it, and the symbol of now."""
    case = COMPILED["rtrl, behind, half"]
    net, ln_3 = new_net(case), np.log(3)
    hidden, output, *others = case.learner.weights(case.settings, net, case.interface, 0)
    x = np.array([2, 4, 0])
    hidden[...] = [9, 9, ln_3 - 1, 9, -1.5, 2]  # from symbols 0 to 4, then from itself: f(ln 3), f(0)
    output[...] = [-2 - ln_3, 9, -2, 9, ln_3 - 3, 4]  # f(-2 + 4/2), f(ln 3 - 3 + 4 * 3/4), f(-2 - ln 3 + 4/2)
    for row in others:
        row[...] = 0
    test, one_step = Lesson(x, np.array([0, 1, 2])), Lesson(x[:1], np.array([0]), 1.0)
    before = hidden.tobytes()
    answers = teach(case, net, [[test, test]] + [[test]] * 3)[0].answers
    assert np.abs(answers[:, 0] - [0.5, 0.75, 0.25] * 2).max() < 1e-14
    assert (answers[:, 1:] == 0.5).all()
    teach(case, net, [[one_step]] + [[test]] * 3)
    assert hidden.tobytes() == before  # what the outputs saw was a constant
    change = np.array([0, 0, 1, 0, 0, 0.5]) / 8  # of what was seen, at 1/2 * 1/2 * (1 - 1/2)
    assert np.abs(output - [-2 - ln_3, 9, -2, 9, ln_3 - 3, 4] - change).max() < 1e-14
    assert np.abs(others[0] + change).max() < 1e-14


def test_imaginary_differences_are_real_ones():
    case = NETS["bptt"]
    rows = as_rows(case, weights_of(case, new_net(case), 0))
    xs, targets = for_twin(case, single_lesson(case))

    def loss(moved):
        return twin.loss(design(case), moved, xs, targets)

    slopes = gradient(loss, rows)
    for unit in (0, 2, 3, len(rows) - 1):
        for m in (xs[0].argmax(), len(rows[unit]) - 1):
            assert abs(central_difference(loss, rows, unit, m) - slopes[unit][m]) < 1e-9


@pytest.mark.parametrize("name", [name for name in NETS if design(NETS[name]).forcing])
def test_teacher_forcing_and_memory_make_a_difference(name):
    """Or the comparisons with the twin would not show that they are there."""
    case = NETS[name]
    lessons, (rows, after, _) = course(case)[0], expected(name)[0]
    for option, value in (("forcing", False), ("forgets", not design(case).forgets)):
        plan = design(case)._replace(**{option: value})
        other = play(plan, rows, case, lessons)[0].rows
        same = option == "forcing" and plan.forgets and not case.interface.every_step  # nothing comes after a target
        assert (max(np.abs(a - b).max() for a, b in zip(after, other, strict=True)) < 1e-6) == same


# ------------------------------------------------------------------------------------------------- lanes, one by one


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_that_does_not_learn_keeps_its_bits(name):
    case = COMPILED[name]
    rng = np.random.default_rng(12)
    net = new_net(case, seed=3)
    for row in case.learner.weights(case.settings, net, case.interface, 1):
        row[::2] = -0.0
    before = [net_weights(case, net, lane) for lane in range(case.width)]
    rates = [0.0 if lane == 1 else 0.5 for lane in range(case.width)]
    teach(case, net, [random_lessons(rng, case.interface, 4, rate, (1, LONGEST + 1)) for rate in rates])
    for lane in range(case.width):
        assert (net_weights(case, net, lane) == before[lane]) == (lane == 1)


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_depends_on_no_other(name):
    """Lane 1 gets the same bits, whatever the others are given, NaN or not."""
    case = COMPILED[name]
    rng = np.random.default_rng(1)
    own = [random_lessons(rng, case.interface, 1, rate, (1, 9))[0] for rate in [0.5, 0.5, 0.0] * 2]
    results = []
    for n, lengths in ((2, (LONGEST, LONGEST + 1)), (12, (1, 5))):
        rng = np.random.default_rng(n)
        net = new_net(case)
        others = [random_lessons(rng, case.interface, n, 0.1 * n, lengths) for _ in range(case.width - 1)]
        if n == 12:
            for row in case.learner.weights(case.settings, net, case.interface, 0):
                row[...] = np.nan
        played = teach(case, net, [others[0], own, *others[1:]])
        assert np.isfinite(played[0].errors[:, :2]).all() == (n != 12)
        assert np.isfinite(played[1].errors).all()
        results.append((net_weights(case, net, 1), *played[1].bits()))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_an_ended_sequence_is_forgotten(name):
    """Answers and learning are the same bits after other sequences as in a net that has seen nothing."""
    case = COMPILED[name]
    rng = np.random.default_rng(31)
    training = random_lessons(rng, case.interface, 3, 0.5, (3, 5))
    tests = [lesson._replace(rate=0.0) for lesson in training]
    endless = [tests[0]._replace(reset=False)]
    last = random_lessons(rng, case.interface, 1, 0.5, (4, 6))

    def after(lessons, earlier):
        """What becomes of ``last`` after ``lessons``, in a net that starts with the weights of ``earlier``."""
        net = new_net(case)
        for row, old in zip(
            *(case.learner.weights(case.settings, some, case.interface, 0) for some in (net, earlier)), strict=True
        ):
            row[...] = old
        silent = [[Lesson(last[0].x, last[0].targets)]] * (case.width - 1)
        played = teach(case, net, [lessons + last, *silent])[0]
        return net, (net_weights(case, net, 0), *played.bits(-len(last[0].targets)))

    new = new_net(case)
    learnt, _ = after(training, new)
    assert after([], new)[1] == after(tests, new)[1]
    assert after(last, new)[1] == after([], after([], new)[0])[1]
    assert after(training + last, new)[1] == after([], learnt)[1]
    remembers = after(endless, new)[1]  # the control: without a reset
    assert all(a != b for a, b in zip(remembers, after([], new)[1], strict=True))


@pytest.mark.parametrize("name", COMPILED)
def test_what_fills_the_vectors_takes_no_part(name):
    """Weights of no unit or from no source stay 0, and nothing is left that waits for the end of a sequence."""
    case = COMPILED[name]
    net = new_net(case)
    teach(case, net, course(case))
    for lane in range(case.width):
        n_there = sum(np.count_nonzero(array[..., lane]) for array in (net.w, net.w_out))
        assert n_there == case.learner.n_weights(case.settings, case.interface)
    assert net.w.size + net.w_out.size > case.width * n_there  # there is something that fills
    assert not net.dw.any()
    assert not net.dw_out.any()


# ---------------------------------------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("name", NETS)
def test_finite_sees_every_weight(plain, name):
    assert plain[name]["not seen"] == []


@pytest.mark.parametrize("name", NETS)
def test_outputs_that_are_no_numbers_are_seen(plain, name):
    """The mean error tells, wherever the NaN came from: the largest error need not."""
    assert not np.isfinite(plain[name]["bad errors"]).any()


def test_what_is_too_small_to_count_is_0():
    """A net of weak connections forgets fast: its p would soon be subnormal."""
    case = COMPILED["rtrl, 16 lanes, single"]
    net = new_net(case)
    net.w[...] *= 1e-6
    lesson = random_lessons(np.random.default_rng(3), case.interface, 1, 0.0, (LONGEST, LONGEST + 1))[0]
    teach(case, net, [[lesson._replace(reset=False)]] * case.width)
    size = np.abs(net.p[net.p != 0])
    assert size.min() >= 1e-30
    assert size.min() < 1e-25
    shown = np.unique(lesson.x)
    assert (net.p[lesson.x[0], 0, 0] == 0).all() or lesson.x[0] in lesson.x[1:]
    assert len(shown) > 2
