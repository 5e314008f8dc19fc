"""Figures of claims: differences, limits and bounds stand where the certificate has them."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from spikes.estimates import Estimate
from spikes.validation.figure import plot_claim


@pytest.fixture
def axes():
    yield plt.subplots()[1]
    plt.close("all")


def claim(kind, **values):
    stated = SimpleNamespace(kind=kind, rate=0.5, scale=1.0, tolerance=0.1, name="a/claim")
    q = SimpleNamespace(label="", predicted=(2.0, 3.0), agreement=(1.0, 0.25), **values)
    return SimpleNamespace(claim=stated, levels=((100, 4), (200, 4)), quantities=(q,))


def points(ax):
    return [container.lines[0].get_ydata().tolist() for container in ax.containers]


def test_differences_with_their_fit_and_limit(axes):
    differences = tuple(SimpleNamespace(value=v, sem=0.01) for v in (0.3, 0.2))
    limit = SimpleNamespace(value=0.05, slope=1.5, rate=0.5)
    result = claim("number", differences=differences, limit=limit, interval=(0.02, 0.08), simulated=())
    plot_claim(result, ax=axes)
    assert points(axes) == [[0.3, 0.2], [0.05]]
    fit = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert fit.is_dashed()
    # the fit at the largest size, and its limit
    assert fit.get_ydata()[39] == pytest.approx(0.05 + 1.5 * 200**-0.5)
    assert fit.get_ydata()[-1] == pytest.approx(0.05)


def test_values_and_their_bounds(axes):
    simulated = (Estimate(2.5, 0.1, 4), Estimate(3.5, 0.2, 4))
    plot_claim(claim("bound", differences=(), limit=None, interval=None, simulated=simulated), ax=axes)
    assert points(axes) == [[2.5, 3.5]]
    bars = axes.containers[0].lines[2][0].get_segments()
    # a standard deviation over four runs, twice the standard error of their mean
    assert [segment[1][1] - segment[0][1] for segment in bars] == pytest.approx([0.4, 0.8])
    levels = [segment[0][1] for segment in axes.collections[-1].get_segments()]
    assert levels == pytest.approx([2.0, 3.0])


def test_entries_of_a_table(axes):
    plot_claim(claim("table", differences=(), limit=None, interval=None, simulated=()), ax=axes)
    assert [text.get_text() for text in axes.texts] == ["✓ 4 of 4", "✗ 1 of 4"]
