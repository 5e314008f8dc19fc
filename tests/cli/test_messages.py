"""Every option of every command, given what breaks its rule, answers in one line that names option and value."""

import re

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
        import numpy as np

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
