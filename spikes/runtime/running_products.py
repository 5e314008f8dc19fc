"""Products added to a running sum, C ← C + AᵀB and C ← C + AᵀA, while other threads run.

`scipy.linalg.blas` holds the interpreter's lock during a product, so that threads which share blocks of rows take
turns; `np.dot` releases it and cannot add. The same routines called through `ctypes` do both.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address

__all__ = ["add_gram", "add_product", "routine"]

_SCALARS = {np.dtype(np.float32): ("s", ctypes.c_float), np.dtype(np.float64): ("d", ctypes.c_double)}


def add_product(total: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """total += leftᵀ right in place.

    Parameters
    ----------
    total : ndarray, shape (N, d)
        C-ordered, of type float32 or float64.
    left : ndarray, shape (b, N)
        Like `right` converted to C order and the type of `total` where it is not.
    right : ndarray, shape (b, d)

    Raises
    ------
    ValueError
        If shapes, order or type do not fit.
    """
    left, right = (np.ascontiguousarray(rows, total.dtype) for rows in (left, right))
    if not total.flags.c_contiguous or total.shape != (left.shape[1], right.shape[1]) or len(left) != len(right):
        raise ValueError(
            f"`total` must be C-ordered of shape (N, d) = {(left.shape[1], right.shape[1])}, for as many rows of "
            f"`left` as of `right`; got {total.shape}, {len(left)} and {len(right)} rows"
        )
    # In the Fortran order of the routine: totalᵀ ← rightᵀ left + totalᵀ.
    (N, d), b = total.shape, len(left)
    routine("blas", "gemm", total.dtype)(b"N", b"T", d, N, b, 1.0, right, d, left, N, 1.0, total, d)


def add_gram(total: np.ndarray, rows: np.ndarray) -> None:
    """total += rowsᵀ rows in place, in the upper triangle alone.

    Parameters
    ----------
    total : ndarray, shape (N, N)
        Fortran-ordered, of type float32 or float64.
    rows : ndarray, shape (b, N)
        Converted to C order and the type of `total` where it is not.

    Raises
    ------
    ValueError
        If shapes, order or type do not fit.
    """
    rows = np.ascontiguousarray(rows, total.dtype)
    b, N = rows.shape
    if not total.flags.f_contiguous or total.shape != (N, N):
        raise ValueError(f"`total` must be Fortran-ordered of shape (N, N) = {(N, N)}; got {total.shape}")
    routine("blas", "syrk", total.dtype)(b"U", b"N", N, b, 1.0, rows, N, 1.0, total, N)


@lru_cache
def routine(library: str, name: str, dtype: np.dtype) -> Callable[..., None]:
    """A routine of the BLAS or the LAPACK that scipy was built with, called with the values of its arguments.

    Parameters
    ----------
    library : {"blas", "lapack"}
    name : str
        Without the letter of its type.
    dtype : dtype

    Returns
    -------
    callable
        Of bytes, ints and floats, handed in by value, and arrays, which it may write to; it holds no lock.

    Raises
    ------
    ValueError
        If the type is neither float32 nor float64.
    """
    if dtype not in _SCALARS:
        raise ValueError(f"`total` must be of type float32 or float64; got {dtype}")
    letter, scalar = _SCALARS[dtype]
    address = get_cython_function_address(f"scipy.linalg.cython_{library}", letter + name)

    def call(*values: bytes | int | float | np.ndarray) -> None:
        arguments: list[Any] = []
        for value in values:
            if isinstance(value, np.ndarray):
                arguments.append(ctypes.c_void_p(value.ctypes.data))
            elif isinstance(value, bytes):
                arguments.append(ctypes.c_char_p(value))
            elif isinstance(value, int):
                arguments.append(ctypes.byref(ctypes.c_int(value)))
            else:
                arguments.append(ctypes.byref(scalar(value)))
        called(*arguments)

    called = ctypes.CFUNCTYPE(None)(address)  # releases the lock for the time of the call
    return call
