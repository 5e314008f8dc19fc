"""A step on a user's own inputs: disjoint seeded rows, failing assumptions named, theory only where none fails."""

import json
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from spikes.runtime.array_file import StoredRows, load_arrays
from spikes.simulation.dataset import as_dataset, check_shares, draw_split, load_dataset
from spikes.simulation.gradient import rank_one_share
from spikes.simulation.how import How
from spikes.simulation.one_step import Batches, simulate_on
from spikes.simulation.samples import Batch
from spikes.simulation.seeds import as_seed_sequence
from spikes.studies.own_data.gaussian_checks import check_inputs, check_projection
from spikes.studies.own_data.study import study_data
from theory.statement.problem import Problem

PROBLEM = Problem(n=2, d=2, width=60, ridge=(0.1, 1.0))
NAMES = [
    "mean zero",
    "isotropic covariance",
    "no direction of larger variance",
    "norms concentrate as of a Gaussian",
    "Gaussian marginals",
    "Gaussian along the estimated direction",
]


def inputs(rows=500, d=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, d))
    return X, X[:, 0] + 0.5 * (X[:, 0] ** 2 - 1.0) + 0.5 * rng.standard_normal(rows)


def failing(X, y) -> set[str]:
    data = as_dataset(X, y)
    step, fit, _ = draw_split(data, (0.4, 0.4, 0.2), np.random.default_rng(1))
    return {c.assumption for c in (*check_inputs(data), check_projection(step, fit)) if not c.holds}


@pytest.mark.parametrize(("rows", "d"), [(400, 3), (2000, 50), (150, 300)])
def test_gaussian_inputs_pass(rows, d):
    # each of six checks fails with odds 1e-4
    assert failing(*inputs(rows, d)) == set()


def test_checks_are_calibrated():
    # means of figures that are 1 in expectation, over 60 data sets: 5 standard errors of the scatter that is seen
    drawn = [check_inputs(as_dataset(*inputs(300, 30, seed))) for seed in range(60)]
    values = np.array([[c.value for c in checks] for checks in drawn])[:, [0, 1, 3, 4]]
    sem = values.std(axis=0, ddof=1) / np.sqrt(60)
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - 1.0), 5.0 * sem)
    # Tracy and Widom's law has mean −1.21 and standard deviation 1.27
    edge = np.array([checks[2].value for checks in drawn])
    assert abs(edge.mean() + 1.21) < 5.0 * 1.27 / np.sqrt(60)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda X: X + 0.2, {"mean zero"}),
        (lambda X: 1.1 * X, {"isotropic covariance"}),
        (lambda X: X * np.where(np.arange(X.shape[1]), 1.0, 1.6), {"no direction of larger variance"}),
        (lambda X: X * np.sqrt(X.shape[1]) / np.linalg.norm(X, axis=1, keepdims=True), {NAMES[3]}),
        (lambda X: X * (1.0 + 0.3 * np.sign(X[:, :1])), {NAMES[5]}),
        (np.sign, {"norms concentrate as of a Gaussian", "Gaussian marginals"}),
        (lambda X: X @ np.linalg.inv(np.linalg.cholesky(X.T @ X / len(X))).T, {"isotropic covariance"}),
    ],
    ids=["mean", "scale", "spike", "sphere", "direction", "signs", "whitened"],
)
def test_what_fails_is_named(change, expected):
    X, y = inputs(2000, 40)
    assert expected <= failing(change(X), y)


def test_rows_are_disjoint_and_seeded():
    data = as_dataset(*inputs())
    split = draw_split(data, (0.4, 0.35, 0.2), np.random.default_rng(0))
    rows = np.concatenate([part.index for part in split])
    assert [part.rows for part in split] == [200, 175, 100]
    assert len(set(rows.tolist())) == 475
    again = draw_split(data, (0.4, 0.35, 0.2), np.random.default_rng(0))
    assert all((a.index == b.index).all() for a, b in zip(split, again, strict=True))
    assert check_shares((0.1, 0.2, 0.7), 1000) == (100, 200, 700)


def test_a_run_is_that_of_the_rows_themselves():
    data, sequence = as_dataset(*inputs(1700, 20)), as_seed_sequence(3)
    split = draw_split(data, (0.4, 0.4, 0.2), np.random.default_rng(0))
    problem = PROBLEM.replace(n=680, n_step=680, d=20)
    plain = Batches(*(Batch(data.X[part.index], data.y[part.index]) for part in split))
    for method in ("gram", "svd", "streamed"):
        a, b = (
            simulate_on(batches, (problem,), sequence, how=How(method=method))[0]
            for batches in (Batches(*split), plain)
        )
        for name in ("test_error", "train_error", "eigenvalues"):
            assert np.array_equal(getattr(a.after, name), getattr(b.after, name))
            assert np.array_equal(getattr(a.before, name), getattr(b.before, name))
        assert a.gradient_share == b.gradient_share
    assert 0.0 < a.gradient_share < 1.0


def test_share_of_the_largest_singular_value():
    matrix = np.random.default_rng(0).standard_normal((30, 12))
    values = np.linalg.svd(matrix, compute_uv=False)
    assert rank_one_share(matrix) == pytest.approx(values[0] ** 2 / np.sum(values**2), rel=1e-10)
    assert np.isnan(rank_one_share(np.zeros((3, 4))))


@pytest.mark.slow
def test_files_give_the_same_bits(tmp_path):
    X, y = inputs()
    np.savez(tmp_path / "plain.npz", X=X, y=y, other=np.array([{}]))
    np.savez_compressed(tmp_path / "small.npz", y=y, X=X)
    np.savez(tmp_path / "fortran.npz", X=np.asfortranarray(X), y=y)
    left_there = load_arrays(tmp_path / "plain.npz", ("X", "y"), argument="data")
    assert all(isinstance(array, StoredRows) for array in left_there)
    assert isinstance(load_dataset(tmp_path / "fortran.npz").X, StoredRows)
    expected = study_data(as_dataset(X, y), PROBLEM, seeds=2, workers=1).to_dict()
    for name, workers in (("plain", 1), ("small", 1), ("fortran", 1), ("plain", 2)):
        path = tmp_path / f"{name}.npz"
        found = study_data(load_dataset(path), PROBLEM, seeds=2, workers=workers).to_dict()
        assert found["problem"]["data"].pop("file") == str(path)
        found["problem"]["data"]["file"] = None
        assert found == expected


def test_integers_are_numbers():
    X, y = inputs()
    X, y = np.round(3.0 * X).astype(np.int16), np.sign(y).astype(np.int8)
    whole = study_data(as_dataset(X, y), PROBLEM, seeds=1, workers=1).to_dict()
    assert study_data(as_dataset(X.astype(float), y.astype(float)), PROBLEM, seeds=1, workers=1).to_dict() == whole


@pytest.mark.slow
def test_theory_where_it_holds():
    study = study_data(as_dataset(*inputs(3000, 150)), PROBLEM.replace(width=200), seeds=6, workers=1)
    assert study.holds
    # over splits of the same rows, and with corrections of order 1/N: a fluctuation of E σ² over nN entries
    means = [row for row in study.rows() if row.quantity.startswith("mean of")]
    assert len(means) == 2
    for row in means:
        assert abs(row.relative) < 0.05
    content = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    bulk = content["theory"]["before"]["bulk"]
    low, high = bulk["edges"][0][0], bulk["edges"][-1][1]
    values = study.simulation.values("before", "eigenvalues")
    # fluctuations of the edges
    assert values[:, 0] == pytest.approx(high, rel=5.0 * 200 ** (-2 / 3))
    assert values[:, -1] == pytest.approx(low, rel=5.0 * 200 ** (-2 / 3))
    density = content["theory"]["before"]["density"]
    mass = np.trapezoid(density["density"], density["x"])
    assert mass == pytest.approx(200 / study.problem.n, rel=0.01)
    assert study.outliers("after")["by_gaps"].mean >= 1.0
    assert study.gradient_share().mean > 0.3


def uneven(rows=700, seed=0):
    """Inputs that are far from Gaussian, and labels that a step learns."""
    rng = np.random.default_rng(seed)
    X = np.exp(0.3 * rng.standard_normal((rows, 1))) * np.sign(rng.standard_normal((rows, 25))) + 0.2
    return X, X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.standard_normal(rows)


@lru_cache(maxsize=1)
def of_uneven():
    return study_data(as_dataset(*uneven()), PROBLEM.replace(eta=15.0), seeds=8, workers=1)


def test_laws_of_the_rows_where_assumptions_fail():
    study = of_uneven()
    assert not study.holds
    content = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert content["theory"]["before"] is None
    assert "target" not in content["problem"]
    assert content["theory"]["features"]["after"]["test_error"] == [
        v.mean for v in study.predicted("test_error", "after")
    ]
    for r in study.rows():
        # 4 standard errors over 8 splits of one data set, by Student's t, and corrections of relative order 1/n
        assert abs(r.simulation - r.theory) < 6.0 * r.sem + 4.0 / 280 * r.theory, r
    assert len(study.rows()) == 20
    sizes, penalties, values = study.measured_curve("after")
    assert sizes.tolist() == sorted(set(sizes.tolist()))
    curve = content["simulation"]["learning_curve"]["after"]
    assert (curve["n"], curve["ridge"]) == (sizes.tolist(), penalties.tolist())
    assert curve["test_error"] == [value.to_dict() for value in values]
    x, density = study.pool_density("after")
    assert np.trapezoid(density / x, x) == pytest.approx(60 / 280, abs=0.03)  # mass within the figure's range


def test_conclusion_is_one_sentence_of_both():
    study = of_uneven()
    j = study.best_penalty
    lowered, said = study.lowered(j), study.remark()
    assert f"the test error by {abs(100 * lowered.mean):.2g} ± " in said
    assert f"at ridge {PROBLEM.ridges[j]:g}; predicted" in said
    assert "Inputs are not standard Gaussian (" in said
    # the step's share of the error, predicted by each run's own features
    predicted = 1.0 - study.predicted("test_error", "after")[j].mean / study.predicted("test_error", "before")[j].mean
    assert predicted == pytest.approx(lowered.mean, abs=5.0 * lowered.sem + 0.02)


def test_spikes_of_the_data_and_of_the_step():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((900, 30))
    X[:, 5] *= 12.0  # a spike that is there before the step
    y = X[:, 0] + 0.1 * rng.standard_normal(900)
    found = study_data(as_dataset(X, y), PROBLEM.replace(eta=4.0), seeds=2, workers=1).spikes()
    assert found["of_the_data"].mean >= 1.0


def test_few_rows_have_no_law():
    X, y = uneven(120)
    study = study_data(as_dataset(X, y), PROBLEM, seeds=2, workers=1)
    assert study.to_dict()["theory"]["features"] is None
    assert study.remark().startswith("no law of the features is shown: 72 rows for fit and test are fewer than 100")
    streamed = study_data(as_dataset(*uneven(300)), PROBLEM, seeds=1, workers=1, method="streamed")
    assert "a streamed run does not store them" in streamed.remark()


def test_tables_and_standardizing(tmp_path):
    X, y = uneven(100)
    frame = pd.DataFrame(X).rename(columns=str).assign(flat=1.0, label=y)
    frame.to_csv(tmp_path / "a.csv", index=False)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    table = load_dataset(tmp_path / "a.csv", "label", standardize=True)
    pair = load_dataset(tmp_path / "X.npy", str(tmp_path / "y.npy"), standardize=True)
    assert table.d == pair.d == 25  # the constant column is left out
    assert pytest.approx(pair.X) == table.X
    assert pytest.approx((X - X.mean(axis=0)) / X.std(axis=0)) == table.X
    assert table.y == pytest.approx((y - y.mean()) / y.std())
    with pytest.raises(ValueError, match="`data` must have two columns that are not constant; got 1"):
        load_dataset(_written(tmp_path, frame[["0", "flat", "label"]]), "label", standardize=True)


def _written(folder, frame) -> str:
    frame.to_csv(folder / "b.csv", index=False)
    return str(folder / "b.csv")


def test_labels_without_direction():
    X, _ = inputs()
    y = np.zeros(len(X))
    y[0] = 1.0
    with pytest.raises(ArithmeticError, match="vanishes"):
        study_data(as_dataset(X, y), PROBLEM, shares=(0.1, 0.1, 0.1), seeds=12, workers=1)


def test_uneven_leverages_have_weights_and_are_told():
    X, y = inputs(400, 20)
    X[::20] *= 10.0
    uneven = study_data(as_dataset(X, y - y.mean()), PROBLEM, seeds=2)
    assert "their leverages are uneven, of relative variance" in uneven.trust()
    even = study_data(as_dataset(*inputs(400, 20)), PROBLEM, seeds=2)
    assert "uneven" not in even.trust()
    for study, same in ((even, True), (uneven, False)):
        law = study.measured[0]
        at = int(np.flatnonzero(law.errors["after"].n == study.problem.n)[0])
        # to the interpolation between nodes
        assert (law.fit["after"].test_error[0] == pytest.approx(law.errors["after"].test_error[at], rel=1e-4)) == same
