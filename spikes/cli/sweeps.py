"""``spikes sweep``, ``spikes results`` and ``spikes plot``: studies of many problems."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikes.cli.options import Answer, Scheduler, Workers, answers
from spikes.runtime.memory import ROWS
from spikes.runtime.text import printable
from theory.statement.problem import Problem

if TYPE_CHECKING:
    from spikes.sweeps.study import Study

__all__ = ["plot", "results", "sweep"]

File = Annotated[str, typer.Argument(metavar="FILE", help="Results file of a sweep.")]
Where = Annotated[str, typer.Option("--where", help='Conditions on the cells, as "alpha=0.3, d>=500".')]


def _output(options: Mapping[str, Any]) -> str:
    return options["output"] or str(Path(options["study"]).with_suffix(".sqlite"))


def _database(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The results file with what stands beside it while a sweep writes."""
    path = _output(options)
    return [("output", f"{path}{end}") for end in ("", "-wal", "-shm", "-journal", ".lock")]


_SAID = {"width": "N", "ridge": "λ", "alpha": "α", "second_layer": "second layer"}
_ALWAYS = ("n", "d", "width", "noise", "alpha", "ridge")


def _stated(study: Study) -> str:
    """Fields that are the same in every cell, in one line; of those that nobody names, what is not as ever."""
    from spikes.presentation.numbers import counted

    fixed, defaults = study.fixed, {one.name: one.default for one in dataclasses.fields(Problem)}
    parts = [str(fixed["activation"])] if "activation" in fixed else []
    parts += [f"target {fixed['target']}"] if "target" in fixed else []
    for name, value in fixed.items():
        told = name in _ALWAYS or (value != defaults[name] and name not in ("activation", "target"))
        if told and value is not None:
            said = f"{value:g}" if isinstance(value, float) else str(value)
            parts.append(f"{_SAID.get(name, name)} = {said}")
    return ", ".join([*parts, counted(study.seeds, "seed")])


_AGAIN = "spikes sweep STUDY.toml with a new --output computes it again, with --resume what is missing"


@answers(progress=True, figure=False, reads=("study",), beside=_database, again=_AGAIN)
def sweep(
    study: Annotated[str, typer.Argument(metavar="STUDY.toml", help="The study; see docs/sweeps.md.")],
    output: Annotated[
        str | None, typer.Option("--output", help="Results file; the study's name with .sqlite by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a results file: compute what is missing.")] = (
        False
    ),
    workers: Workers = None,
    scheduler: Scheduler = None,
    yes: Annotated[bool, typer.Option("--yes", help="Allow more than a million rows.")] = False,
) -> Answer:
    """Run a study: simulate and predict every cell, row by row into one file that a killed run resumes."""
    from spikes.sweeps.run import sweep as run
    from spikes.sweeps.store import StudyChanged
    from spikes.sweeps.study import load_study
    from spikes.sweeps.summary import summarise, to_dict

    stated = load_study(study)
    path = _output({"output": output, "study": study})
    try:
        found = run(stated, path, resume=resume, workers=workers, scheduler=scheduler, yes=yes)
    except StudyChanged as error:
        if sys.stderr is not None:
            sys.stderr.write(printable(error.difference))
        raise
    except ValueError as error:
        if str(error).startswith(str(Path(path))):  # which may stand there by the study's name alone
            raise ValueError(f"`output`: {error}") from None
        raise
    return Answer(lambda: to_dict(found, summarise(found)), lambda: print(printable(f"{path}: {found.progress()}")))


@answers(figure=False, reads=("file",), writes={"csv": (), "parquet": ()}, process=ROWS, again=_AGAIN)
def results(
    file: File,
    where: Where = "",
    csv: Annotated[str | None, typer.Option("--csv", help="Write every simulation to this CSV file.")] = None,
    parquet: Annotated[
        str | None, typer.Option("--parquet", help="Write every simulation to this Parquet file (extra pandas).")
    ] = None,
) -> Answer:
    """Print a sweep's results: means over seeds with standard errors beside the theory; export the single runs."""
    from spikes.sweeps.store import open_results
    from spikes.sweeps.summary import records, summarise, to_dict, write_csv, write_parquet
    from spikes.sweeps.table import print_summaries

    found = open_results(file)
    summaries = summarise(found, where)
    if csv:
        write_csv(csv, records(found, where))
    if parquet:
        write_parquet(parquet, records(found, where))
    heading = f"{file}: {found.progress()}\n{_stated(found.study)}"

    def show() -> None:
        print_summaries(summaries, found.study.columns, tuple(found.study.axes), heading)

    return Answer(lambda: to_dict(found, summaries), show)


@answers(reads=("file",), process=ROWS, again=_AGAIN)
def plot(
    file: File,
    x: Annotated[str, typer.Option("--x", help="Field on the horizontal axis.")],
    figure: Annotated[str, typer.Option("--figure", help="Draw to this .png, .pdf or .svg file.")],
    y: Annotated[str, typer.Option("--y", help="Quantity on the vertical axis.")] = "test_error",
    by: Annotated[str | None, typer.Option("--by", help="Fields that tell curves apart, separated by commas.")] = None,
    where: Where = "",
) -> Answer:
    """Draw a sweep: theory as lines, simulation as points with standard errors over seeds."""
    from spikes import sweeps
    from spikes.sweeps.store import open_results
    from spikes.sweeps.summary import curves, summarise, to_dict

    found = open_results(file)
    summaries = summarise(found, where)
    drawn = curves(summaries, x, y, tuple(part.strip() for part in by.split(",")) if by else ())

    def draw() -> Any:
        return sweeps.plot_curves(drawn, x, y, statement=_stated(found.study))

    return Answer(lambda: to_dict(found, summaries), lambda: None, draw)
