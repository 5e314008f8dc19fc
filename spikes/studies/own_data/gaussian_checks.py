"""Whether some inputs look like independent standard normal vectors, the assumption of the theory, as far as one sees.

Every check lays one figure of the data beside the range that it keeps, for Gaussian inputs, with odds of all but 1e-4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtr, chdtri, ndtr, ndtri

from spikes.runtime.running_products import add_gram
from spikes.simulation.dataset import Dataset, Rows
from spikes.simulation.spectra import gram
from theory.laws import TracyWidom, wishart_edge

__all__ = ["UNCHECKED", "Check", "check_inputs", "check_projection"]

UNCHECKED = "that rows are independent of each other, and that labels depend on few directions, is not checked"
_LEVEL = 1e-4
_ROWS = 2048


@dataclass(frozen=True)
class Check:
    """One assumption, measured.

    Attributes
    ----------
    assumption : str
    figure : str
        What `value` is.
    value : float
    low, high : float
        The range that `value` keeps, under the assumption, with odds of all but 1e-4; -inf where it has no lower end.
    """

    assumption: str
    figure: str
    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the value is in its range."""
        return self.low <= self.value <= self.high

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "assumption": self.assumption,
            "figure": self.figure,
            "value": self.value,
            "low": None if math.isinf(self.low) else self.low,
            "high": self.high,
            "holds": self.holds,
        }


def _chi2_range(freedom: float, *, lower: bool) -> tuple[float, float]:
    """Quantiles of χ² over its degrees of freedom, that of odds 1e-4 on the right, or 5e-5 on either side."""
    tail = 0.5 * _LEVEL if lower else _LEVEL
    low = float(chdtri(freedom, 1.0 - tail)) / freedom if lower else -math.inf
    return low, float(chdtri(freedom, tail)) / freedom


def check_inputs(data: Dataset) -> list[Check]:
    """Mean, covariance, norms and marginals of the inputs, in one pass over the rows.

    With m the rows, d the dimension, x̄ the mean, S = XᵀX/m:

    - mean: m‖x̄‖²/d, which is χ²_d/d;
    - covariance: (m tr (S − 1)² − (tr S)² + d²)/(d(d + 1)) after Ledoit and Wolf, close to χ² of d(d + 1)/2 degrees of
      freedom over their number whether or not m exceeds d; two-sided, because whitened inputs err on the other side;
    - largest eigenvalue of S in units of its fluctuation, which has the Tracy-Widom law;
    - norms: mean of z², z being the normal quantile of ‖x‖²'s place in χ²_d, which is χ²_m/m;
    - marginals: means of cos x_j and sin x_j over the rows, squared in standard errors and averaged over j.

    Parameters
    ----------
    data : Dataset

    References
    ----------
    Ledoit and Wolf, Ann. Statist. 30 (2002) 1081.
    """
    X, m, d = data.X, data.rows, data.d
    total, cosines, sines = np.zeros(d), np.zeros(d), np.zeros(d)
    squares = 0.0
    scatter = np.zeros((d, d), order="F") if m >= d else None
    for start in range(0, m, _ROWS):
        block = np.array(X[start : start + _ROWS], dtype=float, order="C")
        total += block.sum(axis=0)
        cosines += np.cos(block).sum(axis=0)
        sines += np.sin(block).sum(axis=0)
        place = chdtr(d, np.einsum("ij,ij->i", block, block))
        squares += float(np.sum(np.clip(ndtri(place), -8.0, 8.0) ** 2))
        if scatter is not None:
            add_gram(scatter, block)
    small = scatter / m if scatter is not None else gram(np.array(X, dtype=float, order="C"))
    values = np.linalg.eigvalsh(small, UPLO="U")
    trace, trace2 = float(values.sum()), float(values @ values)
    wolf = m / d * (trace2 - 2.0 * trace + d) - d * ((trace / d) ** 2 - 1.0)
    centre, scale = wishart_edge(m, d)
    variance_cos, variance_sin = 0.5 * (1.0 + math.exp(-2.0)) - math.exp(-1.0), 0.5 * (1.0 - math.exp(-2.0))
    marginals = m * (
        np.mean((cosines / m - math.exp(-0.5)) ** 2) / variance_cos + np.mean((sines / m) ** 2) / variance_sin
    )
    return [
        Check("mean zero", "m |mean|²/d", float(total @ total) / (m * d), *_chi2_range(d, lower=False)),
        Check(
            "isotropic covariance",
            "distance of the covariance from 1, squared, over its expectation",
            wolf / (d + 1.0),
            *_chi2_range(0.5 * d * (d + 1.0), lower=True),
        ),
        Check(
            "no direction of larger variance",
            "largest eigenvalue of the covariance beyond the bulk's edge, in units of its fluctuation",
            (float(values[-1]) - centre) / scale,
            -math.inf,
            float(TracyWidom(1).ppf(1.0 - _LEVEL)),
        ),
        Check(
            "norms concentrate as of a Gaussian",
            "mean square of the norms' normal scores",
            squares / m,
            *_chi2_range(m, lower=True),
        ),
        Check(
            "Gaussian marginals",
            "means of cos x_j and sin x_j, squared in standard errors, averaged",
            0.5 * float(marginals),
            *_chi2_range(2.0 * d, lower=False),
        ),
    ]


def check_projection(step: Rows, fit: Rows) -> Check:
    """Whether ⟨x, β̂⟩ over the rows of the fit is standard normal, β̂ the direction X₀ᵀy₀ of the rows of the step.

    The figure is the largest distance of its distribution function from Φ, against Kolmogorov's exact law.

    Raises
    ------
    ArithmeticError
        If that direction vanishes.
    """
    from scipy.stats import kstwo  # a second to import

    beta = np.zeros(step.data.d)
    for _, X, y in step.blocks(_ROWS):
        beta += y @ X
    if not np.any(beta):
        raise ArithmeticError("the direction of the step, the mean of y x over its samples, vanishes")
    u = np.concatenate([X @ beta for _, X, _ in fit.blocks(_ROWS)]) / np.linalg.norm(beta)
    n = len(u)
    expected, places = ndtr(np.sort(u)), np.arange(n + 1) / n
    distance = float(max(np.max(places[1:] - expected), np.max(expected - places[:-1])))
    return Check(
        "Gaussian along the estimated direction",
        "largest distance of the projection's distribution function from the normal one",
        distance,
        -math.inf,
        float(kstwo.ppf(1.0 - _LEVEL, n)),
    )
