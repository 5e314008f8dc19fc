"""Labelled Gaussian samples, drawn chunk by chunk so that any block of rows can be drawn again from the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike
from threadpoolctl import threadpool_limits

from spikes.simulation.seeds import derived_sequence
from theory.statement.problem import Problem

__all__ = ["CHUNK", "Batch", "Block", "LabelledRows", "Samples", "over_blocks"]

Block = tuple[slice, np.ndarray, np.ndarray]

CHUNK = 512
"""Rows that share one random stream; every block of rows starts at a multiple of it."""


class LabelledRows(Protocol):
    """A batch, drawn, stored or derived: what gives its rows X with labels y block by block."""

    @property
    def rows(self) -> int:
        """Number of samples."""

    def part(self, start: int, stop: int) -> LabelledRows:
        """Samples start … stop − 1 of these; both multiples of `CHUNK`, but for an end that is the last row."""

    def blocks(self, block: int, *, dtype: DTypeLike = np.float64, first: int = 0, stride: int = 1) -> Iterator[Block]:
        """Blocks (rows, X, y); of every `stride` blocks one, beginning with block `first`."""


@dataclass(frozen=True, eq=False)
class Samples:
    """A batch of samples that is described, not stored.

    Attributes
    ----------
    problem : Problem
        Gives d, target, noise and covariance. The target's directions are the first k coordinates of isotropic inputs;
        others are in the eigenbasis of their covariance, Σ^(1/2)ξ with Σ diagonal, and `problem.directions` are theirs.
    sequence : SeedSequence
    rows : int
    offset : int
        Rows of the sequence that come before these; a multiple of `CHUNK`.
    """

    problem: Problem
    sequence: np.random.SeedSequence
    rows: int
    offset: int = 0

    def part(self, start: int, stop: int) -> Samples:
        """Samples start … stop − 1 of these; both multiples of `CHUNK`, but for an end that is the last row."""
        return Samples(self.problem, self.sequence, stop - start, self.offset + start)

    def draw(self, start: int, stop: int, X: np.ndarray, y: np.ndarray) -> None:
        """Write rows start … stop − 1 into `X` (stop − start, d) and their labels into `y`.

        `start` must be a multiple of `CHUNK`.
        """
        problem = self.problem
        teacher = problem.teacher
        isotropic = problem.law_of_x is None
        for first in range(start, stop, CHUNK):
            generator = np.random.Generator(
                np.random.SFC64(derived_sequence(self.sequence, (self.offset + first) // CHUNK))
            )
            count = min(CHUNK, self.rows - first)
            keep = min(count, stop - first)
            rows = slice(first - start, first - start + keep)
            in_place = keep == count and X.dtype == float and X.flags.c_contiguous
            if in_place:
                inputs = generator.standard_normal(out=X[rows])
            else:
                inputs = generator.standard_normal((count, problem.d))
            noise = generator.standard_normal(count)
            if isotropic:
                latents = inputs[:keep, : teacher.k]
            else:
                inputs *= np.sqrt(problem.eigenvalues)
                latents = inputs[:keep] @ problem.directions.T
            if not in_place:
                X[rows] = inputs[:keep]
            y[rows] = teacher(latents) + problem.noise * noise[:keep]

    def blocks(self, block: int, *, dtype: DTypeLike = np.float64, first: int = 0, stride: int = 1) -> Iterator[Block]:
        """Blocks (rows, X, y) of at least `block` rows in order, in buffers that the next block overwrites.

        Of every `stride` blocks one, beginning with block `first`.
        """
        block = -(-block // CHUNK) * CHUNK
        size = min(block, self.rows)
        X, y = np.empty((size, self.problem.d), dtype), np.empty(size, dtype)
        for start in range(first * block, self.rows, stride * block):
            stop = min(start + block, self.rows)
            self.draw(start, stop, X[: stop - start], y[: stop - start])
            yield slice(start, stop), X[: stop - start], y[: stop - start]


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of samples in memory.

    Attributes
    ----------
    X : ndarray, shape (rows, d)
    y : ndarray, shape (rows,)
    """

    X: np.ndarray
    y: np.ndarray

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.y)

    def part(self, start: int, stop: int) -> Batch:
        """Samples start … stop − 1 of these."""
        return Batch(self.X[start:stop], self.y[start:stop])

    def blocks(self, block: int, *, dtype: DTypeLike = np.float64, first: int = 0, stride: int = 1) -> Iterator[Block]:
        """As `Samples.blocks`, without buffers: views where the type is right."""
        for start in range(first * block, self.rows, stride * block):
            rows = slice(start, min(start + block, self.rows))
            yield rows, self.X[rows].astype(dtype, copy=False), self.y[rows].astype(dtype, copy=False)


def over_blocks(
    samples: LabelledRows,
    block: int,
    visit: Callable[[int, slice, np.ndarray, np.ndarray], None],
    *,
    threads: int = 1,
    dtype: DTypeLike = np.float64,
) -> None:
    """Call ``visit(slot, rows, X, y)`` for every block, `threads` blocks at a time, matrix products on one thread each.

    Block i belongs to slot i mod `threads`, whose blocks come in order: sums kept apart for each slot and added in the
    order of the slots are the same in every run with as many threads.

    Parameters
    ----------
    samples : Samples or Batch
    block : int
        Rows of a block; no result depends on it but through rounding.
    visit : callable
    threads : int
    dtype : dtype
    """

    def walk(slot: int) -> None:
        for rows, X, y in samples.blocks(block, dtype=dtype, first=slot, stride=threads):
            visit(slot, rows, X, y)

    if threads == 1:
        walk(0)
        return
    # numpy's error state is the context's: threads take that of their caller
    contexts = [copy_context() for _ in range(threads)]
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda slot: contexts[slot].run(walk, slot), range(threads)))
