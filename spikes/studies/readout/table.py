"""A readout's errors, predicted and by splits, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikes.agreement import row
from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text, number_text, relative_text
from spikes.presentation.terminal import Column, console_of_output, print_table

if TYPE_CHECKING:
    from spikes.studies.readout.study import ReadoutStudy

__all__ = ["print_readout"]


def print_readout(study: ReadoutStudy) -> None:
    """Test error, train error and effective dimension for every n and λ, and the conclusion."""
    console = console_of_output()
    splits = counted(study.splits.splits, "split") if study.splits.splits else "no splits"
    console.print(
        f"{study.pool.rows} labelled rows of {study.pool.columns} features, {splits}; {study.note()}", markup=False
    )
    columns = (
        Column("labels"),
        Column("ridge"),
        Column("test error"),
        Column("by splits"),
        Column("relative", leave=2),
        Column("train error", leave=3),
        Column("train by splits", leave=4),
        Column("dimension", leave=1),
        Column("dimension by splits", leave=5),
        Column("", words=True),
    )
    print_table(console, columns, _lines(study), "predicted, and mean ± standard error over splits")
    console.print(study.remark(), markup=False)


def _lines(study: ReadoutStudy) -> list[list[str]]:
    lines, best = [], study.best()
    tests, trains, freedoms = (study.measured(name) for name in ("test_error", "train_error", "degrees_of_freedom"))
    for i, n in enumerate(study.n):
        for j, ridge in enumerate(study.ridges):
            law, test = study.theory, tests[i]
            predicted = number_text(law.test_error[i, j], 4)
            if study.extrapolated(n) and study.interval is not None:
                predicted = estimate_text(Estimate(law.test_error[i, j], study.interval.test_error[i, j], 1))
            relative = "" if test is None else relative_text(row("", law.test_error[i, j], test[j]).relative)
            lines.append(
                [
                    str(n),
                    f"{ridge:g}",
                    predicted,
                    _measured(test, j),
                    relative,
                    number_text(law.train_error[i, j], 4),
                    _measured(trains[i], j),
                    f"{law.degrees_of_freedom[i, j]:.1f}",
                    _measured(freedoms[i], j),
                    "best" if best[n][0] == j else "",
                ]
            )
    return lines


def _measured(values: list[Estimate] | None, j: int) -> str:
    return "" if values is None else estimate_text(values[j])
