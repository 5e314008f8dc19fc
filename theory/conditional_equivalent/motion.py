"""How a step moves the neurons of every code: along the direction that all share, and by noise.

The pre-activation of a neuron of code b at a sample of latent u = ⟨x, ĥ⟩ is τ + κZ, τ = strength · along_b · u. Of
κ² − 1 the part that is linear in the gradient's own noise carries the batch's covariance and the matrix Ŷ, as a
gradient step of size h_b would; the rest is white. Gradient descent moves by h_b = ηg_b/√N alone; the sign and the
powers of the spectrum follow `theory.optimizers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.noise_law import VarianceProfiles
from theory.hermite import slope_moments
from theory.optimizers import sign_statistics, spectral_noise, spectral_signal
from theory.statement.problem import Problem
from theory.step_matrix import step_statistics

__all__ = ["Motion", "motion", "turned_profiles"]

_SAME = 1e-9  # 1 − cos²(ĥ, β̂) below which ĥ is β̂


@dataclass(frozen=True, eq=False)
class Motion:
    """What a step does to the neurons of each code.

    Attributes
    ----------
    codes, shares : ndarray, shape (Q,)
        g_b and their shares of the neurons.
    strength : float
    along : ndarray, shape (Q,)
        The shift along ĥ is strength · along.
    h : ndarray, shape (Q,)
        Size of the gradient step that makes the part of the noise that the batch shapes.
    white : ndarray, shape (Q,)
        Variance of the rest.
    batch : callable
        What becomes of values of M.
    overlap : ndarray, shape (k,)
        Of ĥ with the target's directions.
    cosine : float
        cos(ĥ, β̂).
    """

    codes: np.ndarray
    shares: np.ndarray
    strength: float
    along: np.ndarray
    h: np.ndarray
    white: np.ndarray
    batch: Callable[[np.ndarray], np.ndarray] | None
    overlap: np.ndarray
    cosine: float


def motion(problem: Problem, codes: np.ndarray, shares: np.ndarray, *, gradient_order: int, noise: bool) -> Motion:
    """The motion of neurons of codes g_b = √N a_j.

    Parameters
    ----------
    problem : Problem
    codes, shares : ndarray, shape (Q,)
    gradient_order : {1, 2}
    noise : bool
        Whether the step's noise has the covariance of the batch.

    Returns
    -------
    Motion
        For ``sign`` with the codes ±1, and 0 where the second layer has it.
    """
    rule, step = problem.update, step_statistics(problem)
    size = problem.step_size / math.sqrt(problem.width)
    still = np.zeros(len(codes))
    if rule.power == 1.0 or problem.step_size == 0.0:
        h = problem.step_size * codes / math.sqrt(problem.width)
        strength = slope_moments(problem.sigma).c1 * math.sqrt(step.beta_norm2)
        return Motion(codes, shares, strength, h, h, still, None, step.overlap, 1.0)
    if rule.kind == "sign":
        of = sign_statistics(problem, gradient_order=gradient_order)
        signs, inverse = np.unique(np.sign(codes), return_inverse=True)
        shares = np.bincount(inverse, shares)
        white = signs**2 * size**2 * (1.0 - of.mean_square - of.slope**2)
        h = signs * (size * of.slope / of.spread)
        return Motion(signs, shares, math.sqrt(of.mean_square), size * signs, h, white, None, of.overlap, of.cosine)
    of_noise = spectral_noise(problem, codes, shares, batch=noise)
    unit = problem.phi0 * step.label_power * slope_moments(problem.sigma).variance
    h = np.sign(codes) * size * np.sqrt(of_noise.norms) * unit ** (0.5 * (rule.power - 1.0))

    def batch(values: np.ndarray) -> np.ndarray:
        return np.interp(values, of_noise.values, of_noise.shape)

    return Motion(codes, shares, spectral_signal(problem), size * codes, h, still, batch, step.overlap, 1.0)


def turned_profiles(
    profiles: VarianceProfiles, classes: np.ndarray, weights: np.ndarray, moved: Motion, overlap: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix measure on β̂, ξ̂ as one on ĥ and the target's directions across it.

    ĥ has the component cos(ĥ, β̂) on β̂, what its overlap with W⋆ asks for on the ξ̂, and the rest in a direction of its
    own, which sees the law of any coordinate.

    Parameters
    ----------
    profiles : VarianceProfiles
    classes, weights : ndarray, shape (J', Q) and (J', 1 + k, 1 + k)
        The matrix rule on β̂, ξ̂_1 … ξ̂_k.
    moved : Motion
    overlap : ndarray, shape (k,)
        Of β̂.

    Returns
    -------
    classes, weights : ndarray
    """
    k = len(overlap)
    before, after = _root(overlap, 0.5), _root(moved.overlap, -0.5)
    on_target = _root(overlap, -0.5) @ (moved.overlap - moved.cosine * overlap)
    beyond = max(1.0 - moved.cosine**2 - float(on_target @ on_target), 0.0)
    if len(classes) == 1 or 1.0 - moved.cosine**2 < _SAME:
        return classes, weights
    first = np.concatenate([[moved.cosine], on_target, [math.sqrt(beyond)]])
    target = np.column_stack([overlap, before, np.zeros(k)])
    turn = np.concatenate([first[None], after @ (target - np.outer(moved.overlap, first))])
    inner, outer = turn[:, :-1], np.outer(turn[:, -1], turn[:, -1])
    joined = np.concatenate([inner @ weights @ inner.T, profiles.weights[:, None, None] * outer])
    # a frame that rounding, or a measure without the last digits, has left off the identity
    root = np.linalg.cholesky(joined.sum(axis=0))
    joined = np.linalg.solve(root, np.swapaxes(np.linalg.solve(root, joined), 1, 2))
    return np.concatenate([classes, profiles.classes]), joined


def _root(e: np.ndarray, power: float) -> np.ndarray:
    """(I − eeᵀ)^power."""
    square = float(e @ e)
    root = np.eye(len(e))
    if square > 0.0:
        root += (max(1.0 - square, 1e-12) ** power - 1.0) * np.outer(e, e) / square
    return root
