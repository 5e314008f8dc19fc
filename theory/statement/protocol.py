"""How giant steps are taken on a `Problem`: how many, on which labels, from which start. It holds no formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from theory.statement.arguments import boolean, choice, count
from theory.statement.problem import Problem

__all__ = ["PREPROCESSINGS", "STARTS", "Protocol"]

PREPROCESSINGS = ("none", "exact", "ols", "moments", "independent")
"""What is subtracted from the labels before a step: nothing; their exact mean and linear part; a least-squares fit on
[1, x] to the step's own batch; the moments ȳ and Xᵀ(y − ȳ)/n of that batch; or those of an independent batch."""

STARTS = ("symmetric", "random")
"""Paired neurons of opposite a, so that the network starts at f = 0; or independent neurons."""

_MOST_STEPS = 10_000


@dataclass(frozen=True)
class Protocol:
    """A number of giant steps, each on fresh samples.

    Parameters
    ----------
    steps : int
        T; each step takes the problem's n₀ fresh samples.
    preprocessing : str, optional
        One of `PREPROCESSINGS`. By default ``ols`` for steps of more than d^1.5 samples, which aim at degree 2 or
        above, and ``none`` for shorter ones: see `labels`.
    start : {"symmetric", "random"}
        One of `STARTS`.
    interacting : bool
        False leaves the network out of the residual: every neuron sees the labels alone.

    Raises
    ------
    ValueError
        Naming the argument, the rule it breaks and the value given.
    """

    steps: int = 1
    preprocessing: str | None = None
    start: str = "symmetric"
    interacting: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", count("steps", self.steps, 1, _MOST_STEPS))
        if self.preprocessing is not None:
            choice("preprocessing", self.preprocessing, PREPROCESSINGS)
        choice("start", self.start, STARTS)
        object.__setattr__(self, "interacting", boolean("interacting", self.interacting))

    def labels(self, problem: Problem) -> str:
        """The preprocessing of a problem's steps, the default resolved."""
        if self.preprocessing is not None:
            return self.preprocessing
        return "ols" if problem.n0 > problem.d**1.5 else "none"

    def to_dict(self, problem: Problem) -> dict[str, Any]:
        """Plain JSON values, the preprocessing resolved."""
        return {
            "steps": self.steps,
            "preprocessing": self.labels(problem),
            "start": self.start,
            "interacting": self.interacting,
        }
