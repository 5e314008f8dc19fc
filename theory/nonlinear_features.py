"""Non-linear features from one step of size η ≍ n^α: spike counts, strong-spike limits, Δ₁, Δ₂ and every ℓ.

In the proportional limit F = F₀ + Σ_{k ≤ ℓ} (c₁η)^k c_k (Xβ)^∘k (a^∘k)ᵀ + Δ with ‖Δ‖ = o(√n) for
(ℓ − 1)/(2ℓ) < α < ℓ/(2ℓ + 2), as published in arXiv 2310.07891. Where c₂ ≠ 0 and α > 1/4 that leaves a term out: the
step's noise inflates ‖w_j‖² to 1 + η²a_j²φ₀ m_y Var σ′, which He₂ turns into a multiple of a_j², of the order and with
the right vector of the second spike. The left vectors are then q_k(v) in place of v^k, v = ⟨x, β̂⟩ ~ N(0, 1), with
q_k(v) = Σ_j k!/(j!(k − 2j)! 2^j) A^j v^(k − 2j) and A = (1 − ρ²) Var σ′/c₁². Functions here use q_k;
``as_published=True`` gives v^k. Odd spans are the same either way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.hermite import hermite_coefficients
from theory.quadrature import gaussian_nodes
from theory.random_features import RandomFeatureErrors, errors_of_energies, feature_energies, initial_moments
from theory.statement.arguments import integer
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.step_labels import step_statistics

__all__ = [
    "LearnedEnergy",
    "SpikeTerm",
    "column_mean_slope",
    "critical_exponent",
    "critical_order",
    "delta_1",
    "delta_2",
    "learned_energy",
    "limit_errors",
    "norm_inflation",
    "objective_drop",
    "spike_count",
    "spike_growth",
    "spike_terms",
]

_ZERO = 1e-12  # Hermite coefficients below this are zero


def critical_exponent(ell: int) -> float:
    """The exponent (ℓ − 1)/(2ℓ) above which the ℓ-th spike leaves the bulk: 0, 1/4, 1/3, 3/8, …

    Parameters
    ----------
    ell : int
        ℓ ≥ 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ℓ is not a positive integer.

    Examples
    --------
    >>> [critical_exponent(ell) for ell in (1, 2, 4)]
    [0.0, 0.25, 0.375]
    """
    ell = integer("ell", ell, 1)
    return (ell - 1) / (2 * ell)


def _exponent(alpha: float) -> float:
    if isinstance(alpha, bool | str) or not 0.0 <= float(alpha) < 0.5:
        raise ValueError(f"`alpha` must be in [0, 0.5); got {alpha!r}")
    return float(alpha)


def critical_order(alpha: float) -> int | None:
    """The k whose spike is of the order of the bulk, neither strong nor lost, at α = (k − 1)/(2k); None elsewhere.

    Parameters
    ----------
    alpha : float

    Returns
    -------
    int or None

    Raises
    ------
    ValueError
        If α is outside [0, 1/2).
    """
    order = 1.0 / (1.0 - 2.0 * _exponent(alpha))
    nearest = round(order)
    return nearest if abs(alpha - critical_exponent(nearest)) < 1e-12 else None


def spike_count(alpha: float) -> int:
    """Number ℓ of terms that outgrow the bulk at η ≍ n^α: (ℓ − 1)/(2ℓ) < α < ℓ/(2ℓ + 2) (arXiv 2310.07891).

    At a critical exponent the term of `critical_order` is of the order of the bulk and is not counted; a term with
    c_k = 0 is counted but absent, see `spike_terms`.

    Parameters
    ----------
    alpha : float
        0 ≤ α < 1/2; at 1/2 every k takes part.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If α is outside [0, 1/2).

    Examples
    --------
    >>> [spike_count(alpha) for alpha in (0.1, 0.29, 0.36, 0.4)]
    [1, 2, 3, 4]
    """
    critical = critical_order(alpha)
    if critical is not None:
        return critical - 1
    return math.ceil(1.0 / (1.0 - 2.0 * alpha)) - 1


def spike_growth(k: int, alpha: float) -> float:
    """Exponent kα − (k − 1)/2 of n in the operator norm of the k-th term over √n.

    Parameters
    ----------
    k : int
    alpha : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    critical_exponent(k)
    return k * _exponent(alpha) - (k - 1) / 2.0


@dataclass(frozen=True)
class SpikeTerm:
    """The term strength · q(v) gᵏ of a feature, v = ⟨x, β̂⟩ the sample's latent and g = √N a the neuron's code.

    Attributes
    ----------
    k : int
    strength : float
        (c₁η‖β‖/√N)^k c_k; zero where c_k = 0.
    polynomial : tuple of float
        Coefficients of q in v, constant first.
    """

    k: int
    strength: float
    polynomial: tuple[float, ...]


def _single_index(problem: Problem) -> None:
    require_isotropic(problem, "the strong-spike limits")
    require_gradient_descent(problem, "the strong-spike limits")
    if problem.teacher.k != 1:
        raise ValueError(f"`target` must be single-index for these limits; got {problem.teacher.k} latents")


def _coefficients(problem: Problem, degree: int) -> np.ndarray:
    """c_0 … c_degree of the activation; c₁ ≠ 0."""
    c = hermite_coefficients(problem.sigma, max(degree, 1))
    if abs(c[1]) < _ZERO:
        raise ValueError(
            "`activation` must have c₁ = E σ′(Z) ≠ 0, or the step has no common direction; "
            f"{problem.sigma.name} has c₁ = 0"
        )
    return np.where(np.abs(c) < _ZERO, 0.0, c)


def norm_inflation(problem: Problem) -> float:
    """A = (1 − ρ²) Var σ′/c₁²: the step's noise in a neuron's norm, relative to what the step adds along β.

    Parameters
    ----------
    problem : Problem
        Single-index, c₁ ≠ 0.

    Returns
    -------
    float
    """
    _single_index(problem)
    c1 = _coefficients(problem, 1)[1]
    nodes, weights = gaussian_nodes(problem.sigma.kinks)
    variance = float(weights @ (problem.sigma.slope(nodes) - c1) ** 2)
    step = step_statistics(problem)
    return problem.phi0 * step.label_power / step.beta_norm2 * variance / c1**2


def column_mean_slope(problem: Problem, label_power: float | None = None) -> float:
    """c₂η²φ₀ m_y Var σ′: slope on a_j² of the mean of feature j that F_ℓ as published leaves out.

    Parameters
    ----------
    problem : Problem
        Single-index, c₁ ≠ 0.
    label_power : float, optional
        m_y of the step's batch; its limit by default.

    Returns
    -------
    float
    """
    c = _coefficients(problem, 2)
    step = step_statistics(problem)
    power = step.label_power if label_power is None else label_power
    variance = norm_inflation(problem) * c[1] ** 2 * step.beta_norm2 / (problem.phi0 * step.label_power)
    return float(c[2] * problem.step_size**2 * problem.phi0 * power * variance)


def _left_polynomial(k: int, inflation: float) -> tuple[float, ...]:
    """Coefficients of q_k; of v^k for `inflation` 0."""
    q = [0.0] * (k + 1)
    for j in range(k // 2 + 1):
        q[k - 2 * j] = math.factorial(k) / (math.factorial(j) * math.factorial(k - 2 * j) * 2.0**j) * inflation**j
    return tuple(q)


def spike_terms(
    problem: Problem, ell: int, *, as_published: bool = False, beta_norm2: float | None = None
) -> tuple[SpikeTerm, ...]:
    """The ℓ terms that F_ℓ adds to F₀.

    Parameters
    ----------
    problem : Problem
    ell : int
    as_published : bool
        Left vectors (Xβ)^∘k instead of the corrected polynomials.
    beta_norm2 : float, optional
        ‖β‖²; its limit by default.

    Returns
    -------
    tuple of SpikeTerm
    """
    _single_index(problem)
    critical_exponent(ell)
    c = _coefficients(problem, ell)
    norm2 = step_statistics(problem).beta_norm2 if beta_norm2 is None else beta_norm2
    rate = c[1] * problem.step_size * math.sqrt(norm2 / problem.width)
    inflation = 0.0 if as_published else norm_inflation(problem)
    return tuple(SpikeTerm(k, float(rate**k * c[k]), _left_polynomial(k, inflation)) for k in range(1, ell + 1))


@dataclass(frozen=True)
class LearnedEnergy:
    """What ℓ strong spikes take out of the label's energy.

    Attributes
    ----------
    linear : float
        c⋆₁²ρ², learned of the linear part.
    nonlinear : float
        E_ℓ, learned of the rest.
    linear_left, noise_left : float
        What remains for the ridge on F₀: c⋆₁²(1 − ρ²), and σ_ε² + E σ⋆² − c⋆₁² − E_ℓ.
    absent : tuple of int
        Orders k ≤ ℓ without a spike because c_k = 0.
    remark : str
        Why nothing, or not everything, is learned; empty otherwise.
    """

    linear: float
    nonlinear: float
    linear_left: float
    noise_left: float
    absent: tuple[int, ...]
    remark: str


def learned_energy(
    problem: Problem, ell: int, *, as_published: bool = False, constant_feature: bool | None = None
) -> LearnedEnergy:
    """Energy of the label in the span of the first ℓ left vectors.

    The limit of E[y | v] is Σ_k c⋆_k ρ^k He_k(v), and E_ℓ is the squared norm of its projection, in L²(N(0, 1)), on the
    span of the q_k with k ≤ ℓ and c_k ≠ 0, less the linear part c⋆₁²ρ². If every c_k ≠ 0, that is
    Σ_{odd 3 ≤ k ≤ ℓ} k! c⋆_k² ρ^(2k) and the projection of the even part on the even q_k; with a constant feature
    Σ_{2 ≤ k ≤ ℓ} k! c⋆_k² ρ^(2k).

    Parameters
    ----------
    problem : Problem
        Single-index.
    ell : int
        Number of spikes; 0 for none.
    as_published : bool
        v^k instead of q_k.
    constant_feature : bool, optional
        Whether the features span the constants; by default, whether σ is used with c₀ ≠ 0.

    Returns
    -------
    LearnedEnergy

    Raises
    ------
    ValueError
        If the target has several latents, c₁ = 0, the second layer has fewer than ℓ support points (its powers are then
        not independent), or E y ≠ 0 with E Zσ′ ≠ 0 (the first spike then has a constant part).
    """
    _single_index(problem)
    ell = integer("ell", ell, 0)
    if ell > problem.law_of_a.support:
        raise ValueError(
            f"`second_layer` must have at least {ell} support points for {ell} spikes; "
            f"{problem.law_of_a} has {problem.law_of_a.support}"
        )
    c = _coefficients(problem, max(ell, 2))
    step = step_statistics(problem)
    if abs(step.label_mean) > 1e-10 * math.sqrt(step.label_power) and c[2] != 0.0:
        raise ValueError(
            f"`target` must have mean 0 with an activation that has c₂ ≠ 0; {problem.teacher.name} has mean "
            f"{step.label_mean:.6g}, which adds a constant to the first spike"
        )
    rho, c1 = float(step.overlap[0]), float(step.linear[0])
    if constant_feature is None:
        constant_feature = feature_energies(problem)[0] != 0.0
    present = [k for k in range(1, ell + 1) if c[k] != 0.0]
    absent = tuple(k for k in range(1, ell + 1) if c[k] == 0.0)
    captured = _projection(problem, present, constant_feature, 0.0 if as_published else norm_inflation(problem))
    linear = c1**2 * rho**2 if ell else 0.0
    nonlinear = max(captured - linear, 0.0)
    left = c1**2 - linear
    if c1 == 0.0 and ell:
        remark = "c⋆₁ = 0: the direction of the step has no overlap with the target, nothing of it is learned"
    elif absent:
        remark = f"c_k = 0 for k = {', '.join(map(str, absent))}: these spikes are absent at every step size"
    else:
        remark = ""
    return LearnedEnergy(linear, nonlinear, left, step.label_power - c1**2 - nonlinear, absent, remark)


def _projection(problem: Problem, orders: list[int], constant: bool, inflation: float) -> float:
    """Squared norm of the projection of E[y | v] on the span of the q_k of some orders, in Hermite coordinates."""
    if not orders and not constant:
        return 0.0
    degree = max([*orders, 0])
    rho = float(step_statistics(problem).overlap[0])
    scale = np.sqrt([math.factorial(k) for k in range(degree + 1)])
    target = hermite_coefficients(problem.teacher, degree) * rho ** np.arange(degree + 1) * scale
    target[np.abs(target) < _ZERO * math.sqrt(step_statistics(problem).label_power)] = 0.0
    vectors = []
    for k in orders:
        padded = np.zeros(degree + 1)
        padded[: k + 1] = np.polynomial.hermite_e.poly2herme(_left_polynomial(k, inflation))
        vectors.append(padded * scale)
    if constant:
        vectors.append(np.eye(degree + 1)[0])
    # Hermite coordinates of v^k grow like √k!: orthonormalise scaled columns.
    columns = np.array([v / np.linalg.norm(v) for v in vectors]).T
    basis, _ = np.linalg.qr(columns)
    return float(np.sum((basis.T @ target) ** 2))


def limit_errors(
    problem: Problem, ell: int | None = None, *, as_published: bool = False, constant_feature: bool | None = None
) -> tuple[RandomFeatureErrors, ...]:
    """Objective, train and test error in the limit where ℓ spikes are infinitely strong, one entry for each penalty.

    The spikes are unpenalised features q_1 … q_ℓ of v = ⟨x, β̂⟩; what they leave of the label is fitted by F₀, with
    linear energy c⋆₁²(1 − ρ²) and everything else as noise.

    Parameters
    ----------
    problem : Problem
        Single-index. Ratios, activation, target, noise and penalties enter, not the step size if `ell` is given.
    ell : int, optional
        Number of spikes; `spike_count` of the problem's α by default.
    as_published, constant_feature
        See `learned_energy`.

    Returns
    -------
    tuple of RandomFeatureErrors

    Raises
    ------
    ValueError
        As `learned_energy` and `spike_count` raise.

    Notes
    -----
    The limit is approached slowly: at n = 2000 and α = 0.29 it is 6 to 10 % off, `theory.predict` within 1 %. At a
    critical exponent the spike of the bulk's own order is left out here and kept there.
    """
    ell = spike_count(problem.alpha) if ell is None else ell
    energy = learned_energy(problem, ell, as_published=as_published, constant_feature=constant_feature)
    return tuple(
        errors_of_energies(initial_moments(problem, ridge), ridge, energy.linear_left, energy.noise_left)
        for ridge in problem.ridges
    )


def objective_drop(
    problem: Problem, ell: int, as_published: bool = False, *, constant_feature: bool | None = None
) -> np.ndarray:
    """Decrease λc⋆₁²ρ²r₂ + λE_ℓ r₁ of the objective by ℓ strong spikes, against random features, shape (L,).

    With a constant feature the random features' own gain from it is not part of the decrease.

    Parameters
    ----------
    problem : Problem
        Single-index.
    ell : int
        Number of spikes.
    as_published : bool
    constant_feature : bool, optional
        See `learned_energy`.

    Returns
    -------
    ndarray, shape (L,)
        One entry for each penalty.

    Examples
    --------
    >>> from theory import Problem
    >>> problem = Problem(n=2000, d=1000, width=1500, ridge=0.1)
    >>> print(f"{objective_drop(problem, 2)[0]:.5f} {objective_drop(problem, 2, as_published=True)[0]:.5f}")
    0.19779 0.21306
    """
    energy = learned_energy(problem, ell, as_published=as_published, constant_feature=constant_feature)
    start = learned_energy(problem, 0, constant_feature=constant_feature)
    gain = energy.nonlinear - start.nonlinear
    moments = [(ridge, initial_moments(problem, ridge)) for ridge in problem.ridges]
    return np.array([ridge * (energy.linear * m.r2 + gain * m.r1) for ridge, m in moments])


def delta_1(problem: Problem) -> np.ndarray:
    """Δ₁ = ψλc⋆₁⁴m₂/(φ[c⋆₁² + φ₀(c⋆² + σ_ε²)]), the decrease of the objective by the first spike, shape (L,).

    c⋆² = E σ⋆²; published with φ₀ = φ (arXiv 2310.07891). `objective_drop` at ℓ = 1.

    Parameters
    ----------
    problem : Problem
        Single-index.

    Returns
    -------
    ndarray, shape (L,)
        One entry for each penalty.
    """
    _single_index(problem)
    _coefficients(problem, 1)
    step = step_statistics(problem)
    c1, bracket = float(step.linear[0]), step.beta_norm2
    m2 = np.array([initial_moments(problem, ridge).m2 for ridge in problem.ridges])
    return problem.psi * np.array(problem.ridges) * c1**4 * m2 / (problem.phi * bracket)


def delta_2(problem: Problem, as_published: bool = False) -> np.ndarray:
    """Δ₂, the further decrease of the objective by the second spike, shape (L,), for c⋆₀ = 0 and c₂ ≠ 0.

    4ψλc⋆₁⁴c⋆₂²m₁/((3 + 2A + A²)φ[c⋆₁² + φ₀(c⋆² + σ_ε²)]²); as published (arXiv 2310.07891) with 4/3 in place of
    4/(3 + 2A + A²) and φ₀ = φ. `objective_drop` at ℓ = 2 is Δ₁ + Δ₂.

    Parameters
    ----------
    problem : Problem
        Single-index.
    as_published : bool

    Returns
    -------
    ndarray, shape (L,)
        One entry for each penalty.
    """
    _single_index(problem)
    c = _coefficients(problem, 2)
    step = step_statistics(problem)
    c1, c2 = float(step.linear[0]), float(hermite_coefficients(problem.teacher, 2)[2])
    inflation = 0.0 if as_published else norm_inflation(problem)
    m1 = np.array([initial_moments(problem, ridge).m1 for ridge in problem.ridges])
    share = 4.0 / (3.0 + 2.0 * inflation + inflation**2) if c[2] != 0.0 else 0.0
    strength = c1**4 * c2**2 / step.beta_norm2**2
    return share * problem.psi * np.array(problem.ridges) * strength * m1 / problem.phi
