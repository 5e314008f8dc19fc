"""Ridge regression after one giant step on labels without their linear part, up to n = O(d²): the learning curve.

With the linear part of the labels gone, the step is α_j(μ₂Ŷw_j + ε_j), α_j = ηa_j, Ŷ = X₀ᵀ diag(r) X₀/n₀, and the
outlier eigenvectors of Ŷ hold the target's directions. The errors are those of `theory.conditional_equivalent` for a
problem whose step has labels of its own.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.prediction import predict_errors
from theory.conditional_equivalent.resolution import Resolution, resolve
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.statement.target import Target, target_from
from theory.step_labels import Relabelled, StepLabels, latent_rule, statistics_of_labels, step_labels
from theory.step_outliers import StepBulk, bulk_of, outliers_of

__all__ = ["READOUTS", "LearningPrediction", "StepSpectrum", "predict_learning", "step_spectrum"]

READOUTS = ("exact", "ols", "none")
"""What the second layer's labels lose before the fit, and its predictions gain: their exact mean and linear part, a
least-squares fit on [1, x] to the same batch, or nothing."""

_FIRST = 0.28  # eigenvalues that a law has beyond the mean of the largest: 2|x|^(3/2)/3π at x = −1.2065


@dataclass(frozen=True, eq=False)
class StepSpectrum:
    """Spectrum of Ŷ for labels r without linear part: a bulk, and outliers that hold the target's directions.

    Attributes
    ----------
    edges : (float, float)
        Where the extreme eigenvalues of the bulk are expected.
    outliers : ndarray, shape (K,)
        Eigenvalues θ_c clear of the bulk, by decreasing distance from 0.
    overlap : ndarray, shape (k, K)
        Columns W⋆u_c for the outliers' unit eigenvectors u_c.
    noise : ndarray, shape (K,)
        E[r²u_c²]/E r² over the batch: the noise along u_c over that along any other direction.
    beta : ndarray, shape (K,)
        ⟨β, u_c⟩ for β = X₀ᵀr/n₀; zero after a least-squares fit.
    beta_rest : float
        Length of β outside the outliers.
    power : float
        E r².
    """

    edges: tuple[float, float]
    outliers: np.ndarray
    overlap: np.ndarray
    noise: np.ndarray
    beta: np.ndarray
    beta_rest: float
    power: float


@dataclass(frozen=True, eq=False)
class LearningPrediction:
    """Errors of ridge regression on the features after the step, at each penalty.

    Attributes
    ----------
    ridge : tuple of float
    test_error, train_error, objective : ndarray, shape (L,)
        Noise included; with an ``ols`` readout the test error counts the error of that fit.
    spectrum : StepSpectrum
    resolution : Resolution
        The terms of the law that were kept, and what its quadrature leaves open.
    """

    ridge: tuple[float, ...]
    test_error: np.ndarray
    train_error: np.ndarray
    objective: np.ndarray
    spectrum: StepSpectrum
    resolution: Resolution


# The labels -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rest:
    """A target less its mean and linear part, times a factor."""

    target: Target
    factor: float = 1.0

    def __call__(self, z: np.ndarray) -> np.ndarray:
        nodes, w, g = latent_rule(self.target)
        return self.factor * (self.target(z) - float(w @ g) - z @ ((w * g) @ nodes))


def _without_linear_part(target: Target, factor: float = 1.0) -> Target:
    return target_from(_Rest(target, factor), target, f"{target.name} less its linear part")


def _power(problem: Problem) -> float:
    """E r², noise included."""
    _, w, r = latent_rule(_without_linear_part(problem.teacher))
    return float(w @ r**2) + problem.noise**2


def _step_labels(problem: Problem, preprocessing: str) -> StepLabels:
    """The law of the step's label less its mean and linear part.

    A least-squares fit on the same batch takes the share h = (d + 1)/n₀ of each label along, and adds what it takes of
    the others: (1 − h) r and a noise of variance h(1 − h) E r².
    """
    plain = step_labels(problem)
    if preprocessing == "exact":
        return dataclasses.replace(plain, target=_without_linear_part(problem.teacher))
    h = (problem.d + 1) / problem.n0
    noise = math.sqrt((1.0 - h) ** 2 * problem.noise**2 + h * (1.0 - h) * _power(problem))
    return dataclasses.replace(plain, target=_without_linear_part(problem.teacher, 1.0 - h), noise=noise, fitted=True)


def _relabelled(problem: Problem, preprocessing: str, readout: str) -> Relabelled:
    """The problem with the labels that step and second layer see."""
    fields = {one.name: getattr(problem, one.name) for one in dataclasses.fields(problem)}
    if readout != "none":
        fields["target"] = _without_linear_part(problem.teacher)
    return Relabelled(**fields, labels=_step_labels(problem, preprocessing))


# The spectrum of Ŷ ----------------------------------------------------------------------------------------------------


def step_spectrum(problem: Problem, *, preprocessing: str = "exact") -> StepSpectrum:
    """Bulk and outliers of Ŷ = X₀ᵀ diag(r) X₀/n₀, r the labels without mean and linear part, at the problem's n₀ and d.

    Polynomial labels have no edge, a sample has: the rare labels, of which n₀ samples hold less than one, keep what
    they pull at the pole of the largest expected, and are left out of the bulk: each has an eigenvalue of its own.
    The outliers are those of `theory.step_outliers`.

    Parameters
    ----------
    problem : Problem
    preprocessing : {"exact", "ols"}
        How the labels lost their linear part: a least-squares fit on the batch shrinks what is left and makes it noisy.

    Returns
    -------
    StepSpectrum

    Raises
    ------
    ValueError
        If nothing is left of the labels.
    ArithmeticError
        If the bulk does not come out with mass 1 within 2 %, or its transform does not converge.
    """
    require_isotropic(problem, "the learning curve of giant steps")
    require_gradient_descent(problem, "the learning curve of giant steps")
    _, w, g = latent_rule(problem.teacher)
    power = _power(problem)
    if not power > 1e-12 * (float(w @ g**2) + problem.noise**2):
        raise ValueError(f"`target` must have more than a linear part; {problem.teacher.name} has no other")
    labels = _step_labels(problem, preprocessing)
    found, bulk = outliers_of(labels, problem.n0), bulk_of(labels, problem.n0)
    mass = float(bulk.masses.sum())
    if abs(mass - 1.0) > 0.02:
        raise ArithmeticError(
            f"the bulk of the law of Ŷ came out with mass {mass:.3f}: for this number of samples the labels' tails are "
            "too heavy; raise `n`"
        )
    right, left = (_quantile(bulk, level) for level in (_FIRST / problem.d, 1.0 - _FIRST / problem.d))
    beta = 0.0 * found.along_beta if labels.fitted else found.along_beta
    length2 = 0.0 if labels.fitted else statistics_of_labels(labels).beta_norm2
    return StepSpectrum(
        edges=(left, right),
        outliers=found.theta,
        overlap=found.overlap,
        noise=found.noise / power,
        beta=beta,
        beta_rest=math.sqrt(max(length2 - float(beta @ beta), 0.0)),
        power=power,
    )


def _quantile(bulk: StepBulk, level: float) -> float:
    """Where the law has the share `level` to its right."""
    share = bulk.masses / bulk.masses.sum()
    return float(np.interp(level, np.cumsum(share) - 0.5 * share, bulk.nodes))


# The errors -----------------------------------------------------------------------------------------------------------


def predict_learning(problem: Problem, *, preprocessing: str = "ols", readout: str = "ols") -> LearningPrediction:
    """Ridge errors after one giant step on labels without mean and linear part, at the actual n, n₀, d and N.

    Parameters
    ----------
    problem : Problem
        η = 0 gives random features.
    preprocessing : {"ols", "exact"}
        How the step's labels lost their linear part.
    readout : {"ols", "exact", "none"}
        See `READOUTS`.

    Returns
    -------
    LearningPrediction

    Raises
    ------
    ValueError
        If an argument breaks its rule, the target is linear, or n ≤ d + 1 with an ``ols`` readout.
    ArithmeticError
        If a fixed point is not reached.

    Notes
    -----
    One law with `theory.predict`: for a target without linear part, ``exact`` and ``none`` give its errors. With an
    ``exact`` preprocessing the step still moves every neuron by α_jc₁β, β = X₀ᵀr/n₀; a least-squares fit leaves β = 0.
    An ``ols`` readout adds E r² d/(n − d − 1) to the test error.
    """
    if preprocessing not in ("ols", "exact"):
        raise ValueError(f"`preprocessing` must be ols or exact for the predicted curve; got {preprocessing!r}")
    if readout not in READOUTS:
        raise ValueError(f"`readout` must be one of {', '.join(READOUTS)}; got {readout!r}")
    if readout == "ols" and problem.n <= problem.d + 1:
        raise ValueError(f"`n` must be larger than d + 1 = {problem.d + 1} for an ols readout; got {problem.n}")
    spectrum = step_spectrum(problem, preprocessing=preprocessing)
    relabelled = _relabelled(problem, preprocessing, readout)
    errors = predict_errors(relabelled)
    objective, train, test = np.array([(one.objective, one.train_error, one.test_error) for one in errors]).T
    if readout == "ols":
        test = test + spectrum.power * problem.d / (problem.n - problem.d - 1)
    return LearningPrediction(problem.ridges, test, train, objective, spectrum, resolve(relabelled, 2))
