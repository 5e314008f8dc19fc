"""Is it noise? The directions of a user's matrix that stand out, by nulls that assume more and less."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import eigh, svd

from spikes.record import recorded
from spikes.runtime.array_file import load_array
from spikes.simulation.biwhitening import Biwhitened, biwhiten
from spikes.simulation.decomposition import METHODS, Decomposition, decompose
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.signflip import RANDOMISATIONS, RandomisationTest, randomisation_test
from spikes.studies.own_matrix.answer import MatrixSpectrum as MatrixSpectrum
from spikes.studies.own_matrix.answer import Spike as Spike
from spikes.studies.own_matrix.matrix import Matrix, as_matrix, prepared
from theory.fitted_bulk import ColouredBulk, FittedBulk, check_level, coloured_bulk, fitted_bulk, most_outliers
from theory.laws import GeneralisedMarchenkoPastur, MarchenkoPastur
from theory.shrinkage import nonlinear_shrinkage
from theory.singular_value_thresholds import (
    effective_rank,
    gavish_donoho_threshold,
    screenot_threshold,
    stable_rank,
)
from theory.spiked_models import InformationPlusNoise, SpikedCovariance

__all__ = ["NULLS", "load_matrix", "matrix_spectrum", "spectrum"]

NULLS = ("signflip", "white", "coloured", "permutation", "counts")
FLIPS = 99

_LEADING = 5  # columns named for each spike
_FEWEST = 12  # eigenvalues that laws are fitted to
_COLOURED = 100  # rows and columns from which the edge of a coloured bulk was seen to be where the fit puts it


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
            f"`path` must hold a matrix of at least 5 rows and columns; got shape {matrix.shape} of {matrix.dtype}"
        )
    return matrix


@recorded
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
    remarks = [*table.remarks, *_doubts(decided, (degrees, p)), *_oddities(spikes)]
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


def _doubts(decided: str, shape: tuple[int, int]) -> list[str]:
    """Why not to lean on the null that decides."""
    if decided != "coloured" or min(shape) >= _COLOURED:
        return []
    return [
        f"with fewer than {_COLOURED} rows or columns, here {min(shape)}, the coloured null is rough: it called nine "
        "of ten matrices of correlated noise of 40 × 80 more than noise"
    ]


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
        remarks=(*table.remarks, *_doubts(null, (degrees, p)), remark),
        flips=0,
        effective_rank=effective_rank(singular_values),
        stable_rank=stable_rank(singular_values),
        _clean=partial(nonlinear_shrinkage, C, degrees) if beta == 1 else None,
    )
