"""Shrinkage of sample eigenvalues: optimal for a spiked covariance, and nonlinear for any population."""

from __future__ import annotations

import numpy as np

from theory.laws import GeneralisedMarchenkoPastur, MarchenkoPastur
from theory.laws.law import eigenvalue_rounding, non_negative, positive
from theory.spiked_models import SpikedCovariance
from theory.statement.arguments import integer

__all__ = ["LOSSES", "nonlinear_shrinkage", "optimal_shrinkage", "oracle_shrinkage", "shrunk_eigenvalues"]

LOSSES = ("frobenius", "operator", "stein")


def optimal_shrinkage(
    eigenvalues: np.ndarray, gamma: float, *, loss: str = "frobenius", variance: float = 1.0
) -> np.ndarray:
    """Asymptotically optimal shrinkage of the eigenvalues of a sample covariance whose population is spiked.

    A sample eigenvalue right of the bulk gives the population's α and the squared cosine c² of the eigenvectors; in
    units of the bulk's variance the optimum is αc² + s² for the Frobenius norm of the error, α for the operator norm
    and α/(c² + αs²) for Stein's loss, s² = 1 − c². Everything else goes to the bulk's variance.

    Parameters
    ----------
    eigenvalues : array_like
        Sample eigenvalues, non-negative to the rounding of a solver.
    gamma : float
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
    values = non_negative("eigenvalues", eigenvalues)
    variance = positive("variance", variance)
    if loss not in LOSSES:
        raise ValueError(f"`loss` must be one of {', '.join(LOSSES)}; got {loss!r}")
    model = SpikedCovariance(MarchenkoPastur(gamma))
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
        Points of the bulk; 0, to the rounding of a solver, as well where γ > 1.
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
    top = bulk.support[1]
    values = non_negative("eigenvalues", eigenvalues, largest=top)
    null = (values <= min(eigenvalue_rounding(eigenvalues, top), bulk.support[0])) & (bulk.gamma > 1.0)
    inside = np.zeros(values.shape, dtype=bool)
    for low, high in bulk.bands:
        inside |= (values > low) & (values < high)
    if not (inside | null).all():
        raise ValueError(f"`eigenvalues` must be in the bulk; got {values[~(inside | null)].flat[0]:g}")
    result = np.empty(values.shape)
    zeta = bulk._upper_root(values[inside])
    result[inside] = np.abs(zeta) ** 2 / values[inside]
    if null.any():
        result[null] = -float(bulk._real_root(np.zeros(1))[0]) / (bulk.gamma - 1.0)
    return result


def shrunk_eigenvalues(eigenvalues: np.ndarray, n: int) -> np.ndarray:
    """Quadratic-inverse shrinkage of all eigenvalues of a sample covariance; no population spectrum is assumed.

    The transform in `oracle_shrinkage` is estimated from the inverse sample eigenvalues x = 1/λ: with c = p/n, the
    relative bandwidth h = min(c, 1/c)^0.7 p^(−0.35), θ_j the mean over i of x_i(x_i − x_j)/((x_i − x_j)² + h²x_i²), η_j
    that of hx_i²/((x_i − x_j)² + h²x_i²) and A = θ² + η², the eigenvalues become
    1/((1 − c)²x + 2c(1 − c)xθ + c²xA) for p ≤ n; for p > n, 1/(xA), and 1/((c − 1) mean x) for the p − n zeros. All are
    then scaled to the trace of the sample. Unlike estimates on the scale of λ it has no pole at p = n.

    Rows are taken to be independent. Where few eigenvalues hold most of the trace, the error is that of the largest,
    which is left as it is: for columns of autocorrelation 0.9 and p/n from 0.95 to 1.05 it is 0.95 of the
    sample covariance's on average at n = 60 and 120, 1.03 at n = 20, and up to 1.28 in single draws; at 0.99 it is up
    to 1.02 on average;
    `optimal_shrinkage` treats such eigenvalues one by one. Rows of autocorrelation 0.9 leave 0.9 to 0.98 of the
    sample's error; take differences x_t − ρx_{t−1} first, which leaves 0.05 to 0.3 of it.

    Parameters
    ----------
    eigenvalues : array_like, shape (p,)
        All eigenvalues; for p > n the least p − n are zeros to the rounding of a solver.
    n : int
        Degrees of freedom: the sample size, less 1 if the mean was subtracted; at least 2.

    Returns
    -------
    ndarray, shape (p,)
        In the order of `eigenvalues`.

    Raises
    ------
    ValueError
        If `n` is too small, an eigenvalue is negative or NaN, or not min(n, p) of them are positive.

    References
    ----------
    Ledoit and Wolf, Bernoulli 28 (2022) 1519.
    """
    values = non_negative("eigenvalues", eigenvalues)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"`eigenvalues` must be a non-empty vector; got shape {values.shape}")
    n = _degrees_of_freedom(n)
    return _shrunk(values, n, eigenvalue_rounding(eigenvalues), "eigenvalues")


def _degrees_of_freedom(n: int) -> int:
    return integer("n", n, 2)


def _shrunk(values: np.ndarray, n: int, rounding: float, name: str) -> np.ndarray:
    """As `shrunk_eigenvalues`; what is at most `rounding` is 0."""
    p, count = len(values), int(np.count_nonzero(values > rounding))
    if count > n:
        raise ValueError(
            f"`n` must be at least the number of positive eigenvalues of `{name}`, here {count}; got {n}: give the "
            "number of rows, less 1 if the mean was subtracted"
        )
    if count < min(n, p):
        raise ValueError(
            f"`{name}` must have min(n, p) = {min(n, p)} positive eigenvalues for `n` = {n}; got {count}: data of "
            "which the mean was subtracted have one degree of freedom less than rows, `n` being that number; leave out "
            "variables that are constant or repeated"
        )
    order = np.argsort(values, kind="stable")
    kept = order[p - count :]
    x, c = 1.0 / values[kept], p / n
    h = min(c, 1.0 / c) ** 0.7 / p**0.35
    distance = x - x[:, None]  # x_i − x_j at [j, i]
    weight = 1.0 / (distance**2 + (h * x) ** 2)
    theta, eta = np.mean(x * distance * weight, axis=1), np.mean(h * x * x * weight, axis=1)
    amplitude = theta**2 + eta**2
    result = np.empty(p)
    if p <= n:
        result[kept] = 1.0 / (x * ((1.0 - c) ** 2 + 2.0 * c * (1.0 - c) * theta + c**2 * amplitude))
    else:
        result[kept] = 1.0 / (x * amplitude)
        result[order[: p - count]] = 1.0 / ((c - 1.0) * np.mean(x))
    result *= values.sum() / result.sum()
    if not (np.isfinite(result).all() and (result > 0.0).all()):
        raise ArithmeticError(
            f"shrinkage gave eigenvalues from {result.min():.3g} to {result.max():.3g}, which must be positive: the "
            "eigenvalues span more than floating point resolves; rescale the variables"
        )
    return result


def nonlinear_shrinkage(covariance: np.ndarray, n: int) -> np.ndarray:
    """The sample covariance with its eigenvalues replaced by `shrunk_eigenvalues`, its eigenvectors kept.

    Parameters
    ----------
    covariance : array_like, shape (p, p)
        Symmetric or Hermitian and positive semi-definite, to the rounding of its type.
    n : int
        Degrees of freedom: the sample size, less 1 if the mean was subtracted.

    Returns
    -------
    ndarray, shape (p, p)

    Raises
    ------
    ValueError
        If the matrix is not square, finite, symmetric and positive semi-definite, or its rank is not min(n, p).
    """
    given = np.asarray(covariance)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise ValueError(f"`covariance` must be a square matrix; got shape {given.shape}")
    matrix = given.astype(complex if np.iscomplexobj(given) else float)
    if np.ma.is_masked(covariance) or not np.isfinite(matrix).all():
        raise ValueError("`covariance` must be finite; got a NaN or infinite entry")
    n = _degrees_of_freedom(n)
    p = len(matrix)
    epsilon = float(np.finfo(given.dtype if np.issubdtype(given.dtype, np.inexact) else float).eps)
    size = float(np.abs(matrix).max())
    if np.abs(matrix - matrix.conj().T).max() > 8.0 * p * epsilon * size:
        raise ValueError("`covariance` must be symmetric; got a matrix that differs from its transpose")
    values, vectors = np.linalg.eigh(matrix)
    rounding = p * epsilon * max(float(np.abs(values).max()), 0.0)
    if values[0] < -rounding:
        raise ValueError(
            f"`covariance` must be positive semi-definite; got an eigenvalue of {values[0]:.3g} beside the largest, "
            f"{values[-1]:.3g}: covariances of pairwise complete data are not; leave out or fill in rows with gaps"
        )
    shrunk = _shrunk(np.maximum(values, 0.0), n, rounding, "covariance")
    return (vectors * shrunk) @ vectors.conj().T
