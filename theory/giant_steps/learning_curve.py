"""Ridge regression after one giant step of n = O(d²) samples on labels without their linear part: the learning curve.

With the linear part of the labels gone, the step is α_j(μ₂Ŷw_j + ε_j), α_j = ηa_j, Ŷ = X₀ᵀ diag(r) X₀/n₀. The outlier
eigenvectors of Ŷ, which hold the target's directions, are amplified to O(1): the samples' coordinates u on them are
latents, and the features are conditioned on u as in `theory.conditional_equivalent`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.conditional_equivalent.features import EquivalentFeatures, feature_moments
from theory.conditional_equivalent.fixed_point import Equations, equations, jacobian, solve
from theory.giant_steps.activation_moments import activation_moments
from theory.quadrature import gauss_hermite, gaussian_nodes, tensor_gauss_hermite
from theory.statement.problem import Problem
from theory.step_matrix import StepStatistics, latent_rule, step_statistics

__all__ = ["READOUTS", "LearningPrediction", "StepSpectrum", "predict_learning", "step_spectrum"]

READOUTS = ("exact", "ols", "none")
"""What the second layer's labels lose before the fit, and its predictions gain: their exact mean and linear part, a
least-squares fit on [1, x] to the same batch, or nothing."""

_BULK = 6  # nodes of the bulk of Ŷ: doubling them changes errors by less than 1e-4 of their size
_LATENT_ORDER = {0: 1, 1: 30, 2: 14, 3: 9}
_SHIFT_ORDER = {0: 1, 1: 12, 2: 7, 3: 5}
_CODE_ORDER = {0: 24, 1: 24, 2: 8, 3: 6}  # the rules together leave errors of about 1 %
_REST_ORDER = {2: 30, 3: 16}
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class StepSpectrum:
    """Spectrum of Ŷ for labels r without linear part: a bulk, and outliers that hold the target's directions.

    Attributes
    ----------
    edges : (float, float)
        Of the bulk.
    outliers : ndarray, shape (K,)
        Eigenvalues θ_c clear of the bulk.
    overlap : ndarray, shape (k, K)
        Columns W⋆u_c for the outliers' unit eigenvectors u_c.
    nodes, weights : ndarray, shape (J,)
        A rule for the bulk of the spectral law.
    joint_weights : ndarray, shape (J, k, k)
        At the same nodes, the bulk of the matrix measure on (I − RRᵀ)^(-1/2)(W⋆ − R u), R = `overlap`; of mass I.
    power : float
        E r².
    """

    edges: tuple[float, float]
    outliers: np.ndarray
    overlap: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    joint_weights: np.ndarray
    power: float


@dataclass(frozen=True, eq=False)
class LearningPrediction:
    """Errors of ridge regression on the features after the step, at each penalty.

    Attributes
    ----------
    ridge : tuple of float
    test_error, train_error, objective : ndarray, shape (L,)
        Noise included; with an ``ols`` readout the test error counts the error of that fit.
    spectrum : StepSpectrum
    """

    ridge: tuple[float, ...]
    test_error: np.ndarray
    train_error: np.ndarray
    objective: np.ndarray
    spectrum: StepSpectrum


# The spectrum of Ŷ ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Labels:
    """Nodes of the label r (L,), their weights, the latents (L, k), and φ₀."""

    r: np.ndarray
    w: np.ndarray
    z: np.ndarray
    phi0: float

    def zeta(self, m: complex | np.ndarray) -> complex | np.ndarray:
        """ζ(m) = −1/m + E[r/(1 + φ₀ r m)], the inverse of the transform."""
        return -1.0 / m + np.sum(self.w * self.r / (1.0 + self.phi0 * self.r * m))

    def slope(self, m: float) -> float:
        """m² dζ/dm."""
        return 1.0 - self.phi0 * float(self.w @ (m * self.r / (1.0 + self.phi0 * self.r * m)) ** 2)

    def on_target(self, m: complex) -> np.ndarray:
        """E[r(zzᵀ − I)/(1 + φ₀ r m)], shape (k, k)."""
        weight = self.w * self.r / (1.0 + self.phi0 * self.r * m)
        return (self.z.T * weight) @ self.z - weight.sum() * np.eye(self.z.shape[1])


def _labels(problem: Problem) -> _Labels:
    """The law of the label less its mean and linear part, cut where n₀ samples hold less than one label."""
    z, w, g = latent_rule(problem.teacher)
    rest = g - w @ g - z @ ((w * g) @ z)
    x, p = gauss_hermite(7 if problem.noise > 0.0 else 1)
    r = (rest[:, None] + problem.noise * x).ravel()
    w = np.outer(w, p).ravel()
    z = np.repeat(z, len(x), axis=0)
    order = np.argsort(-np.abs(r))
    seen = np.sort(order[np.cumsum(w[order]) * problem.n0 > 1.0])
    return _Labels(r[seen], w[seen] / w[seen].sum(), z[seen], problem.phi0)


def step_spectrum(problem: Problem) -> StepSpectrum:
    """Bulk and outliers of Ŷ = X₀ᵀ diag(r) X₀/n₀, r the labels without mean and linear part, at the problem's n₀ and d.

    The labels' law is cut where n₀ samples hold less than one label: polynomial labels have no edge, a sample has.
    An outlier θ = ζ(m) solves det(I + m E[r(zzᵀ − I)/(1 + φ₀ r m)]) = 0 at a real m outside the bulk; its overlap with
    the eigenvector v there is 1/(1 − κ′(θ)), κ = vᵀE[r zzᵀ/(1 + φ₀ r m)]v.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepSpectrum

    Raises
    ------
    ValueError
        If nothing is left of the labels.
    ArithmeticError
        If the bulk does not come out with mass 1 within 10 %, or its transform does not converge.
    """
    z, w, g = latent_rule(problem.teacher)
    rest = g - w @ g - z @ ((w * g) @ z)
    power = float(w @ rest**2) + problem.noise**2
    if not power > 1e-12 * (float(w @ g**2) + problem.noise**2):
        raise ValueError(f"`target` must have more than a linear part; {problem.teacher.name} has no other")
    labels = _labels(problem)
    k = problem.teacher.k
    edges, found = [], []
    for sign in (-1.0, 1.0):  # m < 0 right of the bulk, m > 0 left of it
        worst = float(np.max(-sign * labels.r))
        limit = 1.0 / (labels.phi0 * worst) if worst > 0.0 else 1e6 / math.sqrt(labels.phi0 * power)
        last = limit * (1.0 - 1e-9)
        if labels.slope(sign * last) < 0.0:
            last = brentq(lambda m, sign=sign: labels.slope(sign * m), 1e-9 * limit, last, xtol=1e-14 * limit)
        edges.append(float(labels.zeta(sign * last)))
        for i in range(k):

            def gap(m: float, i: int = i, sign: float = sign) -> float:
                return 1.0 + sign * m * float(np.linalg.eigvalsh(labels.on_target(sign * m))[i])

            near = last * (1.0 - 1e-7)
            if gap(near) < 0.0:
                m = sign * brentq(gap, 1e-9 * limit, near, xtol=1e-13 * limit)
                v = np.linalg.eigh(labels.on_target(m))[1][:, i]
                pull = (labels.r * (labels.z @ v) / (1.0 + labels.phi0 * labels.r * m)) ** 2
                change = -labels.phi0 * float(labels.w @ pull) * m**2 / labels.slope(m)
                found.append((float(labels.zeta(m)), v / math.sqrt(1.0 - change)))
    left, right = edges[1], edges[0]
    outliers = np.array([theta for theta, _ in found])
    overlap = np.array([v for _, v in found]).T if found else np.zeros((k, 0))
    nodes, weights, joint = _bulk(labels, left, right, power)
    root = _inverse_root(np.eye(k) - overlap @ overlap.T)
    joint = root @ joint @ root
    # the mass is I up to what outliers of different θ share, and the rule's own error
    scale = _inverse_root(joint.sum(axis=0))
    return StepSpectrum((left, right), outliers, overlap, nodes, weights, scale @ joint @ scale, power)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _bulk(labels: _Labels, left: float, right: float, power: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chebyshev nodes on the bulk, exact for semicircles times polynomials; the masses of ν and of ν on W⋆."""
    angle = math.pi * np.arange(1, _BULK + 1) / (_BULK + 1)
    half = 0.5 * (right - left)
    x = 0.5 * (left + right) + half * np.cos(angle)
    m = np.empty(_BULK, complex)
    for j, point in enumerate(x):
        value = 1j / half
        for height in half * 0.5 ** np.arange(0, 22):
            value = _transform(labels, point + 1j * height, value)
        m[j] = value
    spacing = half * np.sin(angle) * math.pi / (_BULK + 1) / math.pi
    k = labels.z.shape[1]
    on_target = np.stack([value * np.linalg.inv(np.eye(k) + value * labels.on_target(value)) for value in m])
    weights, joint = m.imag * spacing, on_target.imag * spacing[:, None, None]
    if abs(weights.sum() - 1.0) > 0.1:
        raise ArithmeticError(
            f"the bulk of the law of Ŷ came out with mass {weights.sum():.3f}: for this number of samples it is too "
            "far from a semicircle, or the labels' tails are too heavy; raise `n`"
        )
    weights = weights / weights.sum()
    centred = x - weights @ x  # mean 0 and variance φ₀ E r² are known
    return centred * math.sqrt(labels.phi0 * power / (weights @ centred**2)), weights, joint


def _transform(labels: _Labels, zeta: complex, m: complex) -> complex:
    """Newton for 1 + ζm = m E[r/(1 + φ₀ r m)] from a start in the upper half plane."""
    for _ in range(100):
        factor = labels.r / (1.0 + labels.phi0 * labels.r * m)
        f = 1.0 + zeta * m - m * np.sum(labels.w * factor)
        slope = zeta - np.sum(labels.w * factor) + m * labels.phi0 * np.sum(labels.w * factor**2)
        moved = m - f / slope
        moved = moved if moved.imag > 0.0 else complex(m.real, 0.5 * m.imag)
        if abs(moved - m) < 1e-13 * abs(m):
            return moved
        m = moved
    raise ArithmeticError(
        f"the transform of the law of Ŷ at {zeta:.6g} did not converge: residual {abs(f):.2g}; change `n` a little"
    )


# The features ---------------------------------------------------------------------------------------------------------


def _features(problem: Problem, spectrum: StepSpectrum, preprocessing: str, readout: str) -> EquivalentFeatures:
    """The equivalent features given the latents u, codes (g, s): s_j are the neuron's coordinates on the outliers."""
    sigma, d, K = problem.sigma, problem.d, len(spectrum.outliers)
    moments = activation_moments(sigma)
    mu2, rest = float(moments.c[2]), float(moments.slope[2] - moments.c[1] ** 2 - moments.c[2] ** 2)
    # a least-squares fit on the step's batch takes the share (d + 1)/n₀ of the labels' power along
    share = 1.0 - (d + 1) / problem.n0 if preprocessing == "ols" else 1.0
    scatter = problem.phi0 * spectrum.power * rest * share
    u, omega = tensor_gauss_hermite(_LATENT_ORDER[K], K) if K else (np.zeros((1, 0)), np.ones(1))
    seen = problem.n * omega > _NEGLIGIBLE
    u, omega = u[seen], omega[seen] / omega[seen].sum()
    g, p = _codes(problem, _CODE_ORDER[K])
    alpha = problem.step_size * g / math.sqrt(problem.width)
    shift, q = tensor_gauss_hermite(_SHIFT_ORDER[K], K) if K else (np.zeros((1, 0)), np.ones(1))
    size = np.sqrt(((1.0 + np.multiply.outer(alpha, mu2 * spectrum.outliers)) ** 2 + scatter * alpha[:, None] ** 2) / d)
    s = (size[:, None, :] * shift).reshape(len(alpha) * len(q), K)
    neurons = problem.width * np.outer(p, q).ravel()
    alpha = np.repeat(alpha, len(q))
    kept = neurons > _NEGLIGIBLE
    s, alpha, neurons = s[kept], alpha[kept], neurons[kept] * (problem.width / neurons[kept].sum())
    profile = (1.0 + mu2 * np.multiply.outer(spectrum.nodes, alpha)) ** 2 + scatter * alpha**2
    kappa2 = spectrum.weights @ profile
    m, A, B = feature_moments(sigma, u @ s.T, np.sqrt(kappa2))
    if problem.centered:
        m = m - moments.c[0]
    y1, y2, t = _label_moments(problem, spectrum.overlap, u, readout)
    step = step_statistics(problem)
    return EquivalentFeatures(
        n=float(problem.n),
        d=float(d),
        u=u,
        latent_weights=omega,
        g=alpha,
        neurons=neurons,
        m=m,
        A=A,
        B=B,
        profile=profile / kappa2,
        profile_weights=spectrum.weights,
        joint_profile=profile / kappa2,
        joint_weights=spectrum.joint_weights,
        y1=y1,
        y2=y2,
        t=t,
        step=StepStatistics(step.label_mean, step.label_power, step.linear, step.beta_norm2, step.overlap),
        sharp_right=False,
        sharp_left=False,
    )


def _codes(problem: Problem, order: int) -> tuple[np.ndarray, np.ndarray]:
    return (np.ones(1), np.ones(1)) if problem.step_size == 0.0 else problem.law_of_a.nodes(order)


def _label_moments(
    problem: Problem, overlap: np.ndarray, u: np.ndarray, readout: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """E[y|u], E[y²|u] and E[y ξ|u], z = Ru + (I − RRᵀ)^(1/2) ξ, for the labels that the second layer fits."""
    target = problem.teacher
    k = target.k
    nodes, weights, g = latent_rule(target)
    mean, linear = float(weights @ g), (weights * g) @ nodes
    if k == 1:
        xi, w = gaussian_nodes()
        xi = xi[:, None]
    else:
        xi, w = tensor_gauss_hermite(_REST_ORDER[k], k)
    scatter = xi @ _root(np.eye(k) - overlap @ overlap.T)
    y1, y2, t = [], [], []
    for centre in u @ overlap.T:
        z = centre + scatter
        y = target(z)
        if readout != "none":
            y = y - mean - z @ linear
        y1.append(w @ y)
        y2.append(w @ y**2)
        t.append((w * y) @ xi)
    return np.array(y1), np.array(y2) + problem.noise**2, np.array(t)


# The errors -----------------------------------------------------------------------------------------------------------


def _errors(eq: EquivalentFeatures, at: Equations) -> tuple[float, float, float]:
    """Objective, train error and test error at one λ.

    Ψ = (1/λ)[Σ_s ω_s(y₂ − y₁²) − Σ_cd t̄_cᵀ H_cd t̄_d] + y₁ᵀ𝒟^(-1)y₁ with 𝒟 = λ[diag(1/ω) + m diag(N_b r_b) mᵀ],
    t̄ = Σ_s ω_s t_s A_s and H_cd = ∫ν_cd(dy) H_y. As in `theory.conditional_equivalent`, the errors are derivatives of Ψ
    in ω.
    """
    lam, r, w, omega = float(at.lam[0]), at.r[0], at.w[0], at.omega[0]
    Q = len(r)
    D = (eq.neurons * r / eq.d) * eq.profile  # (J, Q)
    JA = at.JA[0]  # (J, Q, S)
    Jt = JA @ (omega[:, None] * eq.t)  # J_y t̄: (J, Q, k)
    Ht = D[..., None] * Jt
    AHt = np.matmul(eq.A, Ht)  # (J, S, k)
    weighted = np.matmul(AHt, eq.joint_weights)
    captured = float(np.einsum("s,sc,jsc->", omega, eq.t, weighted))
    root = np.sqrt(omega)
    V = root[:, None] * eq.m * np.sqrt(eq.neurons * r)
    x = root * eq.y1
    solved = np.linalg.solve(np.eye(len(x)) + V @ V.T, x)
    unexplained = eq.y2 - eq.y1**2
    psi = (float(omega @ unexplained) - captured + float(x @ solved)) / lam
    in_omega = unexplained - 2.0 * np.einsum("sc,jsc->s", eq.t, weighted) + np.sum(AHt * weighted, axis=(0, 2))
    in_omega = (in_omega + (solved / root) ** 2) / lam
    in_D = np.sum(Jt * np.matmul(Jt, eq.joint_weights), axis=2)
    in_log_r = -(np.sum(in_D * D, axis=0) + (V.T @ solved) ** 2) / lam
    slope = jacobian(eq, at)[0]
    adjoint = np.linalg.solve(slope.T, np.concatenate([in_log_r, -omega * in_omega]))

    def error(k: np.ndarray) -> float:
        direct = np.concatenate([np.zeros(Q), k / w])
        return float(lam * (omega * in_omega @ (k / w) + adjoint @ (slope @ direct - direct)))

    return lam * psi, error(np.ones_like(w)), error(w**2)


def predict_learning(problem: Problem, *, preprocessing: str = "ols", readout: str = "ols") -> LearningPrediction:
    """Ridge errors after one giant step on labels without mean and linear part, at the actual n, n₀, d and N.

    Parameters
    ----------
    problem : Problem
        η = 0 gives random features.
    preprocessing : {"ols", "exact"}
        How the step's labels lost their linear part.
    readout : {"ols", "exact", "none"}
        See `READOUTS`.

    Returns
    -------
    LearningPrediction

    Raises
    ------
    ValueError
        If an argument breaks its rule, the target is linear, or n ≤ d + 1 with an ``ols`` readout.
    ArithmeticError
        If the fixed point is not reached.

    Notes
    -----
    Good within 10 % where the outliers of Ŷ are clear of its bulk, n₀ ≳ d^1.6; below, the transition at finite d is
    smoother than the prediction. An ``ols`` readout adds E r² d/(n − d − 1) to the test error.
    """
    if preprocessing not in ("ols", "exact"):
        raise ValueError(f"`preprocessing` must be ols or exact for the predicted curve; got {preprocessing!r}")
    if readout not in READOUTS:
        raise ValueError(f"`readout` must be one of {', '.join(READOUTS)}; got {readout!r}")
    if readout == "ols" and problem.n <= problem.d + 1:
        raise ValueError(f"`n` must be larger than d + 1 = {problem.d + 1} for an ols readout; got {problem.n}")
    spectrum = step_spectrum(problem)
    if problem.step_size == 0.0:
        k = problem.teacher.k
        nothing, joint = np.zeros(0), np.eye(k)[None]
        shown = StepSpectrum(spectrum.edges, nothing, np.zeros((k, 0)), np.zeros(1), np.ones(1), joint, spectrum.power)
    else:
        shown = spectrum
    eq = _features(problem, shown, preprocessing, readout)
    extra = spectrum.power * problem.d / (problem.n - problem.d - 1) if readout == "ols" else 0.0
    results, point = {}, None
    for lam in sorted(problem.ridges, reverse=True):
        point = solve(eq, lam, point)
        objective, train, test = _errors(eq, equations(eq, point.lam, point.r, point.w))
        results[lam] = (test + extra, train, objective)
    test, train, objective = np.array([results[lam] for lam in problem.ridges]).T
    return LearningPrediction(problem.ridges, test, train, objective, spectrum)
