"""Figures of a paper on a terminal."""

from __future__ import annotations

from spikes.agreement import Row, conclusion
from spikes.papers.recipe import Paper
from spikes.papers.run import Reproduction
from spikes.presentation.terminal import Column, console_of_output, print_table

__all__ = ["print_recipes", "print_reproduction"]


def print_recipes(paper: Paper) -> None:
    """The figures of a paper.

    Parameters
    ----------
    paper : Paper
    """
    console = console_of_output()
    columns = (Column("figure", words=True), Column("title", words=True))
    lines = [[name, recipe.title] for name, recipe in paper.recipes.items()]
    print_table(console, columns, lines, f"arXiv {paper.number}: {paper.title}")


def print_reproduction(made: Reproduction) -> None:
    """What the paper shows in each figure, how theory and simulation compare, and where they differ.

    Parameters
    ----------
    made : Reproduction
    """
    console = console_of_output()
    console.print(f"arXiv {made.paper.number}, {made.paper.authors}: {made.paper.title}", markup=False)
    for name, content in made.figures.items():
        stated = content["problem"]
        console.print(f"\n{name}: {stated['title']}", markup=False, style="bold")
        console.print(f"the paper shows: {stated['paper_shows']}", markup=False)
        console.print(f"sizes: {stated['sizes']} Scale {stated['scale']:g}.", markup=False)
        rows = [Row.from_dict(one) for one in content["agreement"]]
        for part, remark in stated["remarks"].items():
            console.print(f"{part}: {remark}" if remark else f"{part}: nothing is compared", markup=False)
        if len(stated["remarks"]) > 1 and rows:
            console.print(f"all: {conclusion(rows)}", markup=False)
        console.print(f"where they differ, as seen at scale 1: {stated['differs']}", markup=False)
        console.print(f"picture: {made.paths[name]}", markup=False)
