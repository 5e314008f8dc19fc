"""Values of a call as plain JSON, and back."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from theory.statement.import_path import import_path, imported
from theory.statement.problem import Problem

__all__ = ["decoded", "encoded", "modules_named"]

_LARGEST_ARRAY = 10**5
_STATEMENTS = {
    "Plan": "spikes.simulation.training",
    "Protocol": "theory.statement.protocol",
    "Target": "theory.statement.target",
    "Teacher": "theory.statement.teacher",
}
_PATHS = ("path", "function", "derivative", "sampler", "quadrature")
"""Where a problem's dict keeps import paths of a user's own functions."""


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
