"""Claims and verdicts on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from spikes.presentation.numbers import counted, estimate_text, number_text, z_text
from spikes.presentation.terminal import Column, console_of_output, print_table
from spikes.validation.certificate import Certificate
from spikes.validation.presentation import (
    SYMBOLS,
    agreement_text,
    exponent_text,
    limit_text,
    tally,
    tested_numbers,
)
from spikes.validation.statement import Claim

__all__ = ["print_certificate", "print_claims"]

_COLUMNS = (
    Column("claim", words=True),
    Column("verdict", words=True),
    Column("quantity", words=True, leave=3),
    Column("size", leave=6),
    Column("predicted", leave=5),
    Column("simulated", leave=4),
    Column("z", leave=2),
    Column("limit of the difference", leave=1),
    Column("exponent", leave=7),
)


def print_claims(claims: Iterable[Claim]) -> None:
    """Name, statement and source of claims."""
    columns = (Column("claim", words=True), Column("statement", words=True), Column("source", words=True, leave=1))
    rows = [[claim.name, claim.statement, claim.source] for claim in claims]
    print_table(console_of_output(), columns, rows, lines=True)


def print_certificate(certificate: Certificate) -> None:
    """A row a claim: its verdict, and the number that decides it, at the largest size and in the limit."""
    console = console_of_output()
    title = f"{'short run, ' if certificate.quick else ''}{counted(tested_numbers(certificate), 'number')} tested"
    rows = []
    for result in certificate.results:
        q = result.decisive
        others = len(result.quantities) - 1
        size, seeds = result.levels[-1]
        rows.append(
            [
                result.claim.name,
                f"{SYMBOLS[result.verdict]} {result.verdict}" + ("" if result.as_expected else ", unexpected"),
                q.label + (f" (and {others} more)" if others else ""),
                str(size),
                number_text(q.predicted[-1]),
                estimate_text(q.simulated[-1]),
                z_text(q.z, seeds),
                limit_text(result.claim, q) or agreement_text(result, q),
                exponent_text(q),
            ]
        )
    print_table(console, _COLUMNS, rows, f"{title}, chance of any false alarm {certificate.level:g}")
    console.print(tally(certificate), markup=False)
