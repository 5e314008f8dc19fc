"""What figures share: their style, their axes, and how they are saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spikes.runtime.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FIGURE_SUFFIXES", "STYLE", "axes_or_new", "save_figure"]


FIGURE_SUFFIXES = (".png", ".pdf", ".svg")


def save_figure(path: str, draw: Callable[[], Any], *, dpi: float | None = None) -> None:
    """Draw with the project's style on no screen and save by suffix; `dpi` is the style's unless given.

    Parameters
    ----------
    path : str
        Ends in .png, .pdf or .svg.
    draw : callable
        Draws, and returns Axes or a Figure.
    dpi : float, optional
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        drawn = draw()
        figure = drawn.flat[0].figure if hasattr(drawn, "flat") else drawn.figure
        with whole_file(path) as temporary:
            metadata = {"Software": None} if path.lower().endswith(".png") else None
            figure.savefig(temporary, metadata=metadata, **({} if dpi is None else {"dpi": dpi}))
        plt.close(figure)


STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "figure.dpi": 120,
    "savefig.dpi": 200,
    "mathtext.fontset": "stix",
}
"""Matplotlib settings of every figure."""


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (4.5, 3.2)) -> Axes:
    """The axes handed in, or those of a new figure of `size` inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]
