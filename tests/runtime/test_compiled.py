"""Commands run where compiled functions cannot be kept, and where what was kept is damaged."""

import os
import subprocess
import sys

import pytest

ARGUMENTS = ["simulate", "--n", "60", "--d", "30", "--width", "40", "--seeds", "1", "--json", "-"]
COMMAND = [sys.executable, "-m", "spikes", *ARGUMENTS]
NOWHERE = f"""
import runpy, sys
from numba.core import caching
caching.CompileResultCacheImpl._locator_classes = []  # as where neither the package nor a home can be written to
sys.argv = ["spikes", *{ARGUMENTS!r}]
runpy.run_module("spikes", run_name="__main__")
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command or COMMAND,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    done = run(NUMBA_CACHE_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


@pytest.mark.slow
def test_without_a_place_to_keep_them(kept):
    done = run(sys.executable, "-c", NOWHERE)
    assert (done.returncode, done.stdout) == (0, kept[1])
    assert done.stderr.startswith("spikes: compiled functions are not kept, a start takes seconds longer: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "suffix", [pytest.param(".nbi", marks=pytest.mark.slow), pytest.param(".nbc", marks=pytest.mark.study)]
)
def test_damaged_files_are_replaced(kept, suffix):
    folder, expected = kept
    damaged = [p for p in folder.rglob(f"*{suffix}") if "kernels" in p.name]
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-9])
    done = run(NUMBA_CACHE_DIR=str(folder))
    assert (done.returncode, done.stdout) == (0, expected)
    assert done.stderr.count("\n") == 1
    done = run(NUMBA_CACHE_DIR=str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
