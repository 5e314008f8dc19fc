"""Run independent tasks: in this process, in worker processes of one thread each, or on any executor."""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import closing, contextmanager
from typing import Any

from spikes.runtime.progress import progress_bar
from theory.statement.arguments import count

__all__ = ["Interrupted", "end_with_parent", "finished_tasks", "run_tasks", "worker_count"]

log = logging.getLogger("spikes")

_MOST_WORKERS = 1024
"""Processes of one machine; each takes a hundred MB of its own."""

_DEATHS = 4
"""Times that a task may be running while a worker dies before it is given up: the task itself may be what kills."""


class Interrupted(KeyboardInterrupt):
    """An interrupt after some tasks have finished.

    Attributes
    ----------
    results : list
        Of the finished tasks, in their order.
    total : int
        How many there were.
    label : str
    partial : object, optional
        What whoever asked for the tasks makes of the finished ones.
    """

    def __init__(self, results: list[Any], total: int, label: str) -> None:
        super().__init__(f"{len(results)} of {total} {label} finished")
        self.results, self.total, self.label = results, total, label
        self.partial: Any = None


def worker_count(workers: int | None, tasks: int) -> int:
    """Number of processes for some tasks: as many as processors unless told otherwise, never more than tasks.

    Parameters
    ----------
    workers : int, optional
    tasks : int

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If `workers` is not a positive integer.
    """
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count("workers", workers, 1, _MOST_WORKERS), tasks))


def run_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    label: str = "runs",
    finished: Callable[[int, Any], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> list[Any]:
    """``[function(*task) for task in tasks]``, in worker processes if there are several, or on an executor.

    `finished` is called in this process with a task's index and result, in the order in which they finish, and
    `meanwhile` once, as soon as others have tasks to do. The first failure ends the others and is raised as it was; an
    interrupt is raised as `Interrupted`, with the results that there are.

    Parameters
    ----------
    function : callable
    tasks : sequence of tuple
    workers : int, optional
        Processes; as many as processors by default.
    executor : concurrent.futures.Executor, optional
        Where to run instead.
    label : str
        Of the progress bar.
    finished : callable, optional
        Called with number and result of each task as it finishes.
    meanwhile : callable, optional
        Work of this process beside theirs.

    Returns
    -------
    list
        In the order of the tasks.
    """
    results: dict[int, Any] = {}
    at_once = 1 if executor is not None else worker_count(workers, len(tasks))
    try:
        with (
            progress_bar(label, len(tasks), workers=at_once) as advance,
            closing(finished_tasks(function, tasks, workers=workers, executor=executor, meanwhile=meanwhile)) as done,
        ):
            for i, future in done:
                results[i] = future.result()
                if finished is not None:
                    finished(i, results[i])
                advance()
    except KeyboardInterrupt as stop:
        if isinstance(stop, Interrupted) or not results:
            raise
        raise Interrupted([results[i] for i in sorted(results)], len(tasks), label) from stop
    return [results[i] for i in range(len(tasks))]


def finished_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[tuple[int, Future], None, None]:
    """Numbers of the tasks as they finish, each with its future, which holds what the task returned or raised.

    When a worker process dies, the tasks that it took along run again in new processes and are given out once.
    Closing the iterator ends the tasks that run.

    Parameters
    ----------
    function : callable
        Importable by name in another process.
    tasks : sequence of tuple
        Arguments of each call.
    workers : int, optional
        Processes; as many as processors by default. One means this process.
    executor : concurrent.futures.Executor, optional
        Where to run instead; it is left open.
    meanwhile : callable, optional
        Called once, when the first tasks have been handed out; before them where this process does them itself.

    Returns
    -------
    generator of (int, Future)

    Raises
    ------
    ValueError
        If `workers` is not a positive integer, or given beside `executor`, or the executor cannot take a task.
    ChildProcessError
        If worker processes keep dying, or an executor that was handed in breaks.
    """
    if executor is not None and workers is not None:
        raise ValueError(f"`workers` must be left out beside an executor, which has its own; got {workers!r}")
    if isinstance(executor, ProcessPoolExecutor) and tasks:
        _check_pickled(function, tasks[0])
    if executor is not None:
        # All at once: an executor may have any number of workers, and more of them may join.
        yield from _on_pool(lambda: executor, function, tasks, window=1000, renewable=False, meanwhile=meanwhile)
        return
    count = worker_count(workers, len(tasks))
    if count > 1:
        from loky import get_reusable_executor

        def pool() -> Executor:
            try:
                with _quiet_tracker():
                    return get_reusable_executor(
                        max_workers=count, timeout=120, initializer=end_with_parent, initargs=(os.getpid(),)
                    )
            except OSError as error:
                raise ChildProcessError(
                    f"worker processes cannot be started ({error.strerror or error}); `workers` = 1 needs none"
                ) from None

        yield from _on_pool(pool, function, tasks, window=2 * count, renewable=True, meanwhile=meanwhile)
        return
    if meanwhile is not None:
        meanwhile()
    for i, task in enumerate(tasks):
        future: Future = Future()
        try:
            future.set_result(function(*task))
        except Exception as error:
            future.set_exception(error)
        yield i, future


def _check_pickled(function: Callable[..., Any], task: tuple) -> None:
    """Refuse a lambda or a closure for the pool of the standard library, whose pickle knows functions by name alone."""
    try:
        pickle.dumps((function, task))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            "`executor` must be able to pickle the functions of the problem, and a ProcessPoolExecutor takes none but "
            f"those of a module: {reason}; define them in a module, or leave `executor` out, or take loky's"
        ) from None


@contextmanager
def _quiet_tracker() -> Iterator[None]:
    """loky's process that tidies up after killed workers, if it starts in the block, does so without a word."""
    before = os.environ.get("PYTHONWARNINGS")
    silent = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = silent if not before else f"{before},{silent}"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _on_pool(
    pool: Callable[[], Executor],
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    window: int,
    renewable: bool,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Future]]:
    """`finished_tasks` on a pool, with at most `window` tasks handed out; a broken pool is asked for again."""
    waiting, running, deaths = deque(range(len(tasks))), dict[Future, int](), Counter[int]()
    executor = pool()
    try:
        while waiting or running:
            broken: BaseException | None = None
            while waiting and len(running) < window and broken is None:
                try:
                    with _interrupts_held():
                        running[executor.submit(function, *tasks[waiting[0]])] = waiting[0]
                    waiting.popleft()
                except BrokenExecutor as error:
                    broken = error
            if meanwhile is not None and broken is None:
                meanwhile()
                meanwhile = None
            # Of a broken pool every future comes to its end, some with results.
            done, _ = wait(running, return_when=FIRST_COMPLETED) if broken is None else wait(running)
            lost = []
            for future in done:
                i = running.pop(future)
                failure = None if future.cancelled() else future.exception()
                # dask's own name for what the pools call broken: it has tried the task on several workers
                if (
                    future.cancelled()
                    or isinstance(failure, BrokenExecutor)
                    or type(failure).__name__ == "KilledWorker"
                ):
                    broken = failure or BrokenExecutor("it cancelled a task (has its scheduler ended?)")
                    lost.append(i)
                else:
                    yield i, future
            if broken is None:
                continue
            deaths.update(lost)
            waiting.extendleft(sorted(lost, reverse=True))
            reason = " ".join(str(broken).split())
            if not renewable:
                raise ChildProcessError(f"the executor broke: {reason}")
            if max(deaths.values(), default=0) >= _DEATHS:
                raise ChildProcessError(
                    f"worker processes died {_DEATHS} times with the same task running (is memory short? "
                    f"use fewer workers): {reason}"
                )
            log.info("a worker process died; its tasks run again")
            executor = pool()
    except BaseException:
        if renewable:  # it fails what still waits, and trips over what was cancelled before
            shutdown: Any = executor.shutdown  # of loky's pool, the one that is renewable
            shutdown(wait=True, kill_workers=True)
        else:
            for future in running:
                future.cancel()
        raise


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let an interrupt wait until the block has ended; processes that start in it leave interrupts to their parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # which lets interrupts through again wherever it has to start its process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_PR_SET_PDEATHSIG = 1
_PARENT_LOOKED_FOR = 1.0
"""Seconds between two looks at whether the parent is there, where the system does not tell."""


def end_with_parent(parent: int) -> None:
    """Have this worker process killed as soon as its parent is gone, whatever it does, and leave interrupts to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # gone before the system was told
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_LOOKED_FOR)
        os._exit(1)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()
