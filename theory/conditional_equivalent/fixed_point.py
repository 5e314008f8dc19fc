"""The fixed point of the conditional equivalent, at any z = −λ off the spectrum or on it from above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from theory.conditional_equivalent.coordinates import (
    CoordinateTraces,
    exchange,
    squares_of_codes,
    squares_of_samples,
    traces,
    variance_of_codes,
    variance_of_samples,
)
from theory.conditional_equivalent.features import EquivalentFeatures

__all__ = [
    "ConvergenceError",
    "Equations",
    "FixedPoint",
    "equations",
    "jacobian",
    "newton",
    "solve",
    "solve_between",
    "solve_together",
]

TOLERANCE = 1e-10
_POLISH = 1e-12  # what Newton aims at unless told otherwise; TOLERANCE is what a caller insists on
_MAX_NEWTON = 50
_NEXT_TO = 1e-4  # residual from which a Jacobian may serve twice
_SHRINKS = 1e-2  # what a step has to make of the residual for that
_ROUNDING, _SAME = 1e-11, 0.9  # residual below which a step that hardly shrinks it is rounding
_EXACT = 1e-14  # residual that no step makes smaller
_STEP_CAP = 2.0  # largest change of log r or log w in one Newton step
_LOWEST = 1e-18  # ridges over the sum of all eigenvalues below which digits are looked at: they are lost at N = n
_LOST = 1e-6  # share of the solution that rounding may move: errors move by up to ten times as much
_TOGETHER = 2_000_000  # entries of the Jacobians of points that are solved at once


class ConvergenceError(ArithmeticError):
    """A fixed point that was not reached; the message names the residual and a remedy."""


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Solution at P points λ.

    Attributes
    ----------
    lam : ndarray, shape (P,)
        Points λ = −z; positive for ridge, −(x + i0) for the density at x, −z for an outlier at z.
    r : ndarray, shape (P, Q)
        Mean of the resolvent (FᵀF/n + λ)^(-1) over the neurons of code b.
    w : ndarray, shape (P, S)
        1 + δ_s; the mean of λ(FFᵀ/n + λ)^(-1) over the samples of latent s is 1/w_s.
    residual : ndarray, shape (P,)
        Largest |log r_b(λ + S_b)| or |log w_s/(1 + Δ_s)| at each point; where λ and S_b nearly cancel, the former is
        counted relative to |λ|.
    iterations : int
    """

    lam: np.ndarray
    r: np.ndarray
    w: np.ndarray
    residual: np.ndarray
    iterations: int

    def __getitem__(self, rows: slice | np.ndarray) -> FixedPoint:
        """The solution at some of the points."""
        return FixedPoint(self.lam[rows], self.r[rows], self.w[rows], self.residual[rows], self.iterations)


@dataclass(frozen=True, eq=False)
class Equations:
    """The fixed-point equations f = 0 at P points, and what they and their derivatives are made of.

    Attributes
    ----------
    lam, r, w : ndarray
        The points, as in `FixedPoint`.
    f : ndarray, shape (P, Q + S)
    omega : ndarray, shape (P, S)
        ω_s = ω⁰_s/w_s.
    traces : tuple of CoordinateTraces
        One for each degree.
    total, bound : ndarray, shape (P, Q) and (P, S)
        What r_b and 1/w_s have to invert.
    """

    lam: np.ndarray
    r: np.ndarray
    w: np.ndarray
    f: np.ndarray
    omega: np.ndarray
    traces: tuple[CoordinateTraces, ...]
    total: np.ndarray
    bound: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> Equations:
        """The equations at some of the points."""
        lam, r, w, f, omega, total, bound = (
            array[rows] for array in (self.lam, self.r, self.w, self.f, self.omega, self.total, self.bound)
        )
        return Equations(lam, r, w, f, omega, tuple(part[rows] for part in self.traces), total, bound)

    def residual(self) -> np.ndarray:
        """Largest violation at each point, shape (P,), as in `FixedPoint`."""
        cancelled = np.minimum(1.0, np.abs(self.total) / np.abs(self.lam)[:, None])
        violation = np.abs(self.f)
        violation[:, : cancelled.shape[1]] *= cancelled
        return np.max(violation, axis=1)

    def dlam(self) -> np.ndarray:
        """∂f/∂λ, shape (P, Q + S)."""
        return np.concatenate([1.0 / self.total, np.zeros_like(self.bound)], axis=1)


def equations(eq: EquivalentFeatures, lam: np.ndarray, r: np.ndarray, w: np.ndarray) -> Equations:
    """Fixed-point equations at (λ, r, w), batched over P points.

    With ω = ω⁰/w, and for the coordinates of each degree C = Σ_s ω_s A_s A_sᵀ, D_y = diag(N_b r_b v(b,y)/D),
    J_y = (I + C D_y)^(-1), K_y = J_y C and H_y = D_y J_y, they are
    log r_b(λ + Σ_s ω_s B_sb + Σ_degrees ∫ν(dy) v(b,y) [K_y]_bb) = 0 and
    log w_s − log(1 + Σ_b N_b B_sb r_b/n + Σ_degrees (D/n) A_sᵀ ∫ν(dy) H_y A_s) = 0. Where entries may be large,
    B_sb is E X²/(1 + X²r_b/(nw_s)).
    """
    B, N = eq.B, eq.neurons
    omega = eq.latent_weights / w
    if eq.entries is None:
        total = lam[:, None] + omega @ B
        bound = 1.0 + (r * N) @ B.T / eq.n
    else:
        met = eq.entries.met(_beside(eq, r, w))
        total = lam[:, None] + (omega[:, None] @ met)[:, 0]
        bound = 1.0 + (met @ (r * N)[..., None])[..., 0] / eq.n
    parts = []
    for of in eq.layers:
        part = traces(of, r, omega)
        total = total + variance_of_codes(of, part)
        bound = bound + (of.dimension / eq.n) * variance_of_samples(of, part)
        parts.append(part)
    f = np.log(np.concatenate([r * total, w / bound], axis=1))
    return Equations(lam, r, w, f, omega, tuple(parts), total, bound)


def jacobian(eq: EquivalentFeatures, at: Equations) -> np.ndarray:
    """Exact derivatives of the equations in (log r, log w), shape (P, Q + S, Q + S).

    With G_bs = B_sb + Σ_degrees ∫ν v (J_y A_s)_b²: ∂total_b/∂ω_s = G_bs and ∂bound_s/∂r_b = N_b G_bs/n;
    ∂[K_y]_bb = −(K_y)_bc² ∂D_c and ∂(A_sᵀH_yA_s) = −(A_sᵀH_yA_t)² ∂ω_t. A large entry answers its own row and column.
    """
    (S, Q), P = eq.B.shape, len(at.lam)
    G: np.ndarray = eq.B.T[None]
    taken = None
    if eq.entries is not None:
        left, taken = eq.entries.parts(_beside(eq, at.r, at.w))
        G = np.swapaxes(left, 1, 2)
    codes: np.ndarray = np.zeros((1, Q, Q))
    latents: np.ndarray = np.zeros((1, S, S))
    for of, part in zip(eq.layers, at.traces, strict=True):
        G = G + exchange(of, part)
        codes = codes + squares_of_codes(of, part) / of.dimension
        latents = latents + of.dimension * squares_of_samples(of, part)
    matrix = np.empty((P, Q + S, Q + S), dtype=at.f.dtype)
    per_total, per_bound = (-1.0 / at.total)[..., None], (-1.0 / (eq.n * at.bound))[..., None]
    strength, omega = (eq.neurons * at.r)[:, None, :], at.omega[:, None, :]
    np.multiply(codes, per_total * strength, out=matrix[:, :Q, :Q])
    np.multiply(G, per_total * omega, out=matrix[:, :Q, Q:])
    np.multiply(np.swapaxes(G, 1, 2), per_bound * strength, out=matrix[:, Q:, :Q])
    np.multiply(latents, per_bound * omega, out=matrix[:, Q:, Q:])
    diagonal = np.arange(Q + S)
    matrix[:, diagonal, diagonal] += 1.0
    if taken is not None:
        of_codes = (omega @ taken)[:, 0] / at.total
        of_samples = (taken @ (eq.neurons * at.r)[..., None])[..., 0] / (eq.n * at.bound)
        matrix[:, diagonal, diagonal] -= np.concatenate([of_codes, of_samples], axis=1)
    return matrix


def _beside(eq: EquivalentFeatures, r: np.ndarray, w: np.ndarray) -> np.ndarray:
    """r_b/(nw_s), the size of an entry's inverse square from which it is not small; shape (P, S, Q)."""
    return r[:, None, :] / (eq.n * w[:, :, None])


def newton(
    eq: EquivalentFeatures,
    lam: np.ndarray,
    r: np.ndarray,
    w: np.ndarray,
    *,
    most: int | None = None,
    enough: float = _POLISH,
    trusted: bool = False,
) -> FixedPoint:
    """Newton steps in (log r, log w) at each point from its own start; `residual` says which arrived.

    The Jacobian is computed at most `most` times; next to a solution one serves for several steps, the last of which is
    made after the residual was taken. Where it is `trusted`, so is the last but one, by the rate of the one before:
    `residual` is then what that rate makes of it.
    """
    most = _MAX_NEWTON if most is None else most
    lam, r, w = np.array(lam), np.array(r), np.array(w)
    Q = r.shape[1]
    residual = np.full(len(lam), np.inf)
    active = np.arange(len(lam))
    before = np.full(len(lam), np.inf)  # residuals of the active points a step ago, and the Jacobians there
    slopes: np.ndarray | None = None
    iterations = 0

    def move(rows: np.ndarray, slopes: np.ndarray, f: np.ndarray) -> None:
        step = -np.linalg.solve(slopes, f[..., None])[..., 0]
        step *= np.minimum(1.0, _STEP_CAP / np.max(np.abs(step), axis=1, keepdims=True))
        r[rows] *= np.exp(step[:, :Q])
        w[rows] *= np.exp(step[:, Q:])

    with np.errstate(all="ignore"):
        while True:
            try:
                at = equations(eq, lam[active], r[active], w[active])
                worst = at.residual()
                residual[active] = np.where(np.isfinite(worst), worst, np.inf)
                open_ = np.isfinite(worst) & (worst > enough)
                if trusted and slopes is not None:
                    # a step with the Jacobian of the last one shrinks it as that has
                    shrunk = np.where(worst < _NEXT_TO, worst * (worst / before), np.inf)
                    ready = open_ & (shrunk < enough)
                    residual[active[ready]] = shrunk[ready]
                    open_ &= ~ready
                # what rounding leaves does not shrink
                open_ &= ~((worst < _ROUNDING) & (worst > _SAME * before))
                if not open_.all():
                    if slopes is not None:  # a last step costs no equation
                        done = np.isfinite(worst) & (worst > _EXACT) & ~open_
                        move(active[done], slopes[done], at.f[done])
                        slopes = slopes[open_]
                    if not open_.any():
                        break
                    at, worst, before, active = at[open_], worst[open_], before[open_], active[open_]
                # next to the solution the last Jacobian takes a step that is as good as its own
                stale = (worst < _NEXT_TO) & (worst < _SHRINKS * before)
                if slopes is None or not stale.any():
                    fresh, slopes = True, None
                else:
                    fresh = not stale.all()
                if fresh and iterations == most:
                    break
                iterations += fresh
                if slopes is None:
                    slopes = jacobian(eq, at)
                elif fresh:
                    slopes[~stale] = jacobian(eq, at[~stale])
                move(active, slopes, at.f)
            except np.linalg.LinAlgError:
                residual[active] = np.inf
                break
            before = worst
    return FixedPoint(lam, r, w, residual, iterations)


def solve(eq: EquivalentFeatures, lam: float, start: FixedPoint | None = None) -> FixedPoint:
    """Fixed point at one ridge λ > 0, from a neighbour where one is given.

    Parameters
    ----------
    eq : EquivalentFeatures
    lam : float
        λ > 0.
    start : FixedPoint, optional
        Solution at a neighbouring λ.

    Returns
    -------
    FixedPoint

    Raises
    ------
    ConvergenceError
        If the residual stays above 1e-10 although λ is approached from above.
    """
    if start is not None:
        point = newton(eq, np.array([lam]), start.r, start.w)
        if point.residual[0] < TOLERANCE:
            return _resolved(eq, point)
    cold = np.full((1, len(eq.g)), 1.0 / (lam + 1.0)), np.full((1, len(eq.u)), 2.0)
    point = newton(eq, np.array([lam]), *cold)
    if point.residual[0] < TOLERANCE:
        return _resolved(eq, point)
    # Come down from a λ that dominates the spectrum, with shorter strides where Newton fails.
    high = lam + 10.0 * _trace(eq)
    point = newton(eq, np.array([high]), np.full((1, len(eq.g)), 1.0 / high), np.ones((1, len(eq.u))))
    stride = 0.1
    while point.residual[0] < TOLERANCE and point.lam[0] > lam:
        target = max(lam, float(point.lam[0]) * stride)
        trial = newton(eq, np.array([target]), point.r, point.w)
        if trial.residual[0] < TOLERANCE:
            point = trial
        elif stride > 0.99:
            break
        else:
            stride = stride**0.5
    if point.lam[0] != lam or not point.residual[0] < TOLERANCE:
        low = _LOWEST * _trace(eq)
        remedy = "raise the ridge, or bring d/n, N/n and the step size closer to proportional"
        raise ConvergenceError(
            f"the fixed point at ridge {lam:g} was not reached: residual {point.residual[0]:.2g} at "
            f"{point.lam[0]:.3g}; {remedy if lam >= low else f'take a `ridge` of {low:.1g}, as good as none'}"
        )
    return _resolved(eq, point)


def solve_together(eq: EquivalentFeatures, lams: Sequence[float], start: FixedPoint | None = None) -> FixedPoint:
    """Fixed points at several ridges at once; where that does not lead to one, as `solve` finds it.

    Parameters
    ----------
    eq : EquivalentFeatures
    lams : sequence of float
        P ridges λ > 0.
    start : FixedPoint, optional
        P solutions to start from.

    Returns
    -------
    FixedPoint
        Of P rows.

    Raises
    ------
    ConvergenceError
        As in `solve`.
    """
    lam = np.array(lams, dtype=float)
    if start is None:
        r = np.repeat(1.0 / (lam + 1.0)[:, None], len(eq.g), axis=1)
        w = np.full((len(lam), len(eq.u)), 2.0)
    else:
        r, w = start.r, start.w
    point = newton(eq, lam, r, w)
    for i in np.flatnonzero(~(point.residual < TOLERANCE)).tolist():
        one = solve(eq, float(lam[i]))
        point.r[i], point.w[i], point.residual[i] = one.r[0], one.w[0], one.residual[0]
    for i in range(len(lam)):
        _resolved(eq, point[i : i + 1])
    return point


def solve_between(eq: EquivalentFeatures, ends: FixedPoint, lams: Sequence[float]) -> FixedPoint:
    """Fixed points at ridges between two that are known, by halves: each from its neighbours on a log scale.

    Parameters
    ----------
    eq : EquivalentFeatures
    ends : FixedPoint
        At the smallest and the largest λ, or at one where there is no other.
    lams : sequence of float
        P ridges in ascending order, the ends among them.

    Returns
    -------
    FixedPoint
        Of P rows.

    Raises
    ------
    ConvergenceError
        As in `solve`.
    """
    lam = np.array(lams, dtype=float)
    r, w = np.empty((len(lam), len(eq.g))), np.empty((len(lam), len(eq.u)))
    residual = np.empty(len(lam))
    known = sorted({0, len(lam) - 1})
    r[known], w[known], residual[known] = ends.r, ends.w, ends.residual
    at_once = max(1, _TOGETHER // (len(eq.g) + len(eq.u)) ** 2)
    iterations = ends.iterations
    while len(known) < len(lam):
        middle = [(left + right) // 2 for left, right in pairwise(known) if right > left + 1]
        for first in range(0, len(middle), at_once):
            asked = middle[first : first + at_once]
            start = FixedPoint(lam[asked], *_interpolated(lam, r, w, known, asked), np.full(len(asked), np.inf), 0)
            point = solve_together(eq, [float(lam[i]) for i in asked], start)
            r[asked], w[asked], residual[asked] = point.r, point.w, point.residual
            iterations = max(iterations, point.iterations)
        known = sorted({*known, *middle})
    return FixedPoint(lam, r, w, residual, iterations)


def _interpolated(
    lam: np.ndarray, r: np.ndarray, w: np.ndarray, known: list[int], asked: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """log r and log w as the polynomial in log λ through the four known points that are nearest."""
    at = np.log(lam[known])
    starts = []
    for x in np.log(lam[asked]):
        near = np.argsort(np.abs(at - x), kind="stable")[:4]
        other = ~np.eye(len(near), dtype=bool)
        share = np.prod((x - at[near]) / (at[near, None] - at[near] + ~other), axis=1, where=other)
        rows = np.array(known)[near]
        starts.append((share @ np.log(r[rows]), share @ np.log(w[rows])))
    of_r, of_w = zip(*starts, strict=True)
    return np.exp(of_r), np.exp(of_w)


def _trace(eq: EquivalentFeatures) -> float:
    """Mean of ‖φ(x)‖² over the samples, the sum of all eigenvalues."""
    return float(eq.latent_weights @ eq.strength @ eq.neurons) / eq.n


def _resolved(eq: EquivalentFeatures, point: FixedPoint) -> FixedPoint:
    """Refuse a solution at a ridge far below all eigenvalues whose digits are rounding, as at N = n."""
    low = _LOWEST * _trace(eq)
    if point.lam[0] < low:
        inverse = np.linalg.inv(jacobian(eq, equations(eq, point.lam, point.r, point.w)))[0]
        lost = float(np.finfo(float).eps * np.abs(inverse).sum(axis=-1).max())
        if not lost < _LOST:
            raise ConvergenceError(
                f"the ridge {point.lam[0]:g} is hidden by rounding: the fixed point is known to a share of {lost:.1g}; "
                f"take a `ridge` of at least {low:.1g}"
            )
    return point
