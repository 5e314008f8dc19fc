"""``spikes simulate --data``: JSON, figure, and one-line complaints."""

import json

import numpy as np
import pandas as pd
import pytest

RUN = ["--width", "30", "--seeds", "2", "--workers", "1"]


@pytest.fixture
def made(tmp_path):
    """Write arrays to a .npz file."""

    def write(**arrays) -> str:
        np.savez(tmp_path / "a.npz", **arrays)
        return str(tmp_path / "a.npz")

    return write


X = np.random.default_rng(0).standard_normal((150, 12))
Y = X[:, 0] + 0.1


def test_from_file_to_figure(spikes, made, tmp_path):
    path, figure = made(X=X, y=Y), tmp_path / "a.png"
    run = ["simulate", "--data", path, *RUN, "--ridge", "0.1,1"]
    code, out, err = spikes(*run, "--figure", str(figure))
    assert (code, err) == (0, "")
    assert "Gaussian marginals" in out
    assert "rank-one share of the gradient" in out
    assert out.endswith(f"figure written to {figure}\n")
    assert figure.stat().st_size > 5000
    code, out, _ = spikes(*run, "--json", "-", "--shares", "0.3,0.3,0.2")
    assert code == 0
    content = json.loads(out)
    assert list(content) == ["schema", "problem", "theory", "simulation", "agreement", "run"]
    assert (content["problem"]["n_step"], content["problem"]["n"], content["problem"]["d"]) == (45, 45, 12)
    assert content["problem"]["data"] == {"file": path, "rows": 150, "shares": [0.3, 0.3, 0.2], "test_rows": 30}
    assert set(content["theory"]["assumptions"][0]) == {"assumption", "figure", "value", "low", "high", "holds"}
    assert content["simulation"]["before"]["test_error"][1]["sem"] > 0.0
    again = spikes(*run, "--json", "-", "--shares", "0.3,0.3,0.2")[1]
    assert (again, spikes(*run, "--json", "-", "--seed", "1")[1] == again) == (out, False)


def nan(array, value=np.nan):
    array = array.copy()
    array[3] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "arguments", "complaint"),
    [
        ({"a": X}, [], "--data must hold an array under each of the keys X, y; got ['a']"),
        ({"X": X}, [], "--data must hold an array under each of the keys X, y; got ['X']"),
        ({"y": Y}, [], "--data must hold an array under each of the keys X, y; got ['y']"),
        ({"X": X, "y": np.array([{}] * 150)}, [], "y: pickled objects are not loaded"),
        ({"X": X[:, 0], "y": Y}, [], "--data must hold inputs X of shape (n_total, d), d at least 2; got an X of"),
        ({"X": X[:, :1], "y": Y}, [], "d at least 2; got an X of shape (150, 1)"),
        ({"X": X, "y": Y[:, None]}, [], "--data must hold labels y of shape (n_total,); got a y of shape (150, 1)"),
        ({"X": X, "y": Y[:-1]}, [], "--data must hold one label for each row of X; got 150 rows and 149 labels"),
        ({"X": nan(X), "y": Y}, [], "--data must hold finite numbers; X has NaN or infinity in row 3"),
        ({"X": X, "y": nan(Y, np.inf)}, [], "--data must hold finite numbers; y has NaN or infinity in row 3"),
        ({"X": X + 0j, "y": Y}, [], "--data must hold real numbers; X is of type complex128"),
        ({"X": X, "y": Y.astype(str)}, [], "--data must hold real numbers; y is of type <U"),
        ({"X": X, "y": 0.0 * Y}, [], "--data must hold labels y that are not all the same; got 0 in every row"),
        ({"X": X, "y": 0.0 * Y + 2.0}, [], "--data must hold labels y that are not all the same; got 2 in every row"),
        ({"X": X[:0], "y": Y[:0]}, [], "--data must hold"),
        ({"X": X[:60], "y": Y[:60]}, [], "60 rows give 24 for the step, 24 for the fit and 12 for the test"),
        ({"X": X, "y": Y}, ["--shares", "0.5,0.5,0.5"], "--shares must be three positive numbers, step, fit and test"),
        ({"X": X, "y": Y}, ["--shares", "0.5,0.5"], "of sum at most 1; got 0.5, 0.5"),
        ({"X": X, "y": Y}, ["--shares", "0.5,nan,0.2"], "of sum at most 1; got 0.5, nan, 0.2"),
        ({"X": X, "y": Y}, ["--shares", "a"], "--shares must be numbers separated by commas; got 'a'"),
        ({"X": X, "y": Y}, ["--target", "z"], "--target must be left out with --data, which decide it; got z"),
        ({"X": X, "y": Y}, ["--noise", "0.5"], "--noise must be left out with --data, which decide it; got 0.5"),
        ({"X": X, "y": Y}, ["--n", "10"], "--n must be left out with --data, which decide it; got 10"),
        ({"X": X, "y": Y}, ["--n-step", "10"], "--n-step must be left out with --data, which decide it; got 10"),
        ({"X": X, "y": Y}, ["--d", "10"], "--d must be left out with --data, which decide it; got 10"),
        ({"X": X, "y": Y}, ["--method", "qr"], "--method must be one of gram, svd, streamed; got 'qr'"),
    ],
)
def test_bad_input(spikes, made, arrays, arguments, complaint):
    code, out, err = spikes("simulate", "--data", made(**arrays), *RUN, *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_bad_files(spikes, made, tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    array = tmp_path / "array.npz"
    with open(array, "wb") as file:
        np.save(file, X)
    cut = tmp_path / "cut.npz"
    with open(made(X=X, y=Y), "rb") as file:
        cut.write_bytes(file.read()[:-300])
    for path, complaint in (
        (tmp_path / "absent.npz", "--data must be readable"),
        (
            tmp_path / "x.csv",
            "--data must end in .npz, which holds X and y, or go with --label, a column or a .npy file",
        ),
        (text, "--data must be a NumPy file of numbers"),
        (array, "--data must be a NumPy file of numbers"),
        (cut, "--data must be a NumPy file of numbers"),
    ):
        code, out, err = spikes("simulate", "--data", str(path), *RUN)
        assert (code, out) == (2, "")
        assert complaint in err
        assert err.count("\n") == 1
    code, _, err = spikes("simulate", "--label", "y")
    assert (code, err) == (2, "spikes: --label must go with --data; got 'y' alone\n")
    code, _, err = spikes("simulate", "--shares", "0.4,0.4,0.2")
    assert (code, err) == (2, "spikes: --shares must go with --data; got '0.4,0.4,0.2' alone\n")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """The same rows in tables and arrays, and tables with something wrong."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(X).rename(columns=str).assign(y=Y)
    frame.to_csv("a.csv", index=False)
    frame.to_parquet("a.parquet")
    frame.assign(name="b").to_csv("text.csv", index=False)
    frame.assign(gap=frame["0"].where(frame.index != 7)).to_csv("gaps.csv", index=False)
    frame.head(50).to_csv("short.csv", index=False)
    frame.assign(one=1.0, two=2.0).to_csv("flat.csv", index=False)
    frame[["0", "y"]].assign(one=1.0).to_csv("single.csv", index=False)
    np.save("X.npy", X)
    np.save("y.npy", Y)
    return tmp_path


def test_tables_give_what_arrays_do(spikes, tables, made):
    expected = json.loads(spikes("simulate", "--data", made(X=X, y=Y), *RUN, "--json", "-")[1])
    for files in (["X.npy", "--label", "y.npy"], ["a.parquet", "--label", "y"]):
        code, out, _ = spikes("simulate", "--data", *files, *RUN, "--json", "-")
        found = json.loads(out)
        assert (code, found["simulation"]) == (0, expected["simulation"])
        assert found["theory"]["features"] is None  # 90 rows are too few
    code, out, _ = spikes("simulate", "--data", "a.csv", "--label", "y", "--standardize", "--shares", ".2,.6,.2", *RUN)
    assert code == 0
    assert "the test error by" in out
    assert "the kernel of the rows predicts" in out
    code, out, _ = spikes("simulate", "--data", "flat.csv", "--label", "y", "--standardize", *RUN)
    assert code == 0
    assert "150 rows of d = 12, 2 constant columns left out; 60 for the step" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("a.csv --label z", "--label must be one of the columns 0, 1, 2, 3, 4, 5, 6, 7 and 5 more; got 'z'"),
        ("text.csv --label y", "--data must hold numbers; column 'name' is not numeric"),
        ("text.csv --label name", "column 'name' must hold numbers; got 'b': write classes as numbers"),
        (
            "gaps.csv --label y",
            "--data must be complete and finite; 1 entry is missing or infinite, the first in row 7",
        ),
        ("short.csv --label y", "50 rows give 20 for the step, 20 for the fit and 10 for the test"),
        ("X.npy --label y", "--label must go with a table of named columns; --data has none"),
        ("X.npy --label absent.npy", "--label must be readable"),
        ("absent.csv --label y", "--data must be readable"),
        ("single.csv --label y --standardize", "--data must have two columns that are not constant; got 1"),
    ],
)
def test_bad_tables(spikes, tables, arguments, complaint):
    before = sorted(p.name for p in tables.iterdir())
    code, out, err = spikes("simulate", "--data", *arguments.split(), *RUN, "--json", "a.json", "--figure", "a.png")
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert sorted(p.name for p in tables.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scheduler", "host"], "--scheduler must be local or an address like tcp://host:port; got 'host'"),
        (["--scheduler", "tcp://a:1", "--workers", "2"], "--workers must be left out with a running cluster"),
        (["--scheduler", "local", "--data", "a.npz"], "--scheduler must be left out with --data; got 'local'"),
    ],
)
def test_where_a_simulation_cannot_run(spikes, arguments, complaint):
    code, out, err = spikes("simulate", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
