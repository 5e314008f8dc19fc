"""Tables on a terminal: how rows and problems are written, and what a narrow terminal leaves out."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from spikes.agreement import Row, conclusion, human_name, p_value
from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text, number_text, p_text, relative_text, z_text
from spikes.runtime.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from theory.statement.problem import Problem

__all__ = [
    "Column",
    "console_of_output",
    "print_rows",
    "print_table",
    "problem_heading",
    "sizes_along_steps",
    "step_formula",
]


_WIDTH = 160  # of a file or a pipe, which has none of its own
_WIDEST_WORDS = 60


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name : str
    words : bool
        Words stand at the left and may be broken between each other; numbers stand at the right and are never.
    leave : int
        Where the terminal is too narrow, the columns of the largest number are left out first; 0 stays.
    """

    name: str
    words: bool = False
    leave: int = 0


class _Printable(Console):
    """Writes out what would command the terminal, in whatever is printed; styles are added after that."""

    def print(self, *objects: Any, **how: Any) -> None:
        if self.is_terminal and how.get("markup") is False and how.get("soft_wrap") is not False:
            objects = tuple(_wrapped(one, self.width) if isinstance(one, str) else one for one in objects)
        super().print(*objects, **how)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)


def console_of_output() -> Console:
    """Standard output, as wide as the terminal, or wide enough for every table where there is none."""
    console = _Printable(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
        console.soft_wrap = True
    return console


def problem_heading(problem: Problem, *, sizes: str = "", noise: bool = True) -> str:
    """Two lines that state a problem, three where its inputs have a covariance or its optimizer is another one.

    Parameters
    ----------
    problem : Problem
    sizes : str
        In place of the sizes and the step, where they vary: no problem is stated that was not looked at.
    noise : bool
        Whether the label noise is one.

    Returns
    -------
    str
    """
    law = problem.law_of_x
    inputs = "" if law is None else f"covariance {law}, target's direction {problem.direction}\n"
    sparse = "" if problem.sparsity is None else f", target on {counted(problem.sparsity, 'coordinate')}"
    step = "" if problem.update.kind == "gd" and not sparse else f"optimizer {problem.optimizer}{sparse}\n"
    said = f"noise {problem.noise:g}, " if noise else ""
    if not sizes:
        sizes = f"{_sizes(problem)}, eta = {problem.step_size:.6g}"
    layer = f"{problem.law_of_a.name} second layer"
    return f"{problem.sigma.name}, target {problem.teacher.name}, {said}{layer}\n{inputs}{step}{sizes}"


def step_formula(problem: Problem) -> str:
    """The step size where it follows a size that varies: eta = 10 n_step^0.5.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    str
    """
    return f"eta = {problem.eta:g}" if problem.eta is not None else f"eta = {_factor(problem)}n_step^{problem.alpha:g}"


def sizes_along_steps(problem: Problem) -> str:
    """The sizes of a study over exponents of the step.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    str
    """
    return f"{_sizes(problem)}, eta = {_factor(problem)}n_step^α"


def _sizes(problem: Problem) -> str:
    return f"n = {problem.n}, n_step = {problem.n0}, d = {problem.d}, N = {problem.width}"


def _factor(problem: Problem) -> str:
    return "" if problem.scale == 1.0 else f"{problem.scale:g} "


def print_table(
    console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "", *, lines: bool = False
) -> None:
    """A table that never cuts a number.

    Where it does not fit, columns are left out in the order of `Column.leave`, which a line below says; where what has
    to stay does not fit either, the rows are stacked, a line for each number.

    Parameters
    ----------
    console : Console
    columns : sequence of Column
    rows : sequence of sequence of str
        As many cells as columns; no markup.
    title : str
    lines : bool
        Whether rows are parted by lines.
    """
    kept = [i for i, _ in enumerate(columns) if any(row[i] for row in rows) or columns[i].leave == 0]
    widths = [_width(column, [row[i] for row in rows]) for i, column in enumerate(columns)]
    left_out: list[str] = []
    while _total(widths, kept) > console.width and any(columns[i].leave for i in kept):
        first = max(kept, key=lambda i: columns[i].leave)
        kept.remove(first)
        left_out.append(columns[first].name)
    if _total(widths, kept) > console.width:
        # everything fits again, a line a number
        _print_stacked(console, columns, rows, title)
        return
    words = [i for i in kept if columns[i].words]
    if len(words) == 1:
        room = console.width - _total(widths, kept) + widths[words[0]]
        rows = [[_broken(cell, room) if i == words[0] else cell for i, cell in enumerate(row)] for row in rows]
    table = Table(title=escape(title) or None, show_lines=lines)
    for i in kept:
        column = columns[i]
        table.add_column(
            escape(column.name),
            justify="left" if column.words else "right",
            no_wrap=not column.words,
            min_width=widths[i],
        )
    for row in rows:
        table.add_row(*(escape(row[i]) for i in kept))
    console.print(table, soft_wrap=False)
    if left_out:
        console.print(f"too narrow for: {', '.join(c.name for c in columns if c.name in left_out)}", markup=False)


def _broken(text: str, room: int) -> str:
    """Words in lines that fit, with "λ = 0.1" and "after ÷ before" in one line each where there is room for them."""
    if cell_len(text) > room:
        for held in ("[=÷<>±]", "[=<>±]"):
            bound = re.sub(f" ({held}) ", "\u00a0\\1\u00a0", text)
            if max(map(cell_len, bound.split(" "))) <= room:
                lines = textwrap.wrap(bound, room, break_long_words=False, break_on_hyphens=False)
                return "\n".join(lines).replace("\u00a0", " ")
    return text


def _wrapped(text: str, width: int) -> str:
    """Sentences, one a line, broken like words."""
    return "\n".join(_broken(line, width) for line in text.split("\n"))


def _width(column: Column, cells: Sequence[str]) -> int:
    """Least width of a column: of the longest word, or of the longest number."""
    heads = [column.name.split()] if column.words else [[column.name]]
    parts = [cell.split() if column.words else cell.split("\n") for cell in cells]
    return max((cell_len(part) for line in [*heads, *parts] for part in line), default=1)


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return 1 + sum(widths[i] + 3 for i in kept)


def _print_stacked(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str) -> None:
    if title:
        console.print(title, markup=False, style="italic")
    for row in rows:
        console.print(row[0] or "—", markup=False, style="bold")
        for column, cell in zip(columns[1:], row[1:], strict=True):
            if cell:
                console.print(f"  {column.name}: {cell}", markup=False)


def print_rows(problem: Problem, rows: Sequence[Row], title: str, remark: str = "", *, sizes: str = "") -> None:
    """Rows of theory beside simulation under a heading, with their conclusion and a remark below.

    Parameters
    ----------
    problem : Problem
    rows : sequence of Row
    title, remark : str
    sizes : str
        As of `problem_heading`.
    """
    console = console_of_output()
    console.print(problem_heading(problem, sizes=sizes), markup=False)
    columns = (
        Column("quantity", words=True),
        Column("theory"),
        Column("simulation ± s.e."),
        Column("z", leave=1),
        Column("p", leave=3),
        Column("relative", leave=2),
    )
    print_table(console, columns, [row_cells(r) for r in rows], title)
    for sentence in filter(None, (conclusion(rows), remark)):
        console.print(sentence, markup=False)


def row_cells(r: Row) -> list[str]:
    """Quantity, theory, simulation ± standard error, z, its p by Student's t, and relative difference of a row."""
    measured = estimate_text(Estimate(r.simulation, r.sem, r.seeds))
    return [
        human_name(r.quantity),
        number_text(r.theory),
        measured,
        z_text(r.z, r.seeds),
        p_text(p_value(r)),
        relative_text(r.relative),
    ]
