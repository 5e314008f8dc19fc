"""Tables of the local analysis on a terminal."""

from __future__ import annotations

import math

import numpy as np
from rich.table import Table

from spikes.estimates import Estimate, estimate
from spikes.presentation.terminal import console_of_output
from spikes.studies.local_analysis.study import LocalStudy
from theory.local_analysis.dual_certificate import Certificate
from theory.local_analysis.early_stages import first_stage_tangent
from theory.local_analysis.measure import largest_decay
from theory.local_analysis.population import signal_power
from theory.statement.teacher import Teacher

__all__ = ["print_certificate", "print_training"]


def _cell(value: Estimate, digits: int = 4) -> str:
    if math.isnan(value.mean):
        return ""
    return f"{value.mean:.{digits}g}" if math.isnan(value.sem) else f"{value.mean:.{digits}g} ± {value.sem:.1g}"


def _heading(teacher: Teacher) -> str:
    weights = ", ".join(f"{x:.4g}" for x in teacher.weights)
    return (
        f"teacher {teacher.name}: {teacher.size} directions of span {teacher.rank} in d = {teacher.d}, smallest angle "
        f"{math.degrees(teacher.min_angle):.1f}°, weights {weights}\n"
        f"E f*² = {signal_power(teacher):.6g} beyond the linear part, lambda_max = {largest_decay(teacher):.6g}"
    )


def print_training(study: LocalStudy, checkpoint: str | None = None) -> None:
    """One row a stage and epoch, with loss, gap, gradient and concentration."""
    console, plan = console_of_output(), study.plan
    console.print(_heading(plan.teacher), markup=False)
    data = "population" if plan.n is None else f"n = {plan.n}, noise {plan.noise:g}, {plan.outer}, {plan.preprocessing}"
    seeds = len(study.runs)
    title = f"m = {plan.width}, {data}, decay: {plan.schedule}, {seeds} seed{'s' if seeds > 1 else ''}"
    table = Table(title=title)
    names = ("", "decay", "loss", "loss of minimiser", "gap", "gradient", "mass", "rms angle", "f5")
    for name in names:
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    random = _cell(estimate([run.random_loss for run in study.runs]))
    table.add_row("random features", "", random, *[""] * 6)
    shown = ("gradient_norm", "mass", "rms_angle", "f5")
    columns = {name: study.epochs(name) for name in ("population_loss", *shown)}

    def last(k: int) -> list[str]:
        return [_cell(estimate(columns[name][:, k])) for name in shown]

    table.add_row("Stages 1 and 2", "", _cell(estimate(columns["population_loss"][:, 0])), "", "", *last(0))
    for k, decay in enumerate(study.decays):
        minimum = f"{study.minimum(decay).loss:.4g}" if decay > 0.0 else ""
        gap = ""
        if decay > 0.0:
            gap_value = estimate(study.epoch_gaps[:, k])
            # below the bound on the solver's own error nothing but rounding is left
            small = gap_value.mean <= study.minimum(decay).error
            gap = f"< {study.minimum(decay).error:.1g}" if small else _cell(gap_value, 3)
        loss = _cell(estimate(columns["population_loss"][:, k + 1]))
        table.add_row(f"epoch {k + 1}", f"{decay:.4g}", loss, minimum, gap, *last(k + 1))
    console.print(table)
    measured = estimate([run.tangent for run in study.runs])
    console.print(
        f"first step off the span over within: {_cell(measured)}, predicted "
        f"{first_stage_tangent(plan.teacher, n=plan.n, noise=plan.noise):.4g}",
        markup=False,
    )
    console.print(study.certificate.statement(), markup=False)
    if study.minima:
        console.print(
            f"Σ|a||w|δ² ≤ (ζ/λ + λ|p|²/4)/ρ_c by the {study.bounding.title}: the bound is at least "
            f"{study.tightest:.4g} times what is seen",
            markup=False,
        )
    if not study.finished:
        where = f" --checkpoint {checkpoint}" if checkpoint else ""
        console.print(
            f"stopped after {len(study.decays)} of {len(study.runs[0].decays)} epochs"
            f"{'; run again with' + where + ' to continue' if where else ''}",
            markup=False,
        )


def print_certificate(found: Certificate) -> None:
    """Statement, constants and coefficients of a certificate."""
    console = console_of_output()
    console.print(_heading(found.teacher), markup=False)
    console.print(found.statement(), markup=False)
    span = f"{found.rho_span:.6g}" if math.isfinite(found.rho_span) else "infinite"
    console.print(
        f"rho_c in the span {span}, on the whole sphere {found.rho_sphere:.6g}; max |eta| = {found.max_modulus:.8g}; "
        f"|p|² = {found.norm2:.8g}",
        markup=False,
    )
    table = Table("direction", "weight", "alpha", "|beta|")
    lengths = np.linalg.norm(found.beta, axis=1)
    for j, (weight, alpha, beta) in enumerate(zip(found.teacher.weights, found.alpha, lengths, strict=True)):
        table.add_row(str(j + 1), f"{weight:.6g}", f"{alpha:.8g}", f"{beta:.8g}")
    console.print(table)
