"""Figures of the classical laws and spiked models; what is drawn is handed in as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikes.presentation.figure import (
    ATOM,
    BULK,
    GUIDE,
    MEASURED,
    SERIES,
    SPIKE,
    THEORY,
    axes_or_new,
    plot_points,
    scaled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spikes.estimates import Estimate

__all__ = ["plot_density", "plot_forward", "plot_spike_marks"]


def plot_density(
    bands: Sequence[tuple[np.ndarray, np.ndarray]],
    samples: np.ndarray | None = None,
    *,
    atoms: Sequence[tuple[float, float]] = (),
    bins: np.ndarray | int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Density (x, ρ) on every band over the histogram of samples, atoms as stems.

    Parameters
    ----------
    bands : sequence of (ndarray, ndarray)
        x and ρ(x) on each band.
    samples : ndarray, optional
    atoms : sequence of (float, float)
        Place and mass.
    bins : int or ndarray
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    if samples is not None:
        edges = np.histogram_bin_edges(samples, bins)
        counts = np.histogram(samples, edges)[0]
        height = counts / (len(samples) * np.diff(edges))
        ax.stairs(height, edges, fill=True, color=BULK, label="sampled")
    for k, (x, density) in enumerate(bands):
        ax.plot(x, density, color=THEORY, label="law" if k == 0 else None)
    top = max((float(np.max(density)) for _, density in bands), default=1.0)
    for place, mass in atoms:
        ax.plot([place, place], [0.0, top], color=ATOM, linewidth=scaled(2.0), label=f"atom of mass {mass:.2f}")
    ax.set_ylim(0.0, 1.12 * top)
    return ax


def plot_spike_marks(predicted: Sequence[float], simulated: np.ndarray, *, ax: Axes | None = None) -> Axes:
    """Predicted spikes as triangles on the axis, the simulated ones of every matrix (seeds, spikes) as ticks below.

    Parameters
    ----------
    predicted : sequence of float
    simulated : ndarray, shape (seeds, spikes)
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    line = ax.get_xaxis_transform()
    ax.plot(predicted, np.full(len(predicted), 0.10), "v", transform=line, color=SPIKE, label="predicted spikes")
    ax.plot(
        simulated.ravel(),
        np.full(simulated.size, 0.035),
        "|",
        transform=line,
        color=MEASURED,
        markersize=scaled(9.0),
        markeredgewidth=scaled(0.8),
        label="simulated spikes, each matrix",
    )
    return ax


def plot_forward(
    spike: np.ndarray,
    curves: Sequence[tuple[str, np.ndarray]],
    points: Sequence[tuple[np.ndarray, Sequence[Estimate]]],
    *,
    threshold: float,
    ax: Axes | None = None,
) -> Axes:
    """Predicted curves over the spike, each with its simulated points ± standard error, and the threshold.

    Parameters
    ----------
    spike : ndarray, shape (P,)
    curves : sequence of (str, ndarray)
        Label and values over `spike`.
    points : sequence of (ndarray, sequence of Estimate)
        Places and what was measured there, one entry for each curve.
    threshold : float
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    ax.axvline(threshold, label="threshold", **{**GUIDE, "color": MEASURED})
    for i, ((label, values), (at, measured)) in enumerate(zip(curves, points, strict=True)):
        colour, marker = SERIES[i]
        ax.plot(spike, values, color=colour, label=label)
        plot_points(ax, at, measured, colour=colour, marker=marker, hollow=True)
    return ax
