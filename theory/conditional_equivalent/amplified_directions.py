"""Eigenvectors of Ŷ outside its bulk that a step amplifies to the size of the latents.

An eigenvector u_c of Ŷ with eigenvalue θ_c gives neuron b, h = ηg_b/√N, the coordinate ⟨w, u_c⟩ of variance
[(1 + hμ₂θ_c)² + h²φ₀ Var₂ u_cᵀMu_c]/d. Where that is not small beside κ², the sample's ⟨x, u_c⟩ is a latent beside ⟨x,
β̂⟩ and the neuron's coordinate a code beside g: the pre-activation is τ = Σ_c (s_c + c₁h⟨β, u_c⟩)⟨x, u_c⟩ +
c₁h‖β_⊥‖⟨x, β̂_⊥⟩ + κZ.

θ = ζ(m) = −1/m + E[y/(1 + φ₀ym)] at a real m outside the bulk with det(I + m E[y(zzᵀ − I)/(1 + φ₀ym)]) = 0; with v its
null vector W⋆u_c = √ρ v, ρ = 1/(1 − κ′(θ)), κ = vᵀE[y zzᵀ/(1 + φ₀ym)]v, and ⟨β, u_c⟩ = √ρ vᵀE[y z/(1 + φ₀ym)].
u_cᵀMu_c is the derivative in t of θ for the labels y + ty².
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theory.hermite import slope_moments
from theory.quadrature import gauss_hermite
from theory.roots import bracketed_root
from theory.statement.problem import Problem
from theory.step_labels import StepLabels, latent_rule, step_labels

__all__ = ["StepOutliers", "amplified_outliers", "bulk_measure", "coordinate_variance", "step_outliers"]

_AMPLIFIED = 0.05  # variance over κ² beyond the 1/d of any coordinate, on average, from which it is a latent
_PERHAPS = 0.004  # the same from which it may be one, by what the errors say


@dataclass(frozen=True, eq=False)
class StepOutliers:
    """Eigenvalues of Ŷ outside its bulk, and what their eigenvectors overlap with.

    Attributes
    ----------
    theta : ndarray, shape (K,)
        θ_c, by decreasing distance from 0.
    overlap : ndarray, shape (k, K)
        W⋆u_c in the columns.
    along_beta : ndarray, shape (K,)
        ⟨β, u_c⟩.
    noise : ndarray, shape (K,)
        u_cᵀMu_c.
    edges : (float, float)
        Of the bulk.
    """

    theta: np.ndarray
    overlap: np.ndarray
    along_beta: np.ndarray
    noise: np.ndarray
    edges: tuple[float, float]

    def __getitem__(self, kept: np.ndarray) -> StepOutliers:
        """Some of the outliers."""
        return StepOutliers(
            self.theta[kept], self.overlap[:, kept], self.along_beta[kept], self.noise[kept], self.edges
        )


def step_outliers(problem: Problem) -> StepOutliers:
    """Outliers of Ŷ for a problem's step.

    The labels' law is cut where n₀ samples hold less than one label: polynomial labels have no edge, a sample has.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepOutliers
    """
    return _outliers(step_labels(problem), problem.n0)


def amplified_outliers(
    problem: Problem, h: np.ndarray, shares: np.ndarray, kappa: np.ndarray
) -> tuple[StepOutliers, bool]:
    """Those that the step may make latents, and whether it does in any case.

    Parameters
    ----------
    problem : Problem
    h, shares, kappa : ndarray, shape (Q,)
        ηg_b/√N, the share of neurons and their norm at each code.

    Returns
    -------
    outliers : StepOutliers
    certain : bool
        Whether one is so large that no trial is needed.
    """
    found = step_outliers(problem)
    size = shares @ ((coordinate_variance(problem, found, h) - 1.0 / problem.d) / kappa[:, None] ** 2)
    return found[np.flatnonzero(size > _PERHAPS)], bool(np.any(size > _AMPLIFIED))


def coordinate_variance(problem: Problem, outliers: StepOutliers, h: np.ndarray) -> np.ndarray:
    """Variance of ⟨w, u_c⟩ over the neurons of a code, shape (Q, K)."""
    slopes = slope_moments(problem.sigma)
    moved = (1.0 + slopes.second * np.multiply.outer(h, outliers.theta)) ** 2
    return (moved + np.multiply.outer(h**2, problem.phi0 * slopes.rest * outliers.noise)) / problem.d


@lru_cache(maxsize=64)
def _outliers(labels: StepLabels, n0: int) -> StepOutliers:
    z, w, g = latent_rule(labels.target)
    x, p = gauss_hermite(7 if labels.noise > 0.0 else 1)
    y = (g[:, None] - labels.start + labels.noise * x).ravel()
    w = np.outer(w, p).ravel()
    z = np.repeat(z, len(x), axis=0)
    order = np.argsort(-np.abs(y))
    seen = np.sort(order[np.cumsum(w[order]) * n0 > 1.0])
    y, w, z = y[seen], w[seen] / w[seen].sum(), z[seen]
    found, edges = _poles(y, w, z, labels.phi0)
    step = 1e-4 / math.sqrt(float(w @ y**2))
    theta, overlap, along, noise = [], [], [], []
    for value, m, v in found:
        weight = w / (1.0 + labels.phi0 * y * m)
        change = -labels.phi0 * float(w @ (y * (z @ v) / (1.0 + labels.phi0 * y * m)) ** 2) * m**2
        rho = 1.0 / (1.0 - change / _slope(y, w, labels.phi0, m))
        theta.append(value)
        overlap.append(math.sqrt(rho) * v)
        along.append(math.sqrt(rho) * float((weight * y) @ (z @ v)))
        nearby = [[pole[0] for pole in _poles(y + t * y**2, w, z, labels.phi0)[0]] for t in (-step, step)]
        left, right = (min(values, key=lambda other: abs(other - value), default=value) for values in nearby)
        noise.append((right - left) / (2.0 * step))
    order = np.argsort(-np.abs(theta))
    k = labels.target.k
    columns = np.array(overlap).T if overlap else np.zeros((k, 0))
    return StepOutliers(np.array(theta), columns, np.array(along), np.array(noise), edges)[order.astype(int)]


def _slope(y: np.ndarray, w: np.ndarray, phi0: float, m: float) -> float:
    """m² dζ/dm."""
    return 1.0 - phi0 * float(w @ (m * y / (1.0 + phi0 * y * m)) ** 2)


def _poles(
    y: np.ndarray, w: np.ndarray, z: np.ndarray, phi0: float
) -> tuple[list[tuple[float, float, np.ndarray]], tuple[float, float]]:
    """θ, m and the null vector of every outlier on either side of the bulk, and its edges."""
    k = z.shape[1]

    def on_target(m: float) -> np.ndarray:
        weight = w * y / (1.0 + phi0 * y * m)
        return (z.T * weight) @ z - weight.sum() * np.eye(k)

    found, edges = [], []
    for sign in (-1.0, 1.0):  # m < 0 right of the bulk, m > 0 left of it
        worst = float(np.max(-sign * y))
        limit = 1.0 / (phi0 * worst) if worst > 0.0 else 1e6 / math.sqrt(phi0 * float(w @ y**2))
        last = limit * (1.0 - 1e-9)
        if _slope(y, w, phi0, sign * last) < 0.0:

            def falling(m: float, sign: float = sign) -> float:
                return -_slope(y, w, phi0, sign * m)

            last = _root(falling, 1e-9 * limit, last, 1e-14 * limit)
        edges.append(-1.0 / (sign * last) + float(np.sum(w * y / (1.0 + phi0 * y * sign * last))))
        for i in range(k):

            def gap(m: float, i: int = i, sign: float = sign) -> float:
                return -1.0 - sign * m * float(np.linalg.eigvalsh(on_target(sign * m))[i])

            near = last * (1.0 - 1e-7)
            if gap(near) > 0.0:
                m = sign * _root(gap, 1e-9 * limit, near, 1e-13 * limit)
                theta = -1.0 / m + float(np.sum(w * y / (1.0 + phi0 * y * m)))
                found.append((theta, m, np.linalg.eigh(on_target(m))[1][:, i]))
    return found, (edges[1], edges[0])


def _root(function: Callable[[float], float], low: float, high: float, precision: float) -> float:
    """Where a function from negative to positive values vanishes."""

    def values(m: np.ndarray) -> np.ndarray:
        return np.array([function(float(one)) for one in m])

    return float(bracketed_root(values, np.array([low]), np.array([high]), absolute=precision)[0])


def bulk_measure(
    nodes: np.ndarray, weights: np.ndarray, overlap: np.ndarray, outliers: StepOutliers
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix measure on what β̂ and W⋆ have inside the bulk of Ŷ, on an orthonormal frame of its own.

    Parameters
    ----------
    nodes, weights : ndarray, shape (J,) and (J, 1 + k, 1 + k)
        The measure on β̂ and ξ̂ = (I − eeᵀ)^(-1/2)(W⋆ − eβ̂ᵀ).
    overlap : ndarray, shape (k,)
        e.
    outliers : StepOutliers
        Those whose parts are taken out.

    Returns
    -------
    kept : ndarray of int, shape (J',)
        The nodes inside.
    weights : ndarray, shape (J', 1 + k, 1 + k)
        On β̂_⊥ and what is left of W⋆ across it; they sum to I.
    """
    k = len(overlap)
    inside = np.ones(len(nodes), dtype=bool)
    for theta in outliers.theta:
        edge = outliers.edges[int(theta > 0.0)]
        inside &= (nodes - 0.5 * (edge + theta)) * math.copysign(1.0, theta) < 0.0
    kept = np.flatnonzero(inside)
    frame = np.eye(1 + k)
    frame[1:, 0] = overlap
    frame[1:, 1:] = _power(np.eye(k) - np.outer(overlap, overlap), 0.5)
    mass = frame @ weights[kept] @ frame.T
    gram = mass.sum(axis=0)
    across = gram[1:, 0] / gram[0, 0]
    turn = np.eye(1 + k)
    turn[1:, 0] = -across
    turn[0, 0] = gram[0, 0] ** -0.5
    left = gram[1:, 1:] - np.outer(gram[1:, 0], across)
    turn[1:] = _power(left, -0.5) @ turn[1:]
    return kept, turn @ mass @ turn.T


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T
