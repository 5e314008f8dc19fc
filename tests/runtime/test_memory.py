"""The memory that is free, within control groups of either version, and what commands say they need of it."""

import os
import re
import subprocess
import sys

import psutil
import pytest

from spikes.runtime import memory

GIB = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A file system of control groups of our own: a function that writes files into one."""
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")

    def write(own: str, **groups: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        for group, files in groups.items():
            folder = tmp_path / "groups" / group.replace("__", "/")
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text)

    return write


def test_what_the_system_has_without_groups(groups):
    groups("0::/\n")
    assert memory.free_gib() == pytest.approx(psutil.virtual_memory().available / GIB, rel=0.2)


def test_the_limit_of_a_group_above(groups):
    """A container's limit stands on the group around the process, of which cached files can be freed."""
    taken = {"memory.current": str(2**28), "memory.stat": f"anon {2**27}\ninactive_file {2**26}\n"}
    groups(
        "0::/outer/inner\n", outer={"memory.max": str(2**29), **taken}, outer__inner={"memory.max": "max\n", **taken}
    )
    assert memory.free_gib() == (2**29 - 2**28 + 2**26) / GIB


def test_the_first_version(groups):
    files = {"memory.limit_in_bytes": str(2**29), "memory.usage_in_bytes": str(2**28)}
    groups("4:memory:/host/name\n0::/\n", memory=files | {"memory.stat": "total_inactive_file 0\n"})
    assert memory.free_gib() == 2**28 / GIB  # the path is the host's, the root is ours


def test_a_group_that_is_exhausted(groups):
    groups("0::/\n", **{".": {"memory.max": "1000", "memory.current": "2000", "memory.stat": ""}})
    assert memory.free_gib() == 0.0


RUNS = ["--seeds", "1", "--workers", "1", "--quiet"]
SQUARE = ["simulate", "--n", "2500", "--d", "800", "--width", "2500", *RUNS]
COMMANDS = {
    "gram": [*SQUARE, "--method", "gram"],
    "streamed": [*SQUARE, "--method", "streamed"],
    "matrix-free": ["matrix-free", "--n", "4000", "--d", "3000", "--width", "3000", "--steps", "20", *RUNS],
    "train": ["local", "train", "--n", "20000", "--width", "400", "--epochs", "1", "--iterations", "3", *RUNS],
    "certificate": ["local", "certificate", "--teacher", "orthogonal:45", "--d", "45"],
}
PROGRAM = """
import resource, runpy, sys
import spikes.runtime.memory
if {free} is not None:
    spikes.runtime.memory.free_gib = lambda: {free}
sys.argv = ["spikes", *{arguments}]
try:
    runpy.run_module("spikes", run_name="__main__")
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def program(arguments: list[str], free: float | None) -> str:
    script = PROGRAM.format(arguments=arguments, free=free)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ)
    return done.stdout + done.stderr


@pytest.mark.study
@pytest.mark.parametrize("name", COMMANDS)
def test_estimates(name):
    """Refused with an estimate that is within 30 % of the peak of the run that is let through."""
    needed = float(re.search(r"need about ([\d.e+-]+) GiB", program(COMMANDS[name], 0.0))[1])
    peak = float(re.search(r"peak ([\d.]+)", program(COMMANDS[name], None))[1])
    assert 0.7 < needed / peak < 1.3, (needed, peak)


OWN_PEAK = """
import resource
import psutil
from spikes import simulate
from theory import Problem
simulate(Problem(n=100, d=50, width=75))
problem = Problem({sizes})
before = psutil.Process().memory_info().rss
simulate(problem)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("n", "d", "width"), [(8192, 256, 1024), (12000, 100, 600), (1200, 100, 5000)])
def test_a_simulation_takes_the_features_their_gram_matrix_and_a_fifth(n, d, width):
    """Where d is small against n, so that the first layers are: what a process takes beyond what it had."""
    script = OWN_PEAK.format(sizes=f"n={n}, d={d}, width={width}")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2 * 8 * (n * width + min(n, width) ** 2)
