"""Worker processes whose calls end: by themselves, when they are cancelled, when their time is over."""

import asyncio
import os
import time

import psutil
import pytest

from spikes.runtime.process_pool import ProcessPool


def run(script, *, size=1):
    pool = ProcessPool(size, seconds=60.0, remedy="ask for less")
    try:
        return asyncio.run(script(pool))
    finally:
        pool.close()


def test_values_and_exceptions_come_back_from_one_process():
    async def script(pool):
        first = await pool.run(os.getpid)
        with pytest.raises(ZeroDivisionError):
            await pool.run(pow, 0, -1)
        assert await pool.run(os.getpid) == first != os.getpid()
        return first

    process = run(script)
    assert not psutil.pid_exists(process)


def test_a_call_that_is_cancelled_or_too_long_is_killed_and_the_next_one_served():
    async def script(pool):
        first = await pool.run(os.getpid)
        pool._seconds = 0.2  # of a process that is there: starting one may take seconds
        with pytest.raises(TimeoutError, match=r"not done after 0\.2 s; ask for less"):
            await pool.run(time.sleep, 60)
        pool._seconds = 60.0
        assert not psutil.pid_exists(first)
        second = await pool.run(os.getpid)
        call = asyncio.ensure_future(pool.run(time.sleep, 60))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not psutil.pid_exists(second)
        assert await pool.run(abs, -2) == 2

    run(script)


def test_a_process_that_dies_is_said():
    async def script(pool):
        with pytest.raises(ChildProcessError, match="a worker process died"):
            await pool.run(os._exit, 1)
        assert await pool.run(abs, -2) == 2

    run(script)
