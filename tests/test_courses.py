"""Courses are those of real nets, and say what the curve of an output unit does."""

from types import SimpleNamespace

import numpy as np
import pytest

from repro.experiments import config
from repro.looking import always_on, courses, output_curve, watching
from repro.presentation.plots import kinds, style
from repro.presentation.plots import output_curve as figures


def test_a_course_is_that_of_the_rows_nets(plain):
    """As drawn, and after so many sequences, whatever it has learnt by then."""
    asked = courses.Question(
        "a question", "1/lstm/3x2,lr=0.5", "largest |internal state| in a string", always_on._most,
        (courses.Net("as printed"),), (0, 3), trials=2, tests=2,
    )  # fmt: skip
    told = []
    (course,) = courses.courses(asked, told.append)
    assert (course.label, course.x.tolist()) == ("as printed", [0, 3])
    assert told == [f"1/lstm/3x2,lr=0.5, as printed, after {n} sequences" for n in (0, 3)]
    row = config.load()["1/lstm/3x2,lr=0.5"]
    condition = row.condition(overrides={"stop.window": 1_000_000, "stop.exam_sequences": 1, "stop.max_sequences": 3})
    states = []
    for trial in (0, 1):
        rerun = watching.Rerun(condition, trial)
        record = rerun.train()
        assert (record.outcome, record.sequences) == ("limit", 3)
        states += [np.abs(rerun.watch(number).units["internal state"]).max() for number in (0, 1)]
    assert sorted(states)[1] < course.value[1, 1] < sorted(states)[2]
    assert course.value[1].tolist() == [np.quantile(states, share) for share in (0.25, 0.5, 0.75)]
    assert (course.value[0] != course.value[1]).all()


def seen(target, output):
    return SimpleNamespace(targets=np.array([[np.nan] * len(target), target]), outputs=np.array([output, output]))


def test_quantities_are_of_the_last_time_step():
    one = seen([0.0, 1.0, 0.0], [0.1, 0.3, 0.2])
    assert output_curve.largest_error(one) == pytest.approx(0.7)
    assert output_curve.derivative(one) == pytest.approx(0.3 * 0.7)


def test_errors_are_put_by_their_targets():
    found = output_curve.binned([seen([0.1], [0.2]), seen([0.14], [0.44]), seen([0.5], [0.25]), seen([0.99], [1.0])])
    assert found[[0, 4, 8]] == pytest.approx([0.2, 0.25, 0.01])
    assert np.isnan(found[[1, 2, 3, 5, 6, 7]]).all()


def test_questions_are_about_settings_that_there_are():
    rows = config.load()
    for question in output_curve.QUESTIONS:
        for one in question.nets:
            courses.endless(rows[question.row], one, 10)
    for one in output_curve.ADDERS:
        assert courses.endless(rows[output_curve.ADDING], one, 10).settings["stop"]["max_sequences"] == 10


def test_the_figure_has_a_panel_for_each_question_and_one_by_target():
    value = np.array([[0.1, 0.2, 0.3], [0.2, 0.4, 0.8]])
    answers = [
        (question, [courses.Course(one.label, np.array([0, 100]), value) for one in question.nets])
        for question in output_curve.QUESTIONS
    ]
    figure = figures.figure((answers, [courses.Course("linear", np.array([0.1, 0.9]), value)]))
    assert [len(ax.lines) for ax in figure.axes] == [4, 4, 4, 1]
    assert figure.axes[3].lines[0].get_ydata().tolist() == [0.2, 0.4]


def test_it_takes_no_rows():
    with pytest.raises(style.PlotError, match="outputcurve measures nets of its own"):
        kinds.draw("outputcurve", ("9",), {}, None)
