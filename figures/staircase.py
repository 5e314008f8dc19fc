"""The staircase over step sizes: simulation, the law at this n, and the limit's steps."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import save_figure
from spikes.runtime.files import write_json
from spikes.studies.nonlinear_features.figure import plot_staircase
from spikes.studies.nonlinear_features.study import staircase
from theory import Problem

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="file for the measured numbers")
    options = parser.parse_args()
    study = staircase(Problem(n=2000, d=1000, width=1500), seeds=options.seeds, seed=options.seed)
    if options.json:
        write_json(options.json, study.to_dict())
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: plot_staircase(study), data=True)
