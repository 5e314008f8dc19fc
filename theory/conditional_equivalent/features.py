"""The equivalent features: mean, linear part and variance of a feature given its sample's latent and neuron's code."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np

from theory.blocked_products import product
from theory.conditional_equivalent.amplified_directions import (
    amplified_outliers,
    bulk_measure,
    coordinate_variance,
)
from theory.conditional_equivalent.amplified_rules import amplified_codes, latent_nodes, overlap_nodes, rest_nodes
from theory.conditional_equivalent.coordinates import Coordinates, coordinates, degree_dimension
from theory.conditional_equivalent.large_entries import LargeEntries
from theory.conditional_equivalent.motion import Motion, motion
from theory.conditional_equivalent.neuron_norms import norm_given_overlaps, norm_rule, norm_variance
from theory.conditional_equivalent.noise_law import VarianceProfiles, norms_after, profile_at, variance_profiles
from theory.conditional_equivalent.sample_norm import norm_nodes
from theory.hermite import gaussian_distribution, hermite_coefficients, hermite_polynomials, slope_moments
from theory.quadrature import gauss_hermite, tensor_gauss_hermite
from theory.statement.activation import Activation
from theory.statement.problem import Problem
from theory.step_labels import StepStatistics, latent_moments, latent_part, step_labels, step_statistics
from theory.step_outliers import StepOutliers

__all__ = [
    "EquivalentFeatures",
    "HigherDegree",
    "SpecialLayer",
    "Terms",
    "WithoutPenalty",
    "amplified_directions",
    "batches",
    "build_features",
    "degree_moments",
    "degree_parts",
    "feature_moments",
]

_NEGLIGIBLE = 1e-6  # expected number of neurons or samples below which a node is dropped
_NEGLIGIBLE_PRODUCT = 1e-4  # the same where nodes are products of several rules
_RANK = 1e-9  # singular values of A, of the largest, that are rounding
_RANK_PRODUCT = 1e-4  # the same where nodes are products of several rules
_SMALL_OVERLAP = 0.01  # variance of a neuron's coordinates over κ² below which two nodes of each do
_SMALL_SPREAD = 2e-3  # variance of its squared norm over κ⁴ below which the mean does
_MOVES = 1e-3  # variance of the shift along β̂ over κ² from which it is a latent beside the amplified directions


@dataclass(frozen=True, eq=False)
class SpecialLayer:
    """The special coordinates of one degree, P of them.

    Attributes
    ----------
    chi : ndarray, shape (P, F, S)
        Value of a coordinate as a function of the latents: on the F functions of ξ, at every node.
    profile : ndarray, shape (J, Q)
        Variance profile at the nodes of their matrix measure.
    weights : ndarray, shape (J, P, P)
    """

    chi: np.ndarray
    profile: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class EquivalentFeatures:
    """F_ij = m(u_i, g_j) + A(u_i, g_j)⟨w_j, x_i⟩ + B(u_i, g_j)^(1/2) z_ij on nodes u_s and g_b.

    Samples are classed by s = (u, q), the latent and the squared norm; a step that moves the norm's part by nothing
    has q = 1 alone.

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
    higher: tuple[HigherDegree, ...] = ()
    """Coordinates of degrees above the first, where they are resolved."""
    axis: np.ndarray | None = None
    """The latent along which the neurons' own coordinates are no codes, ⟨x, β̂⟩ unless eigenvectors of Ŷ are latents."""
    least: float = _RANK
    """Singular values of A, of the largest, that are left out of its factors."""
    beyond: tuple[Coordinates, ...] = ()
    """Coordinates of degrees that a spectrum alone resolves."""
    degree_zero: bool = False
    """Whether functions of the latents count among what samples and neurons meet, which is of relative order 1/N."""
    entries: LargeEntries | None = None
    """The law of the entries whose mean square is B, where some are not small beside their row and column."""
    special: tuple[SpecialLayer, ...] = ()
    """The special coordinates of every degree where they are coupled; `t` then has a column for each function of ξ."""

    @cached_property
    def coordinates(self) -> tuple[Coordinates, ...]:
        """The linear coordinates, and those of the higher degrees."""
        linear = (1, self.d, self.A, self.profile, self.profile_weights)
        layers = [linear, *((of.degree, of.dimension, of.A, of.profile, of.profile_weights) for of in self.higher)]
        return tuple(
            coordinates(
                A,
                self.latent_weights,
                self.neurons,
                degree=degree,
                dimension=dimension,
                profile=profile,
                weights=weights,
                least=self.least,
            )
            for degree, dimension, A, profile, weights in layers
        )

    @cached_property
    def joint_coordinates(self) -> Coordinates:
        """The linear coordinates in the classes of the matrix measure, whose weights are matrices and stand apart."""
        return dataclasses.replace(self.coordinates[0], profile=self.joint_profile)

    @cached_property
    def layers(self) -> tuple[Coordinates, ...]:
        """What the fixed point is of: the coordinates, those of a spectrum alone and, where it counts, the mean as one
        coordinate of degree 0."""
        if self.beyond:
            return (*self.coordinates, *self.beyond)
        if not self.degree_zero:
            return self.coordinates
        one = coordinates(
            self.m,
            self.latent_weights,
            self.neurons,
            degree=0,
            dimension=1.0,
            profile=np.ones((1, len(self.g))),
            weights=np.ones(1),
            least=self.least,
        )
        return (*self.coordinates, one)

    @cached_property
    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Factors (S, R) and (Q, R) of m on the weights of nodes and codes, without singular values of rounding."""
        rows, columns = np.sqrt(self.latent_weights)[:, None], np.sqrt(self.neurons / self.neurons.sum())
        left, values, right = np.linalg.svd(rows * self.m * columns, full_matrices=False)
        rank = max(1, int(np.sum(values > _RANK * values[0])))
        return left[:, :rank] / rows, (right[:rank] * values[:rank, None] / columns).T

    @property
    def strength(self) -> np.ndarray:
        """E (F − m)² of a feature given latent and code, shape (S, Q)."""
        return self.A**2 + self.B + sum(of.A**2 for of in self.higher)


@dataclass(frozen=True, eq=False)
class HigherDegree:
    """Coordinates he_k(⟨w, x⟩) of a degree k ≥ 2, and the part of the target that lies on them.

    Attributes
    ----------
    degree : int
    dimension : float
        D_k, the number of spherical harmonics of the degree.
    A : ndarray, shape (S, Q)
        E he_k(Z)σ(τ + κZ), he_k normalised.
    profile, profile_weights : ndarray, shape (J, Q) and (J,)
        Variance profile of mean one at the classes of coordinates.
    t : ndarray, shape (S, F)
        E[y he_α(ξ) | u] for the normalised Hermite products of this degree in ξ.
    """

    degree: int
    dimension: float
    A: np.ndarray
    profile: np.ndarray
    profile_weights: np.ndarray
    t: np.ndarray


@dataclass(frozen=True)
class Terms:
    """What of the law is resolved, and how finely.

    Attributes
    ----------
    gradient_order : {1, 2}
        1 keeps the direction β alone; 2 adds the matrix term η a_j μ₂ Ŷ w_j of the step.
    orders : (int, int)
        Gauss-Hermite nodes for u and, with a gaussian second layer, for g. With amplified directions nodes of g, and
        what those of the other codes and latents follow from: see `theory.conditional_equivalent.amplified_rules`.
    noise : bool
        Whether the step's noise has the law of M or is isotropic.
    norms : int
        Nodes of the squared norm q = ‖x‖²/d of a sample; 1 for q = 1.
    degree : int
        K, the highest degree of the coordinates.
    amplified : bool
        Whether the eigenvectors of Ŷ that the step amplifies are latents.
    neuron_norms : int
        Nodes of a neuron's squared norm given its code, where they are; 1 for its mean. See
        `theory.conditional_equivalent.neuron_norms`.
    degree_zero : bool
        Whether the mean of a feature given latents and code is met as one more coordinate, where they are. A spectrum
        leaves it out: as part of the bulk the functions of the latents would not be spikes.
    batch : int
        0 for the expected θ, overlaps and noise of what is amplified, or which of a few batches that stand for all.
    """

    gradient_order: int = 2
    orders: tuple[int, int] = (32, 16)
    noise: bool = True
    norms: int = 1
    degree: int = 1
    amplified: bool = False
    neuron_norms: int = 1
    degree_zero: bool = True
    batch: int = 0

    def to_dict(self) -> dict[str, Any]:
        """What the JSON contract says of them."""
        return {
            "degree": self.degree,
            "norms": self.norms > 1,
            "amplified_directions": self.amplified,
            "neuron_norms": self.neuron_norms > 1,
            "orders": list(self.orders),
        }


class WithoutPenalty:
    """A problem that counts as the same whatever its penalties: features and step know nothing of them.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        # `eta` takes the place of what else would give the size of the step
        unread = ("ridge",) if problem.eta is None else ("ridge", "alpha", "scale")
        names = (each.name for each in dataclasses.fields(problem))
        content = zip(names, problem.content(), strict=True)
        self._content = tuple(value for name, value in content if name not in unread)
        self._hash = hash(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WithoutPenalty) and self._content == other._content

    def __hash__(self) -> int:
        return self._hash


def build_features(problem: Problem, terms: Terms) -> EquivalentFeatures:
    """The equivalent features of a problem with the terms given.

    Parameters
    ----------
    problem : Problem
    terms : Terms
        Nodes that stand for less than 1e-6 samples or neurons are left out.

    Returns
    -------
    EquivalentFeatures

    Raises
    ------
    ArithmeticError
        If the law of the step's matrix term does not come out (see `theory.step_matrix.step_law`).
    """
    return _built(WithoutPenalty(problem), terms)


@lru_cache(maxsize=24)
def _built(of: WithoutPenalty, terms: Terms) -> EquivalentFeatures:
    problem = of.problem
    step = step_statistics(problem)
    sigma = problem.sigma
    still = problem.step_size == 0.0
    moved, profiles = _neurons(of, terms.orders[1], terms.gradient_order, terms.noise, terms.amplified)
    p, h = moved.shares, moved.h
    if terms.amplified:
        frame = _amplified_frame(problem, terms, h, p, profiles.kappa)
    else:
        frame = _single_frame(problem, terms, moved)
    # a neuron's coordinates on what is amplified are codes
    across = problem.d - (len(_amplified(problem)[0][0].theta) if terms.amplified else 0)
    q, share = norm_nodes(across, terms.norms)
    samples = len(q)
    kappa = profiles.kappa[frame.code] * frame.stretch
    parts = [degree_moments(sigma, frame.tau, kappa * math.sqrt(value), terms.degree) for value in q]
    m = np.concatenate([part[0] for part in parts])
    if problem.centered:
        m = m - hermite_coefficients(sigma, 0)[0]
    A = np.concatenate([part[1] for part in parts], axis=1)
    B = np.concatenate([part[2] for part in parts])
    y1, y2, t = _labels_given(problem, terms, frame, 1)
    radial = _along_the_norm(_labels_given(problem, terms, frame, 2)[0]) if samples > 1 else np.zeros(len(y1))
    y1, y2 = _given_the_norm(y1, y2, radial, q, across)
    higher = []
    for degree in range(2, terms.degree + 1):
        profile, weights = profiles.products(degree)
        part = np.tile(_labels_given(problem, terms, frame, degree)[0], (samples, 1))
        if samples > 1 and degree == 2:
            # the trace is the norm's, and on the sphere that is left he₂ has less than variance 1
            of_sphere = (across - 1.0) / (across + 2.0)
            B = B + (1.0 - of_sphere) * A[1] ** 2
            A[1] *= math.sqrt(of_sphere)
            part *= math.sqrt(1.0 - 1.0 / across)
        dimension = degree_dimension(across, degree)
        higher.append(HigherDegree(degree, dimension, A[degree - 1], profile[:, frame.code], weights, part))
    joint, joint_weights = profiles.joint_classes, profiles.joint_weights
    if terms.amplified:  # what the target's directions have outside the bulk is among the latents
        nodes, joint_weights = bulk_measure(problem)
        joint = profile_at(problem, h, profiles.kappa, nodes)
    elif terms.noise:
        joint, joint_weights = profiles.without_rare()
    return EquivalentFeatures(
        n=float(problem.n),
        d=float(across),
        u=np.tile(frame.shown, samples),
        latent_weights=np.outer(share, frame.latent_weights).ravel(),
        g=moved.codes[frame.code],
        neurons=problem.width * frame.shares,
        m=m,
        A=A[0],
        B=B,
        profile=profiles.classes[:, frame.code],
        profile_weights=profiles.weights,
        joint_profile=joint[:, frame.code],
        joint_weights=joint_weights,
        y1=y1,
        y2=y2,
        t=np.tile(t, (samples, 1)),
        step=dataclasses.replace(step, overlap=moved.overlap),
        sharp_right=still
        or (
            problem.law_of_a.support < math.inf
            and profiles.bounded
            and not terms.amplified
            and _has_bounded_slope(sigma)
        ),
        sharp_left=still,
        higher=tuple(higher),
        axis=None if frame.axis is None else np.tile(frame.axis, samples),
        least=_RANK_PRODUCT if terms.amplified else _RANK,
        degree_zero=terms.amplified and terms.degree_zero,
    )


def _along_the_norm(part: np.ndarray) -> np.ndarray:
    """E[y(|ξ|² − k)|u]/2, of the part of degree 2 in the order of `latent_part`."""
    k = round((math.sqrt(8.0 * part.shape[1] + 1.0) - 1.0) / 2.0)
    squares = [max(alpha) == 2 for alpha in itertools.product(range(3), repeat=k) if sum(alpha) == 2]
    return part[:, squares].sum(axis=1) / math.sqrt(2.0)


def _given_the_norm(
    y1: np.ndarray, y2: np.ndarray, radial: np.ndarray, q: np.ndarray, d: float
) -> tuple[np.ndarray, np.ndarray]:
    """E[y|u, q], linear in q, and E[y²|u, q], the nodes of q one after another."""
    mean = (y1 + np.multiply.outer(q - 1.0, radial)).ravel()
    rest = y2 - y1**2 - (2.0 / d) * radial**2
    return mean, mean**2 + np.tile(rest, len(q))


@lru_cache(maxsize=24)
def _neurons(
    of: WithoutPenalty, order: int, gradient_order: int, noise: bool, amplified: bool
) -> tuple[Motion, VarianceProfiles]:
    """How the step moves the codes, and what it makes of the weights there."""
    problem = of.problem
    if problem.step_size == 0.0:
        g, p = np.zeros(1), np.ones(1)
    elif amplified:
        g, p = amplified_codes(problem, _amplified(problem)[0][0], order)
    else:
        g, p = _codes(problem, order)
    moved = motion(problem, g, p, gradient_order=gradient_order, noise=noise)
    if problem.update.kind == "sign" and problem.step_size > 0.0:
        from theory.conditional_equivalent.sign_noise import sign_profiles  # a plain step loads none of it

        return moved, sign_profiles(problem, moved.codes, gradient_order, noise=noise)
    return moved, variance_profiles(problem, moved.h, moved.shares, gradient_order, noise=noise, flatten=moved.flatten)


def _labels_given(problem: Problem, terms: Terms, frame: _Frame, degree: int) -> tuple[np.ndarray, ...]:
    """What the label is given the latents: its moments and linear part, or the part of a higher degree alone."""
    if not terms.amplified:
        return _labels_given_one(_Labels(problem, frame.directions), terms.orders[0], len(frame.latents), degree)
    if degree > 1:
        return (latent_part(problem, frame.latents, degree, frame.directions),)
    return latent_moments(problem, frame.latents, frame.directions)


class _Labels:
    """A problem that counts as the same where its labels and the overlap of the one latent with the target are."""

    def __init__(self, problem: Problem, directions: np.ndarray) -> None:
        self.problem, self.directions = problem, directions
        self._content = (
            step_labels(problem),
            problem.teacher,
            problem.noise,
            problem.phi0,
            tuple(map(float, directions[:, 0])),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Labels) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)


@lru_cache(maxsize=64)
def _labels_given_one(of: _Labels, order: int, kept: int, degree: int) -> tuple[np.ndarray, ...]:
    """The same for the latent ⟨x, ĥ⟩ alone, at the innermost nodes of a Gauss rule."""
    nodes = gauss_hermite(order)[0]
    outside = (order - kept) // 2
    u = nodes[outside : order - outside]
    if degree > 1:
        return (latent_part(of.problem, u, degree, of.directions),)
    return latent_moments(of.problem, u, of.directions)


def degree_parts(problem: Problem, terms: Terms, degree: int) -> tuple[np.ndarray, ...]:
    """A_k = E he_k(Z)σ(τ + κZ) for k = 1 … `degree`, each of shape (S, Q), for samples of the norm √d.

    Parameters
    ----------
    problem : Problem
    terms : Terms
        Frame and codes.
    degree : int

    Returns
    -------
    tuple of ndarray, shape (S, Q)
    """
    of = WithoutPenalty(problem)
    moved, profiles = _neurons(of, terms.orders[1], terms.gradient_order, terms.noise, terms.amplified)
    if terms.amplified:
        frame = _amplified_frame(problem, terms, moved.h, moved.shares, profiles.kappa)
    else:
        frame = _single_frame(problem, terms, moved)
    return tuple(degree_moments(problem.sigma, frame.tau, profiles.kappa[frame.code] * frame.stretch, degree)[1])


def amplified_directions(problem: Problem) -> tuple[int, bool]:
    """How many eigenvectors of Ŷ may be latents, see `theory.conditional_equivalent.amplified_directions`.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    count : int
    certain : bool
        Whether they are latents without a trial.
    """
    if problem.step_size == 0.0 or problem.update.power != 1.0 or abs(slope_moments(problem.sigma).second) < 1e-12:
        return 0, False
    outliers, certain = _amplified(problem)
    return len(outliers[0].theta), certain


def batches(problem: Problem) -> int:
    """How many batches stand for all in what a step amplifies; 0 where they may differ in the number of directions.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    int
    """
    return len(_amplified(problem)[0]) - 1


@lru_cache(maxsize=64)
def _amplified(problem: Problem) -> tuple[tuple[StepOutliers, ...], bool]:
    """The outliers that the step may make latents, by the same eight codes whatever the quadrature; and at batches."""
    g, p = _codes(problem, 8)
    h = problem.step_size * g / math.sqrt(problem.width)
    return amplified_outliers(problem, h, p, norms_after(problem, h, 2))


@dataclass(frozen=True, eq=False)
class _Frame:
    """Latents of the samples and codes of the neurons.

    Attributes
    ----------
    latents, latent_weights : ndarray, shape (S, p) and (S,)
    directions : ndarray, shape (k, p)
        Overlap of W⋆ with the latents' directions.
    shown : ndarray, shape (S,)
        The latent on which outliers are measured, ⟨x, β̂⟩ where the step moves along it.
    axis : ndarray, shape (S,), or None
        The latent along which the neurons' own coordinates are no codes.
    tau : ndarray, shape (S, Q)
    code : ndarray of int, shape (Q,)
        Node of g of every code.
    shares : ndarray, shape (Q,)
    stretch : ndarray, shape (Q,)
        A neuron's norm over κ(g).
    """

    latents: np.ndarray
    latent_weights: np.ndarray
    directions: np.ndarray
    shown: np.ndarray
    axis: np.ndarray | None
    tau: np.ndarray
    code: np.ndarray
    shares: np.ndarray
    stretch: np.ndarray


def _single_frame(problem: Problem, terms: Terms, moved: Motion) -> _Frame:
    """The latent ⟨x, ĥ⟩ and the code g alone."""
    u, omega = _trim(*gauss_hermite(terms.orders[0]), problem.n)
    tau = moved.strength * np.multiply.outer(u, moved.along)
    code, overlap = np.arange(len(moved.codes)), moved.overlap[:, None]
    return _Frame(u[:, None], omega, overlap, u, u, tau, code, moved.shares, np.ones(len(code)))


def _amplified_frame(problem: Problem, terms: Terms, h: np.ndarray, p: np.ndarray, kappa: np.ndarray) -> _Frame:
    """The amplified eigenvectors of Ŷ as latents, and what of β̂ lies across them where the step moves along it."""
    step, c1 = step_statistics(problem), _along_beta(problem)
    outliers = _amplified(problem)[0][terms.batch]
    K = len(outliers.theta)
    across = math.sqrt(max(step.beta_norm2 - float(outliers.along_beta @ outliers.along_beta), 0.0))
    moves = float(p @ (c1 * h * across / kappa) ** 2) > _MOVES
    u, omega = latent_nodes(K, terms.orders[0])
    s, code, shares, stretch = _neurons_in_frame(problem, terms, outliers, h, p, kappa)
    directions, axis = outliers.overlap, None
    tau = u @ s.T
    if moves:
        line, weights = rest_nodes(K, terms.orders[0])
        beyond = (step.linear - outliers.overlap @ outliers.along_beta) / across
        directions = np.column_stack([beyond, directions])
        axis = np.repeat(line, len(omega))
        tau = np.multiply.outer(c1 * across * line, h[code])[:, None, :] + tau
        tau = tau.reshape(-1, len(code))
        u = np.column_stack([axis, np.tile(u, (len(line), 1))])
        omega = np.outer(weights, omega).ravel()
        shown = (across * axis + u[:, 1:] @ outliers.along_beta) / math.sqrt(step.beta_norm2)
    else:
        shown = u[:, 0]
    kept = problem.n * omega > _NEGLIGIBLE_PRODUCT
    return _Frame(
        u[kept],
        omega[kept] / omega[kept].sum(),
        directions,
        shown[kept],
        None if axis is None else axis[kept],
        tau[kept],
        code,
        shares,
        stretch,
    )


def _along_beta(problem: Problem) -> float:
    """c₁, by which a step moves along β; 0 where a fit on its batch left β = 0."""
    return 0.0 if step_statistics(problem).fitted else slope_moments(problem.sigma).c1


def _neurons_in_frame(
    problem: Problem, terms: Terms, outliers: StepOutliers, h: np.ndarray, p: np.ndarray, kappa: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates on the eigenvectors (Q, K), node of g, share and norm over κ(g) of every code.

    A neuron's step needs the nodes: its norm and its overlaps grow with it.
    """
    K, c1 = len(outliers.theta), _along_beta(problem)
    variance = coordinate_variance(problem, outliers, h)
    spread = norm_variance(problem, h, kappa)
    s, code, parts, stretch = [], [], [], []
    for b in range(len(h)):
        at = slice(b, b + 1)
        small = float(np.max(variance[b])) < _SMALL_OVERLAP * kappa[b] ** 2
        shift, q = tensor_gauss_hermite(2, K) if small else overlap_nodes(K, terms.orders[1])
        each = terms.neuron_norms if spread[b] > _SMALL_SPREAD else 1
        longer = norm_given_overlaps(problem, outliers, h[at], kappa[at], shift)[0]
        lengths, odds = (of[0] for of in norm_rule(problem, h[at], kappa[at], each))
        s.append(np.repeat(np.sqrt(variance[b]) * shift + c1 * h[b] * outliers.along_beta, each, axis=0))
        code.append(np.full(len(q) * each, b))
        parts.append(p[b] * np.outer(q, odds).ravel())
        stretch.append(np.sqrt(np.outer(longer, lengths)).ravel())
    shares = np.concatenate(parts)
    seen = problem.width * shares > _NEGLIGIBLE_PRODUCT
    shares = shares[seen] / shares[seen].sum()
    return np.concatenate(s)[seen], np.concatenate(code)[seen], shares, np.concatenate(stretch)[seen]


def _has_bounded_slope(sigma: Activation) -> bool:
    """σ′ no larger far out than near the origin."""
    near, far = np.linspace(-4.0, 4.0, 201), np.array([-40.0, -20.0, 20.0, 40.0])
    return bool(np.max(np.abs(sigma.slope(far))) <= 2.0 * np.max(np.abs(sigma.slope(near))))


def _trim(nodes: np.ndarray, weights: np.ndarray, count: float) -> tuple[np.ndarray, np.ndarray]:
    keep = count * weights > _NEGLIGIBLE
    return nodes[keep], weights[keep] / weights[keep].sum()


def _codes(problem: Problem, order: int) -> tuple[np.ndarray, np.ndarray]:
    return _trim(*problem.law_of_a.nodes(order), problem.width)


class Integrand(Protocol):
    """What the quadratures over a Gaussian integrate: an activation, or what stands in its place."""

    @property
    def name(self) -> str:
        """By which errors call it."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """Points where it is not smooth."""

    @property
    def vectorized(self) -> bool:
        """Whether it takes arrays as they are."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values, elementwise."""


def feature_moments(sigma: Integrand, tau: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m = E σ(τ + κZ), A = E Zσ(τ + κZ), B = E (σ(τ + κZ) − m − AZ)².

    Parameters
    ----------
    sigma : Activation
        Or another function of its name, kinks and values, such as its slope.
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
    m, A, B = degree_moments(sigma, tau, kappa, 1)
    return m, A[0], B


def degree_moments(
    sigma: Integrand, tau: np.ndarray, kappa: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m, A_k = E he_k(Z)σ(τ + κZ) for k = 1 … K, and B = E (σ(τ + κZ) − m − Σ_k A_k he_k(Z))².

    Parameters
    ----------
    sigma : Activation
        Or another function of its name, kinks and values, such as its slope.
    tau : ndarray, shape (S, Q)
    kappa : ndarray, shape (Q,)
    degree : int
        K.

    Returns
    -------
    m : ndarray, shape (S, Q)
    A : ndarray, shape (K, S, Q)
    B : ndarray, shape (S, Q)

    Raises
    ------
    ValueError
        If the expectations do not converge because σ has an undeclared kink.
    """
    if sigma.name == "relu" and sigma.vectorized:
        return _relu_moments(tau, kappa, degree)
    moments = _kinked_moments if sigma.kinks else _smooth_moments
    m, B = np.empty((2, *tau.shape))
    A = np.empty((degree, *tau.shape))
    for b, scale in enumerate(kappa):
        m[:, b], A[:, :, b], B[:, b] = moments(sigma, tau[:, b], float(scale), degree)
    return m, A, B


def _relu_moments(tau: np.ndarray, kappa: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    t = tau / kappa
    density = np.exp(-0.5 * t**2) / math.sqrt(2.0 * math.pi)
    s = -np.abs(t)
    tail = gaussian_distribution(s)
    below = np.where(t > 0.0, 1.0 - tail, tail)
    m = kappa * (t * below + density)
    A = np.empty((degree, *tau.shape))
    A[0] = kappa * below
    # E He_k(Z)(t + Z)₊ is E He_{k−2}(Z) δ(t + Z)
    for k, he in enumerate(hermite_polynomials(-t, max(degree - 2, 0))[: degree - 1], 2):
        A[k - 1] = kappa * density * he / math.sqrt(math.factorial(k))
    # B is even in τ, since σ(x) − σ(−x) = x is linear: on the side of the tail no digits cancel.
    B = kappa**2 * ((s**2 + 1.0) * tail + s * density - (s * tail + density) ** 2 - tail**2)
    return m, A, np.maximum(B - np.sum(A[1:] ** 2, axis=0), 0.0)


def _weighted_moments(
    z: np.ndarray, weights: np.ndarray, values: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scale = np.sqrt([float(math.factorial(k)) for k in range(degree + 1)])
    he = (hermite_polynomials(z, degree).T / scale).T
    if z.ndim == 1:  # nodes that all rows share
        moments = product(values, (weights * he).T)
        rest = values - product(moments, he)
    else:
        moments = np.einsum("sz,ksz,sz->sk", weights, he, values)
        rest = values - np.einsum("sk,ksz->sz", moments, he)
    rest *= rest
    rest *= weights
    return moments[:, 0], moments[:, 1:].T, np.sum(rest, axis=-1)


def _smooth_moments(
    sigma: Integrand, tau: np.ndarray, kappa: float, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trapezoid sums, which converge geometrically for an analytic σ; refined until every other node suffices."""
    step = 0.125 / max(1.0, kappa)
    for _ in range(4):
        half = math.ceil(10.5 / step)
        z = step * np.arange(-2 * (half // 2) - 2, 2 * (half // 2) + 3)
        weights = np.exp(-0.5 * z**2)
        values = sigma(tau[:, None] + kappa * z)
        fine = _weighted_moments(z, weights / weights.sum(), values, degree)
        coarse = _weighted_moments(z[::2], weights[::2] / weights[::2].sum(), values[:, ::2], degree)
        scale = 1.0 + np.max(np.abs(fine[0])) + np.max(fine[2])
        if max(np.max(np.abs(a - b)) for a, b in zip(fine, coarse, strict=True)) < 1e-8 * scale:
            return fine
        step /= 2.0
    raise ValueError(
        f"activation `{sigma.name}` must be smooth away from its declared `kinks`; its Gaussian expectations do not "
        "converge: pass the points where it or its derivative jumps as kinks=(...)"
    )


def _kinked_moments(
    sigma: Integrand, tau: np.ndarray, kappa: float, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Legendre panels split at the kinks, seen from each τ."""
    panels, reach = math.ceil(16 * max(1.0, kappa)), 10.5
    x, w = np.polynomial.legendre.leggauss(16)
    kinks = np.clip((np.array(sigma.kinks) - tau[:, None]) / kappa, -reach, reach)
    ends = np.concatenate([np.full((len(tau), 1), -reach), kinks, np.full((len(tau), 1), reach)], axis=1)
    edges = ends[:, :-1, None] + np.diff(ends)[..., None] * np.linspace(0.0, 1.0, panels + 1)
    half = 0.5 * np.diff(edges)[..., None]
    z = (edges[..., :-1, None] + half + half * x).reshape(len(tau), -1)
    weights = (half * w).reshape(z.shape) * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return _weighted_moments(z, weights, sigma(tau[:, None] + kappa * z), degree)
