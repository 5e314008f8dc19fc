"""Test error against log n/log d: one giant step goes below the linear floor, random features only as N nears d²/2."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import axes_row, problem_statement, save_figure, state
from spikes.studies.giant_steps import study_curve
from spikes.studies.giant_steps.figure import plot_curve
from theory import Problem

TARGET = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"


def draw(studies):
    """A panel for each pair of d and N, with the floors named once."""
    axes = axes_row(None, len(studies), 4.4, sharey=True)
    for ax, study in zip(axes, studies, strict=True):
        plot_curve(study, ax)
        ax.set_title(f"d = {study.problem.d}, N = {study.problem.width}")
        ax.label_outer()
        ax.legend_.remove()
    for text in [text for ax in axes[:-1] for text in ax.texts]:
        text.remove()
    figure, study = axes[0].figure, studies[0]
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    state(figure, problem_statement(study.problem, seeds=len(study.runs), without=("n", "d", "width")))
    return axes


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

    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(studies), data=True)
