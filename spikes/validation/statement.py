"""What a claim is: a prediction, a measurement of the same thing, and the sizes at which they are laid side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["DIFFERS", "KINDS", "VERDICTS", "Claim", "Measured", "claim"]

KINDS = ("number", "table", "bound")
DIFFERS = "within the tolerance but differs"
"""The verdict that rests on the tolerance: theory and simulation differ, by less than the claim allows."""
VERDICTS = ("holds", "holds as n → ∞", DIFFERS, "unresolved", "fails")
"""From the best to the worst."""
Numbers = float | Mapping[str, float]
Levels = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Measured:
    """What one simulation found, with what else it knows of itself.

    Attributes
    ----------
    values : float or mapping of str to float
        One number, or several by name.
    controls : mapping of str to (float, float)
        Control variates: quantities of the same run, each with its expectation, which may be conditional and
        differ between runs. What the values share with them is regressed out.
    """

    values: Numbers
    controls: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement that can be wrong.

    Attributes
    ----------
    name : str
        Unique; letters, digits, ``-``, ``_``, ``.`` and ``/``.
    statement : str
        What is claimed, in words and symbols.
    source : str
        Where it is from.
    levels : tuple of (int, int)
        Sizes, each with its number of seeds, from the smallest size to the largest.
    problem : callable
        Of a size: what is simulated and predicted there, a `theory.Problem` as a rule.
    predict : callable
        Of a problem, and for a `paired` claim of an outcome as well: the predicted number, or several by name.
    experiment : callable
        Of a problem and a SeedSequence: the outcome of one simulation. Claims of the same problem and experiment share
        its outcomes.
    measure : callable
        Of an outcome: a number, several by name, or `Measured`. The names are those of the prediction.
    kind : {"number", "table", "bound"}
        Numbers are compared in size, entries of a table one by one and exactly; a bound is what no run may fall below.
    rate : float or None
        The difference is taken to close like size^(-rate), and its limit is extrapolated so. None claims equality at
        every size, without a correction.
    tolerance : float
        A number holds if its difference lies within this, relative to the prediction; what is left of it is below what
        the claim resolves.
    scale : float, optional
        Unit of the difference where relative differences make no sense, as for a prediction of 0.
    quick : tuple of (int, int), optional
        Sizes and seeds of a short run; `levels` by default.
    paired : bool
        Whether the prediction is for each outcome by itself.
    measured : str
        What is measured, in words.
    expected : str
        The verdict that is expected.
    """

    name: str
    statement: str
    source: str
    levels: Levels
    problem: Callable[[int], Any]
    predict: Callable[..., Numbers]
    experiment: Callable[[Any, np.random.SeedSequence], Any]
    measure: Callable[[Any], Numbers | Measured] = lambda outcome: outcome
    kind: str = "number"
    rate: float | None = 1.0
    tolerance: float = 0.02
    scale: float | None = None
    quick: Levels | None = None
    paired: bool = False
    measured: str = ""
    expected: str = ""

    def __post_init__(self) -> None:
        """Check the fields."""
        if not self.name or not all(c.isalnum() or c in "-_./" for c in self.name):
            raise ValueError(f"`name` must be letters, digits, -, _, . and /; got {self.name!r}")
        if not self.statement.strip():
            raise ValueError(f"`statement` must say what is claimed; got {self.statement!r}")
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}; got {self.kind!r}")
        if self.expected and self.expected not in VERDICTS:
            raise ValueError(f"`expected` must be one of {', '.join(VERDICTS)}; got {self.expected!r}")
        if self.rate is not None and not 0.0 < self.rate < math.inf:
            raise ValueError(f"`rate` must be positive, or None; got {self.rate!r}")
        if not 0.0 < self.tolerance < math.inf:
            raise ValueError(f"`tolerance` must be positive; got {self.tolerance!r}")
        if self.scale is not None and not 0.0 < self.scale < math.inf:
            raise ValueError(f"`scale` must be positive, or None; got {self.scale!r}")
        for name in ("levels", "quick"):
            levels = getattr(self, name)
            if levels is not None:
                object.__setattr__(self, name, _checked(name, levels, self.kind))

    def at(self, quick: bool) -> Levels:
        """Sizes and seeds of a run."""
        return self.quick if quick and self.quick is not None else self.levels

    def with_prediction(self, predict: Callable[..., Numbers]) -> Claim:
        """The same claim with another formula: what a check of the check needs."""
        return replace(self, predict=predict)


def _checked(name: str, levels: Sequence[Sequence[int]], kind: str) -> Levels:
    pairs = tuple((int(size), int(seeds)) for size, seeds in levels)
    if not pairs or [size for size, _ in pairs] != sorted({size for size, _ in pairs}) or pairs[0][0] < 1:
        raise ValueError(f"`{name}` must be (size, seeds) pairs of increasing sizes; got {list(levels)}")
    least = 2 if kind == "number" else 1
    if min(seeds for _, seeds in pairs) < least:
        raise ValueError(f"`{name}` must have at least {least} seeds at every size; got {list(levels)}")
    return pairs


def claim(
    predict: Callable[..., Numbers] | None = None,
    *,
    sizes: Sequence[int] | None = None,
    seeds: int = 16,
    levels: Levels | None = None,
    problem: Callable[[int], Any] | None = None,
    name: str | None = None,
    source: str = "your own",
    **fields: Any,
) -> Callable[[Callable[[Any, np.random.SeedSequence], Any]], Claim]:
    """Make a claim of a measurement: a decorator.

    The function below it is the measurement: of a problem and a SeedSequence, it returns a number, several by name, or
    `Measured`. Its docstring is the statement.

    Parameters
    ----------
    predict : callable
        Of a problem: the prediction, a number or several by name.
    sizes : sequence of int
        At which it is tested, each with as many `seeds`; or `levels`, pairs of both.
    problem : callable, optional
        Of a size: the problem; by default the size itself is handed on.
    name : str, optional
        The function's name by default.
    source : str
    **fields
        Other fields of `Claim`: ``rate``, ``tolerance``, ``scale``, ``kind``, ``paired``, ``quick``.

    Returns
    -------
    callable
        Decorator that turns the measurement into a `Claim`.

    Raises
    ------
    ValueError
        If a field breaks its rule, or the measurement has no docstring.

    Examples
    --------
    >>> from spikes.validation import claim, validate
    >>> import numpy as np
    >>> @claim(lambda size: 1.0, sizes=(100, 400), seeds=50, rate=None, tolerance=0.1)
    ... def second_moment(size, sequence):
    ...     "The second moment of a standard normal variable is 1."
    ...     return float(np.mean(np.random.default_rng(sequence).standard_normal(size) ** 2))
    >>> validate([second_moment], workers=1).verdicts
    {'second_moment': 'holds'}
    """
    if predict is None or not callable(predict):
        raise ValueError(f"`predict` must be a function of a problem; got {predict!r}")
    if sizes is not None and levels is None:
        stated = tuple((size, seeds) for size in sizes)
    elif sizes is None and levels is not None:
        stated = levels
    else:
        raise ValueError(f"`sizes` or `levels` must be given, and not both; got {sizes!r} and {levels!r}")

    def decorate(measurement: Callable[[Any, np.random.SeedSequence], Any]) -> Claim:
        return Claim(
            name=name or measurement.__name__,
            statement=" ".join((measurement.__doc__ or "").split()),
            source=source,
            levels=stated,
            problem=problem or _itself,
            predict=predict,
            experiment=measurement,
            **fields,
        )

    return decorate


def _itself(size: int) -> int:
    return size
