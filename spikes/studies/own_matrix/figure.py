"""Figure of a user's own matrix: its eigenvalues, the fitted bulk, and the outliers. Drawing never computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikes.presentation.figure import axes_or_new, state
from spikes.presentation.numbers import number_text
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.own_matrix.study import MatrixSpectrum

__all__ = ["plot_matrix_spectrum"]

_APART = 0.25  # in ln x: labels of outliers that lie closer would overlap


def plot_matrix_spectrum(study: MatrixSpectrum, ax: Axes | None = None) -> Axes:
    """Density of ln x over the eigenvalues x of FᵀF/n, the fitted Marchenko-Pastur law, and outliers with distances.

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
    x, density = study.log_density()
    outliers = study.eigenvalues[: study.outliers]
    names = {
        "histogram": "eigenvalues",
        "curve": f"Marchenko-Pastur, γ = {study.law.gamma:.3g}, variance {study.law.variance:.3g}, fitted",
        "simulated": "outliers, with distance from the edge in units of its fluctuation",
    }
    plot_log_spectrum(ax, histogram=(edges, height), curve=(x, density), simulated=outliers, names=names)
    ax.lines[0].set_linestyle((0, (4, 2)))  # a fit
    finish_log_spectrum(ax, bulk=(edges[0], edges[-1]), largest=study.eigenvalues[0])
    ax.set_xlabel(r"eigenvalue $x=s^2$ of $F^\top F/n$")
    last = np.inf
    for value in outliers:
        if np.log(last / value) > _APART:
            text = number_text(study.distance(value), 3)
            where = (value, 0.06 * ax.get_ylim()[1])
            ax.annotate(text, where, xytext=(0, 3), textcoords="offset points", ha="center", fontsize="small")
            last = value
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, f"a matrix of {study.shape[0]} × {study.shape[1]}")
    return ax
