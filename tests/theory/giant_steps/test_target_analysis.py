"""Information exponent, leap and staircases of targets whose answers are known, and of their rotations."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from theory import Activation, Target
from theory.giant_steps import analyse_target, residual, visible_staircase
from theory.giant_steps.activation_moments import activation_moments
from theory.giant_steps.hermite_moments import hermite_array, tensor
from theory.quadrature import tensor_gauss_hermite

REFERENCE = json.loads((Path(__file__).parents[1] / "references" / "giant_steps.json").read_text())

EX1, EX2 = "(4*z1 + z1**2 + z2)/2", "(z1 + z1**2 + z2 - z2**2)/2"
HE124X2 = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"
# target: information exponent, leap, dimensions learned by steps of n = O(d)
TABLE = {
    "z1 + z2**2": (1, 2, (1,)),
    "z1 + z1*z2": (1, 1, (1, 2)),
    "z1*z2": (2, 2, ()),
    "He3(z)": (3, 3, ()),
    "z1 + z1*z2 + z1*z2*z3": (1, 1, (1, 2, 3)),
    EX2: (1, 1, (1, 2)),
    EX1: (1, 1, (1, 2)),
    "z1*z2*z3": (3, 3, ()),
    "z1 + z1*z2*z3": (1, 2, (1,)),
}


def rotation(k, seed=3):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))[0]


def rotated(source, R):
    """g(Rz): what g learns along e, this learns along Rᵀe."""
    target = Target(source)
    return Target(lambda z: target(z @ R.T), k=target.k)


@pytest.mark.parametrize("source", TABLE)
def test_exponent_leap_and_staircase(source):
    analysis = analyse_target(source)
    found = analysis.information_exponent, analysis.leap, analysis.staircase.dimensions
    assert found == TABLE[source]
    assert analysis.method == "quadrature"


@pytest.mark.parametrize("source", [s for s in TABLE if Target(s).k > 1])
def test_a_rotated_target_learns_rotated_subspaces(source):
    plain = analyse_target(source)
    R = rotation(plain.target.k)
    turned = analyse_target(rotated(source, R))
    assert (turned.information_exponent, turned.leap) == (plain.information_exponent, plain.leap)
    for mine, other in ((turned.staircase, plain.staircase), (turned.full_staircase, plain.full_staircase)):
        assert mine.dimensions == other.dimensions
        for steps in range(1, len(mine.stairs) + 1):
            U, V = mine.subspace(steps), R.T @ other.subspace(steps)
            np.testing.assert_allclose(U @ U.T, V @ V.T, atol=1e-10)
    np.testing.assert_allclose(turned.energies, plain.energies, atol=1e-10)


def test_eigenvalues_of_the_reference():
    for source, name in ((EX1, "ex1_staircase_eigs"), (EX2, "ex2_staircase_eigs")):
        values = np.concatenate([stair.eigenvalues for stair in analyse_target(source).staircase.stairs])
        np.testing.assert_allclose(values, REFERENCE[name], rtol=0, atol=1e-8)
    np.testing.assert_allclose(values, [0.5, 1.0], atol=1e-12)
    exact = np.concatenate([stair.eigenvalues for stair in analyse_target(EX1).staircase.stairs])
    np.testing.assert_allclose(exact, REFERENCE["ex1_exact"], rtol=1e-12)
    np.testing.assert_allclose(exact, [17 / 4, 16 / 289], rtol=1e-12)


def test_energies_and_tensors():
    analysis = analyse_target(EX1)
    np.testing.assert_allclose(analysis.energies[:4], REFERENCE["ex1_energies"], atol=1e-13)
    z, w = tensor_gauss_hermite(60, 2)
    assert analysis.energies.sum() == pytest.approx(w @ Target(EX1)(z) ** 2, rel=1e-12)
    assert analysis.variance + analysis.mean**2 == pytest.approx(analysis.energies.sum(), rel=1e-12)
    # ‖C_j‖²/j! is the energy of degree j, for any g
    table = hermite_array(Target("z1*z2*z3 + sin(z1 + z2) + He2(z3)*z1"), 4)
    energies = analyse_target("z1*z2*z3 + sin(z1 + z2) + He2(z3)*z1").energies
    for j in range(5):
        assert np.sum(tensor(table, j) ** 2) / math.factorial(j) == pytest.approx(energies[j], abs=1e-12)


def test_larger_leaps_need_larger_max_leap():
    assert analyse_target("z1 + z2**2", max_leap=2).staircase.dimensions == (1, 2)
    assert analyse_target("z1*z2", max_leap=2).staircase.dimensions == (2,)
    three = analyse_target("z1 + z1*z2*z3", max_leap=2).staircase
    assert three.dimensions == (1, 3)
    assert [stair.degree for stair in three.stairs] == [1, 2]
    assert three.complete
    assert not analyse_target("z1*z2*z3", max_leap=2).staircase.complete


def shifted_tanh():
    return Activation(lambda x: math.tanh(x + 1.0), lambda x: 1.0 / math.cosh(x + 1.0) ** 2, name="tanh(x+1)")


@pytest.mark.parametrize(
    ("source", "activation", "dimensions"),
    [
        ("z1 + He2(z1)*z2", "relu", (1,)),  # relu has c_3 = 0
        ("z1 + He2(z1)*z2", "erf", (1, 2)),
        ("z1 + z1*z2", "relu", (1, 2)),
        ("z1 + z1*z2", "erf", (1,)),  # an odd activation has c_2 = 0
        ("z1 + z1*z2 + z1*z2*z3", "relu", (1, 2)),
        ("z1 + z1*z2 + z1*z2*z3", "tanh(x+1)", (1, 2, 3)),
        ("z1 + He2(z1)*z2", "tanh(x+1)", (1, 2)),
        (EX1, "erf", (1,)),
        (EX1, "relu", (1, 2)),
    ],
)
def test_visible_staircase(source, activation, dimensions):
    sigma = shifted_tanh() if activation == "tanh(x+1)" else activation
    assert visible_staircase(source, sigma).dimensions == dimensions


def test_an_all_seeing_activation_climbs_the_whole_staircase():
    for source in TABLE:
        for max_leap in (1, 2):
            plain = analyse_target(source, max_leap=max_leap).staircase
            assert visible_staircase(source, shifted_tanh(), max_leap=max_leap).dimensions == plain.dimensions


def test_replicas_agree_with_quadrature():
    for source, max_leap in (("z1 + z1*z2 + z1*z2*z3", 1), ("z1 + z2**2", 2)):
        exact = analyse_target(source, max_leap=max_leap)
        sampled = analyse_target(source, max_leap=max_leap, method="monte-carlo", samples=2**16)
        assert sampled.method == "monte-carlo"
        assert sampled.staircase.dimensions == exact.staircase.dimensions
        for mine, other in zip(sampled.staircase.stairs, exact.staircase.stairs, strict=True):
            # the error given is a standard error in Frobenius norm; four of them
            assert np.all(np.abs(mine.eigenvalues - other.eigenvalues) < 4.0 * mine.errors)
        z = (sampled.energies - exact.energies[:5]) / sampled.energy_errors
        assert np.max(np.abs(z)) < 4.0
        climbed = visible_staircase(source, "erf", max_leap=max_leap, method="monte-carlo", samples=2**16)
        assert climbed.dimensions == visible_staircase(source, "erf", max_leap=max_leap).dimensions


@pytest.mark.slow
def test_five_latents_by_replicas():
    stairs = "z1 + z1*z2 + z1*z2*z3 + z1*z2*z3*z4 + z1*z2*z3*z4*z5"
    analysis = analyse_target(stairs, method="monte-carlo", samples=2**19, seed=1)
    assert (analysis.method, analysis.leap) == ("monte-carlo", 1)
    assert analysis.staircase.dimensions == (1, 2, 3, 4, 5)
    assert all(stair.errors[0] > 0.0 for stair in analysis.staircase.stairs)
    with pytest.raises(ArithmeticError, match="or `samples`"):
        analyse_target(stairs, method="monte-carlo", samples=2**14, seed=1)


def test_polynomials_of_five_and_six_latents_by_quadrature():
    stairs = analyse_target("z1 + z1*z2 + z1*z2*z3 + z1*z2*z3*z4 + z1*z2*z3*z4*z5")
    assert (stairs.method, stairs.leap, stairs.staircase.dimensions) == ("quadrature", 1, (1, 2, 3, 4, 5))
    # mat₁C_3 of z1*z2*z3 holds 1 at two places of every row: (3−1)!/(1!1!)·1² on all six directions
    products = analyse_target("z1*z2*z3 + z4*z5*z6")
    (stair,) = products.full_staircase.stairs
    assert (products.method, products.information_exponent, products.leap) == ("quadrature", 3, 3)
    np.testing.assert_allclose(stair.eigenvalues, np.full(6, 2.0), rtol=1e-10)
    left = residual("z1*z2*z3 + z4*z5*z6", np.eye(6)[:, :3], 2)
    assert left.method == "quadrature"
    assert left.value == pytest.approx(1.0, rel=1e-10)
    # a function that eight nodes an axis do not resolve goes to replicas
    kinked = residual("abs(z1 + z2 + z3 + z4 + z5)", None, 1, samples=2**14)
    assert kinked.method == "monte-carlo"


def test_what_is_dropped_as_small_is_listed():
    analysis = analyse_target("1e-5*z1 + He2(z2)")
    assert (analysis.information_exponent, analysis.leap) == (2, 2)
    (piece,) = analysis.dropped
    # A_1 = C_1C_1ᵀ, and an eigenvalue counts from 1e-8 Var(g) 1! on, Var g = 2
    assert (piece.known, piece.degree) == (0, 1)
    assert piece.eigenvalues == pytest.approx([1e-10], rel=1e-6)
    assert piece.threshold == pytest.approx(2e-8, rel=1e-6)
    np.testing.assert_allclose(np.abs(piece.directions[:, 0]), [1.0, 0.0], atol=1e-9)
    assert analyse_target("1e-3*z1 + He2(z2)").dropped == ()
    assert visible_staircase("1e-5*z1 + He2(z2)", "relu").dropped[0].degree == 1
    # an odd part that an even activation does not see is not dropped by it
    assert visible_staircase("1e-5*z1 + He2(z2)", "He2").dropped == ()
    assert all(not analyse_target(source).dropped for source in TABLE)


def test_a_kink_off_the_axes_does_not_make_a_false_direction():
    # |⟨v, z⟩| depends on one direction; quadrature alone sees a second eigenvalue of A_2 above the threshold.
    analysis = analyse_target("abs(0.955*z1 + 0.296*z2)", samples=2**18)
    assert analysis.full_staircase.dimensions == (1,)
    assert (analysis.information_exponent, analysis.method) == (2, "monte-carlo")
    with pytest.raises(ValueError, match="`target` must be smooth enough for quadrature"):
        analyse_target("abs(0.955*z1 + 0.296*z2)", method="quadrature")


def test_coefficients_of_activations():
    np.testing.assert_allclose(activation_moments("relu").c, REFERENCE["relu_hermite_c0_c8"], rtol=1e-12, atol=1e-13)
    erf = activation_moments("erf")
    np.testing.assert_allclose(erf.c[1::2][:3], REFERENCE["erf_exact"], rtol=1e-12)
    np.testing.assert_allclose(erf.c[1::2][:3], REFERENCE["erf_over_sqrt2_c1_c3_c5"], rtol=1e-12)
    assert erf.slope[2] == pytest.approx(REFERENCE["erf_Esp2"], rel=1e-12)
    assert np.max(activation_moments("tanh").errors) < 1e-11


@pytest.mark.parametrize(("U", "subspace"), [("0", None), ("vstar", [[1.0], [1.0]]), ("e1", [[1.0], [0.0]])])
def test_residuals(U, subspace):
    subspace = None if subspace is None else np.array(subspace)
    for name, value in REFERENCE["residual_He124x2"].items():
        if name.startswith(f"U{U}_"):
            found = residual(HE124X2, subspace, int(name[-1]))
            assert found.value == pytest.approx(value, rel=1e-12, abs=1e-13)
            assert found.error < 1e-12


def test_residual_limits():
    # nothing learned and nothing fitted leaves the variance; everything learned leaves nothing
    assert residual(EX1, None, 0).value == pytest.approx(analyse_target(EX1).variance, rel=1e-12)
    assert residual(EX1, np.eye(2), 0).value == pytest.approx(0.0, abs=1e-12)
    assert residual("z1*z2", np.eye(2)[:, :1], 1).value == pytest.approx(0.0, abs=1e-12)
    energies = analyse_target(HE124X2).energies
    for kappa in range(4):
        assert residual(HE124X2, None, kappa).value == pytest.approx(energies[kappa + 1 :].sum(), abs=1e-12)
    sampled = residual("z1*z2*z3*z4*z5*z6*z7", np.eye(7)[:, :6], 0, samples=2**16)
    assert sampled.method == "monte-carlo"
    assert abs(sampled.value - 1.0) < 4.0 * sampled.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "z1*z2*z3*z4*z5*z6*z7", "method": "quadrature"}, "`target` must have at most 6 latents .* got 7"),
        ({"target": "0*z"}, "`target` must depend on its latents"),
        ({"target": lambda z: np.ones(len(z))}, "`target` must depend on its latents"),
        ({"target": lambda z: z}, "`target` must map"),
        ({"target": lambda z: np.where(np.abs(z[:, 0]) > 5.0, np.nan, z[:, 0])}, "`target` must be finite"),
        ({"target": "z", "max_leap": 0}, "`max_leap` must be an integer of at least 1; got 0"),
        ({"target": "z", "max_leap": 9}, "`max_leap` must be at most `max_degree`, 8; got 9"),
        ({"target": "z", "max_degree": 13}, r"`max_degree` must be an integer from 1 to 12; got 13"),
        ({"target": "z", "samples": 10}, "`samples` must be an integer of at least 2000; got 10"),
        ({"target": "z", "seed": -1}, "`seed` must be an integer of at least 0; got -1"),
        ({"target": "z", "method": "magic"}, "`method` must be one of"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analyse_target(**arguments)


def test_a_hidden_degree_raises():
    with pytest.raises(ArithmeticError, match="raise `max_degree`"):
        analyse_target("He4(z)", max_degree=3)
    assert analyse_target("He9(z)", max_degree=9).leap == 9


def test_bad_subspaces():
    for subspace in (np.ones((3, 1)), np.ones((2, 2)), np.full((2, 1), np.nan)):
        with pytest.raises(ValueError, match="`subspace` must hold independent columns of length 2"):
            residual("z1*z2", subspace)
    with pytest.raises(ValueError, match="`degree` must be an integer"):
        residual("z1*z2", None, -1)
