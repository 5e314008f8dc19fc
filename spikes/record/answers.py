"""Files of answers: read, and laid beside one another."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from spikes.agreement import SCHEMA
from spikes.runtime.files import check_regular

__all__ = ["differences", "read_answer"]

_LARGEST_FILE = 2**28


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
