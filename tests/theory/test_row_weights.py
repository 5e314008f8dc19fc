"""Ridge regression on rows of a pool with a weight for every row: exact limits, and draws where rows stand far out."""

from functools import lru_cache

import numpy as np
import pytest

from theory import row_weights
from theory.finite_pool import FeaturePool, feature_pool
from theory.pool_kernel import dual_kernel, kernel_pool
from theory.row_weights import errors_by_rows, kernel_errors_by_rows


@lru_cache(maxsize=1)
def mixture() -> tuple[np.ndarray, np.ndarray, FeaturePool]:
    """A few large rows in directions of their own, which labels do not go with."""
    rng = np.random.default_rng(0)
    F = rng.standard_normal((800, 60)) * np.arange(1, 61) ** -0.5
    far = rng.choice(800, 80, replace=False)
    F[far] = 4.0 * rng.standard_normal((80, 60)) * np.arange(60, 0, -1) ** -0.5
    F -= F.mean(axis=0)
    y = F[:, 0] + rng.standard_normal(800)
    y -= y.mean()
    return F, y, feature_pool(F, y)


def test_all_rows_but_one_is_leaving_one_out():
    F, y, pool = mixture()
    ridge, m = 0.05, len(y)
    law = errors_by_rows(pool, [m], [ridge])
    H = F @ np.linalg.solve(F.T @ F + m * ridge * np.eye(60), F.T)
    left_out = np.mean(((y - H @ y) / (1.0 - np.diag(H))) ** 2)
    # an identity at f = 1, where every weight is 1
    assert law.test_error.item() == pytest.approx(left_out, rel=1e-9)
    assert law.train_error.item() == pytest.approx(np.mean((y - H @ y) ** 2), rel=1e-9)
    assert law.degrees_of_freedom.item() == pytest.approx(np.trace(H), rel=1e-9)
    assert law.kappa.item() == pytest.approx(m * ridge, rel=1e-9)


@pytest.mark.parametrize(("m", "N"), [(300, 40), (100, 130)])
def test_rows_that_are_alike_are_one_class(m, N):
    # FFᵀ is circulant; the rank-one coupling of the classes is what is left between the two, of relative order 1/N
    angle = 2.0 * np.pi * np.arange(m) / m
    waves = [wave(k * angle) / k for k in range(1, min(N, m - 2) // 2 + 1) for wave in (np.cos, np.sin)]
    F = np.stack(waves, axis=1) @ np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0][: len(waves)]
    y = F[:, 0] + np.random.default_rng(1).standard_normal(m)
    pool = feature_pool(F, y)
    classes, rows = pool.errors([m // 3, m - 10], [0.01, 1.0]), errors_by_rows(pool, [m // 3, m - 10], [0.01, 1.0])
    assert rows.kappa == pytest.approx(classes.kappa, rel=1e-3)
    assert rows.degrees_of_freedom == pytest.approx(classes.degrees_of_freedom, rel=1e-3)
    assert rows.test_error == pytest.approx(classes.test_error, rel=3.0 / min(N, m))
    assert rows.unevenness == pytest.approx(0.0, abs=1e-3)


def test_features_enter_by_their_products():
    # more columns than rows: in the coordinates of the left singular vectors, as the same rows turned and cut off
    rng = np.random.default_rng(2)
    F = rng.standard_normal((50, 80)) * np.exp(0.5 * rng.standard_normal((50, 1)))
    y = F[:, 0] + rng.standard_normal(50)
    F, y = F - F.mean(axis=0), y - y.mean()
    U, s, _ = np.linalg.svd(F, full_matrices=False)
    wide = errors_by_rows(feature_pool(F, y), [10, 30], [0.1, 1.0])
    square = errors_by_rows(feature_pool(U * s, y), [10, 30], [0.1, 1.0])
    for name in ("test_error", "train_error", "degrees_of_freedom"):
        assert getattr(wide, name) == pytest.approx(getattr(square, name), rel=1e-7)


@pytest.mark.parametrize(("n", "ridge"), [(60, 0.003), (300, 0.1)])
def test_rows_that_stand_far_out_by_draws(by_draws, n, ridge):
    F, y, pool = mixture()
    law = errors_by_rows(pool, n, ridge)
    mean, sem = by_draws(F, y, n, ridge, 200)
    # 4 standard errors, and corrections of relative order 1/n with a constant of two
    slack = 4.0 * sem + 2.0 / n * mean
    got = np.array([law.test_error.item(), law.train_error.item(), law.degrees_of_freedom.item()])
    np.testing.assert_array_less(np.abs(got - mean), slack)


def test_blocks_of_rows_change_nothing(monkeypatch):
    F, y, pool = mixture()
    whole = errors_by_rows(pool, 200, 0.1)
    monkeypatch.setattr("theory.finite_pool._BLOCK", 6000)
    assert errors_by_rows(feature_pool(F, y), 200, 0.1).test_error == pytest.approx(whole.test_error, rel=1e-8)


@lru_cache(maxsize=1)
def twenty() -> tuple[np.ndarray, np.ndarray]:
    """Too few rows of too many sizes for classes of them."""
    rng = np.random.default_rng([20, 5, 1, 20])
    X = rng.standard_normal((20, 8)) * np.exp(2.0 * rng.standard_normal((20, 1)))
    F = np.maximum(X @ rng.standard_normal((8, 5)), 0.0)
    return F, X[:, 0] + rng.standard_normal(20)


@pytest.mark.parametrize("ridge", [1e-4, 1.0, 100.0])
def test_a_few_rows_that_are_no_classes(ridge):
    pool = feature_pool(*twenty())
    with pytest.raises(ArithmeticError, match=r"the train error for n = 2 .* take more rows, or the law with a weight"):
        pool.errors(2, ridge)
    # the remedy that it names
    assert errors_by_rows(pool, 2, ridge).train_error.item() > 0.0


def test_rules(monkeypatch):
    _, _, pool = mixture()
    kernel = kernel_pool(np.eye(30), np.arange(30.0), 20)
    with pytest.raises(ValueError, match=r"`n` must be at most the pool's 30 rows; got 31"):
        kernel_errors_by_rows(kernel, 31, 0.1)
    with pytest.raises(ValueError, match=r"`n` must be at most the pool's 800 rows; got 801"):
        errors_by_rows(pool, [10, 801], 0.1)
    with pytest.raises(ValueError, match="`ridge` must be positive"):
        errors_by_rows(pool, 10, -1.0)
    monkeypatch.setattr(row_weights, "_STEPS", 2)
    with pytest.raises(ArithmeticError, match=r"weights for n = 10 at the penalty 0.1 did not settle in 2 steps"):
        errors_by_rows(pool, 10, 0.1)


def heavy(m: int, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of all norms, and labels that do not go with them."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((m, d)) * np.exp(0.8 * rng.standard_normal((m, 1)))
    return X, X[:, 0] / np.linalg.norm(X, axis=1) + rng.standard_normal(m)


def test_a_kernel_of_all_its_rows_is_left_out_row_by_row():
    X, y = heavy(40)
    pool = kernel_pool(dual_kernel("relu", X), y, 30)
    # an identity at f = 1, where every weight is 1 and forty rows are as many classes
    classes, rows = pool.errors(40, [0.01, 1.0]), kernel_errors_by_rows(pool, 40, [0.01, 1.0])
    for name in ("test_error", "train_error", "degrees_of_freedom", "unevenness"):
        # of the table in κ, whose splines are good to four digits
        assert getattr(rows, name) == pytest.approx(getattr(classes, name), rel=2e-4)


def test_a_kernel_of_many_neurons_is_its_own_features():
    X, y = heavy(150)
    K, width = dual_kernel("relu", X), 10**9
    y = y - y.mean()
    values, vectors = np.linalg.eigh(K / width)
    features = feature_pool(vectors * np.sqrt(np.maximum(values, 0.0) * width), y, center=False)
    kernel = kernel_pool(K / width, y, width, center=False)
    drawn, given = (
        kernel_errors_by_rows(kernel, [20, 100], [0.01, 1.0]),
        errors_by_rows(features, [20, 100], [0.01, 1.0]),
    )
    for name in ("test_error", "train_error", "degrees_of_freedom"):
        assert getattr(drawn, name) == pytest.approx(getattr(given, name), rel=1e-4)


def test_a_kernel_of_rows_that_are_alike_is_one_class():
    angle = 2.0 * np.pi * np.arange(200) / 200.0
    distance = np.cos(angle[:, None] - angle)
    kernel = np.exp(3.0 * (distance - 1.0)) + 0.1 * np.eye(200)
    pool = kernel_pool(kernel, np.cos(angle) + np.random.default_rng(1).standard_normal(200), 150)
    classes, rows = pool.errors([60, 190], [0.01, 1.0]), kernel_errors_by_rows(pool, [60, 190], [0.01, 1.0])
    assert rows.kappa == pytest.approx(classes.kappa, rel=1e-3)
    assert rows.degrees_of_freedom == pytest.approx(classes.degrees_of_freedom, rel=1e-3)
    # the rank-one coupling of the classes is what is left between the two
    assert rows.test_error == pytest.approx(classes.test_error, rel=3.0 / 150.0)
    assert rows.unevenness == pytest.approx(0.0, abs=1e-3)


def by_neurons(X, y, width, n, ridges, draws):
    """Mean and standard error of the test error over neurons and rows, each of shape (L,)."""
    rng, errors = np.random.default_rng(5), np.empty((draws, len(ridges)))
    y = y - y.mean()
    for error in errors:
        W = rng.standard_normal((width, X.shape[1]))
        F = np.maximum(X @ (W / np.linalg.norm(W, axis=1, keepdims=True)).T, 0.0)
        F -= F.mean(axis=0)
        order = rng.permutation(len(y))
        fit, rest = order[:n], order[n:]
        S, b = F[fit].T @ F[fit], F[fit].T @ y[fit]
        for j, ridge in enumerate(ridges):
            a = np.linalg.solve(S + n * ridge * np.eye(width), b)
            error[j] = np.mean((y[rest] - F[rest] @ a) ** 2)
    return errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(draws)


def test_kernel_of_rows_that_stand_far_out_by_draws():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((400, 30)) * np.arange(1, 31) ** -1.0
    far = rng.choice(400, 40, replace=False)
    X[far] = 3.0 * rng.standard_normal((40, 30)) * np.arange(30, 0, -1) ** -1.0
    y = X[:, 0] + 0.5 * rng.standard_normal(400)
    X *= np.sqrt(X.size) / np.linalg.norm(X)
    pool = kernel_pool(dual_kernel("relu", X), y, 60)
    law = kernel_errors_by_rows(pool, 80, [0.003, 0.1]).test_error[0]
    classes = pool.errors(80, [0.003, 0.1]).test_error[0]
    mean, sem = by_neurons(X, y, 60, 80, [0.003, 0.1], 300)
    # 4 standard errors, and corrections of relative order 1/N with a constant of two
    np.testing.assert_array_less(np.abs(law - mean), 4.0 * sem + 2.0 / 60.0 * mean)
    # what one κ for all rows leaves
    assert abs(classes[0] - mean[0]) > 0.1 * mean[0]


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 200])
def test_features_of_image_patches(by_draws, image_patches, n):
    X, rng = image_patches(2000), np.random.default_rng(1)
    W = rng.standard_normal((200, 64))
    F = np.maximum(X @ (W / np.linalg.norm(W, axis=1, keepdims=True)).T, 0.0)
    F -= F.mean(axis=0)
    z = X @ rng.standard_normal(64)
    y = z / z.std() + 0.5 * rng.standard_normal(len(z))
    y -= y.mean()
    pool = feature_pool(F, y)
    law, classes = errors_by_rows(pool, n, 0.003), pool.errors(n, 0.003)
    mean, sem = by_draws(F, y, n, 0.003, 100)
    assert classes.unevenness.item() > row_weights.EVEN
    assert abs(law.test_error.item() - mean[0]) < max(0.05 * mean[0], 3.0 * sem[0])
    # what one κ for all rows leaves
    assert abs(classes.test_error.item() - mean[0]) > 0.1 * mean[0]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["planted", "linear"])
def test_kernel_of_image_patches(image_patches, target):
    X, rng = image_patches(1200), np.random.default_rng(1)
    z = X @ rng.standard_normal(64)
    z /= z.std()
    y = (z + 0.5 * (z**2 - 1.0) if target == "planted" else z) + 0.5 * rng.standard_normal(len(z))
    pool = kernel_pool(dual_kernel("relu", X), y, 200)
    law, classes = kernel_errors_by_rows(pool, 200, [0.003, 0.1]), pool.errors(200, [0.003, 0.1])
    mean, sem = by_neurons(X, y, 200, 200, [0.003, 0.1], 150)
    assert classes.unevenness.max() > row_weights.EVEN
    np.testing.assert_array_less(np.abs(law.test_error[0] - mean), np.maximum(0.05 * mean, 3.0 * sem))
    if target == "linear":
        # what one κ for all rows leaves
        assert classes.test_error[0, 0] > 1.1 * mean[0]
