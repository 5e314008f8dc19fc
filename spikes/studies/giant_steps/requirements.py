"""Samples that each step of a target's staircase asks for, and whether that is proved or conjectured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from theory.giant_steps import Staircase, TargetAnalysis

__all__ = ["CONJECTURED", "PROVED", "Requirement", "requirements"]

PROVED, CONJECTURED = "proved", "conjectured"


@dataclass(frozen=True)
class Requirement:
    """What one step asks for.

    Attributes
    ----------
    step : int
        From 1.
    degree : int
        ℓ: n = O(d^ℓ) samples.
    learned : int
        Dimension of the subspace learned after it.
    status : {"proved", "conjectured"}
        A first step of any ℓ, and further steps of n = O(d), are theorems of arXiv 2305.18270; a leap of two and more
        after a first step is not, and was only simulated (claim giant/leap-after-a-step).
    seen : bool
        Whether the activation learns as much with the same steps.
    """

    step: int
    degree: int
    learned: int
    status: str
    seen: bool

    def sentence(self) -> str:
        """In words."""
        power = "" if self.degree == 1 else f"^{self.degree}"
        unseen = "" if self.seen else "; the activation does not see it"
        plural = "s" if self.learned != 1 else ""
        return f"step {self.step}, n = O(d{power}): {self.learned} direction{plural}, {self.status}{unseen}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "step": self.step,
            "samples": f"d^{self.degree}",
            "learned": self.learned,
            "status": self.status,
            "seen_by_the_activation": self.seen,
        }


def requirements(analysis: TargetAnalysis, visible: Staircase) -> tuple[Requirement, ...]:
    """What the steps of a target's staircase with leaps of any size ask for.

    Parameters
    ----------
    analysis : TargetAnalysis
    visible : Staircase
        What the activation climbs of it with leaps of any size.

    Returns
    -------
    tuple of Requirement

    Examples
    --------
    >>> from theory.giant_steps import analyse_target, visible_staircase
    >>> made = analyse_target("z1 + z1*z2*z3")
    >>> for one in requirements(made, visible_staircase("z1 + z1*z2*z3", "relu", max_leap=made.leap)):
    ...     print(one.sentence())
    step 1, n = O(d): 1 direction, proved
    step 2, n = O(d^2): 3 directions, conjectured; the activation does not see it
    """
    full = analysis.full_staircase
    found = []
    for i, (stair, learned) in enumerate(zip(full.stairs, full.dimensions, strict=True)):
        status = PROVED if i == 0 or stair.degree == 1 else CONJECTURED
        seen = i < len(visible.dimensions) and visible.dimensions[i] >= learned
        found.append(Requirement(i + 1, int(stair.degree), int(learned), status, seen))
    return tuple(found)
