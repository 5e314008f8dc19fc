"""Tables at every width: each number that is shown is whole, and what is left out is said."""

import io
import re

import pytest
from rich.console import Console

from spikes.agreement import row
from spikes.estimates import Estimate
from spikes.presentation import terminal
from spikes.presentation.terminal import Column, print_rows, print_table
from theory import Problem

WIDTHS = (60, 80, 100, 140)
NUMBER = re.compile(r"[−\d][\d.,e−± ]*")


def printed(width, show):
    """Lines of what `show` prints on a console of a width."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(console)
    return console.file.getvalue().splitlines()


def cells(lines):
    """Contents of all cells of a table."""
    return [cell.strip() for line in lines if line.startswith("│") for cell in line.strip("│").split("│")]


COLUMNS = (
    Column("quantity", words=True),
    Column("theory"),
    Column("simulation ± s.e."),
    Column("z", leave=1),
    Column("relative", leave=2),
)
ROWS = [
    ["test error at the penalty 0.1 after ÷ before", "0.00021348", "0.0002135 ± 0.0000034", "−20.8", "−38.09 %"],
    ["spike 1 on He2", "12345.678", "12346 ± 30", "0.3", ""],
]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_is_cut(width):
    lines = printed(width, lambda console: print_table(console, COLUMNS, ROWS, "a title"))
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    left_out = [line for line in lines if line.startswith("too narrow for")]
    shown = [i for i, column in enumerate(COLUMNS) if not any(column.name in line for line in left_out)]
    for line in ROWS:
        for i in shown:
            if not COLUMNS[i].words and line[i]:
                assert line[i] in cells(lines)


@pytest.mark.parametrize(("width", "held"), [(80, ["λ = 0.1:", "after ÷ before"]), (60, ["λ = 0.1:"])])
def test_what_belongs_together_stays_in_a_line(width, held):
    rows = [["train error, λ = 0.1: after ÷ before", "0.00021348", "0.0002135 ± 0.0000034", "−20.8", "−38.09 %"]]
    lines = cells(printed(width, lambda console: print_table(console, COLUMNS, rows)))
    assert all(any(part in line for line in lines) for part in held)
    assert "λ = 0.1: after ÷ before" not in lines


def test_columns_leave_in_their_order():
    def names(width):
        lines = printed(width, lambda console: print_table(console, COLUMNS, ROWS))
        return next((line.removeprefix("too narrow for: ").split(", ") for line in lines if "narrow" in line), [])

    widths = [names(width) for width in range(100, 49, -1)]
    assert [w for w, before in zip(widths, [None, *widths], strict=False) if w != before] == [
        [],
        ["relative"],
        ["z", "relative"],  # named as they stand in the table
    ]


def test_rows_are_stacked_where_no_column_may_leave():
    columns = (Column("", words=True), *(Column(f"n = {n}") for n in (500, 1000, 2000, 4000)))
    rows = [["remainder", *(f"0.{n} ± 0.0012" for n in (2345, 1234, 7891, 1112))]]
    wide, narrow = (printed(width, lambda console: print_table(console, columns, rows, "t")) for width in (100, 60))
    assert "0.2345 ± 0.0012" in cells(wide)
    assert narrow == ["t", "remainder", *(f"  {c.name}: {v}" for c, v in zip(columns[1:], rows[0][1:], strict=True))]


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_of_an_agreement_tell_the_numbers_of_the_json(width, monkeypatch):
    rows = [
        row("test_error[0.1]", 1.2213, Estimate(1.1581, 0.0162, 8)),
        row("spike 2 on He3", 0.00092036, Estimate(0.0118, 0.0391, 8)),
        row("zero", 3.127e-17, Estimate(0.0051151, 0.007, 8)),
    ]
    shown = []

    def console():
        shown.append(Console(file=io.StringIO(), width=width, highlight=False))
        return shown[-1]

    monkeypatch.setattr(terminal, "console_of_output", console)
    print_rows(Problem(n=20, d=10, width=15), rows, "theory beside simulation", "a remark")
    text = shown[0].file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for number in ("1.2213", "1.158 ± 0.016", "0.00092036", "0.012 ± 0.039", "0.0051 ± 0.0070"):
        assert number in cells(text.splitlines())
    assert "a remark" in text
    for entry in (r.to_dict() for r in rows):
        # the fifth digit is the last that is shown
        numbers = [float(c.split(" ± ")[0].replace("−", "-")) for c in cells(text.splitlines()) if NUMBER.fullmatch(c)]
        assert any(x == pytest.approx(entry["theory"], rel=1e-4, abs=1e-15) for x in numbers)
        assert any(x == pytest.approx(entry["simulation"], abs=0.01) for x in numbers)


def test_narrow_terminals_wrap_text_between_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.console_of_output().soft_wrap is False
