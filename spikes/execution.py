"""Run independent tasks in worker processes, one thread each, with a progress bar on a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from typing import Any

__all__ = ["progress_bar", "run_tasks", "worker_count"]


def worker_count(workers: int | None, tasks: int) -> int:
    """Number of processes for some tasks: as many as processors unless told otherwise, never more than tasks.

    Raises
    ------
    ValueError
        If `workers` is not a positive integer.
    """
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    elif isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"`workers` must be a positive integer; got {workers!r}")
    return max(1, min(workers, tasks))


def run_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    workers: int | None = None,
    label: str = "runs",
    finished: Callable[[int, Any], None] | None = None,
) -> list[Any]:
    """``[function(*task) for task in tasks]``, in worker processes if there are several.

    `finished` is called in this process with a task's index and result, in the order in which they finish. The first
    failure ends the others and is raised as it was.
    """
    count = worker_count(workers, len(tasks))
    results: list[Any] = [None] * len(tasks)
    with progress_bar(label, len(tasks)) as advance:
        if count == 1:
            for i, task in enumerate(tasks):
                results[i] = function(*task)
                if finished is not None:
                    finished(i, results[i])
                advance()
            return results
        from loky import get_reusable_executor

        executor = get_reusable_executor(max_workers=count, timeout=120)
        futures = {executor.submit(function, *task): i for i, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                i = futures[future]
                results[i] = future.result()
                if finished is not None:
                    finished(i, results[i])
                advance()
        except BaseException:
            executor.shutdown(wait=True, kill_workers=True)
            raise
    return results


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[], None]]:
    """A function to call after each of `total` steps; it moves a bar where standard error is a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if total < 2 or not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns: Iterable = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)
