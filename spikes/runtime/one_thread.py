"""Linear algebra on one thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["on_one_thread"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def on_one_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Have a function's linear algebra run on one thread, but where it says otherwise itself.

    For the products of theory, which are small. Threads that share one wait for each other, and while other work holds
    a processor they wait in vain: a factor of a hundred rows then takes a hundred times its own time. Sums round
    differently on several threads, too.
    """

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return function(*args, **kwargs)

    return run
