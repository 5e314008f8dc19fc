"""One gradient of the population loss, in multiples of its matrix products and its one element-wise pass."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine

from spikes.simulation.relu_passes import pair_pass
from spikes.simulation.training_objective import Population
from theory.statement.teacher import Teacher

if __name__ == "__main__":
    print(machine())
    for m, d in ((100, 20), (200, 20), (400, 30)):
        teacher = Teacher.orthogonal(4, d=d)
        rng = np.random.default_rng(0)
        W, a = rng.standard_normal((m, d)), rng.standard_normal(m)
        objective = Population(teacher, m)
        V = np.concatenate([W / np.linalg.norm(W, axis=1, keepdims=True), teacher.directions])
        U, C = V[:m].copy(), rng.standard_normal(m + teacher.size)
        rho, kernel, lost = np.empty((m, m + teacher.size)), np.empty((m, 2)), np.empty(m)

        def bare(U=U, V=V, C=C, rho=rho, kernel=kernel, lost=lost, m=m):
            np.matmul(U, V.T, out=rho)
            pair_pass(rho, C, m, kernel, lost)
            return rho @ V

        times = by_turns(300, gradient=lambda o=objective, W=W, a=a: o.gradient(W, a, 0.01), bare=bare)
        # The least times: on a shared machine the median of turns this short is that of the neighbours.
        gradient, floor = min(times["gradient"]), min(times["bare"])
        budget = " (budget 1.5)" if m == 400 else ""
        print(f"m = {m}, d = {d}: gradient {1e3 * gradient:.3f} ms, {gradient / floor:.2f} x products and pass{budget}")
