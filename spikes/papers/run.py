"""The figures of a paper, one after the other: each kept with its numbers in a folder, and not made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikes.agreement import SCHEMA
from spikes.papers.recipe import Paper, Recipe, Setting, Studies, find_paper
from spikes.presentation.figure import save_figure
from spikes.runtime.files import check_writable, write_json
from spikes.runtime.progress import progress_bar, shows_progress
from spikes.simulation.seeds import check_seeds
from theory.statement.arguments import integer, real

__all__ = ["Reproduction", "reproduce"]

_DPI = 150  # a repository keeps every version of a picture


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What was made.

    Attributes
    ----------
    paper : Paper
    scale : float
    figures : dict of str to dict
        The JSON content of each figure by its name.
    paths : dict of str to str
        Its picture.
    """

    paper: Paper
    scale: float
    figures: dict[str, dict[str, Any]]
    paths: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: parts of theory and simulation by figure and part, rows under the names of both."""
        stated = {
            "paper": self.paper.number,
            "scale": self.scale,
            "figures": {name: content["problem"] for name, content in self.figures.items()},
        }
        return {
            "schema": SCHEMA,
            "problem": stated,
            "theory": {name: content["theory"] for name, content in self.figures.items()},
            "simulation": {name: content["simulation"] for name, content in self.figures.items()},
            "agreement": [
                {**one, "quantity": f"{name}: {one['quantity']}"}
                for name, content in self.figures.items()
                for one in content["agreement"]
            ],
        }


def _statement(paper: Paper, recipe: Recipe, scale: float, seeds: int | None, seed: int) -> dict[str, Any]:
    return {
        "paper": paper.number,
        "figure": recipe.name,
        "title": recipe.title,
        "scale": scale,
        "seeds": seeds,
        "seed": seed,
        "paper_shows": recipe.shows,
        "sizes": recipe.sizes,
        "differs": recipe.differs,
    }


def _content(statement: dict[str, Any], studies: Studies) -> dict[str, Any]:
    parts = {name: study.to_dict() for name, study in studies.items()}
    problem = statement | {
        "parts": {name: part["problem"] for name, part in parts.items()},
        "remarks": {name: study.remark() for name, study in studies.items()},
    }
    return {
        "schema": SCHEMA,
        "problem": problem,
        "theory": {name: part["theory"] for name, part in parts.items()},
        "simulation": {name: part["simulation"] for name, part in parts.items()},
        "agreement": [
            {**one, "quantity": f"{name}: {one['quantity']}" if len(parts) > 1 else one["quantity"]}
            for name, part in parts.items()
            for one in part["agreement"]
        ],
    }


def _finished(path: Path, statement: dict[str, Any]) -> dict[str, Any] | None:
    """The content of a figure that is done; None where it is not."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {key: content["problem"].get(key) for key in ("paper", "figure", "scale", "seeds", "seed")}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"`output` must hold no other files of these names; {str(path)!r} is no figure") from None
    for key, value in found.items():
        if value != statement[key]:
            raise ValueError(
                f"`output` must be a new folder or that of the same run; {str(path)!r} was made with {key} = "
                f"{value!r}, this run has {statement[key]!r}"
            )
    return content


@shows_progress
def reproduce(
    paper: str,
    figure: str | None = None,
    *,
    output: str | os.PathLike[str],
    scale: float = 1.0,
    seeds: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    size: str = "page",
    announce: Callable[[str], Any] = lambda _: None,
    progress: bool = True,
) -> Reproduction:
    """Make the figures of a paper: a picture, its points as .csv, and its numbers as .json.

    What the folder already holds is not made again, and runs of a figure that was interrupted go on from its
    checkpoints there.

    Parameters
    ----------
    paper : str
        Number or short name.
    figure : str, optional
        One of the paper's; all by default.
    output : path
        A folder, made if it is not there.
    scale : float
        Of the sizes: each recipe says what they are at 1 and in the paper.
    seeds : int, optional
        As many as a recipe says by default.
    seed : int
    workers : int, optional
    size : {"page", "paper", "talk"}
        Of the pictures.
    announce : callable
        Called with the name of each figure when it is begun.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the folder is that of another run.
    """
    found = find_paper(paper)
    recipes = found.recipes
    if figure is not None and figure not in recipes:
        raise ValueError(f"`figure` must be one of {', '.join(recipes)}; got {figure!r}")
    scale = real("scale", scale, positive=True)
    seed = integer("seed", seed, 0)
    if seeds is not None:
        seeds = check_seeds(seeds, 2, why="for errors of means")
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`output` must be a folder; {str(folder)!r} is none")
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [recipe for name, recipe in recipes.items() if figure in (None, name)]
    kept = {}
    for recipe in chosen:
        stem = folder / f"{found.number}-{recipe.name}"
        check_writable("output", f"{stem}.json")
        kept[recipe.name] = _finished(Path(f"{stem}.json"), _statement(found, recipe, scale, seeds, seed))
    contents: dict[str, dict[str, Any]] = {}
    with progress_bar("figures", len(chosen)) as advance:
        for recipe in chosen:
            stem = folder / f"{found.number}-{recipe.name}"
            done = kept[recipe.name]
            if done is None:
                announce(f"{found.number} {recipe.name}: {recipe.title}")
                done = _make(recipe, stem, _statement(found, recipe, scale, seeds, seed), workers, size)
            contents[recipe.name] = done
            advance()
    paths = {name: str(folder / f"{found.number}-{name}.png") for name in contents}
    return Reproduction(found, scale, contents, paths)


def _make(recipe: Recipe, stem: Path, statement: dict[str, Any], workers: int | None, size: str) -> dict[str, Any]:
    kept: list[Path] = []

    def checkpoint(part: str) -> str:
        kept.append(Path(f"{stem}.{part}.checkpoint"))
        return str(kept[-1])

    sequence = np.random.SeedSequence(statement["seed"])
    setting = Setting(statement["scale"], statement["seeds"], sequence, workers, checkpoint)
    studies = recipe.study(setting)
    save_figure(f"{stem}.png", lambda: recipe.draw(studies), size=size, data=True, dpi=_DPI)
    content = _content(statement, studies)
    write_json(f"{stem}.json", content)
    for path in kept:  # what they held is in the numbers now
        for file in path.parent.glob(f"{path.stem}*{path.suffix}"):
            file.unlink()
    return content
