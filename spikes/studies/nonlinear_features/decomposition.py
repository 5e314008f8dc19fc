"""F_ℓ = F₀ + Σ_k (c₁η)^k c_k q_k (a^∘k)ᵀ beside the simulated F: what is left, what it spans, and what it predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import subspace_angles
from scipy.sparse.linalg import LinearOperator, svds
from threadpoolctl import threadpool_limits

from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.features import feature_matrix, squared_errors
from spikes.simulation.gradient import giant_step
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.one_step import check_size
from spikes.simulation.ridge import LowRank, ridge_fit
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from theory.nonlinear_features import column_mean_slope, spike_terms
from theory.statement.problem import Problem

__all__ = ["VARIANTS", "Decomposition", "decompose", "operator_norm", "spike_part"]

VARIANTS = ("corrected", "as_published")


def spike_part(
    problem: Problem, ell: int, u: np.ndarray, a: np.ndarray, beta_norm2: float, *, as_published: bool = False
) -> LowRank:
    """The ℓ terms of F_ℓ − F₀ for realised latents and second layer.

    Parameters
    ----------
    u : ndarray, shape (n,)
        ⟨x_i, β̂⟩.
    a : ndarray, shape (N,)
    beta_norm2 : float
        Realised ‖β‖².

    Returns
    -------
    LowRank
    """
    terms = spike_terms(problem, ell, as_published=as_published, beta_norm2=beta_norm2)
    code = a * math.sqrt(len(a))
    left = np.stack([np.polynomial.polynomial.polyval(u, term.polynomial) for term in terms], axis=1)
    right = np.stack([term.strength * code**term.k for term in terms], axis=1)
    return LowRank(left, right)


def operator_norm(F: np.ndarray, F0: np.ndarray, part: LowRank, rng: np.random.Generator) -> float:
    """Largest singular value of F − F₀ − Σ left rightᵀ, by Lanczos on products with it: the sum is never formed.

    Parameters
    ----------
    F, F0 : ndarray, shape (n, N)
    part : LowRank
    rng : Generator
        For the start vector.

    Returns
    -------
    float
    """

    def times(x: np.ndarray) -> np.ndarray:
        return F @ x - F0 @ x - part.times(x)

    def transposed(y: np.ndarray) -> np.ndarray:
        return F.T @ y - F0.T @ y - part.transposed_times(y)

    operator = LinearOperator(F.shape, matvec=times, rmatvec=transposed, dtype=F.dtype)
    return float(svds(operator, k=1, v0=rng.standard_normal(min(F.shape)), tol=1e-6, return_singular_vectors=False)[0])


@dataclass(frozen=True, eq=False)
class Decomposition:
    """One run's measurements of the decomposition, for each of `VARIANTS`.

    Attributes
    ----------
    problem : Problem
    ell : int
    remainder : dict of str to float
        ‖F − F_ℓ‖/√n.
    before : float
        ‖F − F₀‖/√n.
    angles : dict of str to ndarray (m,)
        Principal angles in degrees, ascending, between the m leading left singular vectors of F and the span of the
        left vectors of the m terms with c_k ≠ 0.
    slope : dict of str to float
        Slope of the column means of F − F_ℓ on a_j² over the one predicted for what F_ℓ as published leaves out: tends
        to 1 as published, to 0 corrected; nan for ℓ = 1 and where the prediction or the spread of a_j² is 0.
    test_error, train_error, objective : dict of str to ndarray (L,)
        Ridge on F_ℓ, on the data of the ridge on F.
    full_test_error, full_train_error, full_objective : ndarray, shape (L,)
        Ridge on F.
    """

    problem: Problem
    ell: int
    remainder: dict[str, float]
    before: float
    angles: dict[str, np.ndarray]
    slope: dict[str, float]
    test_error: dict[str, np.ndarray]
    train_error: dict[str, np.ndarray]
    objective: dict[str, np.ndarray]
    full_test_error: np.ndarray
    full_train_error: np.ndarray
    full_objective: np.ndarray


def decompose(problem: Problem, ell: int, sequence: np.random.SeedSequence | int) -> Decomposition:
    """Simulate one step and measure how far F is from F_ℓ, corrected and as published.

    Parameters
    ----------
    problem : Problem
        Single-index, c₁ ≠ 0.
    ell : int
        Number of terms.
    sequence : SeedSequence or int

    Returns
    -------
    Decomposition

    Raises
    ------
    ValueError
        As `theory.nonlinear_features.spike_terms`, or if the matrices do not fit in memory.
    """
    spike_terms(problem, ell)
    check_size(problem, matrices=2)
    with threadpool_limits(1):
        return _decompose(problem, ell, as_seed_sequence(sequence))


def _decompose(problem: Problem, ell: int, sequence: np.random.SeedSequence) -> Decomposition:
    kernels = problem_kernels(problem)
    start = initial_network(problem, sequence)
    fresh = Samples(problem, derived_sequence(sequence, 2), problem.n0)
    step = giant_step(start, kernels, fresh, problem.step_size)
    norm2, root, ridges = float(step.beta @ step.beta), math.sqrt(problem.n), np.array(problem.ridges)
    direction = step.beta / math.sqrt(norm2)
    fit, test = (Samples(problem, derived_sequence(sequence, stream), problem.n) for stream in (3, 4))

    before, after = Layer(start.W, kernels), Layer(step.network.W, kernels)
    made = feature_matrix(after, fit, direction)
    initial = feature_matrix(before, fit, direction)
    full = ridge_fit(made.F, made.y, ridges)
    ((full_test_error, _),) = squared_errors([(after, full.readouts)], test)
    present = [i for i, term in enumerate(spike_terms(problem, ell)) if term.strength != 0.0]
    key = np.random.default_rng(derived_sequence(sequence, 5))
    leading, _, _ = svds(made.F, k=len(present), v0=key.standard_normal(min(made.F.shape)), tol=1e-8)
    predicted = column_mean_slope(problem, step.label_power) if ell >= 2 else 0.0

    readouts: dict[str, np.ndarray] = {}
    results: dict[str, dict] = {name: {} for name in ("remainder", "angles", "slope", "train", "objective")}
    for name in VARIANTS:
        as_published = name == "as_published"
        part = spike_part(problem, ell, made.u, start.a, norm2, as_published=as_published)
        gap = made.F.mean(axis=0) - initial.F.mean(axis=0) - part.right @ part.left.mean(axis=0)
        square = start.a**2 - np.mean(start.a**2)
        measurable = predicted != 0.0 and square.any()
        results["slope"][name] = float(square @ gap) / float(square @ square) / predicted if measurable else math.nan
        results["remainder"][name] = operator_norm(made.F, initial.F, part, key) / root
        results["angles"][name] = np.degrees(subspace_angles(leading, part.left[:, present])[::-1])
        path = ridge_fit(initial.F, initial.y, ridges, part)
        results["train"][name], results["objective"][name] = path.train_error, path.objective
        readouts[name] = path.readouts

    squared = np.zeros((len(VARIANTS), len(ridges)))

    def visit(_: int, rows: slice, H: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
        for name, total in zip(VARIANTS, squared, strict=True):
            part = spike_part(problem, ell, X @ direction, start.a, norm2, as_published=name == "as_published")
            total += np.sum((y[:, None] - H @ readouts[name] - part.times(readouts[name])) ** 2, axis=0)

    FeatureStream(before, test).over_features(visit)
    nothing = LowRank(np.zeros((problem.n, 1)), np.zeros((problem.width, 1)))
    return Decomposition(
        problem=problem,
        ell=ell,
        remainder=results["remainder"],
        before=operator_norm(made.F, initial.F, nothing, key) / root,
        angles=results["angles"],
        slope=results["slope"],
        test_error=dict(zip(VARIANTS, squared / problem.n, strict=True)),
        train_error=results["train"],
        objective=results["objective"],
        full_test_error=full_test_error,
        full_train_error=full.train_error,
        full_objective=full.objective,
    )
