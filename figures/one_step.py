"""One giant step, seen and predicted: spectrum with its spikes, what they have learned, and the ridge errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikes import compare
from spikes.presentation.figure import save_figure
from theory import Problem

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    result = compare(Problem(n=2000, d=1000, width=1500), seeds=options.seeds, seed=options.seed)
    save_figure(str(Path(__file__).with_suffix(".png")), result.plot, data=True)
