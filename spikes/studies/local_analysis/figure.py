"""Figures of the local analysis: neurons and teacher, descent, certificates, exponents, gradient against gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from spikes.presentation.figure import axes_or_new
from spikes.simulation.training import HISTORY
from spikes.studies.local_analysis.study import LocalStudy
from theory.local_analysis.dual_certificate import Certificate
from theory.statement.teacher import Teacher, line_angles

__all__ = [
    "plot_certificate",
    "plot_certificate_alone",
    "plot_concentration",
    "plot_descent",
    "plot_directions",
    "plot_exponents",
    "plot_gradient_gap",
    "plot_training",
]

# Okabe and Ito's palette, as in spikes.studies.one_step.figure.
_POSITIVE, _NEGATIVE, _THEORY, _GREEN, _GREY = "#0072B2", "#D55E00", "black", "#009E73", "#999999"
_SERIES = (("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"))
_MASS_SHOWN = 1e-5


def plot_directions(W: np.ndarray, a: np.ndarray, teacher: Teacher, ax: Axes | None = None) -> Axes:
    """Neurons as directions modulo sign in the plane of a teacher of rank 2, on a half disc.

    The angle is that of a neuron's projection on the plane, the radius the length of the projection of its unit
    vector, so that neurons within the plane lie on the arc; the area of a disc is the neuron's share of the mass.

    Parameters
    ----------
    W : ndarray, shape (m, d)
    a : ndarray, shape (m,)
    teacher : Teacher
        Of rank 2.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    half = np.linspace(0.0, math.pi, 181)
    for radius in (0.5, 1.0):
        ax.plot(radius * np.cos(half), radius * np.sin(half), color="0.85", linewidth=0.7, zorder=0)
    ax.plot([-1.1, 1.1], [0.0, 0.0], color="0.7", linewidth=0.7, zorder=0)
    plane = teacher.directions @ teacher.basis.T
    zero = math.atan2(plane[0, 1], plane[0, 0])
    for j, (w, weight) in enumerate(zip(plane, teacher.weights, strict=True)):
        angle = (math.atan2(w[1], w[0]) - zero) % math.pi
        colour, style = (_POSITIVE, "-") if weight > 0 else (_NEGATIVE, (0, (4, 2)))
        # a line at angle 0 shows at both ends of the half circle
        for ray in (0.0, math.pi) if min(angle, math.pi - angle) < 1e-9 else (angle,):
            ax.plot(
                [0.0, 1.1 * math.cos(ray)], [0.0, 1.1 * math.sin(ray)], color=colour, linestyle=style, linewidth=1.1
            )
        x, y = 1.22 * math.cos(angle), 1.22 * math.sin(angle)
        ax.text(x, y, rf"$w^\star_{j + 1}$", ha="center", va="center", color=colour)
    norms = np.linalg.norm(W, axis=1)
    masses = np.abs(a) * norms
    kept = masses > _MASS_SHOWN * masses.sum()
    inside = (W[kept] / norms[kept, None]) @ teacher.basis.T
    turned = inside @ np.array([[math.cos(zero), -math.sin(zero)], [math.sin(zero), math.cos(zero)]])
    turned *= np.where(turned[:, 1] < -1e-6, -1.0, 1.0)[:, None]
    share, sign = masses[kept] / masses.sum(), a[kept] > 0.0
    for positive, colour, marker in ((True, _POSITIVE, "o"), (False, _NEGATIVE, "s")):
        one = sign == positive
        ax.scatter(
            *turned[one].T,
            s=4.0 + 500.0 * share[one],
            color=colour,
            marker=marker,
            alpha=0.55,
            edgecolor="black",
            linewidth=0.3,
            zorder=2,
        )
    ax.set_aspect("equal")
    ax.set_xlim(-1.3, 1.35)
    ax.set_ylim(-0.12, 1.3)
    ax.axis("off")
    return ax


def _share_within(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> tuple[np.ndarray, np.ndarray]:
    norms = np.linalg.norm(W, axis=1)
    masses = np.abs(a) * norms
    alive = masses > 0.0
    angles = line_angles(W[alive], teacher.directions)
    agree = np.where(np.sign(a[alive])[:, None] == np.sign(teacher.weights), angles, 0.5 * math.pi)
    nearest = np.degrees(agree.min(axis=1))
    order = np.argsort(nearest)
    return nearest[order], np.cumsum(masses[alive][order]) / masses.sum()


def plot_concentration(
    stages: Sequence[tuple[str, np.ndarray, np.ndarray]], teacher: Teacher, ax: Axes | None = None
) -> Axes:
    """Share of the mass within an angle of a teacher direction of the neuron's sign, for named stages (name, W, a).

    Parameters
    ----------
    stages : sequence of (str, ndarray, ndarray)
    teacher : Teacher
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    styles = ((_GREY, ":"), (_NEGATIVE, "--"), (_POSITIVE, "-"), (_GREEN, "-."))
    for (name, W, a), (colour, style) in zip(stages, styles, strict=False):
        angle, share = _share_within(W, a, teacher)
        angle = np.clip(angle, 1e-3, 90.0)
        ax.step([1e-3, *angle, 90.0], [0.0, *share, 1.0], where="post", color=colour, linestyle=style, label=name)
    ax.axvline(5.0, color="0.8", linewidth=0.8, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(1e-3, 90.0)
    ax.set_ylim(-0.02, 1.4)  # room for the legend above the curves
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_xlabel("angle to a teacher direction of the neuron's sign, degrees")
    ax.set_ylabel(r"share of the mass $\Sigma|a||w|$ within")
    ax.legend(loc="upper left")
    return ax


def plot_descent(study: LocalStudy, ax: Axes | None = None) -> Axes:
    """Population loss and gap ζ of every run against the iterations of Stage 3, and the loss of the minimisers.

    Parameters
    ----------
    study : LocalStudy
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    iterations = study.plan.iterations
    for i, run in enumerate(study.runs):
        done = np.maximum(run.column("epoch"), 0.0) * iterations + run.column("iteration")
        ax.plot(
            done, run.column("population_loss"), "o-", color=_POSITIVE, markersize=3, label="loss" if i == 0 else None
        )
        if study.minima:
            gap = study.gaps(i)
            shown = gap > 1e-15  # below is rounding
            ax.plot(
                done[shown],
                gap[shown],
                "s--",
                color=_NEGATIVE,
                markersize=3,
                label=r"gap $\zeta$ to the least $L_\lambda$" if i == 0 else None,
            )
    for k, decay in enumerate(study.decays):
        if decay > 0.0:
            span = [k * iterations, (k + 1) * iterations]
            label = r"loss of the minimiser $\mu_\lambda$" if k == 0 else None
            ax.plot(span, [study.minimum(decay).loss] * 2, color=_THEORY, linewidth=1.0, label=label)
    ax.set_yscale("log")
    ax.set_xlabel("iteration of Stage 3")
    ax.set_ylabel("population loss, gap")
    ax.legend(loc="best")
    return ax


def plot_training(study: LocalStudy, axes: Any = None) -> np.ndarray:
    """Descent of all runs, and where the mass of the first one is before and after it.

    Parameters
    ----------
    study : LocalStudy
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")[1]
    left, right = axes
    run, teacher = study.runs[0], study.plan.teacher
    plot_descent(study, left)
    stages = [
        ("start", run.W_start, run.a_start),
        ("after Stages 1 and 2", run.W_early, run.a_early),
        (f"after {run.epochs_done} epochs of Stage 3", run.W, run.a),
    ]
    plot_concentration(stages if run.epochs_done else stages[:2], teacher, right)
    left.set_title("descent")
    right.set_title("where the mass is, first run")
    where = "population" if study.plan.n is None else f"n = {study.plan.n}, noise {study.plan.noise:g}"
    left.figure.suptitle(
        f"teacher {teacher.name}, d = {teacher.d}, m = {study.plan.width}, {where}, decay: {study.plan.schedule}, "
        f"{len(study.runs)} seed{'s' if len(study.runs) > 1 else ''}",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return axes


def plot_certificate(found: Certificate, ax: Axes | None = None, *, label: str | None = None) -> Axes:
    """The curve of η around the half circle for a teacher in a plane, else |η| against the angle to the teacher.

    Parameters
    ----------
    found : Certificate
    ax : Axes, optional
    label : str, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    teacher = found.teacher
    if teacher.rank == 2:
        degrees, eta = found.curve()
        ax.plot(degrees, eta, color=_GREEN if found.degree else _POSITIVE, linestyle="--" if found.degree else "-")
        ax.lines[-1].set_label(label or (f"degree {found.degree}" if found.degree else "minimum norm"))
        first, second = found.plane
        for w, weight in zip(teacher.directions, teacher.weights, strict=True):
            angle = math.degrees(math.atan2(w @ second, w @ first)) % 180.0
            for at in (0.0, 180.0) if min(angle, 180.0 - angle) < 1e-9 else (angle,):
                ax.plot(at, math.copysign(1.0, weight), "o", color=_NEGATIVE, markersize=5, zorder=3, clip_on=False)
        for level in (-1.0, 1.0):
            ax.axhline(level, color="0.7", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        ax.set_xlim(0.0, 180.0)
        ax.set_xticks(range(0, 181, 30))
        ax.set_xlabel(r"angle of $u$ in the teacher's plane, degrees")
        ax.set_ylabel(r"$\eta(u)$")
        return ax
    angle, modulus = found.sample(1000)
    ax.plot(np.degrees(angle), modulus, ".", color=_GREY, markersize=2, label=r"sampled $u$", rasterized=True)
    delta = np.linspace(0.0, 90.0, 181)
    if found.rho_span > 0.0 and math.isfinite(found.rho_span):
        bound = 1.0 - found.rho_span * np.radians(delta) ** 2
        ax.plot(delta, bound, color=_POSITIVE, label=rf"$1-\rho_c\delta^2$, $\rho_c$ = {found.rho_span:.3g}")
    else:
        at, _ = found.worst
        ax.plot(
            math.degrees(at),
            found.max_modulus,
            "v",
            color=_NEGATIVE,
            label=rf"max $|\eta|$ = {found.max_modulus:.6g}",
        )
    ax.axhline(1.0, color="0.7", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    ax.set_xlim(0.0, 1.05 * math.degrees(float(angle.max())))
    ax.set_ylim(-0.02, 1.3)  # room for the legend above the cloud
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_xlabel(r"angle $\delta(u)$ to the nearest teacher line, degrees")
    ax.set_ylabel(r"$|\eta(u)|$ on the sphere of the span")
    ax.legend(loc="upper right", ncols=2)
    return ax


def plot_certificate_alone(found: Certificate) -> np.ndarray:
    """One certificate under its statement.

    Parameters
    ----------
    found : Certificate

    Returns
    -------
    ndarray of Axes
    """
    figure, axes = plt.subplots(1, 1, figsize=(5.6, 3.6), layout="constrained", squeeze=False)
    plot_certificate(found, axes[0, 0])
    statement = found.statement().replace("rho_c", "ρ_c").replace("eta", "η")
    figure.suptitle(f"teacher {found.teacher.name}: {statement}", x=0.01, ha="left", fontsize=7.5, wrap=True)
    return axes


def plot_exponents(studies: Sequence[LocalStudy], axes: Any = None) -> np.ndarray:
    """Loss and mass-weighted rms angle at the ends of epochs against λ, means over seeds, with fitted exponents.

    Parameters
    ----------
    studies : sequence of LocalStudy
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")[1]
    panels = (
        ("population_loss", r"loss $L$", axes[0], 1e-14),
        ("rms_angle", "mass-weighted rms angle, degrees", axes[1], 1e-4),
    )
    for name, label, ax, least in panels:
        for study, (colour, marker, style) in zip(studies, _SERIES, strict=False):
            values = study.epochs(name)[:, 1:]
            mean, shown = values.mean(axis=0), (values > least).all(axis=0)
            if not shown[-6:].all():
                continue  # rounding alone
            error = values.std(axis=0, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0 * mean
            slope = study.exponent(name)
            sem = "" if math.isnan(slope.sem) else " ± <0.001" if slope.sem < 1e-3 else f" ± {slope.sem:.1g}"
            ax.errorbar(
                study.decays[shown],
                mean[shown],
                error[shown],
                fmt=marker,
                color=colour,
                markersize=4,
                capsize=2,
                linewidth=0.9,
                label=f"{study.plan.teacher.name}: exponent {slope.mean:.3f}{sem}",
            )
            last = study.decays[-6:]
            centre = np.exp(np.log(mean[-6:]).mean()), np.exp(np.log(last).mean())
            ax.plot(last, centre[0] * (last / centre[1]) ** slope.mean, style, color=colour, linewidth=1.0)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(r"weight decay $\lambda$ of the epoch")
        ax.set_ylabel(label)
        ax.legend(loc="upper left" if name == "population_loss" else "lower right", fontsize=7.5)
    return axes


def plot_gradient_gap(studies: Sequence[LocalStudy], factor: float, ax: Axes | None = None) -> Axes:
    """‖∇L_λ‖²λ² against ζ⁴ over all records of runs at fixed decays, and the line of the factor that bounds them.

    Parameters
    ----------
    studies : sequence of LocalStudy
    factor : float
        c of the line cζ⁴.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    low, high = math.inf, 0.0
    named: set[str] = set()
    styles = {}
    for study in studies:
        name = study.plan.teacher.name
        colour, marker, _ = styles.setdefault(name, _SERIES[len(styles) % len(_SERIES)])
        for i, run in enumerate(study.runs):
            gap = study.gaps(i)
            shown = gap > 1e-9
            x = gap[shown] ** 4
            y = (run.history[shown, HISTORY.index("gradient_norm")] * run.column("decay")[shown]) ** 2
            if not shown.any():
                continue
            low, high = min(low, x.min()), max(high, x.max())
            ax.plot(x, y, marker, color=colour, markersize=2.2, alpha=0.7, label=None if name in named else name)
            named.add(name)
    line = np.array([low, high])
    ax.plot(line, factor * line, color=_THEORY, label=rf"$c\,\zeta^4$, $c$ = {factor:.2g}")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(r"$\zeta^4$, $\zeta = L_\lambda - \min_\mu L_\lambda$")
    ax.set_ylabel(r"$\|\nabla L_\lambda\|^2\,\lambda^2$")
    ax.legend(loc="lower right")
    return ax
