"""Tracy-Widom laws against published digits, Painlevé II, and the largest eigenvalues of dense matrices."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import eigvalsh_tridiagonal
from scipy.special import airy
from scipy.stats import kstest

from theory.laws import MarchenkoPastur, TracyWidom, goe_edge, wishart_edge

PUBLISHED = json.loads((Path(__file__).parents[1] / "references" / "tracy_widom.json").read_text())
each_beta = pytest.mark.parametrize("beta", [1, 2, 4])


@each_beta
def test_published_statistics(beta):
    reference = PUBLISHED[str(beta)]
    names = ("mean", "variance", "skewness", "excess_kurtosis")
    # ten digits are published; the kurtosis loses two to the cancellation of moments
    np.testing.assert_allclose(TracyWidom(beta).statistics(), [reference[name] for name in names], rtol=0.0, atol=1e-9)


@each_beta
def test_tails(beta):
    """log F and log(1 − F) to 25 digits: Painlevé II by Taylor series from 18 down, and for 16 on the traces."""
    law = TracyWidom(beta)
    rows = PUBLISHED[str(beta)]["tails"]
    x, log_sf = np.array([[float(place), float(above)] for place, _, above in rows]).T
    np.testing.assert_allclose(law.logsf(x), log_sf, rtol=1e-10, atol=1e-13)
    near = (x >= 0.0) & (x <= 60.0)  # left of 0 it is 1 − F to rounding
    np.testing.assert_allclose(law.sf(x[near]), np.exp(log_sf[near]), rtol=1e-9)
    np.testing.assert_allclose(law.sf(x[x < 0.0]), np.exp(log_sf[x < 0.0]), rtol=1e-11)
    x, log_cdf = np.array([[float(place), float(below)] for place, below, _ in rows if below is not None]).T
    np.testing.assert_allclose(law.logcdf(x), log_cdf, rtol=0.0, atol=1e-6)  # as stated, by the series left of −5
    np.testing.assert_allclose(law.cdf(x), np.exp(log_cdf), rtol=0.0, atol=1e-12)
    # what is asked of far spikes: finite, and the quantile function its inverse
    assert np.isfinite(law.logsf([1e4, 1e8])).all()
    q = np.array([1e-3, 1e-20, 1e-200])
    np.testing.assert_allclose(law.logsf(law.isf(q)), np.log(q), rtol=1e-12)


@each_beta
def test_left_tail_meets_the_table(beta):
    law = TracyWidom(beta)
    for place in (-5.0, -8.0):
        step = law.logcdf(np.array([place - 1e-9, place + 1e-9]))
        assert abs(step[1] - step[0]) < 1e-6
    steps = np.diff(law.logcdf(np.linspace(-40.0, 5.0, 400)))
    assert (steps > 0.0).all()


@each_beta
def test_density_is_smooth_where_its_sources_change(beta):
    law = TracyWidom(beta)
    for place in (0.0, 14.0):
        below, above = law.logpdf(np.array([place - 1e-10, place + 1e-10]))
        assert abs(above - below) < 1e-8
    x = np.array([5.0, 13.0, 14.5, 50.0])
    step = 1e-4
    slope = (law.logsf(x + step) - law.logsf(x - step)) / (2.0 * step)
    np.testing.assert_allclose(law.logpdf(x), law.logsf(x) + np.log(-slope), rtol=0.0, atol=1e-6)


def test_named_as_in_scipy_stats():
    law = TracyWidom(2)
    assert law.mean() == pytest.approx(PUBLISHED["2"]["mean"], abs=1e-9)
    assert law.var() == pytest.approx(law.std() ** 2) == pytest.approx(PUBLISHED["2"]["variance"], abs=1e-9)
    low, high = law.interval(0.9)
    assert law.cdf(low) == pytest.approx(0.05, abs=1e-12) == law.sf(high)
    assert law.cdf(law.median()) == pytest.approx(0.5, abs=1e-12)
    assert law.rvs((3, 4), 1).shape == (3, 4)
    assert law.support == (-math.inf, math.inf)


@pytest.fixture(scope="module")
def painleve():
    """F₁, F₂ and F₄ from the Hastings-McLeod solution of q″ = sq + 2q³, q ~ Ai, integrated from s = 6 down."""
    start = 6.0
    ai, slope, _, _ = airy(start)
    # beyond the start q is Ai to 1e-9 of itself: the integrals of Ai and of Ai² and (x − s)Ai² there by quadrature
    x, w = np.polynomial.legendre.leggauss(60)
    x, w = start + 6.0 * (x + 1.0), 6.0 * w
    tail = airy(x)[0]
    first = [ai, slope, w @ tail, w @ tail**2, w @ ((x - start) * tail**2)]

    def rate(s, y):
        q, slope, _, square, _ = y
        return [slope, s * q + 2.0 * q**3, -q, -(q**2), -square]

    s = np.linspace(start, -4.5, 22)
    solution = solve_ivp(rate, (start, -4.5), first, method="DOP853", t_eval=s, rtol=1e-13, atol=1e-16)
    _, _, single, _, double = solution.y
    f2, half = np.exp(-double), 0.5 * single
    return s, {1: np.exp(-half) * np.sqrt(f2), 2: f2, 4: np.cosh(half) * np.sqrt(f2)}


@each_beta
def test_painleve(beta, painleve):
    s, values = painleve
    x = s / math.sqrt(2.0) if beta == 4 else s
    np.testing.assert_allclose(TracyWidom(beta).cdf(x), values[beta], rtol=0.0, atol=1e-8)


@each_beta
def test_density_tail_and_quantiles(beta):
    law = TracyWidom(beta)
    x = np.linspace(-9.0, 9.0, 181)
    step = 1e-3
    sides = [law.cdf(x + k * step) for k in (-2, -1, 1, 2)]
    derivative = (sides[0] - 8.0 * sides[1] + 8.0 * sides[2] - sides[3]) / (12.0 * step)
    np.testing.assert_allclose(law.pdf(x), derivative, atol=1e-10)
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1.0, atol=1e-13)
    q = np.linspace(0.0, 1.0, 201)
    np.testing.assert_allclose(law.cdf(law.ppf(q[1:-1])), q[1:-1], rtol=0.0, atol=1e-13)
    assert law.ppf(0.0) == -math.inf
    assert law.ppf(1.0) == math.inf
    assert law.cdf(-math.inf) == law.pdf(math.inf) == law.sf(math.inf) == 0.0
    # the right tail to leading order, e^(−2βx^(3/2)/3): the constant and the power drop out of the ratio's logarithm
    decay = np.log(law.sf(14.0) / law.sf(13.0))
    exponent = {1: 2.0 / 3.0, 2: 4.0 / 3.0, 4: 2.0 ** (3.0 / 4.0) * 4.0 / 3.0}[beta]
    power = {1: 0.75, 2: 1.5, 4: 2.25}[beta]
    expected = -exponent * (14.0**1.5 - 13.0**1.5) - power * math.log(14.0 / 13.0)
    assert decay == pytest.approx(expected, rel=0.02)


@each_beta
def test_samples(beta):
    law = TracyWidom(beta)
    samples = law.rvs(100_000, 3)
    assert kstest(samples, law.cdf).pvalue > 0.001
    np.testing.assert_array_equal(samples[:5], law.rvs(5, 3))


def test_largest_eigenvalues_of_small_dense_matrices():
    """The next order is n^(−2/3): 0.03 at n = 60 beside 4 standard errors; the first-order centring is off by 0.13."""
    rng, law, n, p, count = np.random.default_rng(4), TracyWidom(), 60, 30, 1500
    mean, variance, _, _ = law.statistics()
    error = 4.0 * math.sqrt(variance / count) + 0.03
    g = rng.standard_normal((count, n, n)) / math.sqrt(2.0 * n)
    centre, scale = goe_edge(n)
    assert abs(np.mean((np.linalg.eigvalsh(g + g.swapaxes(1, 2))[:, -1] - centre) / scale) - mean) < error
    x = rng.standard_normal((count, n, p)) / math.sqrt(n)
    centre, scale = wishart_edge(n, p)
    assert centre == pytest.approx(MarchenkoPastur(p / n).support[1], rel=0.03)
    assert abs(np.mean((np.linalg.eigvalsh(x.swapaxes(1, 2) @ x)[:, -1] - centre) / scale) - mean) < error


@pytest.mark.slow
def test_largest_eigenvalue_of_goe_matrices():
    """2,000 matrices of size 500, in the tridiagonal form that a Gaussian one has by reflections (Dumitriu and Edelman,
    J. Math. Phys. 43, 2002), pass a Kolmogorov-Smirnov test at 1 %."""
    rng, n = np.random.default_rng(2024), 500
    centre, scale = goe_edge(n)
    values = np.empty(2000)
    for i in range(len(values)):
        diagonal, beside = rng.standard_normal(n), np.sqrt(rng.chisquare(np.arange(n - 1.0, 0.0, -1.0)))
        values[i] = eigvalsh_tridiagonal(
            diagonal * math.sqrt(2.0 / n), beside / math.sqrt(n), select="i", select_range=(n - 1, n - 1)
        )[0]
    assert kstest((values - centre) / scale, TracyWidom().cdf).pvalue > 0.01


BAD = [
    (lambda: TracyWidom(3), "`beta` must be 1, 2 or 4; got 3"),
    (lambda: TracyWidom(True), "`beta` must be 1, 2 or 4; got True"),
    (lambda: TracyWidom().cdf(math.nan), "`x` must not be NaN"),
    (lambda: TracyWidom().ppf(-0.1), r"`q` must be in \[0, 1\]; got .*-0.1"),
    (lambda: TracyWidom().moments(0), "`k` must be an integer of at least 1; got 0"),
    (lambda: goe_edge(0), "`n` must be an integer of at least 1; got 0"),
    (lambda: wishart_edge(10, 2.5), "`p` must be an integer of at least 1; got 2.5"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
