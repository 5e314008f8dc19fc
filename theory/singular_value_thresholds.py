"""Thresholds that others count singular values by, and how many directions a spectrum is worth."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from theory.fitted_bulk import extrapolated
from theory.laws import MarchenkoPastur
from theory.laws.law import real_points

__all__ = ["effective_rank", "gavish_donoho_threshold", "screenot_threshold", "stable_rank"]


def gavish_donoho_threshold(singular_values: np.ndarray, shape: tuple[int, int]) -> float:
    """The optimal hard threshold for white noise of unknown level: λ⋆(β)/√μ_β times the median singular value.

    β = min(n, p)/max(n, p), λ⋆(β)² = 2(β + 1) + 8β/(β + 1 + √(β² + 14β + 1)), and μ_β the median of Marchenko and
    Pastur's law of ratio β. It minimises the asymptotic squared error of what is kept.

    Parameters
    ----------
    singular_values : array_like, shape (min(n, p),)
        All of them.
    shape : tuple of int
        (n, p).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the singular values do not fit the shape, or are negative or not finite.

    References
    ----------
    Gavish and Donoho, arXiv 1305.5870.

    Examples
    --------
    >>> print(f"{gavish_donoho_threshold([1.0] * 10, (10, 10)):.3f}")
    2.858
    """
    values = _all_values(singular_values, shape)
    beta = min(shape) / max(shape)
    factor = math.sqrt(2.0 * (beta + 1.0) + 8.0 * beta / (beta + 1.0 + math.sqrt(beta**2 + 14.0 * beta + 1.0)))
    return factor * float(np.median(values)) / math.sqrt(float(MarchenkoPastur(beta).ppf(0.5)))


def screenot_threshold(singular_values: np.ndarray, shape: tuple[int, int], most: int) -> float:
    """The optimal hard threshold for noise of any spectrum: Ψ(T) = −4 of the bulk, Ψ(y) = y d ln(φφ̃)/dy.

    φ(y) is the mean of y/(y² − s²) over the singular values s of the noise and φ̃ = βφ + (1 − β)/y. Up to `most`
    singular values may be signal; noise takes their place by the extrapolation of `theory.fitted_bulk`.

    Parameters
    ----------
    singular_values : array_like, shape (min(n, p),)
    shape : tuple of int
        (n, p).
    most : int
        An upper bound of the rank, less than half the number of singular values.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument breaks its rule.

    References
    ----------
    Donoho, Gavish and Romanov, arXiv 2009.12297.
    """
    values = _all_values(singular_values, shape)
    if isinstance(most, bool) or not isinstance(most, int | np.integer) or not 1 <= most < 0.5 * len(values):
        raise ValueError(f"`most` must be an integer from 1 to less than half of {len(values)} values; got {most!r}")
    beta = min(shape) / max(shape)
    squares = extrapolated(np.sort(values)[::-1] ** 2, int(most))
    if squares[0] == 0.0:
        return 0.0

    def excess(y: float) -> float:
        phi = float(np.mean(y / (y**2 - squares)))
        slope = -float(np.mean((y**2 + squares) / (y**2 - squares) ** 2))
        companion, companion_slope = beta * phi + (1.0 - beta) / y, beta * slope - (1.0 - beta) / y**2
        return y * (slope / phi + companion_slope / companion) + 4.0

    edge = math.sqrt(squares[0])
    # Ψ rises from −∞ at the edge to −2 at infinity
    far = 2.0 * edge
    while excess(far) < 0.0:
        far *= 2.0
    return float(brentq(excess, edge * (1.0 + 1e-12), far, xtol=1e-12 * edge))


def effective_rank(singular_values: np.ndarray) -> float:
    """exp of the entropy of the singular values over their sum (Roy and Vetterli, EUSIPCO 2007).

    Raises
    ------
    ValueError
        If they are not finite and non-negative, or all 0.
    """
    values = _singular_values(singular_values)
    share = values[values > 0.0] / values.sum()
    return math.exp(-float(share @ np.log(share)))


def stable_rank(singular_values: np.ndarray) -> float:
    """The sum of squares of the singular values over the largest square, ‖X‖²_F/‖X‖².

    Raises
    ------
    ValueError
        If they are not finite and non-negative, or all 0.
    """
    values = _singular_values(singular_values)
    return float(np.sum((values / values.max()) ** 2))


def _singular_values(singular_values: np.ndarray) -> np.ndarray:
    values = real_points("singular_values", singular_values).ravel()
    if not values.size or not np.isfinite(values).all() or (values < 0.0).any() or not values.any():
        raise ValueError("`singular_values` must be finite, non-negative and not all 0")
    return values


def _all_values(singular_values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    values = _singular_values(singular_values)
    if len(values) != min(shape):
        raise ValueError(f"`singular_values` must be all min{tuple(shape)} of them; got {len(values)}")
    return values
