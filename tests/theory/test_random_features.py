"""Random features: the two published equations, the conditional equivalent at η = 0, and identities."""

import numpy as np
import pytest

from theory import Problem, predict, predict_errors
from theory.laws import MarchenkoPastur
from theory.random_features import (
    feature_energies,
    initial_density,
    initial_law,
    initial_moments,
    random_feature_errors,
)
from theory.spiked_models import SpikedCovariance

SIZES = [(2000, 1000, 1500), (1000, 2000, 500), (500, 600, 3000), (1000, 1000, 1000)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "He1"])
@pytest.mark.parametrize("ridge", [1e-6, 0.1, 100.0])
def test_the_two_equations(sizes, activation, ridge):
    n, d, width = sizes
    problem = Problem(n=n, d=d, width=width, activation=activation)
    m = initial_moments(problem, ridge)
    _, c1, rest = feature_energies(problem)
    phi, psi = problem.phi, problem.psi
    common = c1**2 * m.m1 * m.m2 * (ridge * psi / phi * m.m1 - 1.0)
    first = phi * (m.m1 - m.m2) * (rest * m.m1 + c1**2 * m.m2)
    second = phi / psi * (c1**2 * m.m1 * m.m2 + phi * (m.m2 - m.m1))
    scale = max(abs(common), abs(first), abs(second), phi * m.m1 * (rest * m.m1 + c1**2 * m.m2))
    assert abs(first + common) < 1e-12 * scale
    assert abs(second + common) < 1e-12 * scale


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("centered", [True, False])
def test_equals_the_conditional_equivalent_without_a_step(sizes, centered):
    n, d, width = sizes
    problem = Problem(
        n=n, d=d, width=width, eta=0.0, centered=centered, target="0.3 + z + 0.5*He2(z)", ridge=(1e-6, 1e-2, 1.0, 100.0)
    )
    for mine, other in zip(random_feature_errors(problem), predict_errors(problem, _leading=True), strict=True):
        for name in ("objective", "train_error", "test_error"):
            # the equivalent leaves out latents that stand for less than 1e-6 samples
            assert getattr(mine, name) == pytest.approx(getattr(other, name), rel=1e-7)
    theory = predict(problem, _leading=True)
    inside = theory.density > 0.0  # the ends of the bands are known to 1e-9 and the density is steep there
    np.testing.assert_allclose(
        initial_density(problem, theory.density_x[inside]), theory.density[inside], atol=1e-8 * theory.density.max()
    )


def test_even_activation_is_marchenko_pastur():
    problem = Problem(n=1000, d=500, width=400, activation="He2", eta=0.0)
    x = np.linspace(0.1, 5.0, 20)
    np.testing.assert_allclose(initial_density(problem, x), 0.4 * MarchenkoPastur(0.4, 2.0).pdf(x), atol=1e-12)
    m = initial_moments(problem, 0.3)
    # the transform of the law of FFᵀ/n at −λ
    law = 0.4 * MarchenkoPastur(0.4, 2.0).stieltjes(-0.3).real + 0.6 / 0.3
    assert m.r1 == pytest.approx(law, rel=1e-12)


def quartic_density(problem: Problem, x: np.ndarray) -> np.ndarray:
    """(1/π) Im 1/κ at λ = −x, κ a root of the quartic that the two equations leave for P = κ − (n/N)(κ − λ), y = N/d:

    −yc₁²(c_{>1}² + κ)P² + ((y − 1)c₁² − c_{>1}² − κ)κ²P + κ⁴ = 0.
    """
    _, c1, rest = feature_energies(problem)
    share, y = problem.width / problem.n, problem.width / problem.d
    values = []
    for point in x:
        p = np.array([1.0 - 1.0 / share, -point / share])
        square = np.polymul([1.0, 0.0], [1.0, 0.0])
        first = np.polymul([-y * c1**2, -y * c1**2 * rest], np.polymul(p, p))
        second = np.polymul(np.polymul([-1.0, (y - 1.0) * c1**2 - rest], square), p)
        quartic = np.polyadd(np.polyadd(first, second), np.polymul(square, square))
        roots = np.roots(quartic)
        roots = roots[np.abs(roots) > 0.0]
        values.append(max(0.0, float(np.max((1.0 / roots).imag))) / np.pi)
    return np.array(values)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [*SIZES, (1000, 1000, 500)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "He1"])
def test_initial_law(sizes, activation):
    """The generalised Marchenko-Pastur law against the quartic, the two equations and the conditional equivalent."""
    n, d, width = sizes
    problem = Problem(n=n, d=d, width=width, activation=activation, eta=0.0)
    law = initial_law(problem)
    for low, high in law.bands:
        x = np.linspace(low, high, 33)[1:-1]
        expected = quartic_density(problem, x)
        np.testing.assert_allclose(initial_density(problem, x), expected, atol=1e-9 * expected.max())
    for ridge in (0.01, 1.0):
        m = initial_moments(problem, ridge)
        assert float(law.companion(-ridge)) == pytest.approx(m.r1, rel=1e-11)
        # (1/N) tr (FᵀF/n + λ)^(-1) by the number of zeros
        assert float(law.stieltjes(-ridge)) == pytest.approx((n * m.r1 - (n - width) / ridge) / width, rel=1e-9)
    if activation == "He1":
        return  # the scan of the conditional equivalent is slow next to an edge at 0
    theory = predict(problem, _leading=True)
    assert len(theory.bulk_edges) == len(law.bands)
    np.testing.assert_allclose(theory.bulk_edges, law.bands, rtol=1e-10)  # taken from the law at η = 0
    # and the fixed point's own scan, next to no step: edges from the density nearby
    step = predict(problem.replace(eta=1e-6, second_layer="rademacher"), 1, _leading=True)
    assert step.bulk_edges[-1][1] == pytest.approx(law.bands[-1][1], rel=1e-6)
    assert theory.mass_at_zero == pytest.approx(max(0.0, 1.0 - width / n), abs=1e-12)


def test_constant_feature_is_a_spike():
    """c₀ ≠ 0 adds the population eigenvalue c₀²N: `SpikedCovariance` and the conditional equivalent agree on it."""
    problem = Problem(n=2000, d=1000, width=1500, eta=0.0, centered=False)
    c0, c1, rest = feature_energies(problem)
    model = SpikedCovariance(initial_law(problem))
    # up to 1/N: the direction of the constant carries one eigenvalue of the bulk as well
    image = model.forward(c0**2 * problem.width + c1**2 + rest)
    (outlier,) = predict(problem, _leading=True).outliers
    assert outlier.singular_value**2 == pytest.approx(float(image.eigenvalue), rel=5.0 / problem.width)
    assert outlier.alignment[0] ** 2 == pytest.approx(float(image.left_cosine2), rel=5.0 / problem.width)


def test_slopes_are_derivatives():
    problem = Problem(n=1000, d=700, width=900)
    h = 1e-5
    low, mid, high = (initial_moments(problem, 0.2 * (1 + s * h)) for s in (-1, 0, 1))
    # central differences err by h²
    assert (high.kappa - low.kappa) / (0.4 * h) == pytest.approx(mid.kappa_slope, rel=1e-8)
    left = (high.kappa * high.r2 - low.kappa * low.r2) / (high.kappa - low.kappa)
    assert left == pytest.approx(mid.left_slope, rel=1e-8)


def test_refusals():
    problem = Problem(n=100, d=50, width=70)
    with pytest.raises(ValueError, match=r"`ridge` must be positive; got 0\.0"):
        initial_moments(problem, 0.0)
    with pytest.raises(ValueError, match=r"`x` must be positive and finite; got -1\.0"):
        initial_density(problem, np.array([1.0, -1.0]))
