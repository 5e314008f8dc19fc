"""The measure problem min_μ L(μ) + λ|μ|_TV, the landscape that weight decay makes of the network's training.

At balance, |a_i| = |w_i|, a student is the signed measure μ = Σ a_i|w_i| δ_ŵᵢ on the sphere and L_λ is convex in it.
The minimiser has few atoms; it is certified by η_λ(u) = (2/λ)[Σ_j a⋆_j k(u·w⋆_j) − Σ_j c_j k(u·u_j)], which is the
atoms' sign at the atoms and at most 1 in modulus elsewhere.

Source: arXiv 2406.01766; the normalisation is that of `theory.local_analysis.population`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import nnls

from theory.local_analysis.dual_certificate import Certificate
from theory.local_analysis.population import regularized_loss
from theory.local_analysis.sphere import largest_modulus, peaks
from theory.local_analysis.zonal_kernel import RELU, ZonalSum, kernel, kernel_hessian, kernel_slope
from theory.statement.arguments import real
from theory.statement.teacher import Teacher, line_angles

__all__ = [
    "MeasureMinimum",
    "SmallDecay",
    "check_decay",
    "largest_decay",
    "minimize_measure",
    "minimize_path",
    "optimality_gap",
    "small_decay",
]

_ROUNDS = 60
_NEWTON = 100
_NO_MASS = 1e-9
_SAME = 1e-6
_RADIUS = 0.5


@dataclass(frozen=True, eq=False)
class MeasureMinimum:
    """The minimiser of L(μ) + λ|μ|_TV.

    Attributes
    ----------
    teacher : Teacher
    decay : float
        λ.
    masses : ndarray, shape (p,)
        c_j, signed.
    directions : ndarray, shape (p, d)
        u_j.
    value : float
        L(μ) + λ|μ|_TV.
    loss : float
        L(μ).
    max_modulus : float
        max |η_λ| over the sphere of R^d, as the search finds it; 1 at the exact minimiser.
    error : float
        Duality gap, a bound on `value` minus the minimum: `value` less λ⟨p, f⋆⟩ − λ²|p|²/4 at p = (2/λ)(f⋆ − f)/s with
        s = max(1, max |η_λ|), for which |E p σ≥2(u·x)| ≤ 1; at least 1e-16, for rounding.
    """

    teacher: Teacher
    decay: float
    masses: np.ndarray
    directions: np.ndarray
    value: float
    loss: float
    max_modulus: float
    error: float

    def eta(self, U: np.ndarray) -> np.ndarray:
        """η_λ at unit rows (q, d): an array (q,)."""
        centres, weights = _sources(self.teacher.directions, self.teacher.weights, self.directions, self.masses)
        return (2.0 / self.decay) * (kernel(np.asarray(U, dtype=float) @ centres.T) @ weights)

    def turns(self) -> np.ndarray:
        """Angle in radians from each atom to the nearest teacher line: an array (p,)."""
        return line_angles(self.directions, self.teacher.directions).min(axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; angles in degrees."""
        return {
            "decay": self.decay,
            "masses": self.masses.tolist(),
            "directions": self.directions.tolist(),
            "turns": np.degrees(self.turns()).tolist(),
            "value": self.value,
            "loss": self.loss,
            "max_modulus": self.max_modulus,
            "error": self.error,
        }


def _sources(W, weights, U, masses) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([W, U]), np.concatenate([weights, -masses])


def _dual(decay: float, W, weights, U, masses) -> ZonalSum:
    centres, alpha = _sources(W, weights, U, masses)
    return ZonalSum(RELU, centres, (2.0 / decay) * alpha, np.zeros_like(centres))


def _coordinates(teacher: Teacher) -> np.ndarray:
    """Directions in coordinates of their span and, if there is more, one orthogonal direction: (m⋆, min(r + 1, d))."""
    W = teacher.directions @ teacher.basis.T
    return np.pad(W, ((0, 0), (0, min(teacher.rank + 1, teacher.d) - teacher.rank)))


@lru_cache(maxsize=64)
def largest_decay(teacher: Teacher) -> float:
    """λ_max = 2 max_u |Σ_j a⋆_j k(u·w⋆_j)|: from there on the minimiser is the zero measure and a network collapses.

    Parameters
    ----------
    teacher : Teacher

    Returns
    -------
    float
    """
    W = _coordinates(teacher)
    return largest_modulus(ZonalSum(RELU, W, 2.0 * teacher.weights, np.zeros_like(W)))[0]


def check_decay(teacher: Teacher, decay: float) -> float:
    """The decay λ, if it is positive and below λ_max.

    Parameters
    ----------
    teacher : Teacher
    decay : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is not.
    """
    decay, largest = real("decay", decay, positive=True), largest_decay(teacher)
    if decay >= largest:
        raise ValueError(
            f"`decay` must be below lambda_max = {largest:.6g}, from which on the network collapses to zero; "
            f"got {decay:g}"
        )
    return decay


def minimize_measure(
    teacher: Teacher, decay: float, *, tolerance: float = 1e-7, start: MeasureMinimum | None = None
) -> MeasureMinimum:
    """Minimise L(μ) + λ|μ|_TV over signed measures on the sphere of R^d.

    Atoms start at the teacher's directions. Masses at fixed directions are a non-negative least-squares problem; then
    Newton's method moves masses and directions together, in coordinates of the teacher's span and one direction off it.
    As long as |η_λ| exceeds 1 somewhere, its peaks become atoms and the two steps repeat.

    The relu's kernel has a kink of third order at ρ = 1, and with three or more dimensions the mass near a direction
    may spread over an arc on which η_λ = ±1: the atoms then approximate the arc, and the error falls with their number.

    Parameters
    ----------
    teacher : Teacher
    decay : float
        0 < λ < λ_max.
    tolerance : float
        On max |η_λ| − 1, and with it on the relative error of `value`.
    start : MeasureMinimum, optional
        For the same teacher and another decay: its atoms are tried beside the teacher's directions.

    Returns
    -------
    MeasureMinimum
        Its `error` bounds the distance of `value` from the minimum.

    Raises
    ------
    ValueError
        If `decay` is not positive or not below λ_max.
    ArithmeticError
        If the rounds run out.

    Examples
    --------
    >>> from theory.statement.teacher import TEACHERS
    >>> minimum = minimize_measure(TEACHERS["G"], 0.01)
    >>> print(f"{minimum.value:.6f}", [f"{c:.4f}" for c in minimum.masses])
    0.008917 ['0.4011', '-0.4011']
    """
    decay = check_decay(teacher, decay)
    W, weights = _coordinates(teacher), teacher.weights
    U, signs = W.copy(), np.sign(weights)
    if start is not None:
        known = start.directions @ teacher.basis.T
        off = np.sqrt(np.maximum(1.0 - np.sum(known**2, axis=1), 0.0))[:, None]
        U = np.concatenate([U, np.hstack([known, off])[:, : W.shape[1]]])
        U /= np.linalg.norm(U, axis=1, keepdims=True)
        signs = np.append(signs, np.sign(start.masses))
    slack = real("tolerance", tolerance, positive=True) + 1e-15 / decay  # the second is what rounding leaves of η
    for _ in range(_ROUNDS):
        masses = _best_masses(W, weights, U, signs, decay)
        U, signs, masses = U[masses > 0.0], signs[masses > 0.0], masses[masses > 0.0]
        Z = _newton(W, weights, signs, masses[:, None] * U, decay)
        norms = np.linalg.norm(Z, axis=1)
        kept = norms > _NO_MASS
        U, signs, norms = _merged(Z[kept] / norms[kept, None], signs[kept], norms[kept])
        if len(norms) < len(Z):
            continue
        eta = _dual(decay, W, weights, U, signs * norms)
        heights, tops = peaks(eta)
        if heights[0] <= 1.0 + slack:
            found = _minimum(teacher, decay, W, U, signs * norms, float(heights[0]))
            if found.error <= 2.0 * slack * found.value + 1e-16:
                return found
        for top in tops[heights > 1.0 + slack]:
            if line_angles(top[None], U).min(initial=np.inf) > _SAME:
                U, signs = np.concatenate([U, top[None]]), np.append(signs, np.sign(eta(top[None])))
    raise ArithmeticError(
        f"the measure problem at decay {decay:g} was not solved in {_ROUNDS} rounds: max |eta| - 1 is still "
        f"{heights[0] - 1.0:.2g}; allow a larger `tolerance`"
    )


def minimize_path(
    teacher: Teacher, decays: Sequence[float] | np.ndarray, *, tolerance: float = 3e-6
) -> list[MeasureMinimum]:
    """The minimisers for several decays, each started from its neighbour's atoms; see `minimize_measure`.

    Parameters
    ----------
    teacher : Teacher
    decays : sequence of float
        Each in (0, λ_max).
    tolerance : float
        As in `minimize_measure`.

    Returns
    -------
    list of MeasureMinimum
        In the order of `decays`.
    """
    found: list[MeasureMinimum] = []
    for decay in decays:
        found.append(minimize_measure(teacher, float(decay), tolerance=tolerance, start=found[-1] if found else None))
    return found


def _minimum(teacher, decay, W, U, masses, highest) -> MeasureMinimum:
    centres, charges = _sources(W, -teacher.weights, U, -masses)
    loss = float(charges @ kernel(centres @ centres.T) @ charges)
    value = loss + decay * float(np.abs(masses).sum())
    scale = max(1.0, highest)
    # E (f⋆ − f) f⋆, with the charges of f − f⋆.
    inner = -float(charges @ kernel(centres @ W.T) @ teacher.weights)
    error = max(value - 2.0 * inner / scale + loss / scale**2, 1e-16)
    r = teacher.rank
    directions = U[:, :r] @ teacher.basis
    off = U[:, r:]
    if np.any(off):  # any direction orthogonal to the span serves
        directions = directions + off * np.linalg.svd(teacher.basis)[2][r]
    return MeasureMinimum(teacher, decay, masses, directions, value, loss, highest, error)


def _best_masses(W, weights, U, signs, decay) -> np.ndarray:
    """|c| ≥ 0 that minimise L + λΣ|c| at fixed directions and signs."""
    G = signs[:, None] * signs * kernel(U @ U.T)
    b = signs * (kernel(U @ W.T) @ weights) - 0.5 * decay
    if len(U) == 0:
        return np.zeros(0)
    eigenvalues, vectors = np.linalg.eigh(G)
    roots = np.sqrt(np.maximum(eigenvalues, 1e-14 * eigenvalues[-1]))
    return nnls(roots[:, None] * vectors.T, (vectors.T @ b) / roots)[0]


def _newton(W, weights, signs, Z, decay) -> np.ndarray:
    """Minimise F(z) = L(Σ s_i σ(z_i·x)) + λΣ|z_i| from Z, as far as a hundred steps lead.

    A trust region on |dz_i|/|z_i| ≤ ½ keeps each atom away from zero, where |z| has its kink; an atom that belongs
    there shrinks by halves until it is dropped.
    """
    if len(Z) == 0:
        return Z
    best, radius = _objective(W, weights, signs, Z, decay), _RADIUS
    gradient, hessian = _derivatives(W, weights, signs, Z, decay)
    for _ in range(_NEWTON):
        largest = float(np.max(np.abs(gradient)))
        if largest <= 1e-15 + 1e-12 * decay:
            return Z
        norms = np.linalg.norm(Z, axis=1)
        scale = np.repeat(norms, Z.shape[1])
        eigenvalues, vectors = np.linalg.eigh(scale[:, None] * hessian * scale)
        slopes = vectors.T @ (scale * gradient.ravel())
        relative = _within_radius(eigenvalues, slopes, vectors, radius, Z.shape)
        expected = -float(slopes @ relative + 0.5 * eigenvalues @ relative**2)
        trial = Z + norms[:, None] * (vectors @ relative).reshape(Z.shape)
        value = _objective(W, weights, signs, trial, decay)
        rounding = 1e-16 * abs(best) + 1e-17
        if expected <= 4.0 * rounding:
            # No descent is left to see: go on as long as the gradient falls.
            trial_gradient, trial_hessian = _derivatives(W, weights, signs, trial, decay)
            if np.max(np.abs(trial_gradient)) >= largest:
                return Z
            Z, best, gradient, hessian = trial, value, trial_gradient, trial_hessian
            continue
        agreement = (best - value + rounding) / expected
        radius = 0.25 * radius if agreement < 0.25 else min(_RADIUS, 2.0 * radius)
        if agreement > 1e-3:
            Z, best = trial, value
            gradient, hessian = _derivatives(W, weights, signs, Z, decay)
            if np.min(np.linalg.norm(Z, axis=1)) < _NO_MASS:
                return Z
    return Z


def _within_radius(eigenvalues, slopes, vectors, radius, shape) -> np.ndarray:
    """The step −(H + μ)⁻¹g in eigencoordinates, μ ≥ 0 the first of a geometric sequence to keep all atoms within."""
    top = float(np.max(np.abs(eigenvalues)))
    shift = max(0.0, -1.1 * float(eigenvalues[0]))
    while True:
        step = -slopes / np.maximum(eigenvalues + shift, 1e-14 * top)
        if np.max(np.linalg.norm((vectors @ step).reshape(shape), axis=1)) <= radius:
            return step
        shift = max(3.0 * shift, 1e-9 * top)


def _objective(W, weights, signs, Z, decay) -> float:
    norms = np.linalg.norm(Z, axis=1)
    centres, charges = _sources(W, -weights, Z / norms[:, None], -signs * norms)
    return float(charges @ kernel(centres @ centres.T) @ charges) + decay * float(norms.sum())


def _derivatives(W, weights, signs, Z, decay) -> tuple[np.ndarray, np.ndarray]:
    """Gradient (p, q) and Hessian (pq, pq) of F."""
    count, q = Z.shape
    norms = np.linalg.norm(Z, axis=1)
    U = Z / norms[:, None]
    centres, charges = _sources(W, -weights, U, -signs * norms)
    rho = U @ centres.T
    value, slope = kernel(rho) @ charges, kernel_slope(rho) * charges
    radial = value - np.sum(slope * rho, axis=1)
    gradient = 2.0 * signs[:, None] * (slope @ centres + radial[:, None] * U) + decay * U
    # Rows: the atoms; columns: the teacher's directions, then the atoms. An atom's energy with itself is k(1)|z|².
    ww, wv = kernel_hessian(Z[:, None], np.concatenate([W, Z]))
    factors = 2.0 * signs[:, None] * np.concatenate([-weights, signs])
    ww *= factors[..., None, None]
    eye, atoms, size = np.eye(q), np.arange(count), len(W)
    ww[atoms, size + atoms] = 2.0 * RELU.at_one * eye
    bend = (decay / norms)[:, None, None] * (eye - U[:, :, None] * U[:, None, :])
    hessian = (wv[:, size:] * factors[:, size:, None, None]).transpose(0, 2, 1, 3).copy()
    hessian[atoms, :, atoms, :] = ww.sum(axis=1) + bend
    return gradient, hessian.reshape(count * q, count * q)


def _merged(U, signs, norms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms of one sign on one line become one."""
    kept: list[int] = []
    norms = norms.copy()
    for i in range(len(U)):
        for j in kept:
            if signs[i] == signs[j] and line_angles(U[i : i + 1], U[j : j + 1])[0, 0] < _SAME:
                norms[j] += norms[i]
                break
        else:
            kept.append(i)
    return U[kept], signs[kept], norms[kept]


def optimality_gap(W: np.ndarray, a: np.ndarray, minimum: MeasureMinimum) -> float:
    """ζ = L_λ(W, a) − min_μ (L(μ) + λ|μ|_TV), not negative but for `minimum.error` and rounding.

    Parameters
    ----------
    W : array_like, shape (m, d)
    a : array_like, shape (m,)
    minimum : MeasureMinimum
        For the teacher and the decay λ in question.

    Returns
    -------
    float
    """
    return regularized_loss(W, a, minimum.teacher, minimum.decay) - minimum.value


@dataclass(frozen=True, eq=False)
class SmallDecay:
    """The minimiser to first order in λ, by the minimum-norm certificate p, if that is non-degenerate.

    Attributes
    ----------
    masses : ndarray, shape (m⋆,)
        a⋆_j − λα_j/2.
    directions : ndarray, shape (m⋆, d)
        w⋆_j − λβ_j/(2a⋆_j), not normalised.
    loss : float
        λ²|p|²/4.
    value : float
        λ|a⋆|₁ − λ²|p|²/4: to O(λ³), and a lower bound on the minimum at every λ, whatever certificate gives p.
    """

    masses: np.ndarray
    directions: np.ndarray
    loss: float | np.ndarray
    value: float | np.ndarray


def small_decay(certificate: Certificate, decay: float | np.ndarray) -> SmallDecay:
    """Masses, directions, loss and value at small λ, and the solver-free lower bound on the minimum.

    For one λ; `loss` and `value` also for an array of them.

    Parameters
    ----------
    certificate : Certificate
    decay : float or ndarray
        λ.

    Returns
    -------
    SmallDecay
    """
    teacher, decay = certificate.teacher, np.asarray(decay, dtype=float)[()]
    loss = 0.25 * decay**2 * certificate.norm2
    value = decay * float(np.abs(teacher.weights).sum()) - loss
    first = np.multiply.outer(decay, certificate.alpha)
    turn = np.multiply.outer(decay, certificate.beta / teacher.weights[:, None])
    return SmallDecay(teacher.weights - 0.5 * first, teacher.directions - 0.5 * turn, loss, value)
