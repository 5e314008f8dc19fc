"""One problem after the first step of four optimizers: spikes and bulk of the features, law and simulation."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import axes_row, problem_statement, save_figure, state
from spikes.simulation.ensemble import simulate_ensemble
from spikes.studies.one_step import plot_spectrum
from theory import Problem, predict

NAMES = {
    "gd": "gradient descent",
    "sign": "sign: Adam's first step",
    "spectral:0.5": "spectrum to the power ½",
    "spectral:0": "polar factor: Muon's first step",
}
PROBLEM = Problem(n=600, d=300, width=375, alpha=0.5)


def draw(pairs):
    """A panel for each optimizer."""
    axes = axes_row(None, 2, 6.2, rows=2, sharey=True)
    ends = []
    for i, (ax, (optimizer, (theory, ensemble))) in enumerate(zip(axes, pairs.items(), strict=True)):
        plot_spectrum(theory, ensemble, ax=ax)
        ends.append(ax.get_xlim())  # as this panel wants it: the panels of a column share their axis
        ax.set_title(NAMES[optimizer])
        if i:
            ax.get_legend().remove()
        if i % 2:
            ax.set_ylabel("")
        if i < 2:
            ax.set_xlabel("")
    for ax in axes:
        ax.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    ensemble = next(iter(pairs.values()))[1]
    state(axes[0].figure, problem_statement(PROBLEM, seeds=ensemble.seeds))
    return axes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pairs = {}
    for optimizer in NAMES:
        problem = PROBLEM.replace(optimizer=optimizer)
        runs = simulate_ensemble(problem, seeds=options.seeds, seed=options.seed, test_samples=64)
        pairs[optimizer] = predict(problem), runs
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(pairs), data=True)
