"""Figure of a model: the stable rank of every layer, and how many directions of it stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikes.presentation.figure import axes_or_new
from spikes.studies.checkpoints.study import CheckpointStudy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_checkpoint"]


def plot_checkpoint(study: CheckpointStudy, ax: Axes | None = None) -> Axes:
    """Directions that stand out, layer by layer in the order of the file, and those that training has added.

    Parameters
    ----------
    study : CheckpointStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax, (6.5, 3.0))
    place = np.arange(len(study.layers))
    tested = np.array([len(layer.p_values) > 0 for layer in study.layers], dtype=bool)
    spikes = np.array([layer.spikes for layer in study.layers])
    ax.plot(place[tested], spikes[tested], "o", color="#0072B2", markersize=4, label="the layer")
    if (~tested).any():
        ax.plot(place[~tested], spikes[~tested], "x", color="#8C8C8C", markersize=4, label="not tested")
    moved = [(i, layer.update.spikes) for i, layer in enumerate(study.layers) if layer.update is not None]
    if moved:
        ax.plot(*np.array(moved).T, "v", color="#D55E00", markersize=4, label="what training added")
    ax.set_ylim(-0.5, 1.15 * max(4, spikes.max(initial=0), *(count for _, count in moved), 4))
    ax.set_xlabel("layer, in the order of the file")
    ax.set_ylabel("directions that stand out")
    ax.legend(loc="upper left", ncols=3)
    return ax
