"""The studies of arXiv 2310.07891: the staircase over step sizes, spectra along it, the decomposition over sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, row, spike_source
from spikes.estimates import Estimate, PowerLaw, controlled_estimate, estimate, fit_power_law
from spikes.presentation.figure import in_style
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.progress import shows_progress
from spikes.runtime.tasks import run_tasks, worker_count
from spikes.simulation.ensemble import Ensemble
from spikes.simulation.one_step import check_size, simulate_steps
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.studies.nonlinear_features.decomposition import VARIANTS, Decomposition, decompose
from theory.conditional_equivalent import Prediction, bulk, equivalent_features, find_outliers, predict, predict_errors
from theory.nonlinear_features import (
    critical_exponent,
    critical_order,
    learned_energy,
    limit_errors,
    spike_count,
    spike_growth,
    spike_terms,
)
from theory.statement.arguments import count
from theory.statement.problem import Problem
from theory.step_labels import step_statistics

__all__ = [
    "DecompositionStudy",
    "SpectrumStudy",
    "Staircase",
    "decomposition_study",
    "default_alphas",
    "spectrum_study",
    "staircase",
]

ERRORS = ("objective", "train_error", "test_error")
_CURVE = 51
_MOST_POINTS = 1000


def default_alphas() -> tuple[float, ...]:
    """Thirteen exponents from 0 to 1/2, the critical ones 0, 1/4, 1/3, 3/8, 2/5 among them.

    Returns
    -------
    tuple of float
    """
    return (0.0, 0.06, 0.12, 0.18, 0.22, 0.25, 0.29, 1 / 3, 0.355, 0.375, 0.4, 0.45, 0.5)


def _alphas(alphas: Sequence[float] | None) -> tuple[float, ...]:
    chosen = default_alphas() if alphas is None else tuple(float(a) for a in alphas)
    bad = [a for a in chosen if not 0.0 <= a <= 0.5]
    if bad or not chosen:
        raise ValueError(f"`alphas` must be in [0, 0.5]; got {bad[0] if bad else 'none'}")
    return tuple(sorted(set(chosen)))


def _at(problem: Problem, alpha: float) -> Problem:
    return problem.replace(alpha=alpha, eta=None)


def _parted(
    problem: Problem, alphas: tuple[float, ...], seeds: int, workers: int | None
) -> tuple[list[list[Problem]], int]:
    """The problems of all exponents in the parts that tasks share, and the number of seeds; refused if too large."""
    seeds = check_seeds(seeds)
    count = worker_count(workers, seeds * len(alphas))
    problems = [_at(problem, alpha) for alpha in alphas]
    # the exponents of a seed share what comes before the step: they are parted only so far as to keep all workers busy
    size = -(-len(alphas) // min(len(alphas), -(-2 * count // seeds)))
    parts = [problems[j : j + size] for j in range(0, len(problems), size)]
    check_size(problem, min(count, seeds * len(parts)), steps=size)
    return parts, seeds


def _simulate(parts: list[list[Problem]], seeds: int, seed: Any, workers: int | None) -> tuple[Ensemble, ...]:
    """One ensemble for each exponent, all on the same random numbers."""
    sequence = as_seed_sequence(seed)
    tasks = [(part, derived_sequence(sequence, i)) for part in parts for i in range(seeds)]
    runs = run_tasks(simulate_steps, tasks, workers=workers, label="simulations")
    # by exponents, each a tuple over the seeds
    grouped = [group for j in range(len(parts)) for group in zip(*runs[j * seeds : (j + 1) * seeds], strict=True)]
    problems = [at for part in parts for at in part]
    return tuple(Ensemble(at, group) for at, group in zip(problems, grouped, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class Staircase(RowTable):
    """Errors against log η/log n₀: simulation, the law at this n, and the limit.

    Attributes
    ----------
    problem : Problem
        With its first penalty; α is the running variable.
    alphas : tuple of float
        Exponents simulated.
    simulation : tuple of Ensemble
    curve : ndarray, shape (C,)
        Exponents of the finite-n curves.
    theory, at_alphas : dict of str to ndarray
        The law at this n over `curve` and at `alphas`.
    counts : tuple of int
        ℓ of each step of the limit, from 0.
    limit, limit_as_published : dict of str to ndarray (len(counts),)
        Errors in the limit of ℓ strong spikes.
    unlearned : str
        What the activation or target leaves unlearned; empty where it leaves nothing.
    """

    problem: Problem
    alphas: tuple[float, ...]
    simulation: tuple[Ensemble, ...]
    curve: np.ndarray
    theory: dict[str, np.ndarray]
    at_alphas: dict[str, np.ndarray]
    counts: tuple[int, ...]
    limit: dict[str, np.ndarray]
    limit_as_published: dict[str, np.ndarray]
    unlearned: str

    def measured(self, name: str) -> list[Estimate]:
        """An error at each exponent; of the training figures, what follows the labels' power m_y is taken out.

        On n labels m_y scatters about E y² like n^(-1/2), and every training figure with it: a control variate.
        """
        expected = step_statistics(self.problem).label_power

        def one(runs: Ensemble) -> Estimate:
            values = runs.values("after", name)[:, 0]
            if name == "test_error":
                return estimate(values)
            return controlled_estimate(values, runs.values("label_power"), expected)

        return [one(runs) for runs in self.simulation]

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw errors against the step exponent: `plot_staircase` of this subject's figures."""
        from spikes import studies

        return studies.nonlinear_features.plot_staircase(self, axes)

    def rows(self) -> list[Row]:
        """The law at this n beside the simulation, absolute and relative to the error before the step."""
        rows = []
        before = predict_errors(self.problem.replace(eta=0.0))[0]
        measured = {name: self.measured(name) for name in ERRORS}
        for j, (alpha, runs) in enumerate(zip(self.alphas, self.simulation, strict=True)):
            for name in ERRORS:
                predicted, after = self.at_alphas[name][j], runs.values("after", name)[:, 0]
                rows.append(row(f"{name}[alpha {alpha:.4g}]", predicted, measured[name][j]))
                ratio = estimate(after / runs.values("before", name)[:, 0])
                rows.append(row(f"{name}/before[alpha {alpha:.4g}]", predicted / getattr(before, name), ratio))
        return rows

    def remark(self) -> str:
        """How theory and simulation compare, and what is left unlearned."""
        return "; ".join(filter(None, [conclusion(self.rows()), self.unlearned]))

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        theory = {
            "alpha": list(self.alphas),
            **{name: self.at_alphas[name].tolist() for name in ERRORS},
            "thresholds": [critical_exponent(ell) for ell in self.counts[1:]],
            "limit": {"spikes": list(self.counts), **{name: self.limit[name].tolist() for name in ERRORS}},
            "limit_as_published": {name: self.limit_as_published[name].tolist() for name in ERRORS},
            "curve": {"alpha": self.curve.tolist(), **{name: self.theory[name].tolist() for name in ERRORS}},
            "remark": self.unlearned,
        }
        simulation = {
            "seeds": self.simulation[0].seeds,
            "alpha": list(self.alphas),
            **{name: [e.to_dict() for e in self.measured(name)] for name in ERRORS},
        }
        return contract(self.problem, theory, simulation, self.rows())


@recorded
@shows_progress
@on_one_thread
def staircase(
    problem: Problem,
    *,
    alphas: Sequence[float] | None = None,
    seeds: int = 8,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    gradient_order: int = 2,
    progress: bool = True,
) -> Staircase:
    """Errors over step sizes n₀^α, α from 0 to 1/2, at the problem's first penalty.

    Every exponent is simulated on the same random numbers. Where the inputs have a covariance there is the law at this
    n alone: the limits are for isotropic inputs.

    Parameters
    ----------
    problem : Problem
        Its α is not looked at.
    alphas : sequence of float, optional
        Exponents to simulate; `default_alphas` by default.
    seeds : int
    seed : int, SeedSequence or Generator
    workers : int, optional
        Processes; as many as processors by default.
    gradient_order : {1, 2}
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Staircase

    Raises
    ------
    ValueError
        If the strong-spike limit does not apply (several latents, c₁ = 0, …), or an argument breaks its rule.
    """
    chosen, seed = _alphas(alphas), as_seed_sequence(seed)
    problem = problem.replace(ridge=problem.ridges[0], eta=None)
    parts, seeds = _parted(problem, chosen, seeds, workers)
    counts: tuple[int, ...] = tuple(range(6))
    reach = tuple(min(ell, int(min(problem.law_of_a.support, max(counts)))) for ell in counts)
    if problem.law_of_x is not None:
        counts = reach = ()  # the limit is known for isotropic inputs
    limits = {
        published: [limit_errors(problem, ell, as_published=published)[0] for ell in reach]
        for published in (False, True)
    }
    curve = np.linspace(0.0, 0.5, _CURVE)

    def law(grid: Sequence[float] | np.ndarray) -> dict[str, np.ndarray]:
        errors = [predict_errors(_at(problem, float(alpha)), gradient_order)[0] for alpha in grid]
        return {name: np.array([getattr(e, name) for e in errors]) for name in ERRORS}

    theory, at_alphas = law(curve), law(chosen)
    return Staircase(
        problem=problem,
        alphas=chosen,
        simulation=_simulate(parts, seeds, seed, workers),
        curve=curve,
        theory=theory,
        at_alphas=at_alphas,
        counts=counts,
        limit={name: np.array([getattr(e, name) for e in limits[False]]) for name in ERRORS},
        limit_as_published={name: np.array([getattr(e, name) for e in limits[True]]) for name in ERRORS},
        unlearned=learned_energy(problem, int(min(4, reach[-1]))).remark if reach else "",
    )


@dataclass(frozen=True, eq=False, repr=False)
class SpectrumStudy(RowTable):
    """Spectra and spikes as α passes the critical exponents.

    Attributes
    ----------
    problem : Problem
    alphas : tuple of float
    predictions : tuple of Prediction
    simulation : tuple of Ensemble
    curve : ndarray, shape (C,)
    edge : ndarray, shape (C,)
        Right edge of the bulk, as a singular value of F/√n.
    positions : tuple of tuple of float
        Predicted outliers over `curve`, as singular values.
    """

    problem: Problem
    alphas: tuple[float, ...]
    predictions: tuple[Prediction, ...]
    simulation: tuple[Ensemble, ...]
    curve: np.ndarray
    edge: np.ndarray
    positions: tuple[tuple[float, ...], ...]

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw spectra and spikes against the step exponent: `plot_spectrum_study` of this subject's figures."""
        from spikes import studies

        return studies.nonlinear_features.plot_spectrum_study(self, axes)

    def rows(self) -> list[Row]:
        """Predicted and simulated singular values of every outlier."""
        rows = []
        for alpha, theory, runs in zip(self.alphas, self.predictions, self.simulation, strict=True):
            for i, outlier in enumerate(theory.outliers[: runs.runs[0].after.alignment.shape[0]]):
                name = f"spike {i + 1}{spike_source(outlier)}[alpha {alpha:.4g}]"
                rows.append(row(name, outlier.singular_value, runs.singular_value(i)))
        return rows

    def remark(self) -> str:
        """How theory and simulation compare."""
        return conclusion(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        theory = {
            "alpha": list(self.alphas),
            "spikes": [{"alpha": a, **_count(a)} for a in self.alphas],
            "spectra": [p.to_dict() for p in self.predictions],
            "curve": {
                "alpha": self.curve.tolist(),
                "edge": self.edge.tolist(),
                "outliers": [list(values) for values in self.positions],
            },
        }
        simulation = {
            "seeds": self.simulation[0].seeds,
            "alpha": list(self.alphas),
            "spectra": [
                runs.to_dict(len(theory.outliers))
                for runs, theory in zip(self.simulation, self.predictions, strict=True)
            ],
        }
        return contract(self.problem, theory, simulation, self.rows())


def _count(alpha: float) -> dict[str, Any]:
    """ℓ and the growth of its terms in the limit; at 1/2 every term takes part."""
    if alpha == 0.5:
        return {"count": None, "critical": None, "growth": []}
    ell = spike_count(alpha)
    return {
        "count": ell,
        "critical": critical_order(alpha),
        "growth": [spike_growth(k, alpha) for k in range(1, min(ell, 6) + 1)],
    }


@recorded
@shows_progress
@on_one_thread
def spectrum_study(
    problem: Problem,
    *,
    alphas: Sequence[float] | None = None,
    points: int = 21,
    seeds: int = 4,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    gradient_order: int = 2,
    progress: bool = True,
) -> SpectrumStudy:
    """Spectra at a few exponents, one between each two thresholds by default, and spike positions over all of them.

    Parameters
    ----------
    problem : Problem
    alphas : sequence of float, optional
        Exponents whose spectra are simulated.
    points : int
        Number of equidistant exponents from 0 to 1/2 at which edge and outliers are predicted.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    SpectrumStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    points = count("points", points, 2, _MOST_POINTS)
    chosen = _alphas((0.0, 0.12, 0.29, 0.36, 0.45) if alphas is None else alphas)
    problem, seed = problem.replace(eta=None), as_seed_sequence(seed)
    parts, seeds = _parted(problem, chosen, seeds, workers)
    predictions = tuple(predict(_at(problem, alpha), gradient_order) for alpha in chosen)
    curve = np.linspace(0.0, 0.5, points)
    edge, positions = [], []
    for alpha in curve:
        eq = equivalent_features(_at(problem, float(alpha)), gradient_order=gradient_order)
        law = bulk(eq)
        edge.append(math.sqrt(law.edges[-1][1]))
        positions.append(tuple(o.singular_value for o in find_outliers(eq, law)))
    runs = _simulate(parts, seeds, seed, workers)
    return SpectrumStudy(problem, chosen, predictions, runs, curve, np.array(edge), tuple(positions))


@dataclass(frozen=True, eq=False, repr=False)
class DecompositionStudy(RowTable):
    """The remainder of the decomposition against n, with fitted exponents.

    Attributes
    ----------
    problem : Problem
        Its ratios are kept as n grows.
    ell : int
    sizes : tuple of int
    runs : tuple of tuple of Decomposition
        For each size, one for each seed.
    exponents : dict of str to PowerLaw
        Of ‖F − F_ℓ‖/√n for each variant, and of ‖F − F₀‖/√n under ``before``.
    """

    problem: Problem
    ell: int
    sizes: tuple[int, ...]
    runs: tuple[tuple[Decomposition, ...], ...]
    exponents: dict[str, PowerLaw]

    def remainder(self, variant: str) -> list[Estimate]:
        """‖F − F_ℓ‖/√n at each size; ‖F − F₀‖/√n for ``before``."""
        return [
            estimate([r.before if variant == "before" else r.remainder[variant] for r in runs]) for runs in self.runs
        ]

    def angles(self, variant: str) -> list[list[Estimate]]:
        """Principal angles in degrees, smallest first, at each size."""
        return [[estimate(column) for column in np.stack([r.angles[variant] for r in runs]).T] for runs in self.runs]

    def slope(self, variant: str) -> list[Estimate]:
        """Relative slope of the column means on a_j² at each size."""
        return [estimate([r.slope[variant] for r in runs]) for runs in self.runs]

    def difference(self, variant: str, name: str) -> list[Estimate]:
        """Error of ridge on F_ℓ less error of ridge on F, on the same data, at each size and the first penalty."""
        return [
            estimate([getattr(r, name)[variant][0] - getattr(r, f"full_{name}")[0] for r in runs]) for runs in self.runs
        ]

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw the remainder against n: `plot_decomposition` of this subject's figures."""
        from spikes import studies

        return studies.nonlinear_features.plot_decomposition(self, axes)

    def rows(self) -> list[Row]:
        """Column-mean slopes beside their limits: 1 as published, 0 corrected."""
        rows = []
        for variant, limit in (("as_published", 1.0), ("corrected", 0.0)):
            for n, value in zip(self.sizes, self.slope(variant), strict=True):
                if math.isfinite(value.mean):
                    rows.append(row(f"column-mean slope {variant}[n {n}]", limit, value))
        return rows

    def remark(self) -> str:
        """How fast the remainder vanishes, and why it may not."""
        law = self.exponents["corrected"]
        fitted = f"‖F − F_ℓ‖/√n, corrected, goes like n^({law.exponent:.2f} ± {law.sem:.2f}) up to n = {self.sizes[-1]}"
        return "; ".join(filter(None, [fitted, self.caveat()]))

    def caveat(self) -> str:
        """Why the remainder may not vanish; empty where nothing speaks against it."""
        order = critical_order(self.problem.alpha)
        if order is not None:
            present = spike_terms(self.problem, order)[order - 1].strength != 0.0
            if present:
                return (
                    f"α = {self.problem.alpha:.6g} is critical for k = {order}: that term is of the order of the bulk, "
                    f"and ‖F − F_ℓ‖/√n cannot vanish with ℓ = {self.ell}"
                )
        count = spike_count(self.problem.alpha)
        if count > self.ell:
            return f"{count} terms outgrow the bulk at α = {self.problem.alpha:.6g}; only {self.ell} are taken out"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""

        def listed(values: list[Estimate]) -> list[dict[str, float | None] | None]:
            return [v.to_dict() if math.isfinite(v.mean) else None for v in values]

        theory = {
            "spikes": self.ell,
            "growth": [spike_growth(k, self.problem.alpha) for k in range(1, self.ell + 2)],
            "absent": [t.k for t in spike_terms(self.problem, self.ell) if t.strength == 0.0],
            "remark": self.caveat(),
        }
        simulation = {
            "seeds": len(self.runs[0]),
            "n": list(self.sizes),
            "remainder": {v: listed(self.remainder(v)) for v in (*VARIANTS, "before")},
            "exponent": {v: law.to_dict() for v, law in self.exponents.items()},
            "angles_degrees": {v: [listed(values) for values in self.angles(v)] for v in VARIANTS},
            "column_mean_slope": {v: listed(self.slope(v)) for v in VARIANTS},
            "error_difference": {v: {name: listed(self.difference(v, name)) for name in ERRORS} for v in VARIANTS},
        }
        return contract(self.problem, theory, simulation, self.rows())


@recorded
@shows_progress
def decomposition_study(
    problem: Problem,
    ell: int | None = None,
    *,
    sizes: Sequence[int] = (500, 1000, 2000, 4000),
    seeds: int = 6,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    progress: bool = True,
) -> DecompositionStudy:
    """Measure F − F_ℓ at growing n, the problem's ratios kept, and fit exponents.

    Parameters
    ----------
    problem : Problem
        α < 1/2; sizes are scaled from it.
    ell : int, optional
        Number of terms; `spike_count` of α by default.
    sizes : sequence of int
    seeds : int
        At least 2: exponents need errors.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    DecompositionStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the decomposition does not apply.
    """
    problem = problem.replace(eta=None, ridge=problem.ridges[0])
    spikes = spike_count(problem.alpha)
    ell = max(spikes, 1) if ell is None else ell
    spike_terms(problem, ell)
    seeds = check_seeds(seeds, 2, why="for errors of the exponents")
    if len(set(sizes)) < 2 or min(sizes) < 50:
        raise ValueError(f"`sizes` must be at least two different sizes of 50 or more; got {list(sizes)}")
    sizes = tuple(sorted({int(n) for n in sizes}))
    sequence = as_seed_sequence(seed)
    scaled = []
    for n in sizes:
        factor = n / problem.n
        changes = {name: max(2, round(getattr(problem, name) * factor)) for name in ("d", "width")}
        n_step = None if problem.n_step is None else max(2, round(problem.n_step * factor))
        scaled.append(problem.replace(n=n, n_step=n_step, **changes))
    check_size(scaled[-1], worker_count(workers, seeds), matrices=2)
    # the largest first: the workers then finish together
    order = [(j, i) for j in reversed(range(len(sizes))) for i in range(seeds)]
    tasks = [(scaled[j], ell, derived_sequence(sequence, j, i)) for j, i in order]
    results = dict(zip(order, run_tasks(decompose, tasks, workers=workers, label="decompositions"), strict=True))
    runs = tuple(tuple(results[j, i] for i in range(seeds)) for j in range(len(sizes)))
    study = DecompositionStudy(problem, ell, sizes, runs, {})
    exponents = {v: fit_power_law(sizes, study.remainder(v)) for v in (*VARIANTS, "before")}
    return DecompositionStudy(problem, ell, sizes, runs, exponents)
