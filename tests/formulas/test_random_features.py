"""Random features: the two published equations, the conditional equivalent at η = 0, and identities."""

import numpy as np
import pytest

from theory import Problem, predict, predict_errors
from theory.laws import MarchenkoPastur
from theory.random_features import feature_energies, initial_density, initial_moments, random_feature_errors

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
    for mine, other in zip(random_feature_errors(problem), predict_errors(problem), strict=True):
        for name in ("objective", "train_error", "test_error"):
            # the equivalent leaves out latents that stand for less than 1e-6 samples
            assert getattr(mine, name) == pytest.approx(getattr(other, name), rel=1e-7)
    theory = predict(problem)
    np.testing.assert_allclose(
        initial_density(problem, theory.density_x), theory.density, atol=1e-8 * theory.density.max()
    )


def test_even_activation_is_marchenko_pastur():
    problem = Problem(n=1000, d=500, width=400, activation="He2", eta=0.0)
    x = np.linspace(0.1, 5.0, 20)
    np.testing.assert_allclose(initial_density(problem, x), 0.4 * MarchenkoPastur(0.4, 2.0).pdf(x), atol=1e-12)
    m = initial_moments(problem, 0.3)
    # the transform of the law of FFᵀ/n at −λ
    law = 0.4 * MarchenkoPastur(0.4, 2.0).stieltjes(-0.3).real + 0.6 / 0.3
    assert m.r1 == pytest.approx(law, rel=1e-12)


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
