"""Figure of a step on a user's inputs: before and after, and the law, stand where the study has them."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.studies.own_data.figure import (
    plot_data_errors,
    plot_data_learning_curve,
    plot_data_spectra,
    plot_data_study,
)
from theory import Problem

PROBLEM = Problem(n=20, d=10, width=15, ridge=(0.1, 1.0), eta=2.0)
EDGES = np.array([0.1, 1.0, 10.0])


@pytest.fixture
def study():
    start = {"before": 1.0, "after": 5.0}
    return SimpleNamespace(
        problem=PROBLEM,
        data=SimpleNamespace(rows=60),
        simulation=SimpleNamespace(seeds=1, runs=(SimpleNamespace(test_samples=20),)),
        log_histograms=lambda: (EDGES, {"before": np.array([0.2, 0.3]), "after": np.array([0.25, 0.1])}),
        log_density=lambda: (np.array([0.2, 2.0]), np.array([0.22, 0.28])),
        pool_density=lambda when: (np.array([0.2, 2.0]), np.array([0.22, 0.28]) + start[when]),
        measured=(None,),
        kernel=SimpleNamespace(test_error=np.array([[7.0, 8.0]])),
        predicted=lambda name, when: [Estimate(start[when] + len(name) + k + 0.5, 0.1, 2) for k in range(2)],
        learning_curve=lambda when: (np.array([5, 15]), np.array([9.0, 3.0]) + start[when]),
        measured_curve=lambda when: (np.array([5, 15]), None, [Estimate(start[when] + k, 0.1, 2) for k in (9.1, 3.1)]),
        median_eigenvalues=lambda when, count: start[when] + np.arange(3.0)[:count],
        errors=lambda name, when: [Estimate(start[when] + len(name) + k, 0.1, 2) for k in range(2)],
    )


def test_spectra(study, drawn):
    ax = plot_data_spectra(study)
    assert drawn(ax, "histogram", "before the step")[1] == pytest.approx([0.2, 0.3])
    assert drawn(ax, "histogram", "after the step")[1] == pytest.approx([0.25, 0.1])
    assert drawn(ax, "line", "Gaussian inputs, before")[1] == pytest.approx([0.22, 0.28])
    assert drawn(ax, "line", "predicted, after")[1] == pytest.approx([5.22, 5.28])
    assert drawn(ax, "points", "three largest, before")[0] == pytest.approx([1.0, 2.0, 3.0])
    assert drawn(ax, "points", "three largest, after")[0] == pytest.approx([5.0, 6.0, 7.0])


@pytest.mark.parametrize(("when", "start"), [("before", 1.0), ("after", 5.0)])
@pytest.mark.parametrize("name", ["test", "train"])
def test_errors(study, drawn, when, start, name):
    x, y, error = drawn(plot_data_errors(study), "points", f"{name}, {when} the step")
    assert (x.tolist(), error) == ([0.1, 1.0], pytest.approx([0.1, 0.1]))
    assert y == pytest.approx(start + len(f"{name}_error") + np.arange(2.0))


def test_laws_are_drawn(study, drawn):
    ax = plot_data_errors(study)
    assert drawn(ax, "line", "test, before, by the kernel")[1] == pytest.approx([7.0, 8.0])
    assert drawn(ax, "line", "laws of the features")[1][:2] == pytest.approx([15.5, 16.5])
    ax = plot_data_learning_curve(study)
    assert drawn(ax, "line", "predicted, after the step")[1] == pytest.approx([14.0, 8.0])
    n, values, _ = drawn(ax, "points", "measured, before")
    assert n == pytest.approx([20.0, 5.0, 15.0])
    assert values[1:] == pytest.approx([10.1, 4.1])


def test_the_data_are_stated(study, drawn):
    text = " ".join(plot_data_study(study)[0].figure.get_suptitle().split())
    assert text == ("60 rows: 20 for the step, 20 for the fit, 20 for the test; relu, d = 10, N = 15, η = 2, 1 split")
