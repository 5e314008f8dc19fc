"""Which terms of the law a problem needs, and how finely: each is tried where it could matter, and kept where it does.

What is tried is the change of the ridge errors at the smallest and the largest penalty. A term that changes them by
less than a tenth of a per cent is left out, and how much it would have mattered is kept beside the prediction.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from theory.conditional_equivalent.coordinates import degree_dimension
from theory.conditional_equivalent.covariance import (
    CovarianceTerms,
    build_covariance_features,
    focused_order,
    moved_neurons,
    saturated_share,
)
from theory.conditional_equivalent.covariance_resolution import covariance_terms, isotropic_form
from theory.conditional_equivalent.features import (
    EquivalentFeatures,
    Terms,
    WithoutPenalty,
    amplified_directions,
    batches,
    build_features,
    degree_parts,
)
from theory.conditional_equivalent.fixed_point import FixedPoint, solve_together
from theory.conditional_equivalent.latent_functions import RidgeErrors, errors_along
from theory.hermite import slope_moments
from theory.random_features import feature_energies, initial_law
from theory.statement.problem import Problem

__all__ = [
    "MAX_DEGREE",
    "Resolution",
    "end_points",
    "equivalent_features",
    "errors_at",
    "extreme_penalties",
    "features_of",
    "resolve",
    "spectral_features",
    "spike_terms",
]

_MATTERS = 1e-3  # relative change of an error that is worth a term
_REFINES = 3e-3  # relative change at a doubling of the quadrature below which the finer rule is taken
_LADDER = ((16, 8), (32, 16), (64, 32), (128, 64))
_PRODUCTS = ((16, 8), (24, 12), (32, 16))  # where several rules multiply
_REFINES_PRODUCT = 2e-2  # the same there: the finer of two rules is off by a fifth of the change or less
_AS_GOOD = 5e-3  # the same there, below which the coarser is kept: it has a third of the nodes
_FEW = 3  # amplified directions beside which the spread of the neurons' norms takes seconds
# spacing of the latent along the step; nodes of g, of the noise across and of a neuron's overlap
_SPIKES = ((0.27, 8, 3, 5), (0.27, 8, 3, 3), (0.27, 6, 2, 3))
_BULK = ((0.4, 8, 2, 3), (0.4, 6, 2, 3))  # points of the axis are many
_SATURATED = 0.05  # share of samples with few large entries from which the bulk sees that they are
_PULLS = 2  # nodes of a neuron's own pull there; a third changes no count by .001 N
_NODES = 200  # of samples and neurons, at which bulk and spikes take seconds
_COARSER = ((16, 10), (16, 8))  # products of rules for them; spikes ask for nodes of g
_AMPLIFIES = 1.5e-2  # change of an error from which small amplified directions are worth ten times the time
MAX_DEGREE = 4
_STRENGTH = 1e-3  # N r ω A_k²/D_k below which a degree is not tried


@dataclass(frozen=True)
class Resolution:
    """The terms of the law that a prediction keeps, and what those left out would have changed.

    Attributes
    ----------
    terms : Terms or CovarianceTerms
        The latter where the inputs have a covariance.
    dropped : tuple of (str, float)
        Name of a term, and the largest relative change of an error that it would have made.
    unresolved : float
        Relative change of the errors at the last doubling of the quadrature.
    batches : tuple of (float, (float, float, float))
        At the smallest and the largest penalty what the mean over batches is of objective, train and test error at the
        expected θ of amplified directions; empty without them.
    """

    terms: Terms | CovarianceTerms
    dropped: tuple[tuple[str, float], ...]
    unresolved: float
    batches: tuple[tuple[float, tuple[float, float, float]], ...] = ()

    def over_batches(self, errors: RidgeErrors) -> RidgeErrors:
        """Errors at the expected batch as means over batches; between two penalties by log λ."""
        if not self.batches:
            return errors
        logs = np.log([lam for lam, _ in self.batches])
        factors = np.array([factor for _, factor in self.batches])
        objective, train, test = (float(np.interp(np.log(errors.ridge), logs, column)) for column in factors.T)
        return RidgeErrors(
            errors.ridge, objective * errors.objective, train * errors.train_error, test * errors.test_error
        )


def equivalent_features(
    problem: Problem,
    *,
    gradient_order: int = 2,
    orders: tuple[int, int] | None = None,
    _leading: bool = False,
) -> EquivalentFeatures:
    """Build the equivalent features of a problem, with the terms that it needs.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        1 keeps the direction β alone; 2 adds the matrix term η a_j μ₂ Ŷ w_j of the step.
    orders : (int, int), optional
        Gauss-Hermite nodes for u and, with a gaussian second layer, for g; by default as many as the errors ask for.
        Nodes that stand for less than 1e-6 samples or neurons are left out.

    Returns
    -------
    EquivalentFeatures

    Raises
    ------
    ArithmeticError
        If the law of the step's matrix term does not come out (see `theory.step_matrix.step_law`), or a fixed point is
        not reached.
    """
    return features_of(problem, resolve(problem, gradient_order, orders=orders, leading=_leading))


def features_of(problem: Problem, resolution: Resolution) -> EquivalentFeatures:
    """The equivalent features of a problem with the terms of its resolution.

    Parameters
    ----------
    problem : Problem
    resolution : Resolution

    Returns
    -------
    EquivalentFeatures
    """
    if isinstance(resolution.terms, CovarianceTerms):
        return build_covariance_features(problem, resolution.terms)
    return build_features(isotropic_form(problem), resolution.terms)


def spectral_features(problem: Problem, resolution: Resolution) -> tuple[EquivalentFeatures, EquivalentFeatures | None]:
    """The features that bulk and spikes are taken from, coarser than those of the errors where a point costs much.

    Where several rules multiply, the finest is taken that has no more than 200 nodes, since a point costs their number
    cubed. With a covariance the direction of the step is no class of the bulk's coordinates, and where it has saturated
    the features their large entries are seen.

    Parameters
    ----------
    problem : Problem
    resolution : Resolution

    Returns
    -------
    of_bulk : EquivalentFeatures
    of_step : EquivalentFeatures or None
        For the step's spikes, where those of the bulk do not tell them.
    """
    terms = resolution.terms
    if isinstance(terms, Terms):
        terms = dataclasses.replace(terms, neuron_norms=1, degree_zero=False)  # two nodes are twice as many codes
        for orders in (terms.orders, *(_COARSER if terms.amplified else ())):
            eq = build_features(isotropic_form(problem), dataclasses.replace(terms, orders=orders))
            if len(eq.u) + len(eq.g) <= _NODES:
                break
        return eq, None
    of_bulk = dataclasses.replace(_affordable(problem, terms, _BULK), aside=problem.step_size > 0.0, spectral=True)
    if problem.step_size > 0.0:
        even = dataclasses.replace(of_bulk, norms=1)  # norms of neurons matter little where features are saturated
        if saturated_share(problem, even) > _SATURATED:
            of_bulk = dataclasses.replace(even, entries=True, pulls=_PULLS)
    return build_covariance_features(problem, of_bulk), build_covariance_features(problem, spike_terms(problem, terms))


def spike_terms(problem: Problem, terms: CovarianceTerms) -> CovarianceTerms:
    """The terms, as finely resolved as spikes can afford.

    Parameters
    ----------
    problem : Problem
    terms : CovarianceTerms

    Returns
    -------
    CovarianceTerms
    """
    return _affordable(problem, terms, _SPIKES)


def _affordable(
    problem: Problem, terms: CovarianceTerms, ladder: tuple[tuple[float, int, int, int], ...]
) -> CovarianceTerms:
    """The first rung of few enough nodes, or the last; without a neuron's overlap there is one."""
    if not terms.overlaps:
        return dataclasses.replace(terms, orders=min(terms.orders, (24, 8)), across=5)
    moved = moved_neurons(problem, dataclasses.replace(terms, orders=(8, 4), across=2))
    pull = float(np.max(np.hypot(*moved.neurons.pull.T)))
    focus = min(1.0, float(np.sqrt(np.min(moved.kappa2))) / pull)
    coarser = terms
    for spacing, codes, across, overlaps in ladder:
        orders = (focused_order(focus, spacing), codes)
        coarser = dataclasses.replace(terms, orders=orders, across=across, overlaps=overlaps, focus=focus)
        moved = moved_neurons(problem, coarser)
        if len(moved.frame.latents) + len(moved.neurons.g) <= _NODES:
            break
    return coarser


def resolve(
    problem: Problem, gradient_order: int, *, orders: tuple[int, int] | None = None, leading: bool = False
) -> Resolution:
    """Choose the terms of the law for a problem.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
    orders : (int, int), optional
        Quadrature orders, if they are not to be chosen.
    leading : bool
        Leave out all that vanishes when n, n₀, d and N grow in proportion and κ² − 1 is small: isotropic noise, q = 1
        and the first degree alone.

    Returns
    -------
    Resolution
    """
    problem = isotropic_form(problem)
    if problem.law_of_x is not None:
        return Resolution(*covariance_terms(problem, gradient_order, orders=orders))
    return _resolved(WithoutPenalty(problem), extreme_penalties(problem), gradient_order, orders, leading)


@lru_cache(maxsize=256)
def _resolved(
    of: WithoutPenalty,
    extremes: tuple[float, ...],
    gradient_order: int,
    orders: tuple[int, int] | None,
    leading: bool,
) -> Resolution:
    problem = of.problem
    count, amplified = (0, False) if leading or gradient_order == 1 else amplified_directions(problem)
    base = Terms(gradient_order, noise=not leading, amplified=amplified)
    trial = _Trial(of, extremes)
    unresolved, dropped = 0.0, []
    if count > 0 and not amplified:
        few = dataclasses.replace(base, orders=_PRODUCTS[0])
        change = _change(trial.errors(dataclasses.replace(few, amplified=True)), trial.errors(few))
        amplified = change > _AMPLIFIES
        base = dataclasses.replace(base, amplified=amplified)
        if not amplified:
            dropped.append(("amplified directions", change))
    if orders is None:
        ladder, enough = (_PRODUCTS, _REFINES_PRODUCT) if amplified else (_LADDER, _REFINES)
        before = trial.errors(dataclasses.replace(base, orders=ladder[0]))
        for coarser, finer in pairwise(ladder):
            errors = trial.errors(dataclasses.replace(base, orders=finer))
            unresolved = _change(errors, before)
            # the change at a doubling is that of the coarser rule
            orders = coarser if amplified and unresolved < _AS_GOOD else finer
            if unresolved < enough:
                break
            before = errors
    assert orders is not None
    base = dataclasses.replace(base, orders=orders)
    if leading:
        return Resolution(base, (), unresolved)
    coarse = dataclasses.replace(base, orders=min(base.orders, (16, 8) if amplified else (32, 16)))
    reference = trial.errors(coarse)
    for degree, strength in enumerate(trial.strengths(coarse), 2):
        if strength < _STRENGTH:
            if degree == base.degree + 1:
                dropped.append((f"degree {degree}", min(strength, _MATTERS)))
            continue
        wider = dataclasses.replace(coarse, degree=degree)
        errors = trial.errors(wider)
        change = _change(errors, reference)
        if change < _MATTERS:
            dropped.append((f"degree {degree}", change))
            continue
        base = dataclasses.replace(base, degree=degree)
        coarse, reference = wider, errors
    change = _change(trial.errors(dataclasses.replace(coarse, norms=2)), reference)
    if change > _MATTERS or _has_radial_outlier(problem):
        base = dataclasses.replace(base, norms=2)
    else:
        dropped.append(("norm of a sample", change))
    if amplified and count <= _FEW:
        change = _change(trial.errors(dataclasses.replace(coarse, neuron_norms=2)), reference)
        if change > _MATTERS:
            base = dataclasses.replace(base, neuron_norms=2)
        else:
            dropped.append(("norm of a neuron", change))
    return Resolution(base, tuple(dropped), unresolved, _over_batches(trial, base) if amplified else ())


@lru_cache(maxsize=64)
def errors_at(of: WithoutPenalty, terms: Terms, lams: tuple[float, ...]) -> tuple[FixedPoint, tuple[RidgeErrors, ...]]:
    """Fixed points and errors of a problem at some penalties, started from those of the next poorer terms.

    Parameters
    ----------
    of : WithoutPenalty
    terms : Terms
    lams : tuple of float

    Returns
    -------
    points : FixedPoint
    errors : tuple of RidgeErrors
    """
    eq = build_features(of.problem, terms)
    poorer = _poorer(terms)
    start = None
    if poorer is not None:
        start = _carried(build_features(of.problem, poorer), errors_at(of, poorer, lams)[0], eq)
    points = solve_together(eq, lams, start)
    return points, errors_along(eq, points)


def end_points(problem: Problem, resolution: Resolution) -> tuple[FixedPoint, tuple[RidgeErrors, ...]]:
    """Fixed points and errors of a problem at its smallest and its largest penalty, with no neighbour to start from.

    Parameters
    ----------
    problem : Problem
    resolution : Resolution

    Returns
    -------
    points : FixedPoint
    errors : tuple of RidgeErrors
    """
    ends = extreme_penalties(problem)
    if not isinstance(resolution.terms, CovarianceTerms):
        return errors_at(WithoutPenalty(isotropic_form(problem)), resolution.terms, ends)
    eq = features_of(problem, resolution)
    points = solve_together(eq, ends)
    return points, errors_along(eq, points)


def extreme_penalties(problem: Problem) -> tuple[float, ...]:
    """The smallest and the largest penalty of a problem, or its only one.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    tuple of float
    """
    return tuple(sorted({min(problem.ridges), max(problem.ridges)}))


def _poorer(terms: Terms) -> Terms | None:
    """Terms that were tried before, or None."""
    if terms.amplified:
        return None
    if terms.norms > 1:
        return dataclasses.replace(terms, norms=1)
    if terms.degree > 1:
        return dataclasses.replace(terms, degree=terms.degree - 1)
    if terms.orders in _LADDER[1:]:
        return dataclasses.replace(terms, orders=_LADDER[_LADDER.index(terms.orders) - 1])
    return None


def _carried(poor: EquivalentFeatures, point: FixedPoint, rich: EquivalentFeatures) -> FixedPoint:
    """A start on other nodes of u and g."""
    order = np.argsort(poor.g)
    r = [np.interp(rich.g, poor.g[order], row) for row in np.log(point.r[:, order])]
    w = [np.interp(rich.u, poor.u, row) for row in np.log(point.w)]
    return FixedPoint(point.lam, np.exp(r), np.exp(w), np.full(len(r), np.inf), 0)


def _over_batches(trial: _Trial, terms: Terms) -> tuple[tuple[float, tuple[float, float, float]], ...]:
    """Means of the errors over batches in units of the expected batch's, by the coarsest rules."""
    coarse = dataclasses.replace(terms, orders=_PRODUCTS[0], norms=1, neuron_norms=1)
    count = batches(trial.problem)
    if count == 0:
        return ()
    at_batches = [trial.errors(dataclasses.replace(coarse, batch=i)) for i in range(1, count + 1)]
    factors = np.mean(at_batches, axis=0) / trial.errors(coarse)
    return tuple((lam, tuple(row)) for lam, row in zip(trial.extremes, factors.tolist(), strict=True))


class _Trial:
    """Errors of a problem under different terms."""

    def __init__(self, of: WithoutPenalty, extremes: tuple[float, ...]) -> None:
        self.problem, self.of, self.extremes = of.problem, of, extremes

    def errors(self, terms: Terms) -> np.ndarray:
        """Objective, train and test error at the extreme penalties."""
        values = errors_at(self.of, terms, self.extremes)[1]
        return np.array([[one.objective, one.train_error, one.test_error] for one in values])

    def strengths(self, terms: Terms) -> list[float]:
        """Σ_b N_b r_b Σ_s ω_s A_k²/D_k at the smallest penalty, for k = 2 … the highest degree."""
        eq, point = build_features(self.problem, terms), errors_at(self.of, terms, self.extremes)[0]
        omega, strength = eq.latent_weights / point.w[0], eq.neurons * point.r[0]
        return [
            float((omega @ A**2) @ strength / degree_dimension(self.problem.d, degree))
            if self.problem.d > degree
            else 0.0
            for degree, A in enumerate(degree_parts(self.problem, terms, MAX_DEGREE)[1:], 2)
        ]


def _change(errors: np.ndarray, other: np.ndarray) -> float:
    return float(np.max(np.abs(errors / other - 1.0)))


def _has_radial_outlier(problem: Problem) -> bool:
    """Whether E σ(√q Z) as a function of q = ‖x‖²/d throws an outlier of its own off the initial bulk.

    Its variance over samples is μ₂²/2d, so that it adds the population eigenvalue Nμ₂²/2d.
    """
    strength = problem.width * slope_moments(problem.sigma).second ** 2 / (2.0 * problem.d)
    _, c1, rest = feature_energies(problem)
    if strength < 0.1 * (c1**2 + rest):
        return False
    # a population eigenvalue detaches where it lies outside the bands' ends in ζ, in gaps too
    radial = strength + c1**2 + rest
    law = initial_law(problem)
    if any(low <= radial <= high for low, high in law.population.bands):
        return False
    return bool(law.inverse_map(np.array([radial]))[1][0] > 0.0)
