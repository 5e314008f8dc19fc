"""Cosines of the neurons' gradients with two target directions after one step: n = d aligns, n = d² specialises."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from spikes.presentation.figure import save_figure
from spikes.studies.giant_steps import study_step
from spikes.studies.giant_steps.figure import plot_cosines
from theory import Problem
from theory.statement.protocol import Protocol

TARGET = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"

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

    def draw():
        figure, axes = plt.subplots(1, 3, figsize=(10.5, 4.0), layout="constrained")
        for ax, (study, title) in zip(axes, studies, strict=True):
            plot_cosines(study, ax, limit=1.0)
            ax.set_title(title)
            ax.legend_.remove()
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=3, markerscale=2.5)
        figure.suptitle(
            f"relu, the link He₁ + He₂/2 + He₄/24 on two directions, d = {d}, {options.seeds} seeds",
            x=0.01,
            ha="left",
            fontsize=9,
        )
        return figure

    save_figure(str(Path(__file__).with_suffix(".png")), draw)
