"""Several steps of n = 4d: one target climbs its staircase, another shows relu its first direction only."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import axes_row, save_figure, state
from spikes.presentation.numbers import counted
from spikes.studies.giant_steps import study_trajectory
from spikes.studies.giant_steps.figure import plot_trajectory
from theory import Problem
from theory.statement.protocol import Protocol

TARGETS = {
    "z1 + z1*z2": "climbs: given $z_1$, $z_1z_2$ is linear",
    "z1 + z2**2": "cannot: $z_2$ asks for $n=O(d^2)$",
    "z1 + He2(z1)*z2": "relu cannot: $E[\\sigma\\,\\mathrm{He}_3]=0$",
}


def draw(studies):
    """Root mean square cosines with both directions, a panel for each target."""
    axes = axes_row(None, 3, 3.9, sharey=True)
    for ax, (target, study) in zip(axes, studies.items(), strict=True):
        plot_trajectory(study, ax)
        ax.set_title(f"{target}\n{TARGETS[target]}")
        ax.label_outer()
        ax.legend_.remove()
        ax.set_ylim(-0.02, 1.0)
    figure, (study, *_) = axes[0].figure, studies.values()
    title = "lines: state evolution; points: simulation ± s.e."
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, title=title)
    problem, seeds = study.problem, counted(len(study.runs), "seed")
    sizes = f"n = 4d, d = {problem.d}, N = {problem.width}"
    state(figure, f"relu, {sizes}, η = {problem.eta:g}, rademacher second layer, noise {problem.noise:g}, {seeds}")
    return axes


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
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(studies), data=True)
