"""One step of any n, neuron by neuron: how much of its gradient lies in the target's subspace, given its overlaps.

At n = δd^ℓ, ℓ ≥ 2, the signal S_i = c_ℓ/(ℓ−1)! C_ℓ[m_i^(ℓ−1)] of neuron i depends on its initial overlaps m_i = W⋆w_i,
which is what lets neurons specialise to several directions. All moments here are exact in m_i: for jointly Gaussian z
and λ = ⟨w, x⟩ with E[zλ] = m and |w| = 1, E[F(z)H(λ)] = Σ_α h_|α| E[F He_α] m^α/α!, h_j = E[H He_j].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.special import betaincinv, erfcx, gammainc, hyperu

from theory.giant_steps.activation_moments import activation_moments, visible_degrees
from theory.giant_steps.hermite_moments import compositions, hermite_array, tensor
from theory.hermite import hermite_polynomials
from theory.quadrature import gaussian_nodes, tensor_gauss_hermite
from theory.statement.activation import Activation, as_activation
from theory.statement.arguments import integer
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.statement.protocol import Protocol
from theory.statement.target import Target, as_target
from theory.step_labels import latent_rule

__all__ = [
    "NeuronPrediction",
    "draw_cosines",
    "limit_squared_cosine",
    "noise_power",
    "predict_neurons",
    "predict_population",
    "squared_cosine_isotropic",
    "squared_cosine_k1",
]

_NODES = {1: 400, 2: 120, 3: 40, 4: 16, 5: 9, 6: 7}  # an axis, where neurons have directions of their own
_DEGREE = 8  # of the expansion in the overlaps: |m|^8 is 1e-5 at d = 64
_FLUCTUATION_ORDER = 9


@dataclass(frozen=True, eq=False)
class NeuronPrediction:
    """Gradient h_i and weights w_i + α_i h_i of each neuron after one step, as its initial overlaps m_i predict them.

    Attributes
    ----------
    gradient_mean : ndarray, shape (N, k)
        E[W⋆h_i | m_i].
    gradient_cos2, weight_cos2 : ndarray, shape (N, k)
        Expected squared cosines of h_i and of w_i + α_i h_i with each row of W⋆; their sums over rows are the squared
        norms of the projections on the target's subspace.
    """

    gradient_mean: np.ndarray
    gradient_cos2: np.ndarray
    weight_cos2: np.ndarray


# Expectations over a latent function times a function of the pre-activation ------------------------------------------


class _Overlaps:
    """E[F(z) H(λ)] for the overlaps m (N, k) of many neurons."""

    def __init__(self, problem: Problem, m: np.ndarray) -> None:
        self.sigma, self.k = problem.sigma, problem.teacher.k
        self.nodes, weights, self.g = latent_rule(problem.teacher)
        self.x, self.w = gaussian_nodes(self.sigma.kinks)
        self.he = hermite_polynomials(self.x, _DEGREE) * self.w
        self.alphas = [alpha for j in range(_DEGREE + 1) for alpha in compositions(j, self.k)]
        powers = np.stack([m**j / math.factorial(j) for j in range(_DEGREE + 1)])
        self.monomials = np.stack(
            [np.prod([powers[a, :, i] for i, a in enumerate(alpha)], axis=0) for alpha in self.alphas], axis=1
        )
        polynomials = hermite_polynomials(self.nodes, _DEGREE)
        self.latent = np.stack(
            [weights * np.prod([polynomials[a, :, i] for i, a in enumerate(alpha)], axis=0) for alpha in self.alphas]
        )
        self.degrees = np.array([sum(alpha) for alpha in self.alphas])

    def __call__(self, F: np.ndarray, H: np.ndarray) -> np.ndarray:
        """E[F H | m], shape (N, ...), for F at the latent nodes (B, ...) and H at the nodes of λ."""
        coefficients = self.he @ H
        table = np.tensordot(self.latent, F, axes=(1, 0))
        scaled = table * coefficients[self.degrees].reshape(-1, *[1] * (F.ndim - 1))
        return np.tensordot(self.monomials, scaled, axes=(1, 0))


def _residual_terms(
    problem: Problem, labels: str, z: np.ndarray, w: np.ndarray, g: np.ndarray, slope: np.ndarray, c1: float
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], float]:
    """What a preprocessing leaves: the labels' mean given z; pairs (F, H) that sum to E[ρ²|z, λ], where xρ is what one
    sample adds to h; and the share of the signal that a fit with d + 1 parameters on the same batch lets through."""
    D = problem.noise**2
    C0, C1 = float(w @ g), (w * g) @ z
    fitted = C0 + z @ C1
    rest = g - fitted
    one = np.ones_like(g)
    squared = rest**2 + D
    centred = slope - c1
    if labels == "none":
        return g, [(g**2 + D, slope**2)], 1.0
    if labels == "exact":
        return rest, [(squared, slope**2)], 1.0
    if labels == "ols":
        # Σ r = 0 and Σ r x = 0 on the batch: a constant taken from σ′ changes nothing.
        return rest, [(squared, centred**2)], 1.0 - (problem.d + 1) / problem.n0
    if labels == "moments":
        # The error of the estimated linear part adds −c₁(xxᵀ − I)C₁ to what Σ r x σ′ is after a least-squares fit;
        # the labels are centred first, so C₀ does not enter.
        linear = z @ C1
        pairs = [(squared, centred**2), (-2.0 * c1 * rest * linear, centred), (c1**2 * linear**2, np.ones_like(slope))]
        return rest, pairs, 1.0
    # independent: the error of the estimate is a noise of its own, of power E y² per sample
    return rest, [(squared, slope**2), ((float(w @ g**2) - C0**2 + D) * one, np.full_like(slope, c1**2))], 1.0


def noise_power(
    target: str | Target, activation: str | Activation, preprocessing: str, *, noise: float = 0.0, d: int = 10**9
) -> float:
    """τ = E[ρ²], the power per sample of the noise in a gradient: |h|² exceeds its signal by τ d/n.

    e₂ E y² without preprocessing; e₂ E y_⊥² after exact removal of degrees 0 and 1; (e₂ − c₁²) E y_⊥² after least
    squares on the same batch; that plus c₁²‖C₁‖² with moments of the centred labels of the same batch;
    e₂ E y_⊥² + c₁² Var y with moments of an independent batch.

    Parameters
    ----------
    target : str or Target
    activation : str or Activation
    preprocessing : {"none", "exact", "ols", "moments", "independent"}
        What the labels lose before the step.
    noise : float
        Standard deviation of the label noise.
    d : int
        Input dimension.

    Returns
    -------
    float
    """
    problem = Problem(n=d**2, d=d, width=2, target=target, activation=activation, noise=noise)
    Protocol(preprocessing=preprocessing)
    overlaps = _Overlaps(problem, np.zeros((1, problem.teacher.k)))
    z, w, g = latent_rule(problem.teacher)
    slope = problem.sigma.slope(overlaps.x)
    c1 = float(overlaps.w @ slope)
    _, pairs, _ = _residual_terms(problem, preprocessing, z, w, g, slope, c1)
    return float(sum(overlaps(F, H)[0] for F, H in pairs))


def predict_neurons(
    problem: Problem, m: np.ndarray, *, protocol: Protocol | None = None, a: np.ndarray | None = None
) -> NeuronPrediction:
    """Expected squared cosines of each neuron's gradient and weights after one step, from its overlaps.

    Parameters
    ----------
    problem : Problem
        Any n₀, at the actual d.
    m : ndarray, shape (N, k)
        Overlaps W⋆w_i of the initial weights, |w_i| = 1.
    protocol : Protocol, optional
        Its preprocessing.
    a : ndarray, shape (N,), optional
        Second layer a_i, of order N^(-1/2); α_i = η a_i. By default √N a_i = 1.

    Returns
    -------
    NeuronPrediction

    Raises
    ------
    ValueError
        If `m` does not have shape (N, k) with rows shorter than 1.

    Notes
    -----
    h_i = E h_i + fluctuation. The mean is exact in m_i; the fluctuation within the target's subspace is integrated as a
    Gaussian of covariance E[ρ²zzᵀ]/n, which is the finite-n floor, and outside it enters by its mean square,
    τ_i(d − k)/n. A least-squares fit leaves (e₂ − c₁²) of the noise in both places. Relative errors are O(1/d).
    """
    m = _checked(problem, m)
    step = problem.step_size / math.sqrt(problem.width) * np.ones(len(m)) if a is None else problem.step_size * a
    law = _gradient_law(problem, m, protocol or Protocol())
    rest = problem.d - problem.teacher.k
    gradient = _squared_cosines(law.signal, law.inside, law.outside, rest)
    s2 = 1.0 - np.sum(m**2, axis=1)
    moved = s2 + 2.0 * step * law.along + step**2 * law.outside
    weights = _squared_cosines(m + step[:, None] * law.signal, step[:, None, None] ** 2 * law.inside, moved, rest)
    return NeuronPrediction(law.signal, gradient, weights)


def draw_cosines(
    problem: Problem, m: np.ndarray, *, protocol: Protocol | None = None, seed: int | np.random.Generator = 0
) -> np.ndarray:
    """Cosines of gradients with the rows of W⋆, drawn from the law that `predict_neurons` averages: a cloud to draw.

    Parameters
    ----------
    problem, m, protocol
        As in `predict_neurons`.
    seed : int or Generator

    Returns
    -------
    ndarray, shape (N, k)
    """
    m = _checked(problem, m)
    generator = np.random.default_rng(seed)
    law = _gradient_law(problem, m, protocol or Protocol())
    values, vectors = np.linalg.eigh(law.inside)
    xi = np.sqrt(np.maximum(values, 0.0)) * generator.standard_normal(m.shape)
    v = law.signal + np.einsum("nij,nj->ni", vectors, xi)
    rest = problem.d - problem.teacher.k
    outside = law.outside * (1.0 + math.sqrt(2.0 / rest) * generator.standard_normal(len(m)))
    return v / np.sqrt(np.sum(v**2, axis=1) + np.maximum(outside, 0.0))[:, None]


def _checked(problem: Problem, m: np.ndarray) -> np.ndarray:
    k = problem.teacher.k
    m = np.asarray(m, dtype=float)
    if m.ndim != 2 or m.shape[1] != k or not np.all(np.sum(m**2, axis=1) < 1.0):
        raise ValueError(f"`m` must have shape (N, {k}) and rows shorter than 1; got shape {m.shape}")
    if problem.d <= k:
        raise ValueError(f"`d` must be larger than the number of latents, {k}; got {problem.d}")
    return m


class _GradientLaw(NamedTuple):
    """W⋆h_i given m_i: its mean (N, k) and covariance (N, k, k). Outside the target's subspace: the mean of |h_i|², and
    that of the product of h_i with w_i, (N,)."""

    signal: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    along: np.ndarray


def _gradient_law(problem: Problem, m: np.ndarray, protocol: Protocol) -> _GradientLaw:
    require_isotropic(problem, "the cosines after a giant step")
    require_gradient_descent(problem, "the cosines after a giant step")
    k, n, d = problem.teacher.k, problem.n0, problem.d
    overlaps = _Overlaps(problem, m)
    z, w, g = latent_rule(problem.teacher)
    x = overlaps.x
    slope = problem.sigma.slope(x)
    c1 = float(overlaps.w @ slope)
    mean, pairs, through = _residual_terms(problem, protocol.labels(problem), z, w, g, slope, c1)
    signal = through * overlaps(mean[:, None] * z, slope)
    along = through * overlaps(mean, x * slope)  # E⟨h, w⟩
    s2 = 1.0 - np.sum(m**2, axis=1)
    inner = np.sum(m * signal, axis=1)
    zz = np.einsum("bi,bj->bij", z, z)
    power = through * sum(overlaps(F, H) for F, H in pairs)
    spread = through * sum(overlaps(F[:, None, None] * zz, H) for F, H in pairs)
    own = through * sum(overlaps(F, H * x**2) for F, H in pairs)
    inside = (spread - np.einsum("ni,nj->nij", signal, signal)) / n
    outside = ((d - k - 1) * power + own) / n + (1.0 - 1.0 / n) * (along - inner) ** 2 / s2
    return _GradientLaw(signal, inside, outside, along - inner)


def _squared_cosines(centre: np.ndarray, covariance: np.ndarray, outside: np.ndarray, dimension: int) -> np.ndarray:
    """E[v_r²/(|v|² + R)] for v ~ N(centre, covariance), shape (N, k), R of mean `outside` and relative variance
    2/dimension, the latter to first order."""
    k = centre.shape[1]
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    xi, weights = tensor_gauss_hermite(_FLUCTUATION_ORDER, k)
    total = np.zeros_like(centre)
    for point, weight in zip(xi, weights, strict=True):
        v = centre + root @ point
        norm2 = np.sum(v**2, axis=1) + outside
        total += weight * v**2 * ((1.0 + (2.0 / dimension) * (outside / norm2) ** 2) / norm2)[:, None]
    return total


def predict_population(problem: Problem, *, protocol: Protocol | None = None, order: int = 40) -> NeuronPrediction:
    """`predict_neurons` averaged over weights uniform on the sphere and the law of a_i: arrays of one row.

    Parameters
    ----------
    problem, protocol
        As in `predict_neurons`.
    order : int
        Gauss-Hermite nodes for the overlaps, which are carried to their law on the sphere, |m|² ~ Beta(k/2, (d − k)/2):
        so many per direction for one and two latents, order^(2/k) beyond, and 8 at least.

    Returns
    -------
    NeuronPrediction
    """
    k, d = problem.teacher.k, problem.d
    order = max(8, round(order ** (min(1.0, 2.0 / k))))
    x, weights = tensor_gauss_hermite(order, k)
    radius2 = np.sum(x**2, axis=1)
    share = gammainc(0.5 * k, 0.5 * radius2)
    with np.errstate(divide="ignore", invalid="ignore"):
        m = x * np.sqrt(betaincinv(0.5 * k, 0.5 * (d - k), np.minimum(share, 1.0 - 1e-15)) / radius2)[:, None]
    m[radius2 == 0.0] = 0.0
    codes, odds = problem.law_of_a.nodes(16)
    parts = []
    for code, chance in zip(codes, odds, strict=True):
        made = predict_neurons(problem, m, protocol=protocol, a=np.full(len(m), code / math.sqrt(problem.width)))
        parts.append([chance * (weights @ v) for v in (made.gradient_mean, made.gradient_cos2, made.weight_cos2)])
    return NeuronPrediction(*(np.sum(column, axis=0)[None] for column in zip(*parts, strict=True)))


# The limit d → ∞ at n = δd^ℓ ------------------------------------------------------------------------------------------


def squared_cosine_k1(a: float) -> float:
    """E[x²/(x² + a)] for x ~ N(0, 1): 1 − √(πa/2) erfcx(√(a/2)).

    Parameters
    ----------
    a : float
        a > 0.

    Returns
    -------
    float
    """
    return 1.0 - math.sqrt(0.5 * math.pi * a) * float(erfcx(math.sqrt(0.5 * a)))


def squared_cosine_isotropic(a: float) -> float:
    """E[|x|²/(|x|² + a)] for x ~ N(0, I₂): 1 − (a/2) e^(a/2) E₁(a/2).

    Parameters
    ----------
    a : float
        a > 0.

    Returns
    -------
    float

    Examples
    --------
    >>> print(f"{squared_cosine_isotropic(1.0):.4f}")
    0.5385
    """
    return 1.0 - 0.5 * a * float(hyperu(1.0, 1.0, 0.5 * a))  # U(1, 1, x) = e^x E₁(x), without the overflow


def limit_squared_cosine(
    target: str | Callable | Target,
    activation: str | Activation,
    delta: float,
    *,
    degree: int,
    noise: float = 0.0,
    preprocessing: str = "none",
) -> float:
    """lim E cos² between a neuron's gradient and the target's subspace after one step of n = δ d^ℓ samples.

    E[|S|²/(|S|² + τ/δ)] with S = c_ℓ/(ℓ−1)! C_ℓ[m̃^(ℓ−1)], m̃ ~ N(0, I). For ℓ = 2 it is one integral,
    1 − A ∫ e^(−At) Π_r (1 + 2s_r²t)^(-1/2) dt with s_r the eigenvalues of C₂ and A = τ/(δ c₂²).

    Parameters
    ----------
    delta : float
        δ > 0.
    degree : int
        ℓ: the lowest degree left in the labels.
    preprocessing : str
        Sets τ; see `noise_power`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If `delta` is not positive, or `degree` is not an integer from 1 to 8.
    """
    target, sigma = as_target(target), as_activation(activation)
    if not 0.0 < delta < math.inf:
        raise ValueError(f"`delta` must be positive and finite; got {delta!r}")
    degree = integer("degree", degree, 1, _DEGREE)
    tau = noise_power(target, sigma, preprocessing, noise=noise) / delta
    C = tensor(hermite_array(target, degree), degree)
    if not visible_degrees(sigma, degree)[degree]:
        return 0.0
    scale = float(activation_moments(sigma, degree).c[degree]) / math.factorial(degree - 1)
    if degree == 2:
        A, s2 = tau / scale**2, np.linalg.eigvalsh(C) ** 2
        value, _ = quad(
            lambda t: math.exp(-t) / math.sqrt(float(np.prod(1.0 + 2.0 * s2 * t / A))), 0.0, np.inf, epsabs=1e-13
        )
        return 1.0 - value
    m, weights = tensor_gauss_hermite(_NODES[target.k], target.k)
    S = np.broadcast_to(scale * C, (len(m), *C.shape))
    for _ in range(degree - 1):
        S = np.einsum("b...i,bi->b...", S, m)
    square = np.sum(S**2, axis=1)
    return float(weights @ (square / (square + tau)))
