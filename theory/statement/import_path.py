"""Import paths of a user's functions, by which a statement travels in a file. Quick to import: no numpy."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__ = ["import_path", "imported", "path_among"]

_UFUNC_HOMES = ("numpy", "scipy.special")  # ufuncs do not say where they come from


def import_path(thing: Any) -> str | None:
    """``package.module:name`` of a function or class, or None where no import leads to it.

    A lambda, a function within a function, and what a script or a notebook defines have no path that another process
    could follow.

    Parameters
    ----------
    thing : object

    Returns
    -------
    str or None

    Examples
    --------
    >>> import math
    >>> import_path(math.atan), import_path(lambda x: x)
    ('math:atan', None)
    """
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    home = getattr(thing, "__module__", None)
    for module in (home,) if home else _UFUNC_HOMES:
        if name and module != "__main__" and _leads_to(thing, module, name):
            return f"{module}:{name}"
    return None


def path_among(thing: Any, parts: tuple[Any, ...]) -> str | None:
    """The import path of an object that stands at the top of a module which defines one of its parts.

    Parameters
    ----------
    thing : object
        For example an `Activation`.
    parts : tuple
        Functions that it is made of.

    Returns
    -------
    str or None
    """
    for home in dict.fromkeys(getattr(part, "__module__", None) for part in parts):
        module = sys.modules.get(home) if home and home != "__main__" else None
        for name, value in list(vars(module).items()) if module else ():
            if value is thing:
                return f"{home}:{name}"
    return None


def imported(argument: str, path: Any) -> Any:
    """What an import path leads to.

    Parameters
    ----------
    argument : str
        What it is for, which a refusal names.
    path : str
        ``package.module:name``; the module is imported.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is no path, or leads nowhere.
    """
    home, colon, name = path.partition(":") if isinstance(path, str) else ("", "", "")
    if not (home and colon and name):
        raise ValueError(f"`{argument}` must be an import path package.module:name; got {path!r}")
    try:
        thing: Any = import_module(home)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"`{argument}` must be a path that can be imported; {path!r}: {error}") from None
    return thing


def _leads_to(thing: Any, home: str, name: str) -> bool:
    found: Any = sys.modules.get(home)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is thing
