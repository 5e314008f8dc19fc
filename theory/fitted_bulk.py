"""Bulks fitted to eigenvalues, and what lies outside: that of white noise, and that of coloured noise.

Both nulls know nothing of the matrix but its sizes and eigenvalues. White noise has one variance to fit; coloured noise
Σ^(1/2)Z has a population spectrum, found by least squares on the equation of its transform, the equation being linear
in the spectrum's weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from theory.deformed_edge import deformed_edge
from theory.laws import Discrete, GeneralisedMarchenkoPastur, MarchenkoPastur, TracyWidom, wishart_edge

__all__ = ["LEVEL", "ColouredBulk", "FittedBulk", "check_level", "coloured_bulk", "fitted_bulk"]

LEVEL = 1e-3
"""Odds, unless told otherwise, of calling the largest eigenvalue of noise an outlier."""

_FAR = 10.0  # units beyond the edge of a fit by the median: no noise reaches there, whatever the fit's error
_EXTRAPOLATION = 2.6  # K^(1/3) times the standard deviation, in units of the edge's scale, of an edge seen from λ_K
_GRID = 50  # atoms that a population spectrum may have
_HEIGHTS = (0.1, 0.3, 1.0)  # above the real line, over the place on it, where the transform's equation is asked


@dataclass(frozen=True, eq=False)
class FittedBulk:
    """Eigenvalues of FᵀF/n beside the Marchenko-Pastur law fitted to their bulk.

    Attributes
    ----------
    shape : tuple of int
        (n, N) of F.
    eigenvalues : ndarray, shape (min(n, N),)
        Squared singular values of F/√n in decreasing order.
    law : MarchenkoPastur
        Of the bulk of (n − k) × (N − k) noise that k outliers leave, null directions taken off the shorter side.
    edge, scale : float
        Centre and scale, of order n^(-2/3), of the largest eigenvalue of a matrix without outliers.
    threshold : float
        Units of `scale` beyond `edge` that a largest eigenvalue passes with odds `level`.
    level : float
    outliers : int
        Number k of eigenvalues beyond the threshold.
    kolmogorov : float
        Largest distance between the distribution functions of the bulk and of the law.
    null_directions : int
        Eigenvalues that are 0 to rounding: constant columns that were centred, and their like. The fit leaves them out.
    p_values : ndarray, shape (k + 1,)
        Of the outliers and of the first eigenvalue that is none, each among those that follow it.
    freedom : float
        Degrees of freedom of the rows over n.
    """

    shape: tuple[int, int]
    eigenvalues: np.ndarray
    law: MarchenkoPastur
    edge: float
    scale: float
    threshold: float
    level: float
    outliers: int
    kolmogorov: float
    null_directions: int
    p_values: np.ndarray
    freedom: float

    @property
    def singular_values(self) -> np.ndarray:
        """Singular values of F/√n in decreasing order."""
        return np.sqrt(self.eigenvalues)

    def distance(self, x: ArrayLike) -> np.ndarray:
        """Distance from the edge in units of its fluctuation."""
        return (np.asarray(x) - self.edge) / self.scale

    @property
    def holds(self) -> bool:
        """Whether the fitted law describes the bulk: rigid eigenvalues keep within a few over their number of it."""
        count = len(self.eigenvalues) - self.outliers - self.null_directions
        return self.kolmogorov <= max(0.03, 5.0 / count)


def fitted_bulk(
    eigenvalues: np.ndarray, shape: tuple[int, int], *, level: float = LEVEL, beta: int = 1, degrees: int | None = None
) -> FittedBulk:
    """The Marchenko-Pastur bulk of some eigenvalues, and what lies outside.

    The k-th largest eigenvalue is an outlier if it is too large among those from it on for the largest of white noise
    with k − 1 rows and columns less, its variance being their mean: the law of the ratio of the largest to the mean is
    Tracy and Widom's, narrower by the mean's own variance, 2/(βnN) of its square, which is a part of the largest's.
    Eigenvalues that are far out of a fit by the median go first, so that many outliers do not hide in the mean.

    Parameters
    ----------
    eigenvalues : ndarray, shape (min(n, N),)
        Of FᵀF/n for F (n, N), not all zero, in decreasing order.
    shape : tuple of int
        (n, N).
    level : float
        Odds of an outlier where there is none.
    beta : {1, 2}
        1 for real F, 2 for complex F.
    degrees : int, optional
        Degrees of freedom of the rows, n by default and n − 1 if their mean was subtracted.

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1, or fewer than two eigenvalues differ from 0.

    References
    ----------
    Nadler, Journal of Multivariate Analysis 102 (2011) 363, for the ratio; Kritchman and Nadler, IEEE Transactions on
    Signal Processing 57 (2009) 3930, for the sequence.
    """
    check_level(level)
    n, N = shape
    values = nonzero(eigenvalues)
    m = len(values)
    if m < 2:
        raise ValueError(f"`eigenvalues` must have at least two that differ from 0; got {m}")
    rows, columns = _sides(n if degrees is None else degrees, N, m)
    tracy_widom = TracyWidom(beta)
    mean, variance = tracy_widom.statistics()[:2]
    quantile = float(tracy_widom.ppf(1.0 - level))
    most = m // 2

    def white(k: int) -> tuple[float, float, float]:
        """Centre and scale, for unit variance and divided by n, after k outliers, and the ratio's narrowness."""
        centre, scale = _white_edge(rows - k, columns - k, n, beta)
        lost = 2.0 / (beta * (rows - k) * (columns - k)) * (centre / scale) ** 2 / variance
        return centre, scale, math.sqrt(max(1.0 - lost, 0.1))

    def of_mean(k: int) -> float:
        return float(np.sum(values[k:])) * n / ((rows - k) * (columns - k))

    far = 0
    while far < most:
        centre, scale, _ = white(far)
        sigma2 = float(np.median(values[far:])) / _median(rows - far, columns - far, n)
        beyond = min(int(np.sum(values > sigma2 * (centre + _FAR * scale))), most)
        if beyond <= far:
            break
        far = beyond
    p_values = []
    k = 0
    while k < most:
        fitted = max(k, far)
        centre, scale, narrow = white(fitted)
        sigma2 = of_mean(fitted)
        ratio = (values[k] / sigma2 - centre) / scale
        p_values.append(float(tracy_widom.sf(mean + (ratio - mean) / narrow)))
        if p_values[-1] > level:
            break
        k += 1
    centre, scale, narrow = white(k)
    sigma2 = of_mean(k)
    law = MarchenkoPastur((columns - k) / (rows - k), sigma2 * (rows - k) / n)
    atom = sum(mass for _, mass in law.atoms)
    bulk = values[k:][::-1]
    expected = (law.cdf(bulk) - atom) / (1.0 - atom)
    steps = np.arange(len(bulk) + 1) / len(bulk)
    kolmogorov = float(max(np.max(np.abs(expected - steps[1:])), np.max(np.abs(expected - steps[:-1]))))
    return FittedBulk(
        (n, N),
        eigenvalues,
        law,
        sigma2 * centre,
        sigma2 * scale,
        mean + (quantile - mean) * narrow,
        float(level),
        k,
        kolmogorov,
        len(eigenvalues) - m,
        np.array(p_values),
        rows / n,
    )


@dataclass(frozen=True, eq=False)
class ColouredBulk:
    """Eigenvalues of FᵀF/n beside coloured noise Σ^(1/2)Z of a population spectrum fitted to all but the largest.

    Attributes
    ----------
    law : GeneralisedMarchenkoPastur
        Of FᵀF over the degrees of freedom of its rows, for the spectrum fitted along columns.
    edge, scale : float
        Centre and scale of the largest eigenvalue of such noise, by `theory.deformed_edge`, along columns or rows,
        whichever gives the largest eigenvalue the larger p-value.
    width : float
        Standard deviation of the largest eigenvalue less the edge over that of Tracy and Widom's law, in units of
        `scale`: above 1 for the error of the edge, which is seen from the eigenvalues below the set-aside ones.
    set_aside : int
        Largest eigenvalues that the fit does not use; no more than so many can be called outliers.
    outliers : int
    p_values : ndarray, shape (set_aside,)
        Of the eigenvalues that were set aside.
    """

    law: GeneralisedMarchenkoPastur
    edge: float
    scale: float
    width: float
    set_aside: int
    outliers: int
    p_values: np.ndarray


def most_outliers(count: int) -> int:
    """How many of `count` eigenvalues may be outliers: a tenth of them, or ten where they are few, but a quarter."""
    return max(1, min(max(10, count // 10), count // 4))


def coloured_bulk(
    eigenvalues: np.ndarray,
    shape: tuple[int, int],
    *,
    level: float = LEVEL,
    beta: int = 1,
    degrees: int | None = None,
) -> ColouredBulk:
    """The bulk of coloured noise of unknown spectrum fitted to eigenvalues, and those beyond its edge.

    With v the transform of the companion FFᵀ/n and H the population spectrum, z = −1/v + γ ∫ t H(dt)/(1 + tv) is linear
    in H: weights on a grid of t solve it in least squares at points z above the bulk. The K largest eigenvalues, which
    may be outliers, are left out; where they would lie in noise is read off the K-th and the 2K-th, a soft edge having
    b − λ_j ∝ j^(2/3). The error of that extrapolation, 2.6 K^(−1/3) units of the edge's scale, widens the law that the
    p-values are of. Noise may have its covariance along columns or along rows: both are fitted, and an outlier has to
    be one beside either.

    Parameters
    ----------
    eigenvalues : ndarray, shape (min(n, N),)
        Of FᵀF/n for F (n, N), in decreasing order.
    shape : tuple of int
        (n, N).
    level : float
    beta : {1, 2}
    degrees : int, optional
        As in `fitted_bulk`.

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1, or fewer than 12 eigenvalues differ from 0.

    References
    ----------
    El Karoui, Annals of Statistics 36 (2008) 2757, for the fit; Donoho, Gavish and Romanov, arXiv 2009.12297, for the
    extrapolation.
    """
    check_level(level)
    n, N = shape
    values = nonzero(eigenvalues)
    m = len(values)
    if m < 12:
        raise ValueError(f"`eigenvalues` must have at least 12 that differ from 0 for a fit of their bulk; got {m}")
    rows, columns = _sides(n if degrees is None else degrees, N, m)
    K = most_outliers(m)
    noise = extrapolated(values, K) * n / rows
    spectrum = _population(noise, columns, rows)
    law = GeneralisedMarchenkoPastur(spectrum, columns / rows)
    tracy_widom = TracyWidom(beta)
    mean, variance = tracy_widom.statistics()[:2]
    width = math.sqrt(1.0 + _EXTRAPOLATION**2 * K ** (-2.0 / 3.0) / (beta * variance))
    edges = [tuple(x * rows / n for x in deformed_edge(spectrum, rows, columns, beta=beta))]
    # The same for XXᵀ/p: correlated rows. An outlier has to be one beside either.
    spectrum = _population(noise * rows / columns, rows, columns)
    edges.append(tuple(x * columns / n for x in deformed_edge(spectrum, columns, rows, beta=beta)))
    candidates = [tracy_widom.sf(mean + ((values[:K] - centre) / scale - mean) / width) for centre, scale in edges]
    (centre, scale), p_values = max(zip(edges, candidates, strict=True), key=lambda pair: float(pair[1][0]))
    inside = p_values > level
    outliers = int(np.argmax(inside)) if inside.any() else K
    return ColouredBulk(law, centre, scale, width, K, outliers, p_values)


def nonzero(eigenvalues: np.ndarray) -> np.ndarray:
    """Those above rounding, which for squares of singular values is 1e-13 of the largest for each of them."""
    values = np.asarray(eigenvalues, dtype=float)
    return values[values > 1e-15 * len(values) * values[0]]


def extrapolated(values: np.ndarray, K: int) -> np.ndarray:
    """Decreasing values with the K largest replaced by where noise of a soft edge would have them, in singular values.

    y_j = y_K+1 + (1 − ((j − 1)/K)^(2/3))/(2^(2/3) − 1)·(y_K+1 − y_2K+1), 2K < the number of values.
    """
    y = np.sqrt(values)
    j = np.arange(K)
    y[:K] = y[K] + (1.0 - (j / K) ** (2.0 / 3.0)) / (2.0 ** (2.0 / 3.0) - 1.0) * (y[K] - y[2 * K])
    return y**2


def _population(x: np.ndarray, columns: int, rows: int) -> Discrete:
    """Weights on a grid of population eigenvalues for noise whose eigenvalues, divided by its rows, are given."""
    grid = np.geomspace(max(0.2 * x[-1], 1e-3 * x[0]), x[0], _GRID)
    at = np.quantile(x, np.linspace(0.0, 1.0, 40))
    z = np.concatenate([at + 1j * height * np.maximum(at, 0.05 * x[0]) for height in _HEIGHTS])
    v = (np.sum(1.0 / (x - z[:, None]), axis=1) - (rows - len(x)) / z) / rows
    part = columns / rows * grid / (1.0 + grid * v[:, None])
    rest = z + 1.0 / v
    part, rest = part / np.abs(rest)[:, None], rest / np.abs(rest)
    total = 1e3  # weight of the equation that the weights sum to 1
    matrix = np.vstack([part.real, part.imag, np.full((1, _GRID), total)])
    weights, _ = nnls(matrix, np.concatenate([rest.real, rest.imag, [total]]))
    kept = weights > 1e-6
    return Discrete(grid[kept], weights[kept] / weights[kept].sum())


def _sides(rows: int, columns: int, rank: int) -> tuple[int, int]:
    """Rows and columns that noise of this rank would have: null directions are taken off the shorter side."""
    return (rows, min(columns, rank)) if columns <= rows else (min(rows, rank), columns)


def _white_edge(rows: int, columns: int, n: int, beta: int) -> tuple[float, float]:
    """Centre and scale of the largest eigenvalue of XᵀX/n for white X of unit variance."""
    if beta == 1:
        centre, scale = wishart_edge(rows, columns)
    else:
        a, b = math.sqrt(rows), math.sqrt(columns)
        centre, scale = (a + b) ** 2 / rows, (a + b) * (1.0 / a + 1.0 / b) ** (1.0 / 3.0) / rows
    return centre * rows / n, scale * rows / n


def _median(rows: int, columns: int, n: int) -> float:
    """Median of the nonzero part of the law of XᵀX/n for white X of unit variance."""
    unit = MarchenkoPastur(columns / rows)
    atom = sum(mass for _, mass in unit.atoms)
    return float(unit.ppf(atom + 0.5 * (1.0 - atom))) * rows / n


def check_level(level: float) -> None:
    """Refuse odds that are not between 0 and 1."""
    if isinstance(level, bool) or not 0.0 < float(level) < 1.0:
        raise ValueError(f"`level` must be between 0 and 1; got {level!r}")
