"""The spectrum of a user's own matrix: a Marchenko-Pastur bulk fitted to it, and what lies outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import svdvals

from spikes.agreement import SCHEMA, Row, row
from spikes.estimates import Estimate
from spikes.runtime.array_file import load_array
from spikes.runtime.memory import INTERPRETER, free_gib
from spikes.runtime.running_products import add_gram
from spikes.simulation.spectra import gram_eigenvalues
from theory.fitted_bulk import LEVEL, FittedBulk, check_level, fitted_bulk

__all__ = ["MatrixSpectrum", "load_matrix", "matrix_spectrum"]

_METHODS = ("gram", "svd")
_ROWS = 4096
_GRID = 400
_BINS, _CURVE = 60, 600  # of the figure


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
class MatrixSpectrum(FittedBulk):
    """Eigenvalues of FᵀF/n of a user's matrix beside the Marchenko-Pastur law fitted to their bulk.

    The attributes are those of `theory.fitted_bulk.FittedBulk`.
    """

    def remark(self) -> str:
        """Whether the fitted law describes the bulk at all."""
        if not self.holds:
            return (
                f"the bulk is not that of noise: its distribution is {self.kolmogorov:.3f} from the fitted "
                "Marchenko-Pastur law; distances from its edge then mean little"
            )
        return ""

    def log_histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Bin edges, equidistant in ln x, and the density of ln x over them: the bulk's share of all eigenvalues.

        Returns
        -------
        edges : ndarray, shape (61,)
        density : ndarray, shape (60,)
        """
        bulk = self.eigenvalues[self.eigenvalues > 1e-12 * self.eigenvalues[0]][self.outliers :]
        edges = np.geomspace(bulk[-1] * (1.0 - 1e-9), bulk[0] * (1.0 + 1e-9), _BINS + 1)
        return edges, np.histogram(bulk, edges)[0] / (self.shape[1] * np.diff(np.log(edges)))

    def log_density(self) -> tuple[np.ndarray, np.ndarray]:
        """x within the fitted bulk, four decades of it at most, and the fitted density of ln x."""
        ((low, high),) = self.law.bands
        x = np.geomspace(max(low, 1e-4 * high), high, _CURVE)[1:-1]
        return x, x * self.law.pdf(x)

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


def matrix_spectrum(matrix: np.ndarray, *, level: float = LEVEL, method: str = "gram") -> MatrixSpectrum:
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
    check_level(level)
    if method not in _METHODS:
        raise ValueError(f"`method` must be one of {', '.join(_METHODS)}; got {method!r}")
    n, N = matrix.shape
    lines = matrix if n >= N else matrix.T
    m = min(n, N)
    entries = m**2 + _ROWS * m if method == "gram" else 2 * n * N
    needed, free = INTERPRETER + 8 * entries / 2**30, free_gib()
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
    return MatrixSpectrum(**vars(fitted_bulk(eigenvalues, (n, N), level=level)))


def _finite(block: np.ndarray) -> np.ndarray:
    block = np.ascontiguousarray(block, dtype=float)
    if not np.isfinite(block).all():
        raise ValueError("`FILE` must hold finite numbers; it has NaN or infinite entries")
    return block
