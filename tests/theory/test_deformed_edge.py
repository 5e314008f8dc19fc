"""The edge of coloured noise: white noise's where it is white, and Tracy and Widom's law around it."""

import math

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import kstest

from theory.deformed_edge import deformed_edge, edge_coefficient
from theory.laws import (
    Discrete,
    GeneralisedMarchenkoPastur,
    MarchenkoPastur,
    SeparableCovariance,
    TracyWidom,
    wishart_edge,
)

GRID = np.arange(1, 121) / 120.0
SPECTRA = {
    "two atoms": np.repeat([1.0, 3.0], 60),
    "power law": GRID**0.5,
    "steep power law": (0.2 + GRID) ** -1.5,
}


def largest(t: np.ndarray, n: int, draws: int, seed: int, rows: np.ndarray | None = None) -> np.ndarray:
    """Largest eigenvalues of XᵀX/n."""
    rng = np.random.default_rng(seed)
    values = np.empty(draws)
    for i in range(draws):
        x = rng.standard_normal((n, len(t))) * np.sqrt(t)
        if rows is not None:
            x *= np.sqrt(rows)[:, None]
        last = len(t) - 1
        values[i] = eigh(x.T @ x, eigvals_only=True, subset_by_index=[last, last])[0] / n
    return values


@pytest.mark.parametrize(("n", "p"), [(1000, 200), (50, 50), (100, 1000), (3000, 4000)])
def test_white_noise_has_the_edge_of_wishart_matrices(n, p):
    np.testing.assert_allclose(deformed_edge([1.7], n, p), wishart_edge(n, p, 1.7), rtol=1e-10)
    # by another way, the minimum of z on the real branch
    np.testing.assert_allclose(deformed_edge([1.7], n, p, rows=[1.0]), wishart_edge(n, p, 1.7), rtol=1e-10)


def test_complex_white_noise_has_unshifted_sizes():
    n, p = 300, 120
    a, b = math.sqrt(n), math.sqrt(p)
    expected = (a + b) ** 2 / n, (a + b) * (1.0 / a + 1.0 / b) ** (1.0 / 3.0) / n
    np.testing.assert_allclose(deformed_edge([1.0], n, p, beta=2), expected, rtol=1e-12)


@pytest.mark.parametrize("t", SPECTRA.values(), ids=SPECTRA)
def test_scale_is_that_of_the_end_of_the_density(t):
    # (z″/2)^(1/3) n^(−2/3) against (pκ)^(−2/3), κ from the transform right of the edge: two formulas, one number
    n, p = 10**9, 5 * 10**8
    law = GeneralisedMarchenkoPastur(Discrete(t), p / n)
    centre, scale = deformed_edge(t, n, p)
    assert centre == pytest.approx(law.support[1], rel=1e-7)
    assert scale == pytest.approx((p * edge_coefficient(law)) ** (-2.0 / 3.0), rel=1e-6)


def test_end_of_a_density_in_closed_form():
    # √((x − a)(b − x))/(2πγx) → κ = √(b − a)/(2γb)
    a, b = (1.0 - math.sqrt(0.3)) ** 2, (1.0 + math.sqrt(0.3)) ** 2
    assert edge_coefficient(MarchenkoPastur(0.3)) == pytest.approx(math.sqrt(b - a) / (0.6 * b), rel=1e-9)


@pytest.mark.parametrize("t", SPECTRA.values(), ids=SPECTRA)
def test_centre_is_right_to_the_second_order(t):
    values = largest(t, 240, 250, 1)
    centre, scale = deformed_edge(t, 240, 120)
    mean, variance = TracyWidom(1).statistics()[:2]
    # four standard errors, and n^(−2/3) that the centring leaves; a first-order centre would be off by up to 0.7
    assert np.mean((values - centre) / scale) == pytest.approx(mean, abs=4.0 * math.sqrt(variance / 250) + 0.06)


@pytest.mark.parametrize(
    "name", [pytest.param("two atoms", marks=pytest.mark.study), pytest.param("power law", marks=pytest.mark.slow)]
)
def test_largest_eigenvalues_follow_tracy_and_widom(name):
    t = {"two atoms": np.repeat([1.0, 3.0], 100), "power law": (np.arange(1, 201) / 200.0) ** 0.5}[name]
    values = largest(t, 400, 2000, 2)
    centre, scale = deformed_edge(t, 400, 200)
    assert kstest((values - centre) / scale, TracyWidom(1).cdf).pvalue > 0.01


@pytest.mark.parametrize(("a", "b", "p"), [([1.0, 2.0, 5.0], [0.5, 3.0], 800), ([1.0, 1.0, 40.0], [1.0], 3000)])
def test_separable_edge_is_the_end_of_the_density(a, b, p):
    """The minimum of z on the real branch against the end of the subordinated law: two ways, one number."""
    law = SeparableCovariance(a, b, p / 2000)
    centre, scale = deformed_edge(a, 2000, p, rows=b, beta=2)
    assert centre == pytest.approx(law.support[1], rel=1e-12)
    assert scale == pytest.approx((p * edge_coefficient(law)) ** (-2.0 / 3.0), rel=1e-8)  # which interpolates to 1e-9


@pytest.mark.slow
def test_separable_noise_follows_tracy_and_widom():
    a, b = np.linspace(0.5, 2.0, 150), np.linspace(0.5, 2.0, 300)
    values = largest(a, 300, 400, 3, rows=b)
    centre, scale = deformed_edge(a, 300, 150, rows=b)
    # 1 % of Kolmogorov's law for 400 draws is 0.08; sizes alone are shifted: n^(−1/3) is left
    assert kstest((values - centre) / scale, TracyWidom(1).cdf).statistic < 0.08 + 300 ** (-1.0 / 3.0)


def test_bad_input():
    with pytest.raises(ValueError, match="`n` must be a positive integer; got 0"):
        deformed_edge([1.0], 0, 5)
    with pytest.raises(ValueError, match="`beta` must be 1 or 2; got 4"):
        deformed_edge([1.0], 5, 5, beta=4)
    with pytest.raises(ValueError, match="`population` must have an eigenvalue other than 0"):
        deformed_edge([0.0], 5, 5)
