"""Laws to put in: atoms, an analytic density on an interval, and mixtures; population spectra above all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from theory.laws.law import Law

__all__ = ["Continuous", "Discrete", "Mixture"]

_FEWEST, _MOST = 16, 512
_EQUAL: Any = None  # weights left out; the field has the type of the weights that are put in their place


def _weights(weights: ArrayLike, count: int) -> np.ndarray:
    """Non-negative weights that sum to 1."""
    try:
        value = np.array(weights, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"`weights` must be numbers; got {weights!r}") from None
    if value.shape != (count,):
        raise ValueError(f"`weights` must have shape ({count},); got {value.shape}")
    if not (np.isfinite(value).all() and (value >= 0.0).all()):
        raise ValueError(f"`weights` must be non-negative; got {value[~(value >= 0.0)].tolist() or 'an infinite one'}")
    if abs(value.sum() - 1.0) > 1e-9:
        raise ValueError(f"`weights` must sum to 1; got {value.sum():.12g}")
    return value / value.sum()


@dataclass(frozen=True, eq=False)
class Discrete(Law):
    """Finitely many atoms, such as the eigenvalues of a population covariance.

    Parameters
    ----------
    locations : array_like, shape (K,)
        Equal ones are merged.
    weights : array_like, shape (K,), optional
        Non-negative, of sum 1; equal by default.

    Examples
    --------
    >>> Discrete([1.0, 3.0, 10.0], [0.5, 0.3, 0.2]).moments(1)
    array([3.4])
    """

    locations: np.ndarray
    weights: np.ndarray = _EQUAL

    if TYPE_CHECKING:

        def __init__(self, locations: ArrayLike, weights: ArrayLike | None = None) -> None: ...

    def __post_init__(self) -> None:
        try:
            places = np.array(self.locations, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"`locations` must be numbers; got {self.locations!r}") from None
        if places.ndim != 1 or not places.size or not np.isfinite(places).all():
            shown = np.array2string(places, threshold=6)
            raise ValueError(f"`locations` must be a non-empty sequence of finite numbers; got {shown}")
        count = len(places)
        weights = np.full(count, 1.0 / count) if self.weights is None else _weights(self.weights, count)
        places, inverse = np.unique(places, return_inverse=True)
        weights = np.bincount(inverse, weights)
        places, weights = places[weights > 0.0], weights[weights > 0.0]
        places.flags.writeable = weights.flags.writeable = False
        object.__setattr__(self, "locations", places)
        object.__setattr__(self, "weights", weights)

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """None."""
        return ()

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """The locations with their weights."""
        return tuple(zip(self.locations.tolist(), self.weights.tolist(), strict=True))

    def _density(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(x.shape)

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse = 1.0 / (self.locations - z[:, None])
        weights = self.weights.astype(inverse.dtype)
        first = np.einsum("ij,j->i", inverse, weights)
        inverse *= inverse
        return first, np.einsum("ij,j->i", inverse, weights)

    def _ratios(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = self.locations / (zeta[:, None] - self.locations)
        # Not by BLAS: its complex product of a tall matrix with a vector was seen to take ten times as long.
        weights = self.weights.astype(share.dtype)
        first = np.einsum("ij,j->i", share, weights)
        share *= share
        return first, np.einsum("ij,j->i", share, weights)

    @cached_property
    def _weights_above(self) -> np.ndarray:
        """Weights of all locations from the k-th on, k = 0, …, K; exact for those of all and of all but 0."""
        above = np.append(np.cumsum(self.weights[::-1])[::-1], 0.0)
        above[0] = 1.0
        if self.locations[0] == 0.0:
            above[1] = 1.0 - self.weights[0]
        return above

    def _shares(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = np.abs(zeta)
        far = self._weights_above[np.searchsorted(self.locations, size, side="right")]
        above = self.locations > size[:, None]
        point = zeta[:, None]
        share = np.where(above, point, self.locations) / (point - self.locations)
        weights = self.weights.astype(share.dtype)
        first = np.einsum("ij,j->i", share, weights)
        # t²/(ζ − t)² = 1 − 2u + u² for u = ζ/(ζ − t)
        share *= np.where(above, share - 2.0, share)
        return far, first, np.einsum("ij,j->i", share, weights)

    def _square_shares(self, s: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size2 = s * s + v
        far = self._weights_above[np.searchsorted(self.locations, np.sqrt(size2), side="right")]
        s, v, t2 = s[:, None], v[:, None], self.locations**2
        square = np.where(t2 > size2[:, None], 2.0 * s * self.locations - s * s - v, t2)
        return far, np.einsum("ij,j->i", square / ((s - self.locations) ** 2 + v), self.weights)

    def _moments(self, k: int) -> np.ndarray:
        return np.array([float(self.weights @ self.locations**j) for j in range(1, k + 1)])


@dataclass(frozen=True, eq=False)
class Continuous(Law):
    """A density that is analytic on a closed interval, by its Legendre series: uniform, polynomial, truncated normal.

    A density that is not smooth inside its interval is a `Mixture` of pieces; one that ends like a square root is
    better taken from the laws that have such ends.

    Parameters
    ----------
    density : callable
        f(x), called with an array; of mass 1.
    low, high : float
        Ends of the interval.

    Raises
    ------
    ValueError
        If the ends are not in order, or f is negative, is not resolved by 512 terms or does not have mass 1.
    """

    density: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"`low` must be less than `high`, both finite; got {self.low!r} and {self.high!r}")
        mass = 2.0 * self._half * float(self._coefficients[0])
        if abs(mass - 1.0) > 1e-9:
            raise ValueError(f"`density` must have mass 1 on [{self.low:g}, {self.high:g}]; got {mass:.12g}")

    @property
    def _half(self) -> float:
        return 0.5 * (self.high - self.low)

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """[low, high]."""
        return ((float(self.low), float(self.high)),)

    @cached_property
    def _coefficients(self) -> np.ndarray:
        """Legendre coefficients of the density on the interval moved to [−1, 1]."""
        count = _FEWEST
        while count <= _MOST:
            t, w = legendre.leggauss(count)
            value = np.asarray(self.density(self.low + self._half * (t + 1.0)), dtype=float) * np.ones(count)
            if not np.isfinite(value).all() or (value < 0.0).any():
                raise ValueError(f"`density` must be finite and non-negative on [{self.low:g}, {self.high:g}]")
            a = (legendre.legvander(t, count - 1) * (w * value)[:, None]).sum(axis=0) * (np.arange(count) + 0.5)
            small = np.abs(a) <= 1e-14 * np.abs(a).max()
            if small[-count // 4 :].all():
                return a[: np.flatnonzero(~small)[-1] + 1]
            count *= 2
        raise ValueError(
            f"`density` must be analytic on [{self.low:g}, {self.high:g}]: {_MOST} Legendre terms do not resolve it; "
            "split it into a Mixture of pieces"
        )

    @cached_property
    def _rule(self) -> tuple[np.ndarray, np.ndarray]:
        """Gauss nodes and weights of the law, for points at a distance."""
        t, w = legendre.leggauss(8 * len(self._coefficients) + 64)
        return t, w * legendre.legval(t, self._coefficients)

    def _density(self, x: np.ndarray) -> np.ndarray:
        t = (x - self.low) / self._half - 1.0
        inside = np.abs(t) <= 1.0
        return np.where(inside, legendre.legval(np.where(inside, t, 0.0), self._coefficients), 0.0)

    def _cumulated(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t = np.clip((x - self.low) / self._half - 1.0, -1.0, 1.0)
        below, above = (legendre.legint(self._coefficients, lbnd=end) for end in (-1.0, 1.0))
        return self._half * legendre.legval(t, below), -self._half * legendre.legval(t, above)

    @property
    def mass(self) -> float:
        """Total mass."""
        return 2.0 * self._half * float(self._coefficients[0])

    def _moments(self, k: int) -> np.ndarray:
        t, w = self._rule
        x = self.low + self._half * (t + 1.0)
        return np.array([self._half * float(w @ x**j) for j in range(1, k + 1)])

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """−2 Σ a_k Q_k near the interval, the Gauss rule away from it, where the recurrence of Q_k is unstable."""
        t, w = self._rule
        zeta = (z - self.low) / self._half - 1.0
        radius = np.abs(zeta + np.sqrt(zeta - 1.0) * np.sqrt(zeta + 1.0))
        far = 2.0 * len(t) * np.log(radius) > 39.0  # the Gauss rule is then exact to e^(−39)
        m, slope = np.empty_like(zeta), np.empty_like(zeta)
        inverse = 1.0 / (t - zeta[far][:, None])
        m[far], slope[far] = inverse @ w, (inverse * inverse) @ w
        near = zeta[~far]
        # Q_0 from above the cut; (1 − ζ²)Q_k′ = k(Q_{k−1} − ζQ_k).
        now = 0.5 * (np.log(near + 1.0) - np.log(near - 1.0))
        before = np.zeros_like(near)
        wall = 1.0 - near * near
        total, total_slope = self._coefficients[0] * now, self._coefficients[0] / wall
        for k in range(1, len(self._coefficients)):
            following = ((2 * k - 1) * near * now - (k - 1) * before) / k if k > 1 else near * now - 1.0
            before, now = now, following
            total = total + self._coefficients[k] * now
            total_slope = total_slope + self._coefficients[k] * k * (before - near * now) / wall
        m[~far], slope[~far] = -2.0 * total, -2.0 * total_slope
        return m, slope / self._half


@dataclass(frozen=True, eq=False)
class Mixture(Law):
    """Σ_i w_i μ_i: atoms beside a density, or several densities.

    Parameters
    ----------
    laws : sequence of Law
    weights : array_like
        Non-negative, of sum 1.
    """

    laws: tuple[Law, ...]
    weights: np.ndarray

    if TYPE_CHECKING:

        def __init__(self, laws: Sequence[Law], weights: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        laws = tuple(self.laws)
        if not laws or not all(isinstance(law, Law) for law in laws):
            raise ValueError(f"`laws` must be a non-empty sequence of laws; got {self.laws!r}")
        weights = _weights(self.weights, len(laws))
        weights.flags.writeable = False
        object.__setattr__(self, "laws", laws)
        object.__setattr__(self, "weights", weights)

    def _sum(self, values: Sequence[np.ndarray | float]) -> np.ndarray:
        return sum(w * value for w, value in zip(self.weights, values, strict=True))

    @cached_property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """Bands of all the laws, joined where they overlap."""
        joined: list[tuple[float, float]] = []
        for low, high in sorted(band for law in self.laws for band in law.bands):
            if joined and low <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
            else:
                joined.append((low, high))
        return tuple(joined)

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Atoms of all the laws, masses at one place added."""
        total: dict[float, float] = {}
        for weight, law in zip(self.weights.tolist(), self.laws, strict=True):
            for place, mass in law.atoms:
                total[place] = total.get(place, 0.0) + weight * mass
        return tuple(sorted(total.items()))

    @property
    def mass(self) -> float:
        """Total mass."""
        return float(self._sum([law.mass for law in self.laws]))

    @property
    def _divergences(self) -> tuple[float, ...]:
        return tuple(sorted({place for law in self.laws for place in law._divergences}))

    def _density(self, x: np.ndarray) -> np.ndarray:
        return self._sum([law._density(x) for law in self.laws])

    def _masses(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, above = zip(*(law._masses(x) for law in self.laws), strict=True)
        return self._sum(below), self._sum(above)

    def _moments(self, k: int) -> np.ndarray:
        return self._sum([law._moments(k) for law in self.laws])

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        m, slope = zip(*(law._transforms(z) for law in self.laws), strict=True)
        return self._sum(m), self._sum(slope)

    def _ratios(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, second = zip(*(law._ratios(zeta) for law in self.laws), strict=True)
        return self._sum(first), self._sum(second)

    def _shares(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        far, first, second = zip(*(law._shares(zeta) for law in self.laws), strict=True)
        return self._sum(far), self._sum(first), self._sum(second)

    def _square_shares(self, s: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        far, square = zip(*(law._square_shares(s, v) for law in self.laws), strict=True)
        return self._sum(far), self._sum(square)
