"""Recurrent cascade-correlation: as the slow twin has it, as finite differences do, and as numbers worked out by hand.

As in test_lstm.py, a process without the JIT runs all kinds of nets, and the compiled ones are to give the same bits.
"""

from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from lessons import (
    Lesson,
    bits,
    central_difference,
    check_same_bits,
    finite_of,
    fresh_net,
    give,
    outcome,
    random_lessons,
    weights_not_seen,
    without_jit,
)
from pydantic import ValidationError
from twins import cascade as twin
from twins.random import Stream

from repro.kernels.contract import Interface
from repro.learners import cascade

LONGEST = 6


class Case(NamedTuple):
    settings: cascade.Settings
    interface: Interface
    width: int = 4
    epochs: int = 40  # of the course


def settings(**others):
    """Phases are short, so that a few dozen epochs show several of both kinds."""
    usual = {
        "name": "cascade", "epoch": 3, "max_units": 2, "candidates": 3,
        "output_epochs": 7, "output_patience": 3, "output_change": 0.03,
        "candidate_epochs": 8, "candidate_patience": 2, "candidate_change": 0.08, "candidate_epsilon": 20.0,
    }  # fmt: skip
    return cascade.Settings(**usual | others)


def every_step(n_in, n_out):
    return Interface(n_in, n_out, LONGEST, every_step=True)


def at_end(n_in, n_out):
    return Interface(n_in, n_out, LONGEST)


# Compiled, and in plain Python.
COMPILED = {
    "every step": Case(settings(), every_step(2, 2)),
    "at end, logistic, single": Case(
        settings(hidden="logistic", biased=False, epoch=4, precision="float32"), at_end(3, 1), width=16
    ),
}

# In plain Python alone.
NETS = COMPILED | {
    "at end, 1 lane": Case(settings(epoch=5), at_end(2, 1), width=1),
    "every step, logistic, no bias": Case(settings(hidden="logistic", biased=False), every_step(3, 2)),
    "decay": Case(settings(output_decay=0.01, candidate_decay=0.02, output_mu=1.5), every_step(2, 1)),
    "no offset": Case(settings(prime_offset=0.0, init=0.5, candidate_mu=1.2), every_step(1, 2)),
    "no units": Case(settings(max_units=0), every_step(2, 2), width=1, epochs=12),
    "one candidate": Case(settings(candidates=1, epoch=1), every_step(2, 1)),
}
DOUBLE = [name for name, case in NETS.items() if case.settings.precision == "float64"]

# What learning has changed by the end of an epoch; all else is scratch, or sums that are taken anew.
STATE = ("w", "w_live", "step", "before", "mean_e", "correlation", "choosing", "epochs", "mark", "still", "units",
         "output_epochs", "candidate_epochs", "stream")  # fmt: skip
SUMS = ("slope", "sum_v", "sum_ve", "sum_e", "sum_ee", "error", "patterns", "sequences")


def state(net, lane, names=STATE):
    return bits((getattr(net, name) for name in names), lane)


def rows_of(case, net, lane):
    """Weights as the twin has them, a row for each unit."""
    parts = [np.array(part, float) for part in cascade.weights(case.settings, net, case.interface, lane)]
    n = len(parts) - 2 * case.interface.n_out
    return parts[:n] + [np.concatenate(parts[k : k + 2]) for k in range(n, len(parts), 2)]


def design(case):
    """The same net, as the twin calls it."""
    config, interface = case.settings, case.interface
    outputs, pool = (
        twin.Phase(*(getattr(config, f"{kind}_{name}") for name in twin.Phase._fields))
        for kind in ("output", "candidate")
    )
    return twin.Design(
        interface.n_in, interface.n_out, config.epoch, outputs, pool, config.biased,
        {"symmetric": -0.5, "logistic": 0.0}[config.hidden], config.max_units, config.candidates, config.init,
        config.prime_offset,
    )  # fmt: skip


def uniform_of(words):
    stream = Stream(words)
    return lambda: (stream.draw() >> 8) / 2**24


def lessons_of(case, rng, n, rate=1.0, shortest=1):
    lessons = random_lessons(rng, case.interface, n, rate, (shortest, LONGEST + 1))
    return [lesson._replace(targets=np.round(lesson.targets)) for lesson in lessons]


def course(case, exams=True):
    """Training sequences of each lane, again and again, and test sequences in between."""
    lanes = []
    for lane in range(case.width):
        rng = np.random.default_rng([51, lane])
        training, tests = lessons_of(case, rng, case.settings.epoch), lessons_of(case, rng, 2, 0.0)
        lessons = []
        for epoch in range(case.epochs - 3 * lane if lane < 4 else 2):
            if lane % 4 == 3:  # fresh sequences
                training = lessons_of(case, rng, case.settings.epoch)
            for k, lesson in enumerate(training):
                lessons.append(lesson._replace(rate=0.0 if lane % 4 == 2 else 1.0))
                if exams and (epoch + 2 * k) % 5 == 0:
                    lessons += tests[: 1 + k % 2]
        lanes.append(lessons)
    return lanes


def taught(case, **others):
    """What comes of the course: weights, facts, answers and errors of each lane."""
    net = fresh_net(cascade, case.settings, case.interface, case.width)
    found = outcome(cascade, case.settings, case.interface, net, course(case, **others))
    for lane in range(case.width):
        found[f"facts {lane}"] = np.array(list(cascade.facts(net, lane).values()))
        found[f"state {lane}"] = np.frombuffer(b"".join(state(net, lane)), np.uint8)
        for k, row in enumerate(rows_of(case, net, lane)):
            found[f"row {lane} {k}"] = row
    return found


def slopes(case):
    """The slopes of the outputs after an epoch, and those of a pool after two; lane 0, in the same training sequences.

    With what they are the slopes of: the sequences, the pool, and the rows of the net.
    """
    net = fresh_net(cascade, *case[:3], seed=4)
    rng = np.random.default_rng(6)
    lessons = lessons_of(case, rng, case.settings.epoch)
    idle = [[Lesson(np.zeros((1, case.interface.n_in)), np.zeros((1, case.interface.n_out)))]] * (case.width - 1)

    def epochs(n):
        give(cascade, case.settings, case.interface, net, [lessons * n, *idle])

    found, n_out = {"lessons": lessons, "start": rows_of(case, net, 0)}, case.interface.n_out
    epochs(1)
    found["outputs"] = net.before[:n_out, :, 0].copy()
    while net.units[0] == 0 or net.choosing[0] == 0:  # a pool that sees a hidden unit
        epochs(1)
    found["rows"], found["pool"] = rows_of(case, net, 0), net.w_live[n_out:, :, 0].copy()
    epochs(1)
    assert np.array_equal(net.w_live[n_out:, :, 0], found["pool"])
    epochs(1)
    assert not np.array_equal(net.w_live[n_out:, :, 0], found["pool"])
    found["candidates"] = net.before[n_out:, :, 0].copy()
    return found


SLOPES = {
    "every step": Case(settings(prime_offset=0.0, epoch=4, candidate_epochs=9), every_step(2, 2), width=1),
    "at end, logistic": Case(settings(prime_offset=0.0, epoch=8, hidden="logistic"), at_end(2, 1), width=1),
    "no bias": Case(settings(prime_offset=0.0, biased=False), every_step(2, 3), width=2),
}

STEPS = Case(settings(epoch=1, output_epsilon=0.7, output_mu=1.75), every_step(60, 1), width=1)


def single_steps():
    """The steps of 60 weights with all kinds of histories, in one epoch of one time step."""
    net = fresh_net(cascade, *STEPS[:3])
    rng = np.random.default_rng(8)
    net.step[0, :60, 0] = rng.choice([-0.1, -0.02, 0.0, 0.03, 0.2], 60)
    net.before[0, :60, 0] = rng.uniform(-1, 1, 60)
    found = {"step": net.step[0, :60, 0].copy(), "before": net.before[0, :60, 0].copy()}
    x = rng.uniform(-4, 4, (1, 60))
    x[0, :5] = 0
    played = give(cascade, STEPS.settings, STEPS.interface, net, [[Lesson(x, np.ones((1, 1)), 1.0)]])[0]
    return found | {"new": net.step[0, :60, 0].copy(), "x": x[0], "y": played.answers[0, 0]}


PHASES = Case(
    settings(epoch=1, output_patience=3, output_change=0.1, output_epochs=6, candidates=4), every_step(1, 2), width=2
)
ERRORS = [  # an error of each epoch of outputs, the epoch in which the phase ends, 0 if it does not
    ([1.0], 0),
    ([1.0, 1.0, 1.0], 0),
    ([1.0, 1.0, 1.0, 1.0], 4),
    ([1.0, 0.95, 0.92, 0.91], 4),  # by a tenth altogether
    ([1.0, 0.95, 0.89, 0.85, 0.82], 0),  # a change in the third epoch
    ([1.0, 0.95, 0.89, 0.85, 0.82, 0.81], 6),
    ([1.0, 0.9, 0.9, 0.9], 4),  # by more than a tenth, not by a tenth
    ([1.0, 1.11, 1.1, 1.1], 0),  # an increase is a change
    ([1.0, 1.11, 1.1, 1.1, 1.1], 5),
    ([1.0, 0.8, 0.6, 0.4, 0.3], 0),
    ([1.0, 0.8, 0.6, 0.4, 0.3, 0.2], 6),  # the longest
    ([0.0, 0.0, 0.0, 0.0], 4),
    ([np.nan, np.nan, np.nan, np.nan], 4),
]
SCORES = [  # the scores of four candidates in each epoch, who is chosen in the end, if anyone is
    ([[1, 2, 0, 0]], None),
    ([[1, 2, 0, 0]] * 2, None),
    ([[1, 2, 0, 0]] * 3, 1),
    ([[1, 2, 0, 0], [2.1, 1, 0, 0], [0, 0, 2.1, 0.5]], 2),  # the best of the last epoch
    ([[1, 2, 0, 0], [1, 2.2, 0, 0], [1, 2.2, 0, 0]], None),
    ([[1, 2, 0, 0], [1, 2.2, 0, 0], [1, 2.2, 0, 0], [1, 2.2, 0, 3]], None),
    ([[1, 2, 0, 0], [1, 2.2, 0, 0], [1, 2.2, 0, 0], [1, 2.2, 0, 2.3]], 3),
    ([[k, 2 * k, 0, 0] for k in range(1, 8)], None),
    ([[k, 2 * k, 0, 0] for k in range(1, 9)], 1),  # the longest
    ([[np.nan, 1, np.nan, 0]] * 3, 1),
    ([[np.nan] * 4] * 3, 0),
    ([[0, 0, 0, 0]] * 3, 0),
]


def phases():
    """The ends of phases for given errors and scores; not compiled, as only plain functions can be called alone."""
    settle = cascade.build(*PHASES[:3]).settle
    ends = []
    for errors, _ in ERRORS:
        net = fresh_net(cascade, *PHASES[:3])
        choosing = []
        for error in errors:
            net.error[1], net.patterns[1] = error, 1
            settle(net, 1, 0.0)
            choosing.append(int(net.choosing[1]))
        ends.append((choosing, int(net.epochs[1]), cascade.facts(net, 1), cascade.facts(net, 0)))
    chosen = []
    for epochs, _ in SCORES:
        net = fresh_net(cascade, *PHASES[:3])
        net.choosing[1] = 1
        for scores in epochs:
            assert net.choosing[1] == 1
            net.w_live[2:, :, 1] = np.arange(4)[:, None] + 1
            net.patterns[1], net.sum_ee[1] = 10, 2
            net.sum_v[:, 1], net.sum_e[:, 1] = 5, (1, -1)
            for c, score in enumerate(scores):  # three quarters of it by C_0 < 0
                net.sum_ve[c, :, 1] = -1.5 * score + 0.5, 0.5 * score - 0.5
            settle(net, 1, 0.0)
        rows = [row.tolist() for row in rows_of(PHASES, net, 1)]
        chosen.append((int(net.choosing[1]), rows, cascade.facts(net, 1)))
    return {"ends": ends, "chosen": chosen}


def parity(max_units):
    """Mean errors of the answers in the last epoch, of 8 nets that are to tell whether two bits in a row differ."""
    case = Case(settings(epoch=4, max_units=max_units, candidates=8, output_epochs=40, candidate_epochs=40,
                         output_patience=8, candidate_patience=8), at_end(1, 1), 8)  # fmt: skip
    bit = ((0, 0), (0, 1), (1, 0), (1, 1))
    lessons = [Lesson(np.array([[a], [b]], float), np.array([[float(a != b)]]), 1.0) for a, b in bit]
    net = fresh_net(cascade, *case[:3])
    played = give(cascade, case.settings, case.interface, net, [lessons * 150] * 8)
    return np.array([lane.errors[-4:, 0].max() for lane in played])


def among_others():
    """The course of one lane, beside others that get nothing."""
    case = NETS["at end, 1 lane"]
    net = fresh_net(cascade, case.settings, case.interface, 4)
    nothing = [Lesson(np.zeros((1, 2)), np.zeros((1, 1)))]
    found = outcome(cascade, case.settings, case.interface, net, [course(case)[0], *[nothing] * 3])
    return {name: found[name] for name in ("weights 0", "answers 0", "errors 0")}


def all_results():
    """All that the tests ask of nets in plain Python."""
    return {
        "courses": {name: taught(case) for name, case in NETS.items()},
        "slopes": {name: slopes(case) for name, case in SLOPES.items()},
        "steps": single_steps(),
        "phases": phases(),
        "parity": {n: parity(n) for n in (0, 4)},
        "among others": among_others(),
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What all nets do in plain Python: by what is asked of them."""
    return without_jit("test_cascade", tmp_path_factory.mktemp("plain"))


@lru_cache(maxsize=None)
def jitted(name):
    return taught(COMPILED[name])


@lru_cache(maxsize=None)
def expected(name):
    """The twins of all lanes after the course, and their answers."""
    case, lanes = NETS[name], []
    start = fresh_net(cascade, case.settings, case.interface, case.width)
    for lane, lessons in enumerate(course(case)):
        net = twin.Net(design(case), rows_of(case, start, lane), uniform_of(start.stream[:, lane]))
        answers = []
        for lesson in lessons:
            answers += net.answers(lesson.x)[-len(lesson.targets) :]
            if lesson.rate > 0:
                net.train(lesson.x, lesson.targets)
        lanes.append((net, np.array(answers)))
    return lanes


# ------------------------------------------------------------------------------------------------- against the twin


@pytest.mark.parametrize("name", DOUBLE)
def test_a_course_equals_the_twin(plain, name):
    found = jitted(name) if name in COMPILED else plain["courses"][name]
    for lane, (net, answers) in enumerate(expected(name)):
        assert found[f"facts {lane}"].tolist() == [len(net.hidden), net.epochs["outputs"], net.epochs["candidates"]]
        assert np.abs(found[f"answers {lane}"] - answers).max() < 1e-9
        for k, row in enumerate(net.rows()):
            assert np.abs(found[f"row {lane} {k}"] - row).max() < 1e-9 * max(1, np.abs(row).max())


def test_the_courses_show_all_that_can_happen():
    lanes = [lane for name in NETS for lane, _ in expected(name)]
    assert len(set().union(*(lane.kinds for lane in lanes))) == 7
    for end in ("stagnates", "longest"):
        assert any(end in lane.log[0::3] for lane in lanes)
        assert any(end in lane.log[1::3] for lane in lanes)
    assert {f"candidate {c}" for c in range(3)} <= set().union(*(lane.log for lane in lanes))
    for name in DOUBLE:
        for lane, (net, answers) in enumerate(expected(name)):
            if lane % 4 == 2:
                assert net.epochs == {"outputs": 0, "candidates": 0}
            elif name != "no units":
                assert len(net.hidden) == 2, f"{name}, {lane}"
                assert net.epochs["outputs"] > 2 * NETS[name].settings.output_patience
                assert np.ptp(answers, axis=0).min() > 0.1
                assert max(np.abs(row).max() for row in net.rows()) < 1000


@pytest.mark.parametrize("name", COMPILED)
def test_jitted_and_plain_python_agree_bit_for_bit(plain, name):
    check_same_bits(jitted(name), plain["courses"][name])


def test_single_precision_agrees_with_double_while_it_can(plain):
    """Quickprop divides by differences of slopes: what they differ by grows from epoch to epoch."""
    name = "at end, logistic, single"
    found = plain["courses"][name]
    for lane, (_, answers) in enumerate(expected(name)):
        apart = np.abs(found[f"answers {lane}"] - answers)
        assert found[f"weights {lane}"].dtype == np.float32
        assert apart[:40].max() < 1e-4
        assert apart.max() > 1e-9


# ------------------------------------------------------------------------------------------------ slopes and steps


def at_targets(case, rows, lessons):
    """Answers of a net less targets, at the time steps that have one."""
    net = twin.Net(design(case), rows[len(rows) - case.interface.n_out :], None)
    net.hidden = rows[: len(rows) - case.interface.n_out]
    answers = [net.answers(lesson.x)[-len(lesson.targets) :] for lesson in lessons]
    return np.concatenate([np.array(y) - lesson.targets for y, lesson in zip(answers, lessons, strict=True)])


@pytest.mark.parametrize("name", SLOPES)
def test_output_slopes_are_those_of_half_the_squared_error(plain, name):
    case, found = SLOPES[name], plain["slopes"][name]
    fixed = case.interface.n_in + case.settings.biased

    def loss(rows):
        return (at_targets(case, rows, found["lessons"]) ** 2).sum() / 2

    for k in range(case.interface.n_out):
        for m in range(fixed):
            slope = central_difference(loss, found["start"], k, m)
            assert abs(found["outputs"][k, m] - slope) < 1e-8
            assert abs(slope) > 1e-4
        assert not found["outputs"][k, fixed:].any()


@pytest.mark.parametrize("name", SLOPES)
def test_candidate_slopes_are_those_of_the_summed_correlations(plain, name):
    """The recurrent weight's included, over all sequences of an epoch; without any signs from an epoch before."""
    case, found = SLOPES[name], plain["slopes"][name]
    lessons, rows = found["lessons"], found["rows"]
    n, fixed = case.interface.n_in + case.settings.biased + 2, case.interface.n_in + case.settings.biased
    apart = at_targets(case, rows, lessons)
    y = apart + np.concatenate([lesson.targets for lesson in lessons])
    errors = apart * y * (1 - y)

    def score(candidates):
        v = []
        for lesson in lessons:
            before, outputs = 0.0, []
            for x in twin.seen_by_outputs(design(case), rows[:1], lesson.x):
                w = candidates[0]
                net = w[:fixed] @ x[:fixed] + w[fixed] * before + w[fixed + 1] * x[fixed]
                before = 1 / (1 + np.exp(-net)) - (0.5 if case.settings.hidden == "symmetric" else 0.0)
                outputs.append(before)
            v += outputs[-len(lesson.targets) :]
        covariances = ((np.array(v) - np.mean(v))[:, None] * (errors - errors.mean(0))).sum(0)
        return np.abs(covariances).sum() / (errors**2).sum()

    assert len(rows) == 1 + case.interface.n_out
    for c, candidate in enumerate(found["pool"]):
        for m in range(n):
            slope = central_difference(score, [candidate[:n]], 0, m)
            assert abs(found["candidates"][c, m] + slope) < 1e-8, f"candidate {c}, weight {m}"
            assert abs(slope) > 1e-5
        assert not candidate[n:].any()
        assert not found["candidates"][c, n:].any()


@pytest.mark.parametrize(
    ("d", "s", "s_before", "step"),  # epsilon 0.5, mu 2: longest steps for S from 2/3 S'
    [
        (0.0, 3.0, 9.0, -1.5),
        (0.0, -3.0, 9.0, 1.5),
        (0.0, 0.0, 9.0, 0.0),
        (-0.1, 1.0, 3.0, -0.05 - 0.5),  # halfway to the minimum of the parabola, and on down
        (-0.1, 2.0, 3.0, -0.2 - 1.0),  # it is too far
        (-0.1, 2.5, 3.0, -0.2 - 1.25),
        (-0.1, 4.0, 3.0, -0.2 - 2.0),  # it opens downwards
        (-0.1, -1.0, 3.0, 0.025),  # back to the minimum
        (-0.1, -1.0, -3.0, -0.2),
        (-0.1, 0.0, 3.0, 0.0),
        (0.1, -1.0, -3.0, 0.05 + 0.5),
        (0.1, -2.0, -3.0, 0.2 + 1.0),
        (0.1, -4.0, -3.0, 0.2 + 2.0),
        (0.1, 1.0, -3.0, -0.025),
        (0.1, 1.0, 3.0, 0.2),
    ],
)
def test_the_twin_steps_as_worked_out_by_hand(d, s, s_before, step):
    assert abs(twin.quickprop(d, s, s_before, 0.5, 2.0)[0] - step) < 1e-15


def test_every_kind_of_step(plain):
    found = plain["steps"]
    y = found["y"]
    kinds = {}
    for d, s_before, x, new in zip(found["step"], found["before"], found["x"], found["new"], strict=True):
        slope = (y - 1) * (y * (1 - y) + 0.1) * x
        step, kind = twin.quickprop(d, slope, s_before, 0.7, 1.75)
        assert abs(new - step) < 1e-15 * (1 + abs(1 / (s_before - slope)))
        kinds.setdefault(kind, []).append(new)
    assert len(kinds) == 7
    assert all(np.abs(steps).max() > 1e-3 for steps in kinds.values())


# ---------------------------------------------------------------------------------------------------------- phases


@pytest.mark.parametrize("n", range(len(ERRORS)))
def test_outputs_are_trained_until_the_error_stagnates(plain, n):
    errors, end = ERRORS[n]
    choosing, epochs, facts, others = plain["phases"]["ends"][n]
    assert choosing == [int(k + 1 == end) for k in range(len(errors))]
    assert epochs == (0 if end else len(errors))
    assert facts == {"units": 0, "output_epochs": len(errors), "candidate_epochs": 0}
    assert set(others.values()) == {0}


@pytest.mark.parametrize("n", range(len(SCORES)))
def test_the_best_candidate_is_installed_when_the_score_stagnates(plain, n):
    epochs, best = SCORES[n]
    choosing, rows, facts = plain["phases"]["chosen"][n]
    assert choosing == (best is None)
    assert facts == {"units": int(best is not None), "output_epochs": 0, "candidate_epochs": len(epochs)}
    if best is not None:
        score = epochs[-1][best]
        assert rows[0] == [best + 1.0] * 3
        assert np.allclose([rows[1][-1], rows[2][-1]], [0.75 * score, -0.25 * score], rtol=1e-12, equal_nan=True)
    assert [len(row) for row in rows[-2:]] == [2 + (best is not None)] * 2


def test_the_twin_ends_phases_as_worked_out_by_hand():
    for errors, end in ERRORS:
        net = twin.Net(design(PHASES), [], None)
        ended = [net.has_ended(net.design.outputs, error) for error in errors]
        assert ended == [k + 1 == end for k in range(len(errors))]


def test_it_takes_hidden_units_to_learn_a_parity(plain):
    assert plain["parity"][0].min() > 0.4
    assert (plain["parity"][4] < 0.05).sum() >= 6


# ------------------------------------------------------------------------------------------------- lanes, one by one


def test_exams_change_nothing():
    case = COMPILED["every step"]
    without = taught(case, exams=False)
    for lane in range(case.width):
        assert jitted("every step")[f"state {lane}"].tobytes() == without[f"state {lane}"].tobytes()


def in_phase(case, choosing):
    """Nets in the midst of a phase of outputs or of candidates, in the midst of an epoch, all with a hidden unit.

    All lanes are at the start of a sequence: theirs were of the same length.
    """
    rng = np.random.default_rng(61)
    net = fresh_net(cascade, *case[:3], seed=3)
    lanes = [lessons_of(case, rng, case.settings.epoch, shortest=LONGEST) for _ in range(case.width)]
    for _ in range(100):
        give(cascade, case.settings, case.interface, net, lanes)
        done = (net.units > 0) & (net.choosing == choosing) & (net.epochs > 1)
        lanes = [
            [lesson._replace(rate=float(not done[lane])) for lesson in lessons] for lane, lessons in enumerate(lanes)
        ]
        if done.all():
            break
    assert done.all()
    give(cascade, case.settings, case.interface, net, [[lessons[0]._replace(rate=1.0)] for lessons in lanes])
    return net


@pytest.mark.parametrize("choosing", [0, 1])
def test_a_lane_that_does_not_learn_keeps_its_bits(choosing):
    case = COMPILED["every step"]
    net = in_phase(case, choosing)
    rng = np.random.default_rng(12)
    names = STATE + (SUMS if choosing else tuple(set(SUMS) - {"slope", "sum_v", "sum_ve"}))
    before = [state(net, lane, names) for lane in range(case.width)]
    slopes_before = net.slope[:2, :, 2].tobytes()
    give(cascade, case.settings, case.interface, net, [lessons_of(case, rng, 4, float(lane != 2)) for lane in range(4)])
    for lane in range(case.width):
        assert (state(net, lane, names) == before[lane]) == (lane == 2)
    assert net.slope[:2, :, 2].tobytes() == slopes_before


@pytest.mark.parametrize("choosing", [0, 1])
def test_a_lane_depends_on_no_other(choosing):
    """Lane 1 gets the same bits, whatever the others are given, however they have grown, NaN or not."""
    case = COMPILED["every step"]
    own = lessons_of(case, np.random.default_rng(1), 3) * 30
    results = []
    for n in (1, 40):
        rng = np.random.default_rng(n)
        net = in_phase(case, choosing)
        if n == 1:
            for array in net:
                if array.dtype == np.float64:
                    array[..., 0] = np.nan
            for lane in (2, 3):
                for array, fresh in zip(net, fresh_net(cascade, *case[:3]), strict=True):
                    array[..., lane] = fresh[..., lane]
        others = [lessons_of(case, rng, n) for _ in range(3)]
        played = give(cascade, case.settings, case.interface, net, [others[0], own, *others[1:]])[1]
        assert np.isfinite(played.answers).all()
        results.append((state(net, 1), *played.bits()))
    assert results[0] == results[1]


def test_an_ended_sequence_is_forgotten():
    """An answer is the same after other sequences as in a net that has seen nothing since."""
    case = COMPILED["every step"]
    net = in_phase(case, 1)
    rng = np.random.default_rng(31)
    long = lessons_of(case, rng, 12, 0.0, shortest=LONGEST)
    lanes = [[lesson] for lesson in long[:4]]
    first = give(cascade, case.settings, case.interface, net, lanes)
    endless = [lesson._replace(reset=False) for lesson in long[4:8]]
    others = [[lesson, last] for lesson, last in zip(endless, long[8:], strict=True)]
    give(cascade, case.settings, case.interface, net, others)
    second = give(cascade, case.settings, case.interface, net, lanes)
    assert [played.bits() for played in first] == [played.bits() for played in second]


def test_a_net_is_the_same_alone_and_among_others(plain):
    among, alone = plain["among others"], plain["courses"]["at end, 1 lane"]
    check_same_bits(among, {name: alone[name] for name in among})


# -------------------------------------------------------------------------------------------------- NaN and infinity


def test_finite_sees_every_weight_of_the_net_and_no_candidate():
    case = COMPILED["every step"]
    net = in_phase(case, 1)
    rows = cascade.weights(case.settings, net, case.interface, 1)
    assert [len(row) for row in rows] == [4, 3, 1, 3, 1]
    net.w_live[2:, :, 1] = np.nan
    assert weights_not_seen(cascade, case.settings, case.interface, net, 1) == []


@pytest.mark.parametrize("field", ["w", "w_live"])
def test_a_lost_net_goes_on_and_is_seen(field):
    """Its phases end at the latest after their longest time, and what it installs is not finite either."""
    case = COMPILED["every step"]
    is_finite, net = finite_of(cascade, *case[:3]), in_phase(case, 0)
    getattr(net, field)[0, 0, 1] = np.nan
    lanes = [lessons_of(case, np.random.default_rng(lane), 3) * 40 for lane in range(4)]
    give(cascade, case.settings, case.interface, net, lanes)
    assert [is_finite(net, lane) for lane in range(4)] == [True, False, True, True]
    assert net.units.tolist() == [2] * 4


# --------------------------------------------------------------------------------------------------- sizes, settings


@pytest.mark.parametrize(
    ("units", "biased", "count"),  # of the net for the embedded Reber grammar, 7 inputs and 7 outputs
    [
        (0, True, 56),
        (1, True, 8 + 1 + 7 * 9),
        (7, True, 7 * 8 + 21 + 7 + 7 * 15),
        (9, True, 9 * 8 + 36 + 9 + 7 * 17),
        (7, False, 119 + 7 + 49),  # the paper counts neither recurrent weights nor those from inputs to outputs
        (9, False, 9 * 7 + 36 + 9 + 7 * 16),
    ],
)
def test_number_of_weights(units, biased, count):
    config = settings(max_units=units, biased=biased)
    assert cascade.n_weights(config, every_step(7, 7)) == count
    net = cascade.allocate(config, every_step(7, 7), 2)
    net.units[1] = units
    rows = cascade.weights(config, net, every_step(7, 7), 1)
    assert sum(len(row) for row in rows) == count
    for row in rows:
        row += 1
    assert net.w.sum() + net.w_live.sum() == count  # views, that do not overlap
    assert max(net.w.max(initial=1), net.w_live.max()) == 1


def test_weights_are_drawn_in_order_and_then_the_stream():
    config = settings(init=0.5)
    net = cascade.allocate(config, every_step(3, 2), 2)
    numbers = np.random.default_rng(3).random(20).tolist()
    queue = iter(numbers)
    cascade.initialise(config, net, every_step(3, 2), 1, lambda: next(queue))
    drawn = np.concatenate(cascade.weights(config, net, every_step(3, 2), 1))
    assert np.allclose(drawn, 0.5 * (2 * np.array(numbers[:8]) - 1), rtol=1e-15)
    assert net.stream[:, 1].tolist() == [int(number * 2**32) for number in numbers[8:12]]
    assert len(list(queue)) == 8
    for array in (net.w_live, net.stream):
        assert not array[..., 0].any()


def test_tasks_that_do_not_fit_are_refused():
    for fits in (every_step(3, 2), at_end(3, 2)):
        assert cascade.refuses(settings(), fits) == ""
        assert cascade.refuses(settings(), fits._replace(input_symbols=True)) != ""
        assert cascade.refuses(settings(), fits._replace(target_symbols=True)) != ""


def test_epochs_must_be_those_of_the_task():
    def disagrees(**task):
        return cascade.disagrees(settings(epoch=256), SimpleNamespace(**task), None)

    assert disagrees(training_strings=256, order="cycle") == ""
    assert disagrees(length=100) == ""
    assert "the training set has 255" in disagrees(training_strings=255, order="cycle")
    assert "the training set has 255" in disagrees(training_sequences=255)
    assert disagrees(training_sequences=256) == disagrees(training_sequences=None) == ""
    assert "task.order = 'cycle'" in disagrees(training_strings=256, order="random")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "lstm"),
        ("epoch", 0),
        ("epoch", 2.5),
        ("biased", 1),
        ("hidden", "tanh"),
        ("max_units", -1),
        ("candidates", 0),
        ("init", 0.0),
        ("prime_offset", -0.1),
        *((f"{kind}_{name}", value) for kind in ("output", "candidate") for name, value in (
            ("epsilon", 0.0), ("mu", 0.0), ("mu", float("inf")), ("decay", -1.0), ("epochs", 0), ("patience", 0),
            ("change", -0.1), ("change", float("nan")),
        )),
        ("precision", "float16"),
        ("learning_rate", 1.0),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_by_name(field, value):
    with pytest.raises(ValidationError, match=rf"(?m)(^|\s){field}\b"):
        cascade.Settings(**{"name": "cascade"} | {field: value})


def test_the_descendant_of_the_first_program_is_the_default():
    config = cascade.Settings(name="cascade")
    assert (config.epoch, config.candidates, config.init, config.prime_offset) == (256, 8, 1, 0.1)
    phases = [[getattr(config, f"{kind}_{name}") for name in twin.Phase._fields] for kind in ("output", "candidate")]
    assert phases == [[1, 2, 0, 200, 12, 0.01], [100, 2, 0, 200, 12, 0.03]]
    assert (config.biased, config.hidden, config.max_units, config.precision) == (True, "symmetric", 50, "float64")
