"""Worker processes for a program that answers people: every call can be stopped, and ends when its time is over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from spikes.runtime.tasks import end_with_parent

__all__ = ["ProcessPool"]


class _Seat:
    """One worker process, which is started when it is first needed, and again after it was killed."""

    def __init__(self) -> None:
        self._executor: Any = None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._executor is None:
            from loky import ProcessPoolExecutor

            self._executor = ProcessPoolExecutor(max_workers=1, initializer=end_with_parent, initargs=(os.getpid(),))
        return self._executor.submit(function, *arguments)

    def kill(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


class ProcessPool:
    """A fixed number of worker processes for coroutines; callers beyond that wait in the order in which they came.

    Parameters
    ----------
    size : int
        Processes at once.
    seconds : float
        Longest time of a call, after which its process is killed.
    remedy : str
        Of the `TimeoutError`: what the caller can do about it.

    Examples
    --------
    >>> import asyncio, math
    >>> pool = ProcessPool(1, seconds=60.0, remedy="ask for less")
    >>> asyncio.run(pool.run(math.sqrt, 2.25))
    1.5
    >>> pool.close()
    """

    def __init__(self, size: int, *, seconds: float, remedy: str) -> None:
        self.size, self._seconds, self._remedy = size, seconds, remedy
        self._free = [_Seat() for _ in range(size)]
        self._seats = tuple(self._free)
        self._places: asyncio.Semaphore | None = None

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """``function(*arguments)`` in a process; cancelling the coroutine kills the process.

        Parameters
        ----------
        function : callable
        *arguments

        Returns
        -------
        object

        Raises
        ------
        TimeoutError
            If it took longer than a call may.
        ChildProcessError
            If the process died.
        """
        from concurrent.futures import BrokenExecutor

        if self._places is None:  # of the loop that runs
            self._places = asyncio.Semaphore(self.size)
        async with self._places:
            seat = self._free.pop()
            finished = False
            try:
                future = asyncio.wrap_future(seat.submit(function, *arguments))
                value = await asyncio.wait_for(future, self._seconds)
                finished = True
                return value
            except TimeoutError:
                raise TimeoutError(f"not done after {self._seconds:g} s; {self._remedy}") from None
            except BrokenExecutor as error:
                raise ChildProcessError(f"a worker process died (is memory short?): {error}") from None
            except Exception:
                finished = True  # the function's own complaint: the process lives on
                raise
            finally:
                if not finished:
                    await asyncio.shield(asyncio.to_thread(seat.kill))
                self._free.append(seat)

    def close(self) -> None:
        """Kill all processes."""
        for seat in self._seats:
            seat.kill()
