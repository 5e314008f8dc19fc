"""Exponents in n: power laws fitted to measured quantities with their errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikes.ensemble import Estimate

__all__ = ["PowerLaw", "fit_power_law"]


@dataclass(frozen=True)
class PowerLaw:
    """value ≈ factor · n^exponent.

    Attributes
    ----------
    exponent, sem : float
        The exponent and its standard error: that of the weighted fit, widened by the scatter where the points scatter
        more than their errors say, as they do when the law has not set in.
    factor : float
    chi2 : float
        Sum of squared residuals in standard errors, over degrees of freedom; nan for two points.
    """

    exponent: float
    sem: float
    factor: float
    chi2: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain JSON values."""
        return {
            "exponent": self.exponent,
            "sem": self.sem,
            "factor": self.factor,
            "chi2": None if math.isnan(self.chi2) else self.chi2,
        }


def fit_power_law(sizes: Sequence[float], values: Sequence[Estimate]) -> PowerLaw:
    """Weighted least squares of ln value on ln n.

    Parameters
    ----------
    sizes : sequence of float
        n, at least two different ones.
    values : sequence of Estimate
        Positive means with standard errors.

    Returns
    -------
    PowerLaw

    Raises
    ------
    ValueError
        If there are fewer than two sizes or a mean is not positive.
    """
    n = np.asarray(sizes, dtype=float)
    mean = np.array([v.mean for v in values])
    if len(set(n.tolist())) < 2 or len(n) != len(mean):
        raise ValueError(f"`sizes` must hold at least two different sizes, one for each value; got {list(sizes)}")
    if not (mean > 0.0).all():
        raise ValueError(f"`values` must be positive for a power law; got {mean.min():g}")
    error = np.array([v.sem for v in values]) / mean
    if not (np.isfinite(error) & (error > 0.0)).all():
        raise ValueError("`values` must carry standard errors: use at least two seeds")
    design = np.stack([np.ones_like(n), np.log(n / n[0])], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    solution = covariance @ (design.T @ (np.log(mean) / error))
    residual = np.log(mean) / error - design @ solution
    freedom = len(n) - 2
    chi2 = float(residual @ residual) / freedom if freedom else math.nan
    widen = math.sqrt(max(1.0, chi2)) if freedom else 1.0
    exponent = float(solution[1])
    return PowerLaw(
        exponent, float(math.sqrt(covariance[1, 1])) * widen, float(np.exp(solution[0]) * n[0] ** -exponent), chi2
    )
