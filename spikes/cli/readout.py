"""``spikes readout``: ridge regression on given features, predicted and by splits."""

from __future__ import annotations

from typing import Annotated

import typer

from spikes import studies
from spikes.cli.options import Answer, Seed, answers, integer_option, integers, numbers
from theory.statement.arguments import choice

__all__ = ["readout"]

Features = Annotated[
    str,
    typer.Argument(
        help="Features in .npy, .csv or .parquet, a row a sample; or X and y in one .npz.", metavar="FEATURES"
    ),
]
Labels = Annotated[
    str | None,
    typer.Argument(help="Their labels in .npy, .csv or .parquet; left out beside --label.", metavar="LABELS"),
]
Label = Annotated[str | None, typer.Option("--label", help="Column of FEATURES that holds the labels.")]
Sizes = Annotated[
    str | None,
    typer.Option("--n", help="Numbers of labels, such as 100,300,1000; 5, 15, 40 and 80 % of the rows by default."),
]
Ridge = Annotated[
    str | None,
    typer.Option("--ridge", help="Penalties of (1/n)|y - Fa|² + λ|a|²; nine over six decades by default."),
]
Splits = Annotated[int, integer_option("--splits", "Fits on rows drawn at random; 0 for the prediction alone.")]
Law = Annotated[
    str | None,
    typer.Option(
        "--law",
        help="classes of rows, fast for all n and λ; or rows, a weight for each; by default rows where that takes a "
        "few seconds, or half a minute and leverages are uneven.",
    ),
]


@answers(progress=True, reads=("features", "labels"))
def readout(
    features: Features,
    labels: Labels = None,
    label: Label = None,
    n: Sizes = None,
    ridge: Ridge = None,
    splits: Splits = 20,
    seed: Seed = 0,
    law: Law = None,
) -> Answer:
    """How good are your features, with how many labels? Predicted and by splits."""
    from spikes.runtime.labelled_table import read_labelled_table

    sizes = None if n is None else integers("n", n)
    penalties = None if ridge is None else numbers("ridge", ridge)
    law = None if law is None else choice("law", law, studies.readout.LAWS)  # before a file is read
    table = read_labelled_table(features, labels, label=label)
    study = studies.readout.study_readout(table, n=sizes, ridge=penalties, splits=splits, seed=seed, law=law)
    return Answer(study.to_dict, lambda: studies.readout.print_readout(study), study.plot)
