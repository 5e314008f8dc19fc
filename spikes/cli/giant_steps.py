"""``spikes giant``: what giant steps learn of a target, in how many samples and steps."""

from __future__ import annotations

from typing import Annotated

import typer

from spikes import studies
from spikes.cli.options import (
    Answer,
    Seed,
    Seeds,
    Workers,
    answers,
    integer_option,
    numbers,
    real_option,
    takes_problem,
)
from spikes.runtime.memory import THEORY
from theory.statement.problem import Problem, described_fields

__all__ = ["app"]

app = typer.Typer(
    help="Giant steps: leap and staircase of a target, one step, several steps, the learning curve.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Preprocess = Annotated[
    str | None,
    typer.Option(
        "--preprocess",
        "--preprocessing",
        help="Subtracted from the labels before a step: none, exact, ols, moments or independent; "
        "ols by default for more than d^1.5 samples.",
    ),
]
Start = Annotated[str, typer.Option("--start", help="symmetric: pairs of neurons of opposite a, f = 0; or random.")]
Interacting = Annotated[
    bool, typer.Option("--interacting/--alone", help="Whether neurons see each other through the residual.")
]
Steps = Annotated[int, integer_option("--steps", "Giant steps, each on fresh samples.")]
Checkpoint = Annotated[
    str | None,
    typer.Option("--checkpoint", help="Keep finished runs in this file, and continue from it if it exists."),
]
MaxLeap = Annotated[int, integer_option("--max-leap", "Largest jump: steps of n = O(d^max_leap).")]
Method = Annotated[str, typer.Option("--method", help="auto, quadrature or monte-carlo.")]
Samples = Annotated[int, integer_option("--samples", "Monte Carlo samples, for more than six latents.")]
Target = Annotated[str, typer.Option("--target", help='Expression in z, or in z1 ... z9: "z1 + z1*z2".')]
Activation = Annotated[str, typer.Option("--activation", help=described_fields()["activation"].help)]
Exponents = Annotated[
    str | None,
    typer.Option("--exponents", help="log n/log d at each point, separated by commas; 1.3 ... log(--n)/log d if not."),
]
Penalty = Annotated[float, real_option("--penalty", "Ridge of the second layer in units of N/n: lambda = penalty N/n.")]
Readout = Annotated[
    str, typer.Option("--readout", help="Subtracted from the second layer's labels and added back: none, exact or ols.")
]


@app.command()
@answers(process=THEORY)
def analyse(
    target: Target = "z1 + z1*z2",
    activation: Activation = "relu",
    max_leap: MaxLeap = 1,
    method: Method = "auto",
    samples: Samples = 2**20,
    seed: Seed = 0,
) -> Answer:
    """Information exponent, leap, staircase and visible staircase of a target, with directions."""

    report = studies.giant_steps.report_target(
        target, activation, max_leap=max_leap, method=method, samples=samples, seed=seed
    )

    return Answer(
        report.to_dict,
        lambda: studies.giant_steps.print_report(report),
        lambda: studies.giant_steps.plot_report(report),
    )


@app.command()
@takes_problem(
    "n_step",
    "ridge",
    n=1500,
    d=700,
    width=512,
    target="z1 + z1*z2",
    alpha=0.5,
    second_layer="rademacher",
    noise=0.0,
    centered=False,
)
@answers(progress=True, keeps=("checkpoint",))
def step(
    problem: Problem,
    preprocess: Preprocess = None,
    start: Start = "symmetric",
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    checkpoint: Checkpoint = None,
) -> Answer:
    """Cosines of gradients and weights after one step of --n samples, theory beside simulation.

    --eta is the step size of the rest of this package: the eta of the giant-step literature is sqrt(width) times it.
    """
    from theory.statement.protocol import Protocol

    protocol = Protocol(preprocessing=preprocess, start=start)
    study = studies.giant_steps.study_step(
        problem, protocol, seeds=seeds, seed=seed, workers=workers, checkpoint=checkpoint
    )

    return Answer(
        study.to_dict,
        lambda: studies.giant_steps.print_step(study),
        lambda: studies.giant_steps.plot_cosines(study).figure,
    )


@app.command()
@takes_problem(
    n=2000,
    d=500,
    width=64,
    target="z1 + z1*z2",
    alpha=0.0,
    scale=8.0,
    second_layer="rademacher",
    noise=0.0,
    centered=False,
)
@answers(progress=True, keeps=("checkpoint",))
def trajectory(
    problem: Problem,
    steps: Steps = 6,
    preprocess: Preprocess = "none",
    start: Start = "random",
    interacting: Interacting = True,
    refit: Annotated[bool, typer.Option("--refit", help="Measure the test error after every step.")] = False,
    seeds: Seeds = 8,
    seed: Seed = 0,
    workers: Workers = None,
    checkpoint: Checkpoint = None,
) -> Answer:
    """Overlaps through several steps of --n samples (or --n-step) against state evolution.

    --eta is the step size of the rest of this package: the eta of the giant-step literature is sqrt(width) times it.
    """
    from theory.statement.protocol import Protocol

    protocol = Protocol(steps=steps, preprocessing=preprocess, start=start, interacting=interacting)
    study = studies.giant_steps.study_trajectory(
        problem, protocol, seeds=seeds, seed=seed, workers=workers, refit=refit, checkpoint=checkpoint
    )

    return Answer(
        study.to_dict,
        lambda: studies.giant_steps.print_trajectory(study),
        lambda: studies.giant_steps.plot_trajectory(study).figure,
    )


@app.command()
@takes_problem(
    "ridge",
    n=16384,
    d=128,
    width=512,
    target="(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2",
    alpha=0.5,
    scale=10.0,
    noise=0.0,
    centered=False,
)
@answers(progress=True, keeps=("checkpoint",))
def curve(
    problem: Problem,
    exponents: Exponents = None,
    penalty: Penalty = 1.0,
    preprocess: Preprocess = "ols",
    readout: Readout = "ols",
    start: Start = "random",
    same_batch: Annotated[
        bool,
        typer.Option(
            "--same-batch", help="Measure a step as well whose batch, less its moments, also fits the second layer."
        ),
    ] = False,
    seeds: Seeds = 4,
    seed: Seed = 0,
    workers: Workers = None,
    checkpoint: Checkpoint = None,
) -> Answer:
    """Test error against log n/log d: random features and one step, predicted curves, and the floors.

    --eta is the step size of the rest of this package: the eta of the giant-step literature is sqrt(width) times it.
    """
    from theory.statement.protocol import Protocol

    study = studies.giant_steps.study_curve(
        problem,
        Protocol(preprocessing=preprocess, start=start),
        exponents=None if exponents is None else numbers("exponents", exponents),
        penalty=penalty,
        readout=readout,
        same_batch=same_batch,
        seeds=seeds,
        seed=seed,
        workers=workers,
        checkpoint=checkpoint,
    )

    return Answer(
        study.to_dict,
        lambda: studies.giant_steps.print_curve(study),
        lambda: studies.giant_steps.plot_curve(study).figure,
    )
