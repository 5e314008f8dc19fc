"""Theory beside simulation: what is compared, one row for each quantity, and the form that every answer has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from scipy.special import stdtr

from spikes.estimates import Estimate
from theory.statement import Activation, Problem, Target, Teacher

__all__ = [
    "ALIGNMENTS",
    "LARGEST_RELATIVE",
    "LEADING",
    "LEAST_TESTED",
    "SCHEMA",
    "Activation",
    "Problem",
    "Row",
    "Stated",
    "Study",
    "Target",
    "Teacher",
    "conclusion",
    "contract",
    "p_value",
    "row",
]


ALIGNMENTS = ("1", "He1", "He2", "He3", "He4")
"""Functions He_k(u), k = 0 … 4, on which the left singular vectors of spikes are measured."""

LEADING = 8
"""Number of leading left singular vectors whose alignment is measured."""

SCHEMA = "spikes/1"


class Row(NamedTuple):
    """One quantity predicted and measured.

    z = (simulation − theory)/sem, relative = simulation/theory − 1; nan where they are not defined.
    """

    quantity: str
    theory: float
    simulation: float
    sem: float
    seeds: int
    z: float
    relative: float

    def to_dict(self) -> dict[str, Any]:
        """An entry of ``agreement`` in the JSON contract."""
        return {name: _plain(value) for name, value in self._asdict().items()}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row(quantity: str, theory: float, measured: Estimate) -> Row:
    """Lay one measured quantity beside its prediction."""
    difference = measured.mean - theory
    z = difference / measured.sem if measured.sem > 0.0 else math.nan
    relative = difference / theory if theory != 0.0 else math.nan
    return Row(quantity, float(theory), measured.mean, measured.sem, measured.seeds, float(z), float(relative))


class Stated(Protocol):
    """What an answer is the answer to: a problem, a plan, a teacher."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""


class Study(Protocol):
    """What every answer that lays theory beside simulation can say of itself."""

    def rows(self) -> list[Row]:
        """Every quantity that was predicted and measured."""

    def remark(self) -> str:
        """One sentence: the conclusion."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract, made by `contract`."""


def contract(
    problem: Stated | Mapping[str, Any] | None,
    theory: Mapping[str, Any] | None = None,
    simulation: Mapping[str, Any] | None = None,
    agreement: Sequence[Row] = (),
) -> dict[str, Any]:
    """The JSON form that every command answers in.

    Parameters
    ----------
    problem : object with ``to_dict``, or dict
        None where an answer belongs to no problem.
    theory, simulation : dict, optional
        None where a part does not apply.
    agreement : sequence of Row

    Returns
    -------
    dict
    """
    return {
        "schema": SCHEMA,
        "problem": problem if problem is None or isinstance(problem, Mapping) else problem.to_dict(),
        "theory": theory,
        "simulation": simulation,
        "agreement": [r.to_dict() for r in agreement],
    }


def conclusion(rows: Sequence[Row]) -> str:
    """One sentence on how theory and simulation compare.

    Each z is held against Student's t with seeds − 1 degrees of freedom, all together at 5 % (Bonferroni); means
    over fewer than four seeds are not tested, for their standard errors are hardly known.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    str
        Empty without rows.

    Examples
    --------
    >>> conclusion([row("error", 1.0, Estimate(1.02, 0.01, 8)), row("spike", 2.0, Estimate(2.5, 0.02, 8))])
    '1 of 2 quantities differs by more than its error explains (5 % over all): spike by 25 %, z = 25.0'
    >>> conclusion([row("error", 1.0, Estimate(1.02, 0.01, 2))])
    '2 seeds are too few for a test; the largest difference is 2 %, in error'
    """
    seeds = min((r.seeds for r in rows), default=0)
    if not seeds:
        return ""
    tested = [r for r in rows if math.isfinite(r.z) and r.seeds >= LEAST_TESTED]
    if not tested:
        few = f"{seeds} seed{'s are' if seeds > 1 else ' is'} too few for a test"
        relative = [r for r in rows if abs(r.relative) < LARGEST_RELATIVE]
        if not relative:
            return few
        worst = max(relative, key=lambda r: abs(r.relative))
        return f"{few}; the largest difference is {100.0 * abs(worst.relative):.2g} %, in {worst.quantity}"
    differ = [r for r in tested if p_value(r) * len(tested) < TEST_LEVEL]
    worst = min(differ or tested, key=p_value)
    size = f" by {100.0 * abs(worst.relative):.2g} %" if abs(worst.relative) < LARGEST_RELATIVE else ""
    if differ:
        verb, own = ("differs", "its error explains") if len(differ) == 1 else ("differ", "their errors explain")
        return (
            f"{len(differ)} of {len(tested)} quantities {verb} by more than {own} (5 % over all): {worst.quantity}"
            f"{size}, z = {worst.z:.1f}"
        )
    return (
        f"none of {len(tested)} quantities differs by more than its error explains (5 % over all); the furthest is "
        f"{worst.quantity}{', off' + size if size else ''}, z = {worst.z:.1f}"
    )


LEAST_TESTED = 4
"""Seeds below which no z is judged."""

TEST_LEVEL = 0.05
LARGEST_RELATIVE = 0.5
"""Of a prediction next to zero no relative difference is worth a look."""


def p_value(r: Row) -> float:
    """Two-sided odds of a |z| at least as large, by Student's t with seeds − 1 degrees of freedom."""
    return float(2.0 * stdtr(r.seeds - 1, -abs(r.z)))
