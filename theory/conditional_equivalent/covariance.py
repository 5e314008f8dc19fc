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

from theory.conditional_equivalent.coordinates import Coordinates, coordinates
from theory.conditional_equivalent.covariance_degrees import share_on_few, tuple_classes
from theory.conditional_equivalent.covariance_neurons import (
    NEGLIGIBLE,
    Lengths,
    Neurons,
    krylov,
    overlap_neurons,
    plain_neurons,
    step_parts,
    trimmed,
)
from theory.conditional_equivalent.features import (
    EquivalentFeatures,
    HigherDegree,
    SpecialLayer,
    WithoutPenalty,
    degree_moments,
)
from theory.conditional_equivalent.large_entries import FittedParts, LargeEntries, fitted_parts
from theory.hermite import hermite_coefficients
from theory.quadrature import gauss_hermite
from theory.statement.problem import Problem
from theory.step_labels import latent_moments, latent_part, step_statistics
from theory.step_matrix import block_lanczos

__all__ = [
    "CovarianceTerms",
    "MovedNeurons",
    "build_covariance_features",
    "focused_order",
    "moved_neurons",
    "participation_ratio",
    "saturated_share",
]

_CLASSES = 24  # nodes of the spectrum
_JOINT = 10  # Lanczos steps of the matrix measures
_PAIRS = 24  # classes of pairs
_TUPLE_CLASSES = 10  # nodes of the spectrum of which tuples are made
_HIGHEST = 4  # degree that a spectrum resolves
_SHOWN = 0.004  # share of the features' mean square on few coordinates from which it does
_RANK = 1e-9  # singular values of A, of the largest, that are rounding
_NEGLIGIBLE_PRODUCT = 1e-4  # samples or neurons below which a node is dropped where nodes are products of several rules
_ROOT = 4
_FARTHEST = 6.0  # node of a latent


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
    pulls : int
        Nodes of what the code of a neuron leaves open of its pull along ⟨x, Σβ⋆⟩, where ρ is a code; 1 to count that
        with the noise.
    entries : bool
        Whether an entry counts for no more than its row and column, and degrees are what most entries have of them, as
        the spectrum of saturated features asks: see `theory.conditional_equivalent.large_entries`.
    spectral : bool
        Whether degrees above the second are met as coordinates where few of these hold much, as a spectrum without a
        step asks: see `theory.conditional_equivalent.covariance_degrees`.
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
    pulls: int = 1
    entries: bool = False
    spectral: bool = False

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
    above = _degrees_above(of, terms)
    # all pairs, in which the leading eigenvectors are few among many
    pairs, shares = _pairs(profile(nodes), weights, d) if terms.degree == 2 else (nodes, weights)
    if terms.leading:
        s = np.sort(problem.eigenvalues)[: d - terms.leading]
        nodes, weights = _scalar_rule(s, np.full(len(s), 1.0 / d), _CLASSES)
    entries: LargeEntries | None = None
    if terms.entries:
        fit = _fit(of, terms)
        m, A, B, entries = fit.m, fit.A, fit.B, fit.entries
    else:
        m, A, B = _moments(of, _of_moments(terms))
        if terms.degree == 1:
            A, B = A[:1], B + A[1] ** 2
        for part in above:
            B = np.maximum(B - (part.a @ part.v.T) ** 2, 0.0)
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
        entries=entries,
        beyond=above,
    )


def _degrees_above(of: WithoutPenalty, terms: CovarianceTerms) -> tuple[Coordinates, ...]:
    """The coordinates of degrees above the second of which few hold a share of the features that a spectrum shows."""
    if not terms.spectral or of.problem.step_size > 0.0:
        return ()
    moved, problem = moved_neurons(of.problem, terms), of.problem
    s, neurons = moved.frame.spectrum, problem.width * moved.neurons.shares
    nodes, weights = _scalar_rule(s, np.full(len(s), 1.0 / len(s)), _TUPLE_CLASSES)
    tau = moved.frame.latents @ moved.neurons.pull.T
    _, A, B = degree_moments(problem.sigma, tau, np.sqrt(moved.kappa2), _HIGHEST)
    rows, total = moved.frame.latent_weights, float(np.mean(np.sum(A**2, axis=0) + B))
    found = []
    for degree in range(3, _HIGHEST + 1):
        held = float(np.mean(A[degree - 1] ** 2)) / total
        if held < _SHOWN:  # no share of it is enough
            continue
        dimension, profile, shares = tuple_classes(moved.profile(nodes), weights, problem.d, degree)
        if held * share_on_few(profile, shares, dimension, 0.1 * min(problem.n, problem.width)) > _SHOWN:
            found.append(
                coordinates(
                    A[degree - 1],
                    rows,
                    neurons,
                    degree=degree,
                    dimension=dimension,
                    profile=profile,
                    weights=shares,
                    least=_RANK,
                )
            )
    return tuple(found)


def _of_moments(terms: CovarianceTerms) -> CovarianceTerms:
    return replace(terms, degree=2, aside=False, leading=0, entries=False, spectral=False)


@lru_cache(maxsize=24)
def _moments(of: WithoutPenalty, terms: CovarianceTerms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m, A_k and B at the nodes of the terms, which coordinates left out of the classes do not change."""
    moved = moved_neurons(of.problem, terms)
    tau = moved.frame.latents @ moved.neurons.pull.T
    return degree_moments(of.problem.sigma, tau, np.sqrt(moved.kappa2), terms.degree)


def _fit(of: WithoutPenalty, terms: CovarianceTerms) -> FittedParts:
    moved, problem = moved_neurons(of.problem, terms), of.problem
    tau = moved.frame.latents @ moved.neurons.pull.T
    return fitted_parts(problem.sigma, tau, np.sqrt(moved.kappa2), terms.degree, min(problem.n, problem.width))


def saturated_share(problem: Problem, terms: CovarianceTerms) -> float:
    """Share of samples whose row of features has half of its mean square, or more, from a few large entries.

    Parameters
    ----------
    problem : Problem
    terms : CovarianceTerms

    Returns
    -------
    float
    """
    of = WithoutPenalty(problem)
    moved = moved_neurons(problem, terms)
    _, A, B = _moments(of, _of_moments(terms))
    shares = moved.neurons.shares
    rows, most = (np.sum(A**2, axis=0) + B) @ shares, _fit(of, terms).strength @ shares
    return float(moved.frame.latent_weights[most < 0.5 * rows].sum())


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
    moved = replace(moved, kappa2=kappa2)
    return _pulled(problem, moved, terms) if terms.pulls > 1 and terms.overlaps else moved


def _pulled(problem: Problem, moved: MovedNeurons, terms: CovarianceTerms) -> MovedNeurons:
    """Neurons with what is left of their pull along l as a code, and no part of κ²: that of l̃ = √(1 − c²) l − cξ."""
    of, neurons = krylov(problem), moved.neurons
    along = max(1.0 - of.M2**2 / of.M3, 0.0)
    spread = along * (of.masses @ (moved.profile(of.spectrum) * moved.kappa2)) / problem.d
    x, odds = gauss_hermite(terms.pulls)
    each = np.repeat(np.arange(len(neurons.g)), len(x))
    shift = np.tile(x, len(neurons.g)) * np.sqrt(spread[each])
    several = neurons[each]
    several = replace(
        several,
        shares=neurons.shares[each] * np.tile(odds, len(neurons.g)),
        pull=several.pull + np.outer(shift, [1.0, 0.0]),
    )
    lengths = Lengths(moved.frame.over, several.q, several.shares, terms.tilted)
    return MovedNeurons(moved.frame, several, (moved.kappa2 - spread)[each], lengths)


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
