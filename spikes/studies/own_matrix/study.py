"""Is it noise? The directions of a user's matrix that stand out, by nulls that assume more and less."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eigh, svd

from spikes.agreement import SCHEMA, Row, row
from spikes.estimates import Estimate
from spikes.runtime.array_file import load_array
from spikes.simulation.biwhitening import Biwhitened, biwhiten
from spikes.simulation.decomposition import METHODS, Decomposition, decompose
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.signflip import RANDOMISATIONS, RandomisationTest, randomisation_test
from spikes.studies.own_matrix.matrix import Matrix, as_matrix, prepared
from theory.fitted_bulk import ColouredBulk, FittedBulk, check_level, coloured_bulk, fitted_bulk, most_outliers
from theory.laws import GeneralisedMarchenkoPastur, Law, MarchenkoPastur
from theory.shrinkage import nonlinear_shrinkage
from theory.singular_value_thresholds import (
    effective_rank,
    gavish_donoho_threshold,
    screenot_threshold,
    stable_rank,
)
from theory.spiked_models import InformationPlusNoise, SpikedCovariance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NULLS", "MatrixSpectrum", "Spike", "load_matrix", "matrix_spectrum", "spectrum"]

NULLS = ("signflip", "white", "coloured", "permutation", "counts")
FLIPS = 99

_GRID = 400
_BINS, _CURVE = 60, 600  # of the figure
_LEADING = 5  # columns named for each spike
_FEWEST = 12  # eigenvalues that laws are fitted to
_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


def load_matrix(path: str | Path, key: str | None = None) -> np.ndarray:
    """As `load_array`, refusing what is not a matrix of numbers with at least 5 rows and columns.

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
    if matrix.ndim != 2 or min(matrix.shape) < 5 or matrix.dtype.kind not in "fiubc":
        raise ValueError(
            f"`FILE` must hold a matrix of at least 5 rows and columns; got shape {matrix.shape} of {matrix.dtype}"
        )
    return matrix


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


@dataclass(frozen=True, eq=False)
class MatrixSpectrum:
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
            row(f"outlier {i + 1} against the edge", self.white.edge, one(spike.eigenvalue))
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


def spectrum(
    matrix: Any,
    *,
    null: str = "signflip",
    level: float = 0.05,
    center: str = "columns",
    scale: str = "none",
    transpose: bool = False,
    missing: str | None = None,
    names: Sequence[str] | None = None,
    samples: int | None = None,
    flips: int | None = None,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    method: str = "gram",
) -> MatrixSpectrum:
    """Whether a matrix holds anything but noise: the directions that stand out, with p-values, and what others count.

    Nulls, in the order of what they assume. "white": independent entries of one variance; "coloured": noise Σ^(1/2)Z
    of any covariance along rows or columns, fitted to the bulk; "signflip": independent entries, symmetric about 0, of
    any variances; "permutation": rows in any order within each column; "counts": Poisson counts, their overall rate
    taken away, rescaled to one variance.

    Directions are tested in turn until one does not stand out. If signflip or permutation count more than a tenth of
    the shorter side (or ten, if that is more), the entries are not independent, and the coloured null decides.

    Parameters
    ----------
    matrix : array_like, shape (n, p)
        Rows are samples: an array, a list, a DataFrame, a masked array, a sparse matrix; real or complex. A correlation
        or covariance matrix with `samples`.
    null : {"signflip", "white", "coloured", "permutation", "counts"}
    level : float
        Odds of calling noise a direction.
    center : {"columns", "none", "both"}
        Means that are taken away first.
    scale : {"none", "unit"}
        "unit" divides each column by its standard deviation.
    transpose : bool
        Columns are samples.
    missing : {"mean"}, optional
        Fill missing entries with the mean of their column.
    names : sequence of str, optional
        Of the columns.
    samples : int, optional
        The matrix is the covariance or correlation of so many samples, whose mean was taken away.
    flips : int, optional
        Randomised copies of each residual; the smallest p-value is 1/(1 + flips). 99 by default, or as many more as
        `level` needs.
    seed : int, SeedSequence or Generator
        Of the copies.
    method : {"gram", "svd"}
        Decompose the smaller Gram matrix, or the matrix itself, several times slower, which is also done where squares
        do not resolve small singular values.

    Returns
    -------
    MatrixSpectrum

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the matrix is none of finite numbers or does not fit in memory.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((200, 50)) * np.linspace(0.3, 2.0, 50) + 5.0
    >>> spectrum(noise).outliers
    0
    >>> spectrum(noise + 3.0 * np.outer(rng.standard_normal(200), np.ones(50))).verdict.split(";")[0]
    'One direction stands out of noise (p ≤ 0.01)'
    """
    check_level(level)
    if null not in NULLS:
        raise ValueError(f"`null` must be one of {', '.join(NULLS)}; got {null!r}")
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}; got {method!r}")
    flips = max(FLIPS, math.ceil(1.0 / level) - 1) if flips is None else flips
    table = as_matrix(matrix, missing=missing, transpose=transpose, names=names)
    if samples is not None:
        return _of_covariance(table, samples, null, level)
    _refuse_correlations(table.values)
    sequence = as_seed_sequence(seed)
    rescaled, refusal = _rescaled_counts(table.values)
    if null == "counts":
        if rescaled is None:
            raise ValueError(refusal)
        kept = [name for name, full in zip(table.columns, np.asarray(table.values.any(axis=0)), strict=True) if full]
        table, center, scale = Matrix(_without_rate(rescaled), tuple(kept), table.remarks), "none", "none"
    raw = None if null == "counts" else table.values.copy()
    table, degrees, scales = prepared(table, center, scale)
    if null == "counts":
        degrees -= 1
    X = table.values
    n, p = X.shape
    beta = 2 if X.dtype.kind == "c" else 1
    parts = decompose(X, method)
    eigenvalues = parts.singular_values**2 / n
    white, coloured = _bulks(eigenvalues, (n, p), level, beta, degrees)
    lost = int(center != "none"), int(center == "both")
    tests: dict[str, RandomisationTest] = {}
    for i, randomise in enumerate(RANDOMISATIONS):
        if null == "counts":
            continue
        rng = np.random.default_rng(derived_sequence(sequence, i))
        tests[randomise] = randomisation_test(
            parts.lines,
            parts.singular_values,
            parts.vectors,
            rng,
            randomise=randomise,
            axis=1 if parts.turned else 0,
            lost=lost[::-1] if parts.turned else lost,
            level=level,
            flips=flips,
        )
    counts: dict[str, int | None] = {name: tests[name].count if name in tests else None for name in RANDOMISATIONS}
    counts |= {
        "white": None if white is None else white.outliers,
        "coloured": None if coloured is None else coloured.outliers,
        "counts": None if rescaled is None else _count_of_counts(rescaled, level),
    }
    counts |= _other_counts(parts.singular_values, (n, p))
    decided = null
    if null in tests and coloured is not None and tests[null].count > coloured.set_aside:
        decided = "coloured"
    count, p_values = _decision(decided, tests, white, coloured)
    law, unit = _law_of_the_rest(decided, count, white, coloured), degrees / n
    spikes = tuple(
        _spike(parts.triplet(i), i, eigenvalues, p_values[i], law, unit, degrees, table.columns) for i in range(count)
    )
    remarks = [*table.remarks, *_oddities(spikes)]
    if rescaled is None and null == "signflip" and refusal.startswith("the scaling"):
        remarks.append(refusal)
    return MatrixSpectrum(
        shape=(n, p),
        null=null,
        decided_by=decided,
        level=float(level),
        spikes=spikes,
        p_value=float(p_values[min(count, len(p_values) - 1)]),
        counts=counts,
        eigenvalues=eigenvalues,
        white=white,
        coloured=coloured,
        remarks=tuple(remarks),
        flips=int(flips),
        effective_rank=effective_rank(parts.singular_values),
        stable_rank=stable_rank(parts.singular_values),
        _clean=None if raw is None else partial(_cleaned, raw, scales, parts, count, law, unit),
    )


matrix_spectrum = spectrum


def _bulks(
    eigenvalues: np.ndarray, shape: tuple[int, int], level: float, beta: int, degrees: int
) -> tuple[FittedBulk | None, ColouredBulk | None]:
    if np.sum(eigenvalues > 1e-15 * len(eigenvalues) * eigenvalues[0]) < _FEWEST:
        return None, None
    return (
        fitted_bulk(eigenvalues, shape, level=level, beta=beta, degrees=degrees),
        coloured_bulk(eigenvalues, shape, level=level, beta=beta, degrees=degrees),
    )


def _decision(
    decided: str, tests: dict[str, RandomisationTest], white: FittedBulk | None, coloured: ColouredBulk | None
) -> tuple[int, np.ndarray]:
    if decided in tests:
        return tests[decided].count, tests[decided].p_values
    bulk = coloured if decided == "coloured" else white
    if bulk is None:
        raise ValueError(
            f"`null` must be signflip or permutation for fewer than {_FEWEST} eigenvalues; got {decided!r}"
        )
    return bulk.outliers, bulk.p_values


def _law_of_the_rest(
    decided: str, count: int, white: FittedBulk | None, coloured: ColouredBulk | None
) -> MarchenkoPastur | GeneralisedMarchenkoPastur | None:
    """The law of the bulk, of a covariance with the degrees of freedom in its denominator."""
    if white is None or coloured is None:
        return None
    if decided in ("white", "counts") or (white.holds and white.outliers == count):
        return MarchenkoPastur(white.law.gamma, white.law.variance / white.freedom)
    return coloured.law


def _spike(
    triplet: tuple[np.ndarray | None, np.ndarray],
    i: int,
    eigenvalues: np.ndarray,
    p_value: float,
    law: MarchenkoPastur | GeneralisedMarchenkoPastur | None,
    unit: float,
    degrees: int,
    columns: tuple[str, ...],
) -> Spike:
    left, right = triplet
    population: tuple[float, float, float] | None = None
    cosine2: tuple[float, float] | None = None
    if law is not None:
        model = SpikedCovariance(law)
        estimate = model.inverse(eigenvalues[i] / unit, degrees)
        if estimate.detached:
            population = float(estimate.spike), float(estimate.low), float(estimate.high)
            image = model.forward(estimate.spike)
            cosine2 = float(image.left_cosine2), float(image.right_cosine2)
    leading = np.argsort(-np.abs(right), kind="stable")[:_LEADING]
    # Signs and phases are free: the leading column's entry is positive.
    turn = right[leading[0]] / abs(right[leading[0]])
    heaviest = None if left is None else int(np.argmax(np.abs(left)))
    return Spike(
        eigenvalue=float(eigenvalues[i]),
        p_value=float(p_value),
        variance_share=float(eigenvalues[i] / eigenvalues.sum()),
        population=population,
        cosine2=cosine2,
        participation=(math.nan if left is None else _participation(left), _participation(right)),
        columns=tuple((columns[j], float((right[j] / turn).real)) for j in leading),
        heaviest_row=None if left is None or heaviest is None else (heaviest, float(abs(left[heaviest]) ** 2)),
    )


def _participation(vector: np.ndarray) -> float:
    return float(1.0 / np.sum(np.abs(vector) ** 4))


def _oddities(spikes: tuple[Spike, ...]) -> list[str]:
    """Spikes that are no more than one row or one column."""
    remarks = []
    for i, spike in enumerate(spikes, 1):
        name, loading = spike.columns[0]
        if spike.heaviest_row is not None and spike.heaviest_row[1] > 0.5:
            place, share = spike.heaviest_row
            remarks.append(f"spike {i} is {share:.0%} one row, {place}: an odd sample rather than a factor")
        if loading**2 > 0.5:
            remarks.append(f"spike {i} is {loading**2:.0%} one column, {name!r}")
    return remarks


def _other_counts(singular_values: np.ndarray, shape: tuple[int, int]) -> dict[str, int | None]:
    most = most_outliers(len(singular_values))
    screenot = None
    if 2 * most < len(singular_values):
        screenot = int(np.sum(singular_values > screenot_threshold(singular_values, shape, most)))
    threshold = gavish_donoho_threshold(singular_values, shape)
    return {"gavish_donoho": int(np.sum(singular_values > threshold)), "screenot": screenot}


def _rescaled_counts(values: np.ndarray) -> tuple[Biwhitened | None, str]:
    """Counts rescaled, or why not."""
    if values.dtype.kind == "c" or (values < 0.0).any() or (values != np.rint(values)).any():
        return None, "`null` must not be 'counts' for entries that are not counts, whole and non-negative"
    try:
        rescaled = biwhiten(values)
    except (ArithmeticError, ValueError) as error:
        return None, str(error)
    if min(rescaled.matrix.shape) < _FEWEST + 1:
        return None, f"`null` must not be 'counts' for fewer than {_FEWEST + 1} rows or columns with any"
    return rescaled, ""


def _without_rate(rescaled: Biwhitened) -> np.ndarray:
    """The rescaled counts less their leading term, the overall rate."""
    U, s, Vt = svd(rescaled.matrix, full_matrices=False)
    return rescaled.matrix - s[0] * np.outer(U[:, 0], Vt[0])


def _count_of_counts(rescaled: Biwhitened, level: float) -> int:
    n, p = rescaled.matrix.shape
    values = svd(rescaled.matrix, compute_uv=False)[1:] ** 2 / n
    return fitted_bulk(values, (n, p - 1) if p <= n else (n - 1, p), level=level, degrees=n - 1).outliers


def _cleaned(
    raw: np.ndarray,
    scales: np.ndarray,
    parts: Decomposition,
    count: int,
    law: MarchenkoPastur | GeneralisedMarchenkoPastur | None,
    unit: float,
) -> np.ndarray:
    """The matrix less its noise X − Σ η_i u_i v_iᴴ, η = θc_l c_r being the best multiple of u vᴴ."""
    noise = (parts.lines.T if parts.turned else parts.lines).copy()
    n = len(noise)
    for i in range(count):
        size = float(parts.singular_values[i])
        if law is not None:
            model = InformationPlusNoise(law)
            estimate = model.inverse(size**2 / n / unit)
            if not estimate.detached:
                continue
            image = model.forward(estimate.spike)
            size = float(estimate.spike) * math.sqrt(float(image.left_cosine2 * image.right_cosine2) * n * unit)
        u, v = parts.triplet(i)
        noise -= size * np.outer(u, v.conj())
    return raw - noise * scales


def _refuse_correlations(values: np.ndarray) -> None:
    n, p = values.shape
    if n != p or values.dtype.kind == "c":
        return
    unit = np.allclose(np.diag(values), 1.0, atol=1e-8) and np.abs(values).max() < 1.0 + 1e-8
    if unit and np.allclose(values, values.T, atol=1e-8):
        raise ValueError(
            f"`matrix` must be data, or come with `samples`; this {p} × {p} matrix is symmetric with unit diagonal, a "
            "correlation matrix: hand in the data, or say of how many samples it is"
        )


def _of_covariance(table: Matrix, samples: int, null: str, level: float) -> MatrixSpectrum:
    """The spectrum of a covariance or correlation matrix of so many samples."""
    if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or samples < 13:
        raise ValueError(f"`samples` must be an integer of at least 13; got {samples!r}")
    C = table.values
    p = len(C)
    if C.shape != (p, p) or not np.allclose(C, C.conj().T, rtol=1e-8, atol=1e-10 * np.abs(C).max()):
        raise ValueError(f"`matrix` must be symmetric where `samples` is given; got shape {C.shape}")
    values, vectors = eigh(C)
    values, vectors = values[::-1], vectors[:, ::-1]
    if values[-1] < -1e-8 * values[0]:
        raise ValueError(
            f"`matrix` must have no negative eigenvalue, as covariances have none; got {values[-1]:.3g}: correlations "
            "of pairwise complete data are no correlation matrix, fill the data instead"
        )
    if null in (*RANDOMISATIONS, "counts"):
        if null != "signflip":
            raise ValueError(
                f"`null` must be white or coloured for a covariance, which has no entries to randomise; got {null!r}"
            )
        null = "white"
    degrees = samples - 1
    beta = 2 if C.dtype.kind == "c" else 1
    m = min(p, degrees)
    eigenvalues = np.maximum(values[:m], 0.0)
    # Of XᵀX/(n − 1): as if n − 1 samples of known mean had been seen
    white, coloured = _bulks(eigenvalues, (degrees, p), level, beta, degrees)
    count, p_values = _decision(null, {}, white, coloured)
    law = _law_of_the_rest(null, count, white, coloured)
    spikes = tuple(
        _spike((None, vectors[:, i]), i, eigenvalues, p_values[i], law, 1.0, degrees, table.columns)
        for i in range(count)
    )
    singular_values = np.sqrt(eigenvalues * degrees)
    counts: dict[str, int | None] = {
        "signflip": None,
        "permutation": None,
        "white": None if white is None else white.outliers,
        "coloured": None if coloured is None else coloured.outliers,
        "counts": None,
    }
    counts |= _other_counts(singular_values, (degrees, p))
    remark = f"read as the covariance of {samples} samples: no entries to randomise, the {null} null decides"
    return MatrixSpectrum(
        shape=(int(samples), p),
        null=null,
        decided_by=null,
        level=float(level),
        spikes=spikes,
        p_value=float(p_values[min(count, len(p_values) - 1)]),
        counts=counts,
        eigenvalues=eigenvalues,
        white=white,
        coloured=coloured,
        remarks=(*table.remarks, remark),
        flips=0,
        effective_rank=effective_rank(singular_values),
        stable_rank=stable_rank(singular_values),
        _clean=partial(nonlinear_shrinkage, C, degrees) if beta == 1 else None,
    )
