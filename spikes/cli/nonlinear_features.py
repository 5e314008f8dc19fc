"""``spikes nonlinear``: the studies of nonlinear features from one step of size n^alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikes import studies
from spikes.cli.options import (
    Answer,
    GradientOrder,
    Seed,
    Seeds,
    Workers,
    answers,
    integer_option,
    integers,
    numbers,
    takes_problem,
)
from spikes.runtime.memory import THEORY

if TYPE_CHECKING:
    from theory.statement.problem import Problem
else:
    Problem = object

__all__ = ["app"]

app = typer.Typer(
    help="Nonlinear features from one step of size n^alpha: staircase, spectra, decomposition.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Alphas = Annotated[str | None, typer.Option("--alphas", help="Exponents to simulate, separated by commas.")]
Points = Annotated[int, integer_option("--points", "Number of exponents at which spike positions are predicted.")]
Sizes = Annotated[str, typer.Option("--sizes", help="Values of n, separated by commas; d/n and N/n are kept.")]
Ell = Annotated[int | None, integer_option("--ell", "Number of terms; as many as outgrow the bulk by default.")]


def _exponents(alphas: str | None) -> tuple[float, ...] | None:
    return None if alphas is None else numbers("alphas", alphas)


@app.command()
@takes_problem(n=1000, d=500, width=750)
@answers(progress=True)
def staircase(
    problem: Problem,
    alphas: Alphas = None,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    gradient_order: GradientOrder = 2,
) -> Answer:
    """Errors against the step-size exponent from 0 to 1/2: simulation, theory at this n, and the limit."""
    from spikes.presentation.numbers import counted
    from spikes.presentation.terminal import print_rows, sizes_along_steps

    study = studies.nonlinear_features.staircase(
        problem,
        alphas=_exponents(alphas),
        seeds=seeds,
        seed=seed,
        workers=workers,
        gradient_order=gradient_order,
    )

    return Answer(
        study.to_dict,
        lambda: print_rows(
            study.problem,
            study.rows(),
            f"staircase, {counted(seeds, 'seed')}",
            study.unlearned,
            sizes=sizes_along_steps(study.problem),
        ),
        lambda: studies.nonlinear_features.plot_staircase(study),
    )


@app.command()
@takes_problem(n=1000, d=500, width=750)
@answers(progress=True)
def spectrum(
    problem: Problem,
    alphas: Alphas = None,
    points: Points = 21,
    seeds: Seeds = 4,
    seed: Seed = 0,
    workers: Workers = None,
    gradient_order: GradientOrder = 2,
) -> Answer:
    """Spectra and spike positions as the exponent passes 0, 1/4, 1/3, 3/8."""
    from spikes.presentation.numbers import counted
    from spikes.presentation.terminal import print_rows, sizes_along_steps

    study = studies.nonlinear_features.spectrum_study(
        problem,
        alphas=_exponents(alphas),
        points=points,
        seeds=seeds,
        seed=seed,
        workers=workers,
        gradient_order=gradient_order,
    )

    return Answer(
        study.to_dict,
        lambda: print_rows(
            study.problem, study.rows(), f"spikes, {counted(seeds, 'seed')}", sizes=sizes_along_steps(study.problem)
        ),
        lambda: studies.nonlinear_features.plot_spectrum_study(study),
    )


@app.command()
@takes_problem(n=1000, d=500, width=750, alpha=0.29)
@answers(progress=True)
def decomposition(
    problem: Problem,
    ell: Ell = None,
    sizes: Sizes = "500,1000,2000",
    seeds: Seeds = 6,
    seed: Seed = 0,
    workers: Workers = None,
) -> Answer:
    """The remainder of F = F_0 + ell terms against n, corrected and as published, with fitted exponents."""

    study = studies.nonlinear_features.decomposition_study(
        problem, ell, sizes=integers("sizes", sizes), seeds=seeds, seed=seed, workers=workers
    )

    return Answer(
        study.to_dict,
        lambda: studies.nonlinear_features.print_decomposition(study),
        lambda: studies.nonlinear_features.plot_decomposition(study),
    )


@app.command()
@answers(process=THEORY)
def conditions(
    activation: Annotated[str, typer.Option("--activation", help="By name.")] = "relu",
    target: Annotated[str, typer.Option("--target", help="Expression in z.")] = "z + He2(z)/2",
    second_layer: Annotated[str, typer.Option("--second-layer", help="Law of a, by name.")] = "gaussian",
) -> Answer:
    """Hermite coefficients, decay, kinks and growth: which spikes exist, and which statements apply."""
    found = studies.nonlinear_features.check_conditions(activation, target, second_layer)

    return Answer(
        found.to_dict,
        lambda: studies.nonlinear_features.print_conditions(found),
        lambda: studies.nonlinear_features.plot_conditions(found),
    )
