"""No command writes over what it reads or over another of its outputs, whatever the spelling of the paths."""

import os

import numpy as np
import pytest

STUDY = """seeds = 1
theory = false
[problem]
n = 60
d = 20
width = 40
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an input of every kind, of which no byte may change."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(STUDY)
    (tmp_path / "claims.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "t.json").write_text('{"directions": [[1, 0], [0, 1]], "weights": [1, 1]}')
    np.save(tmp_path / "m.npy", np.ones((4, 3)))
    np.savez(tmp_path / "data.npz", X=np.ones((4, 3)), y=np.ones(4))
    (tmp_path / "s.sqlite").write_text("results")
    (tmp_path / "link.npy").symlink_to("m.npy")
    os.link("m.npy", "hard.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    os.mkfifo(tmp_path / "pipe.npz")
    return tmp_path


def files(folder) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("sweep s.toml --output o.sqlite --json o.sqlite", "--output must be another file than --json"),
        ("sweep s.toml --output o.sqlite --json o.sqlite-wal", "--output must be another file than --json"),
        ("sweep s.toml --json s.sqlite", "--output must be another file than --json"),
        ("sweep s.toml --json ./s.toml", "--json must be another file than STUDY.toml"),
        ("sweep s.toml --output s.toml", "--output must be another file than STUDY.toml"),
        ("results s.sqlite --csv s.sqlite", "--csv must be another file than FILE"),
        ("results s.sqlite --json ../{here}/s.sqlite", "--json must be another file than FILE"),
        ("results s.sqlite --csv a.csv --parquet A.csv", "--parquet must be another file than --csv"),
        ("plot s.sqlite --x n --figure a.png --json a.PNG", "--json must be another file than --figure"),
        ("spectrum m.npy --json m.npy", "--json must be another file than FILE"),
        ("spectrum m.npy --json link.npy", "--json must be another file than FILE"),
        ("spectrum link.npy --json hard.npy", "--json must be another file than FILE"),
        ("simulate --data data.npz --json data.npz", "--json must be another file than --data"),
        ("local train --teacher t.json --json t.json", "--json must be another file than --teacher"),
        ("local certificate --teacher t.json --json t.json", "--json must be another file than --teacher"),
        ("local train --checkpoint c.npz --json c-1.npz --seeds 2", "--checkpoint must be another file than --json"),
        ("giant step --checkpoint c.json --json c.json", "--json must be another file than --checkpoint"),
        ("giant curve --checkpoint c.svg --figure ./c.svg", "--figure must be another file than --checkpoint"),
        ("giant trajectory --checkpoint c.json --json c.json", "--json must be another file than --checkpoint"),
        ("compare --json same.png --figure same.png", "--json must be another file than --figure"),
        ("validate --claims claims.py --json claims.py", "--json must be another file than --claims"),
        ("validate --report r.html --json r.json", "--report must be another file than --json"),
        ("spectrum pipe.npy", "FILE must be a regular file; 'pipe.npy' is a pipe"),
        ("spectrum /dev/zero", "FILE must be a regular file; '/dev/zero' is a device"),
        ("simulate --data pipe.npz", "--data must be a regular file; 'pipe.npz' is a pipe"),
        ("sweep pipe.npy --output o.sqlite", "STUDY.toml must be a regular file; 'pipe.npy' is a pipe"),
        ("sweep s.toml --output pipe.npy", "--output must be a regular file; 'pipe.npy' is a pipe"),
        ("results pipe.npy", "FILE must be a regular file; 'pipe.npy' is a pipe"),
        ("local train --teacher pipe.npy", "--teacher must be a regular file; 'pipe.npy' is a pipe"),
        ("local train --checkpoint pipe.npz", "--checkpoint must be a regular file; 'pipe.npz' is a pipe"),
        ("giant step --checkpoint pipe.npz", "--checkpoint must be a regular file; 'pipe.npz' is a pipe"),
        ("compare --json {long}.json", "--json must be writable; "),
        ("validate ''", "CLAIM must be the beginning of a name; got ''"),
        ("validate --claims claims.py", "--claims must be a Python file that runs; 'claims.py', line 2: SystemExit: 3"),
        ("local train --early-only --decay 1", "--decay must be left out with --early-only"),
        ("local train --early-only --momentum 0.5", "--momentum must be left out with --early-only"),
        ("local train --no-decay --decay 1", "--decay must be left out with --no-decay; got 1.0"),
    ],
)
def test_refused_before_anything_is_computed(spikes, folder, command, complaint):
    before = files(folder)
    words = [word.format(here=folder.name, long="x" * 300).strip("'") for word in command.split()]
    code, out, err = spikes(*words)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert files(folder) == before
