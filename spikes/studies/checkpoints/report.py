"""The layers of a model as one HTML file that needs nothing else: no network and no script."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib.resources import files

from spikes.presentation.figure import drawing_style
from spikes.runtime.versions import package_versions
from spikes.studies.checkpoints.figure import plot_checkpoint
from spikes.studies.checkpoints.study import CheckpointStudy
from spikes.studies.checkpoints.table import CAUTION, layer_cells, layer_heads

__all__ = ["html_report", "html_table"]

_NULLS = {
    "signflip": "The null is that the entries of a layer are independent and symmetric about 0, of whatever variances: "
    "its largest singular value is then no larger than those of copies with random signs but by chance.",
    "permutation": "The null is that the rows of a layer could stand in any order within each column.",
    "white": "The null is that the entries of a layer are independent and of one variance.",
    "coloured": "The null is noise of any covariance, fitted to the bulk of a layer’s spectrum.",
}


def html_report(study: CheckpointStudy, *, command: str = "") -> str:
    """Write the layers of a model as a page, in the style of the certificate.

    Parameters
    ----------
    study : CheckpointStudy
    command : str, optional
        Command line that makes the page again, to be shown.

    Returns
    -------
    str
        HTML with everything in it.
    """
    style = files("spikes.presentation").joinpath("report.css").read_text(encoding="utf-8")
    notes = "".join(f"<li>{escape(remark)}</li>" for remark in study.remarks)
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    entries = {"Again": f"<code>{escape(command)}</code>" if command else "", "Versions": escape(versions)}
    colophon = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in entries.items() if text)
    others = f"<p class='note'>Not looked at: {escape(', '.join(study.others))}.</p>" if study.others else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Noise or not: {len(study.layers)} layers</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<header id="top">
<h1>Which layers hold anything but noise</h1>
<p class="tally">{escape(study.verdict)}</p>
<p>{escape(_NULLS[study.null])} Singular values are tested in turn until one does not stand out; the odds of calling any
layer of noise more than that are at most {study.level:g} over the whole model (Holm’s correction). Weights are tested
as they are, neither centred nor scaled, with {study.flips} copies of each residual.</p>
<p><strong>{escape(CAUTION)}</strong></p>
<ul class="verdicts">{notes}</ul>
</header>
<main>
<h2 id="layers">Layers</h2>
{html_table(study)}
{others}
<figure><img alt="{escape(study.verdict)}" src="data:image/svg+xml;base64,{_picture(study)}"></figure>
</main>
<section id="colophon"><h2>How this was made</h2><dl>{colophon}</dl></section>
</body>
</html>
"""


def html_table(study: CheckpointStudy) -> str:
    """The table of layers alone.

    Parameters
    ----------
    study : CheckpointStudy

    Returns
    -------
    str
    """
    heads = layer_heads(study)
    head = "".join(f'<th scope="col"{_text(i)}>{escape(name)}</th>' for i, name in enumerate(heads))
    rows = ""
    for layer in study.layers:
        cells = layer_cells(layer, compared="cosine" in heads)
        rows += f"<tr>{''.join(f'<td{_text(i)}>{escape(cell)}</td>' for i, cell in enumerate(cells))}</tr>\n"
    return (
        '<div class="wide summary" tabindex="0" role="region" aria-label="Layers">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _text(i: int) -> str:
    return ' class="name text"' if i == 0 else ""


def _picture(study: CheckpointStudy) -> str:
    """The figure as base64 of an SVG."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with drawing_style(), rc_context({"svg.hashsalt": "layers"}):
        figure = Figure(figsize=(6.5, 3.0), layout="constrained")
        FigureCanvasSVG(figure)
        plot_checkpoint(study, figure.subplots())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return base64.b64encode(buffer.getvalue().encode()).decode()
