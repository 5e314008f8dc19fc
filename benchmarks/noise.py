"""Sign flips of a large matrix against one dense decomposition, and counts beside ScreeNOT's and optht's."""

from __future__ import annotations

import argparse
import math
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from spikes.simulation.signflip import flip_signs, largest_singular_value
from spikes.studies.own_matrix import spectrum


def flips(x: np.ndarray, count: int) -> list[float]:
    """Largest singular values of flipped copies, as the test takes them: large matrices in single precision."""
    rng = np.random.default_rng(1)
    single = x.astype(np.float32)
    copy = np.empty_like(single)
    return [largest_singular_value(flip_signs(single, rng, copy), rng) for _ in range(count)]


def peers(x: np.ndarray, most: int) -> None:
    """Counts of the packages screenot and optht, where they are installed, and of this one."""
    n, p = x.shape
    s = np.linalg.svd(x, compute_uv=False)
    try:
        optht = import_module("optht").optht
        print(f"optht: {optht(min(n, p) / max(n, p), sv=s, sigma=None)}")
    except ValueError:
        print("optht: an error, for it keeps none")
    except ImportError:
        print("optht: not installed (python -m pip install optht)")
    try:
        screenot = import_module("screenot.ScreeNOT").adaptiveHardThresholding
        print(f"ScreeNOT: {screenot(x, most)[2]}")
    except ImportError:
        print("ScreeNOT: not installed (python -m pip install screenot)")
    print(f"spikes spectrum: {spectrum(x, center='none').counts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="4000x3000")
    parser.add_argument("--flips", type=int, default=100)
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
        side = min(400, n), min(200, p)
        for name, scale in (("white", np.ones(side[1])), ("uneven", np.linspace(0.3, 2.0, side[1]))):
            u, v = (np.linalg.qr(rng.standard_normal((size, 10)))[0] for size in side)
            signal = math.sqrt(side[0]) * (np.linspace(3.0, 6.0, 10) * u) @ v.T
            print(f"{name} noise of {side[0]} × {side[1]} with ten factors:")
            peers(rng.standard_normal(side) * scale + signal, 20)
            print(f"{name} noise alone:")
            peers(rng.standard_normal(side) * scale, 20)


if __name__ == "__main__":
    main()
