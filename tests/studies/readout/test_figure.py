"""Figure of a readout: predicted lines and points of splits stand where the study has them."""

import numpy as np
import pytest

from spikes import readout
from spikes.studies.readout.figure import plot_readout


def test_figure(drawn):
    rng = np.random.default_rng(0)
    F = rng.standard_normal((120, 6))
    study = readout(F, F[:, 0] + rng.standard_normal(120), n=[20, 60, 200], ridge=[0.01, 1.0], splits=3)
    axes = plot_readout(study)
    n, error, _ = drawn(axes, "line", "best penalty")
    assert n == pytest.approx(study.curve.n)
    assert error == pytest.approx(study.curve.test_error.min(axis=1))
    n, ridge, _ = drawn(axes, "line", "predicted")
    assert ridge == pytest.approx(study.curve.ridge[np.argmin(study.curve.test_error, axis=1)])
    points = axes[0].containers[0].lines[0]
    means = [values[0].mean for values in study.measured("test_error") if values is not None]
    assert points.get_ydata() == pytest.approx(means)
    said = " ".join(axes[0].figure.get_suptitle().split())
    assert "lines: predicted in classes of rows" in said
    assert "beyond the dotted line" in said
