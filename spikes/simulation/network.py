"""The two-layer network at its start: f(x) = N^(-1/2) Σ_j a_j σ(⟨w_j, x⟩)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikes.simulation.seeds import derived_sequence
from theory.statement.problem import Problem

__all__ = ["Network", "initial_network"]


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


def initial_network(
    problem: Problem,
    sequence: np.random.SeedSequence,
    *,
    antisymmetric: bool = False,
    dtype: np.dtype = np.float64,
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
    if antisymmetric and (N % 2 or not law.symmetric):
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
