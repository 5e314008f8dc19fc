"""Cosines of the neurons' gradients with two target directions after one step: n = d aligns, n = d² specialises."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import axes_row, save_figure, state
from spikes.presentation.numbers import counted
from spikes.studies.giant_steps import study_step
from spikes.studies.giant_steps.figure import enlarge_cosines, plot_cosines
from theory import Problem
from theory.statement.protocol import Protocol

TARGET = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"


def draw(studies):
    """The cosines of each case, on axes of one size; a cloud that is too small to be seen there also enlarged."""
    axes = axes_row(None, 3, 3.6)
    for ax, (study, title) in zip(axes, studies, strict=True):
        plot_cosines(study, ax, limit=1.0)
        ax.set_title(title)
        ax.legend_.remove()
        ax.label_outer()
        enlarge_cosines(study, ax)
    figure = axes[0].figure
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, markerscale=2.5)
    problem = studies[0][0].problem
    seeds = counted(len(studies[0][0].runs), "seed")
    link = "the link He₁ + He₂/2 + He₄/24 on two directions"
    state(figure, f"relu, {link}, noise {problem.noise:g}, d = {problem.d}, N = {problem.width}, {seeds}")
    return axes


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
