"""The laws against identities that do not use their formulas, and against matrices."""

import math
from dataclasses import replace

import numpy as np
import pytest

from theory.laws import FreeMeixner, MarchenkoPastur, Semicircle, Wachter, kesten_mckay

LAWS = [
    Semicircle(),
    Semicircle(2.5),
    MarchenkoPastur(0.3, 2.0),
    MarchenkoPastur(1.0, 0.7),
    MarchenkoPastur(3.0, 1.5),
    Wachter(0.3, 0.4),
    Wachter(1.5, 1.7),
    Wachter(1.0, 0.5),
    FreeMeixner(0.5, 0.3, location=1.0, variance=2.0),
    FreeMeixner(2.0, 0.0),
    FreeMeixner(3.0, 0.5, variance=0.3),
    FreeMeixner(0.1, -0.8, location=-0.5),
    kesten_mckay(3),
    kesten_mckay(2),
]
SCALED = [law for law in LAWS if hasattr(law, "variance")]
each_law = pytest.mark.parametrize("law", LAWS, ids=str)

# The law of √n D for n independent samples is Kolmogorov's, with P(√n D > 1.95) = 0.001. Eigenvalues repel, so that
# their empirical law is closer than that, but for the bias of a finite matrix, 1/dimension.
KOLMOGOROV = 1.95


def distance(samples: np.ndarray, law) -> float:
    """sup |F_n − F|, at the samples and just below them, atoms allowed for."""
    values = np.unique(samples)
    ordered = np.sort(samples)
    below = np.nextafter(values, -np.inf)
    at = np.abs(np.searchsorted(ordered, values, side="right") / len(samples) - law.cdf(values))
    before = np.abs(np.searchsorted(ordered, values, side="left") / len(samples) - law.cdf(below))
    return float(max(at.max(), before.max()))


def integrate(law, function, points: int = 4000) -> complex:
    """∫ f dμ by the trapezoid rule in θ, x = a + (b − a)(1 − cos θ)/2, and the atoms."""
    total = sum(weight * function(place) for place, weight in law.atoms)
    for low, high in law.bands:
        theta = (np.arange(points) + 0.5) * math.pi / points
        x = low + (high - low) * np.sin(0.5 * theta) ** 2
        total += np.sum(function(x) * law.pdf(x) * 0.5 * (high - low) * np.sin(theta)) * math.pi / points
    return total


@each_law
def test_mass_is_1(law):
    assert abs(integrate(law, lambda x: np.ones_like(x)) - 1.0) < 1e-10
    assert abs(law.mass - 1.0) < 1e-10
    assert float(law.cdf(law.ends[1])) == pytest.approx(1.0, abs=1e-12)
    assert float(law.cdf(np.nextafter(law.ends[0], -np.inf))) == 0.0


@each_law
def test_shapes(law):
    x = np.linspace(*law.support, 8)[1:-1]
    for function in (law.pdf, law.cdf):
        values = function(x)
        assert function(x[2]).shape == ()
        assert float(function(x[2])) == pytest.approx(values[2], rel=1e-14)
        np.testing.assert_array_equal(function(x.reshape(2, 3)), values.reshape(2, 3))


@each_law
def test_moments_against_quadrature(law):
    expected = [integrate(law, lambda x, j=j: x**j) for j in range(1, 9)]
    np.testing.assert_allclose(law.moments(8), expected, rtol=1e-11, atol=1e-11)


def test_moments_closed_forms():
    np.testing.assert_allclose(Semicircle(2.0).moments(6), [0, 2, 0, 8, 0, 40], atol=1e-13)
    g, v = 0.4, 1.7
    np.testing.assert_allclose(
        MarchenkoPastur(g, v).moments(3), [v, v**2 * (1 + g), v**3 * (1 + 3 * g + g**2)], rtol=1e-14
    )
    a, b = 1 / 0.3, 1 / 0.4  # mean a/(a + b), variance ab/(a + b)³
    first, second = Wachter(0.3, 0.4).moments(2)
    assert first == pytest.approx(a / (a + b), rel=1e-13)
    assert second - first**2 == pytest.approx(a * b / (a + b) ** 3, rel=1e-12)
    a, b = 0.6, 0.4
    np.testing.assert_allclose(FreeMeixner(a, b).moments(4), [0, 1, a, 2 + a**2 + b], atol=1e-13)
    # closed walks on the tree: 1, d, d + 2·d(d − 1)/2 …
    np.testing.assert_allclose(kesten_mckay(3).moments(6), [0, 3, 0, 15, 0, 87], atol=1e-12)


@each_law
def test_stieltjes_against_quadrature(law):
    low, high = law.ends
    width = high - low
    for z in (0.3 + 0.7j, high + 0.05 * width, low - 0.05 * width, low + 0.5 * width - 0.05j * width):
        for power, transform in ((1, law.stieltjes), (2, law.stieltjes_derivative)):
            expected = integrate(law, lambda x, z=z, power=power: (x - z) ** -power)
            assert transform(z) == pytest.approx(expected, rel=1e-11)
    assert law.stieltjes(np.array([high + 1.0])).dtype == float


@each_law
def test_density_is_the_jump_of_the_transform(law):
    low, high = law.support
    x = np.linspace(low, high, 23)[1:-1]
    height = 1e-9 * (high - low)  # the error is of the order of the height over the distance to an edge
    np.testing.assert_allclose(law.stieltjes(x + 1j * height).imag / math.pi, law.pdf(x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("law", SCALED, ids=str)
def test_scale_reaches_every_method(law):
    factor = 3.0
    location = getattr(law, "location", 0.0)
    power = 1.0 if isinstance(law, MarchenkoPastur) else 0.5  # the eigenvalues scale as σ² or as σ
    s = factor**power
    changed = {"variance": factor * law.variance}
    if hasattr(law, "location"):
        changed["location"] = s * location
    wide = replace(law, **changed)
    x = np.linspace(*law.support, 12)[1:-1]
    z = np.array([0.2 + 0.9j, -7.0 + 0.1j])
    np.testing.assert_allclose(wide.support, s * np.array(law.support), rtol=1e-13)
    np.testing.assert_allclose(wide.pdf(s * x), law.pdf(x) / s, rtol=1e-11)
    np.testing.assert_allclose(wide.cdf(s * x), law.cdf(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(wide.ppf([0.9, 0.95]), s * law.ppf([0.9, 0.95]), rtol=1e-12)
    np.testing.assert_allclose(wide.moments(5), s ** np.arange(1, 6) * law.moments(5), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(wide.stieltjes(s * z), law.stieltjes(z) / s, rtol=1e-12)
    np.testing.assert_allclose(wide.stieltjes_derivative(s * z), law.stieltjes_derivative(z) / s**2, rtol=1e-12)
    np.testing.assert_allclose(wide.r_transform(0.1 / s), s * law.r_transform(0.1), rtol=1e-13)
    if hasattr(law, "s_transform"):
        np.testing.assert_allclose(wide.s_transform(0.1), law.s_transform(0.1) / s, rtol=1e-13)
    np.testing.assert_allclose(np.array(wide.atoms), np.array(law.atoms) * [s, 1] if law.atoms else [], rtol=1e-12)
    np.testing.assert_allclose(wide.rvs(50, 3), s * law.rvs(50, 3), rtol=1e-9, atol=1e-13)


@each_law
def test_r_and_s_transforms_invert_the_stieltjes_transform(law):
    z = law.ends[1] + 2.0 * (law.ends[1] - law.ends[0])
    m = float(law.stieltjes(z))
    if hasattr(law, "r_transform"):
        assert float(law.r_transform(-m)) == pytest.approx(z + 1.0 / m, abs=1e-12 * z)
    if hasattr(law, "s_transform"):
        t = -1.0 - z * m
        assert float(law.s_transform(t)) == pytest.approx((1.0 + t) / (t * z), rel=1e-11)


@each_law
def test_quantiles(law):
    q = np.concatenate([[0.0, 1.0], np.linspace(0.0, 1.0, 301), [1e-9, 1.0 - 1e-9]])
    x = law.ppf(q)
    assert x[0] == law.ends[0]
    assert x[1] == law.ends[1]
    places = np.array([place for place, _ in law.atoms])
    smooth = ~np.isin(x, places)
    # F(x) = q to the rounding of x, which next to an edge where the density diverges is more than that of F
    rounding = law.cdf(x + 4e-16 * np.abs(x)) - law.cdf(x - 4e-16 * np.abs(x))
    assert (np.abs(law.cdf(x) - q) < 1e-13 + rounding)[smooth].all()
    # at an atom the least x with F(x) ≥ q
    assert (law.cdf(x) >= q - 1e-13 - rounding).all()
    assert (law.cdf(np.nextafter(x, -np.inf)) <= q + 1e-13 + rounding).all()
    assert law.ppf(0.3).shape == ()


@pytest.mark.slow
@each_law
def test_samples_follow_the_law(law):
    samples = law.rvs(100_000, 11)
    assert distance(samples, law) < KOLMOGOROV / math.sqrt(len(samples))
    np.testing.assert_array_equal(law.rvs(600, 4), law.rvs(600, np.random.default_rng(4)))
    assert law.rvs(0, 1).shape == (0,)
    assert len(law.rvs(17, 1)) == 17


@each_law
def test_named_as_in_scipy_stats(law):
    first, second = law.moments(2)
    assert law.mean() == pytest.approx(first, abs=1e-13)
    assert law.var() == pytest.approx(second - first**2, abs=1e-13) == pytest.approx(law.std() ** 2, abs=1e-13)
    assert law.median() == law.ppf(0.5)
    assert law.interval(0.8) == (float(law.ppf(0.5 * (1.0 - 0.8))), float(law.isf(0.5 * (1.0 - 0.8))))
    x = np.linspace(*law.support, 9)[1:-1]
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1.0, atol=1e-13)
    np.testing.assert_allclose(np.exp(law.logpdf(x)), law.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(np.exp(law.logcdf(x)), law.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(np.exp(law.logsf(x)), law.sf(x), rtol=1e-12)
    assert law.logpdf(law.ends[1] + 1.0) == law.logsf(law.ends[1]) == -math.inf
    q = np.linspace(0.0, 1.0, 11)
    np.testing.assert_allclose(law.isf(q)[1:-1], law.ppf(1.0 - q)[1:-1], rtol=1e-9, atol=1e-12)
    assert law.rvs((3, 4), 0).shape == (3, 4)
    np.testing.assert_array_equal(law.rvs((3, 4), 0).ravel(), law.rvs(12, 0))


@each_law
def test_tails_next_to_the_ends(law):
    """Masses of 1e-20 to relative accuracy: a soft edge holds ⅔cδ^(3/2), a hard one 2cδ^(1/2), c from the density."""
    (low, _), (_, high) = law.bands[0], law.bands[-1]
    for edge, inward, function in ((low, 1.0, law.cdf), (high, -1.0, law.sf)):
        if any((place - edge) * inward <= 0.0 for place, _ in law.atoms):
            continue  # there an atom is added
        delta = 1e-6 * (high - low)
        x = edge + inward * delta
        exponent = math.log2(law.pdf(edge + 2.0 * inward * delta) / law.pdf(x))
        # ∫ cδ^e = δ·pdf/(e + 1), to the next order in δ
        assert function(x) == pytest.approx(delta * float(law.pdf(x)) / (exponent + 1.0), rel=1e-4)
        step = 1e-3 * delta
        slope = (function(x + step) - function(x - step)) / (2.0 * step) * inward
        # where the density diverges its integral is known to 1e-11 only, here of a difference of a thousandth
        assert slope == pytest.approx(float(law.pdf(x)), rel=1e-6 + 3e-8 / float(function(x)))


def test_hard_edges():
    law = MarchenkoPastur(1.0)
    np.testing.assert_allclose(law.pdf([0.0, 1e-12, 1e-300]), [math.inf, 1e6 / math.pi, 1e150 / math.pi], rtol=1e-12)
    assert law.cdf(1e-300) == pytest.approx(2e-150 / math.pi, rel=1e-12)
    assert law.ppf(law.cdf(1e-300)) == pytest.approx(1e-300, rel=1e-9)
    assert MarchenkoPastur(0.999).pdf(0.0) == 0.0
    assert Wachter(1.0, 1.0).pdf(0.0) == Wachter(1.0, 1.0).pdf(1.0) == math.inf
    np.testing.assert_array_equal(kesten_mckay(2).pdf(kesten_mckay(2).support), math.inf)
    assert Semicircle().pdf(2.0) == 0.0


def _wishart(rng, p, n):
    x = rng.standard_normal((p, n))
    return x @ x.T


def test_reduced_models_are_the_dense_matrices():
    """The tridiagonal models of rvs, against the dense matrices they stand for: two-sample distance."""
    rng = np.random.default_rng(5)
    p, count = 40, 60
    gaussian = rng.standard_normal((count, p, p))
    goe = np.linalg.eigvalsh((gaussian + gaussian.swapaxes(1, 2)) / math.sqrt(2.0 * p)).ravel()
    wishart = np.concatenate([np.linalg.eigvalsh(_wishart(rng, p, 2 * p)) / (2 * p) for _ in range(count)])
    manova = []
    for _ in range(count):
        a, b = _wishart(rng, p, 2 * p), _wishart(rng, p, p + 8)
        manova.append(np.linalg.eigvals(np.linalg.solve(a + b, a)).real)
    for dense, law in (
        (goe, Semicircle()),
        (wishart, MarchenkoPastur(0.5)),
        (np.concatenate(manova), Wachter(0.5, p / (p + 8))),
    ):
        drawn = law.rvs(p * count, 6, dimension=p)
        grid = np.sort(np.concatenate([dense, drawn]))
        gap = np.searchsorted(np.sort(dense), grid) - np.searchsorted(np.sort(drawn), grid)
        # two samples of equal size m: √(m/2) D has Kolmogorov's law for independent samples, less for repelling ones
        assert np.abs(gap).max() / len(drawn) < KOLMOGOROV / math.sqrt(len(drawn) / 2)


def test_regular_graph_follows_kesten_mckay():
    rng = np.random.default_rng(8)
    p, degree = 600, 3
    adjacency = np.zeros((p, p))
    for _ in range(degree):  # a random perfect matching for each
        order = rng.permutation(p).reshape(-1, 2)
        adjacency[order[:, 0], order[:, 1]] += 1.0
        adjacency[order[:, 1], order[:, 0]] += 1.0
    values = np.linalg.eigvalsh(adjacency)[:-1]  # the largest is the degree itself
    # one matrix: far fewer fluctuations than √p independent points
    assert distance(values, kesten_mckay(degree)) < 10.0 / p


BAD = [
    (lambda: MarchenkoPastur(0.0), "`gamma` must be positive and finite; got 0.0"),
    (lambda: MarchenkoPastur(-1.0), "`gamma` must be positive and finite; got -1.0"),
    (lambda: MarchenkoPastur(0.5, math.nan), "`variance` must be positive and finite; got nan"),
    (lambda: Semicircle(True), "`variance` must be positive and finite; got True"),
    (lambda: Wachter(1.0, -2.0), "`gamma2` must be positive and finite; got -2.0"),
    (lambda: Wachter(2.0, 2.0), r"1/gamma1 \+ 1/gamma2 > 1, else A .* got 2.0 and 2.0"),
    (lambda: FreeMeixner(0.0, -1.0), "`b` must be above -1, where the law is two atoms; got -1.0"),
    (lambda: FreeMeixner(math.inf), "`a` must be a finite number; got inf"),
    (lambda: kesten_mckay(1.5), "`degree` must be at least 2; got 1.5"),
    (lambda: MarchenkoPastur(0.5).pdf([0.1, math.nan]), "`x` must not be NaN; got 1 NaN of 2 values"),
    (lambda: MarchenkoPastur(1e-40), "`gamma` and `variance` must leave a band wider than rounding, from 1 to 1 here"),
    (lambda: MarchenkoPastur(0.5).pdf(np.ma.array([1.0, 2.0], mask=[0, 1])), "`x` must have no missing values; got 1"),
    (lambda: MarchenkoPastur(0.5).interval(2.0), r"`confidence` must be in \[0, 1\]; got .*2.0"),
    (lambda: MarchenkoPastur(2.0).rvs((2, -1), 0), "`size` must be an integer of at least 0; got -1"),
    (lambda: MarchenkoPastur(0.5).pdf(1j), "`x` must be real; got a complex array"),
    (lambda: MarchenkoPastur(0.5).cdf(math.nan), "`x` must not be NaN"),
    (lambda: MarchenkoPastur(0.5).ppf(1.5), r"`q` must be in \[0, 1\]; got .*1.5"),
    (lambda: MarchenkoPastur(0.5).stieltjes(math.nan), "`z` must be finite; got nan"),
    (lambda: MarchenkoPastur(0.5).stieltjes(1.0), r"`z` must be off the support, here \[0.0857864, 2.91421\]; got 1"),
    (lambda: MarchenkoPastur(2.0).stieltjes(0.0), "`z` must not be an atom of the law; got 0"),
    (lambda: MarchenkoPastur(2.0).moments(0), "`k` must be an integer of at least 1; got 0"),
    (lambda: MarchenkoPastur(2.0).rvs(-1, 0), "`size` must be an integer of at least 0; got -1"),
    (lambda: MarchenkoPastur(2.0).rvs(5, 0, dimension=1), "`dimension` must be an integer of at least 2; got 1"),
    (lambda: MarchenkoPastur(2.0).rvs(5, 0, dimension=-3), "`dimension` must be an integer of at least 2; got -3"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
