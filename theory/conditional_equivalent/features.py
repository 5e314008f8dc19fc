"""The equivalent features: mean, linear part and variance of a feature given its sample's latent and neuron's code."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from theory.hermite import hermite_coefficients
from theory.quadrature import gauss_hermite, gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.problem import Problem
from theory.step_matrix import StepStatistics, latent_moments, step_law, step_statistics

__all__ = ["EquivalentFeatures", "equivalent_features", "feature_moments"]

_NEGLIGIBLE = 1e-6  # expected number of neurons or samples below which a node is dropped

# Gauss-Hermite orders for (u, g) by the size of c₁η‖β‖/√N: errors change by less than 3e-4 when doubling them (relu and
# tanh at size 2, by far the worst), by less than 1e-5 below size 1.
_ORDERS = ((0.7, (32, 16)), (1.0, (40, 20)), (1.3, (60, 30)), (math.inf, (80, 40)))


@dataclass(frozen=True, eq=False)
class EquivalentFeatures:
    """F_ij = m(u_i, g_j) + A(u_i, g_j)⟨w_j, x_i⟩ + B(u_i, g_j)^(1/2) z_ij on nodes u_s and g_b.

    Attributes
    ----------
    n, d : float
        Samples and input dimension.
    u, latent_weights : ndarray, shape (S,)
        Nodes of the latent u = ⟨x, β̂⟩ ~ N(0, 1) and their weights ω⁰.
    g, neurons : ndarray, shape (Q,)
        Nodes of the code g_j = √N a_j and the number N_b of neurons at each.
    m, A, B : ndarray, shape (S, Q)
        E σ(τ + κZ), E Zσ(τ + κZ) and what is left of the second moment, at τ = c₁η‖β‖ug/√N and κ = κ(g).
    profile, profile_weights : ndarray, shape (J, Q) and (J,)
        Variance profile v(b, y) at the nodes of the law ν of Ŷ, and their weights.
    joint_profile, joint_weights : ndarray, shape (J', Q) and (J', 1 + k, 1 + k)
        The same at the nodes of the matrix measure ν_ab on (β̂, ξ̂_1 … ξ̂_k).
    y1, y2 : ndarray, shape (S,)
        E[y|u] and E[y²|u], noise included.
    t : ndarray, shape (S, k)
        Linear part of the target orthogonal to β̂, given u.
    step : StepStatistics
        ‖β‖², overlap and moments of the label.
    sharp_right, sharp_left : bool
        Whether the bulk has a true edge on that side. Random features have both. After a step the neurons' norms and
        the pre-activations spread over unbounded laws, except that a two-valued or constant second layer bounds the
        norms, as long as the step has no matrix term and σ′ is bounded: then the right edge is a true one.
    """

    n: float
    d: float
    u: np.ndarray
    latent_weights: np.ndarray
    g: np.ndarray
    neurons: np.ndarray
    m: np.ndarray
    A: np.ndarray
    B: np.ndarray
    profile: np.ndarray
    profile_weights: np.ndarray
    joint_profile: np.ndarray
    joint_weights: np.ndarray
    y1: np.ndarray
    y2: np.ndarray
    t: np.ndarray
    step: StepStatistics
    sharp_right: bool
    sharp_left: bool


def equivalent_features(
    problem: Problem,
    *,
    gradient_order: int = 2,
    orders: tuple[int, int] | None = None,
) -> EquivalentFeatures:
    """Build the equivalent features of a problem.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        1 keeps the direction β alone; 2 adds the matrix term η a_j μ₂ Ŷ w_j of the step.
    orders : (int, int), optional
        Gauss-Hermite nodes for u and, with a gaussian second layer, for g; by default as many as the step asks for.
        Nodes that stand for less than 1e-6 samples or neurons are left out.

    Returns
    -------
    EquivalentFeatures

    Raises
    ------
    ArithmeticError
        If the law of the step's matrix term does not come out (see `theory.step_matrix.step_law`).
    """
    step = step_statistics(problem)
    sigma = problem.sigma
    c1, second, var1, var2 = _slope_moments(sigma)
    if orders is None:
        size = abs(c1) * problem.step_size * math.sqrt(step.beta_norm2 / problem.width)
        orders = next(pair for bound, pair in _ORDERS if size <= bound)
    u, omega = _trim(*gauss_hermite(orders[0]), problem.n)
    still = problem.step_size == 0.0
    g, p = (np.zeros(1), np.ones(1)) if still else _codes(problem, orders[1])
    h = problem.step_size * g / math.sqrt(problem.width)  # η g/√N
    label_noise = problem.phi0 * step.label_power
    if gradient_order == 1 or still or abs(second) < 1e-12:
        # One node: without the matrix term, or where it vanishes, Ŷ is not seen.
        kappa2 = 1.0 + h**2 * label_noise * var1
        nodes, weights = np.zeros(1), np.ones(1)
        joint_nodes, joint_weights = nodes, np.eye(1 + problem.teacher.k)[None]
        profile = joint_profile = np.ones((1, len(g)))
    else:
        law = step_law(problem)
        nodes, weights = law.nodes, law.weights
        joint_nodes, joint_weights = law.joint_nodes, law.joint_weights
        kappa2 = (
            1.0
            + 2.0 * h * second * step.label_mean
            + h**2 * (second**2 * (label_noise + step.label_mean**2) + label_noise * var2)
        )

        def variance_profile(y: np.ndarray) -> np.ndarray:
            return ((1.0 + second * np.multiply.outer(y, h)) ** 2 + h**2 * label_noise * var2) / kappa2

        profile, joint_profile = variance_profile(nodes), variance_profile(joint_nodes)
    tau = c1 * math.sqrt(step.beta_norm2) * np.multiply.outer(u, h)
    m, A, B = feature_moments(sigma, tau, np.sqrt(kappa2))
    if problem.centered:
        m = m - hermite_coefficients(sigma, 0)[0]
    y1, y2, t = latent_moments(problem, u)
    return EquivalentFeatures(
        n=float(problem.n),
        d=float(problem.d),
        u=u,
        latent_weights=omega,
        g=g,
        neurons=problem.width * p,
        m=m,
        A=A,
        B=B,
        profile=profile,
        profile_weights=weights,
        joint_profile=joint_profile,
        joint_weights=joint_weights,
        y1=y1,
        y2=y2,
        t=t,
        step=step,
        sharp_right=still or (problem.law_of_a.support < math.inf and len(nodes) == 1 and _has_bounded_slope(sigma)),
        sharp_left=still,
    )


def _has_bounded_slope(sigma: Activation) -> bool:
    """σ′ no larger far out than near the origin."""
    near, far = np.linspace(-4.0, 4.0, 201), np.array([-40.0, -20.0, 20.0, 40.0])
    return bool(np.max(np.abs(sigma.slope(far))) <= 2.0 * np.max(np.abs(sigma.slope(near))))


def _trim(nodes: np.ndarray, weights: np.ndarray, count: float) -> tuple[np.ndarray, np.ndarray]:
    keep = count * weights > _NEGLIGIBLE
    return nodes[keep], weights[keep] / weights[keep].sum()


def _codes(problem: Problem, order: int) -> tuple[np.ndarray, np.ndarray]:
    return _trim(*problem.law_of_a.nodes(order), problem.width)


def _slope_moments(sigma: Activation) -> tuple[float, float, float, float]:
    """c₁ = E σ′, μ₂ = E Zσ′, Var σ′ and Var₂ = Var σ′ − μ₂²."""
    nodes, weights = gaussian_nodes(sigma.kinks)
    slope = sigma.slope(nodes)
    c1, second = weights @ slope, weights @ (nodes * slope)
    variance = weights @ (slope - c1) ** 2
    return float(c1), float(second), float(variance), float(weights @ (slope - c1 - second * nodes) ** 2)


def feature_moments(sigma: Activation, tau: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m = E σ(τ + κZ), A = E Zσ(τ + κZ), B = E (σ(τ + κZ) − m − AZ)².

    Parameters
    ----------
    sigma : Activation
    tau : ndarray, shape (S, Q)
    kappa : ndarray, shape (Q,)

    Returns
    -------
    m, A, B : ndarray, shape (S, Q)

    Raises
    ------
    ValueError
        If the expectations do not converge because σ has an undeclared kink.
    """
    if sigma.name == "relu" and sigma.vectorized:
        return _relu_moments(tau, kappa)
    moments = _kinked_moments if sigma.kinks else _smooth_moments
    m, A, B = np.empty((3, *tau.shape))
    for b, scale in enumerate(kappa):
        m[:, b], A[:, b], B[:, b] = moments(sigma, tau[:, b], float(scale))
    return m, A, B


def _relu_moments(tau: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    t = tau / kappa
    density = np.exp(-0.5 * t**2) / math.sqrt(2.0 * math.pi)
    m = kappa * (t * ndtr(t) + density)
    A = kappa * ndtr(t)
    # B is even in τ, since σ(x) − σ(−x) = x is linear: on the side of the tail no digits cancel.
    s = -np.abs(t)
    tail = ndtr(s)
    B = kappa**2 * ((s**2 + 1.0) * tail + s * density - (s * tail + density) ** 2 - tail**2)
    return m, A, np.maximum(B, 0.0)


def _weighted_moments(z: np.ndarray, weights: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
    m = np.sum(weights * values, axis=-1)
    A = np.sum(weights * z * values, axis=-1)
    B = np.sum(weights * (values - m[:, None] - A[:, None] * z) ** 2, axis=-1)
    return m, A, B


def _smooth_moments(sigma: Activation, tau: np.ndarray, kappa: float) -> tuple[np.ndarray, ...]:
    """Trapezoid sums, which converge geometrically for an analytic σ; refined until every other node suffices."""
    step = 0.125 / max(1.0, kappa)
    for _ in range(4):
        half = math.ceil(10.5 / step)
        z = step * np.arange(-2 * (half // 2) - 2, 2 * (half // 2) + 3)
        weights = np.exp(-0.5 * z**2)
        values = sigma(tau[:, None] + kappa * z)
        fine = _weighted_moments(z, weights / weights.sum(), values)
        coarse = _weighted_moments(z[::2], weights[::2] / weights[::2].sum(), values[:, ::2])
        scale = 1.0 + np.max(np.abs(fine[0])) + np.max(fine[2])
        if max(np.max(np.abs(a - b)) for a, b in zip(fine, coarse, strict=True)) < 1e-8 * scale:
            return fine
        step /= 2.0
    raise ValueError(
        f"activation `{sigma.name}` must be smooth away from its declared `kinks`; its Gaussian expectations do not "
        "converge: pass the points where it or its derivative jumps as kinks=(...)"
    )


def _kinked_moments(sigma: Activation, tau: np.ndarray, kappa: float) -> tuple[np.ndarray, ...]:
    """Gauss-Legendre panels split at the kinks, seen from each τ."""
    panels, reach = math.ceil(16 * max(1.0, kappa)), 10.5
    x, w = np.polynomial.legendre.leggauss(16)
    kinks = np.clip((np.array(sigma.kinks) - tau[:, None]) / kappa, -reach, reach)
    ends = np.concatenate([np.full((len(tau), 1), -reach), kinks, np.full((len(tau), 1), reach)], axis=1)
    edges = ends[:, :-1, None] + np.diff(ends)[..., None] * np.linspace(0.0, 1.0, panels + 1)
    half = 0.5 * np.diff(edges)[..., None]
    z = (edges[..., :-1, None] + half + half * x).reshape(len(tau), -1)
    weights = (half * w).reshape(z.shape) * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return _weighted_moments(z, weights, sigma(tau[:, None] + kappa * z))
