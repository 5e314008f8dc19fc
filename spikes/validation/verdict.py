"""The verdict on a claim, by rules that `validate` states."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats

from spikes.validation.extrapolation import Difference, Limit, differs, finite_size_exponent
from spikes.validation.statement import DIFFERS, Claim

__all__ = ["AGREE", "DISAGREE", "closes", "is_deterministic", "number_verdict", "table_verdict"]


AGREE, DISAGREE = 0.75, 0.5
"""Shares of seeds from which an entry of a table holds, and up to which it fails."""


def number_verdict(c: Claim, differences: Sequence[Difference], end: Limit, level: float) -> str:
    """The verdict on a number: where the interval of the difference lies, against 0 and against the tolerance.

    Beside the interval of `limit`, where sizes differ, their exponent must not be positive, as far as two sizes show
    one: what grows does not vanish.

    Parameters
    ----------
    c : Claim
        Its tolerance and rate.
    differences : sequence of Difference
        Simulation less theory at each size, in units of the claim's scale.
    end : Limit
        Of the differences, as `spikes.validation.extrapolation.limit` gives it.
    level : float
        Probability with which an interval misses.

    Returns
    -------
    str
        holds, holds as n → ∞, within the tolerance but differs, fails or unresolved.
    """
    tolerance = c.tolerance
    if is_deterministic(differences):  # numbers without noise have no error but the claim's own tolerance
        if max(abs(d.value) for d in differences) <= tolerance:
            return "holds"
        shrinks = abs(differences[-1].value) < abs(differences[0].value)
        return "holds as n → ∞" if c.rate is not None and shrinks and abs(end.value) <= tolerance else "fails"
    sizes_differ = differs(differences, level)
    low, high = end.interval(level)
    within = -tolerance <= low <= high <= tolerance
    if not low <= 0.0 <= high:
        return DIFFERS if within else "fails"
    if sizes_differ and (c.rate is None or len(differences) == 1 or not closes(differences, level)):
        # the interval has 0 in it, but a size of its own has not
        return DIFFERS if within and _within(differences[-1], tolerance, level) else "fails"
    if not within:
        return "unresolved"
    return "holds as n → ∞" if sizes_differ else "holds"


def is_deterministic(differences: Sequence[Difference]) -> bool:
    """Whether no run differs from another: such numbers have no standard error."""
    return not any(d.sem for d in differences)


def closes(differences: Sequence[Difference], level: float) -> bool:
    """Whether the difference may shrink: its exponent is not above 0 by more than its error, where sizes show one."""
    exponent = finite_size_exponent(differences)
    return exponent is None or exponent[0] - float(stats.norm.isf(0.5 * level)) * exponent[1] < 0.0


def _within(difference: Difference, tolerance: float, level: float) -> bool:
    half = float(stats.t.isf(0.5 * level, difference.dof)) * difference.sem
    return abs(difference.value) + half <= tolerance


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
