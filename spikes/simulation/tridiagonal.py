"""A symmetric matrix reduced once to what makes shifts cheap: A = B T Bᵀ, B orthogonal, T tridiagonal or diagonal.

The reduction costs a quarter of an eigendecomposition, each shift of T some N operations, and B, a product of
reflectors, is applied to a few columns and never formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.linalg.lapack import dptsv

from spikes.runtime.running_products import routine

__all__ = ["Basis", "Eigenbasis", "Tridiagonal", "tridiagonal"]


class Basis(Protocol):
    """A positive semi-definite A (m, m) in a basis in which A + λ is solved in some m operations."""

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """Bᵀx for x (m,), in float64."""

    def combined(self, q: np.ndarray) -> np.ndarray:
        """Bq for columns q (m, k), in the type of A."""

    def shifted(self, coordinates: np.ndarray, shifts: Sequence[float] | np.ndarray) -> np.ndarray:
        """(T + λ)^(-1) c for every shift λ, in columns (m, L)."""

    def leading(self, count: int) -> np.ndarray:
        """Eigenvectors of the `count` largest eigenvalues, in decreasing order, in columns."""


@dataclass(frozen=True, eq=False)
class Eigenbasis:
    """The basis in which A is diagonal.

    Attributes
    ----------
    values : ndarray, shape (m,)
        In decreasing order.
    vectors : ndarray, shape (m, m)
    """

    values: np.ndarray
    vectors: np.ndarray

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """Bᵀx for x (m,), in float64."""
        return np.asarray(self.vectors.T @ x.astype(self.vectors.dtype, copy=False), dtype=float)

    def combined(self, q: np.ndarray) -> np.ndarray:
        """Bq for columns q (m, k), in the type of A."""
        return self.vectors @ q.astype(self.vectors.dtype, copy=False)

    def shifted(self, coordinates: np.ndarray, shifts: Sequence[float] | np.ndarray) -> np.ndarray:
        """(T + λ)^(-1) c for every shift λ, in columns (m, L)."""
        return coordinates[:, None] / (self.values.astype(float)[:, None] + np.asarray(shifts, dtype=float))

    def leading(self, count: int) -> np.ndarray:
        """Eigenvectors of the `count` largest eigenvalues, in decreasing order, in columns."""
        return self.vectors[:, :count]


@dataclass(frozen=True, eq=False)
class Tridiagonal:
    """The basis in which A is tridiagonal.

    Attributes
    ----------
    diagonal : ndarray, shape (m,)
        Of T, in float64.
    off : ndarray, shape (m − 1,)
        Entries beside it.
    reflectors : ndarray, shape (m, m)
        Their vectors, above the second diagonal, in the type of A.
    factors : ndarray, shape (m − 1,)
        Of the reflectors.
    """

    diagonal: np.ndarray
    off: np.ndarray
    reflectors: np.ndarray
    factors: np.ndarray

    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of A, in decreasing order and, as rounding alone makes one negative, not below 0."""
        values = eigh_tridiagonal(self.diagonal, self.off, eigvals_only=True, lapack_driver="sterf", check_finite=False)
        return np.maximum(values[::-1], 0.0)

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """Bᵀx for x (m,), in float64."""
        return self._reflected(x[:, None], b"T")[:, 0].astype(float, copy=False)

    def combined(self, q: np.ndarray) -> np.ndarray:
        """Bq for columns q (m, k), in the type of A."""
        return self._reflected(q, b"N")

    def shifted(self, coordinates: np.ndarray, shifts: Sequence[float] | np.ndarray) -> np.ndarray:
        """(T + λ)^(-1) c for every shift λ, in columns (m, L).

        Raises
        ------
        ArithmeticError
            If rounding leaves T + λ indefinite.
        """
        solutions = np.empty((len(self.diagonal), len(shifts)), order="F")
        for i, shift in enumerate(shifts):
            _, _, solutions[:, i], failed = dptsv(self.diagonal + shift, self.off, coordinates)
            if failed:
                raise ArithmeticError(
                    f"the penalty {shift:.3g} is hidden by rounding of the Gram matrix, of which the largest entry is "
                    f"{np.abs(self.diagonal).max():.3g}; `method` svd keeps twice the digits"
                )
        return solutions

    def leading(self, count: int) -> np.ndarray:
        """Eigenvectors of the `count` largest eigenvalues, in decreasing order, in columns: by inverse iteration."""
        m = len(self.diagonal)
        if count == 0:
            return np.zeros((m, 0), self.reflectors.dtype)
        _, vectors = eigh_tridiagonal(
            self.diagonal,
            self.off,
            select="i",
            select_range=(m - count, m - 1),
            lapack_driver="stebz",
            check_finite=False,
        )
        return self._reflected(vectors[:, ::-1], b"N")

    def _reflected(self, columns: np.ndarray, transposed: bytes) -> np.ndarray:
        """B or its transpose times columns."""
        result = np.array(columns, dtype=self.reflectors.dtype, order="F")
        (m, k), failed = result.shape, np.zeros(1, np.int32)
        apply, length = routine("lapack", "ormtr", result.dtype), -1
        work = np.zeros(1, result.dtype)
        for _ in range(2):  # first asked for the length of its memory
            apply(b"L", b"U", transposed, m, k, self.reflectors, m, self.factors, result, m, work, length, failed)
            length = max(1, int(work[0]))
            work = np.zeros(length, result.dtype)
        return result


def tridiagonal(upper: np.ndarray) -> Tridiagonal:
    """Reduce a symmetric matrix to tridiagonal form by Householder reflectors (LAPACK's sytrd).

    Parameters
    ----------
    upper : ndarray, shape (m, m)
        Fortran-ordered; its upper triangle is A. It is overwritten.

    Returns
    -------
    Tridiagonal

    Raises
    ------
    ValueError
        If the matrix is not in that order.
    """
    m, dtype = len(upper), upper.dtype
    if not upper.flags.f_contiguous or upper.shape != (m, m):
        raise ValueError(f"`upper` must be Fortran-ordered of shape (m, m); got {upper.shape}")
    diagonal, off, factors = np.zeros(m, dtype), np.zeros(m - 1, dtype), np.zeros(m - 1, dtype)
    reduce, length, work, failed = routine("lapack", "sytrd", dtype), -1, np.zeros(1, dtype), np.zeros(1, np.int32)
    for _ in range(2):  # first asked for the length of its memory
        reduce(b"U", m, upper, m, diagonal, off, factors, work, length, failed)
        length = max(1, int(work[0]))
        work = np.zeros(length, dtype)
    return Tridiagonal(diagonal.astype(float), off.astype(float), upper, factors)
