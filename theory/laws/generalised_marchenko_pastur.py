"""The generalised Marchenko-Pastur law: sample eigenvalues for any population spectrum.

Everything is read off one map from population to sample, ψ(ζ) = ζ + γ ∫ tζ/(ζ − t) H(dt), with ζ = −1/m̃ and m̃ the
transform of the companion XΣXᵀ/n: the law's edges are the values of ψ at the zeros of ψ′ on the real line, the density
at x comes from the one root of ψ(ζ) = x in the upper half plane, and off the bulk ζ is real with ψ′(ζ) > 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from theory.laws.law import HARD, Law, positive
from theory.laws.matrix_law import MatrixLaw
from theory.laws.population import Discrete

__all__ = ["GeneralisedMarchenkoPastur", "positive_law"]

_TABLE = 256  # points of the curve ζ(x) that start Newton's method
_STEPS = 60


class _Curve(NamedTuple):
    """ζ along one band, at increasing angles θ of x = low + (high − low)(1 − cos θ)/2."""

    low: float
    high: float
    left: float  # the ends of the band in ζ
    right: float
    theta: np.ndarray
    zeta: np.ndarray


def positive_law(name: str, law: Law | Sequence[float]) -> Law:
    """A law on [0, ∞) other than the unit mass at 0; a sequence of eigenvalues counts as atoms of equal weight."""
    if not isinstance(law, Law):
        law = Discrete(law)
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
    ratio : float
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
    >>> law = GeneralisedMarchenkoPastur(Discrete([1.0, 7.0], [0.5, 0.5]), ratio=0.1)
    >>> len(law.bands)
    2
    """

    population: Law
    ratio: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "population", positive_law("population", self.population))
        object.__setattr__(self, "ratio", positive("ratio", self.ratio))

    def inverse_map(self, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
        first, second = self.population._ratios(zeta)
        return zeta * (1.0 + self.ratio * first), 1.0 - self.ratio * second

    @cached_property
    def critical_points(self) -> tuple[tuple[float, float], ...]:
        """Real ζ with ψ′(ζ) = 0, in pairs: the ends in ζ of each band of the law.

        Right of the last is every population spike that detaches to the right; between two pairs those that detach
        into a gap.
        """
        spectrum = sorted([*self.population.bands, *((t, t) for t, _ in self.population.atoms if t > 0.0)])
        starts = np.array([low for low, _ in spectrum])
        ends = np.maximum.accumulate([high for _, high in spectrum])
        top = ends[-1] * (1.0 + 1.001 * math.sqrt(self.ratio))
        # Within an outer gap ψ′ grows towards infinity; the spectrum's end itself is the bound where ψ′ stays positive.
        first = self._crossing(np.array([-ends[-1] * (1.0 + math.sqrt(self.ratio))]), np.array([starts[0]]))[0]
        last = self._crossing(np.array([top]), np.array([ends[-1]]))[0]
        open_gap = starts[1:] > ends[:-1]
        low, high = ends[:-1][open_gap], starts[1:][open_gap]
        inside = self._gap_point(low, high)
        free = ~np.isnan(inside)
        left = self._crossing(inside[free], low[free])
        right = self._crossing(inside[free], high[free])
        points = [first, *np.stack([left, right], axis=1).ravel().tolist(), last]
        return tuple((points[i], points[i + 1]) for i in range(0, len(points), 2))

    def _excess(self, zeta: np.ndarray) -> np.ndarray:
        """−ψ′ on the real line, +∞ where that is not defined."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = self.ratio * self.population._ratios(zeta)[1] - 1.0
        return np.where(np.isnan(value), np.inf, value)

    def _crossing(self, free: np.ndarray, bound: np.ndarray) -> np.ndarray:
        """Zero of ψ′ between points with ψ′ > 0 and the ends of the population spectrum, towards which ψ′ decreases."""
        free, bound = free.astype(float), bound.astype(float)
        for _ in range(200):
            middle = 0.5 * (free + bound)
            if ((middle == free) | (middle == bound)).all():
                break
            positive_slope = self._excess(middle) < 0.0
            free, bound = np.where(positive_slope, middle, free), np.where(positive_slope, bound, middle)
        return free

    def _gap_point(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """A point with ψ′ > 0 in each gap of the population spectrum, nan where there is none: −ψ′ is convex there."""
        golden = 0.5 * (math.sqrt(5.0) - 1.0)
        low, high = low.astype(float), high.astype(float)
        found = np.full(low.shape, np.nan)
        for _ in range(80):
            a, b = high - golden * (high - low), low + golden * (high - low)
            fa, fb = self._excess(a), self._excess(b)
            found = np.where(np.isnan(found) & (fa < 0.0), a, found)
            found = np.where(np.isnan(found) & (fb < 0.0), b, found)
            if not np.isnan(found).any():
                break
            low, high = np.where(fa < fb, low, a), np.where(fa < fb, b, high)
        return found

    @cached_property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """Components of the bulk: the values of ψ at the critical points, exact to rounding."""
        ends = [float(x) for x in self._map(np.array(self.critical_points).ravel())[0]]
        ends[0] = ends[0] if ends[0] > 0.0 else 0.0  # and no −0
        return tuple((ends[i], ends[i + 1]) for i in range(0, len(ends), 2))

    @cached_property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Mass max(H({0}), 1 − 1/γ) at 0."""
        null = max(dict(self.population.atoms).get(0.0, 0.0), 1.0 - 1.0 / self.ratio)
        return ((0.0, null),) if null > 0.0 else ()

    def _power(self, low: float, high: float) -> int:
        """Where a population's band reaches 0 and the law's too, the density diverges faster than x^(−1/2)."""
        del high
        bands = self.population.bands
        return HARD if low == 0.0 and bands and bands[0][0] == 0.0 else 1

    def _height(self, s: np.ndarray) -> np.ndarray:
        """y > 0 with Im ψ(s + iy) = 0, s in a band: 1/(γK) is concave and increasing in y², and Newton climbs to 1."""
        v = np.full(s.shape, 1e-14 * self.population.ends[1] ** 2)
        for _ in range(_STEPS):
            value, slope = self.population._squares(s, v)
            step = (1.0 - self.ratio * value) * value / slope  # (1 − φ)/φ′ for φ = 1/(γK)
            v = v + np.maximum(step, 0.0)
            if (step <= 1e-13 * v).all():
                break
        return np.sqrt(v)

    @cached_property
    def _curves(self) -> tuple[_Curve, ...]:
        count = max(33, _TABLE // len(self.bands))
        angle = (np.arange(count) + 0.5) * math.pi / count
        curves = []
        for (low, high), (left, right) in zip(self.bands, self.critical_points, strict=True):
            s = left + (right - left) * np.sin(0.5 * angle) ** 2
            zeta = s + 1j * self._height(s)
            share = np.clip((self._map(zeta)[0].real - low) / (high - low), 0.0, 1.0)
            theta = np.concatenate([[0.0], 2.0 * np.arcsin(np.sqrt(share)), [math.pi]])
            curves.append(_Curve(low, high, left, right, theta, np.concatenate([[left], zeta, [right]])))
        return tuple(curves)

    def _upper_root(self, x: np.ndarray) -> np.ndarray:
        """The root of ψ(ζ) = x in the upper half plane, for x inside a band."""
        zeta = np.empty(x.shape, dtype=complex)
        ends = np.empty((2, *x.shape))
        for curve in self._curves:
            inside = (x > curve.low) & (x < curve.high)
            theta = 2.0 * np.arcsin(np.sqrt((x[inside] - curve.low) / (curve.high - curve.low)))
            zeta[inside] = np.interp(theta, curve.theta, curve.zeta)
            ends[:, inside] = np.array([[curve.left], [curve.right]])
        zeta, good = self._newton(x, zeta)
        if not good.all():
            zeta[~good] = self._bisect_curve(x[~good], *ends[:, ~good])
        return zeta

    def _newton(self, z: np.ndarray, zeta: np.ndarray, most: int = 14) -> tuple[np.ndarray, np.ndarray]:
        """Newton on ψ(ζ) = z, and whether it ended at a root in the upper half plane: there is one."""
        with np.errstate(all="ignore"):
            for _ in range(most):
                value, slope = self._map(zeta)
                step = (value - z) / slope
                zeta = zeta - step
                if (np.abs(step) <= 1e-9 * np.abs(zeta)).all():  # quadratic: the next would be at rounding
                    break
            value, slope = self._map(zeta)
            zeta = zeta - (value - z) / slope
            # Next to an edge ζ is known to the root of a rounding only; what is asked is that it solves the equation.
            good = (zeta.imag > 0.0) & (np.abs(value - z) <= 1e-12 * (np.abs(z) + np.abs(zeta)))
        return zeta, good

    def _bisect_curve(self, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """As `_upper_root`, where Newton's method went astray: Re ψ increases along the curve."""
        low, high = low.copy(), high.copy()
        for _ in range(_STEPS):
            s = 0.5 * (low + high)
            zeta = s + 1j * self._height(s)
            above = self._map(zeta)[0].real > x
            low, high = np.where(above, low, s), np.where(above, s, high)
        polished, good = self._newton(x, zeta, most=3)
        return np.where(good, polished, zeta)

    def _density(self, x: np.ndarray) -> np.ndarray:
        """Im m̃/(πγ) = Im ζ/(πγ|ζ|²)."""
        inside = np.zeros(x.shape, dtype=bool)
        for low, high in self.bands:
            inside |= (x > low) & (x < high)
        value = np.zeros(x.shape)
        if inside.any():
            zeta = self._upper_root(x[inside])
            value[inside] = zeta.imag / (zeta.real**2 + zeta.imag**2) / (math.pi * self.ratio)
        return value

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
        low, high = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
        for (left, right), (a, b) in zip(self.bands, self.critical_points, strict=True):
            low[x >= right] = b
            high = np.where((x <= left) & (high == np.inf), a, high)
        # ζ ≤ ψ(ζ) right of the spectrum, ψ(ζ) ≤ ζ + γ∫tH left of it
        low = np.where(low == -np.inf, np.minimum(x - self.ratio * self.population.moments(1)[0], high) - 1e-300, low)
        high = np.where(high == np.inf, np.maximum(x, low), high)
        for _ in range(80):
            middle = 0.5 * (low + high)
            if ((middle == low) | (middle == high)).all():
                break
            above = self._map(middle)[0] > x
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        zeta = 0.5 * (low + high)
        value, slope = self._map(zeta)
        polished = zeta - (value - x) / np.where(slope > 1e-6, slope, np.inf)
        return np.where(
            (polished > zeta - (zeta - low) * 4.0) & (polished < zeta + (high - zeta) * 4.0), polished, zeta
        )

    def _descend(self, z: np.ndarray) -> np.ndarray:
        """ζ for z in the upper half plane, followed down from far above the spectrum."""
        if not z.size:
            return z
        top = self.bands[-1][1]
        height = 4.0 * (top + float(np.abs(z).max()))
        zeta, good = self._newton(z + 1j * height, z + 1j * height - self.ratio * self.population.moments(1)[0])
        least = 0.1 * float(z.imag.min())
        while height > least:
            height *= 0.3
            zeta, good = self._newton(z + 1j * height, zeta)
        zeta, good = self._newton(z, zeta)
        if not good.all():
            raise ArithmeticError(
                f"the transform at z = {z[~good][0]:.6g} was not reached: residual "
                f"{abs(self._map(zeta[~good][:1])[0][0] - z[~good][0]):.1e}; ask farther from an edge of the bulk"
            )
        return zeta

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m = m_H(ζ)/(1 + γ ∫ t/(ζ − t)), without the division by z of m̃'s definition."""
        zeta = self._zeta(z)
        inner, inner_slope = self.population._transforms(zeta)
        first, second = self.population._ratios(zeta)
        rest = 1.0 + self.ratio * first
        first_slope = -inner - zeta * inner_slope
        slope = (inner_slope * rest - inner * self.ratio * first_slope) / rest**2
        steepness = 1.0 - self.ratio * second  # ψ′, 0 at an edge, where m′ is infinite and comes out as 1e100 in size
        return inner / rest, slope / np.where(steepness == 0.0, 1e-100, steepness)

    def companion(self, z: np.ndarray) -> np.ndarray:
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
        cumulants = self.ratio * self.population.moments(k)
        moments = np.zeros(k + 1)
        moments[0] = 1.0
        for j in range(1, k + 1):
            power = np.ones(1)
            for s in range(1, j + 1):  # power: the series of M^s up to what is known
                power = np.convolve(power, moments[:j])[:j]
                moments[j] += cumulants[s - 1] * power[j - s] if j - s < len(power) else 0.0
        return moments[1:] / self.ratio

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of Gaussian sample covariances whose population eigenvalues are quantiles of H."""
        n = max(1, round(dimension / self.ratio))
        variance = self.population.ppf((np.arange(dimension) + 0.5) / dimension) / n
        root = np.sqrt(variance[variance > 0.0])

        def draw(rng: np.random.Generator) -> np.ndarray:
            x = rng.standard_normal((n, len(root))) * root
            values = np.linalg.eigvalsh(x.T @ x if n > len(root) else x @ x.T)
            return np.concatenate([np.zeros(dimension - len(values)), np.maximum(values, 0.0)])

        return draw
