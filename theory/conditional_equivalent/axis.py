"""Solutions of the fixed point on the axis, at λ = −(x + i0): from neighbours, from above, and what they say there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from theory.conditional_equivalent.coordinates import class_matrices
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import (
    TOLERANCE,
    ConvergenceError,
    FixedPoint,
    equations,
    jacobian,
    newton,
)

__all__ = [
    "along_axis",
    "among_nearest",
    "concatenated",
    "count_above",
    "density_between",
    "density_of",
    "from_above",
    "joined",
    "lagrange",
    "on_axis",
    "physical",
    "spectral_scale",
]

_AGREE = 1e-7  # difference of the logarithms that two polynomials give between those
_BATCH = 8  # points solved together: small enough for the intermediate arrays to stay in cache
_CLOSE = 1e-11  # residual at which a point of the density is left alone
_STENCIL = 8  # known points that a start is interpolated from
_SMOOTH = 0.1  # difference of log-linear and full interpolation from which the former is taken


def physical(eq: EquivalentFeatures, point: FixedPoint) -> np.ndarray:
    """Points that converged, and to the limit from the upper half plane.

    In the bulk r and w have positive imaginary parts, and one solution has. Off the bulk they are real, as are others:
    there the right one is where the linearised iteration is a contraction.

    Parameters
    ----------
    eq : EquivalentFeatures
    point : FixedPoint

    Returns
    -------
    ndarray of bool, shape (L,)
    """
    good = point.residual < TOLERANCE
    for value in (point.r, point.w):
        good &= (value.imag >= -1e-8 * np.abs(value)).all(axis=1)
    real = np.flatnonzero(good & (np.abs(point.r.imag) <= 1e-9 * np.abs(point.r)).all(axis=1))
    if len(real):
        r, w = point.r[real].real, point.w[real].real
        slope = jacobian(eq, equations(eq, point.lam[real].real, r, w))
        # turned by these signs its entries off the diagonal are negative: its eigenvalues have positive real parts if
        # and only if it takes some positive vector to (1, …, 1)
        signs = np.sign(np.concatenate([r, w], axis=1))
        good[real] = (signs * np.linalg.solve(slope, signs[..., None])[..., 0] > 0.0).all(axis=1)
    return good


def spectral_scale(eq: EquivalentFeatures) -> float:
    """An upper estimate of the size of the spectrum.

    Parameters
    ----------
    eq : EquivalentFeatures

    Returns
    -------
    float
    """
    return float(np.max(eq.latent_weights @ eq.strength)) * (1.0 + (eq.neurons.sum() + eq.d) / eq.n) + 1e-12


def _descend(eq: EquivalentFeatures, x: float) -> FixedPoint:
    """Solution at x + i0, reached from high above the spectrum."""
    height = 10.0 * max(x, spectral_scale(eq))
    r = np.full((1, len(eq.g)), 1.0 / (-x - 1j * height))
    w = np.ones((1, len(eq.u)), dtype=complex)
    while True:
        point = newton(eq, np.array([-x - 1j * height]), r, w)
        r, w = point.r, point.w
        if height == 0.0:
            break
        height = 0.3 * height if height > 1e-3 * x else 0.0
    if not physical(eq, point)[0]:
        raise ConvergenceError(
            f"the density at x = {x:g} was not reached: residual {point.residual[0]:.2g}; ask at a point farther from "
            "an edge of the bulk"
        )
    return point


def on_axis(eq: EquivalentFeatures, x: float, start: FixedPoint) -> FixedPoint:
    """Solution at x + i0 from a neighbour, by way of points above the axis or from far above where that fails.

    Parameters
    ----------
    eq : EquivalentFeatures
    x : float
    start : FixedPoint
        The neighbour.

    Returns
    -------
    FixedPoint

    Raises
    ------
    ConvergenceError
        If no way leads there.
    """
    # from a real point real steps lead to real points alone
    real = not np.iscomplexobj(start.r) or float(np.max(np.abs(start.r.imag / start.r))) < 1e-9
    point = newton(eq, np.array([-x + 0j]), start.r + 0j, start.w + 0j, most=5 if real else 8)
    if physical(eq, point)[0]:
        return point
    return from_above(eq, x, start)


def from_above(eq: EquivalentFeatures, x: float, start: FixedPoint) -> FixedPoint:
    """Solution at x + i0 from a neighbour by way of points above the axis, few of them where these do.

    Parameters
    ----------
    eq : EquivalentFeatures
    x : float
    start : FixedPoint
        The neighbour.

    Returns
    -------
    FixedPoint

    Raises
    ------
    ConvergenceError
        If no way leads there.
    """
    for heights in ((0.1, 0.0), (0.3, 0.1, 0.03, 0.01, 0.001, 0.0)):
        point = start
        for height in heights:
            point = newton(eq, np.array([-x * (1.0 + 1j * height)]), point.r + 0j, point.w + 0j, most=25)
        if physical(eq, point)[0]:
            return point
    return _descend(eq, x)


def concatenated(points: list[FixedPoint]) -> FixedPoint:
    """Solutions one after the other.

    Parameters
    ----------
    points : list of FixedPoint

    Returns
    -------
    FixedPoint
    """
    return FixedPoint(
        np.concatenate([p.lam for p in points]),
        np.concatenate([p.r for p in points]),
        np.concatenate([p.w for p in points]),
        np.concatenate([p.residual for p in points]),
        max(p.iterations for p in points),
    )


def _mean(eq: EquivalentFeatures, point: FixedPoint) -> np.ndarray:
    """Σ_s ω_s/λ, the mean of the resolvent of FFᵀ/n."""
    return np.sum(eq.latent_weights / point.w, axis=1) / point.lam


def density_of(eq: EquivalentFeatures, point: FixedPoint) -> np.ndarray:
    """Density of the eigenvalues at points λ = −(x + i0): (1/π) Im Σ_s ω_s/λ.

    Parameters
    ----------
    eq : EquivalentFeatures
    point : FixedPoint
        Solutions at P points.

    Returns
    -------
    ndarray, shape (P,)
    """
    return _share_of_axis(_mean(eq, point))


def _share_of_axis(mean: np.ndarray) -> np.ndarray:
    """Im/π; what is below rounding is zero."""
    return np.where(mean.imag > 1e-9 * np.abs(mean), mean.imag, 0.0) / math.pi


def count_above(eq: EquivalentFeatures, point: FixedPoint) -> np.ndarray:
    """Number of eigenvalues of FᵀF/n that the bulk has above x, at points λ = −(x + i0).

    (1/π) Im of the equivalent of log det(FᵀF/n + λ),
    Σ_s nω⁰_s log w_s − Σ_b N_b log r_b + Σ D∫ν log det(I + C D_y) + Σ_b N_b r_b(λ + Σ_s ω_s B_sb) − n Σ_s ω_s(w_s − 1),
    of which the fixed point is the stationary point. Where entries may be large, nω⁰_sN_b E log(1 + X²r_b/(nw_s))
    takes the place of N_br_bω_sB_sb.

    Parameters
    ----------
    eq : EquivalentFeatures
    point : FixedPoint
        Solutions at P points λ = −(x + i0).

    Returns
    -------
    ndarray, shape (P,)
    """
    lam, r, w = point.lam, point.r, point.w
    omega = eq.latent_weights / w
    logdet = np.zeros(len(lam))
    for of in eq.layers:
        # I + cΘ = c(c^(-1) + Θ). The first has arguments in [−π, 0], the second in [0, π].
        c = (of.a.T * omega[:, None, :]) @ of.a
        inner = np.linalg.inv(c)[:, None] + class_matrices(of, r)
        phase = _phase(np.concatenate([inner, np.conj(c)[:, None]], axis=1))
        logdet += of.dimension * ((phase[:, :-1] - phase[:, -1:]) @ of.weights)
    noise = omega @ eq.B if eq.entries is None else 0.0
    rest = np.sum(eq.neurons * r * (lam[:, None] + noise), axis=1) - eq.n * np.sum(omega * (w - 1.0), axis=1)
    total = eq.n * (_upper(w) @ eq.latent_weights) - _upper(r) @ eq.neurons + logdet + rest.imag
    if eq.entries is not None:
        turned = eq.entries.phase(r[:, None, :] / eq.n, w[:, :, None])
        total += eq.n * (turned @ eq.neurons) @ eq.latent_weights
    return eq.neurons.sum() + total / math.pi


def _phase(matrices: np.ndarray) -> np.ndarray:
    """Im log det of symmetric matrices with a positive semidefinite imaginary part, continuous and 0 at the identity.

    It is the sum of the arguments of the eigenvalues, in [0, π], and of the pivots alike: Schur complements keep a
    positive imaginary part. Where a pivot nearly vanishes, as it may for real matrices, eigenvalues are taken.
    """
    size = matrices.shape[-1]
    flat = matrices.reshape(-1, size, size)
    left = np.ascontiguousarray(np.moveaxis(flat, 0, 2))
    pivots = np.empty((size, len(flat)), dtype=complex)
    with np.errstate(all="ignore"):
        for pivot in pivots:
            pivot[:] = left[0, 0]
            left = left[1:, 1:] - left[1:, :1] * (left[:1, 1:] / pivot)
        phase = np.sum(_upper(pivots), axis=0)
        weak = ~(np.abs(pivots) > 1e-6 * np.max(np.abs(flat), axis=(1, 2))).all(axis=0)
    if weak.any():
        phase[weak] = np.sum(_upper(np.linalg.eigvals(flat[weak])), axis=1)
    return phase.reshape(matrices.shape[:-2])


def _upper(value: np.ndarray) -> np.ndarray:
    """Argument in [0, π] of numbers of the closed upper half plane, whatever the sign of a zero imaginary part."""
    phase = np.angle(value)
    return np.where(phase < -0.5 * math.pi, phase + 2.0 * math.pi, phase)


def among_nearest(eq: EquivalentFeatures, x: np.ndarray, known: FixedPoint) -> FixedPoint:
    """Solutions at many x + i0, each started from the cubic in ln x through the four known points that are nearest.

    Parameters
    ----------
    eq : EquivalentFeatures
    x : ndarray, shape (P,)
    known : FixedPoint

    Returns
    -------
    FixedPoint
    """
    t, Q, knots = np.log(x), known.r.shape[1], np.log(-known.lam.real)
    near = np.argsort(np.abs(t[:, None] - knots), axis=1, kind="stable")[:, :4]
    start = np.exp(lagrange(t, knots[near], _logs(known)[near]))
    return _rescued(eq, x, _solved(eq, x, start[:, :Q], start[:, Q:]), known)


def _logs(point: FixedPoint) -> np.ndarray:
    """log r and log w side by side, with arguments in [0, π]."""
    values = np.concatenate([point.r, point.w], axis=1)
    return np.log(np.abs(values)) + 1j * _upper(values)


def lagrange(t: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of polynomials, each through a few known ones.

    Parameters
    ----------
    t : ndarray, shape (P,)
        Where they are asked for.
    nodes : ndarray, shape (P, K)
    values : ndarray, shape (P, K, V)
        V values at the nodes.

    Returns
    -------
    ndarray, shape (P, V)
    """
    away = t[:, None] - nodes
    away = np.where(away == 0.0, 1e-300, away)
    between = nodes[:, :, None] - nodes[:, None, :]
    diagonal = np.arange(nodes.shape[1])
    between[:, diagonal, diagonal] = 1.0
    weights = 1.0 / (np.prod(between, axis=2) * away)
    weights /= np.sum(weights, axis=1, keepdims=True)
    return np.sum(weights[:, :, None] * values, axis=1)


def along_axis(
    eq: EquivalentFeatures,
    x: np.ndarray,
    known: FixedPoint,
    bands: Sequence[tuple[float, float]],
    strides: tuple[int, ...] = (8, 4, 1),
) -> FixedPoint:
    """Solutions at many x + i0, in passes of ever closer points, each started from those before.

    Parameters
    ----------
    eq : EquivalentFeatures
    x : ndarray, shape (P,)
        Positive.
    known : FixedPoint
        Solutions around them, in decreasing x.
    bands : sequence of (float, float)
        Intervals with eigenvalues.
    strides : tuple of int
        Of the passes; the last is 1.

    Returns
    -------
    FixedPoint
        In the order of `x`.
    """
    order = np.argsort(-x)
    solved, places = None, np.zeros(0, dtype=int)
    waiting = np.ones(len(x), dtype=bool)
    for stride in strides:
        rows = order[::stride][waiting[order[::stride]]]
        waiting[rows] = False
        if not len(rows):
            continue
        added = _from_neighbours(eq, x[rows], known, bands)
        solved, places = added if solved is None else concatenated([solved, added]), np.concatenate([places, rows])
        known = joined(known, added)
    assert solved is not None
    return solved[np.argsort(places)]


def joined(known: FixedPoint, added: FixedPoint) -> FixedPoint:
    """Solutions of both, in decreasing x.

    Parameters
    ----------
    known, added : FixedPoint

    Returns
    -------
    FixedPoint
    """
    both = concatenated([known, added])
    return both[np.argsort(both.lam.real, kind="stable")]


def _from_neighbours(
    eq: EquivalentFeatures, x: np.ndarray, known: FixedPoint, bands: Sequence[tuple[float, float]]
) -> FixedPoint:
    """Solutions at x + i0 started from known ones."""
    return _rescued(eq, x, _solved(eq, x, *_interpolated(x, known, bands)), known)


def _solved(eq: EquivalentFeatures, x: np.ndarray, r: np.ndarray, w: np.ndarray) -> FixedPoint:
    """Newton's method at x + i0, a few points at a time."""
    parts = []
    for i in range(0, len(x), _BATCH):
        rows = slice(i, i + _BATCH)
        parts.append(newton(eq, -x[rows] + 0j, r[rows], w[rows], most=12, enough=_CLOSE, trusted=True))
    return concatenated(parts)


def _rescued(eq: EquivalentFeatures, x: np.ndarray, point: FixedPoint, known: FixedPoint) -> FixedPoint:
    """The same points, those that did not arrive reached from the nearest that did."""
    bad = ~physical(eq, point)
    if not bad.any():
        return point
    t, good = np.log(x), np.flatnonzero(~bad)
    rescued = [point[i : i + 1] for i in range(len(x))]
    for i in map(int, np.flatnonzero(bad)):
        nearest = rescued[good[np.argmin(np.abs(t[good] - t[i]))]] if len(good) else known[:1]
        rescued[i] = on_axis(eq, float(x[i]), nearest)
    return concatenated(rescued)


def _interpolated(
    x: np.ndarray, known: FixedPoint, bands: Sequence[tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """log r and log w at x from known ones, in decreasing x: polynomials in an angle between the ends of a band.

    Where the polynomial is far from the straight line in log x between the neighbours, as it is where single nodes of
    the tails make gaps, the latter starts.
    """
    Q = known.r.shape[1]
    logs = _logs(known)[::-1]
    at = -known.lam.real[::-1]
    knots, t = np.log(at), np.log(x)
    right = np.clip(np.searchsorted(knots, t), 1, len(knots) - 1)
    gap = knots[right] - knots[right - 1]
    share = np.where(gap > 0.0, (t - knots[right - 1]) / np.where(gap > 0.0, gap, 1.0), 0.0)[:, None]
    start = (1.0 - share) * logs[right - 1] + share * logs[right]
    for rows, (curve,) in _curves(x, at, logs, bands, (_STENCIL,)):
        smooth = np.max(np.abs(curve - start[rows]), axis=1) < _SMOOTH
        start[rows[smooth]] = curve[smooth]
    start = np.exp(start)
    return start[:, :Q], start[:, Q:]


def density_between(
    eq: EquivalentFeatures, x: np.ndarray, known: FixedPoint, bands: Sequence[tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Density at x from known solutions, and where polynomials of two degrees agree on the mean of the resolvent.

    Parameters
    ----------
    eq : EquivalentFeatures
    x : ndarray, shape (P,)
    known : FixedPoint
        Solutions around them, in decreasing x.
    bands : sequence of (float, float)
        Intervals with eigenvalues.

    Returns
    -------
    density : ndarray, shape (P,)
    agree : ndarray of bool, shape (P,)
    """
    mean = _mean(eq, known)[::-1]
    logs = (np.log(np.abs(mean)) + 1j * _upper(mean))[:, None]
    result, agree = np.zeros(len(x), dtype=complex), np.zeros(len(x), dtype=bool)
    for rows, (curve, coarser) in _curves(x, -known.lam.real[::-1], logs, bands, (_STENCIL, _STENCIL - 2)):
        result[rows] = np.exp(curve[:, 0])
        agree[rows] = np.abs(curve - coarser)[:, 0] < _AGREE
    return _share_of_axis(result), agree


def _curves(
    x: np.ndarray, at: np.ndarray, logs: np.ndarray, bands: Sequence[tuple[float, float]], stencils: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Logarithms at x from those at known places, in increasing order, as polynomials through so many neighbours each.

    √x = ½(√low + √high) − ½(√high − √low) cos θ makes the solution analytic in θ through both ends of a band, where it
    turns into its conjugate. Each band yields the rows of x that it holds, and the values there.
    """
    for low, high in bands:
        rows, inner = np.flatnonzero((x > low) & (x < high)), np.flatnonzero((at > low) & (at < high))
        if len(inner) < _STENCIL // 2 or not len(rows):
            continue
        a, b = math.sqrt(low), math.sqrt(high)
        angle, sought = (np.arccos((a + b - 2.0 * np.sqrt(places)) / (b - a)) for places in (at[inner], x[rows]))
        one = logs[inner]
        reflected = [2j * math.pi * np.round(end.imag / math.pi) + np.conj(end) for end in (one[0], one[-1])]
        half = _STENCIL // 2
        before = np.conj(one[half - 1 :: -1]) + (reflected[0] - np.conj(one[0]))
        after = np.conj(one[: -half - 1 : -1]) + (reflected[1] - np.conj(one[-1]))
        mirrored = np.concatenate([before, one, after])
        angles = np.concatenate([-angle[half - 1 :: -1], angle, 2.0 * math.pi - angle[: -half - 1 : -1]])
        keep = np.concatenate([[True], np.diff(angles) > 1e-9])
        angles, mirrored = angles[keep], mirrored[keep]
        place = np.searchsorted(angles, sought)
        curves = []
        for size in stencils:
            window = np.clip(place - size // 2, 0, len(angles) - size)[:, None] + np.arange(size)
            curves.append(lagrange(sought, angles[window], mirrored[window]))
        yield rows, curves
