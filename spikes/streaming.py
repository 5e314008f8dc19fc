"""Features that are never stored: their Gram matrix, leading triplets and spectral density from rows drawn again.

An n×N feature matrix is described by its weights and the seed of its samples. One pass over the rows gives the N×N Gram
matrix and all that ridge regression needs; where N² is too much as well, passes apply FᵀF/n to a few vectors at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, eigh_tridiagonal, solve_triangular
from scipy.special import eval_hermitenorm

from spikes.data import LabelledRows, over_blocks
from spikes.giant_step import BLOCK
from spikes.kernels import ActivationKernels
from spikes.row_ranges import HERE, Place, sum_over_rows
from spikes.running_products import add_gram
from spikes.spectra import DEGREES

__all__ = [
    "FeatureStream",
    "LeadingTriplets",
    "NormalEquations",
    "SpectralDensity",
    "leading_triplets",
    "stochastic_density",
]

Visit = Callable[[int, slice, np.ndarray, np.ndarray, np.ndarray], None]


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """What one pass over the rows collects.

    Attributes
    ----------
    gram : ndarray, shape (N, N)
        Upper triangle of FᵀF/n.
    moment : ndarray, shape (N,)
        Fᵀy/n.
    power : float
        yᵀy/n.
    functions : ndarray, shape (5, N)
        ΦᵀF/n with Φ_ik = He_k(u_i)/√k!, k = 0 … 4, u = ⟨x, direction⟩; 0 where no direction was given.
    function_gram : ndarray, shape (5, 5)
        ΦᵀΦ/n, or 0.
    """

    gram: np.ndarray
    moment: np.ndarray
    power: float
    functions: np.ndarray
    function_gram: np.ndarray

    def alignment(self, eigenvalues: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """`spikes.spectra.hermite_alignment` of the left singular vectors F v/(√n s) that belong to some (s², v)."""
        lower = np.linalg.cholesky(self.function_gram.astype(float))
        overlap = (self.functions @ vectors) / np.sqrt(eigenvalues)
        amplitude = solve_triangular(lower, overlap.astype(float), lower=True).T
        largest = np.argmax(np.abs(amplitude), axis=1)[:, None]
        return amplitude * np.sign(np.take_along_axis(amplitude, largest, axis=1))


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
        gram, moment, power, functions, function_gram = self._sum(_normal_sums, direction)
        gram /= n
        return NormalEquations(gram, moment / n, power / n, functions / n, function_gram / n)

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


def _normal_sums(
    samples: LabelledRows,
    threads: int,
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    direction: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, np.ndarray]:
    """n times the parts of `NormalEquations`."""
    N, count = len(W), len(DEGREES)
    scale = np.sqrt([[math.factorial(k)] for k in DEGREES])
    grams = [np.zeros((N, N), W.dtype, order="F") for _ in range(threads)]
    moments, powers = np.zeros((threads, N)), np.zeros(threads)
    functions, function_grams = np.zeros((threads, count, N)), np.zeros((threads, count, count))

    def visit(slot: int, _: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        add_gram(grams[slot], H)
        moments[slot] += y @ H
        powers[slot] += float(y @ y)
        if direction is None:
            return
        u = X @ direction
        phi = np.stack([eval_hermitenorm(k, u) for k in DEGREES]) / scale
        functions[slot] += phi.astype(H.dtype, copy=False) @ H
        function_grams[slot] += phi @ phi.T

    FeatureStream(W, kernels, shift, samples, threads).over_features(visit)
    for other in grams[1:]:
        grams[0] += other
    return (
        grams[0],
        moments.sum(axis=0),
        float(powers.sum()),
        functions.sum(axis=0),
        function_grams.sum(axis=0),
    )


@dataclass(frozen=True, eq=False)
class LeadingTriplets:
    """Leading singular values of F/√n with their right vectors.

    Attributes
    ----------
    singular_values : ndarray, shape (K,)
    right : ndarray, shape (N, K)
    residual : float
        Largest ‖(FᵀF/n)v − s²v‖/s₁².
    passes : int
        Passes over the rows.
    """

    singular_values: np.ndarray
    right: np.ndarray
    residual: float
    passes: int

    def left(self, stream: FeatureStream) -> np.ndarray:
        """Left singular vectors F v/(√n s), by one more pass; shape (n, K)."""
        return stream.times(self.right) / (math.sqrt(stream.samples.rows) * self.singular_values)


def leading_triplets(
    stream: FeatureStream,
    count: int,
    rng: np.random.Generator,
    *,
    tolerance: float = 1e-7,
    most: int = 60,
    guard: int = 4,
) -> LeadingTriplets:
    """The `count` largest singular values of F/√n by block Lanczos on FᵀF/n, with full orthogonalisation.

    Parameters
    ----------
    stream : FeatureStream
    count : int
    rng : Generator
        Draws the starting block.
    tolerance : float
        Of the residual relative to s₁². The error of s² is its square over the gap to the rest.
    most : int
        Passes after which it gives up.
    guard : int
        Vectors of a block beyond `count`.

    Returns
    -------
    LeadingTriplets

    Raises
    ------
    ValueError
        If `count` is not in 1 … N.
    ArithmeticError
        If `most` passes do not reach `tolerance`: the values asked for then lie in a dense part of the spectrum.
    """
    N = len(stream.W)
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= N:
        raise ValueError(f"`count` must be an integer from 1 to {N}; got {count!r}")
    block = min(count + guard, N)
    fresh = np.linalg.qr(rng.standard_normal((N, block)).astype(stream.W.dtype))[0]
    basis, images = np.empty((N, 0), stream.W.dtype), np.empty((N, 0), stream.W.dtype)
    worst = math.inf
    for passes in range(1, most + 1):
        image = stream.gram_times(fresh)
        basis, images = np.hstack([basis, fresh]), np.hstack([images, image])
        small = basis.T @ images
        values, coordinates = eigh(0.5 * (small + small.T))
        values, coordinates = values[::-1][:count], coordinates[:, ::-1][:, :count]
        worst = float(np.max(np.linalg.norm(images @ coordinates - basis @ coordinates * values, axis=0)) / values[0])
        full = basis.shape[1] >= N
        if worst <= tolerance or full:
            return LeadingTriplets(np.sqrt(np.maximum(values, 0.0)), basis @ coordinates, worst, passes)
        for _ in range(2):
            image = image - basis @ (basis.T @ image)
        fresh = np.linalg.qr(image)[0][:, : min(block, N - basis.shape[1])]
    raise ArithmeticError(
        f"the leading {count} singular values did not converge in {most} passes: residual {worst:.2g}, wanted "
        f"{tolerance:.2g}; ask for fewer, raise `most`, or raise `tolerance`"
    )


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """Density of the eigenvalues of FFᵀ/n, smoothed by a Gaussian in ln x.

    Attributes
    ----------
    x : ndarray, shape (P,)
    density, sem : ndarray, shape (P,)
        Mean over probes and its standard error; integrates to N/n with the zero eigenvalues of FᵀF left out.
    width : float
        Standard deviation of the Gaussian in ln x.
    probes, steps : int
    """

    x: np.ndarray
    density: np.ndarray
    sem: np.ndarray
    width: float
    probes: int
    steps: int


def stochastic_density(
    stream: FeatureStream,
    x: np.ndarray,
    rng: np.random.Generator,
    *,
    probes: int = 10,
    steps: int = 80,
    width: float = 0.1,
) -> SpectralDensity:
    """Density by stochastic Lanczos quadrature: N/n times the mean over probes of Σ_i τ_i² δ(x − θ_i), smoothed.

    Parameters
    ----------
    stream : FeatureStream
    x : ndarray, shape (P,)
        Positive points.
    rng : Generator
        Draws the probes, uniform on the sphere.
    probes : int
        At least 2; the error falls like (probes · N)^(-1/2).
    steps : int
        Passes over the rows. The quadrature is exact for polynomials of degree 2·steps − 1: structure finer than about
        1/steps of the spectrum's width is lost, and `width` should not ask for it.
    width : float

    Returns
    -------
    SpectralDensity

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or not (np.isfinite(x) & (x > 0.0)).all():
        raise ValueError("`x` must be positive and finite points on one axis")
    if isinstance(probes, bool) or not isinstance(probes, int | np.integer) or probes < 2:
        raise ValueError(f"`probes` must be an integer of at least 2, for an error; got {probes!r}")
    N = len(stream.W)
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or not 2 <= steps <= N:
        raise ValueError(f"`steps` must be an integer from 2 to N = {N}; got {steps!r}")
    if not (math.isfinite(width) and width > 0.0):
        raise ValueError(f"`width` must be positive; got {width!r}")
    V = rng.standard_normal((N, probes))
    V /= np.linalg.norm(V, axis=0)
    basis = np.empty((steps, N, probes))
    diagonal, off = np.zeros((steps, probes)), np.zeros((steps, probes))
    for j in range(steps):
        basis[j] = V
        Y = stream.gram_times(V.astype(stream.W.dtype, copy=False)).astype(float)
        diagonal[j] = np.einsum("np,np->p", V, Y)
        for _ in range(2):
            Y -= np.einsum("jnp,jp->np", basis[: j + 1], np.einsum("jnp,np->jp", basis[: j + 1], Y))
        off[j] = np.linalg.norm(Y, axis=0)
        V = Y / np.where(off[j] > 0.0, off[j], 1.0)
    scale = N / stream.samples.rows
    densities = np.empty((probes, len(x)))
    for p in range(probes):
        nodes, vectors = eigh_tridiagonal(diagonal[:, p], off[:-1, p])
        densities[p] = scale * smoothed(nodes, vectors[0] ** 2, x, width)
    sem = densities.std(axis=0, ddof=1) / math.sqrt(probes)
    return SpectralDensity(x, densities.mean(axis=0), sem, width, int(probes), int(steps))


def smoothed(nodes: np.ndarray, weights: np.ndarray, x: np.ndarray, width: float) -> np.ndarray:
    """Σ_i weights_i N(ln x; ln nodes_i, width²)/x over the nodes above rounding."""
    keep = nodes > 1e-12 * nodes.max()
    away = (np.log(x)[:, None] - np.log(nodes[keep])) / width
    return np.exp(-0.5 * away**2) @ weights[keep] / (math.sqrt(2.0 * math.pi) * width * x)
