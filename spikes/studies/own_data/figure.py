"""Figure of a step on a user's own inputs: spectra before and after, and the errors along the penalties."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from spikes.studies.own_data.study import DataStudy

__all__ = ["plot_data_study"]

_BEFORE, _AFTER, _THEORY = "#999999", "#0072B2", "black"
_BINS = 60


def plot_data_study(study: DataStudy, axes: Any = None) -> np.ndarray:
    """Density of ln x over the eigenvalues x of FFᵀ/n before and after the step, and the errors; returns two Axes."""
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(8.8, 3.6), layout="constrained")[1]
    spectrum, errors = axes
    runs, share = study.simulation, study.problem.width / study.problem.n
    found = {when: runs.values(when, "eigenvalues") for when in ("before", "after")}
    top = max(values.max() for values in found.values())
    # the smallest hundredth may lie decades below the rest
    low = min(float(np.quantile(values[values > 1e-12 * top], 0.01)) for values in found.values())
    edges = np.geomspace(low, 1.05 * top, _BINS + 1)
    peak = 0.0
    for (when, values), colour in zip(found.items(), (_BEFORE, _AFTER), strict=True):
        count = np.histogram(values.ravel(), edges)[0] / (study.problem.n * runs.seeds)
        height = count / np.diff(np.log(edges))
        peak = max(peak, float(height.max()))
        spectrum.stairs(
            height,
            edges,
            fill=when == "before",
            color=colour,
            alpha=0.5 if when == "before" else 1.0,
            label=f"{when} the step",
        )
        for i, value in enumerate(np.median(values[:, :3], axis=0)):
            spectrum.plot(
                value,
                0.03 if when == "after" else 0.08,
                "|",
                color=colour,
                markersize=9,
                transform=spectrum.get_xaxis_transform(),
                label=f"three largest, {when}" if i == 0 else None,
            )
    if study.law is not None:
        x = np.geomspace(max(study.law.bands[0][0], low), study.law.bands[-1][1], 600)[1:-1]
        height = share * x * study.law.pdf(x)
        peak = max(peak, float(height.max()))
        spectrum.plot(x, height, color=_THEORY, linestyle="--", label="predicted, before the step")
    spectrum.set_xscale("log")
    spectrum.set_ylim(0.0, 1.5 * peak)
    spectrum.set_xlabel(r"eigenvalue $x$ of $FF^{\!\top}\!/n$")
    spectrum.set_ylabel(r"density of $\ln x$")
    spectrum.set_title("spectrum of the features")
    spectrum.legend(loc="upper left", ncols=2, fontsize=7)
    for when, colour in (("before", _BEFORE), ("after", _AFTER)):
        for name, marker, line in (("test_error", "o", "-"), ("train_error", "s", "--")):
            values = study.errors(name, when)
            errors.errorbar(
                study.problem.ridges,
                [v.mean for v in values],
                [0.0 if math.isnan(v.sem) else v.sem for v in values],
                fmt=marker + line,
                color=colour,
                markerfacecolor="white" if when == "before" else colour,
                markersize=4,
                capsize=2,
                linewidth=0.9,
                label=f"{name.split('_')[0]}, {when} the step",
            )
    errors.set_xscale("log")
    errors.set_yscale("log")
    bottom, high = errors.get_ylim()
    errors.set_ylim(bottom, high * (high / bottom) ** 0.35)
    errors.set_xlabel(r"ridge penalty $\lambda$")
    errors.set_ylabel("mean squared error ± s.e. over splits")
    errors.set_title("ridge regression on the features")
    errors.legend(loc="upper center", ncols=2, fontsize=7.5)
    problem = study.problem
    spectrum.figure.suptitle(
        f"{study.data.rows} rows: {problem.n0} for the step, {problem.n} for the fit, "
        f"{runs.runs[0].test_samples} for the test; {problem.sigma.name}, d = {problem.d}, N = {problem.width}, "
        f"$\\eta$ = {problem.step_size:.4g}, {runs.seeds} splits",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return axes
