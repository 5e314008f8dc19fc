"""Tracy-Widom laws, and the centring and scale that bring a largest eigenvalue to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike
from scipy.special import airy

from theory.laws.chebyshev_panels import chebyshev_points, chebyshev_series, evaluate_series
from theory.laws.law import Distribution, positive, probabilities, real_points
from theory.roots import bracketed_root
from theory.statement.arguments import integer

__all__ = ["TracyWidom", "goe_edge", "wishart_edge"]

_LOW, _HIGH = -10.0, 14.0  # of the table; beyond, and in logcdf left of −5, asymptotic series
_LEFT = -5.0  # F keeps an absolute, not a relative accuracy left of it
_PANELS, _ORDER = 20, 24
_TERMS = 18  # of the right tail: at ζ = ⅔·14^(3/2) = 35 the terms fall until the 70th
_LEFT_TERMS = 12
_GLAISHER = -0.1654211437004509  # ζ′(−1)
_NODES = 56
_NEGLIGIBLE = 18.0  # Ai is below 1e-23 beyond


class _Table(NamedTuple):
    """Chebyshev series on panels of equal width: F on all, log(1 − F) right of 0."""

    cdf: np.ndarray
    pdf: np.ndarray
    log_sf: np.ndarray
    log_sf_slope: np.ndarray


@lru_cache(maxsize=2 * _PANELS * _ORDER)
def _eigenvalues(s: float) -> np.ndarray:
    """Eigenvalues of the kernel ½Ai((x + y)/2) on L²(s, ∞), by Gauss-Legendre quadrature where it is not negligible."""
    t, w = _rule()
    reach = 2.0 * (_NEGLIGIBLE - min(s, 4.0))
    x = s + 0.5 * reach * (t + 1.0)
    root = np.sqrt(0.5 * reach * w)
    i, j = np.tril_indices(_NODES)
    argument = 0.5 * (x[i] + x[j])
    kept = argument < max(_NEGLIGIBLE, s + 0.5 * _NEGLIGIBLE)
    i, j = i[kept], j[kept]
    kernel = np.zeros((_NODES, _NODES))
    kernel[i, j] = 0.5 * airy(argument[kept])[0] * root[i] * root[j]
    return np.linalg.eigvalsh(kernel)  # of the lower triangle


@lru_cache(maxsize=1)
def _rule() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(_NODES)


def _distribution(beta: int, s: float) -> tuple[float, float]:
    """F(s) and 1 − F(s), both to relative accuracy in the right tail.

    With D± = det(1 ± V), V the kernel ½Ai((x + y)/2) on L²(s, ∞): F₁ = D₋, F₂ = D₋D₊, F₄(s/√2) = (D₋ + D₊)/2
    (Ferrari and Spohn, arXiv math-ph/0505012); determinants by Gauss-Legendre quadrature (Bornemann, arXiv 0904.1581).
    """
    values = np.clip(_eigenvalues(s), -1.0, 1.0)
    with np.errstate(divide="ignore"):
        if beta == 1:
            logarithm = float(np.sum(np.log1p(-values)))
            return math.exp(logarithm), -math.expm1(logarithm)
        if beta == 2:
            logarithm = float(np.sum(np.log1p(-(values**2))))
            return math.exp(logarithm), -math.expm1(logarithm)
        even = 0.5 * sum(math.exp(float(np.sum(np.log1p(side * values)))) for side in (-1.0, 1.0))
    above = 1.0 - even
    if above < 1e-3:
        # (D₋ + D₊)/2 sums the elementary symmetric polynomials of even degree in V's eigenvalues
        symmetric = np.zeros(len(values) + 1)
        symmetric[0] = 1.0
        for value in values[np.argsort(np.abs(values))]:
            symmetric[1:] += value * symmetric[:-1]
        above = -float(np.sum(symmetric[2::2]))
    return even, above


@lru_cache(maxsize=3)
def _table(beta: int) -> _Table:
    """Computed on first use: 480 determinants of order 56."""
    scale = math.sqrt(2.0) if beta == 4 else 1.0
    edges = np.linspace(_LOW, _HIGH, _PANELS + 1)
    half = 0.5 * (edges[1] - edges[0])
    points = edges[:-1, None] + half * (chebyshev_points(_ORDER) + 1.0)
    below, above = np.moveaxis(np.array([[_distribution(beta, scale * s) for s in row] for row in points]), 2, 0)
    cdf = chebyshev_series(below)
    log_sf = chebyshev_series(np.log(np.maximum(above, 1e-300)))
    pdf, log_sf_slope = np.zeros_like(cdf), np.zeros_like(cdf)
    for slope, series in ((pdf, cdf), (log_sf_slope, log_sf)):
        slope[:, :-1] = chebyshev.chebder(series, axis=1) / half
    for array in (cdf, pdf, log_sf, log_sf_slope):
        array.flags.writeable = False
    return _Table(cdf, pdf, log_sf, log_sf_slope)


def _evaluate(series: np.ndarray, x: np.ndarray) -> np.ndarray:
    width = (_HIGH - _LOW) / _PANELS
    at = np.clip(((x - _LOW) / width).astype(int), 0, _PANELS - 1)
    return evaluate_series(series, at, 2.0 * ((x - _LOW) / width - at) - 1.0)


@lru_cache(maxsize=3)
def _right_series(beta: int) -> np.ndarray:
    """Coefficients c_k of the tail, 1 − F = C e^(−νζ) Σ_k c_k ζ^(−k) with ζ = ⅔s^(3/2), exact before they are rounded.

    Far out 1 − F is a trace of the kernels: ½∫Ai = p₁ for β = 1, ∫(x − s)Ai(x)² dx = p₂ for β = 2 and ½(p₂ − p₁²) for
    β = 4 at s = √2x, the integrals from s on. What is left out is smaller by e^(−ζ), 1e-15 where the series are used.
    """
    # Ai(s) = e^(−ζ)/(2√π s^(1/4)) Σ (−1)^k u_k ζ^(−k)
    u = [Fraction(1)]
    for k in range(1, _TERMS + 3):
        u.append(u[-1] * Fraction((6 * k - 5) * (6 * k - 3) * (6 * k - 1), 216 * k * (2 * k - 1)))
    airy_ = [(-1) ** k * value for k, value in enumerate(u)]

    def integral(rate: int, power: Fraction, series: list[Fraction]) -> list[Fraction]:
        """Σ a_k ζ^(−k), e^(rate·ζ) ζ^power times the integral from ζ on of e^(−rate·t) t^(−power) Σ b_k t^(−k)."""
        result: list[Fraction] = []
        for k, value in enumerate(series):
            last = (power + k - 1) * result[-1] if k else Fraction(0)
            result.append((value - last) / rate)
        return result

    def product(first: list[Fraction], second: list[Fraction]) -> list[Fraction]:
        return [sum((first[i] * second[k - i] for i in range(k + 1)), Fraction(0)) for k in range(len(first))]

    # p₁ = e^(−ζ)/(4√π s^(3/4)) Σ, from ds = dζ/√s with s^(−3/4) = (3ζ/2)^(−1/2)
    single = integral(1, Fraction(1, 2), airy_)
    if beta == 1:
        return np.array([float(value) for value in single[:_TERMS]])
    # p₂ = e^(−2ζ)/(4π s^(3/2)) Σ, in two integrals of Ai²: s^(−1/2 − 1/2) ∝ ζ^(−2/3) and s^(−1 − 1/2) ∝ ζ^(−1)
    double = integral(2, Fraction(1), integral(2, Fraction(2, 3), product(airy_, airy_)))
    if beta == 2:
        return np.array([float(value) for value in double[:_TERMS]])
    # ½(p₂ − p₁²) = e^(−2ζ)/(8π s^(3/2)) Σ, where the leading terms cancel
    square = product(single, single)
    return np.array([float(b - a / 4) for a, b in zip(square, double, strict=True)][:_TERMS])


def _right_tail(beta: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(1 − F) and its derivative at x ≥ 14."""
    scale = math.sqrt(2.0) if beta == 4 else 1.0
    rate, power, constant = {
        1: (1.0, 0.75, math.log(4.0 * math.sqrt(math.pi))),
        2: (2.0, 1.5, math.log(4.0 * math.pi)),
        4: (2.0, 1.5, math.log(8.0 * math.pi)),
    }[beta]
    s = scale * x
    zeta = s**1.5 / 1.5
    series = _right_series(beta)
    total = np.polynomial.polynomial.polyval(1.0 / zeta, series)
    slope = -np.polynomial.polynomial.polyval(1.0 / zeta, series * np.arange(_TERMS)) / zeta  # dΣ/dζ
    logarithm = -rate * zeta - power * np.log(s) - constant + np.log(total)
    return logarithm, scale * (np.sqrt(s) * (slope / total - rate) - power / s)


@lru_cache(maxsize=1)
def _left_series() -> tuple[np.ndarray, np.ndarray]:
    """Coefficients in powers of t^(−3), t = −s, of q/√(t/2) and of (log F₂)′/(t²/4), q Hastings and McLeod's solution.

    q″ = sq + 2q³ and (log F₂)′ = q′² − sq² − q⁴.
    """
    a = [Fraction(1)]
    for k in range(1, _LEFT_TERMS + 1):
        # with q = √(t/2) A: A″ + A′/t − A/(4t²) = tA(A² − 1), of which the power t^(1 − 3k) gives a_k
        e = -3 * (k - 1)
        left = a[k - 1] * (Fraction(e * (e - 1) + e) - Fraction(1, 4))
        trial = [*a, Fraction(0)]
        square = [sum((trial[i] * trial[m - i] for i in range(m + 1)), Fraction(0)) for m in range(k + 1)]
        cube = sum((trial[i] * square[k - i] for i in range(k + 1)), Fraction(0))
        a.append((left - cube) / 2)
    count = len(a)
    square = [sum((a[i] * a[m - i] for i in range(m + 1)), Fraction(0)) for m in range(count)]
    fourth = [sum((square[i] * square[m - i] for i in range(m + 1)), Fraction(0)) for m in range(count)]
    pace = [value * (Fraction(1, 2) - 3 * k) for k, value in enumerate(a)]  # q′ = −(t^(−1/2)/√2) Σ pace
    speed = [sum((pace[i] * pace[m - i] for i in range(m + 1)), Fraction(0)) for m in range(count)]
    # t q² − q⁴ + q′² over t²/4
    rate = [2 * square[k] - fourth[k] + (2 * speed[k - 1] if k else 0) for k in range(count)]
    return np.array([float(v) for v in a]), np.array([float(v) for v in rate])


def _left_tail(beta: int, x: np.ndarray) -> np.ndarray:
    """log F at x ≤ −5, to 1e-6 there and to rounding from −10 on."""
    t = -(math.sqrt(2.0) if beta == 4 else 1.0) * x
    q, rate = _left_series()
    k, power = np.arange(len(q)), t[..., None] ** (-3.0 * np.arange(len(q)))
    # each sum ends before its least term
    size = np.abs(power * rate)
    falling = np.cumprod(np.concatenate([np.ones((*t.shape, 1)), size[..., 1:] <= size[..., :-1]], axis=-1), axis=-1)
    power = power * falling
    # ∫ ¼t² Σ r_k t^(−3k) dt, logarithmic at k = 1
    exponent = np.where(k == 1, 1.0, 3.0 - 3.0 * k)
    double = -0.25 * t**3 * ((power * np.where(k == 1, 0.0, rate / exponent)).sum(axis=-1))
    double = double - 0.25 * rate[1] * np.log(t) + _GLAISHER + math.log(2.0) / 24.0
    if beta == 2:
        return double
    single = math.sqrt(0.5) * t**1.5 * (power * q / (1.5 - 3.0 * k)).sum(axis=-1) + 0.5 * math.log(2.0)  # ∫_s^∞ q
    if beta == 1:
        return 0.5 * (double - single)
    return 0.5 * (double + single) + np.log1p(np.exp(-single)) - math.log(2.0)


@dataclass(frozen=True)
class TracyWidom(Distribution):
    """Limit law of the largest eigenvalue of β-ensembles: β = 1 real, 2 complex, 4 quaternionic matrices.

    For the Gaussian orthogonal ensemble with entries of variance σ²/n, n^(2/3)(λ₁/σ − 2) follows β = 1 in the limit;
    `goe_edge` and `wishart_edge` give centring and scale that are right to the next order. For β = 4 the scale is Tracy
    and Widom's, of mean −2.3069.

    Tabulated on first use (a second) to an absolute accuracy of 1e-13. The right tail of `sf`, and `logsf`, keep a
    relative accuracy of 1e-10, by asymptotic series from 14 on; `logcdf` is right to 1e-6 in the left tail.

    Parameters
    ----------
    beta : {1, 2, 4}

    Raises
    ------
    ValueError
        If β is none of these.

    References
    ----------
    Tracy and Widom, Communications in Mathematical Physics 177 (1996) 727; Bornemann, arXiv 0904.1581.
    """

    beta: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.beta, bool) or self.beta not in (1, 2, 4):
            raise ValueError(f"`beta` must be 1, 2 or 4; got {self.beta!r}")
        object.__setattr__(self, "beta", int(self.beta))

    @property
    def support(self) -> tuple[float, float]:
        """The whole line."""
        return -math.inf, math.inf

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """None."""
        return ()

    def cdf(self, x: ArrayLike) -> np.ndarray:
        """F_β(x)."""
        x = real_points("x", x)
        value = np.array(np.minimum(_evaluate(_table(self.beta).cdf, np.clip(x, _LOW, _HIGH)), 1.0))
        left = x <= -8.0
        value[left] = np.exp(_left_tail(self.beta, np.maximum(x[left], -1e100)))
        return np.where(x >= _HIGH, 1.0, value)

    def logcdf(self, x: ArrayLike) -> np.ndarray:
        """log F_β(x), right to 1e-6 left of −5 and to more on both sides of that."""
        x = real_points("x", x)
        with np.errstate(invalid="ignore", over="ignore"):
            left = np.where(x > -math.inf, _left_tail(self.beta, np.clip(x, -1e100, _LEFT)), -math.inf)
        return np.where(x <= _LEFT, left, super().logcdf(np.maximum(x, _LEFT)))

    def sf(self, x: ArrayLike) -> np.ndarray:
        """1 − F_β(x), the p-value of an observed x, to relative accuracy in the right tail."""
        return np.exp(self.logsf(x))

    def logsf(self, x: ArrayLike) -> np.ndarray:
        """log(1 − F_β(x)), also where `sf` is below the least float."""
        x = real_points("x", x)
        left, value = x < 0.0, np.empty(x.shape)
        value[left], value[~left] = np.log1p(-self.cdf(x[left])), self._log_tail(x[~left])[0]
        return value

    def _log_tail(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log(1 − F) and its derivative right of 0; elsewhere those at 0."""
        table, inside = _table(self.beta), np.clip(x, 0.0, _HIGH)
        value, slope = (np.array(_evaluate(series, inside)) for series in (table.log_sf, table.log_sf_slope))
        far = x >= _HIGH
        if far.any():
            value[far], slope[far] = _right_tail(self.beta, np.minimum(x[far], 1e150))
        return np.where(x == math.inf, -math.inf, value), slope

    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Density F_β′(x), to relative accuracy right of 0."""
        x = real_points("x", x)
        right, value = x > 0.0, np.empty(x.shape)
        logarithm, slope = self._log_tail(x[right])
        value[right] = np.exp(logarithm) * -slope
        left = x[~right]
        table = np.maximum(_evaluate(_table(self.beta).pdf, np.clip(left, _LOW, _HIGH)), 0.0)
        value[~right] = np.where(left > _LOW, table, 0.0)
        return value

    def logpdf(self, x: ArrayLike) -> np.ndarray:
        """Logarithm of the density, −∞ left of −10."""
        x = real_points("x", x)
        logarithm, slope = self._log_tail(x)
        return np.where(x > 0.0, logarithm + np.log(-slope), super().logpdf(np.minimum(x, 0.0)))

    def ppf(self, q: ArrayLike) -> np.ndarray:
        """Quantile function.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1].
        """
        q = probabilities("q", q)
        return self._quantiles(q, 1.0 - q)

    def isf(self, q: ArrayLike) -> np.ndarray:
        """Inverse of the survival function, to relative accuracy in the right tail.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1].
        """
        q = probabilities("q", q)
        return self._quantiles(1.0 - q, q)

    def _quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        upper = below > 0.5
        grid = np.concatenate(
            [-np.geomspace(30.0, 10.5, 30), np.linspace(_LOW, 10.0, 400), np.geomspace(10.5, 200.0, 60)]
        )
        x = np.full(below.shape, math.inf)
        for mine, mass, sign, tail in (
            (~upper & (below > 0.0), below, 1.0, self.cdf),
            (upper & (above > 0.0), above, -1.0, self.sf),
        ):

            def excess(
                x: np.ndarray, mass: np.ndarray, sign: float = sign, tail: Callable[[np.ndarray], np.ndarray] = tail
            ) -> np.ndarray:
                return sign * (tail(x) - mass)

            rungs = np.maximum.accumulate(sign * tail(grid))
            right = np.clip(np.searchsorted(rungs, sign * mass[mine]), 1, len(grid) - 1)
            x[mine] = bracketed_root(excess, grid[right - 1], grid[right], mass[mine])
        return np.where(below <= 0.0, -math.inf, np.where(above <= 0.0, math.inf, x))

    def moments(self, k: int) -> np.ndarray:
        """E x, …, E x^k, by Gauss-Legendre quadrature of the density on each panel."""
        k = integer("k", k, 1)
        t, w = np.polynomial.legendre.leggauss(_ORDER)
        half = 0.5 * (_HIGH - _LOW) / _PANELS
        x = (np.linspace(_LOW, _HIGH, _PANELS + 1)[:-1, None] + half * (t + 1.0)).ravel()
        weight = np.tile(half * w, _PANELS) * self.pdf(x)
        return np.array([float(weight @ x**j) for j in range(1, int(k) + 1)])

    def statistics(self) -> tuple[float, float, float, float]:
        """Mean, variance, skewness and excess kurtosis."""
        m1, m2, m3, m4 = self.moments(4)
        variance = m2 - m1**2
        third = m3 - 3.0 * m1 * m2 + 2.0 * m1**3
        fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
        return float(m1), float(variance), float(third / variance**1.5), float(fourth / variance**2 - 3.0)


def goe_edge(n: int, variance: float = 1.0) -> tuple[float, float]:
    """Centring and scale of the largest eigenvalue of a Gaussian orthogonal matrix, right to the second order.

    (λ₁ − centre)/scale follows `TracyWidom(1)` up to O(n^(−2/3)) with centre 2σ√((n − ½)/n) and scale
    σ(n − ½)^(−1/6)/√n; the same with n for n − ½ leaves O(n^(−1/3)).

    Parameters
    ----------
    n : int
        Size; entries off the diagonal have variance σ²/n.
    variance : float
        σ².

    Returns
    -------
    centre, scale : float

    References
    ----------
    Johnstone and Ma, arXiv 1110.0108.
    """
    n, sigma = _size("n", n), math.sqrt(positive("variance", variance))
    return 2.0 * sigma * math.sqrt((n - 0.5) / n), sigma * (n - 0.5) ** (-1.0 / 6.0) / math.sqrt(n)


def wishart_edge(n: int, p: int, variance: float = 1.0) -> tuple[float, float]:
    """Centring and scale of the largest eigenvalue of XᵀX/n, X (n, p) Gaussian, right to the second order.

    With a = √(n − ½), b = √(p − ½): centre σ²(a + b)²/n and scale σ²(a + b)(1/a + 1/b)^(1/3)/n.

    Parameters
    ----------
    n, p : int
    variance : float
        σ².

    Returns
    -------
    centre, scale : float

    References
    ----------
    Ma, Bernoulli 18 (2012) 322.

    Examples
    --------
    >>> print("{:.4f} {:.4f}".format(*wishart_edge(1000, 200)))
    2.0921 0.0214
    """
    a, b = math.sqrt(_size("n", n) - 0.5), math.sqrt(_size("p", p) - 0.5)
    unit = positive("variance", variance) / n
    return unit * (a + b) ** 2, unit * (a + b) * (1.0 / a + 1.0 / b) ** (1.0 / 3.0)


def _size(name: str, value: int) -> int:
    return integer(name, value, 1)
