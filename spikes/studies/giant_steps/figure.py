"""Figures of the studies of giant steps. Drawing never computes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Ellipse

from spikes.presentation.figure import (
    BULK,
    GUIDE,
    LIMIT,
    MEASURED,
    SERIES,
    THEORY,
    UNTRAINED,
    axes_or_new,
    axes_row,
    plot_points,
    problem_statement,
    scaled,
    state,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.giant_steps.analysis import TargetReport
    from spikes.studies.giant_steps.curve import CurveStudy
    from spikes.studies.giant_steps.step import StepStudy
    from spikes.studies.giant_steps.trajectory import TrajectoryStudy
    from theory.giant_steps import TargetAnalysis

__all__ = [
    "enlarge_cosines",
    "plot_cloud",
    "plot_cosines",
    "plot_curve",
    "plot_energies",
    "plot_report",
    "plot_staircases",
    "plot_trajectory",
]

_APART = 0.25  # a cloud that is smaller is shown larger in a corner
_SHARES = ((0.5, 1.6), (0.95, 0.9))  # of the predicted cloud, and the width of its line


def plot_report(report: TargetReport, axes: Any = None) -> np.ndarray:
    """Energy of a target by degree, and the dimensions that steps of n = O(d^max_leap) learn; returns two Axes.

    Parameters
    ----------
    report : TargetReport
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 2, 3.4)
    plot_energies(report.analysis, axes[0])
    plot_staircases(report, axes[1])
    state(axes[0].figure, f"target {report.analysis.target.name}, activation {report.activation.name}")
    return axes


def plot_energies(analysis: TargetAnalysis, ax: Axes | None = None) -> Axes:
    """Energy of a target by Hermite degree.

    Parameters
    ----------
    analysis : TargetAnalysis
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    ax.bar(np.arange(len(analysis.energies)), analysis.energies, 0.7, color=THEORY, label="energy")
    ax.set_xlabel(r"degree $j$")
    ax.set_ylabel(r"energy $E_j=\|C_j\|^2/j!$")
    if alone:
        state(ax.figure, f"target {analysis.target.name}")
    return ax


def plot_staircases(report: TargetReport, ax: Axes | None = None) -> Axes:
    """Dimensions that steps of n = O(d^max_leap) learn: of what gradients hold, and of what the activation sees.

    Parameters
    ----------
    report : TargetReport
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    stairs, k = report.analysis.staircase, report.analysis.target.k
    shown = ((stairs, "what gradients hold"), (report.visible, f"what {report.activation.name} sees"))
    most = max(len(staircase.stairs) for staircase, _ in shown)
    for i, (staircase, label) in enumerate(shown):
        dimensions = [0, *staircase.dimensions]
        dimensions += [dimensions[-1]] * (most + 2 - len(dimensions))
        # a little apart, to be seen where they agree
        x, y = np.arange(most + 2) + 0.04 * i, np.array(dimensions) - 0.04 * i
        colour, marker = SERIES[i]
        ax.step(x, y, where="post", color=colour, marker=marker, label=label)
    ax.set_xticks(range(most + 2))
    ax.set_yticks(range(k + 1))
    ax.set_ylim(-0.15, 1.25 * k + 0.4)
    power = "" if stairs.max_leap == 1 else f"^{stairs.max_leap}"
    ax.set_xlabel(rf"steps of $n=O(d{power})$")
    ax.set_ylabel("dimension learned")
    ax.legend(loc="upper left", ncols=2)
    if alone:
        state(ax.figure, f"target {report.analysis.target.name}, activation {report.activation.name}")
    return ax


def plot_cosines(study: StepStudy, ax: Axes | None = None, *, limit: float | None = None) -> Axes:
    """(cos θ₁, cos θ₂) of gradients over the predicted cloud; a histogram for one latent.

    About a thousand neurons are shown, as many of each seed; the ellipses at n = δd count the scatter of seeds as well
    as that of neurons.

    Parameters
    ----------
    study : StepStudy
    ax : Axes, optional
    limit : float, optional
        Half width of the axes.

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (4.4, 4.6))
    if study.problem.teacher.k == 1:
        _plot_cosine_histogram(study, ax)
    else:
        cosines = study.shown_neurons()
        look: dict[str, Any] = {"markersize": scaled(2.2), "color": MEASURED, "alpha": 0.55}
        ax.plot(cosines[:, 0], cosines[:, 1], ".", label="simulated neurons", **look)
        plot_cloud(study, ax)
        reach = limit or min(1.0, 1.15 * float(np.quantile(np.abs(study.cloud[:, :2]), 0.9995)))
        _finish_cosines(ax, reach)
    if alone:
        protocol = f"labels: {study.protocol.labels(study.problem)}"
        state(ax.figure, f"{problem_statement(study.problem, seeds=len(study.runs))}; {protocol}")
    return ax


def _plot_cosine_histogram(study: StepStudy, ax: Axes) -> None:
    edges = np.linspace(-1.0, 1.0, 81).tolist()
    ax.hist(study.shown_neurons()[:, 0], edges, density=True, color=BULK, label="simulated")
    ax.hist(study.cloud[:, 0], edges, density=True, histtype="step", color=THEORY, label="predicted")
    ax.set_xlabel(r"$\cos\theta_1$")
    ax.set_ylabel("density over neurons")
    ax.legend(loc="upper left")


def plot_cloud(study: StepStudy, ax: Axes | None = None) -> Axes:
    """Lines around half and 95 % of the predicted cosines with the first two directions.

    Parameters
    ----------
    study : StepStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax, (4.4, 4.6))
    look: dict[str, Any] = {"color": THEORY, "zorder": 3}
    if study.law is not None:
        for share, width in _SHARES:
            centre, lengths, angle = study.ellipse(share)
            line: dict[str, Any] = {"fill": False, "linewidth": scaled(width), **look}
            ax.add_patch(Ellipse(tuple(centre), *lengths, angle=angle, **line))
    else:
        *density, levels = study.cloud_density(tuple(share for share, _ in reversed(_SHARES)))
        widths = [scaled(width) for _, width in reversed(_SHARES)]
        ax.contour(*density, levels, colors=THEORY, linewidths=widths, zorder=3)
    for share, width in _SHARES:
        ax.plot([], [], color=THEORY, linewidth=scaled(width), label=f"predicted, {share:.0%}")
    return ax


def enlarge_cosines(study: StepStudy, ax: Axes) -> Axes:
    """A cloud too small to be seen on axes from −1 to 1 once more, enlarged in their corner; any other is left alone.

    Parameters
    ----------
    study : StepStudy
    ax : Axes
        Where `plot_cosines` has drawn it.

    Returns
    -------
    Axes
    """
    cosines = study.shown_neurons()
    low, high = np.quantile(cosines[:, :2], [0.001, 0.999], axis=0)
    if (high - low).max() >= _APART:
        return ax
    inset = ax.inset_axes((0.02, 0.02, 0.56, 0.56))
    inset.plot(cosines[:, 0], cosines[:, 1], ".", markersize=scaled(2.2), color=MEASURED, alpha=0.55)
    plot_cloud(study, inset)
    room = 0.1 * (high - low)
    inset.set_xlim(low[0] - room[0], high[0] + room[0])
    inset.set_ylim(low[1] - room[1], high[1] + room[1])
    inset.spines[:].set_visible(True)
    inset.tick_params(labelsize="small", left=False, bottom=False, labelleft=False, labelbottom=False)
    inset.set_title(f"enlarged, {low[0]:.2f} to {high[0]:.2f}", fontsize="small")
    ax.indicate_inset_zoom(inset, edgecolor="0.4")
    return ax


def _finish_cosines(ax: Axes, reach: float) -> None:
    ax.axhline(0.0, **GUIDE)
    ax.axvline(0.0, **GUIDE)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.locator_params(nbins=5)
    ax.set_aspect("equal")
    ax.set_xlabel(r"$\cos\theta_1=\langle h_i,w^\star_1\rangle/|h_i|$")
    ax.set_ylabel(r"$\cos\theta_2=\langle h_i,w^\star_2\rangle/|h_i|$")
    ax.set_xticks(ax.get_yticks()[np.abs(ax.get_yticks()) <= reach])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), markerscale=2.5, ncols=3, columnspacing=1.0)


def plot_trajectory(study: TrajectoryStudy, ax: Axes | None = None) -> Axes:
    """Root mean square cosine over neurons with each direction of the target against steps, and the level of chance.

    Parameters
    ----------
    study : TrajectoryStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (5.04, 3.9))
    steps = np.arange(study.protocol.steps + 1)
    for r in range(study.problem.teacher.k):
        colour, marker = SERIES[r]
        measured, predicted = study.mean_root_squares(r)
        ax.plot(steps, predicted, color=colour)
        plot_points(ax, steps, measured, colour=colour, marker=marker, label=rf"$z_{r + 1}$")
    chance = 1.0 / math.sqrt(study.problem.d)
    ax.axhline(chance, label=r"chance, $1/\sqrt{d}$", **{**GUIDE, "color": UNTRAINED})
    ax.set_xticks(steps)
    ax.set_ylim(-0.02, 1.35)  # room for the legend above
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_xlabel(r"steps of $n = \delta d$ fresh samples")
    ax.set_ylabel("rms over neurons of the cosine")
    ax.legend(loc="upper left", title="lines: state evolution; points: simulation ± s.e.", ncols=3)
    if alone:
        labels = study.protocol.labels(study.problem)
        state(ax.figure, f"{problem_statement(study.problem, seeds=len(study.runs))}; labels: {labels}")
    return ax


def plot_curve(study: CurveStudy, ax: Axes | None = None) -> Axes:
    """Test error against log n/log d: random features and one step, the predicted curves, and the floors.

    Parameters
    ----------
    study : CurveStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (5.6, 4.0))
    x = study.exponents
    for name, label, colour, marker in (
        ("random_features", "random features", UNTRAINED, "s"),
        ("one_step", "one giant step", THEORY, "o"),
    ):
        hollow, said = colour == UNTRAINED, f"{label}, simulated ± s.e."
        plot_points(ax, x, study.measured(name), colour=colour, marker=marker, hollow=hollow, label=said)
        if np.isfinite(study.theory[name]).any():
            ax.plot(x, study.theory[name], color=colour, label=f"{label}, predicted")
    if study.same_batch:
        colour, marker = SERIES[2]
        said = "one batch for everything, simulated"
        plot_points(ax, x, study.measured("same_batch"), colour=colour, marker=marker, label=said)
    top = max(m.mean for m in study.measured("random_features"))
    floors: dict[float, list[str]] = {}
    for name, floor in study.floors.items():
        same = next((value for value in floors if abs(value - floor.value) < 0.02 * top), floor.value)
        floors.setdefault(same, []).append(name)
    for value, names in floors.items():
        ax.axhline(value, **{**GUIDE, "color": LIMIT})
        # beside the axes, where no curve can be
        ax.text(1.01, value, "\n".join(names), transform=ax.get_yaxis_transform(), va="center", fontsize="small")
    ax.set_ylim(-0.08 * top, 1.35 * top)
    ax.set_xlabel(r"$\log n/\log d$")
    ax.set_ylabel("test error")
    ax.legend(loc="upper right", ncols=2)
    if alone:
        state(ax.figure, problem_statement(study.problem, seeds=len(study.runs), without=("n",)))
    return ax
