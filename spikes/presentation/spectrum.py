"""The picture of a spectrum: density of ln x over the eigenvalues x, with the spikes on the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from spikes.presentation.figure import BULK, MEASURED, SPIKE, THEORY, plot_points, scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spikes.estimates import Estimate
    from theory.conditional_equivalent import Prediction

__all__ = ["finish_log_spectrum", "plot_log_spectrum", "predicted_curve"]

_ROOM = 1.45
_DEPTH = 1e-4  # of the upper edge of the bulk: how far down a bulk that reaches zero is shown


def predicted_curve(theory: Prediction) -> tuple[np.ndarray, np.ndarray]:
    """The density of ln x over the bands of the bulk, each to where it falls to zero.

    A second layer without bounds gives the bulk a tail without an end. Past the edge, with less than one eigenvalue to
    its right, what the law has beyond its first zero are nodes of its quadrature: islands that no matrix has.

    Parameters
    ----------
    theory : Prediction

    Returns
    -------
    x, density : ndarray
    """
    x, positive = theory.density_x, theory.density > 0.0
    ends = np.flatnonzero(np.diff(positive)) + 1
    shown = np.zeros(len(x), dtype=bool)
    for run in np.split(np.arange(len(x)), ends):
        first, last = x[run[0]], x[run[-1]]
        shown[run] = any(first <= high and last >= low for low, high in theory.bulk_edges)
    return x, np.where(shown, x * theory.density, 0.0)


def plot_log_spectrum(
    ax: Axes,
    *,
    histogram: tuple[np.ndarray, np.ndarray] | None = None,
    points: tuple[np.ndarray, Sequence[Estimate]] | None = None,
    curve: tuple[np.ndarray, np.ndarray] | None = None,
    simulated: np.ndarray | Sequence[float] = (),
    predicted: np.ndarray | Sequence[float] = (),
    of_data: np.ndarray | Sequence[float] = (),
    names: dict[str, str] | None = None,
    baseline: float = 0.0,
    height: float | None = None,
    marks: tuple[float, float] = (0.035, 0.095),
) -> Axes:
    """One spectrum: what is simulated as a filled histogram or points, the law as a line, spikes as marks.

    Bulk and spikes are both in sight on the logarithmic axis, and areas are shares of eigenvalues.

    Parameters
    ----------
    ax : Axes
    histogram : (ndarray, ndarray), optional
        Edges of the bins in x, and the density of ln x over them.
    points : (ndarray, sequence of Estimate), optional
        x, and the density of ln x there.
    curve : (ndarray, ndarray), optional
        x, and the predicted density of ln x; no line is drawn across a gap, where it is 0.
    simulated, predicted, of_data : array_like
        Eigenvalues that stand apart, of every run and of the law; the last are those that the inputs' covariance makes.
    names : dict of str to str
        What the legend says of ``histogram``, ``points``, ``curve``, ``simulated``, ``predicted``, ``of_data``;
        nothing of those that are left out.
    baseline : float
        Where the density is 0 in the picture.
    height : float, optional
        Of the picture above the baseline, against which the spikes' marks are placed; that of the largest density with
        room for a legend by default.
    marks : tuple of float
        Shares of the height at which simulated and predicted spikes are marked.

    Returns
    -------
    Axes
    """
    said = names or {}
    peak = _peak(histogram, points, curve)
    height = _ROOM * peak if height is None else height
    if histogram is not None:
        edges, density = histogram
        ax.stairs(
            density + baseline, edges, baseline=baseline, fill=True, color=BULK, label=said.get("histogram"), zorder=1
        )
    if points is not None:
        plot_points(ax, points[0], points[1], label=said.get("points"), markersize=2.8)
    if curve is not None:
        x, density = curve
        shown = np.where(density > 0.0, density, np.nan)
        ax.plot(x, shown + baseline, color=THEORY, label=said.get("curve"), zorder=2)
    for values, at, marker, colour, size, name in (
        (simulated, marks[0], "|", MEASURED, 9.0, "simulated"),
        (predicted, marks[1], "v", SPIKE, 6.0, "predicted"),
        (of_data, marks[1], "^", THEORY, 5.0, "of_data"),
    ):
        values = np.ravel(values)
        if len(values):
            ax.plot(
                values,
                np.full(len(values), baseline + at * height),
                marker,
                color=colour,
                markersize=scaled(size),
                markeredgewidth=scaled(0.9),
                label=said.get(name),
                zorder=3,
            )
    return ax


def _peak(
    histogram: tuple[np.ndarray, np.ndarray] | None,
    points: tuple[np.ndarray, Sequence[Estimate]] | None,
    curve: tuple[np.ndarray, np.ndarray] | None,
) -> float:
    tops = [float(np.max(part[1])) for part in (histogram, curve) if part is not None]
    tops += [max(value.mean for value in points[1])] if points is not None else []
    return max(tops, default=1.0)


def finish_log_spectrum(ax: Axes, *, bulk: tuple[float, float], largest: float, height: float | None = None) -> Axes:
    """Axes of a spectrum: eigenvalues below, the singular values that are their roots above.

    Parameters
    ----------
    ax : Axes
    bulk : tuple of float
        Smallest and largest eigenvalue of the bulk: all of it is shown, or four decades.
    largest : float
        The largest eigenvalue of all.
    height : float, optional
        Upper end of the axis; 1.45 times the highest that was drawn by default.

    Returns
    -------
    Axes
    """
    low, high = bulk
    ax.set_xscale("log")
    ax.set_xlim(max(low, _DEPTH * high) / 1.5, 1.6 * max(largest, high))
    if height is None:
        height = _ROOM * max(
            [float(np.nanmax(line.get_ydata())) for line in ax.lines if line.get_linestyle() != "None"]
            + [float(np.max(patch.get_data().values)) for patch in ax.patches if hasattr(patch, "get_data")]
            + [float(np.max(c[0].get_ydata())) for c in ax.containers if hasattr(c, "has_yerr")]
        )
    ax.set_ylim(0.0, height)
    ax.set_xlabel(r"eigenvalue $x=s^2$ of $FF^{\!\top}\!/n$")
    ax.set_ylabel(r"$x\,\rho(x)$, density of $\ln x$")
    above = ax.secondary_xaxis("top", functions=(np.sqrt, np.square))
    above.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 1e4 or largest / low > 1e4 else (1.0, 3.0)))
    above.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    above.xaxis.set_minor_formatter(NullFormatter())
    above.set_xlabel(r"singular value $s$ of $F/\sqrt{n}$")
    return ax
