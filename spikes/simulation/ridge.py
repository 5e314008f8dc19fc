"""Ridge regression of the labels on the features: by one reduction for a path, by factorisation for a few.

Of features that are stored, of their moments, or of rows that are never stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.how import ALONE, How
from spikes.simulation.network import Layer
from spikes.simulation.samples import LabelledRows
from spikes.simulation.spectra import GramSpectrum, gram
from spikes.simulation.tridiagonal import Basis

__all__ = [
    "LowRank",
    "RidgePath",
    "fit_second_layer",
    "ridge_fit",
    "ridge_path",
    "ridge_path_of_moments",
    "shifted_solutions",
]


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Minimisers of (1/n)‖y − Fa‖² + λ‖a‖² and their training figures.

    Attributes
    ----------
    readouts : ndarray, shape (N, L)
        â(λ), one column for each penalty.
    train_error, objective : ndarray, shape (L,)
        (1/n)‖y − Fâ‖², and with the penalty.
    """

    readouts: np.ndarray
    train_error: np.ndarray
    objective: np.ndarray

    def lost_digits(self, power: float) -> np.ndarray:
        """Which training errors, as differences from the power yᵀy/n, have lost half their digits."""
        return self.train_error < math.sqrt(np.finfo(self.readouts.dtype).eps) * power

    def with_train_error(self, which: np.ndarray, train_error: np.ndarray, ridges: np.ndarray) -> RidgePath:
        """With some training errors found from residuals, and the objectives that go with them."""
        train, objective = self.train_error.copy(), self.objective.copy()
        train[which] = train_error
        penalty = np.square(self.readouts[:, which], dtype=float).sum(axis=0)
        objective[which] = train_error + ridges[which] * penalty
        return RidgePath(self.readouts, train, objective)


def ridge_path(F: np.ndarray, y: np.ndarray, spectrum: GramSpectrum, ridges: np.ndarray) -> RidgePath:
    """Fit every penalty λ in the basis that the Gram matrix was reduced in.

    Parameters
    ----------
    F : ndarray, shape (n, N)
    y : ndarray, shape (n,)
    spectrum : GramSpectrum
        Of F.
    ridges : ndarray, shape (L,)

    Returns
    -------
    RidgePath
    """
    n, basis = len(y), spectrum.basis
    ridges = np.asarray(ridges, dtype=float)
    if not spectrum.left:
        power = float(y @ y) / n
        path = ridge_path_of_moments(basis, F.T @ y / n, power, ridges)
        lost = path.lost_digits(power)
        if lost.any():
            squares = np.square(y[:, None] - F @ path.readouts[:, lost], dtype=float)
            path = path.with_train_error(lost, squares.mean(axis=0), ridges)
        return path
    # FFᵀ/n: the residual is λ(FFᵀ/n + λ)^(-1)y, free of cancellation.
    labels = basis.coordinates(y)
    duals = basis.shifted(labels, ridges)
    train = ridges**2 * np.einsum("ij,ij->j", duals, duals) / n
    return RidgePath(F.T @ basis.combined(duals) / F.dtype.type(n), train, ridges * (labels @ duals) / n)


def ridge_path_of_moments(basis: Basis, moment: np.ndarray, power: float, ridges: np.ndarray) -> RidgePath:
    """As `ridge_path`, from a basis of FᵀF/n, the moment Fᵀy/n and the power yᵀy/n.

    Parameters
    ----------
    basis : Basis
        Of FᵀF/n.
    moment : ndarray, shape (N,)
    power : float
    ridges : ndarray, shape (L,)

    Returns
    -------
    RidgePath
    """
    ridges = np.asarray(ridges, dtype=float)
    coordinates = basis.coordinates(moment)
    solutions = basis.shifted(coordinates, ridges)
    objective = power - coordinates @ solutions
    train = objective - ridges * np.einsum("ij,ij->j", solutions, solutions)
    return RidgePath(basis.combined(solutions), train, objective)


@dataclass(frozen=True, eq=False)
class LowRank:
    """Σ_k left_k right_kᵀ.

    Attributes
    ----------
    left : ndarray, shape (n, ℓ)
    right : ndarray, shape (N, ℓ)
    """

    left: np.ndarray
    right: np.ndarray

    def times(self, x: np.ndarray) -> np.ndarray:
        """Its product with a vector or with columns."""
        return self.left @ (self.right.T @ x)

    def transposed_times(self, y: np.ndarray) -> np.ndarray:
        """The product of its transpose."""
        return self.right @ (self.left.T @ y)


def ridge_fit(F: np.ndarray, y: np.ndarray, ridges: np.ndarray, added: LowRank | None = None) -> RidgePath:
    """As `ridge_path`, by one Cholesky factorisation of the smaller Gram matrix for each penalty.

    A factorisation costs a thirtieth of an eigendecomposition: the better way where no spectrum is wanted.

    Parameters
    ----------
    F : ndarray, shape (n, N)
    y : ndarray, shape (n,)
    ridges : ndarray, shape (L,)
    added : LowRank, optional
        Fit F + Σ left rightᵀ, which is never formed.

    Returns
    -------
    RidgePath
    """
    n, N = F.shape
    ridges = np.asarray(ridges, dtype=F.dtype)
    added = LowRank(np.zeros((n, 0)), np.zeros((N, 0))) if added is None else added
    small = _gram_of_sum(F, added)
    if n < N:
        duals = shifted_solutions(small, y, ridges)
        train = ridges**2 * np.einsum("ij,ij->j", duals, duals) / n
        return RidgePath((F.T @ duals + added.transposed_times(duals)) / n, train, ridges * (y @ duals) / n)
    readouts = shifted_solutions(small, (F.T @ y + added.transposed_times(y)) / n, ridges)
    residuals = y[:, None] - F @ readouts - added.times(readouts)
    train = np.einsum("ij,ij->j", residuals, residuals) / n
    return RidgePath(readouts, train, train + ridges * np.einsum("ij,ij->j", readouts, readouts))


def _gram_of_sum(F: np.ndarray, added: LowRank) -> np.ndarray:
    """Upper triangle of the smaller Gram matrix of (F + left rightᵀ)/√n."""
    n, N = F.shape
    left, right, turned = (added.right, added.left, F) if n < N else (added.left, added.right, F.T)
    # for n ≥ N: FᵀF + P rightᵀ + right Pᵀ with P = Fᵀleft + ½ right leftᵀleft
    cross = (turned @ left + 0.5 * right @ (left.T @ left)) @ (right.T / n)
    small = gram(F)
    small += cross
    small += cross.T
    return small


def shifted_solutions(upper: np.ndarray, right: np.ndarray, ridges: Sequence[float] | np.ndarray) -> np.ndarray:
    """(G + λ)^(-1) right for every λ by Cholesky, from the upper triangle of G (m, m); shape (m, L)."""
    diagonal = np.arange(len(upper))
    solutions = []
    for ridge in ridges:
        shifted = upper.copy(order="F")
        shifted[diagonal, diagonal] += ridge
        factor = cho_factor(shifted, lower=False, overwrite_a=True, check_finite=False)
        solutions.append(cho_solve(factor, right, check_finite=False))
    return np.stack(solutions, axis=1)


def fit_second_layer(layer: Layer, samples: LabelledRows, ridges: Sequence[float], *, how: How = ALONE) -> np.ndarray:
    """Minimise (1/n)‖y − Fa‖² + λ‖a‖² over the rows of a batch, at every λ; memory does not grow with n.

    Parameters
    ----------
    layer : Layer
        W (N, d) with σ − shift, which make F.
    samples : LabelledRows
        The batch, n rows.
    ridges : sequence of float
        Penalties λ > 0. Normal equations square the condition number: they want λ well above 1e-12 of the largest
        eigenvalue of FᵀF/n.
    how : How

    Returns
    -------
    ndarray, shape (N, L)
        Readouts â(λ) in columns.
    """
    equations = FeatureStream(layer, samples, how).normal_equations()
    return shifted_solutions(equations.gram, equations.moment, ridges)
