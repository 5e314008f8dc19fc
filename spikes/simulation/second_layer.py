"""The second layer by ridge regression on fresh data, from normal equations summed in row blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.kernels import ActivationKernels
from spikes.simulation.ridge import shifted_solutions
from spikes.simulation.samples import LabelledRows

__all__ = ["fit_second_layer"]


def fit_second_layer(
    W: np.ndarray,
    kernels: ActivationKernels,
    shift: float,
    samples: LabelledRows,
    ridges: Sequence[float],
    *,
    threads: int = 1,
) -> np.ndarray:
    """Minimise (1/n)‖y − Fa‖² + λ‖a‖² for F = σ(XWᵀ) − shift, at every λ; memory does not grow with n.

    Parameters
    ----------
    W : ndarray, shape (N, d)
    samples : LabelledRows
        The batch, n rows.
    ridges : sequence of float
        Penalties λ > 0. Normal equations square the condition number: they want λ well above 1e-12 of the largest
        eigenvalue of FᵀF/n.
    threads : int
        Threads that share the blocks of rows.

    Returns
    -------
    ndarray, shape (N, L)
        Readouts â(λ) in columns.
    """
    equations = FeatureStream(W, kernels, shift, samples, threads).normal_equations()
    return shifted_solutions(equations.gram, equations.moment, ridges)
