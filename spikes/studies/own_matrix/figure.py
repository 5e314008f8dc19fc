"""Figure of a user's own matrix: its eigenvalues, the fitted bulks, and the spikes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from spikes.presentation.figure import axes_or_new
from spikes.studies.own_matrix.study import MatrixSpectrum

__all__ = ["plot_matrix_spectrum"]


def plot_matrix_spectrum(study: MatrixSpectrum, ax: Axes | None = None) -> Axes:
    """Density of ln x over the eigenvalues x of XᵀX/n, the fitted bulks of white and coloured noise, and the spikes.

    Parameters
    ----------
    study : MatrixSpectrum
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax, (6.0, 3.6))
    values = study.eigenvalues[study.eigenvalues > 1e-12 * study.eigenvalues[0]]
    bulk = values[study.outliers :]
    columns = study.shape[1] - (0 if study.white is None else study.white.null_directions)
    edges = np.geomspace(bulk[-1] * (1.0 - 1e-9), bulk[0] * (1.0 + 1e-9), max(8, min(61, len(bulk) // 4)))
    height = np.histogram(bulk, edges)[0] / (columns * np.diff(np.log(edges)))
    ax.stairs(height, edges, fill=True, color="#C8C8C8", label="eigenvalues")
    top = float(height.max())
    if study.white is not None and study.coloured is not None:
        ((low, high),) = study.white.law.bands
        x = np.geomspace(max(low, 1e-4 * high), high, 600)[1:-1]
        density = x * study.white.law.pdf(x)
        ax.plot(x, density, color="#0072B2", label=f"white noise, ratio {study.white.law.ratio:.3g}")
        top = max(top, float(density.max()))
        if not (study.white.holds and study.white.outliers == study.outliers):
            freedom, law = study.white.freedom, study.coloured.law
            x = np.geomspace(max(bulk[-1], 1e-4 * high), freedom * law.support[1], 600)
            density = x / freedom * law.pdf(x / freedom)
            ax.plot(x, density, color="#009E73", label="coloured noise, fitted")
            top = max(top, float(density.max()))
    spikes = study.eigenvalues[: study.outliers]
    if len(spikes):
        ax.plot(spikes, np.full(len(spikes), 0.03 * top), "v", color="#D55E00", markersize=6, label="stand out")
    ax.set_xscale("log")
    ax.set_ylim(0.0, 1.3 * top)
    ax.set_xlabel(r"eigenvalue $x$ of $X^\top X/n$")
    ax.set_ylabel(r"density of $\ln x$")
    ax.set_title(f"{study.shape[0]} × {study.shape[1]}: {study.outliers} by the {study.decided_by} null")
    ax.legend(loc="upper left")
    return ax
