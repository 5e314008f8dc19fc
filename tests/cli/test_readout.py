"""``spikes readout``: table, JSON, figure, and one-line complaints that leave nothing behind."""

import json

import numpy as np
import pandas as pd
import pytest

F = np.random.default_rng(0).standard_normal((80, 5))
Y = F[:, 0] + 0.3 * np.random.default_rng(1).standard_normal(80)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("F.npy", F)
    np.save("y.npy", Y)
    np.savez("both.npz", X=F, y=Y)
    frame = pd.DataFrame(F, columns=list("abcde")).assign(target=Y)
    frame.to_csv("table.csv", index=False)
    frame.to_parquet("table.parquet")
    frame.assign(name="x").to_csv("text.csv", index=False)
    frame.assign(a=frame["a"].where(frame.index != 7)).to_csv("gaps.csv", index=False)
    return tmp_path


RUN = ["--n", "20,60", "--ridge", "0.1,1", "--splits", "4"]


def test_answer(spikes, folder):
    code, out, err = spikes("readout", "F.npy", "y.npy", *RUN, "--figure", "a.png")
    assert (code, err) == (0, "")
    assert "centred with the means of the pool's 80 rows" in out
    assert "labels give a test error of" in out
    assert (folder / "a.png").stat().st_size > 5000
    answers = []
    for files in (["F.npy", "y.npy"], ["both.npz"], ["table.parquet", "--label", "target"]):
        code, out, _ = spikes("readout", *files, *RUN, "--json", "-")
        assert code == 0
        answers.append({key: value for key, value in json.loads(out).items() if key != "run"})
    assert answers[0] == answers[1] == answers[2]
    code, out, _ = spikes("readout", "table.csv", "--label", "target", *RUN, "--json", "-")
    assert json.loads(out)["theory"]["test_error"][0] == pytest.approx(answers[0]["theory"]["test_error"][0])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("F.npy", "LABELS must be given, or --label, the column of FEATURES that holds them"),
        ("F.npy y.npy --label a", "--label must be left out beside LABELS, which are the labels; got 'a'"),
        ("table.csv --label z", "--label must be one of the columns a, b, c, d, e, target; got 'z'"),
        ("text.csv --label target", "FEATURES must hold numbers; column 'name' is not numeric: leave out or encode"),
        ("text.csv --label name", "column 'name' must hold numbers; got 'x': write classes as numbers"),
        (
            "gaps.csv --label target",
            "FEATURES must be complete and finite; 1 entry is missing or infinite, the first in row 7, column 'a'",
        ),
        ("F.npy --label a", "--label must go with a table of named columns; FEATURES has none"),
        ("F.npy absent.npy", "LABELS must be readable"),
        ("F.txt y.npy", "FEATURES must end in .npy, .npz, .csv, .parquet"),
        ("F.npy y.npy --n a", "--n must be integers separated by commas; got 'a'"),
        ("F.npy y.npy --n 2.5", "--n must be integers separated by commas; got '2.5'"),
        ("F.npy y.npy --n 10000", "--n must be at most 64 times the pool's 80 rows; got 10000"),
        ("F.npy y.npy --ridge 0", "--ridge must be positive; got 0.0"),
        ("F.npy y.npy --law row", "--law must be one of classes, rows; got 'row'"),
        ("F.npy y.npy --splits 1", "--splits must be an integer of at least 2; got 1"),
        ("F.npy y.npy --json y.npy", "--json must be another file than LABELS"),
    ],
)
def test_bad_input(spikes, folder, arguments, complaint):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    outputs = [] if "--json" in arguments else ["--json", "a.json"]
    code, out, err = spikes("readout", *arguments.split(), *outputs, "--figure", "a.png")
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
