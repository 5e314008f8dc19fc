"""The layers of a model on a terminal."""

from __future__ import annotations

from spikes.presentation.numbers import counted, number_text
from spikes.presentation.terminal import Column, console_of_output, print_table
from spikes.studies.checkpoints.study import CheckpointStudy, LayerStudy

__all__ = ["layer_cells", "layer_heads", "print_checkpoint"]

CAUTION = (
    "A direction that stands out is one that independent noise does not explain; that the others look like noise is no "
    "licence to prune them."
)


def layer_heads(study: CheckpointStudy) -> list[str]:
    """Names of the columns that `layer_cells` fills."""
    heads = ["layer", "size", "spikes", "p", "p (Holm)", "largest", "stable rank", "white", "coloured"]
    if any(layer.update is not None for layer in study.layers):
        heads += ["cosine", "change", "spikes added", "p added (Holm)"]
    return heads


def layer_cells(layer: LayerStudy, *, compared: bool) -> list[str]:
    """One row of the table.

    Parameters
    ----------
    layer : LayerStudy
    compared : bool
        Whether the model is compared with an initial one.

    Returns
    -------
    list of str
    """
    n, d = layer.matrix_shape
    tested = len(layer.p_values) > 0
    cells = [
        layer.name,
        f"{n} × {d}",
        str(layer.spikes) if tested else layer.remark,
        _p(float(layer.p_values[0])) if tested else "",
        _p(layer.p_holm) if tested else "",
        f"{layer.singular_values[0]:.4g}",
        f"{layer.stable_rank:.3g}",
        *("" if layer.counts[name] is None else str(layer.counts[name]) for name in ("white", "coloured")),
    ]
    if compared:
        update = layer.update
        cells += (
            ["", "", "", ""]
            if update is None
            else [
                number_text(layer.cosine, 3),
                f"{100.0 * layer.change:.3g} %",
                str(update.spikes) if len(update.p_values) else update.remark,
                _p(update.p_holm) if len(update.p_values) else "",
            ]
        )
    return cells


def _p(value: float) -> str:
    return "< 0.001" if value < 1e-3 else f"{value:.2g}"


def _others(count: int) -> str:
    return f"; {counted(count, 'array')} {'is no matrix' if count == 1 else 'are no matrices'}" if count else ""


def print_checkpoint(study: CheckpointStudy) -> None:
    """What was read and how, the verdict, and one row a layer."""
    console = console_of_output()
    for remark in study.remarks:
        console.print(f"note: {remark}", markup=False)
    console.print(study.verdict, markup=False)
    console.print(
        f"null {study.null}, level {study.level:g} over all layers (Holm), {study.flips} copies of each residual; "
        f"weights as they are, not centred{_others(len(study.others))}",
        markup=False,
    )
    heads = layer_heads(study)
    leave = {"stable rank": 1, "largest": 2, "white": 3, "coloured": 3, "size": 4, "change": 5, "cosine": 6}
    columns = [Column(name, words=name in ("layer", "spikes"), leave=leave.get(name, 0)) for name in heads]
    print_table(console, columns, [layer_cells(layer, compared="cosine" in heads) for layer in study.layers])
    console.print(CAUTION, markup=False)
