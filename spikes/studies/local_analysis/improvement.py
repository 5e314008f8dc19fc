"""The feature-improvement direction along Stage 3, the parts of the residual, and from where Stage 3 succeeds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, contract
from spikes.presentation.row_table import RowTable
from spikes.runtime.checkpoint import run_units
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.training import HISTORY, Plan, train
from theory.local_analysis import improvement, minimize_path, population_loss, residual_parts, signal_power
from theory.statement.arguments import integer
from theory.statement.teacher import TEACHERS, Teacher, as_teacher

__all__ = [
    "FIVE_TEACHERS",
    "ImprovementStudy",
    "SuccessStudy",
    "study_improvement",
    "study_success",
]

FIVE_TEACHERS = ("orth4", "A", "G", "r3m5", "r5m6")
_RESOLVED = 1e-9
"""Gaps below it are those of the solver and of rounding."""
_F5, _LOSS = 0.98, 5e-6


@dataclass(frozen=True, eq=False)
class ImprovementStudy(RowTable):
    """Records of Stage 3 of one run for each teacher.

    Attributes
    ----------
    plans : tuple of Plan
    runs : tuple of dict
        For each plan arrays over its records: ``iteration`` of Stage 3, ``decay``, ``gap`` ζ, ``inner``
        ⟨−∇_W L_λ, D⟩, ``bound`` of the lemma, ``gradient`` ‖∇L_λ‖, ``length`` ‖D‖, ``loss`` L, ``average`` the largest
        ‖v_j‖, and ``R1``, ``R2``, ``R3``, roots of the mean squares of the parts of the residual.
    """

    plans: tuple[Plan, ...]
    runs: tuple[dict[str, np.ndarray], ...]

    def resolved(self, i: int) -> np.ndarray:
        """Which records of a plan have a gap above 10⁻⁹."""
        return self.runs[i]["gap"] > _RESOLVED

    def ratio(self, i: int) -> np.ndarray:
        """⟨−∇_W L_λ, D⟩/ζ at the resolved records of a plan."""
        known = self.resolved(i)
        return self.runs[i]["inner"][known] / self.runs[i]["gap"][known]

    def slack(self, i: int) -> np.ndarray:
        """(⟨−∇_W L_λ, D⟩ − bound)/ζ at the resolved records of a plan: not negative, as the lemma says."""
        known, run = self.resolved(i), self.runs[i]
        return (run["inner"][known] - run["bound"][known]) / run["gap"][known]

    def rows(self) -> list[Row]:
        """None: an inequality has no prediction to be compared."""
        return []

    def remark(self) -> str:
        """Whether the direction improves everywhere, and by how much."""
        positive = all((self.ratio(i) > 0.0).all() for i in range(len(self.plans)))
        held = all((self.slack(i) >= 0.0).all() for i in range(len(self.plans)))
        least = ", ".join(
            f"{plan.teacher.name} {self.ratio(i).min():.2g}" if self.resolved(i).any() else f"{plan.teacher.name} none"
            for i, plan in enumerate(self.plans)
        )
        return (
            f"⟨−∇L_λ, D⟩ is {'positive' if positive else 'not always positive'} at the records with ζ > 1e-9, and the "
            f"bound {'holds' if held else 'fails'} at all of them; least ⟨−∇L_λ, D⟩/ζ: {least}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        theory, simulation = {}, {}
        for i, (plan, run) in enumerate(zip(self.plans, self.runs, strict=True)):
            name = plan.teacher.name
            theory[name] = {"bound": run["bound"].tolist()}
            known = self.resolved(i)
            simulation[name] = {
                **{key: values.tolist() for key, values in run.items() if key != "bound"},
                "records_resolved": int(known.sum()),
                "least_ratio": float(self.ratio(i).min()) if known.any() else None,
                "least_slack": float(self.slack(i).min()) if known.any() else None,
            }
        return contract({"plans": [plan.to_dict() for plan in self.plans]}, theory, simulation)


def _descend(plan: Plan, sequence: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """A run with its direction and residual at every record."""
    states: list[tuple[float, np.ndarray, np.ndarray]] = []
    run = train(plan, sequence, observe=lambda decay, W, a: states.append((decay, W.copy(), a.copy())))
    least = {found.decay: found for found in minimize_path(plan.teacher, np.unique(run.decays)[::-1])}
    first = float(run.decays[0])
    names = ("gap", "inner", "bound", "gradient", "length", "loss", "average", "R1", "R2", "R3")
    values: dict[str, list[float]] = {name: [] for name in names}
    for decay, W, a in states:
        made = improvement(W, a, least[decay or first])
        parts = residual_parts(W, a, plan.teacher)
        roots = np.sqrt(np.maximum(parts.squares, 0.0))
        numbers = (made.gap, made.inner, made.bound, made.gradient_norm, made.length)
        average = float(np.linalg.norm(parts.average, axis=1).max())
        for name, value in zip(names, (*numbers, max(parts.loss, 0.0), average, *roots), strict=True):
            values[name].append(float(value))
    done = np.maximum(run.column("epoch"), 0.0) * plan.iterations + run.column("iteration")
    decays = np.array([decay or first for decay, _, _ in states])
    return {"iteration": done, "decay": decays} | {name: np.array(found) for name, found in values.items()}


def study_improvement(
    teachers: Sequence[str | Teacher] = FIVE_TEACHERS,
    *,
    width: int = 50,
    record: int = 50,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    **plan: Any,
) -> ImprovementStudy:
    """Follow the feature-improvement direction of one run for each teacher, on the population loss.

    Parameters
    ----------
    teachers : sequence of str or Teacher
    width : int
        Neurons.
    record : int
        Iterations between records.
    seed : int, SeedSequence or Generator
    workers : int, optional
    checkpoint : path, optional
        See `spikes.runtime.checkpoint.run_units`; a unit is one teacher.
    **plan
        Other fields of `spikes.simulation.training.Plan`.

    Returns
    -------
    ImprovementStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    sequence = as_seed_sequence(seed)
    plans = tuple(Plan(as_teacher(teacher), width=width, record=record, **plan) for teacher in teachers)
    units = [(each.teacher.name, (each, derived_sequence(sequence, i))) for i, each in enumerate(plans)]
    statement = {"command": "improvement", "plans": [each.to_dict() for each in plans], "seed": _seed(sequence)}
    runs = run_units(_descend, units, statement=statement, checkpoint=checkpoint, workers=workers, label="teachers")
    return ImprovementStudy(plans, tuple(runs))


def _seed(sequence: np.random.SeedSequence) -> list[Any]:
    return [str(sequence.entropy), list(sequence.spawn_key)]


@dataclass(frozen=True, eq=False)
class SuccessStudy(RowTable):
    """How often Stage 3 ends at the teacher, by width and by the loss from which it starts.

    A run succeeds if 98 % of its mass end within 5° of the teacher and the loss is below 5·10⁻⁶ E f⋆².

    Attributes
    ----------
    teachers : tuple of Teacher
    widths : tuple of int
    turned : tuple of float
        How far Stage 1 turned the neurons, see `spikes.simulation.training.train`.
    fractions : tuple of float
        First decays, in units of the default λ₀.
    by_width : ndarray of bool, shape (teachers, widths, seeds)
    by_start : ndarray of bool, shape (teachers, fractions, turned, seeds)
    start_loss : ndarray, shape (teachers, turned, seeds)
        Loss at the beginning of Stage 3 over E f⋆².
    """

    teachers: tuple[Teacher, ...]
    widths: tuple[int, ...]
    turned: tuple[float, ...]
    fractions: tuple[float, ...]
    by_width: np.ndarray
    by_start: np.ndarray
    start_loss: np.ndarray

    def smallest_width(self, i: int) -> int | None:
        """m₀ of a teacher: the least width from which on every run succeeds; None if no width is large enough."""
        whole = self.by_width[i].all(axis=1)
        enough = [m for j, m in enumerate(self.widths) if whole[j:].all()]
        return enough[0] if enough else None

    def largest_loss(self, i: int, fraction: int) -> tuple[float, bool]:
        """ε₀ of a teacher over E f⋆²: the largest start loss up to which every run succeeds, and whether one fails
        above it."""
        losses, won = self.start_loss[i].ravel(), self.by_start[i, fraction].ravel()
        lost = losses[~won]
        below = losses[losses < lost.min()] if len(lost) else losses
        return (float(below.max()) if len(below) else 0.0), bool(len(lost))

    def rows(self) -> list[Row]:
        """None: nothing is predicted."""
        return []

    def remark(self) -> str:
        """m₀ and ε₀ of every teacher."""
        said = []
        for i, teacher in enumerate(self.teachers):
            width = self.smallest_width(i)
            losses = []
            for j, fraction in enumerate(self.fractions):
                loss, fails = self.largest_loss(i, j)
                losses.append(
                    f"{loss:.2g} E f*²{'' if fails else ' (the largest tried)'} at λ₀ = {fraction:.3g} of the default"
                )
            smallest = f"m₀ = {width}" if width else f"no m₀ up to {self.widths[-1]}"
            said.append(f"{teacher.name}: {smallest}, ε₀ = {', '.join(losses)}")
        return "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        simulation: dict[str, Any] = {"seeds": int(self.by_width.shape[2])}
        for i, teacher in enumerate(self.teachers):
            simulation[teacher.name] = {
                "success_by_width": self.by_width[i].mean(axis=1).tolist(),
                "smallest_width": self.smallest_width(i),
                "start_loss": self.start_loss[i].tolist(),
                "success_by_start": self.by_start[i].mean(axis=2).tolist(),
                "largest_loss": [self.largest_loss(i, j)[0] for j in range(len(self.fractions))],
                "fails_above": [self.largest_loss(i, j)[1] for j in range(len(self.fractions))],
            }
        problem = {
            "teachers": [teacher.to_dict() for teacher in self.teachers],
            "widths": list(self.widths),
            "turned": list(self.turned),
            "decay_over_default": list(self.fractions),
        }
        return contract(problem, None, simulation)


def _attempt(plan: Plan, sequence: np.random.SeedSequence, turned: float) -> dict[str, float]:
    power = signal_power(plan.teacher)
    run = train(plan, sequence, turned=turned)
    end = run.epoch_ends()[-1]
    f5, loss = (float(end[HISTORY.index(name)]) for name in ("f5", "population_loss"))
    start = population_loss(run.W_early, run.a_early, plan.teacher)
    return {"won": float(f5 >= _F5 and loss <= _LOSS * power), "start": start / power}


def study_success(
    teachers: Sequence[str | Teacher] = ("orth4", "A", "r3m5"),
    *,
    widths: Sequence[int] = (4, 6, 8, 12),
    turned: Sequence[float] = (0.0, 0.25, 0.5, 1.0),
    fractions: Sequence[float] = (1.0, 1.0 / 16.0),
    width: int = 50,
    seeds: int = 4,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    **plan: Any,
) -> SuccessStudy:
    """Train at several widths, and from several losses at the beginning of Stage 3, on the population loss.

    Parameters
    ----------
    teachers : sequence of str or Teacher
    widths : sequence of int
        From which m₀ is read.
    turned, fractions : sequence of float
        From which ε₀ is read: how far Stage 1 turned the neurons, and the first decay over the default.
    width : int
        Neurons where the start varies.
    seeds : int
    seed : int, SeedSequence or Generator
    workers : int, optional
    checkpoint : path, optional
        See `spikes.runtime.checkpoint.run_units`; a unit is one run.
    **plan
        Other fields of `spikes.simulation.training.Plan`.

    Returns
    -------
    SuccessStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    stated = tuple(as_teacher(teacher) for teacher in teachers)
    widths = tuple(sorted({integer("widths", m, 1) for m in widths}))
    units = []
    for t, teacher in enumerate(stated):
        base = Plan(teacher, width=width, **plan)
        default = base.first_decay(signal_power(teacher))
        for i in range(seeds):
            own = derived_sequence(sequence, t, i)
            for m in widths:
                units.append((f"{teacher.name}, width {m}, seed {i}", (base.replace(width=m), own, 1.0)))
            for fraction in fractions:
                started = base.replace(decay=fraction * default)
                for share in turned:
                    units.append(
                        (f"{teacher.name}, decay {fraction:g}, turned {share:g}, seed {i}", (started, own, share))
                    )
    statement = {
        "command": "success",
        "teachers": [teacher.to_dict() for teacher in stated],
        "plan": Plan(TEACHERS["A"], width=width, **plan).to_dict() | {"teacher": "varies"},
        "seed": _seed(sequence),
    }
    found = run_units(_attempt, units, statement=statement, checkpoint=checkpoint, workers=workers, label="trainings")
    results = dict(zip((name for name, _ in units), found, strict=True))

    def read(name: str, key: str) -> float:
        return float(results[name][key])

    by_width = [[[read(f"{t.name}, width {m}, seed {i}", "won") for i in range(seeds)] for m in widths] for t in stated]
    starts = [
        [
            [[f"{t.name}, decay {fraction:g}, turned {share:g}, seed {i}" for i in range(seeds)] for share in turned]
            for fraction in fractions
        ]
        for t in stated
    ]
    won = [[[[read(n, "won") for n in line] for line in part] for part in whole] for whole in starts]
    loss = [[[read(n, "start") for n in line] for line in whole[0]] for whole in starts]
    return SuccessStudy(
        stated,
        widths,
        tuple(float(x) for x in turned),
        tuple(float(x) for x in fractions),
        np.array(by_width) > 0.5,
        np.array(won) > 0.5,
        np.array(loss),
    )
