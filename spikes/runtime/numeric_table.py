"""Tables of numbers, whatever holds them: arrays, DataFrames, masked and sparse arrays; text is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["entries", "listed", "numeric_array"]

_SHOWN = 3  # names or places that a message lists


def numeric_array(
    table: Any, argument: str, *, checked: Callable[[tuple[int, ...]], None] | None = None
) -> tuple[np.ndarray, list[str]]:
    """A table as an array, missing entries as NaN, and the names of its columns if it has them.

    Parameters
    ----------
    table : array_like, DataFrame, Series, masked array or sparse table
    argument : str
        What a complaint calls it.
    checked : callable, optional
        Of the shape, before a sparse table is filled.

    Raises
    ------
    ValueError
        If it holds anything but numbers.
    """
    if hasattr(table, "columns") and hasattr(table, "to_numpy"):
        labels = [str(name) for name in table.columns]
        dtypes = list(table.dtypes.values) if hasattr(table.dtypes, "values") else list(table.dtypes)
        text = [name for name, dtype in zip(labels, dtypes, strict=True) if not _numeric(dtype)]
        if text:
            raise ValueError(
                f"`{argument}` must hold numbers; {listed(text, 'column')} not numeric: leave out or encode"
            )
        numbers = table.to_numpy()
        if numbers.dtype == object:  # columns with a missing value of their own kind
            numbers = table.astype("float64").to_numpy()
        return numbers, labels
    if hasattr(table, "toarray") and hasattr(table, "nnz"):
        if checked is not None and len(table.shape) == 2:
            checked(table.shape)
        return table.toarray(), []
    if isinstance(table, np.ma.MaskedArray):
        kind = complex if table.dtype.kind == "c" else float
        return np.ma.filled(table.astype(kind), np.nan), []
    try:
        values = np.asarray(table)
    except ValueError:
        raise ValueError(f"`{argument}` must have rows of one length") from None
    if values.dtype == object:
        try:
            values = values.astype(float)
        except (TypeError, ValueError):
            raise ValueError(f"`{argument}` must hold numbers; got objects such as {values.flat[0]!r}") from None
    if values.dtype.kind == "V":
        try:
            values = values.astype(np.float32)  # bfloat16 and its like, where their package is loaded
        except (TypeError, ValueError):
            raise ValueError(f"`{argument}` must hold numbers; got {values.dtype}") from None
    if values.dtype.kind not in "fiubc":
        raise ValueError(f"`{argument}` must hold numbers; got {values.dtype}")
    return values, []


def _numeric(dtype: Any) -> bool:
    kind = getattr(dtype, "kind", None)
    if kind is None:
        return bool(getattr(dtype, "is_numeric", lambda: False)())
    return kind in "fiubc"


def listed(names: Sequence[str], what: str) -> str:
    """``columns 'a', 'b' and 7 more are``."""
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}{'s' if len(names) > 1 else ''} {shown}{more} {'are' if len(names) > 1 else 'is'}"


def entries(mask: np.ndarray) -> str:
    """``1 entry is`` or ``7 entries are``, of those that a mask marks."""
    count = int(mask.sum())
    return "1 entry is" if count == 1 else f"{count} entries are"
