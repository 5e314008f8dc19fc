"""Theory beside simulation: one row for each quantity, and the form that every answer has."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from spikes.estimates import Estimate
from theory.statement import Activation, Problem, Target, Teacher

__all__ = ["ALIGNMENTS", "LEADING", "SCHEMA", "Activation", "Problem", "Row", "Target", "Teacher", "contract", "row"]


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


def contract(
    problem: Problem,
    theory: dict[str, Any] | None = None,
    simulation: dict[str, Any] | None = None,
    agreement: list[Row] | None = None,
) -> dict[str, Any]:
    """The JSON form that every command answers in.

    Parameters
    ----------
    problem : Problem
    theory, simulation : dict, optional
        None where a part does not apply.
    agreement : list of Row, optional

    Returns
    -------
    dict
    """
    return {
        "schema": SCHEMA,
        "problem": problem.to_dict(),
        "theory": theory,
        "simulation": simulation,
        "agreement": [r.to_dict() for r in agreement or []],
    }
