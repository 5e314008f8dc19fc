"""Recipes of the papers, their folder, and that a run goes on where it was left."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikes.papers import PAPERS, Setting, find_paper, reproduce
from spikes.papers.recipe import Recipe
from spikes.papers.table import print_recipes, print_reproduction
from spikes.studies.local_analysis import plot_improvement, study_improvement


def tiny(how: Setting):
    study = study_improvement(
        ("G",),
        width=how.sized(12),
        record=50,
        epochs=2,
        iterations=100,
        seed=how.seed,
        checkpoint=how.checkpoint("part"),
    )
    return {"one": study}


RECIPE = Recipe(
    "tiny", "A title", "What it shows.", "Sizes here.", "No difference.", tiny, lambda s: plot_improvement(s["one"])
)


@pytest.fixture
def paper(monkeypatch):
    found = PAPERS[2]
    monkeypatch.setattr(type(found), "recipes", property(lambda _: {"tiny": RECIPE}))
    return found


def test_every_recipe_says_what_it_is():
    for paper in PAPERS:
        assert len(paper.recipes) >= 3
        for name, recipe in paper.recipes.items():
            assert recipe.name == name
            for text in (recipe.shows, recipe.differs):
                assert text.endswith(".")
                assert len(text) > 10
            assert "  " not in recipe.sizes
    assert find_paper("arXiv:2406.01766") is find_paper("zhou") is PAPERS[2]


def test_a_figure_with_its_numbers(paper, tmp_path, capsys):
    made = reproduce("local", output=tmp_path / "new" / "folder", workers=1)
    stem = tmp_path / "new" / "folder" / "2406.01766-tiny"
    assert (stem.parent / f"{stem.name}.png").stat().st_size > 1000
    assert sorted(p.name for p in stem.parent.iterdir()) == [f"{stem.name}{end}" for end in (".csv", ".json", ".png")]
    content = json.loads((stem.parent / f"{stem.name}.json").read_text())
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement"}
    assert content["problem"]["paper_shows"] == "What it shows."
    assert made.to_dict()["problem"]["figures"]["tiny"]["remarks"]["one"].startswith("⟨−∇L_λ, D⟩ is positive")
    print_reproduction(made)
    print_recipes(paper)
    out = capsys.readouterr().out
    assert "where they differ, as seen at scale 1: No difference." in " ".join(out.split())
    assert "A title" in out


def test_what_is_done_is_not_made_again(paper, tmp_path, monkeypatch):
    first = reproduce("local", output=tmp_path, workers=1)
    monkeypatch.setattr("spikes.papers.run._make", None)
    assert reproduce("local", output=tmp_path, workers=1).figures == first.figures
    with pytest.raises(ValueError, match=r"`output` must be a new folder or that of the same run; .* with scale = 1.0"):
        reproduce("local", output=tmp_path, scale=2.0)


def test_a_figure_goes_on_from_its_checkpoint(paper, tmp_path, monkeypatch):
    monkeypatch.setattr("spikes.papers.run.save_figure", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reproduce("local", output=tmp_path, workers=1)
    kept = tmp_path / "2406.01766-tiny.part.checkpoint"
    assert len(json.loads(kept.read_text())["units"]) == 1
    monkeypatch.undo()
    monkeypatch.setattr(type(paper), "recipes", property(lambda _: {"tiny": RECIPE}))
    monkeypatch.setattr("spikes.studies.local_analysis.improvement.train", None)  # nothing is left to train
    made = reproduce("local", output=tmp_path, workers=1)
    assert np.isfinite(made.figures["tiny"]["simulation"]["one"]["G"]["least_ratio"])
    assert not kept.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paper": "1234"}, "`paper` must be one of 2310.07891 .*; got '1234'"),
        ({"figure": "nine"}, "`figure` must be one of tiny; got 'nine'"),
        ({"scale": 0.0}, "`scale` must be positive"),
        ({"seeds": 1}, "`seeds` must be an integer of at least 2"),
    ],
)
def test_bad_input(paper, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        reproduce(**{"paper": "local", "output": tmp_path / "x"} | options)
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`output` must be a folder"):
        reproduce("local", output=tmp_path / "file")


def test_every_figure_is_kept_with_its_points():
    folder = Path(__file__).parents[2] / "figures/papers"
    names = {f"{paper.number}-{name}" for paper in PAPERS for name in paper.recipes}
    page = (Path(__file__).parents[2] / "docs/papers.md").read_text()
    for suffix in ("png", "csv"):
        assert {path.name.removesuffix(f".{suffix}") for path in folder.glob(f"*.{suffix}")} == names
    assert {name for name in names if f"../figures/papers/{name}.png" in page} == names
    assert max(path.stat().st_size for path in folder.iterdir()) <= 300_000


def test_a_scale_that_is_too_small_for_a_figure_says_which_would_do(tmp_path):
    with pytest.raises(ValueError, match=r"`scale` must be at least 0\.2 for this figure; got 0\.05"):
        reproduce("nonlinear", "decomposition", output=tmp_path, scale=0.05, seeds=2, workers=1)
