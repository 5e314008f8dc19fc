"""What a sign step and a polar factor cost beside the gradient and its two bare products."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.simulation.gradient import gradient
from spikes.simulation.how import How
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import initial_network
from spikes.simulation.optimizers import sign_rows, spectral_power
from spikes.simulation.samples import Batch
from spikes.simulation.seeds import as_seed_sequence
from theory.statement.problem import Problem

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--d", type=int, default=1000)
    parser.add_argument("--width", type=int, default=1500)
    options = parser.parse_args()
    problem = Problem(n=options.n, d=options.d, width=options.width)
    X = np.random.default_rng(0).standard_normal((problem.n, problem.d))
    batch = Batch(X, problem.teacher(X[:, :1]))
    network, kernels, how = initial_network(problem, as_seed_sequence(0)), problem_kernels(problem), How(threads=1)
    F, G = np.empty((problem.n, problem.width)), np.empty((problem.width, problem.d))

    def products() -> None:
        np.dot(X, network.W.T, out=F)
        np.dot(F.T, X, out=G)

    def step() -> np.ndarray:
        return gradient(network, kernels, batch, how=how).rows

    def sign() -> None:
        sign_rows(step(), 1.0)

    def polar() -> None:
        spectral_power(step(), 0.0, rank=problem.n0)

    with threadpool_limits(1):
        times = by_turns(options.repeats, products=products, step=step, sign=sign, polar=polar)
    print(machine())
    print(f"n = {problem.n}, d = {problem.d}, N = {problem.width}, one thread, by turns")
    print(f"sign step: {ratio(times, 'sign', 'step'):.2f} x a gradient step (budget 1.1)")
    print(f"polar step: {ratio(times, 'polar', 'products'):.2f} x the step's two bare products (budget 3 + 1)")
