"""What the first step of Adam, of Muon and of the powers between them adds to the neurons.

Row j of the gradient is G_j = a_j(c₁β + ξ_j), ξ_jk of variance σ_G²/d with σ_G² = φ₀m_yV + μ₂²(E y)², V = Var σ′(Z).

**Sign.** Given β, sign G_jk = sign(a_j)(h_k + noise of variance 1 − h_k²) with h_k = erf(c₁β_k√d/(√2 σ_G)). For a
teacher without preferred axes β_k√d/‖β‖ is standard normal: with r = c₁‖β‖/(√2 σ_G), E h² = (2/π) arcsin(2r²/(1 + 2r²))
and E hb = 2r/√(π(1 + 2r²)). The step η sign(G)/√(Nd) moves every neuron by θ = η/√N: by θ√(E h²) along ĥ, the noise
making up for the rest. Of the noise the part S_k ξ_jk√d/σ_G, S_k = 2φ(c₁β_k√d/σ_G), is linear in the gradient's own
noise, which has the covariance of the batch.

**Powers of the spectrum.** G = UΣVᵀ has one singular value c₁‖β‖ of order one and the rest of order N^(−1/2). The step
η N^(−(1−p)/2) UΣ^pVᵀ has the noise of every neuron at η/√N times a number of order one whatever p, and along β̂ it moves
neuron j by η N^(−(1−p)/2)(c₁‖β‖)^p g_j/√N: the ℓ-th spike of the features grows with n where p > 1 − 1/ℓ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, ndtr, owens_t

from theory.hermite import slope_moments
from theory.quadrature import gauss_hermite
from theory.statement.arguments import integer, real
from theory.statement.problem import Problem
from theory.step_labels import latent_rule, step_labels, step_statistics

__all__ = [
    "SignSpectrum",
    "SignStatistics",
    "SpectralNoise",
    "least_power",
    "sign_coordinates",
    "sign_levels",
    "sign_slope_cosine",
    "sign_spectrum",
    "sign_statistics",
    "spectral_noise",
    "spectral_signal",
    "spikes_at_power",
]

_MOST = 500  # steps of the iteration for g, a contraction but at the edge itself


@dataclass(frozen=True, eq=False)
class SignStatistics:
    """What the sign of the gradient is made of.

    Attributes
    ----------
    r : float
        c₁‖β‖/(√2 σ_G), the size of the signal in an entry of the gradient over its noise.
    mean_square : float
        E h².
    along_beta : float
        E hb, b = β_k√d/‖β‖.
    overlap : ndarray, shape (k,)
        Of ĥ with the target's directions: ρ E hb/√(E h²) where these have no preferred axes.
    slope, slope_square : float
        E S and E S².
    spread : float
        σ_G.
    """

    r: float
    mean_square: float
    along_beta: float
    overlap: np.ndarray
    slope: float
    slope_square: float
    spread: float

    @property
    def cosine(self) -> float:
        """cos(ĥ, β̂) = E hb/√(E h²)."""
        return self.along_beta / math.sqrt(self.mean_square)


def sign_statistics(
    problem: Problem, directions: np.ndarray | None = None, *, gradient_order: int = 2
) -> SignStatistics:
    """Moments of h = E[sign(a_j) sign G_jk] over the coordinates k.

    Parameters
    ----------
    problem : Problem
        Its `sparsity` says how the target's directions lie, uniformly random where it is None.
    directions : ndarray, shape (d,) or (k, d), optional
        The target's directions themselves, of unit length and orthogonal; in place of `sparsity`.
    gradient_order : {1, 2}
        1 leaves out what E y ≠ 0 adds to σ_G.

    Returns
    -------
    SignStatistics

    Raises
    ------
    ValueError
        If `directions` are not k orthonormal rows of length d.

    Examples
    --------
    >>> from theory import Problem
    >>> of = sign_statistics(Problem(n=1600, d=800, width=1000, activation="tanh", optimizer="sign"))
    >>> f"{of.mean_square ** 0.5:.4f} {of.overlap[0]:.4f}"
    '0.8355 0.6578'
    """
    step, slopes = step_statistics(problem), slope_moments(problem.sigma)
    power = problem.phi0 * step.label_power
    matrix = (slopes.second * step.label_mean) ** 2 if gradient_order == 2 else 0.0
    spread = math.sqrt(power * slopes.variance + matrix)
    norm = math.sqrt(step.beta_norm2)
    t = slopes.c1 / spread
    r = abs(t) * norm / math.sqrt(2.0)
    sign = math.copysign(1.0, t)
    given = _directions(problem, directions)
    if given is None:
        square = 2.0 / math.pi * math.asin(2.0 * r**2 / (1.0 + 2.0 * r**2))
        along = sign * 2.0 * r / math.sqrt(math.pi * (1.0 + 2.0 * r**2))
        slope = math.sqrt(2.0 / math.pi) / math.sqrt(1.0 + 2.0 * r**2)
        slope2 = 2.0 / math.pi / math.sqrt(1.0 + 4.0 * r**2)
        overlap = step.overlap * (along / math.sqrt(square))
        return SignStatistics(r, square, along, overlap, slope, slope2, spread)
    # β_k√d = mean + √(φ₀ m_y) ζ_k with the mean from the target
    mean = math.sqrt(problem.d) * (step.linear @ given)
    m, s2 = t * mean, t**2 * power
    at = m / math.sqrt(1.0 + s2)
    first = 2.0 * ndtr(at) - 1.0
    # E Φ(X)² is a bivariate normal probability
    second = ndtr(at) - 2.0 * owens_t(at, 1.0 / math.sqrt(1.0 + 2.0 * s2))
    square = float(np.mean(4.0 * second - 4.0 * ndtr(at) + 1.0))
    slope_at = 2.0 / math.sqrt(1.0 + s2) * np.exp(-0.5 * at**2) / math.sqrt(2.0 * math.pi)
    along = float(np.mean(mean * first + t * power * slope_at)) / norm
    overlap = given @ first / math.sqrt(problem.d * square)
    slope2 = float(np.mean(2.0 / math.pi / math.sqrt(1.0 + 2.0 * s2) * np.exp(-(m**2) / (1.0 + 2.0 * s2))))
    return SignStatistics(r, square, along, overlap, float(np.mean(slope_at)), slope2, spread)


def sign_levels(
    problem: Problem, of: SignStatistics, directions: np.ndarray | None = None, *, groups: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise of sign G along ĥ and the target's directions: it is 1 − h_k², next to none where the signal is strong.

    Parameters
    ----------
    problem : Problem
    of : SignStatistics
        Of the same problem and directions.
    directions : ndarray, optional
        As in `sign_statistics`.
    groups : int
        Levels of 1 − h².

    Returns
    -------
    levels, slopes : ndarray, shape (L,)
        1 − h² and S.
    weights : ndarray, shape (L, 1 + k, 1 + k)
        The matrix measure of the levels on ĥ, ξ̂_1 … ξ̂_k with ξ̂ = (I − eeᵀ)^(-1/2)(W⋆ − eĥᵀ); the weights sum to I.
    """
    k = problem.teacher.k
    z, mass, target, apart = _signal_over_noise(problem, of, directions)
    h = erf(z / math.sqrt(2.0))
    rows = np.column_stack([h / math.sqrt(of.mean_square), target])
    measure = mass[:, None, None] * (rows[:, :, None] * rows[:, None, :])
    measure[:, 1:, 1:] += mass[:, None, None] * apart
    e = of.overlap
    square = float(e @ e)
    frame = np.eye(1 + k)
    frame[1:, 0] = -e
    if square > 0.0:
        frame[1:] += (max(1.0 - square, 1e-12) ** -0.5 - 1.0) / square * np.outer(e, e @ frame[1:])
    measure = frame @ measure @ frame.T
    levels, slopes = 1.0 - h**2, math.sqrt(2.0 / math.pi) * np.exp(-0.5 * z**2)
    weight = np.trace(measure, axis1=1, axis2=2)
    inside = _grouped(levels, groups)
    joined = np.tensordot(inside, measure, 1)
    # quadrature has left the sum off the identity by its rounding
    root = np.linalg.cholesky(joined.sum(axis=0))
    joined = np.linalg.solve(root, np.swapaxes(np.linalg.solve(root, joined), 1, 2))
    shares = inside @ weight
    return inside @ (weight * levels) / shares, inside @ (weight * slopes) / shares, joined


def sign_coordinates(
    problem: Problem, of: SignStatistics, directions: np.ndarray | None = None, *, groups: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise of sign G in a coordinate: 1 − h_k², of which S_k² is linear in the gradient's own noise.

    Parameters
    ----------
    problem : Problem
    of : SignStatistics
        Of the same problem and directions.
    directions : ndarray, optional
        As in `sign_statistics`.
    groups : int
        Levels of 1 − h².

    Returns
    -------
    variance, slope, shares : ndarray, shape (L,)
        1 − h², S and the share of the coordinates, at each level; the means of the first two are 1 − E h² and E S.
    """
    z, mass, _, _ = _signal_over_noise(problem, of, directions)
    variance, slope = 1.0 - erf(z / math.sqrt(2.0)) ** 2, math.sqrt(2.0 / math.pi) * np.exp(-0.5 * z**2)
    inside = _grouped(variance, groups)
    shares = inside @ mass
    return inside @ (mass * variance) / shares, inside @ (mass * slope) / shares, shares


def sign_slope_cosine(problem: Problem, of: SignStatistics, directions: np.ndarray | None = None) -> float:
    """Cosine between Sĥ, of the entries S_k h_k, and β̂: E Shb/(E S²h²)^(1/2).

    Parameters
    ----------
    problem : Problem
    of : SignStatistics
        Of the same problem and directions.
    directions : ndarray, optional
        As in `sign_statistics`.

    Returns
    -------
    float
    """
    z, mass, _, _ = _signal_over_noise(problem, of, directions)
    sloped = np.exp(-0.5 * z**2) * erf(z / math.sqrt(2.0))
    along = float(mass @ (sloped * z)) / math.sqrt(float(mass @ z**2) * float(mass @ sloped**2))
    return math.copysign(along, of.along_beta)


def _grouped(levels: np.ndarray, groups: int) -> np.ndarray:
    """Indicators of groups of equal spread in [0, 1], empty ones left out."""
    group = np.minimum((groups * levels).astype(int), groups - 1)
    return (group == np.unique(group)[:, None]).astype(float)


def _signal_over_noise(
    problem: Problem, of: SignStatistics, directions: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """c₁β_k√d/σ_G over the coordinates and their shares; W⋆_k√d as it follows β_k, and the covariance of the rest."""
    step, k = step_statistics(problem), problem.teacher.k
    norm, power = math.sqrt(step.beta_norm2), problem.phi0 * step.label_power
    slope = math.copysign(math.sqrt(2.0) * of.r / norm, of.along_beta)
    given = _directions(problem, directions)
    # the error function takes a narrow part of the law where the signal is strong: the trapezoid rule sees it
    width = max(abs(slope) * (norm if given is None else math.sqrt(power)), 1.0)
    x = np.linspace(-8.0, 8.0, min(int(80 * width), 40_000) + 1)
    p = np.exp(-0.5 * x**2)
    p /= p.sum()
    if given is None:
        # W⋆_k√d = eb + what is independent of b
        return slope * norm * x, p, step.overlap * x[:, None], np.eye(k) - np.outer(step.overlap, step.overlap)
    columns, counts = np.unique(np.round(given, 12), axis=1, return_counts=True)
    mean = math.sqrt(problem.d) * (step.linear @ columns)
    z = slope * (mean[:, None] + math.sqrt(power) * x).ravel()
    target = np.repeat(math.sqrt(problem.d) * columns.T, len(x), axis=0)
    return z, np.outer(counts / problem.d, p).ravel(), target, np.zeros((k, k))


def _directions(problem: Problem, directions: np.ndarray | None) -> np.ndarray | None:
    """The target's directions where they are given, (k, d)."""
    k, d = problem.teacher.k, problem.d
    if directions is None:
        if problem.sparsity is None:
            return None
        s = problem.sparsity
        rows = np.zeros((k, d))
        for c in range(k):
            rows[c, c * s : (c + 1) * s] = 1.0 / math.sqrt(s)
        return rows
    rows = np.atleast_2d(np.asarray(directions, dtype=float))
    if rows.shape != (k, d) or not np.allclose(rows @ rows.T, np.eye(k), atol=1e-8):
        raise ValueError(f"`directions` must be {k} orthonormal rows of length {d}; got an array of {rows.shape}")
    return rows


@dataclass(frozen=True)
class SignSpectrum:
    """Leading singular values of sign(G)/√(Nd).

    Attributes
    ----------
    first : float
        Of the mean part, √(E h²) raised by the noise.
    second : float
        The largest of the noise: an outlier that the largest label of the batch throws, or the edge of its bulk.
    edge : float
        The edge of the bulk, the largest label left out.
    """

    first: float
    second: float
    edge: float


def sign_spectrum(problem: Problem, labels: np.ndarray | None = None) -> SignSpectrum:
    """Singular values of the sign of the gradient, for a target without preferred axes.

    Given the batch, the rows of sign(a_j) sign G_j − h have the covariance Γ = S M̂ S + Δ with
    M̂ = X₀ᵀdiag(y₀²)X₀/(n₀m_y) and diagonal S_k and Δ_k = 1 − h_k² − S_k². With w = y²/m_y and m < 0,
    q = E[S²/(1 + m(Δ + gS²))], g = E[w/(1 + wφ₀mq)] and z(m) = −1/m + (d/Nm)(1 − E[1/(1 + m(Δ + gS²))]),
    the eigenvalues of the noise's Gram matrix over N end where dz/dm = 0, and a label w₁ apart from the others throws
    an outlier where 1 + w₁φ₀mq = 0. Labels are ranked quantiles, the largest averaged over its law in n₀ samples.

    Parameters
    ----------
    problem : Problem
        For μ₂ = E σ″ ≠ 0 the matrix term of the gradient is counted as noise.
    labels : ndarray, shape (n₀,), optional
        Those of a batch, in place of their law.

    Returns
    -------
    SignSpectrum

    Raises
    ------
    ValueError
        If the problem states a sparse target, or `labels` are not n₀ numbers.
    """
    if problem.sparsity is not None:
        raise ValueError(f"`sparsity` must be left out: the spectrum is that of no axes; got {problem.sparsity}")
    of = sign_statistics(problem)
    noise = 1.0 - of.mean_square
    lift = (1.0 + noise / (problem.width * of.mean_square)) * (1.0 + noise / (problem.d * of.mean_square))
    entries = _entries(of)
    if labels is None:
        ranked = _quantiles(problem, (np.arange(problem.n0) + 0.5) / problem.n0)
        # the chance of less than one label beyond: Exp(1)/n₀, its law by equal shares
        largest = _quantiles(problem, -np.log1p(-(np.arange(16) + 0.5) / 16) / problem.n0)
    else:
        ranked = np.sort(np.abs(np.asarray(labels, dtype=float)))[::-1]
        if ranked.shape != (problem.n0,) or not np.isfinite(ranked).all():
            raise ValueError(f"`labels` must be {problem.n0} finite numbers; got an array of shape {ranked.shape}")
        largest = ranked[:1]
    power = float(np.mean(ranked**2))
    rest, largest = ranked[1:] ** 2 / power, largest**2 / power
    edge = _noise_edge(problem, entries, rest)
    values = [_outlier(problem, entries, rest, max(w, rest[0]), edge) for w in largest]
    second = float(np.mean([math.sqrt(z / problem.d) for z in values]))
    return SignSpectrum(math.sqrt(of.mean_square * lift), second, math.sqrt(edge[0] / problem.d))


_Entries = tuple[np.ndarray, np.ndarray, np.ndarray]


def _entries(of: SignStatistics) -> _Entries:
    """S² and Δ over the coordinates, with their weights."""
    b, weights = gauss_hermite(200)
    square = 2.0 / math.pi * np.exp(-2.0 * (of.r * b) ** 2)
    return square, np.maximum(1.0 - erf(of.r * b) ** 2 - square, 0.0), weights


def _scalars(problem: Problem, entries: _Entries, w: np.ndarray, m: float) -> tuple[float, float]:
    """q and z at m < 0; nan where the labels leave no solution."""
    square, white, weights = entries
    g, q = 1.0, math.nan
    for _ in range(_MOST):
        below = 1.0 + m * (white + g * square)
        if below.min() <= 0.0:
            return math.nan, math.nan
        q = float(weights @ (square / below))
        poles = 1.0 + w * (problem.phi0 * m * q)
        if poles.min() <= 0.0:
            return math.nan, math.nan
        last, g = g, float(np.sum(w / poles)) / problem.n0
        if abs(g - last) < 1e-13 * g:
            break
    below = 1.0 + m * (white + g * square)
    return q, -1.0 / m + problem.d / problem.width / m * (1.0 - float(weights @ (1.0 / below)))


def _noise_edge(problem: Problem, entries: _Entries, w: np.ndarray) -> tuple[float, float]:
    """Smallest z over the m that belong to points right of the bulk, and that m."""

    def z_at(m: float) -> float:
        z = _scalars(problem, entries, w, m)[1]
        return z if math.isfinite(z) else math.inf

    m = -1e-3
    while z_at(1.05 * m) < z_at(m):
        m *= 1.05
    from scipy.optimize import minimize_scalar  # half a second to import

    found = minimize_scalar(z_at, bracket=(1.05 * m, m, m / 1.05), tol=1e-8)
    return float(found.fun), float(found.x)


def _outlier(
    problem: Problem,
    entries: _Entries,
    w: np.ndarray,
    largest: float,
    edge: tuple[float, float],
) -> float:
    """z of the outlier that a label throws, or the edge where it throws none."""

    def gap(m: float) -> float:
        return 1.0 + largest * problem.phi0 * m * _scalars(problem, entries, w, m)[0]

    if not gap(edge[1]) < 0.0:
        return edge[0]
    from scipy.optimize import brentq  # half a second to import

    m = brentq(gap, edge[1], -1e-6, xtol=1e-12)
    return _scalars(problem, entries, w, m)[1]


def _quantiles(problem: Problem, tails: np.ndarray) -> np.ndarray:
    """|y| with the odds `tails` of more."""
    labels = step_labels(problem)
    _, weights, g = latent_rule(labels.target)
    g = g - labels.start
    noise = max(labels.noise, 1e-3 * math.sqrt(float(weights @ g**2)))
    top = float(np.max(np.abs(g[weights > 1e-14]))) + 7.0 * noise
    x = np.concatenate([[0.0], np.geomspace(1e-4 * top, top, 1200)])
    beyond = np.array([weights @ (ndtr((g - value) / noise) + ndtr((-g - value) / noise)) for value in x])
    return np.interp(-np.log(tails), -np.log(np.maximum(beyond, 1e-300)), x)


# Powers of the spectrum -----------------------------------------------------------------------------------------------


def least_power(ell: int) -> float:
    """1 − 1/ℓ, the power of the gradient's singular values above which the ℓ-th spike of the features grows with n.

    With η = N^(1/2), the largest step that leaves the noise of order one, the ℓ-th spike of F/√n is of order
    N^(1/2)τ^ℓ with τ = N^(−(1−p)/2), that is N^((1 − ℓ(1 − p))/2).

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
        If `ell` is not a positive integer.

    Examples
    --------
    >>> [least_power(ell) for ell in (1, 2, 4)]
    [0.0, 0.5, 0.75]
    """
    return 1.0 - 1.0 / integer("ell", ell, 1)


def spikes_at_power(power: float, *, most: int = 8) -> int:
    """Spikes of the features that grow with n at a power p: the largest ℓ with p > 1 − 1/ℓ, and at most `most`.

    At finite n a spike of order N^((1 − ℓ(1 − p))/2) may hide in the bulk although it grows, and one that does not grow
    may stand out: `theory.predict` counts at the actual n.

    Parameters
    ----------
    power : float
        p in [0, 1].
    most : int
        What gradient descent, p = 1, is counted as: it keeps all.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If an argument breaks its rule.

    Examples
    --------
    >>> [spikes_at_power(p) for p in (1.0, 0.75, 0.5, 0.25, 0.0)]
    [8, 3, 1, 1, 0]
    """
    p, most = real("power", power, minimum=0.0, maximum=1.0), integer("most", most, 1)
    if p == 1.0:
        return most
    return min(most, max(0, math.ceil(1.0 / (1.0 - p) - 1e-12) - 1))


def spectral_signal(problem: Problem) -> float:
    """N^(−(1−p)/2)(c₁‖β‖)^p, the shift of a neuron along β̂ over ηg/√N.

    Parameters
    ----------
    problem : Problem
        Of optimizer ``spectral:p`` or ``gd``.

    Returns
    -------
    float
    """
    p = problem.update.power
    c1 = slope_moments(problem.sigma).c1
    size = abs(c1) * math.sqrt(step_statistics(problem).beta_norm2)
    return math.copysign(float(problem.width) ** (-0.5 * (1.0 - p)) * size**p, c1)


@dataclass(frozen=True, eq=False)
class SpectralNoise:
    """The noise that a power of the singular values leaves.

    Attributes
    ----------
    norms : ndarray, shape (Q,)
        ∫x^p ρ_b(dx), the squared norm of a neuron's noise over (η²/N)σ_G^(2p); g² at p = 1.
    factors : ndarray, shape (J,)
        What the step makes of the gradient's noise along a direction, of mean square 1 over the noise.
    """

    norms: np.ndarray
    factors: np.ndarray


def spectral_noise(
    problem: Problem, codes: np.ndarray, shares: np.ndarray, values: np.ndarray, weights: np.ndarray
) -> SpectralNoise:
    """Squared norms and variances of U_EΣ_E^pV_Eᵀ for the gradient's noise E.

    x^p = (sin πp/π) ∫₀^∞ t^(p−1) x/(x + t) dt, and x/(x + t) has the mean g²q/(1 + g²q) on the rows of code g and
    Gy/(Gy + t) along a direction in which the noise is y, q = ∫ y/(Gy + t) and G = (N/d) Σ_b p_b g_b²/(1 + g_b²q).

    Parameters
    ----------
    problem : Problem
    codes, shares : ndarray, shape (Q,)
        g_b and p_b.
    values, weights : ndarray, shape (J,)
        Law of the gradient's noise over directions, of mean 1.

    Returns
    -------
    SpectralNoise
    """
    p, squares = problem.update.power, codes**2
    if p == 1.0:
        return SpectralNoise(squares, np.ones(len(values)))
    t = np.exp(np.arange(-30.0, 25.0, 0.25))
    q, G = _resolvents(problem, squares, shares, values, weights, t)
    rows = (squares[:, None] * q) / (1.0 + squares[:, None] * q)
    columns = G * values[:, None] / (G * values[:, None] + t)
    first = problem.width / problem.d * float(shares @ squares) * values
    norms, shape = _power_mean(p, t, rows, squares), _power_mean(p, t, columns, first)
    return SpectralNoise(norms, np.sqrt(shape / (values * float(weights @ shape))))


def _resolvents(
    problem: Problem, squares: np.ndarray, shares: np.ndarray, y: np.ndarray, weights: np.ndarray, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """q and G at every t > 0: the right side over q falls as q grows, so that halving finds the root."""
    ratio = problem.width / problem.d

    def strength(q: np.ndarray) -> np.ndarray:
        return ratio * (shares * squares) @ (1.0 / (1.0 + squares[:, None] * q))

    low, high = np.full(len(t), -80.0), np.full(len(t), 80.0)
    for _ in range(90):
        middle = 0.5 * (low + high)
        q = np.exp(middle)
        above = (weights * y) @ (1.0 / (strength(q) * y[:, None] + t)) > q
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    q = np.exp(0.5 * (low + high))
    return q, strength(q)


def _power_mean(p: float, t: np.ndarray, share: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(sin πp/π) ∫₀^∞ t^(p−1) share(t) dt, constant left of the grid and first/t right of it."""
    if p == 0.0:
        return share[:, 0]
    inside = np.sum(0.5 * (share[:, 1:] * t[1:] ** p + share[:, :-1] * t[:-1] ** p), axis=1) * math.log(t[1] / t[0])
    left, right = share[:, 0] * t[0] ** p / p, first * t[-1] ** (p - 1.0) / (1.0 - p)
    return math.sin(math.pi * p) / math.pi * (left + inside + right)
