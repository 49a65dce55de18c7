"""Random streams equal a plain-Python xoshiro128++ and Lemire's bounded draw, number by number, and look random."""

from functools import lru_cache

import numpy as np
import pytest
from twins import chi_square_deviation, compiled
from twins.random import Stream

from repro.kernels import random
from repro.kernels.lanes import store, zeros

PUBLISHED = [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011, 621204420]
WIDTHS = (1, 8, 16, 32)


@lru_cache(maxsize=None)
def vector_draws(width):
    """A compiled function that writes successive vector draws into rows."""
    draw = random.vector_draw(width)

    @compiled
    def fill(state, out):
        for i in range(out.shape[0]):
            store(out, draw(state), i)

    return fill


@lru_cache(maxsize=None)
def scalar_draws():
    draw, below = random.draw, random.below

    @compiled
    def fill(state, lane, n, out):
        """Bounded draws where n > 0, else plain ones."""
        for i in range(len(out)):
            out[i] = below(state, lane, n) if n > 0 else draw(state, lane)

    return fill


def seeded(width, seed=0):
    state = zeros((4,), width, np.uint32)
    state[:] = np.random.default_rng(seed).integers(0, 2**32, (4, width), dtype=np.uint32)
    return state


def test_twin_gives_the_published_numbers():
    stream = Stream([1, 2, 3, 4])
    assert [stream.draw() for _ in PUBLISHED] == PUBLISHED


def test_published_numbers():
    state = zeros((4,), 1, np.uint32)
    state[:, 0] = 1, 2, 3, 4
    out = zeros((len(PUBLISHED),), 1, np.uint32)
    vector_draws(1)(state, out)
    assert out[:, 0].tolist() == PUBLISHED
    state[:, 0] = 1, 2, 3, 4
    out = np.zeros(len(PUBLISHED), np.int64)
    scalar_draws()(state, 0, 0, out)
    assert out.tolist() == PUBLISHED


@pytest.mark.parametrize("width", WIDTHS)
def test_vector_draws_equal_the_twin_whatever_the_width(width):
    state = seeded(32)[:, -width:].copy()
    twins = [Stream(state[:, lane]) for lane in range(width)]
    out = zeros((200,), width, np.uint32)
    vector_draws(width)(state, out)
    for lane, twin in enumerate(twins):
        assert out[:, lane].tolist() == [twin.draw() for _ in range(200)]
        assert state[:, lane].tolist() == twin.s


def test_scalar_draws_advance_one_lane_by_the_same_rule():
    state = seeded(8)
    before = state.copy()
    twin = Stream(state[:, 3])
    out = np.zeros(200, np.int64)
    scalar_draws()(state, 3, 0, out)
    assert out.tolist() == [twin.draw() for _ in range(200)]
    assert state[:, 3].tolist() == twin.s
    others = [lane for lane in range(8) if lane != 3]
    assert (state[:, others] == before[:, others]).all()


def test_scalar_and_vector_draws_mix():
    state = seeded(8)
    twins = [Stream(state[:, lane]) for lane in range(8)]
    vectors, scalars = zeros((3,), 8, np.uint32), np.zeros(2, np.int64)
    for _ in range(5):
        vector_draws(8)(state, vectors)
        scalar_draws()(state, 5, 0, scalars)
        assert vectors[:, 2].tolist() == [twins[2].draw() for _ in range(3)]
        assert vectors[:, 5].tolist() == [twins[5].draw() for _ in range(3)]
        assert scalars.tolist() == [twins[5].draw() for _ in range(2)]


@pytest.mark.parametrize(
    "n", [1, 2, 3, 10, 11, 49, 101, 2**16, 2**30 + 1, 2**32 // 3 + 1, 2**31 - 1], ids=lambda n: f"n{n}"
)
def test_bounded_draws_equal_the_twin(n):
    state = seeded(8, n)
    twin = Stream(state[:, 6])
    out = np.zeros(500, np.int64)
    scalar_draws()(state, 6, n, out)
    assert out.tolist() == [twin.below(n) for _ in range(500)]
    assert state[:, 6].tolist() == twin.s
    assert out.min() >= 0
    assert out.max() < n
    if n == 2**32 // 3 + 1:  # a third of all draws are refused here: the loop has been walked
        assert twin.n_drawn > 600


@pytest.mark.parametrize("n", [1, 2, 7, 256, 2**32 // 3 + 1, 2**31 - 1], ids=lambda n: f"n{n}")
def test_bounded_draws_without_compilation_are_the_same(n):
    """Numbers, and what is left of the stream; also where a third of all draws are refused."""
    column, state = seeded(1, n), seeded(1, n)
    below, out = random.whole(column), np.zeros(300, np.int64)
    scalar_draws()(state, 0, n, out)
    assert [below(n) for _ in range(300)] == out.tolist()
    assert (column == state).all()


def test_bounded_draws_without_compilation_take_any_bound_in_turn():
    column = seeded(1, 12)
    below, twin = random.whole(column), Stream(column[:, 0])
    bounds = [2, 7, 1, 2**31 - 1, 512] * 20
    assert [below(n) for n in bounds] == [twin.below(n) for n in bounds]
    assert column[:, 0].tolist() == twin.s


@pytest.mark.parametrize("n", [2, 10, 49, 101])
def test_bounded_draws_are_uniform(n):
    out = np.zeros(200_000, np.int64)
    scalar_draws()(seeded(8, 7), 0, n, out)
    assert abs(chi_square_deviation(np.bincount(out, minlength=n))) < 4


def test_bounded_draws_are_uniform_where_most_are_refused_unevenly():
    """Without the refusals the first of three thirds would come half as often again."""
    n = 3 * 2**29  # 2^32 is 2 2/3 times n
    out = np.zeros(60_000, np.int64)
    scalar_draws()(seeded(8, 7), 0, n, out)
    assert abs(chi_square_deviation(np.bincount(out % 3, minlength=3))) < 4
    assert abs(chi_square_deviation(np.bincount(out // 2**29, minlength=3))) < 4


def test_uniform_numbers_are_the_upper_24_bits():
    state = seeded(1, 9)
    twin = Stream(state[:, 0])
    uniform = random.uniform(state)
    numbers = [uniform() for _ in range(200)]
    assert numbers == [twin.draw() // 2**8 / 2**24 for _ in range(200)]
    assert state[:, 0].tolist() == twin.s


def test_vector_draws_are_uniform_in_every_lane_and_bit():
    out = zeros((40_000,), 8, np.uint32)
    vector_draws(8)(seeded(8, 3), out)
    for lane in range(8):
        assert abs(chi_square_deviation(np.bincount(out[:, lane] >> 26, minlength=64))) < 4
        assert abs(chi_square_deviation(np.bincount(out[:, lane] & 63, minlength=64))) < 4
    ones = np.array([((out >> np.uint32(bit)) & np.uint32(1)).mean() for bit in range(32)])
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / out.size**0.5
    assert np.abs(np.corrcoef(out.T.astype(float)) - np.eye(8)).max() < 5 / len(out) ** 0.5
