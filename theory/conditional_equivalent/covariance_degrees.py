"""Coordinates of degrees above the second in inputs with a covariance, as a spectrum meets them.

Degree k has the coordinates Π_c he_{m_c}(ξ_c), Σ_c m_c = k, of variance k!/Π_c m_c! · Π_c (v_c/d)^{m_c}, which sum to
(Σ_c v_c/d)^k. Where few eigenvalues of Σ hold much of its trace, few of these hold much of the degree: its part of the
features is then of low rank and no noise. Of a class of n_c coordinates m are chosen, with repetition, in
(n_c + m − 1 choose m) ways, and these have n_c^m v_c^m/m! together.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

__all__ = ["share_on_few", "tuple_classes"]

_CELLS = 24  # classes that are kept, of equal ratio of their variances


def tuple_classes(
    profile: np.ndarray, weights: np.ndarray, d: int, degree: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """Classes of the coordinates of a degree.

    Parameters
    ----------
    profile : ndarray, shape (J, Q)
        v_c at the classes of coordinates, for every code.
    weights : ndarray, shape (J,)
        Their shares of d.
    d, degree : int

    Returns
    -------
    dimension : float
        D, the number of coordinates.
    profile : ndarray, shape (J', Q)
        D times the variance of one.
    shares : ndarray, shape (J',)
    """
    size = weights * d
    log_size, counts, totals = np.log(size), [], []
    for chosen in itertools.combinations_with_replacement(range(len(size)), degree):
        m = np.bincount(chosen, minlength=len(size))
        seen = np.flatnonzero(m)
        counts.append(sum(math.lgamma(size[c] + m[c]) - math.lgamma(size[c]) - math.lgamma(m[c] + 1) for c in seen))
        ways = math.lgamma(degree + 1) - sum(math.lgamma(m[c] + 1) for c in seen) + m @ log_size
        totals.append(math.exp(ways - degree * math.log(d)) * np.prod(profile ** m[:, None], axis=0))
    count, total = np.exp(counts), np.array(totals)
    strength = np.log(np.maximum(total.mean(axis=1), 1e-300) / count)
    reach = float(np.ptp(strength))
    cell = np.minimum((_CELLS * (strength - strength.min()) / max(reach, 1e-12)).astype(int), _CELLS - 1)
    of_cell = np.bincount(cell, count, _CELLS)
    summed = np.array([np.bincount(cell, column, _CELLS) for column in total.T]).T
    kept, dimension = of_cell > 0.0, float(count.sum())
    return dimension, dimension * summed[kept] / of_cell[kept, None], of_cell[kept] / dimension


def share_on_few(profile: np.ndarray, shares: np.ndarray, dimension: float, few: float) -> float:
    """Share of a degree's variance on its `few` coordinates of the largest variances.

    Parameters
    ----------
    profile, shares : ndarray, shape (J', Q) and (J',)
    dimension : float
        As `tuple_classes` gives them.
    few : float

    Returns
    -------
    float
    """
    size = profile.mean(axis=1)
    order = np.argsort(-size)
    held = np.cumsum((shares * size)[order])
    return float(np.interp(few, np.cumsum(dimension * shares[order]), held) / held[-1])
