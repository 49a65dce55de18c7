"""The stop rule: what becomes of a lane when a sequence has ended.

It has stages, and is asked after every so many training sequences. A stage may ask for few errors in the most recent
training sequences; it may then hold an exam, weights frozen, on sequences from the trial's test stream, at most every
so many training sequences; and when it is passed, it may be followed by a test on further ones, for the record. Then
training goes on for the next stage, with the training stream where it was. A trial that has passed all its stages is
solved. One that reaches the limit has failed; where there are exams, a last look follows: an exam that decides nothing,
and shows how near the trial came.
"""

from typing import Any, NamedTuple

import numpy as np

from repro.kernels.jit import kernel

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


class Streams(NamedTuple):
    """Random streams, (4, width) uint32."""

    current: Any  # the one in use
    parked: Any  # the other one of training and test
    exam: Any  # where an exam starts, if all have the same sequences


class StopRule(NamedTuple):
    """The rule as compiled functions of one lane."""

    after_training: Any  # (book, rules, streams, net, lane, mean, error, wrong): book a training sequence, ask the rule
    after_test: Any  # (book, rules, streams, lane, absolute, square, worst, wrong, wrong_late): book one of a test


def build(finite: Any) -> StopRule:
    """Compile the rule; ``finite`` is that of `contract.Learner`."""

    @kernel
    def swap(streams, lane):
        """Change the stream in use for the parked one: from training to test, or back."""
        for i in range(4):
            number = streams.current[i, lane]
            streams.current[i, lane] = streams.parked[i, lane]
            streams.parked[i, lane] = number

    @kernel
    def clear(book, lane, stage):
        """Nothing has been tested yet at a stage."""
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

    return StopRule(after_training, after_test)
