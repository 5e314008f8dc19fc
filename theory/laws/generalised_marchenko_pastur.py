"""The generalised Marchenko-Pastur law: sample eigenvalues for any population spectrum.

Everything is read off one map from population to sample, ψ(ζ) = ζ + γ ∫ tζ/(ζ − t) H(dt), with ζ = −1/m̃ and m̃ the
transform of the companion XΣXᵀ/n: the law's edges are the values of ψ at the zeros of ψ′ on the real line, the density
at x comes from the one root of ψ(ζ) = x in the upper half plane, and off the bulk ζ is real with ψ′(ζ) > 0.

The roots lie on the curve γ ∫ t²/|ζ − t|² H(dt) = 1, on which x = γ|ζ|² ∫ t/|ζ − t|² H(dt): sums of positive terms,
which keep their digits over any number of decades. In ψ itself what is far above ζ counts by its weight alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from theory.laws.law import HARD, Law, non_negative, positive
from theory.laws.matrix_law import MatrixLaw
from theory.laws.population import Discrete
from theory.roots import bracketed_minimum, bracketed_root

__all__ = ["GeneralisedMarchenkoPastur", "positive_law"]

_REFINEMENTS = 40  # halvings of the steps of the curve that starts Newton's method
_MOST = 20_000  # points of that curve: a law of 50 bands has some 1,500
_REACH = 40.0  # logarithm beyond which a share of an interval is rounding
_BAND_REACH = 28.0  # the same next to a band of the population
_ROUNDING = 4e-16


class _Curve(NamedTuple):
    """ζ over the bands: on a logarithmic scale its distances from the ends are straight lines next to the edges."""

    place: np.ndarray  # 1000 × band + log (x − low)/(high − x), increasing
    share: np.ndarray  # log (Re ζ − left)/(right − Re ζ)
    height: np.ndarray  # log Im ζ


def positive_law(name: str, law: Law | ArrayLike) -> Law:
    """A law on [0, ∞) other than the unit mass at 0; a sequence of eigenvalues counts as atoms of equal weight.

    Eigenvalues that are negative by the rounding of an eigenvalue solver count as 0.
    """
    if not isinstance(law, Law):
        given, law = law, Discrete(law)
        if law.locations[0] < 0.0:
            law = Discrete(non_negative(name, given, rule="have no negative eigenvalue"))
    if isinstance(law, Discrete) and law.locations[0] < 0.0:
        law = Discrete(non_negative(name, law.locations, rule="have no negative eigenvalue"), law.weights)
    low, high = law.ends
    if low < 0.0:
        raise ValueError(f"`{name}` must have no negative eigenvalue; got {low:g}")
    if high == 0.0:
        raise ValueError(f"`{name}` must have an eigenvalue other than 0; got only 0")
    return law


@dataclass(frozen=True, eq=False)
class GeneralisedMarchenkoPastur(MatrixLaw):
    """Law of the eigenvalues of Σ^(1/2)XᵀXΣ^(1/2)/n, X (n, p) of unit variance, p/n → γ and Σ of spectrum H.

    m(z) = ∫ H(dt)/(t(1 − γ − γzm) − z), solved through ζ = −1/m̃, m̃ = γm − (1 − γ)/z, for which z = ψ(ζ) (module text).

    Parameters
    ----------
    population : Law or sequence of float
        H, on [0, ∞): any law of this package, such as `Discrete`, `Continuous` or a `Mixture` of them; eigenvalues
        alone have equal weights.
    gamma : float
        γ = p/n > 0.

    Raises
    ------
    ValueError
        If γ is not positive or H has negative eigenvalues or none but 0.

    References
    ----------
    Marchenko and Pastur, Mathematics of the USSR-Sbornik 1 (1967) 457; Silverstein and Choi, Journal of Multivariate
    Analysis 54 (1995) 295, for the edges.

    Examples
    --------
    >>> law = GeneralisedMarchenkoPastur(Discrete([1.0, 7.0], [0.5, 0.5]), gamma=0.1)
    >>> len(law.bands)
    2
    """

    population: Law
    gamma: float

    if TYPE_CHECKING:

        def __init__(self, population: Law | ArrayLike, gamma: float) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "population", positive_law("population", self.population))
        object.__setattr__(self, "gamma", positive("gamma", self.gamma))

    def inverse_map(self, zeta: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """ψ(ζ) = ζ + γ ∫ tζ/(ζ − t) H(dt) and ψ′(ζ), for ζ off the population spectrum.

        Parameters
        ----------
        zeta : array_like, real or complex

        Raises
        ------
        ValueError
            If ζ is not finite or belongs to the population spectrum.
        """
        zeta = self.population._off_support(np.asarray(zeta))
        value, slope = self._map(zeta.ravel())
        return value.reshape(zeta.shape), slope.reshape(zeta.shape)

    def _map(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        far, first, second = self.population._shares(zeta)
        rest = self._rest(far)
        return zeta * (rest + self.gamma * first), rest - self.gamma * second

    @cached_property
    def _share_at_zero(self) -> float:
        """1 − γ(1 − H({0})): ψ′(0), the mass of the companion's atom at 0 where it is positive."""
        null = dict(self.population.atoms).get(0.0, 0.0)
        return float(self._rest(np.array(1.0 - null)))

    def _rest(self, far: np.ndarray) -> np.ndarray:
        """1 − γW, 0 where it is so to rounding: there the law has an edge at 0, or close to it, for that part of it."""
        value = 1.0 - self.gamma * far
        return np.where(np.abs(value) <= _ROUNDING, 0.0, value)

    @cached_property
    def critical_points(self) -> tuple[tuple[float, float], ...]:
        """Real ζ with ψ′(ζ) = 0, in pairs: the ends in ζ of each band of the law.

        Right of the last is every population spike that detaches to the right; between two pairs those that detach
        into a gap.
        """
        spectrum = sorted([*self.population.bands, *((t, t) for t, _ in self.population.atoms if t > 0.0)])
        starts = np.array([low for low, _ in spectrum])
        ends = np.maximum.accumulate([high for _, high in spectrum])
        reach = ends[-1] * math.sqrt(self.gamma)  # from the spectrum's end ψ′ > 0 beyond
        # next to the end of a band its transform is known to the root of a rounding only, and ψ′ to none
        closest = _REACH if isinstance(self.population, Discrete) else _BAND_REACH
        u = np.array([math.log(ends[-1]) - closest, math.log(1.001 * reach)])
        u[0] = min(u[0], u[1] - 1.0)
        u = bracketed_root(lambda u: -np.log1p(self._excess(ends[-1] + np.exp(u))), *u[:, None])
        last = float(ends[-1] + np.exp(u[0]))
        # ψ′ falls from 1 at −∞ to −∞ at the first atom, or stays positive up to a band that the spectrum starts with
        if self._share_at_zero > 0.0 and starts[0] > 0.0:
            bounds = np.array([[math.log(self._share_at_zero) - 2.0 * _REACH], [closest]])
            u = bracketed_root(lambda u: np.log1p(self._excess(starts[0] * _logistic(u))), *bounds)
            first = float(starts[0] * _logistic(u)[0])
        elif self._share_at_zero < 0.0:
            bounds = np.array([[math.log(ends[-1]) - 4.0 * _REACH], [math.log(1.001 * reach)]])
            bounds[0] = min(float(bounds[0, 0]), math.log(starts[0] or ends[-1]) - 2.0 * _REACH)
            first = -float(np.exp(bracketed_root(lambda u: -np.log1p(self._excess(-np.exp(u))), *bounds))[0])
        else:
            first = 0.0
        open_gap = starts[1:] > ends[:-1]
        low, high = ends[:-1][open_gap], starts[1:][open_gap]
        below, above = (-closest - np.log((high - low) / end) for end in (low, high))
        above = -np.minimum(above, -1.0)
        below = np.minimum(below, -1.0)

        def slope(u: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
            return np.log1p(self._excess(_within(low, high, u)))

        inside, least = bracketed_minimum(slope, below, above, low, high)
        free = least < 0.0
        low, high, below, above, inside = (a[free] for a in (low, high, below, above, inside))
        left = bracketed_root(lambda u, *ends: -slope(u, *ends), below, inside, low, high)
        right = bracketed_root(slope, inside, above, low, high)
        between = np.stack([_within(low, high, left), _within(low, high, right)], axis=1)
        points = [first, *between.ravel().tolist(), last]
        return tuple((points[i], points[i + 1]) for i in range(0, len(points), 2))

    def _excess(self, zeta: np.ndarray) -> np.ndarray:
        """−ψ′ on the real line, at least −1; +∞ where it is not defined."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = -self._map(zeta)[1]
        # γ ∫ t²/(ζ − t)² is positive: at a band's own end its transform may have no value
        return np.where(value > -1.0, value, np.inf)

    @cached_property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """Components of the bulk: the values of ψ at the critical points, exact to rounding."""
        zeta = np.array(self.critical_points).ravel()
        # ψ = γζ² ∫ t/(ζ − t)² where ψ′ = 0; ∫ t/(ζ − t)² = −d/dζ ∫ t/(ζ − t)
        with np.errstate(all="ignore"):
            ends = self._map(zeta)[0]
            exact = self.gamma * zeta * self._slope_of_ratio(zeta)
        # where the spectrum is a band that ψ′ > 0 reaches, the edge is no critical point
        ends = np.where(np.abs(exact - ends) <= 1e-6 * np.abs(exact), exact, ends)
        ends[0] = ends[0] if zeta[0] != 0.0 and ends[0] > 0.0 else 0.0  # and no −0
        if not (np.diff(ends) > 0.0).all():
            i = int(np.flatnonzero(~(np.diff(ends) > 0.0))[0])
            raise ArithmeticError(
                f"a band or a gap at {ends[i]:.6g} is narrower than rounding for `gamma` = {self.gamma:g}: the law is "
                "its population there; merge what is as close, or leave out what weighs as little"
            )
        return tuple((float(ends[i]), float(ends[i + 1])) for i in range(0, len(ends), 2))

    def _slope_of_ratio(self, zeta: np.ndarray) -> np.ndarray:
        """∫ tζ/(ζ − t)² H(dt) at real ζ: ∫ t²/(ζ − t)² + ∫ t/(ζ − t)."""
        far, first, second = self.population._shares(zeta)
        del far  # the weights of what is far above cancel
        return first + second

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Mass max(H({0}), 1 − 1/γ) at 0."""
        null = max(dict(self.population.atoms).get(0.0, 0.0), 1.0 - 1.0 / self.gamma)
        return ((0.0, null),) if null > 0.0 else ()

    @property
    def _divergences(self) -> tuple[float, ...]:
        """At 0, where a bulk reaches it although the population does not."""
        bands = self.population.bands
        return (0.0,) if self.bands[0][0] == 0.0 and not (bands and bands[0][0] == 0.0) else ()

    def _power(self, low: float, high: float) -> int:
        """Where a population's band reaches 0 and the law's too, the density diverges faster than x^(−1/2)."""
        del high
        bands = self.population.bands
        return HARD if low == 0.0 and bands and bands[0][0] == 0.0 else 1

    def _height(self, s: np.ndarray, rise: np.ndarray) -> np.ndarray:
        """y > 0 with Im ψ(s + iy) = `rise` ≥ 0: Im ψ/y increases in y."""
        second = float(self.population.moments(2)[1])
        top = np.log(4.0 * (self.gamma * second + rise**2))

        def excess(u: np.ndarray, s: np.ndarray, rise: np.ndarray) -> np.ndarray:
            far, square = self.population._square_shares(s, np.exp(u))
            ratio = self.gamma * square - self._rest(far) + rise * np.exp(-0.5 * u)  # less 1
            return -np.log1p(ratio)  # close to piecewise linear in u

        # Atoms may lie 30 decades apart, 138 in log y², with bands as thin as rounding, 74 more; the transform of a
        # density has an imaginary part to the rounding of its size only.
        bottom = np.maximum(top - 340.0, -700.0)
        if not isinstance(self.population, Discrete):
            bottom = np.minimum(top, np.log(np.maximum(s * s, 1e-300))) - 100.0
        return np.exp(0.5 * bracketed_root(excess, bottom, top, s, rise))

    @cached_property
    def _curve(self) -> _Curve:
        """Points of the curve so dense that each is within half of its height of the next, or on the way to an edge."""
        (low, high), (left, right) = np.array(self.bands).T, np.array(self.critical_points).T
        # As many decades towards the left end as the band has; a density known by its transform alone, with an atom at
        # 0 in it, has no more than the digits of a float there.
        discrete, bands = isinstance(self.population, Discrete), self.population.bands
        least = 1e-30 if discrete or bands[0][0] == 0.0 else 1e-12
        decades = np.maximum(0.0, np.log((right - left) / np.maximum(np.abs(left), least * right)))
        smooth = not any(place > 0.0 for place, _ in self.population.atoms)
        starts = [np.arange(-14.0 - more, 14.0, 2.0) for more in decades]
        band, u = np.repeat(np.arange(len(low)), [len(start) for start in starts]), np.concatenate(starts)
        height = self._height(_within(left[band], right[band], u), np.zeros(u.shape))
        for _ in range(_REFINEMENTS):
            s = _within(left[band], right[band], u)
            open_ = (np.diff(band) == 0) & (np.diff(s) > 0.5 * np.minimum(height[1:], height[:-1]))
            if smooth:  # a density is so on the scale of the distance from its ends, however low the curve
                open_ &= np.diff(u) > 0.25
            if not open_.any():
                break
            if len(u) > _MOST:
                if not discrete:  # the points that Newton's method misses are searched
                    break
                raise ArithmeticError(
                    f"the density was not resolved by {len(u)} points of its curve: `population` has eigenvalues that "
                    "are distinct by little more than rounding; merge what is as close"
                )
            middle, inside = 0.5 * (u[1:] + u[:-1])[open_], band[1:][open_]
            fresh = self._height(_within(left[inside], right[inside], middle), np.zeros(middle.shape))
            order = np.lexsort((np.append(u, middle), np.append(band, inside)))
            band, u = np.append(band, inside)[order], np.append(u, middle)[order]
            height = np.append(height, fresh)[order]
        s = _within(left[band], right[band], u)
        x = self._on_curve(s + 1j * height)
        kept = (x > low[band]) & (x < high[band]) & (s > left[band]) & (s < right[band])
        band, u, x, height = band[kept], u[kept], x[kept], np.log(height[kept])
        place = np.log((x - low[band]) / (high[band] - x))
        parts: list[np.ndarray] = []
        for i in range(len(low)):
            mine = band == i
            columns = np.stack([place[mine], u[mine], height[mine]])
            if not mine.any():  # as narrow as rounding
                columns = np.array([[0.0], [0.0], [math.log(0.5 * (right[i] - left[i]))]])
            columns = columns[:, np.diff(columns[0], prepend=-np.inf) > 0.0]
            # on to the edges: x − low is of the order of s − left there, and of the square of the height
            beyond = 4.0 * _REACH * np.array([1.0, 1.0, 0.5])
            ends = [columns[:, 0] - beyond, columns[:, -1] + beyond * np.array([1.0, 1.0, -1.0])]
            columns = np.column_stack([ends[0], columns, ends[1]])
            columns[0] += 1000.0 * i
            parts.append(columns)
        return _Curve(*np.concatenate(parts, axis=1))

    def _on_curve(self, zeta: np.ndarray) -> np.ndarray:
        """Re ψ where Im ψ = 0: γ|ζ|² ∫ t/|ζ − t|²."""
        _, first, _ = self.population._shares(zeta)
        return -self.gamma * np.abs(zeta) ** 2 * first.imag / zeta.imag

    def _upper_root(self, x: np.ndarray) -> np.ndarray:
        """The root of ψ(ζ) = x in the upper half plane, for x inside a band."""
        low, high = np.array(self.bands).T
        left, right = np.array(self.critical_points).T
        band = np.searchsorted(low, x) - 1
        place = 1000.0 * band + np.log((x - low[band]) / (high[band] - x))
        share = np.interp(place, self._curve.place, self._curve.share)
        height = np.interp(place, self._curve.place, self._curve.height)
        zeta, good = self._newton(x, _within(left[band], right[band], share) + 1j * np.exp(height))
        if not good.all():
            zeta[~good] = self._search(x[~good] + 0j, left[band[~good]], right[band[~good]])
        return zeta

    def _newton(self, z: np.ndarray, zeta: np.ndarray, most: int = 14) -> tuple[np.ndarray, np.ndarray]:
        """Newton on ψ(ζ) = z, and whether it ended at a root in the upper half plane: there is one."""
        with np.errstate(all="ignore"):
            for _ in range(most):
                value, slope = self._map(zeta)
                step = (value - z) / slope
                zeta = zeta - step
                if (np.abs(step) <= 1e-9 * np.abs(zeta.imag)).all():  # quadratic: the next would be at rounding
                    break
            value, slope = self._map(zeta)
            zeta = zeta - (value - z) / slope
            # the height may be below the rounding of ζ, as where a population's density falls to 0 with its eigenvalues
            flat = np.abs(zeta.imag) <= _ROUNDING * np.abs(zeta)
            zeta = np.where(flat, zeta.real + 1j * np.abs(zeta.imag), zeta)
            good = (flat | (zeta.imag > 0.0)) & (np.abs(value - z) <= 1e-12 * self._size(z, zeta))
        return zeta, good

    def _size(self, z: np.ndarray, zeta: np.ndarray) -> np.ndarray:
        """What the rounding of ψ(ζ) − z is relative to."""
        far, first, _ = self.population._shares(zeta)
        return np.abs(z) + np.abs(zeta) * (np.abs(self._rest(far)) + self.gamma * np.abs(first))

    def _search(self, z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The root of ψ(ζ) = z, Im z ≥ 0, where Newton's method went astray.

        The curves of constant Im ψ are graphs over Re ζ, and Re ψ increases along them.
        """

        def excess(u: np.ndarray, x: np.ndarray, rise: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
            s = _within(low, high, u)
            zeta = s + 1j * self._height(s, rise)
            value = np.where(rise == 0.0, self._on_curve(zeta), self._map(zeta)[0].real)
            return np.where(s <= low, -np.inf, np.where(s >= high, np.inf, value - x))

        bound = np.full(z.shape, 3.0 * _REACH)
        s = _within(low, high, bracketed_root(excess, -bound, bound, z.real, z.imag, low, high))
        zeta = s + 1j * self._height(s, z.imag)
        polished, good = self._newton(z, zeta, most=3)
        zeta = np.where(good, polished, zeta)
        with np.errstate(all="ignore"):
            residual = np.abs(self._map(zeta)[0] - z) / self._size(z, zeta)
        if not (residual <= 1e-7).all():
            worst = np.argmax(np.where(np.isnan(residual), np.inf, residual))
            raise ArithmeticError(
                f"the transform at z = {z[worst]:.6g} was not reached (relative residual {residual[worst]:.1e}); ask "
                "farther from an edge of the bulk"
            )
        return zeta

    def _density(self, x: np.ndarray) -> np.ndarray:
        """Im m̃/(πγ) = Im ζ/(πγ|ζ|²)."""
        inside = np.zeros(x.shape, dtype=bool)
        for low, high in self.bands:
            inside |= (x > low) & (x < high)
        value = np.zeros(x.shape)
        if inside.any():
            zeta = self._upper_root(x[inside])
            value[inside] = zeta.imag / (zeta.real**2 + zeta.imag**2) / (math.pi * self.gamma)
        return value

    def _cumulated(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For atoms in closed form: π times the companion's mass right of x is the imaginary part of ∫ log(x − y).

        With dz = ψ′dζ that is g₀ log ζ + γ ∫ [log(ζ − t) + t/(ζ − t)] H(dt) over t > 0, g₀ = 1 − γ(1 − H({0})). The
        imaginary part of the last term is −xy/|ζ|² on the curve, which keeps the digits of bands that are thin.
        """
        if not isinstance(self.population, Discrete):
            return super()._cumulated(x)
        places, weights = self.population.locations, self.population.weights
        places, weights = places[places > 0.0], weights[places > 0.0]
        x = np.clip(x, *self.support)
        zeta = self._boundary(x)
        g0, y, gap = self._share_at_zero, zeta.imag, zeta.real[:, None] - places
        pull = np.where(y > 0.0, x * y / np.maximum(np.abs(zeta) ** 2, 1e-300), 0.0)
        right, left = np.arctan2(y, zeta.real), np.arctan2(y, -zeta.real)
        above = (g0 * right - pull) / self.gamma + np.arctan2(y[:, None], gap) @ weights
        below = (pull - g0 * right if g0 > 0.0 else pull + g0 * left) / self.gamma
        return (below + np.arctan2(y[:, None], -gap) @ weights) / math.pi, above / math.pi

    def _masses(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._cumulated(x) if isinstance(self.population, Discrete) else super()._masses(x)

    def _boundary(self, x: np.ndarray) -> np.ndarray:
        """ζ on the real line from above: real in the gaps, where it is only asked on which side of atoms it is."""
        edges, points = np.array(self.bands).ravel(), np.array(self.critical_points).ravel()
        at = np.searchsorted(edges, x)
        zeta = points[np.minimum(at, len(points) - 1)].astype(complex)
        for edge, point in zip(edges, points, strict=True):
            zeta[x == edge] = point
        inside = (at % 2 == 1) & (x < edges[np.minimum(at, len(edges) - 1)])
        zeta[inside] = self._upper_root(x[inside])
        return zeta

    def _zeta(self, z: np.ndarray) -> np.ndarray:
        """The root of ψ(ζ) = z that is z at infinity: z in the upper half plane or on the real line."""
        zeta = np.empty(z.shape, dtype=complex)
        real = z.imag == 0.0
        within = np.zeros(z.shape, dtype=bool)
        for low, high in self.bands:
            within |= real & (z.real > low) & (z.real < high)
        zeta[within] = self._upper_root(z[within].real)
        outside = real & ~within
        zeta[outside] = self._real_root(z[outside].real)
        zeta[~real] = self._descend(z[~real])
        return zeta

    def _real_root(self, x: np.ndarray) -> np.ndarray:
        """ζ for real x off the bulk: ψ increases on each gap, and the search never leaves it."""
        edges, points = np.array(self.bands).ravel(), np.array(self.critical_points).ravel()
        gap = np.searchsorted(edges, x)  # even: the gap left of that edge; at a lower edge it is that gap's end
        gap = np.where(gap % 2 == 1, gap + 1, gap)
        if points[0] > 0.0:  # between 0 = ψ(0) and the bulk as in a gap
            gap = np.where((gap == 0) & (x > 0.0), 1, gap)
        zeta, free = np.empty(x.shape), ~np.isin(x, edges)
        count = len(edges)
        # In the logarithms of the distances from the edges ψ is close to a line, of slope 2 next to them and 1 far out.
        for side, end in ((1.0, count), (-1.0, 0)):
            outer = (gap == end) & free
            start, edge = (points[-1], edges[-1]) if side > 0.0 else (points[0], edges[0])
            distance = side * (x[outer] - edge)
            # ζ ≤ ψ(ζ) right of the spectrum, ψ(ζ) ≤ ζ + γ∫tH left of it
            reach = side * (x[outer] - start) + (0.0 if side > 0.0 else self.gamma * self.population.moments(1)[0])
            size = np.log(np.maximum(reach, 1e-300)) + 1e-9
            least = np.minimum(size - 1.0, math.log(max(abs(start), 1e-300)) - _REACH)

            def excess(
                u: np.ndarray, distance: np.ndarray, side: float = side, start: float = start, edge: float = edge
            ) -> np.ndarray:
                rise = side * (self._map(start + side * np.exp(u))[0] - edge)
                return np.log(np.maximum(rise, 0.0)) - np.log(distance)

            zeta[outer] = start + side * np.exp(bracketed_root(excess, least, size, distance))
        inner = (gap > 0) & (gap < count) & free
        left = gap[inner] % 2  # 1 in the gap from 0 on
        low, bottom = (np.where(left, 0.0, a[gap[inner] - 1]) for a in (points, edges))
        high, top = (a[gap[inner] - left] for a in (points, edges))

        def rise(u: np.ndarray, x: np.ndarray, low: np.ndarray, high: np.ndarray, *ends: np.ndarray) -> np.ndarray:
            value = self._map(_within(low, high, u))[0]
            below, above = np.maximum(value - ends[0], 0.0), np.maximum(ends[1] - value, 0.0)
            return np.log(below * (ends[1] - x)) - np.log(above * (x - ends[0]))

        bound = np.full(low.shape, 2.0 * _REACH) + np.log(np.maximum(high / np.where(low > 0.0, low, high), 1.0))
        zeta[inner] = _within(low, high, bracketed_root(rise, -bound, bound, x[inner], low, high, bottom, top))
        for edge, point in zip(edges, points, strict=True):
            zeta[x == edge] = point
        return zeta

    def _descend(self, z: np.ndarray) -> np.ndarray:
        """ζ for z in the upper half plane, followed down from far above the spectrum."""
        if not z.size:
            return z
        top = self.bands[-1][1]
        height = 4.0 * (top + float(np.abs(z).max()))
        zeta, good = self._newton(z + 1j * height, z + 1j * height - self.gamma * self.population.moments(1)[0])
        least = 0.1 * float(z.imag.min())
        while height > least:
            height *= 0.3
            zeta, good = self._newton(z + 1j * height, zeta)
        zeta, good = self._newton(z, zeta)
        if not good.all():
            lost = z[~good]
            bound = np.abs(lost) + self.gamma * self.population.moments(1)[0] + self.population.ends[1]
            zeta[~good] = self._search(lost, -2.0 * bound, 2.0 * bound)
        return zeta

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m = m_H(ζ)/(1 + γ ∫ t/(ζ − t)), without the division by z of m̃'s definition."""
        zeta = self._zeta(z)
        inner, inner_slope = self.population._transforms(zeta)
        far, first, second = self.population._shares(zeta)
        rest = self._rest(far) + self.gamma * first
        first_slope = -inner - zeta * inner_slope
        slope = (inner_slope * rest - inner * self.gamma * first_slope) / rest**2
        # ψ′, 0 at an edge, where m′ is infinite and comes out as 1e100 in size
        steepness = self._rest(far) - self.gamma * second
        return inner / rest, slope / np.where(steepness == 0.0, 1e-100, steepness)

    def companion(self, z: ArrayLike) -> np.ndarray:
        """m̃(z) = −1/ζ: the transform of the eigenvalues of XΣXᵀ/n, which has n − p more zeros; z off the support.

        At z = 0 it is finite only for γ > 1.
        """
        z = self._off_support(z)
        point = np.where(np.imag(z) < 0.0, np.conj(z), z).astype(complex)
        zeta = self._zeta(point.ravel()).reshape(z.shape)
        zeta = np.where(np.imag(z) < 0.0, np.conj(zeta), zeta)
        return -1.0 / zeta if np.iscomplexobj(z) else -1.0 / zeta.real

    def _moments(self, k: int) -> np.ndarray:
        """From the free cumulants of the companion, γ ∫ t^j H(dt)."""
        cumulants = self.gamma * self.population.moments(k)
        moments = np.zeros(k + 1)
        moments[0] = 1.0
        for j in range(1, k + 1):
            power = np.ones(1)
            for s in range(1, j + 1):  # power: the series of M^s up to what is known
                power = np.convolve(power, moments[:j])[:j]
                moments[j] += cumulants[s - 1] * power[j - s] if j - s < len(power) else 0.0
        return moments[1:] / self.gamma

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of Gaussian sample covariances whose population eigenvalues are quantiles of H."""
        n = max(1, round(dimension / self.gamma))
        variance = self.population.ppf((np.arange(dimension) + 0.5) / dimension) / n
        root = np.sqrt(variance[variance > 0.0])

        def draw(rng: np.random.Generator) -> np.ndarray:
            x = rng.standard_normal((n, len(root))) * root
            values = np.linalg.eigvalsh(x.T @ x if n > len(root) else x @ x.T)
            return np.concatenate([np.zeros(dimension - len(values)), np.maximum(values, 0.0)])

        return draw


def _logistic(u: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-u))


def _within(low: np.ndarray, high: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The point of (low, high) at logistic coordinate u, from the nearer end."""
    share = np.exp(-np.abs(u))
    share = share / (1.0 + share)
    return np.where(u < 0.0, low + (high - low) * share, high - (high - low) * share)
