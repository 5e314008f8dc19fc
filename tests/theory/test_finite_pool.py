"""Ridge regression on rows of a pool: the free compression where rows are alike, sampling where they are not."""

from functools import lru_cache

import numpy as np
import pytest
from scipy.optimize import brentq

from theory.finite_pool import FeaturePool, compressed_density, feature_pool, jackknife_errors


def pool_of(m, N, *, spread=0.0, seed=0, mean=0.0):
    """Features of covariance k^(-1), rows of norms with a spread, and labels that they fit in part."""
    rng = np.random.default_rng(seed)
    scales = np.arange(1, N + 1) ** -0.5
    norms = np.exp(spread * rng.standard_normal(m))[:, None]
    F = norms * rng.standard_normal((m, N)) * scales + mean
    return F, F @ (scales * rng.standard_normal(N)) + 0.5 * rng.standard_normal(m)


@lru_cache(maxsize=1)
def uneven() -> tuple[np.ndarray, np.ndarray, FeaturePool]:
    F, y = pool_of(800, 60, spread=0.6)
    return F, y, feature_pool(F, y)


def compressed(F, y, n, ridge):
    """Test and train error by free compression of K, for rows that are alike."""
    F, y = F - F.mean(axis=0), y - y.mean()
    m = len(y)
    f, z = n / m, n * ridge
    U, s, _ = np.linalg.svd(F, full_matrices=False)
    values, energies = np.append(s**2, 0.0), np.append((U.T @ y) ** 2, y @ y - np.sum((U.T @ y) ** 2))
    weights = np.append(np.ones(len(s)), m - len(s)) / m

    def g(k, power=1):
        return weights @ (values + k) ** -power

    kappa = brentq(lambda k: k - (1.0 - f) / g(k) - z, z, 2.0 * (z + values.sum()) / f, xtol=1e-13, rtol=1e-13)
    slope = 1.0 / (1.0 - (1.0 - f) * g(kappa, 2.0) / g(kappa) ** 2)
    train = z**2 * slope * np.sum(energies / (values + kappa) ** 2) / n
    return train / (z * g(kappa) / f) ** 2, train


def circulant_pool(m, N):
    """Features whose FFᵀ is circulant: every row has the same leverage at every penalty."""
    rng, angle = np.random.default_rng(0), 2.0 * np.pi * np.arange(m) / m
    waves = [wave(k * angle) / k for k in range(1, N // 2 + 1) for wave in (np.cos, np.sin)]
    F = np.stack(waves, axis=1)
    F = F @ np.linalg.qr(rng.standard_normal((N, N)))[0]
    return F, F @ rng.standard_normal(N) + rng.standard_normal(m)


@pytest.mark.parametrize(("m", "N"), [(501, 40), (101, 130)])
def test_rows_that_are_alike_give_the_free_compression(m, N):
    F, y = circulant_pool(m, min(N, m - 1))
    if m < N:
        F = np.hstack([F, np.ones((m, N - F.shape[1]))])  # constant columns are taken away with the means
    sizes, ridges = [m // 10, m // 2, 9 * m // 10], [1e-3, 1e-2, 1.0]
    law = feature_pool(F, y).errors(sizes, ridges)
    for i, n in enumerate(sizes):
        for j, ridge in enumerate(ridges):
            # an identity, up to interpolation between nodes and single precision
            expected = compressed(F, y, n, ridge)
            assert (law.test_error[i, j], law.train_error[i, j]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n", [30, 70, 300])
@pytest.mark.parametrize("ridge", [0.003, 0.3])
def test_uneven_rows_by_draws(by_draws, n, ridge):
    F, y, pool = uneven()
    law = pool.errors(n, ridge)
    mean, sem = by_draws(F, y, n, ridge, 120)
    # 4 standard errors, and corrections of relative order 1/n with a constant of a few
    slack = 4.0 * sem + np.array([2.0, 2.0, 1.0]) / n * mean
    got = np.array([law.test_error.item(), law.train_error.item(), law.degrees_of_freedom.item()])
    np.testing.assert_array_less(np.abs(got - mean), slack)
    alike = np.array(compressed(F, y, n, ridge))
    if (n, ridge) == (70, 0.003):  # where it matters: next to n = N
        assert abs(alike[0] / mean[0] - 1.0) > 2.0 * abs(got[0] / mean[0] - 1.0)
        assert abs(alike[0] - mean[0]) > 6.0 * sem[0]


def test_grid_is_made_of_its_points():
    _, _, pool = uneven()
    grid = pool.errors([50, 200, 700], [1e-3, 1e-1, 10.0])
    for i, n in enumerate(grid.n):
        for j, ridge in enumerate(grid.ridge):
            one = pool.errors(int(n), float(ridge))
            for name in ("test_error", "train_error", "degrees_of_freedom"):
                # interpolation between nodes of ln κ
                assert getattr(one, name).item() == pytest.approx(getattr(grid, name)[i, j], rel=5e-4)


def test_limits():
    F, y, pool = uneven()
    law = pool.errors([200], [1e-9, 1e9])
    assert law.degrees_of_freedom[0] == pytest.approx([60.0, 0.0], abs=1e-3)  # N of them without a penalty
    centred = y - y.mean()
    assert law.test_error[0, 1] == pytest.approx(np.mean(centred**2), rel=1e-6)
    assert law.train_error[0, 1] == pytest.approx(np.mean(centred**2), rel=1e-6)
    # all rows but one: leaving one out, row by row
    F = F - F.mean(axis=0)
    ridge, m = 0.05, len(y)
    H = F @ np.linalg.solve(F.T @ F + (m - 1) * ridge * np.eye(60), F.T)
    left_out = np.mean(((centred - H @ centred) / (1.0 - np.diag(H))) ** 2)
    assert pool.errors(m - 1, ridge).test_error.item() == pytest.approx(left_out, rel=2e-3)


def test_single_precision_is_enough():
    # 21 N rows take it for leverages, N + 1 do not; one row of leverage near 1 is found again in double precision
    F, y = pool_of(1300, 60, spread=0.6)
    F[3] *= 300.0
    law = feature_pool(F, y).errors([100, 600], [1e-4, 0.1])
    exact = feature_pool(F, y)
    inverse = 1.0 / (exact.eigenvalues[:, None] + np.array([1.0, 30.0]))
    table = exact.table(np.array([1.0, 30.0]))
    diagonal = (1.0 - np.square((F - F.mean(axis=0)) @ exact.vectors) @ inverse) / np.array([1.0, 30.0])
    # harmonic means over classes keep the trace
    trace = table.counts @ (1.0 / (np.exp(table.log_kappa)[:, None] + table.leverage)).T
    assert trace == pytest.approx(diagonal.sum(axis=0), rel=1e-5)
    assert np.isfinite(law.test_error).all()


def test_memory_map_gives_the_same_bits(tmp_path):
    F, y = pool_of(700, 50, mean=3.0)
    np.save(tmp_path / "F.npy", F.astype(np.float32))
    mapped = np.load(tmp_path / "F.npy", mmap_mode="r")
    a, b = feature_pool(mapped, y).errors([100], [0.1]), feature_pool(F.astype(np.float32), y).errors([100], [0.1])
    assert a.test_error == b.test_error
    # means are taken away before squares are summed
    far = feature_pool(F + 1e5, y).errors([100], [0.1])
    assert far.test_error == pytest.approx(feature_pool(F, y).errors([100], [0.1]).test_error, rel=1e-6)


def test_blocks_change_rounding_alone(monkeypatch):
    wide, tall = pool_of(60, 90), pool_of(200, 30)
    expected = [feature_pool(*each).errors([40], [0.01]).test_error for each in (wide, tall)]
    monkeypatch.setattr("theory.finite_pool._BLOCK", 700)
    found = [feature_pool(*each).errors([40], [0.01]).test_error for each in (wide, tall)]
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-6)


def test_beyond_the_pool():
    F, y = pool_of(4000, 60, spread=0.4, seed=3)
    all_rows, part = feature_pool(F, y), feature_pool(F[:400], y[:400])
    sizes, ridges = [300, 800, 2000], [0.01, 0.3]
    truth, guess = all_rows.errors(sizes, ridges), part.errors(sizes, ridges)
    error = jackknife_errors(F[:400], y[:400], sizes, ridges)
    # the pool's rows are a sample: 4 of their standard errors, which eight groups know to a third
    np.testing.assert_array_less(np.abs(guess.test_error - truth.test_error), 4.0 * error.test_error)
    assert (error.test_error < 0.25 * guess.test_error).all()


def test_left_out_groups_measure_the_scatter_of_pools():
    laws = []
    for seed in range(24):
        F, y = pool_of(200, 10, seed=100)
        rows = np.random.default_rng(seed).integers(0, 200, 200)
        laws.append(feature_pool(F[rows], y[rows]).errors([100], [0.1]).train_error.item())
    error = jackknife_errors(*pool_of(200, 10, seed=100), [100], [0.1], groups=10).train_error.item()
    # both are estimates of one spread from two dozen and ten values
    assert 0.45 < error / np.std(laws, ddof=1) < 2.2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda F, y: (F[0], y), "`features` must be a matrix"),
        (lambda F, y: (F, y[1:]), "`labels` must be as many as the 50 rows"),
        (lambda F, y: (F, 0.0 * y + 3.0), "`labels` must not be constant"),
        (lambda F, y: (0.0 * F + 1.0, y), "`features` must hold something beside constant columns"),
    ],
)
def test_refusals(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        feature_pool(*change(*pool_of(50, 5)))


def test_sizes_and_penalties_are_checked():
    pool = feature_pool(*pool_of(50, 5))
    with pytest.raises(ValueError, match=r"`n` must be an integer of at least 1; got 0"):
        pool.errors(0, 1.0)
    with pytest.raises(ValueError, match=r"`ridge` must be positive; got 0.0"):
        pool.errors(10, 0.0)
    with pytest.raises(ValueError, match=r"`groups`"):
        jackknife_errors(*pool_of(50, 5), 10, 1.0, groups=1)


def test_density_of_a_part_of_the_rows():
    F, _ = pool_of(800, 200)
    values = np.linalg.eigvalsh(F.T @ F)
    x = np.geomspace(1e-5, 10.0 * values[-1] / 800, 500)
    density = compressed_density(values, 800, 300, x)
    # mass of what is not 0; smoothing puts a percent beyond the ends
    assert np.trapezoid(density, x) == pytest.approx(200 / 300, rel=0.02)
    rng, cut = np.random.default_rng(0), np.geomspace(0.02, 2.0, 6)
    rows = [rng.permutation(800)[:300] for _ in range(10)]
    drawn = np.mean([[np.mean(np.linalg.eigvalsh(F[r] @ F[r].T / 300) > c) for c in cut] for r in rows], axis=0)
    above = np.array([np.trapezoid(np.where(x > c, density, 0.0), x) for c in cut])
    # smoothing by 3 % and fluctuations of order 1/n in counts
    assert above == pytest.approx(drawn, abs=0.01)
    # all rows: the pool's own spectrum
    whole = compressed_density(values, 800, 800, x)
    assert np.trapezoid(np.where(x > 0.1, whole, 0.0), x) == pytest.approx(np.sum(values / 800 > 0.1) / 800, abs=0.01)
