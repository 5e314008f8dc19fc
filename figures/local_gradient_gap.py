"""The gradient bounds the gap: |grad L|² λ² stays above a multiple of ζ⁴ along descent at fixed decays."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import save_figure
from spikes.simulation.training import Plan
from spikes.studies.local_analysis.figure import plot_gradient_gap
from spikes.studies.local_analysis.study import compare_training

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=3000)
    options = parser.parse_args()
    studies, factors = [], []
    for name in ("orth4", "A", "r3m5"):
        for decay in (1e-2, 3e-3, 1e-3, 5e-4):
            plan = Plan(name, decay=decay, epochs=1, iterations=options.iterations, record=20)
            study = compare_training(plan, seed=options.seed)
            _, ratio = study.gradient_ratios(0)
            factors.append(float(ratio.min()))
            studies.append(study)
            print(f"{name}, decay {decay:g}: least ratio {factors[-1]:.3g}", flush=True)
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: plot_gradient_gap(studies, min(factors)), data=True)
