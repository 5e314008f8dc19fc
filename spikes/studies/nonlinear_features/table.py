"""Remainders and angles against n, on a terminal."""

from __future__ import annotations

import math

from rich.table import Table

from spikes.presentation.terminal import console_of_output, problem_heading, with_error
from spikes.studies.nonlinear_features.decomposition import VARIANTS
from spikes.studies.nonlinear_features.study import DecompositionStudy

__all__ = ["print_decomposition"]


def print_decomposition(study: DecompositionStudy) -> None:
    """Remainders, angles and error differences against n, and the exponents fitted to the remainders."""
    console = console_of_output()
    console.print(problem_heading(study.problem), markup=False)
    table = Table(
        "", *(f"n = {n}" for n in study.sizes), "exponent", title=f"ell = {study.ell}, {len(study.runs[0])} seeds"
    )
    for variant, label in (("before", "‖F − F₀‖/√n"), *((v, f"‖F − F_ℓ‖/√n {v.replace('_', ' ')}") for v in VARIANTS)):
        law = study.exponents[variant]
        table.add_row(label, *map(with_error, study.remainder(variant)), f"{law.exponent:.3f} ± {law.sem:.3f}")
    for variant in VARIANTS:
        for i, values in enumerate(zip(*study.angles(variant), strict=True), start=1):
            label = f"principal angle {i} in degrees, {variant.replace('_', ' ')}"
            table.add_row(label, *map(with_error, values), "")
    for variant in VARIANTS:
        cells = ["" if math.isnan(v.mean) else with_error(v) for v in study.slope(variant)]
        table.add_row(f"column-mean slope, {variant.replace('_', ' ')}", *cells, "")
    for variant in VARIANTS:
        label = f"test error on F_ℓ less on F, {variant.replace('_', ' ')}"
        table.add_row(label, *map(with_error, study.difference(variant, "test_error")), "")
    console.print(table)
    if study.caveat():
        console.print(study.caveat(), markup=False)
