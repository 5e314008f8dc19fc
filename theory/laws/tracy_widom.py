"""Tracy-Widom laws, and the centring and scale that bring a largest eigenvalue to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from scipy.fft import dct
from scipy.special import airy

from theory.laws.law import positive, probabilities, real_points, sample_size
from theory.statement.arguments import integer

__all__ = ["TracyWidom", "goe_edge", "wishart_edge"]

_LOW, _HIGH = -10.0, 16.0  # F(−10) < 1e-18 and 1 − F(16) < 1e-18 for β = 1, less for the others
_PANELS, _ORDER = 20, 24
_NODES = 56
_NEGLIGIBLE = 18.0  # Ai is below 1e-23 beyond


class _Table(NamedTuple):
    """Chebyshev series on panels of equal width: F on all, log(1 − F) right of 0."""

    cdf: np.ndarray
    pdf: np.ndarray
    log_sf: np.ndarray


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
    node = np.cos((np.arange(_ORDER) + 0.5) * (math.pi / _ORDER))
    half = 0.5 * (edges[1] - edges[0])
    points = edges[:-1, None] + half * (node + 1.0)
    below, above = np.moveaxis(np.array([[_distribution(beta, scale * s) for s in row] for row in points]), 2, 0)

    def series(values: np.ndarray) -> np.ndarray:
        a = dct(values, type=2, axis=1) / _ORDER
        a[:, 0] *= 0.5
        return a

    cdf = series(below)
    log_sf = series(np.log(np.maximum(above, 1e-300)))
    pdf = np.zeros_like(cdf)
    pdf[:, :-1] = chebyshev.chebder(cdf, axis=1) / half
    for array in (cdf, pdf, log_sf):
        array.flags.writeable = False
    return _Table(cdf, pdf, log_sf)


def _evaluate(series: np.ndarray, x: np.ndarray) -> np.ndarray:
    width = (_HIGH - _LOW) / _PANELS
    at = np.clip(((x - _LOW) / width).astype(int), 0, _PANELS - 1)
    t = 2.0 * ((x - _LOW) / width - at) - 1.0
    now, after = np.zeros(x.shape), np.zeros(x.shape)
    for column in series.T[:0:-1]:
        now, after = column[at] + 2.0 * t * now - after, now
    return series[:, 0][at] + t * now - after


@dataclass(frozen=True)
class TracyWidom:
    """Limit law of the largest eigenvalue of β-ensembles: β = 1 real, 2 complex, 4 quaternionic matrices.

    For the Gaussian orthogonal ensemble with entries of variance σ²/n, n^(2/3)(λ₁/σ − 2) follows β = 1 in the limit;
    `goe_edge` and `wishart_edge` give centring and scale that are right to the next order. For β = 4 the scale is Tracy
    and Widom's, of mean −2.3069.

    Tabulated on first use (a second) to an absolute accuracy of 1e-13; the right tail of `sf` keeps relative accuracy.

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

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """F_β(x); 0 left of −10 and 1 right of 16, where it is so to rounding."""
        x = real_points("x", x)
        value = _evaluate(_table(self.beta).cdf, np.clip(x, _LOW, _HIGH))
        return np.where(x <= _LOW, 0.0, np.where(x >= _HIGH, 1.0, np.clip(value, 0.0, 1.0)))

    def sf(self, x: np.ndarray) -> np.ndarray:
        """1 − F_β(x), the p-value of an observed x, to relative accuracy in the right tail."""
        x = real_points("x", x)
        inside = np.clip(x, 0.0, _HIGH)
        tail = np.where(x >= _HIGH, 0.0, np.exp(_evaluate(_table(self.beta).log_sf, inside)))
        return np.where(x < 0.0, 1.0 - self.cdf(x), tail)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Density F_β′(x)."""
        x = real_points("x", x)
        value = _evaluate(_table(self.beta).pdf, np.clip(x, _LOW, _HIGH))
        return np.where((x > _LOW) & (x < _HIGH), np.maximum(value, 0.0), 0.0)

    def ppf(self, q: np.ndarray) -> np.ndarray:
        """Quantile function.

        Raises
        ------
        ValueError
            If `q` is not in [0, 1].
        """
        q = probabilities("q", q)
        low, high = np.full(q.shape, _LOW), np.full(q.shape, _HIGH)
        grid = np.linspace(_LOW, _HIGH, 1041)
        x = np.interp(q, np.maximum.accumulate(self.cdf(grid)), grid)
        for _ in range(60):
            excess = self.cdf(x) - q
            low, high = np.where(excess < 0.0, x, low), np.where(excess >= 0.0, x, high)
            density = self.pdf(x)
            step = x - excess / np.where(density > 0.0, density, np.inf)
            step = np.where((density > 0.0) & (step > low) & (step < high), step, 0.5 * (low + high))
            done = (np.abs(excess) <= 4e-16) | (np.abs(step - x) <= 1e-15)
            x = np.where(done, x, step)
            if done.all():
                break
        return np.where(q == 0.0, -math.inf, np.where(q == 1.0, math.inf, x))

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

    def rvs(self, size: int, rng: np.random.Generator | int) -> np.ndarray:
        """Independent samples, by inversion of the distribution function."""
        return self.ppf(np.random.default_rng(rng).random(sample_size(size)))


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
