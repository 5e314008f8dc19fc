"""Figures of laws: densities, samples and marks stand where they are handed in."""

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.studies.laws.figure import plot_density, plot_forward, plot_spike_marks


def test_density(drawn):
    x, law, samples = np.array([0.0, 1.0]), np.array([0.4, 0.6]), np.array([0.1, 0.2, 0.8, 0.9])
    ax = plot_density([(x, law)], samples, atoms=[(-1.0, 0.25)], bins=np.array([0.0, 0.5, 1.0]))
    assert drawn(ax, "line", "law")[1].tolist() == law.tolist()
    assert drawn(ax, "histogram", "sampled")[1].tolist() == [1.0, 1.0]
    assert drawn(ax, "line", "atom of mass 0.25")[0].tolist() == [-1.0, -1.0]


def test_spike_marks():
    ax = plot_spike_marks([2.0], np.array([[2.1], [1.9]]))
    marks = {line.get_label(): line.get_xdata().tolist() for line in ax.lines}
    assert marks == {"predicted spikes": [2.0], "simulated spikes, each matrix": [2.1, 1.9]}


def test_forward(drawn):
    spike, curves = np.array([0.0, 1.0]), [("left", np.array([0.1, 0.2])), ("right", np.array([0.3, 0.4]))]
    points = [(np.array([0.5]), [Estimate(0.15, 0.01, 3)]), (np.array([0.5]), [Estimate(0.35, 0.02, 3)])]
    ax = plot_forward(spike, curves, points, threshold=0.7)
    for (name, law), (_, (value,)) in zip(curves, points, strict=True):
        assert drawn(ax, "line", name)[1].tolist() == law.tolist()
        x, y, error = drawn(ax, "points", name)
        assert (x, y, error) == (0.5, value.mean, pytest.approx(value.sem))
    assert {line.get_linestyle() for line in ax.lines if line.get_label() in ("left", "right")} == {"-"}
