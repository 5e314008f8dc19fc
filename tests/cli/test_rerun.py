"""What --json writes runs again to the same bits, for every command; a file is data and commands nothing."""

import json
import math
import sys

import numpy as np
import pytest

from spikes.cli import main
from spikes.cli.options import COMMANDS

SMALL = ["--n", "60", "--d", "20", "--width", "30"]
RUN = ["--seeds", "2", "--workers", "1", "--quiet"]
TINY = {
    "predict": [*SMALL, "--ridge", "0.1,1", "--density-at", "0.5,1"],
    "simulate": [*SMALL, *RUN, "--seed", "3"],
    "compare": [*SMALL, *RUN, "--target", "sin(z)", "--n-step", "80"],
    "tune": [*SMALL, "--map", "1,2", "--map-noise", "0.5", "--workers", "1", "--quiet"],
    "spectrum": ["matrix.csv"],
    "readout": ["matrix.csv", "--label", "a", "--splits", "3", "--quiet"],
    "matrix-free": ["--n", "80", "--d", "20", "--width", "30", "--steps", "0", *RUN],
    "nonlinear staircase": [*SMALL, "--alphas", "0.2,0.4", *RUN],
    "nonlinear spectrum": [*SMALL, "--alphas", "0.2", "--points", "2", *RUN],
    "nonlinear decomposition": ["--sizes", "60,80", "--alpha", "0.2", "--ell", "1", *SMALL, *RUN],
    "nonlinear conditions": ["--activation", "tanh"],
    "giant analyse": ["--target", "z1 + z1*z2"],
    "giant step": ["--n", "60", "--d", "20", "--width", "16", *RUN],
    "giant trajectory": ["--n", "60", "--d", "20", "--width", "16", "--steps", "1", *RUN],
    "giant curve": [
        "--d",
        "16",
        "--width",
        "16",
        "--n",
        "256",
        "--exponents",
        "1.5,1.8",
        "--target",
        "z1 + He2(z2)",
        *RUN,
    ],
    "local train": ["--width", "8", "--d", "4", "--epochs", "1", "--iterations", "5", *RUN],
    "local certificate": ["--teacher", "orth4"],
}


def test_every_command_that_answers_is_tried():
    assert set(TINY) == set(COMMANDS)


QUICK = (
    "simulate",
    "spectrum",
    "readout",
    "nonlinear conditions",
    "giant analyse",
    "giant step",
    "giant trajectory",
    "local certificate",
)


@pytest.mark.parametrize("words", [w if w in QUICK else pytest.param(w, marks=pytest.mark.slow) for w in TINY])
def test_the_same_bits_again(spikes, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savetxt("matrix.csv", rng.standard_normal((40, 6)), delimiter=",", header="a,b,c,d,e,f", comments="")
    code, _, err = spikes(*words.split(), *TINY[words], "--json", "one.json")
    assert code == 0, err
    code, out, err = spikes("rerun", "one.json", "--quiet", "--json", "two.json")
    assert (code, err) == (0, "")
    assert out == f"spikes {words}: every number is the same, to the bit\n"
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert one == two  # a second run may be run a third time


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """The file of a command that takes no time, and holds a problem as predict does."""
    path = tmp_path_factory.mktemp("analysed") / "a.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["spikes", "giant", "step", *TINY["giant step"], "--json", str(path)])
        with pytest.raises(SystemExit):
            main()
    return path.read_text()


@pytest.fixture
def written(analysed, spikes, tmp_path, monkeypatch):
    """A way to run the file again with something changed."""
    monkeypatch.chdir(tmp_path)
    content = json.loads(analysed)

    def again(change):
        change(content)
        (tmp_path / "b.json").write_text(json.dumps(content))
        return spikes("rerun", "b.json", "--quiet", "--workers", "1")

    return again


def test_a_number_that_differs_is_named(written):
    def change(content):
        row = content["agreement"][0]
        row["simulation"] = math.nextafter(row["simulation"], 2.0)

    code, out, _ = written(change)
    assert code == 1
    first, second = out.splitlines()
    assert first == "spikes giant step: 1 value is not the same"
    assert second.startswith("  agreement[0].simulation: ")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.update(schema="spikes/99"), "must be an answer of schema spikes/1"),
        (lambda c: c.update(agreement={}), "must hold a list under 'agreement'"),
        (lambda c: c.pop("run"), "must say what made the answer"),
        (lambda c: c["run"].update(command="explore"), "must record one of the commands predict"),
        (
            lambda c: c["run"].update(command="sweep"),
            "spikes sweep is run by hand: spikes sweep STUDY.toml",
        ),
        (lambda c: c["run"].update(command=["rm", "-r"]), "must record one of the commands"),
        (lambda c: c["run"]["arguments"].update(json="/etc/passwd"), "must record options of spikes giant step"),
        (lambda c: c["run"]["arguments"].update(seeds="2; rm"), "must record options of spikes giant step"),
        (lambda c: c["run"]["arguments"].update(seeds=0), "must be an integer of at least 1; got 0"),
        (lambda c: c["run"]["arguments"]["problem"]["problem"].update(target="exec(z)"), "must call only"),
        (lambda c: c["run"].update(command="x") or c["run"].pop("command"), "must say what made the answer"),
        (
            lambda c: c["run"]["arguments"]["problem"]["problem"].update(own={"target": {"path": "antigravity:fly"}}),
            "must allow the modules of functions that the file names, antigravity",
        ),
        (
            lambda c: c.update(run={"function": "os.system", "arguments": {}}),
            "must say what made the answer, which this file does not; got 'os.system'",
        ),
        (
            lambda c: c.update(run={"function": "compare", "arguments": {"problem": {"import": "antigravity:fly"}}}),
            "must allow the modules of functions that the file names, antigravity",
        ),
        (
            lambda c: c.update(
                run={"function": "compare", "arguments": {"problem": {"statement": "Popen", "fields": {}}}}
            ),
            "must be one of the forms that a saved run has",
        ),
    ],
)
def test_what_a_file_may_not_ask_for(written, change, complaint):
    code, out, err = written(change)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_files_that_are_none(spikes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for content, complaint in (("{", "must be JSON"), ("[" * 100_000, "must be nested less deep"), ("[]", "schema")):
        (tmp_path / "a.json").write_text(content)
        code, _, err = spikes("rerun", "a.json")
        assert code == 2
        assert complaint in err
    monkeypatch.setattr("spikes.record.answers._LARGEST_FILE", 1)
    assert "must be at most 0 MiB" in spikes("rerun", "a.json")[2]
    assert "must be a regular file" in spikes("rerun", "/dev/null")[2]


def test_data_that_has_changed_is_named(spikes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matrix = np.random.default_rng(0).standard_normal((40, 6))
    np.save("m.npy", matrix)
    assert spikes("spectrum", "m.npy", "--json", "a.json")[0] == 0
    np.save("m.npy", matrix + 1.0)
    code, _, err = spikes("rerun", "a.json")
    assert code == 2
    assert "'m.npy' has changed since" in err


def test_functions_of_a_module_are_imported_on_demand(spikes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine_rerun.py").write_text("import numpy as np\n\n\ndef wave(z):\n    return np.sin(3.0 * z[:, 0])\n")
    import mine_rerun

    from spikes import simulate_ensemble
    from theory import Problem

    problem = Problem(n=60, d=20, width=30, target=mine_rerun.wave)
    simulate_ensemble(problem, seeds=2, workers=1, test_samples=64).save("a.json")
    code, _, err = spikes("rerun", "a.json", "--quiet", "--workers", "1")
    assert code == 2
    assert "--import must allow the modules of functions that the file names, mine_rerun" in err
    code, out, err = spikes("rerun", "a.json", "--quiet", "--workers", "1", "--import", "mine_rerun")
    assert (code, out, err) == (0, "spikes.simulate_ensemble: every number is the same, to the bit\n", "")


def test_what_writes_files_of_its_own_says_how_it_is_run_again(spikes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text("seeds = 0\n[problem]\nn = 60\nd = 20\nwidth = 30\nalpha = [0.2, 0.3]\n")
    assert spikes("sweep", "study.toml", "--workers", "1", "--quiet", "--json", "sweep.json")[0] == 0
    assert spikes("results", "study.sqlite", "--json", "results.json")[0] == 0
    assert spikes("reproduce", "2310.07891", "--list", "--json", "list.json")[0] == 0
    for file, command, way in (
        ("sweep.json", "sweep", "with --resume what is missing"),
        ("results.json", "results", "spikes sweep STUDY.toml with a new --output"),
        ("list.json", "reproduce", "spikes reproduce PAPER [FIGURE] with a new --output"),
    ):
        code, out, err = spikes("rerun", file)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"spikes {command} is run by hand: " in err
        assert way in err
