"""Laws against freealg and scikit-rmt where they are installed, and the generalised law's time for a density."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import warnings
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine, ratio

from theory.laws import (
    Discrete,
    FreeProduct,
    GeneralisedMarchenkoPastur,
    MarchenkoPastur,
    SeparableCovariance,
    TracyWidom,
)


def peers(ratio_: float, x: np.ndarray) -> dict:
    """The same density by other packages, those that are installed."""
    found = {}
    if importlib.util.find_spec("freealg"):
        from freealg.distributions import MarchenkoPastur as Freealg

        law = Freealg(ratio_)
        found["freealg"] = lambda: law.density(x)
    if importlib.util.find_spec("skrmt"):
        from skrmt.ensemble.spectral_law import MarchenkoPasturDistribution

        other = MarchenkoPasturDistribution(ratio=ratio_)
        found["scikit_rmt"] = lambda: other.pdf(x)
    return found


def report(times: dict[str, list[float]], others: dict, mine: np.ndarray) -> None:
    """A line for each package: its time, ours in it, and how far apart the densities are."""
    for name, function in others.items():
        gap = float(np.max(np.abs(np.asarray(function()) - mine)))
        milliseconds, times_ours = 1e3 * median(times[name]), ratio(times, name, "ours")
        print(f"  {name}: {milliseconds:.2f} ms, {times_ours:.1f} x ours; difference {gap:.1e}")


def tracy_widom_peers(x: np.ndarray) -> dict:
    if not importlib.util.find_spec("skrmt"):
        return {}
    from skrmt.ensemble.spectral_law import TracyWidomDistribution

    law = TracyWidomDistribution(beta=1)
    return {"scikit_rmt": lambda: law.pdf(x)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(machine())
    warnings.simplefilter("ignore")  # of the other packages
    for name in ("freealg", "skrmt"):
        if not importlib.util.find_spec(name):
            print(f"{name} is not installed: left out")

    law = MarchenkoPastur(0.5)
    x = np.linspace(0.5 * law.support[0], 1.1 * law.support[1], 100_000)
    others = peers(0.5, x)
    times = by_turns(options.repeats, ours=lambda: law.pdf(x), **others)
    print(f"Marchenko-Pastur density at 1e5 points: {1e3 * median(times['ours']):.2f} ms")
    report(times, others, law.pdf(x))

    x = np.linspace(-6.0, 4.0, 100_000)
    law = TracyWidom()
    others = tracy_widom_peers(x)
    times = by_turns(5, ours=lambda: law.pdf(x), **others)
    print(f"Tracy-Widom density at 1e5 points, table made: {1e3 * median(times['ours']):.2f} ms")
    report(times, others, law.pdf(x))

    rng = np.random.default_rng(0)
    atoms = Discrete(rng.uniform(1.0, 3.0, 100))
    for label, law in (
        ("generalised Marchenko-Pastur, 100 atoms", GeneralisedMarchenkoPastur(atoms, 0.5)),
        ("separable covariance, 100 atoms and two", SeparableCovariance(atoms, [1.0, 2.0], 0.5)),
        ("free product of Marchenko-Pastur and 100 atoms", FreeProduct(MarchenkoPastur(0.5), atoms)),
    ):
        x = np.linspace(*law.support, 400)
        times = by_turns(options.repeats, warm=lambda law=law, x=x: law.pdf(x))
        budget = " (budget 20)" if label.startswith("generalised") else ""
        print(f"{label}, 400 points, warm: {1e3 * median(times['warm']):.1f} ms{budget}")
