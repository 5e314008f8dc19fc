"""Test errors of ridge regression on random features and on the features after giant steps, from one seed."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.simulation.fresh_errors import FreshPoints, fresh_errors
from spikes.simulation.gradient import gradient
from spikes.simulation.kernels import problem_kernels
from spikes.simulation.label_fit import Residuals, fit_labels
from spikes.simulation.network import Layer
from spikes.simulation.ridge import fit_second_layer
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import derived_sequence
from spikes.simulation.trajectory import start_network, trajectory
from theory.statement.problem import Problem
from theory.statement.protocol import Protocol

__all__ = ["TEST_SAMPLES", "measure_learning", "measure_same_batch"]

TEST_SAMPLES = 65536


def measure_learning(
    problem: Problem,
    protocol: Protocol,
    readout: str,
    sequence: np.random.SeedSequence,
    test_samples: int = TEST_SAMPLES,
    same_batch: bool = False,
) -> dict[str, float]:
    """One network before and after its steps, each with a second layer fitted to the same fresh data.

    Parameters
    ----------
    problem : Problem
        n₀ samples for each step, n for the second layer, one penalty.
    protocol : Protocol
    readout : {"none", "exact", "ols"}
        What is subtracted from the labels of the second layer and added back to its predictions: see
        `spikes.simulation.label_fit.fit_labels`.
    sequence : SeedSequence
    test_samples : int
        Points for the test errors: see `spikes.simulation.fresh_errors`.
    same_batch : bool
        Take the step of `measure_same_batch` as well.

    Returns
    -------
    dict
        Test errors on fresh samples, noise included: ``random_features``, ``one_step`` and, where it was asked for,
        ``same_batch``; and ``learned``, the mean over neurons of the squared cosine with the target's subspace after
        the steps.
    """
    with threadpool_limits(1):
        found = _measure(problem, protocol, readout, sequence, test_samples)
        if same_batch:
            found["same_batch"] = measure_same_batch(problem, protocol, sequence, test_samples)
        return found


def _measure(
    problem: Problem, protocol: Protocol, readout: str, sequence: np.random.SeedSequence, test_samples: int
) -> dict[str, float]:
    network = start_network(problem, protocol, derived_sequence(sequence, 0))
    made = trajectory(problem, protocol, derived_sequence(sequence, 0))
    drawn = Samples(problem, derived_sequence(sequence, 1), problem.n)
    fit = fit_labels(readout, drawn, drawn)
    samples = Residuals(drawn, fit)
    fresh = FreshPoints(problem, derived_sequence(sequence, 2), test_samples, fit)
    kernels = problem_kernels(problem)
    layers = [Layer(W, kernels) for W in (network.W, made.W)]
    fitted = [(layer, fit_second_layer(layer, samples, problem.ridges)) for layer in layers]
    (before, _), (after, _) = fresh_errors(fitted, fresh)
    learned = float(np.mean(np.sum(made.cosines[-1] ** 2, axis=1)))
    return {"random_features": float(before[0]), "one_step": float(after[0]), "learned": learned}


def measure_same_batch(
    problem: Problem, protocol: Protocol, sequence: np.random.SeedSequence, test_samples: int = TEST_SAMPLES
) -> float:
    """One step with one batch for everything: its moments ȳ and Xᵀ(y − ȳ)/n, the step, the second layer.

    Parameters
    ----------
    problem : Problem
        n samples, one penalty.
    protocol : Protocol
        Of its fields start and whether neurons interact.
    sequence : SeedSequence
        The network, the batch and the test points are those of `measure_learning`'s second layer.
    test_samples : int

    Returns
    -------
    float
        Test error on fresh samples, noise included, the moments of the batch added to the predictions.
    """
    with threadpool_limits(1):
        network = start_network(problem, protocol, derived_sequence(sequence, 0))
        drawn = Samples(problem, derived_sequence(sequence, 1), problem.n)
        fit = fit_labels("moments", drawn, drawn)
        samples, kernels = Residuals(drawn, fit), problem_kernels(problem)
        rows = gradient(network, kernels, samples, interacting=protocol.interacting).rows
        layer = Layer(network.W + problem.step_size * rows, kernels)
        fitted = [(layer, fit_second_layer(layer, samples, problem.ridges))]
        ((error, _),) = fresh_errors(fitted, FreshPoints(problem, derived_sequence(sequence, 2), test_samples, fit))
    return float(error[0])
