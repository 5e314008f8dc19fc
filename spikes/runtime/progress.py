"""A bar on standard error while runs go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["progress_bar", "progress_hidden"]


_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def progress_hidden(hidden: bool = True) -> Iterator[None]:
    """No progress bar inside the block, whatever runs there."""
    token = _hidden.set(hidden)
    try:
        yield
    finally:
        _hidden.reset(token)


@contextmanager
def progress_bar(label: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """A function to call after each of `total` steps; it moves a bar on a terminal or in a notebook.

    Parameters
    ----------
    label : str
    total : int
    quiet : bool
        No bar.

    Returns
    -------
    iterator of callable
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or _hidden.get() or total < 2 or not (console.is_terminal or console.is_jupyter):
        yield lambda: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            if not task.speed:
                return Text("")
            return Text(f"{task.speed:.3g}/s" if task.speed >= 1.0 else f"{1.0 / task.speed:.3g} s each")

    columns: Iterable = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)
