"""Figure of a step on a user's own inputs: spectra before and after, and the errors along the penalties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.presentation.figure import BEFORE, MEASURED, THEORY, axes_or_new, axes_row, plot_points, scaled, state
from spikes.presentation.numbers import counted
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.own_data.study import DataStudy

__all__ = ["plot_data_errors", "plot_data_spectra", "plot_data_study"]

_LEADING = 3


def plot_data_study(study: DataStudy, axes: Any = None) -> np.ndarray:
    """Spectra of the features before and after the step, and the errors; returns two Axes.

    Parameters
    ----------
    study : DataStudy
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 2, 4.0)
    plot_data_spectra(study, axes[0])
    plot_data_errors(study, axes[1])
    axes[0].set_title("spectrum of the features")
    axes[1].set_title("ridge regression on the features")
    _stated(axes[0], study)
    return axes


def _stated(ax: Axes, study: DataStudy) -> None:
    problem, runs = study.problem, study.simulation
    state(
        ax.figure,
        f"{study.data.rows} rows: {problem.n0} for the step, {problem.n} for the fit, {runs.runs[0].test_samples} "
        f"for the test; {problem.sigma.name}, d = {problem.d}, N = {problem.width}, η = {problem.step_size:.4g}, "
        f"{counted(runs.seeds, 'split')}",
    )


def plot_data_spectra(study: DataStudy, ax: Axes | None = None) -> Axes:
    """Density of ln x over the eigenvalues x of FFᵀ/n before and after the step, and the law before it if it holds.

    Parameters
    ----------
    study : DataStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    edges, heights = study.log_histograms()
    law = study.log_density()
    shown: dict[str, Any] = {"histogram": (edges, heights["before"])} | ({} if law is None else {"curve": law})
    names = {"histogram": "before the step", "curve": "predicted, before the step"}
    plot_log_spectrum(ax, **shown, names=names)
    ax.stairs(heights["after"], edges, color=MEASURED, linewidth=scaled(1.0), label="after the step", zorder=3)
    tops = [*heights.values(), *([] if law is None else [law[1]])]
    height = 1.55 * max(float(values.max()) for values in tops)
    for when, at, colour in (("before", 0.085, BEFORE), ("after", 0.03, MEASURED)):
        values = study.median_eigenvalues(when, _LEADING)
        look: dict[str, Any] = {"color": colour, "markersize": scaled(9.0), "label": f"three largest, {when}"}
        ax.plot(values, np.full(len(values), at * height), "|", zorder=4, **look)
    finish_log_spectrum(ax, bulk=(edges[0], edges[-1]), largest=edges[-1] / 1.5, height=height)
    ax.legend(loc="upper left", ncols=2)
    if alone:
        _stated(ax, study)
    return ax


def plot_data_errors(study: DataStudy, ax: Axes | None = None) -> Axes:
    """Test and train error against the penalty, before and after the step; there is no theory of them.

    Parameters
    ----------
    study : DataStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    for name, marker in (("test_error", "o"), ("train_error", "s")):
        for when, colour in (("after", THEORY), ("before", BEFORE)):
            values = study.errors(name, when)
            label = f"{name.removesuffix('_error')}, {when} the step"
            look: dict[str, Any] = {"colour": colour, "marker": marker, "hollow": when == "before", "label": label}
            plot_points(ax, study.problem.ridges, values, **look)
    ax.set_xscale("log")
    ax.set_yscale("log")
    bottom, high = ax.get_ylim()
    ax.set_ylim(bottom, high * (high / bottom) ** 0.4)  # room for the legend above the points
    ax.set_xlabel(r"ridge penalty $\lambda$")
    ax.set_ylabel("mean squared error ± s.e. over splits")
    ax.legend(loc="upper center", ncols=2)
    if alone:
        _stated(ax, study)
    return ax
