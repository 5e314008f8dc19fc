"""The rules that arguments keep: part of the statement of a problem, no formula."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["integer", "real"]


def integer(name: str, value: Any, minimum: int) -> int:
    """An integer of at least `minimum`; 1e15 counts as one, 2.5 and True do not.

    Raises
    ------
    ValueError
        Naming argument, rule and value.
    """
    try:
        exact = not isinstance(value, bool | str) and int(value) == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or not minimum <= value <= 10**18:
        raise ValueError(f"`{name}` must be an integer of at least {minimum}; got {value!r}")
    return int(value)


def real(
    name: str, value: Any, *, positive: bool = False, minimum: float = -math.inf, maximum: float = math.inf
) -> float:
    """A finite number that keeps its rule: positive, or within bounds.

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
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or not minimum <= number <= maximum or (positive and number <= 0.0):
        raise ValueError(f"`{name}` must be {rule}; got {value!r}")
    return number
