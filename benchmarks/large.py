"""Budget 3 at size: errors and outliers, and outliers alone, at n = 10⁵ … 10⁶ from features that are never stored.

Beside it, at a size that peers can store, the outliers alone: rows drawn again in every pass against F in memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, randomized_svd, ratio


def simulation(problem, threads: int, dtype: str) -> str:
    """A streamed simulation: what it found."""
    from spikes import simulate

    result = simulate(problem, method="streamed", threads=threads, dtype=dtype)
    values = ", ".join(f"{value:.6f}" for value in result.after.singular_values[:2])
    return f"singular values {values}; test error {result.after.test_error[0]:.5f}"


def outliers(problem, threads: int, dtype: str) -> str:
    """Two outliers by block Lanczos: what it found."""
    import numpy as np

    from spikes.simulation.krylov import leading_triplets
    from spikes.simulation.matrix_free import stepped_features

    stream = stepped_features(problem, threads=threads, dtype=dtype).stream
    tolerance = 1e-6 if dtype == "float64" else 1e-4
    found = leading_triplets(
        stream.gram_times, stream.shape, 2, np.random.default_rng(0), dtype=np.dtype(dtype), tolerance=tolerance
    )
    return f"singular values {', '.join(f'{value:.6f}' for value in found.singular_values)}; {found.passes} passes"


def measure(work: Callable, n: int, d: int, width: int, threads: int, dtype: str, pipe) -> None:
    """Seconds and peak memory of some work, in a process of its own: its peak is its own."""
    from threadpoolctl import threadpool_limits

    from theory import Problem

    with threadpool_limits(threads):
        work(Problem(n=200, d=20, width=30), threads, dtype)
        start = time.perf_counter()
        found = work(Problem(n=n, d=d, width=width, n_step=2 * d, alpha=0.45), threads, dtype)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((seconds, peak, found))


def peers(n: int, d: int, width: int, threads: int, repeats: int) -> None:
    """Two outliers from rows that are never stored, and by peers from the stored matrix, which they are given."""
    import numpy as np
    from scipy.sparse.linalg import svds
    from threadpoolctl import threadpool_limits

    from spikes.simulation.features import feature_matrix
    from spikes.simulation.krylov import leading_triplets
    from spikes.simulation.matrix_free import stepped_features
    from theory import Problem

    problem = Problem(n=n, d=d, width=width, n_step=2 * d, alpha=0.45)
    with threadpool_limits(threads):
        made = stepped_features(problem, threads=threads)
        stream = made.stream
        F = feature_matrix(stream.layer, stream.samples, made.direction, how=stream.how).F
        values = {
            "numpy's svd": lambda: np.linalg.svd(F, compute_uv=False)[:2] / np.sqrt(n),
            "never stored, here": lambda: (
                leading_triplets(
                    stream.gram_times, stream.shape, 2, np.random.default_rng(0), tolerance=1e-6
                ).singular_values
            ),
            "scipy svds": lambda: svds(F, k=2, v0=np.ones(width), tol=1e-6)[1][::-1] / np.sqrt(n),
        }
        peer = randomized_svd()
        if peer is not None:
            values["scikit-learn randomized_svd"] = lambda: peer(F, 2, random_state=0)[1] / np.sqrt(n)
        times = by_turns(repeats, **values)
        first = "numpy's svd"
        exact = values[first]()
        print(f"two outliers of {n} x {width}, float64, {threads} threads; making F for the peers is not counted:")
        for name, run in values.items():
            print(
                f"  {name}: {ratio(times, first, name):.1f} x faster than numpy's svd, "
                f"relative error {np.max(np.abs(run() / exact - 1.0)):.1e}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,300000,1000000")
    parser.add_argument("--d", type=int, default=500)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--peers", type=int, default=20000, help="rows at which peers are measured; 0 for none")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    context = multiprocessing.get_context("spawn")
    for label, work in (("streamed simulation", simulation), ("outliers alone", outliers)):
        for n in (int(size) for size in options.sizes.split(",") if size):
            receive, send = context.Pipe()
            arguments = (work, n, options.d, options.width, options.threads, options.dtype, send)
            process = context.Process(target=measure, args=arguments)
            process.start()
            seconds, peak, found = receive.recv()
            process.join()
            print(
                f"{label}, n = {n:>8}: {seconds:7.1f} s, {1e6 * seconds / n:6.1f} us a row, peak {peak:.0f} MB; "
                f"{found}",
                flush=True,
            )
    if options.peers:  # last: a process that is started inherits the peak memory of its parent
        peers(options.peers, options.d, options.width, options.threads, options.repeats)
