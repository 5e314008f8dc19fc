"""What a step does to the law of the weights: the variance of every neuron's coordinates, given the batch.

Given the batch, neuron b has moved by hμ₂Ŷw and by noise of covariance h²φ₀ Var₂ M/d, h = ηg_b/√N: its weights have the
covariance V_b/d with V_b = (I + hμ₂Ŷ)² + h²φ₀Var₂M, M = X₀ᵀ diag(y₀²) X₀/n₀, and the norm κ_b² = tr V_b/d. For μ₂ = 0
only M is seen, and its law is exact. Otherwise Ŷ and M do not commute, and the classes of coordinates are those of the
measure tr(P_Ŷ(dy) P_M(dμ))/d, which has both marginals exact: v(b; y, μ) = [(1 + hμ₂y)² + h²φ₀Var₂μ]/κ_b².
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.hermite import slope_moments
from theory.statement.problem import Problem
from theory.step_labels import step_statistics
from theory.step_matrix import noise_law, step_law

__all__ = ["VarianceProfiles", "gradient_noise", "norms_after", "profile_at", "slope_orders", "variance_profiles"]

_UNSEEN = 1e-6  # variance of v over coordinates below which one class of coordinates does
_SPLIT = 1e-4  # the same for the variance that M has given Ŷ
_PART = 0.3  # of a coordinate; a class of less goes to its neighbour
_RARE = 0.02  # weight on β̂ and the ξ̂ together of an outermost node below which it goes to its neighbour
_PRODUCT = 3  # nodes of a coordinate in the products that make up the higher degrees


@dataclass(frozen=True, eq=False)
class VarianceProfiles:
    """Variance profile of the linear coordinates, of mean one for every code.

    Attributes
    ----------
    kappa : ndarray, shape (Q,)
        Norm of a neuron after the step.
    classes, weights : ndarray, shape (J, Q) and (J,)
        v at the classes of coordinates, and their shares.
    joint_classes, joint_weights : ndarray, shape (J', Q) and (J', 1 + k, 1 + k)
        The same for the matrix measure on β̂, ξ̂_1 … ξ̂_k.
    joint_nodes : ndarray, shape (J',)
        Values of Ŷ at the latter.
    bounded : bool
        Whether the classes are one point; the law of M has no edge where the labels have none.
    """

    kappa: np.ndarray
    classes: np.ndarray
    weights: np.ndarray
    joint_classes: np.ndarray
    joint_weights: np.ndarray
    joint_nodes: np.ndarray
    bounded: bool

    def without_rare(self) -> tuple[np.ndarray, np.ndarray]:
        """The matrix rule with its rare nodes joined to others."""
        if len(self.joint_weights) == 1:
            return self.joint_classes, self.joint_weights
        return _merged(self.joint_classes, self.joint_weights, _RARE)

    def products(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Classes of the products of `degree` coordinates: profile (J, Q) and weights (J,)."""
        if len(self.weights) == 1:
            return np.ones((1, len(self.kappa))), np.ones(1)
        few, shares = _condensed(self.classes, self.weights)
        picks = list(itertools.combinations_with_replacement(range(len(shares)), degree))
        ways = [math.factorial(degree) / math.prod(math.factorial(pick.count(i)) for i in set(pick)) for pick in picks]
        profile = np.array([np.prod(few[list(pick)], axis=0) for pick in picks])
        weights = np.array([way * np.prod(shares[list(pick)]) for way, pick in zip(ways, picks, strict=True)])
        return profile, weights


def _condensed(classes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes in `_PRODUCT` groups of about equal spread, each at its mean."""
    size = classes @ np.ones(classes.shape[1])
    order = np.argsort(size)
    through = np.cumsum((weights * np.abs(size - weights @ size))[order])
    group = np.minimum((_PRODUCT * through / through[-1] - 1e-9).astype(int), _PRODUCT - 1)
    shares = np.bincount(group, weights[order], _PRODUCT)
    kept = shares > 0.0
    means = np.array([np.bincount(group, (weights * column)[order], _PRODUCT) for column in classes.T]).T
    return means[kept] / shares[kept, None], shares[kept]


def _merged(profile: np.ndarray, weights: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The rule with its rarest classes joined to those of the nearest variance until each has a trace of `least`.

    Less than one coordinate is a matter of chance, and a rare class far out makes a narrow pole of the resolvent on
    the functions of the latents, which splits an outlier in two where it falls beside one. The mean of v stays.
    """
    logs = np.log(profile + 1e-9)
    traces = weights if weights.ndim == 1 else np.trace(weights, axis1=1, axis2=2)
    while len(profile) > 1:
        rare = int(np.argmin(traces))
        if traces[rare] >= least:
            break
        distance = np.sum(np.abs(logs - logs[rare]), axis=1)
        distance[rare] = np.inf
        into = int(np.argmin(distance))
        both = traces[rare] + traces[into]
        joined = (traces[rare] * profile[rare] + traces[into] * profile[into]) / both
        weight = weights[into] + weights[rare]
        kept = np.flatnonzero(np.arange(len(profile)) != rare)
        profile, weights, traces, logs = profile[kept], weights[kept], traces[kept], logs[kept]
        into -= into > rare
        profile[into], weights[into], traces[into], logs[into] = joined, weight, both, np.log(joined + 1e-9)
    return profile, weights


def slope_orders(problem: Problem, gradient_order: int) -> tuple[float, float]:
    """μ₂ where Ŷ is kept and 0 where it is not, and the variance of σ′ that is left for the noise.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        1 drops Ŷ.

    Returns
    -------
    second, rest : float
    """
    slopes = slope_moments(problem.sigma)
    if gradient_order == 2 and abs(slopes.second) > 1e-12:
        return slopes.second, slopes.rest
    return 0.0, slopes.variance


def norms_after(problem: Problem, h: np.ndarray, gradient_order: int) -> np.ndarray:
    """κ_b = (1 + 2hμ₂E y + h²[μ₂²(φ₀m_y + (E y)²) + φ₀m_yVar₂])^(1/2).

    Parameters
    ----------
    problem : Problem
    h : ndarray, shape (Q,)
        ηg_b/√N at the codes.
    gradient_order : {1, 2}
        1 drops Ŷ, so that Var σ′ takes the place of Var₂.

    Returns
    -------
    ndarray, shape (Q,)
    """
    step = step_statistics(problem)
    power = problem.phi0 * step.label_power
    second, rest = slope_orders(problem, gradient_order)
    from_matrix = 2.0 * h * second * step.label_mean + h**2 * second**2 * (power + step.label_mean**2)
    return np.sqrt(1.0 + from_matrix + h**2 * power * rest)


def gradient_noise(problem: Problem, gradient_order: int, *, noise: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Law over directions of the gradient's own noise, Ŷ's part with it: μ₂²y² + φ₀Var₂μ over its mean.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        1 drops Ŷ.
    noise : bool
        Whether M has its own law or is its mean m_y I.

    Returns
    -------
    values, weights : ndarray, shape (J,)
    """
    second, rest = slope_orders(problem, gradient_order)
    power = step_statistics(problem).label_power
    if second == 0.0 and not noise:
        return np.ones(1), np.ones(1)
    law = step_law(problem) if second != 0.0 else noise_law(problem)
    y = np.repeat(law.nodes, 2)
    mu = law.noise_nodes.ravel() if noise else np.full(len(y), power)
    weights = (law.weights[:, None] * law.noise_weights).ravel()
    values = second**2 * y**2 + problem.phi0 * rest * mu
    return values / (weights @ values), weights


def profile_at(problem: Problem, h: np.ndarray, kappa: np.ndarray, y: np.ndarray) -> np.ndarray:
    """v(b; y) for noise of the same variance in all directions, where the gradient keeps Ŷ.

    Parameters
    ----------
    problem : Problem
    h, kappa : ndarray, shape (Q,)
    y : ndarray, shape (J,)
        Values of Ŷ.

    Returns
    -------
    ndarray, shape (J, Q)
    """
    second, rest = slope_orders(problem, 2)
    scatter = h**2 * problem.phi0 * rest * step_statistics(problem).label_power
    return ((1.0 + second * np.multiply.outer(y, h)) ** 2 + scatter) / kappa**2


def variance_profiles(
    problem: Problem,
    h: np.ndarray,
    shares: np.ndarray,
    gradient_order: int,
    *,
    noise: bool = True,
    flatten: Callable[[np.ndarray], np.ndarray] | None = None,
) -> VarianceProfiles:
    """Norms and variance profiles of the neurons after the step.

    Parameters
    ----------
    problem : Problem
    h : ndarray, shape (Q,)
        ηg_b/√N at the codes.
    shares : ndarray, shape (Q,)
        Their shares of the neurons; terms that move v by nothing seen are left out.
    gradient_order : {1, 2}
        1 drops Ŷ.
    noise : bool
        Whether M has its own law or is its mean m_y I.
    flatten : callable, optional
        From values of `gradient_noise` to the factor by which a step shortens what it makes of the gradient there.

    Returns
    -------
    VarianceProfiles
    """
    step = step_statistics(problem)
    power = problem.phi0 * step.label_power
    second, rest = slope_orders(problem, gradient_order)
    matrix = second != 0.0
    scatter = h**2 * problem.phi0 * rest
    kappa2 = norms_after(problem, h, gradient_order) ** 2
    fourth = problem.phi0 * step.label_fourth  # Var M
    from_noise = float(shares @ (scatter**2 * fourth / kappa2**2)) if noise else 0.0
    from_matrix = float(shares @ ((2.0 * h * second) ** 2 * power / kappa2**2)) + from_noise
    block = 1 + problem.teacher.k
    if not h.any() or (from_matrix < _UNSEEN and not matrix):
        still = np.ones((1, len(h)))
        return VarianceProfiles(np.sqrt(kappa2), still, np.ones(1), still, np.eye(block)[None], np.zeros(1), True)
    law = step_law(problem) if matrix else noise_law(problem)
    mean = power * rest + second**2 * (power + step.label_mean**2)

    def profile(y: np.ndarray, mu: np.ndarray) -> np.ndarray:
        if flatten is not None:
            factor = flatten((second**2 * y**2 + problem.phi0 * rest * mu) / mean)
            y, mu = factor * y, factor**2 * mu
        return ((1.0 + second * np.multiply.outer(y, h)) ** 2 + np.multiply.outer(mu, scatter)) / kappa2

    joint_noise = law.joint_noise if noise else np.full(len(law.joint_noise), step.label_power)
    joint, joint_weights = profile(law.joint_nodes, joint_noise), law.joint_weights
    given = np.sum(law.noise_nodes * law.noise_weights, axis=1)
    if not noise:
        flat = np.full(len(law.nodes), step.label_power)
        return VarianceProfiles(
            np.sqrt(kappa2), profile(law.nodes, flat), law.weights, joint, joint_weights, law.joint_nodes, False
        )
    if not matrix or from_noise < _SPLIT:
        classes, weights = profile(law.nodes, given), law.weights
    else:
        classes = profile(np.repeat(law.nodes, 2), law.noise_nodes.ravel())
        weights = (law.weights[:, None] * law.noise_weights).ravel()
    if flatten is not None:  # the norm is what the classes say
        size = weights @ classes
        classes, joint, kappa2 = classes / size, joint / size, kappa2 * size
    classes, weights = _merged(classes, weights, min(0.1, (_PART if matrix else 1e-3) / problem.d))
    return VarianceProfiles(np.sqrt(kappa2), classes, weights, joint, joint_weights, law.joint_nodes, False)
