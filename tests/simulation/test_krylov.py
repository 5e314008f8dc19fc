"""Block Lanczos on matrices of low rank: the numbers of the dense decomposition, or the rank by name."""

import math

import numpy as np
import pytest

from spikes.simulation.krylov import leading_triplets, smoothed, stochastic_density


def features(case: int, rng: np.random.Generator) -> np.ndarray:
    """Linear features of few inputs, duplicated neurons, fewer rows than columns, and singular values over decades."""
    n, N = (int(rng.integers(5, 120)) for _ in range(2))
    if case == 0:
        d = int(rng.integers(1, max(2, min(n, N) // 2 + 1)))
        return rng.standard_normal((n, d)) @ rng.standard_normal((d, N))
    if case == 1:
        k = int(rng.integers(1, N))
        return rng.standard_normal((n, k))[:, rng.integers(0, k, N)]
    if case == 2:
        return rng.standard_normal((max(2, N // 3), N))
    rank = int(rng.integers(1, min(n, N) + 1))
    left = rng.standard_normal((n, rank)) * 10.0 ** rng.uniform(-2.0, 2.0, rank)
    return left @ np.linalg.qr(rng.standard_normal((N, rank)))[0].T


@pytest.mark.parametrize("case", range(4))
def test_low_rank_gives_dense_numbers_or_the_rank(case):
    refused = 0
    for seed in range(75):
        rng = np.random.default_rng((case, seed))
        F = features(case, rng)
        n, N = F.shape
        s = np.linalg.svd(F / math.sqrt(n), compute_uv=False)
        rank = int(np.sum(s > 1e-7 * s[0]))
        count = int(rng.choice([1, max(1, rank // 2), rank, min(rank + 1, N), min(rank + 5, N)]))

        def gram_times(V, F=F):
            return F.T @ (F @ V) / len(F)

        if count > rank:
            refused += 1
            with pytest.raises(ArithmeticError, match=f"the features have rank {rank} up to rounding"):
                leading_triplets(gram_times, F.shape, count, rng)
            continue
        found = leading_triplets(gram_times, F.shape, count, rng)
        np.testing.assert_allclose(found.singular_values, s[:count], rtol=0.0, atol=1e-8 * s[0])
        away = gram_times(found.right) - found.right * found.singular_values**2
        assert np.max(np.linalg.norm(away, axis=0)) < 1.1e-7 * s[0] ** 2
        np.testing.assert_allclose(found.right.T @ found.right, np.eye(count), atol=1e-8)
    assert refused > 5


def test_rank_exhausted_within_a_block():
    # linear features of 20 inputs, blocks of 6: the fourth block has two directions that are new
    rng = np.random.default_rng(1)
    F = rng.standard_normal((2000, 20)) @ np.diag([30.0, *np.linspace(4.0, 1.0, 19)]) @ rng.standard_normal((20, 200))
    s = np.linalg.svd(F / math.sqrt(2000), compute_uv=False)
    found = leading_triplets(lambda V: F.T @ (F @ V) / 2000, F.shape, 2, rng)
    np.testing.assert_allclose(found.singular_values, s[:2], rtol=1e-9)


def test_nothing_to_find_is_said():
    with pytest.raises(ArithmeticError, match="the features vanish"):
        leading_triplets(lambda V: 0.0 * V, (10, 6), 1, np.random.default_rng(0))
    with pytest.raises(ArithmeticError, match="not finite"):
        leading_triplets(lambda V: np.inf * V, (10, 6), 1, np.random.default_rng(0))


def test_density_of_low_rank():
    # five products exhaust the space: what is left of them is rounding, and must not come back as new directions
    rng = np.random.default_rng(2)
    F = rng.standard_normal((300, 5)) @ rng.standard_normal((5, 60))
    values = np.linalg.svd(F / math.sqrt(300), compute_uv=False)[:5] ** 2
    x = np.geomspace(0.3 * values[-1], 3.0 * values[0], 30)
    found = stochastic_density(lambda V: F.T @ (F @ V) / 300, F.shape, x, rng, probes=400, steps=60, width=0.3)
    exact = 60 / 300 * smoothed(values, np.full(5, 1.0 / 60), x, 0.3)
    # weights of a probe on one direction of 60 vary by √2 of their mean
    assert np.max(np.abs(found.density - exact) / found.sem) < 5.0
