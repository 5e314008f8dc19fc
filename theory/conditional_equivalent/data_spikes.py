"""Spikes of the data: isolated eigenvalues of the inputs' covariance are outliers of the features as well.

A class of one coordinate is a band of one eigenvalue of FFᵀ/n, at the root of det(I + C D_s) = 0 where it lies right of
the bulk. The counting function of the law finds these bands: each holds a whole number, and its middle is a spike.

After a step of a single-index target that is how many there are, and not where. The K leading eigenvectors of Σ, what
Σβ⋆ has beside them and the rest of the step's noise are then taken out of the classes and kept as they are: on them the
neurons of code b have, given the batch, the mean and the covariance

μ_b = (ρ/M₂)X_bt₁ + h(A_bt₁ + E σ′ ν),   V_b = (X_bΣ′_bX_bᵀ + h²φ₀m_y(…)Σ²)/d,   X_b = I + h(e_bΣ + c_bΣΥ),

Σ′ = Σ − t₁t₁ᵀ/M₂ with a code's lengths, t₁ = Σ^(3/2)β⋆, Υ the fluctuation that the batch has there and ν that of
Σ^(1/2)β (`theory.conditional_equivalent.batch_directions`), c_b = μ₂(|Σ^(1/2)w|²) over its mean with the weights
|Σ^(1/2)w|², and (…) the part of Var σ′ that is not in Υ. The latents' m and A have the pull of μ_b along l and n in the
mean over batches; to first order in what is left, δ_b = μ_b − pull, a feature gains A⟨δ_b, x⟩/κ. It goes with m, since
ρ and g make both: the two are one vector. With A_sb = ⟨a_s, v_b⟩ and m_sb = ⟨p_s, q_b⟩ the features are of finite rank
beside the rest: an eigenvalue of FFᵀ/n lies at z where one of ΦΘ passes 1, Φ = Σ_s ω_s f_sf_sᵀ over
f = (p, a⊗l, a⊗n, a⊗x₃ …) with the latents l and n and all other directions of variance one, and
Θ = −Σ_b N_br_b(y_by_bᵀ + 0 ⊕ κ_b⁻²V_b ⊗ v_bv_bᵀ), y_b = q_b ⊕ κ_b⁻¹δ_b ⊗ v_b.
Eigenvalues fall as z grows. The spike is the mean of the i-th root over the law of Υ, as that of many runs is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from theory.conditional_equivalent.axis import along_axis, count_above, density_of, joined, lagrange
from theory.conditional_equivalent.batch_directions import batch_nodes
from theory.conditional_equivalent.covariance import CovarianceTerms, build_covariance_features, moved_neurons
from theory.conditional_equivalent.covariance_neurons import krylov, slope_statistics, step_parts
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import ConvergenceError, FixedPoint, newton
from theory.conditional_equivalent.outliers import ALIGNMENTS, Outlier, find_outliers
from theory.conditional_equivalent.real_branch import real_branch
from theory.conditional_equivalent.spectrum import Bulk, bands_between
from theory.statement.problem import Problem
from theory.step_labels import step_statistics

__all__ = ["parted_bulk", "spikes_after_step", "step_spikes"]

_STRIDE = 0.985  # of the scan of the axis from the top down
_MOST = 400
_TOGETHER = 32  # of its points that are asked for at once
_EVERY = 4  # of which one is solved
_PASSES = (4, 2, 1)
_EMPTY = 1e-8  # eigenvalues between two such points that are none
_UNEVEN = 0.1  # share by which the mean of two densities may miss their number where no gap is between
_STEEP = 1.35  # ratio of the densities there at most
_SEEN = 0.025  # eigenvalues of a stride there at least
_BAND = 2.5  # eigenvalues from which a band is the bulk
_FAINT = 0.5  # of an eigenvalue: a band of less is none
_OWN = 0.05  # share of a spike's vector that is a function of the latent, below which the data make it
_GAP = 0.02  # of an eigenvalue: a stride that holds less lies in a gap, or where two bands meet
_MORE = 2  # eigenvectors of Σ that stand apart beside those of the spikes
_MOVED = 6  # of them on which the batch's matrix fluctuates
_NORMS = (5, 3)  # nodes of a neuron's squared norm: with one the largest spike of tanh is 3 % higher
_NODES = 200  # of samples and neurons, above which the fewer are taken
_FIRST, _GRID = 1.0005, 1.12  # first of the points z at which the eigenvalues are known, over the edge; their ratio
_STRIDES = (4, 2, 1)  # of them, of which each pass starts from those before
_STENCIL = 8  # points that a start is interpolated from
_CLOSE = 1e-9  # residual at which one is left alone
_REACH = 6.0  # of the largest z over that of the largest band
_RANK_MEANS = 1e-4  # singular values of m, and of A, of the largest, that move no root
_RANK_LINEAR = 1e-2


def parted_bulk(eq: EquivalentFeatures, law: Bulk) -> tuple[Bulk, tuple[Outlier, ...]]:
    """The bulk without the bands of single coordinates right of it, and these as spikes of the data.

    Parameters
    ----------
    eq : EquivalentFeatures
    law : Bulk
        Of the same features.

    Returns
    -------
    bulk : Bulk
    spikes : tuple of Outlier
        Of source ``"data"``, largest first, without alignments.
    """
    axis = _FromTheTop(eq, law)
    x, counts = axis.x, axis.counts
    begun = None
    levels: list[float] = []
    edge = law.edges[-1][1]
    for i in axis.strides():
        if counts[i - 1] > 0.1 * min(eq.n, eq.neurons.sum()):
            break
        filled = counts[i] - counts[i - 1] > _GAP
        if filled and begun is None:
            begun = i - 1
        if begun is None:
            continue
        mass = counts[i] - counts[begun]
        if mass > _BAND:
            if levels:
                edge = x[begun]
            break
        if not filled:
            if mass > _FAINT:
                whole = max(1, round(mass))
                levels += [counts[begun] + mass * (k + 0.5) / whole for k in range(whole)]
            begun = None
    if not levels:
        return law, ()
    places = [axis.place(level) for level in levels]
    low, support = law.edges[-1][0], (law.support[0], edge)
    edges = (*law.edges[:-1], (low, edge))
    parted = dataclasses.replace(law, edges=edges, support=support, scan=axis.known_below(edge))
    nothing = (math.nan,) * len(ALIGNMENTS)
    return parted, tuple(Outlier(math.sqrt(value), nothing, "data") for value in places)


class _FromTheTop:
    """The number of eigenvalues above places x from the top of the last band to its end, as many as are asked for.

    Every fourth is solved, and those between where a cubic through two numbers and densities might hide a gap.
    """

    def __init__(self, eq: EquivalentFeatures, law: Bulk) -> None:
        self._eq, self._law, self._known = eq, law, law.scan
        self.x, self.counts = [law.support[1] * (1.0 + 1e-3)], [0.0]
        self._slopes, self._solved = [0.0], [True]

    def strides(self) -> Iterator[int]:
        """1, 2, …, with the place of this number and its count known."""
        last = len(self.x)
        while last < _MOST:
            yield from range(last, self._append())
            if len(self.x) == last:
                return
            last = len(self.x)

    def place(self, level: float) -> float:
        """x with so many eigenvalues above it, between two places that are solved."""
        while True:
            i = int(np.searchsorted(np.maximum.accumulate(self.counts), level))
            asked = [k for k in (i - 1, i) if not self._solved[k]]
            if not asked:
                return float(np.interp(level, self.counts[i - 1 : i + 1], self.x[i - 1 : i + 1]))
            self._solve(asked)

    def known_below(self, edge: float) -> FixedPoint:
        """The scan of the law with the solutions below an edge."""
        fresh = self._known[(-self._known.lam.real < edge) & ~np.isin(self._known.lam, self._law.scan.lam)]
        return joined(self._law.scan, fresh)

    def _append(self) -> int:
        first = len(self.x)
        x = self.x[0] * _STRIDE ** np.arange(first, first + _TOGETHER, dtype=float)
        x = x[x > self._law.edges[-1][0]]
        self.x += x.tolist()
        for values in (self.counts, self._slopes):
            values += [math.nan] * len(x)
        self._solved += [False] * len(x)
        behind = len(self.x)
        knots = sorted({*range(first - 1, behind, _EVERY), behind - 1})
        self._solve([k for k in knots if not self._solved[k]])
        hidden: list[int] = []
        for left, right in pairwise(knots):
            between = self._cubic(left, right)
            if self._gap_between(left, right, between):
                hidden += range(left + 1, right)
            else:
                self.counts[left + 1 : right] = between
        self._solve(hidden)
        return behind

    def _gap_between(self, left: int, right: int, between: list[float]) -> bool:
        """Whether the end of a gap may be between two places that are not in one and the same."""
        total, low, high = self.counts[right] - self.counts[left], *sorted((self._slopes[left], self._slopes[right]))
        if total < _EMPTY:
            return False
        even = abs(total - 0.5 * (right - left) * (low + high)) < _UNEVEN * total
        steps = np.diff([self.counts[left], *between, self.counts[right]])
        return not (even and high < _STEEP * low and steps.min() > _SEEN)

    def _cubic(self, left: int, right: int) -> list[float]:
        """Counts between two places from those there and the slopes, all for strides."""
        size = right - left
        t = np.arange(1, size) / size
        rise = self.counts[right] - self.counts[left]
        bend = (1.0 - t) * (size * self._slopes[left] - rise) - t * (size * self._slopes[right] - rise)
        return (self.counts[left] + rise * t + t * (1.0 - t) * bend).tolist()

    def _solve(self, asked: list[int]) -> None:
        if not asked:
            return
        x = np.array([self.x[k] for k in asked])
        bands = bands_between(self._eq, self._known, self._law)
        point = along_axis(self._eq, x, self._known, bands, _PASSES)
        self._known = joined(self._known, point)
        slopes = -math.log(_STRIDE) * self._eq.n * x * density_of(self._eq, point)
        for k, count, slope in zip(asked, count_above(self._eq, point).tolist(), slopes.tolist(), strict=True):
            self.counts[k], self._slopes[k], self._solved[k] = count, slope, True


def step_spikes(eq: EquivalentFeatures) -> tuple[Outlier, ...]:
    """Spikes that the step makes right of the support, the bands of single coordinates included.

    Parameters
    ----------
    eq : EquivalentFeatures

    Returns
    -------
    tuple of Outlier
        Largest first.
    """
    beyond, _ = real_branch(eq)
    top = -float(beyond.lam[0])
    scan = FixedPoint(beyond.lam + 0j, beyond.r + 0j, beyond.w + 0j, beyond.residual, 0)
    found = find_outliers(eq, Bulk(((0.0, top),), 0.0, (0.0, top), beyond, scan))
    return tuple(spike for spike in found if sum(a**2 for a in spike.alignment) > _OWN)


def spikes_after_step(
    problem: Problem, terms: CovarianceTerms, bands: tuple[Outlier, ...], others: tuple[Outlier, ...]
) -> tuple[Outlier, ...]:
    """Where the spikes of the data stand after a step, in the mean over batches.

    Parameters
    ----------
    problem : Problem
        Of a single-index target, with a step.
    terms : CovarianceTerms
        With a neuron's overlap as a code.
    bands : tuple of Outlier
        As many spikes are looked for.
    others : tuple of Outlier
        Spikes of the step, which are not looked for.

    Returns
    -------
    tuple of Outlier
        Largest first; fewer than `bands` where a root has gone into the bulk.
    """
    if not bands:
        return ()
    for norms in _NORMS:
        terms = dataclasses.replace(terms, norms=norms)
        moved = moved_neurons(problem, terms)
        if len(moved.neurons.g) + len(moved.frame.latents) <= _NODES:
            break
    leading = min(len(bands) + _MORE, problem.d // 2)
    of = _Leading(problem, terms, leading, _REACH * bands[0].singular_value ** 2)
    order = np.argsort(-problem.eigenvalues, kind="stable")[: min(_MOVED, leading)]
    known = [math.log(spike.singular_value) for spike in others]
    roots = []
    for matrix, vector in zip(*batch_nodes(problem, order), strict=True):
        found = list(of.roots(matrix, vector, len(bands) + len(others)))
        for t in known:
            found.pop(int(np.argmin(np.abs(np.array(found) - t))))
        roots.append(found[: len(bands)])
    places = np.mean(np.exp(roots), axis=0)
    nothing = (math.nan,) * len(ALIGNMENTS)
    return tuple(Outlier(float(s), nothing, "data") for s in places if s**2 > of.top * (1.0 + 1e-9))


class _Leading:
    """The features on the leading eigenvectors of Σ, beside the law of the rest."""

    def __init__(self, problem: Problem, terms: CovarianceTerms, leading: int, reach: float) -> None:
        terms = dataclasses.replace(terms, leading=leading, aside=False)
        eq, self.moved = build_covariance_features(problem, terms), moved_neurons(problem, terms)
        self._place(problem, leading)
        start, self.top = real_branch(eq)
        count = max(2, 1 + math.ceil(math.log(reach / (self.top * _FIRST)) / math.log(_GRID)))
        self.t = math.log(self.top * _FIRST) + math.log(_GRID) * np.arange(count)
        r, w = _right_of(eq, start, self.top, self.t)
        strength, omega = -eq.neurons * r, eq.latent_weights / w
        p, q = _factors(eq, eq.m, _RANK_MEANS)
        a, v = _factors(eq, eq.A, _RANK_LINEAR)
        along = [p, *(a * latent[:, None] for latent in self.moved.frame.latents.T)]
        f = np.concatenate(along, axis=1)
        size = p.shape[1] + len(self.s) * a.shape[1]
        seen = np.zeros((len(self.t), size, size))
        seen[:, : f.shape[1], : f.shape[1]] = np.einsum("zs,si,sj->zij", omega, f, f, optimize=True)
        rest = np.einsum("zs,si,sj->zij", omega, a, a, optimize=True)
        for first in range(f.shape[1], size, a.shape[1]):
            block = slice(first, first + a.shape[1])
            seen[:, block, block] = rest
        values, vectors = np.linalg.eigh(seen)
        self._root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        self._strength, self._q, self._v = strength, q, v
        self._linear = np.einsum("zb,bi,bj->zbij", strength, v, v, optimize=True)

    def _place(self, problem: Problem, leading: int) -> None:
        """Eigenvectors, the rest of t₁ beside them, and that of the step's noise; what of μ_b and V_b stays."""
        order = np.argsort(-problem.eigenvalues, kind="stable")
        s = problem.eigenvalues[order]
        t1 = s**1.5 * problem.directions[0][order]
        of, step, neurons, d = krylov(problem), step_statistics(problem), self.moved.neurons, problem.d
        self.fluctuating = min(_MOVED, leading)
        rest = t1[leading:]
        size = float(np.linalg.norm(rest))
        beside = rest / size if size > 1e-9 * math.sqrt(of.M3) else np.full(d - leading, (d - leading) ** -0.5)
        left = s[self.fluctuating :]
        noise2 = float(np.sum(left**2))
        self.noise = math.sqrt(problem.phi0 * step.label_power * noise2 / d)
        self.s = np.concatenate([s[:leading], [beside**2 @ s[leading:], np.sum(left**3) / noise2]])
        self.t1 = np.concatenate([t1[:leading], [size, 0.0]])
        values, vectors = np.linalg.eigh(np.diag(self.s) - np.outer(self.t1, self.t1) / of.M2)
        values = np.maximum(values, 0.0)
        lengths = values[:, None] * self.moved.lengths(values) / d
        self.own = np.einsum("ic,cb,jc->bij", vectors, lengths, vectors)
        self.mean = neurons.overlap / of.M2
        statistics = [slope_statistics(problem.sigma, float(norm), 2) for norm in neurons.norm]
        bend = np.array([means[1] for means, _ in statistics])
        self.slope = neurons.h * np.array([means[0] for means, _ in statistics])
        # of Σ^(1/2)β along t₁, what the pull has of the noise in its mean square
        self.known = step_parts(problem)[0] - float(step.linear[0]) * math.sqrt(of.M3)
        weights = neurons.shares * neurons.norm
        mean = float(weights @ bend / weights.sum())
        self.coefficient = neurons.h * (bend / mean if mean != 0.0 else np.ones(len(bend)))
        among = float(np.sum(s[: self.fluctuating])) / d
        fluctuates = (np.arange(len(self.s)) < self.fluctuating)[:, None]
        variance = np.array([spread for _, spread in statistics]) - fluctuates * (among * neurons.norm * bend**2)
        self.scatter = np.outer(self.s**2, neurons.h**2) * (problem.phi0 * step.label_power / d) * variance

    def roots(self, matrix: np.ndarray, vector: np.ndarray, count: int) -> np.ndarray:
        """ln s of the largest `count` roots at fluctuations of Υ and β̃, those below the rest's edge at the edge."""
        kappa2, k, L = self.moved.kappa2, len(self.s), len(matrix)
        bent = np.zeros((k, k))
        bent[:L, :L] = matrix
        X = np.multiply.outer(self.moved.neurons.bend, np.diag(self.s)) + np.eye(k)
        signal = self.t1 / np.linalg.norm(self.t1)
        pull = self.mean * (X @ self.t1 @ signal)
        X += np.multiply.outer(self.coefficient, self.s[:, None] * bent)
        V = X @ self.own @ np.swapaxes(X, 1, 2)
        V[:, np.arange(k), np.arange(k)] += self.scatter.T
        noise = np.zeros(k)
        noise[:L], noise[-1] = self.s[:L] * vector, self.noise
        frame, signs = np.linalg.qr(np.column_stack([signal, noise, np.eye(k)]))
        frame = frame * np.where(np.diagonal(signs) < 0.0, -1.0, 1.0)
        V = frame.T @ V @ frame / kappa2[:, None, None]
        # A_b t₁ is the same in a neuron's mean and in its pull
        shift = (self.mean[:, None] * (X @ self.t1) + np.outer(self.slope, noise)) @ frame
        shift[:, 0] -= pull + self.slope * self.known
        shift[:, 1] -= self.moved.neurons.pull[:, 1]
        shift /= np.sqrt(kappa2)[:, None]
        mean = np.concatenate([self._q, (shift[:, :, None] * self._v[:, None, :]).reshape(len(shift), -1)], axis=1)
        theta = (mean.T * self._strength[:, None, :]) @ mean
        R = self._q.shape[1]
        linear = np.tensordot(V, self._linear, (0, 1))  # (k, k, z, R, R)
        theta[:, R:, R:] += np.transpose(linear, (2, 0, 3, 1, 4)).reshape(len(self.t), *(2 * [theta.shape[1] - R]))
        return np.array([self._crossing(logs) for logs in self._logarithms(theta, count).T])

    def _logarithms(self, theta: np.ndarray, count: int) -> np.ndarray:
        """Of the largest eigenvalues of ΦΘ, shape (z, count), at places around those where they pass 1."""
        logs = np.full((len(self.t), min(count, theta.shape[1])), -math.inf)

        def solve(rows: np.ndarray) -> None:
            root = self._root[rows]
            values = np.linalg.eigvalsh(np.swapaxes(root, 1, 2) @ theta[rows] @ root)[:, ::-1]
            logs[rows] = np.log(np.maximum(values[:, : logs.shape[1]], 1e-300))

        last = len(self.t) - 1
        coarse = np.array(sorted({*range(0, last, _STRIDES[0]), last - 1, last}))
        solve(coarse)
        ends = {(i, j) for i, j in pairwise(coarse.tolist()) if ((logs[i] > 0.0) & (logs[j] <= 0.0)).any()}
        between = [k for i, j in sorted(ends) for k in range(i + 1, j)]
        if between:
            solve(np.array(between))
        return logs

    def _crossing(self, logs: np.ndarray) -> float:
        """½ ln z where a falling curve passes 0; beyond the last point it goes on like the last two."""
        above = np.flatnonzero(logs > 0.0)
        if not len(above):
            return 0.5 * math.log(self.top)
        j = min(int(above[-1]), len(logs) - 2)
        return float(0.5 * (self.t[j] + (self.t[j + 1] - self.t[j]) * logs[j] / (logs[j] - logs[j + 1])))


def _right_of(eq: EquivalentFeatures, start: FixedPoint, top: float, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """r and w at z = exp(t), evenly spaced, right of the end of the support: analytic in √(t − ln top)."""
    place, Q = np.sqrt(t - math.log(top)), len(eq.g)
    logs = np.full((len(t), Q + len(eq.u)), np.nan)  # of −zr and w
    last, known = start, np.zeros(0, dtype=int)
    for stride in _STRIDES:
        asked = np.setdiff1d(np.arange(0, len(t), stride), known)
        # the first from one another, the rest from those around them
        for rows in [asked[i : i + 1] for i in range(len(asked))] if stride == _STRIDES[0] else [asked]:
            z = np.exp(t[rows])
            if len(known) < 2:
                r, w = last.r.real * (last.lam.real / -z), last.w.real
            else:
                order = np.argsort(np.abs(place[rows, None] - place[known]), axis=1)[:, :_STENCIL]
                near = known[order]
                begin = np.exp(lagrange(place[rows], place[near], logs[near]))
                r, w = -begin[:, :Q] / z[:, None], begin[:, Q:]
            last = newton(eq, -z, r, w, enough=_CLOSE)
            for i in np.flatnonzero(~_arrived(last)).tolist():
                one = _walked(eq, start, float(z[i]))
                last.r[i], last.w[i], last.residual[i] = one.r[0], one.w[0], one.residual[0]
            logs[rows] = np.log(np.concatenate([-last.r * z[:, None], last.w], axis=1))
            known = np.append(known, rows)
    return -np.exp(logs[:, :Q] - t[:, None]), np.exp(logs[:, Q:])


def _arrived(point: FixedPoint) -> np.ndarray:
    """Points whose solution is one right of the support."""
    return (point.residual < _CLOSE) & (point.r < 0.0).all(axis=1) & (point.w > 0.0).all(axis=1)


def _walked(eq: EquivalentFeatures, start: FixedPoint, z: float) -> FixedPoint:
    """The solution at z from one left of it, in strides as short as those of the places themselves."""
    point = start
    while -point.lam[0].real < z:
        there = min(z, -float(point.lam[0].real) * _GRID)
        point = newton(eq, np.array([-there]), point.r.real * (point.lam.real / -there), point.w.real, enough=_CLOSE)
    if not _arrived(point)[0]:
        raise ConvergenceError(
            f"no solution was reached right of the bulk at z = {z:g}: residual {point.residual[0]:.2g}; "
            "reduce the step size"
        )
    return point


def _factors(eq: EquivalentFeatures, values: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Factors (S, R) and (Q, R) of values (S, Q) on the weights of nodes and codes."""
    rows, columns = np.sqrt(eq.latent_weights)[:, None], np.sqrt(eq.neurons / eq.neurons.sum())
    left, sizes, right = np.linalg.svd(rows * values * columns, full_matrices=False)
    rank = int(np.sum(sizes > least * sizes[0]))
    return left[:, :rank] / rows, (right[:rank] * sizes[:rank, None] / columns).T
