"""Weight decay turns neurons onto the teacher's directions; without it the loss gets small and they stay apart."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spikes.presentation.figure import axes_row, save_figure, state
from spikes.simulation.training import Plan
from spikes.studies.local_analysis.figure import plot_directions
from spikes.studies.local_analysis.study import compare_training


def draw(decayed, free) -> np.ndarray:
    axes = axes_row(None, 2, 6.0, rows=2)
    with_decay, without = decayed.runs[0], free.runs[0]
    teacher = decayed.plan.teacher
    states = (
        ("start", with_decay.W_start, with_decay.a_start, None),
        ("after Stages 1 and 2", with_decay.W_early, with_decay.a_early, decayed.epochs("population_loss")[0, 0]),
        ("Stage 3 with decreasing decay", with_decay.W, with_decay.a, decayed.epochs("population_loss")[0, -1]),
        ("Stage 3 without decay", without.W, without.a, free.epochs("population_loss")[0, -1]),
    )
    for ax, (title, W, a, loss) in zip(axes, states, strict=True):
        plot_directions(W, a, teacher, ax)
        ax.set_title(title if loss is None else f"{title}\nloss {_power(loss)}", pad=2)
    state(
        axes[0].figure,
        f"teacher {teacher.name}, weights 0.4, −0.3, 0.3, d = {teacher.d}, m = {with_decay.plan.width}, population. "
        "Lines: the teacher; marks: neurons of one run, circles a > 0, squares a < 0. "
        "Angle: projection on the teacher's plane; radius: its length; area: mass",
    )
    return axes


def _power(value):
    """Two digits and a power of ten."""
    digits, _, power = f"{value:.1e}".partition("e")
    return rf"${digits}\cdot 10^{{{int(power)}}}$"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    decayed, free = (compare_training(Plan("A", schedule=s), seed=options.seed) for s in ("halving", "none"))
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(decayed, free), data=True)
