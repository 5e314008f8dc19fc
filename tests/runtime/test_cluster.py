"""The executor on a cluster: results that are lost on the way, failures, what is withdrawn."""

import os
import time
from concurrent.futures import CancelledError

import pytest

from spikes.runtime.cluster import cluster_executor

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def four_numbers(x):
    return x, 2 * x, 3 * x, 4 * x


def fails():
    raise ArithmeticError("no sum")


@pytest.fixture(scope="module")
def executor():
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with cluster_executor("local", 1) as executor:
        yield executor


def test_results_and_failures_are_handed_over(executor):
    assert executor.submit(four_numbers, 1).result() == (1, 2, 3, 4)
    with pytest.raises(ArithmeticError, match="no sum"):
        executor.submit(fails).result()


def test_a_worker_that_dies_after_its_result_was_read(executor, monkeypatch):
    from distributed import Client

    gather = Client._gather

    async def lose(self, futures, *args, **kwargs):
        results = await gather(self, futures, *args, **kwargs)
        for future in futures:
            future._state.lose()
        return results

    monkeypatch.setattr(Client, "_gather", lose)
    assert executor.submit(four_numbers, 2).result() == (2, 4, 6, 8)


def until_there_is(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def test_what_is_withdrawn_is_not_run(executor, tmp_path):
    gate = tmp_path / "gate"
    # on the only worker
    runs, waits = executor.submit(until_there_is, gate), executor.submit(until_there_is, tmp_path / "never")
    assert waits.cancel()
    with pytest.raises(CancelledError):
        waits.result()
    gate.touch()
    assert runs.result() is None
    assert executor.submit(four_numbers, 3).result(timeout=300) == (3, 6, 9, 12)
