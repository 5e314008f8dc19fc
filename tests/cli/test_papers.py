"""``spikes reproduce`` and ``spikes nonlinear conditions`` as contracts: lists, JSON, complaints."""

import json

import pytest

from spikes.papers.recipe import find_paper


def test_list(spikes):
    code, out, _ = spikes("reproduce", "giant", "--list")
    assert code == 0
    assert "arXiv 2305.18270" in out
    assert "curve" in out
    code, out, _ = spikes("reproduce", "2406.01766", "--list", "--json", "-")
    content = json.loads(out)
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement", "run"}
    assert set(content["theory"]) == {"training", "improvement", "residual", "gradient-gap", "success"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["reproduce", "2310.07892"], "must be one of 2310.07891 (nonlinear, moniri), 2305.18270"),
        (["reproduce", "local", "fig3"], "must be one of training, improvement, residual, gradient-gap, success"),
        (["reproduce", "local", "--scale", "0"], "--scale must be positive"),
        (["reproduce", "local", "--seeds", "1"], "--seeds must be an integer of at least 2"),
        (["reproduce", "local", "training", "--list"], "must be left out with --list"),
        (["nonlinear", "conditions", "--target", "z1*z2"], "--target must be single-index for these conditions"),
        (["nonlinear", "conditions", "--activation", "step"], "--activation must be one of"),
    ],
)
def test_bad_input(spikes, tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    code, out, err = spikes(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_figure(spikes, tmp_path):
    arguments = ["reproduce", "nonlinear", "equivalence", "--scale", "0.1", "--seeds", "2", "--workers", "1"]
    code, out, _ = spikes(*arguments, "--output", str(tmp_path / "a"), "--json", str(tmp_path / "all.json"))
    assert code == 0
    assert "the paper shows:" in out
    assert "where they differ, as seen at scale 1:" in " ".join(out.split())
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == [f"2310.07891-equivalence.{end}" for end in ("csv", "json", "png")]
    content = json.loads((tmp_path / "all.json").read_text())
    assert content["agreement"][0]["quantity"] == "equivalence: relu: objective before"
    recipe = find_paper("nonlinear").recipes["equivalence"]
    assert content["problem"]["figures"]["equivalence"]["differs"] == recipe.differs


def test_conditions(spikes, tmp_path):
    picture = tmp_path / "out.png"
    arguments = ["--activation", "erf", "--target", "sin(z)", "--figure", str(picture)]
    code, out, _ = spikes("nonlinear", "conditions", *arguments)
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "spikes in the limit: k = 1 from α = 0, k = 3 from α = 0.3333" in out
    assert "NO   c2, c3, c4 are not 0" in out


def test_requirements_of_a_target(spikes):
    code, out, _ = spikes("giant", "analyse", "--target", "z1 + z1*z2*z3")
    assert code == 0
    assert "asks for: step 1, n = O(d): 1 direction, proved" in out
    assert "asks for: step 2, n = O(d^2): 3 directions, conjectured; the activation does not see it" in out
