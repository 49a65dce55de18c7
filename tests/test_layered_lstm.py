"""The growing net of experiments 2a and 2b: as the slow twin has it, and as finite differences do.

As in test_lstm.py, a process without the JIT runs all kinds of nets, and the compiled ones are to give the same bits.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

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
    outcome,
    random_lessons,
    weights_not_seen,
    without_jit,
)
from pydantic import ValidationError
from twins import layered_lstm as twin
from twins.lstm import gradient

from repro.kernels.contract import Interface
from repro.learners import layered_lstm

LONGEST = 9


class Case(NamedTuple):
    settings: layered_lstm.Settings
    interface: Interface
    width: int = 4


def settings(**others):
    usual = {"name": "layered_lstm", "grow_after": 0, "init": 0.8, "learning_rate": 0.5, "precision": "float64"}
    return layered_lstm.Settings(**usual | others)


def symbols(n, every_step=True):
    """A task of ``n`` symbols, of which the next one is to be predicted, or the last one."""
    return Interface(n, n, LONGEST, input_symbols=True, target_symbols=True, every_step=every_step)


GROWS = {"grow_after": 2, "grow_below": 0.1}
COUNTS = {"grow": "count", "grow_after": 3}
BEHIND = {"outputs_see": "previous", "start": 0.5}
OTHER_CURVES = {"g": (-2.0, 2.0), "h": (-1.0, 1.0)}

# Compiled, and in plain Python.
COMPILED = {
    "step, grows": Case(settings(**GROWS, **OTHER_CURVES), symbols(5)),
    "sequence, plain, grows, single, 16 lanes": Case(
        settings(**GROWS, update="sequence", output_error="plain", precision="float32"), symbols(17), width=16
    ),
    "at end, late, behind, grows": Case(settings(update="late", **BEHIND, **GROWS), symbols(5, every_step=False)),
    "step, behind, counts, 1 lane": Case(settings(**BEHIND, **COUNTS), symbols(17), width=1),
}


def _others():
    """In plain Python alone."""
    curves = [{}, OTHER_CURVES, {"g": (-1.0, 0.5), "h": (0.0, 3.0)}]
    options = product(("step", "sequence"), ("derivative", "plain"), (0, 1, 2))
    for n, (update, error, grow_after) in enumerate(options):
        config = settings(
            update=update, output_error=error, grow_after=grow_after, grow_below=0.1, error_factor=1 + n % 2,
            **curves[(n + n // 3) % 3],
        )  # fmt: skip
        name = f"{update}, {error}, {grow_after}"
        yield name, Case(config, symbols((3, 17, 16, 32, 18)[n % 5]), width=(4, 1, 16)[n % 2 if n % 5 else 2])


def _more():
    """What outputs see, when weights change, where the errors are, what adds the cell: all together."""
    options = product(("step", "sequence", "late"), (True, False), ("current", "previous"), (0.0, 0.5), ({}, COUNTS))
    for n, (update, every_step, seen, start, grows) in enumerate(options):
        config = settings(
            update=update, outputs_see=seen, start=start, **grows, **(OTHER_CURVES if n % 3 == 0 else {}),
            output_error=("derivative", "plain")[n % 5 == 0], cell_weights=("drawn", "zero")[n % 7 == 0],
        )  # fmt: skip
        name = f"{update}, {'every step' if every_step else 'end'}, {seen}, {start}, {'counts' if grows else 'cell'}"
        yield name, Case(config, symbols((17, 5)[n % 2], every_step), width=(1, 4)[n % 2])


NETS = (
    COMPILED
    | {
        "sequence, plain, grows": Case(settings(**GROWS, update="sequence", output_error="plain"), symbols(33)),
        "late, behind, grows": Case(settings(update="late", **BEHIND, **GROWS), symbols(17)),
    }
    | dict(_others())
    | dict(_more())
)
DOUBLE = [name for name, case in NETS.items() if case.settings.precision == "float64"]
SIDE_BY_SIDE = [name for name, case in COMPILED.items() if case.width > 1]
EXACT = [
    name
    for name in DOUBLE
    if NETS[name].settings.grow_after == 0
    and (NETS[name].settings.update != "step" or not NETS[name].interface.every_step)
]
WEIGHTS = ("w_in", "w_cell", "w_out")


def weights_of(case, net, lane):
    return np.concatenate(layered_lstm.weights(case.settings, net, case.interface, lane))


def as_rows(case, numbers):
    n = case.interface.n_in
    ends = [n, *range(2 * n, len(numbers), n + 1)]
    return np.split(np.array(numbers, float), ends)


def design(case):
    """The same net, as the twin calls it."""
    config, interface, _ = case
    return twin.Design(
        interface.n_in,
        interface.n_out,
        config.g,
        None if config.h == "identity" else config.h,
        config.output_error == "plain",
        config.update == "step" and interface.every_step,
        config.grow_after,
        config.grow_below,
        config.grow == "count",
        config.outputs_see == "previous",
        config.start if config.outputs_see == "previous" else 0.0,
        config.update == "late",
    )


# The mean error of each training sequence; at a decrease by a tenth or more no cell is added.
ERRORS = [
    [0.9, 0.7, 0.6, 0.5, 0.5, 0.5, 0.46, 0.45],  # goes on decreasing, then less so
    [0.5, 0.6, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],  # does not at first, when the cell is added
    [0.5] * 8,  # of a lane that does not learn
    [0.8, 0.4, 0.35, 0.3, 0.2, 0.1, 0.05, 0.02],  # never stops
]


def course(case):
    """Training sequences, in which the cell is added or not, and test sequences in between."""
    rng = np.random.default_rng(41)
    lanes = []
    for lane in range(case.width):
        rate = (0.5, 1.2, 0.0, 0.1)[lane % 4]
        lessons = []
        for mean_error in ERRORS[lane % 4]:
            training, test = random_lessons(rng, case.interface, 2, rate, (1, LONGEST + 1))
            lessons.append(training._replace(mean_error=mean_error))
            if len(lessons) % 3 == 1:
                lessons.append(test._replace(rate=0.0))
        if case.settings.update == "late":  # what waits comes in all lanes, not only in those that idle on
            lessons.append(lessons[1])
        lanes.append(lessons)
    return lanes


def taught(case):
    """What comes of the course: weights, answers and errors of each lane, and when cells were added."""
    net = fresh_net(layered_lstm, *case)
    found = outcome(layered_lstm, case.settings, case.interface, net, course(case))
    grown = [layered_lstm.facts(net, lane).get("cell_added_after", 0) for lane in range(case.width)]
    return found | {"grown": np.array(grown)}


def single_lesson(case):
    return random_lessons(np.random.default_rng(21), case.interface, 1, 1.0, (LONGEST, LONGEST + 1))[0]


def one_update(case):
    """Weights of lane 0 before and after a sequence at learning rate 1."""
    net = fresh_net(layered_lstm, *case, seed=5)
    before, lesson = weights_of(case, net, 0), single_lesson(case)
    silent = lesson._replace(rate=0.0)
    after = [silent] if case.settings.update == "late" else []  # the change comes with it
    give(layered_lstm, case.settings, case.interface, net, [[lesson, *after], *[[silent]] * (case.width - 1)])
    return {"before": before, "after": weights_of(case, net, 0)}


def next_lesson(case):
    return random_lessons(np.random.default_rng(22), case.interface, 1, 1.0, (LONGEST, LONGEST + 1))[0]


def next_update(case):
    """Weights of lane 0 after a second sequence, at whose first time step the change by the first one comes."""
    net, lessons = fresh_net(layered_lstm, *case, seed=5), [single_lesson(case), next_lesson(case)]
    silent = lessons[0]._replace(rate=0.0)
    give(layered_lstm, case.settings, case.interface, net, [[*lessons, silent], *[[silent]] * (case.width - 1)])
    return {"after": weights_of(case, net, 0)}


def all_results():
    """All that the tests ask of all nets."""
    asked = {"taught": taught, "update": one_update, "next": next_update}
    return {name: {what: answer(case) for what, answer in asked.items()} for name, case in NETS.items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python: by the net's name and what is asked of it."""
    return without_jit("test_layered_lstm", tmp_path_factory.mktemp("plain"))


@lru_cache(maxsize=None)
def expected(name):
    """The twins of all lanes after the course, their rows before it, and their answers."""
    case, lanes = NETS[name], []
    start = fresh_net(layered_lstm, *case)
    for lane, lessons in enumerate(course(case)):
        rows = as_rows(case, weights_of(case, start, lane))
        net, answers = twin.Net(design(case), rows), []
        for lesson in lessons:
            answers += net.run(lesson.x, lesson.targets, lesson.rate)
            if lesson.rate > 0:
                net.settle(lesson.mean_error)
        lanes.append((net, rows, np.array(answers)))
    return lanes


def net_weights(net, lane):
    return bits((getattr(net, name) for name in WEIGHTS), lane)


# ------------------------------------------------------------------------------------------------- against the twin


@pytest.mark.parametrize("name", DOUBLE)
def test_learning_equals_the_twin(plain, name):
    case = NETS[name]
    found = taught(case) if name in COMPILED else plain[name]["taught"]
    for lane, (net, start, answers) in enumerate(expected(name)):
        assert found["grown"][lane] == net.grown_after
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-12
        rows = as_rows(case, found[f"weights {lane}"])
        check_rows(rows, net.rows, start, lane)


@pytest.mark.parametrize("name", NETS)
def test_the_twin_grows_and_learns_what_can_be_learnt(name):
    """Or there would be little to compare. Nets without a cell leave its weights alone."""
    case = NETS[name]
    grown = {
        0: [0, 0, 0, 0],  # from the start
        1: [5, 2, 0, 0],
        2: [6, 4, 0, 0],
        3: [3, 3, 0, 3],  # counted
    }[case.settings.grow_after]
    for lane, (lessons, (net, start, answers)) in enumerate(zip(course(case), expected(name), strict=True)):
        learns = lessons[0].rate > 0
        assert net.grown_after == grown[lane % 4]
        n, trains = np.arange(case.interface.n_in), design(case)
        places = slice(None) if case.interface.every_step else slice(-1, None)
        shown = np.concatenate([lesson.x[places] for lesson in lessons if lesson.rate > 0] or [[]])
        in_time = slice(None, -1 if trains.behind else None)  # for outputs to see what comes of it
        seen = np.isin(n, np.concatenate([lesson.x[in_time] for lesson in lessons if lesson.rate > 0] or [[]]))
        moved = [np.abs(row - old) > 1e-9 for row, old in zip(net.rows, start, strict=True)]
        for row in moved[2:]:
            assert np.array_equal(row[:-1], np.isin(n, shown))
            assert row[-1] == (learns and net.has_cell)
        for row in moved[:2]:
            assert row.any() == (learns and net.has_cell)
            assert not row[~seen].any()
            if case.settings.grow_after == 0 and (case.interface.every_step or not trains.behind):
                assert np.array_equal(row, seen)
        assert np.ptp(answers, axis=0).min() > 1e-4  # the net tells symbols apart
        assert max(np.abs(row).max() for row in net.rows) < 10  # and is not lost


@pytest.mark.parametrize("name", NETS)
def test_errors_are_as_defined(plain, name):
    """Mean |error|, mean squared error and largest |error| of the outputs, and of nothing that fills the vectors."""
    case = NETS[name]
    found, tolerance = plain[name]["taught"], 1e-6 if case.settings.precision == "float32" else 1e-14
    for lane, lessons in enumerate(course(case)):
        targets = np.eye(case.interface.n_out)[np.concatenate([lesson.targets for lesson in lessons])]
        errors = errors_of(targets, found[f"answers {lane}"])
        assert np.abs(found[f"errors {lane}"] - errors).max() < tolerance


@pytest.mark.parametrize("name", COMPILED)
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(taught(COMPILED[name]), plain[name]["taught"])
    check_same_bits(one_update(COMPILED[name]), plain[name]["update"])
    check_same_bits(next_update(COMPILED[name]), plain[name]["next"])


@pytest.mark.parametrize("name", [name for name in NETS if name not in DOUBLE])
def test_single_precision_agrees_with_double(plain, name):
    case, found = NETS[name], plain[name]["taught"]
    for lane, (net, _, answers) in enumerate(expected(name)):
        assert found["grown"][lane] == net.grown_after
        assert found[f"weights {lane}"].dtype == np.float32
        apart = np.abs(as_rows(case, found[f"weights {lane}"])[0] - net.rows[0]).max()
        assert apart < 1e-5
        assert apart > 1e-9 or lane % 4 >= 2
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-5


@pytest.mark.parametrize("name", EXACT)
def test_update_is_the_gradient_of_the_sequence(plain, name):
    """Nothing is truncated: the sum of the changes descends the sum of all errors."""
    case, found = NETS[name], plain[name]["update"]
    rows, after = as_rows(case, found["before"]), as_rows(case, found["after"])
    idle = case.settings.cell_weights == "zero"  # no error comes back to the cell
    lesson = single_lesson(case)
    slopes = gradient(lambda moved: twin.loss(design(case), moved, lesson.x, lesson.targets), rows)
    for unit, (new, row, slope) in enumerate(zip(after, rows, slopes, strict=True)):
        assert np.abs(new - row + slope).max() < 1e-12, f"unit {unit}"
        assert np.abs(slope).max() > 1e-6 or (idle and unit < 2), f"unit {unit} has nothing to learn"


@pytest.mark.parametrize("name", [name for name in EXACT if NETS[name].settings.update == "late"])
def test_update_is_the_gradient_also_if_a_change_comes_meanwhile(plain, name):
    """The first time step is still that of the weights before."""
    case, found = NETS[name], plain[name]
    start, rows = (as_rows(case, found["update"][when]) for when in ("before", "after"))
    after, lesson = as_rows(case, found["next"]["after"]), next_lesson(case)
    change = [row - old for row, old in zip(rows, start, strict=True)]
    slopes, at_once = (
        gradient(lambda moved, late=late: twin.loss(design(case), moved, lesson.x, lesson.targets, late), rows)
        for late in (change, None)
    )
    for unit, (new, row, slope) in enumerate(zip(after, rows, slopes, strict=True)):
        assert np.abs(new - row + slope).max() < 1e-12, f"unit {unit}"
    idle = case.settings.cell_weights == "zero"  # then the first change is none of gate and cell
    if case.settings.outputs_see == "current" and not idle:  # the control; a cell that stands still asks no weights
        assert max(np.abs(one - other).max() for one, other in zip(slopes, at_once, strict=True)) > 1e-6


def test_imaginary_differences_are_real_ones():
    case = COMPILED["step, grows"]
    rows = as_rows(case, weights_of(case, fresh_net(layered_lstm, *case), 0))
    lesson = single_lesson(case)

    def loss(moved):
        return twin.loss(design(case), moved, lesson.x, lesson.targets)

    for unit, slopes in enumerate(gradient(loss, rows)):
        for m, slope in enumerate(slopes):
            assert abs(central_difference(loss, rows, unit, m) - slope) < 1e-9


# ----------------------------------------------------------------------------------------------------------- growing


@pytest.mark.parametrize(
    ("errors", "added_after"),  # the cell comes when the mean of two is not a tenth below that of the two before
    [
        ([0.5], 0),
        ([0.5, 0.5], 0),  # nothing to compare with
        ([0.5, 0.5, 0.5], 0),
        ([0.5, 0.5, 0.5, 0.5], 4),
        ([0.5, 0.5, 0.8, 0.8], 4),
        ([0.5, 0.5, 0.46, 0.46], 4),  # decreases, but not by a tenth
        ([0.5, 0.5, 0.44, 0.44], 0),
        ([0.5, 0.5, 0.44, 0.44, 0.4, 0.4], 6),  # a tenth of the latest, not of the first
        ([0.5, 0.5, 0.44, 0.44, 0.39, 0.39], 0),
        ([0.9, 0.1, 0.1, 0.9], 4),  # the mean of both
        ([0.1, 0.9, 0.3, 0.3, 0.2, 0.4, 0.1, 0.5], 6),
        ([0.1, 0.2, 0.2, 0.05, 0.1, 0.01], 0),  # in pairs, not at every sequence
        ([0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4], 4),  # once
        ([1e-9] * 6, 4),
    ],
)
def test_the_cell_is_added_when_the_error_stops_decreasing(errors, added_after):
    case = COMPILED["sequence, plain, grows, single, 16 lanes"]
    rng = np.random.default_rng(43)
    lessons = []
    for mean_error in errors:
        training, test = random_lessons(rng, case.interface, 2, 0.5, (1, 4))
        lessons += [test._replace(rate=0.0, mean_error=9.0), training._replace(mean_error=mean_error)]  # one counts
    idle = [[Lesson(np.zeros(1, int), np.zeros(1, int))]] * (case.width - 1)
    net = fresh_net(layered_lstm, *case)
    give(layered_lstm, case.settings, case.interface, net, [lessons, *idle])
    assert layered_lstm.facts(net, 0) == ({"cell_added_after": added_after} if added_after else {})
    assert layered_lstm.facts(net, 1) == {}


def test_a_net_without_cell_answers_by_its_input_alone():
    """And does so until the end of the sequence after which the cell is added."""
    case = COMPILED["step, grows"]
    net = fresh_net(layered_lstm, *case)
    rows = as_rows(case, weights_of(case, net, 0))
    x, goals = np.array([0, 3, 3, 1]), np.array([1, 2, 2, 0])
    tests = [Lesson(x, goals)]
    played = give(layered_lstm, case.settings, case.interface, net, [tests] * 4)[0]
    direct = np.array([[1 / (1 + np.exp(-row[m])) for row in rows[2:]] for m in x])
    assert np.abs(played.answers - direct).max() < 1e-15
    training = [Lesson(x, goals, 1e-300, 0.5) for _ in range(4)]  # changes nothing but the number of sequences
    played = give(layered_lstm, case.settings, case.interface, net, [training + tests, *[tests] * 3])[0]
    assert np.abs(played.answers[:-4] - np.tile(direct, (4, 1))).max() < 1e-15
    assert np.abs(played.answers[-4:] - direct).min() > 1e-3


# ------------------------------------------------------------------------------------------------- lanes, one by one


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_that_does_not_learn_keeps_its_bits(name):
    case = COMPILED[name]
    rng = np.random.default_rng(12)
    net = fresh_net(layered_lstm, *case, seed=3)
    for row in layered_lstm.weights(case.settings, net, case.interface, 2):
        row[::2] = -0.0
    before = [net_weights(net, lane) for lane in range(case.width)]
    rates = [0.0 if lane == 2 else 0.5 for lane in range(case.width)]
    lanes = [random_lessons(rng, case.interface, 9, rate) for rate in rates]
    give(layered_lstm, case.settings, case.interface, net, lanes)
    assert net.grown[0] > 0
    assert net.grown[2] == 0
    for lane in range(case.width):
        assert (net_weights(net, lane) == before[lane]) == (lane == 2)


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_depends_on_no_other(name):
    """Lane 1 gets the same bits, whatever the others are given, whether they have a cell yet, NaN or not."""
    case = COMPILED[name]
    rng = np.random.default_rng(1)
    own = [random_lessons(rng, case.interface, 1, rate)[0]._replace(mean_error=0.5) for rate in [0.5, 0.5, 0.0] * 4]
    results = []
    for n, lengths in ((2, (LONGEST, LONGEST + 1)), (12, (1, 5))):
        rng = np.random.default_rng(n)
        net = fresh_net(layered_lstm, *case)
        others = [
            [lesson._replace(mean_error=0.4) for lesson in random_lessons(rng, case.interface, n, 0.1 * n, lengths)]
            for _ in range(case.width - 1)
        ]
        if n == 12:
            net.w_out[:, :, 0] = np.nan
        played = give(layered_lstm, case.settings, case.interface, net, [others[0], own, *others[1:]])
        assert (net.grown[2] > 0) == (n == 12)
        assert net.grown[1] == 4
        assert np.isfinite(played[0].errors[:, :2]).all() == (n != 12)
        assert np.isfinite(played[1].errors).all()
        results.append((net_weights(net, 1), *played[1].bits()))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_an_ended_sequence_is_forgotten(name):
    """Answers and learning are the same bits after other sequences as in a net that has seen nothing."""
    case = COMPILED[name]
    rng = np.random.default_rng(31)
    training = [lesson._replace(mean_error=0.5) for lesson in random_lessons(rng, case.interface, 5, 0.5, (5, 8))]
    tests = [lesson._replace(rate=0.0) for lesson in training]
    endless = [lesson._replace(reset=False) for lesson in tests]
    last = random_lessons(rng, case.interface, 1, 0.5, (4, 8))
    if case.settings.update == "late":  # what waits is no memory of the sequence, and comes with the next one
        training, last = training + tests[:1], [*last, last[0]._replace(rate=0.0)]

    def after(lessons, earlier):
        """What becomes of ``last`` after ``lessons``, in a net with a cell that starts with ``earlier``'s weights."""
        net = fresh_net(layered_lstm, *case)
        net.grown[...] = 4
        for name in WEIGHTS:
            getattr(net, name)[...] = getattr(earlier, name)[..., :1]
        silent = [[Lesson(last[0].x, last[0].targets)]] * (case.width - 1)
        played = give(layered_lstm, case.settings, case.interface, net, [lessons + last, *silent])[0]
        return net, (net_weights(net, 0), *played.bits(-len(last[0].targets)))

    new = fresh_net(layered_lstm, *case)
    learnt, _ = after(training, new)
    assert after([], new)[1] == after(tests, new)[1]
    assert after(last, new)[1] == after([], after([], new)[0])[1]
    assert after(training + last, new)[1] == after([], learnt)[1]
    remembers = after(endless, new)[1]  # the control: without a reset
    assert all(a != b for a, b in zip(remembers, after([], new)[1], strict=True))


@pytest.mark.parametrize("n", [5, 17])
def test_what_fills_the_vectors_takes_no_part(plain, n):
    """Weights to outputs that are none, and whatever they change by, stay 0."""
    name = {5: "step, grows", 17: "sequence, plain, grows, single, 16 lanes"}[n]
    case = COMPILED[name]
    assert case.interface.n_out == n
    net = fresh_net(layered_lstm, *case)
    give(layered_lstm, case.settings, case.interface, net, course(case))
    assert net.w_out.shape[0] == -(-n // 16) * 16
    assert not net.w_out[n:].any()
    assert not net.w_in[n:].any()
    assert not net.w_cell[n:].any()


def test_finite_sees_every_weight():
    case = COMPILED["step, grows"]
    net = fresh_net(layered_lstm, case.settings, case.interface, 2)
    assert weights_not_seen(layered_lstm, case.settings, case.interface, net, 1) == []


# --------------------------------------------------------------------------------------------------- sizes, settings


@pytest.mark.parametrize(
    ("n", "published"),
    [
        (101, 10504),  # experiments 2a and 2b, p = 100
        (5, 40),  # p = 4
        (16, 2 * 16 + 16 * 17),
    ],
)
@pytest.mark.parametrize("update", ["step", "sequence"])
def test_as_many_weights_as_published(n, published, update):
    config = settings(update=update)
    assert layered_lstm.n_weights(config, symbols(n)) == published
    net = layered_lstm.allocate(config, symbols(n), 2)
    rows = layered_lstm.weights(config, net, symbols(n), 1)
    assert [len(row) for row in rows] == [n, n] + [n + 1] * n
    for row in rows:
        row += 1
    assert net.w_in.sum() + net.w_cell.sum() + net.w_out.sum() == published  # views, that do not overlap
    assert max(net.w_in.max(), net.w_cell.max(), net.w_out.max()) == 1
    assert not net.w_out[..., 0].any()


def test_weights_are_drawn_in_order_from_a_symmetric_range():
    config = settings(init=0.1, grow_after=5)
    net = layered_lstm.allocate(config, symbols(5), 2)
    numbers = np.random.default_rng(3).random(50).tolist()
    queue = iter(numbers)
    layered_lstm.initialise(config, net, symbols(5), 1, lambda: next(queue))
    drawn = np.concatenate(layered_lstm.weights(config, net, symbols(5), 1))
    assert np.allclose(drawn, 0.1 * (2 * np.array(numbers[:40]) - 1), rtol=1e-15)
    assert len(list(queue)) == 10
    assert drawn.min() < -0.08
    assert drawn.max() > 0.08
    assert not net.w_out[..., 0].any()


def test_output_weights_from_the_cell_may_start_at_0():
    """All others are the same, and so is what is drawn after them."""
    drawn, zero = [], []
    for rows, cell_weights in ((drawn, "drawn"), (zero, "zero")):
        config, numbers = settings(cell_weights=cell_weights), np.random.default_rng(3)
        net = layered_lstm.allocate(config, symbols(5), 2)
        layered_lstm.initialise(config, net, symbols(5), 1, numbers.random)
        rows += [row.tolist() for row in layered_lstm.weights(config, net, symbols(5), 1)] + [[numbers.random()]]
    assert all(weight != 0 for row in drawn for weight in row)
    assert zero == [*drawn[:2], *([*row[:-1], 0.0] for row in drawn[2:-1]), drawn[-1]]


def test_tasks_that_do_not_fit_are_refused():
    config, fits = settings(), symbols(5)
    assert layered_lstm.refuses(config, fits) == ""
    for other in (
        {"input_symbols": False},
        {"target_symbols": False},
        {"n_in": 20},  # the next symbol is predicted: inputs and outputs are the same symbols
        {"n_out": 4},
    ):
        assert layered_lstm.refuses(config, fits._replace(**other)) != ""
    assert layered_lstm.refuses(config, symbols(5, every_step=False)) == ""


GOOD = {"name": "layered_lstm", "grow_after": 100, "init": 0.1, "learning_rate": 0.5}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "lstm"),
        ("g", (1.0,)),
        ("g", (0.0, float("inf"))),
        ("h", "id"),
        ("h", (0.0, float("nan"))),
        ("output_error", "none"),
        ("error_factor", 3),
        ("update", "epoch"),
        ("outputs_see", "next"),
        ("start", 0.25),
        ("grow", "never"),
        ("cell_weights", "one"),
        ("grow_after", -1),
        ("grow_after", 1.5),
        ("grow_after", None),
        ("grow_after", 1_000_001),
        ("grow_below", -0.1),
        ("grow_below", 1.0),
        ("grow_below", float("nan")),
        ("init", 0.0),
        ("init", 101.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("precision", "float16"),
        ("blocks", 1),
    ],
)
def test_bad_settings_are_refused_by_name(field, value):
    with pytest.raises(ValidationError, match=rf"(?m)(^|\s){field}\b"):
        layered_lstm.Settings(**GOOD | {field: value})


@pytest.mark.parametrize("field", GOOD)
def test_missing_settings_are_named(field):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        layered_lstm.Settings(**{name: value for name, value in GOOD.items() if name != field})


@pytest.mark.parametrize("field", ["g", "h"])
def test_squashing_ranges_go_upwards(field):
    for limits in ((1.0, -1.0), (1.0, 1.0)):
        with pytest.raises(ValidationError, match="from low to high"):
            layered_lstm.Settings(**GOOD | {field: limits})


def test_the_paper_is_the_default():
    config = layered_lstm.Settings(**GOOD)
    assert (config.g, config.h, config.output_error, config.error_factor) == ((0, 1), "identity", "derivative", 1)
    assert (config.update, config.outputs_see, config.start) == ("step", "current", 0)
    assert (config.grow, config.grow_below, config.cell_weights) == ("stagnation", 0.01, "drawn")
