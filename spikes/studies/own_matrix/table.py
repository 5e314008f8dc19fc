"""What stands out of noise in a matrix: a sentence, what is odd, and a table, on a terminal and in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from spikes.presentation.numbers import number_text
from spikes.presentation.terminal import Column, console_of_output, print_table

if TYPE_CHECKING:
    from spikes.studies.own_matrix.answer import MatrixSpectrum, Spike

__all__ = ["html_of_spectrum", "print_matrix_spectrum"]

_HEADS = (
    "spike",
    "eigenvalue",
    "p",
    "variance",
    "population",
    "95 % interval",
    "cos² rows",
    "cos² columns",
    "rows in it",
    "columns in it",
    "leading columns",
)
_LEAVE = (0, 0, 0, 1, 0, 4, 3, 3, 5, 5, 2)


def _cells(i: int, spike: Spike) -> list[str]:
    population = ["", ""]
    if spike.population is not None:
        value, low, high = spike.population
        population = [number_text(value, 4), f"{number_text(low, 4)} to {number_text(high, 4)}"]
    cosines = ["", ""] if spike.cosine2 is None else [f"{c:.3f}" for c in spike.cosine2]
    rows, columns = spike.participation
    return [
        str(i),
        number_text(spike.eigenvalue, 6),
        "< 0.001" if spike.p_value < 1e-3 else f"{spike.p_value:.2g}",
        f"{spike.variance_share:.2%}",
        *population,
        *cosines,
        "" if rows != rows else f"{rows:.0f}",
        f"{columns:.0f}",
        ", ".join(f"{name} {loading:+.2f}" for name, loading in spike.columns[:3]),
    ]


def _counts(study: MatrixSpectrum) -> str:
    names = {name: name.replace("_", "-") for name in study.counts}
    told = [f"{names[name]} {count}" for name, count in study.counts.items() if count is not None]
    return f"others count: {', '.join(told)}"


def _size(study: MatrixSpectrum) -> str:
    return (
        f"{study.shape[0]} × {study.shape[1]}, null {study.decided_by}, level {study.level:g}, {study.flips} copies of "
        f"each residual; effective rank {study.effective_rank:.4g}, stable rank {study.stable_rank:.4g}"
    )


def _bulk(study: MatrixSpectrum) -> str:
    if study.white is None:
        return ""
    white = study.white
    ((low, high),) = white.law.bands
    return (
        f"Marchenko-Pastur bulk of ratio {white.law.gamma:.4g} and variance {white.law.variance:.4g}: {low:.4g} to "
        f"{high:.4g}, Kolmogorov distance {white.kolmogorov:.4f}"
    )


def print_matrix_spectrum(study: MatrixSpectrum) -> None:
    """The verdict, what to know before it is believed, the spikes, and what other methods count."""
    console = console_of_output()
    for remark in study.remarks:
        console.print(f"note: {remark}", markup=False)
    console.print(study.verdict, markup=False)
    console.print(_size(study), markup=False)
    if study.spikes:
        columns = [Column(name, words=name == _HEADS[-1], leave=_LEAVE[i]) for i, name in enumerate(_HEADS)]
        print_table(console, columns, [_cells(i, spike) for i, spike in enumerate(study.spikes, 1)])
    for line in (_counts(study), _bulk(study)):
        if line:
            console.print(line, markup=False)


def html_of_spectrum(study: MatrixSpectrum) -> str:
    """The same for a notebook.

    Parameters
    ----------
    study : MatrixSpectrum

    Returns
    -------
    str
    """
    notes = "".join(f"<p><em>{escape(remark)}</em></p>" for remark in study.remarks)
    head = "".join(f"<th>{escape(name)}</th>" for name in _HEADS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(i, spike))}</tr>"
        for i, spike in enumerate(study.spikes, 1)
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    return (
        f"<div>{notes}<p><strong>{escape(study.verdict)}</strong></p>{table}"
        f"<p>{escape(_counts(study))}</p><p>{escape(_size(study))}</p></div>"
    )
