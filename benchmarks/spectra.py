"""Budgets 2, 3, 4 and 6: spectra, outliers alone, a path of penalties, and single precision."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, randomized_svd, ratio

from spikes import simulate
from spikes.simulation.features import feature_matrix
from spikes.simulation.gradient import giant_step
from spikes.simulation.how import How
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.krylov import leading_triplets
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.ridge import ridge_path
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.spectra import gram, gram_spectrum
from theory.statement.problem import Problem


def features(problem: Problem, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """F after one step, with the labels."""
    sequence, kernels, how = as_seed_sequence(0), problem_kernels(problem), How(threads=threads)
    batch = Samples(problem, derived_sequence(sequence, 2), problem.n)
    network = initial_network(problem, sequence)
    step = giant_step(network, kernels, batch, problem.step_size, how=how)
    fitted = Samples(problem, derived_sequence(sequence, 3), problem.n)
    made = feature_matrix(Layer(step.network.W, kernels), fitted, step.beta, how=how)
    return made.F, made.y


def floor(F: np.ndarray, d: int) -> Callable[[], np.ndarray]:
    """The bare products of step and features, of the Gram matrix, and LAPACK's eigenvalues of it."""
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((F.shape[0], d)), rng.standard_normal((F.shape[1], d))
    H, G = np.empty_like(F), np.empty_like(W)

    def run() -> np.ndarray:
        np.dot(X, W.T, out=H)
        np.dot(H.T, X, out=G)
        np.dot(X, W.T, out=H)
        return eigh(gram(F), lower=False, eigvals_only=True, overwrite_a=True, check_finite=False, driver="evd")

    return run


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=4000, help="of which d is a quarter and N three; the budgets' is 4000")
    options = parser.parse_args()
    problem = Problem(n=options.n, d=options.n // 4, width=3 * options.n // 4, alpha=0.45)
    print(machine())
    with threadpool_limits(options.threads):
        F, y = features(problem, options.threads)
        rng = np.random.default_rng(0)
        exact = np.linalg.svd(F / np.sqrt(len(F)), compute_uv=False)
        functions = {
            "numpy": lambda: np.linalg.svd(F, compute_uv=False),
            "all": lambda: gram_spectrum(features(problem, options.threads)[0]).eigenvalues,
            "floor": floor(F, problem.d),
            "outliers": lambda: leading_triplets(
                lambda V: F.T @ (F @ V) / len(F), F.shape, 2, np.random.default_rng(0), tolerance=1e-6
            ),
            "svds": lambda: svds(F, k=2, v0=np.ones(min(F.shape)), tol=1e-6),
        }
        peer = randomized_svd()
        if peer is not None:
            functions["randomized"] = lambda: peer(F, 2, random_state=0)

        times = by_turns(options.repeats, **functions)
        print(
            f"{problem.n} x {problem.width}, float64, {options.threads} threads; "
            f"numpy's svd: {median(times['numpy']):.2f} s"
        )
        print(f"all singular values, the step included: {ratio(times, 'numpy', 'all'):.1f} x faster (budget 4)")
        print(f"  {ratio(times, 'all', 'floor'):.2f} x the bare products with LAPACK's eigenvalues, which would be")
        print(f"  {ratio(times, 'numpy', 'floor'):.1f} x faster than numpy's svd")
        print(f"two outliers with vectors: {ratio(times, 'numpy', 'outliers'):.1f} x faster (budget 10)")
        values = {
            "outliers": lambda: functions["outliers"]().singular_values,
            "svds": lambda: functions["svds"]()[1][::-1] / np.sqrt(len(F)),
            "randomized": lambda: functions["randomized"]()[1] / np.sqrt(len(F)),
        }
        for name, label in (
            ("outliers", "block Lanczos, here"),
            ("svds", "scipy svds"),
            ("randomized", "scikit-learn randomized_svd"),
        ):
            if name in times:
                error = np.max(np.abs(values[name]() / exact[:2] - 1.0))
                print(
                    f"  {label}: {ratio(times, 'numpy', name):.1f} x faster than numpy's svd, "
                    f"relative error {error:.1e}"
                )

        spectrum = gram_spectrum(F)
        one, fifty = np.array([0.1]), np.geomspace(1e-3, 10.0, 50)
        fits = by_turns(
            options.repeats,
            one=lambda: ridge_path(F, y, gram_spectrum(F), one),
            fifty=lambda: ridge_path(F, y, gram_spectrum(F), fifty),
        )
        print(f"a path of 50 penalties: {ratio(fits, 'fifty', 'one'):.2f} x the cost of one (budget 1.2)")
        del F, spectrum
    small = problem.replace(n=options.n // 2, d=options.n // 4, width=3 * options.n // 8)
    runs = by_turns(
        options.repeats,
        double=lambda: simulate(small, threads=options.threads),
        single=lambda: simulate(small, threads=options.threads, dtype="float32"),
    )
    print(f"a whole simulation in float32: {ratio(runs, 'double', 'single'):.2f} x faster (budget 1.6)")
