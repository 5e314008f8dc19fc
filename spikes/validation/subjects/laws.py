"""Claims of the classical toolbox: spiked maps above their threshold, Tracy and Widom's law below it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from spikes.simulation.seeds import derived_sequence
from spikes.simulation.spiked_matrices import simulate_spike
from spikes.validation.statement import Claim
from theory.laws import MarchenkoPastur, TracyWidom, wishart_edge
from theory.spiked_models import InformationPlusNoise, SpikedCovariance, SpikedWigner

__all__ = ["CLAIMS"]

_RATIO = 0.25
_MODELS = {
    "covariance": SpikedCovariance(MarchenkoPastur(_RATIO)),
    "information-plus-noise": InformationPlusNoise(MarchenkoPastur(_RATIO)),
    "wigner": SpikedWigner(),
}
_LEVELS: dict[str, Any] = {
    "levels": ((500, 200), (1000, 100), (2000, 40)),
    "quick": ((150, 200), (300, 120), (600, 60)),
}


def _drawn(model: str, spike: float, n: int, sequence: np.random.SeedSequence) -> dict[str, float]:
    sample = simulate_spike(model, spike, n=n, p=round(_RATIO * n), seeds=1, seed=derived_sequence(sequence, 0))
    return {
        "eigenvalue": float(sample.eigenvalues[0]),
        "left cos²": float(sample.left_cosine2[0]),
        "right cos²": float(sample.right_cosine2[0]),
    }


def _predict(model: str, spike: float, n: int) -> dict[str, float]:
    image = _MODELS[model].forward(spike)
    return {
        "eigenvalue": float(image.eigenvalue),
        "left cos²": float(image.left_cosine2),
        "right cos²": float(image.right_cosine2),
    }


def _largest(n: int, sequence: np.random.SeedSequence) -> float:
    """Largest eigenvalue of XᵀX, X of variance 1/n and no spike: a spike of 1 in the covariance."""
    return _drawn("covariance", 1.0, n, sequence)["eigenvalue"]


def _predict_largest(n: int) -> float:
    centre, scale = wishart_edge(n, round(_RATIO * n))
    return centre + scale * TracyWidom().statistics()[0]


def _spiked(model: str, spike: float, statement: str, source: str) -> Claim:
    return Claim(
        name=f"laws/spiked-{model}",
        statement=statement,
        source=source,
        problem=int,
        predict=partial(_predict, model, spike),
        experiment=partial(_drawn, model, spike),
        measured=f"Leading eigenvalue and squared cosines of its vectors with the signal's; spike {spike:g}.",
        **_LEVELS,
    )


CLAIMS = (
    _spiked(
        "covariance",
        3.0,
        "A population eigenvalue ℓ > 1 + √φ leaves the Marchenko-Pastur bulk for ℓ(1 + φ/(ℓ − 1)), and the sample's "
        "eigenvector keeps the squared cosine (1 − φ/(ℓ−1)²)/(1 + φ/(ℓ−1)) with the population's.",
        "Baik, Ben Arous and Péché 2005; Paul 2007",
    ),
    _spiked(
        "information-plus-noise",
        1.6,
        "A singular value θ > φ^(1/4) added to noise moves to √((1 + θ²)(φ + θ²))/θ, and both vectors keep a cosine.",
        "Benaych-Georges and Nadakuditi 2012",
    ),
    _spiked(
        "wigner",
        2.0,
        "An eigenvalue θ > 1 added to a Wigner matrix moves to θ + 1/θ with squared cosine 1 − 1/θ².",
        "Péché 2006; Benaych-Georges and Nadakuditi 2011",
    ),
    Claim(
        name="laws/tracy-widom",
        statement="The largest eigenvalue of a white Wishart matrix has the mean of Tracy and Widom's law of order 1, "
        "centred and scaled as Johnstone's edge is.",
        source="Johnstone 2001",
        problem=int,
        predict=_predict_largest,
        experiment=_largest,
        measured="Largest eigenvalue of XᵀX.",
        # the edge is of order 1 and what follows the law's mean of order n^(-4/3)
        rate=4.0 / 3.0,
        tolerance=0.01,
        **_LEVELS,
    ),
)
