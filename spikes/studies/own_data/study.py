"""One giant step on a user's own inputs: laws of real rows beside the runs, and the Gaussian theory's assumptions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypedDict

import numpy as np
from scipy.special import ndtr, stdtrit
from threadpoolctl import threadpool_limits

from spikes.agreement import Row, contract, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.figure import in_style
from spikes.presentation.numbers import counted, number_text
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import run_tasks, worker_count
from spikes.simulation.dataset import SHARES, Dataset, check_shares, draw_split
from spikes.simulation.ensemble import Ensemble
from spikes.simulation.how import How
from spikes.simulation.one_step import Batches, Simulation, check_size, simulate_on
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.spectra import separated
from spikes.studies.own_data.gaussian_checks import UNCHECKED, Check, check_inputs, check_projection
from spikes.studies.own_data.gaussian_clone import CovarianceLaw, covariance_law, gaussian_clone
from spikes.studies.own_data.pool import (
    LEAST_POOL,
    WHEN,
    MeasuredLaw,
    kernel_by_rows,
    kernel_law,
    measured_law,
    measured_sizes,
)
from theory.conditional_equivalent.covariance import participation_ratio
from theory.finite_pool import SampledErrors
from theory.fitted_bulk import fitted_bulk
from theory.laws import Law
from theory.random_features import initial_law
from theory.row_weights import EVEN
from theory.statement.problem import Problem, require_isotropic

__all__ = ["NEEDED", "DataStudy", "study_data"]

NEEDED = ("n", "n_step", "d", "target", "noise", "covariance", "direction")
"""Fields of a problem that the data decide."""

_UNTOLD = ("target", "noise", "covariance", "direction")
_SPLIT = 2  # child of a run's sequence that draws its rows
_CLONE = 2**20  # child of the study's sequence that draws the clone, past those of its runs
_LEADING = 10
_GRID = 400
_BINS, _CURVE, _POINTS = 60, 600, 200  # of the figure
_ERRORS = ("test_error", "train_error", "objective")
_CLOSE = 0.05  # of an error: a law that is no further off is trusted
_PREDICTED = ("test_error", "train_error", "degrees_of_freedom")


class OutlierCounts(TypedDict):
    """What `DataStudy.outliers` returns."""

    by_gaps: Estimate
    beyond_fit: Estimate | None
    fit_distance: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class DataStudy(RowTable):
    """Runs on splits of one data set.

    Attributes
    ----------
    data : Dataset
    shares : tuple of float
        Of the rows for step, fit and test.
    simulation : Ensemble
        One run for each split; its problem carries the network, the step and the numbers of rows.
    checks : tuple of Check
        The Gaussian theory's assumptions on the inputs.
    measured : tuple of MeasuredLaw
        For each run, the law of its own features on the rows for fit and test; empty where there are too few rows or
        features are not stored.
    kernel : SampledErrors, optional
        The law before the step, features not drawn.
    covariance : CovarianceLaw or str
        The law of Gaussian inputs with the rows' covariance beside runs on such inputs, or why there is none.
    """

    data: Dataset
    shares: tuple[float, float, float]
    simulation: Ensemble
    checks: tuple[Check, ...]
    measured: tuple[MeasuredLaw, ...] = ()
    kernel: SampledErrors | None = None
    covariance: CovarianceLaw | str = ""

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
        """What the step does to the test error, measured and predicted, and what the prediction rests on."""
        changed = self.simulation.remark()
        return f"{changed}; {self._conclusion()}" if changed else self._conclusion()

    def _conclusion(self) -> str:
        if not self.measured:
            if self.simulation.runs[0].method == "streamed":
                return f"no law of the features is shown: a streamed run does not store them. {self._gaussian()}"
            return (
                f"no law of the features is shown: {self.pool_rows} rows for fit and test are fewer than {LEAST_POOL}. "
                f"{self._gaussian()}"
            )
        j = self.best_penalty
        lowered, predicted = self.lowered(j), float(np.mean(self._ratios(j, predicted=True)))
        words, sign = _change(lowered)
        said = (
            f"the step {words} at ridge {self.problem.ridges[j]:g}; predicted {_digits(100.0 * sign * predicted, 2)} %"
        )
        if self.kernel is not None:
            before = self.errors("test_error", "before")[j]
            alone = float(self.kernel.test_error[0, j])
            said += (
                f"; without drawing a feature, the kernel of the rows predicts {number_text(alone, 3)} before the "
                f"step, measured {number_text(before.mean, 3)}"
            )
        return f"{said}. {self._gaussian()}. {self.trust()}"

    def trust(self) -> str:
        """How far each law is off in test error, and which to trust: one sentence."""
        before = self.simulation.values("before", "test_error")
        rows = np.concatenate([before, self.simulation.values("after", "test_error")], axis=1)
        features = [[value.mean for value in self.predicted("test_error", when)] for when in WHEN]
        own = _gap(np.concatenate(features), rows)
        said = f"Of the test errors of these rows the law of their features is off by {_percent(own)} at most"
        uneven = max(float(law.fit[when].unevenness.max()) for law in self.measured for when in WHEN)
        if uneven > EVEN:
            said += (
                f" (their leverages are uneven, of relative variance {_digits(uneven, 2)}: in classes of rows, as "
                f"along the learning curve, it is checked up to {EVEN:g})"
            )
        if self.kernel is not None:
            said += f", that of their kernel by {_percent(_gap(self.kernel.test_error[0], before))}"
            spread = float(self.kernel.unevenness.max())
            if spread > EVEN and not kernel_by_rows(self.problem.n, self.data.rows, len(self.problem.ridges)):
                said += f" (in classes of rows, for leverages of relative variance {_digits(spread, 2)})"
        law = self.covariance
        if not isinstance(law, CovarianceLaw):
            return f"{said}; that of their covariance is not shown: {law}"
        clone = np.concatenate([law.clone.values(when, "test_error") for when in WHEN], axis=1)
        predicted = np.concatenate([law.errors("test_error", when) for when in WHEN])
        of_law, of_rows = (
            _gap(predicted, clone),
            _gap(clone.mean(axis=0), rows),
        )
        said += (
            f"; that of their covariance is off by {_percent(of_law)} at most on Gaussian inputs with it, whose "
            f"errors are up to {_percent(of_rows)} from those of the rows: "
        )
        return f"{said}{self._verdict(of_law, _gap(predicted, rows))}{_outside(law)}"

    def _verdict(self, of_law: _Gap, on_rows: _Gap) -> str:
        """What the distances of the covariance's law from its clone and from the rows come to."""
        if not of_law.within:
            return "do not trust it here"
        if not on_rows.within:
            return "it is right of Gaussian inputs and labels of one direction, and these rows are something else"
        if on_rows.percent > 100.0 * _CLOSE:
            return f"{counted(self.simulation.seeds, 'split')} do not tell the rows from such inputs"
        return "trust it here as well"

    def _gaussian(self) -> str:
        if self.holds:
            return (
                "No checked assumption of Gaussian inputs fails: their spectrum before the step is predicted as well. "
                f"{UNCHECKED.capitalize()}"
            )
        failing = ", ".join(check.assumption for check in self.checks if not check.holds)
        return f"Inputs are not standard Gaussian ({failing}), which the laws of the rows do not assume"

    @property
    def pool_rows(self) -> int:
        """Rows for the fit and the test, of which a split fits the first."""
        return self.problem.n + self.simulation.runs[0].test_samples

    @property
    def best_penalty(self) -> int:
        """Index of the penalty of least predicted test error after the step."""
        return int(np.argmin([value.mean for value in self.predicted("test_error", "after")]))

    def predicted(self, name: str, when: str) -> list[Estimate]:
        """``test_error``, ``train_error`` or ``degrees_of_freedom`` along the penalties by each run's own features.

        Empty where there is no such law.
        """
        if not self.measured:
            return []
        values = np.stack([getattr(law.fit[when], name)[0] for law in self.measured])
        return [estimate(column) for column in values.T]

    def learning_curve(self, when: str) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of rows, and the predicted test error at the best penalty for each; means over the runs."""
        laws = [law.errors[when] for law in self.measured]
        mean = np.mean([law.test_error for law in laws], axis=0)
        return laws[0].n, mean.min(axis=1)

    def measured_curve(self, when: str) -> tuple[np.ndarray, np.ndarray, list[Estimate]]:
        """Some of these numbers of rows, the penalties of least predicted error there, and the errors measured at them.

        Each run fits on rows of its own pool and tests on the others of it.
        """
        laws = [law.errors[when] for law in self.measured]
        sizes = measured_sizes(self.problem.n, self.pool_rows)
        predicted = np.mean([law.test_error for law in laws], axis=0)
        best = np.argmin(predicted[np.searchsorted(laws[0].n, sizes)], axis=1)
        runs = np.stack([law.curve[when] for law in self.measured])
        values = [estimate(runs[:, i, j]) for i, j in enumerate(best)]
        return sizes, np.array(self.problem.ridges)[best], values

    def _ratios(self, j: int, *, predicted: bool) -> np.ndarray:
        """1 − after/before of the test error, run by run."""
        if predicted:
            pairs = [[law.fit[when].test_error[0, j] for when in WHEN] for law in self.measured]
        else:
            pairs = [[getattr(run, when).test_error[j] for when in WHEN] for run in self.simulation.runs]
        before, after = np.array(pairs).T
        return 1.0 - after / before

    def lowered(self, j: int) -> Estimate:
        """By what share the step lowers the measured test error at penalty j."""
        return estimate(self._ratios(j, predicted=False))

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

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw spectra, errors and the learning curve: `plot_data_study` of this subject's figures."""
        from spikes import studies

        return studies.own_data.plot_data_study(self, axes)

    def rows(self) -> list[Row]:
        """Errors before and after the step beside the law of the features, and before it beside that of the kernel.

        The law of the features is one of each run's own features: the standard error is that of the difference, run by
        run. That of the covariance stands beside the Gaussian clone, which tests it, and beside the data, which differ
        from their clone in all that is no covariance. Where the Gaussian theory holds, means of x and x² over the
        eigenvalues before the step beside its law's.
        """
        rows = []
        for when in WHEN if self.measured else ():
            for name in ("test_error", "train_error"):
                law = np.stack([getattr(one.fit[when], name)[0] for one in self.measured])
                runs = self.simulation.values(when, name)
                for j, ridge in enumerate(self.problem.ridges):
                    apart = estimate(runs[:, j] - law[:, j])
                    mean = Estimate(float(runs[:, j].mean()), apart.sem, apart.seeds)
                    rows.append(
                        row(f"{name} {when} the step, ridge {ridge:g}, by features", float(law[:, j].mean()), mean)
                    )
            sizes, penalties, measured = self.measured_curve(when)
            curve = dict(zip(*(values.tolist() for values in self.learning_curve(when)), strict=True))
            rows += [
                row(f"test_error {when} the step, n = {n}, ridge {ridge:g}, by features", curve[n], value)
                for n, ridge, value in zip(sizes.tolist(), penalties, measured, strict=True)
            ]
        if self.kernel is not None:
            for name in ("test_error", "train_error"):
                law = getattr(self.kernel, name)[0]
                for j, (ridge, value) in enumerate(zip(self.problem.ridges, self.errors(name, "before"), strict=True)):
                    rows.append(row(f"{name} before the step, ridge {ridge:g}, by kernel", float(law[j]), value))
        if isinstance(self.covariance, CovarianceLaw):
            rows += self._covariance_rows(self.covariance)
        if self.law is None or not self.problem.centered:
            return rows  # a constant feature adds an eigenvalue of order N that is no part of the law
        values, width = self.simulation.values("before", "eigenvalues"), self.problem.width
        expected = self.law.moments(2)
        return rows + [
            row(f"mean of x^{k} before the step", expected[k - 1], estimate(np.sum(values**k, axis=1) / width))
            for k in (1, 2)
        ]

    def _covariance_rows(self, law: CovarianceLaw) -> list[Row]:
        rows = []
        for when in WHEN:
            for name in ("test_error", "train_error"):
                clone = [estimate(column) for column in law.clone.values(when, name).T]
                for of, values in ((" of the Gaussian clone", clone), ("", self.errors(name, when))):
                    predicted = zip(self.problem.ridges, law.errors(name, when).tolist(), values, strict=True)
                    rows += [
                        row(f"{name}{of} {when} the step, ridge {ridge:g}, by covariance", value, measured)
                        for ridge, value, measured in predicted
                    ]
        return rows

    def pool_density(self, when: str) -> tuple[np.ndarray, np.ndarray] | None:
        """x, and the density of ln x that the first run's features predict for those rows that it fits."""
        if not self.measured:
            return None
        edges = self.log_histograms()[0]
        x = np.geomspace(edges[0], edges[-1], _POINTS)
        return x, x * self.measured[0].density(when, self.pool_rows, self.problem.n, x)

    def spikes(self) -> dict[str, Estimate] | None:
        """Spikes after the step, those of the data, which were there before it, apart from those of the step."""
        if not self.measured:
            return None
        return {
            name: estimate([getattr(law, name) for law in self.measured]) for name in ("of_the_data", "of_the_step")
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; the problem lacks target and noise and tells rows and shares instead."""
        problem = {name: value for name, value in self.problem.to_dict().items() if name not in _UNTOLD}
        problem["data"] = {
            "file": self.data.path,
            "rows": self.data.rows,
            "shares": list(self.shares),
            "test_rows": self.simulation.runs[0].test_samples,
            **({"constant_columns": self.data.left_out} if self.data.left_out else {}),
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

        spikes = self.spikes()
        theory = {
            "assumptions": [check.to_dict() for check in self.checks],
            "hold": self.holds,
            "remark": self.remark(),
            "before": None if self.law is None else self._law(self.law),
            "features": None if not self.measured else {when: self._features(when) for when in WHEN},
            "kernel": None
            if self.kernel is None
            else {name: getattr(self.kernel, name)[0].tolist() for name in _PREDICTED},
            "covariance": self._of_covariance(),
        }
        simulation = {
            "seeds": self.simulation.seeds,
            "step": {
                "beta_norm2": estimate(self.simulation.values("beta_norm2")).to_dict(),
                "gradient_share": self.gradient_share().to_dict(),
            },
            "spikes": None if spikes is None else {name: value.to_dict() for name, value in spikes.items()},
            "ridge": list(self.problem.ridges),
            **part("after"),
            "before": part("before"),
            "clone": self._of_clone(),
            "learning_curve": None if not self.measured else {when: self._curve(when) for when in WHEN},
        }
        return contract(problem, theory, simulation, self.rows())

    def _curve(self, when: str) -> dict[str, Any]:
        sizes, penalties, values = self.measured_curve(when)
        return {
            "n": sizes.tolist(),
            "ridge": penalties.tolist(),
            "test_error": [value.to_dict() for value in values],
        }

    def _of_covariance(self) -> dict[str, Any]:
        """The law of the covariance, or why there is none."""
        law = self.covariance
        if not isinstance(law, CovarianceLaw):
            return {"why_not": law}
        errors = {when: {name: law.errors(name, when).tolist() for name in _ERRORS} for when in WHEN}
        ratio = participation_ratio(law.problem.eigenvalues)
        labels = {"target": law.problem.teacher.name, "noise": law.problem.noise, "participation_ratio": ratio}
        return {"why_not": None, **labels, "validity": list(law.validity), **errors}

    def _of_clone(self) -> dict[str, Any] | None:
        """Errors of the Gaussian clone."""
        law = self.covariance
        if not isinstance(law, CovarianceLaw):
            return None
        return {
            when: {name: [estimate(column).to_dict() for column in law.clone.values(when, name).T] for name in _ERRORS}
            for when in WHEN
        }

    def _features(self, when: str) -> dict[str, Any]:
        """Errors of the law of the features, its learning curve and its density."""
        sizes, curve = self.learning_curve(when)
        found = self.pool_density(when)
        return {
            **{name: [value.mean for value in self.predicted(name, when)] for name in _PREDICTED},
            "learning_curve": {"n": sizes.tolist(), "test_error": curve.tolist()},
            "density": None if found is None else {"x": found[0].tolist(), "density": (found[1] / found[0]).tolist()},
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


@recorded
@shows_progress
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
    progress: bool = True,
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
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the runs do not fit in memory side by side.
    """
    require_isotropic(problem, "a study of your own inputs")
    step, fit, test = check_shares(shares, data.rows)
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    how = How(dtype, method)
    sized = problem.replace(n=fit, n_step=step, d=data.d)
    enough = fit + test >= LEAST_POOL and how.method != "streamed"
    # a run holds the features of its pool before and after the step beside those of its fit
    matrices = 1 + math.ceil(3.0 * (fit + test) / fit) if enough else 1
    check_size(sized, worker_count(workers, seeds), how=how, matrices=matrices)
    of_step, of_fit, of_test = (float(share) for share in shares)
    shares = (of_step, of_fit, of_test)
    sequences = [derived_sequence(sequence, i) for i in range(seeds)]
    split = draw_split(data, shares, _generator(sequences[0]))
    checks = (*check_inputs(data), check_projection(split.step, split.fit))
    tasks = [(data, shares, sized, s, how, enough) for s in sequences]
    runs, laws = zip(*run_tasks(_run, tasks, workers=workers, label="splits"), strict=True)
    if not enough:
        return DataStudy(data, shares, Ensemble(sized, runs), checks)
    with threadpool_limits(1):
        kernel = kernel_law(sized, data, fit)
        covariance: CovarianceLaw | str
        if isinstance(stated := gaussian_clone(data, sized), str):
            covariance = stated
        else:
            clone = derived_sequence(sequence, _CLONE)
            covariance = covariance_law(stated, seeds=seeds, sequence=clone, workers=workers, how=how)
    return DataStudy(data, shares, Ensemble(sized, runs), checks, laws, kernel, covariance)


def _generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(derived_sequence(sequence, _SPLIT)))


def _run(
    data: Dataset,
    shares: Sequence[float],
    problem: Problem,
    sequence: np.random.SeedSequence,
    how: How,
    enough: bool,
) -> tuple[Simulation, MeasuredLaw | None]:
    split = draw_split(data, shares, _generator(sequence))
    (run,) = simulate_on(Batches(*split), (problem,), sequence, how=how)
    return run, measured_law(problem, split, sequence, how) if enough else None


class _Gap(NamedTuple):
    """Largest distance of expected errors from means of runs, and whether all are within 5 % or three errors."""

    percent: float
    within: bool


def _outside(law: CovarianceLaw) -> str:
    """Why the law of the covariance is outside what it was compared with, if it is."""
    return f". It is outside what it was compared with: {'; '.join(law.validity)}" if law.validity else ""


def _percent(gap: _Gap) -> str:
    return f"{_digits(gap.percent, 2)} %"


def _gap(expected: np.ndarray, runs: np.ndarray) -> _Gap:
    estimates = [estimate(column) for column in runs.T]
    means, bars = np.array([e.mean for e in estimates]), np.array([e.bar for e in estimates])
    distance = np.abs(expected - means)
    # three standard errors of a normal law, as many more by Student's as there are few runs
    errors = float(stdtrit(len(runs) - 1, ndtr(3.0))) if len(runs) > 1 else 0.0
    within = bool(np.all(distance <= np.maximum(_CLOSE * means, errors * bars)))
    return _Gap(100.0 * float(np.max(distance / means)), within)


def _change(lowered: Estimate) -> tuple[str, float]:
    """By how much the step lowers or raises an error, if it does, and the sign of what is said."""
    percent, error = 100.0 * lowered.mean, 100.0 * lowered.bar
    if error and abs(percent) < 2.0 * error:
        return (
            f"changes the test error by {_digits(-percent, 2)} ± {_digits(error, 1)} %, no more than its error,",
            -1.0,
        )
    size = _digits(abs(percent), 2) + (f" ± {_digits(error, 1)}" if error else "")
    verb, sign = ("lowers", 1.0) if percent > 0.0 else ("raises", -1.0)
    return f"{verb} the test error by {size} %", sign


def _digits(percent: float, digits: int) -> str:
    """A number of per cent to so many digits, and to all digits before the point."""
    return f"{percent:.{digits}g}" if abs(percent) < 0.95 * 10**digits else f"{percent:.0f}"
