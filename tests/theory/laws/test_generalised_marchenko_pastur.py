"""The generalised Marchenko-Pastur law against Marchenko and Pastur's, the cubic of two atoms, and its own edges."""

import math
import time

import numpy as np
import pytest

from theory.laws import Continuous, Discrete, GeneralisedMarchenkoPastur, MarchenkoPastur, Mixture

RNG = np.random.default_rng(3)
CASES = [
    (Discrete([1.0, 7.0]), 0.1),
    (Discrete([1.0, 3.0, 10.0], [0.5, 0.3, 0.2]), 0.05),
    (Discrete([0.0, 1.0, 3.0], [0.3, 0.3, 0.4]), 2.0),
    (Discrete([0.0, 2.0], [0.6, 0.4]), 0.5),
    (Discrete(RNG.uniform(1.0, 3.0, 100)), 0.5),
    (Discrete(RNG.exponential(1.0, 60)), 0.01),  # dozens of bands, some about to meet
    (Continuous(lambda x: 0.5 * np.ones_like(x), 1.0, 3.0), 0.3),
    (Mixture([Continuous(lambda x: 0.5 * np.ones_like(x), 1.0, 3.0), Discrete([10.0])], [0.7, 0.3]), 0.1),
    (MarchenkoPastur(0.5), 0.5),
    (MarchenkoPastur(2.0, 3.0), 0.7),
]
each_case = pytest.mark.parametrize(("population", "ratio"), CASES, ids=lambda v: type(v).__name__)


@pytest.mark.parametrize("ratio", [0.01, 0.3, 1.0, 3.0, 40.0])
def test_one_atom_is_marchenko_pastur(ratio):
    law, plain = GeneralisedMarchenkoPastur(Discrete([2.0]), ratio), MarchenkoPastur(ratio, 2.0)
    np.testing.assert_allclose(law.bands, plain.bands, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.array(law.atoms), np.array(plain.atoms), rtol=1e-15)
    low, high = plain.support
    x = np.linspace(low, high, 402)[1:-1]
    np.testing.assert_allclose(law.pdf(x), plain.pdf(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.cdf(x), plain.cdf(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.moments(8), plain.moments(8), rtol=1e-12)
    off = np.array([low - 1.0, high + 0.01 * (high - low), 3.0 * high])
    off = off[off != 0.0]
    for name in ("stieltjes", "stieltjes_derivative"):
        for z in (off, np.array([0.1 + 0.7j, high + 1e-3j, -1.0 - 1.0j])):
            np.testing.assert_allclose(getattr(law, name)(z), getattr(plain, name)(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ratio", [0.1, 0.35, 2.5])
def test_two_atoms_are_the_cubic(ratio):
    """z = ζ + γζ Σ w t/(ζ − t), cleared of denominators."""
    t, w = np.array([1.0, 7.0]), np.array([0.6, 0.4])
    law = GeneralisedMarchenkoPastur(Discrete(t, w), ratio)
    for low, high in law.bands:
        x = np.linspace(low, high, 60)[1:-1]
        for point, density in zip(x, law.pdf(x), strict=True):
            shifted = np.polymul([1.0, -t[0]], [1.0, -t[1]])
            sums = ratio * np.polyadd(w[0] * t[0] * np.array([1.0, -t[1]]), w[1] * t[1] * np.array([1.0, -t[0]]))
            cubic = np.polyadd(np.polymul([1.0, -point], shifted), np.polymul([1.0, 0.0], sums))
            roots = np.roots(cubic)
            expected = np.max((-1.0 / roots).imag) / (math.pi * ratio)
            assert density == pytest.approx(expected, abs=1e-10)


@each_case
def test_mass_and_moments(population, ratio):
    law = GeneralisedMarchenkoPastur(population, ratio)
    assert abs(law.mass - 1.0) < 1e-10
    places, weights = (np.array([atom[i] for atom in law.atoms]) for i in (0, 1))
    x, mass = np.append(law._panels.nodes, places), np.append(law._panels.masses, weights)
    np.testing.assert_allclose([mass @ x**j for j in range(1, 7)], law.moments(6), rtol=1e-11)
    # E x = ∫t, E x² = ∫t² + γ(∫t)²
    first, second = population.moments(2)
    np.testing.assert_allclose(law.moments(2), [first, second + ratio * first**2], rtol=1e-13)


@each_case
def test_stieltjes_against_quadrature(population, ratio):
    law = GeneralisedMarchenkoPastur(population, ratio)
    places, weights = (np.array([atom[i] for atom in law.atoms]) for i in (0, 1))
    x, mass = np.append(law._panels.nodes, places), np.append(law._panels.masses, weights)
    low, high = law.support
    points = [-0.2 * high, 1.05 * high, low + (0.5 + 0.2j) * (high - low), 2.0 * high - 1.0j]
    # in the middle of the widest gap as well
    gaps = [(b, c) for (_, b), (c, _) in zip(law.bands[:-1], law.bands[1:], strict=True)]
    points += [0.5 * sum(max(gaps, key=lambda gap: gap[1] - gap[0]))] if gaps else []
    for z in points:
        assert law.stieltjes(z) == pytest.approx(np.sum(mass / (x - z)), rel=1e-9)
        assert law.stieltjes_derivative(z) == pytest.approx(np.sum(mass / (x - z) ** 2), rel=1e-8)
        assert law.companion(z) == pytest.approx(ratio * law.stieltjes(z) - (1.0 - ratio) / z, rel=1e-9)


@each_case
def test_edges_are_square_roots(population, ratio):
    """Fitted exponent 0.5 ± 0.01 on both sides of every band that is not about to meet its neighbour."""
    law = GeneralisedMarchenkoPastur(population, ratio)
    widths = [high - low for low, high in law.bands]
    for low, high in law.bands:
        if high - low < 0.05 * max(widths):
            continue
        for edge, inward in ((low, 1.0), (high, -1.0)):
            distance = np.geomspace(1e-9, 1e-7, 9) * min(high - low, edge)
            density = law.pdf(edge + inward * distance)
            assert (law.pdf(edge - inward * distance[-1:]) == 0.0).all()
            assert abs(np.polyfit(np.log(distance), np.log(density), 1)[0] - 0.5) < 0.01


def test_bulk_splits_at_the_right_ratio():
    """Atoms 1 and t: −ψ′ has the minimum (a^(1/3) + b^(1/3))³/(t − 1)² between them, a = γw₁, b = γw₂t²."""
    t, w = 6.0, 0.3
    critical = (t - 1.0) ** 2 / ((1.0 - w) ** (1 / 3) + (w * t**2) ** (1 / 3)) ** 3
    for ratio, bands in ((critical * (1.0 - 1e-8), 2), (critical * (1.0 + 1e-8), 1)):
        assert len(GeneralisedMarchenkoPastur(Discrete([1.0, t], [1.0 - w, w]), ratio).bands) == bands
    # each component then holds the mass of its population atom
    law = GeneralisedMarchenkoPastur(Discrete([1.0, t], [1.0 - w, w]), 0.5 * critical)
    assert float(law.cdf(0.5 * (law.bands[0][1] + law.bands[1][0]))) == pytest.approx(1.0 - w, abs=1e-12)


def test_continuous_population_is_the_limit_of_its_quantiles():
    uniform = Continuous(lambda x: 0.5 * np.ones_like(x), 1.0, 3.0)
    smooth = GeneralisedMarchenkoPastur(uniform, 0.3)
    t, w = np.polynomial.legendre.leggauss(40)
    nodes = GeneralisedMarchenkoPastur(Discrete(2.0 + t, 0.5 * w), 0.3)
    x = np.linspace(*smooth.support, 30)[1:-1]
    np.testing.assert_allclose(smooth.pdf(x), nodes.pdf(x), rtol=1e-10)
    np.testing.assert_allclose(smooth.support, nodes.support, rtol=1e-12)


WIDE = [
    (Discrete([1e-10, 1.0], [0.5, 0.5]), 0.5),
    (Discrete([1e-10, 1.0], [0.5, 0.5]), 2.0),  # the upper half of it alone would reach 0
    (Discrete(np.logspace(-12.0, 3.0, 6)), 0.5),
    (Discrete([1e-15, 1e15], [0.9, 0.1]), 1e-6),
    (Discrete([1e-15, 1.0, 1e15]), 1e6),
]


@pytest.mark.parametrize(("population", "ratio"), WIDE, ids=lambda v: str(v)[:12])
def test_populations_over_many_decades(population, ratio):
    law = GeneralisedMarchenkoPastur(population, ratio)
    assert abs(law.mass - 1.0) < 1e-9
    q = np.linspace(0.003, 0.997, 40)
    q = q[q > sum(weight for _, weight in law.atoms)]
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(law.sf(law.isf(1.0 - q)), 1.0 - q, rtol=0.0, atol=1e-12)


@pytest.mark.study
def test_two_hundred_random_populations():
    """1 to 50 atoms over up to 30 decades, ratios of 1e-6 to 1e6."""
    rng = np.random.default_rng(39)
    for _ in range(200):
        count, decades = int(rng.integers(1, 51)), rng.uniform(0.0, 30.0)
        atoms = 10.0 ** rng.uniform(-0.5 * decades, 0.5 * decades, count)
        law = GeneralisedMarchenkoPastur(Discrete(atoms, rng.dirichlet(np.ones(count))), 10.0 ** rng.uniform(-6.0, 6.0))
        assert abs(law.mass - 1.0) < 1e-9
        q = np.linspace(0.003, 0.997, 40)
        q = q[q > sum(weight for _, weight in law.atoms)]
        # x is rounded to 1e-16 of itself, where bands are thin a part of their mass
        x = law.ppf(q)
        step = 4.0 * np.finfo(float).eps * x
        assert (np.abs(law.cdf(x) - q) <= law.cdf(x + step) - law.cdf(x - step) + 1e-12).all()


@pytest.mark.study
def test_four_hundred_points_take_milliseconds():
    law = GeneralisedMarchenkoPastur(Discrete(np.random.default_rng(40).uniform(0.1, 10.0, 100)), 0.5)
    low, high = law.support
    x = np.linspace(low, high, 402)[1:-1]
    law.pdf(x)
    times = []
    for _ in range(7):
        start = time.process_time()
        law.pdf(x)
        times.append(time.process_time() - start)
    assert min(times) < 0.05


def test_bands_far_apart_are_laws_of_their_own():
    """What is far above acts on a band as a factor 1 − γw, what is far below not at all."""
    law = GeneralisedMarchenkoPastur(Discrete([1e-10, 1.0], [0.3, 0.7]), 0.5)
    for (low, high), t, weight, factor in zip(law.bands, (1e-10, 1.0), (0.3, 0.7), (1.0 - 0.35, 1.0), strict=True):
        share = 0.5 * weight / factor
        part = MarchenkoPastur(share, t * factor)
        np.testing.assert_allclose((low, high), part.support, rtol=1e-9)  # the next order is the ratio of the scales
        x = np.linspace(low, high, 12)[1:-1]
        np.testing.assert_allclose(law.pdf(x), weight * part.pdf(x), rtol=1e-8)


def test_distribution_function_in_closed_form():
    """Against the quadrature of the density, which the closed form does not use."""
    for population, ratio in (*CASES[:6], *WIDE[:3]):
        law = GeneralisedMarchenkoPastur(population, ratio)
        x, mass = law._panels.nodes, law._panels.masses
        null = sum(weight for _, weight in law.atoms)
        for low, high in law.bands:
            assert law.cdf(high) == pytest.approx(null + mass[x <= high].sum(), abs=1e-11)
            assert law.sf(low) == pytest.approx(mass[x >= low].sum(), abs=1e-11)


def test_a_law_that_loses_mass_refuses(monkeypatch):
    law = GeneralisedMarchenkoPastur(MarchenkoPastur(0.5), 0.5)
    density = GeneralisedMarchenkoPastur._density
    monkeypatch.setattr(GeneralisedMarchenkoPastur, "_density", lambda self, x: 0.99 * density(self, x))
    for call in (lambda: law.mass, lambda: law.cdf(1.0), lambda: law.sf(1e9), lambda: law.ppf(0.5)):
        with pytest.raises(ArithmeticError, match=r"GeneralisedMarchenkoPastur has mass 0\.99 .* split off what is"):
            call()


def test_scale():
    law = GeneralisedMarchenkoPastur(Discrete([1.0, 7.0]), 0.2)
    wide = GeneralisedMarchenkoPastur(Discrete([3.0, 21.0]), 0.2)
    x = np.linspace(*law.support, 42)[1:-1]  # at an edge a rounding of it is the root of a rounding in the density
    np.testing.assert_allclose(wide.pdf(3.0 * x), law.pdf(x) / 3.0, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(wide.cdf(3.0 * x), law.cdf(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(wide.stieltjes(3.0 * (x + 0.1j)), law.stieltjes(x + 0.1j) / 3.0, rtol=1e-11)


def kolmogorov_distance(law, count: int, seed: int) -> float:
    samples = np.sort(law.rvs(count, seed))
    places = samples + 1e-11  # the atom at 0 comes out of an eigenvalue solver as ± 1e-16
    return float(np.abs(np.searchsorted(samples, places, side="right") / count - law.cdf(places)).max())


# Kolmogorov's law for independent samples, P(√n D > 1.95) = 0.001; repulsion only brings them closer.
@pytest.mark.parametrize(("population", "ratio"), CASES[:4], ids=lambda v: type(v).__name__)
def test_samples_follow_the_law(population, ratio):
    assert kolmogorov_distance(GeneralisedMarchenkoPastur(population, ratio), 2500, 2) < 1.95 / math.sqrt(2500)


@pytest.mark.parametrize(
    ("population", "ratio"),
    [pytest.param(*case, marks=pytest.mark.study if i == 1 else pytest.mark.slow) for i, case in enumerate(CASES[:3])],
    ids=lambda v: type(v).__name__,
)
def test_many_samples_follow_the_law(population, ratio):
    assert kolmogorov_distance(GeneralisedMarchenkoPastur(population, ratio), 100_000, 2) < 1.95 / math.sqrt(100_000)


BAD = [
    (lambda: GeneralisedMarchenkoPastur(Discrete([1.0]), 0.0), "`gamma` must be positive and finite; got 0.0"),
    (lambda: GeneralisedMarchenkoPastur([1.0, -0.5], 0.3), "`population` must have no negative eigenvalue; got -0.5"),
    (lambda: GeneralisedMarchenkoPastur([0.0], 0.3), "`population` must have an eigenvalue other than 0; got only 0"),
    (lambda: GeneralisedMarchenkoPastur([], 0.3), "`locations` must be a non-empty sequence of finite numbers"),
    (lambda: Discrete([1.0, math.nan]), "`locations` must be a non-empty sequence of finite numbers"),
    (lambda: Discrete([1.0, 2.0], [0.5, 0.6]), "`weights` must sum to 1; got 1.1"),
    (lambda: Discrete([1.0, 2.0], [1.5, -0.5]), r"`weights` must be non-negative; got \[-0.5\]"),
    (lambda: Discrete([1.0, 2.0], [1.0]), r"`weights` must have shape \(2,\); got \(1,\)"),
    (lambda: Discrete([1.0, 2.0], "ab"), "`weights` must be numbers"),
    (lambda: Continuous(lambda x: x, 0.0, 1.0), r"`density` must have mass 1 on \[0, 1\]; got 0.5"),
    (lambda: Continuous(lambda x: x - 0.5, 0.0, 1.0), "`density` must be finite and non-negative"),
    (lambda: Continuous(np.sqrt, 0.0, 1.0), "`density` must be analytic on .* split it into a Mixture"),
    (lambda: Continuous(np.sqrt, 1.0, 1.0), "`low` must be less than `high`, both finite; got 1.0 and 1.0"),
    (lambda: Mixture([], []), r"`laws` must be a non-empty sequence of laws; got \[\]"),
    (lambda: GeneralisedMarchenkoPastur([1.0], 0.5).pdf(math.nan), "`x` must not be NaN"),
    (lambda: GeneralisedMarchenkoPastur([1.0], 0.5).stieltjes(1.0), "`z` must be off the support, here .* got 1"),
    (lambda: GeneralisedMarchenkoPastur([1.0], 0.5).stieltjes(math.inf), "`z` must be finite; got inf"),
    (lambda: GeneralisedMarchenkoPastur([1.0], 2.0).stieltjes(0.0), "`z` must not be an atom of the law; got 0"),
    (lambda: GeneralisedMarchenkoPastur([1.0], 2.0).inverse_map(1.0), "`z` must not be an atom of the law; got 1"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
