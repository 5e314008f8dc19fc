"""Roots and least values of many functions of one variable at once, between bounds that hold them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import elementwise

__all__ = ["bracketed_minimum", "bracketed_root"]

_LARGE = 1e300  # stands for an infinite value, of which only the sign counts


def bracketed_root(
    function: Callable[..., np.ndarray],
    low: np.ndarray,
    high: np.ndarray,
    *args: np.ndarray,
    tolerance: float | None = None,
) -> np.ndarray:
    """Zeros of increasing functions, to the rounding of x or of the function (Chandrupatla's method).

    Parameters
    ----------
    function : callable
        f(x, *args), elementwise; ±∞ counts as a value of that sign.
    low, high : ndarray
        Bounds, low ≤ high, of any shapes that broadcast with one another and with `args`.
    *args : ndarray
        What f needs beside x, of one element for each root.
    tolerance : float, optional
        Width of the last bracket in units of x, absolute; by default four roundings of x.

    Returns
    -------
    ndarray
        Of the common shape. Where f > 0 on the whole bracket its lower end, where f < 0 its upper one: an increasing
        function whose zero is at the end to rounding may be seen so.

    Raises
    ------
    ArithmeticError
        If f is NaN on the way, with the bracket.

    References
    ----------
    Chandrupatla, Advances in Engineering Software 28 (1997) 145.

    Examples
    --------
    >>> bracketed_root(lambda x, a: x**3 - a, 0.0, 10.0, np.array([8.0, 27.0]))
    array([2., 3.])
    """
    low, high, *args = np.broadcast_arrays(np.asarray(low, dtype=float), np.asarray(high, dtype=float), *args)

    def finite(x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.clip(function(x, *rest), -_LARGE, _LARGE)

    result = np.array(low)
    if not low.size:
        return result
    at_low, at_high = finite(low, *args), finite(high, *args)
    result[at_high <= 0.0] = high[at_high <= 0.0]
    result[at_low >= 0.0] = low[at_low >= 0.0]
    open_ = ~((at_low >= 0.0) | (at_high <= 0.0))
    if open_.any():
        tolerances = {} if tolerance is None else {"xatol": tolerance, "xrtol": 0.0}
        with np.errstate(all="ignore"):
            answer = elementwise.find_root(
                finite, (low[open_], high[open_]), args=tuple(a[open_] for a in args), tolerances=tolerances
            )
        if not answer.success.all():
            i = np.flatnonzero(~answer.success)[0]
            raise ArithmeticError(
                f"no root was found between {low[open_][i]:.6g} and {high[open_][i]:.6g}: the function is "
                f"{answer.f_x[i]:.3g} at {answer.x[i]:.6g}; its parameters are beyond what floating point resolves"
            )
        result[open_] = answer.x
    return result


def bracketed_minimum(
    function: Callable[..., np.ndarray], low: np.ndarray, high: np.ndarray, *args: np.ndarray, probes: int = 17
) -> tuple[np.ndarray, np.ndarray]:
    """Where functions of one valley are least, to half of the digits of x, and their values (Chandrupatla's method).

    Parameters
    ----------
    function : callable
        f(x, *args), elementwise; it falls, then rises. +∞ is allowed away from the least value.
    low, high : ndarray, shape (K,)
        Bounds, low < high.
    *args : ndarray, shape (K,)
        What f needs beside x.
    probes : int
        Points, evenly spaced, that find the valley before it is searched.

    Returns
    -------
    place, value : ndarray, shape (K,)

    Raises
    ------
    ArithmeticError
        If f is NaN at a probe, with the bounds.

    References
    ----------
    Chandrupatla, Computer Methods in Applied Mechanics and Engineering 152 (1998) 211.

    Examples
    --------
    >>> centre = np.array([0.25, 1.0])
    >>> place, value = bracketed_minimum(lambda x, a: (x - a) ** 2 + 1.0, np.zeros(2), np.ones(2), centre)
    >>> print(np.round(place, 6), value)
    [0.25 1.  ] [1. 1.]
    """
    low, high = (np.asarray(bound, dtype=float) for bound in (low, high))

    def finite(x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.minimum(function(x, *rest), _LARGE)

    if not low.size:
        return np.empty(0), np.empty(0)
    share = np.linspace(0.0, 1.0, probes)[:, None]
    grid = low + (high - low) * share
    value = np.stack([finite(x, *args) for x in grid])
    if np.isnan(value).any():
        i = np.argwhere(np.isnan(value))[0][1]
        raise ArithmeticError(f"the function has no value between {low[i]:.6g} and {high[i]:.6g}, where it was sought")
    least, rows = np.argmin(value, axis=0), np.arange(len(low))
    place, best = grid[least, rows], value[least, rows]
    inner = (least > 0) & (least < probes - 1)
    if inner.any():
        at = least[inner]
        bracket = tuple(grid[at + side, rows[inner]] for side in (-1, 0, 1))
        with np.errstate(all="ignore"):
            answer = elementwise.find_minimum(finite, bracket, args=tuple(np.asarray(a)[inner] for a in args))
        better = answer.f_x < best[inner]
        place[inner], best[inner] = np.where(better, answer.x, place[inner]), np.minimum(answer.f_x, best[inner])
    return place, best
