"""Products and Cholesky factors of matrices by blocks that a linear algebra library leaves to one thread."""

from __future__ import annotations

import numpy as np

__all__ = ["lower_factor", "product", "times_real"]

_ALONE = 250_000  # multiplications of a real matrix product that OpenBLAS leaves to one thread
_COMPLEX_ALONE = 4_000  # the same of a complex one, of which one may be a row
_FACTOR_ALONE = 64  # rows of a matrix whose factor it makes on one thread
_SOLVE_ALONE = 512  # right sides of a system of so many unknowns


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right by rows few enough for one thread of the linear algebra library: more cost more than they are worth.

    Parameters
    ----------
    left, right : ndarray, shape (..., m, k) and (..., k, n)

    Returns
    -------
    ndarray, shape (..., m, n)
    """
    each = right.shape[-2] * right.shape[-1]
    complex_left, complex_right = np.iscomplexobj(left), np.iscomplexobj(right)
    if complex_left or complex_right:
        if left.shape[-2] * each <= _COMPLEX_ALONE:
            return left @ right
        if not complex_right:
            return _from_parts(product(_real(left), right), product(_imaginary(left), right))
        if not complex_left:
            return _from_parts(product(left, _real(right)), product(left, _imaginary(right)))
        a, b, c, d = _real(left), _imaginary(left), _real(right), _imaginary(right)
        return _from_parts(product(a, c) - product(b, d), product(a, d) + product(b, c))
    rows = max(1, _ALONE // max(1, each))
    if left.shape[-2] <= rows:
        return left @ right
    return np.concatenate([left[..., i : i + rows, :] @ right for i in range(0, left.shape[-2], rows)], axis=-2)


def _real(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.real)


def _imaginary(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.imag)


def _from_parts(real: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    values = np.empty(real.shape, dtype=complex)
    values.real, values.imag = real, imaginary
    return values


def times_real(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right with a real right side, in half the operations of two complex ones.

    Parameters
    ----------
    left, right : ndarray, shape (..., m, k) and (..., k, n)
        The right side real.

    Returns
    -------
    ndarray, shape (..., m, n)
    """
    if not np.iscomplexobj(left):
        return left @ right
    return _from_parts(_real(left) @ right, _imaginary(left) @ right)


def lower_factor(squares: np.ndarray) -> np.ndarray:
    """Cholesky factor L of symmetric positive definite matrices LLᵀ: on one thread, whatever its size.

    The threads of a library's own factor wait for each other many times: beside other work that takes a hundred times
    what the factor takes.

    Parameters
    ----------
    squares : ndarray, shape (..., n, n)
        Real; the lower triangles are read.

    Returns
    -------
    ndarray, shape (..., n, n)

    Raises
    ------
    numpy.linalg.LinAlgError
        If one of them is not positive definite.
    """
    n = squares.shape[-1]
    if n <= _FACTOR_ALONE:
        return np.linalg.cholesky(squares)
    factor = np.zeros_like(squares)
    for start in range(0, n, _FACTOR_ALONE):
        stop = min(start + _FACTOR_ALONE, n)
        known = np.swapaxes(factor[..., start:stop, :start], -1, -2)
        left = squares[..., start:, start:stop] - product(factor[..., start:, :start], known)
        corner = np.linalg.cholesky(left[..., : stop - start, :])
        factor[..., start:stop, start:stop] = corner
        below = np.swapaxes(left[..., stop - start :, :], -1, -2)
        for i in range(0, n - stop, _SOLVE_ALONE):
            solved = np.linalg.solve(corner, below[..., i : i + _SOLVE_ALONE])
            factor[..., stop + i : stop + i + _SOLVE_ALONE, start:stop] = np.swapaxes(solved, -1, -2)
    return factor
