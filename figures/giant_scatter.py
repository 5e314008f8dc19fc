"""Cosines of the neurons' gradients with two target directions after one step: n = d aligns, n = d² specialises."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spikes.presentation.figure import MEASURED, axes_row, save_figure, scaled, state
from spikes.presentation.numbers import counted
from spikes.studies.giant_steps import study_step
from spikes.studies.giant_steps.figure import plot_cloud, plot_cosines
from theory import Problem
from theory.statement.protocol import Protocol

TARGET = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"

_APART = 0.25  # where a panel's cloud is smaller than this, it is shown larger in a corner


def draw(studies):
    """The cosines of each case, on axes of one size; a cloud that is too small to be seen there also enlarged."""
    axes = axes_row(None, 3, 3.6)
    for ax, (study, title) in zip(axes, studies, strict=True):
        plot_cosines(study, ax, limit=1.0)
        ax.set_title(title)
        ax.legend_.remove()
        ax.label_outer()
        low, high = np.quantile(study.shown_neurons()[:, :2], [0.001, 0.999], axis=0)
        if (high - low).max() < _APART:
            _enlarge(study, ax, low, high)
    figure = axes[0].figure
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, markerscale=2.5)
    problem = studies[0][0].problem
    seeds = counted(len(studies[0][0].runs), "seed")
    link = "the link He₁ + He₂/2 + He₄/24 on two directions"
    state(figure, f"relu, {link}, noise {problem.noise:g}, d = {problem.d}, N = {problem.width}, {seeds}")
    return axes


def _enlarge(study, ax, low, high):
    inset = ax.inset_axes([0.02, 0.02, 0.56, 0.56])
    cosines = study.shown_neurons()
    inset.plot(cosines[:, 0], cosines[:, 1], ".", markersize=scaled(2.2), color=MEASURED, alpha=0.55)
    plot_cloud(study, inset)
    room = 0.1 * (high - low)
    inset.set_xlim(low[0] - room[0], high[0] + room[0])
    inset.set_ylim(low[1] - room[1], high[1] + room[1])
    inset.spines[:].set_visible(True)
    inset.tick_params(labelsize="small", left=False, bottom=False, labelleft=False, labelbottom=False)
    inset.set_title(f"enlarged, {low[0]:.2f} to {high[0]:.2f}", fontsize="small")
    ax.indicate_inset_zoom(inset, edgecolor="0.4")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--d", type=int, default=256)
    options = parser.parse_args()
    d = options.d
    common = Problem(n=d, d=d, width=2048, target=TARGET, eta=1.0, second_layer="rademacher", noise=0.0, centered=False)
    cases = [
        (common, Protocol(preprocessing="none"), "$n = d$, labels as they are"),
        (common.replace(n=d**2), Protocol(preprocessing="none"), "$n = d^2$, labels as they are"),
        (common.replace(n=d**2), Protocol(preprocessing="ols"), "$n = d^2$, linear part removed"),
    ]
    studies = [
        (study_step(problem, protocol, seeds=options.seeds, seed=options.seed), title)
        for problem, protocol, title in cases
    ]
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(studies), data=True)
