"""Interrupts, requests to terminate, and parents that are gone: one line, and no process is left."""

import contextlib
import functools
import json
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
    "compare": ["compare", "--seeds", "5000", *SMALL],
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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_in_one_line(tmp_path, number):
    process = start(*LONG["simulate"], "--json", str(tmp_path / "out.json"))
    workers = until(lambda: working(process))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "spikes: interrupted\n")
    assert out == "" or out.startswith("interrupted: ")  # with the runs that had finished, if any had
    assert list(tmp_path.iterdir()) == []
    until(lambda: gone(workers), 5.0)


def test_a_key_reaches_the_workers_too():
    process = start(*LONG["simulate"])
    workers = until(lambda: working(process))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "spikes: interrupted\n")
    assert out == "" or out.startswith("interrupted: ")  # with the runs that had finished, if any had
    until(lambda: gone(workers), 5.0)


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed():
    process = start(*LONG["simulate"])
    workers = until(lambda: working(process))
    process.kill()
    process.communicate(timeout=5.0)  # to its end only when no worker holds the pipes
    assert process.returncode == -signal.SIGKILL
    assert until(lambda: gone(workers), 5.0)


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


def test_an_interrupt_within_text_that_python_executes(tmp_path):
    """Python remembers it, and ends a module that runs as a program by SIGINT although it was caught."""
    script = """
import os, signal, sys, spikes.__main__, spikes.cli
def run():
    try:
        exec("os.kill(os.getpid(), signal.SIGTERM)\\nfor _ in range(10**9): pass")
    except KeyboardInterrupt:
        sys.exit(130)
spikes.cli.main = run
spikes.__main__.main()
"""
    (tmp_path / "program.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-m", "program"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


MOMENTS = 20  # of each command and signal


def end_at_random(number: signal.Signals, dice: np.random.Generator, *arguments: str) -> int:
    """End a command at a random moment between its start and its work; nothing of it stays. Its exit code."""
    process, used = start(*arguments), dice.uniform(0.0, 6.0)

    def spent() -> list[psutil.Process]:
        family, total = [psutil.Process(process.pid)], 0.0
        family += family[0].children(recursive=True)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.cpu_times().user
        return family if total >= used or process.poll() is not None else []

    family = until(spent)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (0, *((-9,) if number == signal.SIGKILL else (130, -15))), err
    assert process.returncode == 0 or err in ("", "spikes: interrupted\n")
    until(functools.partial(gone, family), 5.0)
    return process.returncode


@pytest.mark.study
@pytest.mark.parametrize("command", LONG)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_at_any_moment(command, number):
    dice = np.random.default_rng(3)
    codes = [end_at_random(number, dice, *LONG[command]) for _ in range(MOMENTS)]
    # which of 5,000 seeds none has come to the end of
    assert set(codes) <= ({-signal.SIGKILL} if number == signal.SIGKILL else {130, -signal.SIGTERM})


def answer(*arguments: str) -> dict:
    """What a command says when it is left to end."""
    done = subprocess.run(
        [sys.executable, "-m", "spikes", *arguments, "--workers", "2", "--json", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


CURVE = ["giant", "curve", "--seeds", "40", "--n", "1000", "--d", "50", "--width", "100", "--exponents", "1.3,1.5"]
SWEEP = """seeds = 150
keep = ["test_error", "alignment_1"]
gradient_order = 1
test_samples = 64
[problem]
n = 100
d = 40
width = 60
"""


@pytest.mark.study
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_resumed_after_every_end(tmp_path, number):
    """One sweep and one learning curve, each ended and resumed twenty times: the numbers of one that was left alone."""
    (tmp_path / "s.toml").write_text(SWEEP)
    whole = answer("sweep", str(tmp_path / "s.toml"), "--output", str(tmp_path / "whole.sqlite"))
    expected = answer(*CURVE)
    dice, path = np.random.default_rng(4), tmp_path / "parts.sqlite"
    sweep = ["sweep", str(tmp_path / "s.toml"), "--output", str(path), "--quiet"]
    curve = [*CURVE, "--quiet", "--checkpoint", str(tmp_path / "curve.json")]
    for _ in range(MOMENTS):
        end_at_random(number, dice, *sweep, *(["--resume"] if path.exists() else []))
        end_at_random(number, dice, *curve)
    assert without_times(answer(*sweep, "--resume")) == without_times(whole)
    assert answer(*curve) == expected


TIMES = ("seconds", "sessions", "session", "finished")


def without_times(content):
    """A JSON answer but for what tells when and how long."""
    if isinstance(content, dict):
        return {name: without_times(value) for name, value in content.items() if name not in TIMES}
    return [without_times(v) for v in content] if isinstance(content, list) else content
