"""A Marchenko-Pastur bulk fitted to eigenvalues, and the eigenvalues that lie outside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.laws import MarchenkoPastur, TracyWidom, wishart_edge

__all__ = ["LEVEL", "FittedBulk", "check_level", "fitted_bulk"]

LEVEL = 1e-3
"""Odds, unless told otherwise, of calling the largest eigenvalue of noise an outlier."""


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
        Ratio N/n; the variance puts the law's median on that of the bulk.
    edge, scale : float
        Centre and scale, of order n^(-2/3), of the largest eigenvalue of a matrix without outliers.
    threshold : float
        Units of `scale` beyond `edge` that a largest eigenvalue passes with odds `level`.
    level : float
    outliers : int
        Number of eigenvalues beyond the threshold.
    kolmogorov : float
        Largest distance between the distribution functions of the bulk and of the law.
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

    @property
    def singular_values(self) -> np.ndarray:
        """Singular values of F/√n in decreasing order."""
        return np.sqrt(self.eigenvalues)

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Distance from the edge in units of its fluctuation."""
        return (np.asarray(x) - self.edge) / self.scale

    @property
    def holds(self) -> bool:
        """Whether the fitted law describes the bulk: rigid eigenvalues keep within a few over their number of it."""
        return self.kolmogorov <= max(0.03, 5.0 / (len(self.eigenvalues) - self.outliers))


def fitted_bulk(eigenvalues: np.ndarray, shape: tuple[int, int], *, level: float = LEVEL) -> FittedBulk:
    """The Marchenko-Pastur bulk of some eigenvalues, and what lies outside.

    The variance of the law of ratio N/n is the one whose median the bulk has; eigenvalues beyond the Tracy-Widom
    quantile of `level` are taken out of the bulk and the fit repeated until their number stands.

    Parameters
    ----------
    eigenvalues : ndarray, shape (min(n, N),)
        Of FᵀF/n for F (n, N), not all zero, in decreasing order.
    shape : tuple of int
        (n, N).
    level : float
        Odds of an outlier where there is none.

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1.
    """
    check_level(level)
    n, N = shape
    threshold = float(TracyWidom(1).ppf(1.0 - level))
    unit = MarchenkoPastur(N / n)
    atom = sum(mass for _, mass in unit.atoms)
    middle = float(unit.ppf(atom + 0.5 * (1.0 - atom)))
    centre, scale = wishart_edge(n, N)
    outliers, most = 0, len(eigenvalues) // 2
    for _ in range(most):
        variance = float(np.median(eigenvalues[outliers:])) / middle
        count = int(np.sum(eigenvalues > variance * (centre + threshold * scale)))
        count = min(count, most)
        if count <= outliers:
            break
        outliers = count
    law = MarchenkoPastur(N / n, variance)
    bulk = eigenvalues[outliers:][::-1]
    expected = (law.cdf(bulk) - atom) / (1.0 - atom)
    steps = np.arange(len(bulk) + 1) / len(bulk)
    kolmogorov = float(max(np.max(np.abs(expected - steps[1:])), np.max(np.abs(expected - steps[:-1]))))
    return FittedBulk(
        (n, N), eigenvalues, law, variance * centre, variance * scale, threshold, float(level), outliers, kolmogorov
    )


def check_level(level: float) -> None:
    """Refuse odds that are not between 0 and 1."""
    if isinstance(level, bool) or not 0.0 < float(level) < 1.0:
        raise ValueError(f"`level` must be between 0 and 1; got {level!r}")
