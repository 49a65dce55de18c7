"""The training loop's stop rule against its twin: a net that is as wrong as a script says, and thousands of scripts."""

import math
from collections import Counter
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from twins import stop_rule

from repro.experiments.stop import Stop
from repro.kernels import driver
from repro.kernels.contract import Interface, Learner, Task
from repro.kernels.jit import kernel
from repro.kernels.lanes import loader
from repro.kernels.stop_rule import IDLE, LOOKING
from repro.running import crew

WIDTH = 8
N_OUT = 2
LONGEST = 8
PLACES = 64  # sequences of a stream; then they come again
LOGGED = 4000  # sequences of a trial, in training and test
STREAMS = ("training", "test")  # a stream of the script says in its first word which it is
RATE = 0.5  # sums of products with it are exact

# ------------------------------------------------------------------------- a task and a net that follow a script


class State(NamedTuple):
    """The scripts, and what the training loop did with them; the lanes are the last axis."""

    errors: Any  # (2, PLACES, LONGEST, N_OUT)
    judgements: Any  # (2, PLACES, LONGEST)
    lengths: Any  # (2, PLACES)
    now: Any  # (3,) stream, place, time steps done
    judgement: Any  # ()
    log: Any  # (LOGGED, 4): stream, place, number, time steps that were presented from the stream before
    n_logged: Any  # ()


class Net(NamedTuple):
    source: Any  # (N_OUT + 1,) the errors to be made, and the stream
    y_k: Any  # (N_OUT,)
    target: Any  # (N_OUT,)
    rate: Any
    absolute: Any
    square: Any
    worst: Any
    spoilt_after: Any  # training sequences after which weights are not finite
    steps: Any  # since the last reset
    resets: Any
    updates: Any  # (2,) by stream
    learnt: Any  # sum of rate times mean |error| of what was learnt
    settled: Any  # training sequences that ended
    settlements: Any  # (LOGGED, 2) their time steps, and mean error


def new_arrays(precision: str) -> tuple[State, Net]:
    def zeros(dtype: Any, *shape: int) -> np.ndarray:
        return np.zeros((*shape, WIDTH), dtype)

    whole = np.int64
    state = State(
        zeros(precision, 2, PLACES, LONGEST, N_OUT), zeros(precision, 2, PLACES, LONGEST), zeros(whole, 2, PLACES),
        zeros(whole, 3), zeros(precision), zeros(whole, LOGGED, 4), zeros(whole),
    )  # fmt: skip
    net = Net(
        source=zeros(precision, N_OUT + 1), y_k=zeros(precision, N_OUT), target=zeros(precision, N_OUT),
        rate=zeros(precision), absolute=zeros(precision), square=zeros(precision), worst=zeros(precision),
        spoilt_after=zeros(np.float64), steps=zeros(whole), resets=zeros(whole), updates=zeros(whole, 2),
        learnt=zeros(np.float64), settled=zeros(whole), settlements=zeros(np.float64, LOGGED, 2),
    )  # fmt: skip
    return state, net


@cache
def scripted_task(has_judge: bool) -> Task:
    """A stream's words are: which one it is; its place; the time steps presented from it."""
    load = loader(WIDTH)

    @kernel
    def begin(state, stream, lane, number):
        which, place, n = np.int64(stream[0, lane]), np.int64(stream[1, lane]), state.n_logged[lane]
        if n < LOGGED:
            state.log[n, 0, lane] = which
            state.log[n, 1, lane] = place
            state.log[n, 2, lane] = number
            state.log[n, 3, lane] = stream[2, lane]
        state.n_logged[lane] = n + 1
        stream[1, lane] = place + 1
        state.now[0, lane] = which
        state.now[1, lane] = place % PLACES
        state.now[2, lane] = 0
        return state.lengths[which, place % PLACES, lane]

    @kernel
    def present(state, stream, net):
        for lane in range(len(net.rate)):
            which, place, t = state.now[0, lane], state.now[1, lane], min(state.now[2, lane], LONGEST - 1)
            for k in range(N_OUT):
                net.source[k, lane] = state.errors[which, place, t, k, lane]
            net.source[N_OUT, lane] = which
            state.judgement[lane] = state.judgements[which, place, t, lane]
            state.now[2, lane] += 1
            stream[2, lane] += 1

    @kernel
    def target(state, net):
        for lane in range(len(net.rate)):
            for k in range(N_OUT):
                net.target[k, lane] = 0

    @kernel
    def judge(state, net):
        return load(state.judgement)

    return Task(begin, present, target, judge if has_judge else None)


@cache
def scripted_learner() -> Learner:
    @kernel
    def step(net):
        for lane in range(len(net.rate)):
            net.steps[lane] += 1

    @kernel
    def respond(net):
        for lane in range(len(net.rate)):
            for k in range(N_OUT):
                net.y_k[k, lane] = net.source[k, lane]

    @kernel
    def assess(net):
        """As little help as can be: the largest |error| knows no NaN."""
        for lane in range(len(net.rate)):
            absolute, square, worst = 0.0, 0.0, 0.0
            for k in range(N_OUT):
                error = net.target[k, lane] - net.y_k[k, lane]
                absolute += abs(error) / N_OUT
                square += error * error / N_OUT
                if abs(error) > worst:
                    worst = abs(error)
            net.absolute[lane] = absolute
            net.square[lane] = square
            net.worst[lane] = worst

    @kernel
    def learn(net):
        for lane in range(len(net.rate)):
            if net.rate[lane] != 0:
                net.updates[np.int64(net.source[N_OUT, lane]), lane] += 1
                net.learnt[lane] += net.rate[lane] * net.absolute[lane]

    @kernel
    def settle(net, lane, mean_error):
        n = net.settled[lane]
        if n < LOGGED:
            net.settlements[n, 0, lane] = net.steps[lane]
            net.settlements[n, 1, lane] = mean_error
        net.settled[lane] = n + 1

    @kernel
    def reset(net, lane):
        net.steps[lane] = 0
        net.resets[lane] += 1

    @kernel
    def finite(net, lane):
        return net.settled[lane] < net.spoilt_after[lane]

    return Learner(step, respond, assess, learn, settle, reset, finite)


class Kind(NamedTuple):
    """What the training loop is compiled for."""

    every_step: bool
    judged_at_end: bool
    has_judge: bool
    precision: str


KINDS = {
    "target at the end": Kind(False, True, False, "float32"),
    "judged at the end": Kind(True, True, False, "float64"),
    "judged at every step": Kind(True, False, True, "float32"),
}


@cache
def loop(kind: Kind) -> Any:
    interface = Interface(N_OUT, N_OUT, LONGEST, every_step=kind.every_step, judged_at_end=kind.judged_at_end)
    return driver.build(scripted_task(kind.has_judge), scripted_learner(), interface, WIDTH)


# --------------------------------------------------------------------------------------------------- rules and scripts

LOW, HIGH = (0.0, 0.125), (0.25, 0.375, 0.5, 1.0)  # few bits: all sums are exact, and bounds are often just met


class Script(NamedTuple):
    """What a trial meets: by stream, place, time step."""

    errors: Any  # (2, PLACES, LONGEST, N_OUT)
    judgements: Any  # (2, PLACES, LONGEST)
    lengths: Any  # (2, PLACES)
    spoilt_after: float


def random_rule(random: np.random.Generator) -> dict[str, Any]:
    def one_of(*values: Any) -> Any:
        return values[random.integers(len(values))]

    exam_sequences = one_of(0, 1, 3, 6)
    stages = []
    for k in range(one_of(1, 1, 2, 3)):
        stage = {
            "name": f"stage {k}",
            "max_wrong": one_of(None, 0, 1, 2),
            "mean_error": one_of(None, None, 0.0625, 0.125, 0.25),
            "test_sequences": one_of(None, None, 0, 2, 5),
        }
        if exam_sequences:
            stage |= {"exam_max_wrong": one_of(None, 0, 1, 2), "exam_mean_error": one_of(None, 0.0625, 0.125, 0.25)}
            if stage["exam_max_wrong"] is None and stage["exam_mean_error"] is None:
                stage["exam_max_wrong"] = 1
        elif stage["max_wrong"] is None and stage["mean_error"] is None:
            stage["max_wrong"] = 1
        stages.append(stage)
    rule = {
        "window": one_of(1, 2, 3, 5, 8),
        "tolerance": one_of(0.125, 0.25, 0.375),
        "error": one_of("absolute", "squared"),
        "max_sequences": int(random.integers(1, 50)),
        "exam_sequences": exam_sequences,
        "exam_every": one_of(1, 1, 2, 5, 7),
        "exam_set": one_of("fresh", "fixed"),
        "test_sequences": one_of(0, 1, 4),
        "stages": stages,
    }
    rule["ask_every"] = (1, 1, 1, 2, 3)[rule["max_sequences"] % 5]
    return Stop.model_validate(rule).model_dump()


def random_script(random: np.random.Generator, kind: Kind) -> Script:
    """Errors that get fewer from place to place, in training and in the test stream."""
    improvement = random.uniform(0.5, 4, 2)[:, None] * np.arange(PLACES) / PLACES
    badness = np.clip(random.uniform(0.2, 1) - improvement, random.choice([0, 0, 0.05]), 1)
    is_high = random.random((2, PLACES, LONGEST, N_OUT)) < badness[:, :, None, None] / 2
    shape = is_high.shape
    errors = np.where(is_high, random.choice(HIGH, shape), random.choice(LOW, shape)) * random.choice([-1, 1], shape)
    lengths = random.choice([1, 2, 4, 8], (2, PLACES))
    for stream in (0, 1):
        if random.random() < 0.3:
            place = random.integers(PLACES if stream == 0 else 16)
            errors[stream, place, lengths[stream, place] - 1, 0] = random.choice([np.nan, np.inf, -np.inf])
            errors[stream, place, 0, 1] = np.nan
    judgements = np.abs(errors).max(-1)
    if kind.has_judge:
        judgements = random.choice(
            [-0.5, 0, 0.125, *HIGH], judgements.shape, p=[0.35, 0.3, 0.3, 0.02, 0.01, 0.01, 0.01]
        )
    spoilt_after = float(random.integers(1, 40)) if random.random() < 0.15 else math.inf
    return Script(errors, judgements, lengths, spoilt_after)


def told(rule: dict[str, Any], script: Script, kind: Kind) -> stop_rule.Trial:
    """What the twin says of a script."""

    @cache
    def sequence(stream: int, place: int) -> stop_rule.Sequence:
        n = int(script.lengths[stream, place])
        errors = [[float(e) for e in step] for step in script.errors[stream, place, :n]]
        if not kind.every_step:
            errors[:-1] = [[] for _ in errors[:-1]]
        judgements = [float(j) for j in script.judgements[stream, place, :n]] if kind.has_judge else None
        return stop_rule.looked_at(errors, rule["tolerance"], kind.judged_at_end, judgements)

    training, test = (lambda place, s=stream: sequence(s, place % PLACES) for stream in (0, 1))
    return stop_rule.Trial(rule, training, test, script.spoilt_after)


# ------------------------------------------------------------------------------------------------------- the comparison


class Stage:
    """The lanes on which scripts are played."""

    def __init__(self, rule: dict[str, Any], kind: Kind) -> None:
        self.kind = kind
        self.rules = crew._rules(rule)
        self.book, self.tally, self.streams = driver.allocate(
            WIDTH, rule["window"], len(rule["stages"]), kind.precision
        )
        self.state, self.net = new_arrays(kind.precision)

    def enter(self, lane: int, script: Script) -> None:
        for part, scripted in zip(self.state, script[:3], strict=False):
            part[..., lane] = scripted
        self.state.n_logged[lane] = 0
        for part in (self.net.resets, self.net.updates, self.net.learnt, self.net.settled):
            part[..., lane] = 0
        self.net.spoilt_after[lane] = script.spoilt_after
        driver.enlist(self.book, self.streams, lane, RATE, *np.array([[0, 0, 0, 7], [1, 0, 0, 7]], np.uint32))

    def advance(self, ticks: int) -> list[int]:
        """Go on; the lanes whose trials have ended."""
        assert self.state.n_logged.max() < LOGGED, "a trial without end"
        loop(self.kind)(ticks, self.book, self.rules, self.tally, self.streams, self.state, self.net)
        return [lane for lane in range(WIDTH) if self.book.mode[lane] > LOOKING]


def same(number: float, exact: Fraction | None) -> bool:
    """Is a sum of errors what the twin says, None being any that is not finite."""
    return not math.isfinite(number) if exact is None else number == exact


def compare(stage: Stage, lane: int, script: Script, twin: stop_rule.Trial) -> None:
    book, net, state, kind = stage.book, stage.net, stage.state, stage.kind
    n = int(state.n_logged[lane])
    begun = [(STREAMS[which], place, number) for which, place, number, _ in state.log[:n, :, lane].tolist()]
    assert begun == twin.begun
    assert crew._OUTCOMES[int(book.mode[lane])] == twin.outcome
    assert book.sequences[lane] == twin.n
    assert book.steps[lane] == sum(one.steps for one in twin.booked)
    assert book.examined[lane] == twin.latest_exam
    assert book.stage[lane] == len(twin.passed)
    for k, passed in enumerate(twin.passed):
        figures = passed.figures
        assert (book.stage_sequences[lane, k], book.stage_steps[lane, k]) == (passed.sequences, passed.steps)
        assert (book.tested[lane, k], book.test_wrong[lane, k]) == (len(figures), figures.wrong)
        assert same(book.test_absolute[lane, k], figures.total("absolute"))
        assert same(book.test_square[lane, k], figures.total("square"))
        if len(figures) > 0 and figures.total("absolute") is not None:
            assert book.test_worst[lane, k] == figures.worst
    assert not book.stage_sequences[lane, len(twin.passed) :].any()
    if twin.look:
        stage_now, figures = len(twin.passed), twin.look
        assert (book.tested[lane, stage_now], book.test_wrong[lane, stage_now]) == (len(figures), figures.wrong)
        assert same(book.test_absolute[lane, stage_now], figures.total("absolute"))
        assert same(book.test_square[lane, stage_now], figures.total("square"))
        if kind.every_step and not kind.judged_at_end:
            assert book.late_wrong[lane] == figures.late

    # Each sequence begins where its stream was left, after a reset.
    assert net.resets[lane] == n
    presented = {"training": [0], "test": [0]}
    for (stream, place, _), (*_, steps) in zip(begun, state.log[:n, :, lane].tolist(), strict=True):
        del presented[stream][place + 1 :]  # a fixed exam goes back
        assert steps == presented[stream][place]
        length = script.lengths[STREAMS.index(stream), place % PLACES]
        presented[stream].append(presented[stream][place] + int(length))

    # The net learns from training sequences alone, from each one once.
    settled = net.settlements[: twin.n, :, lane]
    assert net.settled[lane] == twin.n
    assert settled[:, 0].tolist() == [one.steps for one in twin.booked]
    assert all(same(error, one.absolute) for error, one in zip(settled[:, 1], twin.booked, strict=True))
    updates = sum(one.steps for one in twin.booked) if kind.every_step else twin.n
    assert net.updates[:, lane].tolist() == [updates, 0]
    if twin.booked[-1].absolute is not None:
        weights = [one.steps if kind.every_step else 1 for one in twin.booked]
        assert net.learnt[lane] == Fraction(RATE) * sum(
            one.absolute * weight for one, weight in zip(twin.booked, weights, strict=True)
        )
        window = book.recent_error.shape[1]
        recent = twin.booked[-window:]
        assert (book.error_sum[lane], book.n_wrong[lane]) == (
            sum(map(twin.error, recent)),
            sum(o.wrong for o in recent),
        )


def play(rule: dict[str, Any], scripts: list[Script], kind: Kind, random: np.random.Generator) -> list[stop_rule.Trial]:
    """Play scripts under a rule, each in the next lane that is free; the twins, after they have been compared."""
    stage = Stage(rule, kind)
    waiting, playing, twins = list(reversed(scripts)), {}, []

    def refill(lane: int) -> None:
        stage.book.mode[lane] = IDLE
        if waiting:
            playing[lane] = waiting.pop()
            stage.enter(lane, playing[lane])

    for lane in random.permutation(WIDTH).tolist():
        refill(lane)
    while playing:
        for lane in stage.advance(int(random.choice([1, 3, 10, 1000]))):
            if random.random() < 0.2:
                continue  # a trial that has ended may stay while others go on
            script = playing.pop(lane)
            twins.append(told(rule, script, kind))
            compare(stage, lane, script, twins[-1])
            refill(lane)
    assert len(twins) == len(scripts)
    return twins


@cache
def played(kind: Kind, seed: int) -> tuple[dict[str, Any], list[stop_rule.Trial]]:
    """A random rule, and what became of random scripts."""
    random = np.random.default_rng(seed)
    rule = random_rule(random)
    return rule, play(rule, [random_script(random, kind) for _ in range(2 * WIDTH)], kind, random)


SEEDS = range(50)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_loop_does_what_the_twin_says(kind, seed):
    played(kind, seed)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_scripts_show_all_that_can_happen(kind):
    seen: Counter[str] = Counter()
    for rule, trials in (played(kind, seed) for seed in SEEDS):
        for trial in trials:
            seen[trial.outcome] += 1
            seen["NaN in training"] += trial.booked[-1].absolute is None
            seen["spoilt weights"] += trial.outcome == "diverged" and trial.booked[-1].absolute is not None
            seen["some stages, not all"] += 0 < len(trial.passed) < len(rule["stages"])
            for exam in trial.exams:
                n_passed = sum(passed.exam is exam for passed in trial.passed)
                full = len(exam) == rule["exam_sequences"]
                seen["exam of one stage"] += n_passed == 1
                seen["exam of several stages"] += n_passed > 1
                seen["exam failed early"] += n_passed == 0 and not full
                seen["exam failed at its end"] += n_passed == 0 and full
            at_limit = trial.n == rule["max_sequences"]
            seen["exam at the limit, failed"] += at_limit and trial.outcome == "limit" and trial.latest_exam == trial.n
            seen["solved at the limit"] += at_limit and trial.outcome == "solved"
            seen["a last look"] += trial.look is not None
            seen["a last look that finds some right"] += trial.look is not None and trial.look.wrong < len(trial.look)
            seen[f"several exams, {rule['exam_set']}"] += len(trial.exams) > 1
            for passed in trial.passed:
                what = "exam" if rule["exam_sequences"] else "no exam"
                seen[f"{what}, {'tested' if passed.figures is not passed.exam else 'not tested'}"] += 1
                seen["test not finite"] += len(passed.figures) > 0 and passed.figures.total("absolute") is None
    assert len(seen) == 21
    assert min(seen.values()) >= 2, seen


def simple(training: list[float], test: list[float], length: int = 2, spoilt_after: float = math.inf) -> Script:
    """Each sequence has one error throughout; the last one of each list comes again and again."""
    sizes = np.array([[errors[min(place, len(errors) - 1)] for place in range(PLACES)] for errors in (training, test)])
    errors = np.broadcast_to(sizes[:, :, None, None], (2, PLACES, LONGEST, N_OUT))
    return Script(errors, np.abs(errors).max(-1), np.full((2, PLACES), length), spoilt_after)


def rule_of(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    rule = {"window": 2, "tolerance": 0.5, "max_sequences": 10, "test_sequences": 0}
    named = [{"name": f"stage {k}", **stage} for k, stage in enumerate(stages)]
    return Stop.model_validate({**rule, **more, "stages": named}).model_dump()


def life(rule: dict[str, Any], script: Script) -> tuple[str, str]:
    """The outcome, and all sequences that were begun: T and the place in the stream of training, or t and that of test.

    A ``.`` follows the last sequence of an exam or test: what comes after it has a number that is not the next.
    """
    (trial,) = play(rule, [script], KINDS["target at the end"], np.random.default_rng(0))
    text = ""
    for k, (stream, place, number) in enumerate(trial.begun):
        following = trial.begun[k + 1][2] if k + 1 < len(trial.begun) else -1
        text += f" {stream[0].upper() if number < 0 else stream[0]}{place}"
        text += "." if number >= 0 and following != number + 1 else ""
    return trial.outcome, text.strip()


def test_without_exams_a_stage_is_tested_on_fresh_sequences_and_training_goes_on():
    rule = rule_of({"max_wrong": 1, "test_sequences": 2}, {"max_wrong": 0}, test_sequences=3)
    script = simple([0.5, 0.5, 0.5, 0.25], [0.0])
    assert life(rule, script) == ("solved", "T0 T1 T2 T3 t0 t1. T4 t2 t3 t4.")


def test_fresh_exams_go_on_in_the_test_stream_and_fixed_ones_start_again():
    stages = {"exam_max_wrong": 1}, {"max_wrong": 0, "exam_max_wrong": 0, "test_sequences": 1}
    more = {"exam_sequences": 3, "exam_every": 2}
    script = simple([0.25], [0.5, 0.5, 0.25, 0.25])
    fresh = life(rule_of(*stages, **more), script)
    assert fresh == ("solved", "T0 T1 t0 t1. T2 T3 t2 t3 t4. t5.")
    fixed = life(rule_of(*stages, exam_set="fixed", **more, max_sequences=5), script)
    assert fixed == ("limit", "T0 T1 t0 t1. T2 T3 t0 t1. T4 t0 t1 t2.")


def test_one_exam_can_pass_several_stages_up_to_one_that_has_a_test():
    stage = {"exam_max_wrong": 0}
    script = simple([1.0], [0.25])
    assert life(rule_of(stage, stage, exam_sequences=2), script) == ("solved", "T0 T1 t0 t1.")
    tested = rule_of(stage, {**stage, "test_sequences": 1}, stage, exam_sequences=2, exam_set="fixed")
    assert life(tested, script) == ("solved", "T0 T1 t0 t1. t2. T2 t0 t1.")
    strict = rule_of(stage, {"exam_mean_error": 0.25}, exam_sequences=2, max_sequences=3)
    assert life(strict, script) == ("limit", "T0 T1 t0 t1. T2 t2 t3. t4 t5.")


def test_what_is_due_at_the_limit_still_happens():
    rule = rule_of({"max_wrong": 0, "exam_max_wrong": 0, "test_sequences": 1}, exam_sequences=2, max_sequences=4)
    assert life(rule, simple([0.5, 0.5, 0.0], [0.0])) == ("solved", "T0 T1 T2 T3 t0 t1. t2.")
    assert life(rule, simple([0.5, 0.5, 0.0], [0.5])) == ("limit", "T0 T1 T2 T3 t0. t1 t2.")
    assert life(rule, simple([0.5, 0.5, 0.5, 0.0], [0.0])) == ("limit", "T0 T1 T2 T3 t0 t1.")


def test_the_rule_is_asked_after_every_so_many_training_sequences():
    """The limit is looked at always. An exam comes when the rule is asked, and enough sequences after the last one."""
    right = simple([0.5, 0.0], [0.0])
    stages = {"max_wrong": 0}, {"max_wrong": 0}
    assert life(rule_of(*stages), right) == ("solved", "T0 T1 T2 T3")
    assert life(rule_of(*stages, ask_every=3), right) == ("solved", "T0 T1 T2 T3 T4 T5")
    assert life(rule_of(*stages, ask_every=3, max_sequences=5), right) == ("limit", "T0 T1 T2 T3 T4")
    assert life(rule_of(*stages, ask_every=3, max_sequences=6), right) == ("solved", "T0 T1 T2 T3 T4 T5")
    exam = {"exam_max_wrong": 0}
    more = {"exam_sequences": 1, "exam_every": 3, "ask_every": 2}
    script = simple([0.0], [0.5, 0.5, 0.0])
    assert life(rule_of(exam, **more, max_sequences=9), script) == (
        "limit", "T0 T1 T2 T3 t0. T4 T5 T6 T7 t1. T8 t2."
    )  # fmt: skip
    assert life(rule_of(exam, **more, max_sequences=12), script) == (
        "solved", "T0 T1 T2 T3 t0. T4 T5 T6 T7 t1. T8 T9 T10 T11 t2."
    )  # fmt: skip


def test_weights_are_checked_now_and_then():
    """Every 1000 training sequences, at the limit, and before anything is passed."""
    rule = rule_of({"max_wrong": 0}, window=3000, max_sequences=2500)
    scripts = [simple([0.0], [0.0], spoilt_after=n) for n in (1, 1000, 1001, 2000, 2001, 2500, 2501)]
    trials = play(rule, scripts, KINDS["judged at the end"], np.random.default_rng(0))
    assert sorted((trial.n, trial.outcome) for trial in trials) == [
        (1000, "diverged"), (1000, "diverged"), (2000, "diverged"), (2000, "diverged"),
        (2500, "diverged"), (2500, "diverged"), (2500, "limit"),
    ]  # fmt: skip
    exam = rule_of({"max_wrong": 0, "exam_max_wrong": 0}, exam_sequences=2, max_sequences=20, exam_every=4)
    for spoilt_after in (2, 3):
        script = simple([0.5, 0.0], [0.0], spoilt_after=spoilt_after)
        assert life(exam, script) == ("diverged", "T0 T1 T2 T3")
    assert life(exam, simple([0.5, 0.0], [0.0], spoilt_after=5)) == ("solved", "T0 T1 T2 T3 t0 t1.")


# ------------------------------------------------------------------------------------ numbers that are not exact


def ended(rule: dict[str, Any], script: Script, kind: str) -> Stage:
    stage = Stage(rule, KINDS[kind])
    stage.enter(0, script)
    while not stage.advance(1000):
        pass
    return stage


def test_a_mean_squared_error_that_is_not_finite_is_divergence():
    rule = rule_of({"mean_error": 0.1}, error="squared", max_sequences=20)
    stage = ended(rule, simple([1e20, 0.0], [0.0]), "target at the end")  # its square is infinite in float32
    assert crew._OUTCOMES[int(stage.book.mode[0])] == "diverged"


def test_a_huge_error_leaves_nothing_in_the_mean_of_later_ones():
    rule = rule_of({"mean_error": 0.125}, max_sequences=20)
    stage = ended(rule, simple([1e17, 0.25], [0.0]), "target at the end")
    assert crew._OUTCOMES[int(stage.book.mode[0])] == "limit"


def test_the_worst_of_a_test_is_not_finite_wherever_its_nan_is():
    rule = rule_of({"max_wrong": 2}, test_sequences=3)
    for place in range(3):
        script = simple([0.0], [0.25])
        script.judgements[1, place] = np.nan
        stage = ended(rule, script, "judged at every step")
        assert not math.isfinite(stage.book.test_worst[0, 0])
