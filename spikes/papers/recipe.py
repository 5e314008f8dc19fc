"""What a figure of a paper is made of: a record of the study that measures it and the function that draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from spikes.agreement import Study

__all__ = ["PAPERS", "Paper", "Recipe", "Setting", "find_paper"]


@dataclass(frozen=True)
class Setting:
    """How a recipe is run.

    Attributes
    ----------
    scale : float
        Of all sizes that a recipe scales, 1 being those that take minutes on two cores.
    seeds : int or None
        Independent simulations; as many as a recipe says by default.
    seed : SeedSequence or int
    workers : int or None
    checkpoint : callable
        Of the name of a part: the file in which its finished runs are kept, or None.
    """

    scale: float = 1.0
    seeds: int | None = None
    seed: int | np.random.SeedSequence = 0
    workers: int | None = None
    checkpoint: Callable[[str], str | None] = lambda _: None

    def sized(self, size: int, *, least: int = 2) -> int:
        """A size at this scale, refused where a figure needs more."""
        scaled = max(2, round(self.scale * size))
        if scaled < least:
            raise ValueError(f"`scale` must be at least {least / size:.2g} for this figure; got {self.scale:g}")
        return scaled

    def repeated(self, seeds: int) -> int:
        """Simulations, where a recipe asks for so many."""
        return seeds if self.seeds is None else self.seeds


Studies = Mapping[str, Study]


@dataclass(frozen=True)
class Recipe:
    """One figure.

    Attributes
    ----------
    name : str
        As the command line takes it.
    title : str
    shows : str
        What the paper shows there, in words.
    sizes : str
        The paper's own sizes where they are known, and those here.
    differs : str
        Where simulation and theory differed from what the paper shows, at scale 1 and the default seeds.
    study : callable
        Of a `Setting`: the studies of the figure by the names of its parts.
    draw : callable
        Of those studies: Axes.
    """

    name: str
    title: str
    shows: str
    sizes: str
    differs: str
    study: Callable[[Setting], Studies]
    draw: Callable[[Studies], Any]


@dataclass(frozen=True)
class Paper:
    """A paper and its figures.

    Attributes
    ----------
    number : str
        Of arXiv.
    names : tuple of str
        Further names under which it is asked for.
    title, authors : str
    module : str
        Of `spikes.papers`, which holds the recipes.
    """

    number: str
    names: tuple[str, ...]
    title: str
    authors: str
    module: str

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The figures by name."""
        return {recipe.name: recipe for recipe in import_module(f"spikes.papers.{self.module}").RECIPES}


PAPERS = (
    Paper(
        "2310.07891",
        ("nonlinear", "moniri"),
        "A Theory of Non-Linear Feature Learning with One Gradient Step in Two-Layer Neural Networks",
        "Moniri, Lee, Hassani, Dobriban",
        "nonlinear_features",
    ),
    Paper(
        "2305.18270",
        ("giant", "dandi"),
        "How Two-Layer Neural Networks Learn, One (Giant) Step at a Time",
        "Dandi, Krzakala, Loureiro, Pesce, Stephan",
        "giant_steps",
    ),
    Paper(
        "2406.01766",
        ("local", "zhou"),
        "How Does Gradient Descent Learn Features — A Local Analysis for Regularized Two-Layer Neural Networks",
        "Zhou, Ge",
        "local_analysis",
    ),
)


def find_paper(name: str) -> Paper:
    """The paper of a number or short name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Paper

    Raises
    ------
    ValueError
        If there is no such paper.

    Examples
    --------
    >>> find_paper("giant").number
    '2305.18270'
    """
    for paper in PAPERS:
        if name.lower().removeprefix("arxiv:") in (paper.number, *paper.names):
            return paper
    known = ", ".join(f"{paper.number} ({', '.join(paper.names)})" for paper in PAPERS)
    raise ValueError(f"`paper` must be one of {known}; got {name!r}")
