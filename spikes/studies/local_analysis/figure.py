"""Figures of the local analysis: neurons and teacher, descent, certificates, exponents, gradient against gap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.presentation.figure import (
    FIT,
    GUIDE,
    MEASURED,
    SERIES,
    SPIKE,
    THEORY,
    axes_or_new,
    axes_row,
    plot_points,
    scaled,
    state,
)
from spikes.presentation.numbers import counted, estimate_text
from spikes.studies.local_analysis.study import LocalStudy, mass_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from theory.local_analysis.dual_certificate import Certificate
    from theory.statement.teacher import Teacher

__all__ = [
    "plot_certificate",
    "plot_certificate_alone",
    "plot_concentration",
    "plot_descent",
    "plot_directions",
    "plot_exponent",
    "plot_exponents",
    "plot_gradient_gap",
    "plot_training",
]

_POSITIVE, _NEGATIVE = SERIES[0], SERIES[1]  # neurons of positive and negative a, and the teacher's weights
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
    alone = ax is None
    ax = axes_or_new(ax)
    zero = _plot_teacher(teacher, ax)
    norms = np.linalg.norm(W, axis=1)
    masses = np.abs(a) * norms
    kept = masses > _MASS_SHOWN * masses.sum()
    inside = (W[kept] / norms[kept, None]) @ teacher.basis.T
    turned = inside @ np.array([[math.cos(zero), -math.sin(zero)], [math.sin(zero), math.cos(zero)]])
    turned *= np.where(turned[:, 1] < -1e-6, -1.0, 1.0)[:, None]
    share, positive = masses[kept] / masses.sum(), a[kept] > 0.0
    for chosen, (colour, marker), name in ((positive, _POSITIVE, "a > 0"), (~positive, _NEGATIVE, "a < 0")):
        look: dict[str, Any] = {"alpha": 0.55, "edgecolor": "black", "linewidth": scaled(0.3), "zorder": 2}
        size = scaled(1.0) ** 2 * (4.0 + 500.0 * share[chosen])
        ax.scatter(turned[chosen, 0], turned[chosen, 1], s=size, color=colour, marker=marker, label=name, **look)
    ax.set_aspect("equal")
    ax.set_xlim(-1.3, 1.35)
    ax.set_ylim(-0.12, 1.3)
    ax.axis("off")
    if alone:
        state(ax.figure, _teacher_statement(teacher))
    return ax


def _plot_teacher(teacher: Teacher, ax: Axes) -> float:
    """Half disc and lines of a teacher's directions; the angle of the first in the plane's basis."""
    half = np.linspace(0.0, math.pi, 181)
    for radius in (0.5, 1.0):
        ax.plot(radius * np.cos(half), radius * np.sin(half), **GUIDE)
    ax.plot([-1.1, 1.1], [0.0, 0.0], **GUIDE)
    plane = teacher.directions @ teacher.basis.T
    zero = math.atan2(plane[0, 1], plane[0, 0])
    for j, (w, weight) in enumerate(zip(plane, teacher.weights, strict=True)):
        angle = (math.atan2(w[1], w[0]) - zero) % math.pi
        colour, _ = _POSITIVE if weight > 0 else _NEGATIVE
        # a line at angle 0 shows at both ends of the half circle
        for ray in (0.0, math.pi) if min(angle, math.pi - angle) < 1e-9 else (angle,):
            ends = [0.0, 1.1 * math.cos(ray)], [0.0, 1.1 * math.sin(ray)]
            ax.plot(*ends, color=colour, linewidth=scaled(1.1))
        where = (1.22 * math.cos(angle), 1.22 * math.sin(angle))
        ax.text(*where, rf"$w^\star_{j + 1}$", ha="center", va="center", color=colour)
    return zero


def _teacher_statement(teacher: Teacher) -> str:
    weights = ", ".join(f"{x:.3g}" for x in teacher.weights).replace("-", "−")
    return f"teacher {teacher.name}, weights {weights}, d = {teacher.d}"


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
    alone = ax is None
    ax = axes_or_new(ax)
    for (name, W, a), (colour, _) in zip(stages, reversed(SERIES[:3]), strict=False):
        angle, share = mass_within(W, a, teacher)
        low = 1e-3  # the axis is logarithmic: what is closer is drawn at its end
        ax.step([low, *np.maximum(angle, low), 90.0], [0.0, *share, 1.0], where="post", color=colour, label=name)
    ax.axvline(5.0, **GUIDE)
    ax.set_xscale("log")
    ax.set_xlim(1e-3, 90.0)
    ax.set_ylim(-0.02, 1.55)  # room for the legend above the curves
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_xlabel("angle to a teacher direction of its sign, degrees")
    ax.set_ylabel(r"share of the mass $\Sigma|a||w|$ within")
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, _teacher_statement(teacher))
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
    alone = ax is None
    ax = axes_or_new(ax)
    iterations = study.plan.iterations
    (loss_colour, loss_marker), (gap_colour, gap_marker) = SERIES[6], SERIES[1]
    look: dict[str, Any] = {"linestyle": "none", "markersize": scaled(3.0)}
    for i, run in enumerate(study.runs):
        done = np.maximum(run.column("epoch"), 0.0) * iterations + run.column("iteration")
        loss, said = run.column("population_loss"), "loss" if i == 0 else None
        ax.plot(done, loss, marker=loss_marker, color=loss_colour, label=said, **look)
        if study.minima:
            gap = study.gaps(i)
            shown = gap > 1e-15  # below is rounding
            said = r"gap $\zeta$ to the least $L_\lambda$" if i == 0 else None
            ax.plot(done[shown], gap[shown], marker=gap_marker, color=gap_colour, label=said, **look)
    for k, decay in enumerate(study.decays):
        if decay > 0.0:
            span = [k * iterations, (k + 1) * iterations]
            label = r"loss of the minimiser $\mu_\lambda$" if k == 0 else None
            ax.plot(span, [study.minimum(decay).loss] * 2, color=THEORY, label=label)
    ax.set_yscale("log")
    ax.set_xlabel("iteration of Stage 3")
    ax.set_ylabel("population loss, gap")
    ax.legend(loc="best")
    if alone:
        state(ax.figure, _plan_statement(study))
    return ax


def _plan_statement(study: LocalStudy) -> str:
    plan = study.plan
    where = "population" if plan.n is None else f"n = {plan.n}, noise {plan.noise:g}"
    seeds = counted(len(study.runs), "seed")
    return f"{_teacher_statement(plan.teacher)}, m = {plan.width}, {where}, decay: {plan.schedule}, {seeds}"


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
    left, right = axes = axes_row(axes, 2, 3.9)
    run = study.runs[0]
    plot_descent(study, left)
    stages = [
        ("start", run.W_start, run.a_start),
        ("after Stages 1 and 2", run.W_early, run.a_early),
        (f"after {counted(run.epochs_done, 'epoch')} of Stage 3", run.W, run.a),
    ]
    plot_concentration(stages if run.epochs_done else stages[:2], study.plan.teacher, right)
    left.set_title("descent")
    right.set_title("where the mass is, first run")
    state(left.figure, _plan_statement(study))
    return axes


def plot_certificate(found: Certificate, ax: Axes | None = None, *, label: str | None = None) -> Axes:
    """The curve of η around the half circle for a teacher in a plane, else |η| against the angle to the teacher.

    Parameters
    ----------
    found : Certificate
    ax : Axes, optional
    label : str, optional
        Of the curve in the plane.

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    if found.teacher.rank == 2:
        _plot_curve_in_plane(found, ax, label)
    else:
        _plot_cloud_over_sphere(found, ax)
    if alone:
        state(ax.figure, _teacher_statement(found.teacher))
    return ax


def _plot_curve_in_plane(found: Certificate, ax: Axes, label: str | None) -> None:
    degrees, eta = found.curve()
    colour = SERIES[2][0] if found.degree else THEORY
    said = label or (f"degree {found.degree}" if found.degree else "minimum norm")
    ax.plot(degrees, eta, color=colour, label=said)
    first, second = found.plane
    for w, weight in zip(found.teacher.directions, found.teacher.weights, strict=True):
        angle = math.degrees(math.atan2(w @ second, w @ first)) % 180.0
        for at in (0.0, 180.0) if min(angle, 180.0 - angle) < 1e-9 else (angle,):
            look: dict[str, Any] = {"color": SPIKE, "markersize": scaled(5.0), "zorder": 3, "clip_on": False}
            ax.plot(at, math.copysign(1.0, weight), "o", **look)
    for level in (-1.0, 1.0):
        ax.axhline(level, **GUIDE)
    ax.set_xlim(0.0, 180.0)
    ax.set_xticks(range(0, 181, 30))
    ax.set_xlabel(r"angle of $u$ in the teacher's plane, degrees")
    ax.set_ylabel(r"$\eta(u)$")


def _plot_cloud_over_sphere(found: Certificate, ax: Axes) -> None:
    angle, modulus = found.sample(1000)
    look: dict[str, Any] = {"color": "#808080", "markersize": scaled(2.0), "rasterized": True}
    ax.plot(np.degrees(angle), modulus, ".", label=r"sampled $u$", **look)
    delta = np.linspace(0.0, 90.0, 181)
    if found.rho_span > 0.0 and math.isfinite(found.rho_span):
        bound = 1.0 - found.rho_span * np.radians(delta) ** 2
        ax.plot(delta, bound, color=THEORY, label=rf"$1-\rho_c\delta^2$, $\rho_c$ = {found.rho_span:.3g}")
    else:
        at, _ = found.worst
        label = rf"max $|\eta|$ = {found.max_modulus:.6g}"
        ax.plot(math.degrees(at), found.max_modulus, "v", color=SPIKE, label=label)
    ax.axhline(1.0, **GUIDE)
    ax.set_xlim(0.0, 1.05 * math.degrees(float(angle.max())))
    ax.set_ylim(-0.02, 1.35)  # room for the legend above the cloud
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_xlabel(r"angle $\delta(u)$ to the nearest teacher line, degrees")
    ax.set_ylabel(r"$|\eta(u)|$ on the sphere of the span")
    ax.legend(loc="upper right", ncols=2)


def plot_certificate_alone(found: Certificate, ax: Axes | None = None) -> Axes:
    """One certificate under its statement.

    Parameters
    ----------
    found : Certificate
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = plot_certificate(found, axes_or_new(ax, (6.0, 4.0)))
    statement = found.statement().replace("rho_c", "ρ_c").replace("eta", "η")
    state(ax.figure, f"{_teacher_statement(found.teacher)}: {statement}")
    return ax


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
    axes = axes_row(axes, 2, 4.4)
    for name, ax in zip(_COLUMNS, axes, strict=True):
        plot_exponent(studies, name, ax)
    state(axes[0].figure, _plans_statement(studies))
    return axes


_COLUMNS = {"population_loss": "loss $L$", "rms_angle": "mass-weighted rms angle, degrees"}


def _plans_statement(studies: Sequence[LocalStudy]) -> str:
    plan, runs = studies[0].plan, studies[0].runs
    where = "population" if plan.n is None else f"n = {plan.n}, noise {plan.noise:g}"
    seeds = counted(len(runs), "seed")
    return f"relu, m = {plan.width}, {where}, decay: {plan.schedule}, {seeds} each; points: simulation, dashed: fits"


def plot_exponent(studies: Sequence[LocalStudy], name: str, ax: Axes | None = None) -> Axes:
    """Loss or angle at the ends of epochs against λ, means over seeds, with the fitted exponents.

    Parameters
    ----------
    studies : sequence of LocalStudy
    name : {"population_loss", "rms_angle"}
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax)
    for study, (colour, marker) in zip(studies, SERIES, strict=False):
        fitted = study.power_law(name)
        if fitted is None:
            continue  # rounding alone
        slope, decays, line = fitted
        label = f"{study.plan.teacher.name}: exponent {estimate_text(slope)}"
        plot_points(ax, *study.resolved(name), colour=colour, marker=marker, label=label)
        ax.plot(decays, line, color=colour, **FIT)
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.3)  # room for the legend above the points
    ax.set_xlabel(r"weight decay $\lambda$ of the epoch")
    ax.set_ylabel(_COLUMNS[name])
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, _plans_statement(studies))
    return ax


def plot_gradient_gap(studies: Sequence[LocalStudy], factor: float, ax: Axes | None = None) -> Axes:
    """‖∇L_λ‖²λ²/ζ⁴ against ζ over all records of runs at fixed decays, and the least of the ratios.

    Parameters
    ----------
    studies : sequence of LocalStudy
    factor : float
        c of ‖∇L_λ‖²λ² ≥ cζ⁴.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (6.0, 4.2))
    looks: dict[str, tuple[str, str]] = {}
    for study in studies:
        name = study.plan.teacher.name
        label = None if name in looks else name
        colour, marker = looks.setdefault(name, SERIES[len(looks) % len(SERIES)])
        for i, _ in enumerate(study.runs):
            gap, ratio = study.gradient_ratios(i)
            look: dict[str, Any] = {"color": colour, "markersize": scaled(2.6), "alpha": 0.7}
            ax.plot(gap, ratio, marker, label=label if i == 0 else None, **look)
    ax.axhline(factor, label=f"least ratio seen, {factor:.2g}", **{**GUIDE, "color": MEASURED})
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(r"gap $\zeta = L_\lambda - \min_\mu L_\lambda$")
    ax.set_ylabel(r"$\|\nabla L_\lambda\|^2\,\lambda^2/\zeta^4$")
    ax.legend(loc="upper right")
    if alone:
        plan = studies[0].plan
        decays = sorted({float(x) for study in studies for x in study.decays}, reverse=True)
        said = ", ".join(f"{x:g}" for x in decays)
        state(ax.figure, f"relu, m = {plan.width}, population, descent at λ = {said}, one run each")
    return ax
