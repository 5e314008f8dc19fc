"""How a step moves the neurons of every code: along the direction that all share, and by noise.

The pre-activation of a neuron of code b at a sample of latent u = ⟨x, ĥ⟩ is τ + κZ, τ = strength · along_b · u. Of
κ² − 1 the part that is linear in the gradient's own noise carries the batch's covariance and the matrix Ŷ, as a
gradient step of size h_b would. Gradient descent moves by h_b = ηg_b/√N alone; the sign and the powers of the spectrum
follow `theory.optimizers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.noise_law import gradient_noise
from theory.hermite import slope_moments
from theory.statement.problem import Problem
from theory.step_labels import step_statistics

__all__ = ["Motion", "motion"]


@dataclass(frozen=True, eq=False)
class Motion:
    """What a step does to the neurons of each code.

    Attributes
    ----------
    codes, shares : ndarray, shape (Q,)
        g_b and their shares of the neurons.
    strength : float
    along : ndarray, shape (Q,)
        The shift along ĥ is strength · along.
    h : ndarray, shape (Q,)
        Size of the gradient step that makes the part of the noise that the batch shapes.
    flatten : callable, optional
        Factor of what the step makes of the gradient's noise, see `variance_profiles`.
    overlap : ndarray, shape (k,)
        Of ĥ with the target's directions.
    """

    codes: np.ndarray
    shares: np.ndarray
    strength: float
    along: np.ndarray
    h: np.ndarray
    flatten: Callable[[np.ndarray], np.ndarray] | None
    overlap: np.ndarray


def motion(problem: Problem, codes: np.ndarray, shares: np.ndarray, *, gradient_order: int, noise: bool) -> Motion:
    """The motion of neurons of codes g_b = √N a_j.

    Parameters
    ----------
    problem : Problem
    codes, shares : ndarray, shape (Q,)
    gradient_order : {1, 2}
    noise : bool
        Whether the step's noise has the covariance of the batch.

    Returns
    -------
    Motion
        For ``sign`` with the codes ±1, and 0 where the second layer has it.
    """
    rule, step = problem.update, step_statistics(problem)
    size = problem.step_size / math.sqrt(problem.width)
    if rule.power == 1.0 or problem.step_size == 0.0:
        h = problem.step_size * codes / math.sqrt(problem.width)
        strength = 0.0 if step.fitted else slope_moments(problem.sigma).c1 * math.sqrt(step.beta_norm2)
        return Motion(codes, shares, strength, h, h, None, step.overlap)
    from theory.optimizers import sign_statistics, spectral_noise, spectral_signal  # a plain step loads none of it

    if rule.kind == "sign":
        of = sign_statistics(problem, gradient_order=gradient_order)
        signs, inverse = np.unique(np.sign(codes), return_inverse=True)
        shares = np.bincount(inverse, shares)
        h = signs * (size * of.slope / of.spread)
        return Motion(signs, shares, math.sqrt(of.mean_square), size * signs, h, None, of.overlap)
    values, weights = gradient_noise(problem, gradient_order, noise=noise)
    of_noise = spectral_noise(problem, codes, shares, values, weights)
    spread = sign_statistics(problem, gradient_order=gradient_order).spread
    h = np.sign(codes) * size * np.sqrt(of_noise.norms) * spread ** (rule.power - 1.0)
    order = np.argsort(values)

    def flatten(at: np.ndarray) -> np.ndarray:
        return np.interp(at, values[order], of_noise.factors[order])

    return Motion(codes, shares, spectral_signal(problem), size * codes, h, flatten, step.overlap)
