"""``spikes predict``, ``spikes simulate`` and ``spikes compare``: one giant step, predicted and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikes.cli.options import (
    Answer,
    Dtype,
    GradientOrder,
    Method,
    Seed,
    Seeds,
    Workers,
    answers,
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
@answers()
def predict(
    problem: Problem,
    gradient_order: GradientOrder = 2,
    density_at: DensityAt = None,
) -> Answer:
    """Predict spectrum, spikes, what they have learned, and ridge errors."""
    from spikes.comparison import contract
    from spikes.tables import print_prediction
    from theory.conditional_equivalent import predict as predict_problem

    points = None if density_at is None else numbers("density_at", density_at)
    theory = predict_problem(problem, gradient_order, density_at=points)

    def draw() -> Any:
        from spikes.plotting import plot_prediction

        return plot_prediction(theory if points is None else predict_problem(problem, gradient_order))

    return Answer(lambda: contract(problem, theory=theory.to_dict()), lambda: print_prediction(theory), draw)


@takes_problem()
@answers(progress=True)
def simulate(
    problem: Problem,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    dtype: Dtype = "float64",
    method: Method = "gram",
) -> Answer:
    """Simulate the step, the features and the ridge fit for several seeds."""
    from spikes.comparison import contract
    from spikes.ensemble import simulate_ensemble
    from spikes.tables import print_simulation

    ensemble = simulate_ensemble(problem, seeds=seeds, seed=seed, workers=workers, dtype=dtype, method=method)

    def draw() -> Any:
        from spikes.plotting import plot_simulation

        return plot_simulation(ensemble)

    return Answer(lambda: contract(problem, simulation=ensemble.to_dict()), lambda: print_simulation(ensemble), draw)


@takes_problem()
@answers(progress=True)
def compare(
    problem: Problem,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    dtype: Dtype = "float64",
    method: Method = "gram",
    gradient_order: GradientOrder = 2,
) -> Answer:
    """Lay theory over simulation: every quantity with its standard error, z and relative difference."""
    from spikes.comparison import compare as compare_problem
    from spikes.tables import print_comparison

    result = compare_problem(problem, seeds, seed, workers, gradient_order=gradient_order, dtype=dtype, method=method)
    return Answer(result.to_dict, lambda: print_comparison(result), result.plot)
