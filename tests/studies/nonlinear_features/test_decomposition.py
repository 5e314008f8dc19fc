"""The decomposition's parts against dense algebra, and cases where the remainder is known."""

import math

import numpy as np
import pytest

from spikes.estimates import Estimate, fit_power_law
from spikes.simulation.ridge import LowRank, ridge_fit
from spikes.studies.nonlinear_features.decomposition import decompose, operator_norm, spike_part
from spikes.studies.nonlinear_features.study import decomposition_study
from theory.nonlinear_features import spike_terms
from theory.statement.problem import Problem

SMALL = Problem(n=400, d=200, width=300, activation="softplus", alpha=0.3)


def test_operator_norm_is_that_of_the_dense_matrix():
    rng = np.random.default_rng(0)
    F, F0 = rng.standard_normal((2, 60, 40))
    part = LowRank(rng.standard_normal((60, 2)), rng.standard_normal((40, 2)))
    dense = F - F0 - part.left @ part.right.T
    assert operator_norm(F, F0, part, rng) == pytest.approx(np.linalg.norm(dense, 2), rel=1e-9)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_ridge_on_a_sum_is_ridge_on_the_dense_matrix(shape):
    rng = np.random.default_rng(2)
    F, y, ridges = rng.standard_normal(shape), rng.standard_normal(shape[0]), np.array([0.01, 1.0])
    part = LowRank(rng.standard_normal((shape[0], 2)), rng.standard_normal((shape[1], 2)))
    dense, found = ridge_fit(F + part.left @ part.right.T, y, ridges), ridge_fit(F, y, ridges, part)
    for name in ("readouts", "train_error", "objective"):
        np.testing.assert_allclose(getattr(found, name), getattr(dense, name), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("as_published", [False, True])
def test_spike_part_is_the_sum_of_the_terms(as_published):
    rng = np.random.default_rng(1)
    u, a = rng.standard_normal(50), rng.standard_normal(30) / math.sqrt(30)
    problem = SMALL.replace(width=30)
    part = spike_part(problem, 3, u, a, 1.7, as_published=as_published)
    dense = np.zeros((50, 30))
    for term in spike_terms(problem, 3, as_published=as_published, beta_norm2=1.7):
        q = sum(c * u**i for i, c in enumerate(term.polynomial))
        dense += term.strength * np.outer(q, (math.sqrt(30) * a) ** term.k)
    np.testing.assert_allclose(part.left @ part.right.T, dense, rtol=1e-12, atol=1e-12)


def test_a_linear_activation_leaves_nothing():
    problem = Problem(n=400, d=100, width=300, n_step=400, activation="He1", target="z", alpha=0.3)
    run = decompose(problem, 1, 0)
    # the step of a linear network is of rank one; the decomposition takes the direction X₀ᵀy₀ for X₀ᵀ(y₀ − f), and a
    # small network's f is of size ‖a‖/√N
    assert run.remainder["corrected"] < 0.15 * run.before
    assert run.remainder["corrected"] == pytest.approx(run.remainder["as_published"], rel=1e-9)
    assert run.angles["corrected"].shape == (1,)
    assert math.isnan(run.slope["corrected"])


def test_what_the_terms_take_out():
    run = decompose(SMALL, 2, 3)
    assert run.remainder["corrected"] < 0.5 * run.before
    assert np.all(np.diff(run.angles["corrected"]) >= 0.0)
    # adding the constant that q_2 holds moves the slope of the column means by exactly the predicted one
    shift = run.slope["as_published"] - run.slope["corrected"]
    assert shift == pytest.approx(1.0, abs=0.5)
    again = decompose(SMALL, 2, 3)
    assert again.remainder == run.remainder


def test_power_law():
    sizes = [100, 200, 400, 800]
    law = fit_power_law(sizes, [Estimate(3.0 * n**-0.4, 0.01 * n**-0.4, 5) for n in sizes])
    assert law.exponent == pytest.approx(-0.4, abs=1e-12)
    assert law.factor == pytest.approx(3.0, rel=1e-12)
    # relative errors 1/300 on equidistant ln n: sem = (1/300)/(ln 2 √(Σ (i − 3/2)²))
    assert law.sem == pytest.approx(1.0 / 300.0 / (math.log(2.0) * math.sqrt(5.0)), rel=1e-9)
    scattered = [Estimate(3.0 * n**-0.4 * (1.1 if i % 2 else 0.9), 0.01 * n**-0.4, 5) for i, n in enumerate(sizes)]
    wide = fit_power_law(sizes, scattered)
    assert wide.chi2 > 100.0
    assert wide.sem == pytest.approx(law.sem * math.sqrt(wide.chi2), rel=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_power_law([100, 100], [Estimate(1.0, 0.1, 2)] * 2), "`sizes` must hold at least two different"),
        (lambda: fit_power_law([100, 200], [Estimate(-1.0, 0.1, 2)] * 2), "`values` must be positive"),
        (lambda: fit_power_law([100, 200], [Estimate(1.0, math.nan, 1)] * 2), "`values` must carry standard errors"),
        (lambda: decomposition_study(SMALL, seeds=1), "`seeds` must be an integer of at least 2"),
        (lambda: decomposition_study(SMALL, sizes=[400]), "`sizes` must be at least two different sizes"),
        (lambda: decomposition_study(SMALL, sizes=[10, 400]), "`sizes` must be at least two different sizes of 50"),
        (lambda: decomposition_study(SMALL, 0), "`ell` must be an integer of at least 1; got 0"),
        (lambda: decompose(SMALL.replace(activation="He2"), 1, 0), "`activation` must have c₁"),
        (lambda: decompose(SMALL.replace(target="z1 + z1*z2"), 1, 0), "`target` must be single-index"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
