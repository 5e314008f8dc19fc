"""The laws beside sampled spectra: eigenvalues of the matching random matrices under the density of each law."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.linalg import eigvalsh_tridiagonal

from spikes.estimates import Estimate
from spikes.presentation.figure import SERIES, axes_row, plot_points, save_figure, state
from spikes.studies.laws.figure import plot_density
from theory.laws import (
    FreeProduct,
    FreeSum,
    MarchenkoPastur,
    Semicircle,
    SeparableCovariance,
    TracyWidom,
    Wachter,
    kesten_mckay,
)

LAWS = {
    "semicircle": Semicircle(),
    r"Marchenko–Pastur, $\gamma=2$": MarchenkoPastur(2.0),
    r"Wachter, $p/n_1=0.5$, $p/n_2=0.6$": Wachter(0.5, 0.6),
    r"Kesten–McKay, $d=4$": kesten_mckay(4),
    r"semicircle $\boxplus$ $\{-1.5,\ 1.5\}$": FreeSum(Semicircle(), [-1.5, 1.5]),
    r"Wachter $\boxtimes$ $\{1,\ 8\}$": FreeProduct(Wachter(0.5, 0.6), [1.0, 8.0]),
    r"separable $\{1,\ 4\}$, $\{1,\ 3\}$, $\gamma=0.1$": SeparableCovariance([1.0, 4.0], [1.0, 3.0], 0.1),
}


def regular_graph(rng: np.random.Generator, vertices: int, degree: int) -> np.ndarray:
    """Eigenvalues of a union of random perfect matchings, less the largest, which is the degree."""
    adjacency = np.zeros((vertices, vertices))
    for _ in range(degree):
        pairs = rng.permutation(vertices).reshape(-1, 2)
        adjacency[pairs[:, 0], pairs[:, 1]] += 1.0
        adjacency[pairs[:, 1], pairs[:, 0]] += 1.0
    return np.linalg.eigvalsh(adjacency)[:-1]


def largest_eigenvalues(rng: np.random.Generator, beta: int, n: int, count: int) -> np.ndarray:
    """Largest eigenvalues of β-ensembles from their tridiagonal form, on the scale of the Tracy-Widom laws."""
    kept = min(n, round(12.0 * n ** (1.0 / 3.0)))  # the largest eigenvalue lives on the first n^(1/3) coordinates
    values = np.empty(count)
    for i in range(count):
        diagonal = np.sqrt(2.0) * rng.standard_normal(kept)
        below = np.sqrt(rng.chisquare(beta * np.arange(n - 1, n - kept, -1)))
        last = (kept - 1, kept - 1)
        values[i] = eigvalsh_tridiagonal(diagonal, below, select="i", select_range=last)[0]
    size = n + 0.5 - 1.0 / beta
    scores = (values / np.sqrt(beta) - 2.0 * np.sqrt(size)) * size ** (1.0 / 6.0)
    return 2.0 ** (1.0 / 6.0) * scores if beta == 4 else scores  # Tracy and Widom's scale of the fourth


def draw(size: int, seed: int) -> Any:
    axes = axes_row(None, 2, 9.6, rows=4)
    for k, ((name, law), ax) in enumerate(zip(LAWS.items(), axes, strict=False)):
        rng = np.random.default_rng([seed, k])
        samples = regular_graph(rng, min(size, 2000), 4) if "Kesten" in name else law.rvs(size, rng)
        curves = []
        for low, high in law.bands:
            x = low + (high - low) * np.sin(np.linspace(0.0, 0.5 * np.pi, 300)) ** 2
            curves.append((x[1:-1], law.pdf(x[1:-1])))
        inside = samples
        for place, _ in law.atoms:
            inside = inside[np.abs(inside - place) > 1e-8]
        low, high = law.support
        bins = np.linspace(low - 0.03 * (high - low), high + 0.03 * (high - low), 61)
        counted = np.concatenate([inside, np.full(len(samples) - len(inside), np.inf)])  # atoms count in the norm only
        plot_density(curves, counted, atoms=law.atoms, bins=bins, ax=ax)
        ax.set_title(name)
        ax.set_xlabel("eigenvalue")
        ax.set_ylabel("density")
    _draw_largest(axes[-1], size, seed)
    axes[1].legend(loc="upper right")
    state(axes[0].figure, f"lines: laws; filled and points ± s.e.: eigenvalues of {size} sampled")
    return axes


def _draw_largest(ax: Axes, size: int, seed: int) -> None:
    """Largest eigenvalues of three ensembles, as densities in bins with their errors, under the Tracy-Widom laws."""
    x = np.linspace(-6.0, 4.0, 300)
    edges = np.linspace(-6.0, 4.0, 51)
    for beta, (colour, marker) in zip((1, 2, 4), SERIES, strict=False):
        scores = largest_eigenvalues(np.random.default_rng([seed, 10 + beta]), beta, 1000, size)
        share, width = np.histogram(scores, edges)[0] / size, edges[1] - edges[0]
        values = [Estimate(p / width, np.sqrt(p * (1.0 - p) / size) / width, size) for p in share]
        centres = 0.5 * (edges[1:] + edges[:-1])
        plot_points(ax, centres, values, colour=colour, marker=marker, hollow=True, markersize=2.5)
        ax.plot(x, TracyWidom(beta).pdf(x), color=colour, label=rf"$\beta={beta}$")
    ax.set_ylim(0.0, None)
    ax.set_title("Tracy–Widom, of the largest eigenvalue")
    ax.set_xlabel("scaled largest eigenvalue")
    ax.set_ylabel("density")
    ax.legend(loc="upper right")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(options.size, options.seed), dpi=170, data=True)
