"""Gaussian moments of an activation: c_j = E[σ He_j], e_q = E[(σ′)^q], and σ′ smoothed by a Gaussian.

The c_j of the giant-step literature are j! times the Hermite coefficients of the rest of this package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from theory.conditional_equivalent.features import feature_moments
from theory.hermite import hermite_polynomials
from theory.quadrature import gaussian_nodes
from theory.statement.activation import ACTIVATIONS, Activation, as_activation

__all__ = [
    "ActivationMoments",
    "SmoothedSlope",
    "activation_moments",
    "is_named",
    "smoothed_slope",
    "visible_degrees",
]


@dataclass(frozen=True, eq=False)
class ActivationMoments:
    """Moments of σ and σ′ under Z ~ N(0, 1).

    Attributes
    ----------
    c : ndarray, shape (J + 1,)
        c_j = E[σ(Z) He_j(Z)], no factorial divided out.
    slope : ndarray, shape (5,)
        e_q = E[σ′(Z)^q], q = 0 … 4; e_1 = c_1.
    tilt : ndarray, shape (4,)
        E[Z σ′(Z)^q], q = 0 … 3; the second is c_2.
    tilt2 : float
        E[Z² σ′(Z)²].
    power : float
        E σ(Z)².
    errors : ndarray, shape (J + 1,)
        Numerical error of each c_j: the difference between two quadrature rules.
    """

    c: np.ndarray
    slope: np.ndarray
    tilt: np.ndarray
    tilt2: float
    power: float
    errors: np.ndarray


def is_named(activation: Activation, name: str) -> bool:
    """Whether an activation is the one known by a name, whose closed forms then hold."""
    return ACTIVATIONS[name] is activation


def activation_moments(activation: str | Activation, degree: int = 8) -> ActivationMoments:
    """Moments of an activation; c_j up to j = `degree`."""
    return _moments(as_activation(activation), degree)


@lru_cache(maxsize=64)
def _moments(sigma: Activation, degree: int) -> ActivationMoments:
    def coefficients(panel: float) -> np.ndarray:
        z, w = gaussian_nodes(sigma.kinks, panel)
        return hermite_polynomials(z, degree) @ (w * sigma(z))

    z, w = gaussian_nodes(sigma.kinks)
    value, slope = sigma(z), sigma.slope(z)
    c = coefficients(0.5)
    return ActivationMoments(
        c=c,
        slope=np.array([w @ slope**q for q in range(5)]),
        tilt=np.array([w @ (z * slope**q) for q in range(4)]),
        tilt2=float(w @ (z * slope) ** 2),
        power=float(w @ value**2),
        errors=np.abs(c - coefficients(0.37)),
    )


def visible_degrees(activation: str | Activation, degree: int) -> np.ndarray:
    """Whether c_j ≠ 0 for j = 0 … degree: |c_j|/√(j! E σ²) above 1e-8 and above ten times its numerical error."""
    moments = activation_moments(activation, degree)
    scale = np.sqrt(moments.power * np.array([math.factorial(j) for j in range(degree + 1)], dtype=float))
    return np.abs(moments.c) > np.maximum(1e-8 * scale, 10.0 * moments.errors)


@dataclass(frozen=True, eq=False)
class SmoothedSlope:
    """σ′ under x = μ + sξ, ξ ~ N(0, 1).

    Attributes
    ----------
    mean, tilt, power : ndarray
        S₁ = E σ′(x), S₁ₓ = E ξσ′(x) and S₂ = E σ′(x)², of the shape of μ.
    """

    mean: np.ndarray
    tilt: np.ndarray
    power: np.ndarray


class _Slope:
    """σ′ in the place of an activation, for the quadratures that integrate activations."""

    def __init__(self, sigma: Activation) -> None:
        self.name, self.kinks, self.vectorized = f"the slope of {sigma.name}", sigma.kinks, False
        self._slope = sigma.slope

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self._slope(x)


def smoothed_slope(sigma: Activation, mu: np.ndarray, s: float) -> SmoothedSlope:
    """S₁ = E σ′(μ + sξ), S₁ₓ = E ξσ′(μ + sξ) and S₂ = E σ′(μ + sξ)².

    Closed forms for relu and erf; elsewhere quadrature to 1e-8.

    Parameters
    ----------
    mu : ndarray
    s : float
        Positive.

    Raises
    ------
    ValueError
        If the quadrature does not converge because σ has an undeclared kink.
    """
    mu = np.asarray(mu, dtype=float)
    if is_named(sigma, "relu"):
        t = mu / s
        return SmoothedSlope(ndtr(t), np.exp(-0.5 * t**2) / math.sqrt(2.0 * math.pi), ndtr(t))
    if is_named(sigma, "erf"):
        v, w = 1.0 + s * s, 1.0 + 2.0 * s * s
        mean = math.sqrt(2.0 / (math.pi * v)) * np.exp(-0.5 * mu**2 / v)
        return SmoothedSlope(mean, -mean * mu * s / v, 2.0 / (math.pi * math.sqrt(w)) * np.exp(-(mu**2) / w))
    m, A, B = (values[:, 0] for values in feature_moments(_Slope(sigma), mu.reshape(-1, 1), np.array([s])))
    return SmoothedSlope(m.reshape(mu.shape), A.reshape(mu.shape), (B + m**2 + A**2).reshape(mu.shape))
