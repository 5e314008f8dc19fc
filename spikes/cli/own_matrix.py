"""``spikes spectrum``: whether a user's own matrix, or the layers of a model, hold anything but noise."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer

from spikes import studies
from spikes.cli.options import Answer, Seed, answers, integer_option, real_option

__all__ = ["spectrum"]

File = Annotated[
    str,
    typer.Argument(
        help="A matrix in .npy, .npz, .csv or .parquet (rows are samples), or a model in .safetensors, .npz, .pt.",
        metavar="FILE",
    ),
]
Key = Annotated[str | None, typer.Option("--key", help="Name of one array in a .npz, .safetensors or .pt file.")]
Null = Annotated[str, typer.Option("--null", help="signflip, white, coloured, permutation or counts.")]
Level = Annotated[float, real_option("--level", "Odds of calling noise a direction.")]
Center = Annotated[str | None, typer.Option("--center", help="columns, none or both; none for models.")]
Scale = Annotated[str, typer.Option("--scale", help="none, or unit: columns of one standard deviation.")]
Transpose = Annotated[bool, typer.Option("--transpose", help="Columns are samples.")]
Missing = Annotated[str | None, typer.Option("--missing", help="mean: fill what is missing with its column's mean.")]
SampleSize = Annotated[
    int | None, integer_option("--samples", "The matrix is the covariance or correlation of so many samples.")
]
Flips = Annotated[int | None, integer_option("--flips", "Randomised copies of each residual.")]
Method = Annotated[
    str,
    typer.Option("--method", help="gram: by the smaller Gram matrix; svd: slower, keeps small singular values."),
]
Clean = Annotated[str | None, typer.Option("--clean", help="Write the matrix without its noise to this .npy file.")]
Initial = Annotated[str | None, typer.Option("--initial", help="The model before training, to compare layers with.")]
Report = Annotated[str | None, typer.Option("--report", help="Write an HTML page on the layers of a model.")]


@answers(reads=("file", "initial"))
def spectrum(
    file: File,
    key: Key = None,
    null: Null = "signflip",
    level: Level = 0.05,
    center: Center = None,
    scale: Scale = "none",
    transpose: Transpose = False,
    missing: Missing = None,
    samples: SampleSize = None,
    flips: Flips = None,
    seed: Seed = 0,
    method: Method = "gram",
    clean: Clean = None,
    initial: Initial = None,
    report: Report = None,
) -> Answer:
    """Is it noise? The directions of your matrix, or of a model's layers, that stand out, with p-values."""
    from spikes.runtime.array_file import is_model, load_table
    from spikes.runtime.files import check_apart, check_writable

    check_writable("clean", clean, (".npy",))
    check_writable("report", report, (".html",))
    check_apart([("clean", clean), ("report", report)], [("FILE", file), ("initial", initial)])
    if key is None and is_model(file):
        return _model(file, null, level, flips, seed, initial, report, clean)
    for name, value in (("initial", initial), ("report", report)):
        if value is not None:
            raise ValueError(f"`{name}` must come with a model, a file of several arrays; {file!r} holds one matrix")
    table, names = load_table(file, key)
    study = studies.own_matrix.spectrum(
        table,
        null=null,
        level=level,
        center=center or "columns",
        scale=scale,
        transpose=transpose,
        missing=missing,
        names=names,
        samples=samples,
        flips=flips,
        seed=seed,
        method=method,
    )
    if clean is not None:
        _write(clean, study.cleaned())
    return Answer(study.to_dict, lambda: studies.own_matrix.print_matrix_spectrum(study), study.plot)


def _write(path: str, matrix: Any) -> None:
    import numpy as np

    from spikes.runtime.files import whole_file

    with whole_file(path) as temporary:
        np.save(temporary, matrix)


def _model(
    file: str,
    null: str,
    level: float,
    flips: int | None,
    seed: int,
    initial: str | None,
    report: str | None,
    clean: str | None,
) -> Answer:
    if clean is not None:
        raise ValueError(f"`clean` must come with one matrix, which `key` names; {file!r} is a model")
    study = studies.checkpoints.study_checkpoint(file, initial=initial, null=null, level=level, flips=flips, seed=seed)
    if report is not None:
        from spikes.runtime.files import whole_file

        with whole_file(report) as temporary, open(temporary, "w", encoding="utf-8") as page:
            page.write(studies.checkpoints.html_report(study, command=shlex.join(["spikes", *sys.argv[1:]])))
    return Answer(study.to_dict, lambda: studies.checkpoints.print_checkpoint(study), study.plot)
