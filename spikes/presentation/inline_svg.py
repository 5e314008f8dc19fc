"""A figure as SVG inside a page: in the page's font, its colours variables of the page, its names its own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

__all__ = ["INK", "VARIABLES", "inline_svg"]

INK = "#000000"
"""Of letters and axes, and of what is simulated."""

# Light areas and lines of the figures, which a dark page needs dark.
_GREYS = {INK: "--ink", "#808080": "--pale", "#c8c8c8": "--bulk", "#e8e8e8": "--band", "#b0b0b0": "--guide"}
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
VARIABLES = _GREYS | {"#ffffff": "--paper"} | {colour: f"--c{i}" for i, colour in enumerate(_SERIES)}
"""Of the page, by the colours of `spikes.presentation.figure` that they stand for; any other colour becomes ink."""


def inline_svg(
    draw: Callable[[Any], Any],
    size: tuple[float, float],
    name: str,
    *,
    prefix: str,
    frame: tuple[float, float, float, float] | None = None,
    outlines: bool = False,
) -> str:
    """Draw one panel as SVG that stands in a page.

    Parameters
    ----------
    draw : callable
        Draws on the Axes it is given.
    size : tuple of float
        Inches.
    name : str
        What a screen reader says of the picture.
    prefix : str
        Of the names inside, of which no other picture of the page has one.
    frame : tuple of float, optional
        Left, bottom, right and top of the axes as shares of the picture: half the work of finding what fits, which is
        done by default.
    outlines : bool
        Letters as outlines rather than as text, so that the parts of a formula keep their places in any font.

    Returns
    -------
    str
        An <svg> element without width and height.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from spikes.presentation.figure import STYLE

    with mpl.rc_context({**STYLE, "svg.hashsalt": prefix, **({"svg.fonttype": "path"} if outlines else {})}):
        figure = Figure(figsize=size, layout=None if frame else "constrained")
        FigureCanvasSVG(figure)
        if frame is not None:
            figure.subplots_adjust(**dict(zip(("left", "bottom", "right", "top"), frame, strict=True)))
        draw(figure.subplots())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<defs>\s*<style.*?</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r'style="([^"]*)"', lambda found: f'style="{_themed(found[1])}"', text)
    text = re.sub(r"<[^>]*>", _shortened, text)
    text = _renamed(text.replace("xlink:href", "href"), prefix)
    box = re.findall(r'viewBox="[^"]*"', text)[0]
    text = re.sub(r"\n\s*", "\n", text)
    return re.sub(r"<svg[^>]*>", lambda _: f'<svg {box} role="img" aria-label="{escape(name)}">', text, count=1).strip()


def _shortened(tag: re.Match[str]) -> str:
    """Hundredths are enough of lengths, but not of factors by which outlines are scaled."""
    return tag[0] if "scale(" in tag[0] else re.sub(r"-?\d+\.\d{3,}", _to_hundredths, tag[0])


def _to_hundredths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _themed(style: str) -> str:
    """Colours as the page's variables, the page's font, sizes kept."""
    style = re.sub(r"font-family: [^;]*;? ?", "", re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", style))
    return re.sub(r"#[0-9a-f]{6}", lambda found: f"var({VARIABLES.get(found[0], '--ink')})", style)


def _renamed(text: str, prefix: str) -> str:
    """Names that are referred to, made this figure's own; the others dropped."""
    used = list(dict.fromkeys(re.findall(r'(?:href="#|url\(#)([\w-]+)', text)))
    names = {name: f"{prefix}-{i}" for i, name in enumerate(used)}
    text = re.sub(r' id="([\w.-]+)"', lambda m: f' id="{names[m[1]]}"' if m[1] in names else "", text)
    return re.sub(r'(href="#|url\(#)([\w-]+)', lambda m: m[1] + names[m[2]], text)
