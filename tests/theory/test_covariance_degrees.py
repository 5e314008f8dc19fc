"""Coordinates of degrees above the second in inputs with a covariance: enumerated, and in a spectrum."""

import itertools
import math

import numpy as np
import pytest

from theory import Problem, predict
from theory.conditional_equivalent import covariance
from theory.conditional_equivalent.covariance_degrees import share_on_few, tuple_classes


@pytest.mark.parametrize("degree", [3, 4])
def test_classes_are_those_of_all_coordinates(degree):
    d = 6
    v = np.array([3.0, 1.4, 0.7, 0.5, 0.3, 0.1])
    expected = []
    for chosen in itertools.combinations_with_replacement(range(d), degree):
        m = np.bincount(chosen, minlength=d)
        expected.append(math.factorial(degree) * np.prod((v / d) ** m) / math.prod(math.factorial(k) for k in m))
    dimension, profile, shares = tuple_classes(v[:, None], np.full(d, 1.0 / d), d, degree)
    assert dimension == pytest.approx(len(expected))
    assert shares.sum() == pytest.approx(1.0)
    # Σ v_c/d = 1, so that the variances of all coordinates sum to one
    assert shares @ profile[:, 0] == pytest.approx(np.sum(expected)) == pytest.approx(1.0)
    # cells of equal ratio keep the mean square to the square of their width
    assert dimension * shares @ (profile[:, 0] / dimension) ** 2 == pytest.approx(np.sum(np.square(expected)), rel=0.1)
    few = np.sort(expected)[::-1]
    assert share_on_few(profile, shares, dimension, 5) == pytest.approx(few[:5].sum(), rel=0.1)


def test_a_class_of_several_coordinates_is_chosen_from_with_repetition():
    dimension, profile, shares = tuple_classes(np.ones((2, 3)), np.array([0.25, 0.75]), 40, 3)
    assert dimension == pytest.approx(math.comb(42, 3))
    np.testing.assert_allclose(shares @ profile, 1.0)


@pytest.mark.slow
def test_degree_four_of_few_directions_is_no_noise(monkeypatch):
    """relu at participation ratio 5 without a step: eigenvalues above a point in six simulations, ± 1."""
    problem = Problem(n=1000, d=400, width=700, second_layer="rademacher", covariance="power:1.5", eta=0.0, ridge=0.003)
    at = np.array([0.01, 0.0233, 0.1])
    simulated = np.array([534.0, 410.2, 177.3])

    def above() -> np.ndarray:
        theory = predict(problem)
        x, rho = theory.density_x, theory.density
        mass = np.concatenate([[0.0], np.cumsum(0.5 * (rho[1:] + rho[:-1]) * np.diff(x))])
        spikes = np.array([spike.singular_value**2 for spike in theory.spikes])
        return problem.n * np.interp(at, x, mass[-1] - mass) + (spikes > at[:, None]).sum(axis=1)

    # 1.9 per cent of the N eigenvalues at most, which is what degrees above the fourth and the law of a neuron leave
    assert np.max(np.abs(above() - simulated)) / problem.width < 0.021
    monkeypatch.setattr(covariance, "_SHOWN", 1.0)
    covariance._built.cache_clear()
    assert np.max(np.abs(above() - simulated)) / problem.width > 0.025
    covariance._built.cache_clear()
