"""Calibration of the certificate: z-scores of two claims that are exact at finite size, over many independent runs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from spikes.presentation.figure import BAND, GUIDE, SERIES, axes_or_new, save_figure, scaled, state
from spikes.runtime.tasks import run_tasks
from spikes.simulation.seeds import derived_sequence
from spikes.validation import registry, validate

CLAIMS = (("local/kernel", 2000), ("local/population", 1000))
SEEDS = 40
RUNS = 200


def z_score(name: str, size: int, sequence: np.random.SeedSequence) -> float:
    """Score of the first number of one claim: z taken through Student's law of its error to the normal one."""
    claim = replace(registry()[name], levels=((size, SEEDS),), quick=None)
    difference = validate([claim], seed=sequence, workers=1).results[0].quantities[0].differences[0]
    return float(stats.norm.ppf(stats.t.cdf(difference.z, difference.dof)))


def draw(scores: dict[str, np.ndarray]):
    """Ordered z-scores against normal quantiles, with a band that holds all of them with probability 95 %."""
    ax = axes_or_new(None, (6.0, 5.0))
    rank = np.arange(1, RUNS + 1)
    quantile = stats.norm.ppf((rank - 0.5) / RUNS)
    # the band of Kolmogorov and Smirnov's test
    half = stats.kstwo.isf(0.05, RUNS)
    share = (rank - 0.5) / RUNS
    band = [stats.norm.ppf(np.clip(share + sign * half, 1e-12, 1.0 - 1e-12)) for sign in (-1.0, 1.0)]
    ax.fill_between(quantile, *band, color=BAND, label="Kolmogorov-Smirnov, 95 %")
    ax.plot([-3, 3], [-3, 3], **GUIDE)
    for (name, size), (colour, marker) in zip(CLAIMS, SERIES, strict=False):
        z = np.sort(scores[name])
        test = stats.kstest(z, "norm")
        label = f"{name}, size {size}: sd {z.std(ddof=1):.2f}, p = {test.pvalue:.2f}"
        ax.plot(quantile, z, marker, color=colour, markersize=scaled(3.5), markerfacecolor="none", label=label)
    ax.set_xlim(-3.2, 3.2)
    ax.set_ylim(-3.6, 5.0)  # room for the legend above the points
    ax.set_yticks(range(-3, 4))
    ax.set_xlabel("quantile of the standard normal law")
    ax.set_ylabel(f"ordered z of {RUNS} runs")
    ax.legend(loc="upper left")
    state(
        ax.figure,
        f"two of the three claims that are exact at every size, {RUNS} independent runs of {SEEDS} seeds; "
        "p: Kolmogorov and Smirnov's test against the normal law",
    )
    return ax


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    sequence = np.random.SeedSequence(parser.parse_args().seed)
    scores = {}
    for k, (name, size) in enumerate(CLAIMS):
        tasks = [(name, size, derived_sequence(sequence, k, i)) for i in range(RUNS)]
        scores[name] = np.array(run_tasks(z_score, tasks, label=name))
        z = scores[name]
        print(f"{name}: mean {z.mean():.3f}, sd {z.std(ddof=1):.3f}, largest {np.abs(z).max():.2f}")
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(scores), data=True)
