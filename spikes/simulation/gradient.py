"""One giant gradient step on the first layer, in row blocks: two matrix products and one fused pass between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import svds

from spikes.runtime.running_products import add_product
from spikes.simulation.how import ALONE, How
from spikes.simulation.kernels import ActivationKernels
from spikes.simulation.network import Network
from spikes.simulation.row_sums import sum_over_rows
from spikes.simulation.samples import LabelledRows, over_blocks
from theory.statement.problem import Problem

__all__ = [
    "BLOCK",
    "Gradient",
    "Step",
    "StepDirection",
    "giant_step",
    "gradient",
    "overflow",
    "rank_one_share",
    "step_direction",
]

BLOCK = 512
"""Rows of a block: large enough for the products, small enough for the pre-activations to stay near the processor."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """What one batch says of the first layer.

    Attributes
    ----------
    rows : ndarray, shape (N, d)
        (1/n₀) diag(a) [σ′(X₀Wᵀ) ∘ (r1ᵀ)]ᵀ X₀: the step moves W by η times this.
    beta : ndarray, shape (d,)
        X₀ᵀy₀/n₀.
    label_power : float
        Mean of y² over the batch.
    """

    rows: np.ndarray
    beta: np.ndarray
    label_power: float

    def step(self, network: Network, eta: float) -> Step:
        """The network after a step of size η; the rows are overwritten by its first layer."""
        W = self.rows
        W *= eta
        W += network.W
        return Step(Network(W, network.a), self.beta, self.label_power)


def overflow(what: str, dtype: str | np.dtype) -> ArithmeticError:
    """What to raise where numbers of a simulation are infinite or nan."""
    wider = " or `dtype` float64" if np.dtype(dtype) == np.float32 else ""
    return ArithmeticError(
        f"the {what} left the range of {np.dtype(dtype)}: take a smaller step (`alpha`, `scale`, `eta`), "
        f"smaller labels (`target`, `noise`){wider}"
    )


def rank_one_share(matrix: np.ndarray) -> float:
    """Share of the squared Frobenius norm that the largest singular value of a matrix carries; nan for zero."""
    norm = float(np.linalg.norm(matrix))
    if norm == 0.0:
        return math.nan
    if not math.isfinite(norm):
        raise overflow("norm of the gradient", matrix.dtype)
    largest = svds(matrix, k=1, v0=np.ones(min(matrix.shape), matrix.dtype), return_singular_vectors=False)
    return (float(largest[0]) / norm) ** 2


class StepDirection(NamedTuple):
    """The direction that the step adds to every neuron, measured where the inputs vary.

    Attributes
    ----------
    unit : ndarray, shape (d,)
        β̂, of which ⟨x, β̂⟩ has variance one.
    norm2 : float
        ‖β‖² for isotropic inputs, ‖Σ^(1/2)β‖² for others.
    overlap : ndarray, shape (k,)
        Correlation of ⟨x, β̂⟩ with the target's latents.
    """

    unit: np.ndarray
    norm2: float
    overlap: np.ndarray


def step_direction(problem: Problem, beta: np.ndarray) -> StepDirection:
    """β̂ of a problem's inputs from β = X₀ᵀy₀/n₀.

    Parameters
    ----------
    problem : Problem
    beta : ndarray, shape (d,)

    Returns
    -------
    StepDirection

    Raises
    ------
    ArithmeticError
        If β vanishes.
    """
    norm2 = float(beta @ beta) if problem.law_of_x is None else float(problem.eigenvalues @ beta**2)
    if norm2 == 0.0:
        raise ArithmeticError("the direction of the step, the mean of y x over its samples, vanishes")
    unit = beta / math.sqrt(norm2)
    if problem.law_of_x is None:
        return StepDirection(unit, norm2, unit[: problem.teacher.k].copy())
    return StepDirection(unit, norm2, problem.directions @ (problem.eigenvalues * unit))


@dataclass(frozen=True, eq=False)
class Step:
    """What the step did.

    Attributes
    ----------
    network : Network
        With the new first layer W₁ and the old second one.
    beta : ndarray, shape (d,)
        β = X₀ᵀy₀/n₀, the direction common to all neurons.
    label_power : float
        Mean of y² over the batch of the step.
    """

    network: Network
    beta: np.ndarray
    label_power: float


def gradient(
    network: Network,
    kernels: ActivationKernels,
    samples: LabelledRows,
    *,
    interacting: bool = True,
    how: How = ALONE,
) -> Gradient:
    """(1/n₀) diag(a) [σ′(X₀Wᵀ) ∘ (r1ᵀ)]ᵀ X₀ with r = y₀ − f(X₀), in row blocks: memory does not grow with n₀.

    Parameters
    ----------
    network : Network
        W (N, d) and a (N,).
    kernels : ActivationKernels
        Their shift is subtracted from σ in f.
    samples : LabelledRows
        The batch, n₀ rows.
    interacting : bool
        False leaves f out of the residual, as if other neurons made it vanish.
    how : How

    Returns
    -------
    Gradient

    Raises
    ------
    ArithmeticError
        If it leaves the range of its type.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # refused below, with the remedy
        total, beta, power = sum_over_rows(_sums, samples, (network, kernels, interacting), how=how)
    total /= samples.rows
    if not (math.isfinite(power) and np.isfinite(total).all() and np.isfinite(beta).all()):
        raise overflow("gradient", network.W.dtype)
    return Gradient(np.asarray(total), np.asarray(beta / samples.rows), float(power / samples.rows))


def _sums(
    samples: LabelledRows,
    threads: int,
    network: Network,
    kernels: ActivationKernels,
    interacting: bool,
) -> tuple[np.ndarray, np.ndarray, float]:
    """n₀ times the gradient's rows, β and the power of the labels."""
    W, a = network.W, network.a
    N, d = W.shape
    size, scale = min(BLOCK, samples.rows), 1.0 / math.sqrt(N) if interacting else 0.0
    parts = [
        _Part(np.empty((size, N), W.dtype), np.empty(size, W.dtype), np.zeros_like(W), np.zeros(d))
        for _ in range(threads)
    ]

    def visit(slot: int, _: slice, X: np.ndarray, y: np.ndarray) -> None:
        part = parts[slot]
        block, r = part.H[: len(y)], part.r[: len(y)]
        np.dot(X, W.T, out=block)
        kernels.backward(block, a, scale, y, r)
        add_product(part.gradient, block, X)
        part.beta += y @ X
        part.power += float(y @ y)

    over_blocks(samples, BLOCK, visit, threads=threads, dtype=W.dtype)
    total, beta, power = parts[0].gradient, parts[0].beta, parts[0].power
    for part in parts[1:]:
        total += part.gradient
        beta += part.beta
        power += part.power
    return total, beta, power


def giant_step(
    network: Network,
    kernels: ActivationKernels,
    samples: LabelledRows,
    eta: float,
    *,
    how: How = ALONE,
) -> Step:
    """W₁ = W₀ + (η/n₀) diag(a) [σ′(X₀W₀ᵀ) ∘ (r1ᵀ)]ᵀ X₀ with r = y₀ − f(X₀).

    Parameters
    ----------
    network : Network
        W₀ (N, d) and a (N,).
    kernels : ActivationKernels
        Their shift is subtracted from σ in f.
    samples : LabelledRows
        The fresh batch, n₀ rows.
    eta : float
        η in the mean-field convention: the step is −η√N times the gradient of (1/2n₀) Σ (y − f)².
    how : How

    Returns
    -------
    Step
    """
    return gradient(network, kernels, samples, how=how).step(network, eta)


@dataclass(eq=False)
class _Part:
    """Buffers and sums of one thread."""

    H: np.ndarray
    r: np.ndarray
    gradient: np.ndarray
    beta: np.ndarray
    power: float = 0.0
