"""Figures of claims: differences against size with their limit, tables entry by entry, values against bounds."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation

from spikes.presentation.figure import BEFORE, FIT, SERIES
from spikes.presentation.numbers import number_text
from spikes.validation.certificate import Certificate, ClaimResult, Quantity
from spikes.validation.extrapolation import Limit
from spikes.validation.presentation import SYMBOLS, difference_unit
from spikes.validation.verdict import AGREE, DISAGREE

__all__ = ["COLOURS", "PALE", "WIDTH", "panel_height", "panels", "plot_certificate", "plot_claim"]

COLOURS = tuple(colour for colour, _ in SERIES[:6])
"""In the order in which a claim's numbers take them."""
PALE = BEFORE
"""Of the tolerance, and of what is not resolved."""
_MARKERS = tuple(marker for _, marker in SERIES[:6])
WIDTH = 4.2
"""Of a panel, in inches."""


def panels(result: ClaimResult) -> list[tuple[Quantity, ...]]:
    """Quantities of a claim, as many together as a panel can show: a table whole, of others at most six."""
    count = 1 if result.claim.kind == "table" else math.ceil(len(result.quantities) / len(COLOURS))
    parts = np.array_split(np.arange(len(result.quantities)), count)
    return [tuple(result.quantities[i] for i in part) for part in parts]


def panel_height(result: ClaimResult, quantities: Sequence[Quantity]) -> float:
    """Height in inches of a panel of `WIDTH`."""
    if result.claim.kind == "table":
        return 0.6 + 0.24 * len(quantities)
    return 2.7 + (0.17 * math.ceil(len(quantities) / _columns(quantities)) if len(quantities) > 1 else 0.0)


def plot_claim(result: ClaimResult, quantities: Sequence[Quantity] | None = None, ax: Axes | None = None) -> Axes:
    """Draw one panel of a claim.

    Of numbers the differences from the prediction ± standard error against size, the tolerated ones as a band, the fit
    that extrapolates them, and its limit with its interval at the right. Of tables the share of seeds that agree. Of
    bounds the mean value ± standard deviation over the seeds, and the bound.

    Parameters
    ----------
    result : ClaimResult
    quantities : sequence of Quantity, optional
        Those to draw; all by default. `panels` gives such as can be told apart.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    chosen = tuple(result.quantities if quantities is None else quantities)
    if ax is None:
        height = panel_height(result, chosen)
        ax = plt.subplots(figsize=(WIDTH, height), layout="constrained")[1]
    {"number": _plot_differences, "table": _plot_table, "bound": _plot_bound}[result.claim.kind](result, chosen, ax)
    return ax


def plot_certificate(certificate: Certificate) -> np.ndarray:
    """All panels of all claims, three in a row, each under the claim's name and verdict; returns the Axes."""
    drawn = [(r, part) for r in certificate.results for part in panels(r)]
    columns = min(3, len(drawn))
    rows = [drawn[i : i + columns] for i in range(0, len(drawn), columns)]
    heights = [0.3 + max(panel_height(*panel) for panel in row) for row in rows]
    _, axes = plt.subplots(
        len(rows),
        columns,
        squeeze=False,
        figsize=(WIDTH * columns, sum(heights)),
        height_ratios=heights,
        layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.08),
    )
    for ax, panel in zip(axes.flat, drawn, strict=False):
        plot_claim(*panel, ax=ax)
        ax.set_title(f"{panel[0].claim.name}: {SYMBOLS[panel[0].verdict]} {panel[0].verdict}")
    for ax in list(axes.flat)[len(drawn) :]:
        ax.remove()
    return axes.flat[: len(drawn)]


def _positions(result: ClaimResult) -> tuple[np.ndarray, float]:
    """Abscissa of each size, its logarithm, and of the limit; the closest two sizes are 1 apart."""
    x = np.log([size for size, _ in result.levels])
    gap = float(np.diff(x).min()) if len(x) > 1 else 1.0
    return x / gap, gap


def _spread(count: int) -> np.ndarray:
    """Sidesteps of several series, so that their error bars can be told apart."""
    step = min(0.11, 0.5 / max(count, 1))
    return step * (np.arange(count) - 0.5 * (count - 1))


def _size_axis(ax: Axes, result: ClaimResult, x: np.ndarray, last: str) -> None:
    ends = [*x, x[-1] + 1.0] if last else list(x)
    ax.set_xticks(ends, [*(str(size) for size, _ in result.levels), *([last] if last else [])])
    ax.set_xlim(x[0] - 0.45, ends[-1] + 0.45)
    ax.set_xlabel("size" + (", then the limit" if last == "∞" else ", then the mean" if last else ""))


def _plot_differences(result: ClaimResult, quantities: Sequence[Quantity], ax: Axes) -> None:
    claim = result.claim
    x, gap = _positions(result)
    factor, unit = difference_unit(claim)
    extrapolated = any(_limit(q)[0].rate is not None for q in quantities)
    band = factor * claim.tolerance
    ax.axhspan(-band, band, color=PALE, alpha=0.16, linewidth=0, label="tolerance")
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.axvline(x[-1] + 0.5, color=PALE, linewidth=0.7, linestyle=":")
    # the curve approaches the limit with the abscissa: n = largest/(1 − t)^gap from the largest size to the limit
    t = np.linspace(0.0, 1.0, 40)
    curve_x = np.concatenate([np.linspace(x[0], x[-1], 40)[:-1], x[-1] + t])
    with np.errstate(divide="ignore"):
        curve_n = np.concatenate([np.exp(gap * curve_x[:39]), result.levels[-1][0] / (1.0 - t) ** gap])
    for i, (q, step) in enumerate(zip(quantities, _spread(len(quantities)), strict=True)):
        end, _ = _limit(q)
        curve = end.value + (np.zeros(len(curve_n)) if end.rate is None else end.slope * curve_n**-end.rate)
        ax.plot(curve_x + step, factor * curve, color=COLOURS[i], alpha=0.8, **FIT)
        _plot_quantity(q, x + step, x[-1] + 1.0 + step, factor, i, ax)
    ax.set_ylabel("simulation − theory" + (", % of theory" if unit else ""))
    _size_axis(ax, result, x, "∞" if extrapolated else "all")
    if len(quantities) > 1:
        _legend(ax, quantities)


def _limit(q: Quantity) -> tuple[Limit, tuple[float, float]]:
    """The limit of a number's differences and its interval."""
    if q.limit is None or q.interval is None:
        raise ValueError(f"`quantities` must be numbers, with a limit; got {q.label!r}, which has none")
    return q.limit, q.interval


def _plot_quantity(q: Quantity, x: np.ndarray, end: float, factor: float, i: int, ax: Axes) -> None:
    """Differences ± standard error at every size, and the limit with its interval at the right, open."""
    look: dict[str, Any] = {"color": COLOURS[i], "fmt": _MARKERS[i]}
    values, errors = ([factor * getattr(d, name) for d in q.differences] for name in ("value", "sem"))
    label = _plain(q.label) or "simulation ± s.e."
    ax.errorbar(x, values, errors, markersize=4.5, capsize=2.5, linewidth=1.1, label=label, **look)
    limit, (low, high) = _limit(q)
    sides = [[factor * (limit.value - low)], [factor * (high - limit.value)]]
    wide: dict[str, Any] = {"markersize": 5.5, "markerfacecolor": "none", "capsize": 4, "linewidth": 1.8}
    ax.errorbar([end], [factor * limit.value], sides, **wide, **look)


def _plot_bound(result: ClaimResult, quantities: Sequence[Quantity], ax: Axes) -> None:
    x, _ = _positions(result)
    for i, (q, step) in enumerate(zip(quantities, _spread(len(quantities)), strict=True)):
        # a standard deviation over runs, not an error of the mean: it is single runs that have to keep the bound
        spread = [s.bar * math.sqrt(s.seeds) for s in q.simulated]
        name = _plain(q.label) or "simulation ± s.d."
        look: dict[str, Any] = {
            "color": COLOURS[i],
            "fmt": _MARKERS[i],
            "markersize": 4.5,
            "capsize": 2.5,
            "linewidth": 1.1,
        }
        ax.errorbar(x + step, [s.mean for s in q.simulated], spread, label=name, **look)
        ax.hlines(q.predicted, x + step - 0.12, x + step + 0.12, color=COLOURS[i], linewidth=2.2)
    values = [v for q in quantities for v in (*q.predicted, *(s.mean for s in q.simulated))]
    if min(values) > 0.0 and max(values) > 30.0 * min(values):
        ax.set_yscale("log")
    ax.margins(y=0.12)
    ax.set_ylabel("simulation ± s.d., and bound (bar)")
    _size_axis(ax, result, x, "")
    if len(quantities) > 1:
        _legend(ax, quantities)


def _plot_table(result: ClaimResult, quantities: Sequence[Quantity], ax: Axes) -> None:
    count = len(quantities)
    for row, q in enumerate(quantities):
        for column, (share, (_, seeds)) in enumerate(zip(q.agreement, result.levels, strict=True)):
            good, bad = share >= AGREE, share <= DISAGREE
            colour = COLOURS[0] if good else COLOURS[1] if bad else PALE
            ax.add_patch(
                Rectangle((column + 0.03, row + 0.06), 0.94, 0.88, facecolor=colour, alpha=0.25, edgecolor=colour)
            )
            sign = SYMBOLS["holds" if good else "fails" if bad else "unresolved"]
            text = f"{sign} {round(share * seeds)} of {seeds}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center_baseline", fontsize=8)
    ax.set_xlim(0.0, len(result.levels))
    ax.set_ylim(count, 0.0)
    ax.set_xticks(np.arange(len(result.levels)) + 0.5, [str(size) for size, _ in result.levels])
    labels = [f"{q.label or result.claim.name}: {number_text(q.predicted[-1])}" for q in quantities]
    labels = [_plain("\n".join(textwrap.wrap(label, 30)[:2])) for label in labels]
    ax.set_yticks(np.arange(count) + 0.5, labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("size; seeds that agree with the prediction")


def _columns(quantities: Sequence[Quantity]) -> int:
    return 2 if max(len(q.label) for q in quantities) <= 28 else 1


def _legend(ax: Axes, quantities: Sequence[Quantity]) -> None:
    handles, labels = ax.get_legend_handles_labels()
    pairs = [(h, name) for h, name in zip(handles, labels, strict=True) if name != "tolerance"]
    below = ScaledTranslation(0.0, -34.0 / 72.0, ax.figure.dpi_scale_trans)  # clear of the axis' label
    ax.legend(
        *zip(*pairs, strict=True),
        loc="upper left",
        bbox_to_anchor=(-0.02, 0.0),
        bbox_transform=ax.transAxes + below,
        ncols=_columns(quantities),
        borderaxespad=0.0,
    )


def _plain(text: str) -> str:
    """Text that is not read as mathematics."""
    return text.replace("$", r"\$")
