"""One giant step in simulation: cosines at n = O(d), specialisation at n = d^ℓ, blindness."""

import math

import numpy as np
import pytest

from spikes.simulation.trajectory import trajectory
from theory import Problem
from theory.giant_steps import cosine_law, predict_neurons
from theory.statement.protocol import Protocol

EX1 = "(4*z1 + z1**2 + z2)/2"
HE124X2 = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"


def problem_of(target, **changes):
    fields = {"n": 1500, "d": 700, "width": 512, "eta": 1.0, "second_layer": "rademacher", "centered": False}
    return Problem(target=target, **(fields | changes))


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize(
    "target", [pytest.param(EX1, marks=pytest.mark.slow), pytest.param("z1 + z1*z2", marks=pytest.mark.study)]
)
def test_cosines_at_n_of_order_d(target, activation):
    problem, seeds = problem_of(target, activation=activation, noise=0.5), 40
    law = cosine_law(problem)
    cosines = np.stack([trajectory(problem, Protocol(), seed).gradient_cosines[0, :256] for seed in range(seeds)])
    means = cosines.mean(axis=1)
    z = (means.mean(axis=0) - law.mean) / (means.std(axis=0, ddof=1) / math.sqrt(seeds))
    assert np.max(np.abs(z)) < 4.0
    # 256 neurons times 40 seeds leave 1 % of sampling error on the spread over neurons; corrections are O(1/√d), 4 %
    assert np.max(np.abs(cosines.std(axis=1, ddof=1).mean(axis=0) / law.neuron_std - 1.0)) < 0.08
    # a standard deviation of 40 values has standard error 1/√(2·39) = 11 %
    assert np.max(np.abs(means.std(axis=0, ddof=1) / law.seed_std - 1.0)) < 4.0 / math.sqrt(2.0 * (seeds - 1))


@pytest.mark.parametrize(
    "d", [*(pytest.param(d, marks=pytest.mark.slow) for d in (200, 400)), pytest.param(800, marks=pytest.mark.study)]
)
@pytest.mark.parametrize(
    ("target", "activation", "noise"),
    [(EX1, "relu", 0.5), ("z + 1.5", "relu", 0.3), ("z1 + z1*z2 - 1", "softplus", 0.3)],
)
def test_spread_over_neurons_where_the_mean_label_moves_them(target, activation, noise, d):
    """c₂C₀ ≠ 0: the gradient's product with its own weights fluctuates too."""
    problem = problem_of(target, n=round(2.15 * d), d=d, width=1024, activation=activation, noise=noise)
    seeds = {200: 48, 400: 40, 800: 24}[d]
    cosines = np.stack([trajectory(problem, Protocol(), seed).gradient_cosines[0, :512] for seed in range(seeds)])
    spread = cosines.var(axis=1, ddof=1)
    z = (spread.mean(axis=0) - np.diag(cosine_law(problem).neuron_covariance)) / (
        spread.std(axis=0, ddof=1) / math.sqrt(seeds)
    )
    assert np.max(np.abs(z)) < 3.0


def squared_cosines(problem, protocol, seeds, half):
    """Means over neurons, simulated and predicted at the realised overlaps, one entry a seed."""
    rows = []
    for seed in range(seeds):
        made = trajectory(problem, protocol, seed)
        predicted = predict_neurons(problem, made.M[0, :half], protocol=protocol)
        rows.append(
            [
                np.sum(made.gradient_cosines[0, :half] ** 2, axis=1).mean(),
                predicted.gradient_cos2.sum(axis=1).mean(),
            ]
        )
    return np.array(rows).T


@pytest.mark.parametrize(
    "target", [pytest.param("z1*z2", marks=pytest.mark.study), pytest.param(HE124X2, marks=pytest.mark.slow)]
)
def test_specialisation_at_n_equal_d_squared(target):
    d = 256
    problem = problem_of(target, n=d**2, d=d, noise=0.0, width=2048)
    simulated, predicted = squared_cosines(problem, Protocol(preprocessing="ols"), 2, 1024)
    # measured 0.1 %; 5 % is the acceptance
    assert simulated.mean() == pytest.approx(predicted.mean(), rel=0.02)


@pytest.mark.slow
def test_specialisation_at_n_equal_d_cubed():
    d = 48
    problem = problem_of("He3(z)", n=d**3, d=d, noise=0.0, activation="erf")
    simulated, predicted = squared_cosines(problem, Protocol(preprocessing="ols"), 3, 256)
    assert simulated.mean() == pytest.approx(predicted.mean(), rel=0.05)


def test_specialisation_is_paired_neuron_by_neuron():
    d = 64
    problem = problem_of("z1*z2", n=d**2, d=d, noise=0.0, width=512)
    made = trajectory(problem, Protocol(preprocessing="ols"), 1)
    predicted = predict_neurons(problem, made.M[0, :256], protocol=Protocol(preprocessing="ols"))
    simulated = made.gradient_cosines[0, :256] ** 2
    # one neuron fluctuates by O(1/√d) about its prediction; all neurons of one batch share O(1/d)
    assert np.mean(simulated) == pytest.approx(np.mean(predicted.gradient_cos2), rel=0.08)
    assert np.corrcoef(simulated[:, 0], predicted.gradient_cos2[:, 0])[0, 1] > 0.8


@pytest.mark.parametrize(("activation", "target"), [("erf", "z1*z2"), ("relu", "He3(z)")])
def test_an_activation_is_blind_to_a_degree_it_lacks(activation, target):
    d = 64
    problem = problem_of(target, n=2 * d**2, d=d, noise=0.0, width=512, activation=activation)
    made = trajectory(problem, Protocol(preprocessing="ols"), 2)
    k = problem.teacher.k
    seen = np.sum(made.gradient_cosines[0, :256] ** 2, axis=1).mean()
    predicted = predict_neurons(problem, made.M[0, :256], protocol=Protocol(preprocessing="ols"))
    # nothing but the floor, a few times k/d
    assert seen < 6.0 * k / d
    assert seen == pytest.approx(predicted.gradient_cos2.sum(axis=1).mean(), abs=3.0 * k / d)


def test_weights_are_predicted_at_every_step_size():
    d, width = 128, 1024
    for size in (1.0, 10.0):
        problem = problem_of("z1*z2", n=d**2, d=d, noise=0.0, width=width, eta=size * math.sqrt(d * width))
        made = trajectory(problem, Protocol(preprocessing="ols"), 4)
        predicted = predict_neurons(problem, made.M[0], protocol=Protocol(preprocessing="ols"), a=made.a)
        simulated = np.sum(made.cosines[1] ** 2, axis=1).mean()
        # corrections of order 1/d, and a spread over batches of the same order
        assert simulated == pytest.approx(predicted.weight_cos2.sum(axis=1).mean(), rel=4.0 / d)
