"""The training loop: every lane a state machine of its own, all lanes in the same time step.

Time steps are vector code, and so is learning, at every time step or where sequences end. What else happens at the end
of a sequence is rare and concerns one lane: the error is judged, the stop rule is asked, a new sequence begins. No lane
waits for another. As the length of a sequence is known when it begins, the loop runs up to the next end of any lane
without asking.

`build` gives ``run(n_ticks, book, rules, streams, state, net)``, which returns to Python after ``n_ticks`` time steps,
or as soon as a trial ends: progress, Ctrl-C and lane refills live there. Where it returns has no influence on any
number.
"""

from typing import Any

import numpy as np

from repro.kernels import stop_rule, tallies
from repro.kernels.contract import Interface, Learner, Task
from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import zeros
from repro.kernels.stop_rule import IDLE, LOOKING, TRAINING, Book, Streams
from repro.kernels.tallies import Tally


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
    begin, present = task.begin, task.present
    step, learn, settle, reset = learner.step, learner.learn, learner.settle, learner.reset
    every_step = interface.every_step
    clear, add_errors = tallies.build(task, learner, interface, width)
    after_training, after_test = stop_rule.build(learner.finite)

    @kernel
    def react(state, tally, net):
        """Outputs, targets, errors, learning: at every time step, or where sequences end."""
        add_errors(state, tally, net)
        learn(net)

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
        """Begin a sequence in a lane. Its rate is 0 in a test, and until the end if only there is a target."""
        reset(net, lane)
        number = np.int64(-1)
        if book.mode[lane] != TRAINING:
            number = book.tested[lane, book.stage[lane]]
        n = begin(state, streams.current, lane, number)
        book.length[lane] = n
        book.left[lane] = n
        clear(tally, lane)
        net.rate[lane] = book.rate[lane] if every_step and book.mode[lane] == TRAINING else 0.0

    @kernel
    def runs(book, lane):
        """Does a lane have a trial that goes on."""
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
