"""One simulation with its control variates: moments of the numbers it drew, each beside its expectation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikes.simulation.network import initial_network
from spikes.simulation.one_step import Simulation, simulate
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import derived_sequence
from theory.quadrature import tensor_gauss_hermite
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.step_labels import step_statistics

__all__ = ["ControlledRun", "controlled_run"]

_TEST_SAMPLES = 8192  # points, which have control variates of their own
_MOMENTS = ("y²", "y v", "y He₂(v)", "noise")


@dataclass(frozen=True, eq=False)
class ControlledRun:
    """A run and what it drew.

    Attributes
    ----------
    run : Simulation
    controls : dict of str to (float, float)
        Means over the fitted samples of y², of y v and y He₂(v), v = ⟨x, β̂⟩, and of the squared noise, each with its
        expectation given β; means of g² and g⁴ over neurons, g = √N a; ‖β‖² and overlaps of the
        step, with their expectations for n₀ → ∞.
    step_controls : dict of str to (float, float)
        Means of y² and y z_r over the samples of the step.
    """

    run: Simulation
    controls: dict[str, tuple[float, float]]
    step_controls: dict[str, tuple[float, float]]


def controlled_run(problem: Problem, sequence: np.random.SeedSequence) -> ControlledRun:
    """Simulate a problem and collect the control variates from the same random numbers."""
    require_isotropic(problem, "runs with control variates")
    require_gradient_descent(problem, "runs with control variates")
    run = simulate(problem, sequence, test_samples=_TEST_SAMPLES)
    k = problem.teacher.k
    power, moment = _step_moments(problem, derived_sequence(sequence, 2))
    direction = moment / np.linalg.norm(moment)
    expected = _expected_moments(problem, direction[:k])
    drawn = _drawn_moments(problem, Samples(problem, derived_sequence(sequence, 3), problem.n), direction)
    controls = {
        label: (float(value), float(mean)) for label, value, mean in zip(_MOMENTS, drawn, expected, strict=True)
    }
    code = initial_network(problem, sequence).a * np.sqrt(problem.width)
    for order, mean in zip((2, 4), problem.law_of_a.moments[1:], strict=True):
        controls[f"g^{order}"] = float(np.mean(code**order)), mean
    step = step_statistics(problem)
    controls["‖β‖²"] = run.beta_norm2, step.beta_norm2
    for c, (value, mean) in enumerate(zip(run.overlap, step.overlap, strict=True)):
        controls[f"overlap {c + 1}"] = float(value), float(mean)
    step_controls = {"y², step": (power, step.label_power)}
    for c in range(k):
        step_controls[f"y z{c + 1}, step"] = float(moment[c]), float(step.linear[c])
    return ControlledRun(run, controls, step_controls)


def _step_moments(problem: Problem, sequence: np.random.SeedSequence) -> tuple[float, np.ndarray]:
    """Means of y² and of y x, which is β, over the samples of the step."""
    power, moment = 0.0, np.zeros(problem.d)
    for _, X, y in Samples(problem, sequence, problem.n0).blocks(512):
        power += float(y @ y)
        moment += y @ X
    return power / problem.n0, moment / problem.n0


def _drawn_moments(problem: Problem, samples: Samples, direction: np.ndarray) -> np.ndarray:
    total = np.zeros(len(_MOMENTS))
    for _, X, y in samples.blocks(512):
        v, noise = X @ direction, y - problem.teacher(X[:, : problem.teacher.k])
        total += y @ y, y @ v, y @ (v**2 - 1.0), noise @ noise
    return total / samples.rows


def _expected_moments(problem: Problem, e: np.ndarray) -> tuple[float, float, float, float]:
    """E y², ⟨e, C₁⟩, eᵀC₂e and the noise's variance: those of v = ⟨e, z⟩ + (1 − |e|²)^(1/2) ξ."""
    power, linear, quadratic = _label_moments(problem)
    return power + problem.noise**2, float(e @ linear), float(e @ quadratic @ e), problem.noise**2


@lru_cache(maxsize=64)
def _label_moments(problem: Problem) -> tuple[float, np.ndarray, np.ndarray]:
    """E g², C₁ = E g z and C₂ = E g (zzᵀ − 1), by quadrature."""
    z, weights = tensor_gauss_hermite(60, problem.teacher.k)
    g = problem.teacher(z) * weights
    return float(g @ problem.teacher(z)), g @ z, z.T @ (g[:, None] * z) - g.sum() * np.eye(z.shape[1])
