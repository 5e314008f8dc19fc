"""One giant step, theory beside simulation: cosines of gradients and weights with the target's directions."""

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
from spikes.runtime.tasks import worker_count
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.trajectory import check_size, start_network, trajectory
from theory.giant_steps import (
    CosineLaw,
    analyse_target,
    cosine_law,
    draw_cosines,
    limit_squared_cosine,
    predict_neurons,
)
from theory.statement.problem import Problem
from theory.statement.protocol import Protocol

__all__ = ["StepStudy", "study_step"]

_CLOUD = 150_000
_SHOWN, _BINS = 1000, 48  # of the figure


def _smoothed(density: np.ndarray) -> np.ndarray:
    """A histogram blurred by two of its bins, so that its contours show the law and not the draw."""
    x = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (x / 2.0) ** 2)
    kernel /= kernel.sum()
    blurred = np.apply_along_axis(np.convolve, 0, density, kernel, "same")
    return np.apply_along_axis(np.convolve, 1, blurred, kernel, "same")


@dataclass(frozen=True, eq=False, repr=False)
class StepStudy(RowTable):
    """Cosines of one step, simulated and predicted.

    Attributes
    ----------
    problem : Problem
    protocol : Protocol
    runs : tuple of dict
        For each seed ``a`` (N,), the initial overlaps ``m`` (N, k), and the cosines of gradients ``gradient`` and of
        weights ``weight`` (N, k) after the step.
    law : CosineLaw or None
        Mean and covariances at n = δd, where the labels have a linear part that the step sees.
    predicted : ndarray, shape (seeds, 2, k)
        Mean over neurons of the squared cosines of gradients and weights, at the realised overlaps of each seed.
    degree : int
        ℓ, the lowest degree left in the labels.
    limit : float or None
        E cos² with the whole subspace as d → ∞ at this δ_ℓ = n/d^ℓ.
    cloud : ndarray, shape (C, k)
        Draws from the predicted law of one neuron's gradient, for the figure.
    """

    problem: Problem
    protocol: Protocol
    runs: tuple[dict[str, np.ndarray], ...]
    law: CosineLaw | None
    predicted: np.ndarray
    degree: int
    limit: float | None
    cloud: np.ndarray

    def squared(self, name: str) -> np.ndarray:
        """Mean over neurons of the squared cosines of ``gradient`` or ``weight``, shape (seeds, k)."""
        return np.stack([np.mean(run[name] ** 2, axis=0) for run in self.runs])

    def shown_neurons(self) -> np.ndarray:
        """Cosines of the gradients of about a thousand neurons, as many of each seed: (neurons, k)."""
        # pairs of a symmetric start share their gradient
        distinct = self.problem.width // (2 if self.protocol.start == "symmetric" else 1)
        shown = min(distinct, max(1, _SHOWN // len(self.runs)))
        return np.concatenate([run["gradient"][:shown] for run in self.runs])

    def ellipse(self, share: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Centre, axes and angle in degrees of the ellipse that holds a share of the predicted cosines of z₁ and z₂.

        The scatter of seeds counts as well as that of neurons.

        Parameters
        ----------
        share : float
            Between 0 and 1.

        Raises
        ------
        ValueError
            If there is no Gaussian law: `law` is None.
        """
        if self.law is None:
            raise ValueError("`law` must be there for an ellipse; got None")
        values, vectors = np.linalg.eigh((self.law.neuron_covariance + self.law.seed_covariance)[:2, :2])
        # of a Gaussian in the plane, |x|²/2 is exponential
        radius = math.sqrt(-2.0 * math.log(1.0 - share))
        angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
        return self.law.mean[:2], 2.0 * radius * np.sqrt(values[::-1]), angle

    def cloud_density(self, shares: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]]:
        """The predicted cloud of cosines of z₁ and z₂ as a smooth density, and the levels that hold given shares of it.

        Parameters
        ----------
        shares : tuple of float
            Between 0 and 1.

        Returns
        -------
        first, second : ndarray, shape (bins,)
            Centres of the bins.
        density : ndarray, shape (bins, bins)
            Its columns belong to the first cosine.
        levels : list of float
        """
        low, high = np.quantile(self.cloud[:, :2], [0.0005, 0.9995], axis=0)
        room = 0.15 * (high - low)
        edges = [np.linspace(a, b, _BINS + 1) for a, b in zip(low - room, high + room, strict=True)]
        density = _smoothed(np.histogram2d(self.cloud[:, 0], self.cloud[:, 1], edges)[0].T / len(self.cloud))
        ranked = np.sort(density.ravel())[::-1]
        levels = [float(ranked[np.searchsorted(np.cumsum(ranked), share)]) for share in shares]
        first, second = (0.5 * (e[1:] + e[:-1]) for e in edges)
        return first, second, density, levels

    def plot(self, axes: Any = None) -> Any:
        """Draw cosines of gradients over the predicted cloud: `plot_cosines` of this subject's figures."""
        from spikes import studies

        return studies.giant_steps.plot_cosines(self, axes)

    def rows(self) -> list[Row]:
        """Theory beside simulation.

        Squared cosines are paired: the prediction is that for the overlaps each seed drew, and the standard error that
        of the difference over seeds.
        """
        rows, seeds, k = [], len(self.runs), self.problem.teacher.k
        if self.law is not None:
            cosines = [run["gradient"] for run in self.runs]
            means = np.stack([c.mean(axis=0) for c in cosines])
            spreads = np.stack([c.std(axis=0, ddof=1) for c in cosines])
            for r in range(k):
                rows.append(row(f"cos z{r + 1}", self.law.mean[r], estimate(means[:, r])))
            for r in range(k):
                rows.append(row(f"std over neurons, z{r + 1}", self.law.neuron_std[r], estimate(spreads[:, r])))
            if seeds > 2:
                for r in range(k):
                    std = float(means[:, r].std(ddof=1))
                    measured = Estimate(std, std / math.sqrt(2.0 * (seeds - 1)), seeds)
                    rows.append(row(f"std over seeds, z{r + 1}", self.law.seed_std[r], measured))
        for i, name in enumerate(("gradient", "weight")):
            simulated, predicted = self.squared(name), self.predicted[:, i]
            columns = [(f"cos² {name}, z{r + 1}", simulated[:, r], predicted[:, r]) for r in range(k)]
            if k > 1:
                columns.append((f"cos² {name}, subspace", simulated.sum(axis=1), predicted.sum(axis=1)))
            for label, one, two in columns:
                sem = estimate(one - two).sem
                rows.append(row(label, float(two.mean()), Estimate(float(one.mean()), sem, seeds)))
        return rows

    def remark(self) -> str:
        """How theory and simulation compare."""
        return conclusion(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        law = None
        if self.law is not None:
            law = {
                "mean": self.law.mean.tolist(),
                "norm2": self.law.norm2,
                "neuron_covariance": self.law.neuron_covariance.tolist(),
                "seed_covariance": self.law.seed_covariance.tolist(),
            }
        theory = {
            "protocol": self.protocol.to_dict(self.problem),
            "eta_giant_step_literature": self.problem.step_size * math.sqrt(self.problem.width),
            "degree": self.degree,
            "cosine_law": law,
            "gradient_cos2": self.predicted[:, 0].mean(axis=0).tolist(),
            "weight_cos2": self.predicted[:, 1].mean(axis=0).tolist(),
            "limit_cos2": self.limit,
        }

        def entries(values: np.ndarray) -> list[dict[str, float | None]]:
            return [estimate(column).to_dict() for column in values.T]

        cosines = [run["gradient"] for run in self.runs]
        simulation = {
            "seeds": len(self.runs),
            "neurons": self.problem.width,
            "cosine": entries(np.stack([c.mean(axis=0) for c in cosines])),
            "neuron_std": entries(np.stack([c.std(axis=0, ddof=1) for c in cosines])),
            "gradient_cos2": entries(self.squared("gradient")),
            "weight_cos2": entries(self.squared("weight")),
        }
        return contract(self.problem, theory, simulation, self.rows())


def _run(problem: Problem, protocol: Protocol, sequence: np.random.SeedSequence) -> dict[str, np.ndarray]:
    made = trajectory(problem, protocol, sequence)
    return {"a": made.a, "m": made.M[0], "gradient": made.gradient_cosines[0], "weight": made.cosines[1]}


@recorded
@shows_progress
def study_step(
    problem: Problem,
    protocol: Protocol | None = None,
    *,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    checkpoint: str | None = None,
    progress: bool = True,
) -> StepStudy:
    """Take one giant step for several seeds and lay the predictions beside it.

    Parameters
    ----------
    problem : Problem
        n₀ samples for the step. Its η is that of this package; the giant-step literature's is √N times it.
    protocol : Protocol, optional
        Of one step.
    seeds : int
    seed : int, SeedSequence or Generator
    workers : int, optional
    checkpoint : path, optional
        See `spikes.runtime.checkpoint.run_units`.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    StepStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the protocol has more than one step.
    """
    protocol = protocol or Protocol()
    if protocol.steps != 1:
        raise ValueError(f"`steps` must be 1 for a study of one step; got {protocol.steps}")
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    check_size(problem, protocol, worker_count(workers, seeds))
    start_network(problem, protocol, sequence)  # refuses what cannot start before any prediction is made
    statement = {
        "command": "giant step",
        "problem": problem.to_dict(),
        "functions": problem.fingerprint(),
        "protocol": protocol.to_dict(problem),
        "seed": [str(sequence.entropy), list(sequence.spawn_key)],
    }
    labels = protocol.labels(problem)
    degree = _lowest_degree(problem, labels)
    limit = None
    if degree <= 4:
        limit = limit_squared_cosine(
            problem.teacher,
            problem.sigma,
            problem.n0 / float(problem.d) ** degree,
            degree=degree,
            noise=problem.noise,
            preprocessing=labels,
        )
    law = None
    if labels == "none" and degree == 1:
        try:
            law = cosine_law(problem, start=protocol.start)
        except ValueError:  # an activation that is blind to degree 1 has no such law
            law = None
    units = [(f"seed {i}", (problem, protocol, derived_sequence(sequence, i))) for i in range(seeds)]
    runs = run_units(_run, units, statement=statement, checkpoint=checkpoint, workers=workers)
    predicted = []
    for run in runs:
        made = predict_neurons(problem, run["m"], protocol=protocol, a=run["a"])
        predicted.append([made.gradient_cos2.mean(axis=0), made.weight_cos2.mean(axis=0)])
    generator = np.random.default_rng(0)
    # the first k coordinates of a uniform unit vector; of the others only the length matters
    m = generator.standard_normal((_CLOUD, problem.teacher.k))
    m /= np.sqrt(np.sum(m**2, axis=1) + generator.chisquare(problem.d - problem.teacher.k, len(m)))[:, None]
    if law is not None:
        cloud = generator.multivariate_normal(law.mean, law.neuron_covariance + law.seed_covariance, size=_CLOUD)
    else:
        cloud = draw_cosines(problem, m, protocol=protocol, seed=generator)
    return StepStudy(problem, protocol, tuple(runs), law, np.array(predicted), degree, limit, cloud)


def _lowest_degree(problem: Problem, labels: str) -> int:
    """The lowest degree of the target that a preprocessing leaves."""
    energies = analyse_target(problem.teacher).energies
    first = 1 if labels == "none" else 2
    alive = [j for j in range(first, len(energies)) if energies[j] > 1e-8 * energies[1:].sum()]
    return alive[0] if alive else first
