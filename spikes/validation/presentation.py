"""Verdicts, differences and limits in the words and digits in which tables and reports show them."""

from __future__ import annotations

from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text, number_text, rounded
from spikes.validation.certificate import Certificate, ClaimResult, Quantity
from spikes.validation.statement import DIFFERS, VERDICTS, Claim

__all__ = [
    "SYMBOLS",
    "agreement_text",
    "difference_unit",
    "exponent_text",
    "limit_text",
    "tally",
    "tested_numbers",
]

SYMBOLS = dict(zip(VERDICTS, "✓→≈?✗", strict=True))
"""A sign for each verdict, from the best to the worst: colours alone tell nothing to many readers."""


def difference_unit(claim: Claim) -> tuple[float, str]:
    """Factor and unit in which differences are shown: percent of the prediction, or as they are where it may be 0."""
    return (100.0, " %") if claim.scale is None else (claim.scale, "")


def limit_text(claim: Claim, quantity: Quantity) -> str:
    """Limit of the difference with its interval; empty for tables and bounds."""
    if quantity.limit is None or quantity.interval is None:
        return ""
    factor, unit = difference_unit(claim)
    low, high = (factor * x for x in quantity.interval)
    value = factor * quantity.limit.value
    if low == high:
        return f"{number_text(value, 3)}{unit}"
    resolution = 0.5 * (high - low)
    return f"{rounded(value, resolution)}{unit} [{rounded(low, resolution)}, {rounded(high, resolution)}]"


def exponent_text(quantity: Quantity) -> str:
    """Finite-size exponent ± standard error; empty where the difference is not resolved at two sizes."""
    return "" if quantity.exponent is None else estimate_text(Estimate(*quantity.exponent, 0))


def agreement_text(result: ClaimResult, quantity: Quantity) -> str:
    """How many of the seeds agree at the largest size; empty for numbers."""
    if not quantity.agreement:
        return ""
    size, seeds = result.levels[-1]
    return f"{round(quantity.agreement[-1] * seeds)} of {seeds} seeds at {size}"


def tested_numbers(certificate: Certificate) -> int:
    """By how many the level is divided."""
    return max(1, sum(len(r.quantities) for r in certificate.results if r.claim.kind == "number"))


def tally(certificate: Certificate) -> str:
    """How many claims have each verdict, and whether all are as expected."""
    verdicts = list(certificate.verdicts.values())
    words = {"holds": ("holds", "hold"), "holds as n → ∞": ("holds as n → ∞", "hold as n → ∞")}
    words |= {DIFFERS: ("is within its tolerance but differs", "are within their tolerance but differ")}
    words |= {"unresolved": ("is unresolved", "are unresolved"), "fails": ("fails", "fail")}
    parts = [f"{verdicts.count(v)} {words[v][verdicts.count(v) > 1]}" for v in SYMBOLS if v in verdicts]
    odd = [r.claim.name for r in certificate.results if not r.as_expected]
    end = f"not as expected: {', '.join(odd)}" if odd else "all as expected"
    return f"{counted(len(verdicts), 'claim')}: {', '.join(parts)}; {end}"
