"""Budget 5: the theory, warm, in multiples of its own linear algebra and in milliseconds."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine

from theory import Problem, predict, predict_errors
from theory.conditional_equivalent import equivalent_features, ridge_errors, solve
from theory.conditional_equivalent.resolution import resolve
from theory.step_labels import step_labels
from theory.step_matrix import measure_on_grid, step_law

SILU = {"activation": "silu", "target": "0.05*z + 2*He2(z)", "noise": 0.1, "n_step": 3000}
PRODUCT = {"activation": "He2", "target": "z1*z2", "noise": 0.5, "n_step": 5000}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--points", type=int, default=100, help="of the staircase, and at most as many cells")
    options = parser.parse_args()
    print(machine())
    path = tuple(np.geomspace(1e-3, 10.0, 50))
    for label, problem in (
        ("relu, z + He2/2, alpha 0.36", Problem(n=2000, d=1000, width=1500)),
        ("relu, z1 + z1 z2, alpha 0.5", Problem(n=2000, d=1000, width=1500, alpha=0.5, target="z1 + z1*z2")),
        (
            "tanh, sin z, alpha 0.5, rademacher",
            Problem(
                n=2000, d=1000, width=1500, activation="tanh", target="sin(z)", alpha=0.5, second_layer="rademacher"
            ),
        ),
    ):
        for order, one_budget, all_budget in ((1, 3.0, 0.3), (2, 15.0, 1.0)):
            eq = equivalent_features(problem, gradient_order=order)
            neighbour = solve(eq, 0.11)
            wide = problem.replace(ridge=path)
            times = by_turns(
                options.repeats,
                one=lambda eq=eq, neighbour=neighbour: ridge_errors(eq, solve(eq, 0.1, neighbour)),
                full=lambda wide=wide, order=order: predict(wide, order),
            )
            print(
                f"{label}, order {order}: errors at one λ {1e3 * median(times['one']):.1f} ms (budget {one_budget:g}), "
                f"full prediction {median(times['full']):.2f} s (budget {all_budget:g})"
            )
        law = by_turns(
            options.repeats,
            law=lambda p=problem: measure_on_grid(step_labels(p)),
            cached=lambda p=problem: step_law(p),
        )
        print(
            f"{label}: law of the step {median(law['law']):.2f} s (budget {0.2 if problem.teacher.k == 1 else 1.0}), "
            f"cached {1e6 * median(law['cached']):.0f} us"
        )
    half = Problem(n=500, d=250, width=400, alpha=0.5, scale=2.0, ridge=0.1)
    for label, problem, one_budget in (
        ("one amplified direction, silu, .05z + 2He2", half.replace(**SILU), 60.0),
        ("two amplified directions, He2, z1*z2", half.replace(**PRODUCT), 60.0),
    ):
        start = time.process_time()
        resolve(problem, 2)
        first = time.process_time() - start
        eq = equivalent_features(problem)
        neighbour = solve(eq, 0.11)
        times = by_turns(
            options.repeats, one=lambda eq=eq, neighbour=neighbour: ridge_errors(eq, solve(eq, 0.1, neighbour))
        )
        wide = problem.replace(ridge=path)
        start = time.process_time()
        predict(wide)
        full = time.process_time() - start
        print(
            f"{label}, order 2: errors at one λ {1e3 * median(times['one']):.1f} ms (budget {one_budget:g}; "
            f"{len(eq.u)} + {len(eq.g)} nodes), terms chosen in {first:.2f} s, full prediction {full:.1f} s"
        )
    alphas = np.linspace(0.0, 0.5, options.points)
    staircase = [Problem(n=2000, d=1000, width=1500, alpha=float(alpha)) for alpha in alphas]
    cells = [
        Problem(n=n, d=500, width=750, n_step=1000, alpha=alpha, noise=noise, ridge=ridge)
        for n in (800, 1600)
        for noise in (0.3, 0.6)
        for alpha in (0.2, 0.3, 0.4, 0.5)
        for ridge in (0.01, 0.1, 1.0)
    ]
    for label, problems, budget in (
        (f"{options.points} values of alpha", staircase, "30 ms each"),
        ("cells of a sweep", cells[: options.points], "10 ms each"),
    ):
        start = time.process_time()
        for problem in problems:
            predict_errors(problem)
        seconds = time.process_time() - start
        print(f"{label}: {seconds:.2f} s of processor time, {1e3 * seconds / len(problems):.1f} ms each ({budget})")
