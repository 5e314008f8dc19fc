"""What figures share: sizes, saving, what stands beside a picture, and the picture of a spectrum."""

import csv
import re

import matplotlib as mpl
import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.presentation.figure import (
    MEASURED,
    SERIES,
    SIZES,
    SPIKE,
    THEORY,
    axes_or_new,
    axes_row,
    drawing_style,
    plot_points,
    problem_statement,
    save_figure,
    state,
    style,
)
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum
from theory import Problem


def draw():
    ax = axes_or_new(None)
    ax.plot([1.0, 2.0], [3.0, 4.0], color=THEORY, label="theory")
    plot_points(ax, [1.0, 2.0], [Estimate(3.1, 0.1, 4), Estimate(4.2, float("nan"), 1)], label="simulated")
    ax.stairs([1.0, 2.0], [0.0, 1.0, 2.0], fill=True, label="bins")
    ax.axhline(3.5)
    state(ax.figure, "the problem")
    return ax


def test_fonts_can_be_read_by_venues(tmp_path):
    save_figure(str(tmp_path / "a.pdf"), draw)
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/TrueType" in content or b"/CIDFontType2" in content
    save_figure(str(tmp_path / "a.svg"), draw)
    assert "the problem</text>" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_one_layout(size, tmp_path):
    widths, letters = [], []

    def rows():
        axes = axes_row(None, 3, 3.0)
        widths.append(axes[0].figure.get_figwidth())
        letters.append(mpl.rcParams["font.size"])
        return axes

    save_figure(str(tmp_path / "a.png"), rows, size=size)
    assert widths == [SIZES[size].width]
    # at 760 pixels the smallest letters, those of legends, are 9 pixels high
    assert letters[0] * 0.833 / 72.0 * 760.0 / widths[0] > 9.0
    assert letters[0] / widths[0] == pytest.approx(9.0 / 8.4, rel=0.01)


def test_unknown_size_is_refused():
    with pytest.raises(ValueError, match=r"`size` must be one of page, paper, talk; got 'poster'"):
        style("poster")


def test_commands_refuse_an_unknown_size_before_the_work(spikes):
    status, _, err = spikes("predict", "--figure", "a.png", "--size", "poster")
    assert (status, err) == (2, "spikes: --size must be one of page, paper, talk; got 'poster'\n")


def test_data_stand_beside_the_picture(tmp_path):
    save_figure(str(tmp_path / "a.png"), draw, data=True)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    told = {(r["kind"], r["series"], float(r["x"]), float(r["y"]), r["error"]) for r in rows}
    assert told == {
        ("line", "theory", 1.0, 3.0, ""),
        ("line", "theory", 2.0, 4.0, ""),
        ("points", "simulated", 1.0, 3.1, "0.1"),
        ("points", "simulated", 2.0, 4.2, "0"),
        ("histogram", "bins", 0.0, 1.0, ""),
        ("histogram", "bins", 1.0, 2.0, ""),
    }


def test_a_problem_is_stated_whole():
    problem = Problem(n=20, d=10, width=15, second_layer="rademacher", eta=2.0, n_step=30)
    text = problem_statement(problem, seeds=3)
    for part in ("relu", "z + 0.5*He2(z)", "noise 0.5", "rademacher", "η = 2", "n = 20", "30 for the step", "3 seeds"):
        assert part in text
    assert not re.search("n = |η|α", problem_statement(problem, without=("n", "step")))


def test_a_long_statement_is_broken(drawn):
    with drawing_style("paper"):
        ax = axes_or_new(None)
        state(ax.figure, "word " * 60 + "n = 2000")
        ax.figure.canvas.draw()
        box = ax.figure._suptitle.get_window_extent()
    assert box.x1 <= ax.figure.bbox.x1
    assert ax.figure.get_suptitle().endswith("n = 2000")


def test_a_spectrum_shows_law_and_simulation_apart(drawn):
    edges, height = np.array([0.1, 1.0, 10.0]), np.array([0.2, 0.3])
    x, law = np.array([0.2, 1.0, 5.0]), np.array([0.25, 0.0, 0.15])
    names = {"histogram": "bulk", "curve": "law", "simulated": "seen", "predicted": "foreseen"}
    ax = axes_or_new(None)
    plot_log_spectrum(
        ax, histogram=(edges, height), curve=(x, law), simulated=[[20.0, 30.0]], predicted=[25.0], names=names
    )
    finish_log_spectrum(ax, bulk=(0.1, 10.0), largest=30.0)
    assert drawn(ax, "histogram", "bulk")[1].tolist() == height.tolist()
    curve = drawn(ax, "line", "law")
    assert curve[0].tolist() == x.tolist()
    assert np.isnan(curve[1][1])  # no line across a gap
    assert curve[1][[0, 2]].tolist() == [0.25, 0.15]
    assert drawn(ax, "points", "seen")[0].tolist() == [20.0, 30.0]
    assert drawn(ax, "points", "foreseen")[0].tolist() == [25.0]
    low, high = ax.get_xlim()
    assert low < 0.1
    assert high > 30.0
    colours = {line.get_label(): line.get_color() for line in ax.lines}
    assert (colours["law"], colours["seen"], colours["foreseen"]) == (THEORY, MEASURED, SPIKE)


def test_a_bulk_that_reaches_zero_is_shown_four_decades_down(drawn):
    ax = axes_or_new(None)
    plot_log_spectrum(ax, curve=(np.array([1e-9, 1.0]), np.array([0.1, 0.2])))
    finish_log_spectrum(ax, bulk=(1e-9, 1.0), largest=1e6)
    assert ax.get_xlim()[0] == pytest.approx(1e-4 / 1.5)


def test_series_differ_in_colour_and_marker():
    for part in zip(*SERIES, strict=True):
        assert len(set(part)) == len(SERIES)
