"""Random problems: the predicted ridge errors beside simulations, and how many agree.

The simulation here is a few lines of numpy of its own. A problem counts as met when objective, train and test error
are all within max(4 %, 4 standard errors) of the mean over the seeds. The mass of the density is that of the arrays as
they are given, by the trapezoid rule, with the atom at zero.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
from scipy.special import expit

from theory import Activation, Problem, predict, predict_errors
from theory.conditional_equivalent.resolution import resolve
from theory.conditional_equivalent.validity import validity
from theory.quadrature import gaussian_nodes
from theory.statement.activation import ACTIVATIONS

OWN = (
    Activation(np.cos, lambda x: -np.sin(x), name="cos", vectorized=True),
    Activation(np.abs, np.sign, name="abs", kinks=(0.0,), vectorized=True),
    Activation(lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1.0, 0.1), "leaky", (0.0,), True),
    Activation(
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0))),
        "elu",
        (0.0,),
        True,
    ),
    Activation(np.arctan, lambda x: 1.0 / (1.0 + x * x), name="arctan", vectorized=True),
    Activation(lambda x: np.exp(0.5 * x), lambda x: 0.5 * np.exp(0.5 * x), name="exp(x/2)", vectorized=True),
    Activation(lambda x: x / np.sqrt(1 + x * x), lambda x: (1 + x * x) ** -1.5, name="x/sqrt(1+x2)", vectorized=True),
    Activation(lambda x: np.exp(-0.5 * x * x), lambda x: -x * np.exp(-0.5 * x * x), name="bump", vectorized=True),
    Activation(lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0), "relu2", (0.0,), True),
    Activation(lambda x: np.tanh(x + 1), lambda x: np.cosh(np.clip(x + 1, -300, 300)) ** -2, "tanh(x+1)", (), True),
    Activation(lambda x: np.maximum(x - 0.5, 0), lambda x: (x > 0.5) * 1.0, "relu(x-0.5)", (0.5,), True),
    Activation(lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1) * 1.0, "hardtanh", (-1.0, 1.0), True),
    Activation(
        lambda x: expit(2 * x - 1), lambda x: 2 * expit(2 * x - 1) * expit(1 - 2 * x), "sigmoid(2x-1)", (), True
    ),
    Activation(lambda x: x + np.sin(x), lambda x: 1 + np.cos(x), "x+sin", (), True),
)
NAMED = ("relu", "tanh", "erf", "softplus", "sigmoid", "gelu", "silu", "sin", "He1", "He2", "He3")
TARGETS = (
    "z",
    "z + 0.5*He2(z)",
    "He2(z)",
    "sin(z)",
    "tanh(2*z)",
    "relu(z)",
    "abs(z)",
    "sign(z)",
    "z1 + z1*z2",
    "z1*z2",
    "z1*z2*z3",
    "0.5 + z1 + 0.5*z2 + z1*z2",
    "z1 + z2*z3",
    "cos(z)",
    "exp(z/2)",
    "0.5*He3(z)",
    "z + He3(z)/3",
    "0.5*(z1**2 - z2**2)",
    "sigmoid(3*z)",
    "z1 + 0.3*He2(z2)",
)


def draw(rng: np.random.Generator) -> Problem:
    """One problem."""
    activations = (*(ACTIVATIONS[name] for name in NAMED), *OWN)
    n = int(rng.integers(200, 501))
    return Problem(
        n=n,
        d=max(80, int(n * rng.uniform(0.25, 1.2))),
        width=max(80, int(n * rng.uniform(0.4, 1.6))),
        n_step=int(n * math.exp(rng.uniform(math.log(0.5), math.log(6.0)))),
        activation=activations[rng.integers(len(activations))],
        centered=bool(rng.random() < 0.7),
        target=TARGETS[rng.integers(len(TARGETS))],
        noise=float(rng.choice([0.0, 0.1, 0.5, 1.0])),
        alpha=float(rng.uniform(0.0, 0.5)),
        scale=float(math.exp(rng.uniform(math.log(0.5), math.log(2.5)))),
        second_layer=str(rng.choice(["gaussian", "rademacher", "constant"])),
        ridge=float(10.0 ** rng.uniform(-2.0, 0.0)),
    )


def simulate(problem: Problem, seed: int) -> tuple[float, float, float]:
    """Objective, train error and test error of one draw."""
    rng = np.random.default_rng([911, seed])
    n, d, N, n0, k = problem.n, problem.d, problem.width, problem.n0, problem.teacher.k
    sigma, lam = problem.sigma, problem.ridges[0]
    W = rng.standard_normal((N, d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    laws = {
        "gaussian": lambda: rng.standard_normal(N),
        "rademacher": lambda: rng.choice([-1.0, 1.0], N),
        "constant": lambda: np.ones(N),
    }
    a = laws[problem.second_layer]() / math.sqrt(N)
    nodes, weights = gaussian_nodes(sigma.kinks)
    mean = float(weights @ sigma(nodes)) if problem.centered else 0.0

    def labelled(count: int) -> tuple[np.ndarray, np.ndarray]:
        X = rng.standard_normal((count, d))
        return X, problem.teacher(X[:, :k])

    X, y = labelled(n0)
    inner = X @ W.T
    residual = y + problem.noise * rng.standard_normal(n0) - (sigma(inner) - mean) @ a / math.sqrt(N)
    W = W + problem.step_size / n0 * a[:, None] * ((sigma.slope(inner) * residual[:, None]).T @ X)
    X, y = labelled(n)
    y = y + problem.noise * rng.standard_normal(n)
    F = sigma(X @ W.T) - mean
    U, s, Vt = np.linalg.svd(F / math.sqrt(n), full_matrices=False)
    fit = Vt.T @ (s / (s**2 + lam) * (U.T @ y)) / math.sqrt(n)
    train = float(np.mean((y - F @ fit) ** 2))
    X, y = labelled(2500)
    test = float(np.mean((y - (sigma(X @ W.T) - mean) @ fit) ** 2)) + problem.noise**2
    return train + lam * float(fit @ fit), train, test


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    met = inside = refused = massless = 0
    for number in range(options.first, options.first + options.problems):
        problem = draw(np.random.default_rng([7, number]))
        what = (
            f"{number}: {problem.sigma.name}, {problem.teacher.name}, n={problem.n} d={problem.d} N={problem.width} "
            f"n0={problem.n0} noise={problem.noise} alpha={problem.alpha:.2f} scale={problem.scale:.2f} "
            f"{problem.second_layer}{'' if problem.centered else ', not centred'} ridge={problem.ridges[0]:.3f}"
        )
        begin = time.process_time()
        try:
            resolution = resolve(problem, 2)
            (errors,) = predict_errors(problem)
            errors_alone = time.process_time() - begin
            law = predict(problem)
        except (ValueError, ArithmeticError) as error:
            refused += 1
            print(f"REFUSED {what}: {error}", flush=True)
            continue
        seconds = time.process_time() - begin
        mass = float(np.trapezoid(law.density, law.density_x)) + law.mass_at_zero
        massless += abs(mass - 1.0) > 1e-3
        draws = np.array([simulate(problem, seed) for seed in range(options.seeds)])
        mean, sem = draws.mean(axis=0), draws.std(axis=0, ddof=1) / math.sqrt(options.seeds)
        gap = np.array([errors.objective, errors.train_error, errors.test_error]) / mean - 1.0
        good = bool(np.all(np.abs(gap) < np.maximum(0.04, 4.0 * sem / mean)))
        doubts = validity(problem, resolution)
        inside += not doubts
        met += good and not doubts
        shown = ", ".join(f"{100 * a:+.1f} ± {100 * b:.1f}" for a, b in zip(gap, sem / mean, strict=True))
        terms = resolution.terms
        kept = f"degree {terms.degree}, norms {terms.norms}, amplified {terms.amplified}, orders {terms.orders}"
        mark = "met" if good else "OFF"
        timed = f"{errors_alone:.1f} s, {seconds:.1f} s"
        print(
            f"{mark}{' outside' if doubts else ''} {what}: {shown} % ({kept}; mass {mass:.5f}; {timed})",
            flush=True,
        )
    print(
        f"{met} of {inside} problems inside the stated domain are met; {refused} refused; {massless} densities "
        "have a mass off by more than 1e-3"
    )
