"""The two-net chunker: as its slow twin has it, and as the nets of RTRL do where it is one of them.

As in test_lstm.py, a process without the JIT runs all kinds of nets, and the compiled ones are to give the same bits.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from lessons import Lesson, check_rows, check_same_bits, fresh_net, give, outcome, weights_not_seen, without_jit
from pydantic import ValidationError
from twins import chunker as twin

from repro.kernels.contract import Interface
from repro.learners import chunker, rtrl

LONGEST = 9


class Case(NamedTuple):
    settings: chunker.Settings
    interface: Interface
    width: int = 4

    @property
    def single(self):
        return self.settings.precision == "float32"


def settings(hidden, **others):
    usual = {"name": "chunker", "failure": 0.3, "init": 0.5, "learning_rate": 0.5, "precision": "float64"}
    return chunker.Settings(**usual | {"hidden": hidden} | others)


def symbols(n):
    """A task of ``n`` symbols, of which the next one is to be predicted."""
    return Interface(n, n, LONGEST, input_symbols=True, target_symbols=True, every_step=True)


SEQUENCE, EITHER, ALONE = {"update": "sequence"}, {"judged": "either"}, {"predict_state": False}
BEHIND, HALF = {"outputs_see": "previous"}, {"start": 0.5}
SINGLE, OFTEN_WRONG = {"precision": "float32"}, {"failure": 0.8}  # with many symbols little is learnt so soon

# Compiled, and in plain Python.
COMPILED = {
    "2a": Case(settings(1), symbols(5)),
    "all that is otherwise, single": Case(
        settings(3, **EITHER, **SEQUENCE, **ALONE, **BEHIND, **HALF, **SINGLE), symbols(5), width=2
    ),
}


def _others():
    """In plain Python alone."""
    sizes = [(1, 3), (3, 5), (2, 16), (6, 12), (1, 33)]  # hidden, symbols; 12 + 6 outputs of A fill more than a run
    for n, ways in enumerate(product(({}, SEQUENCE), ({}, EITHER), ({}, ALONE))):
        hidden, n_symbols = sizes[n % len(sizes)]
        options = {key: value for way in ways for key, value in way.items()}
        title = ", ".join(["other", *map(str, options.values())])
        config = settings(hidden, **options, **(OFTEN_WRONG if n_symbols > 5 else {}))
        yield title, Case(config, symbols(n_symbols), 1 if n_symbols > 5 else (4, 1, 2)[n % 3])  # large ones take long
    more = (BEHIND | HALF | EITHER, BEHIND | ALONE, BEHIND | HALF | SEQUENCE | ALONE)
    for n, ways in enumerate((BEHIND, HALF, BEHIND | SEQUENCE, HALF | SEQUENCE, *more)):
        config = settings((1, 3, 2)[n % 3], **ways)
        yield ", ".join(["behind", *map(str, ways.values())]), Case(config, symbols(5), (4, 1)[n % 2])


NETS = COMPILED | dict(_others())
DOUBLE = [name for name, case in NETS.items() if not case.single]
SIDE_BY_SIDE = [name for name, case in COMPILED.items() if case.width > 1]


def weights_of(case, net, lane):
    return np.concatenate(chunker.weights(case.settings, net, case.interface, lane))


def row_lengths(case):
    n, hidden = case.interface.n_in, case.settings.hidden
    return [n + hidden] * (hidden + n + hidden) + [n + hidden] * (hidden + n)


def as_rows(case, numbers):
    return np.split(np.array(numbers, float), np.cumsum(row_lengths(case))[:-1])


def net_weights(case, net, lane):
    return [row.tobytes() for row in chunker.weights(case.settings, net, case.interface, lane)]


def teach(case, net, lanes):
    return give(chunker, case.settings, case.interface, net, lanes)


def strings(rng, n, number, rate, lengths=(1, LONGEST + 1)):
    """Most symbols are followed by the next one, which can be learnt; some by any other."""
    lessons = []
    for _ in range(number):
        text = [rng.integers(n)]
        for _ in range(rng.integers(*lengths)):
            text.append((text[-1] + 1) % n if rng.random() < 0.8 else rng.integers(n))
        lessons.append(Lesson(np.array(text[:-1]), np.array(text[1:]), rate, 0.5))
    return lessons


def course(case):
    """Training sequences and test sequences in between; the lane that never learns has few, and idles on."""
    rng = np.random.default_rng(41)
    n, lanes = case.interface.n_in, []
    for lane in range(case.width):
        rate = (1.5, 4.0, 0.0, 2.5)[lane % 4]
        lessons = []
        for _ in range(5 if rate > 0 else 1):
            lessons += strings(rng, n, 1 if n > 5 else 3, rate, (3, LONGEST + 1))
            lessons += strings(rng, n, 1, 0.0, (3, LONGEST + 1))
        lanes.append(lessons + strings(rng, n, 1, rate, (1, 2)))
    return lanes


def taught(case):
    """What comes of the course: weights, answers and errors of each lane."""
    return outcome(chunker, case.settings, case.interface, fresh_net(chunker, *case), course(case))


def alone(case, half, failure):
    """Weights of lane 0 of A (``half`` 0) or C (1) before and after the course, and what RTRL alone makes of them.

    A learns nothing of C.
    """
    lone = Case(case.settings.model_copy(update={"predict_state": False, "failure": failure}), case.interface, width=1)
    net, hidden, n = fresh_net(chunker, *lone), case.settings.hidden, case.interface.n_out
    needed = {"name": "rtrl", "net": "layered", "biased": "none", "direct": True, "hidden": hidden, "init": 0.5}
    same = case.settings.model_dump(include={"update", "precision", "outputs_see", "start"})
    more = {"learning_rate": 0.5, **same}
    config = rtrl.Settings(**needed, **more)
    other = rtrl.allocate(config, case.interface, 1)
    other_rows = rtrl.weights(config, other, case.interface, 0)
    rows = chunker.weights(lone.settings, net, case.interface, 0)
    rows = rows[hidden + n + hidden :] if half else rows[: hidden + n]
    for row, other_row in zip(rows, other_rows, strict=True):
        other_row[...] = row
    start = np.concatenate(rows)
    played = teach(lone, net, course(lone))[0]
    other_played = give(rtrl, config, case.interface, other, course(lone))[0]
    return {
        "start": start,
        "weights": np.concatenate(rows),
        "answers": played.answers,
        "by rtrl": np.concatenate(other_rows),
        "answers by rtrl": other_played.answers,
    }


def all_results():
    """All that the tests ask of all nets."""
    return {
        name: {
            "taught": taught(case),
            "not seen": weights_not_seen(chunker, *case[:2], fresh_net(chunker, *case), 0, most=25),
            "A alone": alone(case, 0, case.settings.failure),
            "C alone": alone(case, 1, 1e-9),
            "no failures": alone(case, 1, 1.0),
        }
        for name, case in NETS.items()
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python: by the net's name and what is asked of it."""
    return without_jit("test_chunker", tmp_path_factory.mktemp("plain"))


class Lane(NamedTuple):
    """What the twin makes of a lane's course."""

    start: list
    rows: list
    answers: np.ndarray  # (steps, symbols) of A
    errors: np.ndarray  # (steps, 3)
    passed: list  # for each sequence: which symbols were passed to C
    margin: float  # between ``failure`` and an error that was compared with it, at least


@lru_cache(maxsize=None)
def expected(name):
    case, lanes = NETS[name], []
    config, start = case.settings, fresh_net(chunker, *case)
    plan = twin.Design(
        case.interface.n_in,
        config.hidden,
        config.failure,
        config.predict_state,
        config.update == "step",
        config.outputs_see == "previous",
        config.start,
    )
    for lane, lessons in enumerate(course(case)):
        rows = as_rows(case, weights_of(case, start, lane))
        net, answers, errors, passed = twin.Chunker(plan, rows), [], [], []
        margin = 1.0
        for lesson in lessons:
            of_a, of_c, passes = net.run(lesson.x, lesson.targets, lesson.rate)
            answers += of_a
            passed.append(passes)
            for a, c, goal in zip(of_a, of_c, lesson.targets, strict=True):
                wrong, also = (np.abs(np.eye(plan.n)[goal] - y) for y in (a, c))
                worst = min(wrong.max(), also.max()) if config.judged == "either" else wrong.max()
                errors.append([wrong.mean(), (wrong**2).mean(), worst])
                margin = min(margin, abs(wrong.max() - config.failure))
        lanes.append(Lane(rows, net.rows, np.array(answers), np.array(errors), passed, margin))
    return lanes


# ------------------------------------------------------------------------------------------------- against the twin


@pytest.mark.parametrize("name", DOUBLE)
def test_learning_equals_the_twin(plain, name):
    case = NETS[name]
    found = taught(case) if name in COMPILED else plain[name]["taught"]
    for lane, of_twin in enumerate(expected(name)):
        assert np.abs(found[f"answers {lane}"] - of_twin.answers).max() < 1e-12
        assert np.abs(found[f"errors {lane}"] - of_twin.errors).max() < 1e-12
        rows = as_rows(case, found[f"weights {lane}"])
        check_rows(rows, of_twin.rows, of_twin.start, lane)


@pytest.mark.parametrize("name", NETS)
def test_the_twin_shows_all_that_can_happen(name):
    """A fails and does not, in training and in tests; both nets learn what can be learnt."""
    case = NETS[name]
    n, hidden = case.interface.n_in, case.settings.hidden
    for lessons, lane in zip(course(case), expected(name), strict=True):
        assert lane.margin > 1e-5
        if lessons[0].rate == 0:
            assert all(np.array_equal(a, b) for a, b in zip(lane.start, lane.rows, strict=True))
            continue
        for training in (True, False):
            later = [p[1:] for lesson, p in zip(lessons, lane.passed, strict=True) if (lesson.rate > 0) == training]
            assert {passed for some in later for passed in some} == {True, False}
        assert all(passes[0] for passes in lane.passed)
        shown = np.concatenate([lesson.x for lesson in lessons if lesson.rate > 0])
        seen = np.isin(np.arange(n), shown)
        for unit, (row, old) in enumerate(zip(lane.rows, lane.start, strict=True)):
            moved = np.abs(row - old) > 1e-9
            idle = not case.settings.predict_state and hidden + n <= unit < hidden + n + hidden
            assert not moved[:n][~seen].any()
            assert moved[n:].all() == (not idle), f"unit {unit}"
            if unit < hidden + n + hidden:
                assert np.array_equal(moved[:n], seen & (not idle)), f"unit {unit}"
            else:
                assert moved[:n].any()
        assert max(np.abs(row).max() for row in lane.rows) < 20


@pytest.mark.parametrize("name", COMPILED)
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(taught(COMPILED[name]), plain[name]["taught"])


@pytest.mark.parametrize("name", [name for name in NETS if name not in DOUBLE])
def test_single_precision_agrees_with_double(plain, name):
    found = plain[name]["taught"]
    for lane, of_twin in enumerate(expected(name)):
        assert found[f"weights {lane}"].dtype == np.float32
        assert 1e-9 < np.abs(found[f"weights {lane}"] - np.concatenate(of_twin.rows)).max() < 1e-4
        assert np.abs(found[f"answers {lane}"] - of_twin.answers).max() < 1e-4


# ------------------------------------------------------------------------------------------------- each net on its own


@pytest.mark.parametrize("name", NETS)
def test_without_chunks_to_learn_the_automatizer_is_a_net_of_rtrl(plain, name):
    found = plain[name]["A alone"]
    assert found["weights"].tobytes() == found["by rtrl"].tobytes()
    assert found["answers"].tobytes() == found["answers by rtrl"].tobytes()
    assert not np.array_equal(found["weights"], found["start"])


@pytest.mark.parametrize("name", NETS)
def test_if_all_is_passed_on_the_chunker_is_a_net_of_rtrl(plain, name):
    found = plain[name]["C alone"]
    assert found["weights"].tobytes() == found["by rtrl"].tobytes()
    assert not np.array_equal(found["weights"], found["start"])


@pytest.mark.parametrize("name", NETS)
def test_if_the_automatizer_never_fails_the_chunker_learns_nothing(plain, name):
    found = plain[name]["no failures"]
    assert np.array_equal(found["weights"], found["start"])


# ------------------------------------------------------------------------------------------------- lanes, one by one


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_that_does_not_learn_keeps_its_bits(name):
    case = COMPILED[name]
    rng = np.random.default_rng(12)
    net = fresh_net(chunker, *case, seed=3)
    for row in chunker.weights(case.settings, net, case.interface, 1):
        row[::2] = -0.0
    before = [net_weights(case, net, lane) for lane in range(case.width)]
    rates = [0.0 if lane == 1 else 0.5 for lane in range(case.width)]
    teach(case, net, [strings(rng, case.interface.n_in, 5, rate) for rate in rates])
    for lane in range(case.width):
        assert (net_weights(case, net, lane) == before[lane]) == (lane == 1)


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_lane_depends_on_no_other(name):
    """Lane 1 gets the same bits, whatever the others are given, NaN or not."""
    case = COMPILED[name]
    n = case.interface.n_in
    rng = np.random.default_rng(1)
    own = [strings(rng, n, 1, rate)[0] for rate in [1.5, 1.5, 0.0] * 4]
    results = []
    for number, lengths in ((2, (LONGEST, LONGEST + 1)), (12, (1, 5))):
        rng = np.random.default_rng(number)
        net = fresh_net(chunker, *case)
        others = [strings(rng, n, number, 0.1 * number, lengths) for _ in range(case.width - 1)]
        if number == 12:
            for row in chunker.weights(case.settings, net, case.interface, 0):
                row[...] = np.nan
        played = teach(case, net, [others[0], own, *others[1:]])
        assert np.isfinite(played[0].errors[:, :2]).all() == (number != 12)
        assert np.isfinite(played[1].errors).all()
        results.append((net_weights(case, net, 1), *played[1].bits()))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_an_ended_sequence_is_forgotten(name):
    """Answers and learning are the same bits after other sequences as in a net that has seen nothing."""
    case = COMPILED[name]
    n = case.interface.n_in
    rng = np.random.default_rng(31)
    training = strings(rng, n, 5, 1.5, (3, 7))
    tests = [lesson._replace(rate=0.0) for lesson in training]
    endless = [lesson._replace(reset=False) for lesson in tests]
    last = strings(rng, n, 1, 1.5, (LONGEST, LONGEST + 1))

    def after(lessons, earlier):
        """What becomes of ``last`` after ``lessons``, in a net that starts with the weights of ``earlier``."""
        net = fresh_net(chunker, *case)
        for row, old in zip(
            *(chunker.weights(case.settings, some, case.interface, 0) for some in (net, earlier)), strict=True
        ):
            row[...] = old
        silent = [[Lesson(last[0].x, last[0].targets)]] * (case.width - 1)
        played = teach(case, net, [lessons + last, *silent])[0]
        return net, (net_weights(case, net, 0), *played.bits(-len(last[0].targets)))

    new = fresh_net(chunker, *case)
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
    net = fresh_net(chunker, *case)
    teach(case, net, course(case))
    halves = (net.automatizer, net.chunker)
    for lane in range(case.width):
        n_there = sum(np.count_nonzero(array[..., lane]) for half in halves for array in (half.w, half.w_out))
        assert n_there == chunker.n_weights(case.settings, case.interface)
    assert sum(half.w.size + half.w_out.size for half in halves) > case.width * n_there  # there is something that fills
    for half in halves:
        assert not half.dw.any()
        assert not half.dw_out.any()


@pytest.mark.parametrize("name", NETS)
def test_finite_sees_every_weight(plain, name):
    assert plain[name]["not seen"] == []


def test_outputs_that_are_no_numbers_are_failures_and_are_seen():
    """The mean error tells, and the next symbol is passed on."""
    case = COMPILED["2a"]
    net = fresh_net(chunker, *case)
    for row in chunker.weights(case.settings, net, case.interface, 0)[: case.settings.hidden + case.interface.n_out]:
        row[...] = np.nan
    text = Lesson(np.array([0, 1, 2]), np.array([1, 2, 3]), reset=False)
    played = teach(case, net, [[text]] * case.width)
    assert np.isnan(played[0].errors[:, :2]).all()
    assert np.isfinite(played[1].errors).all()
    assert net.passed[0] == 1
    assert net.chunker.symbol[0] == 2


# --------------------------------------------------------------------------------------------------- sizes, settings


@pytest.mark.parametrize(
    ("hidden", "n", "of_a", "of_c"),
    [
        (1, 101, 10506, 10404),  # experiments 2a and 2b, p = 100; the paper counts A's
        (1, 5, 36 + 6, 36),
        (3, 16, 3 * 19 + 19 * 19, 3 * 19 + 16 * 19),
    ],
)
@pytest.mark.parametrize("more", [{}, ALONE, SEQUENCE])
def test_as_many_weights_as_published(hidden, n, of_a, of_c, more):
    case = Case(settings(hidden, **more), symbols(n), width=2)
    assert chunker.n_weights(case.settings, case.interface) == of_a + of_c
    net = chunker.allocate(*case)
    rows = chunker.weights(case.settings, net, case.interface, 1)
    assert [len(row) for row in rows] == row_lengths(case)
    for row in rows:
        row += 1
    for half, published in ((net.automatizer, of_a), (net.chunker, of_c)):
        assert half.w[..., 1].sum() + half.w_out[..., 1].sum() == published  # views, that do not overlap
        assert max(half.w.max(), half.w_out.max()) == 1
        assert not half.w[..., 0].any()
        assert not half.w_out[..., 0].any()


def test_weights_are_drawn_in_order_from_a_symmetric_range():
    config, interface = settings(2, init=0.1), symbols(5)
    net = chunker.allocate(config, interface, 2)
    numbers = np.random.default_rng(3).random(120).tolist()
    queue = iter(numbers)
    chunker.initialise(config, net, interface, 1, lambda: next(queue))
    drawn = np.concatenate(chunker.weights(config, net, interface, 1))
    assert len(drawn) == chunker.n_weights(config, interface)
    assert np.allclose(drawn, 0.1 * (2 * np.array(numbers[: len(drawn)]) - 1), rtol=1e-15)
    assert len(list(queue)) == 120 - len(drawn)
    assert drawn.min() < -0.08
    assert drawn.max() > 0.08
    for half in (net.automatizer, net.chunker):
        assert not half.w[..., 0].any()
        assert not half.w_out[..., 0].any()


def test_tasks_that_do_not_fit_are_refused():
    config, fits = settings(1), symbols(5)
    assert chunker.refuses(config, fits) == ""
    for other in (
        {"input_symbols": False},
        {"target_symbols": False},
        {"every_step": False},
        {"n_in": 20},  # the next symbol is predicted: inputs and outputs are the same symbols
        {"n_out": 4},
    ):
        assert chunker.refuses(config, fits._replace(**other)) != ""


GOOD = {"name": "chunker", "hidden": 1, "failure": 0.25, "init": 0.1, "learning_rate": 0.5}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "rtrl"),
        ("hidden", 0),
        ("hidden", 1.5),
        ("biased", "all"),  # the nets of experiment 2 have none
        ("failure", 0.0),
        ("failure", 1.1),
        ("failure", float("nan")),
        ("predict_state", "no"),
        ("predict_state", 1),
        ("judged", "chunker"),
        ("update", "epoch"),
        ("outputs_see", "next"),
        ("start", 1),
        ("start", 0.25),
        ("error_factor", 3),
        ("init", 0.0),
        ("init", 101.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("precision", "float16"),
        ("direct", True),
        ("teacher_forcing", False),
    ],
)
def test_bad_settings_are_refused_by_name(field, value):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        chunker.Settings(**GOOD | {field: value})


@pytest.mark.parametrize("field", GOOD)
def test_missing_settings_are_named(field):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        chunker.Settings(**{name: value for name, value in GOOD.items() if name != field})


def test_defaults():
    config = chunker.Settings(**GOOD)
    assert (config.predict_state, config.judged, config.update, config.error_factor) == (True, "automatizer", "step", 1)
    assert (config.precision, config.outputs_see, config.start) == ("float32", "current", 0.0)
