"""The feature matrix F = σ(XWᵀ), built in row blocks from samples that are drawn as they are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikes.data import Batch, Samples
from spikes.giant_step import BLOCK
from spikes.kernels import ActivationKernels

__all__ = ["FeatureMatrix", "feature_matrix", "squared_errors"]


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features of a batch with its labels and latents.

    Attributes
    ----------
    F : ndarray, shape (n, N)
    y : ndarray, shape (n,)
    u : ndarray, shape (n,)
        ⟨x_i, β̂⟩.
    """

    F: np.ndarray
    y: np.ndarray
    u: np.ndarray


def feature_matrix(
    W: np.ndarray, kernels: ActivationKernels, shift: float, samples: Samples | Batch, direction: np.ndarray
) -> FeatureMatrix:
    """σ(XWᵀ) − shift for a batch, with its labels and its latents along a unit `direction` (d,)."""
    n, N = samples.rows, len(W)
    F, labels, u = np.empty((n, N), W.dtype), np.empty(n, W.dtype), np.empty(n, W.dtype)
    for rows, X, y in samples.blocks(BLOCK, dtype=W.dtype):
        np.dot(X, W.T, out=F[rows])
        kernels.activate(F[rows], shift)
        labels[rows] = y
        u[rows] = X @ direction
    return FeatureMatrix(F, labels, u)


def squared_errors(
    layers: list[tuple[np.ndarray, np.ndarray]], kernels: ActivationKernels, shift: float, samples: Samples | Batch
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and standard error of (y − σ(Wx)ᵀâ)² over a batch, for several pairs of layers on the same samples.

    Parameters
    ----------
    layers : list of (W, readouts)
        W (N, d) and readouts (N, L), one column for each â.
    samples : Samples or Batch

    Returns
    -------
    list of (mean, standard error), each of shape (L,)
    """
    sums = [np.zeros((2, readouts.shape[1])) for _, readouts in layers]
    H = np.empty((min(BLOCK, samples.rows), len(layers[0][0])), layers[0][0].dtype)
    for _, X, y in samples.blocks(BLOCK, dtype=H.dtype):
        block = H[: len(y)]
        for (W, readouts), total in zip(layers, sums, strict=True):
            np.dot(X, W.T, out=block)
            kernels.activate(block, shift)
            squared = np.square(y[:, None] - block @ readouts, dtype=float)
            total += squared.sum(axis=0), np.square(squared).sum(axis=0)
    m = samples.rows
    means = [(total[0] / m, np.sqrt(np.maximum(total[1] / m - (total[0] / m) ** 2, 0.0) / m)) for total in sums]
    return means
