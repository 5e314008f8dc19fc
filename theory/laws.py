"""Classical laws of random matrix theory as frozen distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["MarchenkoPastur", "Semicircle"]


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0.0 < float(value) < math.inf:
        raise ValueError(f"`{name}` must be positive and finite; got {value!r}")
    return float(value)


def _off_support(z: np.ndarray, low: float, high: float) -> np.ndarray:
    z = np.asarray(z)
    inside = (np.imag(z) == 0.0) & (np.real(z) >= low) & (np.real(z) <= high)
    if not np.isfinite(z).all() or inside.any():
        raise ValueError(
            f"`z` must be finite and off the support [{low:g}, {high:g}]; got {z[~np.isfinite(z) | inside]}"
        )
    return z.astype(complex)


@dataclass(frozen=True)
class MarchenkoPastur:
    """Law of the eigenvalues of XᵀX/n, X (n, p) with independent entries of variance `variance` and p/n → `ratio`.

    Parameters
    ----------
    ratio : float
        γ = p/n > 0.
    variance : float
        σ² > 0.

    References
    ----------
    Marchenko and Pastur, Mathematics of the USSR-Sbornik 1 (1967) 457.
    """

    ratio: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", _positive("ratio", self.ratio))
        object.__setattr__(self, "variance", _positive("variance", self.variance))

    @property
    def support(self) -> tuple[float, float]:
        """Ends σ²(1 ∓ √γ)² of the continuous part."""
        root = math.sqrt(self.ratio)
        return self.variance * (1.0 - root) ** 2, self.variance * (1.0 + root) ** 2

    @property
    def mass_at_zero(self) -> float:
        """Mass max(0, 1 − 1/γ) of the eigenvalue 0."""
        return max(0.0, 1.0 - 1.0 / self.ratio)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Density √((b − x)(x − a))/(2πγσ²x) of the continuous part, whose mass is min(1, 1/γ)."""
        x = np.asarray(x, dtype=float)
        a, b = self.support
        inside = (x > a) & (x < b)
        safe = np.where(inside, x, b)
        value = np.sqrt(np.maximum((b - safe) * (safe - a), 0.0)) / (2.0 * math.pi * self.ratio * self.variance * safe)
        return np.where(inside, value, 0.0)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Distribution function, the atom at zero included."""
        x = np.asarray(x, dtype=float)
        g, (a, b) = self.ratio, self.support
        t = np.clip(x, a, b) / self.variance
        a, b = a / self.variance, b / self.variance
        # θ from 0 to π as x goes from b to a: x = 1 + γ + 2√γ cos θ; the integral of 2 sin²θ/(π x) in closed form.
        sine = np.sqrt(np.maximum((b - t) * (t - a), 0.0))
        theta = np.arctan2(sine, t - 1.0 - g)
        root = math.sqrt(g)
        half = np.arctan2(abs(1.0 - root) * np.sin(0.5 * theta), (1.0 + root) * np.cos(0.5 * theta))
        above = ((1.0 + g) * theta - 2.0 * abs(1.0 - g) * half - sine) / (2.0 * math.pi * g)
        return np.where(x < 0.0, 0.0, np.where(x / self.variance >= b, 1.0, 1.0 - above))

    def stieltjes(self, z: np.ndarray) -> np.ndarray:
        """m(z) = ∫ μ(dx)/(x − z), atom included, off the support and 0.

        The root of γσ²zm² + (z − σ²(1 − γ))m + 1 = 0 that is −1/z at infinity.
        """
        a, b = self.support
        z = _off_support(z, a, b)
        if self.mass_at_zero > 0.0 and (z == 0.0).any():
            raise ValueError("`z` must not be 0, where the law has an atom; got 0")
        linear = z - self.variance * (1.0 - self.ratio)
        # Product of two roots: the square root's branch cut is then the support and nothing else.
        root = np.sqrt(z - a) * np.sqrt(z - b)
        return -2.0 / (linear + root)

    def moments(self, k: int) -> np.ndarray:
        """Moments 1 … k: E x^j = σ^(2j) Σ_i γ^i C(j, i) C(j − 1, i)/(i + 1)."""
        return np.array(
            [
                self.variance**j
                * sum(self.ratio**i * math.comb(j, i) * math.comb(j - 1, i) / (i + 1) for i in range(j))
                for j in range(1, k + 1)
            ]
        )


@dataclass(frozen=True)
class Semicircle:
    """Wigner's law: density √(4σ² − x²)/(2πσ²) on [−2σ, 2σ].

    Parameters
    ----------
    variance : float
        σ² > 0.
    """

    variance: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", _positive("variance", self.variance))

    @property
    def support(self) -> tuple[float, float]:
        """Ends ∓2σ."""
        edge = 2.0 * math.sqrt(self.variance)
        return -edge, edge

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Density."""
        x = np.asarray(x, dtype=float)
        return np.sqrt(np.maximum(4.0 * self.variance - x**2, 0.0)) / (2.0 * math.pi * self.variance)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Distribution function."""
        t = np.clip(np.asarray(x, dtype=float) / (2.0 * math.sqrt(self.variance)), -1.0, 1.0)
        return 0.5 + (t * np.sqrt(1.0 - t**2) + np.arcsin(t)) / math.pi

    def stieltjes(self, z: np.ndarray) -> np.ndarray:
        """m(z) = ∫ μ(dx)/(x − z), the root of σ²m² + zm + 1 = 0 that is −1/z at infinity."""
        a, b = self.support
        z = _off_support(z, a, b)
        return -2.0 / (z + np.sqrt(z - a) * np.sqrt(z - b))

    def moments(self, k: int) -> np.ndarray:
        """Moments 1 … k: Catalan numbers times σ^j for even j, 0 for odd j."""
        return np.array(
            [0.0 if j % 2 else self.variance ** (j // 2) * math.comb(j, j // 2) / (j // 2 + 1) for j in range(1, k + 1)]
        )
