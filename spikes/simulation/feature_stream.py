"""Features that are never stored: their Gram matrix, and their products with vectors, from rows drawn again.

An n×N feature matrix is described by its first layer and the seed of its samples. One pass over the rows gives the N×N
Gram matrix and all that ridge regression needs; where N² is too much as well, passes apply FᵀF/n to a few vectors at a
time (`spikes.simulation.krylov`).
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
from spikes.simulation.how import ALONE, How
from spikes.simulation.network import Layer
from spikes.simulation.row_sums import sum_over_rows
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
    square : float
        ‖F‖²/n, the sum of all squared singular values of F/√n.
    """

    features: np.ndarray
    gram: np.ndarray
    square: float

    def alignment(self, eigenvalues: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """`hermite_alignment` of the left singular vectors F v/(√n s) that belong to some (s², v).

        Raises
        ------
        ArithmeticError
            If these s² have a larger sum than all of them.
        """
        lower = np.linalg.cholesky(self.gram.astype(float))
        total = float(np.sum(eigenvalues))
        if not total <= self.square * (1.0 + 1e4 * np.finfo(vectors.dtype).eps):
            raise ArithmeticError(
                f"squared singular values came out with the sum {total:.6g}, above ‖F‖²/n = {self.square:.6g}"
            )
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
    layer : Layer
        W (N, d) with σ − shift.
    samples : LabelledRows
    how : How
        Threads, and where ranges of rows are summed.
    """

    layer: Layer
    samples: LabelledRows
    how: How = ALONE

    @property
    def shape(self) -> tuple[int, int]:
        """(n, N)."""
        return self.samples.rows, len(self.layer.W)

    def over_features(self, visit: Visit) -> None:
        """Call ``visit(slot, rows, H, X, y)`` for every block of rows, H being its features."""
        threads, dtype = self.how.threads, self.layer.W.dtype
        buffers = [np.empty((min(BLOCK, self.shape[0]), self.shape[1]), dtype) for _ in range(threads)]

        def make(slot: int, rows: slice, X: np.ndarray, y: np.ndarray) -> None:
            H = buffers[slot][: len(y)]
            self.layer.features(X, out=H)
            visit(slot, rows, H, X, y)

        over_blocks(self.samples, BLOCK, make, threads=threads, dtype=dtype)

    def gram_times(self, V: np.ndarray) -> np.ndarray:
        """FᵀFV/n for V (N, k), in one pass and in the layer's type of number."""
        return self._sum(_gram_times, V.astype(self.layer.W.dtype, copy=False))[0] / self.samples.rows

    def normal_equations(self, direction: np.ndarray | None = None) -> NormalEquations:
        """Gram matrix and moments and, along a direction, Hermite functions against the features, in one pass."""
        n = self.samples.rows
        gram, moment, power, *hermite = self._sum(_normal_sums, direction)
        gram /= n
        return NormalEquations(gram, moment / n, power / n, HermiteMoments(*(part / n for part in hermite)))

    def hermite_moments(self, direction: np.ndarray) -> HermiteMoments:
        """Hermite functions of the latents along a direction against the features, in one pass."""
        return HermiteMoments(*(part / self.samples.rows for part in self._sum(_hermite_sums, direction)))

    def _sum(self, function: Callable[..., tuple], *arguments: np.ndarray | None) -> tuple:
        return sum_over_rows(_of_part, self.samples, (function, self.layer, *arguments), how=self.how)


def _of_part(
    samples: LabelledRows, threads: int, function: Callable[..., tuple], layer: Layer, *arguments: np.ndarray | None
) -> tuple:
    """A function of the stream over some of the rows, on so many threads."""
    return function(FeatureStream(layer, samples, How(threads=threads)), *arguments)


def _gram_times(stream: FeatureStream, V: np.ndarray) -> tuple[np.ndarray]:
    """FᵀFV."""
    sums = np.zeros((stream.how.threads, *V.shape), V.dtype)

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        sums[slot] += H.T @ (H @ V)

    stream.over_features(visit)
    return (sums.sum(axis=0),)


class _HermiteSums:
    """n times the parts of `HermiteMoments`, added up by the slots of a pass."""

    def __init__(self, direction: np.ndarray | None, N: int, threads: int):
        self.direction = direction
        self.features = np.zeros((threads, len(DEGREES), N))
        self.gram = np.zeros((threads, len(DEGREES), len(DEGREES)))
        self.square = np.zeros(threads)

    def add(self, slot: int, H: np.ndarray, X: np.ndarray) -> None:
        u = X @ self.direction
        phi = np.stack([eval_hermitenorm(k, u) / math.sqrt(math.factorial(k)) for k in DEGREES])
        self.features[slot] += phi.astype(H.dtype, copy=False) @ H
        self.gram[slot] += phi @ phi.T
        self.square[slot] += float(np.vdot(H, H))

    def total(self) -> tuple[np.ndarray, np.ndarray, float]:
        return self.features.sum(axis=0), self.gram.sum(axis=0), float(self.square.sum())


def _hermite_sums(stream: FeatureStream, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """n times the parts of `HermiteMoments`."""
    sums = _HermiteSums(direction, stream.shape[1], stream.how.threads)

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        sums.add(slot, H, X)

    stream.over_features(visit)
    return sums.total()


def _normal_sums(
    stream: FeatureStream, direction: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, np.ndarray, float]:
    """n times the parts of `NormalEquations`."""
    N, threads, dtype = stream.shape[1], stream.how.threads, stream.layer.W.dtype
    grams = [np.zeros((N, N), dtype, order="F") for _ in range(threads)]
    moments, powers = np.zeros((threads, N)), np.zeros(threads)
    hermite = _HermiteSums(direction, N, threads)

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        add_gram(grams[slot], H)
        moments[slot] += y @ H
        powers[slot] += float(y @ y)
        if direction is not None:
            hermite.add(slot, H, X)

    stream.over_features(visit)
    for other in grams[1:]:
        grams[0] += other
    return (grams[0], moments.sum(axis=0), float(powers.sum()), *hermite.total())
