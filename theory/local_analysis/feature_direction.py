"""The direction in which a student's features improve, what descent gains along it, and the parts of its residual.

The direction moves the neurons onto the atoms of a measure: with the outer weights fixed, D_i = Σ_p q_ip u_p − w_i, the
atom's sign chosen along w_i, where Σ_i a_i q_ip = c_p. An atom is shared among the neurons of its sign to which it is
nearest, in proportion to a_i; where it is nearest to none, the nearest neuron takes it.

Source: arXiv 2406.01766, whose feature-improvement direction goes to the teacher's own atoms; the normalisation, the
inequality and the choice of neurons are the ones stated here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.local_analysis.measure import MeasureMinimum
from theory.local_analysis.population import _student, population_gradient, population_loss
from theory.statement.teacher import Teacher, line_angles

__all__ = ["Improvement", "ResidualParts", "improvement", "mismatch", "residual_parts"]

_DEAD = 1e-12  # of the mass: what is lighter holds no atom


def mismatch(angle: np.ndarray) -> np.ndarray:
    """κ(δ) = (E ⟨u, x⟩² 1[sgn⟨u, x⟩ ≠ sgn⟨w, x⟩])^(1/2) = ((δ − sin δ cos δ)/π)^(1/2), δ the angle between u and w.

    It is what σ(⟨u, x⟩) and its continuation σ′(⟨w, x⟩)⟨u, x⟩ from a neighbour differ by.

    Parameters
    ----------
    angle : array_like
        δ in [0, π/2], in radians.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> print(f"{float(mismatch(0.1)):.5f}")
    0.01455
    """
    delta = np.asarray(angle, dtype=float)
    small = 2.0 * delta**3 / 3.0 * (1.0 - delta**2 / 5.0)  # of δ − sin δ cos δ, which cancels
    return np.sqrt(np.where(delta < 1e-2, small, delta - np.sin(delta) * np.cos(delta)) / math.pi)


@dataclass(frozen=True, eq=False)
class Improvement:
    """The feature-improvement direction of a student and what L_λ gains along it.

    Attributes
    ----------
    direction : ndarray, shape (m, d)
        D, a change of W.
    inner : float
        ⟨−∇_W L_λ, D⟩.
    gap : float
        ζ = L_λ − min_μ L_λ.
    bound : float
        ζ − 2√L Σ_ip |a_i q_ip| κ(δ_ip) − λ[(‖a‖² − ‖W‖²)/2 + Σ_ip q_ip |⟨w_i, u_p⟩| − Σ_p |c_p|]: what `inner` is never
        below. The last bracket is of the order of a_i² − |w_i|², or negative.
    gradient_norm : float
        ‖∇L_λ‖ in all weights; at least `inner`/‖D‖.
    """

    direction: np.ndarray
    inner: float
    gap: float
    bound: float
    gradient_norm: float

    @property
    def ratio(self) -> float:
        """⟨−∇_W L_λ, D⟩/ζ."""
        return self.inner / self.gap

    @property
    def length(self) -> float:
        """‖D‖."""
        return float(np.linalg.norm(self.direction))


def improvement(W: np.ndarray, a: np.ndarray, least: MeasureMinimum) -> Improvement:
    """The direction from a student to the minimiser of its objective.

    For the loss is a square, L − L(μ) = 2E(f − f⋆)(f − f_μ) − E(f − f_μ)², and f − f_μ is the first-order change of f
    along −D up to the error σ(⟨u_p, x⟩) − σ′(⟨w_i, x⟩)⟨u_p, x⟩ of every share, whose norm is κ(δ_ip).

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    least : MeasureMinimum
        Gives the teacher, λ and the atoms c_p, u_p.

    Returns
    -------
    Improvement

    Raises
    ------
    ValueError
        If shapes disagree, or no neuron has the sign of an atom.
    """
    teacher, decay = least.teacher, least.decay
    W, a = _student(W, a, teacher)
    norms = np.linalg.norm(W, axis=1)
    masses = np.abs(a) * norms
    alive = masses > _DEAD * masses.sum()
    angles = np.full((len(a), len(least.masses)), math.inf)
    angles[alive] = line_angles(W[alive], least.directions)
    angles[np.sign(a)[:, None] != np.sign(least.masses)] = math.inf
    nearest = angles.argmin(axis=1)
    D = -W.copy()
    missed = reach = 0.0
    for p, (mass, u) in enumerate(zip(least.masses, least.directions, strict=True)):
        if not np.isfinite(angles[:, p]).any():
            raise ValueError(f"`a` must have the sign of each of the minimiser's atoms; none has that of {mass:.3g}")
        takes = (nearest == p) & np.isfinite(angles[:, p])
        if not takes.any():
            takes = angles[:, p] <= angles[:, p].min()
        q = a[takes] * mass / float(a[takes] @ a[takes])
        along = W[takes] @ u
        D[takes] += q[:, None] * u * np.where(along < 0.0, -1.0, 1.0)[:, None]
        missed += float(np.abs(a[takes] * q) @ mismatch(angles[takes, p]))
        reach += float(q @ np.abs(along))
    gW, ga = population_gradient(W, a, teacher, decay)
    loss, size_a, size_W = population_loss(W, a, teacher), float(a @ a), float(np.vdot(W, W))
    gap = loss + 0.5 * decay * (size_a + size_W) - least.value
    unbalanced = 0.5 * (size_a - size_W) + reach - float(np.abs(least.masses).sum())
    return Improvement(
        direction=D,
        inner=-float(np.vdot(gW, D)),
        gap=gap,
        bound=gap - 2.0 * math.sqrt(max(loss, 0.0)) * missed - decay * unbalanced,
        gradient_norm=math.sqrt(float(np.vdot(gW, gW)) + float(ga @ ga)),
    )


@dataclass(frozen=True, eq=False)
class ResidualParts:
    """The even part of f − f⋆ as R₁ + R₂ + R₃.

    Attributes
    ----------
    average : ndarray, shape (m⋆, d)
        v_j = Σ_{i ∈ T_j} a_i w_i − a⋆_j w⋆_j, T_j the neurons nearest to line j, turned to its side: R₁ is
        ½ Σ_j ⟨v_j, x⟩ sgn⟨w⋆_j, x⟩.
    squares : ndarray, shape (3,)
        E R₁², E R₂² and E R₃²: R₂ = ½ Σ_i a_i⟨w_i, x⟩(sgn⟨w_i, x⟩ − sgn⟨w⋆_j(i), x⟩) is what neurons off their lines
        add, the constant R₃ = −(Σ a_i|w_i| − Σ a⋆_j)/√(2π) what masses do.
    loss : float
        E (R₁ + R₂ + R₃)², which is L.
    """

    average: np.ndarray
    squares: np.ndarray
    loss: float


def residual_parts(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> ResidualParts:
    """What average neurons, neurons astray and masses have in the residual, in closed form.

    For unit vectors u and v = ρu + St, E sgn⟨u, x⟩ sgn⟨v, x⟩ xxᵀ = (2/π)[asin ρ + S²(tuᵀ + utᵀ) + ρS(uuᵀ − ttᵀ)].

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    teacher : Teacher

    Returns
    -------
    ResidualParts
    """
    W, a = _student(W, a, teacher)
    norms = np.linalg.norm(W, axis=1)
    alive = norms > 0.0
    W, a, norms = W[alive], a[alive], norms[alive]
    lines, weights = teacher.directions, teacher.weights
    nearest = line_angles(W, lines).argmin(axis=1)
    W = W * np.where(np.sum(W * lines[nearest], axis=1) < 0.0, -1.0, 1.0)[:, None]
    charges = a[:, None] * W
    average = -weights[:, None] * lines
    np.add.at(average, nearest, charges)
    # every part is a sum of ½⟨v, x⟩ sgn⟨u, x⟩ over rows (v, u), and a constant
    first = (average, lines)
    second = (np.concatenate([charges, -charges]), np.concatenate([W / norms[:, None], lines[nearest]]))
    constant = -(float(a @ norms) - float(weights.sum())) / math.sqrt(2.0 * math.pi)

    def product(one: tuple[np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray]) -> float:
        (v, u), (w, t) = one, two
        rho = u @ t.T
        off = t[None] - rho[..., None] * u[:, None]  # of length S, and small as S is: no difference of products is
        S = np.linalg.norm(off, axis=2)
        v_off, w_off = np.einsum("ijd,id->ij", off, v), np.einsum("ijd,jd->ij", off, w)
        v_u, w_u = np.sum(v * u, axis=1)[:, None], u @ w.T
        square = np.divide(v_off * w_off, S, out=np.zeros_like(S), where=S > 0.0)
        turned = S * (v_off * w_u + v_u * w_off) + rho * (S * v_u * w_u - square)
        return float(np.sum(np.arctan2(rho, S) * (v @ w.T) + turned)) / (2.0 * math.pi)

    def mean(one: tuple[np.ndarray, np.ndarray]) -> float:
        return 0.5 * math.sqrt(2.0 / math.pi) * float(np.sum(one[0] * one[1]))

    squares = np.array([product(first, first), product(second, second), constant**2])
    crossed = product(first, second) + constant * (mean(first) + mean(second))
    return ResidualParts(average, squares, float(squares.sum() + 2.0 * crossed))
