"""Claims of the conditional deterministic equivalent, at every step size and at the actual n."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np

from spikes.simulation import Simulation, simulate
from spikes.validation.claim import Claim, Measured
from theory.conditional_equivalent import Prediction, bulk, density, equivalent_features, predict
from theory.problem import Problem
from theory.random_features import random_feature_errors
from theory.step_matrix import step_statistics

__all__ = ["CLAIMS"]

_SOURCE = "conditional deterministic equivalent (this package)"
_ERRORS = ("test_error", "train_error", "objective")
_FULL = ((500, 64), (1000, 48), (2000, 32))
_QUICK = ((200, 96), (400, 64), (800, 40))
_THRESHOLDS = (0.1, 0.4, 0.8)


def _relu(n: int) -> Problem:
    return Problem(n=n, d=n // 2, width=3 * n // 4, alpha=0.45, ridge=(0.1, 1.0))


def _tanh(n: int) -> Problem:
    return Problem(
        n=n,
        d=n // 2,
        width=3 * n // 4,
        activation="tanh",
        target="sin(z)",
        second_layer="rademacher",
        alpha=0.5,
        ridge=(0.1, 1.0),
    )


def _two_latents(n: int) -> Problem:
    return Problem(
        n=n, n_step=2 * n, d=n // 3, width=2 * n // 3, target="z1 + z1*z2", noise=0.2, alpha=0.5, scale=1.3, ridge=0.1
    )


def _softplus(n: int) -> Problem:
    return Problem(n=n, n_step=2 * n, d=n, width=2 * n, activation="softplus", alpha=0.42, scale=1.5, ridge=(0.01, 0.1))


def _no_step(n: int) -> Problem:
    return Problem(n=n, d=n // 2, width=3 * n // 4, eta=0.0, ridge=(0.1, 1.0))


def _simulated(problem: Problem, sequence: np.random.SeedSequence) -> Simulation:
    return simulate(problem, sequence)


@lru_cache(maxsize=64)
def _predicted(problem: Problem) -> Prediction:
    return predict(problem)


def _controls(run: Simulation) -> dict[str, tuple[float, float]]:
    """Label energy, ‖β‖² and overlaps as they came out, each with its expectation."""
    step = step_statistics(run.problem)
    overlaps = {
        f"overlap {c + 1}": (float(x), float(e)) for c, (x, e) in enumerate(zip(run.overlap, step.overlap, strict=True))
    }
    return {
        "label power": (run.label_power, step.label_power),
        "beta_norm2": (run.beta_norm2, step.beta_norm2),
        **overlaps,
    }


def _errors(of: Any, problem: Problem, before: str = "") -> dict[str, float]:
    return {
        f"{name}, λ = {ridge:g}": float(getattr(of, name + before)[i])
        for name in _ERRORS
        for i, ridge in enumerate(problem.ridges)
    }


def _predict_errors(problem: Problem) -> dict[str, float]:
    return _errors(_predicted(problem), problem)


def _measure_errors(run: Simulation) -> Measured:
    return Measured(_errors(run, run.problem), _controls(run))


def _predict_before(problem: Problem) -> dict[str, float]:
    made = random_feature_errors(problem)
    return {f"{name}, λ = {e.ridge:g}": float(getattr(e, name)) for name in _ERRORS for e in made}


def _measure_before(run: Simulation) -> Measured:
    step = step_statistics(run.problem)
    return Measured(_errors(run, run.problem, "_before"), {"label power": (run.label_power, step.label_power)})


def _predict_shares(problem: Problem) -> dict[str, float]:
    """Masses to the right of the thresholds, by quadrature of the density between them, the outliers counted."""
    eq = equivalent_features(problem)
    law = bulk(eq)
    outliers = len(_predicted(problem).outliers) / problem.n
    pieces = itertools.pairwise((*_THRESHOLDS, law.support[1]))
    # x = middle + half sin(t) takes the roots at the edges out of the integrand
    t, weights = np.polynomial.legendre.leggauss(60)
    masses = []
    for low, high in pieces:
        half = 0.5 * (high - low)
        x = low + half * (1.0 + np.sin(0.5 * np.pi * t))
        masses.append(0.5 * np.pi * half * float(weights @ (density(eq, law, x) * np.cos(0.5 * np.pi * t))))
    above = outliers + np.cumsum(masses[::-1])[::-1]
    return {f"above {x}": float(share) for x, share in zip(_THRESHOLDS, above, strict=True)}


def _measure_shares(run: Simulation) -> dict[str, float]:
    return {f"above {x}": float(np.sum(run.eigenvalues > x)) / run.problem.n for x in _THRESHOLDS}


def _predict_outliers(problem: Problem) -> dict[str, float]:
    return {f"s{i + 1}": o.singular_value for i, o in enumerate(_predicted(problem).outliers)}


def _measure_outliers(run: Simulation) -> Measured:
    count = len(_predicted(run.problem).outliers)
    return Measured({f"s{i + 1}": float(run.singular_values[i]) for i in range(count)}, _controls(run))


def _claim(name: str, **fields: Any) -> Claim:
    return Claim(name=f"conditional/{name}", source=_SOURCE, **({"levels": _FULL, "quick": _QUICK} | fields))


CLAIMS = (
    _claim(
        "errors-relu",
        statement="x",
        problem=_relu,
        experiment=_simulated,
        predict=_predict_errors,
        measure=_measure_errors,
    ),
    _claim(
        "errors-tanh",
        statement="x",
        problem=_tanh,
        experiment=_simulated,
        predict=_predict_errors,
        measure=_measure_errors,
    ),
    _claim(
        "errors-two",
        statement="x",
        problem=_two_latents,
        experiment=_simulated,
        predict=_predict_errors,
        measure=_measure_errors,
    ),
    _claim(
        "errors-softplus",
        statement="x",
        problem=_softplus,
        experiment=_simulated,
        predict=_predict_errors,
        measure=_measure_errors,
    ),
    _claim(
        "errors-before",
        statement="x",
        problem=_relu,
        experiment=_simulated,
        predict=_predict_before,
        measure=_measure_before,
    ),
    _claim(
        "density", statement="x", problem=_relu, experiment=_simulated, predict=_predict_shares, measure=_measure_shares
    ),
    _claim(
        "density-tanh",
        statement="x",
        problem=_tanh,
        experiment=_simulated,
        predict=_predict_shares,
        measure=_measure_shares,
    ),
    _claim(
        "outliers",
        statement="x",
        problem=_relu,
        experiment=_simulated,
        predict=_predict_outliers,
        measure=_measure_outliers,
    ),
    _claim(
        "outliers-tanh",
        statement="x",
        problem=_tanh,
        experiment=_simulated,
        predict=_predict_outliers,
        measure=_measure_outliers,
    ),
)
