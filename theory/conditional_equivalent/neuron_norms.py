"""The squared norm that the step gives a neuron across the amplified eigenvectors of Ŷ, given its code.

The step takes w to w + hG. Less its part along β that is G = (1/n₀) Σ_i y_i s(t_i) x_i with t_i = ⟨w, x_i⟩ and s = σ′ −
c₁. With w held and x_i = t_i w + x_i^⊥ the squared norm is

    K = (1 + hT)² + h²(S/n₀) χ²_d,   T = (1/n₀) Σ_i y_i t_i s(t_i),   S = (1/n₀) Σ_i y_i² s(t_i)².

Its mean is κ²; what every neuron of a batch shares taken off, its variance is, with a = 1 + hμ₂E y and Z ~ N(0, 1),

    d Var K = 4a²h²φ₀m_y Var(Zs) + 4ah³φ₀²E y³ Cov(Zs, s²) + h⁴φ₀²[φ₀E y⁴ Var(s²) + 2(m_y E s²)²].

Besides, K goes with the neuron's overlap ρ = ⟨w, u⟩ with an eigenvector u of eigenvalue θ, to second order in ρ as

    K − E K = (ρ² − 1/d)[−a² + ahE s He₃ (θ − E y) + h²φ₀(½E s²He₂ (uᵀMu − m_y) − μ₂² uᵀMu)].

The squared norm of w across u is 1 − ρ², which the whole linear part keeps. The variance of t_i goes with ρ² as the
square of x_i along u does, less 1: the curvatures are those of T, E (Zs)″ = 2μ₂ + E s He₃ of which 2μ₂ is along u, and
of S; of the linear part of s the pairs i ≠ j take away what those of i = j give, since Ŷu has no part across u.

κ² counts all directions alike. It loses what is along the eigenvectors and gains what the target's own directions have,
of order 1/d but of the size of what is amplified: with C₂ = E y(zzᵀ − I) and D₂ = E y²(zzᵀ − I)

    d(E K − κ²) = h(2μ₂ + E s He₃)tr C₂ + h²μ₂²(‖C₂‖² + 2E y tr C₂) + h²φ₀(E s² + ½E s²He₂)tr D₂
                  − Σ_u [(1 + hμ₂θ)² + h²φ₀Var₂uᵀMu].
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from theory.conditional_equivalent.amplified_directions import coordinate_variance
from theory.conditional_equivalent.sample_norm import norm_nodes
from theory.quadrature import gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.problem import Problem
from theory.step_labels import latent_rule, step_labels, step_statistics
from theory.step_outliers import StepOutliers

__all__ = ["norm_given_overlaps", "norm_rule", "norm_variance"]

_LEAST = 1e-9  # variance of K/κ² below which the rule is that of this one
_STEEPEST = 0.25  # δ from which the exponential is no small change
_MOST_LOST = 0.9  # of κ², beyond which a neuron has no part across


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
    """E K/κ² given a neuron's coordinates on the eigenvectors of Ŷ, √(1 − 2δ) exp(δz²) for 1 + δ(z² − 1) of its mean.

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
    of, step, size2 = _slopes(problem.sigma), step_statistics(problem), problem.d * kappa**2
    variance = coordinate_variance(problem, outliers, h)
    mean = np.maximum(1.0 + _beside_the_mean(problem, h, problem.d * variance) / size2, 1.0 - _MOST_LOST)
    across = h[:, None]
    linear = 1.0 + across * of.second * step.label_mean
    change = linear * (across * of.fourth * (outliers.theta - step.label_mean) - linear)
    change = change + problem.phi0 * across**2 * (
        0.5 * of.curvature * (outliers.noise - step.label_power) - of.second**2 * outliers.noise
    )
    own = (1.0 + of.second * across * outliers.theta) ** 2 / problem.d
    delta = np.minimum(change * own / ((size2 * mean)[:, None] * variance), _STEEPEST)
    spread = np.exp(delta @ z.T**2 + 0.5 * np.log1p(-2.0 * delta).sum(axis=1, keepdims=True))
    return mean[:, None] * spread


def _beside_the_mean(problem: Problem, h: np.ndarray, along: np.ndarray) -> np.ndarray:
    """d(E K − κ²), shape (Q,), for d times the variances of the coordinates along the eigenvectors (Q, K)."""
    of, step, labels = _slopes(problem.sigma), step_statistics(problem), step_labels(problem)
    z, w, g = latent_rule(labels.target)
    y = g - labels.start
    curve = (z.T * (w * y)) @ z - step.label_mean * np.eye(z.shape[1])
    trace = float(np.trace(curve))
    of_square = float((w * (y**2 + labels.noise**2)) @ (np.sum(z**2, axis=1) - z.shape[1]))
    gained = h * (2.0 * of.second + of.fourth) * trace
    gained = gained + (h * of.second) ** 2 * (float(np.sum(curve**2)) + 2.0 * step.label_mean * trace)
    gained = gained + h**2 * problem.phi0 * (of.square + 0.5 * of.curvature) * of_square
    return gained - along.sum(axis=1)
