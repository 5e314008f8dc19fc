"""Nodes for codes and latents where eigenvectors of Ŷ are amplified, and several rules multiply.

A neuron of code g and coordinates s_c on K eigenvectors meets a sample's u_c in Σ_c s_c u_c. Its features change where
the step along an eigenvector, η|gμ₂θ|/√N, passes 1, and are slow functions of log |g| beyond, since norm and
coordinates both grow with it: each sign of g has a rule in asinh(g/scale). Features depend on s and u by their product,
so that two eigenvectors have radii and angles: odd numbers of angles without a common divisor, by which as many
different angles between s and u are met as there are pairs.
"""

from __future__ import annotations

import math

import numpy as np

from theory.conditional_equivalent.amplified_directions import StepOutliers
from theory.hermite import slope_moments
from theory.quadrature import gauss_hermite, gaussian_plane, half_line, tensor_gauss_hermite
from theory.statement.problem import Problem

__all__ = ["amplified_codes", "latent_nodes", "overlap_nodes", "rest_nodes"]

_SCALE = 3.0  # step along the strongest eigenvector, in units of the weight, from which log |g| counts
_KNOWN = 8  # order at which a law with the rule of the gaussian one is that
_LEAST, _MOST = 0.01, 100.0  # of the scale in g: below, no neuron is; above, g counts


def amplified_codes(problem: Problem, outliers: StepOutliers, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of g and the shares of neurons there.

    Parameters
    ----------
    problem : Problem
    outliers : StepOutliers
    order : int
        Nodes of a gaussian second layer, half of each sign; another continuous law has twice as many of its own rule.

    Returns
    -------
    g, shares : ndarray, shape (Q,)
    """
    law = problem.law_of_a
    if not np.array_equal(law.nodes(_KNOWN), gauss_hermite(_KNOWN)):
        return law.nodes(2 * order)
    strongest = float(np.max(np.abs(outliers.theta)))
    step = problem.step_size * abs(slope_moments(problem.sigma).second) * strongest / math.sqrt(problem.width)
    size, shares = half_line(order // 2, 0, min(max(_SCALE / max(step, _SCALE / _MOST), _LEAST), _MOST))
    return np.concatenate([-size[::-1], size]), 0.5 * np.concatenate([shares[::-1], shares])


def latent_nodes(count: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of a sample's coordinates on `count` eigenvectors, shape (S, count), and their weights.

    Parameters
    ----------
    count, order : int

    Returns
    -------
    u : ndarray, shape (S, count)
    weights : ndarray, shape (S,)
    """
    if count == 2:
        return gaussian_plane(order // 4 - 1, order // 2 + 1)
    return tensor_gauss_hermite(order // 2 if count == 1 else 2 + order // 8, count)


def overlap_nodes(count: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of a neuron's coordinates on `count` eigenvectors in units of their spread, shape (V, count), and weights.

    Parameters
    ----------
    count, order : int

    Returns
    -------
    shift : ndarray, shape (V, count)
    weights : ndarray, shape (V,)
    """
    if count == 2:
        return gaussian_plane(order // 4 + 1, order // 2 + 3)
    return tensor_gauss_hermite(1 + order // 2 if count == 1 else max(3, order // 4), count)


def rest_nodes(count: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of a sample's coordinate on what is left of β̂ beside `count` eigenvectors, and their weights.

    Parameters
    ----------
    count, order : int

    Returns
    -------
    u, weights : ndarray, shape (S,)
    """
    return gauss_hermite(order // 2 if count == 1 else order // 3)
