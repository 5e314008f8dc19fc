"""Figures inside a page: every colour of the palette is a variable of the page, and names are a picture's own."""

import re

import pytest

from spikes.presentation import figure
from spikes.presentation.inline_svg import VARIABLES, inline_svg


def test_every_colour_of_the_palette_is_a_variable():
    colours = {figure.THEORY, figure.MEASURED, figure.BULK, figure.BEFORE, figure.SPIKE, figure.BAND}
    colours |= {colour for colour, _ in figure.SERIES[:6]} | {figure.GUIDE["color"]}
    assert {colour.lower() for colour in colours} <= set(VARIABLES)


@pytest.mark.parametrize("how", [{}, {"frame": (0.1, 0.1, 0.9, 0.9)}, {"outlines": True}])
def test_a_picture_stands_in_a_page(how):
    def draw(ax):
        ax.plot([0.0, 1.0], [0.0, 1.0], color=figure.THEORY)
        ax.set_xlabel("$x^2$ <b>")

    svg = inline_svg(draw, (4.0, 3.0), 'a "name" & more', prefix="p", **how)
    assert re.match(r'<svg viewBox="[\d. ]+" role="img" aria-label="a &quot;name&quot; &amp; more">', svg)
    assert "var(--c0)" in svg
    assert not re.search(r"#[0-9a-f]{6}", "".join(re.findall(r'style="[^"]*"', svg)))
    assert set(re.findall(r' id="([^"]*)"', svg)) == set(re.findall(r'(?:href="#|url\(#)([\w-]+)', svg))
    assert ("<text" in svg) == ("outlines" not in how)
