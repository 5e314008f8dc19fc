"""Command lines at random over all commands: what comes out is an answer or one line, and no file is hurt."""

import contextlib
import hashlib
import io
import itertools
import os
import re
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from spikes import report_target, sweep
from spikes.cli import app, main

SIZE = ["--n", "60", "--d", "30", "--width", "40"]
RUNS = ["--seeds", "1", "--workers", "1"]
STUDY = (
    'seeds = 1\nkeep = ["test_error"]\ngradient_order = 1\ntest_samples = 64\n[problem]\nn = 60\nd = 20\nwidth = 40\n'
)
# Of every command a line that is quick; options that are drawn come after it and win.
QUICK = {
    "predict": SIZE,
    "simulate": [*SIZE, *RUNS],
    "compare": [*SIZE, *RUNS],
    "spectrum": ["m.npy"],
    "matrix-free": [*SIZE, *RUNS, "--probes", "2", "--steps", "0", "--count", "1"],
    "rerun": ["a.json", "--workers", "1"],
    "sweep": ["s.toml", "--workers", "1", "--output", "new.sqlite"],
    "results": ["s.sqlite"],
    "plot": ["s.sqlite", "--x", "n", "--figure", "plot.svg"],
    "validate": ["--list"],
    "nonlinear staircase": [*SIZE, *RUNS, "--alphas", "0.2"],
    "nonlinear spectrum": [*SIZE, *RUNS, "--alphas", "0.2", "--points", "2"],
    "nonlinear decomposition": [*SIZE, "--seeds", "2", "--workers", "1", "--sizes", "50,60"],
    "giant analyse": [],
    "giant step": [*SIZE, *RUNS],
    "giant trajectory": ["--n", "60", "--d", "30", "--width", "6", "--steps", "1", *RUNS],
    "giant curve": ["--n", "150", "--d", "12", "--width", "20", "--exponents", "1.3", *RUNS],
    "local train": ["--teacher", "A", "--width", "6", "--epochs", "1", "--iterations", "3", *RUNS],
    "local certificate": [],
}
SMALL = ["1", "2", "3", "0.1", "0.3", "0.1,1", "1.3"]
HOSTILE = [
    *("", " ", "0", "-1", "nan", "inf", "-inf", "1e160", "1e308", "1e999", "-0.0", "2.5", "1,,2", ",", "many", "١"),
    *("100000000000000000000", "1000000000000", "0x10", "1_0", "None", "true", "--json", "-", "--", "z" * 3000),
    *("z # \x1b[2J", "=1+1", "-" * 400 + "z", "(" * 300, "z**z", "exec(z)", "He99(z)", "z9", "\ud800", "a\nb"),
    *("orthogonal:0", "orthogonal:99999", "angles:", "random:3,9", "t.json", "float16", "He6", "alpha=", "x=1 or 1"),
]
PATHS = [
    *("new.json", "new.png", "new.svg", "./m.npy", "s.toml", "s.sqlite", "data.npz", "link.npy", "pipe", "folder"),
    *("/dev/full", "absent/new.json", "x" * 300, "", "t.json", "claims.py", "M.NPY", "notes.txt", "new.html", "-"),
]


def commands(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(get_command(app)))


@st.composite
def lines(draw):
    """A quick line of a command with one to four options drawn from a heap of hostile values and paths."""
    name = draw(st.sampled_from(sorted(QUICK)))
    words = [*name.split(), *QUICK[name]]
    options = [p for p in COMMANDS[name].params if p.param_type_name == "option" and p.name != "help"]
    for option in draw(st.lists(st.sampled_from(options), min_size=1, max_size=4)):
        words.append(draw(st.sampled_from([*option.opts, *option.secondary_opts])))
        if not option.is_flag:
            words.append(draw(st.one_of(*map(st.sampled_from, (SMALL, HOSTILE, HOSTILE, PATHS)))))
    if draw(st.integers(0, 9)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from([*HOSTILE, *PATHS])))
    return words


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    with contextlib.chdir(folder):
        Path("s.toml").write_text(STUDY)
        sweep("s.toml", "s.sqlite", workers=1)
        Path("notes.txt").write_text("mine\n")
        Path("claims.py").write_text("import sys\nsys.exit(3)\n")
        Path("t.json").write_text('{"directions": [[1, 0], [0, 1]], "weights": [1, 1]}')
        report_target("z").save("a.json")
        np.save("m.npy", np.random.default_rng(0).standard_normal((40, 20)))
        np.savez("data.npz", X=np.ones((4, 3)), y=np.ones(4))
        Path("link.npy").symlink_to("m.npy")
        Path("folder").mkdir()
        os.mkfifo("pipe")
    drain(folder / "pipe")
    ORIGINALS.update({str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()})
    return folder


def drain(pipe) -> None:
    """Read on, so that who writes to the pipe need not wait."""
    end = os.open(pipe, os.O_RDWR)

    def read() -> None:
        while os.read(end, 2**16):
            pass

    threading.Thread(target=read, daemon=True).start()


def content(folder) -> dict[str, str]:
    """Every file by its hash, links and pipes by their kind."""
    found = {}
    for path in sorted(folder.rglob("*")):
        plain = path.is_file() and not path.is_symlink()
        found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if plain else str(path.lstat().st_mode)
    return found


def written(folder, words) -> set[str]:
    """Files that a line may write over: those that it names as outputs and does not read."""
    read = {os.path.realpath(folder / word) for word in QUICK[command_of(words)] if not word.startswith("-")}
    named = set()
    for option, value in itertools.pairwise(words):
        if value == "-" or len(value) > 200 or "\ud800" in value:  # standard output, and names that no file has
            continue
        if option in OUTPUTS:
            named.add(os.path.realpath(folder / value))
        elif option in INPUTS:
            read.add(os.path.realpath(folder / value))
    return named - read


def command_of(words) -> str:
    for start in range(len(words)):
        for name in QUICK:
            if words[start : start + len(name.split())] == name.split():
                return name
    return "predict"


def run(words) -> tuple[int, str, str]:
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["spikes", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as the program does
            with pytest.raises(SystemExit) as stop:
                main()
    finally:
        sys.argv = argv
    return stop.value.code, out.getvalue(), err.getvalue()


def check(folder, words) -> None:
    before = content(folder)
    start = time.process_time()
    with contextlib.chdir(folder):
        code, out, err = run(words)
    spent = time.process_time() - start
    after = content(folder)
    for path in after.keys() - before.keys():
        Path(path).unlink()
    changed = [path for path in before if after.get(path) != before[path]]
    for path in changed:
        Path(path).write_bytes(ORIGINALS[path])
    assert code in (0, 1, 2, 130), (words, code, err)
    assert "Traceback" not in err + out, (words, err)
    assert "broke down" not in err, (words, err)
    assert err.count("\n") <= 3, (words, err)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", err + out), (words, err)
    assert set(changed) <= (written(folder, words) if code == 0 else set()), (words, changed)
    if code == 2:
        assert (out, after.keys()) == ("", before.keys()), (words, "refused, and yet something was written")
        assert spent < 2.0, (words, spent)
        assert re.search(NAMED, err), (words, err)
    if code == 0:
        wanted = {Path(word).name for word in words}
        assert {Path(path).name for path in after.keys() - before.keys()} <= wanted, (words, after)


NAMED = r"--|FILE|STUDY|CLAIM|COMMAND|command|argument|option|\.toml|\.sqlite|Error"
OUTPUTS = {"--json", "--figure", "--csv", "--parquet", "--report", "--checkpoint", "--output"}
INPUTS = {"--data", "--teacher", "--claims"}
ORIGINALS: dict[str, bytes] = {}
HOW = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=200, **HOW)
@given(words=lines())
def test_two_hundred_lines(folder, words):
    check(folder, words)


@pytest.mark.study
@settings(max_examples=2000, **HOW)
@given(words=lines())
def test_two_thousand_lines(folder, words):
    check(folder, words)
