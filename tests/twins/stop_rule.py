"""The life of one trial as its stop rule has it: told from front to back, in exact numbers, for made-up sequences.

A rule is a mapping with the names of the settings, in which None is a bound that is not there.
"""

import math
from fractions import Fraction
from typing import NamedTuple


class Sequence(NamedTuple):
    """What a sequence came to. Mean errors are None if they are not finite."""

    steps: int
    wrong: bool
    absolute: Fraction | None  # over outputs and time steps with targets
    square: Fraction | None
    worst: float  # the most that the outputs are wrong by, where they are judged
    late: bool  # is it wrong at the last time step but one


def looked_at(errors, tolerance, judged_at_end, judgements=None):
    """A sequence by its errors, a list of time steps: each a list with one for each output, empty without a target.

    ``judgements`` say how wrong the outputs are at each time step, if that is not their largest |error|.
    """
    sizes = [abs(error) for step in errors for error in step]
    if judgements is None:
        judgements = [max(map(abs, step)) if step else None for step in errors]
    decisive = judgements[-1:] if judged_at_end else judgements
    late = len(judgements) > 1 and judgements[-2] is not None and not judgements[-2] < tolerance
    if not all(map(math.isfinite, sizes)):
        return Sequence(len(errors), True, None, None, math.nan, late)
    absolute = sum(map(Fraction, sizes)) / len(sizes)
    square = sum(Fraction(size) ** 2 for size in sizes) / len(sizes)
    return Sequence(len(errors), any(one >= tolerance for one in decisive), absolute, square, max(decisive), late)


class Figures:
    """What an exam or a test found."""

    def __init__(self):
        self.sequences = []

    def __len__(self):
        return len(self.sequences)

    @property
    def wrong(self):
        return sum(one.wrong for one in self.sequences)

    @property
    def late(self):
        return sum(one.late for one in self.sequences)

    @property
    def worst(self):
        return max(one.worst for one in self.sequences)

    def total(self, name):
        """The sum of a mean error over all sequences, or None if it is not finite."""
        values = [getattr(one, name) for one in self.sequences]
        return None if None in values else sum(values)


class Passed(NamedTuple):
    """A stage that was passed."""

    sequences: int
    steps: int
    figures: Figures
    exam: Figures


class Trial:
    """A trial from its start to its end.

    ``training(i)`` and ``test(i)`` are the sequences at place i of the two streams. From the ``spoilt_after``-th
    training sequence on the weights are not finite.
    """

    def __init__(self, rule, training, test, spoilt_after=math.inf):
        self.rule, self.training, self.test, self.spoilt_after = rule, training, test, spoilt_after
        self.begun = []  # (stream, place in it, number)
        self.booked = []  # the training sequences
        self.exams = []  # of all stages, failed ones too
        self.passed = []
        self.test_place = 0
        self.latest_exam = 0  # in training sequences
        self.look = None  # the last one, of a trial that failed where there are exams
        self.outcome = None
        while self.outcome is None:
            self.live()

    @property
    def n(self):
        return len(self.booked)

    @property
    def stage(self):
        """The conditions of the current stage."""
        return self.rule["stages"][len(self.passed)]

    @property
    def is_done(self):
        return len(self.passed) == len(self.rule["stages"])

    def live(self):
        """One training sequence, and what follows from it."""
        self.begun.append(("training", self.n, -1))
        one = self.training(self.n)
        self.booked.append(one)
        if self.error(one) is None:
            self.outcome = "diverged"
            return
        plausible, at_limit = self.is_plausible(), self.n >= self.rule["max_sequences"]
        is_checked = plausible or at_limit or self.n % 1000 == 0
        if is_checked and self.n >= self.spoilt_after:
            self.outcome = "diverged"
            return
        if plausible:
            self.attempt()
        if self.is_done:
            self.outcome = "solved"
        elif at_limit:
            self.outcome = "limit"
            if self.rule["exam_sequences"] > 0:
                self.look = self.begin_exam()
                while len(self.look) < self.rule["exam_sequences"]:
                    self.draw(self.look)

    @property
    def kind_of_error(self):
        return {"absolute": "absolute", "squared": "square"}[self.rule["error"]]

    def error(self, one):
        return getattr(one, self.kind_of_error)

    def is_plausible(self):
        """Would an exam make sense now, by the most recent training sequences."""
        window, stage = self.rule["window"], self.stage
        if self.n < window or self.n - self.latest_exam < self.rule["exam_every"]:
            return False
        if self.n not in range(0, self.n + 1, self.rule["ask_every"]):
            return False
        recent = self.booked[-window:]
        few_wrong = stage["max_wrong"] is None or sum(one.wrong for one in recent) <= stage["max_wrong"]
        return few_wrong and self.is_below(sum(map(self.error, recent)), window, stage["mean_error"])

    @staticmethod
    def is_below(total, n, bound):
        """Is a mean below its bound; with no bound it has to be finite."""
        return total is not None and (bound is None or total / n < Fraction(bound))

    def attempt(self):
        """The current stage is plausible: hold the exam, if there are exams, and pass what can be passed."""
        if self.rule["exam_sequences"] == 0:
            self.pass_stage(Figures())
            return
        self.latest_exam = self.n
        exam = self.begin_exam()
        self.exams.append(exam)
        while len(exam) < self.rule["exam_sequences"] and not self.too_many_wrong(exam):
            self.draw(exam)
        # Of the next stage's conditions, those on the exam count here, not those on the most recent training sequences.
        while not self.is_done and self.will_do(exam):
            if self.pass_stage(exam):
                return

    def begin_exam(self):
        if self.rule["exam_set"] == "fixed":
            self.test_place = 0
        return Figures()

    def too_many_wrong(self, exam):
        most = self.stage["exam_max_wrong"]
        return most is not None and exam.wrong > most

    def will_do(self, exam):
        """The current stage's conditions on the exam."""
        total = exam.total(self.kind_of_error)
        return not self.too_many_wrong(exam) and self.is_below(total, len(exam), self.stage["exam_mean_error"])

    def pass_stage(self, exam):
        """Note that the current stage is passed, and test it; was there a test."""
        n_test = self.stage["test_sequences"]
        if n_test is None:
            n_test = self.rule["test_sequences"]
        test = Figures()
        while len(test) < n_test:
            self.draw(test)
        steps = sum(one.steps for one in self.booked)
        self.passed.append(Passed(self.n, steps, test if n_test > 0 else exam, exam))
        return n_test > 0

    def draw(self, figures):
        """The next sequence of the test stream, into the figures of an exam or test."""
        self.begun.append(("test", self.test_place, len(figures)))
        figures.sequences.append(self.test(self.test_place))
        self.test_place += 1
