"""Of a kernel that cannot be compiled is told what is wrong, in which line, and what to do."""

import numpy as np
import pytest
from numba.core.errors import TypingError

from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import loader, store
from repro.running import check
from repro.running.uncompiled import explained

load = loader(4)


@kernel
def in_place(x):
    y = load(x, 0)
    y += y  # here
    store(x, y, 0)


@kernel
def branches(x):
    y = load(x, 0)
    if y > 0.5:  # here
        store(x, y, 0)


@kernel
def negated(x):
    y = load(x, 0)
    store(x, -y, 0)  # here


@kernel
def of_numpy(x):
    y = load(x, 0)
    store(x, np.exp(y), 0)  # here


@kernel
def not_loaded(x):
    y = load(x, 0)
    store(x, y * x[0], 0)  # here


@kernel
def misspelt(x):
    store(x, laod(x, 0), 0)  # noqa: F821


CASES = [
    (in_place, "`y += y  # here`: there is no iadd(a vector, a vector)", "x = x + y"),
    (branches, "`if y > 0.5:  # here`: there is no bool(a mask)", "select(mask, a, b)"),
    (negated, "`store(x, -y, 0)  # here`: there is no neg(a vector)", "0.0 - x"),
    (of_numpy, "`store(x, np.exp(y), 0)  # here`: there is no exp(a vector)", "repro.kernels.maths"),
    (not_loaded, "`store(x, y * x[0], 0)  # here`: there is no mul(a vector, an array)", "load(array, k)"),
    (misspelt, "the name 'laod' is not defined", "mend the name"),
]


@pytest.mark.parametrize(("wrong", "problem", "advice"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_what_is_wrong_where_and_what_to_do(wrong, problem, advice):
    def run(x):
        wrong(x)

    with pytest.raises(TypingError) as error:
        entry(run)(np.ones((1, 4), np.float32))
    told = explained(error.value)
    assert problem in told.problem
    assert "\n" not in told.problem
    assert advice in told.advice
    assert "here" not in problem or told.problem.startswith("test_uncompiled.py:")


def test_an_array_that_the_net_has_not():
    told = explained(TypingError("Unknown attribute 'vel' of type Net(array(float32, 3d, C), array(float32, 2d, C))"))
    assert told.problem == "the net has no array 'vel'"


def test_other_errors_are_not_the_compilers():
    assert explained(ValueError("x")) is None


def test_a_check_says_it_once(monkeypatch):
    def wrong(case):
        raise TypingError("Unknown attribute 'vel' of type Net()")

    monkeypatch.setattr(check, "_OF_LEARNER", (("one", wrong), ("two", wrong), ("three", lambda case: None)))
    found = list(check.of("learners", "elman"))
    assert [finding.problem for finding in found] == ["the net has no array 'vel'", "as above", ""]
    assert [bool(finding.advice) for finding in found] == [True, False, False]
