"""Spike counts, Δ₁, Δ₂ and the strong-spike limits: published digits, closed forms, and the finite-n law's approach."""

import itertools
import math

import numpy as np
import pytest

from theory import Problem, predict_errors
from theory.nonlinear_features import (
    critical_exponent,
    critical_order,
    delta_1,
    delta_2,
    learned_energy,
    limit_errors,
    norm_inflation,
    objective_drop,
    spike_count,
    spike_growth,
    spike_terms,
)
from theory.random_features import random_feature_errors

DEFAULT = Problem(n=2000, d=1000, width=1500)


def at_size(n: int, **changes) -> Problem:
    return Problem(n=n, d=n // 2, width=3 * n // 4, **changes)


def drop(problem: Problem, order: int = 2) -> float:
    """Decrease of the objective by the finite-n law."""
    return random_feature_errors(problem)[0].objective - predict_errors(problem, order)[0].objective


@pytest.mark.parametrize(("alpha", "ell"), [(0.1, 1), (0.3, 2), (0.35, 3), (0.376, 4), (0.0, 0), (0.4999, 4999)])
def test_spike_count(alpha, ell):
    assert spike_count(alpha) == ell


@pytest.mark.parametrize("ell", range(1, 21))
def test_thresholds(ell):
    at = critical_exponent(ell)
    assert at == (ell - 1) / (2 * ell)
    assert spike_count(at) == ell - 1
    assert critical_order(at) == ell
    assert spike_growth(ell, at) == pytest.approx(0.0, abs=1e-15)
    assert spike_count(at + 1e-9) == ell
    assert critical_order(at + 1e-9) is None
    if ell > 1:
        assert spike_count(at - 1e-9) == ell - 1
    middle = 0.5 * (at + critical_exponent(ell + 1))
    assert spike_count(middle) == ell
    assert spike_growth(ell, middle) > 0.0 > spike_growth(ell + 1, middle)


def test_published_numbers():
    # relu, z + He₂/2, d = n/2, N = 3n/4, λ = 0.1, noise 0.5
    assert objective_drop(DEFAULT, 1)[0] == pytest.approx(0.15800, abs=1e-5)
    assert objective_drop(DEFAULT, 2)[0] == pytest.approx(0.19779, abs=1e-5)
    assert objective_drop(DEFAULT, 2, as_published=True)[0] == pytest.approx(0.21306, abs=1e-5)
    assert objective_drop(DEFAULT, 4)[0] == pytest.approx(0.217277, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "alpha", "value"),
    [
        (10**9, 0.29, 0.19426),
        (10**12, 0.29, 0.19654),
        (10**15, 0.29, 0.19737),
        (10**9, 0.15, 0.15597),
        (10**9, 0.4, 0.21728),
    ],
)
def test_finite_n_law_at_large_n(n, alpha, value):
    assert drop(at_size(n, alpha=alpha)) == pytest.approx(value, rel=1e-3)


def test_the_law_tends_to_the_corrected_limit():
    corrected, published = objective_drop(DEFAULT, 2)[0], objective_drop(DEFAULT, 2, as_published=True)[0]
    gaps = [corrected - drop(at_size(10**k, alpha=0.29)) for k in (9, 12, 15, 17)]
    assert all(later < 0.55 * earlier for earlier, later in itertools.pairwise(gaps[:3]))
    assert 0.0 < gaps[-1] < 3e-4
    assert published - drop(at_size(10**17, alpha=0.29)) > 0.015
    errors, limit = predict_errors(at_size(10**17, alpha=0.29))[0], limit_errors(DEFAULT, 2)[0]
    for name in ("objective", "train_error", "test_error"):
        # the gap closes like a power of n: 4e-4 at 10¹⁷
        assert getattr(errors, name) == pytest.approx(getattr(limit, name), rel=1e-3)


def random_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    a, b, c = (rng.uniform(0.3, 1.5, 3) * rng.choice([-1, 1], 3)).tolist()
    return Problem(
        n=1000,
        d=int(rng.integers(200, 2000)),
        width=int(rng.integers(200, 2000)),
        n_step=int(rng.integers(300, 3000)),
        activation=str(rng.choice(["relu", "softplus", "gelu", "silu"])),
        target=f"{a!r}*z + {b!r}*He2(z) + {0.3 * c!r}*He3(z)",
        noise=float(rng.uniform(0, 1)),
        ridge=tuple(10.0 ** rng.uniform(-3, 1, 2)),
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("as_published", [False, True])
def test_deltas_are_objective_drops(seed, as_published):
    problem = random_problem(seed)
    np.testing.assert_allclose(delta_1(problem), objective_drop(problem, 1), rtol=1e-10)
    total = delta_1(problem) + delta_2(problem, as_published)
    np.testing.assert_allclose(total, objective_drop(problem, 2, as_published), rtol=1e-10)


def test_limits_are_what_the_drop_says():
    before = random_feature_errors(DEFAULT)[0]
    for ell in range(5):
        after = limit_errors(DEFAULT, ell)[0]
        assert before.objective - after.objective == pytest.approx(objective_drop(DEFAULT, ell)[0], abs=1e-14)
        assert after.train_error <= before.train_error
        assert after.test_error <= before.test_error
    assert limit_errors(DEFAULT.replace(alpha=0.3)) == limit_errors(DEFAULT, 2)
    # more and more even spikes learn the even part, E[c⋆₂He₂ | v] = c⋆₂ρ²He₂(v), completely
    learned = [learned_energy(DEFAULT, ell).nonlinear for ell in (2, 4, 8, 16)]
    assert learned == sorted(learned)
    assert learned[-1] == pytest.approx(2 * 0.25 * DEFAULT_RHO**4, rel=0.015)


DEFAULT_RHO = 1 / math.sqrt(1.875)


def test_constant_feature():
    # with the constants in the span, q₂ learns He₂ completely, whatever its own constant
    for as_published in (False, True):
        energy = learned_energy(DEFAULT, 2, as_published=as_published, constant_feature=True)
        assert energy.nonlinear == pytest.approx(2 * 0.25 * DEFAULT_RHO**4, rel=1e-12)
    uncentred = DEFAULT.replace(centered=False)
    assert learned_energy(uncentred, 2).nonlinear == pytest.approx(2 * 0.25 * DEFAULT_RHO**4, rel=1e-12)


def test_left_polynomials():
    problem = DEFAULT
    a = norm_inflation(problem)
    # relu: c₁ = 1/2, Var σ′ = 1/4
    assert a == pytest.approx((1 - DEFAULT_RHO**2), rel=1e-12)
    terms = spike_terms(problem, 4)
    assert terms[1].polynomial == pytest.approx((a, 0.0, 1.0))
    assert terms[3].polynomial == pytest.approx((3 * a**2, 0.0, 6 * a, 0.0, 1.0))
    assert spike_terms(problem, 2, as_published=True)[1].polynomial == (0.0, 0.0, 1.0)
    rate = 0.5 * problem.step_size * math.sqrt(1.875 / 1500)
    assert terms[0].strength == pytest.approx(0.5 * rate)
    assert terms[1].strength == pytest.approx(rate**2 / (2 * math.sqrt(2 * math.pi)))
    assert terms[2].strength == 0.0


def test_nothing_is_learned_without_a_linear_part():
    problem = DEFAULT.replace(target="He2(z)")
    energy = learned_energy(problem, 3)
    assert (energy.linear, energy.nonlinear) == (0.0, 0.0)
    assert "nothing of it is learned" in energy.remark
    np.testing.assert_array_equal(objective_drop(problem, 3), [0.0])
    np.testing.assert_array_equal(delta_1(problem) + delta_2(problem), [0.0])


def test_absent_spikes():
    problem = DEFAULT.replace(activation="tanh", target="z + 0.5*He2(z) + 0.2*He3(z)")
    energy = learned_energy(problem, 4)
    assert energy.absent == (2, 4)
    assert "c_k = 0 for k = 2, 4" in energy.remark
    assert energy.nonlinear == pytest.approx(6 * 0.04 * (1 / (1 + 0.5 * 1.99)) ** 3, rel=1e-12)
    np.testing.assert_allclose(delta_2(problem), [0.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spike_count(0.5), r"`alpha` must be in \[0, 0.5\); got 0.5"),
        (lambda: spike_count(-0.1), r"`alpha` must be in \[0, 0.5\); got -0.1"),
        (lambda: spike_growth(0, 0.3), "`ell` must be an integer of at least 1; got 0"),
        (lambda: limit_errors(DEFAULT, -1), "`ell` must be an integer of at least 0; got -1"),
        (lambda: limit_errors(DEFAULT.replace(activation="He2"), 1), "`activation` must have c₁ .* He2 has c₁ = 0"),
        (lambda: delta_1(DEFAULT.replace(target="z1*z2")), "`target` must be single-index .* got 2 latents"),
        (lambda: limit_errors(DEFAULT.replace(second_layer="rademacher"), 3), "must have at least 3 support points"),
        (lambda: limit_errors(DEFAULT.replace(second_layer="constant"), 2), "must have at least 2 support points"),
        (lambda: limit_errors(DEFAULT.replace(target="1 + z"), 1), "`target` must have mean 0 .* has mean 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
