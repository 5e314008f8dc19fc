"""The bulk of the spectrum of FFᵀ/n: its bands and their edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.axis import (
    among_nearest,
    concatenated,
    count_above,
    density_of,
    from_above,
    joined,
    on_axis,
    physical,
)
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import (
    ConvergenceError,
    FixedPoint,
    newton,
)
from theory.conditional_equivalent.real_branch import RealBranch, real_branch

__all__ = ["Bulk", "bands_between", "bulk"]

_RATIO = 0.8  # spacing of the coarse scan of the axis
_AHEAD = 4  # of its points that a stride passes over at most
_MOST_AHEAD = 8  # steps of Newton's method that such a stride is worth
_FLOOR = 1e-13  # relative to the top of the spectrum: the coarse scan stops there
_FLOOR_PRODUCT = 1e-10  # the same where nodes are products of several rules, whose weights cost digits
_ROUNDS = 1e-8  # the same from which it may end where rounding keeps a point from being reached, with several rules
_TAIL = 0.02  # share of the eigenvalues right of a gap below which a law without a true edge counts as one band
_NOTHING = 1e-9  # eigenvalues between two points that are none
_SQUARED = 1e-5  # step of Newton's method in ln x whose square is nothing


@dataclass(frozen=True, eq=False)
class Bulk:
    """The bulk of the spectrum of FFᵀ/n.

    Attributes
    ----------
    edges : tuple of (float, float)
        Bands of the bulk. The last right edge is a true edge where the law has one, and otherwise the point with mass
        1/n to its right; the first left edge likewise.
    mass_at_zero : float
    support : (float, float)
        Ends of the support of the discretised law, at or outside the first and last edge.
    beyond : FixedPoint
        The real solution just right of the support.
    scan : FixedPoint
        Solutions on a coarse grid from there down, starts for all others.
    """

    edges: tuple[tuple[float, float], ...]
    mass_at_zero: float
    support: tuple[float, float]
    beyond: FixedPoint
    scan: FixedPoint


def _fold(eq: EquivalentFeatures, inside: FixedPoint, outside: float) -> float:
    """Edge between a point of the bulk and a point off it: the density squared is analytic and crosses zero there."""
    x, point = -float(inside.lam[0].real), inside
    square, previous = float(density_of(eq, inside)[0]) ** 2, None
    # at a square-root edge a millionth of the density is 1e-12 away from it; what is smaller is Newton's residual
    least = 1e-6 * math.sqrt(square)
    for _ in range(100):
        root = 0.5 * (x + outside)
        if previous is not None and abs(outside - x) < 1e-2 * x:
            root = x - square * (x - previous[0]) / (square - previous[1])
            if not min(x, outside) < root < max(x, outside):
                root = 0.5 * (x + outside)
        # a little short of the root, so that the next point is one of the bulk and the root is met from one side
        guess = x + 0.99 * (root - x)
        if abs(guess - x) < 1e-11 * x:
            return root
        trial = on_axis(eq, guess, point)
        value = float(density_of(eq, trial)[0])
        if value > least:
            previous, x, point, square = (x, square), guess, trial, value**2
        else:
            outside = guess
    return x


def _edge(eq: EquivalentFeatures, scan: FixedPoint, inside: int, outside: int) -> float:
    """Edge between neighbours of the scan in the bulk and off it."""
    off = scan[outside : outside + 1]
    ends = sorted(-scan.lam.real[[inside, outside]])
    if np.max(np.abs(off.r.imag / off.r)) < 1e-9 and physical(eq, off)[0]:
        fold = RealBranch(eq, off).fold(1.0 if outside > inside else -1.0)
        if fold is not None and ends[0] < fold[0] < ends[1]:
            return fold[0]
    return _fold(eq, scan[inside : inside + 1], float(-scan.lam.real[outside]))


def bulk(eq: EquivalentFeatures) -> Bulk:
    """Scan the axis from the top of the support down and find the bands of the bulk.

    Parameters
    ----------
    eq : EquivalentFeatures

    Returns
    -------
    Bulk

    Raises
    ------
    ConvergenceError
        If a point of the axis is not reached.
    """
    beyond, top = real_branch(eq)
    (scan, above), rank = _scan(eq, beyond), _rank(eq)
    grid, rho = -scan.lam.real, density_of(eq, scan)
    # what lies below the floor of several rules, as of a saturated activation, is not told from zero
    hidden = _floor(eq) > _FLOOR and above[-1] < rank - 1.0
    rank = float(above[-1]) if hidden else rank

    def crossing(level: float) -> float:
        """x with `level` eigenvalues above it."""
        i = int(np.searchsorted(above, level))
        if i in (0, len(above)):
            return float(grid[0] if i == 0 else grid[-1])
        if above[i] - above[i - 1] < _NOTHING:  # a gap, after a band of a whole number
            return float(grid[i - 1])
        return _quantile(eq, scan[i - 1 : i + 1], level)

    least = 1.0 if eq.sharp_right else _TAIL * rank
    runs: list[tuple[int, int]] = []
    inside = np.flatnonzero(rho > 0.0)
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        first, last = int(run[0]), int(run[-1])
        if above[min(last + 1, len(above) - 1)] < 1.0:
            continue  # the node of less than one neuron or sample
        if runs and above[max(first - 1, 0)] < least:
            first = runs.pop()[0]  # a gap that only the nodes of the tail have made
        runs.append((first, last))
    bands: list[tuple[float, float]] = []
    for first, last in runs:
        high = _edge(eq, scan, first, first - 1) if first and (bands or eq.sharp_right) else top
        # a bulk that the whole scan has not left reaches zero
        low = _edge(eq, scan, last, last + 1) if last + 1 < len(grid) else float(grid[-1]) if hidden else 0.0
        bands.append((float(low), float(high)))
    if not bands:
        raise ConvergenceError(
            f"no bulk was found below z = {top:.3g}; bring d/n, N/n and the step size closer to proportional"
        )
    bands.reverse()
    support = bands[0][0], top
    if not eq.sharp_right:
        bands[-1] = (bands[-1][0], crossing(1.0))
    if not eq.sharp_left:
        bands[0] = (crossing(rank - 1.0), bands[0][1])
    return Bulk(tuple(bands), max(0.0, 1.0 - rank / eq.n), support, beyond, scan)


def _rank(eq: EquivalentFeatures) -> float:
    """Number of non-zero eigenvalues of the bulk; linear features have no more than d."""
    noiseless = eq.B.max() < 1e-14 * (1.0 + np.max(eq.strength))
    return min(eq.n, eq.neurons.sum(), sum(of.dimension for of in eq.coordinates) if noiseless else math.inf)


def _floor(eq: EquivalentFeatures) -> float:
    """Share of the top of the spectrum down to which the axis is scanned."""
    return _FLOOR_PRODUCT if eq.special and not eq.sharp_left else _FLOOR


def _scan(eq: EquivalentFeatures, beyond: FixedPoint) -> tuple[FixedPoint, np.ndarray]:
    """Solutions on the axis from the top of the support down to where nothing but the atom at zero is left, and counts.

    The latter are the numbers of eigenvalues above.
    """
    top, rank, floor = -float(beyond.lam[0]), _rank(eq), _floor(eq)
    points, places, stride = [FixedPoint(beyond.lam + 0j, beyond.r + 0j, beyond.w + 0j, beyond.residual, 0)], [0], 1
    while (x := top * _RATIO ** (places[-1] + 1)) > floor * top:
        # strides over several points where that leads to a solution at once, and what is between them together
        while stride > 1:
            x = top * _RATIO ** (places[-1] + stride)
            start = _onward(points, x)
            point = newton(eq, np.array([-x + 0j]), start.r, start.w, most=_MOST_AHEAD)
            if physical(eq, point)[0]:
                break
            stride //= 2
        else:
            x = top * _RATIO ** (places[-1] + 1)
            try:
                # the first is in the bulk as a rule, where no real step leads
                point = on_axis(eq, x, _onward(points, x)) if places[-1] else from_above(eq, x, points[0])
            except ConvergenceError:
                if floor == _FLOOR or x > _ROUNDS * top:
                    raise
                break  # rounding is above the floor
        points.append(point)
        places.append(places[-1] + stride)
        if density_of(eq, point)[0] == 0.0 and count_above(eq, point)[0] > rank - 1e-3:
            break
        stride = min(2 * stride, _AHEAD)
    scan = concatenated(points)
    between = np.array([place for place in range(places[-1]) if place not in set(places)], dtype=int)
    if len(between):
        fine = top * _RATIO ** between.astype(float)
        scan = joined(scan, among_nearest(eq, fine, scan))
    above, rho = count_above(eq, scan), density_of(eq, scan)
    end = np.flatnonzero((above > rank - 1e-3) & (rho == 0.0))
    last = int(end[0]) + 1 if len(end) else len(rho)
    scan, above, rho = scan[:last], above[:last], rho[:last]
    # A band narrower than the spacing shows as a jump of the count between two points off the bulk: step into it.
    jumps = np.flatnonzero((np.diff(above) > 1.0) & (rho[1:] == 0.0) & (rho[:-1] == 0.0))
    if not len(jumps):
        return scan, above
    into = [_quantile(eq, scan[i : i + 2], 0.5 * float(above[i] + above[i + 1])) for i in jumps.tolist()]
    scan = concatenated([scan, *(on_axis(eq, x, scan[i : i + 1]) for x, i in zip(into, jumps.tolist(), strict=True))])
    scan = scan[np.argsort(scan.lam.real, kind="stable")]
    return scan, count_above(eq, scan)


def _onward(points: list[FixedPoint], x: float) -> FixedPoint:
    """A start at x, log-linear from the last two points where both lie in the bulk."""
    near = points[-1]
    if len(points) < 2 or any(np.min(np.abs(point.r.imag / point.r)) < 1e-3 for point in points[-2:]):
        return near
    far = points[-2]
    share = math.log(-x / near.lam[0].real) / math.log(near.lam[0].real / far.lam[0].real)
    return FixedPoint(
        near.lam, near.r * (near.r / far.r) ** share, near.w * (near.w / far.w) ** share, near.residual, 0
    )


def _quantile(eq: EquivalentFeatures, pair: FixedPoint, level: float) -> float:
    """x between the two points of `pair` with `level` eigenvalues above it, by Newton: the density is the derivative.

    The number beyond a root edge grows like the 3/2 power of the distance, so that its 2/3 power is what is solved for.
    """
    rank = _rank(eq)
    below = level > 0.5 * rank
    goal = (rank - level if below else level) ** (2.0 / 3.0)

    def beyond(points: FixedPoint) -> np.ndarray:
        above = count_above(eq, points)
        return np.maximum(rank - above if below else above, 0.0)

    high, low = np.log(-pair.lam.real)
    at, numbers, densities = np.log(-pair.lam.real), beyond(pair), density_of(eq, pair)
    ends = numbers ** (2.0 / 3.0)
    share = (goal - ends[0]) / (ends[1] - ends[0])
    t = float(at[0] + (at[1] - at[0]) * share)
    if (densities * numbers > 0.0).all():
        # the cubic t(N^(2/3)) of these values and slopes
        slopes = (-1.5 if not below else 1.5) * (ends[1] - ends[0]) * np.cbrt(numbers) / (eq.n * np.exp(at) * densities)
        bend = (slopes - (at[1] - at[0])) * (1.0 - share, -share)
        cubic = t + share * (1.0 - share) * float(bend.sum())
        t = cubic if low < cubic < high else t
    # what is real leads nowhere but to itself
    known = [pair[i : i + 1] for i in (0, 1) if densities[i] > 0.0 or abs(at[i] - t) < 1e-9] or [pair[:1]]
    for _ in range(80):
        start = min(known, key=lambda point: abs(math.log(-point.lam[0].real) - t))
        point = on_axis(eq, math.exp(t), start)
        known.append(point)
        number, rho = float(beyond(point)[0]), float(density_of(eq, point)[0])
        excess = number ** (2.0 / 3.0) - goal
        low, high = (t, high) if (excess > 0.0) != below else (low, t)
        onward = math.inf
        if rho > 0.0 and number > 0.0:
            onward = t + (-1.0 if below else 1.0) * 1.5 * excess * number ** (1.0 / 3.0) / (eq.n * math.exp(t) * rho)
        if not low < onward < high:
            onward = 0.5 * (low + high)
        elif abs(onward - t) < _SQUARED:
            return math.exp(onward)
        if abs(onward - t) < 1e-8:
            return math.exp(onward)
        t = onward
    return math.exp(t)


def bands_between(eq: EquivalentFeatures, known: FixedPoint, law: Bulk) -> tuple[tuple[float, float], ...]:
    """Intervals with eigenvalues as they show in known solutions; the square of the density is linear at their ends.

    Parameters
    ----------
    eq : EquivalentFeatures
    known : FixedPoint
        In decreasing x.
    law : Bulk
        Of the same features, whose bands are parted.

    Returns
    -------
    tuple of (float, float)
    """
    x, square = -known.lam.real, density_of(eq, known) ** 2
    inside = np.flatnonzero(square > 0.0)
    bands = []
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        ends = []
        for end, within in ((run[0], 1), (run[-1], -1)):
            outside, inner = end - within, end + within
            if not (0 <= outside < len(x) and len(run) > 1):
                ends.append(float(x[end]))
                continue
            slope = (square[end] - square[inner]) / (x[end] - x[inner])
            place = float(x[end] - square[end] / slope) if slope != 0.0 else math.nan
            ends.append(place if min(x[end], x[outside]) < place < max(x[end], x[outside]) else float(x[outside]))
        bands.append((ends[1], ends[0]))
    return tuple((max(low, law.edges[0][0]), high) for low, high in bands if high > law.edges[0][0])
