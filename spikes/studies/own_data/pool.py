"""The laws of real rows: features measured on them, and their kernel before features are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.simulation.dataset import Dataset, Rows, Split
from spikes.simulation.features import feature_matrix
from spikes.simulation.gradient import gradient
from spikes.simulation.how import How
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.readout import nested_fits
from spikes.simulation.seeds import derived_sequence
from spikes.simulation.spectra import separated
from theory.finite_pool import FeaturePool, SampledErrors, compressed_density, feature_pool
from theory.pool_kernel import dual_kernel, kernel_pool
from theory.row_weights import EVEN, LONG, QUICK, errors_by_rows, kernel_errors_by_rows, products
from theory.statement.problem import Problem

__all__ = [
    "LEAST_POOL",
    "MeasuredLaw",
    "curve_sizes",
    "kernel_by_rows",
    "kernel_law",
    "measured_law",
    "measured_sizes",
    "pool_rows",
]

LEAST_POOL = 100
"""Rows for the fit and the test below which a pool has no law to speak of."""

LARGEST_KERNEL = 2500
"""Rows of a kernel: its eigendecomposition is that of a matrix of so many rows."""

WHEN = ("before", "after")
_CURVE = 12  # sizes along the learning curve
_MEASURED = 4  # of them, at which it is measured as well
_ORDER = 6  # child of a run's sequence that orders the rows of its pool
_SMOOTH = 0.08  # of the density, in ln x: half a bin of the figure
_OWN = 0.5  # share of a spike's vector among the spikes before the step from which on it is the data's


@dataclass(frozen=True, eq=False)
class MeasuredLaw:
    """What the features of one network on the rows for fit and test say of a fit on some of them.

    Attributes
    ----------
    errors : dict of str to SampledErrors
        ``before`` and ``after`` the step, for the sizes of `curve_sizes`.
    fit : dict of str to SampledErrors
        For the fit's number of rows; with a weight for every row where leverages are uneven and that takes seconds.
    eigenvalues : dict of str to ndarray
        Of FFᵀ over the pool.
    spikes : ndarray, shape (K,)
        For each leading eigenvalue after the step that stands apart, the squared cosine of its vector with the span of
        those that stood apart before it.
    curve : dict of str to ndarray (M, L)
        Test errors measured on one order of the pool's rows, for the sizes of `measured_sizes` and the penalties.
    """

    errors: dict[str, SampledErrors]
    fit: dict[str, SampledErrors]
    eigenvalues: dict[str, np.ndarray]
    spikes: np.ndarray
    curve: dict[str, np.ndarray]

    @property
    def of_the_data(self) -> int:
        """Spikes after the step that were there before it."""
        return int(np.sum(self.spikes >= _OWN))

    @property
    def of_the_step(self) -> int:
        """Those that were not."""
        return len(self.spikes) - self.of_the_data

    def density(self, when: str, rows: int, n: int, x: np.ndarray) -> np.ndarray:
        """Of the eigenvalues of FFᵀ/n, ``before`` or ``after`` the step."""
        return compressed_density(self.eigenvalues[when], rows, n, x, smoothing=_SMOOTH)


def pool_rows(split: Split) -> Rows:
    """The rows of the fit and of the test together."""
    return Rows(split.fit.data, np.sort(np.concatenate([split.fit.index, split.test.index])))


def curve_sizes(fit: int, pool: int) -> np.ndarray:
    """Numbers of rows along a learning curve, the fit's among them."""
    sizes = np.geomspace(max(10, pool // 20), 0.9 * pool, _CURVE).astype(int)
    return np.union1d(sizes, [fit])


def measured_sizes(fit: int, pool: int) -> np.ndarray:
    """Those of `curve_sizes` at which it is measured, from the fewest rows to the most."""
    sizes = curve_sizes(fit, pool)
    return sizes[np.linspace(0, len(sizes) - 1, _MEASURED).round().astype(int)]


def measured_law(problem: Problem, split: Split, sequence: np.random.SeedSequence, how: How) -> MeasuredLaw:
    """Take the step of a run again, and decompose the features of its two layers on the pool.

    Parameters
    ----------
    problem : Problem
    split : Split
    sequence : SeedSequence
        That drew the run's network.
    how : How

    Returns
    -------
    MeasuredLaw
    """
    with threadpool_limits(how.threads):
        kernels = problem_kernels(problem)
        start = initial_network(problem, sequence, dtype=how.numbers)
        found = gradient(start, kernels, split.step, how=how)
        rows, direction = pool_rows(split), np.zeros(problem.d)
        sizes = curve_sizes(split.fit.rows, rows.rows)
        pools, left, curve = {}, {}, {}
        for when, W in (("before", start.W), ("after", start.W + problem.step_size * found.rows)):
            features = feature_matrix(Layer(W, kernels), rows, direction, how=how)
            pools[when] = feature_pool(features.F, features.y, center=False)
            left[when] = _leading(pools[when])
            generator = np.random.Generator(np.random.SFC64(derived_sequence(sequence, _ORDER)))
            few = measured_sizes(split.fit.rows, rows.rows).tolist()
            curve[when] = nested_fits(features.F, features.y, few, problem.ridges, generator)
    overlap = np.sum(np.square(left["before"].T @ left["after"]), axis=0)
    return MeasuredLaw(
        {when: pool.errors(sizes, problem.ridges) for when, pool in pools.items()},
        {when: _of_fit(pool, split.fit.rows, problem.ridges) for when, pool in pools.items()},
        {when: pool.eigenvalues for when, pool in pools.items()},
        overlap,
        curve,
    )


def _of_fit(pool: FeaturePool, n: int, ridges: Sequence[float]) -> SampledErrors:
    errors = pool.errors(n, ridges)
    if errors.unevenness.max() > EVEN and products(pool.rows, pool.columns, len(ridges)) <= QUICK:
        return errors_by_rows(pool, n, ridges)
    return errors


def _leading(pool: FeaturePool) -> np.ndarray:
    """Left singular vectors of the singular values that stand apart, in columns."""
    count = separated(np.sqrt(pool.eigenvalues[::-1]))
    vectors = pool.vectors[:, ::-1][:, :count]
    if pool.rows < pool.columns:
        return vectors
    vectors = pool.features @ vectors
    return vectors / np.linalg.norm(vectors, axis=0)


def kernel_law(problem: Problem, data: Dataset, fit: int) -> SampledErrors:
    """Errors before the step, neurons and rows not drawn, from the kernel of the rows alone.

    Parameters
    ----------
    problem : Problem
    data : Dataset
        Of which every split fits some rows and tests on others: the pool, evenly thinned to 2500.
    fit : int
        Rows of a fit.

    Returns
    -------
    SampledErrors
        For the fit's rows; with a weight for every row where leverages are uneven and that takes half a minute.
    """
    index = np.unique(np.linspace(0, data.rows - 1, min(data.rows, LARGEST_KERNEL)).astype(int))
    X, y = np.asarray(data.X[index], dtype=float), data.y[index]
    pool = kernel_pool(dual_kernel(problem.sigma, X, centered=problem.centered), y, problem.width, center=False)
    errors = pool.errors(fit, problem.ridges)
    if errors.unevenness.max() > EVEN and kernel_by_rows(fit, data.rows, len(problem.ridges)):
        return kernel_errors_by_rows(pool, fit, problem.ridges)
    return errors


def kernel_by_rows(fit: int, rows: int, penalties: int) -> bool:
    """Whether rows of uneven leverage have a weight each in the law of the kernel: where that takes half a minute.

    Parameters
    ----------
    fit, rows : int
        Rows of the fit and of the data, which are thinned.
    penalties : int

    Returns
    -------
    bool
    """
    rows = min(rows, LARGEST_KERNEL)
    # beyond the pool there are no weights
    return fit <= rows and 0.25 * products(rows, rows, penalties) <= LONG
