"""Activations with their derivatives as numba passes over blocks of pre-activations, fused with what is around them.

The scalar functions have no branches, so that LLVM vectorises the loops that call them; each is within a few units in
the last place of the exact value. Kernels hold no lock and start no thread: blocks of rows are what threads share
(`spikes.simulation.samples.over_blocks`), so that none waits for another beside the matrix products.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import NamedTuple

import numba
import numpy as np
from numba.extending import register_jitable

from spikes.simulation.vector_functions import (
    OPTIONS,
    SCALAR,
    cached_njit,
    density,
    exp,
    exp_parts,
    log1p_unit,
    sine_of,
    tail,
)
from theory.statement.activation import ACTIVATIONS, Activation
from theory.statement.problem import Problem

__all__ = ["ActivationKernels", "activation_kernels", "activation_mean", "problem_kernels"]


# Activations and their derivatives ------------------------------------------------------------------------------------


@register_jitable(**SCALAR)
def _relu(x):
    return x if x > 0.0 else 0.0 * x


@register_jitable(**SCALAR)
def _relu_slope(x):
    return 1.0 if x > 0.0 else 0.0


@register_jitable(**SCALAR)
def _tanh(x):
    y = abs(x)
    y = 20.0 if y > 20.0 else y
    p, power = exp_parts(2.0 * y)
    e = power * p + (power - 1.0)
    return math.copysign(e / (e + 2.0), x)


@register_jitable(**SCALAR)
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
    return math.copysign(p * y if y < 1.0 else 1.0 - 2.0 * tail(y), x)


@register_jitable(**SCALAR)
def _erf_slope(x):
    return 2.0 * density(x)


@register_jitable(**SCALAR)
def _softplus(x):
    return (x if x > 0.0 else 0.0) + log1p_unit(exp(-abs(x)))


@register_jitable(**SCALAR)
def _sigmoid(x):
    e = exp(-abs(x))
    return (1.0 if x > 0.0 else e) / (1.0 + e)


@register_jitable(**SCALAR)
def _normal_cdf(x):
    beyond = tail(abs(x))
    return 1.0 - beyond if x > 0.0 else beyond


@register_jitable(**SCALAR)
def _gelu(x):
    return x * _normal_cdf(x)


@register_jitable(**SCALAR)
def _gelu_slope(x):
    return _normal_cdf(x) + x * density(x)


@register_jitable(**SCALAR)
def _silu(x):
    return x * _sigmoid(x)


@register_jitable(**SCALAR)
def _sin(x):
    return sine_of(x, 0.0)


@register_jitable(**SCALAR)
def _cos(x):
    return sine_of(x, 1.0)


@register_jitable(**SCALAR)
def _he0(x):
    return 1.0 + 0.0 * x


@register_jitable(**SCALAR)
def _he1(x):
    return x


@register_jitable(**SCALAR)
def _he2(x):
    return x * x - 1.0


@register_jitable(**SCALAR)
def _he3(x):
    return x * (x * x - 3.0)


@register_jitable(**SCALAR)
def _he4(x):
    u = x * x
    return (u - 6.0) * u + 3.0


@register_jitable(**SCALAR)
def _he5(x):
    u = x * x
    return x * ((u - 10.0) * u + 15.0)


@register_jitable(**SCALAR)
def _he2_slope(x):
    return 2.0 * x


@register_jitable(**SCALAR)
def _he3_slope(x):
    return 3.0 * x * x - 3.0


@register_jitable(**SCALAR)
def _he4_slope(x):
    return 4.0 * x * (x * x - 3.0)


@register_jitable(**SCALAR)
def _he5_slope(x):
    u = x * x
    return (5.0 * u - 30.0) * u + 15.0


# Value and derivative from one exponential: what the backward pass needs of both.


@register_jitable(**SCALAR)
def _tanh_pair(x):
    p, power = exp_parts(-2.0 * min(abs(x), 350.0))
    m = power * p + (power - 1.0)
    return math.copysign(-m / (m + 2.0), x), 4.0 * (power * p + power) / ((m + 2.0) * (m + 2.0))


@register_jitable(**SCALAR)
def _softplus_pair(x):
    e = exp(-abs(x))
    return (x if x > 0.0 else 0.0) + log1p_unit(e), (1.0 if x > 0.0 else e) / (1.0 + e)


@register_jitable(**SCALAR)
def _sigmoid_pair(x):
    e = exp(-abs(x))
    inverse = 1.0 / (1.0 + e)
    return (1.0 if x > 0.0 else e) * inverse, e * inverse * inverse


@register_jitable(**SCALAR)
def _silu_pair(x):
    value, slope = _sigmoid_pair(x)
    return x * value, value + x * slope


def _both(sigma: Callable, slope: Callable) -> Callable:
    @register_jitable(**SCALAR)
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


class _Passes(NamedTuple):
    """Compiled passes over a block of pre-activations."""

    activate: Callable[[np.ndarray, float], None]
    backward: Callable[[np.ndarray, np.ndarray, float, np.ndarray, float, np.ndarray], None]


@dataclass(frozen=True, eq=False)
class ActivationKernels:
    """σ − shift and its derivative over a block H of pre-activations, in place.

    Attributes
    ----------
    activation : Activation
        What they are the kernels of.
    shift : float
        Subtracted from σ: E σ(Z) of a centred activation, else 0.
    passes : tuple of two callables
        Compiled.
    """

    activation: Activation
    shift: float
    passes: _Passes

    def activate(self, H: np.ndarray) -> None:
        """H ← σ(H) − shift."""
        self.passes.activate(H, self.shift)

    def backward(self, H: np.ndarray, a: np.ndarray, scale: float, y: np.ndarray, r: np.ndarray) -> None:
        """r_i ← y_i − scale Σ_j a_j (σ(H_ij) − shift) and H_ij ← r_i σ′(H_ij) a_j."""
        self.passes.backward(H, a, scale, y, self.shift, r)

    def __reduce__(self) -> tuple:  # in another process they are built there
        return activation_kernels, (self.activation, self.shift)


@register_jitable(error_model="numpy", fastmath={"contract", "reassoc"})
def _dot(x, y):
    total = 0.0
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


def _build(sigma: Callable, pair: Callable, compiled: Callable[[Callable], Callable]) -> _Passes:
    @compiled
    def activate(H, shift):
        for i in range(H.shape[0]):
            for j in range(H.shape[1]):
                H[i, j] = sigma(H[i, j]) - shift

    @compiled
    def backward(H, a, scale, y, shift, r):
        row = np.empty(H.shape[1], H.dtype)
        for i in range(H.shape[0]):
            for j in range(H.shape[1]):
                value, H[i, j] = pair(H[i, j])
                row[j] = value - shift
            r[i] = y[i] - scale * _dot(row, a)
            for j in range(H.shape[1]):
                H[i, j] *= a[j] * r[i]

    return _Passes(activate, backward)


def _compiled(function: Callable) -> Callable:
    """A scalar function compiled; one that is not written in Python, such as `math.atan`, through a call of it."""
    return numba.njit(function if isinstance(function, FunctionType) else lambda x: function(x))


@lru_cache(maxsize=32)
def _passes(activation: Activation) -> _Passes:
    if ACTIVATIONS.get(activation.name) is activation:
        return _build(*_SCALARS[activation.name], cached_njit(nogil=True, **OPTIONS))
    sigma, slope = _compiled(activation.function), _compiled(activation.derivative)
    passes = _build(sigma, _both(sigma, slope), numba.njit(nogil=True, **OPTIONS))
    try:
        passes.backward(np.zeros((1, 1)), np.zeros(1), 1.0, np.zeros(1), 0.0, np.zeros(1))
        passes.activate(np.zeros((1, 1)), 0.0)
    except numba.core.errors.NumbaError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(
            f"activation `{activation.name}` must be made of scalar functions that numba can compile; it says: {reason}"
        ) from None
    return passes


def activation_kernels(activation: Activation, shift: float = 0.0) -> ActivationKernels:
    """Kernels of σ − shift: compiled once and cached on disk for those known by name, compiled anew for a user's.

    Parameters
    ----------
    activation : Activation
    shift : float

    Returns
    -------
    ActivationKernels

    Raises
    ------
    ValueError
        If numba cannot compile a user's functions.
    """
    return ActivationKernels(activation, shift, _passes(activation))


def problem_kernels(problem: Problem) -> ActivationKernels:
    """Kernels of a problem's activation, less E σ(Z) where it is centred.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    ActivationKernels

    Raises
    ------
    ValueError
        If numba cannot compile a user's functions.
    """
    return activation_kernels(problem.sigma, activation_mean(problem.sigma) if problem.centered else 0.0)


@lru_cache(maxsize=32)
def activation_mean(activation: Activation) -> float:
    """E σ(Z), by Gauss-Legendre rules of 400 nodes between the kinks.

    Parameters
    ----------
    activation : Activation

    Returns
    -------
    float
    """
    ends = [-12.0, *[x for x in activation.kinks if -12.0 < x < 12.0], 12.0]
    x, w = np.polynomial.legendre.leggauss(400)
    total = 0.0
    for low, high in itertools.pairwise(ends):
        half = 0.5 * (high - low)
        z = low + half * (1.0 + x)
        total += half * float(w @ (activation(z) * np.exp(-0.5 * z**2)))
    return total / math.sqrt(2.0 * math.pi)
