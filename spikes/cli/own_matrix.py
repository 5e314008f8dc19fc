"""``spikes spectrum``: the spectrum of a user's own matrix."""

from __future__ import annotations

from typing import Annotated

import typer

from spikes import studies
from spikes.cli.options import Answer, answers, real_option

__all__ = ["spectrum"]

File = Annotated[str, typer.Argument(help="A matrix in a .npy or .npz file; rows are samples.", metavar="FILE")]
Key = Annotated[str | None, typer.Option("--key", help="Name of the array in a .npz file.")]
Level = Annotated[float, real_option("--level", "Odds of calling the largest eigenvalue of noise an outlier.")]

Method = Annotated[
    str,
    typer.Option("--method", help="gram: by the smaller Gram matrix; svd: slower, keeps small singular values."),
]


@answers(reads=("file",))
def spectrum(file: File, key: Key = None, level: Level = 1e-3, method: Method = "gram") -> Answer:
    """Eigenvalues of your own matrix, the Marchenko-Pastur bulk fitted to them, and the outliers."""

    study = studies.own_matrix.matrix_spectrum(studies.own_matrix.load_matrix(file, key), level=level, method=method)

    return Answer(
        study.to_dict,
        lambda: studies.own_matrix.print_matrix_spectrum(study),
        lambda: studies.own_matrix.plot_matrix_spectrum(study),
    )
