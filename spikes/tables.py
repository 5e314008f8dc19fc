"""Tables on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from spikes.comparison import Comparison, Row, row
from spikes.data_study import DataStudy
from spikes.decomposition import VARIANTS
from spikes.ensemble import ALIGNMENTS, Ensemble, Estimate
from spikes.matrix_free_comparison import MatrixFreeComparison
from spikes.matrix_spectrum import MatrixSpectrum
from spikes.nonlinear import DecompositionStudy
from spikes.summary import Summary
from theory.conditional_equivalent import Prediction
from theory.problem import Problem

__all__ = [
    "print_comparison",
    "print_data_study",
    "print_decomposition",
    "print_matrix_free",
    "print_matrix_spectrum",
    "print_prediction",
    "print_rows",
    "print_simulation",
    "print_summaries",
]


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 120  # a file or a pipe has no width to fit in
    return console


def _heading(problem: Problem) -> str:
    return (
        f"{problem.sigma.name}, target {problem.teacher.name}, noise {problem.noise:g}, "
        f"{problem.second_layer} second layer\n"
        f"n = {problem.n}, n_step = {problem.n0}, d = {problem.d}, N = {problem.width}, eta = {problem.step_size:.6g}"
    )


def _number(value: float, digits: int = 5) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}g}"


def _with_error(value: Estimate) -> str:
    return f"{value.mean:.5g}" if math.isnan(value.sem) else f"{value.mean:.5g} ± {value.sem:.1g}"


def print_prediction(theory: Prediction) -> None:
    """Bulk, spikes and errors of a prediction."""
    console = _console()
    console.print(_heading(theory.problem), markup=False)
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
    console = _console()
    console.print(_heading(ensemble.problem), markup=False)
    count = min(ensemble.outlier_count(), ensemble.runs[0].alignment.shape[0])
    table = Table("spike", "singular value", *ALIGNMENTS, title=f"{ensemble.seeds} seeds, mean ± standard error")
    for i in range(count):
        table.add_row(str(i + 1), _with_error(ensemble.singular_value(i)), *map(_with_error, ensemble.alignment(i)))
    console.print(table if count else "no spike stands apart from the bulk")
    content = ensemble.to_dict(count)
    table = Table("ridge", "test error", "train error", "objective")
    for i, ridge in enumerate(ensemble.problem.ridges):
        cells = []
        for name in ("test_error", "train_error", "objective"):
            mean, sem = content[name][i]["mean"], content[name][i]["sem"]
            cells.append(_with_error(Estimate(mean, math.nan if sem is None else sem, ensemble.seeds)))
        table.add_row(f"{ridge:g}", *cells)
    console.print(table)


def print_data_study(study: DataStudy) -> None:
    """Singular values, outliers and errors before and after the step on a user's inputs, and the assumptions."""
    console, problem = _console(), study.problem
    console.print(
        f"{study.data.path or 'data'}: {study.data.rows} rows of d = {problem.d}; {problem.n0} for the step, "
        f"{problem.n} for the fit, {study.simulation.runs[0].test_samples} for the test\n"
        f"{problem.sigma.name}, {problem.second_layer} second layer, N = {problem.width}, "
        f"eta = {problem.step_size:.6g}, {study.simulation.seeds} splits",
        markup=False,
    )
    before, after = study.outliers("_before"), study.outliers("")
    table = Table("", "before the step", "after", title="mean ± standard error over splits of these data")
    leading = zip(study.singular_values("_before"), study.singular_values(""), strict=True)
    for i, pair in enumerate(list(leading)[: max(3, round(before["by_gaps"].mean), round(after["by_gaps"].mean))]):
        table.add_row(f"singular value {i + 1}", *map(_with_error, pair))
    table.add_row("outliers, by gaps", _with_error(before["by_gaps"]), _with_error(after["by_gaps"]))
    beyond = ("" if w["beyond_fit"] is None else _with_error(w["beyond_fit"]) for w in (before, after))
    table.add_row("outliers, beyond a fitted Marchenko-Pastur bulk", *beyond)
    table.add_row("  distance of the bulk from that fit", *(_with_error(w["fit_distance"]) for w in (before, after)))
    table.add_row("rank-one share of the gradient", "", _with_error(study.gradient_share()))
    for i, ridge in enumerate(problem.ridges):
        for name in ("test_error", "train_error"):
            pair = (study.errors(name, "_before")[i], study.errors(name, "")[i])
            table.add_row(f"{name.replace('_', ' ')}, ridge {ridge:g}", *map(_with_error, pair))
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
            f"{r.quantity}: theory {r.theory:.5g}, simulation {_with_error(Estimate(r.simulation, r.sem, r.seeds))}",
            markup=False,
        )


def print_comparison(comparison: Comparison) -> None:
    """Every row of a comparison."""
    title = f"theory beside simulation, {comparison.simulation.seeds} seeds"
    print_rows(comparison.problem, comparison.rows, title)


def print_rows(problem: Problem, rows: Sequence[Row], title: str, remark: str = "") -> None:
    """Rows of theory beside simulation under a heading, with a remark below."""
    console = _console()
    console.print(_heading(problem), markup=False)
    table = Table(title=title)
    for column in ("quantity", "theory", "simulation", "standard error", "z", "relative"):
        table.add_column(column, justify="left" if column == "quantity" else "right", no_wrap=True)
    for r in rows:
        # Of a prediction next to zero no relative difference is worth a look.
        relative = f"{100.0 * r.relative:.2f} %" if abs(r.relative) < 0.5 else ""
        z = "" if math.isnan(r.z) else f"{r.z:.1f}"
        name = r.quantity.replace("[", "\\[")
        table.add_row(name, _number(r.theory), _number(r.simulation), _number(r.sem, 2), z, relative)
    console.print(table)
    if remark:
        console.print(remark, markup=False)


def print_matrix_free(comparison: MatrixFreeComparison) -> None:
    """Spikes and density of features that were never stored, beside the theory."""
    runs = comparison.simulation
    passes = ", ".join(str(run.passes) for run in runs.runs)
    title = f"theory beside Lanczos, {runs.seeds} seeds, {passes} passes over the rows"
    predicted = len(comparison.theory.outliers)
    beyond = [f"singular value {i + 1}: {_with_error(runs.singular_value(i))}" for i in range(comparison.count)]
    remark = "\n".join(filter(None, [comparison.remark(), *beyond[predicted : predicted + 5]]))
    print_rows(comparison.problem, comparison.rows, title, remark)


def print_decomposition(study: DecompositionStudy) -> None:
    """Remainders, angles and error differences against n, and the exponents fitted to the remainders."""
    console = _console()
    console.print(_heading(study.problem), markup=False)
    table = Table(
        "", *(f"n = {n}" for n in study.sizes), "exponent", title=f"ell = {study.ell}, {len(study.runs[0])} seeds"
    )
    for variant, label in (("before", "‖F − F₀‖/√n"), *((v, f"‖F − F_ℓ‖/√n {v.replace('_', ' ')}") for v in VARIANTS)):
        law = study.exponents[variant]
        table.add_row(label, *map(_with_error, study.remainder(variant)), f"{law.exponent:.3f} ± {law.sem:.3f}")
    for variant in VARIANTS:
        for i, values in enumerate(zip(*study.angles(variant), strict=True), start=1):
            label = f"principal angle {i} in degrees, {variant.replace('_', ' ')}"
            table.add_row(label, *map(_with_error, values), "")
    for variant in VARIANTS:
        cells = ["" if math.isnan(v.mean) else _with_error(v) for v in study.slope(variant)]
        table.add_row(f"column-mean slope, {variant.replace('_', ' ')}", *cells, "")
    for variant in VARIANTS:
        label = f"test error on F_ℓ less on F, {variant.replace('_', ' ')}"
        table.add_row(label, *map(_with_error, study.difference(variant, "test_error")), "")
    console.print(table)
    if study.remark():
        console.print(study.remark(), markup=False)


def print_matrix_spectrum(study: MatrixSpectrum) -> None:
    """Outliers of a matrix with their distances from the edge, and the fitted bulk."""
    console = _console()
    n, N = study.shape
    ((low, high),) = study.law.bands
    console.print(
        f"{n} x {N}: Marchenko-Pastur bulk of ratio {study.law.gamma:.4g} and variance {study.law.variance:.4g}, "
        f"eigenvalues {low:.4g} to {high:.4g}, Kolmogorov distance {study.kolmogorov:.4f}",
        markup=False,
    )
    table = Table(
        "outlier",
        "eigenvalue",
        "singular value",
        "distance from the edge",
        title=f"{study.outliers} beyond {study.threshold:.2f} units of n^(-2/3) scale (odds {study.level:g})",
    )
    for i, value in enumerate(study.eigenvalues[: study.outliers]):
        table.add_row(str(i + 1), f"{value:.6g}", f"{math.sqrt(value):.6g}", f"{study.distance(value):.4g}")
    console.print(table)
    if study.remark():
        console.print(study.remark(), markup=False)


def print_summaries(summaries: Sequence[Summary], columns: Sequence[str], varying: Sequence[str], heading: str) -> None:
    """Every kept quantity of every cell of a sweep, predicted and measured; remarks below."""
    console = _console()
    console.print(heading, markup=False)
    table = Table()
    for column in (*varying, "quantity", "theory", "simulation", "standard error", "seeds", "z", "relative"):
        table.add_column(column, justify="left" if column in (*varying, "quantity") else "right", no_wrap=True)
    for s in summaries:
        fields = [f"{v:g}" if isinstance(v, float) else str(v) for v in (s.fields[name] for name in varying)]
        for name in columns:
            measured, predicted = s.measured.get(name), s.predicted.get(name)
            if measured is None and predicted is None:
                continue
            cells = ["" if predicted is None else _number(predicted)]
            cells += ["", "", ""] if measured is None else [_number(measured.mean), _number(measured.sem, 2)]
            if measured is not None:
                cells.append(str(measured.seeds))
            z, relative = "", ""
            if measured is not None and predicted is not None:
                r = row(name, predicted, measured)
                z = "" if math.isnan(r.z) else f"{r.z:.1f}"
                relative = f"{100.0 * r.relative:.2f} %" if abs(r.relative) < 0.5 else ""
            table.add_row(*fields, name, *cells, z, relative)
    console.print(table)
    remarks = [s.remark for s in summaries if s.remark]
    for remark in dict.fromkeys(remarks):
        console.print(f"no theory in {remarks.count(remark)} cells: {remark.replace('`', '')}", markup=False)
