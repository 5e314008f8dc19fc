"""Figures of the studies of nonlinear features: staircase, spectra, decomposition."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.estimates import Estimate, PowerLaw
from spikes.presentation.figure import (
    BAND,
    BEFORE,
    FIT,
    GUIDE,
    LIMIT,
    MEASURED,
    SERIES,
    THEORY,
    axes_or_new,
    axes_row,
    plain_log_axis,
    plot_points,
    problem_statement,
    scaled,
    state,
)
from spikes.presentation.numbers import counted, estimate_text
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum, predicted_curve
from theory.nonlinear_features import critical_exponent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.nonlinear_features.study import DecompositionStudy, SpectrumStudy, Staircase

__all__ = [
    "plot_angles",
    "plot_column_means",
    "plot_decomposition",
    "plot_error_difference",
    "plot_remainder",
    "plot_spectra",
    "plot_spectrum_study",
    "plot_spike_positions",
    "plot_staircase",
    "plot_step_errors",
]

_NAMES = {"objective": "training objective", "train_error": "train error", "test_error": "test error"}
_THRESHOLDS = ("0", "1/4", "1/3", "3/8", "2/5")
_EXPONENT = r"step-size exponent $\alpha=\log\eta/\log n_0$"
_PUBLISHED = SERIES[4][0]


def _mark_thresholds(ax: Axes) -> None:
    for ell, text in enumerate(_THRESHOLDS, start=1):
        at = critical_exponent(ell)
        ax.axvline(at, **GUIDE)
        # 3/8 and 2/5 are close: every other label is set higher
        height = 1.01 + 0.055 * (ell % 2 == 1 and ell > 1)
        ax.text(at, height, text, transform=ax.get_xaxis_transform(), ha="center", fontsize="small")


def plot_staircase(study: Staircase, axes: Any = None) -> np.ndarray:
    """Objective, train and test error against α: simulated points, the law at this n, the limit's steps.

    Parameters
    ----------
    study : Staircase
    axes : sequence of three Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 3, 3.9)
    for ax, name in zip(axes, _NAMES, strict=True):
        plot_step_errors(study, name, ax)
    figure = axes[0].figure
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    state(figure, _staircase_statement(study))
    return axes


def _staircase_statement(study: Staircase | SpectrumStudy) -> str:
    problem = problem_statement(study.problem, seeds=study.simulation[0].seeds, without=("step",))
    return f"{problem}; dotted: critical exponents"


def plot_step_errors(study: Staircase, name: str, ax: Axes | None = None) -> Axes:
    """One error against α: simulated points, the law at this n, and the steps of the limit, corrected and as published.

    Parameters
    ----------
    study : Staircase
    name : {"objective", "train_error", "test_error"}
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    starts = [critical_exponent(ell) for ell in study.counts[1:]]
    ends = [critical_exponent(ell + 1) for ell in study.counts[1:]]
    for levels, said, colour, width in (
        (study.limit_as_published[name], "limit as published", _PUBLISHED, 3.2),
        (study.limit[name], "limit, n → ∞", LIMIT, 1.4),
    ):
        look: dict[str, Any] = {"color": colour, "linewidth": scaled(width), "solid_capstyle": "butt"}
        for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
            ax.plot([a, b], [levels[i + 1]] * 2, label=said if i == 0 else None, **look)
        if study.counts:  # no spike at α = 0 itself: the first step begins there
            ax.plot([-0.015, 0.0], [levels[0]] * 2, **look)
    ax.plot(study.curve, study.theory[name], color=THEORY, label=f"theory at n = {study.problem.n}")
    plot_points(ax, study.alphas, study.measured(name), label="simulation ± s.e.")
    _mark_thresholds(ax)
    ax.set_xlim(-0.02, 0.51)
    ax.set_xlabel(_EXPONENT)
    ax.set_ylabel(f"{_NAMES[name]}, λ = {study.problem.ridges[0]:g}")
    if alone:
        ax.legend(loc="lower left")
        state(ax.figure, _staircase_statement(study))
    return ax


def plot_spectrum_study(study: SpectrumStudy, axes: Any = None) -> np.ndarray:
    """Spectra, one above the other as α grows, and the singular values of the spikes against α.

    Parameters
    ----------
    study : SpectrumStudy
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 2, 4.7)
    plot_spectra(study, axes[0])
    plot_spike_positions(study, axes[1])
    state(axes[0].figure, _staircase_statement(study))
    return axes


def plot_spectra(study: SpectrumStudy, ax: Axes | None = None) -> Axes:
    """Densities of ln x over the eigenvalues x of FFᵀ/n, one above the other as α grows, with the spikes.

    Parameters
    ----------
    study : SpectrumStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (5.04, 4.7))
    offset, largest = 0.0, 0.0
    names = {"histogram": "simulated bulk", "curve": "predicted density"}
    marks = {"simulated": "simulated spikes, each run", "predicted": "predicted spikes"}
    for alpha, theory, runs in zip(study.alphas, study.predictions, study.simulation, strict=True):
        count = min(len(theory.outliers), runs.runs[0].after.alignment.shape[0])
        histogram = runs.log_histogram(count)
        curve = predicted_curve(theory)
        peak = float(max(histogram[1].max(), curve[1].max()))
        simulated = np.array([run.after.eigenvalues[:count] for run in runs.runs])
        predicted = [spike.singular_value**2 for spike in theory.outliers if spike.source == "step"]
        of_data = [spike.singular_value**2 for spike in theory.outliers if spike.source == "data"]
        plot_log_spectrum(
            ax,
            histogram=histogram,
            curve=curve,
            simulated=simulated,
            predicted=predicted,
            of_data=of_data,
            names={**names, **(marks if predicted else {})},
            baseline=offset,
            height=1.25 * peak,
            marks=(0.09, 0.27),
        )
        # the first spectrum is named, and the first that has spikes
        names, marks = {}, {} if predicted else marks
        largest = max([largest, *predicted, float(histogram[0][-1]), *simulated.ravel()])
        where = (0.01, offset + 0.04 * peak)
        ax.text(*where, rf"$\alpha$ = {alpha:.3g}", fontsize="small", transform=ax.get_yaxis_transform())
        offset += 1.25 * peak
    low = min(p.bulk_edges[0][0] for p in study.predictions)
    high = max(p.bulk_edges[-1][1] for p in study.predictions)
    finish_log_spectrum(ax, bulk=(low, high), largest=largest, height=1.2 * offset)
    ax.set_xlim(ax.get_xlim()[0] / 5.0, None)  # room for the names
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.legend(loc="upper right", ncols=2, columnspacing=1.0)
    if alone:
        state(ax.figure, _staircase_statement(study))
    return ax


def plot_spike_positions(study: SpectrumStudy, ax: Axes | None = None) -> Axes:
    """Singular values of the spikes against α over the edge of the bulk, predicted and simulated.

    Parameters
    ----------
    study : SpectrumStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (5.04, 4.7))
    ax.fill_between(study.curve, 0.0, study.edge, color=BAND, label="bulk", linewidth=0.0)
    for i in range(max(len(values) for values in study.positions)):
        known = [j for j, values in enumerate(study.positions) if len(values) > i]
        label = "predicted spikes, theory at this n" if i == 0 else None
        ax.plot(study.curve[known], [study.positions[j][i] for j in known], color=THEORY, label=label)
    for j, (alpha, runs) in enumerate(zip(study.alphas, study.simulation, strict=True)):
        values = np.array([run.after.singular_values[:3] for run in runs.runs]).ravel()
        look: dict[str, Any] = {"markersize": scaled(3.5), "markerfacecolor": "none", "markeredgewidth": scaled(0.8)}
        label = "three largest, each run" if j == 0 else None
        ax.plot(np.full(len(values), alpha), values, "o", color=MEASURED, label=label, **look)
    _mark_thresholds(ax)
    ax.set_yscale("log")
    ax.set_ylim(0.6 * study.edge.min(), None)
    plain_log_axis(ax.yaxis)
    ax.set_xlabel(_EXPONENT)
    ax.set_ylabel(r"singular value $s$ of $F/\sqrt{n}$")
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, _staircase_statement(study))
    return ax


_VARIANTS = {"as_published": ("as published", SERIES[1]), "corrected": ("corrected", SERIES[0])}


def _plot_variant(ax: Axes, study: DecompositionStudy, values: list[Estimate], variant: str, label: str | None) -> None:
    """Points of one form of the decomposition; published ones hollow and larger, to be seen where both coincide."""
    colour, marker = _VARIANTS[variant][1] if variant in _VARIANTS else (BEFORE, "^")
    hollow = variant == "as_published"
    look: dict[str, Any] = {"colour": colour, "marker": marker, "hollow": hollow, "markersize": 7.5 if hollow else 4.5}
    plot_points(ax, study.sizes, values, label=label, **look)


def _plot_fit(ax: Axes, study: DecompositionStudy, law: PowerLaw, colour: str) -> None:
    sizes = np.array(study.sizes, dtype=float)
    ax.plot(sizes, law.factor * sizes**law.exponent, color=colour, **FIT)


def _fitted(name: str, law: PowerLaw) -> str:
    return f"{name}, exponent {estimate_text(Estimate(law.exponent, law.sem, 0))}"


def _size_axis(ax: Axes, study: DecompositionStudy) -> None:
    ax.set_xscale("log")
    ax.set_xticks(study.sizes, [str(n) for n in study.sizes])
    ax.minorticks_off()
    ax.set_xlim(study.sizes[0] / 1.15, study.sizes[-1] * 1.15)
    ax.set_xlabel("n, ratios d/n and N/n kept")


def _decomposition_statement(study: DecompositionStudy) -> str:
    problem = study.problem
    ratios = f"d = {problem.d / problem.n:g} n, N = {problem.width / problem.n:g} n"
    seeds = counted(len(study.runs[0]), "seed")
    stated = problem_statement(problem, without=("n", "d", "width"))
    return f"{stated}, {ratios}, ℓ = {study.ell}, {seeds} ± s.e.; dashed: fits"


def plot_remainder(study: DecompositionStudy, ax: Axes | None = None) -> Axes:
    """‖F − F_ℓ‖/√n, corrected and as published, and ‖F − F₀‖/√n against n, with fitted power laws.

    Parameters
    ----------
    study : DecompositionStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    law = study.exponents["before"]
    _plot_variant(ax, study, study.remainder("before"), "before", _fitted("$F_0$", law))
    _plot_fit(ax, study, law, BEFORE)
    for variant, (name, (colour, _)) in _VARIANTS.items():
        law = study.exponents[variant]
        _plot_variant(ax, study, study.remainder(variant), variant, _fitted(f"$F_{study.ell}$ {name}", law))
        _plot_fit(ax, study, law, colour)
    _size_axis(ax, study)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.7)  # room for the legend above the points
    plain_log_axis(ax.yaxis)
    ax.set_title(r"norm of what is left, over $\sqrt{n}$")
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, _decomposition_statement(study))
    return ax


def plot_angles(study: DecompositionStudy, ax: Axes | None = None) -> Axes:
    """Principal angles between the leading left singular vectors of F and of F_ℓ against n.

    Parameters
    ----------
    study : DecompositionStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    for variant, (name, _) in _VARIANTS.items():
        for i, values in enumerate(zip(*study.angles(variant), strict=True)):
            _plot_variant(ax, study, list(values), variant, name if i == 0 else None)
    _size_axis(ax, study)
    ax.set_ylim(0.0, 95.0)
    count = len(study.runs[0][0].angles["corrected"])
    ax.set_title("principal angle, degrees" if count == 1 else f"principal angles, leading {count}, degrees")
    ax.legend(loc="best")
    if alone:
        state(ax.figure, _decomposition_statement(study))
    return ax


def plot_error_difference(study: DecompositionStudy, ax: Axes | None = None) -> Axes:
    """Test error of ridge regression on F_ℓ less that on F, against n.

    Parameters
    ----------
    study : DecompositionStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    for variant, (name, _) in _VARIANTS.items():
        _plot_variant(ax, study, study.difference(variant, "test_error"), variant, name)
    _size_axis(ax, study)
    ax.axhline(0.0, **GUIDE)
    ax.set_title(rf"test error on $F_{study.ell}$ less on $F$, $\lambda$ = {study.problem.ridges[0]:g}")
    ax.legend(loc="best")
    if alone:
        state(ax.figure, _decomposition_statement(study))
    return ax


def plot_column_means(study: DecompositionStudy, ax: Axes | None = None) -> Axes:
    """Slope of the remainder's column means on a_j² over the predicted one, against n: 1 as published, 0 corrected.

    Where the decomposition has no such term the axes say so.

    Parameters
    ----------
    study : DecompositionStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    for variant, (name, (colour, _)) in _VARIANTS.items():
        values = study.slope(variant)
        if all(math.isfinite(v.mean) for v in values):
            _plot_variant(ax, study, values, variant, name)
            limit = float(variant == "as_published")
            ax.plot(study.sizes, [limit] * len(study.sizes), color=colour, label=f"{name}, limit {limit:g}")
    ax.set_title("column means on $a_j^2$: slope over predicted")
    if ax.get_legend_handles_labels()[0]:
        _size_axis(ax, study)
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.5 * (high - low))  # room for the legend above the points
        ax.legend(loc="upper left", ncols=2)
    else:
        ax.text(0.5, 0.5, "both forms have the same column means", transform=ax.transAxes, ha="center")
        ax.set_axis_off()
    if alone:
        state(ax.figure, _decomposition_statement(study))
    return ax


def plot_decomposition(study: DecompositionStudy, axes: Any = None) -> np.ndarray:
    """‖F − F_ℓ‖/√n, principal angles, what ridge on F_ℓ misses of ridge on F, and column means, against n; four Axes.

    Parameters
    ----------
    study : DecompositionStudy
    axes : sequence of four Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    axes = axes_row(axes, 2, 6.2, rows=2)
    for ax, plot in zip(axes, (plot_remainder, plot_angles, plot_error_difference, plot_column_means), strict=True):
        plot(study, ax)
    state(axes[0].figure, _decomposition_statement(study))
    return axes
