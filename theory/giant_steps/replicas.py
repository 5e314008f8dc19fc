"""Replica Monte Carlo: unbiased second moments of conditional expectations, for targets of many latents."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from theory.giant_steps.hermite_moments import compositions
from theory.hermite import hermite_polynomials
from theory.statement.arguments import count
from theory.statement.target import Target

__all__ = ["BATCHES", "Replicas", "check_samples"]

BATCHES = 20
"""Batches whose scatter gives the standard error."""

_ROWS = 2**14
_MOST_SAMPLES = 2**30


def check_samples(samples: int) -> int:
    """A number of Monte Carlo samples that leaves an error, and whose values do not take gigabytes."""
    return count("samples", samples, 100 * BATCHES, _MOST_SAMPLES)


class Replicas:
    """Samples of a target for estimates of the form E[g(u,z) g(u,z′) K(z,z′)], z and z′ independent given u.

    Every estimate draws its samples anew from the seed, in blocks: memory stays flat, and equal questions get equal
    answers.

    Attributes
    ----------
    mean, variance : float
        E g and Var g.
    """

    def __init__(self, target: Target, samples: int, seed: int) -> None:
        self.target, self.seed = target, seed
        self.rows = -(-samples // BATCHES)
        moments = []
        for batch in range(BATCHES):
            values = np.concatenate([self.target(z) for z, _ in self._blocks(batch)])
            moments.append((values.mean(), np.mean(values**2)))
        first, second = np.mean(moments, axis=0)
        self.mean, self.variance = float(first), float(second - first**2)

    def _blocks(self, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of two independent sets of latents, drawn again from the seed each time."""
        generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(self.seed, spawn_key=(batch,))))
        for start in range(0, self.rows, _ROWS):
            shape = (min(_ROWS, self.rows - start), self.target.k)
            yield generator.standard_normal(shape), generator.standard_normal(shape)

    def _pairs(
        self, frame: np.ndarray, known: int, *, shared: bool
    ) -> Iterator[list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]]:
        """Batches of (coordinates, g) for two replicas, which share the first `known` coordinates if `shared`."""
        for batch in range(BATCHES):
            pairs = []
            for one, two in self._blocks(batch):
                if shared:
                    two[:, :known] = one[:, :known]
                pairs.append((one, self.target(one @ frame.T), two, self.target(two @ frame.T)))
            yield pairs

    def _estimate(self, batches: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        values = np.stack(list(batches))
        return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(BATCHES)

    def moment(
        self, frame: np.ndarray, known: int, degree: int, seen: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """A_j on the complement of the first `known` columns of the frame, and its standard error.

        Parameters
        ----------
        seen : ndarray of bool, optional
            For each degree b in u, whether it counts. Replicas are then independent and weighted with
            Σ_{|β| = b} He_β(u)He_β(u′)/β!.
        """
        axes = self.target.k - known

        def batches() -> Iterator[np.ndarray]:
            for pairs in self._pairs(frame, known, shared=seen is None):
                total, rows = np.zeros((axes, axes)), 0
                for one, g, two, g2 in pairs:
                    weight = g * g2
                    if seen is not None and known:
                        weight = weight * _kernel(one[:, :known], two[:, :known], seen)
                    elif seen is not None and not seen[0]:
                        weight = np.zeros_like(weight)
                    left, right = (hermite_polynomials(z[:, known:], degree) for z in (one, two))
                    total += _contract(left, right, weight, degree)
                    rows += len(g)
                yield 0.5 * (total + total.T) / rows

        return self._estimate(batches())

    def variance_given(self, frame: np.ndarray, known: int) -> tuple[float, float]:
        """E Var(g | u) and its standard error."""

        def batches() -> Iterator[np.ndarray]:
            for pairs in self._pairs(frame, known, shared=True):
                yield np.mean(np.concatenate([0.5 * (g - g2) ** 2 for _, g, _, g2 in pairs]))

        mean, se = self._estimate(batches())
        return float(mean), float(se)

    def energies(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """E_j for j = 0 … degree and their standard errors."""
        nothing = np.eye(self.target.k)

        def batches() -> Iterator[np.ndarray]:
            for pairs in self._pairs(nothing, 0, shared=False):
                total, rows = np.zeros(degree + 1), 0
                for one, g, two, g2 in pairs:
                    total += (g * g2) @ _degree_kernels(one, two, degree)
                    rows += len(g)
                yield total / rows

        return self._estimate(batches())

    def left_over(self, frame: np.ndarray, known: int, degree: int) -> tuple[float, float]:
        """E g² − Σ_{|β| ≤ degree} E_u[(E[g He_β(z_⊥)|u])²]/β! and its standard error."""

        def batches() -> Iterator[np.ndarray]:
            for pairs in self._pairs(frame, known, shared=True):
                values = [
                    0.5 * (g**2 + g2**2) - g * g2 * _degree_kernels(one[:, known:], two[:, known:], degree).sum(axis=1)
                    for one, g, two, g2 in pairs
                ]
                yield np.mean(np.concatenate(values))

        mean, se = self._estimate(batches())
        return float(mean), float(se)


def _degree_kernels(one: np.ndarray, two: np.ndarray, degree: int) -> np.ndarray:
    """Σ_{|β| = b} He_β(x)He_β(x′)/β! for b = 0 … degree, shape (B, degree + 1): one axis convolved after the other."""
    factorials = np.array([math.factorial(b) for b in range(degree + 1)], dtype=float)
    total = np.zeros((len(one), degree + 1))
    total[:, 0] = 1.0
    for x, y in zip(one.T, two.T, strict=True):
        term = (hermite_polynomials(x, degree) * hermite_polynomials(y, degree)).T / factorials
        total = np.stack([sum(total[:, i] * term[:, b - i] for i in range(b + 1)) for b in range(degree + 1)], axis=1)
    return total


def _kernel(one: np.ndarray, two: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return _degree_kernels(one, two, len(seen) - 1) @ seen.astype(float)


def _contract(left: np.ndarray, right: np.ndarray, weight: np.ndarray, degree: int) -> np.ndarray:
    """Σ_rows weight Σ_{|β| = j−1} ((j−1)!/β!) He_{β+e_i}(z) He_{β+e_i′}(z′), given He_0 … He_j (j + 1, B, axes)."""
    axes = left.shape[2]

    def product(values: np.ndarray, alpha: tuple[int, ...]) -> np.ndarray:
        result = np.ones(values.shape[1])
        for axis, power in enumerate(alpha):
            if power:
                result = result * values[power, :, axis]
        return result

    total = np.zeros((axes, axes))
    for beta in compositions(degree - 1, axes):
        scale = math.factorial(degree - 1) / math.prod(map(math.factorial, beta))
        raised = [tuple(b + (i == a) for a, b in enumerate(beta)) for i in range(axes)]
        one = np.stack([product(left, alpha) for alpha in raised], axis=1)
        two = np.stack([product(right, alpha) for alpha in raised], axis=1)
        total += scale * (one * weight[:, None]).T @ two
    return total
