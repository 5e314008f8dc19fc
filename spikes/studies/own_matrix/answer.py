"""What stands out of noise in a user's matrix: each direction, and the whole answer with its sentence and its JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.agreement import SCHEMA, Row, row
from spikes.estimates import Estimate
from spikes.presentation.figure import in_style
from spikes.presentation.row_table import RowTable
from theory.fitted_bulk import ColouredBulk, FittedBulk
from theory.laws import Law

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MatrixSpectrum", "Spike"]

_GRID = 400
_BINS, _CURVE = 60, 600  # of the figure
_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


@dataclass(frozen=True, eq=False)
class Spike:
    """A direction that stands out.

    Attributes
    ----------
    eigenvalue : float
        Of XᵀX/n.
    p_value : float
    variance_share : float
        Of the sum of all eigenvalues.
    population : tuple of float, optional
        Eigenvalue of the population with the ends of its 95 % interval; None where the eigenvalue is not off the bulk.
    cosine2 : tuple of float, optional
        Squared cosines of the left (rows) and right (columns) singular vector with those of the truth.
    participation : tuple of float
        Numbers 1/Σ|v|⁴ of rows and of columns that carry it.
    columns : tuple of (str, float)
        Leading columns by name, with their entry in the right singular vector.
    heaviest_row : tuple of (int, float), optional
        The row with the largest share of the left singular vector's square, and that share; None of a covariance.
    """

    eigenvalue: float
    p_value: float
    variance_share: float
    population: tuple[float, float, float] | None
    cosine2: tuple[float, float] | None
    participation: tuple[float, float]
    columns: tuple[tuple[str, float], ...]
    heaviest_row: tuple[int, float] | None

    @property
    def singular_value(self) -> float:
        """Of X/√n."""
        return math.sqrt(self.eigenvalue)

    def to_dict(self) -> dict[str, Any]:
        """An entry of ``spikes`` in the JSON contract."""
        return {
            "singular_value": self.singular_value,
            "eigenvalue": self.eigenvalue,
            "p_value": self.p_value,
            "variance_share": self.variance_share,
            "population": None
            if self.population is None
            else {name: _finite(x) for name, x in zip(("value", "low", "high"), self.population, strict=True)},
            "cosine2": None if self.cosine2 is None else dict(zip(("rows", "columns"), self.cosine2, strict=True)),
            "participation": {
                name: _finite(x) for name, x in zip(("rows", "columns"), self.participation, strict=True)
            },
            "columns": [{"name": name, "loading": loading} for name, loading in self.columns],
        }


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


@dataclass(frozen=True, eq=False, repr=False)
class MatrixSpectrum(RowTable):
    """What stands out of noise in a matrix.

    Attributes
    ----------
    shape : tuple of int
        (n, p).
    null : str
        The null that was asked for.
    decided_by : str
        The null that the answer rests on: the coloured one where signflip's assumption is refuted.
    level : float
    spikes : tuple of Spike
    p_value : float
        Of the first direction that does not stand out, under `decided_by`.
    counts : dict of str to int or None
        What every null and other methods count; None where one does not apply.
    eigenvalues : ndarray, shape (min(n, p),)
        Of XᵀX/n, decreasing, X as it was tested.
    white : FittedBulk, optional
        None with fewer than 12 eigenvalues.
    coloured : ColouredBulk, optional
    remarks : tuple of str
        What was done to the matrix, or is odd about it.
    flips : int
    effective_rank, stable_rank : float
    """

    shape: tuple[int, int]
    null: str
    decided_by: str
    level: float
    spikes: tuple[Spike, ...]
    p_value: float
    counts: dict[str, int | None]
    eigenvalues: np.ndarray
    white: FittedBulk | None
    coloured: ColouredBulk | None
    remarks: tuple[str, ...]
    flips: int
    effective_rank: float
    stable_rank: float
    _clean: Callable[[], np.ndarray] | None

    @property
    def outliers(self) -> int:
        """Number of directions that stand out."""
        return len(self.spikes)

    @property
    def singular_values(self) -> np.ndarray:
        """Singular values of X/√n in decreasing order."""
        return np.sqrt(self.eigenvalues)

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        k = self.outliers
        noise = "coloured noise" if self.decided_by == "coloured" else "noise"
        number = _WORDS[k] if k < len(_WORDS) else str(k)
        stand = "direction stands" if k < 2 else "directions stand"
        if k:
            worst = max(spike.p_value for spike in self.spikes)
            said = f"{number} {stand} out of {noise} ({_p(worst, bound=True)}{' each' if k > 1 else ''})"
        else:
            said = f"{number} {stand} out of {noise} ({_p(self.p_value)})"
        if self.decided_by != self.null:
            return (
                f"{said}; the entries are not independent: signflip, which takes them to be, counts "
                f"{self.counts['signflip']} directions, too many for factors."
            )
        rest = "the rest" if k else "the whole"
        if self.white is None:
            return f"{said}."
        if self.white.holds and self.white.outliers == k:
            return f"{said}; {rest} looks like white noise."
        return f"{said}; {rest} looks like noise of uneven variances, of which white noise would count " + (
            f"{self.white.outliers}."
        )

    def remark(self) -> str:
        """The verdict."""
        return self.verdict

    def log_histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Bin edges, equidistant in ln x, and the density of ln x over them: the bulk's share of all eigenvalues.

        Returns
        -------
        edges : ndarray, shape (B + 1,)
        density : ndarray, shape (B,)
        """
        bulk = self.eigenvalues[self.eigenvalues > 1e-12 * self.eigenvalues[0]][self.outliers :]
        columns = self.shape[1] - (0 if self.white is None else self.white.null_directions)
        bins = max(8, min(_BINS, len(bulk) // 4))
        edges = np.geomspace(bulk[-1] * (1.0 - 1e-9), bulk[0] * (1.0 + 1e-9), bins + 1)
        return edges, np.histogram(bulk, edges)[0] / (columns * np.diff(np.log(edges)))

    def log_density(self) -> tuple[np.ndarray, np.ndarray, str] | None:
        """x over four decades of the fitted bulk at most, the density of ln x, and which noise was fitted.

        White noise where it describes the rest, coloured noise elsewhere; None with too few eigenvalues for either.
        """
        if self.white is None or self.coloured is None:
            return None
        law: Law
        if self.white.holds and self.white.outliers == self.outliers:
            law, unit, name = self.white.law, 1.0, "white"
        else:
            law, unit, name = self.coloured.law, self.white.freedom, "coloured"
        low, high = law.support
        x = np.geomspace(max(low, 1e-4 * high), high, _CURVE)[1:-1]
        return unit * x, x * law.pdf(x), name

    def rows(self) -> list[Row]:
        """Means of x and x² over the bulk beside the white law's, and every spike beside its edge; no errors."""
        if self.white is None:
            return []
        law, bulk = self.white.law, self.eigenvalues[self.white.outliers :]
        bulk = bulk[: len(bulk) - self.white.null_directions]
        expected = law.moments(2)
        weight = 1.0 - sum(mass for _, mass in law.atoms)

        def one(value: float) -> Estimate:
            return Estimate(float(value), float("nan"), 1)

        rows = [row(f"bulk mean of x^{k}", expected[k - 1] / weight, one(float(np.mean(bulk**k)))) for k in (1, 2)]
        rows += [
            row(f"spike {i + 1} against the edge", self.white.edge, one(spike.eigenvalue))
            for i, spike in enumerate(self.spikes)
        ]
        return rows

    def cleaned(self) -> np.ndarray:
        """The matrix with its noise taken out: singular values shrunk optimally under the null, all others 0.

        Column means and scales are put back. Of a correlation or covariance matrix, its nonlinear shrinkage.

        Returns
        -------
        ndarray, shape (n, p)

        Raises
        ------
        ValueError
            If the null is that of counts, whose rescaled matrix is not the one handed in.
        """
        if self._clean is None:
            raise ValueError("`clean` must not be asked of `null` = 'counts', which tests a rescaled matrix")
        return self._clean()

    @in_style
    def plot(self, ax: Axes | None = None) -> Axes:
        """Density of ln x over the eigenvalues beside the fitted bulks, and the spikes.

        Parameters
        ----------
        ax : Axes, optional

        Returns
        -------
        Axes
        """
        from spikes import studies

        return studies.own_matrix.plot_matrix_spectrum(self, ax)

    def _repr_html_(self) -> str:
        from spikes import studies

        return studies.own_matrix.html_of_spectrum(self)

    def __repr__(self) -> str:
        return f"<{self.shape[0]} × {self.shape[1]}: {self.verdict}>"

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; the problem is the matrix's shape."""
        theory: dict[str, Any] | None = None
        simulation: dict[str, Any] = {"eigenvalues": self.eigenvalues.tolist()}
        if self.white is not None:
            white = self.white
            ((low, high),) = white.law.bands
            x = np.linspace(low, high, _GRID + 2)[1:-1]
            theory = {
                "law": {"name": "Marchenko-Pastur", "ratio": white.law.gamma, "variance": white.law.variance},
                "bulk": {"edges": [[low, high]], "mass_at_zero": sum(mass for _, mass in white.law.atoms)},
                "density": {"x": x.tolist(), "density": white.law.pdf(x).tolist()},
                "edge": {
                    "centre": white.edge,
                    "scale": white.scale,
                    "threshold": white.threshold,
                    "level": white.level,
                },
            }
            simulation |= {
                "outliers": [
                    {"singular_value": s.singular_value, "distance": float(white.distance(s.eigenvalue))}
                    for s in self.spikes
                ],
                "kolmogorov": white.kolmogorov,
            }
        if self.coloured is not None and theory is not None:
            law = self.coloured.law
            theory["coloured"] = {
                "population": [{"eigenvalue": t, "weight": w} for t, w in law.population.atoms],
                "ratio": law.gamma,
                "edge": {"centre": self.coloured.edge, "scale": self.coloured.scale, "width": self.coloured.width},
            }
        return {
            "schema": SCHEMA,
            "problem": {"n": self.shape[0], "width": self.shape[1]},
            "theory": theory,
            "simulation": simulation | {"remark": self.remark()},
            "agreement": [r.to_dict() for r in self.rows()],
            "verdict": self.verdict,
            "null": self.null,
            "decided_by": self.decided_by,
            "level": self.level,
            "flips": self.flips,
            "spikes": [spike.to_dict() for spike in self.spikes],
            "p_value_of_the_next": self.p_value,
            "counts": dict(self.counts),
            "effective_rank": self.effective_rank,
            "stable_rank": self.stable_rank,
            "remarks": list(self.remarks),
        }


def _p(value: float, *, bound: bool = False) -> str:
    if value < 1e-3:
        return "p < 0.001"
    return f"p {'≤' if bound else '='} {value:.2g}"
