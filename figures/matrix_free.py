"""Spikes and bulk of features that are never stored, nor their Gram matrix, where the law at this n puts them."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes.presentation.figure import save_figure
from spikes.runtime.files import write_json
from spikes.studies.matrix_free.study import compare_matrix_free
from theory import Problem

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="file for the measured numbers")
    options = parser.parse_args()
    problem = Problem(n=10_000, d=500, width=1000, alpha=0.45)
    result = compare_matrix_free(problem, seeds=options.seeds, seed=options.seed)
    if options.json:
        write_json(options.json, result.to_dict())
    save_figure(str(Path(__file__).with_suffix(".png")), result.plot, data=True)
