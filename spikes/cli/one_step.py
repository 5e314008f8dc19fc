"""``spikes predict``, ``spikes simulate`` and ``spikes compare``: one giant step, predicted and measured."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikes import studies
from spikes.cli.options import (
    Answer,
    Dtype,
    GradientOrder,
    Method,
    Scheduler,
    Seed,
    Seeds,
    Workers,
    answers,
    numbers,
    takes_problem,
)
from spikes.runtime.memory import THEORY

if TYPE_CHECKING:
    from theory.statement.problem import Problem
else:
    Problem = object

__all__ = ["compare", "predict", "simulate"]

DensityAt = Annotated[
    str | None, typer.Option("--density-at", help="Eigenvalues x1,x2,... at which to give the density.")
]


@takes_problem()
@answers(process=THEORY)
def predict(
    problem: Problem,
    gradient_order: GradientOrder = 2,
    density_at: DensityAt = None,
) -> Answer:
    """Predict spectrum, spikes, what they have learned, and ridge errors."""
    points = None if density_at is None else numbers("density_at", density_at)
    study = studies.one_step.predict(problem, gradient_order, density_at=points)
    return Answer(study.to_dict, lambda: studies.one_step.print_prediction(study), study.plot)


Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Your own inputs instead of --n, --n-step, --d, --target, --noise: X and y in one .npz, X in .npy, a "
        "table in .csv or .parquet.",
    ),
]
Label = Annotated[
    str | None, typer.Option("--label", help="Column of --data that holds the labels, or the .npy file that does.")
]
Standardize = Annotated[
    bool, typer.Option("--standardize", help="Columns and labels of --data less their means, of unit variance.")
]
Shares = Annotated[
    str | None,
    typer.Option("--shares", help="Of the rows of --data for the step, the fit and the test; 0.4,0.4,0.2 by default."),
]


@takes_problem()
@answers(progress=True, reads=("data", "label"))
def simulate(
    problem: Problem,
    context: typer.Context,
    data: Data = None,
    label: Label = None,
    standardize: Standardize = False,
    shares: Shares = None,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dtype: Dtype = "float64",
    method: Method = "gram",
) -> Answer:
    """Simulate the step, the features and the ridge fit for several seeds."""
    if data is not None:
        if context is not None:  # there is none when a file is run again
            _refuse_given(context)
        if scheduler is not None:
            raise ValueError(f"`scheduler` must be left out with `data`; got {scheduler!r}")
        from spikes.simulation.dataset import load_dataset

        dataset = load_dataset(data, label, standardize=standardize)
        return _on_data(problem, dataset, shares, seeds=seeds, seed=seed, workers=workers, dtype=dtype, method=method)
    for name, value in (("shares", shares), ("label", label), ("standardize", standardize or None)):
        if value is not None:
            raise ValueError(f"`{name}` must go with `data`; got {value!r} alone")
    from spikes.agreement import contract
    from spikes.runtime.cluster import cluster_executor
    from spikes.simulation.ensemble import simulate_ensemble

    with ExitStack() as stack:
        executor = None
        if scheduler is not None:
            executor, workers = stack.enter_context(cluster_executor(scheduler, workers)), None
        ensemble = simulate_ensemble(
            problem, seeds=seeds, seed=seed, workers=workers, dtype=dtype, method=method, executor=executor
        )

    return Answer(
        lambda: contract(problem, simulation=ensemble.to_dict()),
        lambda: studies.one_step.print_simulation(ensemble),
        lambda: studies.one_step.plot_simulation(ensemble),
    )


def _refuse_given(context: typer.Context) -> None:
    """Refuse options that say what the data decide."""

    for name in studies.own_data.NEEDED:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"`{name}` must be left out with `data`, which decide it; got {context.params[name]}")


def _on_data(problem: Problem, dataset: Any, shares: str | None, **how: Any) -> Answer:
    from spikes.simulation.dataset import SHARES

    parts = SHARES if shares is None else numbers("shares", shares)
    study = studies.own_data.study_data(dataset, problem, shares=parts, **how)

    return Answer(
        study.to_dict, lambda: studies.own_data.print_data_study(study), lambda: studies.own_data.plot_data_study(study)
    )


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

    result = studies.one_step.compare(
        problem, seeds, seed, workers, gradient_order=gradient_order, dtype=dtype, method=method
    )
    return Answer(result.to_dict, lambda: studies.one_step.print_comparison(result), result.plot)
