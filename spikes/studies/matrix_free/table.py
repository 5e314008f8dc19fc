"""Spikes and density of features never stored, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikes.presentation.numbers import counted, estimate_text
from spikes.presentation.terminal import print_rows

if TYPE_CHECKING:
    from spikes.studies.matrix_free.study import MatrixFreeComparison

__all__ = ["print_matrix_free"]


def print_matrix_free(comparison: MatrixFreeComparison) -> None:
    """Spikes and density of features that were never stored, beside the theory."""
    runs = comparison.simulation
    passes = ", ".join(str(run.passes) for run in runs.runs)
    title = f"theory beside Lanczos, {counted(runs.seeds, 'seed')}, {passes} passes over the rows"
    predicted = len(comparison.theory.outliers)
    beyond = [f"singular value {i + 1}: {estimate_text(runs.singular_value(i))}" for i in range(comparison.count)]
    remark = "\n".join(filter(None, [comparison.caveat(), *beyond[predicted : predicted + 5]]))
    print_rows(comparison.problem, comparison.rows(), title, remark)
