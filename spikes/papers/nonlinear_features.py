"""Figures of arXiv 2310.07891: nonlinear features from one step of size n^α."""

from __future__ import annotations

from typing import Any, cast

from spikes.papers.recipe import Recipe, Setting, Studies
from spikes.presentation.figure import BEFORE, GUIDE, THEORY, axes_row, plot_points, state
from spikes.studies import nonlinear_features, one_step
from spikes.studies.nonlinear_features.equivalence import MEASURES, EquivalenceStudy
from spikes.studies.nonlinear_features.figure import plot_staircase
from spikes.studies.nonlinear_features.study import Staircase
from spikes.studies.one_step.study import Comparison
from theory.statement.problem import Problem

__all__ = ["RECIPES"]

_OWN = "The paper's n, d, N and c are not known to this package; d = n/2, N = 3n/4 here"


def _problem(n: int, **fields: Any) -> Problem:
    return Problem(n=n, d=n // 2, width=3 * n // 4, **fields)


def _spectra(how: Setting) -> Studies:
    n = how.sized(1600)
    return {
        f"c = {c:g}": one_step.compare(
            _problem(n, alpha=0.29, scale=c, ridge=0.1), how.repeated(8), how.seed, how.workers
        )
        for c in (1.0, 3.0)
    }


def _draw_spectra(studies: Studies) -> Any:
    axes = axes_row(None, 2, 3.9)
    for ax, (name, study) in zip(axes, studies.items(), strict=True):
        found = cast(Comparison, study)
        one_step.plot_spectrum(found.theory, found.simulation, ax)
        ax.set_title(rf"η = ${name.removeprefix('c = ')}\,n^{{0.29}}$")
    problem, seeds = found.problem, found.simulation.seeds
    sizes = f"n = {problem.n}, d = {problem.d}, N = {problem.width}"
    state(axes[0].figure, f"relu, target {problem.teacher.name}, noise {problem.noise:g}, {sizes}, {seeds} seeds")
    return axes


_TARGETS = {"with He2": "z + He2(z)/2", "without He2": "z + He3(z)/3"}


def _staircases(how: Setting) -> Studies:
    n = how.sized(800)
    return {
        name: nonlinear_features.staircase(
            _problem(n, target=target, ridge=0.1), seeds=how.repeated(6), seed=how.seed, workers=how.workers
        )
        for name, target in _TARGETS.items()
    }


def _draw_staircases(studies: Studies) -> Any:
    axes = axes_row(None, 3, 7.2, rows=2)
    for i, study in enumerate(studies.values()):
        plot_staircase(cast(Staircase, study), axes[3 * i : 3 * i + 3])
    found = cast(Staircase, next(iter(studies.values())))
    problem = found.problem
    sizes = f"n = {problem.n}, d = {problem.d}, N = {problem.width}"
    targets = ", below ".join(_TARGETS.values())
    said = f"target above {targets}; relu, noise {problem.noise:g}, {sizes}, {found.simulation[0].seeds} seeds"
    state(axes[0].figure, said)
    return axes


def _decomposition(how: Setting) -> Studies:
    sizes = tuple(how.sized(n) for n in (250, 500, 1000))
    problem = _problem(sizes[-1], alpha=0.29, scale=3.0, ridge=0.1)
    study = nonlinear_features.decomposition_study(
        problem, sizes=sizes, seeds=how.repeated(6), seed=how.seed, workers=how.workers
    )
    return {"relu": study}


def _draw_decomposition(studies: Studies) -> Any:
    return nonlinear_features.plot_decomposition(cast(Any, studies["relu"]))


def _equivalence(how: Setting) -> Studies:
    n = how.sized(800)
    return {
        name: nonlinear_features.equivalence_study(
            _problem(n, alpha=alpha, scale=3.0, activation=name, ridge=0.1),
            seeds=how.repeated(8),
            seed=how.seed,
            workers=how.workers,
            checkpoint=how.checkpoint(name),
        )
        for name, alpha in (("relu", 0.29), ("tanh", 0.36))
    }


def _draw_equivalence(studies: Studies) -> Any:
    axes = axes_row(None, 2, 3.9)
    for ax, (name, study) in zip(axes, studies.items(), strict=True):
        rows = study.rows()
        for i, (when, colour) in enumerate((("before", BEFORE), ("after", THEORY))):
            chosen = rows[i * len(MEASURES) : (i + 1) * len(MEASURES)]
            values, places = [_relative(r) for r in chosen], [k + 0.2 * i for k in range(len(chosen))]
            plot_points(ax, places, values, colour=colour, hollow=when == "before", label=f"{when} the step")
        ax.axhline(0.0, **GUIDE)
        ax.set_xticks(range(len(MEASURES)), [m.replace("_", " ") for m in MEASURES], rotation=40, ha="right")
        ax.set_ylabel("features over equivalent, less 1")
        problem = cast(EquivalenceStudy, study).problem
        ax.set_title(rf"{name}, η = ${problem.scale:g}\,n^{{{problem.alpha:g}}}$")
        ax.legend(loc="upper right")
    sizes = f"n = {problem.n}, d = {problem.d}, N = {problem.width}"
    seeds = len(cast(EquivalenceStudy, study).runs)
    state(axes[0].figure, f"target {problem.teacher.name}, noise {problem.noise:g}, λ = 0.1, {sizes}, {seeds} seeds")
    return axes


def _relative(r: Any) -> Any:
    from spikes.estimates import Estimate

    return Estimate(r.relative, r.sem / abs(r.theory), r.seeds)


RECIPES = (
    Recipe(
        "spectrum",
        "Singular values of F/√n after a step of size n^0.29",
        "A bulk and two spikes outside it, for relu at η of order n^0.29.",
        _OWN + ", at c = 1 and c = 3.",
        "At c = 1 and these sizes the second spike is still inside the bulk, as the law at this n says; two are there "
        "in the limit, and at c = 3 here.",
        _spectra,
        _draw_spectra,
    ),
    Recipe(
        "staircase",
        "Errors against log η/log n for two targets",
        "Errors fall in steps as η grows, at the exponents where a new spike leaves the bulk; a target without "
        "He₂ has no second step.",
        _OWN + ".",
        "At these sizes the steps of the limit are rounded off, as the law at this n says. Without He₂ nothing "
        "falls at α = 1/4, in simulation and limit.",
        _staircases,
        _draw_staircases,
    ),
    Recipe(
        "decomposition",
        "Left singular vectors, and errors on F and on F_ℓ",
        "The leading left singular vectors span polynomials of Xβ, and errors on F and on F_ℓ become equal.",
        _OWN + ", n to 1000, c = 3.",
        "Both are seen. The published left vectors v² leave out a constant, which the step's noise adds "
        "(corrected: q₂). Column means at c = 3 are still far from their limits at these sizes.",
        _decomposition,
        _draw_decomposition,
    ),
    Recipe(
        "equivalence",
        "Features beside their Gaussian equivalents",
        "Proofs replace features by Gaussian ones with the same first moments.",
        _OWN + ", c = 3.",
        "Errors and singular values agree within 3 %, after the step conditionally on the latent; the largest "
        "difference is in the test error before the step, 2.8 % at z = 3.2.",
        _equivalence,
        _draw_equivalence,
    ),
)
