"""What figures share: palette, style and sizes, the marks of theory and simulation, and how they are saved.

One grammar holds for all figures: lines are theory, points are simulation with standard errors, and so are filled
histograms and steps, which are distributions; dashed lines are fits; thin dotted lines are guides. Every figure states
its problem.
"""

from __future__ import annotations

import functools
import textwrap
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from spikes.presentation.numbers import counted
from spikes.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.typing import RcKeyType

    from spikes.estimates import Estimate
    from theory.statement.problem import Problem

__all__ = [
    "ATOM",
    "BAND",
    "BEFORE",
    "BULK",
    "FIGURE_SUFFIXES",
    "FIT",
    "GUIDE",
    "LIMIT",
    "MEASURED",
    "SERIES",
    "SIZES",
    "SPIKE",
    "STYLE",
    "THEORY",
    "UNTRAINED",
    "axes_or_new",
    "axes_row",
    "drawing_style",
    "in_style",
    "plain_log_axis",
    "plot_points",
    "problem_statement",
    "save_figure",
    "scaled",
    "state",
    "style",
]


FIGURE_SUFFIXES = (".png", ".pdf", ".svg")

# The colours of Okabe and Ito: told apart by colour-blind readers, and of different lightness in grey.
_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE, _SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"

THEORY = _BLUE
"""Lines of the law at this size."""
MEASURED = "#000000"
"""Points of simulations, where there is one series of them."""
BULK = "#C8C8C8"
"""Filled histograms of simulated values."""
BEFORE = "#808080"
"""What was there before the step, or without it."""
SPIKE = _VERMILION
"""Predicted spikes."""
LIMIT = _VERMILION
"""Lines of a limit n → ∞."""
ATOM = _VERMILION
"""Point masses of a law."""
UNTRAINED = "#808080"
"""Random features, chance levels and floors of them."""
BAND = "#E8E8E8"
"""Areas: a bulk from above, a tolerance."""
FIT: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.0}
"""Look of a fitted line."""
GUIDE: dict[str, Any] = {"color": "#B0B0B0", "linestyle": (0, (1, 2)), "linewidth": 0.9, "zorder": 0}
"""Look of a line that guides the eye: thresholds, zeros, bounds."""
SERIES = (
    (_BLUE, "o"),
    (_VERMILION, "s"),
    (_GREEN, "^"),
    (_PURPLE, "D"),
    (_ORANGE, "v"),
    (_SKY, "P"),
    ("#000000", "X"),
    ("#808080", "<"),
    ("#F0E442", ">"),
)
"""Colours and markers of several series side by side, in the order in which they are taken."""


class _Size(NamedTuple):
    width: float
    font: float


SIZES = {"page": _Size(8.4, 9.0), "paper": _Size(6.75, 7.25), "talk": _Size(13.3, 14.25)}
"""Width in inches of a row of panels, and letters in points: a web page of 760 pixels, both columns of a paper, a
slide. All are one layout, larger or smaller; a single panel takes three fifths of a row."""

_size: ContextVar[str] = ContextVar("size", default="page")
_styled: ContextVar[bool] = ContextVar("styled", default=False)


def style(size: str = "page") -> dict[RcKeyType, Any]:
    """Matplotlib settings of figures of one size: TrueType letters in PDF, text as text in SVG.

    Parameters
    ----------
    size : {"page", "paper", "talk"}

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If there is no such size.

    Examples
    --------
    >>> style("talk")["font.size"], style()["pdf.fonttype"]
    (14.25, 42)
    """
    factor = _factor(size)
    lengths: dict[RcKeyType, float] = {
        "lines.linewidth": 1.4,
        "lines.markersize": 4.2,
        "errorbar.capsize": 2.0,
        "axes.linewidth": 0.8,
        "xtick.major.size": 3.5,
        "ytick.major.size": 3.5,
        "xtick.minor.size": 2.0,
        "ytick.minor.size": 2.0,
        "xtick.major.width": 0.8,
        "ytick.major.width": 0.8,
        "xtick.minor.width": 0.6,
        "ytick.minor.width": 0.6,
        "hatch.linewidth": 0.8,
    }
    return {
        **{name: factor * value for name, value in lengths.items()},
        "font.size": SIZES[size].font,
        "axes.titlesize": "medium",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "legend.fontsize": "small",
        "legend.title_fontsize": "small",
        "figure.titlesize": "medium",
        "figure.dpi": 120,
        "savefig.dpi": 200,
        "mathtext.fontset": "stix",
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none",
    }


def _factor(size: str) -> float:
    if size not in SIZES:
        raise ValueError(f"`size` must be one of {', '.join(SIZES)}; got {size!r}")
    return SIZES[size].width / SIZES["page"].width


STYLE = style()
"""Matplotlib settings of figures on a page."""


@contextmanager
def drawing_style(size: str = "page") -> Iterator[None]:
    """Draw in a size: the settings of `style`, and new figures as wide as it says.

    Parameters
    ----------
    size : {"page", "paper", "talk"}
    """
    import matplotlib.pyplot as plt

    settings = style(size)
    token, before = _size.set(size), _styled.set(True)
    try:
        with plt.rc_context(settings):
            yield
    finally:
        _size.reset(token)
        _styled.reset(before)


P = ParamSpec("P")
R = TypeVar("R")


def in_style(plot: Callable[P, R]) -> Callable[P, R]:
    """Have a method draw figures of its own in the style of a page; axes that are handed in keep theirs.

    Parameters
    ----------
    plot : callable
        A method that takes axes, None for a new figure.

    Returns
    -------
    callable
    """

    @functools.wraps(plot)
    def draw(*args: P.args, **kwargs: P.kwargs) -> R:
        given = [*args[1:], *kwargs.values()]
        if _styled.get() or any(one is not None for one in given):
            return plot(*args, **kwargs)
        with drawing_style():
            return plot(*args, **kwargs)

    return draw


def save_figure(
    path: str, draw: Callable[[], Any], *, dpi: float | None = None, size: str = "page", data: bool = False
) -> None:
    """Draw with the project's style on no screen and save by suffix; `dpi` is the style's unless given.

    Parameters
    ----------
    path : str
        Ends in .png, .pdf or .svg.
    draw : callable
        Draws, and returns Axes or a Figure.
    dpi : float, optional
    size : {"page", "paper", "talk"}
    data : bool
        Whether to write what is drawn beside the picture, as numbers in a .csv file of its name.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with drawing_style(size):
        drawn = draw()
        figure = drawn.flat[0].figure if hasattr(drawn, "flat") else drawn.figure
        with whole_file(path) as temporary:
            metadata = {"Software": None} if path.lower().endswith(".png") else None
            figure.savefig(temporary, metadata=metadata, **({} if dpi is None else {"dpi": dpi}))
        if data:
            from spikes.presentation.drawn_data import write_drawn_data

            write_drawn_data(f"{path.rpartition('.')[0]}.csv", figure)
        plt.close(figure)


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (5.04, 3.5)) -> Axes:
    """The axes handed in, or those of a new figure.

    Parameters
    ----------
    ax : Axes, optional
    size : tuple of float
        Inches on a page, scaled to the size in which is drawn.

    Returns
    -------
    Axes
    """
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    factor = _factor(_size.get())
    return plt.subplots(figsize=(factor * size[0], factor * size[1]), layout="constrained")[1]


def axes_row(axes: Any, columns: int, height: float, *, rows: int = 1, **how: Any) -> np.ndarray:
    """The axes handed in, or those of a new figure of panels side by side, as wide as a page.

    Parameters
    ----------
    axes : sequence of Axes, optional
        As many as panels.
    columns : int
    height : float
        Of the figure, in inches on a page.
    rows : int
    **how
        As of `matplotlib.pyplot.subplots`.

    Returns
    -------
    ndarray of Axes, shape (rows * columns,)
    """
    if axes is not None:
        return np.asarray(axes, dtype=object).ravel()
    import matplotlib.pyplot as plt

    factor = _factor(_size.get())
    size = (factor * SIZES["page"].width, factor * height)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **how)[1].ravel()


def scaled(length: float) -> float:
    """Points on a page, in the size in which is drawn."""
    return _factor(_size.get()) * length


def plot_points(
    ax: Axes,
    x: Sequence[float] | np.ndarray,
    values: Sequence[Estimate],
    *,
    colour: str = MEASURED,
    marker: str = "o",
    hollow: bool = False,
    label: str | None = None,
    markersize: float = 4.2,
) -> None:
    """Simulated means as points with their standard errors.

    Parameters
    ----------
    ax : Axes
    x : sequence of float
    values : sequence of Estimate
    colour, marker : str
    hollow : bool
    label : str, optional
    markersize : float
        Points on a page.
    """
    ax.errorbar(
        x,
        [value.mean for value in values],
        [value.bar for value in values],
        fmt=marker,
        color=colour,
        markerfacecolor="white" if hollow else colour,
        markersize=scaled(markersize),
        linewidth=scaled(0.9),
        label=label,
    )


def problem_statement(problem: Problem, *, seeds: int | None = None, without: Sequence[str] = ()) -> str:
    """A problem in one line of a figure.

    Parameters
    ----------
    problem : Problem
    seeds : int, optional
    without : sequence of str
        Of ``step``, ``n``, ``d`` and ``width``: what varies within the figure.

    Returns
    -------
    str

    Examples
    --------
    >>> from theory import Problem
    >>> problem_statement(Problem(n=2000, d=1000, width=1500), seeds=1)
    'relu, target z + 0.5*He2(z), noise 0.5, α = 0.36, n = 2000, d = 1000, N = 1500, 1 seed'
    """
    scale = "" if problem.scale == 1.0 else f", factor {problem.scale:g}"
    step = f"α = {problem.alpha:g}{scale}" if problem.eta is None else f"η = {problem.eta:g}"
    parts = [problem.sigma.name, f"target {problem.teacher.name}", f"noise {problem.noise:g}"]
    if problem.law_of_a.name != "gaussian":
        parts.append(f"{problem.law_of_a} second layer")
    if problem.law_of_x is not None:
        parts += [f"covariance {problem.law_of_x.name}", f"direction {problem.direction}"]
    if problem.update.kind != "gd" and "optimizer" not in without:
        parts.append(f"optimizer {problem.optimizer}")
    if problem.sparsity is not None:
        parts.append(f"target on {counted(problem.sparsity, 'coordinate')}")
    parts += [] if "step" in without else [step]
    parts += [] if "n" in without else [f"n = {problem.n}"]
    parts += [f"{problem.n0} for the step"] if problem.n_step is not None and "n" not in without else []
    parts += [] if "d" in without else [f"d = {problem.d}"]
    parts += [] if "width" in without else [f"N = {problem.width}"]
    return ", ".join([*parts, *([] if seeds is None else [counted(seeds, "seed")])])


def state(figure: Figure | SubFigure, text: str) -> None:
    """Write what a figure is of above it, in as many lines as its width asks for.

    Parameters
    ----------
    figure : Figure or SubFigure
    text : str
        Not read as mathematics.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    width = figure.get_figwidth() if isinstance(figure, Figure) else figure.bbox.width / figure.dpi
    # a letter is about half as wide as it is high
    letters = int(width * 72.0 / (0.56 * mpl.rcParams["font.size"]))
    # a line is not broken within "n = 2000": the spaces there are of the kind that holds
    parts = text.replace(" = ", "\u00a0=\u00a0").split("\n")
    lines = [line for part in parts for line in textwrap.wrap(part, max(20, letters))]
    shown = "\n".join(lines).replace("\u00a0", " ").replace("$", r"\$")
    figure.suptitle(shown, x=0.01, ha="left", fontsize="medium")


def plain_log_axis(axis: Any) -> None:
    """Numbers rather than powers on a logarithmic axis of few decades.

    Parameters
    ----------
    axis : Axis
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if high / low < 300.0:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(lambda value, _: f"{value:g}")
