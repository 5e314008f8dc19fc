"""Calibration of the certificate: z-scores of claims that are exact at finite size, over many independent runs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from spikes.presentation.figure import save_figure
from spikes.runtime.tasks import run_tasks
from spikes.simulation.seeds import derived_sequence
from spikes.validation import registry, validate

CLAIMS = (("local/kernel", 2000, "#0072B2", "o"), ("local/population", 1000, "#D55E00", "s"))
SEEDS = 40
RUNS = 200


def z_score(name: str, size: int, sequence: np.random.SeedSequence) -> float:
    """Score of the first number of one claim: z taken through Student's law of its error to the normal one."""
    claim = replace(registry()[name], levels=((size, SEEDS),), quick=None)
    difference = validate([claim], seed=sequence, workers=1).results[0].quantities[0].differences[0]
    return float(stats.norm.ppf(stats.t.cdf(difference.z, difference.dof)))


def draw(scores: dict[str, np.ndarray]):
    """Ordered z-scores against normal quantiles, with a band that holds all of them with probability 95 %."""
    ax = plt.subplots(figsize=(5.2, 4.6), layout="constrained")[1]
    rank = np.arange(1, RUNS + 1)
    quantile = stats.norm.ppf((rank - 0.5) / RUNS)
    # the band of Kolmogorov and Smirnov's test
    half = stats.kstwo.isf(0.05, RUNS)
    share = (rank - 0.5) / RUNS
    band = [stats.norm.ppf(np.clip(share + sign * half, 1e-12, 1.0 - 1e-12)) for sign in (-1.0, 1.0)]
    ax.fill_between(quantile, *band, color="0.9", label="Kolmogorov-Smirnov, 95 %")
    ax.plot([-3, 3], [-3, 3], color="0.4", linewidth=1)
    for name, _, colour, marker in CLAIMS:
        z = np.sort(scores[name])
        test = stats.kstest(z, "norm")
        label = f"{name}: sd {z.std(ddof=1):.2f}, p = {test.pvalue:.2f}"
        ax.plot(quantile, z, marker, color=colour, markersize=3.5, markerfacecolor="none", label=label)
    ax.set_xlim(-3.2, 3.2)
    ax.set_ylim(-3.6, 3.6)
    ax.set_xlabel("quantile of the standard normal law")
    ax.set_ylabel(f"ordered z of {RUNS} runs")
    ax.legend(loc="upper left")
    return ax


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    sequence = np.random.SeedSequence(parser.parse_args().seed)
    scores = {}
    for k, (name, size, *_) in enumerate(CLAIMS):
        tasks = [(name, size, derived_sequence(sequence, k, i)) for i in range(RUNS)]
        scores[name] = np.array(run_tasks(z_score, tasks, label=name))
        z = scores[name]
        print(f"{name}: mean {z.mean():.3f}, sd {z.std(ddof=1):.3f}, largest {np.abs(z).max():.2f}")
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(scores))
