"""Theory beside simulation: the same problem predicted and measured, with the difference in standard errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, quantities, row, spike_rows
from spikes.estimates import Estimate, estimate
from spikes.presentation.numbers import relative_text, z_text
from spikes.runtime.overflow import refused_overflow
from spikes.simulation.ensemble import Ensemble, check_runs, simulate_ensemble
from spikes.simulation.how import How
from spikes.simulation.one_step import Fit, Simulation, check_range, check_size
from spikes.simulation.seeds import check_seeds
from theory.conditional_equivalent import Prediction, predict, predict_errors
from theory.statement.problem import Problem

__all__ = ["Comparison", "Path", "compare"]

_ERRORS = ("test_error", "train_error", "objective")
_PATH = 9  # penalties of the simulated error curves, which cost next to nothing beside the decomposition they share
_CURVE = 41


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
    """

    ridge: np.ndarray
    curve: np.ndarray
    theory: dict[str, np.ndarray]
    before: dict[str, np.ndarray]
    simulation: dict[str, list[Estimate]]
    simulation_before: dict[str, list[Estimate]]


@dataclass(frozen=True, eq=False)
class Comparison:
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

    def plot(self, axes: Any = None) -> Any:
        """Draw spectrum, what the spikes have learned, and the errors: `plot_comparison` of this subject's figures."""
        from spikes.studies import one_step

        return one_step.plot_comparison(self, axes)

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(r.quantity) for r in rows)
        lines = [f"{'':{width}}  {'theory':>10}  {'simulation':>10}  {'sem':>8}  {'z':>5}  {'relative':>8}"]
        for r in rows:
            z, relative = z_text(r.z, r.seeds), relative_text(r.relative)
            numbers = f"{r.theory:10.5f}  {r.simulation:10.5f}  {r.sem:8.5f}  {z:>5}  {relative:>8}"
            lines.append(f"{r.quantity:{width}}  {numbers}".rstrip())
        return "\n".join([f"{self.problem}", f"{self.simulation.seeds} seeds", *lines])


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
    kept = len(problem.ridges)
    grid = np.geomspace(min(problem.ridges) / 100.0, 10.0 * max(problem.ridges), _PATH)
    wide = problem.replace(ridge=(*problem.ridges, *(float(x) for x in grid)))
    fine = problem.replace(ridge=tuple(float(x) for x in np.geomspace(grid[0], grid[-1], _CURVE)))
    predicted: list[Any] = []

    def predictions() -> None:
        with refused_overflow("prediction"):
            predicted.append(predict(problem, gradient_order))
            predicted.extend([predict_errors(fine, gradient_order), predict_errors(fine.replace(eta=0.0))])

    runs = simulate_ensemble(
        wide,
        seeds=seeds,
        seed=seed,
        workers=workers,
        test_samples=test_samples,
        dtype=dtype,
        method=method,
        meanwhile=predictions,
    )
    theory, after, before = predicted
    path = Path(
        ridge=grid,
        curve=np.array(fine.ridges),
        theory={name: np.array([getattr(e, name) for e in after]) for name in _ERRORS},
        before={name: np.array([getattr(e, name) for e in before]) for name in _ERRORS},
        simulation={name: [estimate(c) for c in runs.values("after", name)[:, kept:].T] for name in _ERRORS},
        simulation_before={name: [estimate(c) for c in runs.values("before", name)[:, kept:].T] for name in _ERRORS},
    )
    ensemble = Ensemble(problem, tuple(_first_ridges(run, problem) for run in runs.runs))
    return Comparison(problem, theory, ensemble, path)


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
