"""The statement of a problem: what is accepted, what is refused, and with which words."""

import dataclasses
import math
import pickle

import numpy as np
import pytest

from theory import Activation, Problem, Target
from theory.statement.activation import ACTIVATIONS

SIZES = {"n": 200, "d": 100, "width": 150}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": -1}, "`n` must be an integer of at least 2; got -1"),
        ({"n": 0}, "`n` must be an integer of at least 2; got 0"),
        ({"n": 1}, "`n` must be an integer of at least 2; got 1"),
        ({"n": 2.5}, "`n` must be an integer of at least 2; got 2.5"),
        ({"n": math.nan}, "`n` must be an integer of at least 2; got nan"),
        ({"n": math.inf}, "`n` must be an integer of at least 2; got inf"),
        ({"n": "many"}, "`n` must be an integer of at least 2; got 'many'"),
        ({"n": True}, "`n` must be an integer of at least 2; got True"),
        ({"n": None}, "`n` must be an integer of at least 2; got None"),
        ({"d": 1}, "`d` must be an integer of at least 2; got 1"),
        ({"width": 1}, "`width` must be an integer of at least 2; got 1"),
        ({"n_step": 0}, "`n_step` must be an integer of at least 2; got 0"),
        (
            {"activation": "rely"},
            "`activation` must be one of relu, .* or an Activation; got 'rely': did you mean relu.",
        ),
        ({"activation": 3}, "`activation` must be one of relu, .* or an Activation; got 3"),
        ({"centered": "yes"}, "`centered` must be True or False; got 'yes'"),
        ({"noise": -0.1}, "`noise` must be finite and at least 0; got -0.1"),
        ({"noise": math.inf}, "`noise` must be finite and at least 0; got inf"),
        ({"noise": "low"}, "`noise` must be finite and at least 0; got 'low'"),
        ({"alpha": -0.1}, r"`alpha` must be in \[0, 1\]; got -0.1"),
        ({"alpha": 1.2}, r"`alpha` must be in \[0, 1\]; got 1.2"),
        ({"alpha": math.nan}, r"`alpha` must be in \[0, 1\]; got nan"),
        ({"scale": 0.0}, "`scale` must be positive; got 0.0"),
        ({"eta": -1.0}, "`eta` must be finite and at least 0; got -1.0"),
        ({"eta": math.nan}, "`eta` must be finite and at least 0; got nan"),
        ({"second_layer": "cauchy"}, "`second_layer` must be one of gaussian, rademacher, constant; got 'cauchy'"),
        ({"ridge": -1.0}, "`ridge` must be positive; got -1.0"),
        ({"ridge": 0.0}, "`ridge` must be positive; got 0.0: a tiny one, as 1e-8, is the limit of none"),
        ({"ridge": [0.1, math.nan]}, "`ridge` must be positive; got nan"),
        ({"ridge": []}, "`ridge` must hold at least one penalty; got an empty sequence"),
        ({"ridge": "small"}, "`ridge` must be positive; got 'small'"),
        ({"target": 3.0}, "`target` must be an expression or a function .*; got 3.0"),
        ({"target": "z7"}, "`target` must have at most 6 latents; got 7"),
        ({"d": 2, "target": "z1 + z3"}, "`d` must be at least the number of latents, 3; got 2"),
    ],
)
def test_refused_problems(fields, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Problem(**(SIZES | fields))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("z.real", "got 'z.real'"),
        ("z.__class__", "got 'z.__class__'"),
        ("().__class__", r"must be built from .*; got '\(\).__class__'"),
        ("__import__('os')", "must call only .*; got '__import__'"),
        ("eval(z)", "must call only .*; got 'eval'"),
        ("sin(z, z)", "must give sin one argument"),
        ("sin(x=z)", "must give sin one argument"),
        ("z**z", "must have a number as exponent"),
        ("2**3**4*z", "must have a number as exponent"),
        ("z**99", "must have exponents of at most 20; got 99"),
        ("z^2", r"must be built from \+ - \* / \*\* numbers.*; got 'z \^ 2'"),
        ("z if z else 1", "must be built from"),
        ("lambda z: z", "must be built from"),
        ("[z]", "must be built from"),
        ("z < 1", "must be built from"),
        ("True*z", "must be built from"),
        ("'a'*z", "must be built from"),
        ("x", r"must use the latents z or z1 ... z9; got 'x'"),
        ("3", "must depend on z"),
        ("", "must be an expression"),
        ("z +", "must be an expression"),
        ("z + z1", "must use either z or z1, z2, ..., not both"),
        ("1/z", r"must be finite; 1/z is inf at z = \(0\)"),
        ("z**0.5", "must be finite"),
        ("exp(z*z)", "must have a finite second moment"),
        ("z+" * 300 + "z", "must have at most 500 characters; got 601"),
        ("-" * 60 + "z", "must be nested at most 40 deep"),
    ],
)
def test_refused_targets(expression, message):
    with pytest.raises(ValueError, match=message):
        Target(expression)


def test_expressions_and_functions_are_evaluated():
    z = np.random.default_rng(1).standard_normal((50, 3))
    np.testing.assert_allclose(Target("z1 + z1*z2*z3")(z), z[:, 0] + z.prod(axis=1), rtol=1e-14)
    np.testing.assert_allclose(
        Target("-He2(z)/2 + relu(z)**2")(z[:, :1]), -(z[:, 0] ** 2 - 1) / 2 + np.maximum(z[:, 0], 0) ** 2, rtol=1e-14
    )
    assert Target("He3(z)").k == 1
    assert Target("z2").k == 2
    assert Target(lambda z: z[:, 0] * z[:, 1]).k == 2
    assert Target(lambda z: np.prod(z, axis=1), k=3).k == 3
    assert Target("abs(z - 0.3) + sign(z**2 - 1)").kinks == (-1.0, 0.3, 1.0)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: z, "must map an array"),
        (lambda z: 1 / 0, "must map an array .* the function raised ZeroDivisionError"),
        (lambda z: np.full(len(z), np.nan), "must be finite"),
        (lambda z: 1j * z[:, 0], "must return real numbers"),
    ],
)
def test_refused_functions(function, message):
    with pytest.raises(ValueError, match=message):
        Target(function)


def test_activation_needs_its_own_derivative():
    with pytest.raises(ValueError, match="`derivative` of activation `wrong` must be the derivative of `function`"):
        Activation(math.sin, math.sin, name="wrong")
    with pytest.raises(ValueError, match="must be finite"):
        Activation(lambda x: float("nan"), lambda x: 0.0, name="nan")
    with pytest.raises(ValueError, match="calling it raised"):
        Activation(lambda x: undefined, lambda x: 0.0)  # noqa: F821
    with pytest.raises(ValueError, match="`derivative` of an activation must be callable"):
        Activation(math.sin, 3)
    with pytest.raises(ValueError, match="`kinks` must be a sequence of numbers"):
        Activation(math.sin, math.cos, kinks=3)
    mine = Activation(math.atan, lambda x: 1 / (1 + x * x), name="arctan")
    np.testing.assert_allclose(mine(np.array([[0.0, 1.0]])), [[0.0, math.pi / 4]])


def test_resolved_fields():
    problem = Problem(**SIZES, alpha=0.5, scale=2.0, n_step=400)
    assert problem.step_size == pytest.approx(2.0 * 400**0.5)
    assert problem.replace(eta=3.0).step_size == 3.0
    assert problem.replace(n_step=None, n=900).n0 == 900
    assert Problem(**SIZES | {"n": 1e15}).n == 10**15
    assert problem.to_dict()["eta"] == pytest.approx(40.0)
    assert {f.name for f in dataclasses.fields(problem)} <= set(problem.to_dict())
    assert (problem.phi, problem.psi, problem.phi0) == (0.5, 100 / 150, 0.25)
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.n = 3
    assert problem.sigma.name == "relu"
    again = pickle.loads(pickle.dumps(problem))
    assert again == problem
    assert again.sigma is ACTIVATIONS["relu"]
    assert pickle.loads(pickle.dumps(ACTIVATIONS["He3"])) is ACTIVATIONS["He3"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_named_activations_have_their_derivatives(name):
    x = np.linspace(-6.0, 6.0, 241) + 1e-3  # off the kink
    h = 1e-6
    sigma = ACTIVATIONS[name]
    numeric = (sigma(x + h) - sigma(x - h)) / (2 * h)
    # central differences: h² σ‴/6 + 1e-16 σ/h, at most 1e-6 for the fifth Hermite polynomial
    np.testing.assert_allclose(sigma.slope(x), numeric, rtol=1e-6, atol=1e-6)
