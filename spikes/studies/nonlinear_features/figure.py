"""Figures of the studies of nonlinear features: staircase, spectra, decomposition."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from spikes.estimates import Estimate, PowerLaw
from spikes.studies.nonlinear_features.study import DecompositionStudy, SpectrumStudy, Staircase
from theory.nonlinear_features import critical_exponent

__all__ = ["plot_decomposition", "plot_spectrum_study", "plot_staircase"]

_THEORY, _LIMIT, _MEASURED, _PUBLISHED = "#0072B2", "#D55E00", "black", "#999999"
_NAMES = {"objective": "training objective", "train_error": "train error", "test_error": "test error"}
_THRESHOLDS = ("0", "1/4", "1/3", "3/8", "2/5")


def _mark_thresholds(ax: Axes, *, label: bool = True) -> None:
    for ell, text in enumerate(_THRESHOLDS, start=1):
        at = critical_exponent(ell)
        ax.axvline(at, color="0.8", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        if label:
            # 3/8 and 2/5 are close: every other label is set higher
            ax.text(
                at,
                1.01 + 0.05 * (ell % 2 == 1 and ell > 1),
                text,
                transform=ax.get_xaxis_transform(),
                ha="center",
                fontsize=7,
            )


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
    if axes is None:
        axes = plt.subplots(1, 3, figsize=(12.5, 3.9), layout="constrained")[1]
    for ax, name in zip(axes, _NAMES, strict=True):
        starts = [0.0] + [critical_exponent(ell) for ell in study.counts[1:]]
        # no spike at α = 0 itself: the first step begins there
        ends = [critical_exponent(ell + 1) for ell in study.counts[1:]]
        for published, colour, style in ((True, _PUBLISHED, ":"), (False, _LIMIT, "--")):
            levels = (study.limit_as_published if published else study.limit)[name]
            for i, (a, b) in enumerate(zip(starts[1:], ends, strict=True)):
                label = ("limit as published" if published else "limit, n → ∞") if i == 0 else None
                ax.plot([a, b], [levels[i + 1]] * 2, style, color=colour, linewidth=1.6, label=label)
            ax.plot([-0.015, 0.0], [levels[0]] * 2, style, color=colour, linewidth=1.6)
        ax.plot(study.curve, study.theory[name], color=_THEORY, label=f"theory at n = {study.problem.n}")
        measured = study.measured(name)
        sem = [0.0 if math.isnan(m.sem) else m.sem for m in measured]
        ax.errorbar(
            study.alphas,
            [m.mean for m in measured],
            sem,
            fmt="o",
            color=_MEASURED,
            markersize=3.5,
            capsize=2,
            linewidth=0.9,
            label="simulation ± s.e.",
        )
        _mark_thresholds(ax)
        ax.set_xlim(-0.02, 0.51)
        ax.set_xlabel(r"step-size exponent $\alpha=\log\eta/\log n_0$")
        ax.set_ylabel(f"{_NAMES[name]}, λ = {study.problem.ridges[0]:g}")
    axes[0].legend(loc="lower left")
    problem = study.problem
    axes[0].figure.suptitle(
        f"{problem.sigma.name}, target {problem.teacher.name}, noise {problem.noise:g}, n = {problem.n}, "
        f"d = {problem.d}, N = {problem.width}, {study.simulation[0].seeds} seeds; dotted: critical exponents",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return axes


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
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")[1]
    left, right = axes
    offset = 0.0
    for j, (alpha, theory, runs) in enumerate(zip(study.alphas, study.predictions, study.simulation, strict=True)):
        count = len(theory.outliers)
        edges, density = runs.histogram(min(count, runs.runs[0].after.alignment.shape[0]))
        root = np.sqrt(edges)
        height = density.mean(axis=0) * np.sqrt(edges[1:] * edges[:-1])
        shown = theory.density_x * theory.density
        names = ("simulated bulk", "predicted density") if j == 0 else (None, None)
        left.stairs(height + offset, root, baseline=offset, fill=True, color="#C8C8C8", label=names[0])
        left.plot(np.sqrt(theory.density_x), shown + offset, color=_THEORY, label=names[1])
        values = np.array([[run.after.singular_values[i] for i in range(count)] for run in runs.runs])
        left.plot(
            values.ravel(),
            np.full(values.size, offset + 0.012),
            "|",
            color="black",
            markersize=7,
            markeredgewidth=0.8,
            label="simulated spikes, each run" if j == 1 else None,
        )
        left.plot(
            [o.singular_value for o in theory.outliers],
            [offset + 0.045] * count,
            "v",
            color=_LIMIT,
            markersize=5,
            label="predicted spikes" if j == 1 else None,
        )
        left.text(0.02, offset + 0.02, rf"$\alpha$ = {alpha:.3g}", fontsize=8, transform=left.get_yaxis_transform())
        offset += 1.25 * float(max(shown.max(), height.max()))
    left.set_xscale("log")
    left.set_yticks([])
    left.spines["left"].set_visible(False)
    low = min(math.sqrt(p.bulk_edges[0][0]) for p in study.predictions)
    left.set_xlim(low / 2.5, None)
    left.set_xlabel(r"singular value $s$ of $F/\sqrt{n}$")
    left.set_title(r"density of $\ln s^2$")
    left.set_ylim(0.0, 1.12 * offset)  # room for the legend above the spectra
    left.legend(loc="upper right", fontsize=7.5, ncols=2)

    right.plot(study.curve, study.edge, color="0.4", linewidth=1.2)
    right.fill_between(study.curve, 0.0, study.edge, color="#E8E8E8", label="bulk")
    most = max(len(values) for values in study.positions)
    for i in range(most):
        known = [j for j, values in enumerate(study.positions) if len(values) > i]
        right.plot(
            study.curve[known],
            [study.positions[j][i] for j in known],
            color=_THEORY,
            label="predicted spikes, theory at this n" if i == 0 else None,
        )
    for j, (alpha, runs) in enumerate(zip(study.alphas, study.simulation, strict=True)):
        values = np.array([run.after.singular_values[:3] for run in runs.runs])
        right.plot(
            np.full(values.size, alpha),
            values.ravel(),
            "o",
            markersize=3.5,
            markerfacecolor="none",
            color="black",
            markeredgewidth=0.8,
            label="three largest, each run" if j == 0 else None,
        )
    _mark_thresholds(right)
    right.set_yscale("log")
    right.set_ylim(0.6 * study.edge.min(), None)
    right.set_xlabel(r"step-size exponent $\alpha=\log\eta/\log n_0$")
    right.set_ylabel(r"singular value of $F/\sqrt{n}$")
    right.legend(loc="upper left", fontsize=7.5)
    problem = study.problem
    left.figure.suptitle(
        f"{problem.sigma.name}, target {problem.teacher.name}, noise {problem.noise:g}, n = {problem.n}, "
        f"d = {problem.d}, N = {problem.width}, {study.simulation[0].seeds} seeds; dashed: critical exponents",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return axes


_VARIANTS = {"as_published": ("as published", _LIMIT, "s", "--"), "corrected": ("corrected", _THEORY, "o", "-")}


def _points(
    ax: Axes, sizes: np.ndarray, values: list[Estimate], variant: str, label: str | None, line: str = ""
) -> None:
    """Points with error bars; published ones hollow and larger, so that both show where they coincide."""
    _, colour, marker, _ = _VARIANTS.get(variant, ("", _PUBLISHED, "^", "-."))
    hollow = variant == "as_published"
    ax.errorbar(
        sizes,
        [v.mean for v in values],
        [v.sem for v in values],
        fmt=marker + line,
        color=colour,
        markersize=7.5 if hollow else 4.5,
        markerfacecolor="none" if hollow else colour,
        capsize=2,
        linewidth=1.0,
        label=label,
    )


def _fitted(name: str, law: PowerLaw) -> str:
    return f"{name}, exponent {law.exponent:.2f} ± {law.sem:.2f}".replace("-", "−")


def plot_decomposition(study: DecompositionStudy, axes: Any = None) -> np.ndarray:
    """‖F − F_ℓ‖/√n, principal angles, and what ridge on F_ℓ misses of ridge on F, against n; four Axes.

    The fourth, the slope of the column means that the published decomposition leaves out, is empty for ℓ = 1.

    Parameters
    ----------
    study : DecompositionStudy
    axes : sequence of four Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    if axes is None:
        axes = plt.subplots(1, 4, figsize=(14.5, 3.7), layout="constrained")[1]
    norm, angle, error, slope = axes
    sizes = np.array(study.sizes, dtype=float)
    law = study.exponents["before"]
    _points(norm, sizes, study.remainder("before"), "before", _fitted("$F_0$", law))
    norm.plot(sizes, law.factor * sizes**law.exponent, "-.", color=_PUBLISHED, linewidth=1.0)
    for variant, (name, colour, _, line) in _VARIANTS.items():
        law = study.exponents[variant]
        _points(norm, sizes, study.remainder(variant), variant, _fitted(f"$F_{study.ell}$ {name}", law))
        norm.plot(sizes, law.factor * sizes**law.exponent, line, color=colour, linewidth=1.0)
        for i, values in enumerate(zip(*study.angles(variant), strict=True)):
            _points(angle, sizes, list(values), variant, name if i == 0 else None, line)
        _points(error, sizes, study.difference(variant, "test_error"), variant, name, line)
        if all(math.isfinite(v.mean) for v in study.slope(variant)):
            _points(slope, sizes, study.slope(variant), variant, name, line)
            slope.axhline(float(variant == "as_published"), color=colour, linestyle=":", linewidth=1.0)
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{int(n)}" for n in sizes])
        ax.minorticks_off()
        ax.set_xlabel("n, ratios d/n and N/n kept")
    norm.set_yscale("log")
    norm.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    norm.yaxis.set_major_formatter(ScalarFormatter())
    norm.yaxis.set_minor_formatter(NullFormatter())
    low, high = norm.get_ylim()
    norm.set_ylim(low, high * (high / low) ** 0.6)
    norm.set_title(r"norm of what is left, over $\sqrt{n}$")
    angle.set_ylim(0.0, 95.0)
    count = len(study.runs[0][0].angles["corrected"])
    angle.set_title("principal angle, degrees" if count == 1 else f"principal angles, leading {count}, degrees")
    error.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    error.set_title(rf"test error on $F_{study.ell}$ less on $F$, $\lambda$ = {study.problem.ridges[0]:g}")
    slope.set_title("column means on $a_j^2$: slope over predicted")
    for ax in (norm, angle, error, slope):
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="upper right" if ax is norm else "best", fontsize=7.5)
        else:
            ax.set_title("")
            ax.set_axis_off()
    problem = study.problem
    norm.set_ylabel(rf"{problem.sigma.name}, $\alpha$ = {problem.alpha:g}, $\ell$ = {study.ell}")
    return axes
