"""Every numba function: element-wise kernels for the activations, fused with the passes around them.

The scalar functions are branch-free polynomials, so that LLVM vectorises the loops that call them; each is within a few
units in the last place of the exact value. Kernels hold no lock and start no thread: blocks of rows are what threads
share (`spikes.simulation.samples.over_blocks`), so that none waits for another beside the matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from spikes.runtime.compiled import compiled
from theory.statement.activation import ACTIVATIONS, Activation

__all__ = ["ActivationKernels", "activation_kernels", "pair_pass", "relu_backward", "relu_output"]

_OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}}
_SCALAR = {**_OPTIONS, "forceinline": True}  # a loop that calls a function is not vectorised


# Exponential, logarithm and sine, without branches ------------------------------------------------------------------


@intrinsic
def _as_float(typing_context, bits):
    """Reinterpret the bits of an int64 as a float64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def _as_int(typing_context, value):
    """Reinterpret the bits of a float64 as an int64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _fma(typing_context, x, y, z):
    """xy + z with one rounding."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


@register_jitable(**_SCALAR)
def _exp_parts(x):
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


@register_jitable(**_SCALAR)
def _exp(x):
    x = -708.0 if x < -708.0 else x
    x = 708.0 if x > 708.0 else x
    p, power = _exp_parts(x)
    return power * p + power


@register_jitable(**_SCALAR)
def _log1p_unit(t):
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


@register_jitable(**_SCALAR)
def _sine_of(x, quarter):
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


@register_jitable(**_SCALAR)
def _density(x):
    """Standard normal density; the rounding of x² is made good, or it would cost x²/2 units in the last place."""
    square = x * x
    return 0.3989422804014327 * _exp(-0.5 * square) * (1.0 - 0.5 * _fma(x, x, -square))


@register_jitable(**_SCALAR)
def _tail(y):
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
    return _density(y) * p / (y + 4.0)


# Activations and their derivatives ------------------------------------------------------------------------------------


@register_jitable(**_SCALAR)
def _relu(x):
    return x if x > 0.0 else 0.0 * x


@register_jitable(**_SCALAR)
def _relu_slope(x):
    return 1.0 if x > 0.0 else 0.0


@register_jitable(**_SCALAR)
def _tanh(x):
    y = abs(x)
    y = 20.0 if y > 20.0 else y
    p, power = _exp_parts(2.0 * y)
    e = power * p + (power - 1.0)
    return math.copysign(e / (e + 2.0), x)


@register_jitable(**_SCALAR)
def _erf(x):
    """erf(x/√2)."""
    y = abs(x)
    u = y * y
    p = -1.8054329767582596e-10
    p = p * u + 4.454248076945995e-09
    p = p * u - 8.234635686904597e-08
    p = p * u + 1.3318635611504961e-06
    p = p * u - 1.8889279723706544e-05
    p = p * u + 0.000230869366498521
    p = p * u - 0.002374656429623054
    p = p * u + 0.019947114019967464
    p = p * u - 0.13298076013380775
    p = p * u + 0.7978845608028653
    return math.copysign(p * y if y < 1.0 else 1.0 - 2.0 * _tail(y), x)


@register_jitable(**_SCALAR)
def _erf_slope(x):
    return 2.0 * _density(x)


@register_jitable(**_SCALAR)
def _softplus(x):
    return (x if x > 0.0 else 0.0) + _log1p_unit(_exp(-abs(x)))


@register_jitable(**_SCALAR)
def _sigmoid(x):
    e = _exp(-abs(x))
    return (1.0 if x > 0.0 else e) / (1.0 + e)


@register_jitable(**_SCALAR)
def _normal_cdf(x):
    tail = _tail(abs(x))
    return 1.0 - tail if x > 0.0 else tail


@register_jitable(**_SCALAR)
def _gelu(x):
    return x * _normal_cdf(x)


@register_jitable(**_SCALAR)
def _gelu_slope(x):
    return _normal_cdf(x) + x * _density(x)


@register_jitable(**_SCALAR)
def _silu(x):
    return x * _sigmoid(x)


@register_jitable(**_SCALAR)
def _sin(x):
    return _sine_of(x, 0.0)


@register_jitable(**_SCALAR)
def _cos(x):
    return _sine_of(x, 1.0)


@register_jitable(**_SCALAR)
def _he0(x):
    return 1.0 + 0.0 * x


@register_jitable(**_SCALAR)
def _he1(x):
    return x


@register_jitable(**_SCALAR)
def _he2(x):
    return x * x - 1.0


@register_jitable(**_SCALAR)
def _he3(x):
    return x * (x * x - 3.0)


@register_jitable(**_SCALAR)
def _he4(x):
    u = x * x
    return (u - 6.0) * u + 3.0


@register_jitable(**_SCALAR)
def _he5(x):
    u = x * x
    return x * ((u - 10.0) * u + 15.0)


@register_jitable(**_SCALAR)
def _he2_slope(x):
    return 2.0 * x


@register_jitable(**_SCALAR)
def _he3_slope(x):
    return 3.0 * x * x - 3.0


@register_jitable(**_SCALAR)
def _he4_slope(x):
    return 4.0 * x * (x * x - 3.0)


@register_jitable(**_SCALAR)
def _he5_slope(x):
    u = x * x
    return (5.0 * u - 30.0) * u + 15.0


# Value and derivative from one exponential: what the backward pass needs of both.


@register_jitable(**_SCALAR)
def _tanh_pair(x):
    p, power = _exp_parts(-2.0 * min(abs(x), 350.0))
    m = power * p + (power - 1.0)
    return math.copysign(-m / (m + 2.0), x), 4.0 * (power * p + power) / ((m + 2.0) * (m + 2.0))


@register_jitable(**_SCALAR)
def _softplus_pair(x):
    e = _exp(-abs(x))
    return (x if x > 0.0 else 0.0) + _log1p_unit(e), (1.0 if x > 0.0 else e) / (1.0 + e)


@register_jitable(**_SCALAR)
def _sigmoid_pair(x):
    e = _exp(-abs(x))
    inverse = 1.0 / (1.0 + e)
    return (1.0 if x > 0.0 else e) * inverse, e * inverse * inverse


@register_jitable(**_SCALAR)
def _silu_pair(x):
    value, slope = _sigmoid_pair(x)
    return x * value, value + x * slope


def _both(sigma: Callable, slope: Callable) -> Callable:
    @register_jitable(**_SCALAR)
    def pair(x):
        return sigma(x), slope(x)

    return pair


# Each activation, and its pair of value and derivative.
_SCALARS = {
    "relu": (_relu, _both(_relu, _relu_slope)),
    "tanh": (_tanh, _tanh_pair),
    "erf": (_erf, _both(_erf, _erf_slope)),
    "softplus": (_softplus, _softplus_pair),
    "sigmoid": (_sigmoid, _sigmoid_pair),
    "gelu": (_gelu, _both(_gelu, _gelu_slope)),
    "silu": (_silu, _silu_pair),
    "sin": (_sin, _both(_sin, _cos)),
    "He1": (_he1, _both(_he1, _he0)),
    "He2": (_he2, _both(_he2, _he2_slope)),
    "He3": (_he3, _both(_he3, _he3_slope)),
    "He4": (_he4, _both(_he4, _he4_slope)),
    "He5": (_he5, _both(_he5, _he5_slope)),
}


# Kernels over a block of rows -----------------------------------------------------------------------------------------


class ActivationKernels(NamedTuple):
    """Compiled passes over a block H of pre-activations, in place.

    Attributes
    ----------
    activate : callable
        ``activate(H, shift)``: H ← σ(H) − shift.
    backward : callable
        ``backward(H, a, scale, y, shift, r)``: r_i ← y_i − scale Σ_j a_j (σ(H_ij) − shift) and H_ij ← r_i σ′(H_ij) a_j.
    activation : Activation
        What they are the kernels of.
    """

    activate: Callable
    backward: Callable
    activation: Activation

    def __reduce__(self):  # in another process they are built there
        return activation_kernels, (self.activation,)


@register_jitable(error_model="numpy", fastmath={"contract", "reassoc"})
def _dot(x, y):
    total = 0.0
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


def _build(activation: Activation, sigma: Callable, pair: Callable, compile: Callable) -> ActivationKernels:
    @compile(nogil=True, **_OPTIONS)
    def activate(H, shift):
        for i in range(H.shape[0]):
            for j in range(H.shape[1]):
                H[i, j] = sigma(H[i, j]) - shift

    @compile(nogil=True, **_OPTIONS)
    def backward(H, a, scale, y, shift, r):
        row = np.empty(H.shape[1], H.dtype)
        for i in range(H.shape[0]):
            for j in range(H.shape[1]):
                value, H[i, j] = pair(H[i, j])
                row[j] = value - shift
            r[i] = y[i] - scale * _dot(row, a)
            for j in range(H.shape[1]):
                H[i, j] *= a[j] * r[i]

    return ActivationKernels(activate, backward, activation)


def _compiled(function: Callable) -> Callable:
    """A scalar function compiled; one that is not written in Python, such as `math.atan`, through a call of it."""
    return numba.njit(function if isinstance(function, FunctionType) else lambda x: function(x))


@lru_cache(maxsize=32)
def activation_kernels(activation: Activation) -> ActivationKernels:
    """Kernels of an activation: compiled once and cached on disk for those known by name, compiled anew for a user's.

    Parameters
    ----------
    activation : Activation

    Returns
    -------
    ActivationKernels

    Raises
    ------
    ValueError
        If numba cannot compile a user's functions.
    """
    if ACTIVATIONS.get(activation.name) is activation:
        return _build(activation, *_SCALARS[activation.name], compiled)
    sigma, slope = _compiled(activation.function), _compiled(activation.derivative)
    kernels = _build(activation, sigma, _both(sigma, slope), numba.njit)
    try:
        kernels.backward(np.zeros((1, 1)), np.zeros(1), 1.0, np.zeros(1), 0.0, np.zeros(1))
        kernels.activate(np.zeros((1, 1)), 0.0)
    except numba.core.errors.NumbaError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(
            f"activation `{activation.name}` must be made of scalar functions that numba can compile; it says: {reason}"
        ) from None
    return kernels


# Training a relu network ----------------------------------------------------------------------------------------------

_SUMS = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}}


@register_jitable(**_OPTIONS)
def _arcsin(x, root):
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


@compiled(**_SUMS)
def pair_pass(rho, C, split, kernel, lost):
    """All that one gradient of the population loss takes from the cosines, in one pass.

    With κ(ρ) = ρ arcsin ρ + √(1−ρ²) − 1, the kernel times 2π: kernel[i] ← (Σ_{j<split} C_j κ(ρ_ij), Σ_{j≥split} …),
    lost[i] ← Σ_j C_j (1 − √(1−ρ_ij²)), and ρ_ij ← C_j arcsin ρ_ij.
    """
    for i in range(rho.shape[0]):
        total = 0.0
        for part in range(2):
            first, last = (0, split) if part == 0 else (split, rho.shape[1])
            power = 0.0
            for j in range(first, last):
                x = rho[i, j]
                x = 1.0 if x > 1.0 else x
                x = -1.0 if x < -1.0 else x
                root = math.sqrt((1.0 - x) * (1.0 + x))
                angle = _arcsin(x, root)
                missing = x * x / (1.0 + root)
                power += C[j] * (x * angle - missing)
                total += C[j] * missing
                rho[i, j] = C[j] * angle
            kernel[i, part] = power
        lost[i] = total


@compiled(**_SUMS)
def relu_output(Z, a, f):
    """f_s ← Σ_i a_i max(Z_si, 0)."""
    for s in range(Z.shape[0]):
        total = 0.0
        for i in range(Z.shape[1]):
            z = Z[s, i]
            total += a[i] * (z if z > 0.0 else 0.0)
        f[s] = total


@compiled(**_SUMS)
def relu_backward(Z, R, inner):
    """inner_i ← Σ_s max(Z_si, 0) R_s, and Z_si ← R_s where Z_si > 0, else 0."""
    inner[:] = 0.0
    for s in range(Z.shape[0]):
        for i in range(Z.shape[1]):
            z = Z[s, i]
            inner[i] += (z if z > 0.0 else 0.0) * R[s]
            Z[s, i] = R[s] if z > 0.0 else 0.0
