"""One step of n = δd samples: the law of the cosines between a neuron's gradient and the target's directions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.giant_steps.activation_moments import activation_moments
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.statement.protocol import STARTS
from theory.step_labels import latent_rule

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
    y2, y3, y4 : float
        E y², E y³ and E y⁴.
    y2z, y3z : ndarray, shape (k,)
        E[y² z] and E[y³ z].
    y2zz : ndarray, shape (k, k)
        E[y² z zᵀ].
    """

    C0: float
    C1: np.ndarray
    C2: np.ndarray
    y2: float
    y3: float
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
        y3=float(w @ g**3) + 3.0 * D * C0,
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
    arXiv 2305.18270. What fluctuates is S = W⋆h_i, T = the noise's share of |h_i|² over d/n₀, and B = ⟨h_i, w_i⟩, of
    means c₁C₁, e₂E r² and b = c₂C₀. With J = (J_S, J_T, J_B) the derivatives of S/𝒩 and ρ = d/n₀,
    J_S = I/𝒩 − SSᵀ/𝒩³, J_T = −Sρ/(2𝒩³), J_B = −Sb/𝒩³, the covariance over neurons is LLᵀ/d + JVJᵀ: L from the overlaps
    of the initial weights with W⋆, V, the covariance of (S, T, B), from the spread of σ′ and Zσ′ over neurons. The
    covariance over seeds has the moments of what neurons share in the place of V, and no L. B adds to both iff
    c₂C₀ ≠ 0.
    """
    if start not in STARTS:
        raise ValueError(f"`start` must be one of {', '.join(STARTS)}; got {start!r}")
    require_isotropic(problem, "the cosines after a giant step")
    require_gradient_descent(problem, "the cosines after a giant step")
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
    J = np.column_stack([J_S, J_T, J_B])
    L = c2 * J_S @ (y.C2 + C0 * np.eye(len(S))) + np.outer(J_T, s.tilt[2] * y.y2z) + np.outer(J_B, c3 * y.C1)
    over_neurons = _joint_covariance(
        (e2 - c1**2) * y.y2zz / n,
        y.y4 * (e4 - e2**2) / n + 2.0 * (e2**2 - c1**4) * y.y2**2 / d,
        y.y2 * (s.tilt2 - c2**2) / n,
        (e3 - c1 * e2) * y.y3z / n,
        (s.tilt[2] - c1 * c2) * y.y2z / n,
        y.y3 * (s.tilt[3] - c2 * e2) / n,
    )
    over_seeds = _joint_covariance(
        (c1**2 * y.y2zz - np.outer(S, S)) / n,
        e2**2 * (y.y4 - y.y2**2) / n + 2.0 * c1**4 * y.y2**2 / d,
        c2**2 * (y.y2 - C0**2) / n,
        (c1 * e2 * y.y3z - S * e2 * y.y2) / n,
        (c1 * c2 * y.y2z - S * b) / n,
        c2 * e2 * (y.y3 - C0 * y.y2) / n,
    )
    return CosineLaw(S / N, norm2, L @ L.T / d + J @ over_neurons @ J.T, J @ over_seeds @ J.T)


def _joint_covariance(S: np.ndarray, T: float, B: float, ST: np.ndarray, SB: np.ndarray, TB: float) -> np.ndarray:
    """The covariance of (S, T, B), shape (k + 2, k + 2), from its blocks."""
    return np.block([[S, ST[:, None], SB[:, None]], [ST, T, TB], [SB, TB, B]])
