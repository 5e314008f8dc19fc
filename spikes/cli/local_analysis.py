"""``spikes local``: training against a teacher with weight decay, and the dual certificates behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

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
)

if TYPE_CHECKING:
    from theory.statement.teacher import Teacher

__all__ = ["app"]

app = typer.Typer(
    help="Features learned at the end of training: weight decay turns neurons onto the teacher's directions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
TeacherText = Annotated[
    str,
    typer.Option(
        "--teacher",
        help="orth4, A, G, r3m5, r5m6, r3m5-close, orthogonal:m, angles:t1,t2,..., random:m,r or a .json file.",
    ),
]
Dimension = Annotated[
    int | None, integer_option("--d", "Input dimension; that of the named teacher, else 20, by default.")
]
Weights = Annotated[str | None, typer.Option("--weights", help="The teacher's weights, separated by commas.")]
MinAngle = Annotated[float, real_option("--min-angle", "Smallest angle in degrees between random directions.")]
TeacherSeed = Annotated[int, integer_option("--teacher-seed", "Seed of random directions.")]


def _teacher(text: str, d: int | None, weights: str | None, min_angle: float, seed: int) -> Teacher:
    from theory.statement.teacher import as_teacher

    given = None if weights is None else numbers("weights", weights)
    return as_teacher(text, d=d, weights=given, min_angle=min_angle, seed=seed)


def _checkpoints(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The files of several seeds, each under its number."""
    from spikes.studies.local_analysis.study import numbered_checkpoint

    path, seeds = options["checkpoint"], options["seeds"]
    if path is None or seeds == 1:  # of one seed it is the file that was named
        return []
    return [("checkpoint", f"{numbered_checkpoint(path, i, seeds)}") for i in range(seeds)]


@app.command()
@answers(progress=True, reads=("teacher",), keeps=("checkpoint",), beside=_checkpoints)
def train(
    teacher: TeacherText = "orth4",
    d: Dimension = None,
    weights: Weights = None,
    min_angle: MinAngle = 0.0,
    teacher_seed: TeacherSeed = 0,
    width: Annotated[int, integer_option("--width", "Neurons m.")] = 100,
    n: Annotated[int | None, integer_option("--n", "Samples; the population by default.")] = None,
    noise: Annotated[float, real_option("--noise", "Standard deviation of the label noise, with --n.")] = 0.0,
    outer: Annotated[
        str, typer.Option("--outer", help="Constant and linear parts on samples: profiled or preprocessed.")
    ] = "profiled",
    preprocessing: Annotated[str, typer.Option("--preprocessing", help="Of the labels: ols or moment.")] = "ols",
    ridge: Annotated[float, real_option("--ridge", "Penalty of the ridge fit of Stage 2.")] = 1e-3,
    decay: Annotated[
        float | None, real_option("--decay", "Weight decay of the first epoch; 0.1 sqrt(E y^2) by default.")
    ] = None,
    constant_decay: Annotated[
        bool, typer.Option("--constant-decay", help="Ablation: the last epoch's decay from the start.")
    ] = False,
    no_decay: Annotated[bool, typer.Option("--no-decay", help="Ablation: no weight decay.")] = False,
    early_only: Annotated[bool, typer.Option("--early-only", help="Ablation: Stages 1 and 2 alone.")] = False,
    epochs: Annotated[int | None, integer_option("--epochs", "Epochs of Stage 3; 11, or 8 on samples.")] = None,
    iterations: Annotated[
        int | None, integer_option("--iterations", "Iterations an epoch; 1000, or 400 on samples.")
    ] = None,
    step: Annotated[float | None, real_option("--step", "Step size times the mass; 1, or 0.3 on samples.")] = None,
    momentum: Annotated[float | None, real_option("--momentum", "0, or 0.9 on samples.")] = None,
    stop_at_noise: Annotated[
        bool, typer.Option("--stop-at-noise", help="Leave out epochs whose decay is below 0.3 noise sqrt(d/n).")
    ] = False,
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", help="Keep the run in this file after every epoch; continue from it.")
    ] = None,
    stop_after: Annotated[
        int | None, integer_option("--stop-after", "Stop after so many epochs; --checkpoint continues.")
    ] = None,
    seeds: Seeds = 1,
    seed: Seed = 0,
    workers: Workers = None,
) -> Answer:
    """Train a two-layer relu network: early stages, then descent with a decay that is halved from epoch to epoch."""
    from spikes.simulation.training import Plan

    if constant_decay and no_decay:
        raise ValueError("`constant_decay` must be left out with `no_decay`; got both")
    if no_decay and decay is not None:
        raise ValueError(f"`decay` must be left out with `no_decay`; got {decay}")
    if early_only:
        stage_3 = {
            "decay": decay,
            "epochs": epochs,
            "iterations": iterations,
            "step": step,
            "momentum": momentum,
            "stop_after": stop_after,
            "constant_decay": constant_decay or None,
            "no_decay": no_decay or None,
            "stop_at_noise": stop_at_noise or None,
        }
        for name, value in stage_3.items():
            if value is not None:
                raise ValueError(f"`{name}` must be left out with `early_only`, which has no Stage 3; got {value}")
    by_samples: dict[str, Any] = {  # None leaves them to the plan
        "epochs": 0 if early_only else epochs,
        "iterations": iterations,
        "step": step,
        "momentum": momentum,
    }
    plan = Plan(
        _teacher(teacher, d, weights, min_angle, teacher_seed),
        width=width,
        n=n,
        noise=noise,
        outer=outer,
        preprocessing=preprocessing,
        ridge=ridge,
        schedule="none" if no_decay else "constant" if constant_decay else "halving",
        decay=decay,
        **by_samples,
        stop_at_noise=stop_at_noise,
    )
    study = studies.local_analysis.compare_training(
        plan, seeds, seed, workers, checkpoint=checkpoint, stop_after=stop_after
    )

    return Answer(
        study.to_dict,
        lambda: studies.local_analysis.print_training(study, checkpoint),
        lambda: studies.local_analysis.plot_training(study),
    )


@app.command()
@answers(reads=("teacher",))
def certificate(
    teacher: TeacherText = "A",
    d: Dimension = None,
    weights: Weights = None,
    min_angle: MinAngle = 0.0,
    teacher_seed: TeacherSeed = 0,
    degree: Annotated[
        int | None, integer_option("--degree", "The certificate of this even degree; that of minimum norm by default.")
    ] = None,
) -> Answer:
    """The dual certificate of a teacher: whether it is non-degenerate, its constant, its norm, its curve."""
    from theory.local_analysis.dual_certificate import certificate as solve

    stated = _teacher(teacher, d, weights, min_angle, teacher_seed)
    studies.local_analysis.check_teacher(stated)
    found = solve(stated) if degree is None else solve(stated, "degree", degree=degree)

    return Answer(
        lambda: studies.local_analysis.certificate_contract(found),
        lambda: studies.local_analysis.print_certificate(found),
        lambda: studies.local_analysis.plot_certificate_alone(found),
    )
