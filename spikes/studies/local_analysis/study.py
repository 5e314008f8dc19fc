"""Training beside its theory: the gap to the measure problem, the certificate's bound on the neurons' directions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.memory import THEORY, check_memory
from spikes.runtime.progress import progress_bar, shows_progress
from spikes.runtime.tasks import run_tasks, worker_count
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.training import HISTORY, Plan, Trained, check_size, train
from theory.local_analysis.dual_certificate import Certificate, certificate
from theory.local_analysis.early_stages import first_stage_tangent
from theory.local_analysis.measure import MeasureMinimum, check_decay, largest_decay, minimize_path, small_decay
from theory.local_analysis.population import signal_power
from theory.statement.teacher import Teacher, line_angles

__all__ = [
    "LocalStudy",
    "certificate_contract",
    "check_teacher",
    "compare_training",
    "holding_certificate",
    "mass_within",
    "teacher_powers",
]

_FITTED = 6
_RESOLVED = {"rms_angle": 1e-4, "population_loss": 1e-14}
"""Values that rounding does not reach; no exponent is fitted below them."""
_EPOCH = ("loss", "population_loss", "gradient_norm", "mass", "rms_angle", "spread", "f1", "f5", "f10")


def holding_certificate(teacher: Teacher) -> Certificate:
    """The minimum-norm certificate if it is non-degenerate, else the lowest even degree from 8 to 16 that is.

    Parameters
    ----------
    teacher : Teacher

    Returns
    -------
    Certificate

    Raises
    ------
    ArithmeticError
        If none is.
    """
    found = certificate(teacher)
    for degree in range(8, 18, 2):
        if found.exists:
            return found
        found = certificate(teacher, "degree", degree=degree)
    if found.exists:
        return found
    raise ArithmeticError(f"no certificate up to degree 16 is non-degenerate for this teacher: {found.statement()}")


def mass_within(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> tuple[np.ndarray, np.ndarray]:
    """Angles in degrees to the nearest teacher direction of a neuron's sign, and the share of the mass within each.

    Parameters
    ----------
    W : ndarray, shape (m, d)
    a : ndarray, shape (m,)
    teacher : Teacher

    Returns
    -------
    angle, share : ndarray, shape (alive neurons,)
        In increasing order.
    """
    norms = np.linalg.norm(W, axis=1)
    masses = np.abs(a) * norms
    alive = masses > 0.0
    angles = line_angles(W[alive], teacher.directions)
    agree = np.where(np.sign(a[alive])[:, None] == np.sign(teacher.weights), angles, 0.5 * math.pi)
    nearest = np.degrees(agree.min(axis=1))
    order = np.argsort(nearest)
    return nearest[order], np.cumsum(masses[alive][order]) / masses.sum()


def teacher_powers(teacher: Teacher) -> tuple[float, float]:
    """E f*² beyond the linear part, and λ_max, the decay above which the minimiser is zero.

    Parameters
    ----------
    teacher : Teacher

    Returns
    -------
    tuple of float
    """
    return signal_power(teacher), largest_decay(teacher)


@dataclass(frozen=True, eq=False, repr=False)
class LocalStudy(RowTable):
    """Runs of one plan beside the theory of their objective.

    Attributes
    ----------
    plan : Plan
    runs : tuple of Trained
    minima : tuple of MeasureMinimum
        For the decays of the plan, the largest first; none where the plan has no decay.
    """

    plan: Plan
    runs: tuple[Trained, ...]
    minima: tuple[MeasureMinimum, ...]

    @cached_property
    def certificate(self) -> Certificate:
        """The minimum-norm certificate."""
        return certificate(self.plan.teacher)

    @cached_property
    def bounding(self) -> Certificate:
        """The certificate of the bounds."""
        return holding_certificate(self.plan.teacher)

    @property
    def decays(self) -> np.ndarray:
        """λ of the epochs that were run."""
        return self.runs[0].decays[: self.runs[0].epochs_done]

    @property
    def finished(self) -> bool:
        """Whether all epochs of the plan were run."""
        return self.runs[0].epochs_done == len(self.runs[0].decays)

    @property
    def tangent(self) -> float:
        """Predicted ratio of the first step's part off the span to that within."""
        return first_stage_tangent(self.plan.teacher, n=self.plan.n, noise=self.plan.noise)

    def epochs(self, name: str) -> np.ndarray:
        """One column at the end of every epoch, the state before Stage 3 first: (seeds, 1 + epochs)."""
        return np.stack([run.epoch_ends()[:, HISTORY.index(name)] for run in self.runs])

    def minimum(self, decay: float) -> MeasureMinimum:
        """The measure problem of one of the plan's decays."""
        return next(found for found in self.minima if found.decay == decay)

    def gaps(self, run: int) -> np.ndarray:
        """ζ at every record of a run's history, at the decay of the record's epoch; nan where there is no decay."""
        history = self.runs[run]
        value = np.array([self.minimum(x).value if x > 0.0 else math.nan for x in history.column("decay")])
        return history.column("population_loss") + history.column("decay") * history.column("penalty") - value

    def gradient_ratios(self, run: int, least: float = 1e-9) -> tuple[np.ndarray, np.ndarray]:
        """ζ and ‖∇L_λ‖²λ²/ζ⁴ at the records of a run whose gap is resolved: larger than `least`.

        Parameters
        ----------
        run : int
        least : float
        """
        gap, history = self.gaps(run), self.runs[run]
        known = gap > least
        slope = (history.column("gradient_norm")[known] * history.column("decay")[known]) ** 2
        return gap[known], slope / gap[known] ** 4

    def resolved(self, name: str) -> tuple[np.ndarray, list[Estimate]]:
        """λ and means over the seeds of a column at the ends of the epochs where rounding does not reach it.

        Parameters
        ----------
        name : {"population_loss", "rms_angle"}
        """
        values = self.epochs(name)[:, 1:]
        shown = (values > _RESOLVED[name]).all(axis=0)
        return self.decays[shown], [estimate(column) for column in values[:, shown].T]

    def power_law(self, name: str) -> tuple[Estimate, np.ndarray, np.ndarray] | None:
        """The fitted `exponent` of a column, and the fitted line over the decays it is from; None below rounding.

        Parameters
        ----------
        name : {"population_loss", "rms_angle"}
        """
        last, values = self.decays[-_FITTED:], self.epochs(name)[:, 1:][:, -_FITTED:]
        if not (values > _RESOLVED[name]).all():
            return None
        slope = self.exponent(name)
        line = np.exp(np.log(values.mean(axis=0)).mean()) * (last / np.exp(np.log(last).mean())) ** slope.mean
        return slope, last, line

    def bounds(self, run: int) -> np.ndarray:
        """(ζ/λ + λ|p|²/4)/ρ_c at every record of a run: what Σ|a||w|δ² cannot exceed; nan where there is no decay."""
        decay = self.runs[run].column("decay")
        safe = np.where(decay > 0.0, decay, math.nan)
        return (self.gaps(run) / safe + 0.25 * safe * self.bounding.norm2) / self.bounding.rho_sphere

    @cached_property
    def epoch_gaps(self) -> np.ndarray:
        """ζ at the end of every epoch, nan where there is no decay: (seeds, epochs)."""
        value = np.array([self.minimum(x).value if x > 0.0 else math.nan for x in self.decays])
        loss, penalty = (self.epochs(name)[:, 1:] for name in ("population_loss", "penalty"))
        return loss + self.decays * penalty - value

    @property
    def tightest(self) -> float:
        """Smallest ratio of the bound to Σ|a||w|δ² over the records with a decay; at least 1, as the theory says.

        nan where there is no decay at all.
        """
        ratios = [self.bounds(i) / run.column("spread") for i, run in enumerate(self.runs)]
        together = np.concatenate(ratios)
        together = together[np.isfinite(together)]
        return float(together.min()) if len(together) else math.nan

    def exponent(self, name: str, last: int = _FITTED) -> Estimate:
        """Slope of ln of a column on ln λ over the last epochs, fitted to each run.

        Raises
        ------
        ValueError
            If fewer than three epochs have different decays.
        """
        decays = self.decays[-last:]
        different = len(np.unique(decays))
        if different < 3:
            raise ValueError(f"`epochs` must leave at least three different decays for an exponent; got {different}")
        x = np.log(decays)
        y = np.log(self.epochs(name)[:, 1:][:, -last:])
        x = x - x.mean()
        return estimate(y @ x / (x @ x))

    def plot(self, axes: Any = None) -> Any:
        """Draw the descent, and where the mass is: `plot_training` of this subject's figures."""
        from spikes import studies

        return studies.local_analysis.plot_training(self, axes)

    def rows(self) -> list[Row]:
        """The first step's tangent; at the end of each epoch loss, objective and mass beside those of the minimiser."""
        predicted = first_stage_tangent(self.plan.teacher, n=self.plan.n, noise=self.plan.noise)
        rows = [row("tangent", predicted, estimate([run.tangent for run in self.runs]))]
        columns = {name: self.epochs(name)[:, 1:] for name in ("population_loss", "penalty", "mass")}
        for k, decay in enumerate(self.decays):
            if decay == 0.0:
                continue
            found = self.minimum(decay)
            objective = columns["population_loss"][:, k] + decay * columns["penalty"][:, k]
            label = f"epoch {k + 1}"
            rows.append(row(f"{label} loss", found.loss, estimate(columns["population_loss"][:, k])))
            rows.append(row(f"{label} objective", found.value, estimate(objective)))
            rows.append(row(f"{label} mass", float(np.abs(found.masses).sum()), estimate(columns["mass"][:, k])))
        return rows

    def remark(self) -> str:
        """How training and the theory of its objective compare."""
        return conclusion(self.rows())

    def theory_dict(self) -> dict[str, Any]:
        """The ``theory`` part of the contract."""
        teacher, law = self.plan.teacher, small_decay(self.certificate, self.decays)
        return {
            "signal_power": signal_power(teacher),
            "largest_decay": largest_decay(teacher),
            "tangent": self.tangent,
            "certificate": self.certificate.to_dict(),
            "bounding_certificate": self.bounding.to_dict(),
            "minima": [self.minimum(x).to_dict() for x in self.decays if x > 0.0],
            "small_decay": {
                "decay": self.decays.tolist(),
                "loss": np.asarray(law.loss).tolist(),
                "value": np.asarray(law.value).tolist(),
            },
        }

    def simulation_dict(self) -> dict[str, Any]:
        """The ``simulation`` part of the contract."""

        def one(values: Any) -> dict[str, float | None]:
            return estimate(np.asarray(values)).to_dict()

        columns = {name: self.epochs(name) for name in _EPOCH}
        epochs = []
        for k, decay in enumerate(self.decays):
            entry: dict[str, Any] = {"epoch": k + 1, "decay": float(decay)}
            entry |= {name: one(values[:, k + 1]) for name, values in columns.items()}
            entry["gap"] = one(self.epoch_gaps[:, k]) if decay > 0.0 else None
            epochs.append(entry)
        fitted = {}
        if len(np.unique(self.decays[-_FITTED:])) >= 3:
            for name, least in _RESOLVED.items():
                if (self.epochs(name)[:, 1:][:, -_FITTED:] > least).all():
                    fitted[name] = self.exponent(name).to_dict()
        tightest = self.tightest
        return {
            "seeds": len(self.runs),
            "finished": self.finished,
            "label_power": one([run.power for run in self.runs]),
            "random_features_loss": one([run.random_loss for run in self.runs]),
            "tangent": one([run.tangent for run in self.runs]),
            "early": {name: one(values[:, 0]) for name, values in columns.items()},
            "epochs": epochs,
            "exponents": fitted,
            "smallest_bound_over_spread": None if math.isnan(tightest) else tightest,
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: schema, problem, theory, simulation, agreement."""
        return contract(self.plan, self.theory_dict(), self.simulation_dict(), self.rows())


def certificate_contract(found: Certificate) -> dict[str, Any]:
    """The contract of a certificate alone: its curve in the plane, or a sample of the sphere of the span.

    Parameters
    ----------
    found : Certificate

    Returns
    -------
    dict
    """
    theory: dict[str, Any] = {
        "largest_decay": largest_decay(found.teacher),
        "signal_power": signal_power(found.teacher),
    }
    theory["certificate"] = found.to_dict()
    if found.teacher.rank == 2:
        degrees, eta = found.curve()
        theory["curve"] = {"degrees": degrees.tolist(), "eta": eta.tolist()}
    else:
        angle, modulus = found.sample()
        theory["sample"] = {"angle": np.degrees(angle).tolist(), "modulus": modulus.tolist()}
    return contract(found.teacher, theory)


def check_teacher(teacher: Teacher) -> None:
    """Refuse a teacher of whose certificate the conditions do not fit in memory: r unknowns for each of m directions.

    Parameters
    ----------
    teacher : Teacher

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    m, r = teacher.size, teacher.rank
    stated = f"`teacher` must have a certificate that fits in memory: {m} directions of rank {r}"
    points = 1500 * (r + 1) + m * (m - 1)
    check_memory(stated, max(4 * (m * r) ** 2, 7.5 * points * m), process=THEORY)


@recorded
@shows_progress
def compare_training(
    plan: Plan,
    seeds: int = 1,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    *,
    checkpoint: str | None = None,
    stop_after: int | None = None,
    progress: bool = True,
) -> LocalStudy:
    """Train from several starts, and solve the measure problem of every decay.

    Parameters
    ----------
    plan : Plan
    seeds : int
        Independent starts, and samples.
    seed : int, SeedSequence or Generator
        Source of all of them; the same seed gives the same bits whatever `workers` is.
    workers : int, optional
        Processes; as many as processors by default.
    checkpoint : str, optional
        Runs are kept there and continued from there; with several seeds in files NAME-0, NAME-1, ….
    stop_after : int, optional
        Leave the runs after so many epochs.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    LocalStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule, or λ₀ is not below λ_max.
    ArithmeticError
        If the training diverges or the measure problem is not solved.
    """
    seeds = check_seeds(seeds)
    check_teacher(plan.teacher)
    check_size(plan, worker_count(workers, seeds))
    if plan.schedule != "none" and plan.epochs:
        check_decay(plan.teacher, plan.first_decay(signal_power(plan.teacher) + plan.noise**2))
    sequence = as_seed_sequence(seed)
    tasks = [
        (plan, derived_sequence(sequence, i), numbered_checkpoint(checkpoint, i, seeds), stop_after)
        for i in range(seeds)
    ]
    if seeds == 1:
        with progress_bar("epochs", plan.epochs) as advance:
            runs = [train(*tasks[0][:2], checkpoint=checkpoint, stop_after=stop_after, advance=advance)]
    else:
        runs = run_tasks(_run, tasks, workers=workers)
    decays = np.unique(runs[0].decays[: runs[0].epochs_done])[::-1]
    minima = minimize_path(plan.teacher, decays[decays > 0.0])
    return LocalStudy(plan, tuple(runs), tuple(minima))


def numbered_checkpoint(checkpoint: str | None, i: int, seeds: int) -> str | None:
    """The file of one of several seeds: its number stands before the suffix."""
    if checkpoint is None or seeds == 1:
        return checkpoint
    path = Path(checkpoint)
    return str(path.with_name(f"{path.stem}-{i}{path.suffix}"))


def _run(plan: Plan, sequence: np.random.SeedSequence, checkpoint: str | None, stop_after: int | None) -> Trained:
    return train(plan, sequence, checkpoint=checkpoint, stop_after=stop_after)
