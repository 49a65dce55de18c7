"""Sources that are always on: derivatives are as finite differences have them, and courses are those of real nets."""

import numpy as np
import pytest
from twins import lstm as twin

from repro.experiments import config
from repro.looking import always_on, courses
from repro.presentation.plots import always_on as figures
from repro.presentation.plots import kinds, style

DESIGN = twin.Design(n_in=4, n_out=1, blocks=2, size=2, biased="all", g=(-2.0, 2.0))
T = 7


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(3)
    rows = [rng.uniform(-0.8, 0.8, n) for n in DESIGN.row_lengths()]
    symbols = [2, 0, 1, 3, 1, 3, 3]
    return rows, np.eye(4)[symbols]


def seen(rows, inputs):
    """What the learner lets be seen of a net, by its twin."""
    moments = twin.forward(DESIGN, rows, inputs)
    return moments, {
        "input gate": np.array([now.y[:2] for now in moments]),
        "output gate": np.array([now.y[2:4] for now in moments]),
        "internal state": np.array([now.s.ravel() for now in moments]),
    }


def test_derivatives_are_those_of_the_state_if_the_net_sees_its_past_as_constant(net):
    rows, inputs = net
    moments, units = seen(rows, inputs)
    frozen = twin.as_seen(DESIGN, moments)
    found = always_on.derivatives(inputs, units, DESIGN.g)
    for cell in range(4):
        unit = 4 + cell

        def state(moved, t, unit=unit, cell=cell):
            changed = [*[row.astype(complex) for row in rows[:unit]], moved[0], *rows[unit + 1 :]]
            return twin.forward(DESIGN, changed, inputs, frozen)[t].s.ravel()[cell]

        for t in range(T):
            (slope,) = twin.gradient(lambda moved, t=t: state(moved, t), [rows[unit]])
            assert found["gate"][t, cell] == pytest.approx(slope[4:8].mean(), abs=1e-12)
            assert found["bias"][t, cell] == pytest.approx(slope[-1], abs=1e-12)
            assert found["first"][t, cell] == pytest.approx(slope[2], abs=1e-12)  # came once, at first
            assert found["second"][t, cell] == pytest.approx(slope[0], abs=1e-12)
    assert (np.abs(found["first"][0]) > 1e-3).all()


def test_what_is_always_on_grows_and_what_came_once_does_not(net):
    rows, inputs = net
    found = always_on.derivatives(inputs, seen(rows, inputs)[1], DESIGN.g)
    assert (np.diff(found["bias"], axis=0) > 0).all()
    assert (np.diff(found["gate"], axis=0)[1:] > 0).all()
    assert not np.diff(found["first"], axis=0).any()
    assert np.allclose(np.cumsum(found["once"], axis=0), found["bias"], rtol=1e-14)


def test_every_question_is_about_settings_that_there_are():
    rows = config.load()
    for question in always_on.QUESTIONS:
        for one in question.nets:
            courses.endless(rows[question.row], one, 10)
        assert "control" in question.nets[1].label
    assert always_on.FRESH[0] in rows


def test_the_figure_has_a_panel_for_each_question():
    value = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 8.0]])
    growth = [courses.Course(name, np.array([1, 2]), value) for name in ("a", "b", "c")]
    answers = [
        (question, [courses.Course(one.label, np.array([0, 100]), value) for one in question.nets])
        for question in always_on.QUESTIONS
    ]
    figure = figures.figure((growth, answers))
    assert len(figure.axes) == 4
    assert [line.get_label() for line in figure.axes[1].lines] == [one.label for one in always_on.QUESTIONS[0].nets]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [2, 4]


def test_it_takes_no_rows():
    with pytest.raises(style.PlotError, match="alwayson measures nets of its own"):
        kinds.draw("alwayson", ("9",), {}, None)
