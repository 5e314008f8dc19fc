"""An executor on a dask.distributed cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import Any

from spikes.runtime.tasks import worker_count
from spikes.runtime.versions import package_versions

__all__ = ["cluster_executor"]


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
    place: Any
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
            yield _ClusterExecutor(client)
    finally:
        if local:
            place.close()


class _ClusterExecutor(Executor):
    """Tasks of a client of dask.distributed as futures of the standard library.

    The client's own executor reads a task's status after its result: where a worker dies between the two the status is
    "lost", and the result is taken for an error that is none.
    """

    def __init__(self, client: Any):
        self._client = client

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        task, outcome = self._client.submit(function, *args, pure=False, **kwargs), Future[Any]()

        def hand_over(task: Any) -> None:
            result, error = None, None
            try:
                result = task.result()  # waits for the task to run again where its result was lost
            except CancelledError:  # by the client or its scheduler
                outcome.cancel()
            except Exception as raised:
                error = raised
            if not outcome.set_running_or_notify_cancel():
                return
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)

        def withdraw(outcome: Future) -> None:
            if outcome.cancelled():
                task.cancel()

        outcome.add_done_callback(withdraw)
        task.add_done_callback(hand_over)
        return outcome


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


def _connected(client: Callable[..., Any], place: Any, scheduler: str) -> Any:
    try:
        return client(place, timeout="10s", set_as_default=False)
    except OSError as error:
        raise ConnectionError(f"no scheduler answers at {scheduler}: {' '.join(str(error).split())}") from None
