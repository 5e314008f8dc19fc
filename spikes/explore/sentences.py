"""What a page shows, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikes.presentation.numbers import counted, number_text, relative_text

if TYPE_CHECKING:
    from spikes.explore.answers import Errors, Spectrum

__all__ = ["doubts", "of_errors", "of_spikes"]

_FUNCTIONS = ("a constant", "He₁", "He₂", "He₃", "He₄")
_ORDER = ("first", "second", "third", "fourth", "fifth")
_SAME = 5e-4  # of a ratio of errors to 1: what the law leaves out of terms it drops
_NOTHING = 0.3  # of an amplitude: below, a spike has learned none of the functions to speak of


def of_spikes(spectrum: Spectrum) -> str:
    """How many spikes leave the bulk, where, and what they have learned.

    Parameters
    ----------
    spectrum : Spectrum

    Returns
    -------
    str
    """
    spikes = spectrum.spikes
    if not spikes:
        return "No spike leaves the bulk: the features show nothing of the target."
    where = _listed([number_text(s, 3) for s, _ in spikes])
    said = f"{counted(len(spikes), 'spike')} {'leaves' if len(spikes) == 1 else 'leave'} the bulk, at s = {where}."
    learned = [_learned(amplitudes) for _, amplitudes in spikes[: len(_ORDER)]]
    if len(spikes) == 1:
        return f"{said} It has learned {learned[0]}."
    return f"{said} {_capital(_listed([f'the {_ORDER[i]} has learned {what}' for i, what in enumerate(learned)]))}."


def _learned(amplitudes: Sequence[float]) -> str:
    """The functions along which a spike's left vector lies, with its amplitudes."""
    parts = [
        f"{name} ({amplitude:.2f})"
        for name, amplitude in zip(_FUNCTIONS, amplitudes, strict=True)
        if amplitude >= _NOTHING
    ]
    return _listed(parts) if parts else "none of He₀ to He₄ to speak of"


def of_errors(errors: Errors) -> str:
    """Whether the step pays at the problem's penalty.

    Parameters
    ----------
    errors : Errors

    Returns
    -------
    str
    """
    before, after = number_text(errors.before, 4), number_text(errors.after, 4)
    change = errors.after / errors.before - 1.0
    at = f"at λ = {errors.ridge:g}"
    if abs(change) < _SAME:
        return f"The step leaves the test error {at} as it is: {after}."
    percent = relative_text(change).replace(" ", "\u00a0")
    by = f" ({'+' if change > 0.0 else ''}{percent})" if percent else ""
    if change > 0.0:
        return f"The step does not pay: {at} it raises the test error from {before} to {after}{by}."
    return f"The step pays: {at} it lowers the test error from {before} to {after}{by}."


def doubts(validity: Sequence[str]) -> list[str]:
    """Where the problem lies outside what the law was compared with.

    Parameters
    ----------
    validity : sequence of str
        Of a `theory.Prediction`.

    Returns
    -------
    list of str
    """
    return [f"Outside what was checked: {reason}." for reason in validity]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
