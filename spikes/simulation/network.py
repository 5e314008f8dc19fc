"""The two-layer network f(x) = N^(-1/2) Σ_j a_j σ(⟨w_j, x⟩): its first layer, and both at their start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikes.simulation.kernels import ActivationKernels
from spikes.simulation.seeds import derived_sequence
from theory.statement.problem import Problem

__all__ = ["Layer", "Network", "can_be_paired", "initial_network"]


@dataclass(frozen=True, eq=False)
class Layer:
    """A first layer with its activation, which makes features x ↦ σ(Wx) − shift.

    Attributes
    ----------
    W : ndarray, shape (N, d)
    kernels : ActivationKernels
        With the shift.
    """

    W: np.ndarray
    kernels: ActivationKernels

    def features(self, X: np.ndarray, out: np.ndarray) -> None:
        """Write σ(XWᵀ) − shift into `out` (n, N)."""
        np.dot(X, self.W.T, out=out)
        self.kernels.activate(out)


@dataclass(frozen=True, eq=False)
class Network:
    """First and second layer.

    Attributes
    ----------
    W : ndarray, shape (N, d)
        Rows w_j; on the unit sphere at the start.
    a : ndarray, shape (N,)
        a_j, of order N^(-1/2).
    """

    W: np.ndarray
    a: np.ndarray


def can_be_paired(problem: Problem) -> bool:
    """Whether neurons can come in pairs of opposite a: an even width and a law that is that of its opposite."""
    return problem.width % 2 == 0 and problem.law_of_a.symmetric


def initial_network(
    problem: Problem,
    sequence: np.random.SeedSequence,
    *,
    antisymmetric: bool = False,
    dtype: npt.DTypeLike = np.float64,
) -> Network:
    """Draw w_j uniformly on the sphere and √N a_j from the problem's law.

    Parameters
    ----------
    problem : Problem
    sequence : SeedSequence
    antisymmetric : bool
        Give neuron j + N/2 the weights of neuron j and the opposite a, so that the network starts at f = 0.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If `antisymmetric` is asked of an odd width or of a second layer whose law is not that of its opposite.
    """
    N, law = problem.width, problem.law_of_a
    if antisymmetric and not can_be_paired(problem):
        raise ValueError(
            "`antisymmetric` must go with an even width and a second layer of both signs with equal odds; "
            f"got width {N} and {law}"
        )
    drawn = N // 2 if antisymmetric else N
    generator = np.random.Generator(np.random.SFC64(derived_sequence(sequence, 0)))
    W = generator.standard_normal((drawn, problem.d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    generator = np.random.Generator(np.random.SFC64(derived_sequence(sequence, 1)))
    code = law.draw(generator, drawn)
    if antisymmetric:
        W, code = np.concatenate([W, W]), np.concatenate([code, -code])
    return Network(W.astype(dtype, copy=False), (code / math.sqrt(N)).astype(dtype))
