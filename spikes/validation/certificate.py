"""Put claims to the test: simulate each at growing sizes, compare, extrapolate, judge, with many tests allowed for."""

from __future__ import annotations

import math
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from spikes.agreement import Row, contract, row
from spikes.estimates import Estimate, estimate
from spikes.runtime.tasks import run_tasks
from spikes.runtime.versions import package_versions
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.validation.extrapolation import Difference, Limit, difference, finite_size_exponent, limit, pooled
from spikes.validation.statement import Claim, Measured

__all__ = ["AGREE", "DISAGREE", "LEVEL", "Certificate", "ClaimResult", "Quantity", "validate"]

LEVEL = 0.01
"""Probability that a run calls anything significant which is not, all its quantities together."""
AGREE, DISAGREE = 0.75, 0.5
"""Shares of seeds from which an entry of a table holds, and up to which it fails."""


@dataclass(frozen=True)
class Quantity:
    """One number of a claim at all its sizes, with its verdict.

    Attributes
    ----------
    label : str
        Its name, empty where the claim has but one.
    predicted : tuple of float
        At each size; of a paired claim the mean over seeds.
    simulated : tuple of Estimate
        At each size, controls taken out.
    differences : tuple of Difference
        simulated − predicted at each size, in units of |predicted| or of the claim's scale.
    limit : Limit or None
        Of the differences; None for tables and bounds.
    interval : (float, float) or None
        Simultaneous confidence interval of the limit.
    exponent : (float, float) or None
        Slope of ln|difference| on ln size with its standard error, where two sizes resolve the difference.
    agreement : tuple of float
        For tables the share of seeds that agree at each size; for bounds the share that keep them.
    verdict : str
    """

    label: str
    predicted: tuple[float, ...]
    simulated: tuple[Estimate, ...]
    differences: tuple[Difference, ...]
    limit: Limit | None
    interval: tuple[float, float] | None
    exponent: tuple[float, float] | None
    agreement: tuple[float, ...]
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """The quantity in the ``simulation`` part of the contract."""
        found: dict[str, Any] = {"label": self.label, "verdict": self.verdict}
        if self.limit is None:
            return found | {"agreement": list(self.agreement)}
        return found | {
            "difference": [_number(d.value) for d in self.differences],
            "difference_sem": [_number(d.sem) for d in self.differences],
            "gain": [_number(d.gain) for d in self.differences],
            "z": _number(self.differences[-1].z),
            "limit": {"mean": _number(self.limit.value), "sem": _number(self.limit.sem)},
            "interval": [_number(x) for x in self.interval or ()],
            "chi2": _number(self.limit.chi2),
            "slope": _number(self.limit.slope),
            "exponent": None if self.exponent is None else {"mean": self.exponent[0], "sem": self.exponent[1]},
        }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class ClaimResult:
    """A claim with what the simulations say of it.

    Attributes
    ----------
    claim : Claim
    levels : tuple of (int, int)
        Sizes and seeds that were run.
    problems : tuple
        At each size.
    quantities : tuple of Quantity
    seconds : float
        Processor time of its simulations, those shared with other claims included.
    """

    claim: Claim
    levels: tuple[tuple[int, int], ...]
    problems: tuple[Any, ...]
    quantities: tuple[Quantity, ...]
    seconds: float

    @property
    def verdict(self) -> str:
        """The worst verdict of its quantities: fails, unresolved, holds as n → ∞, holds."""
        order = ("fails", "unresolved", "holds as n → ∞", "holds")
        return min((q.verdict for q in self.quantities), key=order.index)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the claim's expected one; a claim that says nothing expects to hold, at least in the
        limit."""
        return self.verdict == self.claim.expected if self.claim.expected else self.verdict.startswith("holds")

    @property
    def worst_z(self) -> float:
        """The largest |z| at the largest size, with its sign; nan for tables and bounds."""
        found = [q.differences[-1].z for q in self.quantities if q.limit is not None]
        return max(found, key=abs) if found else math.nan

    @property
    def decisive(self) -> Quantity:
        """Of the quantities that give the verdict the one with the largest |z|, or the least agreement."""
        deciding = [q for q in self.quantities if q.verdict == self.verdict]
        return max(deciding, key=lambda q: abs(q.differences[-1].z) if q.limit is not None else -q.agreement[-1])

    def rows(self) -> list[Row]:
        """Predicted and simulated numbers at every size."""
        rows = []
        for quantity in self.quantities:
            for (size, _), predicted, simulated in zip(
                self.levels, quantity.predicted, quantity.simulated, strict=True
            ):
                label = f": {quantity.label}" if quantity.label else ""
                rows.append(row(f"{self.claim.name}{label} [{size}]", predicted, simulated))
        return rows


@dataclass(frozen=True, eq=False)
class Certificate:
    """Claims and verdicts.

    Attributes
    ----------
    results : tuple of ClaimResult
    quick : bool
    seed : SeedSequence
    level : float
        Probability of any false alarm in the whole run.
    """

    results: tuple[ClaimResult, ...]
    quick: bool
    seed: np.random.SeedSequence
    level: float

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict by name of the claim."""
        return {r.claim.name: r.verdict for r in self.results}

    @property
    def as_expected(self) -> bool:
        """Whether every verdict is the expected one."""
        return all(r.as_expected for r in self.results)

    def __getitem__(self, name: str) -> ClaimResult:
        """The result of one claim."""
        return next(r for r in self.results if r.claim.name == name)

    def __repr__(self) -> str:
        width = max(len(r.claim.name) for r in self.results)
        lines = [
            f"{r.claim.name:{width}}  {r.verdict:15}" + ("" if math.isnan(r.worst_z) else f"  z = {r.worst_z:.1f}")
            for r in self.results
        ]
        return "\n".join(lines)

    def rows(self) -> list[Row]:
        """All numbers of all claims."""
        return [line for r in self.results for line in r.rows()]

    def remark(self) -> str:
        """How many claims came out as expected, and which did not."""
        odd = [r.claim.name for r in self.results if not r.as_expected]
        count = f"{len(self.results)} claim{'s' if len(self.results) != 1 else ''} tested"
        return f"{count}, all as expected" if not odd else f"{count}, {len(odd)} not as expected: {', '.join(odd)}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: schema, problem, theory, simulation, agreement."""
        problem = {
            r.claim.name: [
                {"size": size, "seeds": seeds, **_stated(problem)}
                for (size, seeds), problem in zip(r.levels, r.problems, strict=True)
            ]
            for r in self.results
        }
        theory = {
            r.claim.name: {
                "statement": r.claim.statement,
                "source": r.claim.source,
                "kind": r.claim.kind,
                "rate": r.claim.rate,
                "tolerance": r.claim.tolerance,
                "scale": r.claim.scale,
                "expected": r.claim.expected or None,
                "predicted": {q.label: [_number(x) for x in q.predicted] for q in r.quantities},
            }
            for r in self.results
        }
        simulation = {
            "quick": self.quick,
            "seed": [str(self.seed.entropy), [int(k) for k in self.seed.spawn_key]],
            "level": self.level,
            "packages": package_versions(),
            "claims": {
                r.claim.name: {
                    "verdict": r.verdict,
                    "as_expected": r.as_expected,
                    "quantities": [q.to_dict() for q in r.quantities],
                }
                for r in self.results
            },
        }
        return contract(problem, theory, simulation, self.rows())


def _stated(problem: Any) -> dict[str, Any]:
    return {"problem": problem.to_dict() if hasattr(problem, "to_dict") else repr(problem)}


def validate(
    claims: Sequence[Claim] | None = None,
    *,
    quick: bool = False,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    level: float = LEVEL,
) -> Certificate:
    """Test claims against simulation.

    A difference is a mean over seeds, controls regressed out, and its errors are Student's. Its limit is the intercept
    of a weighted fit on size^(-rate). With m numbers tested in the run, intervals miss with probability `level`/m each:

    - *fails*: the limit's interval leaves out 0 and the limit is off by more than half the tolerance; or a claim of
      equality at every size differs significantly at one;
    - *holds*: no size differs significantly, and the interval of the mean difference lies within the tolerance; or the
      claim is tested at one size, and its interval does;
    - *holds as n → ∞*: sizes differ, but the interval of the limit lies within the tolerance;
    - *unresolved*: neither; more seeds or larger sizes would tell.

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
    problems, sides, labels = [], [], ()
    for size, seeds in c.at(quick):
        problem = c.problem(size)
        found = outcomes[_key(c), size][:seeds]
        measured = [_measured(c.measure(outcome)) for outcome in found]
        if c.paired:
            predicted = [_by_label(c.predict(problem, outcome)) for outcome in found]
        else:
            predicted = [_by_label(c.predict(problem))] * seeds
        here = tuple(predicted[0])
        for side in (*predicted, *(m.values for m in measured)):
            if tuple(side) != here:
                raise ValueError(
                    f"`measure` of claim {c.name} must name what its prediction names, {list(here)}; got {list(side)}"
                )
        labels = labels or here
        if here != labels:
            raise ValueError(f"`predict` of claim {c.name} must give the same names at every size; got {list(here)}")
        controls = [list(m.controls.values()) for m in measured]
        pairs = np.array(controls, dtype=float).reshape(seeds, -1, 2)
        sides.append(
            _Side(
                np.array([list(p.values()) for p in predicted], dtype=float),
                np.array([list(m.values.values()) for m in measured], dtype=float),
                pairs[:, :, 0],
                pairs[:, :, 1],
            )
        )
        problems.append(problem)
    return tuple(problems), labels, tuple(sides)


def _by_label(values: float | Mapping[str, float]) -> dict[str, float]:
    return {str(k): float(v) for k, v in values.items()} if isinstance(values, Mapping) else {"": float(values)}


def _measured(found: Any) -> Measured:
    if isinstance(found, Measured):
        return Measured(_by_label(found.values), found.controls)
    return Measured(_by_label(found))


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
        verdict = _table_verdict(agreement) if c.kind == "table" else "holds" if min(agreement) == 1.0 else "fails"
        return Quantity(labels[j], tuple(predicted), tuple(simulated), (), None, None, None, tuple(agreement), verdict)
    end = limit(differences, c.rate)
    return Quantity(
        labels[j],
        tuple(predicted),
        tuple(simulated),
        tuple(differences),
        end,
        end.interval(level),
        finite_size_exponent(differences),
        (),
        _verdict(c, differences, end, level),
    )


def _verdict(c: Claim, differences: Sequence[Difference], end: Limit, level: float) -> str:
    tolerance, interval = c.tolerance, end.interval(level)
    if not any(d.sem for d in differences):  # numbers without noise have no error but the claim's own tolerance
        if max(abs(d.value) for d in differences) <= tolerance:
            return "holds"
        return "holds as n → ∞" if c.rate is not None and abs(interval[0]) <= tolerance else "fails"
    significant = min(d.p for d in differences) * len(differences) < level
    beyond = not interval[0] <= 0.0 <= interval[1] and abs(end.value) > 0.5 * tolerance
    if beyond or (significant and c.rate is None):
        return "fails"
    if not significant:
        low, high = pooled(differences).interval(level)
    else:
        low, high = interval
    if not -tolerance <= low <= high <= tolerance:
        return "unresolved"
    # one size shows no approach to a limit: what is off there lies within what the claim allows
    return "holds as n → ∞" if significant and len(differences) > 1 else "holds"


def _table_verdict(agreement: Sequence[float]) -> str:
    if min(agreement) >= AGREE:
        return "holds"
    if agreement[-1] >= AGREE:
        return "holds as n → ∞"
    return "fails" if agreement[-1] <= DISAGREE else "unresolved"
