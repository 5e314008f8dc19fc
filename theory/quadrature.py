"""Nodes and weights for Gaussian expectations; a quadrature rule is no formula, so simulation may use them."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.polynomial import hermite_e

from theory.statement.arguments import integer

__all__ = ["gauss_hermite", "gaussian_nodes", "gaussian_plane", "half_line", "tensor_gauss_hermite"]


_STRAIGHT = 1e7  # scale beyond which asinh(x/scale) is x/scale where a Gaussian has mass
_REACH = 10.5  # P(|Z| > 10.5) = 9e-26


_PANEL = 0.5


_PANEL_ORDER = 16


_LEAST_LARGE = 100  # order of a Gauss rule up to which numpy vouches for its own


@lru_cache(maxsize=64)
def gauss_hermite(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Gauss rule of N(0, 1).

    Parameters
    ----------
    order : int
        Number of nodes; the rule is exact for polynomials of degree 2·order − 1.

    Returns
    -------
    nodes, weights : ndarray, shape (order,)
        The weights sum to 1. Both arrays are read-only.

    Raises
    ------
    ValueError
        If `order` is not a positive integer or the weights do not sum to 1 within 1e-12.
    """
    order = integer("order", order, 1)
    if order <= _LEAST_LARGE:
        nodes, weights = hermite_e.hermegauss(order)
    else:
        from scipy.special import roots_hermitenorm  # a fifth of a second to import

        nodes, weights = roots_hermitenorm(order)
    weights = weights / math.sqrt(2.0 * math.pi)
    if abs(weights.sum() - 1.0) > 1e-12:
        raise ValueError(f"`order` must keep the Gauss-Hermite weights exact; at {order} they sum to {weights.sum()!r}")
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights


@lru_cache(maxsize=32)
def tensor_gauss_hermite(order: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Tensor product of `gauss_hermite` rules: nodes (order^dimension, dimension) and weights.

    Parameters
    ----------
    order : int
        Nodes on each axis.
    dimension : int

    Returns
    -------
    nodes : ndarray, shape (order^dimension, dimension)
    weights : ndarray, shape (order^dimension,)
    """
    nodes, weights = gauss_hermite(order)
    grid = np.stack(np.meshgrid(*[nodes] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    product = np.ones(1)
    for _ in range(dimension):
        product = np.multiply.outer(product, weights).ravel()
    grid.flags.writeable = product.flags.writeable = False
    return grid, product


@lru_cache(maxsize=64)
def gaussian_nodes(kinks: tuple[float, ...] = (), panel: float = _PANEL) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for E f(Z), f smooth away from `kinks`.

    Gauss-Legendre panels of at most `panel` on [−10.5, 10.5], split at the kinks: to rounding for any f that is smooth
    between kinks on the scale of a panel, where Gauss-Hermite would converge like 1/order.

    Parameters
    ----------
    kinks : tuple of float
        Points where f or its derivatives jump.
    panel : float
        Largest length of a panel.

    Returns
    -------
    nodes, weights : ndarray, shape (m,)
    """
    inside = [x for x in kinks if -_REACH < x < _REACH]
    breaks = [-_REACH, *sorted(inside), _REACH]
    edges = np.concatenate(
        [np.linspace(a, b, max(1, math.ceil((b - a) / panel)) + 1)[:-1] for a, b in itertools.pairwise(breaks)]
        + [[_REACH]]
    )
    x, w = np.polynomial.legendre.leggauss(_PANEL_ORDER)
    half = 0.5 * np.diff(edges)
    nodes = (edges[:-1] + half)[:, None] + half[:, None] * x
    weights = half[:, None] * w * np.exp(-0.5 * nodes**2) / math.sqrt(2.0 * math.pi)
    nodes, weights = nodes.ravel(), weights.ravel()
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights


@lru_cache(maxsize=64)
def half_line(order: int, power: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule, for polynomials in v = asinh(x/scale), of the density proportional to x^power e^(−x²/2) on x > 0.

    For functions that change where x passes `scale` and are slow functions of log x beyond: a few nodes do what a Gauss
    rule in x needs dozens for.

    Parameters
    ----------
    order : int
        Number of nodes.
    power : int
    scale : float

    Returns
    -------
    nodes, weights : ndarray, shape (order,)
        The weights sum to 1. Both arrays are read-only.

    Examples
    --------
    >>> x, weights = half_line(8, 0, 0.1)
    >>> f"{weights @ x**2:.4f} {weights @ (1 / (1 + (10 * x) ** 2)):.4f}"  # 1, and √(π/2)/10 e^.005 erfc(√.005)
    '1.0000 0.1159'
    """
    v, w = np.polynomial.legendre.leggauss(1000)
    reach = math.asinh(12.0 / scale)
    v, w = 0.5 * reach * (v + 1.0), 0.5 * reach * w
    x = scale * np.sinh(v)
    w = w * np.cosh(v) * x**power * np.exp(-0.5 * x**2)
    basis = np.zeros((order, len(v)))
    basis[0] = np.sqrt(w / w.sum())
    diagonal, beside = np.zeros(order), np.zeros(order)
    for i in range(order):
        fresh = v * basis[i]
        diagonal[i] = basis[i] @ fresh
        for _ in range(2):
            fresh = fresh - basis[: i + 1].T @ (basis[: i + 1] @ fresh)
        beside[i] = np.linalg.norm(fresh)
        if i + 1 < order:
            basis[i + 1] = fresh / beside[i]
    at, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
    nodes, weights = scale * np.sinh(at), vectors[0] ** 2
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights


@lru_cache(maxsize=32)
def gaussian_plane(radii: int, angles: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of N(0, I₂), so many radii times so many angles: a Gauss rule in r, and equal angles.

    Exact for polynomials of degree below 2·radii and `angles`. In r and not in r², since features may have kinks.

    Parameters
    ----------
    radii, angles : int

    Returns
    -------
    nodes : ndarray, shape (radii·angles, 2)
    weights : ndarray, shape (radii·angles,)
        They sum to 1. Both arrays are read-only.

    Examples
    --------
    >>> z, weights = gaussian_plane(3, 8)
    >>> f"{weights @ z[:, 0]**4:.4f} {weights @ (z[:, 0] * z[:, 1]) ** 2:.4f}"
    '3.0000 1.0000'
    """
    radius, shares = half_line(radii, 1, _STRAIGHT)
    angle = 2.0 * math.pi * (np.arange(angles) + 0.5) / angles
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    nodes = (radius[:, None, None] * circle).reshape(-1, 2)
    weights = np.repeat(shares / angles, angles)
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights
