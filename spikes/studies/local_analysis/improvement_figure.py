"""Figures of the feature-improvement direction, the parts of the residual, and of where Stage 3 succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.presentation.figure import GUIDE, SERIES, axes_or_new, axes_row, scaled, state

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.local_analysis.improvement import ImprovementStudy, SuccessStudy

__all__ = ["plot_improvement", "plot_residual", "plot_success"]


def _stated(study: ImprovementStudy) -> str:
    plan = study.plans[0]
    return f"relu, m = {plan.width}, population, {plan.epochs} epochs of {plan.iterations}, one run each"


def plot_improvement(study: ImprovementStudy, axes: Any = None) -> np.ndarray:
    """⟨−∇L_λ, D⟩/ζ, and what it is above the lemma's bound, against the iterations of Stage 3.

    Parameters
    ----------
    study : ImprovementStudy
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    left, right = axes = axes_row(axes, 2, 4.0)
    look: dict[str, Any] = {"linestyle": "none", "markersize": scaled(2.6)}
    for i, plan in enumerate(study.plans):
        colour, marker = SERIES[i % len(SERIES)]
        done = study.runs[i]["iteration"][study.resolved(i)]
        left.plot(done, study.ratio(i), marker=marker, color=colour, label=plan.teacher.name, **look)
        right.plot(done, study.slack(i), marker=marker, color=colour, label=plan.teacher.name, **look)
    left.axhline(1.0, **GUIDE)
    for ax in axes:
        ax.set_yscale("log")
        ax.set_xlabel("iteration of Stage 3")
    left.set_ylabel(r"$\langle-\nabla_W L_\lambda, D\rangle/\zeta$")
    right.set_ylabel(r"($\langle-\nabla_W L_\lambda, D\rangle$ − bound)$/\zeta$")
    left.set_title("improvement along D")
    right.set_title("above the bound")
    left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=len(study.plans))
    state(left.figure, _stated(study))
    return axes


def plot_residual(study: ImprovementStudy, axes: Any = None) -> np.ndarray:
    """Parts of the residual, and the largest distance of an average neuron from its target, for the first teachers.

    Parameters
    ----------
    study : ImprovementStudy
    axes : sequence of Axes, optional
        One for each teacher, three at most.

    Returns
    -------
    ndarray of Axes
    """
    shown = min(3, len(study.plans))
    axes = axes_row(axes, shown, 3.9, sharey=True)
    lines = (
        ("R1", r"average neurons, $\|R_1\|$"),
        ("R2", r"neurons astray, $\|R_2\|$"),
        ("R3", r"masses, $|R_3|$"),
        ("average", r"$\max_j\|v_j\|$"),
    )
    for i, (ax, plan) in enumerate(zip(axes, study.plans, strict=False)):
        run = study.runs[i]
        for (name, label), (colour, marker) in zip(lines, SERIES, strict=False):
            known = run[name] > 1e-9  # below is rounding
            ax.plot(
                run["iteration"][known], run[name][known], marker, color=colour, label=label, markersize=scaled(2.4)
            )
        ax.plot(
            run["iteration"], np.sqrt(run["loss"]), color="black", linewidth=scaled(0.8), label=r"whole, $\sqrt{L}$"
        )
        ax.set_yscale("log")
        ax.set_xlabel("iteration of Stage 3")
        ax.set_title(f"teacher {plan.teacher.name}")
    axes[0].set_ylabel("root mean square")
    figure = axes[0].figure
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    state(figure, _stated(study))
    return axes


def plot_success(study: SuccessStudy, axes: Any = None) -> np.ndarray:
    """Share of runs that end at the teacher, against the width and against the loss at which Stage 3 starts.

    Parameters
    ----------
    study : SuccessStudy
    axes : sequence of two Axes, optional

    Returns
    -------
    ndarray of Axes
    """
    left, right = axes = axes_row(axes, 2, 3.9)
    seeds = study.by_width.shape[2]
    for i, teacher in enumerate(study.teachers):
        colour, marker = SERIES[i]
        # equal shares lie on one another: the later ones within the earlier
        look: dict[str, Any] = {"markersize": scaled(8.0 - 2.4 * i), "markerfacecolor": "white"}
        left.plot(study.widths, study.by_width[i].mean(axis=1), marker, color=colour, label=teacher.name, **look)
        _plot_starts(study, i, right)
    left.set_xlabel("width $m$")
    left.set_xticks(study.widths)
    left.set_ylabel(f"share of {seeds} runs at the teacher")
    left.set_ylim(-0.05, 1.1)
    left.set_title(r"$m_0$")
    left.legend(loc="lower right")
    right.set_xscale("log")
    right.set_xlabel(r"loss at the start of Stage 3 over $E f^{\star2}$")
    right.set_yticks(
        range(len(study.fractions)),
        [rf"$\lambda_0$ × {fraction:.3g}" for fraction in study.fractions],
        rotation=90,
        va="center",
    )
    right.set_ylim(-0.5, len(study.fractions) - 0.5)
    right.set_title(r"$\epsilon_0$: full succeeds, hollow fails")
    state(left.figure, "relu, population; at the teacher: 98 % of the mass within 5°, loss below 5·10⁻⁶ of E f⋆²")
    return axes


def _plot_starts(study: SuccessStudy, i: int, ax: Axes) -> None:
    ax = axes_or_new(ax)
    colour, marker = SERIES[i]
    for j in range(len(study.fractions)):
        losses, won = study.start_loss[i].ravel(), study.by_start[i, j].ravel()
        height = j + 0.2 * (i - 1)
        for chosen, face in ((won, colour), (~won, "white")):
            look: dict[str, Any] = {"linestyle": "none", "markerfacecolor": face, "markersize": scaled(3.6)}
            ax.plot(losses[chosen], np.full(int(chosen.sum()), height), marker=marker, color=colour, **look)
