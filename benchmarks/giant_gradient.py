"""The first gradient of a giant step at n = d²: peak memory, and time against its bare matrix products.

Drawing the inputs and preprocessing the labels are timed apart. Memory is that of the whole process on the whole batch;
the ratio is taken on one slab of it, in turns, since both sides are linear in n.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.simulation.gradient import gradient
from spikes.simulation.how import How
from spikes.simulation.kernels import activation_kernels
from spikes.simulation.label_fit import Residuals, least_squares
from spikes.simulation.network import initial_network
from spikes.simulation.samples import Batch, Samples
from spikes.simulation.seeds import as_seed_sequence
from theory.statement.problem import Problem


def peak_gib() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d", type=int, default=512)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--slab", type=int, default=16384)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--activation", default="relu")
    options = parser.parse_args()
    d, N, n = options.d, options.width, options.d**2
    problem = Problem(n=n, d=d, width=N, target="z1*z2", activation=options.activation, noise=0.0, centered=False)
    network, kernels = initial_network(problem, as_seed_sequence(0)), activation_kernels(problem.sigma)
    how = How(threads=options.threads)
    print(machine())
    print(f"first gradient, n = {n}, d = {d}, N = {N}, {options.activation}, {options.threads} threads")
    with threadpool_limits(options.threads):
        samples = Samples(problem, as_seed_sequence(1), n)
        start = time.perf_counter()
        fit = least_squares(samples)
        middle = time.perf_counter()
        gradient(network, kernels, Residuals(samples, fit), how=how)
        end = time.perf_counter()
        print(f"least squares {middle - start:.1f} s, gradient {end - middle:.1f} s, drawing included in both")
        print(f"peak memory {peak_gib():.2f} GiB (budget 1.5)")
        X = np.random.default_rng(2).standard_normal((options.slab, d))
        slab = Batch(X, problem.teacher(X[:, :2]))
        H, G = np.empty((options.slab, N)), np.empty((N, d))

        def products() -> None:
            np.dot(X, network.W.T, out=H)
            np.dot(H.T, X, out=G)

        def ours() -> None:
            gradient(network, kernels, slab, how=how)

        times = by_turns(options.repeats, products=products, ours=ours)
    print(
        f"slab of {options.slab} rows: {median(times['ours']):.2f} s, "
        f"{ratio(times, 'ours', 'products'):.2f} x its bare products (budget 1.25)"
    )
