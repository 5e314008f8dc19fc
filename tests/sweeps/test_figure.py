"""The figure of a sweep: theory as lines, simulation as points."""

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.sweeps.figure import plot_curves
from spikes.sweeps.summary import Curve

X = np.array([0.1, 0.2, 0.3])


def curve(start, **label):
    measured = [Estimate(start + x + 0.01, 0.001, 4) for x in X[:2]] + [None]
    return Curve(label, X, measured, np.array([start + 0.1, np.nan, start + 0.3]))


def test_curves(drawn):
    ax = plot_curves([curve(1.0, d=10), curve(2.0, d=20)], "alpha", "test_error", statement="n = 20, noise = 0.5")
    for start, name in ((1.0, "$d$ = 10"), (2.0, "$d$ = 20")):
        x, y, error = drawn(ax, "points", name)
        assert (x, y) == (pytest.approx(X[:2]), pytest.approx(start + X[:2] + 0.01))
        assert error == pytest.approx([0.001, 0.001])
        # the line leaves out what is not predicted
        x, y, _ = drawn(ax, "line", name)
        assert (x, y) == (pytest.approx(X[[0, 2]]), pytest.approx(start + X[[0, 2]]))
    assert ax.get_title() == "" or "lines: theory; points: simulation" in ax.get_title()
    assert ax.figure.get_suptitle() == "n = 20, noise = 0.5"


def test_more_curves_than_colours(drawn):
    ax = plot_curves([curve(float(k), d=k) for k in range(9)], "alpha", "test_error")
    assert len({line.get_color() for line in ax.lines}) == 9
