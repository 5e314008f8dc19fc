"""Test errors of ridge regression on random features and on the features after giant steps, from one seed."""

from __future__ import annotations

import numpy as np

from spikes.data import Samples, derived_sequence
from spikes.giant_trajectory import start_network, trajectory
from spikes.kernels import activation_kernels
from spikes.linear_fit import fit_labels
from spikes.second_layer import fit_second_layer, held_out_errors
from spikes.simulation import activation_mean
from theory.problem import Problem
from theory.protocol import Protocol

__all__ = ["TEST_SAMPLES", "measure_learning"]

TEST_SAMPLES = 65536


def measure_learning(
    problem: Problem,
    protocol: Protocol,
    readout: str,
    sequence: np.random.SeedSequence,
    test_samples: int = TEST_SAMPLES,
) -> dict[str, float]:
    """One network before and after its steps, each with a second layer fitted to the same fresh data.

    Parameters
    ----------
    problem : Problem
        n₀ samples for each step, n for the second layer, one penalty.
    protocol : Protocol
    readout : {"none", "exact", "ols"}
        What is subtracted from the labels of the second layer and added back to its predictions: see
        `spikes.linear_fit.fit_labels`.
    sequence : SeedSequence
    test_samples : int
        Fresh samples for the test errors.

    Returns
    -------
    dict
        Test errors on fresh samples, noise included: ``random_features`` and ``one_step``; and ``learned``, the mean
        over neurons of the squared cosine with the target's subspace after the steps.
    """
    network = start_network(problem, protocol, derived_sequence(sequence, 0))
    made = trajectory(problem, protocol, derived_sequence(sequence, 0))
    samples = Samples(problem, derived_sequence(sequence, 1), problem.n)
    fresh = Samples(problem, derived_sequence(sequence, 2), test_samples)
    kernels = activation_kernels(problem.sigma)
    shift = activation_mean(problem.sigma) if problem.centered else 0.0
    labels = fit_labels(readout, samples, samples)
    errors = {}
    for name, W in (("random_features", network.W), ("one_step", made.W)):
        layer = fit_second_layer(W, kernels, shift, samples, problem.ridges, labels=labels)
        errors[name] = float(held_out_errors(W, kernels, shift, layer, fresh)[0][0])
    return errors | {"learned": float(np.mean(np.sum(made.cosines[-1] ** 2, axis=1)))}
