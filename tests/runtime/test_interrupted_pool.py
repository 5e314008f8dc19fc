"""Tasks on a pool that is interrupted."""

from concurrent.futures import Executor, Future

import pytest

from spikes.runtime import tasks


class Pool(Executor):
    """A pool that never comes to work, and fails what it holds when it is shut down, as loky's does."""

    def __init__(self):
        self.futures = []
        self.shut = False

    def submit(self, function, *arguments):
        self.futures.append(Future())
        return self.futures[-1]

    def shutdown(self, wait=True, kill_workers=False):
        self.shut = kill_workers
        for future in self.futures:
            future.set_exception(RuntimeError("shut down"))  # of a future that was cancelled not allowed


def test_a_pool_that_is_interrupted_finds_its_futures_as_it_left_them(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks, "wait", interrupted)
    pool = Pool()
    monkeypatch.setattr("loky.get_reusable_executor", lambda **options: pool)
    with pytest.raises(KeyboardInterrupt):
        list(tasks.finished_tasks(eval, [("1",)] * 5, workers=2))
    assert pool.shut
    other = Pool()
    with pytest.raises(KeyboardInterrupt):
        list(tasks.finished_tasks(eval, [("1",)] * 5, executor=other))
    assert not other.shut
    assert all(future.cancelled() for future in other.futures)


def test_a_pool_that_cannot_start_is_said(monkeypatch):
    def broken(**options):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("loky.get_reusable_executor", broken)
    with pytest.raises(ChildProcessError, match=r"cannot be started \(Broken pipe\); `workers` = 1 needs none"):
        list(tasks.finished_tasks(eval, [("1",)] * 5, workers=2))
