"""One batch for the step and the second layer: against plain NumPy, and the learning curve that it should have."""

import numpy as np
import pytest

from spikes.simulation.learning import measure_same_batch
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import derived_sequence
from spikes.simulation.trajectory import start_network
from spikes.studies.giant_steps import study_curve
from theory import Problem
from theory.statement.protocol import Protocol

HE124X2 = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"
RANDOM = Protocol(preprocessing="moments", start="random")


def _problem(d, width, n):
    return Problem(
        n=n, d=d, width=width, target=HE124X2, alpha=0.5, scale=10.0, noise=0.0, centered=False, ridge=width / n
    )


def test_the_step_and_the_fit_in_plain_numpy():
    problem, sequence = _problem(20, 30, 300).replace(target="z1 + z1*z2/2"), np.random.SeedSequence(4)
    network = start_network(problem, RANDOM, derived_sequence(sequence, 0))
    ((_, X, y),) = Samples(problem, derived_sequence(sequence, 1), problem.n).blocks(problem.n)
    mean, linear = y.mean(), X.T @ (y - y.mean()) / problem.n
    labels = y - mean - X @ linear
    Z = X @ network.W.T
    residual = labels - np.maximum(Z, 0.0) @ network.a / np.sqrt(30)
    step = network.a[:, None] * ((Z > 0.0) * residual[:, None]).T @ X / problem.n
    W = network.W + problem.step_size * step
    F = np.maximum(X @ W.T, 0.0)
    readout = np.linalg.solve(F.T @ F / problem.n + problem.ridges[0] * np.eye(30), F.T @ labels / problem.n)
    fresh = np.random.default_rng(0).standard_normal((200_000, 20))
    error = problem.teacher(fresh[:, :2]) - mean - fresh @ linear - np.maximum(fresh @ W.T, 0.0) @ readout
    found = measure_same_batch(problem, RANDOM, sequence, 200_000)
    # two means of 2e5 squares, whose standard deviation is about three times their mean
    assert found == pytest.approx(np.mean(error**2), rel=4.0 * 3.0 * np.sqrt(2.0 / 2e5))


def test_the_curve_shows_it_beside_the_others():
    problem = _problem(20, 30, 400)
    options = {"exponents": (1.5,), "seeds": 2, "workers": 1, "test_samples": 512}
    plain, study = study_curve(problem, **options), study_curve(problem, same_batch=True, **options)
    assert study.same_batch
    assert not plain.same_batch
    assert [m.mean for m in study.measured("one_step")] == [m.mean for m in plain.measured("one_step")]
    simulation = study.to_dict()["simulation"]
    assert len(simulation["same_batch"]) == 1
    assert "same_batch" not in plain.to_dict()["simulation"]
    with pytest.raises(ValueError, match="`n_step` must be left out with `same_batch`; got 50"):
        study_curve(problem.replace(n_step=50), same_batch=True, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("d", "exponent", "expected", "seeds"),
    [
        (128, 1.3, 0.366, 6),
        (128, 1.6, 0.229, 4),
        (128, 2.0, 0.094, 2),
        (256, 1.3, 0.341, 4),
        (256, 1.6, 0.232, 2),
        (256, 2.0, 0.072, 1),
    ],
)
def test_the_learning_curve_of_one_batch(d, exponent, expected, seeds):
    problem = _problem(d, 4 * d, round(d**exponent))
    found = [
        measure_same_batch(problem, RANDOM, np.random.SeedSequence([7, i]), test_samples=16384) for i in range(seeds)
    ]
    # of a mean over seeds that scatter by .013 at n = d^1.3 and .004 at d², and of digits that carry as much
    assert np.mean(found) == pytest.approx(expected, abs=0.03)
