"""Which terms the law for inputs with a covariance keeps for a problem, and what the others would have changed."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np

from theory.conditional_equivalent.covariance import CovarianceTerms, build_covariance_features
from theory.conditional_equivalent.fixed_point import FixedPoint, solve
from theory.conditional_equivalent.latent_functions import ridge_errors
from theory.statement.problem import Problem

__all__ = ["covariance_terms", "isotropic_form"]

_EQUAL = 1e-9  # spread of the eigenvalues below which they are one
_MATTERS = 1e-3  # relative change of an error that is worth a term
_REFINES = 5e-3  # relative change at a refinement of the quadrature below which it ends
_LADDER = ((24, 8, 5), (32, 12, 6), (48, 16, 8))  # nodes along the step, of g, and of the noise beside the target
_OVERLAPS = 5
_NORMS = 3


def isotropic_form(problem: Problem) -> Problem:
    """The problem without its covariance where all its eigenvalues are one; itself otherwise.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Problem

    Examples
    --------
    >>> plain = Problem(n=200, d=100, width=150)
    >>> isotropic_form(plain.replace(covariance="power:0")) == plain
    True
    """
    if problem.law_of_x is None or np.max(np.abs(problem.eigenvalues - 1.0)) > _EQUAL:
        return problem
    return problem.replace(covariance=None, direction="uniform")


@lru_cache(maxsize=128)
def covariance_terms(
    problem: Problem, gradient_order: int, *, orders: tuple[int, int] | None = None
) -> tuple[CovarianceTerms, tuple[tuple[str, float], ...], float]:
    """Choose the terms of the law for a problem.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
    orders : (int, int), optional
        Quadrature orders, if they are not to be chosen.

    Returns
    -------
    terms : CovarianceTerms
    dropped : tuple of (str, float)
        Name of a term, and the largest relative change of an error that it would have made.
    unresolved : float
        Relative change of the errors at the last refinement of the quadrature.
    """
    still = problem.step_size == 0.0
    overlaps = _OVERLAPS if not still and problem.teacher.k == 1 else 0
    ladder = _LADDER if orders is None else ((*orders, _LADDER[1][2]),)
    terms = CovarianceTerms(degree=1, norms=_NORMS, overlaps=overlaps, gradient_order=gradient_order)
    unresolved, before = 0.0, None
    for along, codes, across in ladder:
        terms = dataclasses.replace(terms, orders=(along, codes), across=across)
        errors = _errors(problem, terms)
        if before is not None:
            unresolved = _change(errors, before)
            if unresolved < _REFINES:
                break
        before = errors
        if still:
            break
    dropped = []
    changes: tuple[tuple[str, dict[str, Any]], ...] = (("degree 2", {"degree": 2}), ("norm of a neuron", {"norms": 1}))
    for name, change in changes:
        other = dataclasses.replace(terms, **change)
        of_other = _errors(problem, other)
        size, added = _change(of_other, errors), name == "degree 2"
        if (size >= _MATTERS) == added:
            terms, errors = other, of_other
        if size < _MATTERS:
            dropped.append((name, size))
    return terms, tuple(dropped), unresolved


def _errors(problem: Problem, terms: CovarianceTerms) -> np.ndarray:
    """Objective, train and test error at the extreme penalties."""
    eq = build_covariance_features(problem, terms)
    values: list[list[float]] = []
    point: FixedPoint | None = None
    for lam in sorted({min(problem.ridges), max(problem.ridges)}, reverse=True):
        point = solve(eq, lam, point)
        errors = ridge_errors(eq, point)
        values.append([errors.objective, errors.train_error, errors.test_error])
    return np.array(values)


def _change(errors: np.ndarray, other: np.ndarray) -> float:
    return float(np.max(np.abs(errors / other - 1.0)))
