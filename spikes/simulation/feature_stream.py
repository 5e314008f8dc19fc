"""Features that are never stored: their Gram matrix, and their products with vectors, from rows drawn again.

An n×N feature matrix is described by its weights and the seed of its samples. One pass over the rows gives the N×N Gram
matrix and all that ridge regression needs; where N² is too much as well, passes apply FᵀF/n to a few vectors at a time
(`spikes.simulation.krylov`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import eval_hermitenorm

from spikes.runtime.running_products import add_gram
from spikes.simulation.gradient import BLOCK
from spikes.simulation.kernels import ActivationKernels
from spikes.simulation.row_sums import HERE, Place, sum_over_rows
from spikes.simulation.samples import LabelledRows, over_blocks
from spikes.simulation.spectra import DEGREES

__all__ = ["FeatureStream", "HermiteMoments", "NormalEquations"]

Visit = Callable[[int, slice, np.ndarray, np.ndarray, np.ndarray], None]


@dataclass(frozen=True, eq=False)
class HermiteMoments:
    """Hermite functions of the latents u = ⟨x, direction⟩ against the features, Φ_ik = He_k(u_i)/√k!, k = 0 … 4.

    Attributes
    ----------
    features : ndarray, shape (5, N)
        ΦᵀF/n.
    gram : ndarray, shape (5, 5)
        ΦᵀΦ/n.
    """

    features: np.ndarray
    gram: np.ndarray

    def alignment(self, eigenvalues: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """`hermite_alignment` of the left singular vectors F v/(√n s) that belong to some (s², v)."""
        lower = np.linalg.cholesky(self.gram.astype(float))
        overlap = (self.features @ vectors) / np.sqrt(eigenvalues)
        amplitude = solve_triangular(lower, overlap.astype(float), lower=True).T
        largest = np.argmax(np.abs(amplitude), axis=1)[:, None]
        return amplitude * np.sign(np.take_along_axis(amplitude, largest, axis=1))


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """What ridge regression needs, collected in one pass over the rows.

    Attributes
    ----------
    gram : ndarray, shape (N, N)
        Upper triangle of FᵀF/n.
    moment : ndarray, shape (N,)
        Fᵀy/n.
    power : float
        yᵀy/n.
    hermite : HermiteMoments
        0 where no direction was given.
    """

    gram: np.ndarray
    moment: np.ndarray
    power: float
    hermite: HermiteMoments


@dataclass(frozen=True, eq=False)
class FeatureStream:
    """The feature matrix F = σ(XWᵀ) − shift as an operator that makes its rows when they are needed.

    Attributes
    ----------
    W : ndarray, shape (N, d)
    kernels : ActivationKernels
    shift : float
    samples : LabelledRows
    threads : int
    place : Place
        Where ranges of rows are summed.
    """

    W: np.ndarray
    kernels: ActivationKernels
    shift: float
    samples: LabelledRows
    threads: int = 1
    place: Place = HERE

    def over_features(self, visit: Visit) -> None:
        """Call ``visit(slot, rows, H, X, y)`` for every block of rows, H being its features."""
        W = self.W
        buffers = [np.empty((min(BLOCK, self.samples.rows), len(W)), W.dtype) for _ in range(self.threads)]

        def make(slot: int, rows: slice, X: np.ndarray, y: np.ndarray) -> None:
            H = buffers[slot][: len(y)]
            np.dot(X, W.T, out=H)
            self.kernels.activate(H, self.shift)
            visit(slot, rows, H, X, y)

        over_blocks(self.samples, BLOCK, make, threads=self.threads, dtype=W.dtype)

    def gram_times(self, V: np.ndarray) -> np.ndarray:
        """FᵀFV/n for V (N, k), in one pass."""
        return self._sum(_gram_times, V)[0] / self.samples.rows

    def times(self, V: np.ndarray) -> np.ndarray:
        """FV for V (N, k), in one pass; shape (n, k)."""
        product = np.empty((self.samples.rows, V.shape[1]), self.W.dtype)

        def visit(_: int, rows: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
            np.dot(H, V, out=product[rows])

        self.over_features(visit)
        return product

    def normal_equations(self, direction: np.ndarray | None = None) -> NormalEquations:
        """Gram matrix and moments and, along a direction, Hermite functions against the features, in one pass."""
        n = self.samples.rows
        gram, moment, power, features, function_gram = self._sum(_normal_sums, direction)
        gram /= n
        return NormalEquations(gram, moment / n, power / n, HermiteMoments(features / n, function_gram / n))

    def hermite_moments(self, direction: np.ndarray) -> HermiteMoments:
        """Hermite functions of the latents along a direction against the features, in one pass."""
        n = self.samples.rows
        features, function_gram = self._sum(_hermite_sums, direction)
        return HermiteMoments(features / n, function_gram / n)

    def _sum(self, function: Callable, *arguments: np.ndarray | None) -> tuple:
        shared = (self.W, self.kernels, self.shift, *arguments)
        return sum_over_rows(function, self.samples, shared, threads=self.threads, place=self.place)


def _gram_times(
    samples: LabelledRows,
    threads: int,
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    V: np.ndarray,
) -> tuple[np.ndarray]:
    """FᵀFV."""
    sums = np.zeros((threads, *V.shape), W.dtype)

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        sums[slot] += H.T @ (H @ V)

    FeatureStream(W, kernels, shift, samples, threads).over_features(visit)
    return (sums.sum(axis=0),)


class _HermiteSums:
    """n times the parts of `HermiteMoments`, added up by the slots of a pass."""

    def __init__(self, direction: np.ndarray | None, N: int, threads: int):
        self.direction = direction
        self.features = np.zeros((threads, len(DEGREES), N))
        self.gram = np.zeros((threads, len(DEGREES), len(DEGREES)))

    def add(self, slot: int, H: np.ndarray, X: np.ndarray) -> None:
        u = X @ self.direction
        phi = np.stack([eval_hermitenorm(k, u) / math.sqrt(math.factorial(k)) for k in DEGREES])
        self.features[slot] += phi.astype(H.dtype, copy=False) @ H
        self.gram[slot] += phi @ phi.T

    def total(self) -> tuple[np.ndarray, np.ndarray]:
        return self.features.sum(axis=0), self.gram.sum(axis=0)


def _hermite_sums(
    samples: LabelledRows,
    threads: int,
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    direction: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """n times the parts of `HermiteMoments`."""
    sums = _HermiteSums(direction, len(W), threads)

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        sums.add(slot, H, X)

    FeatureStream(W, kernels, shift, samples, threads).over_features(visit)
    return sums.total()


def _normal_sums(
    samples: LabelledRows,
    threads: int,
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    direction: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, np.ndarray]:
    """n times the parts of `NormalEquations`."""
    N = len(W)
    grams = [np.zeros((N, N), W.dtype, order="F") for _ in range(threads)]
    moments, powers = np.zeros((threads, N)), np.zeros(threads)
    hermite = _HermiteSums(direction, N, threads)

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        add_gram(grams[slot], H)
        moments[slot] += y @ H
        powers[slot] += float(y @ y)
        if direction is not None:
            hermite.add(slot, H, X)

    FeatureStream(W, kernels, shift, samples, threads).over_features(visit)
    for other in grams[1:]:
        grams[0] += other
    return (grams[0], moments.sum(axis=0), float(powers.sum()), *hermite.total())
