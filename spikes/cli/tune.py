"""``spikes tune``: which step, which penalty, how many samples for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikes import studies
from spikes.cli.options import Answer, Seed, Seeds, Workers, answers, integer_option, numbers, takes_problem
from spikes.runtime.memory import THEORY
from theory.statement.arguments import real

if TYPE_CHECKING:
    from theory.statement.problem import Problem
else:
    Problem = object

__all__ = ["tune"]

Budget = Annotated[
    int | None, integer_option("--budget", "Samples that step and fit share; their best split is found as well.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Simulate the recommendation, the problem as stated and random features.")
]
Map = Annotated[
    str | None,
    typer.Option(
        "--map", metavar="RATIOS", help="Instead, whether a step pays: all samples over d, as in 1,2,4, by --map-noise."
    ),
]
MapNoise = Annotated[
    str | None,
    typer.Option("--map-noise", help="Label noises of the map, separated by commas; 0.1,0.5,1,2 by default."),
]


@takes_problem()
@answers(progress=True, process=THEORY)
def tune(
    problem: Problem,
    budget: Budget = None,
    check: Check = False,
    map: Map = None,
    map_noise: MapNoise = None,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
) -> Answer:
    """Recommend step size, penalty and split of the samples by the law, and say how sure of it one can be."""
    subject = studies.tune
    if map is not None:
        if check or budget is not None:
            raise ValueError("`map` must go without `check` and `budget`; got them together")
        ratios = [real("map", ratio, positive=True) for ratio in numbers("map", map)]
        levels = [real("map_noise", level, minimum=0.0) for level in numbers("map_noise", map_noise or "0.1,0.5,1,2")]
        paying = subject.map_of_paying(problem, ratios, levels)
        return Answer(paying.to_dict, lambda: subject.print_paying(paying), lambda: subject.plot_map(paying))
    if map_noise is not None:
        raise ValueError(f"`map_noise` must go with `map`; got {map_noise!r} alone")
    found = subject.tune(problem, budget=budget, check=check, seeds=seeds, seed=seed, workers=workers)
    return Answer(found.to_dict, lambda: subject.print_tuning(found), found.plot)
