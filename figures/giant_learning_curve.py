"""Test error against log n/log d: one giant step goes below the linear floor, random features only as N nears d²/2."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from spikes.presentation.figure import save_figure
from spikes.studies.giant_steps import study_curve
from spikes.studies.giant_steps.figure import plot_curve
from theory import Problem

TARGET = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", help="Keep finished runs in this file with -512 or -1024 appended.")
    options = parser.parse_args()
    studies = []
    for d, width in ((128, 512), (64, 1024)):
        problem = Problem(n=2**14, d=d, width=width, target=TARGET, alpha=0.5, scale=10.0, noise=0.0, centered=False)
        studies.append(
            study_curve(
                problem,
                exponents=(1.3, 1.45, 1.6, 1.75, 1.9, 2.0, 2.2, 2.4),
                seeds=options.seeds,
                seed=options.seed,
                readout="exact",
                checkpoint=options.checkpoint and f"{options.checkpoint}-{width}",
            )
        )

    def draw():
        figure, axes = plt.subplots(1, 2, figsize=(12.5, 3.9), layout="constrained", sharey=True)
        for ax, study in zip(axes, studies, strict=True):
            plot_curve(study, ax)
            ax.set_title(f"relu, d = {study.problem.d}, N = {study.problem.width}, {len(study.runs)} seeds")
            ax.label_outer()
        return figure

    save_figure(str(Path(__file__).with_suffix(".png")), draw)
