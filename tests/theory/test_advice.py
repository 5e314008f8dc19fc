"""Advice against the law that it minimises, published optima, and the edges of its search."""

from functools import lru_cache

import numpy as np
import pytest

from theory import Problem, predict_errors
from theory.advice import Profile, best_ridge, best_split, best_step, step_pays

DEFAULT = Problem(n=1000, d=500, width=750)
SMALL = Problem(n=300, d=150, width=200, activation="tanh")


@lru_cache
def stepped(problem):
    return best_step(problem)


def test_random_features_of_the_default_problem():
    # a prototype's optimum: λ = .352, test error 1.4214
    found = best_ridge(DEFAULT.replace(eta=0.0))
    assert found.problem.ridges[0] == pytest.approx(0.352, rel=0.01)
    assert found.test_error == pytest.approx(1.4214, abs=2e-4)
    assert found.at_edge == ()
    low, high = found.profiles["ridge"].within
    assert low < found.problem.ridges[0] < high


@pytest.mark.parametrize("optimizer", ["gd", pytest.param("sign", marks=pytest.mark.slow)])
def test_the_best_step_is_one(optimizer):
    found = stepped(SMALL.replace(optimizer=optimizer))
    best = found.problem
    error = predict_errors(best)[0].test_error
    # the search has the terms of the law that its optimum has
    assert found.test_error == pytest.approx(error, rel=1e-3)
    for factor in (0.6, 1.7):
        for changed in (best.replace(eta=factor * best.step_size), best.replace(ridge=factor * best.ridges[0])):
            assert predict_errors(changed)[0].test_error > error * (1.0 - 1e-4)


def test_the_set_within_one_per_cent():
    found = stepped(SMALL)
    for name, profile in found.profiles.items():
        for end in profile.within:
            error = best_ridge(found.problem.replace(eta=end)) if name == "eta" else None
            value = error.test_error if error else predict_errors(found.problem.replace(ridge=end))[0].test_error
            # interpolated between points of the search
            assert value == pytest.approx(1.01 * found.test_error, rel=5e-3)


@pytest.mark.slow
def test_no_step_where_none_pays():
    found = best_step(SMALL.replace(target="He2(z)", noise=3.0))
    assert found.problem.step_size == 0.0
    assert found.test_error == pytest.approx(best_ridge(found.problem).test_error, rel=1e-9)


@pytest.mark.slow
def test_the_edge_of_the_law_is_marked():
    # a linear target without noise on few samples: the larger the step, the better
    found = best_step(SMALL.replace(target="z", noise=0.0, n_step=3000, activation="He1"))
    assert "eta" in found.at_edge
    assert found.problem.step_size == pytest.approx(3.2 * 3000**0.5)


@pytest.mark.study
def test_a_split_keeps_the_budget():
    found = best_split(SMALL, 600, shares=(0.3, 0.5, 0.7))
    assert found.problem.n + found.problem.n0 == 600
    assert found.test_error <= best_step(SMALL).test_error * (1.0 + 1e-6)
    assert set(found.profiles) == {"eta", "ridge", "n_step"}
    with pytest.raises(ValueError, match="`samples` must be an integer of at least 16; got 3"):
        best_split(SMALL, 3)


@pytest.mark.slow
def test_the_map():
    found = step_pays(SMALL, (1.0, 6.0), (0.2, 3.0))
    assert found.gain.shape == (2, 2)
    assert found.gain[0, 1] > 0.05
    np.testing.assert_allclose(found.gain, 1.0 - found.with_step / found.without)
    with pytest.raises(ValueError, match="`noise` must be finite and at least 0; got -1"):
        step_pays(SMALL, (1.0,), (-1.0,))


def test_within_interpolates_in_the_logarithm():
    profile = Profile(np.array([1.0, 10.0, 100.0]), np.array([1.02, 1.0, 1.0 + 1e-9]))
    assert profile.within == (pytest.approx(10.0**0.5), 100.0)
