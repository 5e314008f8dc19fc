"""A generalised Marchenko-Pastur law with three bulk components, its spikes, and the map that predicts them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FixedLocator

from spikes.presentation.figure import BULK, MEASURED, SPIKE, THEORY, axes_row, save_figure, scaled, state
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.studies.laws.figure import plot_density, plot_spike_marks
from theory.laws import Discrete, GeneralisedMarchenkoPastur
from theory.spiked_models import SpikedCovariance

ATOMS, WEIGHTS, RATIO = (1.0, 3.0, 10.0), (0.5, 0.3, 0.2), 0.05
SPIKES = (0.5, 1.8, 5.5, 17.0)  # left of the bulk, in both gaps, right of it


def sample_eigenvalues(p: int, rng: np.random.Generator) -> np.ndarray:
    """Eigenvalues of one Gaussian sample covariance, in increasing order."""
    bulk = np.repeat(ATOMS, [round(w * (p - len(SPIKES))) for w in WEIGHTS])
    t = np.concatenate([bulk, SPIKES])
    x = rng.standard_normal((round(p / RATIO), len(t))) * np.sqrt(t / round(p / RATIO))
    return np.linalg.eigvalsh(x.T @ x)


def draw(p: int, seeds: int, seed: int) -> Any:
    model = SpikedCovariance(GeneralisedMarchenkoPastur(Discrete(ATOMS, WEIGHTS), RATIO))
    law, image = model.bulk, model.forward(np.array(SPIKES))
    sequence = as_seed_sequence(seed)
    values = np.stack(
        [sample_eigenvalues(p, np.random.default_rng(derived_sequence(sequence, i))) for i in range(seeds)]
    )
    # the rank of each spike among all eigenvalues is that of its place between the bands
    below = np.searchsorted(
        np.sort(np.concatenate([np.repeat(ATOMS, [round(w * (p - 4)) for w in WEIGHTS]), SPIKES])), SPIKES
    )
    simulated, bulk = values[:, below], np.delete(values, below, axis=1)

    left, right = axes = axes_row(None, 2, 4.2, width_ratios=(1.5, 1.0))
    curves = []
    for low, high in law.bands:
        x = low + (high - low) * np.sin(np.linspace(0.0, 0.5 * np.pi, 300)) ** 2
        curves.append((np.log(x), x * law.pdf(x)))
    plot_density(curves, np.log(bulk.ravel()), bins=np.linspace(math.log(0.35), math.log(21.0), 121), ax=left)
    plot_spike_marks(np.log(image.eigenvalue), np.log(simulated), ax=left)
    ticks = (0.5, 1, 2, 3, 5, 10, 20)
    left.set_xticks(np.log(ticks), [f"{t:g}" for t in ticks])
    left.set_xlabel(r"sample eigenvalue $x$")
    left.set_ylabel(r"$x\,\rho(x)$, density of $\ln x$")
    left.set_title(r"population $\{1, 3, 10\}$ of weights 0.5, 0.3, 0.2, and four spikes")
    left.set_ylim(0.0, 1.25 * left.get_ylim()[1])
    left.legend(loc="upper right", ncols=2)

    for k, (low, high) in enumerate(model.detaching):
        alpha = np.linspace(max(low, 0.2), min(high, 25.0), 400)[1:-1]
        right.plot(
            alpha, law.inverse_map(alpha)[0], color=THEORY, label=r"$\psi(\alpha)$, detached" if k == 0 else None
        )
    for k, ((low, high), (first, last)) in enumerate(zip(law.bands, law.critical_points, strict=True)):
        label = "band, and the spikes it hides" if k == 0 else None
        right.fill_between([first, last], low, high, color=BULK, label=label, linewidth=0)
    right.plot(ATOMS, law.ppf(np.array([0.25, 0.65, 0.9])), "x", color=MEASURED, label="population atoms")
    right.errorbar(
        SPIKES,
        simulated.mean(axis=0),
        simulated.std(axis=0, ddof=1) / math.sqrt(seeds),
        fmt="o",
        color=SPIKE,
        markerfacecolor="white",
        markersize=scaled(5.0),
        capsize=2,
        label="simulated spikes ± s.e.",
    )
    right.set_xscale("log")
    right.set_yscale("log")
    ticks = (0.2, 0.5, 1, 2, 5, 10, 20)
    for axis in (right.xaxis, right.yaxis):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: "")
    right.set_xlim(0.2, 25.0)
    right.set_xlabel(r"population eigenvalue $\alpha$")
    right.set_ylabel("sample eigenvalue")
    right.set_title("where a population eigenvalue goes")
    right.legend(loc="upper left")
    state(left.figure, f"a Gaussian sample covariance, p/n = {RATIO:g}, p = {p}, {seeds} matrices")
    return axes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--p", type=int, default=404)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    save_figure(
        str(Path(__file__).with_suffix(".png")), lambda: draw(options.p, options.seeds, options.seed), data=True
    )
