"""Squashing functions are right to a few units in the last place, for every argument."""

from functools import lru_cache

import numpy as np
import pytest
from twins import compiled

from repro.kernels import maths
from repro.kernels.lanes import loader, store, zeros

WIDTH = 8
BOUND = {"float32": 87.0, "float64": 708.0}  # the arguments are clamped here
FUNCTIONS = ("exp", "logistic", "tanh_half")
RANGES = [(0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0), (-1.0, 3.0)]
both = pytest.mark.parametrize("precision", ["float32", "float64"])


@lru_cache(maxsize=None)
def applied(precision):
    """A compiled function of (x, out), writing exp, logistic and tanh_half of each row of x."""
    load = loader(WIDTH)
    exp, logistic, tanh_half = maths.build(precision)

    @compiled
    def run(x, out):
        for i in range(x.shape[0]):
            row = load(x, i)
            store(out, exp(row), 0, i)
            store(out, logistic(row), 1, i)
            store(out, tanh_half(row), 2, i)

    return run


@lru_cache(maxsize=None)
def squashed(precision, limits):
    load = loader(WIDTH)
    curve = maths.identity if limits is None else maths.squashing(*limits, maths.build(precision))

    @compiled
    def run(x, out):
        for i in range(x.shape[0]):
            value, slope = curve(load(x, i))
            store(out, value, 0, i)
            store(out, slope, 1, i)

    return run


def evaluate(run, precision, numbers, n_results):
    """Results for a flat array of numbers, as many rows as functions."""
    numbers = np.asarray(numbers, precision)
    x = zeros((-(-len(numbers) // WIDTH),), WIDTH, precision)
    x.reshape(-1)[: len(numbers)] = numbers
    out = zeros((n_results, len(x)), WIDTH, precision)
    with np.errstate(all="ignore"):
        run(x, out)
    return out.reshape(n_results, -1)[:, : len(numbers)]


def functions_of(precision, numbers):
    return dict(zip(FUNCTIONS, evaluate(applied(precision), precision, numbers, 3), strict=True))


def truth(name, x):
    """The same in extended precision, written so that nothing cancels."""
    x = np.asarray(x, np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        if name == "exp":
            return np.exp(x)
        if name == "logistic":
            return 1 / (1 + np.exp(-x))
        return np.tanh(x / 2)


def off_by(result, exact, precision):
    """Distance in units of the last place of the exact result."""
    unit = np.spacing(np.abs(exact).astype(precision))
    return np.abs(result.astype(np.longdouble) - exact) / unit


def arguments(precision):
    """Both signs, from the smallest normal numbers to the bound; dense stretches, and where n changes."""
    bound = BOUND[precision]
    rng = np.random.default_rng(1)
    tiny = np.finfo(precision).tiny
    positive = np.concatenate(
        [
            np.geomspace(tiny, bound, 20_001),
            np.linspace(0, 5, 20_001),
            rng.uniform(0, 20, 40_000),
            rng.uniform(0, bound, 40_000),
            [
                np.nextafter(k * np.log(2) / 2, side)
                for k in range(1, int(2 * bound / np.log(2)))
                for side in (0, bound)
            ],
        ]
    ).clip(0, bound)
    return np.unique(np.concatenate([-positive, positive]).astype(precision))


@both
@pytest.mark.parametrize(("name", "units"), [("exp", 1.0), ("logistic", 2.5), ("tanh_half", 2.6)])
def test_accuracy(precision, name, units):
    x = arguments(precision)
    result = functions_of(precision, x)[name]
    worst = off_by(result, truth(name, x), precision)
    assert worst.max() < units, f"{worst.max():.2f} units at {x[worst.argmax()]!r}"


@both
def test_small_results_keep_their_relative_precision(precision):
    """The half of a tiny x, and the logistic of a very negative one, are no zeros."""
    x = np.array([1e-30, -1e-30, 1e-12, -3e-7, 1e-4], precision)
    assert np.allclose(functions_of(precision, x)["tanh_half"] / (x / 2), 1, rtol=1e-6)
    x = np.array([-20, -50, -80], precision)
    assert np.allclose(functions_of(precision, x)["logistic"] / np.exp(x), 1, rtol=1e-6)


@both
def test_at_zero(precision):
    result = functions_of(precision, [0.0, -0.0])
    assert (result["exp"] == 1).all()
    assert (result["logistic"] == 0.5).all()
    assert (result["tanh_half"] == 0).all()


@both
def test_never_falls_by_more_than_rounding(precision):
    x = arguments(precision)
    neighbours = np.float32(1.0) + np.arange(-20_000, 20_000) * np.finfo(np.float32).eps  # consecutive float32 numbers
    for numbers in (x, np.sort(np.concatenate([neighbours, -neighbours])), np.linspace(0.3, 0.4, 50_000)):
        for name, result in functions_of(precision, numbers).items():
            fall = -np.diff(result.astype(np.longdouble)) / np.spacing(np.abs(result[1:]))
            assert fall.max() <= 2, f"{name} falls by {fall.max()} units"
            assert result[-1] >= result[0]


@both
def test_symmetric(precision):
    x = arguments(precision)
    up, down = functions_of(precision, x), functions_of(precision, -x)
    unit = np.spacing(np.abs(up["tanh_half"]))
    assert (np.abs(up["tanh_half"] + down["tanh_half"]) <= 3 * unit).all()
    assert np.abs(up["logistic"] + down["logistic"] - 1).max() <= 2 * np.finfo(precision).eps


@both
def test_stays_in_range(precision):
    x = np.concatenate([arguments(precision), [np.inf, -np.inf, 1e30, -1e30]])
    result = functions_of(precision, x)
    assert (result["logistic"] >= 0).all()
    assert (result["logistic"] <= 1).all()
    assert (np.abs(result["tanh_half"]) <= 1).all()
    assert (result["exp"] > 0).all()
    assert np.isfinite(result["exp"]).all()


@both
def test_saturates_beyond_the_bound(precision):
    bound = BOUND[precision]
    up = functions_of(precision, [np.inf, 1e30, 2 * bound])
    down = functions_of(precision, [-np.inf, -1e30, -2 * bound])
    edge = functions_of(precision, [bound, -bound])
    assert (up["exp"] == edge["exp"][0]).all()
    assert (down["exp"] == edge["exp"][1]).all()
    assert (up["logistic"] == 1).all()
    assert (down["logistic"] == edge["logistic"][1]).all()
    assert (down["logistic"] < 1e-37).all()
    assert (up["tanh_half"] == 1).all()
    assert (down["tanh_half"] == -1).all()


@both
def test_nan_stays_nan(precision):
    x = np.array([1.0, np.nan, -2.0, -np.nan])
    for result in functions_of(precision, x).values():
        assert np.isnan(result).tolist() == [False, True, False, True]
    for limits in (*RANGES, None):
        for result in evaluate(squashed(precision, limits), precision, x, 2):
            assert np.isnan(result).tolist() == [False, True, False, True]


@both
@pytest.mark.parametrize("limits", RANGES)
def test_squashing(precision, limits):
    """Against the closed form, in units of the last place of the largest value and the largest slope there is."""
    low, high = limits
    x = arguments(precision)
    value, slope = evaluate(squashed(precision, limits), precision, x, 2)
    f, mirrored = truth("logistic", x), truth("logistic", -x)
    eps = np.finfo(precision).eps
    assert np.abs(value - (low + (high - low) * f)).max() < 2 * eps * max(abs(low), abs(high))
    assert np.abs(slope - (high - low) * f * mirrored).max() < 4 * eps * (high - low) / 4
    if low == -high:  # near 0 exact to the last places, relative to the value itself
        assert off_by(value, high * truth("tanh_half", x), precision).max() < 4


@pytest.mark.parametrize("limits", RANGES)
def test_slope_is_the_derivative(limits):
    """Against finite differences of the function itself."""
    x = np.linspace(-9, 9, 1001)
    step = 1e-6
    run = squashed("float64", limits)
    rise = evaluate(run, "float64", x + step, 2)[0] - evaluate(run, "float64", x - step, 2)[0]
    slope = evaluate(run, "float64", x, 2)[1]
    assert np.abs(rise / (2 * step) - slope).max() < 1e-8
    assert slope.max() > 0.2 * (limits[1] - limits[0])


@both
def test_the_papers_curves(precision):
    """h(x) = 2 f(x) - 1 goes from -1 to 1 with slope 1/2 at 0; g(x) = 4 f(x) - 2 from -2 to 2 with slope 1."""
    x = np.array([0.0, 1e4, -1e4])
    assert evaluate(squashed(precision, (-1.0, 1.0)), precision, x, 2).tolist() == [[0, 1, -1], [0.5, 0, 0]]
    assert evaluate(squashed(precision, (-2.0, 2.0)), precision, x, 2).tolist() == [[0, 2, -2], [1, 0, 0]]


@both
def test_identity(precision):
    x = np.array([0.0, -3.5, 1e30, 1e-30], precision)
    value, slope = evaluate(squashed(precision, None), precision, x, 2)
    assert (value == x).all()
    assert (slope == 1).all()
