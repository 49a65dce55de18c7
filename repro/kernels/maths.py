"""The squashing functions of the paper, over vectors of lanes, from IEEE operations alone.

exp(x) = 2^n e^r with n = round(x / ln 2) and r = x - n ln 2, so ``|r| <= 0.347``. Adding 1.5 * 2^(mantissa bits) to
x / ln 2 rounds it to the whole number n and leaves n in the low bits, from where a shift makes 2^n; n ln 2 is taken off
in two parts, the first of so few bits that the product is exact. e^r - 1 is its Taylor series, to a term below a tenth
of a unit in the last place. No libm, whose bits differ from one system to the next.

Written with e^x - 1 where it matters, so that small results keep their relative precision: f far left, h and g near 0.
"""

from math import factorial
from typing import Any, NamedTuple

import numpy as np

from repro.kernels.jit import kernel
from repro.kernels.lanes import bits_of, from_bits, maximum, minimum, select, square_root, to_float


class _Format(NamedTuple):
    """What exp needs to know of a floating-point format."""

    bound: float  # |x| is clamped here: e^x and e^-x stay normal numbers
    round: float  # 1.5 * 2^(mantissa bits)
    ln2_high: float
    ln2_low: float
    shift: int  # mantissa bits
    one: int  # the bits of 1.0
    terms: int  # of the Taylor series of (e^r - 1 - r) / r^2
    log_terms: int  # of the series of artanh


_FORMATS = {
    np.dtype(np.float32): _Format(87.0, 12582912.0, 0.693359375, -2.1219444005469057e-4, 23, 0x3F800000, 6, 5),
    np.dtype(np.float64): _Format(
        708.0, 6755399441055744.0, 0.693147180369123816490, 1.90821492927058770002e-10, 52, 0x3FF0000000000000, 12, 11
    ),
}  # fmt: skip


class Maths(NamedTuple):
    """Compiled functions of a vector of one floating-point type."""

    exp: Any
    log: Any  # of positive normal numbers
    normal: Any  # of a vector of uint32 random bits: standard normal numbers
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

    half, exponent_of_one = 1 << (form.shift - 1), form.one >> form.shift
    odd = tuple(2 / (2 * k + 1) for k in reversed(range(form.log_terms)))
    first_odd, rest_odd = odd[0], odd[1:]
    n_odd = len(rest_odd)
    number = np.dtype(dtype).type

    @kernel
    def log(x):
        # x = 2^n m with m from 3/4 to 3/2; log m = 2 artanh((m - 1) / (m + 1)), as a series
        bits = bits_of(x)
        n = (bits + half) >> shift
        m = from_bits(bits + one - (n << shift))
        whole = to_float(n, number) - exponent_of_one
        s = (m - 1.0) / (m + 1.0)
        square = s * s
        series = square * first_odd + rest_odd[0]
        for k in range(1, n_odd):
            series = series * square + rest_odd[k]
        return whole * high + (whole * low + s * series)

    return Maths(exp, log, _normal(number, log), logistic, tanh_half)


# M. Giles, "Approximating the erfinv function", GPU Computing Gems Jade Edition, 2011, table 5: in single precision.
_CENTRE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
           -0.00417768164, 0.246640727, 1.50140941)  # fmt: skip
_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
         1.00167406, 2.83297682)  # fmt: skip


def _normal(number: Any, log: Any) -> Any:
    """Standard normal numbers by the inverse of their distribution, one from 32 random bits, to 6 digits.

    The lowest bit is the sign, the upper 24 bits say how far out: half the probability beyond |z|, in steps of 2^-25.
    """
    n_terms = len(_CENTRE)
    step, root = number(2.0**-25), 2.0**0.5

    @kernel
    def normal(bits):
        beyond = (to_float(bits >> 8, number) + 0.5) * step
        x = 1.0 - 2.0 * beyond
        w = 0.0 - log(4.0 * beyond * (1.0 - beyond))
        near, far = w - 2.5, square_root(w) - 3.0
        central, tail = near * _CENTRE[0] + _CENTRE[1], far * _TAIL[0] + _TAIL[1]
        for k in range(2, n_terms):
            central = central * near + _CENTRE[k]
            tail = tail * far + _TAIL[k]
        z = select(w < 5.0, central, tail) * x * root
        return select((bits & 1) == 1, z, 0.0 - z)

    return normal


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
