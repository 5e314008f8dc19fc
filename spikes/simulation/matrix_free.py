"""The spectrum after a step from products alone: neither the features nor their Gram matrix is ever stored."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.estimates import Estimate, estimate
from spikes.runtime.memory import check_memory
from spikes.runtime.tasks import run_tasks
from spikes.simulation.ensemble import Runs, check_runs
from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.gradient import BLOCK, gradient
from spikes.simulation.how import ALONE, HERE, How, Place
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.krylov import SpectralDensity, check_count, leading_triplets, stochastic_density
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.optimizers import moved_along, update
from spikes.simulation.row_sums import sums_at_once
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.spectra import check_amplitudes
from theory.statement.problem import Problem

__all__ = [
    "MatrixFree",
    "MatrixFreeRun",
    "Quadrature",
    "SteppedFeatures",
    "check_size",
    "matrix_free_spectrum",
    "stepped_features",
]

_BASIS = 60  # passes of block Lanczos at most, each of which adds a block to its basis
_PASSES = 15  # that it takes as a rule
_GUARD = 4


@dataclass(frozen=True, eq=False)
class SteppedFeatures:
    """Features after one step as an operator, with the direction of their latents.

    Attributes
    ----------
    stream : FeatureStream
    direction : ndarray, shape (d,)
        Along which the step moves all neurons: β̂ but for ``sign``; ⟨x, β̂⟩ has variance one.
    beta_norm2 : float
        ‖X₀ᵀy₀/n₀‖², see `spikes.simulation.one_step.Simulation`.
    overlap : ndarray, shape (k,)
        Correlation of ⟨x, β̂⟩ with the target's latents.
    """

    stream: FeatureStream
    direction: np.ndarray
    beta_norm2: float
    overlap: np.ndarray


@dataclass(frozen=True, eq=False)
class Quadrature:
    """Where and how a density is found.

    Attributes
    ----------
    x : ndarray, shape (P,)
        Eigenvalues of FFᵀ/n at which it is wanted.
    probes, steps : int
    width : float
        As in `spikes.simulation.krylov.stochastic_density`.
    """

    x: np.ndarray
    probes: int = 10
    steps: int = 80
    width: float = 0.15


@dataclass(frozen=True, eq=False)
class MatrixFreeRun:
    """What one run measured.

    Attributes
    ----------
    singular_values : ndarray, shape (K,)
        The largest of F/√n.
    alignment : ndarray, shape (K, 5)
        As in `spikes.simulation.one_step.Simulation`.
    density : SpectralDensity, optional
    beta_norm2 : float
    overlap : ndarray, shape (k,)
        Overlap of β̂ with the directions of the target.
    passes : int
        Over the n rows.
    """

    singular_values: np.ndarray
    alignment: np.ndarray
    density: SpectralDensity | None
    beta_norm2: float
    overlap: np.ndarray
    passes: int


@dataclass(frozen=True, eq=False)
class MatrixFree(Runs[MatrixFreeRun]):
    """Independent runs of one problem, from products alone.

    Attributes
    ----------
    problem : Problem
    runs : tuple of MatrixFreeRun
    quadrature : Quadrature, optional
    """

    quadrature: Quadrature | None

    @property
    def spectra(self) -> tuple[MatrixFreeRun, ...]:
        """The runs, each of which is what it measured of the spectrum."""
        return self.runs

    @property
    def measured_quadrature(self) -> Quadrature:
        """The quadrature of the density.

        Raises
        ------
        ValueError
            If no density was measured.
        """
        if self.quadrature is None:
            raise ValueError("`quadrature` must be given for a density; got None")
        return self.quadrature

    def density(self) -> list[Estimate]:
        """Smoothed density at every point. Its standard error is the larger of two: over runs, and from their probes.

        Eigenvalues vary from run to run far less than a run's probes do, so that both tell the same; a few runs alone
        tell it badly.
        """
        densities = [run.density for run in self.runs if run.density is not None]
        probes = np.sqrt(np.mean([density.sem**2 for density in densities], axis=0) / self.seeds)
        over_runs = [estimate(values) for values in np.stack([density.density for density in densities]).T]
        return [
            Estimate(mean, float(np.fmax(sem, least)), seeds)
            for (mean, sem, seeds), least in zip(over_runs, probes, strict=True)
        ]


def stepped_features(
    problem: Problem,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    *,
    threads: int = 1,
    dtype: str = "float64",
    place: Place = HERE,
) -> SteppedFeatures:
    """Take one giant step and describe the features after it, on the random numbers of `spikes.simulate`.

    Parameters
    ----------
    problem : Problem
    seed : int, SeedSequence or Generator
    threads : int
    dtype : {"float64", "float32"}
    place : Place

    Returns
    -------
    SteppedFeatures

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    ArithmeticError
        If X₀ᵀy₀/n₀ vanishes.
    """
    how = How(dtype, threads=threads, place=place)
    sequence, kernels = as_seed_sequence(seed), problem_kernels(problem)
    start = initial_network(problem, sequence, dtype=how.numbers)
    batch = Samples(problem, derived_sequence(sequence, 2), problem.n0)
    made = gradient(start, kernels, batch, how=how)
    moved = update(problem, made, start, sequence)
    direction = moved_along(problem, made.beta, moved)
    samples = Samples(problem, derived_sequence(sequence, 3), problem.n)
    stream = FeatureStream(Layer(moved.step(start, problem.step_size).W, kernels), samples, how)
    return SteppedFeatures(stream, direction.unit, direction.norm2, direction.overlap)


def check_size(
    problem: Problem, copies: int = 1, *, count: int = 1, probes: int = 0, steps: int = 0, how: How = ALONE
) -> None:
    """Refuse a measurement whose weights and Krylov bases do not fit in the memory that is free.

    Parameters
    ----------
    problem : Problem
    copies : int
        Runs at once.
    count : int
        Leading singular values.
    probes, steps : int
        Of the quadrature; 0 without one.
    how : How

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    d, N = problem.d, problem.width
    bases = 3 * _PASSES * (count + _GUARD) * N
    in_double = 8 // how.numbers.itemsize * (steps + 3) * probes * N
    check_memory(
        f"`d` and `width` must leave room for weights and Krylov bases: d = {d}, width = {N}",
        (1 + sums_at_once(problem.n0)) * N * d + max(bases, in_double) + 2 * BLOCK * (N + d),
        copies=copies,
        remedy="take fewer `workers`, probes or steps, or `dtype` float32",
        itemsize=how.numbers.itemsize,
    )


def matrix_free_spectrum(
    problem: Problem,
    *,
    count: int = 2,
    quadrature: Quadrature | None = None,
    seeds: int = 4,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    dtype: str = "float64",
    executor: Executor | None = None,
) -> MatrixFree:
    """Leading singular values with what their left vectors have learned, and the density, for several seeds.

    F is n×N and FᵀF/n is N×N; neither is formed. Block Lanczos and stochastic Lanczos quadrature multiply FᵀF/n with a
    few vectors in each pass over rows that are drawn again from the seed. Memory is that of the weights, N·d, and of a
    Krylov basis. Run i has the features of run i of `spikes.simulate_ensemble`.

    Parameters
    ----------
    problem : Problem
    count : int
        Leading singular values; those of the bulk lie dense and take many passes.
    quadrature : Quadrature, optional
        Left out for no density.
    seeds : int
        Number of runs.
    seed : int, SeedSequence or Generator
    workers : int, optional
        Processes, as many as processors by default; they share runs, or ranges of rows where they are more than runs.
        The bits are the same.
    dtype : {"float64", "float32"}
    executor : concurrent.futures.Executor, optional
        Where to run instead of in `workers` processes.

    Returns
    -------
    MatrixFree

    Raises
    ------
    ValueError
        If an argument breaks its rule, or weights and Krylov bases do not fit in memory.
    ArithmeticError
        If Lanczos does not converge; the message names the residual and a remedy.

    Examples
    --------
    >>> from theory import Problem
    >>> found = matrix_free_spectrum(Problem(n=400, d=50, width=75, alpha=0.45), count=1, seeds=2, workers=1)
    >>> found.seeds, found.runs[0].alignment.shape
    (2, (1, 5))
    """
    sequence, many = as_seed_sequence(seed), check_runs(seeds, workers, executor)
    seeds = check_seeds(seeds)
    how = How(dtype)
    check_count(count, problem.width)
    shared = executor is not None or many > seeds
    taken = {} if quadrature is None else {"probes": quadrature.probes, "steps": quadrature.steps}
    check_size(problem, 1 if shared else min(many, seeds), count=count, **taken, how=how)
    tasks = [(problem, derived_sequence(sequence, i), count, quadrature, how) for i in range(seeds)]
    if shared:
        how = replace(how, place=Place(None if executor is not None else many, executor))
        runs = [_run(*task[:-1], how) for task in tasks]
    else:
        runs = run_tasks(_run, tasks, workers=workers)
    return MatrixFree(problem, tuple(runs), quadrature)


def _run(
    problem: Problem,
    sequence: np.random.SeedSequence,
    count: int,
    quadrature: Quadrature | None,
    how: How,
) -> MatrixFreeRun:
    # what overflows becomes infinite or nan and is refused by its name where a result would take it up
    with threadpool_limits(1), np.errstate(over="ignore", invalid="ignore"):
        made = stepped_features(problem, sequence, dtype=how.dtype, place=how.place)
        stream = made.stream
        tolerance = 1e-7 if how.dtype == "float64" else 1e-4
        start = np.random.default_rng(derived_sequence(sequence, 5))
        leading = leading_triplets(
            stream.gram_times,
            stream.shape,
            count,
            start,
            dtype=how.numbers,
            tolerance=tolerance,
            most=_BASIS,
            guard=_GUARD,
        )
        moments = stream.hermite_moments(made.direction)
        alignment = moments.alignment(leading.singular_values**2, leading.right)
        check_amplitudes(alignment, leading.singular_values**2, how.dtype)
        density = None
        if quadrature is not None:
            density = stochastic_density(
                stream.gram_times,
                stream.shape,
                quadrature.x,
                np.random.default_rng(derived_sequence(sequence, 6)),
                probes=quadrature.probes,
                steps=quadrature.steps,
                width=quadrature.width,
            )
        return MatrixFreeRun(
            singular_values=leading.singular_values.astype(float, copy=False),
            alignment=alignment,
            density=density,
            beta_norm2=made.beta_norm2,
            overlap=made.overlap,
            passes=leading.passes + 1 + (0 if density is None else density.steps),
        )
