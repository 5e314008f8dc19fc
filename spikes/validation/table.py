"""Claims and verdicts on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from spikes.presentation.terminal import console_of_output
from spikes.validation.certificate import Certificate
from spikes.validation.presentation import (
    SYMBOLS,
    agreement_text,
    estimate_text,
    exponent_text,
    limit_text,
    number_text,
    tally,
    tested_numbers,
    z_text,
)
from spikes.validation.statement import Claim

__all__ = ["print_certificate", "print_claims"]


def print_claims(claims: Iterable[Claim]) -> None:
    """Name, statement and source of claims."""
    table = Table("claim", "statement", "source", show_lines=True)
    table.columns[0].no_wrap = True
    for claim in claims:
        table.add_row(escape(claim.name), escape(claim.statement), escape(claim.source))
    console_of_output().print(table, soft_wrap=False)


def print_certificate(certificate: Certificate) -> None:
    """A row a claim: its verdict, and the number that decides it, at the largest size and in the limit."""
    console = console_of_output()
    count = tested_numbers(certificate)
    title = f"{'short run, ' if certificate.quick else ''}{count} number{'s' if count > 1 else ''} tested"
    table = Table(title=f"{title}, chance of any false alarm {certificate.level:g}")
    for column in ("claim", "verdict", "quantity", "size", "predicted", "simulated", "z", "limit of the difference"):
        words = column in ("claim", "verdict", "quantity")
        table.add_column(column, justify="left" if words else "right", no_wrap=column != "quantity")
    table.add_column("exponent", justify="right", no_wrap=True)
    for result in certificate.results:
        q = result.decisive
        others = len(result.quantities) - 1
        z = q.differences[-1].z if q.limit is not None else float("nan")
        table.add_row(
            escape(result.claim.name),
            f"{SYMBOLS[result.verdict]} {result.verdict}" + ("" if result.as_expected else ", unexpected"),
            escape(q.label) + (f" (and {others} more)" if others else ""),
            str(result.levels[-1][0]),
            number_text(q.predicted[-1]),
            estimate_text(q.simulated[-1]),
            z_text(z),
            escape(limit_text(result.claim, q) or agreement_text(result, q)),
            exponent_text(q),
        )
    console.print(table)
    console.print(tally(certificate), markup=False)
