"""Figure of a user's own matrix: its eigenvalues, the fitted bulk, and the outliers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from spikes.matrix_spectrum import MatrixSpectrum

__all__ = ["plot_matrix_spectrum"]


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
    if ax is None:
        ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")[1]
    values = study.eigenvalues[study.eigenvalues > 1e-12 * study.eigenvalues[0]]
    bulk = values[study.outliers :]
    edges = np.geomspace(bulk[-1] * (1.0 - 1e-9), bulk[0] * (1.0 + 1e-9), 61)
    height = np.histogram(bulk, edges)[0] / (study.shape[1] * np.diff(np.log(edges)))
    ax.stairs(height, edges, fill=True, color="#C8C8C8", label="eigenvalues")
    ((low, high),) = study.law.bands
    x = np.geomspace(max(low, 1e-4 * high), high, 600)[1:-1]
    name = f"Marchenko-Pastur, ratio {study.law.gamma:.3g}, variance {study.law.variance:.3g}"
    ax.plot(x, x * study.law.pdf(x), color="#0072B2", label=name)
    top = max(float(height.max()), float(np.max(x * study.law.pdf(x))))
    outliers = study.eigenvalues[: study.outliers]
    if len(outliers):
        ax.plot(outliers, np.full(len(outliers), 0.03 * top), "v", color="#D55E00", markersize=6, label="outliers")
    last = np.inf
    for value in outliers:
        # labels of outliers that lie close together would overlap
        if np.log(last / value) > 0.25:
            ax.annotate(
                f"{study.distance(value):.3g}",
                (value, 0.03 * top),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
            )
            last = value
    ax.set_xscale("log")
    ax.set_ylim(0.0, 1.3 * top)
    ax.set_xlabel(r"eigenvalue $x$ of $F^\top F/n$")
    ax.set_ylabel(r"density of $\ln x$")
    title = f"{study.shape[0]} × {study.shape[1]}"
    if len(outliers):
        title += "; numbers: distance from the edge in units of its fluctuation"
    ax.set_title(title)
    ax.legend(loc="upper left")
    return ax
