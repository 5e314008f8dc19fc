"""The advice as a study: its rows, its contract, its figures and its command."""

import json
import math
from functools import lru_cache

import numpy as np
import pytest

from spikes.cli import app
from spikes.presentation.figure import save_figure
from spikes.studies.tune import map_of_paying, plot_map, plot_tuning, print_paying, print_tuning, tune
from theory import Problem

PROBLEM = Problem(n=200, d=100, width=120, activation="tanh")


@lru_cache
def checked():
    return tune(PROBLEM, check=True, seeds=4, seed=1, workers=1, test_samples=512)


def test_rows_lay_the_prediction_beside_the_check():
    found = checked()
    assert [r.quantity for r in found.rows()] == [
        "test error, stated",
        "test error, random features",
        "test error, recommended",
    ]
    for r in found.rows():
        # four runs of 200 samples: a standard error of 2 %, and 1/n for the law
        assert abs(r.simulation - r.theory) < 5.0 * r.sem + 0.02 * r.theory
    assert found.predicted["recommended"] < found.predicted["stated"]
    assert found.remark().startswith(f"η = {found.step.problem.step_size:.3g}, λ = ")


def test_contract():
    content = json.loads(json.dumps(checked().to_dict()))
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement"}
    best = content["theory"]["best_step"]
    assert best["learning_rate"] == pytest.approx(best["eta"] * math.sqrt(PROBLEM.width))
    assert set(best["within_one_per_cent"]) == {"eta", "ridge"}
    assert content["theory"]["best_split"] is None
    assert set(content["simulation"]) == {"stated", "random_features", "recommended"}
    assert len(content["agreement"]) == 3


@pytest.mark.slow
def test_nothing_is_simulated_unless_asked(capsys):
    found = tune(PROBLEM, budget=300)
    assert found.rows() == []
    assert found.to_dict()["simulation"] is None
    assert found.recommended is found.split
    print_tuning(found)
    printed = capsys.readouterr().out
    assert "best split, η and λ" in printed
    assert "samples for the step" in printed


def test_figures(tmp_path):
    found = checked()
    save_figure(str(tmp_path / "tune.png"), lambda: plot_tuning(found), data=True)
    lines = (tmp_path / "tune.csv").read_text()
    assert "predicted, the rest at its best" in lines
    assert "recommended" in lines


@pytest.mark.slow
def test_the_map_is_drawn_and_printed(tmp_path, capsys):
    found = map_of_paying(PROBLEM, (2.0, 8.0), (0.2, 2.0))
    save_figure(str(tmp_path / "map.png"), lambda: plot_map(found))
    print_paying(found)
    assert "gain of a step in %" in capsys.readouterr().out
    content = found.to_dict()
    assert np.shape(content["theory"]["gain"]) == (2, 2)
    assert content["simulation"] is None
    assert "a step on half of the samples pays at" in found.remark()


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    path = tmp_path / "tune.json"
    sizes = ["--n", "200", "--d", "100", "--width", "120", "--optimizer", "sign", "--activation", "tanh"]
    assert app(["tune", *sizes, "--json", str(path)], standalone_mode=False) == 0
    assert "learning rate of the optimizer" in capsys.readouterr().out
    assert json.loads(path.read_text())["problem"]["optimizer"] == "sign"


def test_bad_input_is_refused_by_the_command():
    with pytest.raises(ValueError, match="`optimizer` must be gd, sign or spectral:p"):
        app(["tune", "--optimizer", "adam"], standalone_mode=False)
    with pytest.raises(ValueError, match="`map` must go without `check` and `budget`"):
        app(["tune", "--map", "1,2", "--check"], standalone_mode=False)
