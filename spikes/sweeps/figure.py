"""The figure of a sweep: a quantity against a field, theory as lines and simulation as points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from spikes.presentation.figure import SERIES, axes_or_new, plain_log_axis, plot_points, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spikes.sweeps.summary import Curve

__all__ = ["plot_curves"]

_SERIES = SERIES[:7]
_FIELDS = {
    "n": ("$n$", "samples of the fit $n$"),
    "d": ("$d$", "input dimension $d$"),
    "width": ("$N$", "hidden neurons $N$"),
    "n_step": ("$n_0$", "samples of the step $n_0$"),
    "noise": (r"$\sigma_\varepsilon$", r"label noise $\sigma_\varepsilon$"),
    "alpha": (r"$\alpha$", r"step-size exponent $\alpha$"),
    "scale": ("$c$", "step-size factor $c$"),
    "eta": (r"$\eta$", r"step size $\eta$"),
    "ridge": (r"$\lambda$", r"ridge penalty $\lambda$"),
}
_QUANTITIES = {
    "test_error": "test error, noise included",
    "train_error": "train error",
    "objective": "objective",
    "beta_norm2": r"$\|\beta\|^2$",
    "label_power": r"mean of $y^2$",
    "outliers": "singular values that stand apart",
}


def plot_curves(curves: Sequence[Curve], x: str, y: str, ax: Axes | None = None, *, statement: str = "") -> Axes:
    """Draw curves of a sweep; see `spikes.sweeps.summary.curves`.

    An axis is logarithmic when its positive values span more than a factor of 20.

    Parameters
    ----------
    curves : sequence of Curve
    x, y : str
        Names of the field and of the quantity.
    ax : Axes, optional
    statement : str
        What is the same in all curves, written above them.

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax, (6.4, 3.9))
    drawn: list[float] = []
    predicted = measured = False
    for i, curve in enumerate(curves):
        colour, marker = _style(i, len(curves))
        label = ", ".join(f"{_FIELDS.get(k, (k,))[0]} = {_value(v)}" for k, v in curve.label.items()) or None
        known = np.isfinite(curve.predicted)
        predicted |= bool(known.any())
        points = [(p, e) for p, e in zip(curve.x, curve.measured, strict=True) if e is not None]
        measured |= bool(points)
        ax.plot(curve.x[known], curve.predicted[known], color=colour, label=None if points else label)
        if points:
            places, values = zip(*points, strict=True)
            plot_points(ax, places, values, colour=colour, marker=marker, label=label)
        drawn += [*curve.predicted[known], *(e.mean for _, e in points)]
    if _wide([v for curve in curves for v in curve.x]):
        ax.set_xscale("log")
    if _wide(drawn):
        ax.set_yscale("log")
        plain_log_axis(ax.yaxis)
    ax.set_xlabel(_FIELDS.get(x, (x, x))[1])
    ax.set_ylabel(_named(y))
    parts = ["lines: theory"] * predicted + ["points: simulation ± s.e."] * measured
    ax.set_title("; ".join(parts))
    if any(curve.label for curve in curves):
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside the axes, where no curve can be
    if statement:
        state(ax.figure, statement)
    return ax


def _style(i: int, count: int) -> tuple[Any, str]:
    if count <= len(_SERIES):
        return _SERIES[i]
    return mpl.colormaps["cividis"](i / (count - 1)), _SERIES[i % len(_SERIES)][1]


def _wide(values: Sequence[float]) -> bool:
    return min(values) > 0.0 and max(values) > 20.0 * min(values)


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _named(y: str) -> str:
    if y in _QUANTITIES:
        return _QUANTITIES[y]
    if y.endswith("_before"):
        return f"{_named(y.removesuffix('_before'))}, before the step"
    kind, *number = y.split("_")
    if kind == "singular":
        return rf"singular value {number[-1]} of $F/\sqrt{{n}}$"
    if kind == "alignment":
        return f"amplitude of left vector {number[0]} on {number[1]}"
    return f"{kind} {number[-1]}" if number else y
