"""Density of the eigenvalues of FFᵀ/n on the bands of their bulk, at points given or on a curve that holds the mass."""

from __future__ import annotations

import math

import numpy as np

from theory.conditional_equivalent.axis import (
    along_axis,
    concatenated,
    count_above,
    density_between,
    density_of,
    joined,
)
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.spectrum import Bulk

__all__ = ["density", "density_curve"]

_CURVE = 400  # points of the density to begin with
_EVERY = 6  # of them is solved at least
_CURVE_MASS = 3e-4  # its trapezoid sum holds the mass within this
_HALVINGS = 7


def density(eq: EquivalentFeatures, law: Bulk, x: np.ndarray) -> np.ndarray:
    """Density of the eigenvalues of FFᵀ/n at the points x, the atom at zero and the outliers apart.

    Parameters
    ----------
    eq : EquivalentFeatures
    law : Bulk
        Its scan starts every point from a neighbour.
    x : ndarray, shape (P,)

    Returns
    -------
    ndarray, shape (P,)
        (1/π) Im Σ_s ω_s/λ at λ = −(x + i0).
    """
    x = np.asarray(x, dtype=float)
    result = np.zeros(x.shape)
    grid = -law.scan.lam.real
    live = np.flatnonzero((x > grid[-1]) & (x < law.support[1]))
    if not len(live):
        return result
    point = along_axis(eq, x[live], law.scan, law.edges)
    result[live] = density_of(eq, point)
    return result


def density_curve(eq: EquivalentFeatures, law: Bulk) -> tuple[np.ndarray, np.ndarray]:
    """Density on a grid of its own, with zeros at the ends of the bands: its trapezoid sum is the mass of the bulk.

    Chebyshev points in √x on every band, tails included, and as many at equal counts of eigenvalues. The fixed point is
    solved at every sixth; between them the resolvent's mean is a polynomial through its neighbours where two degrees
    agree to 1e-7, and solved as well where they do not. An interval whose trapezoid differs from the count of its ends
    is halved until what is left is below 3e-4 in all.

    Parameters
    ----------
    eq : EquivalentFeatures
    law : Bulk
        Of the same features.

    Returns
    -------
    x, density : ndarray, shape (P,)
    """
    count = max(16, _CURVE // (2 * len(law.edges)))
    grids, ends, bands = [], [], []
    for i, (low, high) in enumerate(law.edges):
        low = law.support[0] if i == 0 else low
        high = law.support[1] if i == len(law.edges) - 1 else high
        a, b = math.sqrt(low), math.sqrt(high)
        theta = math.pi * (np.arange(count) + 0.5) / count
        grids.append((0.5 * (a + b) - 0.5 * (b - a) * np.cos(theta)) ** 2)
        ends += [low, high]
        bands.append((low, high))
    above = count_above(eq, law.scan)
    levels = above[-1] * (np.arange(_CURVE // 2) + 0.5) / (_CURVE // 2)
    between = np.exp(np.interp(levels, above, np.log(-law.scan.lam.real)))
    inside = [between[(between > low) & (between < high)] for low, high in law.edges]
    fresh = np.array(sorted({*np.concatenate(grids + inside).tolist()}))
    fresh = fresh[fresh > -law.scan.lam.real[-1]]
    first, behind = np.searchsorted(fresh, np.array(bands).T)
    solved = np.arange(len(fresh)) % _EVERY == 0
    solved[np.clip([*first, *(behind - 1)], 0, len(fresh) - 1)] = True
    point = along_axis(eq, fresh[solved], law.scan, bands, (2, 1))
    known, counts = joined(law.scan, point), count_above(eq, point)
    # what is parted from the bulk, as spikes of the data are, is no mass of it
    whole = 1.0 - law.mass_at_zero - float(counts.min()) / eq.n
    rest, places, between, fresh = fresh[~solved], np.zeros(0), np.zeros(0), np.zeros(0)
    while len(rest):
        drawn, agree = density_between(eq, rest, known, bands)
        places, between, rest = np.append(places, rest[agree]), np.append(between, drawn[agree]), rest[~agree]
        if not len(rest):
            break
        # with every other one solved its neighbours may agree
        added = along_axis(eq, rest[::2], known, bands, (1,))
        point, known = concatenated([point, added]), joined(known, added)
        counts = np.append(counts, count_above(eq, added))
        rest = rest[1::2]
    for _ in range(_HALVINGS):
        if len(fresh):
            added = along_axis(eq, fresh, known, bands)
            point, known = concatenated([point, added]), joined(known, added)
            counts = np.concatenate([counts, count_above(eq, added)])
        x = np.concatenate([-point.lam.real, places, ends])
        order = np.argsort(x, kind="stable")
        x = x[order]
        rho = np.concatenate([density_of(eq, point), between, np.zeros(len(ends))])[order]
        unknown = np.full(len(ends), np.nan)
        counted = np.concatenate([counts, np.full(len(places), np.inf), unknown])[order]
        drawn = 0.5 * (rho[1:] + rho[:-1]) * np.diff(x)
        # between the points where the number of eigenvalues above is known; next to an end of a band only the size of
        # the trapezoid is: a third of it is missing at a root, more at a pole
        marks = np.flatnonzero(counted != np.inf)
        summed, held, inner = np.add.reduceat(drawn, marks[:-1]), np.diff(counted[marks]), np.diff(marks)
        gap = np.where(np.isnan(held), 0.5 * summed, np.abs(summed + held / eq.n))
        if abs(float(np.sum(drawn)) - whole) < _CURVE_MASS and np.sum(gap) < 3.0 * _CURVE_MASS:
            break
        each = np.repeat(gap / inner, inner)
        worst = np.flatnonzero((each > _CURVE_MASS / len(each)) & (x[1:] > x[:-1] * (1.0 + 1e-10)))
        if not len(worst):
            break
        # geometric halves; next to an end at zero a decade at a time
        fresh = np.sqrt(np.maximum(x[worst], 1e-2 * x[worst + 1]) * x[worst + 1])
    return x, rho
