"""Interrupts, requests to terminate, and parents that are gone: one line, and no process is left."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

SMALL = ["--n", "300", "--d", "100", "--width", "200"]
LONG = {
    "simulate": ["simulate", "--seeds", "5000", *SMALL],
    "giant curve": ["giant", "curve", "--seeds", "5000", "--n", "2000", "--d", "50", "--width", "100"],
}


def start(*arguments: str) -> subprocess.Popen:
    """A command of its own session with two workers."""
    # a shell that runs the tests in the background has its children ignore the signal
    heeding = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [sys.executable, "-m", "spikes", *arguments, "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding,
    )


def until(condition, seconds: float = 120.0):
    """The first true value of a condition, looked at again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise TimeoutError(condition)


def working(process: subprocess.Popen) -> list[psutil.Process]:
    """The command's workers once both have used more processor time than their start takes, else none."""
    try:
        below = [p for p in psutil.Process(process.pid).children(recursive=True) if "loky" in " ".join(p.cmdline())]
        busy = [p for p in below if p.cpu_times().user > 1.0]
    except psutil.NoSuchProcess:
        assert process.poll() is None, process.communicate()
        return []
    return below if len(busy) >= 2 else []


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_in_one_line(tmp_path, number):
    process = start(*LONG["simulate"], "--json", str(tmp_path / "out.json"))
    workers = until(lambda: working(process))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "spikes: interrupted\n")
    assert list(tmp_path.iterdir()) == []
    until(lambda: gone(workers), 5.0)


def test_a_key_reaches_the_workers_too():
    process = start(*LONG["simulate"])
    workers = until(lambda: working(process))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "spikes: interrupted\n")
    until(lambda: gone(workers), 5.0)


def test_workers_end_with_a_parent_that_is_killed():
    process = start(*LONG["simulate"])
    workers = until(lambda: working(process))
    process.kill()
    process.communicate(timeout=5.0)  # to its end only when no worker holds the pipes
    until(lambda: gone(workers), 5.0)


@pytest.mark.parametrize("module", ["typer", "numba"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_modules_load(module, number):
    script = f"""
import os, runpy, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {int(number)})
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
sys.argv = ["spikes", "simulate", "--n", "300", "--d", "100", "--width", "200", "--seeds", "1"]
runpy.run_module("spikes", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "spikes: interrupted\n")


@pytest.mark.study
@pytest.mark.parametrize("command", LONG)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_at_any_moment(command, number):
    """Ended at twenty random moments between the start and the work, nothing of the command stays."""
    dice = np.random.default_rng(3)
    for _ in range(20):
        process, used = start(*LONG[command]), dice.uniform(0.0, 6.0)

        def spent(process: subprocess.Popen = process, used: float = used) -> list[psutil.Process]:
            family = [psutil.Process(process.pid)]
            family += family[0].children(recursive=True)
            total = 0.0
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += member.cpu_times().user
            return family if total >= used else []

        family = until(spent)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode in ((-9,) if number == signal.SIGKILL else (130, -15))
        assert err in ("", "spikes: interrupted\n")
        until(functools.partial(gone, family), 5.0)
