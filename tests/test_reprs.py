"""What results show of themselves: a few lines, no dump of arrays, and a picture where there is one."""

import functools

import matplotlib
import pytest

import spikes
from theory import Problem, predict

matplotlib.use("Agg")
PROBLEM = Problem(n=60, d=20, width=30)


@functools.lru_cache
def _runs():
    return spikes.simulate_ensemble(PROBLEM, seeds=2, workers=1, test_samples=64)


SHOWN = {
    "prediction": lambda: predict(PROBLEM),
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
