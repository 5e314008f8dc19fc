"""Signals of rank one in Gaussian noise: the leading eigenvalue, and what its vectors have of the signal's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import eigsh

from spikes.estimates import Estimate, estimate
from spikes.runtime.tasks import run_tasks
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from theory.statement.arguments import integer

__all__ = ["MODELS", "SpikedSample", "simulate_spike"]

MODELS = ("covariance", "information-plus-noise", "wigner")


@dataclass(frozen=True, eq=False)
class SpikedSample:
    """Leading eigenvalues of independent matrices; every array has shape (seeds,).

    Attributes
    ----------
    eigenvalues : ndarray
        Of XᵀX, or of the symmetric matrix itself.
    left_cosine2, right_cosine2 : ndarray
        Squared cosines between the leading singular vectors in R^n and R^p and the signal's.
    """

    eigenvalues: np.ndarray
    left_cosine2: np.ndarray
    right_cosine2: np.ndarray

    def eigenvalue(self) -> Estimate:
        """Mean over the seeds."""
        return estimate(self.eigenvalues)

    def cosines2(self) -> tuple[Estimate, Estimate]:
        """Means of left and right squared cosine."""
        return estimate(self.left_cosine2), estimate(self.right_cosine2)


def simulate_spike(
    model: str,
    spike: float,
    *,
    n: int,
    p: int | None = None,
    seeds: int = 20,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = 1,
) -> SpikedSample:
    """Draw matrices with one spike and find their leading eigenvalue and vectors.

    "covariance": X = ZΣ^(1/2)/√n, Σ (p, p) the identity but for one eigenvalue `spike`; the left signal is the scores
    of the samples on its direction. "information-plus-noise": X = Z/√n + `spike` u vᵀ. "wigner": (n, n) symmetric of
    variance 1/n plus `spike` u uᵀ.

    Parameters
    ----------
    model : {"covariance", "information-plus-noise", "wigner"}
    spike : float
    n, p : int
        Rows and columns; p is not used for "wigner".
    seeds : int
        Number of matrices; seed i has the i-th child of `seed`.
    seed : int, SeedSequence or Generator
    workers : int, optional

    Returns
    -------
    SpikedSample

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    if model not in MODELS:
        raise ValueError(f"`model` must be one of {', '.join(MODELS)}; got {model!r}")
    p = n if p is None else p
    n, p, seeds = integer("n", n, 2), integer("p", p, 2), check_seeds(seeds)
    if not math.isfinite(spike) or (model != "wigner" and spike < 0.0):
        raise ValueError(f"`spike` must be finite, and non-negative but for wigner; got {spike!r}")
    sequence = as_seed_sequence(seed)
    tasks = [(model, float(spike), int(n), int(p), derived_sequence(sequence, i)) for i in range(seeds)]
    return SpikedSample(*np.array(run_tasks(_run, tasks, workers=workers, label="matrices")).T)


def _run(model: str, spike: float, n: int, p: int, sequence: np.random.SeedSequence) -> tuple[float, float, float]:
    # Noise is the same in every direction, so that the signal may have that of the first coordinates.
    rng = np.random.default_rng(sequence)
    if model == "wigner":
        matrix = rng.standard_normal((n, n))
        matrix += matrix.T.copy()
        matrix *= 1.0 / math.sqrt(2.0 * n)
        matrix[0, 0] += spike
        value, vector = _leading(matrix, rng)
        return value, vector[0] ** 2, vector[0] ** 2
    x = rng.standard_normal((n, p))
    x *= 1.0 / math.sqrt(n)
    left = np.zeros(n)
    left[0] = 1.0
    if model == "covariance":
        left = x[:, 0] / np.linalg.norm(x[:, 0])
        x[:, 0] *= math.sqrt(spike)
    else:
        x[0, 0] += spike
    value, vector = _leading(x.T @ x if p <= n else x @ x.T, rng)
    other = (x if p <= n else x.T) @ vector
    other /= np.linalg.norm(other)
    u, v = (other, vector) if p <= n else (vector, other)
    return value, float(left @ u) ** 2, float(v[0]) ** 2


def _leading(matrix: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    values, vectors = eigsh(
        matrix, k=1, which="LA", tol=1e-6, ncv=min(40, len(matrix)), v0=rng.standard_normal(len(matrix))
    )
    return float(values[0]), vectors[:, 0]
