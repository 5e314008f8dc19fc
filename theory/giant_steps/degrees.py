"""Features by Hermite degrees: the equivalent whose learnable part is a polynomial of any degree, not a linear one.

Given the latent s of its sample and the code b of its neuron, a feature is
F = Σ_k A_k(s,b) he_k(⟨ŵ,x⟩) + B(s,b)^(1/2) z, he_k normalised, z noise of its own. he_k(⟨ŵ,x⟩) is again a linear form,
in the D_k harmonics of degree k of the sample with the neuron's symmetric tensor as weights: whatever degree 1
contributes to the fixed point, every degree does, with its own number of coordinates and their variances. When n is of
the order of D_k the part of degree k is learned; while n is far below it acts as noise. Degree 0 is the mean of a
feature given latent and code, one coordinate of weight 1: what functions of the latent take of the samples and neurons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from theory.conditional_equivalent.fixed_point import ConvergenceError

__all__ = ["Degree", "DegreeFeatures", "harmonics", "ridge_errors"]

_TOLERANCE = 1e-10
_POLISH = 1e-12
_MOST = 60
_STEP_CAP = 2.0  # largest change of log r or log w in one Newton step
_RANK = 1e-7  # singular values of A, weighted with samples and neurons, below this share of the largest are dropped


@dataclass(frozen=True, eq=False)
class Degree:
    """What the features hold of one degree k.

    Attributes
    ----------
    A : ndarray, shape (S, Q)
        E[he_k(Z) σ(τ + κZ)].
    counts : ndarray, shape (J,)
        Number of coordinates of each class.
    variances : ndarray, shape (J, Q)
        Variance of one coordinate of the class, Σ_J counts · variances = 1 for every code.
    target : ndarray, shape (S, T)
        E[y h_t | s] for T orthonormal functions h_t of degree k; E[y | s] for k = 0.
    joint : ndarray, shape (J, T, T)
        Share of each class in those functions; sums to I.
    """

    A: np.ndarray
    counts: np.ndarray
    variances: np.ndarray
    target: np.ndarray
    joint: np.ndarray


@dataclass(frozen=True, eq=False)
class DegreeFeatures:
    """Equivalent features up to some degree.

    Attributes
    ----------
    n : float
        Samples.
    latent_weights : ndarray, shape (S,)
        ω⁰.
    neurons : ndarray, shape (Q,)
        Number N_b of neurons of each code.
    B : ndarray, shape (S, Q)
        What the degrees leave of the second moment.
    degrees : tuple of Degree
    y2 : ndarray, shape (S,)
        E[y²|s], noise included.
    """

    n: float
    latent_weights: np.ndarray
    neurons: np.ndarray
    B: np.ndarray
    degrees: tuple[Degree, ...]
    y2: np.ndarray


def harmonics(degree: int, d: int) -> int:
    """D_k = (d+k−1 choose k) − (d+k−3 choose k−2), the number of harmonics of degree k in d dimensions.

    Parameters
    ----------
    degree : int
        k ≥ 1.
    d : int

    Returns
    -------
    int

    Examples
    --------
    >>> harmonics(1, 100), harmonics(2, 100)
    (100, 5049)
    """
    return math.comb(d + degree - 1, degree) - (math.comb(d + degree - 3, degree - 2) if degree > 1 else 0)


# The fixed point ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Factor:
    """A = Z Pᵀ at low rank R: Z (S, R), P (Q, R); and the degree it comes from."""

    Z: np.ndarray
    P: np.ndarray
    part: Degree


@dataclass(frozen=True, eq=False)
class _Kernels:
    """Of one degree at one point, for every class: G = Pᵀ diag(N r v) P, Y = (I + CG)^(-1), T = YC and X = GY."""

    G: np.ndarray
    Y: np.ndarray
    T: np.ndarray
    X: np.ndarray


@dataclass(frozen=True, eq=False)
class _Point:
    lam: float
    r: np.ndarray
    w: np.ndarray
    omega: np.ndarray
    f: np.ndarray
    total: np.ndarray
    bound: np.ndarray
    kernels: tuple[_Kernels, ...]


def _factors(features: DegreeFeatures) -> tuple[_Factor, ...]:
    rows, columns = np.sqrt(features.latent_weights), np.sqrt(features.neurons)
    factors = []
    for part in features.degrees:
        U, size, Vt = np.linalg.svd(rows[:, None] * part.A * columns, full_matrices=False)
        keep = size > _RANK * max(size[0], 1e-300)
        if not keep.any():
            continue
        factors.append(_Factor(U[:, keep] * size[keep] / rows[:, None], Vt[keep].T / columns[:, None], part))
    return tuple(factors)


def _at(features: DegreeFeatures, factors: tuple[_Factor, ...], lam: float, r: np.ndarray, w: np.ndarray) -> _Point:
    """The equations at (λ, r, w).

    With C = Σ_s ω_s A_sA_sᵀ, D_y = diag(N_b r_b v(b,y)) and H_y = (D_y^(-1) + C)^(-1), summed over degrees and their
    classes y of M_y coordinates, 1/r_b = λ + Σ_s ω_sB_sb + Σ M_y v(b,y)[C − CH_yC]_bb and
    n(w_s − 1) = Σ_b N_bB_sb r_b + Σ M_y A_sᵀH_yA_s.
    """
    omega, held = features.latent_weights / w, features.neurons * r
    total = lam + omega @ features.B
    bound = features.B @ held
    kernels = []
    for factor in factors:
        counts, v, P, Z = factor.part.counts, factor.part.variances, factor.P, factor.Z
        C = (Z.T * omega) @ Z
        G = np.matmul(P.T[None] * (held * v)[:, None, :], P)
        Y = np.linalg.inv(np.eye(len(C)) + C @ G)
        T, X = Y @ C, G @ Y
        total = total + counts @ (v * np.sum(np.matmul(P, T) * P, axis=2))
        bound = bound + np.sum((Z @ np.tensordot(counts, X, axes=1)) * Z, axis=1)
        kernels.append(_Kernels(G, Y, T, X))
    bound = 1.0 + bound / features.n
    f = np.log(np.concatenate([r * total, w / bound]))
    return _Point(lam, r, w, omega, f, total, bound, tuple(kernels))


def _jacobian(features: DegreeFeatures, factors: tuple[_Factor, ...], at: _Point) -> np.ndarray:
    """Exact derivatives of the equations in (log r, log w)."""
    Q, S = len(at.r), len(at.w)
    held = features.neurons * at.r
    own, across, between = np.zeros((Q, Q)), features.B.T.copy(), np.zeros((S, S))
    for factor, kernel in zip(factors, at.kernels, strict=True):
        counts, v, P, Z = factor.part.counts, factor.part.variances, factor.P, factor.Z
        for j, count in enumerate(counts):
            weight = count * v[j]
            across += weight[:, None] * ((P @ kernel.Y[j]) @ Z.T) ** 2
            own += np.multiply.outer(weight, v[j]) * ((P @ kernel.T[j]) @ P.T) ** 2
            between += count * ((Z @ kernel.X[j]) @ Z.T) ** 2
    matrix = np.empty((Q + S, Q + S))
    matrix[:Q, :Q] = -own * held / at.total[:, None]
    matrix[:Q, Q:] = -across * at.omega / at.total[:, None]
    matrix[Q:, :Q] = -(across.T * held) / (features.n * at.bound[:, None])
    matrix[Q:, Q:] = -between * at.omega / (features.n * at.bound[:, None])
    matrix[np.diag_indices(Q + S)] += 1.0
    return matrix


def _newton(
    features: DegreeFeatures, factors: tuple[_Factor, ...], lam: float, r: np.ndarray, w: np.ndarray
) -> tuple[_Point, float]:
    """Newton in (log r, log w) from a start; the last point and its residual."""
    Q = len(r)
    factored, before = None, np.inf
    with np.errstate(all="ignore"):
        at = _at(features, factors, lam, r, w)
        for _ in range(_MOST):
            residual = float(np.max(np.abs(at.f)))
            stalled = residual > 0.1 * before
            if not np.isfinite(residual) or residual < _POLISH or (stalled and residual < _TOLERANCE):
                break
            if factored is None or stalled:  # the last factors no longer serve
                factored = lu_factor(_jacobian(features, factors, at), check_finite=False)
            before = residual
            step = -lu_solve(factored, at.f, check_finite=False)
            step *= min(1.0, _STEP_CAP / float(np.max(np.abs(step))))
            r, w = r * np.exp(step[:Q]), w * np.exp(step[Q:])
            at = _at(features, factors, lam, r, w)
    residual = float(np.max(np.abs(at.f)))
    return at, residual if np.isfinite(residual) else np.inf


def _solve(features: DegreeFeatures, factors: tuple[_Factor, ...], lam: float, start: _Point | None) -> _Point:
    """The fixed point at λ > 0: from a neighbour, cold, or down from a λ that dominates the spectrum."""
    Q, S = len(features.neurons), len(features.latent_weights)
    if start is not None:
        point, residual = _newton(features, factors, lam, start.r, start.w)
        if residual < _TOLERANCE:
            return point
    power = features.B + sum(part.A**2 for part in features.degrees)
    high = lam + float(features.latent_weights @ power @ features.neurons) / features.n
    at, stride = high, 0.1
    r, w = np.full(Q, 1.0 / high), np.full(S, 2.0)
    while True:
        point, residual = _newton(features, factors, at, r, w)
        if residual < _TOLERANCE:
            if at == lam:
                return point
            r, w, high = point.r, point.w, at
        elif at == high or stride > 0.99:
            break
        else:
            stride = stride**0.5
        at = max(lam, high * stride)
    raise ConvergenceError(
        f"the fixed point at ridge {lam:g} was not reached: residual {residual:.2g} at {at:.3g}; raise the ridge, or "
        "bring d/n, N/n and the step size closer to proportional"
    )


# The errors -----------------------------------------------------------------------------------------------------------


def _errors(features: DegreeFeatures, factors: tuple[_Factor, ...], at: _Point) -> tuple[float, float, float]:
    """Objective, train error and test error.

    Ψ = (1/λ)[Σ_s ω_s y₂ − Σ_k Σ_y tr(ν_y t̄ᵀH_y t̄)] with t̄ = Σ_s ω_s t_s A_s. As in `theory.conditional_equivalent`, the
    errors are derivatives of Ψ in ω.
    """
    omega, held = at.omega, features.neurons * at.r
    psi = float(omega @ features.y2)
    in_omega = features.y2.copy()
    in_log_r = np.zeros_like(at.r)
    for factor, kernel in zip(factors, at.kernels, strict=True):
        part, P, Z = factor.part, factor.P, factor.Z
        mean = Z.T @ (omega[:, None] * part.target)  # t̄ = P · mean
        seen = Z @ np.matmul(kernel.X, mean)  # A_sᵀH_y t̄: (J, S, T)
        weighted = np.matmul(seen, part.joint)
        psi -= float(np.einsum("s,st,jst->", omega, part.target, weighted))
        in_omega += np.sum(seen * weighted, axis=(0, 2)) - 2.0 * np.einsum("st,jst->s", part.target, weighted)
        shown = P @ np.matmul(kernel.Y, mean)  # (J, Q, T)
        in_log_r -= held * np.sum(part.variances * np.sum(shown * np.matmul(shown, part.joint), axis=2), axis=0)
    slope = _jacobian(features, factors, at)
    adjoint = np.linalg.solve(slope.T, np.concatenate([in_log_r, -omega * in_omega]))

    def error(k: np.ndarray) -> float:
        direct = np.concatenate([np.zeros_like(at.r), k / at.w])
        return float(omega @ (in_omega * k / at.w) + adjoint @ (slope @ direct - direct))

    return psi, error(np.ones_like(at.w)), error(at.w**2)


def ridge_errors(features: DegreeFeatures, ridges: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """Objective, train error and test error of ridge regression at each penalty.

    Parameters
    ----------
    features : DegreeFeatures
    ridges : tuple of float
        λ > 0.

    Returns
    -------
    list of (float, float, float)
        In the order of the penalties.

    Raises
    ------
    ConvergenceError
        If the fixed point is not reached within 1e-10.
    """
    factors = _factors(features)
    results, point = {}, None
    for lam in sorted(set(ridges), reverse=True):
        point = _solve(features, factors, lam, point)
        results[lam] = _errors(features, factors, point)
    return [results[lam] for lam in ridges]
