"""Sums over rows, range of rows by range: in this process, in worker processes or on a cluster, always the same bits.

The ranges follow from the number of rows alone, each is summed on its own, and the sums are added in pairs of
neighbours, pairs of pairs and so on: neither the number of workers, nor the order in which they finish, nor which of
them died changes a bit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.runtime.progress import progress_bar
from spikes.runtime.tasks import finished_tasks
from spikes.simulation.how import ALONE, HERE, How
from spikes.simulation.samples import CHUNK, LabelledRows

__all__ = ["RANGE", "in_turn", "row_ranges", "sum_over_rows", "sums_at_once"]

Sums = tuple[Any, ...]  # arrays and floats

RANGE = 32768
"""Fewest rows of a range."""

_MOST = 1024  # ranges: what a sum of N² numbers for each of them sends to one place is bounded


# Thread limits are the process's own: on an executor with several threads in a process tasks take turns.
_turn = threading.RLock()


@contextmanager
def in_turn() -> Iterator[None]:
    """The only task of this process that runs, with one thread of linear algebra."""
    with _turn, threadpool_limits(1):
        yield


def row_ranges(rows: int) -> list[tuple[int, int]]:
    """Starts and ends of the ranges: at most 1024, of at least 32768 rows but for the last."""
    size = max(RANGE, CHUNK * -(-rows // (CHUNK * _MOST)))
    return [(start, min(start + size, rows)) for start in range(0, rows, size)]


def sums_at_once(rows: int) -> int:
    """Sums over ranges that wait for each other at most, the one that is being made among them."""
    return len(row_ranges(rows)).bit_length()


def sum_over_rows(
    function: Callable[..., Sums],
    samples: LabelledRows,
    arguments: tuple = (),
    *,
    how: How = ALONE,
) -> Sums:
    """The sum of ``function(part, threads, *arguments)`` over the parts of some samples, one for each range of rows.

    Parameters
    ----------
    function : callable
        Importable by name in another process; returns arrays or floats, the first of which may be overwritten.
    samples : LabelledRows
    arguments : tuple
    how : How
        Its place is where they run; its threads are those of a range where they run here, elsewhere one.
    """
    parts = [samples.part(*ends) for ends in row_ranges(samples.rows)]
    total = _Tree(len(parts))
    if how.place == HERE:
        for i, part in enumerate(parts):
            total.add(i, function(part, how.threads, *arguments))
        return total.sum()
    tasks = [(function, part, arguments) for part in parts]
    with (
        progress_bar("ranges of rows", len(tasks)) as advance,
        closing(finished_tasks(_range, tasks, workers=how.place.workers, executor=how.place.executor)) as finished,
    ):
        for i, future in finished:
            total.add(i, future.result())
            del future
            advance()
    return total.sum()


def _range(function: Callable[..., Sums], part: LabelledRows, arguments: tuple) -> Sums:
    with in_turn():
        return function(part, 1, *arguments)


class _Tree:
    """Adds neighbours, then neighbouring pairs, and so on, in whatever order the leaves come."""

    def __init__(self, leaves: int):
        self._sizes = [leaves]
        while self._sizes[-1] > 1:
            self._sizes.append(-(-self._sizes[-1] // 2))
        self._waiting: dict[tuple[int, int], Sums] = {}

    def add(self, i: int, sums: Sums) -> None:
        level = 0
        while level < len(self._sizes) - 1:
            other = i ^ 1
            if other < self._sizes[level]:
                sibling = self._waiting.pop((level, other), None)
                if sibling is None:
                    break
                sums = _added(sibling, sums) if other < i else _added(sums, sibling)
            level, i = level + 1, i // 2
        self._waiting[level, i] = sums

    def sum(self) -> Sums:
        ((place, total),) = self._waiting.items()
        assert place == (len(self._sizes) - 1, 0)
        return total


def _added(left: Sums, right: Sums) -> Sums:
    return tuple(_sum(a, b) for a, b in zip(left, right, strict=True))


def _sum(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray | float:
    if isinstance(a, np.ndarray) and a.flags.writeable:
        a += b
        return a
    return a + b
