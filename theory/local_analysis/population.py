"""The population loss of a two-layer relu network against a relu teacher, in closed form, with its gradient.

With C the signed masses a_i|w_i| of the student and −a⋆_j of the teacher, the loss with the student's constant and
linear parts at their best is L = E (f − f⋆)² = Σ_ij C_i C_j k(ρ_ij), without a factor ½; the objective is
L_λ = L + (λ/2)(‖a‖² + ‖W‖_F²).

Source: arXiv 2406.01766; the normalisation is the one stated here.
"""

from __future__ import annotations

import math

import numpy as np

from theory.local_analysis.zonal_kernel import kernel, kernel_slope, unit_rows
from theory.statement.teacher import Teacher

__all__ = ["optimal_linear_part", "population_gradient", "population_loss", "regularized_loss", "signal_power"]


def _charges(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directions V̂ of student and teacher, their signed masses C, and the student's norms."""
    U, norms = unit_rows(W)
    return np.concatenate([U, teacher.directions]), np.concatenate([a * norms, -teacher.weights]), norms


def _student(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> tuple[np.ndarray, np.ndarray]:
    W, a = np.asarray(W, dtype=float), np.asarray(a, dtype=float)
    if W.ndim != 2 or W.shape[1] != teacher.d:
        raise ValueError(f"`W` must have shape (m, {teacher.d}), as the teacher has d = {teacher.d}; got {W.shape}")
    if a.shape != W.shape[:1]:
        raise ValueError(f"`a` must have shape ({len(W)},), one weight a neuron; got {a.shape}")
    return W, a


def signal_power(teacher: Teacher) -> float:
    """E f⋆² of the teacher's part of degree two and more: Σ a⋆_i a⋆_j k(ρ_ij).

    Parameters
    ----------
    teacher : Teacher

    Returns
    -------
    float

    Examples
    --------
    >>> from theory.statement.teacher import TEACHERS
    >>> print(f"{signal_power(TEACHERS['orth4']):.6f}")
    0.022711
    """
    return float(teacher.weights @ kernel(teacher.directions @ teacher.directions.T) @ teacher.weights)


def population_loss(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> float:
    """L = E (f − f⋆)² = Σ_ij C_i C_j k(ρ_ij), with the student's constant and linear parts at their best.

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
        f(x) = Σ_i a_i σ(⟨w_i, x⟩) + α + βᵀx.
    teacher : Teacher

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes disagree.
    """
    W, a = _student(W, a, teacher)
    V, C, _ = _charges(W, a, teacher)
    return float(C @ kernel(V @ V.T) @ C)


def regularized_loss(W: np.ndarray, a: np.ndarray, teacher: Teacher, decay: float) -> float:
    """L_λ = L + (λ/2)(‖a‖² + ‖W‖_F²); where |a_i| = |w_i| this is L(μ) + λ|μ|_TV with μ = Σ a_i|w_i| δ_ŵᵢ.

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    teacher : Teacher
    decay : float
        λ ≥ 0.

    Returns
    -------
    float
    """
    W, a = _student(W, a, teacher)
    return population_loss(W, a, teacher) + 0.5 * decay * float(a @ a + np.vdot(W, W))


def population_gradient(
    W: np.ndarray, a: np.ndarray, teacher: Teacher, decay: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of L_λ.

    ∂L_λ/∂w_i = 2a_i Σ_j C_j [k′(ρ_ij)(v̂_j − ρ_ij ŵ_i) + k(ρ_ij) ŵ_i] + λw_i and
    ∂L_λ/∂a_i = 2|w_i| Σ_j C_j k(ρ_ij) + λa_i.

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    teacher : Teacher
    decay : float
        λ ≥ 0.

    Returns
    -------
    gW : ndarray, shape (m, d)
    ga : ndarray, shape (m,)
    """
    W, a = _student(W, a, teacher)
    V, C, norms = _charges(W, a, teacher)
    U = V[: len(a)]
    rho = U @ V.T
    value, slope = kernel(rho) @ C, kernel_slope(rho) * C
    along = value - np.sum(slope * rho, axis=1)
    return (
        2.0 * a[:, None] * (slope @ V + along[:, None] * U) + decay * W,
        2.0 * norms * value + decay * a,
    )


def optimal_linear_part(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> tuple[float, np.ndarray]:
    """The constant α and the vector β that minimise E (Σ_i a_i σ(⟨w_i, x⟩) + α + βᵀx − Σ_j a⋆_j σ(⟨w⋆_j, x⟩))².

    α = −(Σ a_i|w_i| − Σ a⋆_j)/√(2π) and β = −½(Σ a_i w_i − Σ a⋆_j w⋆_j).

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    teacher : Teacher

    Returns
    -------
    alpha : float
    beta : ndarray, shape (d,)
    """
    W, a = _student(W, a, teacher)
    V, C, _ = _charges(W, a, teacher)
    return -float(C.sum()) / math.sqrt(2.0 * math.pi), -0.5 * (C @ V)
