"""Numbers, errors and counts as tables, figures and reports write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikes.agreement import LARGEST_RELATIVE, LEAST_TESTED

if TYPE_CHECKING:
    from spikes.estimates import Estimate

__all__ = ["counted", "estimate_text", "number_text", "p_text", "relative_text", "rounded", "z_text"]

_DUST = 1e-15
"""Below this a computed zero is not told from rounding."""


def number_text(value: float, digits: int = 5) -> str:
    """A number with a true minus sign; empty for nan, 0 for what is rounding alone.

    Parameters
    ----------
    value : float
    digits : int
        Significant ones.

    Returns
    -------
    str

    Examples
    --------
    >>> number_text(-0.001234567), number_text(3.127e-17), number_text(float("nan"))
    ('−0.0012346', '0', '')
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "−∞" if value < 0.0 else "∞"
    if abs(value) < _DUST:
        return "0"
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    return (mantissa + (f"e{int(power)}" if power else "")).replace("-", "−")


_SMALLEST = 1e-6
"""Relative standard errors below which a mean has five digits, which then are not those of its error."""


def rounded(value: float, error: float) -> str:
    """A number to the second digit of its error.

    Parameters
    ----------
    value, error : float
        `error` is positive.

    Returns
    -------
    str

    Examples
    --------
    >>> rounded(0.0051151, 0.007), rounded(12345.6, 30.0)
    ('0.0051', '12346')
    """
    decimals = 1 - math.floor(math.log10(error))
    if not -6 < decimals < 9:
        return number_text(value, 5)
    return f"{round(value, decimals) + 0.0:.{max(decimals, 0)}f}".replace("-", "−")  # + 0 makes 0 of -0


def estimate_text(value: Estimate) -> str:
    """Mean ± standard error, both to the second digit of the error, which one run does not have.

    Parameters
    ----------
    value : Estimate

    Returns
    -------
    str

    Examples
    --------
    >>> from spikes.estimates import Estimate
    >>> estimate_text(Estimate(0.0051151, 0.007, 8)), estimate_text(Estimate(2.5, float("nan"), 1))
    ('0.0051 ± 0.0070', '2.5')
    """
    if not math.isfinite(value.mean) or not math.isfinite(value.sem) or value.sem < _DUST:
        return number_text(value.mean)
    if value.sem < _SMALLEST * abs(value.mean):  # more digits than anyone reads
        return f"{number_text(value.mean)} ± {number_text(value.sem, 2)}"
    return f"{rounded(value.mean, value.sem)} ± {rounded(value.sem, value.sem)}"


def z_text(value: float, seeds: int = LEAST_TESTED) -> str:
    """A difference in standard errors; empty for fewer than four seeds.

    Parameters
    ----------
    value : float
    seeds : int
        Runs that the standard error is from.

    Returns
    -------
    str
    """
    if seeds < LEAST_TESTED:
        return ""
    if not math.isfinite(value):
        return number_text(value)
    return f"{round(value, 1) + 0.0:.1f}".replace("-", "−")


def p_text(value: float) -> str:
    """A p-value to two digits; empty for nan.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> p_text(0.3833), p_text(2.34e-9), p_text(float("nan"))
    ('0.38', '2.3e−9', '')
    """
    return "" if math.isnan(value) else number_text(value, 2) if value >= _DUST else "< 1e-15"


def relative_text(value: float) -> str:
    """A relative difference in per cent; empty above one half, as of a prediction next to zero.

    Parameters
    ----------
    value : float

    Returns
    -------
    str
    """
    if not abs(value) < LARGEST_RELATIVE:
        return ""
    return f"{round(100.0 * value, 2) + 0.0:.2f} %".replace("-", "−")


def counted(count: int, noun: str) -> str:
    """A number of things: 1 seed, 2 seeds.

    Parameters
    ----------
    count : int
    noun : str
        In the singular.

    Returns
    -------
    str
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
