"""Outliers of a matrix, on a terminal."""

from __future__ import annotations

import math

from rich.table import Table

from spikes.presentation.terminal import console_of_output
from spikes.studies.own_matrix.study import MatrixSpectrum

__all__ = ["print_matrix_spectrum"]


def print_matrix_spectrum(study: MatrixSpectrum) -> None:
    """Outliers of a matrix with their distances from the edge, and the fitted bulk."""
    console = console_of_output()
    n, N = study.shape
    ((low, high),) = study.law.bands
    console.print(
        f"{n} x {N}: Marchenko-Pastur bulk of ratio {study.law.ratio:.4g} and variance {study.law.variance:.4g}, "
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
