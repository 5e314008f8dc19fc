"""Means over seeds with their standard errors, control variates, and the power law fitted to such means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Estimate", "PowerLaw", "controlled_estimate", "estimate", "fit_power_law", "mean_amplitudes"]


class Estimate(NamedTuple):
    """Mean, its standard error (nan for one seed) and the number of seeds."""

    mean: float
    sem: float
    seeds: int

    @property
    def bar(self) -> float:
        """Half length of the error bar that a figure draws: the standard error, 0 where it is unknown."""
        return 0.0 if math.isnan(self.sem) else self.sem

    def to_dict(self) -> dict[str, float | None]:
        """``{"mean", "sem"}`` with null for an unknown standard error."""
        return {"mean": self.mean, "sem": None if math.isnan(self.sem) else self.sem}


def estimate(values: ArrayLike) -> Estimate:
    """Mean and standard error of one value a seed.

    Parameters
    ----------
    values : array_like, shape (seeds,)

    Returns
    -------
    Estimate

    Examples
    --------
    >>> mean, sem, seeds = estimate([1.0, 2.0, 3.0])
    >>> print(f"{mean:.3f} ± {sem:.3f}, {seeds} seeds")
    2.000 ± 0.577, 3 seeds
    """
    values = np.asarray(values, dtype=float)
    sem = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return Estimate(float(np.mean(values)), sem, len(values))


def controlled_estimate(values: np.ndarray, control: np.ndarray, expected: float) -> Estimate:
    """Mean of values − b(control − expected), b being the regression coefficient: a control variate.

    What varies from seed to seed with a quantity of known expectation is taken out. Four seeds at least make a
    regression; with fewer, or a control that does not vary, this is the plain mean.

    Parameters
    ----------
    values, control : ndarray, shape (seeds,)
    expected : float
        Expectation of the control.

    Returns
    -------
    Estimate
    """
    values, control = np.asarray(values, dtype=float), np.asarray(control, dtype=float)
    seeds, spread = len(values), float(np.ptp(control))
    if seeds < 4 or spread == 0.0:
        return estimate(values)
    centred = control - control.mean()
    slope = float(centred @ values) / float(centred @ centred)
    residual = values - values.mean() - slope * centred
    variance = float(residual @ residual) / (seeds - 2)
    # the regression's value at the expected control, and the error of a regression there
    away = (expected - control.mean()) ** 2 / float(centred @ centred)
    mean = float(values.mean()) + slope * (expected - float(control.mean()))
    return Estimate(mean, math.sqrt(variance * (1.0 / seeds + away)), seeds)


def mean_amplitudes(amplitudes: np.ndarray) -> tuple[Estimate, ...]:
    """Mean amplitudes of vectors that have no sign, one estimate for each column of `amplitudes` (seeds, columns).

    The sign of each row is chosen to make the amplitude that is largest over all rows positive. The signed amplitudes
    are averaged and the modulus of the mean is given, so that noise around 0 averages out.

    Parameters
    ----------
    amplitudes : ndarray, shape (seeds, columns)

    Returns
    -------
    tuple of Estimate
    """
    gauge = np.argmax(np.mean(amplitudes**2, axis=0))
    amplitudes = amplitudes * np.where(amplitudes[:, gauge] < 0.0, -1.0, 1.0)[:, None]
    means = [estimate(column) for column in amplitudes.T]
    return tuple(Estimate(abs(mean), sem, seeds) for mean, sem, seeds in means)


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
