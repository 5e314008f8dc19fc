"""How slowly the limit is reached: the law at n = 10³ … 10¹⁵ against the limit, corrected and as published."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikes.presentation.figure import GUIDE, MEASURED, SERIES, axes_row, problem_statement, save_figure, scaled, state
from theory import Problem, predict_errors
from theory.nonlinear_features import objective_drop, spike_count

SIZES = 10.0 ** np.arange(3.0, 15.1, 0.5)
CASES = (0.15, 0.29, 0.4)
LIMIT_FROM, LIMIT_TO = 1e16, 1e18  # where the limits are drawn, beyond the sizes


def problem_at(n: float, alpha: float) -> Problem:
    """d = n/2, N = 3n/4: the ratios of every size."""
    return Problem(n=int(n), d=int(n / 2), width=int(3 * n / 4), alpha=alpha, ridge=0.1)


def drops(alpha: float) -> np.ndarray:
    """Decrease of the objective by the step at each n, from the law at that n."""
    values = []
    for n in SIZES:
        problem = problem_at(n, alpha)
        before = predict_errors(problem.replace(eta=0.0))[0].objective
        values.append(before - predict_errors(problem)[0].objective)
    return np.array(values)


def draw(laws: dict[float, np.ndarray]):
    """Decrease of the objective on the left, its distance to the limits on the right."""
    left, right = axes = axes_row(None, 2, 4.4)
    for alpha, (colour, _) in zip(CASES, SERIES, strict=False):
        problem, law = problem_at(1e4, alpha), laws[alpha]
        corrected, published = (objective_drop(problem, spike_count(alpha), p)[0] for p in (False, True))
        left.plot(SIZES, law, color=colour, label=rf"law at n, $\alpha$ = {alpha:g}")
        right.plot(SIZES, np.abs(law / corrected - 1.0), color=colour, label=rf"corrected, $\alpha$ = {alpha:g}")
        limits = [(corrected, "limit", 2.4)]
        if abs(published - corrected) > 1e-6:
            limits.append((published, "limit as published", 0.7))
            thin = {"color": colour, "linewidth": scaled(0.7), "label": rf"as published, $\alpha$ = {alpha:g}"}
            right.plot(SIZES, np.abs(law / published - 1.0), **thin)
        for value, name, width in limits:
            look = {"color": colour, "linewidth": scaled(width), "gid": f"{name}, {alpha:g}"}
            left.plot([LIMIT_FROM, LIMIT_TO], [value] * 2, **look)
    for name, width in (("limit, corrected", 2.4), ("limit as published", 0.7)):
        left.plot([], [], color=MEASURED, linewidth=scaled(width), label=name)
    left.axvline(3e15, **GUIDE)
    left.set_ylabel(r"decrease of the objective, $\lambda$ = 0.1")
    right.set_ylabel("relative distance to the limit")
    right.set_yscale("log")
    ticks = [1e3, 1e6, 1e9, 1e12, 1e15]
    names = [f"$10^{{{int(np.log10(n))}}}$" for n in ticks]
    for ax, end, extra in ((left, LIMIT_TO, [1e17]), (right, SIZES[-1], [])):
        ax.set_xscale("log")
        ax.set_xlim(1e3, end)
        ax.set_xticks([*ticks, *extra], [*names, *(["∞"] if extra else [])])
        ax.minorticks_off()
        ax.set_xlabel("n, with d = n/2, N = 3n/4")
    low, high = left.get_ylim()
    left.set_ylim(low, high + 0.45 * (high - low))  # room for the legend above the lines
    left.legend(loc="upper left")
    right.legend(loc="lower left")
    state(left.figure, problem_statement(problem_at(1e4, 0.4), without=("step", "n", "d", "width")) + "; theory alone")
    return axes


if __name__ == "__main__":
    laws = {alpha: drops(alpha) for alpha in CASES}
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(laws), data=True)
