"""Features beside their Gaussian equivalents: the same samples and neurons, and noise in place of what is not linear.

Before the step σ(⟨w, x⟩) has the equivalent m + A⟨w, x⟩ + B^(1/2)Z, Z independent standard normal. After it, given the
latent u = ⟨x, β̂⟩, a neuron sees τ + κẑ, τ its weight along β̂ times u, κ the norm of the rest of its weights and ẑ that
rest's own product with x over κ: the equivalent is m(τ, κ) + A(τ, κ)ẑ + B(τ, κ)^(1/2)Z. Coefficients are Gauss-Hermite
sums over σ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.runtime.memory import check_memory
from spikes.simulation.gradient import giant_step
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.ridge import ridge_fit
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from theory.quadrature import gauss_hermite
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic

__all__ = ["Beside", "equivalent_run"]

_NODES = 64
_TABLE = 401  # values of τ in a table between which coefficients are interpolated
_SPIKES = 2


@dataclass(frozen=True, eq=False)
class Beside:
    """What ridge regression and the spectrum are on one of the two matrices.

    Attributes
    ----------
    objective, train_error, test_error : float
        At the problem's first penalty.
    singular_values : ndarray, shape (2,)
        The largest of F/√n.
    quantile : float
        The 90 % quantile of the singular values.
    """

    objective: float
    train_error: float
    test_error: float
    singular_values: np.ndarray
    quantile: float


def equivalent_run(problem: Problem, seed: int | np.random.SeedSequence) -> dict[str, tuple[Beside, Beside]]:
    """One network before and after its step, each on its features and on their Gaussian equivalents.

    Parameters
    ----------
    problem : Problem
        Gradient descent on isotropic inputs.
    seed : int or SeedSequence

    Returns
    -------
    dict
        ``before`` and ``after``, each the pair (features, equivalent).

    Raises
    ------
    ValueError
        If the matrices do not fit in memory.
    """
    require_isotropic(problem, "equivalent features")
    require_gradient_descent(problem, "equivalent features")
    stated = f"`n` and `width` must fit in memory: n = {problem.n}, width = {problem.width}"
    check_memory(stated, 8.0 * problem.n * problem.width)
    sequence = as_seed_sequence(seed)
    with threadpool_limits(1):
        return _run(problem, sequence)


def _run(problem: Problem, sequence: np.random.SeedSequence) -> dict[str, tuple[Beside, Beside]]:
    kernels = problem_kernels(problem)
    start = initial_network(problem, sequence)
    step = giant_step(start, kernels, Samples(problem, derived_sequence(sequence, 2), problem.n0), problem.step_size)
    direction = step.beta / np.linalg.norm(step.beta)
    noise = np.random.default_rng(derived_sequence(sequence, 6))
    drawn = [Samples(problem, derived_sequence(sequence, stream), problem.n) for stream in (3, 4)]
    (X, y), (fresh, labels) = (next((X.copy(), y.copy()) for _, X, y in part.blocks(problem.n)) for part in drawn)
    found = {}
    for name, W in (("before", start.W), ("after", step.network.W)):
        layer = Layer(W, kernels)
        latent = None if name == "before" else direction
        plain, equal = [(_features(layer, Z), _equivalent(layer, Z, latent, noise)) for Z in (X, fresh)]
        found[name] = (
            _beside(problem, plain[0], equal[0], y, labels),
            _beside(problem, plain[1], equal[1], y, labels),
        )
    return found


def _features(layer: Layer, X: np.ndarray) -> np.ndarray:
    F = np.empty((len(X), len(layer.W)))
    layer.features(X, out=F)
    return F


def _equivalent(layer: Layer, X: np.ndarray, direction: np.ndarray | None, noise: np.random.Generator) -> np.ndarray:
    """m(τ, κ) + A(τ, κ)ẑ + B(τ, κ)^(1/2)Z, neuron by neuron; τ = 0 without a direction."""
    W, n = layer.W, len(X)
    along = np.zeros(len(W)) if direction is None else W @ direction
    rest = W if direction is None else W - np.outer(along, direction)
    norms = np.linalg.norm(rest, axis=1)
    u = np.zeros(n) if direction is None else X @ direction
    linear = X @ (rest / norms[:, None]).T
    nodes, weights = gauss_hermite(_NODES)
    reach = 1.001 * float(np.abs(u).max())
    F = np.empty((n, len(W)))
    for j in range(len(W)):
        tau = np.linspace(-1.0, 1.0, _TABLE) * reach * abs(along[j]) if reach * abs(along[j]) > 0.0 else np.zeros(1)
        values = tau[:, None] + norms[j] * nodes
        layer.kernels.activate(values)
        mean, slope = values @ weights, values @ (weights * nodes)
        # as a square: a difference of squares would leave a linear function the root of its rounding
        left = np.sqrt((values - mean[:, None] - np.outer(slope, nodes)) ** 2 @ weights)
        at = u * along[j]
        m, A, root = (np.interp(at, tau, column) if len(tau) > 1 else column[0] for column in (mean, slope, left))
        F[:, j] = m + A * linear[:, j] + root * noise.standard_normal(n)
    return F


def _beside(problem: Problem, F: np.ndarray, fresh: np.ndarray, y: np.ndarray, labels: np.ndarray) -> Beside:
    path = ridge_fit(F, y, np.array(problem.ridges[:1]))
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(F.T @ F if F.shape[0] >= F.shape[1] else F @ F.T), 0.0))
    return Beside(
        objective=float(path.objective[0]),
        train_error=float(path.train_error[0]),
        test_error=float(np.mean((labels - fresh @ path.readouts[:, 0]) ** 2)),
        singular_values=values[::-1][:_SPIKES] / math.sqrt(problem.n),
        quantile=float(np.quantile(values, 0.9)) / math.sqrt(problem.n),
    )
