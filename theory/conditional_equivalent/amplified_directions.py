"""Eigenvectors of Ŷ outside its bulk that a step amplifies to the size of the latents.

An eigenvector u_c of Ŷ with eigenvalue θ_c gives neuron b, h = ηg_b/√N, the coordinate ⟨w, u_c⟩ of variance
[(1 + hμ₂θ_c)² + h²φ₀ Var₂ u_cᵀMu_c]/d. Where that is not small beside κ², the sample's ⟨x, u_c⟩ is a latent beside ⟨x,
β̂⟩ and the neuron's coordinate a code beside g: the pre-activation is τ = Σ_c (s_c + c₁h⟨β, u_c⟩)⟨x, u_c⟩ +
c₁h‖β_⊥‖⟨x, β̂_⊥⟩ + κZ.

The eigenvectors with their θ_c, overlaps and u_cᵀMu_c are those of `theory.step_outliers`.
"""

from __future__ import annotations

import numpy as np

from theory.hermite import slope_moments
from theory.statement.problem import Problem
from theory.step_labels import step_labels, step_statistics
from theory.step_matrix import block_lanczos
from theory.step_outliers import StepOutliers, bulk_of, outliers_of, outliers_of_batches

__all__ = ["amplified_outliers", "bulk_measure", "coordinate_variance", "step_outliers"]

_AMPLIFIED = 0.05  # variance over κ² beyond the 1/d of any coordinate, on average, from which it is a latent
_LITTLE = 1e-9  # of a direction, what lies in the bulk where there is next to nothing
_NODES, _FEWEST = 12, 3  # of the rule of what lies there, over all directions and for each
_HELD = 0.1  # squared overlap with the target's directions, below which a few labels of the batch make an eigenvector
_SAMPLES = 3.4  # n₀/d, below which the same holds
_PERHAPS = 0.004  # the same from which it may be one, by what the errors say


def step_outliers(problem: Problem) -> StepOutliers:
    """Outliers of Ŷ for a problem's step.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepOutliers
    """
    return outliers_of(step_labels(problem), problem.n0)


def amplified_outliers(
    problem: Problem, h: np.ndarray, shares: np.ndarray, kappa: np.ndarray
) -> tuple[tuple[StepOutliers, ...], bool]:
    """Those that the step may make latents, and whether it does in any case.

    Parameters
    ----------
    problem : Problem
    h, shares, kappa : ndarray, shape (Q,)
        ηg_b/√N, the share of neurons and their norm at each code.

    Returns
    -------
    outliers : tuple of StepOutliers
        As expected, and at a few batches that stand for all.
    certain : bool
        Whether one is so large that no trial is needed.
    """
    found = step_outliers(problem)
    size = shares @ ((coordinate_variance(problem, found, h) - 1.0 / problem.d) / kappa[:, None] ** 2)
    held = (np.sum(found.overlap**2, axis=0) > _HELD) & (problem.n0 >= _SAMPLES * problem.d)
    size = np.where(held, size, 0.0)
    kept = np.flatnonzero(size > _PERHAPS)
    batches = outliers_of_batches(step_labels(problem), problem.n0) if len(kept) else ()
    return tuple(one[kept] for one in (found, *batches)), bool(np.any(size > _AMPLIFIED))


def coordinate_variance(problem: Problem, outliers: StepOutliers, h: np.ndarray) -> np.ndarray:
    """Variance of ⟨w, u_c⟩ over the neurons of a code, shape (Q, K)."""
    slopes = slope_moments(problem.sigma)
    moved = (1.0 + slopes.second * np.multiply.outer(h, outliers.theta)) ** 2
    return (moved + np.multiply.outer(h**2, problem.phi0 * slopes.rest * outliers.noise)) / problem.d


def bulk_measure(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The matrix measure on what β̂ and W⋆ have inside the bulk of Ŷ, on an orthonormal frame of its own.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    nodes : ndarray, shape (J,)
    weights : ndarray, shape (J, 1 + k, 1 + k)
        On β̂_⊥ and what is left of W⋆ across it; they sum to I.
    """
    bulk = bulk_of(step_labels(problem), problem.n0)
    mass = bulk.on_directions
    if step_statistics(problem).fitted:  # any direction takes the place of β
        mass = mass.copy()
        mass[:, 0, 1:] = mass[:, 1:, 0] = 0.0
        mass[:, 0, 0] = bulk.masses
    gram = mass.sum(axis=0)
    across = gram[1:, 0] / gram[0, 0]
    turn = np.eye(len(gram))
    turn[1:, 0] = -across
    turn[0, 0] = gram[0, 0] ** -0.5
    values, vectors = np.linalg.eigh(gram[1:, 1:] - np.outer(gram[1:, 0], across))
    turn[1:] = (vectors / np.sqrt(np.maximum(values, _LITTLE))) @ vectors.T @ turn[1:]
    return block_lanczos(bulk.nodes, turn @ mass @ turn.T, max(_FEWEST, _NODES // len(gram)))
