"""Conditions on activation and target, against coefficients known in closed form."""

import math

import pytest

from spikes.studies.nonlinear_features import check_conditions


def names(found, holds):
    return {one.name for one in found.conditions if one.holds == holds}


def test_relu():
    found = check_conditions("relu", "z + He2(z)/2")
    assert found.coefficients[1] == pytest.approx(0.5)
    assert found.coefficients[2] == pytest.approx(0.5 / math.sqrt(2.0 * math.pi))
    assert found.spikes == (1, 2, 4, 6, 8, 10, 12)
    # k! c_k² of the relu goes like k^(-5/2), and faster at first
    assert -3.0 < found.decay < -2.5
    assert found.growth == pytest.approx(1.0)
    assert names(found, False) == {"c2, c3, c4 are not 0", "the activation has no kinks"}
    assert found.target_coefficients[:4] == pytest.approx([0.0, 1.0, 0.5, 0.0], abs=1e-12)


def test_what_does_not_hold_is_said():
    found = check_conditions("He3", "He2(z) + 1", "rademacher")
    assert math.isnan(found.decay)
    assert found.growth == pytest.approx(3.0, abs=0.01)
    assert found.spikes == ()
    assert "c1 is not 0" in names(found, False)
    assert "the target has a linear part" in names(found, False)
    assert "the second layer's law has many values" in names(found, False)
    assert "E y = 0 or c2 = 0" in names(found, True)
    assert check_conditions("erf", second_layer="rademacher").spikes == (1,)
    with pytest.raises(ValueError, match="`target` must be single-index for these conditions; got 2 latents"):
        check_conditions(target="z1*z2")


def test_the_contract():
    content = check_conditions("tanh", "sin(z)").to_dict()
    assert content["simulation"] is None
    assert content["theory"]["spikes"][1] == {"k": 3, "from_alpha": pytest.approx(1 / 3)}
    assert [one["holds"] for one in content["theory"]["conditions"]].count(False) == 1
