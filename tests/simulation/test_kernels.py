"""Kernels against their one-line NumPy twins and against forty-digit values."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

import spikes
from spikes.simulation.kernels import activation_kernels
from theory.statement.activation import ACTIVATIONS, Activation

EXACT = {
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2),
    "erf": (lambda x: mpmath.erf(x / mpmath.sqrt(2)), lambda x: 2 * mpmath.npdf(x)),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), lambda x: 1 / (1 + mpmath.exp(-x))),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: mpmath.exp(-x) / (1 + mpmath.exp(-x)) ** 2),
    "gelu": (lambda x: x * mpmath.ncdf(x), lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x)),
    "silu": (
        lambda x: x / (1 + mpmath.exp(-x)),
        lambda x: (1 + mpmath.exp(-x) + x * mpmath.exp(-x)) / (1 + mpmath.exp(-x)) ** 2,
    ),
    "sin": (mpmath.sin, mpmath.cos),
}


def values(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """σ and σ′ as the kernels compute them."""
    kernels = activation_kernels(ACTIVATIONS[name])
    H, S = x[:, None].copy(), x[:, None].copy()
    kernels.activate(H)
    kernels.backward(S, np.ones(1), 0.0, np.ones(len(x)), np.empty(len(x)))
    return H[:, 0], S[:, 0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_twins(name):
    x = np.concatenate([np.random.default_rng(0).standard_normal(4000) * 3, [0.0, -0.0, 30.0, -30.0, 1e-9, -1e-9]])
    mine, slope = values(name, x)
    # the twins round differently; beside the roots of the polynomials that is 1e-16 of their largest term
    np.testing.assert_allclose(mine, ACTIVATIONS[name](x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(slope, ACTIVATIONS[name].slope(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", EXACT)
def test_a_few_units_in_the_last_place(name):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.standard_normal(300) * 3, 10.0 ** rng.uniform(-8, 1, 100) * rng.choice([-1, 1], 100)])
    with mpmath.workdps(40):
        exact = np.array([[float(f(mpmath.mpf(v))) for v in x] for f in EXACT[name]])
    mine, slope = values(name, x)
    assert np.max(np.abs(mine - exact[0]) / np.spacing(np.abs(exact[0]))) <= 6
    # derivatives that cross zero are accurate on the scale of their size, 1
    assert np.max(np.abs(slope - exact[1]) / np.spacing(np.maximum(np.abs(exact[1]), 0.1))) <= 6


def test_far_arguments_neither_overflow_nor_hide_nan():
    x = np.array([-1e4, 1e4, np.nan])
    for name in ("tanh", "erf", "sigmoid", "softplus", "gelu", "silu"):
        mine, slope = values(name, x)
        assert np.isnan(mine[2])
        assert np.isfinite(mine[:2]).all()
        assert np.isfinite(slope[:2]).all()
    assert np.isnan(values("relu", x)[0][2])


@pytest.mark.parametrize("name", ["relu", "gelu", "He3"])
def test_backward(name):
    rng = np.random.default_rng(2)
    H, a, y = rng.standard_normal((7, 33)), rng.standard_normal(33), rng.standard_normal(7)
    sigma, r = ACTIVATIONS[name], np.empty(7)
    expected_r = y - 0.3 * (sigma(H) - 0.2) @ a
    expected = expected_r[:, None] * sigma.slope(H) * a
    activation_kernels(sigma, 0.2).backward(H, a, 0.3, y, r)
    np.testing.assert_allclose(r, expected_r, rtol=1e-12)
    np.testing.assert_allclose(H, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("function", [lambda x: math.atan(x), math.atan, np.arctan], ids=["python", "math", "numpy"])
def test_user_activation_is_compiled(function):
    mine = Activation(function, lambda x: 1.0 / (1.0 + x * x), name="arctan")
    H = np.linspace(-2, 2, 9).reshape(3, 3)
    expected = np.arctan(H)
    activation_kernels(mine).activate(H)
    np.testing.assert_allclose(H, expected, rtol=1e-14)


def test_user_activation_that_numba_cannot_compile():
    table = {0: 1.0}

    class Identity:
        def __call__(self, x):
            return x

    for function in (lambda x: x + 0.0 * len(str(table)), Identity()):
        bad = Activation(function, lambda x: 1.0, name="bad")
        with pytest.raises(ValueError, match="activation `bad` must be made of scalar functions that numba can comp"):
            activation_kernels(bad)


def _shown_by(root: Path, cache: Path) -> str:
    """What a fresh process computes from a copy of the code: tanh of 1."""
    code = (
        "import numpy as np; from spikes.simulation.kernels import activation_kernels;"
        "from theory.statement.activation import ACTIVATIONS;"
        "H = np.ones((1, 1)); activation_kernels(ACTIVATIONS['tanh']).activate(H); print(H[0, 0])"
    )
    setting = os.environ | {"PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(
        [sys.executable, "-c", code], env=setting, cwd=root, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
def test_what_is_kept_on_disk_follows_the_functions_in_another_file(tmp_path):
    for package in ("spikes", "theory"):
        shutil.copytree(
            Path(spikes.__file__).parents[1] / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    cache = tmp_path / "cache"
    before = _shown_by(tmp_path, cache)
    assert float(before) == pytest.approx(math.tanh(1.0), rel=1e-15)
    assert _shown_by(tmp_path, cache) == before
    functions = tmp_path / "spikes" / "simulation" / "vector_functions.py"
    text = functions.read_text()
    constant = "p = p * r + 0.5\n"  # of the exponential
    assert text.count(constant) == 1
    functions.write_text(text.replace(constant, "p = p * r + 0.6\n"))
    assert abs(float(_shown_by(tmp_path, cache)) - math.tanh(1.0)) > 1e-6
