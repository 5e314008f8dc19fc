"""Budget 3 at size: outliers and errors at n = 10⁵ … 10⁶ from features that are never stored, time and peak memory."""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import machine


def run(n: int, d: int, width: int, threads: int, dtype: str, pipe) -> None:
    """One streamed simulation in a process of its own: its peak memory is its own."""
    from spikes import simulate
    from theory import Problem

    problem = Problem(n=n, d=d, width=width, n_step=2 * d, alpha=0.45)
    simulate(Problem(n=200, d=20, width=30), method="streamed", dtype=dtype)
    start = time.perf_counter()
    result = simulate(problem, method="streamed", threads=threads, dtype=dtype)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((seconds, peak, result.singular_values[:3].tolist(), result.test_error.tolist()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,300000,1000000")
    parser.add_argument("--d", type=int, default=500)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float64")
    options = parser.parse_args()
    print(machine())
    context = multiprocessing.get_context("spawn")
    for n in (int(size) for size in options.sizes.split(",")):
        receive, send = context.Pipe()
        arguments = (n, options.d, options.width, options.threads, options.dtype, send)
        process = context.Process(target=run, args=arguments)
        process.start()
        seconds, peak, values, error = receive.recv()
        process.join()
        print(
            f"n = {n:>8}: {seconds:7.1f} s, {1e6 * seconds / n:6.1f} us a row, peak {peak:.0f} MB; "
            f"singular values {', '.join(f'{v:.5f}' for v in values)}; test error {error[0]:.5f}",
            flush=True,
        )
