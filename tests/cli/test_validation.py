"""``spikes validate``: which claims are run, the contract, exit codes, complaints."""

import json
import runpy
from pathlib import Path

import pytest

from spikes.validation import registry

ROOT = Path(__file__).parents[2]
OWN = """
from dataclasses import dataclass
from spikes.validation import Claim, claim

@dataclass
class Outcome:
    value: float

def simulated(n, sequence):
    import numpy as np
    return Outcome(1.0 + 0.001 * float(np.random.default_rng(sequence).standard_normal()))

def read(outcome):
    assert isinstance(outcome, Outcome)
    return outcome.value

def itself(n):
    return n

shared = dict(source="own", levels=((10, 8), (20, 8)), quick=((10, 4),), problem=itself, experiment=simulated,
              measure=read, rate=None)
one = Claim(name="own/one", statement="It is 1.", predict=lambda n: 1.0, **shared)
two = Claim(name="own/two", statement="It is 2.", predict=lambda n: 2.0, expected="fails", **shared)
again = one
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "numpy.py"  # as badly named as can be
    path.write_text(OWN)
    return path


def test_all_claims_of_a_file_are_run(spikes, own):
    code, out, err = spikes("validate", "--claims", str(own), "--workers", "1", "--json", "-")
    content = json.loads(out)
    assert (code, err) == (0, "")
    assert list(content) == ["schema", "problem", "theory", "simulation", "agreement", "run"]
    verdicts = {name: c["verdict"] for name, c in content["simulation"]["claims"].items()}
    assert verdicts == {"own/one": "holds", "own/two": "fails"}
    assert [p["size"] for p in content["problem"]["own/one"]] == [10, 20]


def test_workers_need_not_find_the_file(spikes, own):
    alone = spikes("validate", "--claims", str(own), "--workers", "1", "--json", "-")
    assert spikes("validate", "--claims", str(own), "--workers", "2", "--quiet", "--json", "-") == alone


def test_table_and_status_of_an_unexpected_verdict(spikes, own):
    own.write_text(OWN.replace('expected="fails", ', ""))
    code, out, err = spikes("validate", "own/two", "--claims", str(own), "--quick", "--workers", "1")
    assert (code, err) == (1, "")
    assert "own/one" not in out
    for part in ("own/two", "✗ fails, unexpected", "−50.0", "short run, 1 number tested"):
        assert part in out
    assert "1 claim: 1 fails; not as expected: own/two" in out


def test_figure(spikes, own, tmp_path):
    figure = tmp_path / "a.svg"
    code, out, _ = spikes(
        "validate", "--claims", str(own), "--quick", "--workers", "1", "--figure", str(figure), "--seed", "3"
    )
    assert (code, f"figure written to {figure}" in out) == (0, True)
    assert figure.stat().st_size > 5_000


def test_list(spikes, own):
    code, out, _ = spikes("validate", "--list", "--json", "-")
    content = json.loads(out)
    assert (code, list(content["theory"])) == (0, list(registry()))
    assert content["simulation"] is None
    code, out, _ = spikes("validate", "--list", "--claims", str(own))
    assert code == 0
    assert "own/two" in out
    assert "It is 2." in out
    some = next(iter(registry()))
    code, out, _ = spikes("validate", some, "--list", "--claims", str(own), "--json", "-")
    named = [name for name in registry() if name.startswith(some)]
    assert list(json.loads(out)["theory"]) == ["own/one", "own/two", *named]


def test_beginnings_of_names(spikes):
    name = list(registry())[-1]
    subject = name.partition("/")[0] + "/"
    _, out, _ = spikes("validate", subject, name, "--list", "--json", "-")
    assert list(json.loads(out)["theory"]) == [c for c in registry() if c.startswith(subject)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "CLAIM must be the beginning of one of "),
        (["conditional/nonsense"], "CLAIM must be the beginning of a claim of conditional/, which --list shows; got "),
        (["--claims", "nowhere.py"], "--claims must be a Python file, *.py; got 'nowhere.py'"),
        (["--report", "a.pdf"], "--report must end in .html; got 'a.pdf'"),
        (["--report", "/nowhere/a.html"], "--report must be writable; '/nowhere/a.html': "),
        (["--list", "--report", "a.html"], "--report must be left out with --list"),
        (["--list", "--figure", "a.png"], "--figure must be left out with --list"),
        (["--workers", "0", "conditional"], "--workers must be an integer of at least 1; got 0"),
    ],
)
def test_complaints(spikes, arguments, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = spikes("validate", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"spikes: {complaint}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_complaint_names_the_claim_that_was_meant(spikes):
    _, _, err = spikes("validate", "conditional/outleirs")
    assert err.endswith("; got 'conditional/outleirs': did you mean conditional/outliers?\n")
    _, _, err = spikes("validate", "local/zzz")
    assert err.endswith("which --list shows; got 'local/zzz'\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1\ny = x +\n", "line 2: SyntaxError: "),
        ("x = 1\n\ny = undefined\n", "line 3: NameError: name 'undefined' is not defined"),
        ("x = 1\n", "defines none"),
        (OWN.replace('"own/two"', '"own/one"'), "--claims must be at least one, each of its own name; got "),
        (OWN.replace("1.0 + 0.001 *", "float('inf') *"), "must be finite; got "),
    ],
)
def test_files_that_cannot_be_used(spikes, own, text, complaint):
    own.write_text(text)
    code, out, err = spikes("validate", "--claims", str(own), "--workers", "1")
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_the_documented_claim_catches_the_wrong_formula(spikes):
    path = ROOT / "docs/own_claim.py"
    code, out, err = spikes("validate", "--claims", str(path), "--workers", "1", "--json", "-")
    assert (code, err) == (0, "")
    found = json.loads(out)["simulation"]["claims"]
    assert found["right"]["verdict"] == "holds as n → ∞"
    assert found["wrong"]["verdict"] == "fails"
    assert min(found["right"]["quantities"][0]["gain"]) > 2.0
    assert runpy.run_path(str(path))["right"].statement in (ROOT / "docs/validate.md").read_text()
