"""Independent second implementations, slow and obvious, from the paper's protocol alone.

They are the oracles of the compiled kernels and share no code with them; the `compiled` helper is all they have in
common with Numba.
"""

import math

import numba
import numpy as np


def compiled(function):
    """``function`` as the test wants to call it from Python: kernels can be called from compiled code only."""
    return numba.njit(error_model="numpy")(function)


def chi_square_deviation(counts, probabilities=None):
    """How many standard deviations the chi-square statistic of ``counts`` lies above what is expected by chance.

    Wilson and Hilferty's normal approximation. Without ``probabilities`` the cells are equally likely.
    """
    counts = np.asarray(counts, float).ravel()
    share = np.full(len(counts), 1 / len(counts)) if probabilities is None else np.asarray(probabilities, float).ravel()
    assert math.isclose(share.sum(), 1, rel_tol=1e-9)
    expected = counts.sum() * share
    assert expected.min() >= 5, "too few draws for a chi-square test"
    degrees = len(counts) - 1
    statistic = ((counts - expected) ** 2 / expected).sum()
    variance = 2 / (9 * degrees)
    return ((statistic / degrees) ** (1 / 3) - (1 - variance)) / variance**0.5
