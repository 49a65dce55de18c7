"""Random weight guessing: nets and guesses as the slow twin has them, whole trials too, and as often as chance says.

As in test_lstm.py, a process without the JIT runs all kinds of nets, and the compiled ones are to give the same bits.
"""

import hashlib
from functools import lru_cache
from math import inf, nan, nextafter
from typing import NamedTuple

import numpy as np
import pytest
from conftest import made_condition, result
from lessons import (
    Lesson,
    bits,
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
from twins import chi_square_deviation, compiled
from twins import guessing as twin
from twins import tasks as twin_tasks
from twins.random import Stream

from repro.experiments.stop import Stop
from repro.kernels.contract import Interface
from repro.learners import guessing
from repro.records.trial import Record
from repro.running import crew
from repro.tasks import two_sequence

LONGEST = 9
TOLERANCE = 0.1


class Case(NamedTuple):
    settings: guessing.Settings
    interface: Interface
    width: int = 4


def settings(**others):
    usual = {"name": "guessing", "architecture": "A1", "hidden": 1, "tolerance": TOLERANCE, "precision": "float64"}
    return guessing.Settings(**usual | others)


def one_target(n_in=1):
    return Interface(n_in, 1, LONGEST)


A2 = {"architecture": "A2"}

# Compiled, and in plain Python. With small weights no unit saturates, and outputs tell all weights.
COMPILED = {
    "A1": Case(settings(hidden=3, range=3.0), one_target(2)),
    "A2, single, 16 lanes": Case(settings(**A2, hidden=10, range=1.0, precision="float32"), one_target(), width=16),
}

# In plain Python alone.
NETS = COMPILED | {
    "A1, one hidden unit": Case(settings(range=2.0), one_target(), width=1),
    "A1, single": Case(settings(hidden=2, range=1.0, precision="float32"), one_target(), width=2),
    "A2": Case(settings(**A2, hidden=10, range=1.0), one_target()),
    "A2, one hidden unit": Case(settings(**A2, range=2.0), one_target(3), width=1),
    "A2, range of the paper": Case(settings(**A2, hidden=4), one_target(2)),
}
DOUBLE = [name for name, case in NETS.items() if case.settings.precision == "float64"]


def weights_of(case, net, lane):
    return guessing.weights(case.settings, net, case.interface, lane)


def design(case):
    return twin.Design(case.settings.architecture, case.interface.n_in, case.settings.hidden)


# The error of each training sequence, by lane: some right, some wrong.
ERRORS = [
    [0.05, 0.2, 0.0, 0.1, 0.99, 0.0],
    [0.0999] * 6,  # the first guess stays
    [nan, 0.0, nan, 0.5, 0.5, 0.5],
    [0.0, 0.0, 0.0, 0.0, 0.0, inf],
]


def course(case):
    """Training sequences, and test sequences in between, whose errors must not count."""
    rng = np.random.default_rng(41)
    lanes = []
    for lane in range(case.width):
        lessons = []
        for error in ERRORS[lane % 4]:
            training, test = random_lessons(rng, case.interface, 2, 1.0, (1, LONGEST + 1))
            lessons += [training._replace(mean_error=error), test._replace(rate=0.0, mean_error=0.9)]
        lanes.append(lessons)
    return lanes


def taught(case):
    """What comes of the course: weights, answers, errors and guesses of each lane."""
    net = fresh_net(guessing, *case)
    found = outcome(guessing, case.settings, case.interface, net, course(case))
    for lane in range(case.width):
        found[f"guesses {lane}"] = np.array(guessing.facts(net, lane)["guesses"])
    return found


def all_results():
    """All that the tests ask of all nets."""
    return {name: taught(case) for name, case in NETS.items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python, by the net's name."""
    return without_jit("test_guessing", tmp_path_factory.mktemp("plain"))


@lru_cache(maxsize=None)
def expected(name):
    """For each lane the twin's weights, answers, and guesses after the course."""
    case, lanes = NETS[name], []
    start = fresh_net(guessing, *case)
    for lane, lessons in enumerate(course(case)):
        rows, stream = [row.astype(float) for row in weights_of(case, start, lane)], Stream(start.stream[:, lane])
        answers, guesses = [], 1
        for lesson in lessons:
            answers.append(twin.answer(design(case), rows, lesson.x))
            if lesson.rate > 0 and not lesson.mean_error < TOLERANCE:
                rows = twin.guess(design(case), stream, case.settings.range)
                guesses += 1
        lanes.append((np.concatenate(rows), np.array(answers), guesses))
    return lanes


# ------------------------------------------------------------------------------------------------- against the twin


@pytest.mark.parametrize("name", NETS)
def test_answers_and_guesses_equal_the_twin(plain, name):
    case = NETS[name]
    found, tolerance = plain[name], 1e-12 if name in DOUBLE else 2e-5
    for lane, (rows, answers, guesses) in enumerate(expected(name)):
        assert found[f"guesses {lane}"] == guesses == [4, 1, 6, 2][lane % 4]
        assert np.array_equal(found[f"weights {lane}"], rows.astype(case.settings.precision))
        assert np.abs(found[f"answers {lane}"][:, 0] - answers).max() < tolerance
        assert np.ptp(answers) > 0.01


@pytest.mark.parametrize("name", NETS)
def test_errors_are_as_defined(plain, name):
    for lane, lessons in enumerate(course(NETS[name])):
        targets, tolerance = np.concatenate([lesson.targets for lesson in lessons]), 1e-15 if name in DOUBLE else 1e-7
        errors = errors_of(targets, plain[name][f"answers {lane}"])
        assert np.abs(plain[name][f"errors {lane}"] - errors).max() < tolerance


@pytest.mark.parametrize("name", COMPILED)
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(taught(COMPILED[name]), plain[name])


@pytest.mark.parametrize("name", DOUBLE)
def test_the_twin_uses_every_weight(name):
    """Or there would be little to compare. With weights of the paper's range most units saturate."""
    case = NETS[name]
    if case.settings.range > 3:
        return
    rng = np.random.default_rng(7)
    rows = [rng.uniform(-1, 1, n) for n in twin.row_lengths(design(case))]
    inputs = rng.uniform(-1, 1, (5, case.interface.n_in))
    answer = twin.answer(design(case), rows, inputs)
    for row in rows:
        for m in range(len(row)):
            row[m] += 0.1
            assert abs(twin.answer(design(case), rows, inputs) - answer) > 1e-9
            row[m] -= 0.1


# ---------------------------------------------------------------------------------------------------------- guessing


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (0.0, True),
        (nextafter(TOLERANCE, 0), True),
        (TOLERANCE, False),  # below, says the protocol
        (nextafter(TOLERANCE, 1), False),
        (1.0, False),
        (inf, False),
        (nan, False),
    ],
)
@pytest.mark.parametrize("name", COMPILED)
def test_a_new_guess_is_drawn_if_and_only_if_a_training_sequence_was_wrong(name, error, right):
    """Every weight of it, in that lane alone."""
    case = COMPILED[name]
    net = fresh_net(guessing, *case)
    x = np.zeros((2, case.interface.n_in))
    before, start = net.w.copy(), net.stream.copy()
    lanes = [[Lesson(x, np.zeros((1, 1)), mean_error=0.9)] for _ in range(case.width)]
    lanes[2] = [Lesson(x, np.zeros((1, 1)), rate=1.0, mean_error=error)]
    give(guessing, case.settings, case.interface, net, lanes)
    assert [guessing.facts(net, lane)["guesses"] for lane in range(4)] == [1, 1, 1 if right else 2, 1]
    assert (net.w[:, 2] != before[:, 2]).all() == (not right)
    assert (net.w[:, 2] == before[:, 2]).all() == right
    assert (net.stream[:, 2] != start[:, 2]).any() == (not right)
    others = np.arange(case.width) != 2
    assert (net.w[:, others] == before[:, others]).all()
    assert (net.stream[:, others] == start[:, others]).all()


@lru_cache(maxsize=None)
def many_guesses():
    """The weights of 30,000 guesses in each of two lanes."""
    config, interface = settings(precision="float32"), one_target()
    settle = guessing.build(config, interface, 2).settle
    net = fresh_net(guessing, config, interface, 2)
    found = np.zeros((30_000, *net.w.shape), np.float32)

    @compiled
    def guess(net, found):
        for n in range(len(found)):
            for lane in range(2):
                settle(net, lane, 1.0)
                for k in range(len(net.w)):
                    found[n, k, lane] = net.w[k, lane]

    guess(net, found)
    return found.astype(float)


def test_weights_are_uniform_in_their_range():
    """Every one of them, in every lane, and pairs of them."""
    found = many_guesses()
    assert found.min() >= -100
    assert found.max() <= 100
    conditions = np.floor((found + 100) / 10).astype(int).clip(0, 19)
    for lane in range(2):
        for k in range(8):
            assert abs(chi_square_deviation(np.bincount(conditions[:, k, lane], minlength=20))) < 4
            pairs = conditions[:, k, lane] * 20 + conditions[:, (k + 1) % 8, lane]
            assert abs(chi_square_deviation(np.bincount(pairs, minlength=400))) < 4
        for weights in found[..., lane].T:
            assert abs(np.corrcoef(weights[1:], weights[:-1])[0, 1]) < 4 / len(weights) ** 0.5
    assert abs(np.corrcoef(found[..., 0].ravel(), found[..., 1].ravel())[0, 1]) < 4 / found[..., 0].size ** 0.5


def test_guesses_are_never_the_same():
    found = many_guesses()
    assert len({row.tobytes() for lane in range(2) for row in found[..., lane]}) == 2 * len(found)


# ------------------------------------------------------------------------------------------------- lanes, one by one


@pytest.mark.parametrize("name", COMPILED)
def test_a_lane_depends_on_no_other(name):
    """Lane 1 gets the same bits, whatever the others are given, whether they guess, or are NaN."""
    case = COMPILED[name]
    own = random_lessons(np.random.default_rng(1), case.interface, 8, 1.0)
    own = [lesson._replace(mean_error=error) for lesson, error in zip(own, [0.0, 0.5] * 4, strict=True)]
    results = []
    for n in (2, 12):
        rng = np.random.default_rng(n)
        net = fresh_net(guessing, *case)
        others = [random_lessons(rng, case.interface, n, 1.0) for _ in range(case.width - 1)]
        if n == 12:
            net.w[:, 0] = nan
        played = give(guessing, case.settings, case.interface, net, [others[0], own, *others[1:]])
        assert np.isfinite(played[0].answers[0]).all() == (n != 12)
        results.append((bits((net.w, net.stream, net.guesses), 1), *played[1].bits()))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", COMPILED)
def test_an_ended_sequence_is_forgotten(name):
    case = COMPILED[name]
    rng = np.random.default_rng(31)
    earlier, (last,) = random_lessons(rng, case.interface, 3, 0.0, (5, 8)), random_lessons(rng, case.interface, 1, 0.0)
    results = []
    for lessons in ([], earlier, [lesson._replace(reset=False) for lesson in earlier]):
        net = fresh_net(guessing, *case)
        silent = [[last]] * (case.width - 1)
        played = give(guessing, case.settings, case.interface, net, [[*lessons, last], *silent])
        results.append(played[0].bits(-1))
    assert results[0] == results[1]
    assert all(a != b for a, b in zip(results[0], results[2], strict=True))  # the control: without a reset


def test_finite_sees_every_weight():
    case = COMPILED["A1"]
    net = fresh_net(guessing, case.settings, case.interface, 2)
    assert sum(map(len, weights_of(case, net, 1))) == len(net.w)
    assert weights_not_seen(guessing, case.settings, case.interface, net, 1) == []


# ------------------------------------------------------------------------------------------------------ whole trials

TASK = {
    "name": "two_sequence", "length": 10, "longest": 13, "informative": 2, "variance": 0.2, "noisy_signal": True,
    "targets": [0.9, 0.2], "target_variance": 0.001, "training_sequences": 5,
}  # fmt: skip
LEARNER = {"name": "guessing", "architecture": "A2", "hidden": 2, "range": 20.0, "tolerance": 0.3}
STAGE = {"name": "all right", "max_wrong": 0}
STOP = {"window": 5, "tolerance": 0.3, "max_sequences": 5000, "test_sequences": 40, "stages": [STAGE]}


def small_condition(**stop):
    return made_condition(TASK, LEARNER, STOP | stop)


def records(condition, trials, width):
    return {event.trial: result(event) for event in crew.run(condition, trials, width) if isinstance(event, Record)}


@lru_cache(maxsize=None)
def found():
    return records(small_condition(), range(8), 4)


def how(**changes):
    same = ("length", "longest", "informative", "variance", "noisy_signal", "targets", "target_variance")
    return {name: TASK[name] for name in same} | changes


def unit_numbers(stream):
    while True:
        yield (stream.draw() // 2**8) / 2**24


def digest(rows):
    return hashlib.sha256(np.concatenate(rows).astype("<f4").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("trial", range(8))
def test_trials_equal_the_twin(trial):
    """From the trial's streams to the sequences that it took, its last guess, and the test on fresh sequences."""
    record, net = found()[trial], twin.Design("A2", 1, LEARNER["hidden"])
    start, training, test = (Stream(words) for words in small_condition().streams(trial))
    numbers = unit_numbers(start)
    rows = [np.array([20 * (2 * next(numbers) - 1) for _ in range(n)]) for n in twin.row_lengths(net)]
    own = Stream([int(next(numbers) * 2**32) for _ in range(4)])
    learnt = [
        ([[x] for x in inputs], target) for inputs, target, _ in twin_tasks.two_sequence_set(training, 5, **how())
    ]
    right = twin.search(net, rows, own, 20.0, learnt, 0.3)
    assert (record["outcome"], record["sequences"]) == ("solved", right.sequences)
    assert record["facts"] == {"guesses": right.guesses}
    assert record["weights_digest"] == digest(right.rows)
    wrong = 0
    for _ in range(40):
        inputs, target, _ = twin_tasks.two_sequence(test, **how(testing=True))
        wrong += not abs(target - twin.answer(net, right.rows, [[x] for x in inputs])) < 0.3
    assert (record["stages"][0]["test_sequences"], record["stages"][0]["test_wrong"]) == (40, wrong)


def test_the_trials_show_all_that_can_happen():
    guesses = [record["facts"]["guesses"] for record in found().values()]
    assert len(set(guesses)) >= 7
    assert max(guesses) > 20
    wrong = [record["stages"][0]["test_wrong"] for record in found().values()]
    assert len(set(wrong)) >= 4  # right in training is not always right in tests


@pytest.mark.parametrize("width", [1, 16])
def test_lanes_and_refills_do_not_matter(width):
    """With 1 lane, and with 4 for 8 trials, lanes are used again, and each trial has a training set of its own."""
    assert records(small_condition(), range(8), width) == found()
    assert records(small_condition(), [5, 2], width) == {trial: found()[trial] for trial in (2, 5)}


def test_moving_to_a_narrower_crew_does_not_matter():
    team = crew.Crew(small_condition(), 4)
    slow = max(found(), key=lambda trial: found()[trial]["sequences"])
    team.enlist(3, slow)
    while team.book.sequences[3] < 7:  # the set has gone round once
        team.advance(5)
    team = team.narrowed(1)
    while not team.ended():
        team.advance(1000)
    assert result(team.dismiss(0)) == found()[slow]


def test_a_trial_without_success_ends_at_its_limit():
    needed = {trial: record["sequences"] for trial, record in found().items()}
    most = sorted(needed.values())[3]
    for trial, record in records(small_condition(max_sequences=most), range(8), 4).items():
        in_time = needed[trial] <= most
        assert record["outcome"] == ("solved" if in_time else "limit")
        assert record["sequences"] == min(needed[trial], most)
        if in_time:
            assert record["facts"] == found()[trial]["facts"]
        else:
            assert 1 < record["facts"]["guesses"] <= min(most + 1, found()[trial]["facts"]["guesses"])


# ------------------------------------------------------------------------------------------------ how many it takes

# Without noise and of one length there are two sequences: all 1, and all -1. A1 with one hidden unit.
CERTAIN = {
    "name": "two_sequence", "length": 10, "longest": 10, "informative": 10, "variance": 0.0, "noisy_signal": False,
    "targets": [1.0, 0.0], "training_sequences": 2,
}  # fmt: skip


def chance_of_a_right_guess(n=400_000):
    """Of all weights, drawn by NumPy, the share that gets both sequences right."""
    rng = np.random.default_rng(5)
    hidden, out = rng.uniform(-100, 100, (2, 4, n))  # weights to the input, the hidden unit, the output, and the bias
    right = np.ones(n, bool)
    with np.errstate(over="ignore"):
        for x, target in ((1.0, 1.0), (-1.0, 0.0)):
            y_i, y_k = np.zeros(n), np.zeros(n)
            for _ in range(10):
                nets = [w[0] * x + w[1] * y_i + w[2] * y_k + w[3] for w in (hidden, out)]
                y_i, y_k = (1 / (1 + np.exp(-net)) for net in nets)
            right &= np.abs(target - y_k) < TOLERANCE
    return right.mean()


def test_as_many_guesses_are_needed_as_chance_says():
    """The number of guesses is geometric: its mean is 1 / p, its deviation the root of 1 - p over p."""
    learner = {"name": "guessing", "architecture": "A1", "hidden": 1, "tolerance": TOLERANCE}
    stop = {"window": 2, "tolerance": TOLERANCE, "max_sequences": 10_000, "test_sequences": 20, "stages": [STAGE]}
    some = records(made_condition(CERTAIN, learner, stop), range(600), 16)
    p, n = chance_of_a_right_guess(), len(some)
    assert 0.1 < p < 0.4
    assert {record["outcome"] for record in some.values()} == {"solved"}
    guesses = np.array([record["facts"]["guesses"] for record in some.values()])
    assert abs(guesses.mean() - 1 / p) < 4 * ((1 - p) ** 0.5 / p) / n**0.5
    counts = np.bincount(guesses.clip(1, 9), minlength=10)[1:]
    shares = [p * (1 - p) ** k for k in range(8)]
    assert abs(chi_square_deviation(counts, [*shares, 1 - sum(shares)])) < 4
    assert all(record["stages"][0]["test_wrong"] == 0 for record in some.values())  # there are no other sequences


# --------------------------------------------------------------------------------------------------- sizes, settings


@pytest.mark.parametrize(
    ("architecture", "hidden", "n_in", "count"),
    [
        ("A1", 1, 1, 8),  # two units, that see the input, both of themselves, and a bias
        ("A1", 5, 1, 6 * 8),
        ("A1", 3, 2, 4 * 7),
        ("A2", 10, 1, 10 * 4 + 12),
        ("A2", 1, 3, 6 + 5),
    ],
)
def test_number_of_weights(architecture, hidden, n_in, count):
    config, interface = settings(architecture=architecture, hidden=hidden), one_target(n_in)
    assert (
        guessing.n_weights(config, interface) == count == sum(twin.row_lengths(twin.Design(architecture, n_in, hidden)))
    )
    net = guessing.allocate(config, interface, 2)
    rows = guessing.weights(config, net, interface, 1)
    assert [len(row) for row in rows] == twin.row_lengths(twin.Design(architecture, n_in, hidden))
    for row in rows:
        row += 1
    assert net.w[:, 1].tolist() == [1] * count  # views, that do not overlap
    assert not net.w[:, 0].any()


def test_the_first_guess_is_drawn_in_order_and_then_the_stream_of_all_others():
    config, interface = settings(), one_target()
    net = guessing.allocate(config, interface, 2)
    numbers = np.random.default_rng(3).random(20).tolist()
    queue = iter(numbers)
    guessing.initialise(config, net, interface, 1, lambda: next(queue))
    drawn = np.concatenate(guessing.weights(config, net, interface, 1))
    assert np.allclose(drawn, 100 * (2 * np.array(numbers[:8]) - 1), rtol=1e-14)
    assert net.stream[:, 1].tolist() == [int(number * 2**32) for number in numbers[8:12]]
    assert len(list(queue)) == 8
    guessing.initialise(config, net, interface, 1, iter(numbers).__next__)
    assert guessing.facts(net, 1) == {"guesses": 1}  # whatever was in the lane before
    assert not net.w[:, 0].any()
    assert not net.stream[:, 0].any()


def test_tasks_that_do_not_fit_are_refused():
    config, fits = settings(), one_target(3)
    assert guessing.refuses(config, fits) == ""
    for other in ({"input_symbols": True}, {"target_symbols": True}, {"every_step": True}, {"n_out": 2}):
        assert guessing.refuses(config, fits._replace(**other)) != ""


@pytest.mark.parametrize(
    ("learner", "task", "stop", "reasons"),
    [
        ({}, {}, {}, []),
        ({}, {}, {"stages": [STAGE, STAGE]}, []),
        ({"tolerance": 0.1}, {}, {}, ["tolerance"]),
        ({}, {}, {"tolerance": 0.2}, ["tolerance"]),
        ({}, {}, {"window": 4}, ["window is 4"]),
        ({}, {"training_sequences": 6}, {}, ["window is 5"]),
        ({}, {"training_sequences": None}, {}, ["training set"]),
        ({}, {}, {"stages": [STAGE | {"max_wrong": 1}]}, ["all right"]),
        ({}, {}, {"stages": [{"name": "mean", "mean_error": 0.1}]}, ["mean"]),
        ({}, {}, {"stages": [STAGE, STAGE | {"name": "more", "mean_error": 0.1}]}, ["more"]),
        ({}, {}, {"exam_sequences": 9, "stages": [STAGE | {"exam_max_wrong": 0}]}, ["exams"]),
        ({"tolerance": 0.2}, {}, {"window": 1}, ["window is 1", "tolerance"]),
    ],
)
def test_settings_that_do_not_go_together_are_named(learner, task, stop, reasons):
    said = guessing.disagrees(
        guessing.Settings.model_validate(LEARNER | learner),
        two_sequence.Settings.model_validate(TASK | task),
        Stop.model_validate(STOP | stop),
    )
    assert len(said.split("; ")) == max(len(reasons), 1)
    assert bool(said) == bool(reasons)
    for part, reason in zip(said.split("; "), reasons, strict=False):
        assert reason in part


def test_tasks_that_know_no_training_set_have_none():
    class Other(NamedTuple):
        name: str = "adding"

    said = guessing.disagrees(guessing.Settings(**LEARNER), Other(), Stop.model_validate(STOP))
    assert "training set" in said


GOOD = {"name": "guessing", "architecture": "A1", "hidden": 1, "tolerance": 0.1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "guess"),
        ("architecture", "A3"),
        ("hidden", 0),
        ("hidden", 65),
        ("hidden", 1.5),
        ("range", 0.0),
        ("range", 1001.0),
        ("range", nan),
        ("tolerance", 0.0),
        ("tolerance", inf),
        ("precision", "float16"),
        ("learning_rate", 0.1),
    ],
)
def test_bad_settings_are_refused_by_name(field, value):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        guessing.Settings(**GOOD | {field: value})


@pytest.mark.parametrize("field", GOOD)
def test_missing_settings_are_named(field):
    with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
        guessing.Settings(**{name: value for name, value in GOOD.items() if name != field})


def test_the_range_of_the_protocol_is_the_default():
    assert guessing.Settings(**GOOD).range == 100
