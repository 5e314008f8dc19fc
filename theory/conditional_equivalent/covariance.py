"""The equivalent features of inputs with a covariance: x = Σ^(1/2)ξ, tr Σ = d, eigenvalues s_c.

A coordinate of the inputs is of the class of its eigenvalue. With ⟨·⟩ the mean over the spectrum, h = ηg/√N, and
e = E y E σ″:

- neuron (g, q), |Σ^(1/2)w|² = q, has κ² = q⟨s(1 + hes)²⟩ + h²φ₀m_yVar(σ′)⟨s²⟩ and the variances
  v(s) = s[q(1 + hes)² + h²φ₀m_yVar(σ′)s]/κ² of mean one, divided by d for one coordinate;
- degree two: the coordinates ξ_cξ_c′ and (ξ_c² − 1)/√2 have the variances 2 v_c v_c′/d²;
- β̂ and the target's latents meet the classes through a matrix measure, and its symmetric square in degree two:
  ν_uu = [s³μ⋆ + φ₀m_ys²ν]/‖Σ^(1/2)β‖², ν_u⋆ = s²μ⋆/‖Σ^(1/2)β‖, ν_⋆⋆ = sμ⋆, μ⋆ the target's weights, E yz included.

**A neuron's own overlap.** After a step of a single-index target, ρ = ⟨w, Σβ⋆⟩ is a code as well, of variance
⟨…⟩ = ∫s²dμ⋆/d: given w the step adds h(AΣβ⋆ + eΣw), A = Σ_k ρ^k E g^(k+1) E σ^(k+1)/k! and e = Σ_k ρ^k E g^(k) E
σ^(k+2)/k!, and w itself has the mean ρΣβ⋆/|Σβ⋆|². Latents are then ⟨x, Σβ⋆⟩ and, across it, the sampling noise of
⟨x, β⟩; what is left of a neuron has the covariance Σ − Σ^(3/2)β⋆β⋆ᵀΣ^(3/2)/|Σβ⋆|², which has no part along z⋆.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from theory.conditional_equivalent.features import (
    EquivalentFeatures,
    HigherDegree,
    SpecialLayer,
    WithoutPenalty,
    degree_moments,
)
from theory.conditional_equivalent.sample_norm import beta_nodes
from theory.hermite import hermite_coefficients, hermite_polynomials
from theory.quadrature import gauss_hermite, gaussian_nodes
from theory.statement.activation import Activation
from theory.statement.problem import Problem
from theory.step_labels import latent_moments, latent_part, latent_rule, step_labels, step_statistics
from theory.step_matrix import block_lanczos

__all__ = [
    "CovarianceTerms",
    "Krylov",
    "Lengths",
    "MovedNeurons",
    "build_covariance_features",
    "focused_order",
    "krylov",
    "moved_neurons",
    "participation_ratio",
    "slope_statistics",
    "squared_norms",
    "step_parts",
]

_CLASSES = 24  # nodes of the spectrum
_JOINT = 10  # Lanczos steps of the matrix measures
_PAIRS = 24  # classes of pairs
NEGLIGIBLE = 1e-6  # expected number of neurons or samples below which a node is dropped
_NEGLIGIBLE_PRODUCT = 1e-4  # the same where nodes are products of several rules
_ROOT = 4
_EVEN = 1e-4  # variance of the neurons' squared norms below which they are one
_FARTHEST = 6.0  # node of a latent
_SERIES = 6  # powers of a neuron's overlap


@dataclass(frozen=True)
class CovarianceTerms:
    """What of the law is resolved, and how finely.

    Attributes
    ----------
    orders : (int, int)
        Gauss-Hermite nodes for the latent along the step and, with a gaussian second layer, for g.
    degree : {1, 2}
    norms : int
        Nodes of a neuron's squared norm q; 1 for q = 1.
    overlaps : int
        Nodes of a neuron's overlap ρ with the target; 0 leaves it among the coordinates.
    across : int
        Nodes of the noise's latent beside the target's, where ρ is a code.
    gradient_order : {1, 2}
        1 leaves out E y μ₂ Σw.
    aside : bool
        Whether the direction of the step is left out of the classes of coordinates, as a spectrum asks: its class is
        that of one coordinate, which is special.
    tilted : bool
        Whether neurons of large norm are long in directions of large variance, as they are, or in all alike.
    leading : int
        Number of eigenvectors of Σ, of the largest eigenvalues, that are no class of coordinates: they stand apart.
    focus : float
        Width about zero on which the nodes of the latent along the step are dense, as a spectrum of features asks that
        a large step has saturated; 0 for Gauss-Hermite nodes.
    """

    orders: tuple[int, int] = (32, 16)
    degree: int = 2
    norms: int = 3
    overlaps: int = 0
    across: int = 6
    gradient_order: int = 2
    aside: bool = False
    tilted: bool = True
    leading: int = 0
    focus: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """What the JSON contract says of them."""
        return {
            "degree": self.degree,
            "neuron_norms": self.norms > 1,
            "neuron_overlaps": self.overlaps > 0,
            "orders": list(self.orders),
        }


def participation_ratio(eigenvalues: np.ndarray) -> float:
    """(Σ_c s_c)²/Σ_c s_c², the number of directions that the inputs fill.

    Parameters
    ----------
    eigenvalues : ndarray, shape (d,)

    Returns
    -------
    float

    Examples
    --------
    >>> participation_ratio(np.ones(7))
    7.0
    """
    return float(np.sum(eigenvalues) ** 2 / np.sum(eigenvalues**2))


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
class _Frame:
    """Latents of the samples, and the special coordinates on them.

    Attributes
    ----------
    latents, latent_weights : ndarray, shape (S, p) and (S,)
    shown : ndarray, shape (S,)
        ⟨x, β̂⟩.
    overlap : ndarray, shape (k, p)
        Of the target's latents with those of the samples.
    on_latents, on_rest : ndarray, shape (P, S) and (P, k)
        A special direction's value: the first, and the second times ξ, added.
    nodes, weights : ndarray, shape (J,) and (J, P, P)
        Their matrix measure.
    spectrum : ndarray, shape (d,)
        Of the neurons' coordinates.
    over : ndarray, shape (d,)
        Eigenvalues over which a neuron's squared norm is spread.
    """

    latents: np.ndarray
    latent_weights: np.ndarray
    shown: np.ndarray
    overlap: np.ndarray
    on_latents: np.ndarray
    on_rest: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    spectrum: np.ndarray
    over: np.ndarray


def build_covariance_features(problem: Problem, terms: CovarianceTerms) -> EquivalentFeatures:
    """The equivalent features of a problem whose inputs have a covariance.

    Parameters
    ----------
    problem : Problem
    terms : CovarianceTerms

    Returns
    -------
    EquivalentFeatures
    """
    return _built(WithoutPenalty(problem), terms)


@lru_cache(maxsize=24)
def _built(of: WithoutPenalty, terms: CovarianceTerms) -> EquivalentFeatures:
    problem = of.problem
    step, d = step_statistics(problem), problem.d
    still = problem.step_size == 0.0
    moved = moved_neurons(problem, terms)
    frame, neurons, profile = moved.frame, moved.neurons, moved.profile
    s = frame.spectrum
    nodes, weights = _scalar_rule(s, np.full(len(s), 1.0 / len(s)), _CLASSES)
    # all pairs, in which the leading eigenvectors are few among many
    pairs, shares = _pairs(profile(nodes), weights, d) if terms.degree == 2 else (nodes, weights)
    if terms.leading:
        s = np.sort(problem.eigenvalues)[: d - terms.leading]
        nodes, weights = _scalar_rule(s, np.full(len(s), 1.0 / d), _CLASSES)
    m, A, B = _moments(of, replace(terms, degree=2, aside=False, leading=0))
    if terms.degree == 1:
        A, B = A[:1], B + A[1] ** 2
    if problem.centered:
        m = m - hermite_coefficients(problem.sigma, 0)[0]
    y1, y2, t = latent_moments(problem, frame.latents, frame.overlap)
    functions, layers, higher = [t], [_first_layer(frame, profile)], []
    if terms.degree == 2:
        functions.append(latent_part(problem, frame.latents, 2, frame.overlap))
        dimension = 0.5 * d * (d + 1)
        nothing = np.zeros((len(m), 0))
        higher.append(HigherDegree(2, dimension, A[1], pairs, shares, nothing))
        layers.append(_second_layer(frame, profile(frame.nodes) * math.sqrt((d + 1) / d)))
    count = 1 + sum(of.shape[1] for of in functions)
    return EquivalentFeatures(
        n=float(problem.n),
        d=float(d),
        u=frame.shown,
        latent_weights=frame.latent_weights,
        g=neurons.g,
        neurons=problem.width * neurons.shares,
        m=m,
        A=A[0],
        B=B,
        profile=profile(nodes),
        profile_weights=weights,
        joint_profile=layers[0].profile,
        joint_weights=layers[0].weights,
        y1=y1,
        y2=y2,
        t=np.concatenate(functions, axis=1),
        step=step,
        sharp_right=still and terms.norms == 1,
        sharp_left=still and terms.norms == 1,
        higher=tuple(higher),
        special=tuple(_widened(layer, count) for layer in layers),
    )


@lru_cache(maxsize=24)
def _moments(of: WithoutPenalty, terms: CovarianceTerms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m, A_k and B at the nodes of the terms, which coordinates left out of the classes do not change."""
    moved = moved_neurons(of.problem, terms)
    tau = moved.frame.latents @ moved.neurons.pull.T
    return degree_moments(of.problem.sigma, tau, np.sqrt(moved.kappa2), terms.degree)


@dataclass(frozen=True, eq=False)
class MovedNeurons:
    """Neurons after the step, and the latents of samples that see them.

    Attributes
    ----------
    frame, neurons
    kappa2 : ndarray, shape (Q,)
        κ², the variance of what of a pre-activation is not along the latents.
    """

    frame: _Frame
    neurons: Neurons
    kappa2: np.ndarray
    _spread: Lengths

    def lengths(self, nodes: np.ndarray) -> np.ndarray:
        """d E[w_c²] of what is no code, at eigenvalues (J,); shape (J, Q)."""
        return self._spread(nodes)

    def moved(self, nodes: np.ndarray) -> np.ndarray:
        """s(1 + hes)² d E[w_c²] at eigenvalues (J,); shape (J, Q)."""
        return nodes[:, None] * (1.0 + np.multiply.outer(nodes, self.neurons.bend)) ** 2 * self._spread(nodes)

    def profile(self, nodes: np.ndarray) -> np.ndarray:
        """v(b, s) of mean one over the spectrum, at eigenvalues (J,); shape (J, Q)."""
        return (self.moved(nodes) + np.multiply.outer(nodes**2, self.neurons.noise)) / self.kappa2


def moved_neurons(problem: Problem, terms: CovarianceTerms) -> MovedNeurons:
    """The codes of a problem's neurons and the latents of its samples.

    Parameters
    ----------
    problem : Problem
    terms : CovarianceTerms

    Returns
    -------
    MovedNeurons
    """
    return _moved(WithoutPenalty(problem), terms)


@lru_cache(maxsize=24)
def _moved(of: WithoutPenalty, terms: CovarianceTerms) -> MovedNeurons:
    problem = of.problem
    fine = (terms.orders[1], terms.norms)
    if terms.overlaps and problem.step_size > 0.0:
        frame = _overlap_frame(problem, terms)
        neurons = overlap_neurons(problem, *fine, terms.overlaps, terms.gradient_order)
    else:
        frame, neurons = _plain_frame(problem, terms), plain_neurons(problem, *fine, terms.gradient_order)
    least = NEGLIGIBLE if frame.latents.shape[1] == 1 else _NEGLIGIBLE_PRODUCT
    neurons = neurons[problem.width * neurons.shares > least]
    moved = MovedNeurons(
        frame, neurons, np.ones(len(neurons.g)), Lengths(frame.over, neurons.q, neurons.shares, terms.tilted)
    )
    # the part of the step's noise along the direction that ρ codes, one coordinate's, is left out
    kappa2 = np.mean(moved.moved(frame.over), axis=0) + neurons.noise * float(np.mean(frame.over**2))
    return replace(moved, kappa2=kappa2)


def _widened(layer: SpecialLayer, count: int) -> SpecialLayer:
    """The layer with zeros on the functions of ξ that its degree does not meet."""
    P, F, S = layer.chi.shape
    chi = np.concatenate([layer.chi, np.zeros((P, count - F, S))], axis=1)
    return SpecialLayer(chi, layer.profile, layer.weights)


# Latents --------------------------------------------------------------------------------------------------------------


def _plain_frame(problem: Problem, terms: CovarianceTerms) -> _Frame:
    """The latent ⟨x, β̂⟩ alone; û and the ξ̂ are special coordinates."""
    step, s, W = step_statistics(problem), problem.eigenvalues, problem.directions
    k, d = W.shape
    u, omega = trimmed(*gauss_hermite(terms.orders[0]), problem.n)
    root = math.sqrt(step.beta_norm2)
    signal = (step.linear @ W) * s**1.5
    directions = np.concatenate([(signal / root)[None], W * np.sqrt(s)])  # (1 + k, d)
    masses = directions.T[:, :, None] * directions.T[:, None, :]
    masses[:, 0, 0] += problem.phi0 * step.label_power * s**2 / (d * step.beta_norm2)
    e = step.overlap
    turn = np.eye(1 + k)
    turn[1:, 0] = -e
    values, vectors = np.linalg.eigh(np.eye(k) - np.outer(e, e))
    turn[1:] = (vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T @ turn[1:]
    nodes, weights = _matrix_rule(s, turn @ masses @ turn.T, max(4, _JOINT * 2 // (1 + k)))
    on_latents = np.zeros((1 + k, len(u)))
    on_latents[0] = u
    on_rest = np.concatenate([np.zeros((1, k)), np.eye(k)])
    spectrum = _across(s, signal) if terms.aside and signal.any() else s
    return _Frame(u[:, None], omega, u, e[:, None], on_latents, on_rest, nodes, weights, spectrum, s)


def _across(s: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Eigenvalues of diag(s) across a direction, and one zero."""
    unit = direction / np.linalg.norm(direction)
    project = np.eye(len(s)) - np.outer(unit, unit)
    return np.maximum(np.linalg.eigvalsh((project * s) @ project), 0.0)


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


def _overlap_frame(problem: Problem, terms: CovarianceTerms) -> _Frame:
    """Latents l along Σβ⋆ and n along the step's sampling noise; special coordinates n̂ and, in the plane of l and ξ,
    l̃ = √(1 − c²) l − cξ, across z⋆ = cl + √(1 − c²) ξ, along which nothing is left of a neuron of code ρ."""
    of = krylov(problem)
    line, weights = gauss_hermite(terms.orders[0]) if terms.focus == 0.0 else _focused(terms.orders[0], terms.focus)
    across, shares = gauss_hermite(terms.across)
    latents = np.column_stack([np.repeat(line, len(across)), np.tile(across, len(line))])
    signal, noise = step_parts(problem)
    if terms.focus > 0.0:  # nodes along ⟨x, β⟩ and across it
        turn = np.array([[signal, noise], [-noise, signal]]) / math.hypot(signal, noise)
        latents = latents @ turn
    omega = np.outer(weights, shares).ravel()
    kept = problem.n * omega > _NEGLIGIBLE_PRODUCT
    latents, omega = latents[kept], omega[kept] / omega[kept].sum()
    shown = latents @ np.array([signal, noise]) / math.hypot(signal, noise)
    c = min(of.M2 / math.sqrt(of.M3), 1.0)
    rest = math.sqrt(1.0 - c**2)
    on_latents = np.stack([latents[:, 1], rest * latents[:, 0]])
    of_noise, noise_weights = _scalar_rule(of.spectrum, of.noise, _JOINT)
    if of.masses.any():
        of_rest, rest_weights = _scalar_rule(of.spectrum, of.masses, _JOINT)
    else:
        of_rest, rest_weights = np.zeros(1), np.zeros(1)
    joint = np.zeros((len(of_noise) + len(of_rest), 2, 2))
    joint[: len(of_noise), 0, 0] = noise_weights
    joint[len(of_noise) :, 1, 1] = rest_weights
    return _Frame(
        latents,
        omega,
        shown,
        np.array([[c, 0.0]]),
        on_latents,
        np.array([[0.0], [-c]]),
        np.concatenate([of_noise, of_rest]),
        joint,
        _across(problem.eigenvalues, problem.eigenvalues**1.5 * problem.directions[0]) if terms.aside else of.spectrum,
        of.spectrum,
    )


def focused_order(width: float, spacing: float) -> int:
    """Nodes of the rule that is dense about zero, of a spacing in t: its error is exp(−π²/(2·spacing)).

    Parameters
    ----------
    width, spacing : float

    Returns
    -------
    int
    """
    return 1 + math.ceil(2.0 * math.asinh(_FARTHEST / width) / spacing)


def _focused(order: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of N(0, 1), dense about zero: the trapezoid rule in t, u = width sinh t."""
    t = np.linspace(-1.0, 1.0, order) * math.asinh(_FARTHEST / width)
    u = width * np.sinh(t)
    weights = np.exp(-0.5 * u**2) * np.cosh(t)
    return u, weights / weights.sum()


# Neurons --------------------------------------------------------------------------------------------------------------


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


# Classes of coordinates -----------------------------------------------------------------------------------------------


def _scalar_rule(x: np.ndarray, masses: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of a measure on points, of as many nodes as there are different points at most."""
    order = np.argsort(x)
    x, masses = x[order], masses[order]
    new = np.concatenate([[True], np.diff(x) > 1e-12 * (1.0 + x[1:])])
    group = np.cumsum(new) - 1
    masses, x = np.bincount(group, masses), x[new]
    seen = masses > 1e-15 * masses.sum()
    x, masses = x[seen], masses[seen]
    if len(x) <= count:
        return x, masses
    nodes, weights = _matrix_rule(x, masses[:, None, None] / masses.sum(), count)
    return nodes, weights[:, 0, 0] * masses.sum()


def _matrix_rule(x: np.ndarray, masses: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of a positive matrix measure on points x ≥ 0 for polynomials in x^(1/4).

    Spectra reach over decades: in the root small eigenvalues, which are many, have nodes too, and the moments of x
    itself are among those that the rule has.
    """
    nodes, weights = block_lanczos(np.maximum(x, 0.0) ** (1.0 / _ROOT), masses, min(steps, len(x)))
    return np.maximum(nodes, 0.0) ** _ROOT, weights


def _pairs(profile: np.ndarray, weights: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes of pairs of coordinates for variances v (J, Q) with shares (J,): D times 2 v_c v_c′/d², and shares."""
    i, j = np.triu_indices(len(weights))
    count = d**2 * weights[i] * weights[j] * np.where(i == j, 0.5, 1.0) + 0.5 * d * np.where(i == j, weights[i], 0.0)
    dimension = 0.5 * d * (d + 1)
    pairs = profile[i] * profile[j] * (2.0 * dimension / d**2)
    return _condensed(pairs, count / dimension, _PAIRS)


def _condensed(profile: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes at the nodes of the Gauss rule of their mean variance.

    The masses of a Gauss rule cut the measure into as many pieces, of which each holds its node: a piece's ratio of
    variances between codes is that of its node.
    """
    size = profile.mean(axis=1)
    order = np.argsort(size)
    profile, weights, size = profile[order], weights[order], size[order]
    nodes, shares = _scalar_rule(size, weights, count)
    if len(nodes) == len(size):
        return profile, weights
    ends = np.concatenate([[0.0], np.cumsum(shares)])
    through = np.concatenate([[0.0], np.cumsum(weights)])
    moments = np.concatenate([np.zeros((1, profile.shape[1])), np.cumsum(weights[:, None] * profile, axis=0)])
    at_ends = np.array([np.interp(ends, through, column) for column in moments.T]).T
    means = np.diff(at_ends, axis=0)
    mean = means.mean(axis=1, keepdims=True)
    # no coordinate varies in a piece of mean zero
    ratio = np.divide(means, mean, out=np.ones_like(means), where=mean > 1e-14 * mean.max())
    return ratio * nodes[:, None], shares


def _first_layer(frame: _Frame, profile: Callable[[np.ndarray], np.ndarray]) -> SpecialLayer:
    chi = np.stack([frame.on_latents, *(np.outer(row, np.ones(len(frame.latents))) for row in frame.on_rest.T)], axis=1)
    return SpecialLayer(chi, profile(frame.nodes), frame.weights)


def _second_layer(frame: _Frame, profile: np.ndarray) -> SpecialLayer:
    """Products of two special directions on the functions 1, ξ_c and he_α(ξ), |α| = 2, of their latents."""
    P, k = frame.on_rest.shape
    S = len(frame.latents)
    picks = list(itertools.combinations_with_replacement(range(P), 2))
    indices = [alpha for alpha in itertools.product(range(3), repeat=k) if sum(alpha) == 2]
    chi = np.zeros((len(picks), 1 + k + len(indices), S))
    for row, (i, j) in zip(chi, picks, strict=True):
        p, r = frame.on_latents[[i, j]], frame.on_rest[[i, j]]
        row[0] = p[0] * p[1] + r[0] @ r[1] - (i == j)
        row[1 : 1 + k] = np.outer(r[1], p[0]) + np.outer(r[0], p[1])
        for column, alpha in enumerate(indices, start=1 + k):
            a, b = [c for c, power in enumerate(alpha) for _ in range(power)]
            row[column] = math.sqrt(2.0) * r[0][a] * r[1][a] if a == b else r[0][a] * r[1][b] + r[0][b] * r[1][a]
        row *= math.sqrt(0.5) if i == j else 1.0
    one, other = np.triu_indices(len(frame.nodes))
    left, right = frame.weights[one], frame.weights[other]
    weights = np.zeros((len(one), len(picks), len(picks)))
    for x, (i, j) in enumerate(picks):
        for y, (a, b) in enumerate(picks):
            scale = (0.5 if i == j else math.sqrt(0.5)) * (0.5 if a == b else math.sqrt(0.5))
            for first, second in ((left, right), (right, left)):
                weights[:, x, y] += scale * (
                    first[:, i, a] * second[:, j, b]
                    + first[:, i, b] * second[:, j, a]
                    + first[:, j, a] * second[:, i, b]
                    + first[:, j, b] * second[:, i, a]
                )
    weights[one == other] *= 0.5
    return SpecialLayer(chi, profile[one] * profile[other], weights)
