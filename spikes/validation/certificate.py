"""Put claims to the test: simulate each at growing sizes, compare, extrapolate, judge, with many tests allowed for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, contract, row
from spikes.estimates import Estimate
from spikes.runtime.versions import package_versions
from spikes.validation.extrapolation import Difference, Limit
from spikes.validation.statement import DIFFERS, VERDICTS, Claim
from spikes.validation.verdict import is_deterministic

__all__ = ["Certificate", "ClaimResult", "Quantity"]


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

    @property
    def deterministic(self) -> bool:
        """Whether it is a number in which no run differs from another: it has no standard error and no z."""
        return bool(self.differences) and is_deterministic(self.differences)

    @property
    def z(self) -> float:
        """The difference at the largest size in standard errors; nan for tables, bounds and numbers without noise."""
        return math.nan if not self.differences or self.deterministic else self.differences[-1].z

    def to_dict(self) -> dict[str, Any]:
        """The quantity in the ``simulation`` part of the contract."""
        found: dict[str, Any] = {"label": self.label, "verdict": self.verdict}
        if self.limit is None:
            return found | {"agreement": list(self.agreement)}
        return found | {
            "difference": [_number(d.value) for d in self.differences],
            "difference_sem": [_number(d.sem) for d in self.differences],
            "gain": [_number(d.gain) for d in self.differences],
            "deterministic": self.deterministic,
            "z": _number(self.z),
            "limit": {"mean": _number(self.limit.value), "sem": _number(self.limit.sem)},
            "interval": [_number(x) for x in self.interval or ()],
            "chi2": _number(self.limit.chi2),
            "slope": _number(self.limit.slope),
            "rate": self.limit.rate,
            "rate_fitted": self.limit.rate_fitted,
            "exponent": None if self.exponent is None else {"mean": self.exponent[0], "sem": self.exponent[1]},
        }


def _distance(q: Quantity) -> float:
    """How far a quantity is from what was predicted, as its kind counts it."""
    if q.agreement:
        return -q.agreement[-1]
    return abs(q.differences[-1].value) if q.deterministic else abs(q.z)


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
        """The worst verdict of its quantities, in the order of `VERDICTS`."""
        return max((q.verdict for q in self.quantities), key=VERDICTS.index)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the claim's expected one; a claim that says nothing expects to hold, in the limit or
        within the tolerance that it states."""
        if self.claim.expected:
            return self.verdict == self.claim.expected
        return VERDICTS.index(self.verdict) <= VERDICTS.index(DIFFERS)

    @property
    def worst_z(self) -> float:
        """The largest |z| at the largest size, with its sign; nan where none has one."""
        found = [q.z for q in self.quantities if not math.isnan(q.z)]
        return max(found, key=abs) if found else math.nan

    @property
    def decisive(self) -> Quantity:
        """Of the quantities that give the verdict the one with the largest |z|, or the least agreement."""
        deciding = [q for q in self.quantities if q.verdict == self.verdict]
        return max(deciding, key=_distance)

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
