"""Thresholds of others: published digits, and their agreement where both hold."""

import math

import numpy as np
import pytest

from theory.singular_value_thresholds import (
    effective_rank,
    gavish_donoho_threshold,
    screenot_threshold,
    stable_rank,
)


@pytest.mark.parametrize(("beta", "omega"), [(1.0, 2.8582), (0.5, 2.1711), (0.2, 1.7609), (0.05, 1.5066)])
def test_gavish_and_donoho(beta, omega):
    # table of ω(β) in arXiv 1305.5870, whose cubic 0.56β³ − 0.95β² + 1.82β + 1.43 keeps within 0.02 of it
    shape = (round(400 * beta), 400)
    threshold = gavish_donoho_threshold(np.full(min(shape), 2.0), shape)
    assert 0.5 * threshold == pytest.approx(0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43, abs=0.02)
    assert 0.5 * threshold == pytest.approx(omega, abs=0.02)


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_screenot_of_white_noise_is_gavish_and_donoho_of_known_variance(beta):
    n = 800
    shape = (n, round(beta * n))
    s = np.linalg.svd(np.random.default_rng(0).standard_normal(shape), compute_uv=False)
    known = math.sqrt(n) * math.sqrt(
        2.0 * (beta + 1.0) + 8.0 * beta / (beta + 1.0 + math.sqrt(beta**2 + 14.0 * beta + 1.0))
    )
    # spectra of n = 800 fluctuate by n^(−2/3) at the edge
    assert screenot_threshold(s, shape, 20) == pytest.approx(known, rel=2.0 * n ** (-2.0 / 3.0))


def test_screenot_does_not_see_the_signal():
    rng = np.random.default_rng(1)
    s = np.linalg.svd(rng.standard_normal((200, 100)), compute_uv=False)
    loud = s.copy()
    loud[:5] *= 100.0
    assert screenot_threshold(loud, (200, 100), 10) == screenot_threshold(s, (200, 100), 10)


def test_ranks():
    assert effective_rank(np.ones(7)) == pytest.approx(7.0, rel=1e-14)
    assert effective_rank([3.0, 0.0]) == 1.0
    assert stable_rank([2.0, 1.0, 1.0]) == pytest.approx(1.5, rel=1e-15)


def test_bad_input():
    with pytest.raises(ValueError, match=r"`singular_values` must be all min\(3, 4\) of them; got 2"):
        gavish_donoho_threshold([1.0, 2.0], (3, 4))
    with pytest.raises(ValueError, match="`most` must be an integer from 1 to less than half of 4 values; got 2"):
        screenot_threshold(np.ones(4), (4, 4), 2)
    with pytest.raises(ValueError, match="`singular_values` must be finite, non-negative and not all 0"):
        stable_rank([0.0])
