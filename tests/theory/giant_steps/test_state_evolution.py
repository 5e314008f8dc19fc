"""State evolution against reference values, closed forms against sampling, and limits."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from theory import Problem
from theory.giant_steps import (
    cosine_law,
    independent_step,
    interacting_step,
    state_evolution,
    step_moments,
    three_point,
)
from theory.giant_steps.evolution import _root, _sample
from theory.statement.activation import as_activation

REFERENCE = json.loads((Path(__file__).parents[1] / "references" / "giant_steps.json").read_text())
EX1 = "(4*z1 + z1**2 + z2)/2"
STAIRS = "z1 + z1*z2 + z1*z2*z3"
NOISE = math.sqrt(0.1)


def evolve(target, alpha, k, activation="relu", steps=6, delta=2.0):
    m, q, path = np.zeros((len(alpha), k)), np.ones(len(alpha)), []
    for _ in range(steps):
        m, q = independent_step(target, activation, m, q, alpha, delta=delta, noise=NOISE)
        path.append((m, q))
    return path


def test_independent_neurons_of_the_reference():
    for name in ("order60", "order150"):
        rows = np.array(REFERENCE[f"SE_indep_z1+z1z2_relu_delta2_noise.1_alpha1_{name}"])
        for (m, q), row in zip(evolve("z1 + z1*z2", np.ones(1), 2), rows, strict=True):
            np.testing.assert_allclose(np.append(m[0], q[0]), row, rtol=0, atol=1e-8)
    path = evolve(EX1, np.array([1.0, -1.0]), 2)
    for (m, q), (ms, qs) in zip(path, REFERENCE["SE_indep_ex1_relu_delta2_noise.1_alpha+-1"], strict=True):
        np.testing.assert_allclose(m.ravel(), ms, rtol=0, atol=1e-8)
        np.testing.assert_allclose(q, qs, rtol=0, atol=1e-8)
    m, _ = evolve(STAIRS, np.ones(1), 3)[-1]
    np.testing.assert_allclose(m[0], REFERENCE["SE_indep_stair3_relu_T6_m"], rtol=0, atol=1e-8)


def test_first_interacting_step_of_the_reference():
    expected = REFERENCE["SE_full_first_step_ex1_relu_p4"]
    a = np.array(expected["a"])
    # η = 4 in the giant-step literature is 4/√p = 2 here; δ = n/d = 2
    problem = Problem(n=200, d=100, width=4, target=EX1, noise=NOISE, centered=False, eta=2.0)
    moments = step_moments(problem, a, np.zeros((4, 2)), np.eye(4))
    np.testing.assert_allclose(moments.on_neurons[0], expected["EH_W_row0"], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(moments.on_latents[0], expected["EH_star"], rtol=1e-12)
    assert moments.power[0, 0] == pytest.approx(expected["Phi00"], rel=1e-12)
    _, Q, M_error, Q_error = interacting_step(problem, a, np.zeros((4, 2)), np.eye(4))
    assert Q[0, 0] == pytest.approx(expected["Qnew00"], rel=1e-12)
    assert M_error == Q_error == 0.0


def test_three_point_functions_of_the_reference():
    C = np.array(REFERENCE["I3_cov"])
    assert three_point(as_activation("relu"), C) == pytest.approx(REFERENCE["relu_I3"], rel=1e-12)
    assert three_point(as_activation("erf"), C) == pytest.approx(REFERENCE["erf_I3"], rel=1e-12)
    assert three_point(as_activation("tanh"), C) is None
    # E[σ′(x₁)σ′(x₃)] of relu at correlation 1/2, from its two-point function: P(x₁ > 0, x₃ > 0)
    assert 0.25 + math.asin(0.5) / (2.0 * math.pi) == pytest.approx(REFERENCE["relu_K11_rho.5"], rel=1e-12)


def overlapping_state(neurons=4, seed=0):
    """A generic state (M, Q) with |w|² about 1.5, from weights in six dimensions."""
    W = 0.5 * np.random.default_rng(seed).standard_normal((neurons, 6))
    return W[:, :2], W @ W.T


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("centered", [False, True])
def test_closed_forms_against_sampling(activation, centered):
    M, Q = overlapping_state()
    a = np.array([0.5, -0.5, 0.7, 0.2])
    problem = Problem(
        n=200, d=100, width=4, target="z1 + z1*z2 + 0.3", noise=0.3, activation=activation, centered=centered
    )
    made = step_moments(problem, a, M, Q, points=2**14)
    shift = 0.0
    if centered and activation == "relu":
        shift = float(a.sum()) / 2.0 / math.sqrt(2.0 * math.pi)
    sampled = _sample(problem, a / 2.0, M, _root(Q - M @ M.T), shift, 2**17, 1, False)
    # standard errors from 16 randomisations: 5 of the largest cover the maximum over all entries
    assert np.max(np.abs(made.on_latents - sampled["latents"][0])) < 5.0 * sampled["latents"][1]
    assert np.max(np.abs(made.on_neurons - sampled["neurons"][0])) < 5.0 * sampled["neurons"][1]
    tolerance = 5.0 * math.hypot(sampled["power"][1], made.power_error)
    assert np.max(np.abs(made.power - sampled["power"][0])) < tolerance
    assert (made.power_error == 0.0) == (activation == "erf")
    assert made.mean_error == 0.0


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh", "softplus"])
def test_independent_neurons_have_products_for_moments(activation):
    a, Q = np.array([0.5, -0.5, 0.7]), np.diag([1.0, 1.3, 0.8])
    problem = Problem(
        n=200, d=100, width=3, target="z1 + z1*z2 + 0.3", noise=0.3, activation=activation, centered=False
    )
    made = step_moments(problem, a, np.zeros((3, 2)), Q, points=2**14)
    sampled = _sample(problem, a / math.sqrt(3.0), np.zeros((3, 2)), _root(Q), 0.0, 2**16, 2, False)
    assert made.power_error == 0.0
    assert np.max(np.abs(made.power - sampled["power"][0])) < 5.0 * sampled["power"][1]


def test_other_activations_are_sampled_with_their_error():
    M, Q = overlapping_state()
    problem = Problem(n=200, d=100, width=4, target="z1*z2", noise=0.0, activation="tanh", eta=2.0)
    a = np.full(4, 0.5)
    one, two = (interacting_step(problem, a, M, Q, points=2**14, seed=seed) for seed in (0, 1))
    assert one[2] > 0.0
    assert one[3] > 0.0
    assert 0.0 < np.max(np.abs(one[0] - two[0])) < 6.0 * math.hypot(one[2], two[2])
    assert 0.0 < np.max(np.abs(one[1] - two[1])) < 6.0 * math.hypot(one[3], two[3])


def test_first_step_is_the_law_of_the_cosines():
    for activation in ("relu", "erf", "tanh"):
        problem = Problem(n=2000, d=1000, width=6, target=EX1, noise=0.4, activation=activation, centered=False)
        m, q = independent_step(EX1, activation, np.zeros(2), np.ones(1), 1e6, delta=2.0, noise=0.4)
        np.testing.assert_allclose(m[0] / math.sqrt(q[0]), cosine_law(problem).mean, rtol=1e-5)


def test_neurons_of_vanishing_second_layer_do_not_interact():
    # a → 0 at fixed α: the network leaves the residual
    problem = Problem(n=400, d=100, width=2, target=EX1, activation="erf", noise=0.3, eta=1e9)
    a = np.array([1e-9, -2e-9])
    full = state_evolution(problem, a, steps=3)
    alone = state_evolution(problem, a, steps=3, interacting=False)
    np.testing.assert_allclose(full.M, alone.M, atol=1e-7)
    np.testing.assert_allclose(full.norm2, alone.norm2, atol=1e-7)
    assert full.Q.shape == (4, 2, 2)
    assert alone.Q.shape == (4, 0, 0)


@pytest.mark.parametrize("interacting", [True, False])
@pytest.mark.parametrize(
    ("target", "activation", "learns"),
    [
        ("z1 + He2(z1)*z2", "relu", False),
        ("z1 + He2(z1)*z2", "erf", True),
        ("z1 + z1*z2", "erf", False),
        ("z1 + z1*z2", "relu", True),
    ],
)
def test_blindness(target, activation, learns, interacting):
    problem = Problem(n=400, d=100, width=4, target=target, activation=activation, centered=False, eta=2.0)
    made = state_evolution(problem, np.array([0.5, 0.5, -0.5, -0.5]), steps=4, interacting=interacting, points=2**12)
    assert np.min(np.abs(made.cosines[-1][:, 0])) > 0.2
    if learns:
        assert np.max(np.abs(made.cosines[-1][:, 1])) > 0.1
    else:
        np.testing.assert_allclose(made.M[..., 1], 0.0, atol=1e-12)


def test_two_valued_second_layers_keep_overlaps_of_rank_two():
    problem = Problem(n=400, d=100, width=6, target=STAIRS, centered=False, eta=6**0.5)
    M = state_evolution(problem, np.array([1, 1, 1, -1, -1, -1]) / 6**0.5, steps=3, points=2**12).M[-1]
    assert np.linalg.svd(M, compute_uv=False)[2] < 1e-9


def test_finite_d_bracket_tends_to_the_limit():
    M, Q = overlapping_state()
    a = np.array([0.5, -0.5, 0.5, 0.5])
    gaps = []
    for d in (100, 10000):
        problem = Problem(n=4 * d, d=d, width=4, target="z1 + z1*z2", activation="erf", eta=2.0)
        exact = interacting_step(problem, a, M, Q, finite_d=True, points=2**13)[1]
        gaps.append(np.max(np.abs(exact - interacting_step(problem, a, M, Q)[1])))
    assert gaps[0] > 1e-3
    assert gaps[1] == pytest.approx(gaps[0] / 100.0, rel=1e-3)


def test_symmetric_start_is_a_singular_state():
    """Pairs of neurons with opposite a: f = 0, every neuron moves as if alone."""
    problem = Problem(n=400, d=100, width=4, target=EX1, noise=0.3, centered=False, eta=2.0)
    a = np.array([0.5, 0.5, -0.5, -0.5])
    Q = np.kron(np.ones((2, 2)), np.eye(2))
    full = state_evolution(problem, a, steps=1, start=(np.zeros((4, 2)), Q), points=2**14)
    alone = state_evolution(problem, a, steps=1, interacting=False)
    np.testing.assert_allclose(full.M, alone.M, atol=1e-12)
    assert np.max(np.abs(full.norm2 - alone.norm2)) < 5.0 * full.Q_error.sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: independent_step("z", "relu", [0.0], 1.0, 1.0, delta=0.0), "`delta` must be positive"),
        (lambda p: independent_step("z", "relu", [0.0], 1.0, 1.0, delta=-2), "`delta` must be positive"),
        (lambda p: independent_step("z", "relu", [1.0], 1.0, 1.0, delta=1.0), "`q` must be larger than"),
        (lambda p: independent_step("z", "relu", [0.0, 0.0], 1.0, 1.0, delta=1.0), "`m` must have shape"),
        (lambda p: independent_step("z1*z7", "relu", np.zeros(7), 1.0, 1.0, delta=1.0), "at most 6 latents; got 7"),
        (lambda p: step_moments(p, np.ones(3), np.zeros((2, 2)), np.eye(3)), "`M` and `Q` must have shapes"),
        (
            lambda p: step_moments(p, np.ones(2), np.eye(2), 0.5 * np.eye(2)),
            "positive semidefinite; got smallest eigenvalue -0.5",
        ),
        (lambda p: step_moments(p, np.ones(2), np.zeros((2, 2)), np.eye(2), points=5), "`points` must be"),
        (lambda p: state_evolution(p, np.ones(2), steps=0), "`steps` must be an integer of at least 1; got 0"),
        (
            lambda p: interacting_step(p.replace(d=2), np.ones(2), np.zeros((2, 2)), np.eye(2), finite_d=True),
            "`d` must be at least 4",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(Problem(n=200, d=100, width=2, target="z1*z2"))
