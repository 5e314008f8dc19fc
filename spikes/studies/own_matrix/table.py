"""Outliers of a matrix, on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.presentation.numbers import number_text
from spikes.presentation.terminal import Column, console_of_output, print_table

if TYPE_CHECKING:
    from spikes.studies.own_matrix.study import MatrixSpectrum

__all__ = ["print_matrix_spectrum"]


def print_matrix_spectrum(study: MatrixSpectrum) -> None:
    """Outliers of a matrix with their distances from the edge, and the fitted bulk."""
    console = console_of_output()
    n, N = study.shape
    ((low, high),) = study.law.bands
    console.print(
        f"{n} x {N}: Marchenko-Pastur bulk of ratio {study.law.gamma:.4g} and variance {study.law.variance:.4g}, "
        f"eigenvalues {low:.4g} to {high:.4g}, Kolmogorov distance {study.kolmogorov:.4f}",
        markup=False,
    )
    columns = (
        Column("outlier"),
        Column("eigenvalue"),
        Column("singular value", leave=1),
        Column("distance from the edge"),
    )
    rows = [
        [str(i + 1), *(number_text(v, 6) for v in (value, math.sqrt(value))), number_text(study.distance(value), 4)]
        for i, value in enumerate(study.eigenvalues[: study.outliers])
    ]
    title = f"{study.outliers} beyond {study.threshold:.2f} units of n^(-2/3) scale (odds {study.level:g})"
    print_table(console, columns, rows, title)
    if study.remark():
        console.print(study.remark(), markup=False)
