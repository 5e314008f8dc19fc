"""Every option of every command, given what breaks its rule, answers in one line that names option and value."""

import re
import time

import numpy as np
import pytest
from typer.main import get_command

from spikes.cli import app

TEXTS = {  # options that take any text, or a path of which other tests speak
    *(
        "--json",
        "--figure",
        "--report",
        "--checkpoint",
        "--clean",
        "--csv",
        "--parquet",
        "--output",
        "--data",
        "--claims",
    ),
    *("--claims", "--initial", "--key", "--where", "--by", "--scheduler", "--teacher", "--label", "--import"),
}


def commands(group, prefix=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*prefix, name))
        else:
            yield (*prefix, name), command


CASES = [
    pytest.param(words, option, value, id=f"{' '.join(words)} {option.opts[0]} {value}")
    for words, command in commands(get_command(app))
    for option in command.params
    if option.param_type_name == "option" and not option.is_flag and option.opts[0] not in {*TEXTS, "--help"}
    for value in (("many", "nan") if option.metavar in ("INTEGER", "FLOAT") else ("no such thing",))
]
WITH = {"--map-noise": ["--map", "1,2"]}
ARGUMENTS = {
    "readout": ["m.npy", "m.npy"],
    "reproduce": ["2406.01766"],
    "spectrum": ["m.npy"],
    "sweep": ["s.toml"],
    "rerun": ["a.json"],
    "results": ["s.sqlite"],
    "plot": ["s.sqlite"],
}


@pytest.mark.parametrize(("words", "option", "value"), CASES)
def test_option_rule_and_value(spikes, tmp_path, monkeypatch, words, option, value):
    monkeypatch.chdir(tmp_path)
    if words[0] in ("results", "plot") and option.opts[0] not in ("--size",):
        pytest.skip("needs a results file")
    if words[0] in ("spectrum", "readout"):
        np.save("m.npy", np.random.default_rng(0).standard_normal((12, 8)))
    if words == ("sweep",):
        (tmp_path / "s.toml").write_text("seeds = 1\n[problem]\nn = 60\nd = 20\nwidth = 40\n")
    more = ["--x", "n", "--figure", "a.png"] if words == ("plot",) else []
    code, out, err = spikes(
        *words, *ARGUMENTS.get(words[0], []), *more, *WITH.get(option.opts[0], []), option.opts[0], value
    )
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1
    assert option.opts[0] in err
    assert re.search("must |got ", err)
    assert value in err or (value == "no such thing" and "such" in err), err


SIZE = "--n 60 --d 30 --width 40"
LINES = [
    ("spectrum nan.npy", "FILE must be complete; 1 entry is missing, the first in row 3"),
    ("spectrum v.npy", "FILE must have two dimensions, a row a sample; got shape (60,)"),
    ("spectrum m.npy --key a", "--key must name an array of a file of several; 'm.npy' holds one table"),
    ("simulate --data data.npz --label y", "--label must be left out with a .npz file, which holds X and y; got 'y'"),
    ("readout m.npy data.npz", "LABELS must hold one array; 'data.npz' holds X, y"),
    (f"tune {SIZE} --budget 1", "--budget must be an integer of at least 16; got 1"),
    (f"tune {SIZE} --map 1,-2", "--map must be positive; got -2.0"),
    (f"tune {SIZE} --map 1 --map-noise -1", "--map-noise must be finite and at least 0; got -1.0"),
    (f"tune {SIZE} --map-noise 1", "--map-noise must go with --map; got '1' alone"),
    (f"predict {SIZE} --size talk", "--size must go with --figure; got 'talk' alone"),
    (f"tune {SIZE} --covariance power:1", "--covariance must be left out of advice, for isotropic inputs alone"),
    ("sweep m.npy", "m.npy: study must be TOML in UTF-8; byte 0 is none of it"),
    ("reproduce 1234.5678", "PAPER must be one of 2310.07891"),
    ("reproduce local 99", "FIGURE must be one of training"),
    ("explore --host=", "--host must be an address of this machine; got ''"),
    (f"giant step {SIZE} --preprocess all", "--preprocess must be one of none"),
    (f"giant step {SIZE} --covariance power:1", "--covariance must be left out of several giant steps"),
    (
        f"nonlinear decomposition {SIZE} --sizes 50,60 --seeds 1000000000000",
        "--seeds must be at most 100000; got 1000000000000",
    ),
    ("local train --teacher orthogonal:0", "--teacher must have whole numbers of at least 1 after the colon"),
    ("local train --teacher random:3,1.5", "--teacher must have whole numbers of at least 1 after the colon"),
    ("predict --json \ud800", "--json must name a file; got '\\ud800'"),
    ("spectrum \ud800.npy", "FILE must name a file; got '\\ud800.npy'"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matrix = np.random.default_rng(0).standard_normal((60, 30))
    np.save("m.npy", matrix)
    np.save("v.npy", matrix[:, 0])
    np.savez("data.npz", X=matrix, y=matrix[:, 0])
    matrix[3, 4] = np.nan
    np.save("nan.npy", matrix)


@pytest.mark.parametrize(("line", "complaint"), LINES)
def test_mistakes_by_the_names_of_the_command_line(spikes, folder, line, complaint):
    """Before anything is predicted or simulated, in three lines of 80 characters."""
    start = time.process_time()
    code, out, err = spikes(*line.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"spikes: {complaint}" in err
    assert len(err) <= 240
    assert time.process_time() - start < 2.0
