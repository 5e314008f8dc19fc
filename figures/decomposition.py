"""What F_ℓ leaves of F as n grows: the corrected decomposition beside the published one, at three step sizes."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from spikes.presentation.figure import save_figure
from spikes.runtime.files import write_json
from spikes.studies.nonlinear_features.figure import plot_decomposition
from spikes.studies.nonlinear_features.study import decomposition_study
from theory import Problem

CASES = (("relu", 0.15), ("softplus", 0.29), ("relu", 0.29), ("tanh", 0.4))


def draw(studies):
    """One row of panels for each case."""
    axes = plt.subplots(len(studies), 4, figsize=(13.0, 2.8 * len(studies)), layout="constrained")[1]
    for row, study in zip(axes, studies, strict=True):
        plot_decomposition(study, row)
    axes[0, 0].figure.suptitle(
        f"target z + 0.5*He2(z), noise 0.5, d = n/2, N = 3n/4, {len(studies[0].runs[0])} seeds ± s.e.",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return axes


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
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(studies), dpi=100)
