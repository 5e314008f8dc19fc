"""Spikes of the data: isolated eigenvalues of the inputs' covariance are outliers of the features as well.

A class of one coordinate is a band of one eigenvalue of FFᵀ/n, at the root of det(I + C D_s) = 0 where it lies right of
the bulk. The counting function of the law finds these bands: each holds a whole number, and its middle is a spike.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import FixedPoint
from theory.conditional_equivalent.outliers import ALIGNMENTS, Outlier, find_outliers
from theory.conditional_equivalent.spectrum import Bulk, count_above, on_axis, real_branch

__all__ = ["parted_bulk", "step_spikes"]

_STRIDE = 0.985  # of the scan of the axis from the top down
_MOST = 400
_BAND = 2.5  # eigenvalues from which a band is the bulk
_FAINT = 0.5  # of an eigenvalue: a band of less is none
_OWN = 0.05  # share of a spike's vector that is a function of the latent, below which the data make it
_GAP = 1e-3  # of an eigenvalue: a stride that holds less lies in a gap


def parted_bulk(eq: EquivalentFeatures, law: Bulk) -> tuple[Bulk, tuple[Outlier, ...]]:
    """The bulk without the bands of single coordinates right of it, and these as spikes of the data.

    Parameters
    ----------
    eq : EquivalentFeatures
    law : Bulk
        Of the same features.

    Returns
    -------
    bulk : Bulk
    spikes : tuple of Outlier
        Of source ``"data"``, largest first, without alignments.
    """
    top = law.support[1] * (1.0 + 1e-3)
    x, counts, point = [top], [0.0], law.scan[:1]
    begun = None
    spikes: list[float] = []
    edge = law.edges[-1][1]
    for _ in range(_MOST):
        here = x[-1] * _STRIDE
        if here <= law.edges[-1][0] or counts[-1] > 0.1 * min(eq.n, eq.neurons.sum()):
            break
        point = on_axis(eq, here, point)
        x.append(here)
        counts.append(float(count_above(eq, point)[0]))
        filled = counts[-1] - counts[-2] > _GAP
        if filled and begun is None:
            begun = len(x) - 2
        if begun is None:
            continue
        mass = counts[-1] - counts[begun]
        if mass > _BAND:
            if spikes:
                edge = x[begun]
            break
        if not filled:
            if mass > _FAINT:
                whole = max(1, round(mass))
                levels = counts[begun] + mass * (np.arange(whole) + 0.5) / whole
                spikes += [float(value) for value in np.interp(levels, counts[begun:], x[begun:])]
            begun = None
    if not spikes:
        return law, ()
    parted = dataclasses.replace(law, edges=(*law.edges[:-1], (law.edges[-1][0], edge)), support=(law.support[0], edge))
    nothing = (math.nan,) * len(ALIGNMENTS)
    return parted, tuple(Outlier(math.sqrt(value), nothing, "data") for value in spikes)


def step_spikes(eq: EquivalentFeatures) -> tuple[Outlier, ...]:
    """Spikes that the step makes right of the support, the bands of single coordinates included.

    Parameters
    ----------
    eq : EquivalentFeatures

    Returns
    -------
    tuple of Outlier
        Largest first.
    """
    beyond, _ = real_branch(eq)
    top = -float(beyond.lam[0])
    scan = FixedPoint(beyond.lam + 0j, beyond.r + 0j, beyond.w + 0j, beyond.residual, 0)
    found = find_outliers(eq, Bulk(((0.0, top),), 0.0, (0.0, top), beyond, scan))
    return tuple(spike for spike in found if sum(a**2 for a in spike.alignment) > _OWN)
