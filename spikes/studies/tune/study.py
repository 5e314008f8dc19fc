"""The advice of the law beside what is there already: random features, and the problem as it was stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.figure import in_style
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import worker_count
from spikes.simulation.ensemble import check_runs, simulate_ensemble
from spikes.simulation.one_step import check_size
from spikes.simulation.seeds import as_seed_sequence
from theory.advice import LEAST_SAMPLES, Advice, PayMap, best_ridge, best_split, best_step, step_pays
from theory.conditional_equivalent import predict_errors
from theory.conditional_equivalent.covariance_resolution import isotropic_form
from theory.statement.arguments import integer
from theory.statement.problem import Problem, require_isotropic

__all__ = ["Paying", "Tuning", "map_of_paying", "tune"]


@dataclass(frozen=True, eq=False, repr=False)
class Tuning(RowTable):
    """A recommendation, beside random features and the problem as stated.

    Attributes
    ----------
    problem : Problem
        As stated, with its first penalty.
    stated : float
        Predicted test error of it.
    features : Advice
        Random features of the same fit, with their best λ.
    ridge : Advice
        The stated step with its best λ.
    step : Advice
        The best η and λ.
    split : Advice, optional
        The best share of the samples for the step, with its best η and λ.
    checked : dict of str to Estimate
        Simulated test errors of ``stated``, ``random features`` and ``recommended``; empty where nothing was simulated.
    """

    problem: Problem
    stated: float
    features: Advice
    ridge: Advice
    step: Advice
    split: Advice | None
    checked: dict[str, Estimate]

    @property
    def recommended(self) -> Advice:
        """The advice with most freedom that was asked for."""
        return self.step if self.split is None else self.split

    @property
    def predicted(self) -> dict[str, float]:
        """Predicted test errors by the names of `checked`."""
        return {
            "stated": self.stated,
            "random features": self.features.test_error,
            "recommended": self.recommended.test_error,
        }

    def rows(self) -> list[Row]:
        """Test errors predicted and simulated, where they were simulated."""
        return [row(f"test error, {name}", self.predicted[name], of) for name, of in self.checked.items()]

    def remark(self) -> str:
        """The recommendation in one sentence, and how it compares with its simulation."""
        best, error = self.recommended.problem, self.recommended.test_error
        if best.step_size == 0.0:
            advice = f"no step: random features with λ = {best.ridges[0]:.3g}, test error {error:.4g}"
        else:
            split = "" if self.split is None else f", {best.n0} samples for the step and {best.n} for the fit"
            advice = f"η = {best.step_size:.3g}, λ = {best.ridges[0]:.3g}{split}: test error {error:.4g}"
        edges = [_AT_EDGE[name] for name in self.recommended.at_edge]
        return "; ".join(filter(None, [advice, *edges, conclusion(self.rows())]))

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: schema, problem, theory, simulation, agreement."""
        theory = {
            "stated": self.stated,
            "random_features": _plain(self.features),
            "best_ridge": _plain(self.ridge),
            "best_step": _plain(self.step),
            "best_split": None if self.split is None else _plain(self.split),
        }
        simulation = {name.replace(" ", "_"): of.to_dict() for name, of in self.checked.items()} or None
        return contract(self.problem, theory, simulation, self.rows())

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw the test error over step and penalty: `plot_tuning` of this subject's figures."""
        from spikes.studies import tune as subject

        return subject.plot_tuning(self, axes)


_AT_EDGE = {
    "eta": "the best step is the largest that the law was compared with",
    "ridge": "the best penalty is at the end of the search",
    "n_step": "the best share of the step is at the end of the search",
}


def _plain(advice: Advice) -> dict[str, Any]:
    best = advice.problem
    return {
        "eta": best.step_size,
        "learning_rate": best.learning_rate,
        "ridge": best.ridges[0],
        "n": best.n,
        "n_step": best.n0,
        "test_error": advice.test_error,
        "within_one_per_cent": {name: list(profile.within) for name, profile in advice.profiles.items()},
        "profiles": {
            name: {"values": profile.values.tolist(), "test_error": profile.test_error.tolist()}
            for name, profile in advice.profiles.items()
        },
        "at_edge": list(advice.at_edge),
        "validity": list(advice.validity),
    }


@recorded
@shows_progress
@on_one_thread
def tune(
    problem: Problem,
    *,
    budget: int | None = None,
    check: bool = False,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    test_samples: int = 8192,
    progress: bool = True,
) -> Tuning:
    """Find the best penalty, step and split for a problem, and simulate them if asked.

    Parameters
    ----------
    problem : Problem
        Its first penalty is the stated one.
    budget : int, optional
        Samples that step and fit have to share; left out, only η and λ are free.
    check : bool
        Whether to simulate the recommendation, the problem as stated, and random features.
    seeds, seed, workers, test_samples
        As in `spikes.simulate_ensemble`.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Tuning

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    ArithmeticError
        If a fixed point does not converge.

    Examples
    --------
    >>> from theory import Problem
    >>> found = tune(Problem(n=1000, d=500, width=750, activation="tanh"))
    >>> found.step.test_error < found.stated < found.features.test_error
    True
    """
    check_runs(seeds, workers, None)
    require_isotropic(isotropic_form(problem), "advice")
    if budget is not None:
        integer("budget", budget, LEAST_SAMPLES)
    seed = as_seed_sequence(seed)
    if check:
        check_size(problem, worker_count(workers, seeds))
    problem = problem.replace(ridge=problem.ridges[0])
    found = Tuning(
        problem=problem,
        stated=predict_errors(problem)[0].test_error,
        features=best_ridge(problem.replace(eta=0.0)),
        ridge=best_ridge(problem),
        step=best_step(problem),
        split=None if budget is None else best_split(problem, budget),
        checked={},
    )
    if not check:
        return found
    how: dict[str, Any] = {"seeds": seeds, "seed": seed, "workers": workers, "test_samples": test_samples}
    both = problem.replace(ridge=(problem.ridges[0], found.features.problem.ridges[0]))
    stated = simulate_ensemble(both, **how)
    best = simulate_ensemble(found.recommended.problem, **how)
    found.checked.update(
        {
            "stated": estimate(stated.values("after", "test_error")[:, 0]),
            "random features": estimate(stated.values("before", "test_error")[:, 1]),
            "recommended": estimate(best.values("after", "test_error")[:, 0]),
        }
    )
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Paying(RowTable):
    """Whether a step pays, over n/d and the label noise.

    Attributes
    ----------
    problem : Problem
    map : PayMap
    """

    problem: Problem
    map: PayMap

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw the gain of a step over n/d and noise: `plot_map` of this subject's figures."""
        from spikes import studies

        return studies.tune.plot_map(self, axes)

    def rows(self) -> list[Row]:
        """Nothing was measured."""
        return []

    def remark(self) -> str:
        """Where a step pays, in one sentence."""
        gain = self.map.gain
        share = float(np.mean(gain > 0.0))
        i, j = np.unravel_index(int(np.argmax(gain)), gain.shape)
        ratio, noise = self.map.samples_per_dimension[j], self.map.noise[i]
        return (
            f"a step on half of the samples pays at {100.0 * share:.0f} % of the points; most, "
            f"{100.0 * gain[i, j]:.0f} %, at {ratio:.3g} samples per dimension and noise {noise:.3g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        of = self.map
        theory = {
            "samples_per_dimension": of.samples_per_dimension.tolist(),
            "noise": of.noise.tolist(),
            "with_step": of.with_step.tolist(),
            "without": of.without.tolist(),
            "gain": of.gain.tolist(),
            "eta": of.eta.tolist(),
            "at_edge": of.at_edge.tolist(),
        }
        return contract(self.problem, theory)


@recorded
@on_one_thread
def map_of_paying(problem: Problem, samples_per_dimension: Sequence[float], noise: Sequence[float]) -> Paying:
    """Where a step on half of the samples beats random features on all of them, each with its best λ.

    Parameters
    ----------
    problem : Problem
    samples_per_dimension, noise : sequence of float
        As in `theory.advice.step_pays`.

    Returns
    -------
    Paying
    """
    return Paying(problem, step_pays(problem, samples_per_dimension, noise))
