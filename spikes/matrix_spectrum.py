"""The spectrum of a user's own matrix: a Marchenko-Pastur bulk fitted to it, and what lies outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import svdvals

from spikes.array_file import load_array
from spikes.comparison import SCHEMA, Row, row
from spikes.ensemble import Estimate
from spikes.running_products import add_gram
from spikes.simulation import free_gib
from spikes.spectra import gram_eigenvalues
from theory.laws import MarchenkoPastur, TracyWidom, wishart_edge

__all__ = ["MatrixSpectrum", "fitted_bulk", "load_matrix", "matrix_spectrum"]

_METHODS = ("gram", "svd")
_ROWS = 4096
_LEVEL = 1e-3
_GRID = 400


def load_matrix(path: str | Path, key: str | None = None) -> np.ndarray:
    """As `load_array`, refusing what is not a real matrix of at least 20 rows and columns.

    Parameters
    ----------
    path : str or Path
    key : str, optional
        Name of the array in a .npz file.

    Returns
    -------
    ndarray, shape (n, N)

    Raises
    ------
    ValueError
        If it is no such matrix, or as `load_array` raises.
    """
    matrix = load_array(path, key)
    if matrix.ndim != 2 or min(matrix.shape) < 20 or matrix.dtype.kind not in "fiu":
        raise ValueError(
            "`FILE` must hold a real matrix of at least 20 rows and columns; "
            f"got shape {matrix.shape} of {matrix.dtype}"
        )
    return matrix


@dataclass(frozen=True, eq=False)
class MatrixSpectrum:
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

    def remark(self) -> str:
        """Whether the fitted law describes the bulk at all."""
        bulk = len(self.eigenvalues) - self.outliers
        # rigid eigenvalues keep within a few over their number of the law
        if self.kolmogorov > max(0.03, 5.0 / bulk):
            return (
                f"the bulk is not that of noise: its distribution is {self.kolmogorov:.3f} from the fitted "
                "Marchenko-Pastur law; distances from its edge then mean little"
            )
        return ""

    def rows(self) -> list[Row]:
        """Means of x and x² over the bulk beside the law's, and every outlier beside the edge: one matrix, no error."""
        bulk = self.eigenvalues[self.outliers :]
        expected = self.law.moments(2)
        weight = 1.0 - sum(mass for _, mass in self.law.atoms)

        def one(value: float) -> Estimate:
            return Estimate(float(value), float("nan"), 1)

        rows = [row(f"bulk mean of x^{k}", expected[k - 1] / weight, one(np.mean(bulk**k))) for k in (1, 2)]
        rows += [
            row(f"outlier {i + 1} against the edge", self.edge, one(x))
            for i, x in enumerate(self.eigenvalues[: self.outliers])
        ]
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; the problem is the matrix's shape."""
        ((low, high),) = self.law.bands
        x = np.linspace(low, high, _GRID + 2)[1:-1]
        leading = self.eigenvalues[: self.outliers]
        return {
            "schema": SCHEMA,
            "problem": {"n": self.shape[0], "width": self.shape[1]},
            "theory": {
                "law": {"name": "Marchenko-Pastur", "ratio": self.law.gamma, "variance": self.law.variance},
                "bulk": {"edges": [[low, high]], "mass_at_zero": sum(mass for _, mass in self.law.atoms)},
                "density": {"x": x.tolist(), "density": self.law.pdf(x).tolist()},
                "edge": {"centre": self.edge, "scale": self.scale, "threshold": self.threshold, "level": self.level},
            },
            "simulation": {
                "eigenvalues": self.eigenvalues.tolist(),
                "outliers": [
                    {"singular_value": float(np.sqrt(v)), "distance": float(self.distance(v))} for v in leading
                ],
                "kolmogorov": self.kolmogorov,
                "remark": self.remark(),
            },
            "agreement": [r.to_dict() for r in self.rows()],
        }


def matrix_spectrum(matrix: np.ndarray, *, level: float = _LEVEL, method: str = "gram") -> MatrixSpectrum:
    """Eigenvalues of FᵀF/n for a matrix F (n, N), and the bulk and outliers in them.

    Parameters
    ----------
    matrix : ndarray, shape (n, N)
        Real; a memory map is read once.
    level : float
        Odds of an outlier where there is none.
    method : {"gram", "svd"}
        By the smaller Gram matrix, summed over blocks of rows or columns: singular values below 1e-8 of the largest are
        rounding. By the singular value decomposition of F, which then has to fit in memory, they keep 16 digits of the
        largest, several times slower.

    Returns
    -------
    MatrixSpectrum

    Raises
    ------
    ValueError
        If an entry is not finite, the matrix is zero, what the method holds does not fit in memory, or an argument
        breaks its rule.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((400, 200))
    >>> matrix_spectrum(noise).outliers, matrix_spectrum(noise + 0.3).outliers
    (0, 1)
    """
    _check_level(level)
    if method not in _METHODS:
        raise ValueError(f"`method` must be one of {', '.join(_METHODS)}; got {method!r}")
    n, N = matrix.shape
    lines = matrix if n >= N else matrix.T
    m = min(n, N)
    needed, free = 8 * (m**2 + _ROWS * m if method == "gram" else 2 * n * N) / 2**30, free_gib()
    if needed > free:
        raise ValueError(
            f"`FILE` must hold a matrix that `method` {method} can decompose in memory: {n} × {N} needs about "
            f"{needed:.3g} GiB, {free:.3g} GiB are free"
        )
    if method == "gram":
        small = np.zeros((m, m), order="F")
        for start in range(0, len(lines), _ROWS):
            add_gram(small, _finite(lines[start : start + _ROWS]))
        eigenvalues = gram_eigenvalues(small) / n
    else:
        eigenvalues = svdvals(_finite(lines), check_finite=False) ** 2 / n
    if eigenvalues[0] == 0.0:
        raise ValueError("`FILE` must hold a matrix that is not zero")
    return fitted_bulk(eigenvalues, (n, N), level=level)


def _finite(block: np.ndarray) -> np.ndarray:
    block = np.ascontiguousarray(block, dtype=float)
    if not np.isfinite(block).all():
        raise ValueError("`FILE` must hold finite numbers; it has NaN or infinite entries")
    return block


def fitted_bulk(eigenvalues: np.ndarray, shape: tuple[int, int], *, level: float = _LEVEL) -> MatrixSpectrum:
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
    _check_level(level)
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
    return MatrixSpectrum(
        (n, N), eigenvalues, law, variance * centre, variance * scale, threshold, float(level), outliers, kolmogorov
    )


def _check_level(level: float) -> None:
    if isinstance(level, bool) or not 0.0 < float(level) < 1.0:
        raise ValueError(f"`level` must be between 0 and 1; got {level!r}")
