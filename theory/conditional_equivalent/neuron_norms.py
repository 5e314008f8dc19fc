"""The squared norm that the step gives a neuron across the amplified eigenvectors of Ŷ, given its code.

The step takes w to w + hG. Less its part along β that is G = (1/n₀) Σ_i y_i s(t_i) x_i with t_i = ⟨w, x_i⟩ and s = σ′ −
c₁. With w held and x_i = t_i w + x_i^⊥ the squared norm is

    K = (1 + hT)² + h²(S/n₀) χ²_d,   T = (1/n₀) Σ_i y_i t_i s(t_i),   S = (1/n₀) Σ_i y_i² s(t_i)².

Its mean is κ²; what every neuron of a batch shares taken off, its variance is, with a = 1 + hμ₂E y and Z ~ N(0, 1),

    d Var K = 4a²h²φ₀m_y Var(Zs) + 4ah³φ₀²E y³ Cov(Zs, s²) + h⁴φ₀²[φ₀E y⁴ Var(s²) + 2(m_y E s²)²].

Besides, K goes with the neuron's overlap ρ = ⟨w, u⟩ with an eigenvector u of eigenvalue θ, to second order in ρ as

    K − E K = (ρ² − 1/d)[ahθ E s He₃ + ½h²φ₀ uᵀMu (E s²He₂ − 2μ₂²)].

The first term is 2h⟨w_⊥, G_⊥⟩: of the curvature E (Zs)″ = 2μ₂ + E s He₃ of T in ρ, 2μ₂ is along u. The second is
h²|G_⊥|²: Σ_i y_i² s(t_i)²|x_i|² has the curvature E s²He₂ in the overlaps ⟨x_i, u⟩ρ of t_i, and of the linear part of s
the pairs i ≠ j take away what those of i = j give, since Ŷu has no part across u.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from theory.conditional_equivalent.amplified_directions import StepOutliers, coordinate_variance
from theory.conditional_equivalent.sample_norm import norm_nodes
from theory.quadrature import gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.problem import Problem
from theory.step_labels import latent_rule, step_labels, step_statistics

__all__ = ["norm_given_overlaps", "norm_rule", "norm_variance"]

_LEAST = 1e-9  # variance of K/κ² below which the rule is that of this one
_STEEPEST = 0.25  # δ from which the exponential is no small change


class _Slopes(NamedTuple):
    """Moments of s = σ′ − c₁: μ₂ = E Zs, E s², E s He₃, E s²He₂, Var(Zs), Cov(Zs, s²) and Var(s²)."""

    second: float
    square: float
    fourth: float
    curvature: float
    along: float
    both: float
    squares: float


@lru_cache(maxsize=64)
def _slopes(sigma: Activation) -> _Slopes:
    z, w = gaussian_nodes(sigma.kinks)
    s = sigma.slope(z)
    s = s - w @ s
    along, square = z * s, s**2
    mean, power = float(w @ along), float(w @ square)
    return _Slopes(
        mean,
        power,
        float(w @ (s * (z**3 - 3.0 * z))),
        float(w @ (square * (z**2 - 1.0))),
        float(w @ (along - mean) ** 2),
        float(w @ ((along - mean) * (square - power))),
        float(w @ (square - power) ** 2),
    )


def norm_variance(problem: Problem, h: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """Var(K/κ²) over the neurons of a code.

    Parameters
    ----------
    problem : Problem
    h, kappa : ndarray, shape (Q,)
        ηg_b/√N and the norm at each code.

    Returns
    -------
    ndarray, shape (Q,)
    """
    of, step, labels = _slopes(problem.sigma), step_statistics(problem), step_labels(problem)
    _, w, g = latent_rule(labels.target)
    y = g - labels.start
    third = float(w @ y**3) + 3.0 * step.label_mean * labels.noise**2
    a, scatter = 1.0 + h * of.second * step.label_mean, problem.phi0 * h**2
    value = 4.0 * a**2 * scatter * step.label_power * of.along + 4.0 * a * h * scatter * problem.phi0 * third * of.both
    value += scatter**2 * (problem.phi0 * step.label_fourth * of.squares + 2.0 * (step.label_power * of.square) ** 2)
    return np.maximum(value, 0.0) / (problem.d * kappa**4)


def norm_rule(problem: Problem, h: np.ndarray, kappa: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of K/κ², of a gamma law, at each code.

    Parameters
    ----------
    problem : Problem
    h, kappa : ndarray, shape (Q,)
    order : int
        Number of nodes; 1 gives κ² alone.

    Returns
    -------
    q, weights : ndarray, shape (Q, order)
    """
    variances = np.maximum(norm_variance(problem, h, kappa), _LEAST)
    rules = [norm_nodes(2.0 / value, order) for value in variances.tolist()]
    return np.array([q for q, _ in rules]), np.array([share for _, share in rules])


def norm_given_overlaps(
    problem: Problem, outliers: StepOutliers, h: np.ndarray, kappa: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """E K/κ² given a neuron's coordinates on the eigenvectors of Ŷ, √(1 − 2δ) exp(δz²) for what is 1 + δ(z² − 1).

    Of a coordinate's variance over d the overlap's own share is (1 + hμ₂θ)²; the rest is the step's noise. The
    exponential has the same mean and stays positive.

    Parameters
    ----------
    problem : Problem
    outliers : StepOutliers
        K of them.
    h, kappa : ndarray, shape (Q,)
    z : ndarray, shape (V, K)
        Coordinates less their means, in units of their standard deviations.

    Returns
    -------
    ndarray, shape (Q, V)
    """
    of, mean = _slopes(problem.sigma), step_statistics(problem).label_mean
    across = h[:, None]
    change = across * (1.0 + across * of.second * mean) * of.fourth * outliers.theta
    change = change + 0.5 * problem.phi0 * across**2 * outliers.noise * (of.curvature - 2.0 * of.second**2)
    own = (1.0 + of.second * across * outliers.theta) ** 2 / problem.d
    delta = change * own / (problem.d * kappa[:, None] ** 2 * coordinate_variance(problem, outliers, h))
    delta = np.minimum(delta, _STEEPEST)
    return np.exp(delta @ z.T**2 + 0.5 * np.log1p(-2.0 * delta).sum(axis=1, keepdims=True))
