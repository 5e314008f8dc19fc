"""Singular values and vectors of a matrix by its smaller Gram matrix, or whole where squares do not resolve them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd

from spikes.runtime.memory import check_memory

__all__ = ["METHODS", "Decomposition", "check_size", "decompose"]

METHODS = ("gram", "svd")

_UNRESOLVED = 1e-9  # squares below this share of the largest lose digits that singular values have


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Singular values and the vectors of the shorter side of X (n, p).

    Attributes
    ----------
    lines : ndarray, shape (max(n, p), m)
        X, or its transpose where it has more columns than rows; m = min(n, p).
    turned : bool
        Whether it is the transpose.
    singular_values : ndarray, shape (m,)
        Of X, decreasing.
    vectors : ndarray, shape (m, m)
        Right singular vectors of `lines`, in columns.
    """

    lines: np.ndarray
    turned: bool
    singular_values: np.ndarray
    vectors: np.ndarray

    def triplet(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Left and right unit vectors of X that belong to its i-th singular value."""
        short = self.vectors[:, i]
        long = self.lines @ short
        long /= np.linalg.norm(long)
        return (short.conj(), long.conj()) if self.turned else (long, short)


def check_size(shape: tuple[int, ...], copies: float = 5.2) -> None:
    """Refuse a matrix of which so many copies beside its Gram matrix do not fit in the memory that is free.

    Parameters
    ----------
    shape : tuple of int
    copies : float
        5.2 is what the study of one matrix takes.

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    n, p = shape
    stated = f"`matrix` must fit in memory several times over: {n} × {p}"
    check_memory(stated, copies * n * p + 4.0 * min(n, p) ** 2, remedy="take a part of its rows")


def decompose(X: np.ndarray, method: str = "gram") -> Decomposition:
    """Decompose a matrix.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Of type float64 or complex128.
    method : {"gram", "svd"}
        By the smaller Gram matrix, and by svd, several times slower, if that leaves singular values unresolved.

    Returns
    -------
    Decomposition

    Raises
    ------
    ValueError
        If the method is neither.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}; got {method!r}")
    turned = len(X) < X.shape[1]
    lines = np.ascontiguousarray(X.T if turned else X)
    # In units of the largest entry neither squares nor their sums leave the range of numbers.
    unit = float(np.abs(lines).max()) or 1.0
    scaled = lines / unit
    if method == "gram":
        values, vectors = eigh(scaled.conj().T @ scaled, overwrite_a=True, check_finite=False, driver="evd")
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        unresolved = values < _UNRESOLVED * values[0]
        if not (unresolved & (values > 1e-15 * len(values) * values[0])).any():
            return Decomposition(lines, turned, unit * np.sqrt(values), vectors)
    _, s, Vh = svd(scaled, full_matrices=False, check_finite=False)
    return Decomposition(lines, turned, unit * s, Vh.conj().T)
