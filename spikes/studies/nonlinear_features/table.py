"""Remainders and angles against n, on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text, number_text
from spikes.presentation.terminal import Column, console_of_output, print_table, problem_heading, step_formula
from spikes.studies.nonlinear_features.decomposition import VARIANTS
from theory.nonlinear_features import critical_exponent

if TYPE_CHECKING:
    from spikes.studies.nonlinear_features.conditions import Conditions
    from spikes.studies.nonlinear_features.study import DecompositionStudy

__all__ = ["print_conditions", "print_decomposition"]

_MOST = 8


def print_decomposition(study: DecompositionStudy) -> None:
    """Remainders, angles and error differences against n, and the exponents fitted to the remainders."""
    console = console_of_output()
    problem = study.problem
    ratios = f"d = {problem.d / problem.n:g} n, N = {problem.width / problem.n:g} n"
    sizes = f"n = {', '.join(map(str, study.sizes))}; {ratios}, {step_formula(problem)}"
    console.print(problem_heading(problem, sizes=sizes), markup=False)
    columns = (
        Column("", words=True),
        *(Column(f"n = {n}") for n in study.sizes),
        Column("exponent"),
    )
    title = f"ell = {study.ell}, {counted(len(study.runs[0]), 'seed')}"
    print_table(console, columns, _lines(study), title)
    for sentence in filter(None, (study.remark(), study.caveat())):
        console.print(sentence, markup=False)


def _lines(study: DecompositionStudy) -> list[list[str]]:
    names = {variant: variant.replace("_", " ") for variant in VARIANTS}

    def cells(values: list[Estimate]) -> list[str]:
        return ["" if math.isnan(v.mean) else estimate_text(v) for v in values]

    lines = []
    for variant, label in (("before", "‖F − F₀‖/√n"), *((v, f"‖F − F_ℓ‖/√n {names[v]}") for v in VARIANTS)):
        law = study.exponents[variant]
        exponent = estimate_text(Estimate(law.exponent, law.sem, len(study.runs[0])))
        lines.append([label, *cells(study.remainder(variant)), exponent])
    for variant in VARIANTS:
        for i, values in enumerate(zip(*study.angles(variant), strict=True), start=1):
            lines.append([f"principal angle {i} in degrees, {names[variant]}", *cells(list(values)), ""])
    for variant in VARIANTS:
        lines.append([f"column-mean slope, {names[variant]}", *cells(study.slope(variant)), ""])
    for variant in VARIANTS:
        differences = study.difference(variant, "test_error")
        lines.append([f"test error on F_ℓ less on F, {names[variant]}", *cells(differences), ""])
    return [line for line in lines if any(line[1:])]  # slopes are of two spikes and more


def print_conditions(found: Conditions) -> None:
    """Coefficients, spikes, and every condition with what follows from it.

    Parameters
    ----------
    found : Conditions
    """
    console = console_of_output()
    title = f"{found.activation.name}, target {found.target.name}, {found.second_layer.name} second layer"
    columns = (Column("k"), Column("c_k"), Column("c*_k"))
    pairs = zip(found.coefficients, found.target_coefficients, strict=True)
    lines = [[str(k), number_text(c, 5), number_text(star, 5)] for k, (c, star) in enumerate(pairs) if k <= _MOST]
    console.print(title, markup=False)
    print_table(console, columns, lines)
    decay = "a polynomial" if math.isnan(found.decay) else f"like k^{found.decay:.2f}"
    console.print(f"k! c_k² falls {decay}" if decay[0] == "l" else f"k! c_k²: {decay}", markup=False)
    spikes = ", ".join(f"k = {k} from α = {critical_exponent(k):.4g}" for k in found.spikes if k <= _MOST)
    console.print(f"spikes in the limit: {spikes or 'none'}", markup=False)
    for one in found.conditions:
        console.print(f"{'yes' if one.holds else 'NO '}  {one.name}: {one.reason}", markup=False)
