"""The squashing functions of the paper, over vectors of lanes, from IEEE operations alone.

exp(x) = 2^n e^r with n = round(x / ln 2) and r = x - n ln 2, so |r| <= 0.347. Adding 1.5 * 2^(mantissa bits) to
x / ln 2 rounds it to the whole number n and leaves n in the low bits, from where a shift makes 2^n; n ln 2 is taken off
in two parts, the first of so few bits that the product is exact. e^r - 1 is its Taylor series, to a term below a tenth
of a unit in the last place. No libm, whose bits differ from one system to the next.

Written with e^x - 1 where it matters, so that small results keep their relative precision: f far left, h and g near 0.
"""

from math import factorial
from typing import Any, NamedTuple

import numpy as np

from repro.kernels.jit import kernel
from repro.kernels.lanes import bits_of, from_bits, maximum, minimum


class _Format(NamedTuple):
    """What exp needs to know of a floating-point format."""

    bound: float  # |x| is clamped here: e^x and e^-x stay normal numbers
    round: float  # 1.5 * 2^(mantissa bits)
    ln2_high: float
    ln2_low: float
    shift: int  # mantissa bits
    one: int  # the bits of 1.0
    terms: int  # of the Taylor series of (e^r - 1 - r) / r^2


_FORMATS = {
    np.dtype(np.float32): _Format(87.0, 12582912.0, 0.693359375, -2.1219444005469057e-4, 23, 0x3F800000, 6),
    np.dtype(np.float64): _Format(
        708.0, 6755399441055744.0, 0.693147180369123816490, 1.90821492927058770002e-10, 52, 0x3FF0000000000000, 12
    ),
}  # fmt: skip


class Maths(NamedTuple):
    """Compiled functions of a vector of one floating-point type."""

    exp: Any
    logistic: Any  # f(x) = 1 / (1 + e^-x)
    tanh_half: Any  # tanh(x / 2) = 2 f(x) - 1


def build(dtype: Any) -> Maths:
    """`Maths` for vectors of ``dtype``, float32 or float64. A NaN stays a NaN."""
    form = _FORMATS[np.dtype(dtype)]
    bound, magic, high, low, shift, one = form.bound, form.round, form.ln2_high, form.ln2_low, form.shift, form.one
    log2_e = 1.4426950408889634
    coefficients = tuple(1 / factorial(k + 2) for k in reversed(range(form.terms)))
    first, rest = coefficients[0], coefficients[1:]
    n_rest = len(rest)

    @kernel
    def reduced(x):
        """2^n and e^r - 1."""
        x = maximum(-bound, minimum(bound, x))
        shifted = x * log2_e + magic
        n = shifted - magic
        r = x - n * high - n * low
        series = r * first + rest[0]
        for k in range(1, n_rest):
            series = series * r + rest[k]
        return from_bits((bits_of(shifted) << shift) + one), series * r * r + r

    @kernel
    def exp(x):
        power, small = reduced(x)
        return power * small + power

    @kernel
    def logistic(x):
        return 1.0 / (exp(0.0 - x) + 1.0)

    @kernel
    def tanh_half(x):
        power, small = reduced(x)
        e = power * small + (power - 1.0)  # e^x - 1
        return e / (e + 2.0)

    return Maths(exp, logistic, tanh_half)


def squashing(low: float, high: float, maths: Maths) -> Any:
    """The logistic curve from ``low`` to ``high``, compiled: x -> (value, derivative with respect to x).

    g(x) = 4 f(x) - 2 is ``squashing(-2, 2)``, h(x) = 2 f(x) - 1 is ``squashing(-1, 1)``, f itself ``squashing(0, 1)``.
    """
    span = high - low
    if low == -high:
        tanh_half = maths.tanh_half
        half = high / 2

        @kernel
        def centred(x):
            t = tanh_half(x)
            return t * high, (1.0 - t * t) * half

        return centred
    logistic = maths.logistic

    @kernel
    def curve(x):
        f = logistic(x)
        return f * span + low, f * (1.0 - f) * span

    return curve


@kernel
def identity(x):
    """The identity: x and its derivative 1, in the form of a `squashing`."""
    return x, x - x + 1.0
