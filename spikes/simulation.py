"""A problem and a seed in, measured quantities out."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from spikes.data import Samples, as_seed_sequence, derived_sequence
from spikes.features import feature_matrix, squared_errors
from spikes.giant_step import BLOCK, giant_step
from spikes.kernels import activation_kernels
from spikes.network import initial_network
from spikes.ridge import RidgePath, ridge_path
from spikes.spectra import GramSpectrum, gram_spectrum, hermite_alignment, left_vectors
from theory.problem import Activation, Problem

__all__ = ["LEADING", "Simulation", "activation_mean", "check_memory", "simulate"]

LEADING = 8
"""Number of leading left singular vectors whose alignment is measured."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Measured quantities of one run.

    Attributes
    ----------
    problem : Problem
    eigenvalues : ndarray, shape (min(n, N),)
        Eigenvalues of FFᵀ/n that are not zero by dimension, in decreasing order.
    alignment : ndarray, shape (K, 5)
        ⟨û_i, He_k(u)/√k!⟩/√n of the K leading left singular vectors with k = 0 … 4, each vector signed to make its
        largest entry positive.
    beta_norm2 : float
        ‖β‖² of the realised β = X₀ᵀy₀/n₀.
    overlap : ndarray, shape (k,)
        Overlap of β̂ with the target's directions.
    label_power : float
        Mean of y² over the fitted samples.
    ridge, objective, train_error, test_error : ndarray, shape (L,)
        The test error is a mean over `test_samples` fresh samples.
    objective_before, train_error_before, test_error_before : ndarray, shape (L,)
        The same on the same data with the first layer before the step.
    test_samples : int
    """

    problem: Problem
    eigenvalues: np.ndarray
    alignment: np.ndarray
    beta_norm2: float
    overlap: np.ndarray
    label_power: float
    ridge: np.ndarray
    objective: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    objective_before: np.ndarray
    train_error_before: np.ndarray
    test_error_before: np.ndarray
    test_samples: int

    @property
    def singular_values(self) -> np.ndarray:
        """Singular values of F/√n in decreasing order."""
        return np.sqrt(self.eigenvalues)

    @property
    def rank(self) -> int:
        """Number of eigenvalues above rounding."""
        return int(np.sum(self.eigenvalues > 1e-12 * self.eigenvalues[0]))


def simulate(
    problem: Problem,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    *,
    test_samples: int = 8192,
    antisymmetric: bool = False,
    threads: int = 1,
) -> Simulation:
    """Take one giant gradient step, build the features, decompose them and fit the ridge, once.

    Everything is drawn afresh: the network, n₀ samples for the step, n for the features, `test_samples` for the test
    error. The same seed gives the same bits, whatever else runs beside it.

    Parameters
    ----------
    problem : Problem
    seed : int, SeedSequence or Generator
    test_samples : int
        Fresh samples on which the test error is evaluated.
    antisymmetric : bool
        Start from paired neurons of opposite a, so that f is exactly 0 before the step. The features of a pair differ
        by the step alone, which the theory does not describe.
    threads : int
        Threads for the matrix products and the kernels. A product may round differently on another number.

    Returns
    -------
    Simulation

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the matrices do not fit in memory.
    """
    if isinstance(test_samples, bool) or not isinstance(test_samples, int | np.integer) or test_samples < 2:
        raise ValueError(f"`test_samples` must be an integer of at least 2; got {test_samples!r}")
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
        raise ValueError(f"`threads` must be a positive integer; got {threads!r}")
    check_memory(problem)
    sequence = as_seed_sequence(seed)
    kernels = activation_kernels(problem.sigma)
    shift = activation_mean(problem.sigma) if problem.centered else 0.0
    previous = numba.get_num_threads()
    with threadpool_limits(int(threads)):
        numba.set_num_threads(min(int(threads), numba.config.NUMBA_NUM_THREADS))
        try:
            return _run(problem, sequence, kernels, shift, int(test_samples), antisymmetric)
        finally:
            numba.set_num_threads(previous)


def _run(problem, sequence, kernels, shift, test_samples, antisymmetric) -> Simulation:
    def samples(stream: int, rows: int) -> Samples:
        return Samples(problem, derived_sequence(sequence, stream), rows)

    start = initial_network(problem, sequence, antisymmetric=antisymmetric)
    step = giant_step(start, kernels, shift, samples(2, problem.n0), problem.step_size)
    norm2 = float(step.beta @ step.beta)
    direction = step.beta / np.sqrt(norm2)
    fitted, ridges = samples(3, problem.n), np.array(problem.ridges)

    def fit(W: np.ndarray) -> tuple[GramSpectrum, RidgePath, np.ndarray, float]:
        made = feature_matrix(W, kernels, shift, fitted, direction)
        spectrum = gram_spectrum(made.F)
        leading = left_vectors(made.F, spectrum, min(LEADING, len(spectrum.eigenvalues)))
        path = ridge_path(made.F, made.y, spectrum, ridges)
        return spectrum, path, hermite_alignment(leading, made.u), float(made.y @ made.y) / problem.n

    _, before, _, _ = fit(start.W)
    spectrum, after, alignment, power = fit(step.network.W)
    layers = [(start.W, before.readouts), (step.network.W, after.readouts)]
    (test_before, _), (test, _) = squared_errors(layers, kernels, shift, samples(4, test_samples))
    return Simulation(
        problem=problem,
        eigenvalues=spectrum.eigenvalues,
        alignment=alignment,
        beta_norm2=norm2,
        overlap=direction[: problem.teacher.k].copy(),
        label_power=power,
        ridge=ridges,
        objective=after.objective,
        train_error=after.train_error,
        test_error=test,
        objective_before=before.objective,
        train_error_before=before.train_error,
        test_error_before=test_before,
        test_samples=test_samples,
    )


@lru_cache(maxsize=32)
def activation_mean(activation: Activation) -> float:
    """E σ(Z), by Gauss-Legendre rules of 400 nodes between the kinks."""
    ends = [-12.0, *[x for x in activation.kinks if -12.0 < x < 12.0], 12.0]
    x, w = np.polynomial.legendre.leggauss(400)
    total = 0.0
    for low, high in itertools.pairwise(ends):
        half = 0.5 * (high - low)
        z = low + half * (1.0 + x)
        total += half * float(w @ (activation(z) * np.exp(-0.5 * z**2)))
    return total / math.sqrt(2.0 * math.pi)


def check_memory(problem: Problem, copies: int = 1) -> None:
    """Refuse a problem whose matrices do not fit in the memory that is free.

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    n, d, N = problem.n, problem.d, problem.width
    small = min(n, N)
    entries = n * N + 4 * small**2 + 3 * N * d + 3 * BLOCK * (d + N)
    needed, free = 8.0 * entries * copies / 2**30, _free_gib()
    if needed > free:
        at_once = f" for {copies} runs at once" if copies > 1 else ""
        raise ValueError(
            f"`n`, `d` and `width` must fit in memory: n = {n}, d = {d}, width = {N} need about {needed:.3g} GiB"
            f"{at_once}, {free:.3g} GiB are free"
        )


def _free_gib() -> float:
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":") for line in lines)
        return int(fields["MemAvailable"].split()[0]) / 2**20
    except (OSError, KeyError, ValueError):  # not Linux: all that is installed
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
