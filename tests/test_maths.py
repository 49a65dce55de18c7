"""Functions of vectors are right to a few units in the last place, and random numbers normal, for every argument."""

from functools import lru_cache

import numba
import numpy as np
import pytest
from scipy.stats import kstest, norm
from twins import compiled

from repro.kernels import maths
from repro.kernels.lanes import loader, store, zeros

WIDTH = 8
BOUND = {"float32": 87.0, "float64": 708.0}  # the arguments are clamped here
FUNCTIONS = ("exp", "logistic", "tanh_half")
RANGES = [(0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0), (-1.0, 3.0)]
both = pytest.mark.parametrize("precision", ["float32", "float64"])


def applying(precision):
    """A function of (x, out), writing the `FUNCTIONS` and the logarithm of each row of x."""
    load = loader(WIDTH)
    built = maths.build(precision)
    exp, logistic, tanh_half, log = built.exp, built.logistic, built.tanh_half, built.log

    def run(x, out):
        for i in range(x.shape[0]):
            row = load(x, i)
            store(out, exp(row), 0, i)
            store(out, logistic(row), 1, i)
            store(out, tanh_half(row), 2, i)
            store(out, log(row), 3, i)

    return compiled(run)


def applying_normal(precision):
    load, normal = loader(WIDTH), maths.build(precision).normal

    def run(bits, out):
        for i in range(bits.shape[0]):
            store(out, normal(load(bits, i)), 0, i)

    return compiled(run)


@lru_cache(maxsize=None)
def applied(precision, applying=applying):
    return applying(precision)


@lru_cache(maxsize=None)
def squashing(precision):
    """A compiled function of (x, out), writing value and slope of the curves of all `RANGES`, then of the identity."""
    load, built = loader(WIDTH), maths.build(precision)
    a, b, c, d = (maths.squashing(*limits, built) for limits in RANGES)
    identity = maths.identity

    def run(x, out):
        for i in range(x.shape[0]):
            row = load(x, i)
            results = (*a(row), *b(row), *c(row), *d(row), *identity(row))
            store(out, results[0], 0, i)
            store(out, results[1], 1, i)
            store(out, results[2], 2, i)
            store(out, results[3], 3, i)
            store(out, results[4], 4, i)
            store(out, results[5], 5, i)
            store(out, results[6], 6, i)
            store(out, results[7], 7, i)
            store(out, results[8], 8, i)
            store(out, results[9], 9, i)

    return compiled(run)


def squashed(precision, limits, numbers):
    """Value and slope of a curve, or of the identity if limits is None."""
    results = evaluate(squashing(precision), precision, numbers, 10)
    k = RANGES.index(limits) if limits in RANGES else len(RANGES)
    return results[2 * k : 2 * k + 2]


def evaluate(run, precision, numbers, n_results):
    """Results for a flat array of numbers, as many rows as functions."""
    numbers = np.asarray(numbers)
    if numbers.dtype != np.uint32:
        numbers = numbers.astype(precision)
    x = zeros((-(-len(numbers) // WIDTH),), WIDTH, numbers.dtype)
    x.reshape(-1)[: len(numbers)] = numbers
    out = zeros((n_results, len(x)), WIDTH, precision)
    with np.errstate(all="ignore"):
        run(x, out)
    return out.reshape(n_results, -1)[:, : len(numbers)]


def functions_of(precision, numbers):
    return dict(zip(FUNCTIONS, evaluate(applied(precision), precision, numbers, 4)[:3], strict=True))


def logs_of(precision, numbers):
    return evaluate(applied(precision), precision, numbers, 4)[3]


def normals_of(precision, bits):
    return evaluate(applied(precision, applying_normal), precision, np.asarray(bits, np.uint32), 1)[0]


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


@lru_cache(maxsize=None)
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
        for result in squashed(precision, limits, x):
            assert np.isnan(result).tolist() == [False, True, False, True]


@both
@pytest.mark.parametrize("limits", RANGES)
def test_squashing(precision, limits):
    """Against the closed form, in units of the last place of the largest value and the largest slope there is."""
    low, high = limits
    x = arguments(precision)
    value, slope = squashed(precision, limits, x)
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
    rise = squashed("float64", limits, x + step)[0] - squashed("float64", limits, x - step)[0]
    slope = squashed("float64", limits, x)[1]
    assert np.abs(rise / (2 * step) - slope).max() < 1e-8
    assert slope.max() > 0.2 * (limits[1] - limits[0])


@both
def test_the_papers_curves(precision):
    """h(x) = 2 f(x) - 1 goes from -1 to 1 with slope 1/2 at 0; g(x) = 4 f(x) - 2 from -2 to 2 with slope 1."""
    x = np.array([0.0, 1e4, -1e4])
    assert squashed(precision, (-1.0, 1.0), x).tolist() == [[0, 1, -1], [0.5, 0, 0]]
    assert squashed(precision, (-2.0, 2.0), x).tolist() == [[0, 2, -2], [1, 0, 0]]


@both
def test_identity(precision):
    x = np.array([0.0, -3.5, 1e30, 1e-30], precision)
    value, slope = squashed(precision, None, x)
    assert (value == x).all()
    assert (slope == 1).all()


# ------------------------------------------------------------------------------------------------------ logarithm


@lru_cache(maxsize=None)
def positive(precision):
    """All sizes of normal numbers, close to 1 and to every power of 2 and 1.5 times it, where the reduction changes."""
    info, rng = np.finfo(precision), np.random.default_rng(2)
    exponents = np.arange(info.minexp + 1, info.maxexp - 1)
    turns = np.ldexp([[1.0], [1.5], [0.75]], exponents).ravel().astype(precision)
    close = rng.integers(-2000, 2000, 4000) * 2.0 ** rng.integers(-40, -10, 4000)
    return np.unique(
        np.concatenate(
            [
                np.array([info.tiny, np.nextafter(info.tiny, info.max, dtype=precision), info.max], precision),
                turns, np.nextafter(turns, np.inf, dtype=precision), np.nextafter(turns, 0, dtype=precision),
                (1 + close).astype(precision),
                rng.uniform(0.5, 2, 50_000).astype(precision),
                np.ldexp(rng.uniform(1, 2, 50_000), rng.integers(info.minexp, info.maxexp, 50_000)).astype(precision),
            ]
        )
    )  # fmt: skip


@both
def test_accuracy_of_the_logarithm(precision):
    """Also near 1, where it is small."""
    x = positive(precision)
    assert x[0] == np.finfo(precision).tiny
    result, exact = logs_of(precision, x), np.log(x.astype(np.longdouble))
    worst = off_by(result, exact, precision)
    assert worst.max() < 3.5, f"{worst.max():.2f} units at {x[worst.argmax()]!r}"
    assert (np.sign(result) == np.sign(x - 1)).all()


@both
def test_logarithm_never_falls_by_more_than_rounding(precision):
    result = logs_of(precision, positive(precision))
    assert (-np.diff(result.astype(np.longdouble)) / np.spacing(np.abs(result[1:]))).max() <= 1


@both
def test_logarithm_undoes_exp(precision):
    x = np.linspace(-80, 80, 10_001).astype(precision)
    back = logs_of(precision, functions_of(precision, x)["exp"])
    assert np.abs(back - x).max() < 2 * np.finfo(precision).eps * 80


# --------------------------------------------------------------------------------------------- normal random numbers

PARTS = 2**24  # a sign and one of so many parts of half the probability


def from_part(part, sign=1):
    return (np.asarray(part, np.uint32) << np.uint32(8)) + np.uint32(sign)


@both
def test_normal_numbers_are_quantiles(precision):
    """Every 37th and the 100,000 outermost of all there are: those of the middles of 2^24 equal parts of a half."""
    part = np.union1d(np.arange(0, PARTS, 37), [*range(100_000), PARTS - 1])
    z, exact = normals_of(precision, from_part(part)), norm.isf((part + 0.5) / (2 * PARTS))
    assert abs(exact.max() - 5.5426) < 1e-4
    assert (np.abs(z - exact) < 1e-6 * np.maximum(exact, 0.15)).all()
    assert (z >= 0).all()


@both
def test_normal_numbers_take_their_sign_from_the_lowest_bit_and_ignore_seven_others(precision):
    """So they are symmetric to the last bit."""
    part = np.random.default_rng(3).integers(0, PARTS, 10_000)
    up, down = normals_of(precision, from_part(part)), normals_of(precision, from_part(part, 0))
    assert (up == -down).all()
    assert (up > 0).sum() > 9990
    others = from_part(part) + np.random.default_rng(4).integers(0, 128, 10_000, dtype=np.uint32) * np.uint32(2)
    assert (normals_of(precision, others) == up).all()


@lru_cache(maxsize=None)
def all_sizes():
    """|z| of all there are in single precision, in double precision for sums of them."""
    return normals_of("float32", from_part(np.arange(PARTS))).astype(float)


def test_normal_numbers_have_the_right_moments():
    """Of all there are; the odd moments are 0 by symmetry. The tail beyond 5.54 is missing."""
    square = all_sizes() ** 2
    fourth = square * square
    assert abs(square.mean() - 1) < 3e-7
    assert abs(fourth.mean() / 3 - 1) < 3e-6
    assert abs(square @ fourth / PARTS / 15 - 1) < 3e-5
    assert abs(all_sizes().mean() / (2 / np.pi) ** 0.5 - 1) < 1e-7


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 3, 4, 5])
def test_normal_numbers_have_the_right_tails(sigma):
    """Of all there are, as many lie beyond as should; in expectation 1,063 of 2^24 beyond 4, and 10 beyond 5."""
    assert abs((all_sizes() > sigma).sum() - 2 * norm.sf(sigma) * PARTS) < 2


def test_normal_numbers_never_fall_back():
    """Further out in the distribution is further out in the numbers, but for rounding."""
    assert np.diff(all_sizes()).max() < 1e-6


def test_normal_numbers_from_random_bits_are_normal():
    bits = np.random.default_rng(5).integers(0, 2**32, 200_000, dtype=np.uint32)
    z = normals_of("float32", bits).astype(float)
    assert kstest(z, norm.cdf).pvalue > 0.01
    assert abs(z.mean()) < 3 / len(z) ** 0.5
    assert abs(z.var() - 1) < 3 * (2 / len(z)) ** 0.5
    for sigma in (3, 4):
        for side in (z, -z):
            expected = norm.sf(sigma) * len(z)
            assert abs((side > sigma).sum() - expected) < 4 * expected**0.5


# ---------------------------------------------------------------------------------------------------- without the JIT


@both
def test_jitted_and_plain_python_agree_bit_for_bit(precision, monkeypatch):
    bits = np.random.default_rng(6).integers(0, 2**32, 4096, dtype=np.uint32)
    bits[:4] = 0, 1, 2**32 - 2, 2**32 - 1
    cases = [
        (applying, arguments(precision)[::37], 4),
        (applying, positive(precision)[::7], 4),
        (applying_normal, bits, 1),
    ]
    jitted = [evaluate(applied(precision, make), precision, numbers, n) for make, numbers, n in cases]
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    for (make, numbers, n), result in zip(cases, jitted, strict=True):
        run = make(precision)
        assert not hasattr(run, "py_func")
        assert evaluate(run, precision, numbers, n).tobytes() == result.tobytes()
