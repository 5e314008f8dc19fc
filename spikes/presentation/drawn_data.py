"""What a figure shows, as numbers: the file that stands beside a picture."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikes.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Drawn", "drawn_data", "write_drawn_data"]


class Drawn(NamedTuple):
    """One number pair of a figure.

    Attributes
    ----------
    panel : str
        Number and title of the axes.
    kind : str
        ``line``, ``points``, ``histogram``, whose x are left ends of bins, ``bars``, or ``scatter``.
    series : str
        What the legend calls it, or its gid; for what shares the colour and has no name of its own, the name of that.
    x, y : float
    error : float or None
        Half length of the error bar.
    """

    panel: str
    kind: str
    series: str
    x: float
    y: float
    error: float | None


def drawn_data(figure: Figure) -> list[Drawn]:
    """Every line, point, histogram and bar of a figure, panel by panel; guides and letters are left out.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    list of Drawn
    """
    rows = []
    for number, ax in enumerate(figure.axes, start=1):
        title = ax.get_title("left") or ax.get_title() or ax.get_ylabel()
        panel = f"{number} {' '.join(title.split())}".strip()
        rows += [Drawn(panel, *entry) for entry in _of_axes(ax)]
    return rows


def write_drawn_data(path: str, figure: Figure) -> None:
    """Write `drawn_data` as a .csv file, numbers to six digits.

    Parameters
    ----------
    path : str
    figure : Figure
    """
    with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Drawn._fields)
        for row in drawn_data(figure):
            error = "" if row.error is None else f"{row.error:.6g}"
            writer.writerow([row.panel, row.kind, row.series, f"{row.x:.6g}", f"{row.y:.6g}", error])


def _of_axes(ax: Axes) -> Iterator[tuple[str, str, float, float, float | None]]:
    from matplotlib.container import BarContainer

    names = _names(ax)
    inside = {id(part) for container in ax.containers for part in _parts(container)}
    for container in ax.containers:
        name = _name(container, names, getattr(container, "lines", [None])[0])
        if hasattr(container, "has_yerr"):
            yield from _points(container, name)
        elif not isinstance(container, BarContainer):
            raise ValueError(f"`figure` must hold bars and error bars alone; got a {type(container).__name__}")
        else:
            for bar in container.patches:
                yield "bars", name, bar.get_x() + 0.5 * bar.get_width(), bar.get_height(), None
    for line in ax.lines:
        if id(line) in inside or line.get_transform() != ax.transData:
            continue
        kind = "points" if line.get_linestyle() in ("None", "") else "line"
        for x, y in zip(*(np.asarray(v, dtype=float) for v in line.get_data()), strict=True):
            yield kind, _name(line, names, line), float(x), float(y), None
    for patch in ax.patches:
        if hasattr(patch, "get_data") and id(patch) not in inside:
            values, edges, baseline = patch.get_data()
            heights = values - (0.0 if baseline is None else baseline)
            for x, y in zip(edges, heights, strict=False):
                yield "histogram", _name(patch, names, patch), float(x), float(y), None
    for collection in ax.collections:
        offsets = np.asarray(collection.get_offsets(), dtype=float)
        if id(collection) not in inside and len(offsets) > 1:
            for x, y in offsets:
                yield "scatter", _name(collection, names, None), float(x), float(y), None


def _points(container: Any, name: str) -> Iterator[tuple[str, str, float, float, float | None]]:
    line, _, bars = container.lines
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    errors: list[float | None] = [None] * len(x)
    if container.has_yerr:
        errors = [0.5 * float(segment[1][1] - segment[0][1]) for segment in bars[-1].get_segments()]
    for place, value, error in zip(x, y, errors, strict=True):
        yield "points", name, float(place), float(value), error


def _parts(container: Any) -> Iterator[Any]:
    """Everything that a container draws, so that nothing is told twice."""
    for part in container:
        if isinstance(part, tuple | list):
            yield from part
        elif part is not None:
            yield part


def _names(ax: Axes) -> dict[Any, str]:
    handles, labels = ax.get_legend_handles_labels()
    return {_colour(handle): label for handle, label in reversed(list(zip(handles, labels, strict=True)))}


def _colour(artist: Any) -> Any:
    from matplotlib.colors import to_hex

    line = artist.lines[0] if hasattr(artist, "has_yerr") else artist
    if hasattr(line, "patches"):
        line = line.patches[0] if line.patches else None
    for name in ("get_color", "get_facecolor"):
        if hasattr(line, name):
            colour = np.atleast_1d(np.asarray(getattr(line, name)(), dtype=object))
            try:
                return to_hex(colour[0] if colour.ndim > 1 or len(colour) == 1 else tuple(colour))
            except (ValueError, TypeError):
                return None
    return None


def _name(artist: Any, names: dict[Any, str], look: Any) -> str:
    label = str((hasattr(artist, "get_gid") and artist.get_gid()) or artist.get_label() or "")
    if label and not label.startswith("_"):
        return label
    return names.get(_colour(look if look is not None else artist), "")
