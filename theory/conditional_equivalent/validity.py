"""Where a problem lies outside what the law was measured on: one line for each reason, none inside."""

from __future__ import annotations

import math

import numpy as np

from theory.conditional_equivalent.amplified_directions import step_outliers
from theory.conditional_equivalent.covariance import CovarianceTerms, participation_ratio
from theory.conditional_equivalent.features import Terms
from theory.conditional_equivalent.resolution import MAX_DEGREE, Resolution
from theory.hermite import slope_moments
from theory.quadrature import gaussian_nodes, tensor_gauss_hermite
from theory.statement.problem import Problem
from theory.step_labels import step_statistics, unresolved_power

__all__ = ["largest_step", "validity"]

_SMALLEST = 80  # n, d and N below it were not compared with simulation
_LEAST_D = 60  # of inputs with a covariance, which was compared at digits' 61 and patches' 64
_STEP = 3.2  # η/√n₀ up to which it was
_SIGN_STEP = 2.0  # η/√N up to which the step of the sign, or of a power of the spectrum, was
_KURTOSIS = 0.25  # of a feature, in units of d
_FOURTH = 40.0  # φ₀ E y⁴/m_y² up to which the labels' tails throw no outliers of their own
_QUADRATURE = 0.02
_POWER = 0.01  # of E f⋆², by which one node less may move it
_LABEL_NODES = 40
_RATIO_BEFORE, _RATIO_AFTER = 5.0, 26.0  # participation ratios down to which it was compared before and after a step
# share of the labels' power in their mean and in the function of the norms: errors are 2 % off at .05, 4 % at .08
_OF_NORMS = 0.09
_FEW_LATENTS = 6.0  # n₀/d from which quadratic targets make outliers of Ŷ that a step amplifies


def largest_step(problem: Problem) -> float:
    """The largest η that was compared with simulation: 3.2√n₀, or 2√N for optimizers other than gradient descent.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    float
    """
    if problem.update.power == 1.0:
        return _STEP * math.sqrt(problem.n0)
    return _SIGN_STEP * math.sqrt(problem.width)


def validity(problem: Problem, resolution: Resolution) -> tuple[str, ...]:
    """Reasons to doubt the law for a problem.

    Parameters
    ----------
    problem : Problem
    resolution : Resolution
        Of the same problem.

    Returns
    -------
    tuple of str
        One sentence each; empty where the law was found to hold.

    Examples
    --------
    >>> from theory import Problem
    >>> from theory.conditional_equivalent.resolution import resolve
    >>> problem = Problem(n=2000, d=1000, width=1500, eta=300.0)
    >>> print(validity(problem, resolve(problem, 2))[0])
    η = 300 is 6.7√n₀ = n₀^0.75, a step of an exponent above 1/2; up to 3.2√n₀ was compared with simulation
    """
    reasons = []
    terms = resolution.terms
    if isinstance(terms, CovarianceTerms):
        reasons += covariance_validity(problem, terms)
    least = {"n": _SMALLEST, "d": _LEAST_D if isinstance(terms, CovarianceTerms) else _SMALLEST, "N": _SMALLEST}
    small = [
        (f"{name} = {value}", least[name])
        for name, value in (("n", problem.n), ("d", problem.d), ("N", problem.width))
        if value < least[name]
    ]
    if small:
        sizes = ", ".join(said for said, _ in small)
        reasons.append(f"{sizes}: sizes below {min(size for _, size in small)} were not compared with simulation")
    eta, n0 = problem.step_size, problem.n0
    if problem.update.power != 1.0 and eta > 0.0:
        reasons += _of_optimizer(problem)
    elif eta > _STEP * math.sqrt(n0):
        exponent = math.log(eta) / math.log(n0)
        reasons.append(
            f"η = {eta:.4g} is {eta / math.sqrt(n0):.1f}√n₀ = n₀^{exponent:.2f}, a step of an exponent above 1/2; up "
            f"to {_STEP:g}√n₀ was compared with simulation"
        )
    if terms.degree >= 3:
        beyond = ", the highest resolved" if terms.degree == MAX_DEGREE else ""
        reasons.append(
            f"n/d = {problem.n / problem.d:.4g} brings out features of degree {terms.degree}{beyond}; degrees 1 and 2 "
            "were compared with simulation"
        )
    elif problem.n / problem.d > 0.5 * problem.d**2:
        reasons.append(
            f"n = {problem.n} is beyond d³/2 = {0.5 * problem.d**3:.4g}: degrees above 2 were not compared "
            "with simulation"
        )
    nodes, weights = gaussian_nodes(problem.sigma.kinks)
    value = problem.sigma(nodes)
    value = value - weights @ value
    kurtosis = float(weights @ value**4) / float(weights @ value**2) ** 2
    if kurtosis > _KURTOSIS * problem.d:
        reasons.append(
            f"features of {problem.sigma.name} have kurtosis {kurtosis:.3g} at d = {problem.d}: their tails throw "
            "outliers that no law of means and variances holds"
        )
    step = step_statistics(problem)
    heavy = problem.phi0 * step.label_fourth / step.label_power**2
    if eta > 0.0 and heavy > _FOURTH:
        reasons.append(
            f"the labels' fourth moment, φ₀E y⁴/(E y²)² = {heavy:.3g}, is large: single samples make outliers of "
            "their own in the step"
        )
    if isinstance(terms, Terms) and terms.amplified:
        reasons.append(
            "the step amplifies eigenvectors of X₀ᵀdiag(y₀)X₀/n₀ to the size of the latents: test errors up to "
            "8 % and train errors up to 17 % off the simulated ones were seen there"
        )
    coarse = unresolved_power(problem.teacher)
    if coarse > _POWER:
        reasons.append(
            f"the rule for the target's {problem.teacher.k} latents leaves {100.0 * coarse:.2g} % of E f⋆² open: it is "
            "made for smooth targets"
        )
    if resolution.unresolved > _QUADRATURE:
        reasons.append(
            f"the last refinement of the quadrature still moved an error by {100.0 * resolution.unresolved:.2g} %"
        )
    return tuple(reasons)


def covariance_validity(problem: Problem, terms: CovarianceTerms) -> list[str]:
    """Reasons to doubt the law for inputs with a covariance: few directions, or terms that it has not.

    Parameters
    ----------
    problem : Problem
    terms : CovarianceTerms

    Returns
    -------
    list of str
    """
    reasons = []
    ratio = participation_ratio(problem.eigenvalues)
    moved = problem.step_size > 0.0
    least, when = (_RATIO_AFTER, "after a step") if moved else (_RATIO_BEFORE, "without a step")
    if ratio < 0.95 * least:
        reasons.append(
            f"the inputs have the participation ratio {ratio:.3g}: down to {least:g} was compared with simulation "
            f"{when}"
        )
    mean, along = _norm_shares(problem)
    if mean + along > _OF_NORMS:
        reasons.append(
            f"{100.0 * (mean + along):.2g} % of the labels' power is in their mean and in the quadratic function that "
            "goes with the norms of inputs and neurons: the law was seen 2 to 40 % too low there"
            + ("; centre the labels" if mean > along else "")
        )
    if moved and not terms.overlaps:
        reasons.append(
            f"the target has {problem.teacher.k} latents: a neuron's own overlap with them, which the step multiplies, "
            "is resolved for one"
        )
    return reasons


def norm_share(problem: Problem) -> float:
    """Share of the labels' power in their mean and along Σ_c s_c(ξ_c² − 1)/√(2Σs²), the function of a sample's norm.

    A neuron of large |Σ^(1/2)w| has a large mean and a large part along that function, and the two go together, which
    the law takes to be independent. With Q = E g(z)(zzᵀ − 1) the part of the target along it is
    Σ_c s_c²(W⋆ᵀQW⋆)_cc/√(2Σs²).

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    float

    Examples
    --------
    >>> problem = Problem(n=200, d=100, width=100, covariance="power:1.0", target="z - 1", noise=1.0)
    >>> print(f"{norm_share(problem):.3f}")
    0.333
    """
    return sum(_norm_shares(problem))


def _norm_shares(problem: Problem) -> tuple[float, float]:
    """That of the mean, and that along the function."""
    z, weights = tensor_gauss_hermite(_LABEL_NODES, problem.teacher.k)
    values, s, W = weights * problem.teacher(z), problem.eigenvalues, problem.directions
    power = float(values @ problem.teacher(z)) + problem.noise**2
    quadratic = (z * values[:, None]).T @ z - values.sum() * np.eye(problem.teacher.k)
    along = float(np.sum(s**2 * np.einsum("rc,rt,tc->c", W, quadratic, W))) / math.sqrt(2.0 * float(s @ s))
    return float(values.sum()) ** 2 / power, along**2 / power


def _of_optimizer(problem: Problem) -> list[str]:
    """Reasons to doubt the law of a step other than gradient descent."""
    reasons, eta = [], problem.step_size
    if eta > largest_step(problem) * (1.0 + 1e-9):
        reasons.append(
            f"η = {eta:.4g} is {eta / math.sqrt(problem.width):.2g}√N; with optimizer {problem.optimizer} up to "
            f"{_SIGN_STEP:g}√N was compared with simulation"
        )
    outliers = step_outliers(problem)
    if (
        abs(slope_moments(problem.sigma).second) > 1e-12
        and problem.n0 >= _FEW_LATENTS * problem.d
        and len(outliers.theta)
    ):
        reasons.append(
            f"n₀ = {problem.n0} ≥ {_FEW_LATENTS:g}d: eigenvectors of X₀ᵀdiag(y₀)X₀/n₀ stand out, which with optimizer "
            f"{problem.optimizer} are counted as noise"
        )
    if problem.update.kind == "spectral" and problem.n0 < min(problem.d, problem.width):
        reasons.append(
            f"n₀ = {problem.n0} is the gradient's rank, below d and N: powers of singular values of zero were not "
            "compared with simulation"
        )
    return reasons
