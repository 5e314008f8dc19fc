"""``spikes matrix-free``: the spectrum of features that are too large to store, beside the theory."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

from spikes import studies
from spikes.cli.options import (
    Answer,
    Dtype,
    GradientOrder,
    Scheduler,
    Seed,
    Seeds,
    Workers,
    answers,
    integer_option,
    real_option,
    takes_problem,
)

if TYPE_CHECKING:
    from theory.statement.problem import Problem
else:
    Problem = object

__all__ = ["matrix_free"]

Count = Annotated[
    int | None, integer_option("--count", "Leading singular values; as many as spikes are predicted by default.")
]
Probes = Annotated[int, integer_option("--probes", "Random vectors of the density; its error falls like their root.")]
Steps = Annotated[int, integer_option("--steps", "Passes over the rows for the density at most; 0 for spikes alone.")]
Smoothing = Annotated[
    float, real_option("--smoothing", "Standard deviation in ln x over which densities are smoothed.")
]


@takes_problem("ridge", n=10000, d=500, width=1000, alpha=0.45)
@answers(progress=True)
def matrix_free(
    problem: Problem,
    count: Count = None,
    probes: Probes = 10,
    steps: Steps = 80,
    smoothing: Smoothing = 0.15,
    seeds: Seeds = 4,
    seed: Seed = 0,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dtype: Dtype = "float64",
    gradient_order: GradientOrder = 2,
) -> Answer:
    """Spikes and density of features too large to store: Lanczos on rows drawn again, beside the theory."""
    from spikes.runtime.cluster import cluster_executor

    with ExitStack() as stack:
        executor = None
        if scheduler is not None:
            executor, workers = stack.enter_context(cluster_executor(scheduler, workers)), None
        result = studies.matrix_free.compare_matrix_free(
            problem,
            count=count,
            probes=probes,
            steps=steps,
            smoothing=smoothing,
            seeds=seeds,
            seed=seed,
            workers=workers,
            gradient_order=gradient_order,
            dtype=dtype,
            executor=executor,
        )
    return Answer(result.to_dict, lambda: studies.matrix_free.print_matrix_free(result), result.plot)
