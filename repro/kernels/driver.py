"""The training loop: every lane a state machine of its own, all lanes in the same time step.

Time steps are vector code, and so is learning, at every time step or where sequences end. What else happens at the end
of a sequence is rare and concerns one lane: the error is judged, the stop rule is asked, a new sequence begins. No lane
waits for another. As the length of a sequence is known when it begins, the loop runs up to the next end of any lane
without asking.

The stop rule has stages, and is asked after every so many training sequences. A stage may ask for few errors in the
most recent training sequences; it may then hold an exam, weights frozen, on sequences from the trial's test stream, at
most every so many training sequences; and when it is passed, it may be followed by a test on further ones, for the
record. Then training goes on for the next stage, with the training stream where it was. A trial that has passed all its
stages is solved. One that reaches the limit has failed; where there are exams, a last look follows: an exam that
decides nothing, and shows how near the trial came.

`build` gives ``run(n_ticks, book, rules, streams, state, net)``, which returns to Python after ``n_ticks`` time steps,
or as soon as a trial ends: progress, Ctrl-C and lane refills live there. Where it returns has no influence on any
number.
"""

from typing import Any, NamedTuple

import numpy as np

from repro.kernels.contract import Interface, Learner, Task
from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import loader, maximum, store, zeros

IDLE, TRAINING, EXAM, TESTING, LOOKING, SOLVED, LIMIT, DIVERGED = range(8)  # what a lane does, or how its trial ended
_CHECK_EVERY = 1000  # sequences between two checks that all weights are finite
_HUGE = 1e6  # an error beyond leaves its rounding in a running sum: when it goes, the sum is taken anew


class Rules(NamedTuple):
    """When a trial stops: the same for all lanes of a crew."""

    tolerance: Any  # () float64: a sequence is right if at its judged time steps the outputs are wrong by less
    squared: Any  # () bool: are mean errors those of squares
    max_wrong: Any  # (stages,) int64: of the most recent sequences, so many may be wrong
    mean_error: Any  # (stages,) float64: the mean |error| over them must be below
    exam_sequences: Any  # () int64: in an exam; 0 for none
    exam_every: Any  # () int64: training sequences from one exam to the next
    exam_fixed: Any  # () bool: all exams of a trial have the same sequences
    exam_max_wrong: Any  # (stages,) int64: so many of them may be wrong
    exam_mean_error: Any  # (stages,) float64: their mean |error| must be below
    test_sequences: Any  # (stages,) int64: after the stage; 0 for none
    max_sequences: Any  # () int64
    ask_every: Any  # () int64: the rule is asked when the number of training sequences is a multiple of it


class Book(NamedTuple):
    """What is kept of each lane's trial; arrays of shape (width,) unless said otherwise."""

    mode: Any  # int64: IDLE to DIVERGED
    length: Any  # int64: of the current sequence, in time steps
    left: Any  # int64: time steps to its end
    sequences: Any  # int64: training sequences so far
    steps: Any  # int64: training time steps so far
    stage: Any  # int64: stages passed
    examined: Any  # int64: training sequences at the latest exam
    recent_error: Any  # (width, window) float64: mean |error| of the outputs, of the most recent training sequences
    recent_wrong: Any  # (width, window) bool
    error_sum: Any  # float64: sum of recent_error
    n_wrong: Any  # int64: sum of recent_wrong
    stage_sequences: Any  # (width, stages) int64: training sequences when the stage was passed
    stage_steps: Any  # (width, stages) int64: and time steps
    tested: Any  # (width, stages) int64: sequences so far of the test, or of the exam or last look in its stead
    test_wrong: Any  # (width, stages) int64: of them wrong
    test_absolute: Any  # (width, stages) float64: sum of mean |error|
    test_square: Any  # (width, stages) float64: sum of mean squared error
    test_worst: Any  # (width, stages) float64: the most that the outputs were wrong by
    late_wrong: Any  # int64: sequences of the last look that are wrong at the last time step but one
    rate: Any  # float64: learning rate of the trial


class Tally(NamedTuple):
    """The errors of each lane's current sequence, summed over its time steps; arrays of shape (lanes,)."""

    absolute: Any  # mean |error| of the outputs
    square: Any  # mean squared error
    worst: Any  # the most that they were wrong by, at time steps that are judged
    latest: Any  # how wrong they were at the latest time step, where all are judged
    before: Any  # and at the one before


class Streams(NamedTuple):
    """Random streams, (4, width) uint32."""

    current: Any  # the one in use
    parked: Any  # the other one of training and test
    exam: Any  # where an exam starts, if all have the same sequences


def allocate(width: int, window: int, n_stages: int, precision: str) -> tuple[Book, Tally, Streams]:
    """Books, tallies and streams of ``width`` idle lanes."""
    whole, real = np.int64, np.float64

    def lane(dtype: Any, *shape: int) -> np.ndarray:
        return np.zeros((width, *shape), dtype)

    book = Book(
        mode=lane(whole), length=lane(whole), left=lane(whole), sequences=lane(whole), steps=lane(whole),
        stage=lane(whole), examined=lane(whole), recent_error=lane(real, window), recent_wrong=lane(np.bool_, window),
        error_sum=lane(real), n_wrong=lane(whole), stage_sequences=lane(whole, n_stages),
        stage_steps=lane(whole, n_stages), tested=lane(whole, n_stages), test_wrong=lane(whole, n_stages),
        test_absolute=lane(real, n_stages), test_square=lane(real, n_stages), test_worst=lane(real, n_stages),
        late_wrong=lane(whole), rate=lane(real),
    )  # fmt: skip
    streams = Streams(*(zeros((4,), width, np.uint32) for _ in Streams._fields))
    streams.current[:] = 1  # a stream of zeros stays there, and a lane that idles would wait for another number
    return book, Tally(*(zeros((), width, np.dtype(precision)) for _ in Tally._fields)), streams


def enlist(book: Book, streams: Streams, lane: int, rate: float, training: np.ndarray, test: np.ndarray) -> None:
    """Start a trial in an idle lane: learning rate, and four words to start each of its two streams."""
    for field in book:
        field[lane] = 0
    book.mode[lane] = TRAINING
    book.rate[lane] = rate
    streams.current[:, lane] = training
    streams.parked[:, lane] = test
    streams.exam[:, lane] = test


def build(task: Task, learner: Learner, interface: Interface, width: int) -> Any:
    """Compile the training loop of a task and a learner."""
    begin, present, set_target, judge = task
    step, respond, assess, learn, settle, reset, finite = learner
    every_step, judged_at_end = interface.every_step, interface.judged_at_end
    load = loader(width)

    if judge is None:

        @kernel
        def judge(state, net):
            return load(net.worst)

    @kernel
    def react(state, tally, net):
        """Outputs, targets, errors, learning: at every time step, or where sequences end."""
        set_target(state, net)
        respond(net)
        assess(net)
        worst = judge(state, net)
        if every_step:
            store(tally.absolute, load(tally.absolute) + load(net.absolute))
            store(tally.square, load(tally.square) + load(net.square))
            if judged_at_end:
                store(tally.worst, worst)
            else:
                store(tally.worst, maximum(load(tally.worst), worst))
                store(tally.before, load(tally.latest))
                store(tally.latest, worst)
        else:
            store(tally.absolute, load(net.absolute))
            store(tally.square, load(net.square))
            store(tally.worst, worst)
        learn(net)

    @kernel
    def swap(streams, lane):
        for i in range(4):
            number = streams.current[i, lane]
            streams.current[i, lane] = streams.parked[i, lane]
            streams.parked[i, lane] = number

    @kernel
    def clear(book, lane, stage):
        book.tested[lane, stage] = 0
        book.test_wrong[lane, stage] = 0
        book.test_absolute[lane, stage] = 0
        book.test_square[lane, stage] = 0
        book.test_worst[lane, stage] = -np.inf

    @kernel
    def begin_exam(book, rules, streams, lane, mode):
        """Leave training for an exam, or for a last look, which is one that decides nothing."""
        if rules.exam_fixed[0]:
            for i in range(4):
                streams.parked[i, lane] = streams.exam[i, lane]
        swap(streams, lane)
        clear(book, lane, book.stage[lane])
        book.mode[lane] = mode

    @kernel
    def fail(book, rules, streams, lane):
        """The limit is reached in training."""
        if rules.exam_sequences[0] > 0:
            begin_exam(book, rules, streams, lane, LOOKING)
        else:
            book.mode[lane] = LIMIT

    @kernel
    def go_on(book, rules, streams, lane):
        """Back to training, if there is more to do and a sequence left to do it."""
        if book.stage[lane] == len(rules.max_wrong):
            book.mode[lane] = SOLVED
        elif book.sequences[lane] >= rules.max_sequences[0]:
            fail(book, rules, streams, lane)
        else:
            book.mode[lane] = TRAINING

    @kernel
    def pass_stage(book, rules, streams, lane):
        """Note when the stage was passed; its test comes next, if it has one."""
        stage = book.stage[lane]
        book.stage_sequences[lane, stage] = book.sequences[lane]
        book.stage_steps[lane, stage] = book.steps[lane]
        if rules.test_sequences[stage] > 0:
            if book.mode[lane] == TRAINING:
                swap(streams, lane)
            clear(book, lane, stage)
            book.mode[lane] = TESTING
        else:
            book.stage[lane] = stage + 1

    @kernel
    def after_training(book, rules, streams, net, lane, mean, error, wrong):
        """Book a training sequence, of which all is learnt, and ask the stop rule."""
        window = book.recent_error.shape[1]
        slot = book.sequences[lane] % window
        gone = book.recent_error[lane, slot]
        book.error_sum[lane] += error - gone
        book.n_wrong[lane] += np.int64(wrong) - np.int64(book.recent_wrong[lane, slot])
        book.recent_error[lane, slot] = error
        book.recent_wrong[lane, slot] = wrong
        if gone > _HUGE:
            book.error_sum[lane] = 0.0
            for k in range(window):
                book.error_sum[lane] += book.recent_error[lane, k]
        book.sequences[lane] += 1
        book.steps[lane] += book.length[lane]
        n, stage = book.sequences[lane], book.stage[lane]
        plausible = (
            n >= window
            and n % rules.ask_every[0] == 0
            and n - book.examined[lane] >= rules.exam_every[0]
            and book.n_wrong[lane] <= rules.max_wrong[stage]
            and book.error_sum[lane] / window < rules.mean_error[stage]
        )
        ended = n >= rules.max_sequences[0]
        lost = not (np.isfinite(mean) and np.isfinite(error))
        if lost or ((plausible or ended or n % _CHECK_EVERY == 0) and not finite(net, lane)):
            book.mode[lane] = DIVERGED
        elif plausible and rules.exam_sequences[0] > 0:
            book.examined[lane] = n
            begin_exam(book, rules, streams, lane, EXAM)
        elif plausible:
            pass_stage(book, rules, streams, lane)
            if book.mode[lane] == TRAINING:
                go_on(book, rules, streams, lane)
        elif ended:
            fail(book, rules, streams, lane)

    @kernel
    def after_exam(book, rules, streams, lane):
        """Fail as soon as too many are wrong; at the end, pass as many stages as the exam allows."""
        stage = book.stage[lane]
        failed = book.test_wrong[lane, stage] > rules.exam_max_wrong[stage]
        if not failed and book.tested[lane, stage] < rules.exam_sequences[0]:
            return
        while not failed and book.mode[lane] == EXAM:
            stage, errors = book.stage[lane], book.test_absolute
            if rules.squared[0]:
                errors = book.test_square
            failed = not (
                book.test_wrong[lane, stage] <= rules.exam_max_wrong[stage]
                and errors[lane, stage] / book.tested[lane, stage] < rules.exam_mean_error[stage]
            )
            if not failed:
                pass_stage(book, rules, streams, lane)
                if book.stage[lane] == len(rules.max_wrong):
                    break
                if book.mode[lane] == EXAM:
                    for figures in (book.test_absolute, book.test_square, book.test_worst):
                        figures[lane, stage + 1] = figures[lane, stage]
                    book.tested[lane, stage + 1] = book.tested[lane, stage]
                    book.test_wrong[lane, stage + 1] = book.test_wrong[lane, stage]
        if book.mode[lane] == EXAM:
            swap(streams, lane)
            go_on(book, rules, streams, lane)

    @kernel
    def after_test(book, rules, streams, lane, absolute, square, worst, wrong, wrong_late):
        """Book a sequence of an exam, a test or a last look."""
        stage = book.stage[lane]
        book.test_wrong[lane, stage] += wrong
        book.test_absolute[lane, stage] += absolute
        book.test_square[lane, stage] += square
        if worst > book.test_worst[lane, stage] or np.isnan(worst):  # a NaN stays
            book.test_worst[lane, stage] = worst
        book.tested[lane, stage] += 1
        if book.mode[lane] == EXAM:
            after_exam(book, rules, streams, lane)
        elif book.mode[lane] == LOOKING:
            book.late_wrong[lane] += wrong_late
            if book.tested[lane, stage] == rules.exam_sequences[0]:
                book.mode[lane] = LIMIT
        elif book.tested[lane, stage] == rules.test_sequences[stage]:
            swap(streams, lane)
            book.stage[lane] = stage + 1
            go_on(book, rules, streams, lane)

    @kernel
    def end(book, rules, tally, streams, net, lane):
        """Judge the sequence that a lane has ended."""
        n = book.length[lane] if every_step else 1
        absolute, square = np.float64(tally.absolute[lane]) / n, np.float64(tally.square[lane]) / n
        worst = np.float64(tally.worst[lane])
        wrong = not (worst < rules.tolerance[0] and np.isfinite(absolute))
        if book.mode[lane] == TRAINING:
            settle(net, lane, absolute)
            error = square if rules.squared[0] else absolute
            after_training(book, rules, streams, net, lane, absolute, error, wrong)
        else:
            wrong_late = not (np.float64(tally.before[lane]) < rules.tolerance[0])
            after_test(book, rules, streams, lane, absolute, square, worst, wrong, wrong_late)

    @kernel
    def start(book, tally, streams, state, net, lane):
        reset(net, lane)
        number = np.int64(-1)
        if book.mode[lane] != TRAINING:
            number = book.tested[lane, book.stage[lane]]
        n = begin(state, streams.current, lane, number)
        book.length[lane] = n
        book.left[lane] = n
        tally.absolute[lane] = 0
        tally.square[lane] = 0
        tally.worst[lane] = -np.inf
        tally.latest[lane] = -np.inf
        net.rate[lane] = book.rate[lane] if every_step and book.mode[lane] == TRAINING else 0.0

    @kernel
    def runs(book, lane):
        return IDLE < book.mode[lane] <= LOOKING

    def run(n_ticks, book, rules, tally, streams, state, net):
        """Advance all lanes by ``n_ticks`` time steps, or until a trial ends; the time steps done."""
        for lane in range(width):
            if book.mode[lane] == TRAINING and book.sequences[lane] == 0 and book.left[lane] == 0:
                start(book, tally, streams, state, net, lane)
        done = 0
        while done < n_ticks:
            n = n_ticks - done
            for lane in range(width):
                if runs(book, lane):
                    n = min(n, book.left[lane])
            for _ in range(n):
                present(state, streams.current, net)
                step(net)
                if every_step:
                    react(state, tally, net)
            done += n
            ends = False
            for lane in range(width):
                if runs(book, lane):
                    book.left[lane] -= n
                    if book.left[lane] == 0:
                        ends = True
                        if not every_step and book.mode[lane] == TRAINING:
                            net.rate[lane] = book.rate[lane]
            if not ends:
                continue
            if not every_step:
                react(state, tally, net)
            ended = False
            for lane in range(width):
                if not runs(book, lane) or book.left[lane] > 0:
                    continue
                end(book, rules, tally, streams, net, lane)
                if runs(book, lane):
                    start(book, tally, streams, state, net, lane)
                else:
                    net.rate[lane] = 0
                    ended = True
            if ended:
                break
        return done

    return entry(run)
