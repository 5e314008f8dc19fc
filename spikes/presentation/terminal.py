"""Tables on a terminal: how numbers, errors and problems are written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table

from spikes.agreement import Row
from spikes.estimates import Estimate
from spikes.runtime.text import printable
from theory.statement.problem import Problem

__all__ = ["console_of_output", "number", "print_rows", "problem_heading", "with_error"]


_WIDTH = 160  # of a file or a pipe, which has none of its own


class _Printable(Console):
    """Writes out what would command the terminal, in whatever is printed; styles are added after that."""

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)


def console_of_output() -> Console:
    """Standard output, as wide as the terminal, or wide enough for every table where there is none."""
    console = _Printable(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _WIDTH
    return console


def problem_heading(problem: Problem) -> str:
    """Two lines that state a problem."""
    return (
        f"{problem.sigma.name}, target {problem.teacher.name}, noise {problem.noise:g}, "
        f"{problem.second_layer} second layer\n"
        f"n = {problem.n}, n_step = {problem.n0}, d = {problem.d}, N = {problem.width}, eta = {problem.step_size:.6g}"
    )


def number(value: float, digits: int = 5) -> str:
    """A number to `digits` digits; nothing for nan."""
    return "" if math.isnan(value) else f"{value:.{digits}g}"


def with_error(value: Estimate) -> str:
    """Mean ± standard error, the error alone left out where one run has none."""
    return f"{value.mean:.5g}" if math.isnan(value.sem) else f"{value.mean:.5g} ± {value.sem:.1g}"


def print_rows(problem: Problem, rows: Sequence[Row], title: str, remark: str = "") -> None:
    """Rows of theory beside simulation under a heading, with a remark below."""
    console = console_of_output()
    console.print(problem_heading(problem), markup=False)
    table = Table(title=title)
    for column in ("quantity", "theory", "simulation", "standard error", "z", "relative"):
        table.add_column(column, justify="left" if column == "quantity" else "right", no_wrap=True)
    for r in rows:
        # Of a prediction next to zero no relative difference is worth a look.
        relative = f"{100.0 * r.relative:.2f} %" if abs(r.relative) < 0.5 else ""
        z = "" if math.isnan(r.z) else f"{r.z:.1f}"
        name = r.quantity.replace("[", "\\[")
        table.add_row(name, number(r.theory), number(r.simulation), number(r.sem, 2), z, relative)
    console.print(table)
    if remark:
        console.print(remark, markup=False)
