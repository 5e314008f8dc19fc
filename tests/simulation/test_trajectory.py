"""Giant steps in row blocks against plain NumPy, and what must not show in the result."""

import numpy as np
import pytest

import spikes.simulation.gradient
from spikes.simulation.features import squared_errors
from spikes.simulation.gradient import gradient
from spikes.simulation.how import How
from spikes.simulation.kernels import activation_kernels
from spikes.simulation.label_fit import Residuals, exact_fit, fit_labels, least_squares, moment_fit
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.ridge import fit_second_layer
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence
from spikes.simulation.trajectory import start_network, trajectory
from theory import Problem
from theory.statement.protocol import Protocol

PROBLEM = Problem(n=1100, d=30, width=24, target="z1 + z1*z2", noise=0.3, eta=4.0, centered=False)


def all_at_once(samples):
    X, y = np.empty((samples.rows, samples.problem.d)), np.empty(samples.rows)
    samples.draw(0, samples.rows, X, y)
    return X, y


def batch(rows=1100, seed=3, problem=PROBLEM):
    return Samples(problem, as_seed_sequence(seed), rows)


def test_affine_fits_against_numpy():
    X, y = all_at_once(batch())
    design = np.column_stack([np.ones(len(y)), X])
    expected = np.linalg.lstsq(design, y, rcond=None)[0]
    fit = least_squares(batch())
    np.testing.assert_allclose(fit.coefficients, expected[1:], rtol=1e-9, atol=1e-12)
    assert fit.intercept == pytest.approx(expected[0], rel=1e-9)
    moments = moment_fit(batch())
    np.testing.assert_allclose(moments.coefficients, X.T @ (y - y.mean()) / len(y), rtol=1e-9, atol=1e-12)
    exact = exact_fit(PROBLEM)
    np.testing.assert_allclose(exact.coefficients, np.eye(PROBLEM.d)[0], atol=1e-13)
    np.testing.assert_allclose(design.T @ fit.residual(X, y), 0.0, atol=1e-9)


def test_each_preprocessing_uses_its_batch():
    one, two = batch(seed=1), batch(seed=2)
    assert fit_labels("none", one, two) is None
    for kind, used in (("ols", least_squares(one)), ("moments", moment_fit(one)), ("independent", moment_fit(two))):
        np.testing.assert_array_equal(fit_labels(kind, one, two).coefficients, used.coefficients)


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_gradient_against_numpy(name):
    problem = PROBLEM.replace(activation=name)
    samples = batch(problem=problem)
    X, y = all_at_once(samples)
    network = initial_network(problem, as_seed_sequence(0))
    sigma, N = problem.sigma, problem.width
    fit = least_squares(samples)
    kernels = activation_kernels(sigma, 0.2)
    made = gradient(network, kernels, Residuals(samples, fit))
    H = X @ network.W.T
    left = y - fit.intercept - X @ fit.coefficients
    r = left - (sigma(H) - 0.2) @ network.a / np.sqrt(N)
    expected = network.a[:, None] * ((sigma.slope(H) * r[:, None]).T @ X) / len(y)
    np.testing.assert_allclose(made.rows, expected, rtol=1e-11, atol=1e-13)
    shared = gradient(network, kernels, Residuals(samples, fit), how=How(threads=2))
    np.testing.assert_allclose(shared.rows, expected, rtol=1e-11, atol=1e-13)
    alone = gradient(network, kernels, Residuals(samples, fit), interacting=False)
    expected = network.a[:, None] * ((sigma.slope(H) * left[:, None]).T @ X) / len(y)
    np.testing.assert_allclose(alone.rows, expected, rtol=1e-11, atol=1e-13)


def test_trajectory_against_numpy():
    problem = PROBLEM.replace(second_layer="rademacher", activation="erf")
    protocol = Protocol(steps=2, preprocessing="none", start="random")
    made = trajectory(problem, protocol, 7, gram=True)
    network = start_network(problem, protocol, as_seed_sequence(7))
    W, a, k = network.W, network.a, 2
    for step in (1, 2):
        key = as_seed_sequence(7)
        stream = np.random.SeedSequence(key.entropy, spawn_key=(2 + 8 * step,))
        X, y = all_at_once(Samples(problem, stream, problem.n0))
        H = X @ W.T
        r = y - problem.sigma(H) @ a / np.sqrt(problem.width)
        h = (problem.sigma.slope(H) * r[:, None]).T @ X / len(y)
        np.testing.assert_allclose(made.gradient_overlap[step - 1], h[:, :k], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(made.gradient_norm2[step - 1], np.sum(h**2, axis=1), rtol=1e-10)
        W = W + problem.step_size * a[:, None] * h
        np.testing.assert_allclose(made.M[step], W[:, :k], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(made.Q[step], W @ W.T, rtol=1e-10, atol=1e-12)
        change = np.linalg.svd(W - network.W)[2][:k]
        expected = np.linalg.svd(change[:, :k], compute_uv=False)
        np.testing.assert_allclose(made.alignment[step - 1], expected, atol=1e-7)
    np.testing.assert_allclose(made.norm2, np.einsum("tii->ti", made.Q), rtol=1e-12)
    np.testing.assert_allclose(made.cosines, made.M / np.sqrt(made.norm2)[..., None])


def test_symmetric_start_is_the_full_computation():
    problem = PROBLEM.replace(second_layer="rademacher")
    short = trajectory(problem, Protocol(steps=2), 3)
    # the same network handed in takes the long way round
    network = start_network(problem, Protocol(), as_seed_sequence(3))
    full = trajectory(problem, Protocol(steps=2), 3, start=network)
    np.testing.assert_allclose(short.M, full.M, rtol=1e-9, atol=1e-12)
    half = problem.width // 2
    np.testing.assert_allclose(short.gradient_overlap[0, :half], short.gradient_overlap[0, half:], rtol=1e-12)


def test_same_seed_same_bits_whatever_the_block(monkeypatch):
    problem = PROBLEM.replace(width=16)
    first, again = (trajectory(problem, Protocol(steps=2), 5, refit=True) for _ in range(2))
    np.testing.assert_array_equal(first.M, again.M)
    np.testing.assert_array_equal(first.test_error, again.test_error)
    assert not np.array_equal(first.M, trajectory(problem, Protocol(steps=2), 6).M)
    monkeypatch.setattr(spikes.simulation.gradient, "BLOCK", 1024)
    other = trajectory(problem, Protocol(steps=2), 5)
    np.testing.assert_allclose(first.M, other.M, rtol=1e-10, atol=1e-12)


def test_second_layer_against_numpy():
    network = initial_network(PROBLEM, as_seed_sequence(1))
    layer = Layer(network.W, activation_kernels(PROBLEM.sigma))
    X, y = all_at_once(batch())
    fit = least_squares(batch())
    readouts = fit_second_layer(layer, Residuals(batch(), fit), (0.1, 0.01))
    F = np.maximum(X @ network.W.T, 0.0)
    left = y - fit.intercept - X @ fit.coefficients
    for column, ridge in zip(readouts.T, (0.1, 0.01), strict=True):
        expected = np.linalg.solve(F.T @ F / len(y) + ridge * np.eye(PROBLEM.width), F.T @ left / len(y))
        np.testing.assert_allclose(column, expected, rtol=1e-9, atol=1e-12)
    fresh = batch(rows=700, seed=9)
    ((mean, sem),) = squared_errors([(layer, readouts)], Residuals(fresh, fit))
    X, y = all_at_once(fresh)
    squared = (y - fit.intercept - X @ fit.coefficients - np.maximum(X @ network.W.T, 0.0) @ readouts[:, 0]) ** 2
    assert mean[0] == pytest.approx(squared.mean(), rel=1e-10)
    assert sem[0] == pytest.approx(squared.std() / np.sqrt(len(y)), rel=1e-8)


def test_refit_test_errors_are_reported_for_every_step():
    made = trajectory(PROBLEM.replace(ridge=(0.1, 1.0)), Protocol(steps=2), 1, refit=True, test_samples=1000)
    assert made.test_error.shape == made.test_sem.shape == (3, 2)
    assert np.all(made.test_error > 0.0)
    assert np.all(made.test_sem > 0.0)
    assert trajectory(PROBLEM, Protocol(), 1).test_error.shape == (2, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trajectory(PROBLEM.replace(width=23)), "`start` must be random for an odd width"),
        (lambda: trajectory(PROBLEM.replace(second_layer="constant")), "`start` must be random for an odd width"),
        (lambda: trajectory(PROBLEM, test_samples=1), "`test_samples` must be an integer of at least 2; got 1"),
        (lambda: trajectory(PROBLEM, threads=0), "`threads` must be an integer of at least 1; got 0"),
        (lambda: trajectory(PROBLEM, seed=-1), "`seed` must be a non-negative integer"),
        (
            lambda: trajectory(PROBLEM.replace(n=31), Protocol(preprocessing="ols")),
            "`preprocessing` by ols must have at least d . 2 = 32 samples; got 31",
        ),
        (
            lambda: trajectory(PROBLEM, start=initial_network(PROBLEM.replace(d=29), as_seed_sequence(0))),
            r"`start` must have W of shape \(24, 30\)",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
