"""Figures of the studies of giant steps. Drawing never computes."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from spikes.estimates import estimate
from spikes.presentation.figure import axes_or_new
from spikes.studies.giant_steps.analysis import TargetReport
from spikes.studies.giant_steps.curve import CurveStudy
from spikes.studies.giant_steps.step import StepStudy
from spikes.studies.giant_steps.trajectory import TrajectoryStudy

__all__ = ["plot_cosines", "plot_curve", "plot_report", "plot_trajectory"]

_THEORY, _MEASURED, _FLOOR = "#0072B2", "black", "#999999"
_LATENTS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000", "#999999")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_NEURONS = 1000
_DASHES = ("-", "--", ":", "-.")


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
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(8.4, 3.3), layout="constrained")[1]
    made = report.analysis
    axes[0].bar(np.arange(len(made.energies)), made.energies, 0.7, color=_THEORY)
    axes[0].set_xlabel(r"degree $j$")
    axes[0].set_ylabel(r"energy $E_j=\|C_j\|^2/j!$")
    axes[0].set_title(made.target.name)
    staircases = (
        (made.staircase, "what gradients hold", _THEORY, "-", "o"),
        (report.visible, f"what {report.activation.name} sees", "#D55E00", "--", "s"),
    )
    most = max(len(s.stairs) for s, *_ in staircases)
    for i, (staircase, label, colour, dash, marker) in enumerate(staircases):
        dimensions = [0, *staircase.dimensions]
        dimensions += [dimensions[-1]] * (most + 2 - len(dimensions))
        # a little apart, to be seen where they agree
        shown = np.array(dimensions) - 0.04 * i
        axes[1].step(
            np.arange(most + 2) + 0.04 * i, shown, dash, where="post", color=colour, marker=marker, label=label
        )
    axes[1].set_xticks(range(most + 2))
    axes[1].set_yticks(range(made.target.k + 1))
    axes[1].set_ylim(-0.15, made.target.k + 0.45)
    power = "" if made.staircase.max_leap == 1 else f"^{made.staircase.max_leap}"
    axes[1].set_xlabel(rf"steps of $n=O(d{power})$")
    axes[1].set_ylabel("dimension learned")
    axes[1].legend(loc="upper left", ncols=2)
    return axes


def plot_cosines(study: StepStudy, ax: Axes | None = None, *, limit: float | None = None) -> Axes:
    """(cos θ₁, cos θ₂) of gradients over the predicted cloud; a histogram for one latent.

    About a thousand neurons are shown, as many of each seed; the ellipses at n = δd count the scatter of seeds as well
    as that of neurons.

    Parameters
    ----------
    limit : float, optional
        Half width of the axes.

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax, (4.0, 3.9))
    # pairs of a symmetric start share their gradient
    distinct = study.problem.width // (2 if study.protocol.start == "symmetric" else 1)
    shown = min(distinct, max(1, _NEURONS // len(study.runs)))
    cosines = np.concatenate([run["gradient"][:shown] for run in study.runs])
    if study.problem.teacher.k == 1:
        edges = np.linspace(-1.0, 1.0, 81)
        ax.hist(cosines[:, 0], edges, density=True, color="#C8C8C8", label="simulated")
        ax.hist(study.cloud[:, 0], edges, density=True, histtype="step", color=_THEORY, label="predicted")
        ax.set_xlabel(r"$\cos\theta_1$")
        ax.set_ylabel("density over neurons")
        ax.legend(loc="upper left")
        return ax
    reach = limit or min(1.0, 1.15 * float(np.quantile(np.abs(study.cloud[:, :2]), 0.9995)))
    ax.plot(cosines[:, 0], cosines[:, 1], ".", markersize=2.2, color=_MEASURED, alpha=0.55, label="neurons")
    if study.law is not None:
        values, vectors = np.linalg.eigh((study.law.neuron_covariance + study.law.seed_covariance)[:2, :2])
        angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
        for share, dash in ((0.5, "-"), (0.95, "--")):
            # of a Gaussian in the plane, |x|²/2 is exponential
            radius = math.sqrt(-2.0 * math.log(1.0 - share))
            size = 2.0 * radius * np.sqrt(values)
            ellipse = Ellipse(
                study.law.mean[:2], size[1], size[0], angle=angle, fill=False, color=_THEORY, linestyle=dash, zorder=3
            )
            ax.add_patch(ellipse)
            ax.plot([], [], dash, color=_THEORY, label=f"predicted, {share:.0%}")
    else:
        edges = np.linspace(-reach, reach, 49)
        density = np.histogram2d(study.cloud[:, 0], study.cloud[:, 1], [edges, edges])[0].T / len(study.cloud)
        density = _smoothed(density)
        ranked = np.sort(density.ravel())[::-1]
        levels = [ranked[np.searchsorted(np.cumsum(ranked), share)] for share in (0.95, 0.5)]
        centres = 0.5 * (edges[1:] + edges[:-1])
        ax.contour(centres, centres, density, levels, colors=_THEORY, linestyles=["--", "-"], zorder=3)
        for share, dash in ((0.5, "-"), (0.95, "--")):
            ax.plot([], [], dash, color=_THEORY, label=f"predicted, {share:.0%}")
    ax.axhline(0.0, color="0.85", linewidth=0.7, zorder=0)
    ax.axvline(0.0, color="0.85", linewidth=0.7, zorder=0)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.locator_params(nbins=5)
    ax.set_aspect("equal")
    ax.set_xlabel(r"$\cos\theta_1=\langle h_i,w^\star_1\rangle/|h_i|$")
    ax.set_ylabel(r"$\cos\theta_2=\langle h_i,w^\star_2\rangle/|h_i|$")
    ax.set_xticks(ax.get_yticks()[np.abs(ax.get_yticks()) <= reach])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=7, markerscale=2.5, ncols=3, columnspacing=1.0)
    return ax


def _smoothed(density: np.ndarray) -> np.ndarray:
    """A histogram blurred by two of its bins, so that its contours show the law and not the draw."""
    x = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (x / 2.0) ** 2)
    kernel /= kernel.sum()
    blurred = np.apply_along_axis(np.convolve, 0, density, kernel, "same")
    return np.apply_along_axis(np.convolve, 1, blurred, kernel, "same")


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
    ax = axes_or_new(ax, (4.5, 3.4))
    simulated, predicted = study.root_mean_square()
    steps = np.arange(simulated.shape[1])
    for r in range(simulated.shape[2]):
        colour, marker = _LATENTS[r], _MARKERS[r]
        ax.plot(steps, predicted[..., r].mean(axis=0), _DASHES[r % len(_DASHES)], color=colour)
        measured = [estimate(column) for column in simulated[..., r].T]
        ax.errorbar(
            steps,
            [m.mean for m in measured],
            [0.0 if math.isnan(m.sem) else m.sem for m in measured],
            fmt=marker,
            color=colour,
            markersize=4.5,
            capsize=2,
            linewidth=0.9,
            label=rf"$z_{r + 1}$",
        )
    chance = 1.0 / math.sqrt(study.problem.d)
    ax.axhline(chance, color=_FLOOR, linewidth=0.9, linestyle=(0, (1, 2)), label=r"chance, $1/\sqrt{d}$")
    ax.set_xticks(steps)
    ax.set_ylim(-0.02, 1.0)
    ax.set_xlabel(r"steps of $n = \delta d$ fresh samples")
    ax.set_ylabel("rms over neurons of the cosine")
    ax.legend(loc="upper left", title="lines: state evolution; points: simulation ± s.e.", title_fontsize=7.5, ncols=3)
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
    ax = axes_or_new(ax, (5.2, 3.8))
    x = study.exponents
    for name, label, colour, marker in (
        ("random_features", "random features", _FLOOR, "s"),
        ("one_step", "one giant step", _THEORY, "o"),
    ):
        measured = study.measured(name)
        ax.errorbar(
            x,
            [m.mean for m in measured],
            [0.0 if math.isnan(m.sem) else m.sem for m in measured],
            fmt=marker,
            color=colour,
            markerfacecolor="white" if colour == _FLOOR else colour,
            markersize=4.5,
            capsize=2,
            linewidth=0.9,
            label=f"{label}, simulated ± s.e.",
        )
        ax.plot(x, study.theory[name], "--" if colour == _FLOOR else "-", color=colour, label=f"{label}, predicted")
    top = max(m.mean for m in study.measured("random_features"))
    for name, floor in study.floors.items():
        ax.axhline(floor.value, color="#D55E00", linewidth=1.1, linestyle=(0, (1, 1.5)), zorder=0)
        # beside the axes, where no curve can be
        ax.text(1.01, floor.value, name, transform=ax.get_yaxis_transform(), va="center", fontsize=7)
    ax.set_ylim(-0.08 * top, 1.35 * top)
    ax.set_xlabel(r"$\log n/\log d$")
    ax.set_ylabel("test error")
    ax.legend(loc="upper right", fontsize=7, ncols=2)
    return ax
