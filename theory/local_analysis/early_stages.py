"""The two early stages of the training: one gradient step from a small start, then a ridge fit of the outer weights.

Stage 1 moves a neuron from ŵ, uniform on the sphere, with outer weight a = ±1 and f = 0, to

    w¹ = η (a/π) Σ_j a⋆_j [arcsin(ρ_j) w⋆_j − (1 − √(1−ρ_j²)) ŵ],   ρ_j = ⟨ŵ, w⋆_j⟩,

which turns it towards the span of the teacher but not onto one direction.

Source: arXiv 2406.01766; the normalisation is that of `theory.local_analysis.population`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import roots_jacobi

from theory.local_analysis.population import signal_power
from theory.local_analysis.zonal_kernel import gram, unit_rows
from theory.statement.arguments import integer, real
from theory.statement.teacher import Teacher

__all__ = [
    "StepPower",
    "first_stage",
    "first_stage_leading",
    "first_stage_power",
    "first_stage_tangent",
    "second_stage",
]

_RADII, _TURNS = 80, 512


def first_stage(W: np.ndarray, a: np.ndarray, teacher: Teacher, *, step: float = 1.0) -> np.ndarray:
    """The step w¹ of every neuron, exactly: η times the negative gradient of E (f − f⋆)² at f = 0, at ŵ = w/|w|.

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    teacher : Teacher
    step : float
        η.

    Returns
    -------
    ndarray, shape (m, d)
    """
    U = unit_rows(np.asarray(W, dtype=float))[0]
    rho = np.clip(U @ teacher.directions.T, -1.0, 1.0)
    along = rho**2 / (1.0 + np.sqrt((1.0 - rho) * (1.0 + rho))) @ teacher.weights
    turned = (np.arcsin(rho) * teacher.weights) @ teacher.directions - along[:, None] * U
    return (step / math.pi) * np.asarray(a, dtype=float)[:, None] * turned


def first_stage_leading(W: np.ndarray, a: np.ndarray, teacher: Teacher, *, step: float = 1.0) -> np.ndarray:
    """Its two leading terms in ρ: η (a/π)[Hŵ − ½(ŵᵀHŵ)ŵ] with H = Σ_j a⋆_j w⋆_j w⋆_jᵀ; an array (m, d).

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    teacher : Teacher
    step : float
        η.

    Returns
    -------
    ndarray, shape (m, d)
    """
    U = unit_rows(np.asarray(W, dtype=float))[0]
    turned = ((U @ teacher.directions.T) * teacher.weights) @ teacher.directions
    turned -= 0.5 * np.sum(U * turned, axis=1)[:, None] * U
    return (step / math.pi) * np.asarray(a, dtype=float)[:, None] * turned


class StepPower(NamedTuple):
    """Mean squared length of w¹ at η = 1 within the span of the teacher and off it, over ŵ uniform on the sphere."""

    inside: float
    outside: float


def first_stage_power(teacher: Teacher) -> StepPower:
    """T_in and T_out, exactly: each pair of directions is an integral over the projection of ŵ on their plane.

    On it the squared radius has the law Beta(1, (d − 2)/2) (Gauss-Jacobi nodes) and the angle is uniform.

    Parameters
    ----------
    teacher : Teacher

    Returns
    -------
    StepPower

    Raises
    ------
    ValueError
        If the teacher's dimension is below 3.
    """
    d, r = integer("d", teacher.d, 3), teacher.rank
    exponent = 0.5 * d - 2.0  # the density of t = R² is proportional to (1 − t)^(d/2 − 2)
    nodes, radial = roots_jacobi(_RADII, exponent, 0.0)
    squared, radial = 0.5 * (1.0 + nodes)[:, None], radial[:, None] / radial.sum()
    angle = 2.0 * math.pi * (np.arange(_TURNS) + 0.5) / _TURNS
    radius, weight = np.sqrt(squared), radial / _TURNS
    total = outside = 0.0
    for i, v in enumerate(teacher.directions):
        for j, w in enumerate(teacher.directions):
            between = 0.0 if i == j else math.atan2(np.linalg.norm(w - (v @ w) * v), v @ w)
            x, y = radius * np.cos(angle), radius * np.cos(angle - between)
            lost_x, lost_y = (z**2 / (1.0 + np.sqrt(1.0 - z**2)) for z in (x, y))
            product = lost_x * lost_y
            # Of the squared length off the plane, the span's other r − 2 dimensions have their share.
            off = 1.0 - x**2 if r == 1 else (1.0 - squared) * (d - r) / (d - 2)
            size = math.cos(between) * np.arcsin(x) * np.arcsin(y) + product
            size -= np.arcsin(x) * x * lost_y + np.arcsin(y) * y * lost_x
            charge = teacher.weights[i] * teacher.weights[j] / math.pi**2
            total += charge * float(np.sum(weight * size))
            outside += charge * float(np.sum(weight * product * off))
    return StepPower(total - outside, outside)


def first_stage_tangent(teacher: Teacher, *, n: int | None = None, noise: float = 0.0) -> float:
    """Ratio of root mean squares of w¹ off the span of the teacher and within it, after one step on n samples.

    tan² = (T_out + (d − r)E/n)/(T_in + rE/n) with E = E f⋆² + σ_ε²: each coordinate of the sampled gradient has a
    variance E/n beside its mean. So the step finds the span where n ≫ d². For labels less their regression on (1, x).

    Parameters
    ----------
    teacher : Teacher
    n : int, optional
        Samples of the step; the population by default.
    noise : float
        Standard deviation of the label noise.

    Returns
    -------
    float
    """
    d, r = teacher.d, teacher.rank
    inside, outside = first_stage_power(teacher)
    share = 0.0
    if n is not None:
        power = signal_power(teacher) + real("noise", noise, minimum=0.0) ** 2
        share = power / integer("n", n, 1)
    return math.sqrt((outside + (d - r) * share) / (inside + r * share))


def second_stage(W: np.ndarray, teacher: Teacher, *, ridge: float = 1e-3) -> np.ndarray:
    """Outer weights that minimise E (f − f⋆)² + (λ₂/2)|a|² with W fixed: a = (K + (λ₂/2) I)⁻¹ K⋆ a⋆.

    Parameters
    ----------
    W : array_like, shape (m, d)
    teacher : Teacher
    ridge : float
        λ₂.

    Returns
    -------
    ndarray, shape (m,)

    Raises
    ------
    ValueError
        If `ridge` is not positive.
    """
    ridge = real("ridge", ridge, positive=True)
    K = gram(W, W) + 0.5 * ridge * np.eye(len(W))
    return np.linalg.solve(K, gram(W, teacher.directions) @ teacher.weights)
