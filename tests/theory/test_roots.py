"""Bracketed roots and minima, many at once, against closed forms."""

import math

import numpy as np
import pytest

from theory.roots import bracketed_minimum, bracketed_root, root_between


def test_roots_to_rounding():
    target = np.concatenate([10.0 ** np.arange(-12.0, 13.0), [0.5, 2.0]])
    for function, inverse in (
        (lambda x, a: x**3 - a, np.cbrt),
        (lambda x, a: np.exp(np.minimum(x, 700.0)) - a, np.log),
        (lambda x, a: np.arctan(1e3 * (x - a)), lambda a: a),
        (lambda x, a: np.sign(x - a), lambda a: a),  # nothing but halvings
    ):
        root = bracketed_root(function, -1e3, 1e13, target)
        # of e^x − a a rounding of a is one of 1 in x
        np.testing.assert_allclose(root, inverse(target), rtol=1e-14, atol=4e-16)


def test_shapes_and_ends():
    assert bracketed_root(lambda x, a: x - a, np.zeros((2, 1)), np.ones(3), 0.25).shape == (2, 3)
    assert bracketed_root(lambda x: x, np.empty(0), np.empty(0)).shape == (0,)
    # one sign on the whole bracket: the nearer end; infinite values count by their sign
    assert bracketed_root(lambda x: x - 2.0, 0.0, 1.0) == 1.0
    assert bracketed_root(lambda x: x + 2.0, 0.0, 1.0) == 0.0
    root = bracketed_root(lambda x: np.where(x < 0.25, -math.inf, np.where(x > 0.75, math.inf, x - 0.5)), 0.0, 1.0)
    assert root == pytest.approx(0.5, rel=1e-15)
    # over many decades towards 0, and no further than asked
    assert bracketed_root(lambda x: x - 1e-200, 0.0, 1.0) == pytest.approx(1e-200, rel=1e-14)
    assert abs(bracketed_root(lambda x: np.sign(x), -1.0, 1.5, absolute=1e-6)) <= 1e-6


def test_refusals():
    with pytest.raises(ArithmeticError, match="no root was found between -1 and 1: the function is nan at 0"):
        bracketed_root(lambda x: np.where(np.abs(x) < 0.5, math.nan, x), -1.0, 1.0)
    with pytest.raises(ArithmeticError, match="has no value between 0 and 1, where"):
        bracketed_minimum(lambda x: np.where(x > 0.4, math.nan, x), np.zeros(1), np.ones(1))


def test_minima():
    centre = np.array([0.1, 0.5, 0.99])
    place, value = bracketed_minimum(lambda x, a: np.cosh(x - a), np.zeros(3), np.ones(3), centre)
    np.testing.assert_allclose(place, centre, atol=1e-7)  # half of the digits: the function is flat there
    np.testing.assert_allclose(value, 1.0, rtol=1e-15)
    # a narrow valley between steep walls
    place, _ = bracketed_minimum(lambda x: 1.0 / x**2 + 1e6 / (1.0 - x) ** 2, np.array([1e-9]), np.array([1.0 - 1e-9]))
    assert place == pytest.approx(1.0 / (1.0 + 1e2), rel=1e-6)


def test_few_values_of_a_costly_function():
    for target in (0.01, 0.3, 7.0, 90.0):
        asked: list[float] = []

        def power(t, target=target, asked=asked):
            asked.append(t)
            return target * math.exp(-1.3 * t) - 1.0

        places = (math.log(target) / 1.3 - 0.4, math.log(target) / 1.3 + 0.7)
        root = root_between(power, places, [power(t) for t in places], last=1e-6)
        # the last step to the power 1.8
        assert root == pytest.approx(math.log(target) / 1.3, abs=1e-10)
        assert len(asked) < 8
    # what is known suffices
    assert root_between(pytest.fail, (0.0, 1.0), (-1.0, 3.0), last=0.3) == 0.25


def test_a_root_where_no_polynomial_leads():
    assert root_between(lambda x: math.copysign(1.0, x - 0.3), (0.0, 1.0), (-1.0, 1.0), last=1e-9) == pytest.approx(
        0.3, abs=2e-9
    )
    with pytest.raises(ArithmeticError, match="no root was found between 0 and 1"):
        root_between(lambda x: x, (0.0, 1.0), (1.0, 2.0), last=1e-9)
