"""Cells of a sweep, on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from spikes.agreement import row
from spikes.presentation.terminal import console_of_output, number
from spikes.sweeps.summary import Summary

__all__ = ["print_summaries"]


def print_summaries(summaries: Sequence[Summary], columns: Sequence[str], varying: Sequence[str], heading: str) -> None:
    """Every kept quantity of every cell of a sweep, predicted and measured; remarks below."""
    console = console_of_output()
    console.print(heading, markup=False)
    table = Table()
    for column in (*varying, "quantity", "theory", "simulation", "standard error", "seeds", "z", "relative"):
        table.add_column(column, justify="left" if column in (*varying, "quantity") else "right", no_wrap=True)
    for s in summaries:
        fields = [f"{v:g}" if isinstance(v, float) else str(v) for v in (s.fields[name] for name in varying)]
        for name in columns:
            measured, predicted = s.measured.get(name), s.predicted.get(name)
            if measured is None and predicted is None:
                continue
            cells = ["" if predicted is None else number(predicted)]
            cells += ["", "", ""] if measured is None else [number(measured.mean), number(measured.sem, 2)]
            if measured is not None:
                cells.append(str(measured.seeds))
            z, relative = "", ""
            if measured is not None and predicted is not None:
                r = row(name, predicted, measured)
                z = "" if math.isnan(r.z) else f"{r.z:.1f}"
                relative = f"{100.0 * r.relative:.2f} %" if abs(r.relative) < 0.5 else ""
            table.add_row(*fields, name, *cells, z, relative)
    console.print(table)
    remarks = [s.remark for s in summaries if s.remark]
    for remark in dict.fromkeys(remarks):
        console.print(f"no theory in {remarks.count(remark)} cells: {remark.replace('`', '')}", markup=False)
