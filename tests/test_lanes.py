"""Vectors of lanes do what NumPy does, bit for bit, whatever the width."""

import math
from functools import lru_cache

import numpy as np
import pytest
from twins import compiled

from repro.kernels.lanes import (
    RUN,
    bits_of,
    columns,
    from_bits,
    highest,
    load_run,
    loader,
    maximum,
    minimum,
    padded,
    select,
    splat,
    square_root,
    store,
    store_run,
    to_float,
    total,
    zeros,
)

WIDTHS = (1, 8, 16, 32)
FLOATS = {"float32": (np.float32, np.uint32), "float64": (np.float64, np.uint64)}
N_ROWS = 96
at_all_widths = pytest.mark.parametrize("width", WIDTHS)
at_both_precisions = pytest.mark.parametrize("precision", FLOATS)


def float_arithmetic(width):
    """Every operation on two floating-point vectors a and b, one result row each."""
    load = loader(width)

    def run(x, y, out):
        for i in range(x.shape[0]):
            a, b = load(x, i), load(y, i)
            store(out, a + b, 0, i)
            store(out, a - b, 1, i)
            store(out, a * b, 2, i)
            store(out, a / b, 3, i)
            store(out, a + 0.1, 4, i)
            store(out, 0.1 - a, 5, i)
            store(out, a * 3, 6, i)
            store(out, 1.0 / a, 7, i)
            store(out, a * 1.7 + b, 8, i)
            store(out, a - b * 0.3, 9, i)

    return run


def float_arithmetic_expected(a, b):
    number = a.dtype.type
    return [
        a + b,
        a - b,
        a * b,
        a / b,
        a + number(0.1),
        number(0.1) - a,
        a * number(3),
        number(1) / a,
        a * number(1.7) + b,  # rounded twice: no fused multiply-add
        a - b * number(0.3),
    ]


def float_choices(width):
    """Every operation on floating-point vectors that picks one of its arguments, one result row each."""
    load = loader(width)

    def run(x, y, out):
        for i in range(x.shape[0]):
            a, b = load(x, i), load(y, i)
            store(out, minimum(a, b), 0, i)
            store(out, maximum(a, b), 1, i)
            store(out, minimum(0.1, a), 2, i)
            store(out, minimum(a, 0.1), 3, i)
            store(out, maximum(0.1, a), 4, i)
            store(out, maximum(a, 0.1), 5, i)
            store(out, select(a < b, a, b), 6, i)
            store(out, select(a > b, a, b), 7, i)
            store(out, select(a == b, a, 0.1), 8, i)
            store(out, select((a < b) | (a == b), 0.1, b), 9, i)
            store(out, select((a > 0.1) & (b < 2), a, b), 10, i)
            store(out, select(0.1 > a, a, b), 11, i)  # noqa: SIM300
            store(out, splat(0.1, a), 12, i)
            store(out, from_bits(bits_of(a)), 13, i)
            store(out, from_bits(bits_of(a) ^ bits_of(b)), 14, i)

    return run


def float_choices_expected(a, b):
    tenth = np.full_like(a, 0.1)
    whole = bits_of_numpy(a) ^ bits_of_numpy(b)
    return [
        np.where(a < b, a, b),
        np.where(a > b, a, b),
        np.where(tenth < a, tenth, a),
        np.where(a < tenth, a, tenth),
        np.where(tenth > a, tenth, a),
        np.where(a > tenth, a, tenth),
        np.where(a < b, a, b),
        np.where(a > b, a, b),
        np.where(a == b, a, tenth),
        np.where(a <= b, tenth, b),
        np.where((a > tenth) & (b < 2), a, b),
        np.where(tenth > a, a, b),
        tenth,
        a,
        whole.view(a.dtype),
    ]


def whole_numbers(width):
    """Every operation on two uint32 vectors, one result row each."""
    load = loader(width)

    def run(x, y, out):
        for i in range(x.shape[0]):
            a, b = load(x, i), load(y, i)
            store(out, a + b, 0, i)
            store(out, a - b, 1, i)
            store(out, a * b, 2, i)
            store(out, a & b, 3, i)
            store(out, a | b, 4, i)
            store(out, a ^ b, 5, i)
            store(out, a << 7, 6, i)
            store(out, a >> 25, 7, i)
            store(out, a << (b & 31), 8, i)
            store(out, a >> (b & 31), 9, i)
            store(out, a + 1, 10, i)
            store(out, 5 - a, 11, i)
            store(out, select(a == b, 4, b), 12, i)
            store(out, select(a < b, a, b), 13, i)
            store(out, select(a > b, a, b), 14, i)
            store(out, select((a >> 31) == 1, a, 7), 15, i)
            store(out, minimum(a, b), 16, i)
            store(out, maximum(1000, a), 17, i)
            store(out, splat(4_000_000_000, a), 18, i)
            store(out, bits_of(from_bits(a)), 19, i)

    return run


def whole_numbers_expected(a, b):
    n = np.uint32
    return [
        a + b,
        a - b,
        a * b,
        a & b,
        a | b,
        a ^ b,
        a << n(7),
        a >> n(25),
        a << (b & n(31)),
        a >> (b & n(31)),
        a + n(1),
        n(5) - a,
        np.where(a == b, n(4), b),
        np.minimum(a, b),
        np.maximum(a, b),
        np.where(a >= n(2**31), a, n(7)),
        np.minimum(a, b),
        np.maximum(a, n(1000)),
        np.full_like(a, 4_000_000_000),
        a,
    ]


def bits_of_numpy(x):
    return x.view(f"u{x.itemsize}")


def same_bits(result, expected):
    return np.array_equal(bits_of_numpy(result), bits_of_numpy(np.ascontiguousarray(expected)))


@lru_cache(maxsize=None)
def built(make, width):
    return compiled(make(width))


def rows(values, width):
    """``values`` in an aligned array (N_ROWS, width)."""
    array = zeros((N_ROWS,), width, values.dtype)
    array[:] = values[: N_ROWS * width].reshape(N_ROWS, width)
    return array


def awkward_floats(dtype, width):
    """Two arrays of numbers of all sizes, zeros of both signs, infinities, NaNs and equal pairs."""
    rng = np.random.default_rng(5)
    n = N_ROWS * width
    wide = rng.standard_normal(2 * n) * 10.0 ** rng.integers(-30, 30, 2 * n)
    special = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.1, 1e-310, 1e-42, 3e38], 2 * n)
    numbers = np.where(
        rng.random(2 * n) < 0.4, special, np.where(rng.random(2 * n) < 0.5, wide, rng.uniform(-2, 2, 2 * n))
    )
    a, b = numbers.astype(dtype).reshape(2, n)
    b = np.where(rng.random(n) < 0.1, a, b)
    return rows(a, width), rows(b, width)


@at_all_widths
@at_both_precisions
def test_float_arithmetic(precision, width):
    a, b = awkward_floats(FLOATS[precision][0], width)
    results = [zeros((10, N_ROWS), width, a.dtype) for _ in range(2)]
    with np.errstate(all="ignore"):
        built(float_arithmetic, width)(a, b, results[0])
        float_arithmetic(width)(a, b, results[1])  # without the JIT: the plain definitions
        expected = float_arithmetic_expected(a, b)
    for result in results:
        for k, wanted in enumerate(expected):
            nan = np.isnan(wanted)  # which NaN it is, IEEE 754 leaves open
            assert (np.isnan(result[k]) == nan).all(), k
            assert (bits_of_numpy(result[k])[~nan] == bits_of_numpy(wanted)[~nan]).all(), k


@at_all_widths
@at_both_precisions
def test_float_choices(precision, width):
    a, b = awkward_floats(FLOATS[precision][0], width)
    expected = float_choices_expected(a, b)
    results = [zeros((len(expected), N_ROWS), width, a.dtype) for _ in range(2)]
    built(float_choices, width)(a, b, results[0])
    float_choices(width)(a, b, results[1])
    for result in results:
        for k, wanted in enumerate(expected):
            assert same_bits(result[k], wanted), k


@at_all_widths
def test_whole_numbers(width):
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 2**32, (2, N_ROWS * width), dtype=np.uint32)
    a[::7] = b[::7]
    a[3::11] = rng.choice(np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 1], np.uint32), len(a[3::11]))
    a, b = rows(a, width), rows(b, width)
    expected = whole_numbers_expected(a, b)
    results = [zeros((len(expected), N_ROWS), width, np.uint32) for _ in range(2)]
    built(whole_numbers, width)(a, b, results[0])
    whole_numbers(width)(a, b, results[1])
    for result in results:
        for k, wanted in enumerate(expected):
            assert same_bits(result[k], wanted), k


@at_both_precisions
def test_extrema_give_the_second_argument_where_one_is_nan(precision):
    dtype = FLOATS[precision][0]
    a, b = zeros((1,), 8, dtype), zeros((1,), 8, dtype)
    a[0] = [np.nan, 1, np.nan, 0, -0.0, -np.inf, 2, np.nan]
    b[0] = [2, np.nan, np.nan, -0.0, 0, np.nan, 1, -np.inf]
    out = zeros((15, 1), 8, dtype)
    built(float_choices, 8)(a, b, out)
    assert np.array_equal(out[0, 0], [2, np.nan, np.nan, -0.0, 0, np.nan, 1, -np.inf], equal_nan=True)
    assert np.array_equal(out[1, 0], [2, np.nan, np.nan, -0.0, 0, np.nan, 2, -np.inf], equal_nan=True)
    assert np.signbit(out[:2, 0, 3]).all()
    assert not np.signbit(out[:2, 0, 4]).any()
    assert np.isnan(out[2, 0, [0, 2, 7]]).all()  # minimum(bound, NaN)
    assert np.isnan(out[4, 0, [0, 2, 7]]).all()  # maximum(bound, NaN)


@at_all_widths
@at_both_precisions
def test_to_float(precision, width):
    dtype = FLOATS[precision][0]
    load = loader(width)

    @compiled
    def run(x, out):
        for i in range(x.shape[0]):
            store(out, to_float(load(x, i), dtype), i)

    x = rows(np.random.default_rng(7).integers(0, 2**32, N_ROWS * width, dtype=np.uint32), width)
    x[0, 0], x[1, 0] = 0, 2**32 - 1
    out = zeros((N_ROWS,), width, dtype)
    run(x, out)
    assert same_bits(out, x.astype(dtype))


@at_all_widths
def test_load_and_store_with_any_number_of_indices(width):
    load = loader(width)

    @compiled
    def run(none, one, three, to_none, to_one, to_three):
        store(to_none, load(none))
        for i in range(one.shape[0]):
            store(to_one, load(one, i), one.shape[0] - 1 - i)
        for i in range(three.shape[0]):
            for j in range(three.shape[1]):
                for k in range(np.uint8(three.shape[2])):
                    store(to_three, load(three, i, j, k), k, i, np.uint32(j))

    rng = np.random.default_rng(8)
    shapes = [(), (5,), (2, 3, 4)]
    sources = [zeros(shape, width, np.float32) for shape in shapes]
    for source in sources:
        source[...] = rng.standard_normal(source.shape)
    targets = [zeros(shape, width, np.float32) for shape in [(), (5,), (4, 2, 3)]]
    before = [source.copy() for source in sources]
    run(*sources, *targets)
    assert np.array_equal(targets[0], sources[0])
    assert np.array_equal(targets[1], sources[1][::-1])
    assert np.array_equal(targets[2], sources[2].transpose(2, 0, 1, 3))
    assert all(np.array_equal(source, old) for source, old in zip(sources, before, strict=True))


def test_store_touches_no_other_row():
    load = loader(8)

    @compiled
    def run(x):
        store(x, load(x, 1) + 1.0, 1)

    x = zeros((3,), 8, np.float32)
    run(x)
    assert x.tolist() == [[0] * 8, [1] * 8, [0] * 8]


def test_a_vector_is_a_value():
    """What is loaded stays what it was when the array changes."""
    load = loader(8)

    def run(x):
        old = load(x, 0)
        store(x, old + 1.0, 0)
        store(x, old, 1)

    for function in (compiled(run), run):
        x = zeros((2,), 8, np.float32)
        function(x)
        assert x.tolist() == [[1] * 8, [0] * 8]


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint32"])
def test_zeros(shape, dtype):
    for width in WIDTHS:
        array = zeros(shape, width, np.dtype(dtype))
        assert array.shape == (*shape, width)
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.ctypes.data % 64 == 0
        assert not array.any()


# ------------------------------------------------------------------------------------------- within a vector, and runs


def reductions(width):
    """Total, highest and square roots of each row of x."""
    load = loader(width)

    def run(x, totals, largest, roots):
        for i in range(x.shape[0]):
            totals[i] = total(load(x, i))
            largest[i] = highest(load(x, i))
            store(roots, square_root(load(x, i)), i)

    return run


def by_halves(row, combine, first=0, step=1):
    """A row's numbers, combined in the order of `total`: each with the one half a vector further on, and so on."""
    if step == len(row):
        return row[first]
    return combine(by_halves(row, combine, first, 2 * step), by_halves(row, combine, first + step, 2 * step))


def exact_root(number, dtype):
    """Python's is correctly rounded, and so is the root of a float32 that is rounded twice."""
    if np.isnan(number) or number < 0:
        return np.nan
    return dtype(math.sqrt(float(number)))


@at_all_widths
@at_both_precisions
def test_reductions_and_roots(precision, width):
    dtype = FLOATS[precision][0]
    usual = rows(np.random.default_rng(9).standard_normal(N_ROWS * width).astype(dtype), width)
    for x in (usual, *awkward_floats(dtype, width)):
        results = []
        with np.errstate(all="ignore"):
            for function in (built(reductions, width), reductions(width)):
                results.append((np.zeros(N_ROWS, dtype), np.zeros(N_ROWS, dtype), zeros((N_ROWS,), width, dtype)))
                function(x, *results[-1])
            expected = (
                [by_halves(row, lambda a, b: a + b) for row in x],
                [by_halves(row, lambda a, b: a if a > b else b) for row in x],
                [[exact_root(number, dtype) for number in row] for row in x],
            )
        for result in results:
            for found, wanted in zip(result, expected, strict=True):
                wanted = np.array(wanted, dtype)
                nan = np.isnan(wanted)
                assert (np.isnan(found) == nan).all()
                assert (bits_of_numpy(found)[~nan] == bits_of_numpy(wanted)[~nan]).all()
    if width > 1:  # the order matters: these are no sums from left to right
        assert (
            np.array([by_halves(row, lambda a, b: a + b) for row in usual]) != np.add.accumulate(usual, 1)[:, -1]
        ).any()


def test_highest_of_a_nan_and_a_number_is_the_one_in_the_upper_half():
    x, out = zeros((2,), 8, np.float32), (np.zeros(2, np.float32), np.zeros(2, np.float32), zeros((2,), 8, np.float32))
    x[0, :4], x[1, 4:] = np.nan, np.nan
    x[0, 4:] = x[1, :4] = [-3, 2, 1, 0]
    with np.errstate(all="ignore"):
        built(reductions, 8)(x, *out)
    assert out[1][0] == 2
    assert np.isnan(out[1][1])


def moving_runs(one, two, three, to_one, to_two, to_three):
    """Every run of each array to the other end of the other; runs may begin anywhere."""
    n = one.shape[0]
    for lane in range(one.shape[-1]):
        for first in range(0, n, RUN):
            store_run(to_one, load_run(one, first, lane), n - RUN - first, lane)
            for i in range(two.shape[1]):
                store_run(to_two, load_run(two, first, i, lane) * 2.0, n - RUN - first, lane, i)
                for j in range(np.uint8(three.shape[2])):
                    store_run(to_three, load_run(three, first, i, j, lane), np.uint32(first), j, i, lane)
        store_run(to_one, load_run(one, 3, lane) + load_run(one, 7, lane), 5, lane)


@at_both_precisions
def test_runs_are_read_and_written_down_the_first_axis(precision):
    dtype, n, width = FLOATS[precision][0], 3 * RUN, 4
    rng = np.random.default_rng(10)
    sources = [columns(shape, width, dtype) for shape in [(n,), (n, 3), (n, 3, 2)]]
    for source in sources:
        source[...] = rng.standard_normal(source.shape)
    one, two, three = before = [source.copy() for source in sources]
    expected_one = one.reshape(3, RUN, width)[::-1].reshape(n, width).copy()
    expected_one[5 : 5 + RUN] = one[3 : 3 + RUN] + one[7 : 7 + RUN]
    expected_two = (2 * two).reshape(3, RUN, 3, width)[::-1].reshape(n, 3, width).swapaxes(1, 2)
    for function in (compiled(moving_runs), moving_runs):
        to_one, to_two, to_three = (
            columns((n,), width, dtype),
            columns((n, width), 3, dtype),
            columns((n, 2, 3), width, dtype),
        )
        function(*sources, to_one, to_two, to_three)
        assert np.array_equal(to_one, expected_one)
        assert np.array_equal(to_two, expected_two)
        assert np.array_equal(to_three, three.swapaxes(1, 2))
        assert all(np.array_equal(source, old) for source, old in zip(sources, before, strict=True))


def test_a_run_is_a_value_and_touches_nothing_beyond_it():
    def run(x):
        old = load_run(x, 8, 1)
        store_run(x, old + 1.0, 8, 1)
        store_run(x, old, RUN + 8, 1)

    for function in (compiled(run), run):
        x = columns((3 * RUN,), 3, np.float32)
        x[:, 1] = np.arange(3 * RUN)
        function(x)
        expected = np.arange(3 * RUN)
        expected[8 : 8 + RUN] += 1
        expected[RUN + 8 : 2 * RUN + 8] = np.arange(8, 8 + RUN)
        assert x[:, 1].tolist() == expected.tolist()
        assert not x[:, [0, 2]].any()


@pytest.mark.parametrize("shape", [(16,), (32, 5), (48, 2, 3), (5,), (0,), (0, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_columns(shape, dtype):
    """Each lane's numbers are contiguous down the first axis; whole runs are aligned to a cache line."""
    for width in WIDTHS:
        array = columns(shape, width, np.dtype(dtype))
        assert array.shape == (*shape, width)
        assert array.dtype == dtype
        assert array.flags.f_contiguous
        assert array.flags.writeable
        assert not array.any()
        if array.size:
            assert array.strides[0] == array.itemsize
            assert array.ctypes.data % 64 == 0
            if shape[0] % RUN == 0 and dtype != "uint8":
                assert all(stride % 64 == 0 for stride in array.strides[1:])


def test_padded():
    assert RUN == 16  # sums over runs, and so all results, depend on it
    assert [padded(n) for n in (1, 15, 16, 17, 100, 101, 112, 113)] == [16, 16, 16, 32, 112, 112, 112, 128]
    assert padded(0) == 0
