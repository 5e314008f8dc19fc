"""Figures. Drawing never computes: everything drawn is in the object that is handed in.

Functions take ``ax=None`` and return the Axes; none saves or shows.
"""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from spikes.agreement import ALIGNMENTS
from spikes.presentation.figure import STYLE, axes_or_new
from spikes.simulation.ensemble import Ensemble
from spikes.studies.one_step.study import Comparison
from theory.conditional_equivalent import Prediction

__all__ = [
    "STYLE",
    "plot_alignments",
    "plot_comparison",
    "plot_errors",
    "plot_prediction",
    "plot_simulation",
    "plot_spectrum",
]


# Okabe and Ito's palette: told apart by colour-blind readers, and of different lightness in grey.
_THEORY, _BEFORE, _MEASURED, _SPIKE = "#0072B2", "#999999", "#C8C8C8", "#D55E00"
_FUNCTIONS = (r"$1$", r"$\mathrm{He}_1$", r"$\mathrm{He}_2$", r"$\mathrm{He}_3$", r"$\mathrm{He}_4$")


def plot_spectrum(theory: Prediction | None = None, simulation: Ensemble | None = None, ax: Axes | None = None) -> Axes:
    """Density of ln x for the eigenvalues x of FFᵀ/n, predicted and simulated, with the outliers on the axis.

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
    """
    ax = axes_or_new(ax)
    count = len(theory.outliers) if theory is not None else simulation.outlier_count()
    peak = 0.0
    if simulation is not None:
        edges, density = simulation.histogram(min(count, simulation.runs[0].after.alignment.shape[0]))
        centres = np.sqrt(edges[1:] * edges[:-1])
        height = centres * density.mean(axis=0)
        ax.stairs(height, edges, fill=True, color=_MEASURED, label="simulated bulk")
        peak = float(height.max())
        for i in range(count):
            values = np.array([run.after.eigenvalues[i] for run in simulation.runs])
            ax.plot(
                values,
                np.full(len(values), 0.035),
                "|",
                transform=ax.get_xaxis_transform(),
                color="black",
                markersize=9,
                markeredgewidth=0.8,
                label="simulated spikes, each run" if i == 0 else None,
            )
    if theory is not None:
        x, shown = theory.density_x, theory.density_x * theory.density
        bands = np.split(np.arange(len(x)), np.flatnonzero(shown == 0.0))
        for k, band in enumerate(bands):
            ax.plot(x[band], shown[band], color=_THEORY, label="predicted density" if k == 0 else None)
        peak = max(peak, float(shown.max()))
        for i, outlier in enumerate(theory.outliers):
            ax.plot(
                outlier.singular_value**2,
                0.085,
                "v",
                transform=ax.get_xaxis_transform(),
                color=_SPIKE,
                markersize=6,
                label="predicted spikes" if i == 0 else None,
            )
    low = theory.bulk_edges[0][0] if theory is not None else edges[0]
    tops = [o.singular_value**2 for o in theory.outliers] if theory is not None else []
    if simulation is not None:
        low = min(low, edges[0])
        tops += [float(run.after.eigenvalues[0]) for run in simulation.runs]
    right = max([*tops, theory.bulk_edges[-1][1] if theory is not None else edges[-1]])
    ax.set_xscale("log")
    ax.set_xlim(max(low / 1.5, 1e-5 * right), right * 2.0)
    ax.set_ylim(0.0, 1.35 * peak)
    ax.set_xlabel(r"eigenvalue $x$ of $FF^{\!\top}\!/n$")
    ax.set_ylabel(r"$x\,\rho(x)$, density of $\ln x$")
    ax.legend(loc="upper left")
    return ax


def plot_alignments(
    theory: Prediction | None = None, simulation: Ensemble | None = None, ax: Axes | None = None
) -> Axes:
    """What each spike's left singular vector has learned: its amplitude on the Hermite functions of u = ⟨x, β̂⟩.

    Parameters
    ----------
    theory : Prediction, optional
    simulation : Ensemble, optional
        One of both at least.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    count = len(theory.outliers) if theory is not None else simulation.outlier_count()
    if simulation is not None:
        count = min(count, simulation.runs[0].after.alignment.shape[0])
    ax.set_ylim(0.0, 1.1)
    ax.set_ylabel(r"amplitude $|\langle \hat u,\,\mathrm{He}_k(u)/\sqrt{k!}\,\rangle|/\sqrt{n}$")
    if count == 0:
        ax.text(0.5, 0.5, "no spike leaves the bulk", transform=ax.transAxes, ha="center", va="center")
        ax.set_xticks([])
        return ax
    shown = min(count, 3)
    width = 0.8 / shown
    shades = (_THEORY, "#E69F00", "#009E73")
    for i in range(shown):
        centre = np.arange(len(ALIGNMENTS)) + (i - 0.5 * (shown - 1)) * width
        if theory is not None:
            ax.bar(
                centre,
                theory.outliers[i].alignment,
                0.92 * width,
                color=shades[i],
                alpha=0.55,
                edgecolor=shades[i],
                hatch=("", "///", "...")[i],
                label=f"spike {i + 1}, predicted",
            )
        if simulation is not None:
            measured = simulation.alignment(i)
            sem = [0.0 if math.isnan(m.sem) else m.sem for m in measured]
            ax.errorbar(
                centre,
                [m.mean for m in measured],
                sem,
                fmt=("o", "s", "^")[i],
                color="black",
                markersize=3.5,
                capsize=2,
                linewidth=0.9,
                label=f"spike {i + 1}, simulated ± s.e.",
            )
    ax.set_xticks(range(len(ALIGNMENTS)), _FUNCTIONS)
    ax.set_xlabel(r"function of $u=\langle x,\hat\beta\rangle$")
    ax.legend(loc="upper right", fontsize=7.5)
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
    ax = axes_or_new(ax)
    path = comparison.path
    styles = (
        (path.theory, path.simulation, "test_error", "test, after the step", _THEORY, "-", "o"),
        (path.before, path.simulation_before, "test_error", "test, before", _BEFORE, "-", "o"),
        (path.theory, path.simulation, "train_error", "train, after the step", _THEORY, "--", "s"),
        (path.before, path.simulation_before, "train_error", "train, before", _BEFORE, "--", "s"),
    )
    for theory, simulation, name, label, colour, line, marker in styles:
        ax.plot(path.curve, theory[name], line, color=colour)
        sem = [0.0 if math.isnan(e.sem) else e.sem for e in simulation[name]]
        ax.errorbar(
            path.ridge,
            [e.mean for e in simulation[name]],
            sem,
            fmt=marker,
            color=colour,
            markerfacecolor="white" if colour == _BEFORE else colour,
            markersize=4,
            capsize=2,
            linewidth=0.9,
            label=label,
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.45)  # room for the legend above the curves
    _plain_log_axis(ax)
    ax.set_xlabel(r"ridge penalty $\lambda$")
    ax.set_ylabel("mean squared error, noise included")
    ax.legend(title="lines: theory; points: simulation ± s.e.", loc="upper center", title_fontsize=8, ncols=2)
    return ax


def _plain_log_axis(ax: Axes) -> None:
    """Numbers rather than powers on a logarithmic error axis of few decades."""
    low, high = ax.get_ylim()
    if high / low < 300.0:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def plot_comparison(comparison: Comparison, axes: Any = None) -> np.ndarray:
    """Spectrum, alignments and errors in one row; returns the three Axes.

    Parameters
    ----------
    comparison : Comparison
    axes : sequence of three Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    if axes is None:
        axes = plt.subplots(1, 3, figsize=(12.5, 3.7), layout="constrained")[1]
    problem = comparison.problem
    plot_spectrum(comparison.theory, comparison.simulation, axes[0])
    plot_alignments(comparison.theory, comparison.simulation, axes[1])
    plot_errors(comparison, axes[2])
    axes[0].set_title("spectrum of the features")
    axes[1].set_title("what the spikes have learned")
    axes[2].set_title("ridge regression on the features")
    step = rf"$\alpha$ = {problem.alpha:g}" if problem.eta is None else rf"$\eta$ = {problem.eta:g}"
    axes[0].figure.suptitle(
        f"{problem.sigma.name}, target {problem.teacher.name}, {step}, n = {problem.n}, d = {problem.d}, "
        f"N = {problem.width}, {comparison.simulation.seeds} seeds",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return axes


def plot_prediction(theory: Prediction) -> Figure:
    """The law alone: density with spikes, and what the spikes have learned.

    Parameters
    ----------
    theory : Prediction

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.5), layout="constrained")
    plot_spectrum(theory, None, axes[0])
    plot_alignments(theory, None, axes[1])
    return figure


def plot_simulation(simulation: Ensemble) -> Figure:
    """The simulated spectrum alone.

    Parameters
    ----------
    simulation : Ensemble

    Returns
    -------
    Figure
    """
    figure, ax = plt.subplots(figsize=(5.0, 3.5), layout="constrained")
    plot_spectrum(None, simulation, ax)
    return figure
