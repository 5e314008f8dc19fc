"""Several steps of n = 4d: one target climbs its staircase, another shows relu its first direction only."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from spikes.presentation.figure import save_figure
from spikes.studies.giant_steps import study_trajectory
from spikes.studies.giant_steps.figure import plot_trajectory
from theory import Problem
from theory.statement.protocol import Protocol

TARGETS = {
    "z1 + z1*z2": "climbs: given $z_1$, $z_1z_2$ is linear in $z_2$",
    "z1 + z2**2": "cannot: leap 2, $z_2$ asks for $n=O(d^2)$",
    "z1 + He2(z1)*z2": "relu cannot: $E[\\sigma\\,\\mathrm{He}_3]=0$",
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--d", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    protocol = Protocol(steps=options.steps, preprocessing="none", start="random")
    studies = {}
    for target in TARGETS:
        problem = Problem(
            n=4 * options.d,
            d=options.d,
            width=16,
            target=target,
            eta=4.0,
            second_layer="rademacher",
            noise=0.3,
            centered=False,
        )
        studies[target] = study_trajectory(problem, protocol, seeds=options.seeds, seed=options.seed)

    def draw():
        figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.6), layout="constrained", sharey=True)
        for ax, (target, study) in zip(axes, studies.items(), strict=True):
            plot_trajectory(study, ax)
            ax.set_title(f"{target}   ({TARGETS[target]})", fontsize=8)
            ax.label_outer()
        for ax in axes[1:]:
            ax.legend_.remove()
        figure.suptitle(
            f"relu, n = 4d, d = {options.d}, N = 16, noise 0.3, {options.seeds} seeds",
            x=0.01,
            ha="left",
            fontsize=9,
        )
        return figure

    save_figure(str(Path(__file__).with_suffix(".png")), draw)
