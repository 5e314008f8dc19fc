"""Free convolutions and separable covariances against closed forms, one another, free cumulants and matrices."""

import math

import numpy as np
import pytest

from theory.laws import (
    Continuous,
    Discrete,
    FreeMeixner,
    FreeProduct,
    FreeSum,
    GeneralisedMarchenkoPastur,
    MarchenkoPastur,
    Semicircle,
    SeparableCovariance,
    Wachter,
    kesten_mckay,
)
from theory.spiked_models import InformationPlusNoise

THREE = Discrete([1.0, 3.0, 10.0], [0.5, 0.3, 0.2])
NULL = Discrete([0.0, 1.0, 10.0], [0.3, 0.5, 0.2])
UNIFORM = Continuous(lambda x: 0.5 * np.ones_like(x), 1.0, 3.0)
CASES = {
    "two bands": FreeSum([-3.0, 3.0], Semicircle()),
    "skewed": FreeSum(MarchenkoPastur(0.5), Discrete([0.0, 5.0], [0.8, 0.2])),
    "atoms remain": FreeSum(Discrete([0.0, 1.0], [0.3, 0.7]), Discrete([0.0, 3.0], [0.4, 0.6])),
    "three sums": FreeSum([-1.0, 0.0, 1.0], [-5.0, 5.0]),
    "uniform sum": FreeSum(UNIFORM, UNIFORM),
    "uniform product": FreeProduct(UNIFORM, UNIFORM),
    "null product": FreeProduct(MarchenkoPastur(2.0), NULL),
    "hard edge": FreeProduct(MarchenkoPastur(1.0), MarchenkoPastur(1.0)),
    "separable": SeparableCovariance([1.0, 3.0], [1.0, 5.0], 0.1),
    "separable null": SeparableCovariance(NULL, MarchenkoPastur(0.5), 2.0),
}
each_case = pytest.mark.parametrize("law", CASES.values(), ids=CASES)

SAME = {
    "semicircles": (FreeSum(Semicircle(1.0), Semicircle(2.0)), Semicircle(3.0)),
    "free Poisson": (
        # γ free copies of σ²: Marchenko-Pastur is a shifted free Meixner law, and its R-transform adds
        FreeSum(FreeMeixner(0.5, 0.0), FreeMeixner(0.5, 0.0)),
        FreeMeixner(0.5 / math.sqrt(2.0), 0.0, variance=2.0),
    ),
    "one population": (FreeProduct(THREE, MarchenkoPastur(0.05)), GeneralisedMarchenkoPastur(THREE, 0.05)),
    "the other way round": (FreeProduct(MarchenkoPastur(0.05), THREE), GeneralisedMarchenkoPastur(THREE, 0.05)),
    "more columns than rows": (FreeProduct(MarchenkoPastur(2.0), NULL), GeneralisedMarchenkoPastur(NULL, 2.0)),
    "white rows": (SeparableCovariance(THREE, [1.0], 0.05), GeneralisedMarchenkoPastur(THREE, 0.05)),
    "white rows of scale 2": (SeparableCovariance(NULL, [2.0], 2.0), FreeProduct(NULL, MarchenkoPastur(2.0, 2.0))),
}


@pytest.mark.parametrize(("law", "plain"), SAME.values(), ids=SAME)
def test_equals_closed_forms(law, plain):
    np.testing.assert_allclose(law.bands, plain.bands, rtol=1e-12)
    np.testing.assert_allclose(np.array(law.atoms), np.array(plain.atoms), rtol=1e-14)
    for low, high in plain.bands:
        x = np.linspace(low, high, 52)[1:-1]
        np.testing.assert_allclose(law.pdf(x), plain.pdf(x), rtol=1e-11, atol=1e-13)
    low, high = plain.ends
    z = np.array([low - 1.0 + 0j, high + 0.01 * (high - low), 3.0 * high, 0.3 + 0.2j, 1.0 - 1.0j, high + 1e-3j])
    np.testing.assert_allclose(law.stieltjes(z), plain.stieltjes(z), rtol=1e-11)
    np.testing.assert_allclose(law.stieltjes_derivative(z), plain.stieltjes_derivative(z), rtol=1e-10)
    np.testing.assert_allclose(law.moments(6), plain.moments(6), rtol=1e-11, atol=1e-11)


def test_two_signs_give_the_arcsine_law():
    law, plain = FreeSum([-1.0, 1.0], [-1.0, 1.0]), kesten_mckay(2)
    np.testing.assert_allclose(law.bands, plain.bands, rtol=1e-14)
    x = np.linspace(-1.9, 1.9, 41)
    # at 0 the round is the identity: the value is taken from beside it
    np.testing.assert_allclose(law.pdf(x), plain.pdf(x), rtol=1e-8)
    assert abs(law.mass - 1.0) < 1e-10


def test_two_projections_give_wachter():
    """Squared cosines between subspaces of dimensions p and n₁ of R^(n₁ + n₂), 1 − p/(n₁ + n₂) of them 0."""
    p, n1, n2 = 0.3, 0.4, 0.6
    law, plain = (
        FreeProduct(Discrete([0.0, 1.0], [1.0 - p, p]), Discrete([0.0, 1.0], [n2, n1])),
        Wachter(p / n1, p / n2),
    )
    np.testing.assert_allclose(law.bands, plain.bands, rtol=1e-12)
    x = np.linspace(*plain.support, 32)[1:-1]
    np.testing.assert_allclose(law.pdf(x), p * plain.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(np.array(law.atoms), [[0.0, 0.7]], rtol=1e-14)
    # where the dimensions add up to more than the whole space they meet: an atom at 1
    p = 0.8
    law, plain = (
        FreeProduct(Discrete([0.0, 1.0], [1.0 - p, p]), Discrete([0.0, 1.0], [n1, n2])),
        Wachter(p / n2, p / n1),
    )
    np.testing.assert_allclose(law.bands, plain.bands, rtol=1e-12)
    np.testing.assert_allclose(np.array(law.atoms), [[0.0, 0.4], [1.0, 0.4]], rtol=1e-14)
    assert abs(law.mass - 1.0) < 1e-10


def test_atoms_alone():
    law = FreeSum(Discrete([0.0, 1.0], [0.9, 0.1]), Discrete([0.0, 1.0], [0.9, 0.1]))
    assert abs(law.mass - 1.0) < 1e-10
    np.testing.assert_allclose(np.array(law.atoms), [[0.0, 0.8]], rtol=1e-14)


def free_cumulants(moments: np.ndarray) -> np.ndarray:
    """κ₁ … κ₄."""
    a, b, c, d = moments[:4]
    return np.array([a, b - a**2, c - 3 * a * b + 2 * a**3, d - 4 * a * c - 2 * b**2 + 10 * a**2 * b - 5 * a**4])


@each_case
def test_mass_and_moments(law):
    assert abs(law.mass - 1.0) < 1e-10
    first, second = (part.moments(4) for part in law._laws)
    mine = law.moments(4)
    if isinstance(law, FreeSum):  # free cumulants add
        np.testing.assert_allclose(free_cumulants(mine), free_cumulants(first) + free_cumulants(second), atol=1e-9)
        return
    (a1, a2), (b1, b2) = first[:2], second[:2]
    spread = (a2 * b1**2 + a1**2 * b2 - a1**2 * b1**2, a1 * b1)
    if isinstance(law, SeparableCovariance):
        spread = (a2 * b1**2 + law.gamma * a1**2 * b2, a1 * b1)
    np.testing.assert_allclose(mine[:2], spread[::-1], rtol=1e-11)


@each_case
def test_stieltjes_against_quadrature(law):
    x, mass = (np.array([atom[i] for atom in law.atoms]) for i in (0, 1))
    theta = (np.arange(2000) + 0.5) * (math.pi / 2000)  # the trapezoid rule in θ, geometric for periodic functions
    for low, high in law.bands:
        power = law._power(low, high)
        s, width = np.sin(0.5 * theta) ** 2, high - low
        places = low + width * s**power
        slope = 0.5 * width * power * s ** (power - 1) * np.sin(theta)
        x, mass = np.append(x, places), np.append(mass, law.pdf(places) * slope * (math.pi / 2000))
    low, high = law.ends
    points = [low - 0.2 * (high - low), 1.05 * high, 0.5 * (low + high) + 0.3j, 2.0 * high - 1.0j]
    points += [0.5 * (b + c) for (_, b), (c, _) in zip(law.bands[:-1], law.bands[1:], strict=True)]
    for z in points:
        if any(abs(z - place) < 1e-9 for place, _ in law.atoms):
            continue
        assert law.stieltjes(z) == pytest.approx(np.sum(mass / (x - z)), rel=1e-9, abs=1e-10)
        assert law.stieltjes_derivative(z) == pytest.approx(np.sum(mass / (x - z) ** 2), rel=1e-8)


@each_case
def test_edges_are_square_roots(law):
    widths = [high - low for low, high in law.bands]
    for low, high in law.bands:
        for edge, inward in ((low, 1.0), (high, -1.0)):
            if edge == 0.0:
                continue
            distance = np.geomspace(1e-8, 1e-6, 7) * min(widths)
            density = law.pdf(edge + inward * distance)
            assert abs(np.polyfit(np.log(distance), np.log(density), 1)[0] - 0.5) < 0.01


def test_bulk_splits_where_the_slope_says():
    """±t plus a semicircle of variance 1: the bulk splits at t = 1, where ψ(x) = x + ½(1/(x − t) + 1/(x + t)) turns."""
    assert len(FreeSum([-1.001, 1.001], Semicircle()).bands) == 2
    assert len(FreeSum([-0.999, 0.999], Semicircle()).bands) == 1


def test_the_order_of_parts_does_not_matter():
    for kind, first, second in ((FreeSum, Semicircle(), THREE), (FreeProduct, Wachter(0.3, 0.4), NULL)):
        a, b = kind(first, second), kind(second, first)
        np.testing.assert_allclose(a.bands, b.bands, rtol=1e-11)
        x = np.linspace(*a.support, 30)[1:-1]
        np.testing.assert_allclose(a.pdf(x), b.pdf(x), rtol=1e-9, atol=1e-12)


def test_scale():
    law, wide = SeparableCovariance([1.0, 3.0], [1.0, 2.0], 0.5), SeparableCovariance([2.0, 6.0], [3.0, 6.0], 0.5)
    np.testing.assert_allclose(wide.bands, 6.0 * np.array(law.bands), rtol=1e-12)
    x = np.linspace(*law.support, 30)[1:-1]
    np.testing.assert_allclose(wide.pdf(6.0 * x), law.pdf(x) / 6.0, rtol=1e-10)
    np.testing.assert_allclose(wide.stieltjes(6.0 * (x + 0.1j)), law.stieltjes(x + 0.1j) / 6.0, rtol=1e-11)


# Kolmogorov's law for independent samples, P(√n D > 1.95) = 0.001; repulsion only brings eigenvalues closer.
@pytest.mark.parametrize("name", ["skewed", "null product", "separable"])
def test_samples_follow_the_law(name):
    law = CASES[name]
    samples = np.sort(law.rvs(2000, 2))
    places = samples + 1e-11  # atoms come out of an eigenvalue solver to rounding
    distance = np.abs(np.searchsorted(samples, places, side="right") / len(samples) - law.cdf(places)).max()
    assert distance < 1.95 / math.sqrt(len(samples))


@pytest.mark.slow
def test_signal_in_separable_noise():
    """A signal detaches from noise that is coloured both ways; white rows give the model of one population."""
    noise = SeparableCovariance(THREE, [1.0], 0.5)
    model, plain = InformationPlusNoise(noise), InformationPlusNoise(GeneralisedMarchenkoPastur(THREE, 0.5))
    assert model.threshold == pytest.approx(plain.threshold, rel=1e-7)
    theta = plain.threshold * np.array([1.1, 2.0])
    mine, other = model.forward(theta), plain.forward(theta)
    for field in ("eigenvalue", "left_cosine2", "right_cosine2"):
        np.testing.assert_allclose(getattr(mine, field), getattr(other, field), rtol=1e-9)
    coloured = InformationPlusNoise(SeparableCovariance([1.0, 3.0], [1.0, 2.0], 0.5))
    image = coloured.forward(2.0 * coloured.threshold)
    assert float(coloured.inverse(image.eigenvalue).spike) == pytest.approx(2.0 * coloured.threshold, rel=1e-10)
    assert float(coloured.noise.stieltjes(image.eigenvalue)) < 0.0


BAD = [
    (lambda: FreeSum([1.0], Semicircle()), "`first` must not be a single atom, which only shifts or scales; got 1"),
    (lambda: FreeProduct(Semicircle(), THREE), "`first` must have no negative eigenvalue; got -2"),
    (lambda: FreeProduct(THREE, [2.0]), "`second` must not be a single atom"),
    (lambda: SeparableCovariance(THREE, [0.0], 0.5), "`rows` must have an eigenvalue other than 0; got only 0"),
    (lambda: SeparableCovariance(THREE, THREE, -1.0), "`gamma` must be positive and finite; got -1.0"),
    (lambda: CASES["two bands"].pdf(math.nan), "`x` must not be NaN"),
    (lambda: CASES["two bands"].stieltjes(3.0), "`z` must be off the support, here .* got 3"),
    (lambda: CASES["null product"].stieltjes(0.0), "`z` must not be an atom of the law; got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
