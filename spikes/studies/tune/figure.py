"""Figures of advice: the test error over step, penalty and split, and the map of where a step pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from spikes.presentation.figure import (
    BAND,
    GUIDE,
    MEASURED,
    SPIKE,
    THEORY,
    UNTRAINED,
    axes_or_new,
    axes_row,
    plain_log_axis,
    plot_points,
    problem_statement,
    state,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.tune.study import Paying, Tuning
    from theory.advice import Profile

__all__ = ["plot_map", "plot_tuning"]

_NAMES = {"eta": "step size η", "ridge": "penalty λ", "n_step": "samples n₀ of the step"}


def plot_tuning(found: Tuning, axes: np.ndarray | None = None) -> np.ndarray:
    """Best test error over η, over λ, and over n₀ where the split was free, with the set within 1 % of the best.

    Parameters
    ----------
    found : Tuning
    axes : sequence of Axes, optional
        As many as quantities that were free.

    Returns
    -------
    ndarray of Axes
    """
    free = found.step if found.split is None else found.split
    profiles = {name: free.profiles[name] for name in _NAMES if name in free.profiles}
    alone = axes is None
    panels = axes_row(axes, len(profiles), 3.4, sharey=True)
    for i, (ax, (name, profile)) in enumerate(zip(panels, profiles.items(), strict=True)):
        _plot_profile(ax, name, profile, found, first=i == 0)
    worst = max(found.features.test_error, found.stated)
    best = min(profile.test_error.min() for profile in profiles.values())
    panels[0].set_ylim(best - 0.08 * (worst - best), worst + 0.25 * (worst - best))
    panels[0].set_ylabel("test error")
    panels[0].figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    if alone:
        seeds = next(iter(found.checked.values())).seeds if found.checked else None
        state(panels[0].figure, problem_statement(found.problem, seeds=seeds, without=("step",)))
    return panels


def _plot_profile(ax: Axes, name: str, profile: Profile, found: Tuning, *, first: bool) -> None:
    best = int(np.argmin(profile.test_error))
    ax.axvspan(*profile.within, color=BAND, lw=0, label="within 1 % of the best")
    ax.axhline(found.features.test_error, color=UNTRAINED, label="random features, best λ")
    ax.plot(profile.values, profile.test_error, color=THEORY, label="predicted, the rest at its best")
    ax.plot(profile.values[best], profile.test_error[best], "*", color=SPIKE, ms=9, label="recommended", zorder=4)
    if first and found.checked:
        step = found.recommended.problem.step_size
        at = [found.problem.step_size, step if step > 0.0 else profile.values[0]]
        plot_points(
            ax,
            at,
            [found.checked["stated"], found.checked["recommended"]],
            colour=MEASURED,
            label="simulated ± s.e., as stated and recommended",
        )
    elif first:
        ax.plot(found.problem.step_size, found.stated, "s", color=THEORY, mfc="white", label="as stated")
    ax.set_xscale("log")
    plain_log_axis(ax.xaxis)
    ax.set_xlabel(_NAMES[name])


def plot_map(found: Paying, ax: Axes | None = None) -> Axes:
    """Gain of a step in per cent over n/d and noise, the line where there is none, and where the law's range ends.

    Parameters
    ----------
    found : Paying
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone, of = ax is None, found.map
    ax = axes_or_new(ax, (5.6, 3.9))
    x, y, gain = of.samples_per_dimension, of.noise, 100.0 * of.gain
    largest = float(np.max(np.abs(gain)))
    top = float(MaxNLocator(4).tick_values(0.0, largest)[-1])  # round numbers beside the colours
    filled = ax.contourf(x, y, gain, levels=np.linspace(-top, top, 17), cmap="RdBu")
    if gain.min() < 0.0 < gain.max():
        ax.contour(x, y, gain, levels=[0.0], colors=MEASURED, linewidths=1.6)
        ax.plot([], [], color=MEASURED, linewidth=1.6, label="no gain")
    rows, columns = np.nonzero(of.at_edge)
    if len(rows):
        ax.plot(x[columns], y[rows], "x", color=GUIDE["color"], ms=4, label="best step at the end of the law's range")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper right")
    ax.set_xscale("log")
    plain_log_axis(ax.xaxis)
    ax.set_xlabel("all samples per dimension, (n₀ + n)/d")
    ax.set_ylabel("label noise")
    ax.figure.colorbar(filled, ax=ax, label="gain in test error, %", ticks=np.linspace(-top, top, 9))
    if alone:
        state(ax.figure, problem_statement(found.problem, without=("step", "n")))
    return ax
