"""How often noise alone is given a spike: eight kinds of noise, four shapes, every null, as a table in Markdown.

Each cell is the share of matrices in which a null calls the first direction more than noise at the level 0.05. Small
matrices: 20 on the shorter side, or 40.
"""

from __future__ import annotations

import argparse
import math
import time
import zlib
from collections.abc import Callable

import numpy as np

from spikes.simulation.signflip import randomisation_test
from theory.fitted_bulk import coloured_bulk, fitted_bulk

LEVEL = 0.05
SHAPES = ((20, 200), (40, 80), (80, 40), (200, 20))


def _uneven(n: int) -> np.ndarray:
    return np.linspace(0.3, 2.0, n)


def _autoregressive(rng: np.random.Generator, n: int, p: int) -> np.ndarray:
    x = rng.standard_normal((n + 50, p))
    for i in range(1, n + 50):
        x[i] += 0.6 * x[i - 1]
    return x[50:]


def _filled(rng: np.random.Generator, n: int, p: int) -> np.ndarray:
    x = rng.standard_normal((n, p))
    absent = rng.random((n, p)) < 0.1
    means = np.where(absent, 0.0, x).sum(axis=0) / np.maximum((~absent).sum(axis=0), 1)
    return np.where(absent, means, x)


NOISES: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "normal": lambda rng, n, p: rng.standard_normal((n, p)),
    "uneven columns": lambda rng, n, p: rng.standard_normal((n, p)) * _uneven(p),
    "uneven rows and columns": lambda rng, n, p: _uneven(n)[:, None] * rng.standard_normal((n, p)) * _uneven(p),
    "Student t₅": lambda rng, n, p: rng.standard_t(5, (n, p)),
    "Poisson(3)": lambda rng, n, p: rng.poisson(3.0, (n, p)).astype(float),
    "Bernoulli(0.2)": lambda rng, n, p: (rng.random((n, p)) < 0.2).astype(float),
    "AR(0.6) over rows": _autoregressive,
    "10 % missing, filled with means": _filled,
}


def rejections(noise: str, n: int, p: int, draws: int, others: int) -> dict[str, tuple[int, int]]:
    """How many of how many matrices each null rejects."""
    counts = {"signflip": [0, 0], "permutation": [0, 0], "white": [0, 0], "coloured": [0, 0]}
    sequence = np.random.SeedSequence([zlib.crc32(noise.encode()), n, p])
    for i, seed in enumerate(sequence.spawn(draws)):
        rng = np.random.default_rng(seed)
        x = NOISES[noise](rng, n, p)
        x = x - x.mean(axis=0)
        lines = np.ascontiguousarray(x if n >= p else x.T)
        _, s, vectors = np.linalg.svd(lines, full_matrices=False)

        def random(kind: str, lines=lines, s=s, vectors=vectors, rng=rng) -> bool:
            axis = 0 if n >= p else 1
            lost = (1, 0) if n >= p else (0, 1)
            options = {"randomise": kind, "axis": axis, "lost": lost, "level": LEVEL, "most": 1}
            test = randomisation_test(lines, s, vectors.T, rng, **options)
            return test.count > 0

        found = {"signflip": random("signflip")}
        if i < others:
            found["white"] = fitted_bulk(s**2 / n, (n, p), level=LEVEL, degrees=n - 1).outliers > 0
            found["permutation"] = random("permutation")
            found["coloured"] = coloured_bulk(s**2 / n, (n, p), level=LEVEL, degrees=n - 1).outliers > 0
        for null, rejected in found.items():
            counts[null][0] += rejected
            counts[null][1] += 1
    return {null: (rejected, drawn) for null, (rejected, drawn) in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000, help="matrices for signflip")
    parser.add_argument("--others", type=int, default=500, help="of which for the other nulls")
    parser.add_argument("--shapes", default=",".join(f"{n}x{p}" for n, p in SHAPES))
    arguments = parser.parse_args()
    shapes = [tuple(int(side) for side in shape.split("x")) for shape in arguments.shapes.split(",")]
    draws, others = arguments.draws, min(arguments.draws, arguments.others)
    bound = LEVEL + 3.0 * math.sqrt(LEVEL * (1.0 - LEVEL) / draws)
    print(f"{draws} draws (nulls other than signflip: {others}); 5 % and three binomial deviations: {bound:.1%}\n")
    print("| noise | n × p | signflip | permutation | white | coloured |")
    print("|---|---|---|---|---|---|", flush=True)
    start = time.perf_counter()
    for noise in NOISES:
        for n, p in shapes:
            found = rejections(noise, n, p, draws, others)
            shown = " | ".join(
                f"{found[null][0] / found[null][1]:.1%}" for null in ("signflip", "permutation", "white", "coloured")
            )
            print(f"| {noise} | {n} × {p} | {shown} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
