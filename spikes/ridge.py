"""Ridge regression of the labels on the features: one eigendecomposition for a whole path of penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikes.spectra import GramSpectrum

__all__ = ["RidgePath", "ridge_path"]


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
    """
    n = len(y)
    ridges = np.asarray(ridges, dtype=F.dtype)
    shrunk = spectrum.eigenvalues[:, None] + ridges
    power = float(y @ y) / n
    if spectrum.left:
        # FFᵀ/n: the residual is λ(FFᵀ/n + λ)^(-1)y, free of cancellation.
        projection = spectrum.vectors.T @ y
        square = (projection**2 / n)[:, None]
        train = ridges**2 * np.sum(square / shrunk**2, axis=0)
        objective = ridges * np.sum(square / shrunk, axis=0)
        readouts = F.T @ (spectrum.vectors @ (projection[:, None] / shrunk)) / n
    else:
        projection = spectrum.vectors.T @ (F.T @ y) / n
        square = (projection**2)[:, None]
        train = power - np.sum(square * (shrunk + ridges) / shrunk**2, axis=0)
        objective = power - np.sum(square / shrunk, axis=0)
        readouts = spectrum.vectors @ (projection[:, None] / shrunk)
    return RidgePath(readouts, np.asarray(train, float), np.asarray(objective, float))
