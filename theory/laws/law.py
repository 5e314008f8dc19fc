"""What every law has: distribution function, quantiles, moments and samples from its density; checked arguments."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike
from scipy.fft import dct

from theory.laws.chebyshev_panels import chebyshev_points, chebyshev_series, evaluate_series
from theory.roots import bracketed_root
from theory.statement.arguments import integer

__all__ = [
    "HARD",
    "Distribution",
    "Law",
    "eigenvalue_rounding",
    "non_negative",
    "positive",
    "probabilities",
    "real_points",
    "sample_shape",
]

_TABLE = 512  # steps of the ladder that brackets the quantiles
_ORDER, _DEPTH = 32, 60  # terms of a panel's series, halvings of a panel
_ROUNDING = 1e-15
_MASS = 1e-9  # distance from 1 at which a law refuses: quadrature of a density that is right misses less
HARD = 12  # x = a + (b − a)s^12 turns a density x^(−1 + 1/k), k = 1, 2, 3, 4, 6, 12, into a smooth function of s


def positive(name: str, value: float) -> float:
    """The value as a float, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0.0 < float(value) < math.inf:
        raise ValueError(f"`{name}` must be positive and finite; got {value!r}")
    return float(value)


def real_points(name: str, value: ArrayLike) -> np.ndarray:
    """The values as a float array, or an error on the first NaN."""
    if np.ma.is_masked(value):
        raise ValueError(f"`{name}` must have no missing values; got {np.ma.count_masked(value)} masked ones")
    value = np.asarray(value)
    if np.iscomplexobj(value):
        raise ValueError(f"`{name}` must be real; got a complex array")
    value = value.astype(float, copy=False)
    if value.size and np.isnan(np.min(value)):
        raise ValueError(
            f"`{name}` must not be NaN; got {np.count_nonzero(np.isnan(value))} NaN of {value.size} values"
        )
    return value


def non_negative(name: str, value: ArrayLike, *, rule: str = "be non-negative", largest: float = 0.0) -> np.ndarray:
    """Eigenvalues as a float array, those that are negative by the rounding of a solver set to 0, or an error.

    `largest` is that of the matrix, where it is not among them.
    """
    given = np.asarray(value)
    real = real_points(name, given)
    if not np.isfinite(real).all():
        raise ValueError(f"`{name}` must be finite; got {real[~np.isfinite(real)].flat[0]:g}")
    if real.size and real.min() < 0.0:
        if real.min() < -eigenvalue_rounding(given, largest):
            raise ValueError(f"`{name}` must {rule}; got {float(real.min())!r}")
        return np.maximum(real, 0.0)
    return real


def eigenvalue_rounding(values: ArrayLike, largest: float = 0.0) -> float:
    """What a solver's eigenvalues may be off by: size × ε of their type × the largest in size."""
    values = np.asarray(values)
    epsilon = np.finfo(values.dtype if np.issubdtype(values.dtype, np.floating) else float).eps
    return float(values.size * epsilon * np.max(np.abs(values), initial=largest))


def probabilities(name: str, value: ArrayLike) -> np.ndarray:
    """The values as a float array, or an error on the first outside [0, 1]."""
    value = real_points(name, value)
    inside = (value >= 0.0) & (value <= 1.0)
    if not inside.all():
        raise ValueError(f"`{name}` must be in [0, 1]; got {value[~inside].flat[0]!r}")
    return value


def sample_shape(size: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an array of samples, or an error."""
    return tuple(integer("size", count, 0) for count in (size if isinstance(size, tuple | list) else (size,)))


class Distribution(ABC):
    """What follows from distribution function, survival function, density and quantiles, named as in scipy.stats."""

    @abstractmethod
    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Density of the continuous part."""

    @abstractmethod
    def cdf(self, x: ArrayLike) -> np.ndarray:
        """P(X ≤ x)."""

    @abstractmethod
    def sf(self, x: ArrayLike) -> np.ndarray:
        """P(X > x)."""

    @abstractmethod
    def ppf(self, q: ArrayLike) -> np.ndarray:
        """Quantile function."""

    @abstractmethod
    def isf(self, q: ArrayLike) -> np.ndarray:
        """Inverse of the survival function."""

    @abstractmethod
    def moments(self, k: int) -> np.ndarray:
        """E x, …, E x^k."""

    def logpdf(self, x: ArrayLike) -> np.ndarray:
        """Logarithm of `pdf`, −∞ where that is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(x))

    def logcdf(self, x: ArrayLike) -> np.ndarray:
        """log P(X ≤ x), from the smaller of the two tails."""
        return _logarithm(self.cdf(x), self.sf(x))

    def logsf(self, x: ArrayLike) -> np.ndarray:
        """log P(X > x), from the smaller of the two tails."""
        return _logarithm(self.sf(x), self.cdf(x))

    def mean(self) -> float:
        """E x."""
        return float(self.moments(1)[0])

    def var(self) -> float:
        """Variance."""
        first, second = self.moments(2)
        return float(second - first**2)

    def std(self) -> float:
        """Standard deviation."""
        return math.sqrt(self.var())

    def median(self) -> float:
        """Quantile of ½."""
        return float(self.ppf(0.5))

    def interval(self, confidence: float) -> tuple[float, float]:
        """The quantiles between which the law has the given mass, the same outside on both sides.

        Raises
        ------
        ValueError
            If `confidence` is not in [0, 1].
        """
        outside = 0.5 * (1.0 - float(probabilities("confidence", confidence)))
        return float(self.ppf(outside)), float(self.isf(outside))

    def rvs(self, size: int | tuple[int, ...], rng: np.random.Generator | int) -> np.ndarray:
        """Independent samples, by inversion of the distribution function.

        Parameters
        ----------
        size : int or tuple of int
        rng : numpy.random.Generator or seed
            The same seed gives the same samples.

        Returns
        -------
        ndarray, shape `size`
        """
        return self.ppf(np.random.default_rng(rng).random(sample_shape(size)))


def _logarithm(mass: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """log(mass), mass + rest = 1."""
    with np.errstate(divide="ignore"):
        return np.where(mass <= 0.5, np.log(mass), np.log1p(-np.minimum(rest, 0.5)))


class _Panels(NamedTuple):
    """The continuous part as Chebyshev series on panels of θ, x = low + (high − low) sin^(2q)(θ/2) on each band.

    `keys` (P,) holds 4·band + θ at the left end of each panel, `lefts` and `widths` (P,) θ there and the widths,
    `below` and `above` (P, K) the series of the masses on both sides of θ; `nodes` and `masses` are the quadrature rule
    of the law.
    """

    keys: np.ndarray
    lefts: np.ndarray
    widths: np.ndarray
    below: np.ndarray
    above: np.ndarray
    nodes: np.ndarray
    masses: np.ndarray


class _Ladder(NamedTuple):
    """Masses of the continuous part on both sides of points in increasing order: each a band and an angle θ."""

    band: np.ndarray
    theta: np.ndarray
    below: np.ndarray
    above: np.ndarray


class Law(Distribution):
    """A probability law on the line: a density on finitely many bands, and atoms.

    Sub-classes give `bands`, the density and the Stieltjes transform; the distribution function, quantiles, moments and
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
        if not places:
            self._check_mass(0.0)
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

    def _shares(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """W, r₁ and r₂ with ∫ x μ(dx)/(ζ − x) = r₁ − W and ∫ x² μ(dx)/(ζ − x)² = r₂ + W.

        W is the mass of what counts as far above ζ: where it is 1 the two are small differences from −1 and 1.
        """
        m, slope = self._transforms(zeta.astype(complex))
        if not np.iscomplexobj(zeta):
            m, slope = m.real, slope.real
        far = np.where(np.abs(zeta * m) < 0.5, 1.0, 0.0)
        return far, far - 1.0 - zeta * m, (1.0 - far) + zeta * (2.0 * m + zeta * slope)

    def _square_shares(self, s: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """W and r with ∫ x² μ(dx)/((s − x)² + v) = W + r, v > 0."""
        y = np.sqrt(v)
        far, first, _ = self._shares(s + 1j * y)
        return far, -((s + 1j * y) * first).imag / y

    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Density of the continuous part; its mass is 1 less that of the atoms.

        Parameters
        ----------
        x : array_like, real

        Returns
        -------
        ndarray
            Same shape as `x`; 0 off the bands, ∞ at an edge where the density diverges.

        Raises
        ------
        ValueError
            If `x` holds a NaN.
        """
        x = real_points("x", x)
        value = self._density(x.ravel()).reshape(x.shape)
        for place in self._divergences:
            value = np.where(x == place, math.inf, value)
        return value

    @property
    def _divergences(self) -> tuple[float, ...]:
        """Edges at which the density is infinite."""
        return ()

    def stieltjes(self, z: ArrayLike) -> np.ndarray:
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

    def stieltjes_derivative(self, z: ArrayLike) -> np.ndarray:
        """m′(z) = ∫ μ(dx)/(x − z)², for the same z as `stieltjes`."""
        return self._evaluate(z, 1)

    def _evaluate(self, z: ArrayLike, which: int) -> np.ndarray:
        z = self._off_support(z)
        # The lower half plane is the mirror image of the upper one.
        point = np.where(np.imag(z) < 0.0, np.conj(z), z).astype(complex)
        value = self._transforms(point.ravel())[which].reshape(z.shape)
        return np.where(np.imag(z) < 0.0, np.conj(value), value) if np.iscomplexobj(z) else value.real

    def _off_support(self, z: ArrayLike) -> np.ndarray:
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

    def _places(self, band: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and dx/dθ at an angle θ of a band."""
        low, high = (np.array(end) for end in zip(*self.bands, strict=True))
        power = np.array([self._power(*ends) for ends in self.bands])[band]
        span, s = (high - low)[band], np.sin(0.5 * theta) ** 2
        x = low[band] + span * s**power
        # the sum may round beyond the upper edge
        return np.minimum(x, high[band]), 0.5 * span * power * s ** (power - 1) * np.sin(theta)

    def _angles(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Band and angle of each point; in a gap the upper end of the band below, −1 left of all."""
        band, theta = np.full(x.shape, -1), np.zeros(x.shape)
        for i, (low, high) in enumerate(self.bands):
            share = np.clip((x - low) / (high - low), 0.0, 1.0)
            power = self._power(low, high)
            rest = np.clip((high - x) / (high - low), 0.0, 1.0) if power == 1 else 1.0 - share ** (1.0 / power)
            angle = 2.0 * np.arctan2(np.sqrt(share ** (1.0 / power)), np.sqrt(rest))
            band, theta = np.where(x >= low, i, band), np.where(x >= low, angle, theta)
        return band, theta

    @cached_property
    def _panels(self) -> _Panels:
        """Panels halved until the series of each has converged: near-singular points inside a band cost depth only."""
        bands = self.bands
        index = np.repeat(np.arange(len(bands)), 2)
        left, width = np.tile([0.0, 0.5 * math.pi], len(bands)), np.full(2 * len(bands), 0.5 * math.pi)
        settled, parent = [], np.full(len(left), np.inf)
        for depth in range(_DEPTH + 1):
            theta = left[:, None] + 0.5 * width[:, None] * (chebyshev_points(_ORDER) + 1.0)
            x, slope = self._places(index[:, None], theta)
            value = self._density(x.ravel()).reshape(x.shape) * slope
            series = chebyshev_series(value)
            tail = np.abs(series[:, -_ORDER // 8 :]).max(axis=1) * width
            # A density that diverges at an edge carries more rounding, which halving does not take away.
            done = (tail <= 1e-14) | ((tail <= 1e-11) & (tail >= 0.25 * parent))
            settled.append([a[done] for a in (index, left, width, series, x, value)])
            if done.all():
                break
            if depth == _DEPTH:
                low, high = bands[index[~done][0]]
                raise ArithmeticError(
                    f"the density on [{low:g}, {high:g}] is not resolved by {_DEPTH} halvings (residual "
                    f"{tail.max():.1e}); move the parameters away from where two bands, or a band and 0, meet"
                )
            parent, index = np.repeat(tail[~done], 2), np.repeat(index[~done], 2)
            width = np.repeat(0.5 * width[~done], 2)
            left = np.repeat(left[~done], 2)
            left[1::2] += width[1::2]
        index, left, width, series, x, value = (np.concatenate(parts) for parts in zip(*settled, strict=True))
        order = np.lexsort((left, index))
        index, left, width = index[order], left[order], width[order]
        half = 0.5 * width[:, None]
        even = np.arange(0, _ORDER, 2)
        fejer = np.zeros(_ORDER)
        fejer[even] = 2.0 / (1.0 - even**2.0)  # ∫ T_k over [−1, 1]
        fejer = dct(fejer, type=3) / _ORDER
        masses = (value[order] * fejer * half).ravel()
        self._check_mass(math.fsum(masses))
        below = chebyshev.chebint(series[order], lbnd=-1.0, axis=1) * half
        # so that both sides of each point add up to the same
        below *= (1.0 - math.fsum(weight for _, weight in self.atoms)) / float(below.sum())
        each = below.sum(axis=1)
        above = -below
        below[1:, 0] += np.cumsum(each)[:-1]
        above[:, 0] += np.cumsum(each[::-1])[::-1]
        return _Panels(4.0 * index + left, left, width, below, above, x[order].ravel(), masses)

    def _check_mass(self, continuous: float) -> float:
        """The total mass, or an error that names it and a remedy where it is not 1."""
        total = math.fsum([continuous, *(weight for _, weight in self.atoms)])
        if not abs(total - 1.0) <= _MASS:
            raise ArithmeticError(
                f"{self._name} has mass {total:.12g} by its density, which is not to be trusted here: its parameters "
                "are beyond what floating point resolves; split off what is smaller than the rest by many orders of "
                "magnitude, or move the parameters away from where two bands meet"
            )
        return total

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def mass(self) -> float:
        """Total mass, by quadrature of the density: 1 to rounding.

        Raises
        ------
        ArithmeticError
            If it differs from 1 by more than 1e-9, as it does where the density is wrong.
        """
        return self._check_mass(math.fsum(self._panels.masses) if self.bands else 0.0)

    def cdf(self, x: ArrayLike) -> np.ndarray:
        """P(X ≤ x), atoms included; small values keep relative accuracy.

        Raises
        ------
        ValueError
            If `x` holds a NaN.
        ArithmeticError
            If the density does not have mass 1 within 1e-9.
        """
        x = real_points("x", x)
        value = self._masses(x.ravel())[0].reshape(x.shape)
        for place, weight in self.atoms:
            value = value + weight * (x >= place)
        # the masses were found to sum to 1; what is left is rounding
        return np.where(x >= self.ends[1], 1.0, np.minimum(value, 1.0))

    def sf(self, x: ArrayLike) -> np.ndarray:
        """P(X > x), atoms included; small values keep relative accuracy.

        Raises
        ------
        ValueError
            If `x` holds a NaN.
        ArithmeticError
            If the density does not have mass 1 within 1e-9.
        """
        x = real_points("x", x)
        value = self._masses(x.ravel())[1].reshape(x.shape)
        for place, weight in self.atoms:
            value = value + weight * (x < place)
        return np.where(x < self.ends[0], 1.0, np.minimum(value, 1.0))

    def _masses(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Masses of the continuous part on both sides of x, small ones to relative accuracy."""
        if not self.bands:
            self._check_mass(0.0)
            return np.zeros(x.shape), np.zeros(x.shape)
        below, above = self._cumulated(x)
        (low, first_high), (last_low, high) = self.bands[0], self.bands[-1]
        for value, inside in ((below, (x > low) & (x < first_high)), (above, (x > last_low) & (x < high))):
            # near an end of the law
            small = inside & (value < 1e-3)
            if small.any():
                value[small] = self._tail(x[small], value[small], upper=value is above)
        return np.where(x <= low, 0.0, below), np.where(x >= high, 0.0, above)

    def _cumulated(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Masses of the continuous part on both sides of x, to rounding of 1."""
        panels = self._panels
        band, theta = self._angles(x)
        at = np.maximum(np.searchsorted(panels.keys, 4.0 * band + theta, side="right") - 1, 0)
        t = np.clip(2.0 * (theta - panels.lefts[at]) / panels.widths[at] - 1.0, -1.0, 1.0)
        return evaluate_series(panels.below, at, t), evaluate_series(panels.above, at, t)

    def _tail(self, x: np.ndarray, value: np.ndarray, *, upper: bool) -> np.ndarray:
        """Mass between an end of the law and x where x is in the panel next to it: there the density is smooth in θ."""
        low, high = self.bands[-1 if upper else 0]
        power, span = self._power(low, high), high - low
        if upper:
            rest = np.log1p(-(high - x) / span) / power  # log cos²(φ/2), φ = π − θ
            angle = 2.0 * np.arctan2(np.sqrt(-np.expm1(rest)), np.exp(0.5 * rest))
            reach = self._panels.widths[-1]
        else:
            share = ((x - low) / span) ** (1.0 / power)
            angle = 2.0 * np.arcsin(np.sqrt(share))
            reach = self._panels.widths[0]
        near = angle <= reach
        t, weight = np.polynomial.legendre.leggauss(_ORDER)
        phi = 0.5 * angle[near][:, None] * (t + 1.0)
        sine = np.sin(0.5 * phi) ** 2
        if upper:
            places = high + span * np.expm1(power * np.log1p(-sine))
            slope = 0.5 * span * power * (1.0 - sine) ** (power - 1) * np.sin(phi)
        else:
            places = low + span * sine**power
            slope = 0.5 * span * power * sine ** (power - 1) * np.sin(phi)
        density = self._density(places.ravel()).reshape(places.shape)
        value = value.copy()
        value[near] = 0.5 * angle[near] * ((density * slope) @ weight)
        return value

    def ppf(self, q: ArrayLike) -> np.ndarray:
        """Quantile function: the least x with P(X ≤ x) ≥ q, the left end of the law for q = 0.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1].
        """
        q = probabilities("q", q)
        return self._quantiles(q.ravel(), 1.0 - q.ravel()).reshape(q.shape)

    def isf(self, q: ArrayLike) -> np.ndarray:
        """Inverse of the survival function: the least x with P(X > x) ≤ q, the left end of the law for q = 1.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1].
        """
        q = probabilities("q", q)
        return self._quantiles(1.0 - q.ravel(), q.ravel()).reshape(q.shape)

    def _quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """The least x with at least these masses below and at most these above; below + above = 1."""
        left, right = below.copy(), above.copy()  # masses asked of the continuous part
        result = np.full(below.shape, np.nan)
        atoms = self.atoms
        places = np.array([place for place, _ in atoms])
        weights = np.array([weight for _, weight in atoms])
        under, over = self._masses(places) if atoms else (places, places)
        before = np.concatenate([[0.0], np.cumsum(weights)])
        after = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
        upper = below > 0.5
        for i, place in enumerate(places):
            # x is left of the atom, at it, or right of it; the comparison is made in the smaller tail
            at_least = np.where(upper, above < over[i] + after[i], below > under[i] + before[i])
            beyond = np.where(upper, above < over[i] + after[i + 1], below > under[i] + before[i + 1])
            result[at_least & ~beyond] = place
            left[beyond] -= weights[i]
            right[~beyond] -= weights[i]
        missing = np.isnan(result)
        if self.bands:
            result[missing] = self._continuous_quantiles(left[missing], right[missing], upper[missing])
        else:
            result[missing] = places[-1]  # the weights sum to 1 to rounding
        result[below <= 0.0] = self.ends[0]
        result[above <= 0.0] = self.ends[1]
        return result

    @cached_property
    def _ladder(self) -> _Ladder:
        count = len(self.bands)
        steps = max(9, _TABLE // count)
        band = np.repeat(np.arange(count), steps)
        theta = np.tile(np.linspace(0.0, math.pi, steps), count)
        x = self._places(band, theta)[0]
        x[steps - 1 :: steps] = [high for _, high in self.bands]
        below, above = self._masses(x)
        return _Ladder(band, theta, np.maximum.accumulate(below), np.minimum.accumulate(above))

    def _continuous_quantiles(self, below: np.ndarray, above: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """x with these masses of the continuous part on its sides, of which the smaller is trusted."""
        if not below.size:
            return below
        ladder = self._ladder
        # a mass that ends a band to rounding ends it
        right = np.where(
            upper,
            np.searchsorted(-ladder.above, -above * (1.0 + _ROUNDING), side="left"),
            np.searchsorted(ladder.below, below * (1.0 - _ROUNDING), side="left"),
        )
        right = np.clip(right, 1, len(ladder.theta) - 1)
        # between two bands nothing rises: the upper end of the lower one
        right = np.where(ladder.band[right] != ladder.band[right - 1], right - 1, right)
        band = ladder.band[right]

        def excess(theta: np.ndarray, band: np.ndarray, mass: np.ndarray, upper: np.ndarray) -> np.ndarray:
            under, over = self._masses(self._places(band, theta)[0])
            return np.where(upper, mass - over, under - mass)

        theta = bracketed_root(
            excess, ladder.theta[right - 1], ladder.theta[right], band, np.where(upper, above, below), upper
        )
        return self._places(band, theta)[0]

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
