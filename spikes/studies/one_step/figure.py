"""Figures of one giant step. Drawing never computes: everything drawn is in the object that is handed in.

Functions take ``ax=None`` and return the Axes; none saves or shows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.agreement import ALIGNMENTS
from spikes.estimates import estimate
from spikes.presentation.figure import (
    BEFORE,
    MEASURED,
    SERIES,
    STYLE,
    THEORY,
    axes_or_new,
    axes_row,
    plain_log_axis,
    plot_points,
    problem_statement,
    scaled,
    state,
)
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum, predicted_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.simulation.ensemble import Ensemble
    from spikes.studies.one_step.study import Comparison, Path, StepPath
    from theory.conditional_equivalent import Prediction
    from theory.statement.problem import Problem

__all__ = [
    "STYLE",
    "plot_alignments",
    "plot_comparison",
    "plot_error_path",
    "plot_errors",
    "plot_prediction",
    "plot_simulation",
    "plot_spectrum",
    "plot_step_path",
]

_FUNCTIONS = (r"$1$", r"$\mathrm{He}_1$", r"$\mathrm{He}_2$", r"$\mathrm{He}_3$", r"$\mathrm{He}_4$")
_NAMES = {
    "histogram": "simulated bulk",
    "curve": "predicted density",
    "simulated": "simulated spikes, each run",
    "predicted": "predicted spikes",
    "of_data": "predicted spikes of the data",
}
_SHOWN = 3
_HATCHES = ("", "///", "...")
_MARKERS = {"test_error": "o", "train_error": "s"}
_WIDTHS = {"test_error": 2.0, "train_error": 0.9}  # where no points tell the two apart


def _spikes_shown(theory: Prediction | None, simulation: Ensemble | None) -> int:
    """How many leading singular values stand apart: as predicted, or as the simulation tells by itself."""
    if theory is not None:
        count = len(theory.outliers)
    elif simulation is not None:
        count = simulation.outlier_count()
    else:
        raise ValueError("`theory` or `simulation` must be given; got neither")
    return count if simulation is None else min(count, simulation.runs[0].after.alignment.shape[0])


def _stated(ax: Axes, theory: Prediction | None, simulation: Ensemble | None) -> None:
    seeds = None if simulation is None else simulation.seeds
    for shown in (theory, simulation):
        if shown is not None:
            state(ax.figure, problem_statement(shown.problem, seeds=seeds))
            break


def plot_spectrum(theory: Prediction | None = None, simulation: Ensemble | None = None, ax: Axes | None = None) -> Axes:
    """Density of ln x for the eigenvalues x of FFᵀ/n, predicted and simulated, with the spikes on the axis.

    On the logarithmic axis bulk and spikes are both in sight, and areas are shares of eigenvalues.

    Parameters
    ----------
    theory : Prediction, optional
    simulation : Ensemble, optional
        One of both at least.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is neither.
    """
    count, alone = _spikes_shown(theory, simulation), ax is None
    ax = axes_or_new(ax)
    lows, highs, tops = [], [], []
    shown: dict[str, Any] = {}
    if simulation is not None:
        edges, height = simulation.log_histogram(count)
        shown |= {"histogram": (edges, height)}
        shown |= {"simulated": np.array([run.after.eigenvalues[:count] for run in simulation.runs])}
        lows.append(edges[0])
        highs.append(edges[-1])
        tops += [float(run.after.eigenvalues[0]) for run in simulation.runs]
    if theory is not None:
        shown |= {"curve": predicted_curve(theory)}
        shown |= {"predicted": [s.singular_value**2 for s in theory.outliers if s.source == "step"]}
        shown |= {"of_data": [s.singular_value**2 for s in theory.outliers if s.source == "data"]}
        lows.append(theory.bulk_edges[0][0])
        highs.append(theory.bulk_edges[-1][1])
        tops += [outlier.singular_value**2 for outlier in theory.outliers]
    plot_log_spectrum(ax, **shown, names=_NAMES)
    finish_log_spectrum(ax, bulk=(min(lows), max(highs)), largest=max([*tops, *highs]))
    ax.legend(loc="upper left")
    if alone:
        _stated(ax, theory, simulation)
    return ax


def plot_alignments(
    theory: Prediction | None = None, simulation: Ensemble | None = None, ax: Axes | None = None
) -> Axes:
    """What each spike's left singular vector has learned: its amplitude on the Hermite functions of u = ⟨x, β̂⟩.

    Predicted amplitudes are bars, simulated ones points; the three leading spikes are shown.

    Parameters
    ----------
    theory : Prediction, optional
    simulation : Ensemble, optional
        One of both at least.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is neither.
    """
    count, alone = _spikes_shown(theory, simulation), ax is None
    ax = axes_or_new(ax)
    ax.set_ylim(0.0, 1.55)  # room for the legend above
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_ylabel(r"amplitude $|\langle \hat u,\,\mathrm{He}_k(u)/\sqrt{k!}\,\rangle|/\sqrt{n}$")
    if alone:
        _stated(ax, theory, simulation)
    if count == 0:
        ax.text(0.5, 0.5, "no spike leaves the bulk", transform=ax.transAxes, ha="center", va="center")
        ax.set_xticks([])
        return ax
    shown = min(count, _SHOWN)
    width = 0.8 / shown
    for i in range(shown):
        colour, marker = SERIES[i]
        centre = np.arange(len(ALIGNMENTS)) + (i - 0.5 * (shown - 1)) * width
        if theory is not None and theory.outliers[i].source == "step":
            look: dict[str, Any] = {"color": colour, "alpha": 0.5, "edgecolor": colour, "hatch": _HATCHES[i]}
            ax.bar(centre, theory.outliers[i].alignment, 0.92 * width, label=f"spike {i + 1}, predicted", **look)
        if simulation is not None:
            name = f"spike {i + 1}, simulated ± s.e."
            plot_points(ax, centre, simulation.alignment(i), colour=MEASURED, marker=marker, label=name)
    ax.set_xticks(range(len(ALIGNMENTS)), _FUNCTIONS)
    ax.set_xlabel(r"function of $u=\langle x,\hat\beta\rangle$")
    if ax.get_legend_handles_labels()[0]:  # what a spike of the data has learned is not predicted
        ax.legend(loc="upper right")
    return ax


def plot_errors(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Test and train error against the penalty, after the step and before it.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = plot_error_path(comparison.path, ax)
    if alone:
        state(ax.figure, problem_statement(comparison.problem, seeds=comparison.simulation.seeds))
    return ax


def plot_error_path(path: Path, ax: Axes | None = None) -> Axes:
    """Error curves against the penalty, after the step and before it, with the simulated points that there are.

    Parameters
    ----------
    path : Path
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    for name, marker in _MARKERS.items():
        for theory, simulation, when, colour in (
            (path.theory, path.simulation, "after", THEORY),
            (path.before, path.simulation_before, "before", BEFORE),
        ):
            label = f"{name.removesuffix('_error')}, {when}"
            said: dict[str, Any] = {} if simulation else {"label": label, "linewidth": scaled(_WIDTHS[name])}
            ax.plot(path.curve, theory[name], color=colour, gid=f"{label}, predicted", **said)
            if simulation:
                hollow = colour == BEFORE
                plot_points(ax, path.ridge, simulation[name], colour=colour, marker=marker, hollow=hollow, label=label)
    ax.set_xscale("log")
    ax.set_xlabel(r"ridge penalty $\lambda$")
    return _finish_errors(ax, simulated=bool(path.simulation))


def plot_step_path(path: StepPath, ax: Axes | None = None, *, simulation: Ensemble | None = None) -> Axes:
    """Errors against the exponent of the step size, beside those without a step.

    Parameters
    ----------
    path : StepPath
    ax : Axes, optional
    simulation : Ensemble, optional
        Runs at one exponent, which are marked there; their problem may have its own penalty first.

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    for name, marker in _MARKERS.items():
        label = name.removesuffix("_error")
        before = np.full(len(path.alpha), path.before[name])
        for theory, when, colour in ((path.theory[name], "after", THEORY), (before, "before", BEFORE)):
            series = f"{label}, {when}"
            said: dict[str, Any] = {} if simulation else {"label": series, "linewidth": scaled(_WIDTHS[name])}
            ax.plot(path.alpha, theory, color=colour, gid=f"{series}, predicted", **said)
            if simulation is not None:
                measured = [estimate(simulation.values(when, name)[:, 0])]
                at, hollow = [_exponent(simulation.problem)], when == "before"
                plot_points(ax, at, measured, colour=colour, marker=marker, hollow=hollow, label=series)
    ax.set_xlabel(r"step-size exponent $\alpha$, $\eta=c\,n_0^\alpha$")
    return _finish_errors(ax, simulated=simulation is not None)


def _exponent(problem: Problem) -> float:
    """α, of a step that is given as η that which would give it."""
    if problem.eta is None:
        return problem.alpha
    return math.log(problem.eta / problem.scale) / math.log(problem.n0) if problem.eta > 0.0 else math.nan


def _finish_errors(ax: Axes, *, simulated: bool) -> Axes:
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.5)  # room for the legend above the curves
    plain_log_axis(ax.yaxis)
    ax.set_ylabel("mean squared error, noise included")
    title = "lines: theory; points: simulation ± s.e." if simulated else "theory"
    ax.legend(title=title, loc="upper center", ncols=2, columnspacing=0.8, handletextpad=0.3)
    return ax


def plot_comparison(comparison: Comparison, axes: Any = None) -> np.ndarray:
    """Spectrum, alignments and errors side by side; returns the three Axes.

    Parameters
    ----------
    comparison : Comparison
    axes : sequence of three Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 3, 3.9)
    plot_spectrum(comparison.theory, comparison.simulation, axes[0])
    plot_alignments(comparison.theory, comparison.simulation, axes[1])
    plot_errors(comparison, axes[2])
    axes[0].set_title("spectrum of the features")
    axes[1].set_title("what the spikes have learned")
    axes[2].set_title("ridge regression on the features")
    state(axes[0].figure, problem_statement(comparison.problem, seeds=comparison.simulation.seeds))
    return axes


def plot_prediction(theory: Prediction, axes: Any = None) -> np.ndarray:
    """The law alone: density with spikes, and what the spikes have learned; returns the two Axes.

    Parameters
    ----------
    theory : Prediction
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 2, 3.7)
    plot_spectrum(theory, None, axes[0])
    plot_alignments(theory, None, axes[1])
    state(axes[0].figure, problem_statement(theory.problem))
    return axes


def plot_simulation(simulation: Ensemble, ax: Axes | None = None) -> Axes:
    """The simulated spectrum alone.

    Parameters
    ----------
    simulation : Ensemble
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    return plot_spectrum(None, simulation, ax)
