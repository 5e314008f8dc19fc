"""Several independent runs of a problem, and their means with standard errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from spikes.agreement import Quantity, contract, quantities
from spikes.estimates import Estimate, estimate, mean_amplitudes
from spikes.record import Recorded, recorded
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import Interrupted, run_tasks, worker_count
from spikes.simulation.how import How, Place
from spikes.simulation.one_step import Fit, Simulation, check_size, simulate_steps
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from theory.statement.problem import Problem

__all__ = ["Ensemble", "Leading", "Runs", "check_runs", "simulate_ensemble"]

_BINS = 60


class Leading(Protocol):
    """What the spikes of a run tell: the largest singular values, and what their left vectors have learned."""

    @property
    def singular_values(self) -> np.ndarray:
        """Of F/√n, in decreasing order."""

    @property
    def alignment(self) -> np.ndarray:
        """⟨û_i, h_k⟩, shape (K, 5)."""


Run = TypeVar("Run")


@dataclass(frozen=True, eq=False)
class Runs(ABC, Generic[Run]):
    """Independent runs of one problem, and means over them.

    Attributes
    ----------
    problem : Problem
    runs : tuple
    """

    problem: Problem
    runs: tuple[Run, ...]

    @property
    @abstractmethod
    def spectra(self) -> Sequence[Leading]:
        """Of each run, what its spikes tell."""

    @property
    def seeds(self) -> int:
        """Number of runs."""
        return len(self.runs)

    def values(self, *path: str) -> np.ndarray:
        """One quantity of every run, stacked on the first axis: ``values("beta_norm2")``, ``values("after", "rank")``.

        Parameters
        ----------
        *path : str
            Names of attributes, each of what the one before it gives.
        """
        return np.stack([np.asarray(reduce(getattr, path, run)) for run in self.runs])

    def spike(self, q: Quantity, i: int) -> tuple[Estimate, ...]:
        """A quantity of spike i, counted from 0: one estimate, or one for each of the quantity's parts."""
        values = np.stack([np.asarray(q.measured(spectrum)[i]) for spectrum in self.spectra])
        return mean_amplitudes(values) if q.parts else (estimate(values),)

    def singular_value(self, i: int) -> Estimate:
        """Singular value i of F/√n, counted from 0."""
        return estimate([spectrum.singular_values[i] for spectrum in self.spectra])

    def alignment(self, i: int) -> tuple[Estimate, ...]:
        """Amplitudes |⟨û_i, h_k⟩|, h_k being He_k(u)/√(k! n) orthonormalised on the sample, k = 0 … 4.

        See `mean_amplitudes` for what the mean of a quantity without a sign is.
        """
        return mean_amplitudes(np.stack([spectrum.alignment[i] for spectrum in self.spectra]))


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble(Runs[Simulation], Recorded):
    """Independent simulations of one problem.

    Attributes
    ----------
    problem : Problem
    runs : tuple of Simulation
    """

    @property
    def spectra(self) -> tuple[Fit, ...]:
        """The fits after the step."""
        return tuple(run.after for run in self.runs)

    def __repr__(self) -> str:
        p, count = self.problem, min(self.outlier_count(), 4)
        means = [estimate(column).mean for column in self.values("after", "test_error").T[:3]]
        errors = ", ".join(f"{mean:.4g} (λ = {x:g})" for mean, x in zip(means, p.ridges, strict=False))
        at = ", ".join(f"{self.singular_value(i).mean:.4g}" for i in range(count))
        runs = f"{self.seeds} run{'s' if self.seeds > 1 else ''}"
        return (
            f"<Ensemble of {runs}: n = {p.n}, n₀ = {p.n0}, d = {p.d}, N = {p.width}, η = {p.step_size:.4g}>\n"
            f"{f'spikes at s = {at}' if at else 'no spike stands apart'}; mean test error {errors}"
        )

    def outlier_count(self) -> int:
        """Number of leading singular values that stand apart from the rest in most runs, judged from them alone."""
        return int(np.median(self.values("after", "outliers")))

    def measured(self, q: Quantity, when: str = "after") -> np.ndarray:
        """A quantity of every run, stacked on the first axis; one per penalty or spike ``"after"`` or ``"before"``."""
        of_fit = q.per in ("penalty", "spike")
        return np.stack([np.asarray(q.measured(getattr(run, when) if of_fit else run)) for run in self.runs])

    def remark(self) -> str:
        """That the spectrum was found by another method than the one asked for; empty where it was not."""
        changed = sum({run.before.method, run.after.method} != {run.method} for run in self.runs)
        if not changed:
            return ""
        return (
            f"singular value decomposition in place of the Gram matrix in {changed} of {self.seeds} runs: rounding of "
            "the squares hides the smallest penalty"
        )

    def histogram(self, outliers: int) -> tuple[np.ndarray, np.ndarray]:
        """Bin edges, equidistant in ln x, and the density of every run over them, the leading eigenvalues left out.

        Returns
        -------
        edges : ndarray, shape (61,)
        density : ndarray, shape (seeds, 60)
            Integrates to the share of eigenvalues of FFᵀ/n in the bulk.
        """
        least = min(run.after.rank for run in self.runs)
        if least <= outliers:
            raise ArithmeticError(
                f"no eigenvalue is left for the density: {outliers} stand apart and the features have rank {least}"
            )
        bulks = [run.after.eigenvalues[outliers : run.after.rank] for run in self.runs]
        low, high = min(values[-1] for values in bulks), max(values[0] for values in bulks)
        edges = np.geomspace(low * (1.0 - 1e-9), high * (1.0 + 1e-9), _BINS + 1)
        density = [np.histogram(values, edges)[0] / (self.problem.n * np.diff(edges)) for values in bulks]
        return edges, np.stack(density)

    def log_histogram(self, outliers: int) -> tuple[np.ndarray, np.ndarray]:
        """Bin edges, equidistant in ln x, and the density of ln x over them, mean of all runs: see `histogram`."""
        edges, density = self.histogram(outliers)
        return edges, np.sqrt(edges[1:] * edges[:-1]) * density.mean(axis=0)

    def to_dict(self, outliers: int | None = None) -> dict[str, Any]:
        """The ``simulation`` part of the JSON contract, with `outliers` spikes or as many as stand apart."""
        count = self.outlier_count() if outliers is None else outliers
        count = min(count, self.runs[0].after.alignment.shape[0])
        edges, density = self.histogram(count)
        lows = estimate([run.after.eigenvalues[run.after.rank - 1] for run in self.runs])
        highs = estimate([run.after.eigenvalues[count] for run in self.runs])
        zero = estimate([1.0 - run.after.rank / self.problem.n for run in self.runs])

        def errors(when: str) -> dict[str, list[dict[str, float | None]]]:
            return {
                q.name: [estimate(column).to_dict() for column in self.measured(q, when).T]
                for q in quantities("penalty", compared=True)
            }

        def spike(i: int) -> dict[str, Any]:
            return {q.name: self._spike(q, i) for q in quantities("spike", compared=True)}

        grouped: dict[str, dict[str, Any]] = {"step": {}, "": {}}
        for q in (*quantities("run", compared=True), *quantities("latent", compared=True)):
            values = self.measured(q)
            entry = (
                estimate(values).to_dict() if q.per == "run" else [estimate(column).to_dict() for column in values.T]
            )
            grouped.setdefault(q.group, {})[q.name] = entry
        return {
            "seeds": self.seeds,
            "step": grouped.pop("step"),
            **grouped.pop(""),
            **grouped,
            "bulk": {"edges": [[lows.to_dict(), highs.to_dict()]], "mass_at_zero": zero.to_dict()},
            "density": {
                "x": np.sqrt(edges[1:] * edges[:-1]).tolist(),
                "density": [estimate(column).to_dict() for column in density.T],
            },
            "outliers": [spike(i) for i in range(count)],
            "ridge": list(self.problem.ridges),
            **errors("after"),
            "before": errors("before"),
            **({"remark": remark} if (remark := self.remark()) else {}),
        }

    def answer(self) -> dict[str, Any]:
        """What a file holds of it: the JSON contract of a simulation alone."""
        return contract(self.problem, simulation=self.to_dict())

    def _spike(self, q: Quantity, i: int) -> dict[str, Any]:
        estimates = self.spike(q, i)
        if not q.parts:
            return estimates[0].to_dict()
        return {part: value.to_dict() for part, value in zip(q.parts, estimates, strict=True)}


def check_runs(seeds: int, workers: int | None, executor: Executor | None) -> int:
    """Refuse runs that cannot be made where they are asked for; the number of processes."""
    check_seeds(seeds)
    if executor is not None and workers is not None:
        raise ValueError(f"`workers` must be left out beside an executor, which has its own; got {workers!r}")
    return worker_count(workers, 10**9)


@recorded
@shows_progress
def simulate_ensemble(
    problem: Problem,
    *,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    test_samples: int = 8192,
    dtype: str = "float64",
    method: str = "gram",
    executor: Executor | None = None,
    meanwhile: Callable[[], None] | None = None,
    progress: bool = True,
) -> Ensemble:
    """Run `simulate` for several independent seeds, in processes of one thread each.

    Run i has the i-th child of the seed's sequence: the same bits whatever `workers` is, and the first runs of a larger
    ensemble are those of a smaller one. Runs are what workers share; of streamed ones, on an executor or where there
    are more workers than runs, it is ranges of rows, one run after the other. Either way gives the same bits.

    Parameters
    ----------
    problem : Problem
    seeds : int
        Number of runs.
    seed : int, SeedSequence or Generator
    workers : int, optional
        Processes; as many as processors by default.
    test_samples : int
        Fresh points for each run's test error, as in `simulate`.
    dtype, method : str
        As in `simulate`.
    executor : concurrent.futures.Executor, optional
        Where to run instead of in `workers` processes.
    meanwhile : callable, optional
        What this process does while others simulate, or before it does so itself.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Ensemble

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the runs do not fit in memory side by side.
    ChildProcessError
        If workers keep dying.

    Examples
    --------
    >>> from theory import Problem
    >>> runs = simulate_ensemble(Problem(n=100, d=50, width=75), seeds=2, seed=0, workers=1)
    >>> runs.seeds, runs.values("after", "test_error").shape
    (2, (2, 1))
    """
    sequence, count = as_seed_sequence(seed), check_runs(seeds, workers, executor)
    seeds, how = check_seeds(seeds), How(dtype, method)
    check_size(problem, 1 if executor is not None else min(count, seeds), how=how)
    if method == "streamed" and (executor is not None or count > seeds):
        how = replace(how, place=Place(None if executor is not None else count, executor))
        sequences = [derived_sequence(sequence, i) for i in range(seeds)]
        if meanwhile is not None:
            meanwhile()
        return Ensemble(problem, tuple(_run(problem, s, test_samples, how) for s in sequences))
    tasks = [(problem, derived_sequence(sequence, i), test_samples, how) for i in range(seeds)]
    try:
        return Ensemble(problem, tuple(run_tasks(_run, tasks, workers=workers, executor=executor, meanwhile=meanwhile)))
    except Interrupted as stop:
        stop.partial = Ensemble(problem, tuple(stop.results))
        raise


def _run(problem: Problem, sequence: np.random.SeedSequence, test_samples: int, how: How) -> Simulation:
    (run,) = simulate_steps((problem,), sequence, test_samples=test_samples, how=how)
    return run
