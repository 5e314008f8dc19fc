"""Spiked maps beside matrices: the leading eigenvalue and the squared cosines over the size of the signal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spikes.presentation.figure import axes_row, save_figure, state
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.spiked_matrices import simulate_spike
from spikes.studies.laws.figure import plot_forward
from theory.laws import MarchenkoPastur
from theory.spiked_models import InformationPlusNoise, SpikedCovariance, SpikedWigner

RATIO = 0.5
MODELS = {
    "covariance": (
        SpikedCovariance(MarchenkoPastur(RATIO)),
        (1.0, 4.0),
        r"population eigenvalue $\alpha$",
        "spiked covariance",
    ),
    "information-plus-noise": (
        InformationPlusNoise(MarchenkoPastur(RATIO)),
        (0.0, 2.2),
        r"signal $\theta$",
        "information plus noise",
    ),
    "wigner": (SpikedWigner(), (0.0, 2.6), r"signal $\theta$", "spiked Wigner"),
}


def draw(n: int, seeds: int, seed: int) -> Any:
    axes = axes_row(None, 3, 6.4, rows=2, sharex="col").reshape(2, 3)
    sequence = as_seed_sequence(seed)
    for column, (name, (model, (low, high), label, title)) in enumerate(MODELS.items()):
        spike, at = np.linspace(low, high, 301), np.linspace(low, high, 13)[1:]
        image = model.forward(spike)
        samples = [
            simulate_spike(
                name, float(s), n=n, p=round(RATIO * n), seeds=seeds, seed=derived_sequence(sequence, column, k)
            )
            for k, s in enumerate(at)
        ]
        cosines = [sample.cosines2() for sample in samples]
        threshold = model.thresholds[1] if name == "wigner" else model.threshold
        top, bottom = axes[:, column]
        values = [sample.eigenvalue() for sample in samples]
        plot_forward(spike, [("predicted eigenvalue", image.eigenvalue)], [(at, values)], threshold=threshold, ax=top)
        curves = [("left, predicted", image.left_cosine2), ("right, predicted", image.right_cosine2)]
        points = [(at, [left for left, _ in cosines]), (at, [right for _, right in cosines])]
        if name == "wigner":
            curves, points = [("predicted", image.left_cosine2)], points[:1]
        plot_forward(spike, curves, points, threshold=threshold, ax=bottom)
        size = f"$n={n}$" if name == "wigner" else f"$n={n}$, $p={round(RATIO * n)}$"
        top.set_title(f"{title}\n{size}")
        top.set_ylabel("leading eigenvalue")
        bottom.set_ylabel("squared cosine with the signal")
        bottom.set_ylim(-0.03, 1.0)
        bottom.set_xlabel(label)
        top.legend(loc="upper left", frameon=True, framealpha=1.0, edgecolor="none")
        bottom.legend(loc="lower right")
    state(axes[0, 0].figure, f"lines: limit; points: mean ± s.e. of {seeds} matrices; dotted: thresholds")
    return axes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    save_figure(
        str(Path(__file__).with_suffix(".png")), lambda: draw(options.n, options.seeds, options.seed), data=True
    )
