"""A problem by way of its dict and of JSON: it comes back, and what was resolved is a default again."""

import json
import math
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import Activation, Problem, Target
from theory.statement import ACTIVATIONS, SecondLayer

SIZES = {"n": 200, "d": 100, "width": 150}


def through_json(problem: Problem, **own) -> Problem:
    return Problem.from_dict(json.loads(json.dumps(problem.to_dict(), allow_nan=False)), **own)


@pytest.fixture(scope="module")
def mine():
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    try:
        import own_functions
    finally:
        sys.path.remove(folder)
    return own_functions


sizes = st.integers(2, 10**6)
finite = {"allow_nan": False, "allow_infinity": False}
problems = st.builds(
    Problem,
    n=sizes,
    d=sizes,
    width=sizes,
    n_step=st.none() | sizes,
    activation=st.sampled_from(["relu", "tanh", "He3"]),
    centered=st.booleans(),
    target=st.sampled_from(["z", "z1 + z1*z2"]),
    noise=st.floats(0.0, 9.0),
    alpha=st.floats(0.0, 1.0),
    scale=st.floats(1e-9, 1e9),
    eta=st.none() | st.floats(0.0, 1e9),
    second_layer=st.sampled_from(["gaussian", "rademacher", "constant"]),
    ridge=st.floats(1e-9, 1e3) | st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(problems, st.floats(0.0, 1.0), sizes)
def test_a_problem_comes_back(problem, alpha, n):
    again = through_json(problem)
    assert again == problem
    assert hash(again) == hash(problem)
    assert again.to_dict() == problem.to_dict()
    free = {} if problem.eta is None else {"eta": None}  # alpha and scale change nothing beside a given eta
    for changes in ({"alpha": alpha, **free}, {"n": n}, {"scale": 2.0, **free}, {"n": n, "alpha": alpha, **free}):
        assert again.replace(**changes).step_size == problem.replace(**changes).step_size
        assert again.replace(**changes).n0 == problem.replace(**changes).n0


def test_what_was_resolved_is_a_default_again():
    again = Problem.from_dict(Problem(**SIZES).to_dict())
    assert (again.n_step, again.eta) == (None, None)
    assert again.replace(alpha=0.1).step_size == 200**0.1
    assert again.replace(n=900).n0 == 900
    fixed = Problem(**SIZES, eta=3.0, n_step=300)
    assert "given" not in fixed.to_dict()
    again = Problem.from_dict(fixed.to_dict())
    assert again.eta == 3.0
    with pytest.raises(ValueError, match="`alpha` must go with eta=None where a step size is given, here eta = 3"):
        again.replace(alpha=0.1)
    assert again.replace(alpha=0.1, eta=None).step_size == 300**0.1
    assert again.replace(n=900).n0 == 300


def test_what_is_given_at_its_default_stays_given():
    problem = Problem(**SIZES, n_step=200, alpha=0.5, eta=200**0.5)
    assert problem.to_dict()["given"] == ["n_step", "eta"]
    again = through_json(problem)
    assert again == problem
    assert again.replace(n=900).n0 == 200
    assert again.eta == 200**0.5
    # a file without the key, by another hand: taken for defaults
    content = {name: value for name, value in problem.to_dict().items() if name != "given"}
    assert Problem.from_dict(content).replace(alpha=0.0).step_size == 1.0


def test_a_power_of_another_machine_is_still_the_default():
    content = Problem(**SIZES).to_dict()
    content["eta"] = math.nextafter(content["eta"], math.inf)
    assert Problem.from_dict(content).eta is None
    content["eta"] *= 1.0 + 1e-13
    assert Problem.from_dict(content).eta == content["eta"]


def test_problems_that_say_the_same_are_equal():
    plain = Problem(**SIZES)
    for same in (
        Problem(**SIZES, ridge=[0.1]),
        Problem(**SIZES, activation=ACTIVATIONS["relu"]),
        Problem(**SIZES, target=Target("z + 0.5*He2(z)")),
        Problem(**{name: np.int64(value) for name, value in SIZES.items()}),
        Problem(**{name: float(value) for name, value in SIZES.items()}),
    ):
        assert same == plain
        assert hash(same) == hash(plain)
    assert Problem(**SIZES, n_step=200) != plain
    assert Problem(**SIZES, ridge=[0.1, 0.2]) != plain
    assert plain != "plain"
    with pytest.raises(
        TypeError, match=r"takes its arguments by name: did you mean Problem\(n=200, d=100, width=150\)"
    ):
        Problem(200, 100, 150)


def test_own_functions_travel_by_import_path(mine):
    problem = Problem(
        **SIZES,
        activation=Activation(mine.bump, mine.bump_slope, kinks=(0.5,)),
        target=mine.product,
        second_layer=SecondLayer("uniform", sampler=mine.draw_uniform, quadrature=mine.uniform_nodes),
    )
    own = problem.to_dict()["own"]
    assert own["activation"]["derivative"] == "own_functions:bump_slope"
    assert own["target"] == {"name": "product", "function": "own_functions:product", "k": 2}
    assert through_json(problem) == problem
    assert problem.to_dict()["activation"] == "bump"


def test_own_objects_travel_by_import_path(mine):
    problem = Problem(**SIZES, activation=mine.arctan, target=mine.cubic, second_layer=mine.coin)
    assert problem.to_dict()["own"]["activation"] == {"path": "own_functions:arctan"}
    again = through_json(problem)
    assert again == problem
    assert again.sigma is mine.arctan
    assert again.law_of_a is mine.coin


def test_laws_of_values_and_named_expressions_travel_as_they_are():
    sparse = SecondLayer("sparse", atoms=(-2.0, 0.0, 2.0), odds=(0.125, 0.75, 0.125))
    problem = Problem(**SIZES, second_layer=sparse, target=Target("z + z**3", name="odd"))
    assert through_json(problem) == problem
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_what_cannot_travel_says_so_and_can_be_given_again():
    sigma = Activation(math.atan, lambda x: 1.0 / (1.0 + x * x), name="arctan")
    problem = Problem(**SIZES, activation=sigma, target=lambda z: z[:, 0])
    own = problem.to_dict()["own"]
    assert own["activation"]["lost"].startswith("no import path leads to arctan: give it to from_dict again")
    with pytest.raises(ValueError, match="`activation` cannot be had from a file: no import path leads to arctan"):
        through_json(problem, target=problem.target)
    assert through_json(problem, activation=sigma, target=problem.target) == problem


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widht": 3}, "`content` must use the keys n, d, width, .*, own, given; got 'widht'"),
        (
            {"own": {"target": {"function": "nowhere.at_all:g", "k": 1, "name": "g"}}},
            "`target` must be a path that can",
        ),
        (
            {"own": {"activation": {"path": "math"}}},
            "`activation` must be an import path package.module:name; got 'math'",
        ),
        ({"activation": "swish"}, "`activation` must be one of relu, .*; got 'swish'"),
    ],
)
def test_refused_dicts(changes, message):
    with pytest.raises(ValueError, match=message):
        Problem.from_dict(Problem(**SIZES).to_dict() | changes)


def test_refused_keywords_and_missing_sizes():
    with pytest.raises(ValueError, match="`content` must have the key width; got n, d"):
        Problem.from_dict({"n": 200, "d": 100})
    with pytest.raises(
        ValueError, match="`own` must name activation, target, second_layer, covariance, direction; got 'sigma'"
    ):
        Problem.from_dict(Problem(**SIZES).to_dict(), sigma="relu")
    assert Problem.from_dict(SIZES) == Problem(**SIZES)
