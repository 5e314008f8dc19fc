"""The kernel of a pool against sums over neurons, and its law against features that are drawn."""

import math

import numpy as np
import pytest

from theory.pool_kernel import dual_kernel, kernel_pool
from theory.quadrature import gauss_hermite, gaussian_nodes
from theory.statement.activation import ACTIVATIONS, Activation

COS = Activation(np.cos, lambda x: -np.sin(x), name="cos", vectorized=True)


def inputs(m=40, d=30, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(spread * rng.standard_normal((m, 1))) * rng.standard_normal((m, d))


@pytest.mark.parametrize("sigma", ["relu", "erf", "sin", "He1", "He2", "He3", "tanh", "softplus", COS], ids=str)
@pytest.mark.parametrize("centered", [True, False])
def test_kernel_of_two_inputs(sigma, centered):
    X = inputs(4, 5)
    found = dual_kernel(sigma, X, centered=centered)
    function = ACTIVATIONS[sigma] if isinstance(sigma, str) else sigma
    x, w = gaussian_nodes(function.kinks)
    shift = w @ function(x) if centered else 0.0
    # u = s z and v = t (c z + √(1 − c²) z'), by the product of a rule that knows the kink and one that converges slowly
    z, weight = gauss_hermite(120)
    for i, j in ((0, 1), (2, 3), (1, 1)):
        s, t = np.linalg.norm(X[i]) / math.sqrt(5.0), np.linalg.norm(X[j]) / math.sqrt(5.0)
        c = min(1.0, X[i] @ X[j] / (5.0 * s * t))
        inner = function(t * (c * x[:, None] + math.sqrt(1.0 - c * c) * z)) - shift
        expected = w @ ((function(s * x) - shift) * (inner @ weight))
        # a kink costs the inner rule 1/order
        rough = 3e-3 if function.kinks else 1e-6
        assert found[i, j] == pytest.approx(expected, rel=rough, abs=rough)


def test_zero_rows_have_a_kernel():
    X = inputs(5, 6)
    X[2] = 0.0
    for name in ("relu", "softplus", "erf"):
        sigma = ACTIVATIONS[name]
        kernel = dual_kernel(name, X, centered=False)
        assert kernel[2, 2] == pytest.approx(float(sigma(np.zeros(1))[0]) ** 2, abs=1e-12)
        assert np.isfinite(kernel).all()


def drawn(X, y, sigma, width, n, ridge, draws, seed=1):
    """Means and standard errors of test error, train error and degrees of freedom over neurons and rows."""
    rng, found = np.random.default_rng(seed), []
    y = y - y.mean()
    for _ in range(draws):
        F = ACTIVATIONS[sigma](X @ rng.standard_normal((X.shape[1], width)) / math.sqrt(X.shape[1]))
        F -= F.mean(axis=0)
        order = rng.permutation(len(y))
        fit, rest = order[:n], order[n:]
        dual = np.linalg.solve(F[fit] @ F[fit].T + n * ridge * np.eye(n), np.eye(n))
        a = F[fit].T @ (dual @ y[fit])
        freedom = n - n * ridge * np.trace(dual)
        found.append((np.mean((y[rest] - F[rest] @ a) ** 2), np.mean((y[fit] - F[fit] @ a) ** 2), freedom))
    found = np.array(found)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(draws)


@pytest.mark.parametrize(("n", "width", "ridge"), [(80, 60, 0.01), (80, 200, 0.1), (200, 60, 0.1)])
def test_law_by_draws(n, width, ridge):
    X = inputs(300, 25)
    y = X[:, 0] + 0.3 * X[:, 1] ** 2 + 0.3 * np.random.default_rng(2).standard_normal(300)
    pool = kernel_pool(dual_kernel("relu", X), y, width)
    law = pool.errors(n, ridge)
    mean, sem = drawn(X, y, "relu", width, n, ridge, 60)
    got = np.array([law.test_error.item(), law.train_error.item(), law.degrees_of_freedom.item()])
    # 4 standard errors, and what is not Gaussian in columns and rows, of relative order 1/n + 1/N
    slack = np.array([2.0, 4.0, 1.0]) * (1.0 / n + 1.0 / width)
    np.testing.assert_array_less(np.abs(got - mean), 4.0 * sem + slack * mean)


def test_refusals():
    K = dual_kernel("relu", inputs(6, 3))
    with pytest.raises(ValueError, match="`kernel` must be square"):
        kernel_pool(K[:3], np.arange(6.0), 5)
    with pytest.raises(ValueError, match="`labels` must not be constant"):
        kernel_pool(K, np.ones(6), 5)
    with pytest.raises(ValueError, match="`kernel` must be positive semidefinite"):
        kernel_pool(-K, np.arange(6.0), 5)
    with pytest.raises(ValueError, match="`ridge` must be positive"):
        kernel_pool(K, np.arange(6.0), 5).errors(3, -1.0)
