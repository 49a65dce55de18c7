"""The training loop: every lane a state machine of its own, all lanes in the same time step.

Time steps are vector code. What happens at the end of a sequence is rare and concerns one lane: the error is judged,
the weights learn, the stop rule is asked, a new sequence begins. No lane waits for another. As the length of a sequence
is known when it begins, the loop runs up to the next end of any lane without asking.

A lane whose stop rule holds is tested: weights frozen, sequences from the trial's test stream; then it goes back to
training for the next stage, with the training stream where it was. A trial that has passed all its stages is solved.

`build` gives ``run(n_ticks, book, rules, streams, state, net)``, which returns to Python after ``n_ticks`` time steps,
or as soon as a trial ends: progress, Ctrl-C and lane refills live there. Where it returns has no influence on any
number.
"""

from typing import Any, NamedTuple

import numpy as np

from repro.kernels.contract import Learner, Task
from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import zeros

IDLE, TRAINING, TESTING, SOLVED, LIMIT, DIVERGED = range(6)  # what a lane does, or how its trial ended
_CHECK_EVERY = 1000  # sequences between two checks that all weights are finite
_NEVER = 1 << 62


class Rules(NamedTuple):
    """When a trial stops: the same for all lanes of a crew."""

    tolerance: Any  # () float64: a sequence is right if every output's |error| is below
    max_wrong: Any  # (stages,) int64: of the most recent sequences, so many may be wrong
    mean_error: Any  # (stages,) float64: the mean |error| over them must be below
    max_sequences: Any  # () int64
    test_sequences: Any  # () int64


class Book(NamedTuple):
    """What is kept of each lane's trial; arrays of shape (width,) unless said otherwise."""

    mode: Any  # int64: IDLE to DIVERGED
    length: Any  # int64: of the current sequence, in time steps
    left: Any  # int64: time steps to its end
    sequences: Any  # int64: training sequences so far
    steps: Any  # int64: training time steps so far
    stage: Any  # int64: stages passed
    recent_error: Any  # (width, window) float64: mean |error| of the outputs, of the most recent training sequences
    recent_wrong: Any  # (width, window) bool
    error_sum: Any  # float64: sum of recent_error
    n_wrong: Any  # int64: sum of recent_wrong
    stage_sequences: Any  # (width, stages) int64: training sequences when the stage was passed
    stage_steps: Any  # (width, stages) int64: and time steps
    tested: Any  # (width, stages) int64: test sequences so far
    test_wrong: Any  # (width, stages) int64: of them wrong
    test_absolute: Any  # (width, stages) float64: sum of mean |error|
    test_square: Any  # (width, stages) float64: sum of mean squared error
    test_worst: Any  # (width, stages) float64: largest |error| of any output
    rate: Any  # float64: learning rate of the trial


class Streams(NamedTuple):
    """Random streams, (4, width) uint32: the one in use, and the other one of training and test."""

    current: Any
    parked: Any


def allocate(width: int, window: int, n_stages: int) -> tuple[Book, Streams]:
    """Books and streams of ``width`` idle lanes."""
    whole, real = np.int64, np.float64

    def lane(dtype: Any, *shape: int) -> np.ndarray:
        return np.zeros((width, *shape), dtype)

    book = Book(
        mode=lane(whole), length=lane(whole), left=lane(whole), sequences=lane(whole), steps=lane(whole),
        stage=lane(whole), recent_error=lane(real, window), recent_wrong=lane(np.bool_, window),
        error_sum=lane(real), n_wrong=lane(whole), stage_sequences=lane(whole, n_stages),
        stage_steps=lane(whole, n_stages), tested=lane(whole, n_stages), test_wrong=lane(whole, n_stages),
        test_absolute=lane(real, n_stages), test_square=lane(real, n_stages), test_worst=lane(real, n_stages),
        rate=lane(real),
    )  # fmt: skip
    return book, Streams(zeros((4,), width, np.uint32), zeros((4,), width, np.uint32))


def enlist(book: Book, streams: Streams, lane: int, rate: float, training: np.ndarray, test: np.ndarray) -> None:
    """Start a trial in an idle lane: learning rate, and four words to start each of its two streams."""
    for field in book:
        field[lane] = 0
    book.mode[lane] = TRAINING
    book.rate[lane] = rate
    streams.current[:, lane] = training
    streams.parked[:, lane] = test


def build(task: Task, learner: Learner, n_out: int, width: int) -> Any:
    """Compile the training loop of a task and a learner."""
    begin, present, set_target = task
    step, respond, learn, reset, finite = learner

    @kernel
    def errors(net, lane):
        """Mean, mean square and maximum of |target - output|; the maximum is NaN if any of them is."""
        total, square, worst = 0.0, 0.0, 0.0
        for k in range(n_out):
            error = np.abs(np.float64(net.target[k, lane]) - np.float64(net.y_k[k, lane]))
            total += error
            square += error * error
            if not error <= worst:
                worst = error
            if worst != worst:
                break
        return total / n_out, square / n_out, worst

    @kernel
    def swap(streams, lane):
        for i in range(4):
            number = streams.current[i, lane]
            streams.current[i, lane] = streams.parked[i, lane]
            streams.parked[i, lane] = number

    @kernel
    def after_training(book, rules, streams, net, lane, mean, worst):
        """Book a training sequence, whose weight update is done, and ask the stop rule."""
        window = book.recent_error.shape[1]
        slot = book.sequences[lane] % window
        wrong = not worst < rules.tolerance[0]
        book.error_sum[lane] += mean - book.recent_error[lane, slot]
        book.n_wrong[lane] += np.int64(wrong) - np.int64(book.recent_wrong[lane, slot])
        book.recent_error[lane, slot] = mean
        book.recent_wrong[lane, slot] = wrong
        book.sequences[lane] += 1
        book.steps[lane] += book.length[lane]
        n, stage = book.sequences[lane], book.stage[lane]
        passed = (
            n >= window
            and book.n_wrong[lane] <= rules.max_wrong[stage]
            and book.error_sum[lane] / window < rules.mean_error[stage]
        )
        ended = n >= rules.max_sequences[0]
        if not np.isfinite(mean) or ((passed or ended or n % _CHECK_EVERY == 0) and not finite(net, lane)):
            book.mode[lane] = DIVERGED
        elif passed:
            book.stage_sequences[lane, stage] = n
            book.stage_steps[lane, stage] = book.steps[lane]
            book.mode[lane] = TESTING
            swap(streams, lane)
        elif ended:
            book.mode[lane] = LIMIT

    @kernel
    def after_test(book, rules, streams, lane, mean, square, worst):
        """Book a test sequence; after the last one the stage is passed."""
        stage = book.stage[lane]
        book.test_wrong[lane, stage] += not worst < rules.tolerance[0]
        book.test_absolute[lane, stage] += mean
        book.test_square[lane, stage] += square
        if not worst <= book.test_worst[lane, stage]:
            book.test_worst[lane, stage] = worst
        book.tested[lane, stage] += 1
        if book.tested[lane, stage] == rules.test_sequences[0]:
            swap(streams, lane)
            book.stage[lane] = stage + 1
            if stage + 1 == len(rules.max_wrong):
                book.mode[lane] = SOLVED
            elif book.sequences[lane] >= rules.max_sequences[0]:
                book.mode[lane] = LIMIT
            else:
                book.mode[lane] = TRAINING

    @kernel
    def start(book, streams, state, net, lane):
        reset(net, lane)
        n = begin(state, streams.current, lane)
        book.length[lane] = n
        book.left[lane] = n

    def run(n_ticks, book, rules, streams, state, net):
        """Advance all lanes by ``n_ticks`` time steps, or until a trial ends; the time steps done."""
        for lane in range(width):
            if book.mode[lane] == TRAINING and book.sequences[lane] == 0 and book.left[lane] == 0:
                start(book, streams, state, net, lane)
        done = 0
        while done < n_ticks:
            n = n_ticks - done
            for lane in range(width):
                if book.mode[lane] != IDLE:
                    n = min(n, book.left[lane])
            for _ in range(n):
                present(state, streams.current, net.source)
                step(net)
            done += n
            ends = False
            for lane in range(width):
                net.rate[lane] = 0
                if book.mode[lane] != IDLE:
                    book.left[lane] -= n
                    if book.left[lane] == 0:
                        ends = True
                        set_target(state, lane, net.target)
                        if book.mode[lane] == TRAINING:
                            net.rate[lane] = book.rate[lane]
            if not ends:
                continue
            respond(net)
            learn(net)
            ended = False
            for lane in range(width):
                if book.mode[lane] == IDLE or book.left[lane] > 0:
                    continue
                mean, square, worst = errors(net, lane)
                if book.mode[lane] == TRAINING:
                    after_training(book, rules, streams, net, lane, mean, worst)
                else:
                    after_test(book, rules, streams, lane, mean, square, worst)
                if book.mode[lane] == TRAINING or book.mode[lane] == TESTING:
                    start(book, streams, state, net, lane)
                else:
                    ended = True
            if ended:
                break
        return done

    return entry(run)
