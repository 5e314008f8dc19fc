"""Claims of the conditional deterministic equivalent: every step size, every activation, at the actual n."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from spikes.simulation.one_step import Fit, simulate_steps
from spikes.validation.statement import Claim, Measured
from spikes.validation.subjects.controlled_run import ControlledRun, controlled_run
from theory.conditional_equivalent import Prediction, bulk, density, equivalent_features, find_outliers, predict
from theory.conditional_equivalent import predict_errors as errors_at
from theory.random_features import initial_law, random_feature_errors
from theory.statement.problem import Problem
from theory.step_labels import step_statistics

__all__ = ["CLAIMS"]

STREAM = "spikes.validation.subjects.conditional"
"""Under this name the claims draw their random numbers, wherever this file stands."""

_SOURCE = "conditional deterministic equivalent of this package (`theory.conditional_equivalent`)"
ERRORS = ("test_error", "train_error", "objective")
_FULL = ((400, 160), (800, 96), (1600, 40))
_QUICK = ((120, 208), (240, 160), (480, 96))
_SMALL = {"levels": ((250, 128), (500, 64), (1000, 40)), "quick": ((80, 160), (160, 128), (320, 96))}
_PAIRS = {"quick": ((240, 160), (480, 96))}
"""Of the short run, without the size at which the second spike is not yet clear of the bulk."""
_LEADING = 2
_THRESHOLDS = (0.05, 0.2, 0.5)
_STEPS = (0.0, 0.3, 0.45)
_APART = 1.2
"""Ratio of one singular value to the next by which it stands apart: neighbours in a bulk are within a tenth."""


def _relu(n: int) -> Problem:
    return Problem(n=n, d=n // 2, width=n // 2, alpha=0.5, ridge=1.0)


def _tanh(n: int) -> Problem:
    return Problem(
        n=n,
        d=n // 2,
        width=n // 4,
        activation="tanh",
        target="sin(z)",
        second_layer="rademacher",
        alpha=0.5,
        ridge=0.3,
    )


def _two_latents(n: int) -> Problem:
    return Problem(
        n=n, n_step=2 * n, d=n // 3, width=2 * n // 3, target="z1 + z1*z2", noise=0.2, alpha=0.5, scale=1.3, ridge=0.5
    )


def _softplus(n: int) -> Problem:
    return Problem(n=n, n_step=2 * n, d=n // 2, width=n, activation="softplus", alpha=0.42, scale=1.5, ridge=1.0)


def _no_step(n: int) -> Problem:
    return Problem(n=n, d=n // 2, width=n // 2, eta=0.0)


def _two_valued(n: int) -> Problem:
    return Problem(n=n, d=n // 2, width=3 * n // 4, second_layer="rademacher", ridge=0.1)


def _counted(problem: Problem, sequence: np.random.SeedSequence) -> dict[float, np.ndarray]:
    """The leading singular values at some step sizes, on the same random numbers."""
    runs = simulate_steps([problem.replace(alpha=alpha) for alpha in _STEPS], sequence, test_samples=2)
    return {alpha: run.after.singular_values[:12] for alpha, run in zip(_STEPS, runs, strict=True)}


@lru_cache(maxsize=64)
def _predicted(problem: Problem) -> Prediction:
    return predict(problem)


def _errors(fit: Fit, names: tuple[str, ...]) -> dict[str, float]:
    return {
        f"{name.replace('_', ' ')}, λ = {ridge:g}": float(getattr(fit, name)[i])
        for name in names
        for i, ridge in enumerate(fit.ridge)
    }


def _labelled(made: Any) -> dict[str, float]:
    """Predicted errors by the names that `_errors` gives to measured ones."""
    return {f"{name.replace('_', ' ')}, λ = {e.ridge:g}": float(getattr(e, name)) for name in ERRORS for e in made}


def _predict_errors(problem: Problem) -> dict[str, float]:
    return _labelled(errors_at(problem))


def _predict_test(problem: Problem) -> dict[str, float]:
    return {label: value for label, value in _predict_errors(problem).items() if label.startswith("test")}


def _predict_training(problem: Problem) -> dict[str, float]:
    return {label: value for label, value in _predict_errors(problem).items() if not label.startswith("test")}


def _measure_errors(found: ControlledRun) -> Measured:
    return Measured(_errors(found.run.after, ERRORS), found.controls)


def _measure_test(found: ControlledRun) -> Measured:
    return Measured(_errors(found.run.after, ERRORS[:1]), found.controls)


def _measure_training(found: ControlledRun) -> Measured:
    return Measured(_errors(found.run.after, ERRORS[1:]), found.controls)


def _predict_before(problem: Problem) -> dict[str, float]:
    return _labelled(random_feature_errors(problem))


def _measure_before(found: ControlledRun) -> Measured:
    return Measured(_errors(found.run.before, ERRORS), found.controls)


def _predict_shares(problem: Problem) -> dict[str, float]:
    """Masses to the right of the thresholds, by quadrature of the density between them, the outliers counted."""
    eq = equivalent_features(problem)
    law = bulk(eq)
    outliers = len(_predicted(problem).outliers) / problem.n
    # x = middle + half sin(t) takes the roots at the edges out of the integrand
    nodes, weights = np.polynomial.legendre.leggauss(20)  # to 2e-4 of a share
    angle = 0.5 * np.pi * nodes
    lows, highs = np.array(_THRESHOLDS), np.array((*_THRESHOLDS[1:], law.support[1]))
    half = 0.5 * (highs - lows)[:, None]
    x = lows[:, None] + half * (1.0 + np.sin(angle))
    masses = 0.5 * np.pi * (half * density(eq, law, x.ravel()).reshape(x.shape) * np.cos(angle)) @ weights
    above = outliers + np.cumsum(masses[::-1])[::-1]
    return {f"above {x}": float(share) for x, share in zip(_THRESHOLDS, above, strict=True)}


def _predict_initial_shares(problem: Problem) -> dict[str, float]:
    law = initial_law(problem)
    return {f"above {x}": problem.width / problem.n * (1.0 - float(law.cdf(x))) for x in _THRESHOLDS}


def _measure_shares(found: ControlledRun) -> Measured:
    values, n = found.run.after.eigenvalues, found.run.problem.n
    return Measured({f"above {x}": float(np.sum(values > x)) / n for x in _THRESHOLDS}, found.controls)


def _predict_outliers(problem: Problem) -> dict[str, float]:
    return {f"s{i + 1}": o.singular_value for i, o in enumerate(_predicted(problem).outliers[:_LEADING])}


def _measure_outliers(found: ControlledRun) -> Measured:
    count = len(_predicted(found.run.problem).outliers[:_LEADING])
    values = {f"s{i + 1}": float(found.run.after.singular_values[i]) for i in range(count)}
    return Measured(values, found.controls)


def _learned(problem: Problem) -> list[tuple[int, int]]:
    """Outliers and degrees whose amplitude is predicted to be more than a fifth."""
    found = _predicted(problem).outliers[:_LEADING]
    return [(i, k) for i, o in enumerate(found) for k, amplitude in enumerate(o.alignment) if abs(amplitude) > 0.2]


def _predict_alignments(problem: Problem) -> dict[str, float]:
    found = _predicted(problem).outliers
    return {f"spike {i + 1} on He{k}": float(found[i].alignment[k]) ** 2 for i, k in _learned(problem)}


def _measure_alignments(found: ControlledRun) -> Measured:
    run = found.run
    squares = {f"spike {i + 1} on He{k}": float(run.after.alignment[i, k]) ** 2 for i, k in _learned(run.problem)}
    return Measured(squares, found.controls)


def _predict_edges(problem: Problem) -> dict[str, float]:
    ((low, high),) = _predicted(problem).bulk_edges
    return {"left edge": low, "right edge": high}


def _measure_edges(found: ControlledRun) -> dict[str, float]:
    fit, first = found.run.after, len(_predicted(found.run.problem).outliers)
    return {"left edge": float(fit.eigenvalues[fit.rank - 1]), "right edge": float(fit.eigenvalues[first])}


def _predict_step(problem: Problem) -> dict[str, float]:
    step = step_statistics(problem)
    return {"‖β‖²": step.beta_norm2, "overlap": float(step.overlap[0])}


def _measure_step(found: ControlledRun) -> Measured:
    values = {"‖β‖²": found.run.beta_norm2, "overlap": abs(float(found.run.overlap[0]))}
    return Measured(values, found.step_controls)


def _predict_counts(problem: Problem) -> dict[str, float]:
    counts: dict[str, float] = {}
    for alpha in _STEPS:
        eq = equivalent_features(problem.replace(alpha=alpha))
        counts[f"α = {alpha}"] = len(find_outliers(eq, bulk(eq)))
    return counts


def _measure_counts(found: dict[float, np.ndarray]) -> dict[str, float]:
    counts = {}
    for alpha, values in found.items():
        apart = np.flatnonzero(values[:-1] > _APART * values[1:])
        counts[f"α = {alpha}"] = float(apart[-1] + 1) if len(apart) else 0.0
    return counts


def _claim(name: str, statement: str, measured: str, **fields: Any) -> Claim:
    stated: dict[str, Any] = {"levels": _FULL, "quick": _QUICK, "experiment": controlled_run} | fields
    return Claim(name=f"conditional/{name}", statement=statement, measured=measured, source=_SOURCE, **stated)


# Errors and shares are smooth functions of the data's second moments: what the theory leaves out is of order 1/n, the
# default rate. Edges of a bulk close like n^(-2/3), with the shift of Tracy and Widom's law. The tolerances are four
# per cent and two: what a mean over the seeds of a short run resolves, and the long run twice as well.
CLAIMS = (
    _claim(
        "density",
        "The eigenvalues of FFᵀ/n to the right of x number n∫ₓ^∞ ρ plus the spikes, ρ(x) = (1/π) Im Σ_s ω_s/λ at "
        "λ = −(x + i0).",
        "Share of eigenvalues above three thresholds; relu, α = 1/2.",
        problem=_relu,
        predict=_predict_shares,
        measure=_measure_shares,
        tolerance=0.04,
    ),
    _claim(
        "initial-density",
        "Without a step the eigenvalues of F₀ᵀF₀/n follow the generalised Marchenko-Pastur law of the population "
        "c_{>1}² + c₁² W₀W₀ᵀ.",
        "Share of eigenvalues above three thresholds; relu, η = 0.",
        problem=_no_step,
        predict=_predict_initial_shares,
        measure=_measure_shares,
        quick=((120, 80), (240, 56), (480, 32)),
    ),
    _claim(
        "edges",
        "The bulk ends where the density of the fixed point does.",
        "Smallest non-zero eigenvalue and largest of the bulk of FFᵀ/n; tanh, two-valued second layer, α = 1/2.",
        problem=_tanh,
        predict=_predict_edges,
        measure=_measure_edges,
        rate=2.0 / 3.0,
        tolerance=0.08,
    ),
    _claim(
        "outliers",
        "Spikes stand at √z where det 𝒟(−z) = 0, z to the right of the bulk.",
        "The two leading singular values of F/√n; relu, α = 1/2.",
        problem=_relu,
        predict=_predict_outliers,
        measure=_measure_outliers,
        tolerance=0.04,
    ),
    _claim(
        "outlier-odd",
        "For an odd activation the spike is that of gradient order 1.",
        "The leading singular value of F/√n; tanh, two-valued second layer, α = 1/2.",
        problem=_tanh,
        predict=_predict_outliers,
        measure=_measure_outliers,
        tolerance=0.03,
    ),
    _claim(
        "outlier-count",
        "As many singular values leave the bulk as det 𝒟(−z) has zeros right of it.",
        "Number of leading singular values up to the last that is a fifth larger than the next; relu, two-valued "
        "second layer, three step sizes on the same random numbers.",
        problem=_two_valued,
        experiment=_counted,
        predict=_predict_counts,
        measure=_measure_counts,
        kind="table",
        levels=((500, 12), (1000, 8), (2000, 4)),
        quick=((700, 6),),
    ),
    _claim(
        "alignments",
        "|⟨û, h(u)⟩|²/n = (Σ_s h(u_s)v_s)²/|vᵀ𝒟′v| for the left vector û of a spike, with 𝒟(−z)v = 0.",
        "Squared amplitudes of the two leading left singular vectors on Hermite polynomials of u that are predicted "
        "above a fifth; relu, α = 1/2.",
        problem=_relu,
        predict=_predict_alignments,
        measure=_measure_alignments,
        **_PAIRS,
        tolerance=0.1,
    ),
    _claim(
        "step",
        "β = X₀ᵀy₀/n₀ has ‖β‖² → ‖C₁‖² + φ₀E y² and overlap C₁/‖β‖ with the target's direction.",
        "‖β‖² and ⟨β̂, β⋆⟩; relu problem, z + He₂/2, noise 1/2.",
        problem=_relu,
        predict=_predict_step,
        measure=_measure_step,
        tolerance=0.045,
    ),
    _claim(
        "test-error",
        "The test error of ridge on F is −λ dΨ/dε at ε = 0 with k = (1 + δ)².",
        "Mean squared error on 2048 fresh samples; relu, α = 1/2.",
        problem=_relu,
        predict=_predict_test,
        measure=_measure_test,
        tolerance=0.04,
    ),
    _claim(
        "training-errors",
        "Ridge on F attains the objective λΨ(λ) and the training error −λ²dΨ/dλ.",
        "Both on the data of the fit; relu, α = 1/2.",
        problem=_relu,
        predict=_predict_training,
        measure=_measure_training,
        tolerance=0.04,
    ),
    _claim(
        "errors-odd",
        "For an odd activation errors of ridge are complete at gradient order 1.",
        "Test and training error, objective; tanh, sin target, two-valued second layer, α = 1/2.",
        problem=_tanh,
        predict=_predict_errors,
        measure=_measure_errors,
        tolerance=0.04,
    ),
    _claim(
        "errors-two-latents",
        "For targets of several latents the errors need the matrix term of the gradient, gradient order 2.",
        "Test and training error, objective; relu, z₁ + z₁z₂, n₀ = 2n, α = 1/2.",
        problem=_two_latents,
        predict=_predict_errors,
        measure=_measure_errors,
        quick=((240, 640), (480, 384)),
        tolerance=0.045,
    ),
    _claim(
        "errors-softplus",
        "The same fixed point covers smooth activations, n₀ ≠ n and N = n.",
        "Test and training error, objective; softplus, n₀ = 2n, N = n, α = 0.42.",
        problem=_softplus,
        predict=_predict_errors,
        measure=_measure_errors,
        tolerance=0.055,
        **_SMALL,
    ),
    _claim(
        "errors-without-step",
        "Before the step the errors are those of random features: κ = λ + κ(1/n) tr Σ(Σ + κ)⁻¹.",
        "Test and training error, objective of ridge on F₀; relu.",
        problem=_relu,
        predict=_predict_before,
        measure=_measure_before,
        tolerance=0.04,
    ),
)
