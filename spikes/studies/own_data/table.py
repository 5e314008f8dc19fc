"""Spectrum, errors and assumptions on a user's inputs, on a terminal."""

from __future__ import annotations

import math

from rich.table import Table

from spikes.estimates import Estimate
from spikes.presentation.terminal import console_of_output, with_error
from spikes.studies.own_data.study import DataStudy

__all__ = ["print_data_study"]


def print_data_study(study: DataStudy) -> None:
    """Singular values, outliers and errors before and after the step on a user's inputs, and the assumptions."""
    console, problem = console_of_output(), study.problem
    console.print(
        f"{study.data.path or 'data'}: {study.data.rows} rows of d = {problem.d}; {problem.n0} for the step, "
        f"{problem.n} for the fit, {study.simulation.runs[0].test_samples} for the test\n"
        f"{problem.sigma.name}, {problem.second_layer} second layer, N = {problem.width}, "
        f"eta = {problem.step_size:.6g}, {study.simulation.seeds} splits",
        markup=False,
    )
    before, after = study.outliers("before"), study.outliers("after")
    table = Table("", "before the step", "after", title="mean ± standard error over splits of these data")
    leading = zip(study.singular_values("before"), study.singular_values("after"), strict=True)
    for i, pair in enumerate(list(leading)[: max(3, round(before["by_gaps"].mean), round(after["by_gaps"].mean))]):
        table.add_row(f"singular value {i + 1}", *map(with_error, pair))
    table.add_row("outliers, by gaps", with_error(before["by_gaps"]), with_error(after["by_gaps"]))
    beyond = ("" if w["beyond_fit"] is None else with_error(w["beyond_fit"]) for w in (before, after))
    table.add_row("outliers, beyond a fitted Marchenko-Pastur bulk", *beyond)
    table.add_row("  distance of the bulk from that fit", *(with_error(w["fit_distance"]) for w in (before, after)))
    table.add_row("rank-one share of the gradient", "", with_error(study.gradient_share()))
    for i, ridge in enumerate(problem.ridges):
        for name in ("test_error", "train_error"):
            pair = (study.errors(name, "before")[i], study.errors(name, "after")[i])
            table.add_row(f"{name.replace('_', ' ')}, ridge {ridge:g}", *map(with_error, pair))
    console.print(table)
    table = Table("assumption of the theory", "measured", "from", "to", "", title="the inputs against N(0, 1)")
    for check in study.checks:
        low = "" if math.isinf(check.low) else f"{check.low:.4g}"
        verdict = "holds" if check.holds else "FAILS"
        table.add_row(check.assumption, f"{check.value:.4g}", low, f"{check.high:.4g}", verdict)
    console.print(table)
    console.print(study.remark(), markup=False)
    for r in study.rows():
        console.print(
            f"{r.quantity}: theory {r.theory:.5g}, simulation {with_error(Estimate(r.simulation, r.sem, r.seeds))}",
            markup=False,
        )
