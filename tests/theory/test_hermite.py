"""Quadrature and Hermite coefficients against moments and published digits."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from theory import Target
from theory.hermite import gaussian_distribution, hermite_coefficients, hermite_polynomials
from theory.quadrature import gauss_hermite, gaussian_nodes, gaussian_plane, half_line, tensor_gauss_hermite
from theory.statement.activation import ACTIVATIONS


@pytest.mark.parametrize("order", [1, 5, 40, 100, 101, 400, 1000])
def test_gauss_hermite_moments(order):
    nodes, weights = gauss_hermite(order)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    for k in range(1, min(order, 8)):
        assert weights @ nodes ** (2 * k) == pytest.approx(math.prod(range(1, 2 * k, 2)), rel=1e-10)
    with pytest.raises(ValueError, match="read-only"):
        nodes[0] = 0.0


def test_tensor_rule_is_orthonormal():
    nodes, weights = tensor_gauss_hermite(6, 3)
    np.testing.assert_allclose((nodes.T * weights) @ nodes, np.eye(3), atol=1e-13)


def test_radii_and_angles_are_exact_for_polynomials_of_their_degree():
    nodes, weights = gaussian_plane(3, 8)
    for i in range(6):
        for j in range(6 - i):
            gauss = [math.prod(range(1, k, 2)) if k % 2 == 0 else 0 for k in (i, j)]
            assert weights @ (nodes[:, 0] ** i * nodes[:, 1] ** j) == pytest.approx(math.prod(gauss), abs=1e-12)
    # the signs of both axes: every node has its images
    for sign in ((-1.0, 1.0), (1.0, -1.0)):
        distance = np.abs(nodes[:, None] * sign - nodes).sum(axis=2).min(axis=1)
        assert distance.max() < 1e-12


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_a_rule_in_log_x_resolves_what_changes_at_its_scale(scale):
    """E 1/(1 + (Z/s)²) = √(π/2) s e^(s²/2) erfc(s/√2), by eight nodes; of a Gauss rule 64 leave 10 % at s = 0.01."""
    exact = math.sqrt(math.pi / 2.0) * scale * math.exp(0.5 * scale**2) * math.erfc(scale / math.sqrt(2.0))
    x, weights = half_line(8, 0, scale)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert weights @ (1.0 / (1.0 + (x / scale) ** 2)) == pytest.approx(exact, rel=5e-3)
    if scale == 0.01:
        x, weights = gauss_hermite(64)
        assert abs(weights @ (1.0 / (1.0 + (x / scale) ** 2)) / exact - 1.0) > 0.1


def test_panels_are_exact_across_kinks():
    nodes, weights = gaussian_nodes((-0.7, 0.4))
    exact = 0.5 * (1 + math.erf(0.7 / math.sqrt(2))) + 0.5 * math.erfc(0.4 / math.sqrt(2))
    assert weights @ ((nodes > -0.7) + 1.0 * (nodes > 0.4)) == pytest.approx(exact, abs=1e-14)


def test_published_coefficients():
    # E[σ He_k] of relu: 1/√2π, 1/2, 1/√2π, 0, −1/√2π, 0, 3/√2π; of erf(x/√2): 1/√π, −1/(2√π), 3/(4√π)
    relu = hermite_coefficients(ACTIVATIONS["relu"], 6) * [math.factorial(k) for k in range(7)]
    np.testing.assert_allclose(relu * math.sqrt(2 * math.pi), [1, math.sqrt(math.pi / 2), 1, 0, -1, 0, 3], atol=1e-13)
    erf = hermite_coefficients(ACTIVATIONS["erf"], 5) * [math.factorial(k) for k in range(6)]
    np.testing.assert_allclose(erf * math.sqrt(math.pi), [0, 1, 0, -0.5, 0, 0.75], atol=1e-13)


def test_parseval():
    # tanh is analytic: its coefficients die out, and Σ k! c_k² is its second moment
    c = hermite_coefficients(np.tanh, 40)
    nodes, weights = gaussian_nodes()
    total = sum(math.factorial(k) * c[k] ** 2 for k in range(41))
    assert total == pytest.approx(weights @ np.tanh(nodes) ** 2, rel=1e-5)
    np.testing.assert_allclose(hermite_coefficients(Target("1 + 2*He3(z)"), 4), [1, 0, 0, 2, 0], atol=1e-12)
    np.testing.assert_allclose(hermite_polynomials(np.array([2.0]), 3)[:, 0], [1, 2, 3, 2])


@pytest.mark.parametrize("order", [0, -1, 2.5, True, "a"])
def test_bad_order(order):
    with pytest.raises(ValueError, match="`order` must be an integer of at least 1"):
        gauss_hermite(order)


def test_distribution_of_a_gaussian_in_its_tails():
    x = np.linspace(-30.0, 30.0, 4001)
    # Φ moves by x² times the rounding of x
    np.testing.assert_allclose(gaussian_distribution(x), ndtr(x), rtol=4e-13)
    many = np.tile(x, 2).reshape(2, -1)
    np.testing.assert_allclose(gaussian_distribution(many)[1], ndtr(x), rtol=1e-15)
