"""Options that commands share: the problem, the seeds, and where results go."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import sys
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from spikes.runtime.memory import SIMULATION
from spikes.runtime.text import printable
from theory.statement.problem import Described, Problem, described_fields

if TYPE_CHECKING:
    from spikes.runtime.tasks import Interrupted

__all__ = [
    "BY_HAND",
    "COMMANDS",
    "Answer",
    "Dtype",
    "GradientOrder",
    "Method",
    "Scheduler",
    "Seed",
    "Seeds",
    "Workers",
    "answers",
    "integer_option",
    "integers",
    "numbers",
    "real_option",
    "takes_problem",
]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"must be an integer; got {text!r}") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"must be a number; got {text!r}") from None


def integer_option(name: str, help: str) -> Any:
    """An integer option whose complaint names option, rule and value."""
    return typer.Option(name, parser=_integer, metavar="INTEGER", help=help)


def real_option(name: str, help: str) -> Any:
    """A real option whose complaint names option, rule and value."""
    return typer.Option(name, parser=_real, metavar="FLOAT", help=help)


def numbers(name: str, text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"`{name}` must be numbers separated by commas; got {text!r}") from None


def integers(name: str, text: str) -> tuple[int, ...]:
    """Integers separated by commas, each smaller than any array."""
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"`{name}` must be integers separated by commas; got {text!r}") from None
    if max(map(abs, values)) >= 10**15:
        raise ValueError(f"`{name}` must be integers below 10^15; got {text!r}")
    return values


Seeds = Annotated[int, integer_option("--seeds", "Independent simulations.")]
Seed = Annotated[int, integer_option("--seed", "Seed of them all.")]
Workers = Annotated[int | None, integer_option("--workers", "Processes; as many as processors by default.")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="tcp://host:port of a dask.distributed cluster, or local to start one."),
]
Dtype = Annotated[str, typer.Option("--dtype", help="float64 or float32.")]
Method = Annotated[
    str, typer.Option("--method", help="Spectrum by the gram matrix, by svd, or streamed, never storing F.")
]
GradientOrder = Annotated[
    int, integer_option("--gradient-order", "1: rank-one gradient alone; 2: its matrix term as well.")
]


def _option(name: str, what: Described, default: Any) -> tuple[Any, Any]:
    """Annotation and default of the option that states a field of the problem."""
    flag = what.option or "--" + name.replace("_", "-")
    if what.kind is str and default is None:
        return Annotated[str | None, typer.Option(flag, help=what.help)], None
    if what.grid or what.kind is str:
        text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        return Annotated[str, typer.Option(flag, help=what.help)], text
    if what.kind is bool:
        return Annotated[bool, typer.Option(flag, help=what.help)], default
    one = (integer_option if what.kind is int else real_option)(flag, what.help)
    kind: Any = what.kind if default is not None else what.kind | None
    return Annotated[kind, one], default


def _problem_options() -> dict[str, tuple[Any, Any]]:
    """Annotation and default of every option that states a problem, by the names of its fields."""
    defaults = {one.name: one.default for one in dataclasses.fields(Problem)}
    fields = described_fields()
    order = [name for name, what in fields.items() if not what.after]
    for name, what in fields.items():
        if what.after:
            order.insert(order.index(what.after) + 1, name)
    return {
        name: _option(
            name, fields[name], fields[name].example if defaults[name] is dataclasses.MISSING else defaults[name]
        )
        for name in order
    }


def takes_problem(*without: str, **defaults: Any) -> Callable[[Callable], Callable]:
    """Give a command whose first argument is a `theory.Problem` the options that state one.

    Parameters
    ----------
    *without
        Fields of the problem that this command does not look at, or sets itself: they get no option.
    **defaults
        Defaults of this command that differ from the common ones, by the names of the problem's fields.
    """
    options_of_problem = _problem_options()
    grids = {name for name, what in described_fields().items() if what.grid}

    def decorate(command: Callable) -> Callable:
        hints = typing.get_type_hints(command, include_extras=True)
        own = list(inspect.signature(command).parameters.values())[1:]
        stated = {name: option for name, option in options_of_problem.items() if name not in without}

        @functools.wraps(command)
        def run(**options: Any) -> Any:
            fields = {name: options.pop(name) for name in stated}
            for name in fields.keys() & grids:
                fields[name] = numbers(name, fields[name])
            return command(Problem(**fields), **options)

        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter(name, kind, default=defaults.get(name, default), annotation=annotation)
            for name, (annotation, default) in stated.items()
        ]
        parameters += [p.replace(kind=kind, annotation=hints[p.name]) for p in own]
        return _signed(run, parameters)

    return decorate


def _run_of(
    command: Callable[..., Answer],
    own: Mapping[str, Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    reads: tuple[str, ...],
) -> dict[str, Any] | None:
    """The command with all its options, and digests of what it has read."""
    from spikes.record import digests, statement_of_run

    named = (words for words, one in COMMANDS.items() if one.body is command)  # type: ignore[attr-defined]
    words = next(named, command.__name__ if command.__name__ in BY_HAND else None)
    if words is None:
        return None
    given = {**dict(zip(own, arguments, strict=False)), **{k: v for k, v in options.items() if k in own}}
    run = statement_of_run("command", words, given)
    return run | ({"files": files} if (files := digests({name: given.get(name) for name in reads})) else {})


def _signed(run: Any, parameters: list[inspect.Parameter], body: Callable[..., Answer] | None = None) -> Any:
    """A function with another signature, by which typer makes its options; `body` is what it runs."""
    run.body = body if body is not None else getattr(run, "body", None)
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    del run.__wrapped__
    return run


class Answer(NamedTuple):
    """What a command has found, in the forms in which it can be asked for; none is made that is not.

    Attributes
    ----------
    content : callable
        The JSON contract.
    show : callable
        Prints to standard output.
    draw : callable, optional
        Draws and returns the Axes; None for a command without figure.
    status : int
        Exit code of the program.
    run : dict, optional
        What made it, where that is another command than the one that was asked for.
    """

    content: Callable[[], dict[str, Any]]
    show: Callable[[], None]
    draw: Callable[[], Any] | None = None
    status: int = 0
    run: dict[str, Any] | None = None


COMMANDS: dict[str, Callable[..., Any]] = {}
"""The commands by their words, for `spikes rerun`."""

BY_HAND: dict[str, str] = {}
"""How to run those again that write files of their own, which a file of results may not name."""


_JSON = Annotated[str | None, typer.Option("--json", help="Write JSON to this file, or to standard output with -.")]
_FIGURE = Annotated[str | None, typer.Option("--figure", help="Draw to this .png, .pdf or .svg file.")]
_SIZE = Annotated[
    str, typer.Option("--size", help="Of the figure: page, paper (both columns) or talk; widths and letters follow.")
]
_QUIET = Annotated[bool, typer.Option("--quiet", help="No progress bar and no log; results are still printed.")]


def answers(
    *,
    progress: bool = False,
    figure: bool = True,
    reads: tuple[str, ...] = (),
    keeps: tuple[str, ...] = (),
    writes: Mapping[str, tuple[str, ...]] | None = None,
    beside: Callable[[Mapping[str, Any]], list[tuple[str, str]]] | None = None,
    process: float = SIMULATION,
    again: bool | str = True,
) -> Callable[[Callable[..., Answer]], Callable[..., int]]:
    """Give a command that returns an `Answer` the options that say where it goes, and send it there.

    Paths that cannot be written, that would overwrite each other or what is read, and inputs that have no end are
    refused before any work is done for them. The figure comes first, then the JSON, then the print, which JSON on
    standard output replaces. Bars and logs go to standard error.

    Parameters
    ----------
    progress : bool
        Whether the command shows a progress bar and so has --quiet.
    figure : bool
        Whether it has the option --figure; one that takes a `figure` itself, as a must, has it anyway.
    reads : tuple of str
        Parameters that name files which are read.
    keeps : tuple of str
        Parameters that name files which are continued if they exist, and written.
    writes : mapping of str to tuple of str, optional
        Further parameters that name files which are written, with the suffixes allowed; any if there are none.
    beside : callable, optional
        From the parameters to further files that are written, each with the parameter that it comes with.
    process : float
        GiB of the process before it holds a large array.
    again : bool or str
        Whether `spikes rerun` runs the command again from its JSON, which then holds the command and its options; a
        string where it cannot says how to do so by hand.
    """

    def decorate(command: Callable[..., Answer]) -> Callable[..., int]:
        if isinstance(again, str):
            BY_HAND[command.__name__] = again
        own = inspect.signature(command).parameters
        hints = typing.get_type_hints(command, include_extras=True)
        added: dict[str, tuple[Any, Any]] = {"quiet": (_QUIET, False)} if progress else {}
        added |= {"json": (_JSON, None)}
        added |= {"figure": (_FIGURE, None)} if figure and "figure" not in own else {}
        added |= {"size": (_SIZE, "page")} if figure else {}

        def check_paths(options: Mapping[str, Any]) -> None:
            from spikes.presentation.figure import FIGURE_SUFFIXES
            from spikes.runtime.files import check_apart, check_regular, check_writable

            suffixes = {**dict.fromkeys(keeps, ()), **(writes or {}), "figure": FIGURE_SUFFIXES, "json": ()}
            inputs = [(_shown(hints[name], name), options.get(name)) for name in reads]
            further = [] if beside is None else beside(options)
            for name, path in (*inputs, *((name, options.get(name)) for name in keeps), *further):
                check_regular(name, path)
            for name, allowed in suffixes.items():
                check_writable(name, options.get(name), allowed)
            for name, path in further:
                check_writable(name, path)
            check_apart([*((name, options.get(name)) for name in suffixes), *further], inputs)

        @functools.wraps(command)
        def run(*arguments: Any, **options: Any) -> int:
            from spikes.presentation.figure import save_figure, style
            from spikes.record import with_run
            from spikes.runtime.files import write_json
            from spikes.runtime.memory import FIGURE, check_memory
            from spikes.runtime.overflow import refused_overflow
            from spikes.runtime.progress import progress_hidden
            from spikes.runtime.tasks import Interrupted

            json, picture, quiet = (options.get(name) for name in ("json", "figure", "quiet"))
            size = options.get("size", "page")
            style(size)  # refuses what is none
            if size != "page" and picture is None:
                raise ValueError(f"`size` must go with `figure`; got {size!r} alone")
            check_paths(options)
            whole = process + (FIGURE if picture else 0.0)
            check_memory("memory must hold the program itself: Python and its libraries", 0.0, process=whole)
            _log_to_stderr(logging.WARNING if quiet else logging.INFO)
            with progress_hidden(bool(quiet)):
                try:
                    with refused_overflow("computation"):
                        answer = command(*arguments, **{name: value for name, value in options.items() if name in own})
                except Interrupted as stop:
                    if json != "-":
                        _print_finished(stop)
                    raise
                if picture and answer.draw is not None:
                    save_figure(picture, answer.draw, size=size)
                if json:
                    made_by = answer.run or (_run_of(command, own, arguments, options, reads) if again else None)
                    write_json(json, with_run(answer.content(), made_by))
                if json != "-":
                    answer.show()
                    if picture:
                        print(f"figure written to {printable(picture)}")
                return answer.status

        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(annotation=hints[p.name]) for p in own.values()]
        parameters += [inspect.Parameter(n, kind, default=d, annotation=a) for n, (a, d) in added.items()]
        return _signed(run, parameters, command if again is True else None)

    return decorate


def _print_finished(stop: Interrupted) -> None:
    """What an interrupt leaves: how much had finished, and its numbers."""
    from spikes import studies

    print(f"interrupted: {stop}", flush=True)
    if stop.partial is not None:
        subject = studies.one_step
        (subject.print_comparison if hasattr(stop.partial, "rows") else subject.print_simulation)(stop.partial)


def _shown(hint: Any, name: str) -> str:
    """An argument as its help shows it, an option by its name."""
    return (
        getattr(typing.get_args(hint)[1], "metavar", None) or name
        if name in ("file", "study", "features", "labels")
        else name
    )


def _log_to_stderr(level: int) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if sys.stderr is not None:  # looked up anew: a progress bar stands before it
                sys.stderr.write(f"spikes: {printable(self.format(record))}\n")

    log = logging.getLogger("spikes")
    log.setLevel(level)
    log.propagate = False
    log.handlers = [Handler()]
