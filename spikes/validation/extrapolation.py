"""Differences between theory and simulation at growing sizes: their errors, their limit, how fast they close."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

__all__ = [
    "Difference",
    "Limit",
    "difference",
    "finite_size_exponent",
    "fitted_limit",
    "limit",
    "linear_limit",
    "pooled",
]


@dataclass(frozen=True)
class Difference:
    """Simulation less theory at one size, in units of the claim's scale.

    Attributes
    ----------
    size : float
    value, sem : float
        Mean over seeds and its standard error; what varies with the controls is taken out.
    dof : float
        Degrees of freedom of the standard error.
    seeds : int
    gain : float
        Variance of the plain mean over that of the controlled one; 1 without controls.
    """

    size: float
    value: float
    sem: float
    dof: float
    seeds: int
    gain: float

    @property
    def z(self) -> float:
        """value/sem; 0 where both are 0."""
        return (
            0.0
            if self.value == 0.0
            else self.value / self.sem
            if self.sem > 0.0
            else math.copysign(math.inf, self.value)
        )

    @property
    def p(self) -> float:
        """Two-sided probability of a difference this large if there is none, by Student's t."""
        return float(2.0 * stats.t.sf(abs(self.z), self.dof))


@dataclass(frozen=True)
class Limit:
    """A difference in the limit of infinite size.

    Attributes
    ----------
    value, sem, dof : float
    slope : float
        c of value + c · size^(-rate); 0 where nothing was extrapolated.
    chi2 : float
        Squared residuals of the fit over their degrees of freedom; nan where there are none. Above 1 the standard
        error is widened by its root.
    rate : float or None
        The exponent of the fit; None where nothing was extrapolated.
    rate_fitted : bool
        Whether the differences contradict the rate that was claimed, so that it was fitted with the rest.
    """

    value: float
    sem: float
    dof: float
    slope: float
    chi2: float
    rate: float | None = None
    rate_fitted: bool = False

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided confidence interval that misses with probability `level`."""
        half = float(stats.t.isf(0.5 * level, self.dof)) * self.sem if self.sem > 0.0 else 0.0
        return self.value - half, self.value + half


def difference(
    size: float, values: np.ndarray, controls: np.ndarray | None = None, expected: np.ndarray | float = 0.0
) -> Difference:
    """Mean of differences over seeds, controls of known expectation regressed out.

    Parameters
    ----------
    size : float
    values : ndarray, shape (seeds,)
    controls : ndarray, shape (seeds, q), optional
        Quantities of the same runs. They are used only if seeds ≥ 3q + 4: fewer make no regression.
    expected : ndarray, shape (seeds, q) or (q,)
        Their expectations, which may be conditional ones and differ from run to run.

    Raises
    ------
    ValueError
        If there are fewer than two seeds, or a value is not finite.
    """
    values = np.asarray(values, dtype=float)
    seeds = len(values)
    if seeds < 2:
        raise ValueError(f"`seeds` must be at least 2 for a standard error; got {seeds}")
    if not np.isfinite(values).all():
        raise ValueError(f"`measured` must be finite; got {values[~np.isfinite(values)][0]} at size {size:g}")
    mean, plain = float(values.mean()), float(values.var(ddof=1)) / seeds
    if controls is not None:
        away = np.asarray(controls, dtype=float) - np.asarray(expected, dtype=float)
        spread = away.std(axis=0)
        away = away[:, spread > 1e-12 * (np.abs(away).max(axis=0) + 1e-300)]
        q = away.shape[1]
        if q and seeds >= 3 * q + 4:
            # the intercept of a regression on control − expectation is the mean at the expected control
            design = np.column_stack([np.ones(seeds), away / away.std(axis=0)])
            solution, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
            residual = values - design @ solution
            dof = seeds - rank
            inverse = np.linalg.pinv(design.T @ design)
            variance = float(residual @ residual) / dof * float(inverse[0, 0])
            if 0.0 < variance < plain:
                return Difference(
                    size, float(solution[0]), math.sqrt(variance), float(dof), seeds, float(plain / variance)
                )
    return Difference(size, mean, math.sqrt(plain), float(seeds - 1), seeds, 1.0)


def differs(differences: Sequence[Difference], level: float) -> bool:
    """Whether a size differs significantly, all sizes together tested at `level`."""
    return min(d.p for d in differences) * len(differences) < level


def limit(differences: Sequence[Difference], rate: float | None, level: float) -> Limit:
    """What the differences come to: their mean where no size differs significantly, their limit otherwise.

    The limit is the intercept of a fit on size^(-rate). The rate is tested where there are three sizes or more: if the
    fit misses them by more than `level` allows, the rate is fitted too (`fitted_limit`). Of one size, or without a
    rate, it is the mean (`pooled`).

    Parameters
    ----------
    differences : sequence of Difference
    rate : float or None
    level : float
        Probability with which a right rate is rejected, and with which the interval misses.

    Returns
    -------
    Limit
    """
    noisy = any(d.sem for d in differences)
    if rate is None or len(differences) == 1 or (noisy and not differs(differences, level)):
        return pooled(differences)
    assumed = linear_limit(differences, rate)
    freedom = len(differences) - 2
    if not freedom or not noisy or stats.chi2.sf(freedom * assumed.chi2, freedom) > level:
        return assumed
    return fitted_limit(differences, level)


RATES = np.geomspace(0.1, 4.0, 120)
"""Exponents among which the differences choose."""


def fitted_limit(differences: Sequence[Difference], level: float) -> Limit:
    """The limit with the exponent fitted; its interval covers the limits of all exponents that the differences allow.

    An exponent is allowed where its squared residuals exceed the least ones by no more than χ²₁ does with probability
    `level` (profile likelihood).
    """
    fits = [linear_limit(differences, float(rate)) for rate in RATES]
    freedom = len(differences) - 2
    squares = np.array([freedom * f.chi2 for f in fits])
    best = fits[int(squares.argmin())]
    allowed = [f for f, q in zip(fits, squares, strict=True) if q <= squares.min() + stats.chi2.isf(level, 1)]
    half = max(abs(f.value - best.value) + 0.5 * float(np.diff(f.interval(level))[0]) for f in allowed)
    return replace(best, sem=half / float(stats.t.isf(0.5 * level, best.dof)), rate_fitted=True)


def pooled(differences: Sequence[Difference]) -> Limit:
    """Weighted mean of differences that should all be the same."""
    return _fit(differences, np.ones((len(differences), 1)))


def linear_limit(differences: Sequence[Difference], rate: float) -> Limit:
    """Intercept of a weighted fit of differences on size^(-rate)."""
    x = np.array([d.size for d in differences], dtype=float)
    fit = _fit(differences, np.column_stack([np.ones(len(x)), (x / x[-1]) ** -rate]), x[-1] ** rate)
    return replace(fit, rate=rate)


def _fit(differences: Sequence[Difference], design: np.ndarray, unit: float = 0.0) -> Limit:
    values = np.array([d.value for d in differences])
    sems = np.array([d.sem for d in differences])
    freedom = len(values) - design.shape[1]
    if not sems.any():  # numbers without noise: plain least squares, and the scatter about it is their error
        weights = np.ones(len(values))
    else:
        weights = 1.0 / np.maximum(sems, 1e-3 * sems.max())
    # value of the fit at infinity as a linear combination of the differences
    combination = np.linalg.pinv(design * weights[:, None])[0] * weights
    solution = np.linalg.pinv(design * weights[:, None]) @ (weights * values)
    residual = weights * (values - design @ solution)
    variances = (combination * sems) ** 2
    chi2 = float(residual @ residual) / freedom if freedom else math.nan
    if not sems.any():
        return Limit(float(solution[0]), 0.0, 1.0, unit * float(solution[-1]) if unit else 0.0, math.nan)
    sem = math.sqrt(float(variances.sum())) * (math.sqrt(max(1.0, chi2)) if freedom else 1.0)
    # Welch and Satterthwaite: degrees of freedom of a sum of estimated variances
    dof = float(variances.sum() ** 2 / np.sum(variances**2 / np.array([d.dof for d in differences])))
    return Limit(float(solution[0]), sem, dof, unit * float(solution[-1]) if unit else 0.0, chi2)


def finite_size_exponent(differences: Sequence[Difference]) -> tuple[float, float] | None:
    """Slope of ln|difference| on ln size with its standard error; None unless two differences exceed three errors."""
    clear = [d for d in differences if abs(d.value) > 3.0 * d.sem and d.value != 0.0]
    if len({d.size for d in clear}) < 2 or len({math.copysign(1.0, d.value) for d in clear}) > 1:
        return None
    x = np.log([d.size for d in clear])
    y = np.log([abs(d.value) for d in clear])
    # without noise every point counts alike
    error = np.array([d.sem / abs(d.value) for d in clear])
    weights = 1.0 / error if error.all() else np.ones(len(x))
    design = np.column_stack([np.ones(len(x)), x]) * weights[:, None]
    covariance = np.linalg.inv(design.T @ design)
    slope = covariance @ (design.T @ (weights * y))
    return float(slope[1]), float(math.sqrt(covariance[1, 1])) if error.all() else 0.0
