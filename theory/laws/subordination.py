"""Laws by subordination: free convolutions of two laws, and separable covariances.

Each such law is that of a matrix built from two free parts, and its transform at z is made of the transforms of the
parts at points of their own, ω₁ and ω₂. With k = ω + 1/m(ω) for the convolutions and k = cω ∫ x μ(dx)/(ω − x) for
separable covariances,

sum: ω₂ = z − k₁(ω₁) and ω₁ = z − k₂(ω₂);  product and separable: ω₂ = z/k₁(ω₁) and ω₁ = z/k₂(ω₂).

One round maps the upper half plane into itself, so that it has one fixed point there (Belinschi and Bercovici, arXiv
math/0608216). On the real line off the bulk ω₁ and ω₂ are real, in gaps of the parts' spectra, and a fixed point is the
right one where the slope of the round is less than 1: at the edges it is 1.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyder, polyval

from theory.laws.law import Law
from theory.laws.matrix_law import MatrixLaw
from theory.roots import bracketed_minimum, bracketed_root

__all__ = ["Part", "Subordinated"]

_TABLE = 192  # points of the curve ω₁(x) that start Newton's method, over all bands
_SHRINK = 0.45  # ratio of successive heights on the way down to the axis
_PROBES = 25  # points of a gap at which the slope of a round is taken before its least value is sought
_LESS = 1.0 - 1e-9  # a slope taken as less than 1: it is 1 to rounding where two bands just touch
_TERMS = 12  # moments for points at 50 times the size of a part: 50^(−12) is rounding
_NEAR = 1e-12  # distance kept from the ends of a gap, as a share of it


class _Curve(NamedTuple):
    """ω₁ along one band, at increasing angles θ of x = low + (high − low) sin^(2q)(θ/2)."""

    low: float
    high: float
    power: int
    theta: np.ndarray
    omega: np.ndarray


class _Gaps(NamedTuple):
    """Intervals off the spectrum of one part, each by s in (−1, 1) so that transforms increase in s.

    The first is the outer one, through infinity at s = 0; the others run from their upper end at −1 to the lower at 1.
    """

    low: np.ndarray  # ends of the gaps, shape (K,); of the outer one the ends of the spectrum
    high: np.ndarray
    scale: float  # of the outer gap

    def point(self, which: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ω(s) and dω/ds."""
        low, high = self.low[which], self.high[which]
        s = np.where(s == 0.0, 1e-300, s)
        side = np.where(s > 0.0, high, low)
        with np.errstate(over="ignore", divide="ignore"):
            outer, pace = side + self.scale * (1.0 / s - np.sign(s)), -self.scale / s**2
        inner = np.where(s > 0.0, low + 0.5 * (high - low) * (1.0 - s), high - 0.5 * (high - low) * (1.0 + s))
        first = which == 0
        return np.where(first, outer, inner), np.where(first, pace, -0.5 * (high - low))


class _Free(NamedTuple):
    """A real interval off the bulk: the gaps that ω₁ and ω₂ are in, and s and ω₁ of the first part at its ends."""

    low: float
    high: float
    pair: tuple[int, int]
    s_low: float
    s_high: float
    first_low: float
    first_high: float


class Part:
    """The transforms of one part, to relative accuracy at any distance: far out they cancel and moments take over."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.reach = 50.0 * max(abs(end) for end in law.ends)
        moments = np.concatenate([[1.0], law.moments(_TERMS)])
        # ω + 1/m = Σ_j b_j ω^(1 − j), with Σ_j m_j = (Σ_i m_i)(Σ_j b_j) in formal powers
        boolean = np.zeros(_TERMS + 1)
        for j in range(1, _TERMS + 1):
            boolean[j] = moments[j] - moments[j - 1 : 0 : -1] @ boolean[1:j]
        self.moments, self.boolean = moments[1:], boolean[1:]

    def transforms(self, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m and m′, real at real points."""
        m, slope = self.law._transforms(omega.astype(complex))
        return (m, slope) if np.iscomplexobj(omega) else (m.real, slope.real)

    def excess(self, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """k = ω + 1/m and k′."""
        m, slope = self.transforms(omega)
        k, pace = omega + 1.0 / m, 1.0 - slope / m**2
        far = np.abs(omega) > self.reach
        if far.any():
            k, pace, u = np.array(k), np.array(pace), 1.0 / omega[far]
            k[far] = polyval(u, self.boolean)
            pace[far] = -(u**2) * polyval(u, polyder(self.boolean))
        return k, pace

    def ratios(self, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """t = ∫ x μ(dx)/(ω − x), t′ and ∫ x² μ(dx)/(ω − x)² = −t − ωt′."""
        first, second = self.law._ratios(omega)
        m, slope = self.transforms(omega)
        pace = -(m + omega * slope)
        far = np.abs(omega) > self.reach
        if far.any():
            first, second, pace, u = np.array(first), np.array(second), np.array(pace), 1.0 / omega[far]
            series = np.concatenate([[0.0], self.moments])
            first[far] = polyval(u, series)
            pace[far] = -(u**2) * polyval(u, polyder(series))
            second[far] = polyval(u, series * (np.arange(len(series)) - 1.0))
        return first, pace, second


class Subordinated(MatrixLaw):
    """A law by subordination to two parts; sub-classes state how the parts combine."""

    @property
    @abstractmethod
    def _laws(self) -> tuple[Law, Law]:
        """The laws of the two parts."""

    @cached_property
    def _parts(self) -> tuple[Part, Part]:
        first, second = self._laws
        return Part(first), Part(second)

    @abstractmethod
    def _partner(self, side: int, z: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ω of the other side from that of this one, and its derivative."""

    @abstractmethod
    def _level(self, side: int, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The transform that both sides have in common, decreasing on every gap and 0 at infinity; its derivative."""

    @abstractmethod
    def _slope(self, side: int, omega: np.ndarray) -> np.ndarray:
        """What this side contributes, as a factor, to the slope of a round at real points."""

    @abstractmethod
    def _image(self, level: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """z from the common transform, ω₁ and ω₂."""

    @abstractmethod
    def _values(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """m(z) and m′(z) from ω₁ and ω₂."""

    def _seen(self, side: int) -> list[tuple[float, float]]:
        """Bands and atoms of a part, those that its transform sees."""
        part = self._laws[side]
        return sorted([*part.bands, *((place, place) for place, _ in part.atoms)])

    # The bulk, from its complement on the real line

    @cached_property
    def _gaps(self) -> tuple[_Gaps, _Gaps]:
        found = []
        for side in (0, 1):
            spectrum = self._seen(side)
            starts = np.array([low for low, _ in spectrum])
            ends = np.maximum.accumulate([high for _, high in spectrum])
            free = starts[1:] > ends[:-1]
            scale = max(ends[-1] - starts[0], abs(starts[0]), abs(ends[-1])) or 1.0
            low, high = ends[:-1][free], starts[1:][free]
            found.append(_Gaps(np.append(starts[0], low), np.append(ends[-1], high), scale))
        return found[0], found[1]

    def _level_at(self, side: int, which: np.ndarray, s: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return self._level(side, self._gaps[side].point(which, s)[0])[0]

    def _find(self, side: int, which: np.ndarray, level: np.ndarray) -> np.ndarray:
        """s at which the transform of one side takes a value in a gap, where it increases in s."""
        outer, end = which == 0, 1.0 - _NEAR

        def excess(s: np.ndarray, which: np.ndarray, level: np.ndarray) -> np.ndarray:
            value = self._level(side, self._gaps[side].point(which, s)[0])[0]
            # transforms run over many decades: of two of one sign the ratio counts
            return np.where(np.isinf(value), value, (value - level) / (np.abs(value) + np.abs(level)))

        low, high = np.where(outer & (level > 0.0), 0.0, -end), np.where(outer & (level < 0.0), 0.0, end)
        return bracketed_root(excess, low, high, which, level, absolute=1e-17)

    @cached_property
    def _faint(self) -> float:
        return 1e-7 * abs(float(self._level_at(0, np.zeros(1, dtype=int), np.array([0.5]))[0]))

    def _round(self, pair: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Slope of a round on pairs (2, P) of gaps, at s (P,) in the gap of the first part; +∞ where it has none."""
        with np.errstate(all="ignore"):
            first = self._gaps[0].point(pair[0], s)[0]
            level = self._level(0, first)[0]
            # Where one ω passes infinity the slope goes on, but nothing of it is left to rounding.
            lost = np.abs(level) < self._faint
            if lost.any():
                first = np.where(lost, self._gaps[0].point(pair[0], s + 1e-6)[0], first)
                level = self._level(0, first)[0]
            second = self._gaps[1].point(pair[1], self._find(1, pair[1], level))[0]
            value = self._slope(0, first) * self._slope(1, second)
        return np.where(np.isfinite(value), value, np.inf)

    @cached_property
    def _free(self) -> tuple[_Free, ...]:
        """The real line off the bulk, in increasing order; first and last are half lines.

        Every pair of gaps of the parts holds at most one interval of it: the mass of the bulk between two would be 0.
        """
        end = 1.0 - _NEAR
        counts = [len(gaps.low) for gaps in self._gaps]
        pair = np.array(np.meshgrid(*(np.arange(k) for k in counts), indexing="ij")).reshape(2, -1)
        bottom: list[np.ndarray] = []
        top: list[np.ndarray] = []
        for side in (0, 1):
            which = np.arange(counts[side])
            for bounds, s in ((bottom, -end), (top, end)):
                level = self._level_at(side, which, np.full(len(which), s))
                bounds.append(np.where(np.isnan(level), math.copysign(math.inf, s), level)[pair[side]])
        kept = np.maximum(*bottom) < np.minimum(*top)
        pair, bottom, top = pair[:, kept], [b[kept] for b in bottom], [t[kept] for t in top]
        low = np.where(bottom[0] >= bottom[1], -end, self._find(0, pair[0], bottom[1]))
        high = np.where(top[0] <= top[1], end, self._find(0, pair[0], top[1]))
        inside = self._inside(pair, low, high)
        outer = (pair == 0).all(axis=0)
        inside[outer] = math.nan
        found = ~np.isnan(inside)
        # both halves of the outer pair, from infinity inwards
        right = self._crossing(pair[:, outer], np.array([1e-9]), high[outer])
        left = self._crossing(pair[:, outer], np.array([-1e-9]), low[outer])
        lows = self._crossing(pair[:, found], inside[found], high[found])
        highs = self._crossing(pair[:, found], inside[found], low[found])
        between = [
            _Free(zl, zh, (i, j), sl, sh, wl, wh)
            for (i, j), (zl, sl, wl), (zh, sh, wh) in zip(pair[:, found].T.tolist(), lows, highs, strict=True)
        ]
        (zr, sr, wr), (zl, sl, wl) = right[0], left[0]
        first = _Free(-math.inf, zl, (0, 0), -0.0, sl, -math.inf, wl)
        last = _Free(zr, math.inf, (0, 0), sr, 0.0, wr, math.inf)
        return (first, *sorted(between), last)

    def _inside(self, pair: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """A point of each pair of gaps at which the slope of a round is less than 1, nan where there is none."""
        if not pair.size:
            return np.empty(0)
        grid = 0.5 - 0.5 * np.cos(math.pi * (np.arange(_PROBES) + 0.5) / _PROBES)
        s = low[:, None] + (high - low)[:, None] * grid
        value = self._round(np.repeat(pair, _PROBES, axis=1), s.ravel()).reshape(s.shape)
        rows, least = np.arange(len(s)), np.argmin(value, axis=1)
        found = np.where(value[rows, least] < _LESS, s[rows, least], math.nan)
        open_ = np.flatnonzero(np.isnan(found))
        if open_.size:
            a = np.where(least > 0, s[rows, np.maximum(least - 1, 0)], low)[open_]
            b = np.where(least < _PROBES - 1, s[rows, np.minimum(least + 1, _PROBES - 1)], high)[open_]

            def slope(s: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
                return np.log(np.maximum(self._round(np.stack([first, second]), s), 1e-300))

            place, value = bracketed_minimum(slope, a, b, *pair[:, open_], probes=5)
            found[open_] = np.where(value < math.log(_LESS), place, math.nan)
        return found

    def _crossing(self, pair: np.ndarray, inside: np.ndarray, end: np.ndarray) -> list[tuple[float, float, float]]:
        """z, s and ω₁ where the slope of a round is 1 between s `inside`, where it is less, and `end`, or at `end`."""
        if not inside.size:
            return []

        # from where the slope is less than 1 to where it is more, in either direction of s
        def excess(share: np.ndarray, inside: np.ndarray, end: np.ndarray, *pair: np.ndarray) -> np.ndarray:
            return np.log(np.maximum(self._round(np.stack(pair), inside + (end - inside) * share), 1e-300))

        zero = np.zeros(inside.shape)
        share = bracketed_root(excess, zero, zero + 1.0, inside, end, *pair)
        s = np.where(share >= 1.0, end, inside + (end - inside) * share)
        first, z = self._along(pair, s)
        return list(zip(z.tolist(), s.tolist(), first.tolist(), strict=True))

    def _along(self, pair: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ω₁ and z at s in pairs of gaps."""
        with np.errstate(all="ignore"):
            first = self._gaps[0].point(pair[0], s)[0]
            level = self._level(0, first)[0]
            second = self._gaps[1].point(pair[1], self._find(1, pair[1], level))[0]
            return first, self._image(level, first, second)

    @cached_property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """Components of the bulk, between the points where the slope of a round is 1."""
        free = self._free
        size = max(abs(free[0].high), abs(free[-1].low))
        pairs = [(left.high, right.low) for left, right in itertools.pairwise(free)]
        # on both sides of an atom the line is free
        return tuple((self._inner(low), high) for low, high in pairs if high - low > 1e-9 * size)

    def _inner(self, low: float) -> float:
        """An edge that belongs to the bulk: no product has eigenvalues below 0."""
        return low

    # Points of the upper half plane, and of the bulk from above

    def _newton(self, z: np.ndarray, omega: np.ndarray, most: int = 14) -> tuple[np.ndarray, np.ndarray]:
        """Newton on the fixed point of a round, and whether it arrived."""
        with np.errstate(all="ignore"):
            for _ in range(most):
                other, slope = self._partner(0, z, omega)
                back, back_slope = self._partner(1, z, other)
                step = (back - omega) / (back_slope * slope - 1.0)
                omega = omega - step
                if not (np.abs(step) > 1e-9 * np.abs(omega)).any():
                    break
            other, slope = self._partner(0, z, omega)
            back, back_slope = self._partner(1, z, other)
            gap = back - omega
            omega = omega - gap / (back_slope * slope - 1.0)
            size = np.abs(omega) + np.abs(z)
            rounding = 1e-11 * (size + np.abs(back_slope) * (np.abs(other) + np.abs(z)))
            good = np.abs(gap) <= rounding
            if np.iscomplexobj(omega):
                good &= (omega.imag > 0.0) & (other.imag > 0.0)
        return omega, good

    def _check(self, x: np.ndarray, omega: np.ndarray) -> None:
        """That ω₁ is a fixed point of a round, to what the root of a rounding allows next to an edge."""
        with np.errstate(all="ignore"):
            back = self._partner(1, x + 0j, self._partner(0, x + 0j, omega)[0])[0]
            residual = np.abs(back - omega) / (np.abs(omega) + np.abs(x))
        if not (residual <= 1e-5).all():
            worst = np.argmax(np.where(np.isnan(residual), np.inf, residual))
            raise ArithmeticError(
                f"the density of {self._name} at {x[worst]:.6g} was not reached (relative residual "
                f"{residual[worst]:.1e}): its parts span more than floating point resolves; leave out what is smaller "
                "by many orders of magnitude"
            )

    def _contract(self, z: np.ndarray, omega: np.ndarray, rounds: int = 60) -> np.ndarray:
        for _ in range(rounds):
            omega = self._partner(1, z, self._partner(0, z, omega)[0])[0]
        return omega

    def _descend(self, x: np.ndarray, height: np.ndarray, least: np.ndarray) -> np.ndarray:
        """ω₁ at x + i·height, followed down from far above; `least` is the last height before."""
        top = 4.0 * (max(abs(e) for e in self.ends) + np.abs(x) + height)
        stages = max(1, math.ceil(math.log(float(np.max(top / least))) / -math.log(_SHRINK)))
        omega = self._partner(1, x + 1j * top, x + 1j * top)[0]
        omega = self._contract(x + 1j * top, omega, 20)
        for stage in range(1, stages + 2):
            y = top * (least / top) ** (stage / stages) if stage <= stages else height
            z = x + 1j * y
            trial, good = self._newton(z, omega)
            if not good.all():
                slow = self._contract(z[~good], omega[~good])
                trial[~good], good[~good] = self._newton(z[~good], slow)
            omega = np.where(good | (stage > stages), trial, omega)
        return omega

    @cached_property
    def _curves(self) -> tuple[_Curve, ...]:
        count = max(33, _TABLE // len(self.bands))
        theta = (np.arange(count) + 0.5) * math.pi / count
        curves = []
        for left, right in itertools.pairwise(self._free):
            low, high = self._inner(left.high), right.low
            if (low, high) not in self.bands:
                continue
            power = self._power(low, high)
            x = low + (high - low) * np.sin(0.5 * theta) ** (2 * power)
            near = 0.1 * np.minimum(x - low, high - x)
            omega = self._descend(x, np.zeros(count), near)
            ends = [0.0 if power > 1 else left.first_high, right.first_low]
            curves.append(
                _Curve(low, high, power, np.concatenate([[0.0], theta, [math.pi]]), np.insert(omega, [0, count], ends))
            )
        return tuple(curves)

    def _upper_root(self, x: np.ndarray) -> np.ndarray:
        """ω₁ in the upper half plane at x + i0, for x inside a band."""
        omega, near = np.empty(x.shape, dtype=complex), np.empty(x.shape)
        for curve in self._curves:
            inside = (x > curve.low) & (x < curve.high)
            share = ((x[inside] - curve.low) / (curve.high - curve.low)) ** (1.0 / curve.power)
            omega[inside] = np.interp(2.0 * np.arcsin(np.sqrt(share)), curve.theta, curve.omega)
            near[inside] = 0.1 * np.minimum(x[inside] - curve.low, curve.high - x[inside])
        omega, good = self._newton(x + 0j, omega)
        if not good.all():
            omega[~good] = self._descend(x[~good], np.zeros(np.count_nonzero(~good)), near[~good])
            self._check(x[~good], omega[~good])
        # Two atoms on both sides: at one point the round is the identity, and ω is the limit from beside it.
        other, slope = self._partner(0, x + 0j, omega)
        lost = np.abs(slope * self._partner(1, x + 0j, other)[1] - 1.0) < 1e-9
        if lost.any():
            beside = x[lost] + 1e-5 * near[lost]
            omega[lost] = self._newton(beside + 0j, omega[lost])[0]
        return omega

    def _density(self, x: np.ndarray) -> np.ndarray:
        inside = np.zeros(x.shape, dtype=bool)
        for low, high in self.bands:
            inside |= (x > low) & (x < high)
        value = np.zeros(x.shape)
        if inside.any():
            point = x[inside] + 0j
            omega = self._upper_root(x[inside])
            m, _ = self._values(omega, self._partner(0, point, omega)[0])
            value[inside] = np.maximum(m.imag, 0.0) / math.pi
        return value

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = np.empty(z.shape, dtype=complex)
        real = z.imag == 0.0
        within = np.zeros(z.shape, dtype=bool)
        for low, high in self.bands:
            within |= real & (z.real > low) & (z.real < high)
        first[within] = self._upper_root(z[within].real)
        outside = real & ~within
        if outside.any():
            first[outside] = self._real_root(z[outside].real)
        up = ~real
        if up.any():
            first[up] = self._descend(z[up].real, z[up].imag, 2.0 * z[up].imag)
            _, good = self._newton(z[up], first[up])
            if not good.all():
                raise ArithmeticError(
                    f"the transform at z = {z[up][~good][0]:.6g} was not reached; ask farther from an edge of the bulk"
                )
        with np.errstate(all="ignore"):  # where m is 0 in a gap, one of the two is infinite
            return self._values(first, self._partner(0, z, first)[0])

    def _real_root(self, x: np.ndarray) -> np.ndarray:
        """ω₁ at real x off the bulk: z decreases in s on each interval, and Newton's steps are kept to it."""
        at = np.array([next(i for i, free in enumerate(self._free) if value <= free.high) for value in x])
        omega, live = np.empty(x.shape), np.ones(x.shape, dtype=bool)
        for name in ("low", "high"):  # at an edge two roots meet and Newton's method finds half of the digits
            ends, firsts = (np.array([getattr(self._free[i], prefix + name) for i in at]) for prefix in ("", "first_"))
            on = x == ends
            omega[on], live[on] = firsts[on], False
        if live.any():
            omega[live] = self._real_roots(x[live], at[live])
        return omega

    def _real_roots(self, x: np.ndarray, at: np.ndarray) -> np.ndarray:
        """ω₁ at real x inside the intervals `at` off the bulk."""
        pair = np.array([self._free[i].pair for i in at]).T
        low, high = (np.array([getattr(self._free[i], name) for i in at]) for name in ("s_high", "s_low"))
        size = max(abs(end) for end in self.ends)
        # not 0 itself, which is infinity from both sides
        near = 1e-9 * size / (size + np.abs(x))
        low, high = np.where(low == 0.0, near, low), np.where(high == 0.0, -near, high)

        def excess(s: np.ndarray, x: np.ndarray, *pair: np.ndarray) -> np.ndarray:
            z = self._along(np.stack(pair), s)[1]
            share = (x - z) / (2.0 * (size + np.abs(x)) + np.abs(z))  # bounded where z is infinite
            return np.where(np.isinf(z), -np.sign(z), share)

        # Newton's steps find the last digits, and more of them where ω passes infinity
        s = bracketed_root(excess, low, high, x, *pair, tolerance=1e-8, absolute=1e-9)
        omega = self._along(pair, s)[0]
        trial, good = self._newton(x, omega)
        lost = ~(good & (np.abs(trial - omega) <= 1e-4 * np.abs(omega)))
        if lost.any():
            s = bracketed_root(excess, low[lost], high[lost], x[lost], *pair[:, lost], absolute=1e-15)
            trial[lost] = self._along(pair[:, lost], s)[0]
        return trial
