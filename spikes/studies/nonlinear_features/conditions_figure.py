"""Figure of the conditions: energies of activation and target by Hermite degree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spikes.presentation.figure import SERIES, axes_or_new, state

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.nonlinear_features.conditions import Conditions

__all__ = ["plot_conditions"]


def plot_conditions(found: Conditions, ax: Axes | None = None) -> Axes:
    """k! c_k² of the activation and k! c⋆_k² of the target against k; what vanishes is left out.

    Parameters
    ----------
    found : Conditions
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    k = np.arange(len(found.coefficients))
    factorial = np.array([math.factorial(int(n)) for n in k], dtype=float)
    for (colour, marker), values, label in (
        (SERIES[0], found.coefficients, rf"{found.activation.name}, $k!\,c_k^2$"),
        (SERIES[1], found.target_coefficients, rf"{found.target.name}, $k!\,c_k^{{\star 2}}$"),
    ):
        energy = factorial * values**2
        ax.plot(k[energy > 0.0], energy[energy > 0.0], marker, color=colour, label=label)
    ax.set_yscale("log")
    ax.set_xticks(k)
    ax.set_xlabel("degree $k$")
    ax.set_ylabel("energy")
    ax.legend(loc="upper right")
    spikes = ", ".join(map(str, found.spikes)) or "none"
    state(ax.figure, f"{found.second_layer.name} second layer, spikes of degrees {spikes}")
    return ax
