"""Gaussian moments of a slope, Hermite polynomials and Hermite coefficients (probabilists' convention)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import hermite_e

from theory.quadrature import gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.target import Target

__all__ = ["SlopeMoments", "gaussian_distribution", "hermite_coefficients", "hermite_polynomials", "slope_moments"]

_MANY = 5000  # numbers that are worth the fifth of a second that `scipy.special` takes to import


def hermite_polynomials(x: np.ndarray, degree: int) -> np.ndarray:
    """He_0 … He_degree at `x`, stacked on the first axis: shape ``(degree + 1, *x.shape)``.

    Parameters
    ----------
    x : ndarray
    degree : int
        Highest degree, at least 0.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> hermite_polynomials(np.array([2.0]), 3).ravel()
    array([1., 2., 3., 2.])
    """
    return np.moveaxis(hermite_e.hermevander(x, degree), -1, 0)


def gaussian_distribution(x: np.ndarray) -> np.ndarray:
    """Φ(x) = P(Z ≤ x) of a standard Gaussian Z, with the relative accuracy of its tails.

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    ndarray

    Examples
    --------
    >>> print(gaussian_distribution(np.array([0.0, 1.0, -10.0])))
    [5.00000000e-01 8.41344746e-01 7.61985302e-24]
    """
    if x.size > _MANY:
        from scipy.special import ndtr

        return np.asarray(ndtr(x))
    values = (math.erfc(value) for value in (-math.sqrt(0.5) * x).ravel().tolist())
    return 0.5 * np.fromiter(values, float, x.size).reshape(x.shape)


def hermite_coefficients(function: Activation | Target | Callable, degree: int, *, kinks: tuple = ()) -> np.ndarray:
    """Hermite coefficients c_k = E[f(Z) He_k(Z)]/k! of a function of one variable.

    Parameters
    ----------
    function : Activation, Target or callable
        f, called with an array; a `Target` must have one latent.
    degree : int
        Highest k.
    kinks : tuple of float, optional
        Points where f is not smooth; an `Activation` or a `Target` brings its own.

    Returns
    -------
    ndarray, shape (degree + 1,)
        f = Σ_k c_k He_k, so E f² = Σ_k k! c_k².

    Examples
    --------
    >>> from theory.statement.activation import ACTIVATIONS
    >>> [f"{c:.4f}" for c in hermite_coefficients(ACTIVATIONS["relu"], 2)]
    ['0.3989', '0.5000', '0.1995']
    """
    kinks = getattr(function, "kinks", kinks)
    nodes, weights = gaussian_nodes(tuple(kinks))
    values = function(nodes[:, None]) if isinstance(function, Target) else np.asarray(function(nodes))
    factorials = np.array([math.factorial(k) for k in range(degree + 1)], dtype=float)
    return hermite_polynomials(nodes, degree) @ (weights * values) / factorials


class SlopeMoments(NamedTuple):
    """c₁ = E σ′, μ₂ = E Zσ′, Var σ′ and Var₂ = Var σ′ − μ₂²."""

    c1: float
    second: float
    variance: float
    rest: float


@lru_cache(maxsize=64)
def slope_moments(sigma: Activation) -> SlopeMoments:
    """Moments of σ′(Z).

    Parameters
    ----------
    sigma : Activation

    Returns
    -------
    SlopeMoments
    """
    nodes, weights = gaussian_nodes(sigma.kinks)
    slope = sigma.slope(nodes)
    c1, second = float(weights @ slope), float(weights @ (nodes * slope))
    variance = float(weights @ (slope - c1) ** 2)
    return SlopeMoments(c1, second, variance, float(weights @ (slope - c1 - second * nodes) ** 2))
