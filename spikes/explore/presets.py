"""Problems to begin with: of each of the three papers what one step shows of it, and a step that does not pay."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PRESETS", "Preset"]


class Preset(NamedTuple):
    """A problem to begin with.

    Attributes
    ----------
    name : str
    texts : dict of str to str
        Of the controls that differ from a fresh page.
    says : str
        What of the paper it is, and what to look for.
    """

    name: str
    texts: dict[str, str]
    says: str


PRESETS = (
    Preset("default problem", {}, "relu learns z and half of He₂ in one step: drag α and see a second spike leave."),
    Preset(
        "2310.07891: spikes at η ≍ n^0.29",
        {"alpha": "0.29", "n": "4000", "d": "2000", "width": "3000"},
        "The part of arXiv 2310.07891 on the spectrum: between α = 1/4 and 1/3 there are two spikes as n → ∞, the "
        "second along He₂. At this n it may not have left the bulk yet: raise α, or n, d and N together.",
    ),
    Preset(
        "2305.18270: one giant step in n ~ d",
        {
            "target": "z1 + z1*z2",
            "alpha": "0.5",
            "activation": "erf",
            "second_layer": "rademacher",
            "n": "2000",
            "d": "500",
            "width": "1000",
        },
        "The part of arXiv 2305.18270 on a single step of n ~ d samples: of a target with a staircase only the linear "
        "direction z1 is learned. Later steps and larger batches: spikes giant.",
    ),
    Preset(
        "2406.01766: the early step",
        {"target": "relu(z1) + relu(z2)", "alpha": "0.45", "n": "4000", "d": "500", "width": "800"},
        "The part of arXiv 2406.01766 that is one step, before the local analysis begins: a teacher of relu neurons, "
        "of which one step sees the mean direction alone. The end of training: spikes local.",
    ),
    Preset(
        "when does a step not pay?",
        {"target": "He2(z)", "alpha": "0.45"},
        "A target without linear part gives the step nothing to follow: it adds noise to the weights, and the test "
        "error rises. So does label noise: try the default problem with σ_ε = 2.",
    ),
)
"""In the order in which they are offered."""
