"""Budget 1: one step and its features against the bare matrix products, and against a plain NumPy version."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.simulation.features import feature_matrix
from spikes.simulation.gradient import giant_step
from spikes.simulation.how import How
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.samples import Batch
from spikes.simulation.seeds import as_seed_sequence
from theory.statement.problem import Problem


def plain(problem: Problem, network, step_data: Batch, fit_data: Batch, shift: float) -> np.ndarray:
    """The step and the features as one would write them in NumPy."""
    sigma, slope = {
        "relu": (lambda x: np.maximum(x, 0.0), lambda x: (x > 0.0).astype(x.dtype)),
        "tanh": (np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    }[problem.activation]
    X, y = step_data.X, step_data.y
    H = X @ network.W.T
    r = y - (sigma(H) - shift) @ network.a / math.sqrt(problem.width)
    gradient = (slope(H) * r[:, None] * network.a).T @ X
    W = network.W + problem.step_size / problem.n0 * gradient
    return sigma(fit_data.X @ W.T) - shift


def measure(activation: str, n: int, repeats: int, threads: int) -> tuple[float, float, float, float]:
    """Median seconds, ratio to the bare products, speed-up on plain NumPy, and the largest difference from it."""
    problem = Problem(n=n, d=512, width=1024, activation=activation)
    rng = np.random.default_rng(0)
    batches = []
    for _ in range(2):
        X = rng.standard_normal((problem.n, problem.d))
        batches.append(Batch(X, problem.teacher(X[:, :1])))
    network = initial_network(problem, as_seed_sequence(0))
    kernels, how = problem_kernels(problem), How(threads=threads)
    direction = np.eye(problem.d)[0]
    F, G = np.empty((problem.n, problem.width)), np.empty((problem.width, problem.d))

    def products() -> None:
        np.dot(batches[0].X, network.W.T, out=F)
        np.dot(F.T, batches[0].X, out=G)
        np.dot(batches[1].X, network.W.T, out=F)

    def ours() -> np.ndarray:
        step = giant_step(network, kernels, batches[0], problem.step_size, how=how)
        return feature_matrix(Layer(step.network.W, kernels), batches[1], direction, how=how, out=F).F

    with threadpool_limits(threads):
        difference = float(np.max(np.abs(ours() - plain(problem, network, *batches, kernels.shift))))
        times = by_turns(
            repeats, products=products, ours=ours, plain=lambda: plain(problem, network, *batches, kernels.shift)
        )
    return median(times["ours"]), ratio(times, "ours", "products"), ratio(times, "plain", "ours"), difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=16384, help="the budget's is 16384")
    options = parser.parse_args()
    print(machine())
    print(
        f"one step and features, d = 512, N = 1024, n = {options.n}, float64, {options.threads} threads, drawing apart"
    )
    for name, least in (("relu", 1.8), ("tanh", 2.0)):
        seconds, to_products, gain, difference = measure(name, options.n, options.repeats, options.threads)
        print(
            f"{name}: {seconds:.2f} s, {to_products:.2f} x the bare products (budget 1.25), "
            f"{gain:.2f} x faster than plain NumPy (budget {least}), largest difference {difference:.1e}"
        )
