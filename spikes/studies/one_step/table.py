"""A prediction, its simulation and both, on a terminal."""

from __future__ import annotations

import math

from rich.table import Table

from spikes.agreement import ALIGNMENTS
from spikes.estimates import Estimate
from spikes.presentation.terminal import console_of_output, print_rows, problem_heading, with_error
from spikes.simulation.ensemble import Ensemble
from spikes.studies.one_step.study import Comparison
from theory.conditional_equivalent import Prediction

__all__ = ["print_comparison", "print_prediction", "print_simulation"]


def print_prediction(theory: Prediction) -> None:
    """Bulk, spikes and errors of a prediction."""
    console = console_of_output()
    console.print(problem_heading(theory.problem), markup=False)
    bands = ", ".join(f"[{low:.5g}, {high:.5g}]" for low, high in theory.bulk_edges)
    console.print(f"bulk of FFᵀ/n: {bands}; mass at zero {theory.mass_at_zero:.5g}", markup=False)
    console.print(
        f"‖β‖² = {theory.beta_norm2:.6g}, overlap {', '.join(f'{e:.4f}' for e in theory.overlap)}", markup=False
    )
    table = Table("spike", "singular value", *ALIGNMENTS, title="left singular vectors on He_k(u)/√k!")
    for i, outlier in enumerate(theory.outliers):
        table.add_row(str(i + 1), f"{outlier.singular_value:.5g}", *(f"{a:.4f}" for a in outlier.alignment))
    console.print(table if theory.outliers else "no spike leaves the bulk")
    table = Table("ridge", "test error", "train error", "objective")
    for values in zip(theory.ridge, theory.test_error, theory.train_error, theory.objective, strict=True):
        table.add_row(*(f"{value:.6g}" for value in values))
    console.print(table)


def print_simulation(ensemble: Ensemble) -> None:
    """Spikes and errors of several runs."""
    console = console_of_output()
    console.print(problem_heading(ensemble.problem), markup=False)
    count = min(ensemble.outlier_count(), ensemble.runs[0].after.alignment.shape[0])
    table = Table("spike", "singular value", *ALIGNMENTS, title=f"{ensemble.seeds} seeds, mean ± standard error")
    for i in range(count):
        table.add_row(str(i + 1), with_error(ensemble.singular_value(i)), *map(with_error, ensemble.alignment(i)))
    console.print(table if count else "no spike stands apart from the bulk")
    content = ensemble.to_dict(count)
    table = Table("ridge", "test error", "train error", "objective")
    for i, ridge in enumerate(ensemble.problem.ridges):
        cells = []
        for name in ("test_error", "train_error", "objective"):
            mean, sem = content[name][i]["mean"], content[name][i]["sem"]
            cells.append(with_error(Estimate(mean, math.nan if sem is None else sem, ensemble.seeds)))
        table.add_row(f"{ridge:g}", *cells)
    console.print(table)


def print_comparison(comparison: Comparison) -> None:
    """Every row of a comparison."""
    title = f"theory beside simulation, {comparison.simulation.seeds} seeds"
    print_rows(comparison.problem, comparison.rows(), title)
