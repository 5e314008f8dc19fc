"""Gaussian moments of targets on a tensor grid: Hermite tensors given some of the latents, and their second moments."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np

from theory.hermite import hermite_polynomials
from theory.quadrature import gauss_hermite, gaussian_nodes
from theory.statement.target import Target

__all__ = [
    "QUADRATURE_LATENTS",
    "compositions",
    "conditional_coefficients",
    "contraction_weights",
    "hermite_array",
    "latent_grid",
    "quadrature_orders",
    "tensor",
]

QUADRATURE_LATENTS = 6
"""Largest number of latents that is integrated on a tensor grid."""

# (fine, coarse) Gauss-Hermite orders per axis: the difference is the error. Targets that are not resolved by the first
# pair are tried on the second. Five and six latents are for polynomials, which a few nodes integrate exactly.
_ORDERS = {
    1: ((120, 96),),
    2: ((60, 48), (160, 130)),
    3: ((32, 26), (64, 52)),
    4: ((20, 16), (30, 24)),
    5: ((12, 10),),
    6: ((8, 7),),
}


def quadrature_orders(target: Target) -> tuple[tuple[int, int], ...]:
    """Pairs (fine, coarse) of orders per axis in which to integrate a target.

    Raises
    ------
    ValueError
        If the target has more than six latents.
    """
    if target.k > QUADRATURE_LATENTS:
        raise ValueError(
            f"`target` must have at most {QUADRATURE_LATENTS} latents for quadrature; got {target.k}: "
            "use replica Monte Carlo"
        )
    return _ORDERS[target.k]


def latent_grid(target: Target, order: int) -> tuple[np.ndarray, np.ndarray]:
    """One axis of the grid for a target: nodes and weights (q,).

    A target of one latent is integrated in panels split at its kinks, `order` of them over 60; others by Gauss-Hermite.
    """
    if target.k == 1:
        return gaussian_nodes(target.kinks, 60.0 / order)
    return gauss_hermite(order)


@lru_cache(maxsize=256)
def compositions(total: int, parts: int) -> tuple[tuple[int, ...], ...]:
    """All multi-indices β of `parts` non-negative integers with |β| = `total`."""
    if parts == 0:
        return ((),) if total == 0 else ()
    return tuple((first, *rest) for first in range(total, -1, -1) for rest in compositions(total - first, parts - 1))


def conditional_coefficients(
    target: Target, frame: np.ndarray, known: int, degrees: tuple[int, int | None], order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hermite coefficients of a target over some latents, given the others.

    Parameters
    ----------
    target : Target
    frame : ndarray, shape (k, k)
        Orthonormal columns; the first `known` are the latents u that are given.
    degrees : (int, int or None)
        Highest degree J on each remaining axis, and on each axis of u; None leaves the values at the nodes of u.
    order : int
        Gauss-Hermite nodes per axis.

    Returns
    -------
    coefficients : ndarray, shape (R, J + 1, ..., J + 1)
        E[g He_γ(z_⊥) | u] at the nodes of u, or E[g He_β(u) He_γ(z_⊥)] with one row per β (R = (L + 1)^known).
    weights : ndarray, shape (R,)
        Weights of the nodes of u, or 1/β!: in both cases Σ_R weights · coefficients² is a mean over u.
    """
    x, w = latent_grid(target, order)
    k, q = target.k, len(x)
    grid = np.stack(np.meshgrid(*[x] * k, indexing="ij"), axis=-1).reshape(-1, k)
    values = target(grid @ frame.T).reshape((q,) * k)
    high, low = degrees
    remaining = hermite_polynomials(x, high) * w
    given = np.eye(q) if low is None else hermite_polynomials(x, low) * w
    for axis in range(k):  # the first axis goes, its degree is appended: after k rounds the order is restored
        values = np.tensordot(values, given if axis < known else remaining, axes=(0, 1))
    weights = np.ones(1)
    row = w if low is None else 1.0 / np.array([math.factorial(b) for b in range(low + 1)], dtype=float)
    for _ in range(known):
        weights = np.multiply.outer(weights, row).ravel()
    return values.reshape(len(weights), *values.shape[known:]), weights


def contraction_weights(coefficients: np.ndarray, degree: int) -> np.ndarray:
    """mat_1 C_j, row by row and scaled: entries √((j−1)!/β!) C_{β + e_i}, shape (R, |{β}|, k_⊥), |β| = j − 1."""
    axes = coefficients.ndim - 1
    unit = np.eye(axes, dtype=int)
    betas = compositions(degree - 1, axes)
    scale = [math.sqrt(math.factorial(degree - 1) / math.prod(map(math.factorial, beta))) for beta in betas]
    columns = [
        np.stack([c * coefficients[(slice(None), *(np.array(beta) + e))] for e in unit], axis=-1)
        for c, beta in zip(scale, betas, strict=True)
    ]
    return np.stack(columns, axis=1)


def hermite_array(target: Target, degree: int, *, order: int | None = None) -> np.ndarray:
    """C_α = E[g(z) Π_i He_{α_i}(z_i)] for every α_i ≤ degree.

    Parameters
    ----------
    target : Target
        At most six latents.
    degree : int
    order : int, optional
        Nodes per axis.

    Returns
    -------
    ndarray, shape (degree + 1, ..., degree + 1)
        The energy of degree j is E_j = Σ_{|α| = j} C_α²/α!, and Σ_j E_j = E g².
    """
    order = quadrature_orders(target)[0][0] if order is None else order
    return conditional_coefficients(target, np.eye(target.k), 0, (degree, None), order)[0][0]


def tensor(coefficients: np.ndarray, degree: int) -> np.ndarray:
    """The symmetric tensor (C_j)_{i_1 … i_j} = C_α, α the counts of the indices, from the array of the C_α."""
    k = coefficients.ndim
    result = np.empty((k,) * degree)
    for index in itertools.product(range(k), repeat=degree):
        result[index] = coefficients[tuple(index.count(i) for i in range(k))]
    return result
