"""Ridge regression on some rows of a pool, tested on the others: what a learning curve measures, split by split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spikes.runtime.array_file import StoredRows
from spikes.runtime.memory import check_memory
from spikes.runtime.progress import progress_bar
from spikes.runtime.running_products import add_gram
from spikes.simulation.ridge import ridge_path, ridge_path_of_moments
from spikes.simulation.seeds import derived_sequence
from spikes.simulation.spectra import direct_spectrum, gram_spectrum, hidden_below
from spikes.simulation.tridiagonal import tridiagonal

__all__ = ["LEAST_TESTED_ROWS", "ReadoutSplits", "fit_readouts", "nested_fits", "pool_means"]

LEAST_TESTED_ROWS = 2
"""Rows that a split leaves for the test at least."""

_DOUBLE = np.dtype(float)
_BLOCK = 2**22  # entries of the features that are read at once


@dataclass(frozen=True, eq=False)
class ReadoutSplits:
    """Fits on n of the pool's rows, for several splits, sizes and penalties.

    Attributes
    ----------
    n : tuple of int
        A sizes.
    test_error, train_error, degrees_of_freedom : ndarray, shape (splits, A, B)
        Mean squared errors on the rows that were not drawn and on those that were; tr G(G + λ)^(-1), G = FᵀF/n.
    """

    n: tuple[int, ...]
    test_error: np.ndarray
    train_error: np.ndarray
    degrees_of_freedom: np.ndarray

    @property
    def splits(self) -> int:
        """Number of splits."""
        return len(self.test_error)


def pool_means(features: np.ndarray | StoredRows) -> np.ndarray:
    """Column means, block by block."""
    return np.asarray(
        sum(block.sum(axis=0) for _, block in _blocks(features, np.arange(len(features)))) / len(features)
    )


def _blocks(features: np.ndarray | StoredRows, index: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    size = max(1, _BLOCK // features.shape[1])
    for start in range(0, len(index), size):
        rows = slice(start, min(start + size, len(index)))
        yield rows, np.asarray(features[index[rows]], dtype=float)


def fit_readouts(
    features: np.ndarray | StoredRows,
    labels: np.ndarray,
    n: Sequence[int],
    ridges: Sequence[float],
    sequence: np.random.SeedSequence,
    *,
    splits: int,
) -> ReadoutSplits:
    """Fit and test on splits of a pool; the rows of a smaller n are among those of a larger one of the same split.

    Features and labels are centred with the means of the whole pool. No more than the rows of one fit are in memory
    where they are fewer than the columns, and one block of rows beside N² numbers elsewhere.

    Parameters
    ----------
    features : ndarray or StoredRows, shape (m, N)
        Read block by block.
    labels : ndarray, shape (m,)
    n : sequence of int
        Ascending or not, each at most m − 2.
    ridges : sequence of float
        λ.
    sequence : SeedSequence
        Its i-th child draws split i.
    splits : int

    Returns
    -------
    ReadoutSplits

    Raises
    ------
    ValueError
        If a Gram matrix does not fit in memory.
    ArithmeticError
        If rounding hides the smallest penalty.
    """
    N, m = features.shape[1], len(labels)
    penalties = np.array(ridges, dtype=float)
    if not (n and splits):
        return ReadoutSplits(tuple(n), *np.empty((3, splits, len(n), len(penalties))))
    small = min(N, max(n))
    check_memory(
        f"`features` must have a Gram matrix that fits in memory: {small} × {small}",
        4.0 * small**2 + small * N + 3.0 * _BLOCK,
    )
    means, centred = pool_means(features), labels - labels.mean()
    results = np.empty((3, splits, len(n), len(penalties)))
    with progress_bar("splits", splits) as advance:
        for i in range(splits):
            generator = np.random.Generator(np.random.SFC64(derived_sequence(sequence, i)))
            order = generator.permutation(m)
            for a, size in enumerate(n):
                # a memory map is read from front to back
                fit, rest = np.sort(order[:size]), np.sort(order[size:])
                results[:, i, a] = _fit(features, centred, means, fit, rest, penalties)
            advance()
    return ReadoutSplits(tuple(n), *results)


def nested_fits(
    features: np.ndarray,
    labels: np.ndarray,
    n: Sequence[int],
    ridges: Sequence[float],
    generator: np.random.Generator,
) -> np.ndarray:
    """Test errors of fits on the first n rows of one random order, on all others; nothing is centred.

    Parameters
    ----------
    features : ndarray, shape (m, N)
    labels : ndarray, shape (m,)
    n : sequence of int
        A sizes, each at most m − 2.
    ridges : sequence of float
        B penalties λ.
    generator : Generator

    Returns
    -------
    ndarray, shape (A, B)

    Raises
    ------
    ArithmeticError
        If rounding hides the smallest penalty.
    """
    order, penalties = generator.permutation(len(labels)), np.array(ridges, dtype=float)
    errors = np.empty((len(n), len(penalties)))
    for i, size in enumerate(n):
        fit, rest = np.sort(order[:size]), np.sort(order[size:])
        F = features[fit]
        spectrum = gram_spectrum(F)
        if hidden_below(spectrum.eigenvalues, F.dtype) > penalties.min() + spectrum.eigenvalues[-1]:
            spectrum = direct_spectrum(F)
            _check_resolved(spectrum.eigenvalues, penalties, F.dtype, direct=True)
        residual = labels[rest, None] - features[rest] @ ridge_path(F, labels[fit], spectrum, penalties).readouts
        errors[i] = np.mean(np.square(residual, dtype=float), axis=0)
    return errors


def _fit(
    features: np.ndarray | StoredRows,
    labels: np.ndarray,
    means: np.ndarray,
    fit: np.ndarray,
    rest: np.ndarray,
    ridges: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test error, train error and degrees of freedom, each of shape (B,)."""
    n, N = len(fit), features.shape[1]
    if n < N:
        F = np.asarray(features[fit], dtype=float) - means
        spectrum = gram_spectrum(F)
        _check_resolved(spectrum.eigenvalues, ridges)
        path = ridge_path(F, labels[fit], spectrum, ridges)
        values, readouts, train = spectrum.eigenvalues, path.readouts, path.train_error
    else:
        small, moment = np.zeros((N, N), order="F"), np.zeros(N)
        for rows, block in _blocks(features, fit):
            block -= means
            add_gram(small, block)
            moment += labels[fit[rows]] @ block
        basis = tridiagonal(small / n)
        values = basis.eigenvalues()
        _check_resolved(values, ridges)
        power = float(np.mean(labels[fit] ** 2))
        readouts = ridge_path_of_moments(basis, moment / n, power, ridges).readouts
        train = _mean_square(features, labels, means, fit, readouts)
    test = _mean_square(features, labels, means, rest, readouts)
    freedom = np.sum(values[:, None] / (values[:, None] + ridges), axis=0)
    return test, train, freedom


def _mean_square(
    features: np.ndarray | StoredRows, labels: np.ndarray, means: np.ndarray, index: np.ndarray, readouts: np.ndarray
) -> np.ndarray:
    offset, total = means @ readouts, np.zeros(readouts.shape[1])
    for rows, block in _blocks(features, index):
        residual = labels[index[rows], None] - block @ readouts + offset
        total += np.einsum("ij,ij->j", residual, residual)
    return total / len(index)


def _check_resolved(
    eigenvalues: np.ndarray, ridges: np.ndarray, dtype: np.dtype = _DOUBLE, *, direct: bool = False
) -> None:
    hidden, smallest = hidden_below(eigenvalues, dtype, direct=direct), float(ridges.min())
    if hidden > smallest + eigenvalues[-1]:
        raise ArithmeticError(
            f"the penalty {smallest:.3g} is hidden by rounding: the largest singular value of F/√n is "
            f"{math.sqrt(eigenvalues[0]):.3g}, and λ must be at least {hidden:.2g}: take a larger `ridge`"
        )
