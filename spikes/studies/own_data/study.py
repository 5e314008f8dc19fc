"""One giant step on a user's own inputs, the assumptions of the theory measured on them, and what then is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from spikes.agreement import SCHEMA, Row, row
from spikes.estimates import Estimate, estimate
from spikes.runtime.tasks import run_tasks, worker_count
from spikes.simulation.dataset import SHARES, Dataset, check_shares, draw_split
from spikes.simulation.ensemble import Ensemble
from spikes.simulation.how import How
from spikes.simulation.one_step import Batches, Simulation, check_size, simulate_on
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.spectra import separated
from spikes.studies.own_data.gaussian_checks import UNCHECKED, Check, check_inputs, check_projection
from theory.fitted_bulk import fitted_bulk
from theory.laws import Law
from theory.random_features import initial_law
from theory.statement.covariance import require_isotropic
from theory.statement.problem import Problem

__all__ = ["NEEDED", "DataStudy", "study_data"]

NEEDED = ("n", "n_step", "d", "target", "noise", "covariance", "direction")
"""Fields of a problem that the data decide."""

_UNTOLD = ("target", "noise", "covariance", "direction")
_SPLIT = 2  # child of a run's sequence that draws its rows
_LEADING = 10
_GRID = 400
_BINS, _CURVE = 60, 600  # of the figure
_ERRORS = ("test_error", "train_error", "objective")


class OutlierCounts(TypedDict):
    """What `DataStudy.outliers` returns."""

    by_gaps: Estimate
    beyond_fit: Estimate | None
    fit_distance: Estimate


@dataclass(frozen=True, eq=False)
class DataStudy:
    """Runs on splits of one data set.

    Attributes
    ----------
    data : Dataset
    shares : tuple of float
        Of the rows for step, fit and test.
    simulation : Ensemble
        One run for each split; its problem carries the network, the step and the numbers of rows.
    checks : tuple of Check
        The theory's assumptions on the inputs.
    """

    data: Dataset
    shares: tuple[float, float, float]
    simulation: Ensemble
    checks: tuple[Check, ...]

    @property
    def problem(self) -> Problem:
        """Sizes, network and step; its target and noise mean nothing."""
        return self.simulation.problem

    @property
    def holds(self) -> bool:
        """Whether no assumption that was checked fails."""
        return all(check.holds for check in self.checks)

    @cached_property
    def law(self) -> Law | None:
        """The predicted law of the eigenvalues of FᵀF/n before the step; None where an assumption fails."""
        return initial_law(self.problem) if self.holds else None

    def remark(self) -> str:
        """What is predicted, and what is not and why."""
        changed = self.simulation.remark()
        return f"{changed}; {self._theory()}" if changed else self._theory()

    def _theory(self) -> str:
        if self.holds:
            return (
                "no checked assumption fails: the spectrum before the step is predicted; errors and spikes would take "
                f"the target, which data do not tell. {UNCHECKED.capitalize()}"
            )
        failing = ", ".join(check.assumption for check in self.checks if not check.holds)
        return f"no theory is shown: its assumptions fail ({failing})"

    def outliers(self, when: str) -> OutlierCounts:
        """Counts of eigenvalues that stand apart, by two rules that know no theory of the features.

        ``by_gaps`` looks at the leading values alone; ``beyond_fit`` counts those beyond the edge of a Marchenko-Pastur
        bulk fitted to the values, and is None where a fit fails: where ``fit_distance``, the largest distance between
        the distribution functions of bulk and fit, is too large for its edge to mean anything.

        Parameters
        ----------
        when : {"before", "after"}
        """
        shape = (self.problem.n, self.problem.width)
        values = self.simulation.values(when, "eigenvalues")
        fits = [fitted_bulk(v, shape) for v in values]
        return {
            "by_gaps": estimate([separated(np.sqrt(v)) for v in values]),
            "beyond_fit": estimate([fit.outliers for fit in fits]) if all(fit.holds for fit in fits) else None,
            "fit_distance": estimate([fit.kolmogorov for fit in fits]),
        }

    def singular_values(self, when: str) -> list[Estimate]:
        """The leading singular values of F/√n."""
        values = np.sqrt(self.simulation.values(when, "eigenvalues")[:, :_LEADING])
        return [estimate(column) for column in values.T]

    def errors(self, name: str, when: str) -> list[Estimate]:
        """``test_error``, ``train_error`` or ``objective`` along the penalties."""
        return [estimate(column) for column in self.simulation.values(when, name).T]

    def gradient_share(self) -> Estimate:
        """Share of the gradient's squared norm that its largest singular value carries."""
        return estimate(self.simulation.values("gradient_share"))

    def log_histograms(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Bin edges, equidistant in ln x, and the density of ln x over them ``before`` and ``after`` the step.

        Over all runs together, the eigenvalues x of FFᵀ/n; the smallest hundredth is left out, which may lie decades
        below the rest.

        Returns
        -------
        edges : ndarray, shape (61,)
        density : dict of str to ndarray (60,)
        """
        values = {when: self.simulation.values(when, "eigenvalues") for when in ("before", "after")}
        top = max(float(v.max()) for v in values.values())
        low = min(float(np.quantile(v[v > 1e-12 * top], 0.01)) for v in values.values())
        edges = np.geomspace(low, 1.05 * top, _BINS + 1)
        count = self.problem.n * self.simulation.seeds * np.diff(np.log(edges))
        return edges, {when: np.histogram(v.ravel(), edges)[0] / count for when, v in values.items()}

    def median_eigenvalues(self, when: str, count: int) -> np.ndarray:
        """Medians over the runs of the leading eigenvalues of FFᵀ/n.

        Parameters
        ----------
        when : {"before", "after"}
        count : int
        """
        values = self.simulation.values(when, "eigenvalues")
        return np.median(values[:, :count], axis=0)

    def log_density(self) -> tuple[np.ndarray, np.ndarray] | None:
        """x, and the predicted density of ln x before the step for the eigenvalues x of FFᵀ/n; None without a law."""
        if self.law is None:
            return None
        low = max(self.law.bands[0][0], self.log_histograms()[0][0])
        x = np.geomspace(low, self.law.bands[-1][1], _CURVE)[1:-1]
        return x, self.problem.width / self.problem.n * x * self.law.pdf(x)

    def rows(self) -> list[Row]:
        """Means of x and x² over the eigenvalues before the step beside the law's, where there is one."""
        if self.law is None or not self.problem.centered:
            return []  # a constant feature adds an eigenvalue of order N that is no part of the law
        values, width = self.simulation.values("before", "eigenvalues"), self.problem.width
        expected = self.law.moments(2)
        return [
            row(f"mean of x^{k} before the step", expected[k - 1], estimate(np.sum(values**k, axis=1) / width))
            for k in (1, 2)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; the problem lacks target and noise and tells rows and shares instead."""
        problem = {name: value for name, value in self.problem.to_dict().items() if name not in _UNTOLD}
        problem["data"] = {
            "file": self.data.path,
            "rows": self.data.rows,
            "shares": list(self.shares),
            "test_rows": self.simulation.runs[0].test_samples,
        }

        def part(when: str) -> dict[str, Any]:
            counts = self.outliers(when)
            beyond = counts["beyond_fit"]
            return {
                "singular_values": [value.to_dict() for value in self.singular_values(when)],
                "outliers": {
                    "by_gaps": counts["by_gaps"].to_dict(),
                    "beyond_fit": None if beyond is None else beyond.to_dict(),
                    "fit_distance": counts["fit_distance"].to_dict(),
                },
                **{name: [value.to_dict() for value in self.errors(name, when)] for name in _ERRORS},
            }

        return {
            "schema": SCHEMA,
            "problem": problem,
            "theory": {
                "assumptions": [check.to_dict() for check in self.checks],
                "hold": self.holds,
                "remark": self.remark(),
                "before": None if self.law is None else self._law(self.law),
            },
            "simulation": {
                "seeds": self.simulation.seeds,
                "step": {
                    "beta_norm2": estimate(self.simulation.values("beta_norm2")).to_dict(),
                    "gradient_share": self.gradient_share().to_dict(),
                },
                "ridge": list(self.problem.ridges),
                **part("after"),
                "before": part("before"),
            },
            "agreement": [r.to_dict() for r in self.rows()],
        }

    def _law(self, law: Law) -> dict[str, Any]:
        """Bulk and density of FFᵀ/n, as a prediction gives them."""
        low, high = law.bands[0][0], law.bands[-1][1]
        x = np.linspace(low, high, _GRID + 2)[1:-1]
        share = self.problem.width / self.problem.n
        zero = 1.0 - share * (1.0 - sum(mass for _, mass in law.atoms))
        return {
            "bulk": {"edges": [list(band) for band in law.bands], "mass_at_zero": zero},
            "density": {"x": x.tolist(), "density": (share * law.pdf(x)).tolist()},
        }


def study_data(
    data: Dataset,
    problem: Problem,
    *,
    shares: Sequence[float] = SHARES,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    dtype: str = "float64",
    method: str = "gram",
) -> DataStudy:
    """Take one giant step on a user's own inputs, for several splits of the rows and as many networks.

    Every seed draws disjoint rows for the step, the fit and the test, and a network. Splits of one data set share rows:
    standard errors over them are those of another split and network of these data, not of other data.

    Parameters
    ----------
    data : Dataset
    problem : Problem
        The network, the step and the penalties; sizes, target and noise come from the data.
    shares : sequence of float
        Of the rows for step, fit and test.
    seeds : int
        Number of splits.
    seed : int, SeedSequence or Generator
    workers : int, optional
        Processes; as many as processors by default.
    dtype, method : str
        As in `spikes.simulate`.

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the runs do not fit in memory side by side.
    """
    require_isotropic(problem, "a study of your own inputs")
    step, fit, _ = check_shares(shares, data.rows)
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    how = How(dtype, method)
    sized = problem.replace(n=fit, n_step=step, d=data.d)
    check_size(sized, worker_count(workers, seeds), how=how)
    of_step, of_fit, of_test = (float(share) for share in shares)
    shares = (of_step, of_fit, of_test)
    sequences = [derived_sequence(sequence, i) for i in range(seeds)]
    split = draw_split(data, shares, _generator(sequences[0]))
    checks = (*check_inputs(data), check_projection(split.step, split.fit))
    tasks = [(data, shares, sized, s, how) for s in sequences]
    runs = run_tasks(_run, tasks, workers=workers, label="splits")
    return DataStudy(data, shares, Ensemble(sized, tuple(runs)), checks)


def _generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(derived_sequence(sequence, _SPLIT)))


def _run(
    data: Dataset,
    shares: Sequence[float],
    problem: Problem,
    sequence: np.random.SeedSequence,
    how: How,
) -> Simulation:
    split = draw_split(data, shares, _generator(sequence))
    (run,) = simulate_on(Batches(*split), (problem,), sequence, how=how)
    return run
