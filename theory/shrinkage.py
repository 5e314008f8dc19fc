"""Shrinkage of sample eigenvalues: optimal for a spiked covariance, and nonlinear for any population."""

from __future__ import annotations

import math

import numpy as np

from theory.laws import GeneralisedMarchenkoPastur, MarchenkoPastur
from theory.laws.law import positive, real_points
from theory.spiked_models import SpikedCovariance
from theory.statement.arguments import integer

__all__ = ["LOSSES", "nonlinear_shrinkage", "optimal_shrinkage", "oracle_shrinkage", "shrunk_eigenvalues"]

LOSSES = ("frobenius", "operator", "stein")


def optimal_shrinkage(
    eigenvalues: np.ndarray, ratio: float, *, loss: str = "frobenius", variance: float = 1.0
) -> np.ndarray:
    """Asymptotically optimal shrinkage of the eigenvalues of a sample covariance whose population is spiked.

    A sample eigenvalue right of the bulk gives the population's α and the squared cosine c² of the eigenvectors; in
    units of the bulk's variance the optimum is αc² + s² for the Frobenius norm of the error, α for the operator norm
    and α/(c² + αs²) for Stein's loss, s² = 1 − c². Everything else goes to the bulk's variance.

    Parameters
    ----------
    eigenvalues : array_like
        Sample eigenvalues, non-negative.
    ratio : float
        γ = p/n > 0.
    loss : {"frobenius", "operator", "stein"}
    variance : float
        σ² of the bulk, H = δ_{σ²}.

    Returns
    -------
    ndarray
        Same shape as `eigenvalues`.

    Raises
    ------
    ValueError
        If an argument breaks its rule.

    References
    ----------
    Donoho, Gavish and Johnstone, arXiv 1311.0851.

    Examples
    --------
    >>> print(f"{optimal_shrinkage(3.75, 0.5):.3f}")
    2.400
    """
    values = _eigenvalues(eigenvalues)
    variance = positive("variance", variance)
    if loss not in LOSSES:
        raise ValueError(f"`loss` must be one of {', '.join(LOSSES)}; got {loss!r}")
    model = SpikedCovariance(MarchenkoPastur(ratio))
    result = np.ones(values.shape)
    shown = values / variance > model.bulk.support[1]
    alpha = model.inverse(values[shown] / variance).spike
    cosine2 = model.forward(alpha).right_cosine2
    sine2 = 1.0 - cosine2
    if loss == "frobenius":
        result[shown] = alpha * cosine2 + sine2
    elif loss == "operator":
        result[shown] = alpha
    else:
        result[shown] = alpha / (cosine2 + alpha * sine2)
    return variance * result


def oracle_shrinkage(eigenvalues: np.ndarray, bulk: GeneralisedMarchenkoPastur) -> np.ndarray:
    """Limit of uᵀΣu for the sample eigenvector u at each eigenvalue of the bulk, the population spectrum being known.

    x/|1 − γ − γx m(x)|² = |ζ|²/x at x > 0 in the bulk, and 1/((γ − 1)m̃(0)) = −ζ(0)/(γ − 1) at 0 for γ > 1.

    Parameters
    ----------
    eigenvalues : array_like
        Points of the bulk; 0 as well where γ > 1.
    bulk : GeneralisedMarchenkoPastur

    Returns
    -------
    ndarray
        Same shape as `eigenvalues`.

    Raises
    ------
    ValueError
        If a point is off the bulk.

    References
    ----------
    Ledoit and Péché, arXiv 0911.3010.
    """
    values = _eigenvalues(eigenvalues)
    null = (values == 0.0) & (bulk.ratio > 1.0)
    inside = np.zeros(values.shape, dtype=bool)
    for low, high in bulk.bands:
        inside |= (values > low) & (values < high)
    if not (inside | null).all():
        raise ValueError(f"`eigenvalues` must be in the bulk; got {values[~(inside | null)].flat[0]:g}")
    result = np.empty(values.shape)
    zeta = bulk._upper_root(values[inside])
    result[inside] = np.abs(zeta) ** 2 / values[inside]
    if null.any():
        result[null] = -float(bulk._real_root(np.zeros(1))[0]) / (bulk.ratio - 1.0)
    return result


def shrunk_eigenvalues(eigenvalues: np.ndarray, n: int) -> np.ndarray:
    """Analytical nonlinear shrinkage of all eigenvalues of a sample covariance; no population spectrum is assumed.

    The density and its Hilbert transform in `oracle_shrinkage` are estimated with the Epanechnikov kernel, of bandwidth
    n^(−1/3) times each eigenvalue.

    Parameters
    ----------
    eigenvalues : array_like, shape (p,)
        All eigenvalues; for p > n the least p − n count as zeros.
    n : int
        Degrees of freedom: the sample size, less 1 if the mean was subtracted; at least 12.

    Returns
    -------
    ndarray, shape (p,)
        In the order of `eigenvalues`.

    Raises
    ------
    ValueError
        If `n` is too small, an eigenvalue is negative or NaN, or one of the min(n, p) largest is 0.

    References
    ----------
    Ledoit and Wolf, Annals of Statistics 48 (2020) 3043.
    """
    values = _eigenvalues(eigenvalues)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"`eigenvalues` must be a non-empty vector; got shape {values.shape}")
    n = integer("n", n, 12, why="the kernel's reach")
    p = len(values)
    order = np.argsort(values, kind="stable")
    kept = order[max(0, p - n) :]
    x = values[kept]
    if not x[0] > 0.0:
        raise ValueError(f"`eigenvalues` must have min(n, p) = {len(x)} positive ones; got {np.count_nonzero(x)}")
    width = float(n) ** (-1.0 / 3.0)
    root5 = math.sqrt(5.0)
    distance = (x[:, None] - x) / (width * x)
    inner = 1.0 - distance**2 / 5.0
    density = np.mean(0.75 / root5 * np.maximum(inner, 0.0) / (width * x), axis=1)
    at_end = np.abs(distance) == root5
    shift = np.where(at_end, 0.0, distance)
    logarithm = np.log(np.abs((root5 - shift) / (root5 + shift)))
    hilbert = -0.3 / math.pi * distance + np.where(at_end, 0.0, 0.75 / root5 / math.pi * inner * logarithm)
    hilbert = np.mean(hilbert / (width * x), axis=1)
    result = np.empty(p)
    if p <= n:
        ratio = p / n
        real = 1.0 - ratio - math.pi * ratio * x * hilbert
        result[kept] = x / ((math.pi * ratio * x * density) ** 2 + real**2)
        return result
    reach = root5 * width
    at_zero = 0.3 / width**2 + 0.75 / (root5 * width) * (1.0 - 0.2 / width**2) * math.log((1.0 + reach) / (1.0 - reach))
    at_zero *= np.mean(1.0 / x) / math.pi
    result[order[: p - n]] = n / (math.pi * (p - n) * at_zero)
    result[kept] = 1.0 / (math.pi**2 * x * (density**2 + hilbert**2))
    return result


def nonlinear_shrinkage(covariance: np.ndarray, n: int) -> np.ndarray:
    """The sample covariance with its eigenvalues replaced by `shrunk_eigenvalues`, its eigenvectors kept.

    Parameters
    ----------
    covariance : ndarray, shape (p, p)
        Symmetric, positive semi-definite.
    n : int
        Degrees of freedom; see `shrunk_eigenvalues`.

    Returns
    -------
    ndarray, shape (p, p)

    Raises
    ------
    ValueError
        If the matrix is not square and symmetric, or its eigenvalues break their rule.
    """
    covariance = np.asarray(covariance, dtype=float)
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise ValueError(f"`covariance` must be a square matrix; got shape {covariance.shape}")
    if not np.isfinite(covariance).all():
        raise ValueError("`covariance` must be finite; got a NaN or infinite entry")
    if not np.allclose(covariance, covariance.T, rtol=1e-10, atol=1e-12 * np.abs(covariance).max()):
        raise ValueError("`covariance` must be symmetric; got a matrix that differs from its transpose")
    values, vectors = np.linalg.eigh(covariance)
    rounding = 1e-12 * max(values[-1], 0.0) * len(values)
    values = np.where(np.abs(values) <= rounding, 0.0, values)
    return (vectors * shrunk_eigenvalues(values, n)) @ vectors.T


def _eigenvalues(eigenvalues: np.ndarray) -> np.ndarray:
    values = real_points("eigenvalues", eigenvalues)
    if not np.isfinite(values).all() or (values < 0.0).any():
        wrong = values[~np.isfinite(values) | (values < 0.0)].flat[0]
        raise ValueError(f"`eigenvalues` must be finite and non-negative; got {wrong:g}")
    return values
