"""Rates that plans for large n rest on: a streamed simulation on one thread, stage by stage, per row and against n.

Seconds are of processor time, which other jobs on the machine disturb less than the clock.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import machine

from spikes import simulate
from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.features import squared_errors
from spikes.simulation.gradient import BLOCK, gradient
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.row_sums import row_ranges
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from theory.statement.problem import Problem


def stages(problem: Problem, rows: int, dtype: str) -> dict[str, float]:
    """Seconds per row on one thread of each pass that a streamed simulation makes over its rows."""
    sequence, kernels, kind = as_seed_sequence(0), problem_kernels(problem), np.dtype(dtype)
    network = initial_network(problem, sequence, dtype=kind)
    layer = Layer(network.W, kernels)
    samples = Samples(problem, derived_sequence(sequence, 3), rows)
    direction = np.eye(problem.d)[0]
    readouts = np.zeros((problem.width, 1), kind)

    def draw() -> None:
        for _ in samples.blocks(BLOCK, dtype=kind):
            pass

    passes = {
        "drawing the samples, part of every pass": draw,
        "gradient": lambda: gradient(network, kernels, samples),
        "normal equations": lambda: FeatureStream(layer, samples).normal_equations(direction),
        "test error": lambda: squared_errors([(layer, readouts)], samples),
    }
    found = {}
    for name, run in passes.items():
        seconds = []
        for _ in range(4):
            start = time.process_time()
            run()
            seconds.append(time.process_time() - start)
        found[name] = min(seconds[1:]) / rows
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d", type=int, default=500)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=8192, help="of each stage's measurement")
    parser.add_argument("--sizes", default="100000,300000", help="n of whole simulations; empty for none")
    parser.add_argument("--dtype", default="float64")
    options = parser.parse_args()
    problem = Problem(n=options.rows, d=options.d, width=options.width, alpha=0.45)
    print(machine())
    N, d, size = options.width, options.d, np.dtype(options.dtype).itemsize
    with threadpool_limits(1):
        found = stages(problem, options.rows, options.dtype)
    print(f"d = {d}, N = {N}, {options.dtype}, one thread, microseconds a row:")
    for name, seconds in found.items():
        print(f"  {name}: {1e6 * seconds:.1f}")
    whole = found["gradient"] + 2.0 * found["normal equations"]
    flops = 4.0 * N * d + 2.0 * (2.0 * N * d + N * N)
    print(f"  a simulation with n_step = n: {1e6 * whole:.1f}, {flops / whole / 1e9:.1f} GFLOP/s of products")
    parts = len(row_ranges(10**9))
    print(
        f"n = 10^9: {1e9 * whole / 86400:.2f} days of one thread; {parts} ranges in each of 3 passes; sent back "
        f"{parts * size * (2 * N * N + N * d) / 2**30:.1f} GiB, sent out {3 * parts * size * N * d / 2**30:.1f} GiB; "
        f"a worker holds {(size * (N * N + 2 * N * d) + size * BLOCK * (N + d)) / 2**20:.0f} MiB"
    )
    rates = []
    for n in (int(text) for text in options.sizes.split(",") if text):
        start = time.process_time()
        simulate(problem.replace(n=n), method="streamed", dtype=options.dtype)
        rates.append((time.process_time() - start) / n)
        print(f"n = {n}: {1e6 * rates[-1]:.1f} us a row, {rates[-1] / rates[0]:.2f} x that of the first n", flush=True)
