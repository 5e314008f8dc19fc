"""Rows with labels from arrays, DataFrames or files; what is missing, no number or of another length is refused.

Rows that stay in their file, and memory maps, are looked through block by block.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikes.runtime.array_file import StoredRows, load_arrays, load_rows, load_table
from spikes.runtime.numeric_table import entries, numeric_array

__all__ = ["LabelledTable", "constant_columns", "labelled_table", "read_labelled_table"]

_BLOCK = 2**22  # entries that are looked at at once


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """Rows of numbers, each with a label.

    Attributes
    ----------
    values : ndarray or StoredRows, shape (m, N)
        Real and finite, of any type.
    labels : ndarray of float, shape (m,)
    columns : tuple of str
        Names of the columns; their numbers where there are no names.
    """

    values: np.ndarray | StoredRows
    labels: np.ndarray
    columns: tuple[str, ...]


def labelled_table(
    values: Any, labels: Any = None, *, label: str | None = None, names: tuple[str, str] = ("features", "labels")
) -> LabelledTable:
    """Rows of numbers with their labels, given apart or as one column of a DataFrame.

    Parameters
    ----------
    values : array_like or DataFrame, shape (m, N)
    labels : array_like or Series, shape (m,), optional
        Left out where `label` names a column.
    label : str, optional
        Column of `values` that holds the labels; the others are the features.
    names : tuple of str
        What complaints call the two.

    Returns
    -------
    LabelledTable

    Raises
    ------
    ValueError
        If something is missing, is no number, or does not fit.
    """
    of_values, of_labels = names
    if label is not None:
        if labels is not None:
            raise ValueError(f"`label` must be left out beside `{of_labels}`, which are the labels; got {label!r}")
        values, labels = _without_column(values, label, of_values)
    if labels is None:
        raise ValueError(f"`label` must name the column of `{of_values}` that holds the labels, where none are given")
    array, columns = _features(values, of_values)
    target = _label_array(labels, of_labels, label)
    if array.dtype.kind == "c":
        raise ValueError(f"`{of_values}` must hold real numbers; got {array.dtype}")
    if array.ndim != 2 or array.shape[1] < 1:
        raise ValueError(f"`{of_values}` must have two dimensions, rows and columns; got shape {array.shape}")
    if len(target) != len(array):
        raise ValueError(f"`{of_labels}` must be one for each of {len(array)} rows; got {len(target)}")
    named = tuple(columns) or tuple(str(j) for j in range(array.shape[1]))
    _check_complete(array, named, of_values)
    absent = ~np.isfinite(target)
    if absent.any():
        raise ValueError(
            f"`{of_labels}` must be complete and finite; {entries(absent)} not, the first in row "
            f"{int(np.argmax(absent))}: leave such rows out"
        )
    if np.ptp(target) == 0.0:
        raise ValueError(f"`{of_labels}` must not be all the same; got {target[0]:g} in every row")
    return LabelledTable(array, target, named)


def _features(values: Any, argument: str) -> tuple[np.ndarray | StoredRows, list[str]]:
    if isinstance(values, StoredRows):
        if values.dtype.kind not in "fiubc":
            raise ValueError(f"`{argument}` must hold numbers; got {values.dtype}")
        return values, []
    array, columns = numeric_array(values, argument)
    if not isinstance(array, np.memmap) and not isinstance(array.base, np.memmap):
        array = np.ascontiguousarray(array)  # the same bits from whatever held them
    return array, columns


def _without_column(table: Any, label: str, argument: str) -> tuple[Any, Any]:
    if not (hasattr(table, "columns") and hasattr(table, "drop")):
        raise ValueError(f"`label` must go with a table of named columns; `{argument}` has none")
    known = [str(name) for name in table.columns]
    if label not in known:
        shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
        raise ValueError(f"`label` must be one of the columns {shown}; got {label!r}")
    if known.count(label) > 1:
        raise ValueError(f"`label` must name one column; {known.count(label)} are called {label!r}")
    name = table.columns[known.index(label)]
    return table.drop(columns=[name]), table[name]


def _label_array(labels: Any, argument: str, label: str | None) -> np.ndarray:
    what = f"column {label!r}" if label is not None else f"`{argument}`"
    try:
        array, _ = numeric_array(labels, argument)
    except ValueError:
        first = str(next(iter(np.asarray(labels).ravel()), ""))
        raise ValueError(
            f"{what} must hold numbers; got {first!r}: write classes as numbers, such as −1 and 1"
        ) from None
    if array.dtype.kind == "c":
        raise ValueError(f"{what} must hold real numbers; got {array.dtype}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} must be one number for each row; got shape {array.shape}")
    return np.array(array, dtype=float)


def _check_complete(values: np.ndarray | StoredRows, columns: Sequence[str], argument: str) -> None:
    if values.dtype.kind in "iub":
        return
    count, first = 0, (0, 0)
    size = max(1, _BLOCK // values.shape[1])
    for start in range(0, len(values), size):
        absent = ~np.isfinite(values[start : start + size])
        if absent.any():
            if count == 0:
                row, column = np.argwhere(absent)[0]
                first = (start + int(row), int(column))
            count += int(absent.sum())
    if count:
        number = "1 entry is" if count == 1 else f"{count} entries are"
        raise ValueError(
            f"`{argument}` must be complete and finite; {number} missing or infinite, the first in row {first[0]}, "
            f"column {columns[first[1]]!r}: fill or leave out"
        )


def constant_columns(values: np.ndarray | StoredRows) -> np.ndarray:
    """Which columns hold one value alone, block by block; shape (N,)."""
    size = max(1, _BLOCK // values.shape[1])
    first = values[:1]
    constant = np.ones(values.shape[1], dtype=bool)
    for start in range(0, len(values), size):
        constant &= (values[start : start + size] == first).all(axis=0)
    return constant


def read_labelled_table(
    path: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    label: str | None = None,
    names: tuple[str, str] = ("FEATURES", "LABELS"),
) -> LabelledTable:
    """As `labelled_table`, from files.

    Parameters
    ----------
    path : path
        A matrix in .npy, .csv or .parquet, or X and y in one .npz.
    labels : path, optional
        Their labels in .npy, .csv or .parquet of one column.
    label : str, optional
        The column of a .csv or .parquet that holds the labels.
    names : tuple of str
        What complaints call the two.

    Returns
    -------
    LabelledTable

    Raises
    ------
    ValueError
        If a file cannot be read as such, or as `labelled_table` raises.
    """
    of_values, of_labels = names
    if labels is None and label is None:
        if Path(path).suffix.lower() == ".npz":
            return labelled_table(*load_arrays(path, ("X", "y"), argument=of_values), names=names)
        raise ValueError(f"`{of_labels}` must be given, or `label`, the column of `{of_values}` that holds them")
    target = None if labels is None else _table(labels, of_labels)
    return labelled_table(_table(path, of_values), target, label=label, names=names)


def _table(path: str | os.PathLike[str], argument: str) -> Any:
    if Path(path).suffix.lower() == ".npy":
        return load_rows(path, argument=argument)
    try:
        table, _ = load_table(path)
    except ValueError as error:
        raise ValueError(str(error).replace("`path`", f"`{argument}`")) from None
    return table
