"""The initial feature matrix: its moments m₁ and m₂, its density, and the ridge errors of random features.

For F₀ = σ(XW₀ᵀ) with σ = c₀ + c₁x + rest, E rest² = c_{>1}², the features' covariance on the neurons is
Σ = c₁²W₀W₀ᵀ + c_{>1}²I, and with κ = λ + κ (1/n) tr Σ(Σ + κ)^(-1) every resolvent trace is one of Σ at −κ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theory.quadrature import gaussian_nodes
from theory.statement.problem import Problem, require_isotropic
from theory.step_labels import label_statistics

if TYPE_CHECKING:
    from theory.laws import GeneralisedMarchenkoPastur, Law

__all__ = [
    "FeatureMoments",
    "RandomFeatureErrors",
    "errors_of_energies",
    "feature_energies",
    "initial_density",
    "initial_law",
    "initial_moments",
    "random_feature_errors",
]


@dataclass(frozen=True)
class FeatureMoments:
    """Traces of the initial resolvent at one λ.

    Attributes
    ----------
    kappa : float
        κ, the effective ridge; r₁ = 1/κ.
    r1, r2 : float
        (1/n) tr (F₀F₀ᵀ/n + λ)^(-1) and (1/nd) tr Xᵀ(F₀F₀ᵀ/n + λ)^(-1)X.
    m1, m2 : float
        (N/n) r₁ and (N/n) r₂.
    kappa_slope, left_slope : float
        dκ/dλ and d(κr₂)/dκ.
    """

    kappa: float
    r1: float
    r2: float
    m1: float
    m2: float
    kappa_slope: float
    left_slope: float


@dataclass(frozen=True)
class RandomFeatureErrors:
    """Objective, train error and test error of ridge regression on random features at one λ.

    Attributes
    ----------
    ridge : float
        λ.
    objective, train_error, test_error : float
        As in `theory.conditional_equivalent.RidgeErrors`.
    """

    ridge: float
    objective: float
    train_error: float
    test_error: float


def feature_energies(problem: Problem) -> tuple[float, float, float]:
    """c₀, c₁ and c_{>1}² of the activation, with c₀ = 0 for a centred one.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    c0, c1, rest : float
    """
    sigma = problem.sigma
    nodes, weights = gaussian_nodes(sigma.kinks)
    value = sigma(nodes)
    mean = float(weights @ value)
    c1 = float(weights @ (nodes * value))
    rest = float(weights @ (value - mean - c1 * nodes) ** 2)
    return (0.0 if problem.centered else mean), c1, rest


def initial_moments(problem: Problem, ridge: float) -> FeatureMoments:
    """m₁, m₂ of the initial feature matrix at one λ, with φ = d/n, ψ = d/N and Λ = λψ/φ the solution of

    φ(m₁ − m₂)(c_{>1}²m₁ + c₁²m₂) + c₁²m₁m₂(Λm₁ − 1) = 0 and
    (φ/ψ)[c₁²m₁m₂ + φ(m₂ − m₁)] + c₁²m₁m₂(Λm₁ − 1) = 0 (arXiv 2310.07891).

    Parameters
    ----------
    problem : Problem
    ridge : float
        λ > 0.

    Returns
    -------
    FeatureMoments

    Raises
    ------
    ValueError
        If λ is not positive, or the inputs have a covariance.
    """
    require_isotropic(problem, "the law of random features alone")
    if not 0.0 < ridge < math.inf:
        raise ValueError(f"`ridge` must be positive; got {ridge!r}")
    _, c1, rest = feature_energies(problem)
    share = problem.width / problem.n  # N/n
    dimension = problem.width / problem.d  # N/d

    def resolvent(kappa: float, offset: float, other: float) -> tuple[float, float]:
        """The positive root of `other` t s² + (t + offset) s = 1 at t = c_{>1}² + κ, and −ds/dκ."""
        t = rest + kappa
        a, b = other * t, t + offset
        root = math.sqrt(b * b + 4.0 * a)
        s = 2.0 / (b + root) if b > 0.0 else (root - b) / (2.0 * a)
        return s, (other * s * s + s) / root

    def on_neurons(kappa: float) -> tuple[float, float]:
        """(1/N) tr (Σ + κ)^(-1)."""
        return resolvent(kappa, (1.0 - dimension) * c1**2, dimension * c1**2)

    def on_inputs(kappa: float) -> tuple[float, float]:
        """(1/d) tr (c₁²W₀ᵀW₀ + c_{>1}² + κ)^(-1)."""
        return resolvent(kappa, (dimension - 1.0) * c1**2, c1**2)

    def excess(t: float) -> float:
        kappa = math.exp(t)
        return kappa - ridge - share * kappa * (1.0 - kappa * on_neurons(kappa)[0])

    top = ridge + share * (c1**2 + rest)
    from scipy.optimize import brentq  # half a second to import

    kappa = math.exp(brentq(excess, math.log(ridge), math.log(2.0 * top), xtol=1e-15, rtol=1e-15))
    for _ in range(3):  # brentq stops at the rounding of log κ
        s, slope = on_neurons(kappa)
        gap = kappa - ridge - share * kappa * (1.0 - kappa * s)
        kappa -= gap / (1.0 - share * (1.0 - 2.0 * kappa * s + kappa**2 * slope))
    s, slope = on_neurons(kappa)
    kappa_slope = 1.0 / (1.0 - share * (1.0 - 2.0 * kappa * s + kappa**2 * slope))
    s, slope = on_inputs(kappa)
    left, left_slope = (rest + kappa) * s, s - (rest + kappa) * slope  # κr₂ and its derivative
    r1, r2 = 1.0 / kappa, left / kappa
    return FeatureMoments(kappa, r1, r2, share * r1, share * r2, kappa_slope, left_slope)


def errors_of_energies(moments: FeatureMoments, ridge: float, linear: float, noise: float) -> RandomFeatureErrors:
    """Ridge errors on F₀ for labels of linear energy `linear` and of energy `noise` that F₀ cannot fit.

    Ψ = (noise + linear κr₂)/κ; the objective is λΨ, the train error −λ²Ψ′, the test error (κ/λ)² times that.

    Parameters
    ----------
    moments : FeatureMoments
        At this λ.
    ridge : float
        λ.
    linear, noise : float

    Returns
    -------
    RandomFeatureErrors
    """
    kappa = moments.kappa
    energy = noise + linear * kappa * moments.r2
    slope = moments.kappa_slope * (linear * moments.left_slope / kappa - energy / kappa**2)
    train = -(ridge**2) * slope
    return RandomFeatureErrors(ridge, ridge * energy / kappa, train, (kappa / ridge) ** 2 * train)


def random_feature_errors(problem: Problem) -> tuple[RandomFeatureErrors, ...]:
    """Objective, train error and test error of ridge regression on F₀, one entry for each penalty of the problem.

    The non-linear energy of the target counts as noise (see `errors_of_energies`). A constant feature (c₀ ≠ 0) takes
    the mean of the labels out of it and adds (E y)²/(κ + λN r c₀²) to Ψ, r the mean of the resolvent over neurons. The
    step is ignored.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    tuple of RandomFeatureErrors
    """
    c0, _, _ = feature_energies(problem)
    step = label_statistics(problem)
    linear = float(step.linear @ step.linear)
    constant = step.label_mean**2 if c0 != 0.0 else 0.0
    results = []
    for ridge in problem.ridges:
        m = initial_moments(problem, ridge)
        errors = errors_of_energies(m, ridge, linear, step.label_power - linear - constant)
        if constant:
            spike = m.kappa + c0**2 * (problem.n * ridge / m.kappa + problem.width - problem.n)
            moved = m.kappa_slope + c0**2 * problem.n * (1.0 / m.kappa - ridge * m.kappa_slope / m.kappa**2)
            train = errors.train_error + ridge**2 * constant * moved / spike**2
            objective = errors.objective + ridge * constant / spike
            errors = RandomFeatureErrors(ridge, objective, train, (m.kappa / ridge) ** 2 * train)
        results.append(errors)
    return tuple(results)


def initial_law(problem: Problem) -> GeneralisedMarchenkoPastur:
    """Law of the eigenvalues of F₀ᵀF₀/n: generalised Marchenko-Pastur, of the population c_{>1}² + c₁²W₀W₀ᵀ.

    W₀W₀ᵀ follows Marchenko and Pastur's law of ratio N/d, which moved and scaled is a free Meixner law with b = 0. The
    spike of a constant feature, c₀²N, is no part of it. FF₀ᵀ/n has the same eigenvalues but for zeros: its density is
    N/n times this one, its transform at −λ is 1/κ, that of `companion`.

    Parameters
    ----------
    problem : Problem
        `eta` is ignored.

    Returns
    -------
    GeneralisedMarchenkoPastur
    """
    from theory.laws import Discrete, FreeMeixner, GeneralisedMarchenkoPastur, MarchenkoPastur

    require_isotropic(problem, "the law of random features alone")
    _, c1, rest = feature_energies(problem)
    linear, dimension = c1**2, problem.width / problem.d
    if linear == 0.0:
        population: Law = Discrete([rest])
    elif rest <= 1e-14 * linear:  # the same, with its edge at 0 exact where N = d
        population = MarchenkoPastur(dimension, linear)
    else:
        population = FreeMeixner(math.sqrt(dimension), 0.0, location=rest + linear, variance=linear**2 * dimension)
    return GeneralisedMarchenkoPastur(population, problem.width / problem.n)


def initial_density(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Density of the eigenvalues of F₀F₀ᵀ/n at x > 0, the atom at zero apart: N/n times that of `initial_law`.

    Parameters
    ----------
    problem : Problem
        `eta` is ignored.
    x : ndarray

    Returns
    -------
    ndarray
        Same shape as `x`.

    Raises
    ------
    ValueError
        If a point is not positive and finite.
    """
    x = np.asarray(x, dtype=float)
    if not (np.isfinite(x).all() and (x > 0.0).all()):
        raise ValueError(f"`x` must be positive and finite; got {x[~(np.isfinite(x) & (x > 0.0))].flat[0]}")
    return problem.width / problem.n * initial_law(problem).pdf(x)
