"""Cells of a sweep, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikes.agreement import conclusion, human_name, p_value, row
from spikes.presentation.numbers import estimate_text, number_text, p_text, relative_text, z_text
from spikes.presentation.terminal import Column, console_of_output, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spikes.sweeps.summary import Summary

__all__ = ["print_summaries"]


def print_summaries(summaries: Sequence[Summary], columns: Sequence[str], varying: Sequence[str], heading: str) -> None:
    """Every kept quantity of every cell of a sweep, predicted and measured; remarks below.

    Parameters
    ----------
    summaries : sequence of Summary
    columns : sequence of str
        Quantities.
    varying : sequence of str
        Fields that tell the cells apart.
    heading : str
    """
    console = console_of_output()
    console.print(heading, markup=False)
    heads = (
        *(Column(name) for name in varying),
        Column("quantity", words=True),
        Column("theory"),
        Column("simulation ± s.e."),
        Column("seeds", leave=3),
        Column("z", leave=1),
        Column("p", leave=4),
        Column("relative", leave=2),
    )
    rows = []
    for s in summaries:
        fields = [f"{v:g}" if isinstance(v, float) else str(v) for v in (s.fields[name] for name in varying)]
        for name in columns:
            measured, predicted = s.measured.get(name), s.predicted.get(name)
            if measured is None and predicted is None:
                continue
            cells = ["" if predicted is None else number_text(predicted)]
            cells += ["", ""] if measured is None else [estimate_text(measured), str(measured.seeds)]
            if measured is None or predicted is None:
                cells += ["", "", ""]
            else:
                r = row(name, predicted, measured)
                cells += [z_text(r.z, r.seeds), p_text(p_value(r)), relative_text(r.relative)]
            rows.append([*fields, human_name(name), *cells])
    print_table(console, heads, rows)
    if said := conclusion([r for s in summaries for r in s.rows(columns, varying)]):
        console.print(said, markup=False)
    remarks = [s.remark for s in summaries if s.remark]
    for remark in dict.fromkeys(remarks):
        console.print(f"no theory in {remarks.count(remark)} cells: {remark.replace('`', '')}", markup=False)
