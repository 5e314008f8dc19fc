"""Randomised copies: what they keep, the level of their test at any size, and what it counts."""

import math

import numpy as np
import pytest

from spikes.simulation.biwhitening import biwhiten
from spikes.simulation.signflip import flip_signs, largest_singular_value, randomisation_test


def decomposed(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    _, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.ascontiguousarray(x), s, vh.conj().T


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_signs_are_flipped_and_nothing_else(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((101, 67)).astype(dtype)
    flipped = flip_signs(x, rng)
    assert flipped.dtype == dtype
    sign = np.rint((flipped / x).real)
    np.testing.assert_array_equal(flipped, sign * x)
    assert set(np.unique(sign.real)) == {-1.0, 1.0}
    # fair, and independent of the neighbours': 6767 signs, four standard errors
    assert abs(sign.real.mean()) < 4.0 / math.sqrt(sign.size)
    assert abs((sign[1:] * sign[:-1]).real.mean()) < 4.0 / math.sqrt(sign.size)
    assert abs((sign[:, 1:] * sign[:, :-1]).real.mean()) < 4.0 / math.sqrt(sign.size)


@pytest.mark.parametrize("shape", [(40, 20), (300, 150)])
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_largest_singular_value(shape, kind):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    x = x + 1j * rng.standard_normal(shape) if kind == "complex" else x
    expected = np.linalg.svd(x, compute_uv=False)[0]
    assert largest_singular_value(x, rng, tolerance=1e-10) == pytest.approx(expected, rel=1e-10)
    # the default leaves a few percent of p^(−2/3), from below
    found = largest_singular_value(x, rng)
    assert -0.1 * shape[1] ** (-2.0 / 3.0) < found / expected - 1.0 <= 1e-12


def test_level_holds_at_any_size():
    # 10 × 6 and heavy tails of uneven size: no limit theorem here
    rng = np.random.default_rng(2)
    size = np.geomspace(0.1, 10.0, 6)
    rejected = 0
    for _ in range(300):
        parts = decomposed(rng.standard_t(2, (10, 6)) * size)
        rejected += randomisation_test(*parts, rng, level=0.1, flips=19, most=1).count
    assert rejected <= 30 + 3.0 * math.sqrt(300 * 0.09)


@pytest.mark.parametrize("randomise", ["signflip", "permutation"])
def test_planted_factors_are_counted(randomise):
    rng = np.random.default_rng(3)
    u, v = (np.linalg.qr(rng.standard_normal((size, 6)))[0] for size in (200, 90))
    x = rng.standard_normal((200, 90)) + (np.linspace(40.0, 60.0, 6) * u) @ v.T
    test = randomisation_test(*decomposed(x - x.mean(axis=0)), rng, randomise=randomise)
    assert test.count == 6
    assert test.ended
    assert (test.p_values[:6] == 0.01).all()
    assert test.p_values[6] > 0.05


def test_the_sequence_ends_where_it_is_told_to():
    x = np.outer(np.arange(1.0, 31.0), np.ones(20)) + np.random.default_rng(4).standard_normal((30, 20))
    test = randomisation_test(*decomposed(x), np.random.default_rng(0), most=1)
    assert (test.count, test.ended) == (1, False)


def test_permutation_keeps_every_column(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "spikes.simulation.signflip.largest_singular_value", lambda matrix, rng: seen.append(matrix.copy()) or 1e9
    )
    x = np.random.default_rng(5).standard_normal((12, 7))
    randomisation_test(*decomposed(x), np.random.default_rng(0), randomise="permutation", flips=19)
    unit = np.abs(x).max()
    np.testing.assert_allclose(np.sort(seen[0] * unit, axis=0), np.sort(x, axis=0))
    assert not np.array_equal(seen[0] * unit, x)


def test_bad_input():
    parts = decomposed(np.random.default_rng(6).standard_normal((12, 7)))
    with pytest.raises(ValueError, match="`randomise` must be one of signflip, permutation; got 'bootstrap'"):
        randomisation_test(*parts, np.random.default_rng(0), randomise="bootstrap")
    with pytest.raises(ValueError, match="`flips` must be an integer of at least 1/level − 1 = 19; got 18"):
        randomisation_test(*parts, np.random.default_rng(0), flips=18)


def test_biwhitened_counts_are_white_noise():
    rng = np.random.default_rng(7)
    rates = 3.0 * rng.gamma(2.0, 1.0, 200)[:, None] * rng.gamma(2.0, 1.0, 80)
    counts = rng.poisson(rates)
    counts = np.hstack([counts, np.zeros((200, 1))])
    scaled = biwhiten(counts)
    assert scaled.matrix.shape == (200, 80)  # the empty column is left out
    variance = scaled.row_factors[:, None] ** 2 * counts[:, :80] * scaled.column_factors**2
    np.testing.assert_allclose(variance.mean(axis=0), 1.0, rtol=1e-7)
    np.testing.assert_allclose(variance.mean(axis=1), 1.0, rtol=1e-7)
    s = np.linalg.svd(scaled.matrix, compute_uv=False)
    # one direction, the rate, and an edge at √n + √p within a few of its fluctuations
    assert s[0] > 2.0 * (math.sqrt(200) + math.sqrt(80))
    assert s[1] == pytest.approx(math.sqrt(200) + math.sqrt(80), rel=0.05)
    with pytest.raises(ValueError, match="`counts` must be non-negative; got -1"):
        biwhiten(np.full((20, 20), -1.0))
    blocked = np.triu(np.ones((12, 12)))
    with pytest.raises(ArithmeticError, match="did not converge in 50 iterations: residual"):
        biwhiten(blocked, most=50)
