"""The main job, one simulation with 50 penalties: against its bare products, a plain NumPy script, and another version.

Processor time of one thread, by turns. The plain script does what one would write: full eigendecompositions, 10⁴ test
samples with noisy labels. With ``--other PATH``, the root of another version's source, the same calls are timed there:
a simulation, a comparison and a sweep.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dsytrd, dsytrd_lwork
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import machine, ratio

from spikes import simulate
from spikes.simulation.features import squared_errors
from spikes.simulation.fresh_errors import FreshPoints, fresh_errors
from spikes.simulation.gradient import gradient
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.ridge import fit_second_layer
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from theory.statement.problem import Problem

POINTS = 8192
PLAIN_POINTS = 10_000

# Runs with the source of either version first on the path; prints seconds of processor time, workers included.
ELSEWHERE = """
import sys, tempfile, time
from pathlib import Path
import numpy as np
import psutil
from spikes import compare, simulate, sweep
from theory import Problem

job, n, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def spent():
    here = psutil.Process()
    return sum(sum(p.cpu_times()[:2]) for p in (here, *here.children(recursive=True)))

def run(n, seeds):
    problem = Problem(n=n, d=n // 2, width=3 * n // 4)
    if job == "simulate":
        simulate(problem.replace(ridge=tuple(np.geomspace(1e-3, 10.0, 50))), 1)
    elif job == "compare":
        compare(problem, seeds=seeds, workers=2)
    else:
        cells = {"n": n, "d": [n // 2, n, 2 * n], "width": n, "target": "z + 0.5*He2(z)"}
        cells |= {"alpha": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5], "ridge": [0.01, 0.1]}
        keep = ["test_error", "train_error", "objective", "test_error_before"]
        with tempfile.TemporaryDirectory() as folder:
            sweep({"seeds": seeds, "keep": keep, "problem": cells}, Path(folder) / "s.sqlite", workers=2)

run(100, 2)
start, clock = spent(), time.perf_counter()
run(n, seeds)
print(spent() - start, time.perf_counter() - clock)
"""


def plain(problem: Problem) -> Callable[[], list[np.ndarray]]:
    """One simulation as one would write it in NumPy, for relu and one latent."""
    n, d, N, ridges = problem.n, problem.d, problem.width, np.array(problem.ridges)
    shift = 1.0 / np.sqrt(2.0 * np.pi)

    def labels(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return problem.teacher(X[:, :1]) + problem.noise * rng.standard_normal(len(X))

    def run() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        W = rng.standard_normal((N, d))
        W /= np.linalg.norm(W, axis=1, keepdims=True)
        a = rng.standard_normal(N) / np.sqrt(N)
        X = rng.standard_normal((n, d))
        y = labels(X, rng)
        H = X @ W.T
        r = y - (np.maximum(H, 0.0) - shift) @ a / np.sqrt(N)
        W1 = W + problem.step_size / n * ((H > 0.0) * r[:, None] * a).T @ X
        X, X_new = rng.standard_normal((n, d)), rng.standard_normal((PLAIN_POINTS, d))
        y, y_new = labels(X, rng), labels(X_new, rng)
        errors = []
        for weights in (W, W1):
            F = np.maximum(X @ weights.T, 0.0) - shift
            values, vectors = np.linalg.eigh(F.T @ F / n)
            moment = vectors.T @ (F.T @ y / n)
            readouts = vectors @ (moment[:, None] / (values[:, None] + ridges))
            spikes = F @ vectors[:, -2:]
            new = np.maximum(X_new @ weights.T, 0.0) - shift
            errors += [np.mean((y_new[:, None] - new @ readouts) ** 2, axis=0), spikes]
        return errors

    return run


def floor(problem: Problem) -> Callable[[], None]:
    """The products that a simulation cannot avoid, and two tridiagonal reductions."""
    rng = np.random.default_rng(0)
    n, d, N, L = problem.n, problem.d, problem.width, len(problem.ridges)
    X, W, readouts = (rng.standard_normal(shape) for shape in ((n, d), (N, d), (N, L)))
    drawn, features = rng.standard_normal((POINTS // 8, d)), rng.standard_normal((POINTS, N))
    H, G = np.empty((n, N)), np.empty((N, d))

    def run() -> None:
        np.dot(X, W.T, out=H)
        np.dot(H.T, X, out=G)
        for _ in range(2):
            np.dot(X, W.T, out=H)
            square = dsyrk(1.0 / n, H.T)
            dsytrd(square, lwork=int(dsytrd_lwork(N)[0]), overwrite_a=True)
            np.dot(drawn, W.T)
            np.dot(features, readouts)

    return run


def standard_errors(problem: Problem) -> np.ndarray:
    """Standard errors of the test errors after the step over those of as many plain samples, for every penalty."""
    sequence, kernels = as_seed_sequence(0), problem_kernels(problem)
    network = initial_network(problem, sequence)
    made = gradient(network, kernels, Samples(problem, derived_sequence(sequence, 2), problem.n0))
    layer = Layer(network.W + problem.step_size * made.rows, kernels)
    readouts = fit_second_layer(layer, Samples(problem, derived_sequence(sequence, 3), problem.n), problem.ridges)
    test = derived_sequence(sequence, 4)
    ((_, of_points),) = fresh_errors([(layer, readouts)], FreshPoints(problem, test, POINTS), made.beta)
    ((_, of_samples),) = squared_errors([(layer, readouts)], Samples(problem, test, POINTS))
    return of_points / of_samples


def elsewhere(root: Path, job: str, n: int, seeds: int) -> tuple[float, float]:
    """Processor time and clock of a job with the source under a root."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ELSEWHERE, job, str(n), str(seeds)]
    # from its own root: what -c runs finds the working folder before anything else
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    spent, clock = (float(number) for number in done.stdout.split())
    return spent, clock


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n", type=int, default=2000, help="of which d is a half and N three quarters")
    parser.add_argument("--other", type=Path, help="root of another version's source")
    parser.add_argument("--seeds", type=int, default=8, help="of the comparison")
    parser.add_argument("--rows", type=int, default=1, help="seeds of the sweep of 36 cells, at half the size")
    parser.add_argument("--jobs", default="simulate,compare,sweep", help="what is timed in the other version")
    options = parser.parse_args()
    print(machine())
    ridges = tuple(float(x) for x in np.geomspace(1e-3, 10.0, 50))
    problem = Problem(n=options.n, d=options.n // 2, width=3 * options.n // 4, ridge=ridges)
    with threadpool_limits(1):
        jobs = {"simulation": lambda: simulate(problem, 1), "floor": floor(problem), "plain": plain(problem)}
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for turn in range(options.repeats + 1):
            for name, job in jobs.items():
                start = time.process_time()
                job()
                if turn:
                    times[name].append(time.process_time() - start)
        shares = standard_errors(problem)
    print(
        f"one simulation, n = {problem.n}, d = {problem.d}, N = {problem.width}, 50 penalties, one thread: "
        f"{median(times['simulation']):.2f} s of processor time"
    )
    print(f"  {ratio(times, 'simulation', 'floor'):.2f} x its bare products with two tridiagonal reductions")
    print(f"  {ratio(times, 'plain', 'simulation'):.2f} x faster than a plain NumPy script")
    print(
        f"  standard error of the test error over that of {POINTS} plain samples: {shares.max():.2f} at most, "
        f"{np.interp(-1.0, np.log10(ridges), shares):.2f} at λ = 0.1"
    )
    if options.other is not None:
        here = Path(__file__).parents[1]
        sizes = {"simulate": (options.n, 1), "compare": (options.n, options.seeds)}
        sizes["sweep"] = (options.n // 2, options.rows)
        for name in options.jobs.split(","):
            pairs = [
                (elsewhere(options.other, name, *sizes[name]), elsewhere(here, name, *sizes[name]))
                for _ in range(options.repeats)
            ]
            spent = [old[0] / new[0] for old, new in pairs]
            clock = [old[1] / new[1] for old, new in pairs]
            print(
                f"{name}: {median(spent):.2f} x less processor time than the other version "
                f"({min(spent):.2f} to {max(spent):.2f}), {median(clock):.2f} x faster by the clock"
            )
