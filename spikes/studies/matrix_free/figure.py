"""Figure of a spectrum that was found from products alone, beside the prediction."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from spikes.studies.matrix_free.study import MatrixFreeComparison

__all__ = ["plot_matrix_free"]

_THEORY, _SPIKE = "#0072B2", "#D55E00"


def plot_matrix_free(comparison: MatrixFreeComparison, ax: Axes | None = None) -> Axes:
    """Density of ln x over the eigenvalues x of FFᵀ/n, both smoothed alike, with the spikes on the axis.

    Where no density was measured, the predicted one as it is.

    Parameters
    ----------
    comparison : MatrixFreeComparison
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    if ax is None:
        ax = plt.subplots(figsize=(6.0, 3.7), layout="constrained")[1]
    theory, found = comparison.theory, comparison.simulation
    if comparison.smoothed is not None:
        x, width = found.quadrature.x, found.quadrature.width
        measured = found.density()
        ax.plot(x, x * comparison.smoothed, color=_THEORY, label=f"predicted, smoothed over {width:g} in ln x")
        ax.errorbar(
            x,
            [v * m.mean for v, m in zip(x, measured, strict=True)],
            [0.0 if math.isnan(m.sem) else v * m.sem for v, m in zip(x, measured, strict=True)],
            fmt="o",
            color="black",
            markersize=2.8,
            capsize=1.5,
            linewidth=0.8,
            label="Lanczos quadrature ± s.e.",
        )
        peak = max(float(np.max(x * comparison.smoothed)), max(v * m.mean for v, m in zip(x, measured, strict=True)))
    else:
        height = theory.density_x * theory.density
        # no line across a gap of the spectrum
        ax.plot(theory.density_x, np.where(height > 0.0, height, np.nan), color=_THEORY, label="predicted density")
        peak = float(height.max())
    for i in range(comparison.count):
        values = [run.singular_values[i] ** 2 for run in found.runs]
        ax.plot(
            values,
            np.full(len(values), 0.035),
            "|",
            transform=ax.get_xaxis_transform(),
            color="black",
            markersize=9,
            markeredgewidth=0.9,
            label="largest eigenvalues, block Lanczos, each run" if i == 0 else None,
        )
    for i, outlier in enumerate(theory.outliers):
        ax.plot(
            outlier.singular_value**2,
            0.095,
            "v",
            transform=ax.get_xaxis_transform(),
            color=_SPIKE,
            markersize=6,
            label="predicted spikes" if i == 0 else None,
        )
    ax.set_xscale("log")
    ax.set_ylim(0.0, 1.45 * peak)
    ax.set_xlabel(r"eigenvalue $x$ of $FF^{\!\top}\!/n$")
    ax.set_ylabel(r"$x\,\rho(x)$, density of $\ln x$")
    problem = comparison.problem
    step = rf"$\alpha$ = {problem.alpha:g}" if problem.eta is None else rf"$\eta$ = {problem.eta:g}"
    ax.set_title(
        f"{problem.sigma.name}, target {problem.teacher.name}, {step}, n = {problem.n}, d = {problem.d}, "
        f"N = {problem.width}, {found.seeds} seed{'s' if found.seeds > 1 else ''}"
    )
    ax.legend(loc="upper left", fontsize=7.5)
    return ax
