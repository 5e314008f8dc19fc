"""Functions compiled by numba and kept on disk, where there is a place to keep them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache

__all__ = ["compiled"]

log = logging.getLogger("spikes")


def compiled(stamp: str, **options: Any) -> Callable[[Callable], Callable]:
    """``numba.njit(cache=True, **options)`` that does without a cache that cannot be written or is damaged.

    Compiling again takes seconds at every start then, of which one line is logged.

    Parameters
    ----------
    stamp : str
        What is kept holds under the same stamp alone, beside the time of the function's own file.
    **options
        Of `numba.njit`.

    Returns
    -------
    callable
        A decorator.
    """

    def decorate(function: Callable) -> Callable:
        dispatcher = numba.njit(**options)(function)
        try:
            dispatcher._cache = _Cache(function)
            index = dispatcher._cache._cache_file  # numba has no public way to add to what an entry depends on
            index._source_stamp = (index._source_stamp, stamp)
        except (RuntimeError, OSError) as error:  # numba finds no folder that it could write to
            _say_once(error)
        return dispatcher

    return decorate


class _Cache(FunctionCache):
    """Numba's own, but what goes wrong with its files costs a compilation and nothing else."""

    def load_overload(self, *arguments: Any) -> Any:
        try:
            return super().load_overload(*arguments)
        except Exception as error:  # whatever the pickle of a damaged file raises
            _say_once(error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *arguments: Any) -> None:
        try:
            super().save_overload(*arguments)
        except Exception as error:
            _say_once(error)


_said: list[bool] = []


def _say_once(error: Exception) -> None:
    if not _said:
        _said.append(True)
        reason = " ".join(str(error).split()) or type(error).__name__
        log.info("compiled functions are not kept, a start takes seconds longer: %s", reason)
