"""Spiked maps against matrices: eigenvalues and cosines above the threshold, Tracy and Widom's law below."""

import math

import numpy as np
import pytest

from spikes.simulation.spiked_matrices import MODELS, simulate_spike
from theory.laws import MarchenkoPastur, TracyWidom, goe_edge, wishart_edge
from theory.spiked_models import InformationPlusNoise, SpikedCovariance, SpikedWigner

RATIO = 0.25
THEORY = {
    "covariance": SpikedCovariance(MarchenkoPastur(RATIO)),
    "information-plus-noise": InformationPlusNoise(MarchenkoPastur(RATIO)),
    "wigner": SpikedWigner(),
}
ABOVE = {"covariance": (2.2, 4.0), "information-plus-noise": (1.1, 2.0), "wigner": (1.5, 3.0)}
BELOW = {"covariance": 1.15, "information-plus-noise": 0.2, "wigner": 0.3}  # three tenths of what detaches


def check_above(model: str, spike: float, n: int, seeds: int) -> None:
    image = THEORY[model].forward(spike)
    sample = simulate_spike(model, spike, n=n, p=round(RATIO * n), seeds=seeds, seed=7)
    measured = (sample.eigenvalue(), *sample.cosines2())
    for predicted, value in zip((image.eigenvalue, image.left_cosine2, image.right_cosine2), measured, strict=True):
        # 4 standard errors, and the next order of the mean, O(1/n)
        assert abs(value.mean - float(predicted)) < 4.0 * value.sem + 5.0 / n
    deviation = float(THEORY[model].standard_deviation(spike, n))
    # the standard deviation of a variance over s seeds is √(2/(s − 1)); 5 of them, and O(n^(−1/2)) for its limit
    spread = np.var(sample.eigenvalues, ddof=1) / deviation**2
    assert abs(spread - 1.0) < 5.0 * math.sqrt(2.0 / (seeds - 1)) + 3.0 / math.sqrt(n)


def check_below(model: str, n: int, seeds: int) -> None:
    sample = simulate_spike(model, BELOW[model], n=n, p=round(RATIO * n), seeds=seeds, seed=8)
    centre, scale = goe_edge(n) if model == "wigner" else wishart_edge(n, round(RATIO * n))
    law = TracyWidom()
    scores = (sample.eigenvalues - centre) / scale
    mean, variance, _, _ = law.statistics()
    # a spike below the threshold moves the eigenvalue by o(n^(−2/3)), here n^(−1/3) of its scale at the most
    assert abs(scores.mean() - mean) < 4.0 * math.sqrt(variance / seeds) + n ** (-1.0 / 3.0)
    assert (law.sf(scores) > 1e-6).all()
    assert (law.cdf(scores) > 1e-6).all()
    for value in sample.cosines2():
        assert value.mean < 20.0 / n


@pytest.mark.parametrize("model", MODELS)
def test_small_matrices(model):
    check_above(model, ABOVE[model][1], 400, 20)
    check_below(model, 400, 20)


@pytest.mark.study
@pytest.mark.parametrize("model", MODELS)
def test_large_matrices(model):
    """20 seeds at n = 4000; half of it for the symmetric matrix, sixteen times the size of the others' Gram matrix."""
    n = 2000 if model == "wigner" else 4000
    for spike in ABOVE[model]:
        check_above(model, spike, n, 20)
    check_below(model, n, 20)


@pytest.mark.parametrize("model", MODELS)
def test_intervals_cover(model):
    """95 % intervals hold the true spike in 22 matrices of 30 at least: P(< 22) is 1e-5 for exact intervals."""
    spike = ABOVE[model][1]
    sample = simulate_spike(model, spike, n=200, p=round(RATIO * 200), seeds=30, seed=11)
    estimate = THEORY[model].inverse(sample.eigenvalues, 200)
    assert np.count_nonzero((estimate.low < spike) & (spike < estimate.high)) >= 22


BAD = [
    ({"model": "gauss"}, "`model` must be one of covariance, .*; got 'gauss'"),
    ({"spike": -1.0}, "`spike` must be finite, and non-negative but for wigner; got -1.0"),
    ({"n": 1}, "`n` must be an integer of at least 2; got 1"),
    ({"seeds": 0}, "`seeds` must be an integer of at least 1; got 0"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(change, message):
    arguments = {"model": "covariance", "spike": 2.0, "n": 20, "p": 10, "seeds": 2, **change}
    with pytest.raises(ValueError, match=message):
        simulate_spike(arguments.pop("model"), arguments.pop("spike"), **arguments)


def test_same_seed_same_bits():
    first, second = (simulate_spike("covariance", 3.0, n=40, p=20, seeds=3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.eigenvalues, second.eigenvalues)
    longer = simulate_spike("covariance", 3.0, n=40, p=20, seeds=4, seed=5)
    np.testing.assert_array_equal(longer.eigenvalues[:3], first.eigenvalues)
