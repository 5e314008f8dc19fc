"""What made an answer: the call and its arguments as plain JSON values, written beside the answer and read back."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

import numpy as np

from spikes.agreement import SCHEMA
from spikes.runtime.files import check_regular, check_writable, write_json
from spikes.runtime.versions import package_versions
from theory.statement.arguments import suggestion
from theory.statement.import_path import import_path, imported
from theory.statement.problem import Problem, require_problem

__all__ = [
    "ELSEWHERE",
    "Recorded",
    "decoded",
    "differences",
    "digests",
    "encoded",
    "modules_named",
    "read_answer",
    "recorded",
    "statement_of_run",
    "with_run",
]

ELSEWHERE = frozenset(
    {"workers", "scheduler", "executor", "meanwhile", "checkpoint", "json", "figure", "size", "quiet", "report"}
    | {"clean", "context", "progress"}
)
"""Arguments that say where a run takes place and where its answer goes: the bits are the same whatever they are."""

_LARGEST_FILE = 2**28
_LARGEST_ARRAY = 10**5
_STATEMENTS = {
    "Plan": "spikes.simulation.training",
    "Protocol": "theory.statement.protocol",
    "Target": "theory.statement.target",
    "Teacher": "theory.statement.teacher",
}
_PATHS = ("path", "function", "derivative", "sampler", "quadrature")
"""Where a problem's dict keeps import paths of a user's own functions."""


# One call ------------------------------------------------------------------------------------------------------------


def encoded(value: Any) -> Any:
    """An argument as plain JSON values; what cannot be had back says why under the key ``lost``.

    Parameters
    ----------
    value : object

    Returns
    -------
    object

    Examples
    --------
    >>> encoded((1, 2.5)), encoded(np.arange(2.0))
    ([1, 2.5], {'array': [0.0, 1.0], 'dtype': 'float64'})
    >>> encoded(lambda x: x)
    {'lost': 'no import path leads to <lambda>'}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Problem):
        return {"problem": value.to_dict()}
    if isinstance(value, np.random.SeedSequence):
        return {"entropy": value.entropy, "spawn_key": list(value.spawn_key)}
    if isinstance(value, np.ndarray):
        if value.size > _LARGEST_ARRAY or value.dtype.kind not in "biuf" or not np.isfinite(value).all():
            return {"lost": f"an array {value.shape} in memory is not written into the file"}
        return {"array": value.tolist(), "dtype": value.dtype.name}
    name = type(value).__name__
    if name in _STATEMENTS and type(value).__module__ == _STATEMENTS[name]:
        fields = {one.name: encoded(getattr(value, one.name)) for one in dataclasses.fields(value) if one.init}
        lost = next((part for part in fields.values() if isinstance(part, dict) and "lost" in part), None)
        return lost or {"statement": name, "fields": fields}
    if isinstance(value, list | tuple):
        inner = len(value[0]) if value and isinstance(value[0], list | tuple) else 1
        if len(value) * inner > _LARGEST_ARRAY:
            return {"lost": f"a list of {len(value)} in memory is not written into the file"}
        return [encoded(part) for part in value]
    if callable(value):
        path = import_path(value)
        return {"import": path} if path else {"lost": f"no import path leads to {getattr(value, '__name__', name)}"}
    return {"lost": f"a {name} in memory is not written into the file"}


def decoded(name: str, value: Any) -> Any:
    """What `encoded` has written, again; sequences are tuples.

    Nothing here executes what a file says, but for the modules that `modules_named` lists: ask for them first.

    Parameters
    ----------
    name : str
        Of the argument, for refusals.
    value : object

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is lost, or nothing that `encoded` writes.
    """
    if isinstance(value, list):
        return tuple(decoded(name, part) for part in value)
    if not isinstance(value, Mapping):
        return value
    match dict(value):
        case {"lost": why}:
            raise ValueError(f"`{name}` is not in the file, for {why}; give it again")
        case {"problem": Mapping() as content}:
            return Problem.from_dict(content)
        case {"float": ("inf" | "-inf" | "nan") as text}:
            return float(text)
        case {"entropy": int() | list() as entropy, "spawn_key": list() as key}:
            return np.random.SeedSequence(entropy, spawn_key=tuple(key))
        case {"array": list() as entries, "dtype": ("float64" | "float32" | "int64" | "bool") as dtype}:
            return np.array(entries, dtype=dtype)
        case {"import": str() as path}:
            return imported(name, path)
        case {"statement": str() as kind, "fields": Mapping() as fields} if kind in _STATEMENTS:
            return _stated_again(name, getattr(import_module(_STATEMENTS[kind]), kind), fields)
    raise ValueError(f"`{name}` must be one of the forms that a saved run has; got {str(dict(value))[:80]}")


def _stated_again(name: str, statement: Any, fields: Mapping[str, Any]) -> Any:
    known = [one.name for one in dataclasses.fields(statement) if one.init]
    if unknown := fields.keys() - set(known):
        raise ValueError(f"`{name}` must have the fields {', '.join(known)}; got {', '.join(sorted(unknown))}")
    given = {field: decoded(f"{name}.{field}", part) for field, part in fields.items()}
    stated = statement(**given)
    for field, value in given.items():
        # normalised a second time, an array may differ in its last bit
        if isinstance(value, np.ndarray) and np.allclose(getattr(stated, field), value, rtol=1e-14, atol=1e-14):
            value.flags.writeable = False
            object.__setattr__(stated, field, value)
    return stated


def modules_named(value: Any) -> set[str]:
    """Modules that would be imported to have the arguments of a run again, but for `math` and NumPy's ufuncs.

    Parameters
    ----------
    value : object
        As `encoded` gives, or a mapping of them.

    Returns
    -------
    set of str
    """
    return {path.partition(":")[0] for path in _import_paths(value) if not _harmless(path)}


def _import_paths(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            yield from _import_paths(part)
    elif isinstance(value, Mapping):
        for own in value.get("own", {}).values() if isinstance(value.get("own"), Mapping) else ():
            if isinstance(own, Mapping):
                yield from (str(own[key]) for key in _PATHS if key in own)
        if "import" in value:
            yield str(value["import"])
        for part in value.values():
            yield from _import_paths(part)


def _harmless(path: str) -> bool:
    home, _, name = path.partition(":")
    if home == "math":
        return "." not in name
    return home in ("numpy", "scipy.special") and isinstance(getattr(import_module(home), name, None), np.ufunc)


# The record beside an answer -----------------------------------------------------------------------------------------


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


# Reading -------------------------------------------------------------------------------------------------------------


def read_answer(path: str | os.PathLike[str], *, name: str = "path") -> dict[str, Any]:
    """The JSON of an answer, as `Recorded.save` and ``--json`` write it.

    Parameters
    ----------
    path : path
    name : str
        Of the argument, for refusals.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is too large, no JSON, or of another schema.
    """
    check_regular(name, path)
    stated = f"{os.fspath(path)!r}"
    try:
        size = os.path.getsize(path)
        if size > _LARGEST_FILE:
            raise ValueError(f"`{name}` must be at most {_LARGEST_FILE >> 20} MiB; {stated} has {size >> 20} MiB")
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        raise ValueError(f"`{name}` must be readable; {stated}: {error.strerror}") from None
    except RecursionError:
        raise ValueError(f"`{name}` must be nested less deep; got {stated}") from None
    except UnicodeDecodeError:
        raise ValueError(f"`{name}` must be JSON in UTF-8; got {stated}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"`{name}` must be JSON; {stated}: {error}") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"`{name}` must be an answer of schema {SCHEMA}; {stated} has {schema!r}")
    for part, kind in (("problem", dict), ("theory", dict), ("simulation", dict), ("agreement", list)):
        if not isinstance(content.get(part), kind | None):
            raise ValueError(f"`{name}` must hold a {kind.__name__} under {part!r}; {stated} does not")
    return content


def differences(before: Any, after: Any, at: str = "") -> list[str]:
    """Where two answers are not the same to the bit, a line each: place, what was there, what is there now.

    Parameters
    ----------
    before, after : object
        Plain JSON values.
    at : str
        Place of both.

    Returns
    -------
    list of str

    Examples
    --------
    >>> differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]})
    ['a[1]: 2.0, now 2.5']
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = list(dict.fromkeys((*before, *after)))
        parts = [(f"{at}.{key}" if at else key, before.get(key, _NOTHING), after.get(key, _NOTHING)) for key in keys]
    elif _sequence(before) and _sequence(after) and len(before) == len(after):
        parts = [(f"{at}[{i}]", one, other) for i, (one, other) in enumerate(zip(before, after, strict=True))]
    else:
        same = type(before) is type(after) and before == after
        return [] if same else [f"{at}: {_short(before)}, now {_short(after)}"]
    return [line for place, one, other in parts for line in differences(one, other, place)]


_NOTHING = "nothing"


def _sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
