"""Neurons of inputs with a covariance: their norms, their overlap with the target, and what the step makes of both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theory.conditional_equivalent.sample_norm import beta_nodes
from theory.hermite import hermite_polynomials
from theory.quadrature import gauss_hermite, gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.problem import Problem
from theory.step_labels import latent_rule, step_labels, step_statistics

__all__ = [
    "NEGLIGIBLE",
    "Krylov",
    "Lengths",
    "Neurons",
    "krylov",
    "overlap_neurons",
    "plain_neurons",
    "slope_statistics",
    "squared_norms",
    "step_parts",
    "trimmed",
]

NEGLIGIBLE = 1e-6  # expected number of neurons or samples below which a node is dropped
_EVEN = 1e-4  # variance of the neurons' squared norms below which they are one
_SERIES = 6  # powers of a neuron's overlap


@dataclass(frozen=True, eq=False)
class Neurons:
    """Codes with all that a neuron is made of.

    Attributes
    ----------
    shares : ndarray, shape (Q,)
    g, h : ndarray, shape (Q,)
        Code of the second layer and ηg/√N.
    q : ndarray, shape (Q,)
        Squared norm of what of Σ^(1/2)w is no code.
    bend : ndarray, shape (Q,)
        he, the step's part along Σw.
    noise : ndarray, shape (Q,)
        h²φ₀m_yVar(σ′).
    pull : ndarray, shape (Q, p)
        Pre-activation for each unit of the p latents.
    overlap : ndarray, shape (Q,)
        ρ, zero where it is no code.
    norm : ndarray, shape (Q,)
        |Σ^(1/2)w|², the part along ρ included.
    """

    shares: np.ndarray
    g: np.ndarray
    h: np.ndarray
    q: np.ndarray
    bend: np.ndarray
    noise: np.ndarray
    pull: np.ndarray
    overlap: np.ndarray
    norm: np.ndarray

    def __getitem__(self, kept: np.ndarray) -> Neurons:
        """Some of them, of shares that sum to one."""
        columns = (self.g, self.h, self.q, self.bend, self.noise, self.pull, self.overlap, self.norm)
        return Neurons(self.shares[kept] / self.shares[kept].sum(), *(column[kept] for column in columns))


@dataclass(frozen=True, eq=False)
class Krylov:
    """Moments and spectral measures of Σ on the target's direction t₀ = Σ^(1/2)β⋆ and t₁ = Σt₀.

    Attributes
    ----------
    M2, M3, M4 : float
        t₀ᵀΣt₀, t₁ᵀt₁ and t₁ᵀΣt₁: ∫s^k dμ⋆.
    spectrum : ndarray, shape (d,)
        Eigenvalues of Σ′ = Σ − t₁t₁ᵀ/M2, the covariance of √d Σ^(1/2)w given ρ.
    masses : ndarray, shape (d,)
        Spectral measure of Σ′ on the unit vector along t₁ across t₀; zero where t₀ is an eigenvector.
    noise : ndarray, shape (d,)
        Spectral measure of Σ′ on the sampling noise of Σ^(1/2)β, of covariance proportional to Σ², across t₁.
    across, along : float
        Variance of that noise over φ₀m_y, across t₁ and along it.
    """

    M2: float
    M3: float
    M4: float
    spectrum: np.ndarray
    masses: np.ndarray
    noise: np.ndarray
    across: float
    along: float


@lru_cache(maxsize=32)
def krylov(problem: Problem) -> Krylov:
    """The moments and measures of Σ on the directions of a single-index target; see `Krylov`.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Krylov
    """
    s = problem.eigenvalues
    t0 = np.sqrt(s) * problem.directions[0]
    t1 = s * t0
    M2, M3, M4 = float(t0 @ t1), float(t1 @ t1), float(t1 @ (s * t1))
    values, vectors = np.linalg.eigh(np.diag(s) - np.outer(t1, t1) / M2)
    beyond = t1 - (t1 @ t0) * t0
    size = float(np.linalg.norm(beyond))
    masses = (vectors.T @ beyond / size) ** 2 if size > 1e-6 * math.sqrt(M3) else np.zeros(len(s))
    unit = t1 / math.sqrt(M3)
    noise = s**2 @ (vectors - np.outer(unit, unit @ vectors)) ** 2
    across, along = float(noise.sum()), float(s**2 @ unit**2)
    d = len(s)
    return Krylov(M2, M3, M4, np.maximum(values, 0.0), masses, noise / across, across / d, along / d)


def _codes(problem: Problem, order: int) -> tuple[np.ndarray, np.ndarray]:
    if problem.step_size == 0.0:
        return np.zeros(1), np.ones(1)
    return trimmed(*problem.law_of_a.nodes(order), problem.width)


def trimmed(nodes: np.ndarray, weights: np.ndarray, count: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of a rule without those that stand for less than 1e-6 of `count` samples or neurons.

    Parameters
    ----------
    nodes, weights : ndarray, shape (S,)
    count : float

    Returns
    -------
    nodes, weights : ndarray
        The weights of sum one.
    """
    kept = count * weights > NEGLIGIBLE
    return nodes[kept], weights[kept] / weights[kept].sum()


def squared_norms(spectrum: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of Σ_c s_c w_c² for w uniform on the sphere of their dimension, in units of its mean.

    It lies between the least and the largest eigenvalue: the beta law on them of the mean and the variance that it has,
    which is its law where there are two eigenvalues.

    Parameters
    ----------
    spectrum : ndarray, shape (d,)
    order : int

    Returns
    -------
    nodes, weights : ndarray, shape (order,) or (1,)
    """
    d, mean = len(spectrum), float(np.mean(spectrum))
    spread = 2.0 * (float(np.mean(spectrum**2)) / mean**2 - 1.0) / (d + 2)
    if order == 1 or spread < _EVEN:
        return np.ones(1), np.ones(1)
    low, high = float(spectrum.min()) / mean, float(spectrum.max()) / mean
    place = (1.0 - low) / (high - low)
    size = place * (1.0 - place) * (high - low) ** 2 / spread - 1.0
    t, weights = beta_nodes(place * size, (1.0 - place) * size, order)
    return low + (high - low) * t, weights


@lru_cache(maxsize=512)
def slope_statistics(sigma: Activation, q: float, degree: int) -> tuple[tuple[float, ...], float]:
    """E σ^(k)(√q Z) for k = 1 … degree, and Var σ′(√q Z).

    Parameters
    ----------
    sigma : Activation
    q : float
    degree : int

    Returns
    -------
    means : tuple of float
    variance : float
    """
    root = math.sqrt(q)
    z, weights = gaussian_nodes(tuple(kink / root for kink in sigma.kinks))
    slope = sigma.slope(root * z)
    he = hermite_polynomials(z, degree - 1)
    means = tuple(float(weights @ (slope * he[k])) / root**k for k in range(degree))
    return means, float(weights @ (slope - means[0]) ** 2)


class Lengths:
    """d E[w_c²] given a neuron's squared norm q: 1/(μ + θs_c), of mean 1 and of mean q with the weights s_c.

    Directions of large variance are long in neurons of large norm. This is the law of the largest entropy, which the
    law of w given q approaches.

    Parameters
    ----------
    spectrum : ndarray, shape (d,)
    q, shares : ndarray, shape (Q,)
        Squared norms and what share of neurons has them.
    tilted : bool
        False for neurons that are longer in all directions alike.
    """

    def __init__(self, spectrum: np.ndarray, q: np.ndarray, shares: np.ndarray, tilted: bool = True) -> None:
        self.shares = shares if tilted else None
        if not tilted:
            self.tilt, self.size = np.zeros(len(q)), q / spectrum.mean()
            return
        top = float(spectrum.max())
        tilts = {}
        for value in np.unique(q):
            tilts[value] = 0.0 if abs(value / spectrum.mean() - 1.0) < 1e-12 else _tilt(spectrum / top, value / top)
        tilt = np.array([tilts[value] for value in q]) / top
        self.tilt = tilt
        self.size = 1.0 / np.mean(1.0 / (1.0 + np.multiply.outer(spectrum, tilt)), axis=0)

    def __call__(self, nodes: np.ndarray) -> np.ndarray:
        """At eigenvalues (J,), shape (J, Q)."""
        length = self.size / (1.0 + np.multiply.outer(nodes, self.tilt))
        # few nodes of q leave the mean over neurons off one by more than the law of q given w allows
        return length if self.shares is None else length / (length @ self.shares)[:, None]


def _tilt(s: np.ndarray, q: float) -> float:
    """t with ⟨s/(1 + ts)⟩ = q⟨1/(1 + ts)⟩ for eigenvalues of largest value one, 1 + ts of one sign on all of them.

    q falls from the largest eigenvalue to their harmonic mean as t rises from −1, and from there to the least one as t
    comes back from −∞.
    """
    from scipy.optimize import brentq  # half a second to import

    least = float(s.min())

    def above(log: float) -> float:
        weights = 1.0 / (1.0 + (math.exp(log) - 1.0) * s)
        return float(np.mean(s * weights) / np.mean(weights)) - q

    def below(pole: float) -> float:
        weights = 1.0 / (s - pole)
        return float(np.mean(s * weights) / np.mean(weights)) - q

    low, high = math.log(1e-9), math.log(1e9)
    if above(low) > 0.0 > above(high):
        return math.exp(brentq(above, low, high, xtol=1e-12)) - 1.0
    first, last = 1e-9 * least, (1.0 - 1e-9) * least
    if least > 0.0 and below(first) > 0.0 > below(last):
        return -1.0 / brentq(below, first, last, xtol=1e-15)
    raise ArithmeticError(
        f"no neuron has the squared norm {q:.3g} of the largest eigenvalue; the covariance has too few eigenvalues "
        "for a law of the neurons' norms"
    )


def plain_neurons(problem: Problem, order: int, norms: int, gradient_order: int) -> Neurons:
    """Neurons of codes (g, q).

    Parameters
    ----------
    problem : Problem
    order, norms : int
        Nodes of g and of q.
    gradient_order : {1, 2}

    Returns
    -------
    Neurons
    """
    step, s = step_statistics(problem), problem.eigenvalues
    g, p = _codes(problem, order)
    q, share = squared_norms(s, norms)
    g, q = np.repeat(g, len(q)), np.tile(q, len(g))
    shares = np.outer(p, share).ravel()
    h = problem.step_size * g / math.sqrt(problem.width)
    slopes = [slope_statistics(problem.sigma, float(value), 2) for value in q]
    first, second = np.array([means for means, _ in slopes]).T
    spread = np.array([variance for _, variance in slopes])
    mean = step.label_mean if gradient_order == 2 else 0.0
    return Neurons(
        shares,
        g,
        h,
        q,
        h * mean * second,
        h**2 * problem.phi0 * step.label_power * spread,
        (h * first * math.sqrt(step.beta_norm2))[:, None],
        np.zeros(len(g)),
        q,
    )


def overlap_neurons(problem: Problem, order: int, norms: int, overlaps: int, gradient_order: int) -> Neurons:
    """Neurons of codes (g, q, ρ).

    Parameters
    ----------
    problem : Problem
        Of a single-index target, with a step.
    order, norms, overlaps : int
        Nodes of g, of q and of ρ.
    gradient_order : {1, 2}

    Returns
    -------
    Neurons
    """
    step, of, d = step_statistics(problem), krylov(problem), problem.d
    g, p = _codes(problem, order)
    q, share = squared_norms(of.spectrum, norms)
    rho, odds = gauss_hermite(overlaps)
    rho = rho * math.sqrt(of.M2 / d)
    g, q, rho = (axis.ravel() for axis in np.meshgrid(g, q, rho, indexing="ij"))
    shares = np.einsum("i,j,k->ijk", p, share, odds).ravel()
    h = problem.step_size * g / math.sqrt(problem.width)
    q = q * float(np.mean(of.spectrum))
    whole = q + rho**2 * of.M3 / of.M2**2
    labels = _label_coefficients(problem)
    along, bend, first, spread = np.empty((4, len(g)))
    for b, (norm, overlap) in enumerate(zip(whole, rho, strict=True)):
        means, spread[b] = slope_statistics(problem.sigma, float(norm), _SERIES + 2)
        powers = [overlap**k / math.factorial(k) for k in range(_SERIES)]
        first[b] = means[0]
        along[b] = sum(power * labels[k + 1] * means[k] for k, power in enumerate(powers))
        bend[b] = sum(power * labels[k] * means[k + 1] for k, power in enumerate(powers))
    if gradient_order == 1:
        along, bend = labels[1] * first, np.zeros(len(g))
    bend = h * bend
    signal, across = step_parts(problem)
    common = signal - float(step.linear[0]) * math.sqrt(of.M3)
    own = rho / of.M2 * (math.sqrt(of.M3) + bend * of.M4 / math.sqrt(of.M3))
    shift = own + h * (along * math.sqrt(of.M3) + first * common)
    noise = h * first * across
    scatter = h**2 * problem.phi0 * step.label_power * spread
    return Neurons(shares, g, h, q, bend, scatter, np.column_stack([shift, noise]), rho, whole)


def step_parts(problem: Problem) -> tuple[float, float]:
    """The parts of Σ^(1/2)β along t₁, sampling noise included by its mean square, and across.

    Parameters
    ----------
    problem : Problem
        Of a single-index target.

    Returns
    -------
    along, across : float
    """
    step, of = step_statistics(problem), krylov(problem)
    power = problem.phi0 * step.label_power
    mean = float(step.linear[0]) * math.sqrt(of.M3)
    return math.copysign(math.sqrt(mean**2 + power * of.along), mean), math.sqrt(power * of.across)


def _label_coefficients(problem: Problem) -> np.ndarray:
    """E[y He_k(z)] of the step's label, k = 0 … `_SERIES`."""
    labels = step_labels(problem)
    z, weights, g = latent_rule(labels.target)
    return hermite_polynomials(z[:, 0], _SERIES) @ (weights * (g - labels.start))
