"""What results show of themselves: a few lines, no dump of arrays, and a picture where there is one."""

import functools

import matplotlib
import numpy as np
import pytest

import spikes
from theory import Problem, predict

matplotlib.use("Agg")
PROBLEM = Problem(n=60, d=20, width=30)


@functools.lru_cache
def _runs():
    return spikes.simulate_ensemble(PROBLEM, seeds=2, workers=1, test_samples=64)


@functools.lru_cache
def _predicted(density_at=None):
    return spikes.predict(PROBLEM.replace(ridge=(0.1, 1.0)), density_at=density_at)


SHOWN = {
    "prediction": lambda: predict(PROBLEM),
    "prediction as an answer": lambda: _predicted(),
    "ensemble": _runs,
    "simulation": lambda: _runs().runs[0],
    "fit": lambda: _runs().runs[0].after,
    "target": lambda: spikes.report_target("z1 + z1*z2", "tanh"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_repr_is_short(name):
    text = repr(SHOWN[name]())
    assert 1 <= len(text.splitlines()) <= 6
    assert max(map(len, text.splitlines())) < 250
    assert "array(" not in text


def test_spikes_are_outliers_too():
    theory = predict(Problem(n=300, d=100, width=200))
    assert theory.spikes
    assert theory.outliers is theory.spikes
    content = _runs().answer()["simulation"]
    assert content["spikes"] == content["outliers"]


def test_a_report_draws_itself():
    assert len(SHOWN["target"]().plot()) == 2


def test_a_prediction_as_an_answer_is_that_of_theory_with_a_picture_and_what_to_hold_it_against():
    study, law = _predicted(), predict(PROBLEM.replace(ridge=(0.1, 1.0)))
    assert study.theory.to_dict() == law.to_dict()
    np.testing.assert_array_equal(
        study.before["test_error"], predict(PROBLEM.replace(ridge=(0.1, 1.0), eta=0.0)).test_error
    )
    density, _ = study.plot()
    (curve,) = [line for line in density.lines if len(line.get_xdata()) > 10]
    shown = study._repr_html_()
    assert f"{law.test_error[1]:.5g}" in shown
    assert f"{law.spikes[0].singular_value:.5g}" in shown
    few = _predicted((0.5, 1.0))
    assert few.theory.density.shape == (2,)
    again, _ = few.plot()  # the whole curve all the same
    assert any(len(line.get_xdata()) == len(curve.get_xdata()) for line in again.lines)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "1 spike leaves the bulk; test error "),
        ({"eta": 0.0}, "no spike leaves the bulk; test error "),
        ({"noise": 0.5}, " (0.25 of it label noise), against "),
    ],
)
def test_a_prediction_says_its_conclusion(changes, said):
    assert said in spikes.predict(Problem(n=300, d=100, width=200, noise=0.0).replace(**changes)).remark()
