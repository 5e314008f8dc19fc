"""Extremes of a function on the sphere: the largest modulus of a dual certificate and its non-degeneracy constant.

The functions are sums of kernels around a few centres, smooth between them and of low dimension, so a deterministic
sample followed by local solvers from its best points finds the extremes. The sample makes the search reproducible; it
is no proof that nothing was missed.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from theory.local_analysis.zonal_kernel import ZonalSum
from theory.statement.teacher import line_angles

__all__ = ["largest_modulus", "peaks", "smallest_on_tangents", "smallest_ratio", "unit_points"]

_STARTS = 16
_APART = math.radians(8.0)
_NEAR = 1e-2
"""Radians from a centre inside which (1 − |η|)/δ² is its limit to within the error of the search."""


def unit_points(dimension: int, count: int) -> np.ndarray:
    """`count` deterministic unit vectors that meet every line of R^dimension: equidistant in the plane, else spread."""
    if dimension == 1:
        return np.ones((1, 1))
    if dimension == 2:
        angle = np.pi * np.arange(count) / count
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.random.default_rng(0).standard_normal((count, dimension))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _sample(f: ZonalSum) -> np.ndarray:
    """Points of the search: spread ones, the axes, the centres, and the bisectors of all pairs of centres."""
    centres = f.centres
    dimension = centres.shape[1]
    i, j = np.triu_indices(len(centres), 1)
    between = np.concatenate([centres[i] + centres[j], centres[i] - centres[j]])
    lengths = np.linalg.norm(between, axis=1)
    between = between[lengths > 1e-6] / lengths[lengths > 1e-6, None]
    spread = unit_points(dimension, 720 if dimension == 2 else 1500 * dimension)
    return np.concatenate([spread, np.eye(dimension), centres, between])


def _spread_best(points: np.ndarray, values: np.ndarray) -> list[int]:
    """Indices of the smallest values, each the smallest within a few degrees, at most `_STARTS`."""
    chosen: list[int] = []
    cosine = math.cos(_APART)
    for i in np.argsort(values):
        if not chosen or np.max(np.abs(points[chosen] @ points[i])) < cosine:
            chosen.append(int(i))
            if len(chosen) == _STARTS:
                break
    return chosen


def peaks(f: ZonalSum) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of |f| over the unit sphere, the largest first, and unit vectors (q, d) that attain them.

    Several searches may end on one peak.
    """
    points = _sample(f)
    values = f(points)
    heights, tops = [], []
    for i in _spread_best(points, -np.abs(values)):
        sign = math.copysign(1.0, values[i])

        def negative(x: np.ndarray, sign: float = sign) -> tuple[float, np.ndarray]:
            size = np.linalg.norm(x)
            u = x / size
            g = f.gradient(u[None])[0]
            return -sign * float(f(u[None])[0]), -sign * (g - (g @ u) * u) / size

        found = minimize(negative, points[i], jac=True, method="BFGS", options={"gtol": 1e-12})
        candidates = np.stack([points[i], found.x / np.linalg.norm(found.x)])
        reached = np.abs(f(candidates))
        k = int(np.argmax(reached))
        heights.append(reached[k])
        tops.append(candidates[k])
    order = np.argsort(heights)[::-1]
    return np.array(heights)[order], np.stack(tops)[order]


def largest_modulus(f: ZonalSum) -> tuple[float, np.ndarray]:
    """max |f| over the unit sphere, and a unit vector that attains it."""
    heights, tops = peaks(f)
    return float(heights[0]), tops[0]


def smallest_ratio(f: ZonalSum, centres: np.ndarray) -> tuple[float, np.ndarray]:
    """min (1 − |f(u)|)/δ(u)² over unit u further than 0.01 from all centres, δ the angle to the nearest line.

    The ratio is the largest of the smooth (1 − |f|)/δ_j², so its minimum often lies where two of them meet: sequential
    quadratic programming on min τ subject to τ ≥ (1 − |f|)/δ_j² finds both kinds.

    Returns
    -------
    value : float
        Infinite where no point is that far from the centres.
    where : ndarray, shape (d,)
    """
    points = _sample(f)
    nearest = line_angles(points, centres).min(axis=1)
    points, nearest = points[nearest > _NEAR], nearest[nearest > _NEAR]
    if len(points) == 0:
        return math.inf, centres[0]
    values = (1.0 - np.abs(f(points))) / nearest**2
    best = int(np.argmin(values))
    value, where = float(values[best]), points[best]

    def ratio(u: np.ndarray) -> float:
        delta = float(line_angles(u[None], centres).min())
        return (1.0 - abs(float(f(u[None])[0]))) / delta**2 if delta > _NEAR else math.inf

    for i in _spread_best(points, values):
        sign = math.copysign(1.0, float(f(points[i][None])[0]))

        def slack(x: np.ndarray, sign: float = sign) -> np.ndarray:
            u = x[:-1] / np.linalg.norm(x[:-1])
            return x[-1] * line_angles(u[None], centres)[0] ** 2 - (1.0 - sign * f(u[None])[0])

        def slack_slope(x: np.ndarray, sign: float = sign) -> np.ndarray:
            size = np.linalg.norm(x[:-1])
            u = x[:-1] / size
            delta = line_angles(u[None], centres)[0]
            towards = centres * np.where(centres @ u < 0.0, -1.0, 1.0)[:, None]
            turn = -2.0 * x[-1] * (delta / np.maximum(np.sin(delta), 1e-9))[:, None] * towards
            turn += sign * f.gradient(u[None])[0]
            return np.column_stack([(turn - np.outer(turn @ u, u)) / size, delta**2])

        found = minimize(
            lambda x: x[-1],
            np.append(points[i], values[i]),
            jac=lambda x: np.append(np.zeros(len(x) - 1), 1.0),
            method="SLSQP",
            constraints=[
                {"type": "ineq", "fun": slack, "jac": slack_slope},
                {"type": "eq", "fun": lambda x: x[:-1] @ x[:-1] - 1.0, "jac": lambda x: np.append(2.0 * x[:-1], 0.0)},
            ],
            options={"ftol": 1e-13, "maxiter": 60},
        )
        u = found.x[:-1] / np.linalg.norm(found.x[:-1])
        here = ratio(u)
        if here < value:
            value, where = here, u
    return value, where


def smallest_on_tangents(A: np.ndarray, b: np.ndarray) -> float:
    """min tᵀAt + bᵀt over unit t: the largest μ − Σ_i (b_i/2)²/(A_i − μ) over μ below the eigenvalues of A.

    A quadratic on one sphere has no duality gap, so the one-dimensional concave problem gives the minimum itself.
    """
    eigenvalues, vectors = np.linalg.eigh(A)
    half = 0.5 * (vectors.T @ b)
    lowest, size = float(eigenvalues[0]), float(np.linalg.norm(half))
    # Rounding of A leaves no room between the bounds; without b the minimum moves by twice its size at most.
    if size <= 1e-13 * np.max(np.abs(eigenvalues)):
        return lowest

    def negative(mu: float) -> float:
        gaps = eigenvalues - mu
        shares = np.divide(half**2, gaps, out=np.where(half == 0.0, 0.0, np.inf), where=gaps > 0.0)
        return float(np.sum(shares)) - mu

    found = minimize_scalar(negative, bounds=(lowest - size, lowest), method="bounded", options={"xatol": 1e-13 * size})
    return -float(found.fun)
