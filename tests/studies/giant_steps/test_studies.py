"""The studies of giant steps: theory beside simulation through the library."""

import json
import math

import numpy as np
import pytest

from spikes.studies.giant_steps import report_target, study_curve, study_step, study_trajectory
from spikes.studies.giant_steps.trajectory import _order
from theory import Activation, Problem
from theory.statement.protocol import Protocol

HE124X2 = "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2"
CONTRACT = ["schema", "problem", "theory", "simulation", "agreement"]


def problem_of(target="z1 + z1*z2", **changes):
    fields = {"n": 400, "d": 100, "width": 16, "second_layer": "rademacher", "noise": 0.3, "eta": 4.0}
    return Problem(target=target, centered=False, **(fields | changes))


def checked(study):
    """The contract, as strict JSON."""
    content = study.to_dict()
    assert list(content) == CONTRACT
    assert content["schema"] == "spikes/1"
    return json.loads(json.dumps(content, allow_nan=False))


def test_report():
    content = checked(report_target("z1 + He2(z1)*z2", "relu"))["theory"]
    assert (content["information_exponent"], content["leap"]) == (1, 1)
    assert content["staircase"]["dimensions"] == [1, 2]
    assert content["visible_staircase"]["dimensions"] == [1]
    assert [f["value"] for f in content["floors"]] == pytest.approx([2.0, 0.0], abs=1e-10)
    assert content["staircase"]["steps"][1]["directions"] == [[0.0, 1.0]]
    many = checked(report_target("z1 + z2 + z3 + z4 + z5 + z6 + z7", samples=2**16))
    assert many["problem"]["latents"] == 7
    assert many["theory"]["method"] == "monte-carlo"
    assert many["theory"]["dropped"] == []
    (piece,) = checked(report_target("1e-5*z1 + He2(z2)"))["theory"]["dropped"]
    assert (piece["known"], piece["degree"]) == (0, 1)
    assert piece["eigenvalues"][0] < piece["threshold"]


def test_step_in_the_linear_regime():
    study = study_step(problem_of(n=600, d=300, width=64), seeds=6, workers=1)
    content = checked(study)
    rows = {r["quantity"]: r for r in content["agreement"]}
    assert list(rows)[:2] == ["cos z1", "cos z2"]
    assert rows["cos z1"]["seeds"] == 6
    # standard errors of six seeds: Student's t with 5 degrees of freedom passes 12 with odds 7e-5
    assert abs(rows["cos z1"]["z"]) < 12.0
    # 6 · 32 distinct neurons give the spread to 6 %, and corrections are O(1/√d)
    assert abs(rows["std over neurons, z2"]["relative"]) < 0.35
    assert content["theory"]["eta_giant_step_literature"] == pytest.approx(4.0 * 8.0)
    assert content["theory"]["degree"] == 1
    assert study.cloud.shape[1] == 2


def test_step_in_the_quadratic_regime():
    d = 64
    study = study_step(problem_of("z1*z2", n=d**2, d=d, width=256, noise=0.0), seeds=3, workers=1)
    rows = {r.quantity: r for r in study.rows()}
    assert study.law is None
    assert study.degree == 2
    # every batch shares fluctuations of O(1/√d) in cos²
    assert abs(rows["cos² gradient, subspace"].relative) < 0.12
    assert study.limit == pytest.approx(0.4506, abs=1e-3)  # the ols value at δ₂ = 1
    with pytest.raises(ValueError, match="`steps` must be 1 for a study of one step; got 2"):
        study_step(problem_of(), Protocol(steps=2))


def shifted_tanh():
    return Activation(lambda x: math.tanh(x + 1.0), lambda x: 1.0 / math.cosh(x + 1.0) ** 2, name="tanh(x+1)")


def test_an_activation_and_a_target_of_ones_own():
    def g(z):
        return z[:, 0] + z[:, 0] * z[:, 1]

    problem = problem_of(g, activation=shifted_tanh(), n=300, d=60, width=4, eta=2.0)
    study = study_trajectory(problem, Protocol(steps=2, preprocessing="none", start="random"), seeds=2, workers=1)
    content = checked(study)
    assert content["theory"]["numerical_error"]["Q"] > 0.0  # no closed form: quasi-Monte Carlo with its error
    assert np.all(study.distance() < 2.5)
    assert checked(study_step(problem, seeds=2, workers=1))["problem"]["activation"] == "tanh(x+1)"


@pytest.mark.parametrize("second_layer", ["rademacher", "gaussian"])
@pytest.mark.parametrize("start", ["random", "symmetric"])
def test_trajectory(second_layer, start):
    problem = problem_of(n=800, d=200, width=8, second_layer=second_layer, eta=math.sqrt(8))
    protocol = Protocol(steps=3, preprocessing="none", start=start)
    study = study_trajectory(problem, protocol, seeds=3, workers=1, points=2**12)
    assert np.all(study.distance() < 2.2)  # initial overlaps alone are 1
    content = checked(study)
    assert len(content["agreement"]) == 3 * 2 * 2
    assert content["theory"]["visible_dimensions"] == [1, 2]


def test_trajectory_alone_with_test_errors():
    problem = problem_of(n=600, d=100, width=300, eta=17.0)
    protocol = Protocol(steps=2, preprocessing="none", start="random", interacting=False)
    content = checked(study_trajectory(problem, protocol, seeds=2, workers=1, refit=True))
    assert np.shape(content["simulation"]["test_error"])[:2] == (3, 1)
    assert [f["value"] for f in content["theory"]["floors"]] == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)
    with pytest.raises(ValueError, match="`width` must be at most 200 for the state evolution of interacting neurons"):
        study_trajectory(problem, Protocol(preprocessing="none", start="random"))
    with pytest.raises(ValueError, match="`preprocessing` must be none for state evolution; got ols"):
        study_trajectory(problem.replace(n=10000), Protocol(start="random"))


def test_neurons_are_ordered_by_their_second_layer_alone():
    generator = np.random.default_rng(0)
    half = generator.standard_normal(5)
    a = np.concatenate([half, -half])
    order = _order(a, True)
    assert np.all(a[order][:5] > 0.0)
    np.testing.assert_array_equal(a[order][:5], -a[order][5:])
    np.testing.assert_array_equal((order[:5] + 5) % 10, order[5:])  # pairs stay pairs
    assert np.all(np.diff(a[_order(a, False)]) >= 0.0)


def test_curve_is_continued_from_its_checkpoint(tmp_path):
    problem = problem_of("z + He2(z)", n=1000, d=40, width=60, eta=None, alpha=0.5, scale=10.0)
    path = str(tmp_path / "curve.json")
    options = {"exponents": (1.4, 1.8), "workers": 1, "seed": 3, "test_samples": 512}
    first = study_curve(problem, seeds=1, checkpoint=path, **options)
    both = study_curve(problem, seeds=2, checkpoint=path, **options)
    fresh = study_curve(problem, seeds=2, **options)
    assert len(json.loads((tmp_path / "curve.json").read_text())["units"]) == 4
    assert both.runs[0] == first.runs[0]
    content = checked(both)
    assert content == checked(fresh)
    assert content["simulation"]["n"] == [175, 765]
    assert content["problem"]["ridge"] == [60 / 765]
    with pytest.raises(ValueError, match=r"`checkpoint` must belong to the same run; .* with penalty"):
        study_curve(problem, seeds=1, checkpoint=path, penalty=2.0, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": 0.0}, "`penalty` must be positive and finite; got 0.0"),
        ({"readout": "moments"}, "`readout` must be one of exact, ols, none; got 'moments'"),
        ({"exponents": (5.0,)}, r"`exponents` must be in \(0, 4\]; got 5.0"),
        ({"exponents": (1.0,)}, "`exponents` must leave an ols fit more than d . 2 = 102 samples; got n = 100"),
        ({"seeds": 0}, "`seeds` must be an integer of at least 1; got 0"),
        ({}, r"`n` must be larger than d\^1.3 = 398; got 390"),
    ],
)
def test_bad_input_of_the_curve(options, message):
    with pytest.raises(ValueError, match=message):
        study_curve(problem_of(n=390), **options)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [pytest.param(1.75, 0.1146, marks=pytest.mark.study), pytest.param(2.0, 0.0749, marks=pytest.mark.slow)],
)
def test_predicted_learning_curve(exponent, expected):
    problem = Problem(n=2**14, d=128, width=512, target=HE124X2, alpha=0.5, scale=10.0, noise=0.0, centered=False)
    study = study_curve(problem, exponents=(exponent,), readout="exact", seeds=4, workers=2)
    step, features = study.measured("one_step")[0], study.measured("random_features")[0]
    # seeds scatter by 0.006; the prediction is good to 4 %, and the power of 65,536 test labels, whose squares have a
    # standard deviation of nine times their mean, to 2 %
    assert step.mean == pytest.approx(expected, abs=0.015)
    assert step.mean == pytest.approx(study.theory["one_step"][0], rel=0.04, abs=3.0 * step.sem)
    assert features.mean == pytest.approx(study.theory["random_features"][0], rel=0.04)
