"""What one gradient step sees of the data: the direction β = X₀ᵀy₀/n₀ and the matrix Ŷ = X₀ᵀ diag(y₀) X₀/n₀.

The law of Ŷ is the free compound Poisson law of the labels: with φ₀ = d/n₀ its transform is
m(ζ) = 1/(−ζ + E[y/(1 + φ₀ y m)]). On the target's directions, with z the latents of the label y,
W⋆(Ŷ − ζ)^(-1)W⋆ᵀ = S(ζ) = (−ζ I + E[y z zᵀ/(1 + φ₀ y m)])^(-1), βᵀ(Ŷ − ζ)^(-1)W⋆ᵀ = vᵀS with
v = E[y z/(1 + φ₀ y m)], and βᵀ(Ŷ − ζ)^(-1)β = φ₀ m E[y²/(1 + φ₀ y m)] + vᵀSv.

Given the batch the noise of every neuron has the covariance of M = X₀ᵀ diag(y₀²) X₀/n₀. The same formulas hold for M
with y² in the place of y wherever y stands beside x xᵀ. Ŷ and M do not commute, but the measure tr(P_Ŷ(dy) P_M(dμ))/d
of their spectral projections is a probability measure with both marginals exact; its moments given y come from
tr M^k(Ŷ − ζ)^(-1)/d, which are m q₂, m(q₂² + φ₀q₄) and m(q₂³ + 2φ₀q₂q₄ + φ₀q₄ m_y + φ₀²q₆) for k = 1, 2, 3,
q_k = E[y^k/(1 + φ₀ y m)].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theory.quadrature import gauss_hermite
from theory.statement.problem import Problem
from theory.statement.target import Target
from theory.step_labels import StepLabels as StepLabels
from theory.step_labels import StepStatistics as StepStatistics
from theory.step_labels import label_statistics as label_statistics
from theory.step_labels import latent_moments as latent_moments
from theory.step_labels import latent_part as latent_part
from theory.step_labels import latent_rule as latent_rule
from theory.step_labels import statistics_of_labels
from theory.step_labels import step_labels as step_labels
from theory.step_labels import step_statistics as step_statistics

__all__ = [
    "StepLaw",
    "block_lanczos",
    "measure_on_grid",
    "noise_law",
    "scaled_noise_law",
    "step_law",
    "step_transforms",
]

_NODES = 12
_NOISE_NODES = 16  # of M alone, whose law is long-tailed
_HEIGHT = 0.08  # smoothing of the transforms in units of √(φ₀ m_y)
_LEVELS_SEEN = 0.7  # the most that the same is in units of for the sign's noise, whose levels lie between 0 and 1
_STILL = 0.05  # variance of the sign's noise below which it is not resolved
_TOLERANCE = 1e-11
_BLOCK = 20_000  # elements of a block of points and labels: small enough for the cache, and for one thread
_RARE = 2_000  # labels beyond eight standard deviations that are kept one by one; more of them go to a grid
_EXHAUSTED = 1e-9  # of the largest point: what Lanczos leaves below it is rounding


@dataclass(frozen=True, eq=False)
class StepLaw:
    """Joint law of Ŷ and M, compressed to Gauss nodes.

    Attributes
    ----------
    nodes, weights : ndarray, shape (J,)
        Gauss rule of the spectral law ν of Ŷ; all nodes are 0 for the law of M alone.
    noise_nodes : ndarray, shape (J, 2)
        Two values of M given each node of Ŷ.
    noise_weights : ndarray, shape (J, 2)
        Their shares, which sum to one: mean, variance and third moment of M given y are those of the joint law.
    joint_nodes, joint_noise : ndarray, shape (J',)
        Values of Ŷ and of M.
    joint_weights : ndarray, shape (J', 1 + k, 1 + k)
        Matrix Gauss rule of ν_ab(dy) for a, b among β̂ and the ξ̂_c = (I − eeᵀ)^(-1/2)(W⋆ − eβ̂ᵀ); the weights are
        positive semidefinite and sum to the identity.
    """

    nodes: np.ndarray
    weights: np.ndarray
    noise_nodes: np.ndarray
    noise_weights: np.ndarray
    joint_nodes: np.ndarray
    joint_noise: np.ndarray
    joint_weights: np.ndarray


def step_transforms(problem: Problem, zeta: np.ndarray, *, squared: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Transform m(ζ) = ∫ν(dy)/(y − ζ) of the law of Ŷ, and the matrix ∫ν_ab(dy)/(y − ζ) on β̂, ξ̂_1 … ξ̂_k.

    Parameters
    ----------
    problem : Problem
    zeta : ndarray of complex, shape (P,)
        Points of the upper half plane, not much closer to the real axis than 0.02 √(φ₀ m_y).
    squared : bool
        The same for M = X₀ᵀ diag(y₀²) X₀/n₀.

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
    labels = step_labels(problem)
    law = _expectations(labels, zeta.imag.min() / problem.phi0 / 2.5, squared)
    power = float(law.pull**2 @ law.masses[:, 0])
    start = _solve_transform(zeta.real + 1j * np.maximum(zeta.imag, power), None, law, problem.phi0)
    m = _solve_transform(zeta, start, law, problem.phi0)
    return m, _joint_transform(zeta, m, law, statistics_of_labels(labels), problem.phi0)[0]


def step_law(problem: Problem) -> StepLaw:
    """Joint law of Ŷ = X₀ᵀ diag(y₀) X₀/n₀ and M = X₀ᵀ diag(y₀²) X₀/n₀, compressed to 12 × 2 Gauss nodes.

    The transforms are evaluated at heights h, 2h and 3h above a grid of step h/2 and combined with weights 3, −3, 1,
    which leaves an error O(h³); Lanczos turns the measure on the grid into Gauss nodes. The result depends on the
    labels and φ₀ only, and is cached.

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
    return _law(step_labels(problem), False)


def noise_law(problem: Problem) -> StepLaw:
    """Law of M = X₀ᵀ diag(y₀²) X₀/n₀ alone, as `step_law` gives it together with that of Ŷ.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    StepLaw
        With every value of Ŷ at 0.

    Raises
    ------
    ArithmeticError
        If the law does not have mass 1 and mean m_y within 1 %, and second moment φ₀ E y⁴ + m_y² within half.
    """
    return _law(step_labels(problem), True)


@lru_cache(maxsize=64)
def _law(labels: StepLabels, squared: bool) -> StepLaw:
    step = statistics_of_labels(labels)
    grid = measure_on_grid(labels, squared=squared)
    mean, spread = grid.mean, grid.scale
    second = spread**2 + mean**2
    moments = np.array([grid.nu.sum(), grid.nu @ grid.x, grid.nu @ grid.x**2])
    expected = np.array([1.0, mean, second])
    defect = np.abs(moments - expected) / [1.0, math.sqrt(second), second]
    if squared:
        # Labels rarer than 1e-7 hold much of E y⁴ where they are polynomials; no batch has them.
        defect[2] *= 0.02
    spill = np.max(np.abs(grid.joint.sum(axis=0) - np.eye(len(grid.joint[0]))))
    if max(defect.max(), spill) > 1e-2:
        raise ArithmeticError(
            f"the law of {'M' if squared else 'Ŷ'} came out with moments {moments} instead of {expected} and joint "
            f"mass off by {spill:.2g}; the labels' tails are too heavy for the grid: use "
            f"{'a bounded target' if squared else '`gradient_order` = 1 or a bounded target'}"
        )
    # M is positive and its law long-tailed: a Gauss rule of its root has more nodes in the bulk and keeps its mean
    x, count = (np.sqrt(np.maximum(grid.x, 0.0)), _NOISE_NODES) if squared else (grid.x, _NODES)
    nodes, masses = block_lanczos(x, np.maximum(grid.nu - grid.atom, 0.0)[:, None, None], count)
    # The lobes below zero that were cut off beside sharp edges took 0.1 % of the variance along: mean and variance are
    # known, and the neurons' norms rest on them.
    weights = masses[:, 0, 0]
    centred = nodes - weights @ nodes
    if squared:
        null = float(grid.atom.sum())
        nodes, weights = nodes**2, (1.0 - null) * weights
        nodes = nodes * (mean / (weights @ nodes))
        if null > 0.0:
            nodes, weights = np.append(nodes, 0.0), np.append(weights, null)
    else:
        nodes = mean + centred * (spread / math.sqrt(weights @ centred**2))
    block = 1 + labels.target.k
    joint_nodes, joint_weights = block_lanczos(grid.x, grid.joint, max(3, _NODES // block))
    if squared:
        still = np.zeros(len(nodes))
        split = np.repeat(nodes[:, None], 2, axis=1), np.full((len(nodes), 2), 0.5)
        return StepLaw(still, weights, *split, np.zeros(len(joint_nodes)), joint_nodes, joint_weights)
    return StepLaw(
        nodes,
        weights,
        *_noise_given(grid, nodes, weights, step.label_power),
        joint_nodes,
        _noise_on_directions(grid, joint_nodes, joint_weights),
        joint_weights,
    )


@lru_cache(maxsize=64)
def scaled_noise_law(
    labels: StepLabels, white: tuple[float, ...], slope: tuple[float, ...], shares: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Law of V = Δ + S(M/m_y)S for diagonal Δ and S, compressed to 16 Gauss nodes.

    M is free of the diagonals: with w = y²/m_y, q(ζ) = E[S²/(Δ + gS² − ζ)] and g = E[w/(1 + φ₀wq)] the transform of the
    law is E[1/(Δ + gS² − ζ)]. Evaluated on a grid and compressed as in `step_law`; its mean is E[Δ + S²]. Levels with
    next to no noise, Δ + S² < 0.05, are nodes of their own.

    Parameters
    ----------
    labels : StepLabels
    white, slope, shares : tuple of float
        Δ and S at levels of the coordinates, and the share of each.

    Returns
    -------
    nodes, weights : ndarray, shape (J,)

    Raises
    ------
    ArithmeticError
        If the law does not have mass 1 and its mean within 1 %.
    """
    step, phi0, p = statistics_of_labels(labels), labels.phi0, np.array(shares)
    square = np.array(slope) ** 2
    levels = np.array(white) + square
    mean, strength = float(p @ levels), float(p @ square)
    still = levels < _STILL
    mass, rest = float(p @ ~still), float(p @ (levels * ~still))
    heavy = math.sqrt(phi0 * step.label_fourth) / step.label_power
    spread = math.sqrt(float(p @ (levels - mean) ** 2) + (strength * heavy) ** 2)
    scale = min(spread, _LEVELS_SEEN)
    law = _expectations(labels, _HEIGHT * heavy * (scale / spread) * step.label_power / phi0 / 2.5, True)
    reach = float(levels.max()) + 8.0 * spread + phi0 * _largest(law) / step.label_power * float(square.max())
    t, x, jacobian = _grid(scale, reach, positive=True)
    height = _HEIGHT * scale * jacobian

    def solved(zeta: np.ndarray, q: np.ndarray, tolerance: float = _TOLERANCE) -> tuple[np.ndarray, np.ndarray]:
        """q and the transform at every ζ, by Newton from a start in the upper half plane."""
        q = q.real + 1j * np.maximum(q.imag, 1e-12)
        for _ in range(80):
            pole = -step.label_power / (phi0 * q)
            first, second = _mean_inverse(law, pole)
            g = (1.0 + pole * first) / (phi0 * q)
            slope_of_g = -(1.0 + 2.0 * pole * first + pole**2 * second) / (phi0 * q**2)
            inverse = 1.0 / (levels - square + g[:, None] * square - zeta[:, None])
            f = q - inverse @ (p * square)
            if np.max(np.abs(f) / np.abs(q)) < tolerance:
                return q, inverse @ np.where(still, 0.0, p)
            moved = q - f / (1.0 + slope_of_g * (inverse**2 @ (p * square**2)))
            q = np.where(moved.imag > 0.0, moved, q.real + 0.5j * q.imag)
        raise ArithmeticError(
            f"the law of the sign's noise did not converge: residual {np.max(np.abs(f) / np.abs(q)):.2g}; use a "
            "bounded target"
        )

    onward = x[::6] + 30j * height[::6]
    coarse = strength / (mean - onward)
    for factor in (30, 10, 3):
        coarse = solved(x[::6] + 1j * factor * height[::6], coarse, 1e-6)[0]
    q, zeta, nu = _cubic(t[::6], coarse, t), x + 3j * height, np.zeros(len(x))
    for factor, weight in ((3, 1.0), (2, -3.0), (1, 3.0)):
        onward = x + 1j * factor * height
        q, m = solved(onward, _continued(q, zeta, onward))
        zeta = onward
        nu += weight * m.imag
    nu *= scale * jacobian * (t[1] - t[0]) / math.pi
    if max(abs(nu.sum() / mass - 1.0), abs(nu @ x / rest - 1.0)) > 1e-2:
        raise ArithmeticError(
            f"the law of the sign's noise came out with mass {nu.sum():.4g} and first moment {nu @ x:.4g} instead of "
            f"{mass:.4g} and {rest:.4g}; the labels' tails are too heavy for the grid: use a bounded target"
        )
    nodes, weights = block_lanczos(np.sqrt(np.maximum(x, 0.0)), np.maximum(nu, 0.0)[:, None, None], _NOISE_NODES)
    weights = mass * weights[:, 0, 0]
    nodes = nodes**2 * (rest / (weights @ nodes**2))
    return np.concatenate([levels[still], nodes]), np.concatenate([p[still], weights])


def _noise_given(
    grid: GridMeasure, nodes: np.ndarray, weights: np.ndarray, power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Two values of M and their shares at each node, of the moments that M has over the node's cell of the grid."""
    cells = np.searchsorted(0.5 * (nodes[1:] + nodes[:-1]), grid.x)
    mass, first, square, third = (np.bincount(cells, part, len(nodes)) for part in (grid.nu, *grid.noise))
    seen = mass > 1e-8  # below it the moments are rounding
    nearest = np.flatnonzero(seen)[np.argmin(np.abs(np.arange(len(nodes))[:, None] - np.flatnonzero(seen)), axis=1)]
    first, square, third = (
        first[nearest] / mass[nearest],
        square[nearest] / mass[nearest],
        third[nearest] / mass[nearest],
    )
    scale = power / (weights @ first)
    first, square, third = first * scale, square * scale**2, third * scale**3
    variance = np.maximum(square - first**2, 1e-12 * first**2)
    skew = (third - 3.0 * first * variance - first**3) / variance**1.5
    # the lower of two values with this mean, variance and skewness stays positive, as M is
    skew = np.maximum(skew, np.sqrt(variance) / first - first / np.sqrt(variance))
    root = np.sqrt(skew**2 + 4.0)
    values = first[:, None] + np.sqrt(variance)[:, None] * 0.5 * np.stack([skew - root, skew + root], axis=1)
    return values, 0.5 * np.stack([1.0 + skew / root, 1.0 - skew / root], axis=1)


def _noise_on_directions(grid: GridMeasure, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of M in the direction that each node of ν_ab stands for, near the node."""
    block = weights.shape[1]
    right = nodes[np.minimum(np.arange(len(nodes)) + block, len(nodes) - 1)]
    left = nodes[np.maximum(np.arange(len(nodes)) - block, 0)]
    near = np.exp(-0.5 * ((grid.x - nodes[:, None]) / (0.25 * (right - left))[:, None]) ** 2)
    mass = np.einsum("jx,xab,jab->j", near, grid.joint, weights, optimize=True)
    noise = np.einsum("jx,xab,jab->j", near, grid.joint_noise, weights, optimize=True)
    values = np.maximum(noise / mass, 0.0)
    total = np.trace(grid.joint_noise.sum(axis=0))
    return values * (total / np.sum(values * np.trace(weights, axis1=1, axis2=2)))


@dataclass(frozen=True, eq=False)
class GridMeasure:
    """Masses of ν and ν_ab on a grid.

    Attributes
    ----------
    x, nu : ndarray, shape (G,)
    joint : ndarray, shape (G, 1 + k, 1 + k)
    noise : tuple of ndarray, shape (G,)
        E[M^k | y] ν for k = 1, 2, 3; zero where the law is that of M itself.
    joint_noise : ndarray, shape (G, 1 + k, 1 + k)
        The symmetrised M beside the resolvent on β̂, ξ̂_1 … ξ̂_k.
    mean, scale : float
        Exact mean and standard deviation of ν.
    atom : ndarray, shape (G,)
        Of ν what stands for the null space of M, for n₀ < d; zero for the law of Ŷ.
    """

    x: np.ndarray
    nu: np.ndarray
    joint: np.ndarray
    noise: tuple[np.ndarray, ...]
    joint_noise: np.ndarray
    mean: float
    scale: float
    atom: np.ndarray


def measure_on_grid(labels: StepLabels, *, squared: bool = False) -> GridMeasure:
    """Masses of ν and ν_ab on a grid that is fine in the bulk and widens slowly (x = 20s sinh(t/20)) in the tails.

    Parameters
    ----------
    labels : StepLabels
    squared : bool
        The law of M in the place of that of Ŷ.

    Returns
    -------
    GridMeasure
    """
    step, phi0, k = statistics_of_labels(labels), labels.phi0, labels.target.k
    mean = step.label_power if squared else step.label_mean
    scale = math.sqrt(phi0 * (step.label_fourth if squared else step.label_power))
    law = _expectations(labels, _HEIGHT * scale / phi0 / 2.5, squared)
    pull = float(np.linalg.norm(_matrix_part(law.pull @ law.masses, k), 2))
    t, x, jacobian = _grid(scale, 8.0 * scale + phi0 * _largest(law) + 1.5 * pull, positive=squared)
    height = _HEIGHT * scale * jacobian

    coarse = None
    for factor in (30, 10, 3):
        coarse = _solve_transform(x[::6] + 1j * factor * height[::6], coarse, law, phi0, tolerance=1e-6)
    m = _cubic(t[::6], np.asarray(coarse), t)
    zeta = x + 3j * height
    nu, joint, joint_noise = np.zeros(len(x)), np.zeros((len(x), 1 + k, 1 + k)), np.zeros((len(x), 1 + k, 1 + k))
    noise, atom = np.zeros((3, len(x))), np.zeros(len(x))
    null = max(0.0, 1.0 - float(law.masses[law.pull > 0.0, 0].sum()) / phi0) if squared else 0.0
    for factor, weight in ((3, 1.0), (2, -3.0), (1, 3.0)):
        onward = x + 1j * factor * height
        m = _solve_transform(onward, _continued(m, zeta, onward), law, phi0)
        zeta = onward
        nu += weight * m.imag
        atom += weight * (-null / zeta).imag
        on_directions, noise_on_directions, given = _joint_transform(zeta, m, law, step, phi0)
        joint += weight * on_directions.imag
        joint_noise += weight * noise_on_directions.imag
        noise += weight * given.imag
    spacing = scale * jacobian * (t[1] - t[0]) / math.pi
    return GridMeasure(
        x,
        nu * spacing,
        joint * spacing[:, None, None],
        tuple(noise * spacing),
        joint_noise * spacing[:, None, None],
        mean,
        scale,
        atom * spacing,
    )


def _grid(scale: float, reach: float, *, positive: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """t, x = 20s sinh(t/20) and its slope over s, from −reach to reach, or from just below zero."""
    stretch, dt = 20.0, 0.5 * _HEIGHT
    t_max = stretch * math.asinh(reach / (stretch * scale))
    t = np.arange(-t_max, t_max + dt, dt)
    if positive:
        t = t[stretch * scale * np.sinh(t / stretch) > -2.0 * scale]
    return t, stretch * scale * np.sinh(t / stretch), np.cosh(t / stretch)


def _largest(law: _Expectations) -> float:
    """What stands beside x xᵀ, beyond which one label in 10⁷ lies."""
    order = np.argsort(np.abs(law.pull))
    beyond = np.cumsum(law.masses[order[::-1], 0])[::-1]
    return float(np.abs(law.pull[order[np.flatnonzero(beyond > 1e-7)[-1]]]))


@dataclass(frozen=True, eq=False)
class _Expectations:
    """Nodes of the label.

    Attributes
    ----------
    y, pull : ndarray, shape (L,)
        The label, and what stands beside x xᵀ: y for Ŷ and y² for M.
    masses : ndarray, shape (L, 1 + k + k²)
        Masses of 1, z_a and z_a z_b.
    """

    y: np.ndarray
    pull: np.ndarray
    masses: np.ndarray


def _expectations(labels: StepLabels, resolution: float, squared: bool) -> _Expectations:
    """The label's law for functions of `pull` that are analytic within 2.5 `resolution` of the real line."""
    if squared:  # y² = p has the imaginary part Im p/2y; four standard deviations hold the bulk
        resolution = resolution / (8.0 * math.sqrt(statistics_of_labels(labels).label_power))
    y, masses = _label_measure(labels.target, labels.noise, labels.start, resolution)
    return _Expectations(y, y**2 if squared else y, masses)


@lru_cache(maxsize=8)
def _label_measure(target: Target, noise: float, start: float, resolution: float) -> tuple[np.ndarray, np.ndarray]:
    """The law of the label and of its latents: nodes y (L,) and masses of 1, z_a, z_a z_b at each, (L, 1 + k + k²).

    Good for functions of y that are analytic within 2.5 `resolution` of the real line. Gaussian noise is convolved
    exactly on an equidistant grid, where the trapezoid rule converges geometrically; noise too small for that is a
    three-node Gauss rule, and so is the noise on the rare labels beyond eight standard deviations.
    """
    nodes, weights, g = latent_rule(target)
    g = g - start
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
    if core.any() and len(far_y) > _RARE:
        far_y, far = _gathered(far_y, far, 0.5 * resolution)
    if not core.any():
        return far_y, far
    grid = np.arange(-reach - 7.0 * noise, reach + 8.0 * noise, spacing)
    half = math.ceil(7.0 * noise / spacing)
    index = np.rint((g[core] - grid[0]) / spacing).astype(int)[:, None] + np.arange(-half, half + 1)
    index = np.clip(index, 0, len(grid) - 1)
    kernel = np.exp(-0.5 * ((grid[index] - g[core, None]) / noise) ** 2)
    kernel *= spacing / (noise * math.sqrt(2.0 * math.pi))
    spread = np.column_stack(
        [
            np.bincount(index.ravel(), (kernel * column[:, None]).ravel(), minlength=len(grid))
            for column in masses[core].T
        ]
    )
    keep = spread[:, 0] > 1e-14
    return np.concatenate([grid[keep], far_y]), np.concatenate([spread[keep], far])


def _gathered(y: np.ndarray, masses: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Each mass on the two points of a grid that are next to it, its mean kept."""
    left = np.floor(y / spacing)
    share = (y / spacing - left)[:, None]
    points, index = np.unique(np.concatenate([left, left + 1.0]), return_inverse=True)
    parted = np.concatenate([(1.0 - share) * masses, share * masses])
    return spacing * points, np.column_stack([np.bincount(index, column, len(points)) for column in parted.T])


def _solve_transform(
    zeta: np.ndarray, m: np.ndarray | None, law: _Expectations, phi0: float, *, tolerance: float = _TOLERANCE
) -> np.ndarray:
    """Newton for 1 + ζm = (1 − E[1/(1 + φ₀ y m)])/φ₀ at every ζ, from a start in the upper half plane."""
    m = -1.0 / zeta if m is None else m
    m = m.real + 1j * np.maximum(m.imag, 1e-12)
    for _ in range(80):
        pole = -1.0 / (phi0 * m)
        first, second = _mean_inverse(law, pole)
        f = 1.0 + zeta * m - (1.0 + pole * first) / phi0
        if np.max(np.abs(f)) < tolerance * (1.0 + np.max(np.abs(zeta * m))):
            return m
        slope = zeta - (first + pole * second) / (phi0 * m) ** 2
        moved = m - f / slope
        m = np.where(moved.imag > 0.0, moved, m.real + 0.5j * m.imag)
    raise ArithmeticError(
        f"the transform of the law of the step did not converge: residual {np.max(np.abs(f)):.2g}; "
        "evaluate farther from the real axis or use `gradient_order` = 1"
    )


def _mean_inverse(law: _Expectations, pole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[1/(pull − pole)] and E[1/(pull − pole)²], in real arithmetic: a complex division takes as long as the rest."""
    shares = np.ascontiguousarray(law.masses[:, 0])
    first, second = np.empty((2, len(pole)), dtype=complex)
    for rows in _blocks(len(pole), len(shares)):
        away, height = law.pull - pole.real[rows, None], pole.imag[rows, None]
        scale = 1.0 / (away * away + height * height)
        along, across = away * scale, height * scale
        first.real[rows], first.imag[rows] = along @ shares, across @ shares
        second.real[rows] = ((along - across) * (along + across)) @ shares
        second.imag[rows] = 2.0 * ((along * across) @ shares)
    return first, second


def _averages(law: _Expectations, pole: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Σ columns/(pull − pole), shape (P, C)."""
    averages = np.empty((len(pole), columns.shape[1]), dtype=complex)
    for rows in _blocks(len(pole), len(law.pull)):
        away, height = law.pull - pole.real[rows, None], pole.imag[rows, None]
        scale = 1.0 / (away * away + height * height)
        averages.real[rows], averages.imag[rows] = (away * scale) @ columns, (height * scale) @ columns
    return averages


def _blocks(points: int, labels: int) -> list[slice]:
    """Rows of points that stay within one thread of the linear algebra library, whose threads cost more than they are
    worth."""
    rows = max(1, min(16, _BLOCK // labels))
    return [slice(i, i + rows) for i in range(0, points, rows)]


def _continued(m: np.ndarray, zeta: np.ndarray, onward: np.ndarray) -> np.ndarray:
    """An analytic function at points beside the line on which it is known, to third order."""
    series, power, derivative = m, np.ones_like(m), m
    for order in (1, 2, 3):
        derivative = np.gradient(derivative) / np.gradient(zeta)
        power = power * (onward - zeta) / order
        series = series + power * derivative
    return series


def _cubic(knots: np.ndarray, values: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Cubic interpolation from the four nearest of equidistant knots."""
    step = knots[1] - knots[0]
    first = np.clip(((t - knots[0]) / step).astype(int) - 1, 0, len(knots) - 4)
    x = (t - knots[first]) / step
    weights = np.stack(
        [
            -(x - 1.0) * (x - 2.0) * (x - 3.0) / 6.0,
            x * (x - 2.0) * (x - 3.0) / 2.0,
            -x * (x - 1.0) * (x - 3.0) / 2.0,
            x * (x - 1.0) * (x - 2.0) / 6.0,
        ]
    )
    return np.sum(weights * values[first + np.arange(4)[:, None]], axis=0)


def _matrix_part(columns: np.ndarray, k: int) -> np.ndarray:
    return columns[..., 1 + k :].reshape(*columns.shape[:-1], k, k)


def _joint_transform(
    zeta: np.ndarray, m: np.ndarray, law: _Expectations, step: StepStatistics, phi0: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """∫ν_ab(dy)/(y − ζ) for a, b among β̂, ξ̂_1 … ξ̂_k, from the transforms on β and W⋆; the same with the symmetrised
    M beside the resolvent; and tr M^k(Ŷ − ζ)^(-1)/d for k = 1, 2, 3."""
    y, masses, k = law.y, law.masses, len(step.overlap)
    pole = -1.0 / (phi0 * m)
    vector = y[:, None] * masses[:, 1 : 1 + k]
    powers = masses[:, :1] * y[:, None] ** [0, 1, 2, 3, 4, 6]
    columns = np.concatenate(
        [masses[:, 1 + k :], vector, powers, y[:, None] ** 2 * masses[:, 1 + k :], y[:, None] ** 2 * vector], 1
    )
    # q = E[· /(1 + φ₀ · m)]
    q = -pole[:, None] * _averages(law, pole, columns)
    zz, yz, powers, y2zz, y3z = np.split(q, np.cumsum([k * k, k, 6, k * k]), axis=1)
    S = np.linalg.inv(-zeta[:, None, None] * np.eye(k) + (np.eye(k) - zz.reshape(-1, k, k)) / (phi0 * m)[:, None, None])
    Sv = np.einsum("pij,pj->pi", S, yz)
    bb = phi0 * m * powers[:, 2] + np.einsum("pi,pi->p", yz, Sv)
    joint = _on_frame(bb, Sv, S, step, phi0)
    # M beside the resolvent: x_jᵀ(Ŷ − ζ)^(-1)β is (zᵀSv + φ₀ y m)/(1 + φ₀ y m), and alike.
    y2zz = y2zz.reshape(-1, k, k)
    linear = step.linear
    ww = y2zz @ S
    wb = np.einsum("pij,pj->pi", y2zz, Sv) + (phi0 * m)[:, None] * y3z
    bw = np.einsum("pi,pij->pj", linear @ y2zz + phi0 * y3z + powers[:, 2:3] * (yz - linear), S)
    mixed = linear @ y2zz + phi0 * y3z
    noise_bb = (
        np.einsum("pi,pi->p", mixed, Sv)
        + phi0 * m * (y3z @ linear + phi0 * powers[:, 4])
        + (bb - Sv @ linear) * powers[:, 2]
    )
    joint_noise = _on_frame(noise_bb, 0.5 * (wb + bw), 0.5 * (ww + np.swapaxes(ww, 1, 2)), step, phi0)
    q2, q4, q6 = powers[:, 2], powers[:, 4], powers[:, 5]
    given = m * np.stack(
        [q2, q2**2 + phi0 * q4, q2**3 + 2.0 * phi0 * q2 * q4 + phi0 * q4 * step.label_power + phi0**2 * q6]
    )
    return joint, joint_noise, given


def _on_frame(bb: np.ndarray, bw: np.ndarray, ww: np.ndarray, step: StepStatistics, phi0: float) -> np.ndarray:
    """Forms on β and W⋆ as forms on β̂ and ξ̂ = (I − eeᵀ)^(-1/2)(W⋆ − eβ̂ᵀ)."""
    e = step.overlap
    k = len(e)
    bb, bw = bb / step.beta_norm2, bw / math.sqrt(step.beta_norm2)
    # (I − eeᵀ)^(-1/2): its stretch along e is 1/√(1 − |e|²) = ‖β‖/√(φ₀ m_y)
    root = np.eye(k)
    if e.any():
        root += (math.sqrt(step.beta_norm2 / (phi0 * step.label_power)) - 1.0) * np.outer(e, e) / (e @ e)
    joint = np.empty((len(bb), 1 + k, 1 + k), dtype=complex)
    joint[:, 0, 0] = bb
    joint[:, 0, 1:] = joint[:, 1:, 0] = (bw - e * bb[:, None]) @ root
    cross = e[:, None] * bw[:, None, :]
    joint[:, 1:, 1:] = root @ (ww - cross - np.swapaxes(cross, 1, 2) + np.outer(e, e) * bb[:, None, None]) @ root
    return joint


def block_lanczos(x: np.ndarray, masses: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix Gauss rule of a positive matrix measure on the points x: nodes (J,) and weights (J, c, c) of total mass I.

    Block Lanczos, with full reorthogonalisation, for multiplication by x started from the square roots of the masses;
    J = steps · c, exact for polynomials of degree 2·steps − 1; fewer where the measure has no more.
    """
    c = masses.shape[1]
    value, vector = np.linalg.eigh(0.5 * (masses + np.swapaxes(masses, 1, 2)))
    root = vector * np.sqrt(np.maximum(value, 0.0))[:, None, :]  # mass = root rootᵀ
    start = np.swapaxes(root, 1, 2).reshape(-1, c)  # rows (point, c), one column per direction
    location = np.repeat(x, c)[:, None]
    basis, _ = np.linalg.qr(start)
    turn = np.einsum("ia,ib->ab", basis, start)  # start = basis · turn
    blocks = [basis]
    for _ in range(steps - 1):
        fresh = location * blocks[-1]
        for _ in range(2):
            for block in blocks:
                fresh = fresh - np.einsum("ia,ab->ib", block, np.einsum("ia,ib->ab", block, fresh))
        block, size = np.linalg.qr(fresh)
        left = np.abs(np.diag(size)) > _EXHAUSTED * np.max(np.abs(x))
        if not left.any():
            break  # the rule is exact
        if not left.all():
            # nothing is left in a direction: any other across the rest does, its weight is nothing
            block[:, ~left] = np.cos(np.outer(np.arange(len(block)), 1.0 + np.flatnonzero(~left)))
            for _ in range(2):
                for other in blocks:
                    block = block - np.einsum("ia,ab->ib", other, np.einsum("ia,ib->ab", other, block))
                block = np.linalg.qr(block)[0]
        blocks.append(block)
    span = np.concatenate(blocks, axis=1)
    nodes, modes = np.linalg.eigh(np.einsum("ia,ib->ab", span, location * span))
    rows = turn.T @ modes[:c]
    weights = rows.T[:, :, None] * rows.T[:, None, :]
    total = np.linalg.cholesky(weights.sum(axis=0))
    return nodes, np.linalg.solve(total, np.swapaxes(np.linalg.solve(total, weights), 1, 2))
