"""A user's matrix brought to numbers: what is missing, named, centred and scaled, and what is odd about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.runtime.numeric_table import entries, listed, numeric_array
from spikes.simulation.decomposition import check_size

__all__ = ["CENTERS", "SCALES", "Matrix", "as_matrix", "prepared"]

CENTERS = ("columns", "none", "both")
SCALES = ("none", "unit")
LEAST = 5
"""Fewest rows and columns that a test takes."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers in double precision with the names of their columns.

    Attributes
    ----------
    values : ndarray, shape (n, p)
        Of type float64 or complex128, finite.
    columns : tuple of str
    remarks : tuple of str
        What was done to the matrix or is odd about it.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def as_matrix(
    matrix: Any, *, missing: str | None = None, transpose: bool = False, names: Sequence[str] | None = None
) -> Matrix:
    """Read an array, list, DataFrame, masked array or sparse matrix; rows are samples.

    Parameters
    ----------
    matrix : array_like, shape (n, p)
        Real or complex, of any precision.
    missing : {"mean"}, optional
        Fill missing entries (NaN, masked, None) with the mean of their column; refused by default.
    transpose : bool
        Columns are samples.
    names : sequence of str, optional
        Of the columns; those of a DataFrame by default.

    Returns
    -------
    Matrix

    Raises
    ------
    ValueError
        If it is no matrix of finite numbers, too small, or does not fit in memory.
    """
    if missing not in (None, "mean"):
        raise ValueError(f"`missing` must be None or 'mean'; got {missing!r}")
    if isinstance(matrix, str | os.PathLike):
        raise ValueError(
            f"`matrix` must be an array, not a path; got {os.fspath(matrix)!r}: read it with numpy or pandas, or run "
            f"spikes spectrum {os.fspath(matrix)}"
        )
    values, labels = numeric_array(matrix, "matrix", checked=check_size)
    columns = tuple(labels if names is None else [str(name) for name in names])
    if values.ndim != 2:
        raise ValueError(f"`matrix` must have two dimensions, a row a sample; got shape {values.shape}")
    if columns and len(columns) != values.shape[1]:
        raise ValueError(f"`names` must be as many as the {values.shape[1]} columns; got {len(columns)}")
    if transpose:
        values, columns = values.T, ()
    if min(values.shape) < LEAST:
        raise ValueError(f"`matrix` must have at least {LEAST} rows and columns; got {values.shape}")
    check_size(values.shape)
    kind = np.complex128 if values.dtype.kind == "c" else np.float64
    values = np.array(values, dtype=kind, order="C")
    columns = columns or tuple(str(j) for j in range(values.shape[1]))
    values, remarks = _complete(values, columns, missing)
    size = float(np.abs(values).max())
    if size > 0.0 and not 1e-50 <= size <= 1e50:
        raise ValueError(
            f"`matrix` must have its largest entry between 1e-50 and 1e+50; got {size:.3g}: take other units"
        )
    return Matrix(values, columns, tuple(remarks))


def _complete(values: np.ndarray, columns: tuple[str, ...], missing: str | None) -> tuple[np.ndarray, list[str]]:
    """Refuse what is infinite; refuse or fill what is missing."""
    if np.isfinite(values).all():
        return values, []
    infinite = np.isinf(values)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ValueError(
            f"`matrix` must be finite; {entries(infinite)} infinite, the first in row {row}, column {columns[column]!r}"
        )
    absent = np.isnan(values)
    if missing is None:
        row, column = np.argwhere(absent)[0]
        raise ValueError(
            f"`matrix` must be complete; {entries(absent)} missing, the first in row {row}, column "
            f"{columns[column]!r}: leave out, or fill with `missing` = 'mean'"
        )
    present = (~absent).sum(axis=0)
    if (present == 0).any():
        empty = [columns[j] for j in np.flatnonzero(present == 0)]
        raise ValueError(f"`matrix` must have a value in every column; {listed(empty, 'column')} all missing")
    means = np.where(absent, 0.0, values).sum(axis=0) / present
    share = absent.mean()
    return np.where(absent, means, values), [
        f"{entries(absent)} missing ({share:.2%}) and filled with the mean of its column, which takes variance away"
    ]


def prepared(matrix: Matrix, center: str, scale: str) -> tuple[Matrix, int, np.ndarray]:
    """The matrix centred and scaled, with remarks on it, the degrees of freedom of its rows, and the columns' scales.

    Parameters
    ----------
    matrix : Matrix
        Its values are overwritten.
    center : {"columns", "none", "both"}
    scale : {"none", "unit"}
        "unit" divides every column by its root mean square.

    Returns
    -------
    Matrix
    int
    ndarray, shape (p,)
    """
    for name, value, known in (("center", center, CENTERS), ("scale", scale, SCALES)):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}; got {value!r}")
    values, remarks = matrix.values, list(matrix.remarks)
    before = _mean_square(values)
    size = np.abs(values).max(axis=0)
    if center != "none":
        values -= values.mean(axis=0)
    if center == "both":
        values -= values.mean(axis=1, keepdims=True)
    square = (np.abs(values) ** 2).mean(axis=0)
    constant = square <= (1e-14 * size) ** 2
    values[:, constant] = 0.0
    square[constant] = 0.0
    if constant.any():
        names = [matrix.columns[j] for j in np.flatnonzero(constant)]
        remarks.append(f"{listed(names, 'column')} constant and left out")
    if constant.all():
        raise ValueError("`matrix` must hold something beside constant columns")
    removed = 1.0 - square.sum() / len(square) / before if before else 0.0
    if center != "none" and removed > 0.5:
        remarks.append(f"the means that were taken away held {removed:.4g} of the sum of squares")
    scales = np.ones(len(square))
    if scale == "unit":
        scales = np.sqrt(np.where(constant, 1.0, square))
        values /= scales
    elif square.max() > 100.0 * np.median(square[~constant]) and (~constant).sum() > 1:
        name = matrix.columns[int(np.argmax(square))]
        remarks.append(
            f"column {name!r} has {square.max() / square.sum():.3g} of the variance: what other columns hold is hidden "
            "beside it; if units differ, `scale` = 'unit' makes them equal"
        )
    twins = _twins(values[:, ~constant])
    if twins is not None:
        live = np.flatnonzero(~constant)
        pair = " and ".join(repr(matrix.columns[live[j]]) for j in twins)
        remarks.append(f"columns {pair} are equal, and a spike may be no more than that")
    return Matrix(values, matrix.columns, tuple(remarks)), len(values) - (center != "none"), scales


def _mean_square(values: np.ndarray) -> float:
    return float((np.abs(values) ** 2).mean())


def _twins(values: np.ndarray) -> tuple[int, int] | None:
    """Two equal columns, if there are any."""
    seen: dict[bytes, int] = {}
    for j in range(values.shape[1]):
        key = values[:, j].tobytes()
        if key in seen:
            return seen[key], j
        seen[key] = j
    return None
