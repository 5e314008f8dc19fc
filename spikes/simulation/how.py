"""How a simulation is computed: number type, method, threads and place, none of which the problem knows."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from theory.statement.arguments import choice, integer

__all__ = ["ALONE", "DTYPES", "HERE", "METHODS", "How", "Place"]

DTYPES = ("float64", "float32")
METHODS = ("gram", "svd", "streamed")


class Place(NamedTuple):
    """Where ranges of rows are summed.

    Attributes
    ----------
    workers : int, optional
        Processes; one means this process.
    executor : concurrent.futures.Executor, optional
        Where to run instead, as in `spikes.runtime.tasks.finished_tasks`.
    """

    workers: int | None = 1
    executor: Executor | None = None


HERE = Place()
"""This process."""


@dataclass(frozen=True)
class How:
    """How a simulation is computed.

    Attributes
    ----------
    dtype : {"float64", "float32"}
        Of the network, the samples and the linear algebra. The random numbers are the same.
    method : {"gram", "svd", "streamed"}
        How the spectrum is found: see `spikes.simulate`.
    threads : int
        Threads that share blocks of rows and the dense linear algebra. Sums may round differently on another number.
    place : Place
        Where ranges of rows are summed; any place gives the bits of one thread.

    Raises
    ------
    ValueError
        If one of them is unknown.
    """

    dtype: str = "float64"
    method: str = "gram"
    threads: int = 1
    place: Place = HERE

    def __post_init__(self) -> None:
        choice("dtype", self.dtype, DTYPES)
        choice("method", self.method, METHODS)
        object.__setattr__(self, "threads", integer("threads", self.threads, 1))

    @property
    def numbers(self) -> np.dtype:
        """The type of the numbers."""
        return np.dtype(self.dtype)


ALONE = How()
"""In float64 through the Gram matrix, in one thread of this process."""
