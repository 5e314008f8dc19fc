"""A prediction, its simulation and both, on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.agreement import ALIGNMENTS, spike_source
from spikes.estimates import Estimate, estimate
from spikes.presentation.numbers import counted, estimate_text, number_text
from spikes.presentation.terminal import Column, console_of_output, print_rows, print_table, problem_heading

if TYPE_CHECKING:
    from rich.console import Console

    from spikes.simulation.ensemble import Ensemble
    from spikes.studies.one_step.prediction import PredictionStudy
    from spikes.studies.one_step.study import Comparison
    from theory.conditional_equivalent import Prediction

__all__ = ["print_comparison", "print_prediction", "print_simulation", "print_validity"]

# the amplitudes of the highest degrees are the first to go
_SPIKES = (
    Column("spike"),
    Column("singular value s"),
    Column("s²", leave=len(ALIGNMENTS)),
    *(Column(name, leave=k) for k, name in enumerate(ALIGNMENTS)),
)
_DENSITY = (Column("eigenvalue x"), Column("density ρ(x)"))
_ERRORS = (Column("ridge"), Column("test error"), Column("train error"), Column("objective", leave=1))
_ERRORS_AND_BEFORE = (*_ERRORS[:2], Column("before the step"), *_ERRORS[2:])


def print_prediction(study: PredictionStudy) -> None:
    """Bulk, spikes and errors of a prediction, beside what to hold them against."""
    theory = study.theory
    console = console_of_output()
    console.print(problem_heading(theory.problem), markup=False)
    bands = ", ".join(f"[{number_text(low)}, {number_text(high)}]" for low, high in theory.bulk_edges)
    console.print(f"bulk of FFᵀ/n: {bands}; mass at zero {number_text(theory.mass_at_zero)}", markup=False)
    overlaps = ", ".join(number_text(e, 4) for e in theory.overlap)
    console.print(f"‖β‖² = {theory.beta_norm2:.6g}, overlap {overlaps}", markup=False)
    rows = [
        [
            str(i + 1) + spike_source(outlier),
            number_text(outlier.singular_value),
            number_text(outlier.singular_value**2),
            *(number_text(a, 4) for a in outlier.alignment),
        ]
        for i, outlier in enumerate(theory.outliers)
    ]
    if rows:
        print_table(console, _SPIKES, rows, "left singular vectors on He_k(u)/√k!")
    else:
        console.print("no spike leaves the bulk")
    columns = (theory.ridge, theory.test_error, study.before["test_error"], theory.train_error, theory.objective)
    lines = [[number_text(v, 6) for v in line] for line in zip(*columns, strict=True)]
    print_table(console, _ERRORS_AND_BEFORE, lines)
    if study.density_at is not None:
        points = zip(theory.density_x, theory.density, strict=True)
        print_table(console, _DENSITY, [[number_text(v, 6) for v in line] for line in points])
    console.print(study.remark(), markup=False)
    print_validity(console, theory)


def print_validity(console: Console, theory: Prediction) -> None:
    """One line for each way in which a problem lies outside what the law was compared with."""
    for reason in theory.validity:
        console.print(f"outside what was checked: {reason}", markup=False)


def print_simulation(ensemble: Ensemble) -> None:
    """Spikes and errors of several runs."""
    console = console_of_output()
    console.print(problem_heading(ensemble.problem), markup=False)
    count = min(ensemble.outlier_count(), ensemble.runs[0].after.alignment.shape[0])
    content = ensemble.to_dict(count)
    rows = [
        [
            str(i + 1),
            estimate_text(ensemble.singular_value(i)),
            "",
            *map(estimate_text, ensemble.alignment(i)),
        ]
        for i in range(count)
    ]
    if rows:
        print_table(console, _SPIKES, rows, f"{counted(ensemble.seeds, 'seed')}, mean ± standard error")
    else:
        console.print("no spike stands apart from the bulk")
    rows = []
    for i, ridge in enumerate(ensemble.problem.ridges):
        cells = []
        for name in ("test_error", "train_error", "objective"):
            mean, sem = content[name][i]["mean"], content[name][i]["sem"]
            cells.append(estimate_text(Estimate(mean, math.nan if sem is None else sem, ensemble.seeds)))
        rows.append([f"{ridge:g}", *cells])
    print_table(console, _ERRORS, rows)
    console.print(_conclusion(ensemble, count), markup=False)
    if ensemble.remark():
        console.print(ensemble.remark(), markup=False)


def _conclusion(ensemble: Ensemble, count: int) -> str:
    """How many spikes there are, and the smallest mean test error beside that of the same fit before the step."""
    after, before = (ensemble.values(when, "test_error") for when in ("after", "before"))
    best = int(after.mean(axis=0).argmin())
    now, then = (estimate_text(estimate(values[:, best])) for values in (after, before))
    standing = f"{counted(count, 'spike') if count else 'no spike'} stand{'' if count > 1 else 's'} apart from the bulk"
    return f"{standing}; test error {now} at λ = {ensemble.problem.ridges[best]:g}, against {then} before the step"


def print_comparison(comparison: Comparison) -> None:
    """Every row of a comparison."""
    title = f"theory beside simulation, {counted(comparison.simulation.seeds, 'seed')}"
    print_rows(comparison.problem, comparison.rows(), title, comparison.simulation.remark())
    print_validity(console_of_output(), comparison.theory)
