"""One step of n = δd samples: the law of the cosines between a neuron's gradient and the target's directions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.giant_steps.activation_moments import activation_moments
from theory.statement.problem import Problem
from theory.statement.protocol import STARTS
from theory.step_matrix import latent_rule

__all__ = ["CosineLaw", "LabelMoments", "cosine_law", "label_moments"]


@dataclass(frozen=True, eq=False)
class LabelMoments:
    """Moments of the label y = g(z) + noise with the latents z.

    Attributes
    ----------
    C0 : float
        E y.
    C1 : ndarray, shape (k,)
        E[y z].
    C2 : ndarray, shape (k, k)
        E[y (z zᵀ − I)].
    y2, y4 : float
        E y² and E y⁴.
    y2z, y3z : ndarray, shape (k,)
        E[y² z] and E[y³ z].
    y2zz : ndarray, shape (k, k)
        E[y² z zᵀ].
    """

    C0: float
    C1: np.ndarray
    C2: np.ndarray
    y2: float
    y4: float
    y2z: np.ndarray
    y3z: np.ndarray
    y2zz: np.ndarray


def label_moments(problem: Problem) -> LabelMoments:
    """Moments of a problem's label, noise included; see `LabelMoments`.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    LabelMoments
    """
    z, w, g = latent_rule(problem.teacher)
    D, k = problem.noise**2, problem.teacher.k
    C0, C1 = float(w @ g), (w * g) @ z
    g2 = w * g**2
    power = float(g2.sum())
    C1[np.abs(C1) < 1e-13 * math.sqrt(power)] = 0.0  # rounding dust
    return LabelMoments(
        C0=C0,
        C1=C1,
        C2=(z.T * (w * g)) @ z - C0 * np.eye(k),
        y2=power + D,
        y4=float(w @ g**4) + 6.0 * D * power + 3.0 * D**2,
        y2z=g2 @ z,
        y3z=(w * g**3) @ z + 3.0 * D * C1,
        y2zz=(z.T * g2) @ z + D * np.eye(k),
    )


@dataclass(frozen=True, eq=False)
class CosineLaw:
    """Cosines of h_i = (1/n) Σ_μ r_μ x_μ σ′(⟨w_i, x_μ⟩) with the rows of W⋆, at n = δd and large d.

    The step moves neuron i by a multiple of a_i h_i: its cosines carry the sign of a_i.

    Attributes
    ----------
    mean : ndarray, shape (k,)
        c₁C₁/𝒩, the same for every neuron.
    norm2 : float
        𝒩² = c₁²‖C₁‖² + c₂²C₀² + e₂ E r²/δ, the limit of |h_i|².
    neuron_covariance : ndarray, shape (k, k)
        Over neurons of one network on one batch, of order 1/d.
    seed_covariance : ndarray, shape (k, k)
        Of the mean over neurons, over batches, of order 1/d.
    """

    mean: np.ndarray
    norm2: float
    neuron_covariance: np.ndarray
    seed_covariance: np.ndarray

    @property
    def neuron_std(self) -> np.ndarray:
        """Standard deviation over neurons, shape (k,)."""
        return np.sqrt(np.diag(self.neuron_covariance))

    @property
    def seed_std(self) -> np.ndarray:
        """Standard deviation over seeds of the mean over neurons, shape (k,)."""
        return np.sqrt(np.diag(self.seed_covariance))


def cosine_law(problem: Problem, *, start: str = "symmetric") -> CosineLaw:
    """Mean and covariance of the cosines after one step of n₀ = δd samples.

    Parameters
    ----------
    problem : Problem
        d, n₀, activation, target, noise; the step size does not matter. Its width and second layer enter for a random
        start only.
    start : {"symmetric", "random"}
        A random start f ≠ 0 adds c₁⁴|Σ_j A_j w_j|² to 𝒩² and takes E f from C₀, A_j = a_j/√N: of order 1/N, unless the
        second layer is constant. Its effect on the covariances is left out.

    Returns
    -------
    CosineLaw
        Limits to relative O(1/d), by the delta method on the projection W⋆h_i and the norm |h_i|.

    Raises
    ------
    ValueError
        If `start` is unknown, or the mean gradient vanishes: C₁ = 0 or c₁ = 0, where n = O(d) learns nothing.

    Notes
    -----
    arXiv 2305.18270. With b = c₂C₀, S = c₁C₁ and ρ = d/n₀ the covariance over neurons is
    LLᵀ/d + J_S V_S J_Sᵀ + J_T J_Tᵀ V_T + X + Xᵀ: L from the overlaps of the initial weights with W⋆, V from the spread
    of σ′ over neurons. The covariance over seeds has the moments of what neurons share instead, and no L.
    """
    if start not in STARTS:
        raise ValueError(f"`start` must be one of {', '.join(STARTS)}; got {start!r}")
    y, s = label_moments(problem), activation_moments(problem.sigma)
    c1, c2, c3 = s.c[1:4]
    e2, e3, e4 = s.slope[2:]
    C0, power, linear = y.C0, y.y2, 0.0
    if start == "random":
        c0 = 0.0 if problem.centered else s.c[0]
        first, second, _ = problem.law_of_a.moments
        mean = first * c0
        C0 = C0 - mean
        power += (s.power - s.c[0] ** 2 + c0**2 * (second - first**2)) / problem.width
        power += mean**2 - 2.0 * mean * y.C0
        linear = c1**4 / problem.width
    S, b, rho, d, n = c1 * y.C1, c2 * C0, problem.d / problem.n0, problem.d, problem.n0
    if not np.linalg.norm(S) > 1e-12 * math.sqrt(y.y2):
        raise ValueError(
            f"`target` must have a linear part that the activation sees for n = O(d) samples; {problem.teacher.name} "
            f"with {problem.sigma.name} has c_1 C_1 = 0"
        )
    norm2 = float(S @ S) + b**2 + linear + e2 * power * rho
    N = math.sqrt(norm2)
    J_S, J_T, J_B = np.eye(len(S)) / N - np.outer(S, S) / N**3, -S * rho / (2.0 * N**3), -S * b / N**3
    L = c2 * J_S @ (y.C2 + C0 * np.eye(len(S))) + np.outer(J_T, s.tilt * y.y2z) + np.outer(J_B, c3 * y.C1)
    V_S = (e2 - c1**2) * y.y2zz / n
    V_T = y.y4 * (e4 - e2**2) / n + 2.0 * (e2**2 - c1**4) * y.y2**2 / d
    cross = np.outer(J_S @ ((e3 - c1 * e2) * y.y3z / n), J_T)
    neuron = L @ L.T / d + J_S @ V_S @ J_S.T + np.outer(J_T, J_T) * V_T + cross + cross.T
    V_S = (c1**2 * y.y2zz - np.outer(S, S)) / n
    V_T = e2**2 * (y.y4 - y.y2**2) / n + 2.0 * c1**4 * y.y2**2 / d
    cross = np.outer(J_S @ ((c1 * e2 * y.y3z - S * e2 * y.y2) / n), J_T)
    seed = J_S @ V_S @ J_S.T + np.outer(J_T, J_T) * V_T + cross + cross.T
    return CosineLaw(S / N, norm2, neuron, seed)
