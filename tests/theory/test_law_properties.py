"""Properties that every law, spiked model and shrinkage has, at parameters drawn by Hypothesis."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.laws import (
    Discrete,
    FreeMeixner,
    FreeProduct,
    FreeSum,
    GeneralisedMarchenkoPastur,
    MarchenkoPastur,
    Semicircle,
    SeparableCovariance,
    TracyWidom,
    Wachter,
)
from theory.shrinkage import nonlinear_shrinkage, optimal_shrinkage, shrunk_eigenvalues
from theory.spiked_models import InformationPlusNoise, SpikedCovariance, SpikedWigner

EPSILON = np.finfo(float).eps


def drawn(examples: int):
    """The same examples in every run, and no judgement by time: the machine may be busy."""
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None)


def log_uniform(low: float, high: float):
    return st.floats(math.log10(low), math.log10(high)).map(lambda exponent: 10.0**exponent)


@st.composite
def populations(draw, most: int = 50, decades: float = 30.0):
    """Up to `most` atoms over up to `decades`, of equal or of unequal weights."""
    count, width = draw(st.integers(1, most)), draw(st.floats(0.0, decades))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    places = 10.0 ** rng.uniform(-0.5 * width, 0.5 * width, count)
    return Discrete(places, rng.dirichlet(np.ones(count)) if draw(st.booleans()) else None)


@st.composite
def closed_laws(draw):
    kind = draw(st.sampled_from(["semicircle", "marchenko-pastur", "wachter", "meixner"]))
    if kind == "semicircle":
        return Semicircle(draw(log_uniform(1e-6, 1e6)))
    if kind == "marchenko-pastur":
        gamma = draw(st.one_of(st.just(1.0), log_uniform(1e-6, 1e6)))
        return MarchenkoPastur(gamma, draw(log_uniform(1e-6, 1e6)))
    if kind == "wachter":
        a, b = draw(log_uniform(0.6, 1e3)), draw(log_uniform(0.6, 1e3))
        return Wachter(1.0 / a, 1.0 / b)
    return FreeMeixner(draw(st.floats(-3.0, 3.0)), draw(st.floats(-0.9, 3.0)), draw(st.floats(-5.0, 5.0)))


def check_distribution(law, q: np.ndarray) -> None:
    """What a distribution function and its inverse owe one another, to the rounding of x and of 1."""
    null = {place for place, _ in law.atoms}
    for x, mass, function in ((law.ppf(q), q, law.cdf), (law.isf(q), q, law.sf)):
        smooth = ~np.isin(x, list(null))
        step = 4.0 * EPSILON * np.abs(x)
        rounding = np.abs(function(x + step) - function(x - step)) + 1e-12
        assert (np.abs(function(x) - mass) <= rounding)[smooth].all()
    inside = law.ppf(np.linspace(0.0, 1.0, 9))
    assert (np.diff(inside) >= 0.0).all()
    np.testing.assert_allclose(law.cdf(inside) + law.sf(inside), 1.0, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(law.logcdf(inside[1:]), np.log(law.cdf(inside[1:])), rtol=1e-10, atol=1e-12)
    low, high = law.ends
    assert law.cdf(high) == law.sf(np.nextafter(low, -math.inf)) == 1.0
    assert law.sf(high) == law.cdf(np.nextafter(low, -math.inf)) == 0.0
    below, above = law.interval(0.5)
    assert low <= below <= law.median() <= above <= high


@drawn(25)
@given(populations(), log_uniform(1e-6, 1e6), st.lists(st.floats(1e-9, 1.0 - 1e-9), min_size=3, max_size=3))
def test_generalised_law_over_thirty_decades(population, gamma, q):
    law = GeneralisedMarchenkoPastur(population, gamma)
    assert abs(law.mass - 1.0) < 1e-9
    check_distribution(law, np.array(q))
    # the distribution function in closed form against the quadrature of the density
    middle = np.array([0.5 * (low + high) for low, high in law.bands])
    x, mass = law._panels.nodes, law._panels.masses
    null = sum(weight for _, weight in law.atoms)
    ends = np.array([high for _, high in law.bands])
    counted = null + np.array([mass[x <= end].sum() for end in ends])
    np.testing.assert_allclose(law.cdf(ends), counted, rtol=0.0, atol=1e-9)
    assert (law.pdf(middle) > 0.0).all()


@drawn(30)
@given(closed_laws(), st.lists(st.floats(1e-9, 1.0 - 1e-9), min_size=3, max_size=3))
def test_closed_laws(law, q):
    assert abs(law.mass - 1.0) < 1e-9
    check_distribution(law, np.array(q))
    first, second = law.moments(2)
    assert law.mean() == pytest.approx(first, rel=1e-12, abs=1e-12)
    assert law.var() == pytest.approx(law.std() ** 2, rel=1e-12)
    assert second >= first**2


@drawn(3)
@given(populations(most=4, decades=2.0), populations(most=3, decades=2.0), log_uniform(0.05, 20.0), st.integers(0, 2))
def test_laws_built_on_others(first, second, gamma, kind):
    """Mass 1, also where the parts span two decades."""
    shifted = Discrete(np.append(second.locations, 2.0 * second.locations[-1]))
    wide = Discrete(np.append(first.locations, 2.0 * first.locations[-1]))
    law = SeparableCovariance(first, second, gamma) if kind == 0 else (FreeSum, FreeProduct)[kind - 1](wide, shifted)
    assert abs(law.mass - 1.0) < 1e-9


@st.composite
def models(draw):
    kind = draw(st.sampled_from(["covariance", "general covariance", "information", "wigner", "skewed wigner"]))
    gamma = draw(log_uniform(1e-2, 1e2))
    if kind == "covariance":
        return SpikedCovariance(MarchenkoPastur(gamma, draw(log_uniform(0.1, 10.0))))
    if kind == "general covariance":
        return SpikedCovariance(GeneralisedMarchenkoPastur(draw(populations(most=4, decades=6.0)), gamma))
    if kind == "information":
        return InformationPlusNoise(MarchenkoPastur(gamma, draw(log_uniform(0.1, 10.0))))
    if kind == "wigner":
        return SpikedWigner(Semicircle(draw(log_uniform(0.1, 10.0))))
    return SpikedWigner(FreeMeixner(draw(st.floats(-1.0, 1.0)), draw(st.floats(0.0, 1.0)), draw(st.floats(-3.0, 3.0))))


def intervals(model) -> list[tuple[float, float]]:
    if isinstance(model, SpikedCovariance):
        return list(model.detaching)
    if isinstance(model, SpikedWigner):
        below, above = model.thresholds
        return [(-math.inf, below), (above, math.inf)]
    return [(model.threshold, math.inf)]


def edges(model) -> np.ndarray:
    law = model.bulk if isinstance(model, SpikedCovariance) else model.noise
    return np.array([edge for band in law.bands for edge in band if edge != 0.0])


@drawn(50)
@given(models(), st.floats(-12.0, 1.5), st.integers(0, 99), st.sampled_from([-1.0, 1.0]))
def test_inverse_of_forward(model, exponent, which, side):
    """From a relative 1e-12 of a threshold on; there eigenvalues, quadratic in the distance, are known to rounding."""
    choices = intervals(model)
    low, high = choices[which % len(choices)]
    if math.isinf(low):
        start, share, scale = high, -(10.0**exponent), abs(high)
    elif math.isinf(high):
        start, share, scale = low, 10.0**exponent, abs(low)
    else:
        start, share = (low, 1.0) if side > 0.0 else (high, -1.0)
        share, scale = share * 0.5 * 10.0 ** min(exponent, 0.0), high - low
    spike = start + share * scale
    image = model.forward(spike)
    if not image.detached:  # at the threshold to rounding
        assert abs(spike - start) <= 4.0 * EPSILON * abs(start)
        return
    assert 0.0 <= image.left_cosine2 <= 1.0
    assert 0.0 <= image.right_cosine2 <= 1.0
    estimate = model.inverse(image.eigenvalue, n=100)
    distance = abs(spike - start)
    if not estimate.detached:
        assert distance <= 1e-6 * max(abs(start), scale)
        assert estimate.low <= spike * (1.0 + 1e-6 * np.sign(spike)) or estimate.high >= spike
        return
    # the eigenvalue is of the order of the distance's square over the scale from the edge, and known to rounding
    slope = min(1.0, distance / max(scale, abs(start)))
    size = max(abs(spike), abs(float(image.eigenvalue)), scale)
    tolerance = 1e3 * EPSILON * size / slope
    assert abs(float(estimate.spike) - spike) <= tolerance
    assert estimate.low <= estimate.spike <= estimate.high
    assert model.forward(estimate.spike).eigenvalue == pytest.approx(float(image.eigenvalue), rel=1e-11, abs=1e-300)


@drawn(30)
@given(models(), st.floats(-12.0, 0.5), st.integers(0, 99), st.sampled_from([-1.0, 1.0]))
def test_forward_of_inverse(model, exponent, which, side):
    """Eigenvalues from a relative 1e-12 of an edge on, on both sides, in gaps and in bands: an answer for each."""
    choices = edges(model)
    edge = choices[which % len(choices)]
    eigenvalue = edge + side * abs(edge) * 10.0**exponent
    estimate = model.inverse(eigenvalue, n=50)
    if estimate.detached:
        assert model.forward(estimate.spike).eigenvalue == pytest.approx(eigenvalue, rel=1e-11)
        assert estimate.low <= estimate.spike <= estimate.high
    else:
        assert estimate.low <= estimate.high


@drawn(40)
@given(st.integers(2, 60), st.floats(0.1, 3.0), st.floats(0.0, 2.0), st.booleans(), st.integers(0, 2**32 - 1))
def test_nonlinear_shrinkage(n, ratio, decades, centred, seed):
    """Positive eigenvalues of the sample's trace within its range, whatever the shape; the vectors stay."""
    rng, p = np.random.default_rng(seed), max(1, round(ratio * n))
    x = rng.standard_normal((n, p)) * 10.0 ** np.linspace(-0.5 * decades, 0.5 * decades, p)
    freedom = n - 1 if centred else n
    if centred:
        x = x - x.mean(axis=0)
    if freedom < 2:
        return
    covariance = x.T @ x / freedom
    estimate = nonlinear_shrinkage(covariance, freedom)
    assert np.trace(estimate) == pytest.approx(np.trace(covariance), rel=1e-9)
    assert np.linalg.eigvalsh(estimate)[0] > 0.0
    commutator = estimate @ covariance - covariance @ estimate
    assert np.abs(commutator).max() <= 1e-10 * np.abs(covariance).max() ** 2 * p
    values = np.linalg.eigvalsh(covariance)
    np.testing.assert_allclose(
        shrunk_eigenvalues(3.0 * values, freedom), 3.0 * shrunk_eigenvalues(values, freedom), rtol=1e-6
    )


@drawn(40)
@given(
    log_uniform(1e-3, 1e3),
    log_uniform(1e-3, 1e3),
    st.floats(0.0, 3.0),
    st.sampled_from(["frobenius", "operator", "stein"]),
)
def test_optimal_shrinkage(gamma, variance, exponent, loss):
    """Between the variance of the bulk and the sample eigenvalue, increasing, and of the scale of the data."""
    edge = variance * (1.0 + math.sqrt(gamma)) ** 2
    values = edge * np.array([0.5, 1.0 + 1e-12, 1.0 + 10.0**-exponent, 2.0, 10.0])
    shrunk = optimal_shrinkage(values, gamma, loss=loss, variance=variance)
    assert shrunk[0] == pytest.approx(variance)
    assert (shrunk >= variance * (1.0 - 1e-9)).all()
    assert (shrunk[1:] <= values[1:]).all()
    assert shrunk[3] < shrunk[4]
    np.testing.assert_allclose(
        optimal_shrinkage(2.0 * values[3:], gamma, loss=loss, variance=2.0 * variance), 2.0 * shrunk[3:], rtol=1e-9
    )


@drawn(30)
@given(st.sampled_from([1, 2, 4]), st.floats(-9.0, 1e4))
def test_tracy_widom(beta, x):
    law = TracyWidom(beta)
    assert law.logsf(x) <= 0.0 or abs(law.logsf(x)) < 1e-13
    assert law.logsf(x + 0.5) < law.logsf(x) + 1e-13
    assert law.cdf(x) + law.sf(x) == pytest.approx(1.0, abs=1e-12)
    q = float(law.sf(x))
    if 1e-300 < q < 0.5:
        assert law.isf(q) == pytest.approx(x, rel=1e-9)
