"""The labels of a gradient step, and the direction β = X₀ᵀy₀/n₀ that it adds to every neuron: moments given latents."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from theory.hermite import hermite_coefficients, hermite_polynomials
from theory.quadrature import gaussian_nodes, tensor_gauss_hermite
from theory.statement.problem import Problem, described
from theory.statement.target import Target

__all__ = [
    "Relabelled",
    "StepLabels",
    "StepStatistics",
    "label_statistics",
    "latent_moments",
    "latent_part",
    "latent_rule",
    "statistics_of_labels",
    "step_labels",
    "step_statistics",
]

_TENSOR_ORDER = {2: 60, 3: 32, 4: 16, 5: 9, 6: 7}
_EVALUATED = 20_000  # places at which a target is evaluated at once
_FEWER = {2: 30, 3: 16, 4: 10, 5: 7, 6: 6}  # nodes an axis where the latents are several


@dataclass(frozen=True, eq=False)
class StepStatistics:
    """Moments of the label and of the direction β = X₀ᵀy₀/n₀ that the step adds to every neuron.

    Attributes
    ----------
    label_mean, label_power : float
        E y and m_y = E y², noise included.
    linear : ndarray, shape (k,)
        C₁ = E[g(z) z], the s₁ of a single-index target.
    beta_norm2 : float
        ‖β‖² = ‖C₁‖² + φ₀ m_y.
    overlap : ndarray, shape (k,)
        e = C₁/‖β‖, overlap of β̂ with the rows of W⋆.
    label_fourth : float
        E y⁴, noise included.
    fitted : bool
        Whether a fit on the batch left β = 0; ‖β‖² and the overlap are then those of labels as good without it.
    """

    label_mean: float
    label_power: float
    linear: np.ndarray
    beta_norm2: float
    overlap: np.ndarray
    label_fourth: float = math.nan
    fitted: bool = False


@dataclass(frozen=True)
class StepLabels:
    """What the labels of the step are: y less a constant that the network already gives, and φ₀ = d/n₀.

    `fitted` says that they are what a least-squares fit on the batch left, so that X₀ᵀy₀ = 0 and no neuron moves along
    β.
    """

    target: Target
    noise: float
    phi0: float
    start: float = 0.0
    fitted: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Relabelled(Problem):
    """A problem whose step has other labels than its ridge fit.

    Attributes
    ----------
    labels : StepLabels
        Of the step; target and noise are those of the fit.
    """

    labels: StepLabels = field(metadata=described(StepLabels, "Labels of the step."))


@lru_cache(maxsize=32)
def latent_rule(target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (B, k) and weights (B,) for expectations over z ~ N(0, I_k), and g at the nodes."""
    if target.k == 1:
        nodes, weights = gaussian_nodes(target.kinks)
        nodes = nodes[:, None]
    else:
        nodes, weights = tensor_gauss_hermite(_TENSOR_ORDER[target.k], target.k)
    return nodes, weights, target(nodes)


@lru_cache(maxsize=32)
def unresolved_power(target: Target) -> float:
    """By what part E g(z)² moves when the tensor rule for several latents has one node an axis less.

    Parameters
    ----------
    target : Target

    Returns
    -------
    float
        0 for a single latent, whose rule knows the target's kinks.

    Examples
    --------
    >>> from theory.statement.target import as_target
    >>> polynomial, kinked = (as_target(text) for text in ("z1 + z2*z3 + z1*z4", "abs(z1) + abs(z2) + z3*z4"))
    >>> unresolved_power(polynomial) < 1e-12, unresolved_power(kinked) > 0.01
    (True, True)
    """
    if target.k == 1:
        return 0.0
    _, weights, values = latent_rule(target)
    coarser, fewer = tensor_gauss_hermite(_TENSOR_ORDER[target.k] - 1, target.k)
    power, before = float(weights @ values**2), float(fewer @ target(coarser) ** 2)
    return abs(before / power - 1.0) if power > 0.0 else 0.0


def step_statistics(problem: Problem) -> StepStatistics:
    """Label moments, ‖β‖² and overlap of a problem; see `StepStatistics`.

    Where the inputs have a covariance Σ, ‖Σ^(1/2)β‖² = C₁ᵀW⋆Σ³W⋆ᵀC₁ + φ₀m_y tr Σ²/d takes the place of ‖β‖², and the
    overlap is the correlation of ⟨x, β⟩ with the latents, W⋆Σ²W⋆ᵀC₁/‖Σ^(1/2)β‖.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepStatistics
    """
    statistics = statistics_of_labels(step_labels(problem))
    if problem.law_of_x is None:
        return statistics
    s, W = problem.eigenvalues, problem.directions
    signal = (statistics.linear @ W) * s**1.5  # Σ^(1/2)E[yx] in the eigenbasis
    norm2 = float(signal @ signal) + problem.phi0 * statistics.label_power * float(np.mean(s**2))
    overlap = (W * np.sqrt(s)) @ signal / math.sqrt(norm2)
    return replace(statistics, beta_norm2=norm2, overlap=overlap)


def label_statistics(problem: Problem) -> StepStatistics:
    """The same for the labels of the ridge fit, which a start away from f = 0 does not move.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepStatistics
    """
    return statistics_of_labels(StepLabels(problem.teacher, problem.noise, problem.phi0))


def step_labels(problem: Problem) -> StepLabels:
    """The labels of the step: with a constant second layer f starts at E σ(Z) unless σ is centred.

    f(x) = (1/N) Σ_j σ(⟨w_j, x⟩) is then c₀ up to O(N^(-1/2)), of the order of the labels; with signs in the second
    layer it is O(N^(-1/2)) itself.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepLabels
    """
    if isinstance(problem, Relabelled):
        return problem.labels
    start = 0.0
    mean = problem.law_of_a.moments[0]
    if mean != 0.0 and not problem.centered:
        start = mean * float(hermite_coefficients(problem.sigma, 0)[0])
    return StepLabels(problem.teacher, problem.noise, problem.phi0, start)


@lru_cache(maxsize=128)
def statistics_of_labels(labels: StepLabels) -> StepStatistics:
    """Label moments, ‖β‖² and overlap for labels of any noise and sample size; see `StepStatistics`.

    Parameters
    ----------
    labels : StepLabels

    Returns
    -------
    StepStatistics

    Raises
    ------
    ValueError
        If the labels vanish.
    """
    target, noise, phi0 = labels.target, labels.noise, labels.phi0
    nodes, weights, g = latent_rule(target)
    g = g - labels.start
    power = float(weights @ g**2) + noise**2
    if not power > 0.0:
        raise ValueError(f"`target` must not vanish; {target.name} has E y² = {power:g}")
    linear = (weights * g) @ nodes
    linear[np.abs(linear) < 1e-13 * math.sqrt(power)] = 0.0
    beta_norm2 = float(linear @ linear) + phi0 * power
    fourth = float(weights @ (g**4 + 6.0 * g**2 * noise**2)) + 3.0 * noise**4
    return StepStatistics(
        float(weights @ g), power, linear, beta_norm2, linear / math.sqrt(beta_norm2), fourth, labels.fitted
    )


def latent_moments(
    problem: Problem, u: np.ndarray, directions: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """E[y|u], E[y²|u] and t_c(u) = E[g(z) ξ_c | u] for z = E u + (I − EEᵀ)^(1/2) ξ, y the label of the ridge fit.

    Parameters
    ----------
    problem : Problem
    u : ndarray, shape (S,) or (S, p)
        Values of the latent ⟨x, β̂⟩, or of several.
    directions : ndarray, shape (k, p), optional
        E, the overlap of W⋆ with the latents' directions; e of β̂ by default.

    Returns
    -------
    y1, y2 : ndarray, shape (S,)
    t : ndarray, shape (S, k)
    """
    rows = [_moments(g, weights, xi) for g, weights, xi in _given_latent(problem, u, directions)]
    y1, y2, t = (np.array(column) for column in zip(*rows, strict=True))
    return y1, y2 + problem.noise**2, t


def latent_part(problem: Problem, u: np.ndarray, degree: int, directions: np.ndarray | None = None) -> np.ndarray:
    """E[g(z) he_α(ξ) | u] for the normalised Hermite products of one degree |α| in the ξ of `latent_moments`.

    Parameters
    ----------
    problem : Problem
    u : ndarray, shape (S,) or (S, p)
    degree : int
    directions : ndarray, shape (k, p), optional

    Returns
    -------
    ndarray, shape (S, F)
        In the order of the multi-indices α.
    """
    k = problem.teacher.k
    indices = [alpha for alpha in itertools.product(range(degree + 1), repeat=k) if sum(alpha) == degree]
    rows = []
    for g, weights, xi in _given_latent(problem, u, directions):
        he = hermite_polynomials(xi, degree)  # (degree + 1, B, k)
        scale = [math.sqrt(math.prod(math.factorial(a) for a in alpha)) for alpha in indices]
        products = [np.prod([he[a, :, c] for c, a in enumerate(alpha)], axis=0) for alpha in indices]
        rows.append([float(weights @ (g * of)) / size for of, size in zip(products, scale, strict=True)])
    return np.array(rows)


def _given_latent(
    problem: Problem, u: np.ndarray, directions: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Values g(z), weights and ξ of a rule for each u, z = E u + (I − EEᵀ)^(1/2) ξ."""
    target, step = problem.teacher, step_statistics(problem)
    k = target.k
    if directions is None:
        directions = step.overlap[:, None]
    u = u.reshape(len(u), -1)
    single = directions.shape[1] == 1 and np.array_equal(directions[:, 0], step.overlap) and problem.law_of_x is None
    # √(1 − |e|²) without cancellation
    rest = math.sqrt(problem.phi0 * step.label_power / step.beta_norm2) if single else math.nan
    means = u @ directions.T
    if k == 1:
        if not single:
            rest = math.sqrt(max(1.0 - float(np.sum(directions**2)), 1e-12))
        if target.kinks:
            for mean in means[:, 0]:
                xi, weights = gaussian_nodes.__wrapped__(tuple((kink - mean) / rest for kink in target.kinks))
                yield target(mean + rest * xi[:, None]), weights, xi[:, None]
            return
        xi, weights = gaussian_nodes()
        nodes, scatter = xi[:, None], rest * xi[:, None]
    else:
        nodes, weights = tensor_gauss_hermite((_TENSOR_ORDER if single else _FEWER)[k], k)
        if single:
            e = directions[:, 0]
            size = float(np.linalg.norm(e))
            axis = e / size if size > 0.0 else np.eye(k)[0]
            # A frame that starts at the overlap: the one narrow direction then lies along an axis of the rule.
            frame = np.linalg.qr(np.column_stack([axis, np.eye(k)]))[0]
            nodes = nodes @ frame.T
            scatter = nodes @ (np.eye(k) + (rest - 1.0) * np.outer(axis, axis) * (size > 0.0))
        else:
            values, frame = np.linalg.eigh(np.eye(k) - directions @ directions.T)
            nodes = nodes @ frame.T
            scatter = nodes @ ((frame * np.sqrt(np.maximum(values, 0.0))) @ frame.T)
    several = max(1, _EVALUATED // len(nodes))
    for first in range(0, len(means), several):
        places = means[first : first + several, None, :] + scatter
        for g in target(places.reshape(-1, k)).reshape(len(places), -1):
            yield g, weights, nodes


def _moments(g: np.ndarray, weights: np.ndarray, xi: np.ndarray) -> tuple[float, float, np.ndarray]:
    return float(weights @ g), float(weights @ g**2), (weights * g) @ xi
