"""Theory beside a spectrum that was found from products alone."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import ALIGNMENTS, Row, conclusion, contract, row, spike_rows
from spikes.estimates import Estimate, estimate
from spikes.presentation.figure import in_style
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.progress import shows_progress
from spikes.simulation.ensemble import check_runs
from spikes.simulation.how import How
from spikes.simulation.krylov import check_count, check_quadrature
from spikes.simulation.matrix_free import MatrixFree, Quadrature, check_size, matrix_free_spectrum
from spikes.simulation.seeds import as_seed_sequence
from theory.conditional_equivalent import Prediction, predict
from theory.statement.problem import Problem

__all__ = ["MatrixFreeComparison", "compare_matrix_free", "smoothed_density"]

_POINTS = 61
_ROWS = 10  # every so many points one is a row of the table


@dataclass(frozen=True, eq=False, repr=False)
class MatrixFreeComparison(RowTable):
    """A problem predicted, and measured without storing features or Gram matrix.

    Attributes
    ----------
    problem : Problem
    theory : Prediction
    smoothed : ndarray, shape (P,) or None
        Predicted density at the quadrature's points, smoothed as the measured one is.
    simulation : MatrixFree
    """

    problem: Problem
    theory: Prediction
    smoothed: np.ndarray | None
    simulation: MatrixFree

    @property
    def count(self) -> int:
        """Leading singular values that were measured."""
        return len(self.simulation.runs[0].singular_values)

    def log_density(self) -> list[Estimate]:
        """The measured density of ln x at the quadrature's points."""
        return [
            Estimate(x * value.mean, x * value.sem, value.seeds)
            for x, value in zip(self.simulation.measured_quadrature.x, self.simulation.density(), strict=True)
        ]

    def rows(self) -> list[Row]:
        """Spikes, what they learned, ‖β‖² and the smoothed density, predicted and measured."""
        return _rows(self.theory, self.simulation, self.smoothed)

    def remark(self) -> str:
        """How theory and measurement compare."""
        return conclusion(self.rows())

    def caveat(self) -> str:
        """What was predicted and not measured, or measured without a prediction."""
        predicted = len(self.theory.outliers)
        if self.count > predicted:
            return f"{predicted} spikes are predicted; singular values beyond them belong to the bulk"
        if self.count < predicted:
            return f"{predicted} spikes are predicted, {self.count} were asked for"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: schema, problem, theory, simulation, agreement."""
        runs, theory = self.simulation, self.theory.to_dict()
        for name in ("ridge", "test_error", "train_error", "objective"):  # that no ridge was fitted
            del theory[name]
        simulation: dict[str, Any] = {
            "seeds": runs.seeds,
            "passes": [run.passes for run in runs.runs],
            "step": {
                "beta_norm2": estimate([run.beta_norm2 for run in runs.runs]).to_dict(),
                "overlap": [estimate(column).to_dict() for column in np.stack([r.overlap for r in runs.runs]).T],
            },
            "outliers": [
                {
                    "singular_value": runs.singular_value(i).to_dict(),
                    "alignment": {
                        name: value.to_dict() for name, value in zip(ALIGNMENTS, runs.alignment(i), strict=True)
                    },
                }
                for i in range(self.count)
            ],
            "remark": self.caveat(),
        }
        if self.smoothed is not None:
            quadrature = runs.measured_quadrature
            x = quadrature.x.tolist()
            theory["smoothed_density"] = {"x": x, "density": self.smoothed.tolist(), "smoothing": quadrature.width}
            simulation["smoothed_density"] = {
                "x": x,
                "density": [value.to_dict() for value in runs.density()],
                "smoothing": quadrature.width,
                "probes": quadrature.probes,
                "steps": [run.density.steps for run in runs.runs if run.density is not None],
            }
        return contract(self.problem, theory, simulation, self.rows())

    @in_style
    def plot(self, ax: Any = None) -> Any:
        """Draw it; see `spikes.studies.matrix_free.figure.plot_matrix_free`."""
        from spikes.studies import matrix_free

        return matrix_free.plot_matrix_free(self, ax)


@recorded
@shows_progress
@on_one_thread
def compare_matrix_free(
    problem: Problem,
    *,
    count: int | None = None,
    probes: int = 10,
    steps: int = 80,
    smoothing: float = 0.15,
    seeds: int = 4,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    gradient_order: int = 2,
    dtype: str = "float64",
    executor: Executor | None = None,
    progress: bool = True,
) -> MatrixFreeComparison:
    """Predict a problem's spikes and density and lay them over what block Lanczos and quadrature measure.

    Parameters
    ----------
    problem : Problem
        Its penalties are not looked at.
    count : int, optional
        Leading singular values to measure; by default as many as spikes are predicted, one at least.
    probes : int
    steps : int
        Of the quadrature at most; 0 leaves the density out.
    smoothing : float
        Standard deviation in ln x over which both densities are smoothed.
    seeds, seed, workers, dtype, executor
        As in `spikes.simulation.matrix_free.matrix_free_spectrum`.
    gradient_order : {1, 2}
        As in `theory.predict`.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    MatrixFreeComparison

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the measurement does not fit in memory.
    ArithmeticError
        If a fixed point or Lanczos does not converge, or the density is not resolved.

    Examples
    --------
    >>> from theory import Problem
    >>> problem = Problem(n=400, d=100, width=150, alpha=0.45)
    >>> result = compare_matrix_free(problem, steps=0, seeds=4, seed=0, workers=1)
    >>> [r.quantity for r in result.rows()][:2]
    ['spike 1', 'spike 1 on 1']
    """
    if not (math.isfinite(smoothing) and smoothing > 0.0):
        raise ValueError(f"`smoothing` must be positive; got {smoothing!r}")
    # all that can be refused is, before the prediction takes its seconds
    many, how, seed = check_runs(seeds, workers, executor), How(dtype), as_seed_sequence(seed)
    if count is not None:
        check_count(count, problem.width)
    if steps:
        check_quadrature(probes, steps)
    at_once = 1 if executor is not None or many > seeds else many
    check_size(problem, at_once, count=count or 1, probes=probes if steps else 0, steps=steps, how=how)
    theory = predict(problem, gradient_order)
    if count is None:
        count = max(1, len(theory.outliers))
    quadrature = None
    if steps:
        low, high = theory.bulk_edges[0][0], theory.bulk_edges[-1][1]
        low, high = max(low, 1e-3 * high) * math.exp(-2.0 * smoothing), high * math.exp(2.0 * smoothing)
        quadrature = Quadrature(np.geomspace(low, high, _POINTS), probes, steps, smoothing)
    found = matrix_free_spectrum(
        problem,
        count=count,
        quadrature=quadrature,
        seeds=seeds,
        seed=seed,
        workers=workers,
        dtype=dtype,
        executor=executor,
    )
    smoothed = None if quadrature is None else smoothed_density(theory, quadrature.x, smoothing)
    return MatrixFreeComparison(problem, theory, smoothed, found)


def smoothed_density(theory: Prediction, x: np.ndarray, width: float) -> np.ndarray:
    """∫ ρ(t) N(ln x; ln t, width²)/x dt of the predicted bulk and its spikes, 1/n each.

    The measured density is smoothed by code of its own, `spikes.simulation.krylov.smoothed`.

    Parameters
    ----------
    theory : Prediction
    x : ndarray, shape (P,)
        Eigenvalues of FFᵀ/n.
    width : float
        Standard deviation in ln x.

    Returns
    -------
    ndarray, shape (P,)
        Integrates to 1 less the mass at zero.
    """
    t, rho = theory.density_x, theory.density
    spikes = np.array([outlier.singular_value**2 for outlier in theory.outliers])
    nodes = np.concatenate([t, spikes])
    # trapezoids in ln t; the bulk takes the mass that zero and the spikes leave
    steps = np.diff(np.log(t), prepend=math.log(t[0]), append=math.log(t[-1]))
    weights = 0.5 * (steps[1:] + steps[:-1]) * t * rho
    bulk = 1.0 - theory.mass_at_zero - len(spikes) / theory.problem.n
    weights = np.concatenate([weights * (bulk / weights.sum()), np.full(len(spikes), 1.0 / theory.problem.n)])
    away = (np.log(x)[:, None] - np.log(nodes)) / width
    return np.exp(-0.5 * away**2) @ weights / (math.sqrt(2.0 * math.pi) * width * x)


def _rows(theory: Prediction, found: MatrixFree, smoothed: np.ndarray | None) -> list[Row]:
    rows = []
    for i, outlier in enumerate(theory.outliers[: len(found.runs[0].singular_values)]):
        rows += spike_rows(i, outlier, found.spike)
    rows.append(row("beta_norm2", theory.beta_norm2, estimate([run.beta_norm2 for run in found.runs])))
    if smoothed is not None:
        x, density = found.measured_quadrature.x, found.density()
        for i in range(_ROWS, len(x) - 1, _ROWS):
            mean, sem, seeds = density[i]
            rows.append(row(f"x rho(x) at {x[i]:.3g}", x[i] * smoothed[i], Estimate(x[i] * mean, x[i] * sem, seeds)))
    return rows
