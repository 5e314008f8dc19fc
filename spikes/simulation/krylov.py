"""Krylov methods on a matrix known by products alone: leading singular triplets, and the density of the spectrum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import eigh, eigh_tridiagonal

from theory.statement.arguments import count, integer

__all__ = [
    "LeadingTriplets",
    "SpectralDensity",
    "check_count",
    "check_quadrature",
    "leading_triplets",
    "smoothed",
    "stochastic_density",
]

_MOST_PROBES, _MOST_PASSES = 10_000, 10_000
Product = Callable[[np.ndarray], np.ndarray]


_FIRST, _EVERY = 20, 5  # steps at which the quadrature is first asked whether it may end, and their spacing then


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


def leading_triplets(
    gram_times: Product,
    shape: tuple[int, int],
    count: int,
    rng: np.random.Generator,
    *,
    dtype: DTypeLike = np.float64,
    tolerance: float = 1e-7,
    most: int = 60,
    guard: int = 4,
) -> LeadingTriplets:
    """The `count` largest singular values of F/√n by block Lanczos on FᵀF/n, with full orthogonalisation.

    Golub and Underwood, Mathematical Software III (1977) 361. Directions of a new block that are rounding are dropped
    (deflation): where features have a low rank, the space of all products is exhausted within a block.

    Parameters
    ----------
    gram_times : callable
        V (N, k) ↦ FᵀFV/n, as `spikes.simulation.feature_stream.FeatureStream.gram_times`.
    shape : (int, int)
        (n, N), of F.
    count : int
    rng : Generator
        Draws the starting block.
    dtype : dtype
        Of the products and of the basis.
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
        If `most` passes do not reach `tolerance`: the values asked for then lie in a dense part of the spectrum; or if
        the rank of F is below `count`.
    """
    N = shape[1]
    check_count(count, N)
    rounding = 10.0 * math.sqrt(N) * float(np.finfo(np.dtype(dtype)).eps)
    block = min(count + guard, N)
    fresh = np.linalg.qr(rng.standard_normal((N, block)).astype(dtype))[0]
    basis, images = np.empty((N, 0), dtype), np.empty((N, 0), dtype)
    worst = math.inf
    for passes in range(1, most + 1):
        image = gram_times(fresh)
        if not np.isfinite(image).all():
            raise ArithmeticError("products with the features are not finite: they left the range of their type")
        basis, images = np.hstack([basis, fresh]), np.hstack([images, image])
        small = basis.T @ images
        values, coordinates = eigh(0.5 * (small + small.T))
        values, coordinates = values[::-1], coordinates[:, ::-1][:, :count]
        if not values[0] > 0.0:
            raise ArithmeticError("the features vanish: they have no leading singular value")
        away = images @ coordinates - basis @ coordinates * values[:count]
        worst = float(np.max(np.linalg.norm(away, axis=0)) / values[0])
        for _ in range(2):
            image = image - basis @ (basis.T @ image)
        fresh = _new_directions(image, basis, rounding * float(values[0]), float(values[0]))
        exhausted, rank = fresh.shape[1] == 0, int(np.sum(values > rounding * values[0]))
        if worst <= tolerance and rank >= count:
            return LeadingTriplets(np.sqrt(values[:count]), basis @ coordinates, worst, passes)
        if exhausted and rank < count:
            raise ArithmeticError(f"the features have rank {rank} up to rounding; ask for at most as many values")
        if exhausted:
            break
    raise ArithmeticError(
        f"the leading {count} singular values did not converge in {passes} passes: residual {worst:.2g}, wanted "
        f"{tolerance:.2g}; ask for fewer, raise `most`, or raise `tolerance`"
    )


def _new_directions(image: np.ndarray, basis: np.ndarray, rounding: float, scale: float) -> np.ndarray:
    """An orthonormal basis of what a block adds to another basis, its directions shorter than rounding left out.

    A short direction has lost so many digits of its orthogonality to the basis as its length: it is made good again.
    """
    N, known = basis.shape
    fresh, triangle = np.linalg.qr(image)
    left, lengths, _ = np.linalg.svd(triangle)
    if lengths[-1] < max(rounding, math.sqrt(np.finfo(image.dtype).eps) * scale):
        fresh = (fresh @ left[:, lengths > rounding])[:, : N - known]
        for _ in range(3):
            fresh = np.linalg.qr(fresh - basis @ (basis.T @ fresh))[0]
    return fresh[:, : N - known]


def check_count(count: int, N: int) -> None:
    """Refuse a number of singular values that is not an integer from 1 to N."""
    integer("count", count, 1, N)


def check_quadrature(probes: int, steps: int) -> None:
    """Refuse numbers of probes or steps that give no density with an error."""
    integer("probes", probes, 2, why="for an error")
    count("probes", probes, 2, _MOST_PROBES)
    count("steps", steps, 2, _MOST_PASSES)


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
    gram_times: Product,
    shape: tuple[int, int],
    x: np.ndarray,
    rng: np.random.Generator,
    *,
    probes: int = 10,
    steps: int = 80,
    width: float = 0.1,
) -> SpectralDensity:
    """Density by stochastic Lanczos quadrature: N/n times the mean over probes of Σ_i τ_i² δ(x − θ_i), smoothed.

    θ_i are the eigenvalues of a probe's tridiagonal matrix and τ_i the first entries of its eigenvectors: Ubaru, Chen
    and Saad, SIAM J. Matrix Anal. Appl. 38 (2017) 1075.

    Parameters
    ----------
    gram_times : callable
        V (N, k) ↦ FᵀFV/n.
    shape : (int, int)
        (n, N), of F.
    x : ndarray, shape (P,)
        Positive points.
    rng : Generator
        Draws the probes, uniform on the sphere.
    probes : int
        At least 2; the error falls like (probes · N)^(-1/2).
    steps : int
        Passes over the rows at most. The quadrature is exact for polynomials of degree 2·steps − 1, and converges
        geometrically to the density smoothed over `width`: it ends when the last quarter of the steps has changed it
        by less than its standard error, and after N steps, which leave no more to know.
    width : float

    Returns
    -------
    SpectralDensity

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    ArithmeticError
        If that many steps do not resolve the density.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or not (np.isfinite(x) & (x > 0.0)).all():
        raise ValueError("`x` must be positive and finite points on one axis")
    check_quadrature(probes, steps)
    n, N = shape
    if not (math.isfinite(width) and width > 0.0):
        raise ValueError(f"`width` must be positive; got {width!r}")
    scale, steps = N / n, min(int(steps), N)
    V = rng.standard_normal((N, probes))
    V /= np.linalg.norm(V, axis=0)
    basis = np.empty((steps, N, probes))
    diagonal, off = np.zeros((steps, probes)), np.zeros((steps, probes))

    def after(count: int) -> np.ndarray:
        densities = np.empty((probes, len(x)))
        for p in range(probes):
            nodes, vectors = eigh_tridiagonal(diagonal[:count, p], off[: count - 1, p])
            densities[p] = scale * smoothed(nodes, vectors[0] ** 2, x, width)
        return densities

    for j in range(steps):
        basis[j] = V
        product = gram_times(V)
        Y, rounding = product.astype(float), 10.0 * math.sqrt(N) * float(np.finfo(product.dtype).eps)
        diagonal[j] = np.einsum("np,np->p", V, Y)
        for _ in range(2):
            Y -= np.einsum("jnp,jp->np", basis[: j + 1], np.einsum("jnp,np->jp", basis[: j + 1], Y))
        off[j] = np.linalg.norm(Y, axis=0)
        # where the space of a probe's products is exhausted, what is left is rounding: nothing more to learn from it
        off[j] = np.where(off[j] > rounding * np.max(diagonal, axis=0), off[j], 0.0)
        V = np.where(off[j] > 0.0, Y / np.where(off[j] > 0.0, off[j], 1.0), 0.0)
        count = j + 1
        if count < steps and (count < _FIRST or count % _EVERY):
            continue
        densities, earlier = after(count), after(max(1, 3 * count // 4)).mean(axis=0)
        mean, sem = densities.mean(axis=0), densities.std(axis=0, ddof=1) / math.sqrt(probes)
        # Steps converge geometrically, so that what the last quarter of them changed bounds what is still missing.
        height, change = float(np.max(x * mean)), float(np.max(x * np.abs(mean - earlier)))
        if count == N or change <= max(float(np.max(x * sem)), 1e-3 * height):
            return SpectralDensity(x, mean, sem, width, int(probes), count)
    raise ArithmeticError(
        f"the density smoothed over {width:g} in ln x is not resolved in {steps} steps: their last quarter changed it "
        f"by {change / height:.2g} of its peak, more than its standard error; raise `steps` or the smoothing"
    )


def smoothed(nodes: np.ndarray, weights: np.ndarray, x: np.ndarray, width: float) -> np.ndarray:
    """Σ_i weights_i N(ln x; ln nodes_i, width²)/x over the nodes above rounding."""
    keep = nodes > 1e-12 * nodes.max()
    away = (np.log(x)[:, None] - np.log(nodes[keep])) / width
    return np.exp(-0.5 * away**2) @ weights[keep] / (math.sqrt(2.0 * math.pi) * width * x)
