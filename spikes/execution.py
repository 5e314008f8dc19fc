"""Run independent tasks: in this process, in worker processes of one thread each, or on any executor."""

from __future__ import annotations

import logging
import os
import platform
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing, contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any

__all__ = [
    "cluster_executor",
    "finished_tasks",
    "package_versions",
    "progress_bar",
    "progress_hidden",
    "run_tasks",
    "worker_count",
]

log = logging.getLogger("spikes")

_DEATHS = 4
"""Times that a task may be running while a worker dies before it is given up: the task itself may be what kills."""


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
    elif isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"`workers` must be a positive integer; got {workers!r}")
    return max(1, min(workers, tasks))


def run_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    label: str = "runs",
    finished: Callable[[int, Any], None] | None = None,
) -> list[Any]:
    """``[function(*task) for task in tasks]``, in worker processes if there are several, or on an executor.

    `finished` is called in this process with a task's index and result, in the order in which they finish. The first
    failure ends the others and is raised as it was.

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

    Returns
    -------
    list
        In the order of the tasks.
    """
    results: list[Any] = [None] * len(tasks)
    with (
        progress_bar(label, len(tasks)) as advance,
        closing(finished_tasks(function, tasks, workers=workers, executor=executor)) as done,
    ):
        for i, future in done:
            results[i] = future.result()
            if finished is not None:
                finished(i, results[i])
            advance()
    return results


def finished_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
) -> Iterator[tuple[int, Future]]:
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

    Returns
    -------
    iterator of (int, Future)

    Raises
    ------
    ValueError
        If `workers` is not a positive integer, or given beside `executor`.
    ChildProcessError
        If worker processes keep dying, or an executor that was handed in breaks.
    """
    if executor is not None and workers is not None:
        raise ValueError(f"`workers` must be left out beside an executor, which has its own; got {workers!r}")
    if executor is not None:
        # All at once: an executor may have any number of workers, and more of them may join.
        yield from _on_pool(lambda: executor, function, tasks, window=1000, renewable=False)
        return
    count = worker_count(workers, len(tasks))
    if count > 1:
        from loky import get_reusable_executor

        def pool() -> Executor:
            return get_reusable_executor(max_workers=count, timeout=120)

        yield from _on_pool(pool, function, tasks, window=2 * count, renewable=True)
        return
    for i, task in enumerate(tasks):
        future: Future = Future()
        try:
            future.set_result(function(*task))
        except Exception as error:
            future.set_exception(error)
        yield i, future


def _on_pool(
    pool: Callable[[], Executor],
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    window: int,
    renewable: bool,
) -> Iterator[tuple[int, Future]]:
    """`finished_tasks` on a pool, with at most `window` tasks handed out; a broken pool is asked for again."""
    waiting, running, deaths = deque(range(len(tasks))), {}, Counter()
    executor = pool()
    try:
        while waiting or running:
            broken: BaseException | None = None
            while waiting and len(running) < window and broken is None:
                try:
                    running[executor.submit(function, *tasks[waiting[0]])] = waiting[0]
                    waiting.popleft()
                except BrokenExecutor as error:
                    broken = error
            # Of a broken pool every future comes to its end, some with results.
            done, _ = wait(running, return_when=FIRST_COMPLETED) if broken is None else wait(running)
            lost = []
            for future in done:
                i = running.pop(future)
                error = None if future.cancelled() else future.exception()
                # dask's own name for what the pools call broken: it has tried the task on several workers
                if future.cancelled() or isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
                    broken = error or BrokenExecutor("it cancelled a task (has its scheduler ended?)")
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
        for future in running:
            future.cancel()
        if renewable:
            executor.shutdown(wait=True, kill_workers=True)
        raise


@contextmanager
def cluster_executor(scheduler: str, workers: int | None = None) -> Iterator[Executor]:
    """An executor on a dask.distributed cluster, which is left running unless it was started here.

    Parameters
    ----------
    scheduler : str
        ``tcp://host:port`` (or tls:// or ws://) of a scheduler whose workers have one thread each, or ``local`` to
        start a cluster on this machine.
    workers : int, optional
        Worker processes of the local cluster; as many as processors by default.

    Returns
    -------
    iterator of Executor

    Raises
    ------
    ValueError
        If `scheduler` is no address, the workers have several threads, or `workers` is given for a running cluster.
    ModuleNotFoundError
        If dask.distributed is not installed.
    ConnectionError
        If no scheduler answers.
    """
    local = scheduler == "local"
    if not local and "://" not in scheduler:
        raise ValueError(f"`scheduler` must be local or an address like tcp://host:port; got {scheduler!r}")
    if not local and workers is not None:
        raise ValueError(f"`workers` must be left out with a running cluster, which has its own; got {workers!r}")
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a dask.distributed cluster is an optional extra: pip install 'spikes-rmt[cluster]'"
        ) from None
    if local:
        count = worker_count(workers, 10**9)
        place = LocalCluster(
            count, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=":0", silence_logs=50
        )
    else:
        place = scheduler
    try:
        with _silenced("distributed", "tornado", "asyncio"), _connected(Client, place, scheduler) as client:
            _check_workers(client)
            yield client.get_executor(pure=False)
    finally:
        if local:
            place.close()


@contextmanager
def _silenced(*packages: str) -> Iterator[None]:
    """Keep packages from logging tracebacks of what is raised here in one line."""
    loggers = [logging.getLogger(n) for n in logging.root.manager.loggerDict if n.split(".")[0] in packages]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check_workers(client: Any) -> None:
    """Refuse workers of several threads, or of other package versions: the same seed would give other bits."""
    for address, threads in client.nthreads().items():
        if threads != 1:
            raise ValueError(
                f"`scheduler` must have workers of one thread each (dask worker --nthreads 1); {address} has {threads}"
            )
    try:
        found = client.run(package_versions)
    except Exception as error:  # whatever stands in the way of importing this package there
        raise ChildProcessError(f"the workers cannot run spikes: {' '.join(str(error).split())}") from None
    here = package_versions()
    for address, versions in found.items():
        other = [f"{name} {versions[name]} (here {here[name]})" for name in here if versions[name] != here[name]]
        if other:
            raise ValueError(f"`scheduler` must have workers of the same versions; {address} has {', '.join(other)}")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on.

    Returns
    -------
    dict of str to str
    """
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("spikes-rmt", "numpy", "scipy", "numba")
    }


def _connected(client: Callable[..., Any], place: Any, scheduler: str) -> Any:
    try:
        return client(place, timeout="10s", set_as_default=False)
    except OSError as error:
        raise ConnectionError(f"no scheduler answers at {scheduler}: {' '.join(str(error).split())}") from None


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
    """A function to call after each of `total` steps; it moves a bar where standard error is a terminal.

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
    if quiet or _hidden.get() or total < 2 or not console.is_terminal:
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
