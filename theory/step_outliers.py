"""Eigenvalues of Ŷ = X₀ᵀ diag(y₀) X₀/n₀ outside its bulk, for labels of which a batch holds a sample.

The law of Ŷ has ζ(m) = −1/m + E[y/(1 + φ₀ym)] for the inverse of its transform m. An outlier θ = ζ(m) solves
det(I + m E[y(zzᵀ − I)/(1 + φ₀ym)]) = 0 at a real m outside the bulk; with v the null vector there its eigenvector u has
W⋆u = √ρ v, ρ = 1/(1 − κ′(θ)), κ = vᵀE[y zzᵀ/(1 + φ₀ym)]v.

The bulk's measure on β and W⋆ is the imaginary part of S = m(I + m E[y(zzᵀ − I)/(1 + φ₀ym)])^(-1) on W⋆, of Sv with
v = E[y z/(1 + φ₀ym)] between them, and of φ₀m E[y²/(1 + φ₀ym)] + vᵀSv on β.

Polynomial labels have no edge, a sample has. A label of which n₀ samples hold less than one has no pole of its own: it
counts with what it pulls, at the pole of the largest that a batch is expected to hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theory.quadrature import gauss_hermite
from theory.roots import bracketed_root
from theory.step_labels import StepLabels, latent_rule

__all__ = ["PulledLabels", "StepBulk", "StepOutliers", "bulk_of", "outliers_of", "outliers_of_batches", "pulled_labels"]

_NOISES = 7  # nodes of the label noise
_NEAR = 1e-7  # how close to the edge of the bulk a root is looked for
_EQUAL = 1e-6  # relative difference of m below which outliers share a frame
_CLOSE = 0.1  # relative difference of θ up to which a batch turns the eigenvectors into one another
_UNSEEN = 1e-3  # of the largest variance that a batch gives, what is left out
_GRID = 40  # nodes on the bulk
_ABOVE = 1e-6  # height above it in units of half its width


@dataclass(frozen=True, eq=False)
class StepOutliers:
    """Eigenvalues of Ŷ outside its bulk, and what their eigenvectors overlap with.

    Attributes
    ----------
    theta : ndarray, shape (K,)
        θ_c, by decreasing distance from 0.
    overlap : ndarray, shape (k, K)
        W⋆u_c in the columns.
    along_beta : ndarray, shape (K,)
        ⟨β, u_c⟩.
    noise : ndarray, shape (K,)
        u_cᵀMu_c for M = X₀ᵀ diag(y₀²) X₀/n₀.
    edges : (float, float)
        Of the bulk.
    """

    theta: np.ndarray
    overlap: np.ndarray
    along_beta: np.ndarray
    noise: np.ndarray
    edges: tuple[float, float]

    def __getitem__(self, kept: np.ndarray) -> StepOutliers:
        """Some of the outliers."""
        return StepOutliers(
            self.theta[kept], self.overlap[:, kept], self.along_beta[kept], self.noise[kept], self.edges
        )


@dataclass(frozen=True, eq=False)
class StepBulk:
    """The bulk of Ŷ at Chebyshev nodes, from the right.

    Attributes
    ----------
    nodes, masses : ndarray, shape (J,)
        Of the law of Ŷ.
    on_directions : ndarray, shape (J, 1 + k, 1 + k)
        Masses of the matrix measure on β and W⋆.
    """

    nodes: np.ndarray
    masses: np.ndarray
    on_directions: np.ndarray


@dataclass(frozen=True, eq=False)
class PulledLabels:
    """Nodes of the label y (L,), what stands for y in the poles (L,), their weights, the latents (L, k), and φ₀."""

    y: np.ndarray
    pole: np.ndarray
    w: np.ndarray
    z: np.ndarray
    phi0: float

    def seen(self) -> PulledLabels:
        """The labels that have a pole of their own."""
        keep = np.abs(self.y) <= np.max(np.abs(self.pole))
        w = self.w[keep]
        return PulledLabels(self.y[keep], self.pole[keep], w / w.sum(), self.z[keep], self.phi0)

    def last(self, sign: float) -> float:
        """The m where ζ(m) turns: the edge of the bulk, right of it for `sign` = −1 and left for 1."""
        worst = float(np.max(-sign * self.pole))
        limit = 1.0 / (self.phi0 * worst) if worst > 0.0 else 1e6 / math.sqrt(self.phi0 * float(self.w @ self.y**2))
        last = limit * (1.0 - 1e-9)
        if self.slope(sign * last) < 0.0:
            last = _root(lambda m: -self.slope(sign * m), 1e-9 * limit, last, 1e-14 * limit)
        return sign * last

    def pull(self, m: complex) -> np.ndarray:
        """y/(1 + φ₀ym)."""
        return self.y / (1.0 + self.phi0 * self.pole * m)

    def change(self, m: complex) -> np.ndarray:
        """Minus the derivative of the pull in m: φ₀y²/(1 + φ₀ym)²."""
        return self.phi0 * self.y * self.pole / (1.0 + self.phi0 * self.pole * m) ** 2

    def zeta(self, m: float) -> float:
        """ζ(m) = −1/m + E[y/(1 + φ₀ym)], the inverse of the transform."""
        return -1.0 / m + float(self.w @ self.pull(m))

    def slope(self, m: float) -> float:
        """m² dζ/dm."""
        return 1.0 - m**2 * float(self.w @ self.change(m))

    def on_target(self, m: complex) -> np.ndarray:
        """E[y(zzᵀ − I)/(1 + φ₀ym)], shape (k, k)."""
        weight = self.w * self.pull(m)
        return (self.z.T * weight) @ self.z - weight.sum() * np.eye(self.z.shape[1])

    def outlier(self, m: float, v: np.ndarray) -> tuple[float, np.ndarray, float, float]:
        """θ, W⋆u, ⟨β, u⟩ for β = X₀ᵀy₀/n₀ and uᵀMu at a root m with the null vector v.

        ⟨β, u⟩ = E[y zᵀ/(1 + φ₀ym)] W⋆u. A change of the labels to y + εy² changes Ŷ to Ŷ + εM, hence θ by ε uᵀMu.
        """
        along = (self.z @ v) ** 2
        slope, change, square = self.slope(m) / m**2, self.w * self.change(m), self.w * self.pull(m) ** 2
        overlap = v / math.sqrt(1.0 + float(change @ along) / slope)
        of_m = float((self.w * self.pull(m)) @ (along - 1.0)) - m * float(change @ (along - 1.0))
        of_epsilon = m * float(square @ (along - 1.0))
        noise = float(square.sum()) - slope * of_epsilon / of_m
        return self.zeta(m), overlap, float((self.w * self.pull(m)) @ self.z @ overlap), noise

    def transform(self, zeta: complex, m: complex) -> complex:
        """m at ζ, by Newton for 1 + ζm = m E[y/(1 + φ₀ym)] from a start in the upper half plane."""
        for _ in range(100):
            pulled = self.w @ self.pull(m)
            f = 1.0 + zeta * m - m * pulled
            moved = m - f / (zeta - pulled + m * (self.w @ self.change(m)))
            moved = moved if moved.imag > 0.0 else complex(m.real, 0.5 * m.imag)
            if abs(moved - m) < 1e-13 * abs(m):
                return moved
            m = moved
        raise ArithmeticError(
            f"the transform of the law of Ŷ at {zeta:.6g} did not converge: residual {abs(f):.2g}; change `n` a little"
        )

    def on_directions(self, m: complex) -> np.ndarray:
        """The resolvent on β and W⋆, shape (1 + k, 1 + k)."""
        k, pull = self.z.shape[1], self.w * self.pull(m)
        S, v = m * np.linalg.inv(np.eye(k) + m * self.on_target(m)), pull @ self.z
        Sv = S @ v
        corner = self.phi0 * m * (pull @ self.y) + v @ Sv
        return np.block([[np.array([[corner]]), Sv[None]], [Sv[:, None], S]])

    def outliers(self) -> list[tuple[float, np.ndarray, float, float]]:
        """`outlier` for all that there are, those left of the bulk last."""
        return [self.outlier(m, v) for m, v in self.poles()]

    def influence(self, m: float, v: np.ndarray, other: np.ndarray, same: bool) -> np.ndarray:
        """What a label more of each node does to θ, or to the entry between two eigenvectors of about the same θ."""
        pull, change, slope = self.pull(m), self.w * self.change(m), self.slope(m) / m**2
        along = (self.z @ v) ** 2
        of_m = float((self.w * pull) @ (along - 1.0)) - m * float(change @ (along - 1.0))
        psi = pull * same - slope * m * pull * ((self.z @ v) * (self.z @ other) - same) / of_m
        return psi - self.w @ psi

    def batches(self, n0: int) -> list[PulledLabels]:
        """The labels at D + 1 batches of mean and covariance of all, in the D directions in which a batch moves θ.

        A batch of n₀ labels has the weights w(1 + Σ_i t_i φ_i/√n₀) on average, given its t_i ~ N(0, 1) along normalised
        influences φ_i; the corners of a simplex have the mean and the covariance of t.
        """
        poles = [(m, v, self.zeta(m)) for m, v in self.poles()]
        functions = [
            self.influence(0.5 * (m + other), v, u, j == i)
            for i, (m, v, theta) in enumerate(poles)
            for j, (other, u, at) in enumerate(poles[: i + 1])
            if j == i or abs(theta - at) < _CLOSE * max(abs(theta), abs(at))
        ]
        if not functions:
            return []
        psi = np.array(functions)
        values, vectors = np.linalg.eigh((psi * self.w) @ psi.T)
        kept = values > _UNSEEN * values[-1]
        phi = (vectors[:, kept].T @ psi) / np.sqrt(n0 * values[kept])[:, None]
        corners = np.eye(len(phi) + 1) - 1.0 / (len(phi) + 1)
        corners = math.sqrt(len(phi) + 1) * np.linalg.svd(corners)[0][:, : len(phi)]
        weights = [np.maximum(self.w * (1.0 + t @ phi), 0.0) for t in corners]
        return [PulledLabels(self.y, self.pole, w / w.sum(), self.z, self.phi0) for w in weights]

    def poles(self) -> list[tuple[float, np.ndarray]]:
        """m and the null vector of every outlier, those left of the bulk last."""
        found = []
        for sign in (-1.0, 1.0):  # m < 0 right of the bulk, m > 0 left of it
            last = abs(self.last(sign))
            near, roots = last * (1.0 - _NEAR), []
            for i in range(self.z.shape[1]):

                def gap(m: float, i: int = i, sign: float = sign) -> float:
                    return -1.0 - sign * m * float(np.linalg.eigvalsh(self.on_target(sign * m))[i])

                if gap(near) > 0.0:
                    roots.append((i, sign * _root(gap, 1e-9 * last, near, 1e-13 * last)))
            for j, (i, m) in enumerate(roots):
                # equal outliers share one frame: apart, their eigenvectors could come out the same
                frame = next(other for _, other in roots[: j + 1] if abs(other - m) < _EQUAL * abs(m))
                found.append((m, np.linalg.eigh(self.on_target(frame))[1][:, i]))
        return found


@lru_cache(maxsize=64)
def pulled_labels(labels: StepLabels, n0: int) -> PulledLabels:
    """The labels of a step as a batch of n₀ samples holds them.

    Parameters
    ----------
    labels : StepLabels
    n0 : int

    Returns
    -------
    PulledLabels
    """
    z, w, g = latent_rule(labels.target)
    x, p = gauss_hermite(_NOISES if labels.noise > 0.0 else 1)
    y = (g[:, None] - labels.start + labels.noise * x).ravel()
    w = np.outer(w, p).ravel()
    z = np.repeat(z, len(x), axis=0)
    kept = w > 1e-12
    y, w, z = y[kept], w[kept] / w[kept].sum(), z[kept]
    order = np.argsort(-np.abs(y))
    largest = np.abs(y[order[np.argmax(np.cumsum(w[order]) * n0 > 1.0)]])
    return PulledLabels(y, np.clip(y, -largest, largest), w, z, labels.phi0)


@lru_cache(maxsize=64)
def outliers_of(labels: StepLabels, n0: int) -> StepOutliers:
    """Outliers of Ŷ for the labels of a step.

    Parameters
    ----------
    labels : StepLabels
    n0 : int

    Returns
    -------
    StepOutliers
    """
    pulled = pulled_labels(labels, n0)
    seen = pulled.seen()  # a label beyond them has an eigenvalue of its own
    return _collected(pulled, (seen.zeta(seen.last(1.0)), seen.zeta(seen.last(-1.0))))


@lru_cache(maxsize=64)
def outliers_of_batches(labels: StepLabels, n0: int) -> tuple[StepOutliers, ...]:
    """Outliers of Ŷ at a few batches that stand for all: their mean is one over batches, to second order in n₀^(-1/2).

    Parameters
    ----------
    labels : StepLabels
    n0 : int

    Returns
    -------
    tuple of StepOutliers
        Of equal weight; none where a batch may have fewer outliers.
    """
    expected = outliers_of(labels, n0)
    found = [_collected(batch, expected.edges) for batch in pulled_labels(labels, n0).batches(n0)]
    return tuple(found) if all(len(one.theta) == len(expected.theta) for one in found) else ()


def _collected(pulled: PulledLabels, edges: tuple[float, float]) -> StepOutliers:
    found = sorted(pulled.outliers(), key=lambda outlier: -abs(outlier[0]))
    theta, along, noise = (np.array([outlier[i] for outlier in found]) for i in (0, 2, 3))
    overlap = np.array([outlier[1] for outlier in found]).reshape(len(found), pulled.z.shape[1]).T
    return StepOutliers(theta, overlap, along, noise, edges)


@lru_cache(maxsize=64)
def bulk_of(labels: StepLabels, n0: int) -> StepBulk:
    """The bulk of Ŷ for the labels that have a pole of their own; the others have eigenvalues of their own.

    Parameters
    ----------
    labels : StepLabels
    n0 : int

    Returns
    -------
    StepBulk

    Raises
    ------
    ArithmeticError
        If the transform does not converge.
    """
    seen = pulled_labels(labels, n0).seen()
    left, right = seen.zeta(seen.last(1.0)), seen.zeta(seen.last(-1.0))
    angle, half = math.pi * np.arange(1, _GRID + 1) / (_GRID + 1), 0.5 * (right - left)
    x = 0.5 * (left + right) + half * np.cos(angle)
    m, value = [], 1j / half
    for point in x:
        try:
            m.append(seen.transform(point + 1j * _ABOVE * half, value))
        except ArithmeticError:  # the neighbour is no start here: come down from above
            value = 1j / half
            for height in half * 0.5 ** np.arange(0, 20):
                value = seen.transform(point + 1j * height, value)
            m.append(value)
        value = complex(m[-1].real, max(m[-1].imag, 0.1 * abs(m[-1])))
    spacing = half * np.sin(angle) / (_GRID + 1)
    on_directions = np.array([seen.on_directions(one).imag for one in m])
    return StepBulk(x, np.imag(m) * spacing, on_directions * spacing[:, None, None])


def _root(function: Callable[[float], float], low: float, high: float, precision: float) -> float:
    """Where a function from negative to positive values vanishes."""

    def values(m: np.ndarray) -> np.ndarray:
        return np.array([function(float(one)) for one in m])

    return float(bracketed_root(values, np.array([low]), np.array([high]), absolute=precision)[0])
