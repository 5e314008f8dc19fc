"""Ridge regression on n of the rows of a pool, with a weight for every row: the law where leverages are uneven.

The rows f_i (i ≤ m) of F are given; each is drawn with probability f = n/m. In the mean over draws the resolvent of
the drawn rows is R = (Σ_i D_i f_i f_iᵀ + z)^(-1), z = nλ, with weights that solve

    D_i = f/(1 + r_i(1 − D_i)),   r_i = f_iᵀR f_i:

a row that stands far out counts for less where it is drawn, since the fit follows it. Such a row has the leverage
q_i = r_i/(1 − D_i r_i) over the fit without it. The fit scatters by R Σ f_i ξ_i, where ξ_i has mean zero and variance
φ_i t_i, φ_i = f(1 − D_i)²/(1 + q_i)² + (1 − f)D_i², and t_i, the mean squared error of row i where it is not drawn, is

    t_i = [(y_i − f_iᵀRFᵀDy)² + Σ_(j≠i) (f_iᵀRf_j)² φ_j t_j]/(1 − D_i r_i)².

    test = (1/m) Σ t_i,   train = (1/m) Σ t_i/(1 + q_i)²,   degrees of freedom = f Σ q_i/(1 + q_i).

`theory.finite_pool` has one κ for all rows and takes (f_iᵀRf_j)² for a product of leverages; here neither is assumed,
and every n and λ takes a dozen weighted Gram matrices of its own.

Where the features of N neurons are still to be drawn, of covariance K over the rows (`theory.pool_kernel`), what R
gives is G = (D^(1/2)FFᵀD^(1/2) + z)^(-1), the resolvent of a sample covariance. With K_D = D^(1/2)KD^(1/2),
H = (ρK_D + z)^(-1) and ρ = N/(1 + tr K_D H),

    E G = H,   E (Ga)_i² = (Ha)_i² + ρ²(HK_DH)_ii aᵀHK_DHa/(N − ρ² tr (K_DH)²),

so that D_i r_i = 1 − zH_ii, y_i − f_iᵀRFᵀDy = z(GD^(1/2)y)_i/D_i^(1/2) and D_iD_j(f_iᵀRf_j)² = z²G_ij².
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dtrtri

from theory.finite_pool import FeaturePool, SampledErrors, checked_grid, effective_penalties, table_nodes
from theory.pool_kernel import KernelPool

__all__ = ["EVEN", "LONG", "QUICK", "errors_by_rows", "kernel_errors_by_rows", "products"]

EVEN = 0.3
"""Unevenness of leverages (`SampledErrors.unevenness`) up to which the law in classes is checked: to .22 it is within
3.5 % of splits of digits, 150 rows or more; at .39 it is 8 % off, at 3.5 to 4, patches of photographs, 26 %."""

QUICK = 2e9
"""`products` that take two or three seconds of a processor."""

LONG = 2e10
"""`products` that take half a minute."""

_TOLERANCE = 1e-4  # an error of 1e-5 in what comes out
_STEPS = 100
_MEMORY = 5  # earlier steps that a step is mixed from


def errors_by_rows(pool: FeaturePool, n: ArrayLike, ridge: ArrayLike) -> SampledErrors:
    """As `FeaturePool.errors`, each row with a weight of its own.

    Parameters
    ----------
    pool : FeaturePool
    n : int or array_like of int, shape (A,)
        From 1 to m.
    ridge : float or array_like, shape (B,)
        λ > 0.

    Returns
    -------
    SampledErrors
        κ is z over the mean weight.

    Raises
    ------
    ValueError
        If a size or penalty breaks its rule.
    ArithmeticError
        If the weights or the errors do not settle, with what is left.

    Examples
    --------
    >>> from theory.finite_pool import feature_pool
    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((400, 30)) * np.exp(rng.standard_normal((400, 1)))  # norms of all sizes
    >>> pool = feature_pool(features, features[:, 0] + rng.standard_normal(400))
    >>> errors_by_rows(pool, 100, 0.1).test_error.round(1), pool.errors(100, 0.1).test_error.round(1)
    (array([[1.7]]), array([[1.7]]))
    """
    return _on_grid(pool, n, ridge, lambda size, ridge, kappa, weights: _errors(pool, size, ridge, weights))


def kernel_errors_by_rows(pool: KernelPool, n: ArrayLike, ridge: ArrayLike) -> SampledErrors:
    """As `KernelPool.errors`, each row with a weight of its own.

    Parameters
    ----------
    pool : KernelPool
    n : int or array_like of int, shape (A,)
        From 1 to m.
    ridge : float or array_like, shape (B,)
        λ > 0.

    Returns
    -------
    SampledErrors
        κ is z over the mean weight.

    Raises
    ------
    ValueError
        If a size or penalty breaks its rule.
    ArithmeticError
        If the weights or the errors do not settle, with what is left.

    Examples
    --------
    >>> from theory.pool_kernel import dual_kernel, kernel_pool
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 20)) * np.exp(rng.standard_normal((200, 1)))  # norms of all sizes
    >>> pool = kernel_pool(dual_kernel("relu", X), X[:, 0] + rng.standard_normal(200), 100)
    >>> kernel_errors_by_rows(pool, 100, 0.1).test_error.round(1), pool.errors(100, 0.1).test_error.round(1)
    (array([[3.2]]), array([[3.3]]))
    """
    return _on_grid(
        pool, n, ridge, lambda size, ridge, kappa, weights: _kernel_errors(pool, size, ridge, kappa, weights)
    )


def _on_grid(
    pool: FeaturePool | KernelPool,
    n: ArrayLike,
    ridge: ArrayLike,
    errors: Callable[[int, float, float, np.ndarray], tuple[tuple[float, ...], np.ndarray]],
) -> SampledErrors:
    """Errors for every n and λ, each from weights close to its own."""
    sizes, ridges = checked_grid(n, ridge)
    if sizes.max() > pool.rows:
        raise ValueError(f"`n` must be at most the pool's {pool.rows} rows; got {sizes.max()}")
    numbers = np.empty((5, len(sizes), len(ridges)))
    nodes = table_nodes(sizes, ridges, pool.rows, pool.largest_row)
    kappa = effective_penalties(pool.table(nodes), sizes, ridges)
    # the weight that all rows have in the law in classes
    common = sizes[:, None] * ridges / kappa
    for a, size in enumerate(sizes):
        relative = np.ones(pool.rows)
        for b in np.argsort(-ridges):
            # from the largest penalty down: weights of one are near those of the next, but for their size
            start = relative * common[a, b]
            numbers[:, a, b], weights = errors(int(size), float(ridges[b]), float(kappa[a, b]), start)
            relative = weights / common[a, b]
    return SampledErrors(sizes, ridges, *numbers)


def products(rows: int, columns: int, points: int) -> float:
    """What `errors_by_rows` costs: m min(m, N)² for every n and λ, a few dozen times.

    `kernel_errors_by_rows` costs a quarter of what this is for N = m.

    Parameters
    ----------
    rows, columns : int
        m and N.
    points : int
        Pairs of n and λ.

    Returns
    -------
    float
    """
    return float(points) * rows * min(rows, columns) ** 2


def _errors(pool: FeaturePool, n: int, ridge: float, weights: np.ndarray) -> tuple[tuple[float, ...], np.ndarray]:
    """Test and train error, degrees of freedom, κ and unevenness, and the weights."""
    f, z = n / pool.rows, n * ridge
    where = f"n = {n} at the penalty {ridge:.3g}"

    def reweighted(log_weights: np.ndarray) -> np.ndarray:
        # no weight is beyond 1, though a step on the way to it may be
        return _log_weights(_quadratic(pool, _resolvent(pool, np.exp(np.minimum(log_weights, 0.0)), z)), f)

    D = np.exp(_fixed_point(reweighted, np.log(weights), f"the rows' weights for {where}"))
    R = _resolvent(pool, D, z)
    r = _quadratic(pool, R)
    bias = np.square(pool.labels - _product(pool, R @ _moment(pool, D * pool.labels)))

    def scattered(variance: np.ndarray) -> np.ndarray:
        return _quadratic(pool, R @ _gram(pool, variance) @ R) - r**2 * variance

    return _settled(D, r, f, z, bias, scattered, where), D


def _kernel_errors(
    pool: KernelPool, n: int, ridge: float, kappa: float, weights: np.ndarray
) -> tuple[tuple[float, ...], np.ndarray]:
    """As `_errors`, in the mean over the neurons."""
    m, f, z = pool.rows, n / pool.rows, n * ridge
    where = f"n = {n} at the penalty {ridge:.3g}"
    N, scale = float(pool.width), math.sqrt(m)  # ρ is one unknown beside m, and counts as all of them

    def reweighted(unknown: np.ndarray) -> np.ndarray:
        D, rho = np.exp(np.minimum(unknown[:-1], 0.0)), math.exp(unknown[-1] / scale)
        left = z * np.sum(np.square(_inverse_factor(pool, D, rho, z)), axis=0)  # zH_ii
        trace = (m - float(left.sum())) / rho
        return np.append(_log_weights((1.0 - left) / D, f), scale * math.log(N / (1.0 + trace)))

    start = np.append(np.log(weights), scale * math.log(float(pool.strength(np.array([kappa]))[0])))
    unknown = _fixed_point(reweighted, start, f"the rows' weights for {where}")
    D, rho = np.exp(np.minimum(unknown[:-1], 0.0)), math.exp(unknown[-1] / scale)
    half = _inverse_factor(pool, D, rho, z)
    H = half.T @ half
    diagonal = np.diag(H).copy()
    H *= H
    # of HK_DH = (H − zH²)/ρ and of (ρK_DH)² = (1 − zH)²
    spread = (diagonal - z * H.sum(axis=0)) / rho
    free = N - (m - 2.0 * z * float(diagonal.sum()) + z**2 * float(H.sum()))
    y = np.sqrt(D) * pool.labels
    fitted = half.T @ (half @ y)
    energy = float(y @ fitted - z * (fitted @ fitted)) / rho
    r = (1.0 - z * diagonal) / D
    bias = z**2 * (fitted**2 + rho**2 * spread * energy / free) / D
    alone = rho**2 * spread / (free * D)

    def scattered(variance: np.ndarray) -> np.ndarray:
        own = (diagonal**2 / D**2 + alone * spread / D) * variance
        return z**2 * ((H @ (variance / D)) / D + alone * float((spread / D) @ variance) - own)

    return _settled(D, r, f, z, bias, scattered, where), D


def _inverse_factor(pool: KernelPool, weights: np.ndarray, rho: float, z: float) -> np.ndarray:
    """U^(-T) with UᵀU = ρD^(1/2)KD^(1/2) + z: H is what its columns have of products with each other."""
    root = np.sqrt(weights)
    matrix = np.array(pool.kernel, order="F")
    matrix *= root
    matrix *= rho * root[:, None]
    matrix[np.diag_indices_from(matrix)] += z
    factor, failed = dpotrf(matrix, lower=True, clean=True, overwrite_a=True)
    if failed:
        raise ArithmeticError(f"rounding hides nλ = {z:.3g} behind the pool's kernel: take a larger penalty")
    inverse, _ = dtrtri(factor, lower=True, overwrite_c=True)
    return inverse


def _log_weights(r: np.ndarray, f: float) -> np.ndarray:
    """Of D with r D² − (1 + r) D + f = 0, the smaller root without cancellation."""
    return np.log(2.0 * f) - np.log(1.0 + r + np.sqrt((1.0 + r) ** 2 - 4.0 * f * r))


def _settled(
    D: np.ndarray,
    r: np.ndarray,
    f: float,
    z: float,
    bias: np.ndarray,
    scattered: Callable[[np.ndarray], np.ndarray],
    where: str,
) -> tuple[float, ...]:
    """Test and train error, degrees of freedom, κ and unevenness at the weights D.

    `bias` is (y_i − f_iᵀRFᵀDy)² and `scattered` takes variances v to Σ_(j≠i) (f_iᵀRf_j)² v_j.
    """
    left = 1.0 - D * r  # 1 − leverage
    q = r / left
    phi = f * (1.0 - D) ** 2 / (1.0 + q) ** 2 + (1.0 - f) * D**2
    alone = bias / left**2
    unit = float(alone.mean())

    def renewed(t: np.ndarray) -> np.ndarray:
        return alone / unit + scattered(phi * t) / left**2

    t = unit * _fixed_point(renewed, alone / unit, f"the rows' errors for {where}")
    if not (t.mean() > 0.0):
        raise ArithmeticError(f"the test error for {where} came out as {t.mean():.3g}: take a larger penalty")
    uneven = float(np.mean(q**2) / np.mean(q) ** 2) - 1.0
    freedom = f * float(np.sum(q / (1.0 + q)))
    return float(t.mean()), float(np.mean(t / (1.0 + q) ** 2)), freedom, z / float(D.mean()), uneven


def _fixed_point(function: Callable[[np.ndarray], np.ndarray], start: np.ndarray, what: str) -> np.ndarray:
    """x = function(x), from earlier steps mixed so that what is left of them cancels best (Anderson's method)."""
    points: list[np.ndarray] = []
    residuals: list[np.ndarray] = []
    x, size, best = start, np.inf, np.inf
    for _ in range(_STEPS):
        value = function(x)
        residual = value - x
        size = float(np.sqrt(np.mean(residual**2)))
        if not np.isfinite(size):
            break
        if size < _TOLERANCE:
            return value
        if size > 2.0 * best:
            points, residuals = [], []
        best = min(best, size)
        points, residuals = [*points[-_MEMORY:], value], [*residuals[-_MEMORY:], residual]
        x = value
        if len(points) > 1:
            change = np.stack([residual - earlier for earlier in residuals[:-1]], axis=1)
            share = np.linalg.lstsq(change, residual, rcond=1e-8)[0]
            x = value - np.stack([value - earlier for earlier in points[:-1]], axis=1) @ share
    raise ArithmeticError(
        f"{what} did not settle in {_STEPS} steps (residual {size:.2g}): take a larger penalty, or the law in "
        "classes of rows"
    )


def _resolvent(pool: FeaturePool, weights: np.ndarray, z: float) -> np.ndarray:
    """(FᵀDF + z)^(-1)."""
    matrix = _gram(pool, weights)
    matrix[np.diag_indices_from(matrix)] += z
    try:
        factor = cho_factor(matrix, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise ArithmeticError(
            f"rounding hides nλ = {z:.3g} behind the pool's features: take a larger penalty"
        ) from None
    return cho_solve(factor, np.eye(len(matrix)), overwrite_b=True)


def _gram(pool: FeaturePool, weights: np.ndarray) -> np.ndarray:
    """Σ_i w_i f_i f_iᵀ."""
    if weights.min() < 0.0:
        return sum(F.T @ (F * weights[rows, None]) for rows, F in pool.blocks())
    # half the products
    scaled = (F * np.sqrt(weights[rows, None]) for rows, F in pool.blocks())
    return sum(F.T @ F for F in scaled)


def _moment(pool: FeaturePool, values: np.ndarray) -> np.ndarray:
    """Σ_i v_i f_i."""
    return sum(values[rows] @ F for rows, F in pool.blocks())


def _product(pool: FeaturePool, vector: np.ndarray) -> np.ndarray:
    """F times a vector."""
    return np.concatenate([F @ vector for _, F in pool.blocks()])


def _quadratic(pool: FeaturePool, matrix: np.ndarray) -> np.ndarray:
    """f_iᵀ M f_i of every row."""
    return np.concatenate([np.einsum("ij,ij->i", F @ matrix, F) for _, F in pool.blocks()])
