"""Figure of a readout: learning curves, the best penalty, and the effective dimension. Drawing never computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.presentation.figure import GUIDE, SERIES, axes_row, plain_log_axis, plot_points, state
from spikes.presentation.numbers import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.readout.study import ReadoutStudy

__all__ = ["plot_readout"]

_SHOWN = 3  # penalties that have a line of their own


def plot_readout(study: ReadoutStudy, axes: Any = None) -> np.ndarray:
    """Test error, best penalty and effective dimension against the number of labels; lines predicted, points by splits.

    Parameters
    ----------
    study : ReadoutStudy
    axes : sequence of three Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    alone = axes is None
    axes = axes_row(axes, 3, 3.6)
    _learning_curve(study, axes[0])
    _best_penalty(study, axes[1])
    _dimension(study, axes[2])
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xlabel("labels $n$")
        if study.curve.n[-1] > study.pool.rows:
            ax.axvline(study.pool.rows, **GUIDE)
    if alone:
        state(
            axes[0].figure,
            f"{study.pool.rows} rows of {study.pool.columns} features, {counted(study.splits.splits, 'split')}; lines: "
            "predicted in classes of rows, points: by splits ± s.e."
            + ("; beyond the dotted line extrapolated" if study.curve.n[-1] > study.pool.rows else ""),
        )
    return axes


def _learning_curve(study: ReadoutStudy, ax: Axes) -> None:
    law = study.curve
    shown = _spread(len(study.ridges))
    measured = study.measured("test_error")
    for (colour, marker), j in zip(SERIES[1:], shown, strict=False):
        ridge = study.ridges[j]
        label = rf"$\lambda$ = {ridge:g}"
        ax.plot(law.n, law.test_error[:, _column(study, j)], color=colour, label=label)
        known = [(n, values[j]) for n, values in zip(study.n, measured, strict=True) if values is not None]
        if known:
            plot_points(ax, [n for n, _ in known], [value for _, value in known], colour=colour, marker=marker)
        if study.interval is not None:
            beyond = [i for i, n in enumerate(study.n) if study.extrapolated(n)]
            centre, error = study.theory.test_error[beyond, j], 1.96 * study.interval.test_error[beyond, j]
            ax.vlines([study.n[i] for i in beyond], centre - error, centre + error, color=colour, linewidth=1.0)
    ax.plot(law.n, law.test_error.min(axis=1), color=SERIES[0][0], linewidth=2.0, label="best penalty", zorder=3)
    ax.set_yscale("log")
    plain_log_axis(ax.yaxis)
    ax.set_ylabel("test error")
    ax.set_title("learning curve")
    ax.legend(loc="best")


def _spread(count: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, count - 1, min(_SHOWN, count))})


def _best_penalty(study: ReadoutStudy, ax: Axes) -> None:
    law = study.curve
    ax.plot(law.n, law.ridge[np.argmin(law.test_error, axis=1)], color=SERIES[0][0], label="predicted")
    known = [(n, values) for n, values in zip(study.n, study.measured("test_error"), strict=True) if values is not None]
    if known:
        best = [study.ridges[int(np.argmin([value.mean for value in values]))] for _, values in known]
        ax.plot([n for n, _ in known], best, "o", color="black", label="best of those given, by splits")
    ax.set_yscale("log")
    ax.set_ylabel(r"best ridge penalty $\lambda$")
    ax.set_title("best penalty")
    ax.legend(loc="best")


def _dimension(study: ReadoutStudy, ax: Axes) -> None:
    law = study.curve
    measured = study.measured("degrees_of_freedom")
    for (colour, marker), j in zip(SERIES[1:], _spread(len(study.ridges)), strict=False):
        ax.plot(law.n, law.degrees_of_freedom[:, _column(study, j)], color=colour)
        known = [(n, values[j]) for n, values in zip(study.n, measured, strict=True) if values is not None]
        if known:
            plot_points(ax, [n for n, _ in known], [value for _, value in known], colour=colour, marker=marker)
    freedom = law.degrees_of_freedom[np.arange(len(law.n)), np.argmin(law.test_error, axis=1)]
    ax.plot(law.n, freedom, color=SERIES[0][0], linewidth=2.0, label="at the best penalty", zorder=3)
    ax.plot(law.n, np.minimum(law.n, study.pool.columns), **GUIDE | {"label": "all that $n$ rows have"})
    ax.set_yscale("log")
    plain_log_axis(ax.yaxis)
    ax.set_ylabel("degrees of freedom")
    ax.set_title("effective dimension")
    ax.legend(loc="best")


def _column(study: ReadoutStudy, j: int) -> int:
    """Of a penalty among those of the curve."""
    return int(np.argmin(np.abs(np.log(study.curve.ridge / study.ridges[j]))))
