"""Ridge regression of the labels on the features: by one eigendecomposition for a path, by factorisation for a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from spikes.spectra import GramSpectrum, gram

__all__ = ["RidgePath", "ridge_fit", "ridge_path", "ridge_path_of_moments"]


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


def ridge_path(F: np.ndarray, y: np.ndarray, spectrum: GramSpectrum, ridges: np.ndarray) -> RidgePath:
    """Fit every penalty λ from the spectrum of the Gram matrix.

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
    n = len(y)
    if not spectrum.left:
        return ridge_path_of_moments(spectrum.eigenvalues, spectrum.vectors, F.T @ y / n, float(y @ y) / n, ridges)
    # FFᵀ/n: the residual is λ(FFᵀ/n + λ)^(-1)y, free of cancellation.
    ridges = np.asarray(ridges, dtype=F.dtype)
    shrunk = spectrum.eigenvalues[:, None] + ridges
    projection = spectrum.vectors.T @ y
    square = (projection**2 / n)[:, None]
    train = ridges**2 * np.sum(square / shrunk**2, axis=0)
    objective = ridges * np.sum(square / shrunk, axis=0)
    readouts = F.T @ (spectrum.vectors @ (projection[:, None] / shrunk)) / n
    return RidgePath(readouts, np.asarray(train, float), np.asarray(objective, float))


def ridge_path_of_moments(
    eigenvalues: np.ndarray, vectors: np.ndarray, moment: np.ndarray, power: float, ridges: np.ndarray
) -> RidgePath:
    """As `ridge_path`, from the eigendecomposition of FᵀF/n, the moment Fᵀy/n and the power yᵀy/n.

    Parameters
    ----------
    eigenvalues : ndarray, shape (N,)
    vectors : ndarray, shape (N, N)
    moment : ndarray, shape (N,)
    power : float
    ridges : ndarray, shape (L,)

    Returns
    -------
    RidgePath
    """
    values = np.asarray(eigenvalues, dtype=float)[:, None]
    ridges = np.asarray(ridges, dtype=float)
    shrunk = values + ridges
    projection = vectors.T @ moment.astype(vectors.dtype, copy=False)
    square = np.square(projection, dtype=float)[:, None]
    train = power - np.sum(square * (shrunk + ridges) / shrunk**2, axis=0)
    objective = power - np.sum(square / shrunk, axis=0)
    return RidgePath(vectors @ (projection[:, None] / shrunk).astype(vectors.dtype, copy=False), train, objective)


def ridge_fit(F: np.ndarray, y: np.ndarray, ridges: np.ndarray) -> RidgePath:
    """As `ridge_path`, by one Cholesky factorisation of the smaller Gram matrix for each penalty.

    A factorisation costs a thirtieth of an eigendecomposition: the better way where no spectrum is wanted.

    Parameters
    ----------
    F : ndarray, shape (n, N)
    y : ndarray, shape (n,)
    ridges : ndarray, shape (L,)

    Returns
    -------
    RidgePath
    """
    n, N = F.shape
    small = gram(F)
    diagonal = np.arange(len(small))
    readouts, train, objective = np.empty((N, len(ridges))), np.empty(len(ridges)), np.empty(len(ridges))
    for i, ridge in enumerate(np.asarray(ridges, dtype=F.dtype)):
        shifted = small.copy(order="F")
        shifted[diagonal, diagonal] += ridge
        factor = cho_factor(shifted, lower=False, overwrite_a=True, check_finite=False)
        if n < N:
            dual = cho_solve(factor, y, check_finite=False)
            readouts[:, i] = F.T @ dual / n
            train[i], objective[i] = ridge**2 * float(dual @ dual) / n, ridge * float(y @ dual) / n
        else:
            readouts[:, i] = cho_solve(factor, F.T @ y / n, check_finite=False)
            residual = y - F @ readouts[:, i]
            train[i] = float(residual @ residual) / n
            objective[i] = train[i] + ridge * float(readouts[:, i] @ readouts[:, i])
    return RidgePath(readouts, train, objective)
