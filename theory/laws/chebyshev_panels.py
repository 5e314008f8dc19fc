"""Functions by Chebyshev series on panels of the line."""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

__all__ = ["chebyshev_points", "chebyshev_series", "evaluate_series"]


def chebyshev_points(order: int) -> np.ndarray:
    """cos((k + ½)π/order), k = 0, 1, …: the points on (−1, 1) of `chebyshev_series`."""
    return np.cos((np.arange(order) + 0.5) * (np.pi / order))


def chebyshev_series(values: np.ndarray) -> np.ndarray:
    """Coefficients of the interpolating polynomials, panels × order, from their values at `chebyshev_points`."""
    series = dct(values, type=2, axis=1) / values.shape[1]
    series[:, 0] *= 0.5
    return series


def evaluate_series(series: np.ndarray, panel: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Σ_k a_k T_k(t) of one panel for each t in [−1, 1], by Clenshaw's recurrence."""
    now, after, double = np.zeros(t.shape), np.zeros(t.shape), 2.0 * t
    for column in series.T[:0:-1]:
        now, after = column[panel] + double * now - after, now
    return series[:, 0][panel] + t * now - after
