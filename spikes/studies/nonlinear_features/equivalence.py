"""The Gaussian equivalence, seen: features beside their equivalents, before the step and conditionally after it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.row_table import RowTable
from spikes.runtime.checkpoint import run_units
from spikes.simulation.equivalent_features import equivalent_run
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from theory.statement.problem import Problem

__all__ = ["MEASURES", "EquivalenceStudy", "equivalence_study"]

MEASURES = ("objective", "train_error", "test_error", "spike_1", "spike_2", "quantile")
"""Errors of ridge regression, the two largest singular values of F/√n and their 90 % quantile."""


@dataclass(frozen=True, eq=False)
class EquivalenceStudy(RowTable):
    """Measures of features and of their Gaussian equivalents, on the same samples and neurons.

    Attributes
    ----------
    problem : Problem
    runs : tuple of dict
        For each seed arrays ``features`` and ``equivalent`` (2, 6): rows before and after the step, columns
        `MEASURES`.
    """

    problem: Problem
    runs: tuple[dict[str, np.ndarray], ...]

    def values(self, kind: str) -> np.ndarray:
        """``features`` or ``equivalent``, shape (seeds, 2, 6)."""
        return np.stack([run[kind] for run in self.runs])

    def rows(self) -> list[Row]:
        """The equivalent's means in the place of theory; the standard error is that of the difference."""
        rows = []
        for i, when in enumerate(("before", "after")):
            for k, name in enumerate(MEASURES):
                one, two = self.values("features")[:, i, k], self.values("equivalent")[:, i, k]
                measured = Estimate(float(one.mean()), estimate(one - two).sem, len(self.runs))
                rows.append(row(f"{name.replace('_', ' ')} {when}", float(two.mean()), measured))
        return rows

    def remark(self) -> str:
        """How features and equivalents compare."""
        return conclusion(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; both parts are simulated."""

        def listed(kind: str) -> dict[str, Any]:
            values = self.values(kind)
            return {
                when: {name: estimate(values[:, i, k]).to_dict() for k, name in enumerate(MEASURES)}
                for i, when in enumerate(("before", "after"))
            }

        simulation = {"seeds": len(self.runs), "features": listed("features"), "equivalent": listed("equivalent")}
        return contract(self.problem, None, simulation, self.rows())


def _run(problem: Problem, sequence: np.random.SeedSequence) -> dict[str, np.ndarray]:
    found = equivalent_run(problem, sequence)
    sides: list[np.ndarray] = []
    for k in range(2):
        lines = []
        for when in ("before", "after"):
            one = found[when][k]
            lines.append([one.objective, one.train_error, one.test_error, *one.singular_values, one.quantile])
        sides.append(np.array(lines))
    return {"features": sides[0], "equivalent": sides[1]}


def equivalence_study(
    problem: Problem,
    *,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> EquivalenceStudy:
    """Simulate features and their Gaussian equivalents, the first penalty of the problem alone.

    Parameters
    ----------
    problem : Problem
    seeds : int
    seed : int, SeedSequence or Generator
    workers : int, optional
    checkpoint : path, optional
        See `spikes.runtime.checkpoint.run_units`.

    Returns
    -------
    EquivalenceStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    problem = problem.replace(ridge=problem.ridges[0])
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    statement = {
        "command": "equivalence",
        "problem": problem.to_dict(),
        "functions": problem.fingerprint(),
        "seed": [str(sequence.entropy), list(sequence.spawn_key)],
    }
    units = [(f"seed {i}", (problem, derived_sequence(sequence, i))) for i in range(seeds)]
    runs = run_units(_run, units, statement=statement, checkpoint=checkpoint, workers=workers)
    return EquivalenceStudy(problem, tuple(runs))
