"""Claims of optimizers other than gradient descent: the sign of the gradient, and powers of its spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spikes.simulation.gradient import gradient
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import initial_network
from spikes.simulation.one_step import Simulation, simulate, simulate_steps
from spikes.simulation.optimizers import spectral_power, update
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import derived_sequence
from spikes.validation.statement import Claim
from theory.conditional_equivalent import predict, predict_errors
from theory.conditional_equivalent.noise_law import gradient_noise
from theory.optimizers import sign_spectrum, sign_statistics, spectral_noise
from theory.statement.problem import Problem

__all__ = ["CLAIMS"]

_SOURCE = "law of the first step of this package (`theory.optimizers`)"
_STEP = ((100, 256), (200, 160), (400, 64))
_SHORT = ((100, 256), (200, 160))
_MANY = ((100, 512), (200, 320))
_NOISE = ((200, 192), (400, 128))
_FITS = ((200, 96), (400, 64))
_POWERS = (0.5, 0.75)
_COUNTED = (1.0, 0.75, 0.0)
_APART = 1.2
"""Ratio of one singular value to the next by which it stands apart: neighbours in a bulk are within a tenth."""


def _sign(d: int) -> Problem:
    width = 5 * d // 4
    return Problem(
        n=2 * d, d=d, width=width, activation="tanh", optimizer="sign", eta=math.sqrt(width), second_layer="gaussian"
    )


def _sparse(d: int) -> Problem:
    return _sign(d).replace(sparsity=10)


def _powers(d: int) -> Problem:
    width = 5 * d // 4
    return Problem(
        n=2 * d, d=d, width=width, activation="tanh", second_layer="rademacher", optimizer="spectral:0.5", alpha=0.5
    )


@dataclass(frozen=True, eq=False)
class _SignStep:
    """The leading singular values of sign(G)/√(Nd), the common direction's overlap, and the labels of the batch."""

    values: np.ndarray
    overlap: float
    labels: np.ndarray


def _sign_step(problem: Problem, sequence: np.random.SeedSequence) -> _SignStep:
    network = initial_network(problem, sequence)
    batch = Samples(problem, derived_sequence(sequence, 2), problem.n0)
    made = gradient(network, problem_kernels(problem), batch)
    moved = update(problem, made, network, sequence)
    labels = np.concatenate([y.copy() for _, _, y in batch.blocks(problem.n0)])
    values = np.sqrt(np.linalg.eigvalsh(moved.rows.T @ moved.rows)[::-1][:2])
    return _SignStep(values, abs(float(moved.common[0])), labels)


def _predict_mean(problem: Problem) -> dict[str, float]:
    return {"E h²": sign_statistics(problem).mean_square, "overlap": float(sign_statistics(problem).overlap[0])}


def _measure_mean(found: _SignStep) -> dict[str, float]:
    return {"E h²": float(found.values[0] ** 2), "overlap": found.overlap}


def _predict_second(problem: Problem, found: _SignStep) -> float:
    return sign_spectrum(problem, found.labels).second


def _measure_second(found: _SignStep) -> float:
    return float(found.values[1])


def _predict_ratios(problem: Problem) -> dict[str, float]:
    after, before = predict_errors(problem)[0], predict_errors(problem.replace(eta=0.0))[0]
    return {
        "test error": after.test_error / before.test_error,
        "training error": after.train_error / before.train_error,
        "objective": after.objective / before.objective,
    }


def _measure_ratios(run: Simulation) -> dict[str, float]:
    after, before = run.after, run.before
    return {
        "test error": float(after.test_error[0] / before.test_error[0]),
        "training error": float(after.train_error[0] / before.train_error[0]),
        "objective": float(after.objective[0] / before.objective[0]),
    }


def _spectral_step(problem: Problem, sequence: np.random.SeedSequence) -> dict[str, float]:
    """Mean squared norm of a neuron's noise at some powers, in units of (η²/N) σ_G^(2p)."""
    network = initial_network(problem, sequence)
    batch = Samples(problem, derived_sequence(sequence, 2), problem.n0)
    rows = gradient(network, problem_kernels(problem), batch).rows
    spread, N = sign_statistics(problem).spread, problem.width
    found = {}
    for p in _POWERS:
        singular = np.linalg.svd(spectral_power(rows, p), compute_uv=False)
        found[f"p = {p:g}"] = float(np.sum(singular[1:] ** 2)) / N * N**p / spread ** (2.0 * p)
    return found


def _predict_noise(problem: Problem) -> dict[str, float]:
    values, weights = gradient_noise(problem, 2)
    one = np.ones(1)
    return {
        f"p = {p:g}": float(
            spectral_noise(problem.replace(optimizer=f"spectral:{p:g}"), one, one, values, weights).norms[0]
        )
        for p in _POWERS
    }


@lru_cache(maxsize=16)
def _outliers(problem: Problem) -> int:
    return len(predict(problem).outliers)


def _predict_counts(problem: Problem) -> dict[str, float]:
    return {f"p = {p:g}": _outliers(problem.replace(optimizer=f"spectral:{p:g}")) for p in _COUNTED}


def _counts(problem: Problem, sequence: np.random.SeedSequence) -> dict[str, float]:
    counts = {}
    for p in _COUNTED:
        (run,) = simulate_steps([problem.replace(optimizer=f"spectral:{p:g}")], sequence, test_samples=2)
        values = run.after.singular_values[:12]
        apart = np.flatnonzero(values[:-1] > _APART * values[1:])
        counts[f"p = {p:g}"] = float(apart[-1] + 1) if len(apart) else 0.0
    return counts


def _claim(name: str, statement: str, measured: str, **fields: Any) -> Claim:
    stated: dict[str, Any] = {"levels": _STEP, "quick": _SHORT, "rate": 1.0} | fields
    return Claim(name=f"optimizers/{name}", statement=statement, measured=measured, source=_SOURCE, **stated)


# What the theory leaves out of moments of the step is of order 1/n, the default rate; the largest noise closes like
# n^(-2/3). Tolerances are what a mean over the seeds of a short run resolves.
CLAIMS = (
    _claim(
        "sign-mean",
        "sign(a_j) sign G_jk has the mean h_k with E h² = (2/π) arcsin(2r²/(1 + 2r²)), r = c₁‖β‖/(√2 σ_G), and ĥ the "
        "overlap ρ E hb/√(E h²) with a target without preferred axes.",
        "Squared leading singular value of sign(G)/√(Nd), and overlap of the mean over neurons; tanh.",
        problem=_sign,
        experiment=_sign_step,
        predict=_predict_mean,
        measure=_measure_mean,
        tolerance=0.025,
    ),
    _claim(
        "sign-second",
        "The noise of sign G has the covariance S M̂ S + Δ, and its largest singular value is the edge of that law or "
        "the spike of the largest label.",
        "Second singular value of sign(G)/√(Nd), predicted from the labels of its batch; tanh.",
        problem=_sign,
        experiment=_sign_step,
        predict=_predict_second,
        measure=_measure_second,
        paired=True,
        rate=2.0 / 3.0,
        levels=((*_NOISE, (800, 48))),
        quick=_NOISE,
        tolerance=0.08,
    ),
    _claim(
        "sign-sparse",
        "For a target on ten axes h is next to ±1 on them, and ĥ overlaps with the target by Σ_k β⋆_k E h_k/√(d E h²).",
        "Overlap of the mean over neurons, and squared leading singular value of sign(G)/√(Nd); tanh.",
        problem=_sparse,
        experiment=_sign_step,
        predict=_predict_mean,
        measure=_measure_mean,
        tolerance=0.025,
    ),
    _claim(
        "sign-errors",
        "After a sign step the features are those of codes ±1, τ = θ√(E h²) sign(g) u and κ² = 1 + θ²(1 − E h²).",
        "Test and training error and objective of ridge over those without a step on the same data; tanh, θ = 1.",
        problem=_sign,
        experiment=simulate,
        predict=_predict_ratios,
        measure=_measure_ratios,
        levels=((*_FITS, (800, 24))),
        quick=_FITS,
        tolerance=0.03,
    ),
    _claim(
        "spectral-noise",
        "U_EΣ_E^pV_Eᵀ of the gradient's noise E has neurons of squared norm ∫x^p ρ(dx), ρ the law of the singular "
        "values squared.",
        "Squared singular values of UΣ^pVᵀ but the first, at p = 1/2 and 3/4; tanh.",
        problem=_powers,
        experiment=_spectral_step,
        predict=_predict_noise,
        tolerance=0.05,
        quick=_MANY,
    ),
    _claim(
        "spectral-count",
        "Of the powers of the gradient's spectrum only p > 1 − 1/ℓ leave the ℓ-th spike: at p = 0 there is none.",
        "Number of leading singular values of F/√n up to the last that is a fifth larger than the next; tanh, α = 1/2.",
        problem=_powers,
        experiment=_counts,
        predict=_predict_counts,
        kind="table",
        rate=None,
        levels=((200, 8), (400, 6), (800, 3)),
        quick=((300, 6),),
    ),
)
