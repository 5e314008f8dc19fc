"""Figures of arXiv 2406.01766: features learned at the end of training."""

from __future__ import annotations

from typing import Any, cast

from spikes.papers.recipe import Recipe, Setting, Studies
from spikes.simulation.training import Plan
from spikes.studies import local_analysis
from spikes.studies.local_analysis.improvement import ImprovementStudy, SuccessStudy
from spikes.studies.local_analysis.study import LocalStudy
from theory.statement.teacher import TEACHERS

__all__ = ["RECIPES"]

_OWN = "The paper's sizes, constants and figures' settings are not known to this package; "


def _improvement(how: Setting) -> Studies:
    study = local_analysis.study_improvement(
        width=how.sized(50), seed=how.seed, workers=how.workers, checkpoint=how.checkpoint("descent")
    )
    return {"five teachers": study}


def _draw_improvement(studies: Studies) -> Any:
    return local_analysis.plot_improvement(cast(ImprovementStudy, studies["five teachers"]))


def _residual(how: Setting) -> Studies:
    study = local_analysis.study_improvement(
        ("orth4", "A", "G"),
        width=how.sized(50),
        seed=how.seed,
        workers=how.workers,
        checkpoint=how.checkpoint("descent"),
    )
    return {"three teachers": study}


def _draw_residual(studies: Studies) -> Any:
    return local_analysis.plot_residual(cast(ImprovementStudy, studies["three teachers"]))


def _training(how: Setting) -> Studies:
    plan = Plan(TEACHERS["A"], width=how.sized(100))
    checkpoint = how.checkpoint("training")
    return {"A": local_analysis.compare_training(plan, how.repeated(2), how.seed, how.workers, checkpoint=checkpoint)}


def _draw_training(studies: Studies) -> Any:
    return local_analysis.plot_training(cast(LocalStudy, studies["A"]))


def _gap(how: Setting) -> Studies:
    return {
        f"{name}, λ = {decay:g}": local_analysis.compare_training(
            Plan(TEACHERS[name], width=how.sized(100), decay=decay, epochs=1, iterations=3000, record=20),
            seed=how.seed,
            workers=how.workers,
            checkpoint=how.checkpoint(f"{name}-{decay:g}"),
        )
        for name in ("orth4", "A", "r3m5")
        for decay in (1e-2, 1e-3)
    }


def _draw_gap(studies: Studies) -> Any:
    found = [cast(LocalStudy, study) for study in studies.values()]
    factor = min(float(study.gradient_ratios(0)[1].min()) for study in found)
    return local_analysis.plot_gradient_gap(found, factor)


def _success(how: Setting) -> Studies:
    study = local_analysis.study_success(
        width=how.sized(50),
        seeds=how.repeated(4),
        seed=how.seed,
        workers=how.workers,
        checkpoint=how.checkpoint("runs"),
    )
    return {"three teachers": study}


def _draw_success(studies: Studies) -> Any:
    return local_analysis.plot_success(cast(SuccessStudy, studies["three teachers"]))


RECIPES = (
    Recipe(
        "training",
        "Loss and directions through the stages",
        "After the early stages descent with weight decay that decreases turns the neurons onto the teacher's "
        "directions.",
        _OWN + "three directions 0°, 60°, 120° in d = 10, m = 100 here.",
        "As shown there.",
        _training,
        _draw_training,
    ),
    Recipe(
        "improvement",
        "The feature-improvement direction along Stage 3",
        "Moving neurons onto the teacher's directions is a descent direction while the gap is large.",
        _OWN + "five teachers, m = 50.",
        "Towards the minimiser's atoms the inner product with −∇ is positive at every record; towards the "
        "teacher's own, which the minimiser has not reached at a fixed decay, it is not.",
        _improvement,
        _draw_improvement,
    ),
    Recipe(
        "residual",
        "Average neurons and the parts of the residual",
        "The residual is the sum of what average neurons, neurons off their lines, and masses leave; each is "
        "small where the loss is.",
        _OWN + "three teachers, m = 50.",
        "The parts are larger than their sum, as masses and average neurons cancel under decay. The paper's "
        "test function is left out, its definition not being known to this package.",
        _residual,
        _draw_residual,
    ),
    Recipe(
        "gradient-gap",
        "The gradient bounds the gap",
        "‖∇L_λ‖² is at least a constant times ζ⁴/λ².",
        _OWN + "three teachers, two decays, m = 100.",
        "The bound holds with a constant of one, and is loose: the gradient falls far more slowly than ζ⁴.",
        _gap,
        _draw_gap,
    ),
    Recipe(
        "success",
        "Smallest width and largest loss from which Stage 3 succeeds",
        "The main theorem asks for a width above some m₀ and a loss below some ε₀.",
        _OWN + "three teachers, four runs each.",
        "m₀ is near the number of the teacher's directions. With the default λ₀ no ε₀ is seen up to random "
        "features; it shows where the first decay is small.",
        _success,
        _draw_success,
    ),
)
