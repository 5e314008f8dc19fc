"""What the batch of a step says of the leading eigenvectors of Σ, where it does not average out.

Averaged over w given the batch, the part of a step that is linear in a neuron's weights is hΣ^(1/2)ΥΣ^(1/2)w with
Υ = (1/n₀) Σ_i y_i μ₂(Q_i) ξ_i ξ_iᵀ, Q_i = |x_i|²/d and μ₂(Q) = E σ″(√Q Z): of a sample that is long the neurons are far
from where σ bends. All neurons share Υ. Its entries fluctuate by n₀^(-1/2), and meet hs_c: a few of them between
eigenvectors of large s_c move a spike of the data by a tenth of itself from one batch to the next. By the central limit
theorem Υ and the noise of β̃ = (1/n₀) Σ_i y_i ξ_i are jointly normal. Their moments are those of ξ = Mz + Γ^(1/2)ζ,
M = Λt₀/v, Γ = Λ − vMMᵀ, v = t₀ᵀΛt₀, t₀ = Σ^(1/2)β⋆: μ₂(Q) is a sum of exponentials e^(−θQ), and with such a weight ξ is
still normal, with the variances Λ_c = 1/(1 + 2θs_c/d).
"""

from __future__ import annotations

import math

import numpy as np

from theory.conditional_equivalent.covariance_neurons import slope_statistics, squared_norms
from theory.quadrature import gaussian_nodes
from theory.statement.problem import Problem
from theory.step_labels import step_labels

__all__ = ["batch_moments", "batch_nodes"]

_LENGTHS = 12  # nodes of |x|²/d
_RATES = np.array([0.0, 0.5, 1.0, 2.0, 4.0])  # of exponentials in it
_RANK = 1e-6  # singular values of a fit, of the largest, that are noise
_NEGLIGIBLE = 1e-3  # variance of a component, of the largest, below which it is left at its mean
_POINTS = 64  # of the lattice, and as many opposite ones


def batch_moments(problem: Problem, order: np.ndarray) -> np.ndarray:
    """Covariance of the fluctuations of Υ and of β̃ on some eigenvectors of Σ, for a single-index target.

    Parameters
    ----------
    problem : Problem
    order : ndarray of int, shape (L,)
        The eigenvectors, as places in `problem.eigenvalues`.

    Returns
    -------
    ndarray, shape (P + L, P + L)
        Of Υ_ab, a ≤ b, P = L(L + 1)/2 of them, and of β̃_a.
    """
    i, _ = np.triu_indices(len(order))
    size, L = len(i), len(order)
    second, mean = np.zeros((size + L, size + L)), np.zeros(size + L)
    for theta, bend, square in zip(_RATES, *_bends(problem), strict=True):
        part, first = _weighted_moments(problem, order, theta)
        second[:size, :size] += square * part[:size, :size]
        second[:size, size:] += bend * part[:size, size:]
        mean[:size] += bend * first[:size]
        if theta == 0.0:
            second[size:, size:], mean[size:] = part[size:, size:], first[size:]
    second[size:, :size] = second[:size, size:].T
    return (second - np.outer(mean, mean)) / problem.n0


def _bends(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the exponentials whose sums are μ₂(Q) and μ₂(Q)², in the mean square over the law of Q."""
    q, shares = squared_norms(problem.eigenvalues, _LENGTHS)
    root = np.sqrt(shares)
    bend = np.array([slope_statistics(problem.sigma, float(value), 2)[0][1] for value in q])
    rates = np.exp(-np.multiply.outer(q, _RATES)) * root[:, None]
    return tuple(np.linalg.lstsq(rates, root * values, rcond=_RANK)[0] for values in (bend, bend**2))


def _weighted_moments(problem: Problem, order: np.ndarray, theta: float) -> tuple[np.ndarray, np.ndarray]:
    """Second moments and means of (yξ_aξ_b, yξ_a), with the weight e^(−θQ) under which ξ is normal."""
    s, t0 = problem.eigenvalues, np.sqrt(problem.eigenvalues) * problem.directions[0]
    labels = step_labels(problem)
    variances = 1.0 / (1.0 + 2.0 * theta * s / len(s))
    mass = math.exp(0.5 * float(np.sum(np.log(variances))))
    v = float(t0**2 @ variances)
    root = math.sqrt(v)
    x, weights = gaussian_nodes(tuple(kink / root for kink in labels.target.kinks))
    z = root * x
    y = labels.target(z[:, None]) - labels.start
    M = variances[order] * t0[order] / v
    gamma = np.diag(variances[order]) - v * np.outer(M, M)
    first = [float(weights @ (y * z**k)) for k in range(3)]
    power = [float(weights @ ((y**2 + labels.noise**2) * z**k)) for k in range(5)]
    i, j = np.triu_indices(len(order))
    pair, rest = M[i] * M[j], gamma[i, j]
    mixed = np.outer(pair, rest) + np.outer(rest, pair)
    for a, b in ((i, j), (j, i)):
        for c, e in ((i, j), (j, i)):
            mixed += np.outer(M[a], M[c]) * gamma[np.ix_(b, e)]
    free = np.outer(rest, rest) + gamma[np.ix_(i, i)] * gamma[np.ix_(j, j)] + gamma[np.ix_(i, j)] * gamma[np.ix_(j, i)]
    fourth = power[4] * np.outer(pair, pair) + power[2] * mixed + power[0] * free
    third = power[3] * np.outer(pair, M)
    third += power[1] * (np.outer(rest, M) + M[i][:, None] * gamma[j] + M[j][:, None] * gamma[i])
    twice = power[2] * np.outer(M, M) + power[0] * gamma
    means = np.concatenate([first[2] * pair + first[0] * rest, first[1] * M])
    return mass * np.block([[fourth, third], [third.T, twice]]), mass * means


def batch_nodes(problem: Problem, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of equal weight for the fluctuations of Υ and β̃: a lattice rule in their principal components.

    The lattice is that of the powers of the root of x^(D+1) = x + 1; with every point goes the opposite one. Components
    are those of s_a^(1/2)Υ_ab s_b^(1/2) and s_aβ̃_a.

    Parameters
    ----------
    problem : Problem
    order : ndarray of int, shape (L,)

    Returns
    -------
    matrices : ndarray, shape (M, L, L)
    vectors : ndarray, shape (M, L)
    """
    from scipy.special import ndtri  # a fifth of a second to import

    L, s = len(order), problem.eigenvalues[order]
    i, j = np.triu_indices(L)
    scale = np.concatenate([np.sqrt(s[i] * s[j]), s])
    values, vectors = np.linalg.eigh(batch_moments(problem, order) * np.outer(scale, scale))
    seen = np.flatnonzero(values > _NEGLIGIBLE * values[-1])[::-1]
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (len(seen) + 1.0))
    places = np.mod(0.5 + np.outer(np.arange(1, _POINTS + 1), root ** -np.arange(1.0, len(seen) + 1.0)), 1.0)
    points = ndtri(places)
    # second moments are those of the law, which so few points of a lattice miss by a tenth
    points = np.linalg.solve(np.linalg.cholesky(points.T @ points / len(points)), points.T).T
    points *= np.sqrt(values[seen])
    deviations = np.concatenate([points, -points]) @ vectors[:, seen].T / scale
    matrices = np.zeros((len(deviations), L, L))
    matrices[:, i, j] = matrices[:, j, i] = deviations[:, : len(i)]
    return matrices, deviations[:, len(i) :]
