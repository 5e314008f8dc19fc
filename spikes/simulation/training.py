"""The training of a two-layer relu network against a teacher: a step, a ridge fit, and descent on a decayed objective.

Stage 1 takes one gradient step on the inner weights from a small start and normalises them; Stage 2 fits the outer
weights by ridge regression; then norms are balanced, |a_i| = |w_i|; Stage 3 descends L + (λ/2)(‖a‖² + ‖W‖_F²) in all
weights, with λ halved from epoch to epoch.

Source: arXiv 2406.01766; constants and schedules are the ones stated here.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.runtime.files import whole_file
from spikes.runtime.memory import check_memory
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.training_objective import (
    OUTER,
    PREPROCESSING,
    Objective,
    Population,
    Sample,
    draw_sample,
    norms_of,
)
from theory.statement.arguments import integer, real
from theory.statement.teacher import Teacher, as_teacher, line_angles

__all__ = ["HISTORY", "SCHEDULES", "Plan", "Trained", "alignment", "check_size", "train"]

SCHEDULES = ("halving", "constant", "none")
HISTORY = (
    "epoch",
    "iteration",
    "decay",
    "step_size",
    "loss",
    "population_loss",
    "penalty",
    "gradient_norm",
    "mass",
    "rms_angle",
    "spread",
    "f1",
    "f5",
    "f10",
)
"""Columns of a history. `iteration` counts within the epoch; `penalty` is (‖a‖² + ‖W‖_F²)/2; angles are in degrees;
`spread` is Σ|a||w|δ², δ in radians to the nearest teacher line; f1, f5, f10 as in `alignment`."""

_MOST_EPOCHS = 1000
_FIRST_DECAY = 0.1
_NOISE_DECAY = 0.3
_SMALLEST_MASS = 0.2
_DIVERGED = 10.0
_COLLAPSED = 1e-6


# what the plan chooses by whether it is on samples: the fields have the types that they have afterwards
_BY_SAMPLES: Any = None


@dataclass(frozen=True, eq=False)
class Plan:
    """A training run, stated.

    Parameters
    ----------
    teacher : Teacher or str
        A text goes through `theory.statement.teacher.as_teacher`.
    width : int
        Neurons m.
    n : int, optional
        Samples; the population by default.
    noise : float
        Standard deviation of the label noise, with samples.
    outer : {"profiled", "preprocessed"}
        How the constant and linear parts are fitted on samples; see `spikes.simulation.training_objective.Sample`.
    preprocessing : {"ols", "moment"}
    ridge : float
        λ₂ of Stage 2.
    schedule : {"halving", "constant", "none"}
        λ_k = λ₀/2^k; the last of these from the start; or no decay.
    decay : float, optional
        λ₀; 0.1 √E ỹ² by default, ỹ the labels less their constant and linear parts, noise included.
    epochs, iterations : int, optional
        Of Stage 3: 11 of 1000 in the population, 8 of 400 on samples; no epochs leaves the early stages alone.
    step : float, optional
        s in the step size s/max(Σ|a||w|, 0.2 of it at the start of Stage 3), set at the start of an epoch; 1, and 0.3
        on samples.
    momentum : float, optional
        0, and 0.9 on samples.
    stop_at_noise : bool
        Leave out the epochs with λ_k < 0.3 σ_ε √(d/n), in which the decay no longer holds the noise.
    record : int, optional
        Iterations between records of the history; the ends of epochs alone by default.

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """

    teacher: Teacher
    width: int = 100
    n: int | None = None
    noise: float = 0.0
    outer: str = "profiled"
    preprocessing: str = "ols"
    ridge: float = 1e-3
    schedule: str = "halving"
    decay: float | None = None
    epochs: int = _BY_SAMPLES
    iterations: int = _BY_SAMPLES
    step: float = _BY_SAMPLES
    momentum: float = _BY_SAMPLES
    stop_at_noise: bool = False
    record: int | None = None

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("teacher", as_teacher(self.teacher))
        put("width", integer("width", self.width, 1))
        put("noise", real("noise", self.noise, minimum=0.0))
        sampled = self.n is not None
        if sampled:
            put("n", integer("n", self.n, self.teacher.d + 2))
        elif self.noise > 0.0:
            raise ValueError(f"`noise` must be 0 in the population, that is without `n`; got {self.noise:g}")
        elif self.stop_at_noise:
            raise ValueError("`stop_at_noise` must be left out in the population, that is without `n`; got True")
        for name, choices in (("outer", OUTER), ("preprocessing", PREPROCESSING), ("schedule", SCHEDULES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` must be one of {', '.join(choices)}; got {getattr(self, name)!r}")
        put("ridge", real("ridge", self.ridge, positive=True))
        if self.decay is not None:
            put("decay", real("decay", self.decay, positive=True))
        put("epochs", integer("epochs", (8 if sampled else 11) if self.epochs is None else self.epochs, 0))
        if self.epochs > _MOST_EPOCHS:
            raise ValueError(f"`epochs` must be at most {_MOST_EPOCHS}, of halved decays; got {self.epochs}")
        iterations = (400 if sampled else 1000) if self.iterations is None else self.iterations
        put("iterations", integer("iterations", iterations, 1))
        put("step", real("step", (0.3 if sampled else 1.0) if self.step is None else self.step, positive=True))
        momentum = (0.9 if sampled else 0.0) if self.momentum is None else self.momentum
        put("momentum", real("momentum", momentum, minimum=0.0, maximum=1.0))
        if self.momentum == 1.0:
            raise ValueError("`momentum` must be below 1; got 1.0")
        if self.record is not None:
            put("record", integer("record", self.record, 1))

    def replace(self, **changes: Any) -> Plan:
        """The plan with some arguments changed."""
        return replace(self, **changes)

    def first_decay(self, power: float) -> float:
        """λ₀ for labels of mean square `power`."""
        return _FIRST_DECAY * math.sqrt(power) if self.decay is None else self.decay

    def decays(self, power: float) -> np.ndarray:
        """λ of every epoch, for labels of mean square `power`, noise included."""
        decays = self.first_decay(power) * 0.5 ** np.arange(self.epochs)
        if self.stop_at_noise and self.n is not None:
            decays = decays[decays >= _NOISE_DECAY * self.noise * math.sqrt(self.teacher.d / self.n)]
        if self.schedule == "constant" and len(decays):
            decays = np.full_like(decays, decays[-1])
        return np.zeros_like(decays) if self.schedule == "none" else decays

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**values, "teacher": self.teacher.to_dict()}


@dataclass(frozen=True, eq=False)
class Trained:
    """One run of a plan, finished or stopped after some epochs.

    Attributes
    ----------
    plan : Plan
    power : float
        Mean square of the labels less their constant and linear parts.
    decays : ndarray, shape (epochs,)
        λ of every epoch of the plan.
    W_start, a_start, W_early, a_early, W, a : ndarray, shapes (m, d) and (m,)
        Weights at the start, after the early stages (balanced), and at the end of what was run.
    random_loss : float
        Population loss of the ridge fit of Stage 2 on the directions of the start.
    tangent : float
        Root mean square of the first step off the span of the teacher over that within it.
    history : ndarray, shape (records, 14)
        Columns `HISTORY`; the first record is the state before Stage 3, with epoch −1.
    epochs_done : int
    """

    plan: Plan
    power: float
    decays: np.ndarray
    W_start: np.ndarray
    a_start: np.ndarray
    W_early: np.ndarray
    a_early: np.ndarray
    W: np.ndarray
    a: np.ndarray
    random_loss: float
    tangent: float
    history: np.ndarray
    epochs_done: int

    def column(self, name: str) -> np.ndarray:
        """One column of the history."""
        return self.history[:, HISTORY.index(name)]

    def epoch_ends(self) -> np.ndarray:
        """The history's records before Stage 3 and at the end of each epoch done: (1 + epochs_done, 14)."""
        last = self.column("iteration") == self.plan.iterations
        return self.history[last | (self.column("epoch") < 0)]


def alignment(W: np.ndarray, a: np.ndarray, teacher: Teacher) -> dict[str, float]:
    """Where a student's mass Σ|a_i||w_i| lies.

    Parameters
    ----------
    W : ndarray, shape (m, d)
    a : ndarray, shape (m,)
    teacher : Teacher

    Returns
    -------
    dict
        ``mass``; ``rms_angle``, mass-weighted, in degrees to the nearest teacher line whose weight has the neuron's
        sign; ``spread`` Σ|a||w|δ² with δ in radians to the nearest line of either sign; ``f1``, ``f5``, ``f10``, the
        share of the mass within so many degrees of a line of its sign. A student without mass has shares and angle 0.
    """
    norms = norms_of(W)
    masses = np.abs(a) * norms
    total = float(masses.sum())
    shares = masses / total if total > 0.0 else masses
    angles = np.full((len(a), teacher.size), 0.5 * math.pi)
    alive = norms > 0.0
    angles[alive] = line_angles(W[alive], teacher.directions)
    agree = np.where(np.sign(a)[:, None] == np.sign(teacher.weights), angles, 0.5 * math.pi)
    nearest, matched = angles.min(axis=1), np.degrees(agree.min(axis=1))
    return {
        "mass": total,
        "rms_angle": math.sqrt(float(shares @ matched**2)),
        "spread": float(masses @ nearest**2),
        **{f"f{k}": float(shares[matched <= k].sum()) for k in (1, 5, 10)},
    }


def check_size(plan: Plan, copies: int = 1) -> None:
    """Refuse a plan whose sample, or whose cosines between neurons, do not fit in the memory that is free.

    Parameters
    ----------
    plan : Plan
    copies : int
        Runs at once.

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    d, m, n = plan.teacher.d, plan.width, plan.n
    cosines = m * (m + plan.teacher.size)
    if n is None:
        check_memory(
            f"`width` must leave room in memory: width = {m}, d = {d}", cosines + 3.5 * m**2 + 9 * m * d, copies=copies
        )
        return
    # least squares and the projection off (1, x) at the start; beside sample and projection the features of a fit
    sample = n * (max(4 * d, 2 * d + 4 * m) + 8)
    stated = f"`n` must leave room in memory: n = {n}, d = {d}, width = {m}"
    check_memory(stated, sample + cosines + 9 * m * d, copies=copies)


def train(
    plan: Plan,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    *,
    checkpoint: str | None = None,
    stop_after: int | None = None,
    advance: Callable[[], Any] = lambda: None,
    observe: Callable[[float, np.ndarray, np.ndarray], Any] | None = None,
    turned: float = 1.0,
) -> Trained:
    """Run a plan.

    Parameters
    ----------
    plan : Plan
    seed : int, SeedSequence or Generator
        Of the start and of the samples; the same seed gives the same bits, stopped and continued or not.
    checkpoint : str, optional
        A file written at the end of every epoch. If it exists, the run it holds is continued.
    stop_after : int, optional
        Return after so many epochs in all.
    advance : callable
        Called after each epoch.
    observe : callable, optional
        Called with λ, W and a, which it must not change, at every record of the history that is made, those of a
        checkpoint excepted.
    turned : float
        How far Stage 1 turns the neurons: they go on from (1 − turned) times where they pointed plus `turned` times
        where its step points, normalised. Less than 1 raises the loss from which Stage 3 starts.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If `checkpoint` is no such file, or that of another plan or seed.
    ArithmeticError
        If the descent diverges or the network collapses.
    """
    sequence = as_seed_sequence(seed)
    if stop_after is not None:
        stop_after = integer("stop_after", stop_after, 1)
    turned = real("turned", turned, minimum=0.0, maximum=1.0)
    if checkpoint is not None and turned != 1.0:
        raise ValueError(f"`turned` must be 1 with `checkpoint`, which does not keep it; got {turned:g}")
    check_size(plan)
    with threadpool_limits(1):
        return _train(plan, sequence, checkpoint, stop_after, advance, observe, turned)


def _train(
    plan: Plan,
    sequence: np.random.SeedSequence,
    checkpoint: str | None,
    stop_after: int | None,
    advance: Callable[[], Any],
    observe: Callable[[float, np.ndarray, np.ndarray], Any] | None,
    share: float,
) -> Trained:
    teacher, m = plan.teacher, plan.width
    population = Population(teacher, m)
    objective: Objective = population
    if plan.n is not None:
        X, y = draw_sample(teacher, plan.n, noise=plan.noise, sequence=derived_sequence(sequence, 1))
        objective = Sample(X, y, outer=plan.outer, preprocessing=plan.preprocessing)
    decays = plan.decays(population.power + plan.noise**2)
    statement = json.dumps([plan.to_dict(), sequence.entropy, list(sequence.spawn_key)])
    state = _load(checkpoint, statement)
    if state is None:
        state = _early_stages(plan, objective, population, sequence, share)
        state["history"] = np.array([_record(-1, 0, 0.0, 0.0, state, objective, population, teacher)])
        if observe is not None:
            observe(0.0, state["W"], state["a"])
        state["done"] = np.array(0)
    last = len(decays) if stop_after is None else min(stop_after, len(decays))
    for epoch in range(int(state["done"]), last):
        _epoch(plan, epoch, float(decays[epoch]), state, objective, population, observe)
        state["done"] = np.array(epoch + 1)
        if checkpoint is not None:
            _save(checkpoint, statement, state)
        advance()
    return Trained(
        plan=plan,
        power=objective.power,
        decays=decays,
        epochs_done=int(state["done"]),
        random_loss=float(state["random_loss"]),
        tangent=float(state["tangent"]),
        **{name: state[name] for name in ("W_start", "a_start", "W_early", "a_early", "W", "a", "history")},
    )


def _early_stages(
    plan: Plan, objective: Objective, population: Population, sequence: np.random.SeedSequence, share: float = 1.0
) -> dict[str, np.ndarray]:
    generator = np.random.Generator(np.random.SFC64(derived_sequence(sequence, 0)))
    teacher, m = plan.teacher, plan.width
    W = generator.standard_normal((m, teacher.d))
    W /= norms_of(W)[:, None]
    a = np.where(generator.random(m) < 0.5, -1.0, 1.0)
    random = objective.readout(W, plan.ridge)
    step = objective.first_step(W, a)
    inside = step @ teacher.basis.T
    power_inside = float(np.vdot(inside, inside))
    tangent = math.sqrt(max(float(np.vdot(step, step)) - power_inside, 0.0) / power_inside)
    turned = step / norms_of(step)[:, None]
    if share < 1.0:
        turned = (1.0 - share) * W + share * turned
        turned /= norms_of(turned)[:, None]
    fitted = objective.readout(turned, plan.ridge)
    # Balance: equal norms of inner and outer weights, the same function.
    size = np.sqrt(np.abs(fitted))
    W1, a1 = size[:, None] * turned, np.sign(fitted) * size
    return {
        "W_start": W,
        "a_start": a,
        "W_early": W1,
        "a_early": a1,
        "W": W1,
        "a": a1,
        "velocity_W": np.zeros_like(W1),
        "velocity_a": np.zeros_like(a1),
        "random_loss": np.array(population.gradient(W, random, 0.0).loss),
        "tangent": np.array(tangent),
    }


def _epoch(
    plan: Plan,
    epoch: int,
    decay: float,
    state: dict[str, np.ndarray],
    objective: Objective,
    population: Population,
    observe: Callable[[float, np.ndarray, np.ndarray], Any] | None = None,
) -> None:
    """One epoch of descent with momentum; `state` is changed."""
    W, a = state["W"].copy(), state["a"].copy()
    vW, va = state["velocity_W"].copy(), state["velocity_a"].copy()
    start = state["history"][0, HISTORY.index("mass")]
    size = plan.step / max(float(np.abs(a) @ norms_of(W)), _SMALLEST_MASS * start)
    # The first step leaves from here: the objective never rises to ten times what it was before Stage 3.
    ceiling = _DIVERGED * max(objective.power, decay * float(state["history"][0, HISTORY.index("penalty")]))
    records = []

    def check(loss: float, iteration: int) -> None:
        if not loss <= ceiling:
            raise ArithmeticError(
                f"training diverged in epoch {epoch + 1}, iteration {iteration}, with step size {size:.3g}: the loss "
                f"reached {loss:.3g}; try `step` = {0.25 * plan.step:.3g}"
            )

    for i in range(1, plan.iterations + 1):
        loss, gW, ga = objective.gradient(W, a, decay)
        check(loss, i)
        vW *= plan.momentum
        va *= plan.momentum
        vW -= size * gW
        va -= size * ga
        W += vW
        a += va
        if i == plan.iterations or (plan.record is not None and i % plan.record == 0):
            now = {"W": W, "a": a}
            records.append(_record(epoch, i, decay, size, now, objective, population, plan.teacher))
            if observe is not None:
                observe(decay, W, a)
    check(records[-1][HISTORY.index("loss")], plan.iterations)
    mass = records[-1][HISTORY.index("mass")]
    if mass <= _COLLAPSED * start:
        raise ArithmeticError(
            f"the network collapsed to zero in epoch {epoch + 1}: the decay {decay:.3g} is too large for this teacher; "
            f"try `decay` = {0.1 * decay:.3g}"
        )
    state.update(W=W, a=a, velocity_W=vW, velocity_a=va, history=np.concatenate([state["history"], records]))


def _record(
    epoch: int,
    iteration: int,
    decay: float,
    size: float,
    state: dict[str, np.ndarray],
    objective: Objective,
    population: Population,
    teacher: Teacher,
) -> tuple[float, ...]:
    W, a = state["W"], state["a"]
    loss, gW, ga = objective.gradient(W, a, decay)
    exact = loss if objective is population else population.gradient(W, a, decay).loss
    values = {
        "epoch": epoch,
        "iteration": iteration,
        "decay": decay,
        "step_size": size,
        "loss": loss,
        "population_loss": exact,
        "penalty": 0.5 * float(a @ a + np.vdot(W, W)),
        "gradient_norm": math.sqrt(float(ga @ ga + np.vdot(gW, gW))),
        **alignment(W, a, teacher),
    }
    return tuple(float(values[name]) for name in HISTORY)


def _save(path: str, statement: str, state: dict[str, np.ndarray]) -> None:
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        arrays: dict[str, Any] = {"statement": np.array(statement), **state}
        np.savez(file, **arrays)


def _load(path: str | None, statement: str) -> dict[str, np.ndarray] | None:
    if path is None or not Path(path).exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            state = {name: content[name] for name in content.files}
        found = str(state.pop("statement"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise ValueError(f"`checkpoint` must be a file that a training run has written; {path!r} is not") from None
    if found != statement:
        raise ValueError(f"`checkpoint` must be that of the same run; {path!r} holds {_difference(found, statement)}")
    return state


def _difference(found: str, wanted: str) -> str:
    (was, *was_seed), (now, *now_seed) = json.loads(found), json.loads(wanted)
    names = [name for name in now if was.get(name) != now[name]]
    if not names or was_seed != now_seed:
        return "another seed"
    return ", ".join(
        "another teacher" if name == "teacher" else f"{name} = {was.get(name)} in place of {now[name]}"
        for name in names
    )
