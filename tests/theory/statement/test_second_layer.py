"""Laws of the second layer: the bits of the named ones, and a user's own beside them."""

import math
import pickle

import numpy as np
import pytest

from spikes import compare
from spikes.simulation.network import initial_network
from spikes.simulation.trajectory import trajectory
from theory import Problem, predict
from theory.giant_steps import predict_population
from theory.nonlinear_features import learned_energy
from theory.quadrature import gauss_hermite
from theory.statement import SECOND_LAYERS, SecondLayer

SIZES = {"n": 200, "d": 100, "width": 150}
COIN = SecondLayer(
    "coin", atoms=(-1.0, 1.0), odds=(0.5, 0.5), sampler=lambda g, size: 1.0 - 2.0 * g.integers(0, 2, size=size)
)
NORMAL = SecondLayer("normal", sampler=lambda g, size: g.standard_normal(size), quadrature=gauss_hermite)
SPARSE = SecondLayer("sparse", atoms=(-2.0, 0.0, 2.0), odds=(0.125, 0.75, 0.125))
SKEW = SecondLayer("skew", atoms=(-0.5, 2.0), odds=(0.8, 0.2))


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("gaussian", lambda g: g.standard_normal(150)),
        ("rademacher", lambda g: 1.0 - 2.0 * g.integers(0, 2, size=150)),
        ("constant", lambda g: np.ones(150)),
    ],
)
def test_named_laws_keep_their_draws(name, drawn):
    law = SECOND_LAYERS[name]
    np.testing.assert_array_equal(law.draw(np.random.default_rng(5), 150), drawn(np.random.default_rng(5)))
    nodes, weights = law.nodes(12)
    for power, moment in zip((1, 2, 4), law.moments, strict=True):
        assert weights @ nodes**power == pytest.approx(moment, abs=1e-12)
    assert pickle.loads(pickle.dumps(law)) is law


def test_what_is_known_of_the_laws():
    assert {name: law.support for name, law in SECOND_LAYERS.items()} == {
        "gaussian": math.inf,
        "rademacher": 2,
        "constant": 1,
    }
    assert [law.symmetric for law in (*SECOND_LAYERS.values(), SPARSE, SKEW)] == [True, True, False, True, False]
    assert SPARSE.moments == (0.0, 1.0, 4.0)
    assert SKEW.moments == pytest.approx((0.0, 1.0, 0.8 * 0.0625 + 0.2 * 16.0))
    assert pickle.loads(pickle.dumps(SPARSE)) == SPARSE


@pytest.mark.parametrize(("mine", "named"), [(COIN, "rademacher"), (NORMAL, "gaussian")])
def test_an_own_law_is_the_named_one_where_it_says_the_same(mine, named):
    own, known = Problem(**SIZES, second_layer=mine), Problem(**SIZES, second_layer=named)
    sequence = np.random.SeedSequence(3)
    np.testing.assert_array_equal(initial_network(own, sequence).a, initial_network(known, sequence).a)
    assert predict(own).to_dict() == predict(known).to_dict()
    np.testing.assert_array_equal(predict_population(own).weight_cos2, predict_population(known).weight_cos2)


@pytest.mark.slow
def test_an_own_law_is_predicted_and_simulated():
    """Theory beside simulation where one neuron in 16 has a second layer at all, against ±1 or normal for each."""
    rare = SecondLayer("rare", atoms=(-4.0, 0.0, 4.0), odds=(1 / 32, 15 / 16, 1 / 32))
    problem = Problem(n=300, d=150, width=200, eta=60.0, noise=0.1, second_layer=rare)
    content = compare(problem, seeds=8, seed=1, workers=1, test_samples=2048).to_dict()
    rows = {row["quantity"]: row for row in content["agreement"]}
    ratio = rows["train_error/before[0.1]"]
    # The mean of 8 runs: z is Student's t with 7 degrees, beyond 5.4 once in a thousand seeds.
    assert abs(ratio["z"]) < 5.4
    before = rows["train_error[0.1]"]["theory"] / ratio["theory"]
    for named in ("gaussian", "rademacher"):
        other = predict(problem.replace(second_layer=named)).train_error[0] / before
        assert abs(other - ratio["simulation"]) > 5.4 * ratio["sem"]


def test_what_a_law_does_not_allow():
    with pytest.raises(ValueError, match=r"`second_layer` must have at least 4 support points .* sparse has 3"):
        learned_energy(Problem(**SIZES, second_layer=SPARSE), 4)
    for law in ("constant", SKEW):
        with pytest.raises(
            ValueError, match=r"`start` must be random for .* not symmetric about 0; got .* (constant|skew)"
        ):
            trajectory(Problem(**SIZES, second_layer=law))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"atoms": (-2.0, 2.0), "odds": (0.5, 0.5)}, r"`moments` must have E g² = 1, .*; bad has 4.0"),
        ({"atoms": (-1.0, 1.0), "odds": (0.5, 0.6)}, r"`odds` must be positive and sum to 1; got \(0.5, 0.6\)"),
        ({"atoms": (-1.0, 1.0), "odds": (1.0,)}, "`odds` must be one for each of different atoms"),
        ({"atoms": "ab", "odds": (1.0,)}, "`atoms` must be a finite number; got 'a'"),
        ({"atoms": 1.0}, "`atoms` must be a sequence of numbers; got 1.0"),
        ({}, "`sampler` and `quadrature` must be given where there are no atoms; bad has none"),
        (
            {"sampler": lambda g, size: 1.2 * g.standard_normal(size), "quadrature": gauss_hermite},
            r"`sampler` must have the moments .*; 4096 draws of bad have E g\^2 = 1.4",
        ),
        (
            {"sampler": lambda g, size: g.standard_normal(size), "quadrature": gauss_hermite, "moments": (0, 1, 2)},
            "`quadrature` must have the moments",
        ),
        ({"sampler": lambda g, size: np.ones(3), "quadrature": gauss_hermite}, "`sampler` must return as many finite"),
    ],
)
def test_refused_laws(arguments, message):
    with pytest.raises(ValueError, match=message):
        SecondLayer("bad", **arguments)
