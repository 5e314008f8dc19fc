"""The improvement direction along a training, and from where training succeeds."""

import numpy as np
import pytest

from spikes.simulation.training import Plan, train
from spikes.studies.local_analysis import (
    plot_improvement,
    plot_residual,
    plot_success,
    study_improvement,
    study_success,
)

SHORT = {"width": 12, "epochs": 2, "iterations": 100}


def test_the_direction_improves_along_a_short_training(tmp_path):
    study = study_improvement(("G", "A"), record=25, workers=1, checkpoint=tmp_path / "kept", **SHORT)
    assert (
        study.to_dict()
        == study_improvement(("G", "A"), record=25, workers=1, checkpoint=tmp_path / "kept", **SHORT).to_dict()
    )
    for i in range(2):
        run = study.runs[i]
        assert len(run["gap"]) == 1 + 2 * 4
        assert (study.slack(i) >= 0.0).all()
        assert (study.ratio(i) > 0.0).all()
        # the parts add up to the loss, up to what they share
        assert np.all(np.sqrt(run["loss"]) <= run["R1"] + run["R2"] + run["R3"] + 1e-12)
    assert "is positive at the records" in study.remark()
    assert len(plot_improvement(study)) == 2
    assert len(plot_residual(study)) == 2


def test_how_far_the_first_stage_turns_sets_the_loss():
    plan = Plan("A", width=20, epochs=0)
    losses = [train(plan, 3, turned=turned).history[0, 5] for turned in (0.0, 0.5, 1.0)]
    assert losses == sorted(losses, reverse=True)
    with pytest.raises(ValueError, match=r"`turned` must be 1 with `checkpoint`, which does not keep it; got 0.5"):
        train(plan, 3, turned=0.5, checkpoint="x")


def test_success_is_read_off_the_runs():
    study = study_success(
        ("G",), widths=(2, 8), turned=(0.0, 1.0), fractions=(1.0,), width=8, seeds=2, workers=1, epochs=2, iterations=50
    )
    assert study.by_width.shape == (1, 2, 2)
    assert study.start_loss.shape == (1, 2, 2)
    made = type(study)(
        study.teachers,
        (2, 4, 8),
        (0.0, 1.0),
        (1.0,),
        np.array([[[False, True], [True, True], [True, True]]]),
        np.array([[[[False, True], [True, True]]]]),
        np.array([[[0.5, 0.3], [0.1, 0.2]]]),
    )
    assert made.smallest_width(0) == 4
    assert made.largest_loss(0, 0) == (0.3, True)
    assert "m₀ = 4, ε₀ = 0.3 E f*² at λ₀ = 1 of the default" in made.remark()
    assert made.to_dict()["simulation"]["G"]["fails_above"] == [True]
    assert len(plot_success(study)) == 2


@pytest.mark.parametrize(
    "teachers",
    [
        pytest.param(("orth4", "r3m5"), marks=pytest.mark.slow),
        pytest.param(("orth4", "A", "G", "r3m5", "r5m6"), marks=pytest.mark.study),
    ],
    ids=len,
)
def test_the_direction_improves_along_the_whole_of_stage_3(teachers):
    study = study_improvement(teachers, record=100, workers=2)
    assert tuple(plan.teacher.name for plan in study.plans) == teachers
    for i in range(len(teachers)):
        assert (study.ratio(i) > 0.0).all()
        assert (study.slack(i) >= 0.0).all()
