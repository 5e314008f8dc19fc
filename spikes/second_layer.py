"""The second layer by ridge regression on fresh data, from normal equations summed in row blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from spikes.data import Samples
from spikes.giant_step import BLOCK
from spikes.kernels import ActivationKernels
from spikes.linear_fit import LinearFit

__all__ = ["SecondLayer", "fit_second_layer", "held_out_errors"]


@dataclass(frozen=True, eq=False)
class SecondLayer:
    """Readouts â(λ) in columns, (N, L), and the affine fit that is added to their predictions, if any.

    Attributes
    ----------
    readouts : ndarray, shape (N, L)
    labels : LinearFit or None
    """

    readouts: np.ndarray
    labels: LinearFit | None


def fit_second_layer(
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    samples: Samples,
    ridges: Sequence[float],
    *,
    labels: LinearFit | None = None,
) -> SecondLayer:
    """Minimise (1/n)‖y − Fa‖² + λ‖a‖² for F = σ(XWᵀ) − shift, at every λ; memory does not grow with n.

    Parameters
    ----------
    W : ndarray, shape (N, d)
    samples : Samples
        The batch, n rows.
    ridges : sequence of float
        Penalties λ > 0. Normal equations square the condition number: they want λ well above 1e-12 of the largest
        eigenvalue of FᵀF/n.
    labels : LinearFit, optional
        Subtracted from y first, and added to predictions.

    Returns
    -------
    SecondLayer
    """
    N = len(W)
    gram, moment = np.zeros((N, N), order="F"), np.zeros(N)
    H = np.empty((min(BLOCK, samples.rows), N))
    for _, X, y in samples.blocks(BLOCK):
        if labels is not None:
            y = labels.residual(X, y)
        F = H[: len(y)]
        np.dot(X, W.T, out=F)
        kernels.activate(F, shift)
        dsyrk(1.0, F.T, beta=1.0, c=gram, overwrite_c=True)
        moment += y @ F
    gram /= samples.rows
    moment /= samples.rows
    readouts = []
    for ridge in ridges:
        shifted = gram.copy(order="F")
        shifted[np.diag_indices(N)] += ridge
        readouts.append(cho_solve(cho_factor(shifted, overwrite_a=True, check_finite=False), moment))
    return SecondLayer(np.stack(readouts, axis=1), labels)


def held_out_errors(
    W: np.ndarray, kernels: ActivationKernels, shift: float, layer: SecondLayer, samples: Samples
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of (y − f(x))² over a batch and its standard error over the samples, each of shape (L,).

    Parameters
    ----------
    W : ndarray, shape (N, d)
    kernels : ActivationKernels
    shift : float
        E σ(Z) if the activation is centred, else 0.
    layer : SecondLayer
    samples : Samples

    Returns
    -------
    mean, sem : ndarray, shape (L,)
    """
    sums = np.zeros((2, layer.readouts.shape[1]))
    H = np.empty((min(BLOCK, samples.rows), len(W)))
    for _, X, y in samples.blocks(BLOCK):
        if layer.labels is not None:
            y = layer.labels.residual(X, y)
        F = H[: len(y)]
        np.dot(X, W.T, out=F)
        kernels.activate(F, shift)
        squared = np.square(y[:, None] - F @ layer.readouts)
        sums += squared.sum(axis=0), np.square(squared).sum(axis=0)
    mean = sums[0] / samples.rows
    return mean, np.sqrt(np.maximum(sums[1] / samples.rows - mean**2, 0.0) / samples.rows)
