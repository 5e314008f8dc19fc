"""A bar on standard error while runs go on."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from theory.statement.arguments import boolean

__all__ = ["progress_bar", "progress_hidden", "seconds_left", "shows_progress"]

P = ParamSpec("P")
R = TypeVar("R")

_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def progress_hidden(hidden: bool = True) -> Iterator[None]:
    """No progress bar inside the block, whatever runs there."""
    token = _hidden.set(hidden)
    try:
        yield
    finally:
        _hidden.reset(token)


def shows_progress(study: Callable[P, R]) -> Callable[P, R]:
    """Have the argument `progress` of a function say whether bars move in it; its body need not look at it.

    Parameters
    ----------
    study : callable
        With the keyword `progress`, True by default.

    Returns
    -------
    callable
    """
    default = inspect.signature(study).parameters["progress"].default

    @functools.wraps(study)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # a bar that is hidden around it stays so
        hidden = _hidden.get() or not boolean("progress", kwargs.get("progress", default))
        with progress_hidden(hidden):
            return study(*args, **kwargs)

    return run


def seconds_left(done: int, total: int, workers: int, finished_at: float, now: float) -> float | None:
    """Time that equal tasks still take: workers finish theirs side by side, wave by wave.

    Parameters
    ----------
    done, total, workers : int
    finished_at : float
        Seconds from the start to the end of the last task that is done.
    now : float
        Seconds from the start.

    Returns
    -------
    float or None
        None before the first task is done, and where it has taken longer already.

    Examples
    --------
    >>> seconds_left(2, 8, 2, 10.0, 12.0)  # four waves of ten seconds, twelve of which are over
    28.0
    """
    if not done:
        return None
    left = finished_at / math.ceil(done / workers) * math.ceil(total / workers) - now
    return left if left > 0.0 else None


@contextmanager
def progress_bar(label: str, total: int, *, workers: int = 1) -> Iterator[Callable[[], None]]:
    """A function to call after each of `total` steps; it moves a bar on a terminal or in a notebook.

    Parameters
    ----------
    label : str
    total : int
    workers : int
        Steps that go on side by side.

    Returns
    -------
    iterator of callable
    """
    from rich.console import Console

    console = Console(stderr=True)
    if _hidden.get() or total < 2 or not (console.is_terminal or console.is_jupyter):
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: Any) -> Text:
            done, finished_at = int(task.completed), task.fields["finished_at"]
            left = seconds_left(done, total, workers, finished_at, task.elapsed or 0.0)
            if left is None:
                return Text("")
            minutes, seconds = divmod(math.ceil(left), 60)
            hours, minutes = divmod(minutes, 60)
            return Text(f"about {hours}:{minutes:02d}:{seconds:02d} left")

    columns: Iterable = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        Left(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=total, finished_at=0.0)

        def advance() -> None:
            progress.update(task, advance=1, finished_at=progress.tasks[0].elapsed)

        yield advance
