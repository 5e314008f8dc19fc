"""Random features of a pool of inputs, before they are drawn: the kernel of the pool, and ridge regression on n rows.

Features of N neurons w_j, independent and of covariance 1/d, are N independent Gaussian columns of covariance

    K_ij = E_w σ(⟨w, x_i⟩) σ(⟨w, x_j⟩)

over the m rows, as far as ridge regression sees. With r = N/(1 + tr K(rK + κ)^(-1)) the resolvent (FFᵀ + κ)^(-1) is
G = (rK + κ)^(-1) in the mean, and E (FFᵀ + κ)^(-1)y squared, row by row, is

    (Gy)_i² + r²(GKG)_ii yᵀGKGy/(N − r² tr KGKG).

What is left is to draw n of the m rows, as in `theory.finite_pool`. Weights on the sphere differ from Gaussian ones by
the norm of w, of relative variance 2/d, which a homogeneous activation does not see in K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.linalg import eigh

from theory.finite_pool import (
    LeverageTable,
    SampledErrors,
    checked_grid,
    leverage_table,
    sampled_errors,
    table_nodes,
)
from theory.quadrature import gaussian_nodes
from theory.roots import bracketed_root
from theory.statement.activation import ACTIVATIONS, Activation, as_activation
from theory.statement.arguments import integer

__all__ = ["KernelPool", "dual_kernel", "kernel_pool"]

DEGREES = 24
"""Degrees of the Hermite series of activations without a closed form; what is left stands on the diagonal."""

_NORMS = 24  # nodes of ln(|x|²/d) for the series


def dual_kernel(activation: str | Activation, X: np.ndarray, *, centered: bool = True) -> np.ndarray:
    """E_w σ(⟨w, x_i⟩)σ(⟨w, x_j⟩) for w ~ N(0, 1/d), σ less E σ(Z) where it is centred.

    In closed form for relu, erf, sin and cos; by the Hermite series in the cosine of x_i and x_j, to degree 24, with
    coefficients of each norm, for all others, exactly for polynomials of that degree.

    Parameters
    ----------
    activation : str or Activation
    X : ndarray, shape (m, d)
        Inputs of coordinate variance about 1.
    centered : bool

    Returns
    -------
    ndarray, shape (m, m)

    Raises
    ------
    ValueError
        If the activation is unknown.

    Examples
    --------
    >>> X = np.sqrt(2.0) * np.eye(2)  # |x|² = d, at a right angle
    >>> dual_kernel("relu", X, centered=False).round(4)  # 1/2 and 1/(2π)
    array([[0.5   , 0.1592],
           [0.1592, 0.5   ]])
    """
    sigma = as_activation(activation)
    X = np.asarray(X, dtype=float)
    product = X @ X.T / X.shape[1]
    variance = np.diag(product).copy()
    scale = np.sqrt(variance)
    nodes, weights = gaussian_nodes(sigma.kinks)
    shift = float(weights @ sigma(nodes)) if centered else 0.0
    closed = _closed(sigma, product, variance)
    if closed is None:
        return _by_series(sigma, product, scale, shift)
    kernel, mean = closed
    return kernel - shift * (mean[:, None] + mean) + shift**2


def _closed(sigma: Activation, product: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """E σ(u)σ(v) and E σ(u) for Gaussian u, v of these variances and covariances, where they are known."""
    scale = np.sqrt(variance)
    if sigma.function is np.cos:
        decay = np.exp(-0.5 * variance)
        # products of e^(−a/2) and cosh, without overflow
        both = -0.5 * (variance[:, None] + variance)
        return 0.5 * (np.exp(both + product) + np.exp(both - product)), decay
    named = sigma.name if sigma.name in ("relu", "erf", "sin") and sigma is ACTIVATIONS[sigma.name] else None
    if named == "sin":
        both = -0.5 * (variance[:, None] + variance)
        return 0.5 * (np.exp(both + product) - np.exp(both - product)), np.zeros_like(variance)
    if named == "erf":
        size = np.sqrt(1.0 + variance)
        return 2.0 / math.pi * np.arcsin(product / np.outer(size, size)), np.zeros_like(variance)
    if named == "relu":
        norms = np.outer(scale, scale)
        cosine = np.clip(np.divide(product, norms, out=np.zeros_like(product), where=norms > 0.0), -1.0, 1.0)
        angle = np.arccos(cosine)
        kernel = norms * (np.sin(angle) + (math.pi - angle) * cosine) / (2.0 * math.pi)
        return kernel, scale / math.sqrt(2.0 * math.pi)
    return None


def _by_series(sigma: Activation, product: np.ndarray, scale: np.ndarray, shift: float) -> np.ndarray:
    """Σ_k α_k(s_i)α_k(s_j)c_ij^k, with σ(s z) = Σ α_k(s)he_k(z), and E σ(s z)² on the diagonal."""
    positive = scale > 0.0
    low, high = float(scale[positive].min()), float(scale.max())
    spread = high / low > 1.0 + 1e-9
    grid = np.geomspace(low, high, _NORMS) if spread else np.array([high])
    table = np.array([_coefficients(sigma, s, shift) for s in grid])
    if spread:
        at = CubicSpline(np.log(grid), table)(np.log(np.where(positive, scale, low)))
    else:
        at = np.repeat(table, len(scale), axis=0)
    at[~positive] = 0.0
    at[~positive, 0] = at[~positive, -1] = float(sigma(np.zeros(1))[0]) - shift
    at[~positive, -1] **= 2
    norms = np.outer(scale, scale)
    cosine = np.clip(np.divide(product, norms, out=np.zeros_like(product), where=norms > 0.0), -1.0, 1.0)
    kernel = np.outer(at[:, DEGREES], at[:, DEGREES])
    for k in range(DEGREES - 1, -1, -1):
        kernel *= cosine
        kernel += np.outer(at[:, k], at[:, k])
    np.fill_diagonal(kernel, at[:, -1])
    return kernel


def _coefficients(sigma: Activation, scale: float, shift: float) -> np.ndarray:
    """α_0 … α_24 of σ(s z) − shift in normalised Hermite polynomials, and its second moment."""
    nodes, weights = gaussian_nodes(tuple(kink / scale for kink in sigma.kinks))
    value = sigma(scale * nodes) - shift
    found, before, here = [], np.zeros_like(nodes), np.ones_like(nodes)
    for k in range(DEGREES + 1):
        found.append(float(weights @ (value * here)))
        before, here = here, (nodes * here - math.sqrt(k) * before) / math.sqrt(k + 1.0)
    return np.array([*found, float(weights @ value**2)])


@dataclass(frozen=True, eq=False)
class KernelPool:
    """The eigendecomposition of a pool's kernel, for features of N neurons that are still to be drawn.

    Attributes
    ----------
    width : int
        N.
    kernel : ndarray, shape (m, m)
        K, centred where the labels are.
    eigenvalues : ndarray, shape (m,)
        Of K, not below 0.
    vectors : ndarray, shape (m, m)
    labels : ndarray, shape (m,)
    largest_row : float
        Bound of a feature row's squared norm, N max_i K_ii.
    """

    width: int
    kernel: np.ndarray
    eigenvalues: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray
    largest_row: float

    @property
    def rows(self) -> int:
        """m."""
        return len(self.labels)

    def strength(self, kappa: np.ndarray) -> np.ndarray:
        """r with r(1 + tr K(rK + κ)^(-1)) = N.

        Parameters
        ----------
        kappa : ndarray, shape (K,)

        Returns
        -------
        ndarray, shape (K,)
        """
        mu, N = self.eigenvalues[:, None], float(self.width)

        def excess(r: np.ndarray, kappa: np.ndarray) -> np.ndarray:
            return r * (1.0 + np.sum(mu / (r * mu + kappa), axis=0)) - N

        return bracketed_root(excess, np.zeros_like(kappa), np.full_like(kappa, N), kappa, tolerance=1e-13)

    def errors(self, n: ArrayLike, ridge: ArrayLike) -> SampledErrors:
        """Mean errors over neurons and over n of the rows, as `theory.finite_pool.FeaturePool.errors`.

        Parameters
        ----------
        n : int or array_like of int, shape (A,)
        ridge : float or array_like, shape (B,)

        Returns
        -------
        SampledErrors
        """
        sizes, ridges = checked_grid(n, ridge)
        return sampled_errors(self.table(table_nodes(sizes, ridges, self.rows, self.largest_row)), sizes, ridges)

    def table(self, kappa: np.ndarray) -> LeverageTable:
        """Leverages and errors of the rows at some κ, in the mean over neurons.

        Parameters
        ----------
        kappa : ndarray, shape (K,)
            Ascending.

        Returns
        -------
        LeverageTable
        """
        mu, N, r = self.eigenvalues[:, None], float(self.width), self.strength(kappa)
        inverse = 1.0 / (r * mu + kappa)
        first, second = np.sum(mu * inverse**2, axis=0), np.sum(mu**2 * inverse**2, axis=0)
        left = N - r**2 * second
        slope = r**2 * first / left  # dr/dκ
        trace = np.sum((1.0 + slope * mu) * inverse**2, axis=0)
        squared = np.square(self.vectors)
        projections = self.vectors.T @ self.labels
        mean = self.vectors @ (inverse * projections[:, None])
        energy = projections**2 @ (mu * inverse**2)
        scatter = (squared @ (mu * inverse**2)) * (r**2 * energy / left)
        return leverage_table(kappa, (squared @ inverse).T, (mean**2 + scatter).T, trace)


def kernel_pool(kernel: np.ndarray, labels: np.ndarray, width: int, *, center: bool = True) -> KernelPool:
    """Decompose the kernel of a pool.

    Parameters
    ----------
    kernel : ndarray, shape (m, m)
        As of `dual_kernel`.
    labels : ndarray, shape (m,)
    width : int
        N.
    center : bool
        Whether features and labels are centred with the pool's means before the fit.

    Returns
    -------
    KernelPool

    Raises
    ------
    ValueError
        If shapes do not fit, labels are constant, or the kernel is no covariance.
    """
    labels = np.asarray(labels, dtype=float)
    if kernel.shape != (len(labels), len(labels)):
        raise ValueError(f"`kernel` must be square, a row for each label; got {kernel.shape}, {len(labels)} labels")
    largest = float(np.diag(kernel).max())
    if center:
        means = kernel.mean(axis=0)
        kernel, labels = kernel - means - means[:, None] + means.mean(), labels - labels.mean()
    if not np.any(labels):
        raise ValueError("`labels` must not be constant; got one value alone")
    values, vectors = eigh(kernel, driver="evd", check_finite=False)
    rounding = 1e-10 * values[-1]
    if values[0] < -max(rounding, 1e-3 * largest):
        raise ValueError(f"`kernel` must be positive semidefinite; got an eigenvalue of {values[0]:.3g}")
    values = np.where(values < rounding, 0.0, values)
    return KernelPool(integer("width", width, 1), kernel, values, vectors, labels, width * largest)
