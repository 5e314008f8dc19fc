"""Gaussian equivalents: exact where the activation is linear, and of the same errors where it is not."""

import numpy as np
import pytest

from spikes.simulation.equivalent_features import equivalent_run
from spikes.studies.nonlinear_features import equivalence_study
from theory import Problem

SMALL = Problem(n=160, d=80, width=120, alpha=0.29, scale=3.0, ridge=0.3)


def test_a_linear_activation_is_its_own_equivalent():
    found = equivalent_run(SMALL.replace(activation="He1", target="z"), 1)
    for one, two in found.values():
        # coefficients between the nodes of the table are exact for a linear function
        assert one.objective == pytest.approx(two.objective, rel=1e-9)
        np.testing.assert_allclose(one.singular_values, two.singular_values, rtol=1e-9)


def test_study_and_contract(tmp_path):
    path = str(tmp_path / "kept")
    study = equivalence_study(SMALL, seeds=4, workers=1, checkpoint=path)
    again = equivalence_study(SMALL, seeds=4, workers=1, checkpoint=path)
    content = study.to_dict()
    assert content == again.to_dict()
    assert len(content["agreement"]) == 12
    # at n = 160 what both have in common is within ten per cent
    assert all(abs(r.relative) < 0.1 for r in study.rows() if "error" in r.quantity)


@pytest.mark.slow
def test_errors_and_spikes_are_those_of_the_equivalent():
    study = equivalence_study(SMALL.replace(n=600, d=300, width=450), seeds=8, workers=2)
    # three per cent, the claim's tolerance, or four standard errors of the difference
    for r in study.rows():
        assert abs(r.simulation - r.theory) < max(0.03 * r.theory, 4.0 * r.sem), r.quantity
