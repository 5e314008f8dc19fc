"""Dual certificates: why a small loss with weight decay forces the neurons onto the teacher's directions.

A certificate is a function p of the inputs with η(u) = E p(x) σ≥2(u·x) equal to the sign of a⋆_j at w⋆_j and |η| < 1
elsewhere on the sphere. If |η(u)| ≤ 1 − ρ_c δ(u)² with δ the angle to the nearest teacher line, then for all parameters

    Σ_i |a_i||w_i| δ_i² ≤ (ζ/λ + λ|p|²/4)/ρ_c,   ζ = L_λ − min_μ (L(μ) + λ|μ|),   min_μ ≥ λ|a⋆|₁ − λ²|p|²/4.

Source: arXiv 2406.01766; the normalisation is that of `theory.local_analysis.population`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from theory.local_analysis.sphere import largest_modulus, smallest_on_tangents, smallest_ratio, unit_points
from theory.local_analysis.zonal_kernel import RELU, ZonalKernel, ZonalSum, monomial
from theory.statement.arguments import integer
from theory.statement.teacher import Teacher, line_angles

__all__ = ["Certificate", "certificate", "spread_bound"]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Certificate:
    """η(u) = Σ_j α_j κ(ρ_j) + κ′(ρ_j)⟨β_j, u⟩ with η(w⋆_j) = sign a⋆_j and no slope along the sphere there.

    Attributes
    ----------
    teacher : Teacher
    kind : {"minimum-norm", "degree"}
        κ = k, the p of least norm; or κ = ρ^ℓ, p of Hermite degree ℓ alone.
    degree : int or None
        ℓ.
    alpha : ndarray, shape (m⋆,)
    beta : ndarray, shape (m⋆, d)
        β_j ⟂ w⋆_j.
    norm2 : float
        |p|² = E p².
    """

    teacher: Teacher
    kind: str
    degree: int | None
    alpha: np.ndarray
    beta: np.ndarray
    norm2: float

    @cached_property
    def _kernel(self) -> ZonalKernel:
        return RELU if self.degree is None else monomial(self.degree)

    def eta(self, U: np.ndarray) -> np.ndarray:
        """η at unit rows (q, d): an array (q,)."""
        return ZonalSum(self._kernel, self.teacher.directions, self.alpha, self.beta)(np.asarray(U, dtype=float))

    def _within(self, dimension: int) -> ZonalSum:
        """η in coordinates of the span, with one orthogonal direction for all of them if `dimension` is r + 1."""
        basis, extra = self.teacher.basis, ((0, 0), (0, dimension - self.teacher.rank))
        centres, beta = (np.pad(rows @ basis.T, extra) for rows in (self.teacher.directions, self.beta))
        return ZonalSum(self._kernel, centres, self.alpha, beta)

    @property
    def _whole(self) -> int:
        """Dimension in which all of the sphere of R^d is seen: η depends on the span and on the distance from it."""
        return min(self.teacher.rank + 1, self.teacher.d)

    @cached_property
    def _largest(self) -> tuple[float, np.ndarray]:
        return largest_modulus(self._within(self._whole))

    @property
    def max_modulus(self) -> float:
        """max |η| over the sphere of R^d: 1 if the certificate holds."""
        return self._largest[0]

    @cached_property
    def worst(self) -> tuple[float, int]:
        """Where |η| is largest: the angle in radians to the nearest teacher line, and the index of that direction."""
        f = self._within(self._whole)
        angles = line_angles(self._largest[1][None], f.centres)[0]
        return float(angles.min()), int(np.argmin(angles))

    @cached_property
    def rho_span(self) -> float:
        """ρ_c over the sphere of the span of the teacher: inf (1 − |η|)/δ². Infinite for a single direction."""
        return self._rho(self.teacher.rank)

    @cached_property
    def rho_sphere(self) -> float:
        """ρ_c over the whole sphere of R^d, the one of the inequalities: at most 4/π² where d > r."""
        return self._rho(self._whole)

    @property
    def exists(self) -> bool:
        """Whether the certificate is non-degenerate: ρ_c > 0 on the whole sphere."""
        return self.rho_sphere > _ROUNDING

    def _rho(self, dimension: int) -> float:
        f = self._within(dimension)
        return min(smallest_ratio(f, f.centres)[0], self._at_centres(f))

    def _at_centres(self, f: ZonalSum) -> float:
        """Limit of (1 − |η|)/δ² at the teacher's directions, the smallest over all of them and all ways to approach.

        Along cos δ w_j + sin δ t it is −s_j(½ tᵀAt + b·t): A collects the second derivatives and b the kink of κ′ at 1.
        """
        kernel, size = f.kernel, f.centres.shape[1]
        if size == 1:
            return math.inf
        lowest = math.inf
        for j, w in enumerate(f.centres):
            sign = math.copysign(1.0, self.teacher.weights[j])
            tangents = np.linalg.svd(w[None])[2][1:]
            A = -kernel.slope_at_one * f.alpha[j] * np.eye(size - 1)
            b = -kernel.slope_kink * (tangents @ f.beta[j])
            for i, v in enumerate(f.centres):
                if i == j:
                    continue
                rho, inner = float(v @ w), float(f.beta[i] @ w)
                first, second, third = (float(g(np.array(rho))) for g in (kernel.slope, kernel.curvature, kernel.third))
                x, y = tangents @ v, tangents @ f.beta[i]
                along = (f.alpha[i] * first + second * inner) * rho + first * inner
                A += (f.alpha[i] * second + third * inner) * np.outer(x, x)
                A += second * (np.outer(x, y) + np.outer(y, x)) - along * np.eye(size - 1)
            lowest = min(lowest, smallest_on_tangents(-0.5 * sign * A, -sign * b))
        return lowest

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return "minimum-norm certificate" if self.degree is None else f"degree-{self.degree} certificate"

    def statement(self) -> str:
        """One sentence: the certificate and its constants, or how it fails and where."""
        name = self.title
        if self.exists:
            return f"non-degenerate {name}: rho_c = {self.rho_sphere:.4g} on the sphere of R^{self.teacher.d}"
        angle, j = self.worst
        return (
            f"no non-degenerate {name}: max |eta| = {self.max_modulus:.6g}, {math.degrees(angle):.1f}° from direction "
            f"{j + 1} of the teacher"
        )

    def curve(self, points: int = 721) -> tuple[np.ndarray, np.ndarray]:
        """Angles in degrees and η around the half circle, for a teacher in a plane; 0 is along its first direction.

        Raises
        ------
        ValueError
            If the teacher's directions do not span a plane.
        """
        if self.teacher.rank != 2:
            raise ValueError(f"`teacher` must span a plane for a curve; its rank is {self.teacher.rank}")
        angles = np.linspace(0.0, 180.0, points)
        first, second = self.plane
        radians = np.radians(angles)[:, None]
        return angles, self.eta(np.cos(radians) * first + np.sin(radians) * second)

    @property
    def plane(self) -> np.ndarray:
        """Orthonormal rows (2, d): the first direction, and the one that turns towards the second."""
        first, second = self.teacher.directions[:2]
        second = second - (first @ second) * first
        return np.stack([first, second / np.linalg.norm(second)])

    def sample(self, points: int = 4000) -> tuple[np.ndarray, np.ndarray]:
        """Angle in radians to the nearest teacher line and |η|, at deterministic points of the sphere of the span."""
        U = unit_points(self.teacher.rank, points) @ self.teacher.basis
        return line_angles(U, self.teacher.directions).min(axis=1), np.abs(self.eta(U))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; angles in degrees."""
        angle, j = self.worst
        return {
            "kind": self.kind,
            "degree": self.degree,
            "exists": self.exists,
            "statement": self.statement(),
            "alpha": self.alpha.tolist(),
            "beta": self.beta.tolist(),
            "norm2": self.norm2,
            "max_modulus": self.max_modulus,
            "worst": {"angle": math.degrees(angle), "direction": j},
            "rho_span": self.rho_span if math.isfinite(self.rho_span) else None,
            "rho_sphere": self.rho_sphere if math.isfinite(self.rho_sphere) else None,
        }


@lru_cache(maxsize=64)
def certificate(teacher: Teacher, kind: str = "minimum-norm", *, degree: int = 8) -> Certificate:
    """Solve the interpolation conditions η(w⋆_j) = sign a⋆_j, P_j ∇η(w⋆_j) = 0.

    Whether |η| stays below 1 elsewhere is not imposed: it is a property of the teacher, reported by `max_modulus`,
    `rho_span` and `rho_sphere`.

    Parameters
    ----------
    teacher : Teacher
    kind : {"minimum-norm", "degree"}
    degree : int
        Even ℓ ≥ 4 of the second kind.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If `kind` is unknown or `degree` is odd or below 4.
    ArithmeticError
        If the conditions are dependent, as for low degrees and many directions.

    Examples
    --------
    >>> from theory.statement.teacher import TEACHERS
    >>> print(f"{certificate(TEACHERS['G']).rho_span:.3f}")
    0.912
    """
    if kind not in ("minimum-norm", "degree"):
        raise ValueError(f"`kind` must be minimum-norm or degree; got {kind!r}")
    if kind == "degree" and integer("degree", degree, 4) % 2:
        raise ValueError(f"`degree` must be an even integer of at least 4; got {degree!r}")
    kernel = RELU if kind == "minimum-norm" else monomial(int(degree))
    r, count = teacher.rank, teacher.size
    W, signs = teacher.directions @ teacher.basis.T, np.sign(teacher.weights)
    tangents = [np.linalg.svd(w[None])[2][1:] for w in W]
    # Unknowns: α, then β_j in coordinates of the tangent space at w⋆_j.
    G = np.zeros((count * r, count * r))
    slots = [slice(count + j * (r - 1), count + (j + 1) * (r - 1)) for j in range(count)]
    rho = W @ W.T
    np.fill_diagonal(rho, 1.0)
    G[:count, :count] = kernel.value(rho)
    for i in range(count):
        G[slots[i], slots[i]] = kernel.slope_at_one * np.eye(r - 1)
        for j in range(count):
            if i != j:
                slope, curvature = float(kernel.slope(rho[i, j])), float(kernel.curvature(rho[i, j]))
                G[i, slots[j]] = slope * (tangents[j] @ W[i])
                G[slots[j], i] = G[i, slots[j]]
                across = slope * tangents[i] @ tangents[j].T
                G[slots[i], slots[j]] = across + curvature * np.outer(tangents[i] @ W[j], tangents[j] @ W[i])
    eigenvalues, vectors = np.linalg.eigh(G)
    if eigenvalues[0] <= 1e-13 * eigenvalues[-1]:
        remedy = "directions further apart" if kind == "minimum-norm" else "another `degree`"
        raise ArithmeticError(
            f"the interpolation conditions of the {kind} certificate are dependent: their Gram matrix has condition "
            f"number above 1e13; take {remedy}"
        )
    target = np.concatenate([signs, np.zeros(count * (r - 1))])
    solution = vectors @ ((vectors.T @ target) / eigenvalues)
    alpha = solution[:count]
    beta = np.stack([solution[slots[j]] @ tangents[j] for j in range(count)]) @ teacher.basis
    found = None if kind == "minimum-norm" else int(degree)
    return Certificate(teacher, kind, found, alpha, beta, float(alpha @ signs) / kernel.power)


def spread_bound(certificate: Certificate, zeta: float | np.ndarray, decay: float | np.ndarray) -> float | np.ndarray:
    """(ζ/λ + λ|p|²/4)/ρ_c, an upper bound on Σ_i |a_i||w_i| δ_i² for every student whose optimality gap is ζ.

    Parameters
    ----------
    certificate : Certificate
    zeta : float or ndarray
        Optimality gap ζ; see `theory.local_analysis.optimality_gap`.
    decay : float or ndarray
        λ > 0.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If the certificate is degenerate: it then bounds nothing.
    """
    if not certificate.exists:
        raise ValueError(f"`certificate` must be non-degenerate; got {certificate.statement()}")
    return (zeta / decay + 0.25 * decay * certificate.norm2) / certificate.rho_sphere
