"""The studies of nonlinear features: their arithmetic at small sizes, what they claim at full size."""

import json
import math

import numpy as np
import pytest

import spikes.studies.nonlinear_features.study
from spikes import simulate
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.studies.nonlinear_features.study import decomposition_study, spectrum_study, staircase
from theory import Problem, predict_errors
from theory.nonlinear_features import limit_errors

SMALL = Problem(n=300, d=150, width=225)


def content(study) -> dict:
    answer = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert list(answer) == ["schema", "problem", "theory", "simulation", "agreement"]
    return answer


def test_staircase():
    study = staircase(SMALL, alphas=(0.0, 0.25, 0.45), seeds=3, workers=1)
    answer = content(study)
    assert answer["theory"]["alpha"] == [0.0, 0.25, 0.45]
    assert answer["theory"]["thresholds"] == [0.0, 0.25, 1 / 3, 0.375, 0.4]
    assert study.at_alphas["objective"][1] == predict_errors(SMALL.replace(alpha=0.25))[0].objective
    assert study.limit["test_error"][2] == limit_errors(SMALL, 2)[0].test_error
    assert len(answer["agreement"]) == 3 * 3 * 2
    # the same random numbers at every exponent: the objective falls in every single run
    falls = np.diff([runs.values("after", "objective")[:, 0] for runs in study.simulation], axis=0)
    assert (falls < 0.0).all()
    assert np.all(np.diff(study.theory["objective"]) < 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 5, 99])
def test_each_run_of_a_staircase_is_that_of_its_seed_alone(monkeypatch, workers):
    # however the exponents of a seed are parted among workers
    monkeypatch.setattr(spikes.studies.nonlinear_features.study, "worker_count", lambda _, tasks: min(workers, tasks))
    small, alphas = Problem(n=60, d=20, width=30), (0.0, 0.25, 0.3, 0.45, 0.5)
    study = staircase(small, alphas=alphas, seeds=3, seed=4, workers=1)
    for alpha, ensemble in zip(alphas, study.simulation, strict=True):
        assert ensemble.problem.alpha == alpha
        for i, run in enumerate(ensemble.runs):
            alone = simulate(small.replace(alpha=alpha), derived_sequence(as_seed_sequence(4), i))
            assert run.problem == alone.problem
            for name in ("eigenvalues", "alignment", "objective", "test_error"):
                assert np.array_equal(getattr(run.after, name), getattr(alone.after, name))
            assert np.array_equal(run.before.test_error, alone.before.test_error)


def test_staircase_of_a_bounded_second_layer_stops_climbing():
    study = staircase(SMALL.replace(second_layer="rademacher"), alphas=(0.1,), seeds=1, workers=1)
    assert study.limit["objective"][2] == study.limit["objective"][5] < study.limit["objective"][1]


@pytest.mark.slow
def test_staircase_says_what_is_not_learned():
    study = staircase(SMALL.replace(target="He2(z)"), alphas=(0.1, 0.4), seeds=1, workers=1)
    assert "nothing of it is learned" in content(study)["theory"]["remark"]
    assert "absent" in staircase(SMALL.replace(activation="erf"), alphas=(0.1,), seeds=1, workers=1).unlearned


@pytest.mark.slow
def test_spectrum_study():
    study = spectrum_study(SMALL, alphas=(0.0, 0.45), points=4, seeds=2, workers=1)
    answer = content(study)
    assert [s["count"] for s in answer["theory"]["spikes"]] == [0, 9]
    assert [s["critical"] for s in answer["theory"]["spikes"]] == [1, 10]
    assert len(answer["theory"]["spectra"]) == len(answer["simulation"]["spectra"]) == 2
    assert [len(values) for values in study.positions] == sorted(len(values) for values in study.positions)
    for alpha, values, edge in zip(study.curve, study.positions, study.edge, strict=True):
        assert all(value > edge for value in values), alpha


def test_decomposition_study():
    study = decomposition_study(SMALL.replace(alpha=0.29), sizes=(200, 400), seeds=2, workers=1)
    answer = content(study)
    assert answer["theory"]["spikes"] == 2
    assert set(answer["simulation"]["exponent"]) == {"corrected", "as_published", "before"}
    assert np.shape(answer["simulation"]["angles_degrees"]["corrected"]) == (2, 2)
    assert study.caveat() == ""
    assert study.remark().startswith("‖F − F_ℓ‖/√n, corrected, goes like n^(")
    critical = decomposition_study(SMALL.replace(alpha=0.4, activation="tanh"), sizes=(200, 300), seeds=2, workers=1)
    assert critical.caveat().startswith("α = 0.4 is critical for k = 5")
    short = decomposition_study(SMALL.replace(alpha=0.4), 1, sizes=(200, 300), seeds=2, workers=1)
    assert short.caveat() == "4 terms outgrow the bulk at α = 0.4; only 1 are taken out"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: staircase(SMALL, alphas=(0.6,)), r"`alphas` must be in \[0, 0.5\]; got 0.6"),
        (lambda: staircase(SMALL, alphas=(math.nan,)), r"`alphas` must be in \[0, 0.5\]; got nan"),
        (lambda: staircase(SMALL, alphas=()), r"`alphas` must be in \[0, 0.5\]; got none"),
        (lambda: staircase(SMALL, seeds=0), "`seeds` must be an integer of at least 1; got 0"),
        (lambda: staircase(SMALL.replace(target="z1*z2")), "`target` must be single-index"),
        (lambda: staircase(SMALL.replace(activation="He2")), "`activation` must have c₁"),
        (lambda: spectrum_study(SMALL, points=1), "`points` must be an integer of at least 2; got 1"),
        (lambda: spectrum_study(SMALL, alphas=(-0.1,)), r"`alphas` must be in \[0, 0.5\]; got -0.1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.slow
def test_column_means_show_the_term_that_is_missing():
    problem = Problem(n=300, d=150, width=225, alpha=0.29)
    study = decomposition_study(problem, sizes=(300, 600), seeds=10)
    for published, corrected in zip(study.slope("as_published"), study.slope("corrected"), strict=True):
        # 0 if no term were missing; its predicted slope up to the next order, η²/N of it
        assert published.mean > 6.0 * published.sem
        assert abs(corrected.mean) < 0.5
        assert abs(corrected.mean) < published.mean
    # without critical term the remainder falls
    first = decomposition_study(problem.replace(alpha=0.15), sizes=(150, 300, 600), seeds=24)
    assert first.exponents["corrected"].exponent < -4.0 * first.exponents["corrected"].sem
