"""Budget 7: a sweep on two workers against one, BLAS and kernels on one thread each; writing included."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.study import as_study
from spikes.sweeps import sweep

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=12)
    options = parser.parse_args()
    problem = {"n": 1000, "d": 500, "width": 750, "alpha": [0.1, 0.3]}
    study = as_study({"seeds": options.seeds, "theory": False, "problem": problem})
    number = itertools.count()
    with tempfile.TemporaryDirectory() as folder:

        def run(workers: int):
            return lambda: sweep(study, Path(folder) / f"{next(number)}.sqlite", workers=workers)

        times = by_turns(options.repeats, one=run(1), two=run(2))
    gains = [a / b for a, b in zip(times["one"], times["two"], strict=True)]
    print(machine())
    print(f"{study.rows} simulations of n = 1000, d = 500, N = 750; load average {os.getloadavg()[0]:.1f}")
    print(
        f"one worker {median(times['one']):.2f} s, two {median(times['two']):.2f} s: "
        f"{ratio(times, 'one', 'two'):.2f} times faster (budget 1.8), turns {min(gains):.2f} to {max(gains):.2f}"
    )
