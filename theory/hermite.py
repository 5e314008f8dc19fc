"""Gaussian moments of a slope, Hermite polynomials and Hermite coefficients (probabilists' convention)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import eval_hermitenorm

from theory.quadrature import gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.target import Target

__all__ = ["SlopeMoments", "hermite_coefficients", "hermite_polynomials", "slope_moments"]


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
    return np.stack([eval_hermitenorm(k, x) for k in range(degree + 1)])


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
