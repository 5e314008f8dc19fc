"""The same bits whatever number of threads the environment gives to linear algebra."""

import json
import os
import subprocess
import sys

import pytest

SIZE = ["--n", "700", "--d", "300", "--width", "500"]
RUNS = ["--seeds", "2", "--workers", "1", "--quiet"]
SLOW = {
    "local certificate": ["local", "certificate", "--teacher", "orthogonal:12", "--d", "12"],
    "compare": ["compare", *SIZE, *RUNS],
    "giant curve": ["giant", "curve", "--n", "2000", "--d", "128", "--width", "300", "--exponents", "1.4", *RUNS],
}
STUDY = {
    "giant trajectory": [
        *("giant", "trajectory", "--n", "900", "--d", "300", "--width", "100", "--steps", "2", "--refit"),
        *RUNS,
    ],
    "local train": ["local", "train", "--n", "2000", "--width", "150", "--epochs", "2", "--iterations", "20", *RUNS],
    "predict": ["predict", "--n", "900", "--d", "300", "--width", "700", "--alpha", "0.45"],
    "predict, two latents": ["predict", "--target", "z1 + z1*z2"],
    "compare streamed": ["compare", "--method", "streamed", *SIZE, *RUNS],
    "matrix-free": ["matrix-free", "--count", "2", "--steps", "120", *SIZE, *RUNS],
    "nonlinear staircase": ["nonlinear", "staircase", "--alphas", "0.2", *SIZE, *RUNS],
    "nonlinear decomposition": ["nonlinear", "decomposition", "--sizes", "300,600", *SIZE, *RUNS],
    "giant analyse": ["giant", "analyse", "--target", "z1*z2*z3 + He4(z1)"],
    "giant step": ["giant", "step", "--n", "900", "--d", "400", "--width", "300", *RUNS],
}
CASES = [
    *(pytest.param(words, marks=pytest.mark.slow, id=name) for name, words in SLOW.items()),
    *(pytest.param(words, marks=pytest.mark.study, id=name) for name, words in STUDY.items()),
]


def numbers(arguments: list[str], threads: str | None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = threads
    done = subprocess.run(
        [sys.executable, "-m", "spikes", *arguments, "--json", "-"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return json.dumps(json.loads(done.stdout))


@pytest.mark.parametrize("arguments", CASES)
def test_threads_change_no_bit(arguments):
    one = numbers(arguments, "1")
    assert numbers(arguments, "2") == one
    assert numbers(arguments, None) == one
