"""What F_ℓ leaves of F as n grows: the corrected decomposition beside the published one, at three step sizes."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import axes_row, save_figure, state
from spikes.presentation.numbers import counted
from spikes.runtime.files import write_json
from spikes.studies.nonlinear_features.figure import plot_column_means, plot_remainder
from spikes.studies.nonlinear_features.study import decomposition_study
from theory import Problem

CASES = (("relu", 0.15), ("softplus", 0.29), ("relu", 0.29), ("tanh", 0.4))


def draw(studies):
    """What is left in each case, and the column means in those cases in which both forms differ."""
    axes = axes_row(None, 2, 8.2, rows=3)
    for ax, study in zip(axes, studies, strict=False):
        plot_remainder(study, ax)
        ax.set_title(f"{_case(study)}: norm of what is left, over $\\sqrt{{n}}$")
    for ax, study in zip(axes[len(studies) :], studies[1:3], strict=True):
        plot_column_means(study, ax)
        ax.set_title(f"{_case(study)}: slope of the column means")
    state(
        axes[0].figure,
        f"target z + 0.5*He2(z), noise 0.5, d = n/2, N = 3n/4, {counted(len(studies[0].runs[0]), 'seed')}; "
        "points: simulation ± s.e.; lines: limits; dashed: fits",
    )
    return axes


def _case(study):
    return rf"{study.problem.sigma.name}, $\alpha$ = {study.problem.alpha:g}, $\ell$ = {study.ell}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", default="500,1000,2000,4000", help="values of n, separated by commas")
    parser.add_argument("--json", help="folder for the measured numbers, one file for each case")
    options = parser.parse_args()
    sizes = [int(n) for n in options.sizes.split(",")]
    studies = []
    for name, alpha in CASES:
        problem = Problem(n=1000, d=500, width=750, activation=name, alpha=alpha)
        studies.append(decomposition_study(problem, sizes=sizes, seeds=options.seeds, seed=options.seed))
        if options.json:
            write_json(f"{options.json}/decomposition_{name}_{alpha:g}.json", studies[-1].to_dict())
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(studies), dpi=180, data=True)
