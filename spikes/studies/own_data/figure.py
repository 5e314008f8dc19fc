"""Figure of a step on a user's own inputs: spectra before and after, and the errors along the penalties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.presentation.figure import (
    BEFORE,
    LIMIT,
    MEASURED,
    THEORY,
    axes_or_new,
    axes_row,
    plain_log_axis,
    plot_points,
    scaled,
    state,
)
from spikes.presentation.numbers import counted
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.own_data.study import DataStudy

__all__ = ["plot_data_errors", "plot_data_learning_curve", "plot_data_spectra", "plot_data_study"]

_LEADING = 3


def plot_data_study(study: DataStudy, axes: Any = None) -> np.ndarray:
    """Spectra of the features before and after the step, errors along the penalties, and the learning curve.

    Parameters
    ----------
    study : DataStudy
    axes : sequence of three Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    if axes is None:
        grid = axes_row(None, 2, 7.2, rows=2)
        figure, place = grid[0].figure, grid[0].get_gridspec()
        for ax in grid[:2]:
            ax.remove()
        axes = [figure.add_subplot(place[0, :]), *grid[2:]]
    axes = axes_row(axes, 3, 7.2)
    plot_data_spectra(study, axes[0])
    plot_data_errors(study, axes[1])
    plot_data_learning_curve(study, axes[2])
    axes[0].set_title("spectrum of the features")
    axes[1].set_title("ridge regression on the features")
    axes[2].set_title("learning curve")
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
    """Density of ln x over the eigenvalues x of FFᵀ/n before and after the step, with the laws of the features.

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
    laws = {when: study.pool_density(when) for when in ("before", "after")}
    plot_log_spectrum(ax, histogram=(edges, heights["before"]), names={"histogram": "before the step"})
    ax.stairs(heights["after"], edges, color=MEASURED, linewidth=scaled(1.0), label="after the step", zorder=3)
    for when, colour in (("before", BEFORE), ("after", THEORY)):
        law = laws[when]
        if law is not None:
            ax.plot(*law, color=colour, linewidth=scaled(1.2), label=f"predicted, {when}", zorder=4)
    gaussian = study.log_density()
    if gaussian is not None:
        ax.plot(*gaussian, color=LIMIT, linewidth=scaled(1.0), label="Gaussian inputs, before", zorder=4)
    tops = [*heights.values(), *(law[1] for law in (*laws.values(), gaussian) if law is not None)]
    height = 1.55 * max(float(values.max()) for values in tops)
    for when, at, colour in (("before", 0.085, BEFORE), ("after", 0.03, MEASURED)):
        values = study.median_eigenvalues(when, _LEADING)
        look: dict[str, Any] = {"color": colour, "markersize": scaled(9.0), "label": f"three largest, {when}"}
        ax.plot(values, np.full(len(values), at * height), "|", zorder=4, **look)
    finish_log_spectrum(ax, bulk=(edges[0], edges[-1]), largest=edges[-1] / 1.5, height=height)
    ax.legend(loc="upper right", ncols=2)
    if alone:
        _stated(ax, study)
    return ax


def plot_data_errors(study: DataStudy, ax: Axes | None = None) -> Axes:
    """Test and train error against the penalty, before and after the step, with the law of the features.

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
            law = study.predicted(name, when)
            if law:
                named = "laws of the features" if (name, when) == ("test_error", "after") else None
                means = [value.mean for value in law]
                ax.plot(study.problem.ridges, means, color=colour, linewidth=scaled(1.2), label=named)
    if study.kernel is not None:
        # below the law of the features, on which it lies
        look = {"color": LIMIT, "linewidth": scaled(3.0), "zorder": 1, "label": "test, before, by the kernel"}
        ax.plot(study.problem.ridges, study.kernel.test_error[0], **look)
    ax.set_xscale("log")
    ax.set_yscale("log")
    bottom, high = ax.get_ylim()
    ax.set_ylim(bottom, high * (high / bottom) ** 0.6)  # room for the legend above the points
    ax.set_xlabel(r"ridge penalty $\lambda$")
    ax.set_ylabel("mean squared error ± s.e. over splits")
    ax.legend(loc="upper center", ncols=2)
    if alone:
        _stated(ax, study)
    return ax


def plot_data_learning_curve(study: DataStudy, ax: Axes | None = None) -> Axes:
    """Test error at the best penalty against the rows of the fit, predicted, and measured at some of them.

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
    for when, colour in (("after", THEORY), ("before", BEFORE)):
        values = [min(study.errors("test_error", when), key=lambda value: value.mean)]
        sizes = [study.problem.n]
        if study.measured:
            ax.plot(*study.learning_curve(when), color=colour, label=f"predicted, {when} the step")
            others, _, measured = study.measured_curve(when)
            sizes, values = [*sizes, *others.tolist()], [*values, *measured]
        plot_points(ax, sizes, values, colour=colour, hollow=when == "before", label=f"measured, {when}")
    ax.set_xscale("log")
    ax.set_yscale("log")
    plain_log_axis(ax.yaxis)
    ax.set_xlabel("rows of the fit $n$")
    ax.set_ylabel("test error at the best penalty")
    ax.legend(loc="best")
    if alone:
        _stated(ax, study)
    return ax
