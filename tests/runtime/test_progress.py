"""Bars: where they move, who hides them, and the time they say is left."""

import inspect

import pytest

import spikes
from spikes.papers import reproduce
from spikes.runtime.progress import progress_bar, seconds_left, shows_progress
from spikes.simulation.ensemble import simulate_ensemble
from theory import Problem

SMALL = Problem(n=60, d=20, width=30)
STUDIES = ("compare", "compare_matrix_free", "compare_training", "decomposition_study", "readout", "spectrum_study")
STUDIES += ("staircase", "study_curve", "study_data", "study_step", "study_trajectory", "sweep", "tune", "validate")


@pytest.mark.parametrize(
    ("done", "total", "workers", "finished_at", "now", "left"),
    [
        (0, 8, 2, 0.0, 5.0, None),
        (1, 8, 2, 10.0, 10.0, 30.0),  # the first of a wave says how long a wave takes
        (2, 8, 2, 10.5, 10.5, 31.5),  # the second one, half a second later, says the same
        (3, 8, 2, 20.0, 22.0, 18.0),
        (8, 8, 2, 40.0, 40.0, None),
        (1, 3, 1, 4.0, 13.0, None),  # longer than it was said to take: no number is better than a wrong one
    ],
)
def test_time_left_counts_the_tasks_that_run_side_by_side(done, total, workers, finished_at, now, left):
    assert seconds_left(done, total, workers, finished_at, now) == left


@pytest.mark.slow
def test_bars_move_on_a_terminal_and_not_elsewhere(monkeypatch, capsys):
    spikes.compare(SMALL, seeds=2, workers=1, test_samples=64)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # standard error counts as a terminal
    spikes.compare(SMALL, seeds=2, workers=1, test_samples=64)
    assert "runs" in capsys.readouterr().err
    spikes.compare(SMALL, seeds=2, workers=1, test_samples=64, progress=False)
    assert capsys.readouterr().err == ""


def test_a_hidden_bar_stays_hidden_whatever_runs_inside(monkeypatch, capsys):
    @shows_progress
    def inner(*, progress: bool = True) -> None:
        with progress_bar("steps", 3) as advance:
            advance()

    @shows_progress
    def outer(*, progress: bool = True) -> None:
        inner(progress=True)

    monkeypatch.setenv("FORCE_COLOR", "1")
    outer(progress=False)
    assert capsys.readouterr().err == ""
    outer()
    assert "steps" in capsys.readouterr().err


def test_progress_must_be_true_or_false():
    with pytest.raises(ValueError, match=r"`progress` must be True or False; got 'no'"):
        spikes.compare(SMALL, seeds=2, progress="no")


@pytest.mark.parametrize(
    "study", [*(getattr(spikes, name) for name in STUDIES), reproduce, simulate_ensemble], ids=lambda f: f.__name__
)
def test_every_study_takes_progress(study):
    assert inspect.signature(study).parameters["progress"].default is True
    assert "progress : bool\n" in study.__doc__


def test_what_a_sweep_shows(tmp_path, monkeypatch, capsys):
    study = {"problem": {"n": 60, "d": 20, "width": 30, "alpha": [0.2, 0.3]}, "seeds": 1}
    monkeypatch.setenv("FORCE_COLOR", "1")
    spikes.sweep(study, tmp_path / "silent.sqlite", workers=1, progress=False)
    assert "━" not in capsys.readouterr().err  # a log may tell of the file all the same
    spikes.sweep(study, tmp_path / "shown.sqlite", workers=1)
    assert "━" in capsys.readouterr().err
