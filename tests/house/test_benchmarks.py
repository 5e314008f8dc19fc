"""Every benchmark runs: at sizes that measure nothing, so that a change of the product leaves none behind."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "giant_gradient": "--d 32 --width 64 --slab 512 --repeats 1",
    "large": "--sizes 2000 --d 20 --width 30 --peers 1000 --repeats 1",
    "laws": "--repeats 1",
    "local_training": "",
    "main_job": "--n 100 --repeats 1 --seeds 2 --other . --jobs simulate",
    "noise": "--shape 60x50 --flips 3",
    "noise_level": "--draws 3 --others 1 --shapes 20x30",
    "optimizers": "--n 64 --d 32 --width 48 --repeats 1",
    "random_search": "--problems 2 --seeds 2",
    "readout": "--rows 300 --columns 40 --repeats 1",
    "scaling": "--d 20 --width 30 --rows 512 --sizes 1000",
    "spectra": "--n 400 --repeats 1",
    "startup": "--repeats 1",
    "step": "--n 512 --repeats 1",
    "sweep": "--repeats 1 --seeds 1",
    "theory_speed": "--repeats 1 --points 3",
    "threads": "",
}


def test_none_is_left_out():
    assert sorted(SMALL) == sorted(p.stem for p in FOLDER.glob("*.py") if p.stem != "measure")


# The longest: whole processes, searches and files; run by hand with the study.
LONG = ("large", "random_search", "startup", "threads")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.study if name in LONG else pytest.mark.slow) for name in SMALL]
)
def test_benchmark_runs(name):
    command = [sys.executable, str(FOLDER / f"{name}.py"), *SMALL[name].split()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) > 1  # the machine, and what was measured
