"""What the sign of the gradient does to the law of the weights, given the batch and β.

A neuron moves by θ sign(a)(h_k + noise), θ = η/√N. Of the noise's variance 1 − h_k² the part S_k² is linear in the
gradient's own noise and carries the batch's covariance, as Ŷ is carried by θS_kμ₂/σ_G; Δ_k = 1 − h_k² − S_k² is white.
Over the coordinates h varies from 0 to ±1: for θ = 2 the variances of a neuron's coordinates lie between 1 and 5 before
the batch is looked at.

For μ₂ = 0 all neurons have the covariance I + θ²(Δ + S(M/m_y)S), whose law is exact. Otherwise, and on the special
directions, the classes are pairs of a level of the coordinates and of values of Ŷ and M, as though every eigenvector
met every level. Ŷ and M then stand beside one slope S⋆, S⋆² = (E S² + (E S)²)/2, in the place of S_k, or beside
(1 − h_k²)^(1/2) where that is less: what the pairs have then is the variance of the sum SŶ + ŶS of two matrices that do
not commute, where S_k would give more.
"""

from __future__ import annotations

import math

import numpy as np

from theory.conditional_equivalent.noise_law import VarianceProfiles, slope_orders
from theory.optimizers import (
    SignStatistics,
    sign_coordinates,
    sign_levels,
    sign_slope_cosine,
    sign_statistics,
)
from theory.statement.problem import Problem
from theory.step_labels import step_labels, step_statistics
from theory.step_matrix import StepLaw, noise_law, scaled_noise_law, step_law

__all__ = ["sign_profiles"]

_LEVELS = 16  # of coordinates, where the law is exact
_FEW = 5  # where they multiply the classes of the batch


def sign_profiles(problem: Problem, signs: np.ndarray, gradient_order: int, *, noise: bool = True) -> VarianceProfiles:
    """Norms and variance profiles of the neurons after a step by the sign of the gradient.

    Parameters
    ----------
    problem : Problem
    signs : ndarray, shape (Q,)
        Of the second layer, the codes.
    gradient_order : {1, 2}
        1 drops Ŷ.
    noise : bool
        Whether M has its own law or is its mean m_y I.

    Returns
    -------
    VarianceProfiles

    Raises
    ------
    ArithmeticError
        If the law of Ŷ or M does not come out (see `theory.step_matrix.step_law`).
    """
    of, step = sign_statistics(problem, gradient_order=gradient_order), step_statistics(problem)
    size = problem.step_size / math.sqrt(problem.width)
    second, rest = slope_orders(problem, gradient_order)

    def variance(slope: np.ndarray, white: np.ndarray, y: np.ndarray, mu: np.ndarray) -> np.ndarray:
        """(1 + hμ₂y)² + h²φ₀Var₂μ + θ²Δ at every level and node, shape (L, J, Q)."""
        h = np.multiply.outer(slope, size * signs / of.spread)[:, None, :]
        y, mu = y[:, None], mu[:, None]
        apart = np.multiply.outer(white, size**2 * signs**2)[:, None, :]
        return (1.0 + h * second * y) ** 2 + h**2 * (problem.phi0 * rest * mu) + apart

    law = step_law(problem) if second else noise_law(problem)
    if second:
        level, slope, shares = sign_coordinates(problem, of, groups=_FEW)
        y = np.repeat(law.nodes, 2)
        mu = law.noise_nodes.ravel() if noise else np.full(len(y), step.label_power)
        mass = (law.weights[:, None] * law.noise_weights).ravel()
        spread = np.minimum(math.sqrt(0.5 * (of.slope_square + of.slope**2)), np.sqrt(level))
        each = variance(spread, level - spread**2, y, mu)
        from_mean = 2.0 * second * step.label_mean * np.multiply.outer(slope - spread, size * signs / of.spread)
        classes = (each + from_mean[:, None]).reshape(-1, len(signs))
        weights = np.outer(shares, mass).ravel()
    else:
        values, weights = _exact(problem, of, noise)
        classes = 1.0 + np.multiply.outer(values, size**2 * signs**2)
    kappa2 = weights @ classes
    level, slope, measure = sign_levels(problem, of, groups=_FEW)
    y, mu, given = _on_special_directions(problem, law, of, step.overlap)
    if not noise:
        mu = np.full(len(mu), step.label_power)
    joint = variance(slope, np.maximum(level - slope**2, 0.0), y, mu)
    root = _roots(measure)
    joint_weights = root[:, None] @ given @ root[:, None]
    joint_classes = joint.reshape(-1, len(signs)) / kappa2
    return VarianceProfiles(
        np.sqrt(kappa2),
        classes / kappa2,
        weights,
        joint_classes,
        joint_weights.reshape(-1, *measure.shape[1:]),
        np.zeros(len(joint_classes)),
        False,
    )


def _exact(problem: Problem, of: SignStatistics, noise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Law of Δ + S(M/m_y)S, or of its mean over M."""
    level, slope, shares = sign_coordinates(problem, of, groups=_LEVELS)
    if not noise:
        return level, shares
    white = np.maximum(level - slope**2, 0.0)
    return scaled_noise_law(step_labels(problem), tuple(white), tuple(slope), tuple(shares))


def _on_special_directions(
    problem: Problem, law: StepLaw, of: SignStatistics, overlap: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of Ŷ and M, and their matrix measure on ĥ, ξ̂_1 … ξ̂_k as S makes them meet the batch.

    What is linear in Ŷ on ĥ is ⟨Sĥ, Ŷĥ⟩. Sĥ lies at the angle of cosine c′ to β̂ and ĥ at that of cosine c: the
    measure is that of a direction with (cc′)^(1/2) along β̂, the rest of which knows neither target nor batch and meets
    the mean.
    """
    k, c = len(overlap), math.copysign(math.sqrt(of.cosine * sign_slope_cosine(problem, of)), of.cosine)
    e = c * overlap
    # rows ĥ and W⋆ − eĥᵀ in the frame β̂, ξ̂(β), η̂
    frame = np.zeros((1 + k, 2 + k))
    frame[0, 0], frame[0, -1] = c, math.sqrt(max(1.0 - c**2, 0.0))
    frame[1:, 0], frame[1:, 1:-1] = overlap, _root(np.eye(k) - np.outer(overlap, overlap))
    frame[1:] -= np.multiply.outer(e, frame[0])
    frame[1:] = np.linalg.solve(_root(np.eye(k) - np.outer(e, e)), frame[1:])
    of_batch = frame[:, :-1] @ law.joint_weights @ frame[:, :-1].T
    apart = np.outer(frame[:, -1], frame[:, -1])
    mean_y = float(law.weights @ law.nodes)
    mean_mu = float(law.weights @ np.sum(law.noise_nodes * law.noise_weights, axis=1))
    return (
        np.append(law.joint_nodes, mean_y),
        np.append(law.joint_noise, mean_mu),
        np.concatenate([of_batch, apart[None]]),
    )


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 1e-12))) @ vectors.T


def _roots(matrices: np.ndarray) -> np.ndarray:
    """Positive semidefinite square roots, shape (L, c, c)."""
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ np.swapaxes(vectors, 1, 2)
