"""Gaussian expectations of products of σ and σ′ at several neurons, in closed form where there is one.

Neurons' pre-activations λ ~ N(0, C). Closed forms exist for relu and erf (meaning erf(x/√2)); `None` says that there is
none and quasi-Monte Carlo has to serve.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf

from theory.giant_steps.activation_moments import is_named
from theory.quadrature import gaussian_nodes
from theory.statement.activation import Activation

__all__ = ["erf_fourth_moments", "independent_fourth_moments", "slope_times_feature", "three_point"]


def three_point(activation: Activation, covariance: np.ndarray) -> float | None:
    """I₃ = E[σ′(x₁) x₂ σ(x₃)] for (x₁, x₂, x₃) ~ N(0, C), or None where no closed form is known.

    Parameters
    ----------
    covariance : ndarray, shape (3, 3)

    Returns
    -------
    float or None
    """
    C = np.asarray(covariance, dtype=float)
    if C.shape != (3, 3):
        raise ValueError(f"`covariance` must have shape (3, 3); got {C.shape}")
    pair = [0, 2]
    found = slope_times_feature(activation, C[np.ix_(pair, pair)], np.array([0.0, 1.0]), C[pair][:, 1:2])
    return None if found is None else float(found[0, 0])


def slope_times_feature(
    activation: Activation, C: np.ndarray, weights: np.ndarray, cross: np.ndarray
) -> np.ndarray | None:
    """Σ_l A_l E[σ′(λ_i) y_c σ(λ_l)] for neurons i and further Gaussian variables y_c, shape (N, R).

    relu: E = C_lc (π − θ)/2π + C_ic √(C_ii C_ll − C_il²)/(2π C_ii), θ = arccos(C_il/√(C_ii C_ll));
    erf: E = (2/π)(C_lc(1 + C_ii) − C_ic C_il)/((1 + C_ii)√((1 + C_ii)(1 + C_ll) − C_il²)).

    Parameters
    ----------
    C : ndarray, shape (N, N)
        Covariance of λ.
    weights : ndarray, shape (N,)
        A_l.
    cross : ndarray, shape (N, R)
        Covariance of λ with y.

    Returns
    -------
    ndarray, shape (N, R), or None
    """
    own = np.diag(C)
    if is_named(activation, "relu"):
        size = np.sqrt(np.outer(own, own))
        theta = np.arccos(np.clip(C / size, -1.0, 1.0))
        through = weights * (math.pi - theta) / (2.0 * math.pi)
        area = np.sqrt(np.maximum(size**2 - C**2, 0.0))
        return through @ cross + (area @ weights / (2.0 * math.pi * own))[:, None] * cross
    if is_named(activation, "erf"):
        scale = (2.0 / math.pi) * weights / np.sqrt(np.outer(1.0 + own, 1.0 + own) - C**2)
        return scale @ cross - (np.sum(scale * C, axis=1) / (1.0 + own))[:, None] * cross
    return None


def independent_fourth_moments(
    activation: Activation, variances: np.ndarray, weights: np.ndarray, label_mean: float, label_power: float
) -> np.ndarray:
    """Φ_ij = E[r² σ′(λ_i)σ′(λ_j)], r = y − Σ_l A_l σ(λ_l), for pre-activations independent of each other and of y.

    Products of one-dimensional expectations, for any activation.

    Parameters
    ----------
    variances, weights : ndarray, shape (N,)
        E λ_i² and A_l.
    label_mean, label_power : float
        E y and E y².

    Returns
    -------
    ndarray, shape (N, N)
    """
    moments = np.array([_one_neuron(activation, float(v)) for v in variances]).T
    slope, slope2, mean, power, both, mean2, power1, power2 = moments
    # powers of A_l σ(λ_l) alone, under σ′(λ_l) and under σ′(λ_l)²
    u, u2 = weights * mean, weights**2 * power
    a, b = weights * both, weights**2 * power1
    c, c2 = weights * mean2, weights**2 * power2
    total, scatter = u.sum(), (u2 - u**2).sum()
    rest = total - u[:, None] - u  # Σ_{l ≠ i, j} E A_l σ_l
    left = scatter - (u2 - u**2)[:, None] - (u2 - u**2)
    pair = np.outer(slope, slope)
    first = np.outer(a, slope) + np.outer(slope, a)
    f1 = pair * rest + first
    f2 = pair * (rest**2 + left) + 2.0 * rest * first + np.outer(b, slope) + np.outer(slope, b) + 2.0 * np.outer(a, a)
    phi = label_power * pair - 2.0 * label_mean * f1 + f2
    rest, left = total - u, scatter - (u2 - u**2)
    f1 = slope2 * rest + c
    f2 = slope2 * (rest**2 + left) + 2.0 * rest * c + c2
    np.fill_diagonal(phi, label_power * slope2 - 2.0 * label_mean * f1 + f2)
    return phi


def _one_neuron(activation: Activation, variance: float) -> tuple[float, ...]:
    """E σ′, E σ′², E σ, E σ², E σ′σ, E σ′²σ, E σ′σ², E σ′²σ² at one variance."""
    s = math.sqrt(variance)
    x, w = gaussian_nodes(tuple(kink / s for kink in activation.kinks))
    f, g = activation(s * x), activation.slope(s * x)
    return tuple(float(w @ v) for v in (g, g * g, f, f * f, g * f, g * g * f, g * f * f, g * g * f * f))


def erf_fourth_moments(
    C: np.ndarray, M: np.ndarray, weights: np.ndarray, z: np.ndarray, w: np.ndarray, g: np.ndarray, noise2: float
) -> np.ndarray:
    """Φ_ij = E[r² σ′(λ_i)σ′(λ_j)] for σ = erf(x/√2), r = g(z) + noise − Σ_l A_l σ(λ_l).

    σ′ is a Gaussian density, so that each pair of slopes tilts the law of λ to another Gaussian; what is left is an
    expectation over the latents of the target.

    Parameters
    ----------
    C : ndarray, shape (N, N)
        Covariance of λ.
    M : ndarray, shape (N, k)
        Covariance of λ with the latents z.
    weights : ndarray, shape (N,)
        A_l.
    z, w, g : ndarray, shape (B, k), (B,) and (B,)
        Nodes and weights for the latents, and the target there.
    noise2 : float
        Variance of the label noise.

    Returns
    -------
    ndarray, shape (N, N)
    """
    N = len(C)
    V = C - M @ M.T  # of λ given z
    phi = np.empty((N, N))
    for i in range(N):
        for j in range(i + 1):
            pair = [i, j] if i != j else [i]
            times = 1.0 if i != j else 2.0  # σ′² counts as two slopes: e^(−λ²)
            scale = 2.0 / math.pi
            # given z
            inner = np.eye(len(pair)) / times + V[np.ix_(pair, pair)]
            gain = V[:, pair] @ np.linalg.inv(inner)
            centre = z @ M[pair].T
            tilt = scale / math.sqrt(np.linalg.det(times * inner))
            density = w * tilt * np.exp(-0.5 * np.einsum("bi,ij,bj->b", centre, np.linalg.inv(inner), centre))
            mean = z @ M.T - centre @ gain.T
            spread = np.diag(V - gain @ V[pair])
            f = erf(mean / np.sqrt(2.0 * (1.0 + spread))) @ weights
            value = float(density @ (g**2 + noise2 - 2.0 * g * f))
            # the square of the network: z integrated out
            inner = np.eye(len(pair)) / times + C[np.ix_(pair, pair)]
            tilted = C - C[:, pair] @ np.linalg.solve(inner, C[pair])
            own = 1.0 + np.diag(tilted)
            square = (2.0 / math.pi) * np.arcsin(np.clip(tilted / np.sqrt(np.outer(own, own)), -1.0, 1.0))
            value += scale / math.sqrt(np.linalg.det(times * inner)) * float(weights @ square @ weights)
            phi[i, j] = phi[j, i] = value
    return phi
