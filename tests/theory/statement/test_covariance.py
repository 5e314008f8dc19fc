"""The covariance of the inputs and the target's place in its eigenbasis: rules, forms, and what is drawn."""

import json
import pickle

import numpy as np
import pytest

from spikes.simulation.ensemble import simulate_ensemble
from spikes.simulation.label_fit import exact_fit
from spikes.simulation.matrix_free import matrix_free_spectrum
from spikes.simulation.one_step import simulate
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence
from spikes.simulation.trajectory import trajectory
from theory import Problem
from theory.giant_steps import cosine_law, predict_learning
from theory.nonlinear_features import spike_terms
from theory.random_features import initial_law, random_feature_errors
from theory.statement import Covariance, Direction

SIZES = {"n": 120, "d": 40, "width": 60}
PROBLEM = Problem(**SIZES, covariance="power:1.0")


def rotated(values, seed=0):
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))
    return (vectors * values) @ vectors.T


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"covariance": [1.0, 2.0]}, "`covariance` must have d = 40 eigenvalues; given has 2"),
        ({"covariance": [-1.0] + [1.0] * 39}, "`covariance` must be positive semidefinite; it has the eigenvalue -1"),
        ({"covariance": -np.eye(40)}, "`covariance` must be positive semidefinite; it has the eigenvalue -1"),
        ({"covariance": [1.0, np.nan] * 20}, "`covariance` must be finite; eigenvalue 2 is nan"),
        ({"covariance": np.full((40, 40), np.inf)}, r"`covariance` must be finite; entry \(0, 0\) is inf"),
        ({"covariance": np.zeros(40)}, "`covariance` must have a positive finite trace, to be rescaled to d; got 0"),
        ({"covariance": np.triu(np.ones((40, 40)))}, "`covariance` must be symmetric"),
        ({"covariance": np.ones((40, 39))}, r"`covariance` must be square where it is a matrix; got shape \(40, 39\)"),
        ({"covariance": "power:x"}, "`covariance` must be power:γ with a finite number γ; got 'power:x'"),
        ({"covariance": "white"}, "`covariance` must be power:1.0, eigenvalues, a matrix or a .npy or .csv file; got"),
        ({"covariance": 3}, "`covariance` must be power:1.0, eigenvalues"),
        ({"covariance": []}, "`covariance` must be power:1.0, eigenvalues"),
        ({"covariance": "nowhere.npy"}, "`covariance` must be a file that can be read; nowhere.npy: No such file"),
        ({"direction": "bottom"}, "`direction` must be uniform, top, weights or a .npy or .csv file; got 'bottom'"),
        ({"direction": np.ones(3)}, "`direction` must have 1 x 40 weights, latents by d; got 1 x 3"),
        ({"direction": [np.inf] * 40}, "`direction` must be finite; got inf"),
        ({"direction": np.zeros(40)}, "`direction` must lie where the inputs vary; latent 1 has variance 0"),
        ({"target": "z1*z2", "direction": np.ones((2, 40))}, "`direction` must give latents that are uncorrelated"),
        ({"covariance": None, "direction": "top"}, "`direction` must go with a `covariance`, without which all are"),
    ],
)
def test_what_breaks_a_rule_is_refused(fields, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        PROBLEM.replace(**fields)


def test_eigenvalues_have_trace_d_and_say_what_they_were():
    np.testing.assert_allclose(PROBLEM.eigenvalues, 40 / np.sum(1 / np.arange(1, 41)) / np.arange(1, 41))
    given = PROBLEM.replace(covariance=np.arange(1.0, 41.0))
    assert given.eigenvalues.sum() == pytest.approx(40.0, rel=1e-14)
    assert str(given.law_of_x) == "given, rescaled from trace 820 to 40"
    assert str(PROBLEM.replace(covariance=np.ones(40)).law_of_x) == "given"
    # what an eigendecomposition leaves below zero is zero
    assert PROBLEM.replace(covariance=[1.0] * 39 + [-1e-15]).eigenvalues[-1] == 0.0
    # an exponent whose powers leave the range of floating point
    assert PROBLEM.replace(covariance="power:400").eigenvalues[0] == pytest.approx(40.0)


def test_a_matrix_and_files_are_taken_by_their_eigenvalues(tmp_path):
    values = np.linspace(3.0, 0.0, 40)
    for name, content in (("s.npy", values), ("S.npy", rotated(values))):
        np.save(tmp_path / name, content)
    np.savetxt(tmp_path / "s.csv", values, delimiter=",")
    np.savetxt(tmp_path / "S.csv", rotated(values), delimiter=",")
    expected = values * 40 / values.sum()
    for source in (rotated(values), *(str(tmp_path / name) for name in ("s.npy", "S.npy", "s.csv", "S.csv"))):
        problem = PROBLEM.replace(covariance=source)
        np.testing.assert_allclose(problem.eigenvalues, expected, rtol=1e-9, atol=1e-9)
    assert problem.law_of_x.name == "S.csv"
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"^`covariance` must be a file of numbers"):
        PROBLEM.replace(covariance=str(tmp_path / "text.csv"))


@pytest.mark.parametrize("direction", ["uniform", "top", np.random.default_rng(1).standard_normal(40)])
def test_one_latent_has_variance_one(direction):
    problem = PROBLEM.replace(direction=direction)
    assert (problem.directions**2) @ problem.eigenvalues == pytest.approx(1.0)


@pytest.mark.parametrize("direction", ["uniform", "top"])
def test_latents_are_uncorrelated(direction):
    problem = PROBLEM.replace(target="z1 + z2*z3", direction=direction)
    W = problem.directions
    np.testing.assert_allclose((W * problem.eigenvalues) @ W.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "fields",
    [
        {"covariance": "power:1.0"},
        {"covariance": "3," * 39 + "1"},
        {"covariance": np.linspace(1, 2, 40), "direction": np.linspace(-1, 1, 40)},
        {"covariance": Covariance("mine", power=0.5), "direction": Direction("top")},
    ],
)
def test_a_problem_is_itself_again(fields):
    problem = Problem(**SIZES, **fields)
    assert Problem.from_dict(json.loads(json.dumps(problem.to_dict()))) == problem
    again = pickle.loads(pickle.dumps(problem))
    assert again == problem
    assert hash(again) == hash(problem)
    assert problem != Problem(**SIZES)


def test_rows_and_labels_have_the_law_that_is_stated():
    problem = PROBLEM.replace(target="z1 + z1*z2", noise=0.0, direction="top")
    samples = Samples(problem, as_seed_sequence(3), 20_000)
    X, y = np.empty((20_000, 40)), np.empty(20_000)
    samples.draw(0, 20_000, X, y)
    plain = np.empty_like(X)
    Samples(problem.replace(covariance=None, direction="uniform"), as_seed_sequence(3), 20_000).draw(
        0, 20_000, plain, np.empty(20_000)
    )
    np.testing.assert_array_equal(X, plain * np.sqrt(problem.eigenvalues))  # the same stream, scaled by columns
    z = X @ problem.directions.T
    np.testing.assert_array_equal(y, z[:, 0] + z[:, 0] * z[:, 1])
    # of 20 000 draws each variance has a relative standard error of 1 %; 40 of them lie within 5
    np.testing.assert_allclose(X.var(axis=0), problem.eigenvalues, rtol=0.05)


def test_overlap_and_norm_are_those_of_the_inputs():
    problem = PROBLEM.replace(n=200, n_step=20_000, noise=0.0, target="z")
    run = simulate(problem, 1, test_samples=64)
    s, b2 = problem.eigenvalues, problem.directions[0] ** 2
    power = b2 @ s**3 + np.mean(s**2) * 40 / 20_000
    # β = Σβ⋆ up to sampling noise of relative size √(d/n₀) = 4 %
    assert run.beta_norm2 == pytest.approx(power, rel=0.06)
    assert run.overlap[0] == pytest.approx(b2 @ s**2 / np.sqrt(power), rel=0.03)


@pytest.mark.parametrize(
    "use",
    [
        cosine_law,
        predict_learning,
        exact_fit,
        trajectory,
        initial_law,
        random_feature_errors,
        lambda problem: spike_terms(problem, 2),
    ],
)
def test_what_is_for_isotropic_inputs_says_so(use):
    with pytest.raises(
        ValueError, match=r"^`covariance` must be left out of .*, for isotropic inputs alone; got power:1$"
    ):
        use(PROBLEM)


def test_matrix_free_and_in_memory_see_the_same_features():
    problem = PROBLEM.replace(alpha=0.45, direction="top")
    free = matrix_free_spectrum(problem, count=2, seeds=1, workers=1)
    held = simulate_ensemble(problem, seeds=1, workers=1, test_samples=64).runs[0]
    np.testing.assert_allclose(free.runs[0].singular_values, held.after.singular_values[:2], rtol=1e-7)
    np.testing.assert_allclose(free.runs[0].overlap, held.overlap)
    assert free.runs[0].beta_norm2 == pytest.approx(held.beta_norm2)
