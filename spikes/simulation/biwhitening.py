"""Counts brought to noise of one variance: rows and columns rescaled until every one of them has variance 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Biwhitened", "biwhiten"]


@dataclass(frozen=True, eq=False)
class Biwhitened:
    """Counts with rescaled rows and columns.

    Attributes
    ----------
    matrix : ndarray, shape (n, p)
        u_i X_ij v_j, without the rows and columns that were empty.
    row_factors, column_factors : ndarray
        u and v.
    residual : float
        Largest relative distance of a row's or column's variance from 1.
    iterations : int
    """

    matrix: np.ndarray
    row_factors: np.ndarray
    column_factors: np.ndarray
    residual: float
    iterations: int


def biwhiten(counts: np.ndarray, *, tolerance: float = 1e-8, most: int = 10_000) -> Biwhitened:
    """Rescale counts so that u_i² X_ij v_j² has mean 1 in every row and column.

    The variance of a Poisson number is its mean, which X_ij itself estimates without bias, so that the noise of the
    rescaled matrix has the mean variance 1 in every row and column, and Marchenko and Pastur's law (Sinkhorn scaling).

    Parameters
    ----------
    counts : ndarray, shape (n, p)
        Non-negative.
    tolerance : float
    most : int
        Iterations.

    Returns
    -------
    Biwhitened

    Raises
    ------
    ValueError
        If an entry is negative, or all are 0.
    ArithmeticError
        If the scaling does not converge: rows or columns with few counts block it.

    References
    ----------
    Landa, Zhang and Kluger, arXiv 2103.13840.
    """
    counts = np.asarray(counts, dtype=float)
    if not (counts >= 0.0).all():
        raise ValueError(f"`counts` must be non-negative; got {counts[~(counts >= 0.0)].flat[0]:g}")
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    if not counts.size:
        raise ValueError("`counts` must not be all 0")
    n, p = counts.shape
    rows, columns = np.ones(n), np.full(p, n / counts.sum() * p / n)
    residual = np.inf
    for iteration in range(1, most + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            rows = p / (counts @ columns)
            sums = rows @ counts
            step = float(np.abs(columns * sums / n - 1.0).max())
            columns = n / sums
        if not (np.isfinite(step) and np.isfinite(columns).all()):
            break  # factors run off to 0 and infinity
        residual = step
        if residual <= tolerance:
            u, v = np.sqrt(rows), np.sqrt(columns)
            return Biwhitened(u[:, None] * counts * v, u, v, residual, iteration)
    raise ArithmeticError(
        f"the scaling of counts did not converge in {iteration} iterations: residual {residual:.2g}, wanted "
        f"{tolerance:.2g}; leave out rows and columns with few counts"
    )
