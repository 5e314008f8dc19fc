"""Free sums and products of two laws, and separable covariances."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from theory.laws.generalised_marchenko_pastur import positive_law
from theory.laws.law import HARD, Law, positive
from theory.laws.population import Discrete
from theory.laws.subordination import Subordinated

__all__ = ["FreeProduct", "FreeSum", "SeparableCovariance"]


def _haar(rng: np.random.Generator, dimension: int) -> np.ndarray:
    """A random orthogonal matrix."""
    q, r = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    return q * np.sign(np.diag(r))


def _quantiles(law: Law, dimension: int) -> np.ndarray:
    return law.ppf((np.arange(dimension) + 0.5) / dimension)


def _spread(name: str, law: Law) -> Law:
    """A law that is not a single atom."""
    low, high = law.ends
    if not low < high:
        raise ValueError(f"`{name}` must not be a single atom, which only shifts or scales; got {low:g}")
    return law


@dataclass(frozen=True, eq=False)
class FreeSum(Subordinated):
    """Free additive convolution: the law of A + OBOᵀ, A and B symmetric of given spectra and O a random rotation.

    m(z) = m₁(ω₁) = m₂(ω₂) with ω₁ + ω₂ = z − 1/m(z).

    Parameters
    ----------
    first, second : Law or sequence of float
        Spectra of A and B; eigenvalues alone have equal weights.

    Raises
    ------
    ValueError
        If a part is a single atom.

    References
    ----------
    Voiculescu, Journal of Functional Analysis 66 (1986) 323; Belinschi and Bercovici, arXiv math/0608216.

    Examples
    --------
    >>> law = FreeSum([-1.0, 1.0], [-1.0, 1.0])  # the arcsine law
    >>> [f"{low:.6f} to {high:.6f}" for low, high in law.bands]
    ['-2.000000 to 2.000000']
    """

    first: Law
    second: Law

    if TYPE_CHECKING:

        def __init__(self, first: Law | ArrayLike, second: Law | ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            law = getattr(self, name)
            object.__setattr__(self, name, _spread(name, law if isinstance(law, Law) else Discrete(law)))

    @property
    def _laws(self) -> tuple[Law, Law]:
        return self.first, self.second

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Mass w₁ + w₂ − 1 at a₁ + a₂ for atoms of masses of sum above 1."""
        pairs = itertools.product(self.first.atoms, self.second.atoms)
        return tuple(sorted((a + b, v + w - 1.0) for (a, v), (b, w) in pairs if v + w > 1.0 + 1e-12))

    def _partner(self, side: int, z: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k, slope = self._parts[side].excess(omega)
        return z - k, -slope

    def _level(self, side: int, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        m, slope = self._parts[side].transforms(omega)
        return -m, -slope

    def _slope(self, side: int, omega: np.ndarray) -> np.ndarray:
        return -self._parts[side].excess(omega)[1]

    def _image(self, level: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        del level
        # k₁ + ω₂ = k₂ + ω₁, by the side farther out: at infinity k is the mean
        swap = np.abs(first) > np.abs(second)
        (k1, _), (k2, _) = (part.excess(w) for part, w in zip(self._parts, (first, second), strict=True))
        return np.where(swap, k1 + second, k2 + first)

    def _values(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        swap = np.abs(first) > np.abs(second)
        (m1, s1), (m2, s2) = (part.transforms(w) for part, w in zip(self._parts, (first, second), strict=True))
        # 1/m₂′ − 1/m² = k₂′/m₂′, which holds for the larger ω up to infinity, where it is minus the variance
        rest = [
            np.where(np.abs(w) < 1e100, part.excess(w)[1] / slope, -part.boolean[1])
            for part, w, slope in zip(self._parts, (first, second), (s1, s2), strict=True)
        ]
        steepness = np.where(swap, 1.0 / s2 + rest[0], 1.0 / s1 + rest[1])
        return np.where(swap, m2, m1), 1.0 / np.where(steepness == 0.0, 1e-100, steepness)

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of A + OBOᵀ, the eigenvalues of A and B being quantiles and O a random rotation."""
        a, b = (_quantiles(part, dimension) for part in self._laws)

        def draw(rng: np.random.Generator) -> np.ndarray:
            o = _haar(rng, dimension)
            return np.linalg.eigvalsh((o * b) @ o.T + np.diag(a))

        return draw


class _Positive(Subordinated):
    """What products of positive parts have in common: the transform t(ω) = ∫ x μ(dx)/(ω − x), blind to atoms at 0."""

    def _seen(self, side: int) -> list[tuple[float, float]]:
        # The gaps end at 0, an atom there or none: its mass is not seen by t, and each pair then holds one interval.
        return sorted({*super()._seen(side), *([(0.0, 0.0)] if self._laws[side].support[0] > 0.0 else [])})

    def _inner(self, low: float) -> float:
        return 0.0 if low < 1e-11 * self._free[-1].low else low

    def _power(self, low: float, high: float) -> int:
        return HARD if low == 0.0 else 1

    @property
    def _divergences(self) -> tuple[float, ...]:
        """At 0, where a bulk reaches it: as that of a part does, or although none of them does."""
        bands = self.bands
        reaching = [law for law in self._laws if law.bands and law.bands[0][0] == 0.0]
        diverges = not reaching or any(0.0 in law._divergences for law in reaching)
        return (0.0,) if bands and bands[0][0] == 0.0 and diverges else ()


@dataclass(frozen=True, eq=False)
class FreeProduct(_Positive):
    """Free multiplicative convolution: the law of A^(1/2)OBOᵀA^(1/2), A and B positive of given spectra, O random.

    With t(z) = ∫ x μ(dx)/(z − x): t(z) = t₁(ω₁) = t₂(ω₂), z = ω₁ω₂t/(1 + t).

    Parameters
    ----------
    first, second : Law or sequence of float
        Spectra of A and B on [0, ∞); eigenvalues alone have equal weights.

    Raises
    ------
    ValueError
        If a part has negative eigenvalues or is a single atom.

    References
    ----------
    Voiculescu, Journal of Operator Theory 18 (1987) 223; Belinschi and Bercovici, arXiv math/0608216.
    """

    first: Law
    second: Law

    if TYPE_CHECKING:

        def __init__(self, first: Law | ArrayLike, second: Law | ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            object.__setattr__(self, name, _spread(name, positive_law(name, getattr(self, name))))

    @property
    def _laws(self) -> tuple[Law, Law]:
        return self.first, self.second

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """The larger of the masses at 0, and w₁ + w₂ − 1 at a₁a₂ for other atoms of masses of sum above 1."""
        null = max(dict(part.atoms).get(0.0, 0.0) for part in self._laws)
        pairs = itertools.product(self.first.atoms, self.second.atoms)
        found = [(a * b, v + w - 1.0) for (a, v), (b, w) in pairs if a * b > 0.0 and v + w > 1.0 + 1e-12]
        return ((0.0, null), *sorted(found)) if null > 0.0 else tuple(sorted(found))

    def _partner(self, side: int, z: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k, slope = self._parts[side].excess(omega)
        return z / k, -z * slope / k**2

    def _level(self, side: int, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._parts[side].ratios(omega)[:2]

    def _slope(self, side: int, omega: np.ndarray) -> np.ndarray:
        k, slope = self._parts[side].excess(omega)
        return omega * slope / k

    def _image(self, level: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        # Next to t = −1, where one ω or both are 0, 1 + t cancels and −ωm, which it is on both sides, does not.
        swap = np.abs(first) < np.abs(second)
        (m1, _), (m2, _) = (part.transforms(w) for part, w in zip(self._parts, (first, second), strict=True))
        near = -level * np.where(swap, second / m1, first / m2)
        return np.where(np.abs(1.0 + level) < 0.5, near, first * second * level / (1.0 + level))

    def _values(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m = −m₁m₂/t, and z = t(1 + t)/(m₁m₂), which hold no division by z."""
        (m1, s1), (m2, s2) = (part.transforms(w) for part, w in zip(self._parts, (first, second), strict=True))
        (t, one, _), (_, two, _) = (part.ratios(w) for part, w in zip(self._parts, (first, second), strict=True))
        m = -m1 * m2 / t
        slope = -(s1 * m2 / one + m1 * s2 / two + m) / t
        steepness = 1.0 / (m1 * m2) - t / (m2 * one) - t / (m1 * two)
        return m, slope / np.where(steepness == 0.0, 1e-100, steepness)

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of A^(1/2)OBOᵀA^(1/2), the eigenvalues of A and B being quantiles and O a random rotation."""
        a, b = (np.sqrt(_quantiles(part, dimension)) for part in self._laws)

        def draw(rng: np.random.Generator) -> np.ndarray:
            return np.linalg.svd(a[:, None] * _haar(rng, dimension) * b, compute_uv=False) ** 2

        return draw


@dataclass(frozen=True, eq=False)
class SeparableCovariance(_Positive):
    """Law of the eigenvalues of XᵀX, X = B^(1/2)ZA^(1/2)/√n with Z (n, p) of unit variance, p/n → γ.

    A is the covariance of the columns and B that of the rows (times, say). With t₁, t₂ the transforms ∫ x μ(dx)/(ω − x)
    of their spectra: t₂(ω₂) = γt₁(ω₁), z = γω₁ω₂t₁ and 1 + zm(z) = −t₁(ω₁).

    Parameters
    ----------
    columns, rows : Law or sequence of float
        Spectra of A (p, p) and B (n, n) on [0, ∞), neither 0 alone; eigenvalues alone have equal weights.
    gamma : float
        γ = p/n > 0.

    Raises
    ------
    ValueError
        If γ is not positive, or a spectrum has negative eigenvalues or none but 0.

    References
    ----------
    Paul and Silverstein, Journal of Multivariate Analysis 100 (2009) 37; Couillet and Hachem, arXiv 1310.8094.
    """

    columns: Law
    rows: Law
    gamma: float

    if TYPE_CHECKING:

        def __init__(self, columns: Law | ArrayLike, rows: Law | ArrayLike, gamma: float) -> None: ...

    def __post_init__(self) -> None:
        for name in ("columns", "rows"):
            object.__setattr__(self, name, positive_law(name, getattr(self, name)))
        object.__setattr__(self, "gamma", positive("gamma", self.gamma))

    @property
    def _laws(self) -> tuple[Law, Law]:
        return self.columns, self.rows

    def _share(self, side: int) -> float:
        return self.gamma if side == 0 else 1.0

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Mass at 0: A's, or 1 − (1 − B's)/γ where that is more."""
        null, silent = (dict(part.atoms).get(0.0, 0.0) for part in self._laws)
        null = max(null, 1.0 - (1.0 - silent) / self.gamma)
        return ((0.0, null),) if null > 0.0 else ()

    def _partner(self, side: int, z: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, _, second = self._parts[side].ratios(omega)
        k, slope = self._share(side) * omega * first, -self._share(side) * second
        return z / k, -z * slope / k**2

    def _level(self, side: int, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, slope, _ = self._parts[side].ratios(omega)
        return self._share(side) * first, self._share(side) * slope

    def _slope(self, side: int, omega: np.ndarray) -> np.ndarray:
        first, _, second = self._parts[side].ratios(omega)
        return -second / first

    def _image(self, level: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return first * second * level

    def _values(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m = m₁/(t₂ω₂), without a division by z."""
        m1, s1 = self._parts[0].transforms(first)
        (t1, one, _), (t2, two, _) = (part.ratios(w) for part, w in zip(self._parts, (first, second), strict=True))
        pace = self.gamma / two  # dω₂/dt₁
        m = m1 / (t2 * second)
        slope = s1 / (one * t2 * second) - m * (self.gamma / t2 + pace / second)
        steepness = self.gamma * (first * second + t1 * second / one + t1 * first * pace)
        return m, slope / np.where(steepness == 0.0, 1e-100, steepness)

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of XᵀX for Gaussian Z and quantiles of both spectra."""
        n = max(1, round(dimension / self.gamma))
        a, b = np.sqrt(_quantiles(self.columns, dimension) / n), np.sqrt(_quantiles(self.rows, n))

        def draw(rng: np.random.Generator) -> np.ndarray:
            x = b[:, None] * rng.standard_normal((n, dimension)) * a
            values = np.linalg.eigvalsh(x.T @ x if n > dimension else x @ x.T)
            return np.concatenate([np.zeros(max(0, dimension - n)), np.maximum(values, 0.0)])

        return draw
