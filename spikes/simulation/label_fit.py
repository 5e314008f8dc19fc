"""Affine fits b + ⟨β, x⟩ of the labels, in one pass over a batch, and batches from whose labels they are subtracted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import cho_factor, cho_solve

from spikes.runtime.running_products import add_gram
from spikes.simulation.samples import Block, LabelledRows, Samples
from theory.quadrature import tensor_gauss_hermite
from theory.statement.problem import Problem, require_isotropic

__all__ = ["LinearFit", "Residuals", "exact_fit", "fit_labels", "least_squares", "moment_fit"]

_BLOCK = 1024
_AXIS_NODES = {1: 200, 2: 120, 3: 40, 4: 16, 5: 9, 6: 7}


@dataclass(frozen=True, eq=False)
class LinearFit:
    """x ↦ intercept + ⟨coefficients, x⟩, coefficients of shape (d,).

    Attributes
    ----------
    intercept : float
    coefficients : ndarray, shape (d,)
    """

    intercept: float
    coefficients: np.ndarray

    def residual(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """y − intercept − X coefficients."""
        return y - (X @ self.coefficients.astype(X.dtype, copy=False) + self.intercept)


@dataclass(frozen=True, eq=False)
class Residuals:
    """A batch with y − fit(x) for its labels: what a model must learn that is added to the fit.

    Attributes
    ----------
    samples : LabelledRows
    fit : LinearFit or None
        None leaves the labels as they are.
    """

    samples: LabelledRows
    fit: LinearFit | None

    @property
    def rows(self) -> int:
        """Number of samples."""
        return self.samples.rows

    def part(self, start: int, stop: int) -> Residuals:
        """Samples start … stop − 1 of these."""
        return Residuals(self.samples.part(start, stop), self.fit)

    def blocks(self, block: int, *, dtype: DTypeLike = np.float64, first: int = 0, stride: int = 1) -> Iterator[Block]:
        """As the blocks of the batch."""
        for rows, X, y in self.samples.blocks(block, dtype=dtype, first=first, stride=stride):
            yield rows, X, y if self.fit is None else self.fit.residual(X, y)


def fit_labels(kind: str, samples: Samples, independent: Samples) -> LinearFit | None:
    """The fit that a `theory.statement.protocol.Protocol` subtracts before a step.

    Parameters
    ----------
    kind : str
        none, exact, ols, moments or independent.
    samples : Samples
        The batch of the step.
    independent : Samples
        Another batch, which the last kind looks at.

    Returns
    -------
    LinearFit or None
    """
    if kind == "none":
        return None
    if kind == "exact":
        return exact_fit(samples.problem)
    if kind == "ols":
        return least_squares(samples)
    return moment_fit(samples if kind == "moments" else independent)


def exact_fit(problem: Problem) -> LinearFit:
    """E y and E[y x], by Gauss-Hermite quadrature over the latents.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    LinearFit
    """
    require_isotropic(problem, "an exact fit of the labels")
    k = problem.teacher.k
    z, w = tensor_gauss_hermite(_AXIS_NODES[k], k)
    y = problem.teacher(z)
    coefficients = np.zeros(problem.d)
    coefficients[:k] = (w * y) @ z
    return LinearFit(float(w @ y), coefficients)


def least_squares(samples: Samples) -> LinearFit:
    """Least squares on [1, x].

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    LinearFit

    Raises
    ------
    ValueError
        If the batch has fewer than d + 2 samples.
    """
    n, d = samples.rows, samples.problem.d
    if n < d + 2:
        raise ValueError(f"`preprocessing` by ols must have at least d + 2 = {d + 2} samples; got {n}")
    gram = np.zeros((d, d), order="F")
    total, moment, labels = np.zeros(d), np.zeros(d), 0.0
    for _, X, y in samples.blocks(_BLOCK):
        add_gram(gram, X)
        total += X.sum(axis=0)
        moment += y @ X
        labels += float(y.sum())
    gram -= np.outer(total, total) / n  # the upper triangle holds the sums
    factor = cho_factor(gram, lower=False, overwrite_a=True, check_finite=False)
    coefficients = cho_solve(factor, moment - total * (labels / n), check_finite=False)
    return LinearFit((labels - float(total @ coefficients)) / n, coefficients)


def moment_fit(samples: Samples) -> LinearFit:
    """ȳ and Xᵀ(y − ȳ)/n.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    LinearFit
    """
    n = samples.rows
    total, moment, labels = np.zeros(samples.problem.d), np.zeros(samples.problem.d), 0.0
    for _, X, y in samples.blocks(_BLOCK):
        total += X.sum(axis=0)
        moment += y @ X
        labels += float(y.sum())
    mean = labels / n
    return LinearFit(mean, moment / n - mean * total / n)
