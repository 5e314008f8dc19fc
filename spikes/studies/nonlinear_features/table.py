"""Remainders and angles against n, on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text
from spikes.presentation.terminal import Column, console_of_output, print_table, problem_heading
from spikes.studies.nonlinear_features.decomposition import VARIANTS

if TYPE_CHECKING:
    from spikes.studies.nonlinear_features.study import DecompositionStudy

__all__ = ["print_decomposition"]


def print_decomposition(study: DecompositionStudy) -> None:
    """Remainders, angles and error differences against n, and the exponents fitted to the remainders."""
    console = console_of_output()
    console.print(problem_heading(study.problem), markup=False)
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
    return lines
