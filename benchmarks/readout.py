"""The law of a readout, m = 5000 rows of N = 1000 features, beside the eigendecomposition that it rests on."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes import readout
from theory.finite_pool import feature_pool

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    m, N = options.rows, options.columns
    rng = np.random.default_rng(0)
    X = rng.standard_normal((m, 300))
    F = np.maximum(X @ rng.standard_normal((300, N)) / np.sqrt(300.0), 0.0)
    y = X[:, 0] + 0.5 * rng.standard_normal(m)
    n, ridges = np.geomspace(m // 100, m - 100, 20).astype(int), np.geomspace(1e-3, 10.0, 50)
    centred = F - F.mean(axis=0)
    small = centred.T @ centred / m
    print(machine())
    with threadpool_limits(options.threads):
        times = by_turns(
            options.repeats,
            clock=time.process_time,
            product=lambda: centred.T @ centred / m,
            alone=lambda: eigh(small),
            yardstick=lambda: eigh(centred.T @ centred / m),
            one=lambda: feature_pool(F, y).errors(m // 5, 0.1),
            many=lambda: feature_pool(F, y).errors(n, ridges),
            study=lambda: readout(F, y, n=m // 5, ridge=0.1, splits=0),
        )
    print(f"{m} x {N}, processor time, {options.threads} threads; eigh(F'F/m): {median(times['yardstick']):.2f} s")
    print(f"  of which the product {ratio(times, 'product', 'yardstick'):.2f}")
    print(f"one n and one penalty: {ratio(times, 'one', 'yardstick'):.2f} x eigh(F'F/m) (budget 1.5)")
    print(f"  {ratio(times, 'one', 'alone'):.2f} x the eigendecomposition without the product")
    print(
        f"  spikes.readout without splits, its checks of the table included: {ratio(times, 'study', 'yardstick'):.2f} x"
    )
    print(f"20 n and 50 penalties: {ratio(times, 'many', 'one'):.2f} x one of each (budget 1.1)")
