"""A readout's learning curve: predicted beside splits, in one contract, the same from any kind of table."""

import json
import math
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from spikes import readout
from spikes.runtime.array_file import load_rows
from spikes.runtime.labelled_table import LabelledTable, labelled_table
from spikes.simulation.readout import fit_readouts
from spikes.simulation.seeds import as_seed_sequence


@lru_cache(maxsize=1)
def arrays() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    F = np.exp(0.4 * rng.standard_normal((600, 1))) * rng.standard_normal((600, 40)) + 2.0
    return F, F[:, 0] - F[:, 1] + rng.standard_normal(600)


@lru_cache(maxsize=1)
def study():
    return readout(*arrays(), n=[30, 100, 300, 1000], ridge=[0.01, 0.3], splits=30)


def test_prediction_agrees_with_splits():
    rows = [r for r in study().rows() if r.quantity.startswith("test_error")]
    assert len(rows) == 6
    for r in rows:
        n = int(r.quantity.split("n = ")[1].split(",")[0])
        # 4 standard errors over 30 splits, and corrections of relative order 1/n
        assert abs(r.simulation - r.theory) < 4.0 * r.sem + 2.0 / n * r.theory


def test_contract():
    content = json.loads(json.dumps(study().to_dict(), allow_nan=False))
    assert list(content)[:5] == ["schema", "problem", "theory", "simulation", "agreement"]
    theory, simulation = content["theory"], content["simulation"]
    assert (theory["n"], theory["ridge"]) == ([30, 100, 300, 1000], [0.01, 0.3])
    for name in ("test_error", "train_error", "degrees_of_freedom"):
        assert np.shape(theory[name]) == (4, 2)
        assert [values is None for values in simulation[name]] == [False, False, False, True]
        assert set(simulation[name][0][0]) == {"mean", "sem"}
    assert theory["extrapolated"] == [False, False, False, True]
    assert [values is None for values in theory["sem"]] == [True, True, True, False]
    assert set(content["best"]["300"]) == {"ridge", "test_error"}
    assert content["best"]["300"]["test_error"] == min(theory["test_error"][2])
    assert content["agreement"][0]["quantity"] == "test_error, n = 30, ridge 0.01"
    assert "centred with the means of the pool's 600 rows" in content["note"]
    assert "beyond the pool: extrapolated" in content["note"]


def test_splits_are_plain_fits():
    F, y = arrays()
    found = fit_readouts(F, y, [25, 200], [0.1], as_seed_sequence(5), splits=2)
    F, y = F - F.mean(axis=0), y - y.mean()
    for i in range(2):
        generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(5, spawn_key=(i,))))
        order = generator.permutation(600)
        for a, n in enumerate((25, 200)):
            fit, rest = order[:n], order[n:]
            G = F[fit].T @ F[fit] / n
            readouts = np.linalg.solve(G + 0.1 * np.eye(40), F[fit].T @ y[fit] / n)
            assert found.test_error[i, a, 0] == pytest.approx(np.mean((y[rest] - F[rest] @ readouts) ** 2), rel=1e-10)
            assert found.train_error[i, a, 0] == pytest.approx(np.mean((y[fit] - F[fit] @ readouts) ** 2), rel=1e-10)
            freedom = np.trace(G @ np.linalg.inv(G + 0.1 * np.eye(40)))
            assert found.degrees_of_freedom[i, a, 0] == pytest.approx(freedom, rel=1e-10)


def test_any_table_gives_the_same(tmp_path):
    F, y = arrays()
    F, y = F[:100, :8], y[:100]
    expected = readout(F, y, n=40, ridge=0.1, splits=2).to_dict()
    frame = pd.DataFrame(F, columns=list("abcdefgh"))
    assert readout(frame, pd.Series(y), n=40, ridge=0.1, splits=2).to_dict() == expected
    assert readout(frame.assign(target=y), label="target", n=40, ridge=0.1, splits=2).to_dict() == expected
    np.save(tmp_path / "F.npy", F)
    mapped = load_rows(tmp_path / "F.npy", argument="F")
    assert readout(np.load(tmp_path / "F.npy", mmap_mode="r"), y, n=40, ridge=0.1, splits=2).to_dict() == expected
    assert readout(mapped, y[:, None], n=40, ridge=0.1, splits=2).to_dict() == expected
    # one block of rows at a time: the same but for rounding
    with pytest.MonkeyPatch.context() as patch:
        for module in ("theory.finite_pool", "spikes.simulation.readout", "spikes.runtime.labelled_table"):
            patch.setattr(f"{module}._BLOCK", 70)
        streamed = readout(mapped, y, n=40, ridge=0.1, splits=2).to_dict()
    for part in ("theory", "simulation"):
        for name in ("test_error", "train_error", "degrees_of_freedom"):
            flat = [
                value["mean"] if isinstance(value, dict) else value
                for content in (streamed, expected)
                for value in content[part][name][0]
            ]
            assert flat[0] == pytest.approx(flat[1], rel=1e-6)


def test_labels_that_halve_the_error():
    rng = np.random.default_rng(1)
    F = rng.standard_normal((1200, 200))
    y = F @ rng.standard_normal(200) / math.sqrt(200.0) + 0.1 * rng.standard_normal(1200)
    half = readout(F, y, n=100, ridge=[1e-3, 1e-2, 0.1, 1.0], splits=0).halving
    assert not half.extrapolated
    grid = readout(F, y, n=round(half.labels), ridge=np.geomspace(1e-3, 1.0, 61), splits=0)
    assert min(grid.theory.test_error[0]) == pytest.approx(0.5 * half.error, rel=0.02)
    # noise of half the variance: no number of labels
    noisy = readout(F, y + rng.standard_normal(1200), n=1000, ridge=[0.1, 1.0], splits=0)
    assert noisy.halving.labels == math.inf
    assert "if any number is enough" in noisy.remark()


def test_constant_columns_are_named():
    F, y = arrays()
    frame = pd.DataFrame(F[:60, :3], columns=list("abc")).assign(flat=7.0)
    one = readout(frame, y[:60], n=20, ridge=0.1, splits=0)
    assert "constant column 'flat' left out" in one.note()
    other = readout(frame[["a", "b", "c"]], y[:60], n=20, ridge=0.1, splits=0)
    assert one.theory.test_error == pytest.approx(other.theory.test_error, rel=1e-9)


def test_defaults():
    F, y = arrays()
    default = readout(F, y, splits=0)
    assert default.n == (30, 90, 240, 480)
    assert len(default.ridges) == 9
    assert default.ridges[-1] / default.ridges[0] == pytest.approx(1e6, rel=0.5)  # to one digit
    assert default.measured("test_error") == [None] * 4
    assert default.rows() == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"n": 1}, "`n` must be an integer of at least 2; got 1"),
        ({"n": 10**6}, "`n` must be at most 64 times the pool's 600 rows; got 1000000"),
        ({"ridge": 0.0}, "`ridge` must be positive; got 0.0"),
        ({"splits": 1}, "`splits` must be an integer of at least 2; got 1"),
        ({"seed": -1}, "`seed` must be a non-negative integer"),
        ({"label": "a"}, "`label` must be left out beside `labels`"),
    ],
)
def test_arguments(arguments, complaint):
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(")):
        readout(*arrays(), **arguments)


def missing(F):
    F = F.copy()
    F[3, 1] = np.nan
    return F


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda F, y: (missing(F), y), "1 entry is missing or infinite, the first in row 3, column '1'"),
        (lambda F, y: (F, missing(y[:, None] + 0 * F)[:, 1]), "`labels` must be complete and finite; 1 entry is not"),
        (lambda F, y: (F, y[:-1]), "`labels` must be one for each of 600 rows; got 599"),
        (lambda F, y: (F, np.full(600, "a")), "`labels` must hold numbers; got 'a': write classes as numbers"),
        (lambda F, y: (F.astype(str), y), "`features` must hold numbers"),
        (lambda F, y: (F, 0.0 * y + 2.0), "`labels` must not be all the same; got 2 in every row"),
        (lambda F, y: (0.0 * F, y), "`features` must hold something beside constant columns"),
        (lambda F, y: (F + 1j, y), "`features` must hold real numbers"),
        (lambda F, y: (F[:9], y[:9]), "`features` must have at least 20 rows; got 9"),
        (lambda F, y: (F[0], y), "`features` must have two dimensions"),
    ],
)
def test_bad_arrays(change, complaint):
    with pytest.raises(ValueError) as refusal:
        readout(*change(*arrays()))
    assert complaint in str(refusal.value)


def test_bad_label_columns():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "y": [0.0, 1.0]})
    for arguments, complaint in (
        ({"label": "z"}, "`label` must be one of the columns a, b, y; got 'z'"),
        ({"label": "y"}, "column 'b' is not numeric"),
        ({"label": "b"}, "column 'b' must hold numbers; got 'x': write classes as numbers"),
        ({}, "`label` must name the column of `features` that holds the labels"),
    ):
        with pytest.raises(ValueError) as refusal:
            labelled_table(frame, **arguments)
        assert complaint in str(refusal.value)
    with pytest.raises(ValueError, match="`label` must go with a table of named columns"):
        labelled_table(np.ones((3, 2)), label="a")
    whole = labelled_table(frame[["a", "y"]], label="y")
    assert isinstance(whole, LabelledTable)
    assert (whole.columns, whole.labels.tolist()) == (("a",), [0.0, 1.0])


def far_out():
    rng = np.random.default_rng(3)
    F = rng.standard_normal((500, 20))
    F[:50] *= 10.0
    return F, F[:, 0] + rng.standard_normal(500)


def test_law_is_of_rows_where_it_is_cheap_or_leverages_are_uneven(monkeypatch):
    F, y = far_out()
    chosen = readout(F, y, n=[50, 900], ridge=[0.1, 1.0], splits=0)
    assert chosen.law == "rows"
    assert "the law has a weight for every row" in chosen.note()
    rows = readout(F, y, n=[50, 900], ridge=[0.1, 1.0], splits=0, law="rows")
    classes = readout(F, y, n=[50, 900], ridge=[0.1, 1.0], splits=0, law="classes")
    assert (chosen.theory.test_error == rows.theory.test_error).all()
    assert (rows.theory.test_error[0] != classes.theory.test_error[0]).all()
    assert (rows.theory.test_error[1] == classes.theory.test_error[1]).all()  # beyond the pool
    assert chosen.to_dict()["theory"]["law"] == "rows"
    assert chosen.to_dict()["theory"]["unevenness"] > 0.3
    # too much for a few seconds, not for half a minute
    monkeypatch.setattr("spikes.studies.readout.study.QUICK", 1.0)
    assert readout(F, y, n=50, ridge=0.1, splits=0).law == "rows"
    assert readout(*arrays(), n=50, ridge=0.1, splits=0).law == ("rows" if study().unevenness > 0.3 else "classes")
    monkeypatch.setattr("spikes.studies.readout.study.LONG", 1.0)
    told = readout(F, y, n=50, ridge=0.1, splits=0)
    assert told.law == "classes"
    assert f"leverages are uneven, of relative variance {told.unevenness:.2g}: the law in classes" in told.note()
    assert told.note().endswith("take the law `rows`")
    rng = np.random.default_rng(0)
    even = rng.standard_normal((300, 10))
    calm = readout(even, even[:, 0] + rng.standard_normal(300), n=50, ridge=0.1, splits=0)
    assert calm.law == "classes"
    assert "leverages" not in calm.note()


def test_law_is_one_of_two():
    F, y = far_out()
    with pytest.raises(ValueError, match="`law` must be one of classes, rows; got 'row'"):
        readout(F, y, n=50, ridge=0.1, splits=0, law="row")
