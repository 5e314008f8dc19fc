"""Theory beside simulation: the same problem predicted and measured, with the difference in standard errors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, human_name, quantities, row, spike_rows
from spikes.estimates import Estimate, estimate
from spikes.presentation.figure import in_style, problem_statement
from spikes.presentation.numbers import estimate_text, number_text, relative_text, z_text
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.overflow import refused_overflow
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import Interrupted
from spikes.simulation.ensemble import Ensemble, check_runs, simulate_ensemble
from spikes.simulation.how import How
from spikes.simulation.one_step import Fit, Simulation, check_range, check_size
from spikes.simulation.seeds import check_seeds
from theory.conditional_equivalent import Prediction, predict, predict_errors
from theory.statement.problem import Problem

__all__ = [
    "Comparison",
    "Path",
    "StepPath",
    "compare",
    "laid_over",
    "path_penalties",
    "predicted_path",
    "step_path",
    "with_path",
]

_ERRORS = ("test_error", "train_error", "objective")
_PATH = 9  # penalties of the simulated error curves, which cost next to nothing beside the decomposition they share
_CURVE = 41
_STEPS = 13
_LARGEST_ALPHA = 0.5  # of the theory


@dataclass(frozen=True, eq=False)
class Path:
    """Errors along a path of penalties, after the step and before it.

    Attributes
    ----------
    ridge : ndarray, shape (L,)
        Penalties of the simulated points.
    curve : ndarray, shape (C,)
        Penalties of the predicted curves.
    theory, before : dict of str to ndarray (C,)
        Predicted ``test_error``, ``train_error`` and ``objective``.
    simulation, simulation_before : dict of str to list of Estimate
        Empty where nothing is simulated.
    """

    ridge: np.ndarray
    curve: np.ndarray
    theory: dict[str, np.ndarray]
    before: dict[str, np.ndarray]
    simulation: dict[str, list[Estimate]] = field(default_factory=dict)
    simulation_before: dict[str, list[Estimate]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StepPath:
    """Errors along the size of the step.

    Attributes
    ----------
    problem : Problem
        With one penalty, and the step left to the path.
    alpha : ndarray, shape (C,)
        Exponents of the predicted curves.
    theory : dict of str to ndarray (C,)
        Predicted ``test_error``, ``train_error`` and ``objective``.
    before : dict of str to float
        The same without a step.
    """

    problem: Problem
    alpha: np.ndarray
    theory: dict[str, np.ndarray]
    before: dict[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(RowTable):
    """A problem predicted and simulated.

    Attributes
    ----------
    problem : Problem
    theory : Prediction
    simulation : Ensemble
    path : Path
        Error curves around the problem's penalties, for the figure.
    """

    problem: Problem
    theory: Prediction
    simulation: Ensemble
    path: Path

    def rows(self) -> list[Row]:
        """Errors, their ratios to the errors before the step on the same data, spikes, what they learned, the step."""
        return _rows(self.problem, self.theory, self.simulation)

    def remark(self) -> str:
        """How theory and simulation compare."""
        return "; ".join(filter(None, [conclusion(self.rows()), self.simulation.remark()]))

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: schema, problem, theory, simulation, agreement."""
        before = predict_errors(self.problem.replace(eta=0.0))
        theory = self.theory.to_dict()
        theory["before"] = {name: [getattr(e, name) for e in before] for name in _ERRORS}
        return contract(self.problem, theory, self.simulation.to_dict(outliers=len(self.theory.outliers)), self.rows())

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw spectrum, what the spikes have learned, and the errors: `plot_comparison` of this subject's figures."""
        from spikes.studies import one_step

        return one_step.plot_comparison(self, axes)

    def __str__(self) -> str:
        heads = ("", "theory", "simulation ± s.e.", "z", "relative")
        lines = [
            (
                human_name(r.quantity),
                number_text(r.theory),
                estimate_text(Estimate(r.simulation, r.sem, r.seeds)),
                z_text(r.z, r.seeds),
                relative_text(r.relative),
            )
            for r in self.rows()
        ]
        first, *others = (max(map(len, column)) for column in zip(heads, *lines, strict=True))
        table = []
        for name, *cells in (heads, *lines):
            right = (cell.rjust(width) for cell, width in zip(cells, others, strict=True))
            table.append("  ".join([name.ljust(first), *right]).rstrip())
        return "\n".join([problem_statement(self.problem, seeds=self.simulation.seeds), *table, self.remark()])


@recorded
@shows_progress
@on_one_thread
def compare(
    problem: Problem,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    *,
    gradient_order: int = 2,
    test_samples: int = 8192,
    dtype: str = "float64",
    method: str = "gram",
    progress: bool = True,
) -> Comparison:
    """Predict and simulate a problem and lay one over the other.

    Parameters
    ----------
    problem : Problem
    seeds : int
        Independent simulations.
    seed : int, SeedSequence or Generator
        Source of all of them; the same seed gives the same bits whatever `workers` is.
    workers : int, optional
        Processes; as many as processors by default.
    gradient_order : {1, 2}
        Passed to `theory.predict`.
    test_samples : int
        Fresh points for each run's test error, as in `spikes.simulate`.
    dtype, method : str
        As in `spikes.simulate`.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the simulation does not fit in memory.
    ArithmeticError
        If the theory's fixed point does not converge, numbers leave the range of floating point, or rounding of the
        features hides a penalty: those of the path go down to a hundredth of the smallest one asked for.

    Examples
    --------
    >>> from theory import Problem
    >>> result = compare(Problem(n=100, d=50, width=75), seeds=3, seed=0, workers=1, test_samples=512)
    >>> row = result.rows()[0]
    >>> row.quantity, row.seeds
    ('test_error[0.1]', 3)
    >>> abs(row.simulation - row.theory - row.z * row.sem) < 1e-12
    True
    """
    # all that can be refused is, before anything takes its seconds
    how = How(dtype, method)
    check_size(problem, min(check_runs(seeds, workers, None), check_seeds(seeds)), how=how)
    check_range((problem,), how.numbers)
    predicted: list[Any] = []

    def predictions() -> None:
        with refused_overflow("prediction"):
            predicted.append(predict(problem, gradient_order))
        predicted.append(predicted_path(problem, gradient_order))

    try:
        runs = simulate_ensemble(
            with_path(problem),
            seeds=seeds,
            seed=seed,
            workers=workers,
            test_samples=test_samples,
            dtype=dtype,
            method=method,
            meanwhile=predictions,
        )
    except Interrupted as stop:  # what has finished is a comparison too
        if len(predicted) == 2:
            stop.partial = laid_over(predicted[0], predicted[1], stop.partial)
        raise
    theory, path = predicted
    return laid_over(theory, path, runs)


def path_penalties(problem: Problem) -> np.ndarray:
    """Penalties of the simulated error curves, from a hundredth of the smallest one asked for to ten times the largest.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    ndarray, shape (9,)
    """
    return np.geomspace(min(problem.ridges) / 100.0, 10.0 * max(problem.ridges), _PATH)


def with_path(problem: Problem) -> Problem:
    """The problem whose simulation gives the error curves as well: its own penalties, then those of the curves.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Problem
    """
    return problem.replace(ridge=(*problem.ridges, *(float(x) for x in path_penalties(problem))))


def predicted_path(problem: Problem, gradient_order: int = 2, *, points: int = _CURVE) -> Path:
    """The error curves as predicted, without a simulated point.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        As in `theory.predict`, whose exceptions are those of this function.
    points : int
        Penalties of the curves.

    Returns
    -------
    Path
    """
    grid = path_penalties(problem)
    fine = problem.replace(ridge=tuple(float(x) for x in np.geomspace(grid[0], grid[-1], points)))
    return Path(
        ridge=grid,
        curve=np.array(fine.ridges),
        theory=_curves(fine, gradient_order),
        before=_curves(fine.replace(eta=0.0, alpha=0.0), 2),
    )


@lru_cache(maxsize=64)
def _curves(problem: Problem, gradient_order: int) -> dict[str, np.ndarray]:
    """Errors at every penalty of a problem; what is the same for every step is not computed for each."""
    with refused_overflow("prediction"):
        errors = predict_errors(problem, gradient_order)
    return {name: np.array([getattr(e, name) for e in errors]) for name in _ERRORS}


def laid_over(theory: Prediction, path: Path, runs: Ensemble) -> Comparison:
    """A prediction and runs of the same problem as one comparison.

    Parameters
    ----------
    theory : Prediction
    path : Path
        Of the same problem, predicted.
    runs : Ensemble
        Of the problem that `with_path` gives.

    Returns
    -------
    Comparison
    """
    problem, kept = theory.problem, len(theory.problem.ridges)
    simulated = {
        when: {name: [estimate(c) for c in runs.values(when, name)[:, kept:].T] for name in _ERRORS}
        for when in ("after", "before")
    }
    path = replace(path, simulation=simulated["after"], simulation_before=simulated["before"])
    ensemble = Ensemble(problem, tuple(_first_ridges(run, problem) for run in runs.runs))
    return Comparison(problem, theory, ensemble, path)


@on_one_thread
def step_path(problem: Problem, gradient_order: int = 2) -> StepPath:
    """Predicted errors along the step-size exponent α, at the first penalty of a problem.

    Parameters
    ----------
    problem : Problem
        Its own `alpha` and `eta` do not matter.
    gradient_order : {1, 2}
        As in `theory.predict`, whose exceptions are those of this function.

    Returns
    -------
    StepPath
    """
    problem = problem.replace(eta=None, alpha=0.0, ridge=problem.ridges[0])
    alphas = np.linspace(0.0, _LARGEST_ALPHA, _STEPS)
    with refused_overflow("prediction"):
        (before,) = predict_errors(problem.replace(eta=0.0))
        after = [predict_errors(problem.replace(alpha=float(a)), gradient_order)[0] for a in alphas]
    return StepPath(
        problem=problem,
        alpha=alphas,
        theory={name: np.array([getattr(e, name) for e in after]) for name in _ERRORS},
        before={name: float(getattr(before, name)) for name in _ERRORS},
    )


def _first_ridges(run: Simulation, problem: Problem) -> Simulation:
    """The run as if only the problem's own penalties had been asked for."""

    def cut(fit: Fit) -> Fit:
        return replace(fit, **{name: getattr(fit, name)[: len(problem.ridges)] for name in ("ridge", *_ERRORS)})

    return replace(run, problem=problem, before=cut(run.before), after=cut(run.after))


def _rows(problem: Problem, theory: Prediction, runs: Ensemble) -> list[Row]:
    rows = []
    before = predict_errors(problem.replace(eta=0.0))
    errors = {q: (runs.measured(q, "after"), runs.measured(q, "before")) for q in quantities("penalty", compared=True)}
    for i, ridge in enumerate(problem.ridges):
        for q, (after, start) in errors.items():
            predicted = q.predicted(theory)[i]
            rows.append(row(f"{q.title()}[{ridge:g}]", predicted, estimate(after[:, i])))
            ratio = _ratio(after[:, i], start[:, i])
            rows.append(row(f"{q.title()}/before[{ridge:g}]", predicted / q.predicted(before[i]), ratio))
    for i, outlier in enumerate(theory.outliers[: runs.runs[0].after.alignment.shape[0]]):
        rows += spike_rows(i, outlier, runs.spike)
    for q in quantities("run", compared=True):
        rows.append(row(q.title(), q.predicted(theory), estimate(runs.measured(q))))
    for q in quantities("latent", compared=True):
        predicted, columns = q.predicted(theory), runs.measured(q).T
        for c, (value, column) in enumerate(zip(predicted, columns, strict=True), start=1):
            rows.append(row(q.title(c) if len(predicted) > 1 else q.name, value, estimate(column)))
    return rows


def _ratio(after: np.ndarray, before: np.ndarray) -> Estimate:
    """Ratio of means with its standard error by the delta method: noise common to both cancels."""
    ratio = float(after.mean() / before.mean())
    residual = estimate((after - ratio * before) / before.mean())
    return Estimate(ratio, residual.sem, residual.seeds)
