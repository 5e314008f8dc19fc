"""``spikes predict``, ``spikes simulate`` and ``spikes compare``: one giant step, predicted and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikes.cli.options import (
    Dtype,
    Figure,
    GradientOrder,
    Json,
    Method,
    Seed,
    Seeds,
    Workers,
    check_outputs,
    numbers,
    takes_problem,
)

if TYPE_CHECKING:
    from theory.problem import Problem
else:
    Problem = object

__all__ = ["compare", "predict", "simulate"]

DensityAt = Annotated[
    str | None, typer.Option("--density-at", help="Eigenvalues x1,x2,... at which to give the density.")
]


@takes_problem()
def predict(
    problem: Problem,
    gradient_order: GradientOrder = 2,
    density_at: DensityAt = None,
    json: Json = None,
    figure: Figure = None,
) -> None:
    """Predict spectrum, spikes, what they have learned, and ridge errors."""
    from spikes.comparison import contract
    from spikes.output import save_figure, write_json
    from spikes.tables import print_prediction
    from theory.conditional_equivalent import predict as predict_problem

    check_outputs(json, figure)
    points = None if density_at is None else numbers("density_at", density_at)
    theory = predict_problem(problem, gradient_order, density_at=points)
    if figure:
        from spikes.plotting import plot_prediction

        shown = theory if points is None else predict_problem(problem, gradient_order)
        save_figure(figure, lambda: plot_prediction(shown))
    if json:
        write_json(json, contract(problem, theory=theory.to_dict()))
    if json != "-":
        print_prediction(theory)


@takes_problem()
def simulate(
    problem: Problem,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    dtype: Dtype = "float64",
    method: Method = "gram",
    json: Json = None,
    figure: Figure = None,
) -> None:
    """Simulate the step, the features and the ridge fit for several seeds."""
    from spikes.comparison import contract
    from spikes.ensemble import simulate_ensemble
    from spikes.output import save_figure, write_json
    from spikes.tables import print_simulation

    check_outputs(json, figure)
    ensemble = simulate_ensemble(problem, seeds=seeds, seed=seed, workers=workers, dtype=dtype, method=method)
    if figure:
        from spikes.plotting import plot_simulation

        save_figure(figure, lambda: plot_simulation(ensemble))
    if json:
        write_json(json, contract(problem, simulation=ensemble.to_dict()))
    if json != "-":
        print_simulation(ensemble)


@takes_problem()
def compare(
    problem: Problem,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    dtype: Dtype = "float64",
    method: Method = "gram",
    gradient_order: GradientOrder = 2,
    json: Json = None,
    figure: Figure = None,
) -> None:
    """Lay theory over simulation: every quantity with its standard error, z and relative difference."""
    from spikes.comparison import compare as compare_problem
    from spikes.output import save_figure, write_json
    from spikes.tables import print_comparison

    check_outputs(json, figure)
    result = compare_problem(problem, seeds, seed, workers, gradient_order=gradient_order, dtype=dtype, method=method)
    if figure:
        save_figure(figure, result.plot)
    if json:
        write_json(json, result.to_dict())
    if json != "-":
        print_comparison(result, figure)
