"""Where a step on half of the samples beats random features on all of them, over samples per dimension and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikes.presentation.figure import axes_row, problem_statement, save_figure, state
from spikes.studies.tune import map_of_paying, plot_map
from theory import Problem

RATIOS = np.geomspace(0.8, 12.8, 5)
NOISES = (0.1, 0.7, 1.5, 3.0)
PROBLEM = Problem(n=400, d=200, width=300, activation="tanh")
TARGETS = ("z", "z + 0.5*He2(z)")


def draw(maps):
    """A panel for each target."""
    axes = axes_row(None, len(maps), 3.3, sharey=True)
    for i, (ax, found) in enumerate(zip(axes, maps, strict=True)):
        plot_map(found, ax)
        ax.set_title(f"target {found.problem.teacher.name}")
        if i:
            ax.set_ylabel("")
    text = problem_statement(PROBLEM, without=("step", "n")).replace(f", target {PROBLEM.teacher.name}", "")
    state(axes[0].figure, text.replace(", noise 0.5", "") + "; theory alone")
    return axes


if __name__ == "__main__":
    maps = [map_of_paying(PROBLEM.replace(target=target), RATIOS, NOISES) for target in TARGETS]
    picture = Path(__file__).with_suffix(".png")
    save_figure(str(picture), lambda: draw(maps), data=True)
    # a map has no points of its own: the numbers that its colours stand for
    with picture.with_suffix(".csv").open("a") as numbers:
        for found in maps:
            for noise, gains in zip(found.map.noise, found.map.gain, strict=True):
                for ratio, gain in zip(found.map.samples_per_dimension, gains, strict=True):
                    series = f"target {found.problem.teacher.name},map,gain in % at noise {noise:g}"
                    numbers.write(f"{series},{ratio:.6g},{100.0 * gain:.6g},\n")
