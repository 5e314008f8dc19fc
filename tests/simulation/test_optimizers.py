"""The steps of Adam and Muon against NumPy, their published update rules, and PyTorch where it is installed."""

import math

import numpy as np
import pytest

from spikes.simulation.gradient import gradient
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.network import initial_network
from spikes.simulation.one_step import simulate, simulate_steps
from spikes.simulation.optimizers import (
    NEWTON_SCHULZ,
    newton_schulz,
    reflections,
    sign_rows,
    spectral_power,
    target_directions,
    update,
)
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import derived_sequence
from theory import Problem

SMALL = Problem(n=60, n_step=80, d=24, width=40, activation="tanh", alpha=0.5)
SEQUENCE = np.random.SeedSequence(7)


def first_gradient(problem):
    network = initial_network(problem, SEQUENCE)
    batch = Samples(problem, derived_sequence(SEQUENCE, 2), problem.n0)
    return network, batch, gradient(network, problem_kernels(problem), batch)


def loss_gradient(network, batch):
    """∂/∂W of (1/2n₀) Σ (y − f)² for f = N^(-1/2) Σ a_j tanh(⟨w_j, x⟩), written down from the loss."""
    ((_, X, y),) = ((rows, X.copy(), y.copy()) for rows, X, y in batch.blocks(batch.rows))
    N = len(network.a)
    H = np.tanh(X @ network.W.T)
    residual = y - H @ network.a / math.sqrt(N)
    return -((residual[:, None] * (1.0 - H**2) * network.a) / math.sqrt(N)).T @ X / len(y)


@pytest.mark.parametrize("k", [1, 3])
def test_reflections_turn_the_first_axes_to_the_directions(k):
    rng = np.random.default_rng(k)
    directions = np.linalg.qr(rng.standard_normal((9, k)))[0].T
    turn = np.eye(9)
    for v in reflections(directions):
        turn = turn @ (np.eye(9) - 2.0 * np.outer(v, v))
    np.testing.assert_allclose(turn[:, :k].T, directions, atol=1e-14)
    rows = rng.standard_normal((5, 9))
    signed = rows.copy()
    sign_rows(signed, 0.3, directions)
    np.testing.assert_allclose(signed, 0.3 * np.sign(rows @ turn.T) @ turn, atol=1e-14)


def test_the_sign_without_directions_and_of_an_axis():
    rows = np.random.default_rng(0).standard_normal((6, 8))
    rows[2] = 0.0
    plain, axis = rows.copy(), rows.copy()
    sign_rows(plain, 2.0)
    sign_rows(axis, 2.0, np.eye(8)[:1])
    np.testing.assert_array_equal(plain, 2.0 * np.sign(rows))
    np.testing.assert_array_equal(axis, plain)


@pytest.mark.parametrize("sparsity", [None, 1, 5])
def test_directions_of_the_target(sparsity):
    problem = SMALL.replace(target="z1 + z1*z2", sparsity=sparsity)
    directions = target_directions(problem, SEQUENCE)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-14)
    assert np.sum(directions != 0.0, axis=1).tolist() == [sparsity or problem.d] * 2
    np.testing.assert_array_equal(directions, target_directions(problem, SEQUENCE))


@pytest.mark.parametrize("shape", [(12, 7), (7, 12), (9, 9)])
@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_powers_of_the_spectrum(shape, power):
    G = np.random.default_rng(1).standard_normal(shape)
    U, s, Vt = np.linalg.svd(G, full_matrices=False)
    np.testing.assert_allclose(spectral_power(G, power), (U * s**power) @ Vt, atol=1e-12)


def test_powers_leave_out_what_has_no_rank():
    rng = np.random.default_rng(2)
    G = rng.standard_normal((12, 3)) @ rng.standard_normal((3, 8))
    U, _, Vt = np.linalg.svd(G, full_matrices=False)
    np.testing.assert_allclose(spectral_power(G, 0.0, rank=3), U[:, :3] @ Vt[:3], atol=1e-10)
    with pytest.raises(ArithmeticError, match="below what its Gram matrix resolves"):
        spectral_power(G, 0.0)


def test_newton_schulz_is_the_published_polynomial():
    G = np.random.default_rng(3).standard_normal((10, 6))
    U, s, Vt = np.linalg.svd(G, full_matrices=False)
    a, b, c = NEWTON_SCHULZ
    x = s / np.sqrt(np.sum(s**2))
    for _ in range(5):
        x = a * x + b * x**3 + c * x**5
    np.testing.assert_allclose(newton_schulz(G), (U * x) @ Vt, atol=1e-6)
    # beside the polar factor: the same vectors, singular values of about one
    assert np.max(np.abs(newton_schulz(G) - spectral_power(G, 0.0))) < 0.35


def test_a_sign_step_is_one_of_adam():
    # Kingma & Ba (2015), algorithm 1 at t = 1: the bias corrections leave g/(|g| + ε)
    problem = SMALL.replace(optimizer="sign", sparsity=1)
    network, batch, made = first_gradient(problem)
    g = loss_gradient(network, batch)
    first, second = 0.1 * g / (1.0 - 0.9), 0.001 * g**2 / (1.0 - 0.999)
    W = network.W - problem.learning_rate * first / (np.sqrt(second) + 1e-30)
    moved = update(problem, made, network, SEQUENCE).step(network, problem.step_size)
    np.testing.assert_allclose(moved.W, W, rtol=1e-12, atol=1e-15)


def test_a_spectral_step_is_one_of_muon_with_the_polar_factor():
    problem = SMALL.replace(optimizer="spectral:0")
    network, batch, made = first_gradient(problem)
    U, _, Vt = np.linalg.svd(loss_gradient(network, batch), full_matrices=False)
    moved = update(problem, made, network, SEQUENCE).step(network, problem.step_size)
    np.testing.assert_allclose(moved.W, network.W - problem.learning_rate * U @ Vt, atol=1e-10)


@pytest.mark.parametrize("optimizer", ["gd", "spectral:0.5"])
def test_learning_rates_are_those_of_the_loss(optimizer):
    problem = SMALL.replace(optimizer=optimizer)
    network, batch, made = first_gradient(problem)
    U, s, Vt = np.linalg.svd(loss_gradient(network, batch), full_matrices=False)
    moved = update(problem, made, network, SEQUENCE).step(network, problem.step_size)
    expected = network.W - problem.learning_rate * (U * s**problem.update.power) @ Vt
    np.testing.assert_allclose(moved.W, expected, atol=1e-10)


def torch_step(torch, optimizer, problem):
    """The weights after one step of a PyTorch optimizer, and before."""
    network, batch, _ = first_gradient(problem)
    ((_, X, y),) = ((rows, X.copy(), y.copy()) for rows, X, y in batch.blocks(batch.rows))
    W = torch.nn.Parameter(torch.tensor(network.W))
    a, X, y = torch.tensor(network.a), torch.tensor(X), torch.tensor(y)
    step = optimizer([W])
    loss = 0.5 * torch.mean((y - torch.tanh(X @ W.T) @ a / math.sqrt(problem.width)) ** 2)
    loss.backward()
    step.step()
    return W.detach().numpy(), network.W


def test_one_step_of_pytorch_adam():
    torch = pytest.importorskip("torch")
    problem = SMALL.replace(optimizer="sign", sparsity=1)
    W, _ = torch_step(torch, lambda p: torch.optim.Adam(p, lr=problem.learning_rate, eps=1e-30), problem)
    network, _, made = first_gradient(problem)
    moved = update(problem, made, network, SEQUENCE).step(network, problem.step_size)
    np.testing.assert_allclose(moved.W, W, rtol=1e-9)


def test_one_step_of_pytorch_muon():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    problem = SMALL.replace(optimizer="spectral:0")
    W, start = torch_step(torch, lambda p: torch.optim.Muon(p, lr=problem.learning_rate, weight_decay=0.0), problem)
    network, batch, _ = first_gradient(problem)
    longer = math.sqrt(max(1.0, problem.width / problem.d))  # its own factor of the learning rate
    expected = -problem.learning_rate * longer * newton_schulz(loss_gradient(network, batch))
    # the iteration runs in bfloat16, of eight bits
    assert np.linalg.norm(W - start - expected) < 0.02 * np.linalg.norm(expected)


def test_steps_of_gradient_descent_keep_their_bits():
    one = simulate(SMALL, 3, test_samples=64)
    again = simulate(SMALL.replace(optimizer="spectral:1"), 3, test_samples=64)
    sparse = simulate(SMALL.replace(sparsity=2), 3, test_samples=64)
    for other in (again, sparse):
        np.testing.assert_array_equal(one.after.eigenvalues, other.after.eigenvalues)
        np.testing.assert_array_equal(one.after.test_error, other.after.test_error)


@pytest.mark.parametrize("optimizer", ["sign", "spectral:0.5"])
def test_step_sizes_share_the_gradient(optimizer):
    problems = [SMALL.replace(optimizer=optimizer, eta=eta) for eta in (1.0, 4.0)]
    together = simulate_steps(problems, 5, test_samples=64)
    for problem, run in zip(problems, together, strict=True):
        np.testing.assert_array_equal(run.after.eigenvalues, simulate(problem, 5, test_samples=64).after.eigenvalues)


def test_the_sign_knows_the_axes_and_powers_do_not():
    def moved(optimizer, sparsity):
        return simulate(SMALL.replace(optimizer=optimizer, sparsity=sparsity), 1, test_samples=64).after.eigenvalues

    assert not np.array_equal(moved("sign", 1), moved("sign", None))
    np.testing.assert_array_equal(moved("spectral:0", 1), moved("spectral:0", None))


def test_single_precision_and_streamed():
    problem = SMALL.replace(optimizer="sign")
    double = simulate(problem, 2, test_samples=64)
    single = simulate(problem, 2, test_samples=64, dtype="float32")
    streamed = simulate(problem, 2, test_samples=64, method="streamed")
    # entries of the gradient that round to another sign are 1e-7 of all
    np.testing.assert_allclose(single.after.singular_values[0], double.after.singular_values[0], rtol=1e-3)
    np.testing.assert_allclose(streamed.after.test_error, double.after.test_error, rtol=1e-8)
