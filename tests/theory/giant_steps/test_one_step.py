"""One giant step: cosines at n = δd and neuron by neuron, against references, closed forms and sampled moments."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from theory import Problem
from theory.giant_steps import (
    cosine_law,
    limit_squared_cosine,
    noise_power,
    predict_neurons,
    predict_population,
    squared_cosine_isotropic,
    squared_cosine_k1,
)
from theory.giant_steps.activation_moments import smoothed_slope
from theory.statement.activation import as_activation
from theory.statement.protocol import Protocol

REFERENCE = json.loads((Path(__file__).parents[1] / "references" / "giant_steps.json").read_text())
EX1 = "(4*z1 + z1**2 + z2)/2"
HE124X2 = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"


def test_cosine_law_of_the_reference():
    law = cosine_law(Problem(n=2000, d=500, width=100, target=EX1, noise=0.5, centered=False))
    expected = REFERENCE["onestep_ex1_relu_d500_n2000_noise.25"]
    np.testing.assert_allclose(law.mean, expected["cos"], rtol=1e-12)
    assert law.norm2 == pytest.approx(expected["N2"], rel=1e-12)
    # the reference's spreads hold the product of h_i with w_i at its mean, which changes them by 3 % here
    np.testing.assert_allclose(law.neuron_std, expected["neuron_std"], rtol=0.04)
    np.testing.assert_allclose(law.seed_std, expected["seed_std"], rtol=0.07)


def test_spread_over_neurons_of_the_published_digits():
    """d times the variance along C₁ at n = 2.15d; without the fluctuation of ⟨h_i, w_i⟩ .1106, .3302 and .0577."""
    cases = (
        (EX1, "relu", 0.5, 0.1044),
        ("z + 1.5", "relu", 0.3, 0.2970),
        ("z1 + z1*z2 - 1", "softplus", 0.3, 0.0712),
    )
    for target, activation, noise, expected in cases:
        problem = Problem(n=1720, d=800, width=100, target=target, activation=activation, noise=noise, centered=False)
        assert 800 * cosine_law(problem).neuron_covariance[0, 0] == pytest.approx(expected, abs=6e-5)


@pytest.mark.slow
def test_seed_covariance_against_sampling():
    """The covariance of two neurons' cosines over batches is that of what all neurons share."""
    problem = Problem(n=430, d=200, width=2, target="z + 1.5", noise=0.3, centered=False)
    generator = np.random.default_rng(11)
    neurons, batches = 64, 3000
    W = generator.standard_normal((neurons, problem.d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    cosines = []
    for _ in range(batches):
        X = generator.standard_normal((problem.n, problem.d))
        y = X[:, 0] + 1.5 + problem.noise * generator.standard_normal(problem.n)
        h = ((X @ W.T > 0.0) * y[:, None]).T @ X
        cosines.append(h[:, 0] / np.linalg.norm(h, axis=1))
    covariance = np.cov(np.array(cosines).T)
    shared = (covariance.sum() - np.trace(covariance)) / (neurons * (neurons - 1))
    # a variance of 3000 values has standard error √(2/3000) = 2.6 %, four of them; with ⟨h_i, w_i⟩ held at its mean
    # the law is 16 % higher
    assert shared == pytest.approx(cosine_law(problem).seed_covariance[0, 0], rel=0.104)


def test_cosine_law_limits():
    problem = Problem(n=10**12, d=1000, width=100, target=EX1, activation="erf", noise=0.3)
    law = cosine_law(problem)
    # infinitely many samples: along C_1 when the activation is odd, with no spread over seeds; the neurons keep theirs
    np.testing.assert_allclose(law.mean, np.array([4.0, 1.0]) / math.sqrt(17.0), rtol=1e-8)
    assert np.all(law.seed_std < 1e-4)
    random = cosine_law(problem.replace(n=2000), start="random")
    symmetric = cosine_law(problem.replace(n=2000))
    assert np.all(random.mean < symmetric.mean)
    wide = cosine_law(problem.replace(n=2000, width=10**9), start="random")
    np.testing.assert_allclose(wide.mean, symmetric.mean, rtol=1e-6)


def test_a_target_without_linear_part_is_refused():
    with pytest.raises(ValueError, match="`target` must have a linear part"):
        cosine_law(Problem(n=200, d=100, width=10, target="z1*z2"))
    with pytest.raises(ValueError, match="`start` must be one of"):
        cosine_law(Problem(n=200, d=100, width=10, target="z"), start="hot")


def test_noise_power_of_the_reference():
    names = {
        "exact": "oracle",
        "ols": "ols",
        "moments": "moment_same_data_centred",
        "independent": "independent_data",
    }
    for mine, theirs in names.items():
        expected = REFERENCE["tau_He124x2_relu(E f=0)"][theirs]
        assert noise_power(HE124X2, "relu", mine) == pytest.approx(expected, rel=1e-12)
    assert noise_power(HE124X2, "relu", "none", noise=0.5) == pytest.approx(
        0.5 * (0.7708333333333334 + 0.25), rel=1e-12
    )


def test_limits_at_hard_exponents():
    value = limit_squared_cosine("z1*z2", "relu", 1.0, degree=2)
    assert value == pytest.approx(REFERENCE["meancos2_z1z2_relu_kappa1"], rel=1e-10)
    # τ = e₂, c₂² = 1/(2π): A = π
    assert squared_cosine_isotropic(math.pi) == pytest.approx(value, rel=1e-10)
    # beyond the overflow of e^(a/2): x e^x E₁(x) = 1 − 1/x + 2/x² − …
    assert squared_cosine_isotropic(4000.0) == pytest.approx(1 / 2000 - 2 / 2000**2 + 6 / 2000**3, rel=1e-8)
    assert squared_cosine_k1(1.0) == pytest.approx(REFERENCE["meancos2_k1_a1"], rel=1e-12)
    # one direction: S = c₂C₂m̃
    A = 0.5 * 2.0 / (4.0 / (2.0 * math.pi)) / 0.7
    assert limit_squared_cosine("He2(z)", "relu", 0.7, degree=2) == pytest.approx(squared_cosine_k1(A), rel=1e-8)
    # degree 1 is the law of the cosines at n = δd, without its term along w_i
    law = cosine_law(Problem(n=3 * 10**6, d=10**6, width=10, target="z1 + z1*z2", noise=0.1))
    value = limit_squared_cosine("z1 + z1*z2", "relu", 3.0, degree=1, noise=0.1)
    assert value == pytest.approx(float(law.mean @ law.mean), rel=1e-6)
    assert limit_squared_cosine("z1*z2", "erf", 1.0, degree=2) == 0.0  # an odd activation is blind to C_2


@pytest.mark.parametrize("preprocessing", ["none", "exact", "ols", "moments", "independent"])
def test_neurons_tend_to_the_limit(preprocessing):
    protocol = Protocol(preprocessing=preprocessing)
    limit = limit_squared_cosine("z1*z2", "relu", 1.0, degree=2, preprocessing=preprocessing)
    errors = []
    for d in (10**3, 10**4, 10**5):
        problem = Problem(n=d**2, d=d, width=2, target="z1*z2", noise=0.0, eta=1.0, second_layer="constant")
        errors.append(predict_population(problem, protocol=protocol).gradient_cos2.sum() / limit - 1.0)
    assert abs(errors[0]) < 0.03
    assert errors[2] == pytest.approx(errors[1] / 10.0, rel=0.05, abs=1e-7)  # corrections of order 1/d


def sampled_moments(problem, m, rows=2**21):
    """E[g σ′(λ) z], E[g σ′(λ) λ] and E[(gσ′)²] by brute force, with standard errors."""
    generator = np.random.default_rng(5)
    z, xi = generator.standard_normal((rows, problem.teacher.k)), generator.standard_normal(rows)
    lam = z @ m + math.sqrt(1.0 - m @ m) * xi
    product = problem.teacher(z) * problem.sigma.slope(lam)
    columns = np.concatenate([product[:, None] * z, (product * lam)[:, None], (product**2)[:, None]], axis=1)
    return columns.mean(axis=0), columns.std(axis=0) / math.sqrt(rows)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_expectations_are_exact_in_the_overlaps(activation):
    from theory.giant_steps.neurons import _Overlaps

    problem = Problem(n=100, d=50, width=10, target="z1 + z1*z2 + He3(z2)/6", activation=activation)
    m = np.array([0.25, -0.2])
    overlaps = _Overlaps(problem, m[None])
    slope = problem.sigma.slope(overlaps.x)
    g, z = overlaps.g, overlaps.nodes
    found = np.concatenate(
        [
            overlaps(g[:, None] * z, slope)[0],
            overlaps(g, overlaps.x * slope),
            overlaps(g**2, slope**2),
        ]
    )
    mean, sem = sampled_moments(problem, m)
    assert np.max(np.abs(found - mean) / sem) < 4.0


def test_weights_follow_the_gradient_when_the_step_is_large():
    m = 0.06 * np.random.default_rng(0).standard_normal((5, 2))
    problem = Problem(n=256**2, d=256, width=4, target="z1*z2", eta=1e9)
    made = predict_neurons(problem, m)
    np.testing.assert_allclose(made.weight_cos2, made.gradient_cos2, rtol=1e-5)
    still = predict_neurons(problem.replace(eta=0.0), m)
    np.testing.assert_allclose(still.weight_cos2, m**2, rtol=1e-2)
    with pytest.raises(ValueError, match=r"`m` must have shape \(N, 2\)"):
        predict_neurons(problem, np.ones((3, 2)))


def test_smoothed_slopes_agree_with_quadrature():
    mu = np.linspace(-3.0, 3.0, 7)
    x = np.linspace(-12.0, 12.0, 400001)
    w = np.exp(-0.5 * x**2) * (x[1] - x[0]) / math.sqrt(2.0 * math.pi)
    for name in ("relu", "erf", "tanh", "softplus"):
        sigma = as_activation(name)
        made = smoothed_slope(sigma, mu, 0.8)
        slope = sigma.slope(mu[:, None] + 0.8 * x)
        atol = 1e-4 if name == "relu" else 1e-8  # the grid steps over the jump of relu's slope
        np.testing.assert_allclose(made.mean, slope @ w, atol=atol)
        np.testing.assert_allclose(made.tilt, slope @ (w * x), atol=atol)
        np.testing.assert_allclose(made.power, slope**2 @ w, atol=atol)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: limit_squared_cosine("z", "relu", 0.0, degree=1), "`delta` must be positive and finite; got 0.0"),
        (lambda: limit_squared_cosine("z", "relu", 1.0, degree=0), "`degree` must be an integer from"),
        (lambda: Problem(n=1, d=5, width=4), "`n` must be an integer of at least 2; got 1"),
        (lambda: Problem(n=9, n_step=1, d=5, width=4), "`n_step` must be an integer of at least 2; got 1"),
        (lambda: Protocol(steps=0), "`steps` must be an integer of at least 1; got 0"),
        (lambda: Protocol(preprocessing="magic"), "`preprocessing` must be one of"),
        (lambda: Protocol(start="hot"), "`start` must be one of"),
        (lambda: noise_power("z", "relu", "magic"), "`preprocessing` must be one of"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_default_preprocessing():
    problem = Problem(n=100, d=100, width=10)
    assert Protocol().labels(problem) == "none"
    assert Protocol().labels(problem.replace(n=1001)) == "ols"
    assert Protocol(preprocessing="moments").labels(problem) == "moments"
