"""The feature matrix F = σ(XWᵀ), built in row blocks from samples that are drawn as they are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikes.simulation.gradient import BLOCK
from spikes.simulation.kernels import ActivationKernels
from spikes.simulation.samples import LabelledRows, over_blocks

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
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    samples: LabelledRows,
    direction: np.ndarray,
    *,
    threads: int = 1,
    out: np.ndarray | None = None,
) -> FeatureMatrix:
    """σ(XWᵀ) − shift for a batch, with its labels and its latents along a unit `direction` (d,).

    Parameters
    ----------
    W : ndarray, shape (N, d)
    kernels : ActivationKernels
    shift : float
        E σ(Z) if the activation is centred, else 0.
    samples : Samples or Batch
    direction : ndarray, shape (d,)
        β̂.
    threads : int
    out : ndarray, shape (n, N), optional
        C-ordered and of the type of `W`; becomes F. Memory that has been in use costs less than new one.

    Returns
    -------
    FeatureMatrix

    Raises
    ------
    ValueError
        If `out` is not such an array.
    """
    n, N = samples.rows, len(W)
    F = np.empty((n, N), W.dtype) if out is None else out
    if F.shape != (n, N) or F.dtype != W.dtype or not F.flags.c_contiguous:
        raise ValueError(f"`out` must be C-ordered of shape {(n, N)} and type {W.dtype}; got {F.shape}, {F.dtype}")
    labels, u = np.empty(n, W.dtype), np.empty(n, W.dtype)

    def visit(_: int, rows: slice, X: np.ndarray, y: np.ndarray) -> None:
        np.dot(X, W.T, out=F[rows])
        kernels.activate(F[rows], shift)
        labels[rows] = y
        u[rows] = X @ direction

    over_blocks(samples, BLOCK, visit, threads=threads, dtype=W.dtype)
    return FeatureMatrix(F, labels, u)


def squared_errors(
    layers: list[tuple[np.ndarray, np.ndarray]],
    kernels: ActivationKernels,
    shift: float,
    samples: LabelledRows,
    *,
    threads: int = 1,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and standard error of (y − σ(Wx)ᵀâ)² over a batch, for several pairs of layers on the same samples.

    Parameters
    ----------
    layers : list of (W, readouts)
        W (N, d) and readouts (N, L), one column for each â.
    samples : LabelledRows

    Returns
    -------
    list of (mean, standard error), each of shape (L,)
    """
    W0 = layers[0][0]
    sums = np.zeros((threads, len(layers), 2, layers[0][1].shape[1]))
    buffers = [np.empty((min(BLOCK, samples.rows), len(W0)), W0.dtype) for _ in range(threads)]

    def visit(slot: int, _: slice, X: np.ndarray, y: np.ndarray) -> None:
        block = buffers[slot][: len(y)]
        for (W, readouts), total in zip(layers, sums[slot], strict=True):
            np.dot(X, W.T, out=block)
            kernels.activate(block, shift)
            squared = np.square(y[:, None] - block @ readouts, dtype=float)
            total += squared.sum(axis=0), np.square(squared).sum(axis=0)

    over_blocks(samples, BLOCK, visit, threads=threads, dtype=W0.dtype)
    first, second = np.moveaxis(sums.sum(axis=0), 1, 0) / samples.rows
    sem = np.sqrt(np.maximum(second - first**2, 0.0) / samples.rows)
    return list(zip(first, sem, strict=True))
