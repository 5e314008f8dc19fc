"""The verdict on a claim, by rules that `validate` states."""

from __future__ import annotations

from collections.abc import Sequence

from spikes.validation.extrapolation import Difference, Limit, pooled
from spikes.validation.statement import Claim

__all__ = ["AGREE", "DISAGREE", "number_verdict", "table_verdict"]


AGREE, DISAGREE = 0.75, 0.5
"""Shares of seeds from which an entry of a table holds, and up to which it fails."""


def number_verdict(c: Claim, differences: Sequence[Difference], end: Limit, level: float) -> str:
    """The verdict on a number, by the rules of `spikes.validation.validate`.

    Parameters
    ----------
    c : Claim
        Its tolerance and rate.
    differences : sequence of Difference
        Simulation less theory at each size, in units of the claim's scale.
    end : Limit
        Of the differences.
    level : float
        Probability with which an interval misses.

    Returns
    -------
    str
        holds, holds as n → ∞, fails or unresolved.
    """
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


def table_verdict(agreement: Sequence[float]) -> str:
    """The verdict on an entry of a table.

    Parameters
    ----------
    agreement : sequence of float
        Share of the seeds that agree at each size.

    Returns
    -------
    str
        holds, holds as n → ∞, fails or unresolved.
    """
    if min(agreement) >= AGREE:
        return "holds"
    if agreement[-1] >= AGREE:
        return "holds as n → ∞"
    return "fails" if agreement[-1] <= DISAGREE else "unresolved"
