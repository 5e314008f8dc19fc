"""``spikes reproduce``: figures of the papers, simulation beside theory beside what the paper shows."""

from __future__ import annotations

from typing import Annotated

import typer

from spikes.cli.options import Answer, Seed, Workers, answers, integer_option, real_option

__all__ = ["reproduce"]

PaperName = Annotated[
    str,
    typer.Argument(metavar="PAPER", help="2310.07891 (nonlinear), 2305.18270 (giant) or 2406.01766 (local)."),
]
FigureName = Annotated[
    str | None, typer.Argument(metavar="[FIGURE]", help="One of its figures, as --list shows them; all by default.")
]
Output = Annotated[
    str,
    typer.Option("--output", help="Folder of pictures and numbers; what it holds already is not made again."),
]
Scale = Annotated[float, real_option("--scale", "Of the sizes; at 1 a paper takes minutes on two cores.")]
FigureSeeds = Annotated[
    int | None, integer_option("--seeds", "Independent simulations; as each figure says by default.")
]


_AGAIN = "spikes reproduce PAPER [FIGURE] with a new --output makes it again"


@answers(progress=True, figure=False, again=_AGAIN)
def reproduce(
    paper: PaperName,
    figure_name: FigureName = None,
    output: Output = "reproduced",
    scale: Scale = 1.0,
    seeds: FigureSeeds = None,
    seed: Seed = 0,
    workers: Workers = None,
    list: Annotated[bool, typer.Option("--list", help="Say which figures there are, and make none.")] = False,
) -> Answer:
    """Make the figures of a paper: simulation beside theory beside what the paper shows, and where they differ."""
    import logging

    from spikes import papers
    from spikes.agreement import contract
    from spikes.papers.table import print_recipes, print_reproduction

    found = papers.find_paper(paper)
    if list:
        if figure_name is not None:
            raise ValueError(f"`figure` must be left out with `list`; got {figure_name!r}")
        shown = {name: {"title": one.title, "paper_shows": one.shows} for name, one in found.recipes.items()}
        return Answer(lambda: contract({"paper": found.number}, shown), lambda: print_recipes(found))
    log = logging.getLogger("spikes.papers")
    made = papers.reproduce(
        paper,
        figure_name,
        output=output,
        scale=scale,
        seeds=seeds,
        seed=seed,
        workers=workers,
        announce=log.info,
    )
    return Answer(made.to_dict, lambda: print_reproduction(made))
