"""The predicted learning curve: its spectrum against sampled matrices, its errors against identities."""

import numpy as np
import pytest

from theory import Problem
from theory.giant_steps import learning_curve, predict_learning, step_spectrum
from theory.random_features import random_feature_errors

HE124X2 = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"


def problem_of(target=HE124X2, **changes):
    fields = {"n": 4871, "d": 128, "width": 512, "noise": 0.0, "alpha": 0.5, "scale": 10.0, "ridge": 0.105}
    return Problem(target=target, centered=False, **(fields | changes))


@pytest.fixture
def few_nodes(monkeypatch):
    """Coarse rules, for identities that hold at any."""
    monkeypatch.setattr(learning_curve, "_CODE_ORDER", {0: 4, 1: 4, 2: 4})
    monkeypatch.setattr(learning_curve, "_LATENT_ORDER", {1: 12, 2: 8})
    monkeypatch.setattr(learning_curve, "_SHIFT_ORDER", {1: 6, 2: 3})


def test_without_a_step_it_is_the_law_of_random_features():
    # of the labels less their linear part, all that random features see is power
    problem = problem_of("He2(z1)/2 + He3(z2)/3", eta=0.0, noise=0.2, ridge=(0.02, 0.3))
    made = predict_learning(problem, readout="exact")
    for i, expected in enumerate(random_feature_errors(problem)):
        assert made.test_error[i] == pytest.approx(expected.test_error, rel=1e-8)
        assert made.train_error[i] == pytest.approx(expected.train_error, rel=1e-8)
        assert made.objective[i] == pytest.approx(expected.objective, rel=1e-8)


@pytest.mark.parametrize("target", ["He2(z)/2", "He2(z1)/2 + He2(z1)*z2/3"])
def test_train_error_is_a_derivative_of_the_objective(target, few_nodes):
    """λΨ = min (1/n)|y − Fa|² + λ|a|²: its derivative in λ is |a|², and the train error is what the penalty leaves."""
    h, lam = 1e-4, 0.1
    grid = (lam * (1 - h), lam, lam * (1 + h))
    made = predict_learning(problem_of(target, n=1500, d=60, width=200, ridge=grid), readout="exact")
    penalty = lam * (made.objective[2] - made.objective[0]) / (2 * h * lam)
    assert made.train_error[1] == pytest.approx(made.objective[1] - penalty, rel=1e-5)
    assert np.all(made.train_error < made.objective)
    assert np.all(made.objective < made.test_error)


def test_outliers_and_overlaps_against_sampled_matrices():
    problem = problem_of("z1 + He2(z1)/2 - He2(z2)/3", d=200, n=12000)
    spectrum = step_spectrum(problem)
    assert len(spectrum.outliers) == 2
    order = np.argsort(spectrum.outliers)
    found = []
    for seed in range(4):
        generator = np.random.default_rng(seed)
        X = generator.standard_normal((problem.n, problem.d))
        y = problem.teacher(X[:, :2]) - X[:, 0]
        values, vectors = np.linalg.eigh((X.T * y) @ X / problem.n)
        found.append([values[0], values[-1], values[1], values[-2], vectors[1, 0] ** 2, vectors[0, -1] ** 2])
    found = np.array(found)
    sem = found.std(axis=0, ddof=1) / 2.0
    expected = [*spectrum.outliers[order], *spectrum.edges]
    # an outlier fluctuates by O(n^(-1/2)) = 1 %, overlaps likewise; the edge of 12,000 labels of unbounded law is
    # anywhere in a few per cent of where the labels are cut
    assert np.all(np.abs(found[:, :2].mean(axis=0) - expected[:2]) < 5.0 * sem[:2] + 0.01)
    np.testing.assert_allclose(found[:, 2:4].mean(axis=0), expected[2:], rtol=0.2)
    overlaps = np.sum(spectrum.overlap**2, axis=0)[order]
    assert np.all(np.abs(found[:, 4:].mean(axis=0) - overlaps) < 5.0 * sem[4:] + 0.01)


def test_the_rule_for_the_bulk():
    problem = problem_of()
    spectrum = step_spectrum(problem)
    nodes, weights = spectrum.nodes, spectrum.weights
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ nodes == pytest.approx(0.0, abs=1e-12)
    assert weights @ nodes**2 == pytest.approx(problem.phi0 * spectrum.power, rel=1e-10)
    np.testing.assert_allclose(spectrum.joint_weights.sum(axis=0), np.eye(2), atol=1e-10)
    assert np.all(np.linalg.eigvalsh(spectrum.joint_weights) > -1e-10)


def test_rotating_the_target_changes_nothing(few_nodes):
    plain = problem_of("He2(z1)/2 - He2(z2)/3", n=1500, d=60, width=200)
    # He2((z1 + z2)/√2)/2 − He2((z1 − z2)/√2)/3
    turned = plain.replace(target="(z1**2 + z2**2)/12 + 5*z1*z2/6 - 1/6")
    one, two = (predict_learning(p, readout="exact").test_error[0] for p in (plain, turned))
    # but for where the tail of the labels is cut on another grid: 1e-3 here
    assert one == pytest.approx(two, rel=5e-3)


def test_more_nodes_change_little(monkeypatch):
    problem = problem_of("He2(z)/2 + He3(z)/6", n=3000, d=100, width=300)
    made = predict_learning(problem, readout="exact").test_error[0]
    monkeypatch.setattr(learning_curve, "_BULK", 14)
    monkeypatch.setattr(learning_curve, "_CODE_ORDER", {1: 32})
    monkeypatch.setattr(learning_curve, "_LATENT_ORDER", {1: 40})
    monkeypatch.setattr(learning_curve, "_SHIFT_ORDER", {1: 18})
    assert predict_learning(problem, readout="exact").test_error[0] == pytest.approx(made, rel=1e-2)


def test_one_step_goes_below_the_linear_floor_and_random_features_do_not():
    problem = problem_of("He2(z)/2", n=128**2, ridge=512 / 128**2)
    floor = 0.5
    assert predict_learning(problem).test_error[0] < 0.4 * floor
    assert predict_learning(problem.replace(eta=0.0)).test_error[0] > floor
    # an odd activation sees no second degree
    assert predict_learning(problem.replace(activation="erf")).test_error[0] > floor


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preprocessing": "none"}, "`preprocessing` must be ols or exact for the predicted curve; got 'none'"),
        ({"readout": "moments"}, "`readout` must be one of exact, ols, none; got 'moments'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        predict_learning(problem_of(), **arguments)


def test_bad_problems():
    with pytest.raises(ValueError, match=r"`target` must have more than a linear part; 2\*z \+ 1 has no other"):
        predict_learning(problem_of("2*z + 1"))
    with pytest.raises(ValueError, match=r"`n` must be larger than d . 1 = 129 for an ols readout; got 120"):
        predict_learning(problem_of(n=120, n_step=4000))
