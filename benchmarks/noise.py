"""Sign flips of a large matrix against one dense decomposition, and counts beside ScreeNOT's and optht's."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.simulation.signflip import flip_signs, largest_singular_value
from spikes.studies.own_matrix import spectrum
from theory.singular_value_thresholds import gavish_donoho_threshold, screenot_threshold


def flips(x: np.ndarray, count: int) -> list[float]:
    """Largest singular values of flipped copies, as the test takes them: large matrices in single precision."""
    rng = np.random.default_rng(1)
    single = x.astype(np.float32)
    copy = np.empty_like(single)
    return [largest_singular_value(flip_signs(single, rng, copy), rng) for _ in range(count)]


def peers(matrices: list[np.ndarray], most: int) -> None:
    """Counts of the packages screenot and optht, where they are installed, and of this one, with processor times."""
    n, p = matrices[0].shape

    def optht(x: np.ndarray) -> int:
        of = import_module("optht").optht
        return int(of(min(n, p) / max(n, p), sv=np.linalg.svd(x, compute_uv=False), sigma=None))

    def screenot(x: np.ndarray) -> int:
        return int(import_module("screenot.ScreeNOT").adaptiveHardThresholding(x.copy(), most)[2])

    def above(threshold: Callable[..., float], *more: int) -> Callable[[np.ndarray], int]:
        def count(x: np.ndarray) -> int:
            s = np.linalg.svd(x, compute_uv=False)
            return int(np.sum(s > threshold(s, (n, p), *more)))

        return count

    methods = {
        "optht": optht,
        "Gavish and Donoho here": above(gavish_donoho_threshold),
        "screenot": screenot,
        "ScreeNOT here": above(screenot_threshold, most),
        "spikes spectrum, every null": lambda x: spectrum(x, center="none").outliers,
    }
    for name, count in methods.items():
        counts, times = [], []
        for x in matrices:
            start = time.process_time()
            try:
                counts.append(str(count(x)))
            except ImportError:
                counts.append("not installed")
            except ValueError:
                counts.append("error")  # optht indexes an empty array where it keeps none
            times.append(time.process_time() - start)
        print(f"  {name}: {', '.join(counts)}; {1e3 * min(times):.3g} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="4000x3000")
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--draws", type=int, default=5, help="matrices that the packages count in")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    n, p = (int(side) for side in arguments.shape.split("x"))
    print(machine())
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, p)) * np.linspace(0.3, 2.0, p)
    with threadpool_limits(arguments.threads):
        flips(x[: min(n, 200), : min(p, 100)], 1)  # compiled
        times = by_turns(
            arguments.repeats,
            flips=lambda: flips(x, arguments.flips),
            svd=lambda: np.linalg.svd(x, full_matrices=False),
        )
        print(
            f"{arguments.flips} flips of {n} × {p}: {min(times['flips']):.3g} s, one svd {min(times['svd']):.3g} s, "
            f"ratio {ratio(times, 'flips', 'svd'):.2g}"
        )
        side = min(200, n), min(100, p)
        for name, scale in (("white", np.ones(side[1])), ("uneven", np.linspace(0.3, 2.0, side[1]))):
            for factors in (0, 10):
                matrices = []
                for _ in range(arguments.draws):
                    u, v = (np.linalg.qr(rng.standard_normal((size, 10)))[0] for size in side)
                    signal = math.sqrt(side[0]) * (np.linspace(3.0, 6.0, 10) * u) @ v.T
                    matrices.append(rng.standard_normal(side) * scale + (factors > 0) * signal)
                print(f"{name} noise of {side[0]} × {side[1]}, {factors} factors:")
                peers(matrices, 20)


if __name__ == "__main__":
    main()
