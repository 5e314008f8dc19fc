"""What every law has: distribution function, quantiles, moments and samples from its density; checked arguments."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from scipy.fft import dct

from theory.statement.arguments import integer

__all__ = ["HARD", "Law", "positive", "probabilities", "real_points", "sample_size"]

_TABLE = 2048  # points of the table that starts the quantiles
_ORDER, _DEPTH = 32, 45  # terms of a panel's series, halvings of a panel
HARD = 12  # x = a + (b − a)s^12 turns a density x^(−1 + 1/k), k = 1, 2, 3, 4, 6, 12, into a smooth function of s


def positive(name: str, value: float) -> float:
    """The value as a float, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0.0 < float(value) < math.inf:
        raise ValueError(f"`{name}` must be positive and finite; got {value!r}")
    return float(value)


def real_points(name: str, value: np.ndarray) -> np.ndarray:
    """The values as a float array, or an error on the first NaN."""
    value = np.asarray(value)
    if np.iscomplexobj(value):
        raise ValueError(f"`{name}` must be real; got a complex array")
    value = value.astype(float, copy=False)
    if value.size and np.isnan(np.min(value)):
        raise ValueError(
            f"`{name}` must not be NaN; got {np.count_nonzero(np.isnan(value))} NaN of {value.size} values"
        )
    return value


def probabilities(name: str, value: np.ndarray) -> np.ndarray:
    """The values as a float array, or an error on the first outside [0, 1]."""
    value = real_points(name, value)
    inside = (value >= 0.0) & (value <= 1.0)
    if not inside.all():
        raise ValueError(f"`{name}` must be in [0, 1]; got {value[~inside].flat[0]!r}")
    return value


def sample_size(size: int) -> int:
    """A number of samples as an int, or an error."""
    return integer("size", size, 0)


class _Panels(NamedTuple):
    """The continuous part as Chebyshev series on panels of θ, x = low + (high − low) sin^(2q)(θ/2) on each band.

    `keys` (P,) holds 4·band + θ at the left end of each panel, `widths` (P,) the widths, `below` (P, K) the series of
    the mass up to θ; `nodes` and `masses` are the quadrature rule of the law.
    """

    keys: np.ndarray
    widths: np.ndarray
    below: np.ndarray
    nodes: np.ndarray
    masses: np.ndarray


class Law(ABC):
    """A probability law on the line: a density on finitely many bands, and atoms.

    Sub-classes give `bands`, `pdf` and the Stieltjes transform; the distribution function, quantiles, moments and
    samples follow from the density unless there is a closed form.
    """

    @property
    @abstractmethod
    def bands(self) -> tuple[tuple[float, float], ...]:
        """Intervals that carry the continuous part, in increasing order."""

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Pairs (location, mass) in increasing order of location."""
        return ()

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the continuous part, or of the atoms where there is none."""
        bands = self.bands
        return (bands[0][0], bands[-1][1]) if bands else (self.atoms[0][0], self.atoms[-1][0])

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the smallest interval that carries the law, atoms included."""
        places = [e for band in self.bands for e in band] + [place for place, _ in self.atoms]
        return min(places), max(places)

    @abstractmethod
    def _density(self, x: np.ndarray) -> np.ndarray:
        """Density at checked points."""

    @abstractmethod
    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m(z) and m′(z) at complex z off the support; on the support the limit from above."""

    def _ratios(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """∫ x μ(dx)/(ζ − x) and ∫ x² μ(dx)/(ζ − x)², real for real ζ."""
        m, slope = self._transforms(zeta.astype(complex))
        if not np.iscomplexobj(zeta):
            m, slope = m.real, slope.real
        return -1.0 - zeta * m, 1.0 + 2.0 * zeta * m + zeta**2 * slope

    def _squares(self, s: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """K = ∫ x² μ(dx)/((s − x)² + v) for v > 0, and dK/dv."""
        y = np.sqrt(v)
        first, second = self._ratios(s + 1j * y)
        value = -((s + 1j * y) * first).imag / y
        return value, 0.5 * (second.real - value) / v

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Density of the continuous part; its mass is 1 less that of the atoms.

        Parameters
        ----------
        x : array_like, real

        Returns
        -------
        ndarray
            Same shape as `x`; 0 off the bands.

        Raises
        ------
        ValueError
            If `x` holds a NaN.
        """
        x = real_points("x", x)
        return self._density(x.ravel()).reshape(x.shape)

    def stieltjes(self, z: np.ndarray) -> np.ndarray:
        """m(z) = ∫ μ(dx)/(x − z), atoms included, at any complex or real z off the support.

        Returns
        -------
        ndarray
            Same shape as `z`, real where `z` is an array of reals.

        Raises
        ------
        ValueError
            If z is not finite, or real and inside a band, or an atom.
        """
        return self._evaluate(z, 0)

    def stieltjes_derivative(self, z: np.ndarray) -> np.ndarray:
        """m′(z) = ∫ μ(dx)/(x − z)², for the same z as `stieltjes`."""
        return self._evaluate(z, 1)

    def _evaluate(self, z: np.ndarray, which: int) -> np.ndarray:
        z = self._off_support(z)
        # The lower half plane is the mirror image of the upper one.
        point = np.where(np.imag(z) < 0.0, np.conj(z), z).astype(complex)
        value = self._transforms(point.ravel())[which].reshape(z.shape)
        return np.where(np.imag(z) < 0.0, np.conj(value), value) if np.iscomplexobj(z) else value.real

    def _off_support(self, z: np.ndarray) -> np.ndarray:
        z = np.asarray(z)
        if not np.isfinite(z).all():
            raise ValueError(f"`z` must be finite; got {z[~np.isfinite(z)].flat[0]}")
        real = np.imag(z) == 0.0
        for low, high in self.bands:
            inside = real & (np.real(z) >= low) & (np.real(z) <= high)
            if inside.any():
                raise ValueError(f"`z` must be off the support, here [{low:g}, {high:g}]; got {z[inside].flat[0]:g}")
        for place, _ in self.atoms:
            if (z == place).any():
                raise ValueError(f"`z` must not be an atom of the law; got {place:g}")
        return z

    def _power(self, low: float, high: float) -> int:
        """Exponent q of the change of variables on a band; above 1 where the density diverges faster than x^(−1/2)."""
        del low, high
        return 1

    @cached_property
    def _panels(self) -> _Panels:
        """Panels halved until the series of each has converged: near-singular points inside a band cost depth only."""
        bands = self.bands
        low, high = (np.array(end) for end in zip(*bands, strict=True))
        power = np.array([self._power(*band) for band in bands])
        index = np.repeat(np.arange(len(bands)), 2)
        left, width = np.tile([0.0, 0.5 * math.pi], len(bands)), np.full(2 * len(bands), 0.5 * math.pi)
        cosine = np.cos((np.arange(_ORDER) + 0.5) * (math.pi / _ORDER))
        found, parent = [], np.full(len(left), np.inf)
        for depth in range(_DEPTH + 1):
            theta = left[:, None] + 0.5 * width[:, None] * (cosine + 1.0)
            q, span = power[index, None], (high - low)[index, None]
            s = np.sin(0.5 * theta) ** 2
            x = low[index, None] + span * s**q
            slope = 0.5 * span * q * s ** (q - 1) * np.sin(theta)
            value = self._density(x.ravel()).reshape(x.shape) * slope
            series = dct(value, type=2, axis=1) / _ORDER
            series[:, 0] *= 0.5
            tail = np.abs(series[:, -_ORDER // 8 :]).max(axis=1) * width
            # A density that diverges at an edge carries more rounding, which halving does not take away.
            done = (tail <= 1e-14) | ((tail <= 1e-11) & (tail >= 0.25 * parent))
            found.append([a[done] for a in (index, left, width, series, x, value)])
            if done.all():
                break
            if depth == _DEPTH:
                i = index[~done][0]
                raise ArithmeticError(
                    f"the density on [{low[i]:g}, {high[i]:g}] is not resolved by {_DEPTH} halvings (residual "
                    f"{tail.max():.1e}); move the parameters away from where two bands, or a band and 0, meet"
                )
            parent, index = np.repeat(tail[~done], 2), np.repeat(index[~done], 2)
            width = np.repeat(0.5 * width[~done], 2)
            left = np.repeat(left[~done], 2)
            left[1::2] += width[1::2]
        index, left, width, series, x, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((left, index))
        half = 0.5 * width[order, None]
        below = chebyshev.chebint(series[order], lbnd=-1.0, axis=1) * half
        below[1:, 0] += np.cumsum(below.sum(axis=1))[:-1]
        even = np.arange(0, _ORDER, 2)
        fejer = np.zeros(_ORDER)
        fejer[even] = 2.0 / (1.0 - even**2.0)  # ∫ T_k over [−1, 1]
        fejer = dct(fejer, type=3) / _ORDER
        return _Panels(
            (4.0 * index + left)[order], width[order], below, x[order].ravel(), (value[order] * fejer * half).ravel()
        )

    @property
    def mass(self) -> float:
        """Total mass, by quadrature of the density: 1 to rounding."""
        continuous = [float(self._panels.masses.sum())] if self.bands else []
        return math.fsum(continuous + [weight for _, weight in self.atoms])

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """P(X ≤ x), atoms included.

        Raises
        ------
        ValueError
            If `x` holds a NaN.
        """
        x = real_points("x", x)
        value = self._continuous_cdf(x)
        for place, weight in self.atoms:
            value = value + weight * (x >= place)
        # The sum of the masses is 1 to rounding only.
        low, high = self.ends
        return np.where(x >= high, 1.0, np.where(x < low, 0.0, np.clip(value, 0.0, 1.0)))

    def _continuous_cdf(self, x: np.ndarray) -> np.ndarray:
        """Mass of the continuous part up to x."""
        if not self.bands:
            return np.zeros(x.shape)
        panels, keys = self._panels, np.full(x.shape, -1.0)
        for i, (low, high) in enumerate(self.bands):
            share = np.clip((x - low) / (high - low), 0.0, 1.0)
            power = self._power(low, high)
            rest = np.clip((high - x) / (high - low), 0.0, 1.0) if power == 1 else 1.0 - share ** (1.0 / power)
            theta = 2.0 * np.arctan2(np.sqrt(share ** (1.0 / power)), np.sqrt(rest))
            keys = np.where(x >= low, 4.0 * i + theta, keys)
        at = np.maximum(np.searchsorted(panels.keys, keys, side="right") - 1, 0)
        t = np.clip(2.0 * (keys - panels.keys[at]) / panels.widths[at] - 1.0, -1.0, 1.0)
        now, after, double = np.zeros(x.shape), np.zeros(x.shape), 2.0 * t
        for column in panels.below.T[:0:-1]:
            now, after = column[at] + double * now - after, now
        return np.where(keys < 0.0, 0.0, panels.below[:, 0][at] + t * now - after)

    def ppf(self, q: np.ndarray) -> np.ndarray:
        """Quantile function: the least x with P(X ≤ x) ≥ q, the left end of the law for q = 0.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1].
        """
        q = probabilities("q", q)
        return self._quantiles(q.ravel()).reshape(q.shape)

    def _quantiles(self, q: np.ndarray) -> np.ndarray:
        if not self.bands:
            places, weights = (np.array([atom[i] for atom in self.atoms]) for i in (0, 1))
            steps = np.cumsum(weights)
            return places[np.minimum(np.searchsorted(steps, q * steps[-1]), len(steps) - 1)]
        left = q.copy()  # mass asked of the continuous part
        result = np.full(q.shape, np.nan)
        before = 0.0
        for place, weight in self.atoms:
            below = before + float(self._continuous_cdf(np.array([place]))[0])
            on = (q > below) & (q <= below + weight)
            result[on] = place
            left[q > below + weight] -= weight
            before += weight
        missing = np.isnan(result)
        result[missing] = self._continuous_ppf(left[missing])
        result[q == 0.0] = self.ends[0]
        result[q == 1.0] = self.ends[1]
        return result

    @cached_property
    def _quantile_table(self) -> tuple[np.ndarray, np.ndarray]:
        s = np.sin(np.linspace(0.0, 0.5 * math.pi, _TABLE)) ** 2
        x = np.concatenate([low + (high - low) * s ** self._power(low, high) for low, high in self.bands])
        return x, np.maximum.accumulate(self._continuous_cdf(x))

    def _continuous_ppf(self, mass: np.ndarray) -> np.ndarray:
        """x up to which the continuous part has the given mass: a table's bracket, then guarded Newton steps."""
        if not mass.size:
            return mass
        x, below = self._quantile_table
        right = np.clip(np.searchsorted(below, mass), 1, len(x) - 1)
        low, high = x[right - 1], x[right]
        rise = below[right] - below[right - 1]
        guess = low + (high - low) * np.where(
            rise > 0.0, (mass - below[right - 1]) / np.where(rise > 0.0, rise, 1.0), 1.0
        )
        guess = np.clip(guess, low, high)
        live = np.arange(len(mass))
        for _ in range(60):
            x = guess[live]
            excess = self._continuous_cdf(x) - mass[live]
            low[live], high[live] = np.where(excess < 0.0, x, low[live]), np.where(excess >= 0.0, x, high[live])
            density = self._density(x)
            step = x - excess / np.where(density > 0.0, density, np.inf)
            inside = (density > 0.0) & (step >= low[live]) & (step <= high[live])
            step = np.where(inside, step, 0.5 * (low[live] + high[live]))
            guess[live] = step
            # to the rounding of the distribution function or of x
            live = live[(np.abs(excess) > 4e-16) & (np.abs(step - x) > 4e-16 * np.abs(step))]
            if not live.size:
                break
        return guess

    def moments(self, k: int) -> np.ndarray:
        """E x, E x², …, E x^k, by quadrature where there is no closed form.

        Raises
        ------
        ValueError
            If `k` is not a positive integer.
        """
        return self._moments(integer("k", k, 1))

    def _moments(self, k: int) -> np.ndarray:
        x, weight = (np.array([atom[i] for atom in self.atoms]) for i in (0, 1))
        if self.bands:
            x, weight = np.append(self._panels.nodes, x), np.append(self._panels.masses, weight)
        return np.array([float(weight @ x**j) for j in range(1, k + 1)])

    def rvs(self, size: int, rng: np.random.Generator | int) -> np.ndarray:
        """Independent samples, by inversion of the distribution function.

        Parameters
        ----------
        size : int
        rng : numpy.random.Generator or seed
            The same seed gives the same samples.

        Returns
        -------
        ndarray, shape (size,)
        """
        return self.ppf(np.random.default_rng(rng).random(sample_size(size)))
