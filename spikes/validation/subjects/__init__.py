"""Claims of the three papers and of the conditional equivalent, by name."""

from __future__ import annotations

from importlib import import_module

from spikes.validation.statement import Claim

__all__ = ["SUBJECTS", "registry"]

SUBJECTS = (
    "conditional_equivalent",
    "terms_of_the_law",
    "optimizers",
    "nonlinear_features",
    "laws",
    "giant_steps",
    "local_analysis",
)


def registry() -> dict[str, Claim]:
    """All claims by name, subject by subject."""
    claims = [c for subject in SUBJECTS for c in import_module(f"spikes.validation.subjects.{subject}").CLAIMS]
    found = {c.name: c for c in claims}
    assert len(found) == len(claims), "two claims of one name"
    return found
