"""The learning curve, theory beside simulation: test error against log n/log d before and after one giant step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import Row, conclusion, contract, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.figure import in_style
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.checkpoint import run_units
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.progress import progress_bar, shows_progress
from spikes.runtime.tasks import worker_count
from spikes.simulation.learning import TEST_SAMPLES, measure_learning
from spikes.simulation.seeds import as_seed_sequence, check_seeds, derived_sequence
from spikes.simulation.trajectory import check_size, start_network
from theory.giant_steps import READOUTS, Residual, analyse_target, predict_learning, residual
from theory.giant_steps.activation_moments import visible_degrees
from theory.giant_steps.hermite_moments import hermite_array, tensor
from theory.statement.arguments import boolean, integer
from theory.statement.problem import Problem
from theory.statement.protocol import Protocol

__all__ = ["CURVES", "SAME_BATCH", "CurveStudy", "study_curve"]

CURVES = ("random_features", "one_step")
SAME_BATCH = "same_batch"
_POINTS = 8
_START = 1.3


@dataclass(frozen=True, eq=False, repr=False)
class CurveStudy(RowTable):
    """Test errors at several n = d^x.

    Attributes
    ----------
    problem : Problem
        At the largest n.
    protocol : Protocol
    readout : str
    penalty : float
        λn/N.
    sizes : tuple of int
        n at each point.
    runs : tuple of tuple of dict
        For each seed and size, ``random_features``, ``one_step``, ``learned`` and, where it was asked for,
        ``same_batch`` of `spikes.simulation.learning`.
    theory : dict of str to ndarray (sizes,)
        The predicted test errors; nan where the theory does not apply.
    floors : dict of str to Residual
        E[(g − P_{U,κ} g)²] by name, plus the label noise.
    """

    problem: Problem
    protocol: Protocol
    readout: str
    penalty: float
    sizes: tuple[int, ...]
    runs: tuple[tuple[dict[str, np.ndarray], ...], ...]
    theory: dict[str, np.ndarray]
    floors: dict[str, Residual]

    @property
    def exponents(self) -> np.ndarray:
        """log n/log d."""
        return np.log(self.sizes) / math.log(self.problem.d)

    @property
    def same_batch(self) -> bool:
        """Whether a step with one batch for everything was measured as well."""
        return SAME_BATCH in self.runs[0][0]

    def measured(self, name: str) -> list[Estimate]:
        """A test error, or ``learned``, at each size."""
        return [estimate([float(run[i][name]) for run in self.runs]) for i in range(len(self.sizes))]

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw test errors against log n/log d: `plot_curve` of this subject's figures."""
        from spikes import studies

        return studies.giant_steps.plot_curve(self, axes)

    def rows(self) -> list[Row]:
        """Predicted and simulated test errors."""
        rows = []
        for i, (n, x) in enumerate(zip(self.sizes, self.exponents, strict=True)):
            for name in CURVES:
                label = f"{name.replace('_', ' ')}, n = {n} = d^{x:.3g}"
                rows.append(row(label, float(self.theory[name][i]), self.measured(name)[i]))
        return rows

    def remark(self) -> str:
        """How theory and simulation compare."""
        return conclusion(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""

        def plain(values: np.ndarray) -> list[float | None]:
            return [float(v) if math.isfinite(v) else None for v in values]

        sizes = {"n": list(self.sizes), "exponent": self.exponents.tolist()}
        theory = sizes | {
            "protocol": self.protocol.to_dict(self.problem),
            "readout": self.readout,
            "penalty": self.penalty,
            "eta_giant_step_literature": self.problem.step_size * math.sqrt(self.problem.width),
            **{name: plain(self.theory[name]) for name in CURVES},
            "floors": {name: {"value": f.value, "error": f.error} for name, f in self.floors.items()},
        }
        simulation = sizes | {
            "seeds": len(self.runs),
            **{
                name: [m.to_dict() for m in self.measured(name)]
                for name in (*CURVES, "learned", *((SAME_BATCH,) if self.same_batch else ()))
            },
        }
        rows = self.rows() if np.isfinite(self.theory["one_step"]).all() else []
        return contract(self.problem, theory, simulation, rows)


@on_one_thread
def _predict(problem: Problem, preprocessing: str, readout: str) -> tuple[float, float]:
    """Test errors before and after the step."""
    made = [
        predict_learning(p, preprocessing=preprocessing, readout=readout).test_error[0]
        for p in (problem.replace(eta=0.0), problem)
    ]
    return float(made[0]), float(made[1])


@recorded
@shows_progress
def study_curve(
    problem: Problem,
    protocol: Protocol | None = None,
    *,
    exponents: Sequence[float] | None = None,
    penalty: float = 1.0,
    readout: str = "ols",
    seeds: int = 4,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    workers: int | None = None,
    test_samples: int = TEST_SAMPLES,
    same_batch: bool = False,
    checkpoint: str | None = None,
    progress: bool = True,
) -> CurveStudy:
    """Simulate test errors at n = d^x and lay the predicted curve and the floors beside them.

    Parameters
    ----------
    problem : Problem
        Its n is the largest size, and every step takes n samples as well unless n₀ is given. Its penalty is replaced by
        λ = `penalty` N/n, and its η is that of this package: the giant-step literature's is √N times it.
    protocol : Protocol, optional
        One step, with an ``ols`` or ``exact`` preprocessing for the predicted curve; by default ``ols``, from
        independent neurons.
    exponents : sequence of float, optional
        Values of x; eight from 1.3 to log n/log d by default.
    penalty : float
        λn/N > 0.
    readout : {"ols", "exact", "none"}
        What the second layer's labels lose before the fit, and its predictions gain.
    seeds : int
    seed : int, SeedSequence or Generator
    workers : int, optional
    test_samples : int
        Fresh samples for the test errors of each run.
    same_batch : bool
        Measure as well one step whose batch also fits the second layer, with moments of it in place of the linear part:
        the protocol of the authors' notebook. There is no prediction for it.
    checkpoint : path, optional
        See `spikes.runtime.checkpoint.run_units`; a unit is one seed at one size.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    CurveStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    protocol = protocol or Protocol(preprocessing="ols", start="random")
    labels = protocol.labels(problem)
    if readout not in READOUTS:
        raise ValueError(f"`readout` must be one of {', '.join(READOUTS)}; got {readout!r}")
    test_samples = integer("test_samples", test_samples, 2)
    if boolean("same_batch", same_batch) and problem.n_step is not None:
        raise ValueError(f"`n_step` must be left out with `same_batch`; got {problem.n_step}")
    if same_batch and protocol.steps != 1:
        raise ValueError(f"`steps` must be 1 with `same_batch`; got {protocol.steps}")
    if isinstance(penalty, bool) or not 0.0 < penalty < math.inf:
        raise ValueError(f"`penalty` must be positive and finite; got {penalty!r}")
    seeds, sequence = check_seeds(seeds), as_seed_sequence(seed)
    sizes = _sizes(problem, exponents, labels, readout)
    check_size(problem, protocol, worker_count(workers, seeds * len(sizes)), refit=True, layers=5)
    start_network(problem, protocol, sequence)
    problems = [problem.replace(n=n, ridge=penalty * problem.width / n) for n in sizes]
    statement = {
        "command": "giant curve",
        "problem": problem.replace(n=2, n_step=problem.n_step or 2, ridge=1.0).to_dict() | {"n": "varies", "eta": ""},
        "n_step": problem.n_step or "n",
        "eta": problem.eta,
        "functions": problem.fingerprint(),
        "protocol": protocol.to_dict(problem) | {"preprocessing": labels},
        "readout": readout,
        "penalty": float(penalty),
        "test_samples": test_samples,
        "seed": [str(sequence.entropy), list(sequence.spawn_key)],
    }
    statement |= {"same_batch": True} if same_batch else {}  # files of runs without it stay what they are
    # the longest runs first: what is left at the end is short
    order = sorted(((i, j) for i in range(seeds) for j in range(len(sizes))), key=lambda ij: -sizes[ij[1]])
    chosen = Protocol(protocol.steps, labels, protocol.start, protocol.interacting)
    units = [
        (
            f"seed {i}, n {sizes[j]}",
            (problems[j], chosen, readout, derived_sequence(sequence, sizes[j], i), test_samples, bool(same_batch)),
        )
        for i, j in order
    ]
    results = run_units(measure_learning, units, statement=statement, checkpoint=checkpoint, workers=workers)
    found = dict(zip(order, results, strict=True))
    runs = tuple(tuple(found[i, j] for j in range(len(sizes))) for i in range(seeds))
    theory = {name: np.full(len(sizes), math.nan) for name in CURVES}
    if labels in ("ols", "exact") and protocol.steps == 1:
        with progress_bar("predictions", len(sizes)) as advance:
            for j, at in enumerate(problems):
                theory["random_features"][j], theory["one_step"][j] = _predict(at, labels, readout)
                advance()
    return CurveStudy(problems[-1], chosen, readout, penalty, sizes, runs, theory, _floors(problem))


def _sizes(problem: Problem, exponents: Sequence[float] | None, labels: str, readout: str) -> tuple[int, ...]:
    top = math.log(problem.n) / math.log(problem.d)
    if exponents is None:
        if top <= _START:
            raise ValueError(f"`n` must be larger than d^{_START} = {problem.d**_START:.0f}; got {problem.n}")
        exponents = np.linspace(_START, top, _POINTS).tolist()
    bad = [x for x in exponents if not 0.0 < x <= 4.0]
    if bad or not len(exponents):
        raise ValueError(f"`exponents` must be in (0, 4]; got {bad[0] if bad else 'none'}")
    sizes = tuple(sorted({round(problem.d ** float(x)) for x in exponents}))
    if sizes[0] < problem.d + 3 and "ols" in (labels, readout):
        raise ValueError(
            f"`exponents` must leave an ols fit more than d + 2 = {problem.d + 2} samples; got n = {sizes[0]}"
        )
    return sizes


def _floors(problem: Problem) -> dict[str, Residual]:
    """Floors of P_{U,κ}: polynomials of degree 1 and 2, and linear functions beside any function of what one step of
    n = O(d²) learns after the linear part is gone."""
    target, noise = problem.teacher, problem.noise**2

    def floor(U: np.ndarray | None, kappa: int) -> Residual:
        made = residual(target, U, kappa)
        return Residual(made.value + noise, made.error, made.method)

    floors = {"linear, κ = 1": floor(None, 1), "quadratic, κ = 2": floor(None, 2)}
    learned = _second_degree_span(problem)
    if learned.shape[1]:
        floors["U learned, κ = 1"] = floor(learned, 1)
    return floors


def _second_degree_span(problem: Problem) -> np.ndarray:
    """Range of C₂ of the target, which one step of n = O(d²) learns when degrees 0 and 1 are removed and σ sees it."""
    if not visible_degrees(problem.sigma, 2)[2]:
        return np.zeros((problem.teacher.k, 0))
    values, vectors = np.linalg.eigh(tensor(hermite_array(problem.teacher, 2), 2))
    scale = math.sqrt(analyse_target(problem.teacher).variance)
    return vectors[:, np.abs(values) > 1e-4 * scale]
