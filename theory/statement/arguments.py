"""The rules that arguments keep: part of the statement of a problem, no formula. Quick to import: no numpy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

__all__ = ["boolean", "choice", "count", "integer", "real", "suggestion"]

_LARGEST = 10**18


def _truth(value: Any) -> bool:
    """Whether a value is a bool of Python or of numpy."""
    return isinstance(value, bool) or (str(getattr(value, "dtype", "")) == "bool" and value.shape == ())


def integer(name: str, value: Any, minimum: int, maximum: int = _LARGEST, *, why: str = "") -> int:
    """An integer from `minimum` to `maximum`, of Python or numpy; 2000.0 and 1e15 count as one, 2.5 and True do not.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
    minimum, maximum : int
    why : str
        Added to the rule: what the bound is for.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Naming argument, rule and value.

    Examples
    --------
    >>> integer("seeds", 8.0, 1)
    8
    """
    try:
        refused = _truth(value) or isinstance(value, str | bytes) or getattr(value, "shape", ()) != ()
        whole = None if refused else int(value)
        exact = whole is not None and whole == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or not minimum <= value <= maximum:
        rule = f"from {minimum} to {maximum}" if maximum < _LARGEST else f"of at least {minimum}"
        rule += f", {why}" if why else ""
        raise ValueError(f"`{name}` must be an integer {rule}; got {value!r}")
    return int(value)


def count(name: str, value: Any, minimum: int, most: int, *, why: str = "") -> int:
    """An integer of at least `minimum`, whose work or memory is bounded by `most`.

    Raises
    ------
    ValueError
        Naming argument, rule and value.

    Examples
    --------
    >>> count("steps", 8, 1, 1000)
    8
    """
    number = integer(name, value, minimum, why=why)
    if number > most:
        raise ValueError(f"`{name}` must be at most {most}; got {value!r}")
    return number


def real(
    name: str, value: Any, *, positive: bool = False, minimum: float = -math.inf, maximum: float = math.inf
) -> float:
    """A finite number that keeps its rule: positive, or within bounds.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
    positive : bool
    minimum, maximum : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Naming argument, rule and value.
    """
    rule = "a finite number"
    if positive:
        rule = "positive"
    elif maximum < math.inf:
        rule = f"in [{minimum:g}, {maximum:g}]"
    elif minimum > -math.inf:
        rule = f"finite and at least {minimum:g}"
    try:
        number = math.nan if _truth(value) or isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or not minimum <= number <= maximum or (positive and number <= 0.0):
        raise ValueError(f"`{name}` must be {rule}; got {value!r}")
    return number


def boolean(name: str, value: Any) -> bool:
    """True or False, of Python or numpy.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        Naming argument, rule and value.
    """
    if not _truth(value):
        raise ValueError(f"`{name}` must be True or False; got {value!r}")
    return bool(value)


def choice(name: str, value: Any, known: Iterable[str]) -> str:
    """One of some names.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
    known : iterable of str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Naming argument, rule and value.
    """
    known = tuple(known)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}; got {value!r}{suggestion(value, known)}")
    return value


def suggestion(value: Any, known: Iterable[str]) -> str:
    """What was probably meant, to end a refusal with; empty where nothing is close.

    Parameters
    ----------
    value : object
        A name, or a function that has one.
    known : iterable of str

    Returns
    -------
    str

    Examples
    --------
    >>> suggestion("ReLU", ["relu", "tanh"]), suggestion("quantum", ["relu", "tanh"])
    (': did you mean relu?', '')
    """
    from difflib import get_close_matches

    asked = value if isinstance(value, str) else getattr(value, "__name__", "")
    names = {name.lower(): name for name in known}
    close = get_close_matches(asked.lower().replace("-", "_"), names, n=1, cutoff=0.7)
    return f": did you mean {names[close[0]]}?" if close else ""
