"""Which step, which penalty, how many samples for each: the law of `theory.predict_errors`, minimised.

A prediction of the errors takes milliseconds once the law of the step is known, so that what to do is found by search:
the penalty λ on a logarithmic grid, refined by parabolas; the step η likewise, each with its own best λ; the share of
the samples that the step gets likewise, each with its own best η and λ. The search keeps to steps that the law was
compared with, and says where the best of them is the largest.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.covariance_resolution import isotropic_form
from theory.conditional_equivalent.features import Terms, build_features
from theory.conditional_equivalent.fixed_point import FixedPoint, solve
from theory.conditional_equivalent.latent_functions import ridge_errors
from theory.conditional_equivalent.resolution import resolve
from theory.conditional_equivalent.validity import largest_step, validity
from theory.statement.arguments import integer, real
from theory.statement.problem import Problem, require_isotropic

__all__ = ["LEAST_SAMPLES", "Advice", "PayMap", "best_ridge", "best_split", "best_step", "step_pays"]

LEAST_SAMPLES = 16
"""Of a budget that step and fit share."""

_RIDGES = (1e-4, 1e2)
_PER_DECADE = 2
_STEPS = 14
_SMALLEST_STEP = 1e-2  # η/√N
_SHARES = (0.1, 0.3, 0.5, 0.7, 0.85)
_LARGEST_SHARE = 0.97
_WITHIN = 0.01
_REFINEMENTS = 4
_PAYS = 1e-3  # relative gain below which the best step is none


@dataclass(frozen=True, eq=False)
class Profile:
    """Best test error at fixed values of one quantity, everything else that is free at its best.

    Attributes
    ----------
    values, test_error : ndarray, shape (P,)
        In increasing order of the values.
    within : (float, float)
        Interval around the best whose test errors are at most 1 % larger, by linear interpolation in log value; an end
        of the search is an end of it.
    """

    values: np.ndarray
    test_error: np.ndarray

    @property
    def within(self) -> tuple[float, float]:
        """The interval within 1 % of the best."""
        best = int(np.argmin(self.test_error))
        limit = (1.0 + _WITHIN) * self.test_error[best]
        return self._crossing(best, -1, limit), self._crossing(best, 1, limit)

    def _crossing(self, best: int, direction: int, limit: float) -> float:
        x, e, i = np.log(self.values), self.test_error, best
        while 0 <= i + direction < len(x):
            j = i + direction
            if e[j] > limit:
                return float(np.exp(x[i] + (x[j] - x[i]) * (limit - e[i]) / (e[j] - e[i])))
            i = j
        return float(self.values[i])


@dataclass(frozen=True, eq=False)
class Advice:
    """A recommended problem.

    Attributes
    ----------
    problem : Problem
        With what was free at its best; η = 0 where no step is worth its while.
    test_error : float
        Predicted there.
    profiles : dict of str to Profile
        By the names of the fields that were free: ``ridge``, ``eta``, ``n_step``.
    at_edge : tuple of str
        Fields whose best value is the last that the search, or the law, goes to.
    validity : tuple of str
        As that of `theory.predict` at the recommended problem.
    """

    problem: Problem
    test_error: float
    profiles: dict[str, Profile]
    at_edge: tuple[str, ...]
    validity: tuple[str, ...]


def best_ridge(problem: Problem) -> Advice:
    """The penalty λ with the smallest predicted test error.

    Parameters
    ----------
    problem : Problem
        Its `ridge` is not looked at.

    Returns
    -------
    Advice

    Raises
    ------
    ArithmeticError
        As `theory.predict`.

    Examples
    --------
    >>> from theory import Problem
    >>> features = best_ridge(Problem(n=1000, d=500, width=750, eta=0.0))
    >>> print(f"{features.problem.ridge:.2f} {features.test_error:.3f}")
    0.35 1.421
    """
    terms = _terms(problem)
    for _ in range(2):
        profile, at_edge = _over_ridges(problem, terms)
        chosen = problem.replace(ridge=_best(profile))
        terms, last = _terms(chosen), terms
        if terms == last:
            break
    return _advice(chosen, {"ridge": profile}, ("ridge",) if at_edge else ())


def best_step(problem: Problem) -> Advice:
    """The step η and the penalty λ with the smallest predicted test error.

    Parameters
    ----------
    problem : Problem
        Its `eta`, `alpha`, `scale` and `ridge` are not looked at.

    Returns
    -------
    Advice
        Of η = 0 where the best step does not lower the test error of random features by a thousandth.

    Raises
    ------
    ArithmeticError
        As `theory.predict`.
    """
    found = _best_step(problem)
    still = best_ridge(problem.replace(eta=0.0))
    if found.test_error > (1.0 - _PAYS) * still.test_error:
        return dataclasses.replace(still, profiles=still.profiles | {"eta": found.profiles["eta"]})
    return found


def best_split(problem: Problem, samples: int | None = None, *, shares: Sequence[float] = _SHARES) -> Advice:
    """How many of a budget of samples the step should have, with the best η and λ.

    Parameters
    ----------
    problem : Problem
        Its `n`, `n_step`, `eta`, `alpha`, `scale` and `ridge` are not looked at.
    samples : int, optional
        Of the step and the fit together; n + n₀ of the problem by default.
    shares : sequence of float
        Of the step, where the search begins.

    Returns
    -------
    Advice
        Of η = 0, all samples in the fit, where random features do as well.

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    ArithmeticError
        As `theory.predict`.
    """
    total = problem.n + problem.n0 if samples is None else integer("samples", samples, LEAST_SAMPLES)
    counts = [min(max(2, round(real("shares", s, minimum=0.0, maximum=1.0) * total)), total - 2) for s in shares]
    found: dict[int, Advice] = {}

    def error(log_count: float) -> float:
        count = min(max(2, round(math.exp(log_count))), total - 2)
        if count not in found:
            found[count] = _best_step(problem.replace(n=total - count, n_step=count))
        return found[count].test_error

    ends = math.log(2.0), math.log(_LARGEST_SHARE * total)
    at_edge = _minimised(error, np.log(sorted(set(counts))), 2, bounds=ends)[1]
    sizes = sorted(found)
    profile = Profile(np.array(sizes, dtype=float), np.array([found[count].test_error for count in sizes]))
    best = found[int(_best(profile))]
    still = best_ridge(problem.replace(eta=0.0, n=total, n_step=None))
    if best.test_error > (1.0 - _PAYS) * still.test_error:
        return dataclasses.replace(still, profiles=still.profiles | {"n_step": profile})
    edge = (*best.at_edge, "n_step") if at_edge else best.at_edge
    return dataclasses.replace(best, profiles=best.profiles | {"n_step": profile}, at_edge=edge)


@dataclass(frozen=True, eq=False)
class PayMap:
    """Whether a step pays, over n/d and the label noise.

    Attributes
    ----------
    samples_per_dimension : ndarray, shape (R,)
        All samples, of step and fit, over d.
    noise : ndarray, shape (S,)
    with_step, without : ndarray, shape (S, R)
        Best test errors: half of the samples in the step, and all in the fit of random features.
    eta : ndarray, shape (S, R)
        The best step.
    at_edge : ndarray of bool, shape (S, R)
        Where that is the largest which the law goes to.
    """

    samples_per_dimension: np.ndarray
    noise: np.ndarray
    with_step: np.ndarray
    without: np.ndarray
    eta: np.ndarray
    at_edge: np.ndarray

    @property
    def gain(self) -> np.ndarray:
        """1 − with/without: positive where a step pays."""
        return 1.0 - self.with_step / self.without


def step_pays(problem: Problem, samples_per_dimension: Sequence[float], noise: Sequence[float]) -> PayMap:
    """Best errors with a step on half of the samples and without a step on all of them.

    Parameters
    ----------
    problem : Problem
        Gives d, N and the rest; its sizes of batches, step, penalty and noise are not looked at.
    samples_per_dimension : sequence of float
        All samples over d.
    noise : sequence of float
        Standard deviations of the label noise.

    Returns
    -------
    PayMap

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    ArithmeticError
        As `theory.predict`.
    """
    ratios = [real("samples_per_dimension", x, positive=True) for x in samples_per_dimension]
    levels = [real("noise", x, minimum=0.0) for x in noise]
    shape = len(levels), len(ratios)
    after, before, eta, edge = np.empty(shape), np.empty(shape), np.empty(shape), np.zeros(shape, dtype=bool)
    for i, level in enumerate(levels):
        for j, ratio in enumerate(ratios):
            half = max(2, round(0.5 * ratio * problem.d))
            stated = problem.replace(n=half, n_step=None, noise=level)
            found = _best_step(stated)
            after[i, j], eta[i, j], edge[i, j] = found.test_error, found.problem.step_size, "eta" in found.at_edge
            before[i, j] = best_ridge(stated.replace(n=2 * half, eta=0.0)).test_error
    return PayMap(np.array(ratios), np.array(levels), after, before, eta, edge)


# The search -----------------------------------------------------------------------------------------------------------


def _terms(problem: Problem) -> Terms:
    """The terms of the law that a problem needs, but for latents beside ⟨x, β̂⟩, which no search has the time for."""
    require_isotropic(isotropic_form(problem), "advice")
    terms = resolve(problem, 2).terms
    assert isinstance(terms, Terms)
    return dataclasses.replace(terms, amplified=False)


def _advice(problem: Problem, profiles: dict[str, Profile], at_edge: tuple[str, ...]) -> Advice:
    error = float(min(profile.test_error.min() for profile in profiles.values()))
    return Advice(problem, error, profiles, at_edge, validity(problem, resolve(problem, 2)))


def _best(profile: Profile) -> float:
    return float(profile.values[int(np.argmin(profile.test_error))])


def _over_ridges(
    problem: Problem, terms: Terms, around: float | None = None, *, refinements: int = _REFINEMENTS
) -> tuple[Profile, bool]:
    """Test error over λ, and whether the best is at the end: of all penalties, or of some around one."""
    eq = build_features(isotropic_form(problem), terms)
    points: dict[float, FixedPoint] = {}

    def error(log_ridge: float) -> float:
        lam = math.exp(log_ridge)
        start = points[min(points, key=lambda other: abs(math.log(other) - log_ridge))] if points else None
        points[lam] = solve(eq, lam, start)
        return ridge_errors(eq, points[lam]).test_error

    low, high = (math.log(x) for x in _RIDGES)
    if around is None:
        grid = np.linspace(high, low, round(_PER_DECADE * (high - low) / math.log(10.0)) + 1)
    else:
        grid = np.clip(math.log(around) + np.array([1.2, 0.0, -1.2]), low, high)
    values, at_edge = _minimised(error, grid, refinements, bounds=(low, high))
    order = np.argsort([x for x, _ in values])
    pairs = [values[i] for i in order]
    return Profile(np.exp([x for x, _ in pairs]), np.array([e for _, e in pairs])), at_edge


def _best_step(problem: Problem) -> Advice:
    """The best η > 0 with its best λ."""
    low, high = math.log(_SMALLEST_STEP * math.sqrt(problem.width)), math.log(largest_step(problem))
    found: dict[float, tuple[Profile, bool]] = {}
    at = problem.replace(eta=math.exp(0.5 * (low + high) + 0.25 * (high - low)))
    terms = _terms(at.replace(ridge=_best(_over_ridges(at, _terms(at))[0])))

    def error(log_eta: float) -> float:
        stated = problem.replace(eta=math.exp(log_eta))
        known = [x for x in found if abs(x - log_eta) < 0.8]
        around = _best(found[min(known, key=lambda x: abs(x - log_eta))][0]) if known else None
        found[log_eta] = _over_ridges(stated, terms, around, refinements=_REFINEMENTS if around is None else 3)
        return float(found[log_eta][0].test_error.min())

    for _ in range(2):
        found.clear()
        values, at_edge = _minimised(error, np.linspace(low, high, _STEPS), _REFINEMENTS)
        pairs = sorted(values)
        best = min(pairs, key=lambda pair: pair[1])[0]
        ridges, ridge_at_edge = _over_ridges(problem.replace(eta=math.exp(best)), terms)
        chosen = problem.replace(eta=math.exp(best), ridge=_best(ridges))
        terms, last = _terms(chosen), terms
        if terms == last:
            break
    steps = Profile(np.exp([x for x, _ in pairs]), np.array([e for _, e in pairs]))
    edges = [
        name for name, at_end in (("eta", at_edge and best > 0.5 * (low + high)), ("ridge", ridge_at_edge)) if at_end
    ]
    return _advice(chosen, {"eta": steps, "ridge": ridges}, tuple(edges))


def _minimised(
    function: Callable[[float], float], grid: np.ndarray, refinements: int, bounds: tuple[float, float] | None = None
) -> tuple[list[tuple[float, float]], bool]:
    """A function on a grid, extended while its end is the best as far as there are bounds, and refined by parabolas.

    Returns
    -------
    values : list of (float, float)
    at_edge : bool
        Whether the best is the last point that may be.
    """
    values = [(float(x), function(float(x))) for x in dict.fromkeys(grid.tolist())]
    low, high = bounds if bounds is not None else (float(grid.min()), float(grid.max()))
    while True:
        values.sort()
        i = min(range(len(values)), key=lambda at: values[at][1])
        if 0 < i < len(values) - 1:
            break
        x = values[i][0]
        further = max(low, x - 1.2) if i == 0 else min(high, x + 1.2)
        if abs(further - x) < 1e-9:
            return values, True
        values.append((further, function(further)))
    for _ in range(refinements):
        values.sort()
        i = min(range(len(values)), key=lambda at: values[at][1])
        (a, fa), (b, fb), (c, fc) = values[i - 1 : i + 2]
        slope = (b - a) ** 2 * (fb - fc) - (b - c) ** 2 * (fb - fa)
        curvature = (b - a) * (fb - fc) - (b - c) * (fb - fa)
        x = b - 0.5 * slope / curvature if curvature != 0.0 else b
        nearest = min(abs(x - other) for other, _ in values)
        if nearest < 0.02:  # a parabola that has arrived
            break
        values.append((x, function(x)))
    values.sort()
    return values, False
