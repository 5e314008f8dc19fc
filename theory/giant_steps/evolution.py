"""State evolution: overlaps M = WW⋆ᵀ and Q = WWᵀ through several giant steps of n = δd samples, as d → ∞.

With λ = Wx, latents z = W⋆x, residual r and ψ_i = r σ′(λ_i), one step moves
M′ = M + diag(α) E[ψzᵀ] and Q′ = Q + X + Xᵀ + diag(α)[E H E Hᵀ + Φ/δ] diag(α), X = diag(α) E[ψλᵀ], Φ = E[ψψᵀ],
E H = E[ψyᵀ] with y an orthonormal basis of the span of (z, λ). α_i = η a_i here, which is ηa_i/√p in the giant-step
literature, whose η is √N times ours: a_i = ±1/√N and η = √N give α = ±1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from theory.giant_steps.activation_moments import activation_moments, is_named, smoothed_slope
from theory.giant_steps.slope_products import erf_fourth_moments, independent_fourth_moments, slope_times_feature
from theory.quadrature import gaussian_nodes, tensor_gauss_hermite
from theory.statement.activation import Activation, as_activation
from theory.statement.arguments import count, integer
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.statement.target import Target, as_target
from theory.step_labels import latent_rule

__all__ = [
    "StateEvolution",
    "StepMoments",
    "independent_step",
    "interacting_step",
    "state_evolution",
    "step_moments",
]

_ACROSS = {1: 1, 2: 40, 3: 28, 4: 14, 5: 9, 6: 7}  # Gauss-Hermite nodes on the axes across m
_RANDOMISATIONS = 16
_ERF_NEURONS = 40  # closed forms for erf cost N⁴
_RANK = 1e-12
_MOST_STEPS = 10_000
_CHUNK = 2**14


# Neurons that do not interact -----------------------------------------------------------------------------------------


def independent_step(
    target: str | Callable | Target,
    activation: str | Activation,
    m: np.ndarray,
    q: np.ndarray,
    alpha: np.ndarray | float,
    *,
    delta: float,
    noise: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of neurons that see the labels, not each other: overlaps m and squared norms q after it.

    With s² = q − |m|², μ = m·z, S₁, S₁ₓ, S₂ the smoothed slopes and b = E[g S₁ₓ],
    m′ = m + αE[g S₁ z] and q′ = q + 2α(E[g μ S₁] + s b) + α²(|E[g S₁ z]|² + b² + E[(g² + D) S₂]/δ).

    Parameters
    ----------
    target, activation
        g of at most six latents, and σ.
    m : ndarray, shape (N, k)
    q : ndarray, shape (N,)
        Larger than |m|².
    alpha : float or ndarray, shape (N,)
        The neurons' steps α_i = η a_i.
    delta : float
        δ = n/d > 0.
    noise : float
        Standard deviation of the label noise; D is its square.

    Returns
    -------
    m, q : ndarray, shape (N, k) and (N,)

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    target, sigma = as_target(target), as_activation(activation)
    _check_delta(delta)
    if target.k > max(_ACROSS):
        raise ValueError(f"`target` must have at most {max(_ACROSS)} latents; got {target.k}")
    m = np.array(m, dtype=float, ndmin=2)
    q = np.broadcast_to(np.asarray(q, dtype=float), len(m))
    alpha = np.broadcast_to(np.asarray(alpha, dtype=float), len(m))
    if m.shape[1] != target.k:
        raise ValueError(f"`m` must have shape (N, {target.k}); got {m.shape}")
    if not np.all(q - np.sum(m**2, axis=1) > 0.0):
        raise ValueError(f"`q` must be larger than |m|²; got {q.tolist()} for m = {m.tolist()}")
    # neurons in the same state move alike
    states, index = np.unique(np.column_stack([m, q, alpha]), axis=0, return_inverse=True)
    moved = np.array([_move(target, sigma, s[:-2], s[-2], s[-1], delta, noise**2) for s in states])[np.ravel(index)]
    return moved[:, :-1], moved[:, -1]


def _move(
    target: Target, sigma: Activation, m: np.ndarray, q: float, alpha: float, delta: float, noise2: float
) -> np.ndarray:
    size = float(np.linalg.norm(m))
    s = math.sqrt(q - size**2)
    k = target.k
    t, weights, z = _rule_along(m, target)
    slope = smoothed_slope(sigma, size * t, s)
    g = target(z).reshape(len(t), -1)
    across = weights / weights.sum(axis=1, keepdims=True)
    along = weights.sum(axis=1)
    # means over the axes across m, where the slopes do not vary
    g0, g2 = np.sum(across * g, axis=1), np.sum(across * g**2, axis=1)
    gz = np.einsum("tr,tr,trc->tc", across, g, z.reshape(len(t), -1, k))
    push = (along * slope.mean) @ gz
    b = float(along @ (slope.tilt * g0))
    inner = float(m @ push) + s * b
    power = float(along @ (slope.power * (g2 + noise2)))
    return np.append(m + alpha * push, q + 2.0 * alpha * inner + alpha**2 * (push @ push + b**2 + power / delta))


def _rule_along(m: np.ndarray, target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rule for the latents whose first axis lies along m, in panels fine enough for any slope.

    Returns
    -------
    t : ndarray, shape (T,)
    weights : ndarray, shape (T, R)
    z : ndarray, shape (T · R, k)
    """
    k = target.k
    size = float(np.linalg.norm(m))
    if k == 1:
        sign = -1.0 if m[0] < 0.0 else 1.0
        t, w = gaussian_nodes(tuple(sorted(sign * x for x in target.kinks)))
        return t, w[:, None], sign * t[:, None]
    t, w = gaussian_nodes()
    axis = m / size if size > 0.0 else np.eye(k)[0]
    frame = np.linalg.qr(np.column_stack([axis, np.eye(k)]))[0]
    frame[:, 0] = axis
    grid, product = tensor_gauss_hermite(_ACROSS[k], k - 1)
    points = np.concatenate([np.repeat(t, len(grid))[:, None], np.tile(grid, (len(t), 1))], axis=1)
    return t, np.outer(w, product), points @ frame.T


# Neurons that interact through the residual ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class StepMoments:
    """What one step needs to know of its residual.

    Attributes
    ----------
    on_latents : ndarray, shape (N, k)
        E[ψ zᵀ].
    on_neurons : ndarray, shape (N, N)
        E[ψ λᵀ].
    span : ndarray, shape (N, N)
        E H E Hᵀ.
    power : ndarray, shape (N, N)
        Φ = E[ψψᵀ].
    power_in_span : ndarray, shape (N, N) or None
        E[ψψᵀ|y|²], for the bracket at finite d.
    dimension : int
        Of the span of (z, λ).
    mean_error, power_error : float
        Largest standard error of E[ψzᵀ], E[ψλᵀ] and of Φ, E[ψψᵀ|y|²]/dim: 0 for closed forms.
    """

    on_latents: np.ndarray
    on_neurons: np.ndarray
    span: np.ndarray
    power: np.ndarray
    power_in_span: np.ndarray | None
    dimension: int
    mean_error: float
    power_error: float


def step_moments(
    problem: Problem,
    a: np.ndarray,
    M: np.ndarray,
    Q: np.ndarray,
    *,
    finite_d: bool = False,
    points: int = 2**18,
    seed: int = 0,
) -> StepMoments:
    """Moments of ψ_i = r σ′(λ_i), r = g(z) + noise − Σ_l A_l σ(λ_l), A = a/√N, for (z, λ) ~ N(0, [[I, Mᵀ], [M, Q]]).

    Closed forms where they exist: E[ψzᵀ] and E[ψλᵀ] for relu and erf; Φ for erf with up to 40 neurons, and for every
    activation while the neurons are independent of each other and of the target. Randomised quasi-Monte Carlo
    elsewhere (16 scrambled Sobol sequences, their scatter is the error): Φ of relu is a four-point function.

    Parameters
    ----------
    problem : Problem
        Activation (centred or not), target and noise.
    a : ndarray, shape (N,)
    M : ndarray, shape (N, k)
    Q : ndarray, shape (N, N)
        Positive semidefinite with M; it may be singular.
    finite_d : bool
        Work out E[ψψᵀ|y|²] as well.
    points : int
        Quasi-Monte Carlo points, at least 512.
    seed : int
        Of the scrambling.

    Returns
    -------
    StepMoments

    Raises
    ------
    ValueError
        If shapes do not match, Q − MMᵀ is not positive semidefinite, or `points` is too small.
    """
    a, M, Q = _checked(problem, a, M, Q, points)
    sigma, k, N = problem.sigma, problem.teacher.k, len(a)
    A = a / math.sqrt(N)
    shift = float(activation_moments(sigma).c[0]) * float(A.sum()) if problem.centered else 0.0  # f counts σ − shift
    V = Q - M @ M.T
    L = _root(V)
    closed = _means(problem, A, M, Q, V, shift)
    independent = not M.any() and not (Q - np.diag(np.diag(Q))).any()
    power = power_in_span = None
    power_error = 0.0
    z, w, g = latent_rule(problem.teacher)
    if independent:
        g_mean = float(w @ g) + shift
        g_power = float(w @ (g + shift) ** 2) + problem.noise**2
        power = independent_fourth_moments(sigma, np.diag(Q), A, g_mean, g_power)
    elif is_named(sigma, "erf") and N <= _ERF_NEURONS:
        power = erf_fourth_moments(Q, M, A, z, w, g + shift, problem.noise**2)
    mean_error = 0.0
    if closed is None or power is None or finite_d:
        sampled = _sample(problem, A, M, L, shift, points, seed, finite_d)
        if closed is None:
            closed, mean_error = (sampled["latents"][0], sampled["neurons"][0]), sampled["mean_error"]
        if power is None:
            power, power_error = sampled["power"]
        if finite_d:
            power_in_span, error = sampled["in_span"]
            power_error = max(power_error, error / (k + L.shape[1]))
    on_latents, on_neurons = closed
    # E[ψζᵀ] from E[ψλᵀ] = E[ψzᵀ]Mᵀ + E[ψζᵀ]Lᵀ
    rest = (on_neurons - on_latents @ M.T) @ L @ np.linalg.inv(L.T @ L) if L.shape[1] else np.zeros((N, 0))
    span = on_latents @ on_latents.T + rest @ rest.T
    return StepMoments(on_latents, on_neurons, span, power, power_in_span, k + L.shape[1], mean_error, power_error)


def _checked(
    problem: Problem, a: np.ndarray, M: np.ndarray, Q: np.ndarray, points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, M, Q = (np.asarray(v, dtype=float) for v in (a, M, Q))
    N, k = len(a), problem.teacher.k
    if a.shape != (N,) or M.shape != (N, k) or Q.shape != (N, N):
        raise ValueError(f"`M` and `Q` must have shapes ({N}, {k}) and ({N}, {N}); got {M.shape} and {Q.shape}")
    smallest = float(np.linalg.eigvalsh(Q - M @ M.T)[0])
    if smallest < -1e-9 * max(1.0, float(np.trace(Q))):
        raise ValueError(
            f"`Q` must be such that Q − MMᵀ is positive semidefinite; got smallest eigenvalue {smallest:.3g}"
        )
    integer("points", points, 32 * _RANDOMISATIONS)
    return a, M, Q


def _root(V: np.ndarray) -> np.ndarray:
    """L with LLᵀ = V and as many columns as V has rank."""
    values, vectors = np.linalg.eigh(0.5 * (V + V.T))
    keep = values > _RANK * max(1.0, float(values[-1]))
    return vectors[:, keep] * np.sqrt(values[keep])


def _means(
    problem: Problem, A: np.ndarray, M: np.ndarray, Q: np.ndarray, V: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """E[ψzᵀ] and E[ψλᵀ] in closed form up to an integral over the latents."""
    network = slope_times_feature(problem.sigma, Q, A, np.concatenate([M, Q], axis=1))
    if network is None:
        return None
    z, w, g = latent_rule(problem.teacher)
    N, k = M.shape
    label = np.empty((N, k + N))
    for i in range(N):
        s = math.sqrt(max(V[i, i], 1e-300))
        slope = smoothed_slope(problem.sigma, z @ M[i], s)
        weighted = w * (g + shift)
        push = (weighted * slope.mean) @ z
        label[i, :k] = push
        label[i, k:] = M @ push + (V[i] / s) * float(weighted @ slope.tilt)
    total = label - network
    return total[:, :k], total[:, k:]


def _sample(
    problem: Problem, A: np.ndarray, M: np.ndarray, L: np.ndarray, shift: float, points: int, seed: int, in_span: bool
) -> dict:
    """Randomised quasi-Monte Carlo over (z, ζ), λ = Mz + Lζ; the noise of the labels is integrated exactly."""
    from scipy.stats import qmc  # a second to import

    sigma, target, D = problem.sigma, problem.teacher, problem.noise**2
    (N, k), rank = M.shape, L.shape[1]
    levels = max(5, round(math.log2(points / _RANDOMISATIONS)))
    latents: list[np.ndarray] = []
    neurons: list[np.ndarray] = []
    power: list[np.ndarray] = []
    spread: list[np.ndarray] = []
    for generator in (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(_RANDOMISATIONS)):
        sobol = qmc.Sobol(k + rank, scramble=True, seed=generator)
        rows = 2**levels
        sums = [np.zeros((N, k)), np.zeros((N, N)), np.zeros((N, N)), np.zeros((N, N))]
        for start in range(0, rows, _CHUNK):
            u = sobol.random(min(_CHUNK, rows - start))
            y = ndtri(np.clip(u, 1e-15, 1.0 - 1e-15))
            lam = y[:, :k] @ M.T + y[:, k:] @ L.T
            slope = sigma.slope(lam)
            r = target(y[:, :k]) + shift - sigma(lam) @ A
            psi = r[:, None] * slope
            sums[0] += psi.T @ y[:, :k]
            sums[1] += psi.T @ lam
            sums[2] += psi.T @ psi + D * (slope.T @ slope)
            if in_span:
                norm2 = np.sum(y**2, axis=1)[:, None]
                sums[3] += psi.T @ (psi * norm2) + D * (slope.T @ (slope * norm2))
        for kept, total in zip((latents, neurons, power, spread), sums, strict=True):
            kept.append(total / rows)

    def summary(values: list[np.ndarray]) -> tuple[np.ndarray, float]:
        stacked = np.stack(values)
        return stacked.mean(axis=0), float(stacked.std(axis=0, ddof=1).max() / math.sqrt(_RANDOMISATIONS))

    found: dict[str, Any] = {"latents": summary(latents), "neurons": summary(neurons), "power": summary(power)}
    found["in_span"] = summary(spread)
    found["mean_error"] = max(found["latents"][1], found["neurons"][1])
    return found


def interacting_step(
    problem: Problem,
    a: np.ndarray,
    M: np.ndarray,
    Q: np.ndarray,
    *,
    finite_d: bool = False,
    points: int = 2**18,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """One step of neurons that interact: M′, Q′ and the numerical errors of both.

    Parameters
    ----------
    problem : Problem
        d, n₀ and η as well: δ = n₀/d and α = ηa.
    finite_d : bool
        Take E[M′] and E[Q′] at the problem's d, exact for any d ≥ k + rank(Q − MMᵀ), in place of the limit: the bracket
        is then (1 − 1/n)E H E Hᵀ + (1/n)[(d − k − rank)Φ + E[ψψᵀ|y|²]].

    Other parameters and exceptions are those of `step_moments`.

    Returns
    -------
    M, Q : ndarray, shape (N, k) and (N, N)
    M_error, Q_error : float
        Largest error of an entry from quasi-Monte Carlo; 0 for closed forms.

    Raises
    ------
    ValueError
        As `step_moments` raises.
    """
    require_isotropic(problem, "the state evolution of giant steps")
    require_gradient_descent(problem, "the state evolution of giant steps")
    moments = step_moments(problem, a, M, Q, finite_d=finite_d, points=points, seed=seed)
    alpha = problem.step_size * np.asarray(a, dtype=float)
    n, d = problem.n0, problem.d
    if finite_d:
        if d < moments.dimension:
            raise ValueError(f"`d` must be at least {moments.dimension}, the span of target and neurons; got {d}")
        noise = ((d - moments.dimension) * moments.power + moments.power_in_span) / n
        bracket = (1.0 - 1.0 / n) * moments.span + noise
    else:
        bracket = moments.span + (d / n) * moments.power
    X = alpha[:, None] * moments.on_neurons
    outer = np.outer(alpha, alpha)
    largest = float(np.max(np.abs(alpha), initial=0.0))
    M_error = largest * moments.mean_error
    Q_error = 2.0 * M_error + largest**2 * moments.power_error * d / n
    return (
        np.asarray(M, float) + alpha[:, None] * moments.on_latents,
        np.asarray(Q, float) + X + X.T + outer * bracket,
        M_error,
        Q_error,
    )


# Several steps --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class StateEvolution:
    """Overlaps through T steps.

    Attributes
    ----------
    M : ndarray, shape (T + 1, N, k)
    norm2 : ndarray, shape (T + 1, N)
        |w_i|², the diagonal of Q.
    Q : ndarray, shape (T + 1, N, N) or (T + 1, 0, 0)
        Empty for neurons that do not interact.
    M_error, Q_error : ndarray, shape (T + 1,)
        Numerical error that each step's own integrals add; 0 for closed forms.
    """

    M: np.ndarray
    norm2: np.ndarray
    Q: np.ndarray
    M_error: np.ndarray
    Q_error: np.ndarray

    @property
    def cosines(self) -> np.ndarray:
        """Cosines of the weights with the rows of W⋆, shape (T + 1, N, k)."""
        return self.M / np.sqrt(self.norm2)[..., None]


def state_evolution(
    problem: Problem,
    a: np.ndarray,
    *,
    steps: int,
    interacting: bool = True,
    start: tuple[np.ndarray, np.ndarray] | None = None,
    points: int = 2**18,
    seed: int = 0,
) -> StateEvolution:
    """Overlaps of a network of N neurons through several steps of n₀ = δd fresh samples each, as d → ∞.

    Parameters
    ----------
    problem : Problem
        Activation, target, noise, η, δ = n₀/d.
    a : ndarray, shape (N,)
        Second layer, of order N^(-1/2) (±1/√N or N(0, 1/N)). Two-valued a from M = 0, Q = I keep rank M ≤ 2 at every
        step: targets of three latents need a gaussian one.
    steps : int
        T.
    interacting : bool
        False for neurons that see the labels alone.
    start : (ndarray (N, k), ndarray (N, N)), optional
        M and Q before the first step; M = 0 and Q = I by default. The pairs of a symmetric
        start have Q_ij = 1.
    points, seed
        For quasi-Monte Carlo; see `step_moments`.

    Returns
    -------
    StateEvolution

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    require_isotropic(problem, "the state evolution of giant steps")
    require_gradient_descent(problem, "the state evolution of giant steps")
    steps = count("steps", steps, 1, _MOST_STEPS)
    a = np.asarray(a, dtype=float)
    N, k = len(a), problem.teacher.k
    M, Q = (np.zeros((N, k)), np.eye(N)) if start is None else (np.array(v, dtype=float) for v in start)
    Ms, norms, Qs, errors = [M], [np.diag(Q)], [Q if interacting else np.zeros((0, 0))], [(0.0, 0.0)]
    q = np.diag(Q)
    for step in range(int(steps)):
        if interacting:
            M, Q, error, norm_error = interacting_step(problem, a, M, Q, points=points, seed=seed + step)
            q = np.diag(Q)
            Qs.append(Q)
            errors.append((error, norm_error))
        else:
            M, q = independent_step(
                problem.teacher,
                problem.sigma,
                M,
                q,
                problem.step_size * a,
                delta=problem.n0 / problem.d,
                noise=problem.noise,
            )
            Qs.append(np.zeros((0, 0)))
            errors.append((0.0, 0.0))
        Ms.append(M)
        norms.append(q)
    of_M, of_Q = np.array(errors).T
    return StateEvolution(np.stack(Ms), np.stack(norms), np.stack(Qs), of_M, of_Q)


def _check_delta(delta: float) -> None:
    if not isinstance(delta, int | float | np.number) or isinstance(delta, bool) or not 0.0 < delta < math.inf:
        raise ValueError(f"`delta` must be positive and finite; got {delta!r}")
