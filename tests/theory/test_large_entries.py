"""Entries that are not small beside their row and column: identities, matrices of them, and saturated features."""

import dataclasses
from functools import lru_cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spikes.simulation.ensemble import simulate_ensemble
from theory import Problem
from theory.conditional_equivalent.axis import count_above, density_of
from theory.conditional_equivalent.covariance import moved_neurons, saturated_share
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import equations, jacobian
from theory.conditional_equivalent.large_entries import fitted_parts
from theory.conditional_equivalent.resolution import resolve, spectral_features
from theory.conditional_equivalent.spectrum import bulk
from theory.statement.activation import ACTIVATIONS, Activation
from theory.step_labels import StepStatistics

WHOLE = Problem(n=1000, n_step=1000, d=400, width=700, covariance="power:1.0", second_layer="rademacher", noise=0.5)
TANH = WHOLE.replace(activation="tanh", alpha=0.4)
SMALL = Problem(
    n=400,
    n_step=400,
    d=160,
    width=280,
    covariance="power:1.0",
    second_layer="rademacher",
    noise=0.5,
    activation="tanh",
    alpha=0.42,
)


@lru_cache
def bulk_features(problem):
    return spectral_features(problem, resolve(problem, 2))[0]


@lru_cache
def counts(problem):
    """Places x in decreasing order, and the eigenvalues that the law has above them."""
    eq = bulk_features(problem)
    scan = bulk(eq).scan
    return -scan.lam.real, count_above(eq, scan)


def matrix_law(entries, variance, n, width):
    """A matrix of one kind of rows and columns, and of independent entries alone."""
    one = np.ones((1, 1))
    nothing = np.zeros((1, 1))
    return EquivalentFeatures(
        n=float(n),
        d=1.0,
        u=np.zeros(1),
        latent_weights=np.ones(1),
        g=np.zeros(1),
        neurons=np.full(1, float(width)),
        m=nothing,
        A=nothing,
        B=variance,
        profile=one,
        profile_weights=np.ones(1),
        joint_profile=one,
        joint_weights=np.ones((1, 1, 1)),
        y1=np.zeros(1),
        y2=np.ones(1),
        t=np.zeros((1, 1)),
        step=StepStatistics(*([0.0] * len(dataclasses.fields(StepStatistics)))),
        sharp_right=True,
        sharp_left=True,
        entries=entries,
    )


def test_derivatives_are_those_of_the_equations():
    eq = bulk_features(SMALL)
    assert eq.entries is not None
    draw = np.random.default_rng(1)
    Q, S = len(eq.g), len(eq.u)
    place = np.concatenate([draw.normal(0.0, 1.0, Q) + 0.9j, draw.normal(0.5, 1.0, S) + 0.2j])
    lam = np.array([-1e-4 + 0j])

    def values(place):
        return equations(eq, lam, np.exp(place[None, :Q]), np.exp(place[None, Q:]))

    slopes = jacobian(eq, values(place))[0]
    for _ in range(4):
        # second differences are the square of the step
        toward = draw.normal(size=Q + S)
        change = (values(place + 1e-5 * toward).f - values(place - 1e-5 * toward).f)[0] / 2e-5
        assert_allclose(change, slopes @ toward, rtol=1e-6, atol=1e-6 * np.abs(change).max())


def test_density_is_the_derivative_of_the_count():
    eq = bulk_features(SMALL)
    scan = bulk(eq).scan
    x, above, rho = -scan.lam.real, count_above(eq, scan), density_of(eq, scan)
    inside = np.flatnonzero((rho[1:] > 0.0) & (rho[:-1] > 0.0) & (above[1:] > 20.0))
    t, per_log = np.log(x), eq.n * x * rho
    mean = 0.5 * (per_log[inside] + per_log[inside + 1])
    # the trapezoid rule over a fifth of x
    assert_allclose((above[inside + 1] - above[inside]) / (t[inside] - t[inside + 1]), mean, rtol=0.03)


def test_small_entries_are_their_mean_square():
    fit = fitted_parts(ACTIVATIONS["softplus"], np.array([[0.3]]), np.ones(1), 2, 500.0)
    assert_allclose(np.sum(fit.entries.shares, axis=0), 1.0)
    assert_allclose(np.sum(fit.entries.shares * fit.entries.squares, axis=0), fit.B)
    y = np.full((1, 1, 1), 1e-9 / fit.B)
    assert_allclose(fit.entries.met(y), fit.B[None], rtol=1e-6)
    left, taken = fit.entries.parts(7.0 * y * 1e9)
    assert_allclose(left + taken, fit.entries.met(7.0 * y * 1e9))


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_what_is_polynomial_is_found(degree):
    # a line has nothing beside its degrees: the fit is the mean and the slope
    sigma = Activation(lambda x: 0.5 + x, np.ones_like, "line", vectorized=True)
    tau, kappa = np.array([[0.2], [-3.0]]), np.array([1.5])
    fit = fitted_parts(sigma, tau, kappa, degree, 500.0)
    assert_allclose(fit.m, 0.5 + tau, atol=1e-9)
    if degree:
        assert_allclose(fit.A[0], 1.5, rtol=1e-9)
        assert_allclose(fit.B, 0.0, atol=1e-18)
        assert_allclose(fit.A[1:], 0.0, atol=1e-9)


def share_off(eq, at, simulated, width):
    """The largest difference of the numbers of eigenvalues above some places, as a share of all."""
    scan = bulk(eq).scan
    law = np.interp(-np.log(at), -np.log(-scan.lam.real), count_above(eq, scan))
    return np.max(np.abs(law - simulated)) / width


@pytest.mark.parametrize(("kappa", "allowed"), [(0.2, 0.01), (1.0, 0.01), (2.0, 0.045)])
def test_matrices_of_large_entries(kappa, allowed):
    # exp(κz) of independent normal z. Over 40 seeds .004, .003 and .036 off, in the mean square .002, .04 and .41;
    # twelve seeds of eigenvalues that repel move a share by .002
    n, width, seeds = 300, 200, 12
    sigma = Activation(np.exp, np.exp, "exp", vectorized=True)
    fit = fitted_parts(sigma, np.zeros((1, 1)), np.array([kappa]), 0, float(width))
    eq = matrix_law(fit.entries, fit.B, n, width)
    draw = np.random.default_rng(3)
    values = [np.linalg.svd(np.exp(kappa * draw.normal(size=(n, width))), compute_uv=False) for _ in range(seeds)]
    x = np.square(values) / n
    at = np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9])
    simulated = np.sum(x[..., None] > at, axis=(0, 1)) / seeds
    assert share_off(eq, at, simulated, width) < allowed
    if kappa == 2.0:
        variance = np.full((1, 1), np.exp(2.0 * kappa**2) - np.exp(kappa**2))
        assert share_off(dataclasses.replace(eq, entries=None, B=variance), at, simulated, width) > 0.3


def test_where_features_are_saturated():
    for problem, least, most in (
        (TANH, 0.4, 0.6),
        (WHOLE.replace(alpha=0.36), 0.0, 0.0),
        (WHOLE.replace(activation="softplus", target="relu(z)", alpha=0.42), 0.0, 0.0),
        (TANH.replace(alpha=0.2), 0.0, 0.01),
    ):
        terms = dataclasses.replace(resolve(problem, 2).terms, orders=(24, 8), overlaps=3, across=2)
        assert least <= saturated_share(problem, terms) <= most
    assert bulk_features(WHOLE.replace(alpha=0.36)).entries is None


def test_a_neurons_own_pull_is_no_part_of_its_noise():
    terms = dataclasses.replace(resolve(SMALL, 2).terms, orders=(24, 8), overlaps=3, across=2)
    one, two = (moved_neurons(SMALL, dataclasses.replace(terms, pulls=pulls)) for pulls in (1, 2))
    assert two.neurons.shares.sum() == pytest.approx(1.0)
    for power in (1, 2):  # of a code's neurons, mean pull and mean square of pull and noise together
        before = one.neurons.pull[:, 0] ** power + (one.kappa2 if power == 2 else 0.0)
        after = two.neurons.pull[:, 0] ** power + (two.kappa2 if power == 2 else 0.0)
        weighted = (two.neurons.shares * after).reshape(-1, 2).sum(axis=1)
        assert_allclose(weighted, one.neurons.shares * before, rtol=1e-9)
    assert np.all(two.kappa2 < np.repeat(one.kappa2, 2))
    assert np.all(two.kappa2 > 0.5 * np.repeat(one.kappa2, 2))


def test_singular_values_of_saturated_features():
    # mean numbers above s over 192 seeds, standard errors .5, 1.3 and 2.2 to 2.7. The law of small entries is .08 N off
    s = np.array([0.3, 0.1, 0.01, 3e-3, 1e-3, 3e-4, 1e-4])
    simulated = np.array([86.0, 237.2, 397.1, 444.9, 481.6, 517.8, 548.3])
    x, above = counts(TANH)
    law = np.interp(-2.0 * np.log(s), -np.log(x), above)
    assert np.max(np.abs(law - simulated)) < 0.03 * TANH.width


@pytest.mark.slow
@pytest.mark.parametrize(
    "problem",
    [
        WHOLE.replace(activation="erf", alpha=0.4),  # one eigenvalue stands apart, and the edge has one beyond it
        SMALL.replace(
            n=200, n_step=200, d=80, width=150, covariance="power:1.5", alpha=0.5
        ),  # rounding before the floor
    ],
    ids=["gap", "rounding"],
)
def test_every_bulk_is_scanned(problem):
    eq = bulk_features(problem)
    law = bulk(eq)
    assert np.isfinite(law.edges).all()
    assert 1.0 - problem.width / problem.n <= law.mass_at_zero < 0.6
    # all that is not told from zero is at zero
    assert count_above(eq, law.scan)[-1] == pytest.approx((1.0 - law.mass_at_zero) * problem.n, abs=1.0)


@pytest.mark.slow
def test_agreement_with_simulation():
    runs = simulate_ensemble(SMALL, seeds=80, seed=5, workers=1, test_samples=64)
    x, above = counts(SMALL)
    numbers = np.array([np.sum(run.after.singular_values[:, None] ** 2 > x, axis=0) for run in runs.runs])
    error = numbers.std(axis=0, ddof=1) / 80**0.5
    # two of the step and the data are none of the bulk's; means and small entries are off by .044 N
    assert np.all(np.abs(above - numbers.mean(axis=0)) < 2.0 + 0.02 * SMALL.width + 2.0 * error)
