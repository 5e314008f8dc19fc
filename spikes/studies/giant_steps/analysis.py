"""What a target offers to giant steps, and what an activation lets through, in one report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, contract
from spikes.presentation.figure import in_style
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.memory import THEORY, check_memory
from spikes.studies.giant_steps.requirements import Requirement, requirements
from theory.giant_steps import (
    Dropped,
    Residual,
    Staircase,
    TargetAnalysis,
    analyse_target,
    residual,
    visible_staircase,
)
from theory.giant_steps.replicas import BATCHES, check_samples
from theory.statement.activation import Activation, as_activation
from theory.statement.target import Target, as_target

__all__ = ["TargetReport", "report_target"]


@dataclass(frozen=True, eq=False, repr=False)
class TargetReport(RowTable):
    """Exponents and staircases of a target, and the floors they leave.

    Attributes
    ----------
    analysis : TargetAnalysis
    activation : Activation
    visible : Staircase
        What the activation can climb.
    floors : tuple of Residual
        E[(g − P_{U,1} g)²] with U = {0} and after each step of the visible staircase: the floor of ridge regression
        with n, N = O(d).
    requirements : tuple of Requirement
        Samples that each step of the staircase with leaps of any size asks for.
    """

    analysis: TargetAnalysis
    activation: Activation
    visible: Staircase
    floors: tuple[Residual, ...]
    requirements: tuple[Requirement, ...] = ()

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw energies by degree and staircases: `plot_report` of this subject's figures."""
        from spikes import studies

        return studies.giant_steps.plot_report(self, axes)

    def rows(self) -> list[Row]:
        """None: nothing is simulated."""
        return []

    def remark(self) -> str:
        """How much of the target steps of n = O(d^max_leap) samples climb to, and what is left to ridge regression."""
        seen, target = self.visible, self.analysis.target
        power = "" if seen.max_leap == 1 else f"^{seen.max_leap}"
        learned = seen.dimensions[-1] if len(seen.dimensions) else 0
        floor = self.floors[-1].value if self.floors[-1].value > 1e-10 * self.analysis.variance else 0.0
        return (
            f"with steps of n = O(d{power}) samples {self.activation.name} learns {learned} of {target.k} "
            f"direction{'s' if target.k > 1 else ''} in {len(seen.stairs)} step{'s' if len(seen.stairs) != 1 else ''}; "
            f"ridge regression with n, N = O(d) then leaves {floor:.4g} of the variance {self.analysis.variance:.4g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; there is no simulation, and of the problem only target and activation matter."""
        made = self.analysis
        theory = {
            "method": made.method,
            "mean": made.mean,
            "variance": made.variance,
            "energies": made.energies.tolist(),
            "energy_errors": made.energy_errors.tolist(),
            "information_exponent": made.information_exponent,
            "leap": made.leap,
            "dropped": _small(made.dropped),
            "staircase": _plain(made.staircase),
            "full_staircase": _plain(made.full_staircase),
            "visible_staircase": _plain(self.visible),
            "floors": [{"value": f.value, "error": f.error, "method": f.method} for f in self.floors],
            "requirements": [one.to_dict() for one in self.requirements],
        }
        problem = {"target": made.target.name, "latents": made.target.k, "activation": self.activation.name}
        return contract(problem, theory)


def _plain(staircase: Staircase) -> dict[str, Any]:
    return {
        "max_leap": staircase.max_leap,
        "complete": bool(staircase.complete),
        "dimensions": list(staircase.dimensions),
        "dropped": _small(staircase.dropped),
        "steps": [
            {
                "degree": int(stair.degree),
                "directions": stair.directions.T.tolist(),
                "eigenvalues": stair.eigenvalues.tolist(),
                "errors": stair.errors.tolist(),
            }
            for stair in staircase.stairs
        ],
    }


def _small(dropped: tuple[Dropped, ...]) -> list[dict[str, Any]]:
    return [
        {
            "known": int(piece.known),
            "degree": int(piece.degree),
            "directions": piece.directions.T.tolist(),
            "eigenvalues": piece.eigenvalues.tolist(),
            "threshold": float(piece.threshold),
        }
        for piece in dropped
    ]


@recorded
def report_target(
    target: str | Callable[[np.ndarray], np.ndarray] | Target,
    activation: str | Activation = "relu",
    *,
    max_leap: int = 1,
    method: str = "auto",
    samples: int = 2**20,
    seed: int = 0,
) -> TargetReport:
    """Information exponent, leap, staircase, visible staircase and floors of a target.

    Parameters
    ----------
    target : str, callable or Target
    activation : str or Activation
    max_leap, method, samples, seed
        As in `theory.giant_steps.analyse_target`.

    Returns
    -------
    TargetReport

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the target does not depend on its latents.
    ArithmeticError
        If the target depends on something that no Hermite tensor looked at shows.
    """
    sigma = as_activation(activation)
    stated = f"`samples` must leave room in memory: samples = {samples}"
    target = as_target(target)
    # two replicas of a batch: latents, their coordinates and polynomials of these, and values
    check_memory(stated, (3.0 + 4.5 * target.k) * check_samples(samples) / BATCHES, process=THEORY)
    options: dict[str, Any] = {"max_leap": max_leap, "method": method, "samples": samples, "seed": seed}
    analysis = analyse_target(target, **options)
    visible = visible_staircase(analysis.target, sigma, **options)
    learned = [None] + [visible.subspace(t) for t in range(1, len(visible.stairs) + 1)]
    floors = tuple(residual(analysis.target, U, 1, samples=samples, seed=seed) for U in learned)
    leap = max(analysis.leap, max_leap)
    whole = visible if leap == max_leap else visible_staircase(analysis.target, sigma, **options | {"max_leap": leap})
    return TargetReport(analysis, sigma, visible, floors, requirements(analysis, whole))
