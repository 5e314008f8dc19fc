"""A user's own labelled inputs, and disjoint rows of them for the step, the fit and the test."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from spikes.runtime.array_file import StoredRows, load_arrays
from spikes.runtime.labelled_table import read_labelled_table
from spikes.simulation.samples import Block

__all__ = [
    "SHARES",
    "Dataset",
    "Rows",
    "Split",
    "as_dataset",
    "check_shares",
    "draw_split",
    "load_dataset",
    "standardized",
]

SHARES = (0.4, 0.4, 0.2)
"""Shares of the rows that serve for the step, the fit and the test."""

_LEAST = 20  # rows of each part: fewer have no spectrum and no test error to speak of
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs with labels.

    Attributes
    ----------
    X : ndarray or StoredRows, shape (n_total, d)
        Of any real type; of a file some rows are read at a time.
    y : ndarray, shape (n_total,)
    path : str, optional
        The file that holds them, which another process opens by itself.
    left_out : int
        Constant columns that X had beside these.
    """

    X: np.ndarray | StoredRows
    y: np.ndarray
    path: str | None = None
    left_out: int = 0

    @property
    def rows(self) -> int:
        """n_total."""
        return len(self.y)

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.X.shape[1]

    def __reduce__(self):
        return (Dataset, (self.X, self.y, None, self.left_out)) if self.path is None else (_opened, (self.path,))


def as_dataset(X: np.ndarray | StoredRows, y: np.ndarray | StoredRows, *, path: str | None = None) -> Dataset:
    """Inputs and labels as a `Dataset`; integers and booleans count as numbers.

    Raises
    ------
    ValueError
        If shapes or types are wrong, the lengths differ, an entry is not finite, or all labels are the same.
    """
    data = _shaped(X, y, path)
    for start in range(0, data.rows, _ROWS):
        for name, part in (("X", data.X[start : start + _ROWS]), ("y", data.y[start : start + _ROWS])):
            if not np.isfinite(part).all():
                row = start + int(np.argmin(np.isfinite(part.reshape(len(part), -1)).all(axis=1)))
                raise ValueError(f"`data` must hold finite numbers; {name} has NaN or infinity in row {row}")
    if np.all(data.y == data.y[:1]):
        got = f"{data.y[0]:g} in every row" if data.rows else "no row"
        raise ValueError(f"`data` must hold labels y that are not all the same; got {got}")
    return data


def _shaped(X: np.ndarray | StoredRows, y: np.ndarray | StoredRows, path: str | None) -> Dataset:
    for name, array in (("X", X), ("y", y)):
        if array.dtype.kind not in "fiub":
            raise ValueError(f"`data` must hold real numbers; {name} is of type {array.dtype}")
    if X.ndim != 2 or X.shape[1] < 2:
        raise ValueError(f"`data` must hold inputs X of shape (n_total, d), d at least 2; got an X of shape {X.shape}")
    if y.ndim != 1:
        raise ValueError(f"`data` must hold labels y of shape (n_total,); got a y of shape {y.shape}")
    if len(X) != len(y):
        raise ValueError(f"`data` must hold one label for each row of X; got {len(X)} rows and {len(y)} labels")
    return Dataset(X, np.asarray(y, dtype=float), path)


def load_dataset(path: str | os.PathLike[str], label: str | None = None, *, standardize: bool = False) -> Dataset:
    """Inputs with labels of a file; arrays that are not compressed are mapped into memory, none is unpickled.

    Parameters
    ----------
    path : path
        X and y in one .npz; or X in .npy; or a table in .csv or .parquet.
    label : str, optional
        The column of a table that holds the labels, or the .npy file that does.
    standardize : bool
        As of `standardized`.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        As `as_dataset`, and if a file is not what it should be, or entries are missing or no numbers.
    """
    if Path(path).suffix.lower() == ".npz":
        if label is not None:
            raise ValueError(f"`label` must be left out with a .npz file, which holds X and y; got {label!r}")
        data = as_dataset(*load_arrays(path, ("X", "y"), argument="data"), path=os.path.abspath(path))
    elif label is not None and Path(label).suffix.lower() == ".npy":
        table = read_labelled_table(path, label, names=("data", "label"))
        data = as_dataset(table.values, table.labels)
    elif label is None:
        raise ValueError(
            "`data` must end in .npz, which holds X and y, or go with `label`, a column or a .npy file; got "
            f"{str(path)!r}"
        )
    else:
        table = read_labelled_table(path, label=label, names=("data", "label"))
        data = as_dataset(table.values, table.labels)
    return standardized(data) if standardize else data


def standardized(data: Dataset) -> Dataset:
    """Columns and labels less their means, divided by their standard deviations over all rows, in memory.

    Constant columns are left out and counted.

    Raises
    ------
    ValueError
        If fewer than two columns are left, or the labels are constant.
    """
    X, y = np.array(data.X, dtype=float), data.y - data.y.mean()
    size = np.abs(X).max(axis=0)
    X -= X.mean(axis=0)
    scale = np.sqrt(np.mean(np.square(X), axis=0))
    kept = scale > 1e-12 * size  # what is left of a constant column is rounding
    if kept.sum() < 2:
        raise ValueError(f"`data` must have two columns that are not constant; got {int(kept.sum())}")
    if not np.any(y):
        raise ValueError("`data` must hold labels y that are not all the same")
    return Dataset(X[:, kept] / scale[kept], y / np.sqrt(np.mean(y**2)), left_out=int(np.sum(~kept)))


@lru_cache(maxsize=1)
def _opened(path: str) -> Dataset:
    """A file that has been checked before, in another process."""
    X, y = load_arrays(path, ("X", "y"), argument="data")
    return _shaped(X, y, path)


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a data set, as a batch of samples.

    Attributes
    ----------
    data : Dataset
    index : ndarray of int
        Ascending: a file is read from front to back.
    """

    data: Dataset
    index: np.ndarray

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.index)

    def part(self, start: int, stop: int) -> Rows:
        """Rows start … stop − 1 of these."""
        return Rows(self.data, self.index[start:stop])

    def blocks(self, block: int, *, dtype: DTypeLike = np.float64, first: int = 0, stride: int = 1) -> Iterator[Block]:
        """As `spikes.simulation.samples.Samples.blocks`."""
        for start in range(first * block, self.rows, stride * block):
            rows = slice(start, min(start + block, self.rows))
            index = self.index[rows]
            yield rows, self.data.X[index].astype(dtype, copy=False), self.data.y[index].astype(dtype, copy=False)


class Split(NamedTuple):
    """Disjoint rows for the step, the fit and the test."""

    step: Rows
    fit: Rows
    test: Rows


def check_shares(shares: Sequence[float], rows: int) -> tuple[int, int, int]:
    """Numbers of rows that three shares come to, rounded down.

    Raises
    ------
    ValueError
        If there are not three positive shares of sum at most 1, or one comes to fewer than 20 rows.
    """
    shares = tuple(float(s) for s in shares)
    if len(shares) != 3 or not all(math.isfinite(s) and s > 0.0 for s in shares) or sum(shares) > 1.0 + 1e-12:
        given = ", ".join(f"{s:g}" for s in shares)
        raise ValueError(f"`shares` must be three positive numbers, step, fit and test, of sum at most 1; got {given}")
    step, fit, test = (int(s * rows + 1e-9 * rows) for s in shares)
    if min(step, fit, test) < _LEAST:
        raise ValueError(
            f"`data` must hold enough rows for {_LEAST} in each share; {rows} rows give {step} for the step, "
            f"{fit} for the fit and {test} for the test"
        )
    return step, fit, test


def draw_split(data: Dataset, shares: Sequence[float], generator: np.random.Generator) -> Split:
    """Rows for step, fit and test, drawn without replacement; what the shares leave over is not used."""
    step, fit, test = check_shares(shares, data.rows)
    order = generator.permutation(data.rows)
    ends = np.cumsum([step, fit, test])
    return Split(*(Rows(data, np.sort(part)) for part in np.split(order[: ends[-1]], ends[:-1])))
