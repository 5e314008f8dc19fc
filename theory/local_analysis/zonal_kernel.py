"""The kernel of the relu's part of Hermite degree two and more, its derivatives, and sums of kernels on the sphere.

With a student's constant and linear parts fitted, the relu acts through σ≥2(w·x) = |w·x|/2 − |w|/√(2π), which is even,
and every expectation is one of K(w, v) = E σ≥2(w·x) σ≥2(v·x) = |w||v| k(ρ), ρ the cosine of the angle between w and v.

Source: arXiv 2406.01766; the normalisation is the one stated here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = [
    "RELU",
    "ZonalKernel",
    "ZonalSum",
    "gram",
    "kernel",
    "kernel_coefficient",
    "kernel_curvature",
    "kernel_hessian",
    "kernel_slope",
    "monomial",
    "unit_rows",
]

_TWO_PI = 2.0 * math.pi


@dataclass(frozen=True)
class ZonalKernel:
    """An even kernel κ(ρ) on the sphere with κ(1), κ′(1) finite, and what a certificate needs of it.

    Attributes
    ----------
    value, slope, curvature, third : callable
        κ, κ′, κ″, κ‴ of an array of cosines; the last two for |ρ| < 1 only.
    at_one, slope_at_one : float
        κ(1) and κ′(1).
    slope_kink : float
        c in κ′(cos δ) = κ′(1) − cδ + O(δ²): not zero where κ″ diverges at 1.
    power : float
        Factor that turns κ into the covariance of the functions it stands for.
    """

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray], np.ndarray]
    third: Callable[[np.ndarray], np.ndarray]
    at_one: float
    slope_at_one: float
    slope_kink: float
    power: float = 1.0


@dataclass(frozen=True, eq=False)
class ZonalSum:
    """f(u) = Σ_j α_j κ(ρ_j) + κ′(ρ_j) ⟨β_j, u⟩ on the unit sphere, with ρ_j = ⟨u, v_j⟩ and β_j ⟂ v_j.

    Attributes
    ----------
    kernel : ZonalKernel
    centres : ndarray, shape (p, d)
        Unit rows v_j.
    alpha : ndarray, shape (p,)
    beta : ndarray, shape (p, d)
    """

    kernel: ZonalKernel
    centres: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray

    def __call__(self, U: np.ndarray) -> np.ndarray:
        """f at unit rows (q, d): an array (q,)."""
        rho = _cosines(U, self.centres)
        return self.kernel.value(rho) @ self.alpha + np.sum(self.kernel.slope(rho) * (U @ self.beta.T), axis=1)

    def gradient(self, U: np.ndarray) -> np.ndarray:
        """Gradient of the right-hand side as a function on R^d, at unit rows: an array (q, d).

        At a centre the term in κ″ is left out: ⟨β_j, u⟩ vanishes there.
        """
        rho = _cosines(U, self.centres)
        inner = U @ self.beta.T
        on_centre = np.abs(rho) >= 1.0
        curvature = np.where(on_centre, 0.0, self.kernel.curvature(np.where(on_centre, 0.0, rho)))
        slope = self.kernel.slope(rho)
        return (slope * self.alpha + curvature * inner) @ self.centres + slope @ self.beta


def _cosines(U: np.ndarray, V: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(U, dtype=float) @ V.T, -1.0, 1.0)


def kernel(rho: np.ndarray) -> np.ndarray:
    """k(ρ) = (√(1−ρ²) + ρ arcsin ρ − 1)/(2π) = Σ_ℓ σ_ℓ² ρ^ℓ over even ℓ ≥ 2.

    Written without the cancellation at small ρ, so that it is accurate to rounding in relative terms.

    Parameters
    ----------
    rho : array_like
        Cosines; rounding beyond ±1 is clipped.

    Returns
    -------
    ndarray
        Same shape as `rho`.

    Examples
    --------
    >>> [f"{k:.6f}" for k in kernel(np.array([0.5, 1.0]))]
    ['0.020344', '0.090845']
    """
    rho = np.clip(np.asarray(rho, dtype=float), -1.0, 1.0)
    root = np.sqrt((1.0 - rho) * (1.0 + rho))
    return rho * (np.arcsin(rho) - rho / (1.0 + root)) / _TWO_PI


def kernel_slope(rho: np.ndarray) -> np.ndarray:
    """k′(ρ) = arcsin(ρ)/(2π).

    Parameters
    ----------
    rho : array_like

    Returns
    -------
    ndarray
    """
    return np.arcsin(np.clip(np.asarray(rho, dtype=float), -1.0, 1.0)) / _TWO_PI


def kernel_curvature(rho: np.ndarray) -> np.ndarray:
    """k″(ρ) = 1/(2π√(1−ρ²)) for |ρ| < 1.

    Parameters
    ----------
    rho : array_like

    Returns
    -------
    ndarray
    """
    rho = np.asarray(rho, dtype=float)
    return 1.0 / (_TWO_PI * np.sqrt((1.0 - rho) * (1.0 + rho)))


def _kernel_third(rho: np.ndarray) -> np.ndarray:
    return rho / (_TWO_PI * ((1.0 - rho) * (1.0 + rho)) ** 1.5)


RELU = ZonalKernel(
    kernel, kernel_slope, kernel_curvature, _kernel_third, 0.25 - 1.0 / _TWO_PI, 0.25, slope_kink=1.0 / _TWO_PI
)
"""The relu's own kernel k."""


def monomial(degree: int) -> ZonalKernel:
    """κ(ρ) = ρ^ℓ, the share of Hermite degree ℓ, with ℓ even.

    Parameters
    ----------
    degree : int
        ℓ, even.

    Returns
    -------
    ZonalKernel
    """
    ell = int(degree)
    return ZonalKernel(
        lambda rho: rho**ell,
        lambda rho: ell * rho ** (ell - 1),
        lambda rho: ell * (ell - 1) * rho ** (ell - 2),
        lambda rho: ell * (ell - 1) * (ell - 2) * rho ** (ell - 3),
        1.0,
        float(ell),
        slope_kink=0.0,
        power=kernel_coefficient(ell),
    )


def kernel_coefficient(degree: int) -> float:
    """σ_ℓ², the coefficient of ρ^ℓ in k: (2n)!/(2π 4ⁿ n!² (2n+1)(2n+2)) for ℓ = 2n + 2, and 0 for other ℓ.

    Parameters
    ----------
    degree : int
        ℓ ≥ 0.

    Returns
    -------
    float
    """
    if degree < 2 or degree % 2:
        return 0.0
    n = degree // 2 - 1
    return math.comb(2 * n, n) / (_TWO_PI * 4.0**n * (2 * n + 1) * (2 * n + 2))


def unit_rows(W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows divided by their norms, and the norms; a zero row keeps direction zero, which its zero mass silences.

    Parameters
    ----------
    W : array_like, shape (m, d)

    Returns
    -------
    directions : ndarray, shape (m, d)
    norms : ndarray, shape (m,)
    """
    norms = np.linalg.norm(W, axis=1)
    return W / np.where(norms > 0.0, norms, 1.0)[:, None], norms


def gram(W: np.ndarray, V: np.ndarray) -> np.ndarray:
    """K(w_i, v_j) = |w_i||v_j| k(ρ_ij).

    Parameters
    ----------
    W, V : array_like, shapes (m, d) and (p, d)

    Returns
    -------
    ndarray, shape (m, p)
    """
    U, u = unit_rows(np.asarray(W, dtype=float))
    V, v = unit_rows(np.asarray(V, dtype=float))
    return u[:, None] * v * kernel(U @ V.T)


def kernel_hessian(w: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∇²_ww K(w, v) and ∇_w ∇_v K(w, v) at vectors that are not zero.

    With S = √(1−ρ²), t = (v̂ − ρŵ)/S, t′ = (ŵ − ρv̂)/S and P = I − ŵŵᵀ they are (|v|/2π|w|)[S ttᵀ − (1−S)P] and
    (1/2π)[arcsin ρ I + S t t′ᵀ − (1−S) ŵ v̂ᵀ]. Both are continuous at ρ = ±1, where S t tᵀ vanishes.

    Parameters
    ----------
    w, v : array_like, shapes (..., d)
        Broadcast against each other.

    Returns
    -------
    ww, wv : ndarray, shape (..., d, d)
    """
    w, v = np.asarray(w, dtype=float), np.asarray(v, dtype=float)
    size_w, size_v = (np.linalg.norm(z, axis=-1)[..., None, None] for z in (w, v))
    x, y = np.broadcast_arrays(w / size_w[..., 0], v / size_v[..., 0])
    rho = np.clip(np.sum(x * y, axis=-1), -1.0, 1.0)[..., None]
    # From the two chords: 1 − ρ² would lose the small angles.
    S = 0.5 * np.linalg.norm(x - y, axis=-1) * np.linalg.norm(x + y, axis=-1)
    S = S[..., None, None]
    over = np.divide(1.0, S, out=np.zeros_like(S), where=S > 0.0)
    toward_v, toward_w = y - rho * x, x - rho * y
    eye = np.eye(x.shape[-1])
    ww = over * _outer(toward_v, toward_v) - (1.0 - S) * (eye - _outer(x, x))
    wv = np.arcsin(rho)[..., None] * eye + over * _outer(toward_v, toward_w) - (1.0 - S) * _outer(x, y)
    return (size_v / size_w) * ww / _TWO_PI, wv / _TWO_PI


def _outer(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x[..., :, None] * y[..., None, :]
