"""The feature matrix F = σ(XWᵀ), built in row blocks from samples that are drawn as they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikes.simulation.gradient import BLOCK
from spikes.simulation.how import ALONE, How
from spikes.simulation.network import Layer
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
    layer: Layer,
    samples: LabelledRows,
    direction: np.ndarray,
    *,
    how: How = ALONE,
    out: np.ndarray | None = None,
) -> FeatureMatrix:
    """σ(XWᵀ) − shift for a batch, with its labels and its latents along a unit `direction` (d,).

    Parameters
    ----------
    layer : Layer
        W (N, d) with σ − shift.
    samples : LabelledRows
    direction : ndarray, shape (d,)
        β̂.
    how : How
    out : ndarray, shape (n, N), optional
        C-ordered and of the type of W; becomes F. Memory that has been in use costs less than new one.

    Returns
    -------
    FeatureMatrix

    Raises
    ------
    ValueError
        If `out` is not such an array.
    """
    W = layer.W
    n, N = samples.rows, len(W)
    F = np.empty((n, N), W.dtype) if out is None else out
    if F.shape != (n, N) or F.dtype != W.dtype or not F.flags.c_contiguous:
        raise ValueError(f"`out` must be C-ordered of shape {(n, N)} and type {W.dtype}; got {F.shape}, {F.dtype}")
    labels, u = np.empty(n, W.dtype), np.empty(n, W.dtype)

    def visit(_: int, rows: slice, X: np.ndarray, y: np.ndarray) -> None:
        layer.features(X, out=F[rows])
        labels[rows] = y
        u[rows] = X @ direction

    over_blocks(samples, BLOCK, visit, threads=how.threads, dtype=W.dtype)
    return FeatureMatrix(F, labels, u)


def squared_errors(
    layers: Sequence[tuple[Layer, np.ndarray]],
    samples: LabelledRows,
    *,
    how: How = ALONE,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and standard error of (y − σ(Wx)ᵀâ)² over a batch, for several pairs of layers on the same samples.

    Parameters
    ----------
    layers : sequence of (Layer, ndarray)
        A first layer and readouts (N, L), one column for each â.
    samples : LabelledRows
    how : How

    Returns
    -------
    list of (mean, standard error), each of shape (L,)
    """
    W0, threads = layers[0][0].W, how.threads
    sums = np.zeros((threads, len(layers), 2, layers[0][1].shape[1]))
    buffers = [np.empty((min(BLOCK, samples.rows), len(W0)), W0.dtype) for _ in range(threads)]

    def visit(slot: int, _: slice, X: np.ndarray, y: np.ndarray) -> None:
        block = buffers[slot][: len(y)]
        for (layer, readouts), total in zip(layers, sums[slot], strict=True):
            layer.features(X, out=block)
            squared = np.square(y[:, None] - block @ readouts, dtype=float)
            total += squared.sum(axis=0), np.square(squared).sum(axis=0)

    over_blocks(samples, BLOCK, visit, threads=threads, dtype=W0.dtype)
    first, second = np.moveaxis(sums.sum(axis=0), 1, 0) / samples.rows
    sem = np.sqrt(np.maximum(second - first**2, 0.0) / samples.rows)
    return list(zip(first, sem, strict=True))
