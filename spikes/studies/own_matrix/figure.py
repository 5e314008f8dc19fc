"""Figure of a user's own matrix: its eigenvalues, the fitted bulk, and the spikes. Drawing never computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikes.presentation.figure import axes_or_new, state
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.own_matrix.answer import MatrixSpectrum

__all__ = ["plot_matrix_spectrum"]


def plot_matrix_spectrum(study: MatrixSpectrum, ax: Axes | None = None) -> Axes:
    """Density of ln x over the eigenvalues x of XᵀX/n, the fitted bulk, and what stands out.

    Parameters
    ----------
    study : MatrixSpectrum
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (6.0, 3.9))
    edges, height = study.log_histogram()
    fit = study.log_density()
    names = {"histogram": "eigenvalues", "simulated": "directions that stand out"}
    if fit is not None:
        names["curve"] = f"{fit[2]} noise, fitted"
    spikes = study.eigenvalues[: study.outliers]
    curve = None if fit is None else fit[:2]
    plot_log_spectrum(ax, histogram=(edges, height), curve=curve, simulated=spikes, names=names)
    if curve is not None:
        ax.lines[0].set_linestyle((0, (4, 2)))  # a fit
    finish_log_spectrum(ax, bulk=(edges[0], edges[-1]), largest=study.eigenvalues[0])
    ax.set_xlabel(r"eigenvalue $x=s^2$ of $X^\top X/n$")
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, f"{study.shape[0]} × {study.shape[1]}: {study.outliers} by the {study.decided_by} null")
    return ax
