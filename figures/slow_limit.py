"""How slowly the limit is reached: the law at n = 10³ … 10¹⁵ against the limit, corrected and as published."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from spikes.presentation.figure import save_figure
from theory import Problem, predict_errors
from theory.nonlinear_features import objective_drop, spike_count

END = 2e15
SIZES = 10.0 ** np.arange(3.0, 15.1, 0.5)
CASES = ((0.15, "#0072B2", "-", "o"), (0.29, "#D55E00", "--", "s"), (0.4, "black", "-.", "^"))


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
    """Decrease of the objective on the left, its distance to the corrected limit on the right."""
    left, right = plt.subplots(1, 2, figsize=(10.5, 4.0), layout="constrained")[1]
    for alpha, colour, line, marker in CASES:
        problem, law = problem_at(1e4, alpha), laws[alpha]
        ell = spike_count(alpha)
        corrected, published = (objective_drop(problem, ell, p)[0] for p in (False, True))
        left.plot(SIZES, law, line, color=colour, marker=marker, markersize=3, label=rf"law at n, $\alpha$ = {alpha:g}")
        right.plot(SIZES, np.abs(law / corrected - 1.0), line, color=colour, label=rf"corrected, $\alpha$ = {alpha:g}")
        left.plot(END, corrected, marker, color=colour, markersize=7, markerfacecolor="none", clip_on=False)
        if abs(published - corrected) > 1e-6:
            left.plot(END, published, "x", color=colour, markersize=6, markeredgewidth=1.5, clip_on=False)
            right.plot(
                SIZES,
                np.abs(law / published - 1.0),
                ":",
                color=colour,
                linewidth=2.2,
                label=rf"as published, $\alpha$ = {alpha:g}",
            )
    left.plot(
        [], [], "o", color="0.4", markersize=7, markerfacecolor="none", linestyle="none", label="limit, corrected"
    )
    left.plot([], [], "x", color="0.4", markersize=6, markeredgewidth=1.5, linestyle="none", label="limit as published")
    left.set_ylabel(r"decrease of the objective, $\lambda$ = 0.1")
    right.set_ylabel("relative distance to the limit")
    right.set_yscale("log")
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_xlim(1e3, 1e15)
        ax.set_xlabel("n, with d = n/2, N = 3n/4")
        ax.legend()
    return np.array([left, right])


if __name__ == "__main__":
    laws = {alpha: drops(alpha) for alpha, *_ in CASES}
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: draw(laws))
