"""What one gradient step sees of the data: the direction β = X₀ᵀy₀/n₀ and the matrix Ŷ = X₀ᵀ diag(y₀) X₀/n₀.

The law of Ŷ is the free compound Poisson law of the labels: with φ₀ = d/n₀ its transform is
m(ζ) = 1/(−ζ + E[y/(1 + φ₀ y m)]). On the target's directions, with z the latents of the label y,
W⋆(Ŷ − ζ)^(-1)W⋆ᵀ = S(ζ) = (−ζ I + E[y z zᵀ/(1 + φ₀ y m)])^(-1), βᵀ(Ŷ − ζ)^(-1)W⋆ᵀ = vᵀS with
v = E[y z/(1 + φ₀ y m)], and βᵀ(Ŷ − ζ)^(-1)β = φ₀ m E[y²/(1 + φ₀ y m)] + vᵀSv.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from theory.quadrature import gauss_hermite, gaussian_nodes, tensor_gauss_hermite
from theory.statement.problem import Problem
from theory.statement.target import Target

__all__ = [
    "StepLaw",
    "StepStatistics",
    "latent_moments",
    "latent_rule",
    "measure_on_grid",
    "step_law",
    "step_statistics",
    "step_transforms",
]

_TENSOR_ORDER = {2: 60, 3: 32}
_NODES = 12
_HEIGHT = 0.08  # smoothing of the transforms in units of √(φ₀ m_y)
_TOLERANCE = 1e-11


@dataclass(frozen=True, eq=False)
class StepStatistics:
    """Moments of the label and of the direction β = X₀ᵀy₀/n₀ that the step adds to every neuron.

    Attributes
    ----------
    label_mean, label_power : float
        E y and m_y = E y², noise included.
    linear : ndarray, shape (k,)
        C₁ = E[g(z) z], the s₁ of a single-index target.
    beta_norm2 : float
        ‖β‖² = ‖C₁‖² + φ₀ m_y.
    overlap : ndarray, shape (k,)
        e = C₁/‖β‖, overlap of β̂ with the rows of W⋆.
    """

    label_mean: float
    label_power: float
    linear: np.ndarray
    beta_norm2: float
    overlap: np.ndarray


@dataclass(frozen=True, eq=False)
class StepLaw:
    """Law of Ŷ, compressed to Gauss nodes.

    Attributes
    ----------
    nodes, weights : ndarray, shape (J,)
        Gauss rule of the spectral law ν.
    joint_nodes : ndarray, shape (J',)
    joint_weights : ndarray, shape (J', 1 + k, 1 + k)
        Matrix Gauss rule of ν_ab(dy) for a, b among β̂ and the ξ̂_c = (I − eeᵀ)^(-1/2)(W⋆ − eβ̂ᵀ); the weights are
        positive semidefinite and sum to the identity.
    """

    nodes: np.ndarray
    weights: np.ndarray
    joint_nodes: np.ndarray
    joint_weights: np.ndarray


@lru_cache(maxsize=32)
def latent_rule(target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (B, k) and weights (B,) for expectations over z ~ N(0, I_k), and g at the nodes."""
    if target.k == 1:
        nodes, weights = gaussian_nodes(target.kinks)
        nodes = nodes[:, None]
    else:
        nodes, weights = tensor_gauss_hermite(_TENSOR_ORDER[target.k], target.k)
    return nodes, weights, target(nodes)


def step_statistics(problem: Problem) -> StepStatistics:
    """Label moments, ‖β‖² and overlap of a problem; see `StepStatistics`.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepStatistics
    """
    return _statistics(problem.teacher, problem.noise, problem.phi0)


@lru_cache(maxsize=128)
def _statistics(target: Target, noise: float, phi0: float) -> StepStatistics:
    nodes, weights, g = latent_rule(target)
    power = float(weights @ g**2) + noise**2
    if not power > 0.0:
        raise ValueError(f"`target` must not vanish; {target.name} has E y² = {power:g}")
    linear = (weights * g) @ nodes
    linear[np.abs(linear) < 1e-13 * math.sqrt(power)] = 0.0
    beta_norm2 = float(linear @ linear) + phi0 * power
    return StepStatistics(float(weights @ g), power, linear, beta_norm2, linear / math.sqrt(beta_norm2))


def latent_moments(problem: Problem, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """E[y|u], E[y²|u] and t_c(u) = E[g(z) ξ_c | u] for z = e u + (I − eeᵀ)^(1/2) ξ.

    Parameters
    ----------
    problem : Problem
    u : ndarray, shape (S,)
        Values of the latent ⟨x, β̂⟩.

    Returns
    -------
    y1, y2 : ndarray, shape (S,)
    t : ndarray, shape (S, k)
    """
    target, step = problem.teacher, step_statistics(problem)
    k, e = target.k, step.overlap
    rest = math.sqrt(problem.phi0 * step.label_power / step.beta_norm2)  # √(1 − |e|²) without cancellation
    rows = []
    if k == 1:
        for value in u:
            mean = float(e[0]) * value
            rule = gaussian_nodes if not target.kinks else gaussian_nodes.__wrapped__
            xi, weights = rule(tuple((kink - mean) / rest for kink in target.kinks))
            rows.append(_moments(target(mean + rest * xi[:, None]), weights, xi[:, None]))
    else:
        nodes, weights = tensor_gauss_hermite(_TENSOR_ORDER[k], k)
        size = float(np.linalg.norm(e))
        axis = e / size if size > 0.0 else np.eye(k)[0]
        # A frame that starts at the overlap: the one narrow direction then lies along an axis of the rule.
        frame = np.linalg.qr(np.column_stack([axis, np.eye(k)]))[0]
        xi = nodes @ frame.T
        scatter = xi @ (np.eye(k) + (rest - 1.0) * np.outer(axis, axis) * (size > 0.0))
        rows = [_moments(target(value * e + scatter), weights, xi) for value in u]
    y1, y2, t = (np.array(column) for column in zip(*rows, strict=True))
    return y1, y2 + problem.noise**2, t


def _moments(g: np.ndarray, weights: np.ndarray, xi: np.ndarray) -> tuple[float, float, np.ndarray]:
    return float(weights @ g), float(weights @ g**2), (weights * g) @ xi


# The law of Ŷ ---------------------------------------------------------------------------------------------------------


def step_transforms(problem: Problem, zeta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Transform m(ζ) = ∫ν(dy)/(y − ζ) of the law of Ŷ, and the matrix ∫ν_ab(dy)/(y − ζ) on β̂, ξ̂_1 … ξ̂_k.

    Parameters
    ----------
    problem : Problem
    zeta : ndarray of complex, shape (P,)
        Points of the upper half plane, not much closer to the real axis than 0.02 √(φ₀ m_y).

    Returns
    -------
    m : ndarray, shape (P,)
    joint : ndarray, shape (P, 1 + k, 1 + k)

    Raises
    ------
    ValueError
        If a point is not in the upper half plane.
    """
    zeta = np.atleast_1d(np.asarray(zeta, dtype=complex))
    if not np.all(zeta.imag > 0.0):
        raise ValueError(f"`zeta` must lie in the upper half plane; got imaginary part {zeta.imag.min():g}")
    step = step_statistics(problem)
    labels = _label_measure(problem.teacher, problem.noise, zeta.imag.min() / problem.phi0 / 2.5)
    start = _solve_transform(zeta.real + 1j * np.maximum(zeta.imag, step.label_power), None, labels, problem.phi0)
    m = _solve_transform(zeta, start, labels, problem.phi0)
    return m, _joint_transform(zeta, m, labels, step, problem.phi0)


def step_law(problem: Problem) -> StepLaw:
    """Law of Ŷ = X₀ᵀ diag(y₀) X₀/n₀, compressed to 12 Gauss nodes.

    The transforms are evaluated at heights h, 2h and 3h above a grid of step h/2 and combined with weights 3, −3, 1,
    which leaves an error O(h³); Lanczos turns the measure on the grid into Gauss nodes. The result depends on the
    target, the noise and φ₀ only, and is cached.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepLaw

    Raises
    ------
    ArithmeticError
        If ν does not have mass 1, mean E y and second moment φ₀ m_y + (E y)² within 1 %.
    """
    return _law(problem.teacher, problem.noise, problem.phi0)


@lru_cache(maxsize=64)
def _law(target: Target, noise: float, phi0: float) -> StepLaw:
    step = _statistics(target, noise, phi0)
    x, nu, joint = measure_on_grid(target, noise, phi0)
    moments = np.array([nu.sum(), nu @ x, nu @ x**2])
    second = phi0 * step.label_power + step.label_mean**2
    expected = np.array([1.0, step.label_mean, second])
    defect = np.abs(moments - expected) / [1.0, math.sqrt(second), second]
    spill = np.max(np.abs(joint.sum(axis=0) - np.eye(len(joint[0]))))
    if max(defect.max(), spill) > 1e-2:
        raise ArithmeticError(
            f"the law of Ŷ came out with moments {moments} instead of {expected} and joint mass off by {spill:.2g}; "
            "the labels' tails are too heavy for the grid: use `gradient_order` = 1 or a bounded target"
        )
    nodes, weights = _block_lanczos(x, np.maximum(nu, 0.0)[:, None, None], _NODES)
    # The lobes below zero that were cut off beside sharp edges took 0.1 % of the variance along: mean and variance are
    # known, and the neurons' norms rest on them.
    weights = weights[:, 0, 0]
    centred = nodes - weights @ nodes
    nodes = step.label_mean + centred * math.sqrt(phi0 * step.label_power / (weights @ centred**2))
    block = 1 + target.k
    joint_nodes, joint_weights = _block_lanczos(x, joint, max(3, _NODES // block))
    return StepLaw(nodes, weights, joint_nodes, joint_weights)


def measure_on_grid(target: Target, noise: float, phi0: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masses of ν and ν_ab on a grid that is fine in the bulk and widens slowly (x = 20s sinh(t/20)) in the tails."""
    step = _statistics(target, noise, phi0)
    scale = math.sqrt(phi0 * step.label_power)
    y, columns = labels = _label_measure(target, noise, _HEIGHT * scale / phi0 / 2.5)
    order = np.argsort(np.abs(y))
    beyond = np.cumsum(columns[order[::-1], 0])[::-1]
    largest = np.abs(y[order[np.flatnonzero(beyond > 1e-7)[-1]]])
    k = target.k
    pull = np.linalg.norm(_matrix_part(y @ columns, k), 2)
    reach = 8.0 * scale + phi0 * largest + 1.5 * pull
    stretch, dt = 20.0, 0.5 * _HEIGHT
    t_max = stretch * math.asinh(reach / (stretch * scale))
    t = np.arange(-t_max, t_max + dt, dt)
    x, jacobian = stretch * scale * np.sinh(t / stretch), np.cosh(t / stretch)
    height = _HEIGHT * scale * jacobian

    m = None
    for factor in (30, 10, 3):
        m = _solve_transform(x[::6] + 1j * factor * height[::6], m, labels, phi0, tolerance=1e-6)
    m = CubicSpline(t[::6], m)(t)
    nu, joint = np.zeros(len(x)), np.zeros((len(x), 1 + k, 1 + k))
    for factor, weight in ((3, 1.0), (2, -3.0), (1, 3.0)):
        zeta = x + 1j * factor * height
        m = _solve_transform(zeta, m, labels, phi0)
        nu += weight * m.imag
        joint += weight * _joint_transform(zeta, m, labels, step, phi0).imag
    spacing = scale * jacobian * dt / math.pi
    return x, nu * spacing, joint * spacing[:, None, None]


@lru_cache(maxsize=8)
def _label_measure(target: Target, noise: float, resolution: float) -> tuple[np.ndarray, np.ndarray]:
    """The law of the label and of its latents: nodes y (L,) and masses of 1, z_a, z_a z_b at each, (L, 1 + k + k²).

    Good for functions of y that are analytic within 2.5 `resolution` of the real line. Gaussian noise is convolved
    exactly on an equidistant grid, where the trapezoid rule converges geometrically; noise too small for that is a
    three-node Gauss rule, and so is the noise on the rare labels beyond eight standard deviations.
    """
    nodes, weights, g = latent_rule(target)
    keep = weights > 1e-13
    nodes, weights, g = nodes[keep], weights[keep] / weights[keep].sum(), g[keep]
    products = np.einsum("bi,bj->bij", nodes, nodes).reshape(len(nodes), -1)
    masses = weights[:, None] * np.concatenate([np.ones((len(nodes), 1)), nodes, products], axis=1)
    if noise == 0.0:
        return g, masses
    x, p = gauss_hermite(3)
    spacing = min(noise, resolution)
    reach = 8.0 * math.sqrt(float(weights @ g**2) + noise**2)
    core = (np.abs(g) < reach) & (noise >= 0.25 * resolution)
    far_y = (g[~core, None] + noise * x).ravel()
    far = (masses[~core, None, :] * p[:, None]).reshape(-1, masses.shape[1])
    if not core.any():
        return far_y, far
    grid = np.arange(-reach - 7.0 * noise, reach + 8.0 * noise, spacing)
    half = math.ceil(7.0 * noise / spacing)
    index = np.rint((g[core] - grid[0]) / spacing).astype(int)[:, None] + np.arange(-half, half + 1)
    index = np.clip(index, 0, len(grid) - 1)
    kernel = np.exp(-0.5 * ((grid[index] - g[core, None]) / noise) ** 2)
    kernel *= spacing / (noise * math.sqrt(2.0 * math.pi))
    spread = [
        np.bincount(index.ravel(), (kernel * column[:, None]).ravel(), minlength=len(grid)) for column in masses[core].T
    ]
    spread = np.column_stack(spread)
    keep = spread[:, 0] > 1e-14
    return np.concatenate([grid[keep], far_y]), np.concatenate([spread[keep], far])


def _solve_transform(
    zeta: np.ndarray, m: np.ndarray | None, labels: tuple, phi0: float, *, tolerance: float = _TOLERANCE
) -> np.ndarray:
    """Newton for 1 + ζm = (1 − E[1/(1 + φ₀ y m)])/φ₀ at every ζ, from a start in the upper half plane."""
    y, masses = labels
    law = masses[:, 0]
    m = -1.0 / zeta if m is None else m
    m = m.real + 1j * np.maximum(m.imag, 1e-12)
    for _ in range(80):
        pole = -1.0 / (phi0 * m)
        inverse = 1.0 / (y - pole[:, None])
        first = inverse @ law
        np.multiply(inverse, inverse, out=inverse)
        f = 1.0 + zeta * m - (1.0 + pole * first) / phi0
        if np.max(np.abs(f)) < tolerance * (1.0 + np.max(np.abs(zeta * m))):
            return m
        slope = zeta - (first + pole * (inverse @ law)) / (phi0 * m) ** 2
        moved = m - f / slope
        m = np.where(moved.imag > 0.0, moved, m.real + 0.5j * m.imag)
    raise ArithmeticError(
        f"the transform of the law of Ŷ did not converge: residual {np.max(np.abs(f)):.2g}; "
        "evaluate farther from the real axis or use `gradient_order` = 1"
    )


def _matrix_part(columns: np.ndarray, k: int) -> np.ndarray:
    return columns[..., 1 + k :].reshape(*columns.shape[:-1], k, k)


def _joint_transform(zeta: np.ndarray, m: np.ndarray, labels: tuple, step: StepStatistics, phi0: float) -> np.ndarray:
    """∫ν_ab(dy)/(y − ζ) for a, b among β̂, ξ̂_1 … ξ̂_k, from the transforms on β and W⋆."""
    y, masses = labels
    e = step.overlap
    k = len(e)
    pole = -1.0 / (phi0 * m)
    # q = E[· /(1 + φ₀ y m)] for 1, z_a, z_a z_b
    q = -pole[:, None] * ((1.0 / (y - pole[:, None])) @ masses)
    S = np.linalg.inv(-zeta[:, None, None] * np.eye(k) + (np.eye(k) - _matrix_part(q, k)) / (phi0 * m)[:, None, None])
    v = -q[:, 1 : 1 + k] / (phi0 * m)[:, None]
    first = (1.0 - q[:, 0]) / (phi0 * m)
    second = (step.label_mean - first) / (phi0 * m)
    vS = np.einsum("pi,pij->pj", v, S)
    bb = (phi0 * m * second + np.einsum("pi,pi->p", vS, v)) / step.beta_norm2
    bw = vS / math.sqrt(step.beta_norm2)
    # (I − eeᵀ)^(-1/2): its stretch along e is 1/√(1 − |e|²) = ‖β‖/√(φ₀ m_y)
    root = np.eye(k)
    if e.any():
        root += (math.sqrt(step.beta_norm2 / (phi0 * step.label_power)) - 1.0) * np.outer(e, e) / (e @ e)
    joint = np.empty((len(zeta), 1 + k, 1 + k), dtype=complex)
    joint[:, 0, 0] = bb
    joint[:, 0, 1:] = joint[:, 1:, 0] = (bw - e * bb[:, None]) @ root
    cross = e[:, None] * bw[:, None, :]
    joint[:, 1:, 1:] = root @ (S - cross - np.swapaxes(cross, 1, 2) + np.outer(e, e) * bb[:, None, None]) @ root
    return joint


def _block_lanczos(x: np.ndarray, masses: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix Gauss rule of a positive matrix measure on the points x: nodes (J,) and weights (J, c, c) of total mass I.

    Block Lanczos, with full reorthogonalisation, for multiplication by x started from the square roots of the masses;
    J = steps · c, exact for polynomials of degree 2·steps − 1.
    """
    c = masses.shape[1]
    value, vector = np.linalg.eigh(0.5 * (masses + np.swapaxes(masses, 1, 2)))
    root = vector * np.sqrt(np.maximum(value, 0.0))[:, None, :]  # mass = root rootᵀ
    start = np.swapaxes(root, 1, 2).reshape(-1, c)  # rows (point, c), one column per direction
    location = np.repeat(x, c)[:, None]
    basis, _ = np.linalg.qr(start)
    turn = basis.T @ start  # start = basis · turn
    blocks = [basis]
    for _ in range(steps - 1):
        fresh = location * blocks[-1]
        for _ in range(2):
            for block in blocks:
                fresh = fresh - block @ (block.T @ fresh)
        blocks.append(np.linalg.qr(fresh)[0])
    span = np.concatenate(blocks, axis=1)
    nodes, modes = np.linalg.eigh(span.T @ (location * span))
    rows = turn.T @ modes[:c]
    weights = rows.T[:, :, None] * rows.T[:, None, :]
    total = np.linalg.cholesky(weights.sum(axis=0))
    return nodes, np.linalg.solve(total, np.swapaxes(np.linalg.solve(total, weights), 1, 2))
