"""Ridge regression on some rows of a pool whose features are given: the law over the choice of the rows.

F (m × N) and y belong to a pool of m rows. Of these n are drawn without replacement; a fit on them is tested on the
others. Nothing is assumed of the features but that rows of about the same leverage are alike. With K = FFᵀ, f = n/m,
z = nλ, G = (K + κ)^(-1), g_i = G_ii and h_i = 1/g_i − κ, the leverage of row i that the others leave to it,

    f Σ_i h_i/(z + h_i) = Σ_i h_i/(κ + h_i)

sets κ. Where all h_i are equal it is nλ = κ − (1 − f)/ĝ(κ), ĝ = (1/m) tr G: the free compression of K. The squared
error e_i = (Gy)_i²/g_i² of row i under the fit to all others at κ has a part h_i τ₀ from the scatter of that fit, which
n rows change to h_i τ. With ℓ = (tr G² − Σ g_i²)/Σ h_i g_i² and c = ℓ/Σ h_i (1 + ℓ h_i) g_i²,

    τ₀ = c Σ h_i g_i² e_i,   τ = c f Σ h_i (e_i − h_i τ₀)/(z + h_i)² / (1 − c f Σ h_i²/(z + h_i)²),

    test = (1/m) Σ_i [e_i + h_i (τ − τ₀)],   train = (z²/m) Σ_i [e_i + h_i (τ − τ₀)]/(z + h_i)²

and the degrees of freedom are f Σ h_i/(z + h_i). For f > 1 the same formulas continue the law beyond the pool.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk

from theory.roots import bracketed_root
from theory.statement.arguments import integer, real

__all__ = [
    "FeaturePool",
    "LeverageTable",
    "SampledErrors",
    "StoredMatrix",
    "checked_grid",
    "compressed_density",
    "effective_penalties",
    "feature_pool",
    "jackknife_errors",
    "left_out_pools",
    "leverage_table",
    "sampled_errors",
    "table_nodes",
]

CLASSES = 48
"""Classes of about as many rows of about the same leverage each, before the last is divided."""

_STEP = 0.3  # between nodes of ln κ; half of it changes no digit that is shown
_BLOCK = 2**21  # entries of the features that are in memory at once, beside Gram matrices
_BEYOND = 1e4  # a leverage of the pool that is larger, over its penalty, says nothing of more rows
_SINGLE = 0.9  # below this leverage single precision leaves six digits of 1 − leverage


class StoredMatrix(Protocol):
    """A matrix that is read by rows, wherever it is kept."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class SampledErrors:
    """Ridge regression on n of the pool's rows, for every n and every penalty.

    Attributes
    ----------
    n : ndarray of int, shape (A,)
    ridge : ndarray, shape (B,)
        λ in (1/n)‖y − Fa‖² + λ‖a‖².
    test_error : ndarray, shape (A, B)
        Mean squared error on the rows that were not drawn; beyond the pool on fresh rows.
    train_error : ndarray, shape (A, B)
        (1/n)‖y − Fâ‖² over the rows that were drawn.
    degrees_of_freedom : ndarray, shape (A, B)
        tr F(FᵀF + nλ)^(-1)Fᵀ over the rows that were drawn: the effective dimension.
    kappa : ndarray, shape (A, B)
        κ, the effective penalty of the pool.
    unevenness : ndarray, shape (A, B)
        Variance of the rows' leverages at κ over their squared mean.
    """

    n: np.ndarray
    ridge: np.ndarray
    test_error: np.ndarray
    train_error: np.ndarray
    degrees_of_freedom: np.ndarray
    kappa: np.ndarray
    unevenness: np.ndarray


@dataclass(frozen=True, eq=False)
class LeverageTable:
    """Rows of a pool in classes of about equal leverage, at some κ.

    Attributes
    ----------
    rows : int
        m.
    log_kappa : ndarray, shape (K,)
        ln κ of the nodes, ascending.
    counts : ndarray, shape (C,)
        Rows of each class.
    leverage : ndarray, shape (K, C)
        h, in ascending order.
    squared_error : ndarray, shape (K, C)
        Means of e over the class.
    coupling : ndarray, shape (K,)
        tr G² − Σ_i g_i².
    """

    rows: int
    log_kappa: np.ndarray
    counts: np.ndarray
    leverage: np.ndarray
    squared_error: np.ndarray
    coupling: np.ndarray


def leverage_table(
    kappa: np.ndarray, diagonal: np.ndarray, squares: np.ndarray, trace_of_square: np.ndarray
) -> LeverageTable:
    """Sort the rows of a pool into classes at every node.

    Parameters
    ----------
    kappa : ndarray, shape (K,)
        Ascending.
    diagonal : ndarray, shape (K, m)
        g_i.
    squares : ndarray, shape (K, m)
        (Gy)_i².
    trace_of_square : ndarray, shape (K,)
        tr G².

    Returns
    -------
    LeverageTable
    """
    nodes, m = diagonal.shape
    classes = min(CLASSES, m)
    # of the class of largest leverage the upper half apart, of this its upper half, and so on: few rows stand far out
    tail = m - 2 ** np.arange(int(math.log2(m / classes)) + 1)
    starts = np.union1d((np.arange(classes) * m) // classes, tail)
    counts = np.diff(np.append(starts, m))
    leverage, errors = np.empty((nodes, len(starts))), np.empty((nodes, len(starts)))
    for k in range(nodes):
        order = np.argsort(-diagonal[k])
        g = diagonal[k, order]
        mean = np.add.reduceat(g, starts) / counts
        leverage[k] = np.maximum(1.0 / mean - kappa[k], 0.0)
        errors[k] = np.add.reduceat(squares[k, order] / g**2, starts) / counts
    coupling = np.maximum(trace_of_square - np.sum(np.square(diagonal, dtype=float), axis=1), 0.0)
    return LeverageTable(m, np.log(kappa), counts, leverage, errors, coupling)


def checked_grid(n: ArrayLike, ridge: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and penalties as arrays, once they keep their rules.

    Parameters
    ----------
    n : int or array_like of int, shape (A,)
        At least 1 each.
    ridge : float or array_like, shape (B,)
        Positive.

    Returns
    -------
    n : ndarray of int, shape (A,)
    ridge : ndarray, shape (B,)

    Raises
    ------
    ValueError
        If one breaks its rule.
    """
    sizes = np.array([integer("n", each, 1) for each in np.atleast_1d(n).tolist()])
    return sizes, np.array([real("ridge", each, positive=True) for each in np.atleast_1d(ridge).tolist()])


def table_nodes(n: np.ndarray, ridge: np.ndarray, rows: int, largest: float) -> np.ndarray:
    """κ from the least to the largest that any of the sizes and penalties can lead to.

    Parameters
    ----------
    n : ndarray of int, shape (A,)
    ridge : ndarray, shape (B,)
    rows : int
        m.
    largest : float
        Squared norm of the largest row, which no leverage exceeds.

    Returns
    -------
    ndarray
    """
    f, z = n[:, None] / rows, n[:, None] * ridge
    low = np.where(f <= 1.0, z / f, z / (f + (f - 1.0) * _BEYOND)).min()
    high = ((z + np.maximum(1.0 - f, 0.0) * largest) / f).max()
    low, high = math.log(low) - _STEP, math.log(high) + _STEP
    return np.exp(np.linspace(low, high, max(6, math.ceil((high - low) / _STEP) + 1)))


def sampled_errors(table: LeverageTable, n: ArrayLike, ridge: ArrayLike) -> SampledErrors:
    """The law of ridge regression on n of the rows of a pool.

    Parameters
    ----------
    table : LeverageTable
        Its nodes hold every κ that n and ridge lead to (`table_nodes`).
    n : array_like of int, shape (A,)
    ridge : array_like, shape (B,)

    Returns
    -------
    SampledErrors

    Raises
    ------
    ArithmeticError
        If no κ of the table solves the fixed point, or an error comes out negative.
    """
    n, ridge = np.atleast_1d(np.asarray(n)), np.atleast_1d(np.asarray(ridge, dtype=float))
    shape = (len(n), len(ridge))
    t, f, z = _log_penalties(table, n, ridge)
    size, share = np.repeat(n, len(ridge)).astype(float), table.counts / table.rows
    coupling = CubicSpline(table.log_kappa, np.exp(2.0 * table.log_kappa) * table.coupling / table.rows)
    errors = CubicSpline(table.log_kappa, table.squared_error)
    kappa, c_f = np.exp(t), f[:, None]
    h = _leverages(table)(t)
    e, g2 = errors(t), 1.0 / (kappa[:, None] + h) ** 2
    slope = coupling(t) / kappa**2 / ((h * g2) @ share)  # ℓ
    scatter = slope / ((h * (1.0 + slope[:, None] * h) * g2) @ share)  # m c
    at_pool = scatter * ((h * g2 * e) @ share)  # τ₀
    weight = c_f / (z[:, None] + h) ** 2
    at_n = scatter * ((weight * h * (e - h * at_pool[:, None])) @ share) / (1.0 - scatter * ((weight * h**2) @ share))
    e = e + h * (at_n - at_pool)[:, None]
    test, train = e @ share, z**2 / f * ((weight * e) @ share)
    for name, value, right in (("test", test, test > 0.0), ("train", train, train >= 0.0)):
        wrong = ~(np.isfinite(value) & right)
        if wrong.any():
            i = int(np.argmax(wrong))
            remedy = "the law with a weight for every row" if f[i] <= 1.0 else "fewer labels"
            raise ArithmeticError(
                f"the {name} error for n = {int(size[i])} at the penalty {z[i] / size[i]:.3g} came out as "
                f"{value[i]:.3g}: {table.rows} rows are too few for classes of them; take more rows, or {remedy}"
            )
    freedom = size * ((h / (z[:, None] + h)) @ share)
    uneven = (h**2 @ share) / (h @ share) ** 2 - 1.0
    return SampledErrors(n, ridge, *(x.reshape(shape) for x in (test, train, freedom, kappa, uneven)))


def effective_penalties(table: LeverageTable, n: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """κ of the pool for every size and penalty.

    Parameters
    ----------
    table : LeverageTable
    n : ndarray of int, shape (A,)
    ridge : ndarray, shape (B,)

    Returns
    -------
    ndarray, shape (A, B)

    Raises
    ------
    ArithmeticError
        If no κ of the table solves the fixed point.
    """
    return np.exp(_log_penalties(table, n, ridge)[0]).reshape(len(n), len(ridge))


def _log_penalties(table: LeverageTable, n: np.ndarray, ridge: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln κ, f and z for every pair of a size and a penalty, each of shape (AB,)."""
    size = np.repeat(n, len(ridge)).astype(float)
    f, z = size / table.rows, size * np.tile(ridge, len(n))
    share, leverages = table.counts / table.rows, _leverages(table)

    def excess(t: np.ndarray, f: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Of f Σ h/(z + h) over Σ h/(κ + h), in logarithms."""
        h = leverages(t)
        sampled = f * ((h / (z[:, None] + h)) @ share)
        return np.log(sampled) - np.log((h / (np.exp(t)[:, None] + h)) @ share)

    ends = np.array([table.log_kappa[0], table.log_kappa[-1]])
    reached = [excess(np.full_like(z, end), f, z) for end in ends]
    lost = (reached[0] > 0.0) | (reached[1] < 0.0)
    if lost.any():
        i = int(np.argmax(lost))
        raise ArithmeticError(
            f"{table.rows} rows do not tell what {int(size[i])} do at the penalty {z[i] / size[i]:.3g}: take more "
            "rows, fewer labels or a larger penalty"
        )
    return bracketed_root(excess, ends[0], ends[1], f, z, tolerance=1e-10, absolute=1e-10), f, z


def _leverages(table: LeverageTable) -> Callable[[np.ndarray], np.ndarray]:
    """h (L, C) of the classes at ln κ (L,), between the nodes of the table."""
    mean = table.leverage @ (table.counts / table.rows)
    log_mean = CubicSpline(table.log_kappa, np.log(mean))
    relative = CubicSpline(table.log_kappa, table.leverage / mean[:, None])
    return lambda t: np.exp(log_mean(t))[:, None] * relative(t)


@dataclass(frozen=True, eq=False)
class FeaturePool:
    """The eigendecomposition of a pool's features, from which the law follows for all n and λ.

    Attributes
    ----------
    features : ndarray, shape (m, N)
        Of any real type, or what gives rows of it in blocks.
    labels : ndarray, shape (m,)
        Centred where the features are.
    means : ndarray, shape (N,)
        Subtracted from every row; zeros where the features are taken as they are.
    eigenvalues : ndarray, shape (min(m, N),)
        Of FᵀF, ascending, not below 0; those within rounding of 0 are 0.
    vectors : ndarray, shape (min(m, N), min(m, N))
        Right singular vectors of F in columns if N ≤ m, left ones otherwise.
    largest_row : float
        Largest squared norm of a row.
    moment : ndarray, shape (N,)
        Fᵀy.
    index : ndarray of int, optional
        The rows of `features` that are the pool; all of them by default.
    """

    features: np.ndarray | StoredMatrix
    labels: np.ndarray
    means: np.ndarray
    eigenvalues: np.ndarray
    vectors: np.ndarray
    largest_row: float
    moment: np.ndarray
    index: np.ndarray | None = None

    @property
    def rows(self) -> int:
        """m."""
        return len(self.labels)

    @property
    def columns(self) -> int:
        """N."""
        return len(self.means)

    def errors(self, n: ArrayLike, ridge: ArrayLike) -> SampledErrors:
        """Test error, train error and degrees of freedom on n of the rows, for every n and λ.

        Parameters
        ----------
        n : int or array_like of int, shape (A,)
            From 1 to m − 1; larger numbers continue the law beyond the pool. m itself leaves no row to test on and
            means a fresh one.
        ridge : float or array_like, shape (B,)
            λ > 0.

        Returns
        -------
        SampledErrors

        Raises
        ------
        ValueError
            If a size or penalty breaks its rule.
        ArithmeticError
            If the pool does not tell what is asked for.
        """
        sizes, ridges = checked_grid(n, ridge)
        return sampled_errors(self.table(table_nodes(sizes, ridges, self.rows, self.largest_row)), sizes, ridges)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Rows of F in blocks, in double precision and centred, for as long as the next is not read.

        Where m < N they are in the m coordinates of the left singular vectors, which have the same products.

        Yields
        ------
        slice, ndarray
        """
        if self.rows < self.columns:
            yield slice(0, self.rows), self.vectors * np.sqrt(self.eigenvalues)
        else:
            yield from _row_blocks(self.features, self.means, self.index)

    def table(self, kappa: np.ndarray) -> LeverageTable:
        """Leverages and errors of the rows at some κ, in one pass over them.

        Parameters
        ----------
        kappa : ndarray, shape (K,)
            Ascending.

        Returns
        -------
        LeverageTable
        """
        m, N = self.rows, self.columns
        inverse = 1.0 / (self.eigenvalues[:, None] + kappa)
        square = np.sum(inverse**2, axis=0) + max(m - N, 0) / kappa**2
        if m < N:
            diagonal = np.square(self.vectors) @ inverse
            fitted = self.vectors @ (inverse * (self.vectors.T @ self.labels)[:, None])
            return leverage_table(kappa, diagonal.T, np.square(fitted).T, square)
        readouts = self.vectors @ (inverse * (self.vectors.T @ self.moment)[:, None])
        diagonal, residual = np.empty((len(kappa), m)), np.empty((len(kappa), m))
        # half the time, and digits enough where no leverage is near 1
        single = m > 2 * N
        kind = np.float32 if single else np.float64
        vectors, weights = self.vectors.astype(kind, copy=False), inverse.astype(kind, copy=False)
        size, offset = _block_rows(m, N), self.means @ readouts
        centred, coordinates = np.empty((size, N), kind), np.empty((size, N), kind)
        for rows, raw in _row_blocks(self.features, None, self.index):
            F, squared = centred[: len(raw)], coordinates[: len(raw)]
            np.subtract(raw, self.means, out=F, casting="same_kind")
            np.dot(F, vectors, out=squared)
            np.square(squared, out=squared)
            one_less = 1.0 - np.asarray(squared @ weights, dtype=float)
            near = np.flatnonzero(one_less[:, 0] < 1.0 - _SINGLE)
            if single and len(near):
                one_less[near] = 1.0 - np.square((raw[near] - self.means) @ self.vectors) @ inverse
            diagonal[:, rows] = (one_less / kappa).T
            residual[:, rows] = ((self.labels[rows, None] - raw @ readouts + offset) / kappa).T
        if not (diagonal > 0.0).all():
            k, i = np.unravel_index(np.argmin(diagonal), diagonal.shape)
            raise ArithmeticError(
                f"row {i} alone determines a feature (leverage 1 to rounding at κ = {kappa[k]:.3g}): take a larger "
                "penalty, or leave out what only one row has"
            )
        return leverage_table(kappa, diagonal, np.square(residual), square)


def _block_rows(rows: int, columns: int) -> int:
    """Rows of a block: blocks of about the same number, each of which stays within `_BLOCK`."""
    return math.ceil(rows / math.ceil(rows / max(1, _BLOCK // columns)))


def _row_blocks(
    features: np.ndarray | StoredMatrix, means: np.ndarray | None, index: np.ndarray | None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows in double precision, less their means; the next block takes the place of a centred one."""
    count, columns = len(features) if index is None else len(index), features.shape[1]
    size = _block_rows(count, columns)
    centred = None if means is None else np.empty((size, columns))
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        block = np.asarray(features[rows if index is None else index[rows]], dtype=float)
        yield rows, block if means is None or centred is None else np.subtract(block, means, out=centred[: len(block)])


def feature_pool(
    features: np.ndarray | StoredMatrix, labels: np.ndarray, *, center: bool = True, index: np.ndarray | None = None
) -> FeaturePool:
    """Decompose the features of a pool, row block by row block: memory beside them does not grow with m N.

    Parameters
    ----------
    features : ndarray, shape (m, N)
        Finite; or whatever else has a shape and gives rows by slices and ascending indices, which are read in blocks.
    labels : ndarray, shape (m,)
    center : bool
        Subtract the pool's means from features and labels, as the fit on n rows then does too.
    index : ndarray of int, optional
        The rows that are the pool; all of them by default.

    Returns
    -------
    FeaturePool

    Raises
    ------
    ValueError
        If shapes do not fit, or features or labels are constant.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((400, 30))
    >>> labels = features[:, 0] + rng.standard_normal(400)
    >>> law = feature_pool(features, labels).errors([50, 200], [0.01, 1.0])
    >>> law.test_error.round(1)
    array([[2.1, 1.4],
           [1. , 1.2]])
    """
    labels = np.asarray(labels, dtype=float)
    if len(features.shape) != 2 or len(features) < 2:
        raise ValueError(f"`features` must be a matrix of at least two rows; got shape {features.shape}")
    if labels.shape != (len(features),):
        raise ValueError(f"`labels` must be as many as the {len(features)} rows; got shape {labels.shape}")
    labels = labels if index is None else labels[index]
    m, N = len(labels), features.shape[1]
    means = np.zeros(N)
    if center:
        total = sum(F.sum(axis=0) for _, F in _row_blocks(features, None, index))
        means, labels = total / m, labels - labels.mean()
    if not np.any(labels):
        raise ValueError("`labels` must not be constant; got one value alone")
    largest, moment = 0.0, np.zeros(N)
    small = np.zeros((min(m, N), min(m, N)), order="F")
    for rows, F in _row_blocks(features, means, index):
        largest = max(largest, float(np.einsum("ij,ij->i", F, F).max()))
        moment += labels[rows] @ F
        if m >= N:
            small = dsyrk(1.0, F.T, beta=1.0, c=small, overwrite_c=True)
    if m < N:
        for rows, F in _row_blocks(features, means, index):
            for others, G in _row_blocks(features, means, index):
                if others.start >= rows.start:
                    small[rows, others] = F @ G.T
    if not np.any(np.diag(small)):
        raise ValueError("`features` must hold something beside constant columns")
    values, vectors = eigh(small, lower=False, overwrite_a=True, check_finite=False, driver="evd")
    values = np.where(values < 4.0 * max(m, N) * np.finfo(float).eps * values[-1], 0.0, values)
    return FeaturePool(features, labels, means, values, vectors, largest, moment, index)


def left_out_pools(
    features: np.ndarray | StoredMatrix, labels: np.ndarray, *, groups: int = 8, center: bool = True
) -> Iterator[FeaturePool]:
    """The pool without one of several groups of its rows at a time: rows i, i + J, i + 2J, … are a group.

    A number θ of the pool, whose rows are a sample, has the standard error √((J − 1)/J Σ_j (θ_j − θ̄)²) over them.

    Parameters
    ----------
    features, labels, center
        As of `feature_pool`.
    groups : int
        J, at least 2.

    Yields
    ------
    FeaturePool
    """
    groups = integer("groups", groups, 2)
    group = np.arange(len(labels)) % groups
    for j in range(groups):
        yield feature_pool(features, labels, center=center, index=np.flatnonzero(group != j))


def jackknife_errors(
    features: np.ndarray | StoredMatrix,
    labels: np.ndarray,
    n: ArrayLike,
    ridge: ArrayLike,
    *,
    groups: int = 8,
    center: bool = True,
) -> SampledErrors:
    """Standard errors of what a pool says, its rows being a sample (`left_out_pools`), with J eigendecompositions.

    Parameters
    ----------
    features, labels, n, ridge, center
        As of `feature_pool` and `FeaturePool.errors`.
    groups : int
        J, at least 2.

    Returns
    -------
    SampledErrors
        With standard errors in the place of the numbers.
    """
    laws = [pool.errors(n, ridge) for pool in left_out_pools(features, labels, groups=groups, center=center)]

    def spread(name: str) -> np.ndarray:
        values = np.stack([getattr(law, name) for law in laws])
        return math.sqrt(len(laws) - 1.0) * values.std(axis=0)

    names: Sequence[str] = ("test_error", "train_error", "degrees_of_freedom", "kappa", "unevenness")
    return SampledErrors(laws[0].n, laws[0].ridge, *(spread(name) for name in names))


def compressed_density(
    eigenvalues: np.ndarray, rows: int, n: int, x: np.ndarray, *, smoothing: float = 0.03
) -> np.ndarray:
    """Density of the eigenvalues of FFᵀ/n over n of the pool's rows: the free compression of K = FFᵀ.

    With ĝ(κ) = (1/m) tr (K + κ)^(-1), z = κ − (1 − f)/ĝ(κ) and z = −n x (1 + iw) it is −Im zĝ(κ)/(πfx), smoothed over
    w in ln x, since a pool's spectrum is a sum of points.

    Parameters
    ----------
    eigenvalues : ndarray, shape (r,)
        Of K, at most m of them; those left out are 0.
    rows : int
        m.
    n : int
        At most m.
    x : ndarray, shape (P,)
        Positive.
    smoothing : float
        w.

    Returns
    -------
    ndarray, shape (P,)
        Integrates to the share of eigenvalues that are not 0.

    Raises
    ------
    ArithmeticError
        If the fixed point is not reached.
    """
    f, x = n / rows, np.asarray(x, dtype=float)
    kept = eigenvalues[eigenvalues > 0.0]
    zeros = rows - len(kept)
    kappa = -n * x * 2.0j + n * x
    for w in np.geomspace(2.0, smoothing, 14):
        z = -n * x * (1.0 + 1.0j * w)
        for _ in range(12):
            inverse = 1.0 / (kept[:, None] + kappa)
            g = (inverse.sum(axis=0) + zeros / kappa) / rows
            g2 = (np.square(inverse).sum(axis=0) + zeros / kappa**2) / rows
            residual = kappa - z - (1.0 - f) / g
            moved = kappa - residual / (1.0 - (1.0 - f) * g2 / g**2)
            # the half-plane of z is kept: the map itself goes there where Newton's step does not
            kappa = np.where(moved.imag < 0.0, moved, kappa - residual)
            if np.max(np.abs(residual) / np.abs(z)) < 1e-9:
                break
    if not np.max(np.abs(residual) / np.abs(z)) < 1e-6:
        raise ArithmeticError(
            f"the free compression did not converge (residual {np.max(np.abs(residual) / np.abs(z)):.2g}): take a "
            "larger `smoothing`"
        )
    return np.maximum(-(z * g / f).imag, 0.0) / (math.pi * x)
