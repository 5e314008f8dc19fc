"""Spectrum, errors and assumptions on a user's inputs, on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.estimates import estimate
from spikes.presentation.numbers import counted, estimate_text, number_text
from spikes.presentation.terminal import Column, console_of_output, print_table
from spikes.studies.own_data.gaussian_clone import CovarianceLaw
from spikes.studies.own_data.pool import WHEN

if TYPE_CHECKING:
    from rich.console import Console

    from spikes.studies.own_data.study import DataStudy

__all__ = ["print_data_study"]


def print_data_study(study: DataStudy) -> None:
    """Singular values, outliers and errors before and after the step on a user's inputs, and the assumptions."""
    console, problem = console_of_output(), study.problem
    constant = study.data.left_out
    left_out = f", {counted(constant, 'constant column')} left out" if constant else ""
    console.print(
        f"{study.data.path or 'data'}: {study.data.rows} rows of d = {problem.d}{left_out}; {problem.n0} for the step, "
        f"{problem.n} for the fit, {study.simulation.runs[0].test_samples} for the test\n"
        f"{problem.sigma.name}, {problem.law_of_a.name} second layer, N = {problem.width}, "
        f"eta = {problem.step_size:.6g}, {counted(study.simulation.seeds, 'split')}",
        markup=False,
    )
    columns = (
        Column("", words=True),
        Column("before the step"),
        Column("before: features", leave=1),
        Column("before: kernel", leave=2),
        Column("after"),
        Column("after: features", leave=1),
    )
    print_table(
        console,
        columns,
        _measured(study),
        "mean ± standard error over splits, and the laws of features and kernel",
    )
    if isinstance(study.covariance, CovarianceLaw):
        _print_covariance(console, study, study.covariance)
    assumptions = (
        Column("assumption of the theory", words=True),
        Column("measured"),
        Column("from", leave=1),
        Column("to", leave=1),
        Column("", words=True),
    )
    rows = [
        [
            check.assumption,
            number_text(check.value, 4),
            "" if math.isinf(check.low) else number_text(check.low, 4),
            number_text(check.high, 4),
            "holds" if check.holds else "FAILS",
        ]
        for check in study.checks
    ]
    print_table(console, assumptions, rows, "the inputs against N(0, 1)")
    spikes = study.spikes()
    if spikes is not None:
        of_data, of_step = (spikes[name].mean for name in ("of_the_data", "of_the_step"))
        parts = [f"{number_text(of_data, 3)} of the data, which stand apart before it as well"] if of_data else []
        parts += [f"{number_text(of_step, 3)} of the step"] if of_step else []
        console.print(f"spikes after the step: {', '.join(parts) or 'none'}", markup=False)
    console.print(study.remark(), markup=False)


def _print_covariance(console: Console, study: DataStudy, law: CovarianceLaw) -> None:
    sides = (Column(f"{when}: {name}", leave=i) for when in WHEN for i, name in enumerate(("law", "clone", "rows")))
    labels = f"y = {law.problem.teacher.name} + {law.problem.noise:.4g} N(0, 1)"
    title = f"Gaussian inputs of the rows' covariance, {labels}"
    print_table(console, (Column("", words=True), *sides), _of_covariance(study, law), title)


def _of_covariance(study: DataStudy, law: CovarianceLaw) -> list[list[str]]:
    lines = []
    for i, ridge in enumerate(study.problem.ridges):
        for name in ("test_error", "train_error"):
            line = [f"{name.replace('_', ' ')}, ridge {ridge:g}"]
            for when in WHEN:
                clone = estimate(law.clone.values(when, name)[:, i])
                line.append(number_text(float(law.errors(name, when)[i]), 4))
                line += [estimate_text(value) for value in (clone, study.errors(name, when)[i])]
            lines.append(line)
    return lines


def _measured(study: DataStudy) -> list[list[str]]:
    before, after = study.outliers("before"), study.outliers("after")
    leading = list(zip(study.singular_values("before"), study.singular_values("after"), strict=True))
    shown = max(3, round(before["by_gaps"].mean), round(after["by_gaps"].mean))
    rows = [[f"singular value {i + 1}", *map(estimate_text, pair)] for i, pair in enumerate(leading[:shown])]
    rows.append(["spikes, by gaps", estimate_text(before["by_gaps"]), estimate_text(after["by_gaps"])])
    beyond = ["" if w["beyond_fit"] is None else estimate_text(w["beyond_fit"]) for w in (before, after)]
    if any(beyond):
        rows.append(["spikes, beyond a fitted Marchenko-Pastur bulk", *beyond])
    fits = [estimate_text(w["fit_distance"]) for w in (before, after)]
    rows.append(["distance of the bulk from a Marchenko-Pastur law", *fits])
    rows.append(["rank-one share of the gradient", "", estimate_text(study.gradient_share())])
    lines = [[name, was, "", "", now, ""] for name, was, now in rows]
    for i, ridge in enumerate(study.problem.ridges):
        for name in ("test_error", "train_error"):
            was, now = (estimate_text(study.errors(name, when)[i]) for when in ("before", "after"))
            laws = [study.predicted(name, when) for when in ("before", "after")]
            features = ["" if not law else number_text(law[i].mean, 4) for law in laws]
            kernel = "" if study.kernel is None else number_text(float(getattr(study.kernel, name)[0, i]), 4)
            lines.append([f"{name.replace('_', ' ')}, ridge {ridge:g}", was, features[0], kernel, now, features[1]])
    return lines
