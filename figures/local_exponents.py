"""Loss and concentration against the decay of the epoch: exponents 2 and 1 where the certificate is non-degenerate."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import save_figure
from spikes.simulation.training import Plan
from spikes.studies.local_analysis.figure import plot_exponents
from spikes.studies.local_analysis.study import compare_training

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=4000)
    options = parser.parse_args()
    studies = []
    for name in ("G", "A", "r3m5", "r3m5-close"):
        plan = Plan(name, width=50, iterations=options.iterations)
        studies.append(compare_training(plan, options.seeds, options.seed))
        angle, loss = (studies[-1].exponent(column) for column in ("rms_angle", "population_loss"))
        print(f"{name}: angle {angle.mean:.4f} ± {angle.sem:.2g}, loss {loss.mean:.4f} ± {loss.sem:.2g}", flush=True)
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: plot_exponents(studies), data=True)
