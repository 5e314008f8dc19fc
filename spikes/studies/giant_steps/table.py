"""Tables of the studies of giant steps on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text, number_text
from spikes.presentation.terminal import Column, console_of_output, print_rows, print_table, step_formula

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from spikes.studies.giant_steps.analysis import TargetReport
    from spikes.studies.giant_steps.curve import CurveStudy
    from spikes.studies.giant_steps.step import StepStudy
    from spikes.studies.giant_steps.trajectory import TrajectoryStudy
    from theory.giant_steps import Staircase
    from theory.statement.problem import Problem
    from theory.statement.protocol import Protocol

__all__ = ["print_curve", "print_report", "print_step", "print_trajectory"]


def _direction(vector: np.ndarray) -> str:
    """A direction of latent space as a combination of axes: 0.97 z1 + 0.243 z2."""
    terms = [(value, f"z{i + 1}") for i, value in enumerate(vector) if abs(value) > 5e-4]
    text = " ".join(
        f"{'-' if value < 0 else '+'} {'' if abs(abs(value) - 1.0) < 5e-4 else f'{abs(value):.3g} '}{name}"
        for value, name in terms
    )
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("-") else text.removeprefix("+ ")


def _print_staircase(console: Console, title: str, staircase: Staircase) -> None:
    columns = (
        Column("step"),
        Column("jump", leave=1),
        Column("new directions", words=True),
        Column("eigenvalues of A_j", words=True, leave=2),
        Column("dimension"),
    )
    rows = []
    for step, (stair, dimension) in enumerate(zip(staircase.stairs, staircase.dimensions, strict=True), start=1):
        values = ", ".join(
            # joined by spaces that do not break, so that a number keeps its error
            (estimate_text(Estimate(value, error, 1)) if error > 1e-6 * value else number_text(value, 6)).replace(
                " ", "\u00a0"
            )
            for value, error in zip(stair.eigenvalues, stair.errors, strict=True)
        )
        directions = "; ".join(_direction(v) for v in stair.directions.T)
        rows.append([str(step), str(stair.degree), directions, values, str(dimension)])
    print_table(console, columns, rows, title)


def print_report(report: TargetReport) -> None:
    """Exponents, energies, staircases and floors of a target."""
    console, made = console_of_output(), report.analysis
    k = made.target.k
    console.print(f"target {made.target.name}, {counted(k, 'latent')}, by {made.method}", markup=False)
    energies = ", ".join(f"{j}: {e:.4g}" for j, e in enumerate(made.energies) if e > 1e-10 * made.variance)
    mean = made.mean if abs(made.mean) > 1e-10 * math.sqrt(made.variance) else 0.0
    console.print(f"mean {mean:.5g}, variance {made.variance:.5g}; energy by degree {energies}", markup=False)
    console.print(f"information exponent {made.information_exponent}, leap {made.leap}", markup=False)
    for piece in made.dropped:
        pieces = ", ".join(
            f"{_direction(v)} ({value:.2g})" for v, value in zip(piece.directions.T, piece.eigenvalues, strict=True)
        )
        console.print(
            f"  dropped as small: degree {piece.degree} along {pieces}, an eigenvalue of A_{piece.degree} counts from "
            f"{piece.threshold:.2g}",
            markup=False,
        )
    for staircase, name in (
        (made.staircase, "what gradients hold"),
        (report.visible, f"what {report.activation.name} sees of it"),
    ):
        power = "" if staircase.max_leap == 1 else f"^{staircase.max_leap}"
        if staircase.stairs:
            _print_staircase(console, f"{name}, steps of n = O(d{power})", staircase)
        else:
            console.print(f"{name}, steps of n = O(d{power}): nothing", markup=False)
        if not staircase.complete:
            console.print("  the target depends on more than these directions", markup=False)
    text = ", ".join(
        f"{f.value if f.value > 1e-10 * made.variance else 0.0:.4g}" + (f" ± {f.error:.1g}" if f.error > 1e-6 else "")
        for f in report.floors
    )
    console.print(report.remark(), markup=False)
    console.print(f"floor of ridge regression with n, N = O(d) after 0, 1, ... visible steps: {text}", markup=False)
    for one in report.requirements:
        console.print(f"asks for: {one.sentence()}", markup=False)


def _remark(problem: Problem, protocol: Protocol, *, varying: bool = False) -> str:
    said = "√N eta" if varying else f"{problem.step_size * math.sqrt(problem.width):.5g}"
    return f"preprocessing {protocol.labels(problem)}, {protocol.start} start; eta of the giant-step literature: {said}"


def print_step(study: StepStudy) -> None:
    """Cosines of one step."""
    remark = _remark(study.problem, study.protocol)
    if study.limit is not None:
        delta = study.problem.n0 / float(study.problem.d) ** study.degree
        remark += (
            f"; cos² of the gradient with the subspace as d → ∞ at n = {delta:.4g} d^{study.degree}: {study.limit:.5g}"
        )
    print_rows(study.problem, study.rows(), f"one step, {counted(len(study.runs), 'seed')}", remark)


def print_trajectory(study: TrajectoryStudy) -> None:
    """Cosines after each step."""
    distance = ", ".join(f"{value:.3g}" for value in study.distance())
    remark = (
        f"{_remark(study.problem, study.protocol)}; rms(cos − state evolution) √d after 0, 1, ... steps: {distance}; "
        f"dimensions that {study.problem.sigma.name} can learn with n = O(d): {list(study.visible.dimensions)}"
    )
    print_rows(study.problem, study.rows(), f"several steps, {counted(len(study.runs), 'seed')}", remark)


def print_curve(study: CurveStudy) -> None:
    """Test errors against n."""
    problem = study.problem
    floors = "".join(f"; floor {name}: {f.value:.4g}" for name, f in study.floors.items())
    remark = _remark(problem, study.protocol, varying=problem.eta is None) + floors
    if study.same_batch:
        found = zip(study.exponents, study.measured("same_batch"), strict=True)
        errors = ", ".join(f"{estimate_text(m)} at d^{x:.3g}" for x, m in found)
        remark += f"; one batch for step and second layer, less its moments: {errors}"
    steps = "n_step = n" if problem.n_step is None else f"n_step = {problem.n_step}"
    sizes = f"n in the rows, {steps}, d = {problem.d}, N = {problem.width}, {step_formula(problem)}"
    print_rows(problem, study.rows(), f"learning curve, {counted(len(study.runs), 'seed')}", remark, sizes=sizes)
