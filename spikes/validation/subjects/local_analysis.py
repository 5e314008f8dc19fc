"""Claims of the local analysis of a regularised two-layer network (arXiv 2406.01766), at this package's normalisation.

What is trained or sampled here uses the definition of the even part of the relu and no closed form of an expectation;
in the trainings on the population loss the closed form of the gradient is the simulation's own, and `local/population`
tests it against samples.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spikes.simulation.seeds import derived_sequence
from spikes.simulation.training import HISTORY, Plan, Trained, train
from spikes.simulation.training_objective import draw_sample, norms_of, preprocess
from spikes.validation.statement import Claim, Measured
from theory.local_analysis import (
    certificate,
    first_stage_tangent,
    improvement,
    kernel,
    minimize_measure,
    population_gradient,
    population_loss,
    small_decay,
)
from theory.statement.teacher import TEACHERS, Teacher, line_angles

__all__ = ["CLAIMS"]

STREAM = "spikes.validation.subjects.local"
"""Under this name the claims draw their random numbers, wherever this file stands."""

_SOURCE = "arXiv 2406.01766"
_MEAN_RELU = 1.0 / math.sqrt(2.0 * math.pi)


def _even(t: np.ndarray) -> np.ndarray:
    """The relu less its constant and linear parts under N(0, 1): σ≥2(t) = |t|/2 − 1/√(2π)."""
    return 0.5 * np.abs(t) - _MEAN_RELU


# The kernel -----------------------------------------------------------------------------------------------------------

_COSINES = (0.3, 0.6, 0.9, 1.0)


def _draws(size: int) -> int:
    return size


def _products(size: int, sequence: np.random.SeedSequence) -> dict[str, list[float]]:
    """Means of σ≥2(u)σ≥2(v), He₂(u)He₂(v) and He₄(u)He₄(v) for unit vectors at each cosine."""
    u, across = np.random.default_rng(sequence).standard_normal((2, size))
    found: dict[str, list[float]] = {"even": [], "He2": [], "He4": []}
    for rho in _COSINES:
        v = rho * u + math.sqrt(1.0 - rho**2) * across
        found["even"].append(float(np.mean(_even(u) * _even(v))))
        found["He2"].append(float(np.mean((u**2 - 1.0) * (v**2 - 1.0))))
        found["He4"].append(float(np.mean((u**4 - 6.0 * u**2 + 3.0) * (v**4 - 6.0 * v**2 + 3.0))))
    return found


def _predict_kernel(_: int) -> dict[str, float]:
    return {f"ρ = {rho}": float(kernel(np.array(rho))) for rho in _COSINES}


def _measure_kernel(found: dict[str, list[float]]) -> Measured:
    controls = {}
    for i, rho in enumerate(_COSINES):  # E He_j(u)He_j(v) = j! ρ^j
        controls[f"He2, {rho}"] = (found["He2"][i], 2.0 * rho**2)
        controls[f"He4, {rho}"] = (found["He4"][i], 24.0 * rho**4)
    return Measured({f"ρ = {rho}": found["even"][i] for i, rho in enumerate(_COSINES)}, controls)


# Loss and gradient ----------------------------------------------------------------------------------------------------


def _sampled(size: int) -> Plan:
    return Plan(TEACHERS["A"], width=4, n=size, epochs=0)


def _samples(plan: Plan) -> int:
    """n of a plan that is on samples."""
    if plan.n is None:
        raise ValueError("`n` must be given for a claim on samples; got None")
    return plan.n


def _student(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """A student that does not depend on the run: neurons beside the teacher's plane, turned from its directions."""
    turns = np.radians([30.0, 85.0, 150.0, 200.0])
    W = np.zeros((len(turns), plan.teacher.d))
    W[:, 0], W[:, 1], W[:, 2] = np.cos(turns), np.sin(turns), (0.3, -0.2, 0.4, 0.1)
    return W, np.array([0.5, -0.2, 0.4, 0.2])


def _along(gW: np.ndarray, ga: np.ndarray, W: np.ndarray, a: np.ndarray) -> dict[str, float]:
    """Derivatives in the size of W and of a, and under a rotation of all neurons in the teacher's plane."""
    turned = np.zeros_like(W)
    turned[:, 0], turned[:, 1] = -W[:, 1], W[:, 0]
    return {
        "slope along W": float(np.vdot(gW, W)),
        "slope in |a|": float(ga @ np.sign(a)),
        "slope under rotation": float(np.vdot(gW, turned)),
    }


def _averages(plan: Plan, sequence: np.random.SeedSequence) -> tuple[dict[str, float], float, float]:
    """Sample means of the squared residual and of its derivatives; and of the square of the residual's quadratic part,
    with the expectation of that, 2 tr A² of a quadratic form xᵀAx − tr A."""
    W, a = _student(plan)
    teacher, n = plan.teacher, _samples(plan)
    X = np.random.default_rng(sequence).standard_normal((n, teacher.d))
    norms = norms_of(W)
    U = W / norms[:, None]
    Z = X @ U.T
    R = _even(Z) @ (a * norms) - _even(X @ teacher.directions.T) @ teacher.weights
    gW = (2.0 / n) * a[:, None] * (0.5 * (np.sign(Z) * R[:, None]).T @ X - _MEAN_RELU * float(R.sum()) * U)
    ga = (2.0 / n) * norms * (R @ _even(Z))
    # E σ≥2(t) He₂(t)/2 = 1/(2√(2π)): the coefficient only chooses the control
    A = 0.5 * _MEAN_RELU * ((U.T * (a * norms)) @ U - (teacher.directions.T * teacher.weights) @ teacher.directions)
    quadratic = np.einsum("si,ij,sj->s", X, A, X, optimize=True) - np.trace(A)
    values = {"loss": float(R @ R) / n} | _along(gW, ga, W, a)
    return values, float(quadratic @ quadratic) / n, 2.0 * float(np.vdot(A, A))


def _predict_averages(plan: Plan) -> dict[str, float]:
    W, a = _student(plan)
    slopes = _along(*population_gradient(W, a, plan.teacher), W, a)
    return {"loss": population_loss(W, a, plan.teacher)} | slopes


def _measure_averages(found: tuple[dict[str, float], float, float]) -> Measured:
    values, mean, expected = found
    return Measured(values, {"square of the quadratic part": (mean, expected)})


# The first step on samples --------------------------------------------------------------------------------------------


def _first(size: int) -> Plan:
    return Plan(Teacher.orthogonal(4, d=20), width=100, n=size, noise=0.05, epochs=0)


def _first_step(plan: Plan, sequence: np.random.SeedSequence) -> tuple[float, float, dict[str, tuple[float, float]]]:
    """Mean squared lengths of one gradient step off the teacher's span and within it, over neurons; and mean squares of
    Hŵ and of ŵᵀHŵ, H = Σ a⋆_j w⋆_j w⋆_jᵀ, with those of ŵ uniform on the sphere."""
    teacher, d, n = plan.teacher, plan.teacher.d, _samples(plan)
    X, y = draw_sample(teacher, n, noise=plan.noise, sequence=derived_sequence(sequence, 0))
    labels = preprocess(X, y, plan.preprocessing)[0]
    W = np.random.default_rng(derived_sequence(sequence, 1)).standard_normal((plan.width, d))
    step = (2.0 / n) * ((X @ W.T > 0.0) * labels[:, None]).T @ X
    inside = step @ teacher.basis.T
    whole, within = float(np.vdot(step, step)), float(np.vdot(inside, inside))
    U = W / norms_of(W)[:, None]
    H = (teacher.directions.T * teacher.weights) @ teacher.directions
    square = float(np.vdot(H, H))
    controls = {
        "|Hŵ|²": (float(np.mean(np.sum((U @ H) ** 2, axis=1))), square / d),
        "(ŵᵀHŵ)²": (
            float(np.mean(np.einsum("ij,jk,ik->i", U, H, U) ** 2)),
            (2.0 * square + np.trace(H) ** 2) / (d * (d + 2)),
        ),
    }
    return (whole - within) / plan.width, within / plan.width, controls


def _predict_tangent(plan: Plan) -> float:
    return first_stage_tangent(plan.teacher, n=plan.n, noise=plan.noise)


def _measure_tangent(found: tuple[float, float, dict[str, tuple[float, float]]]) -> Measured:
    return Measured(math.sqrt(found[0] / found[1]), found[2])


# Training with a decay that is halved ---------------------------------------------------------------------------------


def _pair(size: int) -> Plan:
    """Two directions 60° apart with weights ±1/2; the last decay is λ₀/`size`, a power of two."""
    return Plan(TEACHERS["G"].embedded(6), width=16, epochs=size.bit_length(), iterations=1500, record=100)


def _orthogonal(size: int) -> Plan:
    return Plan(Teacher.orthogonal(4, d=8), width=24, epochs=size.bit_length(), iterations=600, record=50)


def _trained(plan: Plan, sequence: np.random.SeedSequence) -> Trained:
    return train(plan, sequence)


def _last_decay(plan: Plan) -> float:
    return float(plan.decays(_power(plan))[-1])


def _power(plan: Plan) -> float:
    """Mean square of the labels' even part: it only sets λ₀, which the training and the prediction share."""
    W = plan.teacher
    return float(W.weights @ kernel(W.directions @ W.directions.T) @ W.weights)


def _resolved(value: float) -> float:
    """A number to six digits: descent on the population loss resolves more, so that all starts give the same."""
    return float(f"{value:.6g}")


def _end(run: Trained, name: str, back: int = 1) -> float:
    return float(run.epoch_ends()[-back, HISTORY.index(name)])


def _predict_loss(plan: Plan) -> float:
    return 0.25 * certificate(plan.teacher).norm2


def _measure_loss(run: Trained) -> float:
    return _resolved(_end(run, "population_loss") / run.decays[-1] ** 2)


def _predict_objective(plan: Plan) -> dict[str, float]:
    decay = _last_decay(plan)
    least = minimize_measure(plan.teacher, decay)
    return {"objective/λ": least.value / decay, "mass": float(np.abs(least.masses).sum())}


def _measure_objective(run: Trained) -> dict[str, float]:
    decay = float(run.decays[-1])
    whole = _end(run, "population_loss") / decay + _end(run, "penalty")
    return {"objective/λ": _resolved(whole), "mass": _resolved(_end(run, "mass"))}


def _predict_shifts(plan: Plan) -> dict[str, float]:
    found = small_decay(certificate(plan.teacher), 1.0)
    a, W = plan.teacher.weights, plan.teacher.directions
    return {
        "(a⋆ − c)/λ": float((a - found.masses)[0]),
        "turn/λ": float(np.linalg.norm(found.directions[0] - W[0])),
    }


def _measure_shifts(run: Trained) -> dict[str, float]:
    """Mass and direction of the neurons nearest to the teacher's first direction, as one atom."""
    decay, teacher = float(run.decays[-1]), run.plan.teacher
    near = line_angles(run.W, teacher.directions).argmin(axis=1) == 0
    charges = run.a[near, None] * run.W[near] * np.sign(run.W[near] @ teacher.directions[0])[:, None]
    atom = charges.sum(axis=0)
    turn = float(line_angles(atom[None], teacher.directions[:1])[0, 0])
    shift = float(teacher.weights[0] - np.linalg.norm(atom) * np.sign(teacher.weights[0]))
    return {"(a⋆ − c)/λ": _resolved(shift / decay), "turn/λ": _resolved(turn / decay)}


def _predict_exponents(_: Plan) -> dict[str, float]:
    return {"angle": 1.0, "loss": 2.0}


def _measure_exponents(run: Trained) -> dict[str, float]:
    """Of the last halving."""
    names = {"angle": "rms_angle", "loss": "population_loss"}
    return {label: _resolved(math.log2(_end(run, name, 2) / _end(run, name))) for label, name in names.items()}


# The spread of the neurons about the teacher --------------------------------------------------------------------------


def _by_epoch(run: Trained) -> list[np.ndarray]:
    """Records of each epoch."""
    return [run.history[run.column("epoch") == k] for k in range(run.epochs_done)]


def _predict_spread(_: Plan, run: Trained) -> dict[str, float]:
    """Largest ρ_c/(ζ/λ + λ|p|²/4) of an epoch, ζ the gap between a recorded objective and the minimum."""
    found, bounds = certificate(run.plan.teacher), {}
    for k, records in enumerate(_by_epoch(run)):
        loss, penalty = (records[:, HISTORY.index(name)] for name in ("population_loss", "penalty"))
        decay = float(run.decays[k])
        gap = loss + decay * penalty - minimize_measure(run.plan.teacher, decay).value
        bounds[f"epoch {k + 1}"] = float(np.max(found.rho_sphere / (gap / decay + 0.25 * decay * found.norm2)))
    return bounds


def _measure_spread(run: Trained) -> dict[str, float]:
    """Smallest 1/Σ|a||w|δ² of an epoch: above the largest bound, every record keeps its own."""
    column = HISTORY.index("spread")
    return {f"epoch {k + 1}": 1.0 / float(records[:, column].max()) for k, records in enumerate(_by_epoch(run))}


# The gradient, and the direction in which features improve ------------------------------------------------------------

_DECAYS = (1e-2, 3e-3)
_RESOLVED = 1e-9  # of gaps: below it are the solver's error and rounding


def _fixed(size: int) -> dict[str, Plan]:
    """Descents at fixed decays from the early stages."""
    return {
        f"{name}, λ = {decay:g}": Plan(
            TEACHERS[name].embedded(size), width=40, decay=decay, epochs=1, iterations=1000, record=20
        )
        for name in ("orth4", "A")
        for decay in _DECAYS
    }


def _descended(plans: dict[str, Plan], sequence: np.random.SeedSequence) -> dict[str, dict[str, float]]:
    """Smallest ratios over the records of each descent."""
    found = {}
    for i, (name, plan) in enumerate(plans.items()):
        states: list[tuple[np.ndarray, np.ndarray]] = []

        def observe(_: float, W: np.ndarray, a: np.ndarray, kept: list = states) -> None:
            kept.append((W.copy(), a.copy()))

        train(plan, derived_sequence(sequence, i), observe=observe)
        least = minimize_measure(plan.teacher, float(plan.decays(_power(plan))[0]))
        made = [improvement(W, a, least) for W, a in states]
        made = [one for one in made if one.gap > _RESOLVED]
        found[name] = {
            "gradient": min(one.gradient_norm**2 * least.decay**2 / one.gap**4 for one in made),
            "ratio": min(one.ratio for one in made),
            "slack": min((one.inner - one.bound) / one.gap for one in made),
        }
    return found


def _predict_gradient(plans: dict[str, Plan]) -> dict[str, float]:
    return dict.fromkeys(plans, 1.0)


def _measure_gradient(found: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: ratios["gradient"] for name, ratios in found.items()}


def _predict_improvement(plans: dict[str, Plan]) -> dict[str, float]:
    return {f"{name}: {what}": least for name in plans for what, least in (("over ζ", 0.0), ("less the bound", 0.0))}


def _measure_improvement(found: dict[str, dict[str, float]]) -> dict[str, float]:
    names = (("over ζ", "ratio"), ("less the bound", "slack"))
    return {f"{name}: {what}": ratios[key] for name, ratios in found.items() for what, key in names}


# What weight decay buys -----------------------------------------------------------------------------------------------

_COMPARED = ("orth4", "A", "G")


def _compared(size: int) -> dict[str, Plan]:
    """Teachers in `size` dimensions."""
    return {name: Plan(TEACHERS[name].embedded(size), width=40, epochs=7, iterations=500) for name in _COMPARED}


def _with_and_without(
    plans: dict[str, Plan], sequence: np.random.SeedSequence
) -> dict[str, tuple[float, float, float]]:
    """Share of the mass within 5° of the teacher with decay and without, and the loss without."""
    found = {}
    for i, (name, plan) in enumerate(plans.items()):
        start = derived_sequence(sequence, i)  # of both
        decayed, free = train(plan, start), train(plan.replace(schedule="none"), start)
        found[name] = (_end(decayed, "f5"), _end(free, "f5"), _end(free, "population_loss"))
    return found


def _predict_directions(plans: dict[str, Plan]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in plans:
        found |= {f"{name}: share near, with decay": 0.98, f"{name}: share astray, without": 0.15}
        found[f"{name}: −lg loss, without"] = 5.0
    return found


def _measure_directions(found: dict[str, tuple[float, float, float]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, (decayed, free, loss) in found.items():
        values |= {f"{name}: share near, with decay": decayed, f"{name}: share astray, without": 1.0 - free}
        values[f"{name}: −lg loss, without"] = -math.log10(loss)
    return values


def _claim(name: str, **fields: Any) -> Claim:
    return Claim(name=f"local/{name}", **({"source": _SOURCE} | fields))


CLAIMS = (
    _claim(
        "kernel",
        statement="E σ≥2(⟨u,x⟩)σ≥2(⟨v,x⟩) = k(ρ) = (√(1−ρ²) + ρ arcsin ρ − 1)/(2π) for unit vectors with ⟨u,v⟩ = ρ, "
        "σ≥2(t) = |t|/2 − 1/√(2π) the relu less its constant and linear parts.",
        measured="Mean of the product over samples; products of Hermite polynomials, of known mean, are regressed out.",
        problem=_draws,
        experiment=_products,
        predict=_predict_kernel,
        measure=_measure_kernel,
        # an identity: nothing but the sampling error
        rate=None,
        tolerance=0.02,
        levels=((20_000, 200), (100_000, 150)),
        quick=((10_000, 100), (40_000, 60)),
    ),
    _claim(
        "population",
        statement="L = E(f − f⋆)² = Σᵢⱼ CᵢCⱼ k(ρᵢⱼ), C the signed masses aᵢ|wᵢ| of the student and −a⋆ⱼ of the "
        "teacher, and ∂L/∂wᵢ = 2aᵢ Σⱼ Cⱼ[k′(ρᵢⱼ)(v̂ⱼ − ρᵢⱼŵᵢ) + k(ρᵢⱼ)ŵᵢ], ∂L/∂aᵢ = 2|wᵢ| Σⱼ Cⱼ k(ρᵢⱼ).",
        measured="Sample means of the squared residual and of its derivatives along three directions, at a student of "
        "four neurons; the mean square of the residual's quadratic part is regressed out.",
        problem=_sampled,
        experiment=_averages,
        predict=_predict_averages,
        measure=_measure_averages,
        rate=None,  # an identity
        tolerance=0.02,
        levels=((4_000, 200), (16_000, 200)),
        quick=((2_000, 150), (8_000, 150)),
    ),
    _claim(
        "first-step",
        statement="After one gradient step on n samples the neurons' components off the teacher's span and within it "
        "have tan² = (T_out + (d − r)E/n)/(T_in + rE/n), E = E f⋆² + σ_ε² and T the population's mean squares: it "
        "takes n ≫ d² to find the span.",
        measured="Root of the ratio of mean squares over 100 neurons on one sample, labels less their regression on "
        "(1, x).",
        problem=_first,
        experiment=_first_step,
        predict=_predict_tangent,
        measure=_measure_tangent,
        # relative O(1/d) of the noise's part E/n is left out, −2/(πd) of it, and a share d/n that the regression takes
        rate=1.0,
        tolerance=0.03,
        levels=((4800, 200), (19200, 150), (76800, 60)),
        quick=((4800, 100), (19200, 60)),
    ),
    _claim(
        "loss",
        statement="At the minimum of L + (λ/2)(‖a‖² + ‖W‖²) the loss is L = λ²|p|²/4 + O(λ³), p the minimum-norm "
        "certificate.",
        measured="L/λ² at the end of training on two directions 60° apart, λ halved from epoch to epoch.",
        problem=_pair,
        experiment=_trained,
        predict=_predict_loss,
        measure=_measure_loss,
        rate=1.0,  # the next order is O(λ), and λ is λ₀/size
        tolerance=0.01,  # twice the O(λ²) that is left at the smallest λ of the quick run
        levels=((64, 2), (256, 2), (1024, 2)),
        quick=((64, 2), (128, 2), (256, 2)),
    ),
    _claim(
        "loss-orthogonal",
        statement="For m⋆ orthogonal directions the loss at the minimum is L = λ² m⋆/(4k(1)) exactly, k(1) = 1/4 − "
        "1/(2π).",
        measured="L/λ² at the end of training, λ halved from epoch to epoch.",
        problem=_orthogonal,
        experiment=_trained,
        predict=lambda plan: plan.teacher.size / (4.0 * (0.25 - 1.0 / (2.0 * math.pi))),
        measure=_measure_loss,
        tolerance=1e-4,
        levels=((8, 2), (32, 2), (128, 2)),
        quick=((8, 2), (16, 2), (32, 2)),
    ),
    _claim(
        "objective",
        statement="The objective of a trained network of finite width is the minimum of E(f_μ − f⋆)² + λ|μ| over "
        "signed measures μ on the sphere.",
        measured="Objective over λ, and Σ|a||w|, at the end of training on two directions 60° apart.",
        problem=_pair,
        experiment=_trained,
        predict=_predict_objective,
        measure=_measure_objective,
        tolerance=1e-3,
        levels=((64, 2), (256, 2), (1024, 2)),
        quick=((64, 2), (128, 2), (256, 2)),
    ),
    _claim(
        "minimiser",
        statement="At small λ the atoms of the minimiser have masses c_j = a⋆_j − λα_j/2 and directions w⋆_j − "
        "λβ_j/(2a⋆_j), with p = Σ α_jσ_j + β_jDσ_j the minimum-norm certificate.",
        measured="(a⋆ − c)/λ and the angle over λ of the neurons near one of two directions 60° apart.",
        problem=_pair,
        experiment=_trained,
        predict=_predict_shifts,
        measure=_measure_shifts,
        rate=1.0,
        tolerance=0.01,
        levels=((64, 2), (256, 2), (1024, 2)),
        quick=((64, 2), (128, 2), (256, 2)),
    ),
    _claim(
        "exponents",
        statement="At the end of training the neurons' angles to the teacher vanish like λ and the loss like λ².",
        measured="Exponents of the mass-weighted rms angle and of the loss over the last halving of λ.",
        problem=_pair,
        experiment=_trained,
        predict=_predict_exponents,
        measure=_measure_exponents,
        rate=1.0,
        tolerance=0.01,
        levels=((64, 2), (256, 2), (1024, 2)),
        quick=((64, 2), (128, 2), (256, 2)),
    ),
    _claim(
        "spread",
        kind="bound",
        statement="Σ|aᵢ||wᵢ|δᵢ² ≤ (ζ/λ + λ|p|²/4)/ρ_c for all weights, δ the angle to the nearest teacher direction, "
        "ζ the gap of the objective to its minimum, and ρ_c of a certificate |η| ≤ 1 − ρ_cδ².",
        measured="1/Σ|a||w|δ² in each epoch of the training on two directions 60° apart, smallest over its records, "
        "against the largest inverse bound.",
        problem=_pair,
        experiment=_trained,
        predict=_predict_spread,
        measure=_measure_spread,
        paired=True,
        levels=((256, 2),),
        quick=((64, 2),),
    ),
    _claim(
        "spread-orthogonal",
        kind="bound",
        statement="Σ|aᵢ||wᵢ|δᵢ² ≤ (ζ/λ + λ|p|²/4)/ρ_c for all weights, here for orthogonal directions.",
        measured="1/Σ|a||w|δ² in each epoch of the training, smallest over its records, against the largest inverse "
        "bound.",
        problem=_orthogonal,
        experiment=_trained,
        predict=_predict_spread,
        measure=_measure_spread,
        paired=True,
        levels=((128, 2),),
        quick=((32, 2),),
    ),
    _claim(
        "gradient-gap",
        kind="bound",
        statement="The gradient bounds the gap: ‖∇L_λ‖² ≥ ζ⁴/λ² along descent at a fixed decay from the early stages.",
        measured="Smallest ‖∇L_λ‖²λ²/ζ⁴ over the records of a descent with ζ above 10⁻⁹; the size is the input "
        "dimension.",
        problem=_fixed,
        experiment=_descended,
        predict=_predict_gradient,
        measure=_measure_gradient,
        levels=((8, 4), (20, 4)),
        quick=((8, 1),),
    ),
    _claim(
        "improvement",
        source="this package, after arXiv 2406.01766",
        kind="bound",
        statement="The direction D from the neurons to the atoms of the minimiser improves the features: ⟨−∇_W L_λ, "
        "D⟩ ≥ ζ − 2√L Σ|a_i q_ip|κ(δ_ip) up to the imbalance of the layers, and it is positive along the descent.",
        measured="Smallest ⟨−∇_W L_λ, D⟩/ζ, and smallest difference from the bound over ζ, over the records of a "
        "descent with ζ above 10⁻⁹; the size is the input dimension.",
        problem=_fixed,
        experiment=_descended,
        predict=_predict_improvement,
        measure=_measure_improvement,
        levels=((8, 4), (20, 4)),
        quick=((8, 1),),
    ),
    _claim(
        "directions",
        kind="bound",
        statement="Weight decay buys directions and not only loss: with it 98 % of the mass Σ|a||w| end within 5° of "
        "the teacher; without it 15 % or more stay astray, at a loss below 10⁻⁵ all the same.",
        measured="Shares of the mass and −lg L at the end, with decay and without from the same start, three "
        "teachers; the size is the input dimension.",
        problem=_compared,
        experiment=_with_and_without,
        predict=_predict_directions,
        measure=_measure_directions,
        levels=((8, 4), (20, 4)),
        quick=((8, 1),),
    ),
)
