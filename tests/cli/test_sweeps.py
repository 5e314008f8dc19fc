"""``spikes sweep``, ``results`` and ``plot``: exit codes, one-line complaints, files whole or not at all."""

import json
import os
import sys

import pytest

STUDY = """seeds = 2
keep = ["test_error"]
gradient_order = 1
test_samples = 64
[problem]
n = 60
d = 20
width = 40
alpha = [0.1, 0.2]
ridge = [0.1, 1.0]
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_from_study_to_figure(spikes, study, tmp_path):
    file = str(tmp_path / "study.sqlite")
    code, out, err = spikes("sweep", str(study), "--workers", "1")
    assert (code, out) == (0, f"{file}: 8 of 8 rows, 4 of 4 predictions\n")
    assert err == f"spikes: {file}: 0 of 8 rows, 0 of 4 predictions\n"
    code, out, err = spikes("sweep", str(study), "--workers", "1", "--resume", "--quiet", "--json", "-")
    assert (code, err) == (0, "")
    content = json.loads(out)
    assert content["agreement"][0]["quantity"] == "test_error[alpha=0.1, ridge=0.1]"
    code, out, _ = spikes("results", file, "--where", "alpha=0.2", "--csv", str(tmp_path / "a.csv"), "--json", "-")
    assert code == 0
    assert json.loads(out)["agreement"] == content["agreement"][2:]
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 5
    code, out, _ = spikes("results", file)
    assert code == 0
    assert out.count("│ test error ") == 4
    code, out, err = spikes("plot", file, "--x", "alpha", "--by", "ridge", "--figure", str(tmp_path / "a.svg"))
    assert (code, out, err) == (0, f"figure written to {tmp_path / 'a.svg'}\n", "")
    assert (tmp_path / "a.svg").stat().st_size > 1000
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "a.svg", "study.sqlite", "study.toml"]

    study.write_text(STUDY.replace("seeds = 2", "seeds = 3"))
    code, out, err = spikes("sweep", str(study), "--resume")
    assert (code, out) == (2, "")
    assert "-seeds = 2\n+seeds = 3\n" in err
    assert err.endswith("was begun with another study; take another --output, or the study as it was\n")
    notes = str(tmp_path / "notes.txt")
    (tmp_path / "notes.txt").write_text("mine")
    for arguments, complaint in (
        (["results", file, "--where", "alpha=3"], "--where must leave at least one cell; got 'alpha=3'"),
        (["plot", file, "--x", "alpha", "--figure", "a.png"], "--where must fix ridge, or --by name it"),
        (["plot", file, "--x", "alpha", "--y", "loss", "--figure", "a.png"], "--y must be one of test_error, which"),
        (["plot", file, "--x", "alpha", "--figure", "a.bmp"], "--figure must end in .png, .pdf, .svg; got 'a.bmp'"),
        (["sweep", str(study), "--output", notes], f"--output: {notes} must be a results file of spikes sweep"),
        (["results", str(study)], "must be a results file of spikes sweep; it is something else"),
    ):
        code, out, err = spikes(*arguments)
        assert (code, out) == (2, "")
        assert complaint in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "arguments", "complaint"),
    [
        (("alpha =", "alfa ="), [], "study.toml: [problem] must use the keys n, d, width"),
        (("seeds = 2", 'seeds = "2"'), [], "study.toml: seeds must be an integer of at least 0; got '2'"),
        (("[0.1, 0.2]", "[]"), [], "study.toml: [problem] alpha must hold at least one value; got an empty list"),
        (("[0.1, 0.2]", "[0.1, 1.2]"), [], "study.toml: [problem] alpha must be in [0, 1]; got 1.2"),
        (("seeds = 2", "seeds = 1000000"), [], "(cells times seeds); got 4 cells and 1000000 seeds; --yes allows it"),
        (("", ""), ["--workers", "0"], "--workers must be an integer of at least 1; got 0"),
        (("", ""), ["--scheduler", "host"], "--scheduler must be local or an address like tcp://host:port; got 'host'"),
        (("", ""), ["--scheduler", "tcp://a:1", "--workers", "2"], "--workers must be left out with a running cluster"),
        (("", ""), ["--output", "/nowhere/a.sqlite"], "--output must be writable; '/nowhere/a.sqlite': No such file"),
        (("", ""), ["--output", "/proc/a.sqlite"], "--output must be writable; '/proc/a.sqlite': "),
    ],
)
def test_bad_input(spikes, study, change, arguments, complaint):
    study.write_text(STUDY.replace(*change))
    code, out, err = spikes("sweep", str(study), "--quiet", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert os.listdir(study.parent) == ["study.toml"]


def test_a_missing_extra_names_its_remedy(spikes, study, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = spikes("sweep", str(study), "--scheduler", "local")
    assert (code, err) == (
        1,
        "spikes: a dask.distributed cluster is an optional extra: pip install 'spikes-rmt[cluster]'\n",
    )
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert spikes("sweep", str(study), "--workers", "1")[0] == 0
    code, _, err = spikes("results", str(study.with_suffix(".sqlite")), "--parquet", str(study.parent / "a.parquet"))
    assert (code, err) == (1, "spikes: pandas is an optional extra: pip install 'spikes-rmt[pandas]'\n")
    assert not (study.parent / "a.parquet").exists()


def test_a_locked_file(spikes, study):
    from spikes.sweeps.store import open_writer
    from spikes.sweeps.study import load_study

    path = study.with_suffix(".sqlite")
    with open_writer(path, load_study(study)):
        code, out, err = spikes("sweep", str(study), "--resume", "--quiet")
        assert (code, out, err) == (1, "", f"spikes: another sweep is writing to {path}\n")
