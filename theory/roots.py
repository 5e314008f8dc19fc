"""Roots and least values of many functions of one variable at once, between bounds that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["bracketed_minimum", "bracketed_root", "root_between"]

_STEPS = 4000  # halvings from the widest to the narrowest bracket of floats are 2100, and interpolation between them
_SLOW = 3  # steps in which they have to halve
_ROUNDS = 8  # of 16 parts each: the digits of half a float
_LARGE = 1e300  # stands for an infinite value, of which only the sign counts


def bracketed_root(
    function: Callable[..., np.ndarray],
    low: ArrayLike,
    high: ArrayLike,
    *args: ArrayLike,
    tolerance: float = 2.0 * np.finfo(float).eps,
    absolute: float = 1e-320,
) -> np.ndarray:
    """Zeros of increasing functions, to the rounding of x or of the function.

    Chandrupatla's method: inverse quadratic interpolation where it is safe, halving elsewhere. It is written out
    because a step of `scipy.optimize.elementwise.find_root`, the same method, takes several times as long on the few
    dozen roots that are sought at once here, within one another.

    Parameters
    ----------
    function : callable
        f(x, *args), elementwise; ±∞ counts as a value of that sign.
    low, high : ndarray
        Bounds, low ≤ high, of any shapes that broadcast with one another and with `args`.
    *args : ndarray
        What f needs beside x, of one element for each root.
    tolerance, absolute : float
        Relative and absolute width of the last bracket; its better end is the root.

    Returns
    -------
    ndarray
        Of the common shape. Where f > 0 on the whole bracket its lower end, where f < 0 its upper one: an increasing
        function whose zero is at the end to rounding may be seen so.

    Raises
    ------
    ArithmeticError
        If f is NaN on the way, with the bracket, or the bracket does not close.

    References
    ----------
    Chandrupatla, Advances in Engineering Software 28 (1997) 145.

    Examples
    --------
    >>> bracketed_root(lambda x, a: x**3 - a, 0.0, 10.0, np.array([8.0, 27.0]))
    array([2., 3.])
    """
    low, high, *rest = np.broadcast_arrays(np.asarray(low, dtype=float), np.asarray(high, dtype=float), *args)
    result = np.array(low)
    with np.errstate(all="ignore"):
        a, b, rest = low.ravel(), high.ravel(), [each.ravel() for each in rest]
        fa, fb = (np.clip(function(x, *rest), -_LARGE, _LARGE) if x.size else x for x in (a, b))
        flat = np.where(fa >= 0.0, a, b)
        live = np.flatnonzero(~((fa >= 0.0) | (fb <= 0.0)))
        a, b, fa, fb, rest = a[live], b[live], fa[live], fb[live], [each[live] for each in rest]
        share = np.full(a.shape, 0.5)
        for _ in range(_STEPS):
            if not live.size:
                break
            x = a + share * (b - a)
            fx = np.clip(function(x, *rest), -_LARGE, _LARGE)
            if np.isnan(fx).any() or np.isnan(fa).any() or np.isnan(fb).any():
                i = np.flatnonzero(np.isnan(fx) | np.isnan(fa) | np.isnan(fb))[0]
                raise ArithmeticError(
                    f"no root was found between {min(a[i], b[i]):.6g} and {max(a[i], b[i]):.6g}: the function is "
                    f"{fx[i]:.3g} at {x[i]:.6g}; its parameters are beyond what floating point resolves"
                )
            same = (fx > 0.0) == (fa > 0.0)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = x, fx
            best = np.where(np.abs(fa) < np.abs(fb), a, b)
            flat[live] = best
            least = (tolerance * np.abs(best) + absolute) / np.abs(b - a)
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
            curved = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            share = np.where(safe, curved, 0.5)
            share = np.where(np.isfinite(share), np.clip(share, least, 1.0 - least), 0.5)
            open_ = (least < 0.5) & (fa != 0.0) & (fb != 0.0)
            if not open_.all():
                live, share = live[open_], share[open_]
                a, b, fa, fb = a[open_], b[open_], fa[open_], fb[open_]
                rest = [each[open_] for each in rest]
        else:
            raise ArithmeticError(
                f"the bracket from {min(a[0], b[0]):.17g} to {max(a[0], b[0]):.17g} did not close in {_STEPS} steps: "
                "the function is not continuous there"
            )
    result[...] = flat.reshape(low.shape)
    return result


def root_between(
    function: Callable[[float], float], places: Sequence[float], values: Sequence[float], *, last: float
) -> float:
    """Zero of one smooth function of which a value costs much, from values on both sides of it.

    Inverse interpolation through the three known values that are nearest zero, halving where that leaves the bracket or
    its steps do not shrink. The root is returned without its value, and is better than the last step.

    Parameters
    ----------
    function : callable
        f(x), finite.
    places, values : sequence of float
        Known places, the last two of them a bracket, and f there: of opposite signs in the bracket.
    last : float
        Step below which the next place is returned. Its error is that step to the power 1.8, where f is smooth.

    Returns
    -------
    float

    Raises
    ------
    ArithmeticError
        If the bracket does not hold a change of sign or f is not finite, with the bracket.

    Examples
    --------
    >>> print(f"{root_between(lambda x: x**3 - 8.0, (1.0, 3.0), (-7.0, 19.0), last=1e-6):.10f}")
    2.0000000000
    """
    known = list(zip(map(float, places), map(float, values), strict=True))
    a, b = known[-2:]
    steps: list[float] = []
    for _ in range(_STEPS):
        if not (np.isfinite([a[1], b[1]]).all() and (a[1] > 0.0) != (b[1] > 0.0)):
            raise ArithmeticError(
                f"no root was found between {min(a[0], b[0]):.6g} and {max(a[0], b[0]):.6g}: the function is "
                f"{a[1]:.3g} and {b[1]:.3g} there"
            )
        near = sorted(known, key=lambda one: abs(one[1]))[:3]
        x = _through_inverse(near)
        low, high = sorted((a[0], b[0]))
        if not low < x < high:
            x = a[0] - a[1] * (b[0] - a[0]) / (b[1] - a[1])
        if not low < x < high or (len(steps) >= _SLOW and steps[-1] > 0.5 * steps[-_SLOW]):
            x, steps = 0.5 * (low + high), []
        if min(abs(x - a[0]), abs(x - b[0])) < last or not low < x < high:
            return x
        value = float(function(x))
        steps.append(abs(x - known[-1][0]))
        known.append((x, value))
        if (value > 0.0) == (a[1] > 0.0):
            a = x, value
        else:
            b = x, value
    raise ArithmeticError(f"the bracket from {low:.17g} to {high:.17g} did not close in {_STEPS} steps")


def _through_inverse(known: Sequence[tuple[float, float]]) -> float:
    """x(0) of the polynomial x(f) through known (x, f); nan where two f coincide."""
    total = 0.0
    for i, (x, f) in enumerate(known):
        for other in (value for j, (_, value) in enumerate(known) if j != i):
            if other == f:
                return float("nan")
            x *= other / (other - f)
        total += x
    return total


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
    share, rows = np.linspace(0.0, 1.0, probes)[:, None], np.arange(len(low))
    for _ in range(_ROUNDS):
        grid = low + (high - low) * share
        value = np.stack([finite(x, *args) for x in grid])
        if np.isnan(value).any():
            i = np.argwhere(np.isnan(value))[0][1]
            raise ArithmeticError(
                f"the function has no value between {low[i]:.6g} and {high[i]:.6g}, where it is sought"
            )
        least = np.argmin(value, axis=0)
        # a valley next to a bound is looked for there
        first, last = least == 0, least == probes - 1
        if not (first | last).any():
            break
        low, high = np.where(last, grid[-2], low), np.where(first, grid[1], high)
    place, best = grid[least, rows], value[least, rows]
    inner = (least > 0) & (least < probes - 1)
    if inner.any():
        from scipy.optimize import elementwise  # half a second to import

        at = least[inner]
        bracket = tuple(grid[at + side, rows[inner]] for side in (-1, 0, 1))
        with np.errstate(all="ignore"):
            answer = elementwise.find_minimum(finite, bracket, args=tuple(np.asarray(a)[inner] for a in args))
        better = answer.f_x < best[inner]
        place[inner], best[inner] = np.where(better, answer.x, place[inner]), np.minimum(answer.f_x, best[inner])
    return place, best
