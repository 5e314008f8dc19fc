"""One simulation with its control variates: moments of the numbers it drew, each beside its expectation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikes.data import Samples, derived_sequence
from spikes.network import initial_network
from spikes.simulation import Simulation, simulate
from theory.hermite import tensor_gauss_hermite
from theory.problem import Problem
from theory.step_matrix import step_statistics

__all__ = ["ControlledRun", "controlled_run"]

_TEST_SAMPLES = 2048
_STREAMS = {"fitted": 3, "test": 4}
_CODES = {"gaussian": (1.0, 3.0), "rademacher": (1.0, 1.0), "constant": (1.0, 1.0)}


@dataclass(frozen=True, eq=False)
class ControlledRun:
    """A run and what it drew.

    Attributes
    ----------
    run : Simulation
    controls : dict of str to (float, float)
        Means over the fitted and over the test samples of y², of y z_r and y He₂(z_r) for each latent, and of the
        squared noise; means of g² and g⁴ over neurons, g = √N a; ‖β‖² and overlaps of the step. Each with its
        expectation, exact but for the last two, which are those of n₀ → ∞.
    """

    run: Simulation
    controls: dict[str, tuple[float, float]]


def controlled_run(problem: Problem, sequence: np.random.SeedSequence) -> ControlledRun:
    """Simulate a problem and collect the control variates from the same random numbers."""
    run = simulate(problem, sequence, test_samples=_TEST_SAMPLES)
    expected = _label_moments(problem)
    controls = {}
    for name, rows in (("fitted", problem.n), ("test", _TEST_SAMPLES)):
        drawn = _drawn_moments(problem, Samples(problem, derived_sequence(sequence, _STREAMS[name]), rows))
        for label, value, mean in zip(_labels(problem.teacher.k), drawn, expected, strict=True):
            controls[f"{label}, {name}"] = float(value), float(mean)
    code = initial_network(problem, sequence).a * np.sqrt(problem.width)
    for power, mean in zip((2, 4), _CODES[problem.second_layer], strict=True):
        controls[f"g^{power}"] = float(np.mean(code**power)), mean
    step = step_statistics(problem)
    controls["‖β‖²"] = run.beta_norm2, step.beta_norm2
    for c, (value, mean) in enumerate(zip(run.overlap, step.overlap, strict=True)):
        controls[f"overlap {c + 1}"] = float(value), float(mean)
    return ControlledRun(run, controls)


def _labels(k: int) -> list[str]:
    return ["y²", *(f"y z{r + 1}" for r in range(k)), *(f"y He₂(z{r + 1})" for r in range(k)), "noise"]


def _drawn_moments(problem: Problem, samples: Samples) -> np.ndarray:
    total = 0.0
    for _, X, y in samples.blocks(512):
        z = X[:, : problem.teacher.k]
        total = total + _products(z, y, y - problem.teacher(z)).sum(axis=0)
    return np.asarray(total) / samples.rows


def _products(z: np.ndarray, y: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return np.column_stack([y**2, y[:, None] * z, y[:, None] * (z**2 - 1.0), noise**2])


@lru_cache(maxsize=64)
def _label_moments(problem: Problem) -> np.ndarray:
    z, weights = tensor_gauss_hermite(60, problem.teacher.k)
    moments = weights @ _products(z, problem.teacher(z), np.zeros(len(z)))
    moments[0] += problem.noise**2
    moments[-1] = problem.noise**2
    return moments
