"""Exponential, logarithm, sine, arcsine and the normal law without branches, so that loops over them are vectorised.

Each is a polynomial within a few units in the last place of the exact value, inlined where it is called. Compiled loops
are kept on disk by numba, which looks at the file of the loop alone: `cached_njit` lets them follow this file as well.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from spikes.runtime.compiled import compiled

__all__ = [
    "OPTIONS",
    "SCALAR",
    "arcsin",
    "cached_njit",
    "density",
    "exp",
    "exp_parts",
    "log1p_unit",
    "sine_of",
    "tail",
]

OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
SCALAR: dict[str, Any] = {**OPTIONS, "forceinline": True}
"""Of a scalar function: a loop that calls one is not vectorised, one that has it inlined is."""

_intrinsic: Any = intrinsic  # whose stub leaves the typing context among the arguments of a call
_SOURCE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def cached_njit(**options: Any) -> Callable[[Callable], Callable]:
    """`numba.njit` with a cache on disk that a change of this file makes out of date, as one of the loop's file does.

    Parameters
    ----------
    **options
        Of `numba.njit`.

    Returns
    -------
    callable
        The decorator.
    """

    return compiled(_SOURCE, **options)


@_intrinsic
def _as_float(typing_context, bits):
    """Reinterpret the bits of an int64 as a float64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@_intrinsic
def _as_int(typing_context, value):
    """Reinterpret the bits of a float64 as an int64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@_intrinsic
def _fma(typing_context, x, y, z):
    """xy + z with one rounding."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


@register_jitable(**SCALAR)
def exp_parts(x):
    """e^x = 2ⁿ(1 + p): returns p and 2ⁿ, for |x| < 708."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0  # adding 1.5·2⁵² rounds to the nearest integer
    n = shifted - 6755399441055744.0
    r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
    p = 1.1470745597729725e-11
    p = p * r + 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    return p * r * r + r, _as_float((_as_int(shifted) + 1023) << 52)


@register_jitable(**SCALAR)
def exp(x):
    """e^x, and e^708 or e^−708 beyond ±708."""
    x = -708.0 if x < -708.0 else x
    x = 708.0 if x > 708.0 else x
    p, power = exp_parts(x)
    return power * p + power


@register_jitable(**SCALAR)
def log1p_unit(t):
    """log(1 + t) for 0 ≤ t ≤ 1, as 2 artanh(t/(2 + t))."""
    s = t / (2.0 + t)
    u = s * s
    p = 0.1650046227520304
    p = p * u + 0.06972958668100727
    p = p * u + 0.10978575119069149
    p = p * u + 0.11714983059356142
    p = p * u + 0.13336903770608344
    p = p * u + 0.1538444546032505
    p = p * u + 0.18181823483479495
    p = p * u + 0.22222222117655244
    p = p * u + 0.2857142857264299
    p = p * u + 0.39999999999992725
    p = p * u + 0.6666666666666669
    p = p * u + 2.0
    return p * s


@register_jitable(**SCALAR)
def sine_of(x, quarter):
    """sin(x + quarter·π/2) for quarter 0 or 1 and |x| < 10⁷."""
    shifted = x * 0.3183098861837907 + 0.5 * quarter + 6755399441055744.0
    n = shifted - 6755399441055744.0 - 0.5 * quarter
    r = ((x - n * 3.141592651605606) - n * 1.9841871583270443e-09) - n * 1.034036596358821e-18
    u = r * r
    p = -7.980186026346539e-18
    p = p * u + 2.8101899565791414e-15
    p = p * u - 7.647126664803565e-13
    p = p * u + 1.605904318103857e-10
    p = p * u - 2.5052108378257812e-08
    p = p * u + 2.7557319223937967e-06
    p = p * u - 0.00019841269841269657
    p = p * u + 0.008333333333333333
    p = p * u - 0.16666666666666666
    p = p * u + 1.0
    return _as_float(_as_int(p * r) ^ (_as_int(shifted) << 63))


@register_jitable(**SCALAR)
def density(x):
    """Standard normal density; the rounding of x² is made good, or it would cost x²/2 units in the last place."""
    square = x * x
    return 0.3989422804014327 * exp(-0.5 * square) * (1.0 - 0.5 * _fma(x, x, -square))


@register_jitable(**SCALAR)
def tail(y):
    """P(Z > y) for y ≥ 0: the density times a polynomial in (y − 4)/(y + 4) over y + 4."""
    t = (y - 4.0) / (y + 4.0)
    p = 8.53083886026053e-10
    p = p * t - 3.0073979672398766e-10
    p = p * t - 9.35134044482434e-09
    p = p * t - 1.4722998923746307e-09
    p = p * t + 5.3711037651589576e-08
    p = p * t + 4.473060051450323e-08
    p = p * t - 2.1774195022039326e-07
    p = p * t - 4.00493929251171e-07
    p = p * t + 6.829633831673466e-07
    p = p * t + 2.568755311229722e-06
    p = p * t - 1.5787665654677373e-06
    p = p * t - 1.4843277679080294e-05
    p = p * t + 1.7963971214040778e-06
    p = p * t + 8.809573121072337e-05
    p = p * t - 4.783264259417208e-06
    p = p * t - 0.0005792693046478719
    p = p * t + 0.0003342446162328441
    p = p * t + 0.004087855681200072
    p = p * t - 0.008722295274260125
    p = p * t - 0.018900450861711257
    p = p * t + 0.15139176231244347
    p = p * t - 0.4675409629983325
    p = p * t + 0.9704095548675884
    p = p * t - 1.5237709108199835
    p = p * t + 1.8932190633084853
    return density(y) * p / (y + 4.0)


@register_jitable(**OPTIONS)
def arcsin(x, root):
    """arcsin(x) for |x| ≤ 1, given root = √(1 − x²): a polynomial in s² ≤ ½, s the smaller of |x| and root."""
    y = abs(x)
    far = y > 0.7071067811865476
    s = root if far else y
    u = 4.0 * s * s - 1.0
    p = 4.158092320044925e-13
    p = p * u + 1.336234089308983e-12
    p = p * u + 2.021515956534517e-12
    p = p * u + 6.593982320718312e-12
    p = p * u + 2.704377017994051e-11
    p = p * u + 8.867145653641421e-11
    p = p * u + 2.850873665500038e-10
    p = p * u + 9.46807605807999e-10
    p = p * u + 3.173832059253657e-09
    p = p * u + 1.0708838558910768e-08
    p = p * u + 3.649184841925876e-08
    p = p * u + 1.2584263013183814e-07
    p = p * u + 4.4019724253866794e-07
    p = p * u + 1.566963421607985e-06
    p = p * u + 5.701783489941968e-06
    p = p * u + 2.1345552502481293e-05
    p = p * u + 8.302317788737502e-05
    p = p * u + 0.00034086372342234563
    p = p * u + 0.0015196685396000934
    p = p * u + 0.00779890223897363
    p = p * u + 0.053751493591326895
    p = p * u + 1.0471975511965979
    p = p * s
    return math.copysign(1.5707963267948966 - p if far else p, x)
