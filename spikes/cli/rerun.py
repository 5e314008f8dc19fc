"""``spikes rerun``: what a file of results records is run again, to the same bits."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from spikes.cli.options import BY_HAND, COMMANDS, Answer, Workers, answers
from spikes.runtime.text import printable
from theory.statement.problem import Problem

__all__ = ["rerun"]

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON that --json of a command, or save in Python, wrote.")]
Imports = Annotated[
    list[str] | None,
    typer.Option("--import", metavar="MODULE", help="Import this module, which the file names; its code is run."),
]
_SHOWN = 10
_MANY_THREADS = "spectrum"


@answers(progress=True, reads=("file",), again=False)
def rerun(file: File, imports: Imports = None, workers: Workers = None) -> Answer:
    """Run again what a file of results records; exit code 1 where a number is not the same to the bit."""
    from spikes.record import with_run
    from spikes.saved import laid_beside, load, study_of

    saved = load(file)
    run, name = saved.run, ""
    if run is not None and "command" in run:
        name = f"spikes {run['command']}"
        answer = _command_again(run, imports or [], workers)
        content = answer.content()
        differences, draw = laid_beside(saved.content, content), answer.draw
    else:
        shared = workers is not None and "workers" in inspect.signature(study_of(run)).parameters
        result, differences = saved.rerun(imports=imports or [], **({"workers": workers} if shared else {}))
        name, content, draw = f"spikes.{run['function']}" if run else "", result.answer(), getattr(result, "plot", None)

    def show() -> None:
        if not differences:
            print(printable(f"{name}: every number is the same, to the bit"))
            return
        what = "value is" if len(differences) == 1 else "values are"
        print(printable(f"{name}: {len(differences)} {what} not the same"))
        for line in differences[:_SHOWN]:
            print(printable(f"  {line}"))
        if len(differences) > _SHOWN:
            print(f"  and {len(differences) - _SHOWN} more")

    kept = {key: value for key, value in (run or {}).items() if key != "versions"}
    return Answer(lambda: with_run(content, None), show, draw, 1 if differences else 0, kept)


def _command_again(run: Mapping[str, Any], imports: list[str], workers: int | None) -> Answer:
    """The answer of a command with the options that a file records: values only, by the command's own parameters."""
    from threadpoolctl import threadpool_limits

    from spikes.record import ELSEWHERE, decoded, digests
    from spikes.saved import check_imports

    words, arguments = run["command"], run.get("arguments")
    if isinstance(words, str) and words in BY_HAND:
        raise ValueError(
            f"`FILE` must be of a command that rerun runs; spikes {words} is run by hand: {BY_HAND[words]}"
        )
    if not isinstance(words, str) or words not in COMMANDS or not isinstance(arguments, Mapping):
        raise ValueError(f"`FILE` must record one of the commands {', '.join(COMMANDS)}; got {words!r}")
    body: Callable[..., Answer] = COMMANDS[words].body  # type: ignore[attr-defined]
    own = inspect.signature(body).parameters
    hints = typing.get_type_hints(body)
    for key, value in arguments.items():
        if key not in own or key in ELSEWHERE or not _fits(value, hints[key]):
            raise ValueError(f"`FILE` must record options of `spikes {words}`; got {key} = {str(value)[:60]!r}")
    check_imports(arguments, imports)
    read = run.get("files")
    now = digests({key: arguments.get(key) for key in read if isinstance(key, str)}) if isinstance(read, dict) else {}
    for key, digest in (read or {}).items():
        if now.get(key) != digest:
            what = "is not here" if key not in now else "has changed since"
            raise ValueError(f"`FILE` must be run beside the data that it was made from; {arguments.get(key)!r} {what}")
    given = {key: decoded(key, value) for key, value in arguments.items()}
    if "workers" in own and workers is not None:
        given["workers"] = workers
    elsewhere = {key: None for key in own if key in ELSEWHERE and own[key].default is inspect.Parameter.empty}
    # all but the decomposition of a matrix of one's own runs on one thread: see `spikes.__main__`
    with nullcontext() if words == _MANY_THREADS else threadpool_limits(limits=1):
        return body(**elsewhere, **given)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from a file is one that an option of this type has."""
    if isinstance(value, dict):
        return hint in (object, Problem) and set(value) == {"problem"}
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if isinstance(value, list):
        return any(typing.get_origin(kind) is list for kind in kinds) and all(isinstance(part, str) for part in value)
    if value is None:
        return type(None) in kinds
    return type(value) in kinds or (type(value) is int and float in kinds)
