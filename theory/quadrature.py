"""Nodes and weights for Gaussian expectations; a quadrature rule is no formula, so simulation may use them."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.polynomial import hermite_e

from theory.statement.arguments import integer

__all__ = ["gauss_hermite", "gaussian_nodes", "tensor_gauss_hermite"]


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
