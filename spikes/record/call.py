"""The call that made an answer: its name and its arguments, beside the answer."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from spikes.record.values import encoded
from spikes.runtime.files import check_writable, write_json
from spikes.runtime.versions import package_versions
from theory.statement.arguments import suggestion
from theory.statement.problem import Problem, require_problem

__all__ = ["ELSEWHERE", "Recorded", "digests", "recorded", "statement_of_run", "with_run"]

ELSEWHERE = frozenset(
    {"workers", "scheduler", "executor", "meanwhile", "checkpoint", "json", "figure", "size", "quiet", "report"}
    | {"clean", "context", "progress"}
)
"""Arguments that say where a run takes place and where its answer goes: the bits are the same whatever they are."""


def statement_of_run(kind: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The entry ``run`` of a file.

    Parameters
    ----------
    kind : {"command", "function"}
    name : str
    arguments : mapping
        As they were given, defaults included; those of `ELSEWHERE` are left out.

    Returns
    -------
    dict
    """
    kept = {key: encoded(value) for key, value in arguments.items() if key not in ELSEWHERE}
    return {kind: name, "arguments": kept}


def with_run(content: Mapping[str, Any], run: Mapping[str, Any] | None) -> dict[str, Any]:
    """An answer with what made it, and the versions that made it.

    Parameters
    ----------
    content : mapping
        The JSON contract.
    run : mapping, optional
        As `statement_of_run` gives; None of what was put together by hand.

    Returns
    -------
    dict
    """
    if run is None:
        return dict(content)
    made_by = {**package_versions(), "machine": f"{platform.system()} {platform.machine()}"}
    return {**content, "run": {**run, "versions": made_by}}


def digests(paths: Mapping[str, str | None]) -> dict[str, str]:
    """SHA-256 of the files that a run reads, by the names of its arguments; arguments that name no file are left out.

    Parameters
    ----------
    paths : mapping

    Returns
    -------
    dict of str to str
    """
    found = {}
    for name, path in paths.items():
        if path is not None and os.path.isfile(path):
            with open(path, "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


class Recorded(ABC):
    """An answer that can be saved, with the call that made it."""

    __slots__ = ()

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""

    def answer(self) -> dict[str, Any]:
        """What a file holds of it: the JSON contract."""
        return self.to_dict()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the answer with the call that made it to one JSON file, which `spikes rerun` runs again.

        Parameters
        ----------
        path : path
            A new file, or one that is replaced. The answer is that of the command line's ``--json``; functions of your
            own travel by import path, larger arrays not at all: the file says so.

        Raises
        ------
        ValueError
            If the path cannot be written.
        """
        check_writable("path", os.fspath(path))
        write_json(os.fspath(path), with_run(self.answer(), getattr(self, "_run", None)))


P = ParamSpec("P")
R = TypeVar("R")


def recorded(study: Callable[P, R]) -> Callable[P, R]:
    """Have what a function returns know the call that made it.

    Parameters
    ----------
    study : callable
        Exported by `spikes` under its own name; returns a `Recorded`.

    Returns
    -------
    callable
    """
    signature = inspect.signature(study)

    @functools.wraps(study)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = _bound(study, signature, args, kwargs)
        bound.apply_defaults()
        stated = statement_of_run("function", study.__name__, bound.arguments)
        answer = study(*args, **kwargs)
        object.__setattr__(answer, "_run", stated)
        return answer

    run.__recorded__ = True  # type: ignore[attr-defined]
    return run


def _bound(
    study: Callable[..., Any], signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    """Arguments by their names, or a refusal that says what to write instead."""
    fields = {one.name for one in dataclasses.fields(Problem)}
    takes_problem = "problem" in signature.parameters
    for name in kwargs:
        if name not in signature.parameters:
            if takes_problem and name in fields:
                meant = f": it is a field of the problem, {study.__name__}(Problem({name}={kwargs[name]!r}, ...))"
            else:
                meant = suggestion(name, signature.parameters) or f"; it takes {', '.join(signature.parameters)}"
            raise TypeError(f"{study.__name__} has no argument {name!r}{meant}")
    bound = signature.bind(*args, **kwargs)
    if takes_problem:
        require_problem(bound.arguments["problem"])
    return bound
