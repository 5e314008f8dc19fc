"""The law of the sign and of powers of the spectrum: quadrature of its own, closed laws, limits, sampled matrices."""

import math
from functools import lru_cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from theory import Problem, predict, predict_errors
from theory.conditional_equivalent import Resolution, Terms
from theory.conditional_equivalent.noise_law import gradient_noise
from theory.conditional_equivalent.sign_noise import sign_profiles
from theory.conditional_equivalent.validity import validity
from theory.hermite import slope_moments
from theory.optimizers import (
    least_power,
    sign_coordinates,
    sign_levels,
    sign_slope_cosine,
    sign_spectrum,
    sign_statistics,
    spectral_noise,
    spectral_signal,
    spikes_at_power,
)
from theory.step_labels import step_statistics

SIGN = Problem(n=1600, d=800, width=1000, activation="tanh", optimizer="sign")


@lru_cache
def error_of(**changes):
    return predict_errors(SIGN.replace(**changes))[0].test_error


def mean(f):
    """E f(b) for a standard normal b, by adaptive quadrature."""
    return quad(lambda b: f(b) * math.exp(-0.5 * b * b) / math.sqrt(2.0 * math.pi), -9.0, 9.0, limit=400)[0]


@pytest.mark.parametrize("changes", [{}, {"activation": "relu"}, {"n_step": 8000, "noise": 0.0}])
def test_moments_of_the_sign(changes):
    of = sign_statistics(SIGN.replace(**changes))
    assert of.mean_square == pytest.approx(mean(lambda b: erf(of.r * b) ** 2), rel=1e-9)
    assert of.along_beta == pytest.approx(mean(lambda b: b * erf(of.r * b)), rel=1e-9)
    slope = math.sqrt(2.0 / math.pi)
    assert of.slope == pytest.approx(mean(lambda b: slope * math.exp(-((of.r * b) ** 2))), rel=1e-9)
    assert of.slope_square == pytest.approx(mean(lambda b: slope**2 * math.exp(-2.0 * (of.r * b) ** 2)), rel=1e-9)


def test_published_digits():
    # a prototype's s₁ and overlap at n₀ = 1600, d = 800, N = 1000
    assert sign_spectrum(SIGN).first == pytest.approx(0.8359, abs=5e-5)
    assert sign_statistics(SIGN).overlap[0] == pytest.approx(0.6578, abs=5e-5)


@pytest.mark.parametrize("sparsity", [1, 10, 800])
def test_a_sparse_target(sparsity):
    problem = SIGN.replace(sparsity=sparsity)
    of, step = sign_statistics(problem), step_statistics(problem)
    power, slope = problem.phi0 * step.label_power, math.sqrt(2.0) * of.r / math.sqrt(step.beta_norm2)
    # on the target's axes the mean of β_k√d is C₁√(d/s)
    on, off = (
        [
            mean(lambda x, m=m, f=f: f(erf(slope * (m + math.sqrt(power) * x) / math.sqrt(2.0))))
            for f in (float, lambda h: h * h)
        ]
        for m in (float(step.linear[0]) * math.sqrt(problem.d / sparsity), 0.0)
    )
    share = sparsity / problem.d
    square = share * on[1] + (1.0 - share) * off[1]
    assert of.mean_square == pytest.approx(square, rel=1e-8)
    assert of.overlap[0] == pytest.approx(math.sqrt(share) * on[0] / math.sqrt(square), rel=1e-8)
    direction = np.zeros(problem.d)
    direction[:sparsity] = 1.0 / math.sqrt(sparsity)
    other = sign_statistics(problem.replace(sparsity=None), direction)
    assert other.overlap[0] == pytest.approx(of.overlap[0], rel=1e-12)


def test_a_direction_drawn_at_random_is_none_at_all():
    direction = np.random.default_rng(0).standard_normal(800)
    of = sign_statistics(SIGN, direction / np.linalg.norm(direction))
    # its fourth moment is off by √(24/d)
    assert of.mean_square == pytest.approx(sign_statistics(SIGN).mean_square, rel=0.01)
    assert of.overlap[0] == pytest.approx(sign_statistics(SIGN).overlap[0], rel=0.01)
    with pytest.raises(ValueError, match="`directions` must be 1 orthonormal rows of length 800"):
        sign_statistics(SIGN, np.ones(800))


@pytest.mark.parametrize("sparsity", [None, 3])
def test_levels_of_the_noise(sparsity):
    problem = SIGN.replace(target="z1 + 0.5*z2", sparsity=sparsity)
    of = sign_statistics(problem)
    levels, slopes, weights = sign_levels(problem, of)
    np.testing.assert_allclose(weights.sum(axis=0), np.eye(3), atol=1e-12)
    assert np.all(np.linalg.eigvalsh(weights) > -1e-12)
    assert np.all((levels >= 0.0) & (levels <= 1.0))
    assert np.all(slopes**2 < levels)
    # the direction of the signal has less of it than all coordinates
    assert levels @ weights[:, 0, 0] < 1.0 - of.mean_square


@pytest.mark.parametrize("changes", [{}, {"n_step": 80_000}, {"sparsity": 3}])
def test_coordinates_of_the_noise(changes):
    problem = SIGN.replace(**changes)
    of = sign_statistics(problem)
    variance, slope, shares = sign_coordinates(problem, of, groups=7)
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert shares @ variance == pytest.approx(1.0 - of.mean_square, abs=1e-9)
    assert shares @ slope == pytest.approx(of.slope, abs=1e-9)
    # S² is the first term of an expansion whose sum is 1 − h²
    assert np.all(slope**2 < variance)


def test_where_the_linear_noise_lies_on_beta():
    # Sĥ lies across β̂ where the signal is strong
    strong = SIGN.replace(n_step=10**6)
    assert 0.0 < sign_slope_cosine(strong, sign_statistics(strong)) < 0.01
    of = sign_statistics(SIGN)
    along = mean(lambda b: b * erf(of.r * b) * math.exp(-((of.r * b) ** 2)))
    square = mean(lambda b: (erf(of.r * b) * math.exp(-((of.r * b) ** 2))) ** 2)
    assert sign_slope_cosine(SIGN, of) == pytest.approx(along / math.sqrt(square), rel=1e-6)


def test_profiles_of_the_sign_keep_the_norms():
    for problem in (SIGN.replace(eta=60.0), SIGN.replace(eta=60.0, activation="relu", target="1 + z + 0.5*z**2")):
        of, step = sign_statistics(problem), step_statistics(problem)
        size, signs = problem.step_size / math.sqrt(problem.width), np.array([-1.0, 1.0])
        profiles = sign_profiles(problem, signs, 2)
        matrix = 2.0 * signs * size * of.slope / of.spread * slope_moments(problem.sigma).second * step.label_mean
        expected = 1.0 + matrix + size**2 * (1.0 - of.mean_square)
        # the law of Ŷ is on twelve nodes, its variance and that of M to a per cent
        np.testing.assert_allclose(profiles.kappa**2, expected, rtol=0.01)
        np.testing.assert_allclose(profiles.weights @ profiles.classes, 1.0, rtol=1e-12)
        np.testing.assert_allclose(profiles.joint_weights.sum(axis=0), np.eye(2), atol=1e-9)
        assert profiles.classes.min() > 0.0


@pytest.mark.slow
def test_spectrum_of_the_sign_against_sampled_matrices():
    # the model that the law is of, sampled: linear noise with the batch's covariance, and white noise
    problem = SIGN.replace(n=400, d=200, width=250)
    rng, of, ratios = np.random.default_rng(5), sign_statistics(problem), []
    for _ in range(8):
        z = rng.standard_normal(problem.n0)
        y = z + 0.5 * (z * z - 1.0) + 0.5 * rng.standard_normal(problem.n0)
        b = rng.standard_normal(problem.d)
        slope = math.sqrt(2.0 / math.pi) * np.exp(-((of.r * b) ** 2))
        white = np.sqrt(np.maximum(1.0 - erf(of.r * b) ** 2 - slope**2, 0.0))
        X = rng.standard_normal((problem.n0, problem.d))
        linear = rng.standard_normal((problem.width, problem.n0)) @ (X * y[:, None])
        noise = linear * slope / math.sqrt(problem.n0 * np.mean(y**2)) + rng.standard_normal(linear.shape) * white
        largest = np.linalg.svd(noise, compute_uv=False)[0] / math.sqrt(problem.width * problem.d)
        found = sign_spectrum(problem, y)
        assert found.edge <= found.second
        ratios.append(largest / found.second)
    # an edge is off by n^(-2/3), 0.03 here, and the mean by its standard error
    assert abs(np.mean(ratios) - 1.0) < 0.03 + 4.0 * np.std(ratios) / math.sqrt(len(ratios))


def test_largest_noise_of_the_law_is_the_mean_over_batches():
    problem = SIGN.replace(n=400, d=200, width=250)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(10):
        z = rng.standard_normal(problem.n0)
        y = z + 0.5 * (z * z - 1.0) + 0.5 * rng.standard_normal(problem.n0)
        found.append(sign_spectrum(problem, y).second)
    law = sign_spectrum(problem)
    assert abs(np.mean(found) - law.second) < 4.0 * np.std(found) / math.sqrt(len(found))
    with pytest.raises(ValueError, match="`labels` must be 400 finite numbers"):
        sign_spectrum(problem, np.ones(3))
    with pytest.raises(ValueError, match="`sparsity` must be left out"):
        sign_spectrum(problem.replace(sparsity=1))


# Powers of the spectrum -----------------------------------------------------------------------------------------------


def test_counting_rule():
    assert [least_power(ell) for ell in (1, 2, 3, 4)] == [0.0, 0.5, pytest.approx(2.0 / 3.0), 0.75]
    for p in np.linspace(0.0, 0.95, 20):
        ell = spikes_at_power(float(p), most=50)
        assert ell == 0 or p > least_power(ell) - 1e-12
        assert p <= least_power(ell + 1) + 1e-12
    with pytest.raises(ValueError, match=r"`power` must be in \[0, 1\]; got 1.5"):
        spikes_at_power(1.5)
    with pytest.raises(ValueError, match="`ell` must be an integer of at least 1; got 0"):
        least_power(0)


@pytest.mark.parametrize("power", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("ratio", [0.6, 2.5])
def test_norms_of_white_noise_are_those_of_marchenko_and_pastur(power, ratio):
    problem = SIGN.replace(width=round(ratio * SIGN.d), optimizer=f"spectral:{power}")
    one = np.ones(1)
    found = spectral_noise(problem, one, one, one, one)
    # eigenvalues x of GᵀG/d for a Gaussian G of N rows: ratio times the law of variance 1 and shape d/N
    low, high = (1.0 - math.sqrt(ratio)) ** 2, (1.0 + math.sqrt(ratio)) ** 2
    moment = quad(lambda x: x**power * math.sqrt((high - x) * (x - low)) / (2.0 * math.pi * x), low, high)[0]
    assert found.norms[0] * ratio == pytest.approx(moment, rel=2e-4)
    np.testing.assert_allclose(found.factors, 1.0, rtol=1e-12)


def test_the_polar_factor_has_one_norm_in_all():
    values, weights = gradient_noise(SIGN, 2)
    codes, shares = np.array([-2.0, 0.5, 1.0]), np.array([0.2, 0.4, 0.4])
    found = spectral_noise(SIGN.replace(optimizer="spectral:0"), codes, shares, values, weights)
    # N rows share the d unit singular values, and no direction has more than another
    assert SIGN.width / SIGN.d * shares @ found.norms == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_allclose(found.factors**2 * values, 1.0, rtol=1e-6)
    full = spectral_noise(SIGN.replace(optimizer="spectral:1"), codes, shares, values, weights)
    np.testing.assert_allclose(full.norms, codes**2)


def test_signal_of_a_power():
    step = step_statistics(SIGN)
    one = spectral_signal(SIGN.replace(optimizer="spectral:1"))
    assert spectral_signal(SIGN.replace(optimizer="spectral:0")) == pytest.approx(SIGN.width**-0.5)
    assert spectral_signal(SIGN.replace(optimizer="gd")) == one
    half = spectral_signal(SIGN.replace(optimizer="spectral:0.5"))
    assert half == pytest.approx(math.sqrt(one) * SIGN.width**-0.25)
    assert one == pytest.approx(mean(lambda x: 1.0 / math.cosh(x) ** 2) * math.sqrt(step.beta_norm2))


def test_power_one_is_gradient_descent():
    problem = Problem(n=600, d=300, width=400, alpha=0.45)
    assert predict_errors(problem) == predict_errors(problem.replace(optimizer="spectral:1"))


def test_no_step_is_no_step_whatever_the_optimizer():
    errors = [error_of(optimizer=o, eta=0.0) for o in ("gd", "sign", "spectral:0")]
    assert errors[0] == errors[1] == errors[2]


def test_second_layers_of_one_sign_law():
    # the sign forgets the size of a
    same = [error_of(second_layer=law, eta=30.0) for law in ("gaussian", "rademacher")]
    assert same[0] == pytest.approx(same[1], rel=1e-12)


@pytest.mark.slow
def test_spikes_of_powers():
    counts = [len(predict(SIGN.replace(optimizer=f"spectral:{p}", alpha=0.5)).outliers) for p in (1, 0.5, 0)]
    # the second mode of gradient descent, at s = 1.44 of an edge at 1.41, is averaged into the bulk (`find_outliers`)
    assert counts == [1, 1, 0]
    size = [
        predict(SIGN.replace(n=m * 1600, d=m * 800, width=m * 1000, optimizer="spectral:0.5", alpha=0.5)).outliers[0]
        for m in (1, 1000)
    ]
    # N^((1 − ℓ(1 − p))/2) at ℓ = 1; its corrections are of relative order N^(-1/2)
    growth = math.log(size[1].singular_value / size[0].singular_value) / math.log(1000.0)
    assert growth == pytest.approx(0.25, abs=0.03)


def test_validity_of_other_optimizers():
    def reasons(**changes):
        problem = SIGN.replace(**changes)
        return validity(problem, Resolution(Terms(), (), 0.0))

    assert reasons(eta=30.0) == ()
    (far,) = reasons(eta=100.0)
    assert far.startswith("η = 100 is 3.2√N; with optimizer sign up to 2√N")
    assert any("the gradient's rank" in line for line in reasons(optimizer="spectral:0", n_step=600))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adam"}, r"`optimizer` must be gd, sign or spectral:p with p in \[0, 1\]; got 'adam'"),
        ({"optimizer": "spectral:2"}, r"`optimizer` must be spectral:p with a number p in \[0, 1\]; got 'spectral:2'"),
        ({"optimizer": "spectral:"}, "`optimizer` must be spectral:p with a number p"),
        ({"sparsity": 0}, "`sparsity` must be an integer of at least 1; got 0"),
        ({"sparsity": 500, "target": "z1*z2"}, "`sparsity` must leave each of 2 directions coordinates of its own"),
    ],
)
def test_bad_values(changes, message):
    with pytest.raises(ValueError, match=message):
        SIGN.replace(**changes)


def test_the_field_is_written_and_read():
    for optimizer in ("gd", "sign", "spectral:.50"):
        problem = SIGN.replace(optimizer=optimizer, sparsity=4)
        assert Problem.from_dict(problem.to_dict()) == problem
    assert SIGN.replace(optimizer="spectral:.50").optimizer == "spectral:0.5"
    assert SIGN.replace(eta=10.0).learning_rate == pytest.approx(10.0 / math.sqrt(1000 * 800))
    assert SIGN.replace(eta=10.0, optimizer="spectral:0").learning_rate == pytest.approx(10.0 / math.sqrt(1000))
