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
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from theory.finite_pool import FeaturePool, SampledErrors, checked_grid

__all__ = ["EVEN", "LONG", "QUICK", "errors_by_rows", "products"]

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
    sizes, ridges = checked_grid(n, ridge)
    if sizes.max() > pool.rows:
        raise ValueError(f"`n` must be at most the pool's {pool.rows} rows; got {sizes.max()}")
    numbers = np.empty((5, len(sizes), len(ridges)))
    # the weight that all rows have in the law in classes
    common = sizes[:, None] * ridges / pool.errors(sizes, ridges).kappa
    for a, size in enumerate(sizes):
        relative = np.ones(pool.rows)
        for b in np.argsort(-ridges):
            # from the largest penalty down: weights of one are near those of the next, but for their size
            numbers[:, a, b], weights = _errors(pool, int(size), float(ridges[b]), relative * common[a, b])
            relative = weights / common[a, b]
    return SampledErrors(sizes, ridges, *numbers)


def products(rows: int, columns: int, points: int) -> float:
    """What `errors_by_rows` costs: m min(m, N)² for every n and λ, a few dozen times.

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
        r = _quadratic(pool, _resolvent(pool, np.exp(np.minimum(log_weights, 0.0)), z))
        # the smaller root of r D² − (1 + r) D + f = 0, without cancellation
        return np.log(2.0 * f) - np.log(1.0 + r + np.sqrt((1.0 + r) ** 2 - 4.0 * f * r))

    D = np.exp(_fixed_point(reweighted, np.log(weights), f"the rows' weights for {where}"))
    R = _resolvent(pool, D, z)
    r = _quadratic(pool, R)
    left = 1.0 - D * r  # 1 − leverage
    q = r / left
    phi = f * (1.0 - D) ** 2 / (1.0 + q) ** 2 + (1.0 - f) * D**2
    bias = np.square(pool.labels - _product(pool, R @ _moment(pool, D * pool.labels)))

    def scattered(t: np.ndarray) -> np.ndarray:
        variance = phi * t
        return (bias + _quadratic(pool, R @ _gram(pool, variance) @ R) - r**2 * variance) / left**2

    alone = bias / left**2
    unit = float(alone.mean())
    t = unit * _fixed_point(lambda t: scattered(unit * t) / unit, alone / unit, f"the rows' errors for {where}")
    if not (t.mean() > 0.0):
        raise ArithmeticError(f"the test error for {where} came out as {t.mean():.3g}: take a larger penalty")
    uneven = float(np.mean(q**2) / np.mean(q) ** 2) - 1.0
    freedom = f * float(np.sum(q / (1.0 + q)))
    return (float(t.mean()), float(np.mean(t / (1.0 + q) ** 2)), freedom, z / float(D.mean()), uneven), D


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
