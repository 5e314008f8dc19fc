"""The rows of a study as a DataFrame, a LaTeX table and, in a notebook, HTML."""

from __future__ import annotations

import math
from abc import abstractmethod
from html import escape
from typing import TYPE_CHECKING

from spikes.agreement import Row, human_name, p_value
from spikes.presentation.numbers import counted, p_text, z_text
from spikes.record import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame

__all__ = ["RowTable", "html_table"]

_HEADS = ("quantity", "theory", "simulation", "sem", "z", "p", "relative")
_LATEX = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "λ": r"$\lambda$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "‖": r"$\|$",
    "²": r"$^2$",
    "−": r"$-$",
    "÷": r"$/$",
}


class RowTable(Recorded):
    """What a study with `rows` and `remark` shows itself as."""

    __slots__ = ()

    @abstractmethod
    def rows(self) -> list[Row]:
        """Every quantity that was predicted and measured."""

    @abstractmethod
    def remark(self) -> str:
        """One sentence: the conclusion."""

    def __repr__(self) -> str:
        rows = self.rows()
        seeds = sorted({r.seeds for r in rows})
        runs = f", {counted(seeds[0], 'seed')}" if len(seeds) == 1 else ""
        size = f": {len(rows)} rows{runs}" if rows else ""
        return "\n".join(filter(None, [f"<{type(self).__name__}{size}>", self.remark()]))

    def to_frame(self) -> DataFrame:
        """The rows, one line each, with the columns of `Row` and the p-value of z by Student's t, from four seeds on.

        Returns
        -------
        DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("`to_frame` needs pandas: python -m pip install 'spikes-rmt[pandas]'") from error
        return pd.DataFrame([{**r._asdict(), "p": p_value(r)} for r in self.rows()], columns=[*Row._fields, "p"])

    def to_latex(self) -> str:
        """The rows as a table for a paper, in the manner of the package booktabs.

        Returns
        -------
        str
            Simulated means carry their standard error in brackets, to two of its digits.
        """
        lines = [
            r"\begin{tabular}{lrrrr}",
            r"\toprule",
            r"quantity & theory & simulation & $z$ & relative \\",
            r"\midrule",
        ]
        for r in self.rows():
            cells = [_latex(human_name(r.quantity)), f"${r.theory:.5g}$", _with_error(r.simulation, r.sem)]
            cells += [f"${z}$" if (z := z_text(r.z, r.seeds).replace("−", "-")) else ""]
            cells += ["" if not math.isfinite(r.relative) else rf"${100.0 * r.relative:.2f}\,\%$"]
            lines.append(" & ".join(cells) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def _repr_html_(self) -> str:
        rows = [_cells(r) for r in self.rows()]
        return f"<div><p><strong>{escape(self.remark())}</strong></p>{html_table(_HEADS, rows) if rows else ''}</div>"


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as a notebook shows it.

    Parameters
    ----------
    heads : sequence of str
    rows : sequence of sequence of str
        As many cells each as there are heads.

    Returns
    -------
    str
        HTML; the text of cells is escaped.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(r: Row) -> list[str]:
    return [
        human_name(r.quantity),
        f"{r.theory:.5g}",
        f"{r.simulation:.5g}",
        "" if not math.isfinite(r.sem) else f"{r.sem:.2g}",
        z_text(r.z, r.seeds),
        p_text(p_value(r)),
        "" if not math.isfinite(r.relative) else f"{r.relative:.2%}",
    ]


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _with_error(mean: float, sem: float) -> str:
    """1.2345(67): the mean to the second digit of its error."""
    if not math.isfinite(sem) or sem <= 0.0:
        return f"${mean:.5g}$"
    digits = max(1 - math.floor(math.log10(sem)), 0)
    return f"${mean:.{digits}f}({round(sem * 10**digits):d})$"
