"""A random stream for each lane: xoshiro128++ 1.0 of Blackman and Vigna, the published 32-bit generator.

D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM Transactions on Mathematical Software
47(4), 2021. Chosen because a draw is a dozen 32-bit adds, shifts and exclusive-ors over 16 bytes of state, which is
what SIMD lanes of float32 width do best (counter-based generators need 64-bit products), because its period is
2^128 - 1, and because it passes the known statistical batteries. Streams are seeded from NumPy's SeedSequence.

A stream is a column of ``state``, shape (4, width), uint32. `vector_draw` advances all columns by one draw, `draw` a
single column by the same rule; so a lane's numbers depend on nothing but its own history.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from repro.kernels.jit import kernel
from repro.kernels.lanes import loader, store

_LOW = 0xFFFFFFFF


def whole(state: np.ndarray) -> Callable[[int], int]:
    """A function that draws like `below` from a stream of one lane, shape (4, 1), without being compiled."""
    plain = getattr(draw, "py_func", draw)

    def plain_below(n: int) -> int:
        while True:
            product = int(plain(state, 0)) * n
            if (product & _LOW) >= (_LOW + 1) % n:
                return product >> 32

    return plain_below


def uniform(state: np.ndarray) -> Callable[[], float]:
    """A function that draws from a stream of one lane, shape (4, 1): the upper 24 bits, as a number from 0 to 1."""
    plain = getattr(draw, "py_func", draw)  # a few hundred draws are no reason to compile
    return lambda: float(plain(state, 0) >> 8) * 2.0**-24


def vector_draw(width: int) -> Any:
    """The compiled function ``draw(state)``: the next 32 random bits of every lane, a vector of uint32."""
    load = loader(width)

    @kernel
    def advance(state):
        a, b, c, d = load(state, 0), load(state, 1), load(state, 2), load(state, 3)
        total = a + d
        result = ((total << 7) | (total >> 25)) + a
        c = c ^ a
        d = d ^ b
        store(state, b ^ c, 1)
        store(state, a ^ d, 0)
        store(state, c ^ (b << 9), 2)
        store(state, (d << 11) | (d >> 21), 3)
        return result

    return advance


@kernel
def draw(state, lane):
    """The next 32 random bits of one lane, as an int64."""
    a, b = np.int64(state[0, lane]), np.int64(state[1, lane])
    c, d = np.int64(state[2, lane]), np.int64(state[3, lane])
    total = (a + d) & _LOW
    result = ((((total << 7) & _LOW) | (total >> 25)) + a) & _LOW
    c = c ^ a
    d = d ^ b
    state[1, lane] = b ^ c
    state[0, lane] = a ^ d
    state[2, lane] = c ^ ((b << 9) & _LOW)
    state[3, lane] = ((d << 11) & _LOW) | (d >> 21)
    return result


@kernel
def below(state, lane, n):
    """A whole number drawn uniformly from 0 to n - 1 (n < 2^31), from one lane's stream.

    D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019: exact, nearly always one draw.
    """
    product = draw(state, lane) * n
    if (product & _LOW) < n:
        smallest = (_LOW + 1 - n) % n
        while (product & _LOW) < smallest:
            product = draw(state, lane) * n
    return product >> 32
