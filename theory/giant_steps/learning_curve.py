"""Ridge regression after one giant step of n = O(d²) samples on labels without their linear part: the learning curve.

With the linear part of the labels gone, the step is α_j(μ₂Ŷw_j + ε_j), α_j = ηa_j, Ŷ = X₀ᵀ diag(r) X₀/n₀. The outlier
eigenvectors of Ŷ, which hold the target's directions, are amplified to O(1): the samples' coordinates u on them are
latents, and so are their norms, which fluctuate by √(2/d). Features are conditioned on both and expanded up to degree 2
in the other coordinates: random features learn the quadratic part of the target when n and N approach d²/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from theory.giant_steps.activation_moments import activation_moments, hermite_moments
from theory.giant_steps.degrees import Degree, DegreeFeatures, harmonics, ridge_errors
from theory.giant_steps.sample_norm import norm_nodes
from theory.quadrature import gauss_hermite, gaussian_nodes, half_line, tensor_gauss_hermite
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.step_labels import latent_rule

__all__ = ["READOUTS", "LearningPrediction", "StepSpectrum", "predict_learning", "step_spectrum"]

READOUTS = ("exact", "ols", "none")
"""What the second layer's labels lose before the fit, and its predictions gain: their exact mean and linear part, a
least-squares fit on [1, x] to the same batch, or nothing."""

_FIRST = 0.28  # eigenvalues that a law has beyond the mean of the largest: 2|x|^(3/2)/3π at x = −1.2065
_GRID = 40  # nodes on the bulk of Ŷ
_BULK = 6  # what they are compressed to
_LATENT_ORDER = {1: 30, 2: (7, 14), 3: 7}
_SHIFT_ORDER = {1: 12, 2: (5, 11), 3: 4}
_LATENT_BEYOND = {2: (8, 17)}  # from n = d² on, where half a per cent of a small error hangs on them
_SHIFT_BEYOND = {2: (6, 13)}
_CODE_ORDER = {0: 8, 1: 8, 2: 6, 3: 3}  # of each sign
_NORM_ORDER = 3
_BETA_ORDER = 5
_REST_ORDER = {2: 30, 3: 16, 4: 10, 5: 7, 6: 6}
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class StepSpectrum:
    """Spectrum of Ŷ for labels r without linear part: a bulk, and outliers that hold the target's directions.

    Attributes
    ----------
    edges : (float, float)
        Where the extreme eigenvalues of the bulk are expected.
    outliers : ndarray, shape (K,)
        Eigenvalues θ_c clear of the bulk.
    overlap : ndarray, shape (k, K)
        Columns W⋆u_c for the outliers' unit eigenvectors u_c.
    noise : ndarray, shape (K,)
        E[r²u_c²]/E r² over the batch: the noise along u_c over that along any other direction.
    beta : ndarray, shape (K,)
        ⟨β, u_c⟩ for β = X₀ᵀr/n₀; zero after a least-squares fit.
    beta_rest : float
        Length of β outside the outliers.
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
    noise: np.ndarray
    beta: np.ndarray
    beta_rest: float
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
    """Nodes of the label r (L,), what stands for r in the poles (L,), their weights, the latents (L, k), and φ₀.

    A label of which n₀ samples hold less than one has no pole of its own: it counts with what it pulls, at the pole of
    the largest that a batch is expected to hold.
    """

    r: np.ndarray
    pole: np.ndarray
    w: np.ndarray
    z: np.ndarray
    phi0: float

    def seen(self) -> _Labels:
        """The labels that have a pole of their own."""
        keep = np.abs(self.r) <= np.max(np.abs(self.pole))
        w = self.w[keep]
        return _Labels(self.r[keep], self.pole[keep], w / w.sum(), self.z[keep], self.phi0)

    def last(self, sign: float) -> float:
        """The m where ζ(m) turns: the edge of the bulk, right of it for `sign` = −1 and left for 1."""
        worst = float(np.max(-sign * self.pole))
        limit = 1.0 / (self.phi0 * worst) if worst > 0.0 else 1e6 / math.sqrt(self.phi0 * float(self.w @ self.r**2))
        last = limit * (1.0 - 1e-9)
        if self.slope(sign * last) < 0.0:
            last = brentq(lambda m: self.slope(sign * m), 1e-9 * limit, last, xtol=1e-14 * limit)
        return sign * last

    def pull(self, m: complex) -> np.ndarray:
        """r/(1 + φ₀ r m)."""
        return self.r / (1.0 + self.phi0 * self.pole * m)

    def change(self, m: complex) -> np.ndarray:
        """Minus the derivative of the pull in m: φ₀ r²/(1 + φ₀ r m)²."""
        return self.phi0 * self.r * self.pole / (1.0 + self.phi0 * self.pole * m) ** 2

    def zeta(self, m: float) -> float:
        """ζ(m) = −1/m + E[r/(1 + φ₀ r m)], the inverse of the transform."""
        return -1.0 / m + float(self.w @ self.pull(m))

    def slope(self, m: float) -> float:
        """m² dζ/dm."""
        return 1.0 - m**2 * float(self.w @ self.change(m))

    def on_target(self, m: complex) -> np.ndarray:
        """E[r(zzᵀ − I)/(1 + φ₀ r m)], shape (k, k)."""
        weight = self.w * self.pull(m)
        return (self.z.T * weight) @ self.z - weight.sum() * np.eye(self.z.shape[1])

    def outlier(self, m: float, v: np.ndarray) -> tuple[float, np.ndarray, float, float]:
        """At a root m of 1 + m vᵀE[r(zzᵀ − I)/(1 + φ₀ r m)]v: the eigenvalue θ, W⋆u for its eigenvector u, uᵀMu for
        M = X₀ᵀ diag(r²)X₀/n₀, and ⟨β, u⟩ = E[r zᵀ/(1 + φ₀ r m)] W⋆u for β = X₀ᵀr/n₀.

        A change of the labels to r + εr² changes Ŷ to Ŷ + εM, hence θ by ε uᵀMu.
        """
        along = (self.z @ v) ** 2
        slope, change, square = self.slope(m) / m**2, self.w * self.change(m), self.w * self.pull(m) ** 2
        overlap2 = 1.0 / (1.0 + float(change @ along) / slope)
        of_m = float((self.w * self.pull(m)) @ (along - 1.0)) - m * float(change @ (along - 1.0))
        of_epsilon = m * float(square @ (along - 1.0))
        overlap = v * math.sqrt(overlap2)
        noise = float(square.sum()) - slope * of_epsilon / of_m
        return self.zeta(m), overlap, noise, float((self.w * self.pull(m)) @ self.z @ overlap)


def _labels(problem: Problem, preprocessing: str) -> _Labels:
    """The law of the label less its mean and linear part.

    A least-squares fit on the same batch takes the share h = (d + 1)/n₀ of each label along, and adds what it takes of
    the others: (1 − h) r and a noise of variance h(1 − h) E r².
    """
    require_gradient_descent(problem, "the learning curve of giant steps")
    z, w, g = latent_rule(problem.teacher)
    rest = g - w @ g - z @ ((w * g) @ z)
    noise = problem.noise
    if preprocessing == "ols":
        h = (problem.d + 1) / problem.n0
        noise = math.sqrt((1.0 - h) ** 2 * noise**2 + h * (1.0 - h) * (float(w @ rest**2) + noise**2))
        rest = (1.0 - h) * rest
    x, p = gauss_hermite(5 if noise > 0.0 else 1)
    r = (rest[:, None] + noise * x).ravel()
    w = np.outer(w, p).ravel()
    z = np.repeat(z, len(x), axis=0)
    kept = w > 1e-12
    r, w, z = r[kept], w[kept] / w[kept].sum(), z[kept]
    order = np.argsort(-np.abs(r))
    largest = np.abs(r[order[np.argmax(np.cumsum(w[order]) * problem.n0 > 1.0)]])
    return _Labels(r, np.clip(r, -largest, largest), w, z, problem.phi0)


def step_spectrum(problem: Problem, *, preprocessing: str = "exact") -> StepSpectrum:
    """Bulk and outliers of Ŷ = X₀ᵀ diag(r) X₀/n₀, r the labels without mean and linear part, at the problem's n₀ and d.

    Polynomial labels have no edge, a sample has: the rare labels, of which n₀ samples hold less than one, keep what
    they pull at the pole of the largest expected, and are left out of the bulk: each has an eigenvalue of its own.
    An outlier θ = ζ(m) solves det(I + m E[r(zzᵀ − I)/(1 + φ₀ r m)]) = 0 at a real m outside the bulk; its overlap with
    the eigenvector v there is 1/(1 − κ′(θ)), κ = vᵀE[r zzᵀ/(1 + φ₀ r m)]v.

    Parameters
    ----------
    problem : Problem
    preprocessing : {"exact", "ols"}
        How the labels lost their linear part: a least-squares fit on the batch shrinks what is left and makes it noisy.

    Returns
    -------
    StepSpectrum

    Raises
    ------
    ValueError
        If nothing is left of the labels.
    ArithmeticError
        If the bulk does not come out with mass 1 within 2 %, or its transform does not converge.
    """
    require_isotropic(problem, "the learning curve of giant steps")
    z, w, g = latent_rule(problem.teacher)
    rest = g - w @ g - z @ ((w * g) @ z)
    power = float(w @ rest**2) + problem.noise**2
    if not power > 1e-12 * (float(w @ g**2) + problem.noise**2):
        raise ValueError(f"`target` must have more than a linear part; {problem.teacher.name} has no other")
    labels = _labels(problem, preprocessing)
    k = problem.teacher.k
    outliers = []
    for sign in (-1.0, 1.0):  # m < 0 right of the bulk, m > 0 left of it
        last = abs(labels.last(sign))
        near, roots = last * (1.0 - 1e-7), []
        for i in range(k):

            def gap(m: float, i: int = i, sign: float = sign) -> float:
                return 1.0 + sign * m * float(np.linalg.eigvalsh(labels.on_target(sign * m))[i])

            if gap(near) < 0.0:
                roots.append((i, sign * brentq(gap, 1e-9 * last, near, xtol=1e-13 * last)))
        for j, (i, m) in enumerate(roots):
            # equal outliers share one frame: apart, their eigenvectors could come out the same
            frame = next(other for _, other in roots[: j + 1] if abs(other - m) < 1e-6 * abs(m))
            v = np.linalg.eigh(labels.on_target(frame))[1][:, i]
            outliers.append(labels.outlier(m, v))
    seen = labels.seen()  # a label beyond them has an eigenvalue of its own
    x, weights, joint = _bulk(seen, *(seen.zeta(seen.last(sign)) for sign in (1.0, -1.0)))
    edges = [_quantile(x, weights, level) for level in (_FIRST / problem.d, 1.0 - _FIRST / problem.d)]
    theta, noise, beta = (np.array([outlier[i] for outlier in outliers]) for i in (0, 2, 3))
    overlap = np.array([outlier[1] for outlier in outliers]).T if outliers else np.zeros((k, 0))
    root = _inverse_root(np.eye(k) - overlap @ overlap.T)
    joint = root @ joint @ root
    # the mass is I up to what outliers of different θ share, and the rule's own error
    scale = _inverse_root(joint.sum(axis=0))
    variance = labels.phi0 * float(labels.w @ labels.r**2)
    beta, length2 = (np.zeros_like(beta), 0.0) if preprocessing == "ols" else (beta, variance)
    nodes, weights, joint = _compressed(x, weights, scale @ joint @ scale, variance)
    return StepSpectrum(
        edges=(edges[1], edges[0]),
        outliers=theta,
        overlap=overlap,
        noise=noise / power,
        beta=beta,
        beta_rest=math.sqrt(max(length2 - float(beta @ beta), 0.0)),
        nodes=nodes,
        weights=weights,
        joint_weights=joint,
        power=power,
    )


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _bulk(labels: _Labels, left: float, right: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chebyshev nodes on the bulk; the masses there of ν and of ν on W⋆."""
    angle = math.pi * np.arange(1, _GRID + 1) / (_GRID + 1)
    half = 0.5 * (right - left)
    x = 0.5 * (left + right) + half * np.cos(angle)
    m = np.empty(_GRID, complex)
    value = 1j / half
    for j, point in enumerate(x):
        try:
            m[j] = _transform(labels, point + 1e-6j * half, value)
        except ArithmeticError:  # the neighbour is no start here: come down from above
            m[j] = 1j / half
            for height in half * 0.5 ** np.arange(0, 20):
                m[j] = _transform(labels, point + 1j * height, m[j])
        value = complex(m[j].real, max(m[j].imag, 0.1 * abs(m[j])))
    spacing = half * np.sin(angle) / (_GRID + 1)
    k = labels.z.shape[1]
    on_target = np.stack([value * np.linalg.inv(np.eye(k) + value * labels.on_target(value)) for value in m])
    weights = m.imag * spacing
    if abs(weights.sum() - 1.0) > 0.02:
        raise ArithmeticError(
            f"the bulk of the law of Ŷ came out with mass {weights.sum():.3f}: for this number of samples the labels' "
            "tails are too heavy; raise `n`"
        )
    return x, weights / weights.sum(), on_target.imag * spacing[:, None, None]


def _quantile(x: np.ndarray, weights: np.ndarray, level: float) -> float:
    """Where a measure on decreasing nodes has the mass `level` to its right."""
    return float(np.interp(level, np.cumsum(weights) - 0.5 * weights, x))


def _compressed(
    x: np.ndarray, weights: np.ndarray, joint: np.ndarray, variance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Few nodes for both measures: cells of equal mass of their mean, at the mean of ν in each.

    ν gets its known mean E r = 0 and variance φ₀E r².
    """
    mass = 0.5 * (weights + np.trace(joint, axis1=1, axis2=2) / max(float(np.trace(joint.sum(axis=0))), 1e-300))
    cell = np.minimum((_BULK * (np.cumsum(mass) - 0.5 * mass)).astype(int), _BULK - 1)
    cells = np.unique(cell)
    nu = np.array([weights[cell == c].sum() for c in cells])
    nodes = np.array([weights[cell == c] @ x[cell == c] for c in cells]) / nu
    nodes = nodes - nu @ nodes
    return (
        nodes * math.sqrt(variance / (nu @ nodes**2)),
        nu,
        np.stack([joint[cell == c].sum(axis=0) for c in cells]),
    )


def _transform(labels: _Labels, zeta: complex, m: complex) -> complex:
    """Newton for 1 + ζm = m E[r/(1 + φ₀ r m)] from a start in the upper half plane."""
    for _ in range(100):
        f = 1.0 + zeta * m - m * (labels.w @ labels.pull(m))
        moved = m - f / (zeta - labels.w @ labels.pull(m) + m * (labels.w @ labels.change(m)))
        moved = moved if moved.imag > 0.0 else complex(m.real, 0.5 * m.imag)
        if abs(moved - m) < 1e-13 * abs(m):
            return moved
        m = moved
    raise ArithmeticError(
        f"the transform of the law of Ŷ at {zeta:.6g} did not converge: residual {abs(f):.2g}; change `n` a little"
    )


# The features ---------------------------------------------------------------------------------------------------------


def _features(problem: Problem, spectrum: StepSpectrum, readout: str) -> DegreeFeatures:
    """The equivalent features given latents (u, q) and codes (g, s), s_j the neuron's coordinates on the outliers."""
    sigma, d, K = problem.sigma, problem.d, len(spectrum.outliers)
    rest = d - K
    moments = activation_moments(sigma)
    mu2, var2 = float(moments.c[2]), float(moments.slope[2] - moments.c[1] ** 2 - moments.c[2] ** 2)
    scatter = problem.phi0 * spectrum.power * var2
    beyond = min(problem.n, problem.n0) >= d * d
    u, omega = _gaussian_rule(K, _LATENT_ORDER | (_LATENT_BEYOND if beyond else {}))
    along, odds = gauss_hermite(_BETA_ORDER if spectrum.beta_rest > 0.0 else 1)  # the latent on what is left of β
    u, along = np.repeat(u, len(along), axis=0), np.tile(along, len(u))
    omega = np.multiply.outer(omega, odds).ravel()
    seen = problem.n * omega > _NEGLIGIBLE
    u, along, omega = u[seen], along[seen], omega[seen] / omega[seen].sum()
    g, p = _codes(problem, spectrum, mu2)
    alpha = problem.step_size * g / math.sqrt(problem.width)
    shift, chance = _gaussian_rule(K, _SHIFT_ORDER | (_SHIFT_BEYOND if beyond else {}))
    amplified = (1.0 + np.multiply.outer(alpha, mu2 * spectrum.outliers)) ** 2
    size = np.sqrt((amplified + np.multiply.outer(scatter * alpha**2, spectrum.noise)) / d)
    common = np.multiply.outer(moments.c[1] * alpha, spectrum.beta)
    s = (common[:, None, :] + size[:, None, :] * shift).reshape(len(alpha) * len(chance), K)
    neurons = problem.width * np.outer(p, chance).ravel()
    alpha = np.repeat(alpha, len(chance))
    kept = neurons > _NEGLIGIBLE
    s, alpha, neurons = s[kept], alpha[kept], neurons[kept] * (problem.width / neurons[kept].sum())
    profile = (1.0 + mu2 * np.multiply.outer(spectrum.nodes, alpha)) ** 2 + scatter * alpha**2
    mean_profile = spectrum.weights @ profile
    kappa = np.sqrt(mean_profile * rest / d)
    q, chance = norm_nodes(rest, _NORM_ORDER)
    tau = u @ s.T + np.multiply.outer(moments.c[1] * spectrum.beta_rest * along, alpha)
    tables = [hermite_moments(sigma, tau, kappa * math.sqrt(value)) for value in q]
    m, A1, A2, B = (np.concatenate(column) for column in zip(*tables, strict=True))
    if problem.centered:
        m = m - moments.c[0]
    centre, variance, t1, t2, radial = _label_moments(problem, spectrum.overlap, u, readout)
    # the trace of degree 2 is the norm's: E[y|u,q] is linear in it
    y1 = (centre + np.multiply.outer(q - 1.0, radial)).ravel()
    y2 = y1**2 + np.tile(variance - (2.0 / rest) * radial**2, len(q))
    t1, t2 = np.tile(t1, (len(q), 1)), np.tile(math.sqrt(1.0 - 1.0 / rest) * t2, (len(q), 1))
    mean = Degree(m, np.ones(1), np.ones((1, len(alpha))), y1[:, None], np.ones((1, 1, 1)))
    first = Degree(A1, rest * spectrum.weights, profile / (mean_profile * rest), t1, spectrum.joint_weights)
    # on the sphere that the norm leaves, he₂ has a little less than variance 1
    second = _second_degree(first, A2 * math.sqrt((rest - 1) / (rest + 2)), t2, rest)
    omega = np.multiply.outer(chance, omega).ravel()
    return DegreeFeatures(float(problem.n), omega, neurons, B, (mean, first, second), y2)


def _second_degree(first: Degree, A: np.ndarray, target: np.ndarray, d: int) -> Degree:
    """Degree 2 of features whose linear part is given: classes are pairs of classes."""
    J, k = first.joint.shape[:2]
    weights = first.counts / first.counts.sum()
    i, j = np.triu_indices(J)
    pairs = weights[i] * weights[j] * np.where(i == j, 1.0, 2.0)
    variances = first.variances[i] * first.variances[j] * d**2
    variances /= pairs @ variances
    count = harmonics(2, d)
    a, b = np.triu_indices(k)
    basis = np.zeros((len(a), k, k))  # orthonormal in the symmetric tensors
    basis[np.arange(len(a)), a, b] = basis[np.arange(len(a)), b, a] = np.where(a == b, 1.0, math.sqrt(0.5))
    joint = np.einsum("tab,jac,jbd,ucd->jtu", basis, first.joint[i], first.joint[j], basis)
    joint = 0.5 * (joint + np.swapaxes(joint, 1, 2)) * np.where(i == j, 1.0, 2.0)[:, None, None]
    return Degree(A, count * pairs, variances / count, target, joint)


def _gaussian_rule(dimension: int, orders: dict[int, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (B, K) and weights for N(0, I_K).

    In the plane so many radii times so many angles, for ridge functions whose kinks turn with the code.
    """
    if dimension == 0:
        return np.zeros((1, 0)), np.ones(1)
    if dimension not in orders:
        raise ArithmeticError(
            f"the step's matrix has {dimension} eigenvectors outside its bulk, and the predicted curve holds up to "
            f"{max(orders)}: rare labels make them, and labels of lighter tails, such as those of sin, fewer"
        )
    if dimension != 2:
        return tensor_gauss_hermite(orders[dimension], dimension)
    radii, angles = orders[2]
    radius, chance = half_line(radii, 1, 100.0)
    angle = 2.0 * math.pi * (np.arange(angles) + 0.5) / angles
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    nodes = radius[:, None, None] * circle
    return nodes.reshape(-1, 2), np.repeat(chance / angles, angles)


def _codes(problem: Problem, spectrum: StepSpectrum, mu2: float) -> tuple[np.ndarray, np.ndarray]:
    if problem.step_size == 0.0:
        return np.ones(1), np.ones(1)
    if problem.law_of_a.name != "gaussian":
        return problem.law_of_a.nodes(_CODE_ORDER[len(spectrum.outliers)])
    # a large step makes features of the size of |g|, and turns their direction with its sign: each sign has a rule
    # of its own, in which |g| counts from where the step along the outliers is as large as the weight
    strongest = max(np.abs(spectrum.outliers), default=spectrum.edges[1])
    step = problem.step_size * abs(mu2 * strongest) / math.sqrt(problem.width)
    size, chance = half_line(_CODE_ORDER[len(spectrum.outliers)], 0, min(100.0, 1.0 / max(step, 1e-3)))
    return np.concatenate([-size[::-1], size]), 0.5 * np.concatenate([chance[::-1], chance])


def _label_moments(problem: Problem, overlap: np.ndarray, u: np.ndarray, readout: str) -> tuple[np.ndarray, ...]:
    """E[y|u], Var[y|u], E[yξ|u], E[y h(ξ)|u] with h the orthonormal functions of degree 2, and E[y(|ξ|² − k)|u]/2, for
    the labels that the second layer fits; z = Ru + (I − RRᵀ)^(1/2) ξ."""
    target = problem.teacher
    k = target.k
    nodes, weights, g = latent_rule(target)
    mean, linear = float(weights @ g), (weights * g) @ nodes
    if k == 1:
        xi, w = gaussian_nodes()
        xi = xi[:, None]
    else:
        xi, w = tensor_gauss_hermite(_REST_ORDER[k], k)
    a, b = np.triu_indices(k)
    second = np.where(a == b, math.sqrt(0.5) * (xi[:, a] ** 2 - 1.0), xi[:, a] * xi[:, b])
    root = _root(np.eye(k) - overlap @ overlap.T)
    scatter = xi @ root
    # what the norm moves is z's part outside the outliers
    radius = 0.5 * (np.sum(xi**2, axis=1) - k)
    rows = []
    for centre in u @ overlap.T:
        z = centre + scatter
        y = target(z)
        if readout != "none":
            y = y - mean - z @ linear
        y1 = w @ y
        rows.append((y1, w @ (y - y1) ** 2, (w * y) @ xi, (w * y) @ second, (w * y) @ radius))
    y1, variance, t1, t2, radial = (np.array(column) for column in zip(*rows, strict=True))
    return y1, variance + problem.noise**2, t1, t2, radial


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
        If the fixed point is not reached, or the step's matrix has more outliers than there are nodes for.

    Notes
    -----
    The fixed point is that of `theory.giant_steps.degrees` with latents u, the coordinates on the outliers of Ŷ, and
    q = ‖x‖²/d of the rest; codes are (g, s), s the neuron's coordinates on the outliers. With an ``exact``
    preprocessing the step also moves every neuron by α_jc₁β, β = X₀ᵀr/n₀, whose direction is one more latent; a
    least-squares fit leaves β = 0. An ``ols`` readout adds E r² d/(n − d − 1) to the test error. Degrees from 3 on act
    as noise: this holds while n and N are far below d³/6.
    """
    if preprocessing not in ("ols", "exact"):
        raise ValueError(f"`preprocessing` must be ols or exact for the predicted curve; got {preprocessing!r}")
    if readout not in READOUTS:
        raise ValueError(f"`readout` must be one of {', '.join(READOUTS)}; got {readout!r}")
    if readout == "ols" and problem.n <= problem.d + 1:
        raise ValueError(f"`n` must be larger than d + 1 = {problem.d + 1} for an ols readout; got {problem.n}")
    spectrum = step_spectrum(problem, preprocessing=preprocessing)
    if problem.step_size == 0.0:
        k = problem.teacher.k
        nothing, joint = np.zeros(0), np.eye(k)[None]
        flat = np.zeros(1), np.ones(1), joint
        none = nothing, np.zeros((k, 0)), nothing, nothing, 0.0
        shown = StepSpectrum(spectrum.edges, *none, *flat, spectrum.power)
    else:
        shown = spectrum
    errors = ridge_errors(_features(problem, shown, readout), problem.ridges)
    objective, train, test = np.array(errors).T
    if readout == "ols":
        test = test + spectrum.power * problem.d / (problem.n - problem.d - 1)
    return LearningPrediction(problem.ridges, test, train, objective, spectrum)
