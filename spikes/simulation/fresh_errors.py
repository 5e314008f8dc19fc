"""Test errors on fresh Gaussian inputs: E (y − f̂(x))², the label noise exactly, the rest from few matrix products.

Three things make a few products tell as much as many plain samples do:

- y = g(x) + noise adds σ_ε² to the mean and is not drawn.
- Turning the signs of blocks of coordinates leaves the law of x unchanged. The products W_b x_b of eight blocks of one
  sample give Wx at eight points, by the signs of a Hadamard matrix, and what couples two blocks cancels in their mean.
  Every block has a share of the few latents that g knows, so that they are independent from point to point.
- Polynomials of a few directions, those of the target, of the step and of the fitted linear parts, have a known mean,
  which is zero: they are control variates. Their coefficients come from the other half of the samples, so that the
  mean stays exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import hadamard, qr
from scipy.special import eval_hermitenorm

from spikes.simulation.how import ALONE, How
from spikes.simulation.label_fit import LinearFit
from spikes.simulation.network import Layer
from spikes.simulation.samples import CHUNK, Samples, over_blocks
from spikes.simulation.vector_functions import cached_njit
from theory.statement.problem import Problem

__all__ = ["FreshPoints", "fresh_errors"]

_ROWS, _NEURONS = 256, 256  # of a tile of products: those of all blocks stay near the processor
_FITTED = 2  # directions that the fitted linear parts of all penalties are summed up in
_FEW = 8  # penalties that are not worth a basis
_EACH = 12  # samples for each control: what its coefficient is uncertain by then costs little of what it saves


@dataclass(frozen=True, eq=False)
class FreshPoints:
    """Points x ~ N(0, I_d) with E[y|x] = g(x) − fit(x), several to each sample that is drawn.

    A drawn row has, block by block, k numbers for the latents and the block's coordinates. At a point each block takes
    its sign; a latent is the sum of its signed numbers over the root of the number of blocks.

    Attributes
    ----------
    problem : Problem
        Gives d, target and noise.
    sequence : SeedSequence
    asked : int
        Fewest points.
    fit : LinearFit, optional
        Subtracted from the labels.
    """

    problem: Problem
    sequence: np.random.SeedSequence
    asked: int
    fit: LinearFit | None = None

    @cached_property
    def each(self) -> int:
        """Points of a drawn row, and blocks: eight, or fewer where there are fewer coordinates beside the latents."""
        others = self.problem.d - self.problem.teacher.k
        return next(count for count in (8, 4, 2, 1) if count <= max(others, 1))

    @property
    def draws(self) -> int:
        """Rows that are drawn."""
        return -(-self.asked // self.each)

    @property
    def count(self) -> int:
        """Points: `asked`, rounded up to a multiple of those of a row."""
        return self.each * self.draws

    @cached_property
    def samples(self) -> Samples:
        """What is drawn."""
        further = (self.each - 1) * self.problem.teacher.k
        return Samples(self.problem.replace(d=self.problem.d + further), self.sequence, self.draws)

    @cached_property
    def blocks(self) -> list[np.ndarray]:
        """Coordinates of each block, its share of the latents first."""
        k = self.problem.teacher.k
        return [np.append(np.arange(k), part) for part in np.array_split(np.arange(k, self.problem.d), self.each)]

    def spread(self, directions: np.ndarray) -> np.ndarray:
        """Directions (d, q) such that products with a drawn row are those with its point of positive signs."""
        shares = directions.copy()
        shares[: self.problem.teacher.k] /= math.sqrt(self.each)
        return np.concatenate([shares[block] for block in self.blocks])

    def at_points(self, X: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Products of the points of drawn rows with directions (d, q), shape (points, rows, q)."""
        ends = np.cumsum([len(block) for block in self.blocks])[:-1]
        of_rows, spread = np.split(X, ends, axis=1), np.split(self.spread(directions).astype(X.dtype), ends)
        parts = np.stack([x @ part for x, part in zip(of_rows, spread, strict=True)])
        return np.tensordot(hadamard(self.each).astype(X.dtype), parts, axes=1)

    def labels(self, X: np.ndarray) -> np.ndarray:
        """E[y|x] at the points of drawn rows, shape (points, rows)."""
        k = self.problem.teacher.k
        z = self.at_points(X, np.eye(self.problem.d, k))
        y = self.problem.teacher(z.reshape(-1, k)).reshape(z.shape[:2])
        if self.fit is not None:
            y -= self.fit.intercept + self.at_points(X, self.fit.coefficients[:, None])[..., 0]
        return y


def fresh_errors(
    layers: Sequence[tuple[Layer, np.ndarray]],
    points: FreshPoints,
    direction: np.ndarray | None = None,
    *,
    how: How = ALONE,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Estimate and standard error of E(y − σ(Wx)ᵀâ)², noise included, for several pairs of layers on the same points.

    Parameters
    ----------
    layers : sequence of (Layer, ndarray)
        A first layer and readouts (N, L), one column for each â.
    points : FreshPoints
    direction : ndarray, shape (d,), optional
        Along which the layers have moved.
    how : How

    Returns
    -------
    list of (estimate, standard error), each of shape (L,)
        The standard error is nan where one row is drawn.
    """
    threads, (W, readouts) = how.threads, (layers[0][0].W, layers[0][1])
    controls = [_controls(points, layer, fitted, direction) for layer, fitted in layers]
    weights = [_weights(points, layer) for layer, _ in layers]
    bases = [_basis(fitted) for _, fitted in layers]
    sums = [[_Sums(len(control.degrees), readouts.shape[1]) for control in controls] for _ in range(threads)]
    size = points.each * min(_ROWS, points.draws) * min(_NEURONS, len(W))
    buffers = [np.empty(size, W.dtype) for _ in range(threads)]

    def visit(slot: int, _: slice, X: np.ndarray, y: np.ndarray) -> None:
        labels = points.labels(X)
        for i, layer in enumerate(first for first, _ in layers):
            squared = np.concatenate(
                [
                    _squared(X[rows], labels[:, rows], layer, weights[i], bases[i], buffers[slot])
                    for rows in _slices(len(X), _ROWS)
                ]
            )
            sums[slot][i].add(controls[i].values(points, X), squared)

    over_blocks(points.samples, CHUNK, visit, threads=threads, dtype=W.dtype)
    estimates = []
    for parts in zip(*sums, strict=True):
        for part in parts[1:]:
            parts[0].join(part)
        mean, sem = parts[0].estimate()
        estimates.append((mean + points.problem.noise**2, sem))
    return estimates


def _slices(length: int, size: int) -> list[slice]:
    return [slice(first, first + size) for first in range(0, length, size)]


def _weights(points: FreshPoints, layer: Layer) -> list[np.ndarray]:
    """For each block what its part of a drawn row is multiplied with, shape (N, coordinates)."""
    parts = [layer.W.take(block, axis=1) for block in points.blocks]
    for part in parts:
        part[:, : points.problem.teacher.k] /= math.sqrt(points.each)
    return parts


def _basis(readouts: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Columns (N, ℓ) and what of them makes every readout (ℓ, L), of which it loses less than 1e4 roundings of itself.

    Readouts depend smoothly on λ and span few directions: 29 for 50 penalties over four decades.
    """
    if readouts.shape[1] <= _FEW or not np.isfinite(readouts).all():
        return readouts, None
    columns, upper, order = qr(readouts, mode="economic", pivoting=True, check_finite=False)
    mixing = np.empty_like(upper)
    mixing[:, order] = upper
    beyond = np.sqrt(np.cumsum(np.square(mixing, dtype=float)[::-1], axis=0))[::-1]
    least = 1e4 * np.finfo(readouts.dtype).eps * np.linalg.norm(mixing, axis=0)
    kept = max(1, int(np.sum((beyond > least).any(axis=1))))
    return np.ascontiguousarray(columns[:, :kept]), mixing[:kept]


def _squared(
    X: np.ndarray,
    labels: np.ndarray,
    layer: Layer,
    weights: Sequence[np.ndarray],
    basis: tuple[np.ndarray, np.ndarray | None],
    buffer: np.ndarray,
) -> np.ndarray:
    """Mean of (E[y|x] − f̂(x))² over the points of each drawn row, shape (rows, L)."""
    each, rows = labels.shape
    columns, mixing = basis
    outputs = np.zeros((each, rows, columns.shape[1]), X.dtype)
    for neurons in _slices(len(columns), _NEURONS):
        fitted = columns[neurons]
        products = buffer[: each * rows * len(fitted)].reshape(each, rows, len(fitted))
        first = 0
        for part, product in zip(weights, products, strict=True):
            last = first + part.shape[1]
            np.dot(X[:, first:last], part[neurons].T, out=product)
            first = last
        _turn_signs(products)
        layer.kernels.activate(products.reshape(each * rows, -1))
        outputs += products @ fitted
    if mixing is not None:
        outputs = outputs @ mixing
    away = labels[:, :, None] - outputs
    return np.einsum("prl,prl->rl", away, away) / each


@cached_njit(nogil=True, error_model="numpy")
def _turn_signs(parts):
    """parts_p ← Σ_b H_pb parts_b with the Hadamard matrix H in its natural order, by the fast transform."""
    for row in range(parts.shape[1]):
        span = 1
        while span < parts.shape[0]:
            for i in range(parts.shape[0]):
                if not i & span:
                    for j in range(parts.shape[2]):
                        plus, minus = parts[i, row, j], parts[i + span, row, j]
                        parts[i, row, j] = plus + minus
                        parts[i + span, row, j] = plus - minus
            span *= 2


@dataclass(frozen=True, eq=False)
class _Controls:
    """Products of normalised Hermite polynomials along orthonormal directions: functions of Gaussian x of mean 0.

    Attributes
    ----------
    directions : ndarray, shape (d, q)
    degrees : tuple of tuples of (direction, degree)
        One for each function.
    """

    directions: np.ndarray
    degrees: tuple[tuple[tuple[int, int], ...], ...]

    def values(self, points: FreshPoints, X: np.ndarray) -> np.ndarray:
        """Means of every function over the points of drawn rows, shape (rows, functions)."""
        if not self.degrees:
            return np.zeros((len(X), 0))
        along = np.moveaxis(points.at_points(X, self.directions), 2, 0).astype(float, copy=False)
        table = [[eval_hermitenorm(k, t) / math.sqrt(math.factorial(k)) for t in along] for k in range(5)]
        columns = [math.prod(table[k][i] for i, k in function).mean(axis=0) for function in self.degrees]
        return np.stack(columns, axis=1)


def _controls(points: FreshPoints, layer: Layer, readouts: np.ndarray, direction: np.ndarray | None) -> _Controls:
    """Those of degree 2 and, of what target and step know, 4, as far as the samples tell their coefficients."""
    known = [np.eye(points.problem.d, points.problem.teacher.k)]
    known += [] if direction is None else [direction[:, None]]
    known += [] if points.fit is None else [points.fit.coefficients[:, None]]
    frame = np.linalg.qr(np.hstack(known).astype(float))[0]
    latents = frame.shape[1]
    linear = np.asarray(layer.W.T @ readouts, dtype=float)
    linear -= frame @ (frame.T @ linear)
    if np.isfinite(linear).all():
        weights, mixtures = np.linalg.eigh(linear.T @ linear)
        leading = mixtures[:, weights > 1e-12 * weights[-1]][:, ::-1][:, :_FITTED]
        frame = np.linalg.qr(np.hstack([frame, linear @ leading]))[0]
    quadratic = _functions(frame.shape[1], 1) + _functions(frame.shape[1], 2)
    for degrees in (quadratic + _functions(latents, 3) + _functions(latents, 4), quadratic):
        if _EACH * len(degrees) <= points.draws:
            return _Controls(frame, degrees)
    return _Controls(frame, ())


def _functions(directions: int, degree: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Directions with their degrees, for every product of this total degree."""
    return tuple(
        tuple((i, chosen.count(i)) for i in sorted(set(chosen)))
        for chosen in itertools.combinations_with_replacement(range(directions), degree)
    )


class _Sums:
    """Sums over the even and over the odd rows: products of (1, controls) with themselves and with squared errors."""

    def __init__(self, functions: int, columns: int):
        self.controls = np.zeros((2, functions + 1, functions + 1))
        self.errors = np.zeros((2, functions + 1, columns))
        self.squares = np.zeros((2, columns))

    def add(self, controls: np.ndarray, errors: np.ndarray) -> None:
        """Rows of a block that begins with an even one."""
        design = np.hstack([np.ones((len(controls), 1)), controls])
        for half in range(2):
            rows, values = design[half::2], errors[half::2]
            self.controls[half] += rows.T @ rows
            self.errors[half] += rows.T @ values
            self.squares[half] += np.einsum("ij,ij->j", values, values)

    def join(self, other: _Sums) -> None:
        self.controls += other.controls
        self.errors += other.errors
        self.squares += other.squares

    def estimate(self) -> tuple[np.ndarray, np.ndarray]:
        """Means of the squared errors with their standard errors."""
        sizes = self.controls[:, 0, 0]
        rows = sizes.sum()
        mean = self.errors[:, 0].sum(axis=0) / rows
        with np.errstate(divide="ignore", invalid="ignore"):  # one row has no standard error
            sem = np.sqrt(np.maximum(self.squares.sum(axis=0) / rows - mean**2, 0.0) / (rows - 1.0))
        if self.controls.shape[1] == 1:
            return mean, sem
        finite = np.isfinite(self.errors).all(axis=(0, 1)) & np.isfinite(self.squares).all(axis=0)
        total, variance = np.zeros((2, finite.sum()))
        for half in range(2):
            other, errors = self.errors[1 - half][:, finite], self.errors[half][:, finite]
            slopes = np.linalg.lstsq(self.controls[1 - half], other, rcond=None)[0][1:]
            size, products = sizes[half], self.controls[half][1:, 1:]
            first = errors[0] - self.controls[half][0, 1:] @ slopes
            second = self.squares[half][finite] + np.einsum("ij,ij->j", slopes, products @ slopes - 2.0 * errors[1:])
            total += first
            variance += size / (size - 1.0) * np.maximum(second - first**2 / size, 0.0)
        controlled, error = total / rows, np.sqrt(variance) / rows
        # Squares with so heavy a tail that half of them do not tell the other's slopes are left as they are: their
        # mean is above 0, as no mean less controls has to be.
        better = (error < sem[finite]) & (controlled > 3.0 * error)
        kept = np.flatnonzero(finite)[better]
        mean[kept], sem[kept] = controlled[better], error[better]
        return mean, sem
