"""``spikes spectrum``: the spectrum of a user's own matrix."""

from __future__ import annotations

from typing import Annotated

import typer

from spikes.cli.options import Figure, Json, check_outputs, real_option

__all__ = ["spectrum"]

File = Annotated[str, typer.Argument(help="A matrix in a .npy or .npz file; rows are samples.", metavar="FILE")]
Key = Annotated[str | None, typer.Option("--key", help="Name of the array in a .npz file.")]
Level = Annotated[float, real_option("--level", "Odds of calling the largest eigenvalue of noise an outlier.")]


def spectrum(file: File, key: Key = None, level: Level = 1e-3, json: Json = None, figure: Figure = None) -> None:
    """Eigenvalues of your own matrix, the Marchenko-Pastur bulk fitted to them, and the outliers."""
    from spikes.matrix_spectrum import load_matrix, matrix_spectrum
    from spikes.output import save_figure, write_json
    from spikes.tables import print_matrix_spectrum

    check_outputs(json, figure)
    study = matrix_spectrum(load_matrix(file, key), level=level)
    if figure:
        from spikes.plotting_matrix import plot_matrix_spectrum

        save_figure(figure, lambda: plot_matrix_spectrum(study))
    if json:
        write_json(json, study.to_dict())
    if json != "-":
        print_matrix_spectrum(study, figure)
