"""Budget 7: a sweep on two workers against one, BLAS and kernels on one thread each; writing included.

On a machine that others use as well the clock says little. The processor time of both is given too: were two processors
free, the second worker could make the sweep 2 · (time of one)/(time of two) times faster.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.sweeps.run import sweep
from spikes.sweeps.study import as_study

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=12)
    options = parser.parse_args()
    problem = {"n": 1000, "d": 500, "width": 750, "alpha": [0.1, 0.3]}
    study = as_study({"seeds": options.seeds, "theory": False, "problem": problem})
    number = itertools.count()
    spent: dict[int, list[float]] = {1: [], 2: []}

    def processor_time() -> float:
        here = psutil.Process()
        return sum(sum(p.cpu_times()[:2]) for p in (here, *here.children(recursive=True)))

    with tempfile.TemporaryDirectory() as folder:

        def run(workers: int):
            def timed() -> None:
                start = processor_time()
                sweep(study, Path(folder) / f"{next(number)}.sqlite", workers=workers)
                spent[workers].append(processor_time() - start)

            return timed

        times = by_turns(options.repeats, one=run(1), two=run(2))
    gains = [a / b for a, b in zip(times["one"], times["two"], strict=True)]
    print(machine())
    print(f"{study.rows} simulations of n = 1000, d = 500, N = 750; load average {os.getloadavg()[0]:.1f}")
    print(
        f"one worker {median(times['one']):.2f} s, two {median(times['two']):.2f} s: "
        f"{ratio(times, 'one', 'two'):.2f} times faster (budget 1.8), turns {min(gains):.2f} to {max(gains):.2f}"
    )
    one, two = (median(spent[workers][1:]) for workers in (1, 2))
    print(f"processor time: one {one:.2f} s, two {two:.2f} s: at most {2.0 * one / two:.2f} times faster")
