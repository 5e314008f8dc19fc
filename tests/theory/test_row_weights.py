"""Ridge regression on rows of a pool with a weight for every row: exact limits, and draws where rows stand far out."""

from functools import lru_cache

import numpy as np
import pytest

from theory import row_weights
from theory.finite_pool import FeaturePool, feature_pool
from theory.row_weights import errors_by_rows


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


def test_rules(monkeypatch):
    _, _, pool = mixture()
    with pytest.raises(ValueError, match=r"`n` must be at most the pool's 800 rows; got 801"):
        errors_by_rows(pool, [10, 801], 0.1)
    with pytest.raises(ValueError, match="`ridge` must be positive"):
        errors_by_rows(pool, 10, -1.0)
    monkeypatch.setattr(row_weights, "_STEPS", 2)
    with pytest.raises(ArithmeticError, match=r"weights for n = 10 at the penalty 0.1 did not settle in 2 steps"):
        errors_by_rows(pool, 10, 0.1)


def patches() -> np.ndarray:
    """Patches of 8 × 8 pixels of two photographs that do not overlap, less their means, 2000 of them."""
    datasets = pytest.importorskip("sklearn.datasets")
    pytest.importorskip("PIL")
    cut = []
    for image in datasets.load_sample_images().images:
        grey = image.mean(axis=2)
        rows, columns = (size // 8 for size in grey.shape)
        cut.append(grey[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).reshape(-1, 64))
    X = np.concatenate(cut)
    X = X[np.random.default_rng(0).permutation(len(X))[:2000]]
    X = X - X.mean(axis=1, keepdims=True)
    X -= X.mean(axis=0)
    return X / np.sqrt(np.mean(X**2))


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 200])
def test_features_of_image_patches(by_draws, n):
    X, rng = patches(), np.random.default_rng(1)
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
