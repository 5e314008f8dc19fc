"""What is left of a target when a learned subspace is fitted with any function and the rest with a polynomial."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from theory.giant_steps.hermite_moments import (
    QUADRATURE_LATENTS,
    compositions,
    conditional_coefficients,
    quadrature_orders,
)
from theory.giant_steps.replicas import Replicas, check_samples
from theory.statement.arguments import integer
from theory.statement.target import Target, as_target

__all__ = ["Residual", "residual"]

_RESOLVED_LATENTS = 4  # up to here the grid has nodes enough for any smooth target
_EXACT = 1e-6  # of E g²: what two orders may differ by where they serve polynomials


class Residual(NamedTuple):
    """E[(g − P_{U,κ} g)²], its numerical error, and how it was integrated."""

    value: float
    error: float
    method: str


def residual(
    target: str | Callable | Target,
    subspace: np.ndarray | None = None,
    degree: int = 1,
    *,
    samples: int = 2**20,
    seed: int = 0,
) -> Residual:
    """Energy of a target outside the span of φ(z_U) He_β(z_⊥), |β| ≤ κ: the floor of ridge regression after learning U.

    R = E g² − Σ_{|β| ≤ κ} E_u[(E_⊥[g He_β(z_⊥)])²]/β!. With U = {0} it is the floor of random features with
    n, N = O(d^κ) (arXiv 2305.18270).

    Parameters
    ----------
    target : str, callable or Target
    subspace : ndarray, shape (k, r), optional
        Columns that span U in latent space; nothing learned by default.
    degree : int
        κ ≥ 0.
    samples, seed : int
        Replicas of the Monte Carlo estimate that serves more than six latents, and more than four where a few nodes an
        axis do not resolve the target.

    Returns
    -------
    Residual
        The error is the difference between two orders of quadrature, or a standard error over 20 batches.

    Raises
    ------
    ValueError
        If `subspace` does not have k rows or is rank deficient, or `degree` or `samples` breaks its rule.

    Notes
    -----
    Ridge regression reaches the floor of U only if the neurons differ within U: equal overlaps and no bias keep it
    above. The class of functions φ(z_U) + polynomial(z) is no lower bound: z₁z₂ with U = e₁ goes below it.
    """
    target = as_target(target)
    degree = integer("degree", degree, 0, 12)
    samples = check_samples(samples)
    frame, known = _frame(target, subspace)
    if target.k <= QUADRATURE_LATENTS:
        (fine, power), (coarse, _) = (
            _left(target, frame, known, degree, order) for order in quadrature_orders(target)[-1]
        )
        error = abs(fine - coarse)
        if target.k <= _RESOLVED_LATENTS or error < _EXACT * power:
            return Residual(max(fine, 0.0), error, "quadrature")
    value, error = Replicas(target, samples, seed).left_over(frame, known, degree)
    return Residual(value, error, "monte-carlo")


def _frame(target: Target, subspace: np.ndarray | None) -> tuple[np.ndarray, int]:
    k = target.k
    U = np.zeros((k, 0)) if subspace is None else np.asarray(subspace, dtype=float)
    if U.size == 0:
        return np.eye(k), 0
    if U.ndim != 2 or U.shape[0] != k or not np.isfinite(U).all() or np.linalg.matrix_rank(U) < U.shape[1]:
        raise ValueError(f"`subspace` must hold independent columns of length {k}; got shape {U.shape}")
    frame = np.linalg.qr(np.concatenate([U, np.eye(k)], axis=1))[0]
    return frame, U.shape[1]


def _left(target: Target, frame: np.ndarray, known: int, degree: int, order: int) -> tuple[float, float]:
    everything, weights = conditional_coefficients(target, frame, target.k, (0, None), order)
    power = float(weights @ np.ravel(everything) ** 2)
    coefficients, weights = conditional_coefficients(target, frame, known, (degree, None), order)
    kept = 0.0
    for total in range(degree + 1):
        for beta in compositions(total, target.k - known):
            at: tuple[Any, ...] = (slice(None), *beta)
            kept += float(weights @ coefficients[at] ** 2) / math.prod(map(math.factorial, beta))
    return power - kept, power
