"""Tables of the local analysis on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spikes.estimates import estimate
from spikes.presentation.numbers import counted, estimate_text, number_text
from spikes.presentation.terminal import Column, console_of_output, print_table
from spikes.studies.local_analysis.study import LocalStudy, teacher_powers

if TYPE_CHECKING:
    from theory.local_analysis.dual_certificate import Certificate
    from theory.statement.teacher import Teacher

__all__ = ["print_certificate", "print_training"]

_STAGES = (
    Column("", words=True),
    Column("decay"),
    Column("loss"),
    Column("loss of minimiser", leave=4),
    Column("gap"),
    Column("gradient", leave=5),
    Column("mass", leave=3),
    Column("rms angle, °", leave=1),
    Column("within 5°", leave=2),
)
_SHOWN = ("gradient_norm", "mass", "rms_angle", "f5")


def _heading(teacher: Teacher) -> str:
    weights = ", ".join(number_text(x, 4) for x in teacher.weights)
    power, largest = teacher_powers(teacher)
    return (
        f"teacher {teacher.name}: {teacher.size} directions of span {teacher.rank} in d = {teacher.d}, smallest angle "
        f"{math.degrees(teacher.min_angle):.1f}°, weights {weights}\n"
        f"E f*² = {power:.6g} beyond the linear part, lambda_max = {largest:.6g}"
    )


def _stages(study: LocalStudy) -> list[list[str]]:
    """A line for random features, for the early stages and for every epoch."""
    columns = {name: study.epochs(name) for name in ("population_loss", *_SHOWN)}

    def at(k: int, name: str) -> str:
        values = columns[name][:, k]
        return "" if np.isnan(values).any() else estimate_text(estimate(values))

    lines = [["random features", "", estimate_text(estimate([run.random_loss for run in study.runs])), *[""] * 6]]
    lines.append(["Stages 1 and 2", "", at(0, "population_loss"), "", "", *(at(0, name) for name in _SHOWN)])
    for k, decay in enumerate(study.decays):
        minimum = gap = ""
        if decay > 0.0:
            found, gap_value = study.minimum(decay), estimate(study.epoch_gaps[:, k])
            minimum = number_text(found.loss, 4)
            # below the bound on the solver's own error nothing but rounding is left
            gap = f"< {found.error:.1g}" if gap_value.mean <= found.error else estimate_text(gap_value)
        numbers = [number_text(decay, 4), at(k + 1, "population_loss"), minimum, gap]
        lines.append([f"epoch {k + 1}", *numbers, *(at(k + 1, name) for name in _SHOWN)])
    return lines


def print_training(study: LocalStudy, checkpoint: str | None = None) -> None:
    """One row a stage and epoch, with loss, gap, gradient and concentration.

    Parameters
    ----------
    study : LocalStudy
    checkpoint : str, optional
        Where unfinished runs are kept.
    """
    console, plan = console_of_output(), study.plan
    console.print(_heading(plan.teacher), markup=False)
    data = "population" if plan.n is None else f"n = {plan.n}, noise {plan.noise:g}, {plan.outer}, {plan.preprocessing}"
    title = f"m = {plan.width}, {data}, decay: {plan.schedule}, {counted(len(study.runs), 'seed')}"
    print_table(console, _STAGES, _stages(study), title)
    measured = estimate([run.tangent for run in study.runs])
    console.print(
        f"first step off the span over within: {estimate_text(measured)}, predicted {study.tangent:.4g}", markup=False
    )
    for sentence in filter(None, (study.remark(), study.certificate.statement())):
        console.print(sentence, markup=False)
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
    lengths = np.linalg.norm(found.beta, axis=1)
    rows = [
        [str(j + 1), number_text(weight, 6), number_text(alpha, 8), number_text(beta, 8)]
        for j, (weight, alpha, beta) in enumerate(zip(found.teacher.weights, found.alpha, lengths, strict=True))
    ]
    columns = (Column("direction"), Column("weight"), Column("alpha"), Column("|beta|", leave=1))
    print_table(console, columns, rows)
