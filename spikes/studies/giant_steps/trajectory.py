"""Several giant steps, theory beside simulation: overlaps of the weights against state evolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.checkpoint import run_units
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import run_tasks, worker_count
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.trajectory import check_size, start_network, trajectory
from theory.giant_steps import Residual, Staircase, StateEvolution, residual, state_evolution, visible_staircase
from theory.statement.problem import Problem
from theory.statement.protocol import Protocol

__all__ = ["LARGEST_WIDTH", "TrajectoryStudy", "study_trajectory"]

LARGEST_WIDTH = 200
"""Neurons whose interacting state evolution is worked out: its cost grows as the square of their number."""

_GROUPS = (("a > 0", 1.0), ("a < 0", -1.0))


@dataclass(frozen=True, eq=False, repr=False)
class TrajectoryStudy(RowTable):
    """Overlaps through T steps, simulated and predicted.

    Attributes
    ----------
    problem : Problem
    protocol : Protocol
    runs : tuple of dict
        For each seed ``a`` (N,), ``cosines`` (T + 1, N, k), ``norm2`` (T + 1, N), ``alignment`` (T, k), and
        ``test_error`` (T + 1, L) where it was asked for.
    theory : tuple of StateEvolution
        One for each seed, its neurons in the order of the run.
    visible : Staircase
        What the activation can climb with steps of n = O(d).
    floors : tuple of Residual
        E[(g − P_{U,1} g)²] after 0 … T steps of the visible staircase.
    """

    problem: Problem
    protocol: Protocol
    runs: tuple[dict[str, np.ndarray], ...]
    theory: tuple[StateEvolution, ...]
    visible: Staircase
    floors: tuple[Residual, ...]

    @property
    def groups(self) -> tuple[tuple[str, float], ...]:
        """Names and signs of the neurons told apart: those of positive and of negative a."""
        return tuple((name, sign) for name, sign in _GROUPS if all(np.any(sign * run["a"] > 0.0) for run in self.runs))

    def simulated(self, sign: float) -> np.ndarray:
        """Mean cosines over the neurons of one sign, shape (seeds, T + 1, k)."""
        return np.stack([run["cosines"][:, sign * run["a"] > 0.0].mean(axis=1) for run in self.runs])

    def predicted(self, sign: float) -> np.ndarray:
        """The same from state evolution, rounding dust removed."""
        means = np.stack(
            [
                made.cosines[:, sign * run["a"] > 0.0].mean(axis=1)
                for made, run in zip(self.theory, self.runs, strict=True)
            ]
        )
        return np.where(np.abs(means) > 1e-13, means, 0.0)

    def root_mean_square(self) -> tuple[np.ndarray, np.ndarray]:
        """Root mean squares over neurons of the cosines, simulated and predicted, each (seeds, T + 1, k)."""
        one = [np.sqrt(np.mean(run["cosines"] ** 2, axis=1)) for run in self.runs]
        two = [np.sqrt(np.mean(made.cosines**2, axis=1)) for made in self.theory]
        return np.stack(one), np.stack(two)

    def mean_root_squares(self, r: int) -> tuple[list[Estimate], np.ndarray]:
        """Root mean square cosine with direction r after each step: simulated, over the seeds, and predicted."""
        simulated, predicted = self.root_mean_square()
        return [estimate(column) for column in simulated[..., r].T], predicted[..., r].mean(axis=0)

    def distance(self) -> np.ndarray:
        """Root mean square over neurons, directions and seeds of the difference of the cosines, times √d: (T + 1,)."""
        squares = [
            np.mean((run["cosines"] - made.cosines) ** 2, axis=(1, 2))
            for run, made in zip(self.runs, self.theory, strict=True)
        ]
        return np.sqrt(self.problem.d * np.mean(squares, axis=0))

    def plot(self, axes: Any = None) -> Any:
        """Draw cosines against steps: `plot_trajectory` of this subject's figures."""
        from spikes import studies

        return studies.giant_steps.plot_trajectory(self, axes)

    def rows(self) -> list[Row]:
        """Mean cosines of the neurons of one sign after each step; the prediction is that for each seed's second layer,
        and the standard error that of the difference."""
        rows = []
        for step in range(1, self.protocol.steps + 1):
            for name, sign in self.groups:
                one, two = self.simulated(sign)[:, step], self.predicted(sign)[:, step]
                for r in range(self.problem.teacher.k):
                    measured = Estimate(float(one[:, r].mean()), estimate(one[:, r] - two[:, r]).sem, len(self.runs))
                    rows.append(row(f"step {step}, cos z{r + 1}, {name}", float(two[:, r].mean()), measured))
        return rows

    def remark(self) -> str:
        """How theory and simulation compare."""
        return conclusion(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""

        def entries(values: np.ndarray) -> Any:
            """Means and standard errors over the first axis, nested as the rest."""
            if values.ndim == 1:
                return estimate(values).to_dict()
            return [entries(column) for column in np.moveaxis(values, 1, 0)]

        def norms(of: Any, sign: float) -> np.ndarray:
            return np.stack([made[:, sign * run["a"] > 0.0].mean(axis=1) for made, run in of])

        paired = list(zip(self.theory, self.runs, strict=True))
        theory = {
            "protocol": self.protocol.to_dict(self.problem),
            "eta_giant_step_literature": self.problem.step_size * math.sqrt(self.problem.width),
            "delta": self.problem.n0 / self.problem.d,
            "cosine": {name: self.predicted(sign).mean(axis=0).tolist() for name, sign in self.groups},
            "norm2": {
                name: norms([(made.norm2, run) for made, run in paired], sign).mean(axis=0).tolist()
                for name, sign in self.groups
            },
            "numerical_error": {
                "M": float(max(made.M_error.max() for made in self.theory)),
                "Q": float(max(made.Q_error.max() for made in self.theory)),
            },
            "visible_dimensions": list(self.visible.dimensions),
            "floors": [{"value": f.value, "error": f.error} for f in self.floors],
        }
        simulation = {
            "seeds": len(self.runs),
            "cosine": {name: entries(self.simulated(sign)) for name, sign in self.groups},
            "norm2": {
                name: entries(norms([(run["norm2"], run) for run in self.runs], sign)) for name, sign in self.groups
            },
            "distance_times_sqrt_d": self.distance().tolist(),
            "alignment": entries(np.stack([run["alignment"] for run in self.runs])),
            "ridge": list(self.problem.ridges),
            "test_error": entries(np.stack([run["test_error"] for run in self.runs]))
            if "test_error" in self.runs[0]
            else None,
        }
        return contract(self.problem, theory, simulation, self.rows())


def _run(problem: Problem, protocol: Protocol, sequence: np.random.SeedSequence, refit: bool) -> dict[str, np.ndarray]:
    made = trajectory(problem, protocol, sequence, refit=refit)
    kept = {"a": made.a, "cosines": made.cosines, "norm2": made.norm2, "alignment": made.alignment}
    return kept | ({"test_error": made.test_error} if refit else {})


def _order(a: np.ndarray, symmetric: bool) -> np.ndarray:
    """An order of the neurons that depends on the multiset of a alone; of pairs, the positive halves come first."""
    if not symmetric:
        return np.argsort(a, kind="stable")
    half = len(a) // 2
    pairs = np.argsort(np.abs(a[:half]), kind="stable")
    first = np.where(a[pairs] > 0.0, pairs, pairs + half)
    return np.concatenate([first, (first + half) % len(a)])


def _evolve(problem: Problem, protocol: Protocol, a: tuple[float, ...], points: int) -> StateEvolution:
    start = None
    if protocol.start == "symmetric":
        start = np.zeros((len(a), problem.teacher.k)), np.kron(np.ones((2, 2)), np.eye(len(a) // 2))
    return state_evolution(
        problem, np.array(a), steps=protocol.steps, interacting=protocol.interacting, start=start, points=points
    )


@recorded
@shows_progress
def study_trajectory(
    problem: Problem,
    protocol: Protocol | None = None,
    *,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    refit: bool = False,
    points: int = 2**15,
    checkpoint: str | None = None,
    progress: bool = True,
) -> TrajectoryStudy:
    """Take T giant steps for several seeds and lay state evolution beside them.

    Parameters
    ----------
    problem : Problem
        n₀ = δd fresh samples for each step. Its η is that of this package; the giant-step literature's is √N times it.
    protocol : Protocol, optional
        Without preprocessing, which state evolution does not know.
    seeds : int
    seed : int, SeedSequence or Generator
    workers : int, optional
    refit : bool
        Fit a second layer on n fresh samples after every step and measure its test error.
    points : int
        Quasi-Monte Carlo points for each step of an interacting state evolution without closed form.
    checkpoint : path, optional
        See `spikes.runtime.checkpoint.run_units`.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    TrajectoryStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    protocol = protocol or Protocol(steps=4, preprocessing="none", start="random")
    if protocol.labels(problem) != "none":
        raise ValueError(
            f"`preprocessing` must be none for state evolution; got {protocol.labels(problem)} "
            f"(the default for more than d^1.5 samples is ols)"
        )
    if protocol.interacting and problem.width > LARGEST_WIDTH:
        raise ValueError(
            f"`width` must be at most {LARGEST_WIDTH} for the state evolution of interacting neurons; "
            f"got {problem.width}: neurons that see the labels alone have no such limit"
        )
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    check_size(problem, protocol, worker_count(workers, seeds), refit=refit)
    start_network(problem, protocol, sequence)
    statement = {
        "command": "giant trajectory",
        "problem": problem.to_dict(),
        "functions": problem.fingerprint(),
        "protocol": protocol.to_dict(problem),
        "refit": bool(refit),
        "seed": [str(sequence.entropy), list(sequence.spawn_key)],
    }
    visible = visible_staircase(problem.teacher, problem.sigma)
    units = [(f"seed {i}", (problem, protocol, derived_sequence(sequence, i), bool(refit))) for i in range(seeds)]
    runs = run_units(_run, units, statement=statement, checkpoint=checkpoint, workers=workers)
    orders = [_order(run["a"], protocol.start == "symmetric") for run in runs]
    layers = [tuple(run["a"][order].tolist()) for run, order in zip(runs, orders, strict=True)]
    distinct = list(dict.fromkeys(layers))
    tasks = [(problem, protocol, layer, points) for layer in distinct]
    made = dict(zip(distinct, run_tasks(_evolve, tasks, workers=workers, label="state evolution"), strict=True))
    theory = tuple(_reordered(made[layer], np.argsort(order)) for layer, order in zip(layers, orders, strict=True))
    learned = [None] + [visible.subspace(t) for t in range(1, len(visible.stairs) + 1)]
    floors = [residual(problem.teacher, U, 1) for U in learned]
    floors += [floors[-1]] * (protocol.steps + 1 - len(floors))
    return TrajectoryStudy(problem, protocol, tuple(runs), theory, visible, tuple(floors[: protocol.steps + 1]))


def _reordered(made: StateEvolution, order: np.ndarray) -> StateEvolution:
    """The same evolution with its neurons in another order."""
    Q = made.Q[:, order][:, :, order] if made.Q.shape[1] else made.Q
    return StateEvolution(made.M[:, order], made.norm2[:, order], Q, made.M_error, made.Q_error)
