"""A run of claims: simulations at every size, predictions beside them, limits and verdicts."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from spikes.estimates import Estimate, estimate
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import run_tasks
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.validation.certificate import Certificate, ClaimResult, Quantity
from spikes.validation.extrapolation import difference, finite_size_exponent, limit
from spikes.validation.statement import Claim, Measured
from spikes.validation.verdict import number_verdict, table_verdict

__all__ = ["LEVEL", "validate"]


LEVEL = 0.01
"""Probability that a run calls anything significant which is not, all its quantities together."""


@shows_progress
def validate(
    claims: Sequence[Claim] | None = None,
    *,
    quick: bool = False,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    level: float = LEVEL,
    progress: bool = True,
) -> Certificate:
    """Test claims against simulation.

    A difference is a mean over seeds, controls regressed out, and its errors are Student's. Its limit is the intercept
    of a weighted fit on size^(-rate). With m numbers tested in the run, intervals miss with probability `level`/m each:

    - *holds*: no size differs significantly, and the interval of the mean difference has 0 in it and lies within the
      tolerance;
    - *holds as n → ∞*: sizes differ, their difference does not grow, and the interval of its limit has 0 in it and lies
      within the tolerance;
    - *within the tolerance but differs*: the interval leaves out 0, or what is claimed at every size differs at one, or
      the difference grows; what differs lies within the tolerance;
    - *fails*: the same, and not within the tolerance;
    - *unresolved*: the interval has 0 in it and reaches beyond the tolerance: more seeds or larger sizes would tell.

    The rate of a claim is tested where it has three sizes or more; where the differences contradict it, it is fitted
    with the limit, whose interval then covers every exponent that they allow. Numbers without noise have no interval:
    they hold within the tolerance.

    Entries of a table hold where three quarters of the seeds agree at every size (as n → ∞: at the largest), and fail
    where half of them or fewer agree at the largest; a bound fails if one run breaks it.

    Parameters
    ----------
    claims : sequence of Claim, optional
        The whole registry by default.
    quick : bool
        Take the claims' short runs.
    seed : int, SeedSequence or Generator
        The same seed gives the same bits, whatever `workers` is and whichever claims are run.
    workers : int, optional
        Processes; as many as processors by default.
    level : float
        Probability that anything at all is wrongly called significant.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If an argument breaks its rule, or a claim's measurement and prediction have different names.
    """
    if claims is None:
        from spikes.validation.subjects import registry

        claims = tuple(registry().values())
    names = [c.name for c in claims]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"`claims` must be at least one, each of its own name; got {names}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"`level` must be between 0 and 1; got {level!r}")
    sequence = as_seed_sequence(seed)
    outcomes, seconds = _simulate(claims, quick, sequence, workers)
    compared = [_compare(c, quick, outcomes) for c in claims]
    tests = sum(len(labels) for c, (_, labels, _) in zip(claims, compared, strict=True) if c.kind == "number")
    results = []
    for c, (problems, labels, sides) in zip(claims, compared, strict=True):
        levels = c.at(quick)
        quantities = tuple(_quantity(c, j, labels, levels, sides, level / max(tests, 1)) for j in range(len(labels)))
        spent = sum(seconds[_key(c), size] for size, _ in levels)
        results.append(ClaimResult(c, levels, problems, quantities, spent))
    return Certificate(tuple(results), quick, sequence, level)


_Key = tuple[Callable, Callable]


def _key(c: Claim) -> _Key:
    return c.problem, c.experiment


def _simulate(
    claims: Sequence[Claim], quick: bool, sequence: np.random.SeedSequence, workers: int | None
) -> tuple[dict[tuple[_Key, int], list[Any]], dict[tuple[_Key, int], float]]:
    """Outcomes by problem, experiment and size, each as many as the claim that asks for most, and their seconds."""
    wanted: dict[tuple[_Key, int], int] = {}
    for c in claims:
        for size, seeds in c.at(quick):
            wanted[_key(c), size] = max(wanted.get((_key(c), size), 0), seeds)
    # the largest first, so that the workers finish together
    runs = sorted(((at, i) for at, seeds in wanted.items() for i in range(seeds)), key=lambda run: -run[0][1])
    tasks = []
    for ((make, experiment), size), i in runs:
        label = zlib.crc32(f"{_named(make)} {_named(experiment)}".encode())
        tasks.append((make, experiment, size, derived_sequence(sequence, label, size, i)))
    outcomes: dict[tuple[_Key, int], list[Any]] = {at: [None] * seeds for at, seeds in wanted.items()}
    seconds = dict.fromkeys(wanted, 0.0)
    for (at, i), (outcome, spent) in zip(
        runs, run_tasks(_run, tasks, workers=workers, label="simulations"), strict=True
    ):
        outcomes[at][i] = outcome
        seconds[at] += spent
    return outcomes, seconds


def _named(function: Callable) -> str:
    """A name that is the same in every process: never an address in memory, and of a claim of ours no file's name.

    Random numbers hang on it: a module whose STREAM names it keeps them wherever it is moved.
    """
    if isinstance(function, partial):
        return f"{_named(function.func)} {function.args!r} {sorted(function.keywords.items())!r}"
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(sys.modules.get(named.__module__), "STREAM", named.__module__)
    return f"{module}.{named.__qualname__}"


def _run(make: Callable, experiment: Callable, size: int, sequence: np.random.SeedSequence) -> tuple[Any, float]:
    begun = time.process_time()
    with _controller().limit(limits=1):  # one thread of linear algebra: the same bits, and no two processes in a tangle
        outcome = experiment(make(size), sequence)
    return outcome, time.process_time() - begun


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@dataclass(frozen=True, eq=False)
class _Side:
    """One size: predictions (seeds, labels), measured values (seeds, labels), controls and what is expected of them."""

    predicted: np.ndarray
    values: np.ndarray
    controls: np.ndarray
    expected: np.ndarray


def _compare(
    c: Claim, quick: bool, outcomes: Mapping[tuple[_Key, int], list[Any]]
) -> tuple[tuple[Any, ...], tuple[str, ...], tuple[_Side, ...]]:
    problems, sides = [], []
    labels: tuple[str, ...] = ()
    for size, seeds in c.at(quick):
        problem = c.problem(size)
        found = outcomes[_key(c), size][:seeds]
        measured = [_measured(c.measure(outcome)) for outcome in found]
        if c.paired:
            predicted = [_by_label(c.predict(problem, outcome)) for outcome in found]
        else:
            predicted = [_by_label(c.predict(problem))] * seeds
        here = tuple(predicted[0])
        for side in (*predicted, *(values for values, _ in measured)):
            if tuple(side) != here:
                raise ValueError(
                    f"`measure` of claim {c.name} must name what its prediction names, {list(here)}; got {list(side)}"
                )
        labels = labels or here
        if here != labels:
            raise ValueError(f"`predict` of claim {c.name} must give the same names at every size; got {list(here)}")
        controls = [list(by_name.values()) for _, by_name in measured]
        pairs = np.array(controls, dtype=float).reshape(seeds, -1, 2)
        sides.append(
            _Side(
                np.array([list(p.values()) for p in predicted], dtype=float),
                np.array([list(values.values()) for values, _ in measured], dtype=float),
                pairs[:, :, 0],
                pairs[:, :, 1],
            )
        )
        problems.append(problem)
    return tuple(problems), labels, tuple(sides)


def _by_label(values: float | Mapping[str, float]) -> dict[str, float]:
    return {str(k): float(v) for k, v in values.items()} if isinstance(values, Mapping) else {"": float(values)}


def _measured(found: Any) -> tuple[dict[str, float], Mapping[str, tuple[float, float]]]:
    if isinstance(found, Measured):
        return _by_label(found.values), found.controls
    return _by_label(found), {}


def _quantity(
    c: Claim,
    j: int,
    labels: Sequence[str],
    levels: Sequence[tuple[int, int]],
    sides: Sequence[_Side],
    level: float,
) -> Quantity:
    predicted, simulated, differences, agreement = [], [], [], []
    for (size, _), side in zip(levels, sides, strict=True):
        theory, values = side.predicted[:, j], side.values[:, j]
        predicted.append(float(theory.mean()))
        if c.kind != "number":
            kept = values == theory if c.kind == "table" else values >= theory - 1e-9 * np.abs(theory)
            agreement.append(float(kept.mean()))
            simulated.append(estimate(values))
            continue
        unit = c.scale or abs(predicted[-1])
        if unit == 0.0:
            raise ValueError(f"`scale` of claim {c.name} must be given: its prediction is 0 at size {size}")
        found = difference(size, (values - theory) / unit, side.controls, side.expected)
        differences.append(found)
        simulated.append(Estimate(predicted[-1] + unit * found.value, unit * found.sem, found.seeds))
    if c.kind != "number":
        verdict = table_verdict(agreement) if c.kind == "table" else "holds" if min(agreement) == 1.0 else "fails"
        return Quantity(labels[j], tuple(predicted), tuple(simulated), (), None, None, None, tuple(agreement), verdict)
    end = limit(differences, c.rate, level)
    return Quantity(
        labels[j],
        tuple(predicted),
        tuple(simulated),
        tuple(differences),
        end,
        end.interval(level),
        finite_size_exponent(differences),
        (),
        number_verdict(c, differences, end, level),
    )
